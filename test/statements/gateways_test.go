package statements

import (
	"context"
	"fmt"
	"testing"
	"time"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/seal"
)

// gatewayStories tells the stories about gateways: accounts, notices, disputes, and what
// needs a person.
func gatewayStories(t *testing.T, s *commerce.Service, machine *clock.Manual, call commerce.Call) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := seal.Parse(seal.New())
	must(err)
	s.UseGateways(keys, map[string]commerce.Opener{"sandbox": func(_ payment.GatewaySettings, secrets payment.GatewaySecrets) (payment.Gateway, error) {
		return sandbox.New(nil, machine, sandbox.Options{Secret: secrets.WebhookSecrets[0]}), nil
	}})
	made, err := s.CreateGateway(ctx, commerce.CreateGateway{Call: call, Kind: "sandbox", Name: "Ours", Secrets: payment.GatewaySecrets{WebhookSecrets: []string{"one"}}})
	must(err)
	name := "Theirs"
	_, err = s.UpdateGateway(ctx, commerce.UpdateGateway{Call: call, Gateway: made.ID, Name: &name})
	must(err)
	_, err = s.RotateWebhookSecret(ctx, commerce.RotateWebhookSecret{Call: call, Gateway: made.ID, Secret: "two"})
	must(err)
	machine.Set(machine.Now().Add(2 * time.Second)) // the gateway account is looked at again
	header, body := sandbox.New(nil, machine, sandbox.Options{Secret: "two"}).Send(payment.Notice{Body: `{"id":"n1","kind":"other","type":"ping"}`}, machine.Now())
	must(s.Receive(ctx, commerce.Noticed{Gateway: made.ID, Header: func(h string) string { return header[h] }, Body: body}))
	_, err = s.GatewayFor(ctx, call.Account, 0)
	must(err)
	product, err := s.CreateProduct(ctx, commerce.CreateProduct{Call: call, Name: "Disputed"})
	must(err)
	price, err := s.CreatePrice(ctx, commerce.CreatePrice{Call: call, Product: product.ID, Amount: money.Amount{Minor: 700, Currency: "USD"}})
	must(err)
	for n, token := range []string{"tok_createDispute", "tok_networkUpdates", "tok_neverAnswers"} {
		buyer := &commerce.CreateCustomer{Email: fmt.Sprintf("gateway%d@example.com", n)}
		sale, err := s.Sell(ctx, commerce.Sell{Call: call, Buyer: buyer, Price: price.ID, Token: token})
		if sale.Payment == nil {
			t.Fatal(err)
		}
		_, err = s.AskPayment(ctx, commerce.AskPayment{Call: call, Payment: sale.Payment.ID})
		must(err)
		defer func(p payment.Payment) {
			if p.State == payment.Pending {
				_, err := s.MarkPayment(ctx, commerce.MarkPayment{Call: call, Payment: p.ID, Paid: true, Reference: "r"})
				must(err)
			}
		}(*sale.Payment)
	}
	var now time.Time
	must(func() error {
		done, err := s.AdvanceClock(ctx, commerce.AdvanceClock{Call: call, To: machine.Now().Add(90 * 24 * time.Hour)})
		now = done.At
		return err
	}())
	if now.IsZero() {
		t.Fatal("the clock did not move")
	}
}
