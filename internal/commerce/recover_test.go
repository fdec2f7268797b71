package commerce_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/link"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

func (w *world) cases() []recovery.Case {
	w.Helper()
	var list []recovery.Case
	w.view(func(tx *db.Tx) (err error) {
		list, err = recovery.Cases(tx, w.acc, recovery.Filter{Limit: 100})
		return err
	})
	return list
}

// The classes of declines have one spelling in both packages.
func TestClassesAreTheSame(t *testing.T) {
	t.Parallel()
	for of, want := range map[recovery.Class]payment.Class{recovery.Later: payment.Later, recovery.Technical: payment.Technical, recovery.NewDetails: payment.NewDetails,
		recovery.Authenticate: payment.Authenticate, recovery.Never: payment.Never} {
		if string(of) != string(want) {
			t.Errorf("%q is spelt %q", of, want)
		}
	}
}

// A new card is given by several at once, while the schedule's own try falls due and
// somebody charges by hand: the invoice is charged exactly once.
func TestNewMethodAndEverybodyElseAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		w.fixedTries()
		sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.advance(feb28.Add(time.Hour))
		v := w.invoices(sub)[1]
		made, err := w.s.CreateLink(w.Context(), commerce.CreateLink{Call: w.call, Customer: w.customer, Purpose: link.UpdateMethod})
		w.ok(err)
		w.clock.Set(feb28.AddDate(0, 0, 1)) // the next try is due, too
		var all sync.WaitGroup
		for i := range 9 {
			all.Go(func() {
				var err error
				switch i % 3 {
				case 0:
					_, err = w.s.AttachMethod(w.Context(), commerce.AttachMethod{Call: w.call, Customer: w.customer, Token: "tok_visa", ForSubscriptions: true})
				case 1:
					_, err = w.s.UseLink(w.Context(), commerce.UseLink{Secret: made.Path[len("/pay/"):], Token: "tok_mastercard"})
				default:
					_, err = w.s.RunAccount(w.Context(), w.acc)
				}
				if err != nil && !fault.Is(err, fault.Conflict) {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		w.run()
		n, minor, _ := w.charged()
		same(w, "charges", n, 2)
		same(w, "charged", minor, 2000)
		same(w, "invoice", w.invoices(sub)[1].State, invoice.Paid)
		same(w, "state", w.sub(sub).State, subscription.Active)
		same(w, "case", w.cases()[0].State, recovery.Recovered)
		if n := w.kinds()[event.LinkUsed]; n > 1 { // none when the schedule's own try mailed a newer one first
			w.Errorf("the link was used %d times", n)
		}
		paid := 0
		for _, p := range w.payments(v.ID) {
			if p.State == payment.Paid {
				paid++
			}
		}
		same(w, "paid", paid, 1)
	})
}

// A process dies after it saved a new card and before it charged it: the next run does.
func TestNewMethodIsChargedAfterACrash(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.advance(feb28.Add(time.Hour))
		w.faults.Arm(db.FaultAfterCommit, 1, errors.New("the process died"))
		_, err := w.s.AttachMethod(w.Context(), commerce.AttachMethod{Call: w.call, Customer: w.customer, Token: "tok_visa", ForSubscriptions: true})
		if err == nil {
			t.Fatal("nothing broke")
		}
		w.faults.Disarm()
		same(w, "invoice", w.invoices(sub)[1].State, invoice.Open)
		w.run()
		same(w, "invoice", w.invoices(sub)[1].State, invoice.Paid)
		same(w, "by", w.cases()[0].RecoveredBy, recovery.ByNewMethod)
		n, _, _ := w.charged()
		same(w, "charges", n, 2)
	})
}

// The silent end is kept for the audit and told to no endpoint; the other one is.
func TestSilentEndIsToldToNobody(t *testing.T) {
	for _, final := range []recovery.Final{recovery.Cancel, recovery.CancelSilent} {
		t.Run(string(final), func(t *testing.T) {
			onBoth(t, func(w *world) {
				terms := recovery.Standard().Terms
				terms.Final, terms.Smart, terms.Steps = final, false, terms.Steps[:1]
				w.policy(terms)
				end, err := w.s.CreateEndpoint(w.Context(), commerce.CreateEndpoint{Call: w.call, Address: "https://example.com/hook", Events: outbox.Filter{string(event.SubscriptionCanceled)}})
				w.ok(err)
				w.subscribed(w.price(monthly), "tok_declineAfter_1")
				w.advance(feb28.AddDate(0, 0, 2))
				same(w, "ended", w.kinds()[event.SubscriptionCanceled], 1)
				var owed int
				w.view(func(tx *db.Tx) error {
					list, err := outbox.List(tx, w.acc, outbox.Query{Endpoint: end.ID, Limit: 10})
					owed = len(list)
					return err
				})
				same(w, "told", owed, map[recovery.Final]int{recovery.Cancel: 1, recovery.CancelSilent: 0}[final])
			})
		})
	}
}

// A notice is given once, whatever crashes and however often it is due.
func TestNoticeIsGivenOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		w.subscribed(w.price(monthly, func(c *commerce.CreatePrice) { c.TrialDays = 30 }), "tok_visa")
		at := start.AddDate(0, 0, 23)
		w.clock.Set(at)
		for nth := 1; nth <= 12; nth++ {
			w.faults.Arm(db.FaultStatement, nth, errors.New("the process died"))
			_, _ = w.s.RunAccount(w.Context(), w.acc) // it may die, and be run again
			w.faults.Disarm()
		}
		w.faults.Arm(db.FaultAfterCommit, 1, errors.New("the process died"))
		_, _ = w.s.RunAccount(w.Context(), w.acc)
		w.faults.Disarm()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { _, _ = w.s.RunAccount(w.Context(), w.acc) })
		}
		all.Wait()
		w.run()
		same(w, "told", w.kinds()[event.TrialEnding], 1)
	})
}

// Settings that name a policy must name one of the account.
func TestPoliciesOfOthersAreRefused(t *testing.T) {
	onBoth(t, func(w *world) {
		foreign := id.New[id.RecoveryPolicy]()
		_, err := w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, Recovery: &foreign})
		w.refused(err, fault.Invalid, "")
	})
}
