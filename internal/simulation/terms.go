package simulation

import (
	"perennial/internal/catalog"
	"perennial/internal/money"
	"perennial/internal/period"
)

// draw draws the terms of a price beyond its amount. Most have none.
func (w *world) draw(p *price) catalog.Terms {
	var t catalog.Terms
	if w.o.Plain || !p.recurring() || !w.roll(45) {
		return t
	}
	p.special = true
	if w.roll(35) {
		t.Charge = w.charge()
	}
	if w.roll(35) {
		t.Payments = 2 + w.rng.IntN(5)
		if p.amount > int64(t.Payments) && w.roll(40) && t.Charge == nil {
			t.Split = true
		}
		if next := those(w.prices, (*price).recurring); len(next) > 0 && w.roll(40) {
			t.NextPrice = among(w.rng, next).id
		}
	}
	if p.trial > 0 && w.roll(60) {
		t.TrialAmount = 10 + w.rng.Int64N(5000)
		t.TrialPayments = 1 + w.rng.IntN(min(3, p.trial))
	}
	if p.setup > 0 && w.roll(30) {
		t.SetupEvery = 1 + w.rng.IntN(4)
	}
	if p.interval.Unit >= period.Month && w.roll(30) {
		t.AnchorDay = 1 + w.rng.IntN(31)
		t.FirstPeriod = among(w.rng, []catalog.FirstPeriod{catalog.Prorated, catalog.FullFirst, catalog.FreeFirst})
		if t.Split && t.FirstPeriod == catalog.Prorated {
			t.FirstPeriod = catalog.FullFirst
		}
	}
	return t
}

// charge draws a price by tiers or blocks.
func (w *world) charge() *catalog.Charge {
	decimal := func(v int64) money.Decimal {
		d, err := money.NewDecimal(v)
		if err != nil {
			return money.Decimal{}
		}
		return d
	}
	third, seventh := decimal(1+w.rng.Int64N(3)), decimal(4+w.rng.Int64N(4))
	c := &catalog.Charge{Minimum: w.rng.Int64N(50)}
	switch w.rng.IntN(4) {
	case 0:
		c.Model, c.Block, c.Unit = catalog.Package, 1+w.rng.Int64N(4), decimal(1+w.rng.Int64N(50))
	case 1:
		c.Model, c.Unit = catalog.Flat, decimal(1+w.rng.Int64N(50))
	case 2:
		c.Model = catalog.Volume
	default:
		c.Model = catalog.Graduated
	}
	if c.Model == catalog.Volume || c.Model == catalog.Graduated {
		c.Tiers = []catalog.Tier{{UpTo: &third, Unit: decimal(w.rng.Int64N(30)), Flat: w.rng.Int64N(100)}, {UpTo: &seventh, Unit: decimal(w.rng.Int64N(20))},
			{Unit: decimal(w.rng.Int64N(10))}}
	}
	return c
}
