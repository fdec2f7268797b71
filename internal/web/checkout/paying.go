package checkout

import (
	"context"
	"net"
	"net/http"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/web"
)

// gateway finds out where the sale is paid.
func (h *shop) gateway(ctx context.Context, s *sale) error {
	var err error
	s.Gateway, err = h.commerce.GatewayFor(ctx, s.Account.ID, s.Chosen.ID)
	if fault.As(orNone(err)).Code == "no_gateway" {
		return nil
	}
	switch s.Gateway.Kind {
	case web.PayInSandbox:
		s.Sellable = h.o.TokenFor != nil
	case web.PayByStripe:
		s.Sellable = s.Gateway.Settings.PublishableKey != ""
	case web.PayByHand:
		s.Sellable = true
	}
	return err
}

// payment is the part of the form that says how it is paid.
func (h *shop) payment(s sale) web.PaymentForm {
	f := web.PaymentForm{Kind: s.Gateway.Kind, Problem: web.ProblemOf(s.Problems, "card"), Card: s.Card, Cards: s.Cards, Instructions: s.Gateway.Settings.Instructions}
	if !s.needsCard() {
		f.Kind = ""
	}
	f.Stripe = h.stripe(s.Gateway.Settings)
	f.Stripe.Currency, f.Stripe.Step = strings.ToLower(string(s.Currency)), s.Step
	return f
}

func (h *shop) stripe(settings payment.GatewaySettings) web.StripeForm {
	return web.StripeForm{Script: h.o.StripeScript, Key: settings.PublishableKey, Connected: settings.ConnectedAccount}
}

// token is what the form says of the payment method. A test card number is taken out
// of the form: it becomes a token here, and only a known one is ever shown again.
func (h *shop) token(r *http.Request, s *sale) (token string) {
	number := strings.TrimSpace(r.PostForm.Get("card"))
	r.PostForm.Del("card")
	if !s.needsCard() {
		return ""
	}
	problem := func(message string) { s.Problems = append(s.Problems, web.Problem{Field: "card", Message: message}) }
	if s.Gateway.Kind != web.PayInSandbox {
		if token = strings.TrimSpace(r.PostForm.Get("payment_token")); token == "" {
			problem("Say how you pay.")
		}
		return token
	}
	token, ok := h.o.TokenFor(number)
	switch {
	case ok:
		s.Card = number
	case number == "":
		problem("Enter a card number, or take one from the list.")
	default:
		problem("Only test card numbers work here. Take one from the list; never type a real one.")
	}
	return token
}

// needsCard reports whether something is charged now or later.
func (s sale) needsCard() bool {
	return !s.Quote.Due.IsZero() || !s.Quote.Each.IsZero() || s.Again != nil || len(s.Chosen.Terms.Usage) > 0 || s.Quote.Follow != nil
}

// consent is how the buyer agreed: from where, and with which browser.
func (h *shop) consent(r *http.Request) payment.Consent {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = ""
	}
	return payment.Consent{IP: host, UserAgent: r.UserAgent(), At: h.o.Clock.Now()}
}

// waiting is the payment of an order that has no outcome yet, nil for none.
func (t thanks) waiting() *payment.Payment {
	if t.Order.State != order.Pending || t.Invoice == nil {
		return nil
	}
	for i := range t.Invoice.Payments {
		if p := &t.Invoice.Payments[i]; p.State == payment.Pending {
			return p
		}
	}
	return nil
}

// ask asks the gateway what became of a payment that waits for the customer, who may
// have confirmed it just now, and finds out what they still have to do.
func (h *shop) ask(w http.ResponseWriter, r *http.Request, t thanks) (thanks, bool) {
	p := t.waiting()
	if p == nil || p.Waits != payment.ForCustomer || web.IsFragment(r) {
		return t, true
	}
	asked, err := h.commerce.AskPayment(r.Context(), h.asking(t, p))
	if err != nil {
		h.o.Log.WarnContext(r.Context(), "a payment that waits for its customer could not be asked for", "payment", p.ID, "err", err)
		return t, true // the page says that it waits
	}
	if asked.Payment.State != payment.Pending || asked.Payment.Waits != p.Waits {
		return h.load(w, r)
	}
	t.Step = asked.Step
	return t, true
}

// asking is the question of a customer who looks at their order.
func (h *shop) asking(t thanks, p *payment.Payment) commerce.AskPayment {
	return commerce.AskPayment{Call: commerce.Call{Account: t.Account.ID, Actor: event.Actor{Kind: event.ByCustomer, Name: t.Customer.Buyer.Name}}, Payment: p.ID}
}

// instruct adds what the gateway of a payment that waits needs the page to show.
func (h *shop) instruct(ctx context.Context, t *thanks) error {
	p := t.waiting()
	if p == nil || p.Waits == payment.ForAnswer {
		return nil
	}
	g, err := h.commerce.GatewayFor(ctx, t.Account.ID, t.Price.ID)
	if err != nil || g.Name != p.Gateway { // what is sold is paid elsewhere by now
		return nil //nolint:nilerr // the page does without
	}
	t.Stripe = h.stripe(g.Settings)
	if t.Step != nil {
		t.Stripe.Step = &web.BrowserStep{Secret: t.Step.Secret}
	}
	if g.Kind == web.PayByHand {
		t.ByHand = g.Settings.Instructions
	}
	return nil
}

// waitsFor is whom the payment waits for.
func (t thanks) waitsFor() payment.Awaited {
	if p := t.waiting(); p != nil {
		return p.Waits
	}
	return payment.ForAnswer
}

// byHand reports whether the customer sends the money themselves.
func (t thanks) byHand() bool {
	if p := t.waiting(); p != nil {
		switch t.Invoice.Methods[p.Method].Kind {
		case "bank_transfer", "cheque", "other":
			return true
		}
	}
	return false
}

// toPay is what a customer who sends the money themselves needs to know.
func (t thanks) toPay() []web.Fact {
	list := []web.Fact{{Term: "Order", Value: web.IDCopy(t.Order.ID.String()), Note: "Name it with your payment."}}
	if t.Fresh {
		list = append(list, web.Fact{Term: "To pay", Text: text(t.waiting().Amount)})
	}
	return list
}

// asks reports whether something can be known any moment.
func (t thanks) asks() bool {
	p := t.waiting()
	return p == nil || p.Waits == payment.ForAnswer
}

// confirm takes the answer of a sandbox's customer to their bank.
func (h *shop) confirm(w http.ResponseWriter, r *http.Request) {
	t, ok := h.load(w, r)
	if !ok {
		return
	}
	if p := t.waiting(); p != nil && p.Waits == payment.ForCustomer && h.o.Answer != nil {
		asked, err := h.commerce.AskPayment(r.Context(), h.asking(t, p))
		if err == nil && asked.Step != nil && asked.Step.Kind == web.PayInSandbox {
			err = h.o.Answer(r.Context(), t.Account.ID, asked.Step.Secret, r.PostFormValue("answer") == "yes")
		}
		if err != nil && !fault.Is(err, fault.Conflict) {
			h.fail(w, r, err)
			return
		}
	}
	web.Redirect(w, r, "/o/"+t.Token)
}
