package event_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/id"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func newAccount(t *testing.T, d *db.DB) id.Account {
	t.Helper()
	a := account.Account{ID: id.New[id.Account](), Name: "Shop", Mode: account.Live, Currency: "EUR", Zone: "UTC", CreatedAt: start, Version: 1}
	if err := d.Update(t.Context(), func(tx *db.Tx) error { return account.Insert(tx, a) }); err != nil {
		t.Fatal(err)
	}
	return a.ID
}

func list(t *testing.T, d *db.DB, acc id.Account) []event.Event {
	t.Helper()
	var got []event.Event
	err := d.View(context.Background(), func(tx *db.Tx) (err error) {
		got, err = event.List(tx, acc, event.Filter{Limit: 100_000})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// gapless reports the highest number of each subject, and fails where a number is
// missing or given twice.
func gapless(t *testing.T, list []event.Event) map[int64]int64 {
	t.Helper()
	seen := map[[2]int64]bool{}
	count := map[int64]int64{}
	for _, e := range list {
		if seen[[2]int64{e.Subject, e.Sequence}] {
			t.Errorf("%s of %d has number %d, and so has another", e.Kind, e.Subject, e.Sequence)
		}
		seen[[2]int64{e.Subject, e.Sequence}] = true
		count[e.Subject]++
	}
	for key := range seen {
		if key[1] < 1 || key[1] > count[key[0]] {
			t.Errorf("%d has number %d among %d events", key[0], key[1], count[key[0]])
		}
	}
	return count
}

// Events of one call, of several calls of one transaction and of transactions one after
// the other are numbered in their order, each subject for itself.
func TestSequence(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		acc, other := newAccount(t, d), newAccount(t, d)
		one, two := int64(id.New[id.Invoice]()), int64(id.New[id.Subscription]())
		say := func(kind event.Kind, of int64) event.Event {
			return event.New(acc, start, event.Clock, kind, of, 0, "{}")
		}
		first := []event.Event{say("invoice.a", one), say("subscription.b", two), say("invoice.c", one)}
		second := []event.Event{say("invoice.d", one)}
		third := []event.Event{say("subscription.e", two), say("invoice.f", one)}
		foreign := event.New(other, start, event.Clock, "invoice.a", one, 0, "{}")
		for _, work := range []func(tx *db.Tx) error{
			func(tx *db.Tx) error {
				if err := event.Append(tx, acc, first...); err != nil {
					return err
				}
				return event.Append(tx, acc, second...)
			},
			func(tx *db.Tx) error { return event.Append(tx, acc, third...) },
			func(tx *db.Tx) error { return event.Append(tx, other, foreign) },
		} {
			if err := d.Update(t.Context(), work); err != nil {
				t.Fatal(err)
			}
		}
		want := map[event.Kind]int64{"invoice.a": 1, "subscription.b": 1, "invoice.c": 2, "invoice.d": 3, "subscription.e": 2, "invoice.f": 4}
		for _, e := range list(t, d, acc) {
			if e.Sequence != want[e.Kind] {
				t.Errorf("%s has number %d, want %d", e.Kind, e.Sequence, want[e.Kind])
			}
		}
		if got := list(t, d, other); got[0].Sequence != 1 {
			t.Errorf("another account's event of the same id has number %d", got[0].Sequence)
		}
	})
}

// Transactions that tell of the same things at the same time, some of them undone, give
// each event a number of its own, and leave no gap.
func TestSequenceUnderConcurrency(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		acc := newAccount(t, d)
		subjects := id.NewList[id.Invoice](7)
		const tellers, times = 8, 12
		var wait sync.WaitGroup
		for n := range tellers {
			wait.Go(func() {
				for k := range times {
					undone := (n+k)%5 == 0
					err := d.Update(context.Background(), func(tx *db.Tx) error {
						events := make([]event.Event, 0, len(subjects))
						for i := range subjects { // each teller in an order of its own
							events = append(events, event.New(acc, start, event.Clock, event.InvoicePaid, int64(subjects[(i*(n+1)+k)%len(subjects)]), 0, "{}"))
						}
						if err := event.Append(tx, acc, events...); err != nil || !undone {
							return err
						}
						return context.Canceled
					})
					if (err != nil) != undone {
						t.Errorf("teller %d, time %d: %v", n, k, err)
					}
				}
			})
		}
		wait.Wait()
		var all int64
		for _, n := range gapless(t, list(t, d, acc)) {
			all += n
		}
		undone := 0
		for n := range tellers {
			for k := range times {
				if (n+k)%5 == 0 {
					undone++
				}
			}
		}
		if want := int64((tellers*times - undone) * len(subjects)); all != want {
			t.Errorf("%d events, want %d", all, want)
		}
	})
}

// More subjects in one transaction than one statement of either engine holds: none is
// forgotten or numbered twice.
func TestSequenceOfMany(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		acc := newAccount(t, d)
		subjects := id.NewList[id.Invoice](2345)
		for range 2 {
			events := make([]event.Event, 0, 2*len(subjects))
			for _, s := range subjects {
				events = append(events, event.New(acc, start, event.Clock, event.InvoiceIssued, int64(s), 0, "{}"), event.New(acc, start, event.Clock, event.InvoicePaid, int64(s), 0, "{}"))
			}
			if err := d.Update(t.Context(), func(tx *db.Tx) error { return event.Append(tx, acc, events...) }); err != nil {
				t.Fatal(err)
			}
		}
		for subject, n := range gapless(t, list(t, d, acc)) {
			if n != 4 {
				t.Errorf("%d has %d events", subject, n)
			}
		}
	})
}
