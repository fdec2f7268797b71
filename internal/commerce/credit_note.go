package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/credit"
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
)

// creditTo says where the money of a credit note goes: back to the customer through a
// refund, to the customer's credit, or off what is owed.
type creditTo struct {
	balance bool
	owed    bool
	refund  id.Refund
	unsaved *invoice.Invoice // the invoice, when this transaction writes it anyway
}

// creditSeries is the series of an account's credit notes.
func creditSeries(a account.Account) string {
	if a.Mode == account.Sandbox {
		return "TEST-CN"
	}
	return "CN"
}

// writeCredit writes a credit note of lines of an invoice, with its number, its ledger
// entries and its event. What it gives to the credit balance the caller adds there.
func (w *settlement) writeCredit(tx *db.Tx, v invoice.Invoice, lines []invoice.CreditLine, note invoice.CreditNote, to creditTo, at time.Time, by event.Actor) (invoice.CreditNote, error) {
	note.ID, note.Account, note.Invoice, note.Customer = id.New[id.CreditNote](), v.Account, v.ID, v.Customer
	note.Seller, note.Buyer, note.CreatedAt = v.Seller, v.Buyer, at
	if err := note.Fill(lines); err != nil {
		return note, err
	}
	book := ledger.Cash
	switch {
	case to.balance:
		note.ToBalance, book = note.Total.Minor, ledger.Credit
	case to.owed:
		note.ToOwed, book = note.Total.Minor, ledger.Receivable
	default:
		note.ToRefund, note.Refund = note.Total.Minor, to.refund
	}
	number, err := invoice.Numbers(tx, v.Account, creditSeries(w.account), 1)
	if err != nil {
		return note, err
	}
	note.Series, note.Number = creditSeries(w.account), number
	if err := invoice.InsertCreditNotes(tx, []invoice.CreditNote{note}, lines); err != nil {
		return note, err
	}
	if to.unsaved != nil { // it is saved with this transaction
		to.unsaved.Credited += note.Total.Minor
	} else if err := invoice.AddCredited(tx, v, note); err != nil {
		return note, err
	}
	if to.refund != 0 {
		w.entries = append(w.entries, ledger.Refunded(v.Account, v.ID, to.refund, at, note.Net, note.Tax)...)
	} else {
		w.entries = append(w.entries, ledger.Credited(v.Account, v.ID, note.ID, at, note.Net, note.Tax, book)...)
	}
	w.events = append(w.events, event.New(v.Account, at, by, event.CreditNoteIssued, int64(note.ID), v.Customer,
		event.Data(map[string]any{"amount": note.Total.Minor, "currency": note.Total.Currency, "number": note.Label(), "invoice": v.ID, "reason": note.Reason})))
	return note, nil
}

// CreditNote takes back part or all of an issued invoice.
type CreditNote struct {
	Call
	Invoice id.Invoice
	// Lines are what is taken back of each line, in minor units without tax; none means
	// Amount.
	Lines  []invoice.Portion
	Amount int64 // minor units with tax, spread over all lines; 0 without Lines means all that is left
	Reason invoice.CreditReason
	Note   string // printed
}

