package api_test

import (
	"fmt"
	"testing"
)

// Everything that the engine can do beyond plain sales is used once for real.

func TestTermsOfPrices(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		p := w.shop(w.key, "")
		box := s.send("a product with settings", "POST", "/v1/products", `{"name":"Box","settings":{"cancel":"period_end","pause":{"allowed":true,"longest":"3 months","fee":100,"every":"month"},"skips":2,"ends":["`+p.product+`"],"ships":true,"tax_kind":"goods","align":true}}`).text("id")
		s.send("settings that cannot be", "PATCH", "/v1/products/"+box, `{"settings":{"pause":{"allowed":false,"fee":5},"ends":["prd_0000000000001"]}}`)
		s.send("a product that is not there", "PATCH", "/v1/products/"+box, `{"settings":{"ends":["prd_0000000000001"]}}`)
		s.send("other settings", "PATCH", "/v1/products/"+box, `{"settings":{"skips":1}}`)
		meter := w.call(201, "POST", "/v1/meters", `{"code":"calls","name":"Calls"}`).text("id")
		s.send("a price with everything", "POST", "/v1/prices", `{"product":"`+p.product+`","amount":0,"currency":"USD","interval":"month","trial_days":14,"trial_amount":200,"trial_payments":2,"setup_fee":500,"setup_every":12,"anchor_day":1,"first_period":"full",
			"charge":{"model":"graduated","tiers":[{"up_to":"10","unit":"5"},{"unit":"4.5","flat":100}],"minimum":1000},"usage":[{"meter":"`+meter+`","included":"1000","overage":{"model":"package","unit":"2","block":100},"trial_included":"10"}],
			"currencies":{"EUR":{"amount":0,"setup_fee":450,"trial_amount":180,"charge":{"model":"flat","unit":"45"},"overage":[{"model":"per_unit","unit":"0.02"}]}},"convert":true,"payments":24,"next_price":"`+p.monthly+`"}`)
		s.send("what contradicts itself", "POST", "/v1/prices", `{"product":"`+p.product+`","amount":1,"currency":"USD","trial_days":3,"payments":3,"split":true,"anchor_day":31,"dates":["2026-02-30"],
			"charge":{"model":"volume","unit":"1"},"usage":[{"meter":"`+meter+`","overage":{"model":"flat","unit":"0.001"}}],"currencies":{"USD":{"amount":1}}}`)
		s.send("what cannot be read", "POST", "/v1/prices", `{"product":"`+p.product+`","amount":1,"currency":"USD","currencies":{"usd":{"amount":1}},"charge":{"model":"per_unit","unit":"1,5"},"prepaid":{"meter":"calls","units":""}}`)
		s.send("not a price of this place", "POST", "/v1/prices", `{"product":"`+p.product+`","amount":1,"currency":"USD","interval":"month","payments":2,"next_price":"prc_0000000000001"}`)
		s.send("in three parts on days", "POST", "/v1/prices", `{"product":"`+p.product+`","amount":100,"currency":"USD","dates":["2026-03-01","2026-04-01"]}`)
		s.send("a rate", "POST", "/v1/exchange-rates", `{"currency":"EUR","rate":"0.9214"}`)
		s.send("of the account's own currency", "POST", "/v1/exchange-rates", `{"currency":"USD","rate":"0"}`)
		s.send("rates", "GET", "/v1/exchange-rates", "")
		s.send("rates of before", "GET", "/v1/exchange-rates?at=2025-01-01T00:00:00Z", "")
		golden(w, "terms.golden", s.b.String())
	})
}

