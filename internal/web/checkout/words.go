package checkout

import (
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/web"
)

// button is the effect of pressing it: "Pay €29.00", "Start free trial".
func (s sale) button() string {
	switch {
	case !s.Quote.Due.IsZero() && s.Gateway.Kind == web.PayByHand:
		return "Order for " + text(s.Quote.Due)
	case !s.Quote.Due.IsZero():
		return "Pay " + text(s.Quote.Due)
	case s.Chosen.TrialDays > 0:
		return "Start free trial"
	}
	return "Place the order"
}

func (s sale) day(t time.Time) string { return web.DateText(t, s.zone()) }

// every is how often a price is charged: "every month", "on the 1st of each month".
func every(p catalog.Price) string {
	day := p.Terms.AnchorDay
	if day == 0 || p.Interval.Unit != period.Month {
		return "every " + p.Interval.String()
	}
	on := "on the " + ordinal(day)
	if day > 28 {
		on += " (or the last day)"
	}
	if p.Interval.Count == 1 {
		return on + " of each month"
	}
	return on + " every " + p.Interval.String()
}

func ordinal(n int) string {
	end := "th"
	if n < 11 || n > 13 {
		switch n % 10 {
		case 1:
			end = "st"
		case 2:
			end = "nd"
		case 3:
			end = "rd"
		}
	}
	return strconv.Itoa(n) + end
}

// run is charges in a row that are the same.
type run struct {
	amount money.Amount
	count  int
	first  time.Time
	last   time.Time
}

// runs are the regular charges after today, those in a row that are the same together.
// A charge with a setup fee that comes again is left out: a sentence of its own tells it.
func (s sale) runs() []run {
	var list []run
	for _, l := range s.Quote.Later {
		if l.Trial || l.Setup {
			continue
		}
		if n := len(list); n > 0 && list[n-1].amount == l.Total {
			list[n-1].count++
			list[n-1].last = l.At
			continue
		}
		list = append(list, run{l.Total, 1, l.At, l.At})
	}
	return list
}

// later is what is charged today and after today, complete.
func (s sale) later() string {
	var told []string
	switch {
	case s.Chosen.Terms.Prepaid != nil:
		told = s.prepaid()
	case !s.Quote.Price.Recurring():
		return "You pay once. Nothing else is charged."
	default:
		told = append(told, s.today())
		if s.Quote.Ends.IsZero() {
			told = append(told, s.endless()...)
		} else {
			told = append(told, s.limited()...)
		}
		told = append(told, s.setupAgain()...)
		told = append(told, s.usage()...)
	}
	return strings.Join(told, " ")
}

// today is what is paid today, with what it is for. It ends a sentence, or begins one
// that the charges after it end.
func (s sale) today() string {
	due := text(s.Quote.Due) + " today"
	trial := s.Chosen.Terms.TrialPayments
	switch {
	case s.Chosen.TrialDays > 0 && s.Quote.Due.IsZero():
		return due + "."
	case s.Chosen.TrialDays > 0 && trial > 1:
		return due + s.trialPayments()
	case s.Chosen.TrialDays > 0 && s.Chosen.Terms.TrialAmount > 0:
		return due + " for the trial until " + s.day(s.regular().At) + "."
	case s.Quote.Trial:
		return due + "."
	case s.Quote.Short:
		return due + " for the time until " + s.day(s.Quote.First.To) + ","
	}
	return due + ","
}

// trialPayments are the payments of the trial after today's.
func (s sale) trialPayments() string {
	var list []run
	for _, l := range s.Quote.Later {
		if l.Trial {
			list = append(list, run{l.Total, 1, l.At, l.At})
		}
	}
	if len(list) == 0 {
		return " for the trial."
	}
	return ", then for the trial " + s.dated(list) + "."
}

// dated are charges with their days: "€5.00 on 3 Jan 2027 and €5.00 on 3 Feb 2027".
func (s sale) dated(list []run) string {
	var parts []string
	for _, r := range list {
		parts = append(parts, text(r.amount)+" on "+s.day(r.first))
	}
	return joined(parts)
}

