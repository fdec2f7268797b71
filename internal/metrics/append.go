package metrics

import (
	"slices"
	"time"

	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Entry is a fact that is to be written, and the terms that it names.
type Entry struct {
	Fact
	As Terms // without an id; the zero value for a fact about the customer
}

// Write is what one transaction adds to the facts of an account.
type Write struct {
	Account  id.Account
	Zone     string         // of the account, in case nothing was measured yet
	Currency money.Currency // likewise
	Now      time.Time
	Entries  []Entry
	// Onward says that the entries tell of what a subscription came to be after all that
	// is known of it, whatever their instants say: work that was caught up with happened
	// when it fell due, which can be before something that was done meanwhile.
	Onward bool
	// Known tells what customers can be told apart by who were not measured yet. It may
	// be nil.
	Known func(tx *db.Tx, customers []int64) (map[int64]Attributes, error)
}

// Append writes facts, in one transaction with what they tell of, and adds what they
// change to the roll-ups. It gives the facts their ids, their terms and, for a subscription
// that goes on at the same plan, interval and currency, the exchange rate that it began
// with. Transactions that write metrics of one account
// wait for each other here, so that this is the last thing that a transaction does.
func Append(tx *db.Tx, w Write) ([]Fact, error) {
	if len(w.Entries) == 0 {
		return nil, nil
	}
	s, err := begin(tx, w.Account, w.Zone, w.Currency)
	if err != nil {
		return nil, err
	}
	book := Book{}
	list, err := w.facts(tx, s, book)
	if err != nil {
		return nil, err
	}
	customers := customersOf(list)
	before, err := FactsOf(tx, w.Account, customers)
	if err != nil {
		return nil, err
	}
	if err := book.load(tx, w.Account, missing(book, before)); err != nil {
		return nil, err
	}
	if w.Onward {
		onward(list, before)
	}
	slices.SortStableFunc(list, Compare)
	keepRates(list, before, book)
	if err := changed(s, book, customers, before, list).add(tx, w.Account); err != nil {
		return nil, err
	}
	if err := insertFacts(tx, w.Account, list); err != nil {
		return nil, err
	}
	var known map[int64]Attributes
	if w.Known != nil {
		fresh := slices.DeleteFunc(slices.Clone(customers), func(c int64) bool { return len(before[c]) > 0 })
		if len(fresh) > 0 {
			if known, err = w.Known(tx, fresh); err != nil {
				return nil, err
			}
		}
	}
	return list, touch(tx, w.Account, s.Seq, w.Now, customers, known)
}

// onward moves facts to after what is known of their subscription.
func onward(list []Fact, before map[int64][]Fact) {
	last := map[[2]int64]Fact{} // by customer and subscription
	for i := range list {
		f := &list[i]
		of := [2]int64{f.Customer, f.Subject}
		l, known := last[of]
		if !known {
			for _, o := range before[f.Customer] {
				if o.Subject == f.Subject {
					l, known = o, true
				}
			}
		}
		if known && f.At <= l.At {
			f.At = l.At
			if Compare(*f, l) < 0 {
				f.At++
			}
		}
		last[of] = *f
	}
}

// facts are the entries with their ids and terms.
func (w *Write) facts(tx *db.Tx, s State, book Book) ([]Fact, error) {
	var wanted []Terms
	seen := map[Terms]bool{}
	for _, e := range w.Entries {
		if e.As != (Terms{}) && !seen[e.As] {
			seen[e.As] = true
			wanted = append(wanted, e.As)
		}
	}
	ids, err := book.resolve(tx, w.Account, wanted)
	if err != nil {
		return nil, err
	}
	list := make([]Fact, len(w.Entries))
	for i, e := range w.Entries {
		f := e.Fact
		f.Terms, f.Seq = ids[e.As], s.Seq
		if f.ID == 0 {
			f.ID = int64(id.New[id.Fact]())
		}
		list[i] = f
	}
	return list, nil
}

func customersOf(list []Fact) []int64 {
	var customers []int64
	for _, f := range list {
		customers = append(customers, f.Customer)
	}
	slices.Sort(customers)
	return slices.Compact(customers)
}

// missing are the terms that facts name and the book has not.
func missing(book Book, facts map[int64][]Fact) []int64 {
	var ids []int64
	for _, list := range facts {
		for _, f := range list {
			if _, known := book[f.Terms]; !known && f.Terms != 0 {
				ids = append(ids, f.Terms)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// changed is what new facts add to the cells.
func changed(s State, book Book, customers []int64, before map[int64][]Fact, list []Fact) Cells {
	cells := Cells{}
	d := NewDeriver(ProfitWell, s.Location(), book.Length)
	added := map[int64][]Fact{}
	for _, f := range list {
		added[f.Customer] = append(added[f.Customer], f)
	}
	for _, c := range customers {
		cells.Add(d.Lines(before[c]), book.Plan, -1)
		all := append(slices.Clone(before[c]), added[c]...)
		slices.SortStableFunc(all, Compare)
		cells.Add(d.Lines(all), book.Plan, 1)
	}
	return cells
}

// keepRates gives facts in another currency the rate at which the plan that they go on
// with began, so that no rate moves what a subscription brings.
func keepRates(list []Fact, before map[int64][]Fact, book Book) {
	for i := range list {
		f := &list[i]
		if f.Rate == SameCurrency || f.Subject == 0 {
			continue
		}
		if last := lastBefore(before[f.Customer], list[:i], f); last != nil && goesOn(book[last.Terms], book[f.Terms]) {
			f.Rate = last.Rate
		}
	}
}

// lastBefore is what held of a subscription before a fact, nil when it begins with it.
func lastBefore(kept, added []Fact, f *Fact) (last *Fact) {
	for _, list := range [...][]Fact{kept, added} {
		for i := range list {
			if o := &list[i]; o.Voids == 0 && o.Subject == f.Subject && o.Customer == f.Customer && Compare(*o, *f) < 0 && (last == nil || Compare(*last, *o) < 0) {
				last = o
			}
		}
	}
	return last
}

// goesOn reports whether somebody who changes terms stays at the same price.
func goesOn(a, b Terms) bool {
	return a.Plan == b.Plan && a.Interval == b.Interval && a.Currency == b.Currency
}
