// Package profitwell is the door for clients of ProfitWell: version 2 of its API under /v2,
// the older transactions under /v1, and what its script for browsers asks for. It decodes,
// tells a story of commerce or asks for a report, and encodes; it keeps nothing of its own.
// README.md is the contract as it is implemented.
//
//   - door.go finds out who asks, within which limits, and answers in JSON whatever happens;
//   - route.go holds the table of addresses;
//   - problem.go words refusals as these clients know them;
//   - wire.go spells ids, money, instants and intervals;
//   - each other file is one family of addresses.
package profitwell
