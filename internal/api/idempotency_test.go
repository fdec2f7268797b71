package api_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/payment"
)

// volley sends the same request from many clients at once.
func (w *world) volley(n int, method, path, body, key string) []reply {
	w.Helper()
	answers := make([]reply, n)
	gate := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-gate
			answers[i] = w.request(w.key, method, path, body, withKey(key))
		})
	}
	close(gate)
	all.Wait()
	return answers
}

// judge checks that all winners of a volley got the same answer and the others were
// told to come back, and returns the answer.
func (w *world) judge(answers []reply, status int) string {
	w.Helper()
	var first string
	won := 0
	for _, a := range answers {
		switch {
		case a.status == status:
			won++
			if first == "" {
				first = a.raw
			}
			if a.raw != first {
				w.Errorf("two answers:\n%s\n%s", first, a.raw)
			}
		case a.status != 409 || a.text("code") != "idempotency_key_in_use" || a.header.Get("Retry-After") == "":
			w.Errorf("%d %v %s", a.status, a.header, a.raw)
		}
	}
	if won == 0 {
		w.Fatal("nobody won")
	}
	return first
}

// bankCharges is how many charges the gateway's own books hold.
func (w *world) bankCharges() int {
	w.Helper()
	n := 0
	w.ok(sandbox.New(w.bankDB, w.clock, sandbox.Options{}).Each(w.Context(), w.acc.ID, time.Time{}, func(r payment.Record) error {
		if !r.Refund {
			n++
		}
		return nil
	}))
	return n
}

func TestOneKeyHasOneEffect(t *testing.T) {
	onBoth(t, func(w *world) {
		body := `{"name":"Ada","metadata":{"b":"2","a":"1"}}`
		first := w.judge(w.volley(20, "POST", "/v1/customers", body, "key-1"), 201)
		if n := len(w.call(200, "GET", "/v1/customers", "").data()); n != 1 {
			w.Fatalf("%d customers", n)
		}
		w.restart()
		again := w.call(201, "POST", "/v1/customers", body, withKey("key-1"))
		if again.raw != first || again.header.Get("Idempotency-Replayed") != "true" {
			w.Errorf("after a restart: %v %s", again.header, again.raw)
		}
		for _, other := range []string{`{"name":"Bob"}`, body + " ", strings.ReplaceAll(body, "2", "3")} {
			if got := w.call(409, "POST", "/v1/customers", other, withKey("key-1")); got.text("code") != "idempotency_key_reused" {
				w.Errorf("%s: %s", other, got.raw)
			}
		}
		w.call(201, "POST", "/v1/campaigns", `{"name":"Ada"}`, withKey("key-1")) // another route
		mine := w.key
		_, w.key = w.newAccount("Rival", account.Sandbox)
		if got := w.call(201, "POST", "/v1/customers", body, withKey("key-1")); got.raw == first || got.header.Get("Idempotency-Replayed") != "" {
			w.Error("another account got the answer")
		}
		w.key = mine
		w.clock.Add(31 * 24 * time.Hour)
		if got := w.call(201, "POST", "/v1/customers", body, withKey("key-1")); got.raw == first {
			w.Error("a key is kept longer than 30 days")
		}
	})
}

// The path is part of the request: the same key and body for another thing is
// another request.
func TestKeyBelongsToItsPath(t *testing.T) {
	onBoth(t, func(w *world) {
		one := w.call(201, "POST", "/v1/customers", `{"name":"Ada"}`).text("id")
		two := w.call(201, "POST", "/v1/customers", `{"name":"Bob"}`).text("id")
		w.call(201, "POST", "/v1/customers/"+one+"/payment-methods", `{"token":"tok_visa"}`, withKey("k"))
		w.call(409, "POST", "/v1/customers/"+two+"/payment-methods", `{"token":"tok_visa"}`, withKey("k"))
	})
}

func TestOneKeySellsOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		body := `{"customer":"` + p.customer + `","price":"` + p.monthly + `","payment_method":"` + p.card + `"}`
		first := w.judge(w.volley(20, "POST", "/v1/orders", body, "sell"), 201)
		if n := w.bankCharges(); n != 1 {
			w.Errorf("%d charges", n)
		}
		if n := len(w.call(200, "GET", "/v1/subscriptions", "").data()); n != 1 {
			w.Errorf("%d subscriptions", n)
		}
		w.restart()
		if got := w.call(201, "POST", "/v1/orders", body, withKey("sell")); got.raw != first {
			w.Error(got.raw)
		}
		pay := w.call(200, "GET", "/v1/payments", "").data()[0]["id"].(string)
		w.judge(w.volley(20, "POST", "/v1/refunds", `{"payment":"`+pay+`","amount":100}`, "back"), 201)
		if n := len(w.call(200, "GET", "/v1/refunds", "").data()); n != 1 {
			w.Errorf("%d refunds", n)
		}
	})
}

