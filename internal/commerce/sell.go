package commerce

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// Sell sells a price to a customer.
type Sell struct {
	Call
	Customer id.Customer     // who buys; 0 when Buyer tells
	Buyer    *CreateCustomer // a buyer who may be new: found by e-mail address, else made
	Price    id.Price
	Quantity int64     // 0 means 1
	Method   id.Method // to pay with; 0 when Token tells, or nothing needs to be paid
	Token    string    // from the gateway, saved as a new payment method first
	Source   string    // "api", "checkout" …
	Options  Options
	Referred Referred // who brought the buyer
	Present  bool     // the buyer is in the browser and can confirm the payment
	Consent  payment.Consent
	// Shown is what the buyer was told is due now; when it is set and wrong, nothing
	// is sold: the price changed since the page was opened.
	Shown *money.Amount
}

// Sale is what came of Sell. Subscription is nil for a one-time price, Invoice and
// Payment are nil when nothing was due.
type Sale struct {
	Order        order.Order
	Customer     customer.Customer
	Subscription *subscription.Subscription
	Invoice      *invoice.Invoice
	Payment      *payment.Payment
	Step         *payment.Step // that the buyer has to take, when the payment waits for them
}

// Sell sells a price: an order and a draft invoice are written, the gateway is
// asked, and then either order, invoice and subscription come true together, or
// the order failed and the refusal is fault.Declined. When the gateway does not
// answer the refusal is fault.Pending, and the order is settled later.
func (s *Service) Sell(ctx context.Context, c Sell) (Sale, error) {
	saved, err := s.saveOnce(ctx, c.Call, saving{token: c.Token, price: c.Price, chargeFollows: c.Present, consent: c.Consent, customer: c.Customer, buyer: c.Buyer})
	if err != nil {
		return Sale{}, err
	}
	if err := s.checkBuyer(ctx, &c); err != nil {
		return Sale{}, err
	}
	var placed id.Order
	var work *collection
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		before, err := s.begin(tx, c.Call)
		if err != nil {
			return err
		}
		if before != 0 {
			placed = id.Order(before)
			work, err = s.unfinished(tx, a, placed)
			return err
		}
		if c.Token != "" && saved == nil {
			return errForgotten
		}
		o, w, err := s.place(tx, a, a.Now(s.clock.Now()), c, saved)
		if err != nil {
			return err
		}
		placed, work = o.ID, w
		return s.hold(tx, c.Call, int64(o.ID))
	})
	if err != nil {
		return Sale{}, err
	}
	var step *payment.Step
	if work != nil {
		work.present, work.consent = c.Present, c.Consent
		s.charge(ctx, work)
		step = work.result.Step
		if err := s.settle(context.WithoutCancel(ctx), c.Account, []*collection{work}); err != nil {
			return Sale{}, err
		}
	}
	sale, err := s.sold(ctx, c.Call, placed)
	sale.Step = step
	return sale, err
}

