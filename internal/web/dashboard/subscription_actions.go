package dashboard

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// The forms that act on a subscription.

type detail = report.SubscriptionDetail

// sends is what goes out when a form acts; there are no mails yet.
const sends = "The webhooks that want it, and no mail"

func (v *visit) subscriptionPlace(s detail) place {
	back := v.at("subscriptions", s.Subscription.ID.String())
	return place{back, []web.Link{{Label: "Subscriptions", Href: v.at("subscriptions")}, {Label: planName(s.SubscriptionView), Href: back}}, s.Subscription.UnitAmount.Currency}
}

// whoAndWhat are the facts with which the form of a subscription begins.
func (v *visit) whoAndWhat(s detail) []web.Fact {
	var list []web.Fact
	if s.Customer != nil {
		list = append(list, web.Fact{Term: "Customer", Text: s.Customer.Label()})
	}
	return append(list, web.Fact{Term: "Plan", Text: planName(s.SubscriptionView)}, web.Fact{Term: "Price", Text: v.costText(s.SubscriptionView)})
}

// onSubscription makes an action of a form on a subscription.
func onSubscription(a action[detail]) action[detail] {
	a.load, a.place = (*visit).loadSubscription, (*visit).subscriptionPlace
	return a
}

// settingsOf are the product's settings of a subscription.
func settingsOf(s detail) catalog.Settings {
	if s.Product == nil {
		return catalog.Settings{}
	}
	return s.Product.Settings
}

var pauseAction = onSubscription(action[detail]{path: "pause", title: "Pause subscription",
	begin: func(*visit, detail) url.Values {
		return url.Values{"from": {"now"}, "ends": {"open"}, "periods": {"1"}}
	},
	confirm: func(v *visit, s detail, _ filled) web.Confirmation {
		return web.Confirmation{Verb: "Pause subscription", Busy: "Pausing…", Changes: append(v.whoAndWhat(s), web.Fact{Term: "Product allows", Text: v.pausePolicy(s)}),
			When:  "As chosen. While it is paused nothing is charged; what is left of the paid period is kept for afterwards unless what was missed is collected.",
			Sends: sends, Undo: "End the pause at any time"}
	},
	fields: func(v *visit, s detail, f filled) templ.Component { return pauseFields(v, s, f) },
	run: func(v *visit, s detail, f filled) (story, error) {
		var bad fault.Fields
		c := commerce.Pause{Subscription: s.Subscription.ID, AtPeriodEnd: f.Get("from") == "period_end", Collect: f.on("collect"), Override: f.on("override"), NoFee: f.on("no_fee")}
		switch f.Get("ends") {
		case "date":
			c.Until = f.day(v, "until", &bad)
			bad.Check(!c.Until.IsZero(), "until", "must be given")
		case "periods":
			c.Periods = int(min(f.whole("periods", &bad), 1000))
			bad.Check(c.Periods > 0, "periods", "must be at least 1")
		case "open":
		default:
			bad.Bad("ends", "must be one of the list")
		}
		return story{"paused", func(call commerce.Call) (any, error) {
			c.Call = call
			return v.commerce.Pause(v.r.Context(), c)
		}}, bad.Err()
	}})

// pausePolicy is what a product allows about pauses, in words.
func (v *visit) pausePolicy(s detail) string {
	p := settingsOf(s).Pause
	if !p.Allowed {
		return "No pause. You can override it."
	}
	text := "A pause"
	if p.Periods > 0 {
		text += " of at most " + counted(p.Periods, "period")
	}
	if !p.Longest.IsZero() {
		text += ", at most " + p.Longest.String() + " long"
	}
	return text + ". " + v.pauseFee(s)
}

func (v *visit) pauseFee(s detail) string {
	p := settingsOf(s).Pause
	if p.Fee == 0 {
		return "No fee."
	}
	fee := "Fee: " + v.minor(p.Fee, s.Subscription.UnitAmount.Currency) + " before tax"
	if p.Every.IsZero() {
		return fee + ", once."
	}
	return fee + " every " + p.Every.String() + "."
}

