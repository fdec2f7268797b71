package tax

import (
	"strings"
	"time"

	"perennial/internal/money"
)

// provinceNames are the English names of Canada's provinces and territories, upper case.
var provinceNames = map[string]string{
	"ALBERTA": "AB", "BRITISH COLUMBIA": "BC", "MANITOBA": "MB", "NEW BRUNSWICK": "NB", "NEWFOUNDLAND AND LABRADOR": "NL",
	"NEWFOUNDLAND": "NL", "NOVA SCOTIA": "NS", "NORTHWEST TERRITORIES": "NT", "NUNAVUT": "NU", "ONTARIO": "ON",
	"PRINCE EDWARD ISLAND": "PE", "QUEBEC": "QC", "QUÉBEC": "QC", "SASKATCHEWAN": "SK", "YUKON": "YT",
}

// provinceLetters are the first letters of postal codes. X is shared by the Northwest
// Territories and Nunavut, which has X0A to X0C.
var provinceLetters = map[byte]string{
	'A': "NL", 'B': "NS", 'C': "PE", 'E': "NB", 'G': "QC", 'H': "QC", 'J': "QC", 'K': "ON", 'L': "ON", 'M': "ON", 'N': "ON",
	'P': "ON", 'R': "MB", 'S': "SK", 'T': "AB", 'V': "BC", 'X': "NT", 'Y': "YT",
}

// province is the place with its province told by the postal code where it has none.
func province(p Place) Place {
	if p.Country != "CA" || p.Region != "" || p.PostalCode == "" {
		return p
	}
	p.Region = provinceLetters[p.PostalCode[0]]
	for _, begin := range []string{"X0A", "X0B", "X0C"} {
		if strings.HasPrefix(p.PostalCode, begin) {
			p.Region = "NU"
		}
	}
	return p
}

// canadian is a built-in tax of provinces from an instant on; zero means always.
type canadian struct {
	name string
	rate money.Rate
	from time.Time
}

// GST, HST, QST and the sales taxes of provinces as they were known in January 2026;
// the operator must check them. The table begins with what held in 2020.
// Nova Scotia lowered HST from 15 to 14 per cent on 2025-04-01.
var (
	gst     = canadian{name: "GST", rate: mustRate("0.05")}
	hst15   = canadian{name: "HST", rate: mustRate("0.15")}
	canada0 = []canadian{gst} // of a province that is not known

	provinces = map[string][]canadian{
		"AB": {gst}, "NT": {gst}, "NU": {gst}, "YT": {gst},
		"BC": {gst, {name: "PST", rate: mustRate("0.07")}},
		"MB": {gst, {name: "RST", rate: mustRate("0.07")}},
		"SK": {gst, {name: "PST", rate: mustRate("0.06")}},
		"QC": {gst, {name: "QST", rate: mustRate("0.09975")}},
		"ON": {{name: "HST", rate: mustRate("0.13")}},
		"NB": {hst15}, "NL": {hst15}, "PE": {hst15},
		"NS": {hst15, {name: "HST", rate: mustRate("0.14"), from: midnight(2025, time.April, 1, -3)}},
	}
)

// canadianAt are the built-in taxes of a place in Canada at an instant.
func canadianAt(p Place, at time.Time) []Applied {
	list, ok := provinces[p.Region]
	if !ok {
		list = canada0
	}
	var out []Applied
	for _, c := range list {
		if at.Before(c.from) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Name == c.name { // a later rate of the same tax
			out[n-1].Rate = c.rate
			continue
		}
		out = append(out, Applied{Name: c.name, Rate: c.rate})
	}
	return out
}

// midnight is the first instant of a day where clocks are hours ahead of UTC.
func midnight(year int, month time.Month, day, hours int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Add(-time.Duration(hours) * time.Hour)
}
