package commerce

import (
	"cmp"
	"context"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// MaxUsageEvents is how many events one call records.
const MaxUsageEvents = 500

// RecordUsage records what customers used.
type RecordUsage struct {
	Call
	Events []UsageEvent // 1 to MaxUsageEvents
}

// UsageEvent is one piece of usage as its sender tells it.
type UsageEvent struct {
	Subscription id.Subscription
	Customer     id.Customer // instead of Subscription: who has exactly one running subscription that is billed by the meter
	Meter        id.Meter
	Code         string        // of the meter, instead of Meter
	Units        money.Decimal // of a meter that counts different values 0
	Value        string        // only of a meter that counts different values
	At           time.Time     // when it was used; zero means now
	Key          string        // by which a repetition is known
	Note         string
	Wrong        []fault.Field // what the door could not read; then nothing else counts
}

// UsageOutcome is what became of an event.
type UsageOutcome string

// The outcomes of an event.
const (
	UsageCounted   UsageOutcome = "counted"
	UsageLate      UsageOutcome = "late_counted" // in the present period, because its own has been billed
	UsageRefused   UsageOutcome = "refused"      // Why says why; it is kept with its key
	UsageDuplicate UsageOutcome = "duplicate"    // it was recorded before; First says what became of it
	UsageInvalid   UsageOutcome = "invalid"      // Fields says what is wrong; it is kept nowhere
)

// UsageResult is what became of one event.
type UsageResult struct {
	Outcome UsageOutcome
	Why     usage.Why     // of a refused one; of a duplicate KeyReused when it says something else than the first
	Fields  []fault.Field // of an invalid one
	Record  usage.Record  // as it is kept; of a duplicate the first; of an invalid one only the key
}

// RecordUsage records events and answers each, in their order. What one event is does
// not matter to the others.
func (s *Service) RecordUsage(ctx context.Context, c RecordUsage) ([]UsageResult, error) {
	if len(c.Events) < 1 || len(c.Events) > MaxUsageEvents {
		return nil, fault.BadField("events", "must be 1 to %d events", MaxUsageEvents)
	}
	if c.Once == nil {
		return s.gather(ctx, c)
	}
	return s.recordUsage(ctx, c)
}

func (s *Service) recordUsage(ctx context.Context, c RecordUsage) ([]UsageResult, error) {
	careful := false
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) ([]UsageResult, error) {
		r := recording{tx: tx, account: a.ID, now: now, events: c.Events, results: make([]UsageResult, len(c.Events)), careful: careful}
		all, err := r.run()
		if err == nil && !all {
			careful = true
			err = db.VersionConflict() // once more, and this time the counters are looked at first
		}
		return r.results, err
	})
}

// recording is one transaction that records events. Nothing of it costs a statement for
// each event.
type recording struct {
	tx      *db.Tx
	account id.Account
	now     time.Time
	events  []UsageEvent
	results []UsageResult
	careful bool // look at every counter before counting

	subs    map[id.Subscription]*subscription.Standing
	meters  map[id.Meter]*usage.Meter
	codes   map[string]*usage.Meter
	owners  map[id.Customer][]*subscription.Standing
	prices  map[id.Price]catalog.Price
	entries []entry // of the events that are valid and no duplicates within the call
	full    map[usage.CounterKey]usage.Counter
}

// entry is an event on its way into the store.
type entry struct {
	at    int // number of the event
	key   usage.RecordKey
	meter *usage.Meter
	sub   *subscription.Standing
	dup   bool // it was there before
	fresh bool // it is known to be new
}

// run reports whether all was taken.
func (r *recording) run() (bool, error) {
	if err := r.load(); err != nil {
		return false, err
	}
	twins := r.resolve()
	if err := r.overMidnight(); err != nil {
		return false, err
	}
	if err := r.place(); err != nil {
		return false, err
	}
	if err := r.insert(); err != nil {
		return false, err
	}
	all, err := r.count()
	for twin, first := range twins {
		r.duplicate(twin, r.results[first].Record)
	}
	return all, err
}

