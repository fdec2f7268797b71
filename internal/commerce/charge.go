package commerce

import (
	"context"
	"fmt"
	"time"

	"perennial/internal/account"
	"perennial/internal/cardnumber"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// BilledItem is an amount that somebody bills by hand.
type BilledItem struct {
	Description string
	Quantity    int64 // 0 means 1
	Amount      int64 // minor units of one, above 0; without tax unless the account's prices hold it
}

// Limits of what is billed by hand.
const (
	MaxBilledItems    = 100
	MaxBilledQuantity = 1_000_000
)

// ChargeOnce charges a customer for amounts that no price names.
type ChargeOnce struct {
	Call
	Customer id.Customer
	Currency money.Currency // "" means the account's
	Items    []BilledItem   // 1 to MaxBilledItems
	Method   id.Method      // 0 means the customer's newest usable one
	Note     string         // printed
	Untaxed  bool           // the amounts are all that is asked for, whatever the account's taxes
	Present  bool           // the customer is in the browser and can confirm
	Consent  payment.Consent
}

// Charged is what came of ChargeOnce or BillByHand. Payment is nil when nothing was charged.
type Charged struct {
	Invoice invoice.Invoice
	Payment *payment.Payment
	Step    *payment.Step // that the customer has to take, when the payment waits for them
}

// ChargeOnce writes an invoice of amounts and charges it at once, as a sale is: declined,
// the refusal is fault.Declined and the invoice came to nothing; without an answer it is
// fault.Pending, and settled later.
func (s *Service) ChargeOnce(ctx context.Context, c ChargeOnce) (Charged, error) {
	var made id.Invoice
	var work *collection
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		made, work = 0, nil
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		before, err := s.begin(tx, c.Call)
		if err != nil {
			return err
		}
		now := a.Now(s.clock.Now())
		if before != 0 {
			made = id.Invoice(before)
			work, err = s.halfCharged(tx, a, made, now)
			return err
		}
		v, lines, err := draftByHand(tx, a, BillByHand{Customer: c.Customer, Currency: c.Currency, Items: c.Items, Note: c.Note, Untaxed: c.Untaxed}, now)
		if err != nil {
			return err
		}
		work = &collection{invoice: v, at: now, actor: c.Actor, nothingDue: v.Due().IsZero()}
		if err := work.chargedTo(tx, c.Method); err != nil {
			return err
		}
		if err := work.open(tx, lines, v.Due(), now); err != nil {
			return err
		}
		made = v.ID
		if work.nothingDue { // the customer's credit pays for it
			if err := s.settleIn(tx, a, []*collection{work}); err != nil {
				return err
			}
			work = nil
		}
		return s.hold(tx, c.Call, int64(made))
	})
	if err != nil {
		return Charged{}, err
	}
	var step *payment.Step
	if work != nil {
		work.present, work.consent = c.Present, c.Consent
		s.charge(ctx, work)
		step = work.result.Step
		if err := s.settle(context.WithoutCancel(ctx), c.Account, []*collection{work}); err != nil {
			return Charged{}, err
		}
	}
	done, err := s.chargedOnce(ctx, c.Call, made)
	done.Step = step
	return done, err
}

// chargedTo names the method that a collection without a subscription is charged with.
func (c *collection) chargedTo(tx *db.Tx, method id.Method) error {
	v := &c.invoice
	if method == 0 && !c.nothingDue {
		var err error
		if method, err = newestUsable(tx, v.Account, v.Customer, 0); err != nil {
			return err
		}
		if method == 0 {
			return fault.New(fault.Conflict, "the customer has no usable payment method").WithCode("no_payment_method")
		}
	}
	m, err := usableOf(tx, v.Account, v.Customer, method)
	c.method, v.Method = m, m.ID
	return err
}

// usableOf is a usable method of a customer; of 0 none.
func usableOf(tx *db.Tx, acc id.Account, of id.Customer, method id.Method) (payment.Method, error) {
	if method == 0 {
		return payment.Method{}, nil
	}
	m, err := payment.LoadMethod(tx, acc, method)
	if err != nil {
		return m, refersTo(err, "payment_method")
	}
	if m.Customer != of || m.State != payment.Usable {
		return m, fault.BadField("payment_method", "is not a usable payment method of this customer")
	}
	return m, nil
}

