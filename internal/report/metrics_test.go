package report_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/period"
	"perennial/internal/report"
)

// earned is an account with random facts of some months.
type earned struct {
	*testing.T
	db     *db.DB
	acc    id.Account
	r      *report.Reader
	random *rand.Rand
}

func newEarned(t *testing.T, d *db.DB, zone string) *earned {
	e := &earned{t, d, id.New[id.Account](), report.New(d, clock.NewManual(time.Date(2026, 7, 20, 9, 0, 0, 0, time.UTC))), rand.New(rand.NewPCG(11, 5))}
	e.update(func(tx *db.Tx) error {
		for plan, code := range []string{"gold", "silver", "bronze"} {
			if err := metrics.InsertPlan(tx, metrics.PushedPlan{ID: id.MetricPlan(plan + 1), Account: e.acc, Code: code, Name: code}); err != nil {
				return err
			}
		}
		return account.Insert(tx, account.Account{ID: e.acc, Name: "Acme", Mode: account.Live, Currency: "EUR", Zone: zone, Email: "help@example.com", CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	})
	return e
}

func (e *earned) update(fn func(tx *db.Tx) error) {
	e.Helper()
	if err := e.db.Update(context.Background(), fn); err != nil {
		e.Fatal(err)
	}
}

// live adds random facts, of which some lie ahead.
func (e *earned) live(writes int) {
	e.Helper()
	countries := []string{"DE", "FR", "US"}
	for range writes {
		var list []metrics.Entry
		for range 6 {
			c := int64(1 + e.random.IntN(30))
			f := metrics.Fact{Customer: c, Subject: 10*c + int64(e.random.IntN(2)), Rate: metrics.SameCurrency, Cause: metrics.TermsChanged, Value: []int64{0, 700, 900, 1000}[e.random.IntN(4)],
				At:    time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() + e.random.Int64N(215*24*3600)*1_000_000,
				Flags: []metrics.Flags{0, 0, 0, metrics.OnTrial, metrics.Ending, metrics.Late, metrics.Unwilled}[e.random.IntN(7)]}
			if f.Lasting = f.Value; f.Flags&metrics.OnTrial != 0 {
				f.Value, f.Lasting = 0, 0
			}
			list = append(list, metrics.Entry{Fact: f, As: metrics.Terms{Plan: int64(1 + e.random.IntN(3)), Coupon: int64(e.random.IntN(2)), Currency: "EUR",
				Interval: period.Interval{Unit: []period.Unit{period.Month, period.Year}[e.random.IntN(2)], Count: 1}}})
		}
		e.update(func(tx *db.Tx) error {
			_, err := metrics.Append(tx, metrics.Write{Account: e.acc, Zone: "UTC", Currency: "EUR", Now: time.Unix(1_780_000_000, 0), Entries: list, Known: func(_ *db.Tx, customers []int64) (map[int64]metrics.Attributes, error) {
				known := map[int64]metrics.Attributes{}
				for _, c := range customers {
					known[c] = metrics.Attributes{metrics.Country: countries[c%3]}
				}
				return known, nil
			}})
			return err
		})
	}
}

func (e *earned) figures(m report.Measure) report.Figures {
	e.Helper()
	f, err := e.r.Metrics(e.Context(), e.acc, m)
	if err != nil {
		e.Fatal(err)
	}
	return f
}

// same compares the figures of two questions, of the metrics that keep.
func (e *earned) same(what string, a, b report.Figures, keep func(metrics.Metric) bool) {
	e.Helper()
	if len(a.Points) != len(b.Points) || len(a.Points) == 0 {
		e.Fatalf("%s: %d and %d points", what, len(a.Points), len(b.Points))
	}
	for i := range a.Points {
		for _, m := range metrics.Metrics() {
			if x, y := a.Points[i].Value(m), b.Points[i].Value(m); x != y && keep(m) {
				e.Errorf("%s: %s of %d is %v and %v", what, m.Name, a.Points[i].Period, x, y)
			}
		}
	}
}

// sum adds up the points of figures.
func sum(list []report.Figures) report.Figures {
	out := list[0]
	out.Points = append([]metrics.Point{}, out.Points...)
	for _, f := range list[1:] {
		for i := range f.Points {
			out.Points[i].Cell.Add(&f.Points[i].Cell, 1)
			out.Points[i].Before.Add(&f.Points[i].Before, 1)
			out.Points[i].Month.Add(&f.Points[i].Month, 1)
		}
	}
	return out
}

func every(metrics.Metric) bool { return true }

// TestFigures says that every way to count the same comes to the same.
func TestFigures(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		e := newEarned(t, open(), "America/New_York")
		e.live(40)
		for _, set := range metrics.Sets() {
			months := e.figures(report.Measure{Set: set, Grain: metrics.ByMonth})
			days := e.figures(report.Measure{Set: set, Grain: metrics.ByDay, From: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)})
			if len(months.Points) != 8 && len(months.Points) != 7 {
				t.Fatalf("%d months", len(months.Points))
			}
			e.daysSum(set, months, days)
			// A filter that leaves everything is counted in memory, and comes to the same.
			all := e.figures(report.Measure{Set: set, Grain: metrics.ByMonth, Filter: metrics.Filter{Currency: "EUR"}})
			e.same(set.String()+" in memory", months, all, every)
			all = e.figures(report.Measure{Set: set, Grain: metrics.ByDay, From: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC), Filter: metrics.Filter{Currency: "EUR"}})
			e.same(set.String()+" in memory, by day", days, all, every)
			e.parts(set, months)
		}
		for plan := int64(1); plan <= 3; plan++ {
			rolled := e.figures(report.Measure{Grain: metrics.ByMonth, Filter: metrics.Filter{Plan: plan}})
			counted := e.figures(report.Measure{Grain: metrics.ByMonth, Filter: metrics.Filter{Plan: plan, Currency: "EUR"}})
			e.same("a plan", rolled, counted, every)
		}
		before := e.figures(report.Measure{Grain: metrics.ByMonth})
		e.live(3) // what is kept in memory follows
		after := e.figures(report.Measure{Grain: metrics.ByMonth})
		e.same("after more", after, e.figures(report.Measure{Grain: metrics.ByMonth, Filter: metrics.Filter{Currency: "EUR"}}), every)
		if before.Points[6] == after.Points[6] {
			t.Error("nothing changed")
		}
		e.cohorts(after)
	})
}

