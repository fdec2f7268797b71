package sandbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// The fault points of this package: a request that never arrives, and an answer
// that is lost after the request was obeyed. Both look alike to the caller.
const (
	FaultChargeBefore = "sandbox.charge.before"
	FaultChargeAfter  = "sandbox.charge.after"
	FaultRefundBefore = "sandbox.refund.before"
	FaultRefundAfter  = "sandbox.refund.after"
	FaultFind         = "sandbox.find"
)

// Options says how far away the gateway seems to be.
type Options struct {
	Latency time.Duration // how long each call takes on its way
	Jitter  time.Duration // how much longer or shorter it may be; at most Latency counts
	Faults  *db.Faults    // for tests: failures at named points; nil means none
	Secret  string        // that signs the notices that are sent; "" when none are
}

// Gateway is a payment.Gateway whose money is not real. It is safe for concurrent
// use, runs nothing in the background, and needs no closing: a call that has
// returned has left nothing behind.
type Gateway struct {
	db    *db.DB
	clock clock.Clock
	o     Options

	mu    sync.Mutex
	lines map[id.Account]*line // the charges that wait, where there are any
}

var _ payment.Receiver = (*Gateway)(nil)

// New makes the gateway. The clock dates its books and is the machine's, not the
// sandbox account's: an outside company does not live in the merchant's time.
func New(d *db.DB, c clock.Clock, o Options) *Gateway {
	return &Gateway{db: d, clock: c, o: o, lines: map[id.Account]*line{}}
}

// wait is the way to the gateway and back.
func (g *Gateway) wait(ctx context.Context) error {
	span := g.o.Latency
	if jitter := min(g.o.Jitter, g.o.Latency); jitter > 0 {
		span += rand.N(2*jitter+1) - jitter // #nosec G404 -- a way to the bank need not be secret
	}
	if span <= 0 {
		return nil
	}
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "the sandbox gateway did not answer in time")
	}
}

var cardTable = db.NewTable("sandbox_card", db.Int("account_id"), db.Text("token"), db.Text("behaviour"), db.Int("charges"), db.Int("created_at"))

// Save exchanges a test token for a card. Every test token can be saved, those too
// whose charges are always declined; any other token is fault.Declined.
func (g *Gateway) Save(ctx context.Context, q payment.SaveRequest) (payment.Saved, error) {
	c, ok := lookUp(q.Token)
	if !ok {
		return payment.Saved{}, unknownToken()
	}
	if err := g.wait(ctx); err != nil {
		return payment.Saved{}, err
	}
	now := g.clock.Now()
	// Rising names keep the books' index narrow where charges of a renewal run read it.
	saved := payment.Instrument{Token: fmt.Sprintf("card_%016x", id.New[int64]()), Kind: "card", Brand: c.brand, LastFour: c.lastFour, Expires: expires(now),
		Fingerprint: "fp_" + q.Token}
	if c.kind != "" {
		saved.Kind, saved.Expires = c.kind, 0
	}
	err := g.db.Update(ctx, func(tx *db.Tx) error {
		return tx.Insert(cardTable, 1, func(_ int, r *db.Row) {
			r.Int(int64(q.Account))
			r.Text(saved.Token)
			r.Text(q.Token)
			r.Int(0)
			r.Time(now)
		})
	})
	return payment.Saved{Instrument: saved}, err
}

// expires is the month until which a card that is saved now is good.
func expires(saved time.Time) int64 { return int64(saved.Year()+4)*100 + 12 }

// Find is what became of a charge or refund, Absent when the key was never seen.
func (g *Gateway) Find(ctx context.Context, q payment.Inquiry) (payment.Result, error) {
	if err := g.wait(ctx); err != nil {
		return payment.Result{}, err
	}
	if err := g.o.Faults.Hit(FaultFind); err != nil {
		return payment.Result{}, err
	}
	if err := g.catchUp(ctx, q.Account, q.Now); err != nil {
		return payment.Result{}, err
	}
	result := payment.Result{Outcome: payment.Absent}
	err := g.db.Read(ctx, func(tx *db.Tx) error {
		err := tx.Each(func(row db.Scan) error {
			var name string
			var o outcome
			var code string
			var amount money.Amount
			if err := row(&name, &o, &code, &amount.Minor, &amount.Currency); err != nil {
				return err
			}
			result = o.result(name+q.Key, code, amount)
			return nil
		}, `select 'ch_', outcome, code, amount, currency from sandbox_charge where account_id = $1 and key = $2 and outcome <> 'missed'
			union all select 're_', outcome, code, amount, currency from sandbox_refund where account_id = $1 and key = $2`, q.Account, q.Key)
		if err != nil || result.Outcome != payment.Succeeded && result.Outcome != payment.Processing {
			return err
		}
		next, err := readNews(tx, q.Account, nextNews, q.Key)
		if len(next) > 0 {
			result.News = next[0].at
		}
		return err
	})
	return result, err
}

// page is how many records Each reads at once.
const page = 500

// needsCustomer is the code of a charge that the customer would have had to confirm.
const needsCustomer = "authentication_required"

// Abandon gives up a charge that waits for the customer.
func (g *Gateway) Abandon(ctx context.Context, q payment.Inquiry) (payment.Result, error) {
	if err := g.Answer(ctx, q.Account, q.Key, false); err != nil && !fault.Is(err, fault.Conflict) {
		return payment.Result{}, err
	}
	return g.Find(ctx, q)
}

