package tax

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"perennial/internal/fault"
	"perennial/internal/money"
)

// Supply is the kind of thing that is sold, which decides where it is taxed. It is
// spelt as the catalog spells it.
type Supply string

// The kinds of supply.
const (
	Digital Supply = ""        // an electronic service: where the buyer is
	Goods   Supply = "goods"   // where they are sent to
	Service Supply = "service" // where the seller is
	Untaxed Supply = "untaxed" // nowhere
)

// Buyer is what is known of the one who buys. Unknown things are left empty.
type Buyer struct {
	Billing     Place
	Shipping    Place
	IPCountry   string  // country of the internet address, two letters
	CardCountry string  // country of the card's issuer, two letters
	TaxID       string  // as CheckID returned it
	TaxIDState  IDState // what is known of TaxID
	Company     bool    // buys as a business, whether or not there is a tax number
	Exempt      string  // why no tax is charged, as printed; "" for not exempt
}

// Reason says why a decision has the rates that it has.
type Reason string

// The reasons.
const (
	Taxed         Reason = "taxed"          // Rates apply
	Exempt        Reason = "exempt"         // the buyer is exempt
	ReverseCharge Reason = "reverse_charge" // the buyer owes the tax
	Outside       Reason = "outside"        // the place lies outside of the scheme
	NoRule        Reason = "no_rule"        // no rule names the place at that time
	NotTaxed      Reason = "untaxed"        // the supply is not taxed
)

// The codes of sentences that a document must print with a decision.
const (
	NoteReverseCharge  = "reverse_charge"  // the buyer owes the tax
	NoteIntraCommunity = "intra_community" // exempt supply of goods between member states
	NoteExport         = "export"          // goods that leave the VAT area
	NoteExempt         = "exempt"          // followed by Buyer.Exempt
)

// Applied is one tax of a decision.
type Applied struct {
	Name string // as printed
	Rate money.Rate
}

// Decision is which taxes a sale carries and why.
type Decision struct {
	Rates     []Applied // for Taxed at least one, which add up; else none
	Inclusive bool      // prices hold the tax
	Reason    Reason
	Note      string // the code of a sentence to print, "" for none
	// Evidence names the pieces that told the place, for example "billing:DE" and
	// "ip:DE".
	Evidence []string
	// EvidenceOK is false when the scheme wants two pieces of evidence that do not
	// contradict and has fewer.
	EvidenceOK bool
	Place      Place // where the sale is taxed; empty when it is not known
}

// Rate is the sum of the rates; zero when no tax is charged.
func (d Decision) Rate() money.Rate {
	var sum int64
	for _, a := range d.Rates {
		sum += scaled(a.Rate)
	}
	return unscaled(sum)
}

// Name is the names of the taxes as printed on one line: "GST + PST".
func (d Decision) Name() string {
	var s string
	for i, a := range d.Rates {
		if i > 0 {
			s += " + "
		}
		s += a.Name
	}
	return s
}

// Resolve decides the taxes of a sale at an instant: which rates of the profile's
// rules (those of other profiles are passed over) or of the built-in tables a buyer
// pays for a kind of supply. It looks at its arguments alone; the package comment
// gives the rules.
func Resolve(p Profile, rules []Rule, b Buyer, kind Supply, at time.Time) Decision {
	p, b = p.Normal(), b.normal()
	d := Decision{Inclusive: p.Inclusive, EvidenceOK: true}
	if kind == Untaxed {
		d.Reason = NotTaxed
		return d
	}
	d.locate(p, b, kind)
	if b.Exempt != "" {
		d.Reason, d.Note = Exempt, NoteExempt
		return d
	}
	switch p.Kind {
	case EUVAT:
		d.europe(p, rules, b, kind, at)
	case USCanada:
		d.charge(northAmerica(p, matching(p, rules, d.Place, at), d.Place, at), NoRule)
	default:
		d.charge(first(matching(p, rules, d.Place, at)), NoRule)
	}
	return d
}

func (b Buyer) normal() Buyer {
	b.Billing, b.Shipping = b.Billing.Normal(), b.Shipping.Normal()
	b.IPCountry = Place{Country: b.IPCountry}.Normal().Country
	b.CardCountry = Place{Country: b.CardCountry}.Normal().Country
	return b
}

// charge makes a decision to charge rates, or gives a reason when there are none. Of
// several rates those of 0 are dropped, unless all are.
func (d *Decision) charge(rates []Applied, none Reason) {
	if len(rates) == 0 {
		d.Reason = none
		return
	}
	if slices.ContainsFunc(rates, func(a Applied) bool { return !a.Rate.IsZero() }) {
		rates = slices.DeleteFunc(rates, func(a Applied) bool { return a.Rate.IsZero() })
	}
	d.Reason, d.Rates = Taxed, rates
}

