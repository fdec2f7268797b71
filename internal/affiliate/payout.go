package affiliate

import (
	"encoding/csv"
	"fmt"
	"io"
	"sort"
	"time"

	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
)

// PayoutState is how far a payout is.
type PayoutState string

// The states of a payout.
const (
	Ready   PayoutState = "ready"  // its commissions are set aside; the file can be made
	PaidOut PayoutState = "paid"   // somebody said that the money was sent
	Undone  PayoutState = "undone" // its commissions are owed as before
)

// Payout is what is paid to one affiliate in one run.
type Payout struct {
	ID        id.Payout
	Account   id.Account
	Run       id.Payout // the first payout of its run names it
	Affiliate id.Affiliate
	Amount    money.Amount // above zero
	PayPal    string       // where it goes; "" when the affiliate has given none: then it is in no file
	State     PayoutState
	Reference string // of the transfer, as whoever paid noted it
	CreatedAt time.Time
	PaidAt    time.Time // zero until it is paid
	Version   int64
}

// Share is an affiliate's part of a run: what is due to them, and the commissions that it is.
type Share struct {
	Affiliate id.Affiliate
	Amount    money.Amount
	Parts     []Commission
}

// Divide gives each affiliate what is due to them, in the order of their ids. Who is due
// less than the minimum, or nothing because more was taken back than earned, is left out
// and stays owed.
func Divide(owed []Commission, minimum money.Amount) ([]Share, error) {
	by := map[id.Affiliate]*Share{}
	for _, c := range owed {
		s := by[c.Affiliate]
		if s == nil {
			s = &Share{Affiliate: c.Affiliate, Amount: money.Zero(c.Amount.Currency)}
			by[c.Affiliate] = s
		}
		var err error
		if s.Amount, err = s.Amount.Add(c.Amount); err != nil {
			return nil, err
		}
		s.Parts = append(s.Parts, c)
	}
	list := make([]Share, 0, len(by))
	for _, s := range by {
		if s.Amount.Sign() > 0 && s.Amount.Minor >= minimum.Minor {
			list = append(list, *s)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Affiliate < list[j].Affiliate })
	return list, nil
}

// MaxFileRows is how many payments one file of the payment company may hold.
const MaxFileRows = 5_000

// WritePayPal writes part n (from 0) of a run as a file for PayPal's mass payments: for
// each payout recipient, amount, currency, an id without spaces, a note, and the wallet.
// The payouts are of one currency; those without an address are left out.
func WritePayPal(w io.Writer, list []Payout, n int, note string) error {
	rows := make([]Payout, 0, len(list))
	for _, p := range list {
		if p.PayPal != "" && p.State != Undone {
			rows = append(rows, p)
		}
	}
	from := min(n*MaxFileRows, len(rows))
	out := csv.NewWriter(w)
	for _, p := range rows[from:min(from+MaxFileRows, len(rows))] {
		if err := out.Write([]string{p.PayPal, p.Amount.Major(), string(p.Amount.Currency), p.ID.String(), note, "PAYPAL"}); err != nil {
			return err
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write the payout file: %w", err)
	}
	return nil
}

var payoutTable = db.NewTable("payout", db.Int("account_id"), db.Int("id"), db.Int("run"), db.Int("affiliate_id"), db.Int("amount"), db.Text("currency"),
	db.Text("paypal"), db.Text("state"), db.Text("reference"), db.Int("created_at"), db.NullInt("paid_at"), db.Int("version"))

// InsertPayouts writes payouts.
func InsertPayouts(tx *db.Tx, list []Payout) error {
	return tx.Insert(payoutTable, len(list), func(i int, r *db.Row) {
		p := list[i]
		r.Int(int64(p.Account))
		r.Int(int64(p.ID))
		r.Int(int64(p.Run))
		r.Int(int64(p.Affiliate))
		r.Int(p.Amount.Minor)
		r.Text(string(p.Amount.Currency))
		r.Text(p.PayPal)
		r.Text(string(p.State))
		r.Text(p.Reference)
		r.Time(p.CreatedAt)
		r.Time(p.PaidAt)
		r.Int(1)
	})
}

// SavePayout writes a payout over the version that was loaded.
func SavePayout(tx *db.Tx, p Payout) error {
	return saved(tx.Exec("update payout set state = $4, reference = $5, paid_at = $6, version = version + 1 where account_id = $1 and id = $2 and version = $3",
		p.Account, p.ID, p.Version, p.State, p.Reference, db.Time(p.PaidAt)))
}

func payouts(tx *db.Tx, account id.Account, where string, args ...any) ([]Payout, error) {
	var list []Payout
	err := tx.Each(func(row db.Scan) error {
		p := Payout{Account: account}
		err := row(&p.ID, &p.Run, &p.Affiliate, &p.Amount.Minor, &p.Amount.Currency, &p.PayPal, &p.State, &p.Reference, db.ScanTime(&p.CreatedAt), db.ScanTime(&p.PaidAt), &p.Version)
		list = append(list, p)
		return err
	}, "select id, run, affiliate_id, amount, currency, paypal, state, reference, created_at, paid_at, version from payout where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadPayout is one payout, or NotFound.
func LoadPayout(tx *db.Tx, account id.Account, p id.Payout) (Payout, error) {
	list, err := payouts(tx, account, "and id = $2"+tx.Lock(), p)
	return first(list, err, "payout")
}

// OfRun are the payouts of a run, in their order.
func OfRun(tx *db.Tx, account id.Account, run id.Payout) ([]Payout, error) {
	return payouts(tx, account, "and run = $2 order by id", run)
}

// Payouts are the account's payouts older than before, newest first: of one affiliate, or
// of all for 0.
func Payouts(tx *db.Tx, account id.Account, a id.Affiliate, before id.Payout, limit int) ([]Payout, error) {
	if a != 0 {
		return payouts(tx, account, "and affiliate_id = $2 and id < $3 order by id desc limit $4", a, oldest(int64(before)), limit)
	}
	return payouts(tx, account, "and id < $2 order by id desc limit $3", oldest(int64(before)), limit)
}
