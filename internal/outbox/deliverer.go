package outbox

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// The bounds of the work. An endpoint that fails is tried with one delivery a
// second until one succeeds, among at most lane others like it: it costs those
// that work nothing but its first slow answers.
const (
	every      = time.Second // between looks for work
	page       = 200         // endpoints a look reads at once
	keptBatch  = 100         // deliveries of one claim that are only kept
	batch      = 200         // deliveries of one claim
	lane       = 64          // endpoints served at once, of those that work and of those that fail
	unstored   = 128         // answers that are not stored yet, of all endpoints: what a crash would send twice
	longestTry = time.Minute // no try takes longer: none is begun when so little of the lease is left
)

// The fault points of a delivery. A failure there ends the work on the claimed
// batch as a crash would.
const (
	FaultClaimed = "outbox.claimed" // claimed and rendered, nothing sent
	FaultSent    = "outbox.sent"    // sent and answered, nothing stored
)

// Work is what a Deliverer does for its deliveries.
type Work struct {
	// Render spells the bodies of deliveries of one endpoint from their events, one
	// Rendering each. It runs in the transaction of the claim; an error undoes the
	// claim, so whatever is wrong with a single delivery is said in its Rendering.
	Render func(tx *db.Tx, e Endpoint, list []Delivery) ([]Rendering, error)
	// Deliver makes one try outside of any transaction. It bounds its own time
	// and may be called after ctx of Run has ended, for none but what had begun.
	Deliver func(ctx context.Context, e Endpoint, d Delivery) Answer
	// Disabled is told, in the transaction that does it, that the program
	// disabled an endpoint, and the machine's time.
	Disabled func(tx *db.Tx, e Endpoint, now time.Time) error
	// Replays goes on with replays of many, each by one piece, and reports whether
	// one is not done. It is called at each look of Run; nil where there are none.
	Replays func(ctx context.Context) (more bool, err error)
	// Bounced is told, in the transaction that gives it up, of a delivery with the
	// verdict Bounced.
	Bounced func(tx *db.Tx, e Endpoint, d Delivery) error
	// Faults is for tests; nil never fails.
	Faults *db.Faults
}

// Fate is what is to be done with a delivery that was rendered.
type Fate uint8

// The fates.
const (
	Send   Fate = iota // its body is brought to the endpoint
	Keep               // its body is kept where it is: it is done without being sent
	Drop               // nothing was owed after all; it leaves no trace
	Refuse             // it cannot be made; it is dead with a reason
)

// Rendering is what Render made of a delivery.
type Rendering struct {
	Fate   Fate
	Body   string // to Send or Keep
	Reason string // to Refuse
}

// Deliverer brings due deliveries to their endpoints. Several processes may run
// one each on the same database.
type Deliverer struct {
	db    *db.DB
	clock clock.Clock // the machine's, not an account's
	log   *slog.Logger
	work  Work

	wake    chan struct{}
	working chan struct{} // a slot for each endpoint that works and is being served
	failing chan struct{} // a slot for each endpoint that fails and is being served
	answers chan struct{} // a slot for each answer that is not stored yet
	runs    sync.WaitGroup
	mu      sync.Mutex
	busy    map[id.Endpoint]bool
}

// NewDeliverer makes a Deliverer that does nothing until Run.
func NewDeliverer(d *db.DB, c clock.Clock, log *slog.Logger, work Work) *Deliverer {
	return &Deliverer{db: d, clock: c, log: log, work: work, wake: make(chan struct{}, 1),
		working: make(chan struct{}, lane), failing: make(chan struct{}, lane), answers: make(chan struct{}, unstored), busy: map[id.Endpoint]bool{}}
}

