package outbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// update runs one transaction that must succeed.
func update(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func newAccount(t *testing.T, d *db.DB) id.Account {
	t.Helper()
	a := account.Account{ID: id.New[id.Account](), Name: "Shop", Mode: account.Live, Currency: "EUR", Zone: "UTC", CreatedAt: start, Version: 1}
	update(t, d, func(tx *db.Tx) error { return account.Insert(tx, a) })
	return a.ID
}

func newEndpoint(t *testing.T, d *db.DB, account id.Account, name string, filter ...string) Endpoint {
	t.Helper()
	e := NewEndpoint(account, Webhook, name, "sealed "+name, filter, start)
	update(t, d, func(tx *db.Tx) error { return InsertEndpoint(tx, e) })
	return e
}

func save(tx *db.Tx, list []Delivery) error {
	_, err := Save(tx, list)
	return err
}

// owe makes n events of a kind, a minute apart, and writes what is owed for them.
func owe(t *testing.T, d *db.DB, account id.Account, kind string, n int) []id.Event {
	t.Helper()
	events := id.NewList[id.Event](n)
	update(t, d, func(tx *db.Tx) error {
		return Owe(tx, account, n, func(i int) (id.Event, string, time.Time) {
			return events[i], kind, start.Add(time.Duration(i) * time.Minute)
		})
	})
	return events
}

func list(t *testing.T, d *db.DB, account id.Account, q Query) []Delivery {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 10_000
	}
	var got []Delivery
	update(t, d, func(tx *db.Tx) error {
		var err error
		got, err = List(tx, account, q)
		return err
	})
	return got
}

func claim(t *testing.T, d *db.DB, e Endpoint, limit int, now time.Time) []Delivery {
	t.Helper()
	var got []Delivery
	update(t, d, func(tx *db.Tx) error {
		var err error
		got, err = Claim(tx, e, limit, now)
		return err
	})
	return got
}

func endpoint(t *testing.T, d *db.DB, e Endpoint) Endpoint {
	t.Helper()
	update(t, d, func(tx *db.Tx) error {
		var err error
		e, err = LoadEndpoint(tx, e.Account, e.ID)
		return err
	})
	return e
}

func TestOwe(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account, other := newAccount(t, d), newAccount(t, d)
		all := newEndpoint(t, d, account, "all")
		invoices := newEndpoint(t, d, account, "invoices", "invoice.*")
		off := newEndpoint(t, d, account, "off")
		off.Disable("")
		update(t, d, func(tx *db.Tx) error { return SaveEndpoint(tx, &off) })

		paid := owe(t, d, account, "invoice.paid", 3)
		owe(t, d, account, "refund.created", 2)
		owe(t, d, other, "invoice.paid", 5)
		count := func(e Endpoint) int { return len(list(t, d, e.Account, Query{Endpoint: e.ID})) }
		if a, i, o := count(all), count(invoices), count(off); a != 5 || i != 3 || o != 0 {
			t.Errorf("owed %d, %d, %d", a, i, o)
		}
		if got := list(t, d, other, Query{}); len(got) != 0 {
			t.Errorf("an account without endpoints is owed %d", len(got))
		}
		got := list(t, d, account, Query{Endpoint: invoices.ID, Limit: 1})
		want := []Delivery{{ID: got[0].ID, Account: account, Endpoint: invoices.ID, Event: paid[2], Kind: "invoice.paid", State: Waiting,
			CreatedAt: start.Add(2 * time.Minute), Version: 1}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		var of []Delivery
		update(t, d, func(tx *db.Tx) error {
			var err error
			of, err = OfEvent(tx, account, paid[0])
			return err
		})
		if len(of) != 2 {
			t.Errorf("%d deliveries of one event", len(of))
		}
	})
}

