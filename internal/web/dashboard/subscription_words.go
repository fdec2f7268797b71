package dashboard

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// periodCost is what a whole period costs before discounts and tax; false when it is not
// one amount.
func periodCost(s report.SubscriptionView) (money.Amount, bool) {
	sub := s.Subscription
	charge := (*catalog.Charge)(nil)
	if s.Price != nil {
		charge = s.Price.Terms.Charge
	}
	if sub.Extras.Charge != nil {
		charge = &catalog.Charge{}
		if json.Unmarshal(sub.Extras.Charge, charge) != nil {
			return money.Amount{}, false
		}
	}
	if charge == nil {
		each, err := sub.Amount()
		return each, err == nil
	}
	if s.Price == nil || s.Price.Amount.Currency != sub.UnitAmount.Currency && sub.Extras.Charge == nil {
		return money.Amount{}, false // tiers in another currency: the next invoice shows them
	}
	pieces, err := money.NewDecimal(sub.Quantity)
	if err != nil {
		return money.Amount{}, false
	}
	total, _, err := charge.Amount(pieces, sub.UnitAmount.Currency)
	return total, err == nil
}

// costText is what a subscription costs: "€87.00 every month", "3 × €29.00 every month".
func (v *visit) costText(s report.SubscriptionView) string {
	sub := s.Subscription
	every := " every " + sub.Interval.String()
	if len(sub.Extras.Dates) > 0 {
		every = " on each of " + counted(len(sub.Extras.Dates), "fixed day")
	}
	if sub.Extras.Whole > 0 {
		return v.minor(sub.Extras.Whole, sub.UnitAmount.Currency) + " in " + counted(sub.Extras.Parts, "payment") + ", one" + strings.TrimPrefix(every, " on each")
	}
	cost, known := periodCost(s)
	if !known {
		return "By quantity" + every
	}
	if plain, err := sub.Amount(); err == nil && plain == cost && sub.Quantity > 1 {
		return web.CountText(sub.Quantity) + " × " + v.money(sub.UnitAmount) + every
	}
	text := v.money(cost) + every
	if sub.Quantity > 1 {
		text = v.money(cost) + " for " + web.CountText(sub.Quantity) + every
	}
	return text
}

// discountText is what a coupon takes off, and for how long.
func (v *visit) discountText(d coupon.Discount, c money.Currency) string {
	off := v.minor(d.Amount, c) + " off"
	if d.Kind == coupon.Percent {
		off = d.Percent.Percent() + " % off"
	}
	return off + " (" + d.Code + ")" + cycles(d.Left)
}

func cycles(left int) string {
	if left == coupon.Forever {
		return " for good"
	}
	return " for " + counted(left, "more charge")
}

// inOneSentence is what a subscription is.
func (v *visit) inOneSentence(s report.SubscriptionDetail) string {
	sub := s.Subscription
	if sub.State == subscription.Canceled {
		return "It was " + v.costText(s.SubscriptionView) + "."
	}
	parts := []string{v.costText(s.SubscriptionView)}
	for _, d := range s.Discounts {
		parts = append(parts, v.discountText(d, sub.UnitAmount.Currency))
	}
	if left := sub.PaymentsLeft(); left >= 0 {
		parts = append(parts, counted(left, "payment")+" left")
	}
	if len(s.Meters) > 0 {
		parts = append(parts, "plus usage")
	}
	if sub.Change != 0 && !sub.Extras.ChangeAt.IsZero() {
		parts = append(parts, "changes on "+v.date(sub.Extras.ChangeAt))
	}
	if p := sub.Extras.Pausing; p != nil && sub.State != subscription.Paused {
		parts = append(parts, "pauses on "+v.date(p.From))
	}
	if !sub.CancelAt.IsZero() {
		parts = append(parts, "ends on "+v.date(sub.CancelAt))
	}
	if s.Credit.Sign() > 0 {
		parts = append(parts, v.money(s.Credit)+" of the customer's credit pays for what comes next")
	}
	return strings.Join(parts, ", ") + "."
}

// endReasons say why a subscription ended.
var endReasons = map[subscription.EndReason]string{
	subscription.PaymentFailed: "its last retry was declined",
	subscription.Imported:      "it had ended elsewhere before it was imported",
	subscription.Completed:     "its last payment's period was over",
	subscription.Replaced:      "another subscription took its place",
}

