package money

import (
	"math/big"
	"strings"

	"perennial/internal/fault"
)

// Limits of a Decimal: at most 18 significant digits, of which at most 12
// decimals.
const (
	maxDecimalDigits = 18
	maxDecimalScale  = 12
)

// Decimal is an exact decimal number with at most 18 digits, of which at most 12
// decimals: a quantity such as 1.5 hours, a rate, a sub-cent price. It is kept
// without trailing zeros, so equal numbers are == equal. The zero value is 0.
type Decimal struct {
	coef  int64
	scale uint8
}

// NewDecimal is a whole number. It is refused beyond 18 digits.
func NewDecimal(whole int64) (Decimal, error) {
	if whole >= pow10[maxDecimalDigits] || whole <= -pow10[maxDecimalDigits] {
		return Decimal{}, fault.New(fault.Invalid, "a number has at most 18 digits")
	}
	return Decimal{coef: whole}, nil
}

// ParseDecimal reads "12", "-0.0025": ASCII digits, at most one point with
// digits on both sides, an optional minus sign. Exponents, group separators,
// spaces and other digits are refused with fault.Invalid.
func ParseDecimal(s string) (Decimal, error) {
	coef, scale, ok := parsePlain(s, maxDecimalScale)
	if !ok {
		return Decimal{}, fault.New(fault.Invalid, "must be a plain decimal number such as 12.5, with at most 18 digits, 12 of them decimals").WithCode("number_invalid")
	}
	for scale > 0 && coef%10 == 0 {
		coef, scale = coef/10, scale-1
	}
	return Decimal{coef, uint8(scale)}, nil
}

// parsePlain reads an optional minus sign, digits, and an optional point with
// 1 to maxScale digits, 18 digits in all besides leading zeros.
func parsePlain(s string, maxScale int) (coef int64, scale int, ok bool) {
	rest, negative := strings.CutPrefix(s, "-")
	if len(rest) > 2*maxDecimalDigits {
		return 0, 0, false
	}
	whole, fraction, point := strings.Cut(rest, ".")
	if whole == "" || (point && fraction == "") || len(fraction) > maxScale {
		return 0, 0, false
	}
	for _, part := range [...]string{whole, fraction} {
		for i := range len(part) {
			d := part[i] - '0'
			if d > 9 || coef >= pow10[maxDecimalDigits-1] {
				return 0, 0, false
			}
			coef = coef*10 + int64(d)
		}
	}
	if negative {
		coef = -coef
	}
	return coef, len(fraction), true
}

// String is the plain form, for example "-0.0025", which ParseDecimal reads.
func (d Decimal) String() string { return plain(d.coef, int(d.scale)) }

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d.coef == 0 }

// Sign is -1, 0 or +1.
func (d Decimal) Sign() int { return Amount{Minor: d.coef}.Sign() }

// Cmp compares two numbers: -1, 0 or +1.
func (d Decimal) Cmp(e Decimal) int {
	a, b := big.NewInt(d.coef), big.NewInt(e.coef)
	a.Mul(a, big.NewInt(pow10[e.scale]))
	return a.Cmp(b.Mul(b, big.NewInt(pow10[d.scale])))
}

// Add is d + e, exactly. A sum that a Decimal cannot hold is refused with
// fault.Invalid.
func (d Decimal) Add(e Decimal) (Decimal, error) {
	if d.scale == e.scale { // two coefficients of 18 digits cannot overflow
		return fitted(d.coef+e.coef, d.scale)
	}
	a, b := big.NewInt(d.coef), big.NewInt(e.coef)
	scale := max(d.scale, e.scale)
	a.Mul(a, big.NewInt(pow10[scale-d.scale]))
	b.Mul(b, big.NewInt(pow10[scale-e.scale]))
	// The one with more decimals has no trailing zero, so neither has the sum.
	if a.Add(a, b); !a.IsInt64() {
		return Decimal{}, tooLong()
	}
	return fitted(a.Int64(), scale)
}

// Sub is d - e, exactly. A difference that a Decimal cannot hold is refused with
// fault.Invalid.
func (d Decimal) Sub(e Decimal) (Decimal, error) { return d.Add(Decimal{-e.coef, e.scale}) }

// fitted is coef with scale decimals, without trailing zeros.
func fitted(coef int64, scale uint8) (Decimal, error) {
	for scale > 0 && coef%10 == 0 {
		coef, scale = coef/10, scale-1
	}
	if coef >= pow10[maxDecimalDigits] || coef <= -pow10[maxDecimalDigits] {
		return Decimal{}, tooLong()
	}
	return Decimal{coef, scale}, nil
}

func tooLong() error {
	return fault.New(fault.Invalid, "a number has at most 18 digits, 12 of them decimals").WithCode("number_too_long")
}

// Blocks is how many blocks of size pieces d begins: d / size, rounded up. A size
// below 1 and a negative d are refused with fault.Invalid.
func (d Decimal) Blocks(size int64) (int64, error) {
	if size < 1 || d.coef < 0 {
		return 0, fault.New(fault.Invalid, "blocks are counted of numbers that are not negative, in sizes of 1 and more")
	}
	n, ok := mulDiv(d.coef, 1, pow10[d.scale], Up) // a block begins with any part of a piece
	if !ok {
		return 0, tooLong()
	}
	blocks := n / size
	if n%size != 0 {
		blocks++
	}
	return blocks, nil
}

