package period_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/clock"
	"perennial/internal/period"
)

// The zones of the tests: both edges of the day, half hours, DST on both
// hemispheres, DST at midnight, a skipped day, and none at all.
var zoneNames = []string{
	"UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
	"Pacific/Apia", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Tongatapu", "Pacific/Chatham", "Australia/Lord_Howe",
	"Asia/Kathmandu", "Asia/Tehran", "Asia/Beirut", "Africa/Casablanca", "Africa/Monrovia", "Antarctica/Troll", "Atlantic/Azores",
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := period.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// local is the instant of a local time that exists once.
func local(t testing.TB, s, zoneName string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", s, zone(t, zoneName))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestBoundaries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone, start string
		day               int
		every             string
		first             int
		want              string // local times
	}{
		{"month ends come back", "UTC", "2026-01-31 10:00", 0, "month", -3,
			"2025-10-31 10:00, 2025-11-30 10:00, 2025-12-31 10:00, 2026-01-31 10:00, 2026-02-28 10:00, 2026-03-31 10:00, 2026-04-30 10:00"},
		{"leap years", "UTC", "2028-01-31 10:00", 0, "month", 1, "2028-02-29 10:00, 2028-03-31 10:00"},
		{"leap day by years", "UTC", "2028-02-29 10:00", 0, "year", 0, "2028-02-29 10:00, 2029-02-28 10:00, 2030-02-28 10:00, 2031-02-28 10:00, 2032-02-29 10:00"},
		{"no leap day in 2100", "UTC", "2096-02-29 00:00", 0, "4 years", 0, "2096-02-29 00:00, 2100-02-28 00:00, 2104-02-29 00:00"},
		{"kept day beyond the start's", "UTC", "2026-02-28 10:00", 31, "month", 0, "2026-02-28 10:00, 2026-03-31 10:00, 2026-04-30 10:00"},
		{"kept day 30", "UTC", "2026-02-28 10:00", 30, "month", 0, "2026-02-28 10:00, 2026-03-30 10:00, 2026-04-30 10:00"},
		{"quarters", "UTC", "2025-11-30 00:00", 0, "3 months", 0, "2025-11-30 00:00, 2026-02-28 00:00, 2026-05-30 00:00"},
		{"two weeks", "UTC", "2026-12-25 08:00", 0, "2 weeks", 0, "2026-12-25 08:00, 2027-01-08 08:00"},
		{"the wall clock is kept across DST", "Europe/Berlin", "2026-02-15 09:30", 0, "month", 0, "2026-02-15 09:30, 2026-03-15 09:30, 2026-04-15 09:30"},
		{"a skipped hour moves to its end", "Europe/Berlin", "2026-02-28 02:30", 29, "month", 1, "2026-03-29 03:00, 2026-04-29 02:30"},
		{"a skipped half hour", "Australia/Lord_Howe", "2026-10-03 02:15", 0, "day", 0, "2026-10-03 02:15, 2026-10-04 02:30, 2026-10-05 02:15"},
		{"a skipped midnight", "America/Sao_Paulo", "2018-11-03 00:00", 0, "day", 0, "2018-11-03 00:00, 2018-11-04 01:00, 2018-11-05 00:00"},
		{"a skipped day", "Pacific/Apia", "2011-11-30 10:00", 0, "month", 0, "2011-11-30 10:00, 2011-12-31 00:00, 2012-01-30 10:00"},
		{"by days over a skipped day", "Pacific/Apia", "2011-12-29 10:00", 0, "day", 0, "2011-12-29 10:00, 2011-12-31 00:00, 2011-12-31 10:00"},
		{"the last day of a leap year", "Europe/Berlin", "2028-12-30 10:00", 0, "day", 0, "2028-12-30 10:00, 2028-12-31 10:00, 2029-01-01 10:00"},
		{"the last day of a far leap year", "Europe/Berlin", "2039-12-31 10:00", 0, "year", 0, "2039-12-31 10:00, 2040-12-31 10:00, 2041-12-31 10:00"},
		{"far west", "Pacific/Pago_Pago", "2026-01-31 23:59", 0, "month", 0, "2026-01-31 23:59, 2026-02-28 23:59, 2026-03-31 23:59"},
		{"far east", "Pacific/Kiritimati", "2026-01-31 00:01", 0, "month", 0, "2026-01-31 00:01, 2026-02-28 00:01, 2026-03-31 00:01"},
	} {
		a := period.Anchor{Start: local(t, c.start, c.zone), Day: c.day, Zone: zone(t, c.zone)}
		for i, want := range strings.Split(c.want, ", ") {
			got := a.Boundary(interval(t, c.every), c.first+i)
			if got.Location() != time.UTC || got.In(a.Zone).Format("2006-01-02 15:04") != want {
				t.Errorf("%s: boundary %d is %v, want %s local", c.name, c.first+i, got.In(a.Zone), want)
			}
		}
	}
}

