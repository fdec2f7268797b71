package subscription_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"perennial/internal/fault"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

func usd(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := period.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func at(t testing.TB, s, zoneName string) time.Time {
	t.Helper()
	instant, err := time.ParseInLocation("2006-01-02 15:04:05", s, zone(t, zoneName))
	if err != nil {
		t.Fatal(err)
	}
	return instant
}

func every(t testing.TB, s string) period.Interval {
	t.Helper()
	iv, err := period.ParseInterval(s)
	if err != nil {
		t.Fatal(err)
	}
	return iv
}

func preset(t testing.TB, name string) subscription.Proration {
	t.Helper()
	p, ok := subscription.Preset(name)
	if !ok {
		t.Fatalf("there is no preset %q", name)
	}
	return p
}

// Every conventional way to prorate, on one change: from 30.00 to 45.00 a month, at
// noon of the last day but one of a month that is an hour short.
func TestPresetsOnOneChange(t *testing.T) {
	t.Parallel()
	z := zone(t, "Europe/Berlin")
	iv := every(t, "month")
	span := period.Anchor{Start: at(t, "2026-03-01 00:00:00", "Europe/Berlin"), Zone: z}.Period(iv, 0)
	change := at(t, "2026-03-30 12:00:30", "Europe/Berlin")
	up := map[string][3]string{ // mode, credit, charge
		"second":       {"now", "30.00 USD × 129570/2674800 seconds = 1.45 USD", "45.00 USD × 129570/2674800 seconds = 2.18 USD"},
		"minute":       {"now", "30.00 USD × 2160/44580 minutes = 1.45 USD", "45.00 USD × 2160/44580 minutes = 2.18 USD"},
		"day":          {"now", "30.00 USD × 2/31 days = 1.94 USD", "45.00 USD × 2/31 days = 2.90 USD"},
		"day_old":      {"now", "30.00 USD × 1/31 days = 0.97 USD", "45.00 USD × 1/31 days = 1.45 USD"},
		"thirty_days":  {"now", "30.00 USD × 1/30 days = 1.00 USD", "45.00 USD × 1/30 days = 1.50 USD"},
		"next_invoice": {"next_invoice", "30.00 USD × 129570/2674800 seconds = 1.45 USD", "45.00 USD × 129570/2674800 seconds = 2.18 USD"},
		"up_only":      {"now", "30.00 USD × 129570/2674800 seconds = 1.45 USD", "45.00 USD × 129570/2674800 seconds = 2.18 USD"},
		"full":         {"full", "0.00 USD", "45.00 USD × 1/1 periods = 45.00 USD"},
		"none":         {"none", "0.00 USD", "0.00 USD"},
	}
	for _, named := range subscription.Presets() {
		p := named.Proration
		left := p.Left(span, iv, change, z)
		s, err := p.Settle(subscription.Line{Price: usd(3000), Paid: usd(3000)}, left, usd(4500), left, true)
		if err != nil {
			t.Errorf("%s: %v", named.Name, err)
			continue
		}
		if got := [3]string{s.Mode.String(), s.Credit.String(), s.Charge.String()}; got != up[named.Name] {
			t.Errorf("%s, up: got %q, want %q", named.Name, got, up[named.Name])
		}
		down, err := p.Settle(subscription.Line{Price: usd(4500), Paid: usd(4500)}, left, usd(3000), left, false)
		if err != nil {
			t.Errorf("%s: %v", named.Name, err)
			continue
		}
		if named.Name == "up_only" {
			if down.Mode != subscription.SettleNone || !down.Credit.Amount.IsZero() || !down.Charge.Amount.IsZero() {
				t.Errorf("up_only, down: %+v", down)
			}
			continue
		}
		forth, errForth := s.Net()
		back, errBack := down.Net()
		if errForth != nil || errBack != nil || named.Name != "full" && forth != back.Neg() {
			t.Errorf("%s: up costs %v, down gives %v (%v, %v)", named.Name, forth, back, errForth, errBack)
		}
	}
}

// TestPageChanges computes the table about changes on the page about money and time.
func TestPageChanges(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/money-and-time.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\nExamples: changes\n\n")
	table, _, _ = strings.Cut(table, "\n\n")
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if len(lines) < 3 {
		t.Fatal("the page has no examples of changes")
	}
	iv := every(t, "month")
	span := period.Anchor{Start: at(t, "2026-04-01 00:00:00", "UTC")}.Period(iv, 0)
	for _, line := range lines[2:] {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 8 {
			t.Fatalf("%d cells in %s", len(cells), line)
		}
		var amounts [3]money.Amount
		for i, cell := range cells[1:4] {
			amounts[i], err = money.ParseMajor(strings.TrimSuffix(cell, " USD"), "USD")
			if err != nil {
				t.Fatal(err)
			}
		}
		old, paid, price := amounts[0], amounts[1], amounts[2]
		p := preset(t, cells[0])
		left := p.Left(span, iv, at(t, cells[4]+":00", "UTC"), nil)
		s, err := p.Settle(subscription.Line{Price: old, Paid: paid}, left, price, left, subscription.Dearer(old, iv, price, iv))
		if err != nil || left.String() != cells[5] || s.Credit.Amount.Major() != cells[6] || s.Charge.Amount.Major() != cells[7] {
			t.Errorf("%s: left %v, credit %v, charge %v, %v", line, left, s.Credit, s.Charge, err)
		}
	}
}

func TestPresets(t *testing.T) {
	t.Parallel()
	seen := map[subscription.Proration]string{}
	for _, p := range subscription.Presets() {
		if err := p.Proration.Check(); err != nil || p.Says == "" {
			t.Errorf("%s says %q: %v", p.Name, p.Says, err)
		}
		if other, ok := seen[p.Proration]; ok {
			t.Errorf("%s is %s by another name", p.Name, other)
		}
		seen[p.Proration] = p.Name
		if found, ok := subscription.Preset(p.Name); !ok || found != p.Proration {
			t.Errorf("%s is found as %+v, %v", p.Name, found, ok)
		}
		text, err := json.Marshal(p.Proration)
		var again subscription.Proration
		if err != nil || json.Unmarshal(text, &again) != nil || again != p.Proration {
			t.Errorf("%s is written %s, %v, and read %+v", p.Name, text, err, again)
		}
	}
	if p, ok := subscription.Preset(subscription.DefaultProration); !ok || p != (subscription.Proration{}) {
		t.Errorf("the default is %+v, %v; the zero value must be it", p, ok)
	}
	if p, ok := subscription.Preset("fair"); ok {
		t.Errorf("an unknown preset is %+v", p)
	}
}

func TestProrationWords(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(preset(t, "day_old"))
	const want = `{"granularity":"day","change_day":"old","up":"now","down":"now","credit_from":"paid"}`
	if err != nil || string(text) != want {
		t.Errorf("the words are %s, %v", text, err)
	}
	var p subscription.Proration
	if err := json.Unmarshal([]byte(`{"down":"next_invoice","credit_from":"price","change_day":""}`), &p); err != nil ||
		p != (subscription.Proration{Down: subscription.SettleNext, CreditFrom: subscription.FromPrice}) {
		t.Errorf("read as %+v, %v", p, err)
	}
	for _, bad := range []string{`{"granularity":"week"}`, `{"change_day":"mine"}`, `{"up":"later"}`, `{"down":"Now"}`, `{"credit_from":"list"}`} {
		if err := json.Unmarshal([]byte(bad), &p); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for want, p := range map[string]subscription.Proration{
		"granularity": {Granularity: 9}, "up": {Up: 9}, "down": {Down: 9}, "credit_from": {CreditFrom: 9}, "change_day": {ChangeDay: subscription.OldTerms},
	} {
		if err := p.Check(); !fault.Is(err, fault.Invalid) || fault.As(err).Fields[0].Name != want {
			t.Errorf("%+v: %v, want %s refused", p, err, want)
		}
	}
}

func TestLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone, start, every, at, want string
	}{
		{"day", "UTC", "2028-02-10 10:00:00", "month", "2028-02-29 23:00:00", "10/29 days"}, // a leap day
		{"day_old", "UTC", "2028-02-10 10:00:00", "month", "2028-02-29 23:00:00", "9/29 days"},
		{"day_old", "UTC", "2028-02-10 10:00:00", "month", "2028-02-10 10:00:00", "28/29 days"},
		{"day_old", "UTC", "2028-02-10 10:00:00", "month", "2028-02-10 09:59:59", "29/29 days"},
		{"day_old", "UTC", "2028-02-10 10:00:00", "month", "2028-03-09 00:00:00", "0/29 days"},
		{"day", "UTC", "2028-02-10 10:00:00", "month", "2028-03-09 23:59:59", "1/29 days"},
		{"day", "UTC", "2028-02-10 10:00:00", "month", "2028-03-10 09:59:59", "0/29 days"},
		{"second", "UTC", "2028-02-10 10:00:00", "month", "2028-03-10 09:59:59", "1/2505600 seconds"},
		// One instant, three merchants: the day of the change differs.
		{"day", "Pacific/Tongatapu", "2026-04-01 00:00:00", "month", "2026-04-11 00:30:00", "20/30 days"},
		{"day", "Pacific/Pago_Pago", "2026-04-01 00:00:00", "month", "2026-04-10 00:30:00", "21/30 days"},
		{"day", "Europe/Berlin", "2026-10-01 00:00:00", "month", "2026-10-25 12:00:00", "7/31 days"},
		{"second", "Europe/Berlin", "2026-10-01 00:00:00", "month", "2026-10-25 12:00:00", "561600/2682000 seconds"},
		{"minute", "Europe/Berlin", "2026-10-01 00:00:00", "month", "2026-10-25 12:00:00", "9360/44700 minutes"},
		{"thirty_days", "UTC", "2026-01-01 00:00:00", "year", "2026-12-31 00:00:00", "0/360 days"},
	} {
		z := zone(t, c.zone)
		iv := every(t, c.every)
		span := period.Anchor{Start: at(t, c.start, c.zone), Zone: z}.Period(iv, 0)
		if got := preset(t, c.name).Left(span, iv, at(t, c.at, c.zone), z).String(); got != c.want {
			t.Errorf("%s of a %s from %s in %s, at %s: %s, want %s", c.name, c.every, c.start, c.zone, c.at, got, c.want)
		}
	}
}

func TestShareOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		left, whole, amount, want int64
	}{
		{0, 1, 1000, 0}, {1, 1, 1000, 1000}, {1, 2, 1, 1}, {1, 2, -1, -1}, {1, 3, 1000, 333}, {2, 3, 1000, 667},
		{2674799, 2674800, money.MaxMinor, 9999996261403},
	} {
		if got, err := (subscription.Share{Left: c.left, Whole: c.whole}).Of(usd(c.amount)); err != nil || got != usd(c.want) {
			t.Errorf("%d/%d of %d is %v, %v; want %d", c.left, c.whole, c.amount, got, err, c.want)
		}
	}
	for _, s := range []subscription.Share{{}, {Left: 2, Whole: 1}, {Left: -1, Whole: 1}, {Left: 0, Whole: 0}, {Left: 1, Whole: -1}} {
		if got, err := s.Of(usd(100)); !fault.Is(err, fault.Invalid) || fault.As(err).Code != "share_invalid" || got != (money.Amount{}) {
			t.Errorf("%v of an amount is %v, %v", s, got, err)
		}
	}
	first := subscription.Share{Left: 20, Whole: 30, Unit: "days"}
	for left, want := range map[int64]string{25: "20/20 days", 20: "20/20 days", 5: "5/20 days", 0: "0/20 days"} {
		if got := (subscription.Share{Left: left, Whole: 30, Unit: "days"}).Within(first).String(); got != want {
			t.Errorf("%d of 30 days, of which 20 were charged, is %s, want %s", left, got, want)
		}
	}
	if got := (subscription.Share{Left: 0, Whole: 30, Unit: "days"}).Within(subscription.Share{Whole: 30, Unit: "days"}).String(); got != "0/1 days" {
		t.Errorf("a share of nothing is %s", got)
	}
}

