package catalog_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/catalog"
	"perennial/internal/fault"
	"perennial/internal/money"
)

func number(t testing.TB, s string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// tiers reads "10:5 20:4+100 :3": up to 10 at 5 each, up to 20 at 4 each and 100
// minor units once, all more at 3 each.
func tiers(t testing.TB, s string) []catalog.Tier {
	t.Helper()
	var list []catalog.Tier
	for word := range strings.FieldsSeq(s) {
		end, price, _ := strings.Cut(word, ":")
		unit, flat, _ := strings.Cut(price, "+")
		tier := catalog.Tier{Unit: number(t, unit)}
		if end != "" {
			d := number(t, end)
			tier.UpTo = &d
		}
		if flat != "" {
			n, ok := new(big.Int).SetString(flat, 10)
			if !ok {
				t.Fatalf("%q is no flat price", flat)
			}
			tier.Flat = n.Int64()
		}
		list = append(list, tier)
	}
	return list
}

func TestChargeAmount(t *testing.T) {
	t.Parallel()
	perUnit := catalog.Charge{Model: catalog.PerUnit, Unit: number(t, "0.0025")}
	least := catalog.Charge{Model: catalog.PerUnit, Unit: number(t, "2"), Minimum: 500}
	flat := catalog.Charge{Model: catalog.Flat, Unit: number(t, "9.99")}
	blocks := catalog.Charge{Model: catalog.Package, Unit: number(t, "5"), Block: 100}
	volume := catalog.Charge{Model: catalog.Volume, Tiers: tiers(t, "10:5 20:4+100 :3")}
	graduated := catalog.Charge{Model: catalog.Graduated, Tiers: tiers(t, "10:5 20:4+100 :3")}
	free := catalog.Charge{Model: catalog.Graduated, Tiers: tiers(t, "1000:0 :0.001")}
	for _, c := range []struct {
		name     string
		charge   catalog.Charge
		quantity string
		cur      money.Currency
		total    int64
		parts    string // quantity@unit+flat=amount
	}{
		{"nothing", perUnit, "0", "USD", 0, ""},
		{"below a cent", perUnit, "1", "USD", 0, "1@0.0025=0"},
		{"half a cent", perUnit, "2", "USD", 1, "2@0.0025=1"},
		{"many below a cent", perUnit, "1234", "USD", 309, "1234@0.0025=309"},
		{"part of a piece", perUnit, "1000.5", "USD", 250, "1000.5@0.0025=250"},
		{"three decimals", perUnit, "2", "KWD", 5, "2@0.0025=5"},
		{"no decimals", perUnit, "200", "JPY", 1, "200@0.0025=1"},
		{"minimum of nothing", least, "0", "USD", 500, ""},
		{"below the minimum", least, "2", "USD", 500, "2@2=400"},
		{"above the minimum", least, "3", "USD", 600, "3@2=600"},
		{"flat for nothing", flat, "0", "USD", 999, "1@9.99=999"},
		{"flat for many", flat, "17.5", "USD", 999, "1@9.99=999"},
		{"no block", blocks, "0", "USD", 0, ""},
		{"a block begun", blocks, "0.01", "USD", 500, "1@5=500"},
		{"a whole block", blocks, "100", "USD", 500, "1@5=500"},
		{"the next block", blocks, "100.0001", "USD", 1000, "2@5=1000"},
		{"volume, nothing", volume, "0", "USD", 0, ""},
		{"volume, first tier to its end", volume, "10", "USD", 5000, "10@5=5000"},
		{"volume, second tier", volume, "10.5", "USD", 4300, "10.5@4+100=4300"},
		{"volume, last tier", volume, "21", "USD", 6300, "21@3=6300"},
		{"graduated, nothing", graduated, "0", "USD", 0, ""},
		{"graduated, first tier to its end", graduated, "10", "USD", 5000, "10@5=5000"},
		{"graduated, the next tier reached", graduated, "10.5", "USD", 5300, "10@5=5000 0.5@4+100=300"},
		{"graduated, all tiers", graduated, "25", "USD", 10600, "10@5=5000 10@4+100=4100 5@3=1500"},
		{"graduated, first for free", free, "2500", "USD", 150, "1000@0=0 1500@0.001=150"},
	} {
		total, parts, err := c.charge.Amount(number(t, c.quantity), c.cur)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, p := range parts {
			step := p.Quantity.String() + "@" + p.Unit.String()
			if p.Flat != 0 {
				step += "+" + big.NewInt(p.Flat).String()
			}
			got = append(got, step+"="+big.NewInt(p.Amount).String())
		}
		if total.Minor != c.total || total.Currency != c.cur || strings.Join(got, " ") != c.parts {
			t.Errorf("%s: %v by %q, want %d by %q", c.name, total, got, c.total, c.parts)
		}
	}
}

func TestChargeAmountRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		charge   catalog.Charge
		quantity string
		code     string
	}{
		"a negative quantity":     {catalog.Charge{Model: catalog.PerUnit, Unit: number(t, "1")}, "-1", "quantity_negative"},
		"a negative flat one":     {catalog.Charge{Model: catalog.Flat, Unit: number(t, "1")}, "-1", "quantity_negative"},
		"too much":                {catalog.Charge{Model: catalog.PerUnit, Unit: number(t, "1000000")}, "1000000", "amount_too_large"},
		"too much in one tier":    {catalog.Charge{Model: catalog.Volume, Tiers: tiers(t, ":1000000+1")}, "100000", "amount_too_large"},
		"too much over two tiers": {catalog.Charge{Model: catalog.Graduated, Tiers: tiers(t, "100000:1000000 :1")}, "100001", "amount_too_large"},
		"no model":                {catalog.Charge{Unit: number(t, "1")}, "1", "charge_invalid"},
		"no model, nothing":       {catalog.Charge{}, "0", "charge_invalid"},
		"no tier for it":          {catalog.Charge{Model: catalog.Graduated, Tiers: tiers(t, "10:1")}, "11", "charge_invalid"},
		"no tier for it at all":   {catalog.Charge{Model: catalog.Volume}, "11", "charge_invalid"},
	} {
		total, parts, err := c.charge.Amount(number(t, c.quantity), "USD")
		if !fault.Is(err, fault.Invalid) || fault.As(err).Code != c.code || total != (money.Amount{}) || parts != nil {
			t.Errorf("%s: %v, %v, %v; want code %s", name, total, parts, err, c.code)
		}
	}
}

