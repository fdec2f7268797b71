package db

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// How many rows one statement carries. Both were measured: more costs SQLite the
// time to parse, and PostgreSQL gains nothing.
const (
	liteRows = 100
	pgRows   = 1000
)

// Insert writes n rows; row appends number i.
func (t *Tx) Insert(tb *Table, n int, row func(i int, r *Row)) error {
	_, err := t.bulk(tb, n, row, "", nil)
	return err
}

// InsertNew writes those of n rows that collide with no unique constraint and
// tells their ids, in no order. The table has an id column.
func (t *Tx) InsertNew(tb *Table, n int, row func(i int, r *Row)) (inserted []int64, err error) {
	_, err = t.bulk(tb, n, row, " on conflict do nothing returning id", func(row Scan) error {
		var v int64
		err := row(&v)
		inserted = append(inserted, v)
		return err
	})
	return inserted, err
}

// InsertIgnore writes those of n rows that collide with no unique constraint and
// tells how many they were.
func (t *Tx) InsertIgnore(tb *Table, n int, row func(i int, r *Row)) (inserted int, err error) {
	count, err := t.bulk(tb, n, row, " on conflict do nothing", nil)
	return int(count), err
}

// Update saves n rows, each where it is still at the version it was loaded with,
// and adds one to that version. Row appends account_id, id and version, then the
// columns of set in their order. It tells the numbers of the rows that were not
// there at their version; the others are saved.
func (t *Tx) Update(tb *Table, set []string, n int, row func(i int, r *Row)) (conflicts []int, err error) {
	if err := t.writable(n); err != nil || n == 0 {
		return nil, err
	}
	cols, err := updateCols(tb, set)
	if err != nil {
		return nil, err
	}
	size := liteRows
	if t.pg {
		size = pgRows
	}
	r := newRow(tb.name, cols, t.pg, min(n, size))
	for from := 0; from < n; from += size {
		r.reset()
		for i := from; i < min(from+size, n); i++ {
			row(i, r)
			if err := r.end(); err != nil {
				return nil, err
			}
			k := i - from
			r.keys = append(r.keys, key{r.intAt(k, 0), r.intAt(k, 1)})
		}
		var lost []int
		if t.pg {
			lost, err = t.updatePG(tb, cols, set, r)
		} else {
			lost, err = t.updateLite(tb, cols, set, r)
		}
		if err != nil {
			return nil, err
		}
		for _, k := range lost {
			conflicts = append(conflicts, from+k)
		}
	}
	return conflicts, nil
}

func updateCols(tb *Table, set []string) ([]Col, error) {
	cols := make([]Col, 0, 3+len(set))
	cols = append(cols, Int("account_id"), Int("id"), Int("version"))
	for _, name := range set {
		switch name {
		case "account_id", "id", "version":
			return nil, fmt.Errorf("db: %s.%s cannot be set", tb.name, name)
		}
		c, err := tb.col(name)
		if err != nil {
			return nil, err
		}
		cols = append(cols, c)
	}
	return cols, nil
}

func (t *Tx) updateLite(tb *Table, cols []Col, set []string, r *Row) (lost []int, err error) {
	q := tb.text("update "+strings.Join(set, ","), func() string {
		return "update " + tb.name + " set " + join(cols[3:], "", func(_ int, c Col) string { return c.name + " = ?, " }) +
			"version = version + 1 where account_id = ? and id = ? and version = ?"
	})
	w := len(cols)
	for k := range r.keys {
		if err := t.ready(q); err != nil {
			return nil, err
		}
		flat := r.flat[k*w : (k+1)*w]
		t.binds = append(append(t.binds[:0], flat[3:]...), flat[:3]...)
		t.observeBulk(q, t.binds, r.keys[k:k+1])
		n, err := t.exec(q, t.binds)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			lost = append(lost, k)
		}
	}
	return lost, nil
}

func (t *Tx) updatePG(tb *Table, cols []Col, set []string, r *Row) (lost []int, err error) {
	q := tb.text("pg update "+strings.Join(set, ","), func() string {
		return "update " + tb.name + " t set " + join(cols[3:], "", func(_ int, c Col) string { return c.name + " = u." + c.name + ", " }) +
			"version = t.version + 1 from " + unnest(cols, 1) +
			" where t.account_id = u.account_id and t.id = u.id and t.version = u.version returning t.account_id, t.id"
	})
	missing := make(map[key]int, len(r.keys))
	for k, v := range r.keys {
		if _, twice := missing[v]; twice {
			return nil, fmt.Errorf("db: row %d of %s is saved twice in one call", v.id, tb.name)
		}
		missing[v] = k
	}
	if err := t.ready(q); err != nil {
		return nil, err
	}
	args := arrays(r)
	t.observeBulk(q, args, r.keys)
	err = t.each(func(row Scan) error {
		var v key
		if err := row(&v.account, &v.id); err != nil {
			return err
		}
		delete(missing, v)
		return nil
	}, q, args)
	if err != nil {
		return nil, err
	}
	for k, v := range r.keys {
		if _, gone := missing[v]; gone {
			lost = append(lost, k)
		}
	}
	return lost, nil
}