// whatIsNext tells what will happen to a subscription, with dates and amounts.
func (v *visit) whatIsNext(s report.SubscriptionDetail, next *commerce.Upcoming) []string {
	sub := s.Subscription
	switch {
	case sub.State == subscription.Canceled:
		why := endReasons[sub.EndReason]
		if why == "" {
			why = "it was canceled"
		}
		return []string{"Nothing: it ended on " + v.date(sub.EndedAt) + " because " + why + "."}
	case sub.Changing():
		return []string{"The change of plan is being charged. Until the gateway answers, the old terms hold and nothing else happens."}
	case sub.Extras.Unpaid:
		return v.endAndMethod([]string{"Nothing by itself: the last try to collect its invoice failed. It goes on when the invoice is paid, and what passed meanwhile is not charged."}, s, next)
	case sub.NextActionAt.IsZero() && sub.State != subscription.Paused:
		return []string{"The gateway has not answered the last charge. It is asked again under the same key; nothing else happens until then."}
	case sub.State == subscription.Paused:
		return v.nextInPause(s, next)
	}
	var list []string
	if sub.State == subscription.PastDue {
		list = append(list, fmt.Sprintf("%s: tries the unpaid invoice again, try %d.", v.date(sub.NextActionAt), sub.Failures+1),
			"What happens after the last try is told by its recovery policy.")
	}
	if at := sub.Extras.ChangeAt; sub.Change != 0 && !at.IsZero() {
		list = append(list, v.date(at)+": "+v.changeWords(s)+".")
	}
	if p := sub.Extras.Pausing; p != nil {
		until := " until somebody ends it"
		if !sub.ResumeAt.IsZero() {
			until = " until " + v.date(sub.ResumeAt)
		}
		list = append(list, v.date(p.From)+": billing pauses"+until+".")
		return v.endAndMethod(list, s, next)
	}
	if next != nil && sub.State != subscription.PastDue {
		list = append(list, v.chargeWords(s, next))
	}
	return v.endAndMethod(list, s, next)
}

// nextInPause tells what will happen to a paused subscription.
func (v *visit) nextInPause(s report.SubscriptionDetail, next *commerce.Upcoming) []string {
	sub := s.Subscription
	list := []string{"It is paused until somebody ends the pause."}
	if !sub.ResumeAt.IsZero() {
		list = []string{v.date(sub.ResumeAt) + ": the pause ends."}
	}
	if p := sub.Extras.Pausing; p != nil && !p.FeeAt.IsZero() {
		list = append(list, v.date(p.FeeAt)+": charges "+v.minor(p.Fee, sub.UnitAmount.Currency)+" before tax, the fee of the pause.")
	}
	if p := sub.Extras.Pausing; p != nil && p.Collect && !sub.ResumeAt.IsZero() {
		list = append(list, "What was missed is charged then.")
	}
	if next != nil {
		list = append(list, v.chargeWords(s, next))
	}
	return v.endAndMethod(list, s, next)
}

func (v *visit) endAndMethod(list []string, s report.SubscriptionDetail, next *commerce.Upcoming) []string {
	sub := s.Subscription
	if !sub.CancelAt.IsZero() {
		text := v.date(sub.CancelAt) + ": the subscription ends."
		if next == nil && !sub.CancelAt.After(sub.Span.To) {
			text += " Nothing more is charged."
		}
		list = append(list, text)
	} else if left := sub.PaymentsLeft(); left == 0 {
		list = append(list, v.date(sub.Span.To)+": its last payment's period is over.")
	}
	if s.Method == nil {
		list = append(list, "There is no payment method: the charge will fail until the customer has one.")
	}
	return list
}

// chargeWords tell the next charge.
func (v *visit) chargeWords(s report.SubscriptionDetail, next *commerce.Upcoming) string {
	sub := s.Subscription
	amount := v.money(next.Due)
	switch {
	case next.Credit.Sign() > 0:
		amount += " (" + v.money(next.Total) + " less " + v.money(next.Credit) + " credit)"
	case next.Tax.Sign() > 0:
		amount += " (" + v.money(next.Net) + " + " + v.money(next.Tax) + " " + v.taxName(next.Lines) + ")"
	}
	if next.Last {
		return fmt.Sprintf("%s: charges %s for what was used and for amounts that wait.", v.date(next.At), amount)
	}
	if sub.State == subscription.Trialing && sub.Period >= -1 {
		return fmt.Sprintf("%s: the trial ends and %s is charged%s.", v.date(next.At), amount, thenEvery(next.Subscription))
	}
	if next.Span.From.IsZero() {
		return fmt.Sprintf("%s: charges %s for the pause.", v.date(next.At), amount)
	}
	if next.Subscription.Interval.IsZero() {
		return fmt.Sprintf("%s: charges %s.", v.date(next.At), amount)
	}
	return fmt.Sprintf("%s: charges %s for the next %s.", v.date(next.At), amount, next.Subscription.Interval)
}

