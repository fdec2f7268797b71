package tax

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

func rate(t testing.TB, s string) money.Rate {
	t.Helper()
	r, err := money.ParseRate(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func day(s string) time.Time {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return at
}

// told is a decision in one line: reason, rates, note, evidence.
func told(d Decision) string {
	s := string(d.Reason)
	for _, a := range d.Rates {
		s += " " + a.Name + " " + a.Rate.Percent()
	}
	if d.Note != "" {
		s += " !" + d.Note
	}
	s += " [" + strings.Join(d.Evidence, " ") + "]"
	if !d.EvidenceOK {
		s += " weak"
	}
	return s
}

// rules spells rules as "name country/region/code rate from to".
func rules(t testing.TB, texts ...string) []Rule {
	t.Helper()
	var list []Rule
	for i, text := range texts {
		f := strings.Fields(text)
		place := strings.Split(f[1]+"//", "/")
		r := Rule{ID: id.TaxRule(i + 1), Profile: 1, Name: f[0], Country: place[0], Region: place[1], PostalCode: place[2], Rate: rate(t, f[2])}
		if r.Country == "-" {
			r.Country = ""
		}
		if len(f) > 3 && f[3] != "-" {
			r.From = day(f[3])
		}
		if len(f) > 4 {
			r.To = day(f[4])
		}
		r = r.Normal()
		if err := r.Check(); err != nil {
			t.Fatal(text, err)
		}
		list = append(list, r)
	}
	return list
}

func at(country, region, code string) Place {
	return Place{Country: country, Region: region, PostalCode: code}
}

const deID = "DE129273398"

func TestEuropeanUnion(t *testing.T) {
	t.Parallel()
	german := Profile{ID: 1, Kind: EUVAT, SellerCountry: "DE"}
	american := Profile{ID: 1, Kind: EUVAT, SellerCountry: "US"}
	own := rules(t, "TVA FR 0.055", "IVA ES//35* 0", "VAT GB 0.20", "MwSt - 0.19")
	for name, c := range map[string]struct {
		p     Profile
		rules []Rule
		b     Buyer
		kind  Supply
		at    string
		want  string
	}{
		"home":                          {p: german, b: Buyer{Billing: at("DE", "", ""), IPCountry: "DE"}, want: "taxed VAT 19 [billing:DE ip:DE]"},
		"home with a valid number":      {p: german, b: Buyer{Billing: at("DE", "", ""), IPCountry: "DE", TaxID: deID, TaxIDState: Valid}, want: "taxed VAT 19 [billing:DE ip:DE]"},
		"home with a foreign number":    {p: german, b: Buyer{Billing: at("DE", "", ""), IPCountry: "DE", TaxID: "ATU33864707", TaxIDState: Valid}, want: "taxed VAT 19 [billing:DE ip:DE]"},
		"other state, person":           {p: german, b: Buyer{Billing: at("FR", "", ""), CardCountry: "FR"}, want: "taxed VAT 20 [billing:FR card:FR]"},
		"other state, valid number":     {p: german, b: Buyer{Billing: at("AT", "", ""), IPCountry: "AT", TaxID: "ATU33864707", TaxIDState: Valid}, want: "reverse_charge !reverse_charge [billing:AT ip:AT]"},
		"other state, number unchecked": {p: german, b: Buyer{Billing: at("AT", "", ""), IPCountry: "AT", TaxID: "ATU33864707", TaxIDState: Unchecked}, want: "taxed VAT 20 [billing:AT ip:AT]"},
		"other state, outage":           {p: german, b: Buyer{Billing: at("AT", "", ""), IPCountry: "AT", TaxID: "ATU33864707", TaxIDState: Unavailable}, want: "taxed VAT 20 [billing:AT ip:AT]"},
		"other state, invalid":          {p: german, b: Buyer{Billing: at("AT", "", ""), IPCountry: "AT", TaxID: "ATU33864707", TaxIDState: Invalid}, want: "taxed VAT 20 [billing:AT ip:AT]"},
		"other state, seller's number":  {p: german, b: Buyer{Billing: at("AT", "", ""), IPCountry: "AT", TaxID: deID, TaxIDState: Valid}, want: "taxed VAT 20 [billing:AT ip:AT]"},
		"a company without a number":    {p: german, b: Buyer{Billing: at("AT", "", ""), IPCountry: "AT", Company: true}, want: "taxed VAT 20 [billing:AT ip:AT]"},
		"Greece under its other code":   {p: german, b: Buyer{Billing: at("EL", "", ""), IPCountry: "gr", TaxID: "EL094019245", TaxIDState: Valid}, want: "reverse_charge !reverse_charge [billing:GR ip:GR]"},
		"outside":                       {p: german, b: Buyer{Billing: at("US", "", ""), IPCountry: "US"}, want: "outside [billing:US ip:US]"},
		"outside, seller outside":       {p: american, b: Buyer{Billing: at("US", "", ""), IPCountry: "US"}, want: "outside [billing:US ip:US]"},
		"seller outside, person":        {p: american, b: Buyer{Billing: at("IT", "", ""), IPCountry: "IT"}, want: "taxed VAT 22 [billing:IT ip:IT]"},
		"seller outside, business":      {p: american, b: Buyer{Billing: at("DE", "", ""), IPCountry: "DE", TaxID: deID, TaxIDState: Valid}, want: "reverse_charge !reverse_charge [billing:DE ip:DE]"},
		"billing alone":                 {p: german, b: Buyer{Billing: at("FR", "", "")}, want: "taxed VAT 20 [billing:FR] weak"},
		"internet alone":                {p: german, b: Buyer{IPCountry: "FR"}, want: "taxed VAT 20 [ip:FR] weak"},
		"two that contradict":           {p: german, b: Buyer{Billing: at("FR", "", ""), IPCountry: "IT"}, want: "taxed VAT 20 [billing:FR] weak"},
		"two against billing":           {p: german, b: Buyer{Billing: at("FR", "", ""), IPCountry: "IT", CardCountry: "IT"}, want: "taxed VAT 22 [ip:IT card:IT]"},
		"two against two":               {p: german, b: Buyer{Billing: at("FR", "", ""), IPCountry: "IT", CardCountry: "IT", Shipping: at("FR", "", "")}, want: "taxed VAT 20 [billing:FR shipping:FR]"},
		"two of three":                  {p: german, b: Buyer{Billing: at("FR", "", ""), IPCountry: "IT", CardCountry: "FR"}, want: "taxed VAT 20 [billing:FR card:FR]"},
		"nothing known":                 {p: german, want: "taxed VAT 19 [] weak"},
		"nothing known, seller outside": {p: american, want: "outside [] weak"},
		"nothing known, own rule":       {p: american, rules: own, want: "taxed MwSt 19 [] weak"},
		"own rule of the country":       {p: german, rules: own, b: Buyer{Billing: at("FR", "", ""), IPCountry: "FR"}, want: "taxed TVA 5.5 [billing:FR ip:FR]"},
		"own rule outside":              {p: german, rules: own, b: Buyer{Billing: at("GB", "", ""), IPCountry: "GB"}, want: "taxed VAT 20 [billing:GB ip:GB]"},
		"own rule everywhere":           {p: german, rules: own, b: Buyer{Billing: at("US", "", ""), IPCountry: "US"}, want: "outside [billing:US ip:US]"},
		"own rule of rate 0":            {p: german, rules: own, b: Buyer{Billing: at("ES", "", "35 001"), IPCountry: "ES"}, want: "taxed IVA 0 [billing:ES ip:ES]"},
		"own rule and reverse charge":   {p: german, rules: own, b: Buyer{Billing: at("FR", "", ""), IPCountry: "FR", TaxID: "FR40303265045", TaxIDState: Valid}, want: "reverse_charge !reverse_charge [billing:FR ip:FR]"},
		"Canary Islands":                {p: german, b: Buyer{Billing: at("ES", "", "38001"), IPCountry: "ES"}, want: "outside [billing:ES ip:ES]"},
		"Madrid":                        {p: german, b: Buyer{Billing: at("ES", "", "28001"), IPCountry: "ES"}, want: "taxed VAT 21 [billing:ES ip:ES]"},
		"Monaco":                        {p: german, b: Buyer{Billing: at("MC", "", "98000"), IPCountry: "FR"}, want: "taxed VAT 20 [billing:MC ip:FR]"},
		"exempt":                        {p: german, b: Buyer{Billing: at("DE", "", ""), IPCountry: "DE", Exempt: "embassy"}, want: "exempt !exempt [billing:DE ip:DE]"},
		"untaxed":                       {p: german, kind: Untaxed, b: Buyer{Billing: at("DE", "", "")}, want: "untaxed []"},
		"goods to another state":        {p: german, kind: Goods, b: Buyer{Billing: at("DE", "", ""), Shipping: at("FR", "", "")}, want: "taxed VAT 20 [shipping:FR]"},
		"goods to a business":           {p: german, kind: Goods, b: Buyer{Shipping: at("AT", "", ""), TaxID: "ATU33864707", TaxIDState: Valid}, want: "reverse_charge !intra_community [shipping:AT]"},
		"goods to a business at home":   {p: german, kind: Goods, b: Buyer{Shipping: at("DE", "", ""), TaxID: "ATU33864707", TaxIDState: Valid}, want: "taxed VAT 19 [shipping:DE]"},
		"goods that leave":              {p: german, kind: Goods, b: Buyer{Shipping: at("CH", "", "")}, want: "outside !export [shipping:CH]"},
		"goods to Northern Ireland":     {p: german, kind: Goods, b: Buyer{Shipping: at("GB", "", "BT1 1AA")}, want: "taxed VAT 20 [shipping:GB]"},
		"goods to a business there":     {p: german, kind: Goods, b: Buyer{Shipping: at("GB", "", "BT1 1AA"), TaxID: "XI333289454", TaxIDState: Valid}, want: "reverse_charge !intra_community [shipping:GB]"},
		"goods to Scotland":             {p: german, kind: Goods, b: Buyer{Shipping: at("GB", "", "EH1 1AA"), TaxID: "XI333289454", TaxIDState: Valid}, want: "outside !export [shipping:GB]"},
		"digital to Northern Ireland":   {p: german, b: Buyer{Billing: at("GB", "", "BT1 1AA"), IPCountry: "GB"}, want: "outside [billing:GB ip:GB]"},
		"digital with an XI number":     {p: german, b: Buyer{Billing: at("FR", "", ""), IPCountry: "FR", TaxID: "XI333289454", TaxIDState: Valid}, want: "taxed VAT 20 [billing:FR ip:FR]"},
		"goods without shipping":        {p: german, kind: Goods, b: Buyer{Billing: at("FR", "", "")}, want: "taxed VAT 20 [billing:FR]"},
		"service":                       {p: german, kind: Service, b: Buyer{Billing: at("FR", "", "")}, want: "taxed VAT 19 [seller:DE]"},
		"service for a business":        {p: german, kind: Service, b: Buyer{Billing: at("FR", "", ""), TaxID: "FR40303265045", TaxIDState: Valid}, want: "reverse_charge !reverse_charge [seller:DE]"},
		"service for one at home":       {p: german, kind: Service, b: Buyer{Billing: at("DE", "", ""), TaxID: deID, TaxIDState: Valid}, want: "taxed VAT 19 [seller:DE]"},
		"service for a business away":   {p: german, kind: Service, b: Buyer{Billing: at("US", "", ""), Company: true}, want: "outside [billing:US]"},
		"service for a person away":     {p: german, kind: Service, b: Buyer{Billing: at("US", "", "")}, want: "taxed VAT 19 [seller:DE]"},
		"Estonia in June 2025":          {p: german, at: "2025-06-30", b: Buyer{Billing: at("EE", "", ""), IPCountry: "EE"}, want: "taxed VAT 22 [billing:EE ip:EE]"},
		"Estonia in July 2025":          {p: german, at: "2025-07-01", b: Buyer{Billing: at("EE", "", ""), IPCountry: "EE"}, want: "taxed VAT 24 [billing:EE ip:EE]"},
		"Germany in autumn 2020":        {p: german, at: "2020-10-01", b: Buyer{Billing: at("DE", "", ""), IPCountry: "DE"}, want: "taxed VAT 16 [billing:DE ip:DE]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			when := day("2026-02-01")
			if c.at != "" {
				when = day(c.at)
			}
			if got := told(Resolve(c.p, c.rules, c.b, c.kind, when)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// A change of rate holds from midnight of the country's own time.
func TestStandardRatesChangeAtMidnight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ country, last, first, before, after string }{
		{"SK", "2024-12-31T22:59:59Z", "2024-12-31T23:00:00Z", "20", "23"},
		{"RO", "2025-07-31T20:59:59Z", "2025-07-31T21:00:00Z", "19", "21"},
		{"FI", "2024-08-31T20:59:59Z", "2024-08-31T21:00:00Z", "24", "25.5"},
		{"EE", "2023-12-31T21:59:59Z", "2023-12-31T22:00:00Z", "20", "22"},
		{"IE", "2021-02-28T23:59:59Z", "2021-03-01T00:00:00Z", "21", "23"},
		{"LU", "2023-12-31T22:59:59Z", "2023-12-31T23:00:00Z", "16", "17"},
	} {
		for text, want := range map[string]string{c.last: c.before, c.first: c.after} {
			when, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := StandardVAT(c.country, when); !ok || got.Percent() != want {
				t.Errorf("%s at %s: %s, want %s", c.country, text, got.Percent(), want)
			}
		}
	}
	if _, ok := StandardVAT("US", day("2026-01-01")); ok || IsEU("XI") || IsEU("GB") || !IsEU("HR") {
		t.Error("who is a member state")
	}
	members := 0
	for country, list := range standard {
		if IsEU(country) {
			members++
		}
		if !slices.IsSortedFunc(list, func(a, b span) int { return a.from.Compare(b.from) }) {
			t.Errorf("%s is out of order", country)
		}
		for _, s := range list { // the least and the most that there are
			if s.rate.Cmp(rate(t, "0.15")) < 0 || s.rate.Cmp(rate(t, "0.27")) > 0 {
				t.Errorf("%s: %s", country, s.rate)
			}
		}
	}
	if members != 27 {
		t.Errorf("%d member states", members)
	}
}

func TestNorthAmerica(t *testing.T) {
	t.Parallel()
	canadian := Profile{ID: 1, Kind: USCanada, SellerCountry: "CA", SellerRegion: "ON"}
	american := Profile{ID: 1, Kind: USCanada, SellerCountry: "US", SellerRegion: "TX"}
	texas := rules(t, "State US/TX 0.0625", "City US/TX/787* 0.01", "City US/TX/78701 0.02", "State US/NY 0.04")
	for name, c := range map[string]struct {
		p     Profile
		rules []Rule
		place Place
		at    string
		want  string
	}{
		"Ontario":                        {p: canadian, place: at("CA", "ON", ""), want: "taxed HST 13"},
		"British Columbia":               {p: canadian, place: at("CA", "CA-BC", ""), want: "taxed GST 5 PST 7"},
		"Québec by name":                 {p: canadian, place: at("CA", "Québec", ""), want: "taxed GST 5 QST 9.975"},
		"Alberta":                        {p: canadian, place: at("CA", "ab", ""), want: "taxed GST 5"},
		"Nova Scotia in March 2025":      {p: canadian, at: "2025-03-31", place: at("CA", "NS", ""), want: "taxed HST 15"},
		"Nova Scotia":                    {p: canadian, place: at("CA", "NS", ""), want: "taxed HST 14"},
		"by postal code":                 {p: canadian, place: at("CA", "", "h2x 1y4"), want: "taxed GST 5 QST 9.975"},
		"Nunavut by postal code":         {p: canadian, place: at("CA", "", "X0A 0H0"), want: "taxed GST 5"},
		"unknown province":               {p: canadian, place: at("CA", "", ""), want: "taxed GST 5"},
		"one tax off":                    {p: canadian, rules: rules(t, "PST CA/BC 0"), place: at("CA", "BC", ""), want: "taxed GST 5"},
		"one tax changed":                {p: canadian, rules: rules(t, "pst CA/BC 0.08"), place: at("CA", "BC", ""), want: "taxed GST 5 pst 8"},
		"all of them off":                {p: canadian, rules: rules(t, "GST CA/AB 0"), place: at("CA", "AB", ""), want: "taxed GST 0"},
		"a tax of another name":          {p: canadian, rules: rules(t, "Sales CA/ON 0.1"), place: at("CA", "ON", ""), want: "taxed Sales 10"},
		"a rule for another place":       {p: canadian, rules: rules(t, "Sales CA/QC 0.1"), place: at("CA", "ON", ""), want: "taxed HST 13"},
		"a rule for everywhere":          {p: canadian, rules: rules(t, "Sales - 0.1"), place: at("CA", "ON", ""), want: "taxed HST 13"},
		"elsewhere with such a rule":     {p: canadian, rules: rules(t, "Sales - 0.1"), place: at("FR", "", ""), want: "taxed Sales 10"},
		"elsewhere":                      {p: canadian, place: at("FR", "", ""), want: "no_rule"},
		"Canada from the States":         {p: american, place: at("CA", "ON", ""), want: "no_rule"},
		"own rule from the States":       {p: american, rules: rules(t, "GST CA 0.05", "PST CA/BC 0.07"), place: at("CA", "BC", ""), want: "taxed GST 5 PST 7"},
		"a state without a rule":         {p: american, rules: texas, place: at("US", "CA", "94105"), want: "no_rule"},
		"a state":                        {p: american, rules: texas, place: at("US", "tx", "75001"), want: "taxed State 6.25"},
		"a state and a city":             {p: american, rules: texas, place: at("US", "TX", "78799"), want: "taxed State 6.25 City 1"},
		"a state and a narrower city":    {p: american, rules: texas, place: at("US", "TX", "78701-1234"), want: "taxed State 6.25 City 2"},
		"a code that is of no rule here": {p: american, rules: texas, place: at("US", "NY", "78701"), want: "taxed State 4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			when := day("2026-02-01")
			if c.at != "" {
				when = day(c.at)
			}
			d := Resolve(c.p, c.rules, Buyer{Billing: c.place}, Digital, when)
			got, _, _ := strings.Cut(told(d), " [")
			if got != c.want || !d.EvidenceOK {
				t.Errorf("got %s; want %s", got, c.want)
			}
		})
	}
	for code, list := range provinces {
		if len(list) == 0 {
			t.Errorf("%s has no tax", code)
		}
	}
	if len(provinces) != 13 {
		t.Errorf("%d provinces and territories", len(provinces))
	}
}

func TestManual(t *testing.T) {
	t.Parallel()
	p := Profile{ID: 1, Kind: Manual, SellerCountry: "CH", SellerRegion: "ZH", Inclusive: true}
	list := append(rules(t, "MWST CH 0.081", "Kanton CH/ZH 0.01", "Stadt CH//80* 0.02", "Kreis CH//8001 0.03", "Rest - 0.05", "Old AU 0.1 - 2026-01-01", "New AU 0.11 2026-01-01"),
		Rule{ID: 99, Profile: 2, Name: "Other", Country: "CH", PostalCode: "8001", Region: "ZH", Rate: rate(t, "0.5")})
	for name, c := range map[string]struct {
		b    Buyer
		kind Supply
		at   string
		want string
	}{
		"country":          {b: Buyer{Billing: at("CH", "GE", "1200")}, want: "taxed MWST 8.1 [billing:CH]"},
		"region":           {b: Buyer{Billing: at("CH", "ZH", "8400")}, want: "taxed Kanton 1 [billing:CH]"},
		"beginning":        {b: Buyer{Billing: at("CH", "ZH", "8048")}, want: "taxed Stadt 2 [billing:CH]"},
		"postal code":      {b: Buyer{Billing: at("ch", "CH-ZH", " 80-01 ")}, want: "taxed Kreis 3 [billing:CH]"},
		"unknown place":    {want: "taxed Rest 5 []"},
		"another country":  {b: Buyer{Billing: at("FR", "", "8001")}, want: "taxed Rest 5 [billing:FR]"},
		"shipping address": {b: Buyer{Shipping: at("CH", "", "")}, want: "taxed MWST 8.1 [shipping:CH]"},
		"internet address": {b: Buyer{IPCountry: "CH", CardCountry: "FR"}, want: "taxed MWST 8.1 [ip:CH]"},
		"card":             {b: Buyer{CardCountry: "CH"}, want: "taxed MWST 8.1 [card:CH]"},
		"goods":            {kind: Goods, b: Buyer{Billing: at("FR", "", ""), Shipping: at("CH", "", "")}, want: "taxed MWST 8.1 [shipping:CH]"},
		"service":          {kind: Service, b: Buyer{Billing: at("FR", "", "")}, want: "taxed Kanton 1 [seller:CH]"},
		"last day":         {at: "2025-12-31", b: Buyer{Billing: at("AU", "", "")}, want: "taxed Old 10 [billing:AU]"},
		"first day":        {at: "2026-01-01", b: Buyer{Billing: at("AU", "", "")}, want: "taxed New 11 [billing:AU]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			when := day("2026-02-01")
			if c.at != "" {
				when = day(c.at)
			}
			if d := Resolve(p, list, c.b, c.kind, when); told(d) != c.want || !d.Inclusive {
				t.Errorf("got %s; want %s", told(d), c.want)
			}
		})
	}
	d := Resolve(Profile{ID: 1, Kind: Manual}, nil, Buyer{Billing: at("CH", "", "")}, Digital, day("2026-01-01"))
	if told(d) != "no_rule [billing:CH]" {
		t.Error(told(d))
	}
}

func TestShippingCharge(t *testing.T) {
	t.Parallel()
	taxed := Decision{Reason: Taxed, Rates: []Applied{{"VAT", rate(t, "0.2")}}}
	reverse := Decision{Reason: ReverseCharge, Note: NoteReverseCharge}
	if d := (Profile{}).ForShipping(taxed); d.Reason != NotTaxed || d.Rates != nil {
		t.Error(told(d))
	}
	if d := (Profile{ShippingTaxed: true}).ForShipping(taxed); told(d) != told(taxed) {
		t.Error(told(d))
	}
	if d := (Profile{}).ForShipping(reverse); told(d) != told(reverse) {
		t.Error(told(d))
	}
}

var (
	anyRate = rapid.Custom(func(t *rapid.T) money.Rate {
		r, err := money.ParsePercent(rapid.StringMatching(`(100|[0-9]{1,2}(\.[0-9]{1,10})?)`).Draw(t, "percent"))
		if err != nil {
			t.Fatal(err)
		}
		return r
	})
	anyDecision = rapid.Custom(func(t *rapid.T) Decision {
		d := Decision{Reason: Taxed, Inclusive: rapid.Bool().Draw(t, "inclusive")}
		for _, r := range rapid.SliceOfN(anyRate, 0, 4).Draw(t, "rates") {
			d.Rates = append(d.Rates, Applied{"T", r})
		}
		return d
	})
)

func TestNetAndTaxAreTheGross(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := anyDecision.Draw(t, "decision")
		c := rapid.SampledFrom([]money.Currency{"EUR", "JPY", "KWD"}).Draw(t, "currency")
		amount := money.Amount{Minor: rapid.OneOf(rapid.Int64Range(-1000, 1000), rapid.Int64Range(-money.MaxMinor/8, money.MaxMinor/8)).Draw(t, "minor"), Currency: c}
		net, taxes, total, err := Apply(d, amount)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := money.Sum(append([]money.Amount{net}, taxes...)...)
		if err != nil || sum != total || len(taxes) != len(d.Rates) {
			t.Fatalf("%v and %v are %v (%v), not %v", net, taxes, sum, err, total)
		}
		if kept := map[bool]money.Amount{true: total, false: net}[d.Inclusive]; kept != amount {
			t.Fatalf("the price of %v became %v", amount, kept)
		}
		// Several taxes are exactly what one of the sum of their rates would be.
		one := Decision{Reason: Taxed, Inclusive: d.Inclusive, Rates: []Applied{{"T", d.Rate()}}}
		oneNet, oneTax, oneTotal, err := Apply(one, amount)
		if err != nil || oneNet != net || oneTotal != total || !d.Inclusive && !equal(oneTax[0], amount, d.Rate()) {
			t.Fatalf("at one rate %v: %v %v %v, %v", d.Rate(), oneNet, oneTax, oneTotal, err)
		}
		// Each is within one minor unit of its own rate.
		for i, a := range d.Rates {
			own, err := net.MulRate(a.Rate, money.HalfUp)
			if err != nil || !d.Inclusive && max(own.Minor-taxes[i].Minor, taxes[i].Minor-own.Minor) > 1 {
				t.Fatalf("%v of %v is %v: %v, %v", a.Rate, net, own, taxes[i], err)
			}
		}
		// A credit is the charge reversed.
		backNet, backTax, backTotal, err := Apply(d, amount.Neg())
		if err != nil || backNet != net.Neg() || backTotal != total.Neg() {
			t.Fatalf("reversed: %v %v, %v", backNet, backTotal, err)
		}
		for i := range backTax {
			if backTax[i] != taxes[i].Neg() {
				t.Fatalf("reversed: %v, %v", backTax, taxes)
			}
		}
	})
}

