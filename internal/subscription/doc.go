// Package subscription is what a customer is subscribed to, and when something
// about it falls due.
//
// It owns: the terms as they were sold (a copy: price, quantity, interval), the
// billing periods counted from an anchor, and the state machine.
//
// It does not own: invoices and payments of the periods, nor what the catalog
// says today.
//
// Life: trialing (its parts end at period -1, until TrialTo) -> active (period 0, 1, 2 …)
// <-> past_due (its invoice is unpaid; tried again as its recovery policy says) or paused -> canceled,
// from where it can be reactivated.
// Every change of state happens through a method here that is given now.
//
// Invariants: NextActionAt is set exactly while there is something to do; Period n
// is always computed from the anchor, never from the period before, and when the anchor
// moves the periods are numbered on; a lease only
// says who is acting, the row itself is the truth.
package subscription
