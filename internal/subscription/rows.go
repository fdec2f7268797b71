package subscription

import (
	"encoding/json"
	"slices"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

var table = db.NewTable("subscription", db.Int("account_id"), db.Int("id"), db.Int("customer_id"), db.Int("product_id"), db.Int("price_id"), db.NullInt("method_id"),
	db.Text("state"), db.Text("currency"), db.Int("unit_amount"), db.Int("quantity"), db.Text("interval_unit"), db.Int("interval_count"), db.Text("zone"),
	db.Int("anchor_at"), db.Int("period"), db.Int("period_from"), db.Int("period_to"), db.NullInt("trial_to"), db.NullInt("cancel_at"), db.NullInt("ended_at"),
	db.Text("end_reason"), db.NullInt("invoice_id"), db.Int("failures"), db.NullInt("next_action_at"), db.Int("lease_until"), db.Int("base"), db.Int("anchor_day"),
	db.NullInt("end_period"), db.NullInt("resume_at"), db.NullInt("tax_profile_id"), db.NullInt("change_id"), db.Text("extras"), db.Int("created_at"),
	db.Int("remind_days"), db.Bool("remind_yearly"), db.NullInt("notice_at"), db.Int("version"))

const columns = `id, customer_id, product_id, price_id, method_id, state, currency, unit_amount, quantity, interval_unit, interval_count, zone,
	anchor_at, period, period_from, period_to, trial_to, cancel_at, ended_at, end_reason, invoice_id, failures, next_action_at, lease_until,
	base, anchor_day, end_period, resume_at, tax_profile_id, change_id, extras, created_at, remind_days, remind_yearly, notice_at, version`

// Insert writes new subscriptions.
func Insert(tx *db.Tx, list []Subscription) error {
	err := tx.Insert(table, len(list), func(i int, r *db.Row) {
		s := &list[i]
		r.Int(int64(s.Account))
		r.Int(int64(s.ID))
		r.Int(int64(s.Customer))
		r.Int(int64(s.Product))
		r.Int(int64(s.Price))
		r.NullInt(int64(s.Method), s.Method != 0)
		r.Text(string(s.State))
		r.Text(string(s.UnitAmount.Currency))
		r.Int(s.UnitAmount.Minor)
		r.Int(s.Quantity)
		r.Text(s.Interval.Unit.String())
		r.Int(int64(s.Interval.Count))
		r.Text(s.Zone)
		r.Time(s.AnchorAt)
		r.Int(int64(s.Period))
		r.Time(s.Span.From)
		r.Time(s.Span.To)
		r.Time(s.TrialTo)
		r.Time(s.CancelAt)
		r.Time(s.EndedAt)
		r.Text(string(s.EndReason))
		r.NullInt(int64(s.Invoice), s.Invoice != 0)
		r.Int(int64(s.Failures))
		r.Time(s.NextActionAt)
		r.Time(s.LeaseUntil)
		r.Int(int64(s.Base))
		r.Int(int64(s.AnchorDay))
		r.NullInt(int64(s.EndPeriod), s.EndPeriod != 0)
		r.Time(s.ResumeAt)
		r.NullInt(int64(s.TaxProfile), s.TaxProfile != 0)
		r.NullInt(int64(s.Change), s.Change != 0)
		r.Text(s.Extras.text())
		r.Time(s.CreatedAt)
		r.Int(int64(s.Reminders.Days))
		r.Bool(s.Reminders.Yearly)
		r.Time(s.NoticeAt)
		r.Int(1)
		s.Version = 1
	})
	if err == nil {
		for i := range list {
			list[i].note(tx)
		}
	}
	return err
}

// What a story may change of a subscription.
var changing = []string{"method_id", "state", "period", "period_from", "period_to", "cancel_at", "ended_at", "end_reason", "invoice_id", "failures",
	"next_action_at", "lease_until", "base", "anchor_at", "end_period", "resume_at", "change_id", "extras", "remind_days", "remind_yearly", "notice_at"}

// What a change of terms writes besides.
var switching = append(slices.Clone(changing), "product_id", "price_id", "currency", "unit_amount", "quantity", "interval_unit", "interval_count", "anchor_day", "trial_to")

// Save writes subscriptions, each over the version that was loaded, raises their
// versions, and returns the places of those that had another one.
func Save(tx *db.Tx, list []*Subscription) ([]int, error) {
	return save(tx, changing, list, fillChanging)
}

func fillChanging(r *db.Row, s *Subscription) {
	r.NullInt(int64(s.Method), s.Method != 0)
	r.Text(string(s.State))
	r.Int(int64(s.Period))
	r.Time(s.Span.From)
	r.Time(s.Span.To)
	r.Time(s.CancelAt)
	r.Time(s.EndedAt)
	r.Text(string(s.EndReason))
	r.NullInt(int64(s.Invoice), s.Invoice != 0)
	r.Int(int64(s.Failures))
	r.Time(s.NextActionAt)
	r.Time(s.LeaseUntil)
	r.Int(int64(s.Base))
	r.Time(s.AnchorAt)
	r.NullInt(int64(s.EndPeriod), s.EndPeriod != 0)
	r.Time(s.ResumeAt)
	r.NullInt(int64(s.Change), s.Change != 0)
	r.Text(s.Extras.text())
	r.Int(int64(s.Reminders.Days))
	r.Bool(s.Reminders.Yearly)
	r.Time(s.NoticeAt)
}

// SaveTerms is Save for subscriptions whose terms changed.
func SaveTerms(tx *db.Tx, list []*Subscription) ([]int, error) {
	return save(tx, switching, list, func(r *db.Row, s *Subscription) {
		fillChanging(r, s)
		r.Int(int64(s.Product))
		r.Int(int64(s.Price))
		r.Text(string(s.UnitAmount.Currency))
		r.Int(s.UnitAmount.Minor)
		r.Int(s.Quantity)
		r.Text(s.Interval.Unit.String())
		r.Int(int64(s.Interval.Count))
		r.Int(int64(s.AnchorDay))
		r.Time(s.TrialTo)
	})
}

// SaveMoved is SaveClaimed for subscriptions of which also the extras or the reminders
// changed.
func SaveMoved(tx *db.Tx, list []*Subscription) ([]int, error) {
	return save(tx, moved, list, func(r *db.Row, s *Subscription) {
		fillClaimed(r, s)
		r.Text(s.Extras.text())
		r.Int(int64(s.Reminders.Days))
		r.Bool(s.Reminders.Yearly)
	})
}

var moved = append(slices.Clone(claimed), "extras", "remind_days", "remind_yearly")

// SaveClaimed is Save for subscriptions of which nothing changed but the period they
// are in, the invoice that they owe and their lease. It leaves out the columns that
// lists and the due work are found by, whose indexes would be written again.
func SaveClaimed(tx *db.Tx, list []*Subscription) ([]int, error) {
	return save(tx, claimed, list, fillClaimed)
}

func fillClaimed(r *db.Row, s *Subscription) {
	r.Int(int64(s.Period))
	r.Time(s.Span.From)
	r.Time(s.Span.To)
	r.NullInt(int64(s.Invoice), s.Invoice != 0)
	r.Time(s.LeaseUntil)
}

var claimed = []string{"period", "period_from", "period_to", "invoice_id", "lease_until"}

// SaveRenewed is Save for active subscriptions that stay active, and of which nobody is
// told anything ahead: Settled alone changed them.
func SaveRenewed(tx *db.Tx, list []*Subscription) ([]int, error) {
	return save(tx, renewed, list, func(r *db.Row, s *Subscription) {
		r.NullInt(int64(s.Invoice), s.Invoice != 0)
		r.Int(int64(s.Failures))
		r.Time(s.NextActionAt)
		r.Time(s.LeaseUntil)
	})
}

// MethodsInUse are the payment methods that running subscriptions of customers are charged
// with, each with the oldest of them.
func MethodsInUse(tx *db.Tx, account id.Account, customers []int64) (map[id.Method]id.Subscription, error) {
	used := map[id.Method]id.Subscription{}
	if len(customers) == 0 {
		return used, nil
	}
	err := tx.Each(func(row db.Scan) error {
		var m id.Method
		var sub id.Subscription
		err := row(&m, &sub)
		if used[m] == 0 || sub < used[m] {
			used[m] = sub
		}
		return err
	}, "select method_id, id from subscription where account_id = $1 and "+tx.AnyOf("customer_id", 2)+" and state <> 'canceled' and method_id is not null",
		account, tx.List(customers))
	return used, err
}

// ToTell is up to limit subscriptions whose customer is to be told something by now, the
// longest due first.
func ToTell(tx *db.Tx, account id.Account, now time.Time, limit int) ([]Subscription, error) {
	return load(tx, account, "and notice_at is not null and notice_at <= $2 order by notice_at, id limit $3", clock.Micros(now), limit)
}

// SaveTold is Save for subscriptions whose customers were told something: only when the
// next notice comes changed.
func SaveTold(tx *db.Tx, list []*Subscription) ([]int, error) {
	return save(tx, []string{"notice_at"}, list, func(r *db.Row, s *Subscription) { r.Time(s.NoticeAt) })
}

// NextNotice is the earliest instant at which a customer is to be told something, zero
// when none is.
func NextNotice(tx *db.Tx, account id.Account) (time.Time, error) {
	var at time.Time
	err := tx.Each(func(row db.Scan) error { return row(db.ScanTime(&at)) },
		"select notice_at from subscription where account_id = $1 and notice_at is not null order by notice_at, id limit 1", account)
	return at, err
}

var renewed = []string{"invoice_id", "failures", "next_action_at", "lease_until"}

// save writes the columns of set, which fill appends in their order.
func save(tx *db.Tx, set []string, list []*Subscription, fill func(r *db.Row, s *Subscription)) ([]int, error) {
	conflicts, err := tx.Update(table, set, len(list), func(i int, r *db.Row) {
		s := list[i]
		r.Int(int64(s.Account))
		r.Int(int64(s.ID))
		r.Int(s.Version)
		fill(r, s)
	})
	for _, s := range list {
		s.Version++ // of those that conflicted the caller loads anew
	}
	if err == nil {
		for _, s := range list {
			s.note(tx)
		}
	}
	return conflicts, err
}

// SaveOne writes one subscription, or is a version conflict.
func SaveOne(tx *db.Tx, s *Subscription) error {
	conflicts, err := Save(tx, []*Subscription{s})
	if err == nil && len(conflicts) > 0 {
		return db.VersionConflict()
	}
	return err
}

func load(tx *db.Tx, account id.Account, where string, args ...any) ([]Subscription, error) {
	var list []Subscription
	err := tx.Each(func(row db.Scan) error {
		s := Subscription{Account: account}
		var unit, extras string
		err := row(&s.ID, &s.Customer, &s.Product, &s.Price, db.ScanNull(&s.Method), &s.State, &s.UnitAmount.Currency, &s.UnitAmount.Minor, &s.Quantity,
			&unit, &s.Interval.Count, &s.Zone, db.ScanTime(&s.AnchorAt), &s.Period, db.ScanTime(&s.Span.From), db.ScanTime(&s.Span.To),
			db.ScanTime(&s.TrialTo), db.ScanTime(&s.CancelAt), db.ScanTime(&s.EndedAt), &s.EndReason, db.ScanNull(&s.Invoice), &s.Failures,
			db.ScanTime(&s.NextActionAt), db.ScanTime(&s.LeaseUntil), &s.Base, &s.AnchorDay, db.ScanNull(&s.EndPeriod), db.ScanTime(&s.ResumeAt),
			db.ScanNull(&s.TaxProfile), db.ScanNull(&s.Change), &extras, db.ScanTime(&s.CreatedAt), &s.Reminders.Days, &s.Reminders.Yearly,
			db.ScanTime(&s.NoticeAt), &s.Version)
		if err != nil {
			return err
		}
		if extras != "" {
			if err := json.Unmarshal([]byte(extras), &s.Extras); err != nil {
				return err
			}
		}
		err = s.Interval.Unit.UnmarshalText([]byte(unit))
		s.loaded = s.Worth()
		list = append(list, s)
		return err
	}, "select "+columns+" from subscription where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// Load is one subscription of the account, or NotFound.
func Load(tx *db.Tx, account id.Account, sub id.Subscription) (Subscription, error) {
	list, err := load(tx, account, "and id = $2"+tx.Lock(), sub)
	if err == nil && len(list) == 0 {
		return Subscription{}, fault.New(fault.NotFound, "there is no subscription with that id")
	}
	if err != nil {
		return Subscription{}, err
	}
	return list[0], nil
}

// ByID are those of the subscriptions that the account has.
func ByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Subscription]Subscription, error) {
	list, err := load(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Subscription]Subscription, len(list))
	for _, s := range list {
		found[s.ID] = s
	}
	return found, err
}

