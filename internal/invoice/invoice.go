package invoice

import (
	"fmt"
	"time"

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
)

// Known reports whether s is a state.
func (s State) Known() bool { return s == Draft || s == Open || s == Paid || s == Void }

// Reason is why an invoice exists.
type Reason string

// The reasons.
const (
	Sale    Reason = "sale"    // something was bought
	Renewal Reason = "renewal" // a period of a subscription began
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
	Span         period.Span // the period that it covers; empty for a one-time sale
	Net          money.Amount
	Tax          money.Amount
	Total        money.Amount
	Refunded     int64 // minor units of Total that went back
	Seller       int64 // the account's profile, for printing
	Buyer        int64 // the customer's version, for printing
	IssuedAt     time.Time
	PaidAt       time.Time
	VoidedAt     time.Time
	CreatedAt    time.Time
	Version      int64
}

// LineKind says what a line charges for.
type LineKind string

// The kinds of lines.
const (
	ForPeriod  LineKind = "period"    // a period of a subscription
	ForProduct LineKind = "product"   // a one-time price
	ForSetup   LineKind = "setup_fee" // the setup fee of a price
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
	Amount      money.Amount // UnitAmount x Quantity, without tax
	Rate        money.Rate   // of the tax on this line
	Tax         money.Amount // rounded half up for this line
	Span        period.Span  // empty when the line covers no period
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
	return Line{Kind: kind, Description: description, Price: price, Quantity: quantity, UnitAmount: unit, Amount: amount, Rate: rate, Tax: tax, Span: span}, nil
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

// Cancel takes a draft or an open invoice back. A paid one is refused: it is
// refunded instead.
func (v *Invoice) Cancel(now time.Time) error {
	switch v.State {
	case Draft, Open:
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

// Split divides a refund of amount minor units into its share of net and tax, in
// the proportion of the invoice. before is what had been refunded already, so that
// refunds in parts sum to the same as one refund of the whole.
func (v Invoice) Split(before, amount int64) (net, tax money.Amount, err error) {
	upTo := func(minor int64) (int64, error) {
		if v.Total.Minor == 0 {
			return 0, nil
		}
		part, err := v.Tax.MulRatio(minor, v.Total.Minor, money.HalfUp)
		return part.Minor, err
	}
	from, err := upTo(before)
	if err != nil {
		return net, tax, err
	}
	to, err := upTo(before + amount)
	if err != nil {
		return net, tax, err
	}
	tax = money.Amount{Minor: to - from, Currency: v.Total.Currency}
	net = money.Amount{Minor: amount - tax.Minor, Currency: v.Total.Currency}
	return net, tax, nil
}
