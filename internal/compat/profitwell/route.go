package profitwell

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is one address: a method and segments, of which {name} stands for any one.
type route struct {
	method, pattern string
	run             handler
	public          bool                // browsers ask, with the public token
	open            func() (any, error) // instead of run: anybody may ask
}

// routes is the table of everything that the door answers.
func (d *Door) routes() []route {
	v2 := []route{
		{"GET", "/v2/api-status", d.status, false, nil},
		{"GET", "/v2/company/settings", d.settings, false, nil},
		{"GET", "/v2/plans", d.listPlans, false, nil},
		{"POST", "/v2/plans", d.createPlan, false, nil},
		{"GET", "/v2/plans/{id}", d.getPlan, false, nil},
		{"PUT", "/v2/plans/{id}", d.renamePlan, false, nil},
		{"POST", "/v2/subscriptions", d.createSubscription, false, nil},
		{"PUT", "/v2/subscriptions/{id}", d.changeSubscription, false, nil},
		{"DELETE", "/v2/subscriptions/{id}", d.churnSubscription, false, nil},
		{"PUT", "/v2/unchurn/{id}", d.unchurn, false, nil},
		{"GET", "/v2/users/{id}", d.getUser, false, nil},
		{"PUT", "/v2/users/{id}", d.editUser, false, nil},
		{"DELETE", "/v2/users/{id}", d.deleteUser, false, nil},
		{"GET", "/v2/metrics/monthly", d.monthly, false, nil},
		{"GET", "/v2/metrics/daily", d.daily, false, nil},
		{"GET", "/v2/metrics/plans", d.activePlans, false, nil},
		{"POST", "/v2/metrics/exclude_customer/{id}", d.exclude, false, nil},
		{"GET", "/v2/customers", d.listCustomers, false, nil},
		{"GET", "/v2/customers/{id}", d.getCustomer, false, nil},
		{"GET", "/v2/customer_traits/customer/{id}", d.getTraits, false, nil},
		{"PUT", "/v2/customer_traits/trait", d.putTrait, false, nil},
		{"DELETE", "/v2/customer_traits/trait", d.removeTrait, false, nil},
		{"DELETE", "/v2/customer_traits/category", d.removeCategory, false, nil},
		{"POST", "/v2/gdpr/anonymize_by_email/{email}", d.anonymiseByEmail, false, nil},
		{"POST", "/v2/gdpr/anonymize_by_customer_id/{id}", d.anonymiseCustomer, false, nil},
		{"GET", "/v2/retain/unsubscribed_customers/{kind}", d.unsubscribed, false, nil},
		{"POST", "/v2/retain/stop", d.stop, false, nil},
		{"POST", "/dotjs/v1/customer/event", d.customerEvent, true, nil},
	}
	more := []route{
		{"GET", "/customers", d.listCustomers, false, nil},
		{"GET", "/customers/{id}", d.getCustomer, false, nil},
		{"GET", "/dotjs/v1/quests/customer", d.quests, true, nil},
		{"GET", "/js/profitwell.js", nil, true, func() (any, error) { return script(browserScript), nil }},
	}
	for _, base := range []string{"/v1", "/api/v1"} {
		more = append(more,
			route{"GET", base + "/transactions", d.listTransactions, false, nil},
			route{"POST", base + "/transactions", d.createTransaction, false, nil},
			route{"GET", base + "/transactions/user/{id}", d.getTransactions, false, nil},
			route{"POST", base + "/transactions/user/{id}", d.changeTransaction, false, nil},
			route{"POST", base + "/transactions/{id}", d.changeTransaction, false, nil},
			route{"DELETE", base + "/transactions/user/{id}", d.deleteTransactions, false, nil})
	}
	return slices.Concat(v2, more)
}

// Addresses are all addresses that the door answers, method and path, in the order of the
// table. Wildcards stand in braces.
func (d *Door) Addresses() []string {
	var list []string
	for _, r := range d.table {
		list = append(list, r.method+" "+r.pattern+"/")
	}
	return list
}

// segments are the parts of a path between its slashes, still escaped. Empty ones count for
// nothing, so that a slash at the end may be there or not.
func segments(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// find is the route of a method and an escaped path, and what its wildcards stand for.
// Allowed are the methods that the address takes; none when there is no such address.
func (d *Door) find(method, path string) (to *route, wild map[string]string, allowed []string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	parts := segments(path)
	best := -1
	for i := range d.table {
		at := &d.table[i]
		found, literal, ok := at.match(parts)
		if !ok {
			continue
		}
		if !slices.Contains(allowed, at.method) {
			allowed = append(allowed, at.method)
		}
		if at.method == method && literal > best {
			best, to, wild = literal, at, found
		}
	}
	slices.Sort(allowed)
	return to, wild, allowed
}

// match tells what the wildcards of the route stand for in a path, and how many segments are
// the route's own words.
func (r *route) match(parts []string) (wild map[string]string, literal int, ok bool) {
	pattern := segments(r.pattern)
	if len(pattern) != len(parts) {
		return nil, 0, false
	}
	wild = map[string]string{}
	for i, p := range pattern {
		part, err := url.PathUnescape(parts[i])
		if err != nil {
			return nil, 0, false
		}
		if strings.HasPrefix(p, "{") {
			wild[strings.Trim(p, "{}")] = part
			continue
		}
		if p != part {
			return nil, 0, false
		}
		literal++
	}
	return wild, literal, true
}
