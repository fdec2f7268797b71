package report

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/metrics"
	"perennial/internal/money"
)

// Standing is where a measured customer stands.
type Standing string

// The standings.
const (
	Paying      Standing = "active"
	Trying      Standing = "trialing"
	Leaving     Standing = "cancelled" // pays, and every end is fixed
	Left        Standing = "churned_voluntary"
	LeftUnpaid  Standing = "churned_delinquent"
	LeftUntried Standing = "churned_trial" // tried, and never paid
	NeverThere  Standing = "no_history"
)

const (
	maxMeasured = 250 // people of a page
	maxMailed   = 100 // who have one address
)

// MeasuredPerson is a measured customer as of now.
type MeasuredPerson struct {
	Customer  int64 // an id.Customer or, when Pushed, an id.MetricUser
	Pushed    bool
	Email     string
	First     string
	Last      string
	Revenue   int64    // recurring, minor units of the account's currency
	Plans     []string // names of what they pay for or try
	Standing  Standing
	CreatedAt time.Time
	Activated time.Time // when they first brought something; zero while they never did
	Churned   time.Time // when they last came to bring nothing; zero while they do, or never did
	UpdatedAt time.Time
	Spent     int64 // paid here, minor units of the account's currency; not known of pushed ones
}

// MeasuredPage asks for measured customers.
type MeasuredPage struct {
	metrics.Page
	Email string // only those with this address; "" for all
}

// MeasuredPeople are measured customers in the order in which they last changed.
func (r *Reader) MeasuredPeople(ctx context.Context, acc id.Account, p MeasuredPage) ([]MeasuredPerson, error) {
	q, err := r.measuring(ctx, acc, Measure{Grain: metrics.ByMonth})
	if err != nil {
		return nil, err
	}
	p.Limit = min(p.Limit, maxMeasured)
	return view(ctx, r, func(tx *db.Tx) ([]MeasuredPerson, error) {
		if p.Email == "" {
			list, err := metrics.Customers(tx, acc, p.Page)
			if err != nil {
				return nil, err
			}
			return q.people(tx, list, q.now)
		}
		who, err := mailed(tx, acc, p.Email)
		if err != nil {
			return nil, err
		}
		list, err := metrics.CustomersByID(tx, acc, who)
		if err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(list, func(c metrics.Changed) bool {
			return !p.From.IsZero() && c.At.Before(p.From) || !p.To.IsZero() && !c.At.Before(p.To)
		})
		if p.Descending {
			slices.Reverse(list)
		}
		list = list[min(p.Skip, len(list)):]
		return q.people(tx, list[:min(p.Limit, len(list))], q.now)
	})
}

// MeasuredPerson is one of them; NotFound when nothing was measured of them.
func (r *Reader) MeasuredPerson(ctx context.Context, acc id.Account, who int64) (MeasuredPerson, error) {
	q, err := r.measuring(ctx, acc, Measure{Grain: metrics.ByMonth})
	if err != nil {
		return MeasuredPerson{}, err
	}
	return view(ctx, r, func(tx *db.Tx) (MeasuredPerson, error) {
		list, err := metrics.CustomersByID(tx, acc, []int64{who})
		if err != nil {
			return MeasuredPerson{}, err
		}
		people, err := q.people(tx, list, q.now)
		if err != nil {
			return MeasuredPerson{}, err
		}
		if len(people) == 0 {
			return MeasuredPerson{}, fault.New(fault.NotFound, "nothing was measured of such a customer")
		}
		return people[0], nil
	})
}

// Mailed are the customers and pushed users with an address, at most 100 of each.
func (r *Reader) Mailed(ctx context.Context, acc id.Account, email string) ([]int64, error) {
	return view(ctx, r, func(tx *db.Tx) ([]int64, error) { return mailed(tx, acc, email) })
}

func mailed(tx *db.Tx, acc id.Account, email string) ([]int64, error) {
	var list []int64
	c, err := customer.ByEmail(tx, acc, strings.ToLower(email))
	switch {
	case err == nil:
		list = append(list, int64(c.ID))
	case !fault.Is(err, fault.NotFound):
		return nil, err
	}
	users, err := metrics.UsersByEmail(tx, acc, email)
	for _, u := range users[:min(len(users), maxMailed)] {
		list = append(list, int64(u.ID))
	}
	return list, err
}

