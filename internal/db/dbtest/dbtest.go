// Package dbtest gives tests real databases: a SQLite file and a throw-away
// PostgreSQL cluster, both with the schema of the program, each test with a
// database of its own.
//
// The cluster is started when the first test needs it and ends with the test
// process. PERENNIAL_TEST_POSTGRES=postgres://… names a server to use instead, so
// that many packages share one; the user must be allowed to create databases.
// PERENNIAL_TEST_FSYNC=off lets the cluster skip the wait for the disk.
package dbtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"perennial/internal/db"
)

// Names of the engines, in the order in which Engines runs them.
var engines = []string{db.SQLite, db.PostgreSQL}

// Option changes how a test's database is opened.
type Option func(*config)

type config struct {
	db.Options
	schema fs.FS
}

// Faults makes the database fail at the points that f names.
func Faults(f *db.Faults) Option { return func(c *config) { c.Faults = f } }

// Observe tells see about every statement. See is called from many goroutines.
func Observe(see func(db.Statement)) Option { return func(c *config) { c.Observe = see } }

// MaxConns is the size of the PostgreSQL pool; without it 8.
func MaxConns(n int) Option { return func(c *config) { c.Options.MaxConns = n } }

// Schema replaces the migrations of the program by others, in the same words.
func Schema(migrations fs.FS) Option { return func(c *config) { c.schema = migrations } }

// Engines runs body as the subtests "sqlite" and "postgres", in parallel. Each
// call of open gives a new database with the schema of the program, which is
// closed when the subtest ends.
func Engines(t *testing.T, body func(t *testing.T, open func() *db.DB), opts ...Option) {
	t.Helper()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			body(t, func() *db.DB {
				t.Helper()
				return New(t, engine, opts...)
			})
		})
	}
}

// New gives a new database on one engine, db.SQLite or db.PostgreSQL.
func New(t testing.TB, engine string, opts ...Option) *db.DB {
	t.Helper()
	c := config{Options: db.Options{MaxConns: 8}}
	for _, o := range opts {
		o(&c)
	}
	if engine == db.PostgreSQL {
		c.URL = newPostgres(t, c.schema)
	} else {
		c.URL = newSQLite(t, c.schema)
	}
	d := open(t, c.Options)
	if c.schema != nil {
		if err := d.MigrateFrom(context.Background(), c.schema); err != nil {
			t.Fatalf("migrate: %v", err)
		}
	}
	return d
}

// Again closes d and opens the same database anew, as a restart of the program does.
func Again(t testing.TB, d *db.DB, opts ...Option) *db.DB {
	t.Helper()
	c := config{Options: Options(t, d)}
	for _, o := range opts {
		o(&c)
	}
	if err := d.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return open(t, c.Options)
}

var opened sync.Map // *db.DB -> db.Options

// Options are what d was opened with; their URL lets another process open it.
func Options(t testing.TB, d *db.DB) db.Options {
	t.Helper()
	o, ok := opened.Load(d)
	if !ok {
		t.Fatal("this database was not made by dbtest")
	}
	return o.(db.Options)
}

func open(t testing.TB, o db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	opened.Store(d, o)
	t.Cleanup(func() {
		opened.Delete(d)
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// migrated is a SQLite file with the schema of the program, made once a process.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "perennial-schema-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	path := filepath.Join(dir, "schema.db")
	if err := migrate(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path) //nolint:gosec // our own path
})

func migrate(url string) error {
	ctx := context.Background()
	d, err := db.Open(ctx, db.Options{URL: url, MaxConns: 1})
	if err != nil {
		return err
	}
	if err := d.Migrate(ctx); err != nil {
		d.Close() //nolint:errcheck // the first error is the one to tell
		return err
	}
	return d.Close()
}

func newSQLite(t testing.TB, schema fs.FS) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "perennial.db")
	if schema != nil {
		return path
	}
	file, err := migrated()
	if err != nil {
		t.Fatalf("the schema: %v", err)
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fingerprint names a set of migrations.
func fingerprint(fsys fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, path)
		h.Write([]byte(path))
		h.Write(text)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}