// wrong is the names of the fields that a refusal names, "" for no refusal.
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

func TestChargeCheck(t *testing.T) {
	t.Parallel()
	one, high := number(t, "1"), number(t, "100000000000.01")
	for _, c := range []struct {
		name   string
		charge catalog.Charge
		cur    money.Currency
		want   string
	}{
		{"per unit", catalog.Charge{Model: catalog.PerUnit, Unit: number(t, "0.000000000001")}, "USD", ""},
		{"free", catalog.Charge{Model: catalog.PerUnit}, "USD", ""},
		{"flat", catalog.Charge{Model: catalog.Flat, Unit: number(t, "9.99"), Minimum: 5}, "USD", ""},
		{"flat in yen", catalog.Charge{Model: catalog.Flat, Unit: number(t, "9.99")}, "JPY", "unit"},
		{"package", catalog.Charge{Model: catalog.Package, Unit: one, Block: 1}, "USD", ""},
		{"volume", catalog.Charge{Model: catalog.Volume, Tiers: tiers(t, "10:5 20:4+100 :3")}, "USD", ""},
		{"graduated", catalog.Charge{Model: catalog.Graduated, Tiers: tiers(t, ":5")}, "USD", ""},
		{"no model", catalog.Charge{Unit: one}, "USD", "model"},
		{"an unknown model", catalog.Charge{Model: "stairs", Unit: one}, "USD", "model"},
		{"negative unit", catalog.Charge{Model: catalog.PerUnit, Unit: number(t, "-1")}, "USD", "unit"},
		{"high unit", catalog.Charge{Model: catalog.PerUnit, Unit: high}, "USD", "unit"},
		{"negative minimum", catalog.Charge{Model: catalog.PerUnit, Unit: one, Minimum: -1}, "USD", "minimum"},
		{"high minimum", catalog.Charge{Model: catalog.PerUnit, Unit: one, Minimum: money.MaxMinor + 1}, "USD", "minimum"},
		{"block of single pieces", catalog.Charge{Model: catalog.PerUnit, Unit: one, Block: 1}, "USD", "block"},
		{"package without block", catalog.Charge{Model: catalog.Package, Unit: one}, "USD", "block"},
		{"negative block", catalog.Charge{Model: catalog.Package, Unit: one, Block: -1}, "USD", "block"},
		{"tiers of single pieces", catalog.Charge{Model: catalog.PerUnit, Unit: one, Tiers: tiers(t, ":5")}, "USD", "tiers"},
		{"tiers of packages", catalog.Charge{Model: catalog.Package, Unit: one, Block: 5, Tiers: tiers(t, ":5")}, "USD", "tiers"},
		{"unit of tiers", catalog.Charge{Model: catalog.Volume, Unit: one, Tiers: tiers(t, ":5")}, "USD", "unit"},
		{"block of tiers", catalog.Charge{Model: catalog.Volume, Block: 3, Tiers: tiers(t, ":5")}, "USD", "block"},
		{"no tiers", catalog.Charge{Model: catalog.Graduated}, "USD", "tiers"},
		{"too many tiers", catalog.Charge{Model: catalog.Graduated, Tiers: make([]catalog.Tier, catalog.MaxTiers+1)}, "USD", "tiers"},
		{"last tier with an end", catalog.Charge{Model: catalog.Graduated, Tiers: tiers(t, "10:5 20:4")}, "USD", "tiers.1.up_to"},
		{"an early tier without end", catalog.Charge{Model: catalog.Graduated, Tiers: tiers(t, ":5 :4")}, "USD", "tiers.0.up_to"},
		{"tiers that do not ascend", catalog.Charge{Model: catalog.Volume, Tiers: tiers(t, "10:5 10:4 :3")}, "USD", "tiers.1.up_to"},
		{"a first tier that holds nothing", catalog.Charge{Model: catalog.Volume, Tiers: tiers(t, "0:5 :3")}, "USD", "tiers.0.up_to"},
		{"negative prices of tiers", catalog.Charge{Model: catalog.Volume, Tiers: tiers(t, "10:-5 :3+-1")}, "USD", "tiers.0.unit tiers.1.flat"},
	} {
		if got := wrong(c.charge.Check(c.cur)); got != c.want {
			t.Errorf("%s: wrong is %q, want %q", c.name, got, c.want)
		}
	}
}

