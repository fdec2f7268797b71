package dashboard

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/a-h/templ"

	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/web"
)

// heatRow is a cohort with its cells.
type heatRow struct {
	Name  string
	Size  string
	Cells []heatCell
}

// heatCell is one month of a cohort.
type heatCell struct {
	Text    string
	Shade   int  // 0 to 9
	Running bool // the month is not over
	Label   string
}

// cohortsAs is how cohorts are shown.
type cohortsAs struct{ of, as string }

func (v *visit) cohortsAsked() cohortsAs {
	c := cohortsAs{"customers", "start"}
	if v.r.URL.Query().Get("of") == "revenue" {
		c.of = "revenue"
	}
	if as := v.r.URL.Query().Get("as"); as == "previous" || as == "absolute" {
		c.as = as
	}
	return c
}

// maxCohorts is how many of the newest cohorts a page shows.
const maxCohorts = 24

func (c cohortsAs) list(r report.CohortRow) []int64 {
	if c.of == "revenue" {
		return r.Revenue
	}
	return r.Customers
}

// share is a cell in hundredths of a percent of what it is compared with.
func (c cohortsAs) share(list []int64, i int) metrics.Value {
	if c.as == "previous" {
		return metrics.Part(list[i], list[max(0, i-1)])
	}
	return metrics.Part(list[i], list[0])
}

func (v *visit) cohortText(c cohortsAs, list []int64, i int, in money.Currency) string {
	switch {
	case c.as == "absolute" && c.of == "revenue":
		return v.minor(list[i], in)
	case c.as == "absolute":
		return web.CountText(list[i])
	}
	return tenths(c.share(list, i))
}

// tenths is a percentage with one decimal.
func tenths(s metrics.Value) string {
	if !s.Known {
		return "–"
	}
	n := (s.N + 5) / 10
	return fmt.Sprintf("%d.%d %%", n/10, n%10)
}

func (v *visit) cohortsPage() {
	c := v.cohortsAsked()
	found, err := v.report.Cohorts(v.r.Context(), v.acc.ID, 0)
	if err != nil {
		v.fail(err)
		return
	}
	rows := found.Rows[max(0, len(found.Rows)-maxCohorts):]
	var shown []heatRow
	longest := 0
	for _, r := range rows {
		list := c.list(r)
		longest = max(longest, len(list))
		row := heatRow{Name: r.Month.First().Time().Format("Jan 2006"), Size: v.cohortText(cohortsAs{c.of, "absolute"}, list, 0, found.Currency)}
		for i := range list {
			shade := c.share(list, i)
			row.Cells = append(row.Cells, heatCell{Text: v.cohortText(c, list, i, found.Currency), Shade: int(max(0, min(shade.N, 9_999)) / 1000), Running: i == len(list)-1,
				Label: row.Name + ", month " + strconv.Itoa(i+1)})
		}
		shown = append(shown, row)
	}
	p := v.page("Cohorts")
	p.Crumbs = []web.Link{{Label: "Metrics", Href: v.at("metrics")}}
	p.Header.Lead = "Customers by the month in which they first paid, and what is left of them at the end of each month. The last month of each row is running."
	here := v.at("metrics", "cohorts")
	f := web.FilterSet{Action: here, Fields: []web.Filter{
		{Name: "of", Label: "What", Options: web.Choices(c.of, web.Option{Value: "customers", Label: "Customers"}, web.Option{Value: "revenue", Label: "Revenue"})},
		{Name: "as", Label: "As", Options: web.Choices(c.as, web.Option{Value: "start", Label: "Share of the start"}, web.Option{Value: "previous", Label: "Share of the month before"}, web.Option{Value: "absolute", Label: "Absolute"})}},
		Actions: web.LinkButton(web.Plain, "CSV", here+"/csv?of="+c.of+"&as="+c.as)}
	v.show(cohortHeatPage(p, v.metricTabs("Cohorts"), f, shown, v.cohortMean(c, rows, longest), longest))
}

// cohortMean is the mean of a month over all cohorts that have lived it whole, each weighted
// by its size.
func (v *visit) cohortMean(c cohortsAs, rows []report.CohortRow, longest int) (cells []string) {
	if c.as == "absolute" {
		return nil
	}
	for i := range longest {
		var is, was int64
		for _, r := range rows {
			if list := c.list(r); i < len(list)-1 {
				is += list[i]
				if c.as == "previous" {
					was += list[max(0, i-1)]
				} else {
					was += list[0]
				}
			}
		}
		cells = append(cells, tenths(metrics.Part(is, was)))
	}
	return cells
}

