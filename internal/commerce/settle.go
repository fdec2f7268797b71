package commerce

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/credit"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/link"
	"perennial/internal/money"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

// collection is one invoice on its way to be paid: what was asked of the gateway
// and what it answered.
type collection struct {
	invoice invoice.Invoice
	sub     *subscription.Subscription // nil for a sale; its row exists already
	order   *order.Order               // nil for a renewal
	change  *changing                  // of terms; nil for everything else
	payment payment.Payment            // ID 0: there was no method to charge, or nothing to pay
	method  payment.Method
	result  payment.Result
	at      time.Time // when it happens, on the account's clock
	actor   event.Actor
	lease   time.Time // machine time until which nobody else acts on the subscription; zero outside of a run

	passed bool // the step of the recovery passed without a charge, which could not help
	lost   bool // settled: the subscription ended because it was the last try

	present bool            // the customer is in the browser
	consent payment.Consent // that the customer gave there
	waited  payment.Awaited // for whom, before this outcome
	byHand  bool            // a person said what became of it

	nothingDue bool // the customer's credit paid for all of it
	unasked    bool // there is no method to charge; the invoice stays open
}

// stale reports whether the lease is over or about to be: whoever begins a call then
// may no longer be the only one to make it. Under its key a charge would still be made
// only once, but its outcome belongs to whoever has the lease.
func (c *collection) stale(machine time.Time) bool {
	return !c.lease.IsZero() && machine.After(c.lease.Add(-gatewayTimeout))
}

// settlement gathers what one transaction writes for a list of collections.
type settlement struct {
	account  account.Account
	list     []*collection
	invoices []*invoice.Invoice
	paidUp   []*invoice.Invoice // issued before; nothing changed but that they are paid
	subs     []*subscription.Subscription
	renewed  []*subscription.Subscription // were active and stay so
	switched []*subscription.Subscription // their terms changed
	credits  []credit.Entry               // that comes back
	entries  []ledger.Entry
	events   []event.Event
	started  []subscription.Subscription
	news     []time.Time           // when the sandbox has more to tell
	replaced []*collection         // last invoices of subscriptions that were replaced, charged after the commit
	undone   []subscription.Undone // scheduled changes of subscriptions that end
	recovering
}

