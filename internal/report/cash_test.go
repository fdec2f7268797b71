package report_test

import (
	"slices"
	"testing"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/metrics"
	"perennial/internal/report"
)

// TestCashFlow says that what is told by months is what was paid and refunded.
func TestCashFlow(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		f := newFeeds(t, open(), "Europe/Berlin")
		sale, err := f.s.Sell(t.Context(), commerce.Sell{Call: f.ours, Price: f.prices[0], Quantity: 3, Token: "tok_visa", Buyer: &commerce.CreateCustomer{Email: "a@example.com"}})
		f.must(err)
		f.now = f.now.AddDate(0, 1, 1)
		_, err = f.s.AdvanceClock(t.Context(), commerce.AdvanceClock{Call: f.ours, To: f.now})
		f.must(err)
		_, err = f.s.Refund(t.Context(), commerce.Refund{Call: f.ours, Payment: sale.Payment.ID, Amount: 700})
		f.must(err)
		a, now, err := f.r.Account(t.Context(), f.ours.Account)
		f.must(err)
		months, err := f.r.CashFlow(t.Context(), a, "EUR", now)
		f.must(err)
		if last, before := months[11], months[10]; len(months) != 12 || before.In != 3000 || before.Net() != 3000 || last.In != 3000 || last.Refunded != 700 || last.Net() != 2300 {
			t.Errorf("%+v, then %+v", before, last)
		}
	})
}

// TestForecast says that a forecast goes on as the latest months did.
func TestForecast(t *testing.T) {
	t.Parallel()
	figures := report.Figures{Grain: metrics.ByMonth}
	var before metrics.Cell
	for i, net := range []int64{1000, 300, 600, 50} {
		p := metrics.Point{Period: int32(24_300 + i), Before: before} // #nosec G115 -- four of them
		p.Cell.Amount[metrics.New] = net
		before.Add(&p.Cell, 1)
		figures.Points = append(figures.Points, p)
	}
	got := report.ForecastOf(figures)
	if got.Base != 3 || len(got.Months) != 6 || got.Months[0] != (report.Range{Month: 24_303, Low: 2200, Expected: 2533, High: 2900}) || got.Months[5].Expected != 1900+3800 {
		t.Errorf("%+v", got)
	}
	figures.Points = slices.Clone(figures.Points[:2])
	if got := report.ForecastOf(figures); len(got.Months) != 0 {
		t.Errorf("of one whole month: %+v", got)
	}
}
