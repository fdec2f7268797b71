package commerce

import (
	"context"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/subscription"
)

// RebuiltMetrics is what a rebuild of the metrics of an account found.
type RebuiltMetrics struct {
	State     metrics.State
	Different []metrics.Difference // roll-ups that were not what the facts come to
	Cells     int                  // how many there are
	Strayed   []id.Subscription    // subscriptions that bring something else than their last fact says; at most 100
}

// RebuildMetrics sums the roll-ups of an account from its facts anew, and mends those that
// differ; with check it only tells which do. It first gives what was sold before it was
// measured its facts, and moves the days to the account's zone when that was changed.
func (s *Service) RebuildMetrics(ctx context.Context, acc id.Account, check bool) (RebuiltMetrics, error) {
	var out RebuiltMetrics
	a, state, err := s.measuredAs(ctx, acc)
	if err != nil {
		return out, err
	}
	if !check {
		if !state.Complete {
			if err := s.tellHistory(ctx, a); err != nil {
				return out, err
			}
			if _, state, err = s.measuredAs(ctx, acc); err != nil {
				return out, err
			}
		}
		state.Zone = a.Zone
	}
	var book metrics.Book
	if err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		book, err = metrics.AllTerms(tx, acc)
		return err
	}); err != nil {
		return out, err
	}
	cells, err := metrics.Sum(ctx, s.db.View, state, book)
	if err != nil {
		return out, err
	}
	out.State, out.Cells = state, len(cells)
	if check {
		err = s.db.View(ctx, func(tx *db.Tx) (err error) {
			out.Different, err = cells.Compare(tx, state, book)
			return err
		})
		if err == nil {
			out.Strayed, err = s.strayed(ctx, a)
		}
		return out, err
	}
	err = s.db.Update(ctx, func(tx *db.Tx) (err error) {
		out.Different, err = metrics.Mend(tx, state, book, cells)
		return err
	})
	return out, err
}

// measuredAs is an account and how it is measured.
func (s *Service) measuredAs(ctx context.Context, acc id.Account) (a account.Account, state metrics.State, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		if a, err = account.Load(tx, acc); err != nil {
			return err
		}
		state, err = metrics.LoadState(tx, acc, a.Zone, a.Currency)
		return err
	})
	return a, state, err
}

// KeepMetrics rebuilds the metrics of an account of which something was sold before it was
// measured, or whose zone was changed.
func (s *Service) KeepMetrics(ctx context.Context, acc id.Account) error {
	a, state, err := s.measuredAs(ctx, acc)
	if err != nil || state.Complete && state.Zone == a.Zone {
		return err
	}
	_, err = s.RebuildMetrics(ctx, acc, false)
	return err
}

// maxStrayed bounds how many subscriptions a check names.
const maxStrayed = 100

// strayed are the subscriptions of an account that bring something else than their last
// fact says.
func (s *Service) strayed(ctx context.Context, a account.Account) (out []id.Subscription, err error) {
	var last id.Subscription
	for len(out) < maxStrayed {
		var ids []id.Subscription
		err := s.db.View(ctx, func(tx *db.Tx) (err error) {
			if ids, err = subscription.After(tx, a.ID, last, historyBatch); err != nil || len(ids) == 0 {
				return err
			}
			last = ids[len(ids)-1]
			found, err := s.strayedOf(tx, a, ids)
			out = append(out, found...)
			return err
		})
		if err != nil || len(ids) == 0 {
			return out, err
		}
	}
	return out, nil
}

func (s *Service) strayedOf(tx *db.Tx, a account.Account, ids []id.Subscription) (out []id.Subscription, err error) {
	var list, customers []int64
	for _, sub := range ids {
		list = append(list, int64(sub))
	}
	subs, err := subscription.ByID(tx, a.ID, list)
	if err != nil {
		return nil, err
	}
	var changes []subscription.Changed
	for _, sub := range subs {
		customers, changes = append(customers, int64(sub.Customer)), append(changes, subscription.Changed{Now: sub})
	}
	facts, err := metrics.FactsOf(tx, a.ID, customers)
	if err != nil {
		return nil, err
	}
	book, err := metrics.AllTerms(tx, a.ID)
	if err != nil {
		return nil, err
	}
	m := &measuring{tx: tx, account: a}
	if err := m.load(changes); err != nil {
		return nil, err
	}
	for _, of := range ids {
		sub := subs[of]
		is, err := m.measured(sub.Worth())
		if err != nil {
			return nil, err
		}
		var said measured
		for _, f := range facts[int64(sub.Customer)] {
			if f.Subject == int64(of) {
				said = measured{f.Value, f.Lasting, f.Flags, book[f.Terms].Key()}
			}
		}
		if said != is {
			out = append(out, of)
		}
	}
	return out, nil
}
