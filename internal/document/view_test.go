package document

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"
	"pgregory.net/rapid"

	"perennial/internal/account"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/tax"
)

var update = flag.Bool("update", false, "write the golden files anew")

func rate(t testing.TB, s string) money.Rate {
	t.Helper()
	r, err := money.ParseRate(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func seller() (account.Account, account.Printed) {
	a := account.Account{Name: "Northwind Tools", Mode: account.Live, Currency: "EUR", Zone: "Europe/Berlin", Email: "billing@northwind.example",
		Seller: account.Seller{LegalName: "Northwind Tools GmbH", Address: "Lindenstraße 12\n10969 Berlin", Country: "DE", TaxID: "DE136695976"},
		Tax:    account.Tax{Name: "USt"}}
	return a, a.Printed()
}

func buyer(language string) customer.Printed {
	return customer.Printed{Email: "eva@example.com", Language: language,
		Buyer: customer.Buyer{Name: "Eva Lindqvist", Company: "Lindqvist & Söner AB", Address: "Storgatan 4\nStockholm", Country: "SE", Region: "Stockholm", PostalCode: "114 51", TaxID: "SE556012579001"}}
}

// rich is an invoice with a line of every kind of arithmetic, without its tax.
func rich(t testing.TB) []invoice.Line {
	t.Helper()
	month := period.Span{From: time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 31, 22, 0, 0, 0, time.UTC)}
	rest := period.Span{From: time.Date(2026, 3, 19, 23, 0, 0, 0, time.UTC), To: month.To}
	none := eur(0)
	return []invoice.Line{
		{Kind: invoice.ForPeriod, Description: "Team plan – monthly", Quantity: 5, UnitAmount: eur(2000), Discount: eur(1000), Amount: eur(9000), Span: month,
			Details: invoice.Details{Coupons: []invoice.Coupon{{Code: "SPRING", Amount: 750}, {Code: "FRIEND", Amount: 250}}}},
		{Kind: invoice.ForChange, Description: "Archive add-on", Quantity: 1, UnitAmount: eur(1161), Discount: none, Amount: eur(1161), Span: rest,
			Details: invoice.Details{Share: &invoice.Share{Left: 12, Whole: 31, Unit: "days", Of: 3000}}},
		{Kind: invoice.ForUsage, Description: "Storage", Quantity: 1, UnitAmount: eur(6005), Discount: none, Amount: eur(6005), Span: month,
			Details: invoice.Details{Meter: "storage", Units: "1000.1", Unit: "GB", Included: "50",
				Parts: []invoice.Part{{Quantity: "100", Unit: "0"}, {Quantity: "400", Unit: "0.1", Amount: 4000}, {Quantity: "500.1", Unit: "0.02", Flat: 1005, Amount: 2005}}}},
		{Kind: invoice.ForUsage, Description: "Requests", Quantity: 1, UnitAmount: eur(12000), Discount: none, Amount: eur(12000), Span: month,
			Details: invoice.Details{Meter: "requests", Units: "48000", Unit: "requests", Included: "100000", Parts: []invoice.Part{{Quantity: "48000", Unit: "0.0025", Amount: 12000}}}},
		{Kind: invoice.ForPeriod, Description: "Seats in packs of ten", Quantity: 1, UnitAmount: eur(3000), Discount: none, Amount: eur(3000), Span: month,
			Details: invoice.Details{Units: "23", Parts: []invoice.Part{{Quantity: "3", Unit: "8", Amount: 2400}}}},
		{Kind: invoice.ForPeriod, Description: "Support desk, listed in dollars", Quantity: 1, UnitAmount: eur(1800), Discount: none, Amount: eur(1800), Span: month,
			Details: invoice.Details{Units: "2", Parts: []invoice.Part{{Quantity: "2", Unit: "10", Amount: 2000, Currency: "USD"}}}},
		{Kind: invoice.ForShipping, Description: "Parcel within the European Union", Quantity: 1, UnitAmount: eur(490), Discount: none, Amount: eur(490)},
	}
}

// taxed puts the taxes of a decision on lines.
func taxed(t testing.TB, lines []invoice.Line, d tax.Decision) []invoice.Line {
	t.Helper()
	for i := range lines {
		l := &lines[i]
		net, parts, total, err := tax.Apply(d, l.Amount)
		if err != nil {
			t.Fatal(err)
		}
		l.Position, l.Amount, l.Rate, l.TaxName, l.Details.Inclusive = i+1, net, d.Rate(), d.Name(), d.Inclusive
		l.Tax = money.Amount{Minor: total.Minor - net.Minor, Currency: net.Currency}
		if len(parts) > 1 {
			for j, p := range parts {
				l.Details.Taxes = append(l.Details.Taxes, invoice.Tax{Name: d.Rates[j].Name, Rate: d.Rates[j].Rate, Amount: p.Minor})
			}
		}
	}
	return lines
}

// viewOf is an issued invoice of lines.
func viewOf(t testing.TB, language string, lines []invoice.Line) report.InvoiceView {
	t.Helper()
	v := report.InvoiceView{Lines: lines, Buyer: buyer(language), Methods: map[id.Method]payment.Method{7: {ID: 7, Instrument: payment.Instrument{Kind: "card", Brand: "visa", LastFour: "4242"}}}}
	v.Account, v.Seller = seller()
	at := time.Date(2026, 3, 19, 23, 30, 0, 0, time.UTC)
	v.Invoice = invoice.Invoice{State: invoice.Open, Span: lines[0].Span, CreatedAt: at}
	if err := v.Invoice.Fill(v.Lines); err != nil {
		t.Fatal(err)
	}
	v.Invoice.Issue("INV", 42, at)
	return v
}

func paperOf(t testing.TB, v report.InvoiceView) Paper {
	t.Helper()
	p, err := Of(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func plain(t testing.TB, p Paper) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteText(&b); err != nil {
		t.Fatalf("the paper was refused: %v", err)
	}
	return b.String()
}

// samples are the papers of the golden files.
func samples(t testing.TB) map[string]Paper {
	t.Helper()
	vat := tax.Decision{Reason: tax.Taxed, Rates: []tax.Applied{{Name: "VAT", Rate: rate(t, "0.25")}}}
	canada := tax.Decision{Reason: tax.Taxed, Rates: []tax.Applied{{Name: "GST", Rate: rate(t, "0.05")}, {Name: "QST", Rate: rate(t, "0.09975")}}}
	inclusive := vat
	inclusive.Inclusive = true

	open := viewOf(t, "", taxed(t, rich(t), vat))
	open.Invoice.CreditUsed, open.Invoice.Reduced, open.Invoice.Credited = 1234, 1000, 3000
	open.Invoice.Notes = invoice.Notes{Text: "Thank you.\nWe are closed on 6 April.", Fields: map[string]string{"Order": "PO-4711", "Cost centre": "Research\nand development"},
		Evidence: []string{"billing:SE", "ip:SE"}}
	open.CreditNotes = []invoice.CreditNote{
		{Series: "CN", Number: 3, ToOwed: 1000, CreatedAt: open.Invoice.IssuedAt.AddDate(0, 0, 2)},
		{Series: "CN", Number: 4, ToBalance: 1500, CreatedAt: open.Invoice.IssuedAt.AddDate(0, 0, 3)},
		{Series: "CN", Number: 5, ToRefund: 500, CreatedAt: open.Invoice.IssuedAt.AddDate(0, 0, 4)},
	}

	paid := viewOf(t, "de-AT", taxed(t, rich(t), inclusive))
	paid.Invoice.Pay(paid.Invoice.IssuedAt.Add(time.Minute))
	paid.Payments = []payment.Payment{{State: payment.Paid, Method: 7, SettledAt: paid.Invoice.PaidAt, Amount: paid.Invoice.Total}}

	void := viewOf(t, "fr-CA", taxed(t, rich(t)[:3], canada))
	void.Invoice.State, void.Invoice.VoidedAt = invoice.Void, void.Invoice.IssuedAt.AddDate(0, 0, 9)
	void.Account.Mode = account.Sandbox

	lost := viewOf(t, "es", rich(t)[:2])
	lost.Invoice.State, lost.Invoice.GivenUpAt, lost.Invoice.Notes.Tax = invoice.Uncollectible, lost.Invoice.IssuedAt.AddDate(0, 2, 0), tax.NoteReverseCharge

	exempt := viewOf(t, "bg", rich(t)[:1])
	exempt.Invoice.Notes.Tax, exempt.Buyer.Exempt = tax.NoteExempt, "charity 1234"

	return map[string]Paper{
		"open": paperOf(t, open), "paid-inclusive": paperOf(t, paid), "void-two-taxes": paperOf(t, void),
		"uncollectible-reverse-charge": paperOf(t, lost), "exempt": paperOf(t, exempt),
		"credit-note-balance": creditPaper(t, open, "", 1161, creditTo{balance: true}), "credit-note-refund": creditPaper(t, void, "el", 600, creditTo{}),
		"credit-note-owed": creditPaper(t, paid, "de", 0, creditTo{owed: true}),
	}
}

type creditTo struct{ balance, owed bool }

// creditPaper is a credit note of an invoice: of the second line, or with 0 of all.
func creditPaper(t testing.TB, v report.InvoiceView, language string, net int64, to creditTo) Paper {
	t.Helper()
	n := invoice.CreditNote{Series: "CN", Number: 7, Reason: invoice.ForRefund, CreatedAt: v.Invoice.IssuedAt.AddDate(0, 0, 5)}
	var lines []invoice.CreditLine
	var err error
	if net == 0 {
		lines, err = v.Invoice.TakeTotal(v.Lines, nil, v.Invoice.Total.Minor)
	} else {
		share := &invoice.Share{Left: 12, Whole: 31, Unit: "days", Of: 3000}
		lines, err = v.Invoice.Take(v.Lines, nil, []invoice.Portion{{Line: 2, Net: net, Details: invoice.Details{Share: share}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Fill(lines); err != nil {
		t.Fatal(err)
	}
	switch {
	case to.balance:
		n.ToBalance, n.Reason = n.Total.Minor, invoice.ForUnused
	case to.owed:
		n.ToOwed, n.Reason, n.Note = n.Total.Minor, invoice.ForError, "Charged twice by mistake."
	default:
		n.ToRefund = n.Total.Minor
	}
	d := report.CreditNoteView{Billed: v.Lines, Method: v.Methods[7]}
	d.Note, d.Lines, d.Invoice, d.Account, d.Seller, d.Buyer = n, lines, v.Invoice, v.Account, v.Seller, buyer(language)
	p, err := OfCreditNote(d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, p := range samples(t) {
		file := filepath.Join("testdata", name+".txt")
		got := plain(t, p)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is now\n%s", file, got)
		}
	}
}

// What the text says the PDF says, too.
func TestTheTwoFormsSayTheSame(t *testing.T) {
	t.Parallel()
	for name, p := range samples(t) {
		page := strings.Join(strings.Fields(strings.Join(text(t, render(t, p)), " ")), " ")
		for _, l := range p.Lines {
			for _, d := range l.Details {
				if want := strings.NewReplacer(nbsp, " ", "\u202f", " ").Replace(d); !strings.Contains(page, want) {
					t.Errorf("%s: the PDF lacks %q", name, want)
				}
			}
		}
		c := contentOf(p)
		for _, r := range c.totals() {
			if want := strings.NewReplacer(nbsp, " ", "\u202f", " ").Replace(r.value); !strings.Contains(page, want) {
				t.Errorf("%s: the PDF lacks %q", name, want)
			}
		}
	}
}

// Every pattern has as many blanks in each language as in English.
func TestPatternsHaveTheSameBlanks(t *testing.T) {
	t.Parallel()
	first := reflect.ValueOf(spoken[0])
	for _, w := range spoken[1:] {
		v := reflect.ValueOf(w)
		for i := range v.NumField() {
			if v.Field(i).Kind() != reflect.String {
				continue
			}
			for _, blank := range []string{"%s", "%d"} {
				if got, want := strings.Count(v.Field(i).String(), blank), strings.Count(first.Field(i).String(), blank); got != want {
					t.Errorf("%v: %s has %d %s, want %d", w.tag, v.Type().Field(i).Name, got, blank, want)
				}
			}
		}
	}
}

func TestEveryWordIsInTheFonts(t *testing.T) {
	t.Parallel()
	for _, w := range spoken {
		v := reflect.ValueOf(w)
		for i := range v.NumField() {
			if s := v.Field(i); s.Kind() == reflect.String && strings.ContainsRune(printable(s.String()), '\ufffd') {
				t.Errorf("%v: %q cannot be shown", w.tag, s.String())
			}
		}
	}
}

func TestSentencesAboutTax(t *testing.T) {
	t.Parallel()
	for _, w := range spoken {
		for code, want := range map[string]string{
			tax.NoteReverseCharge: w.ReverseCharge, tax.NoteIntraCommunity: w.IntraCommunity, tax.NoteExport: w.Export, tax.NoteExempt: w.Exempt,
		} {
			v := viewOf(t, w.tag.String(), rich(t)[:1])
			v.Invoice.Notes.Tax, v.Invoice.Notes.Evidence = code, []string{"billing:SE", "ip:SE"}
			got := plain(t, paperOf(t, v))
			if !strings.Contains(got, want) {
				t.Errorf("%v: %q is missing from\n%s", w.tag, want, got)
			}
			if strings.Contains(got, "ip:SE") {
				t.Errorf("%v: evidence is printed", w.tag)
			}
		}
	}
	v := viewOf(t, "", rich(t)[:1])
	v.Invoice.Notes.Tax = "something_new"
	if _, err := Of(v); !fault.Is(err, fault.Internal) {
		t.Errorf("an unknown code gives %v, want a refusal", err)
	}
}

func TestPlacesInAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address, city, region, postal, country string
		want                                   []string
	}{
		{"Storgatan 4", "", "", "114 51", "SE", []string{"Storgatan 4", "114 51"}},
		{"12 Main St\nSpringfield", "", "IL", "62701", "US", []string{"12 Main St", "Springfield", "IL 62701"}},
		{"12 Main St\nSpringfield, IL 62701", "", "IL", "62701", "US", []string{"12 Main St", "Springfield, IL 62701"}},
		{"Via Roma 1\nMilano", "", "MI", "20121", "IT", []string{"Via Roma 1", "Milano", "20121 MI"}},
		{"", "", "", "", "SE", nil},
		{"12 Main St", "Springfield", "IL", "62701", "US", []string{"12 Main St", "Springfield IL 62701"}},
		{"Storgatan 4", "Stockholm", "", "114 51", "SE", []string{"Storgatan 4", "114 51 Stockholm"}},
		{strings.Repeat("line\n", 12), "", "", "1", "SE", []string{"line", "line", "line", "line", "line", "line", "line", "line, line, line, line, line, 1"}},
	} {
		if got := addressLines(c.address, c.city, c.region, c.postal, c.country); !slices.Equal(got, c.want) {
			t.Errorf("%q gives %q, want %q", c.address, got, c.want)
		}
	}
}

// A buyer abroad is printed with the country, in the language of the paper, unless the
// address names it already.
func TestCountryOfABuyerAbroad(t *testing.T) {
	t.Parallel()
	full := strings.Split(strings.Repeat("line,", maxAddressLines-1)+"last", ",")
	for _, c := range []struct {
		lines   []string
		country string
		tag     language.Tag
		want    string // the last line
	}{
		{[]string{"Storgatan 4", "Stockholm"}, "SE", language.German, "Schweden"},
		{[]string{"Storgatan 4", "SVERIGE"}, "SE", language.German, "SVERIGE"},
		{[]string{"Storgatan 4", "Sweden"}, "SE", language.German, "Sweden"},
		{[]string{"Storgatan 4", "Schweden"}, "SE", language.German, "Schweden"},
		{[]string{"Georgia Street 1"}, "GE", language.English, "Georgia"},
		{full, "SE", language.French, "last, Suède"},
		{nil, "SE", language.English, "Sweden"},
		{[]string{"Somewhere"}, "", language.English, "Somewhere"},
		{[]string{"Somewhere"}, "??", language.English, "Somewhere"},
	} {
		got := drawing{tag: c.tag}.abroad(c.lines, c.country)
		if len(got) == 0 || got[len(got)-1] != c.want || len(got) > maxAddressLines {
			t.Errorf("%q in %s gives %q, want %q last", c.lines, c.country, got, c.want)
		}
	}
}

// An invoice that was issued always prints, whatever stands in it, and its lines sum
// to its totals.
func TestAnyInvoicePrints(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(anyLine), 1, 8).Draw(t, "lines")
		var d tax.Decision
		d.Inclusive = rapid.Bool().Draw(t, "inclusive")
		for i := range rapid.IntRange(0, 3).Draw(t, "taxes") {
			r, err := money.ParseRate("0." + rapid.StringMatching(`[0-9]{1,4}`).Draw(t, "rate"))
			if err != nil {
				t.Fatal(err)
			}
			d.Rates = append(d.Rates, tax.Applied{Name: []string{"GST", "PST", "City"}[i], Rate: r})
		}
		v := anyView(t, lines, d)
		switch {
		case v.Invoice.State == invoice.Open && v.Invoice.Total.Minor > 3:
			v.Invoice.CreditUsed, v.Invoice.Reduced = 1, 2
			v.CreditNotes = []invoice.CreditNote{{Series: "CN", Number: 1, ToOwed: 2, CreatedAt: v.Invoice.IssuedAt}}
		case v.Invoice.State == invoice.Paid:
			v.Payments = []payment.Payment{{State: payment.Paid, SettledAt: v.Invoice.IssuedAt, Amount: v.Invoice.Due()}}
		}
		p, err := Of(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.WriteText(io.Discard); err != nil {
			t.Fatalf("%v: %+v", err, fault.As(err).Fields)
		}
		if err := p.WritePDF(io.Discard); err != nil {
			t.Fatal(err)
		}
		portion := rapid.Int64Range(1, max(v.Invoice.Total.Minor, 1)).Draw(t, "portion")
		if v.Invoice.Total.Minor > 0 {
			anyCredit(t, v, portion)
		}
	})
}

// anyCredit prints a credit note of a part of an invoice.
func anyCredit(t *rapid.T, v report.InvoiceView, portion int64) {
	taken, err := v.Invoice.TakeTotal(v.Lines, nil, portion)
	if err != nil {
		t.Fatal(err)
	}
	d := report.CreditNoteView{Billed: v.Lines}
	d.Note = invoice.CreditNote{Series: "CN", Number: 1, Reason: invoice.ForGoodwill, CreatedAt: v.Invoice.IssuedAt}
	if err := d.Note.Fill(taken); err != nil {
		t.Fatal(err)
	}
	d.Note.ToBalance = d.Note.Total.Minor
	d.Lines, d.Invoice, d.Account, d.Seller, d.Buyer = taken, v.Invoice, v.Account, v.Seller, v.Buyer
	p, err := OfCreditNote(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.WriteText(io.Discard); err != nil {
		t.Fatalf("%v: %+v", err, fault.As(err).Fields)
	}
}

var anyText = rapid.StringOfN(rapid.SampledFrom([]rune("aW \n\u202e\u0001漢é")), 0, 300, -1)

func anyLine(t *rapid.T) invoice.Line {
	l := invoice.Line{Description: "W" + anyText.Draw(t, "description"), Quantity: rapid.Int64Range(1, 50).Draw(t, "quantity"),
		UnitAmount: eur(rapid.Int64Range(1, 100_000).Draw(t, "unit"))}
	worth := l.UnitAmount.Minor * l.Quantity
	if rapid.Bool().Draw(t, "odd") { // an amount that is not the product
		worth = rapid.Int64Range(1, 1_000_000).Draw(t, "worth")
	}
	l.Discount = eur(rapid.Int64Range(0, worth).Draw(t, "discount"))
	l.Amount = eur(worth - l.Discount.Minor)
	if l.Discount.Minor > 0 {
		l.Details.Coupons = []invoice.Coupon{{Code: "CODE", Amount: l.Discount.Minor}}
	}
	if rapid.Bool().Draw(t, "share") {
		l.Details.Share = &invoice.Share{Left: 1, Whole: 3, Unit: "seconds", Of: worth * 3}
	}
	if rapid.Bool().Draw(t, "metered") {
		l.Details.Units, l.Details.Unit, l.Details.Included = "12.5", anyText.Draw(t, "unit name"), "7"
		for range rapid.IntRange(0, 12).Draw(t, "parts") {
			l.Details.Parts = append(l.Details.Parts, invoice.Part{Quantity: "12.5", Unit: "0.0001", Flat: rapid.Int64Range(0, 9).Draw(t, "flat"), Amount: 7})
		}
	}
	return l
}

func anyView(t *rapid.T, lines []invoice.Line, d tax.Decision) report.InvoiceView {
	for i := range lines {
		l := &lines[i]
		net, parts, total, err := tax.Apply(d, l.Amount)
		if err != nil {
			t.Fatal(err)
		}
		l.Position, l.Amount, l.Rate, l.TaxName, l.Tax = i+1, net, d.Rate(), d.Name(), eur(total.Minor-net.Minor)
		l.Details.Inclusive = d.Inclusive && len(d.Rates) > 0
		for j, p := range parts {
			if len(parts) > 1 {
				l.Details.Taxes = append(l.Details.Taxes, invoice.Tax{Name: d.Rates[j].Name, Rate: d.Rates[j].Rate, Amount: p.Minor})
			}
		}
	}
	v := report.InvoiceView{Lines: lines, Buyer: customer.Printed{Email: "a@example.com", Language: rapid.SampledFrom([]string{"", "de", "fr", "es", "el", "bg", "ja", "??"}).Draw(t, "language"),
		Buyer: customer.Buyer{Name: anyText.Draw(t, "name"), Address: anyText.Draw(t, "address"), PostalCode: anyText.Draw(t, "postal code"), TaxID: anyText.Draw(t, "tax id")}}}
	v.Account, v.Seller = seller()
	at := time.Date(2026, 3, 19, 23, 30, 0, 0, time.UTC)
	if err := v.Invoice.Fill(lines); err != nil {
		t.Fatal(err)
	}
	v.Invoice.Issue("INV", 1, at)
	v.Invoice.Notes = invoice.Notes{Text: anyText.Draw(t, "note"), Fields: map[string]string{"W" + anyText.Draw(t, "field"): anyText.Draw(t, "value")}}
	v.Invoice.State = rapid.SampledFrom([]invoice.State{invoice.Open, invoice.Paid, invoice.Void, invoice.Uncollectible}).Draw(t, "state")
	return v
}

// A paper on which the figures do not agree is refused by name.
func TestFiguresThatDoNotAgreeAreRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Paper){
		"lines.0.amount":       func(p *Paper) { p.Lines[0].Amount.Minor++ },
		"taxes":                func(p *Paper) { p.Taxes[0].Tax.Minor++ },
		"totals.net":           func(p *Paper) { p.Totals.Net.Minor++ },
		"totals.gross":         func(p *Paper) { p.Totals.Gross.Minor++ },
		"totals.due":           func(p *Paper) { p.Totals.Due.Minor++ },
		"totals.reduced.0.num": func(p *Paper) { p.Totals.Reduced = []Reduction{{By: Reference{Number: strings.Repeat("9", 41)}}} },
	} {
		p := full(t, 0)
		spoil(&p)
		err := p.WriteText(io.Discard)
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v, want a refusal", name, err)
			continue
		}
		if f := fault.As(err).Fields; !strings.HasPrefix(f[0].Name, name) {
			t.Errorf("%s: the refusal names %v", name, f)
		}
	}
	for name, spoil := range map[string]func(*Paper){
		"totals.gross":    func(p *Paper) { p.Totals.ToAccount.Minor-- },
		"original.number": func(p *Paper) { p.Original.Number = "" },
	} {
		p := samples(t)["credit-note-balance"]
		spoil(&p)
		if err := p.WritePDF(io.Discard); !fault.Is(err, fault.Invalid) || fault.As(err).Fields[0].Name != name {
			t.Errorf("%s: got %v", name, err)
		}
	}
	p := samples(t)["paid-inclusive"]
	p.Inclusive = false
	if err := p.WritePDF(io.Discard); !fault.Is(err, fault.Invalid) {
		t.Errorf("prices with tax are taken for prices without: %v", err)
	}
}

