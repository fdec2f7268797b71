package report

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
)

// Explanation is how one figure comes about.
type Explanation struct {
	Figures   Figures // of the one period
	Metric    metrics.Metric
	Value     metrics.Value
	Inputs    []Input // what a derived figure is computed from
	Customers int     // who add something to it; 0 for a derived figure
	Sum       int64   // of all that they add: the value again, counted anew
	Shares    []ShareOf
	Others    []OtherSet
}

// Input is a figure that another is computed from.
type Input struct {
	Metric metrics.Metric
	Value  metrics.Value
}

// ShareOf is what one customer adds to a figure.
type ShareOf struct {
	metrics.Share
	Email  string
	Name   string
	Pushed bool // the customer is an id.MetricUser
}

// OtherSet is the same figure by the definitions of another set.
type OtherSet struct {
	Set   metrics.Set
	Value metrics.Value
}

// Explain tells of one figure, in the period of Measure.To, who adds what to it; the first
// limit customers, those who add most first, after skip.
func (r *Reader) Explain(ctx context.Context, acc id.Account, m Measure, metric string, skip, limit int) (Explanation, error) {
	out := Explanation{}
	var known bool
	if out.Metric, known = metrics.MetricOf(metric); !known {
		return out, fault.BadField("metric", "is not a metric")
	}
	var err error
	if out.Figures, out.Value, err = r.one(ctx, acc, m, out.Metric); err != nil {
		return out, err
	}
	for _, name := range out.Metric.Inputs {
		input, _ := metrics.MetricOf(name)
		out.Inputs = append(out.Inputs, Input{input, out.Figures.Points[0].Value(input)})
	}
	if out.Metric.Span != metrics.Derived {
		if err := r.shares(ctx, acc, m, &out, skip, limit); err != nil {
			return out, err
		}
	}
	for _, set := range metrics.Sets() {
		if set != m.Set {
			other := m
			other.Set = set
			_, v, err := r.one(ctx, acc, other, out.Metric)
			if err != nil {
				return out, err
			}
			out.Others = append(out.Others, OtherSet{set, v})
		}
	}
	return out, nil
}

// one is the figure of the last period that is asked for.
func (r *Reader) one(ctx context.Context, acc id.Account, m Measure, metric metrics.Metric) (Figures, metrics.Value, error) {
	if m.From = m.To; m.Grain == metrics.ByDay && m.To.IsZero() {
		q, err := r.measuring(ctx, acc, m)
		if err != nil {
			return Figures{}, metrics.Value{}, err
		}
		m.From = q.today.Time().Add(12 * time.Hour)
	}
	f, err := r.Metrics(ctx, acc, m)
	if err != nil {
		return f, metrics.Value{}, err
	}
	if len(f.Points) == 0 {
		return f, metrics.Value{}, fault.BadField("period", "has no figures")
	}
	f.Points = f.Points[len(f.Points)-1:]
	return f, f.Points[0].Value(metric), nil
}

// shares counts anew what each customer adds to a figure.
func (r *Reader) shares(ctx context.Context, acc id.Account, m Measure, out *Explanation, skip, limit int) error {
	q, err := r.measuring(ctx, acc, m)
	if err != nil {
		return err
	}
	from, to := daysOf(out.Figures, out.Metric.Span)
	var list []metrics.Share
	err = r.columns(ctx, q.state, m.Set, func(c *metrics.Columns) {
		c.Shares(m.Filter, from, to, out.Metric.Weights, func(s metrics.Share) {
			list = append(list, s)
			out.Sum += s.N
		})
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b metrics.Share) int {
		return cmp.Or(cmp.Compare(max(b.N, -b.N), max(a.N, -a.N)), cmp.Compare(a.Customer, b.Customer))
	})
	out.Customers = len(list)
	list = list[min(skip, len(list)):]
	out.Shares, err = view(ctx, r, func(tx *db.Tx) ([]ShareOf, error) { return whose(tx, acc, list[:min(limit, len(list))]) })
	return err
}

// daysOf are the days whose lines a figure sums.
func daysOf(f Figures, span metrics.Span) (from, to metrics.Day) {
	p := f.Points[0].Period
	from, to = metrics.Day(p), metrics.Day(p)
	if f.Grain == metrics.ByMonth {
		from, to = metrics.Month(p).First(), metrics.Month(p+1).First()-1
	}
	switch span {
	case metrics.AtStart:
		return -1 << 30, from - 1
	case metrics.AtEnd:
		from = -1 << 30
	case metrics.MonthToDate:
		from = from.Month().First()
	}
	return from, min(to, f.Today)
}

