package document

import (
	"strings"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/account"
	"perennial/internal/fault"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// Of is the paper of an invoice as it was issued. An invoice without a number is a
// Conflict: nothing was issued yet.
func Of(v report.InvoiceView) (Invoice, error) {
	if v.Invoice.Number == 0 {
		return Invoice{}, fault.New(fault.Conflict, "the invoice has no number yet, so there is no document").WithCode("invoice_not_issued")
	}
	zone := v.Account.Location()
	day := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.In(zone)
	}
	paper := Invoice{Number: v.Invoice.Label(), Issued: day(v.Invoice.IssuedAt), Language: language.English, Sample: v.Account.Mode == account.Sandbox,
		Service: Span{day(v.Invoice.Span.From), day(v.Invoice.Span.To)}, Seller: seller(v), Buyer: buyer(v), Contact: v.Seller.Email,
		Totals: Totals{Net: v.Invoice.Net, Tax: v.Invoice.Tax, Gross: v.Invoice.Total, Due: v.Invoice.Total}}
	for _, l := range v.Lines {
		quantity, err := money.NewDecimal(l.Quantity)
		if err != nil {
			return paper, err
		}
		paper.Lines = append(paper.Lines, Line{Description: seen(l.Description), Period: Span{day(l.Span.From), day(l.Span.To)}, Quantity: quantity,
			UnitPrice: money.UnitPriceOf(l.UnitAmount), TaxRate: l.Rate, Net: l.Amount})
	}
	var err error
	if paper.Taxes, err = taxes(v.Account.Tax.Name, v.Lines); err != nil {
		return paper, err
	}
	for _, p := range v.Payments {
		if p.State == payment.Paid {
			paper.Payments = append(paper.Payments, Payment{Method: v.Methods[p.Method].Label(), On: day(p.SettledAt), Amount: p.Amount})
			paper.Totals.Due = money.Zero(v.Invoice.Total.Currency)
		}
	}
	if v.Invoice.State == invoice.Void {
		paper.Totals.Due = money.Zero(v.Invoice.Total.Currency)
		paper.Notes = append(paper.Notes, "This invoice was voided on "+day(v.Invoice.VoidedAt).Format("2 January 2006")+". Nothing is owed for it.")
	}
	return paper, nil
}

// taxes sums the lines for each rate, in the order of their first line. Lines that
// bear no tax give nothing.
func taxes(name string, lines []invoice.Line) ([]Tax, error) {
	var list []Tax
	for _, l := range lines {
		if l.Rate.IsZero() {
			continue
		}
		at := -1
		for i := range list {
			if list[i].Rate.Cmp(l.Rate) == 0 {
				at = i
			}
		}
		if at < 0 {
			list = append(list, Tax{Name: name, Rate: l.Rate, Base: money.Zero(l.Amount.Currency), Tax: money.Zero(l.Amount.Currency)})
			at = len(list) - 1
		}
		var err error
		if list[at].Base, err = list[at].Base.Add(l.Amount); err != nil {
			return nil, err
		}
		if list[at].Tax, err = list[at].Tax.Add(l.Tax); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func seller(v report.InvoiceView) Party {
	p := Party{Name: seen(v.Seller.LegalName), Address: addressLines(v.Seller.Address), Country: v.Seller.Country}
	if p.Name == "" {
		p.Name = seen(v.Seller.Name)
	}
	if v.Seller.TaxID != "" {
		p.TaxIDs = []Field{{"Tax ID", seen(v.Seller.TaxID)}}
	}
	return p
}

func buyer(v report.InvoiceView) Party {
	p := Party{Name: seen(v.Buyer.Name), Company: seen(v.Buyer.Company), Address: addressLines(v.Buyer.Address), Country: v.Buyer.Country}
	if p.Name == "" && p.Company == "" {
		p.Name = v.Buyer.Email
	}
	if v.Buyer.TaxID != "" {
		p.TaxIDs = []Field{{"Tax ID", seen(v.Buyer.TaxID)}}
	}
	return p
}

// seen is a text without the marks that a paper refuses, such as those that turn
// the direction of writing: an invoice that was issued must always print.
func seen(s string) string {
	return strings.Map(func(r rune) rune {
		if unseen(r) {
			return -1
		}
		return r
	}, s)
}

// addressLines are the lines of an address that are not empty; what does not fit
// into eight stands in the last, so that nothing is lost.
func addressLines(s string) []string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.TrimSpace(seen(line)); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > maxAddressLines {
		lines = append(lines[:maxAddressLines-1], strings.Join(lines[maxAddressLines-1:], ", "))
	}
	return lines
}

const maxAddressLines = 8
