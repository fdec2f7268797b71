package api_test

import (
	"errors"
	"fmt"
	"testing"

	"perennial/internal/db"
	"perennial/internal/idempotency"
)

// A sale is several transactions with the gateway between them. Whichever of them
// gets no answer, the client is told to repeat the request, and repeating it, at once
// or when the lease of the lost work is over, finds or finishes the one sale.
func TestUnknownCommitOfASale(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		charges := 0
		for nth := 1; ; nth++ {
			key := fmt.Sprintf("sale %d", nth)
			body := fmt.Sprintf(`{"customer":%q,"price":%q,"payment_method":%q,"quantity":%d}`, p.customer, p.once, p.card, nth)
			w.faults.Arm(db.FaultAfterCommit, nth, errors.New("the connection is gone"))
			got := w.request(w.key, "POST", "/v1/orders", body, withKey(key))
			w.faults.Disarm()
			charges++
			if got.status == 201 {
				if nth < 3 {
					w.Errorf("a sale is only %d transactions", nth-1)
				}
				break
			}
			if got.status != 503 || got.header.Get("Retry-After") == "" {
				w.Fatalf("commit %d: %d %v %s", nth, got.status, got.header, got.raw)
			}
			soon := w.request(w.key, "POST", "/v1/orders", body, withKey(key))
			if soon.status != 201 && (soon.status != 409 || soon.header.Get("Retry-After") == "") {
				w.Errorf("commit %d, at once: %d %s", nth, soon.status, soon.raw)
			}
			w.clock.Add(idempotency.Lease + 1)
			done := w.call(201, "POST", "/v1/orders", body, withKey(key))
			again := w.call(201, "POST", "/v1/orders", body, withKey(key))
			if again.raw != done.raw || again.header.Get("Idempotency-Replayed") != "true" {
				w.Errorf("commit %d: answered\n%s\nand then\n%s", nth, done.raw, again.raw)
			}
		}
		if n := w.bankCharges(); n != charges {
			w.Errorf("%d charges for %d sales", n, charges)
		}
		if n := len(w.call(200, "GET", "/v1/orders?limit=100", "").data()); n != charges {
			w.Errorf("%d orders for %d sales", n, charges)
		}
	})
}
