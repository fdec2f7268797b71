package recovery

import (
	"time"

	"perennial/internal/id"
	"perennial/internal/money"
)

// State is what has become of a case.
type State string

// The states of a case.
const (
	Open      State = "open"      // the schedule goes on
	Unpaid    State = "unpaid"    // the schedule is over; the invoice can still be paid
	Recovered State = "recovered" // it was paid
	Lost      State = "lost"      // the subscription ended because of it
	Waived    State = "waived"    // the merchant voided the invoice or gave it up
	Canceled  State = "canceled"  // the subscription was ended for another reason
)

// Known reports whether s is a state.
func (s State) Known() bool {
	switch s {
	case Open, Unpaid, Recovered, Lost, Waived, Canceled:
		return true
	}
	return false
}

// NextStep is what happens next in a case.
type NextStep string

// What can happen next.
const (
	NoStep     NextStep = ""           // nothing until somebody pays
	WillCharge NextStep = "charge"     // the method is charged
	WillWait   NextStep = "wait"       // the step passes without a charge, which could not help
	WillEnd    NextStep = "end"        // the scheduled end of the subscription comes before
	AskedBank  NextStep = "ask"        // the outcome of a charge is not known; the gateway is asked
	NewTry     NextStep = "new_method" // another method was given: it is charged at once
)

// By is who or what brought the money.
type By string

// What can bring the money.
const (
	Nobody      By = ""
	ByAttempt   By = "attempt"    // a try of the schedule
	ByNewMethod By = "new_method" // another payment method
	ByLink      By = "link"       // the customer, through a secure link
	ByHand      By = "hand"       // somebody of the merchant, or a credit note
)

// Case is one unpaid renewal on its way to be recovered or lost.
type Case struct {
	ID           id.RecoveryCase
	Account      id.Account
	Invoice      id.Invoice
	Subscription id.Subscription
	Customer     id.Customer
	Product      id.Product
	Campaign     id.Campaign
	Policy       id.RecoveryPolicy // 0 for Standard
	State        State
	Amount       money.Amount // what was asked for at the last failure
	FirstCode    string       // of the decline that opened it
	Code         string       // of the last decline
	Class        Class        // of the last decline
	Method       id.Method    // that was declined last; 0 when there was none
	Attempts     int          // charges that were declined
	Step         int          // failures that counted; the first makes it 1
	Steps        int          // failures after which the final action comes: the policy's steps, and 1
	NextAt       time.Time    // zero when nothing happens by itself
	NextStep     NextStep
	Why          string // in words: why then, or why not
	Access       Access
	OpenedAt     time.Time
	ClosedAt     time.Time // zero while it is open or unpaid
	RecoveredBy  By
	Version      int64
}

// Running reports whether the money can still come.
func (c Case) Running() bool { return c.State == Open || c.State == Unpaid }

// Close ends the case at an instant. One that is closed already stays as it is, but for
// money that comes after all.
func (c *Case) Close(to State, by By, at time.Time) {
	if !c.Running() && to != Recovered {
		return
	}
	c.State, c.RecoveredBy, c.ClosedAt, c.NextAt, c.NextStep = to, by, at, time.Time{}, NoStep
}

// Follow notes what was decided after a failure.
func (c *Case) Follow(d Decision) {
	c.NextAt, c.Why = d.Next, d.Why
	switch {
	case d.Final != "":
		c.NextStep = NoStep
	case d.Charge:
		c.NextStep = WillCharge
	default:
		c.NextStep = WillWait
	}
}
