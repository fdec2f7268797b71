package commerce

import (
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/tax"
)

// taxes is how the lines of one invoice are taxed and shipped.
type taxes struct {
	sold     tax.Decision
	shipping tax.Decision
	rules    []tax.ShippingRule // that apply to the place, whatever the order is worth
	place    tax.Place
}

// accountTaxes is the account's one rate, without a profile.
func accountTaxes(a account.Account) taxes {
	d := tax.Decision{Reason: tax.NoRule, EvidenceOK: true}
	if !a.Tax.Rate.IsZero() {
		d.Reason, d.Rates = tax.Taxed, []tax.Applied{{Rate: a.Tax.Rate}}
	}
	return taxes{sold: d, shipping: d}
}

// on puts tax on a line. Its Amount is what it costs, with the tax when prices hold it.
func (t taxes) on(l *invoice.Line) error {
	d := t.sold
	if l.Kind == invoice.ForShipping {
		d = t.shipping
	}
	l.Tax = money.Zero(l.Amount.Currency)
	if len(d.Rates) == 0 {
		return nil
	}
	net, parts, total, err := tax.Apply(d, l.Amount)
	if err != nil {
		return err
	}
	l.Amount, l.Rate, l.TaxName, l.Details.Inclusive = net, d.Rate(), d.Name(), d.Inclusive
	if l.Tax, err = total.Sub(net); err != nil {
		return err
	}
	if len(parts) > 1 {
		for i, p := range parts {
			l.Details.Taxes = append(l.Details.Taxes, invoice.Tax{Name: d.Rates[i].Name, Rate: d.Rates[i].Rate, Amount: p.Minor})
		}
	}
	return nil
}

// notes are what a document must say about its tax.
func (t taxes) notes() (sentence string, evidence []string) {
	if t.sold.Note == "" && len(t.sold.Rates) == 0 {
		return "", nil
	}
	return t.sold.Note, t.sold.Evidence
}

// taxBook is what taxes and shipping are found in, for a batch of invoices.
type taxBook struct {
	account   account.Account
	profiles  map[id.TaxProfile]tax.Profile
	rules     map[id.TaxProfile][]tax.Rule
	shipping  []tax.ShippingRule
	customers map[id.Customer]customer.Customer
}

// openTaxBook reads profiles, their rules, the shipping rules when something ships, and
// the customers who buy.
func openTaxBook(tx *db.Tx, a account.Account, profiles, customers []int64, ships bool) (*taxBook, error) {
	b := &taxBook{account: a}
	var err error
	if len(profiles) > 0 {
		if b.profiles, err = tax.ProfilesByID(tx, a.ID, profiles); err != nil {
			return nil, err
		}
		if b.rules, err = tax.RulesOf(tx, a.ID, profiles); err != nil {
			return nil, err
		}
	}
	if ships {
		if b.shipping, err = tax.ShippingRules(tx, a.ID); err != nil {
			return nil, err
		}
	}
	if len(profiles) > 0 || ships {
		b.customers, err = customer.ByID(tx, a.ID, customers)
	}
	return b, err
}

// meet takes what a buyer who has not proven who they are says of themselves: a place of
// their own, and a tax number that counts only for what a register just said about it.
func (b *taxBook) meet(buyer id.Customer, guest customer.Customer) {
	if b.customers == nil {
		b.customers = map[id.Customer]customer.Customer{}
	}
	c := b.customers[buyer]
	if guest.Buyer.Country != "" {
		c.Buyer.Country, c.Buyer.Region, c.Buyer.PostalCode = guest.Buyer.Country, guest.Buyer.Region, guest.Buyer.PostalCode
		c.Buyer.TaxID, c.Taxing.IDState = guest.Buyer.TaxID, guest.Taxing.IDState
		c.Buyer.Company, c.Taxing.Exempt = guest.Buyer.Company, ""
	}
	if guest.Buyer.Country != "" || guest.Taxing.Shipping != (customer.Address{}) {
		c.Taxing.Shipping = guest.Taxing.Shipping // theirs or none: what is known of a customer is not told to strangers by the tax
	}
	if guest.Buyer.Country != "" || guest.Taxing.IPCountry != "" {
		c.Taxing.IPCountry = guest.Taxing.IPCountry
	}
	b.customers[buyer] = c
}

// taxes are those of one customer's invoice of a product.
func (b *taxBook) taxes(profile id.TaxProfile, buyer id.Customer, product catalog.Product, at time.Time) taxes {
	t := accountTaxes(b.account)
	if b.profiles == nil && b.shipping == nil {
		return t
	}
	c := b.customers[buyer]
	who := taxBuyer(c)
	if p, known := b.profiles[profile]; known {
		t.sold = tax.Resolve(p, b.rules[profile], who, tax.Supply(product.Settings.TaxKind), at)
		t.shipping = p.ForShipping(t.sold)
	} else if product.Settings.TaxKind == catalog.Untaxed {
		t.sold = tax.Decision{Reason: tax.NotTaxed, EvidenceOK: true}
		t.shipping = t.sold
	}
	t.place = who.Shipping
	if t.place == (tax.Place{}) {
		t.place = who.Billing
	}
	if product.Settings.Ships {
		t.rules = b.shipping
	}
	return t
}

// taxBuyer is a customer as tax rules see them.
func taxBuyer(c customer.Customer) tax.Buyer {
	s := c.Taxing.Shipping
	return tax.Buyer{Billing: tax.Place{Country: c.Buyer.Country, Region: c.Buyer.Region, PostalCode: c.Buyer.PostalCode},
		Shipping:  tax.Place{Country: s.Country, Region: s.Region, PostalCode: s.PostalCode},
		IPCountry: c.Taxing.IPCountry, TaxID: c.Buyer.TaxID, TaxIDState: tax.IDState(c.Taxing.IDState), Company: c.Buyer.Company != "", Exempt: c.Taxing.Exempt}
}

// ship adds what it costs to send the goods among the drafts.
func (b *billing) ship(list []draft) ([]draft, error) {
	if !b.product.Settings.Ships || len(b.tax.rules) == 0 || len(list) == 0 {
		return list, nil
	}
	worth := money.Zero(b.currency)
	for _, d := range list {
		var err error
		if worth, err = worth.Add(d.Amount); err != nil {
			return nil, err
		}
	}
	for _, r := range tax.Shipping(b.tax.rules, b.tax.place, worth) {
		list = b.add(list, invoice.ForShipping, coupon.ShippingLine, invoice.Line{Description: r.Name, Amount: r.Amount})
	}
	return list, nil
}
