package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// Subscription is a subscription, with what was asked along.
type Subscription struct {
	ID           string     `json:"id"`
	Customer     string     `json:"customer"`
	Product      string     `json:"product"`
	Price        string     `json:"price"`
	Method       *string    `json:"payment_method"`
	State        string     `json:"state" enum:"trialing,active,past_due,paused,canceled"`
	UnitAmount   Money      `json:"unit_amount" doc:"For one piece and one interval, without tax, as it was sold."`
	Quantity     int64      `json:"quantity"`
	Interval     string     `json:"interval" example:"month" doc:"Empty when it is paid on dates."`
	Period       int        `json:"period" doc:"0, 1, 2 …; below 0 during the trial."`
	PeriodStart  time.Time  `json:"period_start"`
	PeriodEnd    time.Time  `json:"period_end"`
	TrialEnd     *time.Time `json:"trial_end"`
	CancelAt     *time.Time `json:"cancel_at" doc:"A scheduled end."`
	EndedAt      *time.Time `json:"ended_at"`
	EndReason    *string    `json:"end_reason" enum:"requested,payment_failed,completed,replaced,imported"`
	OpenInvoice  *string    `json:"open_invoice" doc:"Unpaid, for the present period."`
	NextActionAt *time.Time `json:"next_action_at" doc:"When something falls due."`

	AnchorAt        time.Time         `json:"anchor_at" doc:"From which its periods are counted."`
	AnchorDay       *int              `json:"anchor_day" doc:"The day of the month on which it is billed; null: that of anchor_at."`
	PaymentsLeft    *int              `json:"payments_left" doc:"How many payments come after the present one; null: there is no last one."`
	Trial           *Trial            `json:"trial,omitempty" doc:"How its trial is paid; left out when there was none."`
	Dates           []string          `json:"dates,omitempty" doc:"The days of payment, when it has no interval."`
	SplitAmount     *Money            `json:"split_amount,omitempty" doc:"The whole that is divided over its payments."`
	Charge          *Charge           `json:"charge,omitempty" doc:"A price of this subscription alone, when it is not unit_amount."`
	ExchangeRate    *string           `json:"exchange_rate" doc:"Of the price's currency in the subscription's, as it was when it was sold."`
	Pause           *Pause            `json:"pause,omitempty" doc:"Under way, or scheduled."`
	ResumeAt        *time.Time        `json:"resume_at" doc:"The end of a pause; null: without end."`
	ScheduledChange *ScheduledChange  `json:"scheduled_change,omitempty"`
	Discounts       []Discount        `json:"discounts"`
	Skipped         int               `json:"skipped" doc:"How many periods were skipped so far."`
	TaxProfile      *string           `json:"tax_profile" doc:"In force when it was sold."`
	Address         *string           `json:"address" doc:"Of the customer's further addresses, that it is for."`
	Note            string            `json:"note" doc:"Printed on every invoice."`
	Fields          map[string]string `json:"fields" doc:"Printed on every invoice."`
	CreatedAt       time.Time         `json:"created_at"`

	CustomerData *Customer      `json:"customer_data,omitempty" doc:"With expand=customer."`
	ProductData  *ProductWire   `json:"product_data,omitempty" doc:"With expand=product."`
	PriceData    *Price         `json:"price_data,omitempty" doc:"With expand=price."`
	MethodData   *PaymentMethod `json:"payment_method_data,omitempty" doc:"With expand=payment_method."`
	LatestData   *InvoiceWire   `json:"latest_invoice_data,omitempty" doc:"With expand=latest_invoice."`
}

// Trial is how a trial is paid.
type Trial struct {
	Amount   Money `json:"amount" doc:"Of the whole trial; zero when it is free."`
	Payments int   `json:"payments" doc:"Over how many payments the amount is divided."`
}

// Pause is a pause that is under way or scheduled.
type Pause struct {
	From    time.Time  `json:"from"`
	Periods *int       `json:"periods" doc:"How many periods it leaves out; null when it ends otherwise."`
	Collect bool       `json:"collect" doc:"Whether what was missed is charged when it ends by itself."`
	Fee     Money      `json:"fee"`
	Every   *string    `json:"every" example:"month" doc:"How often the fee is charged; null: once."`
	FeeAt   *time.Time `json:"fee_at" doc:"When the fee is charged next."`
}

