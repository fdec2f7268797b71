// Package coupon is what buyers are promised off, how often, and for how long.
//
// It owns: coupons and their limits, each redemption, and the arithmetic of discounts.
//
// It does not own: the invoices that a discount is taken from, nor the taxes on what
// is left.
//
// # Redeeming
//
// A coupon counts its redemptions in its own row and those of each customer in a row
// beside it. Both counts rise in an update whose condition is the limit, so the last
// redemption goes to one buyer whatever the engine isolates. A sale that is declined
// gives its redemption back. Limits are those that the coupon has at the moment of the
// redemption. Dates are days in the merchant's zone, the last one included.
//
// A subscription keeps a Discount, a copy of the terms: editing or archiving the
// coupon changes nothing that was sold.
//
// # What a discount is taken from
//
// Lines of a period, a one-time product, a split payment and a paid trial are
// discounted. The setup fee is only where the coupon includes it, and so is shipping.
// Overage and bumps never are. A free trial has nothing to take off. Lines below zero, such as
// the credit of a change, are left alone.
//
//	applies to      the first charge             later charges
//	                whole       split            whole       split
//	first           yes         yes              -           -
//	first_no_split  yes         -                -           -
//	rebills         -           -                yes         -
//	split           -           yes              -           yes
//	all_no_split    yes         -                yes         -
//	all             yes         yes              yes         yes
//
// A setup fee and a paid trial count as whole.
//
// # How much is taken off
//
//   - Several discounts apply in the order in which they were given, each to what the
//     earlier ones left.
//   - A percentage is taken of each line and rounded half up there.
//   - A fixed amount is spread over the lines in proportion to what is left of them,
//     and sums exactly.
//   - No line, and so no total, goes below zero. A fixed amount that is larger than
//     what is left takes what is left. Its rest expires: it is neither carried over
//     nor paid out, and the charge counts as one cycle.
//   - A cycle is used only when something was taken off. A free period costs none.
//   - A discount that cannot be combined stands alone. At most MaxStack are combined,
//     and none of them twice. One that has no cycles left is not counted.
//   - A fixed amount in another currency is converted once, when it is redeemed, and
//     rounded half up.
package coupon
