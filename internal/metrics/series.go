package metrics

import "perennial/internal/money"

// Point is all figures of one period.
type Point struct {
	Period int32 // a Month or a Day
	Cell   Cell  // of the period
	Before Cell  // of all before it
	Month  Cell  // of the month up to the end of the period
	set    Set
	ltv    Value
}

// Series makes points of cells that follow each other, the first of which holds all that
// came before the points and is none itself.
func Series(set Set, g Grain, p Periods) []Point {
	points := make([]Point, 0, len(p.Cells))
	var before, month Cell
	for i := range p.Cells {
		c := &p.Cells[i]
		if i > 0 {
			at := p.From + int32(i) // #nosec G115 -- as many periods as were asked for
			if g == ByMonth || Day(at) == Day(at).Month().First() {
				month = Cell{}
			}
			month.Add(c, 1)
			points = append(points, Point{Period: at, Cell: *c, Before: before, Month: month, set: set})
		}
		before.Add(c, 1)
	}
	if g == ByMonth {
		lifetimes(points)
	}
	return points
}

// value is a figure that others are computed from, 0 where it is not known.
func (p *Point) value(name string) int64 {
	m, _ := MetricOf(name)
	return p.Value(m).N
}

// Value is the figure of a metric.
func (p *Point) Value(m Metric) Value {
	switch m.Span {
	case InPeriod:
		return Value{m.Weights.Of(&p.Cell), true}
	case AtStart:
		return Value{m.Weights.Of(&p.Before), true}
	case AtEnd:
		return Value{m.Weights.Of(&p.Before) + m.Weights.Of(&p.Cell), true}
	case MonthToDate:
		return Value{m.Weights.Of(&p.Month), true}
	}
	if m.derive == nil {
		return p.ltv
	}
	return m.derive(p.set, p.value)
}

// How a lifetime value is estimated.
const (
	lifetimeMonths = 6
	fewestMonths   = 2
	leastLoss      = 50 // hundredths of a percent that a month loses at least
)

// lifetimes computes the lifetime value of each month from the whole months before it and
// itself.
func lifetimes(points []Point) {
	arpu, _ := MetricOf("average_revenue_per_user")
	kept, _ := MetricOf("revenue_retention_rate")
	for i := range points {
		var revenue, retention, months int64
		for n := i; n >= 0 && n > i-lifetimeMonths; n-- {
			a, r := points[n].Value(arpu), points[n].Value(kept)
			if !a.Known || !r.Known {
				break
			}
			revenue, retention, months = revenue+a.N, retention+r.N, months+1
		}
		if months < fewestMonths {
			continue
		}
		loss := max(percent*months-retention, leastLoss*months) // of all of these months together
		v, err := money.Amount{Minor: revenue}.MulRatio(percent, loss, money.HalfUp)
		points[i].ltv = Value{v.Minor, err == nil}
	}
}
