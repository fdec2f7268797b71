package commerce_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

func (w *world) refund(p id.Payment, minor int64) (payment.Refund, error) {
	return w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: p, Amount: minor, Reason: "not happy"})
}

func TestRefundInParts(t *testing.T) {
	onBoth(t, func(w *world) {
		rate, err := money.ParseRate("0.19")
		w.ok(err)
		_, err = w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, TaxRate: &rate})
		w.ok(err)
		sale, err := w.sell(w.price(monthly), "tok_visa")
		w.ok(err)
		part, err := w.refund(sale.Payment.ID, 333)
		w.ok(err)
		same(w, "state", part.State, payment.Paid)
		_, err = w.refund(sale.Payment.ID, 858)
		w.refused(err, fault.Invalid, "")
		_, err = w.refund(sale.Payment.ID, -1)
		w.refused(err, fault.Invalid, "")
		rest, err := w.refund(sale.Payment.ID, 0)
		w.ok(err)
		same(w, "rest", rest.Amount, usd(857))
		_, err = w.refund(sale.Payment.ID, 0)
		w.refused(err, fault.Invalid, "")
		_, _, back := w.charged()
		same(w, "back", back, 1190)
		same(w, "refunded", w.invoices(0)[0].Refunded, 1190)
		books := w.balances()
		same(w, "cash", books[ledger.Cash], 0)
		same(w, "tax", books[ledger.Tax], 0)
		same(w, "refunds", books[ledger.Refunds], 1000)
	})
}

func TestRefundOfWhatWasNotPaid(t *testing.T) {
	onBoth(t, func(w *world) {
		_, err := w.sell(w.price(monthly), "tok_chargeDeclined")
		w.refused(err, fault.Declined, "card_declined")
		p := w.payments(w.invoices(0)[0].ID)[0]
		_, err = w.refund(p.ID, 100)
		w.refused(err, fault.Conflict, "payment_not_succeeded")
		_, err = w.refund(p.ID+1, 100)
		w.refused(err, fault.NotFound, "")
	})
}

func TestManyRefundsAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.sell(w.price(monthly), "tok_visa")
		w.ok(err)
		var all sync.WaitGroup
		var given atomic.Int64
		for range 20 {
			all.Go(func() {
				r, err := w.refund(sale.Payment.ID, 150)
				switch {
				case err == nil:
					given.Add(r.Amount.Minor)
				case !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict):
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		_, _, back := w.charged()
		same(w, "back", back, given.Load())
		same(w, "refunded", w.invoices(0)[0].Refunded, back)
		if back > 1000 || back < 150 {
			w.Errorf("%d of 1000 went back", back)
		}
		if left := 1000 - back; left > 0 {
			_, err = w.refund(sale.Payment.ID, left+1)
			w.refused(err, fault.Invalid, "")
			_, err = w.refund(sale.Payment.ID, left)
			w.ok(err)
		}
	})
}

func TestRefundThatFails(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.sell(w.price(monthly), "tok_refundFail")
		w.ok(err)
		r, err := w.refund(sale.Payment.ID, 400)
		w.refused(err, fault.Declined, "refund_failed")
		same(w, "state", r.State, payment.Failed)
		same(w, "failure", r.Failure, "expired_or_canceled_card")
		same(w, "refunded", w.payments(sale.Invoice.ID)[0].Refunded, 0)
	})
}

// A refund without an answer is asked for as the clock goes on, and is given once.
func TestRefundWithoutAnswer(t *testing.T) {
	for _, point := range []string{sandbox.FaultRefundBefore, sandbox.FaultRefundAfter} {
		t.Run(point, func(t *testing.T) {
			onBoth(t, func(w *world) {
				sale, err := w.sell(w.price(monthly), "tok_visa")
				w.ok(err)
				w.bankless.Arm(point, 1, errors.New("no answer"))
				_, err = w.refund(sale.Payment.ID, 400)
				w.refused(err, fault.Pending, "refund_unknown")
				_, err = w.refund(sale.Payment.ID, 601)
				w.refused(err, fault.Invalid, "")
				w.bankless.Arm(sandbox.FaultFind, 1, errors.New("no answer"))
				w.advance(start.Add(time.Hour))
				_, _, back := w.charged()
				same(w, "back", back, 400)
				same(w, "refunded", w.invoices(0)[0].Refunded, 400)
			})
		})
	}
}

