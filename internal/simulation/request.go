package simulation

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/idempotency"
	"perennial/internal/payment"
)

// errCrash is the death of the process.
var errCrash = errors.New("simulation: the process died")

// The fault points of the store, as internal/db names them, and those of the line.
var storePoints = []string{"db.begin", "db.statement", "db.commit.before", "db.commit.after"}

const (
	gatewayBefore = "gateway.before"
	gatewayAfter  = "gateway.after"
)

// request is something that was asked for and can be asked for again.
type request struct {
	key     string
	final   bool   // it was answered for good
	outcome string // of the answer
	machine int64  // when, in microseconds of the machine's clock
	send    func(ctx context.Context, s *commerce.Service, c commerce.Call) error
}

// gateways are the gateways of the merchant.
func (w *world) gateways() map[string]payment.Gateway {
	return map[string]payment.Gateway{commerce.SandboxGateway: w.line}
}

// restart begins a new process over the same store.
func (w *world) restart(ctx context.Context) error {
	w.service = w.stage.Start(w.gateways())
	return w.service.Recover(ctx)
}

// call is who asks, under a key.
func (w *world) call(key string) commerce.Call {
	return commerce.Call{Account: w.acc, Actor: actor, Once: &commerce.Once{
		Request: idempotency.Request{Route: "simulation", Key: key, Digest: idempotency.Digest([]byte(key)), Arrived: w.stage.Clock.Now()},
		Answer: func(_ any, refusal error) (int, string) {
			text, err := expected(refusal)
			if err != nil {
				text = err.Error()
			}
			return 200, text
		}}}
}

// ask sends a request as a client does: while it does not know what became of it,
// it asks again under the same key. The outcome is what was answered.
func (w *world) ask(ctx context.Context, send func(ctx context.Context, s *commerce.Service, c commerce.Call) error) (string, error) {
	r := &request{key: "r" + strconv.Itoa(len(w.requests)+1), machine: w.stage.Clock.Now().UnixMicro(), send: send}
	w.requests = append(w.requests, r)
	outcome, err := w.deliver(ctx, r)
	if err != nil {
		return outcome, err
	}
	r.answered(outcome)
	return outcome, nil
}

// answered notes an outcome. What is under way has no answer yet, and refusals are
// not remembered: asked again, they may have become possible.
func (r *request) answered(outcome string) {
	r.outcome = outcome
	r.final = !strings.HasPrefix(outcome, "pending") && !strings.HasPrefix(outcome, "refused")
}

// patience is how long one request may take in the machine's real time. It is far
// more than any needs: what takes longer never ends.
const patience = 2 * time.Minute

// deliver sends a request until it is answered.
func (w *world) deliver(ctx context.Context, r *request) (string, error) {
	var outcome string
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := w.survive(ctx, func(s *commerce.Service) error {
		err := r.send(ctx, s, w.call(r.key))
		if before, ok := commerce.IsReplayed(err); ok {
			outcome = before.Body
			return nil
		}
		if errors.Is(err, errCrash) {
			return err
		}
		outcome, err = expected(err)
		return err
	})
	return outcome, err
}

// most is how often one request may meet the death of the process.
const most = 3

// survive does work in a process that may die of it, until it is done.
func (w *world) survive(ctx context.Context, work func(s *commerce.Service) error) error {
	for try := 0; ; try++ {
		c := w.arm(try)
		err := work(w.service)
		fired := w.disarm(c)
		switch {
		case !errors.Is(err, errCrash):
			if fired && err == nil {
				return fmt.Errorf("the store failed at %s, pass %d, and nobody was told", c.point, c.nth)
			}
			if fired {
				return fmt.Errorf("the store failed at %s, pass %d, and what was told is: %w", c.point, c.nth, err)
			}
			return err
		case try > most:
			return fmt.Errorf("it died once more than it was made to: %w", err)
		}
		w.result.Crashes[c.point]++
		if err := w.restart(ctx); err != nil {
			return fmt.Errorf("a new process cannot begin: %w", err)
		}
	}
}

// crash is a place at which the process will die.
type crash struct {
	point  string
	nth    int
	passes int
	once   sync.Mutex
	died   bool
}

// arm chooses where the process dies during the next try of a request, if it does.
func (w *world) arm(try int) *crash {
	if !w.o.Faults || try >= most || w.chaos.IntN(100) >= 35 {
		return nil
	}
	if w.chaos.IntN(4) == 0 {
		return w.armLine()
	}
	c := &crash{point: among(w.chaos, storePoints), nth: 1 + w.chaos.IntN(4)}
	if c.point == "db.statement" {
		c.nth = 1 + w.chaos.IntN(40)
	}
	c.passes = w.stage.Faults.Passes(c.point)
	w.stage.Faults.Arm(c.point, c.nth, errCrash)
	return c
}

