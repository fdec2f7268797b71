// Package outbox remembers what is owed to the outside: one delivery for each
// event and each endpoint that wants it, written in the transaction that wrote
// the event. It decides when a delivery is tried, tried again and given up, and
// it is the merchant's delivery log.
//
// It does not own how a delivery is made (that is a door, which the Deliverer is
// given as a function), nor what an event means, nor how a body is spelt.
//
// A delivery is waiting, then delivered or dead; a replay makes it wait again.
// Its body is rendered once, by the first claim, and stored before it is sent:
// every later try sends the same bytes. A claim counts as a try and leases the
// row by moving the instant at which it is next due; whoever dies with a lease
// loses it when that instant comes. So each event reaches each endpoint at least
// once, and twice only when an answer was lost.
//
// Delivery time is the machine's. Events carry the time of their account, which
// in a sandbox may be another one.
package outbox