// load reads what the events name.
func (r *recording) load() error {
	var subs, customers, meters []int64
	var codes []string
	for i := range r.events {
		e := &r.events[i]
		if len(e.Wrong) > 0 {
			continue
		}
		if e.Subscription != 0 {
			subs = append(subs, int64(e.Subscription))
		} else {
			customers = append(customers, int64(e.Customer))
		}
		if e.Meter != 0 {
			meters = append(meters, int64(e.Meter))
		} else {
			codes = append(codes, e.Code)
		}
	}
	var err error
	if r.subs, err = subscription.Standings(r.tx, r.account, distinct(subs)); err != nil {
		return err
	}
	if r.meters, err = usage.MetersByID(r.tx, r.account, distinct(meters)); err != nil {
		return err
	}
	if r.codes, err = usage.MetersByCode(r.tx, r.account, distinct(codes)); err != nil {
		return err
	}
	return r.loadOwners(distinct(customers))
}

func (r *recording) loadOwners(customers []int64) error {
	var err error
	if r.owners, err = subscription.StandingsOf(r.tx, r.account, customers); err != nil || len(r.owners) == 0 {
		return err
	}
	var prices []int64
	for _, list := range r.owners {
		for _, s := range list {
			prices = append(prices, int64(s.Price))
		}
	}
	r.prices, err = catalog.PricesByID(r.tx, r.account, distinct(prices))
	return err
}

// distinct is a list without what stands in it again.
func distinct[T cmp.Ordered](list []T) []T {
	if len(list) < 2 {
		return list
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// resolve makes records of the events. What cannot be one gets its result. It returns
// the events that repeat an earlier one of the same call, and which.
func (r *recording) resolve() (twins map[int]int) {
	r.entries = make([]entry, 0, len(r.events))
	seen := make(map[usage.RecordKey]int, len(r.events))
	for i := range r.events {
		e := &r.events[i]
		if len(e.Wrong) > 0 {
			r.invalid(i, e.Wrong)
			continue
		}
		m, sub, err := r.named(e)
		if err != nil {
			r.invalid(i, fault.As(err).Fields)
			continue
		}
		micros, exact := e.Units.Micros()
		if !exact {
			micros = usage.MaxUnits + 1 // refused below by its limit
		}
		at := e.At
		if at.IsZero() {
			at = r.now
		}
		record := &r.results[i].Record
		*record = usage.Record{Account: r.account, Subscription: sub.ID, Key: e.Key, Meter: m.ID, At: at, Units: micros, Value: e.Value, Note: e.Note,
			Period: sub.Period, ReceivedAt: r.now}
		if err := record.Check(m.Aggregation); err != nil {
			r.invalid(i, fault.As(err).Fields)
			continue
		}
		k := record.KeyOf()
		if e.At.IsZero() {
			k.Day = anyDay // a key without an instant is one key
		}
		if first, twice := seen[k]; twice {
			if twins == nil {
				twins = map[int]int{}
			}
			twins[i] = first
			continue
		}
		seen[k] = i
		r.entries = append(r.entries, entry{at: i, key: record.KeyOf(), meter: m, sub: sub})
	}
	return r.unite(twins)
}

// anyDay stands for the day of an event without an instant, until it is known whether
// an event of the same call has its key on the day of its arrival.
const anyDay = -1 << 40

// unite makes twins of two entries with one record: one of them had no instant.
func (r *recording) unite(twins map[int]int) map[int]int {
	slices.SortFunc(r.entries, func(a, b entry) int { return cmp.Or(compareRecords(a.key, b.key), a.at-b.at) })
	kept := r.entries[:0]
	for _, e := range r.entries {
		if n := len(kept); n > 0 && kept[n-1].key == e.key {
			if twins == nil {
				twins = map[int]int{}
			}
			twins[e.at] = kept[n-1].at
			continue
		}
		kept = append(kept, e)
	}
	r.entries = kept
	return twins
}

func compareRecords(a, b usage.RecordKey) int {
	return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Subscription, b.Subscription), cmp.Compare(a.Key, b.Key))
}

