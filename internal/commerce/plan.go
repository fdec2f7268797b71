package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/credit"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// ChangePlan is what a change of terms does, with its arithmetic. It is computed once,
// shown, stored, and carried out as it stands: a change charges what its preview said.
type ChangePlan struct {
	At        time.Time // the instant that it is computed for
	Direction string    // "up" when the new terms are dearer by the month, else "down" or "same"
	Policy    subscription.Proration
	Mode      subscription.Mode
	Keep      bool // the present period goes on; else a new one begins
	// Settles says that it charges or gives back: what the present period was charged for
	// before it is given back now or never.
	Settles bool
	// CarryTrial says that a trial goes on under the new terms.
	CarryTrial bool
	Terms      subscription.Terms
	Name       string // of what it is changed to

	Credits []PlannedCredit // what was paid and is not used
	Lines   []invoice.Line  // what is charged with the change
	Items   []invoice.Item  // what is charged with the next invoice instead
	Cuts    []PlannedCut    // what waited for the next invoice and is not used
	Period  int             // that Lines are for
	Span    period.Span
	Notes   invoice.Notes
	Billed  []usage.Counter // of meters that the new price does not have, as Lines bill them at the old terms

	Credited money.Amount // all Credits, with tax
	Net      money.Amount // of Lines
	Tax      money.Amount
	Total    money.Amount
	// FromCredits and FromBalance are minor units of Total that the change's own credits
	// and the customer's earlier credit pay.
	FromCredits int64
	FromBalance int64
	Due         money.Amount // what is charged
	Balance     int64        // minor units of credit that the customer has afterwards

	NextAt   time.Time    // when the next invoice comes, after a pause that is to come; zero when none does
	NextEach money.Amount // what a whole period costs then, with tax and before discounts
}

// PlannedCredit takes back what is unused of one paid invoice.
type PlannedCredit struct {
	Invoice id.Invoice
	Number  string
	Lines   []invoice.CreditLine
	Steps   []string // the arithmetic of each line
	Total   money.Amount
}

// PlannedCut takes what is unused off an amount that waits for the next invoice.
type PlannedCut struct {
	Item  invoice.Item // with what is left of it; nothing removes it
	Taken money.Amount // without tax
	Step  string       // the arithmetic
}

// prorationOf is the policy that an account chose.
func prorationOf(a account.Account) subscription.Proration {
	p, _ := subscription.Preset(a.Settings.Proration)
	return p
}

// PreviewChange shows what a change of terms would do, without doing it.
func (s *Service) PreviewChange(ctx context.Context, acc id.Account, sub id.Subscription, to NewTerms, at time.Time) (ChangePlan, error) {
	var p ChangePlan
	err := s.db.View(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, acc)
		if err != nil {
			return err
		}
		found, err := subscription.Load(tx, acc, sub)
		if err != nil {
			return err
		}
		now := a.Now(s.clock.Now())
		if at.IsZero() {
			at = now
		}
		if err := checkChange(&found, now); err != nil {
			return err
		}
		if at.Before(found.Span.From) || at.After(found.Span.To) {
			return fault.BadField("at", "must lie in the present period of the subscription")
		}
		p, err = s.planChange(tx, a, &found, to, at)
		return err
	})
	return p, err
}

