// Package notice is the mails: which there are, what each says, in which language and
// under whose name, and who does not want them.
//
// It owns: the closed list of mails and the event behind each, their texts and how a
// text becomes a message, a merchant's own texts, the look of the messages, the
// addresses that get none, and the log of what was written to whom.
//
// It does not own: when something happens (the stories), the facts that a mail states
// (report), how it travels (the outbox and the door mail), secure links (a mail holds a
// marker for one).
//
// Life of a mail: an event is owed to the account's built-in endpoint; the claim
// composes the mail and stores it; then it is sent, or kept to be looked at. What was
// composed is never composed again: every try sends the same bytes.
//
// Invariants: an event causes at most one mail; what a mail must state by law or by the
// rules of the card networks cannot be switched off; nothing of a text is evaluated
// but placeholders from a closed list; values are escaped where they stand.
package notice
