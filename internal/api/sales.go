package api

import (
	"context"
	"net/netip"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/order"
)

// saleBody is a sale as it is asked for.
type saleBody struct {
	Customer string        `json:"customer,omitempty" maxLength:"40" doc:"Who buys; or buyer."`
	Buyer    *buyerBody    `json:"buyer,omitempty" doc:"A buyer who may be new: found by e-mail address, else made."`
	Price    string        `json:"price" maxLength:"40"`
	Quantity int64         `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"1 when it is left out."`
	Method   string        `json:"payment_method,omitempty" maxLength:"40" doc:"To pay with; or token."`
	Token    string        `json:"token,omitempty" maxLength:"255" example:"tok_visa" doc:"From the payment gateway; saved as a new payment method."`
	Expected *moneyInput   `json:"expected_amount,omitempty" doc:"When it is given and is not what is due now, nothing is sold."`
	Referred *ReferredBody `json:"referred,omitempty" doc:"Who brought the buyer, where affiliates promote the campaign."`
	SaleOptions
}

// ReferredBody is what a sale knows of who brought the buyer.
type ReferredBody struct {
	Affiliate  string   `json:"affiliate,omitempty" maxLength:"40" doc:"The affiliate whose the sale is, whatever else speaks for another."`
	TrackingID string   `json:"tracking_id,omitempty" maxLength:"100" doc:"That affiliate's own mark."`
	Clicks     []string `json:"clicks,omitempty" maxItems:"50" doc:"On links of affiliates, that the buyer's browser remembers."`
	IP         string   `json:"ip,omitempty" maxLength:"45" doc:"The buyer's address on the net; an affiliate who sits there earns nothing."`
}

func (r *ReferredBody) read(f *fault.Fields) commerce.Referred {
	if r == nil {
		return commerce.Referred{}
	}
	out := commerce.Referred{Affiliate: refer[id.Affiliate](f, "referred.affiliate", r.Affiliate), TrackingID: r.TrackingID, Clicks: readClicks(f, "referred.clicks", r.Clicks), IP: r.IP}
	if r.TrackingID != "" {
		f.Add("referred.tracking_id", account.CheckName(r.TrackingID, affiliate.MaxTracking))
	}
	_, err := netip.ParseAddr(r.IP)
	f.Check(r.IP == "" || err == nil, "referred.ip", "must be an address such as 192.0.2.1")
	return out
}

// SaleOptions are what may be chosen about a sale beyond price and quantity.
type SaleOptions struct {
	Currency   string            `json:"currency,omitempty" maxLength:"3" example:"EUR" doc:"The price's own when it is left out."`
	Coupons    []string          `json:"coupons,omitempty" maxItems:"5" doc:"Codes, applied in this order."`
	AnchorDay  int               `json:"anchor_day,omitempty" minimum:"1" maximum:"31" doc:"The day of the month to be billed on."`
	TrialEnd   *time.Time        `json:"trial_end,omitempty" doc:"Begin a subscription with a free trial up to this instant, instead of what the price says."`
	UnitAmount *int64            `json:"unit_amount,omitempty" minimum:"0" maximum:"10000000000000" doc:"A price of one piece for this sale alone, in minor units."`
	Charge     *Charge           `json:"charge,omitempty" doc:"The same for a charge; not together with unit_amount."`
	Note       string            `json:"note,omitempty" maxLength:"1000" doc:"Printed on every invoice."`
	Fields     map[string]string `json:"fields,omitempty" maxProperties:"10" doc:"Printed on every invoice."`
}

