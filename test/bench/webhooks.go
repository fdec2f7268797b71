package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/outbound"
	"perennial/internal/outbox"
	"perennial/internal/seal"
	"perennial/internal/webhook"
)

// B11, webhooks: signed deliveries out of the durable outbox to a hundred endpoints of ten
// accounts on the loopback, of which one hangs for ten seconds and one answers 500. The
// floor posts as many bodies of the same size to the same receiver, from as many clients
// as there are endpoints, and keeps nothing. Once more, to endpoints that all work, the
// process that delivers is killed.

const (
	receivers = 100
	hangs     = 10 * time.Second
)

// post is what hooks are delivered to: a hundred addresses, each with a port of its own.
type post struct {
	base []string
	let  func() // ends what hangs
	stop func()
	good atomic.Int64 // deliveries taken by the endpoints that work
	all  chan struct{}
	want int64
	mu   sync.Mutex
	seen map[string]int // how often, by endpoint and message; nil when nobody asks
	bad  int            // signatures that do not verify
	wh   *standardwebhooks.Webhook
}

// newPost serves; with secret it verifies one delivery in a hundred.
func newPost(secret string, bad bool) (*post, error) {
	p := &post{all: make(chan struct{})}
	var err error
	if secret != "" {
		if p.wh, err = standardwebhooks.NewWebhook(secret); err != nil {
			return nil, err
		}
	}
	released := make(chan struct{})
	p.let = sync.OnceFunc(func() { close(released) })
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		switch {
		case bad && r.URL.Path == "/0":
			select {
			case <-time.After(hangs):
			case <-released:
			}
			w.WriteHeader(http.StatusInternalServerError)
			return
		case bad && r.URL.Path == "/1":
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		if p.seen != nil {
			p.mu.Lock()
			p.seen[r.URL.Path+" "+r.Header.Get(standardwebhooks.HeaderWebhookID)]++
			p.mu.Unlock()
		}
		n := p.good.Add(1)
		if p.wh != nil && n%100 == 0 {
			err := p.wh.Verify(body, r.Header)
			p.mu.Lock()
			if err != nil {
				p.bad++
			}
			p.mu.Unlock()
		}
		w.WriteHeader(http.StatusNoContent)
		if n == p.want {
			close(p.all)
		}
	})}
	for i := range receivers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		go s.Serve(l) //nolint:errcheck // it ends when it is closed
		p.base = append(p.base, fmt.Sprintf("http://%s/%d", l.Addr(), i))
	}
	p.stop = func() {
		p.let()
		s.Close() //nolint:errcheck // nothing is under way
	}
	return p, nil
}

// webhooks runs B11 on one engine for some rounds, and the product once more without the
// two bad endpoints, to see what they cost the others.
func (b *bench) webhooks(ctx context.Context, engine string) error {
	c := &contest{name: "B11 webhooks, " + engine, goal: 0.4}
	cost := &contest{name: "B11 beside bad endpoints, " + engine, goal: 0.95}
	n := b.hooks / receivers * receivers
	for round := range b.rounds {
		floor, product, err := b.turn(round, func() (figures, error) { return b.postAll(ctx, n) },
			func() (figures, error) { return b.deliverAll(ctx, engine, n, true) })
		if err != nil {
			return err
		}
		alone, err := b.deliverAll(ctx, engine, n, false)
		if err != nil {
			return err
		}
		twice, err := b.deliverKilled(ctx, engine, n)
		if err != nil {
			return err
		}
		b.note("%s, round %d: floor %.0f/s, product %.0f/s, without bad endpoints %.0f/s; killed once: 0 lost, %d of %d sent twice", c.name, round+1,
			floor.rate(), product.rate(), alone.rate(), twice, n)
		c.add(floor, product)
		cost.add(alone, product)
	}
	b.contests = append(b.contests, c, cost)
	return nil
}

// sampleBody is as long as the body of a delivery.
const sampleBody = `{"id":"evt_0sb2pc5m5kg02","type":"invoice.paid","created_at":"2026-03-01T12:00:00Z","account":"acc_0sb2pc5f1kg00","subject":"inv_0sb2pc5m5kg0a","sequence":2,"customer":"cus_0sb2pc5m5kg0a","data":{"amount":2900,"attempt":1,"currency":"EUR","number":"A-000001","payment":"pay_0sb2pc5m5kg0a"}}`

