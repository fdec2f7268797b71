package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"perennial/internal/fault"
)

// commitLimit is how long the answer to COMMIT is waited for; then the outcome is
// unknown.
const commitLimit = 30 * time.Second

// session is set when a connection is made. The time limits keep a forgotten
// transaction from holding its locks for ever; a lock that is not had in time is
// retried like a deadlock.
var session = map[string]string{
	"application_name":                    "perennial",
	"default_transaction_isolation":       "read committed",
	"statement_timeout":                   "30s",
	"lock_timeout":                        "5s",
	"idle_in_transaction_session_timeout": "30s",
}

// pgStore is PostgreSQL: a pool of connections, each transaction on one of them.
type pgStore struct {
	o    *Options
	conf *pgx.ConnConfig
	pool *sql.DB
}

func openPG(ctx context.Context, o *Options) (*pgStore, error) {
	conf, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the database URL cannot be read")
	}
	plain := conf.Copy()
	for k, v := range session {
		if _, set := conf.RuntimeParams[k]; !set {
			conf.RuntimeParams[k] = v
		}
	}
	s := &pgStore{o: o, conf: plain, pool: stdlib.OpenDB(*conf)}
	if err := s.check(ctx); err != nil {
		s.pool.Close() //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	return s, nil
}

// check refuses a server that would not keep what it acknowledged, and sizes the
// pool: idle connections are kept, because concurrent commits share the disk only
// when each has one.
func (s *pgStore) check(ctx context.Context) error {
	var durable string
	var limit int
	err := s.pool.QueryRowContext(ctx,
		"select current_setting('synchronous_commit'), cast(current_setting('max_connections') as integer)").Scan(&durable, &limit)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the database cannot be reached")
	}
	if durable == "off" {
		return fault.New(fault.Unavailable, "synchronous_commit is off: an acknowledged payment could be lost; set it to on")
	}
	n := s.o.MaxConns
	if n <= 0 {
		n = max(2, min(defaultConns(), limit-10))
	}
	s.pool.SetMaxOpenConns(n)
	s.pool.SetMaxIdleConns(n)
	s.pool.SetConnMaxLifetime(30 * time.Minute)
	return nil
}

func (s *pgStore) close() error { return s.pool.Close() }

func (s *pgStore) healthy() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.pool.PingContext(ctx); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the database cannot be reached")
	}
	return nil
}

func (s *pgStore) read(ctx context.Context, num int64, fn func(*Tx) error) error {
	tx := &Tx{ctx: inside(ctx), run: s.pool, o: s.o, num: num, pg: true, reading: true}
	return tx.verdict(fn(tx))
}

func (s *pgStore) view(ctx context.Context, num int64, fn func(*Tx) error) error {
	pt, err := s.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return unreachable(ctx, err)
	}
	defer pt.Rollback() //nolint:errcheck // after Commit it does nothing
	tx := &Tx{ctx: inside(ctx), run: pt, o: s.o, num: num, pg: true, reading: true}
	if err := tx.verdict(fn(tx)); err != nil {
		return err
	}
	if err := pt.Commit(); err != nil {
		return unreachable(ctx, err)
	}
	return nil
}

func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	return fault.Wrap(fault.Unavailable, err, "the database cannot be reached")
}

func (s *pgStore) write(ctx context.Context, j job) error {
	if err := s.o.Faults.Hit(FaultBegin); err != nil {
		return err
	}
	conn, err := s.pool.Conn(ctx)
	if err != nil {
		return unbegun(ctx, err)
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool, or is dropped
	// The transaction follows ctx until COMMIT is sent. From then on only the
	// answer counts, so that a caller who leaves does not make it unknown.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	follow := context.AfterFunc(ctx, end)
	defer follow()
	pt, err := conn.BeginTx(life, nil)
	if err != nil {
		return unbegun(ctx, err)
	}
	defer pt.Rollback() //nolint:errcheck // after Commit it does nothing; also when fn panics
	tx := &Tx{ctx: inside(ctx), run: pt, o: s.o, num: j.num, pg: true, locking: j.locking}
	if err := tx.verdict(j.fn(tx)); err != nil {
		if tx.err != nil && ctx.Err() == nil && gone(conn) {
			return fmt.Errorf("%w: %w", errLost, err)
		}
		return err
	}
	if err := s.o.Faults.Hit(FaultBeforeCommit); err != nil {
		return err
	}
	if !follow() {
		return stopped(ctx)
	}
	limit := time.AfterFunc(commitLimit, end)
	defer limit.Stop()
	if err := pt.Commit(); err != nil {
		if undone(err) {
			return describe(err, "commit")
		}
		return unknown(err)
	}
	if err := s.o.Faults.Hit(FaultAfterCommit); err != nil {
		return unknown(err)
	}
	return nil
}

func unbegun(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	if sqlState(err) == "" {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// gone reports whether the connection broke.
func gone(conn *sql.Conn) bool {
	broken := false
	err := conn.Raw(func(c any) error {
		broken = c.(*stdlib.Conn).Conn().IsClosed()
		return nil
	})
	return broken || err != nil
}

// migrate uses a connection of its own: a migration may take longer than any
// statement of the program.
func (s *pgStore) migrate(ctx context.Context, fsys migrationFS) error {
	pool := stdlib.OpenDB(*s.conf)
	pool.SetMaxOpenConns(2)
	defer pool.Close() //nolint:errcheck // nothing is pending on it
	return up(ctx, PostgreSQL, pool, fsys)
}
