package commerce

import (
	"encoding/json"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/clock"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// record writes what a transaction changed of what subscriptions bring. It runs at the end
// of every transaction, so that no story can forget it, and one that changes nothing of it,
// such as a plain renewal, reads nothing.
func (s *Service) record(tx *db.Tx) error {
	var changes []subscription.Changed
	var events []event.Event
	var at map[id.Subscription]time.Time
	for _, n := range tx.Notes() {
		switch n := n.(type) {
		case billed:
			if at == nil {
				at = map[id.Subscription]time.Time{}
			}
			at[n.subscription] = n.at
		case subscription.Changed:
			changes = append(changes, n)
		case event.Appended:
			events = append(events, n...)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	a, err := account.Load(tx, changes[0].Now.Account)
	if err != nil {
		return err
	}
	r := &measuring{tx: tx, account: a, events: events, billed: at, now: a.Now(s.clock.Now())}
	if err := r.load(changes); err != nil {
		return err
	}
	for i := range changes {
		if err := r.add(&changes[i]); err != nil {
			return err
		}
	}
	return r.write()
}

// billed notes when a subscription was billed, in a transaction that no event tells of.
type billed struct {
	subscription id.Subscription
	at           time.Time
}

// measuring is what is written at the end of one transaction.
type measuring struct {
	tx       *db.Tx
	account  account.Account
	events   []event.Event
	billed   map[id.Subscription]time.Time
	now      time.Time
	history  bool // it tells of times before what is known
	prices   map[id.Price]catalog.Price
	products map[id.Product]catalog.Product
	in       money.Currency // that the account is measured in
	rates    map[money.Currency]int64
	entries  []metrics.Entry
	places   map[int64]int // of the last entry of each subscription, in entries
}

func (r *measuring) load(changes []subscription.Changed) error {
	var prices, products []int64
	for _, c := range changes {
		for _, p := range [...]id.Price{c.Before.Price, c.Now.Price} {
			if p != 0 {
				prices = append(prices, int64(p))
			}
		}
	}
	slices.Sort(prices)
	var err error
	if r.prices, err = catalog.PricesByID(r.tx, r.account.ID, slices.Compact(prices)); err != nil {
		return err
	}
	for _, p := range r.prices {
		products = append(products, int64(p.Product))
	}
	slices.Sort(products)
	if r.products, err = catalog.ProductsByID(r.tx, r.account.ID, slices.Compact(products)); err != nil {
		return err
	}
	state, err := metrics.LoadState(r.tx, r.account.ID, r.account.Zone, r.account.Currency)
	r.in, r.rates, r.places = state.Currency, map[money.Currency]int64{}, map[int64]int{}
	return err
}

// add adds the fact of a change, unless it changed nothing that is measured.
func (r *measuring) add(c *subscription.Changed) error {
	before, err := r.measured(c.Before)
	if err != nil {
		return err
	}
	after, err := r.measured(c.Now.Worth())
	if err != nil || before == after {
		return err
	}
	at := r.instant(&c.Now)
	rate, err := r.rate(c.Now.UnitAmount.Currency, at)
	if err != nil {
		return err
	}
	f := metrics.Fact{At: clock.Micros(at), Customer: int64(c.Now.Customer), Subject: int64(c.Now.ID), Cause: causeOf(c.Before, c.Now.Worth(), before, after),
		Flags: after.flags, Value: after.value, Lasting: after.lasting, Rate: rate}
	if c.Before.State == "" && f.Cause == metrics.Started && r.told(event.SubscriptionImported, &c.Now) {
		f.Cause = metrics.Brought
	}
	e := metrics.Entry{Fact: f, As: after.terms}
	// What several steps of one transaction make of a subscription at an instant is one fact.
	if i, twice := r.places[f.Subject]; twice && f.At <= r.entries[i].At {
		e.Cause, e.At = r.entries[i].Cause, r.entries[i].At
		r.entries[i] = e
		return nil
	}
	r.places[f.Subject] = len(r.entries)
	r.entries = append(r.entries, e)
	return nil
}

// told reports whether an event of a kind tells of a subscription.
func (r *measuring) told(kind event.Kind, sub *subscription.Subscription) bool {
	return slices.ContainsFunc(r.events, func(e event.Event) bool { return e.Kind == kind && e.Subject == int64(sub.ID) })
}

// instant is when a subscription changed: its end, or when what tells of it happened, which
// is not the present where something that fell due long ago is caught up with.
func (r *measuring) instant(sub *subscription.Subscription) time.Time {
	if sub.State == subscription.Canceled && !sub.EndedAt.IsZero() {
		return sub.EndedAt
	}
	at := r.now
	for _, e := range r.events {
		if e.Subject == int64(sub.ID) {
			return e.At
		}
		if e.Customer == sub.Customer {
			at = e.At
		}
	}
	if then, told := r.billed[sub.ID]; told {
		return then
	}
	return at
}

func (r *measuring) write() error {
	_, err := metrics.Append(r.tx, metrics.Write{Account: r.account.ID, Zone: r.account.Zone, Currency: r.account.Currency, Now: r.now, Entries: r.entries, Onward: !r.history, Known: attributesOf(r.account.ID)})
	return err
}

// attributesOf reads what customers are told apart by when they are measured first.
func attributesOf(acc id.Account) func(tx *db.Tx, customers []int64) (map[int64]metrics.Attributes, error) {
	return func(tx *db.Tx, customers []int64) (map[int64]metrics.Attributes, error) {
		found, err := customer.ByID(tx, acc, customers)
		if err != nil {
			return nil, err
		}
		brought, err := affiliate.FirstReferrals(tx, acc, customers)
		out := make(map[int64]metrics.Attributes, len(found))
		for c, who := range found {
			out[int64(c)] = attributes(who)
			if r, known := brought[c]; known {
				out[int64(c)][metrics.Affiliate] = r.Affiliate.String()
			}
		}
		return out, err
	}
}

// attributes are what a customer of ours is told apart by.
func attributes(c customer.Customer) metrics.Attributes {
	out := metrics.Attributes{}
	for category, word := range map[string]string{metrics.Country: c.Buyer.Country, metrics.Source: c.Source.Source} {
		if word != "" {
			out[category] = word
		}
	}
	return out
}

// measured is what a subscription is measured as.
type measured struct {
	value, lasting int64
	flags          metrics.Flags
	terms          metrics.Terms
}

// measured is what a subscription whose worth is w is measured as. One that is billed on
// dates brings nothing by the month.
func (r *measuring) measured(w subscription.Worth) (measured, error) {
	var m measured
	if w.State == "" {
		return m, nil
	}
	p := r.prices[w.Price]
	m.terms = metrics.Terms{Plan: int64(p.ID), Campaign: int64(r.products[p.Product].Campaign), Interval: w.Interval, Currency: w.UnitAmount.Currency}
	if p.Line != 0 {
		m.terms.Plan = int64(p.Line)
	}
	live, spent, err := discountsIn(w)
	if err != nil {
		return m, err
	}
	if list := append(slices.Clone(spent), live...); len(list) > 0 {
		m.terms.Coupon = int64(list[0].Coupon)
	}
	m.flags = flagsOf(w)
	if m.flags&(metrics.OnTrial|metrics.Unwilled) != 0 || w.State != subscription.Active && w.State != subscription.PastDue {
		return m, nil
	}
	whole, err := costs(w, p)
	if err != nil {
		return m, err
	}
	kind := coupon.PeriodLine
	if w.Whole > 0 {
		kind = coupon.SplitLine
	}
	if m.value, err = reduced(whole, w, kind, append(spent, live...)); err != nil {
		return m, err
	}
	lasting := slices.DeleteFunc(live, func(d coupon.Discount) bool { return d.Left != coupon.Forever })
	m.lasting, err = reduced(whole, w, kind, lasting)
	return m, err
}

func flagsOf(w subscription.Worth) (f metrics.Flags) {
	switch {
	case w.State == subscription.Trialing || w.Unbegun && !w.Unpaid:
		f |= metrics.OnTrial
	case w.State == subscription.PastDue && !w.Unpaid:
		f |= metrics.Late
	case w.State == subscription.Canceled && (w.EndReason == subscription.PaymentFailed || w.EndReason == subscription.Disputed), w.State != subscription.Canceled && w.Unpaid:
		f |= metrics.Unwilled
	}
	if w.Ending && w.State != subscription.Canceled {
		f |= metrics.Ending
	}
	return f
}

// discountsIn are the discounts that reduce what a subscription brings: those that later
// charges are reduced by, and those that only the present period's was.
func discountsIn(w subscription.Worth) (live, spent []coupon.Discount, err error) {
	if w.Discounts != "" {
		if err := json.Unmarshal([]byte(w.Discounts), &live); err != nil {
			return nil, nil, err
		}
	}
	if w.Spent != "" {
		err = json.Unmarshal([]byte(w.Spent), &spent)
	}
	return live, spent, err
}

// reduced is what an amount for each interval comes to in a month after discounts.
func reduced(whole money.Amount, w subscription.Worth, kind coupon.LineKind, list []coupon.Discount) (int64, error) {
	if len(list) > 0 && whole.Sign() > 0 {
		off, _, err := coupon.Apply(list, []coupon.Eligible{{Amount: whole, Kind: kind, First: w.First || w.Spent != ""}})
		if err != nil {
			return 0, err
		}
		for _, o := range off {
			whole.Minor -= o.Amount.Minor
		}
	}
	monthly, err := metrics.Monthly(whole, w.Interval)
	return max(monthly.Minor, 0), err
}

// costs is what a whole period costs, without discounts and tax.
func costs(w subscription.Worth, p catalog.Price) (money.Amount, error) {
	in := w.UnitAmount.Currency
	if w.Whole > 0 {
		return subscription.Part(money.Amount{Minor: w.Whole, Currency: in}, w.Parts, 0)
	}
	charge, counts := p.ChargeIn(in)
	if w.Charge != "" {
		charge = &catalog.Charge{}
		if err := json.Unmarshal([]byte(w.Charge), charge); err != nil {
			return money.Amount{}, err
		}
	}
	if charge == nil {
		return w.UnitAmount.Times(w.Quantity)
	}
	pieces, err := money.NewDecimal(w.Quantity)
	if err != nil {
		return money.Amount{}, err
	}
	cost, _, err := charge.Amount(pieces, counts)
	if err != nil {
		return cost, err
	}
	return catalog.Convert(cost, in, w.Rate)
}

// rate is what metrics.SameCurrency minor units of a currency are worth in that of the
// account, by the rates of an instant; 0 when no rate is stored.
func (r *measuring) rate(from money.Currency, at time.Time) (int64, error) {
	if from == r.in {
		return metrics.SameCurrency, nil
	}
	if v, known := r.rates[from]; known {
		return v, nil
	}
	one, err := exchange(r.tx, r.account, from, r.in, at)
	if refusedByRule(err) {
		return 0, nil // it counts for nothing until there is one
	}
	if err != nil {
		return 0, err
	}
	for times := int64(1); times <= metrics.SameCurrency; times *= 1000 {
		v, err := catalog.Convert(money.Amount{Minor: metrics.SameCurrency / times, Currency: from}, r.in, one)
		if err == nil {
			r.rates[from] = v.Minor * times
			return v.Minor * times, nil
		}
	}
	return 0, nil
}

// causeOf is why what a subscription brings changed.
func causeOf(was, is subscription.Worth, before, after measured) metrics.Cause {
	ended := func(w subscription.Worth) bool { return w.State == subscription.Canceled }
	switch {
	case was.State == "" && is.State == subscription.Trialing:
		return metrics.TrialBegan
	case was.State == "":
		return metrics.Started
	case ended(is) && after.flags&metrics.Unwilled != 0, !was.Unpaid && is.Unpaid:
		return metrics.EndedUnpaid
	case ended(is):
		return metrics.Ended
	case was.Unpaid && !is.Unpaid:
		return metrics.Resumed
	case ended(was):
		return metrics.Reactivated
	case was.State == subscription.Paused && is.State != subscription.Paused:
		return metrics.Resumed
	case is.State == subscription.Paused && was.State != subscription.Paused:
		return metrics.Paused
	case is.Unbegun && !was.Unbegun:
		return metrics.BeganUnpaid
	case before.flags&metrics.OnTrial != 0 && after.flags&metrics.OnTrial == 0:
		return metrics.Started
	case is.Ending != was.Ending:
		if is.Ending {
			return metrics.CancelScheduled
		}
		return metrics.CancelUndone
	case after.flags&metrics.Late != before.flags&metrics.Late:
		if after.flags&metrics.Late != 0 {
			return metrics.PaymentLate
		}
		return metrics.PaymentCaughtUp
	case was.Price != is.Price || was.Interval != is.Interval || was.UnitAmount != is.UnitAmount || was.Charge != is.Charge:
		return metrics.TermsChanged
	case was.Quantity != is.Quantity:
		return metrics.QuantityChanged
	}
	return metrics.DiscountChanged
}