// people tells of measured customers. Those who were deleted are left out.
func (q *measuring) people(tx *db.Tx, list []metrics.Changed, now time.Time) ([]MeasuredPerson, error) {
	ids := make([]int64, len(list))
	for i, c := range list {
		ids[i] = c.Customer
	}
	acc := q.state.Account
	facts, err := metrics.FactsOf(tx, acc, ids)
	if err != nil {
		return nil, err
	}
	var every []metrics.Fact
	for _, f := range facts {
		every = append(every, f...)
	}
	book, err := metrics.TermsNamed(tx, acc, every)
	if err != nil {
		return nil, err
	}
	names, _, err := namesOfPlans(tx, acc, plansIn(book))
	if err != nil {
		return nil, err
	}
	buyers, err := customer.ByID(tx, acc, ids)
	if err != nil {
		return nil, err
	}
	users, err := metrics.UsersByID(tx, acc, ids)
	if err != nil {
		return nil, err
	}
	spent, err := invoice.PaidBy(tx, acc, ids, q.state.Currency)
	if err != nil {
		return nil, err
	}
	out := make([]MeasuredPerson, 0, len(list))
	for _, c := range list {
		p := MeasuredPerson{Customer: c.Customer, UpdatedAt: c.At, Plans: []string{}}
		p.stand(facts[c.Customer], book, names, now)
		buyer, ours := buyers[id.Customer(c.Customer)]
		user, pushed := users[id.MetricUser(c.Customer)]
		switch {
		case ours:
			p.Email, p.CreatedAt, p.Spent = buyer.Email, buyer.CreatedAt, spent[buyer.ID]
			p.First, p.Last = buyer.Names()
		case pushed:
			p.Pushed, p.Email = true, user.Email
			p.First, p.Last, _ = strings.Cut(user.Name, " ")
		default:
			continue
		}
		out = append(out, p)
	}
	return out, nil
}

