package tax

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/fault"
	"perennial/internal/id"
)

// wrong is the names of the fields that an error refuses.
func wrong(err error) string {
	if err == nil {
		return ""
	}
	var names []string
	for _, f := range fault.As(err).Fields {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

func TestProfileCheck(t *testing.T) {
	t.Parallel()
	good := Profile{Name: "Europe", Kind: EUVAT, SellerCountry: "DE", State: Active}
	for name, c := range map[string]struct {
		change func(p *Profile)
		want   string
	}{
		"good":               {func(*Profile) {}, ""},
		"manual, no seller":  {func(p *Profile) { p.Kind, p.SellerCountry = Manual, "" }, ""},
		"no name":            {func(p *Profile) { p.Name = " " }, "name"},
		"long name":          {func(p *Profile) { p.Name = strings.Repeat("x", 201) }, "name"},
		"two lines":          {func(p *Profile) { p.Name = "a\nb" }, "name"},
		"a card number":      {func(p *Profile) { p.Name = "4242424242424242" }, "name"},
		"unknown kind":       {func(p *Profile) { p.Kind = "gst" }, "kind"},
		"unknown state":      {func(p *Profile) { p.State = "on" }, "state"},
		"no seller":          {func(p *Profile) { p.SellerCountry = "" }, "seller_country"},
		"seller's name":      {func(p *Profile) { p.SellerCountry = "Germany" }, "seller_country"},
		"region alone":       {func(p *Profile) { p.Kind, p.SellerCountry, p.SellerRegion = Manual, "", "BE" }, "seller_region"},
		"a region too long":  {func(p *Profile) { p.SellerRegion = strings.Repeat("x", 41) }, "seller_region"},
		"everything at once": {func(p *Profile) { *p = Profile{} }, "name kind state seller_country"},
	} {
		p := good
		c.change(&p)
		if err := p.Check(); wrong(err) != c.want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := Profile{SellerCountry: " ca", SellerRegion: "Ontario"}.Normal()
	if p.SellerCountry != "CA" || p.SellerRegion != "ON" {
		t.Error(p)
	}
}

func TestRuleCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(r *Rule)
		want   string
	}{
		"good":                  {func(*Rule) {}, ""},
		"everywhere":            {func(r *Rule) { r.Country, r.Region, r.PostalCode = "", "", "" }, ""},
		"a beginning":           {func(r *Rule) { r.PostalCode = "787*" }, ""},
		"no name":               {func(r *Rule) { r.Name = "" }, "name"},
		"a name too long":       {func(r *Rule) { r.Name = strings.Repeat("x", 41) }, "name"},
		"a country's name":      {func(r *Rule) { r.Country = "USA" }, "country"},
		"region alone":          {func(r *Rule) { r.Country, r.PostalCode = "", "" }, "region"},
		"postal code alone":     {func(r *Rule) { r.Country, r.Region = "", "" }, "postal_code"},
		"a star alone":          {func(r *Rule) { r.PostalCode = "*" }, "postal_code"},
		"a star inside":         {func(r *Rule) { r.PostalCode = "7*7" }, "postal_code"},
		"two stars":             {func(r *Rule) { r.PostalCode = "7*8*" }, "postal_code"},
		"a negative rate":       {func(r *Rule) { r.Rate = mustRate("-0.1") }, "rate"},
		"per cent for a rate":   {func(r *Rule) { r.Rate = mustRate("19") }, "rate"},
		"all of it":             {func(r *Rule) { r.Rate = mustRate("1") }, ""},
		"ends before it begins": {func(r *Rule) { r.From, r.To = day("2026-02-01"), day("2026-01-01") }, "to"},
		"no time at all":        {func(r *Rule) { r.From, r.To = day("2026-02-01"), day("2026-02-01") }, "to"},
		"the first instant":     {func(r *Rule) { r.From = day("1970-01-01") }, "from"},
		"beyond the calendar":   {func(r *Rule) { r.To = day("2200-01-01") }, "to"},
	} {
		r := Rule{Name: "Tax", Country: "us", Region: "US-tx", PostalCode: " 78701-1234", Rate: mustRate("0.08")}
		c.change(&r)
		if err := r.Normal().Check(); wrong(err) != c.want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNormalPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]Place{
		{at("us", "us-tx", "78701-1234"), at("US", "TX", "78701")},
		{at(" EL ", "", "105 57"), at("GR", "", "10557")},
		{at("uk", "", "ec1a 1bb"), at("GB", "", "EC1A1BB")},
		{at("CA", "québec", "h2x\u00a01y4"), at("CA", "QC", "H2X1Y4")},
		{at("PT", "", "1000–205"), at("PT", "", "1000205")},
		{at("", "TX", ""), at("", "TX", "")},
	} {
		if got := c[0].Normal(); got != c[1] || got.Normal() != got {
			t.Errorf("%v is %v, want %v", c[0], got, c[1])
		}
	}
	if r := (Rule{Country: "ca", Region: "Ontario", PostalCode: "k1a *"}).Normal(); r.place() != at("CA", "ON", "K1A*") {
		t.Error(r.place())
	}
}

func TestRulesThatTie(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind  Scheme
		rules []Rule
		want  string
	}{
		"none":                    {Manual, nil, ""},
		"one place twice":         {Manual, rules(t, "A DE 0.1", "B DE 0.2"), "rules.1"},
		"everywhere twice":        {EUVAT, rules(t, "A - 0.1", "A - 0.1"), "rules.1"},
		"spelt differently":       {Manual, rules(t, "A GR 0.1", "B el 0.2"), "rules.1"},
		"one after another":       {Manual, rules(t, "A DE 0.1 - 2026-01-01", "B DE 0.2 2026-01-01"), ""},
		"out of order":            {Manual, rules(t, "B DE 0.2 2026-01-01", "A DE 0.1 - 2026-01-01"), ""},
		"a day together":          {Manual, rules(t, "A DE 0.1 - 2026-01-02", "B DE 0.2 2026-01-01"), "rules.1"},
		"one inside another":      {Manual, rules(t, "A DE 0.1 2026-01-01 2026-12-31", "B DE 0.2 2026-03-01 2026-04-01"), "rules.1"},
		"beginning and code":      {Manual, rules(t, "A DE//101* 0.1", "B DE//10115 0.2", "C DE//10* 0.3", "D DE/BE 0.4", "E DE 0.5", "F - 0.6"), ""},
		"two taxes, added":        {USCanada, rules(t, "GST CA 0.05", "PST CA 0.07"), ""},
		"one tax twice":           {USCanada, rules(t, "GST CA 0.05", "gst CA 0.07"), "rules.1"},
		"two taxes, not added":    {Manual, rules(t, "GST CA 0.05", "PST CA 0.07"), "rules.1"},
		"a rule that cannot be":   {Manual, []Rule{{Name: "A", Rate: mustRate("2")}}, "rules.0.rate"},
		"more rules than allowed": {Manual, make([]Rule, MaxRules+1), "rules"},
	} {
		if err := CheckRules(Profile{Kind: c.kind}, c.rules); wrong(err) != c.want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two rules of one place are refused exactly when some day has both.
func TestTiesAreWhatOverlaps(t *testing.T) {
	t.Parallel()
	start := day("2026-01-01")
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Rule {
			r := Rule{ID: id.New[id.TaxRule](), Name: "T", Country: "DE", Rate: mustRate("0.1")}
			if from := rapid.IntRange(0, 12).Draw(t, name+" from"); from > 0 {
				r.From = start.AddDate(0, 0, from)
			}
			if days := rapid.IntRange(0, 6).Draw(t, name+" days"); days > 0 {
				r.To = start.AddDate(0, 0, days)
				if !r.From.IsZero() {
					r.To = r.From.AddDate(0, 0, days)
				}
			}
			return r
		}
		a, b := draw("a"), draw("b")
		both := false
		for when := start.Add(-48 * time.Hour); when.Before(start.AddDate(0, 0, 40)); when = when.Add(24 * time.Hour) {
			both = both || a.holds(when) && b.holds(when)
		}
		if err := CheckRules(Profile{Kind: Manual}, []Rule{a, b}); (err != nil) != both {
			t.Fatalf("%v to %v and %v to %v: %v", a.From, a.To, b.From, b.To, err)
		}
	})
}
