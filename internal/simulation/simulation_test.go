package simulation_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/simulation"
)

// folder is a folder that is kept in memory where the system has one: what is lived
// here is thrown away, and years of it would mostly wait for the disk.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "perennial-simulation-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// schema is a SQLite file with the schema of the program.
var schema = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "perennial-schema-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "schema.db")
	d, err := db.Open(context.Background(), db.Options{URL: path})
	if err != nil {
		return nil, err
	}
	err = d.Migrate(context.Background())
	if e := d.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// lite opens a new SQLite store.
func lite(t *testing.T, faults *db.Faults) *db.DB {
	t.Helper()
	text, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder(t), "perennial.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(t.Context(), db.Options{URL: path, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// stage is a store in which one simulation lives.
func stage(t *testing.T, engine string) simulation.Stage {
	t.Helper()
	faults, machine := &db.Faults{}, clock.NewManual(time.Time{})
	var d *db.DB
	if engine == db.PostgreSQL {
		d = dbtest.New(t, engine, dbtest.Faults(faults))
	} else {
		d = lite(t, faults)
	}
	return simulation.Stage{
		Start: func(gateways map[string]payment.Gateway) *commerce.Service {
			return commerce.New(d, machine, gateways, nil, slog.New(slog.DiscardHandler))
		},
		Reader: report.New(d, machine), Clock: machine, Faults: faults,
		Bank: sandbox.New(lite(t, nil), machine, sandbox.Options{}),
	}
}

// live lives one seed.
func live(t *testing.T, engine string, o simulation.Options) simulation.Result {
	t.Helper()
	result, err := simulation.Run(t.Context(), stage(t, engine), o)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// same demands that two lives had one history.
func same(t *testing.T, what string, a, b simulation.Result) {
	t.Helper()
	if a.Digest == b.Digest {
		return
	}
	for i := range min(len(a.History), len(b.History)) {
		if a.History[i] != b.History[i] {
			t.Fatalf("%s: line %d differs:\n%s\n%s\nafter:\n%s", what, i, a.History[i], b.History[i], fmt.Sprint(a.History[max(0, i-8):i]))
		}
	}
	t.Fatalf("%s: one history has %d lines, the other %d", what, len(a.History), len(b.History))
}

func options(seed uint64) simulation.Options {
	return simulation.Options{Seed: seed, Customers: 3 + int(seed%7), Years: 1 + int(seed%4)/3}
}

// Two hundred merchants live a year or two each with crashes and in many strides, and
// nothing is wrong at any moment. Every other one has the same history in peace and in
// one stride.
func TestSeeds(t *testing.T) {
	t.Parallel()
	seeds := 200
	if testing.Short() {
		seeds = 20
	}
	var mu sync.Mutex
	crashes := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				peace := options(seed)
				hard := peace
				hard.Faults, hard.Strides = true, true
				peace.Plain, hard.Plain = seed%10 == 0, seed%10 == 0
				lived := live(t, db.SQLite, hard)
				if seed%2 == 0 {
					same(t, command(hard), live(t, db.SQLite, peace), lived)
				}
				mu.Lock()
				defer mu.Unlock()
				for point, n := range lived.Crashes {
					crashes[point] += n
				}
			})
		}
	})
	for _, point := range []string{"db.begin", "db.statement", "db.commit.before", "db.commit.after", "gateway.before", "gateway.after"} {
		if crashes[point] == 0 && !t.Failed() {
			t.Errorf("nobody ever died at %s: %v", point, crashes)
		}
	}
	t.Log("crashes:", crashes)
}

func command(o simulation.Options) string { return (&simulation.Failure{Options: o}).Command() }

// The engines have one history, and one engine has it twice.
func TestEngines(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			o := options(1000 + seed)
			o.Faults = seed%2 == 0
			lite := live(t, db.SQLite, o)
			same(t, "on SQLite again", lite, live(t, db.SQLite, o))
			grown := live(t, db.PostgreSQL, o)
			same(t, "on PostgreSQL", lite, grown)
			same(t, "on PostgreSQL again", grown, live(t, db.PostgreSQL, o))
		})
	}
}

// Several at once do no harm on either engine.
func TestRaces(t *testing.T) {
	t.Parallel()
	seeds := map[string]uint64{db.SQLite: 10, db.PostgreSQL: 5}
	for engine, n := range seeds {
		for seed := range n {
			t.Run(fmt.Sprint(engine, seed), func(t *testing.T) {
				t.Parallel()
				o := options(2000 + seed)
				o.Races = true
				if result := live(t, engine, o); result.Actions["several at once"] == 0 {
					t.Error("nothing happened at the same moment")
				}
			})
		}
	}
}
