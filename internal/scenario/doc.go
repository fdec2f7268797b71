// Package scenario runs stories about a business that are written as text, one
// line for each thing that somebody does or that should have happened:
//
//	account zone Europe/Berlin currency EUR tax 0.19
//	at 2026-01-31
//	price basic 10.00 every month
//	customer ada with tok_visa
//	ada subscribes to basic
//	expect ada subscribed
//	expect ada invoice paid 11.90
//	at 2026-02-28
//	expect ada invoice paid 11.90
//	expect ada renewed
//	at 2026-03-30
//	expect nothing
//	expect books balance
//
// "at" advances the clock of the story's sandbox account, and everything due on
// the way happens. Expectations that stand together must name everything that
// happened since the expectations before them: what happened and is not named is
// a failure, too. A line "refused CODE: …" is something that must be refused.
// docs/scenarios.md has the whole language.
package scenario
