package report

import (
	"context"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// Changes are the changes of a subscription's terms older than before, newest first.
func (r *Reader) Changes(ctx context.Context, acc id.Account, sub id.Subscription, before id.Change, limit int) ([]subscription.Change, error) {
	return view(ctx, r, func(tx *db.Tx) ([]subscription.Change, error) {
		if _, err := subscription.Load(tx, acc, sub); err != nil {
			return nil, err
		}
		return subscription.Changes(tx, acc, sub, before, limit)
	})
}

// Items are the amounts that wait for the next invoice of a subscription, older than
// before, newest first.
func (r *Reader) Items(ctx context.Context, acc id.Account, sub id.Subscription, before id.Item, limit int) ([]invoice.Item, error) {
	return view(ctx, r, func(tx *db.Tx) ([]invoice.Item, error) {
		if _, err := subscription.Load(tx, acc, sub); err != nil {
			return nil, err
		}
		found, err := invoice.Waiting(tx, acc, []int64{int64(sub)})
		return latest(found[sub], limit, func(t invoice.Item) bool { return before == 0 || t.ID < before }), err
	})
}

// latest turns a list that is oldest first around and cuts it: the few things of one
// invoice or subscription are read whole.
func latest[T any](list []T, limit int, wanted func(T) bool) []T {
	var out []T
	for _, v := range slices.Backward(list) {
		if wanted(v) && len(out) < limit {
			out = append(out, v)
		}
	}
	return out
}

// ExchangeRates are the rates in force on an account at an instant (zero means now), by
// currency.
func (r *Reader) ExchangeRates(ctx context.Context, acc id.Account, at time.Time) ([]catalog.Rate, money.Currency, error) {
	var own money.Currency
	rates, err := view(ctx, r, func(tx *db.Tx) ([]catalog.Rate, error) {
		a, err := account.Load(tx, acc)
		if err != nil {
			return nil, err
		}
		own = a.Currency
		if at.IsZero() {
			at = a.Now(r.clock.Now())
		}
		all, err := catalog.Rates(tx, acc)
		var held []catalog.Rate
		for _, rate := range all { // by currency, oldest first: the last that holds stays
			switch {
			case rate.From.After(at):
			case len(held) > 0 && held[len(held)-1].Currency == rate.Currency:
				held[len(held)-1] = rate
			default:
				held = append(held, rate)
			}
		}
		return held, err
	})
	return rates, own, err
}
