package sandbox

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// A renewal run charges with hundreds of calls at once, and a transaction for each
// would cost more than the renewal itself. So the charges of an account stand in
// line: the caller at its head takes everybody who is waiting, records them in one
// transaction, and hands the line over to the next head. Nobody waits for company,
// and nothing runs when nobody calls.

// takeAtMost is how many charges one transaction records.
const takeAtMost = 200

// line is the charges of one account that wait, and whether somebody works on it.
type line struct {
	waiting []*request
}

// request is a charge in line.
type request struct {
	charge payment.Charge
	answer answer
	head   chan struct{} // closed when its caller must work the line
	done   chan struct{} // closed when answer is final
}

type answer struct {
	result payment.Result
	err    error
}

var errBroken = errors.New("sandbox: the charge was not recorded because the one before it panicked")

// Charge records a charge and answers as the card is told to. A key that was seen
// before gets the first outcome again; with another token or amount it is
// fault.Conflict. A card that the account does not have is declined.
func (g *Gateway) Charge(ctx context.Context, c payment.Charge) (payment.Result, error) {
	if err := checkRequest(c.Key, c.Amount); err != nil {
		return payment.Result{}, err
	}
	if g.wait(ctx) != nil || g.o.Faults.Hit(FaultChargeBefore) != nil {
		return payment.Result{Outcome: payment.Unknown}, nil
	}
	result, err := g.stand(ctx, c)
	if err == nil && g.o.Faults.Hit(FaultChargeAfter) != nil {
		return payment.Result{Outcome: payment.Unknown}, nil
	}
	return result, err
}

// stand waits in line until the charge is recorded. A caller whose context ends
// leaves the line; when its charge is being recorded already the outcome is Unknown.
func (g *Gateway) stand(ctx context.Context, c payment.Charge) (payment.Result, error) {
	r := &request{charge: c, head: make(chan struct{}), done: make(chan struct{})}
	g.join(r)
	select {
	case <-r.done:
	case <-r.head:
		g.work(context.WithoutCancel(ctx), c.Account)
	case <-ctx.Done():
		if g.leave(r) {
			return payment.Result{}, fault.Wrap(fault.Unavailable, ctx.Err(), "the charge was withdrawn before it was recorded")
		}
		return payment.Result{Outcome: payment.Unknown}, nil
	}
	return r.answer.result, r.answer.err
}

func (g *Gateway) join(r *request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lines[r.charge.Account]
	if l == nil {
		l = &line{}
		g.lines[r.charge.Account] = l
		close(r.head)
	}
	l.waiting = append(l.waiting, r)
}

// leave takes a request out of the line and reports whether it still stood there.
func (g *Gateway) leave(r *request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lines[r.charge.Account]
	if l == nil {
		return false
	}
	at := slices.Index(l.waiting, r)
	if at < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, at, at+1)
	select {
	case <-r.head:
		g.handOver(r.charge.Account, l)
	default:
	}
	return true
}

// handOver makes the first who waits the head of the line; the lock is held.
func (g *Gateway) handOver(account id.Account, l *line) {
	if len(l.waiting) == 0 {
		delete(g.lines, account)
		return
	}
	close(l.waiting[0].head)
}

