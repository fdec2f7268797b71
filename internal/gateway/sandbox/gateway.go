package sandbox

import (
	"context"
	"fmt"
	"math/rand/v2"
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

var _ payment.Gateway = (*Gateway)(nil)

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
func (g *Gateway) Save(ctx context.Context, account id.Account, token string) (payment.Instrument, error) {
	c, ok := lookUp(token)
	if !ok {
		return payment.Instrument{}, unknownToken()
	}
	if err := g.wait(ctx); err != nil {
		return payment.Instrument{}, err
	}
	now := g.clock.Now()
	// Rising names keep the books' index narrow where charges of a renewal run read it.
	saved := payment.Instrument{Token: fmt.Sprintf("card_%016x", id.New[int64]()), Kind: "card", Brand: c.brand, LastFour: c.lastFour, Expires: int64(now.Year()+4)*100 + 12}
	err := g.db.Update(ctx, func(tx *db.Tx) error {
		return tx.Insert(cardTable, 1, func(_ int, r *db.Row) {
			r.Int(int64(account))
			r.Text(saved.Token)
			r.Text(token)
			r.Int(0)
			r.Time(now)
		})
	})
	return saved, err
}

// Find is what became of a charge or refund, Absent when the key was never seen.
func (g *Gateway) Find(ctx context.Context, account id.Account, key string) (payment.Result, error) {
	if err := g.wait(ctx); err != nil {
		return payment.Result{}, err
	}
	if err := g.o.Faults.Hit(FaultFind); err != nil {
		return payment.Result{}, err
	}
	result := payment.Result{Outcome: payment.Absent}
	err := g.db.Read(ctx, func(tx *db.Tx) error {
		return tx.Each(func(row db.Scan) error {
			var name string
			var o outcome
			var code string
			if err := row(&name, &o, &code); err != nil {
				return err
			}
			result = o.result(name+key, code)
			return nil
		}, `select 'ch_', outcome, code from sandbox_charge where account_id = $1 and key = $2 and outcome <> 'missed'
			union all select 're_', outcome, code from sandbox_refund where account_id = $1 and key = $2`, account, key)
	})
	return result, err
}

// page is how many records Each reads at once.
const page = 500

// Each calls fn with every charge of the account that went through, then with
// every refund, each in the order of their keys. It holds one page of them at a
// time and no transaction while fn runs; what is recorded meanwhile may or may not
// be told. An error of fn ends the reading and is the result.
func (g *Gateway) Each(ctx context.Context, account id.Account, fn func(payment.Record) error) error {
	for _, kind := range []struct {
		refund bool
		query  string
	}{
		{false, "select key, amount, currency from sandbox_charge where account_id = $1 and key > $2 and outcome = 'succeeded' order by key limit $3"},
		{true, "select key, amount, currency from sandbox_refund where account_id = $1 and key > $2 and outcome = 'succeeded' order by key limit $3"},
	} {
		last := ""
		for {
			var list []payment.Record
			err := g.db.Read(ctx, func(tx *db.Tx) error {
				list = list[:0]
				return tx.Each(func(row db.Scan) error {
					r := payment.Record{Refund: kind.refund}
					err := row(&r.Key, &r.Amount.Minor, &r.Amount.Currency)
					list = append(list, r)
					return err
				}, kind.query, account, last, page)
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
	succeeded outcome = "succeeded"
	declined  outcome = "declined"
	neverCame outcome = "missed" // the sending was lost on its way: to the merchant it is as if it was never sent
)

func (o outcome) result(reference, code string) payment.Result {
	switch o {
	case succeeded:
		return payment.Result{Outcome: payment.Succeeded, Reference: reference}
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