var unpauseAction = onSubscription(action[detail]{path: "unpause", title: "End the pause",
	begin: func(*visit, detail) url.Values { return url.Values{"missed": {"forward"}} },
	confirm: func(v *visit, s detail, _ filled) web.Confirmation {
		c := web.Confirmation{Verb: "End the pause", Busy: "Ending…", Changes: v.whoAndWhat(s), When: "At once", Sends: sends, Undo: "By pausing again; what was charged is refunded by hand"}
		if p := s.Subscription.Extras.Pausing; p != nil {
			c.Changes = append(c.Changes, web.Fact{Term: "Paused since", Text: v.date(p.From)})
		}
		return c
	},
	fields: func(v *visit, s detail, f filled) templ.Component {
		return web.RadioCards(web.Input{Name: "missed", Label: "Missed periods", Problem: f.problem("missed")}, []web.Choice{
			{Value: "forward", Label: "Go forward only", Text: "What was left of the paid period is given now, and the next charge comes after it.", Selected: f.Get("missed") != "collect"},
			{Value: "collect", Label: "Collect what was missed", Text: "Each period that was missed is billed at its own price.", Selected: f.Get("missed") == "collect"}})
	},
	run: func(v *visit, s detail, f filled) (story, error) {
		return story{"unpaused", func(call commerce.Call) (any, error) {
			return v.commerce.Unpause(v.r.Context(), commerce.Unpause{Call: call, Subscription: s.Subscription.ID, Collect: f.Get("missed") == "collect"})
		}}, nil
	}})

var skipAction = onSubscription(action[detail]{path: "skip", title: "Skip the next period",
	confirm: func(v *visit, s detail, _ filled) web.Confirmation {
		sub, limit := s.Subscription, settingsOf(s).Skips
		allows := fmt.Sprintf("%s, %d left", counted(limit, "skip"), max(limit-sub.Extras.Skipped, 0))
		if limit == 0 {
			allows = "No skips. You can override it."
		}
		changes := append(v.whoAndWhat(s), web.Fact{Term: "Next charge now", Text: v.date(sub.Span.To)})
		if len(sub.Extras.Dates) == 0 && !sub.InTrial() {
			changes = append(changes, web.Fact{Term: "Next charge afterwards", Text: v.date(sub.Ahead(1).To)})
		}
		return web.Confirmation{Verb: "Skip the next period", Busy: "Skipping…", Changes: append(changes, web.Fact{Term: "Product allows", Text: allows}),
			When: "At once; it works on until the charge after it", Sends: sends, Undo: "By moving the next charge back"}
	},
	fields: func(_ *visit, _ detail, f filled) templ.Component { return overrideField(f) },
	run: func(v *visit, s detail, f filled) (story, error) {
		return story{"skipped", func(call commerce.Call) (any, error) {
			return v.commerce.Skip(v.r.Context(), commerce.Skip{Call: call, Subscription: s.Subscription.ID, Override: f.on("override")})
		}}, nil
	}})

var moveAction = onSubscription(action[detail]{path: "move", title: "Move the next charge",
	begin: func(v *visit, s detail) url.Values {
		return url.Values{"how": {"once"}, "to": {v.dayField(s.Subscription.Span.To)}}
	},
	confirm: func(v *visit, s detail, _ filled) web.Confirmation {
		return web.Confirmation{Verb: "Move the next charge", Busy: "Moving…", Changes: append(v.whoAndWhat(s), web.Fact{Term: "Next charge now", Text: v.date(s.Subscription.Span.To)}),
			When: "At once. The time that is given or taken costs nothing.", Sends: sends, Undo: "By moving it again"}
	},
	fields: func(v *visit, s detail, f filled) templ.Component { return moveFields(v, s, f) },
	run: func(v *visit, s detail, f filled) (story, error) {
		var bad fault.Fields
		c := commerce.Reschedule{Subscription: s.Subscription.ID, ForGood: f.Get("how") == "good"}
		if f.Get("how") == "align" {
			var err error
			c.AlignTo, err = id.Parse[id.Subscription](f.Get("align_to"))
			bad.Check(err == nil, "align_to", "must be chosen")
		} else {
			c.To = f.day(v, "to", &bad)
			bad.Check(!c.To.IsZero(), "to", "must be given")
		}
		return story{"moved", func(call commerce.Call) (any, error) {
			c.Call = call
			return v.commerce.Reschedule(v.r.Context(), c)
		}}, bad.Err()
	}})

