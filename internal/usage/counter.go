package usage

import (
	"cmp"
	"slices"
	"time"

	"perennial/internal/db"
	"perennial/internal/id"
)

// CounterKey names the counter of a meter in one period of a subscription.
type CounterKey struct {
	Subscription id.Subscription
	Meter        id.Meter
	Period       int
}

func compareKeys(a, b CounterKey) int {
	return cmp.Or(cmp.Compare(a.Subscription, b.Subscription), cmp.Compare(a.Meter, b.Meter), cmp.Compare(a.Period, b.Period))
}

// Counter is what a meter counted in one period of a subscription.
type Counter struct {
	CounterKey
	Account     id.Account
	Aggregation Aggregation
	Value       int64     // millionths; of Unique the number of different values, in millionths too
	Events      int64     // records that made it
	LastAt      time.Time // the latest instant of them; zero when there was none
	ClosedAt    time.Time // when its invoice was made; zero while it counts
}

// Closed reports whether nothing can be counted any more.
func (c Counter) Closed() bool { return !c.ClosedAt.IsZero() }

var counterTable = db.NewTable("usage_counter", db.Int("account_id"), db.Int("subscription_id"), db.Int("meter_id"), db.Int("period"),
	db.Text("aggregation"), db.Int("value"), db.Int("events"), db.NullInt("last_at"), db.NullInt("closed_at"))

var distinctTable = db.NewTable("usage_distinct", db.Int("account_id"), db.Int("subscription_id"), db.Int("meter_id"), db.Int("period"), db.Text("value"))

const counterColumns = "t.subscription_id, t.meter_id, t.period, t.aggregation, t.value, t.events, t.last_at, t.closed_at"

func scanCounter(row db.Scan, account id.Account) (Counter, error) {
	c := Counter{Account: account}
	err := row(&c.Subscription, &c.Meter, &c.Period, &c.Aggregation, &c.Value, &c.Events, db.ScanTime(&c.LastAt), db.ScanTime(&c.ClosedAt))
	return c, err
}

// counting is how an open counter takes more. What it did not take, because it is
// closed or full, is not among the rows that were written.
const counting = `on conflict (account_id, subscription_id, meter_id, period) do update set
	value = case
		when usage_counter.aggregation in ('sum', 'unique') then usage_counter.value + excluded.value
		when usage_counter.aggregation = 'last' and (excluded.last_at < usage_counter.last_at) then usage_counter.value
		when usage_counter.aggregation = 'last' and (excluded.last_at > usage_counter.last_at) then excluded.value
		when excluded.value > usage_counter.value then excluded.value
		else usage_counter.value end,
	events = usage_counter.events + excluded.events,
	last_at = case when excluded.last_at > usage_counter.last_at then excluded.last_at else usage_counter.last_at end
	where usage_counter.closed_at is null and usage_counter.value + excluded.value between -999999999999000000 and 999999999999000000`

// Tally puts records together, so that each counter is written once.
type Tally struct {
	counters map[CounterKey]*Counter
	list     []*Counter
	distinct map[distinctKey]struct{}
}

type distinctKey struct {
	CounterKey
	value string
}

// Add puts a record that counts to the others of its counter.
func (t *Tally) Add(r *Record, how Aggregation) {
	if t.counters == nil {
		t.counters = map[CounterKey]*Counter{}
	}
	k := CounterKey{r.Subscription, r.Meter, r.Period}
	c := t.counters[k]
	if c == nil {
		c = &Counter{CounterKey: k, Account: r.Account, Aggregation: how}
		t.counters[k] = c
		t.list = append(t.list, c)
	}
	switch {
	case how == Sum:
		c.Value += r.Units
	case how == Unique:
		if t.distinct == nil {
			t.distinct = map[distinctKey]struct{}{}
		}
		t.distinct[distinctKey{k, r.Value}] = struct{}{}
	case c.Events == 0 || how == Last && r.At.After(c.LastAt):
		c.Value = r.Units
	case how == Last && r.At.Before(c.LastAt):
	default:
		c.Value = max(c.Value, r.Units)
	}
	c.Events++
	if r.At.After(c.LastAt) {
		c.LastAt = r.At
	}
}

// Count adds what was put together to the counters. It reports whether all of it was
// taken: if not, a counter was closed or is full, some may have been changed, and the
// caller gives the transaction up.
func (t *Tally) Count(tx *db.Tx, account id.Account) (all bool, err error) {
	if err := t.countDistinct(tx, account); err != nil {
		return false, err
	}
	slices.SortFunc(t.list, func(a, b *Counter) int { return compareKeys(a.CounterKey, b.CounterKey) })
	n, err := tx.Put(counterTable, counting, len(t.list), func(i int, r *db.Row) { t.list[i].fill(account, r) }, nil)
	return int(n) == len(t.list), err
}

func (c *Counter) fill(account id.Account, r *db.Row) {
	r.Int(int64(account))
	r.Int(int64(c.Subscription))
	r.Int(int64(c.Meter))
	r.Int(int64(c.Period))
	r.Text(string(c.Aggregation))
	r.Int(c.Value)
	r.Int(c.Events)
	r.Time(c.LastAt)
	r.Time(c.ClosedAt)
}

