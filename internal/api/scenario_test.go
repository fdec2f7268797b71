package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
)

// Each resource is used as a client would, its refusals too; the whole answers are
// compared with golden files, which are the same on both engines.

func TestAccount(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		s.send("read", "GET", "/v1/account", "")
		s.send("change", "PATCH", "/v1/account", `{"name":"Acme Tea","zone":"Europe/Berlin","currency":"EUR","legal_name":"Acme Tea GmbH","address":"Hafen 1\n20095 Hamburg","country":"DE","tax_name":"VAT","tax_rate":"0.19"}`)
		s.send("every wrong field is named", "PATCH", "/v1/account", `{"name":" ","zone":"Mars/Base","email":"nobody","country":"de","tax_rate":"1"}`)
		s.send("unknown currency", "PATCH", "/v1/account", `{"currency":"XXX"}`)
		s.send("what is not offered cannot be set", "PATCH", "/v1/account", `{"mode":"live","id":"acc_1","clock_offset":5}`)
		made := s.send("another key", "POST", "/v1/api-keys", `{"name":"shop"}`, withKey("k1"))
		s.send("repeated, the secret is not told again", "POST", "/v1/api-keys", `{"name":"shop"}`, withKey("k1"))
		s.send("keys", "GET", "/v1/api-keys", "")
		secret := made.text("secret")
		w.callAs(secret, 200, "GET", "/v1/account", "")
		s.send("revoke", "POST", "/v1/api-keys/"+made.text("id")+"/revoke", "")
		s.send("revoked already", "POST", "/v1/api-keys/"+made.text("id")+"/revoke", "")
		w.callAs(secret, 401, "GET", "/v1/account", "")
		s.send("nothing here", "GET", "/v1/nothing", "")
		s.send("wrong method", "POST", "/v1/account", "{}")
		golden(w, "account.golden", s.b.String())
	})
}

func TestCatalog(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		campaign := s.send("campaign", "POST", "/v1/campaigns", `{"name":"Spring"}`).text("id")
		s.send("change it", "PATCH", "/v1/campaigns/"+campaign, `{"name":"Summer"}`)
		s.send("read it", "GET", "/v1/campaigns/"+campaign, "")
		s.send("all", "GET", "/v1/campaigns", "")
		product := s.send("product", "POST", "/v1/products", `{"campaign":"`+campaign+`","name":"Tea","description":"Leaves"}`).text("id")
		s.send("of an unknown campaign", "POST", "/v1/products", `{"campaign":"cam_0000000000001","name":"Tea"}`)
		s.send("change it", "PATCH", "/v1/products/"+product, `{"description":"Green leaves"}`)
		s.send("all", "GET", "/v1/products?limit=1", "")
		price := s.send("price", "POST", "/v1/prices", `{"product":"`+product+`","name":"Quarterly","amount":5997,"currency":"EUR","interval":"3 months","trial_days":14,"setup_fee":500,"max_quantity":10}`).text("id")
		s.send("once", "POST", "/v1/prices", `{"product":"`+product+`","amount":10000000000000,"currency":"JPY"}`)
		s.send("wrong", "POST", "/v1/prices", `{"product":"prd_x","amount":5,"currency":"ABC","interval":"fortnight"}`)
		s.send("too much", "POST", "/v1/prices", `{"product":"`+product+`","amount":10000000000001,"currency":"EUR"}`)
		s.send("terms stay", "PATCH", "/v1/prices/"+price, `{"amount":1}`)
		s.send("archive", "PATCH", "/v1/prices/"+price, `{"state":"archived"}`)
		s.send("read it", "GET", "/v1/prices/"+price, "")
		s.send("of the product", "GET", "/v1/prices?product="+product, "")
		s.send("product with its prices", "GET", "/v1/products/"+product, "")
		s.send("unknown", "GET", "/v1/products/prd_0000000000001", "")
		s.send("never an id", "GET", "/v1/products/1", "")
		golden(w, "catalog.golden", s.b.String())
	})
}

