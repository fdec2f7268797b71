package gatewaytest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// check is one promise. Needs tells what a bank must have for it; "" when it has it.
type check struct {
	name  string
	needs func(b Bank) string
	run   func(t *testing.T, b Bank)
}

var checks = []check{
	{"a token nobody issued", anything, unknownToken},
	{"requests that make no sense", anything, senseless},
	{"a charge that people settle waits for them", byHand, waitsForPeople},
	{"a saved card tells what may be shown", books, savedCard},
	{"charge, find and books agree", books, chargeAndFind},
	{"a decline is final under its key", books, declineIsFinal},
	{"a key is for one charge", books, keyIsForOneCharge},
	{"refunds never exceed the charge", books, refundLimits},
	{"refund of nothing", books, refundOfNothing},
	{"accounts do not see each other", books, accountsApart},
	{"many callers with one key", books, oneKey},
	{"many callers with many keys", books, manyKeys},
	{"many refunds at once", books, manyRefunds},
	{"a caller who is gone", books, callerGone},
	{"the books begin where they are asked to", books, since},
	{"an answer that is lost", func(b Bank) string { return lacks(b.LoseAnswer == nil, "a way that breaks") }, lostAnswer},
	{"a request that is lost", func(b Bank) string { return lacks(b.LoseRequest == nil, "a way that breaks") }, lostRequest},
	{"the customer confirms", func(b Bank) string { return lacks(b.Confirming == nil, "cards that ask the customer") }, confirmed},
	{"the customer does not confirm", func(b Bank) string { return lacks(b.Confirming == nil, "cards that ask the customer") }, notConfirmed},
	{"a charge that waits is given up", func(b Bank) string { return lacks(b.Confirming == nil, "cards that ask the customer") }, abandoned},
	{"nobody is there to confirm", func(b Bank) string { return lacks(b.Confirming == nil, "cards that ask the customer") }, offSession},
	{"a debit settles days later", func(b Bank) string { return lacks(b.Debit == nil, "bank debits") }, debit},
	{"a key that the gateway forgot", func(b Bank) string { return lacks(b.Forget == nil, "a memory that ends") }, forgotten},
	{"notices are signed", func(b Bank) string { return lacks(b.Sent == nil, "notices") }, notices},
	{"notices that never came", func(b Bank) string { return lacks(b.Sent == nil, "notices") }, noticesListed},
	{"a dispute is told", func(b Bank) string { return lacks(b.Dispute == nil, "disputes") }, disputes},
}

func lacks(yes bool, what string) string {
	if yes {
		return what
	}
	return ""
}

func anything(Bank) string { return "" }

func books(b Bank) string { return lacks(b.ByHand, "books of its own") }

func byHand(b Bank) string { return lacks(!b.ByHand, "people who settle") }

// Conform checks what every gateway promises, each promise on a bank of its own.
func Conform(t *testing.T, open func(t *testing.T) Bank) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			if missing := c.needs(b); missing != "" {
				t.Skipf("this gateway has no %s", missing)
			}
			c.run(t, b)
		})
	}
}

func unknownToken(t *testing.T, b Bank) {
	for _, token := range []string{"tok_of_nobody", "pm_of_nobody", "seti_ofnobody", "", "4242424242424242"} {
		saved, err := b.Save(t.Context(), payment.SaveRequest{Account: b.Account, Token: token})
		if !fault.Is(err, fault.Declined) {
			t.Errorf("%q: got %+v, %v, want fault.Declined", token, saved, err)
		}
	}
}

func senseless(t *testing.T, b Bank) {
	card := b.save(t, b.Good())
	for _, c := range []payment.Charge{
		{Account: b.Account, Token: card, Amount: usd(100)},
		{Account: b.Account, Key: fmt.Sprintf("%0256d", 1), Token: card, Amount: usd(100)},
		{Account: b.Account, Key: newKey(), Token: card, Amount: usd(0)},
		{Account: b.Account, Key: newKey(), Token: card, Amount: usd(-5)},
		{Account: b.Account, Key: newKey(), Token: card, Amount: usd(money.MaxMinor + 1)},
		{Account: b.Account, Key: newKey(), Token: card, Amount: money.Amount{Minor: 500, Currency: "XXQ"}},
	} {
		if result, err := b.Gateway.Charge(t.Context(), c); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: got %+v, %v, want fault.Invalid", c, result, err)
		}
	}
	same(t, "card of nobody", b.charge(t, newKey(), "card_of_nobody", 100).Outcome, payment.Declined)
	same(t, "records", len(b.books(t)), 0)
}

