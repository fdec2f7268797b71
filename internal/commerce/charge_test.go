package commerce_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

// items bills two things, 1200 US cents in all.
var items = []commerce.BilledItem{{Description: "Repair", Amount: 700}, {Description: "Filter", Quantity: 2, Amount: 250}}

func (w *world) chargeOnce(c commerce.ChargeOnce) (commerce.Charged, error) {
	if c.Account == 0 {
		c.Call = w.call
	}
	c.Customer, c.Currency = w.customer, "USD"
	if c.Items == nil {
		c.Items = items
	}
	return w.s.ChargeOnce(w.Context(), c)
}

func TestChargeOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		rate, err := money.ParseRate("0.19")
		w.ok(err)
		_, err = w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, TaxRate: &rate})
		w.ok(err)
		_, err = w.chargeOnce(commerce.ChargeOnce{})
		w.refused(err, fault.Conflict, "no_payment_method")
		w.newMethod("tok_visa", false)
		done, err := w.chargeOnce(commerce.ChargeOnce{Note: "Thank you"})
		w.ok(err)
		same(w, "state", done.Invoice.State, invoice.Paid)
		same(w, "reason", done.Invoice.Reason, invoice.ByHand)
		same(w, "number", done.Invoice.Label(), "TEST-000001")
		same(w, "net", done.Invoice.Net, usd(1200))
		same(w, "tax", done.Invoice.Tax, usd(228))
		same(w, "payment", done.Payment.State, payment.Paid)
		n, minor, _ := w.charged()
		same(w, "charges", n, 1)
		same(w, "charged", minor, 1428)
		_, err = w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: done.Payment.ID, Amount: 428})
		w.ok(err)

		w.newMethod("tok_chargeDeclined", false)
		declined, err := w.chargeOnce(commerce.ChargeOnce{})
		w.refused(err, fault.Declined, "card_declined")
		same(w, "state of what was declined", declined.Invoice.State, invoice.Void)
		same(w, "number of what was declined", declined.Invoice.Number, 0)
	})
}

func TestChargeOnceIsChecked(t *testing.T) {
	onBoth(t, func(w *world) {
		other := w.newCustomer("bob@example.com")
		theirs, err := w.s.AttachMethod(w.Context(), commerce.AttachMethod{Call: w.call, Customer: other, Token: "tok_visa"})
		w.ok(err)
		for what, c := range map[string]commerce.ChargeOnce{
			"payment_method":      {Method: theirs.ID},
			"items":               {Items: []commerce.BilledItem{}},
			"items.0.amount":      {Items: []commerce.BilledItem{{Description: "x"}}},
			"items.0.description": {Items: []commerce.BilledItem{{Description: "4242 4242 4242 4242", Amount: 1}}},
			"items.0.quantity":    {Items: []commerce.BilledItem{{Description: "x", Amount: 1, Quantity: -1}}},
		} {
			_, err := w.chargeOnce(c)
			if !fault.Is(err, fault.Invalid) || fault.As(err).Fields[0].Name != what {
				w.Errorf("%s: got %v", what, err)
			}
		}
		_, err = w.s.ChargeOnce(w.Context(), commerce.ChargeOnce{Call: w.call, Customer: other + 1, Items: items})
		w.refused(err, fault.Invalid, "")
		same(w, "invoices", len(w.invoices(0)), 0)
	})
}

