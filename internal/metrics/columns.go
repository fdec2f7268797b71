package metrics

import (
	"maps"
	"slices"
)

// Columns are the lines of many customers, column by column, so that a filter that no
// roll-up answers is one pass over plain slices.
type Columns struct {
	customers []int64 // in the order in which they were added
	first     []int32 // where the lines of each begin; one more than customers
	gone      []bool  // of each: it is not counted any more; nil when all are
	day       []Day
	kind      []Kind
	hold      []int8
	count     []int8
	terms     []uint32 // in the book of the columns
	amount    []int64
	book      []Terms
	at        map[int64]uint32 // where terms are in book
	words     map[string]*column
}

// column is one category of attributes: for each customer the number of a word, 0 for none.
type column struct {
	numbers map[string]uint32
	of      []uint32
}

// NewColumns makes columns without lines.
func NewColumns() *Columns {
	return &Columns{first: []int32{0}, at: map[int64]uint32{}, words: map[string]*column{}}
}

// Len is how many lines there are.
func (c *Columns) Len() int { return len(c.day) }

// Add adds a customer and their lines, in the order of their days.
func (c *Columns) Add(customer int64, known Attributes, lines []Line, book Book) {
	n := len(c.customers)
	c.customers = append(c.customers, customer)
	for category, word := range known {
		col := c.words[category]
		if col == nil {
			col = &column{numbers: map[string]uint32{}}
			c.words[category] = col
		}
		number, seen := col.numbers[word]
		if !seen {
			number = uint32(len(col.numbers) + 1) // #nosec G115 -- fewer than customers
			col.numbers[word] = number
		}
		col.of = append(col.of, make([]uint32, n+1-len(col.of))...)
		col.of[n] = number
	}
	for i := range lines {
		l := &lines[i]
		at, seen := c.at[l.Terms]
		if !seen {
			at = uint32(len(c.book)) // #nosec G115 -- fewer than lines
			c.at[l.Terms] = at
			c.book = append(c.book, book[l.Terms])
		}
		c.day, c.kind, c.hold = append(c.day, l.Day), append(c.kind, l.Kind), append(c.hold, l.Hold)
		c.count = append(c.count, int8(l.Count)) // #nosec G115 -- how often one customer counts on a day
		c.terms, c.amount = append(c.terms, at), append(c.amount, l.Amount)
	}
	c.first = append(c.first, int32(len(c.day))) // #nosec G115 -- see MaxLines
}

// lines are the lines of the customer at a place.
func (c *Columns) lines(n int) []Line {
	var out []Line
	for i := c.first[n]; i < c.first[n+1]; i++ {
		out = append(out, Line{Day: c.day[i], Kind: c.kind[i], Hold: c.hold[i], Count: int32(c.count[i]), Terms: c.book[c.terms[i]].ID, Amount: c.amount[i]})
	}
	return out
}

// known are the attributes of the customer at a place.
func (c *Columns) known(n int) Attributes {
	out := Attributes{}
	for category, col := range c.words {
		if n < len(col.of) && col.of[n] != 0 {
			for word, number := range col.numbers {
				if number == col.of[n] {
					out[category] = word
				}
			}
		}
	}
	return out
}

// Words are the words that a category has, in order, and how many customers have each.
func (c *Columns) Words(category string) map[string]int64 {
	out := map[string]int64{}
	col := c.words[category]
	if col == nil {
		return out
	}
	counts := make([]int64, len(col.numbers)+1)
	for n, number := range col.of {
		if c.gone == nil || !c.gone[n] {
			counts[number]++
		}
	}
	for word, number := range col.numbers {
		out[word] = counts[number]
	}
	return out
}

// Filter narrows what is counted: to customers, and to what they hold. A zero field
// narrows nothing.
type Filter struct {
	Plan     int64
	Campaign int64
	Coupon   int64
	Interval string // as period.Interval spells it
	Currency string
	Traits   map[string]string // by category, such as Country
}

// IsZero reports whether nothing is left out.
func (f Filter) IsZero() bool {
	return f.Plan == 0 && f.OnlyPlan()
}

// OnlyPlan reports whether nothing but the plan narrows, which the roll-ups know.
func (f Filter) OnlyPlan() bool {
	return f.Campaign == 0 && f.Coupon == 0 && f.Interval == "" && f.Currency == "" && len(f.Traits) == 0
}

// Holds reports whether the filter counts what is held at terms.
func (f Filter) Holds(t Terms) bool {
	return (f.Plan == 0 || f.Plan == t.Plan) && (f.Campaign == 0 || f.Campaign == t.Campaign) && (f.Coupon == 0 || f.Coupon == t.Coupon) &&
		(f.Interval == "" || f.Interval == t.Interval.String()) && (f.Currency == "" || f.Currency == string(t.Currency))
}

