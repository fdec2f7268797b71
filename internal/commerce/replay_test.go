package commerce_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
	"perennial/internal/report"
)

// listener is an endpoint of a world, and what reached it.
type listener struct {
	w        *world
	d        *outbox.Deliverer
	endpoint outbox.Endpoint
	mu       sync.Mutex
	got      []outbox.Delivery
	answer   outbox.Answer
	spared   id.Endpoint // takes everything
}

func (w *world) listener(events ...string) *listener {
	w.Helper()
	l := &listener{w: w, answer: outbox.Answer{Verdict: outbox.Accepted, Status: 200}}
	e, err := w.s.CreateEndpoint(w.Context(), commerce.CreateEndpoint{Call: w.call, Address: "https://hooks.example.com/", Secret: "sealed", Events: events})
	w.ok(err)
	l.endpoint = e
	l.d = outbox.NewDeliverer(w.db, w.clock, slog.New(slog.DiscardHandler), outbox.Work{
		Render: event.Render(func(e event.Event) (string, error) { return e.ID.String() + " " + string(e.Kind), nil }),
		Deliver: func(_ context.Context, e outbox.Endpoint, d outbox.Delivery) outbox.Answer {
			l.mu.Lock()
			defer l.mu.Unlock()
			if e.Kind == outbox.Mail {
				return outbox.Answer{Verdict: outbox.Accepted}
			}
			l.got = append(l.got, d)
			if e.ID == l.spared {
				return outbox.Answer{Verdict: outbox.Accepted, Status: 200}
			}
			return l.answer
		},
		Disabled: commerce.EndpointGaveUp,
		Outage:   commerce.EndpointOutage,
		Replays:  w.s.ContinueReplays,
	})
	return l
}

// deliver runs the deliverer until nothing that waits is due, and returns what came.
func (l *listener) deliver() []outbox.Delivery {
	l.w.Helper()
	for range 100 {
		ctx, stop := context.WithTimeout(l.w.Context(), 20*time.Millisecond)
		l.d.Run(ctx)
		stop()
		due := false
		endpoints, err := report.New(l.w.db, l.w.clock).Endpoints(l.w.Context(), l.w.acc)
		l.w.ok(err)
		for _, e := range endpoints {
			for _, d := range l.log(outbox.Query{Endpoint: e.ID, State: outbox.Waiting, Limit: 1000}) {
				due = due || e.State == outbox.Enabled && !d.NextAt.After(l.w.clock.Now())
			}
		}
		if !due {
			l.mu.Lock()
			defer l.mu.Unlock()
			got := l.got
			l.got = nil
			return got
		}
	}
	l.w.Fatal("deliveries stay due")
	return nil
}

func (l *listener) log(q outbox.Query) []outbox.Delivery {
	l.w.Helper()
	list, err := report.New(l.w.db, l.w.clock).Deliveries(l.w.Context(), l.w.acc, q)
	l.w.ok(err)
	return list
}

func (l *listener) say(a outbox.Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = a
}

func (l *listener) replay(failed bool, r outbox.Range) outbox.Run {
	l.w.Helper()
	v, err := l.w.s.StartReplay(l.w.Context(), commerce.StartReplay{Call: l.w.call, Endpoint: l.endpoint.ID, Failed: failed, Range: r})
	l.w.ok(err)
	for more := true; more; {
		more, err = l.w.s.ContinueReplays(l.w.Context())
		l.w.ok(err)
	}
	done, err := report.New(l.w.db, l.w.clock).Replay(l.w.Context(), l.w.acc, v.ID)
	l.w.ok(err)
	return done
}

