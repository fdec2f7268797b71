package report

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// HasMembers reports whether anybody can sign in.
func (r *Reader) HasMembers(ctx context.Context) (bool, error) {
	return view(ctx, r, account.HasMembers)
}

// WithTax is an amount before tax with the tax that the account adds now.
func WithTax(a account.Account, net money.Amount) (money.Amount, error) {
	line, err := invoice.NewLine(invoice.ForPeriod, "", 0, 1, net, a.Tax.Rate, period.Span{})
	if err != nil {
		return net, err
	}
	return line.Amount.Add(line.Tax)
}

// Offers are the account's products older than before, each with its prices and
// checkout addresses. It is for pages: limit is at most 50.
func (r *Reader) Offers(ctx context.Context, acc id.Account, before id.Product, limit int) ([]ProductView, error) {
	return view(ctx, r, func(tx *db.Tx) ([]ProductView, error) {
		list, err := catalog.Products(tx, acc, before, min(limit, 50))
		if err != nil {
			return nil, err
		}
		views := make([]ProductView, len(list))
		for i, p := range list {
			if views[i], err = productView(tx, acc, p.ID); err != nil {
				return nil, err
			}
		}
		return views, nil
	})
}

// InvoiceTotals are the sums of all the account's invoices by state and currency.
func (r *Reader) InvoiceTotals(ctx context.Context, acc id.Account) ([]invoice.Totals, error) {
	return view(ctx, r, func(tx *db.Tx) ([]invoice.Totals, error) { return invoice.Sum(tx, acc) })
}

// SubscriptionCounts is how many subscriptions the account has in each state.
func (r *Reader) SubscriptionCounts(ctx context.Context, acc id.Account) (map[subscription.State]int64, error) {
	return view(ctx, r, func(tx *db.Tx) (map[subscription.State]int64, error) { return subscription.CountByState(tx, acc) })
}

// PaymentView is a payment with who paid what, and with what.
type PaymentView struct {
	Payment  payment.Payment
	Customer *customer.Customer
	Invoice  *invoice.Invoice
	Method   *payment.Method
}

// PaymentPage is Payments with what a page shows beside each.
func (r *Reader) PaymentPage(ctx context.Context, acc id.Account, before id.Payment, limit int) ([]PaymentView, error) {
	return view(ctx, r, func(tx *db.Tx) ([]PaymentView, error) {
		list, err := payment.List(tx, acc, before, limit)
		if err != nil {
			return nil, err
		}
		return paymentViews(tx, acc, list)
	})
}

// manual is the kind of gateways at which people say what arrived.
const manual = "manual"

// WaitingPayments are the payments that a person has to settle: because a gateway cannot
// say what became of them, or because they are paid by hand.
func (r *Reader) WaitingPayments(ctx context.Context, acc id.Account, before id.Payment, limit int) ([]PaymentView, error) {
	return view(ctx, r, func(tx *db.Tx) ([]PaymentView, error) {
		gateways, err := payment.Gateways(tx, acc, 0, 50)
		if err != nil {
			return nil, err
		}
		names := []string{}
		for _, g := range gateways {
			if g.Kind == manual {
				names = append(names, g.GatewayName())
			}
		}
		list, err := payment.ForPeopleAt(tx, acc, names, before, limit)
		if err != nil {
			return nil, err
		}
		return paymentViews(tx, acc, list)
	})
}

func paymentViews(tx *db.Tx, acc id.Account, list []payment.Payment) ([]PaymentView, error) {
	var customers, invoices, methods []int64
	for _, p := range list {
		customers = append(customers, int64(p.Customer))
		invoices = append(invoices, int64(p.Invoice))
		methods = append(methods, int64(p.Method))
	}
	who, err := customer.ByID(tx, acc, customers)
	if err != nil {
		return nil, err
	}
	what, err := invoice.ByID(tx, acc, invoices)
	if err != nil {
		return nil, err
	}
	with, err := payment.MethodsByID(tx, acc, methods)
	views := make([]PaymentView, len(list))
	for i, p := range list {
		views[i] = PaymentView{Payment: p, Customer: at(who, p.Customer), Invoice: at(what, p.Invoice), Method: at(with, p.Method)}
	}
	return views, err
}

// Month is what was earned in one calendar month of the account's zone.
type Month struct {
	From time.Time
	Net  money.Amount // invoiced less voided and refunded, without tax
}

// Revenue is the net revenue of the latest twelve months in one currency, oldest
// first; the last one is the month that now lies in. Every month is there.
func (r *Reader) Revenue(ctx context.Context, a account.Account, c money.Currency, now time.Time) ([]Month, error) {
	local := now.In(a.Location())
	months := make([]Month, ledger.Months)
	starts := make([]time.Time, ledger.Months)
	for i := range months {
		from := time.Date(local.Year(), local.Month()+time.Month(i+1-ledger.Months), 1, 0, 0, 0, 0, a.Location())
		months[i] = Month{From: from, Net: money.Zero(c)}
		starts[i] = from
	}
	sums, err := view(ctx, r, func(tx *db.Tx) ([]int64, error) { return ledger.Earned(tx, a.ID, c, starts) })
	for i, minor := range sums {
		months[i].Net.Minor = minor
	}
	return months, err
}
