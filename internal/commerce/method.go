package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/customer"
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
	return s.UpdateSubscription(ctx, UpdateSubscription{Call: c.Call, Subscription: c.Subscription, Method: &c.Method})
}

// UpdateSubscription changes what is no term of a subscription. nil leaves a thing as it is.
type UpdateSubscription struct {
	Call
	Subscription id.Subscription
	Method       *id.Method // as ChangeMethod
	PaymentsLeft *int       // how many are billed after the present period
	Address      *id.Place  // of the customer's further addresses, that it is for; 0 for none
}

// UpdateSubscription changes what is no term of a subscription. One that has ended is
// refused.
func (s *Service) UpdateSubscription(ctx context.Context, c UpdateSubscription) (subscription.Subscription, error) {
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
		facts := map[string]any{}
		if err := c.apply(tx, a, &sub, facts); err != nil || len(facts) == 0 {
			return sub, err
		}
		if err := subscription.SaveOne(tx, &sub); err != nil {
			return sub, err
		}
		if c.Method != nil {
			if owed, err = tryAnew(tx, a, sub.Customer, sub.ID, 0, recovery.ByNewMethod, now); err != nil {
				return sub, err
			}
		}
		return sub, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.SubscriptionUpdated, int64(sub.ID), sub.Customer, event.Data(facts)))
	})
	if _, before := IsReplayed(err); before {
		return changed, s.givenBefore(ctx, c.Call, 0, c.Subscription, err)
	}
	if err != nil {
		return changed, err
	}
	return changed, s.given(ctx, c.Call, owed)
}

// apply makes the changes, and notes them as facts.
func (c UpdateSubscription) apply(tx *db.Tx, a account.Account, sub *subscription.Subscription, facts map[string]any) error {
	if c.Method != nil {
		m, err := payment.LoadMethod(tx, a.ID, *c.Method)
		if err != nil {
			return refersTo(err, "payment_method")
		}
		if m.Customer != sub.Customer || m.State != payment.Usable {
			return fault.BadField("payment_method", "is not a usable payment method of this customer")
		}
		sub.Method, facts["payment_method"] = m.ID, m.ID
	}
	if c.PaymentsLeft != nil {
		if err := sub.SetPaymentsLeft(*c.PaymentsLeft); err != nil {
			return err
		}
		facts["payments_left"] = *c.PaymentsLeft
	}
	if c.Address != nil {
		if *c.Address != 0 {
			p, err := customer.LoadPlace(tx, a.ID, *c.Address)
			if err == nil && (p.Customer != sub.Customer || !p.DeletedAt.IsZero()) {
				err = fault.New(fault.NotFound, "the customer has no such address")
			}
			if err != nil {
				return refersTo(err, "address")
			}
		}
		sub.Extras.Address, facts["address"] = *c.Address, *c.Address
	}
	return nil
}
