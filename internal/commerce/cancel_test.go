package commerce_test

import (
	"errors"
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

func (w *world) cancel(sub id.Subscription, when subscription.When) subscription.Subscription {
	w.Helper()
	s, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: when})
	w.ok(err)
	return s
}

func TestCancelNow(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		w.advance(start.AddDate(0, 0, 3))
		s := w.cancel(sub, subscription.Now)
		same(w, "state", s.State, subscription.Canceled)
		same(w, "ended", s.EndedAt, w.now())
		w.advance(start.AddDate(1, 0, 0))
		w.paidOnce(sub, 0, 0)
		_, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.Now})
		w.refused(err, fault.Conflict, "subscription_ended")
		_, err = w.s.UndoCancel(w.Context(), commerce.UndoCancel{Call: w.call, Subscription: sub})
		w.refused(err, fault.Conflict, "not_scheduled_to_end")
	})
}

// The end and the renewal fall due at the same instant: the end wins.
func TestCancelAtPeriodEnd(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		s := w.cancel(sub, subscription.AtPeriodEnd)
		same(w, "state", s.State, subscription.Active)
		same(w, "end", s.CancelAt, feb28)
		w.advance(feb28.Add(-time.Microsecond))
		same(w, "just before", w.sub(sub).State, subscription.Active)
		w.advance(feb28)
		s = w.sub(sub)
		same(w, "state", s.State, subscription.Canceled)
		same(w, "ended", s.EndedAt, feb28)
		same(w, "reason", s.EndReason, subscription.ByRequest)
		w.paidOnce(sub, 0, 0)
	})
}

func TestUndoCancel(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		w.cancel(sub, subscription.AtPeriodEnd)
		_, err := w.s.UndoCancel(w.Context(), commerce.UndoCancel{Call: w.call, Subscription: sub})
		w.ok(err)
		w.advance(feb28)
		same(w, "state", w.sub(sub).State, subscription.Active)
		w.paidOnce(sub, 0, 1)
	})
}

func TestCancelTrialAtItsEnd(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly, func(c *commerce.CreatePrice) { c.TrialDays = 14 }), "tok_visa")
		w.cancel(sub, subscription.AtPeriodEnd)
		w.advance(start.AddDate(0, 1, 0))
		same(w, "state", w.sub(sub).State, subscription.Canceled)
		n, _, _ := w.charged()
		same(w, "charges", n, 0)
	})
}

// A subscription is canceled while its renewal is being charged.
func TestCancelWhileCharging(t *testing.T) {
	for name, c := range map[string]struct {
		token   string
		invoice invoice.State
	}{"paid": {"tok_visa", invoice.Paid}, "declined": {"tok_declineAfter_1", invoice.Open}} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(w *world) {
				sub := w.subscribed(w.price(monthly), c.token)
				act := func() { w.cancel(sub, subscription.Now) }
				w.bank.during.Store(&act)
				w.advance(feb28.AddDate(0, 1, 0))
				same(w, "state", w.sub(sub).State, subscription.Canceled)
				same(w, "reason", w.sub(sub).EndReason, subscription.ByRequest)
				list := w.invoices(sub)
				same(w, "invoices", len(list), 2)
				same(w, "invoice", list[1].State, c.invoice)
				same(w, "past due", w.kinds()[event.SubscriptionPastDue], 0)
				same(w, "canceled", w.kinds()[event.SubscriptionCanceled], 1)
			})
		})
	}
}

// crashedRenewal leaves a renewal whose process died after it was written down and,
// if charged, after the bank was asked.
func crashedRenewal(w *world, charged bool) (id.Subscription, invoice.Invoice) {
	w.Helper()
	sub := w.subscribed(w.price(monthly), "tok_visa")
	w.clock.Set(feb28.Add(time.Minute))
	if charged {
		dead := errors.New("the process died")
		act := func() {
			// Every statement from now on, the next one last: a claim may run meanwhile.
			for nth := 300; nth > 0; nth-- {
				w.faults.Arm(db.FaultStatement, nth, dead)
			}
		}
		w.bank.during.Store(&act)
	} else {
		w.faults.Arm(db.FaultAfterCommit, 1, errors.New("the process died"))
	}
	if _, err := w.s.RunAccount(w.Context(), w.acc); err == nil {
		w.Fatal("nothing broke")
	}
	w.faults.Disarm()
	list := w.invoices(sub)
	same(w, "invoices", len(list), 2)
	same(w, "payment", w.payments(list[1].ID)[0].State, payment.Pending)
	return sub, list[1]
}

