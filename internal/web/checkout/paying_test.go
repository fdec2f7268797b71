package checkout_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/gateway/manual"
	"perennial/internal/gateway/stripe"
	"perennial/internal/gateway/stripe/stripetest"
	"perennial/internal/invoice"
	"perennial/internal/payment"
	"perennial/internal/web/webtest"
)

// through makes a gateway account the default of the shop.
func (s *shop) through(t *testing.T, kind string, settings payment.GatewaySettings, secrets payment.GatewaySecrets) {
	t.Helper()
	call := commerce.Call{Account: s.account, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
	if _, err := s.Service.CreateGateway(t.Context(), commerce.CreateGateway{Call: call, Kind: kind, Name: "Main", Settings: settings, Secrets: secrets, Default: true}); err != nil {
		t.Fatal(err)
	}
}

func openStripe(t *testing.T) (*shop, *webtest.Browser) {
	t.Helper()
	s := open(t, db.SQLite, account.Sandbox)
	s.through(t, stripe.Kind, payment.GatewaySettings{PublishableKey: stripetest.PublishableKey}, payment.GatewaySecrets{APIKey: stripetest.Key, WebhookSecrets: []string{stripetest.Secret}})
	b := webtest.Open(t)
	b.AllowHost(s.Stripe.URL)
	return s, b
}

// fillStripe fills in the buyer and chooses a plan and a card of the stand-in.
func fillStripe(b *webtest.Browser, plan, card, button string) {
	b.WaitFor("[data-frame='shown']")
	b.Fill("E-mail", "ines@example.com")
	b.Fill("Name", "Ines Okafor")
	b.Choose("Country", "Portugal")
	b.Choose(plan, "")
	b.WaitText(button)
	b.Choose("Stand-in card", card)
}

func look(t *testing.T, b *webtest.Browser, name string) {
	t.Helper()
	b.Axe()
	if dir := os.Getenv("GALLERY"); dir != "" {
		b.Screenshot(filepath.Join(dir, name+".png"))
	}
}

func TestBuyThroughStripe(t *testing.T) {
	t.Parallel()
	s, b := openStripe(t)
	b.Expect(http.StatusPaymentRequired)
	b.Goto(s.URL + s.path)
	fillStripe(b, "Yearly", "declined", "Pay €238.00")
	look(t, b, "stripe-form")
	b.Follow("Pay €238.00")
	b.WaitText("Nothing was charged. Try another card")
	b.WaitFor("[data-frame='shown']")
	b.Choose("Stand-in card", "works")
	b.Follow("Pay €238.00")
	b.WaitText("Your order is complete")
	if paid := s.invoices(t); len(paid) != 2 || paid[0].State != invoice.Paid || s.Stripe.Charged() != 1 {
		t.Errorf("invoices %+v, %d charges", paid, s.Stripe.Charged())
	}
	sent := s.Stripe.Sent(s.Stripe.Newest())
	if sent.Get("amount") != "23800" || sent.Get("setup_future_usage") != "off_session" || sent.Get("mandate_data[customer_acceptance][online][ip_address]") != "127.0.0.1" ||
		!strings.Contains(sent.Get("mandate_data[customer_acceptance][online][user_agent]"), "Chrome") {
		t.Errorf("sent %v", sent)
	}
	// The page after the purchase keeps to our own files again.
	if n := webtest.Eval[int](b, `document.querySelectorAll("script[src^='http://127']:not([src*='`+strings.TrimPrefix(s.URL, "http://")+`'])").length`); n != 0 {
		t.Error("the order page loads from Stripe")
	}
}

func TestConfirmAPaymentWithStripe(t *testing.T) {
	t.Parallel()
	for _, confirms := range []bool{true, false} {
		s, b := openStripe(t)
		b.Goto(s.URL + s.path)
		fillStripe(b, "Yearly", "confirm", "Pay €238.00")
		b.Follow("Pay €238.00")
		b.WaitText("Your bank wants you to confirm the payment")
		look(t, b, "stripe-confirm")
		b.Click("Confirm with your bank")
		if confirms {
			b.Follow("The bank confirms")
			b.WaitText("Your order is complete")
		} else {
			b.Follow("The bank refuses")
			b.WaitText("The payment did not go through")
			b.WaitText("The customer did not confirm the payment.")
		}
		want := 0
		if confirms {
			want = 1
		}
		if s.Stripe.Charged() != want {
			t.Errorf("confirms %v: %d charges", confirms, s.Stripe.Charged())
		}
	}
}

// Nothing is due in a trial: the card is set up with the bank, and the form is posted
// again by the step.
func TestTrialWithStripe(t *testing.T) {
	t.Parallel()
	s, b := openStripe(t)
	b.Goto(s.URL + s.path)
	fillStripe(b, "Monthly", "confirm", "€0.00 today")
	b.Follow("Start")
	b.WaitText("Your bank wants you to confirm")
	b.Follow("The bank confirms")
	b.WaitText("Your order is complete")
	if s.Stripe.Charged() != 0 || s.Stripe.Intents() != 0 {
		t.Error("a trial was charged")
	}
}

func TestBankDebitWaits(t *testing.T) {
	t.Parallel()
	s, b := openStripe(t)
	b.Goto(s.URL + s.path)
	fillStripe(b, "Yearly", "debit", "Pay €238.00")
	b.Follow("Pay €238.00")
	b.WaitText("Your bank is working on the payment")
	look(t, b, "stripe-debit")
}

func TestPayByHand(t *testing.T) {
	t.Parallel()
	s := open(t, db.SQLite, account.Live)
	s.through(t, manual.Kind, payment.GatewaySettings{Instructions: "Bank of Example\nIBAN DE00 0000 0000"}, payment.GatewaySecrets{})
	b := webtest.Open(t)
	b.NoScript()
	b.Goto(s.URL + s.path)
	b.Fill("E-mail", "ines@example.com")
	b.Fill("Name", "Ines Okafor")
	b.Choose("Country", "Portugal")
	b.Choose("Yearly", "")
	b.Follow("Update total")
	b.WaitText("IBAN DE00 0000 0000")
	b.WaitText("Green Press asks you to pay as said above until you cancel")
	b.Follow("Order for €238.00")
	b.WaitText("We wait for your payment")
	b.WaitText("€238.00")
	b.WaitText("IBAN DE00 0000 0000")
	list, err := s.Reader.Payments(t.Context(), s.account, 0, 10)
	if err != nil || len(list) != 1 || list[0].State != payment.Pending || list[0].Waits != payment.ForBank {
		t.Fatalf("payments %+v, %v", list, err)
	}
	call := commerce.Call{Account: s.account, Actor: event.Actor{Kind: event.ByMember, Name: "Ana"}}
	if _, err := s.Service.MarkPayment(t.Context(), commerce.MarkPayment{Call: call, Payment: list[0].ID, Paid: true, Reference: "statement 7"}); err != nil {
		t.Fatal(err)
	}
	b.Goto(webtest.Eval[string](b, "location.href"))
	b.WaitText("Your order is complete")
}

func TestConfirmInSandbox(t *testing.T) {
	t.Parallel()
	for _, confirms := range []bool{true, false} {
		s := open(t, db.SQLite, account.Sandbox)
		b := webtest.Open(t)
		b.Goto(s.URL + s.path)
		b.Fill("E-mail", "ines@example.com")
		b.Fill("Name", "Ines Okafor")
		b.Choose("Country", "Portugal")
		b.Choose("Yearly", "")
		b.WaitText("Pay €238.00")
		b.Fill("Test card number", "4000 0038 0000 0446")
		b.Follow("Pay €238.00")
		b.WaitText("you play the bank, too")
		look(t, b, "sandbox-confirm")
		if confirms {
			b.Follow("Confirm the payment")
			b.WaitText("Your order is complete")
		} else {
			b.Follow("Refuse it")
			b.WaitText("The payment did not go through")
		}
	}
}
