package paywhirl

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/params"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

func (d *Door) invoiceRoutes() []route {
	list := []route{
		{http.MethodGet, "/invoices", d.invoices},
		{http.MethodPost, "/invoices", d.createInvoice},
		{http.MethodGet, "/invoices/{id}", d.invoicesOf},
		{http.MethodGet, "/invoices/{id}/{all}", d.invoicesOf}, // where the first Ruby clients say all
		{http.MethodGet, "/invoice/{id}", d.invoice},
		{http.MethodPost, "/delete/invoice", d.deleteInvoice},
	}
	for _, a := range []struct {
		name string
		run  handler
	}{{"next-payment-date", d.moveInvoice}, {"process", d.processInvoice}, {"mark-as-paid", d.markInvoice}, {"add-promo", d.addPromo}, {"remove-promo", d.removePromo},
		{"card", d.invoiceCard}, {"items", d.invoiceItems}} { // some clients say invoice, others invoices
		list = append(list, route{http.MethodPost, "/invoice/{id}/" + a.name, a.run}, route{http.MethodPost, "/invoices/{id}/" + a.name, a.run})
	}
	return list
}

// bill is an invoice as these clients see it: one that was made, or the one that is to come
// for the next period of a subscription.
type bill struct {
	name     string // by which it is numbered
	made     *report.InvoiceRow
	next     *commerce.Upcoming
	now      *subscription.Subscription // whose next is, as it stands
	customer id.Customer
	lines    []invoice.Line
}

func madeBill(row report.InvoiceRow) bill {
	return bill{name: commerce.InvoiceName(row.Invoice), made: &row, customer: row.Invoice.Customer, lines: row.Lines, now: row.Subscription}
}

func nextBill(u commerce.Upcoming, now subscription.Subscription) bill {
	return bill{name: commerce.UpcomingName(now.ID, u.Subscription.Period), next: &u, customer: now.Customer, lines: u.Lines, now: &now}
}

// itemName is by what a line of an invoice is numbered.
func (b bill) itemName(l invoice.Line) string { return b.name + "#" + strconv.Itoa(l.Position) }

// method is what the invoice is charged with, or was; 0 for nothing.
func (b bill) method() id.Method {
	if b.made != nil {
		if p := b.paidBy(); p != nil {
			return p.Method
		}
		if b.made.Invoice.Method != 0 || b.made.Invoice.State != invoice.Open {
			return b.made.Invoice.Method
		}
	}
	if b.now != nil {
		return b.now.Method
	}
	return 0
}

// paidBy is the payment that paid the invoice, nil when none did.
func (b bill) paidBy() *payment.Payment {
	if b.made == nil {
		return nil
	}
	for i := range b.made.Payments {
		if b.made.Payments[i].State == payment.Paid {
			return &b.made.Payments[i]
		}
	}
	return nil
}

// open reports whether the invoice is owed.
func (b bill) open() bool {
	return b.made != nil && (b.made.Invoice.State == invoice.Open || b.made.Invoice.State == invoice.Uncollectible)
}

// upcoming is the invoice of the next period of a subscription. ok is false when none is to
// come.
func (d *Door) upcoming(ctx context.Context, c *caller, now subscription.Subscription) (b bill, ok bool, err error) {
	if now.State == subscription.Canceled {
		return bill{}, false, nil
	}
	u, err := d.s.PreviewInvoice(ctx, c.account.ID, now.ID)
	switch {
	case fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid): // none is to come, or it cannot be computed
		return bill{}, false, nil
	case err != nil:
		return bill{}, false, err
	}
	return nextBill(u, now), u.Subscription.Period > now.Period, nil // else it is the fee of a pause
}

// billNumbered is the invoice with a number.
func (d *Door) billNumbered(ctx context.Context, c *caller, number int64) (bill, error) {
	name, err := d.named(ctx, c, commerce.NumberInvoices, number)
	if err != nil {
		return bill{}, err
	}
	of, text, isPeriod := strings.Cut(name, "/")
	if !isPeriod {
		v, err := id.Parse[id.Invoice](name)
		if err != nil {
			return bill{}, unknown(commerce.NumberInvoices)
		}
		row, err := d.r.InvoiceRow(ctx, c.account.ID, v)
		return madeBill(row), err
	}
	sub, err := id.Parse[id.Subscription](of)
	if err != nil {
		return bill{}, unknown(commerce.NumberInvoices)
	}
	period, err := strconv.Atoi(text)
	if err != nil {
		return bill{}, unknown(commerce.NumberInvoices)
	}
	row, err := d.r.InvoiceOfPeriod(ctx, c.account.ID, sub, period)
	if err == nil {
		return madeBill(row), nil
	}
	if !fault.Is(err, fault.NotFound) {
		return bill{}, err
	}
	v, err := d.r.Subscription(ctx, c.account.ID, sub, report.Expand{})
	if err != nil {
		return bill{}, err
	}
	b, ok, err := d.upcoming(ctx, c, v.Subscription)
	if err == nil && (!ok || b.name != name) {
		err = unknown(commerce.NumberInvoices)
	}
	return b, err
}