// ScheduledChange is a change of terms that is still to come.
type ScheduledChange struct {
	Change string    `json:"change"`
	At     time.Time `json:"at"`
}

// Discount is a coupon as a subscription keeps it.
type Discount struct {
	Coupon          string  `json:"coupon"`
	Code            string  `json:"code"`
	Percent         *string `json:"percent" example:"12.5" doc:"Of a coupon in per cent."`
	Amount          *Money  `json:"amount,omitempty" doc:"Of a coupon of a fixed amount."`
	AppliesTo       string  `json:"applies_to" enum:"first,first_no_split,rebills,split,all_no_split,all"`
	CyclesLeft      *int    `json:"cycles_left" doc:"From how many charges it will still be taken; null: without end."`
	IncludeSetup    bool    `json:"include_setup"`
	IncludeShipping bool    `json:"include_shipping"`
}

func subscriptionOf(s subscription.Subscription) Subscription {
	w := Subscription{ID: s.ID.String(), Customer: s.Customer.String(), Product: s.Product.String(), Price: s.Price.String(), Method: textOf(s.Method.String()),
		State: string(s.State), UnitAmount: moneyOf(s.UnitAmount), Quantity: s.Quantity, Interval: s.Interval.String(), Period: s.Period, PeriodStart: s.Span.From,
		PeriodEnd: s.Span.To, TrialEnd: timeOf(s.TrialTo), CancelAt: timeOf(s.CancelAt), EndedAt: timeOf(s.EndedAt), EndReason: textOf(string(s.EndReason)),
		OpenInvoice: textOf(s.Invoice.String()), NextActionAt: timeOf(s.NextActionAt), AnchorAt: s.AnchorAt, ResumeAt: timeOf(s.ResumeAt), TaxProfile: textOf(s.TaxProfile.String()),
		Dates: s.Extras.Dates, Skipped: s.Extras.Skipped, Address: textOf(s.Extras.Address.String()), Note: s.Extras.Note, Fields: s.Extras.Fields, Discounts: discountsOf(s), CreatedAt: s.CreatedAt}
	in := s.UnitAmount.Currency
	w.AnchorDay = countOf(s.AnchorDay, 0)
	w.PaymentsLeft = countOf(s.PaymentsLeft(), -1)
	if !s.TrialTo.IsZero() {
		w.Trial = &Trial{moneyOf(money.Amount{Minor: s.Extras.Trial.Amount, Currency: in}), max(s.Extras.Trial.Payments, 1)}
	}
	if s.Extras.Whole > 0 {
		w.SplitAmount = &Money{s.Extras.Whole, string(in)}
	}
	if s.Extras.Charge != nil {
		var own catalog.Charge
		if json.Unmarshal(s.Extras.Charge, &own) == nil { // it was written by the engine
			w.Charge = shown(&own, chargeOf)
		}
	}
	if !s.Extras.Rate.IsZero() {
		w.ExchangeRate = textOf(s.Extras.Rate.String())
	}
	if p := s.Extras.Pausing; p != nil {
		w.Pause = &Pause{p.From, countOf(p.Periods, 0), p.Collect, Money{p.Fee, string(in)}, textOf(p.Every.String()), timeOf(p.FeeAt)}
	}
	if s.Change != 0 && !s.Extras.ChangeAt.IsZero() {
		w.ScheduledChange = &ScheduledChange{s.Change.String(), s.Extras.ChangeAt}
	}
	if w.Fields == nil {
		w.Fields = map[string]string{}
	}
	return w
}

// countOf is null for the number that means none.
func countOf(n, none int) *int {
	if n == none {
		return nil
	}
	return &n
}

func discountsOf(s subscription.Subscription) []Discount {
	out := []Discount{}
	var list []coupon.Discount
	if s.Extras.Discounts == nil || json.Unmarshal(s.Extras.Discounts, &list) != nil { // it was written by the engine
		return out
	}
	for _, d := range list {
		w := Discount{Coupon: d.Coupon.String(), Code: d.Code, AppliesTo: string(d.AppliesTo), CyclesLeft: countOf(d.Left, coupon.Forever), IncludeSetup: d.IncludeSetup, IncludeShipping: d.IncludeShipping}
		if d.Kind == coupon.Percent {
			w.Percent = textOf(d.Percent.Percent())
		} else {
			w.Amount = &Money{d.Amount, string(s.UnitAmount.Currency)}
		}
		out = append(out, w)
	}
	return out
}

