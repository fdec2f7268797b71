package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// B3, usage with one event a request, and B4, usage in lists: the product's own server
// over the loopback, against programs that keep the same rows and counters and know no
// rule. Keys are random, every tenth event repeats one that is stored already, and each
// event gets its answer.

const (
	usageSubs  = 2000 // over which the events are spread
	duplicates = 10   // one in so many
	usageUnits = 1_500_000
)

// usageDay is the day of new events, within the period that all seeded subscriptions
// are in; the stored ones lie on the eight days before.
var usageDay = time.Date(2026, 2, 9, 0, 0, 0, 0, time.UTC)

// sample is one event, known by its number: the first stored ones were there before.
type sample struct {
	sub int // number of the subscription
	key string
	at  time.Time
}

func sampleOf(n, stored int) sample {
	v := scattered(n)
	// Letters stand between, because one key of 100,000 would else look like a card number.
	s := sample{sub: int(v>>20) % usageSubs, key: fmt.Sprintf("%04xz%04xz%04xz%04x", v>>48, v>>32&0xffff, v>>16&0xffff, v&0xffff)}
	day := usageDay
	if n < stored {
		day = day.AddDate(0, 0, -1-n*8/stored)
	}
	s.at = day.Add(time.Duration(v>>12%86_400) * time.Second)
	return s
}

// numbered is the number of event i of a run: a new one, or for every tenth one that is
// stored already.
func numbered(i, stored int) (n int, again bool) {
	if i%duplicates == duplicates-1 {
		return int(scattered(i)>>16) % stored, true
	}
	return stored + i, false
}

// again is how many of the first n events of a run repeat one.
func again(n int) int { return n / duplicates }

// usageLoad is a run of requests with their bodies made ready.
type usageLoad struct {
	name    string
	clients int
	batch   int
	bodies  [][]byte
	events  int
	stored  int
}

func (b *bench) usageLoad(name string, clients, batch, events int, names []string, meter string) usageLoad {
	l := usageLoad{name: name, clients: clients, batch: batch, events: events, stored: b.events}
	for from := 0; from < events; from += batch {
		var body bytes.Buffer
		if batch > 1 {
			body.WriteString(`{"events":[`)
		}
		for i := from; i < from+batch; i++ {
			if i > from {
				body.WriteByte(',')
			}
			n, _ := numbered(i, b.events)
			s := sampleOf(n, b.events)
			fmt.Fprintf(&body, `{"subscription":%q,"meter":%q,"units":"1.5","at":%q,"key":%q}`, names[s.sub], meter, s.at.Format(time.RFC3339), s.key)
		}
		if batch > 1 {
			body.WriteString(`]}`)
		}
		l.bodies = append(l.bodies, body.Bytes())
	}
	return l
}

// send sends the requests and checks every answer.
func (l *usageLoad) send(ctx context.Context, c *caller, path func(i int) string, servers []int, duplicate *atomic.Int64) (figures, error) {
	f, err := load(ctx, l.clients, len(l.bodies), servers, func(ctx context.Context, i int) error {
		answer, err := c.send(ctx, http.MethodPost, path(i), l.bodies[i], http.StatusOK)
		if err != nil {
			return err
		}
		twice, once := bytes.Count(answer, []byte(`"outcome":"duplicate"`)), bytes.Count(answer, []byte(`"outcome":"counted"`))
		want := again((i+1)*l.batch) - again(i*l.batch)
		if twice != want || once != l.batch-want {
			return fmt.Errorf("request %d: %d duplicates and %d counted, expected %d and %d: %.300s", i, twice, once, want, l.batch-want, answer)
		}
		duplicate.Add(int64(twice))
		return nil
	})
	f.ops = l.events
	return f, err
}

// meteredHouse is a store with subscriptions, a meter and stored usage.
type meteredHouse struct {
	house
	meter id.Meter
}