// Claim is up to limit subscriptions on which something is due at now (the account's
// time) and nobody acts at machine (the machine's time), the longest due first.
// The caller marks them with a lease in the same transaction.
func Claim(tx *db.Tx, account id.Account, now, machine time.Time, limit int) ([]Subscription, error) {
	return load(tx, account, "and next_action_at is not null and next_action_at <= $2 and lease_until <= $3 order by next_action_at, id limit $4"+tx.Claim(),
		clock.Micros(now), clock.Micros(machine), limit)
}

// NextDue is the earliest instant at which something falls due, zero when nothing
// ever will.
func NextDue(tx *db.Tx, account id.Account) (time.Time, error) {
	var at time.Time
	err := tx.Each(func(row db.Scan) error { return row(db.ScanTime(&at)) },
		"select next_action_at from subscription where account_id = $1 and next_action_at is not null order by next_action_at, id limit 1", account)
	return at, err
}

// Filter narrows a list of subscriptions.
type Filter struct {
	Customer id.Customer     // only of that customer; 0 for all
	State    State           // only in that state; "" for all
	Before   id.Subscription // only older ones; 0 for all
	Limit    int
}

// List is the account's subscriptions, newest first.
func List(tx *db.Tx, account id.Account, f Filter) ([]Subscription, error) {
	last := int64(f.Before)
	if last == 0 {
		last = 1<<63 - 1
	}
	switch {
	case f.Customer != 0:
		return load(tx, account, "and customer_id = $2 and id < $3 and ($4 = '' or state = $4) order by id desc limit $5", f.Customer, last, f.State, f.Limit)
	case f.State != "":
		return load(tx, account, "and state = $2 and id < $3 order by id desc limit $4", f.State, last, f.Limit)
	default:
		return load(tx, account, "and id < $2 order by id desc limit $3", last, f.Limit)
	}
}

