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
// periods that cost nothing are done by the claim itself, charges are not, and a change
// of terms is charged by itself.
func (w *claiming) alike(subs []subscription.Subscription) []subscription.Subscription {
	kind := func(sub *subscription.Subscription) int {
		switch step := sub.Due(sub.NextActionAt, w.pending(sub) != nil); {
		case step == subscription.ChangeDue:
			return 2
		case step == subscription.Finish, step == subscription.PauseNow, step == subscription.EndOfPause,
			step == subscription.Bill && sub.UnitAmount.IsZero() && w.prices[sub.Price].Terms.IsZero():
			return 1
		}
		return 0
	}
	first := kind(&subs[0])
	for i := range subs {
		if kind(&subs[i]) != first || i > 0 && first == 2 {
			return subs[:i]
		}
	}
	return subs
}