// anyNumber draws a decimal of 0 to most with up to four decimals.
func anyNumber(t *rapid.T, most int64, label string) money.Decimal {
	whole := rapid.Int64Range(0, most).Draw(t, label)
	fraction := rapid.SampledFrom([]string{"", ".5", ".25", ".0001", ".9999"}).Draw(t, label+" fraction")
	d, err := money.ParseDecimal(big.NewInt(whole).String() + fraction)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var currencies = []money.Currency{"USD", "JPY", "KWD"}

func anyCharge(t *rapid.T, models ...catalog.Model) catalog.Charge {
	c := catalog.Charge{Model: rapid.SampledFrom(models).Draw(t, "model"), Minimum: rapid.Int64Range(0, 5000).Draw(t, "minimum")}
	switch c.Model {
	case catalog.Package:
		c.Block = rapid.Int64Range(1, 50).Draw(t, "block")
	case catalog.Flat:
		unit, err := money.NewDecimal(rapid.Int64Range(0, 100).Draw(t, "unit"))
		if err != nil {
			t.Fatal(err)
		}
		c.Unit = unit
		return c
	case catalog.Volume, catalog.Graduated:
		ends := rapid.SliceOfNDistinct(rapid.Int64Range(1, 200), 0, 5, rapid.ID).Draw(t, "ends")
		slices.Sort(ends)
		for _, end := range ends {
			d, err := money.NewDecimal(end)
			if err != nil {
				t.Fatal(err)
			}
			c.Tiers = append(c.Tiers, anyTier(t, &d))
		}
		c.Tiers = append(c.Tiers, anyTier(t, nil))
		return c
	}
	c.Unit = anyNumber(t, 100, "unit")
	return c
}

func anyTier(t *rapid.T, end *money.Decimal) catalog.Tier {
	return catalog.Tier{UpTo: end, Unit: anyNumber(t, 100, "unit"), Flat: rapid.Int64Range(0, 1000).Draw(t, "flat")}
}

func ratio(d money.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic("not a number: " + d.String())
	}
	return r
}

// minor is r major units in minor units, half up.
func minor(r *big.Rat, cur money.Currency) int64 {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(cur.Digits())), nil)
	r = new(big.Rat).Add(new(big.Rat).Mul(r, new(big.Rat).SetInt(scale)), big.NewRat(1, 2))
	return new(big.Int).Div(r.Num(), r.Denom()).Int64()
}