func (b *bench) postAll(ctx context.Context, n int) (figures, error) {
	p, err := newPost("", false)
	if err != nil {
		return figures{}, err
	}
	defer p.stop()
	c := newCaller("", "", receivers)
	return load(ctx, receivers, n, nil, func(ctx context.Context, i int) error {
		_, err := c.send(ctx, http.MethodPost, p.base[i%receivers], []byte(sampleBody), http.StatusNoContent)
		return err
	})
}

// hookStore makes an empty store, and tells its address and the processes that serve it.
func (b *bench) hookStore(ctx context.Context, engine string) (d *db.DB, url string, servers []int, err error) {
	url = filepath.Join(b.dir, "hooks.db")
	if engine == db.PostgreSQL {
		c, err := b.postgres(ctx)
		if err != nil {
			return nil, "", nil, err
		}
		if err := c.admin(ctx, "drop database if exists hooks"); err != nil {
			return nil, "", nil, err
		}
		if err := c.admin(ctx, "create database hooks"); err != nil {
			return nil, "", nil, err
		}
		url, servers = c.url("hooks"), []int{c.pid()}
	} else if err := forget(url); err != nil {
		return nil, "", nil, err
	}
	d, err = open(ctx, url)
	return d, url, servers, err
}

// hookDeliverer is the product's, with the real way out.
func hookDeliverer(d *db.DB, sealedBy string) (*outbox.Deliverer, error) {
	keys, err := seal.Parse(sealedBy)
	if err != nil {
		return nil, err
	}
	sender := webhook.NewSender(outbound.Client([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), keys, clock.System{}, "bench", nil)
	return outbox.NewDeliverer(d, clock.System{}, silent(), outbox.Work{Render: event.Render(webhook.Body), Deliver: sender.Deliver,
		Disabled: func(*db.Tx, outbox.Endpoint, time.Time) error { return errors.New("an endpoint was disabled") }}), nil
}

// deliverAll owes n deliveries and delivers those of the endpoints that work.
func (b *bench) deliverAll(ctx context.Context, engine string, n int, bad bool) (figures, error) {
	d, _, servers, err := b.hookStore(ctx, engine)
	if err != nil {
		return figures{}, err
	}
	defer d.Close() //nolint:errcheck // what was stored is counted before
	sealedBy, secret := seal.New(), webhook.NewSecret()
	p, err := newPost(secret, bad)
	if err != nil {
		return figures{}, err
	}
	defer p.stop()
	if _, err := owed(ctx, d, sealedBy, secret, p.base, n); err != nil {
		return figures{}, err
	}
	p.want = int64(n)
	if bad {
		p.want = int64(n - 2*n/receivers)
	}
	deliverer, err := hookDeliverer(d, sealedBy)
	if err != nil {
		return figures{}, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var done sync.WaitGroup
	end := b.profile(engine + "-webhooks")
	f, err := watch(int(p.want), servers, func() error {
		done.Go(func() { deliverer.Run(running) })
		select {
		case <-p.all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	end()
	stop()
	p.let()
	done.Wait()
	if err != nil {
		return f, err
	}
	return f, p.audit(ctx, d)
}

// deliverKilled owes n deliveries, kills (SIGKILL) the process that delivers them when a
// random number has arrived, has another go on, and proves that each arrived. It tells how
// many arrived twice, which may be one in a hundred.
func (b *bench) deliverKilled(ctx context.Context, engine string, n int) (twice int, err error) {
	d, url, _, err := b.hookStore(ctx, engine)
	if err != nil {
		return 0, err
	}
	sealedBy, secret := seal.New(), webhook.NewSecret()
	p, err := newPost(secret, false)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	p.seen = make(map[string]int, n)
	list, err := owed(ctx, d, sealedBy, secret, p.base, n)
	if e := d.Close(); err == nil {
		err = e
	}
	if err != nil {
		return 0, err
	}
	text, err := json.Marshal(child{URL: url, Accounts: list, SealedBy: sealedBy})
	if err != nil {
		return 0, err
	}
	if err := renewUntil(ctx, string(text), &p.good, 1+rand.Int64N(int64(n))); err != nil { // #nosec G404 -- a moment to kill at
		return 0, err
	}
	if err := renewUntil(ctx, string(text), &p.good, 0); err != nil {
		return 0, err
	}
	if d, err = open(ctx, url); err != nil {
		return 0, err
	}
	defer d.Close() //nolint:errcheck // only read
	var delivered int
	if err := d.View(ctx, func(tx *db.Tx) error {
		return tx.One([]any{&delivered}, "select count(*) from outbox where state = 'delivered'")
	}); err != nil {
		return 0, err
	}
	twice = int(p.good.Load()) - len(p.seen)
	if len(p.seen) != n || delivered != n || p.bad != 0 {
		return 0, fmt.Errorf("after a kill %d of %d arrived, %d are stored as delivered, %d did not verify", len(p.seen), n, delivered, p.bad)
	}
	// A run of few deliveries has as many under way as a long one.
	if n >= 100_000 && twice > n/100 {
		return 0, fmt.Errorf("after a kill %d of %d arrived twice", twice, n)
	}
	return twice, nil
}

// deliverChild is the process that delivers: it gives back what the one before it had
// claimed, and ends when nothing is owed.
func deliverChild(ctx context.Context, d *db.DB, c child) error {
	deliverer, err := hookDeliverer(d, c.SealedBy)
	if err != nil {
		return err
	}
	for _, acc := range c.Accounts {
		if err := d.Update(ctx, func(tx *db.Tx) error { return outbox.EndLeases(tx, acc) }); err != nil {
			return err
		}
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var done sync.WaitGroup
	done.Go(func() { deliverer.Run(running) })
	for left := 1; left > 0; {
		time.Sleep(50 * time.Millisecond)
		if err := d.View(ctx, func(tx *db.Tx) error {
			return tx.One([]any{&left}, "select count(*) from (select 1 from outbox where state = 'waiting' limit 1) w")
		}); err != nil {
			return err
		}
	}
	stop()
	done.Wait()
	return nil
}

// audit proves that each delivery of the endpoints that work is stored as taken, once.
func (p *post) audit(ctx context.Context, d *db.DB) error {
	if p.bad != 0 || p.good.Load() != p.want {
		return fmt.Errorf("%d deliveries arrived, expected %d; %d did not verify", p.good.Load(), p.want, p.bad)
	}
	var delivered, tries int64
	err := d.View(ctx, func(tx *db.Tx) error {
		if err := tx.One([]any{&delivered}, "select count(*) from outbox where state = 'delivered' and attempts = 1"); err != nil {
			return err
		}
		return tx.One([]any{&tries}, "select count(*) from delivery_try where status = 204")
	})
	if err == nil && (delivered != p.want || tries != p.want) {
		err = fmt.Errorf("%d are stored as delivered, with %d tries, expected %d", delivered, tries, p.want)
	}
	return err
}

// owed makes ten accounts of ten endpoints, which it returns, and events for n deliveries.
func owed(ctx context.Context, d *db.DB, sealedBy, secret string, base []string, n int) (list []id.Account, err error) {
	keys, err := seal.Parse(sealedBy)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond) //nolint:forbidigo // deliveries are signed with the time of the machine
	for a := range accounts {
		acc := id.New[id.Account]()
		list = append(list, acc)
		err := d.Update(ctx, func(tx *db.Tx) error {
			if err := account.Insert(tx, account.Account{ID: acc, Name: "Shop", Mode: account.Live, Currency: currency, Zone: "UTC", CreatedAt: now, Version: 1}); err != nil {
				return err
			}
			for k := range receivers / accounts {
				e := outbox.NewEndpoint(acc, outbox.Webhook, base[a*receivers/accounts+k], webhook.SealSecret(keys, acc, secret), nil, now)
				if err := outbox.InsertEndpoint(tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for left := n / receivers; left > 0; {
			some := min(left, 200)
			left -= some
			events := make([]event.Event, some)
			for i := range events {
				events[i] = event.New(acc, now, event.Clock, event.InvoicePaid, int64(id.New[id.Invoice]()), id.New[id.Customer](),
					`{"amount":2900,"attempt":1,"currency":"EUR","number":"A-000001","payment":"pay_0sb2pc5m5kg0a"}`)
			}
			if err := d.Update(ctx, func(tx *db.Tx) error { return event.Append(tx, acc, events...) }); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}
