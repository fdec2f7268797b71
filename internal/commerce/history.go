package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/subscription"
)

// historyBatch is how many subscriptions get their facts in one transaction.
const historyBatch = 100

// tellHistory writes the facts of subscriptions that were sold before their account was
// measured, as far as they can be known: when each began, was paid first, paused, ended or
// came back. What it brought meanwhile is what it brings by its present terms, because
// earlier terms and discounts are not kept.
func (s *Service) tellHistory(ctx context.Context, a account.Account) error {
	var last id.Subscription
	for {
		n := 0
		err := s.db.Update(ctx, func(tx *db.Tx) error {
			ids, err := subscription.After(tx, a.ID, last, historyBatch)
			if err != nil {
				return err
			}
			if n = len(ids); n == 0 {
				return metrics.Completed(tx, a.ID)
			}
			if err := s.tellHistoryOf(tx, a, ids); err != nil {
				return err
			}
			last = ids[n-1]
			return nil
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

func (s *Service) tellHistoryOf(tx *db.Tx, a account.Account, ids []id.Subscription) error {
	list := make([]int64, len(ids))
	for i, sub := range ids {
		list[i] = int64(sub)
	}
	subs, err := subscription.ByID(tx, a.ID, list)
	if err != nil {
		return err
	}
	var customers []int64
	var changes []subscription.Changed
	for _, of := range ids {
		customers = append(customers, int64(subs[of].Customer))
		changes = append(changes, subscription.Changed{Now: subs[of]})
	}
	told, err := event.OfSubjects(tx, a.ID, customers, list)
	if err != nil {
		return err
	}
	facts, err := metrics.FactsOf(tx, a.ID, customers)
	if err != nil {
		return err
	}
	m := &measuring{tx: tx, account: a, now: a.Now(s.clock.Now()), history: true}
	if err := m.load(changes); err != nil {
		return err
	}
	for _, of := range ids {
		sub := subs[of]
		end := m.now
		for _, f := range facts[int64(sub.Customer)] {
			if f.Subject == int64(of) && f.Time().Before(end) {
				end = f.Time()
			}
		}
		if err := m.tell(&sub, told[int64(of)], end); err != nil {
			return err
		}
	}
	return m.write()
}

// tell adds what happened to a subscription before an instant.
func (r *measuring) tell(sub *subscription.Subscription, told []event.Event, end time.Time) error {
	w := sub.Worth()
	w.State, w.EndReason, w.Unpaid, w.Unbegun, w.Ending = subscription.Active, subscription.NotEnded, false, false, false
	if !sub.TrialTo.IsZero() {
		w.State = subscription.Trialing
	}
	at := sub.CreatedAt
	before := subscription.Worth{}
	add := func() error {
		if !at.Before(end) || w == before {
			return nil
		}
		was, err := r.measured(before)
		if err != nil {
			return err
		}
		is, err := r.measured(w)
		if err != nil || was == is {
			return err
		}
		rate, err := r.rate(sub.UnitAmount.Currency, at)
		r.entries = append(r.entries, metrics.Entry{As: is.terms, Fact: metrics.Fact{At: clock.Micros(at), Customer: int64(sub.Customer), Subject: int64(sub.ID),
			Cause: causeOf(before, w, was, is), Flags: is.flags, Value: is.value, Lasting: is.lasting, Rate: rate}})
		before = w
		return err
	}
	if err := add(); err != nil {
		return err
	}
	for _, e := range told {
		if e.At.After(at) {
			at = e.At
		}
		if !becomes(&w, e.Kind) {
			continue
		}
		if w.State == subscription.Canceled {
			w.EndReason = sub.EndReason
		}
		if err := add(); err != nil {
			return err
		}
	}
	at, w = latestOf(sub, r.now), sub.Worth() // what no event told
	return add()
}

// latestOf is when a subscription came to be what it is now, if nothing told it.
func latestOf(sub *subscription.Subscription, now time.Time) time.Time {
	if sub.State == subscription.Canceled {
		return sub.EndedAt
	}
	return now.Add(-time.Microsecond)
}

// becomes takes over what an event says, and reports whether it says anything.
func becomes(w *subscription.Worth, kind event.Kind) bool {
	switch kind {
	case event.SubscriptionStarted, event.PauseEnded, event.SubscriptionResumed:
		w.State, w.Unpaid = subscription.Active, false
	case event.Reactivated:
		w.State, w.EndReason, w.Ending = subscription.Active, subscription.NotEnded, false
	case event.SubscriptionPaused:
		w.State = subscription.Paused
	case event.SubscriptionPastDue:
		w.State = subscription.PastDue
	case event.SubscriptionUnpaid:
		w.Unpaid = true
	case event.CancelScheduled:
		w.Ending = true
	case event.CancelUndone:
		w.Ending = false
	case event.SubscriptionCanceled:
		w.State, w.Ending = subscription.Canceled, false
	default:
		return false
	}
	return true
}
