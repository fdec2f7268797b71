package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/money"
)

// rateFor is the stored rate at which a price is sold in another currency, zero when no
// rate is needed.
func rateFor(tx *db.Tx, a account.Account, p catalog.Price, to money.Currency, now time.Time) (money.Decimal, error) {
	_, named := p.Terms.Currencies[to]
	if to == p.Amount.Currency || named || !p.Terms.Convert {
		return money.Decimal{}, nil
	}
	return exchange(tx, a, p.Amount.Currency, to, now)
}

// exchange is what one unit of a currency is worth in another by the account's stored
// rates, which all start from its own currency.
func exchange(tx *db.Tx, a account.Account, from, to money.Currency, now time.Time) (money.Decimal, error) {
	rates, err := catalog.RatesAt(tx, a.ID, now)
	if err != nil {
		return money.Decimal{}, err
	}
	missing := fault.New(fault.Conflict, "there is no stored exchange rate from %s to %s", from, to).WithCode("no_exchange_rate")
	one, err := money.NewDecimal(1)
	if err != nil {
		return one, err
	}
	of := func(c money.Currency) (money.Decimal, bool) {
		if c == a.Currency {
			return one, true
		}
		r, known := rates[c]
		return r, known
	}
	out, okOut := of(to)
	in, okIn := of(from)
	if !okOut || !okIn {
		return money.Decimal{}, missing
	}
	if from == a.Currency {
		return out, nil
	}
	return out.Quo(in)
}

// SetExchangeRate stores what one unit of the account's own currency is worth in
// another, from now on.
type SetExchangeRate struct {
	Call
	Currency money.Currency
	Rate     money.Decimal // above zero
}

// SetExchangeRate stores an exchange rate. Sales from now on convert with it; what was
// sold keeps its own.
func (s *Service) SetExchangeRate(ctx context.Context, c SetExchangeRate) (catalog.Rate, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (catalog.Rate, error) {
		r := catalog.Rate{Account: a.ID, Currency: c.Currency, Rate: c.Rate, From: now}
		var f fault.Fields
		f.Check(c.Currency.Known() && c.Currency != a.Currency, "currency", "must be a currency other than the account's own")
		f.Check(c.Rate.Sign() > 0, "rate", "must be a decimal above 0, for example 1.0835")
		if err := f.Err(); err != nil {
			return r, err
		}
		if err := catalog.SetRate(tx, r); err != nil {
			return r, err
		}
		return r, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.ExchangeRateSet, int64(a.ID), 0, event.Data(map[string]any{"currency": r.Currency, "rate": r.Rate})))
	})
}
