// Package link is the secure links that a customer gets: an address that lets one
// person do one thing once, without signing in.
//
// It owns: links, the purposes they have and how long each lives, their secrets, and how
// often a person may ask for one.
//
// It does not own: what is done through a link (the stories), nor the mail that carries
// it.
//
// Life of a link: minted; then used, expired, or replaced by a newer one of the same
// purpose and subject. Looking at a link changes nothing, because mail scanners look at
// all of them; only using it does.
//
// Invariants: a link is bound to one account, customer, purpose and subject; it is used
// at most once, whoever comes at the same moment; its secret is stored nowhere: the row
// has a hash, and whoever sends the link derives the secret anew from the keys of the
// installation.
package link
