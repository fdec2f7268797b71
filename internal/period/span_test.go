package period_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/fault"
	"perennial/internal/period"
)

var granularities = []period.Granularity{period.BySecond, period.ByMinute, period.ByDay, period.ByThirtyDays}

func TestUsed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by          period.Granularity
		zone, start string
		every, at   string
		num, den    int64
	}{
		{period.BySecond, "UTC", "2026-04-01 00:00", "month", "2026-04-11 12:00", 10*86400 + 43200, 30 * 86400},
		{period.BySecond, "Europe/Berlin", "2026-03-01 00:00", "month", "2026-03-30 00:00", 29*86400 - 3600, 31*86400 - 3600},
		{period.ByMinute, "UTC", "2026-04-01 00:00", "month", "2026-04-11 12:00", 10*1440 + 720, 30 * 1440},
		{period.ByMinute, "Europe/Berlin", "2026-03-28 12:00", "day", "2026-03-29 03:00", 840, 1380},
		{period.ByMinute, "Europe/Berlin", "2026-10-24 12:00", "day", "2026-10-25 03:00", 960, 1500},
		{period.ByMinute, "Pacific/Pago_Pago", "2028-02-01 00:00", "month", "2028-02-29 23:59", 29*1440 - 1, 29 * 1440},
		{period.ByDay, "UTC", "2026-04-01 10:00", "month", "2026-04-11 09:00", 10, 30},
		{period.ByDay, "UTC", "2026-04-01 10:00", "month", "2026-04-01 23:59", 0, 30},
		{period.ByDay, "UTC", "2026-04-01 10:00", "month", "2026-05-01 09:59", 30, 30},
		{period.ByDay, "Pacific/Kiritimati", "2026-04-01 00:00", "month", "2026-04-02 00:00", 1, 30},
		{period.ByDay, "Europe/Berlin", "2026-03-01 00:00", "month", "2026-03-30 00:00", 29, 31},
		{period.ByDay, "Pacific/Apia", "2011-12-01 00:00", "month", "2011-12-31 12:00", 30, 31},
		{period.ByThirtyDays, "UTC", "2026-01-01 00:00", "month", "2026-01-16 08:00", 15, 30},
		{period.ByThirtyDays, "UTC", "2026-01-01 00:00", "month", "2026-01-31 08:00", 30, 30},
		{period.ByThirtyDays, "UTC", "2026-02-01 00:00", "month", "2026-02-28 23:00", 27, 30},
		{period.ByThirtyDays, "UTC", "2026-02-01 00:00", "month", "2026-03-01 00:00", 30, 30},
		{period.ByThirtyDays, "UTC", "2026-02-01 10:00", "month", "2026-03-01 09:00", 30, 30},
		{period.ByThirtyDays, "UTC", "2028-02-01 10:00", "month", "2028-02-29 23:00", 28, 30},
		{period.ByThirtyDays, "UTC", "2026-01-01 00:00", "year", "2026-12-31 00:00", 360, 360},
		{period.ByThirtyDays, "UTC", "2026-01-01 00:00", "2 weeks", "2026-01-08 00:00", 7, 14},
		{period.ByThirtyDays, "UTC", "2026-01-01 00:00", "3 months", "2026-02-01 00:00", 31, 90},
	} {
		a := period.Anchor{Start: local(t, c.start, c.zone), Zone: zone(t, c.zone)}
		iv := interval(t, c.every)
		num, den := c.by.Used(a.Period(iv, 0), iv, local(t, c.at, c.zone), a.Zone)
		if num != c.num || den != c.den {
			t.Errorf("%v of %s from %s, at %s: %d/%d, want %d/%d", c.by, c.every, c.start, c.at, num, den, c.num, c.den)
		}
	}
}

