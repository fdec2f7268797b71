package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/ledger"
	"perennial/internal/money"
)

// AdjustCommission adds to what an affiliate is owed, or takes from it.
type AdjustCommission struct {
	Call
	Affiliate id.Affiliate
	Amount    money.Amount // below zero takes away
	Note      string       // why, 1 to 500 bytes
}

// AdjustCommission adds to what an affiliate is owed, or takes from it, by hand.
func (s *Service) AdjustCommission(ctx context.Context, c AdjustCommission) (affiliate.Commission, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (affiliate.Commission, error) {
		if err := checkAdjustment(c.Amount, c.Note); err != nil {
			return affiliate.Commission{}, err
		}
		if _, err := affiliate.Load(tx, a.ID, c.Affiliate); err != nil {
			return affiliate.Commission{}, err
		}
		made := affiliate.Commission{ID: id.New[id.Commission](), Account: a.ID, Affiliate: c.Affiliate, Tier: affiliate.FirstTier, Cause: affiliate.Adjust,
			Amount: c.Amount, Base: money.Zero(c.Amount.Currency), DueAt: now, Note: c.Note, At: now}
		made.Source = int64(made.ID)
		return made, writeCommissions(tx, a, []affiliate.Commission{made}, c.Actor)
	})
}

// PayOut sets aside what is due to affiliates in one currency, to be paid to them.
type PayOut struct {
	Call
	Currency money.Currency
	Until    time.Time // what is due by then; zero means now
	Minimum  int64     // minor units; who is due less waits
}

// maxPayoutRows is how many commissions one run takes: the rest are taken by the next.
const maxPayoutRows = 50_000

// PayOut sets aside what is due to affiliates in one currency: a payout for each. The
// commissions in them are in no other run; MarkPaid and UndoPayout say what became of it.
func (s *Service) PayOut(ctx context.Context, c PayOut) ([]affiliate.Payout, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) ([]affiliate.Payout, error) {
		if !c.Currency.Known() {
			return nil, fault.BadField("currency", "must be a currency of ISO 4217, for example USD")
		}
		if c.Minimum < 0 || c.Minimum > money.MaxMinor {
			return nil, fault.BadField("minimum", "must not be negative")
		}
		if c.Until.IsZero() || c.Until.After(now) {
			c.Until = now
		}
		owed, err := affiliate.Owed(tx, a.ID, c.Currency, c.Until, affiliate.Commission{}, maxPayoutRows)
		if err != nil {
			return nil, err
		}
		shares, err := affiliate.Divide(owed, money.Amount{Minor: c.Minimum, Currency: c.Currency})
		if err != nil || len(shares) == 0 {
			return nil, err
		}
		return setAside(tx, a, shares, c.Actor, now)
	})
}

func setAside(tx *db.Tx, a account.Account, shares []affiliate.Share, by event.Actor, now time.Time) ([]affiliate.Payout, error) {
	who := make([]int64, len(shares))
	for i, s := range shares {
		who[i] = int64(s.Affiliate)
	}
	people, err := affiliate.ByID(tx, a.ID, who)
	if err != nil {
		return nil, err
	}
	ids := id.NewList[id.Payout](len(shares))
	list := make([]affiliate.Payout, len(shares))
	events := make([]event.Event, len(shares))
	for i, s := range shares {
		list[i] = affiliate.Payout{ID: ids[i], Account: a.ID, Run: ids[0], Affiliate: s.Affiliate, Amount: s.Amount, PayPal: people[s.Affiliate].PayPal,
			State: affiliate.Ready, CreatedAt: now, Version: 1}
		if err := affiliate.PutInPayout(tx, a.ID, ids[i], 0, s.Parts); err != nil {
			return nil, err
		}
		events[i] = payoutEvent(list[i], event.PayoutCreated, by, now)
	}
	if err := affiliate.InsertPayouts(tx, list); err != nil {
		return nil, err
	}
	return list, event.Append(tx, a.ID, events...)
}

func payoutEvent(p affiliate.Payout, kind event.Kind, by event.Actor, now time.Time) event.Event {
	return event.New(p.Account, now, by, kind, int64(p.ID), 0, event.Data(map[string]any{"affiliate": p.Affiliate, "amount": p.Amount.Minor, "currency": p.Amount.Currency}))
}

// SettlePayout says that a payout was paid, or undoes it.
type SettlePayout struct {
	Call
	Payout    id.Payout
	Reference string // of the transfer, at most 200 bytes; of one that was paid
	Undo      bool   // its commissions are owed as before; only until it is paid
}

// SettlePayout says that a payout was paid, or undoes it. Saying the same again changes
// nothing.
func (s *Service) SettlePayout(ctx context.Context, c SettlePayout) (affiliate.Payout, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (affiliate.Payout, error) {
		if c.Reference != "" {
			if err := account.CheckName(c.Reference, 200); err != nil {
				return affiliate.Payout{}, fault.BadField("reference", "%s", fault.As(err).Message)
			}
		}
		p, err := affiliate.LoadPayout(tx, a.ID, c.Payout)
		if err != nil {
			return p, err
		}
		want := affiliate.PaidOut
		if c.Undo {
			want = affiliate.Undone
		}
		if p.State == want {
			return p, nil
		}
		if p.State != affiliate.Ready {
			return p, fault.New(fault.Conflict, "the payout is %s already", p.State).WithCode("payout_settled")
		}
		p.State, p.Reference = want, c.Reference
		if c.Undo {
			parts, err := affiliate.OfPayout(tx, a.ID, p.ID)
			if err != nil {
				return p, err
			}
			if err := affiliate.PutInPayout(tx, a.ID, 0, p.ID, parts); err != nil {
				return p, err
			}
			return p, savePayout(tx, p, event.PayoutUndone, c.Actor, now)
		}
		p.PaidAt = now
		if err := ledger.Post(tx, ledger.PaidOut(a.ID, p.ID, now, p.Amount)); err != nil {
			return p, err
		}
		return p, savePayout(tx, p, event.PayoutPaid, c.Actor, now)
	})
}

func savePayout(tx *db.Tx, p affiliate.Payout, kind event.Kind, by event.Actor, now time.Time) error {
	if err := affiliate.SavePayout(tx, p); err != nil {
		return err
	}
	return event.Append(tx, p.Account, payoutEvent(p, kind, by, now))
}
