package document

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"pgregory.net/rapid"

	"perennial/internal/fault"
	"perennial/internal/locale"
	"perennial/internal/money"
)

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func decimal(t testing.TB, s string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func percent(t testing.TB, s string) money.Rate {
	t.Helper()
	r, err := money.ParsePercent(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// full is an invoice that uses every field.
func full(t testing.TB, lines int) Paper {
	t.Helper()
	march := Span{day(2026, 3, 1), day(2026, 4, 1)}
	unit, err := money.ParseUnitPrice("0.0025", "EUR")
	if err != nil {
		t.Fatal(err)
	}
	inv := Paper{
		Number: "INV-2026-0042", Issued: day(2026, 3, 1), Due: day(2026, 3, 15), Service: march, Language: language.English,
		Seller: Party{
			Name: "Northwind Tools GmbH", Address: []string{"Lindenstraße 12", "10969 Berlin", "Germany"}, Country: "DE",
			TaxIDs: []Field{{"VAT ID", "DE000000000"}}, Registration: "Amtsgericht Charlottenburg, HRB 000000",
		},
		Buyer: Party{
			Name: "Eleni Papadopoulou", Company: "Ελιά Εργαστήριο ΕΠΕ", Address: []string{"Οδός Ερμού 7", "105 63 Αθήνα", "Greece"},
			Country: "GR", TaxIDs: []Field{{"VAT ID", "EL000000000"}},
		},
		Lines: []Line{
			{
				Description: "Team plan, monthly", Period: march, Quantity: decimal(t, "5"),
				UnitPrice: money.UnitPriceOf(eur(2000)), Discount: eur(1000), TaxRate: percent(t, "19"), Amount: eur(9000),
			},
			{
				Description: "Additional requests above the 100,000 that the plan includes, counted per calendar month across all projects",
				Details:     []string{"148,000 requests in February", "100,000 included, 48,000 × €0.0025"},
				Period:      Span{day(2026, 2, 1), day(2026, 3, 1)}, Quantity: decimal(t, "48000"), UnitPrice: unit,
				TaxRate: percent(t, "19"), Amount: eur(12000),
			},
			{Description: "Printed handbook", Quantity: decimal(t, "1.5"), UnitPrice: money.UnitPriceOf(eur(1000)), TaxRate: percent(t, "7"), Amount: eur(1500)},
		},
		Taxes: []Tax{
			{Name: "VAT", Rate: percent(t, "19"), Base: eur(20000), Tax: eur(3800)},
			{Name: "VAT", Rate: percent(t, "7"), Base: eur(1500), Tax: eur(105)},
		},
		Totals: Totals{Net: eur(22500), Discount: eur(1000), Tax: eur(3905), Gross: eur(25405), Credit: eur(405), Due: eur(20000)},
		Payments: []Payment{
			{Method: "Visa •••• 4242", On: day(2026, 3, 1), Amount: eur(5000)},
		},
		NextCharge: NextCharge{On: day(2026, 4, 1), Amount: eur(9000)},
		Notes:      []string{"Reverse charge: the recipient owes the tax."},
		Terms:      "Payable within 14 days without deduction.",
		Bank:       []Field{{"IBAN", "DE00 0000 0000 0000 0000 00"}, {"BIC", "XXXXDEXXXXX"}},
		Contact:    "billing@northwind.example",
	}
	for i := len(inv.Lines); i < lines; i++ {
		inv.Lines = append(inv.Lines, Line{
			Description: fmt.Sprintf("Seat number %04d", i+1), Quantity: decimal(t, "1"),
			UnitPrice: money.UnitPriceOf(eur(100)), TaxRate: percent(t, "19"), Amount: eur(100),
		})
		inv.Taxes[0].Base.Minor += 100
		inv.Taxes[0].Tax.Minor += 19
		inv.Totals.Net.Minor += 100
		inv.Totals.Tax.Minor += 19
		inv.Totals.Gross.Minor += 119
		inv.Totals.Due.Minor += 119
	}
	return inv
}

func render(t testing.TB, inv Paper) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := inv.WritePDF(&b); err != nil {
		t.Fatalf("the paper was refused: %v", err)
	}
	return b.Bytes()
}

// text returns what a reader can select on each page, as pdftotext sees it.
func text(t *testing.T, pdf []byte) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "paper.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "pdftotext", "-layout", file, "-").CombinedOutput()
	if err != nil {
		t.Fatalf("pdftotext (Debian package poppler-utils): %v\n%s", err, out)
	}
	s := strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(string(out))
	return strings.Split(strings.TrimSuffix(s, "\f"), "\f")
}

func wantAll(t *testing.T, page string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(page, w) {
			t.Errorf("%q is missing from:\n%s", w, page)
		}
	}
}