// afterDeath is how often the store of a dead process fails: more often than work
// that is under way can still reach for it.
const afterDeath = 30

// armLine lets the process die at the call to the gateway for every third card, so
// that it does not depend on which of several calls comes first.
func (w *world) armLine() *crash {
	c := &crash{point: gatewayBefore}
	if w.chaos.IntN(2) == 0 {
		c.point = gatewayAfter
	}
	third := w.chaos.IntN(3)
	w.line.mu.Lock()
	defer w.line.mu.Unlock()
	w.line.dies = func(number int, before bool) bool {
		if number%3 != third || before != (c.point == gatewayBefore) {
			return false
		}
		c.once.Lock()
		defer c.once.Unlock()
		if !c.died {
			c.died = true
			for n := range afterDeath { // nothing is written any more, by whoever works beside
				for _, point := range storePoints[:3] {
					w.stage.Faults.Arm(point, n+1, errCrash)
				}
			}
		}
		return true
	}
	return c
}

// disarm ends the danger and reports whether the process should have died.
func (w *world) disarm(c *crash) bool {
	if c == nil {
		return false
	}
	w.line.mu.Lock()
	w.line.dies = nil
	w.line.mu.Unlock()
	w.stage.Faults.Disarm()
	if c.point == gatewayBefore || c.point == gatewayAfter {
		return c.died
	}
	return w.stage.Faults.Passes(c.point) >= c.passes+c.nth
}

// keep is for how long, in microseconds of the machine's clock, a key is surely
// remembered.
const keep = int64(29 * 24 * 60 * 60 * 1e6)

// again sends a request a second time and demands that nothing comes of it but the
// first answer.
func (w *world) again(ctx context.Context, r *request) error {
	if w.stage.Clock.Now().UnixMicro()-r.machine > keep {
		return nil
	}
	before, err := w.fingerprint(ctx)
	if err != nil {
		return err
	}
	outcome, err := w.deliver(ctx, r)
	if err != nil {
		return fmt.Errorf("request %s sent again: %w", r.key, err)
	}
	if outcome != r.outcome {
		return fmt.Errorf("request %s was answered %q and, sent again, %q", r.key, r.outcome, outcome)
	}
	after, err := w.fingerprint(ctx)
	if err == nil && before != after {
		err = fmt.Errorf("request %s, sent again, changed something:\nbefore %s\nafter  %s", r.key, before, after)
	}
	return err
}

// fingerprint spells how everything stands.
func (w *world) fingerprint(ctx context.Context) (string, error) {
	if err := w.look(ctx); err != nil {
		return "", err
	}
	moved := map[bool]int{}
	err := w.line.Each(ctx, w.acc, time.Time{}, func(r payment.Record) error {
		moved[r.Refund]++
		return nil
	})
	text := fmt.Sprintf("newest event %v, %d charges, %d refunds", w.seen, moved[false], moved[true])
	for _, s := range w.subs {
		text += fmt.Sprintf("; %v %s period %d next %d version %d", s, s.now.State, s.now.Period, s.now.NextActionAt.UnixMicro(), s.now.Version)
	}
	return text, err
}

// refusals are the codes of refusals that are no surprise.
var refusals = func() map[string]bool {
	m := map[string]bool{}
	for _, code := range []string{"subscription_ended", "subscription_not_ended", "subscription_completed", "subscription_paused", "subscription_not_paused",
		"subscription_trialing", "not_scheduled_to_end", "not_scheduled_to_pause", "scheduled_to_end", "pause_scheduled", "pause_not_allowed", "skips_used_up", "renewal_due",
		"change_scheduled", "change_under_way", "no_change_scheduled", "preview_expired", "price_changed", "cancel_not_allowed", "no_last_payment", "no_payment_method",
		"interval_differs", "fixed_dates", "fixed_parts", "invoice_not_open", "invoice_not_issued", "invoice_paid", "invoice_unpaid", "invoice_void", "invoice_credited", "nothing_to_credit",
		"payment_under_way", "retry_forbidden", "refund_under_way", "payment_not_succeeded", "product_archived", "price_archived", "idempotency_key_in_use",
		"coupon_archived", "coupon_expired", "coupon_first_charge_only", "coupon_not_stackable", "coupon_not_started", "coupon_other_product", "coupon_redeemed_already",
		"coupon_too_many", "coupon_twice", "coupon_unknown", "coupon_used_by_customer", "coupon_used_up", "coupon_worth_nothing"} {
		m[code] = true
	}
	return m
}()
