package report_test

import (
	"log/slog"
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/report"
)

// What running subscriptions bring a month is what their periods cost: tiers, parts of a
// split price, own prices and converted ones as they are charged. What is billed on dates
// brings nothing by the month.
func TestRecurringRevenue(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		ctx := t.Context()
		machine := clock.NewManual(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
		s := commerce.New(d, machine, map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(d, machine, sandbox.Options{})}, nil, slog.New(slog.DiscardHandler))
		by := event.Actor{Kind: event.ByOperator, Name: "test"}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		decimal := func(text string) money.Decimal {
			v, err := money.ParseDecimal(text)
			must(err)
			return v
		}
		made, err := s.CreateAccount(ctx, commerce.CreateAccount{Actor: by, Name: "Acme", Email: "help@example.com", Mode: "sandbox", Currency: "USD"})
		must(err)
		call := commerce.Call{Account: made.Account.ID, Actor: by}
		_, err = s.SetExchangeRate(ctx, commerce.SetExchangeRate{Call: call, Currency: "JPY", Rate: decimal("150")})
		must(err)
		product, err := s.CreateProduct(ctx, commerce.CreateProduct{Call: call, Name: "Tea"})
		must(err)
		ten := decimal("10")
		tiers := &catalog.Charge{Model: catalog.Graduated, Tiers: []catalog.Tier{{UpTo: &ten, Unit: decimal("2")}, {Unit: decimal("1")}}}
		own := &catalog.Charge{Model: catalog.Flat, Unit: decimal("7")}
		month, year := period.Interval{Unit: period.Month, Count: 1}, period.Interval{Unit: period.Year, Count: 1}
		five := int64(500)
		for _, c := range []struct {
			every    period.Interval
			terms    catalog.Terms
			quantity int64
			options  commerce.Options
		}{
			{month, catalog.Terms{}, 2, commerce.Options{}},                                             // 20.00
			{year, catalog.Terms{}, 1, commerce.Options{}},                                              // 0.83
			{month, catalog.Terms{Charge: tiers, Convert: true}, 15, commerce.Options{}},                // 25.00
			{month, catalog.Terms{Charge: tiers, Convert: true}, 15, commerce.Options{Currency: "JPY"}}, // 3750
			{month, catalog.Terms{Charge: tiers}, 15, commerce.Options{UnitAmount: &five}},              // 75.00
			{month, catalog.Terms{}, 3, commerce.Options{Charge: own}},                                  // 7.00
			{month, catalog.Terms{Payments: 4, Split: true}, 1, commerce.Options{}},                     // 2.50
			{period.Interval{}, catalog.Terms{Dates: []catalog.Date{"2026-01-31", "2026-05-01"}}, 1, commerce.Options{}},
		} {
			p, err := s.CreatePrice(ctx, commerce.CreatePrice{Call: call, Product: product.ID, Amount: money.Amount{Minor: 1000, Currency: "USD"}, Interval: c.every, Terms: c.terms})
			must(err)
			_, err = s.Sell(ctx, commerce.Sell{Call: call, Price: p.ID, Quantity: c.quantity, Token: "tok_visa", Options: c.options, Buyer: &commerce.CreateCustomer{Email: "ada@example.com"}})
			must(err)
		}
		home, err := report.New(d, machine).Home(ctx, call.Account)
		must(err)
		want := []money.Amount{{Minor: 3750, Currency: "JPY"}, {Minor: 2000 + 83 + 2500 + 7500 + 700 + 250, Currency: "USD"}}
		if len(home.Recurring) != len(want) || home.Recurring[0] != want[0] || home.Recurring[1] != want[1] {
			t.Errorf("recurring a month: %v, want %v", home.Recurring, want)
		}
	})
}
