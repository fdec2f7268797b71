package credit_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/account"
	"perennial/internal/credit"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

var now = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

// house is an account on a database of its own.
type house struct {
	*testing.T
	db      *db.DB
	account id.Account
}

func newHouse(t *testing.T, open func() *db.DB) *house {
	h := &house{t, open(), id.New[id.Account]()}
	h.update(func(tx *db.Tx) error {
		return account.Insert(tx, account.Account{ID: h.account, Name: "Acme", Mode: account.Sandbox, Currency: "USD", Zone: "UTC", Email: "help@example.com", CreatedAt: now})
	})
	t.Cleanup(h.proven)
	return h
}

func (h *house) update(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.Update(h.Context(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) view(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.View(h.Context(), fn); err != nil {
		h.Fatal(err)
	}
}

// proven fails the test when balances and entries disagree.
func (h *house) proven() {
	err := h.db.View(context.Background(), func(tx *db.Tx) error {
		drifted, err := credit.Drifted(tx, h.account, 10)
		if err != nil {
			return err
		}
		if len(drifted) > 0 {
			h.Errorf("balances of %v are not the sum of their entries", drifted)
		}
		return nil
	})
	if err != nil {
		h.Error(err)
	}
}

func (h *house) entry(c id.Customer, minor int64, reason credit.Reason) credit.Entry {
	return credit.Entry{Account: h.account, Customer: c, Amount: money.Amount{Minor: minor, Currency: "USD"}, Reason: reason, At: now}
}

func (h *house) balance(c id.Customer) int64 {
	h.Helper()
	var minor int64
	h.view(func(tx *db.Tx) error {
		found, err := credit.Balances(tx, h.account, []int64{int64(c)})
		minor = found[c]["USD"]
		return err
	})
	return minor
}

func TestGivenAndTaken(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		ada, bob := id.New[id.Customer](), id.New[id.Customer]()
		euros := h.entry(ada, 70, credit.Goodwill)
		euros.Amount.Currency = "EUR"
		given := []credit.Entry{h.entry(ada, 1000, credit.Change), h.entry(ada, 200, credit.Refund), h.entry(bob, 5, credit.Goodwill), euros}
		h.update(func(tx *db.Tx) error { return credit.Add(tx, given) })
		if given[0].BalanceAfter.Minor != 1000 || given[1].BalanceAfter.Minor != 1200 || given[3].BalanceAfter != euros.Amount {
			t.Errorf("balances after are %v, %v, %v", given[0].BalanceAfter, given[1].BalanceAfter, given[3].BalanceAfter)
		}
		used := h.entry(ada, -1150, credit.Invoice)
		used.Invoice, used.Note = id.New[id.Invoice](), "Invoice 7"
		h.update(func(tx *db.Tx) error { return credit.Take(tx, []credit.Entry{used, h.entry(bob, -5, credit.Expired)}) })
		if h.balance(ada) != 50 || h.balance(bob) != 0 {
			t.Errorf("left are %d and %d, want 50 and 0", h.balance(ada), h.balance(bob))
		}
		h.view(func(tx *db.Tx) error {
			list, err := credit.Entries(tx, h.account, ada, 0, 10)
			if err != nil || len(list) != 4 {
				t.Fatalf("%d entries, %v", len(list), err)
			}
			used.ID, used.BalanceAfter = list[0].ID, money.Amount{Minor: 50, Currency: "USD"}
			if list[0] != used {
				t.Errorf("stored %+v, want %+v", list[0], used)
			}
			rest, err := credit.Entries(tx, h.account, ada, list[1].ID, 1)
			if err != nil || len(rest) != 1 || rest[0] != list[2] {
				t.Errorf("the next page is %+v, %v", rest, err)
			}
			found, err := credit.Balances(tx, h.account, []int64{int64(ada), int64(bob)})
			if len(found) != 1 || found[ada]["EUR"] != 70 {
				t.Errorf("balances are %v", found)
			}
			return err
		})
	})
}

