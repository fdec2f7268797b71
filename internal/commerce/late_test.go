package commerce_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// run does everything that is due on the account now.
func (w *world) run() commerce.Run {
	w.Helper()
	done, err := w.s.RunAccount(w.Context(), w.acc)
	w.ok(err)
	return done
}

// billed spells what a subscription was billed for and how it stands, without when it
// was written.
func (w *world) billed(sub id.Subscription) string {
	w.Helper()
	var text string
	for _, v := range w.invoices(sub) {
		text += fmt.Sprintf("%s of period %d: %d %s, %s to %s\n", v.Reason, v.Period, v.Total.Minor, v.State, v.Span.From.Format(time.RFC3339), v.Span.To.Format(time.RFC3339))
	}
	s := w.sub(sub)
	return text + fmt.Sprintf("%s in period %d to %s, next %s, ended %s %s", s.State, s.Period, s.Span.To.Format(time.RFC3339), s.NextActionAt.Format(time.RFC3339), s.EndedAt.Format(time.RFC3339), s.EndReason)
}

// A server that was down for weeks does what one that ran would have done, in the same
// order: periods, ends, changes and pauses are those of the instants at which they fell
// due.
func TestLateRunDoesWhatOneInTimeWouldHaveDone(t *testing.T) {
	later := start.AddDate(0, 1, 10) // in the second period
	cancel := func(when subscription.When, at time.Time) func(*world, id.Subscription, [3]catalog.Price) error {
		return func(w *world, sub id.Subscription, _ [3]catalog.Price) error {
			_, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: when, At: at})
			return err
		}
	}
	change := func(to int, when subscription.When, at time.Time) func(*world, id.Subscription, [3]catalog.Price) error {
		return func(w *world, sub id.Subscription, prices [3]catalog.Price) error {
			_, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Price: prices[to].ID}, When: when, At: at})
			return err
		}
	}
	pause := func(p commerce.Pause) func(*world, id.Subscription, [3]catalog.Price) error {
		return func(w *world, sub id.Subscription, _ [3]catalog.Price) error {
			p := p
			p.Call, p.Subscription, p.Override = w.call, sub, true
			_, err := w.s.Pause(w.Context(), p)
			return err
		}
	}
	for name, c := range map[string]struct {
		act   func(*world, id.Subscription, [3]catalog.Price) error
		lines int // of what was billed, with the last one
	}{
		"an end at a period's end":           {cancel(subscription.AtPeriodEnd, time.Time{}), 2},
		"an end after a renewal":             {cancel(subscription.AtDate, later), 3},
		"a change inside the period":         {change(1, subscription.AtDate, start.AddDate(0, 0, 14)), 5},
		"a change after a renewal":           {change(1, subscription.AtDate, later), 5},
		"a change to another interval":       {change(2, subscription.AtPeriodEnd, time.Time{}), 8},
		"a pause that was scheduled":         {pause(commerce.Pause{AtPeriodEnd: true, Until: later}), 3},
		"a pause that collects":              {pause(commerce.Pause{Until: later, Collect: true}), 4},
		"a pause that ended between periods": {pause(commerce.Pause{Until: start.AddDate(0, 0, 20)}), 3},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(w *world) {
				var got [2]string
				for i := range got {
					if i > 0 {
						w = newWorld(w.T, w.db.Engine())
					}
					prices := [3]catalog.Price{w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{}), {}}
					var err error
					prices[2], err = w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: w.product, Amount: usd(300), Interval: weekly})
					w.ok(err)
					sub := w.subscribed(prices[0].ID, "tok_visa")
					w.ok(c.act(w, sub, prices))
					if to := start.AddDate(0, 2, 5); i == 0 {
						w.advance(to)
					} else {
						w.clock.Set(to)
						w.run()
						same(w, "due again", w.run(), commerce.Run{})
					}
					got[i] = w.billed(sub)
				}
				if got[0] != got[1] {
					w.Errorf("in time:\n%s\nlate:\n%s", got[0], got[1])
				}
				lines := 1
				for _, r := range got[0] {
					if r == '\n' {
						lines++
					}
				}
				same(w, "lines", lines, c.lines)
			})
		})
	}
}