func TestCustomers(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		c := s.send("make", "POST", "/v1/customers", `{"email":"Ada@Example.com","name":"Ada","company":"Engines","address":"1 Row\nLondon","country":"GB","tax_id":"GB123","language":"en-GB","metadata":{"crm":"77","a":"b"}}`).text("id")
		s.send("address taken", "POST", "/v1/customers", `{"email":"ada@example.com"}`)
		s.send("nobody", "POST", "/v1/customers", `{}`)
		s.send("read", "GET", "/v1/customers/"+c, "")
		s.send("change", "PATCH", "/v1/customers/"+c, `{"name":"Ada L.","metadata":{}}`)
		s.send("wrong", "PATCH", "/v1/customers/"+c, `{"email":"x","country":"uk","language":"!"}`)
		s.send("by address", "GET", "/v1/customers?email=ADA", "")
		s.send("none by address", "GET", "/v1/customers?email=bob", "")
		card := s.send("attach", "POST", "/v1/customers/"+c+"/payment-methods", `{"token":"tok_visa"}`).text("id")
		s.send("refused token", "POST", "/v1/customers/"+c+"/payment-methods", `{"token":"tok_unknown"}`)
		s.send("card number", "POST", "/v1/customers/"+c+"/payment-methods", `{"token":"4242 4242 4242 4242"}`)
		s.send("methods", "GET", "/v1/customers/"+c+"/payment-methods", "")
		s.send("one", "GET", "/v1/payment-methods/"+card, "")
		s.send("detach", "POST", "/v1/payment-methods/"+card+"/detach", "")
		golden(w, "customers.golden", s.b.String())
	})
}

func TestPeople(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		s := newTranscript(w)
		c := s.send("with all that is known", "POST", "/v1/customers", `{"email":"eva@example.com","first_name":"Eva Maria","last_name":"Novak","phone":"+420 601 000 000","address":"Dlouha 1","city":"Praha","country":"CZ","source":{"source":"newsletter","medium":"email"}}`).text("id")
		s.send("named twice", "POST", "/v1/customers", `{"name":"Eva","last_name":"Novak"}`)
		s.send("another last name, and no source any more", "PATCH", "/v1/customers/"+c, `{"last_name":"Dvorak","source":{}}`)
		s.send("named as a whole", "PATCH", "/v1/customers/"+c, `{"name":"Eva Dvorak"}`)
		s.send("named twice", "PATCH", "/v1/customers/"+c, `{"name":"Eva","first_name":""}`)

		s.send("a password", "POST", "/v1/customers/"+c+"/password", `{"password":"correct horse"}`)
		s.send("too costly a hash", "POST", "/v1/customers/"+c+"/password", `{"password":"$2b$14$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvabcdefghi"}`)
		w.keptNoDigest(c)

		home := s.send("a further address", "POST", "/v1/customers/"+c+"/addresses", `{"first_name":"Jan","address":"Kratka 2","city":"Brno","country":"CZ","metadata":"ring twice"}`).text("id")
		s.send("change it", "PATCH", "/v1/addresses/"+home, `{"postal_code":"602 00","metadata":""}`)
		s.send("no country", "PATCH", "/v1/addresses/"+home, `{"country":"cz"}`)
		s.send("read it", "GET", "/v1/addresses/"+home, "")

		size := s.send("ask", "POST", "/v1/questions", `{"name":"size","label":"Your size","kind":"choice","options":["S","M"],"position":2}`).text("id")
		s.send("name taken", "POST", "/v1/questions", `{"name":"size","label":"Your size","kind":"text"}`)
		s.send("of no use", "POST", "/v1/questions", `{"name":"Size","label":"Size","kind":"text","options":["S"]}`)
		day := s.send("ask first", "POST", "/v1/questions", `{"name":"birthday","label":"Your birthday","kind":"date","required":true,"position":1}`).text("id")
		s.send("one more size", "PATCH", "/v1/questions/"+size, `{"options":["S","M","L"]}`)
		s.send("answer", "POST", "/v1/customers/"+c+"/answers", `{"question":"`+size+`","answer":"L"}`)
		s.send("for the other address", "POST", "/v1/addresses/"+home+"/answers", `{"question":"`+size+`","answer":"S"}`)
		s.send("not a day", "POST", "/v1/customers/"+c+"/answers", `{"question":"`+day+`","answer":"tomorrow"}`)
		s.send("a required one is not taken back", "POST", "/v1/customers/"+c+"/answers", `{"question":"`+day+`"}`)
		s.send("answers", "GET", "/v1/customers/"+c+"/answers", "")
		s.send("answers of the address", "GET", "/v1/addresses/"+home+"/answers", "")
		s.send("take back", "POST", "/v1/customers/"+c+"/answers", `{"question":"`+size+`"}`)
		s.send("ask no more", "PATCH", "/v1/questions/"+size, `{"state":"archived"}`)
		s.send("too late", "POST", "/v1/customers/"+c+"/answers", `{"question":"`+size+`","answer":"L"}`)
		s.send("questions", "GET", "/v1/questions", "")
		s.send("one", "GET", "/v1/questions/"+day, "")

		s.send("take the address away", "DELETE", "/v1/addresses/"+home, "")
		s.send("once is enough", "DELETE", "/v1/addresses/"+home, "")
		s.send("it stays as it was", "PATCH", "/v1/addresses/"+home, `{"city":"Ostrava"}`)
		s.send("nor is it answered for", "POST", "/v1/addresses/"+home+"/answers", `{"question":"`+day+`","answer":"2026-01-31"}`)
		s.send("none left", "GET", "/v1/customers/"+c+"/addresses", "")

		w.call(201, "POST", "/v1/customers/"+c+"/addresses", `{"first_name":"Jan"}`)
		sub := w.call(201, "POST", "/v1/subscriptions", `{"customer":"`+c+`","price":"`+p.monthly+`","token":"tok_visa"}`).text("id")
		s.send("delete", "DELETE", "/v1/customers/"+c, "")
		s.send("their subscription ended", "GET", "/v1/subscriptions/"+sub, "")
		s.send("they stay as they were", "PATCH", "/v1/customers/"+c, `{"phone":"1"}`)
		s.send("forget", "DELETE", "/v1/customers/"+c+"?forget=true", "")
		s.send("all of it", "GET", "/v1/customers/"+c+"/addresses", "")
		s.send("also what was taken away before", "GET", "/v1/addresses/"+home, "")
		s.send("forget what?", "DELETE", "/v1/customers/"+c+"?forget=perhaps", "")
		s.send("they are in no list", "GET", "/v1/customers?email=eva", "")
		golden(w, "people.golden", s.b.String())
	})
}

