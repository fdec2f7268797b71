package commerce_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// Of a refund and a credit note for the whole of one sale, at the same moment, one is done:
// never more is given back than was paid, and nothing hangs.
func TestRefundMeetsACreditNote(t *testing.T) {
	onBoth(t, func(w *world) {
		once := w.price(period.Interval{})
		for n := range 12 {
			w.customer = w.newCustomer(fmt.Sprintf("c%d@example.com", n))
			sale, err := w.sell(once, "tok_visa")
			w.ok(err)
			var race sync.WaitGroup
			var refund, note error
			race.Go(func() { _, refund = w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: sale.Payment.ID}) })
			race.Go(func() {
				_, note = w.s.CreditNote(w.Context(), commerce.CreditNote{Call: w.call, Invoice: sale.Invoice.ID, Amount: 1000})
			})
			race.Wait()
			if (refund == nil) == (note == nil) {
				w.Errorf("the refund came to %v, the credit note to %v", refund, note)
			}
			list := w.invoices(0)
			same(w, "credited", list[len(list)-1].Credited, int64(1000))
		}
	})
}

// Refunds, credit notes and a change of terms at the same moment give back no more of an
// invoice than it was paid.
func TestEverythingThatGivesBackAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		for range 4 {
			sale, err := w.sell(basic.ID, "tok_visa")
			w.ok(err)
			var race sync.WaitGroup
			for range 2 {
				race.Go(func() { _, _ = w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: sale.Payment.ID}) })
				race.Go(func() {
					_, _ = w.s.CreditNote(w.Context(), commerce.CreditNote{Call: w.call, Invoice: sale.Invoice.ID, Amount: 700})
				})
				race.Go(func() { _, _ = w.changeTo(sale.Subscription.ID, commerce.NewTerms{Price: pro.ID}) })
			}
			race.Wait()
			given := int64(0)
			for _, v := range w.invoices(0) {
				if v.ID == sale.Invoice.ID {
					given = v.Credited
				}
			}
			// Credit of an earlier round can have paid a part, and a refund gives back the rest.
			if given < min(700, 1000-sale.Invoice.CreditUsed) || given > 1000 {
				w.Errorf("%d of 1000 was given back", given)
			}
			for _, p := range w.payments(sale.Invoice.ID) {
				if p.State == payment.Paid && p.Refunded > p.Amount.Minor {
					w.Errorf("%d of %s was refunded", p.Refunded, p.Amount)
				}
			}
		}
	})
}

// A sale whose units could not be added to the balance is refused before anything is
// charged, and is in nobody's way.
func TestSaleOfMoreUnitsThanABalanceHolds(t *testing.T) {
	onBoth(t, func(w *world) {
		meter := w.meter("tokens", func(c *commerce.CreateMeter) { c.Prepaid = true })
		pack := func(units string) (catalog.Price, error) {
			return w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: w.product, Amount: usd(500),
				Terms: catalog.Terms{Prepaid: &catalog.Prepaid{Meter: meter, Units: w.decimal(units)}}})
		}
		for _, units := range []string{"0.0000001", "100000000000000"} {
			if _, err := pack(units); err == nil {
				w.Errorf("a pack of %s units was made", units)
			}
		}
		healthy := w.subscribed(w.plan("Basic", 1000, catalog.Terms{}).ID, "tok_visa")
		largest, err := pack("100000000000")
		w.ok(err)
		sell := func(quantity int64) error {
			_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: largest.ID, Token: "tok_visa", Quantity: quantity})
			return err
		}
		for range 4 {
			w.ok(sell(1))
		}
		before, _, _ := w.charged()
		for _, quantity := range []int64{1, 9, 1000000} {
			if sell(quantity) == nil {
				w.Errorf("%d more were sold than the balance holds", quantity)
			}
		}
		after, _, _ := w.charged()
		same(w, "charges", after, before)
		w.advance(start.AddDate(0, 1, 1))
		same(w, "invoices of somebody else", len(w.invoices(healthy)), 2)
	})
}

