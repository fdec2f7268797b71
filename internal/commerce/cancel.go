package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/cardnumber"
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
	"perennial/internal/recovery"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// Cancel ends a subscription.
type Cancel struct {
	Call
	Subscription id.Subscription
	When         subscription.When
	At           time.Time // of subscription.AtDate
	Reason       string    // the canceler's own words, at most 500 bytes
	Override     bool      // the merchant may end what the product does not let its customers end
	BillUsage    bool      // charge the usage of the last period at the end
	// Quiet keeps the end from receivers that were written for a system where its callers
	// decide whether they are told. It is told to everybody else.
	Quiet bool
}

// Cancel ends a subscription now or schedules its end, within what its product allows.
// An open invoice stays owed.
func (s *Service) Cancel(ctx context.Context, c Cancel) (subscription.Subscription, error) {
	if err := checkReason(c.Reason); err != nil {
		return subscription.Subscription{}, err
	}
	var work *collection
	ended, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (subscription.Subscription, error) {
		work = nil
		sub, err := subscription.Load(tx, a.ID, c.Subscription)
		if err != nil {
			return sub, err
		}
		if err := cancelable(tx, a, &sub, c); err != nil {
			return sub, err
		}
		if c.When == subscription.Now {
			if work, err = billLast(tx, a, &sub, c.BillUsage, c.Actor, now); err != nil {
				return sub, err
			}
		}
		scheduled := sub.Scheduled()
		if err := sub.Cancel(c.When, c.At.UTC().Truncate(time.Microsecond), now); err != nil {
			return sub, err
		}
		sub.Extras.BillUsage = c.BillUsage && sub.State != subscription.Canceled
		sub.Extras.Quiet = c.Quiet && sub.State != subscription.Canceled
		if err := subscription.SaveOne(tx, &sub); err != nil {
			return sub, err
		}
		if sub.State == subscription.Canceled && sub.Invoice != 0 {
			if err := askAnyway(tx, a, sub.Invoice, now); err != nil {
				return sub, err
			}
			if err := closeCase(tx, a.ID, sub.Invoice, recovery.Canceled, now); err != nil {
				return sub, err
			}
		}
		kind, facts := event.SubscriptionCanceled, map[string]any{"reason": sub.EndReason, "words": c.Reason}
		if sub.State != subscription.Canceled {
			kind, facts = event.CancelScheduled, map[string]any{"at": sub.CancelAt, "words": c.Reason}
		}
		if c.Quiet {
			facts["quiet"] = true
		}
		told := []event.Event{event.New(a.ID, now, c.Actor, kind, int64(sub.ID), sub.Customer, event.Data(facts))}
		if scheduled != 0 && sub.State == subscription.Canceled {
			if err := subscription.Undo(tx, a.ID, subscription.Undone{Change: scheduled, At: now}); err != nil {
				return sub, err
			}
			told = append(told, changeUndone(&sub, scheduled, c.Actor, now))
		}
		return sub, event.Append(tx, a.ID, told...)
	})
	if _, again := IsReplayed(err); again && c.When == subscription.Now {
		if e := s.askOpen(ctx, c.Call, c.Subscription); e != nil {
			return ended, e
		}
	}
	if err != nil {
		return ended, err
	}
	return ended, s.finishCharge(ctx, c.Account, work)
}

// askOpen goes on with charges of a subscription's invoices that somebody began and did
// not live to finish.
func (s *Service) askOpen(ctx context.Context, c Call, sub id.Subscription) error {
	var pending []payment.Payment
	var now time.Time
	err := s.db.View(ctx, func(tx *db.Tx) error {
		pending = nil
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		now = a.Now(s.clock.Now())
		open, err := invoice.List(tx, a.ID, invoice.Filter{Subscription: sub, State: invoice.Open, Limit: askBatch})
		if err != nil || len(open) == 0 {
			return err
		}
		ids := make([]int64, len(open))
		for i, v := range open {
			ids[i] = int64(v.ID)
		}
		tries, err := payment.OfInvoices(tx, a.ID, ids)
		for _, v := range open {
			for _, p := range tries[v.ID] {
				if p.State == payment.Pending && p.Version == 1 { // of others the first call told what became of them
					pending = append(pending, p)
				}
			}
		}
		return err
	})
	for i := 0; err == nil && i < len(pending); i++ {
		_, err = s.askPayment(context.WithoutCancel(ctx), pending[i], now, c.Actor)
	}
	return err
}