// keptNoDigest proves that of a password not even a digest of its request is kept, with
// which it could be guessed.
func (w *world) keptNoDigest(customer string) {
	w.Helper()
	before := w.rows()["idempotency_key"]
	for range 2 {
		got := w.call(200, "POST", "/v1/customers/"+customer+"/password", `{"password":"correct horse"}`, withKey("a password"))
		if got.header.Get("Idempotency-Replayed") != "" {
			w.Error("the answer was kept")
		}
	}
	if after := w.rows()["idempotency_key"]; after != before {
		w.Errorf("%d idempotency keys, before %d", after, before)
	}
}

func TestReplacedPrice(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		s := newTranscript(w)
		sub := w.call(201, "POST", "/v1/subscriptions", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`).text("id")
		next := s.send("dearer", "POST", "/v1/prices/"+p.monthly+"/replace", `{"amount":2499,"currency":"USD"}`).text("id")
		if got := w.call(200, "GET", "/v1/subscriptions/"+sub, "").text("price"); got != p.monthly || next == p.monthly {
			w.Errorf("the subscription is at %s", got)
		}
		s.send("the old one", "GET", "/v1/prices/"+p.monthly, "")
		s.send("named by the old one, its name only", "POST", "/v1/prices/"+p.monthly+"/replace", `{"name":"Each month"}`)
		s.send("in twelve parts", "POST", "/v1/prices/"+next+"/replace", `{"terms":{"payments":12}}`)
		s.send("wrong", "POST", "/v1/prices/"+next+"/replace", `{"amount":5,"interval":"fortnight","terms":{"next_price":"prc_0000000000001"}}`)
		s.send("wrong terms", "POST", "/v1/prices/"+next+"/replace", `{"trial_days":0,"terms":{"trial_amount":5}}`)
		s.send("no such currency", "POST", "/v1/prices/"+next+"/replace", `{"amount":5,"currency":"XXX"}`)
		s.send("unknown", "POST", "/v1/prices/prc_0000000000001/replace", `{}`)
		w.call(201, "POST", "/v1/products", `{"name":"Pot"}`)
		s.send("a product with a number and a picture", "POST", "/v1/products", `{"name":"Cup","sku":"C-1","image":"https://shop.example/cup.jpg","metadata":"{\"shelf\":7}"}`)
		s.send("a picture that is none", "POST", "/v1/products", `{"name":"Cup","image":"http://shop.example/cup.jpg"}`)
		golden(w, "replaced.golden", s.b.String())
	})
}

func TestDoorKeys(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		made := s.send("new ones", "POST", "/v1/door-keys", `{"dialect":"paywhirl","name":"the old shop"}`, withKey("k1"))
		s.send("repeated, nothing is told again", "POST", "/v1/door-keys", `{"dialect":"paywhirl","name":"the old shop"}`, withKey("k1"))
		s.send("those that the clients hold", "POST", "/v1/door-keys", `{"dialect":"paywhirl","name":"brought along","key":"pwpk_0123456789abcdefghij","secret":"pwpsk_0123456789abcdefghij"}`)
		s.send("in use", "POST", "/v1/door-keys", `{"dialect":"paywhirl","name":"again","key":"pwpk_0123456789abcdefghij"}`)
		s.send("wrong", "POST", "/v1/door-keys", `{"dialect":"profitwell","name":"x","key":"with a blank in the middle","secret":"pwpsk_0123456789abcdefghij"}`)
		s.send("no such system", "POST", "/v1/door-keys", `{"dialect":"own","name":"x"}`)
		open := func(key, secret string) bool {
			_, acc, err := w.s.OpenDoor(w.Context(), account.PayWhirl, key, secret)
			return err == nil && acc.ID == w.acc.ID
		}
		if key := made.text("key"); !open(key, made.text("secret")) || open(key, "pwpsk_0123456789abcdefghij") || !open("pwpk_0123456789abcdefghij", "pwpsk_0123456789abcdefghij") {
			w.Error("the keys do not open what they should, or more")
		}
		widget := s.send("a widget", "POST", "/v1/widgets", `{"name":"Plans","code":"7d2a1b9e-3c44-4f5b-9d0e-1a2b3c4d5e6f","sites":["https://Example.com/"]}`).text("id")
		s.send("its code is taken", "POST", "/v1/widgets", `{"name":"Plans","code":"7d2a1b9e-3c44-4f5b-9d0e-1a2b3c4d5e6f"}`)
		s.send("no origin", "POST", "/v1/widgets", `{"name":"Plans","sites":["https://example.com/shop","http://example.com","https://*.example.com"]}`)
		s.send("no plan", "POST", "/v1/widgets", `{"name":"Plans","plans":["prc_0000000000001"]}`)
		s.send("widgets", "GET", "/v1/widgets", "")
		s.send("remove it", "POST", "/v1/widgets/"+widget+"/remove", "")
		s.send("list", "GET", "/v1/door-keys", "")
		s.send("revoke", "POST", "/v1/door-keys/"+made.text("id")+"/revoke", "")
		s.send("revoked already", "POST", "/v1/door-keys/"+made.text("id")+"/revoke", "")
		if open(made.text("key"), made.text("secret")) {
			w.Error("a revoked key still opens")
		}
		golden(w, "doorkeys.golden", s.b.String())
	})
}

func TestSales(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		s := newTranscript(w)
		order := s.send("sell", "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","quantity":2,"payment_method":"`+p.card+`","expected_amount":{"amount":3998,"currency":"USD"}}`)
		s.send("read", "GET", "/v1/orders/"+order.text("id"), "")
		s.send("new buyer, one-time", "POST", "/v1/orders", `{"buyer":{"email":"bob@example.com","name":"Bob"},"price":"`+p.once+`","token":"tok_mastercard"}`)
		s.send("declined", "POST", "/v1/orders", `{"buyer":{"email":"eve@example.com"},"price":"`+p.once+`","token":"tok_chargeDeclinedInsufficientFunds"}`)
		s.send("no answer from the bank", "POST", "/v1/orders", `{"buyer":{"email":"kim@example.com"},"price":"`+p.once+`","token":"tok_timeout_charged"}`)
		s.send("the same for a subscription", "POST", "/v1/subscriptions", `{"buyer":{"email":"lee@example.com"},"price":"`+p.monthly+`","token":"tok_timeout_charged"}`)
		s.send("price changed", "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.once+`","payment_method":"`+p.card+`","expected_amount":{"amount":499,"currency":"USD"}}`)
		s.send("wrong", "POST", "/v1/orders", `{"price":"`+p.once+`","customer":"`+p.customer+`","buyer":{"email":"?"},"token":"a","payment_method":"pm_b","quantity":1}`)
		s.send("unknown things", "POST", "/v1/orders", `{"customer":"cus_0000000000001","price":"prc_0000000000001","payment_method":"pm_0000000000001"}`)
		s.send("nothing to pay with", "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.once+`"}`)
		s.send("orders of one", "GET", "/v1/orders?customer="+p.customer, "")
		golden(w, "sales.golden", s.b.String())
	})
}

