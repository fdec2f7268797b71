package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// InvoiceWire is an invoice on the wire. It is exported because only then are the fields of forms
// that hold it described.
type InvoiceWire struct {
	ID           string     `json:"id"`
	Number       *string    `json:"number" example:"INV-000042" doc:"Null until it is issued."`
	Customer     string     `json:"customer"`
	Subscription *string    `json:"subscription"`
	Order        *string    `json:"order"`
	State        string     `json:"state" enum:"draft,open,paid,void,uncollectible"`
	Reason       string     `json:"reason" enum:"sale,renewal,change,usage,pause,items,by_hand"`
	PeriodStart  *time.Time `json:"period_start"`
	PeriodEnd    *time.Time `json:"period_end"`
	Net          Money      `json:"net"`
	Tax          Money      `json:"tax"`
	Total        Money      `json:"total"`
	CreditUsed   Money      `json:"credit_used" doc:"Of the customer's credit, that paid for part of it."`
	Reduced      Money      `json:"reduced" doc:"What credit notes took off what is owed."`
	Due          Money      `json:"due" doc:"The total less credit_used and reduced."`
	Credited     Money      `json:"credited" doc:"By all its credit notes."`
	Refunded     Money      `json:"refunded"`
	Part         int        `json:"part" doc:"Counts the invoices of one period from 0."`
	Notes        Notes      `json:"notes"`
	Method       *string    `json:"payment_method" doc:"That one without a subscription is charged with; null: the customer's newest usable one."`
	IssuedAt     *time.Time `json:"issued_at"`
	PaidAt       *time.Time `json:"paid_at"`
	VoidedAt     *time.Time `json:"voided_at"`
	GivenUpAt    *time.Time `json:"uncollectible_at"`
	CreatedAt    time.Time  `json:"created_at"`
}

// Notes is what a document says besides its lines.
type Notes struct {
	Text     string            `json:"text"`
	Fields   map[string]string `json:"fields"`
	Tax      *string           `json:"tax" example:"reverse_charge" doc:"The code of a sentence about tax."`
	Evidence []string          `json:"tax_evidence" doc:"What told where the buyer is."`
}

func notesOf(n invoice.Notes) Notes {
	out := Notes{n.Text, n.Fields, textOf(n.Tax), n.Evidence}
	if out.Fields == nil {
		out.Fields = map[string]string{}
	}
	if out.Evidence == nil {
		out.Evidence = []string{}
	}
	return out
}

func invoiceOf(v invoice.Invoice) InvoiceWire {
	in := func(minor int64) Money { return Money{minor, string(v.Total.Currency)} }
	return InvoiceWire{ID: v.ID.String(), Number: textOf(v.Label()), Customer: v.Customer.String(), Subscription: textOf(v.Subscription.String()), Order: textOf(v.Order.String()),
		State: string(v.State), Reason: string(v.Reason), PeriodStart: timeOf(v.Span.From), PeriodEnd: timeOf(v.Span.To), Net: moneyOf(v.Net), Tax: moneyOf(v.Tax), Total: moneyOf(v.Total),
		CreditUsed: in(v.CreditUsed), Reduced: in(v.Reduced), Due: moneyOf(v.Due()), Credited: in(v.Credited), Refunded: in(v.Refunded), Part: v.Part, Notes: notesOf(v.Notes), Method: textOf(v.Method.String()),
		IssuedAt: timeOf(v.IssuedAt), PaidAt: timeOf(v.PaidAt), VoidedAt: timeOf(v.VoidedAt), GivenUpAt: timeOf(v.GivenUpAt), CreatedAt: v.CreatedAt}
}

// InvoiceLine is a line of an invoice.
type InvoiceLine struct {
	Kind        string     `json:"kind" enum:"period,product,setup_fee,trial,usage,shipping,change,pause,item,prepaid"`
	Description string     `json:"description"`
	Price       *string    `json:"price"`
	Quantity    int64      `json:"quantity"`
	UnitAmount  Money      `json:"unit_amount"`
	Discount    Money      `json:"discount" doc:"Taken off before tax."`
	Amount      Money      `json:"amount" doc:"Without tax, after the discount."`
	TaxRate     string     `json:"tax_rate"`
	TaxName     *string    `json:"tax_name"`
	Tax         Money      `json:"tax"`
	PeriodStart *time.Time `json:"period_start"`
	PeriodEnd   *time.Time `json:"period_end"`
	Details     *Details   `json:"details,omitempty" doc:"How it was computed, when it is not quantity times unit_amount."`
}