// What the gateway does not answer at once is settled later, whatever became of it.
func TestChargeOnceWithoutAnswer(t *testing.T) {
	onBoth(t, func(w *world) {
		for token, want := range map[string]invoice.State{"tok_timeout_charged": invoice.Paid, "tok_unknown_then_declined": invoice.Void, "tok_debit": invoice.Paid} {
			m := w.newMethod(token, false)
			done, err := w.chargeOnce(commerce.ChargeOnce{Method: m.ID})
			w.refused(err, fault.Pending, "")
			same(w, "state while it is unknown", done.Invoice.State, invoice.Draft)
			w.advance(w.now().AddDate(0, 0, 4))
			for _, v := range w.invoices(0) {
				if v.ID == done.Invoice.ID {
					same(w, token, v.State, want)
				}
			}
		}
		m := w.newMethod("tok_confirm", false)
		done, err := w.chargeOnce(commerce.ChargeOnce{Method: m.ID, Present: true})
		w.refused(err, fault.Pending, "payment_needs_confirmation")
		if done.Step == nil {
			w.Error("the customer is not told how to confirm")
		}
		w.advance(w.now().Add(2 * time.Hour))
		same(w, "never confirmed", w.payments(done.Invoice.ID)[0].State, payment.DeclinedState)
	})
}

// Credit pays first; what it covers whole asks no gateway.
func TestCreditPaysForACharge(t *testing.T) {
	onBoth(t, func(w *world) {
		_, err := w.s.AdjustCredit(w.Context(), commerce.AdjustCredit{Call: w.call, Customer: w.customer, Amount: usd(1300)})
		w.ok(err)
		done, err := w.chargeOnce(commerce.ChargeOnce{})
		w.ok(err)
		same(w, "state", done.Invoice.State, invoice.Paid)
		same(w, "credit used", done.Invoice.CreditUsed, 1200)
		if done.Payment != nil {
			w.Error("a gateway was asked")
		}
		w.newMethod("tok_chargeDeclined", false)
		_, err = w.chargeOnce(commerce.ChargeOnce{})
		w.refused(err, fault.Declined, "")
		w.newMethod("tok_visa", false)
		done, err = w.chargeOnce(commerce.ChargeOnce{})
		w.ok(err)
		same(w, "what the decline gave back", done.Invoice.CreditUsed, 100)
	})
}

// A charge is broken at every step in turn; its sender repeats it under its key.
func TestChargeOnceBrokenAnywhere(t *testing.T) {
	onBoth(t, func(w *world) {
		w.newMethod("tok_visa", false)
		w.brokenAnywhere(20, func(key string) error {
			_, err := w.chargeOnce(commerce.ChargeOnce{Call: w.once(key, key)})
			return err
		}, func(key string, times int) {
			n, _, _ := w.charged()
			same(w, key+": charges", n, times)
			same(w, key+": invoices", len(w.invoices(0)), times)
		})
	})
}

// brokenAnywhere breaks send at each of its steps in turn and repeats it until it is
// answered; check is told how often send has been begun.
func (w *world) brokenAnywhere(least int, send func(key string) error, check func(key string, times int)) {
	w.Helper()
	times := 0
	for _, point := range breakpoints {
		for nth := 1; ; nth++ {
			before := w.faults.Passes(point)
			w.faults.Arm(point, nth, errors.New("broken on purpose"))
			key := fmt.Sprint(point, " ", nth)
			err := send(key)
			broken := w.faults.Passes(point)-before >= nth
			w.faults.Disarm()
			times++
			for try := 0; err != nil; try++ {
				if try == 5 {
					w.Fatalf("%s: %v", key, err)
				}
				w.clock.Add(2 * time.Minute)
				if err = send(key); err != nil {
					if _, again := commerce.IsReplayed(err); again {
						break
					}
				}
			}
			check(key, times)
			if w.Failed() {
				w.FailNow()
			}
			if !broken {
				break
			}
		}
	}
	if times < least {
		w.Errorf("only %d steps were broken", times)
	}
}

func (w *world) billByHand() invoice.Invoice {
	w.Helper()
	done, err := w.s.BillByHand(w.Context(), commerce.BillByHand{Call: w.call, Customer: w.customer, Currency: "USD", Items: items})
	w.ok(err)
	same(w, "state", done.Invoice.State, invoice.Open)
	return done.Invoice
}

