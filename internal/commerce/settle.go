package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// collection is one invoice on its way to be paid: what was asked of the gateway
// and what it answered.
type collection struct {
	invoice invoice.Invoice
	sub     *subscription.Subscription // nil for a sale; its row exists already
	order   *order.Order               // nil for a renewal
	payment payment.Payment            // ID 0: there was no method to charge
	method  payment.Method
	result  payment.Result
	at      time.Time // when it happens, on the account's clock
	byHand  bool      // somebody asked for it: a decline does not count towards the end
	actor   event.Actor
}

// settlement gathers what one transaction writes for a list of collections.
type settlement struct {
	account  account.Account
	invoices []*invoice.Invoice
	paidUp   []*invoice.Invoice // issued before; nothing changed but that they are paid
	subs     []*subscription.Subscription
	renewed  []*subscription.Subscription // were active and stay so
	entries  []ledger.Entry
	events   []event.Event
	started  []subscription.Subscription
}

// settle writes the outcome of collections of one account in a transaction of its
// own. What somebody else settled meanwhile is left alone.
func (s *Service) settle(ctx context.Context, acc id.Account, list []*collection) error {
	tries := 0
	return s.db.Background(ctx, func(tx *db.Tx) error {
		tries++
		a, err := account.Load(tx, acc)
		if err != nil {
			return err
		}
		work := make([]*collection, len(list))
		for i, c := range list {
			fresh := *c // the closure may run again: what it changes is its own copy
			if c.sub != nil {
				sub := *c.sub
				fresh.sub = &sub
			}
			work[i] = &fresh
		}
		if tries > 1 {
			if err := reload(tx, a, work); err != nil {
				return err
			}
		}
		return s.settleIn(tx, a, work)
	})
}

// reload reads everything again that a collection holds, after a conflict.
func reload(tx *db.Tx, a account.Account, list []*collection) error {
	for _, c := range list {
		var err error
		if c.payment.ID != 0 {
			if c.payment, err = payment.Load(tx, a.ID, c.payment.ID); err != nil {
				return err
			}
		}
		if c.invoice, err = invoice.Load(tx, a.ID, c.invoice.ID); err != nil {
			return err
		}
		if c.sub != nil {
			sub, err := subscription.Load(tx, a.ID, c.sub.ID)
			if err != nil {
				return err
			}
			c.sub = &sub
		}
	}
	return nil
}

// settleIn writes the outcome of collections inside a transaction.
func (s *Service) settleIn(tx *db.Tx, a account.Account, list []*collection) error {
	list, err := s.settlePayments(tx, list)
	if err != nil {
		return err
	}
	w := &settlement{account: a}
	for _, c := range list {
		switch {
		case c.payment.ID != 0 && c.payment.State == payment.Pending:
			w.unknown(c)
		case c.payment.State == payment.Paid:
			err = w.paid(tx, c)
		default:
			w.declined(c)
		}
		if err != nil {
			return err
		}
	}
	return w.write(tx, list)
}

// settlePayments writes the outcomes and leaves out the payments that somebody
// else settled first.
func (s *Service) settlePayments(tx *db.Tx, list []*collection) ([]*collection, error) {
	tried := make([]payment.Payment, 0, len(list))
	index := make([]int, 0, len(list))
	skip := make([]bool, len(list))
	for i, c := range list {
		if c.payment.ID == 0 {
			continue
		}
		if c.payment.State != payment.Pending {
			skip[i] = true
			continue
		}
		c.payment.Settle(c.result, c.at)
		tried = append(tried, c.payment)
		index = append(index, i)
	}
	conflicts, err := payment.Save(tx, tried)
	if err != nil {
		return nil, err
	}
	for _, n := range conflicts {
		c := list[index[n]]
		now, err := payment.Load(tx, c.payment.Account, c.payment.ID)
		if err != nil {
			return nil, err
		}
		if now.State == payment.Pending {
			return nil, db.VersionConflict()
		}
		if c.result.Outcome == payment.Succeeded && now.State != payment.Paid {
			s.log.Error("the gateway took money that the books call declined: run perennial books", "payment", c.payment.ID, "account", c.payment.Account)
		}
		skip[index[n]] = true
	}
	kept := list[:0]
	for i, c := range list {
		if !skip[i] {
			kept = append(kept, c)
		}
	}
	return kept, nil
}

