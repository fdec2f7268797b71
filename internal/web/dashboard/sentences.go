package dashboard

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"perennial/internal/event"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// facts are the data of an event, as the stories wrote them.
type facts map[string]any

func factsOf(e event.Event) facts {
	decoder := json.NewDecoder(strings.NewReader(e.Data))
	decoder.UseNumber()
	f := facts{}
	if err := decoder.Decode(&f); err != nil {
		return facts{}
	}
	return f
}

func (f facts) text(name string) string {
	switch v := f[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (f facts) number(name string) int64 {
	n, ok := f[name].(json.Number)
	if !ok {
		return 0
	}
	whole, err := n.Int64()
	if err != nil {
		return 0
	}
	return whole
}

func (f facts) instant(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, f.text(name))
	if err != nil {
		return time.Time{}
	}
	return t
}

// amount is the money of an event, "" when it has none.
func (v *visit) amountOf(f facts) string {
	c := v.currencyOf(f)
	if _, ok := f["amount"]; !ok || !c.Known() {
		return ""
	}
	return v.minor(f.number("amount"), c)
}

func (v *visit) currencyOf(f facts) money.Currency { return money.Currency(f.text("currency")) }

// telling is how a kind of event is told: a sentence, an icon, a tone.
type telling struct {
	icon string
	tone web.Kind
	say  func(v *visit, f facts) string
}

func says(text string) func(*visit, facts) string {
	return func(*visit, facts) string { return text }
}

func named(format, field string) func(*visit, facts) string {
	return func(_ *visit, f facts) string {
		if s := f.text(field); s != "" {
			return fmt.Sprintf(format, s)
		}
		return strings.TrimSpace(fmt.Sprintf(format, ""))
	}
}

var tellings = map[event.Kind]telling{
	event.AccountCreated:  {"home", "", says("The account was created")},
	event.AccountUpdated:  {"settings", "", says("The account's facts were changed")},
	event.ClockAdvanced:   {"clock", "", func(v *visit, f facts) string { return "The clock was moved to " + v.dateTime(f.instant("to")) }},
	event.APIKeyCreated:   {"key", "", named("API key %s was created", "name")},
	event.APIKeyRevoked:   {"key", web.Warning, says("An API key was revoked")},
	event.MemberAdded:     {"person", "", named("A member joined as %s", "role")},
	event.MemberRemoved:   {"person", "", says("A member left")},
	event.EndpointCreated: {"plug", "", says("A webhook endpoint was added")},
	event.EndpointRemoved: {"plug", "", says("A webhook endpoint was removed")},
	event.CampaignCreated: {"box", "", named("Campaign %s was created", "name")},
	event.CampaignUpdated: {"box", "", named("Campaign %s was changed", "name")},
	event.ProductCreated:  {"box", "", named("Product %s was created", "name")},
	event.ProductUpdated:  {"box", "", named("Product %s was changed", "name")},
	event.PriceCreated: {"money", "", func(v *visit, f facts) string {
		return "A price was added: " + v.amountOf(f) + every(f.text("interval"))
	}},
	event.PriceUpdated:    {"money", "", says("A price was changed")},
	event.CustomerCreated: {"person", "", says("The customer was created")},
	event.CustomerUpdated: {"pencil", "", func(_ *visit, f facts) string {
		if _, checked := f["tax_id_state"]; checked {
			return "The tax ID was checked: " + lowered(taxIDWords[f.text("tax_id_state")])
		}
		return "The customer's facts were changed"
	}},
	event.CustomerImported:     {"download", "", says("The customer was imported")},
	event.MethodAttached:       {"card", "", named("Payment method saved: %s", "method")},
	event.MethodDetached:       {"card", web.Warning, named("Payment method removed: %s", "method")},
	event.OrderCompleted:       {"check-circle", web.Success, func(_ *visit, f facts) string { return "The order was completed" + through(f.text("source")) }},
	event.OrderFailed:          {"x-circle", web.Failure, func(_ *visit, f facts) string { return "The order failed: " + declineWords(f.text("code")) }},
	event.SubscriptionCreated:  {"repeat", web.Success, tellStart},
	event.SubscriptionImported: {"download", "", says("The subscription was imported")},
	event.SubscriptionUpdated: {"repeat", "", func(_ *visit, f facts) string {
		if f.text("removed_coupon") != "" {
			return "A coupon was taken off the subscription"
		}
		if _, early := f["billed_early"]; early {
			return "The next period was billed early"
		}
		return "The subscription was changed"
	}},
	event.SubscriptionStarted: {"repeat", web.Success, says("The trial ended and the first period was paid")},
	event.SubscriptionRenewed: {"repeat", web.Success, func(v *visit, f facts) string { return "The subscription renewed until " + v.date(f.instant("to")) }},
	event.SubscriptionPastDue: {"warning", web.Warning, tellPastDue},
	event.SubscriptionResumed: {"check-circle", web.Success, says("The overdue invoice was paid and the subscription goes on")},
	event.BillingFailed: {"warning", web.Failure, func(_ *visit, f facts) string {
		return "The period could not be invoiced" + quoted(f.text("reason"))
	}},
	event.CancelScheduled: {"ending", web.Warning, func(v *visit, f facts) string {
		return "The end was scheduled for " + v.date(f.instant("at")) + quoted(f.text("words"))
	}},
	event.CancelUndone:         {"undo", "", says("The scheduled end was taken back")},
	event.SubscriptionCanceled: {"stop", web.Failure, tellEnd},
	event.InvoiceIssued:        {"document", "", named("Invoice %s was issued", "number")},
	event.InvoiceUpdated:       {"document", "", says("The payment method of the invoice was changed")},
	event.InvoicePaid:          {"check-circle", web.Success, named("Invoice %s was paid", "number")},
	event.InvoiceVoided:        {"void", web.Warning, named("Invoice %s was voided", "number")},
	event.PaymentDeclined:      {"x-circle", web.Failure, func(_ *visit, f facts) string { return "A payment was declined: " + declineWords(f.text("code")) }},
	event.PaymentUnknown:       {"question", web.Warning, says("The gateway did not answer; it will be asked again")},
	event.RefundCreated:        {"undo", "", func(_ *visit, f facts) string { return "A refund was started" + quoted(f.text("reason")) }},
	event.RefundSucceeded:      {"undo", web.Success, says("A refund went through")},
	event.RefundFailed:         {"x-circle", web.Failure, says("A refund was refused by the gateway")},
}

func every(interval string) string {
	if interval == "" {
		return " once"
	}
	return " every " + interval
}

func through(source string) string {
	switch source {
	case "checkout":
		return " at the checkout"
	case "dashboard":
		return " in the dashboard"
	case "api":
		return " through the API"
	}
	return ""
}

func declineWords(code string) string {
	return strings.TrimSuffix(strings.ToLower(payment.Words(code)[:1])+payment.Words(code)[1:], ".")
}

func quoted(words string) string {
	if words == "" {
		return ""
	}
	return " (“" + words + "”)"
}

func tellStart(v *visit, f facts) string {
	if f.text("state") == "trialing" {
		return "The subscription began with a trial"
	}
	return "The subscription began"
}

func tellPastDue(v *visit, f facts) string {
	text := "The renewal was not paid"
	if at := f.instant("next_try"); !at.IsZero() {
		text += "; the next try is on " + v.date(at)
	}
	return text
}

func tellEnd(_ *visit, f facts) string {
	if text := endedBy[f.text("reason")]; text != "" {
		return text
	}
	return "The subscription was canceled" + quoted(f.text("words"))
}

// latest tells events in short, for the first page.
func (v *visit) latest(events []event.Event) web.History {
	h := v.history("Latest events", events[:min(len(events), 10)])
	for d := range h.Days {
		for e := range h.Days[d].Entries {
			h.Days[d].Entries[e].Detail = nil
		}
	}
	return h
}

// history tells events, newest first, by days of the account's zone.
func (v *visit) history(label string, events []event.Event) web.History {
	// Things of one step of the clock are written together; they are told in the order
	// in which they happened.
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b event.Event) int { return b.At.Compare(a.At) })
	h := web.History{Label: label}
	day := ""
	for _, e := range events {
		label := v.date(e.At)
		if label == v.date(v.now) {
			label = "Today"
		}
		if label != day {
			h.Days = append(h.Days, web.Day{Label: label})
			day = label
		}
		last := &h.Days[len(h.Days)-1]
		last.Entries = append(last.Entries, v.entry(e))
	}
	return h
}

