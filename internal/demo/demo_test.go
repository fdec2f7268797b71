package demo_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/demo"
	"perennial/internal/event"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// A small business is lived for a year on both engines: it sells, loses customers,
// gives money back, and its books agree with the gateway's.
func TestBuildLivesABusiness(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		ctx := context.Background()
		d := open()
		machine := clock.NewManual(time.Date(2026, 3, 15, 9, 30, 0, 0, time.UTC))
		gateways := map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(d, machine, sandbox.Options{})}
		s := commerce.New(d, machine, gateways, nil, slog.New(slog.DiscardHandler))
		said := 0
		made, err := demo.Build(ctx, s, demo.Options{Seed: 7, Customers: 40, Past: 365 * 24 * time.Hour, Now: machine.Now(), Progress: func(float64, string) { said++ }})
		if err != nil {
			t.Fatal(err)
		}
		if made.Customers < 30 || made.Run.Collected < 80 || made.Run.Declined == 0 || said == 0 || made.Password == "" {
			t.Errorf("the business was too quiet: %+v, progress %d times", made, said)
		}
		r := report.New(d, machine)
		a, now, err := r.Account(ctx, made.Account)
		if err != nil || !now.Equal(machine.Now()) {
			t.Errorf("the account's clock stands at %s, want the machine's %s (%v)", now, machine.Now(), err)
		}
		books, err := r.Books(ctx, a.ID, gateways)
		if err != nil || !books.Balanced() {
			t.Errorf("the books do not balance: %v %v", books.Differences, err)
		}
		last, before := machine.Now(), id.Event(0)
		for {
			page, err := r.Events(ctx, a.ID, event.Filter{Before: before, Limit: 200})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				if e.At.After(last) {
					t.Errorf("%s of %s was written before something of %s: not in the order in which it fell due", e.Kind, e.At, last)
				}
				last, before = e.At, e.ID
			}
			if len(page) == 0 {
				break
			}
		}
		if books.Charges == 0 || books.Payments == 0 {
			t.Errorf("nothing was charged: %+v", books)
		}
	})
}
