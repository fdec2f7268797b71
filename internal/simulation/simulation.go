package simulation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// Stage is the store in which a simulation lives. It may hold other simulations
// that have ended, and nothing else.
type Stage struct {
	// Start makes the stories anew over the store, as a process that begins does.
	Start  func(gateways map[string]payment.Gateway) *commerce.Service
	Reader *report.Reader
	// Bank is the sandbox gateway. It keeps its books in another store, which does
	// not fail.
	Bank  payment.Gateway
	Clock *clock.Manual // the machine's
	// Faults make the store fail; they are needed only with Options.Faults.
	Faults Faults
}

// Faults makes the nth pass of a named point of the store fail, 1 being the next.
type Faults interface {
	Arm(point string, nth int, err error)
	Disarm()
	Passes(point string) int
}

// Options says what is lived.
type Options struct {
	Seed      uint64
	Customers int // the most who come, 1 to MaxCustomers
	Years     int // 1 to MaxYears
	// Faults lets the process die at random writes and calls to the gateway; it
	// begins again, and whoever asked asks again under the same key.
	Faults bool
	// Strides advances the clock in several strides instead of one.
	Strides bool
	// Races lets two or more act on one subscription at the same moment. What comes of
	// it is not the same every time, so there is no digest.
	Races bool
	// Plain leaves out what changes a subscription's terms, calendar and price: there
	// are sales, renewals, cancellations, cards and refunds, and the simulation knows by
	// itself what each period costs and when it ends.
	Plain bool
	// Log, when set, is told every line of the history as it is lived.
	Log io.Writer
}

// The limits of Options.
const (
	MaxCustomers = 10_000
	MaxYears     = 50
)

// Result is what was lived.
type Result struct {
	Digest   string   // of the history; "" with Options.Races
	History  []string // what happened, one line each
	Lived    time.Duration
	Steps    int
	Actions  map[string]int // by name
	Outcomes map[string]int // by what came of them
	Crashes  map[string]int // by the point at which the process died
	Charges  int            // that the bank knows of
	Refunds  int
	Invoices int
	Subs     int
}

// Failure says that something was wrong, and where.
type Failure struct {
	Options Options
	Step    int
	Action  string
	At      time.Time // on the merchant's clock
	Wrong   error
}

func (f *Failure) Error() string {
	return fmt.Sprintf("seed %d, step %d (%s, at %s): %v; to see it again: %s",
		f.Options.Seed, f.Step, f.Action, f.At.Format(time.RFC3339Nano), f.Wrong, f.Command())
}

func (f *Failure) Unwrap() error { return f.Wrong }

// Command is the command line that lives it again.
func (f *Failure) Command() string {
	line := fmt.Sprintf("perennial simulate --seed %d --customers %d --years %d", f.Options.Seed, f.Options.Customers, f.Options.Years)
	for _, flag := range []struct {
		name string
		set  bool
	}{{" --faults", f.Options.Faults}, {" --strides", f.Options.Strides}, {" --races", f.Options.Races}, {" --plain", f.Options.Plain}} {
		if flag.set {
			line += flag.name
		}
	}
	return line
}

// begin is the instant at which every merchant begins: far enough from now that
// nobody takes it for the machine's time, and some weeks before a leap day.
var begin = time.Date(2027, 12, 30, 11, 0, 0, 0, time.UTC)

// Run lives one seed. What is found wrong is a *Failure.
func Run(ctx context.Context, stage Stage, o Options) (Result, error) {
	switch {
	case o.Customers < 1 || o.Customers > MaxCustomers:
		return Result{}, fmt.Errorf("customers must be from 1 to %d", MaxCustomers)
	case o.Years < 1 || o.Years > MaxYears:
		return Result{}, fmt.Errorf("years must be from 1 to %d", MaxYears)
	case o.Faults && o.Races:
		return Result{}, errors.New("faults and races cannot be lived together: a crash would not be the same every time")
	}
	// Streams of their own: to break something, or to walk in strides, must not change
	// what happens next.
	stream := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(o.Seed, n)) } //nolint:gosec // it must be the same every time
	w := &world{o: o, stage: stage, rng: stream(1), chaos: stream(2), strides: stream(3),
		result: Result{Actions: map[string]int{}, Outcomes: map[string]int{}, Crashes: map[string]int{}},
		digest: sha256.New(), action: "beginning",
		customerOf: map[id.Customer]*holder{}, subOf: map[id.Subscription]*sub{}, priceOf: map[id.Price]*price{}, bills: map[id.Invoice]invoice.Invoice{}}
	w.line = newLine(stage.Bank, o.Seed)
	stage.Clock.Set(begin)
	err := w.live(ctx)
	w.result.Lived, w.result.Steps = w.now.Sub(w.begun), w.step
	w.result.Invoices, w.result.Subs = len(w.bills), len(w.subs)
	if !o.Races {
		w.result.Digest = hex.EncodeToString(w.digest.Sum(nil)[:16])
	}
	if err != nil && ctx.Err() == nil {
		err = &Failure{Options: o, Step: w.step, Action: w.action, At: w.now, Wrong: err}
	}
	return w.result, err
}

// checkEvery is how many steps lie between two checks of everything.
const checkEvery = 60

// live is the merchant's life from the first step to the last check.
func (w *world) live(ctx context.Context) error {
	if err := w.settle(ctx); err != nil {
		return err
	}
	end := w.begun.AddDate(w.o.Years, 0, 0)
	for w.now.Before(end) {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.step++
		a := w.choose()
		if err := w.act(ctx, a); err != nil {
			return err
		}
		if w.step%checkEvery == 0 {
			if err := w.checkAll(ctx); err != nil {
				return err
			}
		}
	}
	return w.close(ctx)
}

// act does one action and looks at what it left.
func (w *world) act(ctx context.Context, a action) error {
	w.action, w.worked = a.name, false
	w.result.Actions[a.name]++
	outcome, err := a.do(ctx, w)
	if err != nil {
		return err
	}
	w.result.Outcomes[outcome]++
	w.note("%d %s: %s", w.step, w.action, outcome)
	return w.look(ctx)
}

// close lets everything end that is under way, and checks all.
func (w *world) close(ctx context.Context) error {
	w.step++
	w.action = "end"
	if _, err := w.advance(ctx, w.now.Add(40*24*time.Hour)); err != nil {
		return err
	}
	if err := w.look(ctx); err != nil {
		return err
	}
	w.ended = true
	if err := w.checkAll(ctx); err != nil {
		return err
	}
	return w.checkMetrics(ctx)
}

// note adds a line to the history.
func (w *world) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	w.result.History = append(w.result.History, line)
	_, _ = io.WriteString(w.digest, line+"\n") // a hash takes everything
	if w.o.Log != nil {
		_, _ = io.WriteString(w.o.Log, line+"\n") // whoever reads along may stop
	}
}
