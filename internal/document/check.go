package document

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"perennial/internal/fault"
	"perennial/internal/money"
)

// Longest texts in characters. A description and a detail of full length still
// fit on one page in the widest letters, so no line ever has to be split.
const (
	maxName  = 40 // of a tax or a way to pay
	maxShort = 200
	maxLong  = 500
)

// check refuses what cannot be printed truthfully. The error is an Invalid
// fault that names every wrong field.
func (inv Invoice) check() error {
	c := &checker{currency: inv.Totals.Gross.Currency}
	c.need("number", inv.Number)
	c.need("seller.name", inv.Seller.Name)
	c.bad.Check(!inv.Issued.IsZero(), "issued", "is missing")
	c.bad.Check(inv.Kind <= KindReceipt, "kind", "is not one of the kinds of paper")
	c.party("seller", inv.Seller)
	c.party("buyer", inv.Buyer)
	c.span("service", inv.Service)

	c.bad.Check(len(inv.Lines) > 0, "lines", "is empty")
	c.count("lines", len(inv.Lines), 10_000)
	for i, l := range inv.Lines {
		c.line(fmt.Sprintf("lines.%d.", i), l)
	}
	c.count("taxes", len(inv.Taxes), 12)
	for i, t := range inv.Taxes {
		at := fmt.Sprintf("taxes.%d.", i)
		c.text(at+"name", t.Name, maxName)
		c.amount(at+"base", t.Base)
		c.amount(at+"tax", t.Tax)
	}
	c.totals(inv.Totals)
	c.count("payments", len(inv.Payments), 10)
	for i, p := range inv.Payments {
		at := fmt.Sprintf("payments.%d.", i)
		c.text(at+"method", p.Method, maxName)
		c.amount(at+"amount", p.Amount)
	}
	c.amount("next_charge.amount", inv.NextCharge.Amount)

	c.count("notes", len(inv.Notes), 20)
	for i, n := range inv.Notes {
		c.text(fmt.Sprintf("notes.%d", i), n, maxLong)
	}
	c.text("terms", inv.Terms, maxLong)
	c.fields("bank", inv.Bank, 10)
	c.text("contact", inv.Contact, maxShort)
	return c.bad.Err()
}

type checker struct {
	bad      fault.Fields
	currency money.Currency
}

func (c *checker) party(at string, p Party) {
	c.text(at+".name", p.Name, maxShort)
	c.text(at+".company", p.Company, maxShort)
	c.text(at+".registration", p.Registration, maxShort)
	c.text(at+".country", p.Country, 2)
	c.count(at+".address", len(p.Address), 8)
	for i, a := range p.Address {
		c.text(fmt.Sprintf("%s.address.%d", at, i), a, maxShort)
	}
	c.fields(at+".tax_ids", p.TaxIDs, 6)
}

func (c *checker) line(at string, l Line) {
	c.need(at+"description", l.Description)
	c.text(at+"description", l.Description, maxLong)
	c.text(at+"detail", l.Detail, maxLong)
	c.span(at+"period", l.Period)
	c.bad.Check(l.UnitPrice == money.UnitPrice{} || l.UnitPrice.Currency == c.currency, at+"unit_price", "is not in the currency of the total")
	c.amount(at+"discount", l.Discount)
	c.amount(at+"net", l.Net)
}

func (c *checker) totals(t Totals) {
	for _, a := range []struct {
		name   string
		amount money.Amount
	}{
		{"net", t.Net}, {"discount", t.Discount}, {"tax", t.Tax},
		{"gross", t.Gross}, {"credit", t.Credit}, {"due", t.Due},
	} {
		c.amount("totals."+a.name, a.amount)
	}
}

func (c *checker) need(name, s string) {
	c.bad.Check(strings.TrimSpace(s) != "", name, "is missing")
}

func (c *checker) count(name string, n, most int) {
	c.bad.Check(n <= most, name, "has %d entries, at most %d fit", n, most)
}

func (c *checker) fields(at string, fields []Field, most int) {
	c.count(at, len(fields), most)
	for i, f := range fields {
		c.text(fmt.Sprintf("%s.%d.name", at, i), f.Name, maxShort)
		c.text(fmt.Sprintf("%s.%d.value", at, i), f.Value, maxShort)
	}
}

func (c *checker) span(name string, s Span) {
	c.bad.Check(s.From.IsZero() == s.Until.IsZero() && !s.Until.Before(s.From), name, "must begin before it ends")
}

// amount wants one currency on the whole paper. The zero Amount means "none".
func (c *checker) amount(name string, a money.Amount) {
	c.bad.Check(a == money.Amount{} || a.Currency == c.currency, name, "is not in the currency of the total")
}

// text refuses what a reader could not see or would see in the wrong order.
func (c *checker) text(name, s string, most int) {
	c.bad.Check(utf8.ValidString(s), name, "is not valid UTF-8")
	c.bad.Check(utf8.RuneCountInString(s) <= most, name, "is longer than %d characters", most)
	c.bad.Check(!strings.ContainsFunc(s, unseen), name, "holds a control character")
}

// unseen reports control characters, line separators and the marks that change
// the direction of the text behind them.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