// billLast issues the last invoice of a subscription that ends, of the amounts that wait
// and, if asked for, of what it used and was not billed for, and begins to charge it; nil
// when there is nothing, or nothing to charge it with: then it stays open. What is too much
// for one invoice goes on waiting, and keeps nobody from an end; see notBilled.
func billLast(tx *db.Tx, a account.Account, sub *subscription.Subscription, withUsage bool, by event.Actor, now time.Time) (*collection, error) {
	if sub.State == subscription.Canceled {
		return nil, nil
	}
	o, err := pricedOf(tx, a, sub)
	if err != nil {
		return nil, err
	}
	book, err := openTaxBook(tx, a, profileOf(sub), []int64{int64(sub.Customer)}, false)
	if err != nil {
		return nil, err
	}
	b := billing{priced: o, account: a, tax: book.taxes(sub.TaxProfile, sub.Customer, o.product, now)}
	if withUsage {
		if b.used, err = usedOf(tx, a, sub, o, everyMeter); err != nil {
			return nil, err
		}
	}
	waiting, err := invoice.Waiting(tx, a.ID, []int64{int64(sub.ID)})
	if err != nil {
		return nil, err
	}
	b.items = waiting[sub.ID]
	versions, err := customer.Versions(tx, a.ID, []int64{int64(sub.Customer)})
	if err != nil {
		return nil, err
	}
	v, lines, err := b.lastInvoice(sub, versions[sub.Customer], now)
	if refusedByRule(err) {
		return nil, event.Append(tx, a.ID, notBilled(sub, by, now, err))
	}
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	if len(b.used.counters) > 0 {
		if _, err := usage.Close(tx, a.ID, keysOf(b.used.counters), now); err != nil {
			return nil, err
		}
	}
	sub.Extras.Aside, sub.Extras.Items = v.Part, false
	if len(b.items) > 0 {
		n, err := invoice.Bill(tx, a.ID, b.itemIDs(), v.ID)
		if err != nil {
			return nil, err
		}
		if n != int64(len(b.items)) {
			return nil, db.VersionConflict()
		}
	}
	return issueNow(tx, a, sub, v, lines, by, now)
}

// notBilled tells that what a subscription owed at its end could not be invoiced, once:
// nothing is due on it any more. Its amounts go on waiting, where they can be seen and taken
// back, and come with its next invoice when it is brought back.
func notBilled(sub *subscription.Subscription, by event.Actor, now time.Time, why error) event.Event {
	return event.New(sub.Account, now, by, event.BillingFailed, int64(sub.ID), sub.Customer, event.Data(map[string]any{"reason": fault.As(why).Message}))
}

// issueNow issues an invoice beside the periods of a subscription, and writes the pending
// payment of what is due. Without a method to charge it stays open.
func issueNow(tx *db.Tx, a account.Account, sub *subscription.Subscription, v invoice.Invoice, lines []invoice.Line, by event.Actor, now time.Time) (*collection, error) {
	if err := useCredit(tx, a, &v, now); err != nil {
		return nil, err
	}
	number, err := invoice.Numbers(tx, a.ID, series(a), 1)
	if err != nil {
		return nil, err
	}
	v.Issue(series(a), number, now)
	c := &collection{invoice: v, sub: sub, at: now, actor: by, nothingDue: v.Due().IsZero()}
	if !c.nothingDue {
		c.method, err = payment.LoadMethod(tx, a.ID, sub.Method)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	chargeable := c.nothingDue || err == nil && c.method.State == payment.Usable
	c.unasked = !chargeable
	if err := c.open(tx, lines, v.Due(), now); err != nil {
		return nil, err
	}
	entries := ledger.Issued(a.ID, v.ID, now, v.Net, v.Tax)
	entries = append(entries, ledger.CreditUsed(a.ID, v.ID, now, money.Amount{Minor: v.CreditUsed, Currency: v.Total.Currency}, false)...)
	if err := ledger.Post(tx, entries); err != nil {
		return nil, err
	}
	if chargeable {
		return c, nil
	}
	return nil, event.Append(tx, a.ID, event.New(a.ID, now, by, event.InvoiceIssued, int64(v.ID), v.Customer,
		event.Data(map[string]any{"number": v.Label(), "amount": v.Total.Minor, "currency": v.Total.Currency})))
}

// cancelable refuses an end that the product does not allow.
func cancelable(tx *db.Tx, a account.Account, sub *subscription.Subscription, c Cancel) error {
	if c.Override {
		return nil
	}
	product, err := catalog.LoadProduct(tx, a.ID, sub.Product)
	if err != nil {
		return err
	}
	var refused string
	switch product.Settings.Cancel {
	case catalog.CancelPeriodEnd:
		if c.When == subscription.Now || c.When == subscription.AtDate && c.At.Before(sub.Span.To) {
			refused = "at the end of a period"
		}
	case catalog.CancelLast:
		if c.When != subscription.AfterLast {
			refused = "after its last payment"
		}
	case catalog.CancelNever:
		return fault.New(fault.Conflict, "subscriptions to this product cannot be ended by their customers").WithCode("cancel_not_allowed")
	}
	if refused != "" && sub.State != subscription.Canceled {
		return fault.New(fault.Conflict, "subscriptions to this product can only be ended %s", refused).WithCode("cancel_not_allowed")
	}
	return nil
}

// askAnyway makes sure that the outcome of a charge under way becomes known. A renewal
// whose process died is resumed because its subscription is still due; one that has
// ended never is.
func askAnyway(tx *db.Tx, a account.Account, v id.Invoice, now time.Time) error {
	payments, err := payment.OfInvoices(tx, a.ID, []int64{int64(v)})
	if err != nil {
		return err
	}
	for _, p := range payments[v] {
		if p.State != payment.Pending || !p.AskAt.IsZero() {
			continue
		}
		p.AskAt = payment.NextAsk(now, now)
		conflicts, err := payment.Save(tx, []payment.Payment{p})
		if err != nil {
			return err
		}
		if len(conflicts) > 0 {
			return db.VersionConflict()
		}
	}
	return nil
}

// UndoCancel takes a scheduled end back.
type UndoCancel struct {
	Call
	Subscription id.Subscription
}

// UndoCancel takes a scheduled end back.
func (s *Service) UndoCancel(ctx context.Context, c UndoCancel) (subscription.Subscription, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (subscription.Subscription, error) {
		sub, err := subscription.Load(tx, a.ID, c.Subscription)
		if err != nil {
			return sub, err
		}
		if err := sub.UndoCancel(); err != nil {
			return sub, err
		}
		if err := subscription.SaveOne(tx, &sub); err != nil {
			return sub, err
		}
		return sub, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.CancelUndone, int64(sub.ID), sub.Customer, event.Data(map[string]any{})))
	})
}

