package api

import (
	"context"

	"perennial/internal/metrics"
	"perennial/internal/report"
)

// CashMonthWire is what came in and went out in one month.
type CashMonthWire struct {
	Month    string `json:"month" example:"2026-05"`
	Paid     int64  `json:"paid" doc:"At the gateways, with tax; minor units of the account's currency."`
	Refunded int64  `json:"refunded"`
	Disputed int64  `json:"disputed" doc:"Held or taken back by customers' banks, less what came back."`
	Net      int64  `json:"net"`
}

// ForecastMonth is where the recurring revenue may stand at the end of a month.
type ForecastMonth struct {
	Month    string `json:"month" example:"2026-05"`
	Low      int64  `json:"low"`
	Expected int64  `json:"expected"`
	High     int64  `json:"high"`
}

// ForecastWire is where the recurring revenue goes, if months go on as the latest ones did.
type ForecastWire struct {
	Currency string          `json:"currency"`
	Method   string          `json:"method" doc:"How it is computed, for people."`
	Base     int             `json:"base_months" doc:"How many whole months it is computed from; of fewer than 2 nothing is told."`
	Months   []ForecastMonth `json:"months"`
}

const forecastMethod = "the end of the last whole month, plus the mean net change of the latest whole months, up to six, for each month ahead; low and high take the smallest and the greatest of them"

func (a *API) cashRoutes() {
	read(a, operation{id: "get-cash-flow", path: "/v1/metrics/cash-flow", tag: "Metrics", summary: "What was paid, refunded and disputed, by month", text: "The latest twelve months in the account's currency, oldest first, by the ledger."},
		func(ctx context.Context, c caller, _ *none) (list[CashMonthWire], error) {
			of, now, err := a.r.Account(ctx, c.account.ID)
			if err != nil {
				return list[CashMonthWire]{}, err
			}
			months, err := a.r.CashFlow(ctx, of, of.Currency, now)
			return paged(Page{Limit: len(months)}, "", months, nil, func(m report.CashMonth) CashMonthWire {
				return CashMonthWire{m.From.In(of.Location()).Format("2006-01"), m.In, m.Refunded, m.Disputed, m.Net()}
			}), err
		})
	read(a, operation{id: "get-forecast", path: "/v1/metrics/forecast", tag: "Metrics", summary: "Where the recurring revenue goes, if months go on as the latest ones did"},
		func(ctx context.Context, c caller, in *MetricFilter) (ForecastWire, error) {
			m, err := in.text().Measure()
			if err != nil {
				return ForecastWire{}, inQuery(err)
			}
			m.Grain = metrics.ByMonth
			f, err := a.r.Metrics(ctx, c.account.ID, m)
			if err != nil {
				return ForecastWire{}, inQuery(err)
			}
			found := report.ForecastOf(f)
			out := ForecastWire{Currency: string(f.Currency), Method: forecastMethod, Base: found.Base, Months: []ForecastMonth{}}
			for _, r := range found.Months {
				out.Months = append(out.Months, ForecastMonth{r.Month.String(), r.Low, r.Expected, r.High})
			}
			return out, nil
		})
}
