// Package question is what a merchant asks of every customer, and what they answered.
//
// It owns: the questions of an account, and the answers of customers, each once or for each
// of their further addresses.
//
// It does not own: customers and addresses; what is asked at one sale.
//
// Life: a question is asked, then archived; its answers stay.
//
// Invariants: a question's name is unique in the account and never changes; there is one
// answer for each (customer, question, address), and it fits the question's kind.
package question
