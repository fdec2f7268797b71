package report

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
)

// Measure is what figures are asked for.
type Measure struct {
	Set    metrics.Set
	Grain  metrics.Grain
	From   time.Time // any instant of the first period; zero for the first that there is, or a month of days
	To     time.Time // any instant of the last period; zero, and whatever lies ahead, for the running one
	Filter metrics.Filter
}

// Figures are the points of periods that follow each other, oldest first.
type Figures struct {
	Set      metrics.Set
	Grain    metrics.Grain
	Zone     string
	Currency money.Currency
	Complete bool // false while what was sold before is still being measured
	Today    metrics.Day
	Points   []metrics.Point
}

// Bounds of what is asked for.
const (
	maxMonths = 240
	maxDays   = 1100
)

// measuring is a question on its way.
type measuring struct {
	Measure
	state    metrics.State
	now      time.Time // of the account
	today    metrics.Day
	from, to metrics.Day // the first day of the first period and the last that counts
}

// Metrics are the figures of an account. Those of the default set for the company or a plan
// are read from roll-ups; all others are counted in memory.
func (r *Reader) Metrics(ctx context.Context, acc id.Account, m Measure) (Figures, error) {
	q, err := r.measuring(ctx, acc, m)
	if err != nil {
		return Figures{}, err
	}
	out := Figures{Set: m.Set, Grain: m.Grain, Zone: q.state.Zone, Currency: q.state.Currency, Complete: q.state.Complete, Today: q.today}
	var periods metrics.Periods
	if m.Set == metrics.ProfitWell && m.Filter.OnlyPlan() {
		err = r.db.View(ctx, func(tx *db.Tx) (err error) {
			periods, err = q.standing(tx)
			return err
		})
	} else {
		periods, err = r.counted(ctx, q)
	}
	if err != nil {
		return out, err
	}
	points := metrics.Series(m.Set, m.Grain, periods)
	first := int32(q.from)
	if m.Grain == metrics.ByMonth {
		first = int32(q.from.Month())
	}
	out.Points = slices.DeleteFunc(points, func(p metrics.Point) bool { return p.Period < first })
	return out, nil
}

// measuring settles which periods are asked for.
func (r *Reader) measuring(ctx context.Context, acc id.Account, m Measure) (*measuring, error) {
	q := &measuring{Measure: m}
	var first metrics.Month
	err := r.db.View(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, acc)
		if err != nil {
			return err
		}
		if q.state, err = metrics.LoadState(tx, acc, a.Zone, a.Currency); err != nil {
			return err
		}
		q.now = a.Now(r.clock.Now())
		q.today = metrics.DayOf(q.now.In(q.state.Location()))
		if first, err = metrics.FirstMonth(tx, acc); err != nil {
			return err
		}
		return knows(tx, acc, m.Filter)
	})
	if err != nil {
		return nil, err
	}
	day := func(t time.Time, none metrics.Day) metrics.Day {
		if t.IsZero() {
			return none
		}
		return metrics.DayOf(t.In(q.state.Location()))
	}
	q.to = min(day(m.To, q.today), q.today)
	if m.Grain == metrics.ByDay {
		q.from = day(m.From, q.to-30)
		if q.to-q.from >= maxDays {
			return nil, fault.BadField("from", "must be at most %d days before the end", maxDays)
		}
	} else {
		if first == 0 {
			first = q.to.Month()
		}
		q.from = max(day(m.From, first.First()), first.First()).Month().First()
		q.from = max(q.from, (q.to.Month() - maxMonths + 1).First())
		q.to = min((q.to.Month()+1).First()-1, q.today)
	}
	if q.from > q.to {
		q.from = q.to
		if m.Grain == metrics.ByMonth {
			q.from = q.to.Month().First()
		}
	}
	return q, nil
}

// scope is which roll-ups answer the question.
func (q *measuring) scope() (metrics.Scope, int64) {
	if q.Filter.Plan != 0 {
		return metrics.Plan, q.Filter.Plan
	}
	return metrics.Company, 0
}

// standing reads the roll-ups: a first cell of all that came before, and those of the
// periods, with earlier ones that averages go back to.
func (q *measuring) standing(tx *db.Tx) (metrics.Periods, error) {
	from := q.begin()
	p := metrics.Room(q.Grain, from-1, q.to)
	scope, of := q.scope()
	month := q.to.Month()
	if q.Grain == metrics.ByDay {
		month = from.Month()
	}
	add := func(period int32, c *metrics.Cell) {
		p.Cells[max(period-p.From, 0)].Add(c, 1)
	}
	months := func(period int32, c *metrics.Cell) {
		if q.Grain == metrics.ByDay {
			period = p.From
		}
		add(period, c)
	}
	if err := metrics.Rollups(tx, q.state.Account, metrics.ByMonth, scope, of, int32(month)-1, months); err != nil {
		return p, err
	}
	return p, metrics.RollupsOfDays(tx, q.state.Account, scope, of, month.First(), q.to, func(d metrics.Day, c *metrics.Cell) {
		if q.Grain == metrics.ByDay {
			add(int32(d), c)
		} else {
			add(int32(d.Month()), c)
		}
	})
}

// begin is the first day that the figures are computed from: averages go back half a year,
// and sums of a month begin with it.
func (q *measuring) begin() metrics.Day {
	if q.Grain == metrics.ByDay {
		return q.from.Month().First()
	}
	return (q.from.Month() - 6).First()
}

