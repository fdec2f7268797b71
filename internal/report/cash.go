package report

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/ledger"
	"perennial/internal/metrics"
	"perennial/internal/money"
)

// CashMonth is what came in and went out in one month.
type CashMonth struct {
	From time.Time // its beginning in the account's zone
	ledger.Flow
}

// Net is what is left of it.
func (m CashMonth) Net() int64 { return m.In - m.Refunded - m.Disputed }

// CashFlow is the latest twelve months in one currency, oldest first; the last one is that in
// which now lies. It is told from the ledger.
func (r *Reader) CashFlow(ctx context.Context, a account.Account, c money.Currency, now time.Time) ([]CashMonth, error) {
	local := now.In(a.Location())
	months := make([]CashMonth, ledger.Months)
	starts := make([]time.Time, ledger.Months)
	for i := range months {
		starts[i] = time.Date(local.Year(), local.Month()+time.Month(i+1-ledger.Months), 1, 0, 0, 0, 0, a.Location())
		months[i].From = starts[i]
	}
	flows, err := view(ctx, r, func(tx *db.Tx) ([]ledger.Flow, error) { return ledger.CashFlow(tx, a.ID, c, starts) })
	for i, f := range flows {
		months[i].Flow = f
	}
	return months, err
}

// Forecast is where the recurring revenue goes, if months go on as the latest ones did.
type Forecast struct {
	Base   int     // how many whole months it is computed from; fewer than 2 tell nothing
	Months []Range // the running month first
}

// Range is one forecast month, in minor units.
type Range struct {
	Month               metrics.Month
	Low, Expected, High int64
}

// The months of a forecast, and those that it is computed from, at most.
const (
	forecastMonths = 6
	forecastBase   = 6
)

// ForecastOf goes on from the end of the last whole month. Expected adds the mean net change of
// the latest whole months, up to six, for each month ahead; low and high add the smallest and
// the greatest of them. Nothing else goes into it.
func ForecastOf(f Figures) Forecast {
	var out Forecast
	if f.Grain != metrics.ByMonth || len(f.Points) < 2 {
		return out
	}
	revenue, _ := metrics.MetricOf("recurring_revenue")
	whole := f.Points[:len(f.Points)-1] // the last one is running
	var sum, least, most int64
	for i := len(whole) - 1; i >= 0 && out.Base < forecastBase; i-- {
		net := whole[i].Cell.Net()
		if out.Base == 0 {
			least, most = net, net
		}
		sum, least, most, out.Base = sum+net, min(least, net), max(most, net), out.Base+1
	}
	if out.Base < 2 {
		return out
	}
	last := whole[len(whole)-1]
	from := last.Value(revenue).N
	for n := range int64(forecastMonths) {
		mean, err := money.Amount{Minor: sum * (n + 1)}.MulRatio(1, int64(out.Base), money.HalfUp)
		if err != nil {
			return Forecast{}
		}
		out.Months = append(out.Months, Range{Month: metrics.Month(last.Period) + 1 + metrics.Month(n), // #nosec G115 -- six of them
			Low: max(0, from+least*(n+1)), Expected: max(0, from+mean.Minor), High: max(0, from+most*(n+1))})
	}
	return out
}