// A minute is used when it has fully passed, wherever in a minute the period
// begins.
func TestMinutes(t *testing.T) {
	t.Parallel()
	from := local(t, "2026-05-01 10:00", "UTC").Add(30*time.Second + 5*time.Microsecond)
	s := period.Span{From: from, To: from.Add(10*time.Minute + 59*time.Second)}
	for at, want := range map[time.Duration]int64{
		-time.Second: 0, 0: 0, 59 * time.Second: 0, time.Minute - time.Microsecond: 0, time.Minute: 1, 119 * time.Second: 1,
		10 * time.Minute: 10, 10*time.Minute + 58*time.Second: 10, 10*time.Minute + 59*time.Second: 10, time.Hour: 10,
	} {
		if num, den := period.ByMinute.Used(s, period.Interval{}, from.Add(at), nil); num != want || den != 10 {
			t.Errorf("after %v %d/%d is used, want %d/10", at, num, den, want)
		}
	}
}

// The day of a change can belong to what was before.
func TestUsedThrough(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by        period.Granularity
		every, at string
		num, den  int64
	}{
		{period.ByDay, "month", "2026-02-10 09:59", 0, 28},
		{period.ByDay, "month", "2026-02-10 10:00", 1, 28},
		{period.ByDay, "month", "2026-02-10 23:59", 1, 28},
		{period.ByDay, "month", "2026-02-11 00:00", 2, 28},
		{period.ByDay, "month", "2026-03-09 00:00", 28, 28},
		{period.ByDay, "month", "2026-03-10 09:59", 28, 28},
		{period.ByDay, "month", "2026-03-10 10:00", 28, 28},
		{period.ByThirtyDays, "month", "2026-03-08 12:00", 27, 30},
		{period.ByThirtyDays, "month", "2026-03-09 12:00", 30, 30},
		{period.ByDay, "day", "2026-02-10 10:00", 1, 1},
		{period.ByMinute, "day", "2026-02-10 10:00", 0, 1440},
		{period.BySecond, "day", "2026-02-10 10:01", 60, 86400},
	} {
		a, iv := period.Anchor{Start: local(t, "2026-02-10 10:00", "UTC")}, interval(t, c.every)
		if num, den := c.by.UsedThrough(a.Period(iv, 0), iv, local(t, c.at, "UTC"), nil); num != c.num || den != c.den {
			t.Errorf("%v of a %s through %s: %d/%d, want %d/%d", c.by, c.every, c.at, num, den, c.num, c.den)
		}
	}
}

// A month that was moved or cut has the days it has; thirty days are for whole ones.
func TestThirtyDaysOfWholePeriods(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to, every string
		den             int64
	}{
		{"2026-01-15 10:00", "2026-02-15 10:00", "month", 30},
		{"2026-01-31 10:00", "2026-02-28 10:00", "month", 30}, // the end was shortened
		{"2026-02-28 10:00", "2026-03-31 10:00", "month", 30}, // the beginning was
		{"2028-02-29 10:00", "2029-02-28 10:00", "year", 360},
		{"2026-01-15 10:00", "2026-02-15 18:30", "month", 30}, // the hour moved
		{"2026-01-15 10:00", "2026-02-20 10:00", "month", 36}, // the end was moved
		{"2026-01-15 10:00", "2026-02-01 00:00", "month", 17}, // up to the first
		{"2026-01-15 10:00", "2026-03-15 10:00", "month", 59}, // a period was skipped
		{"2026-01-30 10:00", "2026-02-27 10:00", "month", 28},
		{"2026-01-15 10:00", "2026-02-15 10:00", "2 weeks", 31},
	} {
		s := period.Span{From: local(t, c.from, "UTC"), To: local(t, c.to, "UTC")}
		if _, den := period.ByThirtyDays.Used(s, interval(t, c.every), s.From, nil); den != c.den {
			t.Errorf("%s to %s, every %s, counts %d days, want %d", c.from, c.to, c.every, den, c.den)
		}
	}
}

func TestGranularityText(t *testing.T) {
	t.Parallel()
	for _, g := range granularities {
		text, err := g.MarshalText()
		var again period.Granularity
		if err != nil || again.UnmarshalText(text) != nil || again != g || !g.Known() {
			t.Errorf("%v is spelt %q, %v, which reads as %v", g, text, err, again)
		}
	}
	g := period.ByDay
	if err := g.UnmarshalText(nil); err != nil || g != period.BySecond {
		t.Errorf("empty text is %v, %v", g, err)
	}
	if err := g.UnmarshalText([]byte("days")); !fault.Is(err, fault.Invalid) || fault.As(err).Code != "granularity_invalid" {
		t.Errorf("an unknown word: %v", err)
	}
	if unknown := period.Granularity(len(granularities)); unknown.Known() || unknown.String() != "" {
		t.Errorf("%d is known as %q", unknown, unknown)
	}
}