// settle writes the outcome of collections of one account in a transaction of its
// own. What somebody else settled meanwhile is left alone.
func (s *Service) settle(ctx context.Context, acc id.Account, list []*collection) error {
	tries := 0
	var work, last []*collection
	err := s.db.Background(ctx, func(tx *db.Tx) error {
		tries++
		a, err := account.Load(tx, acc)
		if err != nil {
			return err
		}
		work = make([]*collection, len(list))
		for i, c := range list {
			fresh := *c // the closure may run again: what it changes is its own copy
			if c.sub != nil {
				sub := *c.sub
				fresh.sub = &sub
			}
			if c.order != nil {
				o := *c.order
				fresh.order = &o
			}
			work[i] = &fresh
		}
		if tries > 1 {
			if err := reload(tx, a, work); err != nil {
				return err
			}
		}
		last, err = s.settleAll(tx, a, work)
		return err
	})
	if err != nil {
		return err
	}
	for i, c := range work {
		list[i].lost = c.lost
	}
	for _, c := range last {
		if err := s.finishCharge(ctx, acc, c); err != nil { // what came true stays true; the charge is asked for later
			s.log.Warn("the last invoice of a replaced subscription is charged later", "invoice", c.invoice.ID, "account", acc, "err", err)
		}
	}
	return nil
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

// settleIn writes the outcome of collections inside a transaction of somebody else's. What
// came of it to be charged is asked for later.
func (s *Service) settleIn(tx *db.Tx, a account.Account, list []*collection) error {
	_, err := s.settleAll(tx, a, list)
	return err
}

// settleAll writes the outcome of collections inside a transaction. It returns those that
// came of it: whoever commits may charge them at once.
func (s *Service) settleAll(tx *db.Tx, a account.Account, list []*collection) ([]*collection, error) {
	list, err := s.settlePayments(tx, list)
	if err != nil {
		return nil, err
	}
	w := &settlement{account: a, list: list}
	if w.recovering, err = s.loadRecovering(tx, a, list); err != nil {
		return nil, err
	}
	for _, c := range list {
		switch {
		case c.payment.ID != 0 && c.payment.State == payment.Pending:
			w.unknown(c)
		case c.payment.State == payment.Paid || c.nothingDue:
			if c.result.News.After(c.at) && c.payment.Gateway == SandboxGateway {
				w.news = append(w.news, c.result.News)
			}
			err = w.paid(tx, c)
		default:
			err = w.declined(tx, c)
		}
		if err != nil {
			return nil, err
		}
	}
	return w.replaced, w.write(tx, list)
}

// settlePayments writes the outcomes and leaves out the payments that somebody
// else settled first.
func (s *Service) settlePayments(tx *db.Tx, list []*collection) ([]*collection, error) {
	tried := make([]payment.Payment, 0, len(list))
	index := make([]int, 0, len(list))
	skip := make([]bool, len(list))
	for i, c := range list {
		if c.payment.ID == 0 {
			skip[i] = c.nothingDue && c.invoice.State != invoice.Draft && c.invoice.State != invoice.Open // settled meanwhile
			continue
		}
		if c.payment.State != payment.Pending {
			skip[i] = true
			if err := s.tooLate(tx, c, c.payment); err != nil {
				return nil, err
			}
			continue
		}
		c.waited = c.payment.Waits
		c.payment.Settle(c.result, c.at)
		if c.byHand || c.payment.Gateway == RecordedGateway && c.payment.State == payment.Paid {
			c.payment.Trouble = payment.ByHand
		}
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
		if err := s.tooLate(tx, c, now); err != nil {
			return nil, err
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

// tooLate tells people of an outcome for a payment that somebody else settled first, when
// money was taken that the books call declined.
func (s *Service) tooLate(tx *db.Tx, c *collection, now payment.Payment) error {
	if c.result.Outcome != payment.Succeeded || now.State != payment.DeclinedState {
		return nil
	}
	return s.contradicts(tx, now, nil, paidAfterDecline, c.result.Reference, c.at)
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
		w.entries = append(w.entries, ledger.CreditUsed(v.Account, v.ID, c.at, money.Amount{Minor: v.CreditUsed, Currency: v.Total.Currency}, false)...)
	}
	if v.State == invoice.Uncollectible {
		save = &w.invoices
		w.entries = append(w.entries, ledger.GivenUp(v.Account, v.ID, c.at, v.Due(), true)...)
	}
	v.Pay(c.at)
	*save = append(*save, v)
	if c.payment.ID != 0 {
		w.entries = append(w.entries, ledger.Collected(v.Account, v.ID, c.payment.ID, c.at, c.payment.Amount))
	}
	facts := newFacts().whole("amount", v.Total.Minor).whole("attempt", int64(c.payment.Attempt))
	if v.CreditUsed > 0 {
		facts = facts.whole("credit_used", v.CreditUsed)
	}
	w.add(c, event.InvoicePaid, int64(v.ID), facts.word("currency", string(v.Total.Currency)).
		word("number", v.Label()).word("payment", c.payment.ID.String()).text())
	switch {
	case c.order != nil:
		return w.complete(tx, c)
	case c.change != nil:
		return w.changed(tx, c)
	case c.sub != nil && c.sub.Invoice == v.ID:
		return w.renew(tx, c)
	case c.sub != nil: // an invoice beside the periods
		c.sub.LeaseUntil = time.Time{}
		w.save(c.sub)
	}
	return nil
}

// renew notes that the present period of a subscription, or the fee of its pause, is
// paid.
func (w *settlement) renew(tx *db.Tx, c *collection) error {
	before := *c.sub
	c.sub.Settled(c.at)
	w.recovered(c)
	if before.Extras.Succeeds {
		c.sub.Extras.Succeeds = false
		w.save(c.sub)
	} else if before.State == subscription.Active && before.NoticeAt.IsZero() && c.sub.NoticeAt.IsZero() {
		w.renewed = append(w.renewed, c.sub)
	} else {
		w.save(c.sub)
	}
	kind := event.SubscriptionRenewed
	switch {
	case c.sub.State == subscription.Canceled || c.sub.State == subscription.Paused:
		return nil
	case before.State == subscription.PastDue || before.Failures > 0:
		kind = event.SubscriptionResumed
	case before.State == subscription.Trialing && !before.InTrial():
		kind = event.SubscriptionStarted
	}
	w.add(c, kind, int64(c.sub.ID), newFacts().
		instant("from", c.sub.Span.From).word("invoice", c.invoice.ID.String()).whole("period", int64(c.sub.Period)).instant("to", c.sub.Span.To).text())
	if before.Extras.Succeeds {
		return w.succeed(tx, c, c.sub)
	}
	return nil
}

// succeed ends what the product that a subscription came to have ends.
func (w *settlement) succeed(tx *db.Tx, c *collection, sub *subscription.Subscription) error {
	product, err := catalog.LoadProduct(tx, w.account.ID, sub.Product)
	if err != nil {
		return err
	}
	return w.endOthers(tx, c, product, sub)
}

// complete finishes an order whose payment went through, or that had nothing to pay.
func (w *settlement) complete(tx *db.Tx, c *collection) error {
	o := c.order
	o.State = order.Completed
	price, err := catalog.LoadPrice(tx, w.account.ID, o.Price)
	if err != nil {
		return err
	}
	product, err := catalog.LoadProduct(tx, w.account.ID, price.Product)
	if err != nil {
		return err
	}
	if o.Subscription != 0 {
		var t subscription.Terms
		if err := json.Unmarshal([]byte(o.Terms), &t); err != nil {
			return err
		}
		sub := subscription.Start(o.Subscription, w.account.ID, o.Customer, o.Method, t, o.CreatedAt)
		if err := w.reminders(tx, &sub); err != nil {
			return err
		}
		w.started = append(w.started, sub)
		if err := w.endOthers(tx, c, product, &sub); err != nil {
			return err
		}
		w.events = append(w.events, event.New(w.account.ID, c.at, c.actor, event.SubscriptionCreated, int64(sub.ID), o.Customer,
			event.Data(map[string]any{"price": sub.Price, "quantity": sub.Quantity, "state": sub.State, "amount": sub.UnitAmount.Minor, "currency": sub.UnitAmount.Currency})))
	}
	w.events = append(w.events, event.New(w.account.ID, c.at, c.actor, event.OrderCompleted, int64(o.ID), o.Customer,
		event.Data(map[string]any{"source": o.Source, "price": o.Price, "quantity": o.Quantity})))
	if err := leadBought(tx, w.account, *o, product.Campaign, c.actor, c.at); err != nil {
		return err
	}
	if err := issueLicenses(tx, w.account, *o, product, c.actor, c.at); err != nil {
		return err
	}
	return w.prepaid(tx, c, price)
}

// endOthers ends the customer's subscriptions to products that the new one replaces. What
// waits is billed, and what was used, unless an end was scheduled that gives it up.
func (w *settlement) endOthers(tx *db.Tx, c *collection, product catalog.Product, started *subscription.Subscription) error {
	if len(product.Settings.Ends) == 0 {
		return nil
	}
	list, err := subscription.List(tx, w.account.ID, subscription.Filter{Customer: started.Customer, Limit: 200})
	if err != nil {
		return err
	}
	for i := range list {
		old := w.own(&list[i])
		if old.State == subscription.Canceled || old.ID == started.ID || !slices.Contains(product.Settings.Ends, old.Product) {
			continue
		}
		scheduled := old.Scheduled()
		last, err := billLast(tx, w.account, old, old.CancelAt.IsZero() || old.Extras.BillUsage, c.actor, c.at)
		if err != nil {
			return err
		}
		if last != nil {
			w.replaced = append(w.replaced, last)
		}
		old.End(c.at, subscription.Replaced)
		if err := closeCase(tx, w.account.ID, old.Invoice, recovery.Canceled, c.at); err != nil {
			return err
		}
		w.undo(c, old, scheduled)
		if old.Invoice != 0 {
			if err := askAnyway(tx, w.account, old.Invoice, c.at); err != nil {
				return err
			}
		}
		w.save(old)
		w.add(c, event.SubscriptionCanceled, int64(old.ID), event.Data(map[string]any{"reason": old.EndReason, "by": started.ID}))
	}
	return nil
}

// own is a subscription as this settlement has it, if it is one of those that are settled:
// who is billed for the old in the same moment must not save over its end.
func (w *settlement) own(sub *subscription.Subscription) *subscription.Subscription {
	for _, c := range w.list {
		if c.sub != nil && c.sub.ID == sub.ID {
			return c.sub
		}
	}
	return sub
}

// save has everything of a subscription saved, once.
func (w *settlement) save(sub *subscription.Subscription) {
	same := func(s *subscription.Subscription) bool { return s == sub }
	w.renewed = slices.DeleteFunc(w.renewed, same)
	if !slices.Contains(w.subs, sub) && !slices.Contains(w.switched, sub) {
		w.subs = append(w.subs, sub)
	}
}

// undo takes back the change of terms that was scheduled for a subscription that has ended.
func (w *settlement) undo(c *collection, sub *subscription.Subscription, scheduled id.Change) {
	if scheduled == 0 {
		return
	}
	w.undone = append(w.undone, subscription.Undone{Change: scheduled, At: c.at})
	w.events = append(w.events, changeUndone(sub, scheduled, c.actor, c.at))
}

// declined settles a collection that was refused.
func (w *settlement) declined(tx *db.Tx, c *collection) error {
	code := c.result.Code
	if c.payment.ID != 0 {
		w.add(c, event.PaymentDeclined, int64(c.payment.ID), event.Data(map[string]any{"code": code, "class": c.payment.Class, "amount": c.payment.Amount.Minor,
			"currency": c.payment.Amount.Currency, "attempt": c.payment.Attempt, "invoice": c.invoice.ID}))
	}
	switch {
	case c.order != nil:
		c.order.State = order.Failed
		w.takeBack(c)
		w.add(c, event.OrderFailed, int64(c.order.ID), event.Data(map[string]any{"code": code, "source": c.order.Source}))
		redeemed, err := coupon.OfOrder(tx, w.account.ID, c.order.ID)
		if err != nil {
			return err
		}
		return coupon.Return(tx, redeemed, c.at)
	case c.change != nil:
		return w.changeDeclined(tx, c, code)
	case c.sub != nil && c.sub.Invoice != c.invoice.ID: // an invoice beside the periods: it stays open
		c.sub.LeaseUntil = time.Time{}
		w.save(c.sub)
	case c.sub != nil:
		return w.failed(c, code)
	case c.invoice.State == invoice.Draft: // of a charge by hand: it comes to nothing
		w.takeBack(c)
	}
	return nil
}

// takeBack voids the draft of what was declined; what it took of the customer's credit
// comes back.
func (w *settlement) takeBack(c *collection) {
	_ = c.invoice.Cancel(c.at) // a draft can always be canceled
	w.invoices = append(w.invoices, &c.invoice)
	w.credits = append(w.credits, creditBack(c.invoice, c.at)...)
}

// unknown notes that the gateway has not answered.
func (w *settlement) unknown(c *collection) {
	switch {
	case c.sub == nil:
	case c.change != nil:
		c.sub.Held()
		w.save(c.sub)
	case c.sub.Invoice != c.invoice.ID, c.payment.ByHand && c.sub.NextActionAt.After(c.at): // the schedule stays
		c.sub.LeaseUntil = time.Time{}
		w.save(c.sub)
	default:
		c.sub.Waiting(c.invoice.ID)
		w.save(c.sub)
	}
	w.asked(c)
	w.waits(c)
}

// waits tells whom a payment waits for, once.
func (w *settlement) waits(c *collection) {
	p := c.payment
	facts := map[string]any{"amount": p.Amount.Minor, "currency": p.Amount.Currency, "invoice": c.invoice.ID}
	kind := event.PaymentUnknown
	switch {
	case p.Waits == payment.ForPerson && p.Trouble == payment.AmountDiffers:
		kind, facts["gateway_amount"], facts["gateway_currency"] = event.PaymentMismatch, c.result.Amount.Minor, c.result.Amount.Currency
		facts["reference"], facts["reason"] = p.Reference, p.Trouble
	case p.Waits == payment.ForPerson:
		kind, facts["reason"] = event.PaymentUnresolved, p.Trouble
	case p.Waits == payment.ForBank:
		kind, facts["ask_at"] = event.PaymentProcessing, p.AskAt
	case p.Waits == payment.ForCustomer:
		kind, facts["until"] = event.PaymentNeedsConfirmation, p.AskAt
		if p.Waits != c.waited { // told now
			way := link.New(w.keys, w.account.ID, link.ConfirmPayment, c.invoice.Customer, int64(c.invoice.ID), c.at)
			w.links, facts["link"] = append(w.links, way), way.ID
		}
	default:
		facts = map[string]any{"amount": p.Amount.Minor, "currency": p.Amount.Currency, "ask_at": p.AskAt}
	}
	if p.Waits == payment.ForAnswer || p.Waits != c.waited {
		w.add(c, kind, int64(p.ID), event.Data(facts))
	}
}

// write puts down what was gathered.
func (w *settlement) write(tx *db.Tx, list []*collection) error {
	for _, save := range []func() ([]int, error){
		func() ([]int, error) { return invoice.Save(tx, w.invoices) },
		func() ([]int, error) { return invoice.SavePaid(tx, w.paidUp) },
		func() ([]int, error) { return subscription.Save(tx, w.subs) },
		func() ([]int, error) { return subscription.SaveRenewed(tx, w.renewed) },
		func() ([]int, error) { return subscription.SaveTerms(tx, w.switched) },
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
	if err := w.earn(tx, list); err != nil {
		return err
	}
	if err := subscription.Undo(tx, w.account.ID, w.undone...); err != nil {
		return err
	}
	if err := w.recovering.write(tx, w.account.ID); err != nil {
		return err
	}
	if len(w.credits) > 0 {
		if err := credit.Add(tx, w.credits); err != nil {
			return err
		}
	}
	if err := ledger.Post(tx, w.entries); err != nil {
		return err
	}
	for _, at := range w.news {
		if err := payment.ExpectNews(tx, w.account.ID, at); err != nil {
			return err
		}
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
		if c.nothingDue {
			c.result = payment.Result{Outcome: payment.Succeeded}
		}
		return
	}
	if stale(c) {
		s.ask(ctx, c)
		return
	}
	s.send(ctx, c)
}

// stale reports whether a gateway may have forgotten the key of a charge, or has
// answered it before: such a one is asked for and never sent.
func stale(c *collection) bool {
	return c.payment.Waits != payment.ForAnswer || c.payment.Reference != "" || forgotten(c.payment.Gateway, c.payment.CreatedAt, c.at)
}

// forgotten reports whether a gateway may have forgotten the key of what was asked for so
// long ago. The sandbox, whose clock leaps, forgets none.
func forgotten(gateway string, asked, now time.Time) bool {
	return gateway != SandboxGateway && now.Sub(asked) >= payment.KeyLife
}

// send sends a charge to its gateway.
func (s *Service) send(ctx context.Context, c *collection) {
	g, err := s.gateway(ctx, c.payment.Account, c.payment.Gateway)
	if err == nil {
		err = s.faults.Hit("gateway.charge")
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, gatewayTimeout)
		defer cancel()
		p := c.payment
		c.result, err = g.Charge(ctx, payment.Charge{Account: p.Account, Key: p.Key(), Token: c.method.Token, Amount: p.Amount, Customer: p.Customer, Invoice: p.Invoice,
			Present: c.present, Consent: c.consent, Asked: p.CreatedAt, Now: c.at})
	}
	if err != nil {
		// Nothing can have happened, yet to say "declined" would let another payment be
		// made; "unknown" asks again under the same key, which is right in both cases.
		s.log.Warn("a charge could not be sent", "payment", c.payment.ID, "err", err)
		c.result = payment.Result{Outcome: payment.Unknown}
	}
}

// refusal is what a declined collection is to whoever asked for it.
func refusal(code string) error {
	return fault.New(fault.Declined, "%s", payment.Words(code)).WithCode(code)
}

// pending is what a payment without an outcome is to whoever asked for it.
func pending(p *payment.Payment) error {
	waits := payment.ForAnswer
	if p != nil {
		waits = p.Waits
	}
	switch waits {
	case payment.ForBank:
		return fault.New(fault.Pending, "the bank accepted the payment and settles it in some days; do not pay again").WithCode("payment_processing")
	case payment.ForCustomer:
		return fault.New(fault.Pending, "the customer has to confirm the payment with their bank").WithCode("payment_needs_confirmation")
	}
	return fault.New(fault.Pending, "the bank has not answered yet; it will be asked again under the same key, so do not pay again").WithCode("payment_unknown")
}
