package db_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
)

type (
	number int64
	label  string
	flag   bool
	small  uint8
)

func both(t *testing.T, body func(t *testing.T, d *db.DB), opts ...dbtest.Option) {
	t.Helper()
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) { body(t, open()) }, append(opts, dbtest.Schema(things))...)
}

func TestValuesComeBackAsTheyWent(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		at := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.FixedZone("east", 3600))
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			n, err := tx.Exec("insert into thing (account_id, id, name, live, size, note, version) values ($1,$2,$3,$4,$5,$6,$7)",
				number(1), int64(math.MaxInt64), label("ünïcode 'quoted'"), flag(false), db.Time(at), nil, 1)
			if err == nil && n != 1 {
				err = fmt.Errorf("%d rows", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var id number
		var name label
		var live bool
		var when, never time.Time
		var note string
		var none number
		never, note, none = at, "x", 5
		read := func(tx *db.Tx) error {
			return tx.One([]any{&id, &name, &live, db.ScanTime(&when), db.ScanText(&note), db.ScanTime(&never), db.ScanNull(&none)},
				"select id, name, live, size, note, nullif(size, size), nullif(size, size) from thing where account_id = $1 and not live", 1)
		}
		for _, run := range []func(context.Context, func(*db.Tx) error) error{d.View, d.Read, d.Update} {
			if err := run(t.Context(), read); err != nil {
				t.Fatal(err)
			}
		}
		if id != math.MaxInt64 || name != "ünïcode 'quoted'" || live || !when.Equal(at) || !never.IsZero() || note != "" || none != 0 {
			t.Error(id, name, live, when, never, note, none)
		}
		if when.Location() != time.UTC {
			t.Error("not UTC")
		}
	})
}

func TestBindsThatDifferBetweenEnginesAreRefused(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		for _, v := range []any{time.Now, 1.5, float32(1), uint64(1), small(1), int32(1), time.Second, []string{"a"}, []int64{1}, struct{}{}, new(int64)} {
			err := d.View(t.Context(), func(tx *db.Tx) error {
				var n int64
				return tx.One([]any{&n}, "select count(*) from thing where account_id = $1", v)
			})
			if err == nil || !strings.Contains(err.Error(), "cannot be bound") {
				t.Errorf("%T: %v", v, err)
			}
		}
	})
}

func TestRowsThatAreNotThere(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			var id int64
			err := tx.One([]any{&id}, "select id from thing where account_id = $1 and id = $2", 1, 2)
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("one: %v", err)
			}
			return insertThing(tx, 2) // the transaction goes on
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestErrorsAreToldByTheirCode(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		put(t, d, 1)
		err := d.Update(t.Context(), adds(1))
		if !db.IsUnique(err) || db.IsForeignKey(err) || !fault.Is(err, fault.Conflict) || db.IsConflict(err) || db.IsUnknown(err) {
			t.Errorf("unique: %v", err)
		}
		err = d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("insert into part (account_id, thing_id, position) values ($1, $2, $3)", 1, 99, 1)
			return err
		})
		if !db.IsForeignKey(err) || db.IsUnique(err) {
			t.Errorf("foreign key: %v", err)
		}
		if db.IsUnique(nil) || db.IsForeignKey(nil) || db.IsUnknown(nil) || db.IsConflict(nil) {
			t.Error("nil is an error")
		}
	})
}

// A closure that goes on after a failed statement works on neither engine.
func TestFailedStatementEndsTheTransaction(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		put(t, d, 1)
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			if err := insertThing(tx, 2); err != nil {
				return err
			}
			if err := insertThing(tx, 1); err == nil {
				t.Error("a duplicate was taken")
			}
			if err := insertThing(tx, 3); err == nil || !strings.Contains(err.Error(), "has failed already") {
				t.Errorf("the next statement: %v", err)
			}
			return nil
		})
		if !db.IsUnique(err) {
			t.Errorf("a swallowed failure: %v", err)
		}
		if n := count(t, d); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})
}

