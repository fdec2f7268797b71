package outbox

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// The bounds of the work. An endpoint that fails is tried with one delivery a
// second until one succeeds, among at most laneWidth others like it: it costs those
// that work nothing but its first slow answers.
const (
	every      = time.Second // between looks for work
	page       = 200         // endpoints a look reads at once
	batch      = 100         // deliveries of one claim
	laneWidth  = 64          // endpoints served at once, of those that work and of those that fail
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
	// Dialects are those that endpoints may speak besides ours, by their names; their
	// bodies are made by them and not by Render.
	Dialects map[string]Dialect
	// Deliver makes one try outside of any transaction. It bounds its own time
	// and may be called after ctx of Run has ended, for none but what had begun.
	Deliver func(ctx context.Context, e Endpoint, d Delivery) Answer
	// Disabled is told, in the transaction that does it, that the program
	// disabled an endpoint, and the machine's time.
	Disabled func(tx *db.Tx, e Endpoint, now time.Time) error
	// Outage is told, in the transaction that notes it, that an outage of an endpoint began
	// (then Endpoint.Outage) and why its last try failed, or that it is over, and the
	// machine's time.
	Outage func(tx *db.Tx, e Endpoint, failure string, now time.Time) error
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
	Wait               // it is too early to say: it is rendered again at Until
)

// Rendering is what Render made of a delivery.
type Rendering struct {
	Fate   Fate
	Body   string    // to Send or Keep
	Reason string    // to Refuse
	Until  time.Time // to Wait, on the machine's clock
}

// Deliverer brings due deliveries to their endpoints. Several processes may run
// one each on the same database.
type Deliverer struct {
	db    *db.DB
	clock clock.Clock // the machine's, not an account's
	log   *slog.Logger
	work  Work

	wake    chan struct{}
	runs    sync.WaitGroup
	storers []chan answered // each stores the answers of its part of the accounts
	mu      sync.Mutex
	working lane
	failing lane
	busy    map[id.Endpoint]bool // being served, or in a queue
}

// lane is where endpoints are served that work, or that fail: some at once, the rest in
// the order in which their turn came, so that none waits for another look at all of them.
type lane struct {
	free  int // how many more may be served at once
	batch int // deliveries of one claim
	queue []Endpoint
}

// NewDeliverer makes a Deliverer that does nothing until Run.
func NewDeliverer(d *db.DB, c clock.Clock, log *slog.Logger, work Work) *Deliverer {
	return &Deliverer{db: d, clock: c, log: log, work: work, wake: make(chan struct{}, 1),
		working: lane{free: laneWidth, batch: batch}, failing: lane{free: laneWidth, batch: 1}, busy: map[id.Endpoint]bool{}}
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
	defer d.store()()
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

// look begins to serve every endpoint that has something due and is not being served.
// Without all it leaves out those that fail.
func (d *Deliverer) look(ctx context.Context, all bool) error {
	var last Endpoint
	for more := true; more; {
		var found []Endpoint
		err := d.db.Read(ctx, func(tx *db.Tx) (err error) {
			found, last, more, err = Due(tx, d.clock.Now(), last.Account, last.ID, page)
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
	}
	return nil
}

// begin serves an endpoint, or queues it where as many as may be are served.
func (d *Deliverer) begin(ctx context.Context, e Endpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &d.working
	if !e.FailingSince.IsZero() {
		l = &d.failing
	}
	switch {
	case d.busy[e.ID]:
		return
	case l.free == 0:
		l.queue = append(l.queue, e)
	default:
		l.free--
		d.runs.Go(func() { d.turns(ctx, l, e) })
	}
	d.busy[e.ID] = true
}

// turns serves an endpoint and then those that wait in its lane, one batch each. One that
// may have more due goes to the end of the queue of those that work.
func (d *Deliverer) turns(ctx context.Context, l *lane, e Endpoint) {
	for more := true; more; {
		again := d.serve(ctx, e, l.batch)
		d.mu.Lock()
		delete(d.busy, e.ID)
		if again = again && ctx.Err() == nil; again && l == &d.working {
			d.busy[e.ID], again = true, false
			l.queue = append(l.queue, e)
		}
		works := e
		if more = len(l.queue) > 0 && ctx.Err() == nil; more {
			e, l.queue = l.queue[0], l.queue[1:]
		} else {
			l.free++
		}
		d.mu.Unlock()
		if again { // it failed before
			works.FailingSince = time.Time{}
			d.begin(ctx, works)
		}
	}
}

// serve claims one batch for an endpoint, sends it and has the answers stored. It
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
	b := &batched{endpoint: e, log: log, took: n > 0}
	b.unstored.Add(len(claimed))
	d.send(ctx, b, claimed, until)
	b.unstored.Wait()
	return b.took
}

// claim takes due deliveries and renders those that were never sent. It returns
// those to be sent, and how many were claimed.
func (d *Deliverer) claim(ctx context.Context, e Endpoint, limit int) (Endpoint, []Delivery, int, error) {
	var claimed []Delivery
	var n int
	var made map[id.Delivery]Rendering
	now := d.clock.Now()
	claim := func(tx *db.Tx) error {
		var err error
		claimed, n = nil, 0
		e, err = LoadEndpoint(tx, e.Account, e.ID)
		if fault.Is(err, fault.NotFound) || err == nil && e.State != Enabled {
			return nil // removed or disabled since the look
		}
		if err != nil {
			return err
		}
		if e.Dialect != "" && made == nil {
			return nil // it is composed first
		}
		if claimed, err = dueFor(tx, e, limit, now, tx.Claim()); err != nil {
			return err
		}
		n = len(claimed)
		claimed, err = d.render(tx, e, claimed, made, now)
		return err
	}
	err := d.db.Background(ctx, claim)
	if err == nil && e.Dialect != "" && e.State == Enabled {
		if made, err = d.compose(ctx, e, limit, now); err == nil {
			err = d.db.Background(ctx, claim)
		}
	}
	return e, claimed, n, err
}

// compose has an endpoint's dialect make the bodies of deliveries that are due and have
// none, for a claim to store.
func (d *Deliverer) compose(ctx context.Context, e Endpoint, limit int, now time.Time) (map[id.Delivery]Rendering, error) {
	speaks, ok := d.work.Dialects[e.Dialect]
	if !ok {
		return nil, fault.New(fault.Internal, "nothing here speaks the dialect %s of the endpoint", e.Dialect)
	}
	var due []Delivery
	err := d.db.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = dueFor(tx, e, limit, now, "")
		return err
	})
	due = slices.DeleteFunc(due, func(v Delivery) bool { return v.Body != "" })
	made := make(map[id.Delivery]Rendering, len(due))
	if err != nil || len(due) == 0 {
		return made, err
	}
	list, err := speaks.Compose(ctx, e, due)
	if err != nil {
		return nil, err
	}
	for i, r := range list {
		made[due[i].ID] = r
	}
	return made, nil
}

