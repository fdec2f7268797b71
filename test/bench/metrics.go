package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/compat/profitwell"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// B8: the figures of three years of a business with many subscriptions.

const (
	factsEach      = 10 // of a subscription
	measuredPlans  = 20
	standingAsked  = 2000 // standing questions of a round
	filteredAsked  = 5    // questions with a filter of a round
	standingAtMost = 5 * time.Millisecond
)

var countries = []string{"DE", "FR", "US", "GB", "JP", "BR", "IN", "CA"}

// measuredHouse is a store of facts, of which nothing was counted yet.
type measuredHouse struct {
	db    *db.DB
	acc   id.Account
	token string
	s     *commerce.Service
	r     *report.Reader
	door  http.Handler
	pids  []int
	plan  id.MetricPlan
}

func (b *bench) metrics(ctx context.Context, engine string) error {
	h, err := b.measuredOn(ctx, engine)
	if err != nil {
		return err
	}
	defer h.db.Close() //nolint:errcheck // what it holds is thrown away
	for round := range b.rounds {
		b.note("B8 %s round %d", engine, round+1)
		if err := b.rebuilt(ctx, h, engine, round); err != nil {
			return err
		}
	}
	if err := b.standing(ctx, h, engine); err != nil {
		return err
	}
	return b.filtered(ctx, h, engine)
}

func (b *bench) measuredOn(ctx context.Context, engine string) (*measuredHouse, error) {
	h := &measuredHouse{acc: id.New[id.Account]()}
	url := filepath.Join(b.dir, "measured.db")
	if engine == db.PostgreSQL {
		c, err := b.postgres(ctx)
		if err != nil {
			return nil, err
		}
		if err := c.admin(ctx, "create database measured"); err != nil {
			return nil, err
		}
		url, h.pids = c.url("measured"), []int{c.pid()}
	}
	var err error
	if h.db, err = open(ctx, url); err != nil {
		return nil, err
	}
	machine := clock.NewManual(started.AddDate(3, 0, 0))
	h.s = commerce.New(h.db, machine, map[string]payment.Gateway{}, nil, silent())
	h.r = report.New(h.db, machine)
	h.door = profitwell.New(h.s, h.r, profitwell.Options{Clock: machine, Log: silent(), Rate: 1 << 30})
	if err := h.seed(ctx, b.measured); err != nil {
		return nil, err
	}
	k, err := h.s.CreateDoorKey(ctx, commerce.CreateDoorKey{Call: commerce.Call{Account: h.acc, Actor: event.Actor{Kind: event.ByOperator, Name: "bench"}}, Dialect: account.ProfitWell, Name: "bench"})
	h.token = k.Key
	return h, err
}