func joined(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// regular is the first charge that pays for a period.
func (s sale) regular() commerce.Later {
	for _, l := range s.Quote.Later {
		if !l.Trial {
			return l
		}
	}
	return commerce.Later{At: s.Quote.First.To, Total: money.Zero(s.Quote.Due.Currency)}
}

// waits reports whether nothing is paid for a period before a later day: after a trial,
// or because the first day of payment is to come.
func (s sale) waits() bool { return s.Quote.Trial }

// withTax is an amount with the tax in it, where it is that of a whole period.
func (s sale) withTax(a money.Amount) string {
	if s.Quote.EachTax.IsZero() || a != s.Quote.Each {
		return text(a)
	}
	return text(a) + " (including " + text(s.Quote.EachTax) + " " + s.taxName(s.Quote.TaxName) + ")"
}

// endless are the charges of what goes on until somebody ends it.
func (s sale) endless() []string {
	list := s.runs()
	first := s.regular()
	if len(list) == 0 {
		list = []run{{first.Total, 1, first.At, first.At}}
	}
	how := every(s.Chosen)
	last := list[len(list)-1]
	var steps []string
	for _, r := range list[:len(list)-1] {
		if r.count == 1 {
			steps = append(steps, "once "+text(r.amount))
		} else {
			steps = append(steps, strconv.Itoa(r.count)+" times "+text(r.amount)+" "+how)
		}
	}
	if s.waits() {
		day := s.day(first.At)
		sentence := "On " + day + " we charge " + s.withTax(list[0].amount) + ", then "
		if len(list) > 1 {
			if list[0].count > 1 {
				sentence += strconv.Itoa(list[0].count-1) + " times more " + text(list[0].amount) + " " + how + ", then "
			}
			steps = append(steps[1:], text(last.amount)+" "+how+" until you cancel.")
			return append([]string{sentence + strings.Join(steps, ", then ")}, s.inTime(day)...)
		}
		return append([]string{sentence + text(last.amount) + " " + how + " until you cancel."}, s.inTime(day)...)
	}
	steps = append(steps, s.withTax(last.amount)+" "+how+" until you cancel")
	return []string{"then " + strings.Join(steps, ", then ") + ", next on " + s.day(first.At) + "."}
}

// inTime says how to pay nothing for more than the trial.
func (s sale) inTime(day string) []string {
	if policy := s.Product.Settings.Cancel; policy == catalog.CancelNever || policy == catalog.CancelLast {
		return nil
	}
	if s.Quote.Due.IsZero() {
		return []string{"Cancel before " + day + " and you pay nothing."}
	}
	return []string{"Cancel before " + day + " and you pay nothing more."}
}

// maxDated is how many payments are told each with its day.
const maxDated = 6

// limited are the charges of what has a last payment, and what follows it.
func (s sale) limited() []string {
	var list []run
	sum := s.Quote.Due
	for _, l := range s.Quote.Later {
		sum.Minor += l.Total.Minor
		if !l.Trial {
			list = append(list, run{l.Total, 1, l.At, l.At})
		}
	}
	all := ": " + text(sum) + " in all."
	var told string
	switch same := s.runs(); {
	case len(list) == 0:
		return append([]string{"and nothing else."}, s.after()...)
	case len(s.Chosen.Terms.Dates) > 0 && len(list) <= maxDated, len(list) == 1:
		told = s.dated(list) + all
	default:
		var steps []string
		for _, r := range same {
			if r.count == 1 {
				steps = append(steps, text(r.amount)+" on "+s.day(r.first))
				continue
			}
			how := every(s.Chosen)
			if len(s.Chosen.Terms.Dates) > 0 {
				how = "on set days"
			}
			steps = append(steps, strconv.Itoa(r.count)+" payments of "+text(r.amount)+" "+how)
		}
		told = strings.Join(steps, ", then ") + ", the first on " + s.day(list[0].first) + " and the last on " + s.day(list[len(list)-1].last) + all
	}
	if !s.waits() {
		return append([]string{"then " + told}, s.after()...)
	}
	return append(append([]string{"Then we charge " + told}, s.inTime(s.day(list[0].first))...), s.after()...)
}

// after is what follows the last payment.
func (s sale) after() []string {
	ends := s.day(s.Quote.Ends)
	f := s.Quote.Follow
	if f == nil {
		return []string{"After that nothing is charged, and it ends on " + ends + "."}
	}
	name := f.Product
	if f.Price.Name != "" {
		name += " – " + f.Price.Name
	}
	how := "on its set days"
	if !f.Price.Interval.IsZero() {
		how = every(f.Price)
	}
	until := " until you cancel."
	if n := f.Price.Terms.Payments; n > 0 {
		until = ", " + strconv.Itoa(n) + " times."
	}
	return []string{"From " + ends + " on it goes on as " + name + ": " + text(f.Each) + " " + how + until}
}

// setupAgain tells a setup fee that is charged more than once.
func (s sale) setupAgain() []string {
	n := s.Chosen.Terms.SetupEvery
	if n == 0 {
		return nil
	}
	for _, l := range s.Quote.Later {
		if l.Setup {
			return []string{"The set-up fee comes again after every " + counted(n, "period") + ": the charge of " + s.day(l.At) + " is " + text(l.Total) + "."}
		}
	}
	return nil
}

func counted(n int, word string) string {
	if n == 1 {
		return word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// usage is what is charged beyond what a period includes.
func (s sale) usage() []string {
	var list []string
	for i, m := range s.Chosen.Terms.Usage {
		charge, in := m.Overage, s.Chosen.Amount.Currency
		if f, named := s.Chosen.Terms.Currencies[s.Currency]; named && i < len(f.Overage) {
			charge, in = f.Overage[i], s.Currency
		}
		name, unit := s.meter(m.Meter)
		sentence := name + ": " + amountOf(m.Included, unit) + " included in each period"
		if m.TrialIncluded != nil {
			sentence += " and " + amountOf(*m.TrialIncluded, unit) + " in the trial"
		}
		list = append(list, sentence+"; more is charged after the period, "+overage(charge, unit, in)+s.converted(in)+s.beforeTax()+".")
	}
	return list
}

// beforeTax says that unit prices do not hold the tax that is added to them.
func (s sale) beforeTax() string {
	if s.Quote.EachTax.IsZero() || s.Quote.Regular == s.Quote.Each {
		return ""
	}
	return " plus " + s.taxName(s.Quote.TaxName)
}

func (s sale) meter(m id.Meter) (name, unit string) {
	if found := s.Meters[m]; found != nil {
		return found.Name, found.Unit
	}
	return "Usage", ""
}

func amountOf(d money.Decimal, unit string) string { return strings.TrimSpace(number(d) + " " + unit) }

// overage is what a charge costs, in words: "€0.02 for each GB".
func overage(c catalog.Charge, unit string, in money.Currency) string {
	one := "each"
	if unit != "" {
		one = "for each " + unit
	}
	switch c.Model {
	case catalog.Flat:
		return unitText(c.Unit, in) + " however much"
	case catalog.Package:
		return unitText(c.Unit, in) + " for every " + strings.TrimSpace(web.CountText(c.Block)+" "+unit) + " begun"
	case catalog.PerUnit:
		return unitText(c.Unit, in) + " " + one
	}
	var steps []string
	var before money.Decimal
	for _, t := range c.Tiers {
		step := strings.ToLower(tierText(before, t)) + " " + unitText(t.Unit, in) + " " + one
		if t.Flat > 0 {
			step += " and " + text(money.Amount{Minor: t.Flat, Currency: in}) + " once"
		}
		steps = append(steps, step)
		if t.UpTo != nil {
			before = *t.UpTo
		}
	}
	if c.Model == catalog.Volume {
		return "all of it by its quantity: " + strings.Join(steps, "; ")
	}
	return "by its quantity: " + strings.Join(steps, "; ")
}

// prepaid is what a purchase of units adds, and what refills them.
func (s sale) prepaid() []string {
	p := s.Chosen.Terms.Prepaid
	name, unit := s.meter(p.Meter)
	list := []string{"You pay " + text(s.Quote.Due) + " today for " + s.times(amountOf(p.Units, unit)) + " (" + name + ")."}
	if s.Again == nil {
		return append(list, "Nothing else is charged.")
	}
	return append(list, "Each time no more than "+amountOf(*p.TopUpAt, unit)+" are left, we charge "+text(s.Again.Due)+" again and add "+amountOf(p.Units, unit)+" more.")
}

// times is what one piece holds, for the quantity.
func (s sale) times(one string) string {
	if s.Count == 1 {
		return one
	}
	return web.CountText(s.Count) + " × " + one
}

// cancel says how to end a subscription.
func (s sale) cancel() string {
	write := "write to " + s.Account.Email + "."
	switch policy := s.Product.Settings.Cancel; {
	case s.Again != nil:
		return "To stop the automatic refills, " + write
	case !s.Quote.Price.Recurring():
		return "Questions before you buy? Write to " + s.Account.Email + "."
	case policy == catalog.CancelNever:
		return "It cannot be cancelled. With any question, " + write
	case policy == catalog.CancelLast:
		return "It cannot be cancelled before the last payment. With any question, " + write
	}
	return "To cancel, " + write + " You keep what you paid for until the end of the period."
}

// consent is what pressing the button means.
func (s sale) consent() string {
	pressing := "By pressing “" + s.button() + "” you "
	switch {
	case s.Again != nil:
		p := s.Chosen.Terms.Prepaid
		_, unit := s.meter(p.Meter)
		return pressing + "buy " + s.Product.Name + " and agree that " + s.charged() + " " + text(s.Again.Due) + " again, without asking, each time your balance falls to " + amountOf(*p.TopUpAt, unit) + "."
	case s.Quote.Price.Recurring() && !s.Quote.Ends.IsZero() && s.Quote.Follow == nil:
		return pressing + "agree that " + s.charged() + " as said above, until the last payment."
	case s.Quote.Price.Recurring():
		return pressing + "agree that " + s.charged() + " as said above until you cancel."
	}
	return pressing + "buy " + s.Product.Name + " from " + s.Account.Name + "."
}

// charged is what the buyer agrees to: who takes the money from where.
func (s sale) charged() string {
	switch s.Gateway.Kind {
	case web.PayByHand:
		return s.Account.Name + " asks you to pay"
	case web.PayByStripe:
		return s.Account.Name + " charges this payment method"
	}
	return s.Account.Name + " charges this card"
}

func planLabel(p catalog.Price) string {
	switch {
	case p.Name != "":
		return p.Name
	case !p.Recurring():
		return "One payment"
	case len(p.Terms.Dates) > 0:
		return "On set days"
	}
	return "Every " + p.Interval.String()
}

// plans are the prices as radio cards.
func (s sale) plans() []web.Choice {
	var list []web.Choice
	for _, p := range s.Prices {
		end := text(s.Amounts[p.ID])
		if p.Terms.Charge != nil && p.MaxQuantity > 1 {
			end += " for one"
		}
		list = append(list, web.Choice{Value: p.ID.String(), Label: planLabel(p), Text: strings.Join(s.planNotes(p), " · "), End: end, Selected: p.ID == s.Chosen.ID})
	}
	return list
}

// planNotes is what is special to a plan, in a few words each.
func (s sale) planNotes(p catalog.Price) []string {
	var notes []string
	t := p.Terms
	switch {
	case len(t.Dates) > 0:
		notes = append(notes, "Set days of payment: "+strconv.Itoa(len(t.Dates)))
	case t.Split:
		notes = append(notes, "In "+strconv.Itoa(t.Payments)+" parts, one every "+p.Interval.String())
	case p.Name == "":
	case p.Recurring():
		notes = append(notes, "Every "+p.Interval.String())
	default:
		notes = append(notes, "Once")
	}
	switch {
	case t.Split:
	case t.Payments == 1:
		notes = append(notes, "1 payment")
	case t.Payments > 1:
		notes = append(notes, strconv.Itoa(t.Payments)+" payments")
	}
	if p.TrialDays > 0 {
		days := web.CountText(int64(p.TrialDays)) + " days "
		if p.TrialDays == 1 {
			days = "1 day "
		}
		if t.TrialAmount > 0 {
			notes = append(notes, days+"to try")
		} else {
			notes = append(notes, days+"free")
		}
	}
	if !p.SetupFee.IsZero() && p.Amount.Currency == s.Currency {
		notes = append(notes, text(p.SetupFee)+" to set up")
	}
	if len(t.Usage) > 0 {
		notes = append(notes, "plus usage")
	}
	return notes
}

// live are the attributes of a control whose change computes the total again. Only what
// is chosen and where the buyer is are sent: a card number never stands in an address.
func (s sale) live(trigger string) templ.Attributes {
	return templ.Attributes{"hx-get": "/c/" + s.Slug + "/total", "hx-trigger": trigger, "hx-target": "#total", "hx-swap": "outerHTML", "hx-include": s.included()}
}

// included are the parts of the form that are sent to compute the total.
func (s sale) included() string {
	if s.placed() {
		return "#choice, #code, #place, #company"
	}
	return "#choice, #code"
}

// liveCurrency is live for the currency, which changes what the plans show too.
func (s sale) liveCurrency() templ.Attributes {
	attrs := s.live("change")
	attrs["hx-get"] = "/c/" + s.Slug + "/total?from=currency"
	return attrs
}

// liveCountry is live for the country, which changes what an address needs too.
func (s sale) liveCountry() templ.Attributes {
	attrs := s.livePlace(s.placed())
	if attrs != nil {
		attrs["hx-get"] = "/c/" + s.Slug + "/total?from=country"
	}
	return attrs
}

// livePlace is live for where the buyer is, when that can change the total.
func (s sale) livePlace(needed bool) templ.Attributes {
	if !needed {
		return nil
	}
	return s.live("change")
}

// announced is what a screen reader says of a new total.
func (s sale) announced() string {
	if s.CodeSaid != "" {
		return s.CodeSaid + " Due today " + text(s.Quote.Due)
	}
	return "Due today " + text(s.Quote.Due)
}

func (s sale) currencyOptions() []web.Option {
	var list []web.Option
	for _, c := range s.Currencies {
		list = append(list, web.Option{Value: string(c), Label: string(c), Selected: c == s.Currency})
	}
	return list
}

func (s sale) codeAttrs() templ.Attributes {
	attrs := s.live("change, input delay:800ms")
	attrs["aria-describedby"] = "code-said"
	attrs["autocapitalize"], attrs["spellcheck"] = "characters", "false"
	return attrs
}

func (s sale) taxIDAttrs() templ.Attributes {
	attrs := s.livePlace(s.Account.Settings.TaxProfile != 0)
	if attrs == nil {
		attrs = templ.Attributes{}
	}
	if web.ProblemOf(s.Problems, "tax_id") == "" {
		attrs["aria-describedby"] = "tax-id-said"
	}
	return attrs
}
