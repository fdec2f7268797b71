package period

import (
	"time"
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
	// ByDay counts calendar days in the zone. The day of the change is not used:
	// it belongs to the new terms.
	ByDay
	// ByThirtyDays counts calendar days like ByDay but gives each month 30 and
	// each year 360 of them: the 31st day costs nothing and the end of February
	// catches up. Periods of days and weeks have their own number of days.
	ByThirtyDays
)

var granularityNames = [...]string{"second", "day", "thirty_days"}

// String is "second", "day" or "thirty_days".
func (g Granularity) String() string {
	if int(g) < len(granularityNames) {
		return granularityNames[g]
	}
	return ""
}

// Used is the share of a whole period that has passed at t, as the exact ratio
// num / den with 0 <= num <= den and den >= 1. s is a full period of iv. What is
// left is (den-num) / den: den is the same for every t, so the parts of a period
// between any instants sum to the whole. Before the period num is 0, after it,
// and in an empty period, num is den.
func (g Granularity) Used(s Span, iv Interval, t time.Time, zone *time.Location) (num, den int64) {
	switch g {
	case BySecond:
		den = seconds(s.From, s.To)
		num = seconds(s.From, t)
	default:
		den = s.Days(zone)
		num = Span{s.From, t}.Days(zone)
		if g == ByThirtyDays && iv.Unit >= Month {
			months, _ := iv.Months()
			den = 30 * months
		}
	}
	den = max(den, 1)
	switch {
	case !t.Before(s.To):
		return den, den
	case !t.After(s.From):
		return 0, den
	}
	return min(max(num, 0), den), den
}

// seconds is the whole seconds from a to b.
func seconds(a, b time.Time) int64 { return floorDiv(b.UnixMicro()-a.UnixMicro(), 1_000_000) }