// seed writes the facts of subscriptions, ten of each over three years.
func (h *measuredHouse) seed(ctx context.Context, subs int) error {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same in every run
	facts := db.NewTable("metric_fact", db.Int("account_id"), db.Int("customer_id"), db.Int("at"), db.Int("id"), db.Int("seq"), db.Int("subject_id"), db.Int("cause"), db.Int("flags"),
		db.Int("terms_id"), db.Int("value"), db.Int("lasting"), db.Int("rate"), db.Int("voids"))
	people := db.NewTable("metric_customer", db.Int("account_id"), db.Int("customer_id"), db.Int("seq"), db.Text("attributes"), db.Int("updated_at"))
	terms := db.NewTable("metric_terms", db.Int("account_id"), db.Int("id"), db.Int("plan_id"), db.Bool("pushed"), db.Int("campaign_id"), db.Int("coupon_id"), db.Text("every"), db.Text("currency"))
	err := h.db.Update(ctx, func(tx *db.Tx) error {
		if err := account.Insert(tx, account.Account{ID: h.acc, Name: "Measured", Mode: account.Live, Currency: "EUR", Zone: "Europe/Berlin", Email: "help@example.com", CreatedAt: started}); err != nil {
			return err
		}
		for p := range measuredPlans {
			made := metrics.PushedPlan{ID: id.MetricPlan(p + 1), Account: h.acc, Code: fmt.Sprint("plan", p), Name: fmt.Sprint("Plan ", p), Listed: true, CreatedAt: started}
			if err := metrics.InsertPlan(tx, made); err != nil {
				return err
			}
		}
		if _, err := tx.Exec("insert into metric_state (account_id, seq, zone, currency, complete) values ($1, $2, $3, $4, $5)", h.acc, 1, "Europe/Berlin", "EUR", true); err != nil {
			return err
		}
		return tx.Insert(terms, measuredPlans, func(i int, r *db.Row) {
			r.Int(int64(h.acc))
			r.Int(int64(i + 1))
			r.Int(int64(i + 1))
			r.Bool(true)
			r.Int(0)
			r.Int(0)
			r.Text([]string{"month", "year"}[i%2])
			r.Text("EUR")
		})
	})
	h.plan = 7
	const batch = 2000
	span := started.AddDate(3, 0, 0).Sub(started).Microseconds()
	for from := 0; from < subs && err == nil; from += batch {
		n := min(batch, subs-from)
		rows := make([][factsEach][4]int64, n) // instant, plan, value, whether it ended
		for i := range rows {
			at := started.UnixMicro() + random.Int64N(span/2)
			for k := range factsEach {
				at += 1 + random.Int64N(span/2/factsEach)
				rows[i][k] = [4]int64{at, 1 + random.Int64N(measuredPlans), 500 + 100*random.Int64N(50), 0}
				if random.IntN(8) == 0 {
					rows[i][k][2], rows[i][k][3] = 0, 1
				}
			}
		}
		err = h.db.Update(ctx, func(tx *db.Tx) error {
			if err := tx.Insert(facts, n*factsEach, func(i int, r *db.Row) {
				who, f := int64(from+i/factsEach+1), rows[i/factsEach][i%factsEach]
				cause := int64(metrics.TermsChanged)
				if f[3] == 1 {
					cause = int64(metrics.Ended)
				}
				for _, v := range [...]int64{int64(h.acc), who, f[0], who*factsEach + int64(i%factsEach), 1, who, cause, 0, f[1], f[2], f[2], metrics.SameCurrency, 0} {
					r.Int(v)
				}
			}); err != nil {
				return err
			}
			_, err := tx.Put(people, "on conflict (account_id, customer_id) do nothing", n, func(i int, r *db.Row) {
				r.Int(int64(h.acc))
				r.Int(int64(from + i + 1))
				r.Int(1)
				r.Text(`{"country":"` + countries[(from+i)%len(countries)] + `"}`)
				r.Int(started.UnixMicro())
			}, nil)
			return err
		})
	}
	return err
}

// bareRead reads all facts once, in the order of their key, and does nothing with them.
func (h *measuredHouse) bareRead(ctx context.Context) (n int, err error) {
	var last [3]int64
	for {
		read := 0
		err := h.db.View(ctx, func(tx *db.Tx) error {
			read = 0
			var v [12]int64
			return tx.Each(func(row db.Scan) error {
				read++
				err := row(&v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9], &v[10], &v[11])
				last = [3]int64{v[0], v[1], v[2]}
				return err
			}, `select customer_id, at, id, seq, subject_id, cause, flags, terms_id, value, lasting, rate, voids from metric_fact
				where account_id = $1 and (customer_id, at, id) > ($2, $3, $4) order by customer_id, at, id limit $5`, h.acc, last[0], last[1], last[2], 20_000)
		})
		if n += read; err != nil || read < 20_000 {
			return n, err
		}
	}
}

// rebuilt counts all figures anew, beside one bare read of the same facts.
func (b *bench) rebuilt(ctx context.Context, h *measuredHouse, engine string, round int) error {
	facts := b.measured * factsEach
	floor, product, err := b.turn(round, func() (figures, error) {
		return watch(facts, h.pids, func() error {
			n, err := h.bareRead(ctx)
			if err == nil && n != facts {
				err = fmt.Errorf("%d facts were read, not %d", n, facts)
			}
			return err
		})
	}, func() (figures, error) {
		return watch(facts, h.pids, func() error {
			_, err := h.s.RebuildMetrics(ctx, h.acc, round > 0)
			return err
		})
	})
	if err != nil {
		return err
	}
	b.contest("B8 rebuild, "+engine, 1/1.3).add(floor, product)
	return nil
}

