package payment

import (
	"context"

	"perennial/internal/id"
	"perennial/internal/money"
)

// Outcome is what is known of a request to a gateway.
type Outcome uint8

// The outcomes. Unknown is the zero value: who forgets to say what happened has
// not said that nothing did.
const (
	Unknown   Outcome = iota // no answer: it may or may not have happened
	Succeeded                // it happened
	Declined                 // it was refused and will not happen under this key
	Absent                   // the gateway has never seen the key (only an answer of Find)
)

// Charge asks for money. Key makes it safe to repeat: a gateway that saw the key
// answers with the first outcome.
type Charge struct {
	Account id.Account
	Key     string
	Token   string // of the payment method, as Save returned it
	Amount  money.Amount
}

// Result is a gateway's answer.
type Result struct {
	Outcome   Outcome
	Reference string // the gateway's own name for what it did
	Code      string // of a decline, in the words of Codes
}

// RefundRequest asks for money to go back. Key makes it safe to repeat.
type RefundRequest struct {
	Account   id.Account
	Key       string
	ChargeKey string // of the charge that is refunded
	Reference string // of that charge, as its Result said
	Amount    money.Amount
}

// Instrument is what a gateway tells of a saved payment method.
type Instrument struct {
	Token    string // to charge it with
	Kind     string // "card"
	Brand    string // "visa", "mastercard" …
	LastFour string
	Expires  int64 // year x 100 + month; 0 when it does not expire
}

// Gateway moves money. Every call may take long and is never made inside a
// transaction. An error means that the request was not understood or not sent and
// nothing can have happened; whatever is uncertain is an Unknown outcome.
type Gateway interface {
	// Save exchanges what the buyer's browser got from the gateway for an instrument
	// that can be charged again. A token that the gateway refuses is fault.Declined.
	Save(ctx context.Context, account id.Account, token string) (Instrument, error)
	// Charge collects money.
	Charge(ctx context.Context, c Charge) (Result, error)
	// Refund sends money of a charge back.
	Refund(ctx context.Context, r RefundRequest) (Result, error)
	// Find is what became of a charge or refund with that key.
	Find(ctx context.Context, account id.Account, key string) (Result, error)
	// Each calls fn with every charge and refund of the account that went through,
	// so that books can be compared.
	Each(ctx context.Context, account id.Account, fn func(Record) error) error
}

// Record is one line of a gateway's own books.
type Record struct {
	Key    string
	Amount money.Amount // what moved to the merchant; of a refund, back
	Refund bool
}