// The hot path: an account that nobody listens to costs one statement.
func TestOweCostsOneReadWhereNobodyListens(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var seen []db.Statement
			d := dbtest.New(t, engine, dbtest.Observe(func(s db.Statement) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, s)
			}))
			account := newAccount(t, d)
			owe(t, d, account, "invoice.paid", 500)
			mu.Lock()
			defer mu.Unlock()
			last := seen[len(seen)-1]
			var texts []string
			for _, s := range seen {
				if s.Tx == last.Tx {
					texts = append(texts, s.Text)
				}
			}
			if len(texts) != 1 || !strings.HasPrefix(texts[0], "select id, events from endpoint") {
				t.Errorf("statements: %q", texts)
			}
		})
	}
}

func TestOweTo(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account := newAccount(t, d)
		e := newEndpoint(t, d, account, "all", "invoice.*")
		known := owe(t, d, account, "invoice.paid", 2)
		events := append(known, id.NewList[id.Event](3)...)
		fill := func() (n int) {
			update(t, d, func(tx *db.Tx) error {
				var err error
				n, err = OweTo(tx, e, len(events), func(i int) (id.Event, string, time.Time) {
					kind := "invoice.paid"
					if i == 4 {
						kind = "refund.created"
					}
					return events[i], kind, start
				})
				return err
			})
			return n
		}
		if a, b := fill(), fill(); a != 2 || b != 0 {
			t.Errorf("new at first %d, then %d", a, b)
		}
		if got := len(list(t, d, account, Query{})); got != 4 {
			t.Errorf("%d owed", got)
		}
	})
}

func TestClaimAndLease(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account := newAccount(t, d)
		e, other := newEndpoint(t, d, account, "one"), newEndpoint(t, d, account, "two")
		events := owe(t, d, account, "invoice.paid", 5)
		first := claim(t, d, e, 3, start)
		if len(first) != 3 || first[0].Event != events[0] || first[0].Attempts != 1 || first[0].Body != "" {
			t.Fatalf("%+v", first)
		}
		if got := claim(t, d, e, 10, start); len(got) != 2 || got[0].Event != events[3] {
			t.Fatalf("the second claim: %+v", got)
		}
		if got := claim(t, d, e, 10, start.Add(Lease-time.Microsecond)); len(got) != 0 {
			t.Fatalf("leased deliveries were claimed: %+v", got)
		}
		// Another holder after the lease; what the first one brings late is ignored.
		again := claim(t, d, e, 10, start.Add(Lease))
		if len(again) != 5 || again[0].Attempts != 2 {
			t.Fatalf("after the lease: %+v", again)
		}
		late := first[0].Settle(Answer{Verdict: Failed, Failure: "late"}, start)
		update(t, d, func(tx *db.Tx) error {
			lost, err := Save(tx, []Delivery{late})
			if len(lost) != 1 {
				t.Errorf("a save that came too late lost %v", lost)
			}
			return err
		})
		now := start.Add(Lease)
		update(t, d, func(tx *db.Tx) error {
			return save(tx, []Delivery{again[0].Settle(Answer{Verdict: Accepted, Status: 200}, now), again[1].Settle(Answer{Verdict: Failed, Status: 500, Failure: "no"}, now)})
		})
		got := list(t, d, account, Query{Endpoint: e.ID})
		slices.Reverse(got)
		if got[0].State != Delivered || got[0].Failure != "" || got[1].State != Waiting || got[1].Failure != "no" || got[1].NextAt.Sub(now) < 4*time.Minute || got[1].NextAt.Sub(now) > 6*time.Minute {
			t.Errorf("%+v", got[:2])
		}
		if got := claim(t, d, other, 10, start); len(got) != 5 {
			t.Errorf("the other endpoint: %d", len(got))
		}
	})
}

