package metrics

import (
	"slices"
	"time"
)

// Kind is what a line adds to.
type Kind uint8

// The kinds. Upgraded, Downgraded and Moved belong to customers who pay before and after;
// Moved is what went from one plan to another and sums to nothing over all of them. Future
// is what those bring whose end is fixed. The amount of TrialPaid is what the customer
// brings; that of TrialTime is seconds from the beginning of the trial.
const (
	New Kind = iota
	Back
	Upgraded
	Downgraded
	Churned
	Delinquent
	Moved
	Future
	TrialStarted
	TrialPaid
	TrialLost
	TrialTime
	Kinds // how many there are
)

var kindNames = [Kinds]string{"new", "reactivated", "upgraded", "downgraded", "churned_voluntary", "churned_delinquent", "plan_changed", "future_churn",
	"trials_started", "trials_converted", "trials_lost", "trial_seconds"}

// String is the word of the kind.
func (k Kind) String() string { return kindNames[k] }

// Moves reports whether lines of the kind change the recurring revenue.
func (k Kind) Moves() bool { return k <= Moved }

// Line is one addend of the figures.
type Line struct {
	Day    Day
	Kind   Kind
	Hold   int8  // +1 when the customer began to hold the terms, -1 when they ceased to
	Count  int32 // customers, for kinds that Hold does not count
	Terms  int64
	Amount int64 // minor units of the account's currency
}

// holding is what a customer has of one subscription.
type holding struct {
	subject int64
	terms   int64
	value   int64
	trial   bool
	ending  bool
}

// slot is what a customer brings at one combination of terms, above zero. Lists of slots
// are ordered by terms.
type slot struct{ terms, value int64 }

// Deriver derives lines by the rules of one set. It keeps room between calls, so that
// one is for one goroutine.
type Deriver struct {
	rules  rules
	cal    calendar
	length func(terms int64) (months, of int64) // of the term, as period.Interval.Months

	holdings   []holding
	existed    bool  // the customer had paid before the month, or at all
	lost       Kind  // how the revenue became nothing
	trialFrom  int64 // 0 when the customer is on no trial
	trialTerms int64

	start, now   []slot // at the start of the month or window, and now
	month        Month
	past, next   []Line // of the month to date, before and after a day
	future, ends []slot
	lines        []Line
}

// NewDeriver makes a deriver for the days of a zone. Length tells how long the term of
// terms is.
func NewDeriver(set Set, zone *time.Location, length func(terms int64) (months, of int64)) *Deriver {
	return &Deriver{rules: ruleOf[set], cal: calendar{zone: zone}, length: length}
}

// Lines are the lines of one customer, from all of their facts in order. They are in the
// order of their days, and are overwritten by the next call.
func (d *Deriver) Lines(facts []Fact) []Line {
	d.reset()
	facts = d.rules.effective(facts)
	for len(facts) > 0 {
		n, day := d.group(facts)
		d.step(facts[:n], day)
		facts = facts[n:]
	}
	return d.lines
}

func (d *Deriver) reset() {
	d.holdings, d.lines, d.start, d.now, d.past, d.future = d.holdings[:0], d.lines[:0], d.start[:0], d.now[:0], d.past[:0], d.future[:0]
	d.existed, d.lost, d.trialFrom, d.trialTerms, d.month = false, Churned, 0, 0, -1<<31
}

// group is how many of the facts are netted, and the day that they count on.
func (d *Deriver) group(facts []Fact) (int, Day) {
	first := d.cal.day(facts[0].At)
	n := 1
	if d.rules.monthly {
		for n < len(facts) && d.cal.day(facts[n].At) == first {
			n++
		}
		return n, first
	}
	for n < len(facts) && facts[n].At <= facts[0].At+d.rules.window {
		n++
	}
	return n, d.cal.day(facts[n-1].At)
}

