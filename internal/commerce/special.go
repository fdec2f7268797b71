package commerce

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/credit"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// special is what a batch needs besides plain prices. Each kind is read in one query,
// and only when something in the batch has it.
type special struct {
	book     *taxBook
	balances map[id.Customer]map[money.Currency]int64
	items    map[id.Subscription][]invoice.Item
	measures measures
	used     []credit.Entry // what new invoices take of credit
	billed   map[id.Invoice][]int64
	last     map[id.Subscription][]invoice.Line // what was used at terms that another price follows
	next     map[id.Subscription]following      // what follows their last payments
}

// following is the price that follows the last payment of a subscription.
type following struct {
	priced
	grace time.Duration
	err   error // why it cannot be billed
}

// loadSpecial reads what the batch needs besides plain prices.
func (w *claiming) loadSpecial(tx *db.Tx, subs []subscription.Subscription, customers []int64) error {
	acc := w.account.ID
	w.special = &special{billed: map[id.Invoice][]int64{}}
	var err error
	if w.special.balances, err = credit.Balances(tx, acc, customers); err != nil {
		return err
	}
	if err := w.loadNext(tx, subs); err != nil {
		return err
	}
	var profiles, waiting []int64
	ships := false
	seen := map[int64]bool{}
	once := func(list *[]int64, v int64) {
		if v != 0 && !seen[v] {
			seen[v] = true
			*list = append(*list, v)
		}
	}
	for i := range subs {
		s := &subs[i]
		once(&profiles, int64(s.TaxProfile))
		ships = ships || w.products[s.Product].Settings.Ships
		if s.Extras.Items {
			waiting = append(waiting, int64(s.ID))
		}
	}
	if w.special.book, err = openTaxBook(tx, w.account, profiles, customers, ships); err != nil {
		return err
	}
	if len(waiting) > 0 {
		if w.special.items, err = invoice.Waiting(tx, acc, waiting); err != nil {
			return err
		}
	}
	return nil
}