func TestNothingBelowZero(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		ada := id.New[id.Customer]()
		h.update(func(tx *db.Tx) error { return credit.Add(tx, []credit.Entry{h.entry(ada, 100, credit.Goodwill)}) })
		for _, amounts := range [][]int64{{-101}, {-60, -41}} {
			err := h.db.Update(t.Context(), func(tx *db.Tx) error {
				var list []credit.Entry
				for _, a := range amounts {
					list = append(list, h.entry(ada, a, credit.Invoice))
				}
				err := credit.Take(tx, list)
				if !errors.Is(err, db.ErrVersion) {
					t.Errorf("taking %v of 100 answers %v, want a version conflict", amounts, err)
				}
				return err
			})
			if !fault.Is(err, fault.Conflict) {
				t.Errorf("a take that never fits ends with %v", err)
			}
		}
		stranger := id.New[id.Customer]()
		err := h.db.Update(t.Context(), func(tx *db.Tx) error {
			return credit.Take(tx, []credit.Entry{h.entry(stranger, -1, credit.Expired)})
		})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("taking of nothing answers %v", err)
		}
		err = h.db.Update(t.Context(), func(tx *db.Tx) error {
			return credit.Add(tx, []credit.Entry{h.entry(ada, money.MaxMinor, credit.Goodwill)})
		})
		if fault.As(err).Code != "amount_too_large" {
			t.Errorf("a balance beyond the limit answers %v", err)
		}
		if h.balance(ada) != 100 {
			t.Errorf("the balance is %d, want 100", h.balance(ada))
		}
	})
}

// What an invoice used comes back whatever was given meanwhile, and can be taken.
func TestCreditThatComesBackIsNeverRefused(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		ada := id.New[id.Customer]()
		for _, e := range []credit.Entry{h.entry(ada, money.MaxMinor, credit.Goodwill), h.entry(ada, 500, credit.Reversal), h.entry(ada, money.MaxMinor, credit.Change)} {
			h.update(func(tx *db.Tx) error { return credit.Add(tx, []credit.Entry{e}) })
		}
		const all = 2*money.MaxMinor + 500
		if h.balance(ada) != all {
			t.Errorf("the balance is %d, want %d", h.balance(ada), int64(all))
		}
		err := h.db.Update(t.Context(), func(tx *db.Tx) error { return credit.Add(tx, []credit.Entry{h.entry(ada, 1, credit.Goodwill)}) })
		if fault.As(err).Code != "amount_too_large" {
			t.Errorf("a gift beyond the limit answers %v", err)
		}
		h.update(func(tx *db.Tx) error { return credit.Take(tx, []credit.Entry{h.entry(ada, -700, credit.Invoice)}) })
		if h.balance(ada) != all-700 {
			t.Errorf("the balance is %d, want %d", h.balance(ada), int64(all-700))
		}
	})
}

// Ten take 30 each of 100 at the same time: three succeed, and one takes what is left.
func TestTenTakersRace(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		ada := id.New[id.Customer]()
		h.update(func(tx *db.Tx) error { return credit.Add(tx, []credit.Entry{h.entry(ada, 100, credit.Goodwill)}) })
		var took [10]int64
		h.race(func(i int) error {
			return h.db.Update(t.Context(), func(tx *db.Tx) error {
				took[i] = 0
				found, err := credit.Balances(tx, h.account, []int64{int64(ada)})
				if err != nil {
					return err
				}
				covered, charge := credit.Split(money.Amount{Minor: 30, Currency: "USD"}, found[ada]["USD"])
				if covered.Minor+charge.Minor != 30 {
					t.Errorf("30 were split into %v and %v", covered, charge)
				}
				if covered.IsZero() {
					return nil
				}
				took[i] = covered.Minor
				return credit.Take(tx, []credit.Entry{h.entry(ada, -covered.Minor, credit.Invoice)})
			})
		})
		var sum int64
		kinds := map[int64]int{}
		for _, v := range took {
			sum += v
			kinds[v]++
		}
		if sum != 100 || kinds[30] != 3 || kinds[10] != 1 {
			t.Errorf("they took %v", took)
		}
		if h.balance(ada) != 0 {
			t.Errorf("%d is left", h.balance(ada))
		}
	})
}

