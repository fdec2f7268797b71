package report

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/credit"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// SubscriptionDetail is one subscription with all that its page shows.
type SubscriptionDetail struct {
	SubscriptionView
	Discounts []coupon.Discount // that still apply
	Meters    []MeterUse        // of the present period
	Items     []invoice.Item    // that wait for the next invoice, oldest first
	Changes   []ChangeView      // newest first, at most 20
	Credit    money.Amount      // of the customer, in the subscription's currency
	Others    []SubscriptionView
	Invoices  []invoice.Invoice // newest first, at most 100
	Events    []event.Event     // newest first, at most 50
}

// ChangeView is a change of terms with what it leads to.
type ChangeView struct {
	Change  subscription.Change
	Product *catalog.Product
	Price   *catalog.Price
}

// MeterUse is what a subscription used of one meter in its present period. Units are
// exact.
type MeterUse struct {
	Meter    usage.Meter
	Used     money.Decimal
	Included money.Decimal
	Over     money.Decimal // Used beyond Included; 0 of a prepaid meter
	Left     money.Decimal // of a prepaid meter: what the customer has left
}

// SubscriptionDetail is one subscription with all that its page shows.
func (r *Reader) SubscriptionDetail(ctx context.Context, acc id.Account, sub id.Subscription) (SubscriptionDetail, error) {
	return view(ctx, r, func(tx *db.Tx) (SubscriptionDetail, error) {
		var d SubscriptionDetail
		s, err := subscription.Load(tx, acc, sub)
		if err != nil {
			return d, err
		}
		list, err := expand(tx, acc, []subscription.Subscription{s}, Expand{Customer: true, Product: true, Price: true, Invoice: true, Method: true})
		if err != nil {
			return d, err
		}
		d.SubscriptionView = list[0]
		if err := d.terms(tx, acc); err != nil {
			return d, err
		}
		if err := d.money(tx, acc); err != nil {
			return d, err
		}
		if err := d.meters(tx, acc); err != nil {
			return d, err
		}
		return d, d.story(tx, acc)
	})
}

// terms reads discounts, changes, and the customer's other subscriptions.
func (d *SubscriptionDetail) terms(tx *db.Tx, acc id.Account) error {
	s := d.Subscription
	if s.Extras.Discounts != nil {
		if err := json.Unmarshal(s.Extras.Discounts, &d.Discounts); err != nil {
			return err
		}
	}
	d.Discounts = slices.DeleteFunc(d.Discounts, func(o coupon.Discount) bool { return o.Left == 0 })
	changes, err := subscription.Changes(tx, acc, s.ID, 0, 20)
	if err != nil {
		return err
	}
	var prices, products []int64
	for _, c := range changes {
		prices = append(prices, int64(c.Price))
	}
	found, err := catalog.PricesByID(tx, acc, prices)
	if err != nil {
		return err
	}
	for _, p := range found {
		products = append(products, int64(p.Product))
	}
	slices.Sort(products)
	sold, err := catalog.ProductsByID(tx, acc, products)
	if err != nil {
		return err
	}
	for _, c := range changes {
		v := ChangeView{Change: c, Price: at(found, c.Price)}
		if v.Price != nil {
			v.Product = at(sold, v.Price.Product)
		}
		d.Changes = append(d.Changes, v)
	}
	others, err := subscription.List(tx, acc, subscription.Filter{Customer: s.Customer, Limit: 20})
	if err != nil {
		return err
	}
	others = slices.DeleteFunc(others, func(o subscription.Subscription) bool { return o.ID == s.ID || o.State == subscription.Canceled })
	d.Others, err = expand(tx, acc, others, Expand{Product: true, Price: true})
	return err
}

// money reads invoices, what waits for the next one, and the customer's credit.
func (d *SubscriptionDetail) money(tx *db.Tx, acc id.Account) error {
	s := d.Subscription
	var err error
	if d.Invoices, err = invoice.List(tx, acc, invoice.Filter{Subscription: s.ID, Limit: 100}); err != nil {
		return err
	}
	waiting, err := invoice.Waiting(tx, acc, []int64{int64(s.ID)})
	if err != nil {
		return err
	}
	d.Items = waiting[s.ID]
	balances, err := credit.Balances(tx, acc, []int64{int64(s.Customer)})
	d.Credit = money.Amount{Minor: balances[s.Customer][s.UnitAmount.Currency], Currency: s.UnitAmount.Currency}
	return err
}

// meters reads what was used in the present period.
func (d *SubscriptionDetail) meters(tx *db.Tx, acc id.Account) error {
	if d.Price == nil || len(d.Price.Terms.Usage) == 0 {
		return nil
	}
	s := d.Subscription
	var ids []int64
	for _, m := range d.Price.Terms.Usage {
		ids = append(ids, int64(m.Meter))
	}
	found, err := usage.MetersByID(tx, acc, ids)
	if err != nil {
		return err
	}
	open, err := usage.CountersOf(tx, acc, []int64{int64(s.ID)})
	if err != nil {
		return err
	}
	left, err := prepaidOf(tx, acc, s.Customer)
	if err != nil {
		return err
	}
	for _, m := range d.Price.Terms.Usage {
		meter := found[m.Meter]
		if meter == nil {
			continue
		}
		use := MeterUse{Meter: *meter, Included: m.Included, Left: left[m.Meter]}
		if s.InTrial() && m.TrialIncluded != nil {
			use.Included = *m.TrialIncluded
		}
		if use.Used, err = usedIn(open[s.ID], m.Meter, s.Period, s.InTrial()); err != nil {
			return err
		}
		over, err := use.Used.Sub(use.Included)
		if err != nil {
			return err
		}
		if over.Sign() > 0 && !meter.Prepaid {
			use.Over = over
		}
		d.Meters = append(d.Meters, use)
	}
	return nil
}

