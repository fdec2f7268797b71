package outbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/id"
)

func tries(t *testing.T, d *db.DB, of Delivery) []Try {
	t.Helper()
	var list []Try
	update(t, d, func(tx *db.Tx) (err error) {
		list, err = Tries(tx, of.Account, of.ID)
		return err
	})
	return list
}

// Each try is kept as it was sent and answered, the last twenty of them, over replays.
func TestTriesAreKept(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		newEndpoint(t, b.db, b.account, "one")
		owe(t, b.db, b.account, "invoice.paid", 1)
		n := 0
		b.say(func(Endpoint, Delivery) Answer {
			n++
			a := Answer{Verdict: Failed, Status: 500, Failure: fmt.Sprint("failure ", n), Request: "Webhook-Id: x\n", Said: "sorry", Took: 1234567 * time.Microsecond}
			if n%4 == 0 {
				a.Verdict, a.Status, a.Failure = Accepted, 200, ""
			}
			return a
		})
		one := func() Delivery { return list(t, b.db, b.account, Query{})[0] }
		at := map[int]time.Time{}
		for n < KeptTries+3 {
			b.step(t)
			at[n] = b.clock.Now()
			d := one()
			if d.State == Delivered {
				update(t, b.db, func(tx *db.Tx) error { return Replay(tx, b.account, d.ID) })
			}
			b.clock.Set(b.clock.Now().Add(time.Hour))
		}
		d := one()
		got := tries(t, b.db, d)
		if len(got) != KeptTries || d.Tries != KeptTries+3 {
			t.Fatalf("%d tries are kept of %d", len(got), d.Tries)
		}
		for i, v := range got {
			number := KeptTries + 3 - i
			want := Try{Delivery: d.ID, Number: number, At: at[number], Took: 1234 * time.Millisecond, Status: 500, Request: "Webhook-Id: x\n", Said: "sorry", Failure: fmt.Sprint("failure ", number)}
			if number%4 == 0 {
				want.Status, want.Failure = 200, ""
			}
			if diff := cmp.Diff(want, v); diff != "" {
				t.Errorf("try %d: %s", number, diff)
			}
		}
	})
}

// Bodies and tries go thirty days after a delivery was settled, and not before; what
// waits and what mails said stay. A replay renders the body anew.
func TestForget(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		good, bad := newEndpoint(t, b.db, b.account, "good"), newEndpoint(t, b.db, b.account, "bad")
		mails := NewMailEndpoint(b.account, nil, start)
		update(t, b.db, func(tx *db.Tx) error { return InsertEndpoint(tx, mails) })
		owe(t, b.db, b.account, "invoice.paid", 3)
		b.say(func(e Endpoint, d Delivery) Answer {
			if e.ID == bad.ID {
				return refuse(e, d)
			}
			return Answer{Verdict: Accepted, Status: 200}
		})
		b.step(t)
		forget := func(after time.Duration, limit int) (n int64) {
			update(t, b.db, func(tx *db.Tx) (err error) {
				n, err = Forget(tx, b.account, start.Add(after), limit)
				return err
			})
			return n
		}
		if n := forget(KeptFor, 100); n != 0 {
			t.Errorf("%d were forgotten too early", n)
		}
		if n, m, o := forget(KeptFor+time.Microsecond, 2), forget(KeptFor+time.Microsecond, 2), forget(KeptFor+time.Microsecond, 2); n != 2 || m != 1 || o != 0 {
			t.Errorf("%d, %d and %d were forgotten", n, m, o)
		}
		with := map[id.Endpoint]int{}
		for _, d := range append(list(t, b.db, b.account, Query{}), list(t, b.db, b.account, Query{Endpoint: mails.ID})...) {
			var full Delivery
			update(t, b.db, func(tx *db.Tx) (err error) {
				full, err = Load(tx, b.account, d.ID)
				return err
			})
			if full.Body != "" {
				with[d.Endpoint]++
			}
			if n := len(tries(t, b.db, d)); d.Endpoint == good.ID && n != 0 || d.Endpoint == mails.ID && n != 1 {
				t.Errorf("%d tries are left of %+v", n, d)
			}
		}
		if with[good.ID] != 0 || with[mails.ID] != 3 || with[bad.ID] == 0 {
			t.Errorf("bodies: %v", with)
		}
		renders := b.renders
		one := list(t, b.db, b.account, Query{Endpoint: good.ID})[0]
		update(t, b.db, func(tx *db.Tx) error { return Replay(tx, b.account, one.ID) })
		b.step(t)
		if got := list(t, b.db, b.account, Query{Endpoint: good.ID})[0]; got.State != Delivered || b.renders != renders+1 {
			t.Errorf("%+v after %d renderings", got, b.renders-renders)
		}
	})
}

// Nothing is begun that could outlast the lease: somebody else may hold it by then.
func TestNothingIsBegunLateInALease(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		newEndpoint(t, b.db, b.account, "slow")
		owe(t, b.db, b.account, "invoice.paid", 10)
		b.say(func(Endpoint, Delivery) Answer {
			b.clock.Add((Lease - longestTry) / 2)
			return Answer{Verdict: Accepted, Status: 200}
		})
		b.step(t)
		if n := len(b.order); n != 2 {
			t.Errorf("%d tries were begun", n)
		}
		for _, d := range list(t, b.db, b.account, Query{State: Waiting}) {
			if d.Attempts != 0 || d.Tries != 0 {
				t.Errorf("what was not tried counts as a try: %+v", d)
			}
		}
		b.step(t)
		if n := len(b.order); n != 4 {
			t.Errorf("%d tries after the second look", n)
		}
	})
}

func TestGiveUp(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account := newAccount(t, d)
		one, other := newEndpoint(t, d, account, "one"), newEndpoint(t, d, account, "other")
		owe(t, d, account, "invoice.paid", 5)
		give := func() (n int64) {
			update(t, d, func(tx *db.Tx) (err error) {
				n, err = GiveUp(tx, account, one.ID, start, 3)
				return err
			})
			return n
		}
		if a, b, c := give(), give(), give(); a != 3 || b != 2 || c != 0 {
			t.Errorf("%d, %d and %d were given up", a, b, c)
		}
		for _, v := range list(t, d, account, Query{Endpoint: one.ID}) {
			if v.State != Dead || v.Failure == "" || !v.SettledAt.Equal(start) {
				t.Errorf("%+v", v)
			}
		}
		if n := len(list(t, d, account, Query{Endpoint: other.ID, State: Waiting})); n != 5 {
			t.Errorf("the other is owed %d", n)
		}
	})
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account := newAccount(t, d)
		e := newEndpoint(t, d, account, "one")
		owe(t, d, account, "invoice.paid", 3)
		owe(t, d, account, "refund.created", 2)
		for q, want := range map[Query]int{{}: 5, {Kind: "invoice.paid"}: 3, {Kind: "nothing"}: 0, {Since: start.Add(time.Minute)}: 3, {Kind: "refund.created", Since: start.Add(time.Minute)}: 1} {
			for _, of := range []id.Endpoint{0, e.ID} {
				q.Endpoint, q.Limit = of, 100
				if got := list(t, d, account, q); len(got) != want {
					t.Errorf("%+v: %d, want %d", q, len(got), want)
				}
			}
		}
		if got := list(t, d, account, Query{Kind: "refund.created"})[0].Kind; got != "refund.created" {
			t.Errorf("kind %q", got)
		}
	})
}
