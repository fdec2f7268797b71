package commerce

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/credit"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// NewTerms is what a subscription is changed to, and how it is paid for.
type NewTerms struct {
	Price    id.Price // 0 keeps the price
	Quantity int64    // 0 keeps the quantity
	// UnitAmount is a price for this subscription alone, in minor units; nil takes the
	// price's own when the price changes.
	UnitAmount *int64
	// Reset begins a new period at once even when the interval stays.
	Reset bool
	// Keep lets the present period go on to its end whatever the interval, unless it is one
	// of a trial: the new terms count from the next one.
	Keep bool
	// CarryTrial keeps a trial that is under way; else the new terms begin at once.
	CarryTrial bool
	// Proration is the policy; nil is the account's.
	Proration *subscription.Proration
	// Charge and Credit are minor units without tax that replace what the policy comes
	// to; Credit is never more than what was paid and is left.
	Charge *int64
	Credit *int64
}

// Change changes the terms of a subscription.
type Change struct {
	Call
	Subscription id.Subscription
	To           NewTerms
	When         subscription.When // Now, AtPeriodEnd or AtDate
	At           time.Time         // of AtDate; of Now, the instant of a preview: what it said is charged
	Shown        *money.Amount     // what the preview said is due; another amount is refused
}

// Change changes the terms of a subscription: price, quantity, or both. Now, the new
// terms are charged first and come true when they are paid; declined, the old ones go
// on, and the refusal is fault.Declined. Otherwise the change is scheduled, and comes
// true in its place before the renewal of the same instant.
func (s *Service) Change(ctx context.Context, c Change) (Changed, error) {
	if c.When != subscription.Now {
		return s.scheduleChange(ctx, c)
	}
	var made id.Change
	var work *collection
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		before, err := s.begin(tx, c.Call)
		if err != nil {
			return err
		}
		if before != 0 {
			made = id.Change(before)
			work, err = s.halfChanged(tx, a, made, a.Now(s.clock.Now()))
			return err
		}
		if made, work, err = s.startChange(tx, a, c, a.Now(s.clock.Now())); err != nil {
			return err
		}
		return s.hold(tx, c.Call, int64(made))
	})
	if err != nil {
		return Changed{}, err
	}
	if err := s.finishCharge(ctx, c.Account, work); err != nil {
		return Changed{}, err
	}
	return s.changedTo(ctx, c.Call, made)
}

// finishCharge charges a collection and settles it; nothing is done of nil.
func (s *Service) finishCharge(ctx context.Context, acc id.Account, work *collection) error {
	if work == nil {
		return nil
	}
	s.charge(ctx, work)
	return s.settle(context.WithoutCancel(ctx), acc, []*collection{work})
}

// Changed is what came of a change.
type Changed struct {
	Subscription subscription.Subscription
	Change       subscription.Change
	Plan         ChangePlan
	Invoice      *invoice.Invoice // nil when nothing was charged
	Payment      *payment.Payment
}

// previewFor is how long a preview may be charged as it was shown.
const previewFor = time.Hour

// startChange plans a change that comes now and begins to charge it.
func (s *Service) startChange(tx *db.Tx, a account.Account, c Change, now time.Time) (id.Change, *collection, error) {
	sub, err := subscription.Load(tx, a.ID, c.Subscription)
	if err != nil {
		return 0, nil, err
	}
	at := now
	if !c.At.IsZero() {
		if c.At.After(now) || now.Sub(c.At) > previewFor || c.At.Before(sub.Span.From) {
			return 0, nil, fault.New(fault.Conflict, "the preview is older than an hour; look at a new one").WithCode("preview_expired")
		}
		at = c.At
	}
	if err := checkChange(&sub, now); err != nil {
		return 0, nil, err
	}
	p, err := s.planChange(tx, a, &sub, c.To, at)
	if err != nil {
		return 0, nil, err
	}
	if c.Shown != nil && *c.Shown != p.Due {
		return 0, nil, fault.New(fault.Conflict, "what is due changed since the preview; nothing was charged").WithCode("price_changed")
	}
	row := subscription.Change{ID: id.New[id.Change](), Account: a.ID, Subscription: sub.ID, Customer: sub.Customer, State: subscription.ChangePending,
		At: at, Price: p.Terms.Price, Quantity: p.Terms.Quantity, CreatedAt: now, Version: 1}
	work, err := s.carryOut(tx, a, &sub, &row, p, true, c.Actor, now)
	return row.ID, work, err
}

