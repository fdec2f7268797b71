package db

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"perennial/internal/clock"
)

type colKind uint8

const (
	intCol colKind = iota
	textCol
	boolCol
	nullIntCol
	nullTextCol
)

var arrayTypes = [...]string{"bigint[]", "text[]", "boolean[]", "bigint[]", "text[]"}

// Col is one column of a Table.
type Col struct {
	name string
	kind colKind
}

// Int is a column of 64-bit integers: ids, counts, minor units, microseconds.
func Int(name string) Col { return Col{name, intCol} }

// Text is a column of texts.
func Text(name string) Col { return Col{name, textCol} }

// Bool is a column of truth values.
func Bool(name string) Col { return Col{name, boolCol} }

// NullInt is a column of integers that may be NULL.
func NullInt(name string) Col { return Col{name, nullIntCol} }

// NullText is a column of texts that may be NULL.
func NullText(name string) Col { return Col{name, nullTextCol} }

// Table describes the rows that the bulk statements of a Tx write. It is made
// once, in a package variable, and is safe for concurrent use.
type Table struct {
	name     string
	cols     []Col
	account  int  // position of account_id, or -1
	id       int  // position of id, or -1
	merchant bool // it is a table of the merchants
	texts    sync.Map
}

// NewTable describes the columns that are written to a table, in the order in
// which the row functions append them.
func NewTable(name string, cols ...Col) *Table {
	t := &Table{name: name, cols: cols, account: -1, id: -1}
	for i, c := range cols {
		switch c.name {
		case "account_id":
			t.account = i
		case "id":
			t.id = i
		}
	}
	t.merchant = t.account >= 0 && slices.ContainsFunc(Tables, func(k TableKind) bool { return k.Name == name && k.Kind == Merchant })
	return t
}

// text is the statement kept under key, made when it is asked for the first time.
func (t *Table) text(key string, make func() string) string {
	if v, ok := t.texts.Load(key); ok {
		return v.(string)
	}
	v, _ := t.texts.LoadOrStore(key, make())
	return v.(string)
}

func (t *Table) names() string {
	return join(t.cols, ", ", func(_ int, c Col) string { return c.name })
}

func (t *Table) col(name string) (Col, error) {
	for _, c := range t.cols {
		if c.name == name {
			return c, nil
		}
	}
	return Col{}, fmt.Errorf("db: table %s has no column %s", t.name, name)
}

func join(cols []Col, sep string, spell func(i int, c Col) string) string {
	var b strings.Builder
	for i, c := range cols {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(spell(i, c))
	}
	return b.String()
}

// Row receives the values of rows, one call for each column in the order of the
// Table. A value of the wrong kind or a wrong number of values fails the statement.
type Row struct {
	table string
	cols  []Col
	at    int
	flat  []any    // SQLite: the binds of all rows, one after the other
	lists []column // PostgreSQL: one array for each column
	keys  []key    // of an Update: whose rows
	sure  bool     // the account is there: storing nothing needs no second look
	err   error
}

type column struct {
	ints      []int64
	texts     []string
	bools     []bool
	nullInts  []*int64
	nullTexts []*string
}

type key struct{ account, id int64 }

func newRow(table string, cols []Col, pg bool, n int) *Row {
	r := &Row{table: table, cols: cols}
	if pg {
		r.lists = make([]column, len(cols))
	} else {
		r.flat = make([]any, 0, n*len(cols))
	}
	return r
}

func (r *Row) next(kind, nullable colKind) (int, colKind) {
	i := r.at
	r.at++
	if i >= len(r.cols) {
		return -1, 0
	}
	k := r.cols[i].kind
	if k != kind && k != nullable {
		if r.err == nil {
			r.err = fmt.Errorf("db: column %s.%s got a value of another kind", r.table, r.cols[i].name)
		}
		return -1, 0
	}
	return i, k
}

// Int appends an integer.
func (r *Row) Int(v int64) { r.int(v, true) }

// NullInt appends v, or NULL when ok is false.
func (r *Row) NullInt(v int64, ok bool) { r.int(v, ok) }

// Time appends an instant in microseconds; the zero time is NULL where the
// column allows it, else 0.
func (r *Row) Time(t time.Time) {
	r.int(clock.Micros(t), !t.IsZero() || r.at < len(r.cols) && r.cols[r.at].kind == intCol)
}

func (r *Row) int(v int64, ok bool) {
	i, kind := r.next(intCol, nullIntCol)
	switch {
	case i < 0:
	case kind == intCol && !ok:
		r.null(i)
	case r.lists == nil && !ok:
		r.flat = append(r.flat, nil)
	case r.lists == nil:
		r.flat = append(r.flat, v)
	case kind == intCol:
		r.lists[i].ints = append(r.lists[i].ints, v)
	case !ok:
		r.lists[i].nullInts = append(r.lists[i].nullInts, nil)
	default:
		kept := v // a copy, so that only this branch pays for the heap
		r.lists[i].nullInts = append(r.lists[i].nullInts, &kept)
	}
}

// Text appends a text.
func (r *Row) Text(s string) { r.text(s, true) }

// NullText appends s, or NULL when ok is false.
func (r *Row) NullText(s string, ok bool) { r.text(s, ok) }

func (r *Row) text(s string, ok bool) {
	i, kind := r.next(textCol, nullTextCol)
	switch {
	case i < 0:
	case kind == textCol && !ok:
		r.null(i)
	case r.lists == nil && !ok:
		r.flat = append(r.flat, nil)
	case r.lists == nil:
		r.flat = append(r.flat, s)
	case kind == textCol:
		r.lists[i].texts = append(r.lists[i].texts, s)
	case !ok:
		r.lists[i].nullTexts = append(r.lists[i].nullTexts, nil)
	default:
		kept := s
		r.lists[i].nullTexts = append(r.lists[i].nullTexts, &kept)
	}
}

// Bool appends a truth value.
func (r *Row) Bool(v bool) {
	i, _ := r.next(boolCol, boolCol)
	switch {
	case i < 0:
	case r.lists == nil:
		r.flat = append(r.flat, v)
	default:
		r.lists[i].bools = append(r.lists[i].bools, v)
	}
}

func (r *Row) null(i int) {
	if r.err == nil {
		r.err = fmt.Errorf("db: column %s.%s cannot be NULL", r.table, r.cols[i].name)
	}
}

// end closes one row.
func (r *Row) end() error {
	if r.err == nil && r.at != len(r.cols) {
		r.err = fmt.Errorf("db: a row of %s has %d values, the table %d columns", r.table, r.at, len(r.cols))
	}
	r.at = 0
	return r.err
}

// reset forgets the rows and keeps the room.
func (r *Row) reset() {
	r.flat = r.flat[:0]
	for i := range r.lists {
		c := &r.lists[i]
		c.ints, c.texts, c.bools = c.ints[:0], c.texts[:0], c.bools[:0]
		c.nullInts, c.nullTexts = c.nullInts[:0], c.nullTexts[:0]
	}
	r.keys = r.keys[:0]
}

// intAt is the integer of row number n in column i.
func (r *Row) intAt(n, i int) int64 {
	if r.lists != nil {
		return r.lists[i].ints[n]
	}
	v, _ := r.flat[n*len(r.cols)+i].(int64)
	return v
}

// array is column i in the form in which the PostgreSQL driver takes it.
func (r *Row) array(i int) any {
	c := &r.lists[i]
	switch r.cols[i].kind {
	case intCol:
		return c.ints
	case textCol:
		return c.texts
	case boolCol:
		return c.bools
	case nullIntCol:
		return c.nullInts
	}
	return c.nullTexts
}
