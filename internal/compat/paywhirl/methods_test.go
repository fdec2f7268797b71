package paywhirl_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/money"
	"perennial/internal/question"
	"perennial/internal/tax"
)

// method is one method of a client: what its user calls, and what it asks for.
type method struct {
	name  string // as PHP and Node spell it
	verb  string
	path  func(m *made) string
	sends func(m *made) group
	keeps func(m *made, got reply) // nil for nothing
}

// made are the numbers of what a client has made so far.
type made struct {
	w                                                                *world
	name                                                             string
	customer, address, plan, sub, card, upcoming, item, bill, charge any
	promo, gateway, shipping, tax                                    any
}

func at(path string) func(*made) string { return func(*made) string { return path } }

// of is a path with the number of a thing.
func of(path string, thing func(m *made) any) func(*made) string {
	return func(m *made) string { return fmt.Sprintf(path, thing(m)) }
}

func none(*made) group { return nil }

// number is the number at a path of an answer.
func number(got reply, path string) any {
	n, _ := got.field(path).(json.Number)
	return n
}

var (
	customerOf = func(m *made) any { return m.customer }
	addressOf  = func(m *made) any { return m.address }
	planOf     = func(m *made) any { return m.plan }
	subOf      = func(m *made) any { return m.sub }
	cardOf     = func(m *made) any { return m.card }
	upcomingOf = func(m *made) any { return m.upcoming }
	billOf     = func(m *made) any { return m.bill }
	chargeOf   = func(m *made) any { return m.charge }
	promoOf    = func(m *made) any { return m.promo }
	gatewayOf  = func(m *made) any { return m.gateway }
	shippingOf = func(m *made) any { return m.shipping }
	taxOf      = func(m *made) any { return m.tax }
)

