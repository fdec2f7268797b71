package metrics

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// State is how an account is measured.
type State struct {
	Account  id.Account
	Seq      int64 // rises with every write
	Zone     string
	Currency money.Currency
	Complete bool // what was sold before it was measured has its facts, too
}

// Location is the zone of the days and months.
func (s State) Location() *time.Location {
	zone, err := period.LoadZone(s.Zone)
	if err != nil {
		return time.UTC // it was the account's, which was checked
	}
	return zone
}

// LoadState is how an account is measured. One of which nothing was measured yet is
// measured in the zone and currency that are given.
func LoadState(tx *db.Tx, acc id.Account, zone string, in money.Currency) (State, error) {
	return state(tx, acc, zone, in, "select seq, zone, currency, complete from metric_state where account_id = $1", acc)
}

func state(tx *db.Tx, acc id.Account, zone string, in money.Currency, q string, args ...any) (State, error) {
	s := State{Account: acc, Zone: zone, Currency: in, Complete: true}
	err := tx.Each(func(row db.Scan) error { return row(&s.Seq, &s.Zone, &s.Currency, &s.Complete) }, q, args...)
	return s, err
}

var stateTable = db.NewTable("metric_state", db.Int("account_id"), db.Int("seq"), db.Text("zone"), db.Text("currency"), db.Bool("complete"))

// begin makes this transaction the only one that writes metrics of the account.
func begin(tx *db.Tx, acc id.Account, zone string, in money.Currency) (State, error) {
	const next = "update metric_state set seq = seq + 1 where account_id = $1 returning seq, zone, currency, complete"
	s, err := state(tx, acc, zone, in, next, acc)
	if err != nil || s.Seq > 0 {
		return s, err
	}
	if _, err := tx.InsertIgnore(stateTable, 1, func(_ int, r *db.Row) {
		r.Int(int64(acc))
		r.Int(0)
		r.Text(zone)
		r.Text(string(in))
		r.Bool(true)
	}); err != nil {
		return s, err
	}
	return state(tx, acc, zone, in, next, acc)
}

// Completed notes that an account has all the facts that can be known.
func Completed(tx *db.Tx, acc id.Account) error {
	_, err := tx.Exec("update metric_state set complete = $2 where account_id = $1", acc, true)
	return err
}

var factTable = db.NewTable("metric_fact", db.Int("account_id"), db.Int("customer_id"), db.Int("at"), db.Int("id"), db.Int("seq"), db.Int("subject_id"),
	db.Int("cause"), db.Int("flags"), db.Int("terms_id"), db.Int("value"), db.Int("lasting"), db.Int("rate"), db.Int("voids"))

const factColumns = "customer_id, at, id, seq, subject_id, cause, flags, terms_id, value, lasting, rate, voids"

func (f *Fact) scan(row db.Scan) error {
	return row(&f.Customer, &f.At, &f.ID, &f.Seq, &f.Subject, &f.Cause, &f.Flags, &f.Terms, &f.Value, &f.Lasting, &f.Rate, &f.Voids)
}

func insertFacts(tx *db.Tx, acc id.Account, list []Fact) error {
	return tx.Insert(factTable, len(list), func(i int, r *db.Row) {
		f := &list[i]
		r.Int(int64(acc))
		for _, v := range [...]int64{f.Customer, f.At, f.ID, f.Seq, f.Subject, int64(f.Cause), int64(f.Flags), f.Terms, f.Value, f.Lasting, f.Rate, f.Voids} {
			r.Int(v)
		}
	})
}

// FactsOf are all facts of customers, of each in order.
func FactsOf(tx *db.Tx, acc id.Account, customers []int64) (map[int64][]Fact, error) {
	found := make(map[int64][]Fact, len(customers))
	if len(customers) == 0 {
		return found, nil
	}
	err := tx.Each(func(row db.Scan) error {
		var f Fact
		err := f.scan(row)
		found[f.Customer] = append(found[f.Customer], f)
		return err
	}, "select "+factColumns+" from metric_fact where account_id = $1 and "+tx.AnyOf("customer_id", 2)+" order by customer_id, at, id", acc, tx.List(customers))
	return found, err
}

// readBatch is how many facts one statement reads of a whole account.
const readBatch = 20_000

// eachBatch reads up to readBatch facts of an account that come after one, in the order of
// customers and instants.
func eachBatch(tx *db.Tx, acc id.Account, after Fact, do func(f *Fact) error) (n int, err error) {
	var f Fact
	err = tx.Each(func(row db.Scan) error {
		n++
		if err := f.scan(row); err != nil {
			return err
		}
		return do(&f)
	}, "select "+factColumns+" from metric_fact where account_id = $1 and (customer_id, at, id) > ($2, $3, $4) order by customer_id, at, id limit $5",
		acc, after.Customer, after.At, after.ID, readBatch)
	return n, err
}

