package payment

import (
	"encoding/json"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

const gatewayColumns = `id, kind, name, state, settings, secret, is_default, notice_cursor, poll_at, reconcile_at, last_notice_at, last_error, last_error_at, failing_since, outage, created_at, version`

func (s GatewaySettings) text() string {
	b, _ := json.Marshal(s) // texts always marshal
	return string(b)
}

// InsertGateway writes a new gateway account, and whose its address is.
func InsertGateway(tx *db.Tx, g GatewayAccount) error {
	_, err := tx.Exec(`insert into gateway_account (account_id, id, kind, name, state, settings, secret, is_default, notice_cursor, poll_at, reconcile_at,
			last_notice_at, last_error, last_error_at, created_at, version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, null, '', null, $12, 1)`,
		g.Account, g.ID, g.Kind, g.Name, g.State, g.Settings.text(), g.Secret, g.Default, g.Cursor, db.Time(g.PollAt), db.Time(g.Reconcile), clock.Micros(g.CreatedAt))
	if err != nil {
		return err
	}
	_, err = tx.Exec("insert into gateway_address (gateway_id, account_id) values ($1, $2)", g.ID, g.Account)
	return err
}

// SaveGateway writes a gateway account over the version that was loaded.
func SaveGateway(tx *db.Tx, g *GatewayAccount) error {
	n, err := tx.Exec(`update gateway_account set name = $4, state = $5, settings = $6, secret = $7, is_default = $8, poll_at = $9, reconcile_at = $10, version = version + 1
		where account_id = $1 and id = $2 and version = $3`, g.Account, g.ID, g.Version, g.Name, g.State, g.Settings.text(), g.Secret, g.Default, db.Time(g.PollAt), db.Time(g.Reconcile))
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	g.Version++
	return err
}

func gateways(tx *db.Tx, account id.Account, where string, args ...any) ([]GatewayAccount, error) {
	var list []GatewayAccount
	err := tx.Each(func(row db.Scan) error {
		g := GatewayAccount{Account: account}
		var settings string
		err := row(&g.ID, &g.Kind, &g.Name, &g.State, &settings, &g.Secret, &g.Default, &g.Cursor, db.ScanTime(&g.PollAt), db.ScanTime(&g.Reconcile),
			db.ScanTime(&g.Health.LastNotice), &g.Health.LastError, db.ScanTime(&g.Health.LastErrorAt), db.ScanTime(&g.Health.FailingSince), &g.Health.Outage, db.ScanTime(&g.CreatedAt), &g.Version)
		if err != nil {
			return err
		}
		err = json.Unmarshal([]byte(settings), &g.Settings)
		list = append(list, g)
		return err
	}, "select "+gatewayColumns+" from gateway_account where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadGateway is one gateway account, or NotFound.
func LoadGateway(tx *db.Tx, account id.Account, gateway id.GatewayAccount) (GatewayAccount, error) {
	list, err := gateways(tx, account, "and id = $2"+tx.Lock(), gateway)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "there is no gateway account with that id")
	}
	if err != nil {
		return GatewayAccount{}, err
	}
	return list[0], nil
}

// Gateways are the account's gateway accounts older than before, newest first.
func Gateways(tx *db.Tx, account id.Account, before id.GatewayAccount, limit int) ([]GatewayAccount, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return gateways(tx, account, "and id < $2 order by id desc limit $3", last, limit)
}

// DefaultGateway is the account's default gateway account; ok is false when it has none.
func DefaultGateway(tx *db.Tx, account id.Account) (g GatewayAccount, ok bool, err error) {
	list, err := gateways(tx, account, "and is_default")
	if err != nil || len(list) == 0 {
		return GatewayAccount{}, false, err
	}
	return list[0], true, nil
}

// AccountOfGateway is whose a gateway account is, or NotFound.
func AccountOfGateway(tx *db.Tx, gateway id.GatewayAccount) (id.Account, error) {
	var acc id.Account
	err := tx.One([]any{&acc}, "select account_id from gateway_address where gateway_id = $1", gateway)
	if fault.Is(err, fault.NotFound) {
		return 0, fault.New(fault.NotFound, "there is no gateway account with that id")
	}
	return acc, err
}

// GatewaysToPoll are the gateway accounts whose list of notices, or whose books, are
// to be read by now.
func GatewaysToPoll(tx *db.Tx, account id.Account, now time.Time) ([]GatewayAccount, error) {
	return gateways(tx, account, "and poll_at is not null and poll_at <= $2 order by poll_at", clock.Micros(now))
}

// NextGatewayWork is the earliest instant on the machine's clock at which a notice is to
// be worked off or a gateway's list to be read, zero when there is none.
func NextGatewayWork(tx *db.Tx, account id.Account) (time.Time, error) {
	return earliest(tx, account,
		"select next_at from gateway_notice where account_id = $1 and next_at is not null order by next_at, id limit 1",
		"select poll_at from gateway_account where account_id = $1 and poll_at is not null order by poll_at limit 1")
}

// Polled notes how far the list of notices was read, and when it and the books are
// read again. The version stays: nothing that a person decides changed.
func Polled(tx *db.Tx, g GatewayAccount) error {
	_, err := tx.Exec("update gateway_account set notice_cursor = $3, poll_at = $4, reconcile_at = $5 where account_id = $1 and id = $2 and poll_at is not null",
		g.Account, g.ID, g.Cursor, db.Time(g.PollAt), db.Time(g.Reconcile))
	return err
}

// SaveHealth writes how the contacts with a gateway went. The version stays: nothing that a
// person decides changed.
func SaveHealth(tx *db.Tx, g GatewayAccount) error {
	h := g.Health
	_, err := tx.Exec("update gateway_account set last_error = $3, last_error_at = $4, failing_since = $5, outage = $6 where account_id = $1 and id = $2",
		g.Account, g.ID, h.LastError, db.Time(h.LastErrorAt), db.Time(h.FailingSince), h.Outage)
	return err
}

// NoteNotice notes when the last notice of a gateway came.
func NoteNotice(tx *db.Tx, account id.Account, gateway id.GatewayAccount, now time.Time) error {
	_, err := tx.Exec("update gateway_account set last_notice_at = $3 where account_id = $1 and id = $2", account, gateway, clock.Micros(now))
	return err
}

var noticeTable = db.NewTable("gateway_notice", db.Int("account_id"), db.Int("id"), db.Text("gateway"), db.Text("notice_id"), db.Text("kind"), db.Text("type"), db.Text("key"),
	db.Text("reference"), db.Text("body"), db.Int("happened_at"), db.Int("received_at"), db.Text("state"), db.Int("tries"), db.NullInt("next_at"), db.Text("failure"))

const noticeColumns = "id, gateway, notice_id, kind, type, key, reference, body, happened_at, received_at, state, tries, next_at, failure"

// KeepNotices writes the notices that are new, and tells how many they were.
func KeepNotices(tx *db.Tx, list []Told) (int, error) {
	return tx.InsertIgnore(noticeTable, len(list), func(i int, r *db.Row) {
		t := &list[i]
		r.Int(int64(t.Account))
		r.Int(int64(t.Row))
		r.Text(t.Gateway)
		r.Text(t.ID)
		r.Text(string(t.Kind))
		r.Text(t.Type)
		r.Text(t.Key)
		r.Text(t.Reference)
		r.Text(t.Body)
		r.Time(t.At)
		r.Time(t.ReceivedAt)
		r.Text(string(t.State))
		r.Int(int64(t.Tries))
		r.Time(t.NextAt)
		r.Text(t.Failure)
	})
}

func notices(tx *db.Tx, account id.Account, where string, args ...any) ([]Told, error) {
	var list []Told
	err := tx.Each(func(row db.Scan) error {
		t := Told{Account: account}
		err := row(&t.Row, &t.Gateway, &t.ID, &t.Kind, &t.Type, &t.Key, &t.Reference, &t.Body, db.ScanTime(&t.At), db.ScanTime(&t.ReceivedAt), &t.State, &t.Tries,
			db.ScanTime(&t.NextAt), &t.Failure)
		list = append(list, t)
		return err
	}, "select "+noticeColumns+" from gateway_notice where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadNotice is one stored notice, or NotFound.
func LoadNotice(tx *db.Tx, account id.Account, notice id.GatewayNotice) (Told, error) {
	list, err := notices(tx, account, "and id = $2"+tx.Lock(), notice)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "there is no notice of a gateway with that id")
	}
	if err != nil {
		return Told{}, err
	}
	return list[0], nil
}

// Notices are the stored notices older than before, newest first.
func Notices(tx *db.Tx, account id.Account, before id.GatewayNotice, limit int) ([]Told, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return notices(tx, account, "and id < $2 order by id desc limit $3", last, limit)
}

// NoticesDue are the notices to be worked off by now, the longest due first.
func NoticesDue(tx *db.Tx, account id.Account, now time.Time, limit int) ([]Told, error) {
	return notices(tx, account, "and next_at is not null and next_at <= $2 order by next_at, id limit $3", clock.Micros(now), limit)
}

// HoldNotice keeps others from a notice until an instant. It reports whether it was
// still as it had been loaded.
func HoldNotice(tx *db.Tx, t Told, until time.Time) (bool, error) {
	n, err := tx.Exec("update gateway_notice set next_at = $3 where account_id = $1 and id = $2 and next_at = $4", t.Account, t.Row, clock.Micros(until), clock.Micros(t.NextAt))
	return n == 1, err
}

// SaveNotice writes how far a notice is.
func SaveNotice(tx *db.Tx, t Told) error {
	_, err := tx.Exec("update gateway_notice set state = $3, tries = $4, next_at = $5, failure = $6 where account_id = $1 and id = $2",
		t.Account, t.Row, t.State, int64(t.Tries), db.Time(t.NextAt), t.Failure)
	return err
}

// LastNotice is the gateway's own id of the newest stored notice of a gateway, "" when
// there is none.
func LastNotice(tx *db.Tx, account id.Account, gateway string) (string, error) {
	var last string
	err := tx.One([]any{&last}, "select coalesce(max(notice_id), '') from gateway_notice where account_id = $1 and gateway = $2", account, gateway)
	return last, err
}

// ForgetNotices removes notices that were worked off and came before an instant.
func ForgetNotices(tx *db.Tx, account id.Account, before time.Time) (int64, error) {
	return tx.Exec("delete from gateway_notice where account_id = $1 and received_at < $2 and state = 'done'", account, clock.Micros(before))
}

// ExpectNews notes when a gateway that lives on the account's clock has something to
// tell.
func ExpectNews(tx *db.Tx, account id.Account, at time.Time) error {
	_, err := tx.Exec("insert into gateway_news (account_id, at) values ($1, $2) on conflict do nothing", account, clock.Micros(at))
	return err
}

// NextNews is when the next is expected, zero when none is.
func NextNews(tx *db.Tx, account id.Account) (time.Time, error) {
	var at time.Time
	err := tx.Each(func(row db.Scan) error { return row(db.ScanTime(&at)) }, "select at from gateway_news where account_id = $1 order by at limit 1", account)
	return at, err
}

// NewsCame forgets what was expected up to an instant.
func NewsCame(tx *db.Tx, account id.Account, upTo time.Time) error {
	_, err := tx.Exec("delete from gateway_news where account_id = $1 and at <= $2", account, clock.Micros(upTo))
	return err
}

const disputeColumns = `id, payment_id, invoice_id, customer_id, gateway, reference, amount, currency, reason, state, booked, evidence_by, opened_at, closed_at, version`

// InsertDispute writes a new dispute.
func InsertDispute(tx *db.Tx, d Dispute) error {
	_, err := tx.Exec(`insert into dispute (account_id, id, payment_id, invoice_id, customer_id, gateway, reference, amount, currency, reason, state, booked,
			evidence_by, opened_at, closed_at, version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1)`, d.Account, d.ID, d.Payment, d.Invoice, d.Customer, d.Gateway, d.Reference,
		d.Amount.Minor, d.Amount.Currency, d.Reason, d.State, d.Booked, db.Time(d.EvidenceBy), clock.Micros(d.OpenedAt), db.Time(d.ClosedAt))
	return err
}

// SaveDispute writes how far a dispute is, over the version that was loaded.
func SaveDispute(tx *db.Tx, d Dispute) error {
	n, err := tx.Exec(`update dispute set reason = $4, state = $5, booked = $6, evidence_by = $7, closed_at = $8, version = version + 1
		where account_id = $1 and id = $2 and version = $3`, d.Account, d.ID, d.Version, d.Reason, d.State, d.Booked, db.Time(d.EvidenceBy), db.Time(d.ClosedAt))
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func disputes(tx *db.Tx, account id.Account, where string, args ...any) ([]Dispute, error) {
	var list []Dispute
	err := tx.Each(func(row db.Scan) error {
		d := Dispute{Account: account}
		err := row(&d.ID, &d.Payment, &d.Invoice, &d.Customer, &d.Gateway, &d.Reference, &d.Amount.Minor, &d.Amount.Currency, &d.Reason, &d.State, &d.Booked,
			db.ScanTime(&d.EvidenceBy), db.ScanTime(&d.OpenedAt), db.ScanTime(&d.ClosedAt), &d.Version)
		list = append(list, d)
		return err
	}, "select "+disputeColumns+" from dispute where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadDispute is one dispute, or NotFound.
func LoadDispute(tx *db.Tx, account id.Account, dispute id.Dispute) (Dispute, error) {
	list, err := disputes(tx, account, "and id = $2"+tx.Lock(), dispute)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "there is no dispute with that id")
	}
	if err != nil {
		return Dispute{}, err
	}
	return list[0], nil
}

// DisputeByReference is the dispute that a gateway knows by a reference; ok is false
// when there is none.
func DisputeByReference(tx *db.Tx, account id.Account, gateway, reference string) (d Dispute, ok bool, err error) {
	list, err := disputes(tx, account, "and gateway = $2 and reference = $3"+tx.Lock(), gateway, reference)
	if err != nil || len(list) == 0 {
		return Dispute{}, false, err
	}
	return list[0], true, nil
}

// DisputesOf are the disputes of a payment, oldest first.
func DisputesOf(tx *db.Tx, account id.Account, payment id.Payment) ([]Dispute, error) {
	return disputes(tx, account, "and payment_id = $2 order by id", payment)
}

// Disputes are the account's disputes older than before, newest first.
func Disputes(tx *db.Tx, account id.Account, before id.Dispute, limit int) ([]Dispute, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return disputes(tx, account, "and id < $2 order by id desc limit $3", last, limit)
}

// DisputeTotals are the sums of disputed money that is away, by the ledger's book and the
// currency.
func DisputeTotals(tx *db.Tx, account id.Account) (map[string]map[money.Currency]int64, error) {
	sums := map[string]map[money.Currency]int64{}
	err := tx.Each(func(row db.Scan) error {
		var book string
		var c money.Currency
		var sum int64
		err := row(&book, &c, &sum)
		if sums[book] == nil {
			sums[book] = map[money.Currency]int64{}
		}
		sums[book][c] = sum
		return err
	}, "select booked, currency, cast(sum(amount) as bigint) from dispute where account_id = $1 and booked <> '' group by booked, currency", account)
	return sums, err
}
