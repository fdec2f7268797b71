package api_test

import (
	"net/http"
	"strings"
	"testing"

	"perennial/internal/db"
)

// fuzzed are the routes whose bodies are fuzzed: every decoder that there is.
var fuzzed = []string{"POST /v1/customers", "POST /v1/orders", "POST /v1/subscriptions", "POST /v1/prices", "POST /v1/products", "POST /v1/campaigns", "POST /v1/refunds",
	"PATCH /v1/account", "POST /v1/api-keys", "POST /v1/webhook-endpoints", "PATCH /v1/customers/cus_0000000000001", "PATCH /v1/prices/prc_0000000000001",
	"POST /v1/customers/cus_0000000000001/payment-methods", "POST /v1/subscriptions/sub_0000000000001/cancel", "PATCH /v1/subscriptions/sub_0000000000001",
	"POST /v1/invoices/inv_0000000000001/pay", "PATCH /v1/webhook-endpoints/end_0000000000001", "POST /v1/clock/advance"}

// Whatever bytes come as a body, the answer is one that the description promises and
// never a failure on our side.
func FuzzDecode(f *testing.F) {
	for route := range fuzzed {
		for _, body := range []string{"{}", "null", "[]", `{"name":"x","email":"a@example.com"}`, `{"amount":9007199254740993,"currency":"USD"}`, `{"to":"2026-02-30T00:00:00Z"}`,
			`{"by":"99999999999999999999 days"}`, `{"buyer":{"metadata":{"":""}},"price":"prc_0000000000001"}`, `{"events":["a.b"],"address":"https://[::1]"}`, "{\"name\":\"\xff\"}", `{"name":"\ud800"}`,
			`{"tax_rate":"1e-999999999"}`, `{"payment":"pay_0000000000001","amount":1.0}`, `{"when":"now","reason":"\u0000"}`} {
			f.Add(uint8(route), []byte(body), "limit=5&cursor=x")
		}
	}
	w := newWorld(f, db.SQLite)
	f.Fuzz(func(t *testing.T, route uint8, body []byte, query string) {
		method, path, _ := strings.Cut(fuzzed[int(route)%len(fuzzed)], " ")
		in := *w
		in.TB = t
		got := in.request(w.key, method, path, string(body))
		if got.status >= http.StatusInternalServerError {
			t.Errorf("%s %s %q: %d %s", method, path, body, got.status, got.raw)
		}
		for _, list := range []string{"/v1/customers", "/v1/subscriptions", "/v1/invoices", "/v1/events", "/v1/prices"} {
			got := in.send(w.key, "GET", list, "", func(r *http.Request) { r.URL.RawQuery = query })
			if got.status >= http.StatusInternalServerError {
				t.Errorf("GET %s?%q: %d %s", list, query, got.status, got.raw)
			}
		}
	})
}
