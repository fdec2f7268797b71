// Package recovery is how the money of a failed payment is won back.
//
// It owns: policies (when a declined charge is tried again, what the customer is told,
// what happens at the end), the decision that follows a failure, with its date and its
// reason in words, the limits of the card networks, which no policy exceeds, and cases:
// one row for each unpaid renewal on its way to be recovered or lost.
//
// It does not own: charges and their outcomes (payment), what a decision does to a
// subscription (subscription, and the stories), links and mails.
//
// Life of a case: open from the first failure that counts; then recovered, by whom and
// at which attempt, or lost, or kept unpaid until somebody pays, or closed because the
// debt was waived or the subscription was canceled by request.
//
// Invariants: a decision never names an instant before the failure, nor one at which a
// card network forbids a charge; what is never to be charged again is not charged by
// any schedule; an invoice has at most one case (a unique index).
package recovery
