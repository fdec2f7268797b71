package coupon_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/coupon"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

var now = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

func percent(s string) money.Rate {
	r, err := money.ParsePercent(s)
	if err != nil {
		panic(err)
	}
	return r
}

func decimal(s string) money.Decimal {
	d, err := money.ParseDecimal(s)
	if err != nil {
		panic(err)
	}
	return d
}

func usd(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }

func tenPercent() coupon.Coupon {
	return coupon.Coupon{ID: 1, Account: 2, Code: "SPRING-10", Name: "Spring", Kind: coupon.Percent, Percent: percent("10"), AppliesTo: coupon.All,
		State: coupon.Active, CreatedAt: now}
}

func fiveDollars() coupon.Coupon {
	c := tenPercent()
	c.ID, c.Code, c.Kind, c.Percent, c.Amount = 3, "FIVE", coupon.Fixed, money.Rate{}, usd(500)
	return c
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []coupon.Coupon{tenPercent(), fiveDollars()} {
		if err := c.Check(); err != nil {
			t.Errorf("%s is refused: %v", c.Code, err)
		}
	}
	for _, bad := range []struct {
		field  string
		from   coupon.Coupon
		change func(c *coupon.Coupon)
	}{
		{"code", tenPercent(), func(c *coupon.Coupon) { c.Code = "spring" }},
		{"code", tenPercent(), func(c *coupon.Coupon) { c.Code = "" }},
		{"code", tenPercent(), func(c *coupon.Coupon) { c.Code = "4242424242424242" }},
		{"name", tenPercent(), func(c *coupon.Coupon) { c.Name = "a\nb" }},
		{"name", tenPercent(), func(c *coupon.Coupon) { c.Name = strings.Repeat("x", 201) }},
		{"kind", tenPercent(), func(c *coupon.Coupon) { c.Kind = "gift" }},
		{"percent", tenPercent(), func(c *coupon.Coupon) { c.Percent = percent("100.01") }},
		{"percent", tenPercent(), func(c *coupon.Coupon) { c.Percent = money.Rate{} }},
		{"amount", tenPercent(), func(c *coupon.Coupon) { c.Amount = usd(1) }},
		{"percent", fiveDollars(), func(c *coupon.Coupon) { c.Percent = percent("1") }},
		{"amount", fiveDollars(), func(c *coupon.Coupon) { c.Amount.Minor = 0 }},
		{"currency", fiveDollars(), func(c *coupon.Coupon) { c.Amount.Currency = "XXX" }},
		{"applies_to", tenPercent(), func(c *coupon.Coupon) { c.AppliesTo = "some" }},
		{"cycles", tenPercent(), func(c *coupon.Coupon) { c.AppliesTo, c.Cycles = coupon.First, 2 }},
		{"cycles", tenPercent(), func(c *coupon.Coupon) { c.Cycles = -1 }},
		{"starts_on", tenPercent(), func(c *coupon.Coupon) { c.StartsOn = "2026-02-30" }},
		{"ends_on", tenPercent(), func(c *coupon.Coupon) { c.StartsOn, c.EndsOn = "2026-02-02", "2026-02-01" }},
		{"max_redemptions", tenPercent(), func(c *coupon.Coupon) { c.MaxRedemptions = -1 }},
		{"max_per_customer", tenPercent(), func(c *coupon.Coupon) { c.MaxPerCustomer = coupon.MaxUses + 1 }},
		{"products", tenPercent(), func(c *coupon.Coupon) { c.Products = []id.Product{4, 5, 4} }},
		{"products", tenPercent(), func(c *coupon.Coupon) { c.Products = []id.Product{0} }},
		{"state", tenPercent(), func(c *coupon.Coupon) { c.State = "" }},
	} {
		c := bad.from
		bad.change(&c)
		err := c.Check()
		if !fault.Is(err, fault.Invalid) || len(fault.As(err).Fields) != 1 || fault.As(err).Fields[0].Name != bad.field {
			t.Errorf("a bad %s answers %v", bad.field, err)
		}
	}
}