// planChange computes a change of terms at an instant.
func (s *Service) planChange(tx *db.Tx, a account.Account, sub *subscription.Subscription, to NewTerms, at time.Time) (ChangePlan, error) {
	p := ChangePlan{At: at, Policy: prorationOf(a)}
	if to.Proration != nil {
		p.Policy = *to.Proration
	}
	if err := p.Policy.Check(); err != nil {
		return p, err
	}
	old, err := pricedOf(tx, a, sub)
	if err != nil {
		return p, err
	}
	next, err := s.target(tx, a, sub, old, to, at)
	if err != nil {
		return p, err
	}
	p.Terms, p.Name = next.terms, describe(next.product, next.price)
	zero := money.Zero(next.currency)
	p.Credited, p.Net, p.Tax, p.Total, p.Due = zero, zero, zero, zero, zero

	book, err := openTaxBook(tx, a, profileOf(sub), []int64{int64(sub.Customer)}, next.product.Settings.Ships)
	if err != nil {
		return p, err
	}
	b := billing{priced: next.priced, account: a, tax: book.taxes(sub.TaxProfile, sub.Customer, next.product, at), first: sub.Extras.Uncharged}
	if b.discounts, err = discountsOf(sub); err != nil {
		return p, err
	}
	if err := p.direction(&b, old, sub, next.quantity); err != nil {
		return p, err
	}
	p.CarryTrial = to.CarryTrial && sub.InTrial()
	p.Keep = !to.Reset && !sub.InTrial() && (to.Keep || next.price.Interval == sub.Interval) && len(sub.Extras.Dates) == 0 && next.terms.Extras.Whole == 0
	p.Settles = p.Mode != subscription.SettleNone || to.Charge != nil || to.Credit != nil
	u, err := unspentOf(tx, a, sub, &p)
	if err != nil {
		return p, err
	}
	if err := p.charge(&b, sub, old, to, next.quantity, &u); err != nil {
		return p, err
	}
	if err := p.lastUsage(tx, a, sub, old, next.price, b.tax); err != nil {
		return p, err
	}
	if err := p.credit(tx, to, &u); err != nil {
		return p, err
	}
	return p, p.settle(tx, &b, sub, next.quantity)
}

func profileOf(sub *subscription.Subscription) []int64 {
	if sub.TaxProfile == 0 {
		return nil
	}
	return []int64{int64(sub.TaxProfile)}
}

// pricedOf is the price of a subscription as it was sold, read from the store.
func pricedOf(tx *db.Tx, a account.Account, sub *subscription.Subscription) (priced, error) {
	p, err := catalog.LoadPrice(tx, a.ID, sub.Price)
	if err != nil {
		return priced{}, err
	}
	product, err := catalog.LoadProduct(tx, a.ID, p.Product)
	if err != nil {
		return priced{}, err
	}
	return pricedFor(sub, p, product)
}

// pricedSubscription is a subscription with its price.
func pricedSubscription(tx *db.Tx, a account.Account, of id.Subscription) (subscription.Subscription, priced, error) {
	sub, err := subscription.Load(tx, a.ID, of)
	if err != nil {
		return sub, priced{}, err
	}
	o, err := pricedOf(tx, a, &sub)
	return sub, o, err
}

// errFixedParts is for terms whose parts sum to an amount that was agreed on.
var errFixedParts = fault.New(fault.Conflict, "a subscription that is paid in fixed parts can only be changed to another price").WithCode("fixed_parts")

// target is what the subscription is changed to.
func (s *Service) target(tx *db.Tx, a account.Account, sub *subscription.Subscription, old priced, to NewTerms, at time.Time) (chosen, error) {
	c := chosen{priced: old, quantity: sub.Quantity}
	if to.Quantity != 0 {
		c.quantity = to.Quantity
	}
	if to.Price != 0 && to.Price != sub.Price {
		p, err := catalog.LoadPrice(tx, a.ID, to.Price)
		if err != nil {
			return c, refersTo(err, "price")
		}
		product, err := catalog.LoadProduct(tx, a.ID, p.Product)
		if err != nil {
			return c, err
		}
		if err := changeable(p, product); err != nil {
			return c, err
		}
		if _, err := p.CheckSale(c.quantity); err != nil {
			return c, err
		}
		rate := sub.Extras.Rate
		if rate.IsZero() || p.Amount.Currency != old.price.Amount.Currency {
			if rate, err = rateFor(tx, a, p, old.currency, at); err != nil {
				return c, err
			}
		}
		if c.priced, err = inCurrency(p, product, old.currency, rate); err != nil {
			return c, fault.BadField("price", "is not sold in %s, the currency of the subscription", old.currency)
		}
	}
	if len(c.price.Terms.Dates) > 0 || c.price.Terms.Split {
		return c, errFixedParts
	}
	if c.quantity < 1 || c.quantity > c.price.MaxQuantity {
		return c, fault.BadField("quantity", "must be 1 to %d", c.price.MaxQuantity)
	}
	o := Options{UnitAmount: to.UnitAmount, Note: sub.Extras.Note, Fields: sub.Extras.Fields}
	if err := c.except(o); err != nil {
		return c, err
	}
	if err := c.termsOf(a, o); err != nil {
		return c, err
	}
	c.terms.TrialDays, c.terms.TaxProfile = 0, sub.TaxProfile
	if sub.Price == c.price.ID {
		if to.UnitAmount == nil {
			c.terms.Extras.Charge = sub.Extras.Charge
		}
		c.terms.Payments = 0
		if sub.EndPeriod > 0 {
			c.terms.Payments = max(sub.PaymentsLeft(), 1)
		}
		c.terms.AnchorDay = sub.AnchorDay
	}
	c.terms.Extras.Discounts, c.terms.Extras.Uncharged = sub.Extras.Discounts, sub.Extras.Uncharged
	had := sub.Extras.Freed && !sub.InTrial() // what is left of the time that was given is not given again
	c.terms.FreeFirst = c.terms.FreeFirst && !had
	c.terms.Extras.Freed = c.terms.Extras.Freed || sub.Extras.Freed
	grace, err := graceOf(tx, a, c.price)
	c.terms.Extras.Grace = grace
	return c, err
}

