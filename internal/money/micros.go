package money

// microDecimals is how many decimals a count of millionths holds.
const microDecimals = 6

// Micros is d in millionths, and whether they are exact and fit: d has at most six
// decimals and is below 10^12.
func (d Decimal) Micros() (micros int64, exact bool) {
	if d.scale > microDecimals {
		return 0, false
	}
	factor := pow10[microDecimals-d.scale]
	limit := (pow10[maxDecimalDigits] - 1) / factor
	if d.coef > limit || d.coef < -limit {
		return 0, false
	}
	return d.coef * factor, true
}

// DecimalOfMicros is a number of millionths. Beyond 18 digits it is refused with
// fault.Invalid.
func DecimalOfMicros(micros int64) (Decimal, error) { return fitted(micros, microDecimals) }
