package metrics

import (
	"time"
)

// Day is a local day, counted from 1 January 1970.
type Day int32

// Month is a local month, counted from January of the year 0.
type Month int32

const daySeconds = 24 * 60 * 60

// Month is the month that a day lies in.
func (d Day) Month() Month {
	// Days since 1 March of the year 0, by the Gregorian rule of 400 years.
	z := int64(d) + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	return Month((yoe+era*400)*12 + mp + 2) // #nosec G115 -- of years that have four digits
}

// Time is midnight UTC of the local date, for spelling it.
func (d Day) Time() time.Time { return time.Unix(int64(d)*daySeconds, 0).UTC() }

// String is the date, "2026-01-31".
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// First is the first day of the month.
func (m Month) First() Day {
	return DayOf(time.Date(int(m)/12, time.Month(m%12+1), 1, 0, 0, 0, 0, time.UTC))
}

// String is the month, "2026-01".
func (m Month) String() string { return m.First().Time().Format("2006-01") }

// DayOf is the date that an instant shows in its own location.
func DayOf(t time.Time) Day {
	_, offset := t.Zone()
	return dayAt(t.Unix() + int64(offset))
}

func dayAt(seconds int64) Day {
	d := seconds / daySeconds
	if seconds%daySeconds < 0 {
		d--
	}
	return Day(d) // #nosec G115 -- of years that have four digits
}

// calendar tells local days. It remembers the offset that holds, since facts that follow
// each other mostly lie between the same two changes of the clocks.
type calendar struct {
	zone     *time.Location
	from, to int64 // seconds between which offset holds; from == to at first
	offset   int64
}

// day is the local day of an instant in microseconds.
func (c *calendar) day(micros int64) Day {
	s := micros / 1_000_000
	if micros%1_000_000 < 0 {
		s--
	}
	if s < c.from || s >= c.to {
		t := time.Unix(s, 0).In(c.zone)
		_, offset := t.Zone()
		from, to := t.ZoneBounds()
		c.offset, c.from, c.to = int64(offset), -1<<62, 1<<62
		if !from.IsZero() {
			c.from = from.Unix()
		}
		if !to.IsZero() {
			c.to = to.Unix()
		}
	}
	return dayAt(s + c.offset)
}
