package paywhirl

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
}

// routes is the table of everything that the door answers.
func (d *Door) routes() []route {
	return slices.Concat(d.accountRoutes(), d.statsRoutes(), d.customerRoutes(), d.addressRoutes(), d.questionRoutes(), d.planRoutes(), d.subscriptionRoutes(),
		d.invoiceRoutes(), d.chargeRoutes(), d.cardRoutes(), d.gatewayRoutes(), d.promoRoutes(), d.emailRoutes(), d.ruleRoutes(), d.multiauthRoutes(), d.v1Routes())
}

// segments are the parts of a path between its slashes, still escaped. Empty ones count for
// nothing: clients double slashes and end with them.
func segments(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// find is the route of a method and an escaped path, and what its wildcards stand for. When
// no route takes the method, allowed are those that the address takes; none when there is no
// such address.
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
		if at.method != method {
			if !slices.Contains(allowed, at.method) {
				allowed = append(allowed, at.method)
			}
			continue
		}
		if literal > best {
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