func (w *settlement) add(c *collection, kind event.Kind, subject int64, data string) {
	w.events = append(w.events, event.New(w.account.ID, c.at, c.actor, kind, subject, c.invoice.Customer, data))
}

// paid settles a collection that went through.
func (w *settlement) paid(tx *db.Tx, c *collection) error {
	v := &c.invoice
	save := &w.paidUp
	if v.State == invoice.Draft {
		save = &w.invoices
		number, err := invoice.Numbers(tx, w.account.ID, series(w.account), 1)
		if err != nil {
			return err
		}
		v.Issue(series(w.account), number, c.at)
		w.entries = append(w.entries, ledger.Issued(v.Account, v.ID, c.at, v.Net, v.Tax)...)
	}
	v.Pay(c.at)
	*save = append(*save, v)
	w.entries = append(w.entries, ledger.Collected(v.Account, v.ID, c.payment.ID, c.at, c.payment.Amount))
	w.add(c, event.InvoicePaid, int64(v.ID), newFacts().
		whole("amount", v.Total.Minor).whole("attempt", int64(c.payment.Attempt)).word("currency", string(v.Total.Currency)).
		word("number", v.Label()).word("payment", c.payment.ID.String()).text())
	if c.order != nil {
		return w.complete(tx, c)
	}
	if c.sub != nil {
		kind := event.SubscriptionRenewed
		switch {
		case c.sub.State == subscription.PastDue || c.sub.Failures > 0:
			kind = event.SubscriptionResumed
		case c.sub.State == subscription.Trialing:
			kind = event.SubscriptionStarted
		}
		stays := c.sub.State == subscription.Active
		c.sub.Settled()
		if stays {
			w.renewed = append(w.renewed, c.sub)
		} else {
			w.subs = append(w.subs, c.sub)
		}
		if c.sub.State != subscription.Canceled {
			w.add(c, kind, int64(c.sub.ID), newFacts().
				instant("from", c.sub.Span.From).word("invoice", v.ID.String()).whole("period", int64(c.sub.Period)).instant("to", c.sub.Span.To).text())
		}
	}
	return nil
}

// complete finishes an order whose payment went through, or that had nothing to pay.
func (w *settlement) complete(tx *db.Tx, c *collection) error {
	o := c.order
	o.State = order.Completed
	if o.Subscription != 0 {
		price, err := catalog.LoadPrice(tx, w.account.ID, o.Price)
		if err != nil {
			return err
		}
		sub := subscription.Start(o.Subscription, w.account.ID, o.Customer, o.Method, terms(w.account, price, o.Quantity), o.CreatedAt)
		w.started = append(w.started, sub)
		w.events = append(w.events, event.New(w.account.ID, c.at, c.actor, event.SubscriptionCreated, int64(sub.ID), o.Customer,
			event.Data(map[string]any{"price": sub.Price, "quantity": sub.Quantity, "state": sub.State, "amount": sub.UnitAmount.Minor, "currency": sub.UnitAmount.Currency})))
	}
	w.events = append(w.events, event.New(w.account.ID, c.at, c.actor, event.OrderCompleted, int64(o.ID), o.Customer,
		event.Data(map[string]any{"source": o.Source, "price": o.Price, "quantity": o.Quantity})))
	return nil
}

