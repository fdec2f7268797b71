package dashboard

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/period"
	"perennial/internal/web"
)

// clockForm is the form that moves the clock as it was filled in.
type clockForm struct {
	From, To string // From is the account's time when the page was shown, in microseconds
	Key      string
	Problems []web.Problem
}

// dueShown is how many things that fall due the page lists.
const dueShown = 20

func (v *visit) clock() {
	if !v.sandbox() {
		v.fail(errNoPage)
		return
	}
	v.showClock(http.StatusOK, clockForm{})
}

func (v *visit) showClock(status int, f clockForm) {
	if w := v.walks.of(v.acc.ID); w != nil && w.running() {
		web.Redirect(v.w, v.r, v.at("developers", "clock", w.key))
		return
	}
	next, err := v.report.Upcoming(v.r.Context(), v.acc.ID, v.now.Add(account.MaxAdvance), dueShown)
	if err != nil {
		v.fail(err)
		return
	}
	f.Key, f.From = operationKey(), strconv.FormatInt(clock.Micros(v.now), 10)
	p := v.page("Sandbox clock")
	p.Header.Lead = "Move the account's time and everything that falls due on the way happens in order: renewals, retries, scheduled ends."
	if !v.acc.ClockTarget.IsZero() {
		p.Notice = &web.Message{Kind: web.Info, Title: "The clock is on its way to " + v.dateTime(v.acc.ClockTarget), Text: "It was moved elsewhere. Load this page again to see where it is."}
	}
	web.Render(v.w, v.r, status, clockPage(v, p, next, f))
}

// target is where a form wants the clock to go. Steps count from the time that the
// page showed, so that sending it twice leads to the same instant.
func (v *visit) target() (time.Time, error) {
	from := v.now
	if micros, err := strconv.ParseInt(v.r.PostForm.Get("from"), 10, 64); err == nil && micros > 0 && clock.InRange(clock.Time(micros)) {
		from = clock.Time(micros)
	}
	local := from.In(v.zone)
	switch v.r.PostForm.Get("step") {
	case "day":
		return local.AddDate(0, 0, 1).UTC(), nil
	case "month":
		anchor := period.Anchor{Start: from, Zone: v.zone}
		return anchor.Boundary(period.Interval{Unit: period.Month, Count: 1}, 1), nil
	case "year":
		anchor := period.Anchor{Start: from, Zone: v.zone}
		return anchor.Boundary(period.Interval{Unit: period.Year, Count: 1}, 1), nil
	case "next":
		next, err := v.report.Upcoming(v.r.Context(), v.acc.ID, v.now.Add(account.MaxAdvance), 1)
		if err != nil {
			return from, err
		}
		if len(next) == 0 {
			return from, fault.New(fault.Conflict, "Nothing falls due in the next ten years.")
		}
		return next[0].At, nil
	}
	to, err := period.ParseDate(strings.TrimSpace(v.r.PostForm.Get("to")), v.zone)
	if err != nil {
		return from, fault.BadField("to", "%s", fault.As(err).Message)
	}
	return to, nil
}

func (v *visit) moveClock() {
	if !v.sandbox() {
		v.fail(errNoPage)
		return
	}
	if !v.form() {
		return
	}
	key := v.r.PostForm.Get(keyField)
	if key == "" || len(key) > 64 || strings.ContainsAny(key, "/?#%") {
		v.fail(fault.New(fault.Invalid, "The form was not complete. Send it again."))
		return
	}
	if w := v.walks.of(v.acc.ID); w != nil && (w.running() || w.key == key) {
		v.done(v.at("developers", "clock", w.key))
		return
	}
	to, err := v.target()
	if err == nil {
		aimed := v.acc
		err = aimed.Aim(v.o.Clock.Now(), to)
	}
	if err != nil {
		if problems, status, ok := v.again(err); ok {
			v.showClock(status, clockForm{To: v.r.PostForm.Get("to"), Problems: problems})
		}
		return
	}
	w, started := v.walks.start(v.acc.ID, key, v.now, to)
	if started {
		go v.advance(w, commerce.Call{Account: v.acc.ID, Actor: v.actor()})
	}
	v.done(v.at("developers", "clock", w.key))
}

// againAfter is how long a walk that meets other work waits before it goes on.
const againAfter = time.Second

