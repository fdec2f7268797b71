package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"perennial/internal/admin"
	"perennial/internal/db"
	"perennial/internal/fault"
)

// migrate brings the schema up to date.
type migrate struct {
	Status bool `help:"Only tell the version of the schema."`
}

// Run migrates, or tells the version.
func (c *migrate) Run(t *terminal, p *place) error {
	known, err := knownVersion()
	if err != nil {
		return err
	}
	before, err := p.schemaVersion(t.ctx)
	if err != nil {
		return err
	}
	if c.Status {
		fmt.Fprintf(t.out, "The schema has version %d; this program knows versions up to %d.\n", before, known)
		if before < known {
			fmt.Fprintln(t.out, "Run: perennial migrate (or start the server, which does it).")
			return errFound
		}
		return nil
	}
	running, err := admin.Dial(t.ctx, p.Data)
	if err != nil {
		return err
	}
	if running != nil && p.Database == "" {
		running.Close()
		fmt.Fprintf(t.out, "A server is running, which migrated when it started: the schema has version %d.\n", before)
		return nil
	}
	if err := p.makeFolder(); err != nil {
		return err
	}
	d, err := db.Open(t.ctx, db.Options{URL: p.url()})
	if err != nil {
		return err
	}
	err = d.Migrate(t.ctx)
	if closed := d.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	after, err := p.schemaVersion(t.ctx)
	if err != nil {
		return err
	}
	if after == before {
		fmt.Fprintf(t.out, "The schema is up to date at version %d.\n", after)
	} else {
		fmt.Fprintf(t.out, "The schema went from version %d to %d.\n", before, after)
	}
	return nil
}

// knownVersion is the newest version of the schema that this program knows.
func knownVersion() (int64, error) {
	names, err := fs.Glob(db.Migrations(), "*.sql")
	if err != nil {
		return 0, err
	}
	var newest int64
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, err
		}
		newest = max(newest, n)
	}
	return newest, nil
}

// look opens the database for looking at its state, beside whoever uses it. It
// returns nil when there is none yet.
func (p *place) look() (*sql.DB, error) {
	pg, err := p.postgres()
	if err != nil {
		return nil, err
	}
	if pg {
		return sql.Open("pgx", p.Database)
	}
	path, err := filepath.Abs(filepath.Join(p.Data, databaseName))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none yet
	}
	return sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(2000)")
}

// schemaVersion is the version of the schema in the database, 0 when it has none.
func (p *place) schemaVersion(ctx context.Context) (int64, error) {
	pool, err := p.look()
	if err != nil || pool == nil {
		return 0, err
	}
	defer pool.Close() //nolint:errcheck // only read
	return schemaOf(ctx, pool)
}

func schemaOf(ctx context.Context, pool *sql.DB) (int64, error) {
	if err := pool.PingContext(ctx); err != nil {
		return 0, fault.Wrap(fault.Unavailable, err, "the database cannot be reached")
	}
	var v sql.NullInt64
	if err := pool.QueryRowContext(ctx, "select max(version_id) from goose_db_version where is_applied").Scan(&v); err != nil {
		return 0, nil //nolint:nilerr // a database without that table has no schema yet
	}
	return v.Int64, nil
}