func TestByHand(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		s := newTranscript(w)
		items := `"items":[{"description":"Repair","amount":700},{"description":"Filter","quantity":2,"amount":250}]`
		charged := s.send("charge", "POST", "/v1/charges", `{"customer":"`+p.customer+`","currency":"USD",`+items+`,"note":"Thank you"}`, withKey("c1"))
		s.send("repeated", "POST", "/v1/charges", `{"customer":"`+p.customer+`","currency":"USD",`+items+`,"note":"Thank you"}`, withKey("c1"))
		s.send("its lines and its payment", "GET", "/v1/invoices/"+charged.text("id"), "")
		poor := w.call(201, "POST", "/v1/customers/"+p.customer+"/payment-methods", `{"token":"tok_chargeDeclined"}`).text("id")
		slow := w.call(201, "POST", "/v1/customers/"+p.customer+"/payment-methods", `{"token":"tok_timeout_charged"}`).text("id")
		s.send("declined", "POST", "/v1/charges", `{"customer":"`+p.customer+`","payment_method":"`+poor+`",`+items+`}`)
		s.send("no answer", "POST", "/v1/charges", `{"customer":"`+p.customer+`","payment_method":"`+slow+`",`+items+`}`)
		s.send("wrong", "POST", "/v1/charges", `{"customer":"cus_0000000000001","currency":"ABC","items":[]}`)
		bill := s.send("invoice", "POST", "/v1/invoices", `{"customer":"`+p.customer+`","currency":"USD","payment_method":"`+poor+`",`+items+`}`).text("id")
		s.send("charged", "POST", "/v1/invoices/"+bill+"/pay", `{}`)
		s.send("with another method", "PATCH", "/v1/invoices/"+bill, `{"payment_method":"`+p.card+`"}`)
		s.send("marked as paid", "POST", "/v1/invoices/"+bill+"/mark-paid", `{"reference":"cheque 12"}`)
		s.send("paid already", "POST", "/v1/invoices/"+bill+"/mark-paid", `{}`)
		sold := w.call(201, "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`)
		sub := sold.text("subscription")
		w.call(200, "POST", "/v1/clock/advance", `{"by":"week"}`)
		s.send("the method of a subscription's invoice", "PATCH", "/v1/invoices/"+sold.text("invoice"), `{"payment_method":"`+p.card+`"}`)
		s.send("the next period at once", "POST", "/v1/subscriptions/"+sub+"/bill-now", `{"period":1}`)
		s.send("again", "POST", "/v1/subscriptions/"+sub+"/bill-now", `{"period":1}`)
		w.call(200, "POST", "/v1/clock/advance", `{"by":"week"}`)
		s.send("paid in another way", "POST", "/v1/subscriptions/"+sub+"/bill-now", `{"paid":true,"reference":"cash"}`)
		s.send("given back in another way", "POST", "/v1/refunds", `{"payment":"`+sold.body["payment_data"].(map[string]any)["id"].(string)+`","amount":99,"reason":"in cash","recorded":true}`)
		s.send("two payments left", "PATCH", "/v1/subscriptions/"+sub, `{"payments_left":2}`)
		s.send("an unknown address", "PATCH", "/v1/subscriptions/"+sub, `{"address":"adr_0000000000001"}`)
		s.send("other terms from the next period on", "POST", "/v1/subscriptions/"+sub+"/change", `{"quantity":3,"keep_period":true,"proration":"none"}`)
		s.send("a trial up to an instant", "POST", "/v1/subscriptions", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`","trial_end":"2026-03-20T12:00:00Z"}`)
		golden(w, "byhand.golden", s.b.String())
	})
}

