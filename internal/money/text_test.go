package money_test

import (
	"strings"
	"testing"

	"golang.org/x/text/language"
	"pgregory.net/rapid"

	"perennial/internal/money"
)

func TestMajor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor    int64
		currency money.Currency
		want     string
	}{
		{1234, "USD", "12.34"}, {-5, "USD", "-0.05"}, {0, "USD", "0.00"}, {1235, "JPY", "1235"}, {-1, "JPY", "-1"},
		{12345, "KWD", "12.345"}, {7, "KWD", "0.007"}, {money.MaxMinor, "USD", "100000000000.00"},
	} {
		a := money.Amount{Minor: c.minor, Currency: c.currency}
		if got := a.Major(); got != c.want {
			t.Errorf("%d %s is %s, want %s", c.minor, c.currency, got, c.want)
		}
		if back, err := money.ParseMajor(a.Major(), c.currency); err != nil || back != a {
			t.Errorf("%s came back as %v, %v", a, back, err)
		}
	}
	if got := (money.Amount{}).String(); got != "0.00" {
		t.Errorf("no money is %q", got)
	}
}

func TestParseMajor(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int64{"12.34": 1234, "12.3": 1230, "12": 1200, "-0.05": -5, "-0": 0, "007.10": 710,
		"100000000000": money.MaxMinor, "-100000000000.00": -money.MaxMinor} {
		if a, err := money.ParseMajor(s, "USD"); err != nil || a.Minor != want {
			t.Errorf("%q is %v, %v; want %d", s, a, err, want)
		}
	}
	for _, s := range []string{"", "-", "1.5.0", "1.234", "1,000", "1.", ".5", "+5", "5 ", " 5", "1e3", "1E3", "NaN", "Infinity", "inf",
		"0x10", "1_0", "\u0661\u0662", "\uff11", "1\u00a0000", "$5", "--5", "5-", "(5)", "1\n", "\x005"} {
		a, err := money.ParseMajor(s, "USD")
		refused(t, s, err, "amount_invalid")
		if a != (money.Amount{}) {
			t.Errorf("%q gave %v along with its refusal", s, a)
		}
	}
	for _, s := range []string{"100000000000.01", "-100000000000.01", "9007199254740993", "1000000000000000", "99999999999999999"} {
		_, err := money.ParseMajor(s, "USD")
		refused(t, s, err, "amount_too_large")
	}
	for _, s := range []string{"9223372036854775808", "1000000000000000000"} {
		if _, err := money.ParseMajor(s, "USD"); err == nil {
			t.Errorf("%s was taken", s)
		}
	}
	_, err := money.ParseMajor("1.5", "JPY")
	refused(t, "half a yen", err, "amount_invalid")
	_, err = money.ParseMajor("1", "ZZZ")
	refused(t, "no currency", err, "currency_unknown")
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lang     string
		major    string
		currency money.Currency
		want     string
	}{
		{"en", "1234.50", "EUR", "€1,234.50"},
		{"en", "1235", "JPY", "¥1,235"},
		{"en", "-5.00", "USD", "-$5.00"},
		{"en", "1.5", "CHF", "CHF\u00a01.50"},
		{"en", "0.007", "KWD", "KWD\u00a00.007"},
		{"de", "1234.50", "EUR", "1.234,50\u00a0€"},
		{"de", "-1234.50", "EUR", "-1.234,50\u00a0€"},
		{"de-AT", "1234.50", "EUR", "€\u00a01.234,50"},
		{"de-u-co-phonebk", "1234.50", "EUR", "1.234,50\u00a0€"},
		{"fr", "1234.50", "EUR", "1\u202f234,50\u00a0€"},
		{"nl", "-1234.50", "EUR", "€\u00a0-1.234,50"},
		{"es", "1234.50", "EUR", "1234,50\u00a0€"},
		{"pt-BR", "1234.50", "BRL", "R$\u00a01.234,50"},
		{"ja", "1235", "JPY", "\uffe51,235"},
		{"en-IN", "1234567.00", "INR", "₹12,34,567.00"},
		{"nb", "1234.50", "NOK", "1\u00a0234,50\u00a0kr"},
		{"pl", "1234.50", "PLN", "1234,50\u00a0zł"},
		{"tlh", "1234.50", "EUR", "€1,234.50"},
		{"und", "1234.50", "EUR", "€1,234.50"},
		{"en", "100000000000.00", "USD", "$100,000,000,000.00"},
		{"en", "1.00", "HUF", "HUF\u00a01.00"},
	} {
		if got := amount(t, c.major, c.currency).Format(language.MustParse(c.lang)); got != c.want {
			t.Errorf("%s %s in %s reads %q, want %q", c.major, c.currency, c.lang, got, c.want)
		}
	}
	if got := amount(t, "12.50", "HRK").Format(language.German); !strings.Contains(got, "HRK") {
		t.Errorf("a withdrawn currency reads %q", got)
	}
	if got := (money.Amount{}).Format(language.English); got != "0.00" {
		t.Errorf("no money reads %q", got)
	}
}

