package stripe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	api "github.com/stripe/stripe-go/v85"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// Charge collects money with one intent that is made and confirmed under the key. A
// key that Stripe saw before gets what has become of that intent; for another amount
// or method it is fault.Conflict. A context that has ended, a lock, a limit and a
// failure at Stripe are Unknown.
func (g *Gateway) Charge(ctx context.Context, c payment.Charge) (payment.Result, error) {
	if err := checkKey(c.Key); err != nil {
		return payment.Result{}, err
	}
	if err := checkAmount(c.Amount); err != nil {
		return payment.Result{}, err
	}
	params, err := chargeParams(c)
	if err != nil {
		return payment.Result{}, err
	}
	if params == nil {
		return payment.Result{Outcome: payment.Declined, Code: "no_payment_method"}, nil
	}
	if !c.Asked.IsZero() && !g.within(c.Asked) {
		found, err := g.find(ctx, wantedFor(c, ""))
		if err != nil || found.intent != nil || found.unsure {
			return g.same(ctx, c, found, err)
		}
	}
	intent, err := g.stripe.V1PaymentIntents.Create(ctx, params)
	if err != nil {
		return g.notCharged(ctx, c, err)
	}
	if wasReplayed(intent.LastResponse) {
		return g.now(ctx, c, intent.ID)
	}
	return g.outcome(ctx, intent)
}

// within reports whether Stripe is sure to know a key that was first used then.
func (g *Gateway) within(asked time.Time) bool {
	return !asked.IsZero() && g.clock.Now().Sub(asked) < payment.KeyLife
}

// wantedFor is the intent of a charge.
func wantedFor(c payment.Charge, reference string) wanted {
	t, _ := parseToken(c.Token)
	return wanted{account: c.Account, key: c.Key, reference: reference, customer: t.customer}
}

// chargeParams is the request for a charge, or nil when the token is none of ours. It
// depends on nothing but the charge, so that asked again it is the same.
func chargeParams(c payment.Charge) (*api.PaymentIntentCreateParams, error) {
	t, ok := parseToken(c.Token)
	if !ok {
		return nil, nil
	}
	units, currency, err := toStripe(c.Amount)
	if err != nil {
		return nil, err
	}
	params := &api.PaymentIntentCreateParams{
		Amount:        api.Int64(units),
		Currency:      api.String(currency),
		Customer:      api.String(t.customer),
		PaymentMethod: api.String(t.method),
		Confirm:       api.Bool(true),
		Metadata:      map[string]string{metaAccount: c.Account.String(), metaKey: c.Key},
		// Nothing that leads the customer away to another site: the page stays.
		AutomaticPaymentMethods: &api.PaymentIntentCreateAutomaticPaymentMethodsParams{Enabled: api.Bool(true), AllowRedirects: api.String("never")},
	}
	if c.Customer != 0 {
		params.Metadata[metaCustomer] = c.Customer.String()
	}
	if c.Invoice != 0 {
		params.Metadata[metaInvoice] = c.Invoice.String()
	}
	if !c.Present {
		params.OffSession = api.Bool(true)
	} else {
		params.Metadata[metaPresent] = "1"
		params.SetupFutureUsage = api.String(string(api.PaymentIntentSetupFutureUsageOffSession))
		params.UseStripeSDK = api.Bool(true)
		if a := c.Consent; a.IP != "" && a.UserAgent != "" {
			params.MandateData = &api.PaymentIntentCreateMandateDataParams{CustomerAcceptance: &api.PaymentIntentCreateMandateDataCustomerAcceptanceParams{
				Type:   api.String("online"),
				Online: &api.PaymentIntentCreateMandateDataCustomerAcceptanceOnlineParams{IPAddress: api.String(a.IP), UserAgent: api.String(clip(a.UserAgent))},
			}}
		}
	}
	params.SetIdempotencyKey(c.Key)
	return params, nil
}

// notCharged is the outcome of a charge that was answered with an error.
func (g *Gateway) notCharged(ctx context.Context, c payment.Charge, err error) (payment.Result, error) {
	r, ok := read(err)
	if !ok {
		return payment.Result{Outcome: payment.Unknown}, nil
	}
	switch r.kind() {
	case declined:
		if r.replayed && r.intent != "" {
			return g.now(ctx, c, r.intent)
		}
		return payment.Result{Outcome: payment.Declined, Reference: r.intent, Code: r.code()}, nil
	case refused:
		return payment.Result{}, r.fault()
	case reused:
	case lost:
		if !r.replayed {
			return payment.Result{Outcome: payment.Unknown}, nil
		}
		// Stripe keeps a failure of its own as the first answer: asking again says no more.
	}
	return g.now(ctx, c, "")
}

// now is what has become of the intent that was made for the charge under its key.
func (g *Gateway) now(ctx context.Context, c payment.Charge, reference string) (payment.Result, error) {
	found, err := g.find(ctx, wantedFor(c, reference))
	if err == nil && found.intent == nil { // it may be another customer's
		found, err = g.find(ctx, wanted{account: c.Account, key: c.Key})
	}
	return g.same(ctx, c, found, err)
}

