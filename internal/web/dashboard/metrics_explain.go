package dashboard

import (
	"fmt"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/web"
)

func cellsOf(texts ...string) (list []templ.Component) {
	for _, s := range texts {
		list = append(list, web.Text(s))
	}
	return list
}

// explained is what the page of one figure shows.
type explained struct {
	report.Explanation
	Value     string
	Sum       string // of all customers; "" of a computed figure
	Wrong     bool   // the sum is not the value
	Inputs    web.Table
	Customers web.Table
	Others    web.Table
	At        web.PageOf
}

// explainPageSize is how many customers a page shows.
const explainPageSize = 50

func (v *visit) explainPage() {
	m := v.asked()
	q := v.r.URL.Query()
	skip := 0
	if _, err := fmt.Sscanf(q.Get("skip"), "%d", &skip); err != nil || skip < 0 || skip > 10_000_000 {
		skip = 0
	}
	measure, err := m.text.In(q.Get("period")).Measure()
	if err != nil {
		v.failMeasure(err)
		return
	}
	e, err := v.report.Explain(v.r.Context(), v.acc.ID, measure, q.Get("metric"), skip, explainPageSize)
	if err != nil {
		v.failMeasure(err)
		return
	}
	f, unit := e.Figures, e.Metric.Unit
	period := f.Points[0].Name(f.Grain)
	x := explained{Explanation: e, Value: v.figure(e.Value, unit, f.Currency)}
	if e.Metric.Span != metrics.Derived {
		x.Sum, x.Wrong = v.figure(metrics.Value{N: e.Sum, Known: true}, unit, f.Currency), e.Sum != e.Value.N
	}
	here := v.at("metrics", "explain")
	x.Inputs = web.Table{ID: "inputs", Caption: "What it is computed from, table", Inline: true, Columns: []web.Column{{Label: "Figure"}, {Label: "Value", Numeric: true, Card: true}}}
	for _, in := range e.Inputs {
		x.Inputs.Rows = append(x.Inputs.Rows, web.Row{Href: m.href(here, "metric", in.Metric.Name, "period", period), Cells: append(cellsOf(metricName(in.Metric.Name)), web.Money(v.figure(in.Value, in.Metric.Unit, f.Currency)))})
	}
	x.Customers = web.Table{ID: "shares", Caption: "Customers who add to it, table", Columns: []web.Column{{Label: "Customer"}, {Label: "Adds", Numeric: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Nobody adds anything to it", Text: "The figure is the sum over no customers."})}
	for _, s := range e.Shares {
		x.Customers.Rows = append(x.Customers.Rows, web.Row{Href: m.href(v.at("metrics", "customers", measuredID(s.Customer, s.Pushed))),
			Cells: []templ.Component{web.Stack(shown(s), s.Email), web.Money(v.figure(metrics.Value{N: s.N, Known: true}, unit, f.Currency))}})
	}
	x.Others = web.Table{ID: "others", Caption: "By other definitions, table", Inline: true, Columns: []web.Column{{Label: "Definitions"}, {Label: "Value", Numeric: true, Card: true}}}
	for _, o := range e.Others {
		x.Others.Rows = append(x.Others.Rows, web.Row{Href: m.href(here, "metric", e.Metric.Name, "period", period, "set", o.Set.String()), Cells: append(cellsOf(optionLabel(setOptions, o.Set.String())), web.Money(v.figure(o.Value, unit, f.Currency)))})
	}
	x.At = web.PageOf{Text: fmt.Sprintf("%s to %s of %s", web.CountText(int64(min(skip+1, e.Customers))), web.CountText(int64(min(skip+explainPageSize, e.Customers))), web.CountText(int64(e.Customers)))}
	if skip > 0 {
		x.At.Newer = m.href(here, "metric", e.Metric.Name, "period", period, "skip", fmt.Sprint(max(0, skip-explainPageSize)))
	}
	if skip+explainPageSize < e.Customers {
		x.At.Older = m.href(here, "metric", e.Metric.Name, "period", period, "skip", fmt.Sprint(skip+explainPageSize))
	}
	p := v.page(metricName(e.Metric.Name) + ", " + periodName(f.Grain, f.Points[0].Period))
	p.Crumbs = []web.Link{{Label: "Metrics", Href: m.href(v.at("metrics"))}, {Label: metricName(e.Metric.Name), Href: m.href(v.at("metrics", "of", e.Metric.Name))}}
	p.Header.Lead = e.Metric.Text
	v.show(explanationPage(p, x))
}

func measuredID(who int64, pushed bool) string {
	if pushed {
		return id.MetricUser(who).String()
	}
	return id.Customer(who).String()
}

func shown(s report.ShareOf) string {
	if s.Name != "" {
		return s.Name
	}
	return measuredID(s.Customer, s.Pushed)
}

// causeWords say why a fact was written.
var causeWords = map[metrics.Cause]string{metrics.Started: "Began to pay", metrics.TrialBegan: "Began a trial", metrics.TermsChanged: "Changed plan or price", metrics.QuantityChanged: "Changed the quantity",
	metrics.DiscountChanged: "A discount began or ended", metrics.Paused: "Paused", metrics.Resumed: "Is billed again", metrics.Ended: "Ended", metrics.EndedUnpaid: "Ended, nobody paid",
	metrics.Reactivated: "Came back", metrics.CancelScheduled: "Its end was fixed", metrics.CancelUndone: "Its end was taken back", metrics.PaymentLate: "A charge failed", metrics.PaymentCaughtUp: "The failed charge was paid",
	metrics.Brought: "Came from another system", metrics.TakenBack: "An earlier fact was taken back", metrics.Excluded: "Left out of all figures", metrics.Deleted: "Deleted", metrics.BeganUnpaid: "The trial is over, nobody has paid"}

var kindWords = map[metrics.Kind]string{metrics.New: "New", metrics.Back: "Reactivated", metrics.Upgraded: "Upgrade", metrics.Downgraded: "Downgrade", metrics.Churned: "Churned", metrics.Delinquent: "Churned, did not pay",
	metrics.Moved: "From or to another plan", metrics.Future: "Going to churn", metrics.TrialStarted: "Trial began", metrics.TrialPaid: "Trial became paid", metrics.TrialLost: "Trial lost", metrics.TrialTime: "Length of the trial"}

// measuredPage shows what one customer adds to the figures, and why.
func (v *visit) measuredPage() {
	m := v.asked()
	measure, err := m.text.Measure()
	if err != nil {
		v.failMeasure(err)
		return
	}
	who, pushed := int64(0), false
	if user, err := id.Parse[id.MetricUser](v.r.PathValue("id")); err == nil {
		who, pushed = int64(user), true
	} else if c, err := id.Parse[id.Customer](v.r.PathValue("id")); err == nil {
		who = int64(c)
	}
	h, err := v.report.MeasuredCustomer(v.r.Context(), v.acc.ID, who, measure.Set)
	if err != nil {
		v.fail(err)
		return
	}
	person, err := v.report.MeasuredPerson(v.r.Context(), v.acc.ID, who)
	if err != nil && !fault.Is(err, fault.NotFound) {
		v.fail(err)
		return
	}
	_, in, err := v.report.MeasuredAs(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	names, err := v.report.PlanNames(v.r.Context(), v.acc.ID, h.Terms)
	if err != nil {
		v.fail(err)
		return
	}
	title := strings.TrimSpace(person.First + " " + person.Last)
	if title == "" {
		title = v.r.PathValue("id")
	}
	p := v.page(title)
	p.Crumbs = []web.Link{{Label: "Metrics", Href: m.href(v.at("metrics"))}}
	p.Header.ID, p.Header.Lead = v.r.PathValue("id"), "What this customer adds to the figures, by the definitions of "+optionLabel(setOptions, h.Set.String())+", and the facts behind it."
	if !pushed {
		p.Header.Primary = web.LinkButton(web.Plain, "Customer page", v.at("customers", v.r.PathValue("id")))
	}
	v.show(measuredCustomerPage(p, v.factTable(h, names), v.lineTable(h, names, in)))
}

func (v *visit) factTable(h report.MeasuredHistory, names map[int64]string) web.Table {
	t := web.Table{ID: "facts", Caption: "Facts, table", Columns: []web.Column{{Label: "When", NoWrap: true}, {Label: "What happened", Card: true}, {Label: "Brings a month", Numeric: true, Card: true}, {Label: "Plan", Card: true}, {Label: "Also", Optional: true}}}
	for _, f := range h.Facts {
		terms := h.Terms[f.Terms]
		value := web.None()
		if terms.Currency != "" {
			value = web.Money(v.money(money.Amount{Minor: f.Value, Currency: terms.Currency}))
		}
		var also []string
		for flag, words := range map[metrics.Flags]string{metrics.OnTrial: "on trial", metrics.Ending: "its end is fixed", metrics.Late: "a charge failed"} {
			if f.Flags&flag != 0 {
				also = append(also, words)
			}
		}
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.DateTime(f.Time(), v.zone), web.Text(causeWords[f.Cause]), value, optional(names[terms.Plan]), optional(strings.Join(also, ", "))}})
	}
	return t
}

func (v *visit) lineTable(h report.MeasuredHistory, names map[int64]string, in money.Currency) web.Table {
	t := web.Table{ID: "lines", Caption: "Movements, table", Columns: []web.Column{{Label: "Day", NoWrap: true}, {Label: "Movement", Card: true}, {Label: "Amount", Numeric: true, Card: true}, {Label: "Customers", Numeric: true, Card: true}, {Label: "Plan", Optional: true}},
		Empty: web.EmptyState(web.Empty{Title: "It adds nothing", Text: "Trials, free plans and customers who are left out are in no figure."})}
	var held metrics.Held
	for i := range h.Lines {
		l := &h.Lines[i]
		customers := held.Count(l)
		amount := web.Money(v.minor(l.Amount, in))
		if l.Kind == metrics.TrialTime {
			amount = web.Text(fmt.Sprintf("%d days", l.Amount/86_400))
		}
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Text(l.Day.Time().Format("2 Jan 2006")), web.Text(kindWords[l.Kind]), amount, web.Text(web.CountText(customers)), optional(names[h.Terms[l.Terms].Plan])}})
	}
	return t
}