// checkChange refuses a change of terms of a subscription that cannot have one now.
func checkChange(sub *subscription.Subscription, now time.Time) error {
	if err := sub.CheckFree(now); err != nil {
		return err
	}
	if sub.Change != 0 {
		return fault.New(fault.Conflict, "a change of terms is scheduled already; undo it first").WithCode("change_scheduled")
	}
	return nil
}

// carryOut begins to charge a planned change, or applies it at once when nothing is due.
// The row is new, or is the one that was scheduled.
func (s *Service) carryOut(tx *db.Tx, a account.Account, sub *subscription.Subscription, row *subscription.Change, p ChangePlan, fresh bool, by event.Actor, now time.Time) (*collection, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	row.Plan, row.State = string(text), subscription.ChangePending
	c := &collection{sub: sub, change: &changing{row: *row, plan: p}, at: now, actor: by, nothingDue: p.Due.IsZero()}
	c.invoice = invoice.Invoice{Account: a.ID, Customer: sub.Customer, Subscription: sub.ID}
	if !c.nothingDue {
		if err := payable(tx, sub, p); err != nil {
			return nil, err
		}
		if c.method, err = payment.LoadMethod(tx, a.ID, sub.Method); err != nil {
			return nil, err
		}
	}
	if len(p.Lines) > 0 {
		if err := c.openChange(tx, a, p, now); db.IsUnique(err) {
			return nil, db.VersionConflict() // another change came between; look again
		} else if err != nil {
			return nil, err
		}
		c.change.row.Invoice = c.invoice.ID
	}
	if fresh {
		err = subscription.InsertChange(tx, c.change.row)
	} else {
		err = subscription.SaveChange(tx, c.change.row)
		c.change.row.Version++
	}
	if err != nil {
		return nil, err
	}
	if c.nothingDue {
		w := &settlement{account: a}
		if len(p.Lines) > 0 {
			err = w.paid(tx, c)
		} else {
			err = w.changed(tx, c)
		}
		if err != nil {
			return nil, err
		}
		return nil, w.write(tx, []*collection{c})
	}
	sub.Hold(row.ID, now, s.clock.Now().Add(leaseFor))
	return c, subscription.SaveOne(tx, sub)
}

// payable refuses a change with something to pay and nothing to pay it with.
func payable(tx *db.Tx, sub *subscription.Subscription, p ChangePlan) error {
	if p.Due.IsZero() {
		return nil
	}
	m, err := payment.LoadMethod(tx, sub.Account, sub.Method)
	if fault.Is(err, fault.NotFound) || err == nil && m.State != payment.Usable {
		return fault.New(fault.Conflict, "the subscription has no usable payment method, and %s is due for the change", p.Due).WithCode("no_payment_method")
	}
	return err
}

// openChange writes the draft invoice of a change, and its pending payment.
func (c *collection) openChange(tx *db.Tx, a account.Account, p ChangePlan, now time.Time) error {
	sub := c.sub
	v := invoice.Invoice{ID: id.New[id.Invoice](), Account: a.ID, Customer: sub.Customer, Subscription: sub.ID, State: invoice.Draft, Reason: invoice.Changed,
		Period: p.Period, Part: sub.Extras.Aside + 1, Span: p.Span, Seller: a.Profile, CreatedAt: now, Notes: p.Notes}
	versions, err := customer.Versions(tx, a.ID, []int64{int64(sub.Customer)})
	if err != nil {
		return err
	}
	v.Buyer = versions[sub.Customer]
	if err := v.Fill(p.Lines); err != nil {
		return err
	}
	v.CreditUsed = p.FromBalance
	if p.FromBalance > 0 {
		if err := credit.Take(tx, []credit.Entry{creditFor(&v, money.Amount{Minor: p.FromBalance, Currency: v.Total.Currency}, now)}); err != nil {
			return err
		}
	}
	sub.Extras.Aside++
	c.invoice = v
	return c.open(tx, p.Lines, p.Due, now)
}

// changing is a change of terms on its way to come true.
type changing struct {
	row  subscription.Change
	plan ChangePlan
}

