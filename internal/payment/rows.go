package payment

import (
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

var methodTable = db.NewTable("payment_method", db.Int("account_id"), db.Int("id"), db.Int("customer_id"), db.Text("gateway"), db.Text("token"),
	db.Text("kind"), db.Text("brand"), db.Text("last_four"), db.Int("expires"), db.Text("fingerprint"), db.Text("country"),
	db.Text("state"), db.NullInt("notice_at"), db.Int("created_at"), db.Int("version"))

const methodColumns = "id, customer_id, gateway, token, kind, brand, last_four, expires, fingerprint, country, state, notice_at, created_at, version"

// InsertMethods writes new payment methods.
func InsertMethods(tx *db.Tx, list []Method) error {
	return tx.Insert(methodTable, len(list), func(i int, r *db.Row) {
		m := &list[i]
		r.Int(int64(m.Account))
		r.Int(int64(m.ID))
		r.Int(int64(m.Customer))
		r.Text(m.Gateway)
		r.Text(m.Token)
		r.Text(m.Kind)
		r.Text(m.Brand)
		r.Text(m.LastFour)
		r.Int(m.Expires)
		r.Text(m.Fingerprint)
		r.Text(m.Country)
		r.Text(string(m.State))
		r.Time(m.NoticeAt)
		r.Time(m.CreatedAt)
		r.Int(1)
	})
}

// SaveMethod writes what the networks changed of a method over the version that was
// loaded.
func SaveMethod(tx *db.Tx, m Method) error {
	n, err := tx.Exec(`update payment_method set brand = $4, last_four = $5, expires = $6, fingerprint = $7, country = $8, notice_at = $9, version = version + 1
		where account_id = $1 and id = $2 and version = $3`, m.Account, m.ID, m.Version, m.Brand, m.LastFour, m.Expires, m.Fingerprint, m.Country, db.Time(m.NoticeAt))
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

// MethodsByToken are the methods that a gateway knows by a token: one, unless the same
// was saved twice.
func MethodsByToken(tx *db.Tx, account id.Account, gateway, token string) ([]Method, error) {
	return methods(tx, account, "and gateway = $2 and token = $3 order by id limit 100", gateway, token)
}

// DetachMethod makes a method unusable over the version that was loaded.
func DetachMethod(tx *db.Tx, m Method) error {
	n, err := tx.Exec("update payment_method set state = 'detached', notice_at = null, version = version + 1 where account_id = $1 and id = $2 and version = $3",
		m.Account, m.ID, m.Version)
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func methods(tx *db.Tx, account id.Account, where string, args ...any) ([]Method, error) {
	var list []Method
	err := tx.Each(func(row db.Scan) error {
		m := Method{Account: account}
		err := row(&m.ID, &m.Customer, &m.Gateway, &m.Token, &m.Kind, &m.Brand, &m.LastFour, &m.Expires, &m.Fingerprint, &m.Country, &m.State,
			db.ScanTime(&m.NoticeAt), db.ScanTime(&m.CreatedAt), &m.Version)
		list = append(list, m)
		return err
	}, "select "+methodColumns+" from payment_method where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadMethod is one payment method of the account, or NotFound.
func LoadMethod(tx *db.Tx, account id.Account, method id.Method) (Method, error) {
	list, err := methods(tx, account, "and id = $2"+tx.Lock(), method)
	if err == nil && len(list) == 0 {
		return Method{}, fault.New(fault.NotFound, "there is no payment method with that id")
	}
	if err != nil {
		return Method{}, err
	}
	return list[0], nil
}

// Methods are a customer's payment methods, newest first.
func Methods(tx *db.Tx, account id.Account, customer id.Customer) ([]Method, error) {
	return methods(tx, account, "and customer_id = $2 order by id desc limit 100", customer)
}

// Same are the methods of the account that are the same cards or accounts as one of the
// fingerprints says, whoever saved them and how often.
func Same(tx *db.Tx, account id.Account, fingerprints []string) ([]Method, error) {
	if len(fingerprints) == 0 {
		return nil, nil
	}
	return methods(tx, account, "and fingerprint <> '' and "+tx.AnyOf("fingerprint", 2), tx.ListText(fingerprints))
}

// MethodsByID are those of the methods that the account has.
func MethodsByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Method]Method, error) {
	list, err := methods(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Method]Method, len(list))
	for _, m := range list {
		found[m.ID] = m
	}
	return found, err
}

// ToTell is up to limit methods whose customer is to be told by now that they expire, the
// longest due first.
func ToTell(tx *db.Tx, account id.Account, now time.Time, limit int) ([]Method, error) {
	return methods(tx, account, "and notice_at is not null and notice_at <= $2 order by notice_at, id limit $3", clock.Micros(now), limit)
}

// SaveTold writes when the customer is told next that methods expire, each over the
// version that was loaded, and returns the places of those that had another one.
func SaveTold(tx *db.Tx, list []Method) ([]int, error) {
	return tx.Update(methodTable, []string{"notice_at"}, len(list), func(i int, r *db.Row) {
		m := &list[i]
		r.Int(int64(m.Account))
		r.Int(int64(m.ID))
		r.Int(m.Version)
		r.Time(m.NoticeAt)
	})
}

// NextNotice is the earliest instant at which a customer is to be told that a method
// expires, zero when none is.
func NextNotice(tx *db.Tx, account id.Account) (time.Time, error) {
	var at time.Time
	err := tx.Each(func(row db.Scan) error { return row(db.ScanTime(&at)) },
		"select notice_at from payment_method where account_id = $1 and notice_at is not null order by notice_at, id limit 1", account)
	return at, err
}

var paymentTable = db.NewTable("payment", db.Int("account_id"), db.Int("id"), db.Int("invoice_id"), db.Int("customer_id"), db.Int("method_id"),
	db.Text("gateway"), db.Int("attempt"), db.Text("state"), db.Int("amount"), db.Text("currency"), db.Int("refunded"), db.Text("gateway_ref"),
	db.Text("decline_code"), db.Text("decline_class"), db.NullInt("ask_at"), db.Int("created_at"), db.NullInt("settled_at"), db.Bool("by_hand"),
	db.Text("waits"), db.Text("trouble"), db.Int("version"))

const paymentColumns = `id, invoice_id, customer_id, method_id, gateway, attempt, state, amount, currency, refunded, gateway_ref,
	decline_code, decline_class, ask_at, created_at, settled_at, by_hand, waits, trouble, version`

// Insert writes new payments. A second one that is pending or succeeded for the
// same invoice is a unique violation.
func Insert(tx *db.Tx, list []Payment) error {
	return tx.Insert(paymentTable, len(list), func(i int, r *db.Row) {
		p := &list[i]
		r.Int(int64(p.Account))
		r.Int(int64(p.ID))
		r.Int(int64(p.Invoice))
		r.Int(int64(p.Customer))
		r.Int(int64(p.Method))
		r.Text(p.Gateway)
		r.Int(int64(p.Attempt))
		r.Text(string(p.State))
		r.Int(p.Amount.Minor)
		r.Text(string(p.Amount.Currency))
		r.Int(p.Refunded)
		r.Text(p.Reference)
		r.Text(p.DeclineCode)
		r.Text(string(p.Class))
		r.Time(p.AskAt)
		r.Time(p.CreatedAt)
		r.Time(p.SettledAt)
		r.Bool(p.ByHand)
		r.Text(string(p.Waits))
		r.Text(p.Trouble)
		r.Int(1)
		p.Version = 1
	})
}

var paymentSettled = []string{"state", "gateway_ref", "decline_code", "decline_class", "ask_at", "settled_at", "waits", "trouble"}

// Save writes what a settlement changed, each over the version that was loaded,
// and returns the places of those that had another version.
func Save(tx *db.Tx, list []Payment) ([]int, error) {
	return tx.Update(paymentTable, paymentSettled, len(list), func(i int, r *db.Row) {
		p := &list[i]
		r.Int(int64(p.Account))
		r.Int(int64(p.ID))
		r.Int(p.Version)
		r.Text(string(p.State))
		r.Text(p.Reference)
		r.Text(p.DeclineCode)
		r.Text(string(p.Class))
		r.Time(p.AskAt)
		r.Time(p.SettledAt)
		r.Text(string(p.Waits))
		r.Text(p.Trouble)
	})
}

func payments(tx *db.Tx, account id.Account, query string, args ...any) ([]Payment, error) {
	var list []Payment
	err := tx.Each(func(row db.Scan) error {
		p := Payment{Account: account}
		err := row(&p.ID, &p.Invoice, &p.Customer, &p.Method, &p.Gateway, &p.Attempt, &p.State, &p.Amount.Minor, &p.Amount.Currency, &p.Refunded,
			&p.Reference, &p.DeclineCode, &p.Class, db.ScanTime(&p.AskAt), db.ScanTime(&p.CreatedAt), db.ScanTime(&p.SettledAt), &p.ByHand, &p.Waits, &p.Trouble, &p.Version)
		list = append(list, p)
		return err
	}, query, append([]any{account}, args...)...)
	return list, err
}

// Load is one payment of the account, or NotFound.
func Load(tx *db.Tx, account id.Account, payment id.Payment) (Payment, error) {
	list, err := payments(tx, account, "select "+paymentColumns+" from payment where account_id = $1 and id = $2"+tx.Lock(), payment)
	if err == nil && len(list) == 0 {
		return Payment{}, fault.New(fault.NotFound, "there is no payment with that id")
	}
	if err != nil {
		return Payment{}, err
	}
	return list[0], nil
}

// ByID are those of the payments that the account has.
func ByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Payment]Payment, error) {
	list, err := payments(tx, account, "select "+paymentColumns+" from payment where account_id = $1 and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Payment]Payment, len(list))
	for _, p := range list {
		found[p.ID] = p
	}
	return found, err
}

// List is the account's payments older than before, newest first.
func List(tx *db.Tx, account id.Account, before id.Payment, limit int) ([]Payment, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return payments(tx, account, "select "+paymentColumns+" from payment where account_id = $1 and id < $2 order by id desc limit $3", last, limit)
}

// OfInvoices are all payments of invoices, oldest first within each.
func OfInvoices(tx *db.Tx, account id.Account, invoices []int64) (map[id.Invoice][]Payment, error) {
	list, err := payments(tx, account, "select "+paymentColumns+" from payment where account_id = $1 and state in ('pending', 'succeeded') and "+tx.AnyOf("invoice_id", 2)+
		" union all select "+paymentColumns+" from payment where account_id = $1 and state = 'declined' and "+tx.AnyOf("invoice_id", 2)+" order by 1", tx.List(invoices))
	found := make(map[id.Invoice][]Payment, len(invoices))
	for _, p := range list {
		found[p.Invoice] = append(found[p.Invoice], p)
	}
	return found, err
}

// Decline is one charge that was refused.
type Decline struct {
	Method id.Method
	Amount money.Amount
	At     time.Time
}

// Declines are those of payment methods since an instant, oldest first within each.
func Declines(tx *db.Tx, account id.Account, methods []int64, since time.Time) ([]Decline, error) {
	if len(methods) == 0 {
		return nil, nil
	}
	var list []Decline
	err := tx.Each(func(row db.Scan) error {
		var d Decline
		err := row(&d.Method, &d.Amount.Minor, &d.Amount.Currency, db.ScanTime(&d.At))
		list = append(list, d)
		return err
	}, "select method_id, amount, currency, settled_at from payment where account_id = $1 and state = 'declined' and "+tx.AnyOf("method_id", 2)+
		" and settled_at > $3 order by method_id, settled_at", account, tx.List(methods), clock.Micros(since))
	return list, err
}

// ToAsk are payments and their due instants whose outcome must be asked for by
// now, the longest due first.
func ToAsk(tx *db.Tx, account id.Account, now int64, limit int) ([]Payment, error) {
	return payments(tx, account, "select "+paymentColumns+" from payment where account_id = $1 and ask_at is not null and ask_at <= $2 order by ask_at, id limit $3", now, limit)
}

// ForPeople are the account's payments that wait for a person, older than before,
// newest first.
func ForPeople(tx *db.Tx, account id.Account, before id.Payment, limit int) ([]Payment, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return payments(tx, account, "select "+paymentColumns+" from payment where account_id = $1 and waits <> '' and waits = 'person' and id < $2 order by id desc limit $3", last, limit)
}

// RefundsForPeople are the account's refunds that wait for a person, older than before,
// newest first.
func RefundsForPeople(tx *db.Tx, account id.Account, before id.Refund, limit int) ([]Refund, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return refunds(tx, account, "and waits <> '' and waits = 'person' and id < $2 order by id desc limit $3", last, limit)
}

// ForPeopleAt are the payments that wait for a person, and those that a bank is waited for at the gateways named: of
// gateways at which people say what arrived.
func ForPeopleAt(tx *db.Tx, account id.Account, gateways []string, before id.Payment, limit int) ([]Payment, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return payments(tx, account, "select "+paymentColumns+" from payment where account_id = $1 and waits <> '' and id < $2 and (waits = 'person' or waits = 'processing' and "+tx.AnyOf("gateway", 3)+
		") order by id desc limit $4", last, tx.ListText(gateways), limit)
}

// ByReference are the payments that a gateway knows by a reference.
func ByReference(tx *db.Tx, account id.Account, gateway, reference string) ([]Payment, error) {
	return payments(tx, account, "select "+paymentColumns+" from payment where account_id = $1 and gateway = $2 and gateway_ref = $3 and gateway_ref <> '' order by id limit 10", gateway, reference)
}

// PromiseRefund takes amount off what a payment can still give back, and reports
// whether it could.
func PromiseRefund(tx *db.Tx, p Payment, amount int64) (bool, error) {
	n, err := tx.Exec(`update payment set refunded = refunded + $3, version = version + 1
		where account_id = $1 and id = $2 and state = 'succeeded' and refunded + $3 <= amount`, p.Account, p.ID, amount)
	return n == 1, err
}

// ReturnRefund gives back what a failed refund had taken.
func ReturnRefund(tx *db.Tx, account id.Account, payment id.Payment, amount int64) error {
	_, err := tx.Exec("update payment set refunded = refunded - $3, version = version + 1 where account_id = $1 and id = $2", account, payment, amount)
	return err
}

const refundColumns = "id, payment_id, invoice_id, amount, currency, state, reason, gateway_ref, failure, waits, asked_by, recorded, ask_at, created_at, settled_at, version"

// InsertRefund writes a new refund.
func InsertRefund(tx *db.Tx, r Refund) error {
	_, err := tx.Exec(`insert into refund (account_id, id, payment_id, invoice_id, amount, currency, state, reason, gateway_ref, failure, waits, asked_by, recorded, ask_at, created_at, settled_at, version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, null, 1)`,
		r.Account, r.ID, r.Payment, r.Invoice, r.Amount.Minor, r.Amount.Currency, r.State, r.Reason, r.Reference, r.Failure, r.Waits, r.AskedBy, r.Recorded, db.Time(r.AskAt), clock.Micros(r.CreatedAt))
	return err
}

// SaveRefund writes what a settlement changed over the version that was loaded.
func SaveRefund(tx *db.Tx, r Refund) error {
	n, err := tx.Exec(`update refund set state = $4, gateway_ref = $5, failure = $6, ask_at = $7, settled_at = $8, waits = $9, version = version + 1
		where account_id = $1 and id = $2 and version = $3`, r.Account, r.ID, r.Version, r.State, r.Reference, r.Failure, db.Time(r.AskAt), db.Time(r.SettledAt), r.Waits)
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func refunds(tx *db.Tx, account id.Account, where string, args ...any) ([]Refund, error) {
	var list []Refund
	err := tx.Each(func(row db.Scan) error {
		r := Refund{Account: account}
		err := row(&r.ID, &r.Payment, &r.Invoice, &r.Amount.Minor, &r.Amount.Currency, &r.State, &r.Reason, &r.Reference, &r.Failure, &r.Waits, &r.AskedBy, &r.Recorded,
			db.ScanTime(&r.AskAt), db.ScanTime(&r.CreatedAt), db.ScanTime(&r.SettledAt), &r.Version)
		list = append(list, r)
		return err
	}, "select "+refundColumns+" from refund where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadRefund is one refund of the account, or NotFound.
func LoadRefund(tx *db.Tx, account id.Account, refund id.Refund) (Refund, error) {
	list, err := refunds(tx, account, "and id = $2"+tx.Lock(), refund)
	if err == nil && len(list) == 0 {
		return Refund{}, fault.New(fault.NotFound, "there is no refund with that id")
	}
	if err != nil {
		return Refund{}, err
	}
	return list[0], nil
}

// Refunds are the account's refunds older than before, newest first.
func Refunds(tx *db.Tx, account id.Account, before id.Refund, limit int) ([]Refund, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return refunds(tx, account, "and id < $2 order by id desc limit $3", last, limit)
}

// RefundsOf are the refunds of a payment, oldest first.
func RefundsOf(tx *db.Tx, account id.Account, payment id.Payment) ([]Refund, error) {
	return refunds(tx, account, "and payment_id = $2 order by id", payment)
}

// RefundsToAsk are refunds whose outcome must be asked for by now.
func RefundsToAsk(tx *db.Tx, account id.Account, now int64, limit int) ([]Refund, error) {
	return refunds(tx, account, "and ask_at is not null and ask_at <= $2 order by ask_at, id limit $3", now, limit)
}

// RefundedBy is how many minor units of a currency somebody has asked to give back
// since an instant; what the gateway refused does not count.
func RefundedBy(tx *db.Tx, account id.Account, who string, c money.Currency, since time.Time) (int64, error) {
	var sum int64
	err := tx.One([]any{&sum}, `select cast(coalesce(sum(amount), 0) as bigint) from refund
		where account_id = $1 and asked_by = $2 and created_at >= $3 and currency = $4 and state <> 'failed'`, account, who, clock.Micros(since), c)
	return sum, err
}

// Totals are sums of what went through, by currency: the payments and the refunds.
func Totals(tx *db.Tx, account id.Account) (paid, refunded map[money.Currency]int64, err error) {
	paid, refunded = map[money.Currency]int64{}, map[money.Currency]int64{}
	add := func(into map[money.Currency]int64) func(db.Scan) error {
		return func(row db.Scan) error {
			var c money.Currency
			var sum int64
			err := row(&c, &sum)
			into[c] = sum
			return err
		}
	}
	err = tx.Each(add(paid), "select currency, cast(sum(amount) as bigint) from payment where account_id = $1 and state = 'succeeded' group by currency", account)
	if err != nil {
		return nil, nil, err
	}
	err = tx.Each(add(refunded), "select currency, cast(sum(amount) as bigint) from refund where account_id = $1 and state = 'succeeded' group by currency", account)
	return paid, refunded, err
}

// NextAskDue is the earliest instant at which the outcome of a payment or refund
// must be asked for, zero when none.
func NextAskDue(tx *db.Tx, account id.Account) (time.Time, error) {
	return earliest(tx, account,
		"select ask_at from payment where account_id = $1 and ask_at is not null order by ask_at, id limit 1",
		"select ask_at from refund where account_id = $1 and ask_at is not null order by ask_at, id limit 1")
}

// earliest is the first of the instants that some queries about an account find, zero
// when they find none.
func earliest(tx *db.Tx, account id.Account, queries ...string) (time.Time, error) {
	var first time.Time
	for _, query := range queries {
		var at time.Time
		if err := tx.Each(func(row db.Scan) error { return row(db.ScanTime(&at)) }, query, account); err != nil {
			return at, err
		}
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first, nil
}

// Movement is a payment or refund as a gateway's books would have it.
type Movement struct {
	Key       string
	Reference string
	Refund    bool
	State     State
	ByHand    bool // a person said what became of it
	Amount    money.Amount
	CreatedAt time.Time
}

func (p Payment) movement() Movement {
	return Movement{Key: p.Key(), Reference: p.Reference, State: p.State, ByHand: p.Trouble == ByHand, Amount: p.Amount, CreatedAt: p.CreatedAt}
}

func (r Refund) movement() Movement {
	return Movement{Key: r.Key(), Reference: r.Reference, Refund: true, State: r.State, Amount: r.Amount, CreatedAt: r.CreatedAt}
}

// movementsPage is how many rows one reading holds.
const movementsPage = 1000

// Movements are the payments and refunds at a gateway that were created since an instant,
// zero for all.
func Movements(tx *db.Tx, account id.Account, gateway string, since time.Time) ([]Movement, error) {
	var found []Movement
	before, more := int64(1<<63-1), true
	for more {
		list, err := payments(tx, account, "select "+paymentColumns+" from payment where account_id = $1 and id < $2 order by id desc limit $3", before, movementsPage)
		if err != nil {
			return nil, err
		}
		more = len(list) == movementsPage
		for _, p := range list {
			before = int64(p.ID)
			if p.CreatedAt.Before(since) {
				more = false
				continue
			}
			if p.Gateway == gateway {
				found = append(found, p.movement())
			}
		}
	}
	before, more = 1<<63-1, true
	for more {
		list, err := refunds(tx, account, "and id < $2 order by id desc limit $3", before, movementsPage)
		if err != nil {
			return nil, err
		}
		more = len(list) == movementsPage
		of, err := gatewaysOf(tx, account, list)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			before = int64(r.ID)
			if r.CreatedAt.Before(since) {
				more = false
				continue
			}
			if p := of[r.Payment]; p.Gateway == gateway {
				m := r.movement()
				m.ByHand = p.Trouble == ByHand || r.Recorded
				found = append(found, m)
			}
		}
	}
	return found, nil
}

// gatewaysOf are refunds' payments, with their gateways and whether a person settled them.
func gatewaysOf(tx *db.Tx, account id.Account, list []Refund) (map[id.Payment]Payment, error) {
	ids := make([]int64, len(list))
	for i, r := range list {
		ids[i] = int64(r.Payment)
	}
	found := map[id.Payment]Payment{}
	err := tx.Each(func(row db.Scan) error {
		var p Payment
		err := row(&p.ID, &p.Gateway, &p.Trouble)
		found[p.ID] = p
		return err
	}, "select id, gateway, trouble from payment where account_id = $1 and "+tx.AnyOf("id", 2), account, tx.List(ids))
	return found, err
}

// MovementOf is the payment or refund with a key, with State "" when there is none.
func MovementOf(tx *db.Tx, account id.Account, key string) (Movement, error) {
	if named, err := id.Parse[id.Payment](key); err == nil {
		p, err := Load(tx, account, named)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return Movement{}, err
		}
		return p.movement(), nil
	}
	if named, err := id.Parse[id.Refund](key); err == nil {
		r, err := LoadRefund(tx, account, named)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return Movement{}, err
		}
		return r.movement(), nil
	}
	return Movement{}, nil
}

// After is the ids of up to limit payments that came after one, oldest first.
func After(tx *db.Tx, account id.Account, after id.Payment, limit int) ([]id.Payment, error) {
	var list []id.Payment
	err := tx.Each(func(row db.Scan) error {
		var v id.Payment
		err := row(&v)
		list = append(list, v)
		return err
	}, "select id from payment where account_id = $1 and id > $2 order by id limit $3", account, after, limit)
	return list, err
}

// MethodsAfter is the ids of up to limit payment methods that came after one, oldest first.
func MethodsAfter(tx *db.Tx, account id.Account, after id.Method, limit int) ([]id.Method, error) {
	var list []id.Method
	err := tx.Each(func(row db.Scan) error {
		var v id.Method
		err := row(&v)
		list = append(list, v)
		return err
	}, "select id from payment_method where account_id = $1 and id > $2 order by id limit $3", account, after, limit)
	return list, err
}
