// Package affiliate is who brings buyers to a merchant for a share of what they pay.
//
// It owns: affiliates, the programmes of campaigns and who may promote them, clicks on
// affiliates' links, referrals (which sale was brought by whom), commissions, and payouts.
//
// It does not own: sales, invoices and payments that commissions come from, coupons that
// name an affiliate, the entries of the ledger.
//
// Life: an affiliate asks to promote a campaign and is approved or declined. A click on
// their link, or one of their coupons, makes a sale a referral. Each payment of it earns a
// commission, which is held for some days, then due, then paid out; what a refund takes
// back of the payment is taken back of the commission.
//
// Invariants: one commission for each (payment or refund or dispute, tier); what a payment's
// commissions sum to is what its rule gives for the part of the payment that was kept, to
// the minor unit: a full refund leaves nothing, and commissions of all tiers never exceed
// what was kept. A row is never changed but to be paid out or denied; corrections are rows.
package affiliate
