package dashboard

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/web"
)

// metricPages are the routes of the figures.
func metricPages() map[string]page {
	const a = "/app/{account}/metrics"
	return map[string]page{
		"GET " + a:                     {see, (*visit).metricsHome},
		"GET " + a + "/csv":            {see, (*visit).metricsFile},
		"GET " + a + "/of/{metric}":    {see, (*visit).metricPage},
		"GET " + a + "/explain":        {see, (*visit).explainPage},
		"GET " + a + "/customers/{id}": {see, (*visit).measuredPage},
		"GET " + a + "/cohorts":        {see, (*visit).cohortsPage},
		"GET " + a + "/cohorts/csv":    {see, (*visit).cohortsFile},
		"GET " + a + "/trials":         {see, (*visit).trialsPage},
		"GET " + a + "/plans":          {see, (*visit).planMixPage},
		"GET " + a + "/plans/csv":      {see, (*visit).planMixFile},
		"GET " + a + "/lifetime":       {see, (*visit).lifetimePage},
		"GET " + a + "/cash":           {see, (*visit).cashPage},
		"GET " + a + "/cash/csv":       {see, (*visit).cashFile},
		"GET " + a + "/definitions":    {see, (*visit).definitionsPage},
	}
}

func (v *visit) metricTabs(current string) []web.Tab {
	list := []web.Tab{{Label: "Overview", Href: v.at("metrics")}, {Label: "Cohorts", Href: v.at("metrics", "cohorts")}, {Label: "Trials", Href: v.at("metrics", "trials")},
		{Label: "Plans", Href: v.at("metrics", "plans")}, {Label: "Lifetime", Href: v.at("metrics", "lifetime")}, {Label: "Recovery", Href: v.at("recovery", "results")},
		{Label: "Cash flow", Href: v.at("metrics", "cash")}, {Label: "Definitions", Href: v.at("metrics", "definitions")}}
	for i := range list {
		list[i].Current = list[i].Label == current
	}
	return list
}

// metricNames are what the metrics are called on pages, beyond the words of their names.
var metricNames = map[string]string{"recurring_revenue": "Recurring revenue (MRR)", "existing_recurring_revenue": "Revenue at the start", "new_recurring_revenue": "New",
	"reactivated_recurring_revenue": "Reactivated", "upgraded_recurring_revenue": "Upgrades", "downgraded_recurring_revenue": "Downgrades", "churned_recurring_revenue": "Churned",
	"churned_recurring_revenue_cancellations": "Churned, wanted to leave", "churned_recurring_revenue_delinquent": "Churned, did not pay",
	"average_revenue_per_user": "Revenue per customer (ARPU)", "lifetime_value": "Lifetime value (LTV)", "saas_quick_ratio": "Quick ratio", "future_churn_mrr": "Going to churn",
	"cumulative_net_new_mrr": "Net new since the month began"}