func TestBillByHand(t *testing.T) {
	onBoth(t, func(w *world) {
		v := w.billByHand()
		_, err := w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID})
		w.refused(err, fault.Invalid, "")
		bad := w.newMethod("tok_chargeDeclined", false)
		good := w.newMethod("tok_visa", false)
		changed, err := w.s.ChangeInvoiceMethod(w.Context(), commerce.ChangeInvoiceMethod{Call: w.call, Invoice: v.ID, Method: bad.ID})
		w.ok(err)
		same(w, "method", changed.Method, bad.ID)
		_, err = w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID})
		w.refused(err, fault.Declined, "card_declined")
		same(w, "state after a decline", w.invoices(0)[0].State, invoice.Open)
		done, err := w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID, Method: good.ID})
		w.ok(err)
		same(w, "state", done.Invoice.State, invoice.Paid)
		same(w, "second try", done.Payment.Attempt, 2)
		_, err = w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID})
		w.refused(err, fault.Conflict, "invoice_not_open")
		_, err = w.s.ChangeInvoiceMethod(w.Context(), commerce.ChangeInvoiceMethod{Call: w.call, Invoice: v.ID, Method: bad.ID})
		w.refused(err, fault.Conflict, "invoice_not_open")

		v = w.billByHand()
		_, err = w.s.VoidInvoice(w.Context(), commerce.VoidInvoice{Call: w.call, Invoice: v.ID})
		w.ok(err)
		v = w.billByHand()
		_, err = w.s.GiveUpInvoice(w.Context(), commerce.GiveUpInvoice{Call: w.call, Invoice: v.ID})
		w.ok(err)
		_, err = w.s.MarkInvoicePaid(w.Context(), commerce.MarkInvoicePaid{Call: w.call, Invoice: v.ID, Reference: "statement 7"})
		w.ok(err)
		v = w.billByHand()
		_, err = w.s.CreditNote(w.Context(), commerce.CreditNote{Call: w.call, Invoice: v.ID, Amount: 200})
		w.ok(err)
		done, err = w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID})
		w.ok(err)
		same(w, "after the credit note", done.Payment.Amount, usd(1000))
	})
}

// Two who collect an invoice of no subscription, one who voids it and one who says that it
// was paid: one of them wins, and it is paid at most once.
func TestInvoiceByHandAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		w.newMethod("tok_visa", false)
		for range 4 {
			v := w.billByHand()
			var race sync.WaitGroup
			var errs [4]error
			race.Go(func() { _, errs[0] = w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID}) })
			race.Go(func() { _, errs[1] = w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID}) })
			race.Go(func() {
				_, errs[2] = w.s.VoidInvoice(w.Context(), commerce.VoidInvoice{Call: w.call, Invoice: v.ID})
			})
			race.Go(func() {
				_, errs[3] = w.s.MarkInvoicePaid(w.Context(), commerce.MarkInvoicePaid{Call: w.call, Invoice: v.ID})
			})
			race.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else if !fault.Is(err, fault.Conflict) {
					w.Errorf("got %v", err)
				}
			}
			same(w, "winners", won, 1)
		}
	})
}

func TestMarkInvoicePaid(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.advance(start.AddDate(0, 1, 1))
		owing := w.sub(sub)
		same(w, "state", owing.State, subscription.PastDue)
		mark := commerce.MarkInvoicePaid{Call: w.once("a", "a"), Invoice: owing.Invoice, Reference: "cheque 12"}
		done, err := w.s.MarkInvoicePaid(w.Context(), mark)
		w.ok(err)
		same(w, "invoice", done.Invoice.State, invoice.Paid)
		same(w, "gateway", done.Payment.Gateway, commerce.RecordedGateway)
		same(w, "reference", done.Payment.Reference, "cheque 12")
		same(w, "subscription", w.sub(sub).State, subscription.Active)
		_, err = w.s.MarkInvoicePaid(w.Context(), mark)
		w.replayed(err, 200)
		_, err = w.s.MarkInvoicePaid(w.Context(), commerce.MarkInvoicePaid{Call: w.call, Invoice: owing.Invoice})
		w.refused(err, fault.Conflict, "invoice_not_open")
		w.view(func(tx *db.Tx) error {
			cases, err := recovery.CasesOf(tx, w.acc, []int64{int64(owing.Invoice)})
			same(w, "case", cases[owing.Invoice].State, recovery.Recovered)
			same(w, "by", cases[owing.Invoice].RecoveredBy, recovery.ByHand)
			return err
		})
		// Money that no gateway holds is given back without one.
		_, err = w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: done.Payment.ID, Amount: 400})
		w.ok(err)
		n, _, back := w.charged()
		same(w, "charges", n, 1)
		same(w, "back", back, 0)
	})
}

