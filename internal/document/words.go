package document

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/money"
)

// words are the fixed words of the papers in one language. Every field is
// filled in every language; a test sees to it.
type words struct {
	tag                                                 language.Tag
	Invoice, Receipt, Sample                            string
	Number, Issued, Service, Due                        string
	BillTo                                              string
	Description, Quantity, UnitPrice, Discount, TaxRate string
	Amount, Subtotal, Tax, Base, Total                  string
	Paid, Credit, AmountDue                             string
	Terms, Bank, Contact, NextCharge, Continued         string
	TaxID, VATID                                        string

	CreditNote, Dated, ForInvoice, Reason, CreditTo string
	NoSample                                        string // instead of Sample on a credit note
	Credited                                        string // key line of a credit note: amount, invoice
	Of                                              string // a paper: number, day
	Refunded, RefundedTo                            string // without a way to pay, with one
	ToAccount                                       string
	TakenOff                                        string // invoice
	Reduced                                         string // row of the totals: number and day of a credit note
	WentBack, WentToAccount                         string // number and day of a credit note, amount
	Refund, Unused, Goodwill, Mistake               string // the reasons of a credit note

	Void, Uncollectible    string // stamps
	VoidedOn, GivenUpOn    string // sentence: day
	TaxIncluded            string // row of the totals
	PricesIncludeTax       string // sentence
	Share                  string // left, whole, unit, amount of the whole
	Days, Minutes, Seconds string // after a share
	Included               string // units that cost nothing
	Minimum, Converted     string // amount, currency
	Coupon                 string // code
	ReverseCharge          string // sentences about tax
	IntraCommunity, Export string
	Exempt, ExemptBecause  string // the second with a reason

	DueOn, PaidOn  string // key line: amount, day
	PaidBy, PaidAt string // row of a payment: method and day, or day alone
	NextOn         string // amount, day
	Page           string // this page, all pages
	Day            string // {d} {m} {y}
	First          string // the first of a month, where a language writes it otherwise
	Months         [12]string
	decimal        string // sign between whole and fraction
	percent        string // pattern of a rate
}

// spoken holds the languages of the fixed words; the first is the fallback.
var spoken = []words{english, german, french, spanish, greek, bulgarian}

var matcher = func() language.Matcher {
	tags := make([]language.Tag, len(spoken))
	for i, w := range spoken {
		tags[i] = w.tag
	}
	return language.NewMatcher(tags)
}()

// wordsFor returns the words nearest to a language, and the language in which
// amounts are to be written: the one asked for when its words are known, so that
// Swiss German keeps its Swiss separators, else that of the words.
func wordsFor(tag language.Tag) (words, language.Tag) {
	_, i, confidence := matcher.Match(tag)
	w := spoken[i]
	if confidence == language.No {
		return w, w.tag
	}
	if base, _ := tag.Base(); base.String() == "en" {
		if region, c := tag.Region(); c == language.Exact && (region.String() == "US" || region.String() == "PH") {
			w.Day = "{m} {d}, {y}"
		}
	}
	return w, tag
}

func (w words) title(k Kind) string {
	switch k {
	case KindReceipt:
		return w.Receipt
	case KindCreditNote:
		return w.CreditNote
	}
	return w.Invoice
}

func (w words) sample(k Kind) string {
	if k == KindCreditNote {
		return w.NoSample
	}
	return w.Sample
}

func (w words) stamp(s Stamp) string {
	switch s {
	case StampVoid:
		return w.Void
	case StampUncollectible:
		return w.Uncollectible
	}
	return ""
}

// reference names another paper: its number and, where it is known, its day.
func (w words) reference(r Reference) string {
	if r.Number == "" || r.Issued.IsZero() {
		return r.Number
	}
	return fmt.Sprintf(w.Of, r.Number, w.day(r.Issued))
}

// day writes the day on which t lies in its own location.
func (w words) day(t time.Time) string {
	d := fmt.Sprint(t.Day())
	if t.Day() == 1 && w.First != "" {
		d = w.First
	}
	return strings.NewReplacer("{d}", d, "{m}", w.Months[t.Month()-1], "{y}", fmt.Sprint(t.Year()), " ", nbsp).Replace(w.Day)
}

// span writes the first and the last day of a stretch of time, or nothing.
func (w words) span(s Span) string {
	if s.From.IsZero() {
		return ""
	}
	last := s.Until.Add(-time.Microsecond)
	if last.Before(s.From) || w.day(s.From) == w.day(last) {
		return w.day(s.From)
	}
	return w.day(s.From) + " – " + w.day(last)
}

func (w words) rate(r money.Rate) string {
	return fmt.Sprintf(w.percent, strings.Replace(r.Percent(), ".", w.decimal, 1))
}

func (w words) number(d money.Decimal) string { return strings.Replace(d.String(), ".", w.decimal, 1) }

// unitPrice writes a price below the smallest coin with all its decimals.
func (w words) unitPrice(p money.UnitPrice, tag language.Tag) string {
	if a, err := money.ParseMajor(p.String(), p.Currency); err == nil {
		return a.Format(tag)
	}
	return w.number(p.Major) + nbsp + string(p.Currency)
}

const nbsp = "\u00a0"