// draftByHand computes an invoice of amounts that somebody bills, taxed as the account
// taxes unless they say otherwise, and lets the customer's credit pay for it.
func draftByHand(tx *db.Tx, a account.Account, c BillByHand, now time.Time) (invoice.Invoice, []invoice.Line, error) {
	var v invoice.Invoice
	in := c.Currency
	if in == "" {
		in = a.Currency
	}
	if err := checkItems(in, c.Items); err != nil {
		return v, nil, err
	}
	buyer, err := present(tx, a, c.Customer)
	if err != nil {
		return v, nil, refersTo(err, "customer")
	}
	var profiles []int64
	if a.Settings.TaxProfile != 0 {
		profiles = []int64{int64(a.Settings.TaxProfile)}
	}
	book, err := openTaxBook(tx, a, profiles, []int64{int64(c.Customer)}, false)
	if err != nil {
		return v, nil, err
	}
	var what catalog.Product
	if c.Untaxed {
		what.Settings.TaxKind = catalog.Untaxed
	}
	b := billing{priced: priced{currency: in}, account: a, tax: book.taxes(a.Settings.TaxProfile, c.Customer, what, now)}
	var list []draft
	for i, t := range c.Items {
		unit, quantity := money.Amount{Minor: t.Amount, Currency: in}, max(t.Quantity, 1)
		amount, err := unit.Times(quantity)
		if err != nil {
			return v, nil, fault.BadField(fmt.Sprintf("items.%d.amount", i), "comes to too much")
		}
		list = b.add(list, invoice.ForItem, coupon.BumpLine, invoice.Line{Description: t.Description, Quantity: quantity, UnitAmount: unit, Amount: amount})
	}
	lines, _, err := b.lines(list)
	if err != nil {
		return v, nil, err
	}
	v = invoice.Invoice{ID: id.New[id.Invoice](), Account: a.ID, Customer: c.Customer, State: invoice.Draft, Reason: invoice.ByHand, Seller: a.Profile, Buyer: buyer.Version, CreatedAt: now,
		Notes: invoice.Notes{Text: c.Note}}
	if err := v.Notes.Check(); err != nil {
		return v, nil, err
	}
	v.Notes.Tax, v.Notes.Evidence = b.tax.notes()
	if err := v.Fill(lines); err != nil {
		return v, nil, err
	}
	return v, lines, useCredit(tx, a, &v, now)
}

func checkItems(in money.Currency, items []BilledItem) error {
	var f fault.Fields
	f.Check(in.Known(), "currency", "must be a currency of ISO 4217")
	f.Check(len(items) >= 1 && len(items) <= MaxBilledItems, "items", "must be 1 to %d items", MaxBilledItems)
	for i, t := range items[:min(len(items), MaxBilledItems)] {
		at := fmt.Sprintf("items.%d.", i)
		f.Add(at+"description", account.CheckName(t.Description, 200))
		f.Check(!cardnumber.In(t.Description), at+"description", "must not hold a card number")
		f.Check(t.Quantity >= 0 && t.Quantity <= MaxBilledQuantity, at+"quantity", "must be 1 to %d", MaxBilledQuantity)
		f.Check(t.Amount > 0 && t.Amount <= money.MaxMinor, at+"amount", "must be 1 to %d minor units", int64(money.MaxMinor))
	}
	return f.Err()
}

// halfCharged is what is left of a charge whose process died, nil when it is settled.
func (s *Service) halfCharged(tx *db.Tx, a account.Account, made id.Invoice, now time.Time) (*collection, error) {
	payments, err := payment.OfInvoices(tx, a.ID, []int64{int64(made)})
	if err != nil {
		return nil, err
	}
	for _, p := range payments[made] {
		if p.State == payment.Pending {
			return s.resume(tx, a, p, now)
		}
	}
	return nil, nil
}

// chargedOnce reads what came of a charge and keeps the answer of the call.
func (s *Service) chargedOnce(ctx context.Context, c Call, made id.Invoice) (Charged, error) {
	var done Charged
	var refused error
	err := s.db.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		done, refused = Charged{}, nil
		v, p, err := lastTry(tx, c.Account, made)
		if err != nil {
			return err
		}
		done.Invoice, done.Payment = *v, p
		switch {
		case p != nil && p.State == payment.Pending:
			refused = pending(p)
			return nil
		case p != nil && p.State == payment.DeclinedState:
			refused = refusal(p.DeclineCode)
		}
		return s.finish(tx, c, done, refused)
	})
	if err != nil {
		return done, err
	}
	return done, refused
}

// BillByHand writes an open invoice of amounts that no price names.
type BillByHand struct {
	Call
	Customer id.Customer
	Currency money.Currency // "" means the account's
	Items    []BilledItem   // 1 to MaxBilledItems
	Method   id.Method      // that Collect charges; 0 means the customer's newest usable one then
	Note     string         // printed
	Untaxed  bool           // the amounts are all that is asked for, whatever the account's taxes
}

// BillByHand writes an open invoice of amounts. It is owed until somebody collects it, or
// says that it was paid; what the customer's credit pays for whole is paid at once.
func (s *Service) BillByHand(ctx context.Context, c BillByHand) (Charged, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (Charged, error) {
		var done Charged
		v, lines, err := draftByHand(tx, a, c, now)
		if err != nil {
			return done, err
		}
		m, err := usableOf(tx, a.ID, c.Customer, c.Method)
		if err != nil {
			return done, err
		}
		v.Method = m.ID
		work := &collection{invoice: v, at: now, actor: c.Actor, nothingDue: v.Due().IsZero(), unasked: true}
		if !work.nothingDue {
			err = work.issueByHand(tx, a)
		}
		if err != nil {
			return done, err
		}
		if err := work.open(tx, lines, v.Due(), now); err != nil {
			return done, err
		}
		if work.nothingDue {
			err = s.settleIn(tx, a, []*collection{work})
		}
		if err != nil {
			return done, err
		}
		done.Invoice, err = invoice.Load(tx, a.ID, v.ID)
		return done, err
	})
}

