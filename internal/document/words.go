package document

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/locale"
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
	decimal        string // sign between whole and fraction
	percent        string // pattern of a rate
	locale         locale.Locale
}

// spoken holds the fixed words in the order of locale.Languages.
var spoken = []words{english, german, french, spanish, greek, bulgarian}

// wordsFor returns the words nearest to a language, and the language in which
// amounts are to be written.
func wordsFor(tag language.Tag) (words, language.Tag) {
	l := locale.For(tag)
	w := spoken[l.Index]
	w.locale = l
	return w, l.Tag
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
func (w words) day(t time.Time) string { return w.locale.Day(t) }

// span writes the first and the last day of a stretch of time, or nothing.
func (w words) span(s Span) string { return w.locale.Span(s.From, s.Until) }

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
