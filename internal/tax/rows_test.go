package tax

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

var created = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// exact compares rates as the values that they are.
var exact = cmp.Comparer(func(a, b money.Rate) bool { return a == b })

func update(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func newAccount(t *testing.T, d *db.DB) id.Account {
	t.Helper()
	a := id.New[id.Account]()
	update(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`insert into account (id, name, mode, currency, zone, email, legal_name, address, country, tax_id, tax_name, tax_rate, profile, clock_offset, created_at, version)
			values ($1, 'Shop', 'live', 'EUR', 'UTC', '', '', '', '', '', '', '0', 0, 0, $2, 1)`, a, created.UnixMicro())
		return err
	})
	return a
}

func newProfile(account id.Account, name string) Profile {
	return Profile{ID: id.New[id.TaxProfile](), Account: account, Name: name, Kind: EUVAT, Inclusive: true, SellerCountry: "DE", State: Active, CreatedAt: created}
}

func TestProfileRows(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		mine, other := newAccount(t, d), newAccount(t, d)
		list := []Profile{newProfile(mine, "A"), newProfile(mine, "B"), newProfile(mine, "C")}
		theirs := []Profile{newProfile(other, "D")}
		update(t, d, func(tx *db.Tx) error { return errors.Join(Insert(tx, list), Insert(tx, theirs)) })
		list[1].Name, list[1].Inclusive, list[1].ShippingTaxed, list[1].SellerCountry, list[1].SellerRegion, list[1].State = "B2", false, true, "CA", "ON", Archived
		stale := list[1]
		update(t, d, func(tx *db.Tx) error { p := stale; return Save(tx, &p) })
		list[1].Version = 2
		update(t, d, func(tx *db.Tx) error {
			if p := stale; !errors.Is(Save(tx, &p), db.ErrVersion) || p.Version != stale.Version {
				t.Error("a stale profile was saved")
			}
			got, err := List(tx, mine, 0, 10)
			if diff := cmp.Diff([]Profile{list[2], list[1], list[0]}, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
			got, err = List(tx, mine, list[2].ID, 1)
			if diff := cmp.Diff(list[1:2], got); diff != "" || err != nil {
				t.Error(diff, err)
			}
			one, err := Load(tx, mine, list[1].ID)
			if diff := cmp.Diff(list[1], one); diff != "" || err != nil {
				t.Error(diff, err)
			}
			if _, err := Load(tx, mine, theirs[0].ID); !fault.Is(err, fault.NotFound) {
				t.Errorf("another account's profile: %v", err)
			}
			byID, err := ProfilesByID(tx, mine, []int64{int64(list[0].ID), int64(theirs[0].ID), 7})
			if diff := cmp.Diff(map[id.TaxProfile]Profile{list[0].ID: list[0]}, byID); diff != "" || err != nil {
				t.Error(diff, err)
			}
			return nil
		})
	})
}

func TestRuleRows(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account := newAccount(t, d)
		list := []Profile{newProfile(account, "A"), newProfile(account, "B")}
		update(t, d, func(tx *db.Tx) error { return Insert(tx, list) })
		set := rules(t, "MwSt DE 0.19 - 2027-01-01", "MwSt DE 0.20 2027-01-01", "Rest - 0.123456789012", "Canaries ES//35* 0")
		many := make([]Rule, 2_300) // more than one statement on either engine
		for i := range many {
			many[i] = Rule{Name: "City", Country: "US", PostalCode: itoa(10_000 + i), Rate: mustRate("0.01")}
		}
		for i, ids := 0, id.NewList[id.TaxRule](len(set)); i < len(set); i++ {
			set[i].ID, set[i].CreatedAt = ids[i], created
		}
		for i, ids := 0, id.NewList[id.TaxRule](len(many)); i < len(many); i++ {
			many[i].ID, many[i].CreatedAt = ids[i], created
		}
		replace := func(p *Profile, rules []Rule) error {
			return d.Update(context.Background(), func(tx *db.Tx) error {
				again := *p
				if err := ReplaceRules(tx, &again, rules); err != nil {
					return err
				}
				*p = again
				return nil
			})
		}
		stale := list[0]
		if err := errors.Join(replace(&list[0], many), replace(&list[1], set), replace(&list[0], set[:1])); err != nil {
			t.Fatal(err)
		}
		if list[0].Version != 3 {
			t.Errorf("version %d", list[0].Version)
		}
		if err := d.Update(context.Background(), func(tx *db.Tx) error {
			if err := ReplaceRules(tx, &stale, nil); !errors.Is(err, db.ErrVersion) {
				t.Errorf("a stale profile's rules were replaced: %v", err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := replace(&list[1], append(rules(t, "A DE 0.1"), set...)); !fault.Is(err, fault.Invalid) {
			t.Errorf("rules that tie: %v", err)
		}
		if err := replace(&list[0], many); err != nil {
			t.Fatal(err)
		}
		update(t, d, func(tx *db.Tx) error {
			got, err := RulesOf(tx, account, []int64{int64(list[0].ID), int64(list[1].ID)})
			if diff := cmp.Diff(many, got[list[0].ID], exact); diff != "" || err != nil {
				t.Error(diff, err)
			}
			for i := range set {
				set[i].Account, set[i].Profile = account, list[1].ID
			}
			if diff := cmp.Diff(set, got[list[1].ID], exact); diff != "" {
				t.Error(diff)
			}
			none, err := RulesOf(tx, id.New[id.Account](), []int64{int64(list[0].ID)})
			if len(none) != 0 || err != nil {
				t.Errorf("another account's rules: %d, %v", len(none), err)
			}
			return nil
		})
		if err := replace(&list[1], nil); err != nil {
			t.Fatal(err)
		}
		update(t, d, func(tx *db.Tx) error {
			got, err := RulesOf(tx, account, []int64{int64(list[1].ID)})
			if len(got) != 0 || err != nil {
				t.Errorf("rules that were taken away: %v, %v", got, err)
			}
			return nil
		})
	})
}

// Two replacements of one profile's rules at once: one of them wins whole.
func TestRulesReplacedAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account := newAccount(t, d)
		list := []Profile{newProfile(account, "A")}
		update(t, d, func(tx *db.Tx) error { return Insert(tx, list) })
		const buyers = 8
		results := make(chan error, buyers)
		for i := range buyers {
			set := rules(t, "T"+itoa(i)+" DE 0.1", "T"+itoa(i)+" FR 0.2")
			for n, made := range id.NewList[id.TaxRule](len(set)) {
				set[n].ID, set[n].CreatedAt = made, created
			}
			go func() {
				results <- d.Update(context.Background(), func(tx *db.Tx) error {
					p, err := Load(tx, account, list[0].ID)
					if err != nil {
						return err
					}
					return ReplaceRules(tx, &p, set)
				})
			}()
		}
		won := int64(0)
		for range buyers {
			if err := <-results; err == nil {
				won++
			} else if !db.IsConflict(err) && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Unavailable) {
				t.Error(err)
			}
		}
		update(t, d, func(tx *db.Tx) error {
			p, err := Load(tx, account, list[0].ID)
			if err != nil {
				return err
			}
			got, err := RulesOf(tx, account, []int64{int64(p.ID)})
			if set := got[p.ID]; err != nil || won == 0 || p.Version != 1+won || len(set) != 2 || set[0].Name != set[1].Name {
				t.Errorf("%d won, version %d, rules %v, %v", won, p.Version, got, err)
			}
			return nil
		})
	})
}