func TestStatementWhileRowsAreRead(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		put(t, d, 1, 2)
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			return tx.Each(func(row db.Scan) error { return insertThing(tx, 3) }, "select id from thing where account_id = $1", 1)
		})
		if err == nil || !strings.Contains(err.Error(), "while rows are being read") {
			t.Error(err)
		}
	})
}

func TestReadersCannotWrite(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		put(t, d, 1)
		for name, run := range map[string]func(context.Context, func(*db.Tx) error) error{"view": d.View, "read": d.Read} {
			for _, fn := range []func(*db.Tx) error{
				adds(2),
				func(tx *db.Tx) error { _, err := tx.Exec("delete from thing"); return err },
				func(tx *db.Tx) error {
					var id int64
					return tx.One([]any{&id}, "delete from thing where account_id = $1 returning id", 1)
				},
				func(tx *db.Tx) error {
					_, err := tx.Update(thing, nil, 1, func(_ int, r *db.Row) { r.Int(1); r.Int(1); r.Int(1) })
					return err
				},
			} {
				if err := run(t.Context(), fn); err == nil {
					t.Errorf("%s wrote", name)
				}
			}
		}
		if n := count(t, d); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})
}

func TestViewSeesOneState(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		put(t, d, 1)
		err := d.View(t.Context(), func(tx *db.Tx) error {
			for i := range int64(3) {
				var n int64
				if err := tx.One([]any{&n}, "select count(*) from thing where account_id = $1", 1); err != nil {
					return err
				}
				if n != 1 {
					return fmt.Errorf("sees %d rows, want 1", n)
				}
				put(t, d, 10+i)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if n := count(t, d); n != 4 {
			t.Errorf("%d rows, want 4", n)
		}
	})
}

func TestCancelledReaderRecovers(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		put(t, d, 1)
		for range 30 { // more often than there are connections
			ctx, cancel := context.WithCancel(t.Context())
			err := d.View(ctx, func(tx *db.Tx) error {
				cancel()
				var n int64
				return tx.One([]any{&n}, "select count(*) from thing where account_id = $1", 1)
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("view: %v", err)
			}
		}
		if n := count(t, d); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})
}

// 8 workers, 50 read-modify-writes each, of one row.
func TestHotRowLosesNothing(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		put(t, d, 1)
		var tries atomic.Int64
		bump := func(tx *db.Tx) error {
			tries.Add(1)
			var size, version int64
			err := tx.One([]any{db.ScanNull(&size), &version}, "select size, version from thing where account_id = $1 and id = $2"+tx.Lock(), 1, 1)
			if err != nil {
				return err
			}
			lost, err := tx.Update(thing, []string{"size"}, 1, func(_ int, r *db.Row) {
				r.Int(1)
				r.Int(1)
				r.Int(version)
				r.NullInt(size+1, true)
			})
			if err == nil && len(lost) > 0 {
				err = db.VersionConflict()
			}
			return err
		}
		var done sync.WaitGroup
		for range 8 {
			done.Go(func() {
				for range 50 {
					if err := d.Update(t.Context(), bump); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		done.Wait()
		var size, version int64
		err := d.View(t.Context(), func(tx *db.Tx) error {
			return tx.One([]any{&size, &version}, "select size, version from thing where account_id = $1 and id = $2", 1, 1)
		})
		if err != nil || size != 400 || version != 401 {
			t.Errorf("size %d, version %d, want 400 and 401 (%v)", size, version, err)
		}
		if n := tries.Load(); d.Engine() == db.SQLite && n != 400 {
			t.Errorf("%d tries on SQLite, where nobody loses", n)
		}
	})
}

func TestConflictsAreTriedAgainAndThenGivenUp(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		tries, locked := 0, 0
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			tries++
			if tx.Lock() != "" {
				locked++
			}
			return fmt.Errorf("wrapped: %w", db.VersionConflict())
		})
		if !fault.Is(err, fault.Conflict) || !db.IsConflict(err) {
			t.Error(err)
		}
		want := map[string][2]int{db.SQLite: {3, 0}, db.PostgreSQL: {10, 8}}[d.Engine()]
		if tries != want[0] || locked != want[1] {
			t.Errorf("%d tries, %d with a lock, want %v", tries, locked, want)
		}
		tries = 0
		err = d.Background(t.Context(), func(tx *db.Tx) error {
			if tries++; tries < 3 {
				return db.VersionConflict()
			}
			return insertThing(tx, 1)
		})
		if err != nil || tries != 3 {
			t.Error(tries, err)
		}
	})
}

