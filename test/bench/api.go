package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"

	"perennial/internal/api"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/server"
	"perennial/internal/subscription"
)

// B1, create customer, and B2, read: the product's own server with its API over
// the loopback, against http-store, which keeps the same kinds of rows.

// pageRows is how many rows B2 has on one page, and deepPage which page is deep.
const (
	pageRows = 20
	deepPage = 5000
)

// house is a store of the product for B1 and B2: one account with an enabled
// webhook endpoint, whose subscriptions were all renewed once.
type house struct {
	seeded
	subs []id.Subscription
	copy func(ctx context.Context) (url string, err error) // a fresh copy of it
	pids []int
}

// houseOn makes the store on one engine, once.
func (b *bench) houseOn(ctx context.Context, engine string) (*house, error) {
	if h := b.houses[engine]; h != nil {
		return h, nil
	}
	h := &house{}
	template := filepath.Join(b.dir, "house.db")
	if engine == db.PostgreSQL {
		c, err := b.postgres(ctx)
		if err != nil {
			return nil, err
		}
		if err := c.admin(ctx, "create database house_template"); err != nil {
			return nil, err
		}
		template = c.url("house_template")
		h.pids = []int{c.pid()}
		h.copy = func(ctx context.Context) (string, error) {
			return c.url("house_run"), c.copyOf(ctx, "house_run", "house_template")
		}
	} else {
		run := filepath.Join(b.dir, "house-run.db")
		h.copy = func(context.Context) (string, error) { return run, copyFile(run, template) }
	}
	d, err := open(ctx, template)
	if err != nil {
		return nil, err
	}
	err = h.furnish(ctx, d, b.due+b.due*6/100)
	if e := d.Close(); err == nil {
		err = e
	}
	b.houses[engine] = h
	return h, err
}

// furnish fills the store. More subscriptions than due, so that deepPage full pages
// of active ones remain after the declines.
func (h *house) furnish(ctx context.Context, d *db.DB, subs int) error {
	var err error
	if h.seeded, err = seed(ctx, d, 1, subs, started, plain); err != nil {
		return err
	}
	acc := h.accounts[0]
	service := commerce.New(d, due(), map[string]payment.Gateway{gatewayName: newGateway()}, nil, silent())
	if _, err := service.RunDue(ctx, acc, dueBy); err != nil {
		return err
	}
	err = d.Update(ctx, func(tx *db.Tx) error {
		return outbox.InsertEndpoint(tx, outbox.NewEndpoint(acc, outbox.Webhook, "https://hooks.example.com/perennial", "sealed", nil, dueBy))
	})
	if err != nil {
		return err
	}
	h.subs, err = everySubscription(ctx, d, acc)
	return err
}

// everySubscription is every subscription of an account.
func everySubscription(ctx context.Context, d *db.DB, acc id.Account) (all []id.Subscription, err error) {
	err = d.View(ctx, func(tx *db.Tx) error {
		all = nil
		for last := id.Subscription(0); ; {
			list, err := subscription.List(tx, acc, subscription.Filter{Before: last, Limit: 10_000})
			if err != nil || len(list) == 0 {
				return err
			}
			for _, s := range list {
				all = append(all, s.ID)
			}
			last = list[len(list)-1].ID
		}
	})
	return all, err
}

// product is the product at work on a copy of the store.
type product struct {
	*caller
	db    *db.DB
	close func() error
}

// serve opens a copy of the store and serves it as the program does, without the
// workers that renew and deliver.
func (h *house) serve(ctx context.Context, clients int) (*product, error) {
	url, err := h.copy(ctx)
	if err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, db.Options{URL: url})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	log := server.NewLog(io.Discard)
	door := api.New(commerce.New(d, due(), nil, nil, log), report.New(d, due()), api.Options{Version: "bench", Clock: due(), Log: log})
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		ended <- server.New(server.Options{Public: l, Doors: server.Doors{API: door}, DB: d, Clock: due(), Log: log}).Run(life)
	}()
	p := &product{caller: newCaller("http://"+l.Addr().String(), h.secret, clients), db: d}
	p.close = func() error {
		p.client.CloseIdleConnections()
		end()
		return errors.Join(<-ended, d.Close())
	}
	return p, nil
}

