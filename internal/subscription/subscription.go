package subscription

import (
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// State is where a subscription is in its life.
type State string

// The states of a subscription.
const (
	Trialing State = "trialing"
	Active   State = "active"
	PastDue  State = "past_due"
	Canceled State = "canceled"
)

// Known reports whether s is a state.
func (s State) Known() bool { return s == Trialing || s == Active || s == PastDue || s == Canceled }

// EndReason is why a subscription ended.
type EndReason string

// The reasons for an end.
const (
	NotEnded      EndReason = ""
	ByRequest     EndReason = "requested"      // somebody canceled it
	PaymentFailed EndReason = "payment_failed" // the last retry was declined
	Imported      EndReason = "imported"       // it had ended elsewhere
)

// Subscription is what a customer is subscribed to.
type Subscription struct {
	ID       id.Subscription
	Account  id.Account
	Customer id.Customer
	Product  id.Product
	Price    id.Price  // at which it was sold; the terms below are a copy
	Method   id.Method // charged at renewal; 0 when there is none

	State      State
	UnitAmount money.Amount // for one piece and one period, without tax
	Quantity   int64
	Interval   period.Interval
	Zone       string // in which its days are counted

	AnchorAt time.Time   // boundary 0: the start of period 0
	Period   int         // -1 during the trial, then 0, 1, 2 …
	Span     period.Span // of Period
	TrialTo  time.Time   // zero when there was no trial

	CancelAt  time.Time // a scheduled end; zero when none
	EndedAt   time.Time
	EndReason EndReason

	Invoice      id.Invoice // unpaid, for Period; 0 when nothing is owed
	Failures     int        // declined attempts for Invoice
	NextActionAt time.Time  // when something falls due; zero when nothing ever will
	LeaseUntil   time.Time  // until when somebody acts on it, in the machine's time

	CreatedAt time.Time
	Version   int64
}

// RetryDelays is when a declined renewal is tried again, each counted from the
// attempt before. After the last the subscription ends.
var RetryDelays = []time.Duration{24 * time.Hour, 3 * 24 * time.Hour, 5 * 24 * time.Hour}

func (s *Subscription) anchor() period.Anchor {
	zone, err := period.LoadZone(s.Zone)
	if err != nil {
		zone = time.UTC // the account's zone was checked when it was written
	}
	return period.Anchor{Start: s.AnchorAt, Zone: zone}
}

// Terms is what a new subscription is sold as.
type Terms struct {
	Product    id.Product
	Price      id.Price
	UnitAmount money.Amount
	Quantity   int64
	Interval   period.Interval
	TrialDays  int
	Zone       string
}

// Start is a new subscription beginning at now: with a trial when the terms have
// one, else in its period 0, which is taken to be paid.
func Start(sub id.Subscription, account id.Account, customer id.Customer, method id.Method, t Terms, now time.Time) Subscription {
	s := Subscription{ID: sub, Account: account, Customer: customer, Product: t.Product, Price: t.Price, Method: method,
		State: Active, UnitAmount: t.UnitAmount, Quantity: t.Quantity, Interval: t.Interval, Zone: t.Zone, AnchorAt: now, CreatedAt: now}
	if t.TrialDays > 0 {
		s.TrialTo = s.anchor().Boundary(period.Interval{Unit: period.Day, Count: t.TrialDays}, 1)
		s.State, s.Period, s.AnchorAt = Trialing, -1, s.TrialTo
		s.Span = period.Span{From: now, To: s.TrialTo}
	} else {
		s.Span = s.anchor().Period(s.Interval, 0)
	}
	s.NextActionAt = s.Span.To
	return s
}

// Bring is a subscription that began elsewhere at an instant before now: the period
// that holds now counts as paid there.
func Bring(sub id.Subscription, account id.Account, customer id.Customer, method id.Method, t Terms, started, now time.Time) Subscription {
	s := Subscription{ID: sub, Account: account, Customer: customer, Product: t.Product, Price: t.Price, Method: method,
		State: Active, UnitAmount: t.UnitAmount, Quantity: t.Quantity, Interval: t.Interval, Zone: t.Zone, AnchorAt: started, CreatedAt: now}
	s.Span, s.Period = s.anchor().PeriodAt(t.Interval, now)
	s.NextActionAt = s.Span.To
	return s
}

// End closes an imported subscription that had ended elsewhere.
func (s *Subscription) End(at time.Time, why EndReason) {
	s.State, s.EndedAt, s.EndReason = Canceled, at, why
	s.NextActionAt, s.CancelAt, s.LeaseUntil = time.Time{}, time.Time{}, time.Time{}
}

// Amount is what each period costs, without tax.
func (s *Subscription) Amount() (money.Amount, error) { return s.UnitAmount.Times(s.Quantity) }

// Step is what is due on a subscription.
type Step uint8

// The steps.
const (
	Wait   Step = iota // nothing is due
	Finish             // the scheduled end has come; it wins over a renewal at the same instant
	Bill               // the next period begins: issue its invoice
	Retry              // collect the unpaid invoice again
	Resume             // somebody died between issuing the invoice and settling it
)

// Due tells what is to be done at now. Pending says whether the unpaid invoice has
// a payment whose outcome was never settled.
func (s *Subscription) Due(now time.Time, pending bool) Step {
	switch {
	case s.NextActionAt.IsZero() || s.NextActionAt.After(now):
		return Wait
	case pending:
		return Resume
	case !s.CancelAt.IsZero() && !s.CancelAt.After(now):
		return Finish
	case s.Invoice != 0:
		return Retry
	default:
		return Bill
	}
}

// Advance enters the next period. The caller issues its invoice, or calls Settled
// when there is nothing to pay.
func (s *Subscription) Advance() {
	s.Period++
	s.Span = s.anchor().Period(s.Interval, s.Period)
}

// Settled notes that the present period is paid, whoever paid it and when.
func (s *Subscription) Settled() {
	s.Invoice, s.Failures, s.LeaseUntil = 0, 0, time.Time{}
	if s.State == Canceled {
		return
	}
	s.State = Active
	s.NextActionAt = s.Span.To
	if !s.CancelAt.IsZero() && s.CancelAt.Before(s.NextActionAt) {
		s.NextActionAt = s.CancelAt
	}
}

// Refused notes that collecting invoice was declined at now. It reports whether that
// was the last try, and the subscription has ended. Hopeless declines (a lost
// card) are tried again all the same: only with new details, so the delays give
// the customer time to bring them.
func (s *Subscription) Refused(invoice id.Invoice, now time.Time) (ended bool) {
	s.Invoice, s.LeaseUntil = invoice, time.Time{}
	if s.State == Canceled {
		return false
	}
	s.Failures++
	if s.Failures > len(RetryDelays) {
		s.End(now, PaymentFailed)
		return true
	}
	s.State = PastDue
	s.NextActionAt = now.Add(RetryDelays[s.Failures-1])
	if !s.CancelAt.IsZero() && s.CancelAt.Before(s.NextActionAt) {
		s.NextActionAt = s.CancelAt // a scheduled end does not wait for the next try
	}
	return false
}

// Waiting notes that the outcome of collecting invoice is not known: nothing is
// done until the gateway has been asked, which the payment itself schedules.
func (s *Subscription) Waiting(invoice id.Invoice) {
	s.Invoice, s.LeaseUntil, s.NextActionAt = invoice, time.Time{}, time.Time{}
}

// Waived notes that the unpaid invoice was voided: nothing is owed for the period.
func (s *Subscription) Waived() { s.Settled() }

// When says when a cancellation takes effect.
type When string

// The moments of a cancellation.
const (
	Now         When = "now"
	AtPeriodEnd When = "period_end"
)

// Cancel ends the subscription at once or schedules its end. An ended subscription
// and one whose payment is not settled are refused.
func (s *Subscription) Cancel(when When, now time.Time) error {
	if s.State == Canceled {
		return fault.New(fault.Conflict, "the subscription has ended already").WithCode("subscription_ended")
	}
	switch when {
	case Now:
		s.End(now, ByRequest)
	case AtPeriodEnd:
		s.CancelAt = s.Span.To
		if s.NextActionAt.After(s.CancelAt) {
			s.NextActionAt = s.CancelAt
		}
	default:
		return fault.BadField("when", "must be now or period_end")
	}
	return nil
}

// UndoCancel takes a scheduled end back.
func (s *Subscription) UndoCancel() error {
	if s.State == Canceled || s.CancelAt.IsZero() {
		return fault.New(fault.Conflict, "the subscription has no scheduled end").WithCode("not_scheduled_to_end")
	}
	s.CancelAt = time.Time{}
	return nil
}