// Cut a period at any instants: the pieces are never negative, and they sum to
// the whole.
func TestPartsSumToTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, iv := anyAnchor.Draw(t, "anchor"), anyInterval.Draw(t, "interval")
		by := rapid.SampledFrom(granularities).Draw(t, "by")
		span := a.Period(iv, rapid.IntRange(-50, 50).Draw(t, "n"))
		_, whole := by.Used(span, iv, span.From, a.Zone)
		length := span.To.Sub(span.From)
		at, before, sum := span.From.Add(-time.Hour), int64(0), int64(0)
		for range rapid.IntRange(0, 6).Draw(t, "cuts") {
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(length)/3+1).Draw(t, "step")))
			num, den := by.Used(span, iv, at, a.Zone)
			if den != whole || num < before || num > den {
				t.Fatalf("at %v: %d/%d after %d/%d", at, num, den, before, whole)
			}
			sum += num - before
			before = num
		}
		num, den := by.Used(span, iv, span.To, a.Zone)
		if sum += num - before; sum != whole || den != whole || whole < 1 {
			t.Fatalf("the parts sum to %d of %d", sum, whole)
		}
		if !span.IsEmpty() {
			if num, _ := by.Used(span, iv, span.From, a.Zone); num != 0 {
				t.Fatalf("%d of %d is used at the start", num, whole)
			}
		}
	})
}

// On the day that Samoa skipped, a daily period holds no time and counts as used.
func TestEmptyPeriod(t *testing.T) {
	t.Parallel()
	a := period.Anchor{Start: local(t, "2011-12-29 00:00", "Pacific/Apia"), Zone: zone(t, "Pacific/Apia")}
	iv := interval(t, "day")
	span := a.Period(iv, 1)
	if !span.IsEmpty() || span.Contains(span.From) {
		t.Fatalf("the skipped day is %v", span)
	}
	for _, by := range granularities {
		if num, den := by.Used(span, iv, span.From, a.Zone); num != den || den < 1 {
			t.Errorf("%v: %d/%d of an empty period is used", by, num, den)
		}
	}
	if n := a.Index(iv, span.From); n != 2 {
		t.Errorf("the first instant after the skipped day lies in period %d, want 2", n)
	}
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ date, zone, want string }{
		{"2026-01-31", "UTC", "2026-01-31T00:00:00Z"},
		{"2026-01-31", "Europe/Berlin", "2026-01-30T23:00:00Z"},
		{"2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z"}, // 00:00 was skipped
		{"2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z"},      // the day was skipped
		{"2026-01-01", "Pacific/Kiritimati", "2025-12-31T10:00:00Z"},
	} {
		got, err := period.ParseDate(c.date, zone(t, c.zone))
		if err != nil || got.Format(time.RFC3339) != c.want {
			t.Errorf("%s in %s is %v, %v; want %s", c.date, c.zone, got, err, c.want)
		}
		if c.zone != "Pacific/Apia" && (period.FormatDate(got, zone(t, c.zone)) != c.date || !period.StartOfDay(got.Add(time.Hour), zone(t, c.zone)).Equal(got)) {
			t.Errorf("%s in %s does not come back", c.date, c.zone)
		}
	}
	for _, s := range []string{"", "2026-02-29", "2026-13-01", "31.01.2026", "2026-1-31", "2026-01-31T00:00:00Z", "1969-12-31", "2200-01-01", "99999-01-01", "\u0662026-01-01"} {
		if _, err := period.ParseDate(s, time.UTC); !fault.Is(err, fault.Invalid) || fault.As(err).Code != "date_invalid" {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestLoadZoneRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Local", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "right/UTC", "posix/UTC", "Europe/Berlin\x00", "Europe", "tzdata.zi"} {
		if _, err := period.LoadZone(name); !fault.Is(err, fault.Invalid) || fault.As(err).Code != "zone_unknown" {
			t.Errorf("%q: %v", name, err)
		}
	}
}
