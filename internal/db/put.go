package db

import (
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
		if !t.pg && n-from < size {
			size = 1
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
