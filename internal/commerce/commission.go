package commerce

import (
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// earn writes what affiliates earn by the collections that went through, in the
// transaction that settles them. The invoices have been written.
func (w *settlement) earn(tx *db.Tx, list []*collection) error {
	if !w.account.Settings.Affiliates {
		return nil
	}
	var paid []*collection
	for _, c := range list {
		if c.payment.ID != 0 && c.payment.State == payment.Paid {
			paid = append(paid, c)
		}
	}
	if len(paid) == 0 {
		return nil
	}
	brought, err := referralsOf(tx, w.account.ID, paid)
	if err != nil || len(brought) == 0 {
		return err
	}
	slices.SortFunc(paid, func(x, y *collection) int { return int(x.invoice.ID - y.invoice.ID) })
	numbers, err := paymentNumbers(tx, w.account.ID, paid, brought)
	if err != nil {
		return err
	}
	var earned []affiliate.Commission
	for _, c := range paid {
		r, ok := brought[c.invoice.ID]
		if !ok {
			continue
		}
		lines, err := invoice.Lines(tx, c.invoice)
		if err != nil {
			return err
		}
		base, err := commissionBase(c.invoice, lines, c.payment.Amount, r.Promise.Shipping)
		if err != nil {
			return err
		}
		rows, err := r.Earned(affiliate.Paid{Base: base, Number: numbers[c.invoice.ID], At: c.at})
		if err != nil {
			return err
		}
		for _, row := range rows {
			row.ID, row.Invoice, row.Source = id.New[id.Commission](), c.invoice.ID, int64(c.payment.ID)
			earned = append(earned, row)
		}
	}
	return writeCommissions(tx, w.account, earned, event.Clock)
}

// referralsOf are the referrals of collections, by invoice: a sale's by its order, later
// payments' by their subscription.
func referralsOf(tx *db.Tx, acc id.Account, list []*collection) (map[id.Invoice]affiliate.Referral, error) {
	var orders, subs []int64
	for _, c := range list {
		if c.invoice.Order != 0 {
			orders = append(orders, int64(c.invoice.Order))
		}
		if c.invoice.Subscription != 0 {
			subs = append(subs, int64(c.invoice.Subscription))
		}
	}
	byOrder, err := affiliate.ReferralsOfOrders(tx, acc, orders)
	if err != nil {
		return nil, err
	}
	bySub, err := affiliate.ReferralsOfSubscriptions(tx, acc, subs)
	if err != nil {
		return nil, err
	}
	found := map[id.Invoice]affiliate.Referral{}
	for _, c := range list {
		if r, ok := byOrder[c.invoice.Order]; ok && c.invoice.Order != 0 {
			found[c.invoice.ID] = r
		} else if r, ok := bySub[c.invoice.Subscription]; ok && c.invoice.Subscription != 0 {
			found[c.invoice.ID] = r
		}
	}
	return found, nil
}

// paymentNumbers says for each invoice how many payments of its subscription went through
// before it. The invoices are in the order of their ids.
func paymentNumbers(tx *db.Tx, acc id.Account, list []*collection, brought map[id.Invoice]affiliate.Referral) (map[id.Invoice]int, error) {
	var subs []int64
	here := map[id.Subscription]int{}
	for _, c := range list {
		if _, ok := brought[c.invoice.ID]; ok && c.invoice.Subscription != 0 {
			subs = append(subs, int64(c.invoice.Subscription))
			here[c.invoice.Subscription]++
		}
	}
	all, err := invoice.PaidCounts(tx, acc, subs)
	if err != nil {
		return nil, err
	}
	numbers := map[id.Invoice]int{}
	for _, c := range list {
		if sub := c.invoice.Subscription; sub != 0 {
			numbers[c.invoice.ID] = max(0, all[sub]-here[sub])
			all[sub]++
		}
	}
	return numbers, nil
}

// commissionBase is what of a payment earns: its share of the invoice's net amount, which is
// after discounts and without tax, and without shipping unless that earns, too.
func commissionBase(v invoice.Invoice, lines []invoice.Line, paid money.Amount, shipping bool) (money.Amount, error) {
	base := v.Net
	for _, l := range lines {
		if l.Kind == invoice.ForShipping && !shipping {
			var err error
			if base, err = base.Sub(l.Amount); err != nil {
				return base, err
			}
		}
	}
	if base.Sign() <= 0 || v.Total.Sign() <= 0 {
		return money.Zero(v.Total.Currency), nil
	}
	if paid.Minor >= v.Total.Minor {
		return base, nil
	}
	return base.MulRatio(paid.Minor, v.Total.Minor, money.Down)
}

// writeCommissions writes commissions with their entries and events.
func writeCommissions(tx *db.Tx, a account.Account, list []affiliate.Commission, by event.Actor) error {
	fresh, err := affiliate.InsertCommissions(tx, a.ID, list)
	if err != nil || len(fresh) == 0 {
		return err
	}
	var entries []ledger.Entry
	events := make([]event.Event, 0, len(fresh))
	for _, c := range fresh {
		entries = append(entries, ledger.Commission(a.ID, c.Invoice, c.ID, c.At, c.Amount)...)
		kind := event.CommissionEarned
		if c.Amount.Sign() < 0 {
			kind = event.CommissionTakenBack
		}
		events = append(events, event.New(a.ID, c.At, by, kind, int64(c.ID), 0, event.Data(map[string]any{"affiliate": c.Affiliate, "amount": c.Amount.Minor,
			"currency": c.Amount.Currency, "cause": c.Cause, "tier": int(c.Tier), "invoice": c.Invoice})))
	}
	if err := ledger.Post(tx, entries); err != nil {
		return err
	}
	return event.Append(tx, a.ID, events...)
}

// adjustCommissions brings what a payment earned to what its kept part earns, after a
// refund or a dispute. The refunded and the withdrawn amounts have been written.
func adjustCommissions(tx *db.Tx, a account.Account, of id.Payment, cause affiliate.Cause, source int64, at time.Time) error {
	if !a.Settings.Affiliates {
		return nil
	}
	p, err := payment.Load(tx, a.ID, of)
	if err != nil {
		return err
	}
	rows, err := affiliate.OfInvoices(tx, a.ID, []int64{int64(p.Invoice)})
	if err != nil || len(rows[p.Invoice]) == 0 {
		return err
	}
	kept, err := keptOf(tx, a.ID, p)
	if err != nil {
		return err
	}
	firsts := map[affiliate.Tier]affiliate.Commission{}
	sums := map[affiliate.Tier]money.Amount{}
	for _, c := range rows[p.Invoice] {
		if c.Cause == affiliate.Adjust {
			continue
		}
		if _, ok := firsts[c.Tier]; !ok {
			firsts[c.Tier], sums[c.Tier] = c, money.Zero(c.Amount.Currency)
		}
		if sums[c.Tier], err = sums[c.Tier].Add(c.Amount); err != nil {
			return err
		}
	}
	var changes []affiliate.Commission
	for _, tier := range []affiliate.Tier{affiliate.FirstTier, affiliate.SecondTier} {
		first, ok := firsts[tier]
		if !ok {
			continue
		}
		c, changed, err := affiliate.TakenBack(first, sums[tier], kept, p.Amount.Minor, cause, source, at)
		if err != nil {
			return err
		}
		if changed {
			if cause == affiliate.Dispute && c.Amount.Sign() > 0 {
				c.Cause = affiliate.Won
			}
			c.ID = id.New[id.Commission]()
			changes = append(changes, c)
		}
	}
	return writeCommissions(tx, a, changes, event.Clock)
}

// keptOf is what of a payment the merchant still has.
func keptOf(tx *db.Tx, acc id.Account, p payment.Payment) (int64, error) {
	kept := p.Amount.Minor
	refunds, err := payment.RefundsOf(tx, acc, p.ID)
	if err != nil {
		return 0, err
	}
	for _, r := range refunds {
		if r.State == payment.Paid {
			kept -= r.Amount.Minor
		}
	}
	disputes, err := payment.DisputesOf(tx, acc, p.ID)
	if err != nil {
		return 0, err
	}
	for _, d := range disputes {
		if d.State.Withdrawn() || d.State == payment.Lost {
			kept -= d.Amount.Minor
		}
	}
	return max(0, kept), nil
}

// checkAdjustment refuses an amount by hand that cannot be.
func checkAdjustment(amount money.Amount, note string) error {
	var f fault.Fields
	f.Check(amount.Minor != 0 && amount.Minor >= -money.MaxMinor && amount.Minor <= money.MaxMinor, "amount", "must not be zero")
	f.Check(amount.Currency.Known(), "currency", "must be a currency of ISO 4217, for example USD")
	f.Check(account.CheckName(note, 500) == nil, "note", "must say why, in plain text of at most 500 bytes")
	return f.Err()
}
