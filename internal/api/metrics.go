package api

import (
	"context"
	"errors"
	"strings"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/report"
)

// MetricFilter narrows what is counted.
type MetricFilter struct {
	Set      string `query:"set" enum:"profitwell,chartmogul,stripe,baremetrics" default:"profitwell" doc:"Whose definitions are followed."`
	Plan     string `query:"plan" maxLength:"40" doc:"A price, the first of its line, or a measured plan."`
	Campaign string `query:"campaign" maxLength:"40"`
	Coupon   string `query:"coupon" maxLength:"40"`
	Interval string `query:"interval" maxLength:"20" example:"month"`
	Currency string `query:"currency" maxLength:"3" example:"EUR"`
	Country  string `query:"country" maxLength:"2" example:"DE"`
	Source   string `query:"source" maxLength:"100" doc:"Where customers came from."`

	Affiliate string `query:"affiliate" maxLength:"40" doc:"Whoever brought the customers."`
	Trait     string `query:"trait" maxLength:"200" example:"tier:pro" doc:"A category and a word."`
}

// text is the question that a filter asks.
func (f MetricFilter) text() report.MeasureText {
	return report.MeasureText{Set: f.Set, Plan: f.Plan, Campaign: f.Campaign, Coupon: f.Coupon, Interval: f.Interval, Currency: f.Currency, Country: f.Country, Source: f.Source, Affiliate: f.Affiliate, Trait: f.Trait}
}

// inQuery says that the wrong fields of a refusal stand in the query.
func inQuery(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	out := *e
	out.Fields = make([]fault.Field, len(e.Fields))
	for i, f := range e.Fields {
		out.Fields[i] = fault.Field{Name: "query." + f.Name, Message: f.Message}
	}
	return &out
}

// MetricPoint is one figure of a series.
type MetricPoint struct {
	Period string `json:"period" doc:"A month, 2026-05, or a day, 2026-05-31, in the account's zone."`
	Value  *int64 `json:"value" doc:"In the unit of the series; null when it would be divided by nothing."`
}

// MetricSeries is the figures of one metric.
type MetricSeries struct {
	Metric string        `json:"metric"`
	Unit   string        `json:"unit" enum:"money,customers,basis_points,hundredths,hundredths_of_a_day" doc:"money: minor units; basis_points: hundredths of a percent; hundredths: of a ratio."`
	Kind   string        `json:"kind" enum:"flow,start,balance,month_to_date,derived" doc:"Flows of periods can be added up, balances cannot."`
	Points []MetricPoint `json:"points" doc:"Oldest first; all series have the same periods."`
}

// MetricsWire is figures of an account.
type MetricsWire struct {
	Set      string         `json:"set"`
	Grain    string         `json:"grain" enum:"month,day"`
	Zone     string         `json:"zone"`
	Currency string         `json:"currency"`
	Upto     string         `json:"up_to" doc:"The day up to which the running period is complete."`
	Complete bool           `json:"complete" doc:"False while what was sold before this account was measured is still being counted."`
	Series   []MetricSeries `json:"series"`
}

var unitWords = map[metrics.Unit]string{metrics.Money: "money", metrics.Count: "customers", metrics.Percent: "basis_points", metrics.Ratio: "hundredths",
	metrics.Days: "hundredths_of_a_day"}

func valueOf(v metrics.Value) *int64 {
	if !v.Known {
		return nil
	}
	return &v.N
}

func periodOf(g metrics.Grain, p int32) string {
	if g == metrics.ByDay {
		return metrics.Day(p).String()
	}
	return metrics.Month(p).String()
}

func grainWord(g metrics.Grain) string {
	if g == metrics.ByDay {
		return "day"
	}
	return "month"
}

func metricsOf(f report.Figures, names []metrics.Metric) MetricsWire {
	out := MetricsWire{Set: f.Set.String(), Grain: grainWord(f.Grain), Zone: f.Zone, Currency: string(f.Currency), Upto: f.Today.String(), Complete: f.Complete, Series: []MetricSeries{}}
	for _, m := range names {
		s := MetricSeries{Metric: m.Name, Unit: unitWords[m.Unit], Kind: string(m.Span), Points: []MetricPoint{}}
		for i := range f.Points {
			s.Points = append(s.Points, MetricPoint{periodOf(f.Grain, f.Points[i].Period), valueOf(f.Points[i].Value(m))})
		}
		out.Series = append(out.Series, s)
	}
	return out
}

// namedMetrics are the metrics of a list of names; all when it is empty.
func namedMetrics(list string) ([]metrics.Metric, error) {
	if list == "" {
		return metrics.Metrics(), nil
	}
	var out []metrics.Metric
	for name := range strings.SplitSeq(list, ",") {
		m, known := metrics.MetricOf(name)
		if !known {
			return nil, fault.BadField("metrics", "knows no %q", name)
		}
		out = append(out, m)
	}
	return out, nil
}

