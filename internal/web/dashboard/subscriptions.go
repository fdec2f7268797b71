package dashboard

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// subscriptionStates are the choices of the filter.
var subscriptionStates = []web.Option{{Label: "Any"}, {Value: "active", Label: "Active"}, {Value: "trialing", Label: "Trial"}, {Value: "past_due", Label: "Past due"}, {Value: "canceled", Label: "Ended"}}

func optionLabel(list []web.Option, value string) string {
	for _, o := range list {
		if o.Value == value {
			return o.Label
		}
	}
	return ""
}

func (v *visit) subscriptions() {
	state := subscription.State(v.r.URL.Query().Get("status"))
	if !state.Known() {
		state = ""
	}
	at := pagingOf(v.r.URL)
	list, err := v.report.Subscriptions(v.r.Context(), v.acc.ID, subscription.Filter{State: state, Before: beforeKey[id.Subscription](&at), Limit: pageSize + 1}, report.Expand{Customer: true, Product: true, Price: true})
	if err != nil {
		v.fail(err)
		return
	}
	counts, err := v.report.SubscriptionCounts(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	total := counts[state]
	if state == "" {
		for _, n := range counts {
			total += n
		}
	}
	list, last := cut(list, func(s report.SubscriptionView) string { return s.Subscription.ID.String() })
	table := subscriptionTable(v, list, true)
	filter := web.FilterSet{Action: v.at("subscriptions"), Fields: []web.Filter{{Name: "status", Label: "Status", Options: web.Choices(string(state), subscriptionStates...)}}}
	empty := web.Empty{Title: "Subscriptions will stand here", Text: "Each sale of a recurring price starts one."}
	if state != "" {
		filter.Chips = []web.Chip{{Label: "Status: " + optionLabel(subscriptionStates, string(state)), Href: v.at("subscriptions")}}
		filter.Clear = v.at("subscriptions")
		empty = web.Empty{Title: "Nothing matches", Chips: filter.Chips, Clear: filter.Clear}
	}
	table.Empty = web.EmptyState(empty)
	v.show(listPage(v.page("Subscriptions"), nil, filter, table, at.pager(v.r.URL, len(list), last, total)))
}

// subscriptionView is what the page of a subscription shows.
type subscriptionView struct {
	report.SubscriptionPage
	Next []string // what happens next, one sentence each
	Key  string   // for the form that undoes a scheduled end
}

func (v *visit) loadSubscription() (report.SubscriptionPage, bool) {
	which, ok := find[id.Subscription](v)
	if !ok {
		return report.SubscriptionPage{}, false
	}
	s, err := v.report.SubscriptionPage(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return s, false
	}
	return s, true
}

func (v *visit) subscription() {
	s, ok := v.loadSubscription()
	if !ok {
		return
	}
	sub := s.Subscription
	p := v.page(planName(s.SubscriptionView))
	p.Crumbs = []web.Link{{Label: "Subscriptions", Href: v.at("subscriptions")}}
	p.Header.Status, p.Header.ID = subscriptionWord(sub), sub.ID.String()
	if s.Customer != nil {
		p.Header.Facts = append(p.Header.Facts, web.Fact{Term: "Customer", Value: web.TextLink(v.at("customers", sub.Customer.String()), s.Customer.Label())})
	}
	p.Header.Facts = append(p.Header.Facts, web.Fact{Term: "Price", Text: v.priceText(sub)})
	if !sub.NextActionAt.IsZero() {
		p.Header.Facts = append(p.Header.Facts, web.Fact{Term: "Next", Value: web.Date(sub.NextActionAt, v.zone)})
	}
	p.Header.Facts = append(p.Header.Facts, web.Fact{Term: "Started", Value: web.Date(sub.CreatedAt, v.zone)})
	if v.may(subscriptions) && sub.State != subscription.Canceled {
		cancel := v.at("subscriptions", sub.ID.String(), "cancel")
		if sub.CancelAt.IsZero() {
			p.Header.Primary = web.LinkButton(web.Plain, "Cancel subscription", cancel)
		} else {
			p.Header.More = []web.Action{{Label: "End now instead", Href: cancel + "?when=now", Danger: true}}
		}
	}
	v.show(subscriptionPage(v, p, subscriptionView{SubscriptionPage: s, Next: v.whatIsNext(s.SubscriptionView), Key: operationKey()}))
}

// whatIsNext tells what will happen to a subscription, with dates and amounts.
func (v *visit) whatIsNext(s report.SubscriptionView) []string {
	sub := s.Subscription
	if sub.State == subscription.Canceled {
		why := "it was canceled"
		switch sub.EndReason {
		case subscription.PaymentFailed:
			why = "its last retry was declined"
		case subscription.Imported:
			why = "it had ended elsewhere before it was imported"
		}
		return []string{"Nothing: it ended on " + v.date(sub.EndedAt) + " because " + why + "."}
	}
	if sub.NextActionAt.IsZero() {
		return []string{"The gateway has not answered the last charge. It is asked again under the same key; nothing else happens until then."}
	}
	amount := v.grossText(sub)
	var list []string
	switch {
	case sub.State == subscription.PastDue:
		list = append(list, fmt.Sprintf("%s: tries the unpaid invoice again, try %d of %d.", v.date(sub.NextActionAt), sub.Failures+1, len(subscription.RetryDelays)+1),
			"If the last try is declined, the subscription ends.")
	case !sub.CancelAt.IsZero():
		return []string{v.date(sub.CancelAt) + ": the subscription ends. Nothing more is charged."}
	case sub.State == subscription.Trialing:
		list = append(list, fmt.Sprintf("%s: the trial ends and %s is charged, then every %s.", v.date(sub.NextActionAt), amount, sub.Interval))
	default:
		list = append(list, fmt.Sprintf("%s: charges %s for the next %s.", v.date(sub.NextActionAt), amount, sub.Interval))
	}
	if !sub.CancelAt.IsZero() && sub.State == subscription.PastDue {
		list = append(list, v.date(sub.CancelAt)+": the subscription ends.")
	}
	if s.Method == nil {
		list = append(list, "There is no payment method: the charge will fail until the customer has one.")
	}
	return list
}

// grossText is what each period costs, with its tax named.
func (v *visit) grossText(sub subscription.Subscription) string {
	net, err := sub.Amount()
	if err != nil {
		return v.money(sub.UnitAmount)
	}
	gross, err := report.WithTax(v.acc, net)
	if err != nil {
		return v.money(net)
	}
	tax, err := gross.Sub(net)
	if err != nil || tax.IsZero() {
		return v.money(gross)
	}
	return v.money(gross) + " (" + v.money(net) + " + " + v.money(tax) + " " + v.acc.Tax.Name + ")"
}

// cancelChoice is the form of a cancellation as it was filled in.
type cancelChoice struct {
	When     subscription.When
	Reason   string
	Key      string
	Problems []web.Problem
}

func (v *visit) cancelForm() {
	s, ok := v.loadSubscription()
	if !ok {
		return
	}
	f := cancelChoice{When: subscription.AtPeriodEnd, Key: operationKey()}
	if v.r.URL.Query().Get("when") == string(subscription.Now) || !s.Subscription.CancelAt.IsZero() {
		f.When = subscription.Now
	}
	v.showCancel(s, http.StatusOK, f)
}

func (v *visit) showCancel(s report.SubscriptionPage, status int, f cancelChoice) {
	p := v.page("Cancel subscription")
	p.Narrow = true
	back := v.at("subscriptions", s.Subscription.ID.String())
	p.Crumbs = []web.Link{{Label: "Subscriptions", Href: v.at("subscriptions")}, {Label: planName(s.SubscriptionView), Href: back}}
	c := web.Confirmation{Action: back + "/cancel", OperationKey: f.Key, Verb: "Cancel subscription", Busy: "Canceling…", Danger: true, Problems: f.Problems, CancelHref: back, CancelLabel: "Keep it",
		Sends: "The webhooks that want it, and no mail", Undo: "An end at the end of the period until it comes; an end now cannot be undone"}
	if s.Customer != nil {
		c.Changes = append(c.Changes, web.Fact{Term: "Customer", Text: s.Customer.Label()})
	}
	c.Changes = append(c.Changes, web.Fact{Term: "Plan", Text: planName(s.SubscriptionView)}, web.Fact{Term: "Price", Text: v.priceText(s.Subscription)})
	if s.Subscription.Invoice != 0 {
		c.Changes = append(c.Changes, web.Fact{Term: "Unpaid invoice", Text: "Stays owed; void it if it should not be."})
	}
	web.Render(v.w, v.r, status, cancelPage(v, p, s, c, f))
}

func (v *visit) cancelChoices(s subscription.Subscription, chosen subscription.When) []web.Choice {
	return []web.Choice{
		{Value: string(subscription.AtPeriodEnd), Label: "At the end of the period, " + v.date(s.Span.To), Text: "It works until then and is not charged again. Nothing is refunded.", Selected: chosen == subscription.AtPeriodEnd},
		{Value: string(subscription.Now), Label: "Now", Text: "It ends at once. Nothing is refunded; refund the invoice if money should go back.", Selected: chosen == subscription.Now},
	}
}

func (v *visit) cancel() {
	s, ok := v.loadSubscription()
	if !ok || !v.form() {
		return
	}
	f := cancelChoice{When: subscription.When(v.r.PostForm.Get("when")), Reason: strings.TrimSpace(v.r.PostForm.Get("reason")), Key: operationKey()}
	here := v.at("subscriptions", s.Subscription.ID.String())
	o := v.once(func(result any) string {
		if result.(subscription.Subscription).State == subscription.Canceled {
			return here + "?done=canceled"
		}
		return here + "?done=cancel-scheduled"
	}, func(call commerce.Call) (any, error) {
		return v.commerce.Cancel(v.r.Context(), commerce.Cancel{Call: call, Subscription: s.Subscription.ID, When: f.When, Reason: f.Reason})
	})
	if o.err == nil {
		v.done(o.location)
	} else if problems, status, ok := v.again(o.err); ok {
		f.Problems = problems
		v.showCancel(s, status, f)
	}
}

func (v *visit) undoCancel() {
	which, ok := find[id.Subscription](v)
	if !ok || !v.form() {
		return
	}
	o := v.once(func(any) string { return v.at("subscriptions", which.String()) + "?done=cancel-undone" }, func(call commerce.Call) (any, error) {
		return v.commerce.UndoCancel(v.r.Context(), commerce.UndoCancel{Call: call, Subscription: which})
	})
	if o.err != nil {
		v.fail(o.err)
		return
	}
	v.done(o.location)
}

// facts of a subscription, for its box.
func (v *visit) subscriptionFacts(s report.SubscriptionView) []web.Fact {
	sub := s.Subscription
	list := []web.Fact{
		{Term: "Plan", Value: web.TextLink(v.at("products", sub.Product.String()), planName(s))},
		{Term: "Quantity", Text: web.CountText(sub.Quantity)},
		{Term: "Price", Text: v.money(sub.UnitAmount) + " each, every " + sub.Interval.String()},
	}
	if sub.Period < 0 {
		list = append(list, web.Fact{Term: "Period", Text: "Trial until " + v.date(sub.TrialTo)})
	} else {
		list = append(list, web.Fact{Term: "Period", Text: fmt.Sprintf("%d: %s to %s", sub.Period+1, v.date(sub.Span.From), v.date(sub.Span.To))})
	}
	list = append(list, web.Fact{Term: "Billing days in", Text: sub.Zone})
	if !sub.EndedAt.IsZero() {
		list = append(list, web.Fact{Term: "Ended", Value: web.DateTime(sub.EndedAt, v.zone)})
	}
	var method templ.Component
	if s.Method != nil {
		method = web.Text(methodLabel(s.Method))
	}
	return append(list, web.Fact{Term: "Payment method", Value: method})
}