// place writes an order and, when something is due, its draft invoice and the
// pending payment that must be collected; with nothing due the order is complete.
func (s *Service) place(tx *db.Tx, a account.Account, now time.Time, c Sell, saved *instrument) (order.Order, *collection, error) {
	if c.Quantity == 0 {
		c.Quantity = 1
	}
	at := c.Options.asOf(now) // what is sold, is sold as of then
	if c.Buyer != nil {       // refused before anybody is made a customer
		c.Options.Guest = &customer.Customer{Buyer: c.Buyer.Buyer, Taxing: c.Buyer.Taxing}
		c.Options.Guest.Taxing.IDState = string(c.Buyer.checked)
		if err := sellable(tx, a, c, at); err != nil {
			return order.Order{}, nil, err
		}
	}
	buyer, err := s.buyer(tx, a, now, c)
	if err != nil {
		return order.Order{}, nil, err
	}
	method, err := s.methodFor(tx, a, now, c, buyer.ID, saved)
	if err != nil {
		return order.Order{}, nil, err
	}
	ch, err := choose(tx, a, c.Price, c.Quantity, c.Options, buyer.ID, at)
	if err != nil {
		return order.Order{}, nil, err
	}
	o := order.Order{ID: id.New[id.Order](), Account: a.ID, Customer: buyer.ID, Price: ch.price.ID, Quantity: c.Quantity, Method: method.ID,
		State: order.Pending, Source: c.Source, Secret: account.RandomText(16), CreatedAt: at, Version: 1}
	if ch.price.Recurring() {
		o.Subscription = id.New[id.Subscription]()
	}
	if err := roomFor(tx, a.ID, buyer.ID, ch.price, c.Quantity); err != nil {
		return o, nil, err
	}
	due, err := ch.due(tx, a, o, buyer.ID, at)
	if err != nil {
		return o, nil, err
	}
	v := due.invoice(a, o, buyer)
	if ch.price.Recurring() {
		o.Terms = termsText(ch.terms)
	}
	if len(ch.coupons) > 0 {
		if err := redeem(tx, a, ch.coupons, buyer.ID, o.ID, o.Subscription, c.Actor, now); err != nil {
			return o, nil, err
		}
	}
	if len(due.lines) > 0 {
		if err := v.Fill(due.lines); err != nil {
			return o, nil, err
		}
	}
	if err := useCredit(tx, a, &v, now); err != nil {
		return o, nil, err
	}
	if err := checkShown(c.Shown, v, ch.currency); err != nil {
		return o, nil, err
	}
	if a.Settings.Affiliates {
		if err := refer(tx, a, c, ch, o, buyer, now); err != nil {
			return o, nil, err
		}
	}
	if v.Total.IsZero() {
		return s.placeFree(tx, a, o, buyer, c.Actor, now)
	}
	if method.ID == 0 && v.Due().Sign() > 0 {
		return o, nil, fault.BadField("payment_method", "must be given, because something is to be paid now")
	}
	o.Invoice = v.ID
	work := &collection{invoice: v, order: &o, method: method, at: now, actor: c.Actor, nothingDue: v.Due().IsZero()}
	if err := order.Insert(tx, o); err != nil {
		return o, nil, err
	}
	return o, work, work.open(tx, due.lines, v.Due(), now)
}

// sellable refuses a sale whose terms cannot be.
func sellable(tx *db.Tx, a account.Account, c Sell, now time.Time) error {
	ch, err := choose(tx, a, c.Price, c.Quantity, c.Options, c.Customer, now)
	if err != nil {
		return err
	}
	_, err = ch.due(tx, a, order.Order{}, c.Customer, now)
	return err
}

// open writes an invoice with its lines, and the pending payment of what is due.
func (c *collection) open(tx *db.Tx, lines []invoice.Line, due money.Amount, now time.Time) error {
	invoices := []invoice.Invoice{c.invoice}
	if err := invoice.Insert(tx, invoices); err != nil {
		return err
	}
	c.invoice = invoices[0]
	if err := invoice.InsertLines(tx, lines); err != nil || c.nothingDue || c.unasked {
		return err
	}
	v := c.invoice
	payments := []payment.Payment{{ID: id.New[id.Payment](), Account: v.Account, Invoice: v.ID, Customer: v.Customer, Method: c.method.ID, Gateway: c.method.Gateway,
		Attempt: 1, State: payment.Pending, Amount: due, AskAt: payment.NextAsk(now, now), CreatedAt: now}}
	if err := payment.Insert(tx, payments); err != nil {
		return err
	}
	c.payment = payments[0]
	return nil
}

// due is what a sale charges at once.
type due struct {
	lines []invoice.Line
	sub   *subscription.Subscription // that the sale begins; nil for a one-time price
	note  invoice.Notes
	tax   taxes
}