// contest is the contest of a name, made when it is asked for first.
func (b *bench) contest(name string, goal float64) *contest {
	for _, c := range b.contests {
		if c.name == name {
			return c
		}
	}
	c := &contest{name: name, goal: goal}
	b.contests = append(b.contests, c)
	return c
}

// standing asks the door for figures of the company and of plans.
func (b *bench) standing(ctx context.Context, h *measuredHouse, engine string) error {
	var waits []time.Duration
	for i := range standingAsked {
		path := "/v2/metrics/monthly/"
		if i%2 == 1 {
			path += fmt.Sprintf("?plan_id=plan%d", i%measuredPlans)
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		r.Header.Set("Authorization", h.token)
		w := httptest.NewRecorder()
		began := time.Now()
		h.door.ServeHTTP(w, r)
		waits = append(waits, time.Since(began))
		if w.Code != http.StatusOK {
			return fmt.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	f := figures{waits: waits}
	p99 := f.percentile(0.99)
	b.missed = b.missed || p99 > standingAtMost
	b.note("B8 standing, %s: p50 %.2f ms, p99 %.2f ms, goal %.0f ms: %s", engine, ms(f.percentile(0.5)), ms(p99), ms(standingAtMost), verdict(p99 <= standingAtMost))
	return nil
}

// scanned is the movements as bare columns.
type scanned struct {
	month, kind, country, plan []uint8
	amount                     []int64
}

// filtered asks for a plan in a country, beside a bare scan of columns of the same movements.
func (b *bench) filtered(ctx context.Context, h *measuredHouse, engine string) error {
	m := report.Measure{Grain: metrics.ByMonth, Filter: metrics.Filter{Plan: int64(h.plan), Traits: map[string]string{metrics.Country: "DE"}}}
	if _, err := h.r.Metrics(ctx, h.acc, m); err != nil { // the copy is made by the first question
		return err
	}
	cols, err := h.columns(ctx)
	if err != nil {
		return err
	}
	for round := range b.rounds {
		floor, product, err := b.turn(round, func() (figures, error) {
			return watch(filteredAsked, h.pids, func() error {
				for range filteredAsked {
					if cols.sum(uint8(h.plan), 1) == 0 { // #nosec G115 -- one of twenty
						return fmt.Errorf("nothing was found")
					}
				}
				return nil
			})
		}, func() (figures, error) {
			return watch(filteredAsked, h.pids, func() error {
				for range filteredAsked {
					if _, err := h.r.Metrics(ctx, h.acc, m); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		b.contest("B8 filter, "+engine, 1.0/3).add(floor, product)
	}
	return nil
}

func (h *measuredHouse) columns(ctx context.Context) (*scanned, error) {
	c := &scanned{}
	first := metrics.DayOf(started).Month()
	state := metrics.State{}
	if err := h.db.View(ctx, func(tx *db.Tx) (err error) {
		state, err = metrics.LoadState(tx, h.acc, "UTC", "EUR")
		return err
	}); err != nil {
		return nil, err
	}
	numbers := map[string]uint8{}
	for i, code := range countries {
		numbers[code] = uint8(i + 1) // #nosec G115 -- eight of them
	}
	return c, metrics.Stream(ctx, h.db.View, state, metrics.ProfitWell, func(book metrics.Book, _ int64, known metrics.Attributes, lines []metrics.Line) error {
		for _, l := range lines {
			c.month = append(c.month, uint8(l.Day.Month()-first)) // #nosec G115 -- of three years
			c.kind = append(c.kind, uint8(l.Kind))
			c.country = append(c.country, numbers[known[metrics.Country]])
			c.plan = append(c.plan, uint8(book[l.Terms].Plan)) // #nosec G115 -- one of twenty
			c.amount = append(c.amount, l.Amount)
		}
		return nil
	})
}

// sum is what a bare program does: one pass over the columns, a sum for each month and kind.
func (c *scanned) sum(plan, country uint8) (found int64) {
	var sums [40][metrics.Kinds]int64
	var counts [40][metrics.Kinds]int64
	for i, m := range c.month {
		if c.plan[i] == plan && c.country[i] == country {
			sums[m][c.kind[i]] += c.amount[i]
			counts[m][c.kind[i]]++
			found++
		}
	}
	return found
}