// locate finds where the sale is taxed.
func (d *Decision) locate(p Profile, b Buyer, kind Supply) {
	switch {
	case kind == Service:
		d.Place = Place{Country: p.SellerCountry, Region: p.SellerRegion}
		d.Evidence = []string{"seller:" + p.SellerCountry}
	case kind == Goods:
		d.nearest(piece{"shipping", b.Shipping}, piece{"billing", b.Billing}, piece{"ip", Place{Country: b.IPCountry}})
	case p.Kind == EUVAT:
		d.evidence(p, b)
	default:
		d.nearest(piece{"billing", b.Billing}, piece{"shipping", b.Shipping}, piece{"ip", Place{Country: b.IPCountry}}, piece{"card", Place{Country: b.CardCountry}})
	}
	d.Place = province(d.Place)
}

// piece is something that tells a place, and what it is.
type piece struct {
	name  string
	place Place
}

// nearest takes the first piece that names a country.
func (d *Decision) nearest(list ...piece) {
	for _, c := range list {
		if c.place.Country != "" {
			d.Place, d.Evidence = c.place, []string{c.name + ":" + c.place.Country}
			return
		}
	}
}

// evidence takes the country that most pieces name, the earlier piece's of equals.
func (d *Decision) evidence(p Profile, b Buyer) {
	list := slices.DeleteFunc([]piece{{"billing", b.Billing}, {"ip", Place{Country: b.IPCountry}}, {"card", Place{Country: b.CardCountry}}, {"shipping", b.Shipping}},
		func(c piece) bool { return c.place.Country == "" })
	if len(list) == 0 {
		d.EvidenceOK = false
		return
	}
	country, most := "", 0
	for _, c := range list {
		n := 0
		for _, o := range list {
			if vatCountry(o.place.Country) == vatCountry(c.place.Country) {
				n++
			}
		}
		if n > most {
			country, most = vatCountry(c.place.Country), n
		}
	}
	d.EvidenceOK = most >= 2
	for _, c := range list {
		if vatCountry(c.place.Country) != country {
			continue
		}
		d.Evidence = append(d.Evidence, c.name+":"+c.place.Country)
		if d.Place.Country == "" || d.Place.Region == "" && d.Place.PostalCode == "" {
			d.Place = c.place // an address says more than a country
		}
	}
}

// match is a rule that holds a place, and how narrowly.
type match struct {
	rule  *Rule
	score int
}

// matching are the profile's rules that are in force and hold a place, the most
// specific first and of equals the first made.
func matching(p Profile, rules []Rule, at Place, now time.Time) []match {
	var list []match
	for i := range rules {
		r := &rules[i]
		if r.Profile != p.ID || !r.holds(now) {
			continue
		}
		if score := specificity(r.place(), at); score != noMatch {
			list = append(list, match{r, score})
		}
	}
	slices.SortStableFunc(list, func(a, b match) int {
		if a.score != b.score {
			return b.score - a.score
		}
		return int(min(max(a.rule.ID-b.rule.ID, -1), 1))
	})
	return list
}

// first is the most specific rule alone.
func first(in []match) []Applied {
	if len(in) == 0 {
		return nil
	}
	return []Applied{{in[0].rule.Name, in[0].rule.Rate}}
}

// northAmerica is the most specific rule of each name, over the built-in taxes. Rules
// without a country count where nothing else does.
func northAmerica(p Profile, in []match, at Place, now time.Time) []Applied {
	var builtIn []Applied
	if at.Country == "CA" && p.SellerCountry == "CA" {
		builtIn = canadianAt(at, now)
	}
	var own []Applied
	same := func(list []Applied, name string) int {
		return slices.IndexFunc(list, func(a Applied) bool { return fold(a.Name) == fold(name) })
	}
	for _, m := range in {
		if m.score == everywhere && (len(builtIn) > 0 || in[0].score > everywhere) {
			break
		}
		if same(own, m.rule.Name) < 0 {
			own = append(own, Applied{m.rule.Name, m.rule.Rate})
		}
	}
	for _, a := range own {
		if same(builtIn, a.Name) < 0 { // a tax that the table does not know here: the merchant's rules stand alone
			return byPlace(own)
		}
	}
	for _, a := range own {
		builtIn[same(builtIn, a.Name)] = a
	}
	return builtIn
}

