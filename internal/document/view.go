package document

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"perennial/internal/account"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/tax"
)

// Of is the paper of an invoice as it was issued, with what became of it since: what
// was paid, taken back by credit notes, voided or given up. An invoice without a
// number is a Conflict: nothing was issued yet.
func Of(v report.InvoiceView) (Paper, error) {
	if v.Invoice.Number == 0 {
		return Paper{}, fault.New(fault.Conflict, "the invoice has no number yet, so there is no document").WithCode("invoice_not_issued")
	}
	inv := v.Invoice
	d := drawingFor(v.Account, v.Buyer, inv.Total.Currency)
	p := d.paper(v.Account, v.Seller, v.Buyer)
	p.Number, p.Issued, p.Service = fit(inv.Label(), maxShort), d.day(inv.IssuedAt), d.span(inv.Span.From, inv.Span.To)
	p.Totals = Totals{Net: inv.Net, Tax: inv.Tax, Gross: inv.Total, Credit: d.in(inv.CreditUsed), Due: inv.Due()}
	p.Inclusive = inclusive(v.Lines)
	for _, l := range v.Lines {
		line, err := d.line(l, p.Inclusive)
		if err != nil {
			return p, err
		}
		p.Lines = append(p.Lines, line)
	}
	var err error
	if p.Taxes, err = taxes(v.Account.Tax.Name, v.Lines); err != nil {
		return p, err
	}
	for _, paid := range v.Payments {
		if paid.State == payment.Paid {
			p.Payments = append(p.Payments, Payment{Method: method(v.Methods[paid.Method]), On: d.day(paid.SettledAt), Amount: paid.Amount})
		}
	}
	d.state(&p, inv)
	sentence, err := d.aboutTax(inv.Notes.Tax, v.Buyer.Exempt)
	if err != nil {
		return p, err
	}
	p.Notes = append(p.Notes, sentence...)
	d.credited(&p, v.CreditNotes)
	d.merchant(&p, inv.Notes)
	return p, nil
}

// drawing is what the texts of one paper are written with.
type drawing struct {
	words    words
	tag      language.Tag
	asked    language.Tag
	zone     *time.Location
	currency money.Currency
}

// drawingFor speaks the buyer's language and counts days in the account's zone.
func drawingFor(a account.Account, buyer customer.Printed, c money.Currency) drawing {
	d := drawing{asked: language.English, zone: a.Location(), currency: c}
	if tag, err := language.Parse(buyer.Language); err == nil && buyer.Language != "" {
		d.asked = tag
	}
	d.words, d.tag = wordsFor(d.asked)
	return d
}

func (d drawing) paper(a account.Account, s account.Printed, b customer.Printed) Paper {
	p := Paper{Language: d.asked, Sample: a.Mode == account.Sandbox, Seller: d.seller(s), Buyer: d.buyer(b), Contact: fit(s.Email, maxShort)}
	if p.Buyer.Country != p.Seller.Country {
		p.Buyer.Address = d.abroad(p.Buyer.Address, p.Buyer.Country)
	}
	return p
}

func (d drawing) in(minor int64) money.Amount {
	return money.Amount{Minor: minor, Currency: d.currency}
}

func (d drawing) amount(minor int64) string { return d.in(minor).Format(d.tag) }

func (d drawing) day(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(d.zone)
}

func (d drawing) span(from, to time.Time) Span { return Span{d.day(from), d.day(to)} }

// state says that an invoice is not to be paid any more, and why.
func (d drawing) state(p *Paper, inv invoice.Invoice) {
	switch inv.State {
	case invoice.Paid:
		p.Totals.Due = d.in(0)
	case invoice.Void:
		p.Totals.Due, p.Stamp = d.in(0), StampVoid
		p.Notes = append(p.Notes, fmt.Sprintf(d.words.VoidedOn, d.words.day(d.day(inv.VoidedAt))))
	case invoice.Uncollectible:
		p.Stamp = StampUncollectible
		p.Notes = append(p.Notes, fmt.Sprintf(d.words.GivenUpOn, d.words.day(d.day(inv.GivenUpAt))))
	}
}