type metricsQuestion struct {
	MetricFilter
	Grain   string `query:"grain" enum:"month,day" default:"month"`
	From    string `query:"from" maxLength:"10" example:"2026-01" doc:"The first period; left out: the first month that there is, or thirty days."`
	To      string `query:"to" maxLength:"10" doc:"The last period; left out: the running one."`
	Metrics string `query:"metrics" maxLength:"2000" example:"recurring_revenue,active_customers" doc:"Left out: all of them."`
}

func (q *metricsQuestion) ask() (report.Measure, []metrics.Metric, error) {
	t := q.text()
	t.Grain, t.From, t.To = q.Grain, q.From, q.To
	m, err := t.Measure()
	if err != nil {
		return m, nil, err
	}
	names, err := namedMetrics(q.Metrics)
	return m, names, err
}

// MetricShare is what one customer adds to a figure.
type MetricShare struct {
	Customer string `json:"customer" doc:"Of ours, or a measured user."`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Value    int64  `json:"value"`
}

// MetricInput is a figure that another one is computed from.
type MetricInput struct {
	Metric string `json:"metric"`
	Unit   string `json:"unit"`
	Value  *int64 `json:"value"`
}

// MetricOther is the figure by another set of definitions.
type MetricOther struct {
	Set   string `json:"set"`
	Value *int64 `json:"value"`
}

// MetricExplanation is how one figure comes about.
type MetricExplanation struct {
	Metric     string        `json:"metric"`
	Definition string        `json:"definition"`
	Unit       string        `json:"unit"`
	Kind       string        `json:"kind" enum:"flow,start,balance,month_to_date,derived"`
	Set        string        `json:"set"`
	Period     string        `json:"period"`
	Currency   string        `json:"currency"`
	Value      *int64        `json:"value"`
	Inputs     []MetricInput `json:"inputs" doc:"That a derived figure is computed from; ask for each of them."`
	Customers  int           `json:"customers" doc:"Who add something; none to a derived figure."`
	Sum        *int64        `json:"sum" doc:"Of all of them, counted anew from the facts; it equals the value."`
	Shares     []MetricShare `json:"shares" doc:"Those who add most first."`
	Others     []MetricOther `json:"others"`
}

// whoOf spells the id of a measured customer.
func whoOf(customer int64, pushed bool) string {
	if pushed {
		return id.MetricUser(customer).String()
	}
	return id.Customer(customer).String()
}

func explanationOf(e report.Explanation) MetricExplanation {
	p := e.Figures.Points[0]
	out := MetricExplanation{Metric: e.Metric.Name, Definition: e.Metric.Text, Unit: unitWords[e.Metric.Unit], Kind: string(e.Metric.Span), Set: e.Figures.Set.String(),
		Period: periodOf(e.Figures.Grain, p.Period), Currency: string(e.Figures.Currency), Value: valueOf(e.Value), Customers: e.Customers,
		Inputs: []MetricInput{}, Shares: []MetricShare{}, Others: []MetricOther{}}
	if e.Metric.Span != metrics.Derived {
		out.Sum = &e.Sum
	}
	for _, in := range e.Inputs {
		out.Inputs = append(out.Inputs, MetricInput{in.Metric.Name, unitWords[in.Metric.Unit], valueOf(in.Value)})
	}
	for _, s := range e.Shares {
		out.Shares = append(out.Shares, MetricShare{whoOf(s.Customer, s.Pushed), s.Email, s.Name, s.N})
	}
	for _, o := range e.Others {
		out.Others = append(out.Others, MetricOther{o.Set.String(), valueOf(o.Value)})
	}
	return out
}

// MetricPlan is a plan with paying customers.
type MetricPlan struct {
	Plan      string `json:"plan"`
	Name      string `json:"name"`
	Revenue   int64  `json:"recurring_revenue" doc:"Minor units of the account's currency."`
	Customers int64  `json:"active_customers"`
}

// MetricCohort is those who first paid in one month.
type MetricCohort struct {
	Month string   `json:"month"`
	Size  int64    `json:"size" doc:"At the end of that month."`
	Cells []*int64 `json:"cells" doc:"Of that month and each one after it; the last is of the running month. Null where it would be divided by nothing."`
}

// MetricCohorts is who stays.
type MetricCohorts struct {
	Currency string         `json:"currency"`
	Unit     string         `json:"unit" enum:"money,customers,basis_points"`
	Rows     []MetricCohort `json:"rows"`
}