// advance walks the clock in the background, after the request is over. What is
// interrupted with the server is continued by its worker.
func (d *site) advance(w *walk, call commerce.Call) {
	ctx := d.o.Background
	done, err := d.commerce.AdvanceClock(ctx, commerce.AdvanceClock{Call: call, To: w.to, Progress: w.report})
	for fault.Is(err, fault.Unavailable) && ctx.Err() == nil {
		// Some of what is due is in other hands, such as the server's worker.
		timer := time.NewTimer(againAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			continue
		}
		a, now, lookErr := d.report.Account(ctx, call.Account)
		if lookErr == nil && a.ClockTarget.IsZero() && !now.Before(w.to) {
			err = nil
			continue
		}
		_, err = d.commerce.RunAccount(ctx, call.Account)
	}
	if err != nil && ctx.Err() == nil && fault.Is(err, fault.Internal) {
		d.o.Log.Error("a sandbox clock could not be moved", "account", call.Account, "err", err)
	}
	w.finish(done.Run, err)
}

func (v *visit) walk() {
	w := v.walks.of(v.acc.ID)
	if w == nil || w.key != v.r.PathValue("walk") {
		web.Redirect(v.w, v.r, v.at("developers", "clock"))
		return
	}
	p := v.page("Moving the clock")
	p.Crumbs, p.Narrow = []web.Link{{Label: "Sandbox clock", Href: v.at("developers", "clock")}}, true
	if w.running() {
		p.Refresh = 3
	} else {
		p.Title = "The clock was moved"
	}
	v.show(walkPage(p, v.jobOf(w), v.at("developers", "clock")))
}

func (v *visit) walkProgress() {
	w := v.walks.of(v.acc.ID)
	if w == nil || w.key != v.r.PathValue("walk") {
		v.fail(errNoPage)
		return
	}
	v.show(web.Progress(v.jobOf(w)))
}

// jobOf is a walk as its page shows it.
func (v *visit) jobOf(w *walk) web.Job {
	s := w.now()
	unit, word := 24*time.Hour, "days"
	if w.to.Sub(w.from) < 3*unit {
		unit, word = time.Hour, "hours"
	}
	j := web.Job{ID: "clock", State: web.JobRunning, Total: max(1, int64(w.to.Sub(w.from)/unit)), Done: int64(s.at.Sub(w.from) / unit), PollHref: v.at("developers", "clock", w.key, "progress")}
	j.Phase = "At " + v.date(s.at) + ", counting " + word + ". " + runText(s.run)
	switch {
	case !s.over:
	case s.err != nil:
		j.State, j.Result = web.JobFailed, "The clock stopped on its way: "+fault.As(s.err).Message
	default:
		j.State, j.Total, j.Done = web.JobDone, 0, 0
		j.Result = "It is " + v.dateTime(w.to) + " now. " + runText(s.run)
		j.ResultLink = &web.Link{Label: "See the invoices", Href: v.at("invoices")}
	}
	return j
}

func runText(r commerce.Run) string {
	if r == (commerce.Run{}) {
		return "Nothing fell due."
	}
	text := web.CountText(int64(r.Collected)) + " charged, " + web.CountText(int64(r.Declined)) + " declined"
	if r.Unknown > 0 {
		text += ", " + web.CountText(int64(r.Unknown)) + " not answered"
	}
	if r.Ended > 0 {
		text += ", " + web.CountText(int64(r.Ended)) + " ended"
	}
	return text + "."
}

// walks are the walks of sandbox clocks that this process began, the latest of each
// account.
type walks struct {
	mu   sync.Mutex
	list map[id.Account]*walk
}

func newWalks() *walks { return &walks{list: map[id.Account]*walk{}} }

func (w *walks) of(acc id.Account) *walk {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list[acc]
}

// start notes a new walk, unless one is running or the key was used.
func (w *walks) start(acc id.Account, key string, from, to time.Time) (*walk, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.list[acc]; old != nil && (old.key == key || old.running()) {
		return old, false
	}
	fresh := &walk{key: key, from: from, to: to, state: walkState{at: from}}
	w.list[acc] = fresh
	return fresh, true
}

// walk is a clock on its way.
type walk struct {
	key      string
	from, to time.Time

	mu    sync.Mutex
	state walkState
}

type walkState struct {
	at   time.Time
	run  commerce.Run
	over bool
	err  error
}

func (w *walk) now() walkState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

func (w *walk) running() bool { return !w.now().over }

func (w *walk) report(p commerce.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state.at, w.state.run = p.At, p.Run
}

func (w *walk) finish(run commerce.Run, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state.over, w.state.err = true, err
	if err == nil {
		w.state.at = w.to
	}
	if run != (commerce.Run{}) {
		w.state.run = run
	}
}
