// Package order is one purchase: who wanted what, and what became of it.
//
// It owns: the buyer's choice (price, quantity, payment method), and the links to the
// invoice and subscription that came of it.
//
// It does not own: the money, which is the invoice's and the payment's.
//
// Life: pending, written before the gateway is asked; then completed or failed,
// for ever. A thank-you page is opened with the order's token, which holds the
// account, the order and a secret of 80 random bits.
package order
