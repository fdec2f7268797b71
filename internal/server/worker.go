package server

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/report"
)

// The bounds of the scheduler.
const (
	every      = time.Second      // between looks for due work
	atOnce     = 2                // accounts that are worked on at one time
	longestGap = 5 * time.Minute  // between tries of an account whose work fails
	abandoned  = time.Minute      // a sandbox clock that stood so long on its way has lost whoever walked it
	bigJump    = 10 * time.Minute // of the machine's clock, forward, while the program runs
	heldFor    = 15 * time.Minute // live accounts after a big jump
	tidyEvery  = time.Hour
	leadsEvery = 5 * time.Minute
)

// Worker does what falls due: every second it looks for accounts with due work and
// works on some of them. Several processes may run one each on the same database.
type Worker struct {
	service *commerce.Service
	reader  *report.Reader
	clock   clock.Clock
	log     *slog.Logger
	alone   bool
	space   *Space

	wake  chan struct{}
	slots chan struct{}
	runs  sync.WaitGroup

	mu       sync.Mutex
	now      time.Duration // since Run began, by a clock that never jumps
	lastWall time.Time
	lastNow  time.Duration
	heldTill time.Duration // live accounts are not worked on until then
	tidyAt   time.Duration
	leadsAt  time.Duration
	last     id.Account // the account that was begun last, so that each has its turn
	busy     map[id.Account]bool
	failed   map[id.Account]failure
	walks    map[id.Account]walk
}

// failure is an account whose work failed.
type failure struct {
	times int
	until time.Duration
}

// walk is a sandbox clock on its way, as last seen.
type walk struct {
	offset time.Duration
	since  time.Duration
}

// NewWorker makes a Worker that does nothing until Run. Alone says that no other
// process can work on the database: what was under way when Run begins has been
// abandoned, and is continued at once. While space is scarce only what was begun is
// finished.
func NewWorker(s *commerce.Service, r *report.Reader, c clock.Clock, log *slog.Logger, alone bool, space *Space) *Worker {
	return &Worker{service: s, reader: r, clock: c, log: log, alone: alone, space: space, wake: make(chan struct{}, 1), slots: make(chan struct{}, atOnce),
		busy: map[id.Account]bool{}, failed: map[id.Account]failure{}, walks: map[id.Account]walk{}}
}

// Wake makes Run look for work now instead of within a second. It never blocks.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Resume tells that whoever walked a sandbox clock has given up, so that Run
// continues at once.
func (w *Worker) Resume(acc id.Account) {
	w.mu.Lock()
	w.walks[acc] = walk{offset: -1}
	w.mu.Unlock()
	w.Wake()
}

// Confirm says that a jump of the machine's clock was right: live accounts are
// worked on again. It reports whether they were held.
func (w *Worker) Confirm() bool {
	w.mu.Lock()
	held := w.heldTill > w.now
	w.heldTill = 0
	w.mu.Unlock()
	if held {
		w.log.Warn("the operator confirmed the machine's clock: live accounts are worked on again")
		w.Wake()
	}
	return held
}

// Run works until ctx ends. Then it begins nothing more, waits for what is under
// way to reach a safe point, and returns.
func (w *Worker) Run(ctx context.Context) {
	defer w.runs.Wait()
	tick := time.NewTicker(every)
	defer tick.Stop()
	var began time.Time
	first := true
	for {
		w.look(ctx, first)
		first = false
		select {
		case <-ctx.Done():
			return
		case at := <-tick.C: // it carries the reading of a clock that never jumps
			if began.IsZero() {
				began = at.Add(-every)
			}
			w.passed(at.Sub(began), w.clock.Now())
		case <-w.wake:
			w.passed(w.elapsed(), w.clock.Now()) // a jump is seen before anything is done
		}
	}
}

func (w *Worker) elapsed() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// passed notes how much time has passed since Run began, and looks whether the
// machine's clock agrees.
func (w *Worker) passed(now time.Duration, wall time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	jump := wall.Sub(w.lastWall) - (now - w.lastNow)
	known := !w.lastWall.IsZero()
	w.now, w.lastNow, w.lastWall = now, now, wall
	switch {
	case !known:
	case jump > bigJump:
		w.heldTill = now + heldFor
		w.log.Error("the machine's clock jumped forward: live accounts are held for 15 minutes; when the time is right run: perennial clock confirm",
			"seconds", int64(jump.Seconds()), "clock", wall)
	case jump < -bigJump:
		w.log.Warn("the machine's clock was set back; nothing is billed twice, and what falls due waits for the time to come again",
			"seconds", int64(jump.Seconds()), "clock", wall)
	}
}

