package commerce_test

import (
	"sync"
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/invoice"
	"perennial/internal/subscription"
)

// While a change of terms is being charged, what would meet it is refused, and the change
// comes true.
func TestNothingMeetsAChange(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: basic.ID, Token: "tok_visa"})
		w.ok(err)
		sub := sale.Subscription.ID
		w.advance(start.AddDate(0, 0, 10))
		refusals := map[string]error{}
		act := func() {
			_, refusals["cancel"] = w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.Now})
			_, refusals["change"] = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Quantity: 2}, When: subscription.Now})
			_, refusals["pause"] = w.s.Pause(w.Context(), commerce.Pause{Call: w.call, Subscription: sub, Override: true})
			_, refusals["refund"] = w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: sale.Payment.ID})
			_, refusals["credit note"] = w.s.CreditNote(w.Context(), commerce.CreditNote{Call: w.call, Invoice: sale.Invoice.ID})
		}
		w.bank.during.Store(&act)
		done, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Price: pro.ID}, When: subscription.Now})
		w.ok(err)
		same(w, "change", done.Change.State, subscription.ChangeApplied)
		same(w, "refusals", len(refusals), 5)
		for what, err := range refusals {
			if !fault.Is(err, fault.Conflict) || fault.As(err).Code != "change_under_way" {
				t.Errorf("%s was answered with %v", what, err)
			}
		}
	})
}

// A process that dies while a change is charged: whoever comes next finds out what became
// of it, and the change comes true once.
func TestChangeAfterCrash(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: basic.ID, Token: "tok_timeout_charged"})
		if !fault.Is(err, fault.Pending) {
			t.Fatalf("the sale was answered with %v", err)
		}
		w.advance(start.Add(time.Hour))
		subs := w.invoices(0)[0].Subscription
		_, err = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: subs, To: commerce.NewTerms{Price: pro.ID}, When: subscription.Now})
		w.refused(err, fault.Pending, "")
		same(w, "terms while it is unknown", w.sub(subs).Price, basic.ID)
		w.advance(start.Add(4 * time.Hour))
		after := w.sub(subs)
		same(w, "terms", after.Price, pro.ID)
		same(w, "change", int64(after.Change), 0)
		n, _, _ := w.charged()
		same(w, "charges", n, 2)
		w.advance(start.AddDate(0, 1, 0).Add(4 * time.Hour))
		same(w, "period", w.sub(subs).Period, 1)
	})
}

// Two changes that begin at the same moment: one comes true, the other is refused or
// follows it; the books balance either way.
func TestTwoChangesAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: basic.ID, Token: "tok_visa"})
		w.ok(err)
		sub := sale.Subscription.ID
		w.advance(start.AddDate(0, 0, 10))
		var race sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			race.Go(func() {
				to := commerce.NewTerms{Price: pro.ID}
				if i%2 == 1 {
					to = commerce.NewTerms{Quantity: int64(i + 1)}
				}
				_, errs[i] = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: to, When: subscription.Now})
			})
		}
		race.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else if !fault.Is(err, fault.Conflict) {
				t.Errorf("a change was answered with %v", err)
			}
		}
		var applied int
		for _, v := range w.invoices(sub) {
			if v.Reason == invoice.Changed && v.State == invoice.Paid {
				applied++
			}
		}
		if done == 0 || applied < 1 || applied > done {
			t.Errorf("%d changes were done, %d charged", done, applied)
		}
		w.advance(start.AddDate(0, 2, 0))
		same(w, "state", w.sub(sub).State, subscription.Active)
	})
}

// A cancellation that races the payment of a renewal: it ends, and the period is paid once
// or never issued.
func TestCancelRacesPayment(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.plan("Basic", 1000, catalog.Terms{})
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: price.ID, Token: "tok_visa"})
		w.ok(err)
		sub := sale.Subscription.ID
		w.clock.Set(sale.Subscription.Span.To)
		var race sync.WaitGroup
		race.Go(func() {
			if _, err := w.s.RunAccount(w.Context(), w.acc); err != nil {
				t.Errorf("the run: %v", err)
			}
		})
		race.Go(func() {
			if _, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.Now}); err != nil {
				t.Errorf("the cancellation: %v", err)
			}
		})
		race.Wait()
		w.advance(sale.Subscription.Span.To.AddDate(0, 3, 0))
		same(w, "state", w.sub(sub).State, subscription.Canceled)
		if n, _, _ := w.charged(); n != len(w.invoices(sub)) || n > 2 {
			t.Errorf("%d charges of %d invoices", n, len(w.invoices(sub)))
		}
	})
}
