package metrics

import (
	"context"
	"maps"
	"slices"
	"sync"

	"perennial/internal/db"
	"perennial/internal/id"
)

// Viewer reads the store, for at most as long as one View may take each time.
type Viewer func(ctx context.Context, read func(tx *db.Tx) error) error

// EachCustomer reads all facts of an account that were written up to the state's last
// write, customer after customer. What do is given is overwritten afterwards. An account
// of any size is read in many short reads: facts are never changed, so that the write
// says which of them belong to the state.
func EachCustomer(ctx context.Context, view Viewer, s State, do func(customer int64, facts []Fact)) error {
	var last Fact
	var facts []Fact
	for {
		n := 0
		err := view(ctx, func(tx *db.Tx) (err error) {
			n, err = eachBatch(tx, s.Account, last, func(f *Fact) error {
				if len(facts) > 0 && facts[0].Customer != f.Customer {
					do(facts[0].Customer, facts)
					facts = facts[:0]
				}
				if last = *f; f.Seq <= s.Seq {
					facts = append(facts, *f)
				}
				return nil
			})
			return err
		})
		if err != nil {
			return err
		}
		if n < readBatch {
			break
		}
	}
	if len(facts) > 0 {
		do(facts[0].Customer, facts)
	}
	return nil
}

// sumBatch is how many facts are handed over at a time.
const sumBatch = 10_000

// Sum is what the roll-ups of an account are, summed from all of its facts. While some are
// read, those before them are counted.
func Sum(ctx context.Context, view Viewer, s State, book Book) (Cells, error) {
	cells := Cells{}
	read, free := make(chan []Fact, 2), make(chan []Fact, 4)
	var counting sync.WaitGroup
	counting.Go(func() {
		d := NewDeriver(ProfitWell, s.Location(), book.Length)
		for batch := range read {
			for rest := batch; len(rest) > 0; {
				n := 1
				for n < len(rest) && rest[n].Customer == rest[0].Customer {
					n++
				}
				cells.Add(d.Lines(rest[:n]), book.Plan, 1)
				rest = rest[n:]
			}
			free <- batch[:0]
		}
	})
	for range cap(free) {
		free <- nil
	}
	batch := <-free
	err := EachCustomer(ctx, view, s, func(_ int64, facts []Fact) {
		if batch = append(batch, facts...); len(batch) >= sumBatch {
			read <- batch
			batch = <-free
		}
	})
	read <- batch
	close(read)
	counting.Wait()
	return cells, err
}

// Since is what was written after a state adds to cells that were summed at it.
func Since(tx *db.Tx, s State, book Book) (Cells, error) {
	cells := Cells{}
	changed, err := ChangedSince(tx, s)
	if err != nil || len(changed) == 0 {
		return cells, err
	}
	all, err := FactsOf(tx, s.Account, changed)
	if err != nil {
		return nil, err
	}
	if err := book.load(tx, s.Account, missing(book, all)); err != nil {
		return nil, err
	}
	d := NewDeriver(ProfitWell, s.Location(), book.Length)
	for _, c := range changed {
		then := slices.DeleteFunc(slices.Clone(all[c]), func(f Fact) bool { return f.Seq > s.Seq })
		cells.Add(d.Lines(then), book.Plan, -1)
		cells.Add(d.Lines(all[c]), book.Plan, 1)
	}
	return cells, nil
}

// with are the cells and those that others add to them.
func (c Cells) with(others Cells) Cells {
	sum := maps.Clone(c)
	for k, o := range others {
		cell := *o
		if before := c[k]; before != nil {
			cell.Add(before, 1)
		}
		sum[k] = &cell
	}
	return sum
}

// ChangedSince are the customers whom writes after a state changed, in order.
func ChangedSince(tx *db.Tx, s State) ([]int64, error) {
	var list []int64
	err := tx.Each(func(row db.Scan) error {
		var c int64
		err := row(&c)
		list = append(list, c)
		return err
	}, "select customer_id from metric_customer where account_id = $1 and seq > $2", s.Account, s.Seq)
	slices.Sort(list)
	return list, err
}

// Difference is a cell that holds something else than the facts come to.
type Difference struct {
	Key          Key
	Stored, Real Cell
}

// Compare are the roll-ups of an account that differ from cells that were summed at a
// state and what was written since.
func (c Cells) Compare(tx *db.Tx, s State, book Book) ([]Difference, error) {
	since, err := Since(tx, s, book)
	if err != nil {
		return nil, err
	}
	return c.with(since).compare(tx, s.Account)
}

func (c Cells) compare(tx *db.Tx, acc id.Account) ([]Difference, error) {
	var list []Difference
	seen := make(map[Key]bool, len(c))
	for _, g := range [...]Grain{ByMonth, ByDay} {
		for _, s := range [...]Scope{Company, Plan, Cohort} {
			err := RollupsOf(tx, acc, g, s, func(k Key, stored *Cell) {
				seen[k] = true
				real := Cell{}
				if found := c[k]; found != nil {
					real = *found
				}
				if real != *stored {
					list = append(list, Difference{k, *stored, real})
				}
			})
			if err != nil {
				return nil, err
			}
		}
	}
	for k, real := range c {
		if !seen[k] && !real.IsZero() {
			list = append(list, Difference{Key: k, Real: *real})
		}
	}
	slices.SortFunc(list, func(a, b Difference) int { return compareKeys(a.Key, b.Key) })
	return list, nil
}

// Mend makes the roll-ups of an account those that the cells say, which were summed at a
// state; what was written since is added. From then on the account is measured in the zone
// of that state.
func Mend(tx *db.Tx, s State, book Book, cells Cells) ([]Difference, error) {
	was, err := begin(tx, s.Account, s.Zone, s.Currency)
	if err != nil {
		return nil, err
	}
	if was.Zone != s.Zone {
		if _, err := tx.Exec("update metric_state set zone = $2 where account_id = $1", s.Account, s.Zone); err != nil {
			return nil, err
		}
	}
	found, err := cells.Compare(tx, s, book)
	if err != nil {
		return nil, err
	}
	add := Cells{}
	for _, d := range found {
		c := d.Real
		c.Add(&d.Stored, -1)
		add[d.Key] = &c
	}
	return found, add.add(tx, s.Account)
}
