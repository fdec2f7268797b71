package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// BillNow bills the next period of a subscription before it falls due.
type BillNow struct {
	Call
	Subscription id.Subscription
	// Period is the number of the period that the caller means; another one than the next
	// is refused, so that of two who ask for the same one is billed. Nil: whichever is next.
	Period *int
	// Paid says that the money came in another way: the invoice is paid, and no gateway is
	// asked. Reference is what the bank or the merchant calls it, "" for nothing.
	Paid      bool
	Reference string
}

// Billed is what came of BillNow. Invoice and Payment are nil when nothing was due.
type Billed struct {
	Subscription subscription.Subscription
	Invoice      *invoice.Invoice
	Payment      *payment.Payment
}

// BillNow lets the next period of a subscription begin now, and bills it as its renewal
// would have: a decline is fault.Declined, and is recovered as that of any renewal. The
// periods after it begin when they would have. What cannot be renewed now is fault.Conflict.
func (s *Service) BillNow(ctx context.Context, c BillNow) (Billed, error) {
	if err := checkReference(c.Reference); err != nil {
		return Billed{}, err
	}
	var made id.Invoice
	var work *collection
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		made, work = 0, nil
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		before, err := s.begin(tx, c.Call)
		if err != nil {
			return err
		}
		now := a.Now(s.clock.Now())
		if before != 0 {
			made = id.Invoice(before)
			work, err = s.halfBilled(tx, a, made, now)
			return err
		}
		w, err := s.billEarly(tx, a, c, now)
		if err != nil {
			return err
		}
		if len(w.batch) == 0 { // the period costs nothing
			sub, err := subscription.Load(tx, a.ID, c.Subscription)
			if err != nil {
				return err
			}
			return s.finish(tx, c.Call, Billed{Subscription: sub}, nil)
		}
		made, work = w.batch[0].invoice.ID, w.batch[0]
		work.actor = c.Actor
		if c.Paid {
			work.result = payment.Result{Outcome: payment.Succeeded, Reference: c.Reference}
			work.byHand = true
			if err := s.settleIn(tx, a, []*collection{work}); err != nil {
				return err
			}
			work = nil
		}
		return s.hold(tx, c.Call, int64(made))
	})
	if err != nil {
		return Billed{}, err
	}
	if err := s.finishCharge(ctx, c.Account, work); err != nil {
		return Billed{}, err
	}
	return s.billed(ctx, c.Call, c.Subscription, made)
}

// billEarly ends the present period of a subscription and claims the next one as a run of
// renewals does. It stays due, so that the charge goes on when whoever sends it dies.
func (s *Service) billEarly(tx *db.Tx, a account.Account, c BillNow, now time.Time) (*claiming, error) {
	sub, err := subscription.Load(tx, a.ID, c.Subscription)
	if err != nil {
		return nil, err
	}
	machine := s.clock.Now()
	switch {
	case sub.LeaseUntil.After(machine):
		return nil, fault.New(fault.Conflict, "the subscription is being billed right now").WithCode("payment_under_way")
	case c.Period != nil && *c.Period != sub.Period+1:
		return nil, fault.New(fault.Conflict, "this period has been billed, or others come before it").WithCode("period_not_next")
	}
	if err := sub.BillNow(now); err != nil {
		return nil, err
	}
	if err := saveMoved(tx, &sub); err != nil {
		return nil, err
	}
	if err := event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.SubscriptionUpdated, int64(sub.ID), sub.Customer,
		event.Data(map[string]any{"billed_early": sub.Period + 1}))); err != nil {
		return nil, err
	}
	w := &claiming{account: a, machine: machine, upTo: now, recorded: c.Paid}
	subs := []subscription.Subscription{sub}
	if err := w.load(tx, subs); err != nil {
		return nil, err
	}
	if err := w.loadUsage(tx, subs); err != nil {
		return nil, err
	}
	if err := w.decide(&subs[0]); err != nil {
		return nil, err
	}
	for _, p := range w.batch {
		if p.payment.ID == 0 && !p.nothingDue && len(w.payments) == 0 {
			return nil, fault.New(fault.Conflict, "the subscription has no usable payment method").WithCode("no_payment_method")
		}
	}
	return w, w.write(tx)
}

// halfBilled is what is left to charge of an invoice whose process died, nil when it is
// settled.
func (s *Service) halfBilled(tx *db.Tx, a account.Account, made id.Invoice, now time.Time) (*collection, error) {
	v, sub, err := owed(tx, a, made)
	if err != nil || v.State != invoice.Open {
		return nil, err
	}
	if v.Due().IsZero() {
		return &collection{invoice: v, sub: sub, at: now, actor: event.Clock, nothingDue: true}, nil
	}
	payments, err := payment.OfInvoices(tx, a.ID, []int64{int64(made)})
	if err != nil {
		return nil, err
	}
	for _, p := range payments[made] {
		if p.State == payment.Pending {
			return s.resume(tx, a, p, now)
		}
	}
	return nil, nil
}

// billed reads what came of an invoice that was made for a call, and keeps its answer.
// Made is 0 when none was.
func (s *Service) billed(ctx context.Context, c Call, of id.Subscription, made id.Invoice) (Billed, error) {
	var done Billed
	var refused error
	err := s.db.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		done, refused = Billed{}, nil
		var err error
		if done.Subscription, err = subscription.Load(tx, c.Account, of); err != nil || made == 0 {
			return err
		}
		if done.Invoice, done.Payment, err = lastTry(tx, c.Account, made); err != nil {
			return err
		}
		switch p := done.Payment; {
		case p == nil && done.Invoice.State != invoice.Paid:
			refused = refusal("no_payment_method")
		case p != nil && p.State == payment.Pending:
			refused = pending(p)
			return nil
		case p != nil && p.State == payment.DeclinedState:
			refused = refusal(p.DeclineCode)
		}
		return s.finish(tx, c, done, refused)
	})
	if err != nil {
		return done, err
	}
	return done, refused
}

// lastTry is an invoice with the newest of its payments, nil when there is none.
func lastTry(tx *db.Tx, acc id.Account, made id.Invoice) (*invoice.Invoice, *payment.Payment, error) {
	v, err := invoice.Load(tx, acc, made)
	if err != nil {
		return nil, nil, err
	}
	payments, err := payment.OfInvoices(tx, acc, []int64{int64(made)})
	if err != nil {
		return nil, nil, err
	}
	if list := payments[made]; len(list) > 0 {
		return &v, &list[len(list)-1], nil
	}
	return &v, nil, nil
}

// checkReference refuses what nobody can have called a payment.
func checkReference(s string) error {
	var f fault.Fields
	f.Check(len(s) <= 255 && plainWord(s), "reference", "must be at most 255 bytes of plain text")
	return f.Err()
}
