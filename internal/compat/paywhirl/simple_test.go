package paywhirl_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/question"
)

// sold is a plan of which a customer bought one.
func (w *world) sold() (plan, of int64) {
	w.Helper()
	plan = w.send(php, "POST", "/create/plan", monthly("Tea")...).id()
	w.send(php, "POST", "/update/plan", pair{"id", plan}, pair{"require_shipping", 0}, pair{"require_tax", 0})
	of = w.send(php, "POST", "/create/customer", person("ada")...).id()
	plans, err := w.r.Prices(w.Context(), w.acc.ID, 0, 0, 1)
	w.ok(err)
	who, err := w.r.CustomerByEmail(w.Context(), w.acc.ID, "ada@example.com")
	w.ok(err)
	_, err = w.s.Sell(w.Context(), commerce.Sell{Call: w.call(), Customer: who.ID, Price: plans[0].ID, Token: "tok_visa", Source: "test"})
	w.ok(err)
	return plan, of
}

func TestStats(t *testing.T) {
	onBoth(t, func(w *world) {
		tr := &transcript{w: w}
		tr.send("of nothing", php, "GET", "/stats")
		w.sold()
		for _, c := range official {
			tr.send("of one sale", c, "GET", "/stats")
		}
		tr.golden("stats.txt")
	})
}

func TestEmails(t *testing.T) {
	onBoth(t, func(w *world) {
		_, of := w.sold()
		tr := &transcript{w: w}
		for _, c := range official {
			tr.send("a template", c, "GET", "/email/1")
			tr.send("a mail about a subscription", c, "POST", "/send-email", pair{"customer_id", of}, pair{"template", "welcome"}, pair{"subscription_id", 1})
			tr.send("the same by its number", c, "POST", "/send-email", pair{"customer_id", of}, pair{"template", 1}, pair{"subscription_id", 1})
			tr.send("a mail about an invoice", c, "POST", "/send-email", pair{"customer_id", of}, pair{"template", "receipt"}, pair{"invoice_id", 1})
		}
		tr.send("something is missing", python, "POST", "/send-email", pair{"customer_id", of}, pair{"template", "receipt"})
		tr.send("something else is missing", python, "POST", "/send-email", pair{"customer_id", of}, pair{"template", "welcome"})
		tr.send("nothing to tell", python, "POST", "/send-email", pair{"customer_id", of}, pair{"template", "canceled"}, pair{"subscription_id", 1})
		tr.send("no such template", python, "POST", "/send-email", pair{"customer_id", of}, pair{"template", "poem"})
		tr.send("no such number", python, "POST", "/send-email", pair{"customer_id", of}, pair{"template", 99})
		tr.send("nothing", python, "POST", "/send-email")
		tr.send("no such invoice", python, "POST", "/send-email", pair{"customer_id", of}, pair{"template", "receipt"}, pair{"invoice_id", 99})
		tr.send("unknown template", php, "GET", "/email/99")
		tr.golden("emails.txt")
	})
}

// TestMultiauth proves that both versions give tokens that sign a customer in once.
func TestMultiauth(t *testing.T) {
	onBoth(t, func(w *world) {
		of := w.send(php, "POST", "/create/customer", person("ada")...).id()
		tr := &transcript{w: w}
		for _, c := range official {
			for _, path := range []string{"/multiauth", "/api/multiauth"} {
				for _, by := range []pair{{"id", of}, {"email", "ada@example.com"}} {
					token, _ := tr.send("a token", c, "POST", path, by).field("token").(string)
					who, err := w.s.UseSignIn(w.Context(), token)
					w.ok(err)
					if who.Email != "ada@example.com" {
						t.Errorf("the token signs %s in", who.Email)
					}
				}
			}
		}
		late, _ := w.send(php, "POST", "/api/multiauth", pair{"id", of}).field("token").(string)
		w.clock.Add(30 * time.Second)
		if _, err := w.s.UseSignIn(w.Context(), late); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("after thirty seconds: %v", err)
		}
		tr.send("for nobody", php, "POST", "/multiauth")
		tr.send("for somebody unknown", php, "POST", "/multiauth", pair{"email", "bob@example.com"})
		tr.golden("multiauth.txt")
	})
}

// v1 is a client of version 1: forms, and headers with underscores.
var v1 = client{"version 1", "api_key", func(method string, g group) (string, string, string) {
	form := pairs(g, words, nil, false)
	switch {
	case method == "GET" && form != "":
		return "?" + form, "", ""
	case method == "GET":
		return "", "", ""
	}
	return "", formType, form
}}