func (v *visit) cohortsFile() {
	c := v.cohortsAsked()
	found, err := v.report.Cohorts(v.r.Context(), v.acc.ID, 0)
	if err != nil {
		v.fail(err)
		return
	}
	longest := 0
	for _, r := range found.Rows {
		longest = max(longest, len(r.Customers))
	}
	head := []string{"cohort", "size"}
	for i := range longest {
		head = append(head, "month_"+strconv.Itoa(i+1))
	}
	rows := [][]string{head}
	for _, r := range found.Rows {
		list := c.list(r)
		plain := func(i int, as string) string {
			unit := metrics.Count
			if c.of == "revenue" {
				unit = metrics.Money
			}
			if as == "absolute" {
				return metrics.Value{N: list[i], Known: true}.Plain(unit, found.Currency)
			}
			return c.share(list, i).Plain(metrics.Percent, found.Currency)
		}
		row := []string{r.Month.String(), plain(0, "absolute")}
		for i := range list {
			row = append(row, plain(i, c.as))
		}
		rows = append(rows, append(row, make([]string, longest-len(list))...))
	}
	v.file("cohorts", rows)
}

func (v *visit) trialsPage() {
	m := v.asked()
	f, ok := v.figures(m)
	if !ok {
		return
	}
	filter, err := v.metricFilter(m, v.at("metrics", "trials"), m.href(v.at("metrics", "csv")))
	if err != nil {
		v.fail(err)
		return
	}
	c := web.Chart{ID: "trials", Title: "Do trials turn into money?", X: periodNames(f), SoFar: running(f), Axis: figureAxis(metrics.Count, f.Currency),
		Answer: "Trials that began, those that became paid and those that were lost, each in the period in which it happened."}
	lost := v.series(f, "churned_trialing_customers", "Lost", "churned")
	for i := range lost.Values {
		lost.Values[i] = -lost.Values[i]
	}
	c.Series = []web.Series{v.series(f, "converted_customers", "Became paid", "new"), v.series(f, "new_trialing_customers", "Began", "reactivated"), lost}
	p := v.page("Trials")
	p.Crumbs = []web.Link{{Label: "Metrics", Href: v.at("metrics")}}
	p.Header.Lead = v.metricLead(f)
	v.show(chartPage(p, v.metricTabs("Trials"), filter, v.metricStats(m, f, "active_trialing_customers", "new_trialing_customers", "converted_customers", "customer_conversion_rate", "trial_conversion_time", "converted_recurring_revenue"), c, true,
		anything(f), web.Empty{Title: "No trials", Text: "Give a price free days, and those who begin with them will stand here, with how many of them pay in the end."}))
}

func (v *visit) planMix() ([]report.PlanFigures, money.Currency, bool) {
	list, err := v.report.MeasuredPlans(v.r.Context(), v.acc.ID, 150)
	if err != nil {
		v.fail(err)
		return nil, "", false
	}
	_, in, err := v.report.MeasuredAs(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return nil, "", false
	}
	return list, in, true
}

func (v *visit) planMixPage() {
	list, in, ok := v.planMix()
	if !ok {
		return
	}
	var revenue, customers int64
	for _, p := range list {
		revenue, customers = revenue+p.Revenue, customers+p.Customers
	}
	t := web.Table{ID: "plans", Caption: "Plans, table", Columns: []web.Column{{Label: "Plan"}, {Label: "Revenue a month", Numeric: true, Card: true}, {Label: "Share", Numeric: true, Card: true}, {Label: "Customers", Numeric: true, Card: true}, {Label: "Each", Numeric: true, Optional: true}}}
	var bars []web.Bar
	for i, p := range list {
		href := v.at("metrics") + "?plan=" + planID(p.Plan, p.Pushed)
		share := tenths(metrics.Part(p.Revenue, revenue))
		each, err := money.Amount{Minor: p.Revenue, Currency: in}.MulRatio(1, max(p.Customers, 1), money.HalfUp)
		if err != nil {
			v.fail(err)
			return
		}
		t.Rows = append(t.Rows, web.Row{Href: href, Cells: []templ.Component{web.Text(p.Name), web.Money(v.minor(p.Revenue, in)), web.Text(share), web.Text(web.CountText(p.Customers)), web.Money(v.money(each))}})
		if i < 10 {
			bars = append(bars, web.Bar{Label: p.Name, Value: p.Revenue, Text: v.minor(p.Revenue, in) + " · " + share, Href: href})
		}
	}
	p := v.page("Plan mix")
	p.Crumbs = []web.Link{{Label: "Metrics", Href: v.at("metrics")}}
	p.Header.Lead = "What paying customers bring by the month now, by plan. A customer of several plans counts at each."
	v.show(planMixView(p, v.metricTabs("Plans"), bars, t, v.at("metrics", "plans", "csv")))
}

