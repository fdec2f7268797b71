package paywhirl_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
)

// names reports whether a method is about a thing that only its account has: its number stands
// in the path or among the parameters.
func (call method) names(m *made) bool {
	switch call.name {
	case "getGateway", "getEmailTemplate": // of which every account has its own under the same numbers
		return false
	}
	if strings.ContainsAny(call.path(m), "0123456789") {
		return true
	}
	return slices.ContainsFunc(call.sends(m), func(p pair) bool {
		return p.name == "id" || p.name == "customer_id" || p.name == "plan_id" || p.name == "subscription_id"
	})
}

// A client with wrong credentials is told nothing, and one with an account of its own finds
// nothing of another's under the other's numbers, by any method in any encoding.
func TestNobodyElsesThings(t *testing.T) {
	t.Parallel()
	base := newWorld(t, db.SQLite)
	w := base.stocked("Theirs")
	m := &made{w: w, name: "theirs"}
	for i, call := range methods {
		if i == len(methods)-5 { // before what takes things away
			break
		}
		got := w.send(php, call.verb, call.path(m), call.sends(m)...)
		if call.keeps != nil {
			call.keeps(m, got)
		}
	}
	count := func() int {
		list, err := w.r.Events(t.Context(), w.acc.ID, event.Filter{Limit: 10_000})
		w.ok(err)
		return len(list)
	}
	other := base.as("Other", account.Sandbox)
	for _, call := range methods {
		if call.name == "processInvoice" || call.name == "deleteInvoice" { // whose parameters ask their own account
			call.sends = func(m *made) group { return group{{"id", m.upcoming}} }
		}
		before := count()
		for _, c := range official {
			r := other.request(c, call.verb, call.path(m), call.sends(m)...)
			for name := range r.Header {
				if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), "api-secret") {
					r.Header[name] = []string{w.secret}
				}
			}
			if got := other.do(r); got.status != http.StatusUnauthorized || got.field("error") == nil {
				t.Errorf("%s by %s with another's secret: %d %s", call.name, c.name, got.status, got.raw)
			}
			if !call.names(m) {
				continue
			}
			if got := other.do(other.request(c, call.verb, call.path(m), call.sends(m)...)); got.status != http.StatusNotFound || got.field("error") == nil {
				t.Errorf("%s by %s with another's number: %d %s", call.name, c.name, got.status, got.raw)
			}
		}
		if after := count(); after != before {
			t.Errorf("%s changed something of the other account", call.name)
		}
	}
}

// Whatever a method needs and was not sent is named; what cannot be read is told as such; a
// method that an address does not take is refused with those that it takes.
func TestWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	needs := map[string][]string{
		"/create/customer": {"first_name", "last_name", "email", "currency"}, "/update/customer": {"id"}, "/delete/customer": {"id"},
		"/customer/address": {"customer_id"}, "/update/answer": {"customer_id", "question_name", "answer"},
		"/create/plan": {"name", "billing_amount", "billing_interval", "billing_frequency", "currency"}, "/update/plan": {"id"},
		"/subscribe/customer": {"customer_id", "plan_id"}, "/update/subscription": {"subscription_id", "plan_id"}, "/unsubscribe/customer": {"subscription_id"},
		"/invoices": {"customer_id"}, "/delete/invoice": {"id"}, "/create/charge": {"customer_id", "amount"}, "/create/card": {"customer_id"}, "/delete/card": {"id"},
		"/create/promo": {"code", "duration"}, "/delete/promo": {"id"}, "/send-email": {"customer_id", "template"}, "/multiauth": {"id"},
		"/api/subscriber/create": {"email"}, "/api/subscriber/update": {"id"}, "/api/plan/update": {"id"}, "/api/multiauth": {"id"},
	}
	for path, fields := range needs {
		for _, c := range official {
			got := w.do(w.request(c, "POST", path))
			told, _ := got.field("errors").(map[string]any)
			for _, f := range fields {
				if told[f] == nil {
					t.Errorf("%s by %s does not name %s: %d %s", path, c.name, f, got.status, got.raw)
				}
			}
			if got.status != http.StatusUnprocessableEntity {
				t.Errorf("%s by %s: %d", path, c.name, got.status)
			}
		}
		broken := w.request(python, "POST", path)
		broken.Header.Set("Content-Type", "application/json")
		broken.Body = io.NopCloser(strings.NewReader(`{"id": `))
		if got := w.do(broken); got.status != http.StatusBadRequest || got.field("error") == nil {
			t.Errorf("%s with half an object: %d %s", path, got.status, got.raw)
		}
		if got := w.do(w.request(php, "PUT", path)); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") == "" {
			t.Errorf("PUT %s: %d %s", path, got.status, got.raw)
		}
	}
}

// Amounts in refusals are in units of the currency, as the wire has them, and of its decimals.
func TestRefusedAmounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	of, card := w.buyer(php, good)
	charge := number(w.send(php, "POST", "/create/charge", pair{"customer_id", of}, pair{"card_id", card}, pair{"amount", 1500}, pair{"currency", "JPY"}), "charge_id")
	for _, c := range []struct {
		path string
		g    group
		want string
	}{
		{"/create/charge", group{{"customer_id", of}, {"amount", "0"}}, "must be 0.01 to 100000000000.00"},
		{"/create/charge", group{{"customer_id", of}, {"amount", "0"}, {"currency", "JPY"}}, "must be 1 to 10000000000000"},
		{"/create/charge", group{{"customer_id", of}, {"amount", "1.005"}}, "at most 100000000000.00"},
		{fmt.Sprintf("/refund/charge/%v", charge), group{{"refund_amount", "1501"}}, "at most the 1500 that were paid"},
		{"/create/plan", group{{"name", "X"}, {"billing_amount", "1000000000000"}, {"billing_interval", 1}, {"billing_frequency", "month"}, {"currency", "USD"}}, "100000000000.00"},
		{"/create/promo", group{{"code", "X"}, {"duration", "once"}, {"amount_off", "0"}}, "must be 0.01 to 100000000000.00"},
	} {
		got := w.do(w.request(python, "POST", c.path, c.g...))
		if got.status != http.StatusUnprocessableEntity || strings.Contains(got.raw, "minor") || !strings.Contains(got.raw, c.want) {
			t.Errorf("%s %v: %d %s, want %q", c.path, c.g, got.status, got.raw, c.want)
		}
	}
}