// Of a local time that happens twice the first counts, except that boundary 0 is
// the start itself.
func TestRepeatedHour(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	first := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC) // 02:30 summer time
	second := first.Add(time.Hour)                          // 02:30 winter time
	monthly := interval(t, "month")
	from := period.Anchor{Start: local(t, "2026-09-25 02:30", "Europe/Berlin"), Zone: berlin}
	if got := from.Boundary(monthly, 1); !got.Equal(first) {
		t.Errorf("boundary in the repeated hour is %v, want %v", got, first)
	}
	from = period.Anchor{Start: second, Zone: berlin}
	if got := from.Boundary(monthly, 0); !got.Equal(second) {
		t.Errorf("boundary 0 is %v, want the start %v", got, second)
	}
	if got := from.Index(monthly, first); got != -1 {
		t.Errorf("the first 02:30 lies in period %d, want -1", got)
	}
}

var anyInstant = rapid.Custom(func(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "near Apia's skipped day") {
		day := time.Date(2011, 12, 28, 0, 0, 0, 0, time.UTC)
		return day.Add(time.Duration(rapid.Int64Range(0, 5*24*60).Draw(t, "minute")) * time.Minute)
	}
	return clock.Time(rapid.Int64Range(1, time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()).Draw(t, "micros"))
})

var anyAnchor = rapid.Custom(func(t *rapid.T) period.Anchor {
	z, err := period.LoadZone(rapid.SampledFrom(zoneNames).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	a := period.Anchor{Start: anyInstant.Draw(t, "start"), Zone: z}
	_, month, day := a.Start.In(z).Date()
	length := time.Date(a.Start.In(z).Year(), month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	if day == length { // the day kept may lie beyond the end of the start's month
		a.Day = rapid.SampledFrom([]int{0, day, 31}).Draw(t, "day")
	}
	return a
})

func TestBoundariesAscendAndNeverDrift(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, iv := anyAnchor.Draw(t, "anchor"), anyInterval.Draw(t, "interval")
		if got := a.Boundary(iv, 0); !got.Equal(a.Start) {
			t.Fatalf("boundary 0 is %v, not the start", got)
		}
		n := rapid.IntRange(-200, 200).Draw(t, "n")
		b, next := a.Boundary(iv, n), a.Boundary(iv, n+1)
		empty := b.Equal(next) && a.Zone.String() == "Pacific/Apia" && b.In(a.Zone).Format("2006-01-02 15:04") == "2011-12-31 00:00"
		if !b.Before(next) && !empty {
			t.Fatalf("boundary %d is %v, the next %v", n, b, next)
		}
		checkWall(t, a, iv, n, b)
	})
}

// checkWall computes the local time of boundary n with the standard library's
// calendar, and finds b to be the first instant that shows it or more.
func checkWall(t *rapid.T, a period.Anchor, iv period.Interval, n int, b time.Time) {
	start := a.Start.In(a.Zone)
	y, m, d := start.Date()
	want := time.Date(y, m, d, start.Hour(), start.Minute(), start.Second(), start.Nanosecond(), time.UTC)
	switch iv.Unit {
	case period.Day:
		want = want.AddDate(0, 0, n*iv.Count)
	case period.Week:
		want = want.AddDate(0, 0, 7*n*iv.Count)
	default:
		if a.Day > 0 {
			d = a.Day
		}
		months := n * iv.Count
		if iv.Unit == period.Year {
			months *= 12
		}
		first := want.AddDate(0, 0, 1-want.Day()).AddDate(0, months, 0)
		length := first.AddDate(0, 1, -1).Day()
		want = first.AddDate(0, 0, min(d, length)-1)
	}
	shown := wallClock(b, a.Zone)
	switch {
	case shown.Equal(want):
		if n == 0 {
			return // the start may be the second of two equal local times
		}
		for _, earlier := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} {
			if wallClock(b.Add(-earlier), a.Zone).Equal(want) {
				t.Fatalf("boundary %d is %v, but its local time came %v before", n, b, earlier)
			}
		}
	case shown.Before(want), !wallClock(b.Add(-1), a.Zone).Before(want):
		t.Fatalf("boundary %d is %v local, want %v", n, shown, want)
	}
}