func TestRecordedRefund(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.sell(w.price(monthly), "tok_refundFail")
		w.ok(err)
		give := commerce.Refund{Call: w.once("a", "a"), Payment: sale.Payment.ID, Amount: 300, Reason: "in cash", Recorded: true}
		r, err := w.s.Refund(w.Context(), give)
		w.ok(err)
		same(w, "state", r.State, payment.Paid)
		same(w, "recorded", r.Recorded, true)
		_, err = w.s.Refund(w.Context(), give)
		w.replayed(err, 200)
		v := w.invoices(0)[0]
		same(w, "refunded", v.Refunded, 300)
		same(w, "credited", v.Credited, 300)
		same(w, "credit notes", w.kinds()[event.CreditNoteIssued], 1)
		_, err = w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: sale.Payment.ID, Amount: 701, Recorded: true})
		w.refused(err, fault.Invalid, "")
		_, _, back := w.charged()
		same(w, "back", back, 0)

		var race sync.WaitGroup
		var errs [4]error
		for i := range errs {
			race.Go(func() {
				_, errs[i] = w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: sale.Payment.ID, Amount: 500, Recorded: true})
			})
		}
		race.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !fault.Is(err, fault.Invalid) {
				w.Errorf("got %v", err)
			}
		}
		same(w, "refunds of 500 out of 700", won, 1)
	})
}

func TestRecordedRefundBrokenAnywhere(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.sell(w.price(monthly), "tok_visa")
		w.ok(err)
		w.brokenAnywhere(15, func(key string) error {
			_, err := w.s.Refund(w.Context(), commerce.Refund{Call: w.once(key, key), Payment: sale.Payment.ID, Amount: 1, Recorded: true})
			return err
		}, func(key string, times int) { same(w, key, w.invoices(0)[0].Refunded, int64(times)) })
	})
}

// paidEach checks that a subscription has exactly the periods from first to last, each with
// one invoice, each paid. Where each ends was moved after it was billed.
func (w *world) paidEach(sub id.Subscription, first, last int) {
	w.Helper()
	have := map[int]int{}
	for _, v := range w.invoices(sub) {
		have[v.Period]++
		same(w, "state", v.State, invoice.Paid)
	}
	same(w, "periods", len(have), last-first+1)
	for n := first; n <= last; n++ {
		same(w, "invoices of a period", have[n], 1)
	}
}

func TestBillNow(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		_, err := w.s.BillNow(w.Context(), commerce.BillNow{Call: w.call, Subscription: sub})
		w.refused(err, fault.Conflict, "billed_just_now")
		w.advance(start.AddDate(0, 0, 10))
		next, wrong := 1, 2
		_, err = w.s.BillNow(w.Context(), commerce.BillNow{Call: w.call, Subscription: sub, Period: &wrong})
		w.refused(err, fault.Conflict, "period_not_next")
		done, err := w.s.BillNow(w.Context(), commerce.BillNow{Call: w.call, Subscription: sub, Period: &next})
		w.ok(err)
		same(w, "period", done.Invoice.Period, 1)
		same(w, "reason", done.Invoice.Reason, invoice.Renewal)
		same(w, "state", done.Invoice.State, invoice.Paid)
		same(w, "from", done.Invoice.Span.From, start.AddDate(0, 0, 10))
		same(w, "to", done.Invoice.Span.To, time.Date(2026, 3, 31, 10, 0, 0, 0, time.UTC))
		_, err = w.s.BillNow(w.Context(), commerce.BillNow{Call: w.call, Subscription: sub, Period: &next})
		w.refused(err, fault.Conflict, "period_not_next")
		w.advance(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
		w.paidEach(sub, 0, 2)
		n, _, _ := w.charged()
		same(w, "charges", n, 3)
	})
}