// Money that is on its way back holds up a scheduled change, and does not undo it: when
// the gateway has answered it comes true, as of its own instant.
func TestScheduledChangeWaitsForARefund(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		sale, err := w.sell(basic.ID, "tok_visa")
		w.ok(err)
		sub, at := sale.Subscription.ID, start.AddDate(0, 0, 14)
		_, err = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Price: pro.ID}, When: subscription.AtDate, At: at})
		w.ok(err)
		w.advance(at.Add(-time.Second))
		w.faults.Arm("gateway.refund", 1, errors.New("no network"))
		_, err = w.refund(sale.Payment.ID, 100)
		w.refused(err, fault.Pending, "refund_unknown")
		w.advance(at)
		s := w.sub(sub)
		same(w, "price", s.Price, basic.ID)
		same(w, "look", s.NextActionAt, at.Add(time.Minute))
		same(w, "failed", w.kinds()[event.ChangeFailed], 0)
		w.advance(at.Add(time.Hour))
		same(w, "price", w.sub(sub).Price, pro.ID)
		list := w.invoices(sub)
		same(w, "invoices", len(list), 2)
		same(w, "from", list[1].Span.From, at)
		same(w, "charged", list[1].Total.Minor, 1500)
		same(w, "paid", list[1].PaidAt, at.Add(time.Minute))
		same(w, "credited", list[1].CreditUsed, 500)
		_, _, back := w.charged()
		same(w, "back", back, 100)
	})
}

// diesAfterTheCharge lets the process die when the gateway has been asked for the next
// charge, before its outcome is written; whatever goes on from there must be told.
func (w *world) diesAfterTheCharge(act func() error) {
	w.Helper()
	killed := errors.New("killed")
	arm := func() { w.faults.Arm(db.FaultBeforeCommit, 1, killed) }
	w.bank.during.Store(&arm)
	if err := act(); !errors.Is(err, killed) {
		w.Fatalf("the process did not die: %v", err)
	}
	w.faults.Disarm()
	w.s = commerce.New(w.db, w.clock, w.gateways(), w.faults, slog.New(slog.DiscardHandler))
	w.ok(w.s.Recover(w.Context()))
}

// What a new process finds half done is done at its own instant: a change that was
// scheduled, and the first charge of a price that follows another.
func TestCrashMovesNothing(t *testing.T) {
	for name, prepare := range map[string]func(w *world, pro id.Price) id.Subscription{
		"a scheduled change": func(w *world, pro id.Price) id.Subscription {
			sub := w.subscribed(w.plan("Basic", 1000, catalog.Terms{}).ID, "tok_visa")
			_, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Price: pro}, When: subscription.AtPeriodEnd})
			w.ok(err)
			return sub
		},
		"a price that follows": func(w *world, pro id.Price) id.Subscription {
			return w.subscribed(w.plan("Basic", 1000, catalog.Terms{Payments: 1, NextPrice: pro}).ID, "tok_visa")
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(w *world) {
				pro, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: w.product, Amount: usd(3000), Interval: period.Interval{Unit: period.Year, Count: 1}})
				w.ok(err)
				sub := prepare(w, pro.ID)
				w.diesAfterTheCharge(func() error {
					_, err := w.s.AdvanceClock(w.Context(), commerce.AdvanceClock{Call: w.call, To: feb28.Add(time.Hour)})
					return err
				})
				w.run()
				same(w, "clock", w.now(), feb28.Add(time.Hour))
				s := w.sub(sub)
				same(w, "price", s.Price, pro.ID)
				same(w, "next", s.NextActionAt, feb28.AddDate(1, 0, 0))
				list := w.invoices(sub)
				same(w, "invoices", len(list), 2)
				same(w, "state", list[1].State, invoice.Paid)
				same(w, "paid", list[1].PaidAt, feb28)
				n, _, _ := w.charged()
				same(w, "charges", n, 2)
			})
		})
	}
}

// A change of terms whose process died goes on with the new process, and waits neither
// for a lease nor for the gateway to be asked.
func TestChangeGoesOnAfterACrash(t *testing.T) {
	onBoth(t, func(w *world) {
		pro := w.plan("Pro", 3000, catalog.Terms{})
		sub := w.subscribed(w.plan("Basic", 1000, catalog.Terms{}).ID, "tok_visa")
		w.diesAfterTheCharge(func() error {
			_, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Price: pro.ID}, When: subscription.Now})
			return err
		})
		w.run()
		s := w.sub(sub)
		same(w, "price", s.Price, pro.ID)
		same(w, "next", s.NextActionAt, s.Span.To)
		same(w, "paid", w.invoices(sub)[1].PaidAt, start)
	})
}

// A request to move the clock whose process died on the way tells of it once.
func TestMovingTheClockIsToldOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		w.subscribed(w.price(monthly), "tok_visa")
		to := feb28.Add(time.Hour)
		move := func() error {
			_, err := w.s.MoveClock(w.Context(), commerce.MoveClock{Call: w.once("a", "move"), Target: func(account.Account, time.Time) (time.Time, error) { return to, nil }})
			return err
		}
		w.diesAfterTheCharge(move)
		w.ok(move())
		same(w, "clock", w.now(), to)
		same(w, "told", w.kinds()[event.ClockAdvanced], 1)
	})
}

