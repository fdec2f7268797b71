package catalog_test

import (
	"strings"
	"testing"

	"perennial/internal/catalog"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

func every(t testing.TB, s string) period.Interval {
	t.Helper()
	iv, err := period.ParseInterval(s)
	if err != nil {
		t.Fatal(err)
	}
	return iv
}

func TestTermsCheck(t *testing.T) {
	t.Parallel()
	monthly := catalog.Price{Amount: money.Amount{Minor: 3000, Currency: "USD"}, Interval: every(t, "month"),
		SetupFee: money.Amount{Minor: 500, Currency: "USD"}, TrialDays: 14}
	noFee, noTrial := monthly, monthly
	noFee.SetupFee.Minor, noTrial.TrialDays = 0, 0
	weekly, once := noTrial, noTrial
	weekly.Interval, once.Interval = every(t, "week"), period.Interval{}
	one, negative := number(t, "1"), number(t, "-1")
	unit := catalog.Charge{Model: catalog.PerUnit, Unit: one}
	bad := catalog.Charge{Model: catalog.PerUnit, Unit: negative}
	meter := catalog.Metered{Meter: 1, Overage: unit}
	for _, c := range []struct {
		name  string
		price catalog.Price
		terms catalog.Terms
		want  string
	}{
		{"nothing more", once, catalog.Terms{}, ""},
		{"a charge", once, catalog.Terms{Charge: &unit}, ""},
		{"a bad charge", once, catalog.Terms{Charge: &bad}, "charge.unit"},

		{"instalments", monthly, catalog.Terms{Payments: 12, NextPrice: 7}, ""},
		{"a single payment", monthly, catalog.Terms{Payments: 1}, ""},
		{"fewer than one", monthly, catalog.Terms{Payments: -1}, "payments"},
		{"too many payments", monthly, catalog.Terms{Payments: catalog.MaxPayments + 1}, "payments"},
		{"instalments of one payment", once, catalog.Terms{Payments: 12}, "payments"},
		{"a split", weekly, catalog.Terms{Payments: 3, Split: true}, ""},
		{"a split into one", weekly, catalog.Terms{Payments: 1, Split: true}, "split"},
		{"a split without payments", weekly, catalog.Terms{Split: true}, "split"},
		{"a split with a prorated beginning", monthly, catalog.Terms{Payments: 3, Split: true, AnchorDay: 1}, "split"},
		{"a split with a full beginning", monthly, catalog.Terms{Payments: 3, Split: true, AnchorDay: 1, FirstPeriod: catalog.FullFirst}, ""},
		{"a chain without end", monthly, catalog.Terms{NextPrice: 7}, "next_price"},

		{"a fee each year", monthly, catalog.Terms{SetupEvery: 12}, ""},
		{"no fee each year", noFee, catalog.Terms{SetupEvery: 12}, "setup_every"},
		{"a fee again, once", once, catalog.Terms{SetupEvery: 12}, "setup_every"},
		{"a fee never", monthly, catalog.Terms{SetupEvery: -1}, "setup_every"},
		{"a fee too rarely", monthly, catalog.Terms{SetupEvery: 121}, "setup_every"},

		{"dates", once, catalog.Terms{Dates: []catalog.Date{"2026-01-31", "2026-02-28", "2027-01-01"}, NextPrice: 7}, ""},
		{"dates and interval", noTrial, catalog.Terms{Dates: []catalog.Date{"2026-01-31"}}, "dates"},
		{"dates and payments", once, catalog.Terms{Dates: []catalog.Date{"2026-01-31"}, Payments: 2}, "payments"},
		{"dates and interval and trial", monthly, catalog.Terms{Dates: []catalog.Date{"2026-01-31"}}, "dates dates"},
		{"dates that do not ascend", once, catalog.Terms{Dates: []catalog.Date{"2026-01-31", "2026-01-31", "2026-01-01"}}, "dates.1 dates.2"},
		{"no dates", once, catalog.Terms{Dates: []catalog.Date{"2026-02-29", "soon"}}, "dates.0 dates.1"},
		{"dates of another century", once, catalog.Terms{Dates: []catalog.Date{"1969-12-31", "2200-01-01"}}, "dates.0 dates.1"},
		{"too many dates", once, catalog.Terms{Dates: make([]catalog.Date, catalog.MaxPayments+1)}, "dates"},

		{"a paid trial", monthly, catalog.Terms{TrialAmount: 100, TrialPayments: 2}, ""},
		{"a paid trial of no days", noTrial, catalog.Terms{TrialAmount: 100}, "trial_amount"},
		{"a trial below nothing", monthly, catalog.Terms{TrialAmount: -1}, "trial_amount"},
		{"a trial above the limit", monthly, catalog.Terms{TrialAmount: money.MaxMinor + 1}, "trial_amount"},
		{"a free trial in parts", monthly, catalog.Terms{TrialPayments: 2}, "trial_payments"},
		{"parts below nothing", monthly, catalog.Terms{TrialAmount: 100, TrialPayments: -1}, "trial_payments"},
		{"too many parts", monthly, catalog.Terms{TrialAmount: 100, TrialPayments: catalog.MaxTrialPayments + 1}, "trial_payments"},
		{"more parts than days", catalog.Price{Amount: monthly.Amount, Interval: monthly.Interval, TrialDays: 2},
			catalog.Terms{TrialAmount: 100, TrialPayments: 3}, "trial_payments"},

		{"an anchor", monthly, catalog.Terms{AnchorDay: 31, FirstPeriod: catalog.FreeFirst}, ""},
		{"an anchor on weeks", weekly, catalog.Terms{AnchorDay: 31}, "anchor_day"},
		{"an anchor on one payment", once, catalog.Terms{AnchorDay: 1}, "anchor_day"},
		{"day 0", monthly, catalog.Terms{AnchorDay: -1}, "anchor_day"},
		{"day 32", monthly, catalog.Terms{AnchorDay: 32}, "anchor_day"},
		{"a first period of all", monthly, catalog.Terms{FirstPeriod: catalog.FullFirst}, "first_period"},
		{"an unknown first period", monthly, catalog.Terms{AnchorDay: 1, FirstPeriod: "half"}, "first_period"},

		{"usage", monthly, catalog.Terms{Usage: []catalog.Metered{{Meter: 1, Included: one, Overage: unit, TrialIncluded: &one}, {Meter: 2, Overage: unit}}}, ""},
		{"usage of one payment", once, catalog.Terms{Usage: []catalog.Metered{meter}}, "usage"},
		{"usage with dates", once, catalog.Terms{Usage: []catalog.Metered{meter}, Dates: []catalog.Date{"2026-01-31"}}, "usage"},
		{"the same meter twice", monthly, catalog.Terms{Usage: []catalog.Metered{meter, meter}}, "usage.1.meter"},
		{"no meter", monthly, catalog.Terms{Usage: []catalog.Metered{{Overage: unit}}}, "usage.0.meter"},
		{"too many meters", monthly, catalog.Terms{Usage: make([]catalog.Metered, catalog.MaxMetered+1)}, "usage"},
		{"usage below nothing", monthly, catalog.Terms{Usage: []catalog.Metered{{Meter: 1, Included: negative, Overage: bad, TrialIncluded: &negative}}},
			"usage.0.included usage.0.trial_included usage.0.overage.unit"},
		{"trial units without a trial", noTrial, catalog.Terms{Usage: []catalog.Metered{{Meter: 1, Overage: unit, TrialIncluded: &one}}}, "usage.0.trial_included"},

		{"credits", once, catalog.Terms{Prepaid: &catalog.Prepaid{Meter: 1, Units: one, TopUpAt: &money.Decimal{}}}, ""},
		{"credits each month", monthly, catalog.Terms{Prepaid: &catalog.Prepaid{Meter: 1, Units: one}}, "prepaid"},
		{"credits of nothing", once, catalog.Terms{Prepaid: &catalog.Prepaid{TopUpAt: &negative}}, "prepaid.meter prepaid.units prepaid.top_up_at"},

		{"other currencies", monthly, catalog.Terms{Convert: true, Charge: &unit, Usage: []catalog.Metered{meter}, Currencies: map[money.Currency]catalog.Fixed{
			"EUR": {Amount: 2800, SetupFee: 400, TrialAmount: 90, Charge: &unit, Overage: []catalog.Charge{unit}}}}, ""},
		{"an unknown currency", monthly, catalog.Terms{Currencies: map[money.Currency]catalog.Fixed{"XXX": {}}}, "currencies"},
		{"its own currency", monthly, catalog.Terms{Currencies: map[money.Currency]catalog.Fixed{"USD": {}}}, "currencies.USD"},
		{"amounts out of range", monthly, catalog.Terms{Currencies: map[money.Currency]catalog.Fixed{"EUR": {Amount: -1, SetupFee: -1, TrialAmount: money.MaxMinor + 1},
			"CHF": {Amount: money.MaxMinor + 1}}}, "currencies.CHF.amount currencies.EUR.amount currencies.EUR.setup_fee currencies.EUR.trial_amount"},
		{"a paid trial of no days in another", noTrial, catalog.Terms{Currencies: map[money.Currency]catalog.Fixed{"EUR": {TrialAmount: 5}}}, "currencies.EUR.trial_amount"},
		{"parts of a trial that is free in another", monthly, catalog.Terms{TrialAmount: 10, TrialPayments: 2,
			Currencies: map[money.Currency]catalog.Fixed{"EUR": {TrialAmount: 1}}}, "currencies.EUR.trial_amount"},
		{"a charge in one currency only", monthly, catalog.Terms{Charge: &unit, Currencies: map[money.Currency]catalog.Fixed{"EUR": {}}}, "currencies.EUR.charge"},
		{"a charge in the other only", monthly, catalog.Terms{Currencies: map[money.Currency]catalog.Fixed{"EUR": {Charge: &unit}}}, "currencies.EUR.charge"},
		{"a bad charge in another", monthly, catalog.Terms{Charge: &unit, Usage: []catalog.Metered{meter}, Currencies: map[money.Currency]catalog.Fixed{
			"EUR": {Charge: &bad, Overage: []catalog.Charge{bad}}}}, "currencies.EUR.charge.unit currencies.EUR.overage.0.unit"},
		{"usage without a price in another", monthly, catalog.Terms{Usage: []catalog.Metered{meter}, Currencies: map[money.Currency]catalog.Fixed{"EUR": {}}}, "currencies.EUR.overage"},
	} {
		err := c.terms.Check(c.price)
		if got := wrong(err); got != c.want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: wrong is %q, want %q (%v)", c.name, got, c.want, err)
		}
	}
}

