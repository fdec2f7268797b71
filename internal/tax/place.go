package tax

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"perennial/internal/fault"
)

// Place is where somebody is, or a part of the world that a rule names.
type Place struct {
	Country    string // two letters of ISO 3166, upper case; Greece is GR
	Region     string // ISO 3166-2 without the country: "ON", "CA"; upper case
	PostalCode string // upper case, without spaces and dashes
}

func itoa(n int) string { return strconv.Itoa(n) }

// Normal is the place in the spelling in which places are compared: upper case, a
// country in front of the region dropped ("CA-ON" is ON), names of Canadian provinces
// as their codes, postal codes without spaces and dashes, and those of the United
// States cut to five digits. EL is read as GR and UK as GB.
func (p Place) Normal() Place {
	p.Country = strings.ToUpper(strings.TrimSpace(p.Country))
	switch p.Country {
	case "EL":
		p.Country = "GR"
	case "UK":
		p.Country = "GB"
	}
	p.Region = strings.ToUpper(strings.TrimSpace(p.Region))
	if p.Country != "" {
		p.Region = strings.TrimPrefix(p.Region, p.Country+"-")
	}
	p.PostalCode = normalCode(p.PostalCode)
	switch {
	case p.Country == "US" && len(p.PostalCode) == 9:
		p.PostalCode = p.PostalCode[:5]
	case p.Country == "CA":
		if code, ok := provinceNames[p.Region]; ok {
			p.Region = code
		}
	}
	return p
}

// normalCode drops what people put into postal codes for the eye.
func normalCode(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\u00a0', '\u2011', '\u2013':
			return -1
		}
		return r
	}, strings.ToUpper(strings.TrimSpace(s)))
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

func isPlaceText(s string) bool { return len(s) <= maxPlace && plain(s) }

// checkPlace refuses a place that a rule cannot name.
func checkPlace(f *fault.Fields, p Place, prefix bool) {
	f.Check(p.Country == "" || isCountry(p.Country), "country", "must be a country code of two letters, for example DE, or empty")
	f.Check(p.Region == "" || p.Country != "", "region", "must be empty when there is no country")
	f.Check(p.PostalCode == "" || p.Country != "", "postal_code", "must be empty when there is no country")
	f.Check(isPlaceText(p.Region), "region", "must be at most %d bytes of plain text", maxPlace)
	f.Check(isPlaceText(p.PostalCode), "postal_code", "must be at most %d bytes of plain text", maxPlace)
	star := strings.IndexByte(p.PostalCode, '*')
	f.Check(star < 0 || prefix && star > 0 && star == len(p.PostalCode)-1, "postal_code", "may have one * at its end, after what the codes begin with")
}

// noMatch and everywhere are results of specificity; everything above names a country.
const (
	noMatch    = -2
	everywhere = -1
	exactCode  = 1_000
)

// specificity is how narrow a part of the world is that holds a place: noMatch when
// it does not hold it, everywhere for one without a country, 0 for a country, and
// more for each thing that it names besides.
func specificity(part, at Place) int {
	if part.Country == "" {
		return everywhere
	}
	if part.Country != at.Country || part.Region != "" && part.Region != at.Region {
		return noMatch
	}
	score := 0
	if part.Region != "" {
		score = 1
	}
	if part.PostalCode == "" {
		return score
	}
	if begin, ok := strings.CutSuffix(part.PostalCode, "*"); ok {
		if !strings.HasPrefix(at.PostalCode, begin) {
			return noMatch
		}
		return score + 2*utf8.RuneCountInString(begin)
	}
	if part.PostalCode != at.PostalCode {
		return noMatch
	}
	return score + 2*exactCode
}