// methods are the 58 methods that each official client has, in an order in which a program
// could call them. All clients have the same; Python and Ruby spell them with underscores. A
// name that is recorded nowhere says what the method asks for.
var methods = []method{
	{"getAccount", "GET", at("/account"), none, nil},
	{"getGateways", "GET", at("/gateways"), none, func(m *made, got reply) { m.gateway = got.rows()[0]["id"] }},
	{"getGateway", "GET", of("/gateway/%v", gatewayOf), none, nil},
	{"createPlan", "POST", at("/create/plan"), func(*made) group {
		return group{{"name", "Box"}, {"billing_amount", "10.95"}, {"billing_interval", 1}, {"billing_frequency", "month"}, {"currency", "USD"}, {"require_tax", true}, {"require_shipping", false}, {"sku", nil}}
	}, func(m *made, got reply) { m.plan = got.id() }},
	{"updatePlan", "POST", at("/update/plan"), func(m *made) group { return group{{"id", m.plan}, {"setup_fee", 5}, {"description", "Fresh & crisp"}} }, nil},
	{"getPlans", "GET", at("/plans"), func(*made) group {
		return group{{"limit", 100}, {"order_key", "id"}, {"order_direction", "desc"}, {"before_id", nil}, {"after_id", nil}}
	}, nil},
	{"getPlan", "GET", of("/plan/%v", planOf), none, nil},
	{"createCustomer", "POST", at("/create/customer"), func(m *made) group { return person(m.name) }, func(m *made, got reply) { m.customer = got.id() }},
	{"updateCustomer", "POST", at("/update/customer"), func(m *made) group {
		return group{{"id", m.customer}, {"password", "correct horse"}, {"city", "Zürich"}}
	}, nil},
	{"authCustomer", "POST", at("/auth/customer"), func(m *made) group { return group{{"email", m.name + "@example.com"}, {"password", "correct horse"}} }, nil},
	{"getCustomers", "GET", at("/customers"), func(*made) group { return group{{"limit", 10}, {"keyword", nil}} }, nil},
	{"getCustomer", "GET", of("/customer/%v", customerOf), none, nil},
	{"getCustomerProfile", "GET", of("/customer/profile/%v", customerOf), none, nil},
	{"createAddress", "POST", at("/customer/address"), func(m *made) group {
		return group{{"customer_id", m.customer}, {"first_name", "Bo"}, {"last_name", "Li"}, {"address", "2 Side St"}, {"city", "Springfield"}, {"state", "IL"}, {"zip", "62704"}, {"country", "US"}, {"phone", "1"}}
	}, func(m *made, got reply) { m.address = got.id() }},
	{"updateAddress", "PATCH", of("/customer/address/%v", addressOf), func(*made) group { return group{{"zip", "62705"}} }, nil},
	{"getAddress", "GET", of("/customer/address/%v", addressOf), none, nil},
	{"getAddresses", "GET", of("/customer/addresses/%v", customerOf), none, nil},
	{"getQuestions", "GET", at("/questions"), func(*made) group { return group{{"limit", 100}} }, nil},
	{"updateAnswer", "POST", at("/update/answer"), func(m *made) group {
		return group{{"customer_id", m.customer}, {"question_name", "size"}, {"answer", "M"}, {"address_id", nil}}
	}, nil},
	{"getAnswers", "GET", at("/answers"), func(m *made) group { return group{{"customer_id", m.customer}} }, nil},
	{"createCard", "POST", at("/create/card"), func(m *made) group {
		return group{{"customer_id", m.customer}, {"number", good}, {"exp_month", 4}, {"exp_year", 2030}, {"cvc", "123"}}
	}, func(m *made, got reply) { m.card = got.id() }},
	{"getCards", "GET", of("/cards/%v", customerOf), none, nil},
	{"getCard", "GET", of("/card/%v", cardOf), none, nil},
	{"createPromo", "POST", at("/create/promo"), func(*made) group {
		return group{{"code", "TEN"}, {"percent_off", 10}, {"duration", "repeating"}, {"duration_uses", 3}, {"one_use", false}}
	}, func(m *made, got reply) { m.promo = got.id() }},
	{"getPromos", "GET", at("/promo"), none, nil},
	{"getPromo", "GET", of("/promo/%v", promoOf), none, nil},
	{"subscribeCustomer", "POST", at("/subscribe/customer"), func(m *made) group {
		return group{{"customer_id", m.customer}, {"plan_id", m.plan}, {"trial_end", nil}, {"promo_id", nil}, {"quantity", 2}}
	}, func(m *made, got reply) { m.sub = got.id() }},
	{"getSubscription", "GET", of("/subscription/%v", subOf), none, nil},
	{"getSubscriptions", "GET", of("/subscriptions/%v", customerOf), func(*made) group { return group{{"status", "active"}} }, nil},
	{"getSubscribers", "GET", at("/subscribers"), func(*made) group { return group{{"limit", 20}, {"order", "desc"}} }, nil},
	{"updateSubscription", "POST", at("/update/subscription"), func(m *made) group {
		return group{{"subscription_id", m.sub}, {"plan_id", m.plan}, {"quantity", 3}, {"address_id", m.address}, {"installments_left", nil}, {"trial_end", nil}, {"card_id", m.card}}
	}, nil},
	{"getInvoices", "GET", of("/invoices/%v", customerOf), func(*made) group { return group{{"all", nil}} }, func(m *made, got reply) {
		m.upcoming = got.rows()[0]["id"]
		m.item = got.rows()[0]["items"].([]any)[0].(map[string]any)["id"]
	}},
	{"getInvoice", "GET", of("/invoice/%v", upcomingOf), none, nil},
	{"updateInvoiceNextPaymentDate", "POST", of("/invoices/%v/next-payment-date", upcomingOf), func(*made) group {
		return group{{"next_payment_attempt", start.Add(20 * day).Unix()}, {"all", 0}}
	}, nil},
	{"updateInvoiceItems", "POST", of("/invoice/%v/items", upcomingOf), func(m *made) group { return group{{fmt.Sprint(m.item), 4}} }, nil},
	{"addPromoCodeToInvoice", "POST", of("/invoice/%v/add-promo", upcomingOf), func(*made) group { return group{{"promo_code", "TEN"}} }, nil},
	{"removePromoCodeFromInvoice", "POST", of("/invoice/%v/remove-promo", upcomingOf), none, nil},
	{"updateInvoiceCard", "POST", of("/invoice/%v/card", upcomingOf), func(m *made) group { return group{{"card_id", m.card}} }, nil},
	{"processInvoice", "POST", of("/invoice/%v/process", upcomingOf), func(m *made) group {
		m.w.advance(day)
		return nil
	}, nil},
	{"createInvoice", "POST", at("/invoices"), func(m *made) group {
		return group{{"customer_id", m.customer}, {"currency", "USD"}, {"items", []group{{{"description", "Repair"}, {"quantity", 2}, {"amount", "7.25"}}}}}
	}, func(m *made, got reply) { m.bill = number(got, "invoice_id") }},
	{"markInvoiceAsPaid", "POST", of("/invoice/%v/mark-as-paid", billOf), none, nil},
	{"deleteInvoice", "POST", at("/delete/invoice"), func(m *made) group {
		next := m.w.send(php, "GET", fmt.Sprintf("/invoices/%v", m.customer)).rows()[0]["id"]
		return group{{"id", next}}
	}, nil},
	{"createCharge", "POST", at("/create/charge"), func(m *made) group {
		return group{{"customer_id", m.customer}, {"card_id", m.card}, {"amount", 10.95}, {"currency", "USD"}, {"description", "Gift & wrap"}}
	}, func(m *made, got reply) { m.charge = number(got, "charge_id") }},
	{"getCharge", "GET", of("/charge/%v", chargeOf), none, nil},
	{"refundCharge", "POST", of("/refund/charge/%v", chargeOf), func(*made) group { return group{{"refund_amount", "5.50"}, {"mark_only", false}} }, nil},
	{"getEmailTemplate", "GET", at("/email/1"), none, nil},
	{"sendEmail", "POST", at("/send-email"), func(m *made) group {
		return group{{"customer_id", m.customer}, {"template", "welcome"}, {"subscription_id", m.sub}}
	}, nil},
	{"getShippingRules", "GET", at("/shipping"), none, func(m *made, got reply) { m.shipping = got.rows()[0]["id"] }},
	{"getShippingRule", "GET", of("/shipping/%v", shippingOf), none, nil},
	{"getTaxRules", "GET", at("/tax"), none, func(m *made, got reply) { m.tax = got.rows()[0]["id"] }},
	{"getTaxRule", "GET", of("/tax/%v", taxOf), none, nil},
	{"getMultiAuthToken", "POST", at("/multiauth"), func(m *made) group { return group{{"id", m.customer}} }, nil},
	{"getStats", "GET", at("/stats"), none, nil},
	{"unsubscribeCustomer", "POST", at("/unsubscribe/customer"), func(m *made) group { return group{{"subscription_id", m.sub}} }, nil},
	{"deletePromo", "POST", at("/delete/promo"), func(m *made) group { return group{{"id", m.promo}} }, nil},
	{"deleteCard", "POST", at("/delete/card"), func(m *made) group { return group{{"id", m.card}} }, nil},
	{"deleteAddress", "DELETE", of("/customer/address/%v", addressOf), none, nil},
	{"deleteCustomer", "POST", at("/delete/customer"), func(m *made) group { return group{{"id", m.customer}, {"forget", 1}} }, nil},
}

