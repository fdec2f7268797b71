package api_test

import "testing"

func TestRecovery(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		policy := s.send("make", "POST", "/v1/recovery-policies", `{"name":"Patient","steps":[{"delay":12,"unit":"hour"},{"delay":2,"unit":"day","mail":true},{"delay":1,"unit":"week","mail":true}],"final":"keep_unpaid","access":"stop_at_first","remind_days":7}`).text("id")
		s.send("wrong", "POST", "/v1/recovery-policies", `{"name":"Endless","steps":[{"delay":60,"unit":"day"},{"delay":60,"unit":"day"},{"delay":72,"unit":"week"}]}`)
		s.send("change", "PATCH", "/v1/recovery-policies/"+policy, `{"smart":false,"final":"pause"}`)
		s.send("read", "GET", "/v1/recovery-policies/"+policy, "")
		s.send("dates", "GET", "/v1/recovery-policies/"+policy+"/plan?at=2026-03-06T10:00:00Z", "")
		s.send("dates of a lost card", "GET", "/v1/recovery-policies/"+policy+"/plan?at=2026-03-06T10:00:00Z&class=never", "")
		s.send("for the account", "PATCH", "/v1/account", `{"recovery_policy":"`+policy+`"}`)
		campaign := w.callAs(w.key, 201, "POST", "/v1/campaigns", `{"name":"Shop"}`).text("id")
		s.send("for a campaign", "PATCH", "/v1/campaigns/"+campaign, `{"recovery_policy":"`+policy+`"}`)
		s.send("for a product", "POST", "/v1/products", `{"name":"Tea","settings":{"recovery_policy":"`+policy+`"}}`)
		p := w.shop(w.key, "")
		w.unpaid(w.key, w.feeOfPause(w.key, ""), p.customer, 2)
		cases := s.send("cases", "GET", "/v1/recovery-cases?state=open", "").data()
		s.send("one", "GET", "/v1/recovery-cases/"+cases[0]["id"].(string), "")
		s.send("a link", "POST", "/v1/customers/"+p.customer+"/links", `{"purpose":"update_method"}`)
		s.send("a link to pay", "POST", "/v1/customers/"+p.customer+"/links", `{"purpose":"pay_invoice","invoice":"`+cases[1]["invoice"].(string)+`"}`)
		s.send("without an invoice", "POST", "/v1/customers/"+p.customer+"/links", `{"purpose":"confirm_payment"}`)
		w.callAs(w.key, 201, "POST", "/v1/customers/"+p.customer+"/payment-methods", `{"token":"tok_visa","for_subscriptions":true}`)
		s.send("recovered", "GET", "/v1/recovery-cases?customer="+p.customer, "")
		s.send("results", "GET", "/v1/recovery-results?by=means", "")
		s.send("results by campaign", "GET", "/v1/recovery-results?by=campaign", "")
		s.send("results by nothing", "GET", "/v1/recovery-results?by=weather", "")
		golden(w, "recovery.golden", s.b.String())
	})
}

func TestLinkIsShownOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		path := "/v1/customers/" + p.customer + "/links"
		first := w.request(w.key, "POST", path, `{"purpose":"update_method"}`, withKey("again"))
		second := w.request(w.key, "POST", path, `{"purpose":"update_method"}`, withKey("again"))
		if first.body["path"] == nil || second.body["path"] != nil || first.text("id") != second.text("id") {
			w.Errorf("first %s, then %s", first.raw, second.raw)
		}
	})
}
