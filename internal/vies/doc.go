// Package vies asks the European Commission's register of VAT numbers (VIES) whether
// it knows a number. The register passes each question on to the member state that
// issued the number, and each of them is out of reach now and then.
//
// It does not own what a number looks like (tax.CheckID) nor what an answer means for
// an order (tax.IDState.After, tax.Resolve).
//
// Invariant: only a plain yes or no of the register is one. Whatever else comes, be it
// an error of the register, of a member state or of the network, or an answer that
// cannot be understood, is tax.Unavailable.
package vies
