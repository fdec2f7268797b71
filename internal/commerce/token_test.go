package commerce_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/idempotency"
	"perennial/internal/payment"
)

// singleUse is a gateway whose tokens are good for one exchange, as most are.
type singleUse struct {
	*hooked
	mu   sync.Mutex
	seen map[string]bool
}

func (g *singleUse) Save(ctx context.Context, r payment.SaveRequest) (payment.Saved, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen[r.Token] {
		return payment.Saved{}, fault.New(fault.Declined, "this token was used already")
	}
	g.seen[r.Token] = true
	return g.hooked.Save(ctx, r)
}

// A request that is repeated with its key gets its answer, although its token cannot
// be exchanged again.
func TestRepeatedTokenIsNotExchangedAgain(t *testing.T) {
	onBoth(t, func(w *world) {
		bank := &singleUse{hooked: w.bank, seen: map[string]bool{}}
		s := commerce.New(w.db, w.clock, map[string]payment.Gateway{commerce.SandboxGateway: bank}, w.faults, slog.New(slog.DiscardHandler))
		price := w.price(monthly)
		call := w.call
		call.Once = &commerce.Once{Request: idempotency.Request{Route: "POST /orders", Key: "k", Digest: "d", Arrived: w.clock.Now()},
			Answer: func(any, error) (int, string) { return 201, "sold" }}
		sell := commerce.Sell{Call: call, Customer: w.customer, Price: price, Token: "tok_visa", Source: "test"}
		_, err := s.Sell(w.Context(), sell)
		w.ok(err)
		_, err = s.Sell(w.Context(), sell)
		if before, ok := commerce.IsReplayed(err); !ok || before.Body != "sold" {
			t.Errorf("the sale repeated: %v", err)
		}
		call.Once = &commerce.Once{Request: idempotency.Request{Route: "POST /methods", Key: "k", Digest: "d", Arrived: w.clock.Now()},
			Answer: func(any, error) (int, string) { return 201, "attached" }}
		attach := commerce.AttachMethod{Call: call, Customer: w.customer, Token: "tok_mastercard"}
		_, err = s.AttachMethod(w.Context(), attach)
		w.ok(err)
		_, err = s.AttachMethod(w.Context(), attach)
		if before, ok := commerce.IsReplayed(err); !ok || before.Body != "attached" {
			t.Errorf("the method repeated: %v", err)
		}
		n, _, _ := w.charged()
		same(w, "charges", n, 1)
	})
}
