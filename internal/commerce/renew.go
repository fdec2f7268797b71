package commerce

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

// The renewal run is a pipeline of three stages that work at the same time: claim
// (one transaction writes invoices and pending payments of a batch), charge (many
// calls to gateways, no transaction open), settle (one transaction writes the
// outcomes of whatever has come back). What is between the stages is bounded, so
// memory does not grow with the number that is due.
const (
	inFlight  = 512                   // calls to gateways at one time
	hanging   = 4 * inFlight          // the same, with those that have been waited for longer than patience
	patience  = time.Second           // after which a call no longer keeps another from beginning
	gatherFor = 25 * time.Millisecond // how long a settlement waits for the outcomes on their way
	leaseFor  = time.Minute
)

// batch is how many subscriptions one claim takes, and how many outcomes one
// settlement writes. On SQLite it holds the only writer, for about 10 ms; on
// PostgreSQL nobody waits for it, and fewer and larger statements cost less.
func (s *Service) batch() int {
	if s.db.Engine() == db.PostgreSQL {
		return 1000
	}
	return 200
}

// Run counts what a run of due work did.
type Run struct {
	Due       int // subscriptions on which something was due
	Collected int
	Declined  int
	Unknown   int
	Ended     int // subscriptions that ended, as scheduled or after their last try
}

func (r *Run) add(o Run) {
	r.Due += o.Due
	r.Collected += o.Collected
	r.Declined += o.Declined
	r.Unknown += o.Unknown
	r.Ended += o.Ended
}

// renewal is one run over one account.
type renewal struct {
	s    *Service
	acc  id.Account
	upTo time.Time
	walk bool // each thing happens at the instant it was due, not at upTo; see walk.go

	mu      sync.Mutex
	run     Run
	flight  sync.WaitGroup // collections between claim and settlement
	coming  atomic.Int64   // collections between claim and the beginning of their settlement
	charges chan *collection
	results chan *collection
}

// RunDue does everything that is due on the account's subscriptions at now, an instant
// of the account's clock, until nothing more is due. A run that comes late does what
// one would have done that came at each instant, in the same order: ends, changes and
// pauses take effect when they were due; invoices and charges are made now. Interrupted
// anywhere it can be run again: what was charged is not charged twice.
func (s *Service) RunDue(ctx context.Context, acc id.Account, now time.Time) (Run, error) {
	r := &renewal{s: s, acc: acc, upTo: now, charges: make(chan *collection, inFlight), results: make(chan *collection, inFlight)}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(r.charges)
		return r.claimAll(ctx)
	})
	group.Go(func() error {
		defer close(r.results)
		r.chargeAll(ctx)
		return nil
	})
	group.Go(func() error { return r.settleAll(ctx) })
	err := group.Wait()
	return r.run, err
}

// claimAll claims batch after batch until nothing is due and nothing is under way
// that could fall due again.
func (r *renewal) claimAll(ctx context.Context) error {
	for {
		before := r.counted() // before the claim looks: what is settled after that may be due again
		batch, due, err := r.claim(ctx)
		if err != nil {
			return err
		}
		r.coming.Add(int64(len(batch)))
		for _, c := range batch {
			r.flight.Add(1)
			select {
			case r.charges <- c:
			case <-ctx.Done():
				r.flight.Done()
				return ctx.Err()
			}
		}
		if due > 0 {
			continue
		}
		again, err := r.drained(ctx, before)
		if err != nil || !again {
			return err
		}
	}
}

// counted is what the run has done so far.
func (r *renewal) counted() Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.run
}

