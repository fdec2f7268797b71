package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/db"
)

// MoveClock advances a sandbox's clock because of a request that may be repeated.
type MoveClock struct {
	Call
	// Target tells where to, from the account and its present time. It must be quick
	// and have no side effects.
	Target func(a account.Account, now time.Time) (time.Time, error)
}

// MoveClock is AdvanceClock for a request with an idempotency key. The instant is
// fixed when the key is claimed: the same request again goes on to the same
// instant, and not as far again.
func (s *Service) MoveClock(ctx context.Context, c MoveClock) (Progress, error) {
	var from, to time.Time
	var there bool
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		before, err := s.begin(tx, c.Call)
		if err != nil {
			return err
		}
		machine := s.clock.Now()
		from, there = a.Now(machine), false
		if before != 0 {
			to = clock.Time(before)
			there = a.ClockTarget.IsZero() && !to.After(from)
			return nil
		}
		if to, err = c.Target(a, from); err != nil {
			return err
		}
		to = to.UTC().Truncate(time.Microsecond)
		if err := a.Aim(machine, to); err != nil {
			return err
		}
		return s.hold(tx, c.Call, clock.Micros(to))
	})
	if err != nil {
		return Progress{}, err
	}
	done := Progress{From: from, At: to, To: to}
	if !there {
		if done, err = s.AdvanceClock(ctx, AdvanceClock{Call: Call{Account: c.Account, Actor: c.Actor}, To: to}); err != nil {
			return done, err
		}
	}
	return done, s.db.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error { return s.finish(tx, c.Call, done, nil) })
}
