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
	"perennial/internal/question"
	"perennial/internal/subscription"
)

// present is a customer that was not deleted.
func present(tx *db.Tx, a account.Account, of id.Customer) (customer.Customer, error) {
	c, err := customer.Load(tx, a.ID, of)
	if err == nil && !c.DeletedAt.IsZero() {
		err = fault.New(fault.NotFound, "there is no customer with that id any more")
	}
	return c, err
}

// DeleteCustomer takes a customer out of sight.
type DeleteCustomer struct {
	Call
	Customer id.Customer
	Forget   bool // also wipe out what tells who they are; issued documents keep it, as the law asks
}

// DeleteCustomer ends a customer's subscriptions, makes their payment methods unusable and
// takes them out of sight. Their invoices, payments and entries stay in the books.
func (s *Service) DeleteCustomer(ctx context.Context, c DeleteCustomer) (customer.Customer, error) {
	live, err := s.liveOf(ctx, c.Account, c.Customer)
	if err != nil {
		return customer.Customer{}, err
	}
	for _, sub := range live {
		_, err := s.Cancel(ctx, Cancel{Call: Call{Account: c.Account, Actor: c.Actor}, Subscription: sub, When: subscription.Now, Override: true, Reason: "customer deleted"})
		if err != nil && !fault.Is(err, fault.Conflict) { // ended by somebody else meanwhile: seen below
			return customer.Customer{}, err
		}
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (customer.Customer, error) {
		before, err := customer.Load(tx, a.ID, c.Customer)
		if err != nil {
			return before, err
		}
		if !before.DeletedAt.IsZero() && !c.Forget {
			return before, nil
		}
		left, err := liveSubscriptions(tx, a.ID, c.Customer)
		if err != nil {
			return before, err
		}
		if len(left) > 0 {
			return before, fault.New(fault.Conflict, "a subscription of the customer has begun meanwhile; try again").WithCode("customer_has_subscriptions")
		}
		m := before
		m.Delete(c.Forget, now)
		m.UpdatedAt = now
		if err := customer.Save(tx, before, m); err != nil {
			return m, err
		}
		m.Version++
		if err := forgetRest(tx, a, m.ID, c.Forget, now); err != nil {
			return m, err
		}
		return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.CustomerDeleted, int64(m.ID), m.ID, event.Data(map[string]any{"forgotten": c.Forget})))
	})
}

// forgetRest takes away what a deleted customer has no use for.
func forgetRest(tx *db.Tx, a account.Account, of id.Customer, forget bool, now time.Time) error {
	methods, err := payment.Methods(tx, a.ID, of)
	if err != nil {
		return err
	}
	for _, m := range methods {
		if m.State != payment.Usable {
			continue
		}
		if err := payment.DetachMethod(tx, m); err != nil {
			return err
		}
	}
	if err := customer.RemovePassword(tx, a.ID, of); err != nil || !forget {
		return err
	}
	places, err := customer.EveryPlace(tx, a.ID, of) // those that were taken away say as much
	if err != nil {
		return err
	}
	for _, p := range places {
		if p.DeletedAt.IsZero() {
			p.DeletedAt = now
		}
		p.Facts, p.UpdatedAt = customer.PlaceFacts{Country: p.Facts.Country}, now
		if err := customer.SavePlace(tx, p); err != nil {
			return err
		}
	}
	return question.Forget(tx, a.ID, of)
}

func liveSubscriptions(tx *db.Tx, acc id.Account, of id.Customer) ([]id.Subscription, error) {
	subs, err := subscription.List(tx, acc, subscription.Filter{Customer: of, Limit: 1000})
	var live []id.Subscription
	for _, sub := range subs {
		if sub.State != subscription.Canceled {
			live = append(live, sub.ID)
		}
	}
	return live, err
}

func (s *Service) liveOf(ctx context.Context, acc id.Account, of id.Customer) ([]id.Subscription, error) {
	var live []id.Subscription
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		live, err = liveSubscriptions(tx, acc, of)
		return err
	})
	return live, err
}

// SetPassword gives a customer a password for the portal.
type SetPassword struct {
	Call
	Customer id.Customer
	Password string // or its bcrypt hash; see customer.NewPassword
}

// SetPassword gives a customer a password for the portal, in the place of an earlier one.
func (s *Service) SetPassword(ctx context.Context, c SetPassword) error {
	p, err := customer.NewPassword(c.Password) // slow on purpose, so outside the transaction
	if err != nil {
		return err
	}
	_, err = update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		if _, err := present(tx, a, c.Customer); err != nil {
			return struct{}{}, err
		}
		if err := customer.SetPassword(tx, a.ID, c.Customer, p, now); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.PasswordSet, int64(c.Customer), c.Customer, event.Data(map[string]any{})))
	})
	return err
}

// CheckPassword is the customer with that address, when the password (or the very bcrypt
// hash that is kept) is theirs; fault.Unauthorized otherwise, in as much time.
func (s *Service) CheckPassword(ctx context.Context, acc id.Account, email, password string) (customer.Customer, error) {
	var c customer.Customer
	var stored customer.Password
	if parsed, err := account.ParseEmail(email); err == nil {
		err := s.db.Read(ctx, func(tx *db.Tx) error {
			var err error
			if c, err = customer.ByEmail(tx, acc, parsed); fault.Is(err, fault.NotFound) {
				return nil
			} else if err != nil {
				return err
			}
			stored, err = customer.PasswordOf(tx, acc, c.ID)
			return err
		})
		if err != nil {
			return customer.Customer{}, err
		}
	}
	if !stored.Fits(password) {
		return customer.Customer{}, fault.New(fault.Unauthorized, "the address or the password is wrong")
	}
	return c, nil
}