// Details is how a line was computed.
type Details struct {
	Inclusive bool         `json:"inclusive" doc:"unit_amount holds the tax."`
	Units     *string      `json:"units" doc:"The exact quantity."`
	Unit      *string      `json:"unit" example:"GB" doc:"What is counted."`
	Meter     *string      `json:"meter"`
	Share     *Share       `json:"share,omitempty" doc:"The part of a period that it covers."`
	Parts     []LinePart   `json:"parts" doc:"Tiers and blocks."`
	Coupons   []LineCoupon `json:"coupons" doc:"What each took off."`
	Taxes     []LineTax    `json:"taxes" doc:"When there are several."`
}

// Share is a part of a period, with what the whole costs.
type Share struct {
	Left  int64  `json:"left" example:"12"`
	Whole int64  `json:"whole" example:"31"`
	Unit  string `json:"unit" example:"days" doc:"seconds, minutes or days."`
	Of    Money  `json:"of" doc:"What the whole period costs."`
}

// LinePart is one step of the arithmetic of a line.
type LinePart struct {
	Quantity   string `json:"quantity"`
	UnitAmount string `json:"unit" doc:"Price of one, in major units."`
	Flat       int64  `json:"flat" doc:"Minor units, included in amount."`
	Amount     int64  `json:"amount" doc:"Minor units."`
}

// LineCoupon is what one coupon took off a line.
type LineCoupon struct {
	Code   string `json:"code"`
	Amount int64  `json:"amount" doc:"Minor units."`
}

// LineTax is one of several taxes on a line.
type LineTax struct {
	Name   string `json:"name"`
	Rate   string `json:"rate"`
	Amount int64  `json:"amount" doc:"Minor units."`
}

func detailsOf(d invoice.Details, in money.Currency) *Details {
	out := Details{Inclusive: d.Inclusive, Units: textOf(d.Units), Unit: textOf(d.Unit), Meter: textOf(d.Meter), Parts: []LinePart{}, Coupons: []LineCoupon{}, Taxes: []LineTax{}}
	if s := d.Share; s != nil {
		out.Share = &Share{s.Left, s.Whole, s.Unit, Money{s.Of, string(in)}}
	}
	for _, p := range d.Parts {
		out.Parts = append(out.Parts, LinePart{p.Quantity, p.Unit, p.Flat, p.Amount})
	}
	for _, c := range d.Coupons {
		out.Coupons = append(out.Coupons, LineCoupon{c.Code, c.Amount})
	}
	for _, t := range d.Taxes {
		out.Taxes = append(out.Taxes, LineTax{t.Name, t.Rate.String(), t.Amount})
	}
	if !d.Inclusive && d.Units == "" && d.Unit == "" && d.Meter == "" && d.Share == nil && d.Parts == nil && d.Coupons == nil && d.Taxes == nil {
		return nil
	}
	return &out
}

func lineOf(l invoice.Line) InvoiceLine {
	l.Discount.Currency = l.Amount.Currency
	return InvoiceLine{string(l.Kind), l.Description, textOf(l.Price.String()), l.Quantity, moneyOf(l.UnitAmount), moneyOf(l.Discount), moneyOf(l.Amount), l.Rate.String(),
		textOf(l.TaxName), moneyOf(l.Tax), timeOf(l.Span.From), timeOf(l.Span.To), detailsOf(l.Details, l.Amount.Currency)}
}

func linesOf(list []invoice.Line) []InvoiceLine {
	out := []InvoiceLine{}
	for _, l := range list {
		out = append(out, lineOf(l))
	}
	return out
}

// InvoiceDetail is an invoice with its lines, payments and refunds.
type InvoiceDetail struct {
	InvoiceWire
	Lines    []InvoiceLine `json:"lines"`
	Payments []Payment     `json:"payments" doc:"Oldest first."`
	Refunds  []Refund      `json:"refunds"`
}