// aboutTax is the sentence that a code of package tax stands for.
func (d drawing) aboutTax(code, exempt string) ([]string, error) {
	w := d.words
	switch code {
	case "":
		return nil, nil
	case tax.NoteReverseCharge:
		return []string{w.ReverseCharge}, nil
	case tax.NoteIntraCommunity:
		return []string{w.IntraCommunity}, nil
	case tax.NoteExport:
		return []string{w.Export}, nil
	case tax.NoteExempt:
		if exempt = fit(exempt, maxShort); exempt != "" {
			return []string{fmt.Sprintf(w.ExemptBecause, exempt)}, nil
		}
		return []string{w.Exempt}, nil
	}
	return nil, fault.New(fault.Internal, "no sentence about tax is known for the code %q", code)
}

// credited says what credit notes took back: off what is owed as rows of the totals,
// else in words.
func (d drawing) credited(p *Paper, notes []invoice.CreditNote) {
	var said []string
	for _, n := range notes {
		by := Reference{Number: fit(n.Label(), maxName), Issued: d.day(n.CreatedAt)}
		if n.ToOwed > 0 {
			p.Totals.Reduced = append(p.Totals.Reduced, Reduction{By: by, Amount: d.in(n.ToOwed)})
		}
		if n.ToRefund > 0 {
			said = append(said, fmt.Sprintf(d.words.WentBack, d.words.reference(by), d.amount(n.ToRefund)))
		}
		if n.ToBalance > 0 {
			said = append(said, fmt.Sprintf(d.words.WentToAccount, d.words.reference(by), d.amount(n.ToBalance)))
		}
	}
	p.Totals.Reduced = folded(p.Totals.Reduced)
	p.Notes = append(p.Notes, said[max(0, len(said)-(maxNotes-len(p.Notes))):]...)
}

// folded are the reductions with those that do not fit summed in the last.
func folded(list []Reduction) []Reduction {
	if len(list) <= maxReductions {
		return list
	}
	rest := list[maxReductions-1:]
	last := Reduction{By: Reference{Number: rest[0].By.Number + " – " + rest[len(rest)-1].By.Number}, Amount: rest[0].Amount}
	last.By.Number = fit(last.By.Number, maxName)
	for _, r := range rest[1:] {
		last.Amount.Minor += r.Amount.Minor // parts of one total
	}
	return append(slices.Clone(list[:maxReductions-1]), last)
}

// merchant adds the merchant's own words and facts.
func (d drawing) merchant(p *Paper, n invoice.Notes) {
	lines := strings.Split(n.Text, "\n")
	if len(lines) > maxTextLines {
		lines = append(lines[:maxTextLines-1], strings.Join(lines[maxTextLines-1:], " "))
	}
	for i, l := range lines {
		lines[i] = seen(l)
	}
	p.Text = strings.TrimSpace(strings.Join(lines, "\n"))
	for _, name := range slices.Sorted(maps.Keys(n.Fields)) {
		p.Fields = append(p.Fields, Field{fit(name, maxShort), fit(n.Fields[name], maxShort)})
	}
}

