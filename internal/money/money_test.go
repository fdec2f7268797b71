package money_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/fault"
	"perennial/internal/money"
)

func amount(t testing.TB, major string, c money.Currency) money.Amount {
	t.Helper()
	a, err := money.ParseMajor(major, c)
	if err != nil {
		t.Fatalf("%s %s: %v", major, c, err)
	}
	return a
}

func rate(t testing.TB, s string) money.Rate {
	t.Helper()
	r, err := money.ParseRate(s)
	if err != nil {
		t.Fatalf("rate %s: %v", s, err)
	}
	return r
}

func refused(t *testing.T, what string, err error, code string) {
	t.Helper()
	if !fault.Is(err, fault.Invalid) || fault.As(err).Code != code {
		t.Errorf("%s gives %v (code %q), want a refusal with code %q", what, err, fault.As(err).Code, code)
	}
}

func TestParseCurrency(t *testing.T) {
	t.Parallel()
	for s, digits := range map[string]int{"USD": 2, "usd": 2, "Jpy": 0, "KWD": 3, "ISK": 0, "UGX": 0, "HUF": 2, "XOF": 0, "XCG": 2, "ZWG": 2} {
		c, err := money.ParseCurrency(s)
		if err != nil || c.Digits() != digits || !c.Known() {
			t.Errorf("%s is %q with %d digits, %v; want %d", s, c, c.Digits(), err, digits)
		}
	}
	for _, s := range []string{"", "US", "USDD", "XXX", "XAU", "CLF", "UYW", "XDR", "U\u0405D", "\u212aRW", " USD", "US1"} {
		c, err := money.ParseCurrency(s)
		refused(t, s, err, "currency_unknown")
		if c != "" {
			t.Errorf("%q gave the currency %q", s, c)
		}
	}
}

func TestNewAndLimit(t *testing.T) {
	t.Parallel()
	for _, minor := range []int64{0, 1, -1, money.MaxMinor, -money.MaxMinor} {
		if a, err := money.New(minor, "USD"); err != nil || a.Minor != minor {
			t.Errorf("New(%d) = %v, %v", minor, a, err)
		}
	}
	for _, minor := range []int64{money.MaxMinor + 1, -money.MaxMinor - 1, 1<<53 + 1, math.MaxInt64, math.MinInt64} {
		_, err := money.New(minor, "USD")
		refused(t, fmt.Sprint(minor), err, "amount_too_large")
	}
	_, err := money.New(1, "")
	refused(t, "no currency", err, "currency_unknown")
}

func TestAddSub(t *testing.T) {
	t.Parallel()
	most := money.Amount{Minor: money.MaxMinor, Currency: "USD"}
	one := money.Amount{Minor: 1, Currency: "USD"}
	_, err := most.Add(one)
	refused(t, "sum beyond the limit", err, "amount_too_large")
	_, err = most.Neg().Sub(one)
	refused(t, "difference beyond the limit", err, "amount_too_large")
	huge := money.Amount{Minor: math.MaxInt64, Currency: "USD"}
	_, err = huge.Add(huge)
	refused(t, "sum beyond 64 bits", err, "amount_too_large")
	_, err = huge.Neg().Sub(huge)
	refused(t, "difference beyond 64 bits", err, "amount_too_large")
	_, err = one.Add(money.Amount{Minor: 1, Currency: "EUR"})
	refused(t, "two currencies", err, "currency_mismatch")
	_, err = one.Sub(money.Zero("EUR"))
	refused(t, "two currencies, one zero", err, "currency_mismatch")
	if a, err := (money.Amount{}).Add(one); err != nil || a != one {
		t.Errorf("no money and one = %v, %v", a, err)
	}
	if a, err := (money.Amount{}).Sub(one); err != nil || a != one.Neg() {
		t.Errorf("no money less one = %v, %v", a, err)
	}
	if a, err := money.Sum(one, one, one.Neg(), most.Neg(), money.Amount{}); err != nil || a.Minor != 1-money.MaxMinor || a.Currency != "USD" {
		t.Errorf("sum is %v, %v", a, err)
	}
	if a, err := money.Sum(); err != nil || a != (money.Amount{}) {
		t.Errorf("sum of none is %v, %v", a, err)
	}
}

func TestAddSubAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := money.Amount{Minor: rapid.Int64().Draw(t, "a"), Currency: "USD"}
		b := money.Amount{Minor: rapid.Int64().Draw(t, "b"), Currency: "USD"}
		check := func(got money.Amount, err error, want *big.Int) {
			fits := new(big.Int).Abs(want).Cmp(big.NewInt(money.MaxMinor)) <= 0
			if fits != (err == nil) || (fits && got.Minor != want.Int64()) {
				t.Fatalf("got %v, %v; exact is %v", got, err, want)
			}
		}
		sum, err := a.Add(b)
		check(sum, err, new(big.Int).Add(big.NewInt(a.Minor), big.NewInt(b.Minor)))
		difference, err := a.Sub(b)
		check(difference, err, new(big.Int).Sub(big.NewInt(a.Minor), big.NewInt(b.Minor)))
	})
}

func TestRounding(t *testing.T) {
	t.Parallel()
	roundings := []money.Rounding{money.HalfUp, money.HalfEven, money.Down, money.Up}
	for _, c := range []struct {
		minor, num, den int64
		want            [4]int64
	}{
		{1, 1, 2, [4]int64{1, 0, 0, 1}},
		{3, 1, 2, [4]int64{2, 2, 1, 2}},
		{-1, 1, 2, [4]int64{-1, 0, 0, -1}},
		{-3, 1, 2, [4]int64{-2, -2, -1, -2}},
		{1, 1, 3, [4]int64{0, 0, 0, 1}},
		{2, 1, 3, [4]int64{1, 1, 0, 1}},
		{-2, 1, 3, [4]int64{-1, -1, 0, -1}},
		{6, 1, 3, [4]int64{2, 2, 2, 2}},
		{5, -1, 2, [4]int64{-3, -2, -2, -3}},
		{0, 7, 3, [4]int64{}},
	} {
		for i, r := range roundings {
			got, err := money.Amount{Minor: c.minor, Currency: "USD"}.MulRatio(c.num, c.den, r)
			if err != nil || got.Minor != c.want[i] {
				t.Errorf("%d x %d/%d %v = %d, %v; want %d", c.minor, c.num, c.den, r, got.Minor, err, c.want[i])
			}
		}
	}
	_, err := money.Zero("USD").MulRatio(1, 0, money.HalfUp)
	refused(t, "division by zero", err, "")
}

// exact rounds num / den with rational numbers, the slow and obvious way.
func exact(num, den *big.Int, r money.Rounding) *big.Int {
	negative := num.Sign()*den.Sign() < 0
	ratio := new(big.Rat).SetFrac(new(big.Int).Abs(num), new(big.Int).Abs(den))
	floor := new(big.Int).Quo(ratio.Num(), ratio.Denom())
	rest := new(big.Rat).Sub(ratio, new(big.Rat).SetInt(floor))
	half := rest.Cmp(big.NewRat(1, 2))
	if (r == money.HalfUp && half >= 0) || (r == money.Up && rest.Sign() > 0) ||
		(r == money.HalfEven && (half > 0 || (half == 0 && floor.Bit(0) == 1))) {
		floor.Add(floor, big.NewInt(1))
	}
	if negative {
		floor.Neg(floor)
	}
	return floor
}

var anyRounding = rapid.SampledFrom([]money.Rounding{money.HalfUp, money.HalfEven, money.Down, money.Up})