// Ten give to a customer without a balance at the same time: none is lost.
func TestTenGiversRace(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		ada, bob := id.New[id.Customer](), id.New[id.Customer]()
		h.race(func(i int) error {
			list := []credit.Entry{h.entry(ada, 7, credit.Change), h.entry(bob, 3, credit.Change)}
			if i%2 == 0 {
				list[0], list[1] = list[1], list[0]
			}
			return h.db.Update(t.Context(), func(tx *db.Tx) error { return credit.Add(tx, list) })
		})
		if h.balance(ada) != 70 || h.balance(bob) != 30 {
			t.Errorf("the balances are %d and %d", h.balance(ada), h.balance(bob))
		}
		h.view(func(tx *db.Tx) error {
			list, err := credit.Entries(tx, h.account, ada, 0, 20)
			for i, e := range list {
				if e.BalanceAfter.Minor != int64(70-7*i) {
					t.Errorf("entry %d left %d", i, e.BalanceAfter.Minor)
				}
			}
			return err
		})
	})
}

// race runs do ten times at once.
func (h *house) race(do func(i int) error) {
	h.Helper()
	var all sync.WaitGroup
	var failed atomic.Int64
	gate := make(chan struct{})
	for i := range 10 {
		all.Go(func() {
			<-gate
			if err := do(i); err != nil {
				failed.Add(1)
				h.Error(err)
			}
		})
	}
	close(gate)
	all.Wait()
	if failed.Load() > 0 {
		h.FailNow()
	}
}

func TestEntryCheck(t *testing.T) {
	t.Parallel()
	good := credit.Entry{Account: 1, Customer: 2, Amount: money.Amount{Minor: 5, Currency: "USD"}, Reason: credit.Change, At: now}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for field, bad := range map[string]func(e *credit.Entry){
		"customer": func(e *credit.Entry) { e.Customer = 0 },
		"currency": func(e *credit.Entry) { e.Amount.Currency = "XXX" },
		"amount":   func(e *credit.Entry) { e.Amount.Minor = -5 },
		"reason":   func(e *credit.Entry) { e.Reason = "gift" },
		"note":     func(e *credit.Entry) { e.Note = string(make([]byte, credit.MaxNote+1)) },
		"at":       func(e *credit.Entry) { e.At = time.Time{} },
	} {
		e := good
		bad(&e)
		err := e.Check()
		if !fault.Is(err, fault.Invalid) || fault.As(err).Fields[0].Name != field {
			t.Errorf("a bad %s answers %v", field, err)
		}
	}
}

func TestSplitCoversNoMoreThanThereIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		total := money.Amount{Minor: rapid.Int64Range(-1000, 1000).Draw(t, "total"), Currency: "USD"}
		balance := rapid.Int64Range(0, 1000).Draw(t, "balance")
		covered, charge := credit.Split(total, balance)
		if covered.Minor+charge.Minor != total.Minor || covered.Minor < 0 || covered.Minor > balance {
			t.Fatalf("%v with %d is split into %v and %v", total, balance, covered, charge)
		}
		if charge.Minor > 0 && covered.Minor != balance {
			t.Fatalf("%v is charged while %d of the balance is left", charge, balance-covered.Minor)
		}
	})
}

// Every statement runs where merchants are sharded, and finds its rows by an index.
func TestStatements(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var seen []db.Statement
			h := newHouse(t, func() *db.DB {
				return dbtest.New(t, engine, dbtest.Observe(func(s db.Statement) {
					mu.Lock()
					defer mu.Unlock()
					seen = append(seen, s)
				}))
			})
			ada := id.New[id.Customer]()
			h.update(func(tx *db.Tx) error { return credit.Add(tx, []credit.Entry{h.entry(ada, 9, credit.Goodwill)}) })
			h.update(func(tx *db.Tx) error { return credit.Take(tx, []credit.Entry{h.entry(ada, -4, credit.Invoice)}) })
			h.balance(ada)
			h.view(func(tx *db.Tx) error {
				_, err := credit.Entries(tx, h.account, ada, 0, 10)
				return err
			})
			h.proven()
			mu.Lock()
			defer mu.Unlock()
			proofs := dbtest.Allow{Plans: []string{"from credit_balance where account_id = $1 group by", "from credit_entry where account_id = $1 group by",
				"select customer_id, currency, minor from credit_balance where account_id = $1 union all"}} // they prove the books and read them whole
			dbtest.CheckStatements(t, seen, proofs)
			dbtest.CheckPlans(t, dbtest.New(t, engine), seen, proofs)
		})
	}
}
