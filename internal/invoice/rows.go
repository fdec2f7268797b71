package invoice

import (
	"encoding/json"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Numbers reserves n numbers of a series and returns the first. They are given
// back when the transaction is undone, so a series has no gap.
func Numbers(tx *db.Tx, account id.Account, series string, n int) (int64, error) {
	var next int64
	err := tx.One([]any{&next}, `insert into invoice_series (account_id, series, next) values ($1, $2, cast($3 as bigint) + 1)
		on conflict (account_id, series) do update set next = invoice_series.next + cast($3 as bigint) returning next`, account, series, n)
	return next - int64(n), err
}

var table = db.NewTable("invoice", db.Int("account_id"), db.Int("id"), db.Int("customer_id"), db.NullInt("subscription_id"), db.NullInt("order_id"),
	db.Text("series"), db.NullInt("number"), db.Text("state"), db.Text("reason"), db.Int("period"), db.Int("part"), db.NullInt("period_from"), db.NullInt("period_to"),
	db.Text("currency"), db.Int("net"), db.Int("tax"), db.Int("total"), db.Int("credit_used"), db.Int("reduced"), db.Int("credited"), db.Int("refunded"), db.Int("seller_profile"), db.Int("buyer_version"),
	db.NullInt("issued_at"), db.NullInt("paid_at"), db.NullInt("voided_at"), db.NullInt("uncollectible_at"), db.Int("created_at"), db.Text("notes"), db.NullInt("method_id"), db.Int("version"))

const columns = `id, customer_id, subscription_id, order_id, series, number, state, reason, period, part, period_from, period_to, currency,
	net, tax, total, credit_used, reduced, credited, refunded, seller_profile, buyer_version, issued_at, paid_at, voided_at, uncollectible_at, created_at, notes, method_id, version`

// Insert writes new invoices. A second one for a (subscription, period, reason) is
// a unique violation.
func Insert(tx *db.Tx, list []Invoice) error {
	return tx.Insert(table, len(list), func(i int, r *db.Row) {
		v := &list[i]
		r.Int(int64(v.Account))
		r.Int(int64(v.ID))
		r.Int(int64(v.Customer))
		r.NullInt(int64(v.Subscription), v.Subscription != 0)
		r.NullInt(int64(v.Order), v.Order != 0)
		r.Text(v.Series)
		r.NullInt(v.Number, v.Number != 0)
		r.Text(string(v.State))
		r.Text(string(v.Reason))
		r.Int(int64(v.Period))
		r.Int(int64(v.Part))
		r.Time(v.Span.From)
		r.Time(v.Span.To)
		r.Text(string(v.Total.Currency))
		r.Int(v.Net.Minor)
		r.Int(v.Tax.Minor)
		r.Int(v.Total.Minor)
		r.Int(v.CreditUsed)
		r.Int(v.Reduced)
		r.Int(v.Credited)
		r.Int(v.Refunded)
		r.Int(v.Seller)
		r.Int(v.Buyer)
		r.Time(v.IssuedAt)
		r.Time(v.PaidAt)
		r.Time(v.VoidedAt)
		r.Time(v.GivenUpAt)
		r.Time(v.CreatedAt)
		r.Text(v.Notes.text())
		r.NullInt(int64(v.Method), v.Method != 0)
		r.Int(1)
		v.Version = 1
	})
}

var changing = []string{"series", "number", "state", "credit_used", "reduced", "credited", "issued_at", "paid_at", "voided_at", "uncollectible_at"}

// Save writes what happened to invoices, each over the version that was loaded,
// raises their versions, and returns the places of those that had another one.
func Save(tx *db.Tx, list []*Invoice) ([]int, error) {
	conflicts, err := tx.Update(table, changing, len(list), func(i int, r *db.Row) {
		v := list[i]
		r.Int(int64(v.Account))
		r.Int(int64(v.ID))
		r.Int(v.Version)
		r.Text(v.Series)
		r.NullInt(v.Number, v.Number != 0)
		r.Text(string(v.State))
		r.Int(v.CreditUsed)
		r.Int(v.Reduced)
		r.Int(v.Credited)
		r.Time(v.IssuedAt)
		r.Time(v.PaidAt)
		r.Time(v.VoidedAt)
		r.Time(v.GivenUpAt)
	})
	for _, v := range list {
		v.Version++
	}
	return conflicts, err
}

var paying = []string{"state", "paid_at"}

// SavePaid is Save for issued invoices that Pay alone changed. It leaves the number
// out, whose index would be written again.
func SavePaid(tx *db.Tx, list []*Invoice) ([]int, error) {
	conflicts, err := tx.Update(table, paying, len(list), func(i int, r *db.Row) {
		v := list[i]
		r.Int(int64(v.Account))
		r.Int(int64(v.ID))
		r.Int(v.Version)
		r.Text(string(v.State))
		r.Time(v.PaidAt)
	})
	for _, v := range list {
		v.Version++
	}
	return conflicts, err
}

// SaveMethod writes the method that an invoice is charged with, over the version that was
// loaded.
func SaveMethod(tx *db.Tx, v Invoice) error {
	n, err := tx.Exec("update invoice set method_id = $4, version = version + 1 where account_id = $1 and id = $2 and version = $3", v.Account, v.ID, v.Version, v.Method)
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

// AddRefunded notes that minor units of a paid invoice went back, over the version
// that was loaded.
func AddRefunded(tx *db.Tx, v Invoice, minor int64) error {
	n, err := tx.Exec("update invoice set refunded = refunded + $4, version = version + 1 where account_id = $1 and id = $2 and version = $3", v.Account, v.ID, v.Version, minor)
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func load(tx *db.Tx, account id.Account, where string, args ...any) ([]Invoice, error) {
	var list []Invoice
	err := tx.Each(func(row db.Scan) error {
		v := Invoice{Account: account}
		var notes string
		err := row(&v.ID, &v.Customer, db.ScanNull(&v.Subscription), db.ScanNull(&v.Order), &v.Series, db.ScanNull(&v.Number), &v.State, &v.Reason,
			&v.Period, &v.Part, db.ScanTime(&v.Span.From), db.ScanTime(&v.Span.To), &v.Total.Currency, &v.Net.Minor, &v.Tax.Minor, &v.Total.Minor,
			&v.CreditUsed, &v.Reduced, &v.Credited, &v.Refunded, &v.Seller, &v.Buyer, db.ScanTime(&v.IssuedAt), db.ScanTime(&v.PaidAt), db.ScanTime(&v.VoidedAt),
			db.ScanTime(&v.GivenUpAt), db.ScanTime(&v.CreatedAt), &notes, db.ScanNull(&v.Method), &v.Version)
		v.Net.Currency, v.Tax.Currency = v.Total.Currency, v.Total.Currency
		if err == nil && notes != "" {
			err = json.Unmarshal([]byte(notes), &v.Notes)
		}
		list = append(list, v)
		return err
	}, "select "+columns+" from invoice where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// Load is one invoice of the account, or NotFound.
func Load(tx *db.Tx, account id.Account, invoice id.Invoice) (Invoice, error) {
	list, err := load(tx, account, "and id = $2"+tx.Lock(), invoice)
	if err == nil && len(list) == 0 {
		return Invoice{}, fault.New(fault.NotFound, "there is no invoice with that id")
	}
	if err != nil {
		return Invoice{}, err
	}
	return list[0], nil
}

// ByID are those of the invoices that the account has.
func ByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Invoice]Invoice, error) {
	list, err := load(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Invoice]Invoice, len(list))
	for _, v := range list {
		found[v.ID] = v
	}
	return found, err
}

// Filter narrows a list of invoices.
type Filter struct {
	Customer     id.Customer     // only of that customer; 0 for all
	Subscription id.Subscription // only of that subscription; 0 for all
	State        State           // only in that state; "" for all
	Before       id.Invoice      // only older ones; 0 for all
	Limit        int
}

// List is the account's invoices, newest first.
func List(tx *db.Tx, account id.Account, f Filter) ([]Invoice, error) {
	last := int64(f.Before)
	if last == 0 {
		last = 1<<63 - 1
	}
	switch {
	case f.Subscription != 0:
		return load(tx, account, "and subscription_id = $2 and subscription_id is not null and id < $3 and ($4 = '' or state = $4) order by id desc limit $5",
			f.Subscription, last, f.State, f.Limit)
	case f.Customer != 0:
		return load(tx, account, "and customer_id = $2 and id < $3 and ($4 = '' or state = $4) order by id desc limit $5", f.Customer, last, f.State, f.Limit)
	case f.State != "" && f.State != Paid:
		return load(tx, account, "and state <> 'paid' and state = $2 and id < $3 order by id desc limit $4", f.State, last, f.Limit)
	case f.State == Paid:
		return load(tx, account, "and id < $2 and state = 'paid' order by id desc limit $3", last, f.Limit)
	default:
		return load(tx, account, "and id < $2 order by id desc limit $3", last, f.Limit)
	}
}

// PaidCounts is how many invoices of each subscription were paid with money.
func PaidCounts(tx *db.Tx, account id.Account, subscriptions []int64) (map[id.Subscription]int, error) {
	found := make(map[id.Subscription]int, len(subscriptions))
	err := tx.Each(func(row db.Scan) error {
		var sub id.Subscription
		var n int
		err := row(&sub, &n)
		found[sub] = n
		return err
	}, "select subscription_id, count(*) from invoice where account_id = $1 and subscription_id is not null and "+tx.AnyOf("subscription_id", 2)+
		" and paid_at is not null and total > credit_used group by subscription_id", account, tx.List(subscriptions))
	return found, err
}

// OfPeriod is the invoice of a sale or a renewal that was made for a period of a
// subscription, or NotFound.
func OfPeriod(tx *db.Tx, account id.Account, sub id.Subscription, period int) (Invoice, error) {
	list, err := load(tx, account, "and subscription_id = $2 and subscription_id is not null and period = $3 and reason in ('sale', 'renewal') and part = 0", sub, period)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "there is no invoice of that period")
	}
	if err != nil {
		return Invoice{}, err
	}
	return list[0], nil
}

