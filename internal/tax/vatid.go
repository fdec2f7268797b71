package tax

import (
	"context"
	"strings"

	"perennial/internal/fault"
)

// IDState is what is known of a tax number beyond its form.
type IDState string

// The states of a tax number.
const (
	NoID        IDState = ""            // there is no number
	Unchecked   IDState = "unchecked"   // form and check digits hold; no register was asked, or none can be
	Valid       IDState = "valid"       // the register knows it
	Invalid     IDState = "invalid"     // the register does not know it
	Unavailable IDState = "unavailable" // the register could not be asked; it was never seen valid or invalid
)

// Known reports whether s is a state.
func (s IDState) Known() bool {
	return s == NoID || s == Unchecked || s == Valid || s == Invalid || s == Unavailable
}

// After is the state of a number that had state s when a check answered answer. An
// outage changes nothing that was known: valid stays valid and invalid stays invalid.
// A number that was changed begins at Unchecked.
func (s IDState) After(answer IDState) IDState {
	switch {
	case answer == Valid || answer == Invalid:
		return answer
	case answer == Unavailable && (s == NoID || s == Unchecked):
		return Unavailable
	}
	return s
}

// Checker asks a register whether it knows a tax number. The number is spelt as
// CheckID returns it and country is as for CheckID. The state is Valid, Invalid,
// Unavailable for any outage, or Unchecked when the register does not have numbers of
// that country. Name is the holder's as registered, "" when it is not told. The error
// says why a number is Unavailable, for the log; the state holds in any case. A call
// takes seconds and is never made inside a transaction.
type Checker interface {
	Check(ctx context.Context, country, id string) (state IDState, name string, err error)
}

// SandboxChecker answers for sandbox accounts without a network. Like the register
// of the European Union it has numbers of the member states and XI alone. The first three
// digits of the number decide: 404 is not registered, 503 cannot be asked, all others
// are valid and belong to "Sandbox Company". Numbers with good check digits are, for
// example, valid DE123456788, NL123456782B01, IE1234567FA; invalid DE404000007,
// IT40400000176; unavailable DE503000004, IT50300000176.
type SandboxChecker struct{}

// Check answers by the number alone.
func (SandboxChecker) Check(_ context.Context, country, id string) (IDState, string, error) {
	normal, err := CheckID(country, id)
	if err != nil {
		return Invalid, "", nil
	}
	if idArea(normal) == "" {
		return Unchecked, "", nil
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, normal)
	switch {
	case strings.HasPrefix(digits, "404"):
		return Invalid, "", nil
	case strings.HasPrefix(digits, "503"):
		return Unavailable, "", fault.New(fault.Unavailable, "the sandbox register is out of reach for this number")
	}
	return Valid, "Sandbox Company", nil
}

// idArea is the member state (ISO 3166) whose form a tax number as CheckID returns it
// has, XI for Northern Ireland, "" for all others.
func idArea(normal string) string {
	if len(normal) < 4 {
		return ""
	}
	country := normal[:2]
	switch {
	case country == "EL":
		country = "GR"
	case country == "GR", country != "XI" && !IsEU(country):
		return ""
	}
	if _, ok := forms[country].check(normal[2:]); !ok {
		return ""
	}
	return country
}

// EUNumber splits a number as CheckID returns it into the prefix and the rest that
// the register of the European Union asks for: "EL", "094014201". It is false for
// numbers that are not in that register.
func EUNumber(normal string) (prefix, number string, ok bool) {
	if idArea(normal) == "" {
		return "", "", false
	}
	return normal[:2], normal[2:], true
}

// MaxID is the most bytes that a tax number may have, as it is typed.
const MaxID = 40

// form is how the tax numbers of one country are checked.
type form struct {
	prefix  string // in front of the number, put there if missing; "" for none
	example string // for the refusal; its digits are made up or published by authorities
	// check tells whether number, without prefix and separators, is one, and how it is
	// spelt.
	check func(number string) (normal string, ok bool)
}