func invoiceDetailOf(v report.InvoiceView) InvoiceDetail {
	out := InvoiceDetail{InvoiceWire: invoiceOf(v.Invoice), Lines: linesOf(v.Lines), Payments: []Payment{}, Refunds: []Refund{}}
	for _, p := range v.Payments {
		out.Payments = append(out.Payments, paymentOf(p))
	}
	for _, r := range v.Refunds {
		out.Refunds = append(out.Refunds, refundOf(r))
	}
	return out
}

func (a *API) invoiceRoutes() {
	type filter struct {
		Page
		Customer     string `query:"customer" maxLength:"40" doc:"Only of that customer."`
		Subscription string `query:"subscription" maxLength:"40" doc:"Only of that subscription."`
		State        string `query:"state" enum:"draft,open,paid,void,uncollectible" doc:"Only in that state."`
	}
	read(a, operation{id: "list-invoices", path: "/v1/invoices", tag: "Invoices", summary: "The invoices"},
		func(ctx context.Context, c caller, in *filter) (list[InvoiceWire], error) {
			none := list[InvoiceWire]{}
			from, err := before[id.Invoice](in.Page, "inv")
			if err != nil {
				return none, err
			}
			f := invoice.Filter{State: invoice.State(in.State), Before: from, Limit: in.Limit + 1}
			if f.Customer, err = parse[id.Customer]("query.customer", in.Customer); err != nil {
				return none, err
			}
			if f.Subscription, err = parse[id.Subscription]("query.subscription", in.Subscription); err != nil {
				return none, err
			}
			rows, err := a.r.Invoices(ctx, c.account.ID, f)
			return paged(in.Page, "inv", rows, func(v invoice.Invoice) int64 { return int64(v.ID) }, invoiceOf), err
		})
	read(a, operation{id: "get-invoice", path: "/v1/invoices/{id}", tag: "Invoices", summary: "One invoice with its lines, payments and refunds"},
		func(ctx context.Context, c caller, in *ByID) (InvoiceDetail, error) {
			v, err := id.Parse[id.Invoice](in.ID)
			if err != nil {
				return InvoiceDetail{}, err
			}
			found, err := a.r.Invoice(ctx, c.account.ID, v)
			return invoiceDetailOf(found), err
		})
	a.paperRoute(operation{id: "get-invoice-pdf", path: "/v1/invoices/{id}/pdf", tag: "Invoices", summary: "The invoice as PDF"}, a.pdf)
	type paying struct {
		ByID
		Body struct {
			Method string `json:"payment_method,omitempty" maxLength:"40" doc:"To charge; the subscription's own when it is left out."`
		}
	}
	write(a, operation{id: "pay-invoice", path: "/v1/invoices/{id}/pay", status: http.StatusOK, tag: "Invoices", summary: "Charge an open invoice now",
		text:    "A decline (402) leaves the schedule of retries as it was. 202: the gateway has not answered; the payment is settled later.",
		pending: whilePending(func(c commerce.Collected) InvoiceWire { return invoiceOf(c.Invoice) })},
		func(ctx context.Context, call commerce.Call, in *paying) (commerce.Collected, error) {
			v, err := id.Parse[id.Invoice](in.ID)
			if err != nil {
				return commerce.Collected{}, err
			}
			method, err := parse[id.Method]("payment_method", in.Body.Method)
			if err != nil {
				return commerce.Collected{}, err
			}
			return a.s.Collect(withoutCancel(ctx), commerce.Collect{Call: call, Invoice: v, Method: method})
		}, func(c commerce.Collected) InvoiceWire { return invoiceOf(c.Invoice) })
	write(a, operation{id: "void-invoice", path: "/v1/invoices/{id}/void", status: http.StatusOK, tag: "Invoices", summary: "Take an unpaid invoice back",
		text: "Nothing is owed for what it charged; a subscription that was past due because of it goes on."},
		func(ctx context.Context, call commerce.Call, in *ByID) (invoice.Invoice, error) {
			v, err := id.Parse[id.Invoice](in.ID)
			if err != nil {
				return invoice.Invoice{}, err
			}
			return a.s.VoidInvoice(ctx, commerce.VoidInvoice{Call: call, Invoice: v})
		}, invoiceOf)
}

