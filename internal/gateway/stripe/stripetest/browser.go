package stripetest

import (
	_ "embed"
	"encoding/json"
	"net/http"
)

//go:embed stripe.js
var script []byte

// Script is the address of a stand-in for Stripe's script. In a page it draws a choice
// of cards instead of fields, in a frame of this server as Stripe's are: "works",
// "declined", "confirm", "debit".
func (s *Stripe) Script() string { return s.URL + "/stripe.js" }

// PublishableKey is the key that the stand-in takes.
const PublishableKey = "pk_test_0000000000000000"

// cards are what the stand-in offers.
var cards = map[string]Card{
	"works":    {},
	"declined": {Decline: "insufficient_funds"},
	"confirm":  {Confirm: true},
	"debit":    {Type: "sepa_debit", LastFour: "3000"},
}

// browser answers what the stand-in and its frame ask for; it reports whether it did.
func (s *Stripe) browser(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	switch r.URL.Path {
	case "/stripe.js":
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	case "/frame":
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!DOCTYPE html><html lang="en"><title>Card</title><p>Card fields in a frame</p><script>parent.postMessage("frame", "*")</script>`))
	case "/browser/method":
		card, known := cards[r.FormValue("card")]
		if !known || r.FormValue("key") != PublishableKey {
			http.Error(w, "no such card", http.StatusBadRequest)
			return true
		}
		s.answer(w, map[string]string{"id": s.Method(card)})
	case "/browser/act":
		if err := s.Act(r.FormValue("secret"), r.FormValue("confirmed") == "true"); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return true
		}
		s.answer(w, map[string]string{})
	default:
		return false
	}
	return true
}

func (s *Stripe) answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}
