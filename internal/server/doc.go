// Package server is the running program: the routes, what every request passes
// through, how it starts and stops, and the scheduler that does what falls due.
//
// It does not own what a route answers (the doors) nor what due work is (the
// stories of commerce).
package server
