package sandbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// under is a gateway under test and what it calls a card that works and one that
// declines; the checks below know payment.Gateway alone.
type under struct {
	payment.Gateway
	account      id.Account
	good, broken string // test tokens
	brokenCode   string
}

func usd(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }

func newKey() string { return id.New[id.Payment]().String() }

func (g under) save(t *testing.T, token string) string {
	t.Helper()
	saved, err := g.Save(t.Context(), payment.SaveRequest{Account: g.account, Token: token})
	if err != nil {
		t.Fatalf("save %s: %v", token, err)
	}
	return saved.Token
}

func (g under) charge(t *testing.T, key, token string, minor int64) payment.Result {
	t.Helper()
	result, err := g.Charge(t.Context(), payment.Charge{Account: g.account, Key: key, Token: token, Amount: usd(minor)})
	if err != nil {
		t.Fatalf("charge: %v", err)
	}
	return result
}

func (g under) refund(t *testing.T, key, chargeKey, reference string, minor int64) payment.Result {
	t.Helper()
	result, err := g.Refund(t.Context(), payment.RefundRequest{Account: g.account, Key: key, ChargeKey: chargeKey, Reference: reference, Amount: usd(minor)})
	if err != nil {
		t.Fatalf("refund: %v", err)
	}
	return result
}

func (g under) find(t *testing.T, key string) payment.Result {
	t.Helper()
	result, err := g.Find(t.Context(), payment.Inquiry{Account: g.account, Key: key})
	if err != nil {
		t.Fatalf("find: %v", err)
	}
	return result
}

// books are the gateway's own records by key.
func (g under) books(t *testing.T) map[string]payment.Record {
	t.Helper()
	found := map[string]payment.Record{}
	err := g.Each(t.Context(), g.account, time.Time{}, func(r payment.Record) error {
		if r.Reference == "" || r.At.IsZero() {
			t.Errorf("a record without reference or time: %+v", r)
		}
		r.Reference, r.At = "", time.Time{}
		if _, twice := found[r.Key]; twice {
			t.Errorf("%s stands in the books twice", r.Key)
		}
		found[r.Key] = r
		return nil
	})
	if err != nil {
		t.Fatalf("each: %v", err)
	}
	return found
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

// conform checks what every gateway promises.
func conform(t *testing.T, open func(t *testing.T) under) {
	for _, c := range []struct {
		name  string
		check func(t *testing.T, g under)
	}{
		{"saved card tells what may be shown", savedCard},
		{"a token nobody issued", unknownToken},
		{"charge, find and books agree", chargeAndFind},
		{"a decline is final under its key", declineIsFinal},
		{"a key is for one charge", keyIsForOneCharge},
		{"refunds never exceed the charge", refundLimits},
		{"refund of nothing", refundOfNothing},
		{"accounts do not see each other", accountsApart},
		{"many callers with one key", oneKey},
		{"many callers with many keys", manyKeys},
		{"many refunds at once", manyRefunds},
		{"requests that make no sense", senseless},
		{"a caller who is gone", callerGone},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t, open(t))
		})
	}
}

func savedCard(t *testing.T, g under) {
	first, err := g.Save(t.Context(), payment.SaveRequest{Account: g.account, Token: g.good})
	if err != nil {
		t.Fatal(err)
	}
	if first.Kind != "card" || first.Brand != "visa" || first.LastFour != "4242" || first.Expires < 202601 || first.Expires%100 > 12 || first.Token == g.good {
		t.Errorf("saved %+v", first)
	}
	if again := g.save(t, g.good); again == first.Token {
		t.Error("two cards have one token")
	}
}

func unknownToken(t *testing.T, g under) {
	if _, err := g.Save(t.Context(), payment.SaveRequest{Account: g.account, Token: "tok_of_nobody"}); !fault.Is(err, fault.Declined) {
		t.Errorf("got %v, want fault.Declined", err)
	}
}

