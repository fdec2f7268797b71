// Package account is the merchant's account and who may act for it.
//
// It owns: the account (live or sandbox, its currency, zone, clock and printed
// facts), its API keys, the people of its team, their log-ins, sessions and the
// one-time owner link.
//
// It does not own: the catalog, customers or money of the account; what a key or
// person may do with them is decided by the doors and stories.
//
// Life of a sandbox clock: standing at the machine's time plus an offset; Aim
// sets a target; the walk calls Reach at each instant where something falls due;
// at the target it stands again. A walk whose process died is continued.
//
// Invariants: a live account has no offset; a secret (key, session, link) is
// stored only as its SHA-256; a revoked key or ended session is refused from the
// next request on.
package account