// A replay of everything since a time sends what was delivered, what was given up and what
// happened while the endpoint was disabled, the bytes as they were; one of what failed
// sends that alone; a range ends where it says.
func TestReplayOfMany(t *testing.T) {
	onBoth(t, func(w *world) {
		l := w.listener("customer.*")
		create := func(n int) {
			for range n {
				w.newCustomer("c" + id.New[id.Customer]().String() + "@example.com")
			}
		}
		create(2)
		first := l.deliver()
		same(w, "first deliveries", len(first), 2)
		l.say(outbox.Answer{Verdict: outbox.Aborted, Status: 500, Failure: "no"})
		w.advance(w.clock.Now().Add(time.Hour))
		since := w.now()
		create(3)
		same(w, "given up", len(l.deliver()), 3)
		l.say(outbox.Answer{Verdict: outbox.Accepted, Status: 200})
		off, on := false, true
		_, err := w.s.UpdateEndpoint(w.Context(), commerce.UpdateEndpoint{Call: w.call, Endpoint: l.endpoint.ID, Enabled: &off})
		w.ok(err)
		create(4) // nobody is owed these
		_, err = w.s.StartReplay(w.Context(), commerce.StartReplay{Call: w.call, Endpoint: l.endpoint.ID})
		w.refused(err, fault.Conflict, "endpoint_disabled")
		_, err = w.s.UpdateEndpoint(w.Context(), commerce.UpdateEndpoint{Call: w.call, Endpoint: l.endpoint.ID, Enabled: &on})
		w.ok(err)
		same(w, "owed while disabled", len(l.deliver()), 0)

		run := l.replay(true, outbox.Range{Since: since})
		same(w, "failed since", run.Total, 3)
		same(w, "failed since, made due", run.Owed, 3)
		same(w, "failed since, state", run.State, outbox.RunDone)
		same(w, "failed since, delivered", len(l.deliver()), 3)
		same(w, "nothing failed is left", l.replay(true, outbox.Range{}).Total, 0)

		same(w, "all since", l.replay(false, outbox.Range{Since: since}).Owed, 7)
		same(w, "all since, delivered", len(l.deliver()), 7)
		run = l.replay(false, outbox.Range{})
		same(w, "all", run.Total, run.Seen)
		all := l.deliver()
		same(w, "all, delivered", len(all), run.Owed)
		for _, d := range all {
			for _, before := range first {
				if d.ID == before.ID && d.Body != before.Body {
					t.Errorf("%q was sent as %q", before.Body, d.Body)
				}
			}
		}
		run = l.replay(false, outbox.Range{From: first[1].Event, To: first[1].Event})
		same(w, "one event", run.Owed, 1)
		same(w, "one event, delivered", l.deliver()[0].Event, first[1].Event)
		_, err = w.s.StartReplay(w.Context(), commerce.StartReplay{Call: w.call, Endpoint: l.endpoint.ID, Range: outbox.Range{From: first[1].Event, To: first[0].Event}})
		w.refused(err, fault.Invalid, "")
	})
}