func TestVersion1(t *testing.T) {
	onBoth(t, func(w *world) {
		_, err := w.s.CreateQuestion(w.Context(), commerce.CreateQuestion{Call: w.call(), Question: question.Question{Name: "size", Label: "Your size", Kind: question.Choice, Options: []string{"S", "M"}}})
		w.ok(err)
		tr := &transcript{w: w}
		tr.send("who we are", v1, "GET", "/api/me")
		made := tr.send("a new subscriber", v1, "POST", "/api/subscriber/create", pair{"email", "ada@example.com"}, pair{"first_name", "Ada"}, pair{"last_name", "Löwe"}, pair{"phone", "1"},
			pair{"address_1", "1 Main St"}, pair{"address_2", "Flat 2"}, pair{"city", "Springfield"}, pair{"state", "IL"}, pair{"zip", "62704"}, pair{"country", "US"},
			pair{"profile", `{"size":"M"}`}, pair{"password", "correct horse"})
		of, _ := made.field("id").(string)
		tr.send("another", v1, "POST", "/api/subscriber/create", pair{"email", "bob@example.com"})
		tr.send("change", v1, "POST", "/api/subscriber/update", pair{"id", of}, pair{"address_1", "2 Side St"}, pair{"profile", `{"size":"S"}`})
		tr.send("one", v1, "GET", "/api/subscriber", pair{"id", of})
		tr.send("by e-mail", v1, "GET", "/api/subscriber", pair{"email", "Bob@Example.com"})
		tr.send("all", v1, "GET", "/api/subscribers")
		tr.send("some", v1, "GET", "/api/subscribers", pair{"ordering", "id asc"}, pair{"limit", 1}, pair{"after_id", 1})
		tr.send("others", v1, "GET", "/api/subscribers", pair{"before_id", 2})
		tr.send("nothing", v1, "POST", "/api/subscriber/create")
		tr.send("wrong throughout", v1, "POST", "/api/subscriber/create", pair{"email", "eve@example.com"}, pair{"address_1", strings.Repeat("x", 501)})
		tr.send("a profile that is none", v1, "POST", "/api/subscriber/create", pair{"email", "eve@example.com"}, pair{"profile", "size=M"})
		tr.send("a profile that asks nothing", v1, "POST", "/api/subscriber/create", pair{"email", "eve@example.com"}, pair{"profile", `{"shoe":"1","size":"XL"}`})
		tr.send("wrong paging", v1, "GET", "/api/subscribers", pair{"ordering", "email asc"}, pair{"limit", 101})
		plan := w.send(php, "POST", "/create/plan", monthly("Tea")...).id()
		w.send(php, "POST", "/create/plan", append(monthly("Old"), pair{"enabled", 0})...)
		tr.send("plans", v1, "GET", "/api/plans")
		tr.send("all plans", v1, "GET", "/api/plans", pair{"enabled", 0})
		tr.send("one", v1, "GET", "/api/plan", pair{"id", plan})
		tr.send("change", v1, "POST", "/api/plan/update", pair{"id", plan}, pair{"name", "Green tea"}, pair{"shipping", "no"}, pair{"enabled", "yes"}, pair{"setup_fee", "10.95"},
			pair{"feature_1", "Fresh"}, pair{"feature_10", "Free"}, pair{"ordering", 3}, pair{"shopify_product_id", 77}, pair{"sku", "T-2"}, pair{"installments", 6}, pair{"billing_cycle_anchor", 5})
		tr.send("wrong method", v1, "GET", "/api/plan/update")
		tr.send("unknown", v1, "GET", "/api/plan", pair{"id", 99})
		tr.send("no id", v1, "GET", "/api/plan")
		tr.golden("v1.txt")

		r := w.request(v1, "POST", "/api/subscriber/create", pair{"email", "x@example.com"}, pair{"api_key", w.key}, pair{"api_secret", w.secret})
		for name := range r.Header {
			if strings.HasPrefix(name, "api") {
				delete(r.Header, name)
			}
		}
		if got := w.do(r); got.status != http.StatusUnauthorized {
			t.Errorf("credentials in the body: %d", got.status)
		}
	})
}

// TestLiveAccounts proves that what holds for a sandbox holds for a live account.
func TestLiveAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite).as("Real", account.Live)
	of := w.send(php, "POST", "/create/customer", person("ada")...)
	if of.field("gateway_id") != nil {
		t.Errorf("a customer of an account without a gateway: %s", of.raw)
	}
	if got := w.send(php, "GET", "/gateways"); got.raw != "[]" {
		t.Errorf("the gateways are %s", got.raw)
	}
	if got := w.do(w.request(php, "GET", fmt.Sprintf("/gateway/%d", 1))); got.status != 404 {
		t.Errorf("a gateway that is none: %d", got.status)
	}
}