// customers runs B1 on one engine.
func (b *bench) customers(ctx context.Context, engine string) error {
	h, err := b.houseOn(ctx, engine)
	if err != nil {
		return err
	}
	floorFile, floorRun := filepath.Join(b.dir, "store.db"), filepath.Join(b.dir, "store-run.db")
	if err := b.seedStore(ctx, floorFile); err != nil {
		return err
	}
	for _, load := range []struct {
		clients, n int
		goal       float64
	}{{8, b.due / 5, 0.55}, {64, b.due * 2 / 5, 0.6}} {
		c := &contest{name: fmt.Sprintf("B1 create customer, %d clients, %s", load.clients, engine), goal: load.goal}
		if engine == db.PostgreSQL {
			c.goal = 0 // the floor is of the other engine
		}
		for n := range b.rounds {
			floor, product, err := b.turn(n, func() (figures, error) {
				if err := copyFile(floorRun, floorFile); err != nil {
					return figures{}, err
				}
				return b.createInStore(ctx, floorRun, load.clients, load.n)
			}, func() (figures, error) { return b.createInProduct(ctx, h, load.clients, load.n) })
			if err != nil {
				return err
			}
			b.note("%s, round %d: floor %.0f/s, product %.0f/s", c.name, n+1, floor.rate(), product.rate())
			c.add(floor, product)
		}
		b.contests = append(b.contests, c)
	}
	return nil
}

func (b *bench) seedStore(ctx context.Context, path string) error {
	if b.storeMade {
		return nil
	}
	s, err := openStore(ctx, path)
	if err != nil {
		return err
	}
	defer s.close()
	b.storeMade = true
	return s.fill(ctx, b.due)
}

// newCustomer is the body of request i.
func newCustomer(i int) (email string, body []byte) {
	email = fmt.Sprintf("%016x@example.org", scattered(i))
	return email, fmt.Appendf(nil, `{"email":%q,"name":"New Customer %d","country":"FR","metadata":{"source":"bench"}}`, email, i)
}

func (b *bench) createInStore(ctx context.Context, path string, clients, n int) (figures, error) {
	s, err := openStoreAgain(ctx, path, b.due)
	if err != nil {
		return figures{}, err
	}
	defer s.close()
	base, stop, err := serving(s.handler())
	if err != nil {
		return figures{}, err
	}
	defer stop()
	c := newCaller(base, "", clients)
	f, err := load(ctx, clients, n, nil, func(ctx context.Context, i int) error { return c.create(ctx, "/customer", i) })
	if err != nil {
		return f, err
	}
	return f, s.audit(ctx, b.due, n)
}

// create makes customer i and checks the answer.
func (c *caller) create(ctx context.Context, path string, i int) error {
	email, body := newCustomer(i)
	text, err := c.send(ctx, http.MethodPost, path, body, http.StatusCreated)
	if err == nil && !bytes.Contains(text, []byte(`"email":"`+email+`"`)) {
		err = fmt.Errorf("the answer does not hold %s: %s", email, text)
	}
	return err
}

func (b *bench) createInProduct(ctx context.Context, h *house, clients, n int) (figures, error) {
	p, err := h.serve(ctx, clients)
	if err != nil {
		return figures{}, err
	}
	stop := b.profile(fmt.Sprintf("%s-create-%d", p.db.Engine(), clients))
	f, err := load(ctx, clients, n, h.pids, func(ctx context.Context, i int) error { return p.create(ctx, "/v1/customers", i) })
	stop()
	if err == nil {
		err = h.auditCustomers(ctx, p.db, int64(n))
	}
	return f, errors.Join(err, p.close())
}