func plansIn(book metrics.Book) []int64 {
	var ids []int64
	for _, t := range book {
		ids = append(ids, t.Plan)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// stand tells where somebody stands from all of their facts.
func (p *MeasuredPerson) stand(all []metrics.Fact, book metrics.Book, names map[int64]string, now time.Time) {
	p.Standing = NeverThere
	if len(all) > 0 {
		p.CreatedAt = all[0].Time()
	}
	held := map[int64]metrics.Fact{}
	total, tried := int64(0), false
	for _, f := range metrics.Effective(all) {
		if f.Time().After(now) {
			break
		}
		was := total
		total += f.Value - held[f.Subject].Value
		held[f.Subject] = f
		tried = tried || f.Flags&metrics.OnTrial != 0
		switch {
		case was == 0 && total > 0:
			if p.Activated.IsZero() {
				p.Activated = f.Time()
			}
			p.Churned = time.Time{}
		case was > 0 && total == 0:
			if p.Churned, p.Standing = f.Time(), Left; f.Flags&metrics.Unwilled != 0 {
				p.Standing = LeftUnpaid
			}
		}
	}
	if tried && p.Activated.IsZero() {
		p.Standing = LeftUntried
	}
	p.present(held, book, names, total)
}

// present tells what somebody holds now.
func (p *MeasuredPerson) present(held map[int64]metrics.Fact, book metrics.Book, names map[int64]string, total int64) {
	leaving := true
	for _, f := range held {
		trial := f.Flags&metrics.OnTrial != 0
		if f.Value == 0 && !trial {
			continue
		}
		p.Revenue += f.In(f.Value)
		p.Plans = append(p.Plans, names[book[f.Terms].Plan])
		leaving = leaving && f.Flags&metrics.Ending != 0
		if trial && total == 0 {
			p.Standing = Trying
		}
	}
	if total > 0 {
		if p.Standing = Paying; leaving {
			p.Standing = Leaving
		}
	}
	slices.Sort(p.Plans)
	p.Plans = slices.Compact(p.Plans)
}

// PushedUpdate is what was said of a pushed subscription from an instant on.
type PushedUpdate struct {
	Subscription metrics.Subscription
	Fact         metrics.Fact
	Terms        metrics.Terms
	Plan         string // as the pushing system calls it
	Value        int64  // for each whole interval, minor units of the currency of the terms
}

// PushedHistory is what was pushed of one user.
type PushedHistory struct {
	User    metrics.User
	Updates []PushedUpdate // those that hold, of all subscriptions, oldest first
}

// PushedHistory is all that was pushed of a user, by id or, where that is 0, alias.
func (r *Reader) PushedHistory(ctx context.Context, acc id.Account, user id.MetricUser, alias string) (PushedHistory, error) {
	return view(ctx, r, func(tx *db.Tx) (PushedHistory, error) {
		var h PushedHistory
		var err error
		if h.User, err = metrics.FindUser(tx, acc, user, alias); err != nil {
			return h, err
		}
		h.Updates, err = updatesOf(tx, acc, []int64{int64(h.User.ID)})
		return h, err
	})
}

func updatesOf(tx *db.Tx, acc id.Account, users []int64) ([]PushedUpdate, error) {
	facts, err := metrics.FactsOf(tx, acc, users)
	if err != nil {
		return nil, err
	}
	var list []metrics.Fact
	var ids, subjects []int64
	for _, who := range users {
		all := slices.DeleteFunc(slices.Clone(facts[who]), func(f metrics.Fact) bool { return f.Cause == metrics.Excluded })
		for _, f := range metrics.Effective(all) {
			if f.Cause == metrics.CancelScheduled {
				continue // it says what its end says
			}
			list = append(list, f)
			ids, subjects = append(ids, f.ID), append(subjects, f.Subject)
		}
	}
	book, err := metrics.TermsNamed(tx, acc, list)
	if err != nil {
		return nil, err
	}
	values, err := metrics.PushedValues(tx, acc, ids)
	if err != nil {
		return nil, err
	}
	subs, err := metrics.SubscriptionsByID(tx, acc, subjects)
	if err != nil {
		return nil, err
	}
	plans, err := metrics.PlansByID(tx, acc, plansIn(book))
	if err != nil {
		return nil, err
	}
	var out []PushedUpdate
	for _, f := range list {
		t := book[f.Terms]
		out = append(out, PushedUpdate{subs[f.Subject], f, t, plans[id.MetricPlan(t.Plan)].Code, values[f.ID]})
	}
	return out, nil
}

// PushedUsers are pushed users after one, oldest first, with what was pushed of them.
func (r *Reader) PushedUsers(ctx context.Context, acc id.Account, after id.MetricUser, limit int) ([]PushedHistory, error) {
	return view(ctx, r, func(tx *db.Tx) ([]PushedHistory, error) {
		users, err := metrics.UsersAfter(tx, acc, after, limit)
		if err != nil {
			return nil, err
		}
		ids := make([]int64, len(users))
		for i, u := range users {
			ids[i] = int64(u.ID)
		}
		updates, err := updatesOf(tx, acc, ids)
		out := make([]PushedHistory, len(users))
		for i, u := range users {
			out[i].User = u
			for _, one := range updates {
				if one.Fact.Customer == int64(u.ID) {
					out[i].Updates = append(out[i].Updates, one)
				}
			}
		}
		return out, err
	})
}

// PushedPlans are the plans that somebody made, after one, oldest first.
func (r *Reader) PushedPlans(ctx context.Context, acc id.Account, after id.MetricPlan, limit int) ([]metrics.PushedPlan, error) {
	return view(ctx, r, func(tx *db.Tx) ([]metrics.PushedPlan, error) { return metrics.PushedPlans(tx, acc, after, limit) })
}

// PushedPlan is the plan of a code, also one that only subscriptions name.
func (r *Reader) PushedPlan(ctx context.Context, acc id.Account, code string) (metrics.PushedPlan, error) {
	return view(ctx, r, func(tx *db.Tx) (metrics.PushedPlan, error) { return metrics.FindPlan(tx, acc, code) })
}

// PushedCodes are how pushing systems call plans, by plan.
func (r *Reader) PushedCodes(ctx context.Context, acc id.Account, plans []int64) (map[int64]string, error) {
	return view(ctx, r, func(tx *db.Tx) (map[int64]string, error) {
		found, err := metrics.PlansByID(tx, acc, plans)
		codes := make(map[int64]string, len(found))
		for _, p := range found {
			codes[int64(p.ID)] = p.Code
		}
		return codes, err
	})
}

// Traits are what a measured customer can be told apart by, in the order of the categories;
// NotFound when nothing was measured of them.
func (r *Reader) Traits(ctx context.Context, acc id.Account, who int64) ([][2]string, error) {
	return view(ctx, r, func(tx *db.Tx) ([][2]string, error) {
		found, err := metrics.CustomersByID(tx, acc, []int64{who})
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fault.New(fault.NotFound, "nothing was measured of such a customer")
		}
		known, err := metrics.AttributesOf(tx, acc, []int64{who})
		list := [][2]string{}
		for category, word := range known[who] {
			list = append(list, [2]string{category, word})
		}
		slices.SortFunc(list, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
		return list, err
	})
}

// Stops are who gets no interventions of a kind.
func (r *Reader) Stops(ctx context.Context, acc id.Account, kind metrics.Intervention, from, to time.Time, skip, limit int) ([]metrics.Stop, error) {
	return view(ctx, r, func(tx *db.Tx) ([]metrics.Stop, error) {
		return metrics.Stops(tx, acc, kind, from, to, skip, limit)
	})
}

// MeasuredAs is the zone and the currency of an account's metrics.
func (r *Reader) MeasuredAs(ctx context.Context, acc id.Account) (zone string, in money.Currency, err error) {
	q, err := r.measuring(ctx, acc, Measure{Grain: metrics.ByMonth})
	if err != nil {
		return "", "", err
	}
	return q.state.Zone, q.state.Currency, nil
}

// PushedCurrency is the currency of a pushed subscription, by id or, where that is 0, alias.
func (r *Reader) PushedCurrency(ctx context.Context, acc id.Account, sub id.MetricSubscription, alias string) (money.Currency, error) {
	return view(ctx, r, func(tx *db.Tx) (money.Currency, error) {
		s, err := metrics.FindSubscription(tx, acc, sub, alias)
		if err != nil {
			return "", err
		}
		facts, err := metrics.FactsOf(tx, acc, []int64{int64(s.User)})
		if err != nil {
			return "", err
		}
		for _, f := range metrics.Of(facts[int64(s.User)], int64(s.ID)) {
			if f.Terms != 0 {
				book, err := metrics.TermsNamed(tx, acc, []metrics.Fact{f})
				return book[f.Terms].Currency, err
			}
		}
		return "", fault.New(fault.NotFound, "there is no such subscription")
	})
}
