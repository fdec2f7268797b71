package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// B7, the slow gateway: every charge takes 100 to 300 ms, and one in fifty is booked
// but not answered within 5 s. The floor is arithmetic: as many charges at one time
// as the product allows itself, each as long as an answered one takes on average.
// The product's time ends when the last outcome that the gateway gave is settled;
// those that never came are pending then, and asked for by their keys afterwards.
// Meanwhile somebody reads subscriptions through the API at a steady pace.

const (
	slowDue    = 20_000 // at most: subscriptions that are renewed
	slowFlight = 512    // charges at one time
	slowMean   = 200 * time.Millisecond
	slowJitter = 100 * time.Millisecond
	slowHang   = 5 * time.Second
	slowLost   = 50 // one in so many is not answered
	readEvery  = 10 * time.Millisecond
	readSlower = 3 // times longer than on an idle server, the 99th percentile may become
)

// slowGateway is far away.
type slowGateway struct {
	*gateway
	lost     atomic.Int64
	answered atomic.Int64 // when the last answer was given, in nanoseconds since 1970
}

func (g *slowGateway) Charge(ctx context.Context, c payment.Charge) (payment.Result, error) {
	result, err := g.gateway.Charge(ctx, c)
	if rand.N(slowLost) == 0 { // #nosec G404 -- chance, not a secret
		g.lost.Add(1)
		time.Sleep(slowHang)
		return payment.Result{}, nil
	}
	time.Sleep(slowMean - slowJitter + rand.N(2*slowJitter)) // #nosec G404 -- the same
	g.answered.Store(time.Now().UnixNano())
	return result, err
}

// slow runs B7 on one engine for some rounds.
func (b *bench) slow(ctx context.Context, engine string) error {
	due := min(b.due, slowDue)
	c := &contest{name: "B7 slow gateway, " + engine, goal: 0.85}
	h, err := b.slowHouse(ctx, engine, due)
	if err != nil {
		return err
	}
	for n := range b.rounds {
		f, idle, busy, err := b.renewSlowly(ctx, h)
		if err != nil {
			return err
		}
		bound := figures{ops: due, wall: time.Duration(due) * slowMean / slowFlight}
		met := busy.percentile(0.99) <= readSlower*idle.percentile(0.99)
		b.missed = b.missed || !met
		b.note("%s, round %d: bound %.0f/s, product %.0f/s; reads beside it p99 %.1f ms, idle %.1f ms (at most %d times: %s)", c.name, n+1, bound.rate(), f.rate(),
			ms(busy.percentile(0.99)), ms(idle.percentile(0.99)), readSlower, verdict(met))
		c.add(bound, f)
	}
	b.contests = append(b.contests, c)
	return nil
}

// slowHouse is a store with one account, all of whose subscriptions are due.
func (b *bench) slowHouse(ctx context.Context, engine string, subs int) (*house, error) {
	h := &house{}
	template, run := filepath.Join(b.dir, "slow.db"), filepath.Join(b.dir, "slow-run.db")
	h.copy = func(context.Context) (string, error) { return run, copyFile(run, template) }
	if engine == db.PostgreSQL {
		c, err := b.postgres(ctx)
		if err != nil {
			return nil, err
		}
		if err := c.admin(ctx, "create database slow_template"); err != nil {
			return nil, err
		}
		template = c.url("slow_template")
		h.pids = []int{c.pid()}
		h.copy = func(ctx context.Context) (string, error) {
			return c.url("slow_run"), c.copyOf(ctx, "slow_run", "slow_template")
		}
	}
	d, err := open(ctx, template)
	if err != nil {
		return nil, err
	}
	if h.seeded, err = seed(ctx, d, 1, subs, started, full); err == nil {
		h.subs, err = everySubscription(ctx, d, h.accounts[0])
	}
	if e := d.Close(); err == nil {
		err = e
	}
	return h, err
}

// renewSlowly renews everything on a copy of the store, once, and proves that what
// the gateway took and what the books say differ by exactly what it did not answer.
func (b *bench) renewSlowly(ctx context.Context, h *house) (f, idle, busy figures, err error) {
	p, err := h.serve(ctx, 8)
	if err != nil {
		return f, idle, busy, err
	}
	defer p.close() //nolint:errcheck // everything is proved before
	read := func(ctx context.Context, until func(n int) bool) (figures, error) {
		var f figures
		began, pace := time.Now(), time.NewTicker(readEvery)
		defer pace.Stop()
		for n := 0; until(n); n++ {
			<-pace.C
			asked := time.Now()
			if err := p.readOne(ctx, h.subs[rand.IntN(len(h.subs))].String()); err != nil { // #nosec G404 -- any will do
				return f, err
			}
			f.waits = append(f.waits, time.Since(asked))
		}
		f.ops, f.wall = len(f.waits), time.Since(began)
		return f, nil
	}
	if idle, err = read(ctx, func(n int) bool { return n < 300 }); err != nil {
		return f, idle, busy, err
	}
	g := &slowGateway{gateway: newGateway()}
	service := commerce.New(p.db, due(), map[string]payment.Gateway{gatewayName: g}, nil, silent())
	var done atomic.Bool
	reads := make(chan error, 1)
	go func() {
		var err error
		busy, err = read(ctx, func(int) bool { return !done.Load() })
		reads <- err
	}()
	began := time.Now()
	var run commerce.Run
	f, err = watch(len(h.subs), h.pids, func() (err error) {
		run, err = service.RunDue(ctx, h.accounts[0], dueBy)
		return err
	})
	done.Store(true)
	if e := <-reads; err == nil {
		err = e
	}
	if err != nil {
		return f, idle, busy, err
	}
	f.wall = time.Unix(0, g.answered.Load()).Sub(began)
	return f, idle, busy, auditSlow(ctx, p.db, h.seeded, run, g)
}

func auditSlow(ctx context.Context, d *db.DB, s seeded, run commerce.Run, g *slowGateway) error {
	lost := int(g.lost.Load())
	charged, twice := g.taken()
	if want := s.subs - s.declines; charged != want || twice != 0 || run.Unknown != lost || run.Collected+run.Declined+run.Unknown != s.subs {
		return fmt.Errorf("the gateway took %d charges (%d asked for twice, %d not answered), expected %d; the run says %+v", charged, twice, lost, want, run)
	}
	books, err := report.New(d, due()).Books(ctx, s.accounts[0], map[string]payment.Gateway{gatewayName: g})
	if err != nil {
		return err
	}
	if !books.Balanced() {
		return fmt.Errorf("the books do not balance: %v", books.Differences)
	}
	return auditCounts(ctx, d, s.accounts[0], []count{
		{"select count(*) from payment where account_id = $1 and state = 'pending'", int64(lost)},
		{"select count(*) from invoice where account_id = $1", int64(s.subs)},
		{"select count(distinct subscription_id) from invoice where account_id = $1", int64(s.subs)},
	})
}