// After is up to limit invoices that came after one, oldest first.
func After(tx *db.Tx, account id.Account, after id.Invoice, limit int) ([]Invoice, error) {
	return load(tx, account, "and id > $2 order by id limit $3", after, limit)
}

// LatestOf is the newest invoice of each of the subscriptions that has one.
func LatestOf(tx *db.Tx, account id.Account, subscriptions []int64) (map[id.Subscription]Invoice, error) {
	list, err := load(tx, account, "and subscription_id is not null and "+tx.AnyOf("subscription_id", 2)+` and period = (
		select max(later.period) from invoice later where later.account_id = $1 and later.subscription_id = invoice.subscription_id and later.subscription_id is not null)`,
		tx.List(subscriptions))
	found := make(map[id.Subscription]Invoice, len(list))
	for _, v := range list {
		found[v.Subscription] = v
	}
	return found, err
}

var lineTable = db.NewTable("invoice_line", db.Int("account_id"), db.Int("invoice_id"), db.Int("position"), db.Text("kind"), db.Text("description"),
	db.NullInt("price_id"), db.Int("quantity"), db.Int("unit_amount"), db.Int("discount"), db.Int("amount"), db.Text("tax_rate"), db.Text("tax_name"), db.Int("tax"),
	db.NullInt("period_from"), db.NullInt("period_to"), db.Text("details"))

