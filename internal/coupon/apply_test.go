package coupon_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/coupon"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

var (
	scopes = []coupon.Scope{coupon.First, coupon.FirstNoSplit, coupon.Rebills, coupon.Split, coupon.AllNoSplit, coupon.All}
	kinds  = []coupon.LineKind{coupon.PeriodLine, coupon.ProductLine, coupon.SetupLine, coupon.TrialLine, coupon.SplitLine, coupon.OverageLine,
		coupon.ShippingLine, coupon.BumpLine}
)

func share(n id.Coupon, percentage string) coupon.Discount {
	return coupon.Discount{Coupon: n, Kind: coupon.Percent, Percent: percent(percentage), AppliesTo: coupon.All, Left: coupon.Forever}
}

func fixed(n id.Coupon, minor int64) coupon.Discount {
	return coupon.Discount{Coupon: n, Kind: coupon.Fixed, Amount: minor, AppliesTo: coupon.All, Left: coupon.Forever}
}

func line(minor int64, kind coupon.LineKind) coupon.Eligible {
	return coupon.Eligible{Amount: usd(minor), Kind: kind, First: true}
}

func TestApply(t *testing.T) {
	t.Parallel()
	setup := share(1, "50")
	setup.IncludeSetup = true
	whole := fixed(4, 300)
	whole.IncludeShipping = true
	spent := fixed(2, 100)
	spent.Left = 0
	for _, c := range []struct {
		name      string
		discounts []coupon.Discount
		lines     []coupon.Eligible
		off       []coupon.Off
		used      []bool
	}{
		{"each line is rounded half up", []coupon.Discount{share(1, "10")}, []coupon.Eligible{line(1005, coupon.PeriodLine), line(14, coupon.ProductLine)},
			[]coupon.Off{{0, 1, usd(101)}, {1, 1, usd(1)}}, []bool{true}},
		{"a percentage, then an amount", []coupon.Discount{share(1, "50"), fixed(2, 300)}, []coupon.Eligible{line(1000, coupon.PeriodLine)},
			[]coupon.Off{{0, 1, usd(500)}, {0, 2, usd(300)}}, []bool{true, true}},
		{"an amount, then a percentage", []coupon.Discount{fixed(2, 300), share(1, "50")}, []coupon.Eligible{line(1000, coupon.PeriodLine)},
			[]coupon.Off{{0, 2, usd(300)}, {0, 1, usd(350)}}, []bool{true, true}},
		{"an amount is spread", []coupon.Discount{fixed(2, 100)}, []coupon.Eligible{line(1000, coupon.PeriodLine), line(900, coupon.BumpLine), line(2000, coupon.ProductLine)},
			[]coupon.Off{{0, 2, usd(33)}, {2, 2, usd(67)}}, []bool{true}},
		{"the rest of a larger amount expires", []coupon.Discount{fixed(2, 5000), fixed(3, 1)}, []coupon.Eligible{line(1000, coupon.PeriodLine)},
			[]coupon.Off{{0, 2, usd(1000)}}, []bool{true, false}},
		{"the setup fee is left alone", []coupon.Discount{share(1, "50")}, []coupon.Eligible{line(1000, coupon.SetupLine), line(200, coupon.PeriodLine)},
			[]coupon.Off{{1, 1, usd(100)}}, []bool{true}},
		{"the setup fee is included", []coupon.Discount{setup}, []coupon.Eligible{line(1000, coupon.SetupLine), line(200, coupon.PeriodLine)},
			[]coupon.Off{{0, 1, usd(500)}, {1, 1, usd(100)}}, []bool{true}},
		{"shipping is included", []coupon.Discount{whole}, []coupon.Eligible{line(1000, coupon.PeriodLine), line(500, coupon.ShippingLine), line(500, coupon.OverageLine)},
			[]coupon.Off{{0, 4, usd(200)}, {1, 4, usd(100)}}, []bool{true}},
		{"never on extras", []coupon.Discount{share(1, "100")}, []coupon.Eligible{line(1, coupon.OverageLine), line(1, coupon.ShippingLine), line(1, coupon.BumpLine)},
			nil, []bool{false}},
		{"a free trial uses no cycle, a paid one does", []coupon.Discount{share(1, "100")}, []coupon.Eligible{line(0, coupon.TrialLine)}, nil, []bool{false}},
		{"a paid trial", []coupon.Discount{share(1, "100")}, []coupon.Eligible{line(100, coupon.TrialLine)}, []coupon.Off{{0, 1, usd(100)}}, []bool{true}},
		{"credit lines are left alone", []coupon.Discount{share(1, "10")}, []coupon.Eligible{line(-500, coupon.PeriodLine), line(1000, coupon.PeriodLine)},
			[]coupon.Off{{1, 1, usd(100)}}, []bool{true}},
		{"too little to round", []coupon.Discount{share(1, "10")}, []coupon.Eligible{line(4, coupon.PeriodLine)}, nil, []bool{false}},
		{"no cycles left", []coupon.Discount{spent}, []coupon.Eligible{line(4, coupon.PeriodLine)}, nil, []bool{false}},
		{"nothing to apply to", []coupon.Discount{share(1, "10")}, nil, nil, []bool{false}},
	} {
		off, used, err := coupon.Apply(c.discounts, c.lines)
		if err != nil || !slices.Equal(off, c.off) || !slices.Equal(used, c.used) {
			t.Errorf("%s: %v %v, want %v %v: %v", c.name, off, used, c.off, c.used, err)
		}
	}
	other := coupon.Eligible{Amount: money.Amount{Minor: 5, Currency: "EUR"}, Kind: coupon.PeriodLine}
	if _, _, err := coupon.Apply([]coupon.Discount{share(1, "10")}, []coupon.Eligible{line(5, coupon.PeriodLine), other}); codeOf(err) != "currency_mismatch" {
		t.Errorf("two currencies answer %v", err)
	}
	huge := []coupon.Eligible{line(money.MaxMinor, coupon.PeriodLine), line(money.MaxMinor, coupon.PeriodLine)}
	if _, _, err := coupon.Apply([]coupon.Discount{fixed(2, 1)}, huge); !fault.Is(err, fault.Invalid) {
		t.Errorf("lines beyond the limit answer %v", err)
	}
}

