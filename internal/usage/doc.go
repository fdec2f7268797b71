// Package usage counts what customers use: meters, the records that arrive, the
// counters that invoices read, and prepaid units.
//
// It owns: meters; records, one for each key; a counter for each (subscription, meter,
// period), kept when usage is recorded, so that an invoice never reads records; the
// distinct values of meters that count them; and what customers have prepaid.
//
// It does not own: what units cost and what a period includes (catalog), nor when a
// period begins (subscription).
//
// Once. A record is known by its subscription, its key and the UTC day of its instant.
// Sent again it changes nothing, and the answer tells what became of the first. The day
// is part of it because senders choose keys at random: rows of one day lie together,
// and a subscription's usage is found without a second index. So whoever repeats a
// record repeats its instant; whoever gives none gets the time of arrival, and the key
// is then looked for on that day and on the day before, so that a repetition over
// midnight counts once. A record that was refused keeps its key.
//
// Order. A counter comes out the same whatever the order in which records arrive: a sum
// is a sum, the largest is the largest, the last is the one with the latest instant (of
// two at one instant the larger), and distinct values are kept one by one.
//
// Closing. A counter is closed in the transaction that makes its invoice. From then on
// the database itself refuses to count into it, and a record that comes later is placed
// by Place.
//
// Prepaid units are drawn when usage is recorded. A balance may fall below zero by what
// was recorded, because usage has happened whether it was paid for or not. What refills it
// is the last sale of a price that says so; commerce bounds how often that happens at once.
package usage