func chargeAndFind(t *testing.T, g under) {
	card, key := g.save(t, g.good), newKey()
	same(t, "before", g.find(t, key).Outcome, payment.Absent)
	first := g.charge(t, key, card, 1999)
	same(t, "outcome", first.Outcome, payment.Succeeded)
	if first.Reference == "" || first.Code != "" {
		t.Errorf("got %+v", first)
	}
	same(t, "again", g.charge(t, key, card, 1999), first)
	same(t, "found", g.find(t, key), first)
	books := g.books(t)
	same(t, "records", len(books), 1)
	same(t, "record", books[key], payment.Record{Key: key, Amount: usd(1999)})
}

func declineIsFinal(t *testing.T, g under) {
	card, key := g.save(t, g.broken), newKey()
	first := g.charge(t, key, card, 500)
	same(t, "outcome", first.Outcome, payment.Declined)
	same(t, "code", first.Code, g.brokenCode)
	same(t, "again", g.charge(t, key, card, 500), first)
	same(t, "found", g.find(t, key), first)
	same(t, "records", len(g.books(t)), 0)
}

func keyIsForOneCharge(t *testing.T, g under) {
	card, other, key := g.save(t, g.good), g.save(t, g.good), newKey()
	first := g.charge(t, key, card, 500)
	for _, c := range []payment.Charge{
		{Account: g.account, Key: key, Token: card, Amount: usd(501)},
		{Account: g.account, Key: key, Token: card, Amount: money.Amount{Minor: 500, Currency: "EUR"}},
		{Account: g.account, Key: key, Token: other, Amount: usd(500)},
	} {
		if result, err := g.Charge(t.Context(), c); !fault.Is(err, fault.Conflict) {
			t.Errorf("got %+v, %v, want fault.Conflict", result, err)
		}
	}
	same(t, "found", g.find(t, key), first)
	same(t, "record", g.books(t)[key], payment.Record{Key: key, Amount: usd(500)})
}

func refundLimits(t *testing.T, g under) {
	card, key := g.save(t, g.good), newKey()
	charge := g.charge(t, key, card, 1000)
	keys := []string{newKey(), newKey(), newKey(), newKey()}
	part := g.refund(t, keys[0], key, charge.Reference, 300)
	same(t, "part", part.Outcome, payment.Succeeded)
	same(t, "part again", g.refund(t, keys[0], key, charge.Reference, 300), part)
	same(t, "part found", g.find(t, keys[0]), part)
	over := g.refund(t, keys[1], key, charge.Reference, 701)
	same(t, "over", over.Outcome, payment.Declined)
	same(t, "over code", over.Code, "amount_too_large")
	same(t, "rest", g.refund(t, keys[2], key, charge.Reference, 700).Outcome, payment.Succeeded)
	same(t, "one more", g.refund(t, keys[3], key, charge.Reference, 1).Outcome, payment.Declined)
	if _, err := g.Refund(t.Context(), payment.RefundRequest{Account: g.account, Key: keys[0], ChargeKey: key, Amount: usd(299)}); !fault.Is(err, fault.Conflict) {
		t.Errorf("another amount under the same key: got %v, want fault.Conflict", err)
	}
	books := g.books(t)
	same(t, "records", len(books), 3)
	same(t, "record", books[keys[0]], payment.Record{Key: keys[0], Amount: usd(300), Refund: true})
	same(t, "record of the rest", books[keys[2]], payment.Record{Key: keys[2], Amount: usd(700), Refund: true})
}

func refundOfNothing(t *testing.T, g under) {
	key := newKey()
	same(t, "no charge", g.refund(t, newKey(), key, "", 100).Outcome, payment.Declined)
	g.charge(t, key, g.save(t, g.broken), 100)
	same(t, "declined charge", g.refund(t, newKey(), key, "", 100).Code, "charge_not_found")
	good := newKey()
	g.charge(t, good, g.save(t, g.good), 100)
	result, err := g.Refund(t.Context(), payment.RefundRequest{Account: g.account, Key: newKey(), ChargeKey: good, Amount: money.Amount{Minor: 1, Currency: "EUR"}})
	if err != nil || result.Outcome != payment.Declined {
		t.Errorf("another currency: got %+v, %v", result, err)
	}
	same(t, "records", len(g.books(t)), 1)
}

