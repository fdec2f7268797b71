package report

import (
	"cmp"
	"context"
	"slices"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
)

// CohortRow is the customers who first paid in one month, and what is left of them at the
// end of it and of each month after it.
type CohortRow struct {
	Month     metrics.Month
	Customers []int64
	Revenue   []int64 // recurring, minor units
}

// Cohorts are the cohorts of an account, oldest first. The last cell of each is that of the
// running month, which is not over.
type Cohorts struct {
	Currency money.Currency
	Rows     []CohortRow
}

// Cohorts tells who stays, by the default set and from the roll-ups. From leaves older
// cohorts out; zero for none.
func (r *Reader) Cohorts(ctx context.Context, acc id.Account, from metrics.Month) (Cohorts, error) {
	return view(ctx, r, func(tx *db.Tx) (Cohorts, error) {
		var out Cohorts
		a, err := account.Load(tx, acc)
		if err != nil {
			return out, err
		}
		state, err := metrics.LoadState(tx, acc, a.Zone, a.Currency)
		if err != nil {
			return out, err
		}
		out.Currency = state.Currency
		now := metrics.DayOf(a.Now(r.clock.Now()).In(state.Location())).Month()
		revenue, _ := metrics.MetricOf("recurring_revenue")
		rows := map[metrics.Month]*CohortRow{}
		err = metrics.RollupsOf(tx, acc, metrics.ByMonth, metrics.Cohort, func(k metrics.Key, c *metrics.Cell) {
			month := metrics.Month(k.Of) // #nosec G115 -- that is what is kept there
			at := metrics.Month(k.Period) - month
			if month < from || month > now || at < 0 || metrics.Month(k.Period) > now {
				return
			}
			row := rows[month]
			if row == nil {
				row = &CohortRow{Month: month, Customers: make([]int64, now-month+1), Revenue: make([]int64, now-month+1)}
				rows[month] = row
			}
			row.Customers[at] += c.Joined()
			row.Revenue[at] += revenue.Weights.Of(c)
		})
		for _, row := range rows {
			for i := 1; i < len(row.Customers); i++ {
				row.Customers[i] += row.Customers[i-1]
				row.Revenue[i] += row.Revenue[i-1]
			}
			out.Rows = append(out.Rows, *row)
		}
		slices.SortFunc(out.Rows, func(a, b CohortRow) int { return cmp.Compare(a.Month, b.Month) })
		return out, err
	})
}
