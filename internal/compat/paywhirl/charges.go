package paywhirl

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/params"
	"perennial/internal/payment"
)

func (d *Door) chargeRoutes() []route {
	return []route{
		{http.MethodPost, "/create/charge", d.createCharge},
		{http.MethodGet, "/charge/{id}", d.charge},
		{http.MethodPost, "/refund/charge/{id}", d.refundCharge},
	}
}

// chargeWire is a payment: one attempt to collect an invoice.
type chargeWire struct {
	ID               int64       `json:"id"`
	UserID           int64       `json:"user_id"`
	CustomerID       int64       `json:"customer_id"`
	InvoiceID        int64       `json:"invoice_id"`
	Amount           json.Number `json:"amount"`
	Currency         string      `json:"currency"`
	USD              *string     `json:"usd"`
	Description      string      `json:"description"`
	Status           string      `json:"status"`
	FailureMessage   *string     `json:"failure_message"`
	Fee              int         `json:"fee"`
	BillFee          int         `json:"bill_fee"`
	GatewayID        int64       `json:"gateway_id"`
	GatewayReference *string     `json:"gateway_reference"`
	Refunded         int         `json:"refunded"`
	RefundedAmount   json.Number `json:"refunded_amount"`
	RefundedOn       *int64      `json:"refunded_on"`
	RefundReference  *string     `json:"refund_reference"`
	CreatedAt        *string     `json:"created_at"`
	UpdatedAt        *string     `json:"updated_at"`
	DeletedAt        *string     `json:"deleted_at"`
}

// chargeStates are the states of a payment as these clients read them.
var chargeStates = map[payment.State]string{payment.Paid: "succeeded", payment.Pending: "pending", payment.DeclinedState: "failed"}

func (d *Door) oneCharge(ctx context.Context, c *caller, of id.Payment) (any, error) {
	p, err := d.r.Payment(ctx, c.account.ID, of)
	if err != nil {
		return nil, err
	}
	row, err := d.r.InvoiceRow(ctx, c.account.ID, p.Invoice)
	if err != nil {
		return nil, err
	}
	refunds, err := d.r.RefundsOf(ctx, c.account.ID, of)
	if err != nil {
		return nil, err
	}
	k := d.known(c)
	for kind, name := range map[string]string{commerce.NumberPayments: p.ID.String(), commerce.NumberCustomers: p.Customer.String(),
		commerce.NumberInvoices: commerce.InvoiceName(row.Invoice), numberGateways: p.Gateway} {
		if err := k.learn(ctx, kind, name); err != nil {
			return nil, err
		}
	}
	w := chargeWire{ID: k.of(commerce.NumberPayments, p.ID.String()), CustomerID: k.of(commerce.NumberCustomers, p.Customer.String()),
		InvoiceID: k.of(commerce.NumberInvoices, commerce.InvoiceName(row.Invoice)), Amount: major(p.Amount), Currency: string(p.Amount.Currency), Status: chargeStates[p.State],
		GatewayID: k.of(numberGateways, p.Gateway), GatewayReference: text(p.Reference), CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(latest(p.CreatedAt, p.SettledAt))}
	if p.Amount.Currency == "USD" {
		w.USD = text(p.Amount.Major())
	}
	if p.State == payment.DeclinedState {
		w.FailureMessage = text(payment.Words(p.DeclineCode))
	}
	if len(row.Lines) > 0 {
		w.Description = row.Lines[0].Description
	}
	given := money.Zero(p.Amount.Currency)
	for _, r := range refunds {
		if r.State != payment.Paid {
			continue
		}
		given.Minor += r.Amount.Minor
		w.Refunded, w.RefundedOn, w.RefundReference = 1, unix(r.SettledAt), text(r.Reference)
		w.UpdatedAt = stamp(latest(r.SettledAt))
	}
	w.RefundedAmount = major(given)
	w.UserID, err = d.user(ctx, c)
	return w, err
}

// latest is the last of some instants.
func latest(list ...time.Time) time.Time {
	var last time.Time
	for _, at := range list {
		if at.After(last) {
			last = at
		}
	}
	return last
}

func (d *Door) charge(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of, err := pathThing[id.Payment](ctx, d, c, commerce.NumberPayments)
	if err != nil {
		return nil, err
	}
	return d.oneCharge(ctx, c, of)
}

// currencySent is the currency that was sent, or the account's.
func currencySent(c *caller, v *params.Values) money.Currency {
	s := v.Text("currency")
	if s == "" {
		return c.account.Currency
	}
	parsed, err := money.ParseCurrency(s)
	v.Add("currency", err)
	if err == nil {
		c.spoken = parsed
	}
	return parsed
}

// defaultDescription is what a charge is called when nobody says.
const defaultDescription = "One-time charge"

// createCharge charges a customer once, and answers the invoice.
func (d *Door) createCharge(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("customer_id", "amount")
	in := currencySent(c, v)
	if err := v.Err(); err != nil {
		return nil, err
	}
	item := commerce.BilledItem{Description: v.Text("description"), Quantity: v.Int("quantity", 1, commerce.MaxBilledQuantity), Amount: amountOf(v, "amount", in).Minor}
	if item.Description == "" {
		item.Description = defaultDescription
	}
	untaxed := !v.Bool("require_tax") // plans opt in to taxes, and so does this
	if err := v.Err(); err != nil {
		return nil, err
	}
	of, err := sentThing[id.Customer](ctx, d, c, v, "customer_id", commerce.NumberCustomers, true)
	if err != nil {
		return nil, err
	}
	charge := commerce.ChargeOnce{Customer: of, Currency: in, Items: []commerce.BilledItem{item}, Untaxed: untaxed}
	if charge.Method, err = d.cardOf(ctx, c, v, of); err != nil {
		return nil, err
	}
	charge.Call = c.callOnce(func(result any) any { return kept{Thing: result.(commerce.Charged).Invoice.ID.String()} })
	done, err := d.s.ChargeOnce(context.WithoutCancel(ctx), charge)
	made, err := afterOnce[id.Invoice](err, func() id.Invoice { return done.Invoice.ID })
	if err != nil {
		return nil, renamed(err, map[string]string{"items.0.amount": "amount", "items.0.description": "description", "items.0.quantity": "quantity", "payment_method": "card_id", "customer": "customer_id"})
	}
	return d.oneInvoice(ctx, c, made)
}

func (d *Door) refundCharge(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := pathThing[id.Payment](ctx, d, c, commerce.NumberPayments)
	if err != nil {
		return nil, err
	}
	p, err := d.r.Payment(ctx, c.account.ID, of)
	if err != nil {
		return nil, err
	}
	c.spoken = p.Amount.Currency
	name := "refund_amount"
	if !v.Has(name) {
		name = "amount"
	}
	give := commerce.Refund{Payment: of, Amount: amountOf(v, name, p.Amount.Currency).Minor, Recorded: v.Bool("mark_only")}
	v.Check(!v.Has(name) || give.Amount > 0, name, "must be above 0; leave it out to give back all that is left")
	if err := v.Err(); err != nil {
		return nil, err
	}
	give.Call = c.callOnce(func(any) any { return kept{Thing: of.String()} })
	_, err = d.s.Refund(context.WithoutCancel(ctx), give)
	if _, err = afterOnce[id.Payment](err, func() id.Payment { return of }); err != nil {
		return nil, renamed(err, map[string]string{"amount": "refund_amount"})
	}
	return d.oneCharge(ctx, c, of)
}