// billOf is the invoice that the address names.
func (d *Door) billOf(ctx context.Context, c *caller) (bill, error) {
	return d.billNumbered(ctx, c, parseNumber(c.path["id"]))
}

// invoiceWire is an invoice, made or to come.
type invoiceWire struct {
	ID                 int64       `json:"id"`
	UserID             int64       `json:"user_id"`
	CustomerID         int64       `json:"customer_id"`
	SubscriptionID     *int64      `json:"subscription_id"`
	CardID             *int64      `json:"card_id"`
	ChargeID           *int64      `json:"charge_id"`
	Currency           string      `json:"currency"`
	Subtotal           json.Number `json:"subtotal"`
	Tax                json.Number `json:"tax"`
	AmountDue          json.Number `json:"amount_due"`
	Paid               int         `json:"paid"`
	Status             string      `json:"status"`
	Items              []itemWire  `json:"items"`
	PromoCode          *string     `json:"promo_code"`
	TrackingNumber     *string     `json:"tracking_number"`
	NextPaymentAttempt *int64      `json:"next_payment_attempt"`
	PeriodStart        *int64      `json:"period_start"`
	PeriodEnd          *int64      `json:"period_end"`
	CreatedAt          *string     `json:"created_at"`
	UpdatedAt          *string     `json:"updated_at"`
	DeletedAt          *string     `json:"deleted_at"`
}

// itemWire is a line of an invoice.
type itemWire struct {
	ID          int64       `json:"id"`
	Description string      `json:"description"`
	Quantity    int64       `json:"quantity"`
	Amount      json.Number `json:"amount"`
}

// upcomingStatus is the status of an invoice that is to come; those that were made have the
// words of their states.
const upcomingStatus = "upcoming"

// billsWire spells invoices.
func (d *Door) billsWire(ctx context.Context, c *caller, list []bill) ([]invoiceWire, error) {
	k := d.known(c)
	names := map[string][]string{}
	put := func(kind, name string) { names[kind] = append(names[kind], name) }
	for _, b := range list {
		put(commerce.NumberInvoices, b.name)
		put(commerce.NumberCustomers, b.customer.String())
		put(commerce.NumberMethods, b.method().String())
		if b.now != nil {
			put(commerce.NumberSubscriptions, b.now.ID.String())
		}
		if p := b.paidBy(); p != nil {
			put(commerce.NumberPayments, p.ID.String())
		}
		for _, l := range b.lines {
			put(numberItems, b.itemName(l))
		}
	}
	for kind, list := range names {
		if err := k.learn(ctx, kind, list...); err != nil {
			return nil, err
		}
	}
	user, err := d.user(ctx, c)
	out := make([]invoiceWire, len(list))
	for i, b := range list {
		out[i] = b.spell(k)
		out[i].UserID = user
	}
	return out, err
}

func (b bill) spell(k *known) invoiceWire {
	w := invoiceWire{ID: k.of(commerce.NumberInvoices, b.name), CustomerID: k.of(commerce.NumberCustomers, b.customer.String()),
		CardID: k.ref(commerce.NumberMethods, b.method().String()), Items: []itemWire{}}
	if b.now != nil {
		w.SubscriptionID = k.ref(commerce.NumberSubscriptions, b.now.ID.String())
	}
	for _, l := range b.lines {
		w.Items = append(w.Items, itemWire{k.of(numberItems, b.itemName(l)), l.Description, l.Quantity, major(l.Amount)})
		if len(l.Details.Coupons) > 0 && w.PromoCode == nil {
			w.PromoCode = text(l.Details.Coupons[0].Code)
		}
	}
	if u := b.next; u != nil {
		w.Currency, w.Subtotal, w.Tax, w.AmountDue, w.Status = string(b.now.UnitAmount.Currency), major(u.Net), major(u.Tax), major(u.Due), upcomingStatus
		w.NextPaymentAttempt, w.PeriodStart, w.PeriodEnd, w.CreatedAt, w.UpdatedAt = unix(u.At), unix(u.Span.From), unix(u.Span.To), stamp(b.now.Span.From), stamp(b.now.Span.From)
		if w.PromoCode == nil {
			if list := b.promos(); len(list) > 0 {
				w.PromoCode = text(list[0].Code)
			}
		}
		return w
	}
	v := b.made.Invoice
	w.Currency, w.Subtotal, w.Tax, w.AmountDue, w.Status, w.Paid = string(v.Total.Currency), major(v.Net), major(v.Tax), major(v.Due()), string(v.State), flag(v.State == invoice.Paid)
	w.PeriodStart, w.PeriodEnd, w.CreatedAt, w.DeletedAt = unix(v.Span.From), unix(v.Span.To), stamp(v.CreatedAt), stamp(v.VoidedAt)
	w.UpdatedAt = stamp(latest(v.CreatedAt, v.IssuedAt, v.PaidAt, v.VoidedAt, v.GivenUpAt))
	if b.now != nil && b.now.Invoice == v.ID {
		w.NextPaymentAttempt = unix(b.now.NextActionAt)
	}
	if p := b.paidBy(); p != nil {
		w.ChargeID = k.ref(commerce.NumberPayments, p.ID.String())
	}
	return w
}