// CreditNote takes back part or all of an issued invoice: of a paid one it becomes credit
// of the customer, of an open one it reduces what is owed, and one that comes to nothing
// counts as paid. To give money back, refund the payment: that writes a credit note, too.
func (s *Service) CreditNote(ctx context.Context, c CreditNote) (invoice.CreditNote, error) {
	if err := checkReason(c.Note); err != nil {
		return invoice.CreditNote{}, fault.BadField("note", "%s", fault.As(err).Fields[0].Message)
	}
	if c.Reason == "" {
		c.Reason = invoice.ForGoodwill
	}
	if c.Reason != invoice.ForGoodwill && c.Reason != invoice.ForError && c.Reason != invoice.ForUnused {
		return invoice.CreditNote{}, fault.BadField("reason", "must be goodwill, error or unused")
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (invoice.CreditNote, error) {
		var note invoice.CreditNote
		v, sub, err := owed(tx, a, c.Invoice)
		if err != nil {
			return note, err
		}
		if v.State != invoice.Paid && v.State != invoice.Open {
			return note, fault.New(fault.Conflict, "only an open or a paid invoice can have a credit note").WithCode("invoice_not_issued")
		}
		if err := idle(tx, a, v.ID); err != nil {
			return note, err
		}
		if sub != nil && sub.Changing() {
			return note, subscription.ErrChanging()
		}
		if err := notRefunding(tx, v); err != nil {
			return note, err
		}
		lines, err := s.creditLines(tx, v, c)
		if err != nil {
			return note, err
		}
		w := &settlement{account: a}
		to := creditTo{balance: v.State == invoice.Paid, owed: v.State == invoice.Open}
		note = invoice.CreditNote{Reason: c.Reason, Note: c.Note}
		if err := note.Fill(lines); err != nil {
			return note, err
		}
		if to.owed && note.Total.Minor > v.Due().Minor {
			return note, fault.BadField("amount", "must be at most the %d minor units that are still owed", v.Due().Minor)
		}
		if to.balance && note.Total.Minor > v.Total.Minor-v.Credited {
			return note, fault.BadField("amount", "must be at most the %d minor units that were not given back yet", v.Total.Minor-v.Credited)
		}
		if note, err = w.writeCredit(tx, v, lines, invoice.CreditNote{Reason: c.Reason, Note: c.Note}, to, now, c.Actor); err != nil {
			return note, err
		}
		if to.balance {
			if sub != nil {
				w.subs = append(w.subs, sub) // also when nothing changed: see owed
			}
			err = credit.Add(tx, []credit.Entry{{Account: a.ID, Customer: v.Customer, Amount: note.Total, Reason: credit.Refund, CreditNote: note.ID, At: now}})
		} else {
			v.Version++
			v.Reduced += note.Total.Minor
			v.Credited += note.Total.Minor
			err = w.reduced(tx, v, sub, now, c.Actor)
		}
		if err != nil {
			return note, err
		}
		return note, w.write(tx, nil)
	})
}

// creditLines are the lines of a credit note that somebody asked for.
func (s *Service) creditLines(tx *db.Tx, v invoice.Invoice, c CreditNote) ([]invoice.CreditLine, error) {
	lines, err := invoice.Lines(tx, v)
	if err != nil {
		return nil, err
	}
	taken, err := invoice.TakenOf(tx, v.Account, []int64{int64(v.ID)})
	if err != nil {
		return nil, err
	}
	if len(c.Lines) > 0 {
		if c.Amount != 0 {
			return nil, fault.BadField("amount", "must not be given together with lines")
		}
		return v.Take(lines, taken[v.ID], c.Lines)
	}
	amount := c.Amount
	if amount == 0 {
		amount = v.Total.Minor - v.Credited
		if v.State == invoice.Open {
			amount = v.Due().Minor
		}
	}
	return v.TakeTotal(lines, taken[v.ID], amount)
}

var errRefunding = fault.New(fault.Conflict, "money of this invoice is being refunded; wait for the outcome").WithCode("refund_under_way")

// notRefunding refuses what cannot be done while money of an invoice is on its way back.
func notRefunding(tx *db.Tx, v invoice.Invoice) error {
	payments, err := payment.OfInvoices(tx, v.Account, []int64{int64(v.ID)})
	if err != nil {
		return err
	}
	var promised int64
	for _, p := range payments[v.ID] {
		promised += p.Refunded
	}
	if promised > v.Refunded {
		return errRefunding
	}
	return nil
}

// idle refuses what cannot be done to an invoice that is being charged.
func idle(tx *db.Tx, a account.Account, v id.Invoice) error {
	payments, err := payment.OfInvoices(tx, a.ID, []int64{int64(v)})
	if err != nil {
		return err
	}
	for _, p := range payments[v] {
		if p.State == payment.Pending {
			return fault.New(fault.Conflict, "this invoice is being charged; wait for the outcome").WithCode("payment_under_way")
		}
	}
	return nil
}

// reduced goes on with an open invoice of which less is owed: with nothing left it counts
// as paid.
func (w *settlement) reduced(tx *db.Tx, v invoice.Invoice, s *subscription.Subscription, now time.Time, by event.Actor) error {
	if s != nil {
		w.subs = append(w.subs, s) // also when nothing changed: see owed
	}
	if v.Due().Sign() > 0 {
		return nil
	}
	v.Pay(now)
	w.paidUp = append(w.paidUp, &v)
	w.events = append(w.events, event.New(w.account.ID, now, by, event.InvoicePaid, int64(v.ID), v.Customer,
		event.Data(map[string]any{"amount": v.Total.Minor, "currency": v.Total.Currency, "number": v.Label(), "credited": v.Credited})))
	if s != nil && s.Invoice == v.ID {
		s.Settled(now)
		return closeCase(tx, w.account.ID, v.ID, recovery.Waived, now)
	}
	return nil
}