// A decline of a period that is billed early is recovered as that of any renewal.
func TestBillNowDeclined(t *testing.T) {
	onBoth(t, func(w *world) {
		w.fixedTries()
		sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.advance(start.AddDate(0, 0, 10))
		done, err := w.s.BillNow(w.Context(), commerce.BillNow{Call: w.once("a", "a"), Subscription: sub})
		w.refused(err, fault.Declined, "")
		same(w, "invoice", done.Invoice.State, invoice.Open)
		same(w, "subscription", w.sub(sub).State, subscription.PastDue)
		_, err = w.s.BillNow(w.Context(), commerce.BillNow{Call: w.once("a", "a"), Subscription: sub})
		w.replayed(err, 402)
		_, err = w.s.BillNow(w.Context(), commerce.BillNow{Call: w.call, Subscription: sub})
		w.refused(err, fault.Conflict, "invoice_unpaid")
		w.newMethod("tok_visa", true)
		w.advance(start.AddDate(0, 0, 12))
		w.paidEach(sub, 0, 1)
		_, err = w.s.ChangeMethod(w.Context(), commerce.ChangeMethod{Call: w.call, Subscription: sub, Method: w.newMethod("tok_timeout_charged", false).ID})
		w.ok(err)
		_, err = w.s.BillNow(w.Context(), commerce.BillNow{Call: w.call, Subscription: sub})
		w.refused(err, fault.Pending, "payment_unknown")
		w.advance(start.AddDate(0, 0, 13))
		w.paidEach(sub, 0, 2)
	})
}

// Whoever says that the next period was paid brings it about without a gateway.
func TestNextPeriodPaidByHand(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.advance(start.AddDate(0, 0, 10))
		done, err := w.s.BillNow(w.Context(), commerce.BillNow{Call: w.once("a", "a"), Subscription: sub, Paid: true, Reference: "cash"})
		w.ok(err)
		same(w, "invoice", done.Invoice.State, invoice.Paid)
		same(w, "gateway", done.Payment.Gateway, commerce.RecordedGateway)
		same(w, "reference", done.Payment.Reference, "cash")
		_, err = w.s.BillNow(w.Context(), commerce.BillNow{Call: w.once("a", "a"), Subscription: sub, Paid: true, Reference: "cash"})
		w.replayed(err, 200)
		w.paidEach(sub, 0, 1)
		n, _, _ := w.charged()
		same(w, "charges", n, 1)
	})
}

func TestBillNowEndsATrial(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly, func(c *commerce.CreatePrice) { c.TrialDays = 14 }), "tok_visa")
		w.advance(start.AddDate(0, 0, 3))
		done, err := w.s.BillNow(w.Context(), commerce.BillNow{Call: w.call, Subscription: sub})
		w.ok(err)
		same(w, "period", done.Invoice.Period, 0)
		now := w.sub(sub)
		same(w, "state", now.State, subscription.Active)
		same(w, "trial ended", now.TrialTo, start.AddDate(0, 0, 3))
		same(w, "next", now.Span.To, time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC))
	})
}

