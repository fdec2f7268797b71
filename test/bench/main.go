// Command bench measures the product against floors: bare programs that do the
// same work with no product in the way, in turns with the product in one run.
// docs/performance.md says what each figure means.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"

	"perennial/internal/db"
)

// bench is one run.
type bench struct {
	dir      string
	out      io.Writer
	rounds   int
	due      int
	events   int    // that are stored before B3 and B4
	hooks    int    // deliveries of B11
	measured int    // subscriptions of B8
	profiles string // a folder for processor profiles, "" for none
	cluster  *cluster
	contests []*contest
	houses   map[string]*house
	metered  map[string]*meteredHouse
	clean    []func()

	storeMade     bool // the floor's store of B1 and B2
	bareMade      bool // the floor's store of B3 and B4
	barePGMade    bool
	footprintText string
	missed        bool // a goal
}

func main() {
	if text := os.Getenv(childVariable); text != "" {
		if err := renewChild(context.Background(), text); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	b := &bench{out: os.Stdout, houses: map[string]*house{}, metered: map[string]*meteredHouse{}}
	only := flag.String("only", "B1,B2,B3,B4,B5,B6,B7,B8,B11,B12", "the benchmarks to run")
	engines := flag.String("engines", "sqlite,postgres", "the engines to run on")
	dir := flag.String("dir", "", "where stores are made (a new folder of the system's temporary one; it must be a real disk)")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds of each; figures are medians")
	flag.IntVar(&b.due, "due", 100_000, "subscriptions that a renewal run finds due; a multiple of 200")
	flag.IntVar(&b.events, "events", 500_000, "usage events that are stored before B3 and B4")
	flag.IntVar(&b.hooks, "hooks", 100_000, "webhook deliveries of B11; at least 100")
	flag.IntVar(&b.measured, "measured", 1_000_000, "subscriptions of B8, with ten facts each; at least 1000")
	flag.StringVar(&b.profiles, "profiles", "", "a folder for processor profiles of the product")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx, *dir, strings.Split(*only, ","), strings.Split(*engines, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, dir string, only, engines []string) (err error) {
	if b.due%(20*accounts) != 0 || b.due <= 0 || b.rounds <= 0 || b.events <= 0 {
		return errors.New("-due must be a multiple of 200, and -rounds and -events at least 1")
	}
	if b.dir, err = os.MkdirTemp(dir, "perennial-bench-"); err != nil {
		return err
	}
	defer func() {
		for _, f := range slices.Backward(b.clean) {
			f()
		}
		os.RemoveAll(b.dir) //nolint:errcheck // a temporary folder
	}()
	fmt.Fprintf(b.out, "%d cores, %s, %d rounds each; judge by the ratios, machines differ\n\n", runtime.NumCPU(), runtime.Version(), b.rounds)
	for _, part := range []struct {
		name string
		run  func(ctx context.Context, engine string) error
	}{{"B1", b.customers}, {"B2", b.reads}, {"B3", b.usageSingle}, {"B4", b.usageLists}, {"B5", b.renewals}, {"B6", b.killed}, {"B7", b.slow}, {"B8", b.metrics}, {"B11", b.webhooks}} {
		if !slices.Contains(only, part.name) {
			continue
		}
		for _, engine := range []string{db.SQLite, db.PostgreSQL} {
			if !slices.Contains(engines, engine) {
				continue
			}
			if err := part.run(ctx, engine); err != nil {
				return fmt.Errorf("%s on %s is void: %w", part.name, engine, err)
			}
		}
	}
	if slices.Contains(only, "B12") {
		if err := b.footprint(ctx); err != nil {
			return fmt.Errorf("B12 is void: %w", err)
		}
	}
	fmt.Fprintln(b.out)
	for _, c := range b.contests {
		b.missed = !c.report(b.out) || b.missed
	}
	fmt.Fprint(b.out, b.footprintText)
	if b.missed {
		fmt.Fprintln(b.out, "Not every goal was met; docs/performance.md says where the time goes.")
	}
	return nil
}

// turn runs the floor and the product one after the other, the floor first in
// every other round, so that neither always finds the machine fresh.
func (b *bench) turn(round int, floor, product func() (figures, error)) (f, p figures, err error) {
	if round%2 == 0 {
		if f, err = floor(); err == nil {
			p, err = product()
		}
		return f, p, err
	}
	if p, err = product(); err == nil {
		f, err = floor()
	}
	return f, p, err
}

func (b *bench) note(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

// postgres is the server of this run, started when it is needed first.
func (b *bench) postgres(ctx context.Context) (*cluster, error) {
	if b.cluster != nil {
		return b.cluster, nil
	}
	c, err := startCluster(ctx, filepath.Join(b.dir, "postgres"))
	if err != nil {
		return nil, err
	}
	b.cluster = c
	b.clean = append(b.clean, c.stop)
	return c, nil
}

// profile begins a processor profile when they are wanted, and returns its end.
func (b *bench) profile(name string) func() {
	if b.profiles == "" {
		return func() {}
	}
	file, err := os.Create(filepath.Join(b.profiles, name+".pprof"))
	if err != nil {
		b.note("no profile: %v", err)
		return func() {}
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		b.note("no profile: %v", err)
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close() //nolint:errcheck // a profile that is cut short is not used
	}
}
