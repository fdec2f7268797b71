package report

import (
	"context"
	"time"

	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// Meters are the account's meters older than before, newest first.
func (r *Reader) Meters(ctx context.Context, acc id.Account, before id.Meter, limit int) ([]usage.Meter, error) {
	return view(ctx, r, func(tx *db.Tx) ([]usage.Meter, error) { return usage.Meters(tx, acc, before, limit) })
}

// Meter is one meter.
func (r *Reader) Meter(ctx context.Context, acc id.Account, m id.Meter) (usage.Meter, error) {
	return view(ctx, r, func(tx *db.Tx) (usage.Meter, error) { return usage.LoadMeter(tx, acc, m) })
}

// UsageQuery says which usage of a subscription is asked for.
type UsageQuery struct {
	Subscription id.Subscription
	From, To     time.Time // instants of the records, To not included; at most usage.MaxDays before To are looked at
	Key          string    // only the records with that key; "" for all
	After        usage.RecordKey
	Limit        int
}

// UsageView is what a subscription used.
type UsageView struct {
	Subscription subscription.Subscription
	Records      []usage.Record  // the latest day first, within a day by key, downward
	Counters     []usage.Counter // the latest period first, at most 100
	Meters       map[id.Meter]*usage.Meter
}

// maxCounters is how many counters are shown with the usage of a subscription.
const maxCounters = 100

// Usage is what a subscription used: its records, and the counters of the present
// period, of the two before it and of later ones.
func (r *Reader) Usage(ctx context.Context, acc id.Account, q UsageQuery) (UsageView, error) {
	return view(ctx, r, func(tx *db.Tx) (UsageView, error) {
		var v UsageView
		var err error
		if v.Subscription, err = subscription.Load(tx, acc, q.Subscription); err != nil {
			return v, err
		}
		if q.Key != "" {
			v.Records, err = usage.Explain(tx, acc, q.Subscription, q.Key, usage.Day(q.From), usage.Day(q.To))
		} else {
			v.Records, err = usage.Records(tx, acc, q.Subscription, q.From, q.To, q.After, q.Limit)
		}
		if err != nil {
			return v, err
		}
		if v.Counters, err = usage.History(tx, acc, q.Subscription, v.Subscription.Period-2, maxCounters); err != nil {
			return v, err
		}
		var meters []int64
		for _, c := range v.Counters {
			meters = append(meters, int64(c.Meter))
		}
		for _, u := range v.Records {
			meters = append(meters, int64(u.Meter))
		}
		v.Meters, err = usage.MetersByID(tx, acc, meters)
		return v, err
	})
}

// Prepaid is what a customer has left of each meter that was paid ahead.
func (r *Reader) Prepaid(ctx context.Context, acc id.Account, c id.Customer) ([]usage.Prepaid, error) {
	return view(ctx, r, func(tx *db.Tx) ([]usage.Prepaid, error) { return usage.PrepaidOf(tx, acc, c) })
}
