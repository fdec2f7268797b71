package report

import (
	"context"

	"perennial/internal/account"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/payment"
)

// CreditNoteView is a credit note as it is printed.
type CreditNoteView struct {
	Note    invoice.CreditNote
	Lines   []invoice.CreditLine
	Invoice invoice.Invoice // that it takes back, in part or whole
	Billed  []invoice.Line  // of that invoice
	Account account.Account
	Seller  account.Printed // as it was when the invoice was made
	Buyer   customer.Printed
	Method  payment.Method // that the refund went to; empty when nothing was refunded
}

// CreditNote is a credit note as it is printed.
func (r *Reader) CreditNote(ctx context.Context, acc id.Account, note id.CreditNote) (CreditNoteView, error) {
	return view(ctx, r, func(tx *db.Tx) (CreditNoteView, error) {
		var v CreditNoteView
		var err error
		if v.Note, err = invoice.LoadCreditNote(tx, acc, note); err != nil {
			return v, err
		}
		if v.Lines, err = invoice.CreditLines(tx, v.Note); err != nil {
			return v, err
		}
		if v.Invoice, err = invoice.Load(tx, acc, v.Note.Invoice); err != nil {
			return v, err
		}
		if v.Billed, err = invoice.Lines(tx, v.Invoice); err != nil {
			return v, err
		}
		if v.Account, err = account.Load(tx, acc); err != nil {
			return v, err
		}
		if v.Seller, err = account.PrintedAs(tx, v.Account, v.Note.Seller); err != nil {
			return v, err
		}
		buyer, err := customer.Load(tx, acc, v.Note.Customer)
		if err != nil {
			return v, err
		}
		if v.Buyer, err = customer.PrintedAs(tx, buyer, v.Note.Buyer); err != nil || v.Note.Refund == 0 {
			return v, err
		}
		v.Method, err = refundedTo(tx, acc, v.Note.Refund)
		return v, err
	})
}

// refundedTo is the payment method that a refund went back to.
func refundedTo(tx *db.Tx, acc id.Account, refund id.Refund) (payment.Method, error) {
	r, err := payment.LoadRefund(tx, acc, refund)
	if err != nil {
		return payment.Method{}, err
	}
	p, err := payment.Load(tx, acc, r.Payment)
	if err != nil || p.Method == 0 {
		return payment.Method{}, err
	}
	return payment.LoadMethod(tx, acc, p.Method)
}
