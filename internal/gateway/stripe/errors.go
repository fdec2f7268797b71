package stripe

import (
	"encoding/json"
	"errors"
	"net/http"

	api "github.com/stripe/stripe-go/v85"

	"perennial/internal/fault"
	"perennial/internal/payment"
)

// A refusal is what Stripe says went wrong, in a request or with an intent.
type refusal struct {
	Type          string `json:"type"`
	Code          string `json:"code"`
	DeclineCode   string `json:"decline_code"`
	Advice        string `json:"advice_code"`         // Stripe's reading of the bank's advice
	NetworkAdvice string `json:"network_advice_code"` // two digits of the card network
	Param         string `json:"param"`

	status   int
	intent   string // of a charge, when there is one
	replayed bool   // the answer was given before, under the same key
	message  string // for the log; never that of a refused key
}

// read is what an error of Stripe's library says; ok is false when Stripe did not
// answer or could not be understood.
func read(err error) (r refusal, ok bool) {
	var e *api.Error
	if !errors.As(err, &e) || e.Type == "" {
		return refusal{}, false
	}
	if e.LastResponse != nil {
		var body struct {
			Error refusal `json:"error"`
		}
		if json.Unmarshal(e.LastResponse.RawJSON, &body) == nil {
			r = body.Error
		}
		r.replayed = wasReplayed(e.LastResponse)
	}
	r.Type, r.Code, r.status = string(e.Type), string(e.Code), e.HTTPStatusCode
	if e.PaymentIntent != nil {
		r.intent = e.PaymentIntent.ID
	}
	if r.status != http.StatusUnauthorized {
		r.message = clip(e.Msg)
	}
	return r, true
}

// wasReplayed reports whether Stripe repeated an answer that it had given before.
func wasReplayed(a *api.APIResponse) bool {
	return a != nil && a.Header.Get("Idempotent-Replayed") == "true"
}

// clip bounds what is written into a log.
func clip(s string) string {
	const most = 300
	if len(s) > most {
		return s[:most]
	}
	return s
}

// kind is what a refused or lost request is to whoever asked.
type kind uint8

const (
	lost     kind = iota // no answer that settles anything
	declined             // Stripe or the bank said no
	reused               // the key was used with other parameters
	refused              // the request was not obeyed: nothing happened
)

// kind tells what became of a request that Stripe refused.
func (r refusal) kind() kind {
	switch {
	case r.Type == string(api.ErrorTypeIdempotency):
		return reused
	case r.status == http.StatusConflict || r.status == http.StatusTooManyRequests || r.status >= http.StatusInternalServerError:
		return lost // a lock, a limit, a failure at Stripe: the same key is asked again
	case r.Type == string(api.ErrorTypeCard) || r.notPossible() != "":
		return declined
	}
	return refused
}

// declines are refused requests that will be refused each time, because of the method
// or the amount: they are no defect of ours, but declines.
var declines = map[string]string{
	"amount_too_small":                         "amount_too_small",
	"amount_too_large":                         "amount_too_large",
	"invalid_charge_amount":                    "invalid_amount",
	"india_recurring_payment_mandate_canceled": "mandate_invalid",
	"payment_intent_mandate_invalid":           "mandate_invalid",
	"setup_intent_mandate_invalid":             "mandate_invalid",
	"payment_method_bank_account_blocked":      "bank_account_unusable",
	"payment_method_currency_mismatch":         "currency_not_supported",
	"payment_method_customer_decline":          "payment_method_customer_decline",
	"payment_method_invalid_parameter":         "payment_method_unusable",
	"payment_method_not_available":             "payment_method_unusable",
	"payment_method_provider_decline":          "payment_method_provider_decline",
	"payment_method_provider_timeout":          "payment_method_provider_timeout",
	"payment_method_unactivated":               "payment_method_unusable",
	"payment_method_unexpected_state":          "payment_method_unusable",
	"payment_method_unsupported_type":          "payment_method_unusable",
	"sepa_unsupported_account":                 "sepa_unsupported_account",
}

// notPossible is the code of a decline that Stripe spells as a wrong request, or "".
func (r refusal) notPossible() string {
	if r.status != http.StatusBadRequest && r.status != http.StatusNotFound && r.status != http.StatusPaymentRequired {
		return ""
	}
	if code, ok := declines[r.Code]; ok {
		return code
	}
	if r.Param == "payment_method" || r.Param == "customer" { // gone, detached, another customer's
		return "no_payment_method"
	}
	return ""
}

// ourNames are Stripe's words for which payment.Codes has others.
var ourNames = map[string]string{
	"payment_intent_authentication_failure":  "not_confirmed",
	"setup_intent_authentication_failure":    "not_confirmed",
	"payment_intent_payment_attempt_expired": "not_confirmed",
	"setup_intent_setup_attempt_expired":     "not_confirmed",
	"payment_intent_action_required":         "authentication_required",
	"payment_method_microdeposit_failed":     "bank_account_invalid_details",
}

// code is the reason of a decline in the words of payment.Codes. What the bank's
// advice adds to its reason wins where it is the stricter.
func (r refusal) code() string {
	code := r.DeclineCode
	if code == "" {
		code = r.Code
	}
	if n := r.notPossible(); n != "" {
		code = n
	}
	if n, ok := ourNames[code]; ok {
		code = n
	}
	switch {
	case code == "":
		code = "processing_error"
	case len(code) > 100:
		code = "card_declined"
	}
	if payment.ClassOf(code) == payment.Never {
		return code
	}
	switch {
	case r.Advice == "do_not_try_again":
		return "do_not_try_again"
	case r.Advice == "" && (r.NetworkAdvice == "03" || r.NetworkAdvice == "21"):
		return "do_not_try_again"
	case payment.ClassOf(code) != payment.Later:
		return code
	case r.Advice == "confirm_card_data":
		return "confirm_card_data"
	case r.Advice == "" && r.NetworkAdvice == "01":
		return "new_account_information_available"
	case payment.Waits[payment.Mastercard[r.NetworkAdvice]] > 0:
		return payment.Mastercard[r.NetworkAdvice]
	}
	return code
}

// fault is a refused request as an error: nothing has happened. Stripe's own text is
// for the log.
func (r refusal) fault() error {
	if r.status == http.StatusUnauthorized || r.status == http.StatusForbidden {
		return fault.Wrap(fault.Unavailable, errors.New(r.Type+" "+r.Code+" "+r.message), "Stripe refused the API key").WithCode("gateway_credentials")
	}
	return fault.Wrap(fault.Unavailable, errors.New(r.Type+" "+r.Code+" "+r.Param+" "+r.message), "the payment service did not take the request").WithCode("gateway_refused")
}

// failed is an error of a request that moves no money, for those who only ask.
func failed(err error) error {
	r, ok := read(err)
	switch {
	case !ok:
		// The library's own errors can hold pieces of an answer.
		return fault.New(fault.Unavailable, "the payment service did not answer").WithCode("gateway_silent")
	case r.status == http.StatusNotFound:
		return fault.New(fault.NotFound, "the payment service knows no such thing")
	case r.kind() == lost:
		return fault.Wrap(fault.Unavailable, errors.New(r.Type+" "+r.Code), "the payment service cannot answer now").WithCode("gateway_silent")
	case r.kind() == declined:
		return fault.New(fault.Declined, "%s", payment.Words(r.code())).WithCode(r.code())
	}
	return r.fault()
}
