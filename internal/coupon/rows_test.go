package coupon_test

import (
	"context"
	"reflect"
	"sync"
	"testing"

	"perennial/internal/account"
	"perennial/internal/coupon"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
	"perennial/internal/id"
)

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

// proven fails the test when the counts of a coupon are not those of its redemptions.
func (h *house) proven() {
	err := h.db.View(context.Background(), func(tx *db.Tx) error {
		list, err := coupon.Drifted(tx, h.account, 10)
		if len(list) > 0 {
			h.Errorf("the counts of %v are wrong", list)
		}
		return err
	})
	if err != nil {
		h.Error(err)
	}
}

// coupon stores a coupon with limits.
func (h *house) coupon(code string, inTotal, perCustomer int64) coupon.Coupon {
	h.Helper()
	c := tenPercent()
	c.ID, c.Account, c.Code, c.MaxRedemptions, c.MaxPerCustomer, c.Version = id.New[id.Coupon](), h.account, code, inTotal, perCustomer, 1
	h.update(func(tx *db.Tx) error { return coupon.Insert(tx, c) })
	return c
}

func (h *house) load(c coupon.Coupon) coupon.Coupon {
	h.Helper()
	h.view(func(tx *db.Tx) (err error) {
		c, err = coupon.Load(tx, h.account, c.ID)
		return err
	})
	return c
}

func (h *house) redeem(customer id.Customer, order id.Order, list ...coupon.Coupon) error {
	return h.db.Update(h.Context(), func(tx *db.Tx) error { return coupon.Redeem(tx, list, customer, order, 0, now) })
}

func TestStored(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		plain := h.coupon("PLAIN", 0, 0)
		full := coupon.Coupon{ID: id.New[id.Coupon](), Account: h.account, Code: "FULL", Name: "All of it", Kind: coupon.Fixed, Amount: usd(500),
			AppliesTo: coupon.Rebills, Cycles: 3, StartsOn: "2026-01-01", EndsOn: "2026-12-31", MaxRedemptions: 10, MaxPerCustomer: 2,
			Products: []id.Product{7, 8}, Stackable: true, IncludeSetup: true, State: coupon.Active, CreatedAt: now, Version: 1}
		h.update(func(tx *db.Tx) error { return coupon.Insert(tx, full) })
		for _, want := range []coupon.Coupon{plain, full} {
			if got := h.load(want); !reflect.DeepEqual(got, want) {
				t.Errorf("loaded %+v, want %+v", got, want)
			}
		}
		if err := h.redeem(1, 2, full); err != nil {
			t.Fatal(err)
		}
		full.Name, full.Products, full.State, full.Stackable = "Less", nil, coupon.Archived, false
		h.update(func(tx *db.Tx) error { return coupon.Save(tx, full) })
		full.Version, full.Redeemed = 2, 1
		if got := h.load(full); !reflect.DeepEqual(got, full) {
			t.Errorf("saved %+v, want %+v", got, full)
		}
		full.Version = 1
		if err := h.db.Update(t.Context(), func(tx *db.Tx) error { return coupon.Save(tx, full) }); !fault.Is(err, fault.Conflict) {
			t.Errorf("an old version answers %v", err)
		}
	})
}

func TestFound(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		a, b := h.coupon("A", 0, 0), h.coupon("B", 0, 0)
		again := b
		again.ID = id.New[id.Coupon]()
		if err := h.db.Update(t.Context(), func(tx *db.Tx) error { return coupon.Insert(tx, again) }); codeOf(err) != "coupon_code_taken" {
			t.Errorf("a second coupon of the code answers %v", err)
		}
		renamed := a
		renamed.Code = "B"
		if err := h.db.Update(t.Context(), func(tx *db.Tx) error { return coupon.Save(tx, renamed) }); codeOf(err) != "coupon_code_taken" {
			t.Errorf("a renaming to the code answers %v", err)
		}
		h.view(func(tx *db.Tx) error {
			found, err := coupon.ByCodes(tx, h.account, []string{" b", "a"})
			if err != nil || len(found) != 2 || found[0].ID != b.ID || found[1].ID != a.ID {
				t.Errorf("found %+v, %v", found, err)
			}
			if c, err := coupon.ByCode(tx, h.account, "a"); err != nil || c.ID != a.ID {
				t.Errorf("found %+v, %v", c, err)
			}
			for _, typed := range []string{"C", "", "a b", "' or 1=1"} {
				if _, err := coupon.ByCode(tx, h.account, typed); codeOf(err) != "coupon_unknown" || !fault.Is(err, fault.NotFound) {
					t.Errorf("%q answers %v", typed, err)
				}
			}
			if _, err := coupon.ByCodes(tx, h.account, make([]string, coupon.MaxStack+1)); codeOf(err) != "coupon_too_many" {
				t.Errorf("too many codes answer %v", err)
			}
			if _, err := coupon.Load(tx, h.account, again.ID); !fault.Is(err, fault.NotFound) {
				t.Errorf("no coupon answers %v", err)
			}
			if _, err := coupon.Load(tx, h.account+1, a.ID); !fault.Is(err, fault.NotFound) {
				t.Errorf("another's coupon answers %v", err)
			}
			page, err := coupon.List(tx, h.account, 0, 1)
			if err != nil || len(page) != 1 || page[0].ID != b.ID {
				t.Errorf("the first page is %+v, %v", page, err)
			}
			page, err = coupon.List(tx, h.account, b.ID, 5)
			if err != nil || len(page) != 1 || page[0].ID != a.ID {
				t.Errorf("the next page is %+v, %v", page, err)
			}
			return nil
		})
	})
}

