package payment

import (
	"context"
	"time"

	"perennial/internal/id"
	"perennial/internal/money"
)

// Outcome is what is known of a request to a gateway.
type Outcome uint8

// The outcomes. Unknown is the zero value: who forgets to say what happened has
// not said that nothing did.
const (
	Unknown    Outcome = iota // no answer: it may or may not have happened
	Succeeded                 // it happened
	Declined                  // it was refused and will not happen under this key
	Absent                    // the gateway has never seen the key (only an answer of Find)
	Processing                // accepted; a bank settles it in days. It may still be declined
	Confirm                   // the customer must confirm it first; Result.Step says how
)

// KeyLife is how long a gateway is trusted to remember the key of a request. One
// that it does not know after that is never sent again: it could be taken for a new
// one.
const KeyLife = 20 * time.Hour

// Step is what the customer's browser has to do before a method is saved or a charge
// goes through. It is good for this one step and is neither stored nor logged.
type Step struct {
	Kind   string // of the gateway whose script does it: "stripe", "sandbox"
	Secret string // for that script
	Token  string // to call Save with afterwards; "" for a charge, which is asked for under its key
}

// Consent is how a customer agreed that a method is kept and charged, for the
// mandates of bank debits.
type Consent struct {
	IP        string
	UserAgent string
	At        time.Time // zero: there was none
}

// SaveRequest asks to keep a payment method.
type SaveRequest struct {
	Account id.Account
	// Token is what the buyer's browser got from the gateway, or the Token of a Step
	// that is done.
	Token string
	// Sibling is the token of a method that the customer has at this gateway account
	// already, so that the gateway knows both as one customer's; "" for none.
	Sibling     string
	Email, Name string
	// ChargeFollows says that a charge with the customer present follows at once:
	// confirming may be left to it.
	ChargeFollows bool
	Consent       Consent
}

// Saved is a method that was kept. While Step is set it is not: the customer has to do
// the step first, and Save is called again with its Token.
type Saved struct {
	Instrument
	Step *Step
}

// Charge asks for money. Key makes it safe to repeat: a gateway that saw the key
// answers with what became of it.
type Charge struct {
	Account  id.Account
	Key      string
	Token    string // of the payment method, as Save returned it
	Amount   money.Amount
	Customer id.Customer // told to the gateway with the invoice, for people who read there
	Invoice  id.Invoice
	Present  bool // the customer is in the browser and can confirm; false: Confirm is no answer
	Consent  Consent
	Asked    time.Time // when it was first asked for
	Now      time.Time // on the account's clock; only the sandbox lives in it
}

// Result is a gateway's answer.
type Result struct {
	Outcome   Outcome
	Reference string // the gateway's own name for what it did
	Code      string // of a decline, in the words of Codes
	Step      *Step  // of Confirm
	// Amount is what the gateway says that it moved; zero when it does not say. One
	// that differs from what was asked for is booked by nobody.
	Amount money.Amount
	// News is when the gateway expects to have news of it; zero when it cannot tell.
	News time.Time
}

// RefundRequest asks for money to go back. Key makes it safe to repeat.
type RefundRequest struct {
	Account   id.Account
	Key       string
	ChargeKey string // of the charge that is refunded
	Reference string // of that charge, as its Result said
	Amount    money.Amount
	Asked     time.Time // when it was first asked for
}

// Inquiry asks what became of a charge or a refund.
type Inquiry struct {
	Account   id.Account
	Key       string
	Refund    bool
	Reference string    // as a Result said; "" when the gateway never answered
	Asked     time.Time // when it was first asked for
	Now       time.Time // on the account's clock; only the sandbox lives in it
}

// Instrument is what a gateway tells of a saved payment method.
type Instrument struct {
	Token       string // to charge it with
	Kind        string // "card", "sepa_debit", "us_bank_account" …
	Brand       string // "visa", "mastercard" …; of a bank debit the bank's name
	LastFour    string
	Expires     int64  // year x 100 + month; 0 when it does not expire
	Fingerprint string // the same card has the same text at one gateway; "" when it does not tell
	Country     string // that issued it, ISO 3166 alpha-2; "" when the gateway does not tell
}