// countDistinct keeps the values that are new and makes their number the counters'.
func (t *Tally) countDistinct(tx *db.Tx, account id.Account) error {
	if len(t.distinct) == 0 {
		return nil
	}
	values := make([]distinctKey, 0, len(t.distinct))
	for v := range t.distinct {
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b distinctKey) int {
		return cmp.Or(compareKeys(a.CounterKey, b.CounterKey), cmp.Compare(a.value, b.value))
	})
	return tx.PutNew(distinctTable, []string{"subscription_id", "meter_id", "period", "value"}, len(values), func(i int, r *db.Row) {
		v := values[i]
		r.Int(int64(account))
		r.Int(int64(v.Subscription))
		r.Int(int64(v.Meter))
		r.Int(int64(v.Period))
		r.Text(v.value)
	}, func(i int) { t.counters[values[i].CounterKey].Value += Micro })
}

// Close makes counters final, for the invoice that is made in the same transaction, and
// returns them: those that were never counted into as well, with nothing in them, so
// that late usage finds them closed. One that was closed before is not among them. It
// is to be asked for each meter of a price and each period that an invoice bills, and a
// key may stand in the list once.
func Close(tx *db.Tx, account id.Account, keys []CounterKey, now time.Time) (map[CounterKey]Counter, error) {
	sorted := slices.SortedFunc(slices.Values(keys), compareKeys)
	closed := make(map[CounterKey]Counter, len(keys))
	_, err := tx.Put(counterTable, `on conflict (account_id, subscription_id, meter_id, period) do update set closed_at = excluded.closed_at
		where usage_counter.closed_at is null returning subscription_id, meter_id, period, aggregation, value, events, last_at, closed_at`,
		len(sorted), func(i int, r *db.Row) {
			c := Counter{CounterKey: sorted[i], Aggregation: Sum, ClosedAt: now}
			c.fill(account, r)
		}, func(row db.Scan) error {
			c, err := scanCounter(row, account)
			closed[c.CounterKey] = c
			return err
		})
	return closed, err
}

// CountersOf are the counters of the subscriptions that were not billed yet: of the
// present period, of earlier ones that wait for an invoice, and of the next one when its
// usage has begun.
func CountersOf(tx *db.Tx, account id.Account, subs []int64) (map[id.Subscription][]Counter, error) {
	found := map[id.Subscription][]Counter{}
	err := tx.Each(func(row db.Scan) error {
		c, err := scanCounter(row, account)
		found[c.Subscription] = append(found[c.Subscription], c)
		return err
	}, "select "+counterColumns+" from usage_counter t where account_id = $1 and "+tx.AnyOf("subscription_id", 2)+
		" and closed_at is null order by subscription_id, meter_id, period", account, tx.List(subs))
	return found, err
}

// Counters are those of the counters that there are.
func Counters(tx *db.Tx, account id.Account, keys []CounterKey) (map[CounterKey]Counter, error) {
	found := make(map[CounterKey]Counter, len(keys))
	err := tx.Match(counterTable, int64(account), []string{"subscription_id", "meter_id", "period"}, counterColumns, len(keys), func(i int, r *db.Row) {
		r.Int(int64(keys[i].Subscription))
		r.Int(int64(keys[i].Meter))
		r.Int(int64(keys[i].Period))
	}, func(row db.Scan) error {
		c, err := scanCounter(row, account)
		found[c.CounterKey] = c
		return err
	})
	return found, err
}

// History are the counters of one subscription from a period on, the latest first.
func History(tx *db.Tx, account id.Account, sub id.Subscription, from int, limit int) ([]Counter, error) {
	var list []Counter
	err := tx.Each(func(row db.Scan) error {
		c, err := scanCounter(row, account)
		list = append(list, c)
		return err
	}, "select "+counterColumns+` from usage_counter t where account_id = $1 and subscription_id = $2 and period >= $3
		order by period desc, meter_id limit $4`, account, sub, from, limit)
	return list, err
}

// Recount is what the records of a subscription make of a counter: it reads them all,
// and equals the counter. It is for the proof.
func Recount(tx *db.Tx, account id.Account, k CounterKey, how Aggregation, days []int64) (Counter, error) {
	var t Tally
	values := map[string]bool{}
	err := tx.Each(func(row db.Scan) error {
		r := Record{Account: account}
		if _, err := scanRecord(row, &r); err != nil {
			return err
		}
		t.Add(&r, how)
		values[r.Value] = true
		return nil
	}, "select "+recordColumns+" from usage_record t where account_id = $1 and "+tx.AnyOf("day", 2)+` and subscription_id = $3
		and meter_id = $4 and period = $5 and outcome <> 'refused'`, account, tx.List(days), k.Subscription, k.Meter, k.Period)
	c := Counter{CounterKey: k, Account: account, Aggregation: how}
	if made := t.counters[k]; made != nil {
		c = *made
	}
	if how == Unique {
		c.Value = int64(len(values)) * Micro
	}
	return c, err
}
