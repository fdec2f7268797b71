// Package manual is the gateway of money that people move themselves: bank transfers,
// cheques, cash. It asks nobody and keeps nothing.
//
// A charge is Processing until a person says in the product what became of it; the
// gateway never knows better. A refund is noted as done: whoever asks for it sends the
// money. There are no books to compare, and no notices.
package manual

import (
	"context"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// Kind is the name of this gateway in gateway accounts.
const Kind = "manual"

// The ways to pay, which are tokens and kinds of methods at once.
const (
	BankTransfer = "bank_transfer"
	Cheque       = "cheque"
	Other        = "other"
)

// Gateway is a payment.Gateway that moves nothing.
type Gateway struct{}

var _ payment.Gateway = Gateway{}

func known(token string) bool { return token == BankTransfer || token == Cheque || token == Other }

// Save takes one of the ways to pay. Anything else is fault.Declined.
func (Gateway) Save(_ context.Context, r payment.SaveRequest) (payment.Saved, error) {
	if !known(r.Token) {
		return payment.Saved{}, fault.New(fault.Declined, "there is no such way to pay by hand").WithCode("unknown_token")
	}
	return payment.Saved{Instrument: payment.Instrument{Token: r.Token, Kind: r.Token}}, nil
}

// Charge waits for the customer to pay: Processing, however often it is asked for.
func (Gateway) Charge(_ context.Context, c payment.Charge) (payment.Result, error) {
	if err := check(c.Key, c.Amount); err != nil {
		return payment.Result{}, err
	}
	if !known(c.Token) {
		return payment.Result{Outcome: payment.Declined, Code: "no_payment_method"}, nil
	}
	return waiting(c.Key), nil
}

func waiting(key string) payment.Result {
	return payment.Result{Outcome: payment.Processing, Reference: "by hand " + key}
}

// Refund is done by whoever asks for it.
func (Gateway) Refund(_ context.Context, r payment.RefundRequest) (payment.Result, error) {
	if err := check(r.Key, r.Amount); err != nil {
		return payment.Result{}, err
	}
	return payment.Result{Outcome: payment.Succeeded, Reference: "by hand " + r.Key}, nil
}

// Find knows no more than was known before. A refund was never seen here: it is asked
// for again.
func (Gateway) Find(_ context.Context, q payment.Inquiry) (payment.Result, error) {
	if q.Refund {
		return payment.Result{Outcome: payment.Absent}, nil
	}
	return waiting(q.Key), nil
}

// Abandon gives up the wait for a payment.
func (Gateway) Abandon(_ context.Context, q payment.Inquiry) (payment.Result, error) {
	return payment.Result{Outcome: payment.Declined, Reference: waiting(q.Key).Reference, Code: "not_paid"}, nil
}

// Each tells nothing: there are no books.
func (Gateway) Each(context.Context, id.Account, time.Time, func(payment.Record) error) error {
	return nil
}

const maxKeyBytes = 255

func check(key string, amount money.Amount) error {
	switch {
	case key == "" || len(key) > maxKeyBytes:
		return fault.BadField("key", "must have 1 to %d bytes", maxKeyBytes)
	case amount.Minor <= 0 || amount.Minor > money.MaxMinor:
		return fault.BadField("amount", "must be from 1 to %d minor units", int64(money.MaxMinor))
	case !amount.Currency.Known():
		return fault.BadField("currency", "must be a currency of ISO 4217")
	}
	return nil
}

// Open opens a merchant's gateway account. It needs no secrets: what is given is
// fault.Invalid.
func Open(_ payment.GatewaySettings, secrets payment.GatewaySecrets) (payment.Gateway, error) {
	if secrets.APIKey != "" || len(secrets.WebhookSecrets) > 0 {
		return nil, fault.BadField("api_key", "must be empty: nobody is asked for payments by hand")
	}
	return Gateway{}, nil
}
