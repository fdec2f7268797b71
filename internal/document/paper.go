// Package document makes the papers that leave the house: the invoice, the receipt
// of a payment and the credit note, as PDF. A Paper holds what stands on one; it is
// printed as it is. Of and OfCreditNote fill it from what the books hold, and a Paper
// whose figures do not sum up is refused.
//
// The same Paper always gives the same bytes, so that a paper can be made again
// instead of being kept. The PDF holds text, hairlines and fonts; it never holds an
// action, a link, a form or a script.
package document

import (
	"time"

	"golang.org/x/text/language"

	"perennial/internal/money"
)

// Kind says which paper it is.
type Kind uint8

// The kinds of paper.
const (
	KindInvoice    Kind = iota // a demand, or the record of one that is paid
	KindReceipt                // the proof of a payment
	KindCreditNote             // takes back part or all of an invoice
)

// Stamp says in large letters that nothing more is to be paid.
type Stamp uint8

// The stamps.
const (
	StampNone          Stamp = iota
	StampVoid                // the invoice was taken back
	StampUncollectible       // the invoice was given up
)

// Paper is everything that stands on the paper. Empty texts, zero times and
// amounts of zero drop their line; only Number, Issued, Seller.Name, one line
// and the gross total must be there. All amounts are of one currency.
type Paper struct {
	Kind     Kind
	Number   string       // with its series, for example "INV-000042"
	Issued   time.Time    // printed as a day in the location it carries
	Due      time.Time    // last day to pay
	Service  Span         // when the supply took place
	Language language.Tag // language of the fixed words, the amounts and the days; English when none is near
	Sample   bool         // prints "SAMPLE, no invoice" across every page
	Stamp    Stamp

	Original Reference // the invoice that a credit note takes back
	Reason   string    // why a credit note was written, in words

	Seller Party
	Buyer  Party

	// Inclusive says that the prices, discounts and amounts of the lines hold the tax.
	Inclusive bool
	Lines     []Line // at most 10,000
	Taxes     []Tax  // one for each tax and rate, at most 12
	Totals    Totals

	Payments   []Payment // what was paid so far, at most 10
	NextCharge NextCharge

	Notes   []string // legal words, for example "Reverse charge"; at most 40
	Text    string   // the merchant's own words; lines separated by \n, at most 40
	Fields  []Field  // the merchant's own facts, for example {"Order", "4711"}; at most 10
	Terms   string   // payment terms
	Bank    []Field  // bank data, for example {"IBAN", "DE…"}; at most 10
	Contact string   // where questions go: address, e-mail, telephone
}

// Reference names another paper.
type Reference struct {
	Number string
	Issued time.Time // printed as a day in the location it carries
}

// Span is a stretch of time. From is the first instant, Until the first instant
// after it: the paper prints the days on which it begins and ends.
type Span struct{ From, Until time.Time }

// Party is a seller or a buyer.
type Party struct {
	Name         string   // legal name, or the person
	Company      string   // printed above Name where both are known
	Address      []string // postal lines, at most 8
	Country      string   // ISO 3166 alpha-2; chooses the paper size, and is printed only as a line of Address
	TaxIDs       []Field  // for example {"VAT ID", "DE…"}; at most 6
	Registration string   // register, number and court where the law asks for them
}

// Field is a name and what stands beside it.
type Field struct{ Name, Value string }

// Line is one thing sold. With a Quantity and a UnitPrice their product less the
// Discount is the Amount.
type Line struct {
	Description string
	Details     []string        // how the amount comes about, one line each, at most 200
	Period      Span            // the time this line pays for
	Quantity    money.Decimal   // zero prints neither quantity nor unit price
	Unit        string          // what is counted, at most 12 characters
	UnitPrice   money.UnitPrice // for one
	Discount    money.Amount    // taken off this line, positive
	TaxRate     money.Rate      // of all its taxes together; printed when the paper has Taxes
	Amount      money.Amount    // after discount; with the tax when the paper is Inclusive
}

// Tax is the sum of one tax at one rate.
type Tax struct {
	Name string // for example "VAT"; may be empty
	Rate money.Rate
	Base money.Amount // what the tax is reckoned on
	Tax  money.Amount
}

// Totals is the foot of the bill.
type Totals struct {
	Net      money.Amount // without tax, before Discount
	Discount money.Amount // taken off the whole bill, positive
	Tax      money.Amount
	Gross    money.Amount // with tax
	Credit   money.Amount // customer's balance used, positive
	Reduced  []Reduction  // credit notes that took off what is owed, at most 20
	Due      money.Amount // still to pay; zero, or all that is left of Gross

	// Of a credit note, where Gross went. The three sum to it.
	Refunded   money.Amount
	RefundedTo string       // for example "Visa •••• 4242"; may be empty
	ToAccount  money.Amount // the customer's credit balance
	TakenOff   money.Amount // what was owed on the original
}

// Reduction is what a credit note took off what is owed.
type Reduction struct {
	By     Reference
	Amount money.Amount // positive
}

// Payment is money received.
type Payment struct {
	Method string    // for example "Visa •••• 4242"
	On     time.Time // printed as a day in the location it carries
	Amount money.Amount
}

// NextCharge tells the buyer what comes next. A zero On drops it.
type NextCharge struct {
	On     time.Time
	Amount money.Amount
}
