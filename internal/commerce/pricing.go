package commerce

import (
	"encoding/json"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// Options are what a buyer or a merchant may choose about a sale beyond price and
// quantity. The zero value chooses nothing.
type Options struct {
	Currency   money.Currency    // "" means the price's own
	Coupons    []string          // codes, applied in this order
	AnchorDay  int               // day of the month to be billed on, 1 to 31; 0 means as the price says
	UnitAmount *int64            // minor units: a price for this sale alone; the merchant's choice
	Charge     *catalog.Charge   // the same for a charge; the merchant's choice
	Note       string            // printed on every invoice
	Fields     map[string]string // printed on every invoice
	// Guest is what a buyer who has not proven who they are said of themselves: the sale
	// is taxed by it. Sell sets it of its Buyer.
	Guest *customer.Customer
	// QuotedAt makes the sale as of a Quote's At, so that what was shown is what is charged;
	// zero, or longer ago than QuoteHolds, means now.
	QuotedAt time.Time
	// TrialTo begins the subscription with a free trial up to an instant, instead of what
	// the price says of one; zero leaves that. The merchant's choice.
	TrialTo time.Time
	// Recurrence sells the price to be paid again otherwise than it says, for this sale
	// alone; nil leaves that. The merchant's choice.
	Recurrence *Recurrence
}

// priced is a price as one sale or subscription has it: in its currency, with its own
// exceptions.
type priced struct {
	price    catalog.Price
	product  catalog.Product
	currency money.Currency
	rate     money.Decimal // the price's currency in this one; zero when the amounts are named
	unit     money.Amount  // of one piece
	setup    money.Amount
	trial    money.Amount    // of the whole trial
	charge   *catalog.Charge // nil: unit for each piece
	fixed    *catalog.Fixed  // the amounts named in this currency
}

// inCurrency is a price in a currency; rate is what one unit of the price's own
// currency is worth in it, for prices that convert.
func inCurrency(p catalog.Price, product catalog.Product, c money.Currency, rate money.Decimal) (priced, error) {
	own := p.Amount.Currency
	o := priced{price: p, product: product, currency: c, unit: p.Amount, setup: p.SetupFee, charge: p.Terms.Charge,
		trial: money.Amount{Minor: p.Terms.TrialAmount, Currency: own}}
	if c == own {
		return o, nil
	}
	if f, named := p.Terms.Currencies[c]; named {
		o.fixed, o.charge = &f, f.Charge
		o.unit, o.setup = money.Amount{Minor: f.Amount, Currency: c}, money.Amount{Minor: f.SetupFee, Currency: c}
		o.trial = money.Amount{Minor: f.TrialAmount, Currency: c}
		return o, nil
	}
	if !p.Terms.Convert || rate.IsZero() {
		return o, fault.BadField("currency", "must be one that the price is sold in")
	}
	o.rate = rate
	for _, amount := range []*money.Amount{&o.unit, &o.setup, &o.trial} {
		var err error
		if *amount, err = o.convert(*amount); err != nil {
			return o, err
		}
	}
	return o, nil
}

// follows is the price that begins after the last payment of another, in the currency that
// this one was sold in: at the same rate, or at that of an instant when none was needed.
func follows(tx *db.Tx, a account.Account, next catalog.Price, product catalog.Product, c money.Currency, rate money.Decimal, at time.Time) (priced, error) {
	if rate.IsZero() {
		var err error
		if rate, err = rateFor(tx, a, next, c, at); err != nil {
			return priced{}, err
		}
	}
	return inCurrency(next, product, c, rate)
}

// checkFollowing refuses a sale after whose last payment a price follows that could not be
// billed.
func (c *chosen) checkFollowing(tx *db.Tx, a account.Account, t taxes, at time.Time) error {
	for next := c.price.Terms.NextPrice; next != 0; { // each is older than the one before
		p, err := catalog.LoadPrice(tx, a.ID, next)
		if err != nil {
			return err
		}
		b := billing{account: a, tax: t}
		if b.priced, err = follows(tx, a, p, c.product, c.currency, c.rate, at); err != nil {
			if fault.Is(err, fault.Invalid) {
				err = fault.BadField("currency", "must be one that the price after the last payment is sold in, too")
			}
			return err
		}
		if err := b.payable(min(c.quantity, p.MaxQuantity)); err != nil {
			return err
		}
		next = p.Terms.NextPrice
	}
	return nil
}

// payable refuses what a whole period costs with tax when that is too much.
func (b *billing) payable(quantity int64) error {
	l, err := b.regular(quantity)
	if err != nil {
		return err
	}
	if err := b.tax.on(&l); err != nil {
		return err
	}
	_, err = l.Amount.Add(l.Tax)
	return err
}

// convert is an amount of the price's own currency in the currency of the sale, rounded
// half up once.
func (o priced) convert(a money.Amount) (money.Amount, error) {
	return catalog.Convert(a, o.currency, o.rate)
}

// rated is what a charge costs for a quantity, in the currency of the sale. The steps
// are in the price's own currency when it converts.
func (o priced) rated(c catalog.Charge, quantity money.Decimal) (money.Amount, []invoice.Part, error) {
	in := o.currency
	if !o.rate.IsZero() {
		in = o.price.Amount.Currency
	}
	total, steps, err := c.Amount(quantity, in)
	if err != nil {
		return total, nil, err
	}
	parts := make([]invoice.Part, len(steps))
	for i, p := range steps {
		parts[i] = invoice.Part{Quantity: p.Quantity.String(), Unit: p.Unit.String(), Flat: p.Flat, Amount: p.Amount}
		if in != o.currency {
			parts[i].Currency = in
		}
	}
	total, err = o.convert(total)
	return total, parts, err
}

// overage is what more usage costs by the price's metered entry number i.
func (o priced) overage(i int) catalog.Charge {
	if o.fixed != nil && i < len(o.fixed.Overage) {
		return o.fixed.Overage[i]
	}
	return o.price.Terms.Usage[i].Overage
}

// pricedFor is the price of a subscription as it was sold.
func pricedFor(sub *subscription.Subscription, p catalog.Price, product catalog.Product) (priced, error) {
	o, err := inCurrency(p, product, sub.UnitAmount.Currency, sub.Extras.Rate)
	if err != nil {
		return o, err
	}
	o.unit = sub.UnitAmount
	if sub.Extras.Charge != nil {
		var own catalog.Charge
		if err := json.Unmarshal(sub.Extras.Charge, &own); err != nil {
			return o, err
		}
		o.charge = &own
	}
	return o, nil
}

// chosen is a price with the options of a sale, and what a subscription to it is sold as.
type chosen struct {
	priced
	quantity  int64
	terms     subscription.Terms // of a recurring price
	discounts []coupon.Discount
	coupons   []coupon.Coupon
	note      invoice.Notes
	guest     *customer.Customer
}

// choose reads everything that a sale of a price depends on, and refuses what cannot be
// sold. Buyer is 0 while nobody is known.
func choose(tx *db.Tx, a account.Account, price id.Price, quantity int64, o Options, buyer id.Customer, now time.Time) (chosen, error) {
	var c chosen
	p, err := catalog.LoadPrice(tx, a.ID, price)
	if err != nil {
		return c, refersTo(err, "price")
	}
	product, err := catalog.LoadProduct(tx, a.ID, p.Product)
	if err != nil {
		return c, err
	}
	if product.State != catalog.Active {
		return c, fault.New(fault.Conflict, "this product is not sold any more").WithCode("product_archived")
	}
	if _, err := p.CheckSale(quantity); err != nil {
		return c, err
	}
	if o.Currency == "" {
		o.Currency = p.Amount.Currency
	}
	if o.Recurrence != nil {
		if p, err = o.Recurrence.on(p); err != nil {
			return c, err
		}
	}
	rate, err := rateFor(tx, a, p, o.Currency, now)
	if err != nil {
		return c, err
	}
	if c.priced, err = inCurrency(p, product, o.Currency, rate); err != nil {
		return c, err
	}
	c.quantity, c.guest = quantity, o.Guest
	c.note = invoice.Notes{Text: o.Note, Fields: o.Fields}
	if err := c.note.Check(); err != nil {
		return c, err
	}
	if err := c.except(o); err != nil {
		return c, err
	}
	if c.coupons, c.discounts, err = redeemable(tx, a, c.priced, o.Coupons, now); err != nil {
		return c, err
	}
	if p.Recurring() {
		err = c.sellAs(tx, a, o, buyer, now)
	}
	return c, err
}

// except puts the merchant's own price in place.
func (c *chosen) except(o Options) error {
	if o.UnitAmount != nil {
		if *o.UnitAmount < 0 || *o.UnitAmount > money.MaxMinor {
			return fault.BadField("unit_amount", "must be 0 to %d minor units", int64(money.MaxMinor))
		}
		c.unit, c.charge = money.Amount{Minor: *o.UnitAmount, Currency: c.currency}, nil
	}
	if o.Charge != nil {
		if err := o.Charge.Check(c.currency); err != nil {
			return below("charge", err)
		}
		c.charge = o.Charge
	}
	if o.AnchorDay < 0 || o.AnchorDay > 31 {
		return fault.BadField("anchor_day", "must be 1 to 31")
	}
	if o.AnchorDay > 0 && (!c.price.Recurring() || c.price.Interval.Unit < period.Month) {
		return fault.BadField("anchor_day", "must be left out for a price that is not billed by months or years")
	}
	return nil
}

// below puts the wrong fields of a refusal below a path.
func below(path string, err error) error {
	var f fault.Fields
	for _, field := range fault.As(err).Fields {
		f.Bad(path+"."+field.Name, "%s", field.Message)
	}
	if f.Err() == nil {
		return err
	}
	return f.Err()
}

// sellAs makes the terms of the subscription that the sale begins.
func (c *chosen) sellAs(tx *db.Tx, a account.Account, o Options, buyer id.Customer, now time.Time) error {
	if err := c.termsOf(a, o); err != nil {
		return err
	}
	if err := c.tryFree(o.TrialTo, now); err != nil {
		return err
	}
	grace, err := graceOf(tx, a, c.price)
	if err != nil {
		return err
	}
	c.terms.Extras.Grace = grace
	return c.align(tx, a, buyer)
}

// tryFree begins the subscription with a free trial up to an instant; zero changes nothing.
func (c *chosen) tryFree(to, now time.Time) error {
	switch {
	case to.IsZero():
		return nil
	case !to.After(now) || to.Sub(now) > 2*subscription.MaxMove:
		return fault.BadField("trial_end", "must be an instant that is still to come, within two years")
	case len(c.terms.Extras.Dates) > 0:
		return fault.BadField("trial_end", "must be left out for a price that is paid on fixed days")
	}
	c.terms.TrialTo, c.terms.TrialDays = to, int((to.Sub(now)+24*time.Hour-1)/(24*time.Hour))
	c.terms.Extras.Trial = subscription.Trial{}
	return nil
}

// termsOf makes the terms of a subscription of what was chosen alone.
func (c *chosen) termsOf(a account.Account, o Options) error {
	t := c.price.Terms
	c.terms = subscription.Terms{Product: c.product.ID, Price: c.price.ID, UnitAmount: c.unit, Quantity: c.quantity, Interval: c.price.Interval, TrialDays: c.price.TrialDays,
		Zone: a.Zone, Payments: t.Payments, AnchorDay: t.AnchorDay, FreeFirst: t.FirstPeriod == catalog.FreeFirst, TaxProfile: a.Settings.TaxProfile}
	e := &c.terms.Extras
	e.Rate, e.Note, e.Fields, e.Freed = c.rate, o.Note, o.Fields, c.terms.FreeFirst
	if c.price.TrialDays > 0 && (c.trial.Minor > 0 || t.TrialPayments > 1) {
		e.Trial = subscription.Trial{Amount: c.trial.Minor, Payments: t.TrialPayments}
	}
	if t.Split {
		whole, err := c.unit.Times(c.quantity)
		if err != nil {
			return err
		}
		e.Whole, e.Parts = whole.Minor, t.Payments
	}
	for _, d := range t.Dates {
		e.Dates = append(e.Dates, string(d))
	}
	if o.Charge != nil || o.UnitAmount != nil && t.Charge != nil {
		own := catalog.Charge{Model: catalog.PerUnit, Unit: money.UnitPriceOf(c.unit).Major}
		if o.Charge != nil {
			own = *o.Charge
		}
		e.Charge, _ = json.Marshal(own) // numbers and text always marshal
	}
	if o.AnchorDay > 0 {
		c.terms.AnchorDay = o.AnchorDay
	}
	return nil
}

// align gives the subscription the billing day of an earlier one of the same customer. A
// guest has none: whose address they name must not be told by what they are quoted, and
// what they are quoted is what they are charged.
func (c *chosen) align(tx *db.Tx, a account.Account, buyer id.Customer) error {
	if c.guest != nil || !c.product.Settings.Align || buyer == 0 || c.terms.AnchorDay > 0 || len(c.terms.Extras.Dates) > 0 {
		return nil
	}
	list, err := subscription.List(tx, a.ID, subscription.Filter{Customer: buyer, Limit: 100})
	if err != nil {
		return err
	}
	for i := len(list) - 1; i >= 0; i-- { // the oldest first
		s := &list[i]
		if s.State == subscription.Active && s.Interval == c.price.Interval && s.Zone == c.terms.Zone {
			c.terms.AnchorAt, c.terms.AnchorDay = s.AnchorAt, s.AnchorDay
			return nil
		}
	}
	return nil
}

// keep writes the discounts that apply to what comes after the sale into the terms.
func keepDiscounts(e *subscription.Extras, list []coupon.Discount) {
	e.Discounts = nil
	if len(list) > 0 {
		e.Discounts, _ = json.Marshal(list) // numbers and text always marshal
	}
}

// spendDiscounts is keepDiscounts after a charge, which some of those before it were used
// for. Those that this was the last charge of stay known until the next one: they reduce
// what the subscription brings in its present period.
func spendDiscounts(e *subscription.Extras, before, left []coupon.Discount) {
	var spent []coupon.Discount
	for _, d := range before {
		if d.Left != 0 && !slices.ContainsFunc(left, func(l coupon.Discount) bool { return l.Coupon == d.Coupon }) {
			spent = append(spent, d)
		}
	}
	keepDiscounts(e, left)
	e.Spent = nil
	if len(spent) > 0 {
		e.Spent, _ = json.Marshal(spent) // numbers and text always marshal
	}
}

// discountsOf are the discounts of a subscription.
func discountsOf(sub *subscription.Subscription) ([]coupon.Discount, error) {
	var list []coupon.Discount
	if sub.Extras.Discounts == nil {
		return nil, nil
	}
	return list, json.Unmarshal(sub.Extras.Discounts, &list)
}