// A subscription that ended before its interrupted renewal was resumed: what the
// bank took must still be found, and nothing more is taken.
func TestCancelAfterCrash(t *testing.T) {
	for name, charged := range map[string]bool{"charged": true, "not charged": false} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(w *world) {
				sub, v := crashedRenewal(w, charged)
				w.cancel(sub, subscription.Now)
				w.advance(feb28.AddDate(0, 0, 2))
				same(w, "state", w.sub(sub).State, subscription.Canceled)
				p := w.payments(v.ID)[0]
				n, _, _ := w.charged()
				// Charged or not when it died, the period is owed and charged under one key.
				same(w, "payment", p.State, payment.Paid)
				same(w, "charges", n, 2)
			})
		})
	}
}

// The card was changed between a crash and its repair: the charge that was begun
// is finished with the card that it was begun with.
func TestNewMethodAfterCrash(t *testing.T) {
	for name, charged := range map[string]bool{"charged": true, "not charged": false} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(w *world) {
				sub, v := crashedRenewal(w, charged)
				before := w.payments(v.ID)[0].Method
				after := w.newMethod("tok_chargeDeclined", true)
				w.ok(w.s.Recover(w.Context()))
				_, err := w.s.RunAccount(w.Context(), w.acc)
				w.ok(err)
				w.paidOnce(sub, 0, 1)
				same(w, "method", w.payments(v.ID)[0].Method, before)
				same(w, "method from now on", w.sub(sub).Method, after.ID)
				n, _, _ := w.charged()
				same(w, "charges", n, 2)
				same(w, "unknown", w.kinds()[event.PaymentUnknown], 0)
			})
		})
	}
}

// However a subscription ends, the amounts that wait for its next invoice are billed: once,
// together with the usage that is billed then, and without a usable card on an invoice that stays
// open.
func TestWhatWaitsIsBilledAtAnEnd(t *testing.T) {
	ends := map[string]struct {
		terms  catalog.Terms
		cancel func(w *world, sub id.Subscription)
	}{
		"now":           {cancel: func(w *world, sub id.Subscription) { w.cancel(sub, subscription.Now) }},
		"at period end": {cancel: func(w *world, sub id.Subscription) { w.cancel(sub, subscription.AtPeriodEnd) }},
		"completed":     {terms: catalog.Terms{Payments: 1}, cancel: func(*world, id.Subscription) {}},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(w *world) {
				price := w.plan("One", 1000, end.terms)
				for _, card := range []string{"tok_visa", "tok_declineAfter_1"} {
					w.customer = w.newCustomer(card + "@example.com")
					sub := w.subscribed(price.ID, card)
					for _, minor := range []int64{300, 50000} {
						_, err := w.s.AddItem(w.Context(), commerce.AddItem{Call: w.call, Subscription: sub, Description: "Set up on site", Amount: minor})
						w.ok(err)
					}
					end.cancel(w, sub)
					w.advance(w.now().AddDate(0, 2, 0))
					list := w.invoices(sub)
					if len(list) != 2 || list[1].Total.Minor != 50300 || list[1].Reason != invoice.Items || w.sub(sub).State != subscription.Canceled {
						w.Fatalf("the invoices are %+v", list)
					}
					state := invoice.Paid
					if card != "tok_visa" {
						state = invoice.Open
					}
					same(w, "state of the last invoice", list[1].State, state)
					same(w, "amounts that still wait", len(w.waiting(sub)), 0)
				}
			})
		})
	}
}

// Amounts that wait come with the usage that an end bills, on one invoice.
func TestLastInvoiceHoldsUsageAndWhatWaits(t *testing.T) {
	for _, when := range []subscription.When{subscription.Now, subscription.AtPeriodEnd} {
		t.Run(string(when), func(t *testing.T) {
			onBoth(t, func(w *world) {
				price := w.callsPrice(w.meter("calls"))
				sub := w.subscribed(price.ID, "tok_visa")
				w.used(sub, "calls", "300", "a")
				_, err := w.s.AddItem(w.Context(), commerce.AddItem{Call: w.call, Subscription: sub, Description: "Set up on site", Amount: 50000})
				w.ok(err)
				_, err = w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: when, BillUsage: true})
				w.ok(err)
				w.advance(start.AddDate(0, 2, 0))
				list := w.invoices(sub)
				same(w, "invoices", len(list), 2)
				same(w, "reason", list[1].Reason, invoice.Usage)
				same(w, "usage and what waited", list[1].Total.Minor, int64(200*5+50000))
				same(w, "state", list[1].State, invoice.Paid)
			})
		})
	}
}
