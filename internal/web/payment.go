package web

import (
	"net/http"
	"net/url"
	"strings"
)

// The kinds of payment forms, by the kind of the gateway that takes the payment.
const (
	PayInSandbox = "sandbox"
	PayByStripe  = "stripe"
	PayByHand    = "manual"
)

// StripeScript is where Stripe's script comes from: always from Stripe itself, in the
// release that belongs to the version of Stripe's API that the program speaks.
const StripeScript = "https://js.stripe.com/dahlia/stripe.js"

// PaymentForm is the part of a form in which a customer says how they pay. What they
// choose is posted as payment_token; in a sandbox the test number is posted as card.
type PaymentForm struct {
	Kind    string // PayInSandbox …; anything else says that nothing can be paid
	Problem string // why the last try was refused

	Card  string // sandbox: the test number as typed
	Cards []TestCard

	Stripe StripeForm

	Instructions string // by hand: how to pay, in the merchant's words
}

// TestCard is a card number that a sandbox offers.
type TestCard struct {
	Number string // "4242 4242 4242 4242"
	Does   string // what it does, in a few words: "Works"
}

// StripeForm is what Stripe's script needs.
type StripeForm struct {
	Script    string // where it comes from; "" means StripeScript
	Key       string // the publishable key
	Connected string // the connected account; "" for the key's own
	Currency  string // in lower case
	Step      *BrowserStep
}

func (f StripeForm) script() string {
	if f.Script == "" {
		return StripeScript
	}
	return f.Script
}

// BrowserStep is what the customer has to do in the browser before it goes on.
type BrowserStep struct {
	Secret string // for the gateway's script
	Token  string // what is posted afterwards as payment_token; "" to load the page again instead
}

// AllowStripe lets one answer use Stripe's script, its frames and its API. Every other
// page keeps to our own files. It is called before the page is drawn.
func (f StripeForm) AllowStripe(h http.Header) {
	from, api, frames, images := "https://js.stripe.com https://*.js.stripe.com", "https://api.stripe.com", "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com", "https://*.stripe.com"
	if f.Script != "" { // a stand-in for tests: one place for everything
		u, err := url.Parse(f.Script)
		if err != nil || u.Host == "" {
			return
		}
		from = u.Scheme + "://" + u.Host
		api, frames, images = from, from, from
	}
	h.Set("Content-Security-Policy", "default-src 'self'; script-src 'self' "+from+"; style-src 'self'; img-src 'self' data: "+images+
		"; connect-src 'self' "+api+"; frame-src "+frames+"; frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'")
	// A bank's page and a wallet may open in a window of their own, and a wallet asks the
	// browser for the payment.
	h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
	h.Set("Permissions-Policy", `camera=(), geolocation=(), microphone=(), payment=(self "https://js.stripe.com"), usb=()`)
}

// paragraphs are the lines of a text that say something.
func paragraphs(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}