// step takes over the facts of one group and writes what they change.
func (d *Deriver) step(facts []Fact, day Day) {
	if m := day.Month(); d.rules.monthly && m != d.month {
		d.month = m
		d.start = append(d.start[:0], d.now...)
		d.existed = d.existed || len(d.start) > 0
		d.past = d.past[:0]
	}
	if d.rules.bySubject {
		d.each(facts, day)
	} else {
		d.together(facts, day)
	}
	d.trials(facts, day)
	d.leaving(day)
}

// together nets what a group changes for the customer as a whole.
func (d *Deriver) together(facts []Fact, day Day) {
	if !d.rules.monthly {
		d.start = append(d.start[:0], d.now...)
	}
	for i := range facts {
		before := sum(d.now)
		d.take(&facts[i])
		if d.slots(); before > 0 && len(d.now) == 0 {
			d.lost = lossOf(&facts[i])
		}
	}
	if !d.rules.monthly {
		d.next = d.classify(d.next[:0], d.start, d.now, d.existed)
		d.existed = d.existed || len(d.now) > 0
		d.emit(day, d.next)
		return
	}
	d.next = d.classify(d.next[:0], d.start, d.now, d.existed)
	d.difference(day)
	d.past, d.next = d.next, d.past
}

// each lets every subscription of a group move by itself.
func (d *Deriver) each(facts []Fact, day Day) {
	for i := range facts {
		f := &facts[i]
		var was, is []slot
		if h := d.holding(f.Subject); h != nil && h.value > 0 {
			was = []slot{{h.terms, h.value}}
		}
		d.take(f)
		if h := d.holding(f.Subject); h.value > 0 {
			is = []slot{{h.terms, h.value}}
		}
		d.lost = lossOf(f)
		d.next = d.classify(d.next[:0], was, is, d.existed && len(d.now) == 0)
		d.slots()
		d.existed = d.existed || len(d.now) > 0
		d.emit(day, d.next)
	}
}

func lossOf(f *Fact) Kind {
	if f.Flags&Unwilled != 0 {
		return Delinquent
	}
	return Churned
}

func (d *Deriver) holding(subject int64) *holding {
	for i := range d.holdings {
		if d.holdings[i].subject == subject {
			return &d.holdings[i]
		}
	}
	return nil
}

// take makes the state of a fact that of its subscription.
func (d *Deriver) take(f *Fact) {
	h := d.holding(f.Subject)
	if h == nil {
		d.holdings = append(d.holdings, holding{subject: f.Subject})
		h = &d.holdings[len(d.holdings)-1]
	}
	h.terms, h.value, h.trial, h.ending = f.Terms, d.rules.value(f), f.Flags&OnTrial != 0, f.Flags&Ending != 0
}

// slots sums what the customer holds by terms.
func (d *Deriver) slots() {
	d.now = d.now[:0]
	for i := range d.holdings {
		if h := &d.holdings[i]; h.value > 0 {
			d.now = addTo(d.now, h.terms, h.value)
		}
	}
}

// addTo adds to the slot of terms, which it puts in its place where it is new.
func addTo(list []slot, terms, value int64) []slot {
	at := len(list)
	for at > 0 && list[at-1].terms >= terms {
		at--
	}
	if at < len(list) && list[at].terms == terms {
		list[at].value += value
		return list
	}
	return slices.Insert(list, at, slot{terms, value})
}

func sum(list []slot) (n int64) {
	for _, s := range list {
		n += s.value
	}
	return n
}

func (d *Deriver) emit(day Day, lines []Line) {
	from := len(d.lines)
	d.lines = append(d.lines, lines...)
	for i := from; i < len(d.lines); i++ {
		d.lines[i].Day = day
	}
	arrivalsFirst(d.lines[from:])
}

// arrivalsFirst puts lines at which customers arrive before those at which they leave, so
// that who goes from one plan to another never holds nothing in between. Whoever moves does
// so after they came and before they go.
func arrivalsFirst(lines []Line) {
	if len(lines) > 1 {
		slices.SortStableFunc(lines, func(a, b Line) int { return a.rank() - b.rank() })
	}
}