func TestDue(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		var all []Endpoint
		for i := range 6 {
			account := newAccount(t, d)
			for range 2 {
				all = append(all, newEndpoint(t, d, account, fmt.Sprint(i)))
			}
			owe(t, d, account, "invoice.paid", 1+i)
		}
		claim(t, d, all[0], 100, start) // under way
		off := endpoint(t, d, all[3])   // disabled
		off.Disable("")
		quiet := newEndpoint(t, d, all[0].Account, "quiet") // owed nothing
		update(t, d, func(tx *db.Tx) error { return SaveEndpoint(tx, &off) })
		var got []id.Endpoint
		var last Endpoint
		pages := 0
		for more := true; more; pages++ {
			var found []Endpoint
			update(t, d, func(tx *db.Tx) (err error) {
				found, last, more, err = Due(tx, start, last.Account, last.ID, 4)
				return err
			})
			for _, e := range found {
				got = append(got, e.ID)
			}
		}
		if pages != 4 { // twelve that are owed something, in three full pages and what is left
			t.Errorf("%d pages", pages)
		}
		var want []id.Endpoint
		for i, e := range all {
			if i != 0 && i != 3 {
				want = append(want, e.ID)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || slices.Contains(got, quiet.ID) {
			t.Error(diff)
		}
	})
}

func TestReplay(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account := newAccount(t, d)
		e := newEndpoint(t, d, account, "one")
		events := owe(t, d, account, "invoice.paid", 6)
		claimed := claim(t, d, e, 5, start)
		for i := range claimed {
			a := Answer{Verdict: Accepted}
			if i%2 == 1 {
				a = Answer{Verdict: Aborted, Failure: "no"}
			}
			claimed[i] = claimed[i].Settle(a, start)
		}
		update(t, d, func(tx *db.Tx) error { return save(tx, claimed) }) // 0 2 4 delivered, 1 3 dead, 5 waits
		waitingNow := func() int { return len(list(t, d, account, Query{State: Waiting})) }
		replay := func(r Range, after id.Event, limit int) (n int, last id.Event) {
			update(t, d, func(tx *db.Tx) (err error) {
				n, last, err = ReplayDead(tx, account, e.ID, r, after, limit)
				return err
			})
			return n, last
		}
		count := func(r Range) (n int) {
			update(t, d, func(tx *db.Tx) (err error) {
				n, err = CountDead(tx, account, e.ID, r)
				return err
			})
			return n
		}
		for r, want := range map[Range]int{{}: 2, {Since: start.Add(2 * time.Minute)}: 1, {Until: start.Add(time.Minute)}: 0, {From: events[1], To: events[3]}: 2, {From: events[2]}: 1, {To: events[2]}: 1} {
			if n := count(r); n != want {
				t.Errorf("%+v: %d are dead, want %d", r, n, want)
			}
		}
		if n, last := replay(Range{Since: start.Add(3 * time.Minute), Until: start.Add(4 * time.Minute)}, 0, 10); n != 1 || last != events[3] || waitingNow() != 2 {
			t.Errorf("one minute: %d, %d wait", n, waitingNow())
		}
		// Again takes the settled, also those that were delivered, and what was never owed.
		never := id.New[id.Event]()
		again := func(list ...id.Event) (n int) {
			update(t, d, func(tx *db.Tx) (err error) {
				n, err = Again(tx, e, len(list), func(i int) (id.Event, string, time.Time) { return list[i], "invoice.paid", start })
				return err
			})
			return n
		}
		if n := again(events[0], events[5], never); n != 2 || waitingNow() != 4 {
			t.Errorf("again: %d, %d wait", n, waitingNow())
		}
		if n := again(); n != 0 {
			t.Errorf("nothing again: %d", n)
		}
		if n := again(events[2], events[4]); n != 2 {
			t.Errorf("the rest of the delivered: %d", n)
		}
		dead := list(t, d, account, Query{State: Dead})
		if len(dead) != 1 || dead[0].Event != events[1] || waitingNow() != 6 {
			t.Fatalf("dead: %+v, %d wait", dead, waitingNow())
		}
		update(t, d, func(tx *db.Tx) error { return Replay(tx, account, dead[0].ID) })
		got := claim(t, d, e, 10, start)
		if len(got) != 7 || got[1].Attempts != 1 || !got[1].SettledAt.IsZero() {
			t.Errorf("%+v", got)
		}
		other := newAccount(t, d)
		err := d.Update(t.Context(), func(tx *db.Tx) error { return Replay(tx, other, dead[0].ID) })
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("another account: %v", err)
		}
		off := endpoint(t, d, e)
		off.Disable("")
		update(t, d, func(tx *db.Tx) error { return SaveEndpoint(tx, &off) })
		err = d.Update(t.Context(), func(tx *db.Tx) error { return Replay(tx, account, dead[0].ID) })
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a disabled endpoint: %v", err)
		}
	})
}

