// Package customer is who buys.
//
// It owns: a customer's contact and billing facts, and what they were before each
// edit, because documents are frozen copies.
//
// It does not own: subscriptions, payment methods, invoices or anything that the
// customer has.
//
// Invariants: an e-mail address, when there is one, is unique in the account and
// stored in lower case; each edit raises the version and keeps the facts of the
// version before.
package customer