func within(t *rapid.T, got money.Amount, err error, want *big.Int) {
	fits := new(big.Int).Abs(want).Cmp(big.NewInt(money.MaxMinor)) <= 0
	if fits != (err == nil) || (fits && got.Minor != want.Int64()) {
		t.Fatalf("got %v, %v; exact is %v", got, err, want)
	}
}

func TestMulRatioIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minor := rapid.Int64Range(-money.MaxMinor, money.MaxMinor).Draw(t, "minor")
		num := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1000, 1000)).Draw(t, "num")
		den := rapid.OneOf(rapid.Int64Range(1, math.MaxInt64), rapid.Int64Range(1, 1000)).Draw(t, "den")
		r := anyRounding.Draw(t, "rounding")
		got, err := money.Amount{Minor: minor, Currency: "USD"}.MulRatio(num, den, r)
		within(t, got, err, exact(new(big.Int).Mul(big.NewInt(minor), big.NewInt(num)), big.NewInt(den), r))
		back, backErr := money.Amount{Minor: -minor, Currency: "USD"}.MulRatio(num, den, r)
		if (err == nil) != (backErr == nil) || back.Minor != -got.Minor {
			t.Fatalf("the reverse is %v, not %v", back, got.Neg())
		}
	})
}

func TestTimes(t *testing.T) {
	t.Parallel()
	if a, err := (money.Amount{Minor: 1999, Currency: "USD"}).Times(3); err != nil || a.Minor != 5997 {
		t.Errorf("3 x 19.99 = %v, %v", a, err)
	}
	for _, quantity := range []int64{math.MaxInt64, math.MinInt64, money.MaxMinor} {
		_, err := money.Amount{Minor: 2, Currency: "USD"}.Times(quantity)
		refused(t, fmt.Sprint("times ", quantity), err, "amount_too_large")
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ major, rate, tax, within string }{
		{"100.00", "0.19", "19.00", "15.97"},
		{"119.00", "0.19", "22.61", "19.00"},
		{"-119.00", "0.19", "-22.61", "-19.00"},
		{"0.01", "0.5", "0.01", "0.00"},
		{"10.00", "0.0725", "0.73", "0.68"},
		{"10.00", "-0.5", "-5.00", "-10.00"},
		{"99999999999.99", "1", "99999999999.99", "50000000000.00"},
	} {
		a := amount(t, c.major, "EUR")
		tax, err := a.MulRate(rate(t, c.rate), money.HalfUp)
		if err != nil || tax.Major() != c.tax {
			t.Errorf("%s x %s = %v, %v; want %s", c.major, c.rate, tax, err, c.tax)
		}
		inside, err := a.RateWithin(rate(t, c.rate), money.HalfUp)
		if err != nil || inside.Major() != c.within {
			t.Errorf("%s within %s = %v, %v; want %s", c.rate, c.major, inside, err, c.within)
		}
	}
	if _, err := amount(t, "1.00", "EUR").RateWithin(rate(t, "-1"), money.HalfUp); err == nil {
		t.Error("an amount that is -100% of itself was split")
	}
	for percent, want := range map[string]string{"19": "0.19", "7.25": "0.0725", "100": "1", "0": "0", "-12.5": "-0.125", "1000": "10", "20.0": "0.2"} {
		r, err := money.ParsePercent(percent)
		if err != nil || r.String() != want {
			t.Errorf("%s%% is %v, %v; want %s", percent, r, err, want)
		}
		if again, err := money.ParsePercent(r.Percent()); err != nil || again != r {
			t.Errorf("%v is spelt %s%%, which reads as %v, %v", r, r.Percent(), again, err)
		}
	}
	for _, s := range []string{"1000.1", "-1001", "1e-2", "", "0,19", "19%", "0.1234567890123"} {
		if _, err := money.ParseRate(s); !fault.Is(err, fault.Invalid) {
			t.Errorf("rate %q: %v", s, err)
		}
	}
}

