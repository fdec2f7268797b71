package dashboard

import (
	"testing"

	"perennial/internal/catalog"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/usage"
)

func decimal(t *testing.T, s string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func pointer(d money.Decimal) *money.Decimal { return &d }

// A price says everything that it charges in one sentence.
func TestPricesAreSaidInOneSentence(t *testing.T) {
	t.Parallel()
	const premium, other, storage, calls = id.Price(7), id.Product(8), id.Meter(9), id.Meter(10)
	names := report.PriceNames{Prices: map[id.Price]catalog.Price{premium: {ID: premium, Product: other}}, Products: map[id.Product]catalog.Product{other: {Name: "Premium"}},
		Meters: map[id.Meter]*usage.Meter{storage: {Name: "Storage", Unit: "GB"}, calls: {Name: "Calls"}}}
	month := period.Interval{Unit: period.Month, Count: 1}
	d := func(s string) money.Decimal { return decimal(t, s) }
	usd := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }
	tiers := []catalog.Tier{{UpTo: pointer(d("10")), Unit: d("8")}, {UpTo: pointer(d("1000")), Unit: d("6.5"), Flat: 500}, {Unit: d("0.0025")}}
	for _, c := range []struct {
		price catalog.Price
		want  string
	}{
		{catalog.Price{Amount: usd(1000)}, "$10.00 once"},
		{catalog.Price{Amount: usd(1000), Interval: month, TrialDays: 14, Terms: catalog.Terms{Payments: 3, NextPrice: premium}}, "$10.00 every month after a 14-day trial; 3 payments, then Premium"},
		{catalog.Price{Amount: usd(1000), Interval: month, TrialDays: 1, Terms: catalog.Terms{TrialAmount: 300, TrialPayments: 3}}, "$10.00 every month after a 1-day trial at $3.00 in 3 payments"},
		{catalog.Price{Amount: usd(30000), Interval: month, Terms: catalog.Terms{Payments: 3, Split: true}}, "$300.00 in 3 payments, one every month"},
		{catalog.Price{Amount: usd(1000), Interval: period.Interval{Unit: period.Month, Count: 3}, SetupFee: usd(2000), Terms: catalog.Terms{SetupEvery: 4}}, "$10.00 every 3 months; $20.00 to set up and again every 4 periods"},
		{catalog.Price{Amount: usd(1000), Interval: month, SetupFee: usd(2000), Terms: catalog.Terms{SetupEvery: 1}}, "$10.00 every month; $20.00 to set up and again every period"},
		{catalog.Price{Amount: usd(1000), Interval: month, Terms: catalog.Terms{AnchorDay: 31}}, "$10.00 every month; billed on the 31st of the month, the time up to the first one at its share"},
		{catalog.Price{Amount: usd(1000), Interval: month, Terms: catalog.Terms{AnchorDay: 12, FirstPeriod: catalog.FreeFirst}}, "$10.00 every month; billed on the 12th of the month, the time up to the first one free"},
		{catalog.Price{Amount: usd(1000), Interval: month, Terms: catalog.Terms{AnchorDay: 2, FirstPeriod: catalog.FullFirst}}, "$10.00 every month; billed on the 2nd of the month, the time up to the first one at the full price"},
		{catalog.Price{Amount: usd(1000), Terms: catalog.Terms{Dates: []catalog.Date{"2026-01-31"}}}, "$10.00 on 31 Jan 2026"},
		{catalog.Price{Amount: usd(1000), Terms: catalog.Terms{Dates: []catalog.Date{"2026-01-31", "2026-05-01"}, NextPrice: premium}}, "$10.00 on each of 2 days, 31 Jan 2026 to 1 May 2026; then Premium"},
		{catalog.Price{Amount: usd(800), Interval: month, Terms: catalog.Terms{Charge: &catalog.Charge{Model: catalog.Volume, Tiers: tiers}}}, "$8.00 each up to 10 … 0.0025 USD each above 1,000 by volume every month"},
		{catalog.Price{Amount: usd(800), Interval: month, Terms: catalog.Terms{Charge: &catalog.Charge{Model: catalog.Graduated, Tiers: tiers[1:], Minimum: 5000}}}, "$5.00 and $6.50 each up to 1,000 … 0.0025 USD each above 1,000, tier by tier, at least $50.00 every month"},
		{catalog.Price{Amount: usd(800), Interval: month, Terms: catalog.Terms{Charge: &catalog.Charge{Model: catalog.Package, Unit: d("8"), Block: 1000}}}, "$8.00 for each 1,000 every month"},
		{catalog.Price{Amount: usd(800), Interval: month, Terms: catalog.Terms{Charge: &catalog.Charge{Model: catalog.Flat, Unit: d("8")}}}, "$8.00 for any quantity every month"},
		{catalog.Price{Amount: usd(0), Interval: month, Terms: catalog.Terms{Charge: &catalog.Charge{Model: catalog.PerUnit, Unit: d("0.004"), Minimum: 100}}}, "0.004 USD each, at least $1.00 every month"},
		{catalog.Price{Amount: usd(1000), Interval: month, TrialDays: 7, Terms: catalog.Terms{Usage: []catalog.Metered{{Meter: storage, Included: d("1500.5"), TrialIncluded: pointer(d("5")), Overage: catalog.Charge{Model: catalog.PerUnit, Unit: d("0.05")}},
			{Meter: calls, Overage: catalog.Charge{Model: catalog.Package, Unit: d("1"), Block: 100}}}}},
			"$10.00 every month after a 7-day trial; 1,500.5 GB of Storage included (5 in the trial), more at $0.05 each; Calls at $1.00 for each 100"},
		{catalog.Price{Amount: usd(1000), Terms: catalog.Terms{Prepaid: &catalog.Prepaid{Meter: calls, Units: d("1000"), TopUpAt: pointer(d("100"))}}}, "$10.00 once; adds 1,000 Calls, and again whenever 100 are left"},
		{catalog.Price{Amount: usd(1000), Interval: month, Terms: catalog.Terms{Currencies: map[money.Currency]catalog.Fixed{"GBP": {}, "EUR": {}, "CHF": {}}, Convert: true}}, "$10.00 every month; also in CHF, EUR and GBP, and in others at the stored rate"},
		{catalog.Price{Amount: usd(1000), Interval: month, Terms: catalog.Terms{Convert: true}}, "$10.00 every month; in other currencies at the stored rate"},
	} {
		if got := sentence(c.price, names); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// The examples beside tiers are the sums that a sale charges, at the ends of the tiers too.
func TestExamplesFollowTheTiers(t *testing.T) {
	t.Parallel()
	ch := catalog.Charge{Model: catalog.Graduated, Minimum: 900, Tiers: []catalog.Tier{{UpTo: pointer(decimal(t, "10")), Unit: decimal(t, "8")}, {Unit: decimal(t, "5"), Flat: 200}}}
	table := examples(ch, "USD", 50)
	if n := len(table.Rows); n != 3 { // 1, 10 and 11; 100 is more than one sale may take
		t.Fatalf("%d rows", n)
	}
	eleven, err := money.NewDecimal(11)
	if err != nil {
		t.Fatal(err)
	}
	total, parts, err := ch.Amount(eleven, "USD")
	if err != nil || total.Minor != 8700 {
		t.Fatalf("%v, %v", total, err)
	}
	if got := partsText(ch, parts, total, "USD"); got != "10 × $8.00 + 1 × $5.00 + $2.00" {
		t.Error(got)
	}
	one, err := money.NewDecimal(1)
	if err != nil {
		t.Fatal(err)
	}
	total, parts, err = ch.Amount(one, "USD")
	if err != nil || total.Minor != 900 || partsText(ch, parts, total, "USD") != "1 × $8.00, less than the minimum" {
		t.Errorf("%v, %s, %v", total, partsText(ch, parts, total, "USD"), err)
	}
}
