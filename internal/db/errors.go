package db

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"perennial/internal/fault"
)

// ErrVersion says that a row was not there at the version it was loaded with.
// Update runs the closure again when it is returned.
var ErrVersion = errors.New("db: the row was changed meanwhile")

// VersionConflict is the error that a Save returns when it found another version.
func VersionConflict() error { return ErrVersion }

// errLost says that a PostgreSQL connection broke before COMMIT was sent.
var errLost = errors.New("db: the connection to the database was lost")

// IsUnknown reports whether it is not known if the transaction was stored.
func IsUnknown(err error) bool { return fault.Is(err, fault.Unknown) }

// IsConflict reports whether the transaction lost against another one: a changed
// version, a deadlock, a lock that was not had in time.
func IsConflict(err error) bool {
	if errors.Is(err, ErrVersion) {
		return true
	}
	switch sqlState(err) {
	case "40001", "40P01", "55P03":
		return true
	}
	return false
}

// IsUnique reports whether a unique constraint refused the row. After it the
// transaction is lost: insert with InsertNew where a duplicate is expected.
func IsUnique(err error) bool {
	code := liteCode(err)
	return code == 2067 || code == 1555 || sqlState(err) == "23505"
}

// IsForeignKey reports whether a foreign key refused the row.
func IsForeignKey(err error) bool {
	return liteCode(err) == 787 || sqlState(err) == "23503"
}

// liteCode is the extended result code of SQLite, or 0.
func liteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// sqlState is the SQLSTATE of PostgreSQL, or "".
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// fatalLite reports whether an error of SQLite undid, or may have undone, the
// whole transaction: out of memory, interrupted, I/O, corrupt, full.
func fatalLite(err error) bool {
	switch liteCode(err) & 0xff {
	case 7, 9, 10, 11, 13:
		return true
	}
	return false
}

// retryable reports whether the closure may run again, COMMIT not having been
// sent: a conflict, a shut-down server, a lost connection, a moved shard.
func retryable(err error) bool {
	if IsConflict(err) || errors.Is(err, errLost) || errors.Is(err, driver.ErrBadConn) {
		return true
	}
	state := sqlState(err)
	switch {
	case strings.HasPrefix(state, "08"), state == "57P01", state == "57P02", state == "57P03":
		return true
	case state == "XX000":
		return strings.Contains(err.Error(), "could not find valid entry for shard")
	}
	var dial *pgconn.ConnectError
	return errors.As(err, &dial) && state == ""
}

// undone reports whether an error from COMMIT on PostgreSQL proves that nothing
// was stored.
func undone(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, "23") || strings.HasPrefix(state, "40") ||
		strings.Contains(err.Error(), "commit unexpectedly resulted in rollback")
}

func unknown(cause error) error {
	return fault.Wrap(fault.Unknown, cause, "it is not known whether this was stored; ask again with the same key")
}

// describe adds the statement to an error and gives a unique violation its kind.
func describe(err error, q string) error {
	if len(q) > 300 {
		q = q[:300] + "…"
	}
	err = fmt.Errorf("%w in %q", err, q)
	if IsUnique(err) {
		return fault.Wrap(fault.Conflict, err, "there is one already")
	}
	return err
}

// stopped is the error of a context that is done, told apart for people.
func stopped(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.Wrap(fault.Unavailable, ctx.Err(), "the database did not answer in time")
	}
	return fmt.Errorf("db: given up: %w", ctx.Err())
}

func jsonTexts(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	b, err := json.Marshal(list)
	if err != nil {
		return "[]"
	}
	return string(b)
}
