package period

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the zones travel inside the binary

	"perennial/internal/clock"
	"perennial/internal/fault"
)

// zones keeps what LoadZone has read. Only names that exist are kept, so it
// cannot outgrow the zone database.
var zones sync.Map // string -> *time.Location

// LoadZone finds a time zone by its IANA name, for example "Europe/Berlin" or
// "UTC". An unknown name is refused with fault.Invalid.
func LoadZone(name string) (*time.Location, error) {
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	// "" and "Local" would name the machine's own zone; "right/" counts leap
	// seconds, which no billing calendar does.
	refused := name == "" || name == "Local" || len(name) > 64 ||
		strings.HasPrefix(name, "right/") || strings.HasPrefix(name, "posix/")
	if !refused {
		zone, err := time.LoadLocation(name)
		if err == nil {
			kept, _ := zones.LoadOrStore(name, zone)
			return kept.(*time.Location), nil
		}
	}
	return nil, fault.New(fault.Invalid, "must be a time zone such as Europe/Berlin or UTC").WithCode("zone_unknown")
}

// ParseDate reads a calendar date such as "2026-01-31" and returns the first
// instant of that day in a zone, in UTC. Other forms, days that the month does
// not have, and dates outside 1970 to 2199 are refused with fault.Invalid.
func ParseDate(s string, zone *time.Location) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, s)
	if err == nil && clock.InRange(day) {
		return resolve(day.Unix(), 0, zone), nil
	}
	return time.Time{}, fault.New(fault.Invalid, "must be a date such as 2026-01-31, from 1970 to 2199").WithCode("date_invalid")
}

// FormatDate is the calendar date of an instant in a zone, for example
// "2026-01-31".
func FormatDate(t time.Time, zone *time.Location) string {
	return t.In(location(zone)).Format(time.DateOnly)
}

// StartOfDay is the first instant of the local day that t lies in, in UTC.
func StartOfDay(t time.Time, zone *time.Location) time.Time {
	return resolve(date(t, zone)*daySeconds, 0, zone)
}
