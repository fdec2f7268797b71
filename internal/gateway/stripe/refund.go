package stripe

import (
	"context"
	"net/http"
	"regexp"
	"time"

	api "github.com/stripe/stripe-go/v85"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// The reasons for which a refund is declined before Stripe is asked.
const (
	noSuchCharge = "charge_not_found"
	tooMuch      = "amount_too_large"
)

var (
	intentShape = regexp.MustCompile(`^pi_[A-Za-z0-9_]{1,100}$`)
	refundShape = regexp.MustCompile(`^(re|pyr)_[A-Za-z0-9_]{1,100}$`)
)

// Refund sends money of a charge back. Stripe takes care that it is never more than
// was charged. The charge's refunds are looked through first, so that a key that
// Stripe forgot as one is not obeyed twice.
func (g *Gateway) Refund(ctx context.Context, r payment.RefundRequest) (payment.Result, error) {
	if err := checkKey(r.Key); err != nil {
		return payment.Result{}, err
	}
	if err := checkAmount(r.Amount); err != nil {
		return payment.Result{}, err
	}
	units, currency, err := toStripe(r.Amount)
	if err != nil {
		return payment.Result{}, err
	}
	charge, err := g.find(ctx, wanted{account: r.Account, key: r.ChargeKey, reference: r.Reference})
	switch {
	case err != nil:
		return payment.Result{}, err // nothing was sent yet
	case charge.unsure:
		return payment.Result{Outcome: payment.Unknown}, nil
	case charge.intent == nil, string(charge.intent.Currency) != currency:
		return payment.Result{Outcome: payment.Declined, Code: noSuchCharge}, nil
	}
	before, err := g.refundOf(ctx, charge.intent.ID, r.Account, r.Key)
	if err != nil {
		return payment.Result{}, err
	}
	if before != nil {
		return sameRefund(before, r)
	}
	params := &api.RefundCreateParams{
		PaymentIntent: api.String(charge.intent.ID),
		Amount:        api.Int64(units),
		Metadata:      map[string]string{metaAccount: r.Account.String(), metaKey: r.Key},
	}
	params.SetIdempotencyKey(r.Key)
	made, err := g.stripe.V1Refunds.Create(ctx, params)
	if err != nil {
		return g.notRefunded(ctx, charge.intent.ID, r, err)
	}
	if wasReplayed(made.LastResponse) {
		return g.refundNow(ctx, charge.intent.ID, r)
	}
	return refundOutcome(made), nil
}

// notRefunded is the outcome of a refund that was answered with an error.
func (g *Gateway) notRefunded(ctx context.Context, charge string, r payment.RefundRequest, err error) (payment.Result, error) {
	why, ok := read(err)
	if !ok {
		return payment.Result{Outcome: payment.Unknown}, nil
	}
	switch {
	case why.Code == string(api.ErrorCodeChargeAlreadyRefunded), why.status == http.StatusBadRequest && why.Param == "amount":
		return payment.Result{Outcome: payment.Declined, Code: tooMuch}, nil
	case why.Code == string(api.ErrorCodeRefundDisputedPayment), why.Code == string(api.ErrorCodeChargeDisputed):
		return payment.Result{Outcome: payment.Declined, Code: "charge_disputed"}, nil
	case why.Code == string(api.ErrorCodePaymentIntentUnexpectedState), why.Code == string(api.ErrorCodeResourceMissing):
		return payment.Result{Outcome: payment.Declined, Code: noSuchCharge}, nil
	}
	switch why.kind() {
	case declined:
		return payment.Result{Outcome: payment.Declined, Code: why.code()}, nil
	case refused:
		return payment.Result{}, why.fault()
	case lost:
		if !why.replayed {
			return payment.Result{Outcome: payment.Unknown}, nil
		}
	case reused:
	}
	return g.refundNow(ctx, charge, r)
}

// refundNow is what has become of a refund that Stripe knows by its key.
func (g *Gateway) refundNow(ctx context.Context, charge string, r payment.RefundRequest) (payment.Result, error) {
	made, err := g.refundOf(ctx, charge, r.Account, r.Key)
	if err != nil || made == nil {
		return payment.Result{Outcome: payment.Unknown}, nil
	}
	return sameRefund(made, r)
}

// refundOf is the refund of a charge that was made under a key, or nil.
func (g *Gateway) refundOf(ctx context.Context, charge string, account id.Account, key string) (*api.Refund, error) {
	list := &api.RefundListParams{PaymentIntent: api.String(charge)}
	list.Limit = api.Int64(pageSize)
	for refund, err := range g.stripe.V1Refunds.List(ctx, list).All(ctx) {
		if err != nil {
			return nil, failed(err)
		}
		if ours(refund.Metadata, account, key) {
			return refund, nil
		}
	}
	return nil, nil
}

func sameRefund(made *api.Refund, r payment.RefundRequest) (payment.Result, error) {
	if fromStripe(made.Amount, string(made.Currency)) != r.Amount {
		return payment.Result{}, keyReused("refund")
	}
	return refundOutcome(made), nil
}

// refundOutcome is what a refund has come to. One that waits for its bank, or for the
// customer to tell where to, is Processing.
func refundOutcome(r *api.Refund) payment.Result {
	switch r.Status {
	case api.RefundStatusSucceeded:
		return payment.Result{Outcome: payment.Succeeded, Reference: r.ID, Amount: fromStripe(r.Amount, string(r.Currency))}
	case api.RefundStatusPending, api.RefundStatusRequiresAction:
		return payment.Result{Outcome: payment.Processing, Reference: r.ID}
	case api.RefundStatusFailed:
		code := string(r.FailureReason)
		if code == "" {
			code = "refund_failed"
		}
		return payment.Result{Outcome: payment.Declined, Reference: r.ID, Code: code}
	case api.RefundStatusCanceled:
		return payment.Result{Outcome: payment.Declined, Reference: r.ID, Code: "refund_canceled"}
	}
	return payment.Result{Outcome: payment.Unknown, Reference: r.ID}
}

// findRefund looks for a refund: by its name at Stripe when that is known, else in the
// list of all that were made since it was asked for. Refunds cannot be searched.
func (g *Gateway) findRefund(ctx context.Context, q payment.Inquiry) (payment.Result, error) {
	if refundShape.MatchString(q.Reference) {
		refund, err := g.stripe.V1Refunds.Retrieve(ctx, q.Reference, nil)
		if err == nil && ours(refund.Metadata, q.Account, q.Key) {
			return refundOutcome(refund), nil
		}
		if err != nil && !fault.Is(failed(err), fault.NotFound) {
			return payment.Result{}, failed(err)
		}
	}
	list := &api.RefundListParams{}
	list.Limit = api.Int64(pageSize)
	if !q.Asked.IsZero() {
		list.CreatedRange = &api.RangeQueryParams{GreaterThanOrEqual: q.Asked.Add(-searchLag).Unix()} // clocks differ
	}
	seen := 0
	for refund, err := range g.stripe.V1Refunds.List(ctx, list).All(ctx) {
		if err != nil {
			return payment.Result{}, failed(err)
		}
		if ours(refund.Metadata, q.Account, q.Key) {
			return refundOutcome(refund), nil
		}
		if seen++; seen >= mostPages*pageSize {
			return payment.Result{Outcome: payment.Unknown}, nil
		}
	}
	return payment.Result{Outcome: payment.Absent}, nil
}

// Each tells every charge and refund of the account that went through since an
// instant, charges first, each newest first. What is at Stripe without our metadata is
// told with an empty key; what another account here asked for is not told.
func (g *Gateway) Each(ctx context.Context, account id.Account, since time.Time, fn func(payment.Record) error) error {
	var created *api.RangeQueryParams
	if !since.IsZero() {
		created = &api.RangeQueryParams{GreaterThanOrEqual: since.Unix()}
	}
	charges := &api.ChargeListParams{CreatedRange: created}
	charges.Limit = api.Int64(pageSize)
	for c, err := range g.stripe.V1Charges.List(ctx, charges).All(ctx) {
		if err != nil {
			return failed(err)
		}
		if c.Status != api.ChargeStatusSucceeded || !c.Captured {
			continue
		}
		reference := c.ID
		if c.PaymentIntent != nil {
			reference = c.PaymentIntent.ID
		}
		if err := tell(fn, account, c.Metadata, payment.Record{Reference: reference, Amount: fromStripe(c.AmountCaptured, string(c.Currency)), At: at(c.Created)}); err != nil {
			return err
		}
	}
	refunds := &api.RefundListParams{CreatedRange: created}
	refunds.Limit = api.Int64(pageSize)
	for r, err := range g.stripe.V1Refunds.List(ctx, refunds).All(ctx) {
		if err != nil {
			return failed(err)
		}
		if r.Status != api.RefundStatusSucceeded {
			continue
		}
		if err := tell(fn, account, r.Metadata, payment.Record{Reference: r.ID, Amount: fromStripe(r.Amount, string(r.Currency)), Refund: true, At: at(r.Created)}); err != nil {
			return err
		}
	}
	return nil
}

func tell(fn func(payment.Record) error, account id.Account, meta map[string]string, r payment.Record) error {
	if whose := meta[metaAccount]; whose == account.String() {
		r.Key = meta[metaKey]
	} else if whose != "" {
		return nil
	}
	if r.Amount == (money.Amount{}) {
		return nil // a currency that nobody here can be charged in
	}
	return fn(r)
}

// at is one of Stripe's instants.
func at(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
