package commerce_test

import (
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// A sale after whose last payment something follows that could not be billed is refused,
// before anything is charged.
func TestSaleWhoseFollowingPriceCannotBeBilled(t *testing.T) {
	onBoth(t, func(w *world) {
		big, plain := w.plan("Big", money.MaxMinor, catalog.Terms{}), w.plan("Plain", 2000, catalog.Terms{})
		between := w.plan("Between", 1, catalog.Terms{Payments: 1, NextPrice: big.ID})
		anywhere := w.plan("Anywhere", 2000, catalog.Terms{Convert: true})
		euro := map[money.Currency]catalog.Fixed{"EUR": {Amount: 950}}
		for name, c := range map[string]struct {
			next     catalog.Price
			currency money.Currency
			quantity int64
			kind     fault.Kind
			code     string
		}{
			"too large":              {big, "USD", 2, fault.Invalid, "amount_too_large"},
			"too large after two":    {between, "USD", 2, fault.Invalid, "amount_too_large"},
			"not sold in that":       {plain, "EUR", 1, fault.Invalid, ""},
			"no rate to sell it for": {anywhere, "EUR", 1, fault.Conflict, "no_exchange_rate"},
		} {
			first := w.plan(name, 1000, catalog.Terms{Payments: 1, NextPrice: c.next.ID, Currencies: euro})
			_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: first.ID, Token: "tok_visa", Quantity: c.quantity,
				Options: commerce.Options{Currency: c.currency}})
			w.refused(err, c.kind, c.code)
			_, err = w.s.Quote(w.Context(), w.acc, first.ID, c.quantity, commerce.Options{Currency: c.currency}, w.customer)
			w.refused(err, c.kind, c.code)
		}
		same(w, "invoices", len(w.invoices(0)), 0)
	})
}

// What was sold at an amount named in a currency goes on at the rate of the day on which
// the price that follows begins.
func TestFollowingPriceIsConverted(t *testing.T) {
	onBoth(t, func(w *world) {
		next := w.plan("Next", 2000, catalog.Terms{Convert: true})
		first := w.plan("First", 1000, catalog.Terms{Payments: 1, NextPrice: next.ID, Currencies: map[money.Currency]catalog.Fixed{"EUR": {Amount: 950}}})
		for days, rate := range []string{"0.8", "0.9", "0.5"} {
			w.advance(start.AddDate(0, 0, days*20))
			if days == 2 {
				break
			}
			_, err := w.s.SetExchangeRate(w.Context(), commerce.SetExchangeRate{Call: w.call, Currency: "EUR", Rate: w.decimal(rate)})
			w.ok(err)
			if days > 0 {
				continue
			}
			_, err = w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: first.ID, Token: "tok_visa", Options: commerce.Options{Currency: "EUR"}})
			w.ok(err)
		}
		list := w.invoices(0)
		same(w, "invoices", len(list), 2)
		same(w, "the first of what follows", list[1].Total, money.Amount{Minor: 1800, Currency: "EUR"})
	})
}

// A price that follows and cannot be billed any more is tried again each day, and only
// told to have begun when it has; then it is billed once.
func TestFollowingPriceThatCannotBeBilledYet(t *testing.T) {
	onBoth(t, func(w *world) {
		big := w.plan("Big", money.MaxMinor, catalog.Terms{})
		first := w.plan("First", 1000, catalog.Terms{Payments: 1, NextPrice: big.ID})
		sub := w.subscribed(first.ID, "tok_visa")
		tax := func(rate string) {
			name := "VAT"
			r, err := money.ParseRate(rate)
			w.ok(err)
			_, err = w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, TaxName: &name, TaxRate: &r})
			w.ok(err)
		}
		tax("0.1")
		w.advance(start.AddDate(0, 1, 2))
		same(w, "failed", w.kinds()[event.BillingFailed] > 1, true)
		same(w, "chained", w.kinds()[event.SubscriptionChained], 0)
		same(w, "price", w.sub(sub).Price, first.ID)
		tax("0")
		w.advance(start.AddDate(0, 1, 4))
		same(w, "chained", w.kinds()[event.SubscriptionChained], 1)
		list := w.invoices(sub)
		same(w, "invoices", len(list), 2)
		same(w, "billed", list[1].Total.Minor, int64(money.MaxMinor))
		same(w, "state", list[1].State, invoice.Paid)
		same(w, "price", w.sub(sub).Price, big.ID)
	})
}

// Late usage counts after each period of a price that follows, as it does of one that is sold.
func TestFollowingPriceWaitsForLateUsage(t *testing.T) {
	onBoth(t, func(w *world) {
		next := w.callsPrice(w.meter("calls", func(c *commerce.CreateMeter) { c.Grace = 48 * time.Hour }))
		first := w.plan("First", 1000, catalog.Terms{Payments: 1, NextPrice: next.ID})
		sub := w.subscribed(first.ID, "tok_visa")
		w.advance(start.AddDate(0, 1, 1))
		s := w.sub(sub)
		same(w, "price", s.Price, next.ID)
		same(w, "next renewal", s.NextActionAt.Sub(s.Span.To), 48*time.Hour)
		same(w, "state", s.State, subscription.Active)
	})
}
