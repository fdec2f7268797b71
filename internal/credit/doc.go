// Package credit is the money that a customer has in credit with the merchant, which
// later invoices use up before anything is charged.
//
// It owns: one balance for each customer and currency, and the entries that made it.
//
// It does not own: why credit arises or what uses it. Whoever adds or takes it posts
// the ledger entries beside it.
//
// A balance is never below zero. An entry above zero gives credit, one below zero takes
// it; entries are append-only, and each tells the balance that it left.
//
// Two that change one balance at the same time both find it at the version that they
// read, or one of them is a version conflict and runs again: the books are exact
// whatever the engine isolates. Balances are saved in bulk, so that a renewal run pays
// three statements for all of its customers with credit and none when there is none.
package credit
