package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// Quote is what a sale would charge, computed as Sell computes it.
type Quote struct {
	Price   catalog.Price
	Product catalog.Product
	Lines   []invoice.Line // due at the sale; empty when nothing is
	Net     money.Amount
	Tax     money.Amount
	Due     money.Amount // with tax

	// Of a recurring price: when the first charge after the sale falls due, and what
	// each period costs from then on.
	NextAt  time.Time
	Each    money.Amount // with tax
	EachTax money.Amount
}

// Quote tells what a sale of a price would charge now and later, without selling.
// A price that is not sold and a wrong quantity are refused as Sell refuses them.
func (s *Service) Quote(ctx context.Context, acc id.Account, price id.Price, quantity int64) (Quote, error) {
	var q Quote
	err := s.db.View(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, acc)
		if err != nil {
			return err
		}
		q, err = quote(tx, a, price, quantity, a.Now(s.clock.Now()))
		return err
	})
	return q, err
}

func quote(tx *db.Tx, a account.Account, price id.Price, quantity int64, now time.Time) (Quote, error) {
	var q Quote
	var err error
	if q.Price, err = catalog.LoadPrice(tx, a.ID, price); err != nil {
		return q, refersTo(err, "price")
	}
	if q.Product, err = catalog.LoadProduct(tx, a.ID, q.Price.Product); err != nil {
		return q, err
	}
	if q.Lines, err = firstLines(a, q.Price, q.Product, quantity, now); err != nil {
		return q, err
	}
	zero := money.Zero(q.Price.Amount.Currency)
	q.Net, q.Tax, q.Due = zero, zero, zero
	if len(q.Lines) > 0 {
		var v invoice.Invoice
		if err := v.Fill(q.Lines); err != nil {
			return q, err
		}
		q.Net, q.Tax, q.Due = v.Net, v.Tax, v.Total
	}
	if !q.Price.Recurring() {
		return q, nil
	}
	q.NextAt = subscription.Start(0, a.ID, 0, 0, terms(a, q.Price, quantity), now).Span.To
	each, err := invoice.NewLine(invoice.ForPeriod, "", price, quantity, q.Price.Amount, a.Tax.Rate, period.Span{})
	if err != nil {
		return q, err
	}
	q.EachTax = each.Tax
	q.Each, err = each.Amount.Add(each.Tax)
	return q, err
}