func TestShippingRows(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		account, other := newAccount(t, d), newAccount(t, d)
		list := []ShippingRule{shipping(1, "in", InPlace, at("DE", "BE", "101*")), shipping(2, "out", NotInPlace, at("DE", "", "")), shipping(3, "total", OrderTotal, Place{}, 5, 10)}
		for i, made := range id.NewList[id.ShippingRule](len(list)) {
			list[i].ID, list[i].Account, list[i].CreatedAt = made, account, created
		}
		update(t, d, func(tx *db.Tx) error { return InsertShipping(tx, list) })
		list[1].Name, list[1].Kind, list[1].Amount, list[1].Place = "gone", OrderTotal, money.Amount{Minor: 7, Currency: "JPY"}, Place{}
		list[1].Least, list[1].Most, list[1].State = money.Amount{Minor: 1, Currency: "JPY"}, money.Amount{Minor: 2, Currency: "JPY"}, Archived
		stale := list[1]
		update(t, d, func(tx *db.Tx) error { r := stale; return SaveShipping(tx, &r) })
		list[1].Version = 2
		update(t, d, func(tx *db.Tx) error {
			if r := stale; !errors.Is(SaveShipping(tx, &r), db.ErrVersion) {
				t.Error("a stale rule was saved")
			}
			got, err := ListShipping(tx, account, 0, 10)
			if diff := cmp.Diff([]ShippingRule{list[2], list[1], list[0]}, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
			got, err = ShippingRules(tx, account)
			if diff := cmp.Diff([]ShippingRule{list[0], list[2]}, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
			one, err := LoadShipping(tx, account, list[1].ID)
			if diff := cmp.Diff(list[1], one); diff != "" || err != nil {
				t.Error(diff, err)
			}
			if _, err := LoadShipping(tx, other, list[0].ID); !fault.Is(err, fault.NotFound) {
				t.Errorf("another account's rule: %v", err)
			}
			if got, err := ShippingRules(tx, other); len(got) != 0 || err != nil {
				t.Error(got, err)
			}
			return nil
		})
	})
}

// Every statement of the package names its account and is answered from an index.
func TestStatements(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var seen []db.Statement
			d := dbtest.New(t, engine, dbtest.Observe(func(s db.Statement) { seen = append(seen, s) }))
			account := newAccount(t, d)
			seen = nil
			update(t, d, func(tx *db.Tx) error {
				p := []Profile{newProfile(account, "A")}
				r := []ShippingRule{shipping(1, "in", InPlace, at("DE", "", ""))}
				r[0].ID, r[0].Account = id.New[id.ShippingRule](), account
				set := rules(t, "A DE 0.1")
				steps := []func() error{
					func() error { return Insert(tx, p) }, func() error { return Save(tx, &p[0]) }, func() error { return ReplaceRules(tx, &p[0], set) },
					func() error { _, err := Load(tx, account, p[0].ID); return err }, func() error { _, err := List(tx, account, 0, 5); return err },
					func() error { _, err := ProfilesByID(tx, account, []int64{int64(p[0].ID)}); return err },
					func() error { _, err := RulesOf(tx, account, []int64{int64(p[0].ID)}); return err },
					func() error { return InsertShipping(tx, r) }, func() error { return SaveShipping(tx, &r[0]) },
					func() error { _, err := LoadShipping(tx, account, r[0].ID); return err },
					func() error { _, err := ListShipping(tx, account, 0, 5); return err }, func() error { _, err := ShippingRules(tx, account); return err },
				}
				for _, step := range steps {
					if err := step(); err != nil {
						return err
					}
				}
				return nil
			})
			made := seen
			if len(made) < 14 {
				t.Fatalf("only %d statements were seen", len(made))
			}
			dbtest.CheckStatements(t, made)
			dbtest.CheckPlans(t, dbtest.New(t, engine), made)
		})
	}
}
