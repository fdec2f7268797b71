package commerce_test

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

var feb28 = time.Date(2026, 2, 28, 10, 0, 0, 0, time.UTC)

func TestRenewThreeMonths(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		w.advance(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
		w.paidOnce(sub, 0, 3)
		for i, want := range []time.Time{start, feb28, time.Date(2026, 3, 31, 10, 0, 0, 0, time.UTC), time.Date(2026, 4, 30, 10, 0, 0, 0, time.UTC)} {
			v := w.invoices(sub)[i]
			same(w, "from", v.Span.From, want)
			same(w, "issued", v.IssuedAt, want)
			same(w, "paid", v.PaidAt, want)
			same(w, "number", v.Number, int64(i+1))
		}
		n, minor, _ := w.charged()
		same(w, "charges", n, 4)
		same(w, "charged", minor, 4000)
		same(w, "renewed", w.kinds()[event.SubscriptionRenewed], 3)
	})
}

func TestDeclinedRenewalIsTriedAgainAndEnds(t *testing.T) {
	onBoth(t, func(w *world) {
		w.fixedTries()
		sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		tries := []time.Time{feb28, feb28.AddDate(0, 0, 1), feb28.AddDate(0, 0, 4), feb28.AddDate(0, 0, 9)}
		for i, at := range tries[:3] {
			w.advance(at.Add(time.Hour))
			s := w.sub(sub)
			same(w, "state", s.State, subscription.PastDue)
			same(w, "failures", s.Failures, i+1)
			same(w, "next", s.NextActionAt, tries[i+1])
		}
		w.advance(tries[3])
		s := w.sub(sub)
		same(w, "state", s.State, subscription.Canceled)
		same(w, "reason", s.EndReason, subscription.PaymentFailed)
		same(w, "ended", s.EndedAt, tries[3])
		w.advance(start.AddDate(1, 0, 0))
		list := w.invoices(sub)
		same(w, "invoices", len(list), 2)
		same(w, "invoice", list[1].State, invoice.Open)
		attempts := w.payments(list[1].ID)
		same(w, "attempts", len(attempts), 4)
		for i, p := range attempts {
			same(w, "attempt", p.Attempt, i+1)
			same(w, "state", p.State, payment.DeclinedState)
			same(w, "at", p.CreatedAt, tries[i])
		}
		same(w, "past due", w.kinds()[event.SubscriptionPastDue], 1)
		same(w, "canceled", w.kinds()[event.SubscriptionCanceled], 1)
		same(w, "issued", w.kinds()[event.InvoiceIssued], 1)
	})
}

func TestRecoveryByNewMethod(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.advance(feb28.Add(time.Hour))
		same(w, "state", w.sub(sub).State, subscription.PastDue)
		w.newMethod("tok_mastercard", true)
		w.advance(feb28.AddDate(0, 0, 1))
		s := w.sub(sub)
		same(w, "state", s.State, subscription.Active)
		same(w, "failures", s.Failures, 0)
		same(w, "next", s.NextActionAt, time.Date(2026, 3, 31, 10, 0, 0, 0, time.UTC))
		w.paidOnce(sub, 0, 1)
		same(w, "recovered", w.kinds()[event.SubscriptionResumed], 1)
	})
}

func TestRenewalWithoutMethod(t *testing.T) {
	onBoth(t, func(w *world) {
		method := w.newMethod("tok_visa", false)
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: w.price(monthly), Method: method.ID})
		w.ok(err)
		_, err = w.s.DetachMethod(w.Context(), commerce.DetachMethod{Call: w.call, Method: method.ID})
		w.ok(err)
		w.advance(feb28)
		same(w, "state", w.sub(sale.Subscription.ID).State, subscription.PastDue)
		list := w.invoices(sale.Subscription.ID)
		same(w, "payments", len(w.payments(list[1].ID)), 0)
		w.newMethod("tok_visa", true)
		w.advance(feb28.AddDate(0, 0, 1))
		w.paidOnce(sale.Subscription.ID, 0, 1)
	})
}

