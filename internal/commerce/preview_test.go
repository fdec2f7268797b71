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

// A pause that is scheduled or under way comes before the next invoice, and its fee may be
// that invoice; the preview of a change says the same instant.
func TestUpcomingInvoiceWithAPause(t *testing.T) {
	for name, c := range map[string]struct {
		pause commerce.Pause
		fee   int64
		none  bool
	}{
		"at the end, until":          {pause: commerce.Pause{AtPeriodEnd: true, Until: start.AddDate(0, 2, 10)}},
		"at the end, periods":        {pause: commerce.Pause{AtPeriodEnd: true, Periods: 2}},
		"at the end, collecting":     {pause: commerce.Pause{AtPeriodEnd: true, Periods: 2, Collect: true}},
		"at the end, with a fee":     {pause: commerce.Pause{AtPeriodEnd: true, Periods: 2}, fee: 150},
		"at the end, without end":    {pause: commerce.Pause{AtPeriodEnd: true}, none: true},
		"now, until":                 {pause: commerce.Pause{Until: start.AddDate(0, 1, 20)}},
		"now, without end":           {pause: commerce.Pause{}, none: true},
		"now, without end but a fee": {pause: commerce.Pause{}, fee: 150},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(w *world) {
				product, err := w.s.CreateProduct(w.Context(), commerce.CreateProduct{Call: w.call, Name: "Pausable",
					Settings: catalog.Settings{Pause: catalog.PausePolicy{Allowed: true, Fee: c.fee}}})
				w.ok(err)
				price, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: product.ID, Amount: usd(1000), Interval: monthly})
				w.ok(err)
				sub := w.subscribed(price.ID, "tok_visa")
				c.pause.Call, c.pause.Subscription = w.call, sub
				_, err = w.s.Pause(w.Context(), c.pause)
				w.ok(err)
				said, err := w.s.PreviewInvoice(w.Context(), w.acc, sub)
				if c.none {
					w.refused(err, fault.Conflict, "no_upcoming_invoice")
					w.advance(start.AddDate(1, 0, 0))
					same(w, "invoices", len(w.invoices(sub)), 1)
					return
				}
				w.ok(err)
				if c.pause.AtPeriodEnd {
					plan, err := w.s.PreviewChange(w.Context(), w.acc, sub, commerce.NewTerms{Quantity: 2}, time.Time{})
					w.ok(err)
					same(w, "next invoice after a change", plan.NextAt, said.At)
				}
				if said.At.After(w.now()) {
					w.advance(said.At.Add(-time.Microsecond))
					same(w, "invoices before it", len(w.invoices(sub)), 1)
				}
				w.advance(said.At.Add(time.Microsecond))
				got := w.invoices(sub)[1]
				same(w, "total", said.Total, got.Total)
				same(w, "span", said.Span, got.Span)
				same(w, "fee", got.Reason == invoice.Pause, c.fee > 0)
			})
		})
	}
}

// An amount that would make the next invoice larger than any amount may be is refused when
// it is added, not each day that the invoice falls due.
func TestItemThatDoesNotFitOnTheNextInvoice(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.plan("Basic", 1000, catalog.Terms{}).ID, "tok_visa")
		add := func(amount int64) error {
			_, err := w.s.AddItem(w.Context(), commerce.AddItem{Call: w.call, Subscription: sub, Description: "Work", Amount: amount})
			return err
		}
		w.refused(add(money.MaxMinor), fault.Invalid, "")
		w.ok(add(money.MaxMinor - 2000))
		w.refused(add(1001), fault.Invalid, "")
		w.ok(add(1000))
		w.advance(start.AddDate(0, 1, 0))
		same(w, "billed", w.invoices(sub)[1].Total.Minor, int64(money.MaxMinor))
		same(w, "failed", w.kinds()[event.BillingFailed], 0)
	})
}