func thenEvery(sub subscription.Subscription) string {
	if sub.Interval.IsZero() {
		return ""
	}
	return ", then every " + sub.Interval.String()
}

// taxName is the tax of lines, the account's when they do not name one.
func (v *visit) taxName(lines []invoice.Line) string {
	for _, l := range lines {
		if l.TaxName != "" {
			return l.TaxName
		}
	}
	if v.acc.Tax.Name != "" {
		return v.acc.Tax.Name
	}
	return "tax"
}

// changeWords tell what the scheduled change leads to.
func (v *visit) changeWords(s report.SubscriptionDetail) string {
	for _, c := range s.Changes {
		if c.Change.ID == s.Subscription.Change {
			return "the plan becomes " + changeName(c)
		}
	}
	return "the plan changes"
}

func changeName(c report.ChangeView) string {
	name := c.Change.Price.String()
	if c.Product != nil {
		name = c.Product.Name
		if c.Price != nil && c.Price.Name != "" {
			name += " – " + c.Price.Name
		}
	}
	if c.Change.Quantity > 1 {
		name += " × " + web.CountText(c.Change.Quantity)
	}
	return name
}

var changeStates = map[subscription.ChangeState]string{subscription.ChangeScheduled: "Scheduled", subscription.ChangePending: "Pending",
	subscription.ChangeApplied: "Succeeded", subscription.ChangeFailed: "Failed", subscription.ChangeUndone: "Void"}

func changesTable(v *visit, list []report.ChangeView) web.Table {
	t := web.Table{ID: "changes", Caption: "Changes of plan, table", Inline: true, Columns: []web.Column{{Label: "Day", NoWrap: true}, {Label: "To", Card: true}, {Label: "Outcome", Card: true},
		{Label: "Charged", Numeric: true, Card: true}, {Label: "Credited", Numeric: true, Card: true}}}
	for _, c := range list {
		row := web.Row{Cells: []templ.Component{web.Date(c.Change.At, v.zone), web.Text(changeName(c)), web.Status(changeStates[c.Change.State]), nil, nil}}
		if c.Change.Invoice != 0 {
			row.Href = v.at("invoices", c.Change.Invoice.String())
		}
		var plan commerce.ChangePlan
		if c.Change.State == subscription.ChangeApplied && json.Unmarshal([]byte(c.Change.Plan), &plan) == nil {
			row.Cells[3], row.Cells[4] = web.Money(v.money(plan.Total)), web.Money(v.money(plan.Credited))
		}
		if c.Change.State == subscription.ChangeFailed {
			row.Cells[2] = web.StatusNote("Failed", failureWords(c.Change.Failure))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// failureWords say why a change failed: a decline, or the code of a refusal.
func failureWords(code string) string {
	switch code {
	case "no_payment_method":
		return "no payment method"
	case "subscription_ended":
		return "it ended meanwhile"
	case "invoice_unpaid":
		return "an invoice was not paid"
	case "product_archived", "price_archived":
		return "it is not sold any more"
	case "top_up_limit":
		return "ten times were not enough, so it goes on in a day"
	}
	return declineWords(code)
}

func usageTable(list []report.MeterUse) web.Table {
	t := web.Table{ID: "usage", Caption: "Usage by meter, table", Inline: true, Columns: []web.Column{{Label: "Meter"}, {Label: "Used", Numeric: true, Card: true},
		{Label: "Included", Numeric: true, Card: true}, {Label: "Over", Numeric: true, Card: true}}}
	for _, m := range list {
		unit := ""
		if m.Meter.Unit != "" {
			unit = " " + m.Meter.Unit
		}
		row := web.Row{Cells: []templ.Component{web.Stack(m.Meter.Name, m.Meter.Code), web.Text(m.Used.String() + unit), web.Text(m.Included.String() + unit), web.Text(m.Over.String() + unit)}}
		if m.Meter.Prepaid {
			row.Cells[2], row.Cells[3] = web.Text("paid ahead"), web.Stack(m.Left.String()+unit, "left")
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
