package credit

import (
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Reason says why a balance changed.
type Reason string

// The reasons. Goodwill and Reversal go both ways; the others have one sign.
const (
	Change   Reason = "change"   // what was paid for and not used when terms changed; above zero
	Goodwill Reason = "goodwill" // the merchant gave it, or took back what was given by mistake
	Refund   Reason = "refund"   // a credit note that was kept as credit instead of paid out; above zero
	Invoice  Reason = "invoice"  // an invoice used it; below zero
	Reversal Reason = "reversal" // an invoice that used it was taken back, or a change was undone
	Expired  Reason = "expired"  // its time was over; below zero
)

// sign is +1 or -1 for a reason that gives or takes only, 0 for one that does both.
func (r Reason) sign() (sign int, known bool) {
	switch r {
	case Change, Refund:
		return 1, true
	case Invoice, Expired:
		return -1, true
	case Goodwill, Reversal:
		return 0, true
	}
	return 0, false
}

// MaxNote is the most bytes that the note of an entry may have.
const MaxNote = 500

// Entry is one change of one customer's balance in one currency.
type Entry struct {
	ID           id.Entry // made by Add and Take
	Account      id.Account
	Customer     id.Customer
	Amount       money.Amount // above zero gives credit, below zero takes it; never zero
	BalanceAfter money.Amount // set by Add and Take: the balance that the entry left, zero or more
	Reason       Reason
	Invoice      id.Invoice    // that used the credit or gave it back; zero for none
	CreditNote   id.CreditNote // that was kept as credit; zero for none
	Note         string        // for people, at most MaxNote bytes
	At           time.Time
}

// Check refuses, with fault.Invalid, an entry that cannot be.
func (e Entry) Check() error {
	var f fault.Fields
	f.Check(e.Account != 0, "account", "must be given")
	f.Check(e.Customer != 0, "customer", "must be given")
	f.Check(e.Amount.Currency.Known(), "currency", "must be a currency of ISO 4217, for example USD")
	f.Check(!e.Amount.IsZero(), "amount", "must not be zero")
	sign, known := e.Reason.sign()
	f.Check(known, "reason", "must be change, goodwill, refund, invoice, reversal or expired")
	f.Check(sign == 0 || sign == e.Amount.Sign(), "amount", "has the wrong sign for the reason %s", e.Reason)
	f.Check(len(e.Note) <= MaxNote, "note", "must be at most %d bytes", MaxNote)
	f.Check(!e.At.IsZero(), "at", "must be given")
	return f.Err()
}

// Split parts what is to be paid into what the balance covers and what is left to
// charge. Of a total below zero, and without a balance, nothing is covered.
func Split(total money.Amount, balance int64) (covered, charge money.Amount) {
	covered = money.Zero(total.Currency)
	covered.Minor = max(0, min(total.Minor, balance))
	charge = money.Amount{Minor: total.Minor - covered.Minor, Currency: total.Currency}
	return covered, charge
}
