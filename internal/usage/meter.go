package usage

import (
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Aggregation says how the records of a period become one figure.
type Aggregation string

// The aggregations.
const (
	Sum    Aggregation = "sum"    // all units together; negative units give back
	Max    Aggregation = "max"    // the largest number of units
	Last   Aggregation = "last"   // the units of the latest instant
	Unique Aggregation = "unique" // how many different values there were
)

// Known reports whether a is an aggregation.
func (a Aggregation) Known() bool { return a == Sum || a == Max || a == Last || a == Unique }

// Late says what becomes of usage whose own period has been billed.
type Late string

// What there is for late usage.
const (
	NextPeriod Late = "next_period" // it counts in the present period
	RefuseLate Late = "refuse"
)

// State says whether a meter counts.
type State string

// The states of a meter.
const (
	Active   State = "active"
	Archived State = "archived" // records of it are refused; what was counted is billed
)

// MaxGrace is how long at most a period is billed after its end.
const MaxGrace = 31 * 24 * time.Hour

const (
	maxCode = 64  // characters
	maxName = 200 // bytes
	maxUnit = 40  // bytes
)

// Meter is something that usage is counted by.
type Meter struct {
	ID          id.Meter
	Account     id.Account
	Code        string // by which senders name it: 1 to 64 of a to z, 0 to 9, _ and -; unique in the account, never changed
	Name        string // printed on invoices
	Unit        string // printed behind the number, for example "GB"; may be empty
	Aggregation Aggregation
	Grace       time.Duration // how long after a period's end it is billed, so that late usage counts: whole seconds, 0 to MaxGrace
	Late        Late
	Prepaid     bool // draws on the customer's prepaid units instead of a period's allowance; only with Sum
	State       State
	CreatedAt   time.Time
	Version     int64
}

// Check refuses, with fault.Invalid, a meter that cannot be.
func (m Meter) Check() error {
	var f fault.Fields
	f.Check(goodCode(m.Code), "code", "must be 1 to %d letters a to z, digits, dashes and underscores, and not begin as an id does", maxCode)
	f.Check(!cardnumber.In(m.Code), "code", "must not hold a card number")
	f.Check(strings.TrimSpace(m.Name) != "", "name", "must not be empty")
	checkText(&f, "name", m.Name, maxName)
	checkText(&f, "unit", m.Unit, maxUnit)
	f.Check(m.Aggregation.Known(), "aggregation", "must be sum, max, last or unique")
	f.Check(m.Grace >= 0 && m.Grace <= MaxGrace && m.Grace%time.Second == 0, "grace", "must be whole seconds, at most those of 31 days")
	f.Check(m.Late == NextPeriod || m.Late == RefuseLate, "late", "must be next_period or refuse")
	f.Check(!m.Prepaid || m.Aggregation == Sum, "prepaid", "needs the aggregation sum: only a sum can be drawn from a balance")
	f.Check(m.State == Active || m.State == Archived, "state", "must be active or archived")
	return f.Err()
}

// Revise refuses a change of what never changes once a meter exists: its code, how it
// aggregates and whether it is prepaid.
func (m Meter) Revise(next Meter) error {
	var f fault.Fields
	f.Check(m.Code == next.Code, "code", "cannot be changed")
	f.Check(m.Aggregation == next.Aggregation, "aggregation", "cannot be changed")
	f.Check(m.Prepaid == next.Prepaid, "prepaid", "cannot be changed")
	f.Add("", next.Check())
	return f.Err()
}

// goodCode leaves out what would be taken for the id of a meter.
func goodCode(s string) bool {
	if len(s) < 1 || len(s) > maxCode || strings.HasPrefix(s, "mtr_") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// checkText refuses what is too long, no plain text, or a card number.
func checkText(f *fault.Fields, name, s string, limit int) {
	f.Check(len(s) <= limit, name, "must be at most %d bytes", limit)
	f.Check(plain(s), name, "must be plain text without control characters")
	f.Check(!cardnumber.In(s), name, "must not hold a card number")
}

func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 })
}