func (v *visit) entry(e event.Event) web.Entry {
	f := factsOf(e)
	told, ok := tellingOf(e.Kind)
	if !ok {
		told = telling{"note", "", says(string(e.Kind))}
	}
	entry := web.Entry{Icon: told.icon, Tone: told.tone, At: e.At, Clock: e.At.In(v.zone).Format("15:04"), Exact: e.At.In(v.zone).Format("Mon 2 Jan 2006, 15:04:05 MST"),
		Actor: actorName(e.Actor), Text: told.say(v, f), Href: v.subject(e, f), Amount: v.amountOf(f)}
	switch {
	case e.Kind == event.PriceCreated:
		entry.Amount = "" // the sentence says it with its interval
	case e.Kind == event.SubscriptionCanceled && e.Actor.Kind == event.ByClock && f.text("reason") == string(subscription.ByRequest):
		entry.Text = "The subscription ended, as it was scheduled to"
	}
	list := []web.Fact{{Term: "Event", Value: web.IDCopy(e.ID.String())}, {Term: "Kind", Text: string(e.Kind)}}
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if s := f.text(name); s != "" {
			list = append(list, web.Fact{Term: name, Text: s})
		}
	}
	entry.Detail = web.FactList(list)
	return entry
}

// actorName is who did it, as people say it.
func actorName(a event.Actor) string {
	switch a.Kind {
	case event.ByClock:
		return "Automatic"
	case event.ByKey:
		return "API key " + a.Name
	case event.ByCustomer:
		return "The buyer"
	case event.ByOperator:
		return "Operator"
	}
	return a.Name
}

// subject is the page of the thing that an event is about, "" when it has none.
func (v *visit) subject(e event.Event, f facts) string {
	thing, _, _ := strings.Cut(string(e.Kind), ".")
	switch thing {
	case "customer":
		return v.at("customers", e.SubjectID())
	case "subscription":
		return v.at("subscriptions", e.SubjectID())
	case "invoice":
		return v.at("invoices", e.SubjectID())
	case "credit_note":
		return v.at("credit-notes", e.SubjectID())
	case "invoice_item":
		if sub := f.text("subscription"); sub != "" {
			return v.at("subscriptions", sub)
		}
	case "product":
		return v.at("products", e.SubjectID())
	case "payment":
		return v.at("payments", e.SubjectID())
	case "refund":
		return v.at("payments", f.text("payment"))
	case "api_key":
		if v.may(keys) {
			return v.at("developers", "keys")
		}
	case "endpoint":
		if v.may(keys) && e.Kind != event.EndpointRemoved {
			return v.at("developers", "webhooks", e.SubjectID())
		}
	}
	if e.Customer != 0 {
		return v.at("customers", e.Customer.String())
	}
	return ""
}