// promos are the coupons that the subscription still has.
func (b bill) promos() []coupon.Discount {
	var list []coupon.Discount
	if b.now == nil || b.now.Extras.Discounts == nil || json.Unmarshal(b.now.Extras.Discounts, &list) != nil { // it was written by the engine
		return nil
	}
	return list
}

func (d *Door) spellBill(ctx context.Context, c *caller, b bill) (invoiceWire, error) {
	list, err := d.billsWire(ctx, c, []bill{b})
	if err != nil {
		return invoiceWire{}, err
	}
	return list[0], nil
}

func (d *Door) oneInvoice(ctx context.Context, c *caller, of id.Invoice) (any, error) {
	row, err := d.r.InvoiceRow(ctx, c.account.ID, of)
	if err != nil {
		return nil, err
	}
	return d.spellBill(ctx, c, madeBill(row))
}

func (d *Door) invoice(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	b, err := d.billOf(ctx, c)
	if err != nil {
		return nil, err
	}
	return d.spellBill(ctx, c, b)
}

func (d *Door) invoicesOf(ctx context.Context, c *caller, v *params.Values) (any, error) {
	if all, ok := c.path["all"]; ok {
		v.Put("all", all)
	}
	of, err := pathThing[id.Customer](ctx, d, c, commerce.NumberCustomers)
	if err != nil {
		return nil, err
	}
	return d.listInvoices(ctx, c, v, of)
}

func (d *Door) invoices(ctx context.Context, c *caller, v *params.Values) (any, error) {
	return d.listInvoices(ctx, c, v, 0)
}

// maxInvoices is how many invoices one answer holds: those to come first, then the newest.
const maxInvoices = 500

func (d *Door) listInvoices(ctx context.Context, c *caller, v *params.Values, of id.Customer) (any, error) {
	all := v.Bool("all")
	only, err := sentThing[id.Subscription](ctx, d, c, v, "subscription_id", commerce.NumberSubscriptions, false)
	if err != nil {
		return nil, err
	}
	if v.Text("tracking_number") != "" { // parcels are tracked elsewhere
		return []invoiceWire{}, v.Err()
	}
	list, err := d.billsToCome(ctx, c, of, only)
	if err != nil {
		return nil, err
	}
	if all {
		rows, err := d.r.InvoiceRows(ctx, c.account.ID, invoice.Filter{Customer: of, Subscription: only, Limit: maxInvoices})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			started := row.Invoice.State != invoice.Draft && (row.Invoice.State != invoice.Void || row.Invoice.Number != 0) // else nothing came of it
			if started && (of == 0 || row.Invoice.Customer == of) {
				list = append(list, madeBill(row))
			}
		}
	}
	return d.billsWire(ctx, c, list[:min(len(list), maxInvoices)])
}

// billsToCome are the next invoices of running subscriptions, soonest first.
func (d *Door) billsToCome(ctx context.Context, c *caller, of id.Customer, only id.Subscription) ([]bill, error) {
	var running []report.SubscriptionView
	var err error
	if only != 0 {
		running, err = d.r.SubscriptionsByID(ctx, c.account.ID, []int64{int64(only)}, report.Expand{})
	} else {
		running, err = d.r.Subscriptions(ctx, c.account.ID, subscription.Filter{Customer: of, Limit: maxInvoices}, report.Expand{})
	}
	if err != nil {
		return nil, err
	}
	var list []bill
	for _, s := range running {
		if of != 0 && s.Subscription.Customer != of {
			continue
		}
		b, ok, err := d.upcoming(ctx, c, s.Subscription)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, b)
		}
	}
	slices.SortStableFunc(list, func(a, b bill) int { return cmp.Compare(a.next.At.UnixMicro(), b.next.At.UnixMicro()) })
	return list, nil
}

