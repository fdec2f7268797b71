package checkout

import (
	"slices"
	"strings"

	"perennial/internal/account"
	"perennial/internal/customer"
	"perennial/internal/tax"
	"perennial/internal/web"
)

// guest is what the buyer says of themselves, as far as it has been typed.
func (s sale) guest() customer.Customer {
	c := customer.Customer{Buyer: customer.Buyer{Name: s.Name, Company: s.Company, Address: s.Address, TaxID: s.TaxID, Region: s.Region, PostalCode: s.PostalCode}}
	if account.IsCountry(s.Country) {
		c.Buyer.Country = s.Country
	}
	if normal, err := tax.CheckID(c.Buyer.Country, s.TaxID); err == nil && s.TaxID != "" {
		c.Buyer.TaxID = normal
	}
	if s.ships() {
		c.Taxing.Shipping = customer.Address{Name: s.Name, Lines: s.Address, Country: c.Buyer.Country, Region: s.Region, PostalCode: s.PostalCode}
	}
	return c
}

// withoutCodes are the countries whose addresses have no postal codes.
var withoutCodes = strings.Fields("AE AG AO BF BI BJ BO BS BW BZ CD CF CG CI CK CM DJ DM ER FJ GD GH GM GN GQ GY HK KI KM ML MO MR NR NU QA RW SB SC SL SR ST SY TD TG TK TL TO TV UG VU YE ZW")

// needsPostalCode reports whether an address cannot be found without a postal code.
func (s sale) needsPostalCode() bool { return s.ships() && !slices.Contains(withoutCodes, s.Country) }

// needsRegion reports whether the place says too little without a state or province: of
// an address, and of where it is taxed.
func (s sale) needsRegion() bool { return s.placed() && (s.Country == "US" || s.Country == "CA") }

func (s sale) regionLabel() string {
	switch s.Country {
	case "US":
		return "State"
	case "CA":
		return "Province"
	}
	return "State or region"
}

// check adds what is wrong with the buyer's own fields, in front of the rest.
func (s *sale) check() {
	var list []web.Problem
	need := func(ok bool, field, message string) {
		if !ok {
			list = append(list, web.Problem{Field: field, Message: message})
		}
	}
	_, err := account.ParseEmail(s.Email)
	need(err == nil, "email", "Enter an e-mail address, for example ada@example.com. The receipt goes there.")
	need(s.Name != "", "name", "Enter your name. It is printed on the invoice.")
	need(!s.ships() || s.Address != "", "address", "Enter the street and the town that it is sent to.")
	need(account.IsCountry(s.Country), "country", "Choose your country.")
	need(!s.needsPostalCode() || s.PostalCode != "", "postal_code", "Enter the postal code that it is sent to.")
	need(!s.needsRegion() || s.Region != "", "region", "Enter your "+strings.ToLower(s.regionLabel())+". It tells which tax applies.")
	if s.ships() && len(s.sentTo()) > maxSentTo {
		need(false, "address", "The address is too long to be printed. Shorten it.")
	}
	if len(list) == 0 {
		list = append(list, fieldProblems(s.guest().Check())...)
	}
	s.Problems = append(list, s.Problems...)
}

// maxSentTo is the longest value that an invoice prints as a fact, in bytes.
const maxSentTo = 200

// sentTo is where an order of goods goes, on one line. It is kept with the order: a
// customer who is known already keeps the address that is known of them.
func (s sale) sentTo() string {
	var parts []string
	for _, p := range []string{s.Name, strings.Join(strings.Fields(strings.ReplaceAll(s.Address, "\n", ", ")), " "), strings.TrimSpace(s.PostalCode + " " + s.Region), web.CountryName(s.Country)} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

// fieldProblems is a refusal of what a buyer typed, by the names of this form's fields.
func fieldProblems(err error) []web.Problem {
	list := web.Problems(err)
	for i := range list {
		p := &list[i]
		p.Field = strings.TrimPrefix(p.Field, "shipping.")
		if strings.HasPrefix(p.Field, "fields.") {
			p.Field = "address"
		}
	}
	return slices.CompactFunc(list, func(a, b web.Problem) bool { return a.Field == b.Field })
}

// taxIDSaid is what is known of the tax number, and whether it is a problem.
func (s sale) taxIDSaid() (words string, bad bool) {
	if s.TaxID == "" || s.Account.Settings.TaxProfile == 0 {
		return "It is printed on the invoice.", false
	}
	switch tax.IDState(s.Quote.TaxIDState) {
	case tax.Valid:
		return "This number is registered.", false
	case tax.Invalid:
		if _, err := tax.CheckID(s.guest().Buyer.Country, s.TaxID); err != nil {
			return "This is not the form of a tax number of your country. Tax is charged as without it.", true
		}
		return "This number is not registered. Tax is charged as without it.", true
	case tax.Unavailable:
		return "The register of tax numbers does not answer now. Tax is charged as without the number.", true
	}
	return "It is printed on the invoice. No register says more about it.", false
}

// business reports whether the fields for companies are open: something stands in them,
// or is wrong with them.
func (s sale) business() bool {
	for _, field := range []string{"company", "tax_id", "address"} {
		if web.ProblemOf(s.Problems, field) != "" && (field != "address" || !s.ships()) {
			return true
		}
	}
	return s.Company != "" || s.TaxID != "" || s.Address != "" && !s.ships()
}
