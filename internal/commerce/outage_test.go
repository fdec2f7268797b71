package commerce_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/notice"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/seal"
)

// unreachable is a gateway whose list of notices cannot be read for a while.
type unreachable struct {
	*sandbox.Gateway
	away atomic.Bool
}

func (u *unreachable) Notices(ctx context.Context, acc id.Account, after string, now time.Time) ([]payment.Notice, string, error) {
	if u.away.Load() {
		return nil, after, fault.New(fault.Unavailable, "the gateway does not answer")
	}
	return u.Gateway.Notices(ctx, acc, after, now)
}

func (u *unreachable) Each(ctx context.Context, acc id.Account, since time.Time, fn func(payment.Record) error) error {
	if u.away.Load() {
		return fault.New(fault.Unavailable, "the gateway does not answer")
	}
	if err := fn(payment.Record{Reference: "ch_of_another_shop", Amount: usd(700)}); err != nil {
		return err
	}
	return u.Gateway.Each(ctx, acc, since, fn)
}

// outages are the mails to the team about outages, in order.
func (w *world) outages() []string {
	w.Helper()
	var list []string
	for _, m := range w.mails() {
		if m.Kind == notice.TeamOutage || m.Kind == notice.TeamOutageOver {
			list = append(list, string(m.Kind)+": "+strings.TrimPrefix(m.Subject, commerce.SandboxPrefix))
		}
	}
	return list
}

func (w *world) sameLines(got []string, want ...string) {
	w.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A gateway that is away for half an hour is told once, and once that it is back; a short
// absence is told to nobody.
func TestGatewayOutage(t *testing.T) {
	onBoth(t, func(w *world) {
		bank := &unreachable{Gateway: w.bank.Gateway}
		keys, err := seal.Parse(seal.New())
		w.ok(err)
		w.s.UseGateways(keys, map[string]commerce.Opener{"sandbox": func(payment.GatewaySettings, payment.GatewaySecrets) (payment.Gateway, error) { return bank, nil }})
		_, err = w.s.CreateGateway(w.Context(), commerce.CreateGateway{Call: w.call, Kind: "sandbox", Name: "Outside"})
		w.ok(err)
		poll := func(away bool, after time.Duration) {
			w.Helper()
			bank.away.Store(away)
			w.clock.Add(after)
			w.run()
		}
		poll(true, time.Hour)
		poll(false, 10*time.Minute)
		w.sameLines(w.outages())
		poll(true, time.Hour)
		for range 5 {
			poll(true, 10*time.Minute)
		}
		failing := "team_outage: The gateway account Outside does not answer"
		w.sameLines(w.outages(), failing)
		poll(false, 10*time.Minute)
		poll(false, time.Hour)
		w.sameLines(w.outages(), failing, "team_outage_over: The gateway account Outside works again")
	})
}

// A gateway whose books cannot be read is named, holds up neither the comparison of another
// nor the proof of our own books, and is compared when it is there again. What was charged
// there for another shop is no difference.
func TestBooksOfAGatewayThatIsAway(t *testing.T) {
	onBoth(t, func(w *world) {
		away, here := &unreachable{Gateway: w.bank.Gateway}, &unreachable{Gateway: w.bank.Gateway}
		keys, err := seal.Parse(seal.New())
		w.ok(err)
		w.s.UseGateways(keys, map[string]commerce.Opener{"sandbox": func(_ payment.GatewaySettings, secrets payment.GatewaySecrets) (payment.Gateway, error) {
			if secrets.APIKey == "away" {
				return away, nil
			}
			return here, nil
		}})
		add := func(name string) payment.GatewayAccount {
			g, err := w.s.CreateGateway(w.Context(), commerce.CreateGateway{Call: w.call, Kind: "sandbox", Name: name, Secrets: payment.GatewaySecrets{APIKey: name}})
			w.ok(err)
			return g
		}
		gone, other := add("away"), add("here")
		away.away.Store(true)
		w.clock.Add(25 * time.Hour)
		w.run()
		same(w, "compared", w.kinds()[event.GatewayReconciled], 1)
		for g, fails := range map[id.GatewayAccount]bool{gone.ID: true, other.ID: false} {
			w.view(func(tx *db.Tx) error {
				row, err := payment.LoadGateway(tx, w.acc, g)
				if (row.Health.LastError != "") != fails {
					w.Errorf("%s fails: %q", row.Name, row.Health.LastError)
				}
				return err
			})
		}
		_, err = w.s.Reconcile(w.Context(), commerce.Reconcile{Call: w.call})
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), gone.ID.String()) {
			w.Errorf("asked for all: %v", err)
		}
		all, err := w.s.GatewaysOf(w.Context(), w.acc)
		w.ok(err)
		books, err := report.New(w.db, w.clock).Books(w.Context(), w.acc, all)
		w.ok(err)
		if len(books.Differences) != 1 || !strings.Contains(books.Differences[0], gone.ID.String()) {
			w.Errorf("the books: %q", books.Differences)
		}
		away.away.Store(false)
		w.clock.Add(10 * time.Minute)
		w.run()
		same(w, "compared", w.kinds()[event.GatewayReconciled], 2)
		books, err = report.New(w.db, w.clock).Books(w.Context(), w.acc, all)
		w.ok(err)
		same(w, "differences", len(books.Differences), 0)
	})
}

// A webhook endpoint that fails for half an hour is told once, and once that it is back.
func TestEndpointOutage(t *testing.T) {
	onBoth(t, func(w *world) {
		l := w.listener("customer.created")
		l.answer = outbox.Answer{Verdict: outbox.Failed, Status: 503, Failure: "503 Service Unavailable"}
		w.newCustomer("one@example.com")
		for range 20 {
			l.deliver()
			w.clock.Add(5 * time.Minute)
		}
		same(w, "failing", w.kinds()[event.EndpointFailing], 1)
		same(w, "working", w.kinds()[event.EndpointWorking], 0)
		l.answer = outbox.Answer{Verdict: outbox.Accepted, Status: 200}
		w.clock.Add(3 * time.Hour)
		l.deliver()
		w.newCustomer("two@example.com")
		l.deliver()
		same(w, "failing", w.kinds()[event.EndpointFailing], 1)
		same(w, "working", w.kinds()[event.EndpointWorking], 1)
	})
}
