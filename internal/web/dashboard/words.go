package dashboard

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/tax"
	"perennial/internal/web"
)

// expiry writes year x 100 + month as on a card: "12/2030".
func expiry(n int64) string { return fmt.Sprintf("%d/%d", n%100, n/100) }

func kindWord(kind string) string {
	if kind == "card" {
		return "Card"
	}
	return kind
}

func metadataFacts(m map[string]string) []web.Fact {
	var list []web.Fact
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, web.Fact{Term: k, Text: m[k]})
	}
	return list
}

// zoneAttrs lets the script guess the time zone until the person has seen one.
func zoneAttrs(chosen bool) templ.Attributes {
	if chosen {
		return templ.Attributes{"data-zone": "chosen"}
	}
	return templ.Attributes{"data-zone": "guess"}
}

// catalogPrice is a price in words: "Monthly, €29.00 every month, 14 days free".
func (v *visit) catalogPrice(p catalog.Price) string {
	text := costOf(p)
	if p.Name != "" {
		text = p.Name + ", " + text
	}
	if p.TrialDays > 0 {
		if p.Terms.TrialAmount > 0 {
			text += ", " + days(p.TrialDays) + " for " + v.minor(p.Terms.TrialAmount, p.Amount.Currency)
		} else {
			text += fmt.Sprintf(", %s free", days(p.TrialDays))
		}
	}
	if !p.SetupFee.IsZero() {
		text += ", " + v.money(p.SetupFee) + " to set up"
	}
	return text
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// days are the first and the last day of a span, as on the paper.
func (v *visit) days(s period.Span) string {
	last := s.To.Add(-time.Microsecond)
	if v.date(s.From) == v.date(last) {
		return v.date(s.From)
	}
	return v.date(s.From) + " – " + v.date(last)
}

func sellerName(i report.InvoiceView) string {
	if i.Seller.LegalName != "" {
		return i.Seller.LegalName
	}
	return i.Seller.Name
}

func billTo(i report.InvoiceView) string {
	var parts []string
	for _, s := range []string{i.Buyer.Company, i.Buyer.Name, i.Buyer.Address, country(i.Buyer.Country), i.Buyer.TaxID} {
		if s != "" && !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	if i.Buyer.Company == "" && i.Buyer.Name == "" {
		parts = append([]string{i.Buyer.Email}, parts...)
	}
	return strings.Join(parts, "\n")
}

// taxNotes are the sentences of documents about taxes that were not charged.
var taxNotes = map[string]string{
	tax.NoteReverseCharge:  "Reverse charge: the recipient owes the tax.",
	tax.NoteIntraCommunity: "Exempt intra-community supply.",
	tax.NoteExport:         "Exempt export.",
}
