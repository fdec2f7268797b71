package catalog

import (
	"strconv"
	"strings"

	"perennial/internal/fault"
	"perennial/internal/money"
)

// Model says how a quantity becomes an amount.
type Model string

// The models.
const (
	PerUnit   Model = "per_unit"  // Unit for each piece
	Flat      Model = "flat"      // Unit, whatever the quantity
	Volume    Model = "volume"    // all pieces at the price of the tier that the quantity lies in
	Graduated Model = "graduated" // each piece at the price of the tier that it lies in
	Package   Model = "package"   // Unit for each block that is begun
)

// Charge turns a quantity into an amount.
type Charge struct {
	Model   Model         `json:"model"`
	Unit    money.Decimal `json:"unit,omitzero"`     // major units of the currency
	Block   int64         `json:"block,omitempty"`   // pieces in a block, package only
	Tiers   []Tier        `json:"tiers,omitempty"`   // ascending; volume and graduated only
	Minimum int64         `json:"minimum,omitempty"` // minor units: the least that a period costs
}

// Tier is the price of the pieces up to a quantity.
type Tier struct {
	UpTo *money.Decimal `json:"up_to,omitempty"` // inclusive; nil only for the last tier, which has no end
	Unit money.Decimal  `json:"unit,omitzero"`
	Flat int64          `json:"flat,omitempty"` // minor units, added once when the tier is reached
}

// Part is one step of the arithmetic of a charge.
type Part struct {
	Quantity money.Decimal `json:"quantity"` // pieces; blocks of a package; 1 of a flat price
	Unit     money.Decimal `json:"unit"`
	Flat     int64         `json:"flat,omitempty"` // minor units, of the tier
	Amount   int64         `json:"amount"`         // minor units, rounded, Flat included
}

// Known reports whether m is a model.
func (m Model) Known() bool {
	return m == PerUnit || m == Flat || m == Volume || m == Graduated || m == Package
}

// tiered reports whether m prices by tiers.
func (m Model) tiered() bool { return m == Volume || m == Graduated }

// maxBlock is the most pieces of a block.
const maxBlock = 1_000_000_000_000

// Check refuses, with fault.Invalid, a charge in a currency that cannot be, and
// one with a field that its model does not use. Prices of a unit may lie far
// below the smallest coin; a flat price may not, because nothing multiplies it.
func (c Charge) Check(cur money.Currency) error {
	var f fault.Fields
	if !c.Model.Known() {
		f.Bad("model", "must be per_unit, flat, volume, graduated or package")
		return f.Err()
	}
	checkMinor(&f, "minimum", c.Minimum)
	if c.Model == Package {
		f.Check(c.Block >= 1 && c.Block <= maxBlock, "block", "must be 1 to %d", int64(maxBlock))
	} else {
		f.Check(c.Block == 0, "block", "is for the model package only")
	}
	if c.Model.tiered() {
		f.Check(c.Unit.IsZero(), "unit", "must stand in the tiers of the model %s", c.Model)
		checkTiers(&f, c.Tiers, cur)
		return f.Err()
	}
	f.Check(len(c.Tiers) == 0, "tiers", "are for the models volume and graduated only")
	checkUnit(&f, "unit", c.Unit, cur)
	if c.Model == Flat {
		_, decimals, _ := strings.Cut(c.Unit.String(), ".")
		f.Check(len(decimals) <= cur.Digits(), "unit", "must have at most %d decimals for a flat price in %s", cur.Digits(), cur)
	}
	return f.Err()
}

func checkTiers(f *fault.Fields, tiers []Tier, cur money.Currency) {
	if len(tiers) == 0 || len(tiers) > MaxTiers {
		f.Bad("tiers", "must be 1 to %d tiers", MaxTiers)
		return
	}
	var previous money.Decimal
	for i, tier := range tiers {
		field := "tiers." + strconv.Itoa(i)
		checkUnit(f, field+".unit", tier.Unit, cur)
		checkMinor(f, field+".flat", tier.Flat)
		last := i == len(tiers)-1
		switch {
		case last:
			f.Check(tier.UpTo == nil, field+".up_to", "must be left out of the last tier, which has no end")
		case tier.UpTo == nil:
			f.Bad(field+".up_to", "must be set in every tier but the last")
		case tier.UpTo.Cmp(previous) <= 0:
			f.Bad(field+".up_to", "must be above %s", previous)
		default:
			previous = *tier.UpTo
		}
	}
}