func TestQuotesAndCoupons(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		p := w.shop(w.key, "")
		coupon := s.send("make", "POST", "/v1/coupons", `{"code":"spring-25","name":"Spring","kind":"percent","percent":"25","applies_to":"all","cycles":3,"starts_on":"2026-01-01","ends_on":"2026-12-31","max_redemptions":10,"max_per_customer":1,"products":["`+p.product+`"],"stackable":true}`).text("id")
		s.send("taken", "POST", "/v1/coupons", `{"code":"SPRING-25","kind":"amount","amount":500,"currency":"USD","applies_to":"first"}`)
		s.send("what cannot be", "POST", "/v1/coupons", `{"code":"A B","kind":"percent","percent":"101","amount":5,"applies_to":"first","cycles":2,"ends_on":"31.12.2026"}`)
		s.send("by code", "GET", "/v1/coupons?code=Spring-25", "")
		s.send("quote", "POST", "/v1/quotes", `{"price":"`+p.monthly+`","quantity":2,"customer":"`+p.customer+`","coupons":["SPRING-25"],"anchor_day":15}`)
		s.send("quote with what is not there", "POST", "/v1/quotes", `{"price":"`+p.monthly+`","coupons":["NOTHING"]}`)
		sub := s.send("sell", "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`","coupons":["SPRING-25"],"unit_amount":1600,"note":"As agreed","fields":{"PO":"77"},"expected_amount":{"amount":1200,"currency":"USD"}}`).text("subscription")
		s.send("once each", "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.once+`","payment_method":"`+p.card+`","coupons":["SPRING-25"]}`)
		s.send("uses", "GET", "/v1/coupons/"+coupon+"/redemptions", "")
		w.call(201, "POST", "/v1/coupons", `{"code":"MORE","kind":"amount","amount":100,"currency":"USD","applies_to":"rebills","stackable":true}`)
		s.send("give another", "POST", "/v1/subscriptions/"+sub+"/coupons", `{"code":"more"}`)
		s.send("unknown", "POST", "/v1/subscriptions/"+sub+"/coupons", `{"code":"nothing"}`)
		s.send("take it off", "DELETE", "/v1/subscriptions/"+sub+"/coupons/"+coupon, "")
		s.send("not on it", "DELETE", "/v1/subscriptions/"+sub+"/coupons/"+coupon, "")
		s.send("archive", "PATCH", "/v1/coupons/"+coupon, `{"state":"archived","ends_on":"","max_redemptions":0}`)
		s.send("read", "GET", "/v1/coupons/"+coupon, "")
		golden(w, "coupons.golden", s.b.String())
	})
}

// What a preview shows is what the change charges.
func TestPreviewedChangeIsCharged(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		p := w.shop(w.key, "")
		w.call(200, "PATCH", "/v1/account", `{"tax_name":"VAT","tax_rate":"0.2","proration":"day"}`)
		dear := w.call(201, "POST", "/v1/prices", `{"product":"`+p.product+`","name":"Gold","amount":4999,"currency":"USD","interval":"month"}`).text("id")
		sub := w.call(201, "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`).text("subscription")
		w.call(200, "POST", "/v1/clock/advance", `{"by":"10 days"}`)
		path := "/v1/subscriptions/" + sub
		s.send("policies", "GET", "/v1/proration-policies", "")
		shown := s.send("preview", "POST", path+"/change-preview", `{"price":"`+dear+`","quantity":2}`)
		w.call(200, "POST", "/v1/clock/advance", `{"by":"day"}`)
		s.send("a day later it is too old", "POST", path+"/change", `{"price":"`+dear+`","quantity":2,"previewed_at":"`+shown.text("at")+`"}`)
		shown = w.call(200, "POST", path+"/change-preview", `{"price":"`+dear+`","quantity":2}`)
		due, _ := shown.body["due"].(map[string]any)
		w.clock.Set(w.clock.Now().Add(59 * 60e9)) // not yet an hour
		s.send("another amount was shown", "POST", path+"/change", `{"price":"`+dear+`","quantity":2,"expected_amount":{"amount":1,"currency":"USD"}}`)
		body := fmt.Sprintf(`{"price":"%s","quantity":2,"previewed_at":"%s","expected_amount":{"amount":%.0f,"currency":"USD"}}`, dear, shown.text("at"), due["amount"])
		done := s.send("as previewed", "POST", path+"/change", body, withKey("c"))
		if paid, _ := done.body["payment_data"].(map[string]any); fmt.Sprint(paid["amount"]) != fmt.Sprint(due) {
			w.Errorf("shown %v, charged %v", due, paid["amount"])
		}
		if got, want := fmt.Sprint(done.body["plan"]), fmt.Sprint(shown.body); got != want {
			w.Errorf("shown %s\ncarried out %s", want, got)
		}
		if again := w.call(200, "POST", path+"/change", body, withKey("c")); again.raw != done.raw {
			w.Errorf("repeated: %s", again.raw)
		}
		s.send("later", "POST", path+"/change", `{"price":"`+p.monthly+`","when":"period_end","proration":{"granularity":"thirty_days","down":"none"}}`)
		s.send("one at a time", "POST", path+"/change", `{"quantity":3}`)
		s.send("what comes", "GET", path+"/upcoming-invoice", "")
		s.send("after all not", "DELETE", path+"/change", "")
		s.send("nothing to undo", "DELETE", path+"/change", "")
		s.send("wrong", "POST", path+"/change", `{"price":"`+p.once+`","when":"date","previewed_at":"2026-02-01T00:00:00Z","proration":"weekly"}`)
		s.send("changes", "GET", path+"/changes", "")
		golden(w, "changes.golden", s.b.String())
	})
}