// A coupon that comes while a change of terms is charged is refused, or is on the renewal:
// it is not lost.
func TestCouponMeetsAChange(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		half, err := money.ParseRate("0.5")
		w.ok(err)
		_, err = w.s.CreateCoupon(w.Context(), commerce.CreateCoupon{Call: w.call, Coupon: coupon.Coupon{Code: "HALF", Kind: coupon.Percent, Percent: half, AppliesTo: coupon.All}})
		w.ok(err)
		sub := w.subscribed(basic.ID, "tok_visa")
		var applied error
		act := func() {
			_, applied = w.s.ApplyCoupon(w.Context(), commerce.ApplyCoupon{Call: w.call, Subscription: sub, Code: "HALF"})
		}
		w.bank.during.Store(&act)
		_, err = w.changeTo(sub, commerce.NewTerms{Price: pro.ID})
		w.ok(err)
		want := int64(3000)
		if applied == nil {
			want = 1500
		}
		w.advance(start.AddDate(0, 1, 1))
		list := w.invoices(sub)
		same(w, "renewal", list[len(list)-1].Total.Minor, want)
	})
}

// A converted subscription that is changed to a price in another currency is converted from
// that one, not at the rate that it was sold at.
func TestChangeToAPriceInAnotherCurrency(t *testing.T) {
	onBoth(t, func(w *world) {
		dollar := w.plan("Dollar", 1000, catalog.Terms{Convert: true})
		euro, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: w.product, Amount: money.Amount{Minor: 1000, Currency: "EUR"},
			Interval: monthly, Terms: catalog.Terms{Convert: true}})
		w.ok(err)
		for c, rate := range map[money.Currency]string{"JPY": "150", "EUR": "0.5"} {
			_, err := w.s.SetExchangeRate(w.Context(), commerce.SetExchangeRate{Call: w.call, Currency: c, Rate: w.decimal(rate)})
			w.ok(err)
		}
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: dollar.ID, Token: "tok_visa", Options: commerce.Options{Currency: "JPY"}})
		w.ok(err)
		plan, err := w.s.PreviewChange(w.Context(), w.acc, sale.Subscription.ID, commerce.NewTerms{Price: euro.ID}, time.Time{})
		w.ok(err)
		same(w, "ten euros at 150 / 0.5", plan.NextEach, money.Amount{Minor: 3000, Currency: "JPY"})
	})
}

// A trial that is paid in parts goes on under other terms: its parts are those that were
// agreed on, and the new price begins after it.
func TestPaidTrialThatIsCarriedOver(t *testing.T) {
	onBoth(t, func(w *world) {
		trial := w.price(monthly, func(c *commerce.CreatePrice) {
			c.TrialDays, c.Terms = 30, catalog.Terms{TrialAmount: 900, TrialPayments: 3}
		})
		pro := w.plan("Pro", 3000, catalog.Terms{})
		sub := w.subscribed(trial, "tok_visa")
		_, err := w.changeTo(sub, commerce.NewTerms{Price: pro.ID, CarryTrial: true})
		w.ok(err)
		w.advance(start.AddDate(0, 0, 31))
		list := w.invoices(sub)
		same(w, "invoices", len(list), 4)
		for i, want := range []int64{300, 300, 300, 3000} {
			same(w, "total", list[i].Total.Minor, want)
		}
	})
}

// Where credit is a share of the price and not of what was paid, a second change at the
// instant of the first gives back what that one charged.
func TestSecondChangeCreditedByPrice(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.plan("Basic", 1000, catalog.Terms{}).ID, "tok_visa")
		w.advance(start.AddDate(0, 0, 14))
		byPrice := &subscription.Proration{CreditFrom: subscription.FromPrice}
		one, err := w.changeTo(sub, commerce.NewTerms{Quantity: 4, Proration: byPrice})
		w.ok(err)
		two, err := w.changeTo(sub, commerce.NewTerms{Quantity: 1, Proration: byPrice})
		w.ok(err)
		same(w, "credit", two.Plan.Credited, one.Plan.Total)
	})
}

// A pause of a subscription that ends after its last payment moves that end along: all
// payments are made.
func TestPauseBeforeTheLastPayment(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.plan("Four", 1000, catalog.Terms{Payments: 4}).ID, "tok_visa")
		_, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.AfterLast})
		w.ok(err)
		w.advance(start.AddDate(0, 0, 5))
		_, err = w.s.Pause(w.Context(), commerce.Pause{Call: w.call, Subscription: sub, Until: start.AddDate(0, 2, 5), Override: true})
		w.ok(err)
		w.advance(start.AddDate(0, 8, 0))
		same(w, "invoices", len(w.invoices(sub)), 4)
		same(w, "state", w.sub(sub).State, subscription.Canceled)
	})
}
