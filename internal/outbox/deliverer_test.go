package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/id"
)

// outside plays every endpoint of a test and writes down what reached it.
type outside struct {
	mu       sync.Mutex
	bodies   map[id.Delivery][]string // each try of each delivery
	order    []id.Delivery
	renders  int
	outages  []string
	disabled []Endpoint
	bounced  []id.Delivery
	render   func(e Endpoint, d Delivery) Rendering // nil sends everything
	answer   func(e Endpoint, d Delivery) Answer    // nil takes everything
	faults   db.Faults
}

func (o *outside) work() Work {
	return Work{
		Render: func(_ *db.Tx, e Endpoint, list []Delivery) ([]Rendering, error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			made := make([]Rendering, len(list))
			for i, d := range list {
				o.renders++
				if o.render != nil {
					made[i] = o.render(e, d)
				}
				made[i].Body = fmt.Sprintf("rendering %d of %s for %s", o.renders, d.Event, e.Address)
			}
			return made, nil
		},
		Deliver: func(_ context.Context, e Endpoint, d Delivery) Answer {
			o.mu.Lock()
			if o.bodies == nil {
				o.bodies = map[id.Delivery][]string{}
			}
			o.bodies[d.ID] = append(o.bodies[d.ID], d.Body)
			o.order = append(o.order, d.ID)
			answer := o.answer
			o.mu.Unlock()
			if answer == nil {
				return Answer{Verdict: Accepted, Status: 200}
			}
			return answer(e, d)
		},
		Disabled: func(_ *db.Tx, e Endpoint, _ time.Time) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.disabled = append(o.disabled, e)
			return nil
		},
		Outage: func(_ *db.Tx, e Endpoint, failure string, _ time.Time) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.outages = append(o.outages, fmt.Sprint(e.Outage(), " ", failure))
			return nil
		},
		Bounced: func(_ *db.Tx, _ Endpoint, d Delivery) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.bounced = append(o.bounced, d.ID)
			return nil
		},
		Faults: &o.faults,
	}
}

func (o *outside) tries(d id.Delivery) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bodies[d]
}

func (o *outside) say(answer func(e Endpoint, d Delivery) Answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = answer
}

func refuse(Endpoint, Delivery) Answer {
	return Answer{Verdict: Failed, Status: 500, Failure: "500 Internal Server Error"}
}

// bench is a Deliverer on a database, moved by the test.
type bench struct {
	*outside
	db      *db.DB
	clock   *clock.Manual
	account id.Account
	d       *Deliverer
}

func newBench(t *testing.T, d *db.DB) *bench {
	t.Helper()
	b := &bench{outside: &outside{}, db: d, clock: clock.NewManual(start), account: newAccount(t, d)}
	b.d = NewDeliverer(d, b.clock, slog.New(slog.DiscardHandler), b.work())
	return b
}

// step looks once and waits until everything begun has been stored.
func (b *bench) step(t *testing.T) {
	t.Helper()
	b.hint(t, true)
}

func (b *bench) hint(t *testing.T, all bool) {
	t.Helper()
	defer b.d.store()()
	if err := b.d.look(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		newEndpoint(t, b.db, b.account, "one")
		newEndpoint(t, b.db, b.account, "two", "refund.*")
		owe(t, b.db, b.account, "invoice.paid", batch+5)
		owe(t, b.db, b.account, "refund.created", 1)
		b.step(t)
		b.step(t)
		got := list(t, b.db, b.account, Query{})
		if len(got) != batch+7 {
			t.Fatalf("%d owed", len(got))
		}
		for _, d := range got {
			if d.State != Delivered || d.Answer != 200 || d.Attempts != 1 || !d.TriedAt.Equal(start) || len(b.tries(d.ID)) != 1 {
				t.Errorf("%+v, %d tries", d, len(b.tries(d.ID)))
			}
		}
		b.step(t)
		if len(b.order) != batch+7 {
			t.Errorf("%d tries in all", len(b.order))
		}
	})
}

