package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// ReplacePrice sells a plan at other terms from now on. nil leaves a field as it is.
type ReplacePrice struct {
	Call
	Price       id.Price // of the line: the one that is sold today, or any before it
	Name        *string
	Amount      *money.Amount
	Interval    *period.Interval
	TrialDays   *int
	SetupFee    *int64 // minor units
	MaxQuantity *int64
	Terms       *catalog.Terms
	State       *catalog.State
}

// ReplacePrice sells a plan at other terms from now on: a new price takes the place of the
// one that is sold today, which is archived. Subscriptions keep the terms that they were
// sold at. What may change of a price itself changes it, and no new one is made.
func (s *Service) ReplacePrice(ctx context.Context, c ReplacePrice) (catalog.Price, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (catalog.Price, error) {
		named, err := catalog.LoadPrice(tx, a.ID, c.Price)
		if err != nil {
			return named, err
		}
		line, err := catalog.LinePrices(tx, a.ID, named.Plan())
		if err != nil {
			return named, err
		}
		before := line[0]
		next := before
		set(&next.Name, c.Name)
		set(&next.Amount, c.Amount)
		set(&next.Interval, c.Interval)
		set(&next.TrialDays, c.TrialDays)
		if next.SetupFee.Currency = next.Amount.Currency; c.SetupFee != nil {
			next.SetupFee.Minor = *c.SetupFee
		}
		set(&next.MaxQuantity, c.MaxQuantity)
		set(&next.Terms, c.Terms)
		set(&next.State, c.State)
		if err := before.Revise(next); err == nil {
			return reviseSame(tx, a, next, c.Actor, now)
		} else if fault.As(err).Code != "price_is_fixed" {
			return next, err
		}
		return replaceWith(tx, a, before, next, c.Actor, now)
	})
}

func reviseSame(tx *db.Tx, a account.Account, p catalog.Price, by event.Actor, now time.Time) (catalog.Price, error) {
	if err := catalog.SavePrice(tx, p); err != nil {
		return p, err
	}
	p.Version++
	return p, event.Append(tx, a.ID, event.New(a.ID, now, by, event.PriceUpdated, int64(p.ID), 0, event.Data(map[string]any{"name": p.Name, "state": p.State})))
}

func replaceWith(tx *db.Tx, a account.Account, before, next catalog.Price, by event.Actor, now time.Time) (catalog.Price, error) {
	next.ID, next.Line, next.CreatedAt, next.Version = id.New[id.Price](), before.Plan(), now, 1
	if err := next.Check(); err != nil {
		return next, err
	}
	if err := termsRefer(tx, a, next); err != nil {
		return next, err
	}
	if err := catalog.InsertPrice(tx, next); err != nil {
		return next, err
	}
	old := before
	old.State = catalog.Archived
	if err := catalog.SavePrice(tx, old); err != nil {
		return next, err
	}
	return next, event.Append(tx, a.ID,
		event.New(a.ID, now, by, event.PriceCreated, int64(next.ID), 0,
			event.Data(map[string]any{"product": next.Product, "amount": next.Amount.Minor, "currency": next.Amount.Currency, "interval": next.Interval.String()})),
		event.New(a.ID, now, by, event.PriceReplaced, int64(old.ID), 0, event.Data(map[string]any{"by": next.ID})))
}
