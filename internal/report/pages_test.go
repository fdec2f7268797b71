package report_test

import (
	"log/slog"
	"testing"
	"time"

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
	"perennial/internal/report"
)

// Revenue is told by the months of the account's zone, without tax, less refunds,
// and a quote is what the sale then charges.
func TestRevenueByMonth(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		ctx := t.Context()
		// 23:30 UTC on 31 October is November in Berlin already.
		machine := clock.NewManual(time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC))
		s := commerce.New(d, machine, map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(d, machine, sandbox.Options{})}, nil, slog.New(slog.DiscardHandler))
		r := report.New(d, machine)
		by := event.Actor{Kind: event.ByOperator, Name: "test"}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		made, err := s.CreateAccount(ctx, commerce.CreateAccount{Actor: by, Name: "Green Press", Email: "help@example.com", Mode: "sandbox", Currency: "EUR", Zone: "Europe/Berlin"})
		must(err)
		call := commerce.Call{Account: made.Account.ID, Actor: by}
		rate, err := money.ParseRate("0.19")
		must(err)
		_, err = s.UpdateAccount(ctx, commerce.UpdateAccount{Call: call, TaxRate: &rate})
		must(err)
		product, err := s.CreateProduct(ctx, commerce.CreateProduct{Call: call, Name: "Studio"})
		must(err)
		price, err := s.CreatePrice(ctx, commerce.CreatePrice{Call: call, Product: product.ID, Amount: money.Amount{Minor: 1000, Currency: "EUR"}, Interval: period.Interval{Unit: period.Month, Count: 1}, SetupFee: 500})
		must(err)
		quote, err := s.Quote(ctx, call.Account, price.ID, 3, commerce.Options{}, 0)
		must(err)
		sale, err := s.Sell(ctx, commerce.Sell{Call: call, Price: price.ID, Quantity: 3, Token: "tok_visa", Shown: &quote.Due, Buyer: &commerce.CreateCustomer{Email: "ines@example.com", Buyer: customer.Buyer{Name: "Ines"}}})
		must(err)
		if sale.Invoice.Total != quote.Due || quote.Due.Minor != 4165 || quote.Each.Minor != 3570 || quote.EachTax.Minor != 570 || !quote.NextAt.Equal(sale.Subscription.Span.To) {
			t.Errorf("quoted %+v, sold %+v", quote, sale.Invoice.Total)
		}
		if _, err := s.Quote(ctx, call.Account, price.ID, 0, commerce.Options{}, 0); err == nil {
			t.Error("a quantity of 0 was quoted")
		}
		_, err = s.Refund(ctx, commerce.Refund{Call: call, Payment: sale.Payment.ID, Amount: 1190})
		must(err)
		_, err = s.AdvanceClock(ctx, commerce.AdvanceClock{Call: call, To: machine.Now().AddDate(0, 1, 1)})
		must(err)
		a, now, err := r.Account(ctx, call.Account)
		must(err)
		months, err := r.Revenue(ctx, a, "EUR", now)
		must(err)
		if len(months) != 12 || months[10].From.In(a.Location()).Format("2006-01-02") != "2026-11-01" {
			t.Fatalf("%d months, the one before the last from %v", len(months), months[10].From)
		}
		if months[9].Net.Minor != 0 || months[10].Net.Minor != 2500 || months[11].Net.Minor != 3000 {
			t.Errorf("October %v, November %v, December %v", months[9].Net, months[10].Net, months[11].Net)
		}
		if other, err := r.Revenue(ctx, a, "USD", now); err != nil || other[11].Net.Minor != 0 {
			t.Errorf("in another currency %v, %v", other[11].Net, err)
		}
		page, err := r.PaymentPage(ctx, call.Account, 0, 10)
		must(err)
		if len(page) != 2 || page[0].Customer == nil || page[0].Invoice == nil || page[0].Method == nil {
			t.Errorf("payments: %+v", page)
		}
	})
}
