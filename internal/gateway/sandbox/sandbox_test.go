package sandbox_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
	"perennial/internal/gateway/gatewaytest"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/payment"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func over(d *db.DB, o sandbox.Options) under {
	return under{Gateway: sandbox.New(d, clock.NewManual(day), o), account: id.New[id.Account](),
		good: "tok_visa", broken: "tok_chargeDeclinedInsufficientFunds", brokenCode: "insufficient_funds"}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		gatewaytest.Conform(t, func(*testing.T) gatewaytest.Bank {
			return over(d, sandbox.Options{Secret: "a secret of the test"}).bank()
		})
	})
}

// each runs check on both engines with an account of its own.
func each(t *testing.T, check func(t *testing.T, g under), opts ...dbtest.Option) {
	t.Helper()
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) { check(t, over(open(), sandbox.Options{})) }, opts...)
}

func TestEveryTokenDoesWhatItsNameSays(t *testing.T) {
	each(t, func(t *testing.T, g under) {
		for token, code := range map[string]string{
			"tok_visa": "", "tok_visa_debit": "", "tok_mastercard": "", "tok_amex": "", "tok_discover": "", "tok_jcb": "",
			"tok_chargeDeclined":                       "card_declined",
			"tok_visa_chargeDeclined":                  "card_declined",
			"tok_chargeDeclinedInsufficientFunds":      "insufficient_funds",
			"tok_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
			"tok_chargeDeclinedExpiredCard":            "expired_card",
			"tok_chargeDeclinedIncorrectCvc":           "incorrect_cvc",
			"tok_chargeDeclinedProcessingError":        "processing_error",
			"tok_chargeDeclinedLostCard":               "lost_card",
			"tok_visa_chargeDeclinedLostCard":          "lost_card",
			"tok_chargeDeclinedStolenCard":             "stolen_card",
			"tok_chargeDeclinedFraudulent":             "fraudulent",
			"tok_chargeDeclinedVelocityLimitExceeded":  "withdrawal_count_exceeded",
			"tok_chargeCustomerFail":                   "card_declined",
			"tok_threeDSecure2Required":                "authentication_required",
		} {
			result := g.charge(t, newKey(), g.save(t, token), 100)
			want := payment.Succeeded
			if code != "" {
				want = payment.Declined
				if _, known := payment.Codes[code]; !known {
					t.Errorf("%s declines with a code that payment does not know", token)
				}
			}
			same(t, token, result.Outcome, want)
			same(t, token, result.Code, code)
		}
	})
}

func TestTokensThatAreNone(t *testing.T) {
	each(t, func(t *testing.T, g under) {
		for _, token := range []string{"", "visa", "tok_", "TOK_VISA", "tok_declineAfter_", "tok_declineAfter_-1", "tok_declineAfter_+1", "tok_declineAfter_01",
			"tok_declineAfter_1000001", "tok_declineAfter_99999999999999999999", "4242424242424242", strings.Repeat("x", 1<<20)} {
			_, err := g.Save(t.Context(), payment.SaveRequest{Account: g.account, Token: token})
			if !fault.Is(err, fault.Declined) || fault.As(err).Code != "unknown_token" || len(token) > 17 && strings.Contains(err.Error(), token) {
				t.Errorf("%.40q: got %v", token, err)
			}
		}
	})
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"4242424242424242": "tok_visa", "4242 4242 4242 4242": "tok_visa", "4242-4242-4242-4242": "tok_visa",
		"5555555555554444": "tok_mastercard", "378282246310005": "tok_amex", "4000056655665556": "tok_visa_debit",
		"4000000000000002": "tok_chargeDeclined", "4000000000009995": "tok_chargeDeclinedInsufficientFunds",
		"4000000000000069": "tok_chargeDeclinedExpiredCard", "4000000000000119": "tok_chargeDeclinedProcessingError",
		"4000000000000341": "tok_chargeCustomerFail", "4000002500003155": "tok_threeDSecure2Required",
		"": "", "4242424242424241": "", "4111111111111111": "", "tok_visa": "", strings.Repeat(" ", 1<<20): "",
	} {
		token, ok := sandbox.TokenForNumber(number)
		if token != want || ok != (want != "") {
			t.Errorf("%.30q: got %q, %v, want %q", number, token, ok, want)
		}
	}
}