// MarshalText is the plain form.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the plain form.
func (d *Decimal) UnmarshalText(text []byte) error {
	v, err := ParseDecimal(string(text))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// Rate is an exact share of an amount: 0.19 is nineteen per cent. The zero value
// is no share.
type Rate struct{ d Decimal }

// ParseRate reads a plain decimal from -1000 to 1000, for example "0.19".
func ParseRate(s string) (Rate, error) {
	d, err := ParseDecimal(s)
	if err != nil {
		return Rate{}, err
	}
	return rateOf(d)
}

// ParsePercent reads a plain decimal as per cent: "19" is the rate 0.19, "7.25"
// is 0.0725. It takes at most 10 decimals.
func ParsePercent(s string) (Rate, error) {
	d, err := ParseDecimal(s)
	if err != nil {
		return Rate{}, err
	}
	if d.scale > maxDecimalScale-2 {
		return Rate{}, fault.New(fault.Invalid, "a percentage has at most 10 decimals")
	}
	d.scale += 2
	for d.scale > 0 && d.coef%10 == 0 {
		d.coef, d.scale = d.coef/10, d.scale-1
	}
	return rateOf(d)
}

func rateOf(d Decimal) (Rate, error) {
	limit := 1000 * pow10[d.scale]
	if d.coef > limit || d.coef < -limit {
		return Rate{}, fault.New(fault.Invalid, "a rate lies between -1000 and 1000")
	}
	return Rate{d}, nil
}

// String is the plain form, for example "0.19", which ParseRate reads.
func (r Rate) String() string { return r.d.String() }

// Percent is the rate in per cent, for people and without the sign: "19", "7.25".
func (r Rate) Percent() string {
	scale := int(r.d.scale) - 2
	if scale < 0 {
		return plain(r.d.coef*pow10[-scale], 0)
	}
	return plain(r.d.coef, scale)
}

// IsZero reports whether the rate is 0.
func (r Rate) IsZero() bool { return r.d.IsZero() }

// Cmp compares two rates: -1, 0 or +1.
func (r Rate) Cmp(o Rate) int { return r.d.Cmp(o.d) }

// Sign is -1, 0 or +1.
func (r Rate) Sign() int { return r.d.Sign() }

// MarshalText is the plain form.
func (r Rate) MarshalText() ([]byte, error) { return r.d.MarshalText() }

// UnmarshalText reads the plain form.
func (r *Rate) UnmarshalText(text []byte) error {
	v, err := ParseRate(string(text))
	if err != nil {
		return err
	}
	*r = v
	return nil
}

// UnitPrice is the exact price of one unit in major units of a currency; it may
// be far below a cent, for example 0.0025 USD. The zero value is no price.
type UnitPrice struct {
	Major    Decimal
	Currency Currency
}

// ParseUnitPrice reads a plain decimal of major units, for example "0.0025". An
// unknown currency is refused.
func ParseUnitPrice(s string, c Currency) (UnitPrice, error) {
	if _, err := New(0, c); err != nil {
		return UnitPrice{}, err
	}
	d, err := ParseDecimal(s)
	if err != nil {
		return UnitPrice{}, err
	}
	return UnitPrice{d, c}, nil
}

// UnitPriceOf is an amount as the price of one unit.
func UnitPriceOf(a Amount) UnitPrice {
	d := Decimal{a.Minor, uint8(a.Currency.Digits())}
	for d.scale > 0 && d.coef%10 == 0 {
		d.coef, d.scale = d.coef/10, d.scale-1
	}
	return UnitPrice{d, a.Currency}
}

// Times is the price of quantity units, rounded once to minor units. A result
// beyond MaxMinor is refused.
func (p UnitPrice) Times(quantity int64, r Rounding) (Amount, error) {
	return p.TimesDecimal(Decimal{coef: quantity}, r)
}

// TimesDecimal is the price of a quantity with decimals, for example 1.5 hours,
// rounded once to minor units. A result beyond MaxMinor is refused.
func (p UnitPrice) TimesDecimal(quantity Decimal, r Rounding) (Amount, error) {
	num := big.NewInt(p.Major.coef)
	num.Mul(num, big.NewInt(quantity.coef))
	num.Mul(num, big.NewInt(p.Currency.perMajor()))
	den := big.NewInt(pow10[p.Major.scale])
	den.Mul(den, big.NewInt(pow10[quantity.scale]))
	minor, ok := divBig(num, den, r)
	if !ok {
		return Amount{}, tooLarge()
	}
	return limited(minor, p.Currency)
}

// String is the plain form of the decimal, for example "0.0025", without the
// currency.
func (p UnitPrice) String() string { return p.Major.String() }

// Quo is d / e rounded half up to 12 decimals, or to fewer where 18 digits do not hold
// them: the rate between two currencies of which each is known in a third. An e of 0 and
// a result beyond 18 digits are refused with fault.Invalid.
func (d Decimal) Quo(e Decimal) (Decimal, error) {
	if e.IsZero() {
		return Decimal{}, fault.New(fault.Invalid, "a number cannot be divided by zero")
	}
	for scale := maxDecimalScale; scale >= 0; scale-- {
		num, den := big.NewInt(d.coef), big.NewInt(e.coef)
		num.Mul(num, big.NewInt(pow10[e.scale])).Mul(num, big.NewInt(pow10[scale]))
		den.Mul(den, big.NewInt(pow10[d.scale]))
		if den.Sign() < 0 {
			num.Neg(num)
			den.Neg(den)
		}
		coef, ok := divBig(num, den, HalfUp)
		if !ok || coef >= pow10[maxDecimalDigits] || coef <= -pow10[maxDecimalDigits] {
			continue
		}
		at := scale
		for at > 0 && coef%10 == 0 {
			coef, at = coef/10, at-1
		}
		return Decimal{coef, uint8(at)}, nil
	}
	return Decimal{}, fault.New(fault.Invalid, "a number has at most 18 digits")
}
