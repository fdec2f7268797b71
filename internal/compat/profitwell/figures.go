package profitwell

import (
	"context"
	"strings"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/params"
	"perennial/internal/report"
)

func (d *Door) status(context.Context, *caller, *params.Values) (any, error) {
	return struct {
		Status string `json:"status"`
	}{"ok"}, nil
}

func (d *Door) settings(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	zone, in, err := d.r.MeasuredAs(ctx, c.account.ID)
	return struct {
		ID        string  `json:"id"`
		Name      string  `json:"name"`
		Timezone  string  `json:"timezone"`
		Currency  string  `json:"currency"`
		CreatedAt *string `json:"created_at"`
	}{c.account.ID.String(), c.account.Name, zone, strings.ToLower(string(in)), stamp(c.account.CreatedAt)}, err
}

// monthlyNames are the series of months, in the order in which they are told.
var monthlyNames = []string{"recurring_revenue", "existing_recurring_revenue", "new_recurring_revenue", "reactivated_recurring_revenue", "upgraded_recurring_revenue",
	"downgraded_recurring_revenue", "churned_recurring_revenue", "churned_recurring_revenue_cancellations", "churned_recurring_revenue_delinquent",
	"active_customers", "existing_customers", "new_customers", "reactivated_customers", "upgraded_customers", "downgraded_customers",
	"churned_customers", "churned_customers_cancellations", "churned_customers_delinquent", "average_revenue_per_user", "lifetime_value",
	"customers_churn_rate", "customers_churn_cancellations_rate", "customers_churn_delinquent_rate", "revenue_churn_rate", "revenue_churn_cancellations_rate", "revenue_churn_delinquent_rate",
	"customers_retention_rate", "revenue_retention_rate", "upgrade_rate", "downgrade_rate", "growth_rate", "saas_quick_ratio",
	"active_trialing_customers", "existing_trialing_customers", "new_trialing_customers", "churned_trialing_customers",
	"converted_customers", "converted_recurring_revenue", "customer_conversion_rate", "trial_conversion_time", "plan_changed_recurring_revenue", "plan_change_rate"}

// dailyNames are those of days.
var dailyNames = []string{"active_customers", "churned_customers", "churned_recurring_revenue", "cumulative_net_new_mrr", "cumulative_new_trialing_customers",
	"downgraded_customers", "downgraded_recurring_revenue", "future_churn_mrr", "new_customers", "new_recurring_revenue", "reactivated_customers",
	"reactivated_recurring_revenue", "recurring_revenue", "upgraded_customers", "upgraded_recurring_revenue"}

// namesOf are the series that were asked for: all of them when none is named.
func namesOf(v *params.Values, all []string) []metrics.Metric {
	var names []string
	for _, given := range v.All("metrics") {
		for name := range strings.SplitSeq(given, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		names = all
	}
	var out []metrics.Metric
	for _, name := range names {
		m, known := metrics.MetricOf(name)
		offered := false
		for _, n := range all {
			offered = offered || n == name
		}
		if v.Check(known && offered, "metrics", "%q is not a valid choice", name); known && offered {
			out = append(out, m)
		}
	}
	return out
}

// planFilter is the plan that was asked for; 0 for the company.
func (d *Door) planFilter(ctx context.Context, c *caller, v *params.Values) (int64, error) {
	code := v.Text("plan_id")
	if code == "" {
		return 0, nil
	}
	p, err := d.r.PushedPlan(ctx, c.account.ID, code)
	if err == nil {
		return int64(p.ID), nil
	}
	if !fault.Is(err, fault.NotFound) {
		return 0, err
	}
	price, err := id.Parse[id.Price](code)
	if err != nil {
		return 0, fault.BadField("plan_id", "there is no plan with this ID")
	}
	return int64(price), nil
}

// point is one figure of a series.
type point struct {
	Date  string `json:"date"`
	Value any    `json:"value"`
}

// figures answers series, all of the same periods, oldest first.
func (d *Door) figures(ctx context.Context, c *caller, v *params.Values, m report.Measure, names []metrics.Metric) (any, error) {
	if err := v.Err(); err != nil {
		return nil, err
	}
	var err error
	if m.Filter.Plan, err = d.planFilter(ctx, c, v); err != nil {
		return nil, err
	}
	f, err := d.r.Metrics(ctx, c.account.ID, m)
	if err != nil {
		return nil, err
	}
	data := map[string][]point{}
	for _, name := range names {
		list := []point{}
		for i := range f.Points {
			list = append(list, point{f.Points[i].Name(f.Grain), number(f.Points[i].Value(name), name, f.Currency)})
		}
		data[name.Name] = list
	}
	return map[string]any{"data": data}, nil
}

func (d *Door) monthly(ctx context.Context, c *caller, v *params.Values) (any, error) {
	return d.figures(ctx, c, v, report.Measure{Grain: metrics.ByMonth}, namesOf(v, monthlyNames))
}

func (d *Door) daily(ctx context.Context, c *caller, v *params.Values) (any, error) {
	names := namesOf(v, dailyNames)
	v.Require("month")
	zone, _, err := d.r.MeasuredAs(ctx, c.account.ID)
	if err != nil {
		return nil, err
	}
	place, err := time.LoadLocation(zone)
	if err != nil {
		place = time.UTC
	}
	now := c.now.In(place)
	first := time.Date(now.Year(), now.Month(), 1, 12, 0, 0, 0, place)
	month, err := time.ParseInLocation("2006-01", v.Text("month"), place)
	month = time.Date(month.Year(), month.Month(), 1, 12, 0, 0, 0, place)
	switch {
	case v.Text("month") == "":
	case err != nil:
		v.Bad("month", "must be a month such as %s", first.Format("2006-01"))
	case !month.Equal(first) && !month.Equal(first.AddDate(0, -1, 0)):
		v.Bad("month", "must be the current or the previous month")
	}
	return d.figures(ctx, c, v, report.Measure{Grain: metrics.ByDay, From: month, To: month.AddDate(0, 1, -1)}, names)
}

// most is how many plans a list of those with customers has, at most and by default.
const mostPlans = 150

func (d *Door) activePlans(ctx context.Context, c *caller, v *params.Values) (any, error) {
	limit := int(v.Int("limit", 1, mostPlans))
	if err := v.Err(); err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = mostPlans
	}
	list, err := d.r.MeasuredPlans(ctx, c.account.ID, limit)
	if err != nil {
		return nil, err
	}
	var pushed []int64
	for _, p := range list {
		if p.Pushed {
			pushed = append(pushed, p.Plan)
		}
	}
	codes, err := d.r.PushedCodes(ctx, c.account.ID, pushed)
	ids := []string{}
	for _, p := range list {
		if p.Pushed {
			ids = append(ids, codes[p.Plan])
		} else {
			ids = append(ids, id.Price(p.Plan).String())
		}
	}
	return map[string][]string{"plan_ids": ids}, err
}
