package scenario

import (
	"context"
	"fmt"

	"perennial/internal/metrics"
	"perennial/internal/report"
)

// standsMetric is "NAME VALUE [in PERIOD] [of PRICE] [by SET]".
func (s *story) standsMetric(ctx context.Context, w *words) error {
	metric, known := metrics.MetricOf(w.word("a metric"))
	if !known {
		w.fail("there is no such metric")
	}
	want := w.word("a value")
	var text report.MeasureText
	for !w.done() {
		switch {
		case w.is("in"):
			text = text.In(w.word("a month or a day"))
		case w.is("of"):
			if p := s.priceNamed(w); w.err == nil {
				text.Plan = p.ID.String()
			}
		case w.is("by"):
			text.Set = w.word("a set")
		default:
			w.otherwise("in PERIOD, of PRICE, by SET")
		}
	}
	if w.err != nil {
		return w.err
	}
	m, err := text.Measure()
	if err != nil {
		return err
	}
	e, err := s.stage.Reader.Explain(ctx, s.call.Account, m, metric.Name, 0, 0)
	if err != nil {
		return err
	}
	if got := e.Value.Plain(metric.Unit, e.Figures.Currency); got != want && (e.Value.Known || want != "unknown") {
		return fmt.Errorf("it is %s", e.Value.Text(metric.Unit, e.Figures.Currency))
	}
	if metric.Span != metrics.Derived && e.Sum != e.Value.N {
		return fmt.Errorf("the customers behind it come to %d, not %d", e.Sum, e.Value.N)
	}
	return nil
}

// addUp proves that the figures are what the facts come to, and the facts what the
// subscriptions bring.
func (s *story) addUp(ctx context.Context) error {
	found, err := s.stage.Service.RebuildMetrics(ctx, s.call.Account, true)
	if err == nil && (len(found.Different) > 0 || len(found.Strayed) > 0) {
		err = fmt.Errorf("%d of them do not, and %d subscriptions bring something else", len(found.Different), len(found.Strayed))
	}
	return err
}
