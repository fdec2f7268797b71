package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/cardnumber"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// Cancel ends a subscription.
type Cancel struct {
	Call
	Subscription id.Subscription
	When         subscription.When
	Reason       string // the canceler's own words, at most 500 bytes
}

// Cancel ends a subscription now or schedules its end for the end of its period.
// An open invoice stays owed.
func (s *Service) Cancel(ctx context.Context, c Cancel) (subscription.Subscription, error) {
	if err := checkReason(c.Reason); err != nil {
		return subscription.Subscription{}, err
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (subscription.Subscription, error) {
		sub, err := subscription.Load(tx, a.ID, c.Subscription)
		if err != nil {
			return sub, err
		}
		if err := sub.Cancel(c.When, now); err != nil {
			return sub, err
		}
		if err := subscription.SaveOne(tx, &sub); err != nil {
			return sub, err
		}
		if sub.State == subscription.Canceled && sub.Invoice != 0 {
			if err := askAnyway(tx, a, sub.Invoice, now); err != nil {
				return sub, err
			}
		}
		kind, facts := event.SubscriptionCanceled, map[string]any{"reason": sub.EndReason, "words": c.Reason}
		if sub.State != subscription.Canceled {
			kind, facts = event.CancelScheduled, map[string]any{"at": sub.CancelAt, "words": c.Reason}
		}
		return sub, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, kind, int64(sub.ID), sub.Customer, event.Data(facts)))
	})
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
		payments, err := payment.OfInvoices(tx, a.ID, []int64{int64(v.ID)})
		if err != nil {
			return v, err
		}
		for _, p := range payments[v.ID] {
			if p.State == payment.Pending {
				return v, fault.New(fault.Conflict, "this invoice is being charged; wait for the outcome").WithCode("payment_under_way")
			}
		}
		wasOpen := v.State == invoice.Open
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
		if wasOpen {
			if err := ledger.Post(tx, ledger.Voided(a.ID, v.ID, now, v.Net, v.Tax)); err != nil {
				return v, err
			}
		}
		if sub != nil {
			if sub.Invoice == v.ID {
				sub.Waived()
			}
			if err := subscription.SaveOne(tx, sub); err != nil { // also when nothing changed: see owed
				return v, err
			}
		}
		return v, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.InvoiceVoided, int64(v.ID), v.Customer,
			event.Data(map[string]any{"number": v.Label(), "amount": v.Total.Minor, "currency": v.Total.Currency})))
	})
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
