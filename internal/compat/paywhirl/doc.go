// Package paywhirl is the door for clients of PayWhirl: its version 2 at the root and its
// version 1 Beta under /api. It decodes, tells a story of commerce or asks for a report, and
// encodes; it keeps nothing of its own. README.md is the contract as it is implemented.
//
//   - door.go finds out who asks, within which limits, and answers in JSON whatever happens;
//   - route.go holds the table of addresses: a handler is given the caller and the parameters,
//     wherever the client put them;
//   - number.go tells the small integers of things, list.go pages over them;
//   - wire.go spells money, instants and flags;
//   - each other file is one row of objects.
package paywhirl
