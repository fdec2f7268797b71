package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// latin is a dialect for tests, which counts what it composed.
type latin struct {
	mu       sync.Mutex
	composed int
	before   func()
	compose  func(d Delivery) Rendering // nil sends everything
	broken   error
}

func (l *latin) dialect() Dialect {
	return Dialect{Name: "latin", ContentType: "text/plain", Topics: []Topic{
		{"facta", []string{"invoice.issued", "invoice.paid"}}, {"soluta", []string{"invoice.paid"}}, {"reddita", []string{"refund.created"}},
	}, Compose: func(_ context.Context, e Endpoint, list []Delivery) ([]Rendering, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.before != nil {
			l.before()
		}
		if l.broken != nil {
			return nil, l.broken
		}
		made := make([]Rendering, len(list))
		for i, d := range list {
			l.composed++
			if l.compose != nil {
				made[i] = l.compose(d)
			}
			made[i].Body = fmt.Sprintf("composition %d of %s %s for %s", l.composed, d.Topic, d.Event, e.Address)
		}
		return made, nil
	}}
}

// speaking is a bench with an endpoint that speaks latin.
func speaking(t *testing.T, d *db.DB, topics ...string) (*bench, *latin, Endpoint) {
	t.Helper()
	b, l := newBench(t, d), &latin{}
	b.d.work.Dialects = map[string]Dialect{"latin": l.dialect()}
	f, err := l.dialect().Filter(topics)
	if err != nil {
		t.Fatal(err)
	}
	e := NewEndpoint(b.account, Webhook, "old", "sealed", f, start)
	e.Dialect = "latin"
	update(t, d, func(tx *db.Tx) error { return InsertEndpoint(tx, e) })
	return b, l, e
}

func TestDialectFilter(t *testing.T) {
	t.Parallel()
	d := (&latin{}).dialect()
	all, err := d.Filter(nil)
	if err != nil || !slices.Equal(all.Words(), []string{"facta", "soluta", "reddita"}) || all.Check() != nil {
		t.Errorf("%v, %v", all, err)
	}
	if got := parseFilter(all.text()); !slices.Equal(got, all) {
		t.Errorf("it was read back as %v", got)
	}
	some, err := d.Filter([]string{"soluta", "reddita"})
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string][]string{"invoice.paid": {"soluta"}, "invoice.issued": nil, "refund.created": {"reddita"}} {
		if got := some.Told(kind); !slices.Equal(got, want) || some.Wants(kind) != (want != nil) {
			t.Errorf("%s is told under %v", kind, got)
		}
	}
	if got := all.Told("invoice.paid"); !slices.Equal(got, []string{"facta", "soluta"}) {
		t.Errorf("%v", got)
	}
	if _, err := d.Filter([]string{"invoice.paid"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a word that is no topic: %v", err)
	}
}

// One event is told under each topic that tells of it, each body composed once and sent
// unchanged in every try and every replay, and each delivery told from the others.
func TestDialect(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b, l, e := speaking(t, open())
		newEndpoint(t, b.db, b.account, "own")
		events := owe(t, b.db, b.account, "invoice.paid", 2)
		b.say(func(e Endpoint, d Delivery) Answer {
			if e.Dialect != "" && d.Topic == "soluta" {
				return Answer{Verdict: Aborted, Status: 500}
			}
			return Answer{Verdict: Accepted, Status: 200}
		})
		b.step(t)
		got := list(t, b.db, b.account, Query{Endpoint: e.ID})
		if len(got) != 4 || l.composed != 4 || b.renders != 2 {
			t.Fatalf("%d owed, %d composed, %d rendered", len(got), l.composed, b.renders)
		}
		messages := map[string]bool{}
		for _, d := range got {
			messages[d.Message()] = true
			if want := map[string]State{"facta": Delivered, "soluta": Dead}[d.Topic]; d.State != want {
				t.Errorf("%s is %s", d.Topic, d.State)
			}
		}
		if len(messages) != 4 {
			t.Errorf("messages %v", messages)
		}
		var paged []Delivery
		for q := (Query{Endpoint: e.ID, Limit: 1}); ; q.Before = paged[len(paged)-1].ID {
			one := list(t, b.db, b.account, q)
			if len(one) == 0 {
				break
			}
			paged = append(paged, one...)
		}
		if !slices.EqualFunc(paged, got, func(a, b Delivery) bool { return a.ID == b.ID }) {
			t.Errorf("page by page there are %d", len(paged))
		}

		b.say(nil)
		var n int
		update(t, b.db, func(tx *db.Tx) (err error) {
			var last id.Event
			for more := true; more; { // piece by piece, of which one ends within an event
				var of int
				of, last, err = ReplayDead(tx, b.account, e.ID, Range{}, last, 1)
				n += of
				more = err == nil && of == 1
			}
			return err
		})
		update(t, b.db, func(tx *db.Tx) error {
			again, err := Again(tx, e, 1, func(int) (id.Event, string, time.Time) { return events[0], "invoice.paid", start })
			if err == nil && again != 1 { // the other waits already
				t.Errorf("%d are due again", again)
			}
			return err
		})
		b.step(t)
		if n != 2 || l.composed != 4 {
			t.Errorf("%d replayed, %d composed", n, l.composed)
		}
		for _, d := range list(t, b.db, b.account, Query{Endpoint: e.ID}) {
			tries := b.tries(d.ID)
			if d.State != Delivered || len(tries) < 1 || len(slices.Compact(slices.Clone(tries))) != 1 {
				t.Errorf("%s of %s: %s, %q", d.Topic, d.Event, d.State, tries)
			}
		}
	})
}