// changed lets a change come true: what is unused becomes credit, the new terms hold.
func (w *settlement) changed(tx *db.Tx, c *collection) error {
	p := &c.change.plan
	if c.sub.State == subscription.Canceled {
		return w.tooLate(tx, c)
	}
	if p.FromCredits > 0 { // of the credit that the change itself brings
		c.invoice.CreditUsed += p.FromCredits
	}
	if err := w.creditUnused(tx, c); err != nil {
		return err
	}
	late, err := w.closeUsage(tx, c)
	if err != nil {
		return err
	}
	c.sub.LeaseUntil = time.Time{}
	was := c.sub.Product
	c.sub.Switch(p.Terms, p.Keep, p.CarryTrial, p.At)
	items := slices.Concat(p.Items, late)
	c.sub.Extras.Items = c.sub.Extras.Items || len(items) > 0
	if p.Keep && p.Settles {
		c.sub.Extras.Rest.Invoice = c.invoice.ID
	}
	for _, cut := range p.Cuts {
		if err := invoice.CutItem(tx, cut.Item); err != nil {
			return err
		}
	}
	for i := range items {
		items[i].CreatedAt = c.at
	}
	if err := invoice.InsertItems(tx, items); err != nil {
		return err
	}
	w.switched = append(w.switched, c.sub)
	w.add(c, event.SubscriptionChanged, int64(c.sub.ID), event.Data(map[string]any{"price": p.Terms.Price, "quantity": p.Terms.Quantity, "change": c.change.row.ID,
		"charged": p.Total.Minor, "credited": p.Credited.Minor, "currency": p.Total.Currency, "direction": p.Direction}))
	if c.sub.Product != was {
		if err := w.succeed(tx, c, c.sub); err != nil {
			return err
		}
	}
	return w.settleChange(tx, c, subscription.ChangeApplied, "")
}

// tooLate settles a change whose subscription was replaced while its charge was on the
// way: all that was charged becomes the customer's credit.
func (w *settlement) tooLate(tx *db.Tx, c *collection) error {
	p := c.change.plan
	c.invoice.Reduced = p.FromCredits // which never came: nobody owes it
	lines, err := c.invoice.TakeTotal(p.Lines, nil, c.invoice.Total.Minor-p.FromCredits)
	if err != nil {
		return err
	}
	note, err := w.writeCredit(tx, c.invoice, lines, invoice.CreditNote{Reason: invoice.ForUnused}, creditTo{balance: true, unsaved: &c.invoice}, c.at, c.actor)
	if err != nil {
		return err
	}
	if p.FromCredits > 0 {
		rest, err := c.invoice.TakeTotal(p.Lines, takenBy(lines), p.FromCredits)
		if err != nil {
			return err
		}
		if _, err := w.writeCredit(tx, c.invoice, rest, invoice.CreditNote{Reason: invoice.ForUnused}, creditTo{owed: true, unsaved: &c.invoice}, c.at, c.actor); err != nil {
			return err
		}
	}
	w.add(c, event.ChangeFailed, int64(c.sub.ID), event.Data(map[string]any{"change": c.change.row.ID, "code": "subscription_ended"}))
	c.sub.Release()
	w.save(c.sub)
	err = credit.Add(tx, []credit.Entry{{Account: c.invoice.Account, Customer: c.invoice.Customer, Amount: note.Total, Reason: credit.Change, CreditNote: note.ID, At: c.at}})
	if err != nil {
		return err
	}
	return w.settleChange(tx, c, subscription.ChangeFailed, "subscription_ended")
}

// takenBy is what lines of a credit note take.
func takenBy(lines []invoice.CreditLine) invoice.Taken {
	taken := invoice.Taken{}
	for _, l := range lines {
		taken[l.Line] = invoice.TakenBack{Net: l.Amount.Minor, Tax: l.Tax.Minor}
	}
	return taken
}

func (w *settlement) settleChange(tx *db.Tx, c *collection, state subscription.ChangeState, failure string) error {
	row := c.change.row
	row.State, row.Failure, row.SettledAt = state, failure, c.at
	return subscription.SaveChange(tx, row)
}