func TestCredit(t *testing.T) {
	t.Parallel()
	paid, price := preset(t, "day"), preset(t, "day")
	price.CreditFrom = subscription.FromPrice
	days := func(n int64) subscription.Share { return subscription.Share{Left: n, Whole: 30, Unit: "days"} }
	for _, c := range []struct {
		name   string
		policy subscription.Proration
		line   subscription.Line
		left   subscription.Share
		want   string
	}{
		{"paid in full", paid, subscription.Line{Price: usd(3000), Paid: usd(3000)}, days(10), "30.00 USD × 10/30 days = 10.00 USD"},
		{"with a discount", paid, subscription.Line{Price: usd(3000), Paid: usd(1500)}, days(10), "15.00 USD × 10/30 days = 5.00 USD"},
		{"paid nothing", paid, subscription.Line{Price: usd(3000)}, days(10), "0.00 USD × 10/30 days = 0.00 USD"},
		{"paid nothing, by price", price, subscription.Line{Price: usd(3000)}, days(10), "30.00 USD × 10/30 days = 10.00 USD"},
		{"the rest of a period", paid, subscription.Line{Price: usd(3000), Share: days(20), Paid: usd(2000)}, days(10), "30.00 USD × 10/30 days = 10.00 USD"},
		{"the rest, with a discount", paid, subscription.Line{Price: usd(3000), Share: days(20), Paid: usd(1000)}, days(10), "10.00 USD × 10/20 days = 5.00 USD"},
		{"changed before the line began", paid, subscription.Line{Price: usd(3000), Share: days(20), Paid: usd(2000)}, days(25), "30.00 USD × 20/30 days = 20.00 USD"},
		{"refunded in part", paid, subscription.Line{Price: usd(3000), Paid: usd(3000), Credited: usd(1500)}, days(10), "30.00 USD × 10/30 days = 10.00 USD"},
		{"refunded but for a little", paid, subscription.Line{Price: usd(3000), Paid: usd(3000), Credited: usd(2500)}, days(10),
			"30.00 USD × 10/30 days = 5.00 USD, which is all that can be given back"},
		{"refunded more than paid", paid, subscription.Line{Price: usd(3000), Paid: usd(1000), Credited: usd(1200)}, days(10),
			"10.00 USD × 10/30 days = 0.00 USD, which is all that can be given back"},
		{"by price, credited before", price, subscription.Line{Price: usd(3000), Paid: usd(0), Credited: usd(2500)}, days(10),
			"30.00 USD × 10/30 days = 5.00 USD, which is all that can be given back"},
	} {
		if got, err := c.policy.Credit(c.line, c.left); err != nil || got.String() != c.want {
			t.Errorf("%s: %v, %v; want %s", c.name, got, err, c.want)
		}
	}
	eur := money.Amount{Minor: 100, Currency: "EUR"}
	for name, c := range map[string]struct {
		line subscription.Line
		left subscription.Share
		code string
	}{
		"another period":   {subscription.Line{Price: usd(1), Paid: usd(1), Share: days(20)}, subscription.Share{Left: 1, Whole: 31, Unit: "days"}, "share_invalid"},
		"another count":    {subscription.Line{Price: usd(1), Paid: usd(1), Share: days(20)}, subscription.Share{Left: 1, Whole: 30, Unit: "minutes"}, "share_invalid"},
		"no share":         {subscription.Line{Price: usd(1), Paid: usd(1)}, subscription.Share{}, "share_invalid"},
		"a negative line":  {subscription.Line{Price: usd(1), Paid: usd(-1)}, days(1), "amount_negative"},
		"paid in another":  {subscription.Line{Price: usd(100), Paid: eur}, days(1), "currency_mismatch"},
		"given in another": {subscription.Line{Price: usd(100), Paid: usd(100), Credited: eur}, days(1), "currency_mismatch"},
	} {
		if got, err := paid.Credit(c.line, c.left); !fault.Is(err, fault.Invalid) || fault.As(err).Code != c.code || got != (subscription.Portion{}) {
			t.Errorf("%s: %v, %v; want code %s", name, got, err, c.code)
		}
	}
	if s, err := paid.Settle(subscription.Line{Price: usd(100), Paid: usd(100)}, days(1), eur, days(1), true); !fault.Is(err, fault.Invalid) || s != (subscription.Settlement{}) {
		t.Errorf("a change to another currency is %+v, %v", s, err)
	}
}

func TestDearer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a      int64
		aEvery string
		b      int64
		bEvery string
		want   bool
	}{
		{1000, "month", 1001, "month", true}, {1000, "month", 1000, "month", false}, {1000, "month", 12000, "year", false},
		{1000, "month", 12001, "year", true}, {12000, "year", 999, "month", false}, {100, "week", 435, "month", true}, {100, "week", 434, "month", false},
		{money.MaxMinor, "366 days", money.MaxMinor, "day", true}, {money.MaxMinor, "10 years", money.MaxMinor, "366 days", true},
		{0, "month", 0, "year", false},
	} {
		if got := subscription.Dearer(usd(c.a), every(t, c.aEvery), usd(c.b), every(t, c.bEvery)); got != c.want {
			t.Errorf("%d each %s is dearer than %d each %s: %v", c.b, c.bEvery, c.a, c.aEvery, got)
		}
	}
}
