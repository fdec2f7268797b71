package metrics_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"perennial/internal/metrics"
)

// The terms of the tests: 1 and 2 are monthly plans, 12 is a yearly one.
func length(terms int64) (int64, int64) {
	if terms >= 12 {
		return 12, 1
	}
	return 1, 1
}

func at(date string) int64 {
	t, err := time.Parse("2006-01-02 15:04", date)
	if err != nil {
		panic(err)
	}
	return t.UnixMicro()
}

// history reads facts: "date time subject terms value [flags]".
func history(t *testing.T, text string) []metrics.Fact {
	t.Helper()
	var list []metrics.Fact
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		w := strings.Fields(line)
		f := metrics.Fact{ID: int64(i + 1), At: at(w[0] + " " + w[1])}
		if _, err := fmt.Sscan(strings.Join(w[2:5], " "), &f.Subject, &f.Terms, &f.Value); err != nil {
			t.Fatal(line, err)
		}
		f.Lasting, f.Rate = f.Value, metrics.SameCurrency
		for _, flag := range w[5:] {
			switch flag {
			case "trial":
				f.Flags |= metrics.OnTrial
			case "ending":
				f.Flags |= metrics.Ending
			case "late":
				f.Flags |= metrics.Late
			case "unpaid":
				f.Flags |= metrics.Unwilled
			case "once":
				f.Lasting = 2 * f.Value
			default:
				t.Fatal("unknown flag " + flag)
			}
		}
		list = append(list, f)
	}
	return list
}

func spell(lines []metrics.Line) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%s %s %d %d hold %d count %d\n", l.Day, l.Kind, l.Terms, l.Amount, l.Hold, l.Count)
	}
	return strings.TrimSpace(b.String())
}

func TestTheVendorsExamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, facts, want string }{
		{"canceled is not churned before the period is over", `
			2026-04-15 10:00 1 1 1000
			2026-06-08 09:00 1 1 1000 ending
			2026-06-15 10:00 1 1 0`, `
			2026-04-15 new 1 1000 hold 1 count 0
			2026-06-08 future_churn 1 1000 hold 0 count 1
			2026-06-15 churned_voluntary 1 -1000 hold -1 count 0
			2026-06-15 future_churn 1 -1000 hold 0 count -1`},
		{"who leaves in the month they came in never existed", `
			2026-12-05 10:00 1 1 10000
			2026-12-06 10:00 1 1 0`, `
			2026-12-05 new 1 10000 hold 1 count 0
			2026-12-06 new 1 -10000 hold -1 count 0`},
		{"who left in another month is back, whatever the gap", `
			2026-01-05 10:00 1 1 1000
			2026-02-06 10:00 1 1 0 unpaid
			2027-09-01 00:00 2 1 1000`, `
			2026-01-05 new 1 1000 hold 1 count 0
			2026-02-06 churned_delinquent 1 -1000 hold -1 count 0
			2027-09-01 reactivated 1 1000 hold 1 count 0`},
		{"a longer term is an upgrade although it brings less", `
			2026-01-05 10:00 1 1 1000
			2026-02-06 10:00 1 12 900`, `
			2026-01-05 new 1 1000 hold 1 count 0
			2026-02-06 plan_changed 12 900 hold 1 count 0
			2026-02-06 upgraded 1 -100 hold 0 count 1
			2026-02-06 plan_changed 1 -900 hold -1 count 0`},
		{"a shorter one is a downgrade although it brings more", `
			2026-01-05 10:00 1 12 900
			2026-02-06 10:00 1 1 1000`, `
			2026-01-05 new 12 900 hold 1 count 0
			2026-02-06 plan_changed 1 900 hold 1 count 0
			2026-02-06 downgraded 1 100 hold 0 count 1
			2026-02-06 plan_changed 12 -900 hold -1 count 0`},
		{"only the net change of a month is told", `
			2026-01-05 10:00 1 1 1000
			2026-02-02 10:00 1 1 1500
			2026-02-20 10:00 1 1 800`, `
			2026-01-05 new 1 1000 hold 1 count 0
			2026-02-02 upgraded 1 500 hold 0 count 1
			2026-02-20 downgraded 1 -200 hold 0 count 1
			2026-02-20 upgraded 1 -500 hold 0 count -1`},
		{"one of several subscriptions that ends is a downgrade", `
			2026-01-05 10:00 1 1 1000
			2026-01-05 10:01 2 2 500
			2026-02-20 10:00 2 2 0`, `
			2026-01-05 new 1 1000 hold 1 count 0
			2026-01-05 new 2 500 hold 1 count 0
			2026-02-20 downgraded 2 -500 hold 0 count 1
			2026-02-20 plan_changed 2 0 hold -1 count 0`},
		{"a trial", `
			2026-01-05 10:00 1 1 0 trial
			2026-01-19 10:00 1 1 1000`, `
			2026-01-05 trials_started 1 0 hold 0 count 1
			2026-01-19 new 1 1000 hold 1 count 0
			2026-01-19 trials_converted 1 1000 hold 0 count 1
			2026-01-19 trial_seconds 1 1209600 hold 0 count 0`},
		{"a trial that nobody paid for", `
			2026-01-05 10:00 1 1 0 trial
			2026-01-19 10:00 1 1 0`, `
			2026-01-05 trials_started 1 0 hold 0 count 1
			2026-01-19 trials_lost 1 0 hold 0 count 1`},
		{"back in the month in which they left", `
			2026-01-05 10:00 1 1 1000
			2026-02-05 10:00 1 1 0
			2026-02-25 10:00 1 1 1200`, `
			2026-01-05 new 1 1000 hold 1 count 0
			2026-02-05 churned_voluntary 1 -1000 hold -1 count 0
			2026-02-25 churned_voluntary 1 1000 hold 1 count 0
			2026-02-25 upgraded 1 200 hold 0 count 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := metrics.NewDeriver(metrics.ProfitWell, time.UTC, length)
			got, want := sorted(spell(d.Lines(history(t, c.facts)))), sorted(strings.ReplaceAll(strings.TrimSpace(c.want), "\t", ""))
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestWhatTheOtherSetsSay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		set         metrics.Set
		facts, want string
	}{
		{"new and gone in one month are both counted", metrics.ChartMogul, `
			2026-12-05 10:00 1 1 10000
			2026-12-06 10:00 1 1 0`, `
			2026-12-05 new 1 10000 hold 1 count 0
			2026-12-06 churned_voluntary 1 -10000 hold -1 count 0`},
		{"inside an hour they are not", metrics.ChartMogul, `
			2026-12-05 10:00 1 1 10000
			2026-12-05 10:59 1 1 0`, ``},
		{"lost when the end is asked for", metrics.Stripe, `
			2026-04-15 10:00 1 1 1000
			2026-06-08 09:00 1 1 1000 ending
			2026-06-15 10:00 1 1 0`, `
			2026-04-15 new 1 1000 hold 1 count 0
			2026-06-08 churned_voluntary 1 -1000 hold -1 count 0`},
		{"a discount that ends does not reduce", metrics.Stripe, `
			2026-04-15 10:00 1 1 500 once
			2026-05-15 10:00 1 1 1000`, `
			2026-04-15 new 1 1000 hold 1 count 0`},
		{"each subscription by itself", metrics.Stripe, `
			2026-01-05 10:00 1 1 1000
			2026-02-05 10:00 2 2 500
			2026-03-20 10:00 2 2 0`, `
			2026-01-05 new 1 1000 hold 1 count 0
			2026-02-05 new 2 500 hold 1 count 0
			2026-03-20 churned_voluntary 2 -500 hold -1 count 0`},
		{"thirty days late", metrics.Baremetrics, `
			2026-01-05 10:00 1 1 1000
			2026-03-01 10:00 1 1 1000 late
			2026-04-20 10:00 1 1 0 unpaid`, `
			2026-01-05 new 1 1000 hold 1 count 0
			2026-03-31 churned_delinquent 1 -1000 hold -1 count 0`},
		{"late and paid in time", metrics.Baremetrics, `
			2026-01-05 10:00 1 1 1000
			2026-03-01 10:00 1 1 1000 late
			2026-03-20 10:00 1 1 1000`, `
			2026-01-05 new 1 1000 hold 1 count 0`},
		{"late, ended and paid too late", metrics.Baremetrics, `
			2026-01-05 10:00 1 1 1000
			2026-03-01 10:00 1 1 1000 late
			2026-03-20 10:00 1 1 1000 late ending
			2026-05-20 10:00 1 1 1000`, `
			2026-01-05 new 1 1000 hold 1 count 0
			2026-03-20 future_churn 1 1000 hold 0 count 1
			2026-03-31 future_churn 1 -1000 hold 0 count -1
			2026-03-31 churned_delinquent 1 -1000 hold -1 count 0
			2026-05-20 reactivated 1 1000 hold 1 count 0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := metrics.NewDeriver(c.set, time.UTC, length)
			got, want := sorted(spell(d.Lines(history(t, c.facts)))), sorted(strings.ReplaceAll(strings.TrimSpace(c.want), "\t", ""))
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
