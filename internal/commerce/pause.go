package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// loadRunning is a subscription that has not ended.
func loadRunning(tx *db.Tx, a account.Account, of id.Subscription) (subscription.Subscription, error) {
	sub, err := subscription.Load(tx, a.ID, of)
	if err == nil && sub.State == subscription.Canceled {
		err = fault.New(fault.Conflict, "the subscription has ended already").WithCode("subscription_ended")
	}
	return sub, err
}

// move runs a story that moves one subscription: act changes it and says what happened.
func (s *Service) move(ctx context.Context, c Call, of id.Subscription, act func(tx *db.Tx, a account.Account, sub *subscription.Subscription, now time.Time) (event.Kind, map[string]any, error)) (subscription.Subscription, error) {
	return update(ctx, s, c, func(tx *db.Tx, a account.Account, now time.Time) (subscription.Subscription, error) {
		sub, err := subscription.Load(tx, a.ID, of)
		if err != nil {
			return sub, err
		}
		kind, facts, err := act(tx, a, &sub, now)
		if err != nil {
			return sub, err
		}
		if err := saveMoved(tx, &sub); err != nil {
			return sub, err
		}
		return sub, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, kind, int64(sub.ID), sub.Customer, event.Data(facts)))
	})
}

// saveMoved saves a subscription whose dates were moved, which can end a trial and free the
// billing day.
func saveMoved(tx *db.Tx, sub *subscription.Subscription) error {
	conflicts, err := subscription.SaveTerms(tx, []*subscription.Subscription{sub})
	if err == nil && len(conflicts) > 0 {
		err = db.VersionConflict()
	}
	return err
}

// Pause stops a subscription from being billed.
type Pause struct {
	Call
	Subscription id.Subscription
	AtPeriodEnd  bool      // begin when the period is over, not now
	Until        time.Time // zero: without end, or after Periods
	Periods      int       // how many periods are left out; 0 when it ends otherwise
	Collect      bool      // charge what was missed when the pause ends by itself
	// Override lets the merchant pause what the product does not allow to be paused, and
	// longer than it allows; NoFee leaves the product's fee out.
	Override bool
	NoFee    bool
}

// Pause stops a subscription from being billed, within what its product allows.
func (s *Service) Pause(ctx context.Context, c Pause) (subscription.Subscription, error) {
	return s.move(ctx, c.Call, c.Subscription, func(tx *db.Tx, a account.Account, sub *subscription.Subscription, now time.Time) (event.Kind, map[string]any, error) {
		product, err := catalog.LoadProduct(tx, a.ID, sub.Product)
		if err != nil {
			return "", nil, err
		}
		policy := product.Settings.Pause
		p := subscription.Pausing{Periods: c.Periods, Collect: c.Collect}
		if !c.NoFee {
			p.Fee, p.Every = policy.Fee, policy.Every
		}
		until := c.Until
		if !c.Override {
			if !policy.Allowed {
				return "", nil, fault.New(fault.Conflict, "subscriptions to this product cannot be paused").WithCode("pause_not_allowed")
			}
			if until, err = longestPause(policy, sub, c, now); err != nil {
				return "", nil, err
			}
			if policy.Periods > 0 && c.Until.IsZero() && c.Periods == 0 {
				p.Periods, until = policy.Periods, time.Time{}
			}
		}
		if err := sub.Pause(p, c.AtPeriodEnd, until, now); err != nil {
			return "", nil, err
		}
		kind := event.SubscriptionPaused
		if c.AtPeriodEnd {
			kind = event.PauseScheduled
		}
		return kind, map[string]any{"from": sub.Extras.Pausing.From, "until": sub.ResumeAt}, nil
	})
}

// longestPause refuses a pause that is longer than the product allows, and ends one
// without end where it must.
func longestPause(policy catalog.PausePolicy, sub *subscription.Subscription, c Pause, now time.Time) (time.Time, error) {
	if policy.Periods > 0 && c.Periods > policy.Periods {
		return c.Until, fault.BadField("periods", "must be at most %d", policy.Periods)
	}
	if policy.Longest.IsZero() {
		return c.Until, nil
	}
	from := now
	if c.AtPeriodEnd {
		from = sub.Span.To
	}
	last := period.Anchor{Start: from, Zone: zoneOf(sub)}.Boundary(policy.Longest, 1)
	switch {
	case c.Periods > 0:
		if end := sub.Ahead(c.Periods).To; end.After(last) {
			return c.Until, fault.BadField("periods", "would pause it beyond %s, the longest that is allowed", last.Format(time.RFC3339))
		}
		return time.Time{}, nil
	case c.Until.IsZero():
		return last, nil
	case c.Until.After(last):
		return c.Until, fault.BadField("until", "must be at most %s, the longest that is allowed", last.Format(time.RFC3339))
	}
	return c.Until, nil
}