func TestListPages(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account := newAccount(t, d)
		e := newEndpoint(t, d, account, "one")
		newEndpoint(t, d, account, "two")
		owe(t, d, account, "invoice.paid", 7)
		for name, q := range map[string]Query{"account": {}, "endpoint": {Endpoint: e.ID}, "state": {State: Waiting}} {
			whole := list(t, d, account, q)
			var paged []Delivery
			for q.Limit = 3; ; {
				got := list(t, d, account, q)
				paged = append(paged, got...)
				if len(got) < q.Limit {
					break
				}
				q.Before = got[2].ID
			}
			if diff := cmp.Diff(whole, paged); diff != "" || len(whole) < 7 {
				t.Errorf("%s: %d, %s", name, len(whole), diff)
			}
		}
	})
}

func TestEndpointRows(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account, other := newAccount(t, d), newAccount(t, d)
		e := newEndpoint(t, d, account, "https://example.com/hooks", "invoice.paid", "refund.*")
		if diff := cmp.Diff(e, endpoint(t, d, e)); diff != "" {
			t.Error(diff)
		}
		e.Rotate("sealed again", start, time.Hour)
		e.Address, e.Events, e.FailingSince = "https://example.org/", nil, start
		e.Disable("because")
		stale := e
		update(t, d, func(tx *db.Tx) error { return SaveEndpoint(tx, &e) })
		if diff := cmp.Diff(e, endpoint(t, d, e)); diff != "" || e.Version != 2 {
			t.Error(diff)
		}
		err := d.Update(t.Context(), func(tx *db.Tx) error { s := stale; return SaveEndpoint(tx, &s) })
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a stale save: %v", err)
		}
		bad := NewEndpoint(account, Webhook, "x", "s", Filter{"nonsense"}, start)
		err = d.Update(t.Context(), func(tx *db.Tx) error { return InsertEndpoint(tx, bad) })
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("a bad filter: %v", err)
		}
		for i := 1; i < MaxEndpoints; i++ {
			newEndpoint(t, d, account, fmt.Sprint(i))
		}
		more := NewEndpoint(account, Webhook, "one too many", "s", nil, start)
		err = d.Update(t.Context(), func(tx *db.Tx) error { return InsertEndpoint(tx, more) })
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("one endpoint too many: %v", err)
		}

		gone := newEndpoint(t, d, other, "gone")
		stays := newEndpoint(t, d, other, "stays")
		owe(t, d, other, "invoice.paid", 2)
		update(t, d, func(tx *db.Tx) error { return RemoveEndpoint(tx, other, gone.ID, start) })
		for _, dl := range list(t, d, other, Query{}) {
			if want := map[id.Endpoint]State{gone.ID: Dead, stays.ID: Waiting}[dl.Endpoint]; dl.State != want {
				t.Errorf("%+v", dl)
			}
		}
		err = d.Update(t.Context(), func(tx *db.Tx) error { return RemoveEndpoint(tx, account, stays.ID, start) })
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("another account's endpoint: %v", err)
		}
		var left []Endpoint
		update(t, d, func(tx *db.Tx) error {
			var err error
			left, err = Endpoints(tx, other)
			return err
		})
		if len(left) != 1 || left[0].ID != stays.ID {
			t.Errorf("%+v", left)
		}
	})
}
