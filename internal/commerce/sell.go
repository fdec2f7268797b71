package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/period"
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
}

// Sell sells a price: an order and a draft invoice are written, the gateway is
// asked, and then either order, invoice and subscription come true together, or
// the order failed and the refusal is fault.Declined. When the gateway does not
// answer the refusal is fault.Pending, and the order is settled later.
func (s *Service) Sell(ctx context.Context, c Sell) (Sale, error) {
	saved, err := s.saveOnce(ctx, c.Call, c.Token)
	if err != nil {
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
	if work != nil {
		s.charge(ctx, work)
		if err := s.settle(context.WithoutCancel(ctx), c.Account, []*collection{work}); err != nil {
			return Sale{}, err
		}
	}
	return s.sold(ctx, c.Call, placed)
}

// place writes an order and, when something is due, its draft invoice and the
// pending payment that must be collected; with nothing due the order is complete.
func (s *Service) place(tx *db.Tx, a account.Account, now time.Time, c Sell, saved *instrument) (order.Order, *collection, error) {
	price, err := catalog.LoadPrice(tx, a.ID, c.Price)
	if err != nil {
		return order.Order{}, nil, refersTo(err, "price")
	}
	product, err := catalog.LoadProduct(tx, a.ID, price.Product)
	if err != nil {
		return order.Order{}, nil, err
	}
	if product.State != catalog.Active {
		return order.Order{}, nil, fault.New(fault.Conflict, "this product is not sold any more").WithCode("product_archived")
	}
	if c.Quantity == 0 {
		c.Quantity = 1
	}
	lines, err := firstLines(a, price, product, c.Quantity, now)
	if err != nil {
		return order.Order{}, nil, err
	}
	buyer, err := s.buyer(tx, a, now, c)
	if err != nil {
		return order.Order{}, nil, err
	}
	method, err := s.methodFor(tx, a, now, c, buyer.ID, saved)
	if err != nil {
		return order.Order{}, nil, err
	}
	o := order.Order{ID: id.New[id.Order](), Account: a.ID, Customer: buyer.ID, Price: price.ID, Quantity: c.Quantity, Method: method.ID,
		State: order.Pending, Source: c.Source, Secret: account.RandomText(16), CreatedAt: now, Version: 1}
	if price.Recurring() {
		o.Subscription = id.New[id.Subscription]()
	}
	v := invoice.Invoice{ID: id.New[id.Invoice](), Account: a.ID, Customer: buyer.ID, Subscription: o.Subscription, Order: o.ID, State: invoice.Draft,
		Reason: invoice.Sale, Seller: a.Profile, Buyer: buyer.Version, CreatedAt: now}
	if len(lines) > 0 {
		if err := v.Fill(lines); err != nil {
			return o, nil, err
		}
		v.Span = lines[len(lines)-1].Span
	}
	if price.TrialDays > 0 {
		v.Period = -1
	}
	if err := checkShown(c.Shown, v, price); err != nil {
		return o, nil, err
	}
	if v.Total.IsZero() {
		return s.placeFree(tx, a, o, buyer, c.Actor, now)
	}
	if method.ID == 0 {
		return o, nil, fault.BadField("payment_method", "must be given, because something is to be paid now")
	}
	o.Invoice = v.ID
	p := payment.Payment{ID: id.New[id.Payment](), Account: a.ID, Invoice: v.ID, Customer: buyer.ID, Method: method.ID, Gateway: method.Gateway,
		Attempt: 1, State: payment.Pending, Amount: v.Total, AskAt: payment.NextAsk(now, now), CreatedAt: now}
	if err := order.Insert(tx, o); err != nil {
		return o, nil, err
	}
	invoices, payments := []invoice.Invoice{v}, []payment.Payment{p}
	if err := invoice.Insert(tx, invoices); err != nil {
		return o, nil, err
	}
	if err := invoice.InsertLines(tx, lines); err != nil {
		return o, nil, err
	}
	if err := payment.Insert(tx, payments); err != nil {
		return o, nil, err
	}
	return o, &collection{invoice: invoices[0], order: &o, payment: payments[0], method: method, at: now, actor: c.Actor}, nil
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

// checkShown refuses a sale whose buyer was shown another amount.
func checkShown(shown *money.Amount, v invoice.Invoice, price catalog.Price) error {
	due := v.Total
	if due.Currency == "" {
		due.Currency = price.Amount.Currency
	}
	if shown != nil && *shown != due {
		return fault.New(fault.Conflict, "the price changed since the page was opened; nothing was charged").WithCode("price_changed")
	}
	return nil
}

// firstLines are the lines of what is due at the sale of a price: the setup fee,
// and the first period or the one-time amount. A trial leaves only the fee.
func firstLines(a account.Account, p catalog.Price, product catalog.Product, quantity int64, now time.Time) ([]invoice.Line, error) {
	if _, err := p.CheckSale(quantity); err != nil {
		return nil, err
	}
	var lines []invoice.Line
	add := func(kind invoice.LineKind, text string, quantity int64, unit money.Amount, span period.Span) error {
		if unit.IsZero() {
			return nil
		}
		l, err := invoice.NewLine(kind, text, p.ID, quantity, unit, a.Tax.Rate, span)
		lines = append(lines, l)
		return err
	}
	if err := add(invoice.ForSetup, describe(product, p)+" (setup fee)", 1, p.SetupFee, period.Span{}); err != nil {
		return nil, err
	}
	kind, span := invoice.ForProduct, period.Span{}
	if p.Recurring() {
		kind = invoice.ForPeriod
		sub := subscription.Start(0, a.ID, 0, 0, terms(a, p, quantity), now)
		span = sub.Span
	}
	if p.TrialDays > 0 { // refuse now what could not be billed when the trial ends
		first, err := invoice.NewLine(kind, describe(product, p), p.ID, quantity, p.Amount, a.Tax.Rate, span)
		if err != nil {
			return nil, err
		}
		_, err = first.Amount.Add(first.Tax)
		return lines, err
	}
	return lines, add(kind, describe(product, p), quantity, p.Amount, span)
}

// describe is a price as a line of an invoice names it.
func describe(product catalog.Product, p catalog.Price) string {
	if p.Name == "" {
		return product.Name
	}
	return product.Name + " – " + p.Name
}

// terms is what a subscription to a price is sold as.
func terms(a account.Account, p catalog.Price, quantity int64) subscription.Terms {
	return subscription.Terms{Product: p.Product, Price: p.ID, UnitAmount: p.Amount, Quantity: quantity, Interval: p.Interval, TrialDays: p.TrialDays, Zone: a.Zone}
}

// buyer is the customer who buys: given, found by address, or made.
func (s *Service) buyer(tx *db.Tx, a account.Account, now time.Time, c Sell) (customer.Customer, error) {
	if c.Buyer == nil {
		found, err := customer.Load(tx, a.ID, c.Customer)
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
			refused = refusal(payment.Result{Outcome: payment.Unknown})
			return nil // its key stays taken until the outcome is known
		case order.Failed:
			refused = refusal(payment.Result{Outcome: payment.Declined, Code: sale.Payment.DeclineCode})
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