func waitsForPeople(t *testing.T, b Bank) {
	card, key := b.save(t, b.Good()), newKey()
	first := b.charge(t, key, card, 1999)
	same(t, "outcome", first.Outcome, payment.Processing)
	same(t, "again", b.charge(t, key, card, 1999), first)
	same(t, "found", b.find(t, key).Outcome, payment.Processing)
	same(t, "refund", b.refund(t, newKey(), key, first.Reference, 500).Outcome, payment.Succeeded)
	result, err := b.Abandon(t.Context(), payment.Inquiry{Account: b.Account, Key: key})
	if err != nil || result.Outcome != payment.Declined {
		t.Errorf("given up: got %+v, %v", result, err)
	}
	same(t, "records", len(b.books(t)), 0)
}

func savedCard(t *testing.T, b Bank) {
	token := b.Good()
	first, err := b.Save(t.Context(), payment.SaveRequest{Account: b.Account, Token: token, Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if first.Kind != "card" || first.Brand != "visa" || first.LastFour != "4242" || first.Expires < 202601 || first.Expires%100 > 12 || first.Token == "" || first.Token == token {
		t.Errorf("saved %+v", first)
	}
	second, err := b.Save(t.Context(), payment.SaveRequest{Account: b.Account, Token: b.Good(), Sibling: first.Token})
	if err != nil || second.Token == first.Token {
		t.Errorf("a second card: got %+v, %v", second, err)
	}
	same(t, "charge of the first", b.charge(t, newKey(), first.Token, 100).Outcome, payment.Succeeded)
	same(t, "charge of the second", b.charge(t, newKey(), second.Token, 100).Outcome, payment.Succeeded)
}

func chargeAndFind(t *testing.T, b Bank) {
	card, key := b.save(t, b.Good()), newKey()
	same(t, "before", b.find(t, key).Outcome, payment.Absent)
	first := b.charge(t, key, card, 1999)
	same(t, "outcome", first.Outcome, payment.Succeeded)
	if first.Reference == "" || first.Code != "" || first.Step != nil || first.Amount != (money.Amount{}) && first.Amount != usd(1999) {
		t.Errorf("got %+v", first)
	}
	same(t, "again", b.charge(t, key, card, 1999), first)
	same(t, "found", b.find(t, key), first)
	result, err := b.Find(t.Context(), payment.Inquiry{Account: b.Account, Key: key, Reference: first.Reference})
	if err != nil || result != first {
		t.Errorf("found by its reference: got %+v, %v", result, err)
	}
	result, err = b.Find(t.Context(), payment.Inquiry{Account: b.Account, Key: newKey(), Reference: first.Reference})
	if err != nil || result.Outcome != payment.Absent {
		t.Errorf("another key with its reference: got %+v, %v", result, err)
	}
	books := b.books(t)
	same(t, "records", len(books), 1)
	same(t, "record", books[key], payment.Record{Key: key, Amount: usd(1999)})
}

func declineIsFinal(t *testing.T, b Bank) {
	card, key := b.save(t, b.Broken()), newKey()
	first := b.charge(t, key, card, 500)
	same(t, "outcome", first.Outcome, payment.Declined)
	same(t, "code", first.Code, b.BrokenCode)
	same(t, "again", b.charge(t, key, card, 500), first)
	same(t, "found", b.find(t, key), first)
	same(t, "records", len(b.books(t)), 0)
}

func keyIsForOneCharge(t *testing.T, b Bank) {
	card, other, key := b.save(t, b.Good()), b.save(t, b.Good()), newKey()
	first := b.charge(t, key, card, 500)
	for _, c := range []payment.Charge{
		{Account: b.Account, Key: key, Token: card, Amount: usd(501)},
		{Account: b.Account, Key: key, Token: card, Amount: money.Amount{Minor: 500, Currency: "EUR"}},
		{Account: b.Account, Key: key, Token: other, Amount: usd(500)},
	} {
		if result, err := b.Gateway.Charge(t.Context(), c); !fault.Is(err, fault.Conflict) {
			t.Errorf("got %+v, %v, want fault.Conflict", result, err)
		}
	}
	same(t, "found", b.find(t, key), first)
	same(t, "record", b.books(t)[key], payment.Record{Key: key, Amount: usd(500)})
}

func refundLimits(t *testing.T, b Bank) {
	card, key := b.save(t, b.Good()), newKey()
	charge := b.charge(t, key, card, 1000)
	keys := []string{newKey(), newKey(), newKey(), newKey()}
	same(t, "before", b.findRefund(t, keys[0]).Outcome, payment.Absent)
	part := b.refund(t, keys[0], key, charge.Reference, 300)
	same(t, "part", part.Outcome, payment.Succeeded)
	same(t, "part again", b.refund(t, keys[0], key, charge.Reference, 300), part)
	same(t, "part found", b.findRefund(t, keys[0]), part)
	over := b.refund(t, keys[1], key, charge.Reference, 701)
	same(t, "over", over.Outcome, payment.Declined)
	same(t, "over code", over.Code, "amount_too_large")
	same(t, "rest", b.refund(t, keys[2], key, charge.Reference, 700).Outcome, payment.Succeeded)
	same(t, "one more", b.refund(t, keys[3], key, charge.Reference, 1).Outcome, payment.Declined)
	if _, err := b.Gateway.Refund(t.Context(), payment.RefundRequest{Account: b.Account, Key: keys[0], ChargeKey: key, Amount: usd(299)}); !fault.Is(err, fault.Conflict) {
		t.Errorf("another amount under the same key: got %v, want fault.Conflict", err)
	}
	books := b.books(t)
	same(t, "records", len(books), 3)
	same(t, "record", books[keys[0]], payment.Record{Key: keys[0], Amount: usd(300), Refund: true})
	same(t, "record of the rest", books[keys[2]], payment.Record{Key: keys[2], Amount: usd(700), Refund: true})
}

func refundOfNothing(t *testing.T, b Bank) {
	key := newKey()
	same(t, "no charge", b.refund(t, newKey(), key, "", 100).Outcome, payment.Declined)
	b.charge(t, key, b.save(t, b.Broken()), 100)
	same(t, "declined charge", b.refund(t, newKey(), key, "", 100).Code, "charge_not_found")
	good := newKey()
	b.charge(t, good, b.save(t, b.Good()), 100)
	result, err := b.Gateway.Refund(t.Context(), payment.RefundRequest{Account: b.Account, Key: newKey(), ChargeKey: good, Amount: money.Amount{Minor: 1, Currency: "EUR"}})
	if err != nil || result.Outcome != payment.Declined {
		t.Errorf("another currency: got %+v, %v", result, err)
	}
	same(t, "records", len(b.books(t)), 1)
}

func accountsApart(t *testing.T, b Bank) {
	card, key := b.save(t, b.Good()), newKey()
	charge := b.charge(t, key, card, 100)
	other := b
	other.Account = id.New[id.Account]()
	same(t, "found by another", other.find(t, key).Outcome, payment.Absent)
	result, err := other.Find(t.Context(), payment.Inquiry{Account: other.Account, Key: key, Reference: charge.Reference})
	if err != nil || result.Outcome != payment.Absent {
		t.Errorf("found by another with its reference: got %+v, %v", result, err)
	}
	result, err = other.Abandon(t.Context(), payment.Inquiry{Account: other.Account, Key: key, Reference: charge.Reference})
	if err != nil || result.Outcome != payment.Absent {
		t.Errorf("given up by another: got %+v, %v", result, err)
	}
	result, err = other.Gateway.Charge(t.Context(), other.request(key, card, 100))
	if result.Outcome == payment.Succeeded {
		t.Errorf("charged by another: got %+v, %v", result, err)
	}
	same(t, "refunded by another", other.refund(t, newKey(), key, "", 100).Outcome, payment.Declined)
	same(t, "records of another", len(other.books(t)), 0)
	same(t, "records", len(b.books(t)), 1)
}

func oneKey(t *testing.T, b Bank) {
	card, key := b.save(t, b.Good()), newKey()
	results := make([]payment.Result, 100)
	together(len(results), func(i int) { results[i] = b.charge(t, key, card, 700) })
	for _, r := range results {
		if r != results[0] || r.Outcome != payment.Succeeded {
			t.Fatalf("got %+v and %+v", r, results[0])
		}
	}
	same(t, "records", len(b.books(t)), 1)
}

func manyKeys(t *testing.T, b Bank) {
	good, broken := b.save(t, b.Good()), b.save(t, b.Broken())
	const n = 300
	keys := make([]string, n)
	for i := range keys {
		keys[i] = newKey()
	}
	together(n, func(i int) {
		if i%3 == 0 {
			same(t, "broken", b.charge(t, keys[i], broken, 100).Outcome, payment.Declined)
		} else {
			same(t, "good", b.charge(t, keys[i], good, int64(1000+i)).Outcome, payment.Succeeded)
		}
	})
	books := b.books(t)
	same(t, "records", len(books), 200)
	for i, key := range keys {
		if i%3 != 0 {
			same(t, "record", books[key], payment.Record{Key: key, Amount: usd(int64(1000 + i))})
		}
	}
}

func manyRefunds(t *testing.T, b Bank) {
	key := newKey()
	charge := b.charge(t, key, b.save(t, b.Good()), 1000)
	shared := newKey()
	results := make([]payment.Result, 30)
	together(len(results), func(i int) {
		own := newKey()
		if i < 10 {
			own = shared
		}
		results[i] = b.refund(t, own, key, charge.Reference, 150)
	})
	var back int64
	for _, r := range b.books(t) {
		if r.Refund {
			back += r.Amount.Minor
		}
	}
	same(t, "sent back", back, int64(900))
	for _, r := range results[:10] {
		if r.Outcome != results[0].Outcome || r.Reference != results[0].Reference {
			t.Errorf("one key: got %+v and %+v", r, results[0])
		}
	}
}

func callerGone(t *testing.T, b Bank) {
	card, key := b.save(t, b.Good()), newKey()
	gone, leave := context.WithCancel(t.Context())
	leave()
	result, err := b.Gateway.Charge(gone, b.request(key, card, 100))
	if err == nil && result.Outcome == payment.Declined {
		t.Errorf("got %+v: a charge nobody waited for cannot be declined", result)
	}
	found := b.find(t, key).Outcome
	if err != nil && found != payment.Absent || result.Outcome == payment.Succeeded && found != payment.Succeeded {
		t.Errorf("answered %+v, %v, but found %v", result, err, found)
	}
	same(t, "afterwards", b.charge(t, key, card, 100).Outcome, payment.Succeeded)
	same(t, "records", len(b.books(t)), 1)
}

func since(t *testing.T, b Bank) {
	card, key := b.save(t, b.Good()), newKey()
	b.charge(t, key, card, 100)
	var at time.Time
	if err := b.Each(t.Context(), b.Account, time.Time{}, func(r payment.Record) error { at = r.At; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from time.Time
		want int
	}{{at, 1}, {at.Add(-time.Hour), 1}, {at.Add(time.Second), 0}} {
		n := 0
		if err := b.Each(t.Context(), b.Account, c.from, func(payment.Record) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("from %s", c.from.Sub(at)), n, c.want)
	}
	stop := fmt.Errorf("enough")
	if err := b.Each(t.Context(), b.Account, time.Time{}, func(payment.Record) error { return stop }); err != stop { //nolint:errorlint // the very error that was given
		t.Errorf("an error of the reader: got %v", err)
	}
}
