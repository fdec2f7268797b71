package dashboard

import (
	"net/url"
	"strings"

	"perennial/internal/id"
	"perennial/internal/web"
)

// search leads to the thing with an id, or lists the customers whose e-mail address
// begins with what was typed.
func (v *visit) search() {
	q := strings.TrimSpace(v.r.URL.Query().Get("q"))
	kind, _, _ := strings.Cut(q, "_")
	section := map[string]string{id.Prefix[id.Customer](): "customers", id.Prefix[id.Subscription](): "subscriptions", id.Prefix[id.Invoice](): "invoices",
		id.Prefix[id.Payment](): "payments", id.Prefix[id.Product](): "products"}[kind]
	switch {
	case section != "" && !strings.ContainsAny(q, "/?#%. "):
		web.Redirect(v.w, v.r, v.at(section, q))
	case q == "":
		web.Redirect(v.w, v.r, v.at("customers"))
	default:
		web.Redirect(v.w, v.r, v.at("customers")+"?email="+url.QueryEscape(q))
	}
}