// The table of the package comment, spelt again.
func TestScopes(t *testing.T) {
	t.Parallel()
	table := map[coupon.Scope][4]bool{ // first whole, first split, later whole, later split
		coupon.First:        {true, true, false, false},
		coupon.FirstNoSplit: {true, false, false, false},
		coupon.Rebills:      {false, false, true, false},
		coupon.Split:        {false, true, false, true},
		coupon.AllNoSplit:   {true, false, true, false},
		coupon.All:          {true, true, true, true},
	}
	for scope, wants := range table {
		for i, want := range wants {
			for _, kind := range kinds {
				if (kind == coupon.SplitLine) != (i%2 == 1) {
					continue
				}
				for _, setup := range []bool{false, true} {
					d := fixed(1, 1)
					d.AppliesTo, d.IncludeSetup = scope, setup
					_, used, err := coupon.Apply([]coupon.Discount{d}, []coupon.Eligible{{Amount: usd(100), Kind: kind, First: i < 2}})
					never := slices.Contains([]coupon.LineKind{coupon.OverageLine, coupon.ShippingLine, coupon.BumpLine}, kind) || kind == coupon.SetupLine && !setup
					if err != nil || used[0] != (want && !never) {
						t.Errorf("%s on a %s line, first %t, setup %t: taken is %t, %v", scope, kind, i < 2, setup, used[0], err)
					}
				}
			}
		}
	}
}

func drawLines(t *rapid.T) []coupon.Eligible {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) coupon.Eligible {
		return coupon.Eligible{Amount: usd(rapid.Int64Range(-500, 20_000).Draw(t, "amount")), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), First: rapid.Bool().Draw(t, "first")}
	}), 0, 6).Draw(t, "lines")
}

func drawDiscounts(t *rapid.T) []coupon.Discount {
	var n id.Coupon
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) coupon.Discount {
		n++
		d := fixed(n, rapid.Int64Range(1, 30_000).Draw(t, "amount"))
		if rapid.Bool().Draw(t, "share") {
			d = coupon.Discount{Coupon: n, Kind: coupon.Percent, Percent: percent(money.Amount{Minor: rapid.Int64Range(1, 10_000).Draw(t, "percent"), Currency: "USD"}.Major())}
		}
		d.AppliesTo, d.Left, d.IncludeSetup = rapid.SampledFrom(scopes).Draw(t, "scope"), rapid.IntRange(-1, 3).Draw(t, "left"), rapid.Bool().Draw(t, "setup")
		return d
	}), 0, coupon.MaxStack).Draw(t, "discounts")
}

