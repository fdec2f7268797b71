package api_test

import (
	"strings"
	"testing"
)

func TestGateways(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		p := w.shop(w.key, "")
		made := s.send("add", "POST", "/v1/gateways", `{"kind":"sandbox","name":"Outside","secret_key":"sk_canary","webhook_secret":"whsec_canary","publishable_key":"pk_shown"}`).text("id")
		s.send("of no kind", "POST", "/v1/gateways", `{"kind":"nothing","name":" "}`)
		bank := s.send("by hand", "POST", "/v1/gateways", `{"kind":"manual","name":"Bank","default":true,"instructions":"Pay to DE00 0000."}`).text("id")
		s.send("change", "PATCH", "/v1/gateways/"+made, `{"name":"Theirs","state":"disabled"}`)
		s.send("a disabled default", "PATCH", "/v1/gateways/"+made, `{"default":true}`)
		s.send("rotate", "POST", "/v1/gateways/"+made+"/rotate-secret", `{"webhook_secret":"whsec_canary_2"}`)
		s.send("drop the old one", "POST", "/v1/gateways/"+made+"/rotate-secret", `{}`)
		s.send("nothing to drop", "POST", "/v1/gateways/"+made+"/rotate-secret", `{}`)
		s.send("list", "GET", "/v1/gateways", "")
		s.send("one", "GET", "/v1/gateways/"+bank, "")
		campaign := w.callAs(w.key, 201, "POST", "/v1/campaigns", `{"name":"Shop"}`).text("id")
		s.send("for a campaign", "PATCH", "/v1/campaigns/"+campaign, `{"gateway":"`+bank+`"}`)
		s.send("a disabled one", "PATCH", "/v1/campaigns/"+campaign, `{"gateway":"`+made+`"}`)

		sold := s.send("sell by bank transfer", "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","token":"bank_transfer"}`)
		w.written(w.key)
		s.send("the mail that says how to pay", "GET", "/v1/mails?limit=1", "")
		payment := sold.body["payment_data"].(map[string]any)["id"].(string)
		s.send("without a reference", "POST", "/v1/payments/"+payment+"/mark", `{"paid":true}`)
		s.send("it arrived", "POST", "/v1/payments/"+payment+"/mark", `{"paid":true,"reference":"statement 7"}`)
		s.send("again", "POST", "/v1/payments/"+payment+"/mark", `{"paid":false}`)
		card := w.callAs(w.key, 201, "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`)
		s.send("one of a card", "POST", "/v1/payments/"+card.body["payment_data"].(map[string]any)["id"].(string)+"/ask", "")
		s.send("for people", "GET", "/v1/payments?waits_for=person", "")
		s.send("notices", "GET", "/v1/gateway-notices", "")
		s.send("disputes", "GET", "/v1/disputes", "")
		s.send("compare", "POST", "/v1/reconcile", `{}`)
		if strings.Contains(s.b.String(), "canary\"") && strings.Count(s.b.String(), "canary") > 4 {
			t.Error("a secret is told")
		}
		golden(w, "gateways.golden", s.b.String())
	})
}
