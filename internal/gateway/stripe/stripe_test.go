package stripe_test

import (
	"testing"
	"time"

	"perennial/internal/clock"
	"perennial/internal/gateway/gatewaytest"
	"perennial/internal/gateway/stripe"
	"perennial/internal/gateway/stripe/stripetest"
	"perennial/internal/id"
	"perennial/internal/payment"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a gateway over a Stripe of its own.
type world struct {
	*stripe.Gateway
	far     *stripetest.Stripe
	clock   *clock.Manual
	account id.Account
}

func open(t *testing.T) world {
	t.Helper()
	c := clock.NewManual(noon)
	far := stripetest.New(t, c)
	g, err := stripe.New(stripe.Credentials{APIKey: stripetest.Key, WebhookSecrets: []string{stripetest.Secret}}, stripe.Options{Client: far.Client, Clock: c, URL: far.URL})
	if err != nil {
		t.Fatal(err)
	}
	return world{Gateway: g, far: far, clock: c, account: id.New[id.Account]()}
}

func (w world) bank(t *testing.T) gatewaytest.Bank {
	card := func(c stripetest.Card) func() string { return func() string { return w.far.Method(c) } }
	return gatewaytest.Bank{
		Gateway: w.Gateway, Account: w.account, Now: noon,
		Good: card(stripetest.Card{}), Broken: card(stripetest.Card{Decline: "insufficient_funds"}), BrokenCode: "insufficient_funds",
		LoseAnswer:  func() { w.far.Fail(stripetest.Fault{Path: "POST /v1/payment_intents", After: true}) },
		LoseRequest: func() { w.far.Fail(stripetest.Fault{Path: "POST /v1/payment_intents", Before: true}) },
		Confirming:  card(stripetest.Card{Confirm: true}),
		Act: func(step payment.Step, confirmed bool) {
			if err := w.far.Act(step.Secret, confirmed); err != nil {
				t.Error(err)
			}
		},
		Debit: func(string) string {
			return w.far.Method(stripetest.Card{Type: "sepa_debit", LastFour: "3000"})
		},
		Settle:  func(_, reference, code string) { w.far.Settle(reference, code) },
		Forget:  w.far.ForgetKeys,
		Dispute: func(reference string) string { return w.far.Dispute(reference, "needs_response") },
		Sent: func() (list []gatewaytest.Sent) {
			for _, n := range w.far.Notices() {
				list = append(list, gatewaytest.Sent{Body: n.Body, Header: func(name string) string {
					if name == "Stripe-Signature" {
						return n.Signature
					}
					return ""
				}})
			}
			return list
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	gatewaytest.Conform(t, func(t *testing.T) gatewaytest.Bank { return open(t).bank(t) })
}
