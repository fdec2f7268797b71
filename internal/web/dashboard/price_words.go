package dashboard

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/text/language"

	"perennial/internal/catalog"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/web"
)

// A price says in one sentence what it charges.

// sentence is what a price charges, without a full stop: "$10.00 every month after a
// 14-day trial; 3 payments, then Premium".
func sentence(p catalog.Price, n report.PriceNames) string {
	t := p.Terms
	first := costOf(p)
	if p.TrialDays > 0 {
		first += " after a " + strconv.Itoa(p.TrialDays) + "-day trial"
		if t.TrialAmount > 0 {
			first += " at " + minorText(t.TrialAmount, p.Amount.Currency)
			if t.TrialPayments > 1 {
				first += " in " + counted(t.TrialPayments, "payment")
			}
		}
	}
	parts := []string{first}
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	add(anchorWords(t))
	if !p.SetupFee.IsZero() {
		fee := amountText(p.SetupFee) + " to set up"
		if t.SetupEvery > 0 {
			fee += " and again every " + periods(t.SetupEvery)
		}
		add(fee)
	}
	for _, m := range t.Usage {
		add(meteredWords(m, p.Amount.Currency, n))
	}
	if t.Prepaid != nil {
		adds := "adds " + numberText(t.Prepaid.Units) + " " + meterUnit(t.Prepaid.Meter, n)
		if t.Prepaid.TopUpAt != nil {
			adds += ", and again whenever " + numberText(*t.Prepaid.TopUpAt) + " are left"
		}
		add(adds)
	}
	add(endWords(t, n))
	add(currencyWords(t))
	return strings.Join(parts, "; ")
}

// costOf is what a price costs and how often, without its other terms.
func costOf(p catalog.Price) string {
	t, c := p.Terms, p.Amount.Currency
	often := " once"
	switch {
	case len(t.Dates) == 1:
		often = " on " + dayText(t.Dates[0])
	case len(t.Dates) > 1:
		often = " on each of " + counted(len(t.Dates), "day") + ", " + dayText(t.Dates[0]) + " to " + dayText(t.Dates[len(t.Dates)-1])
	case !p.Interval.IsZero():
		often = " every " + p.Interval.String()
	}
	if t.Charge == nil {
		if t.Split {
			return amountText(p.Amount) + " in " + counted(t.Payments, "payment") + ", one" + often
		}
		return amountText(p.Amount) + often
	}
	return chargeWords(*t.Charge, c) + often
}

// chargeWords are how a quantity becomes an amount.
func chargeWords(ch catalog.Charge, c money.Currency) string {
	var text string
	switch ch.Model {
	case catalog.Flat:
		text = unitText(ch.Unit, c) + " for any quantity"
	case catalog.Package:
		text = unitText(ch.Unit, c) + " for each " + web.CountText(ch.Block)
	case catalog.Volume:
		text = tierWords(ch, c) + " by volume"
	case catalog.Graduated:
		text = tierWords(ch, c) + ", tier by tier"
	default:
		text = unitText(ch.Unit, c) + " each"
	}
	if ch.Minimum > 0 {
		text += ", at least " + minorText(ch.Minimum, c)
	}
	return text
}

func tierWords(ch catalog.Charge, c money.Currency) string {
	price := func(t catalog.Tier) string {
		switch {
		case t.Flat == 0:
			return unitText(t.Unit, c) + " each"
		case t.Unit.IsZero():
			return minorText(t.Flat, c)
		}
		return minorText(t.Flat, c) + " and " + unitText(t.Unit, c) + " each"
	}
	if len(ch.Tiers) == 0 {
		return ""
	}
	first, last := ch.Tiers[0], ch.Tiers[len(ch.Tiers)-1]
	if len(ch.Tiers) == 1 {
		return price(first)
	}
	return price(first) + " up to " + numberText(*first.UpTo) + " … " + price(last) + " above " + numberText(*ch.Tiers[len(ch.Tiers)-2].UpTo)
}

func meteredWords(m catalog.Metered, c money.Currency, n report.PriceNames) string {
	text := numberText(m.Included) + " " + meterUnit(m.Meter, n) + " included"
	if m.Included.IsZero() {
		text = meterUnit(m.Meter, n)
	}
	if m.TrialIncluded != nil {
		text += " (" + numberText(*m.TrialIncluded) + " in the trial)"
	}
	if m.Included.IsZero() {
		return text + " at " + chargeWords(m.Overage, c)
	}
	return text + ", more at " + chargeWords(m.Overage, c)
}

// meterUnit is what a meter counts, as in "100 GB of Storage".
func meterUnit(m id.Meter, n report.PriceNames) string {
	if meter := n.Meters[m]; meter != nil {
		if meter.Unit != "" && !strings.EqualFold(meter.Unit, meter.Name) {
			return meter.Unit + " of " + meter.Name
		}
		return meter.Name
	}
	return m.String()
}

func anchorWords(t catalog.Terms) string {
	if t.AnchorDay == 0 {
		return ""
	}
	text := "billed on the " + ordinal(t.AnchorDay) + " of the month, "
	switch t.FirstPeriod {
	case catalog.FullFirst:
		return text + "the time up to the first one at the full price"
	case catalog.FreeFirst:
		return text + "the time up to the first one free"
	}
	return text + "the time up to the first one at its share"
}

