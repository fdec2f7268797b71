package period_test

import (
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/fault"
	"perennial/internal/period"
)

func interval(t testing.TB, s string) period.Interval {
	t.Helper()
	iv, err := period.ParseInterval(s)
	if err != nil {
		t.Fatalf("interval %q: %v", s, err)
	}
	return iv
}

func TestParseInterval(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]period.Interval{
		"day": {Unit: period.Day, Count: 1}, "1 day": {Unit: period.Day, Count: 1}, "366 days": {Unit: period.Day, Count: 366},
		"2 weeks": {Unit: period.Week, Count: 2}, "52 weeks": {Unit: period.Week, Count: 52},
		"month": {Unit: period.Month, Count: 1}, "3 months": {Unit: period.Month, Count: 3}, "60 months": {Unit: period.Month, Count: 60},
		"year": {Unit: period.Year, Count: 1}, "10 years": {Unit: period.Year, Count: 10},
	} {
		got, err := period.ParseInterval(s)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", s, got, err, want)
		}
		if again, err := period.ParseInterval(got.String()); err != nil || again != got {
			t.Errorf("%v is spelt %q, which reads as %v, %v", got, got, again, err)
		}
	}
	for s, code := range map[string]string{
		"": "interval_invalid", "months": "interval_invalid", "Month": "interval_invalid", "3 month": "interval_invalid",
		"1 months": "interval_invalid", "03 months": "interval_invalid", "+3 months": "interval_invalid", "3  months": "interval_invalid",
		"3months": "interval_invalid", "3 months ": "interval_invalid", "1.5 months": "interval_invalid", "\u0663 months": "interval_invalid",
		"3 hours": "interval_invalid", "99999999999999999999 days": "interval_invalid", "s": "interval_invalid", "2 s": "interval_invalid",
		"0 months": "interval_out_of_range", "-3 months": "interval_out_of_range", "367 days": "interval_out_of_range",
		"53 weeks": "interval_out_of_range", "61 months": "interval_out_of_range", "11 years": "interval_out_of_range",
	} {
		got, err := period.ParseInterval(s)
		if !fault.Is(err, fault.Invalid) || fault.As(err).Code != code || !got.IsZero() {
			t.Errorf("%q is %v, %v (code %q); want code %q", s, got, err, fault.As(err).Code, code)
		}
	}
	if err := (period.Interval{Unit: 9, Count: 1}).Check(); !fault.Is(err, fault.Invalid) {
		t.Errorf("a unit outside the set: %v", err)
	}
	if err := (period.Interval{}).Check(); !fault.Is(err, fault.Invalid) {
		t.Errorf("no interval passes the check: %v", err)
	}
}

func TestIntervalText(t *testing.T) {
	t.Parallel()
	var iv period.Interval
	if err := iv.UnmarshalText([]byte("2 weeks")); err != nil || iv != interval(t, "2 weeks") {
		t.Errorf("read %v, %v", iv, err)
	}
	if err := iv.UnmarshalText(nil); err != nil || !iv.IsZero() {
		t.Errorf("empty text is %v, %v", iv, err)
	}
	var u period.Unit
	if err := u.UnmarshalText([]byte("week")); err != nil || u != period.Week {
		t.Errorf("read %v, %v", u, err)
	}
	if err := u.UnmarshalText([]byte("weeks")); err == nil {
		t.Error("a plural was read as a unit")
	}
}

func TestIntervalCmp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"12 months", "year", 0}, {"7 days", "week", 0}, {"365 days", "year", 0}, {"30 days", "month", -1}, {"31 days", "month", 1},
		{"4 weeks", "month", -1}, {"5 weeks", "month", 1}, {"52 weeks", "year", -1}, {"366 days", "year", 1},
	} {
		if got := interval(t, c.a).Cmp(interval(t, c.b)); got != c.want {
			t.Errorf("%s against %s is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func FuzzParseInterval(f *testing.F) {
	for _, s := range []string{"", "month", "1 month", "3 months", "366 days", "367 days", "03 days", "-1 weeks", "s", " ", "2 s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		iv, err := period.ParseInterval(s)
		if err != nil {
			if !iv.IsZero() || !fault.Is(err, fault.Invalid) {
				t.Errorf("%q gives %v, %v", s, iv, err)
			}
			return
		}
		if iv.Check() != nil || (iv.String() != s && "1 "+iv.String() != s) {
			t.Errorf("%q was taken as %v", s, iv)
		}
	})
}

var anyInterval = rapid.Custom(func(t *rapid.T) period.Interval {
	unit := rapid.SampledFrom([]period.Unit{period.Day, period.Week, period.Month, period.Year}).Draw(t, "unit")
	most := map[period.Unit]int{period.Day: 366, period.Week: 52, period.Month: 60, period.Year: 10}[unit]
	count := rapid.OneOf(rapid.Just(1), rapid.IntRange(1, most)).Draw(t, "count")
	return period.Interval{Unit: unit, Count: count}
})
