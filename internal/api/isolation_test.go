package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// pathKind is the kind of the id in a path, by the collection before it.
var pathKind = map[string]string{"api-keys": "key", "campaigns": "cam", "products": "prd", "prices": "prc", "customers": "cus", "payment-methods": "pm",
	"orders": "ord", "subscriptions": "sub", "invoices": "inv", "payments": "pay", "refunds": "ref", "events": "evt", "webhook-endpoints": "end", "deliveries": "dlv", "replays": "rpl", "hooks": "end",
	"coupons": "cpn", "tax-profiles": "txp", "shipping-rules": "shp", "credit-notes": "crn", "invoice-items": "itm", "meters": "mtr",
	"gateways": "gw", "gateway-notices": "gwn", "disputes": "dsp", "recovery-policies": "rpo", "recovery-cases": "rec", "mails": "mail", "suppressions": "sup",
	"addresses": "adr", "questions": "que", "door-keys": "dky", "metrics": "cus", "widgets": "wdg",
	"affiliates": "aff", "referrals": "rfl", "payouts": "pyo", "materials": "mat", "licenses": "lic", "leads": "led"}

// idOf puts ids into a path: one of the kind of its collection, and a coupon.
func idOf(path string, of func(kind string) string) string {
	if strings.Contains(path, "{id}") {
		path = strings.ReplaceAll(path, "{id}", of(pathKind[strings.Split(path, "/")[2]]))
	}
	path = strings.NewReplacer("{event}", "invoice.paid", "{type}", "invoice.paid").Replace(path)
	if strings.Contains(path, "{coupon}") {
		path = strings.ReplaceAll(path, "{coupon}", of("cpn"))
	}
	return strings.ReplaceAll(path, "{kind}", "receipt")
}

// unknown is an id of a kind that names nothing. A mail has the id of its delivery.
func unknown(kind string) string {
	if kind == "mail" {
		kind = "dlv"
	}
	return kind + "_0000000000001"
}