// same is the outcome of an intent that was found for a charge, if it is for what the
// charge asks. Stripe knows the key: one that was not found is Unknown.
func (g *Gateway) same(ctx context.Context, c payment.Charge, found sighting, err error) (payment.Result, error) {
	if err != nil || found.intent == nil {
		return payment.Result{Outcome: payment.Unknown}, nil
	}
	i := found.intent
	t, _ := parseToken(c.Token)
	if fromStripe(i.Amount, string(i.Currency)) != c.Amount || i.Customer == nil || i.Customer.ID != t.customer ||
		i.PaymentMethod != nil && i.PaymentMethod.ID != t.method {
		return payment.Result{}, keyReused("charge")
	}
	return g.outcome(ctx, i)
}

func keyReused(what string) error {
	return fault.New(fault.Conflict, "the key was used for another %s", what).WithCode("idempotency_key_reused")
}

// outcome is what an intent has come to. An intent that waits for details which
// nobody will give is cancelled first where a browser could still confirm it.
func (g *Gateway) outcome(ctx context.Context, i *api.PaymentIntent) (payment.Result, error) {
	r := payment.Result{Reference: i.ID, Amount: fromStripe(i.Amount, string(i.Currency))}
	present := i.Metadata[metaPresent] == "1"
	switch i.Status {
	case api.PaymentIntentStatusSucceeded:
		r.Outcome, r.Amount = payment.Succeeded, fromStripe(i.AmountReceived, string(i.Currency))
	case api.PaymentIntentStatusProcessing:
		r.Outcome = payment.Processing
	case api.PaymentIntentStatusCanceled:
		r.Outcome, r.Code = payment.Declined, why(i, "not_confirmed")
	case api.PaymentIntentStatusRequiresAction:
		if !present {
			return g.cancel(ctx, i, "authentication_required")
		}
		r.Outcome, r.Step = payment.Confirm, &payment.Step{Kind: Kind, Secret: i.ClientSecret}
	case api.PaymentIntentStatusRequiresPaymentMethod:
		if present {
			return g.cancel(ctx, i, why(i, "processing_error"))
		}
		r.Outcome, r.Code = payment.Declined, why(i, "processing_error")
	case api.PaymentIntentStatusRequiresConfirmation:
		return g.cancel(ctx, i, "processing_error")
	}
	if r.Outcome != payment.Succeeded {
		r.Amount.Minor, r.Amount.Currency = 0, ""
	}
	return r, nil
}

// why is the reason for which an intent was declined, or the code given when Stripe
// tells none.
func why(i *api.PaymentIntent, otherwise string) string {
	e := i.LastPaymentError
	if e == nil {
		return otherwise
	}
	r := refusal{Code: string(e.Code), DeclineCode: string(e.DeclineCode), Param: e.Param, status: 402}
	if i.LastResponse != nil {
		// The library leaves the bank's advice out.
		var body struct {
			Last *refusal `json:"last_payment_error"`
		}
		if json.Unmarshal(i.LastResponse.RawJSON, &body) == nil && body.Last != nil {
			r.Advice, r.NetworkAdvice = body.Last.Advice, body.Last.NetworkAdvice
		}
	}
	return r.code()
}

// cancel gives an intent up. When Stripe cannot, because it came true meanwhile, the
// outcome is what became of it.
func (g *Gateway) cancel(ctx context.Context, i *api.PaymentIntent, code string) (payment.Result, error) {
	params := &api.PaymentIntentCancelParams{CancellationReason: api.String(string(api.PaymentIntentCancellationReasonAbandoned))}
	cancelled, err := g.stripe.V1PaymentIntents.Cancel(ctx, i.ID, params)
	if err != nil {
		if r, ok := read(err); !ok || r.Code != string(api.ErrorCodePaymentIntentUnexpectedState) {
			return payment.Result{Outcome: payment.Unknown}, nil
		}
		cancelled, err = g.stripe.V1PaymentIntents.Retrieve(ctx, i.ID, nil)
		if err != nil {
			return payment.Result{Outcome: payment.Unknown}, nil
		}
	}
	switch cancelled.Status {
	case api.PaymentIntentStatusCanceled:
		return payment.Result{Outcome: payment.Declined, Reference: i.ID, Code: why(cancelled, code)}, nil
	case api.PaymentIntentStatusSucceeded, api.PaymentIntentStatusProcessing:
		return g.outcome(ctx, cancelled)
	}
	return payment.Result{Outcome: payment.Unknown}, nil
}