func accountsApart(t *testing.T, g under) {
	card, key := g.save(t, g.good), newKey()
	g.charge(t, key, card, 100)
	other := g
	other.account = id.New[id.Account]()
	same(t, "found by another", other.find(t, key).Outcome, payment.Absent)
	same(t, "charged by another", other.charge(t, key, card, 100).Outcome, payment.Declined)
	same(t, "refunded by another", other.refund(t, newKey(), key, "", 100).Outcome, payment.Declined)
	same(t, "records of another", len(other.books(t)), 0)
	same(t, "records", len(g.books(t)), 1)
}

// together runs n callers at once.
func together(n int, call func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			call(i)
		})
	}
	close(begin)
	all.Wait()
}

func oneKey(t *testing.T, g under) {
	card, key := g.save(t, g.good), newKey()
	results := make([]payment.Result, 100)
	together(len(results), func(i int) { results[i] = g.charge(t, key, card, 700) })
	for _, r := range results {
		if r != results[0] || r.Outcome != payment.Succeeded {
			t.Fatalf("got %+v and %+v", r, results[0])
		}
	}
	same(t, "records", len(g.books(t)), 1)
}

func manyKeys(t *testing.T, g under) {
	good, broken := g.save(t, g.good), g.save(t, g.broken)
	const n = 300
	keys := make([]string, n)
	for i := range keys {
		keys[i] = newKey()
	}
	together(n, func(i int) {
		if i%3 == 0 {
			same(t, "broken", g.charge(t, keys[i], broken, 100).Outcome, payment.Declined)
		} else {
			same(t, "good", g.charge(t, keys[i], good, int64(1000+i)).Outcome, payment.Succeeded)
		}
	})
	books := g.books(t)
	same(t, "records", len(books), 200)
	for i, key := range keys {
		if i%3 != 0 {
			same(t, "record", books[key], payment.Record{Key: key, Amount: usd(int64(1000 + i))})
		}
	}
}

func manyRefunds(t *testing.T, g under) {
	key := newKey()
	charge := g.charge(t, key, g.save(t, g.good), 1000)
	shared := newKey()
	results := make([]payment.Result, 30)
	together(len(results), func(i int) {
		own := newKey()
		if i < 10 {
			own = shared
		}
		results[i] = g.refund(t, own, key, charge.Reference, 150)
	})
	var back int64
	for _, r := range g.books(t) {
		if r.Refund {
			back += r.Amount.Minor
		}
	}
	same(t, "sent back", back, int64(900))
	for _, r := range results[:10] {
		same(t, "shared key", r, results[0])
	}
}

func senseless(t *testing.T, g under) {
	card := g.save(t, g.good)
	for _, c := range []payment.Charge{
		{Account: g.account, Token: card, Amount: usd(100)},
		{Account: g.account, Key: fmt.Sprintf("%0256d", 1), Token: card, Amount: usd(100)},
		{Account: g.account, Key: newKey(), Token: card, Amount: usd(0)},
		{Account: g.account, Key: newKey(), Token: card, Amount: usd(-5)},
		{Account: g.account, Key: newKey(), Token: card, Amount: usd(money.MaxMinor + 1)},
		{Account: g.account, Key: newKey(), Token: card, Amount: money.Amount{Minor: 5, Currency: "XXQ"}},
	} {
		if _, err := g.Charge(t.Context(), c); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: got %v, want fault.Invalid", c, err)
		}
	}
	key := newKey()
	same(t, "card of nobody", g.charge(t, key, "card_of_nobody", 100).Outcome, payment.Declined)
	same(t, "records", len(g.books(t)), 0)
}

func callerGone(t *testing.T, g under) {
	card, key := g.save(t, g.good), newKey()
	gone, leave := context.WithCancel(t.Context())
	leave()
	result, err := g.Charge(gone, payment.Charge{Account: g.account, Key: key, Token: card, Amount: usd(100)})
	if err == nil && result.Outcome == payment.Declined {
		t.Errorf("got %+v: a charge nobody waited for cannot be declined", result)
	}
	found := g.find(t, key).Outcome
	if err != nil && found != payment.Absent || result.Outcome == payment.Succeeded && found != payment.Succeeded {
		t.Errorf("answered %+v, %v, but found %v", result, err, found)
	}
	same(t, "afterwards", g.charge(t, key, card, 100).Outcome, payment.Succeeded)
	same(t, "records", len(g.books(t)), 1)
}
