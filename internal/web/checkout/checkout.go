// Package checkout is what a buyer sees: the hosted checkout of a product and the
// page after the purchase. It computes nothing: every amount is commerce.Quote's,
// every sale is commerce.Sell.
package checkout

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/report"
	"perennial/internal/web"
)

// TestCard is a card number that the checkout of a sandbox account offers.
type TestCard = web.TestCard

// Options says where the pages run.
type Options struct {
	Clock clock.Clock  // the machine's; nil means clock.System
	Log   *slog.Logger // nil means slog.Default
	// TokenFor is the sandbox gateway's token for a test card number; it plays the
	// part that a gateway's own form plays in a live checkout. The number goes
	// nowhere else. Nil means that nothing can be bought with a card.
	TokenFor  func(number string) (token string, ok bool)
	TestCards []TestCard // listed beside the card form
	// Answer plays the customer of a sandbox who confirms a payment with their bank, or
	// refuses to: secret is that of the payment's step. Nil: nobody can.
	Answer func(ctx context.Context, account id.Account, secret string, agree bool) error
	// StripeScript is where Stripe's script comes from; "" means Stripe's own address.
	StripeScript string
	// PDF writes the paper of an invoice; nil leaves the link to it out.
	PDF func(w io.Writer, v report.InvoiceView) error
}

type shop struct {
	commerce *commerce.Service
	report   *report.Reader
	o        Options
}

// maxForm is the largest form that is read, in bytes.
const maxForm = 64 << 10

// New makes the handler of /c/{slug} and /o/{token}. It adds the security headers
// of web and refuses cross-origin posts itself.
func New(s *commerce.Service, r *report.Reader, o Options) http.Handler {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	h := &shop{commerce: s, report: r, o: o}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /c/{slug}", h.open)
	mux.HandleFunc("POST /c/{slug}", h.buy)
	mux.HandleFunc("GET /c/{slug}/total", h.total)
	mux.HandleFunc("POST /c/{slug}/lead", h.seen)
	mux.HandleFunc("GET /o/{token}", h.order)
	mux.HandleFunc("POST /o/{token}/confirm", h.confirm)
	mux.HandleFunc("GET /o/{token}/invoice.pdf", h.invoice)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.missing(w, r) })
	forms := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		mux.ServeHTTP(w, r)
	})
	return web.Headers(http.NewCrossOriginProtection().Handler(forms))
}

func (h *shop) missing(w http.ResponseWriter, r *http.Request) {
	p := web.PublicPage{Title: "Nothing is sold at this address", Preferences: web.PreferencesOf(r)}
	web.Render(w, r, http.StatusNotFound, sorry(p, "The link may be old or not complete. Ask whoever gave it to you for a new one."))
}

// fail answers a failure before a checkout is known, or one that no form explains.
func (h *shop) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.As(err)
	if f.Kind == fault.NotFound {
		h.missing(w, r)
		return
	}
	status, text := http.StatusServiceUnavailable, "This page cannot be shown right now. Nothing was charged by opening it. Try again in a minute."
	switch f.Kind {
	case fault.Unavailable, fault.Limited:
	case fault.Invalid:
		status, text = http.StatusUnprocessableEntity, "The form could not be read. Nothing was charged."
	default:
		h.o.Log.ErrorContext(r.Context(), "a checkout page failed", "err", err)
		status = http.StatusInternalServerError
	}
	web.Render(w, r, status, sorry(web.PublicPage{Title: "This did not work", Preferences: web.PreferencesOf(r)}, text))
}
