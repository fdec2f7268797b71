package commerce_test

import (
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

func (w *world) balances() map[ledger.Book]int64 {
	w.Helper()
	found := map[ledger.Book]int64{}
	w.view(func(tx *db.Tx) error {
		list, err := ledger.Balances(tx, w.acc)
		for _, b := range list {
			found[b.Book] += b.Minor
		}
		return err
	})
	return found
}

func TestSellPaid(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.sell(w.price(monthly), "tok_visa")
		w.ok(err)
		same(w, "order", sale.Order.State, order.Completed)
		same(w, "subscription", sale.Subscription.State, subscription.Active)
		same(w, "next", sale.Subscription.NextActionAt, time.Date(2026, 2, 28, 10, 0, 0, 0, time.UTC))
		same(w, "invoice", sale.Invoice.State, invoice.Paid)
		same(w, "number", sale.Invoice.Label(), "TEST-000001")
		same(w, "total", sale.Invoice.Total, usd(1000))
		same(w, "payment", sale.Payment.State, payment.Paid)
		n, minor, _ := w.charged()
		same(w, "charges", n, 1)
		same(w, "charged", minor, 1000)
		books := w.balances()
		same(w, "cash", books[ledger.Cash], 1000)
		same(w, "revenue", books[ledger.Revenue], -1000)
		same(w, "receivable", books[ledger.Receivable], 0)
		same(w, "created", w.kinds()[event.SubscriptionCreated], 1)
		same(w, "paid", w.kinds()[event.InvoicePaid], 1)
	})
}

func TestSellDeclined(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		_, err := w.sell(price, "tok_chargeDeclinedInsufficientFunds")
		w.refused(err, fault.Declined, "insufficient_funds")
		n, _, _ := w.charged()
		same(w, "charges", n, 0)
		list := w.invoices(0)
		same(w, "invoices", len(list), 1)
		same(w, "invoice", list[0].State, invoice.Void)
		same(w, "number", list[0].Number, 0)
		same(w, "created", w.kinds()[event.SubscriptionCreated], 0)
		same(w, "failed", w.kinds()[event.OrderFailed], 1)
		sale, err := w.sell(price, "tok_visa")
		w.ok(err)
		same(w, "the next number", sale.Invoice.Number, 1)
	})
}

func TestSellTrial(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.sell(w.price(monthly, func(c *commerce.CreatePrice) { c.TrialDays = 14 }), "tok_visa")
		w.ok(err)
		if sale.Invoice != nil || sale.Payment != nil {
			w.Errorf("a trial was charged: %+v", sale.Invoice)
		}
		same(w, "state", sale.Subscription.State, subscription.Trialing)
		end := start.AddDate(0, 0, 14)
		same(w, "trial", sale.Subscription.TrialTo, end)
		w.advance(end.Add(-time.Second))
		n, _, _ := w.charged()
		same(w, "charges in the trial", n, 0)
		w.advance(end)
		same(w, "after", w.sub(sale.Subscription.ID).State, subscription.Active)
		w.paidOnce(sale.Subscription.ID, 0, 0)
		same(w, "ended", w.kinds()[event.SubscriptionStarted], 1)
		w.advance(end.AddDate(0, 1, 0))
		w.paidOnce(sale.Subscription.ID, 0, 1)
	})
}

func TestSellSetupFee(t *testing.T) {
	onBoth(t, func(w *world) {
		fee := func(c *commerce.CreatePrice) { c.SetupFee = 500 }
		sale, err := w.sell(w.price(monthly, fee), "tok_visa")
		w.ok(err)
		same(w, "with the first period", sale.Invoice.Total, usd(1500))
		sale, err = w.sell(w.price(monthly, fee, func(c *commerce.CreatePrice) { c.TrialDays = 7 }), "tok_visa")
		w.ok(err)
		same(w, "with a trial", sale.Invoice.Total, usd(500))
		same(w, "state", sale.Subscription.State, subscription.Trialing)
		w.advance(start.AddDate(0, 0, 7))
		list := w.invoices(sale.Subscription.ID)
		same(w, "invoices", len(list), 2)
		same(w, "first period", list[1].Total, usd(1000))
		same(w, "first period is paid", list[1].State, invoice.Paid)
	})
}

func TestSellOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: w.price(period.Interval{}), Quantity: 3, Token: "tok_visa"})
		w.ok(err)
		if sale.Subscription != nil {
			w.Error("a one-time sale started a subscription")
		}
		same(w, "total", sale.Invoice.Total, usd(3000))
		w.advance(start.AddDate(1, 0, 0))
		n, _, _ := w.charged()
		same(w, "charges", n, 1)
	})
}

func TestSellWithTax(t *testing.T) {
	onBoth(t, func(w *world) {
		rate, err := money.ParseRate("0.19")
		w.ok(err)
		_, err = w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, TaxRate: &rate})
		w.ok(err)
		sub := w.subscribed(w.price(monthly), "tok_visa")
		w.advance(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
		w.paidOnce(sub, 0, 1)
		_, minor, _ := w.charged()
		same(w, "charged", minor, 2*1190)
		books := w.balances()
		same(w, "tax", books[ledger.Tax], -2*190)
		same(w, "revenue", books[ledger.Revenue], -2*1000)
	})
}

func TestSellToNewBuyer(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		buy := commerce.Sell{Call: w.call, Buyer: &commerce.CreateCustomer{Email: "New@Example.com"}, Price: price, Token: "tok_visa"}
		first, err := w.s.Sell(w.Context(), buy)
		w.ok(err)
		again, err := w.s.Sell(w.Context(), buy)
		w.ok(err)
		same(w, "customer", again.Customer.ID, first.Customer.ID)
		same(w, "address", first.Customer.Email, "new@example.com")
	})
}

func TestSellRefusesWhatCannotBe(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		method := w.newMethod("tok_visa", false)
		other := w.newCustomer("bob@example.com")
		detached := w.newMethod("tok_visa", false)
		_, err := w.s.DetachMethod(w.Context(), commerce.DetachMethod{Call: w.call, Method: detached.ID})
		w.ok(err)
		before := w.kinds()
		wrong, eur := usd(999), money.Amount{Minor: 1000, Currency: "EUR"}
		for name, c := range map[string]commerce.Sell{
			"no method":        {Customer: w.customer, Price: price},
			"other's method":   {Customer: other, Price: price, Method: method.ID},
			"detached method":  {Customer: w.customer, Price: price, Method: detached.ID},
			"no customer":      {Price: price, Method: method.ID},
			"unknown price":    {Customer: w.customer, Price: price + 1, Method: method.ID},
			"negative":         {Customer: w.customer, Price: price, Method: method.ID, Quantity: -1},
			"too many":         {Customer: w.customer, Price: price, Method: method.ID, Quantity: 1 << 62},
			"unknown token":    {Customer: w.customer, Price: price, Token: "tok_of_nobody"},
			"card number":      {Customer: w.customer, Price: price, Token: "4242 4242 4242 4242"},
			"wrong amount":     {Customer: w.customer, Price: price, Method: method.ID, Shown: &wrong},
			"another currency": {Customer: w.customer, Price: price, Method: method.ID, Shown: &eur},
		} {
			c.Call = w.call
			if sale, err := w.s.Sell(w.Context(), c); err == nil || fault.Is(err, fault.Internal) {
				w.Errorf("%s: got %+v, %v", name, sale.Order, err)
			}
		}
		archived := catalog.Archived
		_, err = w.s.UpdateProduct(w.Context(), commerce.UpdateProduct{Call: w.call, Product: w.product, State: &archived})
		w.ok(err)
		_, err = w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: price, Method: method.ID})
		w.refused(err, fault.Conflict, "product_archived")
		same(w, "invoices", len(w.invoices(0)), 0)
		after := w.kinds()
		delete(after, event.ProductUpdated)
		same(w, "kinds of events", len(after), len(before))
	})
}