// createInvoice writes an open invoice of items.
func (d *Door) createInvoice(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("customer_id", "items")
	in := currencySent(c, v)
	if err := v.Err(); err != nil {
		return nil, err
	}
	b := commerce.BillByHand{Currency: in, Untaxed: !v.Bool("require_tax")}
	for _, t := range v.List("items") {
		t.Require("amount")
		item := commerce.BilledItem{Description: t.Text("description"), Quantity: t.Int("quantity", 1, commerce.MaxBilledQuantity), Amount: amountOf(t, "amount", in).Minor}
		if item.Description == "" {
			item.Description = defaultDescription
		}
		b.Items = append(b.Items, item)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	var err error
	if b.Customer, err = sentThing[id.Customer](ctx, d, c, v, "customer_id", commerce.NumberCustomers, true); err != nil {
		return nil, err
	}
	if b.Method, err = d.cardOf(ctx, c, v, b.Customer); err != nil {
		return nil, err
	}
	b.Call = c.callOnce(func(result any) any { return kept{Thing: result.(commerce.Charged).Invoice.ID.String()} })
	done, err := d.s.BillByHand(ctx, b)
	made, err := afterOnce[id.Invoice](err, func() id.Invoice { return done.Invoice.ID })
	if err != nil {
		return nil, told(err)
	}
	number, err := d.number(ctx, c, commerce.NumberInvoices, made.String())
	return struct {
		status
		InvoiceID int64 `json:"invoice_id"`
	}{success, number}, err
}

func (d *Door) moveInvoice(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("next_payment_attempt")
	to := instantOf(v, "next_payment_attempt")
	all := v.Bool("all")
	v.Check(to.IsZero() || to.After(c.now), "next_payment_attempt", "must be an instant that is still to come")
	if err := v.Err(); err != nil {
		return nil, err
	}
	b, err := d.billOf(ctx, c)
	if err != nil {
		return nil, err
	}
	if b.next == nil {
		return nil, fault.New(fault.Conflict, "only an upcoming invoice can be moved").WithCode("invoice_not_upcoming")
	}
	if _, err := d.s.Reschedule(ctx, commerce.Reschedule{Call: c.call(), Subscription: b.now.ID, To: to, ForGood: all}); err != nil {
		return nil, told(err)
	}
	return d.invoice(ctx, c, v)
}

// processInvoice charges an invoice now; one that is to come is made first.
func (d *Door) processInvoice(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	b, err := d.billOf(ctx, c)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case b.next != nil:
		_, err = d.s.BillNow(ctx, commerce.BillNow{Call: c.callOnce(always), Subscription: b.now.ID, Period: &b.next.Subscription.Period})
	case b.open():
		_, err = d.s.Collect(ctx, commerce.Collect{Call: c.callOnce(always), Invoice: b.made.Invoice.ID})
	default:
		err = errNotOpen
	}
	if err != nil {
		return nil, told(err)
	}
	return success, nil
}

// always is the answer of what has no other.
func always(any) any { return success }

// markInvoice notes that an invoice was paid in another way; one that is to come is made
// first.
func (d *Door) markInvoice(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	b, err := d.billOf(ctx, c)
	if err != nil {
		return nil, err
	}
	switch {
	case b.next != nil:
		_, err = d.s.BillNow(ctx, commerce.BillNow{Call: c.callOnce(always), Subscription: b.now.ID, Period: &b.next.Subscription.Period, Paid: true})
	case b.open():
		_, err = d.s.MarkInvoicePaid(ctx, commerce.MarkInvoicePaid{Call: c.callOnce(always), Invoice: b.made.Invoice.ID})
	default:
		err = errNotOpen
	}
	if err != nil {
		return nil, told(err)
	}
	return success, nil
}

var errNotUpcoming = fault.New(fault.Conflict, "only an upcoming invoice can be changed").WithCode("invoice_not_upcoming")

func (d *Door) addPromo(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("promo_code")
	code := v.Text("promo_code")
	if err := v.Err(); err != nil {
		return nil, err
	}
	b, err := d.billOf(ctx, c)
	if err != nil {
		return nil, err
	}
	if b.next == nil {
		return nil, errNotUpcoming
	}
	if _, err := d.s.ApplyCoupon(ctx, commerce.ApplyCoupon{Call: c.call(), Subscription: b.now.ID, Code: code}); err != nil {
		return nil, renamed(err, map[string]string{"code": "promo_code", "coupons": "promo_code", "coupons.0": "promo_code"})
	}
	return success, nil
}