// Unpause ends a pause, or takes a scheduled one back.
type Unpause struct {
	Call
	Subscription id.Subscription
	Collect      bool // charge what was missed; else billing only goes forward
}

// Unpause ends a pause now, or takes a scheduled one back.
func (s *Service) Unpause(ctx context.Context, c Unpause) (subscription.Subscription, error) {
	return s.move(ctx, c.Call, c.Subscription, func(_ *db.Tx, _ account.Account, sub *subscription.Subscription, now time.Time) (event.Kind, map[string]any, error) {
		var err error
		if sub.State != subscription.Paused && sub.Extras.Pausing != nil {
			err = sub.UndoPause()
		} else {
			err = sub.Unpause(c.Collect, now)
		}
		return event.PauseEnded, map[string]any{"next_charge": sub.NextActionAt, "collect": c.Collect}, err
	})
}

// Skip leaves the next period of a subscription out.
type Skip struct {
	Call
	Subscription id.Subscription
	Override     bool // the merchant may go beyond what the product allows
}

// Skip leaves the next period of a subscription out: its next charge comes one period
// later. The product says how often a subscription may do so.
func (s *Service) Skip(ctx context.Context, c Skip) (subscription.Subscription, error) {
	return s.move(ctx, c.Call, c.Subscription, func(tx *db.Tx, a account.Account, sub *subscription.Subscription, now time.Time) (event.Kind, map[string]any, error) {
		product, err := catalog.LoadProduct(tx, a.ID, sub.Product)
		if err != nil {
			return "", nil, err
		}
		limit := product.Settings.Skips
		if c.Override {
			limit = sub.Extras.Skipped + 1
		}
		err = sub.Skip(limit, now)
		return event.SubscriptionSkipped, map[string]any{"next_charge": sub.Span.To}, err
	})
}

// Reschedule moves the next charge of a subscription.
type Reschedule struct {
	Call
	Subscription id.Subscription
	To           time.Time
	ForGood      bool            // later charges follow; else only this one moves
	AlignTo      id.Subscription // instead of To: bill with this one of the same customer
}

// Reschedule moves the next charge of a subscription: once, for good, or to the days on
// which another subscription of the customer is billed.
func (s *Service) Reschedule(ctx context.Context, c Reschedule) (subscription.Subscription, error) {
	return s.move(ctx, c.Call, c.Subscription, func(tx *db.Tx, a account.Account, sub *subscription.Subscription, now time.Time) (event.Kind, map[string]any, error) {
		if c.AlignTo == 0 {
			err := sub.Move(c.To.UTC().Truncate(time.Microsecond), c.ForGood, now)
			return event.SubscriptionMoved, map[string]any{"next_charge": sub.Span.To, "for_good": c.ForGood}, err
		}
		other, err := loadRunning(tx, a, c.AlignTo)
		if err != nil {
			return "", nil, refersTo(err, "align_to")
		}
		if other.Customer != sub.Customer || other.ID == sub.ID {
			return "", nil, fault.BadField("align_to", "must be another subscription of the same customer")
		}
		err = sub.Align(&other, now)
		return event.SubscriptionMoved, map[string]any{"next_charge": sub.Span.To, "aligned_to": other.ID}, err
	})
}

// Reactivate brings an ended subscription back.
type Reactivate struct {
	Call
	Subscription id.Subscription
	NextCharge   time.Time // zero means now
}

// Reactivate brings an ended subscription back at its old terms. It costs nothing up to
// its next charge, which its old payment method pays while that is usable, else the
// customer's newest usable one.
func (s *Service) Reactivate(ctx context.Context, c Reactivate) (subscription.Subscription, error) {
	return s.move(ctx, c.Call, c.Subscription, func(tx *db.Tx, a account.Account, sub *subscription.Subscription, now time.Time) (event.Kind, map[string]any, error) {
		next := c.NextCharge.UTC().Truncate(time.Microsecond)
		if c.NextCharge.IsZero() {
			next = now
		}
		if err := sub.Reactivate(next, now); err != nil {
			return "", nil, err
		}
		var err error
		sub.Method, err = newestUsable(tx, a.ID, sub.Customer, sub.Method)
		return event.Reactivated, map[string]any{"next_charge": next}, err
	})
}
