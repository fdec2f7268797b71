package metrics

import (
	"cmp"
	"slices"
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Effective are the facts of a customer that hold: without those that were taken back and
// those that took them back; none of a customer who is left out.
func Effective(facts []Fact) []Fact {
	return (&rules{}).effective(facts)
}

// Of are the facts of one subscription.
func Of(facts []Fact, subject int64) []Fact {
	var list []Fact
	for _, f := range facts {
		if f.Subject == subject {
			list = append(list, f)
		}
	}
	return list
}

// LeftOut reports whether a customer is excluded or deleted.
func LeftOut(facts []Fact) bool {
	return slices.ContainsFunc(facts, func(f Fact) bool {
		return (f.Cause == Excluded || f.Cause == Deleted) && !takenBack(facts, f.ID)
	})
}

var pushTable = db.NewTable("metric_push", db.Int("account_id"), db.Int("fact_id"), db.Int("value"))

// InsertPushed notes what the whole interval of pushed facts costs.
func InsertPushed(tx *db.Tx, acc id.Account, facts []int64, values []int64) error {
	return tx.Insert(pushTable, len(facts), func(i int, r *db.Row) {
		r.Int(int64(acc))
		r.Int(facts[i])
		r.Int(values[i])
	})
}

// PushedValues are what the whole intervals of facts cost, by fact, of those that were pushed.
func PushedValues(tx *db.Tx, acc id.Account, facts []int64) (map[int64]int64, error) {
	found := make(map[int64]int64, len(facts))
	if len(facts) == 0 {
		return found, nil
	}
	return found, tx.Each(func(row db.Scan) error {
		var f, v int64
		err := row(&f, &v)
		found[f] = v
		return err
	}, "select fact_id, value from metric_push where account_id = $1 and "+tx.AnyOf("fact_id", 2), acc, tx.List(facts))
}

// UsersByEmail are the users with an address, oldest first.
func UsersByEmail(tx *db.Tx, acc id.Account, email string) ([]User, error) {
	return users(tx, acc, "email = $2 order by id", email)
}

// UsersAfter are the users of an account after one, oldest first.
func UsersAfter(tx *db.Tx, acc id.Account, after id.MetricUser, limit int) ([]User, error) {
	return users(tx, acc, "id > $2 order by id limit $3", after, limit)
}

// SubscriptionsByID are those of the subscriptions that the account has.
func SubscriptionsByID(tx *db.Tx, acc id.Account, ids []int64) (map[int64]Subscription, error) {
	found := make(map[int64]Subscription, len(ids))
	list, err := subscriptions(tx, acc, tx.AnyOf("id", 2), tx.List(ids))
	for _, s := range list {
		found[int64(s.ID)] = s
	}
	return found, err
}

// Changed is a measured customer and when what is measured of them last changed.
type Changed struct {
	Customer int64
	At       time.Time
}

// Page says which measured customers are read.
type Page struct {
	From, To   time.Time // when they changed: from, inclusive, up to, exclusive; zero for no bound
	Descending bool
	Skip       int
	Limit      int
}

// farthest is beyond every instant.
const farthest = 1<<63 - 1

// Customers are measured customers in the order in which they last changed.
func Customers(tx *db.Tx, acc id.Account, p Page) ([]Changed, error) {
	from, to := int64(0), int64(farthest)
	if !p.From.IsZero() {
		from = p.From.UnixMicro()
	}
	if !p.To.IsZero() {
		to = p.To.UnixMicro()
	}
	order := "order by updated_at, customer_id"
	if p.Descending {
		order = "order by updated_at desc, customer_id desc"
	}
	var list []Changed
	err := tx.Each(func(row db.Scan) error {
		var c Changed
		err := row(&c.Customer, db.ScanTime(&c.At))
		list = append(list, c)
		return err
	}, "select customer_id, updated_at from metric_customer where account_id = $1 and updated_at >= $2 and updated_at < $3 "+order+" limit $4 offset $5", acc, from, to, p.Limit, p.Skip)
	return list, err
}

// CustomersByID are those of the customers that are measured.
func CustomersByID(tx *db.Tx, acc id.Account, ids []int64) ([]Changed, error) {
	var list []Changed
	if len(ids) == 0 {
		return nil, nil
	}
	err := tx.Each(func(row db.Scan) error {
		var c Changed
		err := row(&c.Customer, db.ScanTime(&c.At))
		list = append(list, c)
		return err
	}, "select customer_id, updated_at from metric_customer where account_id = $1 and "+tx.AnyOf("customer_id", 2), acc, tx.List(ids))
	slices.SortFunc(list, func(a, b Changed) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Customer, b.Customer)) })
	return list, err
}

// Intervention is a kind of message to a customer that can be stopped.
type Intervention string

// The interventions.
const (
	Recovering     Intervention = "retain"            // about a payment that failed
	Reactivation   Intervention = "reactivation"      // to come back
	TermOptimizing Intervention = "term_optimization" // to pay for longer
)