func (d *Door) removePromo(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	b, err := d.billOf(ctx, c)
	if err != nil {
		return nil, err
	}
	if b.next == nil {
		return nil, errNotUpcoming
	}
	for _, p := range b.promos() {
		if _, err := d.s.RemoveCoupon(ctx, commerce.RemoveCoupon{Call: c.call(), Subscription: b.now.ID, Coupon: p.Coupon}); err != nil {
			return nil, err
		}
	}
	return success, nil
}

func (d *Door) invoiceCard(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("card_id")
	b, err := d.billOf(ctx, c)
	if err != nil {
		return nil, err
	}
	card, err := d.cardOf(ctx, c, v, b.customer)
	if err != nil {
		return nil, err
	}
	switch {
	case b.next == nil && !b.open():
		err = errNotOpen
	case b.now != nil:
		_, err = d.s.ChangeMethod(context.WithoutCancel(ctx), commerce.ChangeMethod{Call: c.call(), Subscription: b.now.ID, Method: card})
	default:
		_, err = d.s.ChangeInvoiceMethod(ctx, commerce.ChangeInvoiceMethod{Call: c.call(), Invoice: b.made.Invoice.ID, Method: card})
	}
	if err != nil {
		return nil, told(err)
	}
	return success, nil
}

// invoiceItems gives items of an upcoming invoice other quantities.
func (d *Door) invoiceItems(ctx context.Context, c *caller, v *params.Values) (any, error) {
	b, err := d.billOf(ctx, c)
	if err != nil {
		return nil, err
	}
	if b.next == nil {
		return nil, errNotUpcoming
	}
	wanted := v
	if v.Has("items") {
		wanted = v.Map("items")
	}
	k := d.known(c)
	for _, l := range b.lines {
		if err := k.learn(ctx, numberItems, b.itemName(l)); err != nil {
			return nil, err
		}
	}
	quantity, updated := int64(0), 0
	for _, name := range wanted.Names() {
		i := slices.IndexFunc(b.lines, func(l invoice.Line) bool { return strconv.FormatInt(k.of(numberItems, b.itemName(l)), 10) == name })
		n := wanted.Int(name, 1, catalog.MaxQuantity)
		switch {
		case i < 0:
			wanted.Bad(name, "is no item of this invoice")
		case b.lines[i].Kind != invoice.ForPeriod:
			wanted.Bad(name, "is an item whose quantity is fixed")
		default:
			quantity = n
			updated++
		}
	}
	v.Check(len(wanted.Names()) > 0, "items", "must name items and their new quantities")
	if err := v.Err(); err != nil {
		return nil, err
	}
	full, err := d.r.Subscription(ctx, c.account.ID, b.now.ID, withPlan)
	if err == nil {
		err = d.newTerms(ctx, c, full, full.Price.Plan(), quantity)
	}
	if err != nil {
		return nil, err
	}
	return struct {
		status
		ItemsUpdated int `json:"items_updated"`
	}{success, updated}, nil
}

// deletedInvoice is what is left to say of an invoice that was deleted.
type deletedInvoice struct {
	ID         int64       `json:"id"`
	Status     string      `json:"status"`
	CustomerID int64       `json:"customer_id"`
	AmountDue  json.Number `json:"amount_due"`
	DeletedAt  *string     `json:"deleted_at"`
}

// deleteInvoice voids an invoice that is owed. Of one that is to come the period is left
// out, so that the next one comes an interval later.
func (d *Door) deleteInvoice(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("id")
	number := numberOf(v, "id")
	if err := v.Err(); err != nil {
		return nil, err
	}
	b, err := d.billNumbered(ctx, c, number)
	if err != nil {
		return nil, err
	}
	w, err := d.spellBill(ctx, c, b)
	if err != nil {
		return nil, err
	}
	switch {
	case b.next != nil:
		_, err = d.s.Skip(ctx, commerce.Skip{Call: c.call(), Subscription: b.now.ID, Override: true})
	case b.open():
		_, err = d.s.VoidInvoice(ctx, commerce.VoidInvoice{Call: c.call(), Invoice: b.made.Invoice.ID})
	default:
		err = errNotOpen
	}
	if err != nil {
		return nil, told(err)
	}
	return struct {
		status
		Invoice deletedInvoice `json:"invoice"`
	}{success, deletedInvoice{w.ID, string(invoice.Void), w.CustomerID, w.AmountDue, stamp(c.now)}}, nil
}