// A delivery that always fails is tried by the schedule, each time with the same
// bytes, then is dead; a replay sends the same bytes again.
func TestRetriesSendTheSameBytes(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		e := newEndpoint(t, b.db, b.account, "one")
		owe(t, b.db, b.account, "invoice.paid", 1)
		b.say(refuse)
		b.step(t)
		one := list(t, b.db, b.account, Query{})[0]
		for i, wait := range schedule {
			next := list(t, b.db, b.account, Query{})[0].NextAt
			if took := next.Sub(b.clock.Now()); took < wait*4/5 || took > wait*6/5 {
				t.Fatalf("wait %d is %s", i, took)
			}
			b.clock.Set(next.Add(-time.Microsecond))
			b.step(t)
			if n := len(b.tries(one.ID)); n != i+1 {
				t.Fatalf("%d tries before wait %d was over", n, i)
			}
			b.clock.Add(time.Microsecond)
			b.step(t)
			if n := len(b.tries(one.ID)); n != i+2 {
				t.Fatalf("%d tries after wait %d", n, i)
			}
		}
		one = list(t, b.db, b.account, Query{})[0]
		if one.State != Dead || one.Attempts != MaxAttempts || one.Answer != 500 || one.Failure != "500 Internal Server Error" {
			t.Errorf("%+v", one)
		}
		b.clock.Add(100 * 24 * time.Hour)
		b.step(t)
		if n := len(b.tries(one.ID)); n != MaxAttempts {
			t.Errorf("a dead delivery was tried: %d", n)
		}
		b.say(nil)
		e = endpoint(t, b.db, e)
		e.Enable() // the last try may have come after five days of failures
		update(t, b.db, func(tx *db.Tx) error { return SaveEndpoint(tx, &e) })
		update(t, b.db, func(tx *db.Tx) error { return Replay(tx, b.account, one.ID) })
		b.step(t)
		tries := b.tries(one.ID)
		if len(tries) != MaxAttempts+1 || b.renders != 1 {
			t.Fatalf("%d tries, %d renderings", len(tries), b.renders)
		}
		for _, body := range tries {
			if body != tries[0] || body == "" {
				t.Errorf("%q and %q were sent for one delivery", tries[0], body)
			}
		}
		if one = list(t, b.db, b.account, Query{})[0]; one.State != Delivered || one.Attempts != 1 {
			t.Errorf("%+v", one)
		}
	})
}

// The program dies at each point between claim and stored answer.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		point string
		sent  int // tries that reached the endpoint before the crash
	}{{FaultClaimed, 0}, {FaultSent, 1}} {
		t.Run(c.point, func(t *testing.T) {
			t.Parallel()
			dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
				b := newBench(t, open())
				newEndpoint(t, b.db, b.account, "one")
				owe(t, b.db, b.account, "invoice.paid", 1)
				one := list(t, b.db, b.account, Query{})[0]
				b.faults.Arm(c.point, 1, errBroken)
				b.step(t)
				if n := len(b.tries(one.ID)); n != c.sent {
					t.Fatalf("%d tries before the crash", n)
				}
				// A new program on the same data.
				b.d = NewDeliverer(b.db, b.clock, slog.New(slog.DiscardHandler), b.work())
				b.clock.Add(Lease - time.Microsecond)
				b.step(t)
				if n := len(b.tries(one.ID)); n != c.sent {
					t.Fatalf("%d tries within the lease", n)
				}
				b.clock.Add(time.Microsecond)
				b.step(t)
				tries := b.tries(one.ID)
				if len(tries) != c.sent+1 || tries[0] != tries[len(tries)-1] || b.renders != 1 {
					t.Errorf("%q after %d renderings", tries, b.renders)
				}
				if one = list(t, b.db, b.account, Query{})[0]; one.State != Delivered || one.Attempts != 2 {
					t.Errorf("%+v", one)
				}
			})
		})
	}
}

