package db_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
)

func postgres(t *testing.T, opts ...dbtest.Option) *db.DB {
	t.Helper()
	t.Parallel()
	return dbtest.New(t, db.PostgreSQL, append(opts, dbtest.Schema(things))...)
}

// admin is a connection of somebody else to the database of d.
func admin(t *testing.T, d *db.DB) *sql.DB {
	t.Helper()
	pool, err := sql.Open("pgx", dbtest.Options(t, d).URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

// A connection that dies before COMMIT costs a retry, not an error.
func TestKilledConnectionIsTriedAgain(t *testing.T) {
	d := postgres(t)
	other := admin(t, d)
	tries := 0
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		tries++
		if err := insertThing(tx, 1); err != nil {
			return err
		}
		var pid int64
		if err := tx.One([]any{&pid}, "select pg_backend_pid()"); err != nil {
			return err
		}
		if tries == 1 {
			if _, err := other.ExecContext(t.Context(), "select pg_terminate_backend($1)", pid); err != nil {
				return err
			}
		}
		return tx.Each(func(db.Scan) error { return nil }, "select pg_sleep(0)")
	})
	if err != nil || tries != 2 {
		t.Errorf("%d tries: %v", tries, err)
	}
	if n := count(t, d); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestDeadlockIsTriedAgain(t *testing.T) {
	d := postgres(t)
	put(t, d, 1, 2)
	var both, done sync.WaitGroup
	both.Add(2)
	touch := func(tx *db.Tx, id int64) error {
		_, err := tx.Exec("update thing set version = version + 1 where account_id = $1 and id = $2", 1, id)
		return err
	}
	for _, order := range [][2]int64{{1, 2}, {2, 1}} {
		first := true
		done.Go(func() {
			err := d.Update(t.Context(), func(tx *db.Tx) error {
				if err := touch(tx, order[0]); err != nil {
					return err
				}
				if first {
					first = false
					both.Done()
					both.Wait()
				}
				return touch(tx, order[1])
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	var sum int64
	err := d.View(t.Context(), func(tx *db.Tx) error {
		return tx.One([]any{&sum}, "select cast(sum(version) as bigint) from thing where account_id = $1", 1)
	})
	if err != nil || sum != 6 {
		t.Errorf("versions add up to %d, want 6 (%v)", sum, err)
	}
}

// Cancelling before COMMIT undoes the transaction.
func TestCancelledUpdateIsUndone(t *testing.T) {
	d := postgres(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := d.Update(ctx, func(tx *db.Tx) error {
		defer cancel()
		return insertThing(tx, 1)
	})
	if !errors.Is(err, context.Canceled) || db.IsUnknown(err) {
		t.Error(err)
	}
	put(t, d, 2)
	if n := count(t, d); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestPanicUndoesAndComesThrough(t *testing.T) {
	d := postgres(t)
	func() {
		defer func() {
			if v := recover(); v != "the sky fell" {
				t.Error(v)
			}
		}()
		_ = d.Update(t.Context(), func(tx *db.Tx) error {
			if err := insertThing(tx, 1); err != nil {
				return err
			}
			panic("the sky fell")
		})
	}()
	if n := count(t, d); n != 0 {
		t.Errorf("%d rows, want none", n)
	}
}

func TestServerThatForgetsIsRefused(t *testing.T) {
	d := postgres(t)
	u, err := url.Parse(dbtest.Options(t, d).URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("synchronous_commit", "off")
	u.RawQuery = q.Encode()
	if _, err := db.Open(t.Context(), db.Options{URL: u.String()}); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "synchronous_commit") {
		t.Error(err)
	}
	u.RawQuery = url.Values{"host": {t.TempDir()}}.Encode()
	if _, err := db.Open(t.Context(), db.Options{URL: u.String()}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("no server: %v", err)
	}
}

func TestSessionLimits(t *testing.T) {
	d := postgres(t)
	want := map[string]string{"statement_timeout": "30s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "30s",
		"transaction_isolation": "read committed", "synchronous_commit": "on"}
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		for name, value := range want {
			var got string
			if err := tx.One([]any{&got}, "select current_setting($1)", name); err != nil {
				return err
			}
			if got != value {
				t.Errorf("%s is %s, want %s", name, got, value)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := d.Healthy(); err != nil {
		t.Error(err)
	}
}

// Two workers that claim at the same time get different rows.
func TestClaimSkipsWhatIsHeld(t *testing.T) {
	d := postgres(t)
	put(t, d, 1, 2)
	claim := func(tx *db.Tx) (id int64, err error) {
		err = tx.One([]any{&id}, "select id from thing where account_id = $1 order by id limit 1"+tx.Claim(), 1)
		return id, err
	}
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		first, err := claim(tx)
		if err != nil {
			return err
		}
		return d.Update(t.Context(), func(tx *db.Tx) error {
			second, err := claim(tx)
			if err == nil && first == second {
				t.Errorf("both hold %d", first)
			}
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
}
