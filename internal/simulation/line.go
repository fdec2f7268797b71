package simulation

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"perennial/internal/id"
	"perennial/internal/payment"
)

// fate is what the line between the merchant and the bank does to a request. The
// fate of a key stays until the merchant asks what became of it: whether a request
// is sent once or, after a crash, twice makes no difference to what the merchant
// learns from it.
type fate uint8

const (
	arrives    fate = iota
	twice           // the bank gets it two times
	lost            // it never gets there
	answerless      // the bank obeys, the answer never comes back
	late            // it gets there only after the merchant asked
	unsent          // an error says that it was not sent
)

var errLine = errors.New("simulation: the line is down")

// card is a payment method as the bank sees it. Each is charged for one
// subscription at a time, unless it always does the same, so that the order in
// which charges arrive changes nothing.
type card struct {
	number int
	token  string // the sandbox's test token
	rough  bool   // the line is bad
	fates  *rand.Rand
}

// mute reports cards whose first sending the sandbox itself does not answer.
func (c *card) mute() bool {
	return strings.HasPrefix(c.token, "tok_timeout") || c.token == "tok_unknown_then_declined"
}

// sent is what the line remembers of one key.
type sent struct {
	card  *card
	fate  fate
	asked bool
	late  func(context.Context) (payment.Result, error) // delivers it at last
}

// line is the gateway as the merchant reaches it. It is no part of the process:
// a crash leaves it as it is.
type line struct {
	bank payment.Gateway
	seed uint64

	mu    sync.Mutex
	next  card // what the next token that is saved stands for
	cards int
	saved map[string]*card // by the bank's token
	keys  map[string]*sent
	// dies says whether the process dies at this call for a card, before or after the
	// bank is reached; nil while nothing dies.
	dies func(number int, before bool) bool
}

var _ payment.Gateway = (*line)(nil)

func newLine(bank payment.Gateway, seed uint64) *line {
	return &line{bank: bank, seed: seed, saved: map[string]*card{}, keys: map[string]*sent{}}
}

// hand says what the next token that is saved stands for.
func (l *line) hand(token string, rough bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cards++
	l.next = card{number: l.cards, token: token, rough: rough}
	return token
}

// Save exchanges a token.
func (l *line) Save(ctx context.Context, r payment.SaveRequest) (payment.Saved, error) {
	made, err := l.bank.Save(ctx, r)
	if err != nil {
		return made, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.next
	c.fates = rand.New(rand.NewPCG(l.seed, 1<<32+uint64(c.number))) //nolint:gosec // it must be the same every time
	l.saved[made.Token] = &c
	return made, nil
}

// drawn is the fate of a key, drawn when it is sent for the first time.
func (l *line) drawn(key string, of *card) (s *sent, asked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s = l.keys[key]
	if s == nil {
		s = &sent{card: of}
		if of != nil && of.rough && !of.mute() {
			s.fate = [...]fate{arrives, arrives, arrives, twice, lost, answerless, late, unsent}[of.fates.IntN(8)]
		}
		l.keys[key] = s
	}
	return s, s.asked
}

// crash reports whether the process dies at this call.
func (l *line) crash(s *sent, before bool) bool {
	return s.card != nil && l.dies != nil && l.dies(s.card.number, before)
}

var nobodyKnows = payment.Result{Outcome: payment.Unknown}

// send sends a request by the fate of its key.
func (l *line) send(ctx context.Context, key string, of *card, deliver func(context.Context) (payment.Result, error)) (payment.Result, error) {
	s, asked := l.drawn(key, of)
	if l.crash(s, true) {
		return nobodyKnows, nil
	}
	fate := s.fate
	if asked {
		fate = arrives
	}
	switch fate {
	case unsent:
		return payment.Result{}, errLine
	case lost:
		return nobodyKnows, nil
	case late:
		l.mu.Lock()
		s.late = deliver
		l.mu.Unlock()
		return nobodyKnows, nil
	case twice:
		if _, err := deliver(ctx); err != nil {
			return payment.Result{}, err
		}
	}
	result, err := deliver(ctx)
	if l.crash(s, false) || err == nil && !asked && (fate == answerless || of != nil && of.mute()) {
		return nobodyKnows, nil
	}
	return result, err
}

// Charge collects money.
func (l *line) Charge(ctx context.Context, c payment.Charge) (payment.Result, error) {
	l.mu.Lock()
	of := l.saved[c.Token]
	l.mu.Unlock()
	return l.send(ctx, c.Key, of, func(ctx context.Context) (payment.Result, error) { return l.bank.Charge(ctx, c) })
}

// Refund sends money of a charge back.
func (l *line) Refund(ctx context.Context, r payment.RefundRequest) (payment.Result, error) {
	var of *card
	l.mu.Lock()
	if s := l.keys[r.ChargeKey]; s != nil && s.card != nil {
		steady := *s.card // nobody waits for the answers of the sandbox to a refund
		steady.token = ""
		of = &steady
	}
	l.mu.Unlock()
	return l.send(ctx, r.Key, of, func(ctx context.Context) (payment.Result, error) { return l.bank.Refund(ctx, r) })
}

// Find tells what became of a key. A request that was late arrives just after that.
func (l *line) Find(ctx context.Context, q payment.Inquiry) (payment.Result, error) {
	l.mu.Lock()
	var arrival func(context.Context) (payment.Result, error)
	if s := l.keys[q.Key]; s != nil {
		s.asked = true
		arrival, s.late = s.late, nil
	}
	l.mu.Unlock()
	result, err := l.bank.Find(ctx, q)
	if err == nil && arrival != nil {
		_, err = arrival(ctx)
	}
	return result, err
}

// Abandon gives up a charge that waits for the customer.
func (l *line) Abandon(ctx context.Context, q payment.Inquiry) (payment.Result, error) {
	return l.bank.Abandon(ctx, q)
}

// Each is the bank's own books.
func (l *line) Each(ctx context.Context, account id.Account, since time.Time, fn func(payment.Record) error) error {
	return l.bank.Each(ctx, account, since, fn)
}