func TestFaultPoints(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		faults := &db.Faults{}
		d := dbtest.New(t, engine, dbtest.Schema(things), dbtest.Faults(faults))
		broken := errors.New("broken")
		for i, point := range []string{db.FaultBegin, db.FaultStatement, db.FaultBeforeCommit} {
			faults.Arm(point, 1, broken)
			if err := d.Update(t.Context(), adds(int64(i))); !errors.Is(err, broken) || db.IsUnknown(err) {
				t.Errorf("%s %s: %v", engine, point, err)
			}
		}
		if n := count(t, d); n != 0 {
			t.Errorf("%s: %d rows, want none", engine, n)
		}
		faults.Arm(db.FaultAfterCommit, 2, broken)
		put(t, d, 1)
		if err := d.Update(t.Context(), adds(2)); !db.IsUnknown(err) || !errors.Is(err, broken) {
			t.Errorf("%s after: %v", engine, err)
		}
		put(t, d, 3)
		if n := count(t, d); n != 3 {
			t.Errorf("%s: %d rows, want 3", engine, n)
		}
		faults.Arm("elsewhere", 1, broken)
		faults.Disarm()
		if faults.Hit("elsewhere") != nil || faults.Passes("elsewhere") != 1 {
			t.Error("disarmed point failed")
		}
	}
	var none *db.Faults
	if none.Hit("any") != nil || none.Passes("any") != 0 {
		t.Error("nil fails")
	}
}

func TestAnyOf(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		put(t, d, 1, 2, 3, 4)
		read := func(list any, column string) (got []int64) {
			t.Helper()
			err := d.View(t.Context(), func(tx *db.Tx) error {
				bind := tx.List(nil)
				switch l := list.(type) {
				case []int64:
					bind = tx.List(l)
				case []string:
					bind = tx.ListText(l)
				}
				return tx.Each(func(row db.Scan) error {
					var id int64
					err := row(&id)
					got = append(got, id)
					return err
				}, "select id from thing where account_id = $1 and "+tx.AnyOf(column, 2)+" order by id", 1, bind)
			})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		for _, c := range []struct {
			list   any
			column string
			want   []int64
		}{
			{[]int64{4, 2, 99, 2}, "id", []int64{2, 4}},
			{[]int64{}, "id", nil},
			{[]int64(nil), "id", nil},
			{[]string{`thing 1`, `"`, `thing 3`}, "name", []int64{1, 3}},
			{[]string{}, "name", nil},
		} {
			if got := read(c.list, c.column); !slices.Equal(got, c.want) {
				t.Errorf("%v: %v, want %v", c.list, got, c.want)
			}
		}
	})
}

func TestObserve(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		var mu sync.Mutex
		var seen []db.Statement
		d := dbtest.New(t, engine, dbtest.Schema(things), dbtest.Observe(func(s db.Statement) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, s)
		}))
		put(t, d, 1, 2)
		count(t, d)
		if len(seen) != 3 {
			t.Fatalf("%s: %d statements, want 3", engine, len(seen))
		}
		if s := seen[0]; !s.Write || !s.Bulk || !reflect.DeepEqual(s.Accounts, []int64{1}) || s.Tx == 0 || s.Tx == seen[1].Tx {
			t.Errorf("%s: %+v", engine, s)
		}
		if s := seen[2]; s.Write || s.Bulk || !reflect.DeepEqual(s.Args, []any{int64(1)}) {
			t.Errorf("%s: %+v", engine, s)
		}
	}
}