// InsertLines writes the lines of new invoices.
func InsertLines(tx *db.Tx, list []Line) error {
	return tx.Insert(lineTable, len(list), func(i int, r *db.Row) {
		l := &list[i]
		r.Int(int64(l.Account))
		r.Int(int64(l.Invoice))
		r.Int(int64(l.Position))
		r.Text(string(l.Kind))
		r.Text(l.Description)
		r.NullInt(int64(l.Price), l.Price != 0)
		r.Int(l.Quantity)
		r.Int(l.UnitAmount.Minor)
		r.Int(l.Discount.Minor)
		r.Int(l.Amount.Minor)
		r.Text(l.Rate.String())
		r.Text(l.TaxName)
		r.Int(l.Tax.Minor)
		r.Time(l.Span.From)
		r.Time(l.Span.To)
		r.Text(l.Details.text())
	})
}

// Lines are the lines of an invoice, in order.
func Lines(tx *db.Tx, v Invoice) ([]Line, error) {
	found, err := lines(tx, v.Account, "and invoice_id = $2", int64(v.ID))
	for i := range found {
		found[i].in(v.Total.Currency)
	}
	return found, err
}

// LinesOf are the lines of several invoices, in order.
func LinesOf(tx *db.Tx, account id.Account, list []Invoice) (map[id.Invoice][]Line, error) {
	ids := make([]int64, len(list))
	currency := make(map[id.Invoice]money.Currency, len(list))
	for i, v := range list {
		ids[i], currency[v.ID] = int64(v.ID), v.Total.Currency
	}
	found, err := lines(tx, account, "and "+tx.AnyOf("invoice_id", 2), tx.List(ids))
	byInvoice := make(map[id.Invoice][]Line, len(list))
	for i := range found {
		found[i].in(currency[found[i].Invoice])
		byInvoice[found[i].Invoice] = append(byInvoice[found[i].Invoice], found[i])
	}
	return byInvoice, err
}

