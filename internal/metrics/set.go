package metrics

import (
	"slices"

	"perennial/internal/fault"
)

// Set is whose definitions the movements follow.
type Set uint8

// The sets. docs/metrics.md lists what they differ in.
const (
	ProfitWell Set = iota // the default, which the roll-ups are kept for
	ChartMogul
	Stripe
	Baremetrics
)

var setNames = []string{"profitwell", "chartmogul", "stripe", "baremetrics"}

// Sets are all sets, the default first.
func Sets() []Set { return []Set{ProfitWell, ChartMogul, Stripe, Baremetrics} }

// String is the word of the set.
func (s Set) String() string { return setNames[s] }

// ParseSet reads the word of a set; "" is the default.
func ParseSet(word string) (Set, error) {
	if word == "" {
		return ProfitWell, nil
	}
	i := slices.Index(setNames, word)
	if i < 0 {
		return 0, fault.New(fault.Invalid, "must be profitwell, chartmogul, stripe or baremetrics")
	}
	return Set(i), nil // #nosec G115 -- one of four
}

// rules are what the sets differ in.
type rules struct {
	monthly     bool  // what happens inside a month is netted for each customer, day by day
	window      int64 // else: microseconds in which changes of a customer are netted
	byTerm      bool  // a longer term is an upgrade and a shorter one a downgrade, whatever the amounts
	bySubject   bool  // each subscription begins and ends by itself
	atCancel    bool  // lost when the end is asked for, not when it comes
	lastingOnly bool  // only discounts that do not end reduce
	lateFor     int64 // microseconds after which an unpaid subscription counts as lost; 0 when only its end does
}

const (
	minutes = 60 * 1_000_000
	days    = 24 * 60 * minutes
)

var ruleOf = [...]rules{
	ProfitWell:  {monthly: true, byTerm: true},
	ChartMogul:  {window: 60 * minutes},
	Stripe:      {bySubject: true, atCancel: true, lastingOnly: true},
	Baremetrics: {lateFor: 30 * days},
}

// value is what a fact counts for by the rules.
func (r *rules) value(f *Fact) int64 {
	switch {
	case f.Flags&OnTrial != 0, r.atCancel && f.Flags&Ending != 0:
		return 0
	case r.lastingOnly:
		return f.In(f.Lasting)
	}
	return f.In(f.Value)
}

// effective are the facts that hold: without those that were taken back, and none at all
// of a customer who is left out. A late payment ends by itself where the rules say so.
// The result is facts itself where nothing is to be left out.
func (r *rules) effective(facts []Fact) []Fact {
	plain := true
	for i := range facts {
		switch f := &facts[i]; {
		case f.Cause == Excluded || f.Cause == Deleted:
			if !takenBack(facts, f.ID) {
				return nil
			}
			plain = false
		case f.Voids != 0, f.Subject == 0, r.lateFor > 0 && f.Flags&Late != 0:
			plain = false
		}
	}
	if plain {
		return facts
	}
	var held []Fact
	for i := range facts {
		if f := facts[i]; f.Subject != 0 && f.Voids == 0 && !takenBack(facts, f.ID) {
			held = append(held, f)
		}
	}
	if r.lateFor > 0 {
		held = r.lapse(held)
	}
	return held
}

func takenBack(facts []Fact, fact int64) bool {
	return slices.ContainsFunc(facts, func(f Fact) bool { return f.Voids == fact })
}

// lapse lets subscriptions whose payment stays late bring nothing after a while.
func (r *rules) lapse(facts []Fact) []Fact {
	lapses := map[int64]int64{} // by subject whose payment is late: when it stops to count
	var out []Fact
	for i, f := range facts {
		if f.Flags&Late == 0 {
			delete(lapses, f.Subject)
			out = append(out, f)
			continue
		}
		at, known := lapses[f.Subject]
		if !known {
			at = f.At + r.lateFor
			lapses[f.Subject] = at
			if last, caught := streak(facts[i:], at); !caught {
				out = append(out, lost(last, at))
			}
		}
		if f.At >= at {
			f = lost(f, f.At)
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, Compare)
	return out
}

// streak is the last fact of a late subscription up to an instant, the first of the list
// being one, and whether the payment was caught up with before it.
func streak(facts []Fact, at int64) (last Fact, caught bool) {
	last = facts[0]
	for _, f := range facts[1:] {
		switch {
		case f.Subject != last.Subject:
		case f.At > at:
			return last, false
		case f.Flags&Late == 0:
			return last, true
		default:
			last = f
		}
	}
	return last, false
}

// lost is a fact from whose instant on the subscription brings nothing, unpaid.
func lost(f Fact, at int64) Fact {
	f.At, f.Value, f.Lasting, f.Flags = at, 0, 0, f.Flags|Unwilled
	return f
}

// Compare orders facts by their instants, and those of one instant as they were written.
func Compare(a, b Fact) int {
	switch {
	case a.At != b.At:
		if a.At < b.At {
			return -1
		}
		return 1
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}