// CheckID reads the tax number of a buyer or seller in a country (ISO 3166; GR and EL
// are the same) and tells its normal spelling: upper case, without spaces, dots and
// dashes, with the country's prefix where numbers carry one (all of the European
// Union, XI, GB). Form and check digits are checked for the European Union, XI, GB,
// CH, NO, AU and CA, and the form for US. Numbers of other countries are accepted as
// printed, with outer spaces removed. Wherever forms are checked, a number of a member
// state with its prefix is accepted too, because a business may be registered
// elsewhere; in MC numbers are French. It is refused with fault.Invalid.
func CheckID(country, id string) (string, error) {
	country = strings.ToUpper(strings.TrimSpace(country))
	id = strings.TrimSpace(id)
	if id == "" || len(id) > MaxID || !plain(id) {
		return "", fault.BadField("tax_id", "must be 1 to %d bytes of plain text", MaxID)
	}
	switch country {
	case "EL":
		country = "GR"
	case "UK", "IM":
		country = "GB"
	case "MC":
		country = "FR"
	}
	number := compact(id)
	f, ok := forms[country]
	if !ok {
		return id, nil
	}
	if country == "GR" {
		number = strings.TrimPrefix(number, "GR")
	}
	if rest, found := strings.CutPrefix(number, f.prefix); found {
		if normal, ok := f.check(rest); ok {
			return f.prefix + normal, nil
		}
	}
	if idArea(number) != "" { // a business may be registered in another member state than it lives in
		return number, nil
	}
	if normal, ok := f.check(number); ok {
		return f.prefix + normal, nil
	}
	return "", fault.BadField("tax_id", "is not a tax number of %s, which looks like %s; look for a mistyped character", country, f.example)
}

// compact is what people type without what they type for the eye, in upper case.
func compact(id string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '.', '-', '/', ',', ':', '\u00a0', '\u2011', '\u2013':
			return -1
		}
		return r
	}, strings.ToUpper(id))
}

// forms is by country of ISO 3166, and XI.
var forms = map[string]form{
	"AT": {"AT", "ATU12345675", austria},
	"BE": {"BE", "BE0123456749", belgium},
	"BG": {"BG", "BG123456786", bulgaria},
	"CY": {"CY", "CY01234567U", cyprus},
	"CZ": {"CZ", "CZ12345679", czechia},
	"DE": {"DE", "DE123456788", digits(9, func(d []int) bool { return d[0] > 0 && mod1110(d) })},
	"DK": {"DK", "DK12345674", digits(8, func(d []int) bool { return d[0] > 0 && weighted(d, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0 })},
	"EE": {"EE", "EE123456780", digits(9, func(d []int) bool { return weighted(d, 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0 })},
	"ES": {"ES", "ESB12345674", spain},
	"FI": {"FI", "FI12345671", digits(8, func(d []int) bool { return weighted(d, 7, 9, 10, 5, 8, 4, 2, 1)%11 == 0 })},
	"FR": {"FR", "FR11123456782", france},
	"GR": {"EL", "EL123456783", digits(9, func(d []int) bool { return weighted(d[:8], 256, 128, 64, 32, 16, 8, 4, 2)%11%10 == d[8] })},
	"HR": {"HR", "HR12345678903", digits(11, mod1110)},
	"HU": {"HU", "HU12345676", digits(8, func(d []int) bool { return weighted(d, 9, 7, 3, 1, 9, 7, 3, 1)%10 == 0 })},
	"IE": {"IE", "IE1234567FA", ireland},
	"IT": {"IT", "IT12345670017", digits(11, italy)},
	"LT": {"LT", "LT123456715", lithuania},
	"LU": {"LU", "LU12345613", digits(8, func(d []int) bool { return decimal(d[:6])%89 == decimal(d[6:]) })},
	"LV": {"LV", "LV41234567891", digits(11, latvia)},
	"MT": {"MT", "MT12345634", digits(8, func(d []int) bool { return d[0] > 0 && weighted(d, 3, 4, 6, 7, 8, 9, 10, 1)%37 == 0 })},
	"NL": {"NL", "NL123456782B01", netherlands},
	"PL": {"PL", "PL1234567883", digits(10, func(d []int) bool { return weighted(d[:9], 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == d[9] })},
	"PT": {"PT", "PT123456789", digits(9, func(d []int) bool { return d[0] > 0 && elevenLess(weighted(d[:8], 9, 8, 7, 6, 5, 4, 3, 2))%10 == d[8] })},
	"RO": {"RO", "RO1234567897", romania},
	"SE": {"SE", "SE123456789701", sweden},
	"SI": {"SI", "SI12345679", digits(8, func(d []int) bool { return d[0] > 0 && slovenia(d) })},
	"SK": {"SK", "SK1234567884", digits(10, func(d []int) bool {
		return d[0] > 0 && decimal(d)%11 == 0
	})},
	"XI": {"XI", "XI123456727", britain},
	"GB": {"GB", "GB123456727", britain},
	"CH": {"", "CHE-123.456.788 MWST", switzerland},
	"NO": {"", "923609016 MVA", norway},
	"AU": {"", "51 824 753 556", digits(11, australia)},
	"CA": {"", "123456782 RT0001", canada},
	"US": {"", "12-3456789", unitedStates},
}
