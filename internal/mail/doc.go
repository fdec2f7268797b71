// Package mail sends what package notice composed, by SMTP.
//
// It does not own what a mail says or when it is tried (the outbox). It owns how a
// mail is spelt on the wire, so that each try sends the same bytes; what the answers
// of a mail server mean; and how a server is reached: through TLS, unless it is on
// this machine.
package mail
