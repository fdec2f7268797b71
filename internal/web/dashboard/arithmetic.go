package dashboard

import (
	"math/big"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/web"
)

// exactShare is left of whole of an amount before rounding, in major units: "15.4838…"; ""
// when nothing was rounded.
func exactShare(of int64, left, whole int64, c money.Currency) string {
	if whole == 0 || new(big.Int).Mod(new(big.Int).Mul(big.NewInt(of), big.NewInt(left)), big.NewInt(whole)).Sign() == 0 {
		return ""
	}
	const places = 4
	den := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.Digits())), nil)
	den.Mul(den, big.NewInt(whole))
	num := new(big.Int).Mul(big.NewInt(of), big.NewInt(left))
	num.Mul(num, new(big.Int).Exp(big.NewInt(10), big.NewInt(places), nil))
	q, r := new(big.Int).QuoRem(num, den, new(big.Int))
	digits := q.String()
	for len(digits) <= places {
		digits = "0" + digits
	}
	text := digits[:len(digits)-places] + "." + digits[len(digits)-places:]
	if r.Sign() != 0 {
		text += "…"
	}
	return text
}

// shareFormula is a share as people write it: "€20.00 × 14/28 days".
func (v *visit) shareFormula(s invoice.Share, c money.Currency) string {
	return v.minor(s.Of, c) + " × " + web.CountText(s.Left) + "/" + web.CountText(s.Whole) + " " + s.Unit
}

// lineFormula is how a line came about, and its exact value when it was rounded.
func (v *visit) lineFormula(l invoice.Line) (formula, exact string) {
	c := l.Amount.Currency
	var steps []string
	unit := ""
	if l.Details.Unit != "" {
		unit = " " + l.Details.Unit
	}
	switch {
	case l.Details.Share != nil:
		s := *l.Details.Share
		steps, exact = append(steps, v.shareFormula(s, c)), exactShare(s.Of, s.Left, s.Whole, c)
	case len(l.Details.Parts) > 0:
		for _, p := range l.Details.Parts {
			steps = append(steps, v.partFormula(p, c, unit))
		}
	case l.Quantity != 1:
		steps = append(steps, web.CountText(l.Quantity)+" × "+v.money(l.UnitAmount))
	}
	if l.Details.Included != "" {
		steps = append(steps, l.Details.Included+unit+" included")
	}
	for _, o := range l.Details.Coupons {
		steps = append(steps, "less "+v.minor(o.Amount, c)+" ("+o.Code+")")
	}
	if l.Details.Inclusive {
		steps = append(steps, "tax taken out")
	}
	return strings.Join(steps, ", "), exact
}

// partFormula is one step of tiers and blocks.
func (v *visit) partFormula(p invoice.Part, c money.Currency, unit string) string {
	if p.Currency != "" {
		c = p.Currency
	}
	text := p.Quantity + unit + " × " + p.Unit + " " + string(c)
	if p.Unit == "0" || p.Unit == "" {
		text = p.Quantity + unit
	}
	if p.Flat != 0 {
		text += " + " + v.minor(p.Flat, c)
	}
	return text
}

// lineSums are the lines of an invoice with their taxes, as arithmetic.
func (v *visit) lineSums(lines []invoice.Line) []web.Sum {
	var list []web.Sum
	for _, l := range lines {
		formula, exact := v.lineFormula(l)
		label := l.Description
		if !l.Span.From.IsZero() {
			label += ", " + v.days(l.Span)
		}
		list = append(list, web.Sum{Label: label, Formula: formula, Exact: exact, Rounded: v.money(l.Amount)})
	}
	for _, t := range v.taxes(lines) {
		list = append(list, web.Sum{Label: t.label, Formula: "on " + v.minor(t.on, t.currency), Rounded: v.minor(t.amount, t.currency)})
	}
	return list
}

// taxSum is one tax of an invoice: all that its lines bear of it.
type taxSum struct {
	label      string
	on, amount int64 // minor units
	currency   money.Currency
}

// taxes are the taxes of lines by name and rate, in the order in which they appear.
func (v *visit) taxes(lines []invoice.Line) []taxSum {
	var list []taxSum
	add := func(name string, rate money.Rate, on, amount money.Amount) {
		if name == "" {
			name = v.taxName(nil)
		}
		label := name + " " + rate.Percent() + " %"
		for i := range list {
			if list[i].label == label {
				list[i].on += on.Minor
				list[i].amount += amount.Minor
				return
			}
		}
		list = append(list, taxSum{label, on.Minor, amount.Minor, on.Currency})
	}
	for _, l := range lines {
		if len(l.Details.Taxes) == 0 && !l.Tax.IsZero() {
			add(l.TaxName, l.Rate, l.Amount, l.Tax)
		}
		for _, t := range l.Details.Taxes {
			add(t.Name, t.Rate, l.Amount, money.Amount{Minor: t.Amount, Currency: l.Amount.Currency})
		}
	}
	return list
}

// upcomingSums are the next invoice as arithmetic.
func (v *visit) upcomingSums(u *commerce.Upcoming) []web.Sum {
	list := append(v.lineSums(u.Lines), web.Sum{Label: "Total", Rounded: v.money(u.Total), Total: true})
	if u.Credit.Sign() > 0 {
		list = append(list, web.Sum{Label: "Paid from the customer's credit", Rounded: v.money(u.Credit.Neg())}, web.Sum{Label: "Due", Rounded: v.money(u.Due), Total: true})
	}
	return list
}
