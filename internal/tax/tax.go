package tax

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/clock"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Scheme is the set of rules by which a profile finds its rates.
type Scheme string

// The schemes; the package comment says what each does.
const (
	Manual   Scheme = "manual"    // the merchant's rules alone
	EUVAT    Scheme = "eu_vat"    // value added tax of the European Union
	USCanada Scheme = "us_canada" // sales taxes by state and province, several at once
)

// Known reports whether s is a scheme.
func (s Scheme) Known() bool { return s == Manual || s == EUVAT || s == USCanada }

// State says whether a thing may be chosen for something new.
type State string

// The states of a profile and of a shipping rule.
const (
	Active   State = "active"
	Archived State = "archived" // not chosen any more; kept for those who have it
)

// Known reports whether s is a state.
func (s State) Known() bool { return s == Active || s == Archived }

// Profile is a way to tax sales. A subscription keeps the profile that it began with.
type Profile struct {
	ID            id.TaxProfile
	Account       id.Account
	Name          string // for the merchant; buyers do not see it
	Kind          Scheme
	Inclusive     bool   // prices hold the tax
	ShippingTaxed bool   // the cost of shipping is taxed like what is sent
	SellerCountry string // two letters of ISO 3166; needed but for manual
	SellerRegion  string // ISO 3166-2 without the country, for example "ON"; may be empty
	State         State
	CreatedAt     time.Time
	Version       int64
}

// Rule is a rate in a place and a time.
type Rule struct {
	ID         id.TaxRule
	Account    id.Account
	Profile    id.TaxProfile
	Name       string // as printed, for example "VAT" or "GST"
	Country    string // two letters of ISO 3166; "" see the package comment
	Region     string // ISO 3166-2 without the country; "" for the whole country
	PostalCode string // may end in * for all that begin so; "" for the whole region
	Rate       money.Rate
	From       time.Time // included; zero means always
	To         time.Time // excluded; zero means open
	CreatedAt  time.Time
}

// Limits of profiles and rules.
const (
	MaxRules = 5_000 // in one profile
	maxName  = 200
	maxPrint = 40 // bytes of a name that stands on a document
	maxPlace = 40 // bytes of a region or postal code
)

// full is a rate of 100 per cent, the most that a rule may have.
var full = mustRate("1")

func mustRate(s string) money.Rate {
	r, err := money.ParseRate(s)
	if err != nil {
		panic("tax: " + err.Error()) // a table of this package is wrong
	}
	return r
}

func checkName(f *fault.Fields, field, s string, most int) {
	switch {
	case strings.TrimSpace(s) == "":
		f.Bad(field, "must not be empty")
	case len(s) > most:
		f.Bad(field, "must be at most %d bytes", most)
	case !plain(s):
		f.Bad(field, "must be plain text without control characters")
	case cardnumber.In(s):
		f.Bad(field, "must not hold a card number")
	}
}

// plain reports whether s is text on one line.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029
	})
}

// Normal is the profile with its seller's place spelt as Place.Normal spells it.
func (p Profile) Normal() Profile {
	place := Place{Country: p.SellerCountry, Region: p.SellerRegion}.Normal()
	p.SellerCountry, p.SellerRegion = place.Country, place.Region
	return p
}

// Check refuses a profile that cannot be (fault.Invalid). It expects the spelling of
// Normal.
func (p Profile) Check() error {
	var f fault.Fields
	checkName(&f, "name", p.Name, maxName)
	f.Check(p.Kind.Known(), "kind", "must be manual, eu_vat or us_canada")
	f.Check(p.State.Known(), "state", "must be active or archived")
	f.Check(p.SellerCountry == "" || isCountry(p.SellerCountry), "seller_country", "must be a country code of two letters, for example DE")
	f.Check(p.SellerCountry != "" || p.Kind == Manual, "seller_country", "must be given for this kind of profile")
	f.Check(p.SellerRegion == "" || p.SellerCountry != "", "seller_region", "must be empty when there is no country")
	f.Check(isPlaceText(p.SellerRegion), "seller_region", "must be at most %d bytes of plain text", maxPlace)
	return f.Err()
}