// A long replay goes a piece at a time, can be stopped in between, and two processes that
// go on with it at once do nothing twice.
func TestLongReplay(t *testing.T) {
	onBoth(t, func(w *world) {
		l := w.listener("product.*")
		const n = 1203
		events := make([]event.Event, n)
		for i := range events {
			events[i] = event.New(w.acc, w.now(), event.Clock, event.ProductUpdated, int64(w.product), 0, `{"name":"x"}`)
		}
		off, on := false, true
		_, err := w.s.UpdateEndpoint(w.Context(), commerce.UpdateEndpoint{Call: w.call, Endpoint: l.endpoint.ID, Enabled: &off})
		w.ok(err)
		w.ok(w.db.Update(w.Context(), func(tx *db.Tx) error { return event.Append(tx, w.acc, events...) }))
		_, err = w.s.UpdateEndpoint(w.Context(), commerce.UpdateEndpoint{Call: w.call, Endpoint: l.endpoint.ID, Enabled: &on})
		w.ok(err)
		start := commerce.StartReplay{Call: w.call, Endpoint: l.endpoint.ID, Range: outbox.Range{From: events[0].ID}}
		run, err := w.s.StartReplay(w.Context(), start)
		w.ok(err)
		same(w, "total", run.Total, n)
		more, err := w.s.ContinueReplays(w.Context())
		w.ok(err)
		same(w, "more", more, true)
		stopped, err := w.s.StopReplay(w.Context(), commerce.StopReplay{Call: w.call, Replay: run.ID})
		w.ok(err)
		same(w, "stopped after", stopped.Owed, 500)
		_, err = w.s.StopReplay(w.Context(), commerce.StopReplay{Call: w.call, Replay: run.ID})
		w.refused(err, fault.Conflict, "")
		run, err = w.s.StartReplay(w.Context(), start)
		w.ok(err)
		var both sync.WaitGroup
		for range 3 {
			both.Go(func() {
				for more := true; more; {
					var err error
					if more, err = w.s.ContinueReplays(context.Background()); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		both.Wait()
		run, err = report.New(w.db, w.clock).Replay(w.Context(), w.acc, run.ID)
		w.ok(err)
		same(w, "seen", run.Seen, n)
		same(w, "made due", run.Owed, n-500)
		same(w, "state", run.State, outbox.RunDone)
		same(w, "waiting", len(l.log(outbox.Query{Endpoint: l.endpoint.ID, State: outbox.Waiting, Limit: 5000})), n)
	})
}

// What waits for a disabled endpoint is sent when it is enabled, or dropped.
func TestEnableAgain(t *testing.T) {
	onBoth(t, func(w *world) {
		l := w.listener("customer.*")
		off, on := false, true
		set := func(enabled *bool, drop bool) error {
			_, err := w.s.UpdateEndpoint(w.Context(), commerce.UpdateEndpoint{Call: w.call, Endpoint: l.endpoint.ID, Enabled: enabled, Drop: drop})
			return err
		}
		for _, drop := range []bool{false, true} {
			w.newCustomer("c" + id.New[id.Customer]().String() + "@example.com")
			w.ok(set(&off, false))
			w.ok(set(&on, drop))
			same(w, "sent", len(l.deliver()), map[bool]int{false: 1, true: 0}[drop])
		}
		w.refused(set(&on, true), fault.Conflict, "")
		same(w, "dropped", len(l.log(outbox.Query{Endpoint: l.endpoint.ID, State: outbox.Dead, Limit: 10})), 1)
	})
}

// A test reaches the endpoint alone, whatever it listens to; a hook that says that it is
// gone is removed, a webhook is disabled, and both are told of.
func TestTestAndGone(t *testing.T) {
	onBoth(t, func(w *world) {
		witness := w.listener("endpoint.*")
		l := w.listener("invoice.paid")
		l.spared = witness.endpoint.ID
		_, err := w.s.TestEndpoint(w.Context(), commerce.TestEndpoint{Call: w.call, Endpoint: l.endpoint.ID})
		w.ok(err)
		got := l.deliver()
		tests := 0
		for _, d := range got {
			if d.Kind == "endpoint.test" {
				tests++
				same(w, "endpoint of the test", d.Endpoint, l.endpoint.ID)
			}
		}
		same(w, "tests", tests, 1)
		hook, err := w.s.CreateEndpoint(w.Context(), commerce.CreateEndpoint{Call: w.call, Kind: outbox.Hook, Address: "https://zap.example.com/", Secret: "sealed", Events: outbox.Filter{"customer.created"}})
		w.ok(err)
		w.newCustomer("hooked@example.com")
		_, err = w.s.TestEndpoint(w.Context(), commerce.TestEndpoint{Call: w.call, Endpoint: l.endpoint.ID})
		w.ok(err)
		l.say(outbox.Answer{Verdict: outbox.Gone, Status: 410, Failure: "410 Gone"})
		l.deliver()
		_, err = report.New(w.db, w.clock).Endpoint(w.Context(), w.acc, hook.ID)
		w.refused(err, fault.NotFound, "")
		told := map[string]int{}
		for _, d := range witness.log(outbox.Query{Endpoint: witness.endpoint.ID, Limit: 100}) {
			told[d.Kind]++
		}
		if told["endpoint.removed"] != 1 || told["endpoint.disabled"] != 1 || told["endpoint.test"] != 0 {
			t.Errorf("told: %v", told)
		}
	})
}
