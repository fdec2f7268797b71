package commerce_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
)

// BenchmarkKeptMails is what a mail costs that is composed, stored and kept, in batches
// as they come after a renewal run.
func BenchmarkKeptMails(b *testing.B) {
	ctx := b.Context()
	d := dbtest.New(b, db.SQLite)
	c := clock.NewManual(start)
	bank := sandbox.New(dbtest.New(b, db.SQLite), c, sandbox.Options{})
	s := commerce.New(d, c, map[string]payment.Gateway{commerce.SandboxGateway: bank}, nil, slog.New(slog.DiscardHandler))
	fine := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	made, err := s.CreateAccount(ctx, commerce.CreateAccount{Name: "Acme", Email: "help@example.com", Mode: account.Sandbox})
	fine(err)
	call := commerce.Call{Account: made.Account.ID, Actor: event.Clock}
	product, err := s.CreateProduct(ctx, commerce.CreateProduct{Call: call, Name: "Tea"})
	fine(err)
	price, err := s.CreatePrice(ctx, commerce.CreatePrice{Call: call, Product: product.ID, Amount: money.Amount{Minor: 1000, Currency: "USD"}, Interval: period.Interval{Unit: period.Month, Count: 1}})
	fine(err)
	const many = 1000
	for i := range many {
		_, err := s.Sell(ctx, commerce.Sell{Call: call, Buyer: &commerce.CreateCustomer{Email: fmt.Sprintf("buyer%d@example.com", i), Buyer: customer.Buyer{Name: "Ada"}}, Price: price.ID, Token: "tok_visa", Source: "bench"})
		fine(err)
	}
	fine(s.SettleMails(ctx, made.Account.ID))
	b.ResetTimer()
	n := 0
	var spent time.Duration
	for n < b.N {
		b.StopTimer()
		c.Add(31 * 24 * time.Hour)
		_, err := s.RunAccount(ctx, made.Account.ID)
		fine(err)
		b.StartTimer()
		began := clock.System{}.Now()
		fine(s.SettleMails(ctx, made.Account.ID))
		spent += clock.System{}.Now().Sub(began)
		n += many
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(n), "µs/mail")
}