func TestSubscriptions(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		s := newTranscript(w)
		sub := s.send("sell", "POST", "/v1/subscriptions", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`).text("id")
		s.send("not recurring", "POST", "/v1/subscriptions", `{"customer":"`+p.customer+`","price":"`+p.once+`","payment_method":"`+p.card+`"}`)
		s.send("with everything", "GET", "/v1/subscriptions/"+sub+"?expand=customer,product,price,latest_invoice,payment_method", "")
		s.send("expand what is not there", "GET", "/v1/subscriptions/"+sub+"?expand=secrets", "")
		s.send("filter", "GET", "/v1/subscriptions?customer="+p.customer+"&state=active&expand=customer", "")
		s.send("none", "GET", "/v1/subscriptions?state=canceled", "")
		s.send("wrong filter", "GET", "/v1/subscriptions?state=asleep&custommer=x", "")
		other := w.call(201, "POST", "/v1/customers/"+p.customer+"/payment-methods", `{"token":"tok_mastercard"}`).text("id")
		s.send("another card", "PATCH", "/v1/subscriptions/"+sub, `{"payment_method":"`+other+`"}`)
		s.send("an unknown card", "PATCH", "/v1/subscriptions/"+sub, `{"payment_method":"pm_0000000000001"}`)
		s.send("end later", "POST", "/v1/subscriptions/"+sub+"/cancel", `{"when":"period_end","reason":"too much tea"}`)
		s.send("after all not", "POST", "/v1/subscriptions/"+sub+"/undo-cancel", "")
		s.send("nothing to take back", "POST", "/v1/subscriptions/"+sub+"/undo-cancel", "")
		s.send("end when?", "POST", "/v1/subscriptions/"+sub+"/cancel", `{"when":"soon"}`)
		s.send("end", "POST", "/v1/subscriptions/"+sub+"/cancel", `{"when":"now"}`)
		s.send("ended", "POST", "/v1/subscriptions/"+sub+"/cancel", `{"when":"now"}`)
		s.send("ended", "PATCH", "/v1/subscriptions/"+sub, `{"payment_method":"`+p.card+`"}`)
		golden(w, "subscriptions.golden", s.b.String())
	})
}

func TestInvoicesAndMoney(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		w.call(200, "PATCH", "/v1/account", `{"tax_name":"VAT","tax_rate":"0.19"}`)
		s := newTranscript(w)
		sale := w.call(201, "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.once+`","quantity":3,"payment_method":"`+p.card+`"}`)
		inv := sale.text("invoice")
		s.send("invoice", "GET", "/v1/invoices/"+inv, "")
		if got := w.call(200, "GET", "/v1/invoices/"+inv+"/pdf", ""); !strings.HasPrefix(got.raw, "%PDF-") || got.header.Get("Content-Type") != "application/pdf" {
			w.Errorf("the paper is no PDF: %.20q", got.raw)
		}
		pay := w.call(200, "GET", "/v1/payments", "").data()[0]["id"].(string)
		s.send("payment", "GET", "/v1/payments/"+pay, "")
		ref := s.send("refund a part", "POST", "/v1/refunds", `{"payment":"`+pay+`","amount":85,"reason":"cold"}`).text("id")
		note := w.call(200, "GET", "/v1/credit-notes", "").data()[0]["id"].(string)
		if got := w.call(200, "GET", "/v1/credit-notes/"+note+"/pdf", ""); !strings.HasPrefix(got.raw, "%PDF-") || got.header.Get("Content-Type") != "application/pdf" {
			w.Errorf("the paper is no PDF: %.20q", got.raw)
		}
		s.send("too much", "POST", "/v1/refunds", `{"payment":"`+pay+`","amount":1701}`)
		s.send("nothing", "POST", "/v1/refunds", `{"payment":"`+pay+`","amount":0}`)
		s.send("less than nothing", "POST", "/v1/refunds", `{"payment":"`+pay+`","amount":-1}`)
		s.send("unknown payment", "POST", "/v1/refunds", `{"payment":"pay_0000000000001"}`)
		s.send("the rest", "POST", "/v1/refunds", `{"payment":"`+pay+`"}`)
		s.send("refund", "GET", "/v1/refunds/"+ref, "")
		s.send("refunds", "GET", "/v1/refunds?limit=1", "")
		s.send("paid cannot be voided", "POST", "/v1/invoices/"+inv+"/void", "")
		s.send("paid cannot be paid", "POST", "/v1/invoices/"+inv+"/pay", "{}")

		w.call(201, "POST", "/v1/subscriptions", `{"buyer":{"email":"bob@example.com"},"price":"`+p.monthly+`","token":"tok_declineAfter_1"}`)
		s.send("a month later", "POST", "/v1/clock/advance", `{"by":"month"}`)
		open := w.call(200, "GET", "/v1/invoices?state=open", "").data()[0]["id"].(string)
		s.send("still declined", "POST", "/v1/invoices/"+open+"/pay", "{}")
		s.send("void", "POST", "/v1/invoices/"+open+"/void", "")
		s.send("void already", "POST", "/v1/invoices/"+open+"/void", "")
		s.send("lists", "GET", "/v1/invoices?customer="+p.customer+"&state=paid&limit=1", "")
		golden(w, "invoices.golden", s.b.String())
	})
}

