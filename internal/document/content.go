package document

import (
	"fmt"
	"strings"

	"golang.org/x/text/language"

	"perennial/internal/money"
)

// content is what a paper says, in its language: the same for the PDF and the text.
type content struct {
	paper Paper
	words words
	tag   language.Tag
}

func contentOf(p Paper) content {
	c := content{paper: p}
	c.words, c.tag = wordsFor(p.Language)
	return c
}

func (c *content) title() string { return c.words.title(c.paper.Kind) + " " + c.paper.Number }

func (c *content) amount(a money.Amount) string {
	if a.Currency == "" {
		a.Currency = c.paper.Totals.Gross.Currency
	}
	return a.Format(c.tag)
}

// quantity is a number with what is counted.
func (c *content) quantity(l Line) string {
	if l.Quantity.IsZero() {
		return ""
	}
	return c.words.number(l.Quantity) + suffix(l.Unit)
}

func suffix(unit string) string {
	if unit == "" {
		return ""
	}
	return nbsp + unit
}

func (c *content) unitPrice(l Line) string {
	if l.Quantity.IsZero() || l.UnitPrice == (money.UnitPrice{}) {
		return ""
	}
	return c.words.unitPrice(l.UnitPrice, c.tag)
}

func joined(f Field) string {
	if f.Name == "" || f.Value == "" {
		return f.Value
	}
	return f.Name + " " + f.Value
}

// addressee is what stands above the buyer.
func (c *content) addressee() string {
	if c.paper.Kind == KindCreditNote {
		return c.words.CreditTo
	}
	return c.words.BillTo
}

// keyLine is the one sentence a reader looks for: what is due when, when it was
// paid, or which invoice is taken back.
func (c *content) keyLine() string {
	p, w := c.paper, c.words
	t := p.Totals
	switch n := len(p.Payments); {
	case p.Kind == KindCreditNote:
		return fmt.Sprintf(w.Credited, c.amount(t.Gross), p.Original.Number)
	case !t.Due.IsZero() && !p.Due.IsZero():
		return fmt.Sprintf(w.DueOn, c.amount(t.Due), w.day(p.Due))
	case p.Stamp == StampNone && t.Due.IsZero() && n > 0 && !p.Payments[n-1].On.IsZero():
		return fmt.Sprintf(w.PaidOn, c.amount(c.paid()), w.day(p.Payments[n-1].On))
	}
	return ""
}

// paid is the sum of the payments.
func (c *content) paid() money.Amount {
	total := money.Zero(c.paper.Totals.Gross.Currency)
	for _, p := range c.paper.Payments {
		total.Minor += p.Amount.Minor // at most ten payments within money's own bound
	}
	return total
}

// facts are number and days.
func (c *content) facts() []Field {
	p, w := c.paper, c.words
	list := []Field{{w.Number, p.Number}}
	if p.Kind == KindCreditNote {
		list = append(list, Field{w.Dated, w.day(p.Issued)}, Field{w.ForInvoice, w.reference(p.Original)}, Field{w.Reason, p.Reason})
	} else {
		list = append(list, Field{w.Issued, w.day(p.Issued)})
	}
	list = append(list, Field{w.Service, w.span(p.Service)})
	if !p.Due.IsZero() {
		list = append(list, Field{w.Due, w.day(p.Due)})
	}
	return list
}

// weight is how much a row of the totals matters.
type weight uint8

const (
	plainRow weight = iota
	mutedRow
	totalRow
	dueRow
)

// row is one row of the totals.
type row struct {
	label, value string
	weight       weight
}

// totals are the rows at the foot of the bill.
func (c *content) totals() []row {
	var list []row
	w, t := c.words, c.paper.Totals
	add := func(label string, a money.Amount, weight weight) {
		list = append(list, row{label, c.amount(a), weight})
	}
	taxed := len(c.paper.Taxes) > 0 || !t.Tax.IsZero()
	if c.paper.Inclusive {
		if !t.Discount.IsZero() {
			add(w.Discount, t.Discount.Neg(), plainRow)
		}
		add(w.Total, t.Gross, totalRow)
		add(w.Base, t.Net, mutedRow)
		add(w.TaxIncluded, t.Tax, mutedRow)
	} else {
		if taxed || !t.Discount.IsZero() {
			add(w.Subtotal, t.Net, plainRow)
		}
		if !t.Discount.IsZero() {
			add(w.Discount, t.Discount.Neg(), plainRow)
		}
		if taxed {
			add(w.Tax, t.Tax, plainRow)
		}
		add(w.Total, t.Gross, totalRow)
	}
	if c.paper.Kind == KindCreditNote {
		return append(list, c.whereItWent()...)
	}
	if !t.Credit.IsZero() {
		add(w.Credit, t.Credit.Neg(), mutedRow)
	}
	for _, r := range t.Reduced {
		add(fmt.Sprintf(w.Reduced, w.reference(r.By)), r.Amount.Neg(), mutedRow)
	}
	for _, p := range c.paper.Payments {
		add(c.paidLabel(p), p.Amount.Neg(), mutedRow)
	}
	add(w.AmountDue, t.Due, dueRow)
	return list
}

// whereItWent are the rows that say what became of a credit note's total.
func (c *content) whereItWent() []row {
	var list []row
	w, t := c.words, c.paper.Totals
	add := func(label string, a money.Amount) {
		if !a.IsZero() {
			list = append(list, row{label, c.amount(a), plainRow})
		}
	}
	refunded := w.Refunded
	if t.RefundedTo != "" {
		refunded = fmt.Sprintf(w.RefundedTo, t.RefundedTo)
	}
	add(refunded, t.Refunded)
	add(w.ToAccount, t.ToAccount)
	add(fmt.Sprintf(w.TakenOff, c.paper.Original.Number), t.TakenOff)
	return list
}

func (c *content) paidLabel(p Payment) string {
	switch {
	case p.On.IsZero():
		return c.words.Paid
	case p.Method == "":
		return fmt.Sprintf(c.words.PaidAt, c.words.day(p.On))
	}
	return fmt.Sprintf(c.words.PaidBy, p.Method, c.words.day(p.On))
}

// sentences are the legal words and what the merchant says, one paragraph each.
func (c *content) sentences() []string {
	var list []string
	if c.paper.Inclusive {
		list = append(list, c.words.PricesIncludeTax)
	}
	list = append(list, c.paper.Notes...)
	for line := range strings.SplitSeq(c.paper.Text, "\n") {
		list = append(list, line)
	}
	return list
}

// section is a heading with what belongs to it.
type section struct {
	label  string
	values []string // those that are not empty
}

// sections are what the buyer should know besides.
func (c *content) sections() []section {
	p, w := c.paper, c.words
	var list []section
	add := func(label string, values ...string) {
		var kept []string
		for _, v := range values {
			if strings.TrimSpace(v) != "" {
				kept = append(kept, v)
			}
		}
		if len(kept) > 0 {
			list = append(list, section{label, kept})
		}
	}
	for _, f := range p.Fields {
		add(f.Name, f.Value)
	}
	add(w.Terms, p.Terms)
	bank := make([]string, len(p.Bank))
	for i, f := range p.Bank {
		bank[i] = joined(f)
	}
	add(w.Bank, bank...)
	if next := p.NextCharge; !next.On.IsZero() {
		add(w.NextCharge, fmt.Sprintf(w.NextOn, c.amount(next.Amount), w.day(next.On)))
	}
	add(w.Contact, p.Contact)
	return list
}
