package usage_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/cardnumber"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/period"
	"perennial/internal/usage"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func TestPlace(t *testing.T) {
	t.Parallel()
	span := period.Span{From: day, To: day.AddDate(0, 1, 0)}
	began, ended := day.AddDate(0, -3, 0), day.AddDate(0, 0, 20)
	inside, before, after := day.AddDate(0, 0, 5), day.Add(-time.Hour), span.To.Add(time.Hour)
	for _, c := range []struct {
		name    string
		at, now time.Time
		end     time.Time
		closed  []int
		late    usage.Late
		period  int
		outcome usage.Outcome
		why     usage.Why
	}{
		{"in the period", inside, inside, time.Time{}, nil, usage.NextPeriod, 7, usage.Counted, ""},
		{"its first instant", day, inside, time.Time{}, nil, usage.NextPeriod, 7, usage.Counted, ""},
		{"its end belongs to the next", span.To, after, time.Time{}, nil, usage.NextPeriod, 8, usage.Counted, ""},
		{"before it, not billed", before, inside, time.Time{}, nil, usage.RefuseLate, 6, usage.Counted, ""},
		{"before it, billed", before, inside, time.Time{}, []int{6}, usage.NextPeriod, 7, usage.LateCounted, ""},
		{"before it, billed, strict", before, inside, time.Time{}, []int{6}, usage.RefuseLate, 7, usage.Refused, usage.TooLate},
		{"billed early", inside, inside, time.Time{}, []int{7}, usage.NextPeriod, 8, usage.LateCounted, ""},
		{"before it, all billed", before, inside, time.Time{}, []int{6, 7}, usage.NextPeriod, 7, usage.Refused, usage.PeriodClosed},
		{"before the start", began.Add(-1), inside, time.Time{}, nil, usage.NextPeriod, 7, usage.Refused, usage.BeforeStart},
		{"the start", began, inside, time.Time{}, nil, usage.NextPeriod, 6, usage.Counted, ""},
		{"a fast clock", inside.Add(usage.FutureTolerance), inside, time.Time{}, nil, usage.NextPeriod, 7, usage.Counted, ""},
		{"the future", inside.Add(usage.FutureTolerance + 1), inside, time.Time{}, nil, usage.NextPeriod, 7, usage.Refused, usage.InFuture},
		{"before the end", inside, after, ended, nil, usage.NextPeriod, 7, usage.Counted, ""},
		{"the end", ended, after, ended, nil, usage.NextPeriod, 7, usage.Refused, usage.AfterEnd},
		{"before the end, billed", inside, after, ended, []int{7}, usage.NextPeriod, 7, usage.Refused, usage.PeriodClosed},
		{"late for what ended", before, after, ended, []int{6}, usage.NextPeriod, 7, usage.LateCounted, ""},
	} {
		closed := func(n int) bool {
			for _, p := range c.closed {
				if p == n {
					return true
				}
			}
			return false
		}
		n, outcome, why := usage.Place(c.at, c.now, usage.Standing{Start: began, End: c.end, Span: span, Period: 7, Closed: closed}, c.late)
		if n != c.period || outcome != c.outcome || why != c.why {
			t.Errorf("%s: %d %s %q, want %d %s %q", c.name, n, outcome, why, c.period, c.outcome, c.why)
		}
	}
}

// Usage never counts in a period that has been billed, nor outside of the life of its
// subscription, and is refused with a reason or counted without one.
func TestPlaceNeverCountsIntoTheClosed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hours := func(name string) time.Time {
			return day.Add(time.Duration(rapid.IntRange(-2000, 2000).Draw(t, name)) * time.Hour)
		}
		from := hours("from")
		s := usage.Standing{Start: hours("start"), Span: period.Span{From: from, To: from.Add(time.Duration(rapid.IntRange(1, 800).Draw(t, "length")) * time.Hour)},
			Period: rapid.IntRange(-2, 5).Draw(t, "period")}
		if rapid.Bool().Draw(t, "ended") {
			s.End = hours("end")
		}
		billed := rapid.SliceOf(rapid.IntRange(-4, 7)).Draw(t, "billed")
		s.Closed = func(n int) bool {
			for _, p := range billed {
				if p == n {
					return true
				}
			}
			return false
		}
		at, now := hours("at"), hours("now")
		n, outcome, why := usage.Place(at, now, s, rapid.SampledFrom([]usage.Late{usage.NextPeriod, usage.RefuseLate}).Draw(t, "late"))
		if (outcome == usage.Refused) != (why != usage.NoReason) {
			t.Fatalf("%s with the reason %q", outcome, why)
		}
		if outcome == usage.Refused {
			return
		}
		if s.Closed(n) || at.Before(s.Start) || !s.End.IsZero() && !at.Before(s.End) || at.After(now.Add(usage.FutureTolerance)) || n < s.Period-1 || n > s.Period+2 {
			t.Fatalf("%v counted in %d as %s", at, n, outcome)
		}
	})
}

