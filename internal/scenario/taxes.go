package scenario

import (
	"context"
	"fmt"

	"perennial/internal/commerce"
	"perennial/internal/tax"
)

// tax is "profile NAME SCHEME options" or "rule PROFILE NAME RATE options".
func (s *story) tax(ctx context.Context, w *words) error {
	if w.is("rule") {
		return s.taxRule(ctx, w)
	}
	w.must("profile")
	name := w.word("a name")
	p := tax.Profile{Name: name, Kind: tax.Scheme(w.word("a scheme"))}
	for !w.done() {
		switch {
		case w.is("seller"):
			at := w.place()
			p.SellerCountry, p.SellerRegion = at.Country, at.Region
		case w.is("inclusive"):
			p.Inclusive = true
		case w.is("with shipping"):
			p.ShippingTaxed = true
		default:
			w.otherwise("seller, inclusive, with shipping")
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	made, err := s.stage.Service.CreateTaxProfile(ctx, commerce.CreateTaxProfile{Call: s.call, Profile: p})
	if err == nil {
		s.taxes[name] = &taxing{id: made.ID}
	}
	return err
}

func (s *story) taxNamed(w *words) *taxing {
	name := w.word("a tax profile")
	p := s.taxes[name]
	if p == nil {
		w.fail("no tax profile is called %q", name)
		return &taxing{}
	}
	return p
}

func (s *story) taxRule(ctx context.Context, w *words) error {
	p := s.taxNamed(w)
	r := tax.Rule{Name: w.word("a name"), Rate: w.rate("a rate")}
	for !w.done() {
		switch {
		case w.is("in"):
			at := w.place()
			r.Country, r.Region, r.PostalCode = at.Country, at.Region, at.PostalCode
		case w.is("from"):
			r.From = w.instant()
		case w.is("until"):
			r.To = w.instant()
		default:
			w.otherwise("in, from, until")
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	rules := append(p.rules[:len(p.rules):len(p.rules)], r)
	_, err := s.stage.Service.UpdateTaxProfile(ctx, commerce.UpdateTaxProfile{Call: s.call, Profile: p.id, Rules: &rules})
	if err == nil {
		p.rules = rules
	}
	return err
}

// shippingRule is "NAME AMOUNT in PLACE", "NAME AMOUNT not in PLACE" or "NAME AMOUNT order
// LEAST to MOST".
func (s *story) shippingRule(ctx context.Context, w *words) error {
	name := w.word("a name")
	r := tax.ShippingRule{Name: name, Amount: w.amount(), Kind: tax.InPlace}
	switch {
	case w.is("in"):
		r.Place = w.place()
	case w.is("not in"):
		r.Kind, r.Place = tax.NotInPlace, w.place()
	case w.is("order"):
		r.Kind, r.Least = tax.OrderTotal, w.amount()
		if w.is("to") {
			r.Most = w.amount()
		}
	case !w.done():
		return fmt.Errorf("a shipping rule is: in PLACE, not in PLACE, or order LEAST to MOST")
	}
	if err := w.end(); err != nil {
		return err
	}
	made, err := s.stage.Service.CreateShippingRule(ctx, commerce.CreateShippingRule{Call: s.call, Rule: r})
	if err == nil {
		s.shipping[name] = made.ID
	}
	return err
}
