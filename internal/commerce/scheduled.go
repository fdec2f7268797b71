package commerce

import (
	"context"
	"encoding/json"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// scheduleChange notes a change that comes later.
func (s *Service) scheduleChange(ctx context.Context, c Change) (Changed, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (Changed, error) {
		var done Changed
		sub, err := subscription.Load(tx, a.ID, c.Subscription)
		if err != nil {
			return done, err
		}
		if err := checkChange(&sub, now); err != nil {
			return done, err
		}
		at := sub.Span.To
		switch c.When {
		case subscription.AtPeriodEnd:
		case subscription.AtDate:
			at = c.At
			if !at.After(now) || at.Sub(now) > 2*subscription.MaxMove {
				return done, fault.BadField("at", "must be an instant that is still to come, within two years")
			}
		default:
			return done, fault.BadField("when", "must be now, period_end or date")
		}
		if !sub.CancelAt.IsZero() && !at.Before(sub.CancelAt) {
			return done, fault.New(fault.Conflict, "the subscription ends before the change would come").WithCode("scheduled_to_end")
		}
		if done.Plan, err = s.planChange(tx, a, &sub, c.To, now); err != nil { // refuse now what cannot be
			return done, err
		}
		text, err := json.Marshal(c.To)
		if err != nil {
			return done, err
		}
		done.Change = subscription.Change{ID: id.New[id.Change](), Account: a.ID, Subscription: sub.ID, Customer: sub.Customer, State: subscription.ChangeScheduled,
			At: at, Price: done.Plan.Terms.Price, Quantity: done.Plan.Terms.Quantity, Plan: string(text), CreatedAt: now, Version: 1}
		if err := subscription.InsertChange(tx, done.Change); err != nil {
			return done, err
		}
		sub.Schedule(done.Change.ID, at)
		if err := subscription.SaveOne(tx, &sub); err != nil {
			return done, err
		}
		done.Subscription = sub
		return done, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.ChangeScheduled, int64(sub.ID), sub.Customer,
			event.Data(map[string]any{"change": done.Change.ID, "at": at, "price": done.Change.Price, "quantity": done.Change.Quantity})))
	})
}

// UndoChange takes a scheduled change back.
type UndoChange struct {
	Call
	Subscription id.Subscription
}

// UndoChange takes a scheduled change of terms back.
func (s *Service) UndoChange(ctx context.Context, c UndoChange) (subscription.Subscription, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (subscription.Subscription, error) {
		sub, err := subscription.Load(tx, a.ID, c.Subscription)
		if err != nil {
			return sub, err
		}
		if sub.Change == 0 || sub.Extras.ChangeAt.IsZero() {
			return sub, fault.New(fault.Conflict, "no change of terms is scheduled").WithCode("no_change_scheduled")
		}
		row, err := subscription.LoadChange(tx, a.ID, sub.Change)
		if err != nil {
			return sub, err
		}
		row.State, row.SettledAt = subscription.ChangeUndone, now
		if err := subscription.SaveChange(tx, row); err != nil {
			return sub, err
		}
		sub.Unschedule()
		if err := subscription.SaveOne(tx, &sub); err != nil {
			return sub, err
		}
		return sub, event.Append(tx, a.ID, changeUndone(&sub, row.ID, c.Actor, now))
	})
}

// changeUndone tells that a scheduled change does not come: it was taken back, or its
// subscription ended.
func changeUndone(sub *subscription.Subscription, change id.Change, by event.Actor, now time.Time) event.Event {
	return event.New(sub.Account, now, by, event.ChangeUndone, int64(sub.ID), sub.Customer, event.Data(map[string]any{"change": change}))
}

// comeTrue lets a scheduled change come true as of its instant, or goes on to charge one
// whose process died. What cannot be any more fails, and the old terms go on.
func (s *Service) comeTrue(ctx context.Context, acc id.Account, of id.Subscription, change id.Change, now time.Time) error {
	var work *collection
	err := s.ofChange(ctx, acc, of, change, func(tx *db.Tx, a account.Account, sub *subscription.Subscription, row *subscription.Change) error {
		var err error
		if row.State == subscription.ChangePending {
			work, err = s.halfChanged(tx, a, change, now)
			return err
		}
		to, err := newTerms(*row)
		if err != nil {
			return err
		}
		p, err := s.planChange(tx, a, sub, to, sub.Extras.ChangeAt)
		if err == nil {
			work, err = s.carryOut(tx, a, sub, row, p, false, event.Clock, now)
		}
		return err
	})
	if refusedByRule(err) {
		return s.notCome(ctx, acc, of, change, fault.As(err).Code, now)
	}
	if err != nil {
		return err
	}
	return s.finishCharge(ctx, acc, work)
}

// notCome notes that a scheduled change cannot come. While money of what it would credit
// is on its way back it is looked at again, as often as the gateway is asked; else it
// fails.
func (s *Service) notCome(ctx context.Context, acc id.Account, of id.Subscription, change id.Change, code string, now time.Time) error {
	return s.ofChange(ctx, acc, of, change, func(tx *db.Tx, _ account.Account, sub *subscription.Subscription, row *subscription.Change) error {
		if row.State != subscription.ChangeScheduled {
			return nil
		}
		if code == errRefunding.Code {
			sub.Postpone(payment.NextAsk(sub.Extras.ChangeAt, now))
			return subscription.SaveOne(tx, sub)
		}
		row.State, row.Failure, row.SettledAt = subscription.ChangeFailed, code, now
		if err := subscription.SaveChange(tx, *row); err != nil {
			return err
		}
		sub.Release()
		if err := subscription.SaveOne(tx, sub); err != nil {
			return err
		}
		return event.Append(tx, acc, event.New(acc, now, event.Clock, event.ChangeFailed, int64(sub.ID), sub.Customer, event.Data(map[string]any{"change": row.ID, "code": code})))
	})
}

// ofChange does work on a subscription with the change of its terms that is under way;
// nothing when there is another one, or none any more.
func (s *Service) ofChange(ctx context.Context, acc id.Account, of id.Subscription, change id.Change, work func(*db.Tx, account.Account, *subscription.Subscription, *subscription.Change) error) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, acc)
		if err != nil {
			return err
		}
		sub, err := subscription.Load(tx, acc, of)
		if err != nil || sub.Change != change {
			return err
		}
		row, err := subscription.LoadChange(tx, acc, change)
		if err != nil {
			return err
		}
		return work(tx, a, &sub, &row)
	})
}

// newTerms is what a scheduled change asks for.
func newTerms(row subscription.Change) (NewTerms, error) {
	var to NewTerms
	return to, json.Unmarshal([]byte(row.Plan), &to)
}