// loadUsage reads what those of the batch used that are about to be billed. It closes the
// counters unless it is a preview.
func (w *claiming) loadUsage(tx *db.Tx, subs []subscription.Subscription) error {
	var list []*subscription.Subscription
	for i := range subs {
		s := &subs[i]
		if len(w.prices[s.Price].Terms.Usage) == 0 {
			continue
		}
		step := s.Due(w.pending(s) != nil)
		if w.preview || step == subscription.Bill || step == subscription.Complete || step == subscription.Finish && s.Extras.BillUsage {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return nil
	}
	var err error
	w.special.measures, err = measure(tx, w.account.ID, list, w.prices, !w.preview, w.at(list[0]))
	return err
}

// loadNext reads the prices that follow the last payments of the batch.
func (w *claiming) loadNext(tx *db.Tx, subs []subscription.Subscription) error {
	var prices, products []int64
	next := map[id.Subscription]id.Price{}
	for i := range subs {
		s := &subs[i]
		if s.EndPeriod > 0 && s.Period+1 >= s.EndPeriod {
			if p := w.prices[s.Price].Terms.NextPrice; p != 0 && !s.Extras.Alone {
				next[s.ID], prices = p, append(prices, int64(p))
			}
		}
	}
	if len(prices) == 0 {
		return nil
	}
	found, err := catalog.PricesByID(tx, w.account.ID, prices)
	if err != nil {
		return err
	}
	maps.Copy(w.prices, found)
	for _, p := range found {
		products = append(products, int64(p.Product))
	}
	more, err := catalog.ProductsByID(tx, w.account.ID, products)
	if err != nil {
		return err
	}
	maps.Copy(w.products, more)
	w.special.next = map[id.Subscription]following{}
	for i := range subs {
		s := &subs[i]
		p, known := found[next[s.ID]]
		if !known {
			continue
		}
		var f following
		f.priced, f.err = follows(tx, w.account, p, w.products[p.Product], s.UnitAmount.Currency, s.Extras.Rate, s.Span.To)
		if f.err != nil && !refusedByRule(f.err) {
			return f.err
		}
		if f.grace, err = graceOf(tx, w.account, p); err != nil {
			return err
		}
		w.special.next[s.ID] = f
	}
	return nil
}

// of reports whether billing a subscription takes more than its plain price.
func (x *special) of(sub *subscription.Subscription, price catalog.Price, product catalog.Product) bool {
	return sub.TaxProfile != 0 || !sub.Extras.IsZero() || !price.Terms.IsZero() || !product.Settings.IsZero() || sub.InTrial() || sub.Period < sub.Base ||
		len(x.last[sub.ID]) > 0
}

// pay lets the customer's credit pay for a new invoice.
func (x *special) pay(v *invoice.Invoice) {
	balance := x.balances[v.Customer][v.Total.Currency]
	if balance <= 0 {
		return
	}
	covered, _ := credit.Split(v.Total, balance)
	if covered.IsZero() {
		return
	}
	v.CreditUsed = covered.Minor
	x.balances[v.Customer][v.Total.Currency] -= covered.Minor
	x.used = append(x.used, creditFor(v, covered, v.CreatedAt))
}

// write puts down what the invoices of a claim used up.
func (x *special) write(tx *db.Tx, acc id.Account) error {
	if len(x.used) > 0 {
		if err := credit.Take(tx, x.used); err != nil {
			return err
		}
	}
	for v, items := range x.billed {
		n, err := invoice.Bill(tx, acc, items, v)
		if err != nil {
			return err
		}
		if n != int64(len(items)) {
			return db.VersionConflict()
		}
	}
	return usage.Reopen(tx, acc, x.measures.reopen)
}

// billing is what the lines of a subscription's next invoice are computed from.
// The tax is that of the instant at which it falls due.
func (w *claiming) billing(sub *subscription.Subscription, price catalog.Price, product catalog.Product, fell time.Time) (*billing, error) {
	o, err := pricedFor(sub, price, product)
	if err != nil {
		return nil, err
	}
	b := &billing{priced: o, account: w.account, tax: w.special.book.taxes(sub.TaxProfile, sub.Customer, product, fell),
		items: w.special.items[sub.ID], first: sub.Extras.Uncharged}
	b.used = w.special.measures.before(sub)
	if last, chained := w.special.last[sub.ID]; chained { // it is billed, at the terms that it was used at
		b.used, b.last = used{}, last
	}
	b.discounts, err = discountsOf(sub)
	return b, err
}

// billSpecial issues the invoice of a period that is more than a plain price.
func (w *claiming) billSpecial(sub *subscription.Subscription, price catalog.Price, product catalog.Product, v invoice.Invoice, chained bool, fell time.Time) error {
	b, err := w.billing(sub, price, product, fell)
	if err != nil {
		return err
	}
	lines, left, err := b.renewalLines(sub)
	if err != nil {
		return err
	}
	extras := sub.Extras
	charged := sub.Extras.Uncharged && len(lines) > 0
	spendDiscounts(&sub.Extras, b.discounts, left)
	sub.Extras.Uncharged, sub.Extras.Items = sub.Extras.Uncharged && !charged, false
	moved := charged || len(b.items) > 0 || !bytes.Equal(extras.Discounts, sub.Extras.Discounts) || !bytes.Equal(extras.Spent, sub.Extras.Spent)
	if err := v.Fill(lines); err != nil && len(lines) > 0 {
		sub.Extras = extras
		return err
	}
	if v.Total.IsZero() {
		w.nothing(sub, chained, v.CreatedAt)
		return nil
	}
	v.Notes = invoice.Notes{Text: sub.Extras.Note, Fields: sub.Extras.Fields}
	v.Notes.Tax, v.Notes.Evidence = b.tax.notes()
	if len(b.items) > 0 {
		w.special.billed[v.ID] = b.itemIDs()
	}
	if err := w.issue(sub, &v, lines); err != nil {
		return err
	}
	switch {
	case chained:
		w.switched = append(w.switched, sub)
	case moved:
		w.moved = append(w.moved, sub)
	default:
		w.lease(sub)
	}
	return nil
}

// complete ends a subscription after its last payment, or begins what follows it.
func (w *claiming) complete(sub *subscription.Subscription, fell, now time.Time) error {
	next := w.prices[sub.Price].Terms.NextPrice
	if next == 0 || sub.Extras.Alone {
		return w.endBilled(sub, sub.Span.To, subscription.Completed, fell, now)
	}
	was, told := sub.Price, len(w.events)
	if err := w.chain(sub); err != nil {
		return err
	}
	if err := w.bill(sub, true, fell, now); err != nil {
		return err
	}
	w.events = slices.Insert(w.events, told, event.New(w.account.ID, now, event.Clock, event.SubscriptionChained, int64(sub.ID), sub.Customer,
		event.Data(map[string]any{"from": was, "to": sub.Price})))
	if sub.Invoice != 0 { // it stays due, so that its charge goes on when whoever sends it dies
		sub.NextActionAt = fell
	}
	return nil
}

// chain begins the price that follows the last payment.
func (w *claiming) chain(sub *subscription.Subscription) error {
	next, known := w.special.next[sub.ID]
	if !known {
		return fault.New(fault.Internal, "the price that follows does not exist")
	}
	if next.err != nil {
		return next.err
	}
	c := chosen{priced: next.priced, quantity: min(sub.Quantity, next.price.MaxQuantity)}
	if err := c.termsOf(w.account, Options{}); err != nil {
		return err
	}
	if err := w.lastUsage(sub); err != nil {
		return err
	}
	c.terms.TaxProfile, c.terms.TrialDays = sub.TaxProfile, 0
	c.terms.Extras.Discounts, c.terms.Extras.Note, c.terms.Extras.Fields = sub.Extras.Discounts, sub.Extras.Note, sub.Extras.Fields
	c.terms.Extras.Grace, c.terms.Extras.Succeeds = next.grace, len(next.product.Settings.Ends) > 0
	c.terms.Extras.Freed = c.terms.Extras.Freed || sub.Extras.Freed
	sub.Chain(c.terms)
	return nil
}

// lastUsage computes what was used in the last payment's period, at its own terms: it
// comes with the first invoice of what follows.
func (w *claiming) lastUsage(sub *subscription.Subscription) error {
	price, product := w.prices[sub.Price], w.products[sub.Product]
	if len(price.Terms.Usage) == 0 {
		return nil
	}
	b, err := w.billing(sub, price, product, sub.Span.To)
	if err != nil {
		return err
	}
	over := *sub
	over.Period++
	b.used = w.special.measures.before(&over)
	list, err := b.forUsage()
	if err != nil {
		return err
	}
	lines, _, err := b.lines(list)
	if w.special.last == nil {
		w.special.last = map[id.Subscription][]invoice.Line{}
	}
	w.special.last[sub.ID] = lines
	return err
}

// endBilled closes a subscription and bills what it used and was not billed for, and the
// amounts that wait. Nobody tries again when that is declined: the invoice stays open.
func (w *claiming) endBilled(sub *subscription.Subscription, at time.Time, why subscription.EndReason, fell, now time.Time) error {
	counters := w.special.measures.counters[sub.ID]
	if len(counters)+len(w.special.items[sub.ID]) == 0 {
		w.end(sub, at, why, now)
		return nil
	}
	b, err := w.billing(sub, w.prices[sub.Price], w.products[sub.Product], fell)
	if err != nil {
		return err
	}
	b.used = used{meters: w.special.measures.meters, counters: counters}
	v, lines, err := b.lastInvoice(sub, w.versions[sub.Customer], now)
	if err != nil && !refusedByRule(err) {
		return err
	}
	w.end(sub, at, why, now)
	if err != nil {
		w.special.measures.giveUp(sub.ID)
		w.events = append(w.events, notBilled(sub, event.Clock, now, err))
		return nil
	}
	if len(lines) == 0 {
		return nil
	}
	sub.Extras.Aside, sub.Extras.Items = v.Part, false
	if len(b.items) > 0 {
		w.special.billed[v.ID] = b.itemIDs()
	}
	if err := w.issue(sub, &v, lines); err != nil {
		return err
	}
	sub.LeaseUntil = time.Time{} // nothing is ever due on it again
	return nil
}

// end closes a subscription.
func (w *claiming) end(sub *subscription.Subscription, at time.Time, why subscription.EndReason, now time.Time) {
	scheduled := sub.Scheduled()
	if sub.Invoice != 0 {
		w.closing = append(w.closing, int64(sub.Invoice))
	}
	sub.End(at, why)
	w.changed = append(w.changed, sub)
	w.ended++
	facts := map[string]any{"reason": sub.EndReason}
	if sub.Extras.Quiet {
		facts["quiet"] = true
	}
	w.events = append(w.events, event.New(w.account.ID, now, event.Clock, event.SubscriptionCanceled, int64(sub.ID), sub.Customer, event.Data(facts)))
	if scheduled != 0 {
		w.undone = append(w.undone, subscription.Undone{Change: scheduled, At: now})
		w.events = append(w.events, changeUndone(sub, scheduled, event.Clock, now))
	}
}

// pauseFee charges the fee of a pause.
func (w *claiming) pauseFee(sub *subscription.Subscription, fell, now time.Time) error {
	product, price := w.products[sub.Product], w.prices[sub.Price]
	b, err := w.billing(sub, price, product, fell)
	if err != nil {
		return err
	}
	lines, err := b.pauseFee(sub)
	if err != nil {
		return err
	}
	v := invoice.Invoice{ID: id.New[id.Invoice](), Account: w.account.ID, Customer: sub.Customer, Subscription: sub.ID, Reason: invoice.Pause,
		Period: sub.Period, Part: sub.Extras.Aside, Seller: w.account.Profile, Buyer: w.versions[sub.Customer], CreatedAt: now}
	sub.Extras.Aside++
	sub.FeeCharged()
	if err := w.issue(sub, &v, lines); err != nil {
		return err
	}
	w.moved = append(w.moved, sub)
	return nil
}
