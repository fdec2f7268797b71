package money

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bojanz/currency"
	"golang.org/x/text/language"

	"perennial/internal/fault"
)

// plain spells coef / 10^scale with exactly scale decimals.
func plain(coef int64, scale int) string {
	digits := strconv.FormatUint(size(coef), 10)
	if scale > 0 {
		if len(digits) <= scale {
			digits = strings.Repeat("0", scale+1-len(digits)) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if coef < 0 {
		return "-" + digits
	}
	return digits
}

// Major is the plain form in major units with all decimals of the currency, for
// example "12.34", "-0.05", "1235" (yen). ParseMajor reads it.
func (a Amount) Major() string { return plain(a.Minor, a.Currency.Digits()) }

// String is the plain form and the code, for example "12.34 USD", for logs and
// command lines.
func (a Amount) String() string {
	if a.Currency == "" {
		return a.Major()
	}
	return a.Major() + " " + string(a.Currency)
}

// ParseMajor reads the plain form in major units: ASCII digits, an optional
// minus sign, an optional point with no more decimals than the currency has.
// "1,000", exponents, spaces, other digits and amounts beyond MaxMinor are
// refused with fault.Invalid.
func ParseMajor(s string, c Currency) (Amount, error) {
	if _, err := New(0, c); err != nil {
		return Amount{}, err
	}
	coef, scale, ok := parsePlain(s, c.Digits())
	if !ok {
		return Amount{}, notAnAmount(c)
	}
	minor, ok := mulDiv(coef, pow10[c.Digits()-scale], 1, Down)
	if !ok {
		return Amount{}, tooLarge()
	}
	return limited(minor, c)
}

func notAnAmount(c Currency) error {
	example := "12.34"
	switch c.Digits() {
	case 0:
		example = "1234"
	case 3:
		example = "12.345"
	}
	return fault.New(fault.Invalid, "must be a plain amount such as %s with at most %d decimals for %s, and at most 10,000,000,000,000 minor units",
		example, c.Digits(), c).WithCode("amount_invalid")
}

// Format spells the amount for readers of a language, with that language's
// symbol, separators, digits and non-breaking spaces: "€1,234.50", "1.234,50 €".
// All decimals of the currency are shown. An unknown language reads as English.
func (a Amount) Format(lang language.Tag) string {
	major, err := currency.NewAmount(a.Major(), string(a.Currency))
	if err != nil {
		return a.String() // a currency without symbol and pattern
	}
	f := currency.NewFormatter(localeOf(lang))
	f.MinDigits, f.MaxDigits = uint8(a.Currency.Digits()), uint8(a.Currency.Digits())
	return f.Format(major)
}

// localeOf is the part of a language tag that decides how money is written.
func localeOf(lang language.Tag) currency.Locale {
	base, script, region := lang.Raw()
	var l currency.Locale
	if base.String() == "und" {
		return l
	}
	if l.Language = base.String(); l.Language == "nb" {
		l.Language = "no" // the data knows Norwegian under its common code only
	}
	if script.String() != "Zzzz" {
		l.Script = script.String()
	}
	if region.String() != "ZZ" {
		l.Territory = region.String()
	}
	return l
}

// signs are the characters with which a language writes money. Spaces of any
// kind appear as the plain one.
type signs struct {
	group, decimal string
	digits         []rune // the ten digits
	upper          int    // digits in a group above the thousands
	symbol         string
}

// signsOf reads the signs off a number that the language itself wrote.
func signsOf(lang language.Tag, c Currency) signs {
	locale := localeOf(lang)
	symbol, _ := currency.GetSymbol(string(c), locale)
	s := signs{upper: 3, symbol: plainSpaces(symbol)}
	f := currency.NewFormatter(locale)
	f.CurrencyDisplay = currency.DisplayNone
	f.MinDigits, f.MaxDigits = 1, 1
	written := func(n string) string {
		a, _ := currency.NewAmount(n, "USD") // always valid
		return strings.TrimSpace(plainSpaces(f.Format(a)))
	}
	parts := strings.FieldsFunc(written("1234567890.5"), unicode.IsDigit)
	s.decimal = parts[len(parts)-1]
	runs := strings.FieldsFunc(written("1234567890.5"), func(r rune) bool { return !unicode.IsDigit(r) })
	if len(runs) > 2 {
		s.group = parts[len(parts)-2]
		s.upper = len([]rune(runs[len(runs)-3]))
	}
	f.NoGrouping = true
	for _, d := range "0123456789" {
		for _, r := range written(string(d)) {
			if unicode.IsDigit(r) {
				s.digits = append(s.digits, r)
				break
			}
		}
	}
	return s
}

// plainSpaces spells every space as the plain one, drops marks that only steer
// the direction of text, and spells the curly apostrophe and the wide yen sign
// as keyboards do.
func plainSpaces(s string) string {
	return strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2009", " ", "\u2019", "'", "\uffe5", "¥",
		"\u200e", "", "\u200f", "", "\u061c", "").Replace(s)
}

// ParseLocale reads an amount that a person typed into a form in a language:
// with or without that language's group separators and currency symbol or code.
// Groups must be where the language puts them or absent: "1,000" is one thousand
// in English and refused in German, where "1.000" is one thousand. ASCII digits
// are read in every language.
func ParseLocale(s string, c Currency, lang language.Tag) (Amount, error) {
	if _, err := New(0, c); err != nil {
		return Amount{}, err
	}
	if len(s) > 80 || !utf8.ValidString(s) {
		return Amount{}, notAnAmount(c)
	}
	sg := signsOf(lang, c)
	text, negative := bare(s, c, sg)
	whole, fraction, point := strings.Cut(text, sg.decimal)
	if sg.group != "" && strings.Contains(whole, sg.group) {
		groups := strings.Split(whole, sg.group)
		if !grouped(groups, sg.upper) {
			return Amount{}, notAnAmount(c)
		}
		whole = strings.Join(groups, "")
	}
	if strings.HasPrefix(whole, "-") || strings.ContainsRune(fraction, '.') {
		return Amount{}, notAnAmount(c)
	}
	if negative {
		whole = "-" + whole
	}
	if point {
		whole += "." + fraction
	} else if strings.Contains(whole, ".") {
		return Amount{}, notAnAmount(c)
	}
	return ParseMajor(whole, c)
}

// bare strips symbol or code, spaces and sign from around a number and spells
// its digits in ASCII.
func bare(s string, c Currency, sg signs) (number string, negative bool) {
	s = strings.TrimSpace(plainSpaces(s))
	takeSign := func() {
		for _, minus := range [...]string{"-", "\u2212"} {
			if rest, ok := strings.CutPrefix(s, minus); ok && !negative {
				s, negative = strings.TrimSpace(rest), true
			} else if rest, ok := strings.CutSuffix(s, minus); ok && !negative {
				s, negative = strings.TrimSpace(rest), true
			}
		}
	}
	takeSign()
	for _, mark := range [...]string{sg.symbol, string(c)} {
		if rest, ok := strings.CutPrefix(s, mark); ok {
			s = strings.TrimSpace(rest)
			break
		}
		if rest, ok := strings.CutSuffix(s, mark); ok {
			s = strings.TrimSpace(rest)
			break
		}
	}
	takeSign()
	s = strings.Map(func(r rune) rune {
		if i := slices.Index(sg.digits, r); i >= 0 {
			return rune('0' + i)
		}
		return r
	}, s)
	return s, negative
}

// grouped reports whether groups are as long as the language makes them: three
// digits in the last, upper in those before it, at least one in the first.
func grouped(groups []string, upper int) bool {
	last := len(groups) - 1
	for i, g := range groups {
		switch {
		case i == last && len(g) != 3,
			i > 0 && i < last && len(g) != upper,
			i == 0 && (g == "" || len(g) > upper):
			return false
		}
	}
	return true
}
