package admin

import (
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/report"
)

// MetricsOf asks for figures of an account.
type MetricsOf struct {
	Account id.Account         `json:"account"`
	Names   []string           `json:"metrics"` // empty: all
	Of      report.MeasureText `json:"of"`
}

// Metrics are the figures that were asked for, spelt for people.
type Metrics struct {
	Zone     string         `json:"zone"`
	Complete bool           `json:"complete"` // false while earlier history is still to be counted
	Periods  []string       `json:"periods"`
	Series   []MetricSeries `json:"series"`
}

// MetricSeries is one metric, a value for each period.
type MetricSeries struct {
	Metric string   `json:"metric"`
	Values []string `json:"values"`
}

// ExplainOf asks how one figure comes about.
type ExplainOf struct {
	Account id.Account         `json:"account"`
	Metric  string             `json:"metric"`
	Period  string             `json:"period"` // "": the running month
	Of      report.MeasureText `json:"of"`
	Limit   int                `json:"limit"`
}

// Explained is how one figure comes about.
type Explained struct {
	Metric     string         `json:"metric"`
	Definition string         `json:"definition"`
	Period     string         `json:"period"`
	Value      string         `json:"value"`
	Inputs     []ExplainPart  `json:"inputs"` // of a figure that is computed from others
	Customers  int            `json:"customers"`
	Sum        string         `json:"sum"` // of what all customers add; "" of a figure that is computed from others
	Shares     []ExplainShare `json:"shares"`
	Others     []ExplainPart  `json:"others"` // the same by the other sets of definitions
}

// ExplainPart is a figure by its name.
type ExplainPart struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ExplainShare is what one customer adds.
type ExplainShare struct {
	Customer string `json:"customer"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Value    string `json:"value"`
}

// RebuildOf asks to count the metrics of accounts anew.
type RebuildOf struct {
	Account id.Account `json:"account,omitempty"` // zero: all
	Check   bool       `json:"check"`             // tell what differs, and change nothing
}

// Rebuilt is what counting the metrics of one account anew found.
type Rebuilt struct {
	Account   id.Account `json:"account"`
	Name      string     `json:"name"`
	Cells     int        `json:"cells"`     // sums that are kept
	Different int        `json:"different"` // of them that were not what the facts come to
	Strayed   []string   `json:"strayed"`   // subscriptions that bring something else than their last fact says
	Complete  bool       `json:"complete"`
}

func (d *door) metrics(a asked, in MetricsOf) (Metrics, error) {
	var list []metrics.Metric
	for _, name := range in.Names {
		m, known := metrics.MetricOf(name)
		if !known {
			return Metrics{}, fault.BadField("metric", "is not known: %q", name)
		}
		list = append(list, m)
	}
	if len(list) == 0 {
		list = metrics.Metrics()
	}
	m, err := in.Of.Measure()
	if err != nil {
		return Metrics{}, err
	}
	f, err := d.r.Metrics(a.ctx, in.Account, m)
	if err != nil {
		return Metrics{}, err
	}
	out := Metrics{Zone: f.Zone, Complete: f.Complete, Periods: []string{}, Series: make([]MetricSeries, len(list))}
	for i := range f.Points {
		out.Periods = append(out.Periods, f.Points[i].Name(f.Grain))
		for k, m := range list {
			out.Series[k].Metric = m.Name
			out.Series[k].Values = append(out.Series[k].Values, f.Points[i].Value(m).Text(m.Unit, f.Currency))
		}
	}
	return out, nil
}

func (d *door) explain(a asked, in ExplainOf) (Explained, error) {
	m, err := in.Of.In(in.Period).Measure()
	if err != nil {
		return Explained{}, err
	}
	e, err := d.r.Explain(a.ctx, in.Account, m, in.Metric, 0, in.Limit)
	if err != nil {
		return Explained{}, err
	}
	f := e.Figures
	out := Explained{Metric: e.Metric.Name, Definition: e.Metric.Text, Period: f.Points[0].Name(f.Grain), Value: e.Value.Text(e.Metric.Unit, f.Currency), Customers: e.Customers,
		Inputs: []ExplainPart{}, Shares: []ExplainShare{}, Others: []ExplainPart{}}
	if e.Metric.Span != metrics.Derived {
		out.Sum = metrics.Value{N: e.Sum, Known: true}.Text(e.Metric.Unit, f.Currency)
	}
	for _, p := range e.Inputs {
		out.Inputs = append(out.Inputs, ExplainPart{p.Metric.Name, p.Value.Text(p.Metric.Unit, f.Currency)})
	}
	for _, s := range e.Shares {
		who := id.Customer(s.Customer).String()
		if s.Pushed {
			who = id.MetricUser(s.Customer).String()
		}
		out.Shares = append(out.Shares, ExplainShare{who, s.Email, s.Name, metrics.Value{N: s.N, Known: true}.Text(e.Metric.Unit, f.Currency)})
	}
	for _, o := range e.Others {
		out.Others = append(out.Others, ExplainPart{o.Set.String(), o.Value.Text(e.Metric.Unit, f.Currency)})
	}
	return out, nil
}

func (d *door) rebuildMetrics(a asked, in RebuildOf) ([]Rebuilt, error) {
	all, err := d.chosen(a.ctx, in.Account)
	if err != nil {
		return nil, err
	}
	list := []Rebuilt{}
	for i, one := range all {
		a.tell(Progress{Done: float64(i) / float64(len(all)), Text: one.Name})
		found, err := d.s.RebuildMetrics(a.ctx, one.ID, in.Check)
		if err != nil {
			return nil, err
		}
		list = append(list, rebuiltOf(one.ID, one.Name, found))
	}
	return list, nil
}

func rebuiltOf(acc id.Account, name string, found commerce.RebuiltMetrics) Rebuilt {
	r := Rebuilt{Account: acc, Name: name, Cells: found.Cells, Different: len(found.Different), Strayed: []string{}, Complete: found.State.Complete}
	for _, s := range found.Strayed {
		r.Strayed = append(r.Strayed, s.String())
	}
	return r
}