// The reason stands beside the field, so that whoever reads it knows what to do.
func TestTermsReasons(t *testing.T) {
	t.Parallel()
	usd := money.Amount{Minor: 3000, Currency: "USD"}
	for _, c := range []struct {
		price catalog.Price
		terms catalog.Terms
		want  string
	}{
		{catalog.Price{Amount: usd}, catalog.Terms{Payments: 3}, "a price that is paid once has no instalments"},
		{catalog.Price{Amount: usd, Interval: every(t, "week")}, catalog.Terms{AnchorDay: 31}, "needs an interval of months or years"},
		{catalog.Price{Amount: usd, Interval: every(t, "month")}, catalog.Terms{Payments: -1}, "must be 1 to 366"},
	} {
		if err := c.terms.Check(c.price); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("the reason is %v, want %q in it", err, c.want)
		}
	}
}

func TestSettingsCheck(t *testing.T) {
	t.Parallel()
	products := make([]id.Product, 21)
	for i := range products {
		products[i] = id.Product(i + 1)
	}
	month := every(t, "month")
	for _, c := range []struct {
		name     string
		settings catalog.Settings
		want     string
	}{
		{"none", catalog.Settings{}, ""},
		{"all", catalog.Settings{Cancel: catalog.CancelLast, TaxKind: catalog.Goods, Skips: 100, Ends: products[:20], Ships: true, Align: true,
			Pause: catalog.PausePolicy{Allowed: true, Longest: every(t, "year"), Periods: 3, Fee: 100, Every: month}}, ""},
		{"unknown words", catalog.Settings{Cancel: "maybe", TaxKind: "air"}, "cancel tax_kind"},
		{"skips", catalog.Settings{Skips: 101}, "skips"},
		{"negative skips", catalog.Settings{Skips: -1}, "skips"},
		{"too many ends", catalog.Settings{Ends: products}, "ends"},
		{"the same end twice", catalog.Settings{Ends: []id.Product{1, 2, 1}}, "ends.2"},
		{"no product", catalog.Settings{Ends: []id.Product{0}}, "ends.0"},
		{"limits of no pause", catalog.Settings{Pause: catalog.PausePolicy{Periods: 3}}, "pause.allowed"},
		{"a fee of no pause", catalog.Settings{Pause: catalog.PausePolicy{Fee: 3}}, "pause.allowed"},
		{"a pause below nothing", catalog.Settings{Pause: catalog.PausePolicy{Allowed: true, Periods: -1, Fee: -1}}, "pause.periods pause.fee"},
		{"a pause above the limits", catalog.Settings{Pause: catalog.PausePolicy{Allowed: true, Periods: 367, Fee: money.MaxMinor + 1}}, "pause.periods pause.fee"},
		{"no fee, often", catalog.Settings{Pause: catalog.PausePolicy{Allowed: true, Every: month}}, "pause.every"},
		{"no intervals", catalog.Settings{Pause: catalog.PausePolicy{Allowed: true, Fee: 1, Longest: period.Interval{Unit: period.Month, Count: 61},
			Every: period.Interval{Unit: period.Year}}}, "pause.longest pause.every"},
	} {
		err := c.settings.Check()
		if got := wrong(err); got != c.want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: wrong is %q, want %q (%v)", c.name, got, c.want, err)
		}
	}
}
