// Package catalog is what a merchant sells.
//
// It owns: campaigns (the folder for a brand), products in a campaign, prices of a
// product (once or each interval, with trial, setup fee and quantity limit), and
// the slugs of checkout links.
//
// It does not own: what was sold at which price (a subscription keeps a copy of
// its terms), coupons, taxes.
//
// Life: active, then archived; an archived thing is not sold any more and stays
// for those who have it. A price that was sold is never edited: its amount and
// interval cannot change, a new price is made instead.
//
// Invariants: a price is in one currency; a one-time price has no interval and no
// trial; amounts are not negative.
package catalog