func TestParseLocale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lang, text string
		currency   money.Currency
		want       string
	}{
		{"en", "1,234.50", "USD", "1234.50"},
		{"en", "1234.5", "USD", "1234.50"},
		{"en", " $1,234 ", "USD", "1234.00"},
		{"en", "-$5", "USD", "-5.00"},
		{"en", "USD 5", "USD", "5.00"},
		{"en", "5 USD", "USD", "5.00"},
		{"de", "1.234,50", "EUR", "1234.50"},
		{"de", "1.234,50 €", "EUR", "1234.50"},
		{"de", "1.234", "EUR", "1234.00"},
		{"de-CH", "1'234.50", "CHF", "1234.50"},
		{"de-CH", "1\u2019234.50", "CHF", "1234.50"},
		{"fr", "1 234,50 €", "EUR", "1234.50"},
		{"fr", "1\u202f234,50\u00a0€", "EUR", "1234.50"},
		{"en-IN", "12,34,567", "INR", "1234567.00"},
		{"ar-EG", "١٬٢٣٤٫٥٠", "EGP", "1234.50"},
		{"ar-EG", "1234٫5", "EGP", "1234.50"},
		{"ja", "¥1,235", "JPY", "1235"},
		{"nl", "€ -5,00", "EUR", "-5.00"},
		{"en", "\u22125.00", "EUR", "-5.00"},
	} {
		got, err := money.ParseLocale(c.text, c.currency, language.MustParse(c.lang))
		if err != nil || got.Major() != c.want {
			t.Errorf("%q in %s is %v, %v; want %s", c.text, c.lang, got, err, c.want)
		}
	}
	for _, c := range []struct{ lang, text string }{
		{"en", "1,00"}, {"en", "1,0000"}, {"en", ",100"}, {"en", "1,,000"}, {"en", "10,00,000"}, {"en", "1.234,50"}, {"en", "1,000,00"},
		{"en", ""}, {"en", "$"}, {"en", "--5"}, {"en", "-5-"}, {"en", "1e3"}, {"en", "5.001"}, {"en", "1.2.3"}, {"en", "€5"},
		{"de", "1,234"}, {"de", "1.50"}, {"de", "1,5.0"}, {"en", "\u0661"}, {"en", "5\xff"}, {"en", strings.Repeat("1", 100)},
		{"en", "1 000"}, {"en", "USD"}, {"en", "5 USD USD"},
	} {
		got, err := money.ParseLocale(c.text, "USD", language.MustParse(c.lang))
		refused(t, c.lang+" "+c.text, err, "amount_invalid")
		if got != (money.Amount{}) {
			t.Errorf("%q gave %v along with its refusal", c.text, got)
		}
	}
}

// What Format writes, a form can send back, in every language that the pages or
// the documents may speak.
func TestParseLocaleReadsFormat(t *testing.T) {
	t.Parallel()
	languages := []string{"en", "en-GB", "en-IN", "de", "de-AT", "de-CH", "fr", "fr-CA", "fr-CH", "es", "es-MX", "it", "nl", "pt-BR", "pt-PT",
		"pl", "cs", "sk", "sl", "hr", "sr", "hu", "ro", "bg", "el", "tr", "ru", "uk", "sv", "nb", "da", "fi", "et", "lv", "lt", "ja", "ko", "zh",
		"zh-Hant", "th", "vi", "id", "ms", "hi", "bn", "ta", "mr", "ar", "ar-EG", "fa", "he", "ur", "sw", "my", "ne"}
	rapid.Check(t, func(t *rapid.T) {
		lang := language.MustParse(rapid.SampledFrom(languages).Draw(t, "language"))
		c := rapid.SampledFrom([]money.Currency{"USD", "EUR", "JPY", "KWD", "INR", "CHF", "XOF", "NOK", "BRL", "AED", "HUF"}).Draw(t, "currency")
		a := money.Amount{Minor: rapid.Int64Range(-money.MaxMinor, money.MaxMinor).Draw(t, "minor"), Currency: c}
		text := a.Format(lang)
		if got, err := money.ParseLocale(text, c, lang); err != nil || got != a {
			t.Fatalf("%v reads %q in %v, which comes back as %v, %v", a, text, lang, got, err)
		}
	})
}

func FuzzParseMajor(f *testing.F) {
	for _, s := range []string{"", "12.34", "-0.05", "1,000", "1e9", "\u0661", "100000000000.00", "100000000000.01", "9223372036854775808", "0.001", "NaN"} {
		f.Add(s, "USD")
	}
	f.Add("1.5", "JPY")
	f.Add("1.234", "KWD")
	f.Add("1", "usd")
	f.Fuzz(func(t *testing.T, s, code string) {
		a, err := money.ParseMajor(s, money.Currency(code))
		if err != nil {
			if a != (money.Amount{}) {
				t.Errorf("%q gave %v along with %v", s, a, err)
			}
			return
		}
		if a.Minor > money.MaxMinor || a.Minor < -money.MaxMinor || strings.Trim(s, "-.0123456789") != "" {
			t.Errorf("%q was taken as %v", s, a)
		}
		if back, err := money.ParseMajor(a.Major(), a.Currency); err != nil || back != a {
			t.Errorf("%q is %v, which came back as %v, %v", s, a, back, err)
		}
	})
}

func FuzzParseLocale(f *testing.F) {
	for _, s := range []string{"", "$1,234.50", "1.234,50 €", "-5", "\u2212 5", "١٬٢٣٤٫٥٠", "1'234.50", "\xff"} {
		for _, lang := range []string{"en", "de", "ar-EG", "fr-CH", "xx-invalid"} {
			f.Add(s, lang)
		}
	}
	f.Fuzz(func(t *testing.T, s, lang string) {
		tag := language.Make(lang)
		a, err := money.ParseLocale(s, "EUR", tag)
		if err != nil {
			return
		}
		if back, err := money.ParseLocale(a.Format(tag), "EUR", tag); err != nil || back != a {
			t.Errorf("%q in %s is %v, which came back as %v, %v", s, tag, a, back, err)
		}
	})
}