// taxes sums the lines for each tax at each rate, in the order of their first line.
// Lines that bear none are summed at the end when others do.
func taxes(account string, lines []invoice.Line) ([]Tax, error) {
	var s summary
	free := false
	for _, l := range lines {
		var err error
		switch {
		case len(l.Details.Taxes) > 0:
			for _, t := range l.Details.Taxes {
				if err == nil {
					err = s.add(t.Name, t.Rate, l.Amount, money.Amount{Minor: t.Amount, Currency: l.Amount.Currency})
				}
			}
		case l.Rate.IsZero() && l.TaxName == "":
			free = true
		case l.TaxName == "":
			err = s.add(account, l.Rate, l.Amount, l.Tax)
		default:
			err = s.add(l.TaxName, l.Rate, l.Amount, l.Tax)
		}
		if err != nil {
			return nil, err
		}
	}
	if !free || len(s) == 0 {
		return s, nil
	}
	for _, l := range lines {
		if len(l.Details.Taxes) == 0 && l.Rate.IsZero() && l.TaxName == "" {
			if err := s.add("", l.Rate, l.Amount, l.Tax); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

type summary []Tax

func (s *summary) add(name string, rate money.Rate, base, amount money.Amount) error {
	name = fit(name, maxName)
	at := slices.IndexFunc(*s, func(t Tax) bool { return t.Name == name && t.Rate.Cmp(rate) == 0 })
	if at < 0 {
		at = len(*s)
		*s = append(*s, Tax{Name: name, Rate: rate, Base: money.Zero(base.Currency), Tax: money.Zero(base.Currency)})
	}
	t := &(*s)[at]
	var err error
	if t.Base, err = t.Base.Add(base); err != nil {
		return err
	}
	t.Tax, err = t.Tax.Add(amount)
	return err
}

func (d drawing) seller(s account.Printed) Party {
	p := Party{Name: fit(s.LegalName, maxShort), Address: addressLines(s.Address, "", "", "", s.Country), Country: s.Country, TaxIDs: d.taxIDs(s.Country, s.TaxID)}
	if p.Name == "" {
		p.Name = fit(s.Name, maxShort)
	}
	return p
}

func (d drawing) buyer(b customer.Printed) Party {
	p := Party{Name: fit(b.Name, maxShort), Company: fit(b.Company, maxShort), Address: addressLines(b.Address, b.City, b.Region, b.PostalCode, b.Country),
		Country: b.Country, TaxIDs: d.taxIDs(b.Country, b.TaxID)}
	if p.Name == "" && p.Company == "" {
		p.Name = fit(b.Email, maxShort)
	}
	return p
}

// taxIDs is a tax number under the name that it has in its country.
func (d drawing) taxIDs(country, number string) []Field {
	number = fit(number, maxShort)
	if number == "" {
		return nil
	}
	name := d.words.TaxID
	if normal, err := tax.CheckID(country, number); err == nil {
		if _, _, vat := tax.EUNumber(normal); vat {
			name = d.words.VATID
		}
	}
	return []Field{{name, number}}
}

// method is what a buyer recognises a way to pay by.
func method(m payment.Method) string { return fit(m.Sign(), maxName) }

// seen is a text without the marks that a paper refuses, such as those that turn
// the direction of writing: an invoice that was issued must always print.
func seen(s string) string {
	return strings.Map(func(r rune) rune {
		if unseen(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// fit is what is seen of a text on one line, cut to a number of characters.
func fit(s string, most int) string {
	s = seen(strings.TrimSpace(strings.ReplaceAll(s, "\n", " ")))
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// addressLines are the lines of an address that are not empty, with city, region and postal
// code where the lines do not name them already; what does not fit into eight stands
// in the last, so that nothing is lost.
func addressLines(s, city, region, postal, country string) []string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if line = fit(line, maxShort); line != "" {
			lines = append(lines, line)
		}
	}
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ' ' || r == ',' || r == '\n' })
	named := func(part string) bool {
		return strings.Contains(" "+strings.Join(words, " ")+" ", " "+strings.ToLower(strings.Join(strings.Fields(part), " "))+" ")
	}
	parts := []string{postal, city, region}
	if country == "US" || country == "CA" || country == "AU" {
		parts = []string{city, region, postal}
	}
	parts = slices.DeleteFunc(parts, func(part string) bool { return strings.TrimSpace(part) == "" || named(part) })
	if place := fit(strings.Join(parts, " "), maxShort); place != "" {
		lines = append(lines, place)
	}
	if len(lines) > maxAddressLines {
		lines = append(lines[:maxAddressLines-1], fit(strings.Join(lines[maxAddressLines-1:], ", "), maxShort))
	}
	return lines
}

// abroad adds the name of a country to an address that does not name it already: in the
// language of the paper, in English or in the country's own.
func (d drawing) abroad(lines []string, country string) []string {
	region, err := language.ParseRegion(country)
	if err != nil || !region.IsCountry() {
		return lines
	}
	own, _ := language.Make("und-" + country).Base()
	var name string
	for _, tag := range []language.Tag{d.tag, language.English, language.Make(own.String())} {
		names := display.Regions(tag)
		if names == nil {
			continue
		}
		known := names.Name(region)
		if name == "" {
			name = known
		}
		if slices.ContainsFunc(lines, func(line string) bool { return strings.EqualFold(strings.TrimSpace(line), known) }) {
			return lines
		}
	}
	if len(lines) < maxAddressLines {
		return append(slices.Clip(lines), name)
	}
	last := len(lines) - 1
	return append(slices.Clone(lines[:last]), fit(lines[last]+", "+name, maxShort))
}

const maxAddressLines = 8