func equal(tax, net money.Amount, r money.Rate) bool {
	want, err := net.MulRate(r, money.HalfUp)
	return err == nil && want == tax
}

func TestApply(t *testing.T) {
	t.Parallel()
	both := []Applied{{"GST", rate(t, "0.05")}, {"QST", rate(t, "0.09975")}}
	for _, c := range []struct {
		d     Decision
		minor int64
		want  []int64 // net, taxes, total
	}{
		{Decision{Rates: []Applied{{"VAT", rate(t, "0.19")}}}, 10000, []int64{10000, 1900, 11900}},
		{Decision{Rates: []Applied{{"VAT", rate(t, "0.19")}}, Inclusive: true}, 11900, []int64{10000, 1900, 11900}},
		{Decision{Rates: []Applied{{"VAT", rate(t, "0.19")}}, Inclusive: true}, -11900, []int64{-10000, -1900, -11900}},
		{Decision{Rates: both}, 10000, []int64{10000, 500, 998, 11498}},
		{Decision{Rates: both, Inclusive: true}, 11498, []int64{10000, 500, 998, 11498}},
		{Decision{Rates: []Applied{{"GST", rate(t, "0.05")}, {"PST", rate(t, "0.07")}}}, 1010, []int64{1010, 50, 71, 1131}},
		{Decision{Rates: []Applied{{"VAT", rate(t, "0")}}}, 1000, []int64{1000, 0, 1000}},
		{Decision{Inclusive: true, Reason: ReverseCharge}, 1000, []int64{1000, 1000}},
	} {
		net, taxes, total, err := Apply(c.d, money.Amount{Minor: c.minor, Currency: "CAD"})
		got := []int64{net.Minor}
		for _, a := range taxes {
			got = append(got, a.Minor)
		}
		if got = append(got, total.Minor); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s of %d: %v, %v; want %v", told(c.d), c.minor, got, err, c.want)
		}
	}
	if d := (Decision{Rates: both}); d.Rate().Percent() != "14.975" || d.Name() != "GST + QST" {
		t.Error(d.Rate().Percent(), d.Name())
	}
	if _, _, _, err := Apply(Decision{Rates: both}, money.Amount{Minor: money.MaxMinor, Currency: "CAD"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("too large: %v", err)
	}
	if _, _, _, err := Apply(Decision{Rates: []Applied{{"VAT", rate(t, "-0.1")}}}, money.Amount{Minor: 1, Currency: "CAD"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a negative rate: %v", err)
	}
}

// Of random rules that were accepted exactly one decides at every instant, and no rule
// that fits is more specific.
func TestMoreSpecificNeverLoses(t *testing.T) {
	t.Parallel()
	places := []Place{{}, at("US", "", ""), at("US", "TX", ""), at("US", "TX", "787*"), at("US", "", "787*"), at("US", "", "7*"), at("US", "", "78701"), at("US", "TX", "78701"), at("CA", "", ""), at("US", "NY", "")}
	start := day("2026-01-01")
	rapid.Check(t, func(t *rapid.T) {
		p := Profile{ID: 1, Kind: Manual}
		var list []Rule
		for i := range rapid.IntRange(0, 25).Draw(t, "n") {
			where := rapid.SampledFrom(places).Draw(t, "where")
			from := rapid.IntRange(0, 20).Draw(t, "from")
			r := Rule{ID: id.TaxRule(i + 1), Profile: 1, Name: "T", Country: where.Country, Region: where.Region, PostalCode: where.PostalCode, Rate: anyRate.Draw(t, "rate"),
				From: start.AddDate(0, 0, from)}
			if open := rapid.Bool().Draw(t, "open"); !open {
				r.To = r.From.AddDate(0, 0, rapid.IntRange(1, 10).Draw(t, "days"))
			}
			if next := append(slices.Clone(list), r); CheckRules(p, next) == nil {
				list = next
			}
		}
		buyer := rapid.SampledFrom([]Place{{}, at("US", "TX", "78701"), at("US", "TX", "78799"), at("US", "TX", "75001"), at("US", "NY", "78701"), at("CA", "", "787"), at("FR", "", "")}).Draw(t, "buyer")
		when := start.AddDate(0, 0, rapid.IntRange(-1, 35).Draw(t, "at"))
		fits := func(r Rule) bool {
			code, prefix := strings.CutSuffix(r.PostalCode, "*")
			return !when.Before(r.From) && (r.To.IsZero() || when.Before(r.To)) && (r.Country == "" || r.Country == buyer.Country) && (r.Region == "" || r.Region == buyer.Region) &&
				(code == "" || code == buyer.PostalCode || prefix && strings.HasPrefix(buyer.PostalCode, code))
		}
		// narrowness in the words of the package comment: exact code, longer beginning, region, country.
		narrow := func(r Rule) [4]int {
			code, prefix := strings.CutSuffix(r.PostalCode, "*")
			out := [4]int{}
			if code != "" && !prefix {
				out[0] = 1
			}
			if prefix {
				out[1] = len(code)
			}
			if r.Region != "" {
				out[2] = 1
			}
			if r.Country != "" {
				out[3] = 1
			}
			return out
		}
		var best []Rule
		for _, r := range list {
			if !fits(r) {
				continue
			}
			if len(best) == 0 {
				best = []Rule{r}
				continue
			}
			mine, other := narrow(r), narrow(best[0])
			switch order := slices.Compare(mine[:], other[:]); {
			case order > 0:
				best = []Rule{r}
			case order == 0:
				best = append(best, r)
			}
		}
		d := Resolve(p, list, Buyer{Billing: buyer}, Digital, when)
		switch {
		case len(best) > 1:
			t.Fatalf("two rules decide: %v", best)
		case len(best) == 0 && d.Reason != NoRule, len(best) == 1 && (d.Reason != Taxed || d.Rates[0].Rate != best[0].Rate):
			t.Fatalf("%s, but the most specific is %v", told(d), best)
		}
		slices.Reverse(list)
		if again := Resolve(p, list, Buyer{Billing: buyer}, Digital, when); told(again) != told(d) {
			t.Fatalf("in another order %s, not %s", told(again), told(d))
		}
	})
}