// A long arithmetic goes on to the next page below the head of the table.
func TestDetailsGoOnToTheNextPage(t *testing.T) {
	t.Parallel()
	lines := rich(t)[2:3]
	lines[0].Details.Parts = nil
	for i := range 150 {
		lines[0].Details.Parts = append(lines[0].Details.Parts, invoice.Part{Quantity: fmt.Sprint(1000 + i), Unit: "0.01", Amount: 1000})
	}
	pages := text(t, render(t, paperOf(t, viewOf(t, "", lines))))
	if len(pages) < 3 {
		t.Fatalf("%d pages", len(pages))
	}
	all := strings.Join(pages, "\n")
	for i := range 150 {
		if n := strings.Count(all, fmt.Sprintf("%d × €0.01", 1000+i)); n != 1 {
			t.Errorf("step %d is printed %d times", i, n)
		}
	}
	for _, page := range pages {
		if strings.Contains(page, "× €0.01") {
			wantAll(t, page, "Description", "Amount")
		}
	}
}

func TestManyCreditNotesAreFolded(t *testing.T) {
	t.Parallel()
	v := viewOf(t, "", rich(t)[:1])
	for i := range 60 {
		v.CreditNotes = append(v.CreditNotes, invoice.CreditNote{Series: "CN", Number: int64(i + 1), ToOwed: 10, CreatedAt: v.Invoice.IssuedAt})
	}
	v.Invoice.Reduced = 600
	got := plain(t, paperOf(t, v))
	wantAll(t, got, "Credit note CN-000001 of", "CN-000020 – CN-000060", "-€4.10", "€84.00")
}

func TestNothingIsMadeOfADraft(t *testing.T) {
	t.Parallel()
	v := viewOf(t, "", rich(t)[:1])
	v.Invoice.Number = 0
	if _, err := Of(v); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v", err)
	}
}
