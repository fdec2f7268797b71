package stripe_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/server"

	"perennial/internal/clock"
	"perennial/internal/gateway/stripe"
	"perennial/internal/gateway/stripe/stripetest"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// official is Stripe's own mock: it knows the shape of every request and refuses
// unknown routes, unknown parameters and wrong types. It has no memory.
var official = sync.OnceValues(func() (*server.StubServer, error) {
	spec, err := server.LoadSpec(embedded.OpenAPISpec, "")
	if err != nil {
		return nil, err
	}
	fixtures, err := server.LoadFixtures(embedded.OpenAPIFixtures, "")
	if err != nil {
		return nil, err
	}
	return server.NewStubServer(fixtures, spec, false, false)
})

// TestShapeOfRequests sends every request that the gateway can make to the official
// mock. What matters is that it is taken; the mock's answers are examples.
func TestShapeOfRequests(t *testing.T) {
	t.Parallel()
	stub, err := official()
	if err != nil {
		t.Fatal(err)
	}
	type exchange struct{ request, account string }
	var mu sync.Mutex
	var seen []exchange
	var rejected []string
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		stub.HandleRequest(answer, r)
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, exchange{request: r.Method + " " + r.URL.Path, account: r.Header.Get("Stripe-Account")})
		if answer.Code >= 400 {
			rejected = append(rejected, r.Method+" "+r.URL.String()+": "+answer.Body.String())
		}
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(far.Close)
	g, err := stripe.New(stripe.Credentials{APIKey: stripetest.Key, Connected: "acct_12345678"}, stripe.Options{Client: far.Client(), Clock: clock.NewManual(noon), URL: far.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, acc := t.Context(), id.New[id.Account]()
	consent := payment.Consent{IP: "192.0.2.7", UserAgent: "Browser/1", At: noon}
	for _, token := range []string{"pm_1", "ctoken_1", "seti_1"} {
		for _, follows := range []bool{true, false} {
			_, _ = g.Save(ctx, payment.SaveRequest{Account: acc, Token: token, Email: "ada@example.com", Name: "Ada", ChargeFollows: follows, Consent: consent})
			_, _ = g.Save(ctx, payment.SaveRequest{Account: acc, Token: token, Sibling: "cus_1/pm_2", ChargeFollows: follows, Consent: consent})
		}
	}
	for _, c := range []payment.Charge{
		{Present: true, Consent: consent}, {Present: false}, {Asked: noon.Add(-48 * time.Hour)},
	} {
		c.Account, c.Key, c.Token, c.Amount, c.Customer, c.Invoice = acc, newKey(), "cus_1/pm_1", usd(1500), 7, 8
		_, _ = g.Charge(ctx, c)
	}
	for _, ref := range []string{"", "pi_1"} {
		_, _ = g.Find(ctx, payment.Inquiry{Account: acc, Key: newKey(), Reference: ref})
		_, _ = g.Abandon(ctx, payment.Inquiry{Account: acc, Key: newKey(), Reference: ref})
		_, _ = g.Refund(ctx, payment.RefundRequest{Account: acc, Key: newKey(), ChargeKey: newKey(), Reference: ref, Amount: usd(100)})
	}
	for _, ref := range []string{"", "re_1"} {
		_, _ = g.Find(ctx, payment.Inquiry{Account: acc, Key: newKey(), Refund: true, Reference: ref, Asked: noon})
	}
	for _, since := range []time.Time{{}, noon} {
		if err := g.Each(ctx, acc, since, func(payment.Record) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	for _, after := range []string{"", "evt_1"} {
		if _, _, err := g.Notices(ctx, acc, after, noon); err != nil {
			t.Error(err)
		}
	}
	if _, err := g.Dispute(ctx, acc, "dp_1"); err != nil {
		t.Error(err)
	}
	_, _ = g.Instrument(ctx, acc, "cus_1/pm_1")
	for _, r := range rejected {
		t.Errorf("Stripe's mock refused %s", r)
	}
	made := map[string]bool{}
	for _, e := range seen {
		made[strings.TrimRight(e.request, "0123456789")] = true
		if e.account != "acct_12345678" {
			t.Errorf("%s names the account %q", e.request, e.account)
		}
	}
	for _, want := range []string{"POST /v1/customers", "GET /v1/payment_methods/pm_", "POST /v1/setup_intents", "GET /v1/setup_intents/seti_", "POST /v1/payment_intents",
		"GET /v1/payment_intents/pi_", "GET /v1/payment_intents/search", "GET /v1/payment_intents", "GET /v1/refunds", "GET /v1/refunds/re_", "GET /v1/charges",
		"GET /v1/events", "GET /v1/disputes/dp_"} {
		if !made[want] {
			t.Errorf("%s was not sent: %v", want, made)
		}
	}
}

// The mock's examples have no memory, so what follows an intent that is ours (a
// refund, a cancellation) is played by a stub that lets the example be ours.
func TestShapeOfRefundAndCancel(t *testing.T) {
	t.Parallel()
	stub, err := official()
	if err != nil {
		t.Fatal(err)
	}
	acc, key := id.New[id.Account](), newKey()
	var mu sync.Mutex
	status := "succeeded"
	taken := map[string]int{}
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		stub.HandleRequest(answer, r)
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			taken[r.URL.Path] = answer.Code
		}
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodGet && r.URL.Path == "/v1/payment_intents/pi_1" {
			_, _ = w.Write([]byte(`{"id":"pi_1","object":"payment_intent","amount":1500,"amount_received":1500,"currency":"usd","status":"` + status +
				`","metadata":{"perennial_account":"` + acc.String() + `","perennial_key":"` + key + `","perennial_present":"1"}}`))
			return
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(far.Close)
	g, err := stripe.New(stripe.Credentials{APIKey: stripetest.Key}, stripe.Options{Client: far.Client(), Clock: clock.NewManual(noon), URL: far.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = g.Refund(t.Context(), payment.RefundRequest{Account: acc, Key: newKey(), ChargeKey: key, Reference: "pi_1", Amount: money.Amount{Minor: 100, Currency: "USD"}})
	mu.Lock()
	status = "requires_action"
	mu.Unlock()
	_, _ = g.Abandon(t.Context(), payment.Inquiry{Account: acc, Key: key, Reference: "pi_1"})
	for _, path := range []string{"/v1/refunds", "/v1/payment_intents/pi_1/cancel"} {
		if taken[path] != http.StatusOK {
			t.Errorf("%s: Stripe's mock answered %d", path, taken[path])
		}
	}
}
