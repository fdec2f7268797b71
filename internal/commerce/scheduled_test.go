package commerce_test

import (
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// changeTo changes terms now, which may be refused.
func (w *world) changeTo(sub id.Subscription, to commerce.NewTerms) (commerce.Changed, error) {
	w.Helper()
	return w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: to, When: subscription.Now})
}

// However a subscription ends, the change of terms that was scheduled for it is taken back:
// it is in nobody's way afterwards, and does not come back with the subscription.
func TestEndTakesTheScheduledChangeBack(t *testing.T) {
	ends := map[string]func(w *world, sub id.Subscription){
		"canceled": func(w *world, sub id.Subscription) {
			_, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.Now})
			w.ok(err)
		},
		"scheduled end": func(w *world, sub id.Subscription) {
			_, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.AtDate, At: start.AddDate(0, 0, 10)})
			w.ok(err)
			w.advance(start.AddDate(0, 0, 11))
		},
		"unpaid": func(w *world, _ id.Subscription) { w.advance(start.AddDate(0, 1, 20)) },
		"replaced": func(w *world, sub id.Subscription) {
			ends := []id.Product{w.sub(sub).Product}
			product, err := w.s.CreateProduct(w.Context(), commerce.CreateProduct{Call: w.call, Name: "Instead", Settings: catalog.Settings{Ends: ends}})
			w.ok(err)
			p, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: product.ID, Amount: usd(500), Interval: monthly})
			w.ok(err)
			w.subscribed(p.ID, "tok_visa")
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(w *world) {
				basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
				sale, err := w.sell(basic.ID, "tok_declineAfter_1")
				w.ok(err)
				sub := sale.Subscription.ID
				done, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Price: pro.ID}, When: subscription.AtDate,
					At: start.AddDate(0, 1, 5)})
				w.ok(err)
				end(w, sub)
				same(w, "state", w.sub(sub).State, subscription.Canceled)
				same(w, "told", w.kinds()[event.ChangeUndone], 1)
				w.view(func(tx *db.Tx) error {
					row, err := subscription.LoadChange(tx, w.acc, done.Change.ID)
					same(w, "change", row.State, subscription.ChangeUndone)
					same(w, "settled", row.SettledAt.IsZero(), false)
					return err
				})
				_, err = w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: sale.Payment.ID, Amount: 100})
				w.ok(err)
				_, err = w.s.Reactivate(w.Context(), commerce.Reactivate{Call: w.call, Subscription: sub, NextCharge: w.now().AddDate(0, 0, 10)})
				w.ok(err)
				w.newMethod("tok_visa", true)
				_, err = w.changeTo(sub, commerce.NewTerms{Quantity: 2})
				w.ok(err)
				same(w, "price", w.sub(sub).Price, basic.ID)
			})
		})
	}
}

// A subscription that is replaced while a change of its terms is charged is free of the
// change when the charge went through, and what it took is the customer's credit.
func TestChangeOfAReplacedSubscriptionIsOver(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		sub := w.subscribed(basic.ID, "tok_visa")
		product, err := w.s.CreateProduct(w.Context(), commerce.CreateProduct{Call: w.call, Name: "Instead", Settings: catalog.Settings{Ends: []id.Product{basic.Product}}})
		w.ok(err)
		p, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: product.ID, Amount: usd(500), Interval: monthly})
		w.ok(err)
		replace := func() { w.subscribed(p.ID, "tok_visa") }
		w.bank.during.Store(&replace)
		_, err = w.changeTo(sub, commerce.NewTerms{Price: pro.ID})
		if err == nil {
			t.Error("the change of a subscription that has ended came true")
		}
		s := w.sub(sub)
		same(w, "state", s.State, subscription.Canceled)
		same(w, "change", s.Change, id.Change(0))
		_, err = w.s.Reactivate(w.Context(), commerce.Reactivate{Call: w.call, Subscription: sub, NextCharge: w.now().AddDate(0, 0, 10)})
		w.ok(err)
		_, err = w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.AtPeriodEnd})
		w.ok(err)
	})
}

// A subscription that is brought back begins a period of its own: what is used up to its
// next charge counts, whatever was billed at its end; the number of its payments and the
// setup fee that comes again stay what they were.
func TestReactivationBeginsAPeriod(t *testing.T) {
	onBoth(t, func(w *world) {
		for _, late := range []usage.Late{usage.RefuseLate, usage.NextPeriod} {
			code := "calls_" + string(late)
			terms := catalog.Terms{Payments: 3, SetupEvery: 2, Usage: []catalog.Metered{{Meter: w.meter(code, func(c *commerce.CreateMeter) { c.Late = late }),
				Included: w.decimal("100"), Overage: catalog.Charge{Model: catalog.PerUnit, Unit: w.decimal("0.05")}}}}
			product, err := w.s.CreateProduct(w.Context(), commerce.CreateProduct{Call: w.call, Name: code})
			w.ok(err)
			price, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: product.ID, Amount: usd(1000), SetupFee: 70, Interval: monthly, Terms: terms})
			w.ok(err)
			sub := w.subscribed(price.ID, "tok_visa")
			w.used(sub, code, "300", "a")
			_, err = w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.Now, BillUsage: true})
			w.ok(err)
			next := w.now().AddDate(0, 0, 10)
			_, err = w.s.Reactivate(w.Context(), commerce.Reactivate{Call: w.call, Subscription: sub, NextCharge: next})
			w.ok(err)
			w.clock.Set(w.clock.Now().Add(time.Hour))
			w.used(sub, code, "140", "b")
			w.advance(next.AddDate(0, 3, 0))
			list := w.invoices(sub)
			same(w, "invoices", len(list), 4)
			for i, want := range []int64{1070, 1000, 1000 + 200, 1070} {
				same(w, "total", list[i].Total.Minor, want)
			}
			same(w, "state", w.sub(sub).State, subscription.Canceled)
		}
	})
}

// Nothing of a scheduled end comes back with a subscription that ended before it.
func TestReactivationForgetsTheScheduledEnd(t *testing.T) {
	onBoth(t, func(w *world) {
		next := w.plan("Next", 2000, catalog.Terms{})
		price := w.plan("Two", 1000, catalog.Terms{Payments: 2, NextPrice: next.ID})
		sub := w.subscribed(price.ID, "tok_visa")
		for _, when := range []subscription.When{subscription.AfterLast, subscription.Now} {
			_, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: when})
			w.ok(err)
		}
		_, err := w.s.Reactivate(w.Context(), commerce.Reactivate{Call: w.call, Subscription: sub})
		w.ok(err)
		w.advance(start.AddDate(0, 1, 10))
		same(w, "price", w.sub(sub).Price, next.ID)
	})
}
