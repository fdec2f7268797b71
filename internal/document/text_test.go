package document

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"perennial/internal/fault"
)

// textWidth is how wide the text form is where nothing forces it wider, in characters.
const textWidth = 78

// WriteText writes the paper as plain text in UTF-8, with the same words and figures
// as the PDF. It refuses what WritePDF refuses.
func (p Paper) WriteText(w io.Writer) error {
	if err := p.check(); err != nil {
		return err
	}
	t := &plainText{content: contentOf(p)}
	t.head()
	t.lines()
	t.sums()
	t.remarks()
	if _, err := io.WriteString(w, strings.NewReplacer(nbsp, " ", "\u202f", " ").Replace(t.b.String())); err != nil {
		return fault.Wrap(fault.Internal, err, "the document could not be written")
	}
	return nil
}

// plainText is a paper on its way into text.
type plainText struct {
	content
	b strings.Builder
}

// put writes a line that says something.
func (t *plainText) put(s string) {
	if s = strings.TrimRight(s, " "); s != "" {
		t.b.WriteString(s + "\n")
	}
}

func (t *plainText) gap() { t.b.WriteByte('\n') }

// spread writes a text at the left and one that ends at the right margin.
func (t *plainText) spread(left, right string) {
	free := textWidth - utf8.RuneCountInString(left) - utf8.RuneCountInString(right)
	t.put(left + strings.Repeat(" ", max(free, 2)) + right)
}

func (t *plainText) head() {
	p, w := t.paper, t.words
	if p.Sample {
		t.put("*** " + w.sample(p.Kind) + " ***")
	}
	title := t.title()
	if stamp := w.stamp(p.Stamp); stamp != "" {
		title += " [" + stamp + "]"
	}
	t.put(title)
	t.put(t.keyLine())
	t.gap()
	for _, f := range t.facts()[1:] { // the first is the number, which the title says
		if f.Value != "" {
			t.put(f.Name + ": " + f.Value)
		}
	}
	t.gap()
	t.party(p.Seller)
	t.gap()
	if b := p.Buyer; b.Name != "" || b.Company != "" || len(b.Address) > 0 {
		t.put(t.addressee() + ":")
		t.party(b)
		t.gap()
	}
}

func (t *plainText) party(p Party) {
	t.put(p.Company)
	t.put(p.Name)
	for _, line := range p.Address {
		t.put(line)
	}
	for _, number := range p.TaxIDs {
		t.put(joined(number))
	}
	t.put(p.Registration)
}

// lines are the table: each line with its figures below it and the amount at the right.
func (t *plainText) lines() {
	for _, l := range t.paper.Lines {
		figures := t.quantity(l)
		if price := t.unitPrice(l); price != "" {
			figures += " × " + price
		}
		if !l.Discount.IsZero() {
			figures = strings.TrimSpace(figures + "  " + t.amount(l.Discount.Neg()))
		}
		if len(t.paper.Taxes) > 0 {
			figures = strings.TrimSpace(figures + "  " + t.words.rate(l.TaxRate))
		}
		if figures == "" {
			t.spread(l.Description, t.amount(l.Amount))
		} else {
			t.put(l.Description)
			t.spread("  "+figures, t.amount(l.Amount))
		}
		if period := t.words.span(l.Period); period != "" {
			t.put("  " + period)
		}
		for _, d := range l.Details {
			if strings.TrimSpace(d) != "" {
				t.put("  " + d)
			}
		}
	}
}

func (t *plainText) sums() {
	t.put(strings.Repeat("-", textWidth))
	for _, r := range t.totals() {
		t.spread(r.label, r.value)
	}
	if len(t.paper.Taxes) == 0 {
		return
	}
	t.gap()
	for _, x := range t.paper.Taxes {
		t.spread(joined(Field{x.Name, t.words.rate(x.Rate)}), fmt.Sprintf("%s %s  %s %s", t.words.Base, t.amount(x.Base), t.words.Tax, t.amount(x.Tax)))
	}
}

func (t *plainText) remarks() {
	t.gap()
	for _, s := range t.sentences() {
		t.put(s)
	}
	for _, s := range t.sections() {
		t.put(s.label + ": " + strings.Join(s.values, ", "))
	}
}
