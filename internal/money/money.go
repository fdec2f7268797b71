// Package money counts money exactly. An Amount is a whole number of minor units
// of one currency; rates, quantities and sub-cent prices are exact decimals.
// Nothing here is a floating point number. Every operation that cannot be exact
// names its Rounding, and every operation that could exceed MaxMinor or mix
// currencies returns an error instead.
package money

import (
	"cmp"
	"slices"

	"perennial/internal/fault"
)

// MaxMinor is the largest amount, in minor units, in either direction: 10^13,
// which is 100 billion in a currency with two decimals. It is printed in every
// refusal and lies far below the largest integer that JSON readers keep exact.
const MaxMinor = 10_000_000_000_000

// Amount is money: a whole number of minor units (cents, yen, fils) of a
// currency. The zero value is "no money": it may be added to any amount.
type Amount struct {
	Minor    int64
	Currency Currency
}

func tooLarge() error {
	return fault.New(fault.Invalid, "the amount is outside the limit of 10,000,000,000,000 minor units").WithCode("amount_too_large")
}

func limited(minor int64, c Currency) (Amount, error) {
	if minor > MaxMinor || minor < -MaxMinor {
		return Amount{}, tooLarge()
	}
	return Amount{minor, c}, nil
}

// New makes an amount of minor units. An unknown currency and an amount beyond
// MaxMinor are refused with fault.Invalid.
func New(minor int64, c Currency) (Amount, error) {
	if !c.Known() {
		_, err := ParseCurrency("")
		return Amount{}, err
	}
	return limited(minor, c)
}

// Zero is no money in a currency.
func Zero(c Currency) Amount { return Amount{Currency: c} }

// Common is the currency that two amounts share. An amount that is zero and has
// no currency goes with any other; two different currencies are refused with
// fault.Invalid.
func Common(a, b Amount) (Currency, error) {
	switch {
	case a.Currency == b.Currency, b == Amount{}:
		return a.Currency, nil
	case a == Amount{}:
		return b.Currency, nil
	}
	return "", fault.New(fault.Invalid, "amounts in %s and %s cannot be combined", a.Currency, b.Currency).WithCode("currency_mismatch")
}

// Add is a + b. Two currencies or a sum beyond MaxMinor are refused.
func (a Amount) Add(b Amount) (Amount, error) {
	c, err := Common(a, b)
	if err != nil {
		return Amount{}, err
	}
	sum := a.Minor + b.Minor
	if (sum > a.Minor) != (b.Minor > 0) && b.Minor != 0 {
		return Amount{}, tooLarge()
	}
	return limited(sum, c)
}

// Sub is a - b. Two currencies or a difference beyond MaxMinor are refused.
func (a Amount) Sub(b Amount) (Amount, error) {
	c, err := Common(a, b)
	if err != nil {
		return Amount{}, err
	}
	difference := a.Minor - b.Minor
	if (difference < a.Minor) != (b.Minor > 0) && b.Minor != 0 {
		return Amount{}, tooLarge()
	}
	return limited(difference, c)
}

// Sum adds a list in any number; the sum of none is the zero value.
func Sum(list ...Amount) (Amount, error) {
	var sum Amount
	for _, a := range list {
		var err error
		if sum, err = sum.Add(a); err != nil {
			return Amount{}, err
		}
	}
	return sum, nil
}

// Neg is -a.
func (a Amount) Neg() Amount { return Amount{-a.Minor, a.Currency} }

// Abs is a without its sign.
func (a Amount) Abs() Amount {
	if a.Minor < 0 {
		return a.Neg()
	}
	return a
}

// Cmp compares minor units: -1, 0 or +1. The caller knows that the currencies
// are the same; Common checks it where they might not be.
func (a Amount) Cmp(b Amount) int { return cmp.Compare(a.Minor, b.Minor) }

// IsZero reports whether there is no money, in whatever currency.
func (a Amount) IsZero() bool { return a.Minor == 0 }

// Sign is -1, 0 or +1.
func (a Amount) Sign() int { return cmp.Compare(a.Minor, 0) }

// Times is a taken quantity times, exactly. A product beyond MaxMinor is refused.
func (a Amount) Times(quantity int64) (Amount, error) { return a.MulRatio(quantity, 1, Down) }

// MulRatio is a x num / den, rounded once. A den below 1 and a result beyond
// MaxMinor are refused. The product is held in 128 bits, so no step overflows.
func (a Amount) MulRatio(num, den int64, r Rounding) (Amount, error) {
	if den < 1 {
		return Amount{}, fault.New(fault.Invalid, "a ratio needs a denominator of at least 1")
	}
	minor, ok := mulDiv(a.Minor, num, den, r)
	if !ok {
		return Amount{}, tooLarge()
	}
	return limited(minor, a.Currency)
}

// MulRate is a x rate, rounded once: the tax on a net amount, the discount on a
// price, the commission on a sale.
func (a Amount) MulRate(rate Rate, r Rounding) (Amount, error) {
	return a.MulRatio(rate.d.coef, pow10[rate.d.scale], r)
}

// RateWithin is the part of a that is rate of the rest: the tax inside a gross
// amount. 119.00 holds 19.00 at the rate 0.19. A rate of -1 or below is refused.
func (a Amount) RateWithin(rate Rate, r Rounding) (Amount, error) {
	one := pow10[rate.d.scale]
	return a.MulRatio(rate.d.coef, one+rate.d.coef, r)
}

// Allocate splits a by weights so that the parts sum to a exactly. Each part is
// the exact share rounded toward zero; the minor units left over go one each to
// the parts with the largest remainders, the first of equals first. A negative
// amount splits as its positive twin. A weight of 0 receives nothing. Negative
// weights and weights that sum to 0 or beyond 2^63-1 are refused.
func (a Amount) Allocate(weights []int64) ([]Amount, error) {
	var total int64
	for _, w := range weights {
		if w < 0 || total+w < total {
			return nil, fault.New(fault.Invalid, "an amount can be split by weights of 0 and more only")
		}
		total += w
	}
	if total == 0 {
		return nil, fault.New(fault.Invalid, "an amount cannot be split without a weight above 0")
	}
	parts := make([]Amount, len(weights))
	remainders := make([]uint64, len(weights))
	order := make([]int, len(weights))
	left := a.Abs().Minor
	for i, w := range weights {
		share, remainder := quoRem(uint64(a.Abs().Minor), uint64(w), uint64(total))
		parts[i] = Amount{int64(share), a.Currency}
		remainders[i], order[i] = remainder, i
		left -= int64(share)
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(remainders[j], remainders[i]) })
	for _, i := range order[:left] {
		parts[i].Minor++
	}
	if a.Minor < 0 {
		for i := range parts {
			parts[i] = parts[i].Neg()
		}
	}
	return parts, nil
}
