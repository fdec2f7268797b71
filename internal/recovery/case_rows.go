package recovery

import (
	"strconv"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

var caseTable = db.NewTable("recovery_case", db.Int("account_id"), db.Int("id"), db.Int("invoice_id"), db.Int("subscription_id"), db.Int("customer_id"),
	db.Int("product_id"), db.Int("campaign_id"), db.NullInt("policy_id"), db.Text("state"), db.Int("amount"), db.Text("currency"), db.Text("first_code"),
	db.Text("code"), db.Text("class"), db.NullInt("method_id"), db.Int("attempts"), db.Int("step"), db.Int("steps"), db.NullInt("next_at"), db.Text("next_step"),
	db.Text("why"), db.Text("access"), db.Int("opened_at"), db.NullInt("closed_at"), db.Text("closed_month"), db.Text("recovered_by"), db.Int("version"))

const caseColumns = `id, invoice_id, subscription_id, customer_id, product_id, campaign_id, policy_id, state, amount, currency, first_code, code, class,
	method_id, attempts, step, steps, next_at, next_step, why, access, opened_at, closed_at, recovered_by, version`

// month is the calendar month of an instant, "" for none: results are summed by it.
func month(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01")
}

// InsertCases writes new cases. A second one for an invoice is a unique violation.
func InsertCases(tx *db.Tx, list []*Case) error {
	return tx.Insert(caseTable, len(list), func(i int, r *db.Row) {
		c := list[i]
		r.Int(int64(c.Account))
		r.Int(int64(c.ID))
		r.Int(int64(c.Invoice))
		r.Int(int64(c.Subscription))
		r.Int(int64(c.Customer))
		r.Int(int64(c.Product))
		r.Int(int64(c.Campaign))
		r.NullInt(int64(c.Policy), c.Policy != 0)
		r.Text(string(c.State))
		r.Int(c.Amount.Minor)
		r.Text(string(c.Amount.Currency))
		r.Text(c.FirstCode)
		r.Text(c.Code)
		r.Text(string(c.Class))
		r.NullInt(int64(c.Method), c.Method != 0)
		r.Int(int64(c.Attempts))
		r.Int(int64(c.Step))
		r.Int(int64(c.Steps))
		r.Time(c.NextAt)
		r.Text(string(c.NextStep))
		r.Text(c.Why)
		r.Text(string(c.Access))
		r.Time(c.OpenedAt)
		r.Time(c.ClosedAt)
		r.Text(month(c.ClosedAt))
		r.Text(string(c.RecoveredBy))
		r.Int(1)
	})
}

var caseChanging = []string{"policy_id", "state", "amount", "code", "class", "method_id", "attempts", "step", "steps", "next_at", "next_step", "why", "access",
	"closed_at", "closed_month", "recovered_by"}

// SaveCases writes cases, each over the version that was loaded, and returns the places
// of those that had another one.
func SaveCases(tx *db.Tx, list []*Case) ([]int, error) {
	return tx.Update(caseTable, caseChanging, len(list), func(i int, r *db.Row) {
		c := list[i]
		r.Int(int64(c.Account))
		r.Int(int64(c.ID))
		r.Int(c.Version)
		r.NullInt(int64(c.Policy), c.Policy != 0)
		r.Text(string(c.State))
		r.Int(c.Amount.Minor)
		r.Text(c.Code)
		r.Text(string(c.Class))
		r.NullInt(int64(c.Method), c.Method != 0)
		r.Int(int64(c.Attempts))
		r.Int(int64(c.Step))
		r.Int(int64(c.Steps))
		r.Time(c.NextAt)
		r.Text(string(c.NextStep))
		r.Text(c.Why)
		r.Text(string(c.Access))
		r.Time(c.ClosedAt)
		r.Text(month(c.ClosedAt))
		r.Text(string(c.RecoveredBy))
	})
}

func cases(tx *db.Tx, account id.Account, where string, args ...any) ([]Case, error) {
	var list []Case
	err := tx.Each(func(row db.Scan) error {
		c := Case{Account: account}
		err := row(&c.ID, &c.Invoice, &c.Subscription, &c.Customer, &c.Product, &c.Campaign, db.ScanNull(&c.Policy), &c.State, &c.Amount.Minor,
			&c.Amount.Currency, &c.FirstCode, &c.Code, &c.Class, db.ScanNull(&c.Method), &c.Attempts, &c.Step, &c.Steps, db.ScanTime(&c.NextAt),
			&c.NextStep, &c.Why, &c.Access, db.ScanTime(&c.OpenedAt), db.ScanTime(&c.ClosedAt), &c.RecoveredBy, &c.Version)
		list = append(list, c)
		return err
	}, "select "+caseColumns+" from recovery_case where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadCase is one case of the account, or NotFound.
func LoadCase(tx *db.Tx, account id.Account, c id.RecoveryCase) (Case, error) {
	list, err := cases(tx, account, "and id = $2", c)
	if err == nil && len(list) == 0 {
		return Case{}, fault.New(fault.NotFound, "there is no recovery case with that id")
	}
	if err != nil {
		return Case{}, err
	}
	return list[0], nil
}

// CasesOf are the cases of invoices.
func CasesOf(tx *db.Tx, account id.Account, invoices []int64) (map[id.Invoice]*Case, error) {
	if len(invoices) == 0 {
		return map[id.Invoice]*Case{}, nil
	}
	list, err := cases(tx, account, "and "+tx.AnyOf("invoice_id", 2), tx.List(invoices))
	found := make(map[id.Invoice]*Case, len(list))
	for i := range list {
		found[list[i].Invoice] = &list[i]
	}
	return found, err
}

// Filter narrows a list of cases.
type Filter struct {
	State    State           // only in that state; "" for all
	Customer id.Customer     // only of that customer; 0 for all
	Before   id.RecoveryCase // only older ones; 0 for all
	Limit    int
}

// Cases are the account's cases, newest first.
func Cases(tx *db.Tx, account id.Account, f Filter) ([]Case, error) {
	last := int64(f.Before)
	if last == 0 {
		last = 1<<63 - 1
	}
	switch {
	case f.Customer != 0:
		return cases(tx, account, "and customer_id = $2 and id < $3 and ($4 = '' or state = $4) order by id desc limit $5", f.Customer, last, f.State, f.Limit)
	case f.State != "":
		return cases(tx, account, "and state = $2 and id < $3 order by id desc limit $4", f.State, last, f.Limit)
	default:
		return cases(tx, account, "and id < $2 order by id desc limit $3", last, f.Limit)
	}
}

// Sum is money and people of cases that have something in common.
type Sum struct {
	Key       string // of a result: the attempt, the code, the class, the campaign, the month, what brought the money
	State     State
	Currency  money.Currency
	Minor     int64
	Cases     int64
	Customers int64
}

// AtStake sums the running cases of the account.
func AtStake(tx *db.Tx, account id.Account) ([]Sum, error) {
	return sums(tx, `select '', state, currency, cast(sum(amount) as bigint), count(*), count(distinct customer_id) from recovery_case
		where account_id = $1 and state in ('open', 'unpaid') group by state, currency order by currency, state`, account)
}

// Dimension names what results are summed by.
type Dimension string

// What results can be summed by.
const (
	PerAttempt  Dimension = "attempt"
	PerReason   Dimension = "reason"
	PerClass    Dimension = "class"
	PerCampaign Dimension = "campaign"
	PerMonth    Dimension = "month"
	PerMeans    Dimension = "means" // what brought the money
)

var dimensions = map[Dimension]string{PerAttempt: "step", PerReason: "first_code", PerClass: "class", PerCampaign: "campaign_id", PerMonth: "closed_month", PerMeans: "recovered_by"}

// Known reports whether d is something that results can be summed by.
func (d Dimension) Known() bool { return dimensions[d] != "" }

// Results sums the cases that were closed from one instant up to, and without, another.
func Results(tx *db.Tx, account id.Account, by Dimension, from, to time.Time) ([]Sum, error) {
	column, ok := dimensions[by]
	if !ok {
		return nil, fault.BadField("by", "must be attempt, reason, class, campaign, month or means")
	}
	list, err := sums(tx, "select cast("+column+` as text), state, currency, cast(sum(amount) as bigint), count(*), count(distinct customer_id) from recovery_case
		where account_id = $1 and closed_at is not null and closed_at >= $2 and closed_at < $3
		group by `+column+", state, currency order by "+column+", currency, state", account, clock.Micros(from), clock.Micros(to))
	if by != PerCampaign {
		return list, err
	}
	for i := range list {
		n, err := strconv.ParseInt(list[i].Key, 10, 64)
		if err != nil {
			return nil, err
		}
		list[i].Key = id.Campaign(n).String()
	}
	return list, err
}

func sums(tx *db.Tx, query string, args ...any) ([]Sum, error) {
	var list []Sum
	err := tx.Each(func(row db.Scan) error {
		var s Sum
		err := row(&s.Key, &s.State, &s.Currency, &s.Minor, &s.Cases, &s.Customers)
		list = append(list, s)
		return err
	}, query, args...)
	return list, err
}