// What a gateway cannot say for a week waits for a person, who says what became of it.
func TestRefundThatNeedsAPerson(t *testing.T) {
	for point, given := range map[string]bool{sandbox.FaultRefundBefore: false, sandbox.FaultRefundAfter: true} {
		t.Run(point, func(t *testing.T) {
			onBoth(t, func(w *world) {
				sale, err := w.sell(w.price(monthly), "tok_visa")
				w.ok(err)
				w.bankless.Arm(point, 1, errors.New("no answer"))
				_, err = w.refund(sale.Payment.ID, 400)
				w.refused(err, fault.Pending, "refund_unknown")
				read := func(which func(*db.Tx, id.Account, id.Refund, int) ([]payment.Refund, error)) (list []payment.Refund) {
					w.ok(w.db.View(w.Context(), func(tx *db.Tx) (err error) {
						list, err = which(tx, w.acc, 0, 10)
						return err
					}))
					return list
				}
				r := read(payment.Refunds)[0].ID
				mark := func(given bool, reference string) error {
					_, err := w.s.MarkRefund(w.Context(), commerce.MarkRefund{Call: w.call, Refund: r, Given: given, Reference: reference})
					return err
				}
				w.refused(mark(given, "re_1"), fault.Conflict, "gateway_decides")
				for i := range 40 {
					w.bankless.Arm(sandbox.FaultFind, i+1, errors.New("no answer"))
				}
				w.advance(start.Add(8 * 24 * time.Hour))
				if people := read(payment.RefundsForPeople); len(people) != 1 || people[0].ID != r {
					w.Fatalf("a person is shown %v", people)
				}
				asked, err := w.s.AskRefund(w.Context(), commerce.AskRefund{Call: w.call, Refund: r})
				w.ok(err)
				same(w, "asked again it is", asked.State, payment.Pending)
				w.refused(mark(true, ""), fault.Invalid, "")
				w.ok(mark(given, "re_1"))
				w.refused(mark(given, "re_1"), fault.Conflict, "refund_settled")
				same(w, "waiting", len(read(payment.RefundsForPeople)), 0)
				back := int64(0)
				if given {
					back = 400
				}
				same(w, "refunded", w.invoices(0)[0].Refunded, back)
				_, err = w.refund(sale.Payment.ID, 1000-back)
				w.ok(err)
			})
		})
	}
}

func TestVoidOpenInvoice(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.advance(feb28.Add(time.Hour))
		list := w.invoices(sub)
		void := func(v id.Invoice) error {
			_, err := w.s.VoidInvoice(w.Context(), commerce.VoidInvoice{Call: w.call, Invoice: v})
			return err
		}
		w.refused(void(list[0].ID), fault.Conflict, "invoice_paid")
		w.ok(void(list[1].ID))
		w.refused(void(list[1].ID), fault.Conflict, "invoice_void")
		same(w, "state", w.sub(sub).State, subscription.Active)
		same(w, "receivable", w.balances()[ledger.Receivable], 0)
		same(w, "revenue", w.balances()[ledger.Revenue], -1000)
		w.advance(feb28.AddDate(0, 0, 20))
		same(w, "invoices", len(w.invoices(sub)), 2)
		w.newMethod("tok_visa", true)
		w.advance(time.Date(2026, 3, 31, 10, 0, 0, 0, time.UTC))
		same(w, "next period", w.invoices(sub)[2].State, invoice.Paid)
	})
}

func TestCollectByHand(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.advance(feb28.Add(time.Hour))
		v := w.invoices(sub)[1]
		before := w.sub(sub)
		_, err := w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID})
		w.refused(err, fault.Declined, "card_declined")
		after := w.sub(sub)
		same(w, "failures", after.Failures, before.Failures)
		same(w, "next", after.NextActionAt, before.NextActionAt)
		method := w.newMethod("tok_visa", false)
		done, err := w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID, Method: method.ID})
		w.ok(err)
		same(w, "invoice", done.Invoice.State, invoice.Paid)
		same(w, "attempt", done.Payment.Attempt, 3)
		same(w, "state", w.sub(sub).State, subscription.Active)
		_, err = w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID})
		w.refused(err, fault.Conflict, "invoice_not_open")
		n, _, _ := w.charged()
		same(w, "charges", n, 2)
	})
}