// invalid is the result of an event that cannot be a record. Its key is told, so that
// the sender knows it again.
func (r *recording) invalid(i int, fields []fault.Field) {
	r.results[i] = UsageResult{Outcome: UsageInvalid, Fields: fields}
	if key := r.events[i].Key; len(key) <= usage.MaxKey {
		r.results[i].Record.Key = key
	}
}

// named finds the meter and the subscription of an event.
func (r *recording) named(e *UsageEvent) (*usage.Meter, *subscription.Standing, error) {
	if (e.Subscription == 0) == (e.Customer == 0) {
		return nil, nil, fault.BadField("subscription", "must be given, or customer, and not both")
	}
	if (e.Meter == 0) == (e.Code == "") {
		return nil, nil, fault.BadField("meter", "must be given by its id or by its code")
	}
	m := r.meters[e.Meter]
	if e.Meter == 0 {
		m = r.codes[e.Code]
	}
	if m == nil {
		return nil, nil, fault.BadField("meter", "names no meter of this account")
	}
	if e.Subscription != 0 {
		sub := r.subs[e.Subscription]
		if sub == nil {
			return nil, nil, fault.BadField("subscription", "names nothing in this account")
		}
		return m, sub, nil
	}
	var billed []*subscription.Standing
	for _, sub := range r.owners[e.Customer] {
		if m.Prepaid || slices.ContainsFunc(r.prices[sub.Price].Terms.Usage, func(t catalog.Metered) bool { return t.Meter == m.ID }) {
			billed = append(billed, sub)
		}
	}
	switch len(billed) {
	case 1:
		return m, billed[0], nil
	case 0:
		return nil, nil, fault.BadField("customer", "has no running subscription that is billed by this meter")
	}
	return nil, nil, fault.BadField("customer", "has several running subscriptions that are billed by this meter; name the subscription")
}

