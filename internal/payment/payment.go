package payment

import (
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// MethodState says whether a payment method may be charged.
type MethodState string

// The states of a payment method.
const (
	Usable   MethodState = "usable"
	Detached MethodState = "detached"
)

// Method is a customer's way to pay: a gateway's token, never a number.
type Method struct {
	ID       id.Method
	Account  id.Account
	Customer id.Customer
	Gateway  string
	Instrument
	State     MethodState
	NoticeAt  time.Time // when the customer is told next that it expires; zero for never
	CreatedAt time.Time
	Version   int64
}

// expiryNotices is how many days before the end of its last month the customer is told
// that a method expires.
var expiryNotices = []int{30, 15, 7}

// Expiry is one time at which the customer is told that a method expires.
type Expiry struct {
	At       time.Time
	Days     int       // before the end of its last month
	End      time.Time // of that month, on the merchant's calendar
	Occasion int64     // of all for the method, which one
}

// NextExpiry is the next time after an instant at which the customer is told that the
// method expires; its zero value when none is left. The month is that of the zone.
func (m Method) NextExpiry(after time.Time, zone *time.Location) Expiry {
	year, month := int(m.Expires/100), time.Month(m.Expires%100)
	if m.State != Usable || year < 1970 || year > 2199 || month < time.January || month > time.December {
		return Expiry{}
	}
	for _, days := range expiryNotices {
		e := Expiry{Days: days, End: time.Date(year, month+1, 1, 0, 0, 0, 0, zone).UTC(), Occasion: m.Expires*100 + int64(days),
			At: time.Date(year, month+1, 1-days, 0, 0, 0, 0, zone).UTC()}
		if e.At.After(after) {
			return e
		}
	}
	return Expiry{}
}

// Label is what a person recognises the method by.
func (m Method) Label() string {
	if m.LastFour == "" {
		return m.Kind
	}
	brand := m.Brand
	if brand == "" {
		brand = m.Kind
	}
	return brand + " ending " + m.LastFour
}

// State is how far a payment or refund is.
type State string

// The states of a payment. A refund has Failed instead of DeclinedState.
const (
	Pending       State = "pending"
	Paid          State = "succeeded"
	DeclinedState State = "declined"
	Failed        State = "failed"
)

// Payment is one attempt to collect one invoice.
type Payment struct {
	ID          id.Payment
	Account     id.Account
	Invoice     id.Invoice
	Customer    id.Customer
	Method      id.Method
	Gateway     string
	Attempt     int  // 1 for the invoice's first
	ByHand      bool // somebody asked for it: a decline is no try of the schedule
	State       State
	Amount      money.Amount
	Refunded    int64 // minor units sent back or promised back, 0 to Amount
	Reference   string
	DeclineCode string
	Class       Class
	AskAt       time.Time // when to ask the gateway what became of it; zero when nobody needs to
	CreatedAt   time.Time
	SettledAt   time.Time
	Version     int64
}

// Key is the idempotency key under which the gateway knows the payment.
func (p Payment) Key() string { return p.ID.String() }

// Settle writes a gateway's outcome into a pending payment. An unknown outcome
// leaves it pending and sets when to ask.
func (p *Payment) Settle(r Result, now time.Time) {
	switch r.Outcome {
	case Succeeded:
		p.State, p.Reference, p.SettledAt, p.AskAt = Paid, r.Reference, now, time.Time{}
	case Declined:
		p.State, p.DeclineCode, p.Class, p.SettledAt, p.AskAt = DeclinedState, r.Code, ClassOf(r.Code), now, time.Time{}
	default:
		p.AskAt = NextAsk(p.CreatedAt, now)
	}
}

// asks is when a gateway is asked about an unknown outcome, counted from the
// payment's creation: all inside the day for which gateways keep their keys.
var asks = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 20 * time.Hour}

// NextAsk is the next instant at which to ask about something begun at created:
// after 1, 5 and 30 minutes, 2, 6, 12 and 20 hours, then daily.
func NextAsk(created, now time.Time) time.Time {
	for _, d := range asks {
		if at := created.Add(d); at.After(now) {
			return at
		}
	}
	days := now.Sub(created)/(24*time.Hour) + 1
	return created.Add(days * 24 * time.Hour)
}

// Refund is money of a payment on its way back.
type Refund struct {
	ID        id.Refund
	Account   id.Account
	Payment   id.Payment
	Invoice   id.Invoice
	Amount    money.Amount
	State     State // Pending, Paid or Failed
	Reason    string
	Reference string
	Failure   string // why the gateway refused
	AskAt     time.Time
	CreatedAt time.Time
	SettledAt time.Time
	Version   int64
}

// Key is the idempotency key under which the gateway knows the refund.
func (r Refund) Key() string { return r.ID.String() }

// Settle writes a gateway's outcome into a pending refund.
func (r *Refund) Settle(res Result, now time.Time) {
	switch res.Outcome {
	case Succeeded:
		r.State, r.Reference, r.SettledAt, r.AskAt = Paid, res.Reference, now, time.Time{}
	case Declined:
		r.State, r.Failure, r.SettledAt, r.AskAt = Failed, res.Code, now, time.Time{}
	default:
		r.AskAt = NextAsk(r.CreatedAt, now)
	}
}

// CheckRefund refuses a refund of amount minor units that the payment cannot give.
func (p Payment) CheckRefund(amount int64) error {
	switch {
	case p.State != Paid:
		return fault.New(fault.Conflict, "only a payment that went through can be refunded").WithCode("payment_not_succeeded")
	case amount <= 0:
		return fault.BadField("amount", "must be above 0 minor units")
	case amount > p.Amount.Minor-p.Refunded:
		return fault.BadField("amount", "must be at most the %d minor units that were paid and not refunded yet", p.Amount.Minor-p.Refunded)
	}
	return nil
}
