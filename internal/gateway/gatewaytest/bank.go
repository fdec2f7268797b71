package gatewaytest

import (
	"sync"
	"testing"
	"time"

	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// Bank is a gateway under test and how the world around it is played: what a buyer's
// browser brings, what the customer and their bank do, what is lost on the way.
type Bank struct {
	payment.Gateway
	Account id.Account

	// What the browser brings for a card that works, as a "visa" ending 4242, and for
	// one that is always declined. Each call is a new card.
	Good, Broken func() string
	BrokenCode   string // of its declines

	// LoseAnswer makes the next charge happen without an answer, and LoseRequest makes
	// it get lost before it happens. Nil: the way there cannot be broken.
	LoseAnswer, LoseRequest func()

	// Confirming is what the browser brings for a card whose charges the customer must
	// confirm, and Act is the customer doing a step, or failing to. Nil: there is no
	// such card.
	Confirming func() string
	Act        func(step payment.Step, confirmed bool)

	// Debit is what the browser brings for a bank account whose bank declines with that
	// code, or pays when it is empty; Settle is the bank answering, days later. Nil:
	// there are no debits.
	Debit  func(code string) string
	Settle func(key, reference, code string)

	// Forget makes the gateway forget all idempotency keys. Nil: it remembers them for
	// ever.
	Forget func()

	// Sent are the notices that the gateway has sent so far. Nil: it sends none.
	Sent func() []Sent
	// DebitsOnly says that it tells of charges only what comes later than the charge.
	DebitsOnly bool
	// Now is the time at which notices are read; zero is the present.
	Now time.Time

	// Dispute opens a dispute of a charge and tells its reference. Nil: there are none.
	Dispute func(reference string) string

	// ByHand says that people move the money: a charge waits until one of them says
	// what became of it, and the gateway keeps no books.
	ByHand bool
}

// Sent is a notice as it comes in.
type Sent struct {
	Header func(name string) string
	Body   []byte
}

func usd(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }

func newKey() string { return id.New[id.Payment]().String() }

func (b Bank) save(t *testing.T, token string) string {
	t.Helper()
	saved, err := b.Save(t.Context(), payment.SaveRequest{Account: b.Account, Token: token, Email: "ada@example.com", Name: "Ada Example", ChargeFollows: true})
	if err != nil {
		t.Fatalf("save %s: %v", token, err)
	}
	if saved.Step != nil {
		t.Fatalf("save %s wants a step although a charge follows", token)
	}
	return saved.Token
}

func (b Bank) request(key, token string, minor int64) payment.Charge {
	return payment.Charge{Account: b.Account, Key: key, Token: token, Amount: usd(minor), Customer: 77, Invoice: 88}
}

// ask charges, and asks again while nobody knows: what a lock or a crowd answers.
func (b Bank) ask(t *testing.T, c payment.Charge) payment.Result {
	t.Helper()
	for range 200 {
		result, err := b.Gateway.Charge(t.Context(), c)
		if err != nil {
			t.Errorf("charge: %v", err)
			return result
		}
		if result.Outcome != payment.Unknown {
			return result
		}
	}
	t.Errorf("the charge %s stays unknown", c.Key)
	return payment.Result{}
}

func (b Bank) charge(t *testing.T, key, token string, minor int64) payment.Result {
	t.Helper()
	return b.ask(t, b.request(key, token, minor))
}

func (b Bank) refund(t *testing.T, key, chargeKey, reference string, minor int64) payment.Result {
	t.Helper()
	for range 200 {
		result, err := b.Gateway.Refund(t.Context(), payment.RefundRequest{Account: b.Account, Key: key, ChargeKey: chargeKey, Reference: reference, Amount: usd(minor)})
		if err != nil {
			t.Errorf("refund: %v", err)
			return result
		}
		if result.Outcome != payment.Unknown {
			return result
		}
	}
	t.Errorf("the refund %s stays unknown", key)
	return payment.Result{}
}

func (b Bank) find(t *testing.T, key string) payment.Result {
	t.Helper()
	result, err := b.Find(t.Context(), payment.Inquiry{Account: b.Account, Key: key})
	if err != nil {
		t.Errorf("find: %v", err)
	}
	return result
}

func (b Bank) findRefund(t *testing.T, key string) payment.Result {
	t.Helper()
	result, err := b.Find(t.Context(), payment.Inquiry{Account: b.Account, Key: key, Refund: true})
	if err != nil {
		t.Errorf("find: %v", err)
	}
	return result
}

// books are the gateway's own records by key.
func (b Bank) books(t *testing.T) map[string]payment.Record {
	t.Helper()
	found := map[string]payment.Record{}
	err := b.Each(t.Context(), b.Account, time.Time{}, func(r payment.Record) error {
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