// replay walks through off as the discounts gave it and checks each against what the
// earlier ones left: the slow and obvious account of what Apply promises.
func replay(t *rapid.T, discounts []coupon.Discount, lines []coupon.Eligible, off []coupon.Off, used []bool) (left []int64) {
	for _, l := range lines {
		left = append(left, l.Amount.Minor)
	}
	for n, d := range discounts {
		before := slices.Clone(left)
		var sum, open int64
		seen := map[int]int64{}
		for len(off) > 0 && off[0].Coupon == d.Coupon {
			o := off[0]
			off = off[1:]
			if _, twice := seen[o.Line]; twice || o.Amount.Minor <= 0 || o.Amount.Currency != "USD" || o.Amount.Minor > before[o.Line] {
				t.Fatalf("discount %d takes %+v of %d", n, o, before[o.Line])
			}
			seen[o.Line] = o.Amount.Minor
			left[o.Line] -= o.Amount.Minor
			sum += o.Amount.Minor
		}
		if used[n] != (sum > 0) || sum > 0 && d.Left == 0 {
			t.Fatalf("discount %d with %d left took %d and used is %t", n, d.Left, sum, used[n])
		}
		if d.Left == 0 {
			continue
		}
		for i, l := range lines {
			if before[i] > 0 && touches(d, l) {
				open += before[i]
				if d.Kind == coupon.Percent {
					want, err := usd(before[i]).MulRate(d.Percent, money.HalfUp)
					if err != nil || seen[i] != want.Minor {
						t.Fatalf("discount %d takes %d of %d, want %d", n, seen[i], before[i], want.Minor)
					}
				}
			} else if seen[i] != 0 {
				t.Fatalf("discount %d takes %d of line %d, which it may not touch", n, seen[i], i)
			}
		}
		if d.Kind == coupon.Fixed && sum != min(d.Amount, open) {
			t.Fatalf("discount %d of %d takes %d of %d", n, d.Amount, sum, open)
		}
	}
	if len(off) > 0 {
		t.Fatalf("%v is out of the order of the discounts", off)
	}
	return left
}

// touches says in words of its own which lines a discount is for.
func touches(d coupon.Discount, l coupon.Eligible) bool {
	if l.Kind == coupon.OverageLine || l.Kind == coupon.ShippingLine || l.Kind == coupon.BumpLine || l.Kind == coupon.SetupLine && !d.IncludeSetup {
		return false
	}
	split := l.Kind == coupon.SplitLine
	return d.AppliesTo == coupon.All || d.AppliesTo == coupon.AllNoSplit && !split || d.AppliesTo == coupon.Split && split ||
		l.First && (d.AppliesTo == coupon.First || d.AppliesTo == coupon.FirstNoSplit && !split) || !l.First && d.AppliesTo == coupon.Rebills && !split
}

func TestApplyKeepsItsRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		discounts, lines := drawDiscounts(t), drawLines(t)
		off, used, err := coupon.Apply(discounts, lines)
		if err != nil {
			t.Fatal(err)
		}
		left := replay(t, discounts, lines, off, used)
		for i, l := range lines {
			if l.Amount.Minor <= 0 && left[i] != l.Amount.Minor || l.Amount.Minor > 0 && left[i] < 0 {
				t.Fatalf("line %d of %v is left with %d", i, l.Amount, left[i])
			}
		}
		for n, d := range coupon.Spend(discounts, used) {
			if d.Left == 0 {
				t.Fatalf("discount %d was kept without cycles", n)
			}
		}
	})
}

func TestAllOffIsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lines := drawLines(t)
		for i := range lines {
			lines[i].Kind, lines[i].Amount = coupon.PeriodLine, lines[i].Amount.Abs()
		}
		before := drawDiscounts(t)
		off, _, err := coupon.Apply(append(before, share(99, "100")), lines)
		if err != nil {
			t.Fatal(err)
		}
		var total int64
		for _, l := range lines {
			total += l.Amount.Minor
		}
		for _, o := range off {
			total -= o.Amount.Minor
		}
		if total != 0 {
			t.Fatalf("100 per cent off leaves %d", total)
		}
	})
}

// A fixed amount first takes no more off than the percentage first, and
// two fixed amounts take the same in any order.
func TestOrderOfDiscounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		price := rapid.Int64Range(1, 50_000).Draw(t, "price")
		lines := []coupon.Eligible{line(price, coupon.PeriodLine)}
		five, three := fixed(1, rapid.Int64Range(1, 30_000).Draw(t, "first")), fixed(2, rapid.Int64Range(1, 30_000).Draw(t, "second"))
		half := share(3, money.Amount{Minor: rapid.Int64Range(1, 10_000).Draw(t, "percent"), Currency: "USD"}.Major())
		sum := func(discounts ...coupon.Discount) (total int64) {
			off, _, err := coupon.Apply(discounts, lines)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range off {
				total += o.Amount.Minor
			}
			return total
		}
		if a, b := sum(five, three), sum(three, five); a != b || a != min(price, five.Amount+three.Amount) {
			t.Fatalf("fixed amounts take %d and %d", a, b)
		}
		if a, b := sum(five, half), sum(half, five); a > b {
			t.Fatalf("an amount first takes %d, the percentage first %d", a, b)
		}
	})
}