// What a charge says of one piece is the amount of a price; without a charge it is given.
func TestPriceOfACharge(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		body := `{"product":"` + p.product + `","currency":"USD","interval":"month"`
		made := w.call(201, "POST", "/v1/prices", body+`,"charge":{"model":"graduated","tiers":[{"up_to":"10","unit":"2.5"},{"unit":"1"}]}}`)
		if each := made.body["amount"].(map[string]any)["amount"]; each != 250.0 {
			w.Errorf("one piece costs %v", each)
		}
		if got := w.call(422, "POST", "/v1/prices", body+"}"); !strings.Contains(got.raw, `"body.amount"`) {
			w.Errorf("without either: %s", got.raw)
		}
	})
}

// Every kind of thing that is to come has a word, and only a charge costs something.
func TestWhatComes(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		for range 3 {
			w.call(201, "POST", "/v1/subscriptions", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`)
		}
		list := w.call(200, "GET", "/v1/subscriptions", "").data()
		path := func(n int) string { return "/v1/subscriptions/" + list[n]["id"].(string) }
		w.call(200, "POST", path(0)+"/pause", `{"when":"period_end","periods":2,"override":true}`)
		w.call(200, "POST", path(1)+"/pause", `{"when":"now","periods":1,"override":true}`)
		w.call(200, "POST", path(2)+"/change", `{"quantity":2,"when":"period_end"}`)
		got := map[any]bool{}
		for _, d := range w.call(200, "GET", "/v1/upcoming", "").data() {
			got[d["what"]] = true
			if minor := d["amount"].(map[string]any)["amount"]; minor != 0.0 {
				w.Errorf("%v costs %v", d["what"], minor)
			}
		}
		for _, what := range []string{"pause", "resume", "change"} {
			if !got[what] {
				w.Errorf("%q is not to come: %v", what, got)
			}
		}
	})
}

func TestClockAndEvents(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		w.call(201, "POST", "/v1/subscriptions", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`)
		s := newTranscript(w)
		s.send("clock", "GET", "/v1/clock", "")
		s.send("what comes", "GET", "/v1/upcoming", "")
		s.send("31 days", "POST", "/v1/clock/advance", `{"by":"31 days"}`, withKey("walk"))
		s.send("repeated, it is not 62", "POST", "/v1/clock/advance", `{"by":"31 days"}`, withKey("walk"))
		s.send("to an instant", "POST", "/v1/clock/advance", `{"to":"2026-04-01T00:00:00+02:00"}`)
		s.send("back", "POST", "/v1/clock/advance", `{"to":"2026-01-01T00:00:00Z"}`)
		s.send("too far", "POST", "/v1/clock/advance", `{"to":"2199-01-01T00:00:00Z"}`)
		s.send("before 1970", "POST", "/v1/clock/advance", `{"to":"1969-12-31T23:59:59Z"}`)
		s.send("after 2200", "POST", "/v1/clock/advance", `{"to":"2200-01-01T00:00:00Z"}`)
		s.send("no date", "POST", "/v1/clock/advance", `{"to":"tomorrow"}`)
		s.send("neither", "POST", "/v1/clock/advance", `{}`)
		s.send("events of a kind", "GET", "/v1/events?type=subscription.renewed&limit=1", "")
		one := w.call(200, "GET", "/v1/events?customer="+p.customer, "").data()[0]["id"].(string)
		s.send("one event", "GET", "/v1/events/"+one, "")
		_, w.key = w.newAccount("Live", account.Live)
		s.send("a live account's clock is the real one", "POST", "/v1/clock/advance", `{"by":"day"}`)
		golden(w, "clock.golden", s.b.String())
	})
}

