// Package locale says which languages customers are written to in, and how a
// language writes days. It holds no sentences: those stand with whoever speaks
// them, one for each language here and in this order.
package locale

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/money"
)

// calendar is how a language writes days.
type calendar struct {
	tag    language.Tag
	day    string // {d} {m} {y}
	first  string // the first of a month, where a language writes it otherwise; else ""
	months [12]string
}

var calendars = []calendar{
	{tag: language.English, day: "{d} {m} {y}",
		months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}},
	{tag: language.German, day: "{d}. {m} {y}",
		months: [12]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}},
	{tag: language.French, day: "{d} {m} {y}", first: "1er",
		months: [12]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"}},
	{tag: language.Spanish, day: "{d} de {m} de {y}",
		months: [12]string{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"}},
	{tag: language.Greek, day: "{d} {m} {y}",
		months: [12]string{"Ιανουαρίου", "Φεβρουαρίου", "Μαρτίου", "Απριλίου", "Μαΐου", "Ιουνίου", "Ιουλίου", "Αυγούστου", "Σεπτεμβρίου", "Οκτωβρίου", "Νοεμβρίου", "Δεκεμβρίου"}},
	{tag: language.Bulgarian, day: "{d} {m} {y} г.",
		months: [12]string{"януари", "февруари", "март", "април", "май", "юни", "юли", "август", "септември", "октомври", "ноември", "декември"}},
}

// Languages are the languages that are spoken, the one to fall back to first.
func Languages() []language.Tag {
	tags := make([]language.Tag, len(calendars))
	for i, c := range calendars {
		tags[i] = c.tag
	}
	return tags
}

var matcher = language.NewMatcher(Languages())

// Locale is how something is written for one reader.
type Locale struct {
	// Index is the place of the language among Languages.
	Index int
	// Tag is the language in which amounts are written: the one asked for when it is
	// spoken, so that Swiss German keeps its Swiss separators, else that of the words.
	Tag language.Tag
	day string
}

// For is the locale nearest to a language.
func For(tag language.Tag) Locale {
	_, i, confidence := matcher.Match(tag)
	l := Locale{Index: i, Tag: tag, day: calendars[i].day}
	if confidence == language.No {
		l.Tag = calendars[i].tag
		return l
	}
	if base, _ := tag.Base(); base.String() == "en" {
		if region, c := tag.Region(); c == language.Exact && (region.String() == "US" || region.String() == "PH") {
			l.day = "{m} {d}, {y}"
		}
	}
	return l
}

// Named is the locale of a BCP 47 tag as customers have it; "" and what is no tag
// mean the first language.
func Named(tag string) Locale {
	parsed, err := language.Parse(tag)
	if err != nil || tag == "" {
		parsed = calendars[0].tag
	}
	return For(parsed)
}

// Language is the language of the words.
func (l Locale) Language() language.Tag { return calendars[l.Index].tag }

// Day writes the day on which t lies in its own location, with spaces that do not
// break.
func (l Locale) Day(t time.Time) string {
	c := calendars[l.Index]
	d := strconv.Itoa(t.Day())
	if t.Day() == 1 && c.first != "" {
		d = c.first
	}
	return strings.NewReplacer("{d}", d, "{m}", c.months[t.Month()-1], "{y}", strconv.Itoa(t.Year()), " ", "\u00a0").Replace(l.day)
}

// Span writes the first and the last day from an instant up to another, which does
// not count; "" when from is zero.
func (l Locale) Span(from, until time.Time) string {
	if from.IsZero() {
		return ""
	}
	last := until.Add(-time.Microsecond)
	if last.Before(from) || l.Day(from) == l.Day(last) {
		return l.Day(from)
	}
	return l.Day(from) + " – " + l.Day(last)
}

// Amount writes money.
func (l Locale) Amount(a money.Amount) string { return a.Format(l.Tag) }
