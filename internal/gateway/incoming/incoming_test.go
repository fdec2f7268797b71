package incoming_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/gateway/incoming"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/seal"
)

// Who is not the gateway learns nothing: every refusal is the same, and nothing is kept.
func TestDoor(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d, c, log := open(), clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), slog.New(slog.DiscardHandler)
		bank := sandbox.New(d, c, sandbox.Options{Secret: "whsec_one"})
		s := commerce.New(d, c, map[string]payment.Gateway{commerce.SandboxGateway: bank}, nil, log)
		keys, err := seal.Parse(seal.New())
		must(t, err)
		s.UseGateways(keys, map[string]commerce.Opener{"sandbox": func(payment.GatewaySettings, payment.GatewaySecrets) (payment.Gateway, error) { return bank, nil }})
		made, err := s.CreateAccount(t.Context(), commerce.CreateAccount{Name: "Acme", Email: "help@example.com", Mode: account.Sandbox})
		must(t, err)
		gateway, err := s.CreateGateway(t.Context(), commerce.CreateGateway{Call: commerce.Call{Account: made.Account.ID}, Kind: "sandbox", Name: "Ours"})
		must(t, err)
		woken := 0
		door := incoming.New(s, func() { woken++ }, log)
		knock := func(address string, header map[string]string, body []byte) (int, string) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(body))
			for name, value := range header {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			door.ServeHTTP(w, r)
			text, err := io.ReadAll(w.Result().Body)
			must(t, err)
			return w.Code, string(text)
		}
		header, body := bank.Send(payment.Notice{Body: `{"id":"n1","kind":"charge","type":"charge.settled","key":"pay_0000000000001"}`}, c.Now())
		own := incoming.Address(gateway.ID)
		refused := ""
		for what, try := range map[string]func() (int, string){
			"unsigned":        func() (int, string) { return knock(own, nil, body) },
			"changed":         func() (int, string) { return knock(own, header, append([]byte(" "), body...)) },
			"unknown account": func() (int, string) { return knock(incoming.Address(id.New[id.GatewayAccount]()), header, body) },
			"no account":      func() (int, string) { return knock("/hooks/nobody", header, body) },
			"too large":       func() (int, string) { return knock(own, header, []byte(strings.Repeat("x", 1<<20))) },
		} {
			status, text := try()
			if refused == "" {
				refused = text
			}
			if status != http.StatusBadRequest || text != refused {
				t.Errorf("%s: %d %s", what, status, text)
			}
		}
		r := report.New(d, c)
		kept := func() int {
			list, err := r.Notices(t.Context(), made.Account.ID, 0, 10)
			must(t, err)
			return len(list)
		}
		if kept() != 0 || woken != 0 {
			t.Errorf("%d kept, %d woken", kept(), woken)
		}
		for range 3 {
			if status, text := knock(own, header, body); status != http.StatusOK || text != "" {
				t.Errorf("signed: %d %s", status, text)
			}
		}
		if kept() != 1 || woken != 3 {
			t.Errorf("%d kept, %d woken", kept(), woken)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