func TestWebhooks(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		end := s.send("make", "POST", "/v1/webhook-endpoints", `{"address":"https://example.com/hooks","events":["customer.*"]}`, withKey("e")).text("id")
		s.send("repeated, the secret is not told again", "POST", "/v1/webhook-endpoints", `{"address":"https://example.com/hooks","events":["customer.*"]}`, withKey("e"))
		s.send("inside", "POST", "/v1/webhook-endpoints", `{"address":"https://127.0.0.1/hooks"}`)
		s.send("no kind", "POST", "/v1/webhook-endpoints", `{"address":"https://example.com","events":["all of them"]}`)
		w.call(201, "POST", "/v1/customers", `{"email":"ada@example.com"}`)
		log := s.send("what it is owed", "GET", "/v1/webhook-endpoints/"+end+"/deliveries", "")
		s.send("again", "POST", "/v1/deliveries/"+log.data()[0]["id"].(string)+"/replay", "")
		s.send("one delivery", "GET", "/v1/deliveries/"+log.data()[0]["id"].(string), "")
		s.send("everything owed", "GET", "/v1/deliveries?type=customer.created&state=waiting&since=2020-01-01T00:00:00Z", "")
		s.send("a header and three at once", "PATCH", "/v1/webhook-endpoints/"+end, `{"headers":{"authorization":"Bearer x"},"in_flight":3}`)
		s.send("a header that is not the merchant's", "PATCH", "/v1/webhook-endpoints/"+end, `{"headers":{"webhook-id":"x"}}`)
		s.send("new secret", "POST", "/v1/webhook-endpoints/"+end+"/rotate-secret", `{}`, withKey("r"))
		s.send("repeated, it is not told again", "POST", "/v1/webhook-endpoints/"+end+"/rotate-secret", `{}`, withKey("r"))
		s.send("test", "POST", "/v1/webhook-endpoints/"+end+"/test", "")
		s.send("how many", "POST", "/v1/webhook-endpoints/"+end+"/replays/preview", `{"what":"all"}`)
		replay := s.send("all again", "POST", "/v1/webhook-endpoints/"+end+"/replays", `{"what":"all","since":"2020-01-01T00:00:00Z"}`).text("id")
		s.send("how far it is", "GET", "/v1/replays/"+replay, "")
		s.send("enough", "POST", "/v1/replays/"+replay+"/stop", "")
		s.send("it has ended", "POST", "/v1/replays/"+replay+"/stop", "")
		s.send("replays", "GET", "/v1/webhook-endpoints/"+end+"/replays", "")
		s.send("stop", "PATCH", "/v1/webhook-endpoints/"+end, `{"enabled":false,"events":[]}`)
		s.send("not while it is disabled", "POST", "/v1/webhook-endpoints/"+end+"/test", "")
		s.send("on again, without what waits", "PATCH", "/v1/webhook-endpoints/"+end, `{"enabled":true,"waiting":"drop"}`)
		s.send("read", "GET", "/v1/webhook-endpoints/"+end, "")
		s.send("all", "GET", "/v1/webhook-endpoints", "")
		old := s.send("in the dialect of another system", "POST", "/v1/webhook-endpoints", `{"address":"https://example.com/old","dialect":"paywhirl","events":["invoice.paid","customer.created"],"secret":"known there"}`).text("id")
		s.send("no topic of it", "POST", "/v1/webhook-endpoints", `{"address":"https://example.com/old","dialect":"paywhirl","events":["invoice.payed"]}`)
		s.send("no dialect", "POST", "/v1/webhook-endpoints", `{"address":"https://example.com/old","dialect":"latin"}`)
		s.send("a secret of our own dialect", "POST", "/v1/webhook-endpoints", `{"address":"https://example.com/old","secret":"known there"}`)
		s.send("other topics", "PATCH", "/v1/webhook-endpoints/"+old, `{"events":["charge.refunded"]}`)
		s.send("all topics", "PATCH", "/v1/webhook-endpoints/"+old, `{"events":[]}`)
		s.send("end it", "POST", "/v1/webhook-endpoints/"+old+"/remove", "")
		s.send("remove", "POST", "/v1/webhook-endpoints/"+end+"/remove", "")
		s.send("removed", "GET", "/v1/webhook-endpoints/"+end, "")
		s.send("no sample of that", "GET", "/v1/hooks/samples/nothing.happened", "")
		s.send("a sample that is made up", "GET", "/v1/hooks/samples/invoice.paid", "")
		s.send("samples that happened", "GET", "/v1/hooks/samples/customer.created", "")
		hook := s.send("subscribe", "POST", "/v1/hooks", `{"target_url":"https://example.com/zap/1","event":"invoice.paid"}`).text("id")
		s.send("hooks", "GET", "/v1/hooks", "")
		s.send("unsubscribe", "DELETE", "/v1/hooks/"+hook, "")
		s.send("unsubscribed", "DELETE", "/v1/hooks/"+hook, "")
		s.send("schema", "GET", "/v1/event-schemas/invoice.paid", "")
		s.send("no schema", "GET", "/v1/event-schemas/nothing.happened", "")
		golden(w, "webhooks.golden", s.b.String())
	})
}