// byPlace orders taxes from the widest place to the narrowest, as they are printed:
// GST before PST, state before city.
func byPlace(list []Applied) []Applied {
	slices.Reverse(list)
	return list
}

// europe decides under the rules of the European Union.
func (d *Decision) europe(p Profile, rules []Rule, b Buyer, kind Supply, at time.Time) {
	in := matching(p, rules, d.Place, at)
	if d.Place.Country == "" { // nothing is known of where the buyer is
		if len(in) > 0 {
			d.charge(first(in), NoRule)
			return
		}
		d.Place = Place{Country: p.SellerCountry, Region: p.SellerRegion}
		in = matching(p, rules, d.Place, at)
	}
	in = slices.DeleteFunc(in, func(m match) bool { return m.score == everywhere }) // they are for unknown places alone
	home, area := vatArea(Place{Country: p.SellerCountry}, Digital), vatArea(d.Place, kind)
	switch {
	case d.reverse(b, kind, home, area):
	case kind == Service && b.Company && b.Billing.Country != "" && vatArea(b.Billing, kind) == "":
		d.Reason, d.Place, d.Evidence = Outside, b.Billing, []string{"billing:" + b.Billing.Country}
	case len(in) > 0:
		d.charge(first(in), NoRule)
	case area == "":
		d.Reason = Outside
		if kind == Goods && home != "" {
			d.Note = NoteExport
		}
	default:
		rate, _ := StandardVAT(area, at)
		d.charge([]Applied{{"VAT", rate}}, NoRule)
	}
}

// reverse makes a decision not to charge a business in another member state, and
// reports whether it did.
func (d *Decision) reverse(b Buyer, kind Supply, home, area string) bool {
	if b.TaxIDState != Valid || area == "" {
		return false
	}
	switch registered := idArea(b.TaxID); {
	case registered == "", registered == home:
		return false
	case registered == "XI" && kind != Goods: // a number of Northern Ireland is one of the Union for goods alone
		return false
	case kind != Service && area == home: // a service is placed at the seller, whoever buys
		return false
	}
	d.Reason, d.Note = ReverseCharge, NoteReverseCharge
	if kind == Goods && home != "" {
		d.Note = NoteIntraCommunity
	}
	return true
}

// Apply computes the taxes of one line: net and tax without, total with them, and tax
// in the order of d.Rates (empty when none are charged). When prices are inclusive
// amount is the total, else the net. The tax is rounded half up once, at the sum of
// the rates, and shared by them in proportion; net + tax is always total. The amount
// may be negative. A result beyond money.MaxMinor is refused.
func Apply(d Decision, amount money.Amount) (net money.Amount, tax []money.Amount, total money.Amount, err error) {
	if len(d.Rates) == 0 {
		return amount, nil, amount, nil
	}
	weights := make([]int64, len(d.Rates))
	for i, a := range d.Rates {
		if a.Rate.Sign() < 0 {
			return net, nil, total, fault.New(fault.Invalid, "a tax rate cannot be negative")
		}
		weights[i] = scaled(a.Rate)
	}
	rate := d.Rate()
	if rate.IsZero() {
		tax = make([]money.Amount, len(d.Rates))
		for i := range tax {
			tax[i] = money.Zero(amount.Currency)
		}
		return amount, tax, amount, nil
	}
	var sum money.Amount
	if d.Inclusive {
		sum, err = amount.RateWithin(rate, money.HalfUp)
	} else {
		sum, err = amount.MulRate(rate, money.HalfUp)
	}
	if err != nil {
		return net, nil, total, err
	}
	if tax, err = sum.Allocate(weights); err != nil {
		return net, nil, total, err
	}
	net, total = amount, amount
	if d.Inclusive {
		net, err = amount.Sub(sum)
	} else {
		total, err = amount.Add(sum)
	}
	return net, tax, total, err
}

// rateDecimals is the most decimals that a rate has.
const rateDecimals = 12

// scaled is a rate as a whole number of 10^-12.
func scaled(r money.Rate) int64 {
	var n int64
	decimals := -1 // -1 until the point
	text := r.String()
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '.':
			decimals = 0
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
			if decimals >= 0 {
				decimals++
			}
		}
	}
	for decimals = max(decimals, 0); decimals < rateDecimals; decimals++ {
		n *= 10
	}
	if r.Sign() < 0 {
		return -n
	}
	return n
}

// unscaled is the rate of a whole number of 10^-12, which is not negative.
func unscaled(n int64) money.Rate {
	digits := strconv.FormatInt(n, 10)
	if missing := rateDecimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - rateDecimals
	return mustRate(digits[:point] + "." + digits[point:])
}
