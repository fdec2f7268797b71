package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// gatewayName is the gateway of the seeded payment methods.
const gatewayName = "bench"

// declines begins the token of a card that is always declined.
const declines = "declined_"

// gateway answers at once, in process, and keeps its own record of what it did, as
// an outside company would.
type gateway struct {
	mu      sync.Mutex
	charges map[id.Account]map[string]charge
	twice   int // requests under a key that was charged before
}

type charge struct {
	minor    int64
	declined bool
}

func newGateway() *gateway { return &gateway{charges: map[id.Account]map[string]charge{}} }

func (g *gateway) Charge(_ context.Context, c payment.Charge) (payment.Result, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	book := g.charges[c.Account]
	if book == nil {
		book = map[string]charge{}
		g.charges[c.Account] = book
	}
	done, again := book[c.Key]
	if again {
		g.twice++
	} else {
		done = charge{c.Amount.Minor, strings.HasPrefix(c.Token, declines)}
		book[c.Key] = done
	}
	return done.result(c.Key), nil
}

func (c charge) result(key string) payment.Result {
	if c.declined {
		return payment.Result{Outcome: payment.Declined, Code: "insufficient_funds"}
	}
	return payment.Result{Outcome: payment.Succeeded, Reference: key}
}

func (g *gateway) Find(_ context.Context, q payment.Inquiry) (payment.Result, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.charges[q.Account][q.Key]
	if !ok {
		return payment.Result{Outcome: payment.Absent}, nil
	}
	return c.result(q.Key), nil
}

func (g *gateway) Each(_ context.Context, account id.Account, _ time.Time, fn func(payment.Record) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, c := range g.charges[account] {
		if c.declined {
			continue
		}
		if err := fn(payment.Record{Key: key, Amount: money.Amount{Minor: c.minor, Currency: currency}}); err != nil {
			return err
		}
	}
	return nil
}

// taken is how many charges went through, and how many were asked for twice.
func (g *gateway) taken() (charged, twice int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, book := range g.charges {
		for _, c := range book {
			if !c.declined {
				charged++
			}
		}
	}
	return charged, g.twice
}

func (g *gateway) Save(context.Context, payment.SaveRequest) (payment.Saved, error) {
	panic("no benchmark saves a card")
}

func (g *gateway) Abandon(context.Context, payment.Inquiry) (payment.Result, error) {
	panic("no benchmark gives a charge up")
}

func (g *gateway) Refund(context.Context, payment.RefundRequest) (payment.Result, error) {
	panic("no benchmark refunds")
}
