// Package incoming is the door at which payment gateways knock: one address for each
// gateway account, /hooks/gw_…. A request is verified on the bytes that came, kept and
// answered; what it is about is worked off later, and asked of the gateway, because
// anybody can send anything here.
//
// A request that is not signed and one for an account that is not there get the same
// answer: who guesses learns nothing.
package incoming

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Address is the address of a gateway account below the server's own.
func Address(gateway id.GatewayAccount) string { return "/hooks/" + gateway.String() }

// maxBody bounds a request: gateways send some kilobytes.
const maxBody = 256 << 10

// New makes the door. Woken is called when something was kept.
func New(s *commerce.Service, woken func(), log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks/{gateway}", func(w http.ResponseWriter, r *http.Request) {
		err := receive(s, w, r)
		switch {
		case err == nil:
			woken()
			answer(w, http.StatusOK, "")
		case fault.Is(err, fault.Invalid), fault.Is(err, fault.NotFound):
			log.WarnContext(r.Context(), "a request to a gateway's address was refused", "request", w.Header().Get("X-Request-Id"), "gateway", named(r))
			answer(w, http.StatusBadRequest, "The request is not signed by the gateway for this address, or is too old.")
		default:
			log.ErrorContext(r.Context(), "a gateway's notice could not be kept", "request", w.Header().Get("X-Request-Id"), "gateway", named(r), "err", err)
			w.Header().Set("Retry-After", "30")
			answer(w, http.StatusServiceUnavailable, "The notice was not kept. Send it again.")
		}
	})
	return mux
}

// receive reads a request and keeps its notice.
func receive(s *commerce.Service, w http.ResponseWriter, r *http.Request) error {
	gateway, err := id.Parse[id.GatewayAccount](r.PathValue("gateway"))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "the body did not arrive whole, or is too large")
	}
	return s.Receive(r.Context(), commerce.Noticed{Gateway: gateway, Header: r.Header.Get, Body: body})
}

// named is the gateway account that an address names, "" when it names none: the log holds
// nothing that a stranger chose.
func named(r *http.Request) string {
	gateway, err := id.Parse[id.GatewayAccount](r.PathValue("gateway"))
	if err != nil {
		return ""
	}
	return gateway.String()
}

func answer(w http.ResponseWriter, status int, detail string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusOK {
		w.WriteHeader(status)
		return
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail}) // the sender may be gone
}
