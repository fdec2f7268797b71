package invoice

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// State is how far an invoice is.
type State string

// The states of an invoice.
const (
	Draft State = "draft"
	Open  State = "open"
	Paid  State = "paid"
	Void  State = "void"
	// Uncollectible is given up: still owed on paper, written off in the books.
	Uncollectible State = "uncollectible"
)

// Known reports whether s is a state.
func (s State) Known() bool {
	return s == Draft || s == Open || s == Paid || s == Void || s == Uncollectible
}

// Reason is why an invoice exists.
type Reason string

// The reasons.
const (
	Sale    Reason = "sale"    // something was bought
	Renewal Reason = "renewal" // a period of a subscription began
	Changed Reason = "change"  // the terms of a subscription changed within a period
	Usage   Reason = "usage"   // usage was billed at the end of a subscription, with what waited then
	Pause   Reason = "pause"   // the fee of a pause
	Items   Reason = "items"   // amounts waited for an invoice when the subscription ended
	ByHand  Reason = "by_hand" // somebody billed amounts of their own, without a sale
)

// Invoice is what a customer owes for a sale or a period.
type Invoice struct {
	ID           id.Invoice
	Account      id.Account
	Customer     id.Customer
	Subscription id.Subscription // 0 for a one-time sale
	Order        id.Order        // 0 for a renewal
	Series       string
	Number       int64 // 0 until issued
	State        State
	Reason       Reason
	Period       int         // of the subscription; 0 for a one-time sale
	Part         int         // counts the invoices of one period and reason from 0
	Span         period.Span // the period that it covers; empty for a one-time sale
	Net          money.Amount
	Tax          money.Amount
	Total        money.Amount
	CreditUsed   int64 // minor units of the customer's credit that paid for it
	Reduced      int64 // minor units that credit notes took off what is owed
	Credited     int64 // minor units of all its credit notes
	Refunded     int64 // minor units of Total that went back
	Seller       int64 // the account's profile, for printing
	Buyer        int64 // the customer's version, for printing
	IssuedAt     time.Time
	PaidAt       time.Time
	VoidedAt     time.Time
	GivenUpAt    time.Time // when it became uncollectible
	CreatedAt    time.Time
	Notes        Notes
	Method       id.Method // of one without a subscription: to charge it with; 0 for the customer's newest usable one
	Version      int64
}

// Due is what is to be paid: the total less what the customer's credit paid and what
// credit notes took off.
func (v Invoice) Due() money.Amount {
	return money.Amount{Minor: v.Total.Minor - v.CreditUsed - v.Reduced, Currency: v.Total.Currency}
}

// Notes is what a document says besides its lines.
type Notes struct {
	Text   string            `json:"text,omitempty"`   // the merchant's own words
	Fields map[string]string `json:"fields,omitempty"` // the merchant's own facts, such as an order number
	Tax    string            `json:"tax,omitempty"`    // the code of a sentence about tax, such as reverse_charge
	// Evidence is what told where the buyer is, for taxes that need it.
	Evidence []string `json:"evidence,omitempty"`
}

// Limits of notes.
const (
	MaxNote   = 1000
	MaxFields = 10
)

// IsZero reports whether there is nothing to say.
func (n Notes) IsZero() bool {
	return n.Text == "" && len(n.Fields) == 0 && n.Tax == "" && len(n.Evidence) == 0
}

// Check refuses notes that are too long or not plain text.
func (n Notes) Check() error {
	var f fault.Fields
	plain := func(s string) bool {
		return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f || r == 0x2028 || r == 0x2029 })
	}
	f.Check(len(n.Text) <= MaxNote && plain(n.Text) && !cardnumber.In(n.Text), "note", "must be plain text of at most %d bytes without a card number", MaxNote)
	f.Check(len(n.Fields) <= MaxFields, "fields", "must be at most %d", MaxFields)
	for name, value := range n.Fields {
		f.Check(name != "" && len(name) <= 40 && plain(name), "fields", "must have names of 1 to 40 bytes of plain text")
		f.Check(len(value) <= 200 && plain(value) && !cardnumber.In(value), "fields."+name, "must be plain text of at most 200 bytes without a card number")
	}
	return f.Err()
}

// LineKind says what a line charges for.
type LineKind string

// The kinds of lines.
const (
	ForPeriod   LineKind = "period"    // a period of a subscription
	ForProduct  LineKind = "product"   // a one-time price
	ForSetup    LineKind = "setup_fee" // the setup fee of a price
	ForTrial    LineKind = "trial"     // a trial that is paid
	ForUsage    LineKind = "usage"     // units of a meter beyond what is included
	ForShipping LineKind = "shipping"
	ForChange   LineKind = "change"  // new terms for the rest of a period
	ForPause    LineKind = "pause"   // the fee of a pause
	ForItem     LineKind = "item"    // an amount that waited for the invoice
	ForCredits  LineKind = "prepaid" // units of a meter, bought ahead
)

// Line is one line of an invoice.
type Line struct {
	Account     id.Account
	Invoice     id.Invoice
	Position    int // from 1
	Kind        LineKind
	Description string
	Price       id.Price
	Quantity    int64
	UnitAmount  money.Amount
	Discount    money.Amount // taken off before tax
	Amount      money.Amount // what it costs without tax, after the discount
	Rate        money.Rate   // of the tax on this line, all taxes together
	TaxName     string       // as printed; "" means the account's
	Tax         money.Amount // rounded half up for this line
	Span        period.Span  // empty when the line covers no period
	Details     Details
}