func TestParseCode(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{"spring-10": "SPRING-10", " A_b \t": "A_B", strings.Repeat("z", 64): strings.Repeat("Z", 64)} {
		if got, err := coupon.ParseCode(typed); got != want || err != nil {
			t.Errorf("%q is read as %q, %v", typed, got, err)
		}
	}
	for _, typed := range []string{"", "  ", "a b", "é", "ſale", strings.Repeat("z", 65), "a\x00"} {
		if got, err := coupon.ParseCode(typed); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q is read as %q, %v", typed, got, err)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add("spring-10")
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := coupon.ParseCode(typed)
		if err != nil {
			return
		}
		again, err := coupon.ParseCode(code)
		if err != nil || again != code || len(code) > coupon.MaxCode || code != strings.ToUpper(code) {
			t.Errorf("%q is read as %q, and that as %q, %v", typed, code, again, err)
		}
	})
}

func TestCheckRedeemInTheMerchantsZone(t *testing.T) {
	t.Parallel()
	c := tenPercent()
	c.StartsOn, c.EndsOn = "2026-01-31", "2026-02-28"
	for _, zone := range []string{"UTC", "Pacific/Apia", "Pacific/Pago_Pago", "America/New_York", "Europe/Berlin"} {
		where, err := period.LoadZone(zone)
		if err != nil {
			t.Fatal(err)
		}
		starts, err := period.ParseDate("2026-01-31", where)
		if err != nil {
			t.Fatal(err)
		}
		over, err := period.ParseDate("2026-03-01", where)
		if err != nil {
			t.Fatal(err)
		}
		for at, code := range map[time.Time]string{starts.Add(-time.Microsecond): "coupon_not_started", starts: "", over.Add(-time.Microsecond): "", over: "coupon_expired"} {
			if got := codeOf(c.CheckRedeem(at, where, 9)); got != code {
				t.Errorf("%s at %s answers %q, want %q", zone, at, got, code)
			}
		}
	}
}

// codeOf is the code of a refusal, "" for none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.As(err).Code
}

func TestCheckRedeem(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(c *coupon.Coupon){
		"":                     func(c *coupon.Coupon) { c.MaxRedemptions, c.Redeemed, c.Products = 2, 1, []id.Product{9} },
		"coupon_archived":      func(c *coupon.Coupon) { c.State = coupon.Archived },
		"coupon_other_product": func(c *coupon.Coupon) { c.Products = []id.Product{8} },
		"coupon_used_up":       func(c *coupon.Coupon) { c.MaxRedemptions, c.Redeemed = 2, 2 },
	} {
		c := tenPercent()
		change(&c)
		if err := c.CheckRedeem(now, time.UTC, 9); codeOf(err) != code || err != nil && !fault.Is(err, fault.Conflict) {
			t.Errorf("want %q, got %v", code, err)
		}
	}
}

func TestDiscountKeepsTheTerms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scope  coupon.Scope
		cycles int
		left   int
	}{{coupon.All, 0, coupon.Forever}, {coupon.All, 3, 3}, {coupon.First, 0, 1}, {coupon.FirstNoSplit, 1, 1}, {coupon.Rebills, 2, 2}} {
		from := tenPercent()
		from.AppliesTo, from.Cycles, from.IncludeSetup, from.Stackable = c.scope, c.cycles, true, true
		d := from.Discount()
		if d.Left != c.left {
			t.Errorf("%s for %d cycles has %d left, want %d", c.scope, c.cycles, d.Left, c.left)
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back coupon.Discount
		if err := json.Unmarshal(text, &back); err != nil || back != d {
			t.Errorf("%s is read back as %+v, %v", text, back, err)
		}
	}
	text, err := json.Marshal(fiveDollars().Discount())
	want := `{"coupon":"cpn_0000000000003","code":"FIVE","kind":"amount","amount":500,"applies_to":"all","left":-1}`
	if err != nil || string(text) != want {
		t.Errorf("kept is %s, want %s", text, want)
	}
}

