// Package payment is how money is asked for and comes back.
//
// It owns: payment methods (a gateway's token and what may be shown of it),
// payments (one attempt to collect one invoice), refunds, the classes of decline,
// and the interface that every gateway fulfils.
//
// It does not own: what is owed (invoice), what follows from a decline (the
// stories), nor any card number: only tokens ever reach it.
//
// Life of a payment: pending, written before the gateway is asked; then succeeded
// or declined, for ever. A pending payment whose outcome is not known is asked for
// again under the same key, at AskAt, and never sent under another.
//
// Invariants: an invoice has at most one payment that is pending or succeeded (a
// unique index); refunds never exceed the payment (a check in the database); the
// key that the gateway sees is derived from the payment's id, so that the same
// intent always carries the same key.
package payment