var termsTable = db.NewTable("metric_terms", db.Int("account_id"), db.Int("id"), db.Int("plan_id"), db.Bool("pushed"), db.Int("campaign_id"), db.Int("coupon_id"), db.Text("every"),
	db.Text("currency"))

func scanTerms(row db.Scan) (Terms, error) {
	var t Terms
	var every string
	if err := row(&t.ID, &t.Plan, &t.Pushed, &t.Campaign, &t.Coupon, &every, &t.Currency); err != nil {
		return t, err
	}
	err := t.Interval.UnmarshalText([]byte(every))
	return t, err
}

// AllTerms are the terms of an account, by their id.
func AllTerms(tx *db.Tx, acc id.Account) (Book, error) {
	book := Book{}
	err := tx.Each(func(row db.Scan) error {
		t, err := scanTerms(row)
		book[t.ID] = t
		return err
	}, "select id, plan_id, pushed, campaign_id, coupon_id, every, currency from metric_terms where account_id = $1 order by id", acc)
	return book, err
}

// termsOf adds to the book the terms that facts name.
func (b Book) load(tx *db.Tx, acc id.Account, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	return tx.Each(func(row db.Scan) error {
		t, err := scanTerms(row)
		b[t.ID] = t
		return err
	}, "select id, plan_id, pushed, campaign_id, coupon_id, every, currency from metric_terms where account_id = $1 and "+tx.AnyOf("id", 2), acc, tx.List(ids))
}

// Book is the terms of an account, by their id.
type Book map[int64]Terms

// Length is how long the term of terms is, as period.Interval.Months.
func (b Book) Length(terms int64) (months, of int64) { return b[terms].Interval.Months() }

// Plan is the plan of terms.
func (b Book) Plan(terms int64) int64 { return b[terms].Plan }

// resolve gives terms their ids, and stores those that are new.
func (b Book) resolve(tx *db.Tx, acc id.Account, wanted []Terms) (map[Terms]int64, error) {
	ids := map[Terms]int64{}
	err := tx.Match(termsTable, int64(acc), []string{"plan_id", "campaign_id", "coupon_id", "every", "currency"},
		"t.id, t.plan_id, t.pushed, t.campaign_id, t.coupon_id, t.every, t.currency", len(wanted), func(i int, r *db.Row) {
			t := &wanted[i]
			r.Int(t.Plan)
			r.Int(t.Campaign)
			r.Int(t.Coupon)
			r.Text(t.Interval.String())
			r.Text(string(t.Currency))
		}, func(row db.Scan) error {
			t, err := scanTerms(row)
			b[t.ID], ids[t.Key()] = t, t.ID
			return err
		})
	if err != nil {
		return nil, err
	}
	var fresh []Terms
	for _, t := range wanted {
		if ids[t.Key()] == 0 {
			t.ID = int64(id.New[id.MetricTerms]())
			b[t.ID], ids[t.Key()] = t, t.ID
			fresh = append(fresh, t)
		}
	}
	return ids, tx.Insert(termsTable, len(fresh), func(i int, r *db.Row) {
		t := &fresh[i]
		r.Int(int64(acc))
		r.Int(t.ID)
		r.Int(t.Plan)
		r.Bool(t.Pushed)
		r.Int(t.Campaign)
		r.Int(t.Coupon)
		r.Text(t.Interval.String())
		r.Text(string(t.Currency))
	})
}

// Attributes are what customers can be told apart by: a word for each category.
type Attributes map[string]string

func (a Attributes) text() string {
	if len(a) == 0 {
		return ""
	}
	b, _ := json.Marshal(a) // texts always marshal
	return string(b)
}

func parseAttributes(text string) (Attributes, error) {
	if text == "" {
		return nil, nil
	}
	var a Attributes
	err := json.Unmarshal([]byte(text), &a)
	return a, err
}

var customerTable = db.NewTable("metric_customer", db.Int("account_id"), db.Int("customer_id"), db.Int("seq"), db.Text("attributes"), db.Int("updated_at"))

// touch notes which write changed customers last, and when.
func touch(tx *db.Tx, acc id.Account, seq int64, now time.Time, customers []int64, attributes map[int64]Attributes) error {
	_, err := tx.Put(customerTable, "on conflict (account_id, customer_id) do update set seq = excluded.seq, updated_at = excluded.updated_at", len(customers), func(i int, r *db.Row) {
		r.Int(int64(acc))
		r.Int(customers[i])
		r.Int(seq)
		r.Text(attributes[customers[i]].text())
		r.Time(now)
	}, nil)
	return err
}

var rollupTable = db.NewTable("metric_rollup", append([]db.Col{db.Int("account_id"), db.Int("grain"), db.Int("scope"), db.Int("of_id"), db.Int("period")}, cellColumns()...)...)