// first is version 1 as its client has it.
var first = []method{
	{"Me", "GET", at("/api/me"), none, nil},
	{"CreateSubscriber", "POST", at("/api/subscriber/create"), func(m *made) group {
		return group{{"email", m.name + "@example.com"}, {"first_name", "Ada"}, {"address_1", "1 Main St"}, {"country", "US"}}
	}, func(m *made, got reply) { m.customer = got.field("id") }},
	{"UpdateSubscriber", "POST", at("/api/subscriber/update"), func(m *made) group { return group{{"id", m.customer}, {"city", "Springfield"}} }, nil},
	{"Subscribers", "GET", at("/api/subscribers"), func(*made) group { return group{{"limit", 10}, {"ordering", "id desc"}} }, nil},
	{"Subscriber", "GET", at("/api/subscriber"), func(m *made) group { return group{{"id", m.customer}} }, nil},
	{"Plans", "GET", at("/api/plans"), func(*made) group { return group{{"enabled", 1}} }, func(m *made, got reply) { m.plan = got.rows()[0]["id"] }},
	{"Plan", "GET", at("/api/plan"), func(m *made) group { return group{{"id", m.plan}} }, nil},
	{"UpdatePlan", "POST", at("/api/plan/update"), func(m *made) group { return group{{"id", m.plan}, {"enabled", "yes"}, {"feature_1", "Fresh"}} }, nil},
	{"MultiAuth", "POST", at("/api/multiauth"), func(m *made) group { return group{{"id", m.customer}} }, nil},
}

