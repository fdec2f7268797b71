package checkout

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"perennial/internal/cardnumber"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/idempotency"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/web"
)

// A form that was sent twice waits for the answer to its first sending.
const (
	waitSteps = 40
	waitStep  = 250 * time.Millisecond
)

func (h *shop) sell(w http.ResponseWriter, r *http.Request, s sale, token string, shown money.Amount) {
	key := r.PostForm.Get("operation_key")
	if key == "" || len(key) > 64 || cardnumber.In(key) { // keys are kept
		h.fail(w, r, fault.New(fault.Invalid, "the form was not complete"))
		return
	}
	guest := s.guest()
	// With a charge at once the bank is asked by it; else the method is set up for later.
	c := commerce.Sell{Price: s.Chosen.ID, Quantity: s.Count, Token: token, Source: "checkout", Shown: &shown, Options: s.options(s.Applied),
		Present: !s.Quote.Due.IsZero(), Consent: h.consent(r), Referred: h.referred(r),
		Buyer: &commerce.CreateCustomer{Email: s.Email, Buyer: guest.Buyer, Taxing: guest.Taxing},
		Call:  commerce.Call{Account: s.Account.ID, Actor: event.Actor{Kind: event.ByCustomer, Name: s.Name}, Once: once(h.o.Clock.Now(), key, s, token)}}
	if s.ships() {
		c.Options.Fields = map[string]string{"Sent to": s.sentTo()}
	}
	sold, err := h.commerce.Sell(r.Context(), c)
	for step := 0; step < waitSteps && fault.As(orNone(err)).Code == "idempotency_key_in_use" && pause(r); step++ {
		c.Call.Once.Arrived = h.o.Clock.Now()
		sold, err = h.commerce.Sell(r.Context(), c)
	}
	if before, ok := commerce.IsReplayed(err); ok {
		if before.Status == http.StatusSeeOther {
			web.Redirect(w, r, before.Body)
			return
		}
		err = fault.New(fault.Declined, "%s", before.Body)
	}
	switch {
	case err == nil, fault.Is(err, fault.Pending) && sold.Order.ID != id.Order(0):
		web.Redirect(w, r, "/o/"+sold.Order.Token())
	default:
		h.refused(w, r, s, shown, err)
	}
}

// confirmFirst shows the form with the step that the buyer has to take before their
// payment method is kept; the form is posted again by it.
func (h *shop) confirmFirst(w http.ResponseWriter, r *http.Request, s sale, step payment.Step) {
	s.Step = &web.BrowserStep{Secret: step.Secret, Token: step.Token}
	s.Notice = &web.Message{Kind: web.Info, Title: "Your bank wants you to confirm", Text: "Nothing was charged. Your order is placed when you have confirmed."}
	h.show(w, r, http.StatusOK, s)
}

// none stands for "no error" where a code is looked at.
var none = fault.New(fault.Internal, "")

func orNone(err error) error {
	if err == nil {
		return none
	}
	return err
}

// once lets the form act at most once. The card takes part by its token.
func once(now time.Time, key string, s sale, token string) *commerce.Once {
	facts := url.Values{"choice": {s.choice()}, "email": {s.Email}, "name": {s.Name}, "country": {s.Country}, "region": {s.Region}, "postal_code": {s.PostalCode},
		"address": {s.Address}, "company": {s.Company}, "tax_id": {s.TaxID}, "token": {token}}
	return &commerce.Once{Request: idempotency.Request{Route: "web checkout", Key: key, Digest: idempotency.Digest([]byte(facts.Encode())), Arrived: now},
		Answer: func(result any, refusal error) (int, string) {
			if refusal != nil {
				return http.StatusPaymentRequired, fault.As(refusal).Message
			}
			return http.StatusSeeOther, "/o/" + result.(commerce.Sale).Order.Token()
		}}
}

// pause waits a moment; it reports false when the buyer has gone.
func pause(r *http.Request) bool {
	timer := time.NewTimer(waitStep)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// refused shows the form again with the reason, and says whether money moved.
func (h *shop) refused(w http.ResponseWriter, r *http.Request, s sale, shown money.Amount, err error) {
	var first *commerce.ConfirmFirst
	if errors.As(err, &first) && first.Step.Kind == s.Gateway.Kind {
		h.confirmFirst(w, r, s, first.Step)
		return
	}
	f := fault.As(err)
	status := http.StatusConflict
	switch f.Kind {
	case fault.Declined:
		status = http.StatusPaymentRequired
		s.Problems = []web.Problem{{Field: "card", Message: f.Message + " Nothing was charged. Try another card, or ask your bank."}}
	case fault.Invalid:
		status = http.StatusUnprocessableEntity
		s.Problems = fieldProblems(err)
	case fault.Conflict:
		if strings.HasPrefix(f.Code, "coupon_") {
			h.refusedCode(w, r, s, f)
			return
		}
		s.Notice = conflict(f, s, shown)
	case fault.Unknown, fault.Pending:
		status = http.StatusAccepted
		s.Key = r.PostForm.Get("operation_key") // the same key: sent again it is still one order
		s.Notice = &web.Message{Kind: web.Warning, Title: "It is not known yet whether your order went through", Text: "You may send the form again: it is never charged twice."}
	default:
		h.fail(w, r, err)
		return
	}
	h.show(w, r, status, s)
}

func conflict(f *fault.Error, s sale, shown money.Amount) *web.Message {
	switch f.Code {
	case "price_changed":
		return &web.Message{Kind: web.Warning, Title: "The price changed since you opened the page", Text: "It was " + text(shown) + " and is " + text(s.Quote.Due) + " now. Nothing was charged."}
	case "idempotency_key_in_use":
		return &web.Message{Kind: web.Warning, Title: "Your order is being worked on", Text: "Do not pay again. Wait a minute, then look into your mail or load this page again."}
	}
	return &web.Message{Kind: web.Failure, Title: "This cannot be bought now", Text: f.Message}
}

// refusedCode shows the form without the codes, of which one turned out to be of no use to
// this buyer: left in the form it would be refused for ever.
func (h *shop) refusedCode(w http.ResponseWriter, r *http.Request, s sale, f *fault.Error) {
	codes := strings.Join(s.Applied, "” and “")
	s.Codes, s.at = "", time.Time{}
	if err := h.quote(r.Context(), &s); err != nil {
		h.fail(w, r, err)
		return
	}
	s.CodeSaid = "“" + codes + "” cannot be used: " + f.Message + ". It was taken out."
	s.Problems = []web.Problem{{Field: "coupon", Message: s.CodeSaid + " Nothing was charged. Look at the new total, then go on."}}
	h.show(w, r, http.StatusConflict, s)
}