// A failure holds the rest of the batch back: one try a second, until one succeeds.
func TestFailingEndpointIsHeldBack(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		e := newEndpoint(t, b.db, b.account, "one")
		owe(t, b.db, b.account, "invoice.paid", batch)
		b.say(refuse)
		b.step(t)
		if n := len(b.order); n != 1 {
			t.Fatalf("%d tries of the first batch", n)
		}
		first := len(b.order)
		if got := endpoint(t, b.db, e); !got.FailingSince.Equal(start) {
			t.Errorf("%+v", got)
		}
		for _, d := range list(t, b.db, b.account, Query{}) {
			if want := len(b.tries(d.ID)); d.Attempts != want || d.State != Waiting {
				t.Errorf("tried %d times: %+v", want, d)
			}
		}
		versions := func() map[id.Delivery]int64 {
			m := map[id.Delivery]int64{}
			for _, d := range list(t, b.db, b.account, Query{}) {
				m[d.ID] = d.Version
			}
			return m
		}
		before := versions()
		b.step(t)
		touched := 0
		for d, v := range versions() {
			if v != before[d] {
				touched++
			}
		}
		if n := len(b.order); n != first+1 || touched != 1 {
			t.Errorf("%d tries of the second look, %d claimed", n-first, touched)
		}
		// A hint leaves it out.
		b.hint(t, false)
		if n := len(b.order); n != first+1 {
			t.Errorf("%d tries because of a hint", n-first-1)
		}
		b.say(nil)
		b.clock.Add(10 * time.Second)
		for range 3 {
			b.step(t)
		}
		for _, d := range list(t, b.db, b.account, Query{}) {
			if d.State != Delivered {
				t.Errorf("%+v", d)
			}
		}
		if got := endpoint(t, b.db, e); !got.FailingSince.IsZero() {
			t.Errorf("%+v", got)
		}
	})
}

func TestDisabling(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		gone, silent := newEndpoint(t, b.db, b.account, "gone"), newEndpoint(t, b.db, b.account, "silent")
		owe(t, b.db, b.account, "invoice.paid", 1)
		b.say(func(e Endpoint, _ Delivery) Answer {
			if e.ID == gone.ID {
				return Answer{Verdict: Gone, Status: 410, Failure: "410 Gone"}
			}
			return refuse(e, Delivery{})
		})
		b.step(t)
		if got := endpoint(t, b.db, gone); got.State != Disabled || got.Failure == "" {
			t.Errorf("%+v", got)
		}
		if got := list(t, b.db, b.account, Query{Endpoint: gone.ID}); got[0].State != Dead {
			t.Errorf("%+v", got)
		}
		if len(b.disabled) != 1 || b.disabled[0].ID != gone.ID {
			t.Fatalf("told: %+v", b.disabled)
		}
		owe(t, b.db, b.account, "invoice.paid", 2) // the gone one is owed nothing more
		for _, later := range []time.Duration{time.Minute, time.Hour, GivenUpAfter} {
			b.clock.Add(later)
			b.step(t)
		}
		if got := endpoint(t, b.db, silent); got.State != Disabled || len(b.disabled) != 2 {
			t.Errorf("%+v, told %d", got, len(b.disabled))
		}
		before := len(b.order)
		b.clock.Add(time.Hour)
		b.step(t)
		if len(b.order) != before {
			t.Error("a disabled endpoint was tried")
		}
		// Enabled again, it gets what it is still owed.
		b.say(nil)
		again := endpoint(t, b.db, silent)
		again.Enable()
		update(t, b.db, func(tx *db.Tx) error { return SaveEndpoint(tx, &again) })
		b.clock.Add(GivenUpAfter)
		b.step(t)
		for _, d := range list(t, b.db, b.account, Query{Endpoint: silent.ID}) {
			if d.State != Delivered {
				t.Errorf("%+v", d)
			}
		}
		if n := len(list(t, b.db, b.account, Query{Endpoint: gone.ID})); n != 1 {
			t.Errorf("the disabled endpoint is owed %d", n)
		}
	})
}