// StepKind is the kind of the steps that customers take here.
const StepKind = "sandbox"

// AnswerStep is Answer for the Secret of a Step.
func (g *Gateway) AnswerStep(ctx context.Context, account id.Account, secret string, agree bool) error {
	return g.Answer(ctx, account, strings.TrimPrefix(secret, "confirm_"), agree)
}

// Answer plays the customer who confirms a charge, or refuses to. Key is the Secret of
// the Step without what it begins with. A charge that waits for nobody is
// fault.Conflict.
func (g *Gateway) Answer(ctx context.Context, account id.Account, key string, agree bool) error {
	return g.db.Update(ctx, func(tx *db.Tx) error {
		becomes, code := declined, needsCustomer
		if agree {
			becomes, code = succeeded, ""
		}
		n, err := tx.Exec("update sandbox_charge set outcome = $3, code = $4 where account_id = $1 and key = $2 and outcome = $5", account, key, becomes, code, awaiting)
		if err == nil && n == 0 {
			err = fault.New(fault.Conflict, "this payment does not wait to be confirmed").WithCode("not_waiting")
		}
		if err != nil || !agree {
			return err
		}
		var token, name string
		err = tx.One([]any{&token, &name}, `select card.token, card.behaviour from sandbox_charge charge join sandbox_card card on card.account_id = charge.account_id and card.token = charge.token
			where charge.account_id = $1 and charge.key = $2`, account, key)
		if err != nil {
			return err
		}
		if c, _ := lookUp(name); c.then != "" {
			_, err = tx.Exec("update sandbox_card set behaviour = $3 where account_id = $1 and token = $2", account, token, c.then)
		}
		return err
	})
}

// Each calls fn with every charge of the account that went through since an instant,
// then with every refund, each in the order of their keys. It holds one page of them at a
// time and no transaction while fn runs; what is recorded meanwhile may or may not
// be told. An error of fn ends the reading and is the result.
func (g *Gateway) Each(ctx context.Context, account id.Account, since time.Time, fn func(payment.Record) error) error {
	var from int64
	if !since.IsZero() {
		from = clock.Micros(since)
	}
	for _, kind := range []struct {
		refund bool
		query  string
	}{
		{false, "select 'ch_', key, amount, currency, created_at from sandbox_charge where account_id = $1 and key > $2 and outcome = 'succeeded' and created_at >= $4 order by key limit $3"},
		{true, "select 're_', key, amount, currency, created_at from sandbox_refund where account_id = $1 and key > $2 and outcome = 'succeeded' and created_at >= $4 order by key limit $3"},
	} {
		last := ""
		for {
			var list []payment.Record
			err := g.db.Read(ctx, func(tx *db.Tx) error {
				list = list[:0]
				return tx.Each(func(row db.Scan) error {
					r := payment.Record{Refund: kind.refund}
					err := row(&r.Reference, &r.Key, &r.Amount.Minor, &r.Amount.Currency, db.ScanTime(&r.At))
					r.Reference += r.Key
					list = append(list, r)
					return err
				}, kind.query, account, last, page, from)
			})
			if err != nil {
				return err
			}
			for _, r := range list {
				if err := fn(r); err != nil {
					return err
				}
			}
			if len(list) < page {
				break
			}
			last = list[len(list)-1].Key
		}
	}
	return nil
}

// outcome is what the books say of a charge or refund.
type outcome string

const (
	succeeded  outcome = "succeeded"
	declined   outcome = "declined"
	processing outcome = "processing" // a bank settles it later
	awaiting   outcome = "awaiting"   // the customer's confirmation
	unsaid     outcome = "unsaid"     // nobody says what became of it
	neverCame  outcome = "missed"     // the sending was lost on its way: to the merchant it is as if it was never sent
)

func (o outcome) result(reference, code string, amount money.Amount) payment.Result {
	switch o {
	case succeeded:
		return payment.Result{Outcome: payment.Succeeded, Reference: reference, Amount: amount}
	case processing:
		return payment.Result{Outcome: payment.Processing, Reference: reference}
	case awaiting:
		return payment.Result{Outcome: payment.Confirm, Reference: reference, Step: &payment.Step{Kind: StepKind, Secret: "confirm_" + strings.TrimPrefix(reference, "ch_")}}
	case declined:
		return payment.Result{Outcome: payment.Declined, Reference: reference, Code: code}
	}
	return payment.Result{Outcome: payment.Unknown}
}

// maxKeyBytes is the greatest length of a key.
const maxKeyBytes = 255

func checkRequest(key string, amount money.Amount) error {
	switch {
	case key == "" || len(key) > maxKeyBytes:
		return fault.BadField("key", "must have 1 to %d bytes", maxKeyBytes)
	case amount.Minor <= 0 || amount.Minor > money.MaxMinor:
		return fault.BadField("amount", "must be from 1 to %d minor units", int64(money.MaxMinor))
	case !amount.Currency.Known():
		return fault.BadField("currency", "must be a currency of ISO 4217")
	}
	return nil
}

func keyReused(what string) error {
	return fault.New(fault.Conflict, "the key was used for another %s", what).WithCode("idempotency_key_reused")
}