// direction compares what the terms cost by the month.
func (p *ChangePlan) direction(b *billing, old priced, sub *subscription.Subscription, quantity int64) error {
	before, err := (&billing{priced: old}).regular(sub.Quantity)
	if err != nil {
		return err
	}
	after, err := b.regular(quantity)
	if err != nil {
		return err
	}
	was, will := sub.Interval, b.price.Interval
	p.Direction, p.Mode = "same", p.Policy.Down
	switch {
	case was.IsZero() || will.IsZero():
		p.Direction, p.Mode = "up", p.Policy.Up
	case subscription.Dearer(before.Amount, was, after.Amount, will):
		p.Direction, p.Mode = "up", p.Policy.Up
	case subscription.Dearer(after.Amount, will, before.Amount, was):
		p.Direction = "down"
	}
	return nil
}

// next finds out when the next invoice comes of what the change leaves behind.
func (p *ChangePlan) next(b *billing, after subscription.Subscription) error {
	step, err := ahead(&after)
	last := step == subscription.Complete && len(b.price.Terms.Usage) == 0 && (b.price.Terms.NextPrice == 0 || after.Extras.Alone)
	if step == subscription.Bill || step == subscription.PauseFee || step == subscription.Complete && !last {
		p.NextAt = after.NextActionAt
	}
	return err
}

// charge computes what the new terms cost at once: in a period that goes on, the part of
// their price that is left of what the old ones were charged for.
func (p *ChangePlan) charge(b *billing, sub *subscription.Subscription, old priced, to NewTerms, quantity int64, u *unspent) error {
	after := *sub
	after.Switch(p.Terms, p.Keep, p.CarryTrial, p.At)
	p.Period, p.Span = after.Period, after.Span
	err := p.next(b, after)
	if err != nil {
		return err
	}
	kind := invoice.ForPeriod
	if p.Keep {
		kind, p.Span = invoice.ForChange, period.Span{From: p.At, To: after.Span.To}
	}
	if p.Keep {
		p.Terms.Extras.Rest = p.rest(sub, u)
		if p.Terms.Extras.Given, err = givenOf(sub, old); err != nil {
			return err
		}
	}
	if (p.CarryTrial || p.Keep && p.Mode == subscription.SettleNone) && to.Charge == nil {
		return nil
	}
	l, err := b.regular(quantity)
	if err != nil {
		return err
	}
	l.Description, l.Span = p.Name, p.Span
	if p.Keep && p.Mode != subscription.SettleFull {
		if g := p.Terms.Extras.Given; g != nil { // that much was given, and is not charged now
			l.Amount.Minor = max(l.Amount.Minor-*g.Of, 0)
			l.Details = invoice.Details{} // it tells how the whole came about
		}
		l.Details.Share = sharedOf(u.left, l.Amount)
		if l.Amount, err = u.left.Of(l.Amount); err != nil {
			return err
		}
		l.Quantity, l.UnitAmount = 1, l.Amount
	}
	if !p.Keep {
		if err := b.shorten(&l, &after, p.Terms.FreeFirst); err != nil {
			return err
		}
	}
	if to.Charge != nil {
		if *to.Charge < 0 || *to.Charge > money.MaxMinor {
			return fault.BadField("charge", "must be 0 to %d minor units", int64(money.MaxMinor))
		}
		l.Amount = money.Amount{Minor: *to.Charge, Currency: b.currency}
		l.Quantity, l.UnitAmount, l.Details = 1, l.Amount, invoice.Details{}
		b.discounts = nil
	}
	if p.Keep { // a part of a period takes percentages, and uses no cycle of a coupon
		b.discounts = percentages(b.discounts)
	}
	list := b.add(nil, kind, coupon.PeriodLine, l)
	if p.Mode == subscription.SettleNext && p.Keep {
		return p.later(b, sub, list)
	}
	lines, left, err := b.lines(list)
	if err != nil {
		return err
	}
	if !p.Keep {
		spendDiscounts(&p.Terms.Extras, b.discounts, left)
	}
	p.Terms.Extras.Uncharged = p.Terms.Extras.Uncharged && len(lines) == 0
	p.Lines = lines
	p.Notes = invoice.Notes{Text: sub.Extras.Note, Fields: sub.Extras.Fields}
	p.Notes.Tax, p.Notes.Evidence = b.tax.notes()
	return nil
}

