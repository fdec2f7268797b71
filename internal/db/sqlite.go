package db

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver

	"perennial/internal/fault"
)

// The settings of every SQLite connection.
var (
	pragmas       = []string{"busy_timeout(5000)", "foreign_keys(1)", "temp_store(memory)", "mmap_size(0)"}
	writerPragmas = []string{"journal_mode(wal)", "synchronous(full)", "cache_size(-65536)", "wal_autocheckpoint(4000)",
		"journal_size_limit(67108864)"}
	readerPragmas = []string{"query_only(1)", "cache_size(-16384)"}
)

// liteStore is SQLite: one writing connection and a pool of reading ones.
type liteStore struct {
	o       *Options
	path    string
	lock    *os.File
	pool    *sql.DB    // of the readers
	readers chan *conn // nil where a connection was not made yet
	ended   chan struct{}
	running bool
	w       *writer
}

func openLite(ctx context.Context, o *Options) (*liteStore, error) {
	path, err := filepath.Abs(strings.TrimPrefix(o.URL, "file:"))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the database path cannot be read")
	}
	s := &liteStore{o: o, path: path}
	if s.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		s.lock.Close() //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	return s, nil
}

// dsn names the file and the settings of its connections. The settings are kept
// in the name because a pool makes connections by itself.
func (s *liteStore) dsn(more []string) string {
	q := url.Values{"_txlock": {"immediate"}}
	for _, p := range append(append([]string{}, pragmas...), more...) {
		q.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: s.path}).EscapedPath() + "?" + q.Encode()
}

func (s *liteStore) start(ctx context.Context) error {
	w, err := startWriter(ctx, s)
	if err != nil {
		return err
	}
	s.w = w
	n := defaultConns()
	if s.pool, err = sql.Open("sqlite", s.dsn(readerPragmas)); err != nil {
		w.stop() //nolint:errcheck // the first error is the one to tell
		return err
	}
	s.pool.SetMaxOpenConns(n)
	s.pool.SetMaxIdleConns(n)
	s.readers, s.ended, s.running = make(chan *conn, n), make(chan struct{}), true
	for range n - 1 {
		s.readers <- nil
	}
	return s.anchor(ctx)
}

// anchor makes the first reader and lets it read. While it is there the writer's
// connection is never the last one: dropping the last one on a failing disk would
// take the log's index away, and nobody could read any more.
func (s *liteStore) anchor(ctx context.Context) error {
	c, err := newConn(ctx, s.pool)
	if err == nil {
		if err = c.command("select 1 from sqlite_schema"); err != nil {
			c.drop()
			c = nil
		}
	}
	s.readers <- c
	if err != nil {
		s.stop() //nolint:errcheck // the first error is the one to tell
		return fault.Wrap(fault.Unavailable, err, "the database file cannot be opened")
	}
	return nil
}

// stop ends the connections, waiting for what they do.
func (s *liteStore) stop() error {
	if !s.running {
		return nil
	}
	s.running = false
	close(s.ended)
	err := s.w.stop()
	for range cap(s.readers) {
		if c := <-s.readers; c != nil {
			c.close()
		}
	}
	if e := s.pool.Close(); err == nil {
		err = e
	}
	return err
}

func (s *liteStore) close() error {
	err := s.stop()
	if e := s.lock.Close(); err == nil {
		err = e
	}
	return err
}

func (s *liteStore) healthy() error { return s.w.health() }

// verifyLite refuses a library or a connection that would not keep what it
// acknowledged.
func verifyLite(ctx context.Context, c *sql.Conn) error {
	var version, mode string
	var synchronous int
	err := c.QueryRowContext(ctx, "select sqlite_version(), (select journal_mode from pragma_journal_mode), "+
		"(select synchronous from pragma_synchronous)").Scan(&version, &mode, &synchronous)
	if err != nil {
		return err
	}
	if !sound(version) {
		return fault.New(fault.Unavailable, "SQLite %s can damage its log; 3.51.3 or newer is needed, but not 3.52.0", version)
	}
	if mode != "wal" || synchronous != 2 {
		return fault.New(fault.Unavailable, "SQLite runs with journal_mode %s and synchronous %d, not wal and 2", mode, synchronous)
	}
	return nil
}

// sound reports whether a version of the SQLite library is free of the known
// defect of its log: 3.51.3 and newer, without the withdrawn 3.52.0.
func sound(version string) bool {
	var v [3]int
	for i, part := range strings.SplitN(version, ".", 3) {
		n, err := strconv.Atoi(part)
		if err != nil {
			return false
		}
		v[i] = n
	}
	n := v[0]*1_000_000 + v[1]*1_000 + v[2]
	return n >= 3_051_003 && n != 3_052_000
}

// reader takes a connection from the pool.
func (s *liteStore) reader(ctx context.Context) (*conn, error) {
	select {
	case <-s.ended: // a closed database answers so even while connections are left
		return nil, errClosed
	default:
	}
	select {
	case c := <-s.readers:
		if c != nil {
			return c, nil
		}
	case <-s.ended:
		return nil, errClosed
	case <-ctx.Done():
		return nil, stopped(ctx)
	}
	c, err := newConn(ctx, s.pool)
	if err != nil {
		s.readers <- nil
		return nil, unreachable(ctx, err)
	}
	return c, nil
}

// put gives a connection back; a broken one is dropped.
func (s *liteStore) put(c *conn, whole bool) {
	if !whole {
		c.drop()
		c = nil
	}
	s.readers <- c
}

func (s *liteStore) read(ctx context.Context, num int64, fn func(*Tx) error) error {
	c, err := s.reader(ctx)
	if err != nil {
		return err
	}
	tx := &Tx{ctx: inside(ctx), run: c, o: s.o, num: num, reading: true}
	defer func() { s.put(c, !tx.fatal) }()
	return tx.verdict(fn(tx))
}

func (s *liteStore) view(ctx context.Context, num int64, fn func(*Tx) error) error {
	c, err := s.reader(ctx)
	if err != nil {
		return err
	}
	whole := false
	defer func() { s.put(c, whole) }()
	whole = c.command("begin") == nil
	if !whole {
		return fault.New(fault.Unavailable, "the database cannot be read")
	}
	tx := &Tx{ctx: inside(ctx), run: c, o: s.o, num: num, reading: true}
	defer func() { whole = c.command("rollback") == nil && !tx.fatal }()
	return tx.verdict(fn(tx))
}

// migrate closes the connections meanwhile: they read the statistics, which the
// migration writes anew, when they are made.
func (s *liteStore) migrate(ctx context.Context, fsys migrationFS) error {
	if err := s.stop(); err != nil {
		return err
	}
	err := s.migrateAlone(ctx, fsys)
	if e := s.start(ctx); err == nil {
		err = e
	}
	return err
}

func (s *liteStore) migrateAlone(ctx context.Context, fsys migrationFS) error {
	pool, err := sql.Open("sqlite", s.dsn(writerPragmas))
	if err != nil {
		return err
	}
	defer pool.Close() //nolint:errcheck // all is committed or has failed
	pool.SetMaxOpenConns(1)
	if err := up(ctx, SQLite, pool, fsys); err != nil {
		return err
	}
	if err := writeStatistics(ctx, pool); err != nil {
		return fmt.Errorf("db: statistics: %w", err)
	}
	return nil
}
