package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
)

// things is a schema for tests: one table with every kind of column, and one with
// a foreign key.
var things = fstest.MapFS{"0001_things.sql": {Data: []byte(`-- +goose Up
create table thing (
  account_id {int} not null,
  id {int} not null,
  name text not null,
  live {bool} not null default {true},
  size {int},
  note text,
  version {int} not null,
  constraint thing_pk primary key (account_id, id)
){strict};
create unique index thing_name_ux on thing (account_id, name);
create index thing_size_ix on thing (account_id, size, id);
create table part (
  account_id {int} not null,
  thing_id {int} not null,
  position {int} not null,
  constraint part_pk primary key (account_id, thing_id, position),
  constraint part_thing_fk foreign key (account_id, thing_id) references thing (account_id, id)
){rowless};
`)}}

var thing = db.NewTable("thing", db.Int("account_id"), db.Int("id"), db.Text("name"), db.Bool("live"),
	db.NullInt("size"), db.NullText("note"), db.Int("version"))

func insertThing(tx *db.Tx, id int64) error {
	return tx.Insert(thing, 1, func(_ int, r *db.Row) {
		r.Int(1)
		r.Int(id)
		r.Text(fmt.Sprint("thing ", id))
		r.Bool(true)
		r.NullInt(0, false)
		r.NullText("", false)
		r.Int(1)
	})
}

func put(t testing.TB, d *db.DB, ids ...int64) {
	t.Helper()
	for _, id := range ids {
		if err := d.Update(t.Context(), func(tx *db.Tx) error { return insertThing(tx, id) }); err != nil {
			t.Fatal(err)
		}
	}
}

