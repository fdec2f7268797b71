package api

import (
	"context"
	"net/http"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/order"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// saleBody is a sale as it is asked for.
type saleBody struct {
	Customer string      `json:"customer,omitempty" maxLength:"40" doc:"Who buys; or buyer."`
	Buyer    *buyerBody  `json:"buyer,omitempty" doc:"A buyer who may be new: found by e-mail address, else made."`
	Price    string      `json:"price" maxLength:"40"`
	Quantity int64       `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"1 when it is left out."`
	Method   string      `json:"payment_method,omitempty" maxLength:"40" doc:"To pay with; or token."`
	Token    string      `json:"token,omitempty" maxLength:"255" example:"tok_visa" doc:"From the payment gateway; saved as a new payment method."`
	Expected *moneyInput `json:"expected_amount,omitempty" doc:"When it is given and is not what is due now, nothing is sold."`
}

type moneyInput struct {
	Amount   int64  `json:"amount" minimum:"0" maximum:"10000000000000"`
	Currency string `json:"currency" minLength:"3" maxLength:"3"`
}

func (b saleBody) sell(call commerce.Call) (commerce.Sell, error) {
	var f fault.Fields
	s := commerce.Sell{Call: call, Quantity: b.Quantity, Token: b.Token, Source: "api"}
	var err error
	s.Customer, err = parse[id.Customer]("customer", b.Customer)
	f.Add("customer", err)
	s.Price, err = parse[id.Price]("price", b.Price)
	f.Add("price", err)
	s.Method, err = parse[id.Method]("payment_method", b.Method)
	f.Add("payment_method", err)
	f.Check((b.Customer == "") != (b.Buyer == nil), "customer", "must be given, or buyer, and not both")
	f.Check(b.Method == "" || b.Token == "", "token", "must not be given together with payment_method")
	if b.Buyer != nil {
		c := b.Buyer.create(call)
		s.Buyer = &c
		b.Buyer.check(&f, "buyer.")
	}
	if b.Expected != nil {
		currency, err := money.ParseCurrency(b.Expected.Currency)
		f.Add("expected_amount.currency", err)
		s.Shown = &money.Amount{Minor: b.Expected.Amount, Currency: currency}
	}
	return s, f.Err()
}

// Sale is an order and all that came of it.
type Sale struct {
	OrderWire
	CustomerData     Customer      `json:"customer_data"`
	InvoiceData      *InvoiceWire  `json:"invoice_data,omitempty"`
	PaymentData      *Payment      `json:"payment_data,omitempty"`
	SubscriptionData *Subscription `json:"subscription_data,omitempty"`
}

func saleOf(s commerce.Sale) Sale {
	return Sale{orderOf(s.Order), customerOf(s.Customer), shown(s.Invoice, invoiceOf), shown(s.Payment, paymentOf), shown(s.Subscription, subscriptionOf)}
}

func (a *API) saleRoutes() {
	type filter struct {
		Page
		Customer string `query:"customer" maxLength:"40" doc:"Only of that customer."`
	}
	write(a, operation{id: "create-order", path: "/v1/orders", tag: "Sales", summary: "Sell a price to a customer",
		text:    "Charges what is due now and starts the subscription of a recurring price. 402: the card was declined and nothing was sold. 202: the bank has not answered; the order is settled later and must not be repeated under another key.",
		pending: whilePending(saleOf)},
		func(ctx context.Context, call commerce.Call, in *struct{ Body saleBody }) (commerce.Sale, error) {
			sell, err := in.Body.sell(call)
			if err != nil {
				return commerce.Sale{}, err
			}
			return a.s.Sell(withoutCancel(ctx), sell)
		}, saleOf)
	read(a, operation{id: "list-orders", path: "/v1/orders", tag: "Sales", summary: "The orders"},
		func(ctx context.Context, c caller, in *filter) (list[OrderWire], error) {
			from, err := before[id.Order](in.Page, "ord")
			if err != nil {
				return list[OrderWire]{}, err
			}
			who, err := parse[id.Customer]("query.customer", in.Customer)
			if err != nil {
				return list[OrderWire]{}, err
			}
			rows, err := a.r.Orders(ctx, c.account.ID, who, from, in.Limit+1)
			return paged(in.Page, "ord", rows, func(o order.Order) int64 { return int64(o.ID) }, orderOf), err
		})
	read(a, operation{id: "get-order", path: "/v1/orders/{id}", tag: "Sales", summary: "One order"},
		func(ctx context.Context, c caller, in *ByID) (OrderWire, error) {
			v, err := id.Parse[id.Order](in.ID)
			if err != nil {
				return OrderWire{}, err
			}
			o, err := a.r.Order(ctx, c.account.ID, v)
			return orderOf(o), err
		})
	a.subscriptionRoutes()
}

// Expandables are what can be read along with a subscription.
type Expandables struct {
	Expand string `query:"expand" maxLength:"100" example:"customer,price,latest_invoice" doc:"Any of customer, product, price, latest_invoice, payment_method, separated by commas."`
}

func (e Expandables) parse() (report.Expand, error) {
	var out report.Expand
	if e.Expand == "" {
		return out, nil
	}
	for _, word := range strings.Split(e.Expand, ",") {
		switch strings.TrimSpace(word) {
		case "customer":
			out.Customer = true
		case "product":
			out.Product = true
		case "price":
			out.Price = true
		case "latest_invoice":
			out.Invoice = true
		case "payment_method":
			out.Method = true
		default:
			return out, fault.BadField("query.expand", "can hold customer, product, price, latest_invoice and payment_method")
		}
	}
	return out, nil
}

func (a *API) subscriptionRoutes() {
	type filter struct {
		Page
		Expandables
		Customer string `query:"customer" maxLength:"40" doc:"Only of that customer."`
		State    string `query:"state" enum:"trialing,active,past_due,canceled" doc:"Only in that state."`
	}
	type one struct {
		ByID
		Expandables
	}
	read(a, operation{id: "list-subscriptions", path: "/v1/subscriptions", tag: "Subscriptions", summary: "The subscriptions"},
		func(ctx context.Context, c caller, in *filter) (list[Subscription], error) {
			none := list[Subscription]{}
			from, err := before[id.Subscription](in.Page, "sub")
			if err != nil {
				return none, err
			}
			expand, err := in.parse()
			if err != nil {
				return none, err
			}
			f := subscription.Filter{State: subscription.State(in.State), Before: from, Limit: in.Limit + 1}
			if f.Customer, err = parse[id.Customer]("query.customer", in.Customer); err != nil {
				return none, err
			}
			rows, err := a.r.Subscriptions(ctx, c.account.ID, f, expand)
			return paged(in.Page, "sub", rows, func(v report.SubscriptionView) int64 { return int64(v.Subscription.ID) }, subscriptionViewOf), err
		})
	read(a, operation{id: "get-subscription", path: "/v1/subscriptions/{id}", tag: "Subscriptions", summary: "One subscription"},
		func(ctx context.Context, c caller, in *one) (Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return Subscription{}, err
			}
			expand, err := in.parse()
			if err != nil {
				return Subscription{}, err
			}
			found, err := a.r.Subscription(ctx, c.account.ID, v, expand)
			return subscriptionViewOf(found), err
		})
	write(a, operation{id: "create-subscription", path: "/v1/subscriptions", tag: "Subscriptions", summary: "Sell a recurring price",
		text:    "The same sale as POST /v1/orders, answered with the subscription. 202: the bank has not answered, there is no subscription yet, and the answer is the pending order.",
		pending: whilePending(saleOf)},
		func(ctx context.Context, call commerce.Call, in *struct{ Body saleBody }) (commerce.Sale, error) {
			sell, err := in.Body.sell(call)
			if err != nil {
				return commerce.Sale{}, err
			}
			price, err := a.r.Price(ctx, call.Account, sell.Price)
			if err == nil && !price.Recurring() || fault.Is(err, fault.NotFound) {
				return commerce.Sale{}, fault.BadField("price", "must be a recurring price of this account")
			}
			if err != nil {
				return commerce.Sale{}, err
			}
			return a.s.Sell(withoutCancel(ctx), sell)
		}, func(s commerce.Sale) Subscription {
			w := subscriptionOf(*s.Subscription)
			w.CustomerData = shown(&s.Customer, func(c customer.Customer) Customer { return customerOf(c) })
			w.LatestData = shown(s.Invoice, invoiceOf)
			return w
		})
	type ending struct {
		ByID
		Body struct {
			When   string `json:"when" enum:"now,period_end"`
			Reason string `json:"reason,omitempty" maxLength:"500"`
		}
	}
	write(a, operation{id: "cancel-subscription", path: "/v1/subscriptions/{id}/cancel", status: http.StatusOK, tag: "Subscriptions", summary: "End a subscription, now or at the end of its period"},
		func(ctx context.Context, call commerce.Call, in *ending) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			return a.s.Cancel(ctx, commerce.Cancel{Call: call, Subscription: v, When: subscription.When(in.Body.When), Reason: in.Body.Reason})
		}, subscriptionOf)
	type change struct {
		ByID
		Body struct {
			Method string `json:"payment_method" maxLength:"40" doc:"A usable payment method of the same customer; the next renewal is charged with it."`
		}
	}
	write(a, operation{id: "update-subscription", method: http.MethodPatch, path: "/v1/subscriptions/{id}", status: http.StatusOK, tag: "Subscriptions", summary: "Charge a subscription with another payment method"},
		func(ctx context.Context, call commerce.Call, in *change) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			method, err := parse[id.Method]("payment_method", in.Body.Method)
			if err != nil {
				return subscription.Subscription{}, err
			}
			return a.s.ChangeMethod(ctx, commerce.ChangeMethod{Call: call, Subscription: v, Method: method})
		}, subscriptionOf)
	write(a, operation{id: "undo-cancel", path: "/v1/subscriptions/{id}/undo-cancel", status: http.StatusOK, tag: "Subscriptions", summary: "Take a scheduled end back"},
		func(ctx context.Context, call commerce.Call, in *ByID) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			return a.s.UndoCancel(ctx, commerce.UndoCancel{Call: call, Subscription: v})
		}, subscriptionOf)
}
