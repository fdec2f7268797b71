package web

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/fault"
	"perennial/internal/money"
)

// MoneyText spells an amount for a reader of lang, with a true minus sign so
// that a negative amount is told by more than its colour.
func MoneyText(a money.Amount, lang language.Tag) string {
	return strings.ReplaceAll(a.Format(lang), "-", "−")
}

// DateText is the day of an instant in a zone, month in letters: "5 Dec 2026".
// A nil zone is UTC. The zero time is "".
func DateText(t time.Time, zone *time.Location) string { return formatted(t, zone, "2 Jan 2006") }

// DateTimeText is the minute of an instant in a zone: "5 Dec 2026, 14:03".
func DateTimeText(t time.Time, zone *time.Location) string {
	return formatted(t, zone, "2 Jan 2006, 15:04")
}

// exactText names the second and the zone, for titles.
func exactText(t time.Time, zone *time.Location) string {
	return formatted(t, zone, "Mon 2 Jan 2006, 15:04:05 MST")
}

func formatted(t time.Time, zone *time.Location, layout string) string {
	if t.IsZero() {
		return ""
	}
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format(layout)
}

// RelativeText is how far an instant lies from now, up to seven days: "just now",
// "in 3 hours", "2 days ago". Beyond that it is the date in the zone.
func RelativeText(t, now time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	d := t.Sub(now)
	size := d.Abs()
	var text string
	switch {
	case size < time.Minute:
		return "just now"
	case size < time.Hour:
		text = counted(int(size/time.Minute), "minute")
	case size < 24*time.Hour:
		text = counted(int(size/time.Hour), "hour")
	case size <= 7*24*time.Hour:
		text = counted(int(size/(24*time.Hour)), "day")
	default:
		return DateText(t, zone)
	}
	if d > 0 {
		return "in " + text
	}
	return text + " ago"
}

func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// CountText writes a whole number with thousands separators: "8,214".
func CountText(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// RangeText is the sentence of a pager: "1–50 of 8,214".
// more says that counting stopped at total: "1–50 of 10,000+". A total below 0
// is unknown and left out.
func RangeText(first, last, total int64, more bool) string {
	if last < first {
		return "0"
	}
	text := CountText(first) + "–" + CountText(last)
	switch {
	case total < 0:
		return text
	case more:
		return text + " of " + CountText(total) + "+"
	}
	return text + " of " + CountText(total)
}

// Problem is one wrong input, for ErrorSummary.
type Problem struct {
	Field   string // the name of the input; empty for the form as a whole
	Message string
}

// Problems turns a refusal into the list that ErrorSummary shows. A nil error
// gives nil.
func Problems(err error) []Problem {
	if err == nil {
		return nil
	}
	f := fault.As(err)
	if len(f.Fields) == 0 {
		return []Problem{{Message: sentence(f.Message)}}
	}
	out := make([]Problem, 0, len(f.Fields))
	for _, field := range f.Fields {
		out = append(out, Problem{field.Name, sentence(field.Message)})
	}
	return out
}

// ProblemOf is the message for one input, or "".
func ProblemOf(list []Problem, field string) string {
	for _, p := range list {
		if p.Field == field {
			return p.Message
		}
	}
	return ""
}

// sentence starts a message with a capital letter.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// fieldID is the id of an input by its name; dots and brackets become dashes so
// that it can stand in a link and a selector.
func fieldID(name string) string {
	return "f-" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, name)
}
