package commerce_test

import (
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// The next invoice is what its preview said, also when a scheduled change of terms comes
// first and makes that invoice itself.
func TestUpcomingInvoiceWithAScheduledChange(t *testing.T) {
	for _, c := range []struct {
		name   string
		every  period.Interval
		when   subscription.When
		after  time.Duration // of subscription.AtDate
		policy string
	}{
		{"same interval at the end", monthly, subscription.AtPeriodEnd, 0, "second"},
		{"another interval at the end", period.Interval{Unit: period.Year, Count: 1}, subscription.AtPeriodEnd, 0, "second"},
		{"same interval within the period", monthly, subscription.AtDate, 10 * 24 * time.Hour, "second"},
		{"another interval within the period", weekly, subscription.AtDate, 10 * 24 * time.Hour, "day"},
		{"settled with the next invoice", monthly, subscription.AtDate, 10 * 24 * time.Hour, "next_invoice"},
		{"not settled", monthly, subscription.AtDate, 10 * 24 * time.Hour, "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onBoth(t, func(w *world) {
				basic := w.plan("Basic", 1000, catalog.Terms{})
				next, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: basic.Product, Amount: usd(9000), Interval: c.every})
				w.ok(err)
				sub := w.subscribed(basic.ID, "tok_visa")
				_, err = w.s.AdjustCredit(w.Context(), commerce.AdjustCredit{Call: w.call, Customer: w.customer, Amount: usd(150), Note: "gift"})
				w.ok(err)
				policy, _ := subscription.Preset(c.policy)
				_, err = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Price: next.ID, Proration: &policy}, When: c.when, At: start.Add(c.after)})
				w.ok(err)
				said, err := w.s.PreviewInvoice(w.Context(), w.acc, sub)
				w.ok(err)
				w.advance(said.At)
				list := w.invoices(sub)
				if len(list) != 2 {
					w.Fatalf("%d invoices at %v, want the first and the next", len(list), said.At)
				}
				got := list[1]
				same(w, "total", said.Total, got.Total)
				same(w, "due", said.Due, got.Due())
				same(w, "credit", said.Credit, money.Amount{Minor: got.CreditUsed, Currency: "USD"})
				same(w, "span", said.Span, got.Span)
			})
		})
	}
}
