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

// Collect charges an open invoice because somebody asked for it.
type Collect struct {
	Call
	Invoice id.Invoice
	Method  id.Method // to charge; 0 means the subscription's own, or the one that the invoice names
	Present bool      // the customer is in the browser and can confirm
	Consent payment.Consent
}

// Collected is what came of Collect.
type Collected struct {
	Invoice invoice.Invoice
	Payment payment.Payment
	Step    *payment.Step // that the customer has to take, when the payment waits for them
}

// Collect charges an open invoice. A decline is fault.Declined and leaves the
// schedule of retries as it was.
func (s *Service) Collect(ctx context.Context, c Collect) (Collected, error) {
	var work *collection
	var asked id.Payment
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		before, err := s.begin(tx, c.Call)
		if err != nil {
			return err
		}
		if before != 0 {
			asked = id.Payment(before)
			work, err = s.halfCollected(tx, a, asked)
			return err
		}
		if work, err = s.openCollection(tx, a, c); err != nil {
			return err
		}
		asked = work.payment.ID
		return s.hold(tx, c.Call, int64(asked))
	})
	if err != nil {
		return Collected{}, err
	}
	var step *payment.Step
	if work != nil {
		work.present, work.consent = c.Present, c.Consent
		s.charge(ctx, work)
		step = work.result.Step
		if err := s.settle(context.WithoutCancel(ctx), c.Account, []*collection{work}); err != nil {
			return Collected{}, err
		}
	}
	done, err := s.collected(ctx, c.Call, asked)
	done.Step = step
	return done, err
}

// openCollection writes the pending payment of an open invoice, under the
// subscription's lease.
func (s *Service) openCollection(tx *db.Tx, a account.Account, c Collect) (*collection, error) {
	v, sub, err := owed(tx, a, c.Invoice)
	if err != nil {
		return nil, err
	}
	if v.State != invoice.Open && v.State != invoice.Uncollectible {
		return nil, fault.New(fault.Conflict, "only an open invoice can be charged").WithCode("invoice_not_open")
	}
	payments, err := payment.OfInvoices(tx, a.ID, []int64{int64(v.ID)})
	if err != nil {
		return nil, err
	}
	tries := payments[v.ID]
	machine := s.clock.Now()
	for _, p := range tries {
		if p.State == payment.Pending {
			return nil, fault.New(fault.Conflict, "this invoice is being charged right now").WithCode("payment_under_way")
		}
	}
	if sub != nil && sub.LeaseUntil.After(machine) {
		return nil, fault.New(fault.Conflict, "this invoice is being charged right now").WithCode("payment_under_way")
	}
	if c.Method == 0 {
		if c.Method, err = chargedWith(tx, v, sub); err != nil {
			return nil, err
		}
	}
	method, err := payment.LoadMethod(tx, a.ID, c.Method)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if err != nil || method.Customer != v.Customer || method.State != payment.Usable {
		return nil, fault.BadField("payment_method", "must be a usable payment method of this customer")
	}
	now := a.Now(machine)
	if err := forbidden(tx, a, method, payment.Payment{Amount: v.Due()}, tries, sub, now); err != nil {
		return nil, err
	}
	list := []payment.Payment{{ID: id.New[id.Payment](), Account: a.ID, Invoice: v.ID, Customer: v.Customer, Method: method.ID, Gateway: method.Gateway,
		Attempt: len(tries) + 1, ByHand: true, State: payment.Pending, Amount: v.Due(), AskAt: payment.NextAsk(now, now), CreatedAt: now}}
	if err := payment.Insert(tx, list); err != nil {
		return nil, err
	}
	if sub == nil {
		if err := invoice.AddRefunded(tx, v, 0); err != nil { // whoever else begins with it looks again
			return nil, err
		}
		v.Version++
	} else {
		sub.LeaseUntil = machine.Add(leaseFor)
		if err := subscription.SaveOne(tx, sub); err != nil {
			return nil, err
		}
	}
	return &collection{invoice: v, sub: sub, payment: list[0], method: method, at: now, actor: c.Actor}, nil
}

// chargedWith is the method that an invoice is charged with, 0 for none.
func chargedWith(tx *db.Tx, v invoice.Invoice, sub *subscription.Subscription) (id.Method, error) {
	switch {
	case sub != nil:
		return sub.Method, nil
	case v.Method != 0:
		return v.Method, nil
	}
	return newestUsable(tx, v.Account, v.Customer, 0)
}

// newestUsable is a customer's newest usable method, or the one named while that is
// usable; 0 when there is none.
func newestUsable(tx *db.Tx, acc id.Account, of id.Customer, rather id.Method) (id.Method, error) {
	methods, err := payment.Methods(tx, acc, of)
	var newest id.Method
	for _, m := range methods {
		switch {
		case m.State != payment.Usable:
		case m.ID == rather:
			return m.ID, nil
		default:
			newest = max(newest, m.ID)
		}
	}
	return newest, err
}

// halfCollected is what is left of a payment whose process died, nil when it is
// settled.
func (s *Service) halfCollected(tx *db.Tx, a account.Account, asked id.Payment) (*collection, error) {
	p, err := payment.Load(tx, a.ID, asked)
	if err != nil || p.State != payment.Pending {
		return nil, err
	}
	return s.resume(tx, a, p, a.Now(s.clock.Now()))
}

// resume is the collection that a pending payment belongs to.
func (s *Service) resume(tx *db.Tx, a account.Account, p payment.Payment, at time.Time) (*collection, error) {
	c := &collection{payment: p, at: at, actor: event.Clock}
	var err error
	if c.invoice, err = invoice.Load(tx, a.ID, p.Invoice); err != nil {
		return nil, err
	}
	if c.method, err = payment.LoadMethod(tx, a.ID, p.Method); err != nil {
		return nil, err
	}
	if c.invoice.State == invoice.Draft && c.invoice.Order != 0 {
		sale, err := s.unfinished(tx, a, c.invoice.Order)
		if sale != nil {
			sale.at = at // a walk asks before the account's clock is there
		}
		return sale, err
	}
	if c.invoice.Subscription != 0 {
		sub, err := subscription.Load(tx, a.ID, c.invoice.Subscription)
		if err != nil {
			return nil, err
		}
		c.sub = &sub
		if c.invoice.State == invoice.Draft && c.invoice.Reason == invoice.Changed {
			return c, c.loadChange(tx)
		}
	}
	return c, nil
}

// collected reads what came of a payment and keeps the answer of the call.
func (s *Service) collected(ctx context.Context, c Call, asked id.Payment) (Collected, error) {
	var done Collected
	var refused error
	err := s.db.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		refused = nil
		var err error
		if done.Payment, err = payment.Load(tx, c.Account, asked); err != nil {
			return err
		}
		if done.Invoice, err = invoice.Load(tx, c.Account, done.Payment.Invoice); err != nil {
			return err
		}
		switch done.Payment.State {
		case payment.Pending:
			refused = pending(&done.Payment)
			return nil
		case payment.DeclinedState:
			refused = refusal(done.Payment.DeclineCode)
		}
		return s.finish(tx, c, done, refused)
	})
	if err != nil {
		return done, err
	}
	return done, refused
}