// GiveUpInvoice marks an open invoice as uncollectible.
type GiveUpInvoice struct {
	Call
	Invoice id.Invoice
}

// GiveUpInvoice marks an open invoice as uncollectible: nobody tries to collect it any
// more, and its subscription goes on as if it was settled. It can still be charged or
// voided by hand.
func (s *Service) GiveUpInvoice(ctx context.Context, c GiveUpInvoice) (invoice.Invoice, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (invoice.Invoice, error) {
		v, sub, err := owed(tx, a, c.Invoice)
		if err != nil {
			return v, err
		}
		if err := idle(tx, a, v.ID); err != nil {
			return v, err
		}
		if err := v.GiveUp(now); err != nil {
			return v, err
		}
		w := &settlement{account: a, invoices: []*invoice.Invoice{&v}, entries: ledger.GivenUp(a.ID, v.ID, now, v.Due(), false)}
		if sub != nil {
			if sub.Invoice == v.ID {
				sub.Waived(now)
				if err := closeCase(tx, a.ID, v.ID, recovery.Waived, now); err != nil {
					return v, err
				}
			}
			w.subs = append(w.subs, sub)
		}
		w.events = append(w.events, event.New(a.ID, now, c.Actor, event.InvoiceUncollectible, int64(v.ID), v.Customer,
			event.Data(map[string]any{"number": v.Label(), "amount": v.Due().Minor, "currency": v.Total.Currency})))
		return v, w.write(tx, nil)
	})
}

// AddItem puts an amount on the next invoice of a subscription.
type AddItem struct {
	Call
	Subscription id.Subscription
	Description  string
	Amount       int64 // minor units of the subscription's currency, without tax, above 0
}

// AddItem puts an amount on the next invoice of a subscription: a service that was given
// beside it, a late fee.
func (s *Service) AddItem(ctx context.Context, c AddItem) (invoice.Item, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (invoice.Item, error) {
		sub, err := loadRunning(tx, a, c.Subscription)
		if err != nil {
			return invoice.Item{}, err
		}
		var f fault.Fields
		f.Add("description", account.CheckName(c.Description, 200))
		f.Check(c.Amount > 0 && c.Amount <= money.MaxMinor, "amount", "must be 1 to %d minor units", int64(money.MaxMinor))
		if err := f.Err(); err != nil {
			return invoice.Item{}, err
		}
		made := invoice.Item{ID: id.New[id.Item](), Account: a.ID, Customer: sub.Customer, Subscription: sub.ID, Kind: invoice.ForItem, Description: c.Description, Quantity: 1,
			Amount: money.Amount{Minor: c.Amount, Currency: sub.UnitAmount.Currency}, CreatedAt: now}
		if err := invoice.InsertItems(tx, []invoice.Item{made}); err != nil {
			return made, err
		}
		sub.Extras.Items = true
		if err := subscription.SaveOne(tx, &sub); err != nil {
			return made, err
		}
		if _, err := s.upcoming(tx, a, sub); fault.As(err).Code == "amount_too_large" {
			return made, fault.BadField("amount", "must not make the next invoice more than %d minor units", int64(money.MaxMinor))
		}
		return made, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.ItemAdded, int64(made.ID), sub.Customer,
			event.Data(map[string]any{"amount": made.Amount.Minor, "currency": made.Amount.Currency, "description": made.Description, "subscription": sub.ID})))
	})
}

// RemoveItem takes back an amount that waits for an invoice.
type RemoveItem struct {
	Call
	Item id.Item
}

// RemoveItem takes back an amount that still waits for an invoice.
func (s *Service) RemoveItem(ctx context.Context, c RemoveItem) (id.Item, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (id.Item, error) {
		item, err := invoice.LoadWaiting(tx, a.ID, c.Item)
		if err != nil {
			return c.Item, err
		}
		removed, err := invoice.RemoveItem(tx, a.ID, c.Item)
		if err != nil {
			return c.Item, err
		}
		if !removed {
			return c.Item, db.VersionConflict() // an invoice billed it meanwhile; look again
		}
		return c.Item, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.ItemRemoved, int64(c.Item), item.Customer,
			event.Data(map[string]any{"amount": item.Amount.Minor, "currency": item.Amount.Currency, "description": item.Description, "subscription": item.Subscription})))
	})
}