func (b *bench) meteredOn(ctx context.Context, engine string) (*meteredHouse, error) {
	if h := b.metered[engine]; h != nil {
		return h, nil
	}
	h := &meteredHouse{}
	template := filepath.Join(b.dir, "metered.db")
	if engine == db.PostgreSQL {
		c, err := b.postgres(ctx)
		if err != nil {
			return nil, err
		}
		if err := c.admin(ctx, "create database metered_template"); err != nil {
			return nil, err
		}
		template = c.url("metered_template")
		h.pids = []int{c.pid()}
		h.copy = func(ctx context.Context) (string, error) {
			return c.url("metered_run"), c.copyOf(ctx, "metered_run", "metered_template")
		}
	} else {
		run := filepath.Join(b.dir, "metered-run.db")
		h.copy = func(context.Context) (string, error) { return run, copyFile(run, template) }
	}
	d, err := open(ctx, template)
	if err != nil {
		return nil, err
	}
	err = h.furnish(ctx, d, b.events)
	if e := d.Close(); err == nil {
		err = e
	}
	b.metered[engine] = h
	return h, err
}

// furnish makes the subscriptions and the stored usage.
func (h *meteredHouse) furnish(ctx context.Context, d *db.DB, stored int) error {
	var err error
	if h.seeded, err = seed(ctx, d, 1, usageSubs, started, plain); err != nil {
		return err
	}
	acc := h.accounts[0]
	m := usage.Meter{ID: id.New[id.Meter](), Account: acc, Code: "api-calls", Name: "API calls", Aggregation: usage.Sum, Late: usage.NextPeriod, State: usage.Active, CreatedAt: started}
	h.meter = m.ID
	err = d.Update(ctx, func(tx *db.Tx) error {
		list, err := subscription.List(tx, acc, subscription.Filter{Limit: usageSubs})
		for _, s := range list {
			h.subs = append(h.subs, s.ID)
		}
		if err != nil {
			return err
		}
		return usage.InsertMeter(tx, m)
	})
	const batch = 5000
	for from := 0; from < stored && err == nil; from += batch {
		records := make([]usage.Record, min(batch, stored-from))
		list := make([]*usage.Record, len(records))
		for i := range records {
			s := sampleOf(from+i, stored)
			records[i] = usage.Record{Account: acc, Subscription: h.subs[s.sub], Key: s.key, Meter: m.ID, At: s.at, Units: usageUnits, Outcome: usage.Counted, ReceivedAt: s.at}
			list[i] = &records[i]
		}
		err = d.Update(ctx, func(tx *db.Tx) error {
			var t usage.Tally
			for _, r := range list {
				t.Add(r, usage.Sum)
			}
			if err := usage.Insert(tx, list, func(int) {}); err != nil {
				return err
			}
			_, err := t.Count(tx, acc)
			return err
		})
	}
	return err
}

// usageSingle runs B3 on one engine.
func (b *bench) usageSingle(ctx context.Context, engine string) error {
	return b.usage(ctx, engine, []usageShape{{"B3 usage, 1 event, 64 clients", 64, 1, b.due / 2, 0.6}})
}

// usageLists runs B4 on one engine.
func (b *bench) usageLists(ctx context.Context, engine string) error {
	goal := 0.5
	if engine == db.PostgreSQL {
		goal = 0.7
	}
	return b.usage(ctx, engine, []usageShape{{"B4 usage, lists of 100", 8, 100, 2 * b.due, goal}, {"B4 usage, lists of 500", 4, 500, 2 * b.due, goal}})
}

type usageShape struct {
	name           string
	clients, batch int
	events         int
	goal           float64
}

func (b *bench) usage(ctx context.Context, engine string, shapes []usageShape) error {
	h, err := b.meteredOn(ctx, engine)
	if err != nil {
		return err
	}
	floor, err := b.usageFloor(ctx, engine)
	if err != nil {
		return err
	}
	names := make([]string, len(h.subs))
	for i, s := range h.subs {
		names[i] = s.String()
	}
	for _, shape := range shapes {
		c := &contest{name: shape.name + ", " + engine, goal: shape.goal}
		events := shape.events / (shape.batch * duplicates) * shape.batch * duplicates
		events = max(events, shape.batch*duplicates)
		l := b.usageLoad(c.name, shape.clients, shape.batch, events, names, h.meter.String())
		if engine == db.PostgreSQL && shape.batch == 1 {
			c.goal = 0 // the floor is of the other engine
		}
		replays := &contest{name: "B4 the same again, " + fmt.Sprint(shape.batch) + ", " + engine, goal: 0.8}
		for n := range b.rounds {
			var replay figures
			f, p, err := b.turn(n, func() (figures, error) { return floor(ctx, l, shape) }, func() (f figures, err error) {
				f, replay, err = b.usageInProduct(ctx, h, l)
				return f, err
			})
			if err != nil {
				return err
			}
			b.note("%s, round %d: floor %.0f/s, product %.0f/s, the same again %.0f/s", c.name, n+1, f.rate(), p.rate(), replay.rate())
			c.add(f, p)
			replays.add(p, replay)
		}
		b.contests = append(b.contests, c)
		if shape.batch > 1 {
			b.contests = append(b.contests, replays)
		}
	}
	b.note("%d events were stored before, of %d subscriptions; keys are random", b.events, usageSubs)
	return nil
}