func TestCheckStack(t *testing.T) {
	t.Parallel()
	make := func(n int, stackable bool) []coupon.Discount {
		var list []coupon.Discount
		for i := range n {
			d := tenPercent().Discount()
			d.Coupon, d.Stackable = id.Coupon(i+1), stackable
			list = append(list, d)
		}
		return list
	}
	ended := make(1, false)
	ended[0].Left = 0
	mixed := append(make(2, true), make(3, false)[2])
	for _, c := range []struct {
		list []coupon.Discount
		code string
	}{
		{nil, ""}, {make(1, false), ""}, {make(2, false), "coupon_not_stackable"}, {mixed, "coupon_not_stackable"}, {make(5, true), ""},
		{make(6, true), "coupon_too_many"}, {append(make(2, true), make(1, true)...), "coupon_twice"}, {append(ended, make(3, false)[1:2]...), ""},
	} {
		if got := codeOf(coupon.CheckStack(c.list)); got != c.code {
			t.Errorf("%d discounts answer %q, want %q", len(c.list), got, c.code)
		}
	}
}

func TestConvert(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor    int64
		from, to money.Currency
		rate     string
		want     int64
	}{
		{500, "USD", "EUR", "0.925", 463}, // 462.5 rounds up
		{500, "USD", "JPY", "151.37", 757},
		{1000, "JPY", "USD", "0.0066", 660},
		{500, "USD", "IDR", "16250", 8125000},
		{500, "USD", "KWD", "0.307", 1535},
		{500, "USD", "USD", "2", 500},
	} {
		d := fiveDollars().Discount()
		d.Amount = c.minor
		got, err := coupon.Convert(d, c.from, c.to, decimal(c.rate))
		if err != nil || got.Amount != c.want {
			t.Errorf("%d %s at %s is %d %s, want %d: %v", c.minor, c.from, c.rate, got.Amount, c.to, c.want, err)
		}
	}
	tenth := tenPercent().Discount()
	if got, err := coupon.Convert(tenth, "USD", "EUR", decimal("0.9")); err != nil || got != tenth {
		t.Errorf("a percentage becomes %+v, %v", got, err)
	}
	five := fiveDollars().Discount()
	for rate, code := range map[string]string{"0": "rate_invalid", "-1": "rate_invalid", "0.0001": "coupon_worth_nothing", "99999999999999": "amount_too_large"} {
		if _, err := coupon.Convert(five, "USD", "EUR", decimal(rate)); codeOf(err) != code || !fault.Is(err, fault.Invalid) {
			t.Errorf("a rate of %s answers %v, want %s", rate, err, code)
		}
	}
}

func TestConvertIsNearest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := coupon.Discount{Kind: coupon.Fixed, Amount: rapid.Int64Range(1, 1_000_000).Draw(t, "cents")}
		hundredths := rapid.Int64Range(100, 100_000).Draw(t, "rate")
		got, err := coupon.Convert(d, "USD", "EUR", decimal(money.Amount{Minor: hundredths, Currency: "USD"}.Major()))
		if err != nil {
			t.Fatal(err)
		}
		if twice := 2*d.Amount*hundredths - 200*got.Amount; twice < -100 || twice >= 100 {
			t.Fatalf("%d x %d/100 became %d", d.Amount, hundredths, got.Amount)
		}
	})
}

func TestSpend(t *testing.T) {
	t.Parallel()
	list := []coupon.Discount{{Coupon: 1, Left: 1}, {Coupon: 2, Left: 2}, {Coupon: 3, Left: coupon.Forever}, {Coupon: 4, Left: 1}}
	kept := coupon.Spend(list, []bool{true, true, true, false})
	want := []coupon.Discount{{Coupon: 2, Left: 1}, {Coupon: 3, Left: coupon.Forever}, {Coupon: 4, Left: 1}}
	if !slices.Equal(kept, want) || list[1].Left != 2 {
		t.Errorf("kept %+v of %+v", kept, list)
	}
}