func count(t testing.TB, d *db.DB) (n int64) {
	t.Helper()
	err := d.View(context.Background(), func(tx *db.Tx) error {
		return tx.One([]any{&n}, "select count(*) from thing where account_id = $1", 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// lite opens SQLite with a group that has no end of its own, so that a test
// decides who shares a commit.
func lite(t *testing.T, opts ...dbtest.Option) *db.DB {
	t.Helper()
	d := dbtest.New(t, db.SQLite, append(opts, dbtest.Schema(things))...)
	db.SetGroupBudget(d, time.Hour)
	return d
}

// group runs closures in one transaction of the writer: the first holds it until
// the others wait. It gives their results in order.
func group(t *testing.T, d *db.DB, fns ...func(tx *db.Tx) error) []error {
	t.Helper()
	results := make([]error, len(fns))
	entered, leave := make(chan struct{}), make(chan struct{})
	var done sync.WaitGroup
	for i, fn := range fns {
		run := fn
		if i == 0 {
			run = func(tx *db.Tx) error {
				close(entered)
				<-leave
				return fn(tx)
			}
		}
		done.Go(func() { results[i] = d.Update(context.Background(), run) })
		if i == 0 {
			<-entered
		} else {
			for db.Waiting(d) < i {
				runtime.Gosched()
			}
		}
	}
	close(leave)
	done.Wait()
	return results
}

func adds(id int64) func(tx *db.Tx) error {
	return func(tx *db.Tx) error { return insertThing(tx, id) }
}

func TestGroupSharesACommit(t *testing.T) {
	t.Parallel()
	faults := &db.Faults{}
	d := lite(t, dbtest.Faults(faults))
	refusal := errors.New("refused")
	got := group(t, d, adds(1), adds(2), func(tx *db.Tx) error {
		if err := insertThing(tx, 3); err != nil {
			return err
		}
		return refusal
	}, func(tx *db.Tx) error { // sees the earlier closures of its group, not the refused one
		var n int64
		if err := tx.One([]any{&n}, "select count(*) from thing where account_id = $1", 1); err != nil {
			return err
		}
		if n != 2 {
			return fmt.Errorf("sees %d", n)
		}
		return insertThing(tx, 4)
	})
	for i, want := range []error{nil, nil, refusal, nil} {
		if !errors.Is(got[i], want) {
			t.Errorf("closure %d: %v, want %v", i, got[i], want)
		}
	}
	if n := count(t, d); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
	if n := faults.Passes(db.FaultBeforeCommit); n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
}

func TestAnswerComesAfterCommitAndReadersWait(t *testing.T) {
	t.Parallel()
	d := lite(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	first, second := make(chan error, 1), make(chan error, 1)
	refused := make(chan error, 1)
	go func() { first <- d.Update(context.Background(), adds(1)) }()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	go func() {
		first <- d.Update(context.Background(), func(tx *db.Tx) error {
			close(entered)
			<-leave
			return insertThing(tx, 2)
		})
	}()
	<-entered
	hold := make(chan struct{})
	go func() { refused <- d.Update(context.Background(), func(*db.Tx) error { return errors.New("no") }) }()
	for db.Waiting(d) < 1 {
		runtime.Gosched()
	}
	holding := make(chan struct{})
	go func() {
		second <- d.Update(context.Background(), func(tx *db.Tx) error {
			close(holding)
			<-hold
			return insertThing(tx, 3)
		})
	}()
	for db.Waiting(d) < 2 {
		runtime.Gosched()
	}
	close(leave)
	<-holding
	// The first closure has run, its commit has not: no answer, and nobody sees it.
	// The refused one has its answer already.
	if err := <-refused; err == nil {
		t.Error("the refusal got lost")
	}
	select {
	case err := <-first:
		t.Errorf("answered before the commit: %v", err)
	default:
	}
	if n := count(t, d); n != 1 {
		t.Errorf("a reader sees %d rows before the commit, want 1", n)
	}
	close(hold)
	for _, c := range []chan error{first, second} {
		if err := <-c; err != nil {
			t.Error(err)
		}
	}
	if n := count(t, d); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

func TestCancelHarmsNoNeighbour(t *testing.T) {
	t.Parallel()
	d := lite(t)
	ctx, cancel := context.WithCancel(context.Background())
	entered, leave := make(chan struct{}), make(chan struct{})
	taken, queued, neighbour := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() {
		taken <- d.Update(ctx, func(tx *db.Tx) error {
			close(entered)
			<-leave // the context ends here, in the middle of the closure
			return insertThing(tx, 1)
		})
	}()
	<-entered
	ran := false
	go func() {
		queued <- d.Update(ctx, func(tx *db.Tx) error { ran = true; return insertThing(tx, 2) })
	}()
	go func() { neighbour <- d.Update(context.Background(), adds(3)) }()
	for db.Waiting(d) < 2 {
		runtime.Gosched()
	}
	cancel()
	if err := <-queued; !errors.Is(err, context.Canceled) {
		t.Errorf("withdrawn: %v", err)
	}
	close(leave)
	if err := <-taken; err != nil {
		t.Errorf("a closure that was begun is waited for: %v", err)
	}
	if err := <-neighbour; err != nil {
		t.Errorf("neighbour: %v", err)
	}
	if ran {
		t.Error("a withdrawn closure ran")
	}
	if n := count(t, d); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestPanicComesBackToItsCaller(t *testing.T) {
	t.Parallel()
	d := lite(t)
	var raised any
	got := group(t, d, adds(1), adds(2))
	if got[0] != nil || got[1] != nil {
		t.Fatal(got)
	}
	func() {
		defer func() { raised = recover() }()
		_ = d.Update(context.Background(), func(tx *db.Tx) error {
			if err := insertThing(tx, 3); err != nil {
				return err
			}
			panic("the sky fell")
		})
	}()
	if text := fmt.Sprint(raised); !strings.Contains(text, "the sky fell") || !strings.Contains(text, "writer_test.go") {
		t.Errorf("the panic lost its value or its stack: %v", raised)
	}
	put(t, d, 4)
	if n := count(t, d); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

func TestExitedClosure(t *testing.T) {
	t.Parallel()
	d := lite(t)
	exited := make(chan bool, 1)
	got := group(t, d, adds(1), func(tx *db.Tx) error {
		return nil
	}, func(tx *db.Tx) error { return insertThing(tx, 2) })
	for _, err := range got {
		if err != nil {
			t.Fatal(err)
		}
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	before, after := make(chan error, 1), make(chan error, 1)
	go func() {
		before <- d.Update(context.Background(), func(tx *db.Tx) error {
			close(entered)
			<-leave
			return insertThing(tx, 3)
		})
	}()
	<-entered
	go func() {
		gone := true
		defer func() { exited <- gone }()
		_ = d.Update(context.Background(), func(tx *db.Tx) error {
			if err := insertThing(tx, 4); err != nil {
				return err
			}
			runtime.Goexit() // what FailNow of a test does
			return nil
		})
		gone = false
	}()
	for db.Waiting(d) < 1 {
		runtime.Gosched()
	}
	go func() { after <- d.Update(context.Background(), adds(5)) }()
	for db.Waiting(d) < 2 {
		runtime.Gosched()
	}
	close(leave)
	if err := <-before; err != nil {
		t.Errorf("neighbour before: %v", err)
	}
	if err := <-after; err != nil {
		t.Errorf("neighbour after: %v", err)
	}
	if !<-exited {
		t.Error("the caller's goroutine went on")
	}
	if n := count(t, d); n != 4 {
		t.Errorf("%d rows, want 4", n)
	}
}

func TestNestedUpdateIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		outer := t.Context()
		for name, call := range map[string]func(*db.Tx) error{
			"update": func(tx *db.Tx) error { return d.Update(tx.Context(), adds(1)) },
			"view":   func(tx *db.Tx) error { return d.View(tx.Context(), adds(1)) },
			"read":   func(tx *db.Tx) error { return d.Read(tx.Context(), adds(1)) },
		} {
			if err := d.Update(outer, call); err == nil || !strings.Contains(err.Error(), "inside of another") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if d.Engine() == db.SQLite {
			err := d.Update(outer, func(*db.Tx) error { return d.Update(outer, adds(1)) })
			if err == nil || !strings.Contains(err.Error(), "inside of another") {
				t.Errorf("with a context from outside: %v", err)
			}
		}
	}, dbtest.Schema(things))
}

func TestInteractiveGoesFirst(t *testing.T) {
	t.Parallel()
	for patience, want := range map[time.Duration]string{time.Hour: "[interactive background]", -1: "[background interactive]"} {
		d := lite(t)
		db.SetPatience(d, patience)
		var order []string
		entered, leave := make(chan struct{}), make(chan struct{})
		var done sync.WaitGroup
		done.Go(func() {
			_ = d.Update(context.Background(), func(*db.Tx) error { close(entered); <-leave; return nil })
		})
		<-entered
		note := func(s string) func(*db.Tx) error {
			return func(*db.Tx) error { order = append(order, s); return nil }
		}
		done.Go(func() { _ = d.Background(context.Background(), note("background")) })
		for db.Waiting(d) < 1 {
			runtime.Gosched()
		}
		done.Go(func() { _ = d.Update(context.Background(), note("interactive")) })
		for db.Waiting(d) < 2 {
			runtime.Gosched()
		}
		close(leave)
		done.Wait()
		if got := fmt.Sprint(order); got != want {
			t.Errorf("patience %v: %s", patience, got)
		}
	}
}

func TestCommitFaultsReachTheWholeGroup(t *testing.T) {
	t.Parallel()
	faults := &db.Faults{}
	d := lite(t, dbtest.Faults(faults))
	broken := errors.New("broken")
	faults.Arm(db.FaultBeforeCommit, 1, broken)
	for _, err := range group(t, d, adds(1), adds(2)) {
		if !errors.Is(err, broken) || db.IsUnknown(err) {
			t.Errorf("before: %v", err)
		}
	}
	if n := count(t, d); n != 0 {
		t.Errorf("%d rows, want none", n)
	}
	faults.Arm(db.FaultAfterCommit, 1, broken)
	for _, err := range group(t, d, adds(1), adds(2)) {
		if !db.IsUnknown(err) {
			t.Errorf("after: %v", err)
		}
	}
	if n := count(t, d); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	if err := d.Healthy(); err != nil {
		t.Error(err)
	}
}

func TestAbandonedReturning(t *testing.T) {
	t.Parallel()
	d := lite(t)
	enough := errors.New("enough")
	got := group(t, d, adds(1), func(tx *db.Tx) error {
		err := tx.Each(func(db.Scan) error { return enough },
			"insert into thing (account_id, id, name, version) values ($1, 2, 'two', 1), ($1, 3, 'three', 1) returning id", 1)
		if errors.Is(err, enough) {
			return nil // the statement is done, its rows were not read
		}
		return err
	}, adds(4))
	for i, err := range got {
		if err != nil {
			t.Errorf("closure %d: %v", i, err)
		}
	}
	if n := count(t, d); n != 4 {
		t.Errorf("%d rows, want 4", n)
	}
}

func TestStatementCacheForgets(t *testing.T) {
	t.Parallel()
	d := lite(t)
	put(t, d, 1)
	for range 2 {
		err := d.View(t.Context(), func(tx *db.Tx) error {
			for i := range db.CacheSize + 20 {
				var n int
				if err := tx.One([]any{&n}, fmt.Sprintf("select %d from thing where account_id = $1", i), 1); err != nil || n != i {
					return fmt.Errorf("%d: %d %w", i, n, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestOneProcessHoldsTheFile(t *testing.T) {
	t.Parallel()
	d := lite(t)
	_, err := db.Open(t.Context(), db.Options{URL: dbtest.Options(t, d).URL})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second holder: %v", err)
	}
	d = dbtest.Again(t, d)
	put(t, d, 1)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	err = d.Update(t.Context(), adds(2))
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("after Close: %v", err)
	}
	if err := d.View(t.Context(), adds(2)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a View after Close: %v", err)
	}
}

func TestPathIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "100% of a?b #1.db")
	d, err := db.Open(t.Context(), db.Options{URL: path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.MigrateFrom(t.Context(), things); err != nil {
		t.Fatal(err)
	}
	put(t, d, 1)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestUnsoundLibraries(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"3.51.2": false, "3.51.3": true, "3.52.0": false, "3.52.1": true, "3.53.4": true,
		"3.7.17": false, "4.0.0": true, "": false, "3.x.1": false} {
		if got := db.Sound(version); got != want {
			t.Errorf("%q: %t", version, got)
		}
	}
}