// What has no invoice to come, or waits for something else, is not billed early.
func TestBillNowRefused(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		sub := w.subscribed(price, "tok_visa")
		w.advance(start.AddDate(0, 0, 10))
		bill := func() error {
			_, err := w.s.BillNow(w.Context(), commerce.BillNow{Call: w.call, Subscription: sub})
			return err
		}
		_, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Quantity: 2}, When: subscription.AtPeriodEnd})
		w.ok(err)
		w.refused(bill(), fault.Conflict, "change_scheduled")
		_, err = w.s.UndoChange(w.Context(), commerce.UndoChange{Call: w.call, Subscription: sub})
		w.ok(err)
		_, err = w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.AtPeriodEnd})
		w.ok(err)
		w.refused(bill(), fault.Conflict, "no_upcoming_invoice")
		_, err = w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.Now})
		w.ok(err)
		w.refused(bill(), fault.Conflict, "subscription_ended")
		methodless := w.subscribed(price, "tok_visa")
		_, err = w.s.DetachMethod(w.Context(), commerce.DetachMethod{Call: w.call, Method: w.sub(methodless).Method})
		w.ok(err)
		w.advance(start.AddDate(0, 0, 11))
		sub = methodless
		w.refused(bill(), fault.Conflict, "no_payment_method")
		same(w, "period", w.sub(sub).Period, 0)
	})
}

// Many who ask for the same period to be billed, while the renewals run: it is billed once.
func TestBillNowAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		for i := range 3 {
			w.advance(w.now().AddDate(0, 0, 3))
			next := i + 1
			var race sync.WaitGroup
			for range 6 {
				race.Go(func() {
					_, err := w.s.BillNow(w.Context(), commerce.BillNow{Call: w.call, Subscription: sub, Period: &next})
					if err != nil && !fault.Is(err, fault.Conflict) {
						w.Errorf("got %v", err)
					}
				})
			}
			race.Go(func() {
				if _, err := w.s.RunAccount(w.Context(), w.acc); err != nil {
					w.Errorf("the run: %v", err)
				}
			})
			race.Wait()
			w.paidEach(sub, 0, next)
		}
		n, _, _ := w.charged()
		same(w, "charges", n, 4)
	})
}

func TestBillNowBrokenAnywhere(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		w.brokenAnywhere(20, func(key string) error {
			w.clock.Add(time.Second)
			_, err := w.s.BillNow(w.Context(), commerce.BillNow{Call: w.once(key, key), Subscription: sub})
			return err
		}, func(_ string, times int) { w.paidEach(sub, 0, times) })
		other := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.brokenAnywhere(20, func(key string) error {
			w.clock.Add(time.Second)
			_, err := w.s.BillNow(w.Context(), commerce.BillNow{Call: w.once(key+" paid", key), Subscription: other, Paid: true})
			return err
		}, func(_ string, times int) { w.paidEach(other, 0, times) })
	})
}

// A subscription that takes the terms of another interval at once goes on to the end of
// what was paid, and is billed at the new ones from there.
func TestTermsWithoutSettlement(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, yearly := w.price(monthly), w.price(period.Interval{Unit: period.Year, Count: 1}, func(c *commerce.CreatePrice) { c.Amount = usd(9000) })
		sub := w.subscribed(basic, "tok_visa")
		w.advance(start.AddDate(0, 0, 10))
		none, _ := subscription.Preset("none")
		_, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, When: subscription.Now,
			To: commerce.NewTerms{Price: yearly, Quantity: 2, Keep: true, Proration: &none}})
		w.ok(err)
		now := w.sub(sub)
		same(w, "price", now.Price, yearly)
		same(w, "end of what was paid", now.Span.To, time.Date(2026, 2, 28, 10, 0, 0, 0, time.UTC))
		w.advance(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
		w.paidOnce(sub, 0, 1)
		list := w.invoices(sub)
		same(w, "charged", list[1].Total, usd(18000))
		same(w, "until", list[1].Span.To, time.Date(2027, 2, 28, 10, 0, 0, 0, time.UTC))
		_, err = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, When: subscription.Now,
			To: commerce.NewTerms{Price: basic, Quantity: 1, Keep: true, Proration: &none}})
		w.ok(err)
		w.advance(time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC))
		w.paidOnce(sub, 0, 3)
		same(w, "until", w.sub(sub).Span.To, time.Date(2027, 4, 28, 10, 0, 0, 0, time.UTC))
	})
}