var reactivateAction = onSubscription(action[detail]{path: "reactivate", title: "Reactivate subscription",
	begin: func(v *visit, _ detail) url.Values { return url.Values{"when": {"now"}} },
	confirm: func(v *visit, s detail, _ filled) web.Confirmation {
		return web.Confirmation{Verb: "Reactivate subscription", Busy: "Reactivating…", Changes: append(v.whoAndWhat(s), web.Fact{Term: "Ended", Text: v.date(s.Subscription.EndedAt)}),
			When: "At once, at its old terms. Up to its next charge it costs nothing.", Sends: sends, Undo: "By canceling it"}
	},
	fields: func(v *visit, s detail, f filled) templ.Component { return reactivateFields(f) },
	run: func(v *visit, s detail, f filled) (story, error) {
		var bad fault.Fields
		c := commerce.Reactivate{Subscription: s.Subscription.ID}
		if f.Get("when") == "date" {
			c.NextCharge = f.day(v, "next_charge", &bad)
			bad.Check(!c.NextCharge.IsZero(), "next_charge", "must be given")
		}
		return story{"reactivated-subscription", func(call commerce.Call) (any, error) {
			c.Call = call
			return v.commerce.Reactivate(v.r.Context(), c)
		}}, bad.Err()
	}})

var couponAction = onSubscription(action[detail]{path: "coupon", title: "Apply a coupon",
	confirm: func(v *visit, s detail, _ filled) web.Confirmation {
		changes := v.whoAndWhat(s)
		for _, d := range s.Discounts {
			changes = append(changes, web.Fact{Term: "Has already", Text: v.discountText(d, s.Subscription.UnitAmount.Currency)})
		}
		return web.Confirmation{Verb: "Apply coupon", Busy: "Applying…", Changes: changes, When: "With the next charge", Sends: sends, Undo: "Remove it on the page of the subscription; its use stays counted"}
	},
	fields: func(_ *visit, _ detail, f filled) templ.Component {
		in := f.input("coupons", "Coupon code")
		in.MaxLength, in.Width, in.Autocomplete, in.Autofocus = 64, "medium", "off", true
		return web.TextInput(in)
	},
	run: func(v *visit, s detail, f filled) (story, error) {
		var bad fault.Fields
		bad.Check(f.text("coupons") != "", "coupons", "must be given")
		return story{"coupon-applied", func(call commerce.Call) (any, error) {
			return v.commerce.ApplyCoupon(v.r.Context(), commerce.ApplyCoupon{Call: call, Subscription: s.Subscription.ID, Code: f.text("coupons")})
		}}, bad.Err()
	}})

var itemAction = onSubscription(action[detail]{path: "items", title: "Add an amount",
	confirm: func(v *visit, s detail, _ filled) web.Confirmation {
		return web.Confirmation{Verb: "Add to the next invoice", Busy: "Adding…", Changes: v.whoAndWhat(s), When: "It is charged with the next invoice, and taxed then", Sends: sends,
			Undo: "Remove it until it is billed"}
	},
	fields: func(v *visit, s detail, f filled) templ.Component { return itemFields(s, f) },
	run: func(v *visit, s detail, f filled) (story, error) {
		var bad fault.Fields
		amount := f.amount("amount", s.Subscription.UnitAmount.Currency, &bad)
		if amount == nil && bad.Err() == nil {
			bad.Bad("amount", "must be given")
		}
		return story{"item-added", func(call commerce.Call) (any, error) {
			return v.commerce.AddItem(v.r.Context(), commerce.AddItem{Call: call, Subscription: s.Subscription.ID, Description: f.text("description"), Amount: *amount})
		}}, bad.Err()
	}})