func checkUnit(f *fault.Fields, field string, unit money.Decimal, cur money.Currency) {
	_, err := money.UnitPrice{Major: unit, Currency: cur}.Times(1, money.HalfUp)
	f.Check(err == nil && unit.Sign() >= 0, field, "must be a price of 0 to %d minor units", int64(money.MaxMinor))
}

func checkMinor(f *fault.Fields, field string, minor int64) {
	f.Check(minor >= 0 && minor <= money.MaxMinor, field, "must be 0 to %d minor units", int64(money.MaxMinor))
}

// Amount is what a quantity costs in the currency that the charge was checked
// for, with the arithmetic step by step. Every part is exact and rounded half up
// once; total is their sum, but never less than Minimum. A quantity of 0 has no
// parts, except that a flat price is due whatever the quantity.
//
// A negative quantity, and a total beyond money.MaxMinor, are refused with
// fault.Invalid.
func (c Charge) Amount(quantity money.Decimal, cur money.Currency) (total money.Amount, parts []Part, err error) {
	if quantity.Sign() < 0 {
		return money.Amount{}, nil, fault.New(fault.Invalid, "a quantity below 0 has no price").WithCode("quantity_negative")
	}
	steps, err := c.steps(quantity)
	if err != nil {
		return money.Amount{}, nil, err
	}
	total = money.Zero(cur)
	for i := range steps {
		p := &steps[i]
		part, err := money.UnitPrice{Major: p.Unit, Currency: cur}.TimesDecimal(p.Quantity, money.HalfUp)
		if err != nil {
			return money.Amount{}, nil, err
		}
		part, err = part.Add(money.Amount{Minor: p.Flat, Currency: cur})
		if err != nil {
			return money.Amount{}, nil, err
		}
		p.Amount = part.Minor
		total, err = total.Add(part)
		if err != nil {
			return money.Amount{}, nil, err
		}
	}
	total.Minor = max(total.Minor, c.Minimum)
	return total, steps, nil
}

// steps is the parts of a quantity, without their amounts.
func (c Charge) steps(quantity money.Decimal) ([]Part, error) {
	switch {
	case c.Model == Flat:
		one, err := money.NewDecimal(1)
		return []Part{{Quantity: one, Unit: c.Unit}}, err
	case quantity.IsZero() && c.Model.Known():
		return nil, nil
	}
	switch c.Model {
	case PerUnit:
		return []Part{{Quantity: quantity, Unit: c.Unit}}, nil
	case Package:
		n, err := quantity.Blocks(c.Block)
		if err != nil {
			return nil, err
		}
		blocks, err := money.NewDecimal(n)
		return []Part{{Quantity: blocks, Unit: c.Unit}}, err
	case Volume:
		for _, tier := range c.Tiers {
			if tier.holds(quantity) {
				return []Part{{Quantity: quantity, Unit: tier.Unit, Flat: tier.Flat}}, nil
			}
		}
	case Graduated:
		return c.graduated(quantity)
	}
	return nil, fault.New(fault.Invalid, "the charge has no price for a quantity of %s", quantity).WithCode("charge_invalid")
}

// holds reports whether a quantity lies in the tier or in one before it.
func (t Tier) holds(quantity money.Decimal) bool { return t.UpTo == nil || t.UpTo.Cmp(quantity) >= 0 }

// graduated cuts a quantity above 0 into the pieces that lie in each tier.
func (c Charge) graduated(quantity money.Decimal) ([]Part, error) {
	var parts []Part
	var previous money.Decimal
	for _, tier := range c.Tiers {
		end := quantity
		if !tier.holds(quantity) {
			end = *tier.UpTo
		}
		piece, err := end.Sub(previous)
		if err != nil {
			return nil, err
		}
		parts = append(parts, Part{Quantity: piece, Unit: tier.Unit, Flat: tier.Flat})
		if tier.holds(quantity) {
			return parts, nil
		}
		previous = end
	}
	return nil, fault.New(fault.Invalid, "the tiers end before a quantity of %s", quantity).WithCode("charge_invalid")
}
