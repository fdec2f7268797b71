package period

import (
	"time"
)

// Anchor is the point from which every boundary of a subscription is computed.
// Boundary n is start plus n intervals, always counted from the anchor and never
// from the boundary before, so a month end that was shortened is not lost:
// 31 January, 28 February, 31 March.
//
// The local wall-clock time of Start is kept in Zone. A local time that a clock
// change leaves out moves forward to the first instant that exists; of a local
// time that happens twice, the first counts.
type Anchor struct {
	Start time.Time      // the instant of boundary 0
	Day   int            // day of month to return to, 1 to 31; 0 means the day of Start in Zone
	Zone  *time.Location // the merchant's zone; nil means UTC
}

// MonthlyOn is the anchor whose boundary 0 is the first local midnight of a day
// of month at or after an instant; a month without that day has it on its last.
// It serves calendar billing: everybody on the 1st. A day outside 1 to 31 is
// taken as the nearest inside.
func MonthlyOn(day int, after time.Time, zone *time.Location) Anchor {
	day = min(max(day, 1), 31)
	y, m, _ := after.In(location(zone)).Date()
	month := int64(y)*12 + int64(m) - 1
	for {
		start := resolve(wallOf(month, day, 0), 0, zone)
		if !start.Before(after) {
			return Anchor{Start: start, Day: day, Zone: zone}
		}
		month++ // at most once: the next month's day is later than after
	}
}

func location(zone *time.Location) *time.Location {
	if zone == nil {
		return time.UTC
	}
	return zone
}

const daySeconds = 24 * 60 * 60

// wall is the local date and time of an instant as seconds since 1970-01-01
// 00:00 of the same clock.
func wall(t time.Time, zone *time.Location) int64 {
	t = t.In(location(zone))
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// wallOf is the wall time of a day of a month (counted from year 0), the day cut
// to the month's length, plus seconds of the day.
func wallOf(month int64, day int, seconds int64) int64 {
	year, m := floorDiv(month, 12), month-12*floorDiv(month, 12)
	first := time.Date(int(year), time.Month(m+1), 1, 0, 0, 0, 0, time.UTC).Unix()
	next := time.Date(int(year), time.Month(m+2), 1, 0, 0, 0, 0, time.UTC).Unix()
	length := int((next - first) / daySeconds)
	return first + int64(min(day, length)-1)*daySeconds + seconds
}

// offsetAt is the zone's distance from UTC, in seconds, at an instant.
func offsetAt(seconds int64, zone *time.Location) int64 {
	_, offset := time.Unix(seconds, 0).In(zone).Zone()
	return int64(offset)
}

// resolve is the first instant at which the zone's clock shows wall time w or,
// where w was skipped, more; nanos are added when w itself exists.
//
// It asks the zone for offsets only: the bounds that Time.ZoneBounds gives lie
// before the time asked about on the last day of a leap year.
func resolve(w int64, nanos int, zone *time.Location) time.Time {
	if zone == nil || zone == time.UTC {
		return time.Unix(w, int64(nanos)).UTC()
	}
	// No zone has ever been more than 16 hours from UTC: a day on either side the
	// clock surely shows less and more than w. No zone changes twice in between.
	before, after := offsetAt(w-daySeconds, zone), offsetAt(w+daySeconds, zone)
	early := w - before
	if before == after || offsetAt(early, zone) == before {
		return time.Unix(early, int64(nanos)).UTC()
	}
	late := w - after
	if offsetAt(late, zone) == after {
		return time.Unix(late, int64(nanos)).UTC()
	}
	// The clock jumped over w, at an instant after late and not after early.
	for late+1 < early {
		if middle := (late + early) / 2; offsetAt(middle, zone) == before {
			late = middle
		} else {
			early = middle
		}
	}
	return time.Unix(early, 0).UTC()
}

// Boundary is the start of period n and the end of period n-1, in UTC. It is
// Start for n = 0, and n may be negative. Its cost does not depend on n.
func (a Anchor) Boundary(iv Interval, n int) time.Time {
	start := wall(a.Start, a.Zone)
	w := a.wallBoundary(start, iv, n)
	if n == 0 && w == start {
		return a.Start.UTC() // even when Start is the second of two equal local times
	}
	return resolve(w, a.Start.Nanosecond(), a.Zone)
}

func (a Anchor) wallBoundary(start int64, iv Interval, n int) int64 {
	steps := int64(n) * int64(iv.Count)
	switch iv.Unit {
	case Day:
		return start + steps*daySeconds
	case Week:
		return start + steps*7*daySeconds
	case Year:
		steps *= 12
	}
	month, day := monthAndDay(start)
	if a.Day > 0 {
		day = a.Day
	}
	return wallOf(month+steps, day, start-floorDiv(start, daySeconds)*daySeconds)
}

// monthAndDay is the month of a wall time, counted from year 0, and its day.
func monthAndDay(w int64) (month int64, day int) {
	y, m, d := time.Unix(w, 0).UTC().Date()
	return int64(y)*12 + int64(m) - 1, d
}

// Index is the largest n whose boundary is at or before t: the number of the
// period that t lies in. Its cost does not depend on the distance.
func (a Anchor) Index(iv Interval, t time.Time) int {
	start, now := wall(a.Start, a.Zone), wall(t, a.Zone)
	var n int64
	switch iv.Unit {
	case Day:
		n = floorDiv(now-start, daySeconds*int64(iv.Count))
	case Week:
		n = floorDiv(now-start, 7*daySeconds*int64(iv.Count))
	default:
		from, _ := monthAndDay(start)
		to, _ := monthAndDay(now)
		count := int64(iv.Count)
		if iv.Unit == Year {
			count *= 12
		}
		n = floorDiv(to-from, count)
	}
	// The estimate is off by at most one period, or two where a zone skipped a day.
	for a.Boundary(iv, int(n)).After(t) {
		n--
	}
	for !a.Boundary(iv, int(n+1)).After(t) {
		n++
	}
	return int(n)
}

// Period is period n: from boundary n up to boundary n+1.
func (a Anchor) Period(iv Interval, n int) Span {
	return Span{a.Boundary(iv, n), a.Boundary(iv, n+1)}
}

// PeriodAt is the period that t lies in, and its number.
func (a Anchor) PeriodAt(iv Interval, t time.Time) (Span, int) {
	n := a.Index(iv, t)
	return a.Period(iv, n), n
}
