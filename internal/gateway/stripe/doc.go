// Package stripe is the gateway to Stripe, through Stripe's own library.
//
// It owns: how a charge, a refund, a saved method, a dispute and a notice of ours are
// spelt at Stripe, and what Stripe's answers mean here. It keeps nothing: whatever it
// must know again it writes into the metadata of Stripe's objects and reads there.
//
// A charge is one PaymentIntent that is made and confirmed by one request under our
// key as the Idempotency-Key. Stripe answers a repeated key with its first answer, so
// an answer that was given before is only a reason to look at the intent as it is now.
// Stripe forgets keys after a day; the key is in the intent's metadata, too, and found
// there by search and, because the search lags, in the list of the newest intents.
//
// A saved method is "cus_…/pm_…": Stripe charges a method only for the customer to
// whom it belongs.
//
// An intent whose secret was given to a browser can come true there at any time. It
// is therefore cancelled before anybody is told that it was declined.
//
// What could tell a secret (the API key, an intent's client secret) is in no error:
// Stripe's errors are read, never wrapped.
package stripe