func (l *Line) rank() int {
	rank := -2 * int(l.Hold)
	if l.Kind == Moved {
		rank /= 2
	}
	return rank
}

// difference writes what the month to date says after a day beyond what it said before.
func (d *Deriver) difference(day Day) {
	if len(d.past) == 0 {
		d.emit(day, d.next)
		return
	}
	from := len(d.lines)
	for _, l := range d.next {
		if old := same(d.past, &l); old != nil {
			l.Amount, l.Hold, l.Count = l.Amount-old.Amount, l.Hold-old.Hold, l.Count-old.Count
		}
		d.put(day, l)
	}
	for _, l := range d.past {
		if same(d.next, &l) == nil {
			l.Amount, l.Hold, l.Count = -l.Amount, -l.Hold, -l.Count
			d.put(day, l)
		}
	}
	arrivalsFirst(d.lines[from:])
}

func same(list []Line, l *Line) *Line {
	for i := range list {
		if list[i].Kind == l.Kind && list[i].Terms == l.Terms {
			return &list[i]
		}
	}
	return nil
}

func (d *Deriver) put(day Day, l Line) {
	if l.Amount != 0 || l.Hold != 0 || l.Count != 0 {
		l.Day = day
		d.lines = append(d.lines, l)
	}
}

// trials writes who began a trial, who pays after one, and who left without paying.
func (d *Deriver) trials(facts []Fact, day Day) {
	terms := int64(0)
	for i := range d.holdings {
		if h := &d.holdings[i]; h.trial && terms == 0 {
			terms = h.terms
		}
	}
	paying := len(d.now) > 0
	switch on := terms != 0 && !paying; {
	case on && d.trialFrom == 0:
		d.trialFrom, d.trialTerms = facts[0].At, terms
		for i := range facts {
			if facts[i].Flags&OnTrial != 0 {
				d.trialFrom = facts[i].At
				break
			}
		}
		d.put(day, Line{Kind: TrialStarted, Terms: terms, Count: 1})
	case on || d.trialFrom == 0:
	case paying:
		d.put(day, Line{Kind: TrialPaid, Terms: d.trialTerms, Count: 1, Amount: sum(d.now)})
		d.put(day, Line{Kind: TrialTime, Terms: d.trialTerms, Amount: (facts[len(facts)-1].At - d.trialFrom) / 1_000_000})
		d.trialFrom = 0
	default:
		d.put(day, Line{Kind: TrialLost, Terms: d.trialTerms, Count: 1})
		d.trialFrom = 0
	}
}

// leaving writes how what is going to end has changed.
func (d *Deriver) leaving(day Day) {
	d.ends = d.ends[:0]
	for i := range d.holdings {
		if h := &d.holdings[i]; h.ending && h.value > 0 {
			d.ends = addTo(d.ends, h.terms, h.value)
		}
	}
	if len(d.ends) == 0 && len(d.future) == 0 {
		return
	}
	both(d.future, d.ends, func(terms, was, is int64) {
		d.put(day, Line{Kind: Future, Terms: terms, Amount: is - was, Count: sign(is) - sign(was)})
	})
	d.future, d.ends = d.ends, d.future
}

func sign(v int64) int32 {
	if v > 0 {
		return 1
	}
	return 0
}

// both calls do for the terms of either list, in their order.
func both(a, b []slot, do func(terms, was, is int64)) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].terms < b[0].terms:
			do(a[0].terms, a[0].value, 0)
			a = a[1:]
		case len(a) == 0 || b[0].terms < a[0].terms:
			do(b[0].terms, 0, b[0].value)
			b = b[1:]
		default:
			do(a[0].terms, a[0].value, b[0].value)
			a, b = a[1:], b[1:]
		}
	}
}