// givenOf is the present period as a change leaves it, when nothing was charged for it: what
// the terms cost at which it was given stays given, whatever is changed inside it.
func givenOf(sub *subscription.Subscription, old priced) (*subscription.Given, error) {
	g := sub.Given()
	if g == nil || g.Of != nil {
		return g, nil
	}
	whole, err := (&billing{priced: old}).regular(sub.Quantity)
	return &subscription.Given{Period: g.Period, Of: &whole.Amount.Minor}, err
}

// rest is what of the present period the new terms are charged for, once the change holds.
// A change that neither charges nor gives back leaves it as it was.
func (p *ChangePlan) rest(sub *subscription.Subscription, u *unspent) subscription.Rest {
	if !p.Settles {
		return sub.Extras.Rest
	}
	r := subscription.Rest{Period: sub.Period, Begin: u.begin.Whole.From, From: p.At, Share: u.left}
	if p.Mode == subscription.SettleFull {
		r.Share = subscription.WholePeriod()
	}
	return r
}

// lastUsage bills, at the old terms, the usage of meters that the new price does not have.
// That of the others goes on to the next invoice.
func (p *ChangePlan) lastUsage(tx *db.Tx, a account.Account, sub *subscription.Subscription, old priced, next catalog.Price, t taxes) error {
	ends := ending(old.price, next)
	if ends == nil {
		return nil
	}
	lines, counters, err := usageNow(tx, a, sub, old, t, ends)
	p.Lines, p.Billed = append(p.Lines, lines...), counters
	return err
}

// later makes items for the next invoice of what would be charged now.
func (p *ChangePlan) later(b *billing, sub *subscription.Subscription, list []draft) error {
	untaxed := *b
	untaxed.tax = taxes{}
	lines, _, err := untaxed.lines(list)
	if err != nil {
		return err
	}
	for _, l := range lines {
		p.Items = append(p.Items, invoice.Item{ID: id.New[id.Item](), Account: sub.Account, Customer: sub.Customer, Subscription: sub.ID, Kind: l.Kind,
			Description: l.Description, Price: l.Price, Quantity: 1, Amount: l.Amount, Span: l.Span, Details: l.Details})
		p.Terms.Extras.Rest.Item = p.Items[0].ID
	}
	return nil
}

// percentages are the discounts that take a share.
func percentages(list []coupon.Discount) []coupon.Discount {
	var kept []coupon.Discount
	for _, d := range list {
		if d.Kind == coupon.Percent {
			kept = append(kept, d)
		}
	}
	return kept
}

// sharedOf is a share of an amount as a line shows it.
func sharedOf(s subscription.Share, of money.Amount) *invoice.Share {
	return &invoice.Share{Left: s.Left, Whole: s.Whole, Unit: s.Unit, Of: of.Minor}
}