// usedIn is what a meter counted in a period; the parts of a trial count together.
func usedIn(counters []usage.Counter, meter id.Meter, period int, trial bool) (money.Decimal, error) {
	var sum int64
	var last time.Time
	for _, c := range counters {
		switch {
		case c.Meter != meter || c.Period != period && !(trial && c.Period < 0):
		case c.Aggregation == usage.Max:
			sum = max(sum, c.Value)
		case c.Aggregation != usage.Last:
			sum += c.Value
		case !c.LastAt.Before(last):
			sum, last = c.Value, c.LastAt
		}
	}
	return money.DecimalOfMicros(sum)
}

// prepaidOf is what a customer has left of each meter.
func prepaidOf(tx *db.Tx, acc id.Account, c id.Customer) (map[id.Meter]money.Decimal, error) {
	list, err := usage.PrepaidOf(tx, acc, c)
	if err != nil {
		return nil, err
	}
	left := make(map[id.Meter]money.Decimal, len(list))
	for _, p := range list {
		if left[p.Meter], err = money.DecimalOfMicros(p.Balance); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// story reads what happened to the subscription and to what belongs to it: an event
// belongs when it is about one of them, or names one.
func (d *SubscriptionDetail) story(tx *db.Tx, acc id.Account) error {
	s := d.Subscription
	mine := map[int64]bool{int64(s.ID): true}
	names := []string{s.ID.String()}
	for _, v := range d.Invoices {
		mine[int64(v.ID)] = true
		names = append(names, v.ID.String())
	}
	events, err := event.List(tx, acc, event.Filter{Customer: s.Customer, Limit: 200})
	for _, e := range events {
		named := func(name string) bool { return strings.Contains(e.Data, `"`+name+`"`) }
		if len(d.Events) < 50 && (mine[e.Subject] || slices.ContainsFunc(names, named)) {
			d.Events = append(d.Events, e)
		}
	}
	return err
}

// Balances is what a customer has: credit, and units that were paid ahead.
type Balances struct {
	Credit  []money.Amount // above zero, by currency
	Entries []credit.Entry // newest first, at most 20
	Prepaid []PrepaidView
}

// PrepaidView is what a customer has left of a meter.
type PrepaidView struct {
	usage.Prepaid
	Units money.Decimal
	TopUp money.Decimal // the balance at which it is refilled, when TopUpPrice is not 0
	Of    usage.Meter
}

// Balances is what a customer has: credit, and units that were paid ahead.
func (r *Reader) Balances(ctx context.Context, acc id.Account, c id.Customer) (Balances, error) {
	return view(ctx, r, func(tx *db.Tx) (Balances, error) {
		var b Balances
		balances, err := credit.Balances(tx, acc, []int64{int64(c)})
		if err != nil {
			return b, err
		}
		for _, in := range slices.Sorted(maps.Keys(balances[c])) {
			b.Credit = append(b.Credit, money.Amount{Minor: balances[c][in], Currency: in})
		}
		if b.Entries, err = credit.Entries(tx, acc, c, 0, 20); err != nil {
			return b, err
		}
		list, err := usage.PrepaidOf(tx, acc, c)
		if err != nil {
			return b, err
		}
		var ids []int64
		for _, p := range list {
			ids = append(ids, int64(p.Meter))
		}
		meters, err := usage.MetersByID(tx, acc, ids)
		if err != nil {
			return b, err
		}
		for _, p := range list {
			v := PrepaidView{Prepaid: p}
			if m := meters[p.Meter]; m != nil {
				v.Of = *m
			}
			if v.Units, err = money.DecimalOfMicros(p.Balance); err != nil {
				return b, err
			}
			if v.TopUp, err = money.DecimalOfMicros(p.TopUpAt); err != nil {
				return b, err
			}
			b.Prepaid = append(b.Prepaid, v)
		}
		return b, nil
	})
}

// TakenBack is what credit notes took back of each line of an invoice so far.
func (r *Reader) TakenBack(ctx context.Context, acc id.Account, inv id.Invoice) (invoice.Taken, error) {
	return view(ctx, r, func(tx *db.Tx) (invoice.Taken, error) {
		found, err := invoice.TakenOf(tx, acc, []int64{int64(inv)})
		return found[inv], err
	})
}

// LabelledNote is a credit note with its invoice and customer.
type LabelledNote struct {
	Note     invoice.CreditNote
	Invoice  *invoice.Invoice
	Customer *customer.Customer
}

// CreditNotePage is CreditNotes with what a page shows beside each.
func (r *Reader) CreditNotePage(ctx context.Context, acc id.Account, before id.CreditNote, limit int) ([]LabelledNote, error) {
	return view(ctx, r, func(tx *db.Tx) ([]LabelledNote, error) {
		list, err := invoice.CreditNotes(tx, acc, 0, before, limit)
		if err != nil {
			return nil, err
		}
		var customers, invoices []int64
		for _, n := range list {
			customers, invoices = append(customers, int64(n.Customer)), append(invoices, int64(n.Invoice))
		}
		who, err := customer.ByID(tx, acc, customers)
		if err != nil {
			return nil, err
		}
		what, err := invoice.ByID(tx, acc, invoices)
		notes := make([]LabelledNote, len(list))
		for i, n := range list {
			notes[i] = LabelledNote{Note: n, Customer: at(who, n.Customer), Invoice: at(what, n.Invoice)}
		}
		return notes, err
	})
}
