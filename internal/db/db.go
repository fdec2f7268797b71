package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"perennial/internal/fault"
)

// The engines.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgres"
)

// viewLimit is how long a View may take. A reader that stays open keeps the
// SQLite log from starting over and PostgreSQL from removing dead rows.
const viewLimit = 30 * time.Second

const (
	blindTries = 2  // after these an Update takes row locks
	maxTries   = 10 // after these an Update gives up
	firstWait  = 2 * time.Millisecond
	longWait   = 64 * time.Millisecond
)

// Options says which database is opened and how.
type Options struct {
	URL      string          // the path of a SQLite file, or postgres://…
	MaxConns int             // PostgreSQL connections; 0 means 4 for each core
	Observe  func(Statement) // for tests: told about every statement, from many goroutines
	Faults   *Faults         // for tests: failures at named points; nil means none
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	o     Options
	store store
	txs   atomic.Int64
	shut  func() error
	last  atomic.Pointer[func(tx *Tx) error] // see BeforeCommit
}

// store is an engine: SQLite or PostgreSQL.
type store interface {
	view(ctx context.Context, num int64, fn func(*Tx) error) error
	read(ctx context.Context, num int64, fn func(*Tx) error) error
	// write runs fn once in a transaction. It answers nil when fn's work is
	// durable, an Unknown when that cannot be told, else why nothing was stored.
	write(ctx context.Context, j job) error
	migrate(ctx context.Context, fsys migrationFS) error
	healthy() error
	close() error
}

// job is one try of an Update.
type job struct {
	num        int64
	locking    bool
	background bool
	fn         func(*Tx) error
}

// Open opens the database. It refuses a SQLite library with a known defect, a
// database that would not keep what it acknowledged, and a SQLite file that
// another process holds (fault.Unavailable).
func Open(ctx context.Context, o Options) (*DB, error) {
	d := &DB{o: o}
	var err error
	if strings.HasPrefix(o.URL, "postgres://") || strings.HasPrefix(o.URL, "postgresql://") {
		d.store, err = openPG(ctx, &d.o)
	} else {
		d.store, err = openLite(ctx, &d.o)
	}
	if err != nil {
		return nil, err
	}
	d.shut = sync.OnceValue(d.store.close)
	return d, nil
}

// Close waits for what is running, then closes the database. Further calls do
// nothing.
func (d *DB) Close() error { return d.shut() }

// Engine is SQLite or PostgreSQL.
func (d *DB) Engine() string {
	if _, ok := d.store.(*pgStore); ok {
		return PostgreSQL
	}
	return SQLite
}

// Writers is how many Updates make progress at the same time, at least 1. Whoever puts
// work together for its own sake keeps so many under way, and one that is ready.
func (d *DB) Writers() int {
	if pg, ok := d.store.(*pgStore); ok {
		return pg.pool.Stats().MaxOpenConnections
	}
	return 1
}

// Healthy tells why the database takes no writes at this moment, or nil. After a
// failure of the disk it is the failure until a write has succeeded again.
func (d *DB) Healthy() error { return d.store.healthy() }

// View runs fn on one unchanging state of the data, for at most 30 seconds.
func (d *DB) View(ctx context.Context, fn func(tx *Tx) error) error {
	if err := outermost(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, viewLimit)
	defer cancel()
	return d.store.view(ctx, d.number(), fn)
}

// Read runs fn without a transaction: each statement sees the newest state by
// itself, so two of them may disagree. On PostgreSQL it saves the two round trips
// that a View pays: use it where one statement reads all.
func (d *DB) Read(ctx context.Context, fn func(tx *Tx) error) error {
	if err := outermost(ctx); err != nil {
		return err
	}
	return d.store.read(ctx, d.number(), fn)
}

// Update runs fn in a transaction and returns when its work is durable. It runs
// fn again after a conflict with another transaction, so fn has no effects
// outside of the database; after ten tries it answers fault.Conflict. A ctx that
// ends while the work waits for its turn withdraws it; once begun on SQLite it is
// waited for.
func (d *DB) Update(ctx context.Context, fn func(tx *Tx) error) error {
	return d.update(ctx, fn, false)
}

// BeforeCommit sets what every Update does at its end, when its closure succeeded and left
// notes: what follows from several of them together, such as sums. It is part of the
// transaction, and like the closure runs again after a conflict.
func (d *DB) BeforeCommit(fn func(tx *Tx) error) { d.last.Store(&fn) }

// whole is a closure and what is done at its end.
func (d *DB) whole(fn func(*Tx) error) func(*Tx) error {
	last := d.last.Load()
	if last == nil {
		return fn
	}
	return func(tx *Tx) error {
		if err := fn(tx); err != nil || len(tx.notes) == 0 {
			return err
		}
		return (*last)(tx)
	}
}

// Background is Update for work that nobody waits for: on SQLite it lets the
// closures of Update go first. Keep such a closure to about 100 rows.
func (d *DB) Background(ctx context.Context, fn func(tx *Tx) error) error {
	return d.update(ctx, fn, true)
}

func (d *DB) update(ctx context.Context, fn func(tx *Tx) error, background bool) error {
	if err := outermost(ctx); err != nil {
		return err
	}
	fn = d.whole(fn)
	wait := firstWait
	for try := 1; ; try++ {
		if ctx.Err() != nil {
			return stopped(ctx)
		}
		err := d.store.write(ctx, job{d.number(), try > blindTries, background, fn})
		if err == nil || IsUnknown(err) || !retryable(err) {
			return err
		}
		if try == maxTries || try > blindTries && d.Engine() == SQLite {
			// The single writer of SQLite loses against nobody: a version that
			// conflicts twice was brought along and will never fit.
			return exhausted(err)
		}
		if try < blindTries {
			continue
		}
		if err := pause(ctx, rand.N(wait)); err != nil { // #nosec G404 -- spreads retries, hides nothing
			return err
		}
		wait = min(2*wait, longWait)
	}
}

func exhausted(err error) error {
	if IsConflict(err) {
		return fault.Wrap(fault.Conflict, err, "it was changed by somebody else at the same time")
	}
	return fault.Wrap(fault.Unavailable, err, "the database cannot be reached")
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return stopped(ctx)
	}
}

func (d *DB) number() int64 {
	if d.o.Observe == nil {
		return 0
	}
	return d.txs.Add(1)
}

type insideKey struct{}

// inside marks the context of a closure.
func inside(ctx context.Context) context.Context { return context.WithValue(ctx, insideKey{}, true) }

var errNested = errors.New("db: a transaction was begun inside of another one; use its tx")

func outermost(ctx context.Context) error {
	if ctx.Value(insideKey{}) != nil {
		return errNested
	}
	return nil
}

// verdict is what a closure's transaction deserves: its own refusal, else the
// failure of a statement that it swallowed.
func (t *Tx) verdict(err error) error {
	if t.err == nil {
		return err
	}
	if err == nil || retryable(t.err) && !retryable(err) {
		return fmt.Errorf("db: a failed statement undid the transaction: %w", t.err)
	}
	return err
}

func defaultConns() int { return 4 * runtime.GOMAXPROCS(0) }
