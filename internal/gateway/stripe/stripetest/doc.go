// Package stripetest plays Stripe's HTTP surface for tests: a server with a memory
// that behaves as Stripe's documentation says, for as much of it as package stripe
// uses. It keeps idempotency keys and answers from them, declines, wants the customer
// to confirm, settles debits later, opens disputes, writes events, and loses requests
// and answers when it is told to.
package stripetest