// Knows reports whether the filter counts a customer.
func (f Filter) Knows(a Attributes) bool {
	for category, word := range f.Traits {
		if a[category] != word {
			return false
		}
	}
	return true
}

// wanted are the terms that a filter counts, and the columns of attributes that a customer
// has to match; ok is false when nobody does.
func (c *Columns) wanted(f Filter) (terms []bool, traits []match, ok bool) {
	terms = make([]bool, len(c.book))
	for i, t := range c.book {
		terms[i] = f.Holds(t)
	}
	for _, category := range slices.Sorted(maps.Keys(f.Traits)) {
		col := c.words[category]
		if col == nil || col.numbers[f.Traits[category]] == 0 {
			return nil, nil, false
		}
		traits = append(traits, match{col.of, col.numbers[f.Traits[category]]})
	}
	return terms, traits, true
}

type match struct {
	of     []uint32
	number uint32
}

func (c *Columns) counts(n int, traits []match) bool {
	if c.gone != nil && c.gone[n] {
		return false
	}
	for _, m := range traits {
		if n >= len(m.of) || m.of[n] != m.number {
			return false
		}
	}
	return true
}

// Periods are cells of periods that follow each other.
type Periods struct {
	From  int32 // the first period
	Cells []Cell
}

// Room makes room for the cells of the days from one to another: by day, or by month.
func Room(g Grain, from, to Day) Periods {
	if g == ByMonth {
		return Periods{int32(from.Month()), make([]Cell, to.Month()-from.Month()+1)}
	}
	return Periods{int32(from), make([]Cell, to-from+1)}
}

// Sum adds what a filter counts up to a day. What came before the first period is counted
// in it. Places tells, for each day from the first one on, the place of its cell.
func (c *Columns) Sum(f Filter, first Day, places []int32, cells []Cell) {
	terms, traits, ok := c.wanted(f)
	if !ok {
		return
	}
	for n := range c.customers {
		if !c.counts(n, traits) {
			continue
		}
		var held Held
		from, to := c.first[n], c.first[n+1]
		day, kind, hold, count, at, amount := c.day[from:to], c.kind[from:to], c.hold[from:to], c.count[from:to], c.terms[from:to], c.amount[from:to]
		for i, d := range day {
			if !terms[at[i]] {
				continue
			}
			p := int(d - first)
			if p >= len(places) {
				break
			}
			cell := &cells[0]
			if p > 0 {
				cell = &cells[places[p]]
			}
			k := kind[i]
			cell.Amount[k] += amount[i]
			switch {
			case hold[i] != 0:
				l := Line{Kind: k, Hold: hold[i], Count: int32(count[i])}
				cell.Count[k] += held.Count(&l)
			case count[i] != 0:
				cell.Count[k] += int64(count[i])
			}
		}
	}
}

// Places tells of each day from one to another where the cell of its period is.
func (p Periods) Places(g Grain, from, to Day) []int32 {
	out := make([]int32, to-from+1)
	for d := from; d <= to; d++ {
		if g == ByMonth {
			out[d-from] = int32(d.Month()) - p.From
		} else {
			out[d-from] = int32(d) - p.From
		}
	}
	return out
}

// Share is what one customer adds to a figure.
type Share struct {
	Customer int64
	N        int64 // in the unit of the figure
}

// Shares calls do for each customer whom a filter counts and who adds something to what
// weights count between two days.
func (c *Columns) Shares(f Filter, from, to Day, w Weights, do func(Share)) {
	c.Each(f, func(n int, lines []Line) {
		s := Share{Customer: c.customers[n]}
		var held Held
		for i := range lines {
			l := &lines[i]
			customers := held.Count(l)
			if l.Day >= from && l.Day <= to {
				s.N += w.Amount[l.Kind]*l.Amount + w.Count[l.Kind]*customers
			}
		}
		if s.N != 0 {
			do(s)
		}
	})
}

// Each calls do with the lines of each customer whom a filter counts, and whom it leaves
// some.
func (c *Columns) Each(f Filter, do func(n int, lines []Line)) {
	terms, traits, ok := c.wanted(f)
	if !ok {
		return
	}
	var lines []Line
	for n := range c.customers {
		if !c.counts(n, traits) {
			continue
		}
		lines = lines[:0]
		for i := c.first[n]; i < c.first[n+1]; i++ {
			if terms[c.terms[i]] {
				lines = append(lines, Line{Day: c.day[i], Kind: c.kind[i], Hold: c.hold[i], Count: int32(c.count[i]), Terms: c.book[c.terms[i]].ID, Amount: c.amount[i]})
			}
		}
		if len(lines) > 0 {
			do(n, lines)
		}
	}
}
