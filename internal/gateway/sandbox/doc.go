// Package sandbox is the gateway of every sandbox account. It plays an outside
// company: it exchanges test tokens for cards that can be charged, remembers every
// charge and refund in books of its own, and misbehaves as its cards are told to.
// No money moves.
//
// It owns: the tables sandbox_card, sandbox_charge and sandbox_refund, which
// nothing else reads or writes. It does not own anything of the merchant: a
// difference between its books and theirs is a defect that "perennial books" finds.
//
// A charge is recorded once for each (account, key): whoever asks again gets the
// first outcome. Charges that arrive together are recorded together.
//
// No card number reaches this package's books: TokenForNumber turns the well-known
// test numbers into tokens, and every other number into nothing.
package sandbox
