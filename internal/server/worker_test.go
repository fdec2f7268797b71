package server

import (
	"context"
	"io"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// shop is an account that sells one monthly price.
type shop struct {
	t       *testing.T
	db      *db.DB
	clock   *clock.Manual
	service *commerce.Service
	reader  *report.Reader
	call    commerce.Call
	price   catalog.Price
}

func open(t *testing.T, d *db.DB, mode account.Mode, minor int64) *shop {
	t.Helper()
	s := &shop{t: t, db: d, clock: clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	s.service = commerce.New(d, s.clock, map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(d, s.clock, sandbox.Options{})}, nil, NewLog(io.Discard))
	s.reader = report.New(d, s.clock)
	made, err := s.service.CreateAccount(t.Context(), commerce.CreateAccount{Name: "Shop", Email: "shop@example.com", Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	s.call = commerce.Call{Account: made.Account.ID, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
	product, err := s.service.CreateProduct(t.Context(), commerce.CreateProduct{Call: s.call, Name: "Paper"})
	if err != nil {
		t.Fatal(err)
	}
	s.price, err = s.service.CreatePrice(t.Context(), commerce.CreatePrice{Call: s.call, Product: product.ID,
		Amount: money.Amount{Minor: minor, Currency: "USD"}, Interval: period.Interval{Unit: period.Month, Count: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) sell(token string) id.Subscription {
	s.t.Helper()
	sale, err := s.service.Sell(s.t.Context(), commerce.Sell{Call: s.call, Buyer: &commerce.CreateCustomer{Email: account.RandomText(8) + "@example.com", Buyer: customer.Buyer{Name: "Ada"}},
		Price: s.price.ID, Token: token, Source: "test"})
	if err != nil {
		s.t.Fatal(err)
	}
	return sale.Subscription.ID
}

func (s *shop) subscription(sub id.Subscription) subscription.Subscription {
	s.t.Helper()
	var got subscription.Subscription
	err := s.db.View(s.t.Context(), func(tx *db.Tx) (err error) {
		got, err = subscription.Load(tx, s.call.Account, sub)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

// work runs a Worker until the test ends.
func (s *shop) work(alone bool) *Worker {
	w := NewWorker(s.service, s.reader, s.clock, NewLog(io.Discard), alone, nil)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	s.t.Cleanup(func() {
		stop()
		<-done
	})
	return w
}

// until polls; the test's own deadline ends it.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("never: %s", what)
		}
	}
}

func TestWorkerRenews(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, fresh func() *db.DB) {
		s := open(t, fresh(), account.Sandbox, 1000)
		sub := s.sell("tok_visa")
		s.clock.Add(31 * 24 * time.Hour)
		s.work(false)
		until(t, "the renewal", func() bool { return s.subscription(sub).Period == 1 && s.subscription(sub).Invoice == 0 })
		books, err := s.reader.Books(t.Context(), s.call.Account, map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(s.db, s.clock, sandbox.Options{})})
		if err != nil || !books.Balanced() || books.Payments != 2 {
			t.Errorf("%+v %v", books, err)
		}
	})
}

// A walk that its process left is continued: at once when no other process can be
// walking, and after a minute otherwise.
func TestWorkerContinuesAWalk(t *testing.T) {
	t.Parallel()
	s := open(t, dbtest.New(t, db.SQLite), account.Sandbox, 1000)
	sub := s.sell("tok_visa")
	ctx, cancel := context.WithCancel(t.Context())
	target := s.clock.Now().AddDate(0, 3, 1)
	_, err := s.service.AdvanceClock(ctx, commerce.AdvanceClock{Call: s.call, To: target, Progress: func(commerce.Progress) { cancel() }})
	if err == nil {
		t.Fatal("the walk was not interrupted")
	}
	other := NewWorker(s.service, s.reader, s.clock, NewLog(io.Discard), false, nil)
	other.look(t.Context(), true)
	other.runs.Wait()
	if got := s.subscription(sub).Period; got != 1 {
		t.Fatalf("a walk that may be under way elsewhere was joined: period %d", got)
	}
	s.work(true)
	until(t, "the end of the walk", func() bool {
		a, _, err := s.reader.Account(t.Context(), s.call.Account)
		return err == nil && a.ClockTarget.IsZero()
	})
	if got := s.subscription(sub).Period; got != 3 {
		t.Errorf("period %d after three months", got)
	}
}

func TestWalksThatAreLeft(t *testing.T) {
	t.Parallel()
	w := NewWorker(nil, nil, clock.NewManual(time.Time{}), NewLog(io.Discard), false, nil)
	a := account.Account{ID: 1, ClockOffset: time.Hour}
	if w.left(a) {
		t.Error("left when first seen")
	}
	w.now = abandoned / 2
	a.ClockOffset = 2 * time.Hour
	if w.left(a) {
		t.Error("left though it moved")
	}
	w.now = abandoned
	if w.left(a) {
		t.Error("left half a minute after it moved")
	}
	w.now = 2 * abandoned
	if !w.left(a) {
		t.Error("never left")
	}
	w.Resume(2)
	if !w.left(account.Account{ID: 2}) {
		t.Error("not left though it was told")
	}
}

// After a jump of the machine's clock nobody is billed until the operator
// confirms it or 15 minutes have passed.
func TestWorkerHoldsLiveAccountsAfterAJump(t *testing.T) {
	t.Parallel()
	s := open(t, dbtest.New(t, db.SQLite), account.Live, 0)
	sub := s.sell("")
	w := NewWorker(s.service, s.reader, s.clock, NewLog(io.Discard), true, nil)
	look := func() int {
		w.look(t.Context(), false)
		w.runs.Wait()
		return s.subscription(sub).Period
	}
	w.passed(time.Second, s.clock.Now())
	s.clock.Add(32 * 24 * time.Hour)
	w.passed(2*time.Second, s.clock.Now())
	if got := look(); got != 0 {
		t.Fatalf("billed period %d after a jump", got)
	}
	if !w.Confirm() {
		t.Error("nothing was held")
	}
	if got := look(); got != 1 {
		t.Fatalf("period %d after the operator confirmed", got)
	}
	if w.Confirm() {
		t.Error("still held")
	}
	s.clock.Add(31 * 24 * time.Hour)
	w.passed(3*time.Second, s.clock.Now())
	if got := look(); got != 1 {
		t.Fatalf("billed period %d after a second jump", got)
	}
	s.clock.Add(heldFor)
	w.passed(3*time.Second+heldFor, s.clock.Now())
	if got := look(); got != 2 {
		t.Fatalf("period %d after 15 minutes", got)
	}
	s.clock.Add(-400 * 24 * time.Hour)
	w.passed(4*time.Second+heldFor, s.clock.Now())
	if got := look(); got != 2 {
		t.Fatalf("billed period %d when the clock was set back", got)
	}
}

func TestHousekeeping(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, fresh func() *db.DB) {
		s := open(t, fresh(), account.Sandbox, 1000)
		once := func(key string) *commerce.Once {
			o := &commerce.Once{Answer: func(any, error) (int, string) { return 201, "{}" }}
			o.Route, o.Key, o.Digest, o.Arrived = "POST /v1/customers", key, "x", s.clock.Now()
			return o
		}
		for _, key := range []string{"a", "b"} {
			call := s.call
			call.Once = once(key)
			if _, err := s.service.CreateProduct(t.Context(), commerce.CreateProduct{Call: call, Name: key}); err != nil {
				t.Fatal(err)
			}
			s.clock.Add(20 * 24 * time.Hour)
		}
		for _, want := range []int64{1, 0} { // the older one, once
			n, err := s.service.Housekeep(t.Context())
			if err != nil || n != want {
				t.Errorf("forgot %d, want %d (%v)", n, want, err)
			}
		}
	})
}