// daysSum says that the days of a month add up to it, and that movements are what changed.
func (e *earned) daysSum(set metrics.Set, months, days report.Figures) {
	e.Helper()
	for _, m := range months.Points {
		var cell metrics.Cell
		for _, d := range days.Points {
			if metrics.Day(d.Period).Month() == metrics.Month(m.Period) {
				cell.Add(&d.Cell, 1)
			}
		}
		if first := metrics.Month(m.Period); first.First() >= metrics.Day(days.Points[0].Period) && cell != m.Cell {
			e.Errorf("%s: the days of %s come to %+v, the month to %+v", set, first, cell, m.Cell)
		}
		value := func(name string) int64 {
			metric, _ := metrics.MetricOf(name)
			return m.Value(metric).N
		}
		if value("recurring_revenue") != value("existing_recurring_revenue")+value("new_recurring_revenue")+value("reactivated_recurring_revenue")+
			value("upgraded_recurring_revenue")+value("downgraded_recurring_revenue")+value("churned_recurring_revenue") {
			e.Errorf("%s: the movements of %s are not what changed", set, metrics.Month(m.Period))
		}
		if value("active_customers") != value("existing_customers")+value("new_customers")+value("reactivated_customers")-value("churned_customers") {
			e.Errorf("%s: the customers of %s do not add up", set, metrics.Month(m.Period))
		}
	}
}

