package dashboard

import (
	"strconv"
	"strings"
	"time"

	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// homeView is what the first page of an account shows.
type homeView struct {
	report.Home
	Stats []web.Stat
	Chart *web.Chart // nil while nothing was earned
	Needs []web.Need
	Steps []step // of the way to the first renewal; nil once it is done
}

// step is one line of the checklist of a new account.
type step struct {
	Title, Text string
	Done        bool
	Next        bool // the one to do now
	Link        web.Link
}

func (v *visit) home() {
	h, err := v.report.Home(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	view := homeView{Home: h}
	view.Stats, view.Needs, view.Steps = v.stats(h), v.needs(h), v.steps(h)
	if c := mainCurrency(v.acc.Currency, h.Invoices); c != "" {
		months, err := v.report.Revenue(v.r.Context(), v.acc, c, v.now)
		if err != nil {
			v.fail(err)
			return
		}
		view.Chart = v.revenueChart(months)
	}
	p := v.page("Home")
	if v.may(products) && len(view.Steps) == 0 {
		p.Header.Primary = web.LinkButton(web.Plain, "New product", v.at("products", "new"))
	}
	v.show(homePage(v, p, view))
}

// mainCurrency is the account's own currency, or the one in which most was paid
// when nothing was paid in that; "" when nothing was.
func mainCurrency(own money.Currency, totals []invoice.Totals) money.Currency {
	var best money.Currency
	var most int64
	for _, t := range totals {
		switch {
		case t.State != invoice.Paid:
		case t.Currency == own:
			return own
		case t.Count > most:
			best, most = t.Currency, t.Count
		}
	}
	return best
}

func (v *visit) stats(h report.Home) []web.Stat {
	var list []web.Stat
	recurring := h.Recurring
	if len(recurring) == 0 {
		recurring = []money.Amount{money.Zero(v.acc.Currency)}
	}
	for _, a := range recurring {
		list = append(list, web.Stat{Label: labelled("Recurring a month", a.Currency, len(recurring)), Value: v.money(a), Note: "active and past due, before tax"})
	}
	running := h.States[subscription.Active] + h.States[subscription.PastDue]
	list = append(list, web.Stat{Label: "Paying subscriptions", Value: web.CountText(running), Note: states(h)})
	taken := map[money.Currency]int64{}
	back := map[money.Currency]int64{}
	var order []money.Currency
	for _, t := range h.Invoices {
		if t.State != invoice.Paid {
			continue
		}
		if _, seen := taken[t.Currency]; !seen {
			order = append(order, t.Currency)
		}
		taken[t.Currency] += t.Total
		back[t.Currency] += t.Refunded
	}
	if len(order) == 0 {
		order = []money.Currency{v.acc.Currency}
	}
	for _, c := range order {
		note := "nothing refunded"
		if back[c] > 0 {
			note = v.minor(back[c], c) + " refunded"
		}
		list = append(list, web.Stat{Label: labelled("Money taken", c, len(order)), Value: v.minor(taken[c], c), Note: note})
	}
	return list
}

func labelled(label string, c money.Currency, currencies int) string {
	if currencies < 2 {
		return label
	}
	return label + " in " + string(c)
}

// states is the rest of the subscriptions in words.
func states(h report.Home) string {
	var parts []string
	for _, s := range []struct {
		state subscription.State
		word  string
	}{{subscription.Trialing, "in trial"}, {subscription.PastDue, "past due"}, {subscription.Canceled, "ended"}} {
		if n := h.States[s.state]; n > 0 {
			parts = append(parts, web.CountText(n)+" "+s.word)
		}
	}
	if len(parts) == 0 {
		return "none in trial, past due or ended"
	}
	return strings.Join(parts, ", ")
}

func (v *visit) needs(h report.Home) []web.Need {
	var list []web.Need
	if n := h.States[subscription.PastDue]; n > 0 {
		text := "subscriptions are past due"
		if n == 1 {
			text = "subscription is past due"
		}
		list = append(list, web.Need{Text: text, Count: int(n), Href: v.at("subscriptions") + "?status=past_due", Kind: web.Warning})
	}
	return list
}

// steps is the way to the first renewal. It ends with the first sale of a live
// account and with the first moved clock of a sandbox.
func (v *visit) steps(h report.Home) []step {
	sold := len(h.States) > 0 || len(h.Invoices) > 0
	renewed := v.acc.ClockOffset > 0
	for _, t := range h.Invoices {
		renewed = renewed || t.State == invoice.Paid && t.Count > 1
	}
	list := []step{
		{Title: "Create your first product", Text: "A name, a price, how often. It takes a minute, and its checkout page is there at once.", Done: h.Products, Link: web.Link{Label: "Create a product", Href: v.at("products", "new")}},
		{Title: "Buy it with a test card", Text: "Open the product's checkout link and pay as a buyer would. The sandbox plays the bank.", Done: sold, Link: web.Link{Label: "Go to the checkout link", Href: v.at("products")}},
		{Title: "Move the clock by a month", Text: "The sandbox has a clock of its own. Move it and watch the first renewal being charged.", Done: renewed, Link: web.Link{Label: "Move the clock", Href: v.at("developers", "clock")}},
	}
	if !v.sandbox() {
		list[1] = step{Title: "Connect a payment gateway", Text: "This live account cannot charge cards yet: it has no payment gateway. Until then, try everything in the sandbox account.", Done: sold}
		list = list[:2]
	}
	open := false
	for i := range list {
		if !list[i].Done && !open {
			list[i].Next, open = true, true
		}
	}
	if !open {
		return nil
	}
	return list
}

func (v *visit) revenueChart(months []report.Month) *web.Chart {
	c := web.Chart{ID: "revenue", Title: "How does net revenue go?", SoFar: true}
	s := web.Series{Name: "Net revenue", Tone: "new"}
	earned := false
	for _, m := range months {
		layout := "Jan"
		if from := m.From.In(v.zone); len(c.X) == 0 || from.Month() == time.January {
			layout = "Jan 2006"
		}
		c.X = append(c.X, m.From.In(v.zone).Format(layout))
		s.Values = append(s.Values, m.Net.Minor)
		s.Text = append(s.Text, v.money(m.Net))
		earned = earned || m.Net.Minor != 0
	}
	if !earned {
		return nil
	}
	last := months[len(months)-1]
	before := months[len(months)-2]
	c.Answer = v.money(last.Net) + " so far in " + last.From.In(v.zone).Format("January") + ", after " + v.money(before.Net) + " in " + before.From.In(v.zone).Format("January") +
		". Invoiced less voided and refunded, before tax."
	c.Series = []web.Series{s}
	digits := last.Net.Currency.Digits()
	c.Axis = func(minor int64) string { return axis(minor, digits) }
	return &c
}

// axis writes an amount short, in whole major units.
func axis(minor int64, digits int) string {
	for range digits {
		minor /= 10
	}
	if minor%1000 == 0 && minor != 0 {
		return strconv.FormatInt(minor/1000, 10) + "k"
	}
	return web.CountText(minor)
}

// next is a thing that will happen, in words.
type next struct {
	At     time.Time
	Text   string
	Amount string
}

// dueWords tell the steps that are no plain charge.
var dueWords = map[subscription.Step]string{subscription.Complete: "Its last payment's period is over", subscription.ChangeDue: "Its plan changes", subscription.PauseNow: "It pauses",
	subscription.PauseFee: "The fee of its pause is charged", subscription.EndOfPause: "Its pause ends"}

// due tells what a due step will do and the amount with tax.
func (v *visit) due(d report.Due) next {
	n := next{At: d.At}
	switch d.Step {
	case subscription.Finish:
		n.Text = "Ends"
		return n
	case subscription.Complete, subscription.ChangeDue, subscription.PauseNow, subscription.PauseFee, subscription.EndOfPause:
		n.Text = dueWords[d.Step] // what they cost stands on the subscription's page
		return n
	case subscription.Retry:
		n.Text = "Tries the unpaid invoice again"
	default:
		n.Text = "Renews"
		if d.Subscription.State == subscription.Trialing {
			n.Text = "Trial ends, first charge"
		}
	}
	if gross, err := report.WithTax(v.acc, d.Amount); err == nil {
		n.Amount = v.money(gross)
	}
	return n
}
