// Package period is the billing calendar: intervals, the boundaries between
// billing periods, and how much of a period has passed. All of it is arithmetic
// on instants that are given; nothing here reads a clock.
package period

import (
	"strconv"
	"strings"
	"time"

	"perennial/internal/fault"
)

// Unit is a unit of the calendar. The zero value is none.
type Unit uint8

// The units.
const (
	Day Unit = iota + 1
	Week
	Month
	Year
)

var unitNames = [...]string{"", "day", "week", "month", "year"}

// The largest count of an interval, by unit.
var maxCount = [...]int{0, 366, 52, 60, 10}

// String is "day", "week", "month" or "year"; "" for none.
func (u Unit) String() string {
	if int(u) < len(unitNames) {
		return unitNames[u]
	}
	return ""
}

// ParseUnit reads "day", "week", "month" or "year". Anything else is refused
// with fault.Invalid.
func ParseUnit(s string) (Unit, error) {
	for u := Day; u <= Year; u++ {
		if s == unitNames[u] {
			return u, nil
		}
	}
	return 0, fault.New(fault.Invalid, "must be day, week, month or year").WithCode("unit_invalid")
}

// MarshalText is the text form.
func (u Unit) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads the text form; empty text is none.
func (u *Unit) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*u = 0
		return nil
	}
	v, err := ParseUnit(string(text))
	if err != nil {
		return err
	}
	*u = v
	return nil
}

// Interval is the length of one billing period in calendar units. The zero value
// is none.
type Interval struct {
	Unit  Unit
	Count int // 1 and more
}

// NewInterval checks a unit and a count: 1 to 366 days, 52 weeks, 60 months or
// 10 years. Anything else is refused with fault.Invalid.
func NewInterval(count int, unit Unit) (Interval, error) {
	if unit < Day || unit > Year {
		_, err := ParseUnit("")
		return Interval{}, err
	}
	if count < 1 || count > maxCount[unit] {
		return Interval{}, fault.New(fault.Invalid, "must be from 1 to %d %ss", maxCount[unit], unit).WithCode("interval_out_of_range")
	}
	return Interval{unit, count}, nil
}

// ParseInterval reads "month", "1 month", "3 months", "10 days" and so on, in
// lower case and with one space. The limits are those of NewInterval.
func ParseInterval(s string) (Interval, error) {
	count := 1
	word := s
	if number, rest, ok := strings.Cut(s, " "); ok {
		n, err := strconv.Atoi(number)
		if err != nil || number != strconv.Itoa(n) { // no sign, no leading zero
			return Interval{}, badInterval()
		}
		count, word = n, rest
		if count != 1 {
			if word, ok = strings.CutSuffix(rest, "s"); !ok {
				return Interval{}, badInterval()
			}
		}
	}
	unit, err := ParseUnit(word)
	if err != nil {
		return Interval{}, badInterval()
	}
	return NewInterval(count, unit)
}

func badInterval() error {
	return fault.New(fault.Invalid, "must be an interval such as \"month\", \"3 months\", \"10 days\" or \"year\"").WithCode("interval_invalid")
}

// Check refuses, with fault.Invalid, an interval that NewInterval would not make.
func (iv Interval) Check() error {
	_, err := NewInterval(iv.Count, iv.Unit)
	return err
}

// IsZero reports whether iv is none.
func (iv Interval) IsZero() bool { return iv == Interval{} }

// String is the form that ParseInterval reads: "month", "3 months"; "" for none.
func (iv Interval) String() string {
	switch {
	case iv.IsZero():
		return ""
	case iv.Count == 1:
		return iv.Unit.String()
	}
	return strconv.Itoa(iv.Count) + " " + iv.Unit.String() + "s"
}

// MarshalText is the form that ParseInterval reads.
func (iv Interval) MarshalText() ([]byte, error) { return []byte(iv.String()), nil }

// UnmarshalText reads what ParseInterval reads; empty text is none.
func (iv *Interval) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*iv = Interval{}
		return nil
	}
	v, err := ParseInterval(string(text))
	if err != nil {
		return err
	}
	*iv = v
	return nil
}

// Months is the length in months as an exact ratio num / den, for comparisons
// and monthly figures: an amount per interval x den / num is the amount per
// month. A year has 365 days and 12 months, so a week is 84/365 of a month.
func (iv Interval) Months() (num, den int64) {
	n := int64(iv.Count)
	switch iv.Unit {
	case Day:
		return n * 12, 365
	case Week:
		return n * 84, 365
	case Month:
		return n, 1
	case Year:
		return n * 12, 1
	}
	return 0, 1
}

// Cmp compares two lengths by their months: -1, 0 or +1.
func (iv Interval) Cmp(other Interval) int {
	a, b := iv.Months()
	c, d := other.Months()
	switch left, right := a*d, c*b; {
	case left < right:
		return -1
	case left > right:
		return 1
	}
	return 0
}

// Date is the local date of an instant, "2026-01-31".
func Date(t time.Time, zone *time.Location) string { return t.In(location(zone)).Format(time.DateOnly) }

// Midnight is the beginning of a local date, "2026-01-31", in UTC; zero for what is
// not a date.
func Midnight(date string, zone *time.Location) time.Time {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return time.Time{}
	}
	return resolve(d.Unix(), 0, zone)
}