// due computes what is due at the sale, and keeps the discounts that are left in the
// terms. What could not be billed later is refused now.
func (c *chosen) due(tx *db.Tx, a account.Account, o order.Order, buyer id.Customer, now time.Time) (due, error) {
	var d due
	var profiles []int64
	if a.Settings.TaxProfile != 0 {
		profiles = []int64{int64(a.Settings.TaxProfile)}
	}
	book, err := openTaxBook(tx, a, profiles, []int64{int64(buyer)}, c.product.Settings.Ships)
	if err != nil {
		return d, err
	}
	if c.guest != nil {
		book.meet(buyer, *c.guest)
	}
	d.tax = book.taxes(a.Settings.TaxProfile, buyer, c.product, now)
	b := billing{priced: c.priced, account: a, tax: d.tax, discounts: c.discounts}
	if c.price.Recurring() {
		sub := subscription.Start(o.Subscription, a.ID, buyer, o.Method, c.terms, now)
		if len(sub.Extras.Dates) == 0 && len(c.price.Terms.Dates) > 0 {
			return d, fault.New(fault.Conflict, "all days of payment of this price have passed").WithCode("dates_passed")
		}
		d.sub = &sub
	}
	var left []coupon.Discount
	if d.lines, left, err = b.firstLines(c.quantity, d.sub); err != nil {
		return d, err
	}
	if d.sub != nil {
		spendDiscounts(&c.terms.Extras, c.discounts, left)
		c.terms.Extras.Uncharged = d.sub.InTrial() && !slices.ContainsFunc(d.lines, func(l invoice.Line) bool { return l.Kind == invoice.ForPeriod || l.Kind == invoice.ForTrial })
		if err := b.payable(c.quantity); err != nil {
			return d, err
		}
		if err := c.checkFollowing(tx, a, d.tax, now); err != nil {
			return d, err
		}
	}
	d.note = c.note
	d.note.Tax, d.note.Evidence = d.tax.notes()
	return d, nil
}

// invoice is the draft of what is due.
func (d due) invoice(a account.Account, o order.Order, buyer customer.Customer) invoice.Invoice {
	v := invoice.Invoice{ID: id.New[id.Invoice](), Account: a.ID, Customer: buyer.ID, Subscription: o.Subscription, Order: o.ID, State: invoice.Draft,
		Reason: invoice.Sale, Seller: a.Profile, Buyer: buyer.Version, CreatedAt: o.CreatedAt, Notes: d.note}
	if d.sub != nil {
		v.Period = d.sub.Period
		if len(d.lines) > 0 {
			v.Span = d.lines[len(d.lines)-1].Span
		}
	}
	return v
}

// placeFree completes an order with nothing to pay.
func (s *Service) placeFree(tx *db.Tx, a account.Account, o order.Order, buyer customer.Customer, by event.Actor, now time.Time) (order.Order, *collection, error) {
	if err := order.Insert(tx, o); err != nil {
		return o, nil, err
	}
	done := &collection{invoice: invoice.Invoice{Customer: buyer.ID}, order: &o, at: now, actor: by}
	w := &settlement{account: a}
	if err := w.complete(tx, done); err != nil {
		return o, nil, err
	}
	return o, nil, w.write(tx, []*collection{done})
}

// checkShown refuses a sale whose buyer was shown another amount. Who was shown the total
// because nobody knew them, and has credit, pays less.
func checkShown(shown *money.Amount, v invoice.Invoice, c money.Currency) error {
	due := v.Due()
	if due.Currency == "" {
		due.Currency = c
	}
	if shown != nil && *shown != due && (*shown != v.Total || v.CreditUsed == 0) {
		return fault.New(fault.Conflict, "the price changed since the page was opened; nothing was charged").WithCode("price_changed")
	}
	return nil
}

// describe is a price as a line of an invoice names it.
func describe(product catalog.Product, p catalog.Price) string {
	if p.Name == "" {
		return product.Name
	}
	return product.Name + " – " + p.Name
}

// termsText is what a subscription is sold as, kept with the order that begins it.
func termsText(t subscription.Terms) string {
	b, _ := json.Marshal(t) // what it holds always marshals
	return string(b)
}

// buyer is the customer who buys: given, found by address, or made.
func (s *Service) buyer(tx *db.Tx, a account.Account, now time.Time, c Sell) (customer.Customer, error) {
	if c.Buyer == nil {
		found, err := present(tx, a, c.Customer)
		return found, refersTo(err, "customer")
	}
	email, err := account.ParseEmail(c.Buyer.Email)
	if err != nil {
		return customer.Customer{}, fault.BadField("email", "%s", fault.As(err).Message)
	}
	found, err := customer.ByEmail(tx, a.ID, email)
	if !fault.Is(err, fault.NotFound) {
		return found, err
	}
	made := *c.Buyer
	made.Call = c.Call
	return addCustomer(tx, a, now, made)
}

