package dashboard

import (
	"fmt"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// subscriptionStates are the choices of the filter.
var subscriptionStates = []web.Option{{Label: "Any"}, {Value: "active", Label: "Active"}, {Value: "trialing", Label: "Trial"}, {Value: "past_due", Label: "Past due"}, {Value: "paused", Label: "Paused"}, {Value: "canceled", Label: "Ended"}}

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
	report.SubscriptionDetail
	Next     []string // what happens next, one sentence each
	Upcoming *commerce.Upcoming
	NoneYet  string // why there is no next invoice
	Key      string // for the forms of one button
	Actions  []web.Action
}

func (v *visit) loadSubscription() (report.SubscriptionDetail, bool) {
	which, ok := find[id.Subscription](v)
	if !ok {
		return report.SubscriptionDetail{}, false
	}
	s, err := v.report.SubscriptionDetail(v.r.Context(), v.acc.ID, which)
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
	view := subscriptionView{SubscriptionDetail: s, Key: operationKey()}
	next, err := v.commerce.PreviewInvoice(v.r.Context(), v.acc.ID, s.Subscription.ID)
	switch {
	case err == nil:
		view.Upcoming = &next
	case fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid):
		view.NoneYet = fault.As(err).Message
	default:
		v.fail(err)
		return
	}
	view.Next = v.whatIsNext(s, view.Upcoming)
	sub := s.Subscription
	p := v.page(planName(s.SubscriptionView))
	p.Crumbs = []web.Link{{Label: "Subscriptions", Href: v.at("subscriptions")}}
	p.Header.Status, p.Header.ID, p.Header.Lead = subscriptionWord(sub), sub.ID.String(), v.inOneSentence(s)
	if s.Customer != nil {
		p.Header.Facts = append(p.Header.Facts, web.Fact{Term: "Customer", Value: web.TextLink(v.at("customers", sub.Customer.String()), s.Customer.Label())})
	}
	p.Header.Facts = append(p.Header.Facts, web.Fact{Term: "Price", Text: v.costText(s.SubscriptionView)})
	if !sub.NextActionAt.IsZero() {
		p.Header.Facts = append(p.Header.Facts, web.Fact{Term: "Next", Value: web.Date(sub.NextActionAt, v.zone)})
	}
	p.Header.Facts = append(p.Header.Facts, web.Fact{Term: "Started", Value: web.Date(sub.CreatedAt, v.zone)})
	if v.may(subscriptions) {
		p.Header.Primary, view.Actions, p.Header.More = v.subscriptionActions(s)
	}
	v.show(subscriptionPage(v, p, view))
}

// subscriptionActions are what can be done to a subscription as it stands: the main
// button, the commonest others, and the rest.
func (v *visit) subscriptionActions(s report.SubscriptionDetail) (main templ.Component, common, more []web.Action) {
	sub := s.Subscription
	link := func(label, path string) web.Action {
		return web.Action{Label: label, Href: v.at("subscriptions", sub.ID.String(), path)}
	}
	button := func(label, path string) templ.Component {
		return web.LinkButton(web.Plain, label, v.at("subscriptions", sub.ID.String(), path))
	}
	switch {
	case sub.State == subscription.Canceled:
		return button("Reactivate", "reactivate"), nil, nil
	case sub.State == subscription.Paused:
		common = append(common, link("End the pause", "unpause"))
	case sub.Extras.Pausing != nil:
		common = append(common, web.Action{Label: "Take the pause back", Href: v.at("subscriptions", sub.ID.String(), "undo-pause"), Post: true})
	default:
		if sub.Change == 0 {
			common = append(common, link("Change plan", "change"))
		}
		common = append(common, link("Pause", "pause"))
		if sub.CancelAt.IsZero() {
			more = append(more, link("Skip the next period", "skip"))
		}
		more = append(more, link("Move the next charge", "move"))
	}
	if sub.Change != 0 && !sub.Extras.ChangeAt.IsZero() {
		common = append(common, web.Action{Label: "Undo the change of plan", Href: v.at("subscriptions", sub.ID.String(), "undo-change"), Post: true})
	}
	common = append(common, link("Add an amount", "items"))
	more = append(more, link("Apply a coupon", "coupon"))
	cancel := v.at("subscriptions", sub.ID.String(), "cancel")
	if sub.CancelAt.IsZero() {
		return web.LinkButton(web.Plain, "Cancel subscription", cancel), common, more
	}
	return nil, common, append(more, web.Action{Label: "End now instead", Href: cancel + "?when=now", Danger: true})
}

