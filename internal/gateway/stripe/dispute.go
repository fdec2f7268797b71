package stripe

import (
	"context"
	"regexp"

	api "github.com/stripe/stripe-go/v85"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
)

var disputeShape = regexp.MustCompile(`^(dp|du|pdp)_[A-Za-z0-9_]{1,100}$`)

// disputeStates are Stripe's states of a dispute in ours. One that was prevented never
// took the money.
var disputeStates = map[api.DisputeStatus]payment.DisputeState{
	api.DisputeStatusWarningNeedsResponse: payment.Warning,
	api.DisputeStatusWarningUnderReview:   payment.Warning,
	api.DisputeStatusWarningClosed:        payment.WarningClosed,
	api.DisputeStatusPrevented:            payment.WarningClosed,
	api.DisputeStatusNeedsResponse:        payment.NeedsResponse,
	api.DisputeStatusUnderReview:          payment.UnderReview,
	api.DisputeStatusWon:                  payment.Won,
	api.DisputeStatusLost:                 payment.Lost,
}

// Dispute is a dispute as it stands now. Stripe does not say when one was closed:
// ClosedAt stays zero. The charge's key is told when the charge was asked for by the
// account.
func (g *Gateway) Dispute(ctx context.Context, account id.Account, reference string) (payment.Disputed, error) {
	if !disputeShape.MatchString(reference) {
		return payment.Disputed{}, fault.New(fault.NotFound, "there is no such dispute at Stripe")
	}
	d, err := g.stripe.V1Disputes.Retrieve(ctx, reference, &api.DisputeRetrieveParams{Expand: []*string{api.String("payment_intent")}})
	if err != nil {
		return payment.Disputed{}, failed(err)
	}
	out := payment.Disputed{Reference: d.ID, Amount: fromStripe(d.Amount, string(d.Currency)), Reason: clip(string(d.Reason)), OpenedAt: at(d.Created)}
	var ok bool
	if out.State, ok = disputeStates[d.Status]; !ok {
		return payment.Disputed{}, fault.New(fault.Unavailable, "Stripe tells a state of the dispute that is not known here")
	}
	if i := d.PaymentIntent; i != nil {
		out.ChargeReference = i.ID
		switch whose := i.Metadata[metaAccount]; whose {
		case account.String():
			out.ChargeKey = i.Metadata[metaKey]
		case "":
		default:
			return payment.Disputed{}, fault.New(fault.NotFound, "there is no such dispute at Stripe")
		}
	} else if d.Charge != nil {
		out.ChargeReference = d.Charge.ID
	}
	if e := d.EvidenceDetails; e != nil && !out.State.Ended() {
		out.EvidenceBy = at(e.DueBy)
	}
	return out, nil
}
