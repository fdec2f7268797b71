package commerce_test

import (
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/subscription"
)

// What was paid elsewhere is not charged again: a change inside the period that a
// subscription was brought in costs what the new terms cost beyond the old ones, and
// nothing of it is given back, because that money never came here.
func TestChangeInAPeriodThatWasPaidElsewhere(t *testing.T) {
	onBoth(t, func(w *world) {
		_, err := w.s.Import(w.Context(), commerce.Import{Call: w.call, Rows: []commerce.ImportRow{{Line: 1, ID: "s1", Customer: "c1", Email: "gina@example.com",
			Product: "Seat", Unit: usd(3000), Quantity: 2, Interval: monthly, Started: start.AddDate(0, -2, -15), Token: "tok_visa"}}})
		w.ok(err)
		var subs []subscription.Subscription
		w.view(func(tx *db.Tx) error {
			subs, err = subscription.List(tx, w.acc, subscription.Filter{Limit: 10})
			return err
		})
		if len(subs) != 1 {
			w.Fatalf("%d subscriptions, want the one that was brought", len(subs))
		}
		sub := subs[0]
		half := sub.Span.From.Add(sub.Span.To.Sub(sub.Span.From) / 2)
		if !half.After(start) {
			w.Fatalf("half of the period, %v, has passed", half)
		}
		w.advance(half)
		plan := func(quantity int64, policy string) commerce.ChangePlan {
			w.Helper()
			p, known := subscription.Preset(policy)
			same(w, "known", known, true)
			plan, err := w.s.PreviewChange(w.Context(), w.acc, sub.ID, commerce.NewTerms{Quantity: quantity, Proration: &p}, time.Time{})
			w.ok(err)
			return plan
		}
		for _, c := range []struct {
			quantity, total int64
			policy          string
		}{{2, 0, "second"}, {1, 0, "second"}, {3, 1500, "second"}, {4, 3000, "minute"}, {3, 0, "none"}, {3, 9000, "full"}} {
			p := plan(c.quantity, c.policy)
			same(w, "total", p.Total, usd(c.total))
			same(w, "credited", p.Credited, usd(0))
		}
		_, err = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub.ID, To: commerce.NewTerms{Quantity: 3}, When: subscription.Now})
		w.ok(err)
		p := plan(2, "second")
		same(w, "credited", p.Credited, usd(1500))
		same(w, "total", p.Total, usd(0))
		p = plan(4, "second")
		same(w, "credited", p.Credited, usd(1500))
		same(w, "total", p.Total, usd(3000))
		w.advance(sub.Span.To)
		list := w.invoices(sub.ID)
		same(w, "invoices", len(list), 2)
		same(w, "the whole period after it", list[1].Total, usd(9000))
		same(w, "failed", w.kinds()[event.BillingFailed], 0)
	})
}
