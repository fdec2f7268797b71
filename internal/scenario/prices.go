package scenario

import (
	"context"
	"fmt"
	"strings"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/money"
)

// product is "NAME options".
func (s *story) product(ctx context.Context, w *words) error {
	c := commerce.CreateProduct{Call: s.call, Name: w.word("a name")}
	o := &c.Settings
	for !w.done() {
		switch {
		case w.is("cancel"):
			o.Cancel = catalog.CancelPolicy(w.word("a policy"))
		case w.is("pause"):
			s.pausable(w, &o.Pause)
		case w.is("skips"):
			o.Skips = w.count("a number of skips")
		case w.is("ends"):
			name := w.word("a product")
			p, known := s.products[name]
			if !known {
				w.fail("no product is called %q", name)
			}
			o.Ends = append(o.Ends, p)
		case w.is("ships"):
			o.Ships = true
		case w.is("aligns"):
			o.Align = true
		case w.is("supplies"):
			o.TaxKind = catalog.TaxKind(w.word("a kind of supply"))
		case w.is("recovery"):
			o.Recovery = s.policyNamed(w)
		default:
			w.otherwise("cancel, pause, skips, ends, ships, aligns, supplies, recovery")
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	made, err := s.stage.Service.CreateProduct(ctx, c)
	if err == nil {
		s.products[made.Name] = made.ID
	}
	return err
}

// pausable is "allowed", "longest INTERVAL", "periods N" or "fee AMOUNT [every INTERVAL]".
func (s *story) pausable(w *words, p *catalog.PausePolicy) {
	p.Allowed = true
	switch {
	case w.is("allowed"):
	case w.is("longest"):
		p.Longest = w.interval()
	case w.is("periods"):
		p.Periods = w.count("a number of periods")
	case w.is("fee"):
		p.Fee = w.minor()
		if w.is("every") {
			p.Every = w.interval()
		}
	default:
		w.otherwise("allowed, longest, periods, fee")
	}
}

// charge reads how a quantity is priced: "0.05", "9.00 flat", "5.00 per 100", or
// "graduated up to 10 at 5.00 plus 20.00 then 4.00". It returns the plain amount when
// that is all there is.
func (w *words) charge() (money.Amount, *catalog.Charge) {
	c := &catalog.Charge{Model: catalog.PerUnit}
	switch {
	case w.is("volume"):
		c.Model = catalog.Volume
	case w.is("graduated"):
		c.Model = catalog.Graduated
	}
	if c.Model != catalog.PerUnit {
		w.tiers(c)
		return money.Zero(w.currency), c
	}
	text := w.word("an amount")
	if money.Currency(w.peek()).Known() {
		w.currency = w.code()
	}
	unit, err := money.ParseDecimal(text)
	if err != nil {
		w.fail("%q is no amount", text)
	}
	c.Unit = unit
	amount, err := money.ParseMajor(text, w.currency)
	switch {
	case w.is("flat"):
		c.Model = catalog.Flat
	case w.is("per"):
		c.Model, c.Block = catalog.Package, w.number("a number of pieces")
	case err == nil:
		return amount, nil
	}
	amount.Currency = w.currency // of a price below the smallest coin nothing else is known
	return amount, c
}

func (w *words) tiers(c *catalog.Charge) {
	for {
		var t catalog.Tier
		if w.is("up to") {
			upTo := w.decimal("a quantity")
			t.UpTo = &upTo
			w.must("at")
		} else {
			w.must("then")
		}
		t.Unit = w.decimal("a price")
		if w.is("plus") {
			t.Flat = w.minor()
		}
		c.Tiers = append(c.Tiers, t)
		if t.UpTo == nil || w.done() {
			return
		}
	}
}

// overage is a charge that stands for a quantity of usage.
func (w *words) overage() catalog.Charge {
	amount, c := w.charge()
	if c == nil {
		c = &catalog.Charge{Model: catalog.PerUnit, Unit: money.UnitPriceOf(amount).Major}
	}
	if w.is("minimum") {
		c.Minimum = w.minor()
	}
	return *c
}

// price makes a price, and a product of its name unless the line says "of PRODUCT".
func (s *story) price(ctx context.Context, w *words) error {
	name := w.word("a name")
	p := commerce.CreatePrice{Call: s.call}
	if w.is("of") {
		product := w.word("a product")
		known := false
		if p.Product, known = s.products[product]; !known {
			return fmt.Errorf("no product is called %q", product)
		}
		if product != name {
			p.Name = name
		}
	}
	p.Amount, p.Terms.Charge = w.charge()
	w.currency = p.Amount.Currency
	switch {
	case w.is("once"):
	case w.is("every"):
		p.Interval = w.interval()
	case w.is("on"):
		for strings.Count(w.peek(), "-") == 2 {
			p.Terms.Dates = append(p.Terms.Dates, catalog.Date(w.word("")))
		}
	default:
		w.otherwise("once, every INTERVAL, on DATE DATE …")
	}
	for !w.done() {
		s.priceOption(w, &p)
	}
	if err := w.end(); err != nil {
		return err
	}
	if p.Product == 0 {
		product, err := s.stage.Service.CreateProduct(ctx, commerce.CreateProduct{Call: s.call, Name: name})
		if err != nil {
			return err
		}
		p.Product, s.products[name] = product.ID, product.ID
	}
	made, err := s.stage.Service.CreatePrice(ctx, p)
	if err == nil {
		s.prices[name] = made
	}
	return err
}

const priceOptions = "trial, setup, payments, split, followed by, day, first, minimum, in, converted, usage, prepaid, at most"

func (s *story) priceOption(w *words, p *commerce.CreatePrice) {
	t := &p.Terms
	switch {
	case w.is("trial"):
		p.TrialDays = w.count("a number of days")
		w.must("days")
		if w.is("for") {
			t.TrialAmount = w.minor()
		}
		if w.is("in") {
			t.TrialPayments = w.count("a number of payments")
			w.must("payments")
		}
	case w.is("setup"):
		p.SetupFee = w.minor()
		if w.is("every") {
			t.SetupEvery = w.count("a number of periods")
			w.must("periods")
		}
	case w.is("payments"):
		t.Payments = w.count("a number of payments")
	case w.is("split"):
		t.Payments, t.Split = w.count("a number of payments"), true
	case w.is("followed by"):
		t.NextPrice = s.priceNamed(w).ID
	case w.is("day"):
		t.AnchorDay = w.count("a day of the month")
	case w.is("first"):
		if first := w.word("a first period"); first != "prorated" {
			t.FirstPeriod = catalog.FirstPeriod(first)
		}
	case w.is("minimum"):
		if t.Charge == nil {
			t.Charge = &catalog.Charge{Model: catalog.PerUnit, Unit: money.UnitPriceOf(p.Amount).Major}
		}
		t.Charge.Minimum = w.minor()
	case w.is("in"):
		s.fixed(w, t)
	case w.is("converted"):
		t.Convert = true
	case w.is("usage"):
		s.metered(w, t)
	case w.is("prepaid"):
		t.Prepaid = &catalog.Prepaid{Meter: s.meterNamed(w), Units: w.decimal("a number of units")}
		if w.is("top up at") {
			at := w.decimal("a balance")
			t.Prepaid.TopUpAt = &at
		}
	case w.is("at most"):
		p.MaxQuantity = w.number("a quantity")
	default:
		w.otherwise(priceOptions)
	}
}

// fixed is "CURRENCY CHARGE [setup AMOUNT] [trial AMOUNT] [over CHARGE …]".
func (s *story) fixed(w *words, t *catalog.Terms) {
	own := w.currency
	w.currency = w.code()
	amount, charge := w.charge()
	f := catalog.Fixed{Amount: amount.Minor, Charge: charge}
	for more := true; more; {
		switch {
		case w.is("setup"):
			f.SetupFee = w.minor()
		case w.is("trial"):
			f.TrialAmount = w.minor()
		case w.is("over"):
			f.Overage = append(f.Overage, w.overage())
		default:
			more = false
		}
	}
	if t.Currencies == nil {
		t.Currencies = map[money.Currency]catalog.Fixed{}
	}
	t.Currencies[w.currency] = f
	w.currency = own
}

// metered is "METER [includes N] [trial N] over CHARGE".
func (s *story) metered(w *words, t *catalog.Terms) {
	m := catalog.Metered{Meter: s.meterNamed(w)}
	if w.is("includes") {
		m.Included = w.decimal("a number of units")
	}
	if w.is("trial") {
		n := w.decimal("a number of units")
		m.TrialIncluded = &n
	}
	w.must("over")
	m.Overage = w.overage()
	t.Usage = append(t.Usage, m)
}

func (s *story) priceNamed(w *words) catalog.Price {
	name := w.word("a price")
	p, known := s.prices[name]
	if !known {
		w.fail("no price is called %q", name)
	}
	return p
}

func (s *story) meterNamed(w *words) id.Meter {
	name := w.word("a meter")
	m, known := s.meters[name]
	if !known {
		w.fail("no meter is called %q", name)
	}
	return m
}