// written waits until the mails of an account are written.
func (w *world) written(key string) {
	w.Helper()
	acc, err := id.Parse[id.Account](w.callAs(key, 200, "GET", "/v1/account", "").text("id"))
	if err == nil {
		err = w.s.SettleMails(w.Context(), acc)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// own is the place of an id of the asker's own.
func own(kind string) string { return "{B:" + kind + "}" }

// pathBody is a good body for the routes that need one before they look at the id
// of the path.
var pathBody = map[string]string{
	"PATCH /v1/campaigns/{id}":                        `{"name":"Taken over"}`,
	"PATCH /v1/products/{id}":                         `{"name":"Taken over","state":"archived"}`,
	"PATCH /v1/prices/{id}":                           `{"name":"Taken over","state":"archived"}`,
	"PATCH /v1/customers/{id}":                        `{"name":"Taken over"}`,
	"DELETE /v1/customers/{id}":                       "",
	"POST /v1/customers/{id}/password":                `{"password":"taken over"}`,
	"POST /v1/customers/{id}/addresses":               `{"city":"Taken over"}`,
	"PATCH /v1/addresses/{id}":                        `{"city":"Taken over"}`,
	"POST /v1/customers/{id}/answers":                 `{"question":"{B:que}","answer":"taken over"}`,
	"POST /v1/addresses/{id}/answers":                 `{"question":"{B:que}","answer":"taken over"}`,
	"PATCH /v1/questions/{id}":                        `{"label":"Taken over"}`,
	"POST /v1/prices/{id}/replace":                    `{"amount":1,"currency":"USD"}`,
	"POST /v1/customers/{id}/payment-methods":         `{"token":"tok_visa","for_subscriptions":true}`,
	"PATCH /v1/subscriptions/{id}":                    `{"payment_method":"{B:pm}"}`,
	"POST /v1/subscriptions/{id}/cancel":              `{"when":"now"}`,
	"POST /v1/invoices/{id}/pay":                      `{}`,
	"PATCH /v1/invoices/{id}":                         `{"payment_method":"{B:pm}"}`,
	"POST /v1/invoices/{id}/mark-paid":                `{}`,
	"POST /v1/subscriptions/{id}/bill-now":            `{}`,
	"PATCH /v1/webhook-endpoints/{id}":                `{"enabled":false}`,
	"GET /v1/subscriptions/{id}":                      "",
	"POST /v1/customers/{id}/credit":                  `{"amount":5,"currency":"USD"}`,
	"POST /v1/subscriptions/{id}/change":              `{"quantity":2}`,
	"POST /v1/subscriptions/{id}/change-preview":      `{"quantity":2}`,
	"POST /v1/subscriptions/{id}/pause":               `{"when":"now","override":true}`,
	"POST /v1/subscriptions/{id}/unpause":             `{}`,
	"POST /v1/subscriptions/{id}/skip":                `{"override":true}`,
	"POST /v1/subscriptions/{id}/reschedule":          `{"to":"2026-02-10T00:00:00Z"}`,
	"POST /v1/subscriptions/{id}/reactivate":          `{}`,
	"POST /v1/subscriptions/{id}/coupons":             `{"code":"OWN-1"}`,
	"POST /v1/subscriptions/{id}/items":               `{"description":"Taken over","amount":5}`,
	"POST /v1/invoices/{id}/credit-notes":             `{"amount":5,"reason":"goodwill"}`,
	"POST /v1/subscriptions/{id}/usage":               `{"meter":"calls","units":"1","key":"taken-over"}`,
	"POST /v1/customers/{id}/mails":                   `{"optional":false}`,
	"PATCH /v1/meters/{id}":                           `{"name":"Taken over"}`,
	"PATCH /v1/recovery-policies/{id}":                `{"name":"Taken over"}`,
	"PATCH /v1/gateways/{id}":                         `{"name":"Taken over"}`,
	"POST /v1/gateways/{id}/rotate-secret":            `{"webhook_secret":"taken-over"}`,
	"POST /v1/payments/{id}/mark":                     `{"paid":true,"reference":"taken over"}`,
	"POST /v1/refunds/{id}/mark":                      `{"given":true,"reference":"taken over"}`,
	"POST /v1/customers/{id}/links":                   `{"purpose":"update_method"}`,
	"PATCH /v1/campaigns/{id}/affiliate-program":      `{"landing":"https://taken.example/"}`,
	"POST /v1/campaigns/{id}/affiliates":              `{"affiliate":"{B:aff}"}`,
	"POST /v1/campaigns/{id}/materials":               `{"kind":"text","title":"Taken over","body":"x"}`,
	"PATCH /v1/affiliates/{id}":                       `{"name":"Taken over"}`,
	"PATCH /v1/referrals/{id}":                        `{"denied":true}`,
	"POST /v1/affiliates/{id}/commissions":            `{"amount":5,"currency":"USD","note":"taken over"}`,
	"POST /v1/payouts/{id}/mark-paid":                 `{}`,
	"POST /v1/licenses/{id}/activate":                 `{"guid":"taken over"}`,
	"POST /v1/products/{id}/license-keys":             `{"keys":["TAKEN-OVER"]}`,
	"PATCH /v1/coupons/{id}":                          `{"name":"Taken over"}`,
	"PATCH /v1/tax-profiles/{id}":                     `{"name":"Taken over","rules":[]}`,
	"PATCH /v1/shipping-rules/{id}":                   `{"name":"Taken over"}`,
	"GET /v1/webhook-endpoints/{id}/deliveries":       "",
	"POST /v1/webhook-endpoints/{id}/rotate-secret":   `{}`,
	"POST /v1/webhook-endpoints/{id}/replays":         `{"what":"all"}`,
	"POST /v1/webhook-endpoints/{id}/replays/preview": `{"what":"all"}`,
}

// probe puts another account's id, of a kind, where {A} stands: in a query, or in
// the body named. {B:kind} is an id of the asker's own. Own is the kind of the asker's
// own thing with which the request is obeyed, when it is not the kind itself.
type probe struct{ field, kind, query, body, own string }

// address is the address to which a probe is sent: of the asker's own thing.
func (p probe) address(path string) string {
	if strings.Contains(path, "{"+p.field+"}") {
		path = strings.ReplaceAll(path, "{"+p.field+"}", "{A}")
	}
	path = idOf(path, own)
	if p.query != "" {
		path += "?" + p.query
	}
	return path
}

// probes are the ids that each route takes outside of its path. Every route without
// an id in its path stands here, with nothing when it takes none.
var probes = map[string][]probe{
	"GET /v1/account":                         nil,
	"PATCH /v1/account":                       {{field: "tax_profile", kind: "txp", body: `{"tax_profile":"{A}"}`}, {field: "recovery_policy", kind: "rpo", body: `{"recovery_policy":"{A}"}`}},
	"PATCH /v1/campaigns/{id}":                {{field: "recovery_policy", kind: "rpo", body: `{"recovery_policy":"{A}"}`}, {field: "gateway", kind: "gw", body: `{"gateway":"{A}"}`}},
	"GET /v1/recovery-policies":               nil,
	"POST /v1/recovery-policies":              nil,
	"GET /v1/recovery-cases":                  {{field: "customer", kind: "cus", query: "customer={A}"}},
	"GET /v1/recovery-results":                nil,
	"POST /v1/customers/{id}/links":           {{field: "invoice", kind: "inv2", body: `{"purpose":"pay_invoice","invoice":"{A}"}`}},
	"GET /v1/questions":                       nil,
	"POST /v1/questions":                      nil,
	"POST /v1/customers/{id}/answers":         {{field: "question", kind: "que", body: `{"question":"{A}","answer":"x"}`}},
	"POST /v1/addresses/{id}/answers":         {{field: "question", kind: "que", body: `{"question":"{A}","answer":"x"}`}},
	"POST /v1/prices/{id}/replace":            {{field: "next_price", kind: "prc", body: `{"terms":{"payments":2,"next_price":"{A}"}}`}, {field: "meter", kind: "mtr", body: `{"terms":{"usage":[{"meter":"{A}","overage":{"model":"per_unit","unit":"1"}}]}}`}},
	"GET /v1/widgets":                         nil,
	"POST /v1/widgets":                        {{field: "plans", kind: "prc", body: `{"name":"x","plans":["{A}"]}`}},
	"GET /v1/door-keys":                       nil,
	"POST /v1/door-keys":                      nil,
	"GET /v1/api-keys":                        nil,
	"POST /v1/api-keys":                       nil,
	"GET /v1/campaigns":                       nil,
	"POST /v1/campaigns":                      {{field: "gateway", kind: "gw", body: `{"name":"x","gateway":"{A}"}`}},
	"POST /v1/customers/{id}/payment-methods": {{field: "gateway", kind: "gw", body: `{"token":"tok_visa","gateway":"{A}"}`}},
	"GET /v1/gateways":                        nil,
	"POST /v1/gateways":                       nil,
	"GET /v1/gateway-notices":                 nil,
	"GET /v1/disputes":                        nil,
	"POST /v1/reconcile":                      nil,
	"GET /v1/products":                        nil,
	"POST /v1/products":                       {{field: "campaign", kind: "cam", body: `{"name":"x","campaign":"{A}"}`}, {field: "ends", kind: "prd", body: `{"name":"x","settings":{"ends":["{A}"]}}`}},
	"PATCH /v1/products/{id}":                 {{field: "ends", kind: "prd", body: `{"settings":{"ends":["{A}"]}}`}},
	"GET /v1/prices":                          {{field: "product", kind: "prd", query: "product={A}"}},
	"POST /v1/prices": {{field: "product", kind: "prd", body: `{"product":"{A}","amount":1,"currency":"USD"}`},
		{field: "next_price", kind: "prc", body: `{"product":"{B:prd}","amount":1,"currency":"USD","interval":"month","payments":2,"next_price":"{A}"}`},
		{field: "meter", kind: "mtr", body: `{"product":"{B:prd}","amount":1,"currency":"USD","interval":"month","usage":[{"meter":"{A}","overage":{"model":"per_unit","unit":"1"}}]}`}},
	"GET /v1/customers":                               nil,
	"POST /v1/customers":                              nil,
	"GET /v1/orders":                                  {{field: "customer", kind: "cus", query: "customer={A}"}},
	"POST /v1/orders":                                 sale,
	"GET /v1/subscriptions":                           {{field: "customer", kind: "cus", query: "customer={A}&expand=customer,product,price,latest_invoice,payment_method"}},
	"POST /v1/subscriptions":                          sale,
	"PATCH /v1/subscriptions/{id}":                    {{field: "payment_method", kind: "pm", body: `{"payment_method":"{A}"}`}},
	"GET /v1/invoices":                                {{field: "customer", kind: "cus", query: "customer={A}"}, {field: "subscription", kind: "sub", query: "subscription={A}"}},
	"POST /v1/invoices/{id}/pay":                      {{field: "payment_method", kind: "pm", body: `{"payment_method":"{A}"}`}},
	"PATCH /v1/invoices/{id}":                         {{field: "payment_method", kind: "pm", body: `{"payment_method":"{A}"}`}},
	"POST /v1/charges":                                byHand,
	"POST /v1/invoices":                               byHand,
	"GET /v1/payments":                                nil,
	"GET /v1/refunds":                                 nil,
	"POST /v1/refunds":                                {{field: "payment", kind: "pay", body: `{"payment":"{A}"}`}},
	"GET /v1/events":                                  {{field: "customer", kind: "cus", query: "customer={A}"}},
	"GET /v1/clock":                                   nil,
	"POST /v1/clock/advance":                          nil,
	"GET /v1/upcoming":                                nil,
	"GET /v1/webhook-endpoints":                       nil,
	"POST /v1/webhook-endpoints":                      {{field: "products", kind: "prd", body: `{"address":"https://example.com/x","dialect":"paykickstart","products":["{A}"]}`}, {field: "campaigns", kind: "cam", body: `{"address":"https://example.com/y","dialect":"paykickstart","campaigns":["{A}"]}`}},
	"POST /v1/webhook-endpoints/{id}/replays":         {{field: "from_event", kind: "evt", body: `{"what":"all","from_event":"{A}"}`}, {field: "to_event", kind: "evt", body: `{"what":"all","to_event":"{A}"}`}},
	"POST /v1/webhook-endpoints/{id}/replays/preview": {{field: "from_event", kind: "evt", body: `{"what":"all","from_event":"{A}"}`}, {field: "to_event", kind: "evt", body: `{"what":"all","to_event":"{A}"}`}},
	"GET /v1/deliveries":                              nil,
	"GET /v1/hooks":                                   nil,
	"POST /v1/hooks":                                  nil,
	"GET /v1/hooks/samples/{event}":                   nil,
	"GET /v1/event-schemas":                           nil,
	"GET /v1/event-schemas/{type}":                    nil,
	"POST /v1/quotes":                                 {{field: "price", kind: "prc", body: `{"price":"{A}"}`}, {field: "customer", kind: "cus", body: `{"price":"{B:prc}","customer":"{A}"}`}},
	"POST /v1/door-numbers":                           {{field: "thing", kind: "prd", body: `{"dialect":"paykickstart","kind":"product","thing":"{A}"}`}, {field: "thing", kind: "cus", body: `{"dialect":"paywhirl","kind":"customer","thing":"{A}","number":9001}`}, {field: "thing", kind: "prc", body: `{"dialect":"paywhirl","kind":"plan","thing":"{A}","number":9002}`}},
	"GET /v1/affiliate-programs":                      nil,
	"GET /v1/affiliates":                              nil,
	"POST /v1/affiliates":                             nil,
	"GET /v1/referrals":                               {{field: "affiliate", kind: "aff", query: "affiliate={A}"}},
	"GET /v1/commissions":                             {{field: "affiliate", kind: "aff", query: "affiliate={A}"}},
	"GET /v1/payouts":                                 {{field: "affiliate", kind: "aff", query: "affiliate={A}"}},
	"POST /v1/payouts":                                nil,
	"GET /v1/licenses":                                nil,
	"GET /v1/leads":                                   nil,
	"POST /v1/leads":                                  {{field: "price", kind: "prc", body: `{"email":"probe@example.com","price":"{A}"}`}},
	"POST /v1/campaigns/{id}/affiliates":              {{field: "affiliate", kind: "aff", body: `{"affiliate":"{A}"}`}, {field: "recruiter", kind: "aff2", body: `{"affiliate":"{B:aff}","recruiter":"{A}"}`}},
	"PATCH /v1/campaigns/{id}/affiliate-program":      {{field: "product", kind: "prd", body: `{"terms":{"first":{"percent":"3"},"rebill":{},"hold_days":1,"cookie_days":1,"products":[{"product":"{A}","first":{},"rebill":{}}]}}`}},
	"PATCH /v1/referrals/{id}":                        {{field: "affiliate", kind: "aff", body: `{"affiliate":"{A}"}`}},
	"PATCH /v1/coupons/{id}":                          {{field: "affiliate", kind: "aff", body: `{"affiliate":"{A}"}`}},
	"GET /v1/coupons":                                 nil,
	"POST /v1/coupons":                                {{field: "affiliate", kind: "aff", body: `{"code":"P-2","kind":"percent","percent":"5","applies_to":"all","affiliate":"{A}"}`}, {field: "products", kind: "prd", body: `{"code":"P-1","kind":"percent","percent":"5","applies_to":"all","products":["{A}"]}`}},
	"GET /v1/meters":                                  nil,
	"POST /v1/meters":                                 nil,
	"POST /v1/usage": {{field: "events", kind: "sub", body: `{"events":[{"subscription":"{A}","meter":"calls","units":"1","key":"a"}]}`},
		{field: "events", kind: "mtr", body: `{"events":[{"subscription":"{B:sub}","meter":"{A}","units":"1","key":"b"}]}`}},
	"POST /v1/subscriptions/{id}/usage":              {{field: "meter", kind: "mtr", body: `{"meter":"{A}","units":"1","key":"c"}`}},
	"GET /v1/exchange-rates":                         nil,
	"POST /v1/exchange-rates":                        nil,
	"GET /v1/tax-profiles":                           nil,
	"POST /v1/tax-profiles":                          nil,
	"GET /v1/shipping-rules":                         nil,
	"POST /v1/shipping-rules":                        nil,
	"GET /v1/proration-policies":                     nil,
	"GET /v1/credit-notes":                           {{field: "customer", kind: "cus", query: "customer={A}"}},
	"POST /v1/subscriptions/{id}/change":             {{field: "price", kind: "prc", body: `{"price":"{A}"}`}},
	"POST /v1/subscriptions/{id}/change-preview":     {{field: "price", kind: "prc", body: `{"price":"{A}"}`}},
	"POST /v1/subscriptions/{id}/reschedule":         {{field: "align_to", kind: "sub", body: `{"align_to":"{A}"}`, own: "sub2"}},
	"GET /v1/mails":                                  {{field: "customer", kind: "cus", query: "customer={A}"}},
	"GET /v1/mail-templates":                         {{field: "campaign", kind: "cam", query: "campaign={A}"}},
	"GET /v1/mail-templates/{kind}":                  {{field: "campaign", kind: "cam", query: "campaign={A}"}},
	"POST /v1/mail-templates/{kind}":                 {{field: "campaign", kind: "cam", body: `{"campaign":"{A}","language":"en","subject":"s","body":"{{ cancel.how }}"}`}},
	"POST /v1/mail-templates/{kind}/preview":         {{field: "campaign", kind: "cam", body: `{"campaign":"{A}","language":"en","subject":"s","body":"{{ cancel.how }}"}`}},
	"POST /v1/mail-templates/{kind}/remove":          {{field: "campaign", kind: "cam", body: `{"campaign":"{A}","language":"en"}`}},
	"GET /v1/mail-settings":                          nil,
	"PATCH /v1/mail-settings":                        nil,
	"GET /v1/branding":                               {{field: "campaign", kind: "cam", query: "campaign={A}"}},
	"POST /v1/branding":                              {{field: "campaign", kind: "cam", query: "campaign={A}", body: `{"name":"Taken over"}`}},
	"GET /v1/metrics":                                measured(""),
	"GET /v1/metrics/explain":                        measured("metric=recurring_revenue&"),
	"GET /v1/metrics/plans":                          nil,
	"GET /v1/metrics/cohorts":                        nil,
	"GET /v1/metrics/cash-flow":                      nil,
	"GET /v1/metrics/forecast":                       measured(""),
	"GET /v1/metrics/definitions":                    nil,
	"GET /v1/suppressions":                           nil,
	"POST /v1/suppressions":                          nil,
	"POST /v1/mail-bounces":                          nil,
	"DELETE /v1/subscriptions/{id}/coupons/{coupon}": {{field: "coupon", kind: "cpn"}},
}

// measured are the ids by which figures are narrowed.
func measured(rest string) []probe {
	return []probe{{field: "plan", kind: "prc", query: rest + "plan={A}"}, {field: "campaign", kind: "cam", query: rest + "campaign={A}"}, {field: "coupon", kind: "cpn", query: rest + "coupon={A}"}, {field: "affiliate", kind: "aff", query: rest + "affiliate={A}"}}
}

var sale = []probe{
	{field: "customer", kind: "cus", body: `{"customer":"{A}","price":"{B:prc}","token":"tok_visa"}`},
	{field: "price", kind: "prc", body: `{"customer":"{B:cus}","price":"{A}","payment_method":"{B:pm}"}`},
	{field: "payment_method", kind: "pm", body: `{"customer":"{B:cus}","price":"{B:prc}","payment_method":"{A}"}`},
	{field: "referred", kind: "aff", body: `{"customer":"{B:cus}","price":"{B:prc}","payment_method":"{B:pm}","referred":{"affiliate":"{A}"}}`},
}

var byHand = []probe{
	{field: "customer", kind: "cus", body: `{"customer":"{A}","items":[{"description":"x","amount":5}],"payment_method":"{B:pm}"}`},
	{field: "payment_method", kind: "pm", body: `{"customer":"{B:cus}","items":[{"description":"x","amount":5}],"payment_method":"{A}"}`},
}

// open are the routes that need no key.
var open = []string{"GET /v1/openapi.json", "GET /v1/docs", "GET /v1/docs.css"}

// idFields are the names under which ids of things are given.
var idFields = map[string]bool{"campaign": true, "product": true, "price": true, "customer": true, "payment_method": true, "subscription": true,
	"invoice": true, "payment": true, "refund": true, "order": true, "event": true, "endpoint": true, "delivery": true, "account": true, "api_key": true,
	"coupon": true, "plan": true, "tax_profile": true, "next_price": true, "align_to": true, "credit_note": true, "change": true, "products": true, "ends": true, "meter": true, "recovery_policy": true, "gateway": true, "question": true, "affiliate": true, "recruiter": true}

// routes are the routes of the API, from the router itself.
func routes(t testing.TB, w *world) []string {
	t.Helper()
	var list []string
	err := chi.Walk(w.h.Routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		list = append(list, method+" "+route)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// Every route of the router stands in the matrix with every id that it takes, so
// that a new one cannot be forgotten.
func TestMatrixIsComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	var spec struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
			Request    struct {
				Content map[string]struct{ Schema map[string]any }
			} `json:"requestBody"`
		}
		Components struct{ Schemas map[string]map[string]any }
	}
	w.ok(json.Unmarshal([]byte(w.request("", "GET", "/v1/openapi.json", "").raw), &spec))
	for _, route := range routes(t, w) {
		method, path, _ := strings.Cut(route, " ")
		if slices.Contains(open, route) {
			continue
		}
		list, known := probes[route]
		if !known && !strings.Contains(path, "{id}") {
			t.Errorf("%s is missing from the isolation matrix", route)
		}
		if collection := strings.Split(path, "/")[2]; strings.Contains(path, "{id}") && pathKind[collection] == "" {
			t.Errorf("%s: the matrix does not know what ids /v1/%s have", route, collection)
		}
		op, described := spec.Paths[path][strings.ToLower(method)]
		if !described {
			t.Errorf("%s is missing from the description", route)
		}
		var given []string
		for _, p := range op.Parameters {
			if p.In == "query" || p.In == "path" && p.Name != "id" {
				given = append(given, p.Name)
			}
		}
		schema := op.Request.Content["application/json"].Schema
		if ref, ok := schema["$ref"].(string); ok {
			schema = spec.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
		}
		properties, _ := schema["properties"].(map[string]any)
		for name := range properties {
			given = append(given, name)
		}
		for _, name := range given {
			if name == "event" && strings.HasPrefix(path, "/v1/hooks") {
				continue // a type of events
			}
			if idFields[name] && !slices.ContainsFunc(list, func(p probe) bool { return p.field == name }) {
				t.Errorf("%s takes %s, which the isolation matrix does not try", route, name)
			}
		}
	}
}

// everything is an id of each kind in one account.
func (w *world) everything(key, prefix string) map[string]string {
	w.Helper()
	s := w.shop(key, prefix)
	all := map[string]string{"prd": s.product, "prc": s.monthly, "cus": s.customer, "pm": s.card}
	all["cam"] = w.callAs(key, 200, "GET", "/v1/campaigns", "").data()[0]["id"].(string)
	all["key"] = w.callAs(key, 201, "POST", "/v1/api-keys", `{"name":"`+prefix+`second"}`).text("id")
	all["dky"] = w.callAs(key, 201, "POST", "/v1/door-keys", `{"dialect":"paywhirl","name":"`+prefix+`shop"}`).text("id")
	all["wdg"] = w.callAs(key, 201, "POST", "/v1/widgets", `{"name":"`+prefix+`table","sites":["https://example.com"]}`).text("id")
	all["que"] = w.callAs(key, 201, "POST", "/v1/questions", `{"name":"size","label":"`+prefix+`","kind":"text"}`).text("id")
	all["adr"] = w.callAs(key, 201, "POST", "/v1/customers/"+s.customer+"/addresses", `{"city":"`+prefix+`"}`).text("id")
	w.callAs(key, 200, "POST", "/v1/customers/"+s.customer+"/answers", `{"question":"`+all["que"]+`","answer":"`+prefix+`"}`)
	w.callAs(key, 200, "POST", "/v1/addresses/"+all["adr"]+"/answers", `{"question":"`+all["que"]+`","answer":"`+prefix+`"}`)
	all["end"] = w.callAs(key, 201, "POST", "/v1/webhook-endpoints", `{"address":"https://example.com/`+prefix+`"}`).text("id")
	sold := w.callAs(key, 201, "POST", "/v1/orders", `{"customer":"`+s.customer+`","price":"`+s.monthly+`","payment_method":"`+s.card+`"}`)
	all["ord"], all["sub"], all["inv"] = sold.text("id"), sold.text("subscription"), sold.text("invoice")
	payment := sold.body["payment_data"].(map[string]any)
	all["pay"] = payment["id"].(string)
	all["ref"] = w.callAs(key, 201, "POST", "/v1/refunds", `{"payment":"`+all["pay"]+`","amount":1,"reason":"`+prefix+`"}`).text("id")
	all["sub2"] = w.callAs(key, 201, "POST", "/v1/orders", `{"customer":"`+s.customer+`","price":"`+s.monthly+`","payment_method":"`+s.card+`"}`).text("subscription")
	all["cpn"] = w.callAs(key, 201, "POST", "/v1/coupons", `{"code":"`+prefix+`-1","name":"`+prefix+`","kind":"percent","percent":"10","applies_to":"all"}`).text("id")
	w.callAs(key, 200, "POST", "/v1/subscriptions/"+all["sub"]+"/coupons", `{"code":"`+prefix+`-1"}`)
	w.promoted(key, prefix, all)
	all["itm"] = w.callAs(key, 201, "POST", "/v1/subscriptions/"+all["sub"]+"/items", `{"description":"`+prefix+`","amount":5}`).text("id")
	all["crn"] = w.callAs(key, 201, "POST", "/v1/invoices/"+all["inv"]+"/credit-notes", `{"amount":1,"reason":"goodwill","note":"`+prefix+`"}`).text("id")
	all["mtr"] = w.callAs(key, 201, "POST", "/v1/meters", `{"code":"calls","name":"`+prefix+`"}`).text("id")
	all["txp"] = w.callAs(key, 201, "POST", "/v1/tax-profiles", `{"name":"`+prefix+`","kind":"manual","rules":[{"name":"`+prefix+`","country":"US","rate":"0"}]}`).text("id")
	all["shp"] = w.callAs(key, 201, "POST", "/v1/shipping-rules", `{"name":"`+prefix+`","kind":"in_place","amount":5}`).text("id")
	w.callAs(key, 201, "POST", "/v1/exchange-rates", `{"currency":"EUR","rate":"0.9"}`)
	all["rpo"] = w.callAs(key, 201, "POST", "/v1/recovery-policies", `{"name":"`+prefix+`"}`).text("id")
	w.unpaid(key, w.feeOfPause(key, prefix), s.customer, 1)
	unpaid := w.callAs(key, 200, "GET", "/v1/recovery-cases", "").data()[0]
	all["rec"], all["inv2"] = unpaid["id"].(string), unpaid["invoice"].(string)
	all["sup"] = w.callAs(key, 201, "POST", "/v1/suppressions", `{"address":"`+prefix+`@example.com"}`).text("id")
	w.written(key)
	all["mail"] = w.callAs(key, 200, "GET", "/v1/mails", "").data()[0]["id"].(string)
	all["gw"] = w.callAs(key, 201, "POST", "/v1/gateways", `{"kind":"sandbox","name":"`+prefix+`","webhook_secret":"one"}`).text("id")
	all["gwn"], all["dsp"] = w.told(key, all, prefix), w.disputed(key, all, prefix)
	all["rpl"] = w.callAs(key, 201, "POST", "/v1/webhook-endpoints/"+all["end"]+"/replays", `{"what":"failed"}`).text("id")
	all["evt"] = w.callAs(key, 200, "GET", "/v1/events", "").data()[0]["id"].(string)
	all["dlv"] = w.callAs(key, 200, "GET", "/v1/webhook-endpoints/"+all["end"]+"/deliveries", "").data()[0]["id"].(string)
	return all
}

// promoted adds what affiliates bring.
func (w *world) promoted(key, prefix string, all map[string]string) {
	w.Helper()
	low := strings.ToLower(prefix)
	w.callAs(key, 200, "PATCH", "/v1/campaigns/"+all["cam"]+"/affiliate-program", `{"slug":"`+low+`-tea","landing":"https://`+low+`.example/","terms":{"first":{"percent":"30"},"rebill":{"percent":"30"},"hold_days":0,"cookie_days":60}}`)
	all["aff"] = w.callAs(key, 201, "POST", "/v1/affiliates", `{"email":"mia@`+low+`.example","name":"`+prefix+`","code":"`+low+`-mia","paypal":"mia@`+low+`.example"}`).text("id")
	all["aff2"] = w.callAs(key, 201, "POST", "/v1/affiliates", `{"email":"leo@`+low+`.example","name":"`+prefix+`"}`).text("id")
	w.callAs(key, 200, "POST", "/v1/campaigns/"+all["cam"]+"/affiliates", `{"affiliate":"`+all["aff"]+`"}`)
	all["mat"] = w.callAs(key, 201, "POST", "/v1/campaigns/"+all["cam"]+"/materials", `{"kind":"text","title":"`+prefix+`","body":"`+prefix+`"}`).text("id")
	all["led"] = w.callAs(key, 201, "POST", "/v1/leads", `{"email":"lead@`+low+`.example","name":"`+prefix+`","price":"`+all["prc"]+`"}`).text("id")
	product := w.callAs(key, 201, "POST", "/v1/products", `{"name":"`+prefix+` pro","campaign":"`+all["cam"]+`","settings":{"licenses":{"count":1}}}`).text("id")
	price := w.callAs(key, 201, "POST", "/v1/prices", `{"product":"`+product+`","amount":1000,"currency":"USD"}`).text("id")
	w.callAs(key, 201, "POST", "/v1/orders", `{"customer":"`+all["cus"]+`","price":"`+price+`","payment_method":"`+all["pm"]+`","referred":{"affiliate":"`+all["aff"]+`"}}`)
	all["lic"] = w.callAs(key, 200, "GET", "/v1/licenses", "").data()[0]["id"].(string)
	all["rfl"] = w.callAs(key, 200, "GET", "/v1/referrals", "").data()[0]["id"].(string)
	all["com"] = w.callAs(key, 200, "GET", "/v1/commissions", "").data()[0]["id"].(string)
	run := w.callAs(key, 201, "POST", "/v1/payouts", `{"currency":"USD"}`)
	all["pyo"] = run.text("run")
}

// told is a notice that a gateway of the account sent.
func (w *world) told(key string, all map[string]string, words string) string {
	w.Helper()
	row := payment.Told{Row: id.New[id.GatewayNotice](), Account: w.accountOf(key), Gateway: all["gw"], State: payment.NoticeDone, ReceivedAt: w.clock.Now(),
		Notice: payment.Notice{ID: words + id.New[id.GatewayNotice]().String(), Kind: payment.OtherNotice, Type: words, At: w.clock.Now(), Body: "{}"}}
	w.ok(w.db.Update(w.Context(), func(tx *db.Tx) error {
		_, err := payment.KeepNotices(tx, []payment.Told{row})
		return err
	}))
	return row.Row.String()
}

// disputed is a dispute of a payment of the account.
func (w *world) disputed(key string, all map[string]string, words string) string {
	w.Helper()
	p, err := id.Parse[id.Payment](all["pay"])
	w.ok(err)
	row := payment.Dispute{ID: id.New[id.Dispute](), Account: w.accountOf(key), Payment: p, Gateway: all["gw"], Disputed: payment.Disputed{
		Reference: words + id.New[id.Dispute]().String(), Amount: money.Amount{Minor: 1, Currency: "USD"}, Reason: words, State: payment.Won, OpenedAt: w.clock.Now()}}
	w.ok(w.db.Update(w.Context(), func(tx *db.Tx) error { return payment.InsertDispute(tx, row) }))
	return row.ID.String()
}

func (w *world) accountOf(key string) id.Account {
	w.Helper()
	acc, err := id.Parse[id.Account](w.callAs(key, 200, "GET", "/v1/account", "").text("id"))
	w.ok(err)
	return acc
}

// feeOfPause is a price of a product whose pauses cost something.
func (w *world) feeOfPause(key, prefix string) string {
	w.Helper()
	product := w.callAs(key, 201, "POST", "/v1/products", `{"name":"`+prefix+`Gym","settings":{"pause":{"allowed":true,"fee":200}}}`).text("id")
	return w.callAs(key, 201, "POST", "/v1/prices", `{"product":"`+product+`","amount":1000,"currency":"USD","interval":"month"}`).text("id")
}

// unpaid makes n subscriptions of a customer that owe the fee of their pause, which was
// declined.
func (w *world) unpaid(key, price, customer string, n int) {
	w.Helper()
	for range n {
		sub := w.callAs(key, 201, "POST", "/v1/subscriptions", `{"customer":"`+customer+`","price":"`+price+`","token":"tok_declineAfter_1"}`).text("id")
		w.callAs(key, 200, "POST", "/v1/subscriptions/"+sub+"/pause", `{"when":"now"}`)
	}
	acc, err := id.Parse[id.Account](w.callAs(key, 200, "GET", "/v1/account", "").text("id"))
	w.ok(err)
	_, err = w.s.RunAccount(w.Context(), acc)
	w.ok(err)
}

// snapshot is everything that an account can read of itself.
func (w *world) snapshot(key string) string {
	w.Helper()
	var b strings.Builder
	for _, route := range routes(w, w) {
		method, path, _ := strings.Cut(route, " ")
		if method == "GET" && !slices.Contains(open, route) && !strings.Contains(path, "{id}") && path != "/v1/clock" {
			query := ""
			if path == "/v1/recovery-results" {
				query = "?by=month"
			}
			if slices.ContainsFunc(w.spec().Paths[path]["get"].Parameters, func(p specParam) bool { return p.Name == "limit" }) {
				query = "?limit=100"
			}
			if path == "/v1/metrics/explain" {
				query = "?metric=recurring_revenue"
			}
			b.WriteString(w.callAs(key, 200, method, idOf(path, own)+query, "").raw)
		}
	}
	return b.String()
}

const canary = "CANARY"

// Whatever one account does with another's ids is answered exactly as an id that
// names nothing, changes nothing there, and tells nothing of there.
func TestIsolation(t *testing.T) {
	onBoth(t, func(w *world) {
		a := w.everything(w.key, canary)
		before := w.snapshot(w.key)
		_, bKey := w.newAccount("Rival", account.Sandbox)
		b := w.everything(bKey, "own")
		_, liveKey := w.newAccount("Rival live", account.Live)
		fill := func(text, theirs string) string {
			text = strings.ReplaceAll(text, "{A}", theirs)
			for kind, v := range b {
				text = strings.ReplaceAll(text, "{B:"+kind+"}", v)
			}
			return text
		}
		ask := func(route, key, kind, path, body string) {
			method, _, _ := strings.Cut(route, " ")
			answers := map[string]reply{}
			for _, which := range []string{a[kind], unknown(kind)} {
				got := w.request(key, method, fill(path, which), fill(body, which))
				answers[which] = got
				if strings.Contains(strings.ToUpper(got.raw), canary) {
					t := fill(path, which)
					w.Errorf("%s %s tells of another account: %s", method, t, got.raw)
				}
			}
			foreign, nothing := answers[a[kind]], answers[unknown(kind)]
			if foreign.status != nothing.status || foreign.raw != nothing.raw {
				w.Errorf("%s %s %s: a foreign id is answered\n%d %s, an unknown one\n%d %s", method, path, body, foreign.status, foreign.raw, nothing.status, nothing.raw)
			}
			empty := foreign.status == 200 && method == "GET" && len(foreign.data()) == 0 && foreign.body["data"] != nil
			if foreign.status < 400 && !empty {
				w.Errorf("%s %s %s is not refused: %d %s", method, path, body, foreign.status, foreign.raw)
			}
			if foreign.status >= 500 {
				w.Errorf("%s %s: %d", method, path, foreign.status)
			}
		}
		for _, route := range routes(w, w) {
			method, path, _ := strings.Cut(route, " ")
			if slices.Contains(open, route) {
				continue
			}
			for _, key := range []string{bKey, liveKey} {
				if strings.Contains(path, "{id}") {
					foreign := strings.ReplaceAll(path, "{id}", "{A}")
					ask(route, key, pathKind[strings.Split(path, "/")[2]], idOf(foreign, own), pathBody[route])
				}
			}
			for _, p := range probes[route] {
				ask(route, bKey, p.kind, p.address(path), p.body)
			}
			if got := w.request("", method, idOf(path, func(string) string { return "x" }), ""); got.status != 401 {
				w.Errorf("%s without a key: %d", route, got.status)
			}
		}
		for _, route := range routes(w, w) { // with the asker's own ids the same requests are obeyed
			method, path, _ := strings.Cut(route, " ")
			if strings.Contains(path, "{id}") && method == "GET" {
				w.callAs(bKey, 200, method, fill(idOf(path, own), ""), "")
			}
			for _, p := range probes[route] {
				with := b[p.kind]
				if p.own != "" {
					with = b[p.own]
				}
				address := fill(p.address(path), with)
				if got := w.request(bKey, method, address, fill(p.body, with)); got.status >= 300 && got.status != 409 {
					w.Errorf("%s %s %s: %d %s", method, address, p.body, got.status, got.raw)
				}
			}
		}
		if after := w.snapshot(w.key); after != before {
			w.Errorf("the other account changed:\n%s\n%s", before, after)
		}
		if strings.Contains(strings.ToUpper(w.snapshot(bKey)), canary) {
			w.Error("one account's lists show another's things")
		}
	})
}

// A cursor of another account's list shows the asker's own things, or none.
func TestForeignCursor(t *testing.T) {
	onBoth(t, func(w *world) {
		for i := range 3 {
			w.call(201, "POST", "/v1/customers", fmt.Sprintf(`{"name":"%s %d"}`, canary, i))
		}
		cursor := w.call(200, "GET", "/v1/customers?limit=1", "").text("next_cursor")
		_, other := w.newAccount("Rival", account.Sandbox)
		got := w.callAs(other, 200, "GET", "/v1/customers?cursor="+cursor, "")
		if len(got.data()) != 0 {
			w.Error(got.raw)
		}
	})
}