// ParseIntervention reads the word of an intervention.
func ParseIntervention(word string) (Intervention, error) {
	switch i := Intervention(word); i {
	case Recovering, Reactivation, TermOptimizing:
		return i, nil
	}
	return "", fault.New(fault.Invalid, "must be reactivation, retain or term_optimization")
}

// Stop says that a customer gets no interventions of a kind.
type Stop struct {
	Customer int64
	Kind     Intervention
	At       time.Time
	Forever  bool
}

var stopTable = db.NewTable("metric_stop", db.Int("account_id"), db.Text("kind"), db.Int("customer_id"), db.Int("at"), db.Bool("forever"))

// PutStops notes who gets no interventions; those noted before are noted anew.
func PutStops(tx *db.Tx, acc id.Account, list []Stop) error {
	_, err := tx.Put(stopTable, "on conflict (account_id, kind, customer_id) do update set at = excluded.at, forever = excluded.forever", len(list), func(i int, r *db.Row) {
		r.Int(int64(acc))
		r.Text(string(list[i].Kind))
		r.Int(list[i].Customer)
		r.Time(list[i].At)
		r.Bool(list[i].Forever)
	}, nil)
	return err
}

// Stops are those of a kind that were noted from one instant to another, inclusive, in the
// order in which they were.
func Stops(tx *db.Tx, acc id.Account, kind Intervention, from, to time.Time, skip, limit int) ([]Stop, error) {
	until := int64(farthest)
	if !to.IsZero() {
		until = to.UnixMicro()
	}
	since := int64(0)
	if !from.IsZero() {
		since = from.UnixMicro()
	}
	var list []Stop
	err := tx.Each(func(row db.Scan) error {
		s := Stop{Kind: kind}
		err := row(&s.Customer, db.ScanTime(&s.At), &s.Forever)
		list = append(list, s)
		return err
	}, "select customer_id, at, forever from metric_stop where account_id = $1 and kind = $2 and at >= $3 and at <= $4 order by at, customer_id limit $5 offset $6",
		acc, string(kind), since, until, limit, skip)
	return list, err
}

// MaxWords is how many words a category of traits has at most.
const MaxWords = 100

// wordsAre counts the words of a category anew, from the customers themselves.
func wordsAre(tx *db.Tx, acc id.Account, category string) (map[string]bool, error) {
	seen := map[string]bool{}
	err := tx.Each(func(row db.Scan) error {
		var c int64
		var text string
		if err := row(&c, &text); err != nil {
			return err
		}
		a, err := parseAttributes(text)
		if word := a[category]; word != "" {
			seen[word] = true
		}
		return err
	}, "select customer_id, attributes from metric_customer where account_id = $1 and attributes <> '' order by customer_id", acc)
	return seen, err
}

var wordTable = db.NewTable("metric_word", db.Int("account_id"), db.Text("category"), db.Text("word"))

// AddWord notes that a word is used in a category, and reports whether there is room for it.
func AddWord(tx *db.Tx, acc id.Account, category, word string) (bool, error) {
	known := map[string]bool{}
	err := tx.Each(func(row db.Scan) error {
		var w string
		err := row(&w)
		known[w] = true
		return err
	}, "select word from metric_word where account_id = $1 and category = $2", acc, category)
	if err != nil || known[word] {
		return err == nil, err
	}
	if len(known) >= MaxWords { // some may be used no more
		used, err := wordsAre(tx, acc, category)
		if err != nil || len(used) >= MaxWords {
			return false, err
		}
		for w := range known {
			if !used[w] {
				if _, err := tx.Exec("delete from metric_word where account_id = $1 and category = $2 and word = $3", acc, category, w); err != nil {
					return false, err
				}
			}
		}
	}
	_, err = tx.InsertIgnore(wordTable, 1, func(_ int, r *db.Row) {
		r.Int(int64(acc))
		r.Text(category)
		r.Text(word)
	})
	return err == nil, err
}

// RemoveWords forgets the words of a category.
func RemoveWords(tx *db.Tx, acc id.Account, category string) error {
	_, err := tx.Exec("delete from metric_word where account_id = $1 and category = $2", acc, category)
	return err
}

// Having are customers after one who have a word in a category, at most limit, in order.
// Looked is the last customer that was looked at, 0 when there are no more.
func Having(tx *db.Tx, acc id.Account, category string, after int64, limit int) (list []int64, looked int64, err error) {
	n := 0
	err = tx.Each(func(row db.Scan) error {
		var text string
		n++
		if err := row(&looked, &text); err != nil {
			return err
		}
		a, err := parseAttributes(text)
		if a[category] != "" {
			list = append(list, looked)
		}
		return err
	}, "select customer_id, attributes from metric_customer where account_id = $1 and customer_id > $2 and attributes <> '' order by customer_id limit $3", acc, after, limit)
	if n < limit {
		looked = 0
	}
	return list, looked, err
}