func subscriptionViewOf(v report.SubscriptionView) Subscription {
	w := subscriptionOf(v.Subscription)
	w.CustomerData = shown(v.Customer, customerOf)
	w.ProductData = shown(v.Product, productOf)
	w.PriceData = shown(v.Price, priceOf)
	w.MethodData = shown(v.Method, methodOf)
	w.LatestData = shown(v.Invoice, invoiceOf)
	return w
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
		State    string `query:"state" enum:"trialing,active,past_due,paused,canceled" doc:"Only in that state."`
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
			When      string     `json:"when" enum:"now,period_end,date,last_payment" doc:"last_payment: after the last one, instead of what would follow it."`
			At        *time.Time `json:"at,omitempty" doc:"Of date."`
			Reason    string     `json:"reason,omitempty" maxLength:"500"`
			Override  bool       `json:"override,omitempty" doc:"End also what the product does not let its customers end so."`
			BillUsage bool       `json:"bill_usage,omitempty" doc:"Charge the usage of the last period at the end."`
		}
	}
	write(a, operation{id: "cancel-subscription", path: "/v1/subscriptions/{id}/cancel", status: http.StatusOK, tag: "Subscriptions", summary: "End a subscription, now or later"},
		func(ctx context.Context, call commerce.Call, in *ending) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			var f fault.Fields
			b := in.Body
			at := instantFor(&f, "at", b.At, "date", b.When)
			if err := f.Err(); err != nil {
				return subscription.Subscription{}, err
			}
			return a.s.Cancel(withoutCancel(ctx), commerce.Cancel{Call: call, Subscription: v, When: subscription.When(b.When), At: at, Reason: b.Reason, Override: b.Override, BillUsage: b.BillUsage})
		}, subscriptionOf)
	type subscriptionFacts struct {
		ByID
		Body struct {
			Method       string  `json:"payment_method,omitempty" maxLength:"40" doc:"A usable payment method of the same customer; the next renewal is charged with it."`
			PaymentsLeft *int    `json:"payments_left,omitempty" minimum:"0" maximum:"366" doc:"How many payments come after the present one."`
			Address      *string `json:"address,omitempty" maxLength:"40" doc:"Of the customer's further addresses, that it is for; empty for none."`
		}
	}
	write(a, operation{id: "update-subscription", method: http.MethodPatch, path: "/v1/subscriptions/{id}", status: http.StatusOK, tag: "Subscriptions", summary: "Change what is no term of a subscription: its payment method, how many payments are left, the address that it is for"},
		func(ctx context.Context, call commerce.Call, in *subscriptionFacts) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			b := in.Body
			c := commerce.UpdateSubscription{Call: call, Subscription: v, PaymentsLeft: b.PaymentsLeft}
			if b.Method != "" {
				method, err := parse[id.Method]("payment_method", b.Method)
				if err != nil {
					return subscription.Subscription{}, err
				}
				c.Method = &method
			}
			if b.Address != nil {
				place, err := parse[id.Place]("address", *b.Address)
				if err != nil {
					return subscription.Subscription{}, err
				}
				c.Address = &place
			}
			return a.s.UpdateSubscription(ctx, c)
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

// instant reads a time that may be left out.
func instant(f *fault.Fields, field string, at *time.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	f.Check(clock.InRange(*at), field, "must be an instant from 1970 to 2199")
	return at.UTC().Truncate(time.Microsecond)
}

// instantFor reads a time that is given exactly when another field has a value.
func instantFor(f *fault.Fields, field string, at *time.Time, value, has string) time.Time {
	switch {
	case at == nil && has == value:
		f.Bad(field, "must be given when it is to be at a %s", value)
	case at != nil && has != value:
		f.Bad(field, "must be left out unless when is %s", value)
	}
	return instant(f, field, at)
}