// drained waits until everything under way is settled and reports whether anything
// was since before, because then more may be due.
func (r *renewal) drained(ctx context.Context, before Run) (bool, error) {
	done := make(chan struct{})
	go func() {
		r.flight.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return r.counted() != before, nil
}

// chargeAll asks the gateways, as many at a time as inFlight. A call that hangs gives
// its place away, so that a few do not hold up all others, and goes on.
func (r *renewal) chargeAll(ctx context.Context) {
	var calls sync.WaitGroup
	young, all := make(chan struct{}, inFlight), make(chan struct{}, hanging)
	for c := range r.charges {
		if c.result.Outcome != payment.Unknown { // declined unasked: there is no method to charge
			r.results <- c
			continue
		}
		young <- struct{}{}
		all <- struct{}{}
		if c.stale(r.s.clock.Now()) { // it waited here too long: by now it may be somebody else's
			<-young
			<-all
			r.coming.Add(-1)
			r.flight.Done()
			continue
		}
		calls.Go(func() {
			leave := sync.OnceFunc(func() { <-young })
			aged := time.AfterFunc(patience, leave)
			r.s.charge(context.WithoutCancel(ctx), c)
			aged.Stop()
			leave()
			<-all
			r.results <- c
		})
	}
	calls.Wait()
}

// settleAll writes outcomes as they come back, as many in one transaction as are
// waiting. When that fails the run ends; what is still under way is settled by the
// next one.
func (r *renewal) settleAll(ctx context.Context) error {
	for first := range r.results {
		batch := r.gather(first)
		if err := r.s.settle(context.WithoutCancel(ctx), r.acc, batch); err != nil {
			r.flight.Add(-len(batch))
			go func() { // the stages before this one must not wait for it
				for range r.results {
					r.flight.Done()
				}
			}()
			return err
		}
		r.count(batch)
		r.flight.Add(-len(batch))
	}
	return nil
}

// gather adds to the first outcome those that come soon after it: many in one
// settlement cost a fraction of many settlements.
func (r *renewal) gather(first *collection) []*collection {
	most := r.s.batch()
	batch := append(make([]*collection, 0, most), first)
	patience := time.NewTimer(gatherFor)
	defer patience.Stop()
	r.coming.Add(-1)
	for len(batch) < most && r.coming.Load() > 0 {
		select {
		case c, ok := <-r.results:
			if !ok {
				return batch
			}
			batch = append(batch, c)
			r.coming.Add(-1)
		case <-patience.C:
			return batch
		}
	}
	return batch
}

// claiming is what one claim loads and writes.
type claiming struct {
	account   account.Account
	machine   time.Time
	upTo      time.Time
	walk      bool
	preview   bool // nothing is written
	recorded  bool // the money came in another way: no gateway is asked
	versions  map[id.Customer]int64
	products  map[id.Product]catalog.Product
	prices    map[id.Price]catalog.Price
	methods   map[id.Method]payment.Method
	unpaid    map[id.Invoice]invoice.Invoice
	attempts  map[id.Invoice][]payment.Payment
	special   *special // nil: nothing in the batch is more than a plain price
	batch     []*collection
	changed   []*subscription.Subscription
	leased    []*subscription.Subscription // on their way to the gateway
	moved     []*subscription.Subscription // the same, and their extras changed
	switched  []*subscription.Subscription // the same, and their terms changed
	changing  []*subscription.Subscription // whose scheduled change has come
	invoices  []invoice.Invoice
	issued    []*collection // whose invoices are new, in the order of invoices
	lines     []invoice.Line
	payments  []payment.Payment
	attempted []*collection // whose payments are new, in the order of payments
	entries   []ledger.Entry
	events    []event.Event
	undone    []subscription.Undone    // scheduled changes of subscriptions that end
	closing   []int64                  // invoices of subscriptions that end
	rules     rules                    // of recovery
	reminded  map[id.Subscription]bool // whose reminders changed
	recent    declines
	cases     map[id.Invoice]*recovery.Case // of what is tried again
	ended     int
}

// claim takes a batch of due subscriptions and writes, in one transaction,
// what each owes. It returns the collections that must be charged or settled, and
// how many subscriptions were due.
func (r *renewal) claim(ctx context.Context) ([]*collection, int, error) {
	var w *claiming
	var due int
	err := r.s.db.Background(ctx, func(tx *db.Tx) error {
		due = 0
		a, err := account.Load(tx, r.acc)
		if err != nil {
			return err
		}
		w = &claiming{account: a, machine: r.s.clock.Now(), upTo: r.upTo, walk: r.walk}
		subs, err := subscription.Claim(tx, r.acc, r.upTo, w.machine, r.s.batch())
		if err != nil || len(subs) == 0 {
			return err
		}
		if err := w.load(tx, subs); err != nil {
			return err
		}
		if r.walk {
			subs = w.alike(subs)
		}
		if err := w.loadUsage(tx, subs); err != nil {
			return err
		}
		due = len(subs)
		for i := range subs {
			before := subs[i]
			if err := w.decide(&subs[i]); err != nil {
				subs[i] = before
				w.setAside(&subs[i], w.at(&subs[i]), err)
			}
		}
		return w.write(tx)
	})
	if err != nil {
		return nil, 0, err
	}
	if w != nil {
		if err := r.change(ctx, w.changing); err != nil {
			return nil, 0, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run.Due += due
	r.run.Ended += w.ended
	return w.batch, due, nil
}

// change lets the scheduled changes of a claim come true, one after the other.
func (r *renewal) change(ctx context.Context, list []*subscription.Subscription) error {
	for _, sub := range list {
		now := r.upTo
		if r.walk {
			now = sub.NextActionAt
		}
		if err := r.s.comeTrue(context.WithoutCancel(ctx), r.acc, sub.ID, sub.Change, now); err != nil {
			return err
		}
	}
	return nil
}

// load reads what the batch shares, each kind in one query.
func (w *claiming) load(tx *db.Tx, subs []subscription.Subscription) error {
	var customers, products, prices, methods, invoices []int64
	seen := map[int64]bool{}
	once := func(list *[]int64, v int64) {
		if v != 0 && !seen[v] {
			seen[v] = true
			*list = append(*list, v)
		}
	}
	for i := range subs {
		once(&customers, int64(subs[i].Customer))
		once(&products, int64(subs[i].Product))
		once(&prices, int64(subs[i].Price))
		once(&methods, int64(subs[i].Method))
		once(&invoices, int64(subs[i].Invoice))
	}
	acc := w.account.ID
	var err error
	if w.versions, err = customer.Versions(tx, acc, customers); err != nil {
		return err
	}
	if w.products, err = catalog.ProductsByID(tx, acc, products); err != nil {
		return err
	}
	if w.prices, err = catalog.PricesByID(tx, acc, prices); err != nil {
		return err
	}
	if w.methods, err = payment.MethodsByID(tx, acc, methods); err != nil {
		return err
	}
	if w.rules, err = loadRules(tx, w.account, w.products); err != nil {
		return err
	}
	if err := w.loadSpecial(tx, subs, customers); err != nil {
		return err
	}
	if len(invoices) == 0 {
		return nil
	}
	if w.unpaid, err = invoice.ByID(tx, acc, invoices); err != nil {
		return err
	}
	if w.attempts, err = payment.OfInvoices(tx, acc, invoices); err != nil {
		return err
	}
	if w.recent, err = loadDeclines(tx, acc, slices.Collect(maps.Values(w.methods)), w.upTo); err != nil {
		return err
	}
	if w.cases, err = recovery.CasesOf(tx, acc, invoices); err != nil {
		return err
	}
	return w.loadPending(tx, seen)
}

// at is when what is due on a subscription is done. What it is, and as of when, is
// decided at the instant at which it fell due, which is the same in a walk alone.
func (w *claiming) at(sub *subscription.Subscription) time.Time {
	if w.walk {
		return sub.NextActionAt
	}
	return w.upTo
}

// pending is the payment of a subscription's unpaid invoice whose outcome was never
// settled, nil when there is none.
func (w *claiming) pending(sub *subscription.Subscription) *payment.Payment {
	tries := w.attempts[sub.Invoice]
	for i := range tries {
		if tries[i].State == payment.Pending {
			return &tries[i]
		}
	}
	return nil
}

// loadPending reads the methods of payments that were left pending: the one that
// was asked for need not be the subscription's any more.
func (w *claiming) loadPending(tx *db.Tx, seen map[int64]bool) error {
	var missing []int64
	for _, tries := range w.attempts {
		for _, p := range tries {
			if p.State == payment.Pending && !seen[int64(p.Method)] {
				seen[int64(p.Method)] = true
				missing = append(missing, int64(p.Method))
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := payment.MethodsByID(tx, w.account.ID, missing)
	maps.Copy(w.methods, found)
	return err
}

// decide does what is due on one subscription.
func (w *claiming) decide(sub *subscription.Subscription) error {
	fell, now := sub.NextActionAt, w.at(sub)
	pending, tries := w.pending(sub), w.attempts[sub.Invoice]
	switch sub.Due(pending != nil) {
	case subscription.Finish:
		return w.endBilled(sub, sub.CancelAt, subscription.ByRequest, fell, now)
	case subscription.Resume:
		c := w.collect(sub, w.unpaid[sub.Invoice], now)
		c.payment, c.method = *pending, w.methods[pending.Method]
	case subscription.Retry:
		w.retry(w.collect(sub, w.unpaid[sub.Invoice], now), tries)
	case subscription.Wait:
		sub.Replan()
		w.changed = append(w.changed, sub)
	case subscription.Bill:
		w.remind(sub)
		sub.Advance()
		return w.bill(sub, false, fell, now)
	case subscription.Complete:
		return w.complete(sub, fell, now)
	case subscription.ChangeDue:
		sub.LeaseUntil = w.machine.Add(leaseFor)
		w.changed, w.changing = append(w.changed, sub), append(w.changing, sub)
	case subscription.PauseNow:
		sub.EnterPause()
		w.change(sub, now, event.SubscriptionPaused, map[string]any{"until": sub.ResumeAt})
	case subscription.EndOfPause:
		collect := sub.Extras.Pausing != nil && sub.Extras.Pausing.Collect
		if err := sub.Unpause(collect, sub.ResumeAt); err != nil {
			return err
		}
		w.change(sub, now, event.PauseEnded, map[string]any{"next_charge": sub.NextActionAt})
	case subscription.PauseFee:
		return w.pauseFee(sub, fell, now)
	}
	return nil
}

// change notes that a subscription changed without a charge.
func (w *claiming) change(sub *subscription.Subscription, now time.Time, kind event.Kind, facts map[string]any) {
	w.changed = append(w.changed, sub)
	w.events = append(w.events, event.New(w.account.ID, now, event.Clock, kind, int64(sub.ID), sub.Customer, event.Data(facts)))
}

// setAside keeps a subscription that cannot be billed from holding up all others: it
// is looked at again a day later, and its story says why.
func (w *claiming) setAside(sub *subscription.Subscription, now time.Time, why error) {
	sub.NextActionAt = now.Add(24 * time.Hour)
	w.special.measures.giveUp(sub.ID)
	w.changed = append(w.changed, sub)
	w.events = append(w.events, event.New(w.account.ID, now, event.Clock, event.BillingFailed, int64(sub.ID), sub.Customer,
		event.Data(map[string]any{"reason": fault.As(why).Message, "again": sub.NextActionAt})))
}

// collect puts a subscription's invoice on its way to the gateway, under a lease.
func (w *claiming) collect(sub *subscription.Subscription, v invoice.Invoice, now time.Time) *collection {
	sub.LeaseUntil = w.machine.Add(leaseFor)
	sub.Invoice = v.ID
	w.leased = append(w.leased, sub)
	return w.send(sub, v, now)
}

// send is an invoice on its way to be charged with the subscription's method.
func (w *claiming) send(sub *subscription.Subscription, v invoice.Invoice, now time.Time) *collection {
	c := &collection{invoice: v, sub: sub, method: w.methods[sub.Method], at: now, actor: event.Clock, lease: w.machine.Add(leaseFor)}
	w.batch = append(w.batch, c)
	return c
}

// retry charges an unpaid invoice again, or lets the step pass when the schedule may not.
func (w *claiming) retry(c *collection, tries []payment.Payment) {
	last := w.recent.last(tries, c.method)
	caps := recovery.Caps{Most: w.rules.of(c.sub.Product).MaxDeclines, Declines: w.recent.of(c.method, payment.Payment{Amount: c.invoice.Due()})}
	blocked := recovery.Blocked
	if kase := w.cases[c.invoice.ID]; kase != nil && kase.NextStep == recovery.NewTry {
		blocked = recovery.Forbidden // something is new: what could not help before may help now
	}
	if last.ID != 0 && blocked(recovery.Class(last.Class), "", caps, c.at) != "" {
		c.passed, c.result = true, payment.Result{Outcome: payment.Declined, Code: last.DeclineCode}
		return
	}
	w.attempt(c, len(tries)+1)
}

// closeCases closes the cases of subscriptions that ended for another reason than that
// nobody paid.
func (w *claiming) closeCases(tx *db.Tx, acc id.Account) error {
	if len(w.closing) == 0 {
		return nil
	}
	return closeCases(tx, acc, w.closing, recovery.Canceled, w.upTo)
}

// attempt writes a pending payment for the collection; without a usable method it
// is declined unasked.
func (w *claiming) attempt(c *collection, number int) {
	if c.invoice.Due().IsZero() {
		c.nothingDue, c.result = true, payment.Result{Outcome: payment.Succeeded}
		return
	}
	if w.recorded {
		c.method = recordedMethod()
	} else if c.method.ID == 0 || c.method.State != payment.Usable {
		c.result = payment.Result{Outcome: payment.Declined, Code: "no_payment_method"}
		return
	}
	p := payment.Payment{ID: id.New[id.Payment](), Account: w.account.ID, Invoice: c.invoice.ID, Customer: c.invoice.Customer,
		Method: c.method.ID, Gateway: c.method.Gateway, Attempt: number, ByHand: w.recorded, State: payment.Pending, Amount: c.invoice.Due(), CreatedAt: c.at}
	if c.sub.State == subscription.Canceled { // nobody resumes it: the payment itself is asked for
		p.AskAt = payment.NextAsk(c.at, c.at)
	}
	w.payments = append(w.payments, p)
	w.attempted = append(w.attempted, c)
}

// bill issues the invoice of the period that a subscription has just entered, as it would
// have been when it fell due; chained when that begins other terms. A period that costs
// nothing needs none.
func (w *claiming) bill(sub *subscription.Subscription, chained bool, fell, now time.Time) error {
	product, price := w.products[sub.Product], w.prices[sub.Price]
	v := invoice.Invoice{ID: id.New[id.Invoice](), Account: w.account.ID, Customer: sub.Customer, Subscription: sub.ID, Reason: invoice.Renewal,
		Period: sub.Period, Span: sub.Span, Seller: w.account.Profile, Buyer: w.versions[sub.Customer], CreatedAt: now}
	if w.special.of(sub, price, product) {
		return w.billSpecial(sub, price, product, v, chained, fell)
	}
	amount, err := sub.Amount()
	if err != nil {
		return err
	}
	if amount.IsZero() {
		w.nothing(sub, chained, now)
		return nil
	}
	line, err := invoice.NewLine(invoice.ForPeriod, describe(product, price), sub.Price, sub.Quantity, sub.UnitAmount, w.account.Tax.Rate, sub.Span)
	if err != nil {
		return err
	}
	if err := w.issue(sub, &v, []invoice.Line{line}); err != nil {
		return err
	}
	if chained {
		w.switched = append(w.switched, sub)
	} else {
		w.lease(sub)
	}
	return nil
}

// lease saves a subscription on its way to the gateway, with as few columns as will do.
func (w *claiming) lease(sub *subscription.Subscription) {
	if w.reminded[sub.ID] {
		w.moved = append(w.moved, sub)
	} else {
		w.leased = append(w.leased, sub)
	}
}

// remind gives a subscription that enters a period the reminders of its present policy.
func (w *claiming) remind(sub *subscription.Subscription) {
	if now := reminders(w.rules.of(sub.Product)); sub.Reminders != now {
		sub.Reminders = now
		if w.reminded == nil {
			w.reminded = map[id.Subscription]bool{}
		}
		w.reminded[sub.ID] = true
	}
}

// nothing notes that the period that a subscription entered costs nothing.
func (w *claiming) nothing(sub *subscription.Subscription, chained bool, now time.Time) {
	kind := event.SubscriptionRenewed
	if sub.State == subscription.Trialing && !sub.InTrial() {
		kind = event.SubscriptionStarted
	}
	sub.Settled(now)
	w.events = append(w.events, event.New(w.account.ID, now, event.Clock, kind, int64(sub.ID), sub.Customer,
		event.Data(map[string]any{"period": sub.Period, "from": sub.Span.From, "to": sub.Span.To})))
	if chained {
		w.switched = append(w.switched, sub)
	} else {
		w.changed = append(w.changed, sub)
	}
}

// issue puts a new invoice of a subscription on its way to the gateway. The caller saves
// the subscription, which has its lease.
func (w *claiming) issue(sub *subscription.Subscription, v *invoice.Invoice, lines []invoice.Line) error {
	if err := v.Fill(lines); err != nil {
		return err
	}
	w.special.pay(v)
	w.invoices = append(w.invoices, *v)
	w.lines = append(w.lines, lines...)
	sub.LeaseUntil = w.machine.Add(leaseFor)
	sub.Invoice = v.ID
	c := w.send(sub, *v, v.CreatedAt)
	w.issued = append(w.issued, c)
	w.attempt(c, 1)
	return nil
}

// write puts the claim down: numbers, invoices, lines, payments, the ledger's
// receivables, and the subscriptions with their leases.
func (w *claiming) write(tx *db.Tx) error {
	acc := w.account.ID
	if n := len(w.invoices); n > 0 {
		first, err := invoice.Numbers(tx, acc, series(w.account), n)
		if err != nil {
			return err
		}
		for i := range w.invoices {
			v := &w.invoices[i]
			v.Issue(series(w.account), first+int64(i), v.CreatedAt)
			w.entries = append(w.entries, ledger.Issued(acc, v.ID, v.CreatedAt, v.Net, v.Tax)...)
			if v.CreditUsed > 0 {
				w.entries = append(w.entries, ledger.CreditUsed(acc, v.ID, v.CreatedAt, money.Amount{Minor: v.CreditUsed, Currency: v.Total.Currency}, false)...)
			}
		}
	}
	for _, insert := range []func() error{
		func() error { return invoice.Insert(tx, w.invoices) },
		func() error { return invoice.InsertLines(tx, w.lines) },
		func() error { return payment.Insert(tx, w.payments) },
		func() error { return ledger.Post(tx, w.entries) },
		func() error { return w.special.write(tx, acc) },
		func() error { return subscription.Undo(tx, acc, w.undone...) },
		func() error { return w.closeCases(tx, acc) },
	} {
		if err := insert(); err != nil {
			return err
		}
	}
	if len(w.moved)+len(w.switched) > 0 { // what they bring may be something else from then on
		for i := range w.invoices {
			tx.Note(billed{w.invoices[i].Subscription, w.invoices[i].CreatedAt})
		}
	}
	for i, c := range w.issued {
		c.invoice = w.invoices[i]
	}
	for i, c := range w.attempted {
		c.payment = w.payments[i]
	}
	for _, save := range []func() ([]int, error){
		func() ([]int, error) { return subscription.SaveClaimed(tx, w.leased) },
		func() ([]int, error) { return subscription.SaveMoved(tx, w.moved) },
		func() ([]int, error) { return subscription.SaveTerms(tx, w.switched) },
		func() ([]int, error) { return subscription.Save(tx, w.changed) },
	} {
		conflicts, err := save()
		if err != nil {
			return err
		}
		if len(conflicts) > 0 {
			return db.VersionConflict()
		}
	}
	return event.Append(tx, acc, w.events...)
}
