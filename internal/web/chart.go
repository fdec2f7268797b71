package web

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Chart is a question with its answer, drawn on the server. Values are whole
// numbers (minor units, counts, tenths of a percent); Text says each one for
// people and fills the table below the drawing.
type Chart struct {
	ID     string // unique in the page
	Title  string // the question: "What moved MRR?"
	Answer string // one sentence
	X      []string
	Series []Series
	Net    *Series            // ColumnChart only: a line with dots above the columns
	Axis   func(int64) string // the axis's numbers; nil writes the number plain
	Per    int64              // how much of a value is one on the axis that a script draws: 100 for cents; 0 is 1
	SoFar  bool               // the last period is still running: hatched and labelled "so far"
}

// Series is one line or one colour of columns.
type Series struct {
	Name   string
	Values []int64  // one for each entry of X
	Text   []string // the same, for people; missing ones are written plain
	Tone   string   // "1" to "3", or "new", "reactivated", "expansion", "contraction", "churned", "previous" (dashed)
}

// Bar is one line of BarList: sorted, the share in the label.
type Bar struct {
	Label string
	Value int64
	Text  string // "€12,400 · 31 %"
	Href  string
}

func (s Series) text(i int) string {
	if i < len(s.Text) {
		return s.Text[i]
	}
	if i < len(s.Values) {
		return CountText(s.Values[i])
	}
	return ""
}

func (s Series) at(i int) int64 {
	if i < len(s.Values) {
		return s.Values[i]
	}
	return 0
}

func (c Chart) axisText(v int64) string {
	if c.Axis != nil {
		return c.Axis(v)
	}
	return CountText(v)
}

// per is Per of a chart that sets none, too.
func (c Chart) per() string { return strconv.FormatInt(max(c.Per, 1), 10) }

// all are the series with the net line last, for legend and table.
func (c Chart) all() []Series {
	if c.Net == nil {
		return c.Series
	}
	return append(slices.Clone(c.Series), *c.Net)
}

// scale is the range of an axis with its ticks, always holding zero.
type scale struct {
	low, high int64
	ticks     []int64
}

// scaleFor chooses three to six round ticks that hold low, high and zero.
func scaleFor(low, high int64) scale {
	low, high = min(low, 0), max(high, 0)
	if low == high {
		high = 1
	}
	step := int64(1)
	for factor := 0; (high-low)/step >= 5; factor++ {
		switch factor % 3 {
		case 0:
			step *= 2
		case 1:
			step = step / 2 * 5
		default:
			step *= 2
		}
	}
	s := scale{low: -((-low + step - 1) / step) * step, high: (high + step - 1) / step * step}
	for v := s.low; v <= s.high; v += step {
		s.ticks = append(s.ticks, v)
	}
	return s
}

// y is the place of a value from the top, in percent of the drawing.
func (s scale) y(v int64) float64 {
	return float64(s.high-v) * 100 / float64(s.high-s.low)
}

func percent(v float64) string { return trimmed(v) + "%" }

func trimmed(v float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
}

// lineScale spans all values of all series.
func (c Chart) lineScale() scale {
	var low, high int64
	for _, s := range c.Series {
		for _, v := range s.Values {
			low, high = min(low, v), max(high, v)
		}
	}
	return scaleFor(low, high)
}

// columnScale spans the sums above and below zero, and the net line.
func (c Chart) columnScale() scale {
	var low, high int64
	for i := range c.X {
		var up, down int64
		for _, s := range c.Series {
			if v := s.at(i); v > 0 {
				up += v
			} else {
				down += v
			}
		}
		low, high = min(low, down), max(high, up)
		if c.Net != nil {
			low, high = min(low, c.Net.at(i)), max(high, c.Net.at(i))
		}
	}
	return scaleFor(low, high)
}

// column is one rectangle in percent of the drawing.
type column struct {
	x, y, width, height float64
	tone, title         string
	soFar               bool
}

func (c Chart) columns(sc scale) []column {
	var out []column
	slot := 100 / float64(max(len(c.X), 1))
	for i, x := range c.X {
		var up, down int64
		for _, s := range c.Series {
			v := s.at(i)
			if v == 0 {
				continue
			}
			from := &up
			if v < 0 {
				from = &down
			}
			top, bottom := sc.y(max(*from, *from+v)), sc.y(min(*from, *from+v))
			*from += v
			out = append(out, column{x: slot * (float64(i) + 0.18), width: slot * 0.64, y: top, height: bottom - top,
				tone: s.Tone, title: x + ", " + s.Name + ": " + s.text(i), soFar: c.SoFar && i == len(c.X)-1})
		}
	}
	return out
}

// dot is a point in percent of the drawing.
type dot struct {
	x, y  float64
	title string
}

// dots places a series; lines start and end at the edges, columns sit in slots.
func (c Chart) dots(s Series, sc scale, slots bool) []dot {
	out := make([]dot, 0, len(s.Values))
	for i, v := range s.Values {
		if i >= len(c.X) {
			break
		}
		out = append(out, dot{c.x(i, slots), sc.y(v), c.X[i] + ", " + s.Name + ": " + s.text(i)})
	}
	return out
}

func (c Chart) x(i int, slots bool) float64 {
	n := len(c.X)
	if slots {
		return (float64(i) + 0.5) * 100 / float64(max(n, 1))
	}
	if n < 2 {
		return 50
	}
	return float64(i) * 100 / float64(n-1)
}

func points(list []dot) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%s,%s ", trimmed(d.x), trimmed(d.y))
	}
	return strings.TrimSpace(b.String())
}

// labelClass thins the labels under the drawing: at most seven on a wide screen
// and three on a narrow one; the first and the last always stay.
func (c Chart) labelClass(i int) string {
	n := len(c.X)
	wide, narrow := (n+6)/7, (n+2)/3
	back := n - 1 - i
	switch {
	case back%narrow == 0:
		return "axis-text"
	case back%wide == 0:
		return "axis-text axis-wide"
	}
	return "axis-none"
}

// labelX is where the label of a period stands. The last one, which is longer
// while the period runs, ends at the edge.
func (c Chart) labelX(i int, slots bool) float64 {
	if slots && c.SoFar && i == len(c.X)-1 {
		return 100
	}
	return c.x(i, slots)
}

// anchor keeps the outermost labels of a line inside the drawing.
func (c Chart) anchor(i int, slots bool) string {
	switch {
	case slots && c.SoFar && i == len(c.X)-1:
		return "end"
	case slots:
		return "middle"
	case i == 0:
		return "start"
	case i == len(c.X)-1:
		return "end"
	}
	return "middle"
}

// shape tells the series apart in the legend without colour.
func shape(tone string) string {
	switch tone {
	case "previous":
		return "dashed"
	case "net", "1", "2", "3":
		return "line"
	}
	return "square"
}

func sparkPoints(values []int64) string {
	low, high := slices.Min(values), slices.Max(values)
	if low == high {
		high++
	}
	list := make([]dot, len(values))
	for i, v := range values {
		list[i] = dot{x: float64(i) * 100 / float64(len(values)-1), y: 2 + float64(high-v)*20/float64(high-low)}
	}
	return points(list)
}

func longest(bars []Bar) int64 {
	if len(bars) == 0 {
		return 1
	}
	return max(1, slices.MaxFunc(bars, func(a, b Bar) int { return cmp.Compare(a.Value, b.Value) }).Value)
}

func barWidth(v, most int64) string { return percent(float64(max(v, 0)) * 100 / float64(most)) }
