package affiliate_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/affiliate"
	"perennial/internal/id"
	"perennial/internal/money"
)

var day = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

func share(t interface{ Fatal(...any) }, s string) money.Rate {
	r, err := money.ParseRate(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Whatever is promised, paid and taken back in whatever steps: the rows of a payment sum to
// what its rule gives for the kept part, the tiers never earn more than was kept, and a
// full refund leaves nothing.
func TestCommissionsFollowKeptMoney(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		percent := rapid.SampledFrom([]string{"0", "0.0001", "0.1", "0.333333", "0.5", "0.99", "1"})
		r := affiliate.Referral{Affiliate: 1, Recruiter: id.Affiliate(rapid.SampledFrom([]int64{0, 2}).Draw(t, "recruiter")),
			Promise: affiliate.Promise{First: affiliate.Rate{Share: share(t, percent.Draw(t, "first"))}, Second: percent.Draw(t, "second"), Hold: 30}}
		if rapid.Bool().Draw(t, "fixed") {
			r.Promise.First = affiliate.Rate{Fixed: money.Amount{Minor: rapid.Int64Range(0, 20_000).Draw(t, "amount"), Currency: "USD"}}
		}
		whole := rapid.Int64Range(1, 1_000_000).Draw(t, "paid")
		base := rapid.Int64Range(0, whole).Draw(t, "base")
		rows, err := r.Earned(affiliate.Paid{Base: money.Amount{Minor: base, Currency: "USD"}, At: day})
		if err != nil {
			t.Fatal(err)
		}
		sums := map[affiliate.Tier]int64{}
		for _, c := range rows {
			sums[c.Tier] += c.Amount.Minor
		}
		if sums[1]+sums[2] > base {
			t.Fatalf("of %d are earned %v", base, sums)
		}
		kept := whole
		for step := range rapid.IntRange(0, 5).Draw(t, "refunds") {
			kept -= rapid.Int64Range(0, kept).Draw(t, "refund")
			for _, first := range rows {
				c, ok, err := affiliate.TakenBack(first, money.Amount{Minor: sums[first.Tier], Currency: "USD"}, kept, whole, affiliate.Refund, int64(step), day)
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					sums[first.Tier] += c.Amount.Minor
				}
				want, err := affiliate.Kept(first.Amount, kept, whole)
				if err != nil || sums[first.Tier] != want.Minor {
					t.Fatalf("tier %d has %d, want %v (%v)", first.Tier, sums[first.Tier], want, err)
				}
			}
			if sums[1]+sums[2] > kept {
				t.Fatalf("kept are %d, earned %v", kept, sums)
			}
		}
		if kept == 0 && sums[1]+sums[2] != 0 {
			t.Fatalf("nothing was kept, and %v is left", sums)
		}
	})
}