// Gateway moves money. Every call may take long and is never made inside a
// transaction. An error means that the request was not understood or not sent and
// nothing can have happened; whatever is uncertain is an Unknown outcome.
type Gateway interface {
	// Save exchanges what the buyer's browser got from the gateway for an instrument
	// that can be charged again. A token that the gateway refuses is fault.Declined.
	Save(ctx context.Context, r SaveRequest) (Saved, error)
	// Charge collects money.
	Charge(ctx context.Context, c Charge) (Result, error)
	// Refund sends money of a charge back.
	Refund(ctx context.Context, r RefundRequest) (Result, error)
	// Find is what became of a charge or refund. It must find what was sent long after
	// the gateway forgot the key as one: by a search for what was noted with it.
	Find(ctx context.Context, q Inquiry) (Result, error)
	// Abandon gives up a charge that waits for the customer. It is Declined when it is
	// given up, else what became of it.
	Abandon(ctx context.Context, q Inquiry) (Result, error)
	// Each calls fn with every charge and refund of the account that went through since
	// an instant of the machine's clock, zero for all, so that books can be compared.
	Each(ctx context.Context, account id.Account, since time.Time, fn func(Record) error) error
}

// Record is one line of a gateway's own books.
type Record struct {
	Key       string // "" when the gateway knows a charge that nobody here asked for
	Reference string
	Amount    money.Amount // what moved to the merchant; of a refund, back
	Refund    bool
	At        time.Time // on the machine's clock
}

// Receiver is a Gateway that tells of what happens there.
type Receiver interface {
	Gateway
	// Read is the notice that a request brings. It verifies the signature on the raw
	// bytes, and that it is at most 300 s old; one that is not from the gateway is
	// fault.Invalid.
	Read(header func(string) string, body []byte, now time.Time) (Notice, error)
	// Notices are the notices after the one named, oldest first, "" for those that are
	// still kept, and the last of them, to go on from; for those that never came. Now
	// is on the account's clock.
	Notices(ctx context.Context, account id.Account, after string, now time.Time) (list []Notice, last string, err error)
	// Dispute is a dispute as it stands now, or fault.NotFound.
	Dispute(ctx context.Context, account id.Account, reference string) (Disputed, error)
	// Instrument is a saved method as it is now; one that is gone is fault.NotFound.
	Instrument(ctx context.Context, account id.Account, token string) (Instrument, error)
}

// NoticeKind is what a notice is about.
type NoticeKind string

// The kinds of notice. Reference names the charge, the refund, the dispute or the
// method's token; a notice of any other kind needs nothing to be done.
const (
	ChargeNotice  NoticeKind = "charge"
	RefundNotice  NoticeKind = "refund"
	DisputeNotice NoticeKind = "dispute"
	MethodNotice  NoticeKind = "method"
	OtherNotice   NoticeKind = "other"
)

// Notice is word from a gateway. It is a hint only: whoever acts on it asks the
// gateway what is true now, so that order, repeats and age do not matter.
type Notice struct {
	ID        string // the gateway's own, the same each time it is sent
	Kind      NoticeKind
	Type      string // the gateway's own word for what happened
	At        time.Time
	Key       string // of the charge or refund; "" when the notice does not say
	Reference string
	Body      string // as it came
}

// DisputeState is how far a dispute is.
type DisputeState string

// The states of a dispute. While it is a warning no money has moved.
const (
	Warning       DisputeState = "warning"        // the bank asks; nothing was taken yet
	WarningClosed DisputeState = "warning_closed" // and went no further
	NeedsResponse DisputeState = "needs_response" // the money was taken; evidence is awaited
	UnderReview   DisputeState = "under_review"   // the evidence was sent
	Won           DisputeState = "won"            // the money came back
	Lost          DisputeState = "lost"           // it stays with the customer
)

// Withdrawn reports whether the money is with the customer's bank.
func (s DisputeState) Withdrawn() bool { return s == NeedsResponse || s == UnderReview || s == Lost }

// Ended reports whether the dispute is over.
func (s DisputeState) Ended() bool { return s == WarningClosed || s == Won || s == Lost }

// Disputed is a dispute as a gateway tells it.
type Disputed struct {
	Reference       string // the gateway's own name for it
	ChargeKey       string // of the charge; "" when it was not asked for here
	ChargeReference string
	Amount          money.Amount
	Reason          string // the gateway's own word, such as "product_not_received"
	State           DisputeState
	EvidenceBy      time.Time // zero: none is awaited
	OpenedAt        time.Time
	ClosedAt        time.Time // zero while it is open
	News            time.Time // when the gateway expects to have news of it; zero when it cannot tell
}
