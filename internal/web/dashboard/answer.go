package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/cardnumber"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/idempotency"
	"perennial/internal/web"
)

// How pages answer, and how forms act once.

// operationKey is a new key under which one form acts at most once.
func operationKey() string { return account.RandomText(26) }

// keyField is the hidden field that carries it.
const keyField = "operation_key"

// outcome is what came of a form: where to go, or why not.
type outcome struct {
	location string
	err      error
}

// once runs a story under the form's operation key: sent again, the same form does
// nothing and leads where it led before. To is where a result leads.
func (v *visit) once(to func(result any) string, do func(call commerce.Call) (any, error)) outcome {
	return v.onceAs("", to, do)
}

// onceAs is once for one of several stories of the same form, told apart by part.
func (v *visit) onceAs(part string, to func(result any) string, do func(call commerce.Call) (any, error)) outcome {
	key := v.r.PostForm.Get(keyField)
	if key == "" || len(key) > 64 || cardnumber.In(key) { // keys are kept
		return outcome{err: fault.New(fault.Invalid, "The form was not complete. Send it again.")}
	}
	form := v.r.PostForm
	plain := make(url.Values, len(form))
	for name, values := range form {
		if name != keyField {
			plain[name] = values
		}
	}
	call := commerce.Call{Account: v.acc.ID, Actor: v.actor(), Once: &commerce.Once{
		Request: idempotency.Request{Route: "web " + v.r.Pattern + " " + v.r.PathValue("id") + part, Key: key, Digest: idempotency.Digest([]byte(plain.Encode())), Arrived: v.o.Clock.Now()},
		Answer: func(result any, refusal error) (int, string) {
			if refusal != nil {
				return http.StatusPaymentRequired, fault.As(refusal).Message
			}
			return http.StatusSeeOther, to(result)
		}}}
	for range waitSteps {
		result, err := do(call)
		if before, ok := commerce.IsReplayed(err); ok {
			if before.Status == http.StatusSeeOther {
				return outcome{location: before.Body}
			}
			return outcome{err: fault.New(fault.Declined, "%s", before.Body)}
		}
		if err == nil {
			return outcome{location: to(result)}
		}
		if fault.As(err).Code != "idempotency_key_in_use" || !v.pause() {
			return outcome{err: err}
		}
		call.Once.Arrived = v.o.Clock.Now()
	}
	return outcome{err: fault.New(fault.Conflict, "The first sending of this form is still being worked on. Look again in a minute; do not repeat it.")}
}

// A form that was sent twice waits for the answer to its first sending.
const (
	waitSteps = 40
	waitStep  = 250 * time.Millisecond
)

// pause waits a moment; it reports false when the visitor has gone.
func (v *visit) pause() bool {
	timer := time.NewTimer(waitStep)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-v.r.Context().Done():
		return false
	}
}

// form reads the posted form. What cannot be read has been answered when ok is
// false.
func (v *visit) form() bool {
	if err := v.r.ParseForm(); err != nil {
		v.fail(fault.New(fault.Invalid, "The form could not be read; it may be too large."))
		return false
	}
	return true
}

// done leads on after a form that did what it should.
func (v *visit) done(location string) { web.Redirect(v.w, v.r, location) }

// again reports whether a refused form is shown again, with its problems and the
// status to answer with. Any other refusal has been answered.
func (v *visit) again(err error) (problems []web.Problem, status int, ok bool) {
	switch fault.KindOf(err) {
	case fault.Invalid:
		status = http.StatusUnprocessableEntity
	case fault.Conflict:
		status = http.StatusConflict
	case fault.Declined:
		status = http.StatusPaymentRequired
	case fault.Unavailable:
		status = http.StatusServiceUnavailable
	default:
		v.fail(err)
		return nil, 0, false
	}
	return problemsOf(err), status, true
}