// whose adds to shares what people know customers by.
func whose(tx *db.Tx, acc id.Account, list []metrics.Share) ([]ShareOf, error) {
	out := make([]ShareOf, len(list))
	ids := make([]int64, len(list))
	for i, s := range list {
		out[i], ids[i] = ShareOf{Share: s}, s.Customer
	}
	buyers, err := customer.ByID(tx, acc, ids)
	if err != nil {
		return nil, err
	}
	users, err := metrics.UsersByID(tx, acc, ids)
	for i := range out {
		if c, ours := buyers[id.Customer(out[i].Customer)]; ours {
			out[i].Email, out[i].Name = c.Email, c.Buyer.Name
		} else if u, pushed := users[id.MetricUser(out[i].Customer)]; pushed {
			out[i].Email, out[i].Name, out[i].Pushed = u.Email, u.Name, true
		}
	}
	return out, err
}

// planNames adds what plans are called.
func planNames(tx *db.Tx, acc id.Account, list []PlanFigures) error {
	var ids []int64
	for _, p := range list {
		ids = append(ids, p.Plan)
	}
	names, pushed, err := namesOfPlans(tx, acc, ids)
	for i := range list {
		list[i].Name, list[i].Pushed = names[list[i].Plan], pushed[list[i].Plan]
	}
	return err
}

// namesOfPlans are what plans of an account are called, and which of them were pushed.
func namesOfPlans(tx *db.Tx, acc id.Account, ids []int64) (names map[int64]string, pushed map[int64]bool, err error) {
	names, pushed = map[int64]string{}, map[int64]bool{}
	prices, err := catalog.PricesByID(tx, acc, ids)
	if err != nil {
		return nil, nil, err
	}
	var products []int64
	for _, p := range prices {
		products = append(products, int64(p.Product))
	}
	sold, err := catalog.ProductsByID(tx, acc, products)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range prices {
		names[int64(p.ID)] = sold[p.Product].Name
		if p.Name != "" {
			names[int64(p.ID)] += ", " + p.Name
		}
	}
	plans, err := metrics.PlansByID(tx, acc, ids)
	for _, p := range plans {
		names[int64(p.ID)], pushed[int64(p.ID)] = p.Name, true
	}
	return names, pushed, err
}

// MeasuredHistory is all that is known of what one customer brings, and what a set makes
// of it.
type MeasuredHistory struct {
	Set   metrics.Set
	Zone  string
	Facts []MeasuredFact
	Lines []metrics.Line
	Terms metrics.Book
	Known metrics.Attributes
}

// MeasuredFact is a fact and the events that told of it.
type MeasuredFact struct {
	metrics.Fact
	Events []event.Event
}

// MeasuredCustomer is the facts of a customer, an id.Customer or id.MetricUser, and their
// movements.
func (r *Reader) MeasuredCustomer(ctx context.Context, acc id.Account, who int64, set metrics.Set) (MeasuredHistory, error) {
	q, err := r.measuring(ctx, acc, Measure{Set: set, Grain: metrics.ByMonth})
	if err != nil {
		return MeasuredHistory{}, err
	}
	return view(ctx, r, func(tx *db.Tx) (MeasuredHistory, error) {
		out := MeasuredHistory{Set: set, Zone: q.state.Zone}
		facts, err := metrics.FactsOf(tx, acc, []int64{who})
		if err != nil {
			return out, err
		}
		if len(facts[who]) == 0 {
			return out, fault.New(fault.NotFound, "nothing was measured of such a customer")
		}
		if out.Terms, err = metrics.TermsNamed(tx, acc, facts[who]); err != nil {
			return out, err
		}
		known, err := metrics.AttributesOf(tx, acc, []int64{who})
		if err != nil {
			return out, err
		}
		out.Known = known[who]
		subjects := map[int64]bool{}
		for _, f := range facts[who] {
			subjects[f.Subject] = true
		}
		told, err := event.OfSubjects(tx, acc, []int64{who}, slices.Sorted(maps.Keys(subjects)))
		if err != nil {
			return out, err
		}
		for _, f := range facts[who] {
			one := MeasuredFact{Fact: f}
			for _, e := range told[f.Subject] {
				if e.At.Equal(f.Time()) {
					one.Events = append(one.Events, e)
				}
			}
			out.Facts = append(out.Facts, one)
		}
		d := metrics.NewDeriver(set, q.state.Location(), out.Terms.Length)
		out.Lines = slices.Clone(d.Lines(facts[who]))
		return out, nil
	})
}

// PlanNames are what the plans of terms are called.
func (r *Reader) PlanNames(ctx context.Context, acc id.Account, book metrics.Book) (map[int64]string, error) {
	return view(ctx, r, func(tx *db.Tx) (map[int64]string, error) {
		names, _, err := namesOfPlans(tx, acc, plansIn(book))
		return names, err
	})
}
