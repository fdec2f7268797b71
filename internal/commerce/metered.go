package commerce

import (
	"maps"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// measures is what a batch of subscriptions used and was not billed for.
type measures struct {
	meters   map[id.Meter]*usage.Meter
	counters map[id.Subscription][]usage.Counter
	reopen   []usage.CounterKey // of those that could not be billed
}

// used is what one invoice bills of usage.
type used struct {
	meters   map[id.Meter]*usage.Meter
	counters []usage.Counter
}

// metersOf are the meters of prices.
func metersOf(tx *db.Tx, acc id.Account, list ...catalog.Price) (map[id.Meter]*usage.Meter, error) {
	var ids []int64
	for _, p := range list {
		for _, m := range p.Terms.Usage {
			ids = append(ids, int64(m.Meter))
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return usage.MetersByID(tx, acc, distinct(ids))
}

// measure reads what subscriptions used in the periods before the one that each is about
// to enter. With closing, the counters are closed: the invoice is made in this
// transaction, and nothing can be counted any more that it does not bill.
func measure(tx *db.Tx, acc id.Account, subs []*subscription.Subscription, prices map[id.Price]catalog.Price, closing bool, now time.Time) (measures, error) {
	var m measures
	var list []catalog.Price
	var ids []int64
	for _, s := range subs {
		if p := prices[s.Price]; len(p.Terms.Usage) > 0 && s.Period+1 >= 0 {
			list, ids = append(list, p), append(ids, int64(s.ID))
		}
	}
	if len(ids) == 0 {
		return m, nil
	}
	var err error
	if m.meters, err = metersOf(tx, acc, list...); err != nil {
		return m, err
	}
	if m.counters, err = usage.CountersOf(tx, acc, ids); err != nil || !closing {
		return m, err
	}
	keys := map[usage.CounterKey]bool{}
	for _, s := range subs {
		p := prices[s.Price]
		if len(p.Terms.Usage) == 0 || s.Period+1 < 0 {
			continue
		}
		for _, c := range m.counters[s.ID] {
			if c.Period <= s.Period {
				keys[c.CounterKey] = true
			}
		}
		for _, meter := range p.Terms.Usage {
			keys[usage.CounterKey{Subscription: s.ID, Meter: meter.Meter, Period: s.Period}] = true
		}
	}
	return m, m.close(tx, acc, keys, now)
}

func (m *measures) close(tx *db.Tx, acc id.Account, keys map[usage.CounterKey]bool, now time.Time) error {
	list := make([]usage.CounterKey, 0, len(keys))
	for k := range keys {
		list = append(list, k)
	}
	closed, err := usage.Close(tx, acc, list, now)
	m.counters = map[id.Subscription][]usage.Counter{}
	for _, k := range list {
		if c, ok := closed[k]; ok {
			m.counters[k.Subscription] = append(m.counters[k.Subscription], c)
		}
	}
	return err
}

// before is what is billed of a subscription's usage when it has entered a period: all of
// earlier ones, but nothing within a trial, whose usage comes with the first regular
// charge.
func (m *measures) before(sub *subscription.Subscription) used {
	u := used{meters: m.meters}
	if sub.InTrial() {
		return u
	}
	for _, c := range m.counters[sub.ID] {
		if c.Period < sub.Period {
			u.counters = append(u.counters, c)
		}
	}
	return u
}

// giveUp lets counters count again whose subscription could not be billed.
func (m *measures) giveUp(sub id.Subscription) {
	for _, c := range m.counters[sub] {
		m.reopen = append(m.reopen, c.CounterKey)
	}
}

// forUsage are the drafts of usage beyond what was included: a line for each meter and
// period, the trial being one.
func (b *billing) forUsage() ([]draft, error) {
	var list []draft
	for i, m := range b.price.Terms.Usage {
		meter := b.used.meters[m.Meter]
		if meter == nil {
			continue
		}
		trial, regular := b.used.of(m.Meter)
		if len(trial) > 0 {
			sum, err := together(meter, trial)
			if err != nil {
				return nil, err
			}
			included := m.Included
			if m.TrialIncluded != nil {
				included = *m.TrialIncluded
			}
			if list, err = b.over(list, i, meter, sum, included, meter.Name+" (trial)"); err != nil {
				return nil, err
			}
		}
		for _, c := range regular {
			var err error
			if list, err = b.over(list, i, meter, c.Value, m.Included, meter.Name); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// of are the counters of a meter in the trial, and in regular periods.
func (u used) of(meter id.Meter) (trial, regular []usage.Counter) {
	for _, c := range u.counters {
		switch {
		case c.Meter != meter:
		case c.Period < 0:
			trial = append(trial, c)
		default:
			regular = append(regular, c)
		}
	}
	return trial, regular
}

// together is what several counters of a meter come to, in millionths.
func together(m *usage.Meter, list []usage.Counter) (int64, error) {
	var sum int64
	var last time.Time
	for _, c := range list {
		switch m.Aggregation {
		case usage.Max:
			sum = max(sum, c.Value)
		case usage.Last:
			if !c.LastAt.Before(last) {
				sum, last = c.Value, c.LastAt
			}
		default:
			sum += c.Value
		}
	}
	return sum, nil
}

// over adds the draft of what was used beyond what is included.
func (b *billing) over(list []draft, i int, meter *usage.Meter, micros int64, included money.Decimal, name string) ([]draft, error) {
	units, err := money.DecimalOfMicros(micros)
	if err != nil {
		return nil, err
	}
	over, err := units.Sub(included)
	if err != nil {
		return nil, err
	}
	if over.Sign() < 0 || meter.Prepaid {
		over = money.Decimal{}
	}
	amount, parts, err := b.rated(b.overage(i), over)
	if err != nil {
		return nil, err
	}
	details := invoice.Details{Meter: meter.Code, Units: over.String(), Unit: meter.Unit, Parts: parts}
	if !included.IsZero() {
		details.Included = included.String()
	}
	return b.add(list, invoice.ForUsage, coupon.OverageLine, invoice.Line{Description: name, Amount: amount, Details: details}), nil
}

// graceOf is how long after a period's end a price is billed, so that late usage counts.
func graceOf(tx *db.Tx, a account.Account, p catalog.Price) (time.Duration, error) {
	meters, err := metersOf(tx, a.ID, p)
	var grace time.Duration
	for _, m := range meters {
		grace = max(grace, m.Grace)
	}
	return grace, err
}

var errNoMeter = fault.New(fault.NotFound, "there is no such meter in use")

// meteredTo refuses terms whose meters are not there.
func meteredTo(tx *db.Tx, a account.Account, p catalog.Price) error {
	meters, err := metersOf(tx, a.ID, p)
	if err != nil {
		return err
	}
	for _, m := range p.Terms.Usage {
		if found := meters[m.Meter]; found == nil || found.State != usage.Active {
			return refersTo(errNoMeter, "usage")
		}
	}
	if p.Terms.Prepaid == nil {
		return nil
	}
	m, err := usage.LoadMeter(tx, a.ID, p.Terms.Prepaid.Meter)
	if err == nil && !m.Prepaid {
		err = errNoMeter
	}
	return refersTo(err, "prepaid")
}

// usedOf is what a subscription used of some of its meters and was not billed for.
func usedOf(tx *db.Tx, a account.Account, sub *subscription.Subscription, o priced, of func(id.Meter) bool) (used, error) {
	var u used
	var err error
	if u.meters, err = metersOf(tx, a.ID, o.price); err != nil || len(u.meters) == 0 {
		return u, err
	}
	open, err := usage.CountersOf(tx, a.ID, []int64{int64(sub.ID)})
	for _, c := range open[sub.ID] {
		if u.meters[c.Meter] != nil && of(c.Meter) {
			u.counters = append(u.counters, c)
		}
	}
	return u, err
}

// usageNow computes what a subscription used of some of its meters and was not billed for,
// at its own terms, for an invoice that is made now. It returns the counters that this
// invoice must close.
func usageNow(tx *db.Tx, a account.Account, sub *subscription.Subscription, o priced, t taxes, of func(id.Meter) bool) ([]invoice.Line, []usage.Counter, error) {
	b := billing{priced: o, account: a, tax: t}
	var err error
	if b.used, err = usedOf(tx, a, sub, o, of); err != nil {
		return nil, nil, err
	}
	list, err := b.forUsage()
	if err != nil {
		return nil, nil, err
	}
	lines, _, err := b.lines(list)
	return lines, b.used.counters, err
}

func everyMeter(id.Meter) bool { return true }

func keysOf(list []usage.Counter) []usage.CounterKey {
	keys := make([]usage.CounterKey, len(list))
	for i, c := range list {
		keys[i] = c.CounterKey
	}
	return keys
}

// ending are the meters of a price that another does not have; nil when there are none.
func ending(was, next catalog.Price) func(id.Meter) bool {
	has := func(p catalog.Price, meter id.Meter) bool {
		return slices.ContainsFunc(p.Terms.Usage, func(m catalog.Metered) bool { return m.Meter == meter })
	}
	ends := func(meter id.Meter) bool { return has(was, meter) && !has(next, meter) }
	if !slices.ContainsFunc(was.Terms.Usage, func(m catalog.Metered) bool { return ends(m.Meter) }) {
		return nil
	}
	return ends
}

// closeUsage closes the counters of meters that end with a change of terms, before the
// terms are switched. What came while the change was charged is not on its invoice: it
// waits for the next one, at the terms at which it was used.
func (w *settlement) closeUsage(tx *db.Tx, c *collection) ([]invoice.Item, error) {
	if c.change.plan.Terms.Price == c.sub.Price {
		return nil, nil
	}
	o, err := pricedOf(tx, w.account, c.sub)
	if err != nil {
		return nil, err
	}
	next, err := catalog.LoadPrice(tx, w.account.ID, c.change.plan.Terms.Price)
	if err != nil {
		return nil, err
	}
	ends := ending(o.price, next)
	if ends == nil {
		return nil, nil
	}
	_, open, err := usageNow(tx, w.account, c.sub, o, taxes{}, ends)
	if err != nil {
		return nil, err
	}
	keys := keysOf(open)
	for _, m := range o.price.Terms.Usage { // also where nothing was counted, so that nothing is any more
		k := usage.CounterKey{Subscription: c.sub.ID, Meter: m.Meter, Period: c.sub.Period}
		if ends(m.Meter) && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	closed, err := usage.Close(tx, w.account.ID, keys, c.at)
	if err != nil {
		return nil, err
	}
	meters, err := metersOf(tx, w.account.ID, o.price)
	if err != nil {
		return nil, err
	}
	return usedSince(c, o, meters, slices.SortedFunc(maps.Values(closed), func(a, b usage.Counter) int { return a.Period - b.Period }))
}

// usedSince are the amounts by which counters come to more than a change billed of them.
func usedSince(c *collection, o priced, meters map[id.Meter]*usage.Meter, now []usage.Counter) ([]invoice.Item, error) {
	cost := func(list []usage.Counter) (map[string]money.Amount, error) {
		drafts, err := (&billing{priced: o, used: used{meters: meters, counters: list}}).forUsage()
		sums := map[string]money.Amount{}
		for _, d := range drafts {
			sum, known := sums[d.Details.Meter]
			if !known {
				sum = money.Zero(o.currency)
			}
			if sum, err = sum.Add(d.Amount); err != nil {
				return nil, err
			}
			sums[d.Details.Meter] = sum
		}
		return sums, err
	}
	billed, err := cost(c.change.plan.Billed)
	if err != nil {
		return nil, err
	}
	all, err := cost(now)
	if err != nil {
		return nil, err
	}
	var items []invoice.Item
	for _, m := range o.price.Terms.Usage {
		meter := meters[m.Meter]
		if meter == nil {
			continue
		}
		rest := all[meter.Code].Minor - billed[meter.Code].Minor
		if rest <= 0 {
			continue
		}
		items = append(items, invoice.Item{ID: id.New[id.Item](), Account: c.sub.Account, Customer: c.sub.Customer, Subscription: c.sub.ID, Kind: invoice.ForUsage,
			Description: meter.Name, Price: o.price.ID, Quantity: 1, Amount: money.Amount{Minor: rest, Currency: o.currency}, Details: invoice.Details{Meter: meter.Code}, CreatedAt: c.at})
	}
	return items, nil
}
