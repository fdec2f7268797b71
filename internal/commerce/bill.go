package commerce

import (
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// billing is what the lines of one invoice are computed from. Nothing here reads the
// store: previews, sales, renewals and changes all end here, so what was shown is what
// is charged.
type billing struct {
	priced
	account   account.Account
	tax       taxes
	discounts []coupon.Discount
	items     []invoice.Item
	used      used           // in the periods whose usage is billed now
	last      []invoice.Line // what was used at terms that another price follows
	sale      bool           // it is what is due at a sale
	first     bool           // nothing that coupons care for was charged before
}

func (b *billing) codeOf(c id.Coupon) string {
	for _, d := range b.discounts {
		if d.Coupon == c {
			return d.Code
		}
	}
	return ""
}

// draft is a line before discounts and tax: its Amount is what it would cost.
type draft struct {
	invoice.Line
	kind coupon.LineKind
}

// add makes a draft of an amount; nothing is made of none.
func (b *billing) add(list []draft, kind invoice.LineKind, eligible coupon.LineKind, l invoice.Line) []draft {
	if l.Amount.Sign() <= 0 {
		return list
	}
	l.Kind = kind
	if l.Price == 0 {
		l.Price = b.price.ID
	}
	if l.Quantity == 0 {
		l.Quantity = 1
	}
	if l.UnitAmount.Currency == "" {
		l.UnitAmount = l.Amount
	}
	return append(list, draft{l, eligible})
}

// forPeriod are the drafts of what the present period of a subscription costs.
func (b *billing) forPeriod(sub *subscription.Subscription) ([]draft, error) {
	var list []draft
	name := describe(b.product, b.price)
	every, n := b.price.Terms.SetupEvery, sub.Period-sub.Extras.Gaps
	if b.sale || every > 0 && n > 0 && n%every == 0 {
		list = b.add(list, invoice.ForSetup, coupon.SetupLine, invoice.Line{Description: name + " (setup fee)", Amount: b.setup})
	}
	switch {
	case sub.InTrial():
		trial := sub.Extras.Trial
		if trial.Amount == 0 {
			return list, nil
		}
		part, err := subscription.Part(money.Amount{Minor: trial.Amount, Currency: b.currency}, max(trial.Payments, 1), sub.Period+max(trial.Payments, 1))
		if err != nil {
			return nil, err
		}
		kind := coupon.TrialLine
		if trial.Payments > 1 {
			kind = coupon.SplitLine
		}
		return b.add(list, invoice.ForTrial, kind, invoice.Line{Description: name + " (trial)", Amount: part, Span: sub.Span}), nil
	case sub.Extras.Whole > 0:
		n := sub.Extras.Parts - 1 - sub.PaymentsLeft()
		part, err := subscription.Part(money.Amount{Minor: sub.Extras.Whole, Currency: b.currency}, sub.Extras.Parts, n)
		if err != nil {
			return nil, err
		}
		return b.add(list, invoice.ForPeriod, coupon.SplitLine, invoice.Line{Description: name, Amount: part, Span: sub.Span}), nil
	}
	l, err := b.regular(sub.Quantity)
	if err != nil {
		return nil, err
	}
	l.Description, l.Span = name, sub.Span
	if err := b.shorten(&l, sub, b.price.Terms.FirstPeriod == catalog.FreeFirst); err != nil {
		return nil, err
	}
	return b.add(list, invoice.ForPeriod, coupon.PeriodLine, l), nil
}

// shorten makes a line of a whole period one of the present period, when that is the short
// time up to a billing day. What the first such time costs the price says; free says that
// it costs nothing.
func (b *billing) shorten(l *invoice.Line, sub *subscription.Subscription, free bool) error {
	whole, short := sub.Whole()
	first := sub.Extras.Short == 0 || sub.Extras.Short != sub.Period
	switch {
	case !short || first && b.price.Terms.FirstPeriod == catalog.FullFirst:
		return nil
	case first && free:
		l.Amount = money.Zero(l.Amount.Currency)
		return nil
	}
	share := firstShare(b.account, whole, sub.Interval, sub.Span.From)
	l.Details.Share = sharedOf(share, l.Amount)
	var err error
	if l.Amount, err = share.Of(l.Amount); err != nil {
		return err
	}
	l.Quantity, l.UnitAmount = 1, l.Amount
	return nil
}

// firstShare is the part of a whole period that one has which begins at an instant.
func firstShare(a account.Account, whole period.Span, every period.Interval, from time.Time) subscription.Share {
	policy := prorationOf(a)
	policy.ChangeDay = subscription.NewTerms // there are no old ones that the day could stay with
	return policy.Left(whole, every, from, a.Location())
}

// regular is what a whole period (or a one-time price) costs.
func (b *billing) regular(quantity int64) (invoice.Line, error) {
	if b.charge == nil {
		amount, err := b.unit.Times(quantity)
		return invoice.Line{Quantity: quantity, UnitAmount: b.unit, Amount: amount}, err
	}
	pieces, err := money.NewDecimal(quantity)
	if err != nil {
		return invoice.Line{}, err
	}
	amount, parts, err := b.rated(*b.charge, pieces)
	if err != nil {
		return invoice.Line{}, err
	}
	l := invoice.Line{Quantity: 1, UnitAmount: amount, Amount: amount, Details: invoice.Details{Units: pieces.String(), Parts: parts}}
	return l, nil
}

// waiting are the drafts of amounts that waited for an invoice.
func (b *billing) waiting() []draft {
	var list []draft
	for _, t := range b.items {
		l := invoice.Line{Description: t.Description, Price: t.Price, Quantity: t.Quantity, Amount: t.Amount, Span: t.Span, Details: t.Details}
		list = b.add(list, t.Kind, coupon.BumpLine, l)
	}
	return list
}

// lines puts discounts and tax on drafts. It returns the discounts that are left for
// later charges.
func (b *billing) lines(list []draft) ([]invoice.Line, []coupon.Discount, error) {
	left := b.discounts
	if len(b.discounts) > 0 {
		eligible := make([]coupon.Eligible, len(list))
		for i, d := range list {
			eligible[i] = coupon.Eligible{Amount: d.Amount, Kind: d.kind, First: b.first}
		}
		off, used, err := coupon.Apply(b.discounts, eligible)
		if err != nil {
			return nil, nil, err
		}
		for _, o := range off {
			l := &list[o.Line].Line
			if l.Discount, err = l.Discount.Add(o.Amount); err != nil {
				return nil, nil, err
			}
			l.Details.Coupons = append(l.Details.Coupons, invoice.Coupon{Code: b.codeOf(o.Coupon), Amount: o.Amount.Minor})
		}
		left = coupon.Spend(b.discounts, used)
	}
	lines := make([]invoice.Line, 0, len(list))
	for _, d := range list {
		l := d.Line
		l.Discount.Currency = b.currency
		var err error
		if l.Amount, err = l.Amount.Sub(l.Discount); err != nil {
			return nil, nil, err
		}
		if err := b.tax.on(&l); err != nil {
			return nil, nil, err
		}
		lines = append(lines, l)
	}
	return lines, left, nil
}

// firstLines are the lines of what is due at a sale, and the discounts that are left for
// later. Of a recurring price the subscription is the one that the sale begins.
func (b *billing) firstLines(quantity int64, sub *subscription.Subscription) ([]invoice.Line, []coupon.Discount, error) {
	b.sale, b.first = true, true
	var list []draft
	if sub != nil {
		var err error
		if list, err = b.forPeriod(sub); err != nil {
			return nil, nil, err
		}
	} else {
		l, err := b.regular(quantity)
		if err != nil {
			return nil, nil, err
		}
		l.Description = describe(b.product, b.price)
		list = b.add(list, invoice.ForSetup, coupon.SetupLine, invoice.Line{Description: l.Description + " (setup fee)", Amount: b.setup})
		kind := invoice.ForProduct
		if b.price.Terms.Prepaid != nil {
			kind = invoice.ForCredits
		}
		list = b.add(list, kind, coupon.ProductLine, l)
	}
	list, err := b.ship(list)
	if err != nil {
		return nil, nil, err
	}
	return b.lines(list)
}

// pauseFee are the lines of the fee of a pause.
func (b *billing) pauseFee(sub *subscription.Subscription) ([]invoice.Line, error) {
	b.discounts = nil
	fee := money.Amount{Minor: sub.Extras.Pausing.Fee, Currency: b.currency}
	lines, _, err := b.lines(b.add(nil, invoice.ForPause, coupon.BumpLine, invoice.Line{Description: describe(b.product, b.price) + " (pause)", Amount: fee}))
	return lines, err
}

// renewalLines are the lines of the period that a subscription has just entered.
func (b *billing) renewalLines(sub *subscription.Subscription) ([]invoice.Line, []coupon.Discount, error) {
	list, err := b.forPeriod(sub)
	if err != nil {
		return nil, nil, err
	}
	if list, err = b.ship(list); err != nil {
		return nil, nil, err
	}
	over, err := b.forUsage()
	if err != nil {
		return nil, nil, err
	}
	list = append(append(list, over...), b.waiting()...)
	lines, left, err := b.lines(list)
	return append(lines, b.last...), left, err
}

// lastLines are the lines of the invoice of a subscription that ends: what was used, and
// the amounts that waited. No coupon applies to either.
func (b *billing) lastLines() ([]invoice.Line, error) {
	list, err := b.forUsage()
	if err != nil {
		return nil, err
	}
	last := *b
	last.discounts = nil
	lines, _, err := last.lines(append(list, b.waiting()...))
	return lines, err
}

// lastInvoice is the invoice of a subscription that ends in its present period; without
// lines there is none.
func (b *billing) lastInvoice(sub *subscription.Subscription, buyer int64, now time.Time) (invoice.Invoice, []invoice.Line, error) {
	lines, err := b.lastLines()
	if err != nil || len(lines) == 0 {
		return invoice.Invoice{}, nil, err
	}
	v := invoice.Invoice{ID: id.New[id.Invoice](), Account: b.account.ID, Customer: sub.Customer, Subscription: sub.ID, Reason: invoice.Items, Period: sub.Period,
		Part: sub.Extras.Aside + 1, Span: sub.Span, Seller: b.account.Profile, Buyer: buyer, CreatedAt: now, Notes: invoice.Notes{Text: sub.Extras.Note, Fields: sub.Extras.Fields}}
	if slices.ContainsFunc(lines, func(l invoice.Line) bool { return l.Kind == invoice.ForUsage }) {
		v.Reason = invoice.Usage
	}
	v.Notes.Tax, v.Notes.Evidence = b.tax.notes()
	return v, lines, v.Fill(lines)
}

// itemIDs are those of the amounts that wait.
func (b *billing) itemIDs() []int64 {
	ids := make([]int64, len(b.items))
	for i, t := range b.items {
		ids[i] = int64(t.ID)
	}
	return ids
}
