package commerce

import (
	"context"

	"golang.org/x/sync/errgroup"

	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// inOrder is the run of a sandbox that is being advanced: batch after batch is
// claimed, charged and settled, so that everything is written in the order in
// which it fell due. A live run has no such order to keep and works on all three
// at once.
func (r *renewal) inOrder(ctx context.Context) (Run, error) {
	for {
		batch, due, err := r.claim(ctx)
		if err != nil || due == 0 {
			return r.run, err
		}
		var calls errgroup.Group
		calls.SetLimit(inFlight)
		for _, c := range batch {
			if c.result.Outcome == payment.Unknown { // else it was declined unasked
				calls.Go(func() error {
					r.s.charge(context.WithoutCancel(ctx), c)
					return nil
				})
			}
		}
		_ = calls.Wait() // charging has outcomes, not errors
		if len(batch) > 0 {
			if err := r.s.settle(context.WithoutCancel(ctx), r.acc, batch); err != nil {
				return r.run, err
			}
			r.count(batch)
		}
	}
}

// alike is the beginning of the list that is done in the same transaction: ends and
// periods that cost nothing are done by the claim itself, charges are not.
func (w *claiming) alike(subs []subscription.Subscription) []subscription.Subscription {
	atOnce := func(sub *subscription.Subscription) bool {
		pending := false
		for _, p := range w.attempts[sub.Invoice] {
			pending = pending || p.State == payment.Pending
		}
		step := sub.Due(sub.NextActionAt, pending)
		return step == subscription.Finish || step == subscription.Bill && sub.UnitAmount.IsZero()
	}
	first := atOnce(&subs[0])
	for i := range subs {
		if atOnce(&subs[i]) != first {
			return subs[:i]
		}
	}
	return subs
}
