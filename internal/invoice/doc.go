// Package invoice is what a customer owes for a sale or a period.
//
// It owns: invoices with their lines, the arithmetic of net, tax and total, credit notes
// that take them back, amounts that wait for the next invoice, and the gapless numbers
// of each series.
//
// It does not own: whether money came (payment), the names and addresses printed
// on it (frozen by the customer and account it names a version of), nor its PDF.
//
// Life: draft (a sale whose payment is not through; it has no number) -> open (issued,
// numbered, owed) -> paid; or void: a draft that came to nothing, or an open invoice
// that was taken back. Issued documents are never edited.
//
// Invariants: lines + tax = total; a number is given in the transaction that
// issues the invoice, so that the series has no gap; one invoice for each
// (subscription, period, reason, part), by a unique index.
package invoice
