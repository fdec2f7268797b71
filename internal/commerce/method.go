package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

// ChangeMethod names the payment method that one subscription is charged with.
type ChangeMethod struct {
	Call
	Subscription id.Subscription
	Method       id.Method
}

// ChangeMethod names the payment method that one subscription is charged with from
// its next renewal or retry on. It must be a usable one of the same customer; a
// subscription that has ended is refused.
func (s *Service) ChangeMethod(ctx context.Context, c ChangeMethod) (subscription.Subscription, error) {
	var owed []id.Invoice
	changed, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (subscription.Subscription, error) {
		owed = nil
		sub, err := subscription.Load(tx, a.ID, c.Subscription)
		if err != nil {
			return sub, err
		}
		if sub.State == subscription.Canceled {
			return sub, fault.New(fault.Conflict, "the subscription has ended already").WithCode("subscription_ended")
		}
		m, err := payment.LoadMethod(tx, a.ID, c.Method)
		if err != nil {
			return sub, refersTo(err, "payment_method")
		}
		if m.Customer != sub.Customer || m.State != payment.Usable {
			return sub, fault.BadField("payment_method", "is not a usable payment method of this customer")
		}
		sub.Method = m.ID
		if err := subscription.SaveOne(tx, &sub); err != nil {
			return sub, err
		}
		if owed, err = tryAnew(tx, a, sub.Customer, sub.ID, 0, recovery.ByNewMethod, now); err != nil {
			return sub, err
		}
		return sub, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.SubscriptionUpdated, int64(sub.ID), sub.Customer,
			event.Data(map[string]any{"payment_method": m.ID})))
	})
	if _, before := IsReplayed(err); before {
		return changed, s.givenBefore(ctx, c.Call, 0, c.Subscription, err)
	}
	if err != nil {
		return changed, err
	}
	return changed, s.given(ctx, c.Call, owed)
}
