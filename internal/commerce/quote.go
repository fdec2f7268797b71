package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/credit"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/order"
)

// Quote is what a sale would charge, computed as Sell computes it.
type Quote struct {
	Price   catalog.Price
	Product catalog.Product
	Lines   []invoice.Line // due at the sale; empty when nothing is
	Net     money.Amount
	Tax     money.Amount
	Credit  money.Amount // of the buyer, that pays for part of it
	Due     money.Amount // with tax, less Credit

	// Of a recurring price: when the first charge after the sale falls due, and what
	// each period costs from then on.
	NextAt  time.Time    // zero when nothing more is charged
	Next    money.Amount // what it comes to, with tax and after discounts
	Each    money.Amount // a whole period, with tax and before discounts
	EachTax money.Amount
}

// Quote tells what a sale of a price would charge now and later, without selling.
// What Sell refuses of price, quantity and options is refused. The buyer is 0 while
// nobody is known; then no credit, tax place or earlier use of a coupon is.
func (s *Service) Quote(ctx context.Context, acc id.Account, price id.Price, quantity int64, o Options, buyer id.Customer) (Quote, error) {
	var q Quote
	err := s.db.View(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, acc)
		if err != nil {
			return err
		}
		q, err = quote(tx, a, price, quantity, o, buyer, a.Now(s.clock.Now()))
		return err
	})
	return q, err
}

func quote(tx *db.Tx, a account.Account, price id.Price, quantity int64, o Options, buyer id.Customer, now time.Time) (Quote, error) {
	var q Quote
	ch, err := choose(tx, a, price, quantity, o, buyer, now)
	if err != nil {
		return q, err
	}
	q.Price, q.Product = ch.price, ch.product
	d, err := ch.due(tx, a, order.Order{}, buyer, now)
	if err != nil {
		return q, err
	}
	q.Lines = d.lines
	zero := money.Zero(ch.currency)
	q.Net, q.Tax, q.Due, q.Credit = zero, zero, zero, zero
	if len(q.Lines) > 0 {
		var v invoice.Invoice
		if err := v.Fill(q.Lines); err != nil {
			return q, err
		}
		balances, err := credit.Balances(tx, a.ID, []int64{int64(buyer)})
		if err != nil {
			return q, err
		}
		q.Net, q.Tax = v.Net, v.Tax
		q.Credit, q.Due = credit.Split(v.Total, balances[buyer][ch.currency])
	}
	if d.sub == nil {
		return q, nil
	}
	q.NextAt = d.sub.Span.To
	b := billing{priced: ch.priced, account: a, tax: d.tax}
	each, err := b.regular(quantity)
	if err != nil {
		return q, err
	}
	if err := b.tax.on(&each); err != nil {
		return q, err
	}
	q.EachTax = each.Tax
	if q.Each, err = each.Amount.Add(each.Tax); err != nil {
		return q, err
	}
	return q, q.next(b, ch, d)
}

// next is what the charge after the sale comes to.
func (q *Quote) next(b billing, ch chosen, d due) error {
	sub := *d.sub
	q.Next = money.Zero(ch.currency)
	if sub.PaymentsLeft() == 0 {
		q.NextAt = time.Time{}
		return nil
	}
	sub.Advance()
	b.first = ch.terms.Extras.Uncharged
	var err error
	sub.Extras.Discounts = ch.terms.Extras.Discounts
	if b.discounts, err = discountsOf(&sub); err != nil {
		return err
	}
	lines, _, err := b.renewalLines(&sub)
	if err != nil || len(lines) == 0 {
		return err
	}
	var v invoice.Invoice
	if err := v.Fill(lines); err != nil {
		return err
	}
	q.Next = v.Total
	return nil
}
