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
	"perennial/internal/period"
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
	Regular money.Amount // the price, or a whole period of it, for the quantity and before discounts; with tax when prices hold it

	At         time.Time // for which it was computed; a sale with it as Options.QuotedAt charges the same
	TaxNote    string    // the code of a sentence about tax, as on documents
	TaxIDState string    // what is known of a guest's tax number; "" when nobody was asked

	// Of a recurring price: when the first charge after the sale falls due, and what
	// each period costs from then on.
	NextAt  time.Time    // zero when nothing more is charged
	Next    money.Amount // what it comes to, with tax and after discounts
	Each    money.Amount // a whole period, with tax and before discounts
	EachTax money.Amount
	TaxName string // of EachTax, as printed; "" means the account's

	First  period.Span // what the sale itself begins: a period, a part of a trial, or the time until the first charge
	Trial  bool        // First belongs to a trial
	Short  bool        // First is shorter than a whole period
	Later  []Later     // all charges after the sale when there is a last one, else until they stay the same
	Ends   time.Time   // when the last payment's period is over; zero when there is no last payment
	Follow *Follow     // what begins then; nil for nothing
}

// Quote tells what a sale of a price would charge now and later, without selling.
// What Sell refuses of price, quantity and options is refused. The buyer is 0 while
// nobody is known; then no credit, tax place or earlier use of a coupon is. It asks the
// register for a guest's tax number, as Sell does: that calls the network.
func (s *Service) Quote(ctx context.Context, acc id.Account, price id.Price, quantity int64, o Options, buyer id.Customer) (Quote, error) {
	var q Quote
	if err := s.checkGuest(ctx, acc, &o); err != nil {
		return q, err
	}
	err := s.db.View(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, acc)
		if err != nil {
			return err
		}
		q, err = quote(tx, a, price, quantity, o, buyer, o.asOf(a.Now(s.clock.Now())))
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
	q.Price, q.Product, q.At = ch.price, ch.product, now
	if o.Guest != nil {
		q.TaxIDState = o.Guest.Taxing.IDState
	}
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
	q.TaxNote = d.note.Tax
	b := billing{priced: ch.priced, account: a, tax: d.tax}
	each, err := b.regular(quantity)
	if err != nil {
		return q, err
	}
	q.Regular = each.Amount
	if d.sub == nil {
		return q, nil
	}
	q.NextAt, q.First, q.Trial = d.sub.Span.To, d.sub.Span, d.sub.InTrial()
	_, q.Short = d.sub.Whole()
	if err := b.tax.on(&each); err != nil {
		return q, err
	}
	q.EachTax, q.TaxName = each.Tax, each.TaxName
	if q.Each, err = each.Amount.Add(each.Tax); err != nil {
		return q, err
	}
	return q, q.forecast(tx, b, ch, d)
}
