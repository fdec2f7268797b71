package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// QuoteHolds is how long a sale may be made as of the instant at which it was quoted.
const QuoteHolds = time.Hour

// asOf is the instant that a sale is computed for: the one at which it was quoted, while
// that holds. What is charged for a first period that is cut short falls by the second, so
// that a buyer who reads before paying would never pay what was shown.
func (o Options) asOf(now time.Time) time.Time {
	if o.QuotedAt.IsZero() || o.QuotedAt.After(now) || now.Sub(o.QuotedAt) > QuoteHolds {
		return now
	}
	return o.QuotedAt
}

// Later is a charge that comes after a sale, usage aside.
type Later struct {
	At    time.Time
	Total money.Amount // with tax and after discounts; zero when nothing is charged
	Trial bool         // it pays for a part of the trial
	Setup bool         // the setup fee is in it
}

// Follow is the price that begins after the last payment.
type Follow struct {
	Price   catalog.Price
	Product string
	At      time.Time
	Each    money.Amount // with tax: a whole period, or the first part of a split price
}

// maxForecast bounds how many charges are foretold: all of a price with a last payment
// and a paid trial.
const maxForecast = catalog.MaxPayments + catalog.MaxTrialPayments + 1

// forecast computes what is charged after the sale: all of it when there is a last
// payment, else until the charges stay the same.
func (q *Quote) forecast(tx *db.Tx, b billing, ch chosen, d due) error {
	sub := *d.sub
	q.Next = money.Zero(ch.currency)
	sub.Extras.Discounts = ch.terms.Extras.Discounts
	b.first = ch.terms.Extras.Uncharged
	var err error
	if b.discounts, err = discountsOf(&sub); err != nil {
		return err
	}
	for len(q.Later) < maxForecast && sub.PaymentsLeft() != 0 {
		next := Later{At: sub.Span.To, Total: money.Zero(ch.currency)}
		sub.Advance()
		next.Trial = sub.InTrial()
		lines, left, err := b.renewalLines(&sub)
		if err != nil {
			return err
		}
		if len(lines) > 0 {
			var v invoice.Invoice
			if err := v.Fill(lines); err != nil {
				return err
			}
			next.Total, b.first = v.Total, false
		}
		for _, l := range lines {
			next.Setup = next.Setup || l.Kind == invoice.ForSetup
		}
		b.discounts = left
		q.Later = append(q.Later, next)
		if sub.EndPeriod == 0 && !next.Trial && len(q.Later) > 1 && settled(left) && (next.Setup || ch.price.Terms.SetupEvery == 0 || b.setup.IsZero()) {
			break
		}
	}
	if len(q.Later) > 0 {
		q.NextAt, q.Next = q.Later[0].At, q.Later[0].Total
	} else {
		q.NextAt = time.Time{}
	}
	if sub.EndPeriod == 0 {
		return nil
	}
	q.Ends = sub.Span.To
	return q.follow(tx, b, ch)
}

// settled reports whether the discounts stay as they are.
func settled(list []coupon.Discount) bool {
	for _, d := range list {
		if d.Left != coupon.Forever {
			return false
		}
	}
	return true
}

// follow is what begins after the last payment.
func (q *Quote) follow(tx *db.Tx, b billing, ch chosen) error {
	next := ch.price.Terms.NextPrice
	if next == 0 {
		return nil
	}
	p, err := catalog.LoadPrice(tx, ch.price.Account, next)
	if err != nil {
		return err
	}
	product, err := catalog.LoadProduct(tx, ch.price.Account, p.Product)
	if err != nil {
		return err
	}
	if b.priced, err = follows(tx, b.account, p, product, ch.currency, ch.rate, q.At); err != nil {
		return err
	}
	l, err := b.regular(min(ch.quantity, p.MaxQuantity))
	if err != nil {
		return err
	}
	if p.Terms.Split {
		if l.Amount, err = subscription.Part(l.Amount, p.Terms.Payments, 0); err != nil {
			return err
		}
	}
	if err := b.tax.on(&l); err != nil {
		return err
	}
	q.Follow = &Follow{Price: p, Product: product.Name, At: q.Ends}
	q.Follow.Each, err = l.Amount.Add(l.Tax)
	return err
}

// checkGuest asks the register for the tax number of a buyer who has not proven who they
// are, as a sale to them does. It calls the network.
func (s *Service) checkGuest(ctx context.Context, acc id.Account, o *Options) error {
	if o.Guest == nil || o.Guest.Buyer.TaxID == "" {
		return nil
	}
	var a account.Account
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		a, err = account.Load(tx, acc)
		return err
	})
	if err != nil || a.Settings.TaxProfile == 0 {
		return err
	}
	guest := *o.Guest
	guest.Taxing.IDState = string(s.askRegister(ctx, a, guest.Buyer.Country, guest.Buyer.TaxID))
	o.Guest = &guest
	return nil
}
