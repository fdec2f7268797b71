package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/tax"
)

// split cuts a line into words. Text in double quotes is one word; what stands after #
// is a comment.
func split(line string) ([]string, error) {
	var list []string
	for {
		line = strings.TrimLeft(line, " \t\r")
		switch {
		case line == "" || line[0] == '#':
			return list, nil
		case line[0] == '"':
			text, rest, closed := strings.Cut(line[1:], `"`)
			if !closed {
				return nil, fmt.Errorf("a quotation mark is not closed")
			}
			list, line = append(list, text), rest
		default:
			end := strings.IndexAny(line, " \t\r#\"")
			if end < 0 {
				end = len(line)
			}
			list, line = append(list, line[:end]), line[end:]
		}
	}
}

// words are those of a line that were not read yet. The first that cannot be read is
// kept in err, and nothing is left to read after it.
type words struct {
	left     []string
	zone     *time.Location
	currency money.Currency // of amounts that name none
	err      error
}

func (w *words) done() bool { return w.err != nil || len(w.left) == 0 }

// peek is the next word, "" when there is none.
func (w *words) peek() string {
	if w.done() {
		return ""
	}
	return w.left[0]
}

func (w *words) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// is reads words of the language, when they are the next ones.
func (w *words) is(text string) bool {
	expected := strings.Fields(text)
	if w.err != nil || len(w.left) < len(expected) {
		return false
	}
	for i, e := range expected {
		if w.left[i] != e {
			return false
		}
	}
	w.left = w.left[len(expected):]
	return true
}

// must reads words of the language that have to stand here.
func (w *words) must(text string) {
	if !w.is(text) {
		w.fail("%q must stand before %q", text, w.peek())
	}
}

// word reads one word; what says what it should be.
func (w *words) word(what string) string {
	if w.done() {
		w.fail("%s is missing", what)
		return ""
	}
	next := w.left[0]
	w.left = w.left[1:]
	return next
}

// otherwise refuses what is left; known says what may stand there.
func (w *words) otherwise(known string) {
	w.fail("%q is not understood; what may stand here: %s", strings.Join(w.left, " "), known)
}

// end refuses what is left.
func (w *words) end() error {
	if !w.done() {
		w.fail("%q is not understood", strings.Join(w.left, " "))
	}
	return w.err
}

func (w *words) number(what string) int64 {
	text := w.word(what)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		w.fail("%s must be a whole number, not %q", what, text)
	}
	return n
}

func (w *words) count(what string) int { return int(w.number(what)) }

func (w *words) decimal(what string) money.Decimal {
	text := w.word(what)
	d, err := money.ParseDecimal(text)
	if err != nil {
		w.fail("%s must be a number, not %q", what, text)
	}
	return d
}

func (w *words) rate(what string) money.Rate {
	text := w.word(what)
	r, err := money.ParseRate(text)
	if err != nil {
		w.fail("%s must be a rate such as 0.19, not %q", what, text)
	}
	return r
}

// amount reads "10.00" or "10.00 USD".
func (w *words) amount() money.Amount {
	text := w.word("an amount")
	c := w.currency
	if money.Currency(w.peek()).Known() {
		c = w.code()
	}
	a, err := money.ParseMajor(text, c)
	if err != nil {
		w.fail("%q: %v", text, err)
	}
	return a
}

// minor reads an amount of the line's currency, in minor units.
func (w *words) minor() int64 { return w.amount().Minor }

func (w *words) code() money.Currency {
	text := w.word("a currency")
	c, err := money.ParseCurrency(text)
	if err != nil {
		w.fail("%q: %v", text, err)
	}
	return c
}

// interval reads "month" or "3 months".
func (w *words) interval() period.Interval {
	text := w.word("an interval")
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		text += " " + w.word("a unit of time")
	}
	iv, err := period.ParseInterval(text)
	if err != nil {
		w.fail("%q: %v", text, err)
	}
	return iv
}

// timed reports whether the next word is a time of day.
func (w *words) timed() bool { return len(w.peek()) == 5 && w.peek()[2] == ':' }

// instant reads a date, or a date and a time of day, in the account's zone.
func (w *words) instant() time.Time {
	text, layout := w.word("a date"), time.DateOnly
	if w.timed() {
		text, layout = text+" "+w.word(""), "2006-01-02 15:04"
	}
	at, err := time.ParseInLocation(layout, text, w.zone)
	if err != nil {
		w.fail("must be a date such as 2026-01-31, or 2026-01-31 15:04")
	}
	return at
}

// date reads a day.
func (w *words) date() string {
	text := w.word("a date")
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		w.fail("must be a date such as 2026-01-31, not %q", text)
	}
	return text
}

// place reads "DE", "CA/ON", "US/TX/78701" or "ES//35001".
func (w *words) place() tax.Place {
	parts := strings.SplitN(w.word("a place")+"//", "/", 4)
	return tax.Place{Country: parts[0], Region: parts[1], PostalCode: parts[2]}
}
