package metrics_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/period"
)

// house is an account on a database of its own.
type house struct {
	*testing.T
	db      *db.DB
	account id.Account
	zone    string
}

func newHouse(t *testing.T, open func() *db.DB, zone string) *house {
	h := &house{t, open(), id.New[id.Account](), zone}
	h.update(func(tx *db.Tx) error {
		return account.Insert(tx, account.Account{ID: h.account, Name: "Acme", Mode: account.Sandbox, Currency: "EUR", Zone: zone, Email: "help@example.com",
			CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	})
	return h
}

func (h *house) update(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.Update(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) view(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.View(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) append(list []metrics.Entry) {
	h.Helper()
	h.update(func(tx *db.Tx) error {
		_, err := metrics.Append(tx, metrics.Write{Account: h.account, Zone: h.zone, Currency: "EUR", Now: time.Unix(1_780_000_000, 0), Entries: list})
		return err
	})
}

// differences are the roll-ups that are not what the facts come to.
func (h *house) differences() (list []metrics.Difference, s metrics.State) {
	h.Helper()
	var book metrics.Book
	h.view(func(tx *db.Tx) (err error) {
		if s, err = metrics.LoadState(tx, h.account, h.zone, "EUR"); err != nil {
			return err
		}
		book, err = metrics.AllTerms(tx, h.account)
		return err
	})
	cells, err := metrics.Sum(h.Context(), h.db.View, s, book)
	if err != nil {
		h.Fatal(err)
	}
	h.view(func(tx *db.Tx) (err error) {
		list, err = cells.Compare(tx, s, book)
		return err
	})
	return list, s
}

// entries draws writes for some customers, in no order of time.
func entries(r *rand.Rand, customers int) []metrics.Entry {
	var list []metrics.Entry
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for range 1 + r.IntN(6) {
		c := int64(1 + r.IntN(customers))
		f := metrics.Fact{Customer: c, Subject: 10*c + int64(r.IntN(2)), At: from + r.Int64N(200*24*3600)*1_000_000, Cause: metrics.TermsChanged,
			Value: []int64{0, 900, 1000}[r.IntN(3)], Rate: metrics.SameCurrency, Flags: []metrics.Flags{0, metrics.OnTrial, metrics.Ending}[r.IntN(3)]}
		as := metrics.Terms{Plan: int64(1 + r.IntN(3)), Coupon: int64(r.IntN(2)), Interval: period.Interval{Unit: period.Month, Count: 1}, Currency: "EUR"}
		if r.IntN(3) == 0 {
			as.Interval.Unit = period.Year
		}
		if r.IntN(4) == 0 {
			as.Currency, f.Rate = "USD", metrics.SameCurrency/int64(2+r.IntN(3))
		}
		f.Lasting = f.Value
		list = append(list, metrics.Entry{Fact: f, As: as})
	}
	return list
}

func TestRollupsAreWhatTheFactsComeTo(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open, "Europe/Berlin")
		r := rand.New(rand.NewPCG(7, 7))
		for range 60 {
			h.append(entries(r, 5))
		}
		list, s := h.differences()
		if len(list) > 0 || s.Seq != 60 {
			t.Fatalf("after write %d: %+v", s.Seq, list)
		}
		// A customer who is left out leaves nothing behind, and what was wrong is found and mended.
		h.append([]metrics.Entry{{Fact: metrics.Fact{Customer: 2, At: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), Cause: metrics.Excluded, Rate: metrics.SameCurrency}}})
		h.update(func(tx *db.Tx) error {
			_, err := tx.Exec("update metric_rollup set new_amount = new_amount + 1 where account_id = $1 and grain = 1 and scope = 1", h.account)
			return err
		})
		list, s = h.differences()
		if len(list) == 0 {
			t.Fatal("a wrong roll-up was not found")
		}
		h.moved(s, "Pacific/Apia")
	})
}

// moved measures the account in another zone, while others write.
func (h *house) moved(s metrics.State, to string) {
	h.Helper()
	s.Zone = to
	var book metrics.Book
	h.view(func(tx *db.Tx) (err error) {
		book, err = metrics.AllTerms(tx, h.account)
		return err
	})
	cells, err := metrics.Sum(h.Context(), h.db.View, s, book)
	if err != nil {
		h.Fatal(err)
	}
	h.append(entries(rand.New(rand.NewPCG(1, 2)), 5))
	h.update(func(tx *db.Tx) error {
		_, err := metrics.Mend(tx, s, book, cells)
		return err
	})
	h.append(entries(rand.New(rand.NewPCG(3, 4)), 5))
	if list, now := h.differences(); len(list) > 0 || now.Zone != to {
		h.Fatalf("in %s: %+v", now.Zone, list)
	}
}

// TestManyWriteAtOnce says that no write is lost or counted twice.
func TestManyWriteAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open, "UTC")
		var group sync.WaitGroup
		for n := range 6 {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			group.Go(func() {
				for range 8 {
					h.append(entries(r, 3))
				}
			})
		}
		group.Wait()
		if list, s := h.differences(); len(list) > 0 || s.Seq != 48 {
			t.Fatalf("after write %d: %+v", s.Seq, list)
		}
	})
}

// TestARateHoldsForAPlan says that only another price takes another exchange rate.
func TestARateHoldsForAPlan(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open, "UTC")
		month := period.Interval{Unit: period.Month, Count: 1}
		at := func(day int) int64 { return time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC).UnixMicro() }
		fact := func(day int, value, rate, plan int64) metrics.Entry {
			return metrics.Entry{Fact: metrics.Fact{Customer: 1, Subject: 1, At: at(day), Value: value, Lasting: value, Rate: rate, Cause: metrics.TermsChanged},
				As: metrics.Terms{Plan: plan, Interval: month, Currency: "USD"}}
		}
		h.append([]metrics.Entry{fact(1, 1000, 900_000_000, 1)})
		h.append([]metrics.Entry{fact(5, 0, 800_000_000, 1)})
		h.append([]metrics.Entry{fact(6, 1000, 700_000_000, 1), fact(9, 1000, 500_000_000, 2)})
		h.view(func(tx *db.Tx) error {
			found, err := metrics.FactsOf(tx, h.account, []int64{1})
			var rates []int64
			for _, f := range found[1] {
				rates = append(rates, f.Rate)
			}
			if !slices.Equal(rates, []int64{900_000_000, 900_000_000, 900_000_000, 500_000_000}) || found[1][2].In(1000) != 900 {
				t.Errorf("rates %v", rates)
			}
			return err
		})
	})
}
