package scenario

import (
	"context"
	"fmt"

	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// bank is the sandbox gateway as the customer's bank reaches it.
type bank interface {
	// Answer plays the customer who confirms the charge with a key, or refuses to.
	Answer(ctx context.Context, account id.Account, key string, agree bool) error
}

// waiting is a customer's newest payment that is not settled.
func (s *story) waiting(ctx context.Context, who whose) (payment.Payment, error) {
	list, err := s.stage.Reader.Payments(ctx, s.call.Account, 0, 200)
	if err != nil {
		return payment.Payment{}, err
	}
	for _, p := range list {
		if p.Customer == who.id && p.State == payment.Pending {
			return p, nil
		}
	}
	return payment.Payment{}, fmt.Errorf("no payment of %s waits", who.name)
}

// confirms is "the payment": the customer confirms it in the browser; with "not" before
// that, they refuse to.
func (s *story) confirms(ctx context.Context, who whose, w *words) error {
	agree := !w.is("not")
	w.must("the payment")
	if err := w.end(); err != nil {
		return err
	}
	p, err := s.waiting(ctx, who)
	if err != nil {
		return err
	}
	of, ok := s.stage.Gateways[p.Gateway].(bank)
	if !ok {
		return fmt.Errorf("the gateway %s has no customers to play", p.Gateway)
	}
	if err := of.Answer(ctx, s.call.Account, p.Key(), agree); err != nil {
		return err
	}
	_, err = s.stage.Service.AskPayment(ctx, commerce.AskPayment{Call: s.call, Payment: p.ID})
	return err
}

// marks is "paid REFERENCE" or "not paid", of the customer's payment that waits.
func (s *story) marks(ctx context.Context, who whose, w *words) error {
	c := commerce.MarkPayment{Call: s.call, Paid: !w.is("not")}
	w.must("paid")
	if c.Paid && !w.done() {
		c.Reference = w.word("a reference")
	}
	if err := w.end(); err != nil {
		return err
	}
	p, err := s.waiting(ctx, who)
	if err != nil {
		return err
	}
	c.Payment = p.ID
	_, err = s.stage.Service.MarkPayment(ctx, c)
	return err
}
