package checkout

import (
	"slices"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/tax"
	"perennial/internal/web"
)

// row is a line of the summary.
type row struct {
	Label  string
	Amount string
}

// rows are the lines above what is due: what is bought, what codes take off, what tax adds.
func (s sale) rows() []row {
	var list []row
	for _, l := range s.Quote.Lines {
		list = append(list, row{lineText(l), text(money.Amount{Minor: l.Amount.Minor + l.Discount.Minor + included(l), Currency: l.Amount.Currency})})
	}
	if len(s.Quote.Lines) == 0 {
		list = append(list, row{s.nothingText(), text(s.Quote.Due)})
	}
	list = append(list, s.discounts()...)
	list = append(list, s.taxes(false)...)
	if label := s.noteText(); label != "" {
		list = append(list, row{label, text(money.Zero(s.Quote.Due.Currency))})
	}
	return list
}

// nothingText is what is begun today when nothing is charged for it.
func (s sale) nothingText() string {
	if s.Chosen.TrialDays > 0 {
		return s.Product.Name + ", free trial"
	}
	if s.Quote.Trial {
		return s.Product.Name + ", free until " + web.DateText(s.Quote.First.To, s.zone())
	}
	return s.Product.Name
}

// included is the tax that a line's price holds, in minor units.
func included(l invoice.Line) int64 {
	if l.Details.Inclusive {
		return l.Tax.Minor
	}
	return 0
}

// discounts are what each code takes off today.
func (s sale) discounts() []row {
	var list []row
	for _, code := range s.Applied {
		off := money.Zero(s.Quote.Due.Currency)
		for _, l := range s.Quote.Lines {
			for _, c := range l.Details.Coupons {
				if c.Code == code {
					off.Minor += c.Amount
				}
			}
		}
		if off.IsZero() {
			list = append(list, row{"Code " + code + ", for later charges", text(off)})
			continue
		}
		list = append(list, row{"Code " + code, "−" + text(off)})
	}
	return list
}

// taxes are the taxes that prices hold, or those that are added to them, each name and
// rate once.
func (s sale) taxes(inclusive bool) []row {
	type named struct {
		label string
		minor int64
	}
	var list []named
	add := func(name string, rate money.Rate, minor int64) {
		label := s.taxName(name)
		if !rate.IsZero() {
			label += " " + rate.Percent() + " %"
		}
		if i := slices.IndexFunc(list, func(n named) bool { return n.label == label }); i >= 0 {
			list[i].minor += minor
			return
		}
		list = append(list, named{label, minor})
	}
	for _, l := range s.Quote.Lines {
		switch {
		case l.Details.Inclusive != inclusive || l.Tax.IsZero():
		case len(l.Details.Taxes) > 0:
			for _, t := range l.Details.Taxes {
				add(t.Name, t.Rate, t.Amount)
			}
		default:
			add(l.TaxName, l.Rate, l.Tax.Minor)
		}
	}
	var rows []row
	for _, n := range list {
		if inclusive {
			n.label = "Includes " + n.label
		}
		rows = append(rows, row{n.label, text(money.Amount{Minor: n.minor, Currency: s.Quote.Due.Currency})})
	}
	return rows
}

// taxName is the name of a tax; a line without one has the account's.
func (s sale) taxName(name string) string {
	if name == "" {
		return s.Account.Tax.Name
	}
	return name
}

// noteText says why no tax is charged, where the law wants it said.
func (s sale) noteText() string {
	switch s.Quote.TaxNote {
	case tax.NoteReverseCharge:
		return "Reverse charge: you account for the VAT yourself"
	case tax.NoteIntraCommunity:
		return "No VAT: goods sent to a business in another member state"
	case tax.NoteExport:
		return "No VAT: the goods leave the European Union"
	case tax.NoteExempt:
		return "No tax: you are exempt"
	}
	return ""
}

// lineText is a line of the summary.
func lineText(l invoice.Line) string {
	switch {
	case l.Details.Units != "" && l.Details.Units != "1":
		return l.Description + " × " + grouped(l.Details.Units)
	case l.Details.Share != nil:
		return l.Description + ", part of a period"
	case l.Quantity > 1:
		return l.Description + " × " + web.CountText(l.Quantity)
	}
	return l.Description
}

// grouped is a decimal with its thousands apart.
func grouped(decimal string) string {
	d, err := money.ParseDecimal(decimal)
	if err != nil {
		return decimal
	}
	return number(d)
}

// number is a decimal for reading: "10,000", "0.5".
func number(d money.Decimal) string {
	whole, part, broken := strings.Cut(d.String(), ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if broken {
		return whole + "." + part
	}
	return whole
}

// unitText is the price of one, which may be less than the smallest coin.
func unitText(d money.Decimal, c money.Currency) string {
	if a, err := money.ParseMajor(d.String(), c); err == nil {
		return text(a)
	}
	zero := money.Zero(c)
	return strings.Replace(text(zero), zero.Major(), number(d), 1)
}

// charge is what prices the quantity, with the currency that its amounts are in.
func (s sale) charge() (*catalog.Charge, money.Currency) {
	if f, named := s.Chosen.Terms.Currencies[s.Currency]; named {
		return f.Charge, s.Currency
	}
	return s.Chosen.Terms.Charge, s.Chosen.Amount.Currency
}

// converted says in which currency amounts are counted that are charged in another.
func (s sale) converted(c money.Currency) string {
	if c == s.Currency {
		return ""
	}
	return " (counted in " + string(c) + ", charged in " + string(s.Currency) + ")"
}

// tiers is the table of the prices of a quantity, nil when all pieces cost the same.
func (s sale) tiers() templ.Component {
	charge, in := s.charge()
	if charge == nil || len(charge.Tiers) == 0 {
		return nil
	}
	each, flats := "Price of each", false
	if charge.Model == catalog.Volume {
		each = "Price of each, of all"
	}
	for _, t := range charge.Tiers {
		flats = flats || t.Flat > 0
	}
	table := web.Table{ID: "tiers", Caption: "Price by quantity" + s.converted(in), Inline: true, Columns: []web.Column{{Label: "Quantity", Card: true}, {Label: each, Numeric: true, Card: true}}}
	if flats {
		table.Columns = append(table.Columns, web.Column{Label: "Plus, once", Numeric: true, Card: true})
	}
	var before money.Decimal
	for _, t := range charge.Tiers {
		cells := []templ.Component{web.Text(tierText(before, t)), web.Money(unitText(t.Unit, in))}
		if flats {
			cells = append(cells, web.Money(text(money.Amount{Minor: t.Flat, Currency: in})))
		}
		table.Rows = append(table.Rows, web.Row{Cells: cells})
		if t.UpTo != nil {
			before = *t.UpTo
		}
	}
	return web.DataTable(table)
}

// tierText is the quantities of a tier: "1 to 10", "above 10".
func tierText(before money.Decimal, t catalog.Tier) string {
	switch {
	case t.UpTo == nil && before.IsZero():
		return "Any"
	case t.UpTo == nil:
		return "Above " + number(before)
	case before.IsZero():
		return "Up to " + number(*t.UpTo)
	}
	return "Above " + number(before) + ", up to " + number(*t.UpTo)
}
