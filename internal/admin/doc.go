// Package admin is the operator's door: the commands that change data, asked for
// by the command line. They reach a running server through a socket in its data
// folder that only the owner of the folder can open; without a server the command
// line serves the same handler to itself.
//
// A command is a POST to /{command} whose body is one line of JSON, followed by a
// file where the command takes one. The answer is lines of JSON: any number of
// {"progress": …}, then one {"result": …} or {"error": …}.
//
// It does not own what the commands do: each is a story of commerce or a read of
// report, done by event.ByOperator.
package admin
