package metrics

import (
	"strconv"

	"perennial/internal/money"
)

// hundredths spells a number of hundredths, "3.90".
func hundredths(n int64) string {
	return money.Amount{Minor: n, Currency: "USD"}.Major()
}

// Plain is the number without its unit, in major units where it has any: "73.00" of money,
// "12" of customers, "3.90" of a share in percent, a ratio and days; "" when it is not
// known. In is the currency of the account.
func (v Value) Plain(u Unit, in money.Currency) string {
	switch {
	case !v.Known:
		return ""
	case u == Money:
		return money.Amount{Minor: v.N, Currency: in}.Major()
	case u == Count:
		return strconv.FormatInt(v.N, 10)
	}
	return hundredths(v.N)
}

// Text is the number with its unit, "73.00 EUR" or "3.90 %"; "-" when it is not known.
func (v Value) Text(u Unit, in money.Currency) string {
	switch {
	case !v.Known:
		return "-"
	case u == Money:
		return money.Amount{Minor: v.N, Currency: in}.String()
	case u == Percent:
		return v.Plain(u, in) + " %"
	case u == Days:
		return v.Plain(u, in) + " days"
	}
	return v.Plain(u, in)
}

// Name is the period of a point, "2026-05" or "2026-05-31".
func (p *Point) Name(g Grain) string {
	if g == ByDay {
		return Day(p.Period).String()
	}
	return Month(p.Period).String()
}
