package commerce

import (
	"context"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// RecordedGateway is the name of the gateway of payments that reached the merchant in
// another way, and that a person recorded: it moves nothing, and whatever is asked of it
// is done.
const RecordedGateway = "recorded"

// recorded is that gateway. It keeps nothing: what went through is in our own books.
type recorded struct{}

// recordedMethod is what its payments are charged with: no payment method of anybody.
func recordedMethod() payment.Method {
	return payment.Method{Gateway: RecordedGateway, State: payment.Usable}
}

// Save is refused: nothing can be charged again.
func (recorded) Save(context.Context, payment.SaveRequest) (payment.Saved, error) {
	return payment.Saved{}, fault.New(fault.Declined, "a payment that is recorded has no payment method").WithCode("unknown_token")
}

// Charge says that the money is there, because somebody said so.
func (recorded) Charge(_ context.Context, _ payment.Charge) (payment.Result, error) {
	return payment.Result{Outcome: payment.Succeeded}, nil
}

// Refund is done by whoever asks for it.
func (recorded) Refund(context.Context, payment.RefundRequest) (payment.Result, error) {
	return payment.Result{Outcome: payment.Succeeded}, nil
}

// Find was never told of anything: it is asked again.
func (recorded) Find(context.Context, payment.Inquiry) (payment.Result, error) {
	return payment.Result{Outcome: payment.Absent}, nil
}

// Abandon gives up nothing: no payment waits.
func (recorded) Abandon(context.Context, payment.Inquiry) (payment.Result, error) {
	return payment.Result{Outcome: payment.Succeeded}, nil
}

// Each tells nothing: there are no books.
func (recorded) Each(context.Context, id.Account, time.Time, func(payment.Record) error) error {
	return nil
}
