package commerce_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/idempotency"
	"perennial/internal/payment"
)

// once is the repeatable call of a request that arrives now.
func (w *world) once(key, body string) commerce.Call {
	c := w.call
	c.Once = &commerce.Once{
		Request: idempotency.Request{Route: "POST /test", Key: key, Digest: idempotency.Digest([]byte(body)), Arrived: w.clock.Now()},
		Answer: func(result any, refusal error) (int, string) {
			if refusal != nil {
				return 402, fault.As(refusal).Code
			}
			text, err := json.Marshal(result)
			if err != nil {
				return 500, err.Error()
			}
			return 200, string(text)
		},
	}
	return c
}

func (w *world) sellOnce(key, body string, price id.Price, token string) (commerce.Sale, error) {
	return w.s.Sell(w.Context(), commerce.Sell{Call: w.once(key, body), Customer: w.customer, Price: price, Token: token})
}

func (w *world) replayed(err error, status int) *commerce.Replayed {
	w.Helper()
	again, ok := commerce.IsReplayed(err)
	if !ok {
		w.Fatalf("got %v, want the first answer again", err)
	}
	same(w, "status", again.Status, status)
	return again
}

func TestSameKeySameAnswer(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		sale, err := w.sellOnce("a", "one", price, "tok_visa")
		w.ok(err)
		want, err := json.Marshal(sale)
		w.ok(err)
		_, err = w.sellOnce("a", "one", price, "tok_visa")
		same(w, "answer", w.replayed(err, 200).Body, string(want))
		_, err = w.sellOnce("a", "two", price, "tok_visa")
		w.refused(err, fault.Conflict, "idempotency_key_reused")
		_, err = w.sellOnce("b", "one", price, "tok_chargeDeclined")
		w.refused(err, fault.Declined, "card_declined")
		_, err = w.sellOnce("b", "one", price, "tok_chargeDeclined")
		same(w, "refusal", w.replayed(err, 402).Body, "card_declined")
		n, _, _ := w.charged()
		same(w, "charges", n, 1)

		give := commerce.Refund{Call: w.once("c", "give"), Payment: sale.Payment.ID, Amount: 300}
		_, err = w.s.Refund(w.Context(), give)
		w.ok(err)
		_, err = w.s.Refund(w.Context(), give)
		w.replayed(err, 200)
		_, _, back := w.charged()
		same(w, "back", back, 300)
	})
}

// A request that was refused for what it said may be put right under its key.
func TestKeyOfAnInvalidRequestIsFree(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		_, err := w.sellOnce("a", "wrong", price+1, "tok_visa")
		w.refused(err, fault.Invalid, "")
		_, err = w.sellOnce("a", "right", price, "tok_visa")
		w.ok(err)
	})
}

// A kept answer is forgotten after its time, and the key is new again.
func TestKeyIsFreeAfterItsTime(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		_, err := w.sellOnce("a", "one", price, "tok_visa")
		w.ok(err)
		w.clock.Add(idempotency.Keep)
		_, err = w.sellOnce("a", "one", price, "tok_visa")
		w.replayed(err, 200)
		w.clock.Add(time.Second)
		_, err = w.sellOnce("a", "two", price, "tok_visa")
		w.ok(err)
		n, _, _ := w.charged()
		same(w, "charges", n, 2)
	})
}

func TestManyWithOneKey(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		var all sync.WaitGroup
		var sold atomic.Int32
		for range 20 {
			all.Go(func() {
				_, err := w.sellOnce("a", "one", price, "tok_visa")
				_, again := commerce.IsReplayed(err)
				switch {
				case err == nil:
					sold.Add(1)
				case !again && (!fault.Is(err, fault.Conflict) || fault.As(err).Code != "idempotency_key_in_use"):
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		same(w, "sold", sold.Load(), 1)
		same(w, "invoices", len(w.invoices(0)), 1)
		n, _, _ := w.charged()
		same(w, "charges", n, 1)
	})
}

// breakpoints are the points at which a story can break: before and after each
// commit, at each statement, and on the way to the gateway.
var breakpoints = []string{db.FaultBegin, db.FaultStatement, db.FaultBeforeCommit, db.FaultAfterCommit, "gateway.charge"}

// A sale is broken at every step in turn; each time the buyer's program repeats the
// request under its key until it is answered.
func TestSaleBrokenAnywhere(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		method := w.newMethod("tok_visa", false)
		sales := 0
		for _, point := range breakpoints {
			for nth := 1; ; nth++ {
				before := w.faults.Passes(point)
				w.faults.Arm(point, nth, errors.New("broken on purpose"))
				key := fmt.Sprint(point, nth)
				send := func() error {
					_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.once(key, key), Customer: w.customer, Price: price, Method: method.ID})
					return err
				}
				err := send()
				broken := w.faults.Passes(point)-before >= nth
				w.faults.Disarm()
				sales++
				for try := 0; err != nil; try++ {
					if try == 5 {
						w.Fatalf("%s %d: %v", point, nth, err)
					}
					w.clock.Add(2 * time.Minute)
					if err = send(); err != nil {
						if _, again := commerce.IsReplayed(err); again {
							break
						}
					}
				}
				if list := w.invoices(0); len(list) != sales {
					w.Fatalf("%s %d: %d invoices after %d sales", point, nth, len(list), sales)
				}
				if n, _, _ := w.charged(); n != sales {
					w.Fatalf("%s %d: %d charges after %d sales", point, nth, n, sales)
				}
				if !broken {
					break
				}
			}
		}
		if sales < 20 {
			w.Errorf("only %d steps were broken", sales)
		}
	})
}

