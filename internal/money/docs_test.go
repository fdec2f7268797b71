package money_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/language"

	"perennial/internal/money"
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
			row[names[j]] = strings.Trim(strings.TrimSpace(cell), "`")
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("the table of %s is empty", name)
	}
	return rows
}

// written reads "12.34 USD".
func written(t *testing.T, s string) (plain string, c money.Currency) {
	t.Helper()
	plain, code, ok := strings.Cut(s, " ")
	c, err := money.ParseCurrency(code)
	if !ok || err != nil {
		t.Fatalf("%q is not an amount with a currency", s)
	}
	return plain, c
}

func TestPageAmounts(t *testing.T) {
	t.Parallel()
	for _, row := range examples(t, "amounts") {
		got := "refused"
		if a, err := money.ParseMajor(row["text"], money.Currency(row["currency"])); err == nil {
			got = strconv.FormatInt(a.Minor, 10)
		}
		if got != row["minor units"] {
			t.Errorf("%v: got %s", row, got)
		}
	}
}

func TestPageLanguages(t *testing.T) {
	t.Parallel()
	for _, row := range examples(t, "languages") {
		plain, c := written(t, row["amount"])
		text := amount(t, plain, c).Format(language.MustParse(row["language"]))
		if got := strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(text); got != row["written"] {
			t.Errorf("%v: got %s", row, got)
		}
		if back, err := money.ParseLocale(row["written"], c, language.MustParse(row["language"])); err != nil || back.Major() != plain {
			t.Errorf("%v: came back as %v, %v", row, back, err)
		}
	}
}

func TestPageRounding(t *testing.T) {
	t.Parallel()
	for _, row := range examples(t, "rounding") {
		plain, c := written(t, row["amount"])
		var num, den int64
		if _, err := fmt.Sscanf(row["times"], "%d/%d", &num, &den); err != nil {
			t.Fatal(err)
		}
		got, err := amount(t, plain, c).MulRatio(num, den, money.HalfUp)
		if err != nil || got.Major() != row["rounded"] {
			t.Errorf("%v: got %v, %v", row, got, err)
		}
	}
}

func TestPageRates(t *testing.T) {
	t.Parallel()
	for _, row := range examples(t, "rates") {
		plain, c := written(t, row["amount"])
		added, err := amount(t, plain, c).MulRate(rate(t, row["rate"]), money.HalfUp)
		if err != nil || added.Major() != row["added"] {
			t.Errorf("%v: got %v added, %v", row, added, err)
		}
		inside, err := amount(t, plain, c).RateWithin(rate(t, row["rate"]), money.HalfUp)
		if err != nil || inside.Major() != row["inside"] {
			t.Errorf("%v: got %v inside, %v", row, inside, err)
		}
	}
}

func TestPageUnitPrices(t *testing.T) {
	t.Parallel()
	for _, row := range examples(t, "unit prices") {
		plain, c := written(t, row["price"])
		price, err := money.ParseUnitPrice(plain, c)
		if err != nil {
			t.Fatal(err)
		}
		quantity, err := money.ParseDecimal(row["quantity"])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := price.TimesDecimal(quantity, money.HalfUp); err != nil || got.Major() != row["line"] {
			t.Errorf("%v: got %v, %v", row, got, err)
		}
	}
}

func TestPageSplitting(t *testing.T) {
	t.Parallel()
	for _, row := range examples(t, "splitting") {
		plain, c := written(t, row["amount"])
		var weights []int64
		for s := range strings.SplitSeq(row["weights"], ", ") {
			w, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			weights = append(weights, w)
		}
		parts, err := amount(t, plain, c).Allocate(weights)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range parts {
			got = append(got, p.Major())
		}
		if strings.Join(got, ", ") != row["parts"] {
			t.Errorf("%v: got %v", row, got)
		}
	}
}
