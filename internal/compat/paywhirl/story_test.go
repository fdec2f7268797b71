package paywhirl_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"perennial/internal/api"
	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/outbox"
)

// own asks the product's own API, for what came of what was done on the wire.
func (w *world) own() func(path string) map[string]any {
	w.Helper()
	key, err := w.s.CreateAPIKey(w.Context(), commerce.CreateAPIKey{Call: w.call(), Name: "check"})
	w.ok(err)
	h := api.New(w.s, w.r, api.Options{Version: "test", Clock: w.clock, CheckAddress: func(string) error { return nil }, NewSecret: func(id.Account) (string, string) { return "", "" },
		SealHeaders: func(id.Account, map[string]string) ([]outbox.Header, error) { return nil, nil }})
	return func(path string) map[string]any {
		w.Helper()
		r := httptest.NewRequestWithContext(w.Context(), http.MethodGet, "/v1/"+path, nil)
		r.Header.Set("Authorization", "Bearer "+key.Secret)
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, r)
		var body map[string]any
		d := json.NewDecoder(recorder.Body)
		d.UseNumber()
		w.ok(d.Decode(&body))
		if recorder.Code != http.StatusOK {
			w.Fatalf("%s: %d %v", path, recorder.Code, body)
		}
		return body
	}
}

// list are the rows of a list of the own API, the newest first.
func list(body map[string]any) []map[string]any {
	rows, _ := body["data"].([]any)
	var out []map[string]any
	for _, v := range rows {
		m, _ := v.(map[string]any)
		out = append(out, m)
	}
	return out
}

// amount is an amount of the own API in minor units, whether it stands alone or with a currency.
func amount(v any) string {
	if m, ok := v.(map[string]any); ok {
		v = m["amount"]
	}
	return fmt.Sprint(v)
}

// A business does everything on the wire, from its first plan to the last refund, and the own
// API tells the same story.
func TestWholeLife(t *testing.T) {
	onBoth(t, func(w *world) {
		own := w.own()
		same := func(what string, got, want any) {
			w.Helper()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				w.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		plan := w.send(ruby, "POST", "/create/plan", pair{"name", "Box"}, pair{"billing_amount", "20.00"}, pair{"billing_interval", 1}, pair{"billing_frequency", "month"}, pair{"currency", "USD"}, pair{"setup_fee", "5"}).id()
		of := w.send(php, "POST", "/create/customer", person("ada")...).id()
		card := w.send(node, "POST", "/create/card", pair{"customer_id", of}, pair{"number", good}, pair{"exp_month", 4}, pair{"exp_year", 2030}, pair{"cvc", "123"}).id()
		place := w.send(python, "POST", "/customer/address", pair{"customer_id", of}, pair{"first_name", "Bo"}, pair{"last_name", "Li"}, pair{"address", "2 Side St"}, pair{"city", "Springfield"}, pair{"state", "IL"}, pair{"zip", "62704"}, pair{"country", "US"}).id()
		w.send(php, "PATCH", fmt.Sprintf("/customer/address/%d", place), pair{"city", "Shelbyville"})
		promo := w.send(php, "POST", "/create/promo", pair{"code", "TEN"}, pair{"percent_off", 10}, pair{"duration", "repeating"}, pair{"duration_uses", 2}).id()
		sub := w.send(php, "POST", "/subscribe/customer", pair{"customer_id", of}, pair{"plan_id", plan}, pair{"promo_id", promo}).id()

		buyer := list(own("customers"))[0]
		same("the buyer", buyer["email"], "ada@example.com")
		same("their address", list(own("customers/" + buyer["id"].(string) + "/addresses"))[0]["city"], "Shelbyville")
		bought := list(own("subscriptions"))[0]
		same("the subscription", bought["state"], "active")
		same("the first invoice", amount(list(own("invoices"))[0]["total"]), 2250) // 20 and 5, less a tenth

		w.advance(32 * day)
		same("the second invoice", amount(list(own("invoices"))[0]["total"]), 1800)
		w.send(python, "POST", "/update/subscription", pair{"subscription_id", sub}, pair{"plan_id", plan}, pair{"quantity", 3}, pair{"address_id", place}, pair{"card_id", card})
		w.send(php, "POST", "/update/plan", pair{"id", plan}, pair{"billing_amount", 99}) // not for who has it
		next := w.send(ruby, "GET", fmt.Sprintf("/invoices/%d", of), pair{"all", nil}).rows()[0]
		same("what is to come", next["amount_due"], "60.00")
		w.advance(31 * day)
		same("the third invoice", amount(list(own("invoices"))[0]["total"]), 6000)
		paid := w.send(php, "GET", fmt.Sprintf("/invoice/%s", next["id"]))
		same("it came true under its number", paid.field("status"), "paid")
		same("and was due", paid.field("amount_due"), "60.00")

		w.send(node, "POST", fmt.Sprintf("/refund/charge/%s", paid.field("charge_id")), pair{"refund_amount", "15.50"})
		same("the refund", amount(list(own("refunds"))[0]["amount"]), 1550)
		w.send(php, "POST", "/create/charge", pair{"customer_id", of}, pair{"card_id", card}, pair{"amount", "3.10"}, pair{"description", "Wrap"})
		same("the charge", amount(list(own("payments"))[0]["amount"]), 310)
		poor := w.send(php, "POST", "/create/card", pair{"customer_id", of}, pair{"token", "tok_chargeDeclined"}).id()
		refused := w.do(w.request(php, "POST", "/create/charge", pair{"customer_id", of}, pair{"card_id", poor}, pair{"amount", 1}))
		if said, _ := refused.field("error").(string); refused.status != http.StatusPaymentRequired || !strings.Contains(said, "declined") {
			t.Errorf("a declined card: %d %s", refused.status, refused.raw)
		}
		w.send(php, "POST", "/unsubscribe/customer", pair{"subscription_id", sub})
		same("it has ended", own("subscriptions/" + bought["id"].(string))["state"], "canceled")
		w.send(php, "DELETE", fmt.Sprintf("/customer/address/%d", place))
		same("no further address is left", len(list(own("customers/"+buyer["id"].(string)+"/addresses"))), 0)
		w.advance(60 * day)
		same("nothing more is owed", len(list(own("invoices"))), 5) // three periods, a charge, and one that was declined
		w.balanced()
	})
}