// What a dialect makes of a delivery is kept to; what cannot be composed now stays due, and
// what becomes due meanwhile is not lost.
func TestComposing(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b, l, e := speaking(t, open(), "facta", "reddita")
		owe(t, b.db, b.account, "refund.created", 1)
		l.broken = errors.New("the lamp is out")
		b.step(t)
		if got := list(t, b.db, b.account, Query{Endpoint: e.ID}); got[0].State != Waiting || got[0].Attempts != 0 {
			t.Fatalf("%+v", got[0])
		}
		l.broken = nil
		l.before = func() {
			l.before = nil
			owe(t, b.db, b.account, "invoice.issued", 1)
			owe(t, b.db, b.account, "invoice.paid", 1)
		}
		l.compose = func(d Delivery) Rendering {
			switch d.Kind {
			case "invoice.issued":
				return Rendering{Fate: Drop}
			case "refund.created":
				return Rendering{Fate: Refuse, Reason: "it is written nowhere"}
			}
			return Rendering{}
		}
		b.step(t)
		b.step(t)
		got := list(t, b.db, b.account, Query{Endpoint: e.ID})
		if len(got) != 2 || got[0].Kind != "invoice.paid" || got[0].State != Delivered || got[1].State != Dead || got[1].Failure != "it is written nowhere" {
			t.Errorf("%+v", got)
		}
	})
}

// Nothing is sent to an endpoint whose dialect nobody speaks; it waits for who does.
func TestUnknownDialect(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b, l, e := speaking(t, open())
		b.d.work.Dialects = nil
		owe(t, b.db, b.account, "invoice.paid", 1)
		b.step(t)
		for _, d := range list(t, b.db, b.account, Query{Endpoint: e.ID}) {
			if d.State != Waiting || len(b.tries(d.ID)) != 0 {
				t.Errorf("%+v", d)
			}
		}
		b.d.work.Dialects = map[string]Dialect{"latin": l.dialect()}
		b.step(t)
		if len(b.order) != 2 {
			t.Errorf("%d were sent", len(b.order))
		}
	})
}

// A process that dies after it composed, and before or after it stored what it composed,
// leaves the next one to send each once, the stored bytes.
func TestComposedAndDied(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b, l, e := speaking(t, open())
		owe(t, b.db, b.account, "invoice.paid", 1)
		b.faults.Arm(FaultClaimed, 1, errors.New("killed"))
		b.step(t)
		b.faults.Disarm()
		if l.composed != 2 || len(b.order) != 0 {
			t.Fatalf("%d composed, %d sent", l.composed, len(b.order))
		}
		b.clock.Add(Lease)
		b.step(t)
		if l.composed != 2 || len(b.order) != 2 {
			t.Errorf("%d composed, %d sent", l.composed, len(b.order))
		}
		for _, d := range list(t, b.db, b.account, Query{Endpoint: e.ID}) {
			if d.State != Delivered {
				t.Errorf("%+v", d)
			}
		}
	})
}
