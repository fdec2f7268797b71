package document

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"perennial/internal/fault"
	"perennial/internal/money"
)

// Longest texts in characters. A description of full length still fits on one page
// in the widest letters, so it never has to be split; each detail may begin a page.
const (
	maxName  = 40 // of a tax or a way to pay
	maxUnit  = 12
	maxShort = 200
	maxLong  = 500

	maxText       = 1000 // of the merchant's own words
	maxTextLines  = 40
	maxDetails    = 200
	maxNotes      = 40
	maxReductions = 20
	maxTaxes      = 12
)

// check refuses what cannot be printed truthfully. The error is an Invalid
// fault that names every wrong field.
func (p Paper) check() error {
	if err := p.form(); err != nil {
		return err
	}
	return p.sums()
}

// form looks at each field alone.
func (p Paper) form() error {
	c := &checker{currency: p.Totals.Gross.Currency}
	c.need("number", p.Number)
	c.text("number", p.Number, maxShort)
	c.need("seller.name", p.Seller.Name)
	c.bad.Check(!p.Issued.IsZero(), "issued", "is missing")
	c.bad.Check(p.Kind <= KindCreditNote, "kind", "is not one of the kinds of paper")
	c.bad.Check(p.Stamp <= StampUncollectible, "stamp", "is not one of the stamps")
	if p.Kind == KindCreditNote {
		c.need("original.number", p.Original.Number)
	}
	c.text("original.number", p.Original.Number, maxShort)
	c.text("reason", p.Reason, maxShort)
	c.party("seller", p.Seller)
	c.party("buyer", p.Buyer)
	c.span("service", p.Service)

	c.bad.Check(len(p.Lines) > 0, "lines", "is empty")
	c.count("lines", len(p.Lines), 10_000)
	for i, l := range p.Lines {
		c.line(fmt.Sprintf("lines.%d.", i), l)
	}
	c.count("taxes", len(p.Taxes), maxTaxes)
	for i, t := range p.Taxes {
		at := fmt.Sprintf("taxes.%d.", i)
		c.text(at+"name", t.Name, maxName)
		c.amount(at+"base", t.Base)
		c.amount(at+"tax", t.Tax)
	}
	c.totals(p.Totals)
	c.count("payments", len(p.Payments), 10)
	for i, paid := range p.Payments {
		at := fmt.Sprintf("payments.%d.", i)
		c.text(at+"method", paid.Method, maxName)
		c.amount(at+"amount", paid.Amount)
	}
	c.amount("next_charge.amount", p.NextCharge.Amount)
	c.remarks(p)
	return c.bad.Err()
}

type checker struct {
	bad      fault.Fields
	currency money.Currency
}

func (c *checker) remarks(p Paper) {
	c.count("notes", len(p.Notes), maxNotes)
	for i, n := range p.Notes {
		c.text(fmt.Sprintf("notes.%d", i), n, maxLong)
	}
	c.count("text", strings.Count(p.Text, "\n"), maxTextLines-1)
	c.text("text", strings.ReplaceAll(p.Text, "\n", " "), maxText)
	c.fields("fields", p.Fields, 10)
	c.text("terms", p.Terms, maxLong)
	c.fields("bank", p.Bank, 10)
	c.text("contact", p.Contact, maxShort)
}

func (c *checker) party(at string, p Party) {
	c.text(at+".name", p.Name, maxShort)
	c.text(at+".company", p.Company, maxShort)
	c.text(at+".registration", p.Registration, maxShort)
	c.text(at+".country", p.Country, 2)
	c.count(at+".address", len(p.Address), maxAddressLines)
	for i, a := range p.Address {
		c.text(fmt.Sprintf("%s.address.%d", at, i), a, maxShort)
	}
	c.fields(at+".tax_ids", p.TaxIDs, 6)
}