func TestBreaks(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		p := w.shop(w.key, "")
		sell := `{"customer":"` + p.customer + `","price":"` + p.monthly + `","payment_method":"` + p.card + `"}`
		path := "/v1/subscriptions/" + w.call(201, "POST", "/v1/orders", sell).text("subscription")
		s.send("not allowed", "POST", path+"/pause", `{"when":"now"}`)
		w.call(200, "PATCH", "/v1/products/"+p.product, `{"settings":{"pause":{"allowed":true,"periods":2},"skips":1}}`)
		s.send("too long", "POST", path+"/pause", `{"when":"now","periods":3}`)
		s.send("pause", "POST", path+"/pause", `{"when":"now","periods":1}`)
		s.send("paused already", "POST", path+"/skip", `{}`)
		s.send("nothing comes", "GET", "/v1/subscriptions?state=paused", "")
		s.send("go on", "POST", path+"/unpause", `{"collect":false}`)
		s.send("skip", "POST", path+"/skip", `{}`)
		s.send("no more", "POST", path+"/skip", `{}`)
		s.send("move", "POST", path+"/reschedule", `{"to":"2026-03-15T12:00:00Z","for_good":true}`)
		s.send("move where?", "POST", path+"/reschedule", `{"to":"1969-01-01T00:00:00Z","align_to":"sub_0000000000001"}`)
		other := w.call(201, "POST", "/v1/orders", sell).text("subscription")
		s.send("align", "POST", path+"/reschedule", `{"align_to":"`+other+`"}`)
		s.send("end at a date", "POST", path+"/cancel", `{"when":"date","at":"2026-03-10T00:00:00Z"}`)
		s.send("there is no last payment", "POST", path+"/cancel", `{"when":"last_payment"}`)
		s.send("end when?", "POST", path+"/cancel", `{"when":"period_end","at":"2026-03-10T00:00:00Z","bill_usage":true}`)
		w.call(200, "POST", path+"/cancel", `{"when":"now"}`)
		s.send("back again", "POST", path+"/reactivate", `{"next_charge":"2026-02-20T00:00:00Z"}`)
		s.send("it runs", "POST", path+"/reactivate", `{}`)
		s.send("an amount", "POST", path+"/items", `{"description":"Late fee","amount":250}`)
		item := s.send("another", "POST", path+"/items", `{"description":"Mistake","amount":1}`).text("id")
		s.send("take it back", "DELETE", "/v1/invoice-items/"+item, "")
		s.send("it is gone", "DELETE", "/v1/invoice-items/"+item, "")
		s.send("waiting", "GET", path+"/items", "")
		s.send("the next invoice", "GET", path+"/upcoming-invoice", "")
		golden(w, "breaks.golden", s.b.String())
	})
}