// slowAmount prices a quantity the long way: it goes through the quantity block
// by block and tier by tier, and adds up.
func slowAmount(c catalog.Charge, quantity *big.Rat, cur money.Currency) (total int64) {
	price := func(pieces, unit *big.Rat) int64 { return minor(new(big.Rat).Mul(pieces, unit), cur) }
	switch c.Model {
	case catalog.PerUnit:
		total = price(quantity, ratio(c.Unit))
	case catalog.Flat:
		total = price(big.NewRat(1, 1), ratio(c.Unit))
	case catalog.Package:
		blocks := int64(0)
		for rest := new(big.Rat).Set(quantity); rest.Sign() > 0; rest.Sub(rest, big.NewRat(c.Block, 1)) {
			blocks++
		}
		total = price(big.NewRat(blocks, 1), ratio(c.Unit))
	case catalog.Volume, catalog.Graduated:
		floor := new(big.Rat)
		for _, tier := range c.Tiers {
			reached := quantity.Cmp(floor) > 0
			inside := tier.UpTo == nil || quantity.Cmp(ratio(*tier.UpTo)) <= 0
			pieces := new(big.Rat).Set(quantity)
			if c.Model == catalog.Graduated {
				if !inside {
					pieces.Set(ratio(*tier.UpTo))
				}
				pieces.Sub(pieces, floor)
			}
			if reached && (inside || c.Model == catalog.Graduated) {
				total += price(pieces, ratio(tier.Unit)) + tier.Flat
			}
			if tier.UpTo != nil {
				floor = ratio(*tier.UpTo)
			}
		}
	}
	return max(total, c.Minimum)
}

var allModels = []catalog.Model{catalog.PerUnit, catalog.Flat, catalog.Volume, catalog.Graduated, catalog.Package}

func TestChargeAgreesWithTheLongWay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, cur := anyCharge(t, allModels...), rapid.SampledFrom(currencies).Draw(t, "currency")
		quantity := anyNumber(t, 300, "quantity")
		if err := c.Check(cur); err != nil {
			t.Fatal(err)
		}
		total, parts, err := c.Amount(quantity, cur)
		if err != nil {
			t.Fatal(err)
		}
		if want := slowAmount(c, ratio(quantity), cur); total.Minor != want || total.Currency != cur {
			t.Fatalf("%v costs %v, the long way %d minor units", quantity, total, want)
		}
		var sum int64
		for _, p := range parts {
			sum += p.Amount
			if want := minor(new(big.Rat).Mul(ratio(p.Quantity), ratio(p.Unit)), cur) + p.Flat; p.Amount != want {
				t.Fatalf("part %+v should be %d", p, want)
			}
		}
		if max(sum, c.Minimum) != total.Minor {
			t.Fatalf("the parts of %v sum to %d, the least is %d", total, sum, c.Minimum)
		}
	})
}

// More never costs less where every piece has a price of its own. (By volume it
// may: the price of all pieces falls at the next tier.)
func TestChargesAreMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, cur := anyCharge(t, catalog.PerUnit, catalog.Flat, catalog.Graduated, catalog.Package), rapid.SampledFrom(currencies).Draw(t, "currency")
		less, more := anyNumber(t, 300, "less"), anyNumber(t, 300, "more")
		if less.Cmp(more) > 0 {
			less, more = more, less
		}
		a, _, err := c.Amount(less, cur)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := c.Amount(more, cur)
		if err != nil {
			t.Fatal(err)
		}
		if a.Cmp(b) > 0 {
			t.Fatalf("%v costs %v, and %v only %v", less, a, more, b)
		}
	})
}

// The models meet: one tier is per unit, and so is a package of one piece.
func TestModelsMeet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		perUnit, cur := anyCharge(t, catalog.PerUnit), rapid.SampledFrom(currencies).Draw(t, "currency")
		quantity := anyNumber(t, 300, "quantity")
		whole, err := money.NewDecimal(rapid.Int64Range(0, 300).Draw(t, "whole"))
		if err != nil {
			t.Fatal(err)
		}
		tier := []catalog.Tier{{Unit: perUnit.Unit}}
		for _, c := range []struct {
			charge   catalog.Charge
			quantity money.Decimal
		}{
			{catalog.Charge{Model: catalog.Graduated, Tiers: tier, Minimum: perUnit.Minimum}, quantity},
			{catalog.Charge{Model: catalog.Volume, Tiers: tier, Minimum: perUnit.Minimum}, quantity},
			{catalog.Charge{Model: catalog.Package, Unit: perUnit.Unit, Block: 1, Minimum: perUnit.Minimum}, whole},
		} {
			want, wantParts, err := perUnit.Amount(c.quantity, cur)
			if err != nil {
				t.Fatal(err)
			}
			got, parts, err := c.charge.Amount(c.quantity, cur)
			if err != nil || got != want || !slices.Equal(parts, wantParts) {
				t.Fatalf("%v of %v is %v by %v, %v; per unit it is %v by %v", c.charge.Model, c.quantity, got, parts, err, want, wantParts)
			}
		}
	})
}