func cohortsOf(c report.Cohorts, of, as string) MetricCohorts {
	out := MetricCohorts{Currency: string(c.Currency), Unit: "basis_points", Rows: []MetricCohort{}}
	if as == "absolute" {
		out.Unit = map[string]string{"customers": "customers", "revenue": "money"}[of]
	}
	for _, r := range c.Rows {
		list := r.Customers
		if of == "revenue" {
			list = r.Revenue
		}
		row := MetricCohort{Month: r.Month.String(), Size: list[0], Cells: []*int64{}}
		for i, n := range list {
			switch as {
			case "absolute":
				row.Cells = append(row.Cells, &n)
			case "of_previous":
				row.Cells = append(row.Cells, valueOf(metrics.Part(n, list[max(i-1, 0)])))
			default:
				row.Cells = append(row.Cells, valueOf(metrics.Part(n, list[0])))
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// MetricDefinition is what a metric means.
type MetricDefinition struct {
	Metric string   `json:"metric"`
	Unit   string   `json:"unit"`
	Kind   string   `json:"kind"`
	Text   string   `json:"text"`
	Inputs []string `json:"inputs"`
}

func (a *API) metricRoutes() {
	read(a, operation{id: "get-metrics", path: "/v1/metrics", tag: "Metrics", summary: "Figures by month or day", text: "For the company, a plan, or whatever the filters leave. See docs/metrics.md for the definitions."},
		func(ctx context.Context, c caller, in *metricsQuestion) (MetricsWire, error) {
			m, names, err := in.ask()
			if err != nil {
				return MetricsWire{}, inQuery(err)
			}
			f, err := a.r.Metrics(ctx, c.account.ID, m)
			if err != nil {
				return MetricsWire{}, inQuery(err)
			}
			return metricsOf(f, names), nil
		})
	type explainQuestion struct {
		MetricFilter
		Metric string `query:"metric" required:"true" maxLength:"80" example:"churned_recurring_revenue"`
		Period string `query:"period" maxLength:"10" doc:"A month or a day; left out: the running month."`
		Skip   int    `query:"skip" default:"0" minimum:"0" maximum:"10000000"`
		Limit  int    `query:"limit" default:"20" minimum:"1" maximum:"100"`
	}
	read(a, operation{id: "explain-metric", path: "/v1/metrics/explain", tag: "Metrics", summary: "Who adds what to one figure"},
		func(ctx context.Context, c caller, in *explainQuestion) (MetricExplanation, error) {
			m, err := in.text().In(in.Period).Measure()
			if err != nil {
				return MetricExplanation{}, inQuery(err)
			}
			e, err := a.r.Explain(ctx, c.account.ID, m, in.Metric, in.Skip, in.Limit)
			if err != nil {
				return MetricExplanation{}, inQuery(err)
			}
			return explanationOf(e), nil
		})
	type planList struct {
		Limit int `query:"limit" default:"150" minimum:"1" maximum:"150"`
	}
	read(a, operation{id: "list-measured-plans", path: "/v1/metrics/plans", tag: "Metrics", summary: "Plans with paying customers, those that bring most first"},
		func(ctx context.Context, c caller, in *planList) (list[MetricPlan], error) {
			rows, err := a.r.MeasuredPlans(ctx, c.account.ID, in.Limit)
			return paged(Page{Limit: len(rows)}, "", rows, nil, func(p report.PlanFigures) MetricPlan {
				plan := id.Price(p.Plan).String()
				if p.Pushed {
					plan = id.MetricPlan(p.Plan).String()
				}
				return MetricPlan{plan, p.Name, p.Revenue, p.Customers}
			}), err
		})
	type cohortQuestion struct {
		From string `query:"from" maxLength:"7" example:"2026-01" doc:"Leaves older cohorts out."`
		Of   string `query:"of" enum:"customers,revenue" default:"customers"`
		As   string `query:"as" enum:"of_start,of_previous,absolute" default:"of_start" doc:"Shares are in basis points: hundredths of a percent."`
	}
	read(a, operation{id: "get-cohorts", path: "/v1/metrics/cohorts", tag: "Metrics", summary: "Who stays, by the month in which they first paid"},
		func(ctx context.Context, c caller, in *cohortQuestion) (MetricCohorts, error) {
			m, err := report.MeasureText{From: in.From}.Measure()
			if err != nil {
				return MetricCohorts{}, inQuery(err)
			}
			first := metrics.Month(0)
			if !m.From.IsZero() {
				first = metrics.DayOf(m.From).Month()
			}
			found, err := a.r.Cohorts(ctx, c.account.ID, first)
			return cohortsOf(found, in.Of, in.As), err
		})
	read(a, operation{id: "list-metric-definitions", path: "/v1/metrics/definitions", tag: "Metrics", summary: "What each metric means"},
		func(context.Context, caller, *none) (list[MetricDefinition], error) {
			return paged(Page{Limit: len(metrics.Metrics())}, "", metrics.Metrics(), nil, func(m metrics.Metric) MetricDefinition {
				return MetricDefinition{m.Name, unitWords[m.Unit], string(m.Span), m.Text, append([]string{}, m.Inputs...)}
			}), nil
		})
	a.measuredRoutes()
	a.cashRoutes()
}
