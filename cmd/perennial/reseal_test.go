package main

import (
	"io"
	"strings"
	"testing"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/gateway/stripe"
	"perennial/internal/mail"
	"perennial/internal/payment"
	"perennial/internal/seal"
	"perennial/internal/server"
	"perennial/internal/webhook"
)

// After a reseal the old key can be taken away: nothing needs it any more.
func TestReseal(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := &place{Data: folder(t)}
			if engine == db.PostgreSQL {
				p.Database = dbtest.Options(t, dbtest.New(t, engine)).URL
			}
			first, second := seal.New(), seal.New()
			with := func(text string, do func(h *house)) {
				t.Helper()
				h, err := p.open(t.Context(), server.NewLog(io.Discard), func(*place) (*seal.Keys, error) { return seal.Parse(text) }, 0)
				if err != nil {
					t.Fatal(err)
				}
				do(h)
				if err := h.close(); err != nil {
					t.Fatal(err)
				}
			}
			ok := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			by := event.Actor{Kind: event.ByOperator, Name: "test"}
			call := commerce.Call{Actor: by}
			with(first, func(h *house) {
				made, err := h.service.CreateAccount(t.Context(), commerce.CreateAccount{Actor: by, Name: "Shop", Email: "shop@example.com", Mode: account.Sandbox})
				ok(err)
				call.Account = made.Account.ID
				headers, err := webhook.SealHeaders(h.keys, call.Account, map[string]string{"Authorization": "Bearer abc"})
				ok(err)
				_, err = h.service.CreateEndpoint(t.Context(), commerce.CreateEndpoint{Call: call, Address: "https://example.com/hook",
					Secret: webhook.SealSecret(h.keys, call.Account, webhook.NewSecret()), Headers: headers})
				ok(err)
				own := mail.Server{Host: "mail.example.com", Port: 587, User: "shop", Password: "the password", From: "shop@example.com"}
				sealed, err := own.Seal(h.keys, call.Account)
				ok(err)
				_, err = h.service.SetMailServer(t.Context(), commerce.SetMailServer{Call: call, Address: own.Address(), Sealed: sealed})
				ok(err)
				for range 3 {
					_, err = h.service.CreateGateway(t.Context(), commerce.CreateGateway{Call: call, Kind: stripe.Kind, Name: "Stripe",
						Settings: payment.GatewaySettings{PublishableKey: "pk_test_" + strings.Repeat("a", 24)}, Secrets: payment.GatewaySecrets{APIKey: "sk_test_" + strings.Repeat("a", 24)}})
					ok(err)
				}
			})
			for i, want := range []commerce.Resealed{{Endpoints: 2, Gateways: 3}, {}} {
				with(second+","+first, func(h *house) {
					done, err := h.service.Reseal(t.Context(), call.Account, reseals(h.keys))
					if err != nil || done != want {
						t.Fatalf("time %d: %+v, %v; want %+v", i+1, done, err, want)
					}
				})
			}
			with(second, func(h *house) {
				if done, err := h.service.Reseal(t.Context(), call.Account, reseals(h.keys)); err != nil || done != (commerce.Resealed{}) {
					t.Errorf("with the new key alone: %+v, %v", done, err)
				}
				list, err := h.service.GatewaysOf(t.Context(), call.Account)
				if err != nil || len(list) < 3 {
					t.Errorf("%d gateways open with the new key alone, %v", len(list), err)
				}
			})
			with(first, func(h *house) {
				if _, err := h.service.Reseal(t.Context(), call.Account, reseals(h.keys)); err == nil || !strings.Contains(err.Error(), "cannot be sealed again") {
					t.Errorf("with the old key alone: %v", err)
				}
			})
		})
	}
}