// issueByHand makes the draft of an invoice one that is owed.
func (c *collection) issueByHand(tx *db.Tx, a account.Account) error {
	v := &c.invoice
	number, err := invoice.Numbers(tx, a.ID, series(a), 1)
	if err != nil {
		return err
	}
	v.Issue(series(a), number, c.at)
	entries := ledger.Issued(a.ID, v.ID, c.at, v.Net, v.Tax)
	entries = append(entries, ledger.CreditUsed(a.ID, v.ID, c.at, money.Amount{Minor: v.CreditUsed, Currency: v.Total.Currency}, false)...)
	if err := ledger.Post(tx, entries); err != nil {
		return err
	}
	return event.Append(tx, a.ID, event.New(a.ID, c.at, c.actor, event.InvoiceIssued, int64(v.ID), v.Customer,
		event.Data(map[string]any{"number": v.Label(), "amount": v.Total.Minor, "currency": v.Total.Currency})))
}

// ChangeInvoiceMethod names the method that an invoice without a subscription is charged
// with.
type ChangeInvoiceMethod struct {
	Call
	Invoice id.Invoice
	Method  id.Method
}

// ChangeInvoiceMethod names the method that an open invoice is charged with. One of a
// subscription is charged with the subscription's.
func (s *Service) ChangeInvoiceMethod(ctx context.Context, c ChangeInvoiceMethod) (invoice.Invoice, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (invoice.Invoice, error) {
		v, sub, err := owed(tx, a, c.Invoice)
		if err != nil {
			return v, err
		}
		m, err := usableOf(tx, a.ID, v.Customer, c.Method)
		switch {
		case err != nil:
			return v, err
		case sub != nil:
			return v, fault.New(fault.Conflict, "the invoice is charged with the payment method of its subscription; change it there").WithCode("invoice_of_subscription")
		case v.State != invoice.Open && v.State != invoice.Uncollectible:
			return v, fault.New(fault.Conflict, "only an open invoice can be charged").WithCode("invoice_not_open")
		}
		if err := idle(tx, a, v.ID); err != nil {
			return v, err
		}
		v.Method = m.ID
		if err := invoice.SaveMethod(tx, v); err != nil {
			return v, err
		}
		v.Version++
		return v, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.InvoiceUpdated, int64(v.ID), v.Customer, event.Data(map[string]any{"payment_method": m.ID})))
	})
}

// MarkInvoicePaid notes that an invoice was paid in another way than through a gateway.
type MarkInvoicePaid struct {
	Call
	Invoice   id.Invoice
	Reference string // of the bank or the merchant; "" for none
}

// MarkInvoicePaid notes that an open invoice was paid in another way: a payment is recorded
// for all that is due, and whatever waited for it goes on as if a gateway had collected it.
func (s *Service) MarkInvoicePaid(ctx context.Context, c MarkInvoicePaid) (Collected, error) {
	if err := checkReference(c.Reference); err != nil {
		return Collected{}, err
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (Collected, error) {
		var done Collected
		v, sub, err := owed(tx, a, c.Invoice)
		if err != nil {
			return done, err
		}
		if v.State != invoice.Open && v.State != invoice.Uncollectible {
			return done, fault.New(fault.Conflict, "only an open invoice can be marked as paid").WithCode("invoice_not_open")
		}
		if err := idle(tx, a, v.ID); err != nil {
			return done, err
		}
		if sub != nil && sub.LeaseUntil.After(s.clock.Now()) {
			return done, fault.New(fault.Conflict, "this invoice is being charged right now").WithCode("payment_under_way")
		}
		tries, err := payment.OfInvoices(tx, a.ID, []int64{int64(v.ID)})
		if err != nil {
			return done, err
		}
		list := []payment.Payment{{ID: id.New[id.Payment](), Account: a.ID, Invoice: v.ID, Customer: v.Customer, Gateway: RecordedGateway, Attempt: len(tries[v.ID]) + 1,
			ByHand: true, State: payment.Pending, Amount: v.Due(), CreatedAt: now}}
		if err := payment.Insert(tx, list); err != nil {
			return done, err
		}
		work := &collection{invoice: v, sub: sub, payment: list[0], at: now, actor: c.Actor, byHand: true, result: payment.Result{Outcome: payment.Succeeded, Reference: c.Reference}}
		if err := s.settleIn(tx, a, []*collection{work}); err != nil {
			return done, err
		}
		if done.Payment, err = payment.Load(tx, a.ID, list[0].ID); err != nil {
			return done, err
		}
		if done.Invoice, err = invoice.Load(tx, a.ID, v.ID); err != nil {
			return done, err
		}
		p := done.Payment
		return done, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.PaymentMarked, int64(p.ID), p.Customer, event.Data(map[string]any{
			"paid": true, "reference": c.Reference, "at": now, "invoice": p.Invoice, "amount": p.Amount.Minor, "currency": p.Amount.Currency})))
	})
}