func TestUnitPrice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		price    string
		currency money.Currency
		quantity string
		want     string
	}{
		{"0.0025", "USD", "1234", "3.09"},
		{"0.0025", "USD", "2", "0.01"},
		{"0.0025", "USD", "1", "0.00"},
		{"0.000000000001", "USD", "5000000000", "0.01"},
		{"19.99", "USD", "3", "59.97"},
		{"80", "EUR", "1.5", "120.00"},
		{"0.1", "JPY", "15", "2"},
		{"0.0005", "KWD", "3", "0.002"},
		{"0.0025", "USD", "-1234", "-3.09"},
	} {
		p, err := money.ParseUnitPrice(c.price, c.currency)
		if err != nil || p.String() != c.price {
			t.Fatalf("price %s is %v, %v", c.price, p, err)
		}
		q, err := money.ParseDecimal(c.quantity)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.TimesDecimal(q, money.HalfUp)
		if err != nil || got.Major() != c.want || got.Currency != c.currency {
			t.Errorf("%s x %s = %v, %v; want %s", c.quantity, c.price, got, err, c.want)
		}
	}
	p, _ := money.ParseUnitPrice("0.01", "USD")
	for _, quantity := range []int64{money.MaxMinor + 1, math.MaxInt64, math.MinInt64} {
		_, err := p.Times(quantity, money.HalfUp)
		refused(t, fmt.Sprint(quantity, " units"), err, "amount_too_large")
	}
	if _, err := money.ParseUnitPrice("1", "XXX"); err == nil {
		t.Error("a price in no currency was read")
	}
}

func TestUnitPriceIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`-?[0-9]{1,6}(\.[0-9]{1,12})?`).Draw(t, "price")
		q := rapid.StringMatching(`-?[0-9]{1,8}(\.[0-9]{1,10})?`).Draw(t, "quantity")
		c := rapid.SampledFrom([]money.Currency{"USD", "JPY", "KWD"}).Draw(t, "currency")
		r := anyRounding.Draw(t, "rounding")
		price, err := money.ParseUnitPrice(s, c)
		if err != nil {
			t.Fatal(err)
		}
		quantity, err := money.ParseDecimal(q)
		if err != nil {
			t.Fatal(err)
		}
		product, _ := new(big.Rat).SetString(s)
		factor, _ := new(big.Rat).SetString(q)
		product.Mul(product, factor)
		for range c.Digits() {
			product.Mul(product, big.NewRat(10, 1))
		}
		got, err := price.TimesDecimal(quantity, r)
		within(t, got, err, exact(product.Num(), product.Denom(), r))
	})
}

func TestUnitPriceOfAmount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom([]money.Currency{"USD", "JPY", "KWD"}).Draw(t, "currency")
		a := money.Amount{Minor: rapid.Int64Range(-money.MaxMinor, money.MaxMinor).Draw(t, "minor"), Currency: c}
		if got, err := money.UnitPriceOf(a).Times(1, money.HalfUp); err != nil || got != a {
			t.Fatalf("one unit at %v costs %v, %v", a, got, err)
		}
	})
}

func TestDecimal(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{"0": "0", "-0": "0", "1.50": "1.5", "007": "7", "-0.10": "-0.1", "100": "100",
		"99999999999999999": "99999999999999999", "0.000000000001": "0.000000000001"} {
		d, err := money.ParseDecimal(s)
		if err != nil || d.String() != want {
			t.Errorf("%q is %v, %v; want %s", s, d, err, want)
		}
	}
	for _, s := range []string{"", "-", "+1", ".5", "5.", "1.2.3", "--1", "1e5", "0x1", "NaN", "Inf", "1,5", " 1", "1 ", "1_000",
		"0.0000000000001", "9999999999999999999", "\u0661", "1\x00"} {
		if d, err := money.ParseDecimal(s); !fault.Is(err, fault.Invalid) || d != (money.Decimal{}) {
			t.Errorf("%q is %v, %v; want a refusal", s, d, err)
		}
	}
	a, _ := money.ParseDecimal("0.1")
	b, _ := money.ParseDecimal("0.099999999999")
	if a.Cmp(b) != 1 || b.Cmp(a) != -1 || a.Cmp(a) != 0 {
		t.Error("0.1 is not above 0.099999999999")
	}
	if _, err := money.NewDecimal(math.MinInt64); err == nil {
		t.Error("a whole number of 19 digits was taken")
	}
}

