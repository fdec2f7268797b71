// Package dashboard is the pages with which a merchant's team works: setting up,
// signing in, and everything under /app/{account}. It holds no rules: every
// change is a story of commerce, every page a read of report.
package dashboard

import (
	"context"
	"log/slog"
	"net/http"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/report"
)

// TestCard is a sandbox payment token that the forms of sandbox accounts offer.
type TestCard struct {
	Token string // what is sent
	Does  string // what it does, in a few words: "Works"
}

// Options says where the pages run.
type Options struct {
	Clock clock.Clock  // the machine's; nil means clock.System
	Log   *slog.Logger // nil means slog.Default
	// Background ends when the server stops; work that outlives a request (a walk
	// of the sandbox clock) runs under it. Nil means context.Background.
	Background context.Context
	TestCards  []TestCard // offered where a sandbox account needs a payment method
}

// New makes the handler of /app, /app/…, /login, /logout, /setup and /preferences.
// It adds the security headers of web and refuses cross-origin posts itself.
func New(s *commerce.Service, r *report.Reader, o Options) http.Handler {
	return http.NotFoundHandler()
}