func (o SaleOptions) read(f *fault.Fields) commerce.Options {
	out := commerce.Options{Coupons: o.Coupons, AnchorDay: o.AnchorDay, UnitAmount: o.UnitAmount, Charge: o.Charge.readMaybe(f, "charge"), Note: o.Note, Fields: o.Fields, TrialTo: instant(f, "trial_end", o.TrialEnd)}
	f.Check(o.UnitAmount == nil || o.Charge == nil, "charge", "must not be given together with unit_amount")
	if o.Currency != "" {
		currency, err := money.ParseCurrency(o.Currency)
		f.Add("currency", err)
		out.Currency = currency
	}
	return out
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
	s.Shown = b.Expected.read(&f)
	s.Options = b.SaleOptions.read(&f)
	s.Referred = b.Referred.read(&f)
	return s, f.Err()
}

// read is an amount that may be left out.
func (m *moneyInput) read(f *fault.Fields) *money.Amount {
	if m == nil {
		return nil
	}
	currency, err := money.ParseCurrency(m.Currency)
	f.Add("expected_amount.currency", err)
	return &money.Amount{Minor: m.Amount, Currency: currency}
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
	a.quoteRoute()
	a.subscriptionRoutes()
}

// Quote is what a sale would charge, now and later.
type Quote struct {
	Price      string        `json:"price"`
	Quantity   int64         `json:"quantity"`
	Lines      []InvoiceLine `json:"lines" doc:"Due at the sale; empty when nothing is."`
	Net        Money         `json:"net"`
	Tax        Money         `json:"tax"`
	Total      Money         `json:"total"`
	CreditUsed Money         `json:"credit_used" doc:"Of the buyer's credit, that pays for part of it."`
	Due        Money         `json:"due" doc:"What would be charged."`
	NextAt     *time.Time    `json:"next_at" doc:"When the next charge falls due; null when there is none."`
	NextAmount *Money        `json:"next_amount,omitempty" doc:"What the next charge comes to, with tax and after discounts."`
	Each       *Money        `json:"each,omitempty" doc:"What a whole period costs from then on, with tax and before discounts; left out of a one-time price."`
	EachTax    *Money        `json:"each_tax,omitempty"`
}

func quoteOf(q commerce.Quote, quantity int64) Quote {
	total := q.Net
	total.Minor += q.Tax.Minor
	w := Quote{Price: q.Price.ID.String(), Quantity: quantity, Lines: linesOf(q.Lines), Net: moneyOf(q.Net), Tax: moneyOf(q.Tax), Total: moneyOf(total), CreditUsed: moneyOf(q.Credit),
		Due: moneyOf(q.Due), NextAt: timeOf(q.NextAt)}
	if q.Each.Currency != "" {
		w.Each, w.EachTax = shown(&q.Each, moneyOf), shown(&q.EachTax, moneyOf)
	}
	if w.NextAt != nil {
		w.NextAmount = shown(&q.Next, moneyOf)
	}
	return w
}

func (a *API) quoteRoute() {
	type asked struct {
		Body struct {
			Price    string `json:"price" maxLength:"40"`
			Quantity int64  `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"1 when it is left out."`
			Customer string `json:"customer,omitempty" maxLength:"40" doc:"Who would buy; left out, no credit and no tax place is known."`
			SaleOptions
		}
	}
	ask(a, operation{id: "create-quote", path: "/v1/quotes", tag: "Sales", summary: "Compute what a sale would charge, now and later",
		text: "What POST /v1/orders would refuse of price, quantity and options is refused."},
		func(ctx context.Context, c caller, in *asked) (Quote, error) {
			b := in.Body
			var f fault.Fields
			price := mustRefer[id.Price](&f, "price", b.Price)
			buyer := refer[id.Customer](&f, "customer", b.Customer)
			options := b.SaleOptions.read(&f)
			if err := f.Err(); err != nil {
				return Quote{}, err
			}
			if buyer != 0 {
				if _, err := a.r.Customer(ctx, c.account.ID, buyer); err != nil {
					return Quote{}, refersTo(err, "customer")
				}
			}
			quantity := max(b.Quantity, 1)
			q, err := a.s.Quote(ctx, c.account.ID, price, quantity, options, buyer)
			if err != nil {
				return Quote{}, err
			}
			return quoteOf(q, quantity), nil
		})
}
