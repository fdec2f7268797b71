package period_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"perennial/internal/money"
	"perennial/internal/period"
)

// examples reads the table that follows "Examples: name" on the page about money
// and time; each row comes as its cells by the names of the columns.
func examples(t *testing.T, name string) []map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/money-and-time.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), "\nExamples: "+name+"\n\n")
	if !ok {
		t.Fatalf("the page has no examples of %s", name)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var names []string
	var rows []map[string]string
	for i, line := range strings.Split(strings.TrimSpace(table), "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if i == 0 {
			for _, cell := range cells {
				names = append(names, strings.TrimSpace(cell))
			}
		}
		if i < 2 {
			continue
		}
		row := map[string]string{}
		for j, cell := range cells {
			row[names[j]] = strings.TrimSpace(cell)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("the table of %s is empty", name)
	}
	return rows
}

func anchorOf(t *testing.T, row map[string]string) period.Anchor {
	t.Helper()
	a := period.Anchor{Start: local(t, row["start"], row["zone"]), Zone: zone(t, row["zone"])}
	if row["day"] != "" {
		day, err := strconv.Atoi(row["day"])
		if err != nil {
			t.Fatal(err)
		}
		a.Day = day
	}
	return a
}

func granularity(t *testing.T, word string) period.Granularity {
	t.Helper()
	for g := period.BySecond; g <= period.ByThirtyDays; g++ {
		if g.String() == word {
			return g
		}
	}
	t.Fatalf("nothing is counted by %q", word)
	return 0
}

func TestPageBoundaries(t *testing.T) {
	t.Parallel()
	for _, row := range append(examples(t, "boundaries"), examples(t, "clock changes")...) {
		a := anchorOf(t, row)
		for n, want := range strings.Split(row["boundaries 0, 1, 2, …"], ", ") {
			if got := a.Boundary(interval(t, row["every"]), n).In(a.Zone).Format("2006-01-02 15:04"); got != want {
				t.Errorf("%v: boundary %d is %s", row, n, got)
			}
		}
	}
}

func TestPageParts(t *testing.T) {
	t.Parallel()
	for _, row := range examples(t, "parts") {
		a, iv := anchorOf(t, row), interval(t, row["every"])
		num, den := granularity(t, row["counted by"]).Used(a.Period(iv, 0), iv, local(t, row["at"], row["zone"]), a.Zone)
		if got := fmt.Sprintf("%d/%d", num, den); got != row["used"] {
			t.Errorf("%v: got %s", row, got)
		}
	}
}

func TestPageProration(t *testing.T) {
	t.Parallel()
	for _, row := range examples(t, "proration") {
		a, iv := anchorOf(t, row), interval(t, row["every"])
		num, den := granularity(t, row["counted by"]).Used(a.Period(iv, 0), iv, local(t, row["changed at"], row["zone"]), a.Zone)
		if got := fmt.Sprintf("%d/%d", den-num, den); got != row["left"] {
			t.Errorf("%v: %s is left", row, got)
		}
		plain, code, _ := strings.Cut(row["paid"], " ")
		paid, err := money.ParseMajor(plain, money.Currency(code))
		if err != nil {
			t.Fatal(err)
		}
		credit, err := paid.MulRatio(den-num, den, money.HalfUp)
		if err != nil {
			t.Fatal(err)
		}
		used, err := paid.Sub(credit)
		if err != nil {
			t.Fatal(err)
		}
		if credit.Major() != row["credit"] || used.Major() != row["used"] {
			t.Errorf("%v: got %v credit, %v used", row, credit, used)
		}
	}
}