func TestAllocate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor   int64
		weights []int64
		want    []int64
	}{
		{100, []int64{1, 1, 1}, []int64{34, 33, 33}},
		{-100, []int64{1, 1, 1}, []int64{-34, -33, -33}},
		{5, []int64{3, 7}, []int64{2, 3}}, // 1.5 and 3.5: the first of equal remainders
		{100, []int64{0, 1, 0, 2}, []int64{0, 33, 0, 67}},
		{2, []int64{0, 5, 5, 5}, []int64{0, 1, 1, 0}},
		{0, []int64{1, 2}, []int64{0, 0}},
		{money.MaxMinor, []int64{math.MaxInt64 - 1, 1}, []int64{money.MaxMinor, 0}},
		{7, []int64{9}, []int64{7}},
	} {
		parts, err := money.Amount{Minor: c.minor, Currency: "USD"}.Allocate(c.weights)
		got := make([]int64, len(parts))
		for i, p := range parts {
			got[i] = p.Minor
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%d by %v = %v, %v; want %v", c.minor, c.weights, got, err, c.want)
		}
	}
	for _, weights := range [][]int64{nil, {}, {0, 0}, {1, -1}, {-1, 5}, {math.MaxInt64, 1}} {
		if _, err := (money.Amount{Minor: 1, Currency: "USD"}).Allocate(weights); !fault.Is(err, fault.Invalid) {
			t.Errorf("weights %v: %v", weights, err)
		}
	}
}

func TestAllocateSums(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := money.Amount{Minor: rapid.Int64Range(-money.MaxMinor, money.MaxMinor).Draw(t, "minor"), Currency: "EUR"}
		weights := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 5), rapid.Int64Range(0, math.MaxInt64/50)), 1, 50).Draw(t, "weights")
		weights[0]++ // so that one is above 0
		var total int64
		for _, w := range weights {
			total += w
		}
		parts, err := a.Allocate(weights)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := money.Sum(parts...)
		if err != nil || sum != a {
			t.Fatalf("the parts sum to %v, %v; want %v", sum, err, a)
		}
		reverse, err := a.Neg().Allocate(weights)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range parts {
			low, err := a.MulRatio(weights[i], total, money.Down)
			if err != nil {
				t.Fatal(err)
			}
			high, err := a.MulRatio(weights[i], total, money.Up)
			if err != nil {
				t.Fatal(err)
			}
			if p != low && p != high {
				t.Fatalf("part %d is %v, its exact share lies between %v and %v", i, p, low, high)
			}
			if reverse[i] != p.Neg() {
				t.Fatalf("part %d of the reverse is %v, not %v", i, reverse[i], p.Neg())
			}
		}
	})
}

// A period cut in two: what Allocate gives each side is the half-up share of one
// and the rest for the other.
func TestAllocateAgreesWithRatio(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := money.Amount{Minor: rapid.Int64Range(-money.MaxMinor, money.MaxMinor).Draw(t, "minor"), Currency: "EUR"}
		den := rapid.Int64Range(1, 366*24*3600).Draw(t, "den")
		num := rapid.Int64Range(0, den).Draw(t, "num")
		parts, err := a.Allocate([]int64{num, den - num})
		if err != nil {
			t.Fatal(err)
		}
		used, err := a.MulRatio(num, den, money.HalfUp)
		if err != nil {
			t.Fatal(err)
		}
		if parts[0] != used {
			t.Fatalf("allocated %v, half up %v", parts[0], used)
		}
	})
}
