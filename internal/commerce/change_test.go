package commerce_test

import (
	"sync"
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// plan makes a monthly price of a product of its own.
func (w *world) plan(name string, minor int64, terms catalog.Terms) catalog.Price {
	w.Helper()
	product, err := w.s.CreateProduct(w.Context(), commerce.CreateProduct{Call: w.call, Name: name})
	w.ok(err)
	p, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: product.ID, Amount: usd(minor), Interval: monthly, Terms: terms})
	w.ok(err)
	return p
}

// A change is charged exactly as its preview said, and what was unused of the old terms
// pays for part of it.
func TestChangeChargesWhatThePreviewSaid(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: basic.ID, Token: "tok_visa"})
		w.ok(err)
		w.advance(start.AddDate(0, 0, 14))
		to := commerce.NewTerms{Price: pro.ID}
		plan, err := w.s.PreviewChange(w.Context(), w.acc, sale.Subscription.ID, to, time.Time{})
		w.ok(err)
		if plan.Direction != "up" || !plan.Keep || plan.Credited.Minor != 500 || plan.Total.Minor != 1500 || plan.Due.Minor != 1000 {
			t.Fatalf("the preview says %+v", plan)
		}
		done, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sale.Subscription.ID, To: to, When: subscription.Now, At: plan.At, Shown: &plan.Due})
		w.ok(err)
		if done.Payment == nil || done.Payment.Amount != plan.Due || done.Subscription.Price != pro.ID || done.Invoice.State != invoice.Paid {
			t.Fatalf("the change came to %+v", done)
		}
		w.advance(done.Subscription.Span.To)
		list := w.invoices(sale.Subscription.ID)
		if len(list) != 3 || list[2].Total.Minor != 3000 {
			t.Fatalf("the invoices are %+v", list)
		}
	})
}

// Downgrades give credit that later invoices use up; the invoice that it pays for whole
// needs no payment.
func TestDowngradeCreditPaysLaterInvoices(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 9000, catalog.Terms{})
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: pro.ID, Token: "tok_visa"})
		w.ok(err)
		w.advance(start.AddDate(0, 0, 14))
		done, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sale.Subscription.ID, To: commerce.NewTerms{Price: basic.ID}, When: subscription.Now})
		w.ok(err)
		if done.Plan.Credited.Minor != 4500 || done.Plan.Due.Minor != 0 || done.Plan.Balance != 4000 {
			t.Fatalf("the change came to %+v", done.Plan)
		}
		w.advance(start.AddDate(0, 6, 0))
		var charged int64
		for _, v := range w.invoices(sale.Subscription.ID) {
			if v.State != invoice.Paid {
				t.Errorf("invoice %s is %s", v.Label(), v.State)
			}
			charged += v.Due().Minor
		}
		// 9000, then 500 paid by credit, then six of 1000 of which 4000 by credit
		if charged != 9000+2000 {
			t.Errorf("%d was charged", charged)
		}
	})
}

// A declined change leaves the old terms, credit and coupons as they were.
func TestDeclinedChange(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: basic.ID, Token: "tok_declineAfter_1"})
		w.ok(err)
		_, err = w.s.AdjustCredit(w.Context(), commerce.AdjustCredit{Call: w.call, Customer: w.customer, Amount: money.Amount{Minor: 300, Currency: "USD"}})
		w.ok(err)
		_, err = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sale.Subscription.ID, To: commerce.NewTerms{Price: pro.ID}, When: subscription.Now})
		if !fault.Is(err, fault.Declined) {
			t.Fatalf("it was answered with %v", err)
		}
		sub := w.sub(sale.Subscription.ID)
		if sub.Price != basic.ID || sub.Change != 0 || sub.State != subscription.Active || sub.NextActionAt.IsZero() {
			t.Errorf("the subscription is %+v", sub)
		}
	})
}

// Ten buyers race for the last three redemptions of a coupon: three get it, and a declined
// one gives it back.
func TestLastRedemptionsRaced(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.plan("Basic", 1000, catalog.Terms{})
		rate, _ := money.ParseRate("0.5")
		_, err := w.s.CreateCoupon(w.Context(), commerce.CreateCoupon{Call: w.call, Coupon: coupon.Coupon{Code: "HALF", Kind: coupon.Percent, Percent: rate,
			AppliesTo: coupon.All, MaxRedemptions: 3}})
		w.ok(err)
		declined := w.newCustomer("declined@example.com")
		_, err = w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: declined, Price: price.ID, Token: "tok_chargeDeclined", Options: commerce.Options{Coupons: []string{"half"}}})
		if !fault.Is(err, fault.Declined) {
			t.Fatalf("the declined buyer was answered with %v", err)
		}
		var buyers []id.Customer
		for i := range 10 {
			buyers = append(buyers, w.newCustomer(string(rune('a'+i))+"@example.com"))
		}
		var mu sync.Mutex
		var won, lost int
		var race sync.WaitGroup
		for _, b := range buyers {
			race.Go(func() {
				sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: b, Price: price.ID, Token: "tok_visa", Options: commerce.Options{Coupons: []string{"HALF"}}})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && sale.Invoice.Total.Minor == 500:
					won++
				case fault.As(err).Code == "coupon_used_up":
					lost++
				default:
					t.Errorf("a buyer got %v, %v", sale, err)
				}
			})
		}
		race.Wait()
		if won != 3 || lost != 7 {
			t.Errorf("%d got the coupon and %d did not", won, lost)
		}
	})
}

// A change that races the renewal: whoever comes second is refused or does it right.
func TestChangeRacesRenewal(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: basic.ID, Token: "tok_visa"})
		w.ok(err)
		sub := sale.Subscription.ID
		w.clock.Set(sale.Subscription.Span.To.Add(-time.Microsecond))
		var race sync.WaitGroup
		var changed error
		race.Go(func() {
			_, changed = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Price: pro.ID}, When: subscription.Now})
		})
		race.Go(func() {
			w.clock.Set(sale.Subscription.Span.To.Add(time.Second))
			if _, err := w.s.RunAccount(w.Context(), w.acc); err != nil {
				t.Errorf("the run: %v", err)
			}
		})
		race.Wait()
		if _, err := w.s.RunAccount(w.Context(), w.acc); err != nil {
			t.Errorf("the second run: %v", err)
		}
		after := w.sub(sub)
		var renewals int
		for _, v := range w.invoices(sub) {
			if v.Reason == invoice.Renewal {
				renewals++
			}
		}
		if renewals != 1 || after.Period != 1 || after.State != subscription.Active {
			t.Errorf("change: %v; %d renewals, period %d, %s", changed, renewals, after.Period, after.State)
		}
		if (changed == nil) != (after.Price == pro.ID) {
			t.Errorf("the change was answered with %v, the price is that of the change: %v", changed, after.Price == pro.ID)
		}
	})
}