var cancelAction = onSubscription(action[detail]{path: "cancel", title: "Cancel subscription",
	begin: func(_ *visit, s detail) url.Values {
		when := subscription.AtPeriodEnd
		if !s.Subscription.CancelAt.IsZero() {
			when = subscription.Now
		}
		return url.Values{"when": {string(when)}}
	},
	confirm: func(v *visit, s detail, _ filled) web.Confirmation {
		c := web.Confirmation{Verb: "Cancel subscription", Busy: "Canceling…", Danger: true, CancelLabel: "Keep it", Changes: v.whoAndWhat(s),
			Sends: sends, Undo: "An end that is still to come until it comes; an end now by reactivating"}
		if s.Subscription.Invoice != 0 {
			c.Changes = append(c.Changes, web.Fact{Term: "Unpaid invoice", Text: "Stays owed; void it if it should not be."})
		}
		if words := cancelPolicies[settingsOf(s).Cancel]; words != "" {
			c.Changes = append(c.Changes, web.Fact{Term: "Product allows", Text: words})
		}
		return c
	},
	fields: func(v *visit, s detail, f filled) templ.Component { return cancelFields(v, s, f) },
	run: func(v *visit, s detail, f filled) (story, error) {
		var bad fault.Fields
		c := commerce.Cancel{Subscription: s.Subscription.ID, When: subscription.When(f.Get("when")), Reason: f.text("reason"), Override: f.on("override"), BillUsage: f.on("bill_usage")}
		if c.When == subscription.AtDate {
			c.At = f.day(v, "at", &bad)
			bad.Check(!c.At.IsZero(), "at", "must be given")
		}
		done := "cancel-scheduled"
		if c.When == subscription.Now {
			done = "canceled"
		}
		return story{done, func(call commerce.Call) (any, error) {
			c.Call = call
			return v.commerce.Cancel(v.r.Context(), c)
		}}, bad.Err()
	}})

var cancelPolicies = map[catalog.CancelPolicy]string{
	catalog.CancelPeriodEnd: "An end at the end of a period at the earliest. You can override it.",
	catalog.CancelLast:      "An end after the last payment only. You can override it.",
	catalog.CancelNever:     "No end by its customers. You can override it.",
}

// cancelChoices are when a subscription can end.
func (v *visit) cancelChoices(s detail, chosen string) []web.Choice {
	sub := s.Subscription
	list := []web.Choice{
		{Value: string(subscription.AtPeriodEnd), Label: "At the end of the period, " + v.date(sub.Span.To), Text: "It works until then and is not charged again. Nothing is refunded."},
		{Value: string(subscription.Now), Label: "Now", Text: "It ends at once. Nothing is refunded; refund the invoice if money should go back."},
		{Value: string(subscription.AtDate), Label: "On a day", Text: "It renews as usual until then."},
	}
	if sub.EndPeriod > 0 {
		list = append(list, web.Choice{Value: string(subscription.AfterLast), Label: "After the last payment", Text: counted(max(sub.PaymentsLeft(), 0), "payment") + " left; nothing follows them."})
	}
	for i := range list {
		list[i].Selected = list[i].Value == chosen
	}
	return list
}

// alignOptions are the other subscriptions of the customer.
func (v *visit) alignOptions(s detail, chosen string) []web.Option {
	list := []web.Option{{Label: "Choose a subscription"}}
	for _, o := range s.Others {
		list = append(list, web.Option{Value: o.Subscription.ID.String(), Label: planName(o) + ", next on " + v.date(o.Subscription.Span.To)})
	}
	return web.Choices(chosen, list...)
}

// sentenceOf begins with a capital letter and ends with a full stop.
func sentenceOf(s string) string {
	if s == "" {
		return ""
	}
	_, first := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:first]) + strings.TrimSuffix(s[first:], ".") + "."
}
