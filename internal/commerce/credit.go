package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/credit"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
)

// useCredit pays as much of a new invoice as the customer's credit covers. What a draft
// took comes back when it comes to nothing.
func useCredit(tx *db.Tx, a account.Account, v *invoice.Invoice, now time.Time) error {
	if v.Total.Sign() <= 0 {
		return nil
	}
	balances, err := credit.Balances(tx, a.ID, []int64{int64(v.Customer)})
	if err != nil {
		return err
	}
	covered, _ := credit.Split(v.Total, balances[v.Customer][v.Total.Currency])
	if covered.IsZero() {
		return nil
	}
	v.CreditUsed = covered.Minor
	return credit.Take(tx, []credit.Entry{creditFor(v, covered, now)})
}

// creditFor is the entry of credit that an invoice uses.
func creditFor(v *invoice.Invoice, covered money.Amount, now time.Time) credit.Entry {
	return credit.Entry{Account: v.Account, Customer: v.Customer, Amount: covered.Neg(), Reason: credit.Invoice, Invoice: v.ID, At: now}
}

// creditBack is the entry that gives back what an invoice used that came to nothing.
func creditBack(v invoice.Invoice, now time.Time) []credit.Entry {
	if v.CreditUsed == 0 {
		return nil
	}
	return []credit.Entry{{Account: v.Account, Customer: v.Customer, Amount: money.Amount{Minor: v.CreditUsed, Currency: v.Total.Currency}, Reason: credit.Reversal, Invoice: v.ID, At: now}}
}

// AdjustCredit gives a customer credit, or takes it.
type AdjustCredit struct {
	Call
	Customer id.Customer
	Amount   money.Amount // above zero gives, below zero takes
	Note     string       // why; at most credit.MaxNote bytes
}

// AdjustCredit gives a customer credit for later invoices, or takes back what was given
// by mistake, never more than there is.
func (s *Service) AdjustCredit(ctx context.Context, c AdjustCredit) (credit.Entry, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (credit.Entry, error) {
		if _, err := customer.Load(tx, a.ID, c.Customer); err != nil {
			return credit.Entry{}, err
		}
		if err := checkReason(c.Note); err != nil {
			return credit.Entry{}, fault.BadField("note", "%s", fault.As(err).Fields[0].Message)
		}
		if c.Amount.Minor > money.MaxMinor || c.Amount.Minor < -money.MaxMinor || c.Amount.IsZero() {
			return credit.Entry{}, fault.BadField("amount", "must be at most %d minor units, and not zero", int64(money.MaxMinor))
		}
		list := []credit.Entry{{Account: a.ID, Customer: c.Customer, Amount: c.Amount, Reason: credit.Goodwill, Note: c.Note, At: now}}
		kind, post := event.CreditAdded, credit.Add
		if c.Amount.Sign() < 0 {
			kind, post = event.CreditTaken, credit.Take
			balances, err := credit.Balances(tx, a.ID, []int64{int64(c.Customer)})
			if err != nil {
				return list[0], err
			}
			if have := balances[c.Customer][c.Amount.Currency]; have < -c.Amount.Minor {
				return list[0], fault.BadField("amount", "takes more than the %d minor units of credit that there are", have)
			}
		}
		if err := post(tx, list); err != nil {
			return list[0], err
		}
		if err := ledger.Post(tx, ledger.Goodwill(a.ID, list[0].ID, now, c.Amount)); err != nil {
			return list[0], err
		}
		return list[0], event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, kind, int64(c.Customer), c.Customer,
			event.Data(map[string]any{"amount": c.Amount.Abs().Minor, "currency": c.Amount.Currency, "note": c.Note})))
	})
}