func TestNoAnswerThoughCharged(t *testing.T) {
	each(t, func(t *testing.T, g under) {
		card, key := g.save(t, "tok_timeout_charged"), newKey()
		same(t, "first", g.charge(t, key, card, 100).Outcome, payment.Unknown)
		same(t, "found", g.find(t, key).Outcome, payment.Succeeded)
		same(t, "again", g.charge(t, key, card, 100).Outcome, payment.Succeeded)
		same(t, "records", len(g.books(t)), 1)
		same(t, "refund", g.refund(t, newKey(), key, "", 100).Outcome, payment.Succeeded)
	})
}

func TestNoAnswerAndNotCharged(t *testing.T) {
	each(t, func(t *testing.T, g under) {
		card, key := g.save(t, "tok_timeout_not_charged"), newKey()
		same(t, "first", g.charge(t, key, card, 100).Outcome, payment.Unknown)
		same(t, "found", g.find(t, key).Outcome, payment.Absent)
		same(t, "records", len(g.books(t)), 0)
		same(t, "refund", g.refund(t, newKey(), key, "", 100).Outcome, payment.Declined)
		results := make([]payment.Result, 20)
		together(len(results), func(i int) { results[i] = g.charge(t, key, card, 100) })
		for _, r := range results {
			same(t, "again", r, g.find(t, key))
		}
		same(t, "found again", results[0].Outcome, payment.Succeeded)
		same(t, "records again", len(g.books(t)), 1)
		same(t, "another key", g.charge(t, newKey(), card, 100).Outcome, payment.Unknown)
	})
}

func TestNoAnswerAndDeclined(t *testing.T) {
	each(t, func(t *testing.T, g under) {
		card, key := g.save(t, "tok_unknown_then_declined"), newKey()
		same(t, "first", g.charge(t, key, card, 100).Outcome, payment.Unknown)
		same(t, "found", g.find(t, key).Code, "card_declined")
		same(t, "again", g.charge(t, key, card, 100).Outcome, payment.Declined)
		same(t, "records", len(g.books(t)), 0)
	})
}

func TestDeclineAfterIsExact(t *testing.T) {
	each(t, func(t *testing.T, g under) {
		card, mixed := g.save(t, "tok_declineAfter_10"), g.save(t, "tok_visa")
		var mu sync.Mutex
		counts := map[payment.Outcome]int{}
		keys := make([]string, 50)
		together(100, func(i int) {
			key := newKey()
			if i%2 == 1 {
				g.charge(t, key, mixed, 100)
				return
			}
			r := g.charge(t, key, card, 100)
			mu.Lock()
			defer mu.Unlock()
			keys[i/2] = key
			counts[r.Outcome]++
		})
		same(t, "succeeded", counts[payment.Succeeded], 10)
		same(t, "declined", counts[payment.Declined], 40)
		for _, key := range keys { // to repeat them does not count again
			g.charge(t, key, card, 100)
		}
		same(t, "records", len(g.books(t)), 10+50)
		same(t, "none", g.charge(t, newKey(), g.save(t, "tok_declineAfter_0"), 1).Outcome, payment.Declined)
	})
}

// Two servers on one PostgreSQL database share the books but not the line.
func TestDeclineAfterIsExactWithTwoServers(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t, db.PostgreSQL, dbtest.MaxConns(16))
	one := over(d, sandbox.Options{})
	two := over(d, sandbox.Options{})
	two.account = one.account
	card, key := one.save(t, "tok_declineAfter_10"), newKey()
	var mu sync.Mutex
	counts := map[payment.Outcome]int{}
	together(60, func(i int) {
		g, own := []under{one, two}[i%2], newKey()
		if i < 10 {
			own = key
		}
		r := g.charge(t, own, card, 100)
		mu.Lock()
		defer mu.Unlock()
		if i >= 10 {
			counts[r.Outcome]++
		}
	})
	succeeded := counts[payment.Succeeded]
	if one.find(t, key).Outcome == payment.Succeeded {
		succeeded++
	}
	same(t, "succeeded", succeeded, 10)
	same(t, "records", len(two.books(t)), 10)
}

