package payment

import (
	"time"
	"unicode"
	"unicode/utf8"

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

// Sign is what a person recognises the method by, in no language: "Visa •••• 4242".
func (m Method) Sign() string {
	if m.LastFour == "" {
		return m.Label()
	}
	brand := m.Brand
	if brand == "" {
		brand = m.Kind
	}
	first, size := utf8.DecodeRuneInString(brand)
	return string(unicode.ToUpper(first)) + brand[size:] + " •••• " + m.LastFour
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

// Awaited says whom a pending payment waits for.
type Awaited string

// Whom a pending payment or refund waits for.
const (
	ForAnswer   Awaited = ""           // of the gateway: the outcome is not known
	ForBank     Awaited = "processing" // it was accepted, and a bank settles it in days
	ForCustomer Awaited = "customer"   // to confirm it in the browser
	ForPerson   Awaited = "person"     // of the merchant's team: it cannot be settled without
)

// Why a payment needs a person, as Trouble.
const (
	Unanswered    = "unanswered"     // the gateway could not say for a week what became of it
	AmountDiffers = "amount_differs" // the gateway says that it moved something else
	Overdue       = "overdue"        // a bank has not settled it for a month
)

// How long it is waited for without a person.
const (
	AskFor        = 7 * 24 * time.Hour  // for the gateway to say what became of it
	ProcessingFor = 30 * 24 * time.Hour // for a bank to settle it
	ConfirmFor    = time.Hour           // for the customer to confirm it
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
	Waits       Awaited // while it is pending
	Trouble     string  // why it waits ForPerson
	Version     int64
}

// Key is the idempotency key under which the gateway knows the payment.
func (p Payment) Key() string { return p.ID.String() }

// Agrees reports whether what a gateway says that it moved is what was asked for.
func (p Payment) Agrees(r Result) bool { return r.Amount == (money.Amount{}) || r.Amount == p.Amount }

// Settle writes a gateway's outcome into a pending payment. Whatever is not final
// leaves it pending and sets when to ask. An amount that differs from what was asked
// for leaves it to a person.
func (p *Payment) Settle(r Result, now time.Time) {
	if r.Reference != "" {
		p.Reference = r.Reference
	}
	switch {
	case (r.Outcome == Succeeded || r.Outcome == Processing) && !p.Agrees(r):
		p.Waits, p.Trouble, p.AskAt = ForPerson, AmountDiffers, time.Time{}
	case r.Outcome == Succeeded:
		p.State, p.SettledAt, p.AskAt, p.Waits, p.Trouble = Paid, now, time.Time{}, ForAnswer, ""
	case r.Outcome == Declined:
		p.State, p.DeclineCode, p.Class, p.SettledAt, p.AskAt, p.Waits, p.Trouble = DeclinedState, r.Code, ClassOf(r.Code), now, time.Time{}, ForAnswer, ""
	case r.Outcome == Processing:
		p.Waits, p.Trouble, p.AskAt = ForBank, "", daily(p.CreatedAt, now)
		if r.News.After(now) {
			p.AskAt = r.News
		}
		if now.Sub(p.CreatedAt) >= ProcessingFor {
			p.Waits, p.Trouble = ForPerson, Overdue
		}
	case r.Outcome == Confirm:
		p.Waits, p.Trouble, p.AskAt = ForCustomer, "", p.CreatedAt.Add(ConfirmFor)
		if !p.AskAt.After(now) {
			p.AskAt = NextAsk(p.CreatedAt, now) // it should have been given up
		}
	default:
		p.unknown(now)
	}
}

// unknown keeps what is known of a pending payment, and sets when to ask again.
func (p *Payment) unknown(now time.Time) {
	switch {
	case p.Waits == ForBank:
		p.AskAt = daily(p.CreatedAt, now)
	case p.Waits == ForPerson && (p.Trouble == AmountDiffers || now.Sub(p.CreatedAt) >= ProcessingFor):
		p.AskAt = time.Time{}
	case now.Sub(p.CreatedAt) >= AskFor: // it is asked for all the same: late answers count
		if p.Waits != ForPerson {
			p.Waits, p.Trouble = ForPerson, Unanswered
		}
		p.AskAt = daily(p.CreatedAt, now)
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
	return daily(created, now)
}

// daily is the next of the instants whole days after created.
func daily(created, now time.Time) time.Time {
	days := max(now.Sub(created), 0)/(24*time.Hour) + 1
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
	Failure   string  // why the gateway refused
	Waits     Awaited // while it is pending: ForAnswer, ForBank or ForPerson
	AskedBy   string  // who asked for it, as daily limits count them
	Recorded  bool    // it was given in another way: the gateway of the payment is not asked
	AskAt     time.Time
	CreatedAt time.Time
	SettledAt time.Time
	Version   int64
}

// Key is the idempotency key under which the gateway knows the refund.
func (r Refund) Key() string { return r.ID.String() }

// Settle writes a gateway's outcome into a pending refund. What is not final leaves it
// pending, and after a week without an answer, or with an amount that differs, to a
// person.
func (r *Refund) Settle(res Result, now time.Time) {
	if res.Reference != "" {
		r.Reference = res.Reference
	}
	differs := res.Amount != (money.Amount{}) && res.Amount != r.Amount
	switch {
	case res.Outcome == Succeeded && differs:
		r.Waits, r.AskAt = ForPerson, time.Time{}
	case res.Outcome == Succeeded:
		r.State, r.SettledAt, r.AskAt, r.Waits = Paid, now, time.Time{}, ForAnswer
	case res.Outcome == Declined:
		r.State, r.Failure, r.SettledAt, r.AskAt, r.Waits = Failed, res.Code, now, time.Time{}, ForAnswer
	case res.Outcome == Processing && now.Sub(r.CreatedAt) < ProcessingFor:
		r.Waits, r.AskAt = ForBank, daily(r.CreatedAt, now)
	case r.Waits == ForBank && now.Sub(r.CreatedAt) < ProcessingFor, now.Sub(r.CreatedAt) < AskFor:
		r.AskAt = NextAsk(r.CreatedAt, now)
	case r.Waits == ForPerson && now.Sub(r.CreatedAt) >= ProcessingFor:
		r.AskAt = time.Time{}
	default: // it is asked for all the same: late answers count
		r.Waits, r.AskAt = ForPerson, daily(r.CreatedAt, now)
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
