package paykickstart

import (
	"strconv"
	"strings"
	"time"

	"perennial/internal/money"
	"perennial/internal/params"
)

// stamp is an instant as clients read it, in UTC; "" when there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

// unix is an instant in seconds, as text; "" when there is none.
func unix(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.Unix(), 10)
}

// flag is a truth value as the wire has it.
func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// amountOf is an amount that was sent in units of its currency, with or without commas
// between its thousands; given is false when none was sent.
func amountOf(v *params.Values, name string, c money.Currency) (a money.Amount, given bool) {
	s := strings.ReplaceAll(strings.TrimSpace(v.TextMax(name, 60)), ",", "")
	if s == "" {
		return money.Zero(c), false
	}
	a, err := money.ParseMajor(s, c)
	v.Add(name, err)
	return a, true
}

// positive is amountOf of an amount that must not be below zero.
func positive(v *params.Values, name string, c money.Currency) (a money.Amount, given bool) {
	a, given = amountOf(v, name, c)
	v.Check(a.Minor >= 0, name, "must not be below 0")
	return a, given
}

// instantOf is an instant that was sent in UNIX seconds; zero when it is absent.
func instantOf(v *params.Values, name string) time.Time {
	s := v.Int(name, 0, 253402300799) // to the end of the year 9999
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// done is the answer of what has no object to show.
type done struct {
	Success int    `json:"success"`
	Message string `json:"message"`
}

// dated is a date of a coupon, MM/DD/YYYY hh:mm AM|PM in the merchant's zone, as the day on
// which it falls; "" when it is absent.
func dated(v *params.Values, name string) string {
	s := strings.ToUpper(strings.Join(strings.Fields(v.TextMax(name, 40)), " "))
	if s == "" {
		return ""
	}
	for _, form := range []string{"01/02/2006 03:04 PM", "1/2/2006 3:04 PM", "01/02/2006", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	v.Bad(name, "must be a date such as 01/31/2026 09:00 AM")
	return ""
}