// clipmagic is the PHP client before it took dashes.
var clipmagic = client{"clipmagic", "api_key", php.encode}

// snake is a name as Python and Ruby spell it.
func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// odd is the path that a client asks for where it is not the documented one.
func odd(c client, path string) string {
	switch {
	case c.name == php.name && (path == "/customer/address" || path == "/invoices"), c.name == python.name && path == "/shipping":
		return path + "/"
	}
	return path
}

// A client of each language gets through its whole list of methods, each in the encoding in
// which it sends it.
func TestEveryMethodOfEveryClient(t *testing.T) {
	if len(methods) != 58 {
		t.Fatalf("%d methods", len(methods))
	}
	onBoth(t, func(shop *world) {
		tr := &transcript{w: shop}
		for _, c := range append(slices.Clone(official), paywhirljs, clipmagic, rwreynolds) {
			w := shop.stocked(c.name)
			m := &made{w: w, name: strings.ToLower(c.name)}
			for _, call := range methods {
				if c.name == rwreynolds.name && call.name == "createInvoice" {
					m.bill = w.send(php, "POST", "/invoices", call.sends(m)...).field("invoice_id") // it knows no lists
					continue
				}
				name := call.name
				if c.name == python.name || c.name == ruby.name || c.name == rwreynolds.name {
					name = snake(name)
				}
				tr.call(w, c, name, odd(c, call.path(m)), call, m)
			}
			w.balanced()
		}
		w := shop.stocked("version 1")
		w.send(php, "POST", "/create/plan", monthly("Tea")...)
		m := &made{w: w, name: "first"}
		for _, call := range first {
			tr.call(w, v1, call.name, call.path(m), call, m)
		}
		tr.w = shop
		tr.golden("methods.txt")
	})
}

// stocked is a new account with what clients can only read: a question, and rules.
func (w *world) stocked(name string) *world {
	w.Helper()
	w = w.as(name, account.Sandbox)
	_, err := w.s.CreateQuestion(w.Context(), commerce.CreateQuestion{Call: w.call(), Question: question.Question{Name: "size", Label: "Your size", Kind: question.Choice, Options: []string{"S", "M"}}})
	w.ok(err)
	_, err = w.s.CreateShippingRule(w.Context(), commerce.CreateShippingRule{Call: w.call(), Rule: tax.ShippingRule{Name: "Parcel", Kind: tax.InPlace, Amount: money.Amount{Minor: 500, Currency: "USD"}, Place: tax.Place{Country: "US"}}})
	w.ok(err)
	rate, err := money.ParseRate("0.0625")
	w.ok(err)
	profile, err := w.s.CreateTaxProfile(w.Context(), commerce.CreateTaxProfile{Call: w.call(), Profile: tax.Profile{Name: "Home", Kind: tax.Manual}, Rules: []tax.Rule{{Name: "Sales tax", Country: "US", Region: "IL", Rate: rate}}})
	w.ok(err)
	_, err = w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call(), TaxProfile: &profile.Profile.ID})
	w.ok(err)
	return w
}

// call has a client call a method, and writes down the request and the status.
func (t *transcript) call(w *world, c client, name, path string, call method, m *made) {
	w.Helper()
	g := call.sends(m)
	r := w.request(c, call.verb, path, g...)
	_, contentType, body := c.encode(call.verb, g)
	got := w.do(r)
	asked := fmt.Sprintf("%d %s %s: %s %s %s %s", got.status, c.name, name, call.verb, r.URL.RequestURI(), contentType, body)
	t.b.WriteString(strings.TrimRight(asked, " ") + "\n")
	if got.status != http.StatusOK {
		w.Fatalf("%s by %s: %d %s", name, c.name, got.status, got.raw)
	}
	if call.keeps != nil {
		call.keeps(m, got)
	}
}
