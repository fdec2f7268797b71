package commerce_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/payment"
)

// slow is a gateway whose answer to a question is on its way while something happens here.
type slow struct {
	*hooked
	meanwhile func()
}

func (g *slow) Find(ctx context.Context, q payment.Inquiry) (payment.Result, error) {
	r, err := g.hooked.Find(ctx, q)
	if act := g.meanwhile; act != nil && err == nil && r.Outcome != payment.Unknown {
		g.meanwhile = nil
		act()
	}
	return r, err
}

// mismatches are the reasons of what was told to people, the newest first.
func (w *world) mismatches() []string {
	w.Helper()
	var reasons []string
	w.ok(w.db.View(w.Context(), func(tx *db.Tx) error {
		list, err := event.List(tx, w.acc, event.Filter{Kind: event.PaymentMismatch, Limit: 100})
		for _, e := range list {
			var data struct{ Reason string }
			w.ok(json.Unmarshal([]byte(e.Data), &data))
			reasons = append(reasons, data.Reason)
		}
		return err
	}))
	return reasons
}

// silent lets nobody know for a week what became of what was asked of the gateway.
func (w *world) silent() {
	w.Helper()
	for i := range 40 {
		w.bankless.Arm(sandbox.FaultFind, i+1, errors.New("no answer"))
	}
	w.advance(start.Add(8 * 24 * time.Hour))
	w.bankless.Disarm()
}

// A person notes that a payment did not arrive while the gateway's answer that it did is on
// its way: the books keep what the person said, and people are told.
func TestLateAnswerMeetsAPerson(t *testing.T) {
	onBoth(t, func(w *world) {
		sale := soldWithoutAnswer(w, "tok_timeout_charged")
		w.silent()
		bank := &slow{hooked: w.bank}
		s := commerce.New(w.db, w.clock, map[string]payment.Gateway{commerce.SandboxGateway: bank}, w.faults, slog.New(slog.DiscardHandler))
		bank.meanwhile = func() {
			_, err := w.s.MarkPayment(w.Context(), commerce.MarkPayment{Call: w.call, Payment: sale.Payment.ID})
			w.ok(err)
		}
		done, err := s.AskPayment(w.Context(), commerce.AskPayment{Call: w.call, Payment: sale.Payment.ID})
		w.ok(err)
		same(w, "state", done.Payment.State, payment.DeclinedState)
		told := w.mismatches()
		if len(told) != 1 || told[0] != "paid_after_decline" {
			w.Errorf("people are told %v", told)
		}
		w.strays = 1
	})
}

// The same of a refund: the money is back, and could be given back once more.
func TestLateAnswerMeetsAPersonAboutARefund(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.sell(w.price(monthly), "tok_visa")
		w.ok(err)
		w.bankless.Arm(sandbox.FaultRefundAfter, 1, errors.New("no answer"))
		_, err = w.refund(sale.Payment.ID, 400)
		w.refused(err, fault.Pending, "refund_unknown")
		w.silent()
		var r payment.Refund
		w.view(func(tx *db.Tx) error {
			list, err := payment.RefundsForPeople(tx, w.acc, 0, 10)
			r = list[0]
			return err
		})
		bank := &slow{hooked: w.bank}
		s := commerce.New(w.db, w.clock, map[string]payment.Gateway{commerce.SandboxGateway: bank}, w.faults, slog.New(slog.DiscardHandler))
		bank.meanwhile = func() {
			_, err := w.s.MarkRefund(w.Context(), commerce.MarkRefund{Call: w.call, Refund: r.ID})
			w.ok(err)
		}
		r, err = s.AskRefund(w.Context(), commerce.AskRefund{Call: w.call, Refund: r.ID})
		w.ok(err)
		same(w, "state", r.State, payment.Failed)
		told := w.mismatches()
		if len(told) != 1 || told[0] != "given_after_refusal" {
			w.Errorf("people are told %v", told)
		}
		w.strays = 1
	})
}

// A refund that went through comes back to the gateway days later, because the customer's
// bank could not book it: the notice of that is told to people. One that says what is known
// tells nobody.
func TestRefundThatComesBack(t *testing.T) {
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			o := newOutside(t, engine)
			sale, err := o.sell(o.price(monthly), "tok_visa")
			o.ok(err)
			r, err := o.refund(sale.Payment.ID, 400)
			o.ok(err)
			tell := func(name string) {
				o.send(payment.Notice{Body: `{"id":"` + name + `","kind":"refund","type":"refund.updated","key":"` + r.Key() + `"}`})
				o.run()
			}
			tell("n1")
			same(o.world, "told", len(o.mismatches()), 0)
			o.ok(o.theirs.Update(o.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec("update sandbox_refund set outcome = 'declined', code = 'lost_or_stolen_card' where account_id = $1", o.acc)
				return err
			}))
			tell("n2")
			told := o.mismatches()
			if len(told) != 1 || told[0] != "refund_failed_afterwards" {
				t.Errorf("people are told %v", told)
			}
			o.strays = 1
		})
	}
}