// Details is how a line was computed, where it was not UnitAmount x Quantity.
type Details struct {
	Inclusive bool     `json:"inclusive,omitempty"` // UnitAmount holds the tax
	Units     string   `json:"units,omitempty"`     // the exact quantity, when it is not whole
	Unit      string   `json:"unit,omitempty"`      // what is counted, for example GB
	Parts     []Part   `json:"parts,omitempty"`     // tiers and blocks
	Share     *Share   `json:"share,omitempty"`     // the part of a period that it covers
	Coupons   []Coupon `json:"coupons,omitempty"`   // what each took off
	Taxes     []Tax    `json:"taxes,omitempty"`     // when there are several
	Meter     string   `json:"meter,omitempty"`
	Included  string   `json:"included,omitempty"` // units of the meter that cost nothing, beside Units
	Limited   bool     `json:"limited,omitempty"`  // of a credit: it is less than Share says, because no more can be given back
}

// Share is a part of a period: Left of Whole units of what the whole period costs.
type Share struct {
	Left  int64  `json:"left"`
	Whole int64  `json:"whole"`
	Unit  string `json:"unit"` // "seconds", "minutes" or "days"
	Of    int64  `json:"of"`   // minor units of the whole
}

// String is, for example, "12/31 days".
func (s Share) String() string { return fmt.Sprintf("%d/%d %s", s.Left, s.Whole, s.Unit) }

// Part is one step of the arithmetic of a line.
type Part struct {
	Quantity string `json:"quantity"`
	Unit     string `json:"unit"`           // price of one, in major units
	Flat     int64  `json:"flat,omitempty"` // minor units
	Amount   int64  `json:"amount"`         // minor units
	// Currency is that of Unit, Flat and Amount; "" means the invoice's.
	Currency money.Currency `json:"currency,omitempty"`
}

// Coupon is what one coupon took off a line.
type Coupon struct {
	Code   string `json:"code"`
	Amount int64  `json:"amount"` // minor units
}

// Tax is one of several taxes on a line.
type Tax struct {
	Name   string     `json:"name"`
	Rate   money.Rate `json:"rate"`
	Amount int64      `json:"amount"` // minor units
}

func (d Details) isZero() bool {
	return !d.Inclusive && d.Units == "" && d.Unit == "" && d.Parts == nil && d.Share == nil && d.Coupons == nil && d.Taxes == nil && d.Meter == "" && d.Included == "" && !d.Limited
}

// NewLine computes a line. Its tax is rounded half up, away from zero.
func NewLine(kind LineKind, description string, price id.Price, quantity int64, unit money.Amount, rate money.Rate, span period.Span) (Line, error) {
	amount, err := unit.Times(quantity)
	if err != nil {
		return Line{}, err
	}
	tax := money.Zero(unit.Currency)
	if !rate.IsZero() {
		tax, err = amount.MulRate(rate, money.HalfUp)
		if err != nil {
			return Line{}, err
		}
	}
	return Line{Kind: kind, Description: description, Price: price, Quantity: quantity, UnitAmount: unit, Discount: money.Zero(unit.Currency), Amount: amount, Rate: rate, Tax: tax, Span: span}, nil
}

// Fill puts lines on the invoice: their places, and the sums.
func (v *Invoice) Fill(lines []Line) error {
	if len(lines) == 0 {
		return fault.New(fault.Internal, "an invoice needs a line")
	}
	v.Net, v.Tax = money.Zero(lines[0].Amount.Currency), money.Zero(lines[0].Amount.Currency)
	var err error
	for i := range lines {
		lines[i].Account, lines[i].Invoice, lines[i].Position = v.Account, v.ID, i+1
		if v.Net, err = v.Net.Add(lines[i].Amount); err != nil {
			return err
		}
		if v.Tax, err = v.Tax.Add(lines[i].Tax); err != nil {
			return err
		}
	}
	v.Total, err = v.Net.Add(v.Tax)
	return err
}

// Issue gives the invoice its number: it is owed from now on.
func (v *Invoice) Issue(series string, number int64, now time.Time) {
	v.Series, v.Number, v.State, v.IssuedAt = series, number, Open, now
}

// Pay notes that the invoice was paid.
func (v *Invoice) Pay(now time.Time) { v.State, v.PaidAt = Paid, now }

// GiveUp marks an open invoice as uncollectible.
func (v *Invoice) GiveUp(now time.Time) error {
	if v.State != Open {
		return fault.New(fault.Conflict, "only an open invoice can be given up").WithCode("invoice_not_open")
	}
	v.State, v.GivenUpAt = Uncollectible, now
	return nil
}

// Cancel takes a draft or an unpaid invoice back. A paid one is refused: it is
// refunded instead.
func (v *Invoice) Cancel(now time.Time) error {
	switch v.State {
	case Draft, Open, Uncollectible:
		v.State, v.VoidedAt = Void, now
		return nil
	case Paid:
		return fault.New(fault.Conflict, "a paid invoice cannot be voided; refund its payment instead").WithCode("invoice_paid")
	default:
		return fault.New(fault.Conflict, "the invoice is void already").WithCode("invoice_void")
	}
}

// Label is the invoice's number as printed, "" while it has none.
func (v Invoice) Label() string {
	if v.Number == 0 {
		return ""
	}
	return fmt.Sprintf("%s-%06d", v.Series, v.Number)
}