func TestCreditAndNotes(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		p := w.shop(w.key, "")
		w.call(200, "PATCH", "/v1/account", `{"tax_name":"VAT","tax_rate":"0.19"}`)
		path := "/v1/customers/" + p.customer + "/credit"
		s.send("give", "POST", path, `{"amount":300,"currency":"USD","note":"Sorry"}`)
		s.send("take too much", "POST", path, `{"amount":-301,"currency":"USD"}`)
		s.send("nothing", "POST", path, `{"amount":0,"currency":"USD"}`)
		inv := s.send("a sale uses it", "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.once+`","quantity":2,"payment_method":"`+p.card+`"}`).text("invoice")
		note := s.send("by line", "POST", "/v1/invoices/"+inv+"/credit-notes", `{"lines":[{"line":1,"amount":250}],"reason":"error","note":"One was cold"}`).text("id")
		s.send("more than is left", "POST", "/v1/invoices/"+inv+"/credit-notes", `{"amount":1000,"reason":"goodwill"}`)
		s.send("both", "POST", "/v1/invoices/"+inv+"/credit-notes", `{"amount":1,"lines":[{"line":1,"amount":1},{"line":1,"amount":1}],"reason":"goodwill"}`)
		s.send("read", "GET", "/v1/credit-notes/"+note, "")
		s.send("all", "GET", "/v1/credit-notes?customer="+p.customer, "")
		s.send("of the invoice", "GET", "/v1/invoices/"+inv+"/credit-notes", "")
		s.send("credit", "GET", path, "")

		w.call(201, "POST", "/v1/subscriptions", `{"buyer":{"email":"bob@example.com"},"price":"`+p.monthly+`","token":"tok_declineAfter_1"}`)
		w.call(200, "POST", "/v1/clock/advance", `{"by":"month"}`)
		open := w.call(200, "GET", "/v1/invoices?state=open", "").data()[0]["id"].(string)
		s.send("off what is owed", "POST", "/v1/invoices/"+open+"/credit-notes", `{"amount":100,"reason":"goodwill"}`)
		s.send("give up", "POST", "/v1/invoices/"+open+"/uncollectible", "")
		s.send("given up already", "POST", "/v1/invoices/"+open+"/uncollectible", "")
		s.send("those given up", "GET", "/v1/invoices?state=uncollectible", "")
		golden(w, "credit.golden", s.b.String())
	})
}

func TestTaxes(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		p := w.shop(w.key, "")
		profile := s.send("profile", "POST", "/v1/tax-profiles", `{"name":"Europe","kind":"eu_vat","seller_country":"DE","shipping_taxed":true,"rules":[{"name":"MwSt.","country":"DE","rate":"0.19","from":"2021-01-01T00:00:00Z"}]}`).text("id")
		s.send("rules that tie", "PATCH", "/v1/tax-profiles/"+profile, `{"rules":[{"name":"VAT","country":"DE","rate":"0.19"},{"name":"VAT","country":"de","rate":"7"}]}`)
		s.send("nowhere", "POST", "/v1/tax-profiles", `{"name":"Europe","kind":"eu_vat"}`)
		s.send("use it", "PATCH", "/v1/account", `{"tax_profile":"`+profile+`"}`)
		s.send("in use", "PATCH", "/v1/tax-profiles/"+profile, `{"state":"archived"}`)
		s.send("profiles", "GET", "/v1/tax-profiles", "")
		rule := s.send("shipping", "POST", "/v1/shipping-rules", `{"name":"Parcel","kind":"order_total","amount":490,"currency":"USD","least":1,"most":5000}`).text("id")
		s.send("what contradicts itself", "POST", "/v1/shipping-rules", `{"name":"Parcel","kind":"order_total","amount":1,"country":"DE","least":5,"most":1}`)
		s.send("dearer", "PATCH", "/v1/shipping-rules/"+rule, `{"amount":590}`)
		s.send("shipping rules", "GET", "/v1/shipping-rules", "")
		w.call(200, "PATCH", "/v1/products/"+p.product, `{"settings":{"ships":true,"tax_kind":"goods"}}`)
		c := s.send("a buyer", "POST", "/v1/customers", `{"email":"hans@example.com","company":"Hans GmbH","country":"NL","region":"NH","postal_code":"1011","ip_country":"NL","tax_id":"NL123456782B01","shipping":{"name":"Hans","address":"Dam 1","country":"NL"}}`).text("id")
		s.send("ask the register", "POST", "/v1/customers/"+c+"/tax-id-check", "")
		s.send("nobody's number", "POST", "/v1/customers/"+p.customer+"/tax-id-check", "")
		s.send("reverse charge", "POST", "/v1/quotes", `{"price":"`+p.once+`","customer":"`+c+`"}`)
		s.send("exempt, to the billing address", "PATCH", "/v1/customers/"+c, `{"tax_exempt":"embassy","shipping":{}}`)
		s.send("at home", "PATCH", "/v1/customers/"+p.customer, `{"country":"DE","ip_country":"DE"}`)
		s.send("with tax and shipping", "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.once+`","payment_method":"`+p.card+`"}`)
		s.send("read", "GET", "/v1/tax-profiles/"+profile, "")
		s.send("read", "GET", "/v1/shipping-rules/"+rule, "")
		golden(w, "taxes.golden", s.b.String())
	})
}