func TestEveryFieldIsPrinted(t *testing.T) {
	t.Parallel()
	pages := text(t, render(t, full(t, 0)))
	if len(pages) != 1 {
		t.Fatalf("%d pages, want 1", len(pages))
	}
	wantAll(t, pages[0],
		"Invoice", "INV-2026-0042", "€200.00 due on 15 March 2026", "1 March 2026 – 31 March 2026",
		"Northwind Tools GmbH", "Lindenstraße 12", "VAT ID DE000000000", "Amtsgericht Charlottenburg, HRB 000000",
		"Eleni Papadopoulou", "Ελιά Εργαστήριο ΕΠΕ", "Οδός Ερμού 7", "VAT ID EL000000000",
		"Team plan, monthly", "€20.00", "-€10.00", "19%", "€90.00",
		"148,000 requests in February", "48000", "0.0025 EUR", "1 February 2026 – 28 February 2026", "1.5",
		"VAT 19%", "€200.00", "€38.00", "VAT 7%", "€1.05",
		"Subtotal", "€225.00", "Tax", "€39.05", "Total", "€254.05", "Credit used", "-€4.05",
		"Paid by Visa •••• 4242 on 1 March 2026", "-€50.00", "Amount due",
		"Reverse charge", "Payable within 14 days", "IBAN DE00 0000", "BIC XXXXDEXXXXX",
		"€90.00 on 1 April 2026", "billing@northwind.example", "Page 1 of 1")
	if strings.Contains(pages[0], "SAMPLE") {
		t.Error("a real invoice says that it is a sample")
	}
}

func TestEmptyFieldsDropTheirLine(t *testing.T) {
	t.Parallel()
	inv := Paper{
		Number: "1", Issued: day(2026, 3, 1), Seller: Party{Name: "Seller"}, Language: language.English,
		Lines: []Line{{Description: "Thing", Amount: eur(100)}}, Totals: Totals{Net: eur(100), Gross: eur(100), Due: eur(100)},
	}
	page := text(t, render(t, inv))[0]
	wantAll(t, page, "Invoice", "Seller", "Thing", "€1.00", "Amount due")
	for _, word := range []string{
		"Due date", "Service period", "Bill to", "Quantity", "Unit price", "Discount", "Tax", "Subtotal", "Credit",
		"Paid", "Payment terms", "Bank", "Next charge", "Questions", "due on",
	} {
		if strings.Contains(page, word) {
			t.Errorf("%q stands without anything beside it:\n%s", word, page)
		}
	}
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tag    string
		wanted []string
	}{
		{"de", []string{"Rechnung", "Fällig am", "200,00 € fällig am 15. März 2026", "254,05 €", "19 %", "Zwischensumme", "0,0025 EUR", "Seite 1 von 1"}},
		{"de-CH", []string{"Rechnung", "1. März 2026 – 31. März 2026"}},
		{"fr", []string{"Facture", "1er mars 2026 – 31 mars 2026", "Reste à payer", "Échéance"}},
		{"es-MX", []string{"Factura", "15 de marzo de 2026"}},
		{"el", []string{"Τιμολόγιο", "15 Μαρτίου 2026", "Πληρωτέο ποσό", "254,05 €", "Σελίδα 1 από 1"}},
		{"bg", []string{"Фактура", "15 март 2026 г.", "Данъчна основа", "Страница 1 от 1"}},
		{"en-US", []string{"Invoice", "March 15, 2026", "€254.05"}},
		{"ja", []string{"Invoice", "15 March 2026", "€254.05"}},
	} {
		t.Run(c.tag, func(t *testing.T) {
			t.Parallel()
			inv := full(t, 0)
			inv.Language = language.MustParse(c.tag)
			inv.Buyer.Company = "Größenwahn & Söhne · Прогрес ЕООД · Łódź · Ångström"
			page := text(t, render(t, inv))[0]
			wantAll(t, page, c.wanted...)
			wantAll(t, page, "Größenwahn & Söhne", "Прогрес ЕООД", "Łódź", "Ångström")
		})
	}
}

