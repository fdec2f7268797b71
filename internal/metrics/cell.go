package metrics

// Cell is the sum of lines by kind.
type Cell struct {
	Amount [Kinds]int64 // minor units of the account's currency; of TrialTime, seconds
	Count  [Kinds]int64 // customers
}

// IsZero reports whether nothing is in the cell.
func (c *Cell) IsZero() bool { return *c == Cell{} }

// Add adds another cell, times a sign.
func (c *Cell) Add(o *Cell, times int64) {
	for k := range Kinds {
		c.Amount[k] += times * o.Amount[k]
		c.Count[k] += times * o.Count[k]
	}
}

// Net is how the recurring revenue changed.
func (c *Cell) Net() (n int64) {
	for k := New; k.Moves(); k++ {
		n += c.Amount[k]
	}
	return n
}

// Joined is how the number of paying customers changed.
func (c *Cell) Joined() int64 {
	return c.Count[New] + c.Count[Back] + c.Count[Moved] - c.Count[Churned] - c.Count[Delinquent]
}

// Trials is how the number of customers on trial changed.
func (c *Cell) Trials() int64 {
	return c.Count[TrialStarted] - c.Count[TrialPaid] - c.Count[TrialLost]
}

// Held is how many of the terms that are counted one customer holds, while their lines
// are read in order.
type Held int32

// Count is how many customers a line adds to its kind: who began to hold some of the
// terms counts when they held none before, and who ceased to when none is left.
func (h *Held) Count(l *Line) int64 {
	n := int64(l.Count)
	if l.Hold == 0 {
		return n
	}
	before := *h > 0
	*h += Held(l.Hold)
	switch after := *h > 0; {
	case before == after:
		return n
	case after == (l.Kind != Churned && l.Kind != Delinquent):
		return n + 1
	}
	return n - 1
}

// Scope is what a roll-up is kept for.
type Scope uint8

// The scopes. Their numbers are stored.
const (
	Company Scope = iota + 1 // Of is 0
	Plan                     // Of is that of terms
	Cohort                   // Of is the month in which customers first paid; months only
)

// Grain is how long the periods of a roll-up are.
type Grain uint8

// The grains. Their numbers are stored.
const (
	ByMonth Grain = iota + 1
	ByDay
)

// Key names a cell.
type Key struct {
	Grain  Grain
	Scope  Scope
	Of     int64
	Period int32 // a Month or a Day
}

// Cells are sums of lines by what they are kept for.
type Cells map[Key]*Cell

func (c Cells) at(k Key) *Cell {
	cell := c[k]
	if cell == nil {
		cell = new(Cell)
		c[k] = cell
	}
	return cell
}

// Add adds the lines of one customer, times a sign. Plan tells the plan of terms.
func (c Cells) Add(lines []Line, plan func(terms int64) int64, times int64) {
	var company, cohort Held
	var held []planHeld
	entered := Month(0)
	for i := range lines {
		l := &lines[i]
		m := l.Day.Month()
		c.put(Company, 0, l, m, times, company.Count(l))
		p := plan(l.Terms)
		held = holdingOf(held, p)
		c.put(Plan, p, l, m, times, held[at(held, p)].held.Count(l))
		if l.Kind == New && l.Hold > 0 && cohort <= 0 {
			entered = m
		}
		if l.Kind.Moves() {
			one := c.at(Key{ByMonth, Cohort, int64(entered), int32(m)})
			one.Amount[l.Kind] += times * l.Amount
			one.Count[l.Kind] += times * cohort.Count(l)
		}
	}
}

type planHeld struct {
	plan int64
	held Held
}

func at(list []planHeld, plan int64) int {
	for i := range list {
		if list[i].plan == plan {
			return i
		}
	}
	return -1
}

func holdingOf(list []planHeld, plan int64) []planHeld {
	if at(list, plan) < 0 {
		list = append(list, planHeld{plan: plan})
	}
	return list
}

// put adds a line to the cells of its day and of its month.
func (c Cells) put(s Scope, of int64, l *Line, m Month, times, customers int64) {
	for _, k := range [...]Key{{ByMonth, s, of, int32(m)}, {ByDay, s, of, int32(l.Day)}} {
		cell := c.at(k)
		cell.Amount[l.Kind] += times * l.Amount
		cell.Count[l.Kind] += times * customers
	}
}