// pdf answers the paper of an invoice.
func (a *API) pdf(ctx context.Context, in *ByID) (*answer, error) {
	v, err := id.Parse[id.Invoice](in.ID)
	if err != nil {
		return a.refused(ctx, err), nil
	}
	found, err := a.r.Invoice(ctx, callerOf(ctx).account.ID, v)
	if err != nil {
		return a.refused(ctx, err), nil
	}
	if a.o.PDF == nil {
		return a.refused(ctx, errNoDocuments), nil
	}
	return a.paper(ctx, found.Invoice.Label(), func(w io.Writer) error { return a.o.PDF(w, found) }), nil
}

func (a *API) moneyRoutes() {
	type filter struct {
		Page
		WaitsFor string `query:"waits_for" enum:"person" doc:"Only those that a person of the team has to settle."`
	}
	read(a, operation{id: "list-payments", path: "/v1/payments", tag: "Payments", summary: "The payments"},
		func(ctx context.Context, c caller, in *filter) (list[Payment], error) {
			from, err := before[id.Payment](in.Page, "pay")
			if err != nil {
				return list[Payment]{}, err
			}
			some := a.r.Payments
			if in.WaitsFor != "" {
				some = a.r.ForPeople
			}
			rows, err := some(ctx, c.account.ID, from, in.Limit+1)
			return paged(in.Page, "pay", rows, func(p payment.Payment) int64 { return int64(p.ID) }, paymentOf), err
		})
	read(a, operation{id: "get-payment", path: "/v1/payments/{id}", tag: "Payments", summary: "One payment"},
		func(ctx context.Context, c caller, in *ByID) (Payment, error) {
			v, err := id.Parse[id.Payment](in.ID)
			if err != nil {
				return Payment{}, err
			}
			p, err := a.r.Payment(ctx, c.account.ID, v)
			return paymentOf(p), err
		})
	read(a, operation{id: "list-refunds", path: "/v1/refunds", tag: "Payments", summary: "The refunds"},
		func(ctx context.Context, c caller, in *filter) (list[Refund], error) {
			from, err := before[id.Refund](in.Page, "ref")
			if err != nil {
				return list[Refund]{}, err
			}
			some := a.r.Refunds
			if in.WaitsFor != "" {
				some = a.r.RefundsForPeople
			}
			rows, err := some(ctx, c.account.ID, from, in.Limit+1)
			return paged(in.Page, "ref", rows, func(r payment.Refund) int64 { return int64(r.ID) }, refundOf), err
		})
	read(a, operation{id: "get-refund", path: "/v1/refunds/{id}", tag: "Payments", summary: "One refund"},
		func(ctx context.Context, c caller, in *ByID) (Refund, error) {
			v, err := id.Parse[id.Refund](in.ID)
			if err != nil {
				return Refund{}, err
			}
			r, err := a.r.Refund(ctx, c.account.ID, v)
			return refundOf(r), err
		})
	type newRefund struct {
		Body struct {
			Payment  string `json:"payment" maxLength:"40"`
			Amount   int64  `json:"amount,omitempty" minimum:"1" maximum:"10000000000000" doc:"Minor units; all that is left when it is left out."`
			Reason   string `json:"reason,omitempty" maxLength:"500"`
			Recorded bool   `json:"recorded,omitempty" doc:"The money was given back in another way: it is booked, and the gateway is not asked."`
		}
	}
	write(a, operation{id: "create-refund", path: "/v1/refunds", tag: "Payments", summary: "Give money of a payment back",
		text:    "Never more than was paid. 402: the gateway refused. 202: it has not answered; the refund is settled later and must not be repeated under another key.",
		pending: whilePending(refundOf)},
		func(ctx context.Context, call commerce.Call, in *newRefund) (payment.Refund, error) {
			v, err := parse[id.Payment]("payment", in.Body.Payment)
			if err != nil {
				return payment.Refund{}, err
			}
			r, err := a.s.Refund(withoutCancel(ctx), commerce.Refund{Call: call, Payment: v, Amount: in.Body.Amount, Reason: in.Body.Reason, Recorded: in.Body.Recorded})
			if fault.Is(err, fault.NotFound) {
				err = fault.BadField("payment", "names nothing in this account")
			}
			return r, err
		}, refundOf)
}
