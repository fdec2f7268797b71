package dashboard

import (
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/customer"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// The words of states, those of web.Status.

func subscriptionWord(s subscription.Subscription) string {
	switch {
	case s.State == subscription.Canceled:
		return "Ended"
	case s.State == subscription.PastDue:
		return "Past due"
	case s.State == subscription.Paused:
		return "Paused"
	case !s.CancelAt.IsZero():
		return "Cancelling"
	case s.State == subscription.Trialing:
		return "Trial"
	}
	return "Active"
}

func invoiceWord(i invoice.Invoice) string {
	switch i.State {
	case invoice.Draft:
		return "Draft"
	case invoice.Open:
		return "Open"
	case invoice.Void:
		return "Void"
	case invoice.Uncollectible:
		return "Uncollected"
	}
	if i.Refunded > 0 && i.Refunded == i.Total.Minor {
		return "Refunded"
	}
	return "Paid"
}

func paymentWord(p payment.Payment) string {
	switch p.State {
	case payment.Pending:
		switch p.Waits {
		case payment.ForBank:
			return "Pending"
		case payment.ForCustomer:
			return "Waiting"
		case payment.ForPerson:
			return "Needs action"
		}
		return "Unknown"
	case payment.DeclinedState:
		return "Declined"
	}
	if p.Refunded > 0 && p.Refunded == p.Amount.Minor {
		return "Refunded"
	}
	return "Succeeded"
}

func refundWord(r payment.Refund) string {
	switch r.State {
	case payment.Pending:
		return "Unknown"
	case payment.Failed:
		return "Failed"
	}
	return "Succeeded"
}

func methodLabel(m *payment.Method) string {
	if m == nil {
		return ""
	}
	label := m.Label()
	return strings.ToUpper(label[:1]) + label[1:]
}

func planName(view report.SubscriptionView) string {
	if view.Product == nil {
		return view.Subscription.Product.String()
	}
	if view.Price != nil && view.Price.Name != "" {
		return view.Product.Name + " – " + view.Price.Name
	}
	return view.Product.Name
}

func upcomingTable(v *visit, name string, list []report.Due) web.Table {
	t := web.Table{ID: name, Caption: "Things that fall due, table",
		Columns: []web.Column{{Label: "Customer"}, {Label: "When", Card: true, NoWrap: true}, {Label: "Amount", Numeric: true, Card: true}},
		Empty:   web.EmptyState(web.Empty{Title: "Nothing falls due", Text: "Renewals, retries and scheduled ends will stand here."})}
	for _, d := range list {
		n := v.due(d)
		row := web.Row{Href: v.at("subscriptions", d.Subscription.ID.String()), Cells: []templ.Component{web.Stack(d.Customer.Label(), n.Text), web.DateTime(n.At, v.zone), nil}}
		if n.Amount != "" {
			row.Cells[2] = web.Money(n.Amount)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func subscriptionTable(v *visit, list []report.SubscriptionView, withCustomer bool) web.Table {
	t := web.Table{ID: "subscriptions", Caption: "Subscriptions, table"}
	if withCustomer {
		t.Columns = append(t.Columns, web.Column{Label: "Customer"})
	}
	t.Columns = append(t.Columns, web.Column{Label: "Plan", Card: withCustomer}, web.Column{Label: "Status", Card: true}, web.Column{Label: "Price", Numeric: true, Card: true},
		web.Column{Label: "Next", NoWrap: true}, web.Column{Label: "Started", NoWrap: true, Optional: withCustomer})
	for _, s := range list {
		row := web.Row{Href: v.at("subscriptions", s.Subscription.ID.String())}
		if withCustomer {
			row.Cells = append(row.Cells, customerCell(s.Customer))
		}
		plan := planName(s)
		if s.Subscription.Quantity > 1 {
			plan += " × " + web.CountText(s.Subscription.Quantity)
		}
		var due templ.Component
		if !s.Subscription.NextActionAt.IsZero() {
			due = web.Date(s.Subscription.NextActionAt, v.zone)
		}
		row.Cells = append(row.Cells, web.Text(plan), web.Status(subscriptionWord(s.Subscription)), web.Money(v.costText(s)), due, web.Date(s.Subscription.CreatedAt, v.zone))
		t.Rows = append(t.Rows, row)
	}
	return t
}

func customerCell(c *customer.Customer) templ.Component {
	if c == nil {
		return nil
	}
	second := c.Email
	if second == c.Label() {
		second = ""
	}
	return web.Stack(c.Label(), second)
}

func invoiceTable(v *visit, list []invoice.Invoice, buyers map[id.Customer]customer.Customer) web.Table {
	t := web.Table{ID: "invoices", Caption: "Invoices, table", Columns: []web.Column{{Label: "Number", NoWrap: true}}}
	if buyers != nil {
		t.Columns = append(t.Columns, web.Column{Label: "Customer", Card: true})
	}
	t.Columns = append(t.Columns, web.Column{Label: "Status", Card: true}, web.Column{Label: "Total", Numeric: true, Card: true}, web.Column{Label: "Reason"}, web.Column{Label: "Issued", NoWrap: true})
	for _, i := range list {
		label := i.Label()
		if label == "" {
			label = "No number"
		}
		row := web.Row{Href: v.at("invoices", i.ID.String()), Cells: []templ.Component{web.Strong(label)}}
		if buyers != nil {
			buyer := buyers[i.Customer]
			row.Cells = append(row.Cells, customerCell(&buyer))
		}
		row.Cells = append(row.Cells, web.Status(invoiceWord(i)), web.Money(v.money(i.Total)), web.Text(reasonWord(i.Reason)), web.Date(i.IssuedAt, v.zone))
		t.Rows = append(t.Rows, row)
	}
	return t
}

var reasonWords = map[invoice.Reason]string{invoice.Renewal: "Renewal", invoice.Changed: "Change of plan", invoice.Usage: "Usage", invoice.Pause: "Fee of a pause", invoice.Items: "Waiting amounts", invoice.ByHand: "By hand"}

func reasonWord(r invoice.Reason) string {
	if word := reasonWords[r]; word != "" {
		return word
	}
	return "Sale"
}

// Lists are paged by the key of the last row seen. The address also carries the
// keys of the pages before, so that "Newer" works without a script.

const (
	pageSize = 50
	maxTrail = 200
)

// paging is where a list stands.
type paging struct {
	before string   // key of the last row of the page before; "" on the first page
	trail  []string // the same of the pages before that
}

func pagingOf(r *url.URL) paging {
	q := r.Query()
	p := paging{before: q.Get("before")}
	if t := q.Get("trail"); t != "" && p.before != "" {
		p.trail = strings.Split(t, ".")
		if len(p.trail) > maxTrail {
			p.trail = p.trail[:maxTrail]
		}
	}
	return p
}

// first is the number of the first row of the page.
func (p paging) first() int64 {
	if p.before == "" {
		return 1
	}
	return int64(len(p.trail)+1)*pageSize + 1
}

// pager draws the links; last is the key of the last row when there is a next page.
// Total below 0 is not known.
func (p paging) pager(r *url.URL, shown int, last string, total int64) web.PageOf {
	address := func(before string, trail []string) string {
		q := r.Query()
		q.Del("before")
		q.Del("trail")
		q.Del("done")
		if before != "" {
			q.Set("before", before)
		}
		if len(trail) > 0 {
			q.Set("trail", strings.Join(trail, "."))
		}
		if encoded := q.Encode(); encoded != "" {
			return r.Path + "?" + encoded
		}
		return r.Path
	}
	page := web.PageOf{Text: web.RangeText(p.first(), p.first()+int64(shown)-1, total, false)}
	if p.before != "" {
		page.Newer = address("", nil)
		if n := len(p.trail); n > 0 {
			page.Newer = address(p.trail[n-1], p.trail[:n-1])
		}
	}
	if last != "" {
		trail := p.trail
		if p.before != "" {
			trail = append(append([]string{}, p.trail...), p.before)
		}
		page.Older = address(last, trail)
	}
	return page
}

// cut takes the row beyond the page off a list and tells the key of the last one
// left, "" when there was none beyond.
func cut[T any](list []T, key func(T) string) ([]T, string) {
	if len(list) <= pageSize {
		return list, ""
	}
	list = list[:pageSize]
	return list, key(list[pageSize-1])
}

// beforeKey reads the key of a page; a wrong one begins at the newest.
func beforeKey[I id.Identifier](p *paging) I {
	if p.before == "" {
		return 0
	}
	found, err := id.Parse[I](p.before)
	if err != nil {
		*p = paging{}
	}
	return found
}
