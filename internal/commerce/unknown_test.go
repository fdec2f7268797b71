package commerce_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/invoice"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// soldWithoutAnswer sells with a card whose charge is not answered.
func soldWithoutAnswer(w *world, token string) commerce.Sale {
	w.Helper()
	sale, err := w.sell(w.price(monthly), token)
	w.refused(err, fault.Pending, "payment_unknown")
	same(w, "order", sale.Order.State, order.Pending)
	same(w, "payment", sale.Payment.AskAt, start.Add(time.Minute))
	return sale
}

func TestSaleWithoutAnswerThatWasCharged(t *testing.T) {
	onBoth(t, func(w *world) {
		sale := soldWithoutAnswer(w, "tok_timeout_charged")
		w.advance(start.Add(time.Minute))
		s := w.sub(sale.Order.Subscription)
		same(w, "state", s.State, subscription.Active)
		same(w, "from", s.Span.From, start)
		w.paidOnce(s.ID, 0, 0)
		same(w, "paid", w.invoices(s.ID)[0].PaidAt, start.Add(time.Minute))
		n, _, _ := w.charged()
		same(w, "charges", n, 1)
	})
}

// What never arrived is sent again under the same key, and the sale comes true.
func TestSaleThatNeverArrived(t *testing.T) {
	onBoth(t, func(w *world) {
		sale := soldWithoutAnswer(w, "tok_timeout_not_charged")
		w.advance(start.Add(time.Minute))
		same(w, "state", w.sub(sale.Order.Subscription).State, subscription.Active)
		w.paidOnce(sale.Order.Subscription, 0, 0)
		n, _, _ := w.charged()
		same(w, "charges", n, 1)
	})
}

func TestSaleWithoutAnswerThatWasDeclined(t *testing.T) {
	onBoth(t, func(w *world) {
		sale := soldWithoutAnswer(w, "tok_unknown_then_declined")
		w.advance(start.AddDate(0, 2, 0))
		list := w.payments(sale.Invoice.ID)
		same(w, "payments", len(list), 1)
		same(w, "payment", list[0].State, payment.DeclinedState)
		same(w, "code", list[0].DeclineCode, "card_declined")
		same(w, "invoice", w.invoices(0)[0].State, invoice.Void)
		n, _, _ := w.charged()
		same(w, "charges", n, 0)
		same(w, "created", w.kinds()[event.SubscriptionCreated], 0)
	})
}

// A clock that leaps while buyers pay makes their payments look forgotten: whoever
// asks for one meets the buyer at the gateway, and there it is one charge.
func TestSellingWhileTheClockMoves(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		const buyers, each = 4, 12
		var sales sync.WaitGroup
		for b := range buyers {
			sales.Go(func() {
				for n := range each {
					_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Price: price, Token: "tok_visa", Source: "test",
						Buyer: &commerce.CreateCustomer{Email: fmt.Sprintf("b%d-%d@example.com", b, n)}})
					if err != nil && !fault.Is(err, fault.Pending) {
						w.Errorf("buyer %d, sale %d: %v", b, n, err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { sales.Wait(); close(done) }()
		day := start
	leap:
		for {
			select {
			case <-done:
				break leap
			default:
				day = day.Add(2 * time.Minute)
				w.advance(day)
			}
		}
		w.advance(day.Add(time.Hour))
		same(w, "subscriptions", w.kinds()[event.SubscriptionCreated], buyers*each)
		n, _, _ := w.charged()
		same(w, "charges", n, buyers*each)
	})
}

// The gateway cannot be asked for a while: it is asked after 1, 5 and 30 minutes.
func TestAskedUntilAnswered(t *testing.T) {
	onBoth(t, func(w *world) {
		sale := soldWithoutAnswer(w, "tok_timeout_charged")
		w.bankless.Arm(sandbox.FaultFind, 1, errors.New("no answer"))
		w.bankless.Arm(sandbox.FaultFind, 2, errors.New("no answer"))
		w.advance(start.AddDate(0, 0, 1))
		same(w, "asked", w.bankless.Passes(sandbox.FaultFind), 3)
		same(w, "settled", w.payments(sale.Invoice.ID)[0].SettledAt, start.Add(30*time.Minute))
		w.paidOnce(sale.Order.Subscription, 0, 0)
	})
}

func TestRenewalWithoutAnswer(t *testing.T) {
	for _, c := range []struct {
		token string
		state subscription.State
		paid  invoice.State
	}{
		{"tok_timeout_charged", subscription.Active, invoice.Paid},
		{"tok_timeout_not_charged", subscription.Active, invoice.Paid},
		{"tok_unknown_then_declined", subscription.PastDue, invoice.Open},
	} {
		t.Run(c.token, func(t *testing.T) {
			onBoth(t, func(w *world) {
				sub := w.subscribed(w.price(monthly), "tok_visa")
				w.newMethod(c.token, true)
				w.advance(feb28)
				same(w, "next", w.sub(sub).NextActionAt, time.Time{})
				p := w.payments(w.invoices(sub)[1].ID)[0]
				same(w, "payment", p.State, payment.Pending)
				same(w, "asked", p.AskAt, feb28.Add(time.Minute))
				_, err := w.s.VoidInvoice(w.Context(), commerce.VoidInvoice{Call: w.call, Invoice: p.Invoice})
				w.refused(err, fault.Conflict, "payment_under_way")
				w.advance(feb28.Add(time.Hour))
				same(w, "state", w.sub(sub).State, c.state)
				list := w.invoices(sub)
				same(w, "invoices", len(list), 2)
				same(w, "invoice", list[1].State, c.paid)
				same(w, "payments", len(w.payments(list[1].ID)), 1)
				n, _, _ := w.charged()
				if c.paid == invoice.Paid {
					same(w, "charges", n, 2)
				} else {
					same(w, "charges", n, 1)
				}
			})
		})
	}
}