// bodies are the bodies of deliveries that have none: those that were composed, or else
// rendered now. Those that became due after the others were composed are left out.
func (d *Deliverer) bodies(tx *db.Tx, e Endpoint, fresh []Delivery, composed map[id.Delivery]Rendering) ([]Delivery, []Rendering, error) {
	if e.Dialect == "" {
		made, err := d.work.Render(tx, e, fresh)
		return fresh, made, err
	}
	fresh = slices.DeleteFunc(fresh, func(v Delivery) bool { _, ok := composed[v.ID]; return !ok })
	made := make([]Rendering, len(fresh))
	for i, v := range fresh {
		made[i] = composed[v.ID]
	}
	return fresh, made, nil
}

// render gives deliveries that are due their bodies, claims them, and returns those to be
// sent.
func (d *Deliverer) render(tx *db.Tx, e Endpoint, due []Delivery, composed map[id.Delivery]Rendering, now time.Time) ([]Delivery, error) {
	claimed := make([]Delivery, 0, len(due))
	fate := make([]Fate, 0, len(due))
	why := map[id.Delivery]string{}
	var fresh []Delivery
	for _, c := range due {
		if c.Body != "" {
			claimed, fate = append(claimed, c), append(fate, Send)
		} else {
			fresh = append(fresh, c)
		}
	}
	if len(fresh) > 0 {
		fresh, made, err := d.bodies(tx, e, fresh, composed)
		if err != nil {
			return nil, err
		}
		var dropped []int64
		var early []Delivery
		for i, c := range fresh {
			switch made[i].Fate {
			case Drop:
				dropped = append(dropped, int64(c.ID))
				continue
			case Wait:
				c.NextAt = made[i].Until
				early = append(early, c)
				continue
			case Refuse:
				why[c.ID] = made[i].Reason
			default:
				c.Body = made[i].Body
			}
			claimed, fate = append(claimed, c), append(fate, made[i].Fate)
		}
		if err := remove(tx, e.Account, dropped); err != nil {
			return nil, err
		}
		if err := postpone(tx, early); err != nil {
			return nil, err
		}
	}
	if err := lease(tx, claimed, now); err != nil {
		return nil, err
	}
	ready := make([]Delivery, 0, len(claimed))
	var settled []Delivery
	for i, c := range claimed {
		switch fate[i] {
		case Refuse:
			settled = append(settled, c.Settle(Answer{Verdict: Aborted, Failure: why[c.ID]}, now))
		case Keep:
			settled = append(settled, c.Settle(Answer{Verdict: Accepted}, now))
		default:
			ready = append(ready, c)
		}
	}
	_, err := Save(tx, settled)
	return ready, err
}

// Settle does at once what is due to one endpoint and is not to be sent: it renders
// it and keeps, drops or refuses it. What is to be sent is left to Run. It is for
// those who must not go on before that is done, and only for endpoints to which
// nothing is sent.
func (d *Deliverer) Settle(ctx context.Context, e Endpoint) error {
	for {
		_, ready, n, err := d.claim(ctx, e, batch)
		if err != nil || len(ready) > 0 || n < batch {
			return err
		}
	}
}

// send tries the deliveries, as many at a time as the endpoint takes, and hands what came
// of each to its storer. After the first failure, once until has come, when somebody else
// may soon hold them, and once ctx has ended, the rest goes back untried.
func (d *Deliverer) send(ctx context.Context, b *batched, claimed []Delivery, until time.Time) {
	store := d.storer(b.endpoint.Account)
	e := b.endpoint // what is learned meanwhile is for the next batch
	var next atomic.Int64
	var stop atomic.Bool
	var workers sync.WaitGroup
	for range min(e.InFlight, len(claimed)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(claimed)); i = next.Add(1) - 1 {
				a := Answer{Verdict: Untried}
				if !stop.Load() && ctx.Err() == nil && d.clock.Now().Before(until) {
					a = d.work.Deliver(context.WithoutCancel(ctx), e, claimed[i])
				}
				if a.Verdict == Failed || a.Verdict == Gone {
					stop.Store(true)
				}
				store <- answered{b, claimed[i], a} // it blocks while too many wait to be stored
			}
		})
	}
	workers.Wait()
}
