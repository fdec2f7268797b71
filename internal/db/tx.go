package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"perennial/internal/fault"
)

// Statement is what Options.Observe is told about each statement.
type Statement struct {
	Text     string
	Args     []any   // as they were bound; a copy
	Tx       int64   // statements of one transaction (of one closure) share the number
	Write    bool    // it ran in Update or Background
	Bulk     bool    // it was spelt by Insert, InsertNew, InsertIgnore or Update of Tx
	Accounts []int64 // of a bulk statement: the merchants whose rows it wrote
}

// Scan reads the current row into pointers, one for each column.
type Scan func(dst ...any) error

// runner runs statements: a cached SQLite connection, a PostgreSQL transaction or
// a PostgreSQL pool.
type runner interface {
	ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
}

// Tx is a running transaction. It belongs to the closure that received it and to
// one goroutine. After a failed statement it refuses every further one, on both
// engines, and the transaction is undone whatever the closure returns.
type Tx struct {
	ctx     context.Context
	run     runner
	o       *Options
	num     int64
	pg      bool
	reading bool
	locking bool
	open    bool  // rows of Each are being read
	err     error // the first failure of a statement
	fatal   bool  // that failure undid the neighbours too
	binds   []any
	notes   []any
}

// Note keeps a value with the transaction, for what BeforeCommit set. A View forgets it.
func (t *Tx) Note(v any) { t.notes = append(t.notes, v) }

// Notes are what was noted so far, in order.
func (t *Tx) Notes() []any { return t.notes }

// Context is the context of the closure. An Update that is begun with it is
// refused, because it would wait for itself.
func (t *Tx) Context() context.Context { return t.ctx }

// Lock is the suffix of a select that loads rows to save them again: "" at first,
// " for update" when the transaction lost twice against others. SQLite needs none.
func (t *Tx) Lock() string {
	if t.pg && t.locking {
		return " for update"
	}
	return ""
}

// ForUpdate is the suffix of a select whose rows must not change meanwhile.
func (t *Tx) ForUpdate() string {
	if t.pg {
		return " for update"
	}
	return ""
}

// Claim is the suffix of a select that takes work which nobody else holds.
func (t *Tx) Claim() string {
	if t.pg {
		return " for update skip locked"
	}
	return ""
}

// Exec runs a statement and tells how many rows it changed.
func (t *Tx) Exec(q string, args ...any) (int64, error) {
	if t.reading {
		return 0, errors.New("db: a View or Read cannot write")
	}
	args, err := t.prepare(q, args)
	if err != nil {
		return 0, err
	}
	return t.exec(q, args)
}

// exec runs a statement whose arguments are bound already.
func (t *Tx) exec(q string, args []any) (int64, error) {
	res, err := t.run.ExecContext(t.ctx, q, args...)
	if err != nil {
		return 0, t.fail(err, q)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, t.fail(err, q)
	}
	return n, nil
}

// One reads the first row into dst. Without a row it answers fault.NotFound, and
// the transaction goes on.
func (t *Tx) One(dst []any, q string, args ...any) error {
	args, err := t.query(q, args)
	if err != nil {
		return err
	}
	rows, err := t.run.QueryContext(t.ctx, q, args...)
	if err != nil {
		return t.fail(err, q)
	}
	defer func() { _ = rows.Close() }() // its error was looked at below, or another comes first
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return t.fail(err, q)
		}
		if err := rows.Close(); err != nil {
			return t.fail(err, q)
		}
		return fault.New(fault.NotFound, "there is no such thing")
	}
	if err := rows.Scan(dst...); err != nil {
		return t.fail(err, q)
	}
	if err := rows.Close(); err != nil {
		return t.fail(err, q)
	}
	if err := rows.Err(); err != nil {
		return t.fail(err, q)
	}
	return nil
}

// Each calls scan for every row. An error of scan ends the reading and is the
// result. While rows are read the transaction runs no other statement: collect
// first, then act.
func (t *Tx) Each(scan func(row Scan) error, q string, args ...any) error {
	args, err := t.query(q, args)
	if err != nil {
		return err
	}
	return t.each(scan, q, args)
}

func (t *Tx) each(scan func(row Scan) error, q string, args []any) error {
	rows, err := t.run.QueryContext(t.ctx, q, args...)
	if err != nil {
		return t.fail(err, q)
	}
	t.open = true
	defer func() {
		t.open = false
		rows.Close() //nolint:errcheck // the error was read below, unless scan panicked
	}()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return t.fail(err, q)
	}
	if err := rows.Close(); err != nil {
		return t.fail(err, q)
	}
	return nil
}

// query prepares a statement that returns rows.
func (t *Tx) query(q string, args []any) ([]any, error) {
	if t.reading && t.pg && !reads(q) {
		return nil, errors.New("db: a View or Read cannot write")
	}
	return t.prepare(q, args)
}

// reads reports whether q begins as a statement that only reads. SQLite refuses
// the others by itself, and so does PostgreSQL in a View; a Read has no
// transaction that could.
func reads(q string) bool {
	q = strings.TrimLeft(q, " \t\r\n(")
	return len(q) > 6 && (strings.EqualFold(q[:6], "select") || strings.EqualFold(q[:4], "with") ||
		strings.EqualFold(q[:6], "values") || strings.EqualFold(q[:7], "explain"))
}

// prepare checks that the transaction can go on and binds the arguments.
func (t *Tx) prepare(q string, args []any) ([]any, error) {
	if err := t.ready(q); err != nil {
		return nil, err
	}
	t.binds = t.binds[:0]
	for _, v := range args {
		b, err := bind(v)
		if err != nil {
			return nil, err
		}
		t.binds = append(t.binds, b)
	}
	if t.o.Observe != nil {
		t.observe(Statement{Text: q, Args: t.binds})
	}
	return t.binds, nil
}

func (t *Tx) ready(q string) error {
	if t.err != nil {
		return fmt.Errorf("db: the transaction has failed already: %w", t.err)
	}
	if t.open {
		return errors.New("db: a statement was begun while rows are being read")
	}
	if t.o.Faults != nil {
		if err := t.o.Faults.Hit(FaultStatement); err != nil {
			return t.fail(err, q)
		}
	}
	return nil
}

func (t *Tx) observe(s Statement) {
	s.Args = append([]any{}, s.Args...)
	s.Tx, s.Write = t.num, !t.reading
	t.o.Observe(s)
}

// fail remembers the first failure.
func (t *Tx) fail(err error, q string) error {
	if t.ctx.Err() != nil {
		err = stopped(t.ctx)
	} else {
		err = describe(err, q)
	}
	if t.err == nil {
		t.err = err
	}
	if !t.pg && fatalLite(err) {
		t.fatal = true
	}
	return err
}
