// Package paykickstart is the door for clients of PayKickstart: its API under /api, and its
// Instant Payment Notifications as a dialect of webhooks. It decodes, tells a story of
// commerce or asks for a report, and encodes; it keeps nothing of its own. README.md is the
// contract as it is implemented.
//
//   - door.go finds out who asks and answers in JSON whatever happens; route.go holds the
//     table of addresses, each of which takes GET and POST;
//   - number.go tells the small integers of things, and the ids PK-P… and PK-T…;
//   - wire.go spells money and instants, record.go what is told of a purchase;
//   - ipn.go composes notifications, sign.go signs them;
//   - each other file is one group of addresses.
package paykickstart