// counted counts what a filter leaves in memory.
func (r *Reader) counted(ctx context.Context, q *measuring) (metrics.Periods, error) {
	from := q.begin()
	p := metrics.Room(q.Grain, from-1, q.to)
	places := p.Places(q.Grain, from-1, q.to)
	return p, r.columns(ctx, q.state, q.Set, func(c *metrics.Columns) {
		c.Sum(q.Filter, from-1, places, p.Cells)
	})
}

// copies are the lines that are kept in memory, of at most metrics.MaxLines lines together.
type copies struct {
	mu   sync.Mutex
	held map[copyKey]*held
	uses int64
}

type copyKey struct {
	account id.Account
	set     metrics.Set
}

type held struct {
	mu   sync.Mutex
	copy *metrics.Copy // nil until it is made
	used int64
	size int
}

// entry is what is held of an account, which the caller locks.
func (c *copies) entry(k copyKey) *held {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.held = map[copyKey]*held{}
	}
	h := c.held[k]
	if h == nil {
		h = &held{}
		c.held[k] = h
	}
	c.uses++
	h.used = c.uses
	return h
}

// grew notes how large an entry has become, and lets those go that were not used for the
// longest time when all are too large together.
func (c *copies) grew(h *held, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.size = size
	for {
		total := 0
		var oldest copyKey
		var least *held
		for k, o := range c.held {
			total += o.size
			if o != h && o.size > 0 && (least == nil || o.used < least.used) {
				oldest, least = k, o
			}
		}
		if total <= metrics.MaxLines || least == nil {
			return
		}
		delete(c.held, oldest)
	}
}

// columns calls do with all lines of an account by a set, as of now. It waits for whoever
// is deriving them.
func (r *Reader) columns(ctx context.Context, s metrics.State, set metrics.Set, do func(*metrics.Columns)) error {
	list, err := r.held(ctx, s, set)
	if metrics.IsTooLarge(err) {
		return r.streamed(ctx, s, set, do)
	}
	for _, c := range list {
		do(c)
	}
	return err
}

func (r *Reader) held(ctx context.Context, s metrics.State, set metrics.Set) ([]*metrics.Columns, error) {
	h := r.copies.entry(copyKey{s.Account, set})
	h.mu.Lock()
	defer h.mu.Unlock()
	fresh := h.copy != nil
	if fresh {
		err := r.db.View(ctx, func(tx *db.Tx) (err error) {
			fresh, err = h.copy.Refresh(tx)
			return err
		})
		if err != nil {
			h.copy = nil
			return nil, err
		}
	}
	if !fresh {
		h.copy = nil
		made, err := metrics.NewCopy(ctx, r.db.View, s, set)
		if err != nil {
			return nil, err
		}
		h.copy = made
	}
	list := h.copy.Columns()
	size := 0
	for _, c := range list {
		size += c.Len()
	}
	r.copies.grew(h, size)
	return list, nil
}

// streamLines is how many lines of an account that is too large to be kept are counted at
// a time.
const streamLines = 1_000_000

func (r *Reader) streamed(ctx context.Context, s metrics.State, set metrics.Set, do func(*metrics.Columns)) error {
	part := metrics.NewColumns()
	err := metrics.Stream(ctx, r.db.View, s, set, func(book metrics.Book, customer int64, known metrics.Attributes, lines []metrics.Line) error {
		if part.Len()+len(lines) > streamLines {
			do(part)
			part = metrics.NewColumns()
		}
		part.Add(customer, known, lines, book)
		return nil
	})
	do(part)
	return err
}

// PlanFigures is what a plan brings now.
type PlanFigures struct {
	Plan      int64 // id.Price, or id.MetricPlan when Pushed
	Pushed    bool
	Name      string
	Revenue   int64 // recurring, minor units
	Customers int64
}

// MeasuredPlans are the plans that have paying customers, those that bring most first.
func (r *Reader) MeasuredPlans(ctx context.Context, acc id.Account, limit int) ([]PlanFigures, error) {
	q, err := r.measuring(ctx, acc, Measure{Grain: metrics.ByMonth})
	if err != nil {
		return nil, err
	}
	revenue, _ := metrics.MetricOf("recurring_revenue")
	customers, _ := metrics.MetricOf("active_customers")
	sums := map[int64]*metrics.Cell{}
	var list []PlanFigures
	err = r.db.View(ctx, func(tx *db.Tx) error {
		if err := metrics.RollupsOf(tx, acc, metrics.ByMonth, metrics.Plan, func(k metrics.Key, c *metrics.Cell) {
			if sums[k.Of] == nil {
				sums[k.Of] = new(metrics.Cell)
			}
			if metrics.Month(k.Period) < q.today.Month() {
				sums[k.Of].Add(c, 1)
			}
		}); err != nil {
			return err
		}
		for _, plan := range planIDs(sums) {
			err := metrics.RollupsOfDays(tx, acc, metrics.Plan, plan, q.today.Month().First(), q.today, func(_ metrics.Day, c *metrics.Cell) {
				sums[plan].Add(c, 1)
			})
			if err != nil {
				return err
			}
		}
		for plan, c := range sums {
			if n := customers.Weights.Of(c); n > 0 {
				list = append(list, PlanFigures{Plan: plan, Revenue: revenue.Weights.Of(c), Customers: n})
			}
		}
		slices.SortFunc(list, func(a, b PlanFigures) int {
			return cmp.Or(cmp.Compare(b.Revenue, a.Revenue), cmp.Compare(a.Plan, b.Plan))
		})
		list = list[:min(len(list), limit)]
		return planNames(tx, acc, list)
	})
	return list, err
}

func planIDs(sums map[int64]*metrics.Cell) (list []int64) {
	for plan := range sums {
		list = append(list, plan)
	}
	slices.Sort(list)
	return list
}
