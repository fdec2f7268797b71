package main

import (
	"fmt"
	"strings"

	"perennial/internal/admin"
	"perennial/internal/id"
	"perennial/internal/report"
)

// measured shows, explains and rebuilds metrics.
type measured struct {
	Show    showMetrics    `cmd:"" help:"Show figures by month or by day."`
	Explain explainMetric  `cmd:"" help:"Show who adds what to one figure."`
	Rebuild rebuildMetrics `cmd:"" help:"Count all metrics anew from the facts."`
}

// narrowed are the flags that narrow what is counted.
type narrowed struct {
	Set      string `help:"Whose definitions are followed: profitwell, chartmogul, stripe or baremetrics." default:"profitwell" placeholder:"NAME"`
	Plan     string `help:"A price, the first of its line, or a plan that was pushed." placeholder:"PLAN"`
	Campaign string `help:"A campaign." placeholder:"CAMPAIGN"`
	Coupon   string `help:"A coupon." placeholder:"COUPON"`
	Interval string `help:"How long periods are, such as month or \"3 months\"." placeholder:"INTERVAL"`
	Currency string `help:"A currency." placeholder:"CODE"`
	Country  string `help:"Where customers live." placeholder:"CODE"`
	Source   string `help:"Where customers came from." placeholder:"WORD"`

	Affiliate string `help:"Who brought the customers." placeholder:"AFFILIATE"`
	Trait     string `help:"A category and a word, such as tier:pro." placeholder:"CATEGORY:WORD"`
}

func (n narrowed) text() report.MeasureText {
	return report.MeasureText{Set: n.Set, Plan: n.Plan, Campaign: n.Campaign, Coupon: n.Coupon, Interval: n.Interval, Currency: n.Currency, Country: n.Country, Source: n.Source, Affiliate: n.Affiliate, Trait: n.Trait}
}

type showMetrics struct {
	narrowed
	Account id.Account `arg:"" help:"Account, for example acc_01k8x4w0zq2r3."`
	Metric  []string   `arg:"" optional:"" help:"Metrics such as recurring_revenue; the most telling when left out, all with --all."`
	By      string     `help:"month or day." default:"month" placeholder:"GRAIN"`
	From    string     `help:"First period, such as 2026-01 or 2026-01-31." placeholder:"PERIOD"`
	To      string     `help:"Last period; the running one when left out." placeholder:"PERIOD"`
	All     bool       `help:"Show every metric."`
	JSON    bool       `help:"Print JSON." name:"json"`
}

// telling are the metrics that are shown when none is named.
var telling = []string{"recurring_revenue", "new_recurring_revenue", "reactivated_recurring_revenue", "upgraded_recurring_revenue", "downgraded_recurring_revenue",
	"churned_recurring_revenue", "active_customers", "average_revenue_per_user", "revenue_churn_rate"}

// Run shows figures, a line for each period.
func (c *showMetrics) Run(t *terminal, p *place) error {
	in := admin.MetricsOf{Account: c.Account, Names: c.Metric, Of: c.text()}
	if in.Of.Grain, in.Of.From, in.Of.To = c.By, c.From, c.To; len(in.Names) == 0 && !c.All {
		in.Names = telling
	}
	var out admin.Metrics
	if err := t.do(p, "metrics/show", in, nil, &out); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, out)
	}
	w := table(t.out)
	if len(out.Series) > len(telling) { // more than fits beside each other
		for i, period := range out.Periods {
			for _, s := range out.Series {
				fmt.Fprintf(w, "%s\t%s\t%s\n", period, s.Metric, s.Values[i])
			}
		}
		return w.Flush()
	}
	head := []string{strings.ToUpper(c.By)}
	for _, s := range out.Series {
		head = append(head, strings.ToUpper(s.Metric))
	}
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for i, period := range out.Periods {
		row := []string{period}
		for _, s := range out.Series {
			row = append(row, s.Values[i])
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !out.Complete {
		fmt.Fprintln(t.out, "What was sold before this was measured is still to be counted: perennial metrics rebuild")
	}
	return nil
}

type explainMetric struct {
	narrowed
	Account id.Account `arg:"" help:"Account."`
	Metric  string     `arg:"" help:"Metric such as churned_recurring_revenue."`
	Period  string     `help:"A month or a day; the running month when left out." placeholder:"PERIOD"`
	Limit   int        `help:"How many customers are listed." default:"50" placeholder:"N"`
	JSON    bool       `help:"Print JSON." name:"json"`
}

// Run shows who adds what to a figure.
func (c *explainMetric) Run(t *terminal, p *place) error {
	var out admin.Explained
	if err := t.do(p, "metrics/explain", admin.ExplainOf{Account: c.Account, Metric: c.Metric, Period: c.Period, Of: c.text(), Limit: max(0, min(c.Limit, 10_000))}, nil, &out); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, out)
	}
	fmt.Fprintf(t.out, "%s of %s is %s.\n%s\n", out.Metric, out.Period, out.Value, out.Definition)
	w := table(t.out)
	for _, in := range out.Inputs {
		fmt.Fprintf(w, "  from\t%s\t%s\n", in.Name, in.Value)
	}
	for _, s := range out.Shares {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", s.Customer, s.Email, s.Value)
	}
	if more := out.Customers - len(out.Shares); more > 0 {
		fmt.Fprintf(w, "  and %d more\t\t\n", more)
	}
	if out.Sum != "" {
		fmt.Fprintf(w, "  %d customers\t\t%s\n", out.Customers, out.Sum)
	}
	for _, o := range out.Others {
		fmt.Fprintf(w, "  by %s\t\t%s\n", o.Name, o.Value)
	}
	return w.Flush()
}

type rebuildMetrics struct {
	Account id.Account `help:"Account; all when left out." placeholder:"ACCOUNT"`
	Check   bool       `help:"Only tell what differs."`
	JSON    bool       `help:"Print JSON." name:"json"`
}

// Run counts metrics anew; with --check differences are a failure.
func (c *rebuildMetrics) Run(t *terminal, p *place) error {
	var list []admin.Rebuilt
	if err := t.do(p, "metrics/rebuild", admin.RebuildOf{Account: c.Account, Check: c.Check}, nil, &list); err != nil {
		return err
	}
	wrong := false
	for _, r := range list {
		wrong = wrong || r.Different > 0 || len(r.Strayed) > 0
	}
	if c.JSON {
		if err := printJSON(t.out, list); err != nil {
			return err
		}
	} else {
		for _, r := range list {
			c.tell(t, r)
		}
	}
	if c.Check && wrong {
		return errFound
	}
	return nil
}

func (c *rebuildMetrics) tell(t *terminal, r admin.Rebuilt) {
	verdict := "as the facts say"
	switch {
	case r.Different > 0 && c.Check:
		verdict = fmt.Sprintf("NOT AS THE FACTS SAY: %d of them", r.Different)
	case r.Different > 0:
		verdict = fmt.Sprintf("%d of them mended", r.Different)
	}
	fmt.Fprintf(t.out, "%s  %s  %d sums, %s\n", r.Account, r.Name, r.Cells, verdict)
	for _, s := range r.Strayed {
		fmt.Fprintf(t.out, "  ! %s brings something else than its last fact says\n", s)
	}
	if !r.Complete {
		fmt.Fprintln(t.out, "  ! what was sold before it was measured is not counted yet: run it without --check")
	}
}