// ForShipping is the decision about a shipping charge, given the decision about what
// is sent.
func (p Profile) ForShipping(sent Decision) Decision {
	if !p.ShippingTaxed && sent.Reason == Taxed {
		sent.Reason, sent.Note, sent.Rates = NotTaxed, "", nil
	}
	return sent
}

// place is where the rule holds.
func (r Rule) place() Place {
	return Place{Country: r.Country, Region: r.Region, PostalCode: r.PostalCode}
}

// Normal is the rule with its place spelt as Place.Normal spells it.
func (r Rule) Normal() Rule {
	code, prefix := strings.CutSuffix(strings.TrimSpace(r.PostalCode), "*")
	p := Place{Country: r.Country, Region: r.Region, PostalCode: code}
	if prefix {
		p.PostalCode = strings.TrimSuffix(normalCode(code), "*") + "*"
		r.Country, r.Region = p.Normal().Country, p.Normal().Region
		r.PostalCode = p.PostalCode
		return r
	}
	p = p.Normal()
	r.Country, r.Region, r.PostalCode = p.Country, p.Region, p.PostalCode
	return r
}

// holds reports whether the rule is in force at an instant.
func (r Rule) holds(at time.Time) bool {
	return !at.Before(r.From) && (r.To.IsZero() || at.Before(r.To))
}

// overlaps reports whether some instant has both rules in force.
func (r Rule) overlaps(o Rule) bool {
	return (r.To.IsZero() || o.From.Before(r.To)) && (o.To.IsZero() || r.From.Before(o.To))
}

// Check refuses a rule that cannot be (fault.Invalid). It expects the spelling of
// Normal.
func (r Rule) Check() error {
	var f fault.Fields
	checkName(&f, "name", r.Name, maxPrint)
	checkPlace(&f, r.place(), true)
	f.Check(r.Rate.Sign() >= 0 && r.Rate.Cmp(full) <= 0, "rate", "must be a decimal from 0 to 1, for example 0.19")
	f.Check(r.To.IsZero() || r.From.Before(r.To), "to", "must be later than from")
	f.Check(r.From.IsZero() || inRange(r.From), "from", "must be between 1970 and 2199")
	f.Check(r.To.IsZero() || inRange(r.To), "to", "must be between 1970 and 2199")
	return f.Err()
}

var lastInstant = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// inRange keeps instants in the years that the product counts in; the first instant of
// 1970 is how storage spells no time, and is refused.
func inRange(t time.Time) bool { return t.After(clock.Earliest) && t.Before(lastInstant) }

// CheckRules refuses a set of rules for a profile: one that cannot be, too many, and
// two that would tie (fault.Invalid, with the fields rules.N.…). It expects the
// spelling of Normal. In a us_canada profile rules tie only when their names are the
// same but for case, because taxes of different names add up.
func CheckRules(p Profile, rules []Rule) error {
	if len(rules) > MaxRules {
		return fault.BadField("rules", "must be at most %d", MaxRules)
	}
	var f fault.Fields
	groups := map[string][]int{}
	for i, r := range rules {
		at := "rules." + itoa(i)
		if err := r.Check(); err != nil {
			for _, field := range fault.As(err).Fields {
				f.Bad(at+"."+field.Name, "%s", field.Message)
			}
			continue
		}
		key := r.Country + "\x00" + r.Region + "\x00" + r.PostalCode
		if p.Kind == USCanada {
			key += "\x00" + fold(r.Name)
		}
		groups[key] = append(groups[key], i)
	}
	for _, group := range groups {
		slices.SortStableFunc(group, func(a, b int) int { return rules[a].From.Compare(rules[b].From) })
		for n := 1; n < len(group); n++ {
			if rules[group[n-1]].overlaps(rules[group[n]]) {
				first, second := min(group[n-1], group[n]), max(group[n-1], group[n])
				f.Bad("rules."+itoa(second), "holds in the same place and time as rule %d; give them dates that do not overlap", first)
			}
		}
	}
	return f.Err()
}

// fold makes names that differ in case or outer spaces equal.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