// An invoice is collected by hand, voided and retried at the same moment: it is
// paid or void, and charged at most once.
func TestCollectAndVoidAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.advance(feb28.Add(time.Hour))
		method := w.newMethod("tok_visa", true)
		v := w.invoices(sub)[1]
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				var err error
				if i == 3 {
					_, err = w.s.VoidInvoice(w.Context(), commerce.VoidInvoice{Call: w.call, Invoice: v.ID})
				} else {
					_, err = w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v.ID, Method: method.ID})
				}
				if err != nil && !fault.Is(err, fault.Conflict) {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		n, _, _ := w.charged()
		switch state := w.invoices(sub)[1].State; {
		case state == invoice.Paid && n == 2, state == invoice.Void && n == 1:
		default:
			w.Errorf("the invoice is %s after %d charges", state, n)
		}
		same(w, "state", w.sub(sub).State, subscription.Active)
	})
}

// lastTry is a subscription that has one try left before it ends, and its open invoice.
func lastTry(w *world) (subscription.Subscription, id.Invoice) {
	w.Helper()
	w.fixedTries()
	sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
	w.advance(feb28.AddDate(0, 0, 5)) // declined on days 0, 1 and 4
	s := w.sub(sub)
	same(w, "failures", s.Failures, len(recovery.Standard().Steps))
	same(w, "last try", s.NextActionAt, feb28.AddDate(0, 0, 9))
	return s, s.Invoice
}

// A charge by hand whose outcome is only found out later is no try of the schedule
// either, whoever finds it out.
func TestDeclineByHandThatIsFoundOutLater(t *testing.T) {
	onBoth(t, func(w *world) {
		before, v := lastTry(w)
		unchanged := func(when string) {
			w.Helper()
			s := w.sub(before.ID)
			same(w, "state "+when, s.State, subscription.PastDue)
			same(w, "failures "+when, s.Failures, before.Failures)
			same(w, "next "+when, s.NextActionAt, before.NextActionAt)
			same(w, "lease "+when, s.LeaseUntil, time.Time{})
		}
		w.faults.Arm("gateway.charge", 1, errors.New("no network"))
		_, err := w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v})
		w.refused(err, fault.Pending, "payment_unknown")
		unchanged("without an answer")
		w.advance(w.now().Add(time.Hour))
		unchanged("when it was asked for")
		same(w, "payment", w.payments(v)[3].State, payment.DeclinedState)

		w.faults.Arm(db.FaultBeforeCommit, 2, errors.New("killed")) // before the outcome is written
		if _, err := w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v}); err == nil {
			w.Fatal("the outcome was written")
		}
		same(w, "payment", w.payments(v)[4].State, payment.Pending)
		w.ok(w.s.Recover(w.Context()))
		w.advance(w.now().Add(time.Hour))
		unchanged("after a crash")
		same(w, "payment", w.payments(v)[4].State, payment.DeclinedState)

		w.advance(feb28.AddDate(0, 0, 9))
		same(w, "end", w.sub(before.ID).EndReason, subscription.PaymentFailed)
	})
}

// A try that falls due while the outcome of a charge by hand is not known comes when it
// is: after a decline at once, and after a success never.
func TestTryThatMeetsAChargeByHand(t *testing.T) {
	for _, token := range []string{"tok_chargeDeclined", "tok_visa"} {
		t.Run(token, func(t *testing.T) {
			onBoth(t, func(w *world) {
				before, v := lastTry(w)
				method := w.newMethod(token, false)
				w.advance(before.NextActionAt.Add(-time.Second))
				for nth := range 2 { // neither it nor the try gets through, nor the first two questions
					w.faults.Arm("gateway.charge", nth+1, errors.New("no network"))
					w.bankless.Arm(sandbox.FaultFind, nth+1, errors.New("no answer"))
				}
				_, err := w.s.Collect(w.Context(), commerce.Collect{Call: w.call, Invoice: v, Method: method.ID})
				w.refused(err, fault.Pending, "payment_unknown")
				w.advance(before.NextActionAt)
				same(w, "tries", len(w.payments(v)), 4)
				known := before.NextActionAt.Add(30*time.Minute - time.Second)
				w.advance(known)
				s := w.sub(before.ID)
				if token == "tok_visa" {
					same(w, "state", s.State, subscription.Active)
					same(w, "tries", len(w.payments(v)), 4)
					return
				}
				same(w, "end", s.EndReason, subscription.PaymentFailed)
				same(w, "ended", s.EndedAt, known)
				same(w, "tries", len(w.payments(v)), 5)
			})
		})
	}
}