// auditCustomers compares the stored rows with what was acknowledged.
func (h *house) auditCustomers(ctx context.Context, d *db.DB, n int64) error {
	for _, check := range []struct {
		query string
		want  int64
	}{
		{"select count(*) from customer where account_id = $1", int64(h.seeded.subs) + n},
		{"select count(distinct email) from customer where account_id = $1 and email like '%@example.org'", n},
		{"select count(*) from event where account_id = $1 and kind = 'customer.created'", n},
		{"select count(*) from outbox where account_id = $1 and endpoint_id <> account_id and state = 'waiting'", n},
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

// readOne reads a subscription with its customer, price and latest invoice.
func (p *product) readOne(ctx context.Context, sub string, more ...string) error {
	return p.expect(ctx, "/v1/subscriptions/"+sub+"?expand=customer,price,latest_invoice",
		append(more, `{"id":"`+sub+`"`, `"customer_data":{"id":"cus_`, `"price_data":{"id":"prc_`)...)
}

// reads runs B2 on one engine.
func (b *bench) reads(ctx context.Context, engine string) error {
	h, err := b.houseOn(ctx, engine)
	if err != nil {
		return err
	}
	floorFile := filepath.Join(b.dir, "store.db")
	if err := b.seedStore(ctx, floorFile); err != nil {
		return err
	}
	s, err := openStoreAgain(ctx, floorFile, b.due)
	if err != nil {
		return err
	}
	defer s.close()
	base, stop, err := serving(s.handler())
	if err != nil {
		return err
	}
	defer stop()
	const clients = 8
	floor := newCaller(base, "", clients)
	p, err := h.serve(ctx, clients)
	if err != nil {
		return err
	}
	deep, err := p.walk(ctx)
	if err == nil {
		err = b.readRounds(ctx, h, engine, clients, floor, p, deep)
	}
	return errors.Join(err, p.close())
}

func (b *bench) readRounds(ctx context.Context, h *house, engine string, clients int, floor *caller, p *product, deep string) error {
	one := &contest{name: "B2 read subscription, " + engine, goal: 0.5}
	page := &contest{name: "B2 list 20 by state, " + engine, goal: 0.5}
	depth := &contest{name: fmt.Sprintf("B2 page %d against page 1, %s", deepPage, engine), goal: 1 / 1.2}
	if engine == db.PostgreSQL {
		one.goal, page.goal = 0, 0 // the floor is of the other engine
	}
	n := b.due * 2 / 5
	list := n / 4
	for round := range b.rounds {
		f, got, err := b.turn(round,
			func() (figures, error) {
				return load(ctx, clients, n, nil, func(ctx context.Context, i int) error {
					v := int(scattered(i)>>16)%b.due + 1
					return floor.expect(ctx, fmt.Sprintf("/customer?id=%d", v), fmt.Sprintf(`{"id":%d,`, v))
				})
			},
			func() (figures, error) {
				defer b.profile(engine + "-read")()
				return load(ctx, clients, n, h.pids, func(ctx context.Context, i int) error {
					return p.readOne(ctx, h.subs[int(scattered(i)>>16)%len(h.subs)].String(), `"latest_invoice_data":{"id":"inv_`)
				})
			})
		if err != nil {
			return err
		}
		one.add(f, got)
		f, got, err = b.turn(round,
			func() (figures, error) {
				return load(ctx, clients, list, nil, func(ctx context.Context, i int) error {
					from := b.due - int(scattered(i)>>16)%(b.due/2)
					return floor.expect(ctx, fmt.Sprintf("/customers?before=%d", from), fmt.Sprintf(`[{"id":%d,`, from-1), fmt.Sprintf(`"id":%d,`, from-pageRows))
				})
			},
			func() (figures, error) {
				defer b.profile(engine + "-list")()
				return load(ctx, clients, list, h.pids, func(ctx context.Context, _ int) error { return p.page(ctx, "") })
			})
		if err != nil {
			return err
		}
		page.add(f, got)
		behind, err := load(ctx, clients, list, h.pids, func(ctx context.Context, _ int) error { return p.page(ctx, deep) })
		if err != nil {
			return err
		}
		depth.add(got, behind)
		b.note("B2, %s, round %d: read %.0f/s, page 1 %.0f/s, page %d %.0f/s", engine, round+1, one.product[round].rate(), got.rate(), deepPage, behind.rate())
	}
	b.contests = append(b.contests, one, page, depth)
	return nil
}

// expect reads an address and wants each of the texts in the answer.
func (c *caller) expect(ctx context.Context, path string, texts ...string) error {
	answer, err := c.send(ctx, http.MethodGet, path, nil, http.StatusOK)
	if err != nil {
		return err
	}
	for _, t := range texts {
		if !bytes.Contains(answer, []byte(t)) {
			return fmt.Errorf("%s: %s is missing in %s", path, t, answer)
		}
	}
	return nil
}

// page reads one page of active subscriptions and counts its rows.
func (p *product) page(ctx context.Context, cursor string) error {
	answer, err := p.send(ctx, http.MethodGet, fmt.Sprintf("/v1/subscriptions?state=active&limit=%d%s", pageRows, cursor), nil, http.StatusOK)
	if err != nil {
		return err
	}
	if n := bytes.Count(answer, []byte(`"state":"active"`)); n != pageRows {
		return fmt.Errorf("a page of %d rows holds %d", pageRows, n)
	}
	return nil
}

// walk goes from page to page and returns what asks for page deepPage, or for the
// last full page when there are not so many.
func (p *product) walk(ctx context.Context) (string, error) {
	full, cursor := "", "" // of the last page that was full, and of the next one
	for rows := 0; rows < (deepPage-1)*pageRows; {
		n := min(100, (deepPage-1)*pageRows-rows)
		text, err := p.send(ctx, http.MethodGet, fmt.Sprintf("/v1/subscriptions?state=active&limit=%d%s", n, cursor), nil, http.StatusOK)
		if err != nil {
			return "", err
		}
		var answer struct {
			Data []struct{ ID string }
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return "", err
		}
		if len(answer.Data) >= pageRows {
			full = cursor
		}
		if answer.Next == nil {
			return full, nil
		}
		rows += n
		cursor = "&cursor=" + *answer.Next
	}
	return cursor, nil
}