// Abandon cancels the intent of a charge that waits for the customer.
func (g *Gateway) Abandon(ctx context.Context, q payment.Inquiry) (payment.Result, error) {
	if err := checkKey(q.Key); err != nil {
		return payment.Result{}, err
	}
	found, err := g.find(ctx, wanted{account: q.Account, key: q.Key, reference: q.Reference})
	switch {
	case err != nil:
		return payment.Result{}, err
	case found.unsure:
		return payment.Result{Outcome: payment.Unknown}, nil
	case found.intent == nil:
		return payment.Result{Outcome: payment.Absent}, nil
	case found.intent.Status == api.PaymentIntentStatusRequiresAction:
		return g.cancel(ctx, found.intent, "not_confirmed")
	}
	return g.outcome(ctx, found.intent)
}

// Find is what became of a charge or refund, found by its reference or by the key in
// its metadata. While Stripe knows the key as one, a charge that was sent a moment ago
// may be Absent because Stripe's search does not show it yet: sent again it is the
// same. After that it is Unknown, not Absent, when there are too many newer ones to be
// sure.
func (g *Gateway) Find(ctx context.Context, q payment.Inquiry) (payment.Result, error) {
	if err := checkKey(q.Key); err != nil {
		return payment.Result{}, err
	}
	if q.Refund {
		return g.findRefund(ctx, q)
	}
	found, err := g.find(ctx, wanted{account: q.Account, key: q.Key, reference: q.Reference, within: g.within(q.Asked)})
	switch {
	case err != nil:
		return payment.Result{}, err
	case found.unsure:
		return payment.Result{Outcome: payment.Unknown}, nil
	case found.intent == nil:
		return payment.Result{Outcome: payment.Absent}, nil
	}
	return g.outcome(ctx, found.intent)
}

// wanted is the intent of a charge that is looked for.
type wanted struct {
	account   id.Account
	key       string
	reference string // at Stripe, "" when it is not known
	customer  string // at Stripe, "" when it is not known
	// within says that Stripe still knows the key as one. Then it does not matter that
	// what was sent a moment ago is not found: sent again, it is the same.
	within bool
}

// sighting is an intent that was looked for: nil when there is none.
type sighting struct {
	intent *api.PaymentIntent
	unsure bool // there may be one all the same
}

// Stripe's search lags behind, by an hour when it is slow. What is younger is looked
// for in the list, of which so many pages are read.
const (
	searchLag = time.Hour
	mostPages = 20
	pageSize  = 100
)

// find looks for an intent: by its name at Stripe when that is known, else among those
// of its customer, else by search and among the newest.
func (g *Gateway) find(ctx context.Context, w wanted) (sighting, error) {
	if intentShape.MatchString(w.reference) {
		intent, err := g.stripe.V1PaymentIntents.Retrieve(ctx, w.reference, nil)
		if err == nil && ours(intent.Metadata, w.account, w.key) {
			return sighting{intent: intent}, nil
		}
		if err != nil && !fault.Is(failed(err), fault.NotFound) {
			return sighting{}, failed(err)
		}
	}
	list := &api.PaymentIntentListParams{}
	if w.customer != "" {
		list.Customer = api.String(w.customer)
		return g.findIn(ctx, w, list)
	}
	found, err := g.search(ctx, w)
	if err != nil || found.intent != nil || w.within && !found.unsure {
		return found, err
	}
	if !found.unsure {
		list.CreatedRange = &api.RangeQueryParams{GreaterThanOrEqual: g.clock.Now().Add(-searchLag).Unix()}
	}
	return g.findIn(ctx, w, list)
}

// search asks Stripe's index. Where there is none (Stripe does not have it in every
// country) the sighting is unsure.
func (g *Gateway) search(ctx context.Context, w wanted) (sighting, error) {
	search := &api.PaymentIntentSearchParams{}
	search.Query = fmt.Sprintf("metadata['%s']:'%s' AND metadata['%s']:'%s'", metaKey, w.key, metaAccount, w.account)
	search.Limit, search.Single = api.Int64(10), true
	for intent, err := range g.stripe.V1PaymentIntents.Search(ctx, search).All(ctx) {
		if err != nil {
			r, ok := read(err)
			if ok && r.kind() == refused && r.status == http.StatusBadRequest {
				return sighting{unsure: true}, nil
			}
			return sighting{}, failed(err)
		}
		if !ours(intent.Metadata, w.account, w.key) {
			continue
		}
		fresh, err := g.stripe.V1PaymentIntents.Retrieve(ctx, intent.ID, nil) // what the index shows may be old
		if err != nil {
			return sighting{}, failed(err)
		}
		return sighting{intent: fresh}, nil
	}
	return sighting{}, nil
}

// findIn reads a list, newest first, until the intent is found.
func (g *Gateway) findIn(ctx context.Context, w wanted, list *api.PaymentIntentListParams) (sighting, error) {
	list.Limit = api.Int64(pageSize)
	seen := 0
	for intent, err := range g.stripe.V1PaymentIntents.List(ctx, list).All(ctx) {
		if err != nil {
			return sighting{}, failed(err)
		}
		if ours(intent.Metadata, w.account, w.key) {
			return sighting{intent: intent}, nil
		}
		if seen++; seen >= mostPages*pageSize {
			return sighting{unsure: true}, nil
		}
	}
	return sighting{}, nil
}
