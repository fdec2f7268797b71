package commerce

import (
	"testing"
	"time"

	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Events of renewals are read by the same readers as all others.
func TestFactsAreSpeltLikeOtherEvents(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 2, 28, 23, 59, 59, 120_000_000, time.UTC)
	pay := id.New[id.Payment]()
	want := event.Data(map[string]any{"amount": int64(-5), "attempt": 3, "currency": money.Currency("USD"), "from": at, "number": "INV-000007", "payment": pay, "to": at.Add(880 * time.Millisecond)})
	got := newFacts().whole("amount", -5).whole("attempt", 3).word("currency", "USD").instant("from", at).word("number", "INV-000007").
		word("payment", pay.String()).instant("to", at.Add(880*time.Millisecond)).text()
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := newFacts().text(), event.Data(map[string]any{}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
