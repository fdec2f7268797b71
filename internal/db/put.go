package db

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Put writes n rows of one merchant, whose account is known to be there, with what
// follows the values in the statement: an "on conflict" clause, a "returning" list, or
// both. Scan is called for each row that is returned; it is nil when the tail returns
// none. It tells how many rows were written. Rows are written in their order, so that
// two transactions which put the same rows in one order wait for each other and never
// in a circle.
func (t *Tx) Put(tb *Table, tail string, n int, row func(i int, r *Row), scan func(row Scan) error) (written int64, err error) {
	return t.bulk(tb, n, func(i int, r *Row) {
		r.sure = true
		row(i, r)
	}, " "+tail, scan)
}

// PutNew writes those of n rows of one merchant, whose account is known to be there,
// that collide with no unique constraint, and tells the numbers of those that it wrote.
// No two of the rows have the same key, which is columns of integers and texts.
func (t *Tx) PutNew(tb *Table, key []string, n int, row func(i int, r *Row), isNew func(i int)) error {
	if !t.pg {
		return t.putNewLite(tb, n, row, isNew)
	}
	cols := make([]Col, len(key))
	for i, name := range key {
		c, err := tb.col(name)
		if err != nil {
			return err
		}
		cols[i] = c
	}
	at := make(map[string]int, n)
	var b []byte
	dst, ints, texts := make([]any, len(cols)), make([]int64, len(cols)), make([]string, len(cols))
	for i, c := range cols {
		if dst[i] = &ints[i]; c.kind == textCol {
			dst[i] = &texts[i]
		}
	}
	places := tb.places(cols)
	_, err := t.bulk(tb, n, func(i int, r *Row) {
		r.sure = true
		row(i, r)
		b = b[:0]
		for k, c := range cols {
			b = appendKey(b, c, last(r.lists[places[k]].ints), last(r.lists[places[k]].texts))
		}
		at[string(b)] = i
	}, " on conflict do nothing returning "+join(cols, ", ", func(_ int, c Col) string { return c.name }), func(row Scan) error {
		if err := row(dst...); err != nil {
			return err
		}
		b = b[:0]
		for k, c := range cols {
			b = appendKey(b, c, ints[k], texts[k])
		}
		isNew(at[string(b)])
		return nil
	})
	return err
}

func (tb *Table) places(cols []Col) []int {
	list := make([]int, len(cols))
	for i, c := range cols {
		for k, other := range tb.cols {
			if other.name == c.name {
				list[i] = k
			}
		}
	}
	return list
}

func last[T any](list []T) (v T) {
	if n := len(list); n > 0 {
		v = list[n-1]
	}
	return v
}

func appendKey(b []byte, c Col, n int64, s string) []byte {
	if c.kind == textCol {
		return append(append(b, s...), 0)
	}
	return binary.BigEndian.AppendUint64(b, uint64(n)) // #nosec G115 -- told apart, not counted with
}

// putNewLite writes the rows one by one, which was measured to be faster than to have
// the database return what a statement of many has written.
func (t *Tx) putNewLite(tb *Table, n int, row func(i int, r *Row), isNew func(i int)) error {
	if err := t.writable(n); err != nil {
		return err
	}
	const tail = " on conflict do nothing"
	q := liteInsert(tb, 1, tail)
	r := newRow(tb.name, tb.cols, false, 1)
	for i := range n {
		r.reset()
		row(i, r)
		if err := r.end(); err != nil {
			return err
		}
		done, err := t.store(tb, q, r.flat, 1, r, nil)
		if err != nil {
			return err
		}
		if done == 1 {
			isNew(i)
		}
	}
	return nil
}

// Match reads the rows of one merchant whose columns by equal one of n tuples, each
// through the index that begins with account_id and those columns. Row appends the
// tuples; get is the list of columns that scan receives, spelt with t for the row and u
// for the tuple. By and get are constants of the caller.
func (t *Tx) Match(tb *Table, account int64, by []string, get string, n int, row func(i int, r *Row), scan func(row Scan) error) error {
	if n <= 0 {
		return nil
	}
	cols := make([]Col, len(by))
	for i, name := range by {
		c, err := tb.col(name)
		if err != nil {
			return err
		}
		if c.kind != intCol && c.kind != textCol {
			return fmt.Errorf("db: rows of %s are not matched by %s", tb.name, name)
		}
		cols[i] = c
	}
	size := liteRows
	if t.pg {
		size = pgRows
	}
	r := newRow(tb.name, cols, t.pg, min(n, size))
	for from := 0; from < n; {
		for !t.pg && n-from < size { // 100 at a time, then 10, then 1
			size /= 10
		}
		to := min(from+size, n)
		r.reset()
		for i := from; i < to; i++ {
			row(i, r)
			if err := r.end(); err != nil {
				return err
			}
		}
		q, args := t.matching(tb, cols, get, to-from), []any(nil)
		if t.pg {
			args = append([]any{account}, arrays(r)...)
		} else {
			args = append(append(t.binds[:0], r.flat...), account)
			t.binds = args
		}
		if err := t.ready(q); err != nil {
			return err
		}
		t.observeBulk(q, args, []key{{account: account}})
		if err := t.each(scan, q, args); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// matching is the statement of Match for n tuples. The tuples come first in the join,
// so that SQLite, which takes "cross join" at its word, looks each of them up.
func (t *Tx) matching(tb *Table, cols []Col, get string, n int) string {
	names := join(cols, ", ", func(_ int, c Col) string { return c.name })
	on := join(cols, "", func(_ int, c Col) string { return " and t." + c.name + " = u." + c.name })
	if t.pg {
		return tb.text("pg match "+names+" "+get, func() string {
			return "select " + get + " from " + unnest(cols, 2) + " cross join " + tb.name + " t where t.account_id = $1" + on
		})
	}
	return tb.text("match "+strconv.Itoa(n)+" "+names+" "+get, func() string {
		one := "(" + join(cols, ", ", func(int, Col) string { return "?" }) + ")"
		return "with u (" + names + ") as (values " + strings.Repeat(one+", ", n-1) + one + ") select " + get +
			" from u cross join " + tb.name + " t where t.account_id = ?" + on
	})
}
