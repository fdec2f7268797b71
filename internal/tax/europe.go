package tax

import (
	"strings"
	"time"

	"perennial/internal/money"
)

// span is a rate that holds from an instant on; zero means always.
type span struct {
	rate money.Rate
	from time.Time
}

// Standard rates of value added tax in the member states, with the changes since
// 2020, as they were known in January 2026. They are the standard rates alone; the
// operator must check them, and any rule of a merchant that names a country overrides
// the rate of that country. A change holds from midnight of the country's own time.
// XI is Northern Ireland, a member state for goods alone.
var standard = map[string][]span{
	"AT": {{rate: mustRate("0.20")}},
	"BE": {{rate: mustRate("0.21")}},
	"BG": {{rate: mustRate("0.20")}},
	"CY": {{rate: mustRate("0.19")}},
	"CZ": {{rate: mustRate("0.21")}},
	"DE": {{rate: mustRate("0.19")}, {mustRate("0.16"), midnight(2020, time.July, 1, 2)}, {mustRate("0.19"), midnight(2021, time.January, 1, 1)}},
	"DK": {{rate: mustRate("0.25")}},
	"EE": {{rate: mustRate("0.20")}, {mustRate("0.22"), midnight(2024, time.January, 1, 2)}, {mustRate("0.24"), midnight(2025, time.July, 1, 3)}},
	"ES": {{rate: mustRate("0.21")}},
	"FI": {{rate: mustRate("0.24")}, {mustRate("0.255"), midnight(2024, time.September, 1, 3)}},
	"FR": {{rate: mustRate("0.20")}},
	"GR": {{rate: mustRate("0.24")}},
	"HR": {{rate: mustRate("0.25")}},
	"HU": {{rate: mustRate("0.27")}},
	"IE": {{rate: mustRate("0.23")}, {mustRate("0.21"), midnight(2020, time.September, 1, 1)}, {mustRate("0.23"), midnight(2021, time.March, 1, 0)}},
	"IT": {{rate: mustRate("0.22")}},
	"LT": {{rate: mustRate("0.21")}},
	"LU": {{rate: mustRate("0.17")}, {mustRate("0.16"), midnight(2023, time.January, 1, 1)}, {mustRate("0.17"), midnight(2024, time.January, 1, 1)}},
	"LV": {{rate: mustRate("0.21")}},
	"MT": {{rate: mustRate("0.18")}},
	"NL": {{rate: mustRate("0.21")}},
	"PL": {{rate: mustRate("0.23")}},
	"PT": {{rate: mustRate("0.23")}},
	"RO": {{rate: mustRate("0.19")}, {mustRate("0.21"), midnight(2025, time.August, 1, 3)}},
	"SE": {{rate: mustRate("0.25")}},
	"SI": {{rate: mustRate("0.22")}},
	"SK": {{rate: mustRate("0.20")}, {mustRate("0.23"), midnight(2025, time.January, 1, 1)}},
	"XI": {{rate: mustRate("0.20")}},
}

// StandardVAT is the built-in standard rate of a member state at an instant. Country
// is a code of ISO 3166, or XI. It is false for a country outside of the Union.
func StandardVAT(country string, at time.Time) (money.Rate, bool) {
	var rate money.Rate
	list, ok := standard[country]
	for _, s := range list {
		if !at.Before(s.from) {
			rate = s.rate
		}
	}
	return rate, ok
}

// IsEU reports whether a country (ISO 3166) is a member state of the European Union.
func IsEU(country string) bool {
	_, ok := standard[country]
	return ok && country != "XI"
}

// outsideVAT are the beginnings of the postal codes of areas that belong to a member
// state and lie outside of the VAT area (Directive 2006/112/EC, Article 6): Büsingen
// and Heligoland; the Canary Islands, Ceuta and Melilla; Åland; the French overseas
// departments and territories; Mount Athos; Livigno and Campione.
var outsideVAT = map[string][]string{
	"DE": {"78266", "27498"},
	"ES": {"35", "38", "51", "52"},
	"FI": {"22"},
	"FR": {"97", "986", "987", "988"},
	"GR": {"63086"},
	"IT": {"23041", "22061"},
}

// vatCountry is the country as which a country counts for value added tax.
func vatCountry(country string) string {
	switch country {
	case "MC":
		return "FR"
	case "IM":
		return "GB"
	}
	return country
}

// vatArea is the member state whose value added tax a place has, or "" for a place
// outside of the VAT area. For goods Northern Ireland is inside.
func vatArea(p Place, kind Supply) string {
	country := vatCountry(p.Country)
	if country == "GB" && kind == Goods && strings.HasPrefix(p.PostalCode, "BT") {
		return "XI"
	}
	if !IsEU(country) {
		return ""
	}
	for _, begin := range outsideVAT[p.Country] {
		if strings.HasPrefix(p.PostalCode, begin) {
			return ""
		}
	}
	return country
}