func lines(tx *db.Tx, account id.Account, where string, arg any) ([]Line, error) {
	var list []Line
	err := tx.Each(func(row db.Scan) error {
		l := Line{Account: account}
		var rate, details string
		err := row(&l.Invoice, &l.Position, &l.Kind, &l.Description, db.ScanNull(&l.Price), &l.Quantity, &l.UnitAmount.Minor, &l.Discount.Minor, &l.Amount.Minor,
			&rate, &l.TaxName, &l.Tax.Minor, db.ScanTime(&l.Span.From), db.ScanTime(&l.Span.To), &details)
		if err != nil {
			return err
		}
		if l.Details, err = readDetails(details); err != nil {
			return err
		}
		l.Rate, err = money.ParseRate(rate)
		list = append(list, l)
		return err
	}, `select invoice_id, position, kind, description, price_id, quantity, unit_amount, discount, amount, tax_rate, tax_name, tax, period_from, period_to, details
		from invoice_line where account_id = $1 `+where+" order by invoice_id, position", account, arg)
	return list, err
}

// in gives the amounts of a line their currency.
func (l *Line) in(c money.Currency) {
	l.UnitAmount.Currency, l.Discount.Currency, l.Amount.Currency, l.Tax.Currency = c, c, c, c
}

// text is the notes as they are kept.
func (n Notes) text() string {
	if n.IsZero() {
		return ""
	}
	b, _ := json.Marshal(n) // strings always marshal
	return string(b)
}

func readDetails(text string) (Details, error) {
	var d Details
	if text == "" {
		return d, nil
	}
	return d, json.Unmarshal([]byte(text), &d)
}

func (d Details) text() string {
	if d.isZero() {
		return ""
	}
	b, _ := json.Marshal(d) // strings and numbers always marshal
	return string(b)
}

// Totals are sums over the account's invoices in one state and currency.
type Totals struct {
	State      State
	Currency   money.Currency
	Count      int64
	Net        int64 // minor units
	Tax        int64
	Total      int64
	Due        int64 // of the total, less credit and credit notes
	CreditUsed int64
	Refunded   int64
}

// Sum is the totals of all the account's invoices by state and currency.
func Sum(tx *db.Tx, account id.Account) ([]Totals, error) {
	var list []Totals
	err := tx.Each(func(row db.Scan) error {
		var t Totals
		err := row(&t.State, &t.Currency, &t.Count, &t.Net, &t.Tax, &t.Total, &t.Due, &t.CreditUsed, &t.Refunded)
		list = append(list, t)
		return err
	}, `select state, currency, count(*), cast(sum(net) as bigint), cast(sum(tax) as bigint), cast(sum(total) as bigint), cast(sum(total - credit_used - reduced) as bigint), cast(sum(credit_used) as bigint), cast(sum(refunded) as bigint)
		from invoice where account_id = $1 group by state, currency order by state, currency`, account)
	return list, err
}

// PaidBy are the sums of what customers paid of invoices in one currency, refunds not taken off.
func PaidBy(tx *db.Tx, account id.Account, customers []int64, in money.Currency) (map[id.Customer]int64, error) {
	found := make(map[id.Customer]int64, len(customers))
	if len(customers) == 0 {
		return found, nil
	}
	err := tx.Each(func(row db.Scan) error {
		var c id.Customer
		var sum int64
		err := row(&c, &sum)
		found[c] = sum
		return err
	}, "select customer_id, cast(sum(total) as bigint) from invoice where account_id = $1 and "+tx.AnyOf("customer_id", 2)+" and state = 'paid' and currency = $3 group by customer_id", account, tx.List(customers), in)
	return found, err
}
