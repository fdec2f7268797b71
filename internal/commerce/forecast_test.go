package commerce_test

import (
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/money"
)

// What is foretold is what is charged: each instalment, and what follows the last.
func TestForecastOfInstalments(t *testing.T) {
	onBoth(t, func(w *world) {
		follows := w.price(monthly)
		price := w.price(monthly, func(c *commerce.CreatePrice) {
			c.Amount = usd(1000)
			c.Terms = catalog.Terms{Payments: 3, Split: true, NextPrice: follows}
		})
		q, err := w.s.Quote(w.Context(), w.acc, price, 1, commerce.Options{}, 0)
		w.ok(err)
		same(w, "due", q.Due, usd(334))
		same(w, "charges to come", len(q.Later), 2)
		same(w, "follows", q.Follow != nil && q.Follow.Price.ID == follows && q.Follow.Each == usd(1000), true)
		sub := w.subscribed(price, "tok_visa")
		w.advance(q.Follow.At)
		list := w.invoices(sub)
		same(w, "invoices", len(list), 4)
		for i, later := range q.Later {
			same(w, "instalment", list[i+1].Total, later.Total)
		}
		same(w, "after the last", list[3].Total, q.Follow.Each)
	})
}

// The forecast goes on until discounts and fees that come again have shown themselves.
func TestForecastOfDiscountsAndFees(t *testing.T) {
	onBoth(t, func(w *world) {
		_, err := w.s.CreateCoupon(w.Context(), commerce.CreateCoupon{Call: w.call, Coupon: coupon.Coupon{Code: "HALF", Kind: coupon.Percent, Percent: rate(w, "0.5"), AppliesTo: coupon.All, Cycles: 3}})
		w.ok(err)
		price := w.price(monthly, func(c *commerce.CreatePrice) { c.SetupFee, c.Terms = 200, catalog.Terms{SetupEvery: 4} })
		q, err := w.s.Quote(w.Context(), w.acc, price, 1, commerce.Options{Coupons: []string{"half"}}, 0)
		w.ok(err)
		same(w, "due", q.Due, usd(700))
		want := []int64{500, 500, 1000, 1200}
		same(w, "charges", len(q.Later), len(want))
		for i, later := range q.Later {
			same(w, "charge", later.Total, usd(want[i]))
			same(w, "with the fee", later.Setup, i == 3)
		}
	})
}

// A first period that is cut short costs what was shown, however long the buyer read,
// and an hour later what it costs then.
func TestSellAsQuoted(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly, func(c *commerce.CreatePrice) { c.Amount, c.Terms = usd(90_000_000), catalog.Terms{AnchorDay: 10} })
		q, err := w.s.Quote(w.Context(), w.acc, price, 1, commerce.Options{}, 0)
		w.ok(err)
		same(w, "short", q.Short, true)
		w.clock.Add(10 * time.Minute)
		sell := commerce.Sell{Call: w.call, Buyer: &commerce.CreateCustomer{Email: "eve@example.com", Buyer: customer.Buyer{Name: "Eve"}}, Price: price, Token: "tok_visa", Shown: &q.Due}
		_, err = w.s.Sell(w.Context(), sell)
		if err == nil {
			w.Fatal("the price of a moment ago was charged without being asked for")
		}
		sell.Options.QuotedAt = q.At
		sale, err := w.s.Sell(w.Context(), sell)
		w.ok(err)
		same(w, "charged", sale.Invoice.Total, q.Due)
		same(w, "starts", sale.Subscription.Span, q.First)
		w.clock.Add(commerce.QuoteHolds)
		sell.Buyer.Email = "eva@example.com"
		if _, err = w.s.Sell(w.Context(), sell); err == nil {
			w.Fatal("a quote held for more than an hour")
		}
	})
}

// A guest is charged what a stranger is quoted, also when the address is a customer's.
func TestGuestsAreNotAligned(t *testing.T) {
	onBoth(t, func(w *world) {
		_, err := w.s.UpdateProduct(w.Context(), commerce.UpdateProduct{Call: w.call, Product: w.product, Settings: &catalog.Settings{Align: true}})
		w.ok(err)
		price := w.price(monthly)
		w.subscribed(price, "tok_visa")
		w.advance(start.AddDate(0, 0, 9))
		q, err := w.s.Quote(w.Context(), w.acc, price, 1, commerce.Options{Guest: &customer.Customer{}}, 0)
		w.ok(err)
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Buyer: &commerce.CreateCustomer{Email: "ada@example.com", Buyer: customer.Buyer{Name: "Ada"}}, Price: price, Token: "tok_visa", Shown: &q.Due})
		w.ok(err)
		same(w, "charged", sale.Invoice.Total, usd(1000))
		same(w, "customer", sale.Customer.ID, w.customer)
	})
}

func rate(w *world, text string) money.Rate {
	w.Helper()
	r, err := money.ParseRate(text)
	w.ok(err)
	return r
}