func TestRefundThatFails(t *testing.T) {
	each(t, func(t *testing.T, g under) {
		key, again := newKey(), newKey()
		charge := g.charge(t, key, g.save(t, "tok_refundFail"), 100)
		same(t, "charge", charge.Outcome, payment.Succeeded)
		first := g.refund(t, again, key, charge.Reference, 40)
		same(t, "refund", first.Outcome, payment.Declined)
		same(t, "code", first.Code, "expired_or_canceled_card")
		same(t, "again", g.refund(t, again, key, charge.Reference, 40), first)
		same(t, "records", len(g.books(t)), 1)
		if _, err := g.Refund(t.Context(), payment.RefundRequest{Account: g.account, Key: newKey(), ChargeKey: key, Reference: "ch_other", Amount: usd(1)}); !fault.Is(err, fault.Invalid) {
			t.Errorf("another charge's reference: got %v", err)
		}
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		var faults db.Faults
		g := over(open(), sandbox.Options{Faults: &faults})
		broken := errors.New("broken")
		card := g.save(t, "tok_visa")
		for _, c := range []struct {
			point string
			then  payment.Outcome
		}{{sandbox.FaultChargeBefore, payment.Absent}, {sandbox.FaultChargeAfter, payment.Succeeded}} {
			key := newKey()
			faults.Arm(c.point, 1, broken)
			same(t, c.point, g.charge(t, key, card, 100).Outcome, payment.Unknown)
			same(t, c.point+" found", g.find(t, key).Outcome, c.then)
			same(t, c.point+" again", g.charge(t, key, card, 100).Outcome, payment.Succeeded)
		}
		key := newKey()
		g.charge(t, key, card, 100)
		for _, c := range []struct {
			point string
			then  payment.Outcome
		}{{sandbox.FaultRefundBefore, payment.Absent}, {sandbox.FaultRefundAfter, payment.Succeeded}} {
			own := newKey()
			faults.Arm(c.point, 1, broken)
			same(t, c.point, g.refund(t, own, key, "", 50).Outcome, payment.Unknown)
			same(t, c.point+" found", g.find(t, own).Outcome, c.then)
			same(t, c.point+" again", g.refund(t, own, key, "", 50).Outcome, payment.Succeeded)
		}
		faults.Arm(sandbox.FaultFind, 1, broken)
		if _, err := g.Find(t.Context(), payment.Inquiry{Account: g.account, Key: key}); !errors.Is(err, broken) {
			t.Errorf("find: got %v", err)
		}
		same(t, "records", len(g.books(t)), 5)
	})
}

// A commit whose answer is lost is neither a success nor a decline.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			f := &db.Faults{}
			g := over(dbtest.New(t, engine, dbtest.Faults(f)), sandbox.Options{})
			card, key := g.save(t, "tok_visa"), newKey()
			f.Arm(db.FaultAfterCommit, 1, os.ErrDeadlineExceeded)
			same(t, "charge", g.charge(t, key, card, 100).Outcome, payment.Unknown)
			same(t, "found", g.find(t, key).Outcome, payment.Succeeded)
			own := newKey()
			f.Arm(db.FaultAfterCommit, 1, os.ErrDeadlineExceeded)
			same(t, "refund", g.refund(t, own, key, "", 100).Outcome, payment.Unknown)
			same(t, "refund found", g.find(t, own).Outcome, payment.Succeeded)
		})
	}
}