func TestUpdateSubscription(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		place, err := w.s.AddPlace(w.Context(), commerce.AddPlace{Call: w.call, Customer: w.customer, Facts: customer.PlaceFacts{City: "Bergen"}})
		w.ok(err)
		two := 2
		got, err := w.s.UpdateSubscription(w.Context(), commerce.UpdateSubscription{Call: w.call, Subscription: sub, PaymentsLeft: &two, Address: &place.ID})
		w.ok(err)
		same(w, "left", got.PaymentsLeft(), 2)
		same(w, "address", got.Extras.Address, place.ID)
		none, _ := subscription.Preset("none")
		_, err = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, When: subscription.Now, To: commerce.NewTerms{Quantity: 3, Proration: &none}})
		w.ok(err)
		same(w, "address after a change", w.sub(sub).Extras.Address, place.ID)
		same(w, "left after a change", left(w.sub(sub)), 2)
		other, err := w.s.AddPlace(w.Context(), commerce.AddPlace{Call: w.call, Customer: w.newCustomer("bob@example.com"), Facts: customer.PlaceFacts{City: "Oslo"}})
		w.ok(err)
		many := 367
		for field, c := range map[string]commerce.UpdateSubscription{"address": {Address: &other.ID}, "payments_left": {PaymentsLeft: &many}} {
			c.Call, c.Subscription = w.call, sub
			_, err := w.s.UpdateSubscription(w.Context(), c)
			if !fault.Is(err, fault.Invalid) || fault.As(err).Fields[0].Name != field {
				w.Errorf("%s: got %v", field, err)
			}
		}
		w.advance(start.AddDate(0, 4, 0))
		w.paidOnce(sub, 0, 2)
		same(w, "reason", w.sub(sub).EndReason, subscription.Completed)
	})
}

// A trial can be sold up to an instant of the merchant's choice.
func TestTrialUpToAnInstant(t *testing.T) {
	onBoth(t, func(w *world) {
		price, to := w.price(monthly), start.Add(100*time.Hour)
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: price, Token: "tok_visa", Options: commerce.Options{TrialTo: to}})
		w.ok(err)
		if sale.Invoice != nil {
			w.Error("something was charged")
		}
		same(w, "state", sale.Subscription.State, subscription.Trialing)
		same(w, "trial", sale.Subscription.Span, period.Span{From: start, To: to})
		w.advance(to.Add(time.Hour))
		w.paidOnce(sale.Subscription.ID, 0, 0)
		same(w, "next", w.sub(sale.Subscription.ID).Span.To, time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC))
		_, err = w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: price, Token: "tok_visa", Options: commerce.Options{TrialTo: start}})
		w.refused(err, fault.Invalid, "")
	})
}

// Whoever moves the billing day for good leaves the day of the month behind on which the
// price bills everybody.
func TestMoveForGoodFreesTheBillingDay(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.plan("Basic", 1000, catalog.Terms{AnchorDay: 15})
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: price.ID, Token: "tok_visa"})
		w.ok(err)
		_, err = w.s.Reschedule(w.Context(), commerce.Reschedule{Call: w.call, Subscription: sale.Subscription.ID, To: time.Date(2026, 2, 20, 9, 0, 0, 0, time.UTC), ForGood: true})
		w.ok(err)
		w.advance(time.Date(2026, 2, 21, 0, 0, 0, 0, time.UTC))
		same(w, "next", w.sub(sale.Subscription.ID).Span.To, time.Date(2026, 3, 20, 9, 0, 0, 0, time.UTC))
		trial := w.subscribed(w.price(monthly, func(c *commerce.CreatePrice) { c.TrialDays = 7 }), "tok_visa")
		_, err = w.s.Reschedule(w.Context(), commerce.Reschedule{Call: w.call, Subscription: trial, To: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)})
		w.ok(err)
		same(w, "end of the trial", w.sub(trial).TrialTo, time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	})
}

func left(sub subscription.Subscription) int { return sub.PaymentsLeft() }
