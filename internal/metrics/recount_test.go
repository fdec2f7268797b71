package metrics_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/metrics"
)

var zones = []string{"UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia"}

func zone(t rapid.TB, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// randomFacts draws the life of one customer in the half year from January on.
func randomFacts(t *rapid.T, customer int64) []metrics.Fact {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	var list []metrics.Fact
	for i := range rapid.IntRange(1, 14).Draw(t, "facts") {
		f := metrics.Fact{ID: customer*100 + int64(i), Customer: customer, Rate: metrics.SameCurrency}
		f.At = from + rapid.Int64Range(0, 180*24*60-1).Draw(t, "minute")*60_000_000
		f.Subject = customer*10 + rapid.Int64Range(1, 3).Draw(t, "subject")
		f.Terms = rapid.SampledFrom([]int64{1, 2, 12, 13}).Draw(t, "terms")
		f.Value = rapid.SampledFrom([]int64{0, 0, 500, 1000, 1000, 1234}).Draw(t, "value")
		f.Lasting = f.Value + rapid.SampledFrom([]int64{0, 0, 100}).Draw(t, "discount")
		f.Flags = rapid.SampledFrom([]metrics.Flags{0, 0, 0, metrics.OnTrial, metrics.Ending, metrics.Late, metrics.Unwilled, metrics.Late | metrics.Ending}).Draw(t, "flags")
		if f.Value == 0 {
			f.Lasting = 0
		}
		if i > 0 && rapid.IntRange(0, 12).Draw(t, "taken back") == 0 {
			f.Voids, f.Cause = list[rapid.IntRange(0, i-1).Draw(t, "which")].ID, metrics.TakenBack
		}
		list = append(list, f)
	}
	slices.SortFunc(list, metrics.Compare)
	return list
}

// brings recounts what a customer brings at an instant, by terms, from nothing but the
// facts: the state of each subscription is that of its last fact.
func brings(facts []metrics.Fact, upTo int64, set metrics.Set) (byTerms map[int64]int64, total int64) {
	gone := map[int64]bool{}
	for _, f := range facts {
		if f.Voids != 0 {
			gone[f.Voids] = true
		}
	}
	state := map[int64]metrics.Fact{}
	late := map[int64]int64{}
	for _, f := range facts {
		if f.At > upTo || f.Voids != 0 || gone[f.ID] {
			continue
		}
		state[f.Subject] = f
		if f.Flags&metrics.Late == 0 {
			delete(late, f.Subject)
		} else if late[f.Subject] == 0 {
			late[f.Subject] = f.At
		}
	}
	byTerms = map[int64]int64{}
	for subject, f := range state {
		v := f.Value
		switch {
		case f.Flags&metrics.OnTrial != 0:
			v = 0
		case set == metrics.Stripe && f.Flags&metrics.Ending != 0:
			v = 0
		case set == metrics.Stripe:
			v = f.Lasting
		case set == metrics.Baremetrics && late[subject] != 0 && late[subject]+30*24*3600*1_000_000 <= upTo:
			v = 0
		}
		if v > 0 {
			byTerms[f.Terms] += v
			total += v
		}
	}
	return byTerms, total
}

type figure struct {
	amount, count int64
}

// month recounts the movements of a customer from the start of a month up to an instant in
// it, by the algorithm for whole months: what they brought at its start, and what at the end.
func month(facts []metrics.Fact, starts []int64, upTo int64, lost metrics.Kind) map[metrics.Kind]figure {
	start := starts[len(starts)-1]
	from, s := brings(facts, start-1, metrics.ProfitWell)
	to, e := brings(facts, upTo, metrics.ProfitWell)
	paid := false
	for _, m := range starts {
		_, v := brings(facts, m-1, metrics.ProfitWell)
		paid = paid || v > 0
	}
	longest := func(held map[int64]int64) (n int64) {
		for terms := range held {
			months, _ := length(terms)
			n = max(n, months)
		}
		return n
	}
	switch {
	case s == 0 && e == 0:
	case s == 0 && paid:
		return map[metrics.Kind]figure{metrics.Back: {e, 1}}
	case s == 0:
		return map[metrics.Kind]figure{metrics.New: {e, 1}}
	case e == 0:
		return map[metrics.Kind]figure{lost: {-s, 1}}
	case longest(to) > longest(from):
		return map[metrics.Kind]figure{metrics.Upgraded: {e - s, 1}}
	case longest(to) < longest(from):
		return map[metrics.Kind]figure{metrics.Downgraded: {e - s, 1}}
	case e > s:
		return map[metrics.Kind]figure{metrics.Upgraded: {e - s, 1}}
	case e < s:
		return map[metrics.Kind]figure{metrics.Downgraded: {e - s, 1}}
	}
	return map[metrics.Kind]figure{}
}

// lostBy is how what a customer brought became nothing, last, up to an instant.
func lostBy(facts []metrics.Fact, upTo int64) metrics.Kind {
	kind := metrics.Churned
	gone := map[int64]bool{}
	for _, f := range facts {
		gone[f.Voids] = f.Voids != 0 || gone[f.Voids]
	}
	held := slices.DeleteFunc(slices.Clone(facts), func(f metrics.Fact) bool { return gone[f.ID] || f.Voids != 0 })
	for i, f := range held {
		if f.At > upTo {
			break
		}
		_, before := brings(held[:i], f.At, metrics.ProfitWell)
		if _, after := brings(held[:i+1], f.At, metrics.ProfitWell); before > 0 && after == 0 {
			kind = metrics.Churned
			if f.Flags&metrics.Unwilled != 0 {
				kind = metrics.Delinquent
			}
		}
	}
	return kind
}

// TestAMonthIsWhatAPlainRecountSays compares the lines of every day with a recount of the
// month to date: what is told of each day up to it sums to what the rules for a month say.
func TestAMonthIsWhatAPlainRecountSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		facts := randomFacts(t, 1)
		d := metrics.NewDeriver(metrics.ProfitWell, z, length)
		lines := slices.Clone(d.Lines(facts))
		var starts []int64
		for m := time.Date(2025, 12, 1, 0, 0, 0, 0, z); m.Before(time.Date(2026, 8, 1, 0, 0, 0, 0, z)); m = m.AddDate(0, 1, 0) {
			starts = append(starts, m.UnixMicro())
			sums := map[metrics.Kind]figure{}
			var held metrics.Held
			for _, l := range lines {
				n := held.Count(&l)
				if l.Kind >= metrics.Moved || l.Day.Month() != metrics.DayOf(m).Month() {
					continue
				}
				sums[l.Kind] = figure{sums[l.Kind].amount + l.Amount, sums[l.Kind].count + n}
			}
			end := m.AddDate(0, 1, 0).UnixMicro() - 1
			want := month(facts, starts, end, lostBy(facts, end))
			maps.DeleteFunc(sums, func(_ metrics.Kind, f figure) bool { return f == figure{} })
			if !maps.Equal(sums, want) {
				t.Fatalf("%s: %v, a recount says %v\n%s", m.Format("2006-01"), sums, want, spell(lines))
			}
			for day := m; day.Before(m.AddDate(0, 1, 0)); day = day.AddDate(0, 0, 1) {
				end := day.AddDate(0, 0, 1).UnixMicro() - 1
				toDate := map[metrics.Kind]figure{}
				for _, l := range lines {
					if l.Kind < metrics.Moved && l.Day.Month() == metrics.DayOf(m).Month() && l.Day <= metrics.DayOf(day) {
						toDate[l.Kind] = figure{toDate[l.Kind].amount + l.Amount, 0}
					}
				}
				want := month(facts, starts, end, lostBy(facts, end))
				for k := range metrics.Moved {
					if toDate[k].amount != want[k].amount {
						t.Fatalf("%s %s: %d, a recount says %d\n%s", day.Format(time.DateOnly), k, toDate[k].amount, want[k].amount, spell(lines))
					}
				}
			}
		}
	})
}