// Wake makes Run look for work now instead of within a second. It never blocks.
func (d *Deliverer) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Then it begins nothing more, waits for the tries
// that are under way, stores what came of them, and returns.
func (d *Deliverer) Run(ctx context.Context) {
	defer d.runs.Wait()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for all := true; ; {
		d.replays(ctx)
		if err := d.look(ctx, all); err != nil && ctx.Err() == nil {
			d.log.ErrorContext(ctx, "looking for due deliveries failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			all = true
		case <-d.wake:
			all = false
		}
	}
}

// replays goes on with replays of many, and has Run look again soon while one is not
// done: what it made due is sent in between.
func (d *Deliverer) replays(ctx context.Context) {
	if d.work.Replays == nil {
		return
	}
	more, err := d.work.Replays(ctx)
	if err != nil && ctx.Err() == nil {
		d.log.ErrorContext(ctx, "going on with a replay failed", "error", err)
	}
	if more && err == nil {
		d.Wake()
	}
}

// look begins to serve every endpoint that has something due, is not being served
// and finds a free slot. Without all it leaves out those that fail.
func (d *Deliverer) look(ctx context.Context, all bool) error {
	var last Endpoint
	for {
		var found []Endpoint
		err := d.db.Read(ctx, func(tx *db.Tx) error {
			var err error
			found, err = Due(tx, d.clock.Now(), last.Account, last.ID, page)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range found {
			if all || e.FailingSince.IsZero() {
				d.begin(ctx, e)
			}
		}
		if len(found) < page {
			return nil
		}
		last = found[page-1]
	}
}

func (d *Deliverer) begin(ctx context.Context, e Endpoint) {
	slot, limit := d.working, batch
	if !e.FailingSince.IsZero() {
		slot, limit = d.failing, 1
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[e.ID] {
		return
	}
	select {
	case slot <- struct{}{}:
	default:
		return // the next one to end wakes Run
	}
	d.busy[e.ID] = true
	d.runs.Go(func() {
		again := d.serve(ctx, e, limit)
		d.mu.Lock()
		delete(d.busy, e.ID)
		full := len(slot) == cap(slot)
		d.mu.Unlock()
		<-slot
		if again || full {
			d.Wake()
		}
	})
}

// serve claims one batch for an endpoint, sends it and stores the answers. It
// reports whether the endpoint took all and may have more due.
func (d *Deliverer) serve(ctx context.Context, e Endpoint, limit int) (again bool) {
	log := d.log.With("account", e.Account.String(), "endpoint", e.ID.String())
	until := d.clock.Now().Add(Lease - longestTry)
	e, claimed, n, err := d.claim(ctx, e, limit)
	if err == nil {
		err = d.work.Faults.Hit(FaultClaimed)
	}
	if err != nil {
		if ctx.Err() == nil {
			log.ErrorContext(ctx, "claiming deliveries failed", "error", err)
		}
		return false
	}
	again = n > 0
	answers := d.send(ctx, e, claimed, until)
	for first := range answers {
		got := append([]answered{first}, waiting(answers)...)
		err := d.work.Faults.Hit(FaultSent)
		if err == nil {
			// What was sent is stored even when the program is stopping.
			e, err = d.settle(context.WithoutCancel(ctx), e, got)
		}
		for _, a := range got {
			if a.answer.Verdict != Untried {
				<-d.answers
			}
		}
		if err != nil {
			// The lease ends, and they are sent again.
			log.ErrorContext(ctx, "storing the answers to deliveries failed", "deliveries", len(got), "error", err)
			again = false
		}
		for _, a := range got {
			again = again && a.answer.Verdict.works()
		}
	}
	return again
}

// claim takes due deliveries and renders those that were never sent. It returns
// those to be sent, and how many were claimed.
func (d *Deliverer) claim(ctx context.Context, e Endpoint, limit int) (Endpoint, []Delivery, int, error) {
	var claimed []Delivery
	var n int
	now := d.clock.Now()
	err := d.db.Background(ctx, func(tx *db.Tx) error {
		var err error
		claimed, n = nil, 0
		e, err = LoadEndpoint(tx, e.Account, e.ID)
		if fault.Is(err, fault.NotFound) || err == nil && e.State != Enabled {
			return nil // removed or disabled since the look
		}
		if err != nil {
			return err
		}
		if claimed, err = Claim(tx, e, limit, now); err != nil {
			return err
		}
		n = len(claimed)
		claimed, err = d.render(tx, e, claimed, now)
		return err
	})
	return e, claimed, n, err
}

// render gives the claimed deliveries their bodies and returns those to be sent.
func (d *Deliverer) render(tx *db.Tx, e Endpoint, claimed []Delivery, now time.Time) ([]Delivery, error) {
	ready := make([]Delivery, 0, len(claimed))
	var fresh []Delivery
	for _, c := range claimed {
		if c.Body != "" {
			ready = append(ready, c)
		} else {
			fresh = append(fresh, c)
		}
	}
	if len(fresh) == 0 {
		return ready, nil
	}
	made, err := d.work.Render(tx, e, fresh)
	if err != nil {
		return nil, err
	}
	var rendered []*Delivery
	var settled []Delivery
	var dropped []int64
	for i := range fresh {
		c, r := &fresh[i], made[i]
		switch r.Fate {
		case Refuse:
			settled = append(settled, c.Settle(Answer{Verdict: Aborted, Failure: r.Reason}, now))
		case Drop:
			dropped = append(dropped, int64(c.ID))
		default:
			c.Body = r.Body
			rendered = append(rendered, c)
		}
	}
	if err := keepBodies(tx, rendered); err != nil {
		return nil, err
	}
	for i, c := range fresh {
		switch made[i].Fate {
		case Send:
			ready = append(ready, c)
		case Keep:
			settled = append(settled, c.Settle(Answer{Verdict: Accepted}, now))
		}
	}
	if err := remove(tx, e.Account, dropped); err != nil {
		return nil, err
	}
	_, err = Save(tx, settled)
	return ready, err
}

// Settle does at once what is due to one endpoint and is not to be sent: it renders
// it and keeps, drops or refuses it. What is to be sent is left to Run. It is for
// those who must not go on before that is done, and only for endpoints to which
// nothing is sent.
func (d *Deliverer) Settle(ctx context.Context, e Endpoint) error {
	for {
		_, ready, n, err := d.claim(ctx, e, keptBatch)
		if err != nil || len(ready) > 0 || n < keptBatch {
			return err
		}
	}
}

// answered is a claimed delivery and what its try came to.
type answered struct {
	delivery Delivery
	answer   Answer
}

// send tries the deliveries, as many at a time as the endpoint takes. After the first
// failure, once until has come, when somebody else may soon hold them, and once ctx has
// ended, the rest comes back untried. The channel closes after the last.
func (d *Deliverer) send(ctx context.Context, e Endpoint, claimed []Delivery, until time.Time) <-chan answered {
	answers := make(chan answered, len(claimed)) // never blocks: a try is not held up by the database
	next := make(chan Delivery, len(claimed))
	for _, c := range claimed {
		next <- c
	}
	close(next)
	var stop atomic.Bool
	var workers sync.WaitGroup
	for range min(e.InFlight, len(claimed)) {
		workers.Go(func() {
			for c := range next {
				a := Answer{Verdict: Untried}
				if !stop.Load() && ctx.Err() == nil && d.clock.Now().Before(until) {
					a = d.work.Deliver(context.WithoutCancel(ctx), e, c)
				}
				if a.Verdict == Failed || a.Verdict == Gone {
					stop.Store(true)
				}
				if a.Verdict != Untried {
					d.answers <- struct{}{} // whoever stores answers makes room
				}
				answers <- answered{c, a}
			}
		})
	}
	go func() {
		workers.Wait()
		close(answers)
	}()
	return answers
}

// waiting is what can be had from answers without waiting.
func waiting(answers <-chan answered) []answered {
	var got []answered
	for {
		select {
		case a, ok := <-answers:
			if !ok {
				return got
			}
			got = append(got, a)
		default:
			return got
		}
	}
}

// settle stores answers, and what they teach about the endpoint, which it returns.
func (d *Deliverer) settle(ctx context.Context, e Endpoint, got []answered) (Endpoint, error) {
	now := d.clock.Now()
	settled := make([]Delivery, len(got))
	answers := make([]Answer, len(got))
	for i, g := range got {
		settled[i], answers[i] = g.delivery.Settle(g.answer, now), g.answer
	}
	after, news := e.Learn(answers, now)
	err := d.db.Background(ctx, func(tx *db.Tx) error {
		lost, err := Save(tx, settled)
		if err != nil {
			return err
		}
		if err := logTries(tx, e.Account, settled, answers, lost); err != nil {
			return err
		}
		for i := range settled {
			if answers[i].Verdict == Bounced {
				if err := d.work.Bounced(tx, e, settled[i]); err != nil {
					return err
				}
			}
		}
		if !news {
			return nil
		}
		fresh, err := LoadEndpoint(tx, e.Account, e.ID)
		if fault.Is(err, fault.NotFound) {
			return nil // removed while it was being served
		}
		if err != nil {
			return err
		}
		var changed bool
		if after, changed = fresh.Learn(answers, now); !changed {
			return nil
		}
		if err := SaveEndpoint(tx, &after); err != nil {
			return err
		}
		if after.State == Disabled && fresh.State == Enabled {
			return d.work.Disabled(tx, after, now)
		}
		return nil
	})
	return after, err
}