// parts says that plans add up in revenue, and countries in everything that is not a share.
func (e *earned) parts(set metrics.Set, whole report.Figures) {
	e.Helper()
	var plans, countries []report.Figures
	for plan := int64(1); plan <= 3; plan++ {
		plans = append(plans, e.figures(report.Measure{Set: set, Grain: metrics.ByMonth, Filter: metrics.Filter{Plan: plan}}))
	}
	for _, c := range []string{"DE", "FR", "US"} {
		countries = append(countries, e.figures(report.Measure{Set: set, Grain: metrics.ByMonth, Filter: metrics.Filter{Traits: map[string]string{metrics.Country: c}}}))
	}
	e.same(set.String()+" by plan", whole, sum(plans), func(m metrics.Metric) bool { return m.Unit == metrics.Money && m.Span != metrics.Derived })
	e.same(set.String()+" by country", whole, sum(countries), func(m metrics.Metric) bool { return m.Span != metrics.Derived })
}

// cohorts says that the cohorts together are the company.
func (e *earned) cohorts(f report.Figures) {
	e.Helper()
	c, err := e.r.Cohorts(e.Context(), e.acc, 0)
	if err != nil {
		e.Fatal(err)
	}
	var customers, revenue int64
	for _, row := range c.Rows {
		customers += row.Customers[len(row.Customers)-1]
		revenue += row.Revenue[len(row.Revenue)-1]
	}
	last := f.Points[len(f.Points)-1]
	active, _ := metrics.MetricOf("active_customers")
	mrr, _ := metrics.MetricOf("recurring_revenue")
	// The roll-ups of cohorts are by whole months: what lies ahead in this one is in them.
	whole := e.figures(report.Measure{Grain: metrics.ByMonth, To: time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)})
	if len(c.Rows) == 0 || customers == 0 && revenue == 0 && last.Value(active).N+last.Value(mrr).N > 0 {
		e.Errorf("the cohorts hold %d customers and %d", customers, revenue)
	}
	var june int64
	for _, row := range c.Rows {
		if at := int(whole.Points[len(whole.Points)-1].Period) - int(row.Month); at >= 0 && at < len(row.Revenue) {
			june += row.Revenue[at]
		}
	}
	if want := whole.Points[len(whole.Points)-1].Value(mrr).N; june != want {
		e.Errorf("the cohorts bring %d in June, the company %d", june, want)
	}
}

// TestExplanationsAddUp opens every figure, by every set and for filters.
func TestExplanationsAddUp(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		e := newEarned(t, open(), "Europe/Berlin")
		e.live(25)
		june := time.Date(2026, 6, 9, 12, 0, 0, 0, time.UTC)
		for _, set := range metrics.Sets() {
			for _, filter := range []metrics.Filter{{}, {Plan: 2}, {Traits: map[string]string{metrics.Country: "FR"}, Interval: "year"}} {
				for _, grain := range []metrics.Grain{metrics.ByMonth, metrics.ByDay} {
					for _, m := range metrics.Metrics() {
						if m.Span == metrics.Derived {
							continue
						}
						got, err := e.r.Explain(t.Context(), e.acc, report.Measure{Set: set, Grain: grain, To: june, Filter: filter}, m.Name, 0, 1000)
						if err != nil {
							t.Fatal(err)
						}
						var shares int64
						for _, s := range got.Shares {
							shares += s.N
						}
						if got.Sum != got.Value.N || shares != got.Value.N || len(got.Shares) != got.Customers {
							t.Errorf("%s %s %+v: the value is %d, all that is behind it %d, of %d customers %d", set, m.Name, filter, got.Value.N, got.Sum, got.Customers, shares)
						}
					}
				}
			}
		}
		rate, err := e.r.Explain(t.Context(), e.acc, report.Measure{Grain: metrics.ByMonth, To: june}, "growth_rate", 0, 10)
		if err != nil || len(rate.Inputs) != 2 || len(rate.Others) != 3 {
			t.Errorf("%+v %v", rate, err)
		}
	})
}