// look begins to work on accounts that have something due.
func (w *Worker) look(ctx context.Context, first bool) {
	w.space.Look()
	w.tidy(ctx)
	w.lookForLeads(ctx)
	work, err := w.service.Work(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.log.Warn("looking for due work failed", "err", err)
		}
		return
	}
	w.forget(work)
	turn := slices.IndexFunc(work, func(acc id.Account) bool { return acc > w.last })
	if turn > 0 {
		work = append(slices.Clone(work[turn:]), work[:turn]...)
	}
	for _, acc := range work {
		if !w.may(ctx, acc, first) {
			continue
		}
		select {
		case w.slots <- struct{}{}:
		default:
			return // whoever ends wakes the next look
		}
		w.begin(ctx, acc)
	}
}

// forget drops what was noted about accounts that have nothing due.
func (w *Worker) forget(work []id.Account) {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := make(map[id.Account]bool, len(work))
	for _, acc := range work {
		due[acc] = true
	}
	for acc := range w.failed {
		if !due[acc] {
			delete(w.failed, acc)
		}
	}
	for acc := range w.walks {
		if !due[acc] {
			delete(w.walks, acc)
		}
	}
}

// may reports whether an account can be worked on now.
func (w *Worker) may(ctx context.Context, acc id.Account, first bool) bool {
	w.mu.Lock()
	waits := w.busy[acc] || w.failed[acc].until > w.now
	w.mu.Unlock()
	if waits {
		return false
	}
	a, _, err := w.reader.Account(ctx, acc)
	if err != nil {
		return false // the next look will see
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.Mode == account.Live {
		return w.heldTill <= w.now
	}
	return a.ClockTarget.IsZero() || first && w.alone || w.left(a)
}

// left reports whether the walk of a sandbox clock has been left by whoever began
// it, which may be a request that this process is answering.
func (w *Worker) left(a account.Account) bool {
	seen, known := w.walks[a.ID]
	if known && seen.offset == -1 {
		return true
	}
	if !known || seen.offset != a.ClockOffset {
		w.walks[a.ID] = walk{a.ClockOffset, w.now}
		return false
	}
	return w.now-seen.since >= abandoned
}

// begin works on one account in the background.
func (w *Worker) begin(ctx context.Context, acc id.Account) {
	w.mu.Lock()
	w.busy[acc] = true
	w.last = acc
	w.mu.Unlock()
	w.runs.Go(func() {
		err := w.work(ctx, acc)
		<-w.slots
		w.ended(acc, err, ctx.Err() != nil)
		w.Wake()
	})
}

// work does what is due on one account. A defect in it is an error like others.
func (w *Worker) work(ctx context.Context, acc id.Account) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("due work broke: %v", p)
			w.log.Error("due work broke the program", "account", acc, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	if w.space.Scarce() {
		return w.service.SettleAccount(ctx, acc)
	}
	run, err := w.service.RunAccount(ctx, acc)
	if run.Due > 0 {
		w.log.Info("due work", "account", acc, "due", run.Due, "collected", run.Collected, "declined", run.Declined, "unknown", run.Unknown, "ended", run.Ended)
	}
	return err
}

// ended notes how the work on an account went, and when it is tried again.
func (w *Worker) ended(acc id.Account, err error, stopping bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, acc)
	if err == nil || stopping {
		delete(w.failed, acc)
		delete(w.walks, acc)
		return
	}
	w.walks[acc] = walk{offset: -1} // it was left to this process
	f := w.failed[acc]
	f.times++
	gap := min(time.Second<<min(f.times-1, 10), longestGap)
	f.until = w.now + gap
	w.failed[acc] = f
	w.log.Warn("due work failed and will be tried again", "account", acc, "err", err, "tries", f.times, "seconds", int64(gap.Seconds()))
}

// lookForLeads calls leads abandoned every few minutes.
func (w *Worker) lookForLeads(ctx context.Context) {
	w.mu.Lock()
	due := w.now >= w.leadsAt
	if due {
		w.leadsAt = w.now + leadsEvery
	}
	w.mu.Unlock()
	if !due {
		return
	}
	w.runs.Go(func() {
		if err := w.service.LookForLeads(ctx); err != nil && ctx.Err() == nil {
			w.log.Warn("leads that left could not be noted; the next try is in a few minutes", "err", err)
		}
	})
}

// tidy forgets outdated answers once an hour.
func (w *Worker) tidy(ctx context.Context) {
	w.mu.Lock()
	due := w.now >= w.tidyAt
	if due {
		w.tidyAt = w.now + tidyEvery
	}
	w.mu.Unlock()
	if !due {
		return
	}
	w.runs.Go(func() {
		if _, err := w.service.Housekeep(ctx); err != nil && ctx.Err() == nil {
			w.log.Warn("outdated answers could not be forgotten; the next try is in an hour", "err", err)
		}
	})
}
