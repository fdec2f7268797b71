package coupon

import (
	"slices"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Forever is the number of cycles left of a discount that does not end.
const Forever = -1

// MaxStack is how many discounts can be combined.
const MaxStack = 5

// Discount is a coupon as it was redeemed: the terms that a subscription keeps.
type Discount struct {
	Coupon       id.Coupon  `json:"coupon"`
	Code         string     `json:"code"`
	Kind         Kind       `json:"kind"`
	Percent      money.Rate `json:"percent,omitzero"` // of a Percent discount
	Amount       int64      `json:"amount,omitempty"` // of a Fixed discount: minor units in the currency of the sale
	AppliesTo    Scope      `json:"applies_to"`
	Left         int        `json:"left"` // charges that it will still be taken from; Forever for no end
	IncludeSetup bool       `json:"include_setup,omitempty"`
	// IncludeShipping takes it from the cost of shipping too.
	IncludeShipping bool `json:"include_shipping,omitempty"`
	Stackable       bool `json:"stackable,omitempty"`
}

// CheckStack refuses, with fault.Conflict, discounts that cannot be combined: the codes
// are coupon_not_stackable, coupon_twice and coupon_too_many. Those that have no cycles
// left are not counted.
func CheckStack(discounts []Discount) error {
	var live []Discount
	for _, d := range discounts {
		if d.Left == 0 {
			continue
		}
		if slices.ContainsFunc(live, func(other Discount) bool { return other.Coupon == d.Coupon }) {
			return fault.New(fault.Conflict, "the coupon %s is in use already", d.Code).WithCode("coupon_twice")
		}
		live = append(live, d)
	}
	if len(live) > MaxStack {
		return fault.New(fault.Conflict, "at most %d coupons can be combined", MaxStack).WithCode("coupon_too_many")
	}
	for _, d := range live {
		if !d.Stackable && len(live) > 1 {
			return fault.New(fault.Conflict, "the coupon %s cannot be combined with others", d.Code).WithCode("coupon_not_stackable")
		}
	}
	return nil
}

// LineKind says what a line is for, as far as discounts care.
type LineKind string

// The kinds of lines.
const (
	PeriodLine   LineKind = "period"   // a billing period of a subscription
	ProductLine  LineKind = "product"  // a one-time product
	SetupLine    LineKind = "setup"    // a setup fee
	TrialLine    LineKind = "trial"    // a trial; only a paid one has something to take off
	SplitLine    LineKind = "split"    // one of the payments into which a price is split
	OverageLine  LineKind = "overage"  // usage above what is included
	ShippingLine LineKind = "shipping" // bringing it there
	BumpLine     LineKind = "bump"     // something added at checkout
)

// Eligible is a line that discounts may be taken from.
type Eligible struct {
	Amount money.Amount // before discounts and, where the merchant adds it on top, before tax
	Kind   LineKind
	First  bool // of the first charge: the first that takes money for this sale
}

// Off is what one discount takes from one line.
type Off struct {
	Line   int // position of the line
	Coupon id.Coupon
	Amount money.Amount // above zero
}

// covers reports whether the discount is ever taken from such a line. The table is in
// the package comment.
func (d Discount) covers(l Eligible) bool {
	switch l.Kind {
	case PeriodLine, ProductLine, TrialLine, SplitLine:
	case SetupLine:
		if !d.IncludeSetup {
			return false
		}
	case ShippingLine:
		if !d.IncludeShipping {
			return false
		}
	default:
		return false
	}
	split := l.Kind == SplitLine
	switch d.AppliesTo {
	case First:
		return l.First
	case FirstNoSplit:
		return l.First && !split
	case Rebills:
		return !l.First && !split
	case Split:
		return split
	case AllNoSplit:
		return !split
	case All:
		return true
	}
	return false
}

// Apply takes the discounts, in their order, from the lines of one charge, by the rules
// of the package comment. Used tells, for each discount, whether it took something off
// and so used a cycle: Spend it when the charge is made. Lines in two currencies are
// refused with fault.Invalid.
func Apply(discounts []Discount, lines []Eligible) (off []Off, used []bool, err error) {
	left := make([]money.Amount, len(lines))
	var common money.Amount
	for i, l := range lines {
		left[i] = l.Amount
		if common.Currency, err = money.Common(common, l.Amount); err != nil {
			return nil, nil, err
		}
	}
	used = make([]bool, len(discounts))
	for n, d := range discounts {
		if d.Left == 0 {
			continue
		}
		var at []int
		for i, l := range lines {
			if left[i].Sign() > 0 && d.covers(l) {
				at = append(at, i)
			}
		}
		parts, err := d.take(left, at)
		if err != nil {
			return nil, nil, err
		}
		for k, part := range parts {
			if part.Sign() <= 0 {
				continue
			}
			i := at[k]
			left[i].Minor -= part.Minor
			off = append(off, Off{Line: i, Coupon: d.Coupon, Amount: part})
			used[n] = true
		}
	}
	return off, used, nil
}

// take is what the discount takes from each of the lines at, of which left is left,
// all above zero.
func (d Discount) take(left []money.Amount, at []int) ([]money.Amount, error) {
	if len(at) == 0 {
		return nil, nil
	}
	parts := make([]money.Amount, len(at))
	if d.Kind == Percent {
		for k, i := range at {
			part, err := left[i].MulRate(d.Percent, money.HalfUp)
			if err != nil {
				return nil, err
			}
			part.Minor = min(part.Minor, left[i].Minor)
			parts[k] = part
		}
		return parts, nil
	}
	weights := make([]int64, len(at))
	sum := money.Zero(left[at[0]].Currency)
	for k, i := range at {
		var err error
		if sum, err = sum.Add(left[i]); err != nil {
			return nil, err
		}
		weights[k] = left[i].Minor
	}
	sum.Minor = max(0, min(sum.Minor, d.Amount))
	return sum.Allocate(weights)
}

// Spend is what is kept of the discounts after a charge that used some of them: each of
// those has one cycle less, and those without cycles left are gone.
func Spend(discounts []Discount, used []bool) []Discount {
	var kept []Discount
	for i, d := range discounts {
		if used[i] && d.Left > 0 {
			d.Left--
		}
		if d.Left != 0 {
			kept = append(kept, d)
		}
	}
	return kept
}

// Convert is the discount for a sale in another currency: its amount, in minor units of
// from, times what one unit of from is worth in to, rounded half up to minor units of
// to. A percentage stays as it is. A rate of zero or below, and an amount that comes to
// nothing or to more than money.MaxMinor, are refused with fault.Invalid.
func Convert(d Discount, from, to money.Currency, rate money.Decimal) (Discount, error) {
	if d.Kind != Fixed || from == to {
		return d, nil
	}
	if rate.Sign() <= 0 {
		return Discount{}, fault.New(fault.Invalid, "an exchange rate must be above zero").WithCode("rate_invalid")
	}
	units, err := money.ParseDecimal(money.Amount{Minor: d.Amount, Currency: from}.Major())
	if err != nil {
		return Discount{}, err
	}
	converted, err := money.UnitPrice{Major: rate, Currency: to}.TimesDecimal(units, money.HalfUp)
	if err != nil {
		return Discount{}, err
	}
	if converted.IsZero() {
		return Discount{}, fault.New(fault.Invalid, "the coupon %s is worth nothing in %s", d.Code, to).WithCode("coupon_worth_nothing")
	}
	d.Amount = converted.Minor
	return d, nil
}