// Upcoming are the subscriptions on which something falls due up to an instant,
// soonest first.
func Upcoming(tx *db.Tx, account id.Account, to time.Time, limit int) ([]Subscription, error) {
	return load(tx, account, "and next_action_at is not null and next_action_at <= $2 order by next_action_at, id limit $3", clock.Micros(to), limit)
}

// CountByState is how many subscriptions the account has in each state.
func CountByState(tx *db.Tx, account id.Account) (map[State]int64, error) {
	counts := map[State]int64{}
	err := tx.Each(func(row db.Scan) error {
		var s State
		var n int64
		err := row(&s, &n)
		counts[s] = n
		return err
	}, "select state, count(*) from subscription where account_id = $1 group by state", account)
	return counts, err
}

// EndLeases frees every subscription of the account that a dead process held and on which
// something is due until due, in the account's time. It looks at no others: those that are
// due one day are nearly all there are.
func EndLeases(tx *db.Tx, account id.Account, due time.Time) error {
	_, err := tx.Exec("update subscription set lease_until = 0 where account_id = $1 and next_action_at is not null and next_action_at <= $2 and lease_until > 0",
		account, clock.Micros(due))
	return err
}

// SwitchMethod makes method the one that a customer's running subscriptions are
// charged with.
func SwitchMethod(tx *db.Tx, account id.Account, customer id.Customer, method id.Method) error {
	_, err := tx.Exec("update subscription set method_id = $3, version = version + 1 where account_id = $1 and customer_id = $2 and state <> 'canceled'",
		account, customer, method)
	return err
}