func TestEveryLanguageHasEveryWord(t *testing.T) {
	t.Parallel()
	for _, w := range spoken {
		v := reflect.ValueOf(w)
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "locale" && v.Field(i).IsZero() {
				t.Errorf("%v has no %s", w.tag, name)
			}
		}
		if l := locale.For(w.tag); spoken[l.Index].tag != w.tag {
			t.Errorf("%v does not stand where package locale has it", w.tag)
		}
		if got, _ := wordsFor(w.tag); got.Invoice != w.Invoice {
			t.Errorf("asking for %v gives %q", w.tag, got.Invoice)
		}
	}
}

func TestLongTablesRepeatTheirHeadAndLoseNothing(t *testing.T) {
	t.Parallel()
	pages := text(t, render(t, full(t, 200)))
	if len(pages) < 4 {
		t.Fatalf("200 lines on %d pages", len(pages))
	}
	for i, page := range pages {
		wantAll(t, page, fmt.Sprintf("Page %d of %d", i+1, len(pages)))
		if strings.Contains(page, "Seat number") {
			wantAll(t, page, "Description", "Unit price", "Tax rate")
		}
		if i > 0 {
			wantAll(t, page, "Invoice INV-2026-0042, continued")
		}
	}
	all := strings.Join(pages, "\n")
	for i := 4; i <= 200; i++ {
		if n := strings.Count(all, fmt.Sprintf("Seat number %04d", i)); n != 1 {
			t.Errorf("line %d is printed %d times", i, n)
		}
	}
	last := pages[len(pages)-1]
	wantAll(t, last, "Seat number 0200", "Subtotal", "Amount due")
}

// The totals and the last line stay together, whatever the number of lines.
func TestTotalsAreKeptWithTheLastLine(t *testing.T) {
	t.Parallel()
	for lines := 3; lines < 45; lines++ {
		inv := full(t, lines)
		inv.Lines[lines-1].Description = "The last line"
		for _, page := range text(t, render(t, inv)) {
			last, due := strings.Contains(page, "The last line"), strings.Contains(page, "Amount due")
			if last != due || due != strings.Contains(page, "Subtotal") {
				t.Fatalf("with %d lines the totals stand apart:\n%s", lines, page)
			}
		}
	}
}

func TestBlocksStayOnThePage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.StringOfN(rapid.SampledFrom([]rune("W iÜ Ж漢")), 0, maxShort, -1)
		short := rapid.StringOfN(rapid.SampledFrom([]rune("WWWWW i")), 0, maxName, -1)
		long := rapid.StringOfN(rapid.SampledFrom([]rune("WWW iÜ Ж漢")), 0, maxLong, -1)
		fields := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Field {
			return Field{texts.Draw(t, "name"), texts.Draw(t, "value")}
		}), 0, 6)
		party := rapid.Custom(func(t *rapid.T) Party {
			return Party{
				Name: "W" + rapid.StringOfN(rapid.Just('W'), 0, maxShort-1, -1).Draw(t, "name"), Company: texts.Draw(t, "company"),
				Address: rapid.SliceOfN(texts, 0, 8).Draw(t, "address"), TaxIDs: fields.Draw(t, "ids"),
				Country: rapid.SampledFrom([]string{"US", "DE"}).Draw(t, "country"), Registration: texts.Draw(t, "registration"),
			}
		})
		most := money.Amount{Minor: money.MaxMinor, Currency: "EUR"}
		line := rapid.Custom(func(t *rapid.T) Line {
			return Line{
				Description: "W" + rapid.StringOfN(rapid.Just('W'), 0, maxLong-1, -1).Draw(t, "wide"),
				Details:     rapid.SliceOfN(long, 0, 6).Draw(t, "details"), Quantity: mustDecimal("999999999999999999"), UnitPrice: money.UnitPriceOf(most),
				Discount: most, Amount: most, Period: Span{day(2026, 1, 1), day(2027, 1, 1)},
			}
		})
		inv := Paper{
			Number: "N", Issued: day(2026, 3, 1), Seller: party.Draw(t, "seller"), Buyer: party.Draw(t, "buyer"),
			Lines: rapid.SliceOfN(line, 1, 5).Draw(t, "lines"), Totals: Totals{Gross: most, Due: most},
			Taxes: make([]Tax, rapid.IntRange(0, 12).Draw(t, "taxes")), Notes: rapid.SliceOfN(long, 0, 4).Draw(t, "notes"),
			Bank: fields.Draw(t, "bank"), Contact: texts.Draw(t, "contact"),
		}
		for i := range inv.Taxes {
			inv.Taxes[i] = Tax{Name: short.Draw(t, "tax"), Base: most, Tax: most}
		}
		for range rapid.IntRange(0, 10).Draw(t, "payments") {
			inv.Payments = append(inv.Payments, Payment{Method: short.Draw(t, "method"), On: day(2026, 9, 30), Amount: most})
		}
		if err := inv.form(); err != nil {
			t.Fatal(err)
		}
		l := newLayout(inv)
		head := l.head()
		if head.height > l.height*0.6 {
			t.Fatalf("the head takes %.0f mm", head.height)
		}
		for i, page := range l.paginate(head.height) {
			for _, b := range page {
				if b.y+b.height > l.bottom+0.01 {
					t.Fatalf("a block on page %d ends at %.1f mm, the page at %.1f", i+1, b.y+b.height, l.bottom)
				}
			}
		}
	})
}