// VoidInvoice takes an unpaid invoice back.
type VoidInvoice struct {
	Call
	Invoice id.Invoice
}

// VoidInvoice takes an unpaid invoice back: nothing is owed for what it charged,
// and a subscription that was past due because of it goes on. An invoice that is
// paid or being charged is refused.
func (s *Service) VoidInvoice(ctx context.Context, c VoidInvoice) (invoice.Invoice, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (invoice.Invoice, error) {
		v, sub, err := owed(tx, a, c.Invoice)
		if err != nil {
			return v, err
		}
		if err := idle(tx, a, v.ID); err != nil {
			return v, err
		}
		was := v.State
		if err := v.Cancel(now); err != nil {
			return v, err
		}
		conflicts, err := invoice.Save(tx, []*invoice.Invoice{&v})
		if err != nil {
			return v, err
		}
		if len(conflicts) > 0 {
			return v, db.VersionConflict()
		}
		if err := undoInvoice(tx, v, was, now); err != nil {
			return v, err
		}
		if sub != nil {
			if sub.Invoice == v.ID {
				sub.Waived(now)
				if err := closeCase(tx, a.ID, v.ID, recovery.Waived, now); err != nil {
					return v, err
				}
			}
			waiting, err := invoice.Unbill(tx, a.ID, v.ID)
			if err != nil {
				return v, err
			}
			sub.Extras.Items = sub.Extras.Items || waiting > 0
			if err := subscription.SaveOne(tx, sub); err != nil { // also when nothing changed: see owed
				return v, err
			}
		}
		return v, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.InvoiceVoided, int64(v.ID), v.Customer,
			event.Data(map[string]any{"number": v.Label(), "amount": v.Total.Minor, "currency": v.Total.Currency})))
	})
}

// undoInvoice takes back what an unpaid invoice put into the books, took of the customer's
// credit and billed of what waited.
func undoInvoice(tx *db.Tx, v invoice.Invoice, was invoice.State, now time.Time) error {
	if v.Reduced > 0 {
		return fault.New(fault.Conflict, "a credit note reduced this invoice; write another for the rest instead").WithCode("invoice_credited")
	}
	var entries []ledger.Entry
	used := money.Amount{Minor: v.CreditUsed, Currency: v.Total.Currency}
	if was != invoice.Draft {
		entries = append(ledger.Voided(v.Account, v.ID, now, v.Net, v.Tax), ledger.CreditUsed(v.Account, v.ID, now, used, true)...)
	}
	if was == invoice.Uncollectible {
		entries = append(entries, ledger.GivenUp(v.Account, v.ID, now, v.Due(), true)...)
	}
	if err := ledger.Post(tx, entries); err != nil {
		return err
	}
	return credit.Add(tx, creditBack(v, now))
}

// owed is an invoice and the subscription that owes it, nil when none does. The
// invoice is read again after the subscription: whoever voids or charges an invoice
// saves its subscription, so of two that begin at the same moment the second finds
// another version there and looks again.
func owed(tx *db.Tx, a account.Account, inv id.Invoice) (invoice.Invoice, *subscription.Subscription, error) {
	v, err := invoice.Load(tx, a.ID, inv)
	if err != nil || v.Subscription == 0 {
		return v, nil, err
	}
	sub, err := subscription.Load(tx, a.ID, v.Subscription)
	if fault.Is(err, fault.NotFound) {
		return v, nil, nil // the draft of a sale that never came true
	}
	if err != nil {
		return v, nil, err
	}
	v, err = invoice.Load(tx, a.ID, inv)
	return v, &sub, err
}

// checkReason refuses somebody's words that are too long, not plain text, or hold
// a card number.
func checkReason(words string) error {
	switch {
	case len(words) > 500:
		return fault.BadField("reason", "must be at most 500 bytes")
	case words != "" && account.CheckName(words, 500) != nil:
		return fault.BadField("reason", "must be plain text without control characters")
	case cardnumber.In(words):
		return fault.BadField("reason", "must not hold a card number")
	}
	return nil
}
