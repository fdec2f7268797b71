package commerce

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// step is the longest stretch of a walk that is worked off in one go. Inside it each
// thing still happens at its own instant; it must be shorter than the shortest
// retry delay, so that nothing done in a step falls due again before its end
// without being seen by the same step.
const step = 12 * time.Hour

// walk works off what falls due up to an instant and moves the clock along.
func (s *Service) walk(ctx context.Context, acc id.Account, to time.Time, progress func(Progress)) (Progress, error) {
	done := Progress{To: to}
	if err := s.SettleMails(ctx, acc); err != nil {
		return done, err
	}
	for {
		var at time.Time
		err := s.db.View(ctx, func(tx *db.Tx) (err error) {
			at, err = nextDue(tx, acc)
			return err
		})
		if err != nil {
			return done, err
		}
		last := at.IsZero() || at.After(to)
		reach := to
		if !last {
			if end := at.Add(step); end.Before(to) {
				reach = end
			}
			run, err := s.workOff(ctx, acc, reach)
			done.Run.add(run)
			if err != nil {
				return done, err
			}
		}
		if err := s.reach(ctx, acc, reach); err != nil {
			return done, err
		}
		if err := s.SettleMails(ctx, acc); err != nil {
			return done, err
		}
		done.At = reach
		if progress != nil {
			if done.From.IsZero() {
				done.From = at
			}
			progress(done)
		}
		if last || reach.Equal(to) {
			_, err := s.AbandonLeads(ctx, acc)
			return done, err
		}
	}
}

// reach moves a sandbox clock to an instant on its way.
func (s *Service) reach(ctx context.Context, acc id.Account, at time.Time) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		before, err := account.Load(tx, acc)
		if err != nil {
			return err
		}
		a := before
		a.Reach(s.clock.Now(), at)
		return account.Save(tx, before, &a)
	})
}

// workOff does everything that falls due up to an instant, in the order in which it falls
// due, also what only falls due because of it: a charge without an answer is asked for a
// minute later, before what comes after that. It refuses to go on when nothing moves,
// because another process holds what is due.
func (s *Service) workOff(ctx context.Context, acc id.Account, upTo time.Time) (Run, error) {
	var done Run
	var stuck time.Time
	for {
		var subs, other time.Time
		err := s.db.View(ctx, func(tx *db.Tx) (err error) {
			if subs, err = subscription.NextDue(tx, acc); err != nil {
				return err
			}
			other, err = nextOther(tx, acc)
			return err
		})
		at := sooner(other, subs)
		if err != nil || at.IsZero() || at.After(upTo) {
			return done, err
		}
		moved := false
		if at.Equal(other) {
			moved, err = s.workOther(ctx, acc, at, &done)
		} else {
			end := upTo
			if !other.IsZero() && !other.After(upTo) {
				end = other.Add(-time.Microsecond)
			}
			moved, err = s.batchUpTo(ctx, acc, end, &done)
		}
		switch {
		case err != nil:
			return done, err
		case moved:
			stuck = time.Time{}
		case at.Equal(stuck):
			busy := fault.New(fault.Unavailable, "some of what is due is being worked on elsewhere; the clock goes on in a minute")
			busy.RetryAfter = leaseFor
			return done, busy
		default:
			stuck = at // it may have moved since it was looked at
		}
	}
}

// workOther asks for the outcomes, sells the refills and gives the notices that fall due at
// an instant. It reports whether there were any.
func (s *Service) workOther(ctx context.Context, acc id.Account, at time.Time, done *Run) (bool, error) {
	asked, err := s.askDue(ctx, acc, at)
	if err != nil {
		return false, err
	}
	filled, err := s.topUps(ctx, acc, at)
	done.add(filled)
	if err != nil {
		return false, err
	}
	told, err := s.tellDue(ctx, acc, at, true)
	return asked > 0 || filled != Run{} || told > 0, err
}

// batchUpTo claims one batch of what falls due up to an instant, charges it and settles
// it, so that everything is written in the order in which it fell due. It reports whether
// there was anything. A live run has no such order to keep and works on all three at once.
func (s *Service) batchUpTo(ctx context.Context, acc id.Account, upTo time.Time, done *Run) (bool, error) {
	r := &renewal{s: s, acc: acc, upTo: upTo, walk: true}
	batch, due, err := r.claim(ctx)
	if err != nil || due == 0 {
		return false, err
	}
	var calls errgroup.Group
	calls.SetLimit(inFlight)
	for _, c := range batch {
		if c.result.Outcome == payment.Unknown { // else it was declined unasked
			calls.Go(func() error {
				s.charge(context.WithoutCancel(ctx), c)
				return nil
			})
		}
	}
	_ = calls.Wait() // charging has outcomes, not errors
	if len(batch) > 0 {
		if err := s.settle(context.WithoutCancel(ctx), acc, batch); err != nil {
			return false, err
		}
		r.count(batch)
	}
	done.add(r.run)
	return true, nil
}

// alike is the beginning of the list that is done in the same transaction: ends and
// periods that cost nothing are done by the claim itself, charges are not, and a change
// of terms is charged by itself.
func (w *claiming) alike(subs []subscription.Subscription) []subscription.Subscription {
	kind := func(sub *subscription.Subscription) int {
		switch step := sub.Due(w.pending(sub) != nil); {
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

func (r *renewal) count(batch []*collection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range batch {
		switch c.result.Outcome {
		case payment.Succeeded:
			r.run.Collected++
		case payment.Unknown, payment.Processing, payment.Confirm:
			r.run.Unknown++
		default:
			r.run.Declined++
			if c.lost {
				r.run.Ended++
			}
		}
	}
}