// credit computes what was paid for the present period, or waits to be, and is not used.
func (p *ChangePlan) credit(tx *db.Tx, to NewTerms, u *unspent) error {
	if to.Credit == nil && (p.CarryTrial || p.Mode == subscription.SettleNone || p.Mode == subscription.SettleFull) {
		return nil
	}
	if to.Credit != nil && *to.Credit < 0 {
		return fault.BadField("credit", "must not be below 0")
	}
	byHand := to.Credit
	if byHand != nil {
		left := *to.Credit
		byHand = &left
	}
	for _, v := range u.paid {
		if err := p.creditInvoice(tx, v, u, byHand); err != nil {
			return err
		}
	}
	if err := p.cut(u, byHand); err != nil {
		return err
	}
	if byHand != nil && *byHand > 0 {
		return fault.BadField("credit", "is %d minor units more than what was paid for the period and is left", *byHand)
	}
	return nil
}

// creditInvoice takes back what is unused of one invoice.
func (p *ChangePlan) creditInvoice(tx *db.Tx, v paidInvoice, u *unspent, byHand *int64) error {
	if err := notRefunding(tx, v.invoice); err != nil {
		return err
	}
	var portions []invoice.Portion
	var steps []string
	for _, l := range v.charged {
		part, err := u.of(l, v.taken[l.Position])
		if err != nil {
			return err
		}
		part.set(byHand)
		portions, steps = append(portions, part.Portion), append(steps, part.step)
	}
	lines, err := v.invoice.Take(v.lines, v.taken, portions)
	if err != nil || len(lines) == 0 {
		return err
	}
	note := invoice.CreditNote{}
	if err := note.Fill(lines); err != nil {
		return err
	}
	p.Credits = append(p.Credits, PlannedCredit{Invoice: v.invoice.ID, Number: v.invoice.Label(), Lines: lines, Steps: steps, Total: note.Total})
	p.Credited, err = p.Credited.Add(note.Total)
	return err
}

// cut takes what is unused off the amount that waits for the next invoice.
func (p *ChangePlan) cut(u *unspent, byHand *int64) error {
	if u.item == nil {
		return nil
	}
	part, err := u.ofItem()
	if err != nil {
		return err
	}
	part.set(byHand)
	if part.Net == 0 {
		return nil
	}
	t := *u.item
	t.Amount.Minor -= part.Net
	t.Span.To = p.At
	if s := t.Details.Share; s != nil && part.Details.Share != nil {
		used := *s
		used.Left, used.Whole, used.Unit = u.charged.Left-u.left.Left, u.charged.Whole, u.charged.Unit
		t.Details.Share = &used
	} else {
		t.Details.Share = nil
	}
	t.Details.Coupons = nil
	p.Cuts = append(p.Cuts, PlannedCut{Item: t, Taken: money.Amount{Minor: part.Net, Currency: t.Amount.Currency}, Step: part.step})
	return nil
}

func zoneOf(sub *subscription.Subscription) *time.Location {
	zone, err := period.LoadZone(sub.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// settle sums the plan up.
func (p *ChangePlan) settle(tx *db.Tx, b *billing, sub *subscription.Subscription, quantity int64) error {
	if len(p.Lines) > 0 {
		var v invoice.Invoice
		if err := v.Fill(p.Lines); err != nil {
			return err
		}
		p.Net, p.Tax, p.Total = v.Net, v.Tax, v.Total
	}
	if p.Total.IsZero() {
		p.Lines = nil
	}
	balances, err := credit.Balances(tx, sub.Account, []int64{int64(sub.Customer)})
	if err != nil {
		return err
	}
	have := balances[sub.Customer][b.currency]
	p.FromCredits = min(p.Total.Minor, p.Credited.Minor)
	p.FromBalance = min(p.Total.Minor-p.FromCredits, have)
	p.Due = money.Amount{Minor: p.Total.Minor - p.FromCredits - p.FromBalance, Currency: b.currency}
	p.Balance = have + p.Credited.Minor - p.FromCredits - p.FromBalance
	each, err := b.regular(quantity)
	if err != nil {
		return err
	}
	if err := b.tax.on(&each); err != nil {
		return err
	}
	p.NextEach, err = each.Amount.Add(each.Tax)
	return err
}