// TestCodeOfAnArchivedCoupon proves that a code can be given again once its coupon is
// archived, and names the one that can be redeemed.
func TestCodeOfAnArchivedCoupon(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		old := h.coupon("SPRING", 0, 0)
		old.State = coupon.Archived
		h.update(func(tx *db.Tx) error { return coupon.Save(tx, old) })
		fresh := h.coupon("SPRING", 0, 0)
		h.view(func(tx *db.Tx) error {
			found, err := coupon.ByCode(tx, h.account, "spring")
			if found.ID != fresh.ID {
				t.Errorf("the code names %v, want %v", found.ID, fresh.ID)
			}
			return err
		})
		back := h.load(old)
		back.State = coupon.Active
		if err := h.db.Update(t.Context(), func(tx *db.Tx) error { return coupon.Save(tx, back) }); codeOf(err) != "coupon_code_taken" {
			t.Errorf("two active coupons with one code: %v", err)
		}
	})
}

func TestLimitsAndReturns(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		c := h.coupon("ONCE", 2, 1)
		expect := func(code string, customer id.Customer, order id.Order) {
			t.Helper()
			if err := h.redeem(customer, order, c); codeOf(err) != code {
				t.Errorf("customer %d with order %d answers %v, want %q", customer, order, err, code)
			}
		}
		expect("", 1, 11)
		expect("coupon_used_by_customer", 1, 12)
		expect("", 2, 13)
		expect("coupon_used_up", 3, 14)
		for range 2 { // giving back is done once, however often it is asked for
			h.update(func(tx *db.Tx) error {
				list, err := coupon.OfOrder(tx, h.account, 11)
				if err != nil {
					return err
				}
				return coupon.Return(tx, list, now)
			})
			if got := h.load(c).Redeemed; got != 1 {
				t.Errorf("redeemed is %d, want 1", got)
			}
		}
		expect("", 1, 11) // the same order is tried again
		expect("coupon_used_up", 3, 14)
		unlimited := h.coupon("FREE", 0, 0)
		for order := range id.Order(3) {
			if err := h.redeem(1, 20+order, unlimited); err != nil {
				t.Error(err)
			}
		}
		if err := h.redeem(1, 20, unlimited); codeOf(err) != "coupon_redeemed_already" {
			t.Errorf("the same order again answers %v", err)
		}
		h.view(func(tx *db.Tx) error {
			list, err := coupon.OfCoupon(tx, h.account, c.ID, 0, 10)
			if err != nil || len(list) != 3 || list[0].Order != 11 || list[0].State != coupon.Redeemed || list[2].State != coupon.Returned || list[2].ReturnedAt != now {
				t.Errorf("redemptions of the coupon are %+v, %v", list, err)
			}
			return nil
		})
		c.State = coupon.Archived
		h.update(func(tx *db.Tx) error { return coupon.Save(tx, c) })
		expect("coupon_archived", 4, 15)
	})
}