func (c *checker) line(at string, l Line) {
	c.need(at+"description", l.Description)
	c.text(at+"description", l.Description, maxLong)
	c.count(at+"details", len(l.Details), maxDetails)
	for i, d := range l.Details {
		c.text(fmt.Sprintf("%sdetails.%d", at, i), d, maxLong)
	}
	c.text(at+"unit", l.Unit, maxUnit)
	c.span(at+"period", l.Period)
	c.bad.Check(l.UnitPrice == money.UnitPrice{} || l.UnitPrice.Currency == c.currency, at+"unit_price", "is not in the currency of the total")
	c.amount(at+"discount", l.Discount)
	c.amount(at+"amount", l.Amount)
}

func (c *checker) totals(t Totals) {
	for _, a := range []struct {
		name   string
		amount money.Amount
	}{
		{"net", t.Net}, {"discount", t.Discount}, {"tax", t.Tax}, {"gross", t.Gross}, {"credit", t.Credit}, {"due", t.Due},
		{"refunded", t.Refunded}, {"to_account", t.ToAccount}, {"taken_off", t.TakenOff},
	} {
		c.amount("totals."+a.name, a.amount)
	}
	c.text("totals.refunded_to", t.RefundedTo, maxName)
	c.count("totals.reduced", len(t.Reduced), maxReductions)
	for i, r := range t.Reduced {
		at := fmt.Sprintf("totals.reduced.%d.", i)
		c.text(at+"number", r.By.Number, maxName)
		c.amount(at+"amount", r.Amount)
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

// sums refuses a paper on which a reader with a pencil would find another result.
func (p Paper) sums() error {
	var f fault.Fields
	t := p.Totals
	lines := tally{currency: t.Gross.Currency}
	for i, l := range p.Lines {
		lines.add(l.Amount)
		f.Check(l.holds(), fmt.Sprintf("lines.%d.amount", i), "is not its quantity at its unit price less its discount")
	}
	taxes := tally{currency: t.Gross.Currency}
	for _, x := range p.Taxes {
		taxes.add(x.Tax)
	}
	f.Check(len(p.Taxes) == 0 || taxes.is(t.Tax), "taxes", "do not sum to the tax of the total")
	gross := lines
	gross.sub(t.Discount)
	if p.Inclusive {
		net := lines
		net.sub(t.Tax)
		f.Check(net.is(t.Net), "totals.net", "is not the lines without their tax")
	} else {
		f.Check(lines.is(t.Net), "totals.net", "is not the sum of the lines")
		gross.add(t.Tax)
	}
	f.Check(gross.is(t.Gross), "totals.gross", "is not the sum of what stands above it")
	if p.Kind == KindCreditNote {
		went := tally{currency: t.Gross.Currency}
		for _, a := range []money.Amount{t.Refunded, t.ToAccount, t.TakenOff} {
			went.add(a)
		}
		f.Check(went.is(t.Gross), "totals.gross", "is not the sum of where it went")
		return f.Err()
	}
	left := gross
	left.sub(t.Credit)
	for _, r := range t.Reduced {
		left.sub(r.Amount)
	}
	for _, paid := range p.Payments {
		left.sub(paid.Amount)
	}
	f.Check(t.Due.IsZero() || left.is(t.Due), "totals.due", "is neither zero nor what is left of the total")
	return f.Err()
}

// holds reports whether the figures of a line that stand side by side agree.
func (l Line) holds() bool {
	if l.Quantity.IsZero() || l.UnitPrice == (money.UnitPrice{}) {
		return true
	}
	product, err := l.UnitPrice.TimesDecimal(l.Quantity, money.HalfUp)
	return err == nil && product.Minor-l.Discount.Minor == l.Amount.Minor
}

// tally is a sum on paper. Once it went beyond what an amount can be it is nothing.
type tally struct {
	currency money.Currency
	minor    int64
	broken   bool
}

func (t *tally) add(a money.Amount) {
	sum, err := money.Amount{Minor: t.minor, Currency: t.currency}.Add(money.Amount{Minor: a.Minor, Currency: t.currency})
	t.minor, t.broken = sum.Minor, t.broken || err != nil
}

func (t *tally) sub(a money.Amount) { t.add(a.Neg()) }

func (t *tally) is(a money.Amount) bool { return !t.broken && t.minor == a.Minor }