// Running are paying subscriptions (active and past due) with the same terms.
type Running struct {
	Price      id.Price
	UnitAmount money.Amount
	Quantity   int64
	Interval   period.Interval // none when they are billed on dates
	Charge     string          // Extras.Charge
	Rate       money.Decimal   // Extras.Rate
	Whole      int64           // Extras.Whole
	Parts      int             // Extras.Parts
}

// Running is what a subscription is among others with its terms.
func (s *Subscription) Running() Running {
	g := Running{Price: s.Price, UnitAmount: s.UnitAmount, Quantity: s.Quantity, Interval: s.Interval}
	g.set(s.Extras)
	return g
}

func (g *Running) set(e Extras) {
	g.Charge, g.Rate, g.Whole, g.Parts = string(e.Charge), e.Rate, e.Whole, e.Parts
}

// CountRunning counts the account's paying subscriptions by their terms.
func CountRunning(tx *db.Tx, account id.Account) (map[Running]int64, error) {
	counts := map[Running]int64{}
	err := tx.Each(func(row db.Scan) error {
		var g Running
		var unit, extras string
		var n int64
		err := row(&g.Price, &g.UnitAmount.Currency, &g.UnitAmount.Minor, &g.Quantity, &unit, &g.Interval.Count, &extras, &n)
		if err != nil {
			return err
		}
		if extras != "" {
			var e Extras
			if err := json.Unmarshal([]byte(extras), &e); err != nil {
				return err
			}
			g.set(e)
		}
		err = g.Interval.Unit.UnmarshalText([]byte(unit))
		counts[g] += n
		return err
	}, `select price_id, currency, unit_amount, quantity, interval_unit, interval_count, extras, count(*) from subscription
		where account_id = $1 and state in ('active', 'past_due') group by price_id, currency, unit_amount, quantity, interval_unit, interval_count, extras`, account)
	return counts, err
}

// After is the ids of up to limit subscriptions that came after one, oldest first.
func After(tx *db.Tx, account id.Account, after id.Subscription, limit int) ([]id.Subscription, error) {
	var list []id.Subscription
	err := tx.Each(func(row db.Scan) error {
		var v id.Subscription
		err := row(&v)
		list = append(list, v)
		return err
	}, "select id from subscription where account_id = $1 and id > $2 order by id limit $3", account, after, limit)
	return list, err
}
