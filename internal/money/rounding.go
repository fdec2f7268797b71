package money

import (
	"math"
	"math/big"
	"math/bits"
)

// Rounding says what happens to a result that falls between two minor units.
// Results are rounded by size, then given their sign, so that a charge and the
// credit that reverses it are always equal.
type Rounding uint8

// The roundings. HalfUp is the published policy of the product.
const (
	HalfUp   Rounding = iota // to the nearest, halves away from zero
	HalfEven                 // to the nearest, halves to the even neighbour
	Down                     // toward zero
	Up                       // away from zero
)

var roundingNames = [...]string{"half up", "half even", "down", "up"}

func (r Rounding) String() string {
	if int(r) < len(roundingNames) {
		return roundingNames[r]
	}
	return "unknown"
}

var pow10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// grows reports whether a quotient q with a remainder rounds away from zero.
// twice compares the doubled remainder with the divisor.
func (r Rounding) grows(odd bool, hasRemainder bool, twice int) bool {
	switch r {
	case HalfUp:
		return twice >= 0
	case HalfEven:
		return twice > 0 || (twice == 0 && odd)
	case Up:
		return hasRemainder
	}
	return false
}

func size(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// quoRem is a x b / den with its remainder, for b <= den or a result known to
// fit: the caller guarantees that the quotient is below 2^64.
func quoRem(a, b, den uint64) (quotient, remainder uint64) {
	hi, lo := bits.Mul64(a, b)
	return bits.Div64(hi, lo, den)
}

// mulDiv is a x b / den with one rounding; false when the result does not fit.
// den is at least 1.
func mulDiv(a, b, den int64, r Rounding) (int64, bool) {
	hi, lo := bits.Mul64(size(a), size(b))
	d := uint64(den)
	if hi >= d {
		return 0, false
	}
	q, rem := bits.Div64(hi, lo, d)
	twice := 0
	switch {
	case rem < d-rem:
		twice = -1
	case rem > d-rem:
		twice = 1
	}
	if r.grows(q&1 == 1, rem != 0, twice) {
		q++ // wraps to 0 from 2^64-1, which the next condition refuses
	}
	if q > math.MaxInt64 || (q == 0 && hi != 0) {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(q), true
	}
	return int64(q), true
}

// divBig is num / den with one rounding; false when the result is no int64.
// den is above 0.
func divBig(num, den *big.Int, r Rounding) (int64, bool) {
	negative := num.Sign() < 0
	q, rem := new(big.Int).QuoRem(new(big.Int).Abs(num), den, new(big.Int))
	hasRemainder := rem.Sign() != 0
	if r.grows(q.Bit(0) == 1, hasRemainder, rem.Lsh(rem, 1).Cmp(den)) {
		q.Add(q, big.NewInt(1))
	}
	if !q.IsInt64() {
		return 0, false
	}
	if negative {
		return -q.Int64(), true
	}
	return q.Int64(), true
}
