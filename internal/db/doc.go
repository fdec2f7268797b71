// Package db keeps rows. It opens an embedded SQLite file or a PostgreSQL
// database, migrates it, and runs transactions on it; nothing above it knows
// which of the two it is.
//
// There is one SQL text for both engines, with $1 binds. What differs is here:
// how a transaction begins and ends, the words of the migrations, error codes,
// row locks, and the two bodies of the bulk helper.
//
// A transaction is a closure. On SQLite one goroutine owns the only writing
// connection and runs many closures in one transaction, each under a savepoint,
// so that they share the wait for the disk; the caller gets its answer when its
// work is durable. A closure may run more than once and must not have effects
// outside of the database.
//
// An Update has three outcomes: done (nil), refused (any other error: nothing
// was stored) and unknown (IsUnknown: the commit was sent and its answer was
// lost). Unknown is settled by reading what was to be written, never by doing it
// again blindly.
package db
