package tax

import (
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// ShippingKind says when a shipping rule applies.
type ShippingKind string

// The kinds of shipping rules.
const (
	InPlace    ShippingKind = "in_place"     // goods are sent to the place
	NotInPlace ShippingKind = "not_in_place" // goods are sent elsewhere
	OrderTotal ShippingKind = "order_total"  // the order is worth Least to Most
)

// ShippingRule is what sending an order costs under a condition.
type ShippingRule struct {
	ID        id.ShippingRule
	Account   id.Account
	Name      string       // as printed on the line
	Amount    money.Amount // for a whole order, at or above zero
	Kind      ShippingKind
	Place     Place        // for InPlace empty means everywhere; its postal code may end in *
	Least     money.Amount // for OrderTotal, included; in the currency of Amount
	Most      money.Amount // for OrderTotal, included; zero is open
	State     State
	CreatedAt time.Time
	Version   int64
}

// Normal is the rule with its place spelt as Place.Normal spells it.
func (r ShippingRule) Normal() ShippingRule {
	r.Place = Rule{Country: r.Place.Country, Region: r.Place.Region, PostalCode: r.Place.PostalCode}.Normal().place()
	return r
}

// Check refuses a rule that cannot be (fault.Invalid). It expects the spelling of
// Normal.
func (r ShippingRule) Check() error {
	var f fault.Fields
	checkName(&f, "name", r.Name, maxName)
	f.Check(r.Amount.Currency.Known(), "currency", "must be a currency of ISO 4217, for example USD")
	f.Check(r.Amount.Minor >= 0 && r.Amount.Minor <= money.MaxMinor, "amount", "must be 0 to %d minor units", int64(money.MaxMinor))
	f.Check(r.State.Known(), "state", "must be active or archived")
	checkPlace(&f, r.Place, true)
	inRange := func(a money.Amount) bool {
		return a.Minor >= 0 && a.Minor <= money.MaxMinor && (a.Currency == r.Amount.Currency || a == money.Amount{})
	}
	f.Check(inRange(r.Least), "least", "must be 0 to %d minor units in the currency of the amount", int64(money.MaxMinor))
	f.Check(inRange(r.Most), "most", "must be 0 to %d minor units in the currency of the amount", int64(money.MaxMinor))
	switch r.Kind {
	case InPlace:
	case NotInPlace:
		f.Check(r.Place != Place{}, "country", "must be given for a rule about the places outside of it")
	case OrderTotal:
		f.Check(r.Place == Place{}, "country", "must be empty for a rule about the total")
		f.Check(r.Most.IsZero() || r.Least.Minor <= r.Most.Minor, "most", "must not be below least")
	default:
		f.Bad("kind", "must be in_place, not_in_place or order_total")
	}
	f.Check(r.Kind == OrderTotal || r.Least.IsZero() && r.Most.IsZero(), "least", "least and most must be 0 for a rule about a place")
	return f.Err()
}

// Shipping is the rules that an order sent to a place pays, each once: of the active
// rules about places the most specific (a rule "in" before every rule "not in", of
// equals the first made), and every active rule whose range holds the order's total.
// Rules in another currency than the total are passed over; a total of zero has any.
// Nobody is "not in" a place as long as his country is not known.
func Shipping(rules []ShippingRule, place Place, orderTotal money.Amount) []ShippingRule {
	place = province(place.Normal())
	var out []ShippingRule
	best := -1
	for i, r := range rules {
		if _, err := money.Common(r.Amount, orderTotal); err != nil || r.State != Active {
			continue
		}
		switch {
		case r.Kind == OrderTotal:
			if orderTotal.Minor >= r.Least.Minor && (r.Most.IsZero() || orderTotal.Minor <= r.Most.Minor) {
				out = append(out, r)
			}
		case !r.fits(place):
		case best < 0 || r.before(rules[best]): //nolint:gosec // best is a place of the list
			best = i
		}
	}
	if best >= 0 {
		out = append([]ShippingRule{rules[best]}, out...)
	}
	return out
}

// fits reports whether a rule about places applies to one.
func (r ShippingRule) fits(at Place) bool {
	in := specificity(r.Place, at) != noMatch
	if r.Kind == NotInPlace {
		return !in && at.Country != ""
	}
	return in
}

// before reports whether a rule that fits wins over another one that fits.
func (r ShippingRule) before(o ShippingRule) bool {
	if r.Kind != o.Kind {
		return r.Kind == InPlace
	}
	mine, other := specificity(r.Place, r.Place), specificity(o.Place, o.Place) // a place lies in itself
	if mine != other {
		return mine > other
	}
	return r.ID < o.ID
}