// TestWhatMovedIsWhatChanged says for every set: the movements up to the end of any day sum
// to what the customer brings then, for each of the terms and whoever is counted.
func TestWhatMovedIsWhatChanged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		facts := randomFacts(t, 1)
		for _, set := range metrics.Sets() {
			lines := slices.Clone(metrics.NewDeriver(set, z, length).Lines(facts))
			if !slices.IsSortedFunc(lines, func(a, b metrics.Line) int { return cmp.Compare(a.Day, b.Day) }) {
				t.Fatalf("%s: the days are not in order\n%s", set, spell(lines))
			}
			for day := time.Date(2025, 12, 30, 0, 0, 0, 0, z); day.Before(time.Date(2026, 9, 1, 0, 0, 0, 0, z)); day = day.AddDate(0, 0, 1) {
				end := day.AddDate(0, 0, 1).UnixMicro() - 1
				if set == metrics.ChartMogul && recent(facts, end) {
					continue // what is netted over midnight counts on the next day
				}
				want, total := brings(facts, end, set)
				got, customers, moved := map[int64]int64{}, int64(0), int64(0)
				var held metrics.Held
				for _, l := range lines {
					if l.Day > metrics.DayOf(day) {
						break
					}
					var c metrics.Cell
					c.Count[l.Kind] = held.Count(&l)
					if customers += c.Joined(); l.Kind.Moves() {
						got[l.Terms] += l.Amount
					}
					if l.Kind == metrics.Moved {
						moved += l.Amount
					}
				}
				maps.DeleteFunc(got, func(_, v int64) bool { return v == 0 })
				if !maps.Equal(got, want) || moved != 0 || customers != min(total, 1) {
					t.Fatalf("%s %s: %v of %d customers (moved %d), a recount says %v\n%s", set, day.Format(time.DateOnly), got, customers, moved, want, spell(lines))
				}
			}
		}
	})
}

// recent reports whether something happened in the hour before an instant, and something
// of the same hour comes after it.
func recent(facts []metrics.Fact, end int64) bool {
	return slices.ContainsFunc(facts, func(f metrics.Fact) bool { return f.At <= end && f.At > end-3600*1_000_000 })
}

func ExampleDay_Month() {
	d := metrics.DayOf(time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC))
	fmt.Println(d, d.Month(), d.Month().First(), metrics.Day(-1), metrics.Day(-1).Month())
	// Output: 2024-02-29 2024-02 2024-02-01 1969-12-31 1969-12
}
