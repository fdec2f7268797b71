package api

import (
	"context"
	"net/http"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
)

// handBill is what somebody bills by hand.
type handBill struct {
	Customer string     `json:"customer" maxLength:"40"`
	Currency string     `json:"currency,omitempty" maxLength:"3" example:"EUR" doc:"The account's when it is left out."`
	Items    []billItem `json:"items" minItems:"1" maxItems:"100"`
	Method   string     `json:"payment_method,omitempty" maxLength:"40" doc:"To charge; the customer's newest usable one when it is left out."`
	Note     string     `json:"note,omitempty" maxLength:"1000" doc:"Printed."`
}

type billItem struct {
	Description string `json:"description" minLength:"1" maxLength:"200"`
	Quantity    int64  `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"1 when it is left out."`
	Amount      int64  `json:"amount" minimum:"1" maximum:"10000000000000" doc:"Minor units of one."`
}

func (b handBill) read(call commerce.Call) (commerce.BillByHand, error) {
	var f fault.Fields
	out := commerce.BillByHand{Call: call, Note: b.Note}
	var err error
	out.Customer, err = parse[id.Customer]("customer", b.Customer)
	f.Add("customer", err)
	f.Check(b.Customer != "", "customer", "must be given")
	out.Method, err = parse[id.Method]("payment_method", b.Method)
	f.Add("payment_method", err)
	if b.Currency != "" {
		out.Currency, err = money.ParseCurrency(b.Currency)
		f.Add("currency", err)
	}
	for _, t := range b.Items {
		out.Items = append(out.Items, commerce.BilledItem{Description: t.Description, Quantity: t.Quantity, Amount: t.Amount})
	}
	return out, f.Err()
}

// Billed is what came of billing the next period early.
type Billed struct {
	Subscription Subscription `json:"subscription"`
	Invoice      *InvoiceWire `json:"invoice,omitempty" doc:"Left out when the period costs nothing."`
	Payment      *Payment     `json:"payment,omitempty"`
}

func billedOf(b commerce.Billed) Billed {
	return Billed{subscriptionOf(b.Subscription), shown(b.Invoice, invoiceOf), shown(b.Payment, paymentOf)}
}

func chargedOf(c commerce.Charged) InvoiceWire { return invoiceOf(c.Invoice) }

// byHandRoutes are what people bill and collect beside sales and renewals.
func (a *API) byHandRoutes() {
	write(a, operation{id: "create-charge", path: "/v1/charges", tag: "Invoices", summary: "Charge a customer for amounts that no price names",
		text:    "Answers the invoice, which is paid. 402: declined, and the invoice came to nothing. 202: the gateway has not answered; it is settled later and must not be repeated under another key.",
		pending: whilePending(chargedOf)},
		func(ctx context.Context, call commerce.Call, in *struct{ Body handBill }) (commerce.Charged, error) {
			b, err := in.Body.read(call)
			if err != nil {
				return commerce.Charged{}, err
			}
			return a.s.ChargeOnce(withoutCancel(ctx), commerce.ChargeOnce{Call: call, Customer: b.Customer, Currency: b.Currency, Items: b.Items, Method: b.Method, Note: b.Note})
		}, chargedOf)
	write(a, operation{id: "create-invoice", path: "/v1/invoices", tag: "Invoices", summary: "Write an open invoice of amounts that no price names",
		text: "It is owed until somebody charges it or says that it was paid. What the customer's credit pays for whole is paid at once."},
		func(ctx context.Context, call commerce.Call, in *struct{ Body handBill }) (commerce.Charged, error) {
			b, err := in.Body.read(call)
			if err != nil {
				return commerce.Charged{}, err
			}
			return a.s.BillByHand(ctx, b)
		}, chargedOf)
	type method struct {
		ByID
		Body struct {
			Method string `json:"payment_method" maxLength:"40" doc:"A usable payment method of the customer."`
		}
	}
	write(a, operation{id: "update-invoice", method: http.MethodPatch, path: "/v1/invoices/{id}", status: http.StatusOK, tag: "Invoices", summary: "Charge an open invoice with another payment method",
		text: "Only of one without a subscription; the others are charged with their subscription's."},
		func(ctx context.Context, call commerce.Call, in *method) (invoice.Invoice, error) {
			v, err := id.Parse[id.Invoice](in.ID)
			if err != nil {
				return invoice.Invoice{}, err
			}
			m, err := parse[id.Method]("payment_method", in.Body.Method)
			if err != nil {
				return invoice.Invoice{}, err
			}
			if m == 0 {
				return invoice.Invoice{}, fault.BadField("payment_method", "must be given")
			}
			return a.s.ChangeInvoiceMethod(ctx, commerce.ChangeInvoiceMethod{Call: call, Invoice: v, Method: m})
		}, invoiceOf)
	type marking struct {
		ByID
		Body struct {
			Reference string `json:"reference,omitempty" maxLength:"255" doc:"What the bank or the merchant calls the payment."`
		}
	}
	write(a, operation{id: "mark-invoice-paid", path: "/v1/invoices/{id}/mark-paid", status: http.StatusOK, tag: "Invoices", summary: "Say that an open invoice was paid in another way",
		text: "A payment is recorded for all that is due, and whatever waited for it goes on."},
		func(ctx context.Context, call commerce.Call, in *marking) (commerce.Collected, error) {
			v, err := id.Parse[id.Invoice](in.ID)
			if err != nil {
				return commerce.Collected{}, err
			}
			return a.s.MarkInvoicePaid(ctx, commerce.MarkInvoicePaid{Call: call, Invoice: v, Reference: in.Body.Reference})
		}, func(c commerce.Collected) InvoiceWire { return invoiceOf(c.Invoice) })
	type billing struct {
		ByID
		Body struct {
			Period    *int   `json:"period,omitempty" minimum:"0" maximum:"1000000" doc:"The number of the period that is meant; another one than the next is refused. Left out: whichever is next."`
			Paid      bool   `json:"paid,omitempty" doc:"The money came in another way: no gateway is asked."`
			Reference string `json:"reference,omitempty" maxLength:"255" doc:"With paid: what the bank or the merchant calls the payment."`
		}
	}
	write(a, operation{id: "bill-now", path: "/v1/subscriptions/{id}/bill-now", status: http.StatusOK, tag: "Subscriptions", summary: "Begin and bill the next period now",
		text:    "As its renewal would have; those after it come when they would have. 402: declined, and recovered as any renewal. 202: the gateway has not answered.",
		pending: whilePending(billedOf)},
		func(ctx context.Context, call commerce.Call, in *billing) (commerce.Billed, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return commerce.Billed{}, err
			}
			b := in.Body
			if b.Reference != "" && !b.Paid {
				return commerce.Billed{}, fault.BadField("reference", "must be left out unless paid is true")
			}
			return a.s.BillNow(withoutCancel(ctx), commerce.BillNow{Call: call, Subscription: v, Period: b.Period, Paid: b.Paid, Reference: b.Reference})
		}, billedOf)
}
