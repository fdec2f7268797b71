package report

import (
	"context"
	"crypto/subtle"
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
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

var (
	errNotSold = fault.New(fault.NotFound, "this is not sold any more")
	errNoOrder = fault.New(fault.NotFound, "there is no order at this address")
)

func sameSecret(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Expand says what is read along with subscriptions.
type Expand struct {
	Customer bool
	Product  bool
	Price    bool
	Invoice  bool // the latest invoice
	Method   bool
}

// SubscriptionView is a subscription with what was asked along.
type SubscriptionView struct {
	Subscription subscription.Subscription
	Customer     *customer.Customer
	Product      *catalog.Product
	Price        *catalog.Price
	Invoice      *invoice.Invoice // the latest; nil when there is none
	Method       *payment.Method  // nil when there is none
}

// Subscriptions are the account's subscriptions with what was asked along.
func (r *Reader) Subscriptions(ctx context.Context, acc id.Account, f subscription.Filter, e Expand) ([]SubscriptionView, error) {
	return view(ctx, r, func(tx *db.Tx) ([]SubscriptionView, error) {
		list, err := subscription.List(tx, acc, f)
		if err != nil {
			return nil, err
		}
		return expand(tx, acc, list, e)
	})
}

// Subscription is one subscription with what was asked along.
func (r *Reader) Subscription(ctx context.Context, acc id.Account, sub id.Subscription, e Expand) (SubscriptionView, error) {
	return view(ctx, r, func(tx *db.Tx) (SubscriptionView, error) {
		s, err := subscription.Load(tx, acc, sub)
		if err != nil {
			return SubscriptionView{}, err
		}
		list, err := expand(tx, acc, []subscription.Subscription{s}, e)
		if err != nil {
			return SubscriptionView{}, err
		}
		return list[0], nil
	})
}

// expand reads what was asked along, each kind in one query.
func expand(tx *db.Tx, acc id.Account, list []subscription.Subscription, e Expand) ([]SubscriptionView, error) {
	views := make([]SubscriptionView, len(list))
	var customers, products, prices, methods, subs []int64
	for i, s := range list {
		views[i].Subscription = s
		customers = append(customers, int64(s.Customer))
		products = append(products, int64(s.Product))
		prices = append(prices, int64(s.Price))
		methods = append(methods, int64(s.Method))
		subs = append(subs, int64(s.ID))
	}
	if e.Customer {
		found, err := customer.ByID(tx, acc, customers)
		if err != nil {
			return nil, err
		}
		for i, s := range list {
			views[i].Customer = at(found, s.Customer)
		}
	}
	if e.Product {
		found, err := catalog.ProductsByID(tx, acc, products)
		if err != nil {
			return nil, err
		}
		for i, s := range list {
			views[i].Product = at(found, s.Product)
		}
	}
	if e.Price {
		found, err := catalog.PricesByID(tx, acc, prices)
		if err != nil {
			return nil, err
		}
		for i, s := range list {
			views[i].Price = at(found, s.Price)
		}
	}
	if e.Method {
		found, err := payment.MethodsByID(tx, acc, methods)
		if err != nil {
			return nil, err
		}
		for i, s := range list {
			views[i].Method = at(found, s.Method)
		}
	}
	if e.Invoice {
		found, err := invoice.LatestOf(tx, acc, subs)
		if err != nil {
			return nil, err
		}
		for i, s := range list {
			views[i].Invoice = at(found, s.ID)
		}
	}
	return views, nil
}

func at[K comparable, V any](found map[K]V, key K) *V {
	v, ok := found[key]
	if !ok {
		return nil
	}
	return &v
}

// Due is one thing that will happen on an account.
type Due struct {
	At           time.Time
	Subscription subscription.Subscription
	Customer     customer.Customer
	Step         subscription.Step
	Amount       money.Amount // of a charge: without discounts, usage and tax; zero of everything else
}

// Upcoming is what will happen on an account up to an instant, soonest first.
func (r *Reader) Upcoming(ctx context.Context, acc id.Account, to time.Time, limit int) ([]Due, error) {
	return view(ctx, r, func(tx *db.Tx) ([]Due, error) { return upcoming(tx, acc, to, limit) })
}

func upcoming(tx *db.Tx, acc id.Account, to time.Time, limit int) ([]Due, error) {
	subs, err := subscription.Upcoming(tx, acc, to, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Due, 0, len(subs))
	var customers, prices []int64
	for _, s := range subs {
		prices = append(prices, int64(s.Price))
		customers = append(customers, int64(s.Customer))
	}
	sold, err := catalog.PricesByID(tx, acc, prices)
	if err != nil {
		return nil, err
	}
	for _, s := range subs {
		d := Due{At: s.NextActionAt, Subscription: s, Step: s.Due(false), Amount: money.Zero(s.UnitAmount.Currency)}
		switch d.Step {
		case subscription.Wait:
			continue
		case subscription.Bill, subscription.Retry:
			if d.Amount, err = costs(s.Running(), sold[s.Price]); err != nil {
				return nil, err
			}
		case subscription.PauseFee:
			d.Amount.Minor = s.Extras.Pausing.Fee
		}
		list = append(list, d)
	}
	found, err := customer.ByID(tx, acc, customers)
	for i := range list {
		list[i].Customer = found[list[i].Subscription.Customer]
	}
	return list, err
}

// Home is the first page of an account.
type Home struct {
	Account   account.Account
	Now       time.Time
	States    map[subscription.State]int64
	Recurring []money.Amount // revenue of running subscriptions a month, by currency
	Invoices  []invoice.Totals
	Next      []Due         // the next seven days, at most 20
	Events    []event.Event // the latest 15
	Products  bool          // something is in the catalog
}

// Home is the first page of an account.
func (r *Reader) Home(ctx context.Context, acc id.Account) (Home, error) {
	return view(ctx, r, func(tx *db.Tx) (Home, error) {
		var h Home
		var err error
		if h.Account, err = account.Load(tx, acc); err != nil {
			return h, err
		}
		h.Now = h.Account.Now(r.clock.Now())
		if h.States, err = subscription.CountByState(tx, acc); err != nil {
			return h, err
		}
		if h.Recurring, err = recurring(tx, acc); err != nil {
			return h, err
		}
		if h.Invoices, err = invoice.Sum(tx, acc); err != nil {
			return h, err
		}
		if h.Next, err = upcoming(tx, acc, h.Now.Add(7*24*time.Hour), 20); err != nil {
			return h, err
		}
		if h.Events, err = event.List(tx, acc, event.Filter{Limit: 15}); err != nil {
			return h, err
		}
		products, err := catalog.Products(tx, acc, 0, 1)
		h.Products = len(products) > 0
		return h, err
	})
}
