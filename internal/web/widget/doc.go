// Package widget is what a merchant's own site shows of ours in a frame: plans to choose
// from, a button that opens them, and the customers' log-in. The script that sites load, the
// addresses and the messages between frame and page are those of PayWhirl's widgets, so that
// pasted code goes on to work; README.md of internal/compat/paywhirl has the contract.
//
// What is bought is bought in the hosted checkout, outside of the frame. Nothing here keeps a
// session: a token, or address and password, show one page.
package widget
