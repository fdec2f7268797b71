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
)

// AskPayment asks the gateway now what became of a payment.
type AskPayment struct {
	Call
	Payment id.Payment
}

// Asked is what came of asking.
type Asked struct {
	Payment payment.Payment
	Step    *payment.Step // that the customer has to take, when the payment waits for them
}

// AskPayment asks the gateway now what became of a payment, and settles it as it says.
// It is for the browser that comes back from a step, for a page that shows the step again,
// and for people who do not want to wait. What is settled already stays.
func (s *Service) AskPayment(ctx context.Context, c AskPayment) (Asked, error) {
	var p payment.Payment
	var now time.Time
	err := s.db.View(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		now = a.Now(s.clock.Now())
		p, err = payment.Load(tx, a.ID, c.Payment)
		return err
	})
	if err != nil {
		return Asked{}, err
	}
	step, err := s.askPayment(context.WithoutCancel(ctx), p, now, c.Actor)
	if err != nil {
		return Asked{}, err
	}
	done := Asked{Step: step}
	err = s.db.View(ctx, func(tx *db.Tx) (err error) {
		done.Payment, err = payment.Load(tx, c.Account, c.Payment)
		return err
	})
	if done.Payment.Waits != payment.ForCustomer {
		done.Step = nil
	}
	return done, err
}

// askPayment asks for a payment at an instant of the account's clock and settles it. Money
// that a gateway took for a payment which was settled as declined is told to people.
func (s *Service) askPayment(ctx context.Context, p payment.Payment, at time.Time, by event.Actor) (*payment.Step, error) {
	if p.State == payment.Paid {
		return nil, nil
	}
	if p.State == payment.DeclinedState {
		return nil, s.paidAfterAll(ctx, p, at)
	}
	var c *collection
	err := s.db.View(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, p.Account)
		if err != nil {
			return err
		}
		c, err = s.resume(tx, a, p, at)
		return err
	})
	if err != nil || c == nil {
		return nil, err
	}
	c.actor = by
	s.ask(ctx, c)
	err = s.settle(ctx, p.Account, []*collection{c})
	if err != nil && refusedByRule(err) {
		err = s.chargeLater(ctx, c, err)
	}
	return c.result.Step, err
}

// paidAfterAll looks whether a gateway took money for a payment that was declined here.
func (s *Service) paidAfterAll(ctx context.Context, p payment.Payment, at time.Time) error {
	g, err := s.gateway(ctx, p.Account, p.Gateway)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, gatewayTimeout)
	r, err := g.Find(asking, payment.Inquiry{Account: p.Account, Key: p.Key(), Reference: p.Reference, Asked: p.CreatedAt, Now: at})
	cancel()
	if err != nil || r.Outcome != payment.Succeeded {
		return err
	}
	return s.db.Update(ctx, func(tx *db.Tx) error { return s.contradicts(tx, p, nil, paidAfterDecline, r.Reference, at) })
}

// The reasons for which what a gateway says contradicts what was settled before.
const (
	paidAfterDecline       = "paid_after_decline"
	givenAfterRefusal      = "given_after_refusal"
	refundFailedAfterwards = "refund_failed_afterwards"
)

// contradicts tells people that a gateway says another thing of a payment, or of a refund of
// it, than it was settled with. Nothing is booked: only they can find out who is right.
func (s *Service) contradicts(tx *db.Tx, p payment.Payment, refund *payment.Refund, reason, reference string, at time.Time) error {
	s.log.Error("a gateway contradicts what was settled", "reason", reason, "payment", p.ID, "account", p.Account)
	facts := map[string]any{"reason": reason, "reference": reference, "gateway": p.Gateway, "amount": p.Amount.Minor, "currency": p.Amount.Currency, "invoice": p.Invoice}
	if refund != nil {
		facts["refund"], facts["amount"] = refund.ID, refund.Amount.Minor
	}
	return event.Append(tx, p.Account, event.New(p.Account, at, event.Clock, event.PaymentMismatch, int64(p.ID), p.Customer, event.Data(facts)))
}

// MarkPayment says what became of a payment that waits.
type MarkPayment struct {
	Call
	Payment   id.Payment
	Paid      bool      // false: it was not and will not be paid under this payment
	At        time.Time // of the money's arrival, not in the future; zero: now. Kept with the reference
	Reference string    // the gateway's, the bank's; required when it was paid
}

// MarkPayment settles a payment as a person says: one of a gateway that moves no money
// itself, and one that waits for a person because its gateway cannot say. Any other
// is fault.Conflict: its gateway knows.
func (s *Service) MarkPayment(ctx context.Context, c MarkPayment) (payment.Payment, error) {
	var f fault.Fields
	f.Check(!c.Paid || c.Reference != "", "reference", "must be given: what the gateway or the bank calls the payment")
	f.Check(len(c.Reference) <= 255 && plainWord(c.Reference), "reference", "must be at most 255 bytes of plain text")
	f.Check(c.At.IsZero() || c.At.Unix() >= 0, "at", "must not be before 1970")
	if err := f.Err(); err != nil {
		return payment.Payment{}, err
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (payment.Payment, error) {
		p, err := payment.Load(tx, a.ID, c.Payment)
		if err != nil {
			return p, err
		}
		if c.At.After(now) {
			return p, fault.BadField("at", "must not be in the future")
		}
		if err := s.markable(tx, p); err != nil {
			return p, err
		}
		work, err := s.resume(tx, a, p, now)
		if err != nil {
			return p, err
		}
		if work == nil {
			return p, db.VersionConflict()
		}
		work.actor = c.Actor
		work.payment.Waits, work.payment.Trouble = payment.ForAnswer, ""
		work.result = payment.Result{Outcome: payment.Declined, Code: "not_paid", Reference: c.Reference}
		if c.Paid {
			work.result = payment.Result{Outcome: payment.Succeeded, Reference: c.Reference}
			work.byHand = true
		}
		when := c.At
		if when.IsZero() {
			when = now
		}
		if err := s.settleIn(tx, a, []*collection{work}); err != nil {
			return p, err
		}
		if p, err = payment.Load(tx, a.ID, p.ID); err != nil {
			return p, err
		}
		return p, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.PaymentMarked, int64(p.ID), p.Customer, event.Data(map[string]any{
			"paid": c.Paid, "reference": c.Reference, "at": when, "invoice": p.Invoice, "amount": p.Amount.Minor, "currency": p.Amount.Currency})))
	})
}

// manualKind is the kind of gateways at which people say what was paid.
const manualKind = "manual"

// markable refuses to let a person say what became of a payment whose gateway knows.
func (s *Service) markable(tx *db.Tx, p payment.Payment) error {
	if p.State != payment.Pending {
		return fault.New(fault.Conflict, "the payment is settled already").WithCode("payment_settled")
	}
	if p.Waits == payment.ForPerson {
		return nil
	}
	if gateway, err := id.Parse[id.GatewayAccount](p.Gateway); err == nil {
		g, err := payment.LoadGateway(tx, p.Account, gateway)
		if err != nil || g.Kind == manualKind {
			return err
		}
	}
	return fault.New(fault.Conflict, "the gateway is asked what became of this payment; a person can say so only when it cannot").WithCode("gateway_decides")
}

// plainWord reports whether s is printable text.
func plainWord(s string) bool {
	for _, c := range s {
		if c < ' ' || c == 0x7f || c == 0xfffd || c >= 0x80 && c < 0xa0 {
			return false
		}
	}
	return true
}