// A final refusal is kept like an answer; a request that only failed validation
// leaves its key free.
func TestWhatIsKept(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		body := `{"customer":"` + p.customer + `","price":"` + p.once + `","token":"tok_chargeDeclined"}`
		first := w.call(402, "POST", "/v1/orders", body, withKey("declined"))
		again := w.call(402, "POST", "/v1/orders", body, withKey("declined"))
		if again.raw != first.raw || again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Content-Type") != "application/problem+json" {
			w.Errorf("%v %s", again.header, again.raw)
		}
		if n := len(w.call(200, "GET", "/v1/orders", "").data()); n != 1 {
			w.Errorf("%d orders", n)
		}
		w.call(422, "POST", "/v1/customers", `{"email":"?"}`, withKey("later right"))
		w.call(400, "POST", "/v1/customers", `{`, withKey("later right"))
		w.call(422, "POST", "/v1/customers", `{"unknown":1}`, withKey("later right"))
		w.call(201, "POST", "/v1/customers", `{"email":"bob@example.com"}`, withKey("later right"))
	})
}

// A gateway that does not answer: the client is told so, and the same request finds
// the outcome later without a second charge.
func TestPendingIsFoundLater(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		body := `{"customer":"` + p.customer + `","price":"` + p.monthly + `","token":"tok_timeout_charged"}`
		got := w.call(202, "POST", "/v1/orders", body, withKey("slow"))
		if got.text("state") != "pending" {
			w.Error(got.raw)
		}
		if soon := w.call(409, "POST", "/v1/orders", body, withKey("slow")); soon.text("code") != "idempotency_key_in_use" {
			w.Error(soon.raw)
		}
		w.clock.Add(2 * time.Minute)
		_, err := w.s.RunAccount(w.Context(), w.acc.ID)
		w.ok(err)
		done := w.call(201, "POST", "/v1/orders", body, withKey("slow"))
		if done.text("id") != got.text("id") || done.text("state") != "completed" {
			w.Error(done.raw)
		}
		if again := w.call(201, "POST", "/v1/orders", body, withKey("slow")); again.raw != done.raw || again.header.Get("Idempotency-Replayed") != "true" {
			w.Error(again.raw)
		}
		if n := w.bankCharges(); n != 1 {
			w.Errorf("%d charges", n)
		}
	})
}

// A commit that fails is refused, one without an answer is unknown (503); the same
// request finds out and has one effect.
func TestUnknownCommit(t *testing.T) {
	onBoth(t, func(w *world) {
		for point, status := range map[string]int{db.FaultBeforeCommit: 500, db.FaultAfterCommit: 503} {
			body := `{"name":"` + point + `"}`
			w.faults.Arm(point, 1, errors.New("the disk is gone: canary of the inside"))
			got := w.call(status, "POST", "/v1/customers", body, withKey(point))
			if status == 503 && got.header.Get("Retry-After") == "" || strings.Contains(got.raw, "canary") {
				w.Errorf("%v %s", got.header, got.raw)
			}
			w.call(201, "POST", "/v1/customers", body, withKey(point))
			found := 0
			for _, c := range w.call(200, "GET", "/v1/customers", "").data() {
				if c["name"] == point {
					found++
				}
			}
			if found != 1 {
				w.Errorf("%s: %d customers", point, found)
			}
		}
	})
}

// What breaks on our side is logged under the request's name and told without its
// inside; the key stays free.
func TestInternal(t *testing.T) {
	onBoth(t, func(w *world) {
		w.faults.Arm(db.FaultStatement, 6, errors.New("canary of the inside"))
		got := w.request(w.key, "POST", "/v1/customers", `{"name":"Ada"}`, withKey("broken"))
		if got.status < 500 || strings.Contains(got.raw, "canary") {
			w.Fatalf("%d %s", got.status, got.raw)
		}
		if !strings.Contains(w.log.String(), "canary of the inside") {
			w.Errorf("the log does not say why: %s", w.log)
		}
		w.faults.Disarm()
		w.call(201, "POST", "/v1/customers", `{"name":"Ada"}`, withKey("broken"))
	})
}

func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	for _, key := range []string{strings.Repeat("k", 256), "\xff\xfe", "tab\there", "4242424242424242", "ключ"} {
		w.call(422, "POST", "/v1/customers", `{"name":"x"}`, withKey(key))
	}
	w.call(201, "POST", "/v1/customers", `{"name":"x"}`, withKey(strings.Repeat("k", 255)))
}