// undo answers a form of one button on the page of a subscription.
func (v *visit) undo(done string, do func(call commerce.Call, sub id.Subscription) (any, error)) {
	which, ok := find[id.Subscription](v)
	if !ok || !v.form() {
		return
	}
	o := v.once(func(any) string { return v.at("subscriptions", which.String()) + "?done=" + done }, func(call commerce.Call) (any, error) { return do(call, which) })
	if o.err != nil {
		v.fail(o.err)
		return
	}
	v.done(o.location)
}

func (v *visit) undoCancel() {
	v.undo("cancel-undone", func(call commerce.Call, sub id.Subscription) (any, error) {
		return v.commerce.UndoCancel(v.r.Context(), commerce.UndoCancel{Call: call, Subscription: sub})
	})
}

func (v *visit) undoChange() {
	v.undo("change-undone", func(call commerce.Call, sub id.Subscription) (any, error) {
		return v.commerce.UndoChange(v.r.Context(), commerce.UndoChange{Call: call, Subscription: sub})
	})
}

func (v *visit) undoPause() {
	v.undo("pause-undone", func(call commerce.Call, sub id.Subscription) (any, error) {
		return v.commerce.Unpause(v.r.Context(), commerce.Unpause{Call: call, Subscription: sub})
	})
}

// removeItem takes back an amount that waits.
func (v *visit) removeItem() {
	item, err := id.Parse[id.Item](v.r.PathValue("item"))
	if err != nil {
		v.fail(err)
		return
	}
	v.undo("item-removed", func(call commerce.Call, _ id.Subscription) (any, error) {
		call.Once.Route += " " + item.String()
		return v.commerce.RemoveItem(v.r.Context(), commerce.RemoveItem{Call: call, Item: item})
	})
}

// removeCoupon takes a coupon off.
func (v *visit) removeCoupon() {
	which, err := id.Parse[id.Coupon](v.r.PathValue("coupon"))
	if err != nil {
		v.fail(err)
		return
	}
	v.undo("coupon-removed", func(call commerce.Call, sub id.Subscription) (any, error) {
		call.Once.Route += " " + which.String()
		return v.commerce.RemoveCoupon(v.r.Context(), commerce.RemoveCoupon{Call: call, Subscription: sub, Coupon: which})
	})
}

// facts of a subscription, for its box.
func (v *visit) subscriptionFacts(s report.SubscriptionDetail) []web.Fact {
	sub := s.Subscription
	list := []web.Fact{
		{Term: "Plan", Value: web.TextLink(v.at("products", sub.Product.String()), planName(s.SubscriptionView))},
		{Term: "Quantity", Text: web.CountText(sub.Quantity)},
		{Term: "Price", Text: v.costText(s.SubscriptionView)},
	}
	if sub.Period < 0 {
		list = append(list, web.Fact{Term: "Period", Text: "Trial until " + v.date(sub.TrialTo)})
	} else {
		list = append(list, web.Fact{Term: "Period", Text: fmt.Sprintf("%d: %s", sub.Period+1, v.days(sub.Span))})
	}
	if left := sub.PaymentsLeft(); left >= 0 {
		list = append(list, web.Fact{Term: "Payments left", Text: web.CountText(int64(left))})
	}
	if sub.AnchorDay > 0 {
		list = append(list, web.Fact{Term: "Billed on", Text: fmt.Sprintf("day %d of the month", sub.AnchorDay)})
	}
	list = append(list, web.Fact{Term: "Billing days in", Text: sub.Zone})
	if sub.Extras.Skipped > 0 {
		list = append(list, web.Fact{Term: "Skipped", Text: counted(sub.Extras.Skipped, "period")})
	}
	if s.Credit.Sign() > 0 {
		list = append(list, web.Fact{Term: "Customer's credit", Text: v.money(s.Credit)})
	}
	if !sub.EndedAt.IsZero() {
		list = append(list, web.Fact{Term: "Ended", Value: web.DateTime(sub.EndedAt, v.zone)})
	}
	var method templ.Component
	if s.Method != nil {
		method = web.Text(methodLabel(s.Method))
	}
	return append(list, web.Fact{Term: "Payment method", Value: method})
}

// counted is a number with its word.
func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return web.CountText(int64(n)) + " " + word + "s"
}