func TestDay(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Time]int64{time.Unix(0, 0): 0, time.Unix(-1, 0): -1, time.Unix(86399, 999_999_000): 0, time.Unix(86400, 0): 1, day: 20513} {
		if got := usage.Day(at); got != want {
			t.Errorf("%v: %d, want %d", at, got, want)
		}
	}
}

func TestCheckMeter(t *testing.T) {
	t.Parallel()
	good := usage.Meter{Code: "api-calls_2", Name: "API calls", Aggregation: usage.Sum, Late: usage.NextPeriod, State: usage.Active}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*usage.Meter){
		"code":        func(m *usage.Meter) { m.Code = "API" },
		"code ":       func(m *usage.Meter) { m.Code = strings.Repeat("a", 65) },
		"code  ":      func(m *usage.Meter) { m.Code = "4242-4242-4242-4242" },
		"name":        func(m *usage.Meter) { m.Name = " " },
		"name ":       func(m *usage.Meter) { m.Name = "a\nb" },
		"unit":        func(m *usage.Meter) { m.Unit = strings.Repeat("a", 41) },
		"aggregation": func(m *usage.Meter) { m.Aggregation = "average" },
		"grace":       func(m *usage.Meter) { m.Grace = usage.MaxGrace + time.Second },
		"grace ":      func(m *usage.Meter) { m.Grace = time.Millisecond },
		"late":        func(m *usage.Meter) { m.Late = "" },
		"prepaid":     func(m *usage.Meter) { m.Prepaid, m.Aggregation = true, usage.Max },
		"state":       func(m *usage.Meter) { m.State = "gone" },
	} {
		m := good
		change(&m)
		err := m.Check()
		if !fault.Is(err, fault.Invalid) || fault.As(err).Fields[0].Name != strings.TrimSpace(field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	next := good
	next.Code, next.Aggregation, next.Prepaid = "other", usage.Max, true
	if err := good.Revise(next); err == nil || len(fault.As(err).Fields) < 3 {
		t.Errorf("what never changes was changed: %v", err)
	}
}

func FuzzCheckRecord(f *testing.F) {
	f.Add("key", "note", "value", int64(1), "sum")
	f.Add("4242424242424242", "", "ada", int64(0), "unique")
	f.Fuzz(func(t *testing.T, key, note, value string, units int64, how string) {
		r := usage.Record{Key: key, Note: note, Value: value, Units: units}
		if r.Check(usage.Aggregation(how)) != nil {
			return
		}
		if key == "" || len(key) > usage.MaxKey || len(note) > usage.MaxNote || len(value) > usage.MaxValue || cardnumber.In(key) || cardnumber.In(note) || cardnumber.In(value) {
			t.Errorf("%q %q %q was taken", key, note, value)
		}
	})
}

// The database itself refuses to count into a closed counter.
func TestClosedInTheDatabase(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		acc, sub, m := id.New[id.Account](), id.New[id.Subscription](), id.New[id.Meter]()
		do := func(fn func(tx *db.Tx) error) {
			t.Helper()
			if err := d.Update(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		do(func(tx *db.Tx) error {
			_, err := tx.Exec(`insert into account (id, name, mode, currency, zone, email, legal_name, address, country, tax_id, tax_name, tax_rate, profile, clock_offset, created_at, version)
				values ($1, 'a', 'live', 'USD', 'UTC', '', '', '', '', '', '', '0', 1, 0, 0, 1)`, acc)
			return err
		})
		count := func(units int64, at time.Time) bool {
			t.Helper()
			var all bool
			do(func(tx *db.Tx) (err error) {
				var tally usage.Tally
				tally.Add(&usage.Record{Account: acc, Subscription: sub, Meter: m, Period: 3, Units: units, At: at}, usage.Sum)
				all, err = tally.Count(tx, acc)
				return err
			})
			return all
		}
		if !count(5, day) || !count(7, day.Add(-time.Hour)) {
			t.Error("an open counter does not count")
		}
		k := usage.CounterKey{Subscription: sub, Meter: m, Period: 3}
		other := usage.CounterKey{Subscription: sub, Meter: m, Period: 2}
		do(func(tx *db.Tx) error {
			open, err := usage.CountersOf(tx, acc, []int64{int64(sub)})
			if c := open[sub]; len(c) != 1 || c[0].Value != 12 || c[0].Events != 2 || !c[0].LastAt.Equal(day) {
				t.Errorf("open: %+v", c)
			}
			if err != nil {
				return err
			}
			closed, err := usage.Close(tx, acc, []usage.CounterKey{k, other}, day)
			if closed[k].Value != 12 || !closed[k].Closed() || closed[other].Value != 0 || !closed[other].Closed() {
				t.Errorf("closed: %+v", closed)
			}
			return err
		})
		if count(1, day) {
			t.Error("a closed counter counts")
		}
		do(func(tx *db.Tx) error {
			list, err := usage.History(tx, acc, sub, 0, 10)
			if len(list) != 2 || list[0].Value != 12 || list[0].Events != 2 {
				t.Errorf("history: %+v", list)
			}
			return err
		})
	})
}
