package metrics

import (
	"context"
	"errors"
	"maps"
	"slices"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// MaxLines bounds how many lines are kept in memory of one account. The lines of a larger
// one are derived anew for every question.
const MaxLines = 40_000_000

// Copy is the lines of one account by one set, in memory. It is not safe for concurrent
// use; what Columns answers is not changed by a later Refresh.
type Copy struct {
	set    Set
	state  State
	book   Book
	base   *Columns
	late   map[int64]lateCustomer // whose lines have changed since base was made
	recent *Columns               // of them
}

type lateCustomer struct {
	known Attributes
	lines []Line
}

// State is the state that the copy was brought up to.
func (c *Copy) State() State { return c.state }

// Columns are all lines.
func (c *Copy) Columns() []*Columns { return []*Columns{c.base, c.recent} }

// Book is the terms that the lines name.
func (c *Copy) Book() Book { return c.book }

// errTooLarge says that the lines of an account are too many to be kept.
var errTooLarge = fault.New(fault.Unavailable, "the account has too many movements to keep them in memory")

// IsTooLarge reports whether a copy could not be made because there are too many lines.
func IsTooLarge(err error) bool { return errors.Is(err, errTooLarge) }

// NewCopy derives the lines of an account.
func NewCopy(ctx context.Context, view Viewer, s State, set Set) (*Copy, error) {
	c := &Copy{set: set, state: s, base: NewColumns(), recent: NewColumns(), late: map[int64]lateCustomer{}}
	err := Stream(ctx, view, s, set, func(book Book, customer int64, known Attributes, lines []Line) error {
		c.book = book
		if c.base.Len()+len(lines) > MaxLines {
			return errTooLarge
		}
		c.base.Add(customer, known, lines, book)
		return nil
	})
	if c.book == nil {
		c.book = Book{}
	}
	return c, err
}

// Stream derives the lines of an account customer by customer.
func Stream(ctx context.Context, view Viewer, s State, set Set, do func(book Book, customer int64, known Attributes, lines []Line) error) error {
	var book Book
	known := map[int64]Attributes{}
	err := view(ctx, func(tx *db.Tx) (err error) {
		if book, err = AllTerms(tx, s.Account); err != nil {
			return err
		}
		return eachAttributes(tx, s.Account, known)
	})
	if err != nil {
		return err
	}
	d := NewDeriver(set, s.Location(), book.Length)
	var failed error
	err = EachCustomer(ctx, view, s, func(customer int64, facts []Fact) {
		if failed == nil {
			failed = do(book, customer, known[customer], d.Lines(facts))
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

func eachAttributes(tx *db.Tx, acc id.Account, known map[int64]Attributes) error {
	return tx.Each(func(row db.Scan) error {
		var c int64
		var text string
		if err := row(&c, &text); err != nil {
			return err
		}
		a, err := parseAttributes(text)
		known[c] = a
		return err
	}, "select customer_id, attributes from metric_customer where account_id = $1 and attributes <> '' order by customer_id", acc)
}

// Refresh brings the copy up to the present. It reports false when it cannot, because the
// days of the account are now those of another zone.
func (c *Copy) Refresh(tx *db.Tx) (bool, error) {
	now, err := LoadState(tx, c.state.Account, c.state.Zone, c.state.Currency)
	if err != nil || now.Zone != c.state.Zone {
		return false, err
	}
	if now.Seq == c.state.Seq {
		return true, nil
	}
	changed, err := ChangedSince(tx, c.state)
	if err != nil {
		return false, err
	}
	facts, err := FactsOf(tx, c.state.Account, changed)
	if err != nil {
		return false, err
	}
	known, err := AttributesOf(tx, c.state.Account, changed)
	if err != nil {
		return false, err
	}
	book := maps.Clone(c.book)
	if err := book.load(tx, c.state.Account, missing(book, facts)); err != nil {
		return false, err
	}
	d := NewDeriver(c.set, c.state.Location(), book.Length)
	for _, customer := range changed {
		c.late[customer] = lateCustomer{known[customer], slices.Clone(d.Lines(facts[customer]))}
	}
	c.book, c.state = book, now
	c.layOver(changed)
	return true, nil
}

// layOver puts the lines that changed over those that they replace. The columns that were
// given out stay as they are.
func (c *Copy) layOver(changed []int64) {
	base := *c.base
	base.gone = make([]bool, len(base.customers))
	copy(base.gone, c.base.gone)
	for _, customer := range changed {
		if n, found := slices.BinarySearch(base.customers, customer); found {
			base.gone[n] = true
		}
	}
	c.base, c.recent = &base, NewColumns()
	for _, customer := range slices.Sorted(maps.Keys(c.late)) {
		c.recent.Add(customer, c.late[customer].known, c.late[customer].lines, c.book)
	}
	if len(c.late) > 1000 && len(c.late) > len(base.customers)/4 {
		c.merge()
	}
}

// merge makes one again of the lines and those that replaced some of them.
func (c *Copy) merge() {
	merged := NewColumns()
	late := slices.Sorted(maps.Keys(c.late))
	add := func(upTo int64) {
		for len(late) > 0 && late[0] < upTo {
			merged.Add(late[0], c.late[late[0]].known, c.late[late[0]].lines, c.book)
			late = late[1:]
		}
	}
	for n, customer := range c.base.customers {
		add(customer)
		if !c.base.gone[n] {
			merged.Add(customer, c.base.known(n), c.base.lines(n), c.book)
		}
	}
	add(1<<63 - 1)
	c.base, c.recent, c.late = merged, NewColumns(), map[int64]lateCustomer{}
}

// AttributesOf are the attributes of customers.
func AttributesOf(tx *db.Tx, acc id.Account, customers []int64) (map[int64]Attributes, error) {
	known := map[int64]Attributes{}
	if len(customers) == 0 {
		return known, nil
	}
	return known, tx.Each(func(row db.Scan) error {
		var c int64
		var text string
		if err := row(&c, &text); err != nil {
			return err
		}
		a, err := parseAttributes(text)
		known[c] = a
		return err
	}, "select customer_id, attributes from metric_customer where account_id = $1 and "+tx.AnyOf("customer_id", 2), acc, tx.List(customers))
}

// SetAttributes says what customers can be told apart by from now on, of those that are
// measured. Categories whose word is "" are taken away, others stay.
func SetAttributes(tx *db.Tx, w Write, customers []int64, set Attributes) error {
	known, err := AttributesOf(tx, w.Account, customers)
	if err != nil {
		return err
	}
	var changed []int64
	for _, c := range customers {
		before, measured := known[c]
		after := maps.Clone(before)
		if after == nil {
			after = Attributes{}
		}
		for category, word := range set {
			if after[category] = word; word == "" {
				delete(after, category)
			}
		}
		if measured && !maps.Equal(before, after) {
			known[c], changed = after, append(changed, c)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	s, err := begin(tx, w.Account, w.Zone, w.Currency)
	if err != nil {
		return err
	}
	_, err = tx.Put(customerTable, "on conflict (account_id, customer_id) do update set seq = excluded.seq, attributes = excluded.attributes, updated_at = excluded.updated_at", len(changed), func(i int, r *db.Row) {
		r.Int(int64(w.Account))
		r.Int(changed[i])
		r.Int(s.Seq)
		r.Text(known[changed[i]].text())
		r.Time(w.Now)
	}, nil)
	return err
}
