// Package metrics is what a business earns each month, and why that changed.
//
// It owns: the facts (what a measured subscription was worth from an instant on), the
// movements that definition sets derive from them, the roll-ups that are kept with the
// facts, and the users, plans and subscriptions that other systems push to be measured.
//
// It does not own: subscriptions, prices and customers; a fact carries a copy of what it
// needs of them, and names them by their ids.
//
// # From facts to numbers
//
//	facts of a customer, in the order of their instants
//	  -> Deriver, by the rules of one Set -> Lines (day, kind, terms, amount)
//	  -> Cells, summed by day and month, for the company, each plan and each cohort
//
// A fact is a state, not a difference: "from this instant on the subscription brings
// 12.00 a month". So one that is written later for an earlier instant, or one that takes
// another back, needs nothing but deriving the customer anew. What is kept in roll-ups is
// the sum of the lines, and a write adds the difference between the lines of its customers
// after it and before it. Rebuild sums all of them again and comes to the same.
//
// # Invariants
//
//   - Facts are never changed or removed. A correction is a fact that names the one it
//     takes back; a customer who is excluded or deleted has a fact that says so.
//   - Every figure is a sum of lines, so that the lines behind it explain it exactly.
//   - The movements of a period sum to the change of the balance in it, for the company,
//     for each plan and under each filter.
//   - Days and months are those of one zone, which State names.
package metrics