// A period that began while the one before was unpaid is billed as soon as that is
// paid, once.
func TestPeriodsPassWhilePastDue(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(weekly), "tok_declineAfter_1")
		due := start.AddDate(0, 0, 7)
		w.advance(due.AddDate(0, 0, 8))
		same(w, "state", w.sub(sub).State, subscription.PastDue)
		same(w, "invoices", len(w.invoices(sub)), 2)
		w.newMethod("tok_visa", true)
		w.advance(due.AddDate(0, 0, 9))
		w.paidOnce(sub, 0, 2)
		w.advance(due.AddDate(0, 0, 28))
		w.paidOnce(sub, 0, 5)
		n, _, _ := w.charged()
		same(w, "charges", n, 6)
	})
}

func TestManyAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		const n = 450 // more than two claims
		prices := []id.Price{w.price(monthly), w.price(monthly, func(c *commerce.CreatePrice) { c.Amount = usd(700) })}
		method := w.newMethod("tok_visa", false)
		var sellers sync.WaitGroup
		for seller := range 9 {
			sellers.Go(func() {
				for range n / 9 {
					_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: prices[seller%2], Method: method.ID})
					if err != nil {
						t.Errorf("got %v", err)
					}
				}
			})
		}
		sellers.Wait()
		done := w.advance(feb28.Add(time.Hour))
		same(w, "due", done.Run.Due, n)
		same(w, "collected", done.Run.Collected, n)
		type key struct {
			sub    id.Subscription
			period int
		}
		seen := map[key]bool{}
		var numbers []int64
		for _, v := range w.invoices(0) {
			same(w, "invoice", v.State, invoice.Paid)
			seen[key{v.Subscription, v.Period}] = true
			numbers = append(numbers, v.Number)
		}
		same(w, "periods", len(seen), 2*n)
		slices.Sort(numbers)
		for i, number := range numbers {
			if number != int64(i+1) {
				w.Fatalf("number %d is %d", i+1, number)
			}
		}
		charges, minor, _ := w.charged()
		same(w, "charges", charges, 2*n)
		same(w, "charged", minor, 2*(250*1000+200*700))
	})
}

// A year in one go is the same as a year in twelve.
func TestYearAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		live := func(w *world, stops []time.Time) []string {
			subs := []id.Subscription{
				w.subscribed(w.price(monthly), "tok_visa"),
				w.subscribed(w.price(period.Interval{Unit: period.Day, Count: 45}), "tok_visa"),
				w.subscribed(w.price(monthly), "tok_declineAfter_3"),
				w.subscribed(w.price(monthly), "tok_declineAfter_1"),
				w.subscribed(w.price(monthly, func(c *commerce.CreatePrice) { c.TrialDays = 30 }), "tok_timeout_not_charged"),
				w.subscribed(w.price(monthly, func(c *commerce.CreatePrice) { c.TrialDays = 10 }), "tok_timeout_charged"),
			}
			for _, to := range stops {
				w.advance(to)
			}
			var told []string
			for i, sub := range subs {
				for _, v := range w.invoices(sub) {
					told = append(told, fmt.Sprint(i, v.Period, v.State, v.Total, v.Span, v.IssuedAt, v.PaidAt))
					for _, p := range w.payments(v.ID) {
						told = append(told, fmt.Sprint(i, p.Attempt, p.State, p.DeclineCode, p.CreatedAt, p.SettledAt))
					}
				}
				s := w.sub(sub)
				told = append(told, fmt.Sprint(i, s.State, s.Period, s.NextActionAt, s.EndedAt))
			}
			return told
		}
		year := start.AddDate(1, 0, 0)
		var months []time.Time
		for m := 1; m <= 12; m++ {
			months = append(months, start.AddDate(0, 0, m*365/12))
		}
		months[11] = year
		other := newWorld(w.T, w.db.Engine())
		if once, twelve := live(w, []time.Time{year}), live(other, months); !slices.Equal(once, twelve) {
			for i := range max(len(once), len(twelve)) {
				if i >= len(once) || i >= len(twelve) || once[i] != twelve[i] {
					w.Fatalf("line %d differs:\n%v\n%v", i, once[min(i, len(once)-1)], twelve[min(i, len(twelve)-1)])
				}
			}
		}
	})
}

