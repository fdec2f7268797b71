package document

import (
	"perennial/internal/invoice"
	"perennial/internal/report"
)

// OfCreditNote is the paper of a credit note as it was issued.
func OfCreditNote(v report.CreditNoteView) (Paper, error) {
	n := v.Note
	d := drawingFor(v.Account, v.Buyer, n.Total.Currency)
	p := d.paper(v.Account, v.Seller, v.Buyer)
	p.Kind, p.Number, p.Issued = KindCreditNote, fit(n.Label(), maxShort), d.day(n.CreatedAt)
	p.Original = Reference{Number: fit(v.Invoice.Label(), maxShort), Issued: d.day(v.Invoice.IssuedAt)}
	p.Reason = d.reason(n.Reason)
	p.Totals = Totals{Net: n.Net, Tax: n.Tax, Gross: n.Total, Refunded: d.in(n.ToRefund), ToAccount: d.in(n.ToBalance), TakenOff: d.in(n.ToOwed)}
	if n.ToRefund > 0 {
		p.Totals.RefundedTo = method(v.Method)
	}
	lines := make([]invoice.Line, 0, len(v.Lines))
	for _, c := range v.Lines {
		l, err := billed(c, v.Billed)
		if err != nil {
			return p, err
		}
		lines = append(lines, l)
		details, err := d.details(c.Details, c.Amount, true)
		if err != nil {
			return p, err
		}
		p.Lines = append(p.Lines, Line{Description: fit(c.Description, maxLong), Period: d.span(l.Span.From, l.Span.To), Details: details, TaxRate: c.Rate, Amount: c.Amount})
	}
	var err error
	if p.Taxes, err = taxes(v.Account.Tax.Name, lines); err != nil {
		return p, err
	}
	if p.Notes, err = d.aboutTax(v.Invoice.Notes.Tax, v.Buyer.Exempt); err != nil {
		return p, err
	}
	d.merchant(&p, invoice.Notes{Text: n.Note, Fields: v.Invoice.Notes.Fields})
	return p, nil
}

// billed is a line of a credit note as a line of an invoice, for the summary of its
// taxes. Of several taxes each has the share that it had on the line that was billed.
func billed(c invoice.CreditLine, lines []invoice.Line) (invoice.Line, error) {
	l := invoice.Line{Description: c.Description, Amount: c.Amount, Rate: c.Rate, TaxName: c.TaxName, Tax: c.Tax}
	for _, was := range lines {
		if was.Position != c.Line {
			continue
		}
		l.Span = was.Span
		weights := make([]int64, len(was.Details.Taxes))
		for i, t := range was.Details.Taxes {
			weights[i] = t.Amount
		}
		if was.Tax.IsZero() || len(weights) == 0 {
			continue
		}
		parts, err := c.Tax.Allocate(weights)
		if err != nil {
			return l, err
		}
		for i, t := range was.Details.Taxes {
			l.Details.Taxes = append(l.Details.Taxes, invoice.Tax{Name: t.Name, Rate: t.Rate, Amount: parts[i].Minor})
		}
	}
	return l, nil
}

func (d drawing) reason(r invoice.CreditReason) string {
	switch r {
	case invoice.ForRefund:
		return d.words.Refund
	case invoice.ForUnused:
		return d.words.Unused
	case invoice.ForGoodwill:
		return d.words.Goodwill
	case invoice.ForError:
		return d.words.Mistake
	}
	return ""
}