func statusOf(kind fault.Kind) int {
	switch kind {
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Unauthorized:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.Declined:
		return http.StatusPaymentRequired
	case fault.Pending:
		return http.StatusAccepted
	case fault.Limited:
		return http.StatusTooManyRequests
	case fault.Unavailable, fault.Unknown:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// fail answers a refusal with a page of its own.
func (v *visit) fail(err error) {
	f := fault.As(err)
	status := statusOf(f.Kind)
	title, text := "This did not work", f.Message
	switch f.Kind {
	case fault.NotFound:
		title, text = "Not found", errNoPage.Message
	case fault.Internal:
		v.o.Log.ErrorContext(v.r.Context(), "a page failed", "path", v.r.URL.Path, "err", err)
		title, text = "Something went wrong on our side", "The log of the server says more. Nothing was changed unless this account's events say so."
	case fault.Unknown:
		title, text = "It is not known yet whether this was done", "The database did not confirm. Go back and send the same form again: it acts only once."
	case fault.Pending:
		title = "Not known yet"
	case fault.Conflict:
		title = "This cannot be done now"
	}
	p := v.page(title)
	p.Narrow = true
	web.Render(v.w, v.r, status, failure(p, text, v.w.Header().Get("X-Request-Id"), web.Link{Label: "Go to the home page", Href: v.at()}))
}

// forbidden names the right that is missing and who has it.
func (v *visit) forbidden(r right) {
	p := v.page("You may not do this")
	p.Narrow = true
	text := "Your role here is " + string(v.role) + ". This page needs the right to " + string(r) + ". " + grantors[r] + " can do it, and an owner can give you the right."
	web.Render(v.w, v.r, http.StatusForbidden, failure(p, text, "", web.Link{Label: "Go to the home page", Href: v.at()}))
}

// missing answers an address that does not exist, or is not the visitor's to know.
func (d *site) missing(w http.ResponseWriter, r *http.Request) {
	p := web.PublicPage{Title: "Not found", Preferences: web.PreferencesOf(r)}
	web.Render(w, r, http.StatusNotFound, outsideFailure(p, errNoPage.Message, web.Link{Label: "Go to your accounts", Href: "/app"}))
}

// broken answers a failure before an account is known.
func (d *site) broken(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.As(err)
	p := web.PublicPage{Title: "This did not work", Preferences: web.PreferencesOf(r)}
	text := f.Message
	if f.Kind == fault.Internal {
		d.o.Log.ErrorContext(r.Context(), "a page failed", "path", r.URL.Path, "err", err)
		text = "Something went wrong on our side. The log of the server says more."
	}
	web.Render(w, r, statusOf(f.Kind), outsideFailure(p, text, web.Link{Label: "Try again", Href: "/app"}))
}

// fieldWords begin the sentence about a wrong field.
var fieldWords = map[string]string{"name": "The name", "email": "The e-mail address", "password": "The password", "company": "The company name", "country": "The country",
	"currency": "The currency", "zone": "The time zone", "address": "The address", "tax_id": "The tax ID", "language": "The language", "description": "The description",
	"amount": "The amount", "price": "The price", "interval": "The interval", "trial_days": "The trial", "setup_fee": "The setup fee", "max_quantity": "The largest quantity",
	"quantity": "The quantity", "token": "The test card", "payment_method": "The payment method", "reason": "The reason", "to": "The date", "when": "The moment",
	"until": "The end of the pause", "periods": "The number of periods", "ends": "The end", "at": "The day", "next_charge": "The day of the next charge", "align_to": "The subscription to bill with",
	"charge": "The charge", "credit": "The credit", "unit_amount": "The price", "note": "The note", "units": "The number of units", "meter": "The meter", "how": "The choice",
	"coupons": "The coupon code", "region": "The region", "postal_code": "The postal code", "tax_exempt": "The reason for the exemption", "shipping.name": "The name to ship to", "shipping.address": "The shipping address",
	"webhook_address": "The address", "secret": "The signing secret", "events": "The list of events", "in_flight": "The number of deliveries at once", "shipping.country": "The shipping country", "shipping.region": "The shipping region", "shipping.postal_code": "The shipping postal code"}

// problemsOf are the problems of a refusal, each a sentence that names its field.
func problemsOf(err error) []web.Problem {
	list := web.Problems(err)
	for i, p := range list {
		word := fieldWords[p.Field]
		if strings.HasPrefix(p.Field, "line-") {
			word = "The amount of this line"
		}
		if word == "" {
			word = catalogWord(p.Field)
		}
		if word != "" && p.Message != "" {
			list[i].Message = word + " " + strings.ToLower(p.Message[:1]) + p.Message[1:] + "."
		}
	}
	return list
}