// usageInProduct sends a run to the product, audits what it kept, and sends lists once
// more, which changes nothing.
func (b *bench) usageInProduct(ctx context.Context, h *meteredHouse, l usageLoad) (f, replay figures, err error) {
	p, err := h.serve(ctx, l.clients)
	if err != nil {
		return f, replay, err
	}
	path := func(int) string { return "/v1/usage" }
	if l.batch == 1 {
		l.bodies, path = h.ofOne(l)
	}
	var twice atomic.Int64
	stop := b.profile(fmt.Sprintf("%s-usage-%d", p.db.Engine(), l.batch))
	f, err = l.send(ctx, p.caller, path, h.pids, &twice)
	stop()
	if err == nil {
		err = h.audit(ctx, p.db, int64(l.stored+l.events)-twice.Load())
	}
	if err == nil && l.batch > 1 {
		replay, err = load(ctx, l.clients, len(l.bodies), h.pids, func(ctx context.Context, i int) error {
			answer, err := p.send(ctx, http.MethodPost, path(i), l.bodies[i], http.StatusOK)
			if err == nil && bytes.Count(answer, []byte(`"outcome":"duplicate"`)) != l.batch {
				err = fmt.Errorf("not all of request %d are duplicates: %.300s", i, answer)
			}
			return err
		})
		replay.ops = l.events
		if err == nil {
			err = h.audit(ctx, p.db, int64(l.stored+l.events)-twice.Load())
		}
	}
	return f, replay, errors.Join(err, p.close())
}

// ofOne turns the requests into those for the usage of one subscription.
func (h *meteredHouse) ofOne(l usageLoad) ([][]byte, func(i int) string) {
	paths, bodies := make([]string, len(l.bodies)), make([][]byte, len(l.bodies))
	for i, body := range l.bodies {
		n, _ := numbered(i, l.stored)
		name := h.subs[sampleOf(n, l.stored).sub].String()
		paths[i] = "/v1/subscriptions/" + name + "/usage"
		bodies[i] = bytes.Replace(body, []byte(`"subscription":"`+name+`",`), nil, 1)
	}
	return bodies, func(i int) string { return paths[i] }
}

// audit compares the stored records with those that were acknowledged, and every
// counter with a recount.
func (h *meteredHouse) audit(ctx context.Context, d *db.DB, records int64) error {
	for _, check := range []struct {
		query string
		want  int64
	}{
		{"select count(*) from usage_record where account_id = $1 and outcome = 'counted'", records},
		{"select count(*) from usage_record where account_id = $1", records},
		{"select cast(sum(events) as bigint) from usage_counter where account_id = $1", records},
		{"select cast(sum(value) as bigint) from usage_counter where account_id = $1", records * usageUnits},
		{`select count(*) from (select subscription_id, meter_id, period, sum(units) as units, count(*) as events from usage_record where account_id = $1
			group by subscription_id, meter_id, period) r left join usage_counter c on c.account_id = $1 and c.subscription_id = r.subscription_id
			and c.meter_id = r.meter_id and c.period = r.period where c.value is null or c.value <> r.units or c.events <> r.events`, 0},
	} {
		var got int64
		err := d.View(ctx, func(tx *db.Tx) error { return tx.One([]any{&got}, check.query, h.accounts[0]) })
		if err != nil {
			return err
		}
		if got != check.want {
			return fmt.Errorf("%d, expected %d: %s", got, check.want, check.query)
		}
	}
	return nil
}
