//go:build linux

package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
)

// The disk is full for a child process: the limit on the size of files makes
// writes fail. Every closure of the group that could not be written is told that
// its outcome is unknown, later ones are refused, readers go on, and when the
// disk takes writes again so does the program.
func TestFailingDisk(t *testing.T) {
	if where := os.Getenv("PERENNIAL_TEST_DISK"); where != "" {
		if err := failingDisk(filepath.Dir(where), filepath.Base(where) == "statement"); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Parallel()
	for _, where := range []string{"commit", "statement"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFailingDisk$", "-test.count=1") //nolint:gosec // ourselves
			c.Env = append(os.Environ(), "PERENNIAL_TEST_DISK="+filepath.Join(t.TempDir(), where))
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func limitFiles(size uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		return err
	}
	l.Cur = min(size, l.Max)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l)
}

func failingDisk(dir string, inStatement bool) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	path := filepath.Join(dir, "perennial.db")
	d, err := db.Open(ctx, db.Options{URL: path})
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.MigrateFrom(ctx, things); err != nil {
		return err
	}
	db.SetGroupBudget(d, time.Hour)
	for id := range int64(20) {
		if err := d.Update(ctx, adds(id)); err != nil {
			return err
		}
	}
	if err := limitFiles(4096); err != nil { // less than one page of the log
		return err
	}
	big := func(id int64) func(*db.Tx) error {
		return func(tx *db.Tx) error {
			if inStatement { // a cache of a few pages makes the statement itself write to the disk
				if _, err := tx.Exec("pragma cache_size = 5"); err != nil {
					return err
				}
			}
			for part := range int64(2) {
				_, err := tx.Exec("insert into thing (account_id, id, name, version) values ($1, $2, $3, 1)",
					2, 10*id+part, fmt.Sprint(id, part, strings.Repeat("x", 500_000)))
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err := failingGroup(d, adds(100), big(1), adds(101)); err != nil {
		return err
	}
	if err := d.Healthy(); err == nil {
		return errors.New("healthy with a full disk")
	}
	for id := range int64(3) {
		if err := d.Update(ctx, big(50+id)); !fault.Is(err, fault.Unavailable) && !db.IsUnknown(err) {
			return fmt.Errorf("a write to a full disk: %w", err)
		}
	}
	if n, err := rows(d); err != nil || n != 20 {
		return fmt.Errorf("readers see %d rows, want 20: %w", n, err)
	}
	if err := limitFiles(1 << 40); err != nil {
		return err
	}
	return recovered(d)
}

// failingGroup runs closures in one group whose commit cannot be written.
func failingGroup(d *db.DB, fns ...func(*db.Tx) error) error {
	results := make([]error, len(fns))
	entered, leave := make(chan struct{}), make(chan struct{})
	var done sync.WaitGroup
	for i, fn := range fns {
		run := fn
		if i == 0 {
			run = func(tx *db.Tx) error { close(entered); <-leave; return fn(tx) }
		}
		done.Go(func() { results[i] = d.Update(context.Background(), run) })
		if i == 0 {
			<-entered
		}
		for i > 0 && db.Waiting(d) < i {
			runtime.Gosched()
		}
	}
	close(leave)
	done.Wait()
	for i, err := range results {
		// What waited behind the closure that met the failure was never begun.
		if !db.IsUnknown(err) && !(i == 2 && fault.Is(err, fault.Unavailable)) {
			return fmt.Errorf("closure %d: %w", i, err)
		}
	}
	return nil
}

func recovered(d *db.DB) error {
	limit, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for d.Healthy() != nil {
		select {
		case <-limit.Done():
			return fmt.Errorf("never healthy again: %w", d.Healthy())
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := d.Update(context.Background(), adds(200)); err != nil {
		return fmt.Errorf("after the disk has room again: %w", err)
	}
	if n, err := rows(d); err != nil || n != 21 {
		return fmt.Errorf("%d rows, want 21: %w", n, err)
	}
	return d.View(context.Background(), func(tx *db.Tx) error {
		var verdict string
		if err := tx.One([]any{&verdict}, "select integrity_check from pragma_integrity_check"); err != nil || verdict != "ok" {
			return fmt.Errorf("integrity: %s %w", verdict, err)
		}
		return nil
	})
}

func rows(d *db.DB) (n int64, err error) {
	err = d.View(context.Background(), func(tx *db.Tx) error {
		return tx.One([]any{&n}, "select count(*) from thing where account_id = $1", 1)
	})
	return n, err
}
