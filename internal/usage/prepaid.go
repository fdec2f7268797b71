package usage

import (
	"cmp"
	"slices"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Prepaid is what a customer has left of the units of a meter that were bought ahead.
type Prepaid struct {
	Account    id.Account
	Customer   id.Customer
	Meter      id.Meter
	Balance    int64          // millionths; below zero by what was recorded beyond it
	ChangedAt  time.Time      // the last draw or addition
	TopUpPrice id.Price       // sold again when the balance falls to TopUpAt; 0 for never
	TopUpIn    money.Currency // that it is sold in; "" means the price's own
	TopUpAt    int64          // millionths; of no meaning without TopUpPrice
	TopUpDue   time.Time      // since when a top-up is due, or until when one that is under way has time; zero when none is
	TopUps     int            // how many there were
	Version    int64
}

var prepaidTable = db.NewTable("prepaid", db.Int("account_id"), db.Int("customer_id"), db.Int("meter_id"), db.Int("balance"), db.Int("changed_at"),
	db.NullInt("top_up_at"), db.NullInt("top_up_price_id"), db.NullText("top_up_currency"), db.NullInt("top_up_due_at"), db.Int("top_ups"), db.Int("version"))

func (p *Prepaid) fill(r *db.Row) {
	r.Int(int64(p.Account))
	r.Int(int64(p.Customer))
	r.Int(int64(p.Meter))
	r.Int(p.Balance)
	r.Time(p.ChangedAt)
	r.NullInt(p.TopUpAt, p.TopUpPrice != 0)
	r.NullInt(int64(p.TopUpPrice), p.TopUpPrice != 0)
	r.NullText(string(p.TopUpIn), p.TopUpIn != "")
	r.Time(p.TopUpDue)
	r.Int(int64(p.TopUps))
	r.Int(1)
}

func comparePrepaid(a, b *Prepaid) int {
	return cmp.Or(cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Meter, b.Meter))
}

// Units are units of a customer.
type Units struct {
	Customer id.Customer
	Meter    id.Meter
	Micros   int64 // millionths
}

// Draw takes units from balances, exactly and whoever draws at the same time; below
// zero gives back. A balance that falls to its top-up mark while none is due or under
// way becomes due at now.
func Draw(tx *db.Tx, account id.Account, list []Units, now time.Time) error {
	sums := map[Units]*Prepaid{} // without Micros
	var rows []*Prepaid
	for _, u := range list {
		k := Units{Customer: u.Customer, Meter: u.Meter}
		p := sums[k]
		if p == nil {
			p = &Prepaid{Account: account, Customer: u.Customer, Meter: u.Meter, ChangedAt: now}
			sums[k] = p
			rows = append(rows, p)
		}
		p.Balance -= u.Micros
	}
	slices.SortFunc(rows, comparePrepaid)
	n, err := tx.Put(prepaidTable, `on conflict (account_id, customer_id, meter_id) do update set
		balance = prepaid.balance + excluded.balance, changed_at = excluded.changed_at,
		top_up_due_at = case when prepaid.top_up_due_at is null and prepaid.top_up_at >= prepaid.balance + excluded.balance
			then excluded.changed_at else prepaid.top_up_due_at end
		where prepaid.balance + excluded.balance between -999999999999000000 and 999999999999000000`,
		len(rows), func(i int, r *db.Row) { rows[i].fill(r) }, nil)
	if err == nil && int(n) < len(rows) {
		return errFull()
	}
	return err
}

func errFull() error {
	return fault.New(fault.Conflict, "a balance of units must stay within 999999999999").WithCode("prepaid_full")
}

// Addition is units that a customer bought or was given.
type Addition struct {
	Units
	// Price is sold again when the balance falls to TopUpAt; 0 leaves what was agreed before.
	Price    id.Price
	Currency money.Currency // that Price is sold in; "" means its own
	TopUpAt  int64          // millionths
	// TopUp says that it is the top-up that was due: one more is counted, and the next one
	// is due when the balance falls again, or after TopUpPause when this did not lift it
	// above the mark.
	TopUp bool
}

// TopUpPause is how long a balance that its top-ups do not lift above the mark is left alone.
const TopUpPause = 24 * time.Hour

