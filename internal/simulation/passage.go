package simulation

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
)

// jump draws how far the clock is advanced: minutes to months.
func (w *world) jump() time.Duration {
	upTo := func(d time.Duration) time.Duration { return 1 + time.Duration(w.rng.Int64N(int64(d))) }
	switch n := w.rng.IntN(100); {
	case n < 20:
		return upTo(time.Hour)
	case n < 40:
		return upTo(24 * time.Hour)
	case n < 70:
		return upTo(7 * 24 * time.Hour)
	case n < 93:
		return upTo(35 * 24 * time.Hour)
	default:
		return upTo(100 * 24 * time.Hour)
	}
}

func timePasses(ctx context.Context, w *world) (string, error) {
	to := w.now.Add(w.jump()).Truncate(time.Microsecond)
	if w.roll(15) { // to the very moment at which something falls due
		for _, s := range w.subs {
			if s.runs() && s.now.NextActionAt.After(w.now) && s.now.NextActionAt.Before(to) {
				to = s.now.NextActionAt
			}
		}
	}
	w.action += " to " + to.Format(time.RFC3339Nano)
	return w.advance(ctx, to)
}

// advance moves the merchant's clock to an instant.
func (w *world) advance(ctx context.Context, to time.Time) (string, error) {
	move := func(stop time.Time) func(context.Context, *commerce.Service, commerce.Call) error {
		return func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
			_, err := s.MoveClock(ctx, commerce.MoveClock{Call: c, Target: func(account.Account, time.Time) (time.Time, error) { return stop, nil }})
			return err
		}
	}
	for _, stop := range w.stops(to) {
		w.stopped++
		stride := &request{key: "stride" + strconv.Itoa(w.stopped), send: move(stop)} // none of those that are repeated
		if outcome, err := w.deliver(ctx, stride); err != nil || outcome != "done" {
			return outcome, err
		}
	}
	if outcome, err := w.ask(ctx, move(to)); err != nil || outcome != "done" {
		return outcome, err
	}
	_, now, err := w.stage.Reader.Account(ctx, w.acc)
	w.worked = true
	if err == nil && !now.Equal(to) {
		err = fmt.Errorf("the clock was advanced to %s and stands at %s", to, now)
	}
	return "done", err
}

// stops are the instants at which an advance rests before it gets there.
func (w *world) stops(to time.Time) []time.Time {
	var list []time.Time
	if w.o.Strides {
		for at := w.now; len(list) < 5; {
			left := to.Sub(at)
			if left < 2 || w.strides.IntN(4) == 0 {
				break
			}
			if at = at.Add(1 + time.Duration(w.strides.Int64N(int64(left-1)))).Truncate(time.Microsecond); at.After(w.now) {
				list = append(list, at)
			}
		}
	}
	return list
}

// tick lets the machine's clock go on by itself, and what is due is done by a run as
// it is on a live account: later than it was due, and several at the same time.
func tick(ctx context.Context, w *world) (string, error) {
	by := time.Duration(1 + w.rng.Int64N(int64(10*time.Minute)))
	switch n := w.rng.IntN(10); {
	case n < 3:
		by = time.Duration(1 + w.rng.Int64N(int64(3*24*time.Hour)))
	case n < 4:
		by = time.Duration(1 + w.rng.Int64N(int64(20*24*time.Hour)))
	}
	by = by.Truncate(time.Microsecond)
	w.action += " by " + by.String()
	w.stage.Clock.Add(by)
	return "done", w.survive(ctx, func(s *commerce.Service) error {
		_, err := s.RunAccount(ctx, w.acc)
		return err
	})
}

// tickBack sets the machine's clock back, as one that had run fast.
func tickBack(ctx context.Context, w *world) (string, error) {
	by := time.Duration(1 + w.rng.Int64N(int64(time.Hour))).Truncate(time.Microsecond)
	w.action += " by " + by.String()
	w.stage.Clock.Add(-by)
	if w.roll(50) {
		return "done", nil
	}
	return "done", w.survive(ctx, func(s *commerce.Service) error {
		_, err := s.RunAccount(ctx, w.acc)
		return err
	})
}
