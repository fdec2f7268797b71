package tax

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

func shipping(n int64, name string, kind ShippingKind, where Place, bounds ...int64) ShippingRule {
	r := ShippingRule{ID: id.ShippingRule(n), Name: name, Amount: eur(100 * n), Kind: kind, Place: where, State: Active, Least: eur(0), Most: eur(0)}
	if len(bounds) == 2 {
		r.Least, r.Most = eur(bounds[0]), eur(bounds[1])
	}
	return r.Normal()
}

func names(list []ShippingRule) string {
	var s []string
	for _, r := range list {
		s = append(s, r.Name)
	}
	return strings.Join(s, " ")
}

func TestShipping(t *testing.T) {
	t.Parallel()
	list := []ShippingRule{
		shipping(1, "world", InPlace, Place{}),
		shipping(2, "germany", InPlace, at("DE", "", "")),
		shipping(3, "berlin", InPlace, at("DE", "BE", "")),
		shipping(4, "centre", InPlace, at("DE", "", "101*")),
		shipping(5, "street", InPlace, at("DE", "", "10115")),
		shipping(6, "abroad", NotInPlace, at("DE", "", "")),
		shipping(7, "small", OrderTotal, Place{}, 0, 1999),
		shipping(8, "large", OrderTotal, Place{}, 10000, 0),
		shipping(9, "also-germany", InPlace, at("DE", "", "")),
	}
	for _, r := range list {
		if err := r.Check(); err != nil {
			t.Fatal(r.Name, err)
		}
	}
	gone := shipping(10, "gone", InPlace, at("DE", "", "10115"))
	gone.State = Archived
	dollars := shipping(11, "dollars", OrderTotal, Place{})
	dollars.Amount.Currency = "USD"
	list = append(list, gone, dollars)
	for _, c := range []struct {
		place Place
		total int64
		want  string
	}{
		{at("DE", "BY", "80331"), 5000, "germany"},
		{at("de", "DE-BE", "13347"), 5000, "berlin"},
		{at("DE", "BE", "10117"), 5000, "centre"},
		{at("DE", "BE", "10 115"), 5000, "street"},
		{at("FR", "", ""), 5000, "world"},
		{Place{}, 5000, "world"},
		{at("DE", "", ""), 1999, "germany small"},
		{at("DE", "", ""), 2000, "germany"},
		{at("DE", "", ""), 10000, "germany large"},
		{at("FR", "", ""), 9999, "world"},
	} {
		if got := names(Shipping(list, c.place, eur(c.total))); got != c.want {
			t.Errorf("%v, %d: %q, want %q", c.place, c.total, got, c.want)
		}
	}
	elsewhere := []ShippingRule{shipping(1, "not-here", NotInPlace, at("DE", "", "")), shipping(2, "not-there", NotInPlace, at("FR", "IDF", ""))}
	for _, c := range []struct {
		place Place
		want  string
	}{{at("DE", "", ""), "not-there"}, {at("FR", "IDF", ""), "not-here"}, {at("IT", "", ""), "not-there"}, {Place{}, ""}} {
		if got := names(Shipping(elsewhere, c.place, eur(1))); got != c.want {
			t.Errorf("elsewhere %v: %q, want %q", c.place, got, c.want)
		}
	}
	if got := names(Shipping(list, at("US", "", ""), money.Amount{Minor: 5, Currency: "USD"})); got != "dollars" {
		t.Errorf("in dollars: %q", got)
	}
}

func TestShippingRuleCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		r    ShippingRule
		want string
	}{
		"free":                  {ShippingRule{Name: "Free", Kind: InPlace, Amount: eur(0), State: Active}, ""},
		"nothing":               {ShippingRule{}, "name currency state kind"},
		"negative":              {ShippingRule{Name: "A", Kind: InPlace, Amount: eur(-1), State: Active}, "amount"},
		"not anywhere":          {ShippingRule{Name: "A", Kind: NotInPlace, Amount: eur(1), State: Active}, "country"},
		"a place and a total":   {ShippingRule{Name: "A", Kind: OrderTotal, Place: at("DE", "", ""), Amount: eur(1), State: Active}, "country"},
		"backwards":             {ShippingRule{Name: "A", Kind: OrderTotal, Least: eur(5), Most: eur(4), Amount: eur(1), State: Active}, "most"},
		"another currency":      {ShippingRule{Name: "A", Kind: OrderTotal, Most: money.Amount{Minor: 4, Currency: "USD"}, Amount: eur(1), State: Active}, "most"},
		"a range for a place":   {ShippingRule{Name: "A", Kind: InPlace, Most: eur(4), Amount: eur(1), State: Active}, "least"},
		"a region of nothing":   {ShippingRule{Name: "A", Kind: InPlace, Place: at("", "TX", ""), Amount: eur(1), State: Active}, "region"},
		"beyond the limit":      {ShippingRule{Name: "A", Kind: InPlace, Amount: eur(money.MaxMinor + 1), State: Active}, "amount"},
		"a name on three lines": {ShippingRule{Name: "A\n\nB", Kind: InPlace, Amount: eur(1), State: Active}, "name"},
	} {
		if err := c.r.Normal().Check(); wrong(err) != c.want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// At most one rule about places applies, and every range that holds the total.
func TestOnePlaceAndEveryRange(t *testing.T) {
	t.Parallel()
	places := []Place{{}, at("DE", "", ""), at("DE", "BE", ""), at("DE", "", "10115"), at("DE", "", "1*"), at("FR", "", "")}
	rapid.Check(t, func(t *rapid.T) {
		var list []ShippingRule
		for i := range rapid.Int64Range(0, 12).Draw(t, "n") {
			switch kind := rapid.SampledFrom([]ShippingKind{InPlace, NotInPlace, OrderTotal}).Draw(t, "kind"); kind {
			case OrderTotal:
				least := rapid.Int64Range(0, 50).Draw(t, "least")
				list = append(list, shipping(i+1, "r", kind, Place{}, least, least+rapid.Int64Range(0, 50).Draw(t, "width")))
			default:
				list = append(list, shipping(i+1, "r", kind, rapid.SampledFrom(places[1:]).Draw(t, "place")))
			}
		}
		place, total := rapid.SampledFrom([]Place{{}, at("DE", "BE", "10115"), at("DE", "BY", "12345"), at("IT", "", "")}).Draw(t, "to"), rapid.Int64Range(0, 120).Draw(t, "total")
		got := map[id.ShippingRule]bool{}
		byPlace := 0
		for _, r := range Shipping(list, place, eur(total)) {
			got[r.ID] = true
			if r.Kind != OrderTotal {
				byPlace++
			}
		}
		if byPlace > 1 {
			t.Fatalf("%d rules about places", byPlace)
		}
		for _, r := range list {
			if r.Kind == OrderTotal && got[r.ID] != (total >= r.Least.Minor && (r.Most.IsZero() || total <= r.Most.Minor)) {
				t.Fatalf("range %v to %v of %d: %v", r.Least, r.Most, total, got[r.ID])
			}
			if r.Kind == InPlace && r.fits(place) && byPlace == 0 {
				t.Fatalf("no rule about places, but %v fits", r.Place)
			}
		}
	})
}