// A coupon given to a subscription later, without an order.
func TestRedemptionOfASubscription(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		a, b := h.coupon("A", 1, 0), h.coupon("B", 1, 0)
		h.update(func(tx *db.Tx) error { return coupon.Redeem(tx, []coupon.Coupon{b, a}, 1, 0, 5, now) })
		h.update(func(tx *db.Tx) error {
			var list []coupon.Redemption
			for _, c := range []coupon.Coupon{a, b} {
				of, err := coupon.OfCoupon(tx, h.account, c.ID, 0, 5)
				if err != nil {
					return err
				}
				list = append(list, of...)
			}
			if len(list) != 2 || list[0].Subscription != 5 || list[0].Order != 0 || list[0].At != now || !list[0].ReturnedAt.IsZero() {
				t.Errorf("redemptions are %+v", list)
			}
			return coupon.Return(tx, list, now)
		})
		if h.load(a).Redeemed != 0 || h.load(b).Redeemed != 0 {
			t.Error("a redemption that was given back counts")
		}
	})
}

// Ten buyers race for the last redemption: one gets it, nine are told.
func TestLastRedemptionRaced(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		first, second := h.coupon("FIRST", 2, 0), h.coupon("SECOND", 0, 0)
		if err := h.redeem(100, 100, first); err != nil {
			t.Fatal(err)
		}
		codes := h.race(func(i int) error {
			list := []coupon.Coupon{first, second}
			if i%2 == 0 {
				list[0], list[1] = second, first
			}
			return h.redeem(id.Customer(i+1), id.Order(i+1), list...)
		})
		if codes[""] != 1 || codes["coupon_used_up"] != 9 {
			t.Errorf("the buyers are told %v", codes)
		}
		if a, b := h.load(first).Redeemed, h.load(second).Redeemed; a != 2 || b != 1 {
			t.Errorf("redeemed are %d and %d, want 2 and 1", a, b)
		}
	})
}

// One customer with ten tabs races for the one redemption that he may have.
func TestOneUseRaced(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		c := h.coupon("ONE", 0, 1)
		codes := h.race(func(i int) error { return h.redeem(1, id.Order(i+1), c) })
		if codes[""] != 1 || codes["coupon_used_by_customer"] != 9 || h.load(c).Redeemed != 1 {
			t.Errorf("the customer is told %v, and %d are counted", codes, h.load(c).Redeemed)
		}
	})
}

// Ten times the same sale comes to nothing: it is given back once.
func TestReturnRaced(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open)
		c := h.coupon("BACK", 5, 5)
		for order := range id.Order(3) {
			if err := h.redeem(1, order+1, c); err != nil {
				t.Fatal(err)
			}
		}
		var list []coupon.Redemption
		h.view(func(tx *db.Tx) (err error) {
			list, err = coupon.OfOrder(tx, h.account, 2)
			return err
		})
		codes := h.race(func(int) error {
			return h.db.Update(t.Context(), func(tx *db.Tx) error { return coupon.Return(tx, list, now) })
		})
		if codes[""] != 10 || h.load(c).Redeemed != 2 {
			t.Errorf("answers are %v, and %d are counted, want 2", codes, h.load(c).Redeemed)
		}
	})
}

// race runs do ten times at once and counts the codes of what it answered; an error
// without a code fails the test.
func (h *house) race(do func(i int) error) map[string]int {
	h.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	gate := make(chan struct{})
	for i := range 10 {
		all.Go(func() {
			<-gate
			err := do(i)
			code := codeOf(err)
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
			if err != nil && code == "" {
				codes[""]--
				h.Error(err)
			}
		})
	}
	close(gate)
	all.Wait()
	return codes
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
			c := h.coupon("SEEN", 9, 2)
			h.update(func(tx *db.Tx) error { return coupon.Save(tx, c) })
			for order := range id.Order(2) {
				if err := h.redeem(1, order+1, c); err != nil {
					t.Fatal(err)
				}
			}
			h.update(func(tx *db.Tx) error {
				list, err := coupon.OfOrder(tx, h.account, 1)
				if err != nil {
					return err
				}
				return coupon.Return(tx, list, now)
			})
			h.load(c)
			h.view(func(tx *db.Tx) error {
				for _, read := range []func() error{
					func() error { _, err := coupon.ByCode(tx, h.account, "seen"); return err },
					func() error { _, err := coupon.List(tx, h.account, 0, 5); return err },
					func() error { _, err := coupon.OfCoupon(tx, h.account, c.ID, 0, 5); return err },
				} {
					if err := read(); err != nil {
						return err
					}
				}
				return nil
			})
			h.proven()
			mu.Lock()
			defer mu.Unlock()
			proofs := dbtest.Allow{Plans: []string{"select id as coupon_id, redeemed as total"}} // it proves the counts and reads them whole
			dbtest.CheckStatements(t, seen, proofs)
			dbtest.CheckPlans(t, dbtest.New(t, engine), seen, proofs)
		})
	}
}
