package paywhirl

import (
	"encoding/json"
	"strconv"
	"time"

	"perennial/internal/money"
	"perennial/internal/params"
)

// stampForm is how instants are spelt, in UTC.
const stampForm = time.DateTime

// stamp is an instant as text; null when there is none.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(stampForm)
	return &s
}

// unix is an instant in seconds; null when there is none.
func unix(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	s := t.Unix()
	return &s
}

// text is null for a text that is not there.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// reference is null for the number of a thing that is not there.
func reference(number int64) *int64 {
	if number == 0 {
		return nil
	}
	return &number
}

// flag is a truth value as the wire has it.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// major is an amount as a decimal number in units of its currency.
func major(a money.Amount) json.Number { return json.Number(a.Major()) }

// amountOf is an amount that was sent in units of its currency: 10, 10.95, "10.95". Absent
// and empty is nothing of it.
func amountOf(v *params.Values, name string, c money.Currency) money.Amount {
	s := v.Decimal(name)
	if s == "" {
		return money.Zero(c)
	}
	a, err := money.ParseMajor(s, c)
	if err == nil && a.Minor < 0 {
		v.Bad(name, "must not be below 0")
		return money.Zero(c)
	}
	v.Add(name, err)
	return a
}

// instantOf is an instant that was sent in UNIX seconds; zero when it is absent.
func instantOf(v *params.Values, name string) time.Time {
	s := v.Int(name, 0, 253402300799) // to the end of the year 9999
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// numberOf is the number of a thing that was sent under a name; 0 when it is absent, which is
// also what clients send who mean none.
func numberOf(v *params.Values, name string) int64 { return v.Int(name, 0, 1<<63-1) }

// parseNumber reads a number from a path; 0 when it is none.
func parseNumber(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || s[0] == '+' {
		return 0
	}
	return n
}

// given is a pointer to the text under a name when it was sent, for fields that are left as
// they are otherwise.
func given(v *params.Values, name string) *string {
	if !v.Given(name) {
		return nil
	}
	s := v.Text(name)
	return &s
}

// status is the answer of something that has no object to show.
type status struct {
	Status string `json:"status"`
}

var success = status{"success"}