// The machine's clock may be set back: nothing is billed twice.
func TestClockStepsBack(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		run := func() {
			w.Helper()
			_, err := w.s.RunAccount(w.Context(), w.acc)
			w.ok(err)
		}
		w.clock.Set(feb28.Add(time.Minute))
		run()
		w.paidOnce(sub, 0, 1)
		w.clock.Set(start.AddDate(0, 0, -3))
		run()
		w.clock.Set(feb28.Add(time.Hour))
		run()
		w.paidOnce(sub, 0, 1)
		w.clock.Set(time.Date(2026, 3, 31, 10, 0, 0, 0, time.UTC))
		run()
		w.paidOnce(sub, 0, 2)
		n, _, _ := w.charged()
		same(w, "charges", n, 3)
	})
}

// Two machines whose clocks are 90 seconds apart work on the same account at once, through
// many boundaries: whichever sees a boundary first, each period is billed once.
func TestTwoClocksApart(t *testing.T) {
	onBoth(t, func(w *world) {
		subs := []id.Subscription{w.subscribed(w.price(weekly), "tok_visa"), w.subscribed(w.price(weekly), "tok_visa"), w.subscribed(w.price(weekly), "tok_visa")}
		ahead := clock.NewManual(w.clock.Now())
		other := commerce.New(w.db, ahead, w.gateways(), nil, slog.New(slog.DiscardHandler))
		for week := 1; week <= 6; week++ {
			for _, around := range []time.Duration{-2 * time.Minute, -time.Minute, -time.Second, 0, time.Second, time.Minute, 2 * time.Minute} {
				at := start.AddDate(0, 0, 7*week).Add(around)
				w.clock.Set(at)
				ahead.Set(at.Add(90 * time.Second))
				var both sync.WaitGroup
				for _, s := range []*commerce.Service{w.s, other} {
					both.Go(func() {
						if _, err := s.RunAccount(w.Context(), w.acc); err != nil {
							w.Error(err)
						}
					})
				}
				both.Wait()
			}
			for _, sub := range subs {
				w.paidOnce(sub, 0, week)
			}
		}
		n, _, _ := w.charged()
		same(w, "charges", n, 3*7)
	})
}

// A machine that was off for months bills every period that passed, once.
func TestMachineWasOff(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(weekly), "tok_visa")
		w.clock.Set(start.AddDate(0, 0, 7*9))
		_, err := w.s.RunAccount(w.Context(), w.acc)
		w.ok(err)
		w.paidOnce(sub, 0, 9)
	})
}

// A subscription that has become too large to be invoiced waits, and the others of
// its account renew.
func TestOneThatCannotBeBilledHoldsUpNobody(t *testing.T) {
	onBoth(t, func(w *world) {
		large := w.subscribed(w.price(monthly, func(c *commerce.CreatePrice) { c.Amount = usd(9_000_000_000_000) }), "tok_visa")
		small := w.subscribed(w.price(monthly), "tok_visa")
		rate, err := money.ParseRate("0.19")
		w.ok(err)
		_, err = w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, TaxRate: &rate})
		w.ok(err)
		w.advance(start.AddDate(0, 1, 2))
		same(w, "the small one's period", w.sub(small).Period, 1)
		same(w, "the large one's period", w.sub(large).Period, 0)
		if w.kinds()[event.BillingFailed] == 0 {
			w.Error("nothing tells why")
		}
		rate = money.Rate{}
		_, err = w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, TaxRate: &rate})
		w.ok(err)
		w.advance(start.AddDate(0, 1, 4))
		same(w, "the large one's period", w.sub(large).Period, 1)
	})
}