func wallClock(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

func TestIndexIsTheInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, iv := anyAnchor.Draw(t, "anchor"), anyInterval.Draw(t, "interval")
		at := anyInstant.Draw(t, "at")
		if rapid.Bool().Draw(t, "at a boundary") {
			at = a.Boundary(iv, rapid.IntRange(-100, 100).Draw(t, "n"))
			at = at.Add(rapid.SampledFrom([]time.Duration{0, -time.Microsecond, time.Microsecond}).Draw(t, "beside"))
		}
		n := a.Index(iv, at)
		if a.Boundary(iv, n).After(at) || !a.Boundary(iv, n+1).After(at) {
			t.Fatalf("%v is said to lie in period %d, from %v to %v", at, n, a.Boundary(iv, n), a.Boundary(iv, n+1))
		}
		if span, m := a.PeriodAt(iv, at); m != n || !span.Contains(at) {
			t.Fatalf("the period of %v is %d, %v", at, m, span)
		}
	})
}

func TestPeriodsTouch(t *testing.T) {
	t.Parallel()
	a := period.Anchor{Start: local(t, "2026-01-31 00:00", "Europe/Berlin"), Zone: zone(t, "Europe/Berlin")}
	for n := -20; n < 20; n++ {
		if left, right := a.Period(interval(t, "month"), n), a.Period(interval(t, "month"), n+1); !left.To.Equal(right.From) {
			t.Errorf("period %d ends at %v, the next begins at %v", n, left.To, right.From)
		}
	}
}

func TestMonthlyOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, after string
		day         int
		want, next  string
	}{
		{"UTC", "2026-01-15 12:00", 1, "2026-02-01 00:00", "2026-03-01 00:00"},
		{"UTC", "2026-02-01 00:00", 1, "2026-02-01 00:00", "2026-03-01 00:00"},
		{"UTC", "2026-02-10 09:00", 31, "2026-02-28 00:00", "2026-03-31 00:00"},
		{"UTC", "2026-02-28 00:01", 31, "2026-03-31 00:00", "2026-04-30 00:00"},
		{"Pacific/Kiritimati", "2025-12-31 23:59", 1, "2026-01-01 00:00", "2026-02-01 00:00"},
		{"UTC", "2026-02-10 09:00", 99, "2026-02-28 00:00", "2026-03-31 00:00"},
	} {
		a := period.MonthlyOn(c.day, local(t, c.after, c.zone), zone(t, c.zone))
		got := a.Boundary(interval(t, "month"), 0).In(a.Zone).Format("2006-01-02 15:04")
		next := a.Boundary(interval(t, "month"), 1).In(a.Zone).Format("2006-01-02 15:04")
		if got != c.want || next != c.next {
			t.Errorf("day %d after %s starts %s, then %s; want %s, %s", c.day, c.after, got, next, c.want, c.next)
		}
	}
}

func TestBoundaryAllocatesNothing(t *testing.T) {
	a := period.Anchor{Start: local(t, "2026-01-31 02:30", "Australia/Lord_Howe"), Zone: zone(t, "Australia/Lord_Howe")}
	iv := interval(t, "month")
	at := local(t, "2090-06-15 00:00", "UTC")
	if n := testing.AllocsPerRun(100, func() { a.Period(iv, a.Index(iv, at)) }); n != 0 {
		t.Errorf("finding a period allocates %v times", n)
	}
}

func BenchmarkPeriodAt(b *testing.B) {
	iv := interval(b, "month")
	at := local(b, "2026-06-15 00:00", "UTC")
	for _, name := range []string{"UTC", "Europe/Berlin", "Pacific/Apia"} {
		a := period.Anchor{Start: local(b, "2023-01-31 02:30", name), Zone: zone(b, name)}
		b.Run(strings.ReplaceAll(name, "/", "_"), func(b *testing.B) {
			for b.Loop() {
				a.PeriodAt(iv, at)
			}
		})
	}
}

func TestZonesAreAllKnown(t *testing.T) {
	t.Parallel()
	for _, name := range zoneNames {
		if z := zone(t, name); z.String() != name || z != zone(t, name) {
			t.Errorf("%s was loaded as %v", name, z)
		}
	}
}