func TestEachReadsInPages(t *testing.T) {
	each(t, func(t *testing.T, g under) {
		card := g.save(t, "tok_visa")
		const n = 1203
		together(n, func(int) { g.charge(t, newKey(), card, 100) })
		same(t, "records", len(g.books(t)), n)
		enough := errors.New("enough")
		seen := 0
		err := g.Each(t.Context(), g.account, time.Time{}, func(payment.Record) error {
			if seen++; seen == 700 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) || seen != 700 {
			t.Errorf("got %v after %d", err, seen)
		}
	})
}

func TestLatencyEndsWithTheContext(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t, db.SQLite)
	near, far := over(d, sandbox.Options{}), over(d, sandbox.Options{Latency: time.Hour, Jitter: time.Minute})
	far.account = near.account
	card, key := near.save(t, "tok_visa"), newKey()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result, err := far.Charge(ctx, payment.Charge{Account: far.account, Key: key, Token: card, Amount: usd(100)})
	if err != nil || result.Outcome != payment.Unknown {
		t.Errorf("charge: got %+v, %v", result, err)
	}
	result, err = far.Refund(ctx, payment.RefundRequest{Account: far.account, Key: key, ChargeKey: key, Amount: usd(100)})
	if err != nil || result.Outcome != payment.Unknown {
		t.Errorf("refund: got %+v, %v", result, err)
	}
	if _, err := far.Save(ctx, payment.SaveRequest{Account: far.account, Token: "tok_visa"}); !errors.Is(err, context.Canceled) {
		t.Errorf("save: got %v", err)
	}
	if _, err := far.Find(ctx, payment.Inquiry{Account: far.account, Key: key}); !errors.Is(err, context.Canceled) {
		t.Errorf("find: got %v", err)
	}
	same(t, "found", near.find(t, key).Outcome, payment.Absent)
}

// Callers who leave the line must not take it with them.
func TestCallersWhoLeaveTheLine(t *testing.T) {
	each(t, func(t *testing.T, g under) {
		card := g.save(t, "tok_visa")
		var mu sync.Mutex
		answered := 0
		together(200, func(i int) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%2 == 0 {
				go cancel()
			}
			key := newKey()
			r, err := g.Charge(ctx, payment.Charge{Account: g.account, Key: key, Token: card, Amount: usd(100)})
			switch found := g.find(t, key).Outcome; {
			case err != nil && found != payment.Absent:
				t.Errorf("withdrawn, yet found %v", found)
			case r.Outcome == payment.Succeeded && found != payment.Succeeded:
				t.Errorf("answered, yet found %v", found)
			}
			if r.Outcome == payment.Succeeded {
				mu.Lock()
				answered++
				mu.Unlock()
			}
		})
		if answered < 100 {
			t.Errorf("only %d of the 100 who stayed were answered", answered)
		}
	})
}

// Not parallel: it looks at every goroutine of the process.
func TestNothingStaysBehind(t *testing.T) { //nolint:paralleltest // see above
	d := dbtest.New(t, db.SQLite)
	g := over(d, sandbox.Options{Latency: time.Microsecond})
	card := g.save(t, "tok_visa")
	before := goleak.IgnoreCurrent()
	together(100, func(int) { g.charge(t, newKey(), card, 100) })
	goleak.VerifyNone(t, before)
}

// What runs on the merchant's database must run on a sharded one, too.
func TestStatements(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var seen []db.Statement
			d := dbtest.New(t, engine, dbtest.Observe(func(s db.Statement) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, s)
			}))
			g := over(d, sandbox.Options{})
			key := newKey()
			card := g.save(t, "tok_declineAfter_3")
			g.charge(t, key, card, 100)
			g.charge(t, key, card, 100)
			lost, lostKey := g.save(t, "tok_timeout_not_charged"), newKey()
			g.charge(t, lostKey, lost, 100)
			g.charge(t, lostKey, lost, 100)
			g.refund(t, newKey(), key, "", 40)
			g.find(t, key)
			g.books(t)
			mu.Lock()
			list := slices.Clone(seen)
			mu.Unlock()
			dbtest.CheckStatements(t, list)
			dbtest.CheckPlans(t, d, list)
		})
	}
}
