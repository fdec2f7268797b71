package period

import (
	"time"

	"perennial/internal/fault"
)

// Span is the time from From up to, and not including, To. It is empty only
// where a zone skipped the whole local day that a daily period would have been.
type Span struct{ From, To time.Time }

// Contains reports whether t lies in the span.
func (s Span) Contains(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

// IsEmpty reports whether the span holds no time.
func (s Span) IsEmpty() bool { return !s.From.Before(s.To) }

// Days is the number of calendar days from From's date to To's in a zone.
func (s Span) Days(zone *time.Location) int64 { return date(s.To, zone) - date(s.From, zone) }

// date is the number of a local day since 1970-01-01.
func date(t time.Time, zone *time.Location) int64 { return floorDiv(wall(t, zone), daySeconds) }

// Granularity says in which pieces a period is used up.
type Granularity uint8

// The granularities. BySecond is the zero value.
const (
	// BySecond counts whole seconds.
	BySecond Granularity = iota
	// ByMinute counts minutes that have fully passed; one that has begun is not
	// used. Seconds that a period has beyond its last whole minute count for nothing.
	ByMinute
	// ByDay counts calendar days in the zone. The day of the change is not used:
	// it belongs to the new terms.
	ByDay
	// ByThirtyDays counts calendar days like ByDay but gives each month 30 and
	// each year 360 of them: the 31st day costs nothing and the end of February
	// catches up. Periods of days and weeks, and those that were moved or cut, have
	// their own number of days.
	ByThirtyDays
)

var granularityNames = [...]string{"second", "minute", "day", "thirty_days"}

// String is "second", "minute", "day" or "thirty_days"; "" for none of them.
func (g Granularity) String() string {
	if g.Known() {
		return granularityNames[g]
	}
	return ""
}

// Known reports whether g is a granularity.
func (g Granularity) Known() bool { return int(g) < len(granularityNames) }

// CountsDays reports whether g counts calendar days, so that the day of a change
// has to belong to somebody.
func (g Granularity) CountsDays() bool { return g == ByDay || g == ByThirtyDays }

// MarshalText is the word for g.
func (g Granularity) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads the word for a granularity; empty text is BySecond, and any
// other is refused with fault.Invalid.
func (g *Granularity) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*g = BySecond
		return nil
	}
	for i, word := range granularityNames {
		if string(text) == word {
			*g = Granularity(i)
			return nil
		}
	}
	return fault.New(fault.Invalid, "must be second, minute, day or thirty_days").WithCode("granularity_invalid")
}

// Used is the share of a whole period that has passed at t, as the exact ratio
// num / den with 0 <= num <= den and den >= 1. s is a period of terms with the
// interval iv. What is left is (den-num) / den: den is the same for every t, so
// the parts of a period between any instants sum to the whole. Before the period
// num is 0, after it, and in an empty period, num is den.
func (g Granularity) Used(s Span, iv Interval, t time.Time, zone *time.Location) (num, den int64) {
	return g.used(s, iv, t, zone, 0)
}

// UsedThrough is like Used but counts the day of t as used too, from the first
// instant of the period on. Where g does not count days it is Used.
func (g Granularity) UsedThrough(s Span, iv Interval, t time.Time, zone *time.Location) (num, den int64) {
	if !g.CountsDays() || t.Before(s.From) {
		return g.used(s, iv, t, zone, 0)
	}
	return g.used(s, iv, t, zone, 1)
}

// used is Used with a number of days more.
func (g Granularity) used(s Span, iv Interval, t time.Time, zone *time.Location, more int64) (num, den int64) {
	switch g {
	case BySecond:
		num, den = pieces(s.From, t, 1), pieces(s.From, s.To, 1)
	case ByMinute:
		num, den = pieces(s.From, t, 60), pieces(s.From, s.To, 60)
	default:
		days := s.Days(zone)
		num, den = Span{s.From, t}.Days(zone)+more, days
		if months := s.months(iv, zone); g == ByThirtyDays && months > 0 {
			den = 30 * months
		}
		if days > 0 && num >= days {
			num = den // the last day's share is all that the 30 days still hold
		}
	}
	den = max(den, 1)
	switch {
	case !t.Before(s.To):
		return den, den
	case !t.After(s.From) && more == 0:
		return 0, den
	}
	return min(max(num, 0), den), den
}

// months is how many months a whole period of iv has; 0 when iv does not count
// months, or the span is none of its whole periods: its end was moved, or it is
// the time before a billing day. A whole period ends on the day of the month on
// which it began, or on the last of a month that lacks the day, or begins there.
func (s Span) months(iv Interval, zone *time.Location) int64 {
	if iv.Unit < Month {
		return 0
	}
	months, _ := iv.Months()
	from, to := wall(s.From, zone), wall(s.To, zone)
	fromMonth, fromDay := monthAndDay(from)
	toMonth, toDay := monthAndDay(to)
	lastOf := func(w int64) bool {
		_, next := monthAndDay(w + daySeconds)
		return next == 1
	}
	switch {
	case toMonth-fromMonth != months:
		return 0
	case fromDay == toDay, fromDay > toDay && lastOf(to), fromDay < toDay && lastOf(from):
		return months
	}
	return 0
}

// pieces is how many pieces of so many whole seconds have fully passed from a to b.
func pieces(a, b time.Time, seconds int64) int64 {
	return floorDiv(b.UnixMicro()-a.UnixMicro(), seconds*1_000_000)
}
