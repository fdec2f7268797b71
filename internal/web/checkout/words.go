package checkout

import (
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/invoice"
	"perennial/internal/web"
)

// due is the amount in words for the button: "Pay €29.00", "Start free trial".
func (s sale) button() string {
	switch {
	case !s.Quote.Due.IsZero():
		return "Pay " + text(s.Quote.Due)
	case s.Chosen.TrialDays > 0:
		return "Start free trial"
	}
	return "Place the order"
}

// later is everything that is charged after today, complete.
func (s sale) later() string {
	q := s.Quote
	if !q.Price.Recurring() {
		return "You pay once. Nothing else is charged."
	}
	each := text(q.Each)
	tax := ""
	if !q.EachTax.IsZero() {
		tax = " (including " + text(q.EachTax) + " " + s.Account.Tax.Name + ")"
	}
	day := web.DateText(q.NextAt, s.zone())
	every := "every " + q.Price.Interval.String()
	if q.Price.TrialDays > 0 {
		start := text(q.Due) + " today. "
		end := "Cancel before " + day + " and you pay nothing."
		if !q.Due.IsZero() {
			end = "Cancel before " + day + " and you pay nothing more."
		}
		return start + "On " + day + " we charge " + each + tax + ", then " + each + " " + every + " until you cancel. " + end
	}
	return text(q.Due) + " today, then " + each + tax + " " + every + " until you cancel, next on " + day + "."
}

// cancel says how to end a subscription.
func (s sale) cancel() string {
	if !s.Quote.Price.Recurring() {
		return "Questions before you buy? Write to " + s.Account.Email + "."
	}
	return "To cancel, write to " + s.Account.Email + ". You keep what you paid for until the end of the period."
}

// consent is what pressing the button means.
func (s sale) consent() string {
	if s.Quote.Price.Recurring() {
		return "By pressing “" + s.button() + "” you agree that " + s.Account.Name + " charges this card as said above until you cancel."
	}
	return "By pressing “" + s.button() + "” you buy " + s.Product.Name + " from " + s.Account.Name + "."
}

func planLabel(p catalog.Price) string {
	if p.Name != "" {
		return p.Name
	}
	if !p.Recurring() {
		return "One payment"
	}
	return "Every " + p.Interval.String()
}

// plans are the prices as radio cards.
func (s sale) plans() []web.Choice {
	var list []web.Choice
	for _, p := range s.Prices {
		often := "once"
		if p.Recurring() {
			often = "every " + p.Interval.String()
		}
		var notes []string
		if p.Name != "" {
			notes = append(notes, strings.ToUpper(often[:1])+often[1:])
		}
		if p.TrialDays > 0 {
			days := web.CountText(int64(p.TrialDays)) + " days free"
			if p.TrialDays == 1 {
				days = "1 day free"
			}
			notes = append(notes, days)
		}
		if !p.SetupFee.IsZero() {
			notes = append(notes, text(p.SetupFee)+" to set up")
		}
		list = append(list, web.Choice{Value: p.ID.String(), Label: planLabel(p), Text: strings.Join(notes, " · "), End: text(p.Amount), Selected: p.ID == s.Chosen.ID})
	}
	return list
}

// live are the attributes of a control whose change computes the total again. Only
// plan and quantity are sent: a card number never stands in an address.
func (s sale) live(trigger string) templ.Attributes {
	return templ.Attributes{"hx-get": "/c/" + s.Slug + "/total", "hx-trigger": trigger, "hx-target": "#total", "hx-swap": "outerHTML", "hx-include": "#choice"}
}

// lineText is a line of the summary.
func lineText(l invoice.Line) string {
	if l.Quantity > 1 {
		return l.Description + " × " + web.CountText(l.Quantity)
	}
	return l.Description
}

func (s sale) taxText() string {
	label := s.Account.Tax.Name
	if !s.Account.Tax.Rate.IsZero() {
		label += " " + s.Account.Tax.Rate.Percent() + " %"
	}
	return label
}
