package api

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/payment"
)

func (a *API) invoiceRoutes() {
	type filter struct {
		Page
		Customer     string `query:"customer" maxLength:"40" doc:"Only of that customer."`
		Subscription string `query:"subscription" maxLength:"40" doc:"Only of that subscription."`
		State        string `query:"state" enum:"draft,open,paid,void" doc:"Only in that state."`
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
	op := a.describeOp(operation{id: "get-invoice-pdf", method: http.MethodGet, status: http.StatusOK, path: "/v1/invoices/{id}/pdf", tag: "Invoices", summary: "The invoice as PDF"}, typeOf[none]())
	op.Responses["200"].Content = map[string]*huma.MediaType{"application/pdf": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	huma.Register(a.huma, op, a.pdf)
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
		return a.refused(ctx, fault.New(fault.Unavailable, "this server makes no documents")), nil
	}
	var b bytes.Buffer
	if err := a.o.PDF(&b, found); err != nil {
		return a.refused(ctx, err), nil
	}
	return &answer{Status: http.StatusOK, ContentType: "application/pdf", Disposition: `inline; filename="` + found.Invoice.Label() + `.pdf"`, Body: b.Bytes()}, nil
}

func (a *API) moneyRoutes() {
	read(a, operation{id: "list-payments", path: "/v1/payments", tag: "Payments", summary: "The payments"},
		func(ctx context.Context, c caller, in *Page) (list[Payment], error) {
			from, err := before[id.Payment](*in, "pay")
			if err != nil {
				return list[Payment]{}, err
			}
			rows, err := a.r.Payments(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "pay", rows, func(p payment.Payment) int64 { return int64(p.ID) }, paymentOf), err
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
		func(ctx context.Context, c caller, in *Page) (list[Refund], error) {
			from, err := before[id.Refund](*in, "ref")
			if err != nil {
				return list[Refund]{}, err
			}
			rows, err := a.r.Refunds(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "ref", rows, func(r payment.Refund) int64 { return int64(r.ID) }, refundOf), err
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
			Payment string `json:"payment" maxLength:"40"`
			Amount  int64  `json:"amount,omitempty" minimum:"1" maximum:"10000000000000" doc:"Minor units; all that is left when it is left out."`
			Reason  string `json:"reason,omitempty" maxLength:"500"`
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
			r, err := a.s.Refund(withoutCancel(ctx), commerce.Refund{Call: call, Payment: v, Amount: in.Body.Amount, Reason: in.Body.Reason})
			if fault.Is(err, fault.NotFound) {
				err = fault.BadField("payment", "names nothing in this account")
			}
			return r, err
		}, refundOf)
}
