package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/simulation"
)

// simulate lets merchants live by chance.
type simulate struct {
	Seed      uint64 `help:"What everything is drawn from; the same seed is the same history." default:"1"`
	Runs      int    `help:"How many seeds are lived, beginning with --seed." default:"1"`
	Customers int    `help:"The most customers that a merchant gets." default:"15"`
	Years     int    `help:"How many years each merchant lives." default:"2"`
	Faults    bool   `help:"Let the process die at random writes and calls to the gateway, and go on."`
	Strides   bool   `help:"Advance clocks in several strides instead of one; the history must be the same."`
	Plain     bool   `help:"Leave out what changes terms, calendar and price of subscriptions."`
	Races     bool   `help:"Let several act on one subscription at the same moment; there is no digest then."`
	Postgres  string `help:"Live in this empty PostgreSQL database instead of a SQLite file that is thrown away." placeholder:"URL"`
	History   bool   `help:"Print what happens, line by line."`
}

// Run lives seed after seed and stops at the first that goes wrong.
func (c *simulate) Run(t *terminal) error {
	if c.Runs < 1 || c.Runs > 1_000_000 {
		return fault.New(fault.Invalid, "--runs must be from 1 to 1000000")
	}
	if c.Customers < 1 || c.Customers > simulation.MaxCustomers {
		return fault.New(fault.Invalid, "--customers must be from 1 to %d", simulation.MaxCustomers)
	}
	if c.Years < 1 || c.Years > simulation.MaxYears {
		return fault.New(fault.Invalid, "--years must be from 1 to %d", simulation.MaxYears)
	}
	if c.Faults && c.Races {
		return fault.New(fault.Invalid, "--faults and --races cannot be used together")
	}
	began := clock.System{}.Now()
	sum := simulation.Result{Actions: map[string]int{}, Crashes: map[string]int{}}
	for n := range c.Runs {
		result, err := c.live(t, c.Seed+uint64(n))
		add(&sum, result)
		if t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		var failed *simulation.Failure
		if errors.As(err, &failed) {
			fmt.Fprintln(t.err, failed)
			return errFound
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "seed %d: %d steps, %d invoices, %d crashes%s\n", c.Seed+uint64(n), result.Steps, result.Invoices, total(result.Crashes), digest(result))
	}
	fmt.Fprintf(t.out, "%d seeds, %.1f years, %d actions, %d crashes, %d subscriptions, %d invoices, %d charges and refunds, %s\n",
		c.Runs, sum.Lived.Hours()/24/365.2425, total(sum.Actions), total(sum.Crashes), sum.Subs, sum.Invoices, sum.Charges,
		clock.System{}.Now().Sub(began).Round(time.Millisecond))
	for _, point := range slices.Sorted(maps.Keys(sum.Crashes)) {
		fmt.Fprintf(t.out, "  died at %s: %d\n", point, sum.Crashes[point])
	}
	return nil
}

func digest(r simulation.Result) string {
	if r.Digest == "" {
		return ""
	}
	return ", history " + r.Digest
}

func total(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

func add(sum *simulation.Result, r simulation.Result) {
	sum.Lived += r.Lived
	sum.Subs, sum.Invoices, sum.Charges = sum.Subs+r.Subs, sum.Invoices+r.Invoices, sum.Charges+r.Charges
	for name, n := range r.Actions {
		sum.Actions[name] += n
	}
	for point, n := range r.Crashes {
		sum.Crashes[point] += n
	}
}

// live lives one seed in a store of its own, or in the PostgreSQL database. The bank
// keeps its books elsewhere, as outside companies do.
func (c *simulate) live(t *terminal, seed uint64) (simulation.Result, error) {
	dir, err := quickFolder("perennial-simulation-")
	if err != nil {
		return simulation.Result{}, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	faults, machine := &db.Faults{}, clock.NewManual(time.Time{})
	url, err := storeFor(c.Postgres, dir)
	if err != nil {
		return simulation.Result{}, err
	}
	d, err := opened(t.ctx, db.Options{URL: url, Faults: faults})
	if err != nil {
		return simulation.Result{}, err
	}
	defer d.Close() //nolint:errcheck // nothing of it is kept
	bank, err := opened(t.ctx, db.Options{URL: filepath.Join(dir, "bank.db")})
	if err != nil {
		return simulation.Result{}, err
	}
	defer bank.Close() //nolint:errcheck // as above
	stage := simulation.Stage{Reader: report.New(d, machine), Clock: machine, Faults: faults, Bank: sandbox.New(bank, machine, sandbox.Options{}),
		Start: func(gateways map[string]payment.Gateway) *commerce.Service {
			return commerce.New(d, machine, gateways, nil, slog.New(slog.DiscardHandler)) // it dies too often to tell each time
		}}
	if err := onlyAccounts(t.ctx, stage.Reader, simulation.AccountName); err != nil {
		return simulation.Result{}, err
	}
	o := simulation.Options{Seed: seed, Customers: c.Customers, Years: c.Years, Faults: c.Faults, Strides: c.Strides, Races: c.Races, Plain: c.Plain}
	if c.History {
		o.Log = t.out
	}
	return simulation.Run(t.ctx, stage, o)
}

// storeFor is the store in a folder that is thrown away, or the PostgreSQL database that
// was named instead.
func storeFor(postgres, dir string) (url string, err error) {
	switch {
	case postgres == "":
		return filepath.Join(dir, databaseName), nil
	case !strings.HasPrefix(postgres, "postgres://") && !strings.HasPrefix(postgres, "postgresql://"):
		return "", fault.New(fault.Invalid, "--postgres must be postgres://user:password@host/name")
	}
	return postgres, nil
}

// onlyAccounts refuses a store with accounts that have another name than those that are
// made here: what is played and lived must never meet a merchant's business.
func onlyAccounts(ctx context.Context, r *report.Reader, name string) error {
	accounts, err := r.Accounts(ctx)
	for _, a := range accounts {
		if a.Name != name {
			return fault.New(fault.Conflict, "the database holds an account that was not made here; name an empty database")
		}
	}
	return err
}

// quickFolder makes a folder for stores that are thrown away: in memory where the
// system has such a place, because there nobody waits for the disk.
func quickFolder(name string) (string, error) {
	if dir, err := os.MkdirTemp("/dev/shm", name); err == nil {
		return dir, nil
	}
	return os.MkdirTemp("", name)
}

// opened opens a store with the schema of the program.
func opened(ctx context.Context, o db.Options) (*db.DB, error) {
	d, err := db.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := d.Migrate(ctx); err != nil {
		_ = d.Close() // the first error is the one to tell
		return nil, err
	}
	return d, nil
}