// An outcome that cannot be written is left alone until it is asked for again, and holds
// up nothing else on the account.
func TestOutcomeThatCannotBeWritten(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(w *world) // leaves something without an answer
		spoil string         // makes its outcome one that cannot be written, $1 being the account
		mend  string
		done  func(w *world) bool
	}{
		"of a charge": {
			begin: func(w *world) {
				meter := w.meter("tokens", func(c *commerce.CreateMeter) { c.Prepaid = true })
				pack, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: w.product, Amount: usd(500), Terms: catalog.Terms{Prepaid: &catalog.Prepaid{Meter: meter, Units: w.decimal("100")}}})
				w.ok(err)
				_, err = w.sell(pack.ID, "tok_timeout_charged")
				w.refused(err, fault.Pending, "")
			},
			spoil: `update price set terms = replace(terms, '"100"', '"9000000000000000"') where account_id = $1`,
			mend:  `update price set terms = replace(terms, '"9000000000000000"', '"100"') where account_id = $1`,
			done:  func(w *world) bool { return w.kinds()[event.PrepaidAdded] == 1 },
		},
		"of a refund": {
			begin: func(w *world) {
				once, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: w.product, Amount: usd(700)})
				w.ok(err)
				sale, err := w.sell(once.ID, "tok_visa")
				w.ok(err)
				w.bankless.Arm(sandbox.FaultRefundAfter, 1, errors.New("no network"))
				_, err = w.refund(sale.Payment.ID, 700)
				w.refused(err, fault.Pending, "")
			},
			spoil: "update invoice_line set amount = 600 where account_id = $1 and amount = 700",
			mend:  "update invoice_line set amount = 700 where account_id = $1 and amount = 600",
			done:  func(w *world) bool { return w.kinds()[event.RefundSucceeded] == 1 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(w *world) {
				healthy := w.subscribed(w.price(monthly), "tok_visa")
				c.begin(w)
				alter := func(query string) {
					w.Helper()
					w.ok(w.db.Update(w.Context(), func(tx *db.Tx) error {
						n, err := tx.Exec(query, w.acc)
						if err == nil && n == 0 {
							err = errors.New("nothing was altered")
						}
						return err
					}))
				}
				alter(c.spoil)
				w.clock.Set(feb28)
				w.run()
				w.paidOnce(healthy, 0, 1)
				same(w, "written", c.done(w), false)
				alter(c.mend)
				w.clock.Set(feb28.AddDate(0, 0, 2))
				w.run()
				same(w, "written", c.done(w), true)
			})
		})
	}
}

// A declined sale gives back the credit that it used, however much was given meanwhile.
func TestDeclinedSaleGivesCreditBackAtTheLimit(t *testing.T) {
	onBoth(t, func(w *world) {
		healthy := w.subscribed(w.price(monthly), "tok_visa")
		w.customer = w.newCustomer("rich@example.com")
		give := func(minor int64) error {
			_, err := w.s.AdjustCredit(w.Context(), commerce.AdjustCredit{Call: w.call, Customer: w.customer, Amount: usd(minor)})
			return err
		}
		w.ok(give(500))
		during := func() { w.ok(give(money.MaxMinor)) }
		w.bank.during.Store(&during)
		_, err := w.sell(w.price(monthly), "tok_chargeDeclined")
		w.refused(err, fault.Declined, "card_declined")
		w.refused(give(1), fault.Invalid, "amount_too_large")
		w.ok(give(-500))
		w.advance(feb28)
		w.paidOnce(healthy, 0, 1)
	})
}

// What a late run finds out is of the moment at which it finds it out: a decline is tried
// again from then on, and a gateway that does not answer is asked once.
func TestLateRunAsksOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		w.fixedTries()
		sub := w.subscribed(w.price(monthly), "tok_visa")
		w.newMethod("tok_unknown_then_declined", true)
		w.advance(feb28)
		p := w.payments(w.invoices(sub)[1].ID)[0]
		same(w, "payment", p.State, payment.Pending)
		w.bankless.Arm(sandbox.FaultFind, 1, errors.New("no answer"))
		w.clock.Add(3 * 24 * time.Hour)
		before := w.bankless.Passes(sandbox.FaultFind)
		w.run()
		same(w, "asked", w.bankless.Passes(sandbox.FaultFind)-before, 1)
		late := feb28.AddDate(0, 0, 4)
		w.clock.Add(24 * time.Hour)
		w.run()
		s := w.sub(sub)
		same(w, "state", s.State, subscription.PastDue)
		same(w, "settled", w.payments(p.Invoice)[0].SettledAt, late)
		same(w, "next try", s.NextActionAt, late.AddDate(0, 0, 1))
		same(w, "tries", len(w.payments(p.Invoice)), 1)
	})
}