func metricName(name string) string {
	if words, ok := metricNames[name]; ok {
		return words
	}
	words := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// ranges are how much of the past is shown, and by which grain.
var ranges = []web.Option{{Value: "13", Label: "13 months"}, {Value: "25", Label: "25 months"}, {Value: "61", Label: "5 years"}, {Value: "d31", Label: "31 days"}, {Value: "d92", Label: "92 days"}, {Value: "d366", Label: "366 days"}}

var setOptions = []web.Option{{Value: "profitwell", Label: "ProfitWell"}, {Value: "chartmogul", Label: "ChartMogul"}, {Value: "stripe", Label: "Stripe"}, {Value: "baremetrics", Label: "Baremetrics"}}

// measuredAs is the question that the address of a page asks.
type measuredAs struct {
	text  report.MeasureText
	reach string     // of ranges
	query url.Values // what narrows it, for links
}

// narrowing are the words of an address that narrow figures.
var narrowing = []string{"set", "plan", "campaign", "coupon", "interval", "currency", "country", "source", "affiliate", "trait"}

func (v *visit) asked() measuredAs {
	q := v.r.URL.Query()
	m := measuredAs{reach: "13", query: url.Values{}}
	for _, o := range ranges {
		if q.Get("range") == o.Value {
			m.reach = o.Value
		}
	}
	for _, name := range narrowing {
		if s := strings.TrimSpace(q.Get(name)); s != "" && (name != "set" || s != "profitwell") {
			m.query.Set(name, s)
		}
	}
	get := m.query.Get
	m.text = report.MeasureText{Set: get("set"), Grain: "month", Plan: get("plan"), Campaign: get("campaign"), Coupon: get("coupon"), Interval: get("interval"), Currency: get("currency"),
		Country: get("country"), Source: get("source"), Affiliate: get("affiliate"), Trait: get("trait")}
	n := 0
	if _, err := fmt.Sscanf(strings.TrimPrefix(m.reach, "d"), "%d", &n); err == nil {
		now := v.now.In(v.zone)
		if strings.HasPrefix(m.reach, "d") {
			m.text.Grain, m.text.From = "day", now.AddDate(0, 0, 1-n).Format(time.DateOnly)
		} else {
			m.text.From = time.Date(now.Year(), now.Month()-time.Month(n-1), 1, 12, 0, 0, 0, v.zone).Format("2006-01")
		}
	}
	return m
}

// href is the address of another page of figures under the same question.
func (m measuredAs) href(to string, more ...string) string {
	q := url.Values{}
	for k, list := range m.query {
		q[k] = list
	}
	if m.reach != "13" {
		q.Set("range", m.reach)
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	if len(q) == 0 {
		return to
	}
	return to + "?" + q.Encode()
}

// without is the same page under the question without one word.
func (m measuredAs) without(to, name string) string {
	q := url.Values{}
	for k, list := range m.query {
		if k != name {
			q[k] = list
		}
	}
	return measuredAs{reach: m.reach, query: q}.href(to)
}

// figures answers the question; ok is false when the page was answered already.
func (v *visit) figures(m measuredAs) (report.Figures, bool) {
	measure, err := m.text.Measure()
	if err == nil {
		var f report.Figures
		if f, err = v.report.Metrics(v.r.Context(), v.acc.ID, measure); err == nil {
			return f, true
		}
	}
	v.failMeasure(err)
	return report.Figures{}, false
}

// failMeasure says what is wrong with a question in its own words.
func (v *visit) failMeasure(err error) {
	if f := fault.As(err); f.Kind == fault.Invalid && len(f.Fields) > 0 {
		var words []string
		for _, one := range f.Fields {
			words = append(words, one.Name+" "+one.Message)
		}
		err = fault.New(fault.Invalid, "%s", strings.Join(words, "; "))
	}
	v.fail(err)
}

// metricFilter is the filter bar of all pages of figures.
func (v *visit) metricFilter(m measuredAs, action string, file string) (web.FilterSet, error) {
	plans, err := v.report.MeasuredPlans(v.r.Context(), v.acc.ID, 150)
	if err != nil {
		return web.FilterSet{}, err
	}
	campaigns, err := v.report.Campaigns(v.r.Context(), v.acc.ID, 0, maxChoices)
	if err != nil {
		return web.FilterSet{}, err
	}
	affiliates, err := v.report.Affiliates(v.r.Context(), v.acc.ID, 0, maxChoices)
	if err != nil {
		return web.FilterSet{}, err
	}
	get := m.query.Get
	planOptions, campaignOptions, affiliateOptions := []web.Option{{Label: "All"}}, []web.Option{{Label: "All"}}, []web.Option{{Label: "All"}}
	for _, a := range affiliates {
		affiliateOptions = append(affiliateOptions, web.Option{Value: a.ID.String(), Label: a.Name})
	}
	for _, p := range plans {
		planOptions = append(planOptions, web.Option{Value: planID(p.Plan, p.Pushed), Label: p.Name})
	}
	for _, c := range campaigns {
		campaignOptions = append(campaignOptions, web.Option{Value: c.ID.String(), Label: c.Name})
	}
	intervals := []web.Option{{Label: "All"}, {Value: "month", Label: "Monthly"}, {Value: "year", Label: "Yearly"}}
	set := get("set")
	if set == "" {
		set = "profitwell"
	}
	f := web.FilterSet{Action: action, Fields: []web.Filter{
		{Name: "range", Label: "Range", Options: web.Choices(m.reach, ranges...)},
		{Name: "set", Label: "Definitions", Options: web.Choices(set, setOptions...)},
		{Name: "plan", Label: "Plan", Options: web.Choices(get("plan"), planOptions...)},
		{Name: "campaign", Label: "Campaign", Options: web.Choices(get("campaign"), campaignOptions...)},
		{Name: "interval", Label: "Interval", Options: web.Choices(get("interval"), intervals...)},
		{Name: "currency", Label: "Currency", Type: "text", Value: get("currency"), Hint: "EUR"},
		{Name: "country", Label: "Country", Type: "text", Value: get("country"), Hint: "DE"},
		{Name: "affiliate", Label: "Affiliate", Options: web.Choices(get("affiliate"), affiliateOptions...)},
		{Name: "trait", Label: "Trait", Type: "text", Value: get("trait"), Hint: "tier:pro"},
	}}
	for _, name := range narrowing {
		if value := get(name); value != "" {
			label := value
			switch name {
			case "plan":
				label = optionLabel(planOptions, value)
			case "campaign":
				label = optionLabel(campaignOptions, value)
			case "affiliate":
				label = optionLabel(affiliateOptions, value)
			case "set":
				label = optionLabel(setOptions, value)
			}
			f.Chips = append(f.Chips, web.Chip{Label: strings.ToUpper(name[:1]) + name[1:] + ": " + label, Href: m.without(action, name)})
		}
	}
	if len(f.Chips) > 0 {
		f.Clear = measuredAs{reach: m.reach, query: url.Values{}}.href(action)
	}
	if file != "" {
		f.Actions = web.LinkButton(web.Plain, "CSV", file)
	}
	return f, nil
}

func planID(plan int64, pushed bool) string {
	if pushed {
		return id.MetricPlan(plan).String()
	}
	return id.Price(plan).String()
}

// figure spells a value for people.
func (v *visit) figure(value metrics.Value, u metrics.Unit, in money.Currency) string {
	switch {
	case !value.Known:
		return "–"
	case u == metrics.Money:
		return v.minor(value.N, in)
	case u == metrics.Count:
		return web.CountText(value.N)
	}
	return strings.ReplaceAll(value.Text(u, in), "-", "−")
}

// figureAxis spells the numbers beside a chart.
func figureAxis(u metrics.Unit, in money.Currency) func(int64) string {
	return func(n int64) string {
		switch u {
		case metrics.Money:
			return axis(n, in.Digits())
		case metrics.Count:
			return web.CountText(n)
		case metrics.Percent:
			return web.CountText(n/100) + " %"
		}
		return web.CountText(n / 100)
	}
}

// perOne is how much of a figure's number is one of what people count.
func perOne(u metrics.Unit, in money.Currency) int64 {
	switch u {
	case metrics.Count:
		return 1
	case metrics.Money:
		n := int64(1)
		for range in.Digits() {
			n *= 10
		}
		return n
	}
	return 100
}

// periodName is a period as it stands below a chart and in tables.
func periodName(g metrics.Grain, p int32) string {
	if g == metrics.ByDay {
		return metrics.Day(p).Time().Format("2 Jan 2006")
	}
	return metrics.Month(p).First().Time().Format("Jan 2006")
}

func periodNames(f report.Figures) (names []string) {
	for i := range f.Points {
		names = append(names, periodName(f.Grain, f.Points[i].Period))
	}
	return names
}

// running reports whether the last period is not over.
func running(f report.Figures) bool {
	if len(f.Points) == 0 {
		return false
	}
	last := f.Points[len(f.Points)-1].Period
	if f.Grain == metrics.ByDay {
		return metrics.Day(last) == f.Today
	}
	return metrics.Month(last) == f.Today.Month()
}

// series is a metric as a line or columns of a chart.
func (v *visit) series(f report.Figures, name, label, tone string) web.Series {
	m, _ := metrics.MetricOf(name)
	if label == "" {
		label = metricName(name)
	}
	s := web.Series{Name: label, Tone: tone}
	for i := range f.Points {
		value := f.Points[i].Value(m)
		s.Values, s.Text = append(s.Values, value.N), append(s.Text, v.figure(value, m.Unit, f.Currency))
	}
	return s
}

// one is the figure of a metric in a period, counted from the end.
func one(f report.Figures, name string, back int) metrics.Value {
	m, _ := metrics.MetricOf(name)
	if i := len(f.Points) - 1 - back; i >= 0 {
		return f.Points[i].Value(m)
	}
	return metrics.Value{}
}

func (v *visit) explainHref(m measuredAs, f report.Figures, name string, back int) string {
	return m.href(v.at("metrics", "explain"), "metric", name, "period", f.Points[len(f.Points)-1-back].Name(f.Grain))
}

// metricStats are tiles of the running period beside the one before.
func (v *visit) metricStats(m measuredAs, f report.Figures, names ...string) []web.Stat {
	var list []web.Stat
	for _, name := range names {
		metric, _ := metrics.MetricOf(name)
		s := web.Stat{Label: metricName(name), Value: v.figure(one(f, name, 0), metric.Unit, f.Currency), Href: v.explainHref(m, f, name, 0)}
		if len(f.Points) > 1 {
			s.Note = "after " + v.figure(one(f, name, 1), metric.Unit, f.Currency) + " in " + periodName(f.Grain, f.Points[len(f.Points)-2].Period)
		}
		list = append(list, s)
	}
	return list
}

// anything reports whether there is something to show.
func anything(f report.Figures) bool {
	for i := range f.Points {
		if !f.Points[i].Cell.IsZero() || !f.Points[i].Before.IsZero() {
			return true
		}
	}
	return false
}

// movements are the parts of the change of the revenue, with their colours.
var movements = []struct{ metric, label, tone string }{{"new_recurring_revenue", "New", "new"}, {"reactivated_recurring_revenue", "Reactivated", "reactivated"},
	{"upgraded_recurring_revenue", "Upgrades", "expansion"}, {"downgraded_recurring_revenue", "Downgrades", "contraction"}, {"churned_recurring_revenue", "Churned", "churned"},
	{"plan_changed_recurring_revenue", "From and to other plans", "1"}}

// movementChart tells what moved the revenue. What moves between plans is shown where a
// filter leaves some of them out.
func (v *visit) movementChart(f report.Figures) web.Chart {
	c := web.Chart{ID: "movements", Title: "What moved the recurring revenue?", X: periodNames(f), SoFar: running(f), Axis: figureAxis(metrics.Money, f.Currency)}
	net := web.Series{Name: "Net", Tone: "net"}
	for i := range f.Points {
		n := f.Points[i].Cell.Net()
		net.Values, net.Text = append(net.Values, n), append(net.Text, v.minor(n, f.Currency))
	}
	for _, part := range movements {
		s := v.series(f, part.metric, part.label, part.tone)
		if part.tone == "1" && !slices.ContainsFunc(s.Values, func(n int64) bool { return n != 0 }) {
			continue
		}
		c.Series = append(c.Series, s)
	}
	c.Net = &net
	last := len(f.Points) - 1
	c.Answer = "From " + v.figure(one(f, "existing_recurring_revenue", 0), metrics.Money, f.Currency) + " to " + v.figure(one(f, "recurring_revenue", 0), metrics.Money, f.Currency) + " in " + c.X[last]
	if c.SoFar {
		c.Answer += " so far"
	}
	c.Answer += ". Each period's parts add up to its change."
	return c
}

func (v *visit) metricsHome() {
	m := v.asked()
	f, ok := v.figures(m)
	if !ok {
		return
	}
	p := v.page("Metrics")
	p.Header.Lead = v.metricLead(f)
	filter, err := v.metricFilter(m, v.at("metrics"), m.href(v.at("metrics", "csv")))
	if err != nil {
		v.fail(err)
		return
	}
	if !anything(f) && len(filter.Chips) == 0 {
		v.show(metricsEmptyPage(p, v.metricTabs("Overview")))
		return
	}
	view := overview{Stats: v.metricStats(m, f, "recurring_revenue", "active_customers", "average_revenue_per_user", "growth_rate", "revenue_churn_rate", "customers_churn_rate", "saas_quick_ratio", "lifetime_value"),
		Moved: v.movementChart(f), Statement: v.statement(m, f), All: v.allMetrics(m, f)}
	view.Level = v.lineOf(f, "recurring_revenue", "How does the recurring revenue go?")
	v.show(metricsHomePage(p, v.metricTabs("Overview"), filter, view))
}

// overview is what the first page of the figures shows.
type overview struct {
	Stats     []web.Stat
	Moved     web.Chart
	Level     web.Chart
	Statement web.Table
	All       web.Table
}

// metricLead says how far the figures are told, and by whose days and definitions.
func (v *visit) metricLead(f report.Figures) string {
	lead := "Complete up to " + f.Today.Time().Format("2 Jan 2006") + ", by days of " + f.Zone + ", in " + string(f.Currency) + ", by the definitions of " + optionLabel(setOptions, f.Set.String()) + "."
	if !f.Complete {
		lead += " What was sold before is still being counted."
	}
	return lead
}

// lineOf is the chart of one level.
func (v *visit) lineOf(f report.Figures, name, title string) web.Chart {
	metric, _ := metrics.MetricOf(name)
	c := web.Chart{ID: strings.ReplaceAll(name, "_", "-"), Title: title, X: periodNames(f), SoFar: running(f), Axis: figureAxis(metric.Unit, f.Currency), Answer: metric.Text, Per: perOne(metric.Unit, f.Currency)}
	c.Series = []web.Series{v.series(f, name, "", "1")}
	return c
}

// statement is the change of the last period as a sum.
func (v *visit) statement(m measuredAs, f report.Figures) web.Table {
	last := periodName(f.Grain, f.Points[len(f.Points)-1].Period)
	t := web.Table{ID: "statement", Caption: "From start to end of " + last + ", table", Inline: true, Columns: []web.Column{{Label: "Part"}, {Label: "Revenue", Numeric: true, Card: true}, {Label: "Customers", Numeric: true, Card: true}}}
	row := func(label, revenue, customers string) {
		cells := web.Row{Href: v.explainHref(m, f, revenue, 0)}
		cells.Cells = append(cells.Cells, web.Text(label), web.Money(v.figure(one(f, revenue, 0), metrics.Money, f.Currency)))
		if customers != "" {
			cells.Cells = append(cells.Cells, web.TextLink(v.explainHref(m, f, customers, 0), v.figure(one(f, customers, 0), metrics.Count, f.Currency)))
		} else {
			cells.Cells = append(cells.Cells, nil)
		}
		t.Rows = append(t.Rows, cells)
	}
	row("At the start", "existing_recurring_revenue", "existing_customers")
	for _, part := range []string{"new", "reactivated", "upgraded", "downgraded", "churned"} {
		row(metricName(part+"_recurring_revenue"), part+"_recurring_revenue", part+"_customers")
	}
	if one(f, "plan_changed_recurring_revenue", 0).N != 0 {
		row("From and to other plans", "plan_changed_recurring_revenue", "plan_changed_customers")
	}
	row("At the end", "recurring_revenue", "active_customers")
	return t
}

// spanWords say whether periods of a metric can be added up.
var spanWords = map[metrics.Span]string{metrics.InPeriod: "flow", metrics.AtStart: "balance", metrics.AtEnd: "balance", metrics.MonthToDate: "since the month began", metrics.Derived: "computed"}

// allMetrics is a table of every metric.
func (v *visit) allMetrics(m measuredAs, f report.Figures) web.Table {
	t := web.Table{ID: "all", Caption: "Every metric, table", Columns: []web.Column{{Label: "Metric"}, {Label: "Kind", Optional: true}}}
	shown := min(4, len(f.Points))
	for i := shown - 1; i >= 0; i-- {
		t.Columns = append(t.Columns, web.Column{Label: periodName(f.Grain, f.Points[len(f.Points)-1-i].Period), Numeric: true, Card: true})
	}
	for _, metric := range metrics.Metrics() {
		r := web.Row{Href: m.href(v.at("metrics", "of", metric.Name))}
		r.Cells = append(r.Cells, web.Text(metricName(metric.Name)), web.Muted(spanWords[metric.Span]))
		for i := shown - 1; i >= 0; i-- {
			r.Cells = append(r.Cells, web.TextLink(v.explainHref(m, f, metric.Name, i), v.figure(one(f, metric.Name, i), metric.Unit, f.Currency)))
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

func (v *visit) metricPage() {
	metric, known := metrics.MetricOf(v.r.PathValue("metric"))
	if !known {
		v.fail(errNoPage)
		return
	}
	m := v.asked()
	f, ok := v.figures(m)
	if !ok {
		return
	}
	here := v.at("metrics", "of", metric.Name)
	filter, err := v.metricFilter(m, here, m.href(v.at("metrics", "csv"), "metric", metric.Name))
	if err != nil {
		v.fail(err)
		return
	}
	p := v.page(metricName(metric.Name))
	p.Crumbs = []web.Link{{Label: "Metrics", Href: m.href(v.at("metrics"))}}
	p.Header.Lead = metric.Text
	t := web.Table{ID: "periods", Caption: metricName(metric.Name) + " by period, table", Columns: []web.Column{{Label: "Period"}, {Label: "Value", Numeric: true, Card: true}, {Label: "Change", Numeric: true, Card: true}}}
	for i := range f.Points {
		value, change := one(f, metric.Name, i), "–"
		if before := one(f, metric.Name, i+1); i+1 < len(f.Points) && value.Known && before.Known {
			change = v.figure(metrics.Value{N: value.N - before.N, Known: true}, metric.Unit, f.Currency)
		}
		t.Rows = append(t.Rows, web.Row{Href: v.explainHref(m, f, metric.Name, i), Cells: append(cellsOf(periodName(f.Grain, f.Points[len(f.Points)-1-i].Period)),
			web.Money(v.figure(value, metric.Unit, f.Currency)), web.Money(change))})
	}
	chart := v.lineOf(f, metric.Name, "How does it go?")
	chart.Answer = "It is a " + spanWords[metric.Span] + "." + v.metricAdds(metric)
	v.show(oneMetricPage(p, filter, chart, t, metric.Span == metrics.InPeriod))
}

func (v *visit) metricAdds(m metrics.Metric) string {
	if m.Span == metrics.InPeriod {
		return " Periods can be added up."
	}
	return " Periods cannot be added up."
}

// metricsFile is the figures as a file.
func (v *visit) metricsFile() {
	m := v.asked()
	f, ok := v.figures(m)
	if !ok {
		return
	}
	list := metrics.Metrics()
	if only, known := metrics.MetricOf(v.r.URL.Query().Get("metric")); known {
		list = []metrics.Metric{only}
	}
	rows := [][]string{{"period"}}
	for _, metric := range list {
		rows[0] = append(rows[0], metric.Name)
	}
	for i := range f.Points {
		row := []string{f.Points[i].Name(f.Grain)}
		for _, metric := range list {
			row = append(row, f.Points[i].Value(metric).Plain(metric.Unit, f.Currency))
		}
		rows = append(rows, row)
	}
	v.file("metrics", rows)
}

// file sends rows as CSV. A text that a spreadsheet would take for a formula is marked as text.
func (v *visit) file(name string, rows [][]string) {
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	w := csv.NewWriter(v.w)
	for _, row := range rows {
		for i, cell := range row {
			if cell != "" && strings.ContainsRune("=+@\t\r", rune(cell[0])) {
				row[i] = "'" + cell
			}
		}
		if err := w.Write(row); err != nil {
			return // the reader is gone
		}
	}
	w.Flush()
}