// methodFor is the payment method of the sale, 0 when none was named.
func (s *Service) methodFor(tx *db.Tx, a account.Account, now time.Time, c Sell, buyer id.Customer, saved *instrument) (payment.Method, error) {
	if saved != nil {
		return attach(tx, a, now, c.Actor, buyer, *saved)
	}
	if c.Method == 0 {
		return payment.Method{}, nil
	}
	m, err := payment.LoadMethod(tx, a.ID, c.Method)
	if err != nil {
		return m, refersTo(err, "payment_method")
	}
	if m.Customer != buyer || m.State != payment.Usable {
		return m, fault.BadField("payment_method", "is not a usable payment method of this customer")
	}
	return m, nil
}

// unfinished is what is left to collect of an order, nil when it is settled.
func (s *Service) unfinished(tx *db.Tx, a account.Account, placed id.Order) (*collection, error) {
	o, err := order.Load(tx, a.ID, placed)
	if err != nil || o.State != order.Pending {
		return nil, err
	}
	v, err := invoice.Load(tx, a.ID, o.Invoice)
	if err != nil {
		return nil, err
	}
	payments, err := payment.OfInvoices(tx, a.ID, []int64{int64(v.ID)})
	if err != nil {
		return nil, err
	}
	if v.Due().IsZero() {
		return &collection{invoice: v, order: &o, at: a.Now(s.clock.Now()), actor: event.Clock, nothingDue: true}, nil
	}
	for _, p := range payments[v.ID] {
		if p.State != payment.Pending {
			continue
		}
		method, err := payment.LoadMethod(tx, a.ID, p.Method)
		return &collection{invoice: v, order: &o, payment: p, method: method, at: a.Now(s.clock.Now()), actor: event.Clock}, err
	}
	return nil, nil
}

// sold reads what came of an order and keeps the answer of the call.
func (s *Service) sold(ctx context.Context, c Call, placed id.Order) (Sale, error) {
	var sale Sale
	var refused error
	finish := func(tx *db.Tx) error {
		sale, refused = Sale{}, nil
		var err error
		if sale, err = readSale(tx, c.Account, placed); err != nil {
			return err
		}
		switch sale.Order.State {
		case order.Pending:
			refused = pending(sale.Payment)
			return nil // its key stays taken until the outcome is known
		case order.Failed:
			refused = refusal(sale.Payment.DeclineCode)
		}
		if c.Once == nil {
			return nil
		}
		return s.finish(tx, c, sale, refused)
	}
	ctx = context.WithoutCancel(ctx)
	run := s.db.View
	if c.Once != nil {
		run = s.db.Update
	}
	if err := run(ctx, finish); err != nil {
		return sale, err
	}
	return sale, refused
}

func readSale(tx *db.Tx, acc id.Account, placed id.Order) (Sale, error) {
	o, err := order.Load(tx, acc, placed)
	if err != nil {
		return Sale{}, err
	}
	sale := Sale{Order: o}
	if sale.Customer, err = customer.Load(tx, acc, o.Customer); err != nil {
		return sale, err
	}
	if o.Subscription != 0 && o.State == order.Completed {
		sub, err := subscription.Load(tx, acc, o.Subscription)
		if err != nil {
			return sale, err
		}
		sale.Subscription = &sub
	}
	if o.Invoice != 0 {
		v, err := invoice.Load(tx, acc, o.Invoice)
		if err != nil {
			return sale, err
		}
		sale.Invoice = &v
		payments, err := payment.OfInvoices(tx, acc, []int64{int64(v.ID)})
		if err != nil {
			return sale, err
		}
		if list := payments[v.ID]; len(list) > 0 {
			sale.Payment = &list[len(list)-1]
		}
	}
	return sale, nil
}
