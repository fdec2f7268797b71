package usage

import (
	"time"

	"perennial/internal/cardnumber"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/period"
)

// Outcome is what became of a record.
type Outcome string

// The outcomes.
const (
	Counted     Outcome = "counted"
	LateCounted Outcome = "late_counted" // in the present period, because its own has been billed
	Refused     Outcome = "refused"      // Why says why; it is kept, so that the question can be answered
)

// Why is why a record was not counted.
type Why string

// The reasons.
const (
	NoReason           Why = ""
	BeforeStart        Why = "before_start"         // the subscription had not begun
	AfterEnd           Why = "after_end"            // the subscription had ended
	InFuture           Why = "in_future"            // more than FutureTolerance after it arrived
	TooLate            Why = "too_late"             // its period has been billed, and the meter refuses late usage
	PeriodClosed       Why = "period_closed"        // its period has been billed, and there is no later one
	ArchivedMeter      Why = "archived_meter"       // the meter does not count any more
	NegativeNotAllowed Why = "negative_not_allowed" // only a sum can be given back to
	CounterFull        Why = "counter_full"         // the counter would pass MaxCounter
	KeyReused          Why = "key_reused"           // of a repetition: the record with that key says something else
)

// Limits of records and counters.
const (
	MaxUnits   = 1_000_000_000 * Micro        // of one record, in millionths; below zero just so
	MaxCounter = 999_999_999_999 * Micro      // of one counter, in millionths; below zero just so
	Micro      = int64(1_000_000)             // millionths of one unit
	MaxKey     = 255                          // characters
	MaxNote    = 500                          // bytes
	MaxValue   = 255                          // bytes
	longestDay = int64(24 * time.Hour / 1000) // microseconds
)

// FutureTolerance is how far a sender's clock may be ahead.
const FutureTolerance = 5 * time.Minute

// Record is one piece of usage as it arrived, and what became of it.
type Record struct {
	Account      id.Account
	Subscription id.Subscription
	Key          string // the sender's, by which a repetition is known: 1 to 255 printable ASCII characters
	Meter        id.Meter
	At           time.Time // when it was used
	Units        int64     // millionths; below zero gives back, only of a Sum; 0 of a Unique
	Value        string    // of a Unique: what is told apart; else empty
	Note         string
	Period       int // in which it counts; of a refused one the subscription's present period
	Outcome      Outcome
	Why          Why // of a refused one
	ReceivedAt   time.Time
}

// Day is the UTC day of an instant, in days since 1970-01-01.
func Day(at time.Time) int64 {
	n := at.UnixMicro()
	if n < 0 {
		n -= longestDay - 1
	}
	return n / longestDay
}

// Check refuses, with fault.Invalid, a record that cannot be: it is stored nowhere. How
// its meter aggregates decides what it must hold.
func (r *Record) Check(how Aggregation) error {
	if goodKey(r.Key) && r.Note == "" && r.Value == "" && how != Unique && r.Units >= -MaxUnits && r.Units <= MaxUnits && (r.Units != 0 || how != Sum) {
		return nil // as nearly all are
	}
	var f fault.Fields
	f.Check(goodKey(r.Key), "key", "must be 1 to %d printable ASCII characters and hold no card number", MaxKey)
	checkText(&f, "note", r.Note, MaxNote)
	checkText(&f, "value", r.Value, MaxValue)
	f.Check(r.Units >= -MaxUnits && r.Units <= MaxUnits, "units", "must be at most 1000000000, with at most six decimals")
	if how == Unique {
		f.Check(r.Value != "", "value", "must be given: the meter counts different values")
		f.Check(r.Units == 0, "units", "must be left out: the meter counts different values")
	} else {
		f.Check(r.Value == "", "value", "must be left out: the meter counts units")
		f.Check(r.Units != 0 || how != Sum, "units", "must be given and not be 0")
	}
	return f.Err()
}

func goodKey(s string) bool {
	if len(s) < 1 || len(s) > MaxKey {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return randomKey(s) || !cardnumber.In(s)
}

// randomKey reports whether s is a number drawn at random, spelt as hexadecimal digits or
// as a UUID: one in some ten thousand of them looks like a card number by chance.
func randomKey(s string) bool {
	letter := false
	for i := range len(s) {
		c := s[i] | 0x20 // lower case
		switch {
		case c >= 'a' && c <= 'f':
			letter = true
		case s[i] != '-' && (s[i] < '0' || s[i] > '9'):
			return false
		}
	}
	return letter
}

// Standing is what of a subscription decides where usage counts.
type Standing struct {
	Start  time.Time // before it nothing counts
	End    time.Time // from it on nothing counts; zero while it runs
	Span   period.Span
	Period int                   // of Span
	Closed func(period int) bool // whether the meter's counter of a period has been billed
}

// Place decides where usage of an instant, arriving at now, counts. Usage of the
// present span counts in the present period. Usage after it, which has come before the
// renewal, counts in the next one, and so does usage of a period that was billed before
// its end, as long as that is to come. Usage before it counts in the previous period while
// that has not been billed, else as the meter says: in the present one or not at all.
func Place(at, now time.Time, s Standing, late Late) (int, Outcome, Why) {
	ended := !s.End.IsZero()
	switch {
	case at.Before(s.Start):
		return s.Period, Refused, BeforeStart
	case ended && !at.Before(s.End):
		return s.Period, Refused, AfterEnd
	case at.After(now.Add(FutureTolerance)):
		return s.Period, Refused, InFuture
	}
	own := s.Period
	if at.Before(s.Span.From) {
		own--
	} else if !at.Before(s.Span.To) && !ended {
		own++
	}
	if !s.Closed(own) {
		return own, Counted, NoReason
	}
	next := max(own+1, s.Period)
	early := own == s.Period && !ended && now.Before(s.Span.To) // it is not over, so nobody is late: a change of terms billed it
	switch {
	case early && !s.Closed(next):
		return next, LateCounted, NoReason
	case late != NextPeriod:
		return s.Period, Refused, TooLate
	case ended && next > s.Period, s.Closed(next):
		return s.Period, Refused, PeriodClosed
	}
	return next, LateCounted, NoReason
}

// CheckNote refuses a note that is too long, no plain text, or holds a card number.
func CheckNote(s string) error {
	var f fault.Fields
	checkText(&f, "note", s, MaxNote)
	return f.Err()
}