// AddPrepaid adds units to balances; below zero takes away. A (customer, meter) stands
// in the list once.
func AddPrepaid(tx *db.Tx, account id.Account, list []Addition, now time.Time) error {
	rows := make([]*Prepaid, len(list))
	for i, a := range list {
		rows[i] = &Prepaid{Account: account, Customer: a.Customer, Meter: a.Meter, Balance: a.Micros, ChangedAt: now, TopUpPrice: a.Price, TopUpIn: a.Currency, TopUpAt: a.TopUpAt}
		if a.TopUp {
			rows[i].TopUps, rows[i].TopUpDue = 1, now.Add(TopUpPause)
		} else if a.Price != 0 && a.Micros <= a.TopUpAt {
			rows[i].TopUpDue = now // of a balance that is new; the others look at what they come to
		}
	}
	slices.SortFunc(rows, comparePrepaid)
	n, err := tx.Put(prepaidTable, `on conflict (account_id, customer_id, meter_id) do update set
		balance = prepaid.balance + excluded.balance, changed_at = excluded.changed_at,
		top_up_at = coalesce(excluded.top_up_at, prepaid.top_up_at), top_up_price_id = coalesce(excluded.top_up_price_id, prepaid.top_up_price_id),
		top_up_currency = case when excluded.top_up_price_id is null then prepaid.top_up_currency else excluded.top_up_currency end,
		top_up_due_at = case when coalesce(excluded.top_up_at, prepaid.top_up_at) < prepaid.balance + excluded.balance then null
			when excluded.top_ups > 0 then excluded.top_up_due_at
			when prepaid.top_up_due_at is null and coalesce(excluded.top_up_at, prepaid.top_up_at) is not null then excluded.changed_at
			else prepaid.top_up_due_at end,
		top_ups = prepaid.top_ups + excluded.top_ups, version = prepaid.version + 1
		where prepaid.balance + excluded.balance between -999999999999000000 and 999999999999000000`,
		len(rows), func(i int, r *db.Row) { rows[i].fill(r) }, nil)
	if err == nil && int(n) < len(rows) {
		return errFull()
	}
	return err
}

func prepaids(tx *db.Tx, account id.Account, where string, args ...any) ([]Prepaid, error) {
	var list []Prepaid
	err := tx.Each(func(row db.Scan) error {
		p := Prepaid{Account: account}
		err := row(&p.Customer, &p.Meter, &p.Balance, db.ScanTime(&p.ChangedAt), db.ScanNull(&p.TopUpAt), db.ScanNull(&p.TopUpPrice), &p.TopUpIn, db.ScanTime(&p.TopUpDue), &p.TopUps, &p.Version)
		list = append(list, p)
		return err
	}, "select customer_id, meter_id, balance, changed_at, top_up_at, top_up_price_id, coalesce(top_up_currency, ''), top_up_due_at, top_ups, version from prepaid where account_id = $1 "+where,
		append([]any{account}, args...)...)
	return list, err
}

// PrepaidOf is what a customer has of each meter.
func PrepaidOf(tx *db.Tx, account id.Account, customer id.Customer) ([]Prepaid, error) {
	return prepaids(tx, account, "and customer_id = $2 order by meter_id", customer)
}

// DueTopUps are up to limit balances for which a top-up is due at now, the longest due
// first. Whoever sells one first moves it with MoveTopUp past the time that he needs, so
// that nobody else does.
func DueTopUps(tx *db.Tx, account id.Account, now time.Time, limit int) ([]Prepaid, error) {
	return prepaids(tx, account, "and top_up_due_at is not null and top_up_due_at <= $2 order by top_up_due_at, customer_id, meter_id limit $3"+tx.Claim(),
		clock.Micros(now), limit)
}

// NextTopUp is the earliest instant at which a top-up falls due, zero when none does.
func NextTopUp(tx *db.Tx, account id.Account) (time.Time, error) {
	list, err := prepaids(tx, account, "and top_up_due_at is not null order by top_up_due_at, customer_id, meter_id limit 1")
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return list[0].TopUpDue, nil
}

// MoveTopUp says when the top-up of a balance falls due (again): later while one is
// under way or after a decline; the zero time for not before the balance falls to its
// mark by another draw. It is a version conflict when somebody else moved it.
func MoveTopUp(tx *db.Tx, p Prepaid, due time.Time) error {
	n, err := tx.Exec("update prepaid set top_up_due_at = $5, version = version + 1 where account_id = $1 and customer_id = $2 and meter_id = $3 and version = $4",
		p.Account, p.Customer, p.Meter, p.Version, db.Time(due))
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}
