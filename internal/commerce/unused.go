package commerce

import (
	"fmt"
	"slices"

	"perennial/internal/account"
	"perennial/internal/coupon"
	"perennial/internal/db"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// unspent is what a subscription was charged for the present period at the terms in
// force, and how much of that is left at an instant. A change gives the part that is left
// back, and charges the same part of the new price.
type unspent struct {
	charged   subscription.Share // of the price of a whole period
	left      subscription.Share // of the same whole
	begin     subscription.Charged
	policy    subscription.Proration
	discounts []coupon.Discount // that take a share, as they apply now
	first     bool              // nothing that coupons care for was charged before
	paid      []paidInvoice
	item      *invoice.Item // that waits for the next invoice instead
}

// paidInvoice is a paid invoice that charged the terms in force.
type paidInvoice struct {
	invoice invoice.Invoice
	lines   []invoice.Line // all of it
	taken   invoice.Taken
	charged []invoice.Line // those that charged the terms
}

// unspentOf finds what charged the terms in force for the present period.
func unspentOf(tx *db.Tx, a account.Account, sub *subscription.Subscription, p *ChangePlan) (unspent, error) {
	u := unspent{policy: p.Policy, first: sub.Extras.Uncharged}
	discounts, err := discountsOf(sub)
	if err != nil {
		return u, err
	}
	u.discounts = percentages(discounts)
	if err := u.load(tx, sub); err != nil {
		return u, err
	}
	var line *subscription.Share
	for _, v := range u.paid {
		for _, l := range v.charged {
			share := subscription.WholePeriod()
			if s := l.Details.Share; s != nil {
				share = subscription.Share{Left: s.Left, Whole: s.Whole, Unit: s.Unit}
			}
			line = &share
		}
	}
	u.begin = sub.Charged(line)
	if u.begin.Share == (subscription.Share{}) { // nothing was charged, or less than half a minor unit: see shorten
		u.begin.Share = firstShare(a, u.begin.Whole, sub.Interval, u.begin.From)
	}
	u.charged, u.left = p.Policy.Unused(u.begin, sub.Interval, p.At, zoneOf(sub))
	return u, nil
}

// load reads the invoices, and the item that waits. After a change inside the period
// they are the one of the change.
func (u *unspent) load(tx *db.Tx, sub *subscription.Subscription) error {
	rest := sub.Extras.Rest
	changed := rest.Share.Whole > 0 && rest.Period == sub.Period
	if changed && rest.Item != 0 {
		waiting, err := invoice.Waiting(tx, sub.Account, []int64{int64(sub.ID)})
		if err != nil {
			return err
		}
		list := waiting[sub.ID]
		if i := slices.IndexFunc(list, func(t invoice.Item) bool { return t.ID == rest.Item }); i >= 0 {
			u.item = &list[i]
		}
	}
	all, err := invoice.List(tx, sub.Account, invoice.Filter{Subscription: sub.ID, Limit: 100})
	if err != nil {
		return err
	}
	var paid []invoice.Invoice
	var ids []int64
	for _, v := range all {
		if v.State == invoice.Paid && v.Period == sub.Period && (!changed || v.ID == rest.Invoice) {
			paid, ids = append(paid, v), append(ids, int64(v.ID))
		}
	}
	if len(paid) == 0 {
		return nil
	}
	lines, err := invoice.LinesOf(tx, sub.Account, paid)
	if err != nil {
		return err
	}
	taken, err := invoice.TakenOf(tx, sub.Account, ids)
	if err != nil {
		return err
	}
	for _, v := range paid {
		one := paidInvoice{invoice: v, lines: lines[v.ID], taken: taken[v.ID]}
		for _, l := range one.lines {
			terms := l.Kind == invoice.ForPeriod || l.Kind == invoice.ForChange || l.Kind == invoice.ForTrial
			if terms && (changed || l.Span.From.Equal(sub.Span.From)) { // not what was charged before an end that was taken back
				one.charged = append(one.charged, l)
			}
		}
		if len(one.charged) > 0 {
			u.paid = append(u.paid, one)
		}
	}
	return nil
}

// priceOf is what a whole period of a line costs, before discounts and with the tax where
// prices hold it.
func priceOf(l invoice.Line) (money.Amount, error) {
	if s := l.Details.Share; s != nil {
		return money.Amount{Minor: s.Of, Currency: l.Amount.Currency}, nil
	}
	return l.UnitAmount.Times(max(l.Quantity, 1))
}

// unusedPart is how much of a line, or of an item, is given back.
type unusedPart struct {
	invoice.Portion
	rest int64 // minor units without tax that could be given back at most
	step string
}

// set makes the part as much of an amount that somebody chose as can be given back, and
// takes that from the amount; nil leaves the part as it is.
func (p *unusedPart) set(byHand *int64) {
	if byHand == nil {
		return
	}
	p.Net = max(min(*byHand, p.rest), 0)
	*byHand -= p.Net
	p.Tax, p.Details, p.step = nil, invoice.Details{}, ""
}

// of computes what is left of one line: as it was charged, when that can be computed again,
// else by the time that is left of what was paid.
func (u *unspent) of(l invoice.Line, given invoice.TakenBack) (unusedPart, error) {
	part := unusedPart{Portion: invoice.Portion{Line: l.Position}, rest: l.Amount.Minor - given.Net}
	price, err := priceOf(l)
	if err != nil {
		return part, err
	}
	was, err := u.cost(l, price, u.charged)
	if err != nil {
		return part, err
	}
	mirrored := was.Amount == l.Amount && was.Tax == l.Tax && was.Discount.Minor == l.Discount.Minor
	if !mirrored || u.policy.CreditFrom == subscription.FromPrice && !l.Discount.IsZero() {
		return u.share(part, l, given)
	}
	now, err := u.cost(l, price, u.left)
	if err != nil {
		return part, err
	}
	part.Net = now.Amount.Minor
	if part.Net <= part.rest {
		part.Tax = &now.Tax.Minor
	} else {
		part.Net, part.Details.Limited = max(part.rest, 0), true
	}
	shown, of := u.left, price
	if l.Details.Inclusive { // what is given back is shown without tax
		shown, of = u.leftOfCharged(), l.Amount
	}
	part.Details.Share, part.Details.Coupons = sharedOf(shown, of), now.Details.Coupons
	part.step = stepOf(shown, of, now.Discount, part)
	return part, nil
}

// stepOf is the arithmetic of a part in words.
func stepOf(share subscription.Share, of, discount money.Amount, part unusedPart) string {
	amount := money.Amount{Minor: part.Net, Currency: of.Currency}
	if discount.IsZero() {
		return subscription.Portion{Of: of, Share: share, Amount: amount, Limited: part.Details.Limited}.String()
	}
	s := fmt.Sprintf("%s × %s, less %s by coupons = %s", of, share, discount, amount)
	if part.Details.Limited {
		s += ", which is all that can be given back"
	}
	return s
}

// leftOfCharged is what is left as a part of what was charged.
func (u *unspent) leftOfCharged() subscription.Share {
	return subscription.Share{Left: u.left.Left, Whole: max(u.charged.Left, 1), Unit: u.left.Unit}
}

// share is the time that is left, of the time that was paid for, of what was paid for it.
func (u *unspent) share(part unusedPart, l invoice.Line, given invoice.TakenBack) (unusedPart, error) {
	whole := max(u.charged.Left, 1)
	line := subscription.Line{Price: l.Amount, Share: subscription.Share{Left: whole, Whole: whole, Unit: u.left.Unit}, Paid: l.Amount,
		Credited: money.Amount{Minor: given.Net, Currency: l.Amount.Currency}}
	if u.policy.CreditFrom == subscription.FromPrice && !l.Details.Inclusive && !l.Discount.IsZero() {
		gross, err := l.Amount.Add(l.Discount)
		if err != nil {
			return part, err
		}
		line.Price = gross
	}
	portion, err := u.policy.Credit(line, u.leftOfCharged())
	if err != nil {
		return part, err
	}
	part.Net, part.step = portion.Amount.Minor, portion.String()
	if part.Net > part.rest {
		part.Net, portion.Limited = max(part.rest, 0), true
		portion.Amount.Minor = part.Net
		part.step = portion.String()
	}
	part.Details = invoice.Details{Share: sharedOf(portion.Share, portion.Of), Limited: portion.Limited}
	return part, nil
}

// cost is what a share of a price would be charged as with the discounts and the tax of a
// line.
func (u *unspent) cost(l invoice.Line, price money.Amount, share subscription.Share) (invoice.Line, error) {
	amount, err := share.Of(price)
	if err != nil {
		return invoice.Line{}, err
	}
	kind := coupon.PeriodLine
	if l.Kind == invoice.ForTrial {
		kind = coupon.TrialLine
	}
	b := billing{first: u.first}
	b.currency = price.Currency
	if !l.Discount.IsZero() {
		b.discounts = u.discounts
	}
	list, _, err := b.lines([]draft{{invoice.Line{Kind: l.Kind, Amount: amount}, kind}})
	if err != nil {
		return invoice.Line{}, err
	}
	c := list[0]
	c.Tax = money.Zero(price.Currency)
	switch {
	case l.Rate.IsZero():
		return c, nil
	case l.Details.Inclusive:
		if c.Tax, err = c.Amount.RateWithin(l.Rate, money.HalfUp); err != nil {
			return c, err
		}
		c.Amount, err = c.Amount.Sub(c.Tax)
	default:
		c.Tax, err = c.Amount.MulRate(l.Rate, money.HalfUp)
	}
	return c, err
}

// ofItem computes what is left of the item that waits.
func (u *unspent) ofItem() (unusedPart, error) {
	t := u.item
	l := invoice.Line{Kind: t.Kind, Quantity: t.Quantity, UnitAmount: t.Amount, Amount: t.Amount, Discount: money.Zero(t.Amount.Currency), Tax: money.Zero(t.Amount.Currency), Details: t.Details}
	for _, c := range t.Details.Coupons {
		l.Discount.Minor += c.Amount
	}
	return u.of(l, invoice.TakenBack{})
}