// A month of three subscriptions is broken at every step in turn, and repaired by
// starting again: every period has one invoice and one charge.
func TestRenewalBrokenAnywhere(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		subs := []id.Subscription{w.subscribed(price, "tok_visa"), w.subscribed(price, "tok_mastercard"), w.subscribed(price, "tok_amex")}
		month := 0
		for _, point := range breakpoints {
			for nth := 1; ; nth++ {
				month++
				to := time.Date(2026, 1+time.Month(month), 28, 20, 0, 0, 0, time.UTC)
				if due := w.sub(subs[0]).NextActionAt.Add(time.Hour); due.After(to) {
					to = due
				}
				before := w.faults.Passes(point)
				w.faults.Arm(point, nth, errors.New("broken on purpose"))
				_, err := w.s.AdvanceClock(w.Context(), commerce.AdvanceClock{Call: w.call, To: to})
				broken := w.faults.Passes(point)-before >= nth
				w.faults.Disarm()
				for try := 0; err != nil || w.now().Before(to); try++ {
					if try == 5 {
						w.Fatalf("%s %d: the clock is at %v, %v", point, nth, w.now(), err)
					}
					w.ok(w.s.Recover(w.Context()))
					_, err = w.s.AdvanceClock(w.Context(), commerce.AdvanceClock{Call: w.call, To: to})
				}
				for _, sub := range subs {
					w.paidOnce(sub, 0, month)
				}
				if n, _, _ := w.charged(); n != 3*(month+1) {
					w.Fatalf("%s %d: %d charges, want %d", point, nth, n, 3*(month+1))
				}
				if w.Failed() {
					w.Fatalf("%s %d", point, nth)
				}
				if !broken {
					break
				}
			}
		}
		if month < 30 {
			w.Errorf("only %d steps were broken", month)
		}
	})
}

// The same on the machine's time, as a server that is killed and started again.
func TestServerKilledInARun(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		month := 0
		for _, point := range []string{db.FaultBeforeCommit, db.FaultAfterCommit, "gateway.charge"} {
			for nth := 1; nth <= 3; nth++ {
				month++
				w.clock.Set(w.sub(sub).NextActionAt.Add(time.Minute))
				w.faults.Arm(point, nth, errors.New("killed"))
				_, err := w.s.RunAccount(w.Context(), w.acc)
				w.faults.Disarm()
				for try := 0; err != nil || w.sub(sub).Period < month || w.sub(sub).Invoice != 0; try++ {
					if try == 5 {
						w.Fatalf("%s %d: %+v, %v", point, nth, w.sub(sub), err)
					}
					w.ok(w.s.Recover(w.Context()))
					w.clock.Add(2 * time.Minute) // an unknown outcome is asked for after one
					_, err = w.s.RunAccount(w.Context(), w.acc)
				}
				w.paidOnce(sub, 0, month)
			}
		}
		n, _, _ := w.charged()
		same(w, "charges", n, month+1)
	})
}

// A walk that broke off is finished by the next run of the account's due work.
func TestWalkIsContinued(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		to := start.AddDate(0, 6, 0)
		w.faults.Arm(db.FaultBeforeCommit, 8, errors.New("broken on purpose"))
		_, err := w.s.AdvanceClock(w.Context(), commerce.AdvanceClock{Call: w.call, To: to})
		if err == nil {
			w.Fatal("nothing broke")
		}
		_, err = w.s.AdvanceClock(w.Context(), commerce.AdvanceClock{Call: w.call, To: to.Add(time.Hour)})
		w.refused(err, fault.Conflict, "clock_busy")
		work, err := w.s.Work(w.Context())
		w.ok(err)
		if len(work) != 1 || work[0] != w.acc {
			w.Errorf("work is %v", work)
		}
		w.ok(w.s.Recover(w.Context()))
		_, err = w.s.RunAccount(w.Context(), w.acc)
		w.ok(err)
		same(w, "clock", w.now(), to)
		w.paidOnce(sub, 0, 6)
		same(w, "payment", w.payments(w.invoices(sub)[6].ID)[0].State, payment.Paid)
	})
}
