// Package ledger is the double-entry record of every money fact.
//
// It owns: entries, and the books they debit and credit. An entry names one book
// that it debits and one that it credits, so an entry that does not balance cannot
// be written, and the sum over all books is zero by construction. What `perennial
// books` proves beyond that is that the books agree with the documents.
//
// It does not own: the documents themselves.
//
// Entries are append-only: what was wrong is reversed by another entry. They are
// kept by invoice, because that is how they are read.
package ledger
