// Package document makes the papers that leave the house as PDF: the invoice and
// the receipt of a payment. It takes plain structs, prints them and calculates
// nothing: whoever fills an Invoice answers for its sums.
//
// The same Invoice always gives the same bytes, so that a paper can be made
// again instead of being kept. The PDF holds text, hairlines and fonts; it never
// holds an action, a link, a form or a script.
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
	KindInvoice Kind = iota // a demand, or the record of one that is paid
	KindReceipt             // the proof of a payment
)

// Invoice is everything that stands on the paper. Empty texts, zero times and
// amounts of zero drop their line; only Number, Issued, Seller.Name, one line
// and the gross total must be there. All amounts are of one currency.
type Invoice struct {
	Kind     Kind
	Number   string       // with its series, for example "INV-2026-0042"
	Issued   time.Time    // printed as a day in the location it carries
	Due      time.Time    // last day to pay
	Service  Span         // when the supply took place
	Language language.Tag // language of the fixed words, the amounts and the days; English when none is near
	Sample   bool         // prints "SAMPLE, no invoice" across every page

	Seller Party
	Buyer  Party

	Lines  []Line // at most 10,000
	Taxes  []Tax  // one for each rate, at most 12
	Totals Totals

	Payments   []Payment // what was paid so far, at most 10
	NextCharge NextCharge

	Notes   []string // legal words, for example "Reverse charge"; at most 20
	Terms   string   // payment terms
	Bank    []Field  // bank data, for example {"IBAN", "DE…"}; at most 10
	Contact string   // where questions go: address, e-mail, telephone
}

// Span is a stretch of time. From is the first instant, Until the first instant
// after it: the paper prints the days on which it begins and ends.
type Span struct{ From, Until time.Time }

// Party is a seller or a buyer.
type Party struct {
	Name         string   // legal name, or the person
	Company      string   // printed above Name where both are known
	Address      []string // postal lines, at most 8
	Country      string   // ISO 3166 alpha-2; chooses the paper size, is not printed
	TaxIDs       []Field  // for example {"VAT ID", "DE…"}; at most 6
	Registration string   // register, number and court where the law asks for them
}

// Field is a name and what stands beside it.
type Field struct{ Name, Value string }

// Line is one thing sold.
type Line struct {
	Description string
	Detail      string          // how the amount comes about, for example a proration in words
	Period      Span            // the time this line pays for
	Quantity    money.Decimal   // zero prints neither quantity nor unit price
	UnitPrice   money.UnitPrice // for one, without tax
	Discount    money.Amount    // taken off this line, positive
	TaxRate     money.Rate      // printed when the paper has Taxes
	Net         money.Amount    // after discount, without tax
}

// Tax is the sum of one rate.
type Tax struct {
	Name string // for example "VAT"; may be empty
	Rate money.Rate
	Base money.Amount // what the tax is reckoned on
	Tax  money.Amount
}

// Totals is the foot of the bill.
type Totals struct {
	Net      money.Amount // sum of the lines before Discount, without tax
	Discount money.Amount // taken off the whole bill, positive
	Tax      money.Amount
	Gross    money.Amount // with tax
	Credit   money.Amount // customer's balance used, positive
	Due      money.Amount // still to pay
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