// A request without a good key learns nothing but that, in the same words.
func TestUnauthorized(t *testing.T) {
	onBoth(t, func(w *world) {
		var words string
		second := w.call(201, "POST", "/v1/api-keys", `{"name":"second"}`)
		w.call(200, "POST", "/v1/api-keys/"+second.text("id")+"/revoke", "")
		for _, header := range []string{"", "Bearer " + second.text("secret"), "Bearer", "Bearer x", "Basic " + w.key, w.key, "Bearer " + w.key + "x", "Bearer perennial_test_" + strings.Repeat("0", 38)} {
			got := w.request("", "GET", "/v1/account", "", func(r *http.Request) {
				if header != "" {
					r.Header.Set("Authorization", header)
				}
			})
			if got.status != 401 || got.header.Get("WWW-Authenticate") == "" || got.header.Get("Content-Type") != "application/problem+json" {
				w.Errorf("%q: %d %v", header, got.status, got.header)
			}
			if words == "" {
				words = got.raw
			}
			if got.raw != words {
				w.Errorf("%q is answered otherwise: %s", header, got.raw)
			}
		}
		w.callAs("", 200, "GET", "/v1/openapi.json", "")
		w.request(w.key, "GET", "/v1/account", "")
	})
}

// Instants keep their microseconds.
func TestMicroseconds(t *testing.T) {
	onBoth(t, func(w *world) {
		w.clock.Set(time.Date(2026, 2, 1, 0, 0, 0, 123_456_000, time.UTC))
		if got := w.call(200, "GET", "/v1/clock", "").text("now"); got != "2026-02-01T00:00:00.123456Z" {
			w.Error(got)
		}
	})
}
