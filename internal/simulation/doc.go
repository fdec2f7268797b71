// Package simulation lets a merchant live for years, by chance, and looks after
// every step whether the books are still right.
//
// Everything that happens is drawn from one seed: the merchant's zone, currency
// and tax, the prices, the customers and their cards, what they do and when, what
// the line to the gateway loses, and at which write the process dies. The same
// seed gives the same history (identifiers and secrets differ), on every engine.
//
// The history does not say where the process died or in how many strides a clock
// was advanced: neither may leave a trace. So the same seed must have one history with
// and without Options.Strides, and with and without Options.Faults; to compare two of
// them is the strictest check of this package.
//
// A new story is one more entry in the list of actions in actions.go.
package simulation
