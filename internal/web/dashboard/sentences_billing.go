package dashboard

import (
	"perennial/internal/event"
	"perennial/internal/invoice"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// billingTellings tell what happens to the terms of subscriptions, to credit, coupons,
// meters and taxes.
var billingTellings = map[event.Kind]telling{
	event.EndpointUpdated:  {"plug", "", named("The webhook endpoint %s was changed", "address")},
	event.EndpointTest:     {"plug", "", says("A test was sent to a webhook endpoint")},
	event.EndpointFailing:  {"plug", web.Warning, func(_ *visit, f facts) string { return deliveryPlace(f) + " has not answered for half an hour" }},
	event.EndpointWorking:  {"plug", web.Success, func(_ *visit, f facts) string { return deliveryPlace(f) + " works again" }},
	event.EndpointDisabled: {"plug", web.Failure, named("The webhook endpoint %s was switched off because it did not answer", "address")},

	event.SubscriptionChanged: {"repeat", web.Success, tellChanged},
	event.ChangeScheduled: {"clock", "", func(v *visit, f facts) string {
		return "A change of plan was scheduled for " + v.date(f.instant("at"))
	}},
	event.ChangeUndone: {"undo", "", says("The scheduled change of plan was taken back")},
	event.ChangeFailed: {"x-circle", web.Failure, func(_ *visit, f facts) string {
		return "The change of plan came to nothing (" + failureWords(f.text("code")) + "); the old terms go on"
	}},
	event.SubscriptionPaused: {"pause", web.Warning, func(v *visit, f facts) string {
		return "The subscription was paused" + v.until(f)
	}},
	event.PauseScheduled: {"pause", "", func(v *visit, f facts) string {
		return "A pause was scheduled for " + v.date(f.instant("from")) + v.until(f)
	}},
	event.PauseEnded: {"repeat", web.Success, func(v *visit, f facts) string {
		text := "The pause ended" + v.nextCharge(f)
		if f.yes("collect") {
			text += ", and what was missed is charged"
		}
		return text
	}},
	event.SubscriptionSkipped: {"calendar", "", func(v *visit, f facts) string { return "A period was skipped" + v.nextCharge(f) }},
	event.SubscriptionMoved:   {"calendar", "", tellMoved},
	event.Reactivated:         {"repeat", web.Success, func(v *visit, f facts) string { return "The subscription was reactivated" + v.nextCharge(f) }},
	event.SubscriptionChained: {"repeat", web.Success, says("The last payment was made, and the price that follows it began")},
	event.ItemAdded:           {"plus", "", named("An amount was put on the next invoice: %s", "description")},
	event.ItemRemoved:         {"undo", "", named("An amount that waited for an invoice was removed: %s", "description")},

	event.InvoiceUncollectible: {"x-circle", web.Failure, named("Invoice %s was given up as uncollectible", "number")},
	event.CreditNoteIssued: {"document", "", func(_ *visit, f facts) string {
		text := "Credit note " + f.text("number") + " was written"
		if why := creditReasons[invoice.CreditReason(f.text("reason"))]; why != "" {
			text += ": " + lowered(why)
		}
		return text
	}},
	event.CreditAdded: {"money", web.Success, func(_ *visit, f facts) string { return "Credit was given to the customer" + quoted(f.text("note")) }},
	event.CreditTaken: {"money", web.Warning, func(_ *visit, f facts) string { return "Credit was taken from the customer" + quoted(f.text("note")) }},

	event.CouponCreated:  {"note", "", named("Coupon %s was created", "code")},
	event.CouponUpdated:  {"note", "", named("Coupon %s was changed", "code")},
	event.CouponRedeemed: {"note", web.Success, named("Coupon %s was redeemed", "code")},
	event.MeterCreated:   {"chart", "", named("Meter %s was created", "code")},
	event.MeterUpdated:   {"chart", "", named("Meter %s was changed", "name")},
	event.PrepaidAdded:   {"chart", "", tellPrepaid},
	event.TopUpFailed: {"warning", web.Failure, func(_ *visit, f facts) string {
		return "Units paid ahead could not be refilled: " + failureWords(f.text("code"))
	}},
	event.TaxProfileCreated: {"report", "", named("Tax profile %s was created", "name")},
	event.TaxProfileUpdated: {"report", "", named("Tax profile %s was changed", "name")},
	event.ExchangeRateSet: {"money", "", func(_ *visit, f facts) string {
		return "The exchange rate of " + f.text("currency") + " was set to " + f.text("rate")
	}},
}

// tellingOf is how a kind of event is told.
func tellingOf(kind event.Kind) (telling, bool) {
	for _, known := range []map[event.Kind]telling{tellings, billingTellings, aheadTellings, gatewayTellings} {
		if t, ok := known[kind]; ok {
			return t, true
		}
	}
	return telling{}, false
}

func (f facts) yes(name string) bool {
	b, ok := f[name].(bool)
	return ok && b
}

func (v *visit) until(f facts) string {
	if t := f.instant("until"); !t.IsZero() {
		return " until " + v.date(t)
	}
	return " until somebody ends the pause"
}

func (v *visit) nextCharge(f facts) string {
	if t := f.instant("next_charge"); !t.IsZero() {
		return "; the next charge is on " + v.date(t)
	}
	return ""
}

func tellChanged(v *visit, f facts) string {
	text := "The plan was changed"
	switch f.text("direction") {
	case "up":
		text = "The plan was upgraded"
	case "down":
		text = "The plan was downgraded"
	}
	c := v.currencyOf(f)
	if n := f.number("charged"); n > 0 {
		text += ", " + v.minor(n, c) + " was charged"
	}
	if n := f.number("credited"); n > 0 {
		text += ", " + v.minor(n, c) + " was unused and became credit"
	}
	return text
}

func tellMoved(v *visit, f facts) string {
	to := v.date(f.instant("next_charge"))
	switch {
	case f.text("aligned_to") != "":
		return "The subscription is billed together with another one from now on"
	case f.yes("for_good"):
		return "The next charge and all later ones were moved to " + to
	}
	return "The next charge was moved to " + to
}

func tellPrepaid(_ *visit, f facts) string {
	units := f.text("units")
	if len(units) > 1 && units[0] == '-' {
		return units[1:] + " units paid ahead were taken away" + quoted(f.text("note"))
	}
	return units + " units paid ahead were added" + quoted(f.text("note"))
}

// endedBy tells an end for the reasons that only some subscriptions know.
var endedBy = map[string]string{
	string(subscription.PaymentFailed): "The subscription ended because it was not paid",
	string(subscription.Imported):      "The subscription had ended before it was imported",
	string(subscription.Completed):     "The subscription ended: its last payment's period was over",
	string(subscription.Replaced):      "The subscription ended because another one took its place",
}

// deliveryPlace is whatever an endpoint delivers to.
func deliveryPlace(f facts) string {
	if f.text("delivers") != "mail" {
		return "The webhook endpoint " + f.text("address")
	}
	if f.text("address") == "" {
		return "The mail server"
	}
	return "The mail server " + f.text("address")
}