// overMidnight finds the events without an instant that were recorded on the day before.
func (r *recording) overMidnight() error {
	var keys []usage.RecordKey
	for _, e := range r.entries {
		if r.events[e.at].At.IsZero() {
			k := e.key
			k.Day--
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	found, err := usage.Find(r.tx, r.account, keys)
	if err != nil || len(found) == 0 {
		return err
	}
	for i := range r.entries {
		e := &r.entries[i]
		k := e.key
		k.Day--
		if first, ok := found[k]; ok && r.events[e.at].At.IsZero() {
			e.dup = true
			r.duplicate(e.at, first)
		}
	}
	return nil
}

// duplicate is the result of an event that was recorded before.
func (r *recording) duplicate(i int, first usage.Record) {
	e := &r.events[i]
	out := UsageResult{Outcome: UsageDuplicate, Record: first}
	micros, _ := e.Units.Micros()
	if micros != first.Units || e.Value != first.Value || e.Meter != 0 && e.Meter != first.Meter || e.Meter == 0 && (r.codes[e.Code] == nil || r.codes[e.Code].ID != first.Meter) {
		out.Why = usage.KeyReused
	}
	r.results[i] = out
}

// place decides where each record counts.
func (r *recording) place() error {
	var keys []usage.CounterKey
	for _, e := range r.entries {
		at := r.results[e.at].Record.At
		late := at.Before(e.sub.Span.From)
		if r.careful || late {
			k := usage.CounterKey{Subscription: e.sub.ID, Meter: e.meter.ID, Period: e.sub.Period}
			for _, n := range []int{-1, 0, 1} {
				k.Period = e.sub.Period + n
				keys = append(keys, k)
			}
		}
	}
	found, err := usage.Counters(r.tx, r.account, distinctCounters(keys))
	if err != nil {
		return err
	}
	r.full = found
	for _, e := range r.entries {
		if e.dup {
			continue
		}
		r.settle(e)
	}
	return nil
}

func distinctCounters(keys []usage.CounterKey) []usage.CounterKey {
	seen := make(map[usage.CounterKey]bool, len(keys))
	return slices.DeleteFunc(keys, func(k usage.CounterKey) bool {
		was := seen[k]
		seen[k] = true
		return was
	})
}

// settle decides one record.
func (r *recording) settle(e entry) {
	out := &r.results[e.at]
	record := &out.Record
	standing := usage.Standing{Start: e.sub.CreatedAt, End: e.sub.EndedAt, Span: e.sub.Span, Period: e.sub.Period, Closed: func(period int) bool {
		return r.full[usage.CounterKey{Subscription: e.sub.ID, Meter: e.meter.ID, Period: period}].Closed()
	}}
	record.Period, record.Outcome, record.Why = usage.Place(record.At, r.now, standing, e.meter.Late)
	switch {
	case e.meter.State != usage.Active:
		record.Outcome, record.Why = usage.Refused, usage.ArchivedMeter
	case record.Units < 0 && e.meter.Aggregation != usage.Sum:
		record.Outcome, record.Why = usage.Refused, usage.NegativeNotAllowed
	case record.Outcome != usage.Refused && r.careful && r.fills(record, e.meter.Aggregation):
		record.Outcome, record.Why = usage.Refused, usage.CounterFull
	}
	if record.Outcome == usage.Refused {
		record.Period = e.sub.Period
	}
	out.Outcome, out.Why = UsageOutcome(record.Outcome), record.Why
}

// fills reports whether a record would take its counter past its limit, and counts it
// in for the records behind it when not.
func (r *recording) fills(record *usage.Record, how usage.Aggregation) bool {
	k := usage.CounterKey{Subscription: record.Subscription, Meter: record.Meter, Period: record.Period}
	c := r.full[k]
	more := record.Units
	if how == usage.Unique {
		more = usage.Micro
	}
	if sum := c.Value + more; sum > usage.MaxCounter || sum < -usage.MaxCounter {
		return true
	}
	if how == usage.Sum {
		c.Value += more
		r.full[k] = c
	}
	return false
}

// insert keeps the records and finds out which of them were there before.
func (r *recording) insert() error {
	list := make([]*usage.Record, 0, len(r.entries))
	places := make([]int, 0, len(r.entries))
	for i := range r.entries {
		if e := &r.entries[i]; !e.dup {
			list = append(list, &r.results[e.at].Record)
			places = append(places, i)
		}
	}
	n := 0
	err := usage.Insert(r.tx, list, func(i int) {
		r.entries[places[i]].fresh = true
		n++
	})
	if err != nil || n == len(list) {
		return err
	}
	keys := make([]usage.RecordKey, 0, len(list)-n)
	for _, e := range r.entries {
		if !e.dup && !e.fresh {
			keys = append(keys, e.key)
		}
	}
	found, err := usage.Find(r.tx, r.account, keys)
	if err != nil {
		return err
	}
	for i := range r.entries {
		if e := &r.entries[i]; !e.dup && !e.fresh {
			e.dup = true
			r.duplicate(e.at, found[e.key])
		}
	}
	return nil
}

// count adds the new records to their counters and draws prepaid units.
func (r *recording) count() (bool, error) {
	var t usage.Tally
	var drawn []usage.Units
	for _, e := range r.entries {
		if e.dup || r.results[e.at].Record.Outcome == usage.Refused {
			continue
		}
		record := &r.results[e.at].Record
		t.Add(record, e.meter.Aggregation)
		if e.meter.Prepaid {
			drawn = append(drawn, usage.Units{Customer: e.sub.Customer, Meter: e.meter.ID, Micros: record.Units})
		}
	}
	all, err := t.Count(r.tx, r.account)
	if err != nil || !all || len(drawn) == 0 {
		return all, err
	}
	return true, usage.Draw(r.tx, r.account, drawn, r.now)
}
