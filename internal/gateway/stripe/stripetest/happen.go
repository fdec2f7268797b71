package stripetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Act is the customer doing the step of an intent or a setup in the browser: they
// confirm with their bank, or fail to. It is told by its client secret, as to
// Stripe's script.
func (s *Stripe) Act(secret string, confirmed bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, _, _ := strings.Cut(secret, "_secret")
	if i := s.setups[name]; i != nil && i.ClientSecret == secret && i.Status == "requires_action" {
		if confirmed {
			s.setUp(i)
		} else {
			i.Status, i.LastSetupError = "requires_payment_method", map[string]any{"type": "card_error", "code": "setup_intent_authentication_failure"}
		}
		return nil
	}
	i, ok := s.intents.find(name)
	if !ok || i.ClientSecret != secret || i.Status != "requires_action" {
		return fmt.Errorf("nothing waits for the customer under that secret")
	}
	if confirmed {
		s.collect(i)
		return nil
	}
	s.fail(i, Card{Decline: ""})
	i.LastPaymentError = map[string]any{"type": "card_error", "code": "payment_intent_authentication_failure"}
	return nil
}

// Settle is the bank answering a debit that was processing: with the money, or with a
// failure code.
func (s *Stripe) Settle(intentID, failure string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.intents.find(intentID)
	if !ok || i.Status != "processing" {
		panic("stripetest: the intent is not processing")
	}
	c, _ := s.charges.find(i.LatestCharge)
	if failure == "" {
		s.succeed(i, c)
		return
	}
	c.Status = "failed"
	s.fail(i, Card{Decline: failure})
}

// SettleRefund is the bank answering a refund that was pending.
func (s *Stripe) SettleRefund(refundID, failure string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.refunds.find(refundID)
	if !ok {
		panic("stripetest: there is no such refund")
	}
	r.Status = "succeeded"
	if failure != "" {
		r.Status, r.FailureReason = "failed", failure
	}
	s.happen("refund.updated", r)
}

// Dispute opens a dispute of an intent's charge, or moves the one there is to another
// of Stripe's states.
func (s *Stripe) Dispute(intentID, status string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := s.intents.find(intentID)
	for _, d := range s.disputes {
		if d.Charge == i.LatestCharge {
			d.Status = status
			s.happen("charge.dispute.updated", d)
			return d.ID
		}
	}
	d := &dispute{object: s.object("dispute", "dp", nil), Amount: i.Amount, Currency: i.Currency, Status: status, Reason: "product_not_received", Charge: i.LatestCharge,
		PaymentIntent: i, EvidenceDetails: map[string]any{"due_by": s.now() + 7*86400}}
	s.disputes[d.ID] = d
	s.happen("charge.dispute.created", d)
	return d.ID
}

// Renew is the card network telling a new expiry of a method's card.
func (s *Stripe) Renew(methodID, lastFour string, year int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.methods[methodID]
	m.Card["last4"], m.Card["exp_year"] = lastFour, year
	s.happen("payment_method.automatically_updated", m.told(s, false))
}

// Detach takes a method from its customer.
func (s *Stripe) Detach(methodID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.methods[methodID]
	m.customer = ""
	s.happen("payment_method.detached", m.told(s, false))
}

// Behave changes what a method does from now on.
func (s *Stripe) Behave(methodID string, c Card) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.methods[methodID].behaviour = c
}

// Foreign is a charge that was made at Stripe by somebody else.
func (s *Stripe) Foreign(amount int64, currency string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &charge{object: s.object("charge", "ch", nil), Amount: amount, AmountCaptured: amount, Currency: currency, Status: "succeeded", Captured: true, Paid: true}
	s.charges = append(s.charges, c)
}

// Notice is an event as Stripe sends it to a webhook endpoint.
type Notice struct {
	ID        string
	Type      string
	Body      []byte
	Signature string // the header Stripe-Signature, as of the time it happened
}

// Notices are all events so far, oldest first, signed with Secret.
func (s *Stripe) Notices() []Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Notice, 0, len(s.events))
	for _, e := range s.events {
		body, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		out = append(out, Notice{ID: e.ID, Type: e.Type, Body: body, Signature: Sign(Secret, e.Created, body)})
	}
	return out
}

// Sign is the Stripe-Signature of a body at an instant in Unix seconds.
func Sign(secret string, at int64, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at, body)
	return fmt.Sprintf("t=%d,v1=%s", at, hex.EncodeToString(mac.Sum(nil)))
}