// endWords are how many payments there are, and what follows the last.
func endWords(t catalog.Terms, n report.PriceNames) string {
	text := ""
	if t.Payments > 0 && !t.Split {
		text = counted(t.Payments, "payment")
	}
	if t.NextPrice == 0 {
		return text
	}
	next := followName(t, n)
	if text == "" {
		return "then " + next
	}
	return text + ", then " + next
}

// followName is the product, or the named plan of it, that follows.
func followName(t catalog.Terms, n report.PriceNames) string {
	p, ok := n.Prices[t.NextPrice]
	if !ok {
		return t.NextPrice.String()
	}
	name := n.Products[p.Product].Name
	if p.Name != "" {
		name += " – " + p.Name
	}
	return name
}

func currencyWords(t catalog.Terms) string {
	var codes []string
	for c := range t.Currencies {
		codes = append(codes, string(c))
	}
	slices.Sort(codes)
	fixed := ""
	if len(codes) > 0 {
		fixed = "also in " + listed(codes)
	}
	switch {
	case t.Convert && fixed != "":
		return fixed + ", and in others at the stored rate"
	case t.Convert:
		return "in other currencies at the stored rate"
	}
	return fixed
}

// listed is "EUR, GBP and JPY".
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func periods(n int) string {
	if n == 1 {
		return "period"
	}
	return counted(n, "period")
}

func ordinal(n int) string {
	ending := "th"
	if n/10 != 1 {
		switch n % 10 {
		case 1:
			ending = "st"
		case 2:
			ending = "nd"
		case 3:
			ending = "rd"
		}
	}
	return strconv.Itoa(n) + ending
}

// dayText is a day of the calendar as pages write it: "31 Jan 2026".
func dayText(d catalog.Date) string { return web.DateText(d.In(time.UTC), time.UTC) }

func amountText(a money.Amount) string { return web.MoneyText(a, language.English) }

func minorText(minor int64, c money.Currency) string {
	return amountText(money.Amount{Minor: minor, Currency: c})
}

// unitText is the price of a piece: an amount of money where it is one, and a decimal
// with its currency where it lies below the smallest coin.
func unitText(d money.Decimal, c money.Currency) string {
	if a, err := money.ParseMajor(d.String(), c); err == nil {
		return amountText(a)
	}
	return d.String() + " " + string(c)
}

// numberText is a decimal with thousands separated.
func numberText(d money.Decimal) string {
	whole, rest, point := strings.Cut(d.String(), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || whole == "-0" {
		return d.String()
	}
	if point {
		return web.CountText(n) + "." + rest
	}
	return web.CountText(n)
}

// chargeOf is the charge of a price, also of one that only has an amount.
func chargeOf(p catalog.Price) catalog.Charge {
	if p.Terms.Charge != nil {
		return *p.Terms.Charge
	}
	return catalog.Charge{Model: catalog.PerUnit, Unit: money.UnitPriceOf(p.Amount).Major}
}

// examples are what a charge comes to for some quantities: 1, 10, 100, and the first
// piece of each of the first tiers.
func examples(ch catalog.Charge, c money.Currency, most int64) web.Table {
	quantities := []int64{1, 10, 100}
	for i, t := range ch.Tiers {
		if t.UpTo == nil || i > 3 {
			continue
		}
		if end, err := strconv.ParseInt(t.UpTo.String(), 10, 64); err == nil {
			quantities = append(quantities, end, end+1)
		}
	}
	slices.SortFunc(quantities, cmp.Compare[int64])
	t := web.Table{ID: "examples", Caption: "What quantities cost, table", Inline: true,
		Columns: []web.Column{{Label: "Quantity", Numeric: true, AlignStart: true}, {Label: "How", Card: true}, {Label: "Costs", Numeric: true, Card: true}}}
	for _, q := range slices.Compact(quantities) {
		if q < 1 || q > most {
			continue
		}
		pieces, err := money.NewDecimal(q)
		if err != nil {
			continue
		}
		total, parts, err := ch.Amount(pieces, c)
		if err != nil {
			continue
		}
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Text(web.CountText(q)), web.Text(partsText(ch, parts, total, c)), web.Money(amountText(total))}})
	}
	return t
}

// partsText is the arithmetic of a charge: "10 × $8.00 + 5 × $6.00".
func partsText(ch catalog.Charge, parts []catalog.Part, total money.Amount, c money.Currency) string {
	var steps []string
	sum := int64(0)
	for _, p := range parts {
		sum += p.Amount
		step := numberText(p.Quantity) + " × " + unitText(p.Unit, c)
		if ch.Model == catalog.Flat {
			step = unitText(p.Unit, c)
		}
		switch {
		case p.Flat > 0 && p.Unit.IsZero():
			step = minorText(p.Flat, c)
		case p.Flat > 0:
			step += " + " + minorText(p.Flat, c)
		}
		steps = append(steps, step)
	}
	text := strings.Join(steps, " + ")
	if sum < total.Minor {
		text += ", less than the minimum"
	}
	return text
}