func cellColumns() (list []db.Col) {
	for _, name := range cellNames() {
		list = append(list, db.Int(name))
	}
	return list
}

func cellNames() (list []string) {
	for _, k := range kindNames {
		list = append(list, k+"_amount", k+"_count")
	}
	return list
}

var (
	cellList = strings.Join(cellNames(), ", ")
	addCells = func() string {
		var set []string
		for _, name := range cellNames() {
			set = append(set, name+" = metric_rollup."+name+" + excluded."+name)
		}
		return "on conflict (account_id, grain, scope, of_id, period) do update set " + strings.Join(set, ", ")
	}()
)

// add adds cells to the roll-ups.
func (c Cells) add(tx *db.Tx, acc id.Account) error {
	keys := c.keys()
	_, err := tx.Put(rollupTable, addCells, len(keys), func(i int, r *db.Row) {
		k := keys[i]
		r.Int(int64(acc))
		r.Int(int64(k.Grain))
		r.Int(int64(k.Scope))
		r.Int(k.Of)
		r.Int(int64(k.Period))
		for kind := range Kinds {
			r.Int(c[k].Amount[kind])
			r.Int(c[k].Count[kind])
		}
	}, nil)
	return err
}

// keys are those of the cells that hold something, in order.
func (c Cells) keys() []Key {
	var list []Key
	for k, cell := range c {
		if !cell.IsZero() {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, compareKeys)
	return list
}

func compareKeys(a, b Key) int {
	for _, d := range [...]int64{int64(a.Grain) - int64(b.Grain), int64(a.Scope) - int64(b.Scope), a.Of - b.Of, int64(a.Period) - int64(b.Period)} {
		if d != 0 {
			return int(max(-1, min(d, 1)))
		}
	}
	return 0
}

// scanner reads roll-ups.
type scanner struct {
	key  Key
	cell Cell
	dst  []any
}

func newScanner() *scanner {
	s := &scanner{}
	s.dst = append(s.dst, &s.key.Grain, &s.key.Scope, &s.key.Of, &s.key.Period)
	for k := range Kinds {
		s.dst = append(s.dst, &s.cell.Amount[k], &s.cell.Count[k])
	}
	return s
}

const rollupKey = "grain, scope, of_id, period, "

// Rollups reads the cells of one scope in the order of their periods, up to a period.
func Rollups(tx *db.Tx, acc id.Account, g Grain, s Scope, of int64, upTo int32, do func(period int32, c *Cell)) error {
	sc := newScanner()
	return tx.Each(func(row db.Scan) error {
		err := row(sc.dst...)
		do(sc.key.Period, &sc.cell)
		return err
	}, "select "+rollupKey+cellList+" from metric_rollup where account_id = $1 and grain = $2 and scope = $3 and of_id = $4 and period <= $5 order by period",
		acc, int64(g), int64(s), of, int64(upTo))
}

// RollupsOfDays reads the cells of the days from one on up to another.
func RollupsOfDays(tx *db.Tx, acc id.Account, s Scope, of int64, from, to Day, do func(d Day, c *Cell)) error {
	sc := newScanner()
	return tx.Each(func(row db.Scan) error {
		err := row(sc.dst...)
		do(Day(sc.key.Period), &sc.cell)
		return err
	}, "select "+rollupKey+cellList+" from metric_rollup where account_id = $1 and grain = $2 and scope = $3 and of_id = $4 and period >= $5 and period <= $6 order by period",
		acc, int64(ByDay), int64(s), of, int64(from), int64(to))
}

// RollupsOf reads all cells of a grain and a scope, in the order of what they are kept for
// and of their periods.
func RollupsOf(tx *db.Tx, acc id.Account, g Grain, s Scope, do func(k Key, c *Cell)) error {
	sc := newScanner()
	return tx.Each(func(row db.Scan) error {
		err := row(sc.dst...)
		do(sc.key, &sc.cell)
		return err
	}, "select "+rollupKey+cellList+" from metric_rollup where account_id = $1 and grain = $2 and scope = $3 order by of_id, period", acc, int64(g), int64(s))
}

// FirstMonth is the first month of which an account has figures, 0 when it has none.
func FirstMonth(tx *db.Tx, acc id.Account) (Month, error) {
	var m Month
	err := tx.Each(func(row db.Scan) error { return row(&m) },
		"select period from metric_rollup where account_id = $1 and grain = $2 and scope = $3 and of_id = $4 order by period limit 1", acc, int64(ByMonth), int64(Company), int64(0))
	return m, err
}

// TermsNamed are the terms that facts name.
func TermsNamed(tx *db.Tx, acc id.Account, facts []Fact) (Book, error) {
	book := Book{}
	return book, book.load(tx, acc, missing(book, map[int64][]Fact{0: facts}))
}
