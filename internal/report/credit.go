package report

import (
	"context"
	"maps"
	"slices"

	"perennial/internal/credit"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
)

// CreditView is what a customer has in credit, and how it came to be.
type CreditView struct {
	Balances []money.Amount // above zero, by currency
	Entries  []credit.Entry // newest first
}

// Credit is a customer's credit, with the entries older than before.
func (r *Reader) Credit(ctx context.Context, acc id.Account, c id.Customer, before id.Entry, limit int) (CreditView, error) {
	return view(ctx, r, func(tx *db.Tx) (CreditView, error) {
		var v CreditView
		if _, err := customer.Load(tx, acc, c); err != nil {
			return v, err
		}
		balances, err := credit.Balances(tx, acc, []int64{int64(c)})
		if err != nil {
			return v, err
		}
		for _, in := range slices.Sorted(maps.Keys(balances[c])) {
			v.Balances = append(v.Balances, money.Amount{Minor: balances[c][in], Currency: in})
		}
		v.Entries, err = credit.Entries(tx, acc, c, before, limit)
		return v, err
	})
}

// CreditNotes are the account's credit notes older than before, newest first; of one
// customer when c is not 0.
func (r *Reader) CreditNotes(ctx context.Context, acc id.Account, c id.Customer, before id.CreditNote, limit int) ([]invoice.CreditNote, error) {
	return view(ctx, r, func(tx *db.Tx) ([]invoice.CreditNote, error) { return invoice.CreditNotes(tx, acc, c, before, limit) })
}

// CreditNotesOf are the credit notes of an invoice older than before, newest first.
func (r *Reader) CreditNotesOf(ctx context.Context, acc id.Account, inv id.Invoice, before id.CreditNote, limit int) ([]invoice.CreditNote, error) {
	return view(ctx, r, func(tx *db.Tx) ([]invoice.CreditNote, error) {
		if _, err := invoice.Load(tx, acc, inv); err != nil {
			return nil, err
		}
		all, err := invoice.CreditNotesOf(tx, acc, inv)
		return latest(all, limit, func(n invoice.CreditNote) bool { return before == 0 || n.ID < before }), err
	})
}