// bulk inserts n rows. With scan the statement returns rows of what it stored.
func (t *Tx) bulk(tb *Table, n int, row func(i int, r *Row), tail string, scan func(row Scan) error) (int64, error) {
	if err := t.writable(n); err != nil || n == 0 {
		return 0, err
	}
	size := liteRows
	if t.pg {
		size = pgRows
	}
	var count int64
	r := newRow(tb.name, tb.cols, t.pg, min(n, size))
	for from := 0; from < n; {
		if !t.pg && n-from < size {
			size = 1
		}
		to := min(from+size, n)
		r.reset()
		for i := from; i < to; i++ {
			row(i, r)
			if err := r.end(); err != nil {
				return 0, err
			}
		}
		done, err := t.insert(tb, to-from, r, tail, scan)
		if err != nil {
			return 0, err
		}
		count += done
		from = to
	}
	return count, nil
}

// insert runs one statement for n rows. On PostgreSQL the rows of one merchant
// are joined to his account row: on a sharded database that makes it one task on
// one shard, and it costs nothing on a plain one. When that stores nothing, all
// rows collided or the account is not there, and the plain form decides.
func (t *Tx) insert(tb *Table, n int, r *Row, tail string, scan func(row Scan) error) (int64, error) {
	if !t.pg {
		return t.store(tb, liteInsert(tb, n, tail), r.flat, n, r, scan)
	}
	args := arrays(r)
	if account, ok := oneAccount(tb, r); ok {
		joined := append([]any{account}, slices.Delete(slices.Clone(args), tb.account, tb.account+1)...)
		done, err := t.store(tb, joinedInsert(tb, tail), joined, n, r, scan)
		if err != nil || done > 0 || r.sure {
			return done, err
		}
	}
	return t.store(tb, plainInsert(tb, tail), args, n, r, scan)
}

func (t *Tx) store(tb *Table, q string, args []any, n int, r *Row, scan func(row Scan) error) (int64, error) {
	if err := t.ready(q); err != nil {
		return 0, err
	}
	if t.o.Observe != nil {
		t.observeBulk(q, args, accounts(tb, n, r))
	}
	if scan == nil {
		return t.exec(q, args)
	}
	var count int64
	err := t.each(func(row Scan) error {
		count++
		return scan(row)
	}, q, args)
	return count, err
}

// oneAccount is the merchant of all rows, if the table is one of the merchants'.
func oneAccount(tb *Table, r *Row) (int64, bool) {
	if !tb.merchant || len(tb.cols) < 2 {
		return 0, false
	}
	list := r.lists[tb.account].ints
	for _, v := range list {
		if v != list[0] {
			return 0, false
		}
	}
	return list[0], true
}

func liteInsert(tb *Table, n int, tail string) string {
	return tb.text(strconv.Itoa(n)+tail, func() string {
		one := "(" + join(tb.cols, ", ", func(int, Col) string { return "?" }) + ")"
		return "insert into " + tb.name + " (" + tb.names() + ") values " + strings.Repeat(one+", ", n-1) + one + tail
	})
}

func plainInsert(tb *Table, tail string) string {
	return tb.text("pg"+tail, func() string {
		return "insert into " + tb.name + " (" + tb.names() + ") select " + tb.names() + " from " + unnest(tb.cols, 1) + tail
	})
}

func joinedInsert(tb *Table, tail string) string {
	return tb.text("pg account"+tail, func() string {
		others := slices.Delete(slices.Clone(tb.cols), tb.account, tb.account+1)
		values := join(tb.cols, ", ", func(i int, c Col) string {
			if i == tb.account {
				return "a.id"
			}
			return "u." + c.name
		})
		return "insert into " + tb.name + " (" + tb.names() + ") select " + values + " from account a cross join " +
			unnest(others, 2) + " where a.id = $1" + tail
	})
}

// unnest is a row set named u of one array bind for each column, the first of
// them being number bind.
func unnest(cols []Col, bind int) string {
	return "unnest(" + join(cols, ", ", func(i int, c Col) string { return "$" + strconv.Itoa(i+bind) + "::" + arrayTypes[c.kind] }) +
		") as u(" + join(cols, ", ", func(_ int, c Col) string { return c.name }) + ")"
}

func arrays(r *Row) []any {
	args := make([]any, len(r.cols))
	for i := range args {
		args[i] = r.array(i)
	}
	return args
}

func accounts(tb *Table, n int, r *Row) []key {
	at := tb.account
	if at < 0 && tb.name == "account" {
		at = tb.id
	}
	if at < 0 {
		return nil
	}
	keys := make([]key, n)
	for i := range keys {
		keys[i].account = r.intAt(i, at)
	}
	return keys
}

func (t *Tx) observeBulk(q string, args []any, keys []key) {
	if t.o.Observe == nil {
		return
	}
	s := Statement{Text: q, Args: args, Bulk: true}
	seen := map[int64]bool{}
	for _, k := range keys {
		if !seen[k.account] {
			seen[k.account] = true
			s.Accounts = append(s.Accounts, k.account)
		}
	}
	t.observe(s)
}

func (t *Tx) writable(n int) error {
	if t.reading {
		return fmt.Errorf("db: a View or Read cannot write")
	}
	if n < 0 {
		return fmt.Errorf("db: %d rows", n)
	}
	return nil
}
