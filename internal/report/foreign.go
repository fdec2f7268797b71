package report

import (
	"context"

	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// PlanPrices are all prices of a plan, the newest first: what it costs today, and cost.
func (r *Reader) PlanPrices(ctx context.Context, acc id.Account, plan id.Price) ([]catalog.Price, error) {
	return view(ctx, r, func(tx *db.Tx) ([]catalog.Price, error) { return catalog.LinePrices(tx, acc, plan) })
}

// SubscriptionsByID are those of the subscriptions that the account has, in the order of the
// ids, with what was asked along.
func (r *Reader) SubscriptionsByID(ctx context.Context, acc id.Account, ids []int64, e Expand) ([]SubscriptionView, error) {
	return view(ctx, r, func(tx *db.Tx) ([]SubscriptionView, error) {
		found, err := subscription.ByID(tx, acc, ids)
		if err != nil {
			return nil, err
		}
		list := make([]subscription.Subscription, 0, len(ids))
		for _, v := range ids {
			if s, ok := found[id.Subscription(v)]; ok {
				list = append(list, s)
			}
		}
		return expand(tx, acc, list, e)
	})
}

// InvoiceRow is an invoice with what a list shows of it.
type InvoiceRow struct {
	Invoice      invoice.Invoice
	Lines        []invoice.Line
	Payments     []payment.Payment          // oldest first
	Subscription *subscription.Subscription // nil when it has none
}

// InvoiceRows are invoices with what a list shows of them, newest first.
func (r *Reader) InvoiceRows(ctx context.Context, acc id.Account, f invoice.Filter) ([]InvoiceRow, error) {
	return view(ctx, r, func(tx *db.Tx) ([]InvoiceRow, error) {
		list, err := invoice.List(tx, acc, f)
		if err != nil {
			return nil, err
		}
		return invoiceRows(tx, acc, list)
	})
}

// InvoiceRow is one invoice as a list shows it.
func (r *Reader) InvoiceRow(ctx context.Context, acc id.Account, v id.Invoice) (InvoiceRow, error) {
	return view(ctx, r, func(tx *db.Tx) (InvoiceRow, error) {
		one, err := invoice.Load(tx, acc, v)
		if err != nil {
			return InvoiceRow{}, err
		}
		rows, err := invoiceRows(tx, acc, []invoice.Invoice{one})
		if err != nil {
			return InvoiceRow{}, err
		}
		return rows[0], nil
	})
}

// InvoiceOfPeriod is the invoice that was made for a period of a subscription, or
// fault.NotFound.
func (r *Reader) InvoiceOfPeriod(ctx context.Context, acc id.Account, sub id.Subscription, period int) (InvoiceRow, error) {
	return view(ctx, r, func(tx *db.Tx) (InvoiceRow, error) {
		one, err := invoice.OfPeriod(tx, acc, sub, period)
		if err != nil {
			return InvoiceRow{}, err
		}
		rows, err := invoiceRows(tx, acc, []invoice.Invoice{one})
		if err != nil {
			return InvoiceRow{}, err
		}
		return rows[0], nil
	})
}

func invoiceRows(tx *db.Tx, acc id.Account, list []invoice.Invoice) ([]InvoiceRow, error) {
	var ids, subs []int64
	for _, v := range list {
		ids = append(ids, int64(v.ID))
		if v.Subscription != 0 {
			subs = append(subs, int64(v.Subscription))
		}
	}
	payments, err := payment.OfInvoices(tx, acc, ids)
	if err != nil {
		return nil, err
	}
	owing, err := subscription.ByID(tx, acc, subs)
	if err != nil {
		return nil, err
	}
	rows := make([]InvoiceRow, len(list))
	for i, v := range list {
		rows[i] = InvoiceRow{Invoice: v, Payments: payments[v.ID]}
		if s, ok := owing[v.Subscription]; ok {
			rows[i].Subscription = &s
		}
		if rows[i].Lines, err = invoice.Lines(tx, v); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// RefundsOf are the refunds of a payment, oldest first.
func (r *Reader) RefundsOf(ctx context.Context, acc id.Account, p id.Payment) ([]payment.Refund, error) {
	return view(ctx, r, func(tx *db.Tx) ([]payment.Refund, error) { return payment.RefundsOf(tx, acc, p) })
}