func TestRenderFailure(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		newEndpoint(t, b.db, b.account, "one")
		events := owe(t, b.db, b.account, "invoice.paid", 3)
		broken := true
		b.d.work.Render = func(_ *db.Tx, _ Endpoint, list []Delivery) ([]Rendering, error) {
			made := make([]Rendering, len(list))
			for i, d := range list {
				switch {
				case d.Event == events[1]:
					made[i] = Rendering{Fate: Refuse, Reason: "no such event"}
				case broken:
					return nil, errBroken
				default:
					made[i].Body = "body"
				}
			}
			return made, nil
		}
		b.step(t)
		for _, d := range list(t, b.db, b.account, Query{}) {
			if d.State != Waiting || d.Attempts != 0 {
				t.Errorf("after a defect: %+v", d)
			}
		}
		broken = false
		b.step(t)
		for _, d := range list(t, b.db, b.account, Query{}) {
			if want := map[bool]State{true: Dead, false: Delivered}[d.Event == events[1]]; d.State != want {
				t.Errorf("%+v", d)
			}
		}
	})
}

// What is kept is done without being sent, what nobody is owed leaves no trace, and
// Settle does both at once, however many there are.
func TestKeepAndDrop(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		e := NewMailEndpoint(b.account, Filter{"invoice.paid"}, start)
		update(t, b.db, func(tx *db.Tx) error { return InsertEndpoint(tx, e) })
		const n = batch + 3
		events := owe(t, b.db, b.account, "invoice.paid", n)
		b.render = func(_ Endpoint, d Delivery) Rendering {
			if d.Event == events[1] {
				return Rendering{Fate: Drop}
			}
			return Rendering{Fate: Keep}
		}
		if err := b.d.Settle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		got := list(t, b.db, b.account, Query{Endpoint: e.ID, Limit: 2 * n})
		if len(got) != n-1 || len(b.order) != 0 {
			t.Fatalf("%d of %d left, %d sent", len(got), n, len(b.order))
		}
		for _, d := range got {
			if d.State != Delivered || d.Answer != 0 || d.Event == events[1] {
				t.Errorf("%+v", d)
			}
		}
		update(t, b.db, func(tx *db.Tx) error { return Replay(tx, b.account, got[0].ID) })
		b.step(t)
		if len(b.tries(got[0].ID)) != 1 {
			t.Error("a kept delivery was not sent when it was replayed")
		}
	})
}

// What it is too early for is rendered again at its instant, without counting a try, and
// holds up nothing else.
func TestWait(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		e := NewMailEndpoint(b.account, Filter{"invoice.paid"}, start)
		update(t, b.db, func(tx *db.Tx) error { return InsertEndpoint(tx, e) })
		events := owe(t, b.db, b.account, "invoice.paid", 2)
		until := start.Add(10 * time.Minute)
		b.render = func(_ Endpoint, d Delivery) Rendering {
			if d.Event == events[0] && b.clock.Now().Before(until) {
				return Rendering{Fate: Wait, Until: until}
			}
			return Rendering{Fate: Keep}
		}
		states := func() (list []State) {
			for _, ev := range events {
				got, err := ofEvent(t, b.db, b.account, ev)
				if err != nil || len(got) != 1 {
					t.Fatal(got, err)
				}
				list = append(list, got[0].State)
				if got[0].State == Waiting && (got[0].Attempts != 0 || !got[0].NextAt.Equal(until)) {
					t.Errorf("%+v", got[0])
				}
			}
			return list
		}
		b.step(t)
		if got := states(); got[0] != Waiting || got[1] != Delivered {
			t.Fatal(got)
		}
		b.clock.Set(until)
		b.step(t)
		if got := states(); got[0] != Delivered {
			t.Fatal(got)
		}
	})
}

func ofEvent(t *testing.T, d *db.DB, account id.Account, ev id.Event) (list []Delivery, err error) {
	t.Helper()
	err = d.View(t.Context(), func(tx *db.Tx) (err error) {
		list, err = OfEvent(tx, account, ev)
		return err
	})
	return list, err
}