// work records those who wait, the caller among them.
func (g *Gateway) work(ctx context.Context, account id.Account) {
	g.mu.Lock()
	l := g.lines[account]
	n := min(len(l.waiting), takeAtMost)
	batch := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	g.mu.Unlock()

	answers := make([]answer, n)
	for i := range answers {
		answers[i].err = errBroken
	}
	defer func() { // also when recording panics: the others must not wait for ever
		for i, r := range batch {
			r.answer = answers[i]
			close(r.done)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.handOver(account, l)
	}()
	recorded, err := g.record(ctx, account, batch)
	for i := range answers {
		switch {
		case err == nil:
			answers[i] = recorded[i]
		case db.IsUnknown(err):
			answers[i] = answer{result: payment.Result{Outcome: payment.Unknown}}
		default:
			answers[i] = answer{err: err}
		}
	}
}

// record writes charges of one account in one transaction.
func (g *Gateway) record(ctx context.Context, account id.Account, batch []*request) ([]answer, error) {
	tries := 0
	var b *book
	err := g.db.Background(ctx, func(tx *db.Tx) error {
		tries++
		b = &book{account: account, now: g.clock.Now().UnixMicro(), known: map[string]*entry{}}
		// Keys are nearly always new, so they are looked up only when the insert found
		// that one was not.
		return b.write(tx, batch, tries > 1)
	})
	if err != nil {
		return nil, err
	}
	answers := make([]answer, len(batch))
	for i, r := range batch {
		e := b.known[r.charge.Key]
		if e.token != r.charge.Token || e.amount != r.charge.Amount {
			answers[i].err = keyReused("charge")
		} else {
			answers[i].result = e.answer()
		}
	}
	return answers, nil
}

// entry is one charge in the books.
type entry struct {
	key     string
	token   string
	amount  money.Amount
	outcome outcome
	code    string
	silent  bool // the answer to this sending is lost
	present bool // the customer can confirm it
	now     time.Time
	news    time.Time // when something more comes of it
}

func (e *entry) answer() payment.Result {
	if e.silent {
		return payment.Result{Outcome: payment.Unknown}
	}
	r := e.outcome.result("ch_"+e.key, e.code, e.amount)
	r.News = e.news
	return r
}

// book is what one transaction reads and writes.
type book struct {
	account id.Account
	now     int64
	known   map[string]*entry // by key
	fresh   []*entry
	arrived []*entry // missed at their first sending, here now
	cards   map[string]*held
	news    []news
}

// held is a card in the books.
type held struct {
	behaviour
	charges int64
	changed bool
}

var chargeTable = db.NewTable("sandbox_charge", db.Int("account_id"), db.Text("key"), db.Text("token"), db.Int("amount"), db.Text("currency"),
	db.Text("outcome"), db.Text("code"), db.Int("refunded"), db.Int("created_at"))

func (b *book) write(tx *db.Tx, batch []*request, lookFirst bool) error {
	if lookFirst {
		if err := b.readCharges(tx, batch); err != nil {
			return err
		}
	}
	for _, r := range batch {
		c := r.charge
		e := b.known[c.Key]
		switch {
		case e == nil:
			e = &entry{key: c.Key, token: c.Token, amount: c.Amount, present: c.Present, now: c.Now}
			b.known[c.Key] = e
			b.fresh = append(b.fresh, e)
		case e.outcome == neverCame && e.token == c.Token && e.amount == c.Amount:
			e.outcome = succeeded
			b.arrived = append(b.arrived, e)
		}
	}
	if err := b.readCards(tx); err != nil {
		return err
	}
	for _, e := range b.fresh {
		b.decide(e)
	}
	inserted, err := tx.InsertIgnore(chargeTable, len(b.fresh), func(i int, r *db.Row) {
		e := b.fresh[i]
		r.Int(int64(b.account))
		r.Text(e.key)
		r.Text(e.token)
		r.Int(e.amount.Minor)
		r.Text(string(e.amount.Currency))
		r.Text(string(e.outcome))
		r.Text(e.code)
		r.Int(0)
		r.Int(b.now)
	})
	if err != nil {
		return err
	}
	if inserted < len(b.fresh) {
		return db.VersionConflict()
	}
	if err := insertNews(tx, b.account, b.news); err != nil {
		return err
	}
	return b.update(tx)
}

func keysOf(batch []*request) []string {
	keys := make([]string, len(batch))
	for i, r := range batch {
		keys[i] = r.charge.Key
	}
	return keys
}

func (b *book) readCharges(tx *db.Tx, batch []*request) error {
	return tx.Each(func(row db.Scan) error {
		var e entry
		err := row(&e.key, &e.token, &e.amount.Minor, &e.amount.Currency, &e.outcome, &e.code)
		b.known[e.key] = &e
		return err
	}, "select key, token, amount, currency, outcome, code from sandbox_charge where account_id = $1 and "+tx.AnyOf("key", 2), b.account, tx.ListText(keysOf(batch)))
}

// readCards reads the cards of fresh charges. Those that count are held until the
// end of the transaction, so that the count is right whoever else charges them.
func (b *book) readCards(tx *db.Tx) error {
	b.cards = make(map[string]*held, len(b.fresh))
	if len(b.fresh) == 0 {
		return nil
	}
	var tokens, counting []string
	for _, e := range b.fresh {
		if b.cards[e.token] == nil {
			b.cards[e.token] = &held{behaviour: behaviour{code: "no_payment_method"}}
			tokens = append(tokens, e.token)
		}
	}
	err := tx.Each(func(row db.Scan) error {
		var token, name string
		if err := row(&token, &name); err != nil {
			return err
		}
		c, ok := lookUp(name)
		if !ok {
			return fault.New(fault.Internal, "the sandbox no longer knows the behaviour of a card")
		}
		b.cards[token].behaviour = c.behaviour
		if c.after > 0 {
			counting = append(counting, token)
		}
		return nil
	}, "select token, behaviour from sandbox_card where account_id = $1 and "+tx.AnyOf("token", 2), b.account, tx.ListText(tokens))
	if err != nil || len(counting) == 0 {
		return err
	}
	return tx.Each(func(row db.Scan) error {
		var token string
		var n int64
		err := row(&token, &n)
		b.cards[token].charges = n
		return err
	}, "select token, charges from sandbox_card where account_id = $1 and "+tx.AnyOf("token", 2)+" order by token"+tx.ForUpdate(), b.account, tx.ListText(counting))
}

// decide says what becomes of a charge.
func (b *book) decide(e *entry) {
	c := b.cards[e.token]
	e.outcome = succeeded
	switch {
	case c.silent == missed:
		e.outcome, e.silent = neverCame, true
		return
	case c.silent == mute:
		e.outcome, e.silent = unsaid, true
		return
	case c.debit:
		e.outcome = processing
	case c.confirm && e.present:
		e.outcome = awaiting
	case c.confirm:
		e.outcome, e.code = declined, needsCustomer
	case c.after > c.charges:
		c.charges++
		c.changed = true
	case c.code != "":
		e.outcome, e.code = declined, c.code
	}
	e.silent = c.silent == taken
	if e.outcome != declined && e.outcome != awaiting {
		b.expect(e, c.later)
	}
}

// expect notes what comes of a charge by itself.
func (b *book) expect(e *entry, later []happening) {
	from := e.now
	if from.IsZero() {
		from = time.UnixMicro(b.now).UTC()
	}
	for i, h := range later {
		n := news{at: from.Add(h.in), id: id.New[int64](), kind: h.kind, subject: e.key}
		if h.kind == cardRenewed || h.kind == cardClosed {
			n.subject = e.token
		}
		if i == 0 {
			e.news = n.at
		}
		b.news = append(b.news, n)
	}
}

// update writes what changed of cards and of charges that had been missed.
func (b *book) update(tx *db.Tx) error {
	for token, c := range b.cards {
		if !c.changed {
			continue
		}
		if _, err := tx.Exec("update sandbox_card set charges = $3 where account_id = $1 and token = $2", b.account, token, c.charges); err != nil {
			return err
		}
	}
	slices.SortFunc(b.arrived, func(x, y *entry) int { return strings.Compare(x.key, y.key) }) // one order, so that two transactions cannot lock each other out
	for _, e := range b.arrived {
		if _, err := tx.Exec("update sandbox_charge set outcome = $3 where account_id = $1 and key = $2 and outcome = $4", b.account, e.key, succeeded, neverCame); err != nil {
			return err
		}
	}
	return nil
}