// Whose a sale is, by sequences of clicks, coupons and earlier sales with owners worked out
// by hand.
func TestChoose(t *testing.T) {
	t.Parallel()
	ago := func(days int) time.Time { return day.Add(-time.Duration(days) * 24 * time.Hour) }
	click := func(who id.Affiliate, days int) affiliate.Claim {
		return affiliate.Claim{Affiliate: who, Evidence: affiliate.ByClick, At: ago(days)}
	}
	for _, c := range []struct {
		name   string
		change func(*affiliate.Terms)
		claims []affiliate.Claim
		want   id.Affiliate
	}{
		{"nobody", nil, nil, 0},
		{"the last click", nil, []affiliate.Claim{click(1, 9), click(2, 1), click(3, 5)}, 2},
		{"the first click", func(t *affiliate.Terms) { t.Winner = affiliate.FirstClick }, []affiliate.Claim{click(1, 9), click(2, 1), click(3, 5)}, 1},
		{"a cookie on its last day", nil, []affiliate.Claim{click(1, 59)}, 1},
		{"a cookie that is over", nil, []affiliate.Claim{click(1, 60)}, 0},
		{"the first click is over", func(t *affiliate.Terms) { t.Winner = affiliate.FirstClick }, []affiliate.Claim{click(1, 61), click(2, 3)}, 2},
		{"a coupon beats a click", nil, []affiliate.Claim{click(1, 0), {Affiliate: 2, Evidence: affiliate.ByCoupon}}, 2},
		{"a merchant beats a coupon", nil, []affiliate.Claim{{Affiliate: 2, Evidence: affiliate.ByCoupon}, {Affiliate: 3, Evidence: affiliate.ByHand}}, 3},
		{"an earlier sale counts for life only", nil, []affiliate.Claim{{Affiliate: 1, Evidence: affiliate.ByPast, At: ago(900)}}, 0},
		{"for life", func(t *affiliate.Terms) { t.Mode = affiliate.Lifetime }, []affiliate.Claim{{Affiliate: 1, Evidence: affiliate.ByPast, At: ago(900)}}, 1},
		{"another link ends a life", func(t *affiliate.Terms) { t.Mode = affiliate.Lifetime },
			[]affiliate.Claim{{Affiliate: 1, Evidence: affiliate.ByPast, At: ago(1)}, click(2, 9)}, 2},
		{"a lead's address is the weakest", nil, []affiliate.Claim{{Affiliate: 1, Evidence: affiliate.ByLead, At: ago(1)}, click(2, 50)}, 2},
		{"a lead's address alone", nil, []affiliate.Claim{{Affiliate: 1, Evidence: affiliate.ByLead, At: ago(1)}}, 1},
	} {
		terms := affiliate.Standard()
		if c.change != nil {
			c.change(&terms)
		}
		got, ok := terms.Choose(c.claims, day)
		if got.Affiliate != c.want || ok != (c.want != 0) {
			t.Errorf("%s: %v, want %v", c.name, got.Affiliate, c.want)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	terms := affiliate.Standard()
	terms.Products = map[id.Product]affiliate.ProductTerms{7: {First: affiliate.Rate{Fixed: money.Amount{Minor: 500, Currency: "USD"}}}}
	terms.Second = share(t, "0.05")
	tenth := affiliate.Rate{Share: share(t, "0.1")}
	second, at := share(t, "0.02"), 0
	for _, c := range []struct {
		name              string
		product           id.Product
		member, recruiter affiliate.Own
		number            int
		base              int64
		currency          money.Currency
		first, second     int64
	}{
		{name: "the programme's", base: 9_999, first: 3_000, second: 500},
		{name: "halves to even", base: 5, first: 2},
		{name: "a product's amount", product: 7, base: 9_999, first: 500, second: 500},
		{name: "an amount in another currency", product: 7, base: 9_999, currency: "EUR", second: 500},
		{name: "an amount above the base", product: 7, base: 300, first: 300},
		{name: "a product that earns nothing later", product: 7, number: 1, base: 9_999, second: 500},
		{name: "an affiliate's own", product: 7, member: affiliate.Own{First: &tenth}, base: 1_000, first: 100, second: 50},
		{name: "a recruiter's own", recruiter: affiliate.Own{Second: &second}, base: 1_000, first: 300, second: 20},
		{name: "the last cycle", number: 2, base: 1_000, first: 300, second: 50},
		{name: "after the last cycle", number: 3, base: 1_000},
	} {
		if c.currency == "" {
			c.currency = "USD"
		}
		terms.Cycles = 2
		c.member.Hold = &at
		r := affiliate.Referral{Affiliate: 1, Recruiter: 2, Promise: terms.Promised(c.product, c.member, c.recruiter)}
		rows, err := r.Earned(affiliate.Paid{Base: money.Amount{Minor: c.base, Currency: c.currency}, Number: c.number, At: day})
		if err != nil {
			t.Fatal(err)
		}
		var first, second int64
		for _, row := range rows {
			if row.Tier == affiliate.FirstTier {
				first = row.Amount.Minor
			} else {
				second = row.Amount.Minor
			}
			if !row.DueAt.Equal(day) {
				t.Errorf("%s: due at %v", c.name, row.DueAt)
			}
		}
		if first != c.first || second != c.second {
			t.Errorf("%s: %d and %d, want %d and %d", c.name, first, second, c.first, c.second)
		}
	}
}

func TestSamePerson(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		one, other string
		want       bool
	}{
		{"ada@example.com", "ADA@example.com", true},
		{"ada.byron+shop@example.com", "adabyron@example.com", true},
		{"ada@example.com", "ada@example.org", false},
		{"", "", false},
	} {
		if got := affiliate.SamePerson(c.one, c.other); got != c.want {
			t.Errorf("%q and %q: %v", c.one, c.other, got)
		}
	}
}

// A run gives each what is due, leaves out who is due too little or less than nothing, and
// makes files of at most 5,000 payments in one currency.
func TestDivideAndFile(t *testing.T) {
	t.Parallel()
	usd := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }
	shares, err := affiliate.Divide([]affiliate.Commission{{Affiliate: 2, Amount: usd(700)}, {Affiliate: 1, Amount: usd(1_000)}, {Affiliate: 2, Amount: usd(-100)},
		{Affiliate: 3, Amount: usd(-5)}, {Affiliate: 4, Amount: usd(499)}}, usd(500))
	if err != nil || len(shares) != 2 || shares[0].Affiliate != 1 || shares[1].Amount != usd(600) || len(shares[1].Parts) != 2 {
		t.Fatalf("%+v (%v)", shares, err)
	}
	list := make([]affiliate.Payout, 0, 5_003)
	for i := range 5_003 {
		list = append(list, affiliate.Payout{ID: id.Payout(i + 1), Amount: usd(123_450), PayPal: "ada@example.com", State: affiliate.Ready})
	}
	list[0].PayPal = ""
	list[1].State = affiliate.Undone
	for n, rows := range []int{5_000, 1, 0} {
		var out bytes.Buffer
		if err := affiliate.WritePayPal(&out, list, n, "Thank you, Ada"); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "\n"); got != rows {
			t.Errorf("file %d has %d rows, want %d", n, got, rows)
		}
		if n == 0 && !strings.HasPrefix(out.String(), "ada@example.com,1234.50,USD,pyo_0000000000003,\"Thank you, Ada\",PAYPAL\n") {
			t.Errorf("file begins %q", out.String()[:80])
		}
	}
}