// declined settles a collection that was refused.
func (w *settlement) declined(c *collection) {
	code := c.result.Code
	if c.payment.ID != 0 {
		w.add(c, event.PaymentDeclined, int64(c.payment.ID), event.Data(map[string]any{"code": code, "class": c.payment.Class, "amount": c.payment.Amount.Minor,
			"currency": c.payment.Amount.Currency, "attempt": c.payment.Attempt, "invoice": c.invoice.ID}))
	}
	switch {
	case c.order != nil:
		c.order.State = order.Failed
		_ = c.invoice.Cancel(c.at) // a draft can always be canceled
		w.invoices = append(w.invoices, &c.invoice)
		w.add(c, event.OrderFailed, int64(c.order.ID), event.Data(map[string]any{"code": code, "source": c.order.Source}))
	case c.sub != nil && c.byHand:
		c.sub.LeaseUntil = time.Time{}
		w.subs = append(w.subs, c.sub)
	case c.sub != nil:
		first := c.sub.Failures == 0
		ended := c.sub.Refused(c.invoice.ID, c.at)
		w.subs = append(w.subs, c.sub)
		if first {
			w.add(c, event.InvoiceIssued, int64(c.invoice.ID), event.Data(map[string]any{"number": c.invoice.Label(), "amount": c.invoice.Total.Minor, "currency": c.invoice.Total.Currency}))
		}
		switch {
		case ended:
			w.add(c, event.SubscriptionCanceled, int64(c.sub.ID), event.Data(map[string]any{"reason": c.sub.EndReason}))
		case first && c.sub.State == subscription.PastDue: // it may have been canceled meanwhile
			w.add(c, event.SubscriptionPastDue, int64(c.sub.ID), event.Data(map[string]any{"invoice": c.invoice.ID, "code": code, "next_try": c.sub.NextActionAt}))
		}
	}
}

// unknown notes that the gateway has not answered.
func (w *settlement) unknown(c *collection) {
	if c.sub != nil {
		c.sub.Waiting(c.invoice.ID)
		w.subs = append(w.subs, c.sub)
	}
	w.add(c, event.PaymentUnknown, int64(c.payment.ID), event.Data(map[string]any{"amount": c.payment.Amount.Minor, "currency": c.payment.Amount.Currency, "ask_at": c.payment.AskAt}))
}

// write puts down what was gathered.
func (w *settlement) write(tx *db.Tx, list []*collection) error {
	for _, save := range []func() ([]int, error){
		func() ([]int, error) { return invoice.Save(tx, w.invoices) },
		func() ([]int, error) { return invoice.SavePaid(tx, w.paidUp) },
		func() ([]int, error) { return subscription.Save(tx, w.subs) },
		func() ([]int, error) { return subscription.SaveRenewed(tx, w.renewed) },
	} {
		conflicts, err := save()
		if err != nil {
			return err
		}
		if len(conflicts) > 0 {
			return db.VersionConflict()
		}
	}
	for _, c := range list {
		if c.order == nil || c.order.State == order.Pending {
			continue
		}
		if err := order.SaveState(tx, *c.order); err != nil {
			return err
		}
	}
	if err := subscription.Insert(tx, w.started); err != nil {
		return err
	}
	if err := ledger.Post(tx, w.entries); err != nil {
		return err
	}
	return event.Append(tx, w.account.ID, w.events...)
}

// series is the invoice series of an account; a sandbox has its own, so that a
// number tells whether a document is real.
func series(a account.Account) string {
	if a.Mode == account.Sandbox {
		return "TEST"
	}
	return "INV"
}

// gatewayTimeout bounds one call to a gateway; after it the outcome is unknown.
const gatewayTimeout = 30 * time.Second

// charge asks the gateway for one collection. It calls the network.
func (s *Service) charge(ctx context.Context, c *collection) {
	if c.payment.ID == 0 {
		c.result = payment.Result{Outcome: payment.Declined, Code: "no_payment_method"}
		return
	}
	g, err := s.gateway(c.payment.Gateway)
	if err == nil {
		err = s.faults.Hit("gateway.charge")
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, gatewayTimeout)
		defer cancel()
		c.result, err = g.Charge(ctx, payment.Charge{Account: c.payment.Account, Key: c.payment.Key(), Token: c.method.Token, Amount: c.payment.Amount})
	}
	if err != nil {
		// Nothing can have happened, yet to say "declined" would let another payment be
		// made; "unknown" asks again under the same key, which is right in both cases.
		s.log.Warn("a charge could not be sent", "payment", c.payment.ID, "err", err)
		c.result = payment.Result{Outcome: payment.Unknown}
	}
}

// refusal is what a declined collection is to whoever asked for it.
func refusal(r payment.Result) error {
	if r.Outcome == payment.Unknown {
		return fault.New(fault.Pending, "the bank has not answered yet; it will be asked again under the same key, so do not pay again").WithCode("payment_unknown")
	}
	return fault.New(fault.Declined, "%s", payment.Words(r.Code)).WithCode(r.Code)
}
