package web

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever the values, the axis holds them and zero, has two to eight ticks in
// equal steps, and every place lies inside the drawing.
func TestScaleHoldsEveryValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Int64Range(-1_000_000_000_000_000, 1_000_000_000_000_000).Draw(t, "low")
		high := low + rapid.Int64Range(0, 1_000_000_000_000_000).Draw(t, "span")
		s := scaleFor(low, high)
		if s.low > min(low, 0) || s.high < max(high, 0) {
			t.Fatalf("%d to %d is outside of %+v", low, high, s)
		}
		if len(s.ticks) < 2 || len(s.ticks) > 8 || s.ticks[0] != s.low || s.ticks[len(s.ticks)-1] != s.high {
			t.Fatalf("ticks %v of %+v", s.ticks, s)
		}
		for i := 2; i < len(s.ticks); i++ {
			if s.ticks[i]-s.ticks[i-1] != s.ticks[1]-s.ticks[0] {
				t.Fatalf("uneven ticks %v", s.ticks)
			}
		}
		for _, v := range []int64{low, high, 0} {
			if y := s.y(v); y < -0.001 || y > 100.001 {
				t.Fatalf("%d stands at %v", v, y)
			}
		}
	})
}

// Stacked columns never overlap and end at the sum of their parts.
func TestColumnsStack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(-100_000, 100_000), 1, 6).Draw(t, "values")
		c := Chart{X: []string{"Jan"}}
		var up, down int64
		for _, v := range values {
			c.Series = append(c.Series, Series{Name: "s", Values: []int64{v}})
			up, down = up+max(v, 0), down+min(v, 0)
		}
		sc := c.columnScale()
		var height float64
		for _, r := range c.columns(sc) {
			if r.height < 0 || r.y < -0.001 || r.y+r.height > 100.001 {
				t.Fatalf("column %+v leaves the drawing", r)
			}
			height += r.height
		}
		if want := sc.y(down) - sc.y(up); height < want-0.01 || height > want+0.01 {
			t.Fatalf("columns are %v high together, want %v", height, want)
		}
	})
}
