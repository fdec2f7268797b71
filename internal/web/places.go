package web

import (
	"cmp"
	"slices"
	"sync"

	"github.com/bojanz/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"perennial/internal/money"
)

// renamed are countries whose names changed since the library's tables were made.
var renamed = map[string]string{"MK": "North Macedonia", "SZ": "Eswatini", "TR": "Türkiye"}

// countries are the regions that addresses name, by their English names.
var countries = sync.OnceValue(func() []Option {
	var list []Option
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string(a) + string(b)
			region, err := language.ParseRegion(code)
			if err != nil || code == "UN" || !region.IsCountry() || region.Canonicalize() != region || region.String() != code {
				continue
			}
			name := display.English.Regions().Name(region)
			if newer, ok := renamed[code]; ok {
				name = newer
			}
			if name != "" && name != code {
				list = append(list, Option{Value: code, Label: name})
			}
		}
	}
	slices.SortFunc(list, func(x, y Option) int { return cmp.Compare(x.Label, y.Label) })
	return list
})

// Countries are the choices of a country by ISO 3166 code, after a first choice
// with the label none and no value.
func Countries(selected, none string) []Option {
	return chosen(append([]Option{{Label: none}}, countries()...), selected)
}

// CountryName is the English name of a country's code, or the code itself.
func CountryName(code string) string {
	for _, c := range countries() {
		if c.Value == code {
			return c.Label
		}
	}
	return code
}

// common are the currencies that stand on top of the list.
var common = []money.Currency{"EUR", "USD", "GBP", "CHF", "CAD", "AUD", "JPY"}

// Currencies are the choices of a currency in which people can be charged, the
// most used first.
func Currencies(selected string) []Option {
	list := make([]Option, 0, 170)
	add := func(c money.Currency) {
		label := string(c)
		if symbol, ok := currency.GetSymbol(string(c), currency.NewLocale("en")); ok && symbol != label {
			label += " (" + symbol + ")"
		}
		list = append(list, Option{Value: string(c), Label: label})
	}
	for _, c := range common {
		add(c)
	}
	codes := currency.GetCurrencyCodes()
	slices.Sort(codes)
	for _, code := range codes {
		if c := money.Currency(code); c.Known() && !slices.Contains(common, c) {
			add(c)
		}
	}
	return chosen(list, selected)
}

// zones are the time zones that are offered. A page may send any other IANA name
// as well: the script adds the browser's own.
var zones = []string{"UTC", "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Anchorage", "America/Argentina/Buenos_Aires",
	"America/Bogota", "America/Chicago", "America/Denver", "America/Halifax", "America/Lima", "America/Los_Angeles", "America/Mexico_City", "America/New_York",
	"America/Phoenix", "America/Santiago", "America/Sao_Paulo", "America/St_Johns", "America/Toronto", "America/Vancouver", "Asia/Bangkok", "Asia/Dhaka", "Asia/Dubai",
	"Asia/Ho_Chi_Minh", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Jerusalem", "Asia/Karachi", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Kuala_Lumpur", "Asia/Manila",
	"Asia/Riyadh", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Taipei", "Asia/Tashkent", "Asia/Tehran", "Asia/Tokyo", "Atlantic/Azores", "Atlantic/Reykjavik",
	"Australia/Adelaide", "Australia/Brisbane", "Australia/Melbourne", "Australia/Perth", "Australia/Sydney", "Europe/Amsterdam", "Europe/Athens", "Europe/Belgrade",
	"Europe/Berlin", "Europe/Brussels", "Europe/Bucharest", "Europe/Budapest", "Europe/Copenhagen", "Europe/Dublin", "Europe/Helsinki", "Europe/Istanbul", "Europe/Kyiv",
	"Europe/Lisbon", "Europe/London", "Europe/Madrid", "Europe/Moscow", "Europe/Oslo", "Europe/Paris", "Europe/Prague", "Europe/Rome", "Europe/Sofia", "Europe/Stockholm",
	"Europe/Vienna", "Europe/Warsaw", "Europe/Zurich", "Pacific/Auckland", "Pacific/Fiji", "Pacific/Honolulu"}

// Zones are the choices of a time zone by IANA name; one that is selected and not
// in the list is added.
func Zones(selected string) []Option {
	names := zones
	if selected != "" && !slices.Contains(names, selected) {
		names = append([]string{selected}, names...)
	}
	list := make([]Option, len(names))
	for i, n := range names {
		list[i] = Option{Value: n, Label: n}
	}
	return chosen(list, selected)
}

// chosen marks the option with a value.
func chosen(list []Option, value string) []Option {
	list = slices.Clone(list)
	for i := range list {
		list[i].Selected = list[i].Value == value
	}
	return list
}

// Choices are options with one of them chosen.
func Choices(value string, list ...Option) []Option { return chosen(list, value) }