func (v *visit) planMixFile() {
	list, in, ok := v.planMix()
	if !ok {
		return
	}
	rows := [][]string{{"plan", "name", "recurring_revenue", "active_customers"}}
	for _, p := range list {
		rows = append(rows, []string{planID(p.Plan, p.Pushed), p.Name, metrics.Value{N: p.Revenue, Known: true}.Plain(metrics.Money, in), strconv.FormatInt(p.Customers, 10)})
	}
	v.file("plans", rows)
}

func (v *visit) lifetimePage() {
	m := v.asked()
	if m.text.Grain == "day" {
		m.reach, m.text.Grain, m.text.From = "13", "month", ""
	}
	f, ok := v.figures(m)
	if !ok {
		return
	}
	filter, err := v.metricFilter(m, v.at("metrics", "lifetime"), m.href(v.at("metrics", "csv")))
	if err != nil {
		v.fail(err)
		return
	}
	forecast := report.ForecastOf(f)
	t := web.Table{ID: "forecast", Caption: "Forecast of the recurring revenue, table", Columns: []web.Column{{Label: "End of"}, {Label: "Low", Numeric: true, Card: true}, {Label: "Expected", Numeric: true, Card: true}, {Label: "High", Numeric: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Not enough months", Text: "A forecast needs two whole months."})}
	for _, r := range forecast.Months {
		t.Rows = append(t.Rows, web.Row{Cells: append(cellsOf(r.Month.First().Time().Format("Jan 2006")), web.Money(v.minor(r.Low, f.Currency)), web.Money(v.minor(r.Expected, f.Currency)), web.Money(v.minor(r.High, f.Currency)))})
	}
	p := v.page("Lifetime value and forecast")
	p.Crumbs = []web.Link{{Label: "Metrics", Href: v.at("metrics")}}
	p.Header.Lead = v.metricLead(f)
	v.show(lifetimeView(p, v.metricTabs("Lifetime"), filter, v.metricStats(m, f, "lifetime_value", "average_revenue_per_user", "revenue_retention_rate", "customers_retention_rate"),
		v.lineOf(f, "lifetime_value", "What is a customer worth?"), t, forecast.Base))
}

func (v *visit) cash() ([]report.CashMonth, money.Currency, bool) {
	in := v.acc.Currency
	months, err := v.report.CashFlow(v.r.Context(), v.acc, in, v.now)
	if err != nil {
		v.fail(err)
		return nil, in, false
	}
	return months, in, true
}

func (v *visit) cashPage() {
	months, in, ok := v.cash()
	if !ok {
		return
	}
	c := web.Chart{ID: "cash", Title: "What arrives, and what goes back?", SoFar: true, Axis: figureAxis(metrics.Money, in), Answer: "Payments at the gateways in " + string(in) + " with tax, less what was refunded and what banks took back. Fees of gateways are not known here."}
	series := []web.Series{{Name: "Paid", Tone: "new"}, {Name: "Refunded", Tone: "contraction"}, {Name: "Disputed", Tone: "churned"}}
	net := web.Series{Name: "Net", Tone: "net"}
	t := web.Table{ID: "cash-months", Caption: "Cash flow by month, table", Columns: []web.Column{{Label: "Month"}, {Label: "Paid", Numeric: true, Card: true}, {Label: "Refunded", Numeric: true, Card: true}, {Label: "Disputed", Numeric: true, Card: true}, {Label: "Net", Numeric: true, Card: true}}}
	some := false
	for _, m := range months {
		c.X = append(c.X, m.From.In(v.zone).Format("Jan 2006"))
		for i, n := range []int64{m.In, -m.Refunded, -m.Disputed} {
			series[i].Values, series[i].Text = append(series[i].Values, n), append(series[i].Text, v.minor(n, in))
			some = some || n != 0
		}
		net.Values, net.Text = append(net.Values, m.Net()), append(net.Text, v.minor(m.Net(), in))
		t.Rows = append(t.Rows, web.Row{Cells: append(cellsOf(m.From.In(v.zone).Format("Jan 2006")), web.Money(v.minor(m.In, in)), web.Money(v.minor(-m.Refunded, in)), web.Money(v.minor(-m.Disputed, in)), web.Money(v.minor(m.Net(), in)))})
	}
	slices.Reverse(t.Rows)
	c.Series, c.Net = series, &net
	p := v.page("Cash flow")
	p.Crumbs = []web.Link{{Label: "Metrics", Href: v.at("metrics")}}
	p.Header.Lead = "Money that moved, by the ledger. It is not the recurring revenue: a yearly plan is paid at once."
	v.show(cashView(p, v.metricTabs("Cash flow"), c, t, some, v.at("metrics", "cash", "csv")))
}

func (v *visit) cashFile() {
	months, in, ok := v.cash()
	if !ok {
		return
	}
	rows := [][]string{{"month", "paid", "refunded", "disputed", "net"}}
	for _, m := range months {
		row := []string{m.From.In(v.zone).Format("2006-01")}
		for _, n := range []int64{m.In, m.Refunded, m.Disputed, m.Net()} {
			row = append(row, metrics.Value{N: n, Known: true}.Plain(metrics.Money, in))
		}
		rows = append(rows, row)
	}
	v.file("cash-flow", rows)
}

// setDifferences are what the sets of definitions differ in, in the order of setOptions.
var setDifferences = []struct {
	Topic string
	By    [4]string
}{
	{"What happens inside a month", [4]string{"Netted for each customer; who comes and goes in one month was never there", "Counted change by change; only what lies within an hour is netted", "Counted change by change", "Counted change by change"}},
	{"When revenue is lost", [4]string{"When the paid period ends", "When the paid period ends", "When the end is asked for", "When the paid period ends, or a payment is late for 30 days"}},
	{"One of several subscriptions ends", [4]string{"A downgrade of the customer", "A downgrade of the customer", "The subscription is lost", "A downgrade of the customer"}},
	{"A longer or shorter term", [4]string{"Longer is an upgrade, shorter a downgrade, whatever the amount", "By the amount", "By the amount", "By the amount"}},
	{"Discounts", [4]string{"All reduce", "All reduce", "Only those that do not end reduce", "All reduce"}},
	{"Revenue churn rate", [4]string{"Lost, of the start", "Lost and downgraded, of the start", "Lost, of the start", "Lost, of the start"}},
}

func (v *visit) definitionsPage() {
	t := web.Table{ID: "sets", Caption: "What the definitions differ in, table", Columns: []web.Column{{Label: "Topic"}}}
	for _, o := range setOptions {
		t.Columns = append(t.Columns, web.Column{Label: o.Label, Card: true})
	}
	for _, d := range setDifferences {
		t.Rows = append(t.Rows, web.Row{Cells: cellsOf(append([]string{d.Topic}, d.By[:]...)...)})
	}
	now := web.Table{ID: "now", Caption: "This month by each set, table", Columns: slices.Clone(t.Columns)}
	now.Columns[0].Label = "Metric"
	var by []report.Figures
	for _, o := range setOptions {
		m := measuredAs{text: report.MeasureText{Set: o.Value, From: v.now.In(v.zone).Format("2006-01")}}
		f, ok := v.figures(m)
		if !ok {
			return
		}
		by = append(by, f)
	}
	for _, name := range []string{"recurring_revenue", "new_recurring_revenue", "reactivated_recurring_revenue", "upgraded_recurring_revenue", "downgraded_recurring_revenue", "churned_recurring_revenue", "active_customers", "churned_customers", "revenue_churn_rate"} {
		metric, _ := metrics.MetricOf(name)
		r := web.Row{Cells: cellsOf(metricName(name))}
		for i, f := range by {
			href := v.at("metrics", "explain") + "?metric=" + name + "&period=" + f.Points[len(f.Points)-1].Name(f.Grain) + "&set=" + setOptions[i].Value
			r.Cells = append(r.Cells, web.TextLink(href, v.figure(one(f, name, 0), metric.Unit, f.Currency)))
		}
		now.Rows = append(now.Rows, r)
	}
	meaning := web.Table{ID: "meaning", Caption: "What each metric means, table", Columns: []web.Column{{Label: "Metric"}, {Label: "Kind", Card: true}, {Label: "Meaning", Card: true}}}
	for _, m := range metrics.Metrics() {
		meaning.Rows = append(meaning.Rows, web.Row{Href: v.at("metrics", "of", m.Name), Cells: cellsOf(metricName(m.Name), spanWords[m.Span], m.Text)})
	}
	p := v.page("Definitions")
	p.Crumbs = []web.Link{{Label: "Metrics", Href: v.at("metrics")}}
	p.Header.Lead = "All sets look at the same facts. They differ in what they make of them."
	v.show(definitionsView(p, v.metricTabs("Definitions"), t, now, meaning))
}
