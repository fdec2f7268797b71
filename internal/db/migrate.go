package db

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"perennial/internal/fault"
)

//go:embed migrations
var embedded embed.FS

// words are what a migration spells per engine. Everything else in it is SQL that
// both understand.
var words = map[string]*strings.Replacer{
	SQLite: strings.NewReplacer("{int}", "integer", "{bool}", "integer", "{true}", "1", "{false}", "0",
		"{strict}", " strict", "{rowless}", " without rowid, strict"),
	PostgreSQL: strings.NewReplacer("{int}", "bigint", "{bool}", "boolean", "{true}", "true", "{false}", "false",
		"{strict}", "", "{rowless}", ""),
}

// Migrate brings the schema to the newest version that this program knows. A
// schema that is newer is refused with fault.Unavailable: an older program must
// not write to it. Nothing else may use d meanwhile.
func (d *DB) Migrate(ctx context.Context) error { return d.MigrateFrom(ctx, Migrations()) }

// MigrateFrom is Migrate with other migrations, for tests of schemas.
func (d *DB) MigrateFrom(ctx context.Context, fsys fs.FS) error {
	return d.store.migrate(ctx, migrationFS{fsys, words[d.Engine()]})
}

// Migrations are the migrations of the program, in the words of the source.
func Migrations() fs.FS {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return sub
}

func up(ctx context.Context, engine string, pool *sql.DB, fsys migrationFS) error {
	dialect := goose.DialectSQLite3
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if engine == PostgreSQL {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, pool, fsys, opts...)
	if errors.Is(err, goose.ErrNoMigrations) {
		return nil
	}
	if err != nil {
		return err
	}
	have, newest, err := p.GetVersions(ctx)
	if err != nil {
		return unreachable(ctx, err)
	}
	if have > newest {
		return fault.New(fault.Unavailable,
			"the database has schema version %d, this program knows versions up to %d: run the newer program", have, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the schema could not be migrated")
	}
	return nil
}

// migrationFS gives files with the words of one engine put in.
type migrationFS struct {
	fs.FS
	words *strings.Replacer
}

// Open opens a file or a folder. Files are whole in memory.
func (m migrationFS) Open(name string) (fs.File, error) {
	f, err := m.FS.Open(name)
	if err != nil || path.Ext(name) != ".sql" {
		return f, err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return m.FS.Open(name)
	}
	raw, err := fs.ReadFile(m.FS, name)
	if err != nil {
		return nil, err
	}
	text := m.words.Replace(string(raw))
	return &spelt{Reader: bytes.NewReader([]byte(text)), info: info, size: int64(len(text))}, nil
}

// spelt is a file with the words put in.
type spelt struct {
	*bytes.Reader
	info fs.FileInfo
	size int64
}

func (s *spelt) Stat() (fs.FileInfo, error) { return speltInfo{s.info, s.size}, nil }
func (s *spelt) Close() error               { return nil }

type speltInfo struct {
	info fs.FileInfo
	size int64
}

func (s speltInfo) Name() string       { return s.info.Name() }
func (s speltInfo) Size() int64        { return s.size }
func (s speltInfo) Mode() fs.FileMode  { return s.info.Mode() }
func (s speltInfo) ModTime() time.Time { return s.info.ModTime() }
func (s speltInfo) IsDir() bool        { return false }
func (s speltInfo) Sys() any           { return nil }