func mustDecimal(s string) money.Decimal {
	d, err := money.ParseDecimal(s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestSampleIsMarkedOnEveryPage(t *testing.T) {
	t.Parallel()
	inv := full(t, 60)
	inv.Sample = true
	file := filepath.Join(t.TempDir(), "paper.pdf")
	if err := os.WriteFile(file, render(t, inv), 0o600); err != nil {
		t.Fatal(err)
	}
	// In the order of drawing. Letters set aslant come one on a line, so spaces
	// do not count.
	out, err := exec.CommandContext(t.Context(), "pdftotext", "-raw", file, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, page := range strings.Split(strings.TrimSuffix(string(out), "\f"), "\f") {
		if n := strings.Count(strings.Join(strings.Fields(page), ""), "SAMPLE,noinvoice"); n != 2 {
			t.Errorf("page %d is marked %d times, want once across and once at the foot:\n%s", i+1, n, page)
		}
	}
}

func TestReceipt(t *testing.T) {
	t.Parallel()
	inv := full(t, 0)
	inv.Kind = KindReceipt
	inv.Totals.Due, inv.Totals.Credit = eur(0), eur(0)
	inv.Payments = []Payment{{Method: "SEPA Direct Debit", On: day(2026, 3, 2), Amount: eur(25405)}}
	wantAll(t, text(t, render(t, inv))[0], "Receipt", "€254.05 paid on 2 March 2026", "Paid by SEPA Direct Debit on 2 March 2026", "€0.00")
}

func TestSameBytesWhenMadeAgain(t *testing.T) {
	t.Parallel()
	first := sha256.Sum256(render(t, full(t, 120)))
	for range 5 {
		if sha256.Sum256(render(t, full(t, 120))) != first {
			t.Fatal("the same invoice gave other bytes")
		}
	}
	other := full(t, 120)
	other.Number = "INV-2026-0043"
	if sha256.Sum256(render(t, other)) == first {
		t.Fatal("two invoices gave the same bytes")
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	inv := full(t, 0)
	inv.Language = language.German
	inv.Number = `R(1)\2`
	file := filepath.Join(t.TempDir(), "paper.pdf")
	if err := os.WriteFile(file, render(t, inv), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "pdfinfo", "-isodates", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, string(out), `Rechnung R(1)\2`, "Northwind Tools GmbH", "2026-03-01", "A4", "JavaScript:      no", "Encrypted:       no")
	if !bytes.Contains(render(t, inv), []byte("/Lang (de)")) {
		t.Error("the language is not stated")
	}
	inv.Buyer.Country = "US"
	if err := os.WriteFile(file, render(t, inv), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = exec.CommandContext(t.Context(), "pdfinfo", file).Output(); err != nil {
		t.Fatal(err)
	}
	wantAll(t, string(out), "letter")
}

// streams are the packed parts of a PDF; what is left are its objects.
var streams = regexp.MustCompile(`(?s)stream\r?\n.*?endstream`)

var actions = regexp.MustCompile(`/(OpenAction|AA|A|JS|JavaScript\s+\d|Launch|URI|SubmitForm|GoToR|GoToE|Annots|AcroForm|RichMedia|Filespec)\b`)

func TestHostileTextIsOnlyText(t *testing.T) {
	t.Parallel()
	for _, hostile := range []string{
		`<script>alert(1)</script>`, `javascript:app.alert(1)`, `) /OpenAction << /S /JavaScript /JS (app.alert(1)) >> (`,
		`)>> endobj 9 0 obj << /S /Launch /F (cmd.exe) >> endobj (`, `\) \( \\`, `((((`, `%PDF-1.7 %%EOF`, `{nb} {{}}`, `https://evil.example/`,
	} {
		inv := full(t, 0)
		inv.Number, inv.Seller.Name, inv.Buyer.Name, inv.Contact, inv.Terms = hostile, hostile, hostile, hostile, hostile
		inv.Lines[0].Description = hostile
		inv.Notes = []string{hostile}
		pdf := render(t, inv)
		if found := actions.Find(streams.ReplaceAll(pdf, nil)); found != nil {
			t.Errorf("%q leaves %q in the objects", hostile, found)
		}
		// At least the seller, the description and the note are whole lines.
		if n := strings.Count(strings.Join(strings.Fields(text(t, pdf)[0]), " "), strings.Join(strings.Fields(hostile), " ")); n < 3 {
			t.Errorf("%q is printed %d times", hostile, n)
		}
	}
}

func TestWhatCannotBePrintedIsRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Paper){
		"number":                func(i *Paper) { i.Number = " " },
		"issued":                func(i *Paper) { i.Issued = time.Time{} },
		"kind":                  func(i *Paper) { i.Kind = 9 },
		"service":               func(i *Paper) { i.Service.Until = time.Time{} },
		"seller.name":           func(i *Paper) { i.Seller.Name = "Bell\a" },
		"buyer.name":            func(i *Paper) { i.Buyer.Name = "\u202etxt.exe" },
		"buyer.company":         func(i *Paper) { i.Buyer.Company = "\xff" },
		"buyer.address.1":       func(i *Paper) { i.Buyer.Address[1] = "a\nb" },
		"buyer.tax_ids.0.value": func(i *Paper) { i.Buyer.TaxIDs[0].Value = "\x00" },
		"lines":                 func(i *Paper) { i.Lines = nil },
		"lines.0.description":   func(i *Paper) { i.Lines[0].Description = strings.Repeat("x", maxLong+1) },
		"lines.0.details.0":     func(i *Paper) { i.Lines[0].Details = []string{"\u2028"} },
		"lines.0.amount":        func(i *Paper) { i.Lines[0].Amount = money.Amount{Minor: 1, Currency: "USD"} },
		"lines.0.unit_price":    func(i *Paper) { i.Lines[0].UnitPrice.Currency = "USD" },
		"lines.0.period":        func(i *Paper) { i.Lines[0].Period.From = day(2027, 1, 1) },
		"taxes":                 func(i *Paper) { i.Taxes = make([]Tax, 13) },
		"totals.due":            func(i *Paper) { i.Totals.Due.Currency = "USD" },
		"payments":              func(i *Paper) { i.Payments = make([]Payment, 11) },
		"notes.0":               func(i *Paper) { i.Notes[0] = "\x7f" },
		"terms":                 func(i *Paper) { i.Terms = "\u0085" },
		"contact":               func(i *Paper) { i.Contact = strings.Repeat("x", maxShort+1) },
	} {
		inv := full(t, 0)
		spoil(&inv)
		var b bytes.Buffer
		err := inv.WritePDF(&b)
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v, want a refusal", name, err)
			continue
		}
		if fields := fault.As(err).Fields; len(fields) == 0 || fields[0].Name != name {
			t.Errorf("%s: the refusal names %v", name, fields)
		}
		if b.Len() > 0 {
			t.Errorf("%s: %d bytes were written", name, b.Len())
		}
	}
}

func TestLettersOutsideTheFontsDoNotBreakThePaper(t *testing.T) {
	t.Parallel()
	inv := full(t, 0)
	inv.Buyer.Name = "東京株式会社 😀 مرحبا u\u0308ber \u200bx"
	page := text(t, render(t, inv))[0]
	wantAll(t, page, strings.Repeat("\ufffd", 6), "über", "€254.05")
}

func FuzzTexts(f *testing.F) {
	f.Add("Plan", "1 March")
	f.Add("\u202e)(\\", "😀\u0000\xff")
	f.Add(strings.Repeat("W", 500), "\uffff\ufffe")
	f.Fuzz(func(t *testing.T, a, b string) {
		inv := full(t, 0)
		inv.Number, inv.Lines[0].Description, inv.Lines[0].Details = "N"+a, a, []string{b}
		inv.Seller.Name, inv.Buyer.Address[0] = b, a
		if err := inv.WritePDF(io.Discard); err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		if !utf8.ValidString(printable(a)) && utf8.ValidString(a) {
			t.Fatalf("%q became invalid", a)
		}
	})
}

func BenchmarkInvoice500Lines(b *testing.B) {
	inv := full(b, 500)
	for b.Loop() {
		if err := inv.WritePDF(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