// What is wrong with one delivery holds up no other, and whom a bounce concerns is
// told with it. Nothing disables the endpoint for mails.
func TestOneRecipient(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		e := NewMailEndpoint(b.account, nil, start)
		update(t, b.db, func(tx *db.Tx) error { return InsertEndpoint(tx, e) })
		events := owe(t, b.db, b.account, "invoice.paid", 6)
		verdicts := map[id.Event]Verdict{events[0]: Later, events[1]: Bounced, events[2]: Aborted}
		b.say(func(_ Endpoint, d Delivery) Answer {
			if v, ok := verdicts[d.Event]; ok {
				return Answer{Verdict: v, Status: 550, Failure: "no"}
			}
			return Answer{Verdict: Accepted, Status: 250}
		})
		b.step(t)
		for _, d := range list(t, b.db, b.account, Query{}) {
			want := map[Verdict]State{Accepted: Delivered, Later: Waiting, Bounced: Dead, Aborted: Dead}[verdictOf(verdicts, d.Event)]
			if d.State != want {
				t.Errorf("%+v, want %s", d, want)
			}
			if bounced := slices.Contains(b.bounced, d.ID); bounced != (d.Event == events[1]) {
				t.Errorf("%s: bounced is %v", d.ID, bounced)
			}
		}
		if got := endpoint(t, b.db, e); !got.FailingSince.IsZero() {
			t.Errorf("%+v", got)
		}
		b.say(refuse)
		for range 8 {
			b.clock.Add(24 * time.Hour)
			b.step(t)
		}
		if got := endpoint(t, b.db, e); got.State != Enabled || got.FailingSince.IsZero() {
			t.Errorf("%+v", got)
		}
	})
}

func verdictOf(verdicts map[id.Event]Verdict, e id.Event) Verdict {
	if v, ok := verdicts[e]; ok {
		return v
	}
	return Accepted
}

// One endpoint answers nothing; the other gets all of its deliveries meanwhile,
// also those of the same account and those that come later.
func TestHangingEndpointLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		tarpit := newEndpoint(t, b.db, b.account, "tar pit")
		newEndpoint(t, b.db, b.account, "good")
		const n = 3 * batch
		owe(t, b.db, b.account, "invoice.paid", n)
		release := make(chan struct{})
		stuck := make(chan struct{}, n)
		good := make(chan id.Delivery, 2*n)
		b.say(func(e Endpoint, d Delivery) Answer {
			if e.ID == tarpit.ID {
				stuck <- struct{}{}
				<-release
				return refuse(e, d)
			}
			good <- d.ID
			return Answer{Verdict: Accepted, Status: 200}
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.d.Run(ctx)
		}()
		<-stuck
		for range n {
			<-good
		}
		owe(t, b.db, b.account, "invoice.paid", 1)
		b.d.Wake()
		<-good
		if len(stuck) != 0 {
			t.Errorf("%d more tries to an endpoint that answers none", len(stuck))
		}
		// Stopping waits for the tries under way and stores what came of them.
		stop()
		close(release)
		<-done
		tried := 0
		for _, d := range list(t, b.db, b.account, Query{Endpoint: tarpit.ID}) {
			if d.State != Waiting || d.Attempts > 1 {
				t.Errorf("%+v", d)
			}
			tried += d.Attempts
		}
		if tried != 1 {
			t.Errorf("%d tries are stored", tried)
		}
	})
}

// Two programs on one database share the work and send nothing twice.
func TestTwoDeliverers(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		for i := range 4 {
			newEndpoint(t, b.db, b.account, fmt.Sprint(i))
		}
		const n = 100
		owe(t, b.db, b.account, "invoice.paid", n)
		arrived := make(chan struct{}, 8*n)
		b.say(func(Endpoint, Delivery) Answer {
			arrived <- struct{}{}
			return Answer{Verdict: Accepted, Status: 200}
		})
		ctx, stop := context.WithCancel(t.Context())
		var both sync.WaitGroup
		for range 2 {
			d := NewDeliverer(b.db, b.clock, slog.New(slog.DiscardHandler), b.work())
			both.Go(func() { d.Run(ctx) })
		}
		for range 4 * n {
			<-arrived
		}
		stop()
		both.Wait()
		for _, d := range list(t, b.db, b.account, Query{}) {
			if d.State != Delivered || d.Attempts != 1 || len(b.tries(d.ID)) != 1 {
				t.Errorf("%d tries: %+v", len(b.tries(d.ID)), d)
			}
		}
	})
}