// creditUnused writes the credit notes of a change, and moves the customer's credit.
func (w *settlement) creditUnused(tx *db.Tx, c *collection) error {
	p := c.change.plan
	var entries []credit.Entry
	for _, pc := range p.Credits {
		v, err := invoice.Load(tx, w.account.ID, pc.Invoice)
		if err != nil {
			return err
		}
		note, err := w.writeCredit(tx, v, pc.Lines, invoice.CreditNote{Reason: invoice.ForUnused}, creditTo{balance: true}, c.at, c.actor)
		if err != nil {
			return err
		}
		entries = append(entries, credit.Entry{Account: v.Account, Customer: v.Customer, Amount: note.Total, Reason: credit.Change, CreditNote: note.ID, At: c.at})
	}
	if err := credit.Add(tx, entries); err != nil {
		return err
	}
	if p.FromCredits > 0 {
		used := money.Amount{Minor: p.FromCredits, Currency: p.Total.Currency}
		w.entries = append(w.entries, ledger.CreditUsed(w.account.ID, c.invoice.ID, c.at, used, false)...)
		return credit.Take(tx, []credit.Entry{creditFor(&c.invoice, used, c.at)})
	}
	return nil
}

// changeDeclined notes that the charge of a change was refused: the old terms go on.
func (w *settlement) changeDeclined(tx *db.Tx, c *collection, code string) error {
	w.takeBack(c)
	c.sub.Release()
	w.save(c.sub)
	w.add(c, event.ChangeFailed, int64(c.sub.ID), event.Data(map[string]any{"change": c.change.row.ID, "code": code}))
	return w.settleChange(tx, c, subscription.ChangeFailed, code)
}

// halfChanged is what is left to charge of a change, nil when it is settled.
func (s *Service) halfChanged(tx *db.Tx, a account.Account, made id.Change, now time.Time) (*collection, error) {
	row, err := subscription.LoadChange(tx, a.ID, made)
	if err != nil || row.State != subscription.ChangePending || row.Invoice == 0 {
		return nil, err
	}
	payments, err := payment.OfInvoices(tx, a.ID, []int64{int64(row.Invoice)})
	if err != nil {
		return nil, err
	}
	for _, p := range payments[row.Invoice] {
		if p.State == payment.Pending {
			return s.resume(tx, a, p, now)
		}
	}
	return nil, nil
}

// loadChange gives a collection the change that it pays for.
func (c *collection) loadChange(tx *db.Tx) error {
	row, err := subscription.LoadChange(tx, c.sub.Account, c.sub.Change)
	if err != nil {
		return err
	}
	c.change = &changing{row: row}
	return json.Unmarshal([]byte(row.Plan), &c.change.plan)
}

// changedTo reads what came of a change and keeps the answer of the call.
func (s *Service) changedTo(ctx context.Context, c Call, made id.Change) (Changed, error) {
	var done Changed
	var refused error
	err := s.db.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		done, refused = Changed{}, nil
		var err error
		if done, err = readChange(tx, c.Account, made); err != nil {
			return err
		}
		switch done.Change.State {
		case subscription.ChangePending:
			refused = pending(done.Payment)
			return nil
		case subscription.ChangeFailed:
			refused = refusal(done.Change.Failure)
		}
		return s.finish(tx, c, done, refused)
	})
	if err != nil {
		return done, err
	}
	return done, refused
}

func readChange(tx *db.Tx, acc id.Account, made id.Change) (Changed, error) {
	var done Changed
	var err error
	if done.Change, err = subscription.LoadChange(tx, acc, made); err != nil {
		return done, err
	}
	if done.Subscription, err = subscription.Load(tx, acc, done.Change.Subscription); err != nil {
		return done, err
	}
	if done.Change.Plan != "" {
		if err := json.Unmarshal([]byte(done.Change.Plan), &done.Plan); err != nil {
			return done, err
		}
	}
	if done.Change.Invoice == 0 {
		return done, nil
	}
	v, err := invoice.Load(tx, acc, done.Change.Invoice)
	if err != nil {
		return done, err
	}
	done.Invoice = &v
	payments, err := payment.OfInvoices(tx, acc, []int64{int64(v.ID)})
	if list := payments[v.ID]; len(list) > 0 {
		done.Payment = &list[len(list)-1]
	}
	return done, err
}

// changeable refuses a price that nothing can be changed to.
func changeable(p catalog.Price, product catalog.Product) error {
	switch {
	case !p.Recurring():
		return fault.BadField("price", "is paid once; only a recurring price can be changed to")
	case len(p.Terms.Dates) > 0 || p.Terms.Split:
		return fault.BadField("price", "is paid in fixed parts; sell it instead")
	case product.State != catalog.Active:
		return fault.New(fault.Conflict, "this product is not sold any more").WithCode("product_archived")
	}
	return nil
}
