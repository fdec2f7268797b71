package sandbox_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"perennial/internal/gateway/gatewaytest"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// under is a gateway under test and what it calls a card that works and one that
// declines.
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

// bank is the gateway as the suite of promises wants it.
func (g under) bank() gatewaytest.Bank {
	token := func(name string) func() string { return func() string { return name } }
	far, ok := g.Gateway.(*sandbox.Gateway)
	if !ok {
		panic("the sandbox is under test")
	}
	later := day.AddDate(0, 1, 0)
	return gatewaytest.Bank{Gateway: g.Gateway, Account: g.account, BrokenCode: g.brokenCode, Now: day, DebitsOnly: true,
		Good: token(g.good), Broken: token(g.broken), Confirming: token("tok_confirmAlways"),
		Act: func(step payment.Step, confirmed bool) {
			if err := far.AnswerStep(context.Background(), g.account, step.Secret, confirmed); err != nil {
				panic(err)
			}
		},
		Debit: func(code string) string {
			if code != "" {
				return "tok_debitFails"
			}
			return "tok_debit"
		},
		Settle: func(key, _, _ string) {
			if _, err := far.Find(context.Background(), payment.Inquiry{Account: g.account, Key: key, Now: later}); err != nil {
				panic(err)
			}
		},
		Sent: func() (list []gatewaytest.Sent) {
			told, _, err := far.Notices(context.Background(), g.account, "", later)
			if err != nil {
				panic(err)
			}
			for _, n := range told {
				header, body := far.Send(n, day)
				list = append(list, gatewaytest.Sent{Body: body, Header: func(name string) string { return header[name] }})
			}
			return list
		}}
}
