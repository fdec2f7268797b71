package usage

import (
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

const meterColumns = "id, code, name, unit, aggregation, grace, late, prepaid, state, created_at, version"

// InsertMeter writes a new meter. A code that another meter has is refused.
func InsertMeter(tx *db.Tx, m Meter) error {
	n, err := tx.Exec("insert into meter (account_id, "+meterColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1)
		on conflict do nothing`,
		m.Account, m.ID, m.Code, m.Name, m.Unit, m.Aggregation, int64(m.Grace/time.Second), m.Late, m.Prepaid, m.State, clock.Micros(m.CreatedAt))
	if err == nil && n == 0 {
		return fault.BadField("code", "is the code of another meter")
	}
	return err
}

// SaveMeter writes what may change of a meter, over the version that was loaded.
func SaveMeter(tx *db.Tx, m Meter) error {
	n, err := tx.Exec("update meter set name = $4, unit = $5, grace = $6, late = $7, state = $8, version = version + 1 where account_id = $1 and id = $2 and version = $3",
		m.Account, m.ID, m.Version, m.Name, m.Unit, int64(m.Grace/time.Second), m.Late, m.State)
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func meters(tx *db.Tx, account id.Account, where string, args ...any) ([]Meter, error) {
	var list []Meter
	err := tx.Each(func(row db.Scan) error {
		m := Meter{Account: account}
		var grace int64
		err := row(&m.ID, &m.Code, &m.Name, &m.Unit, &m.Aggregation, &grace, &m.Late, &m.Prepaid, &m.State, db.ScanTime(&m.CreatedAt), &m.Version)
		m.Grace = time.Duration(grace) * time.Second
		list = append(list, m)
		return err
	}, "select "+meterColumns+" from meter where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadMeter is one meter of the account, or NotFound.
func LoadMeter(tx *db.Tx, account id.Account, meter id.Meter) (Meter, error) {
	list, err := meters(tx, account, "and id = $2"+tx.Lock(), meter)
	if err == nil && len(list) == 0 {
		return Meter{}, fault.New(fault.NotFound, "there is no meter with that id")
	}
	if err != nil {
		return Meter{}, err
	}
	return list[0], nil
}

// Meters are the account's meters older than before, newest first; a before of zero
// begins at the newest.
func Meters(tx *db.Tx, account id.Account, before id.Meter, limit int) ([]Meter, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	return meters(tx, account, "and id < $2 order by id desc limit $3", before, limit)
}

// MetersByID are those of the meters that the account has.
func MetersByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Meter]*Meter, error) {
	found := map[id.Meter]*Meter{}
	if len(ids) == 0 {
		return found, nil
	}
	list, err := meters(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	for i := range list {
		found[list[i].ID] = &list[i]
	}
	return found, err
}

// MetersByCode are those of the meters that the account has.
func MetersByCode(tx *db.Tx, account id.Account, codes []string) (map[string]*Meter, error) {
	found := map[string]*Meter{}
	if len(codes) == 0 {
		return found, nil
	}
	list, err := meters(tx, account, "and "+tx.AnyOf("code", 2), tx.ListText(codes))
	for i := range list {
		found[list[i].Code] = &list[i]
	}
	return found, err
}

var recordTable = db.NewTable("usage_record", db.Int("account_id"), db.Int("day"), db.Int("subscription_id"), db.Text("key"), db.Int("meter_id"), db.Int("at"),
	db.Int("units"), db.Text("value"), db.Text("note"), db.Int("period"), db.Text("outcome"), db.Text("why"), db.Int("received_at"))

// plainTable is the same table for records that were counted and say nothing more, as
// nearly all do: what is left out is what the columns default to.
var plainTable = db.NewTable("usage_record", db.Int("account_id"), db.Int("day"), db.Int("subscription_id"), db.Text("key"), db.Int("meter_id"), db.Int("at"),
	db.Int("units"), db.Int("period"), db.Int("received_at"))

func (r *Record) isPlain() bool { return r.Outcome == Counted && r.Value == "" && r.Note == "" }

const recordColumns = "t.day, t.subscription_id, t.key, t.meter_id, t.at, t.units, t.value, t.note, t.period, t.outcome, t.why, t.received_at"

func scanRecord(row db.Scan, r *Record) (day int64, err error) {
	err = row(&day, &r.Subscription, &r.Key, &r.Meter, db.ScanTime(&r.At), &r.Units, &r.Value, &r.Note, &r.Period, &r.Outcome, &r.Why, db.ScanTime(&r.ReceivedAt))
	return day, err
}

// RecordKey is what a record is known by.
type RecordKey struct {
	Day          int64 // as Day gives it
	Subscription id.Subscription
	Key          string
}

// KeyOf is what a record is known by.
func (r *Record) KeyOf() RecordKey { return RecordKey{Day(r.At), r.Subscription, r.Key} }

// Insert writes those records of one account whose keys are new and calls isNew with
// the place of each of them. The list is in the order of RecordKey, so that two who
// insert the same ones wait for each other and never in a circle.
func Insert(tx *db.Tx, list []*Record, isNew func(i int)) error {
	table, plain := plainTable, true
	for _, r := range list {
		if plain = r.isPlain(); !plain {
			table = recordTable
			break
		}
	}
	return tx.PutNew(table, []string{"day", "subscription_id", "key"}, len(list), func(i int, w *db.Row) {
		r := list[i]
		w.Int(int64(r.Account))
		w.Int(Day(r.At))
		w.Int(int64(r.Subscription))
		w.Text(r.Key)
		w.Int(int64(r.Meter))
		w.Int(r.At.UnixMicro())
		w.Int(r.Units)
		if !plain {
			w.Text(r.Value)
			w.Text(r.Note)
		}
		w.Int(int64(r.Period))
		if !plain {
			w.Text(string(r.Outcome))
			w.Text(string(r.Why))
		}
		w.Int(r.ReceivedAt.UnixMicro())
	}, isNew)
}

// Find are those of the records that there are.
func Find(tx *db.Tx, account id.Account, keys []RecordKey) (map[RecordKey]Record, error) {
	found := make(map[RecordKey]Record, len(keys))
	err := tx.Match(recordTable, int64(account), []string{"day", "subscription_id", "key"}, recordColumns, len(keys), func(i int, r *db.Row) {
		r.Int(keys[i].Day)
		r.Int(int64(keys[i].Subscription))
		r.Text(keys[i].Key)
	}, func(row db.Scan) error {
		r := Record{Account: account}
		_, err := scanRecord(row, &r)
		found[r.KeyOf()] = r
		return err
	})
	return found, err
}

// MaxDays is how many days of records one list holds at most.
const MaxDays = 92

// Records are a subscription's records of the instants from up to, and not including,
// to, the latest day first and within a day by key, downward, after the place after (the
// zero place begins). It looks at MaxDays days at most, counted back from to.
func Records(tx *db.Tx, account id.Account, sub id.Subscription, from, to time.Time, after RecordKey, limit int) ([]Record, error) {
	var list []Record
	last := max(Day(from), Day(to)-MaxDays)
	day, key := Day(to), "\x7f" // above every key
	if after.Key != "" {
		day, key = min(day, after.Day), after.Key
	}
	for ; day >= last && len(list) < limit; day, key = day-1, "\x7f" {
		err := tx.Each(func(row db.Scan) error {
			r := Record{Account: account}
			_, err := scanRecord(row, &r)
			list = append(list, r)
			return err
		}, "select "+recordColumns+` from usage_record t where account_id = $1 and day = $2 and subscription_id = $3 and key < $4
			and at >= $5 and at < $6 order by key desc limit $7`, account, day, sub, key, clock.Micros(from), clock.Micros(to), limit-len(list))
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Explain are the records of a subscription with a key, of the days from first to last
// (at most MaxDays), the latest first: why was this counted, or not.
func Explain(tx *db.Tx, account id.Account, sub id.Subscription, key string, first, last int64) ([]Record, error) {
	var keys []RecordKey
	for day := last; day >= first && len(keys) < MaxDays; day-- {
		keys = append(keys, RecordKey{day, sub, key})
	}
	found, err := Find(tx, account, keys)
	var list []Record
	for _, k := range keys {
		if r, ok := found[k]; ok {
			list = append(list, r)
		}
	}
	return list, err
}
