// Package report is every read that a door can ask for. It joins nouns for showing
// and changes nothing. Lists are newest first and paged by the id of the last row
// seen, so that a deep page costs what the first does.
package report

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/clock"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// Reader answers reads. It is safe for concurrent use.
type Reader struct {
	db     *db.DB
	clock  clock.Clock
	copies copies
}

// New makes a reader.
func New(d *db.DB, c clock.Clock) *Reader { return &Reader{db: d, clock: c} }

func view[T any](ctx context.Context, r *Reader, read func(tx *db.Tx) (T, error)) (T, error) {
	var out T
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		out, err = read(tx)
		return err
	})
	return out, err
}

// Account is an account and its own time now.
func (r *Reader) Account(ctx context.Context, acc id.Account) (account.Account, time.Time, error) {
	a, err := view(ctx, r, func(tx *db.Tx) (account.Account, error) { return account.Load(tx, acc) })
	return a, a.Now(r.clock.Now()), err
}

// Accounts is every account, oldest first, for the operator.
func (r *Reader) Accounts(ctx context.Context) ([]account.Account, error) {
	return view(ctx, r, account.All)
}

// APIKeys are an account's keys, oldest first.
func (r *Reader) APIKeys(ctx context.Context, acc id.Account) ([]account.APIKey, error) {
	return view(ctx, r, func(tx *db.Tx) ([]account.APIKey, error) { return account.APIKeys(tx, acc) })
}

// Team is the people of an account.
func (r *Reader) Team(ctx context.Context, acc id.Account) ([]account.Membership, error) {
	return view(ctx, r, func(tx *db.Tx) ([]account.Membership, error) { return account.Team(tx, acc) })
}

// Campaigns are the account's campaigns older than before.
func (r *Reader) Campaigns(ctx context.Context, acc id.Account, before id.Campaign, limit int) ([]catalog.Campaign, error) {
	return view(ctx, r, func(tx *db.Tx) ([]catalog.Campaign, error) { return catalog.Campaigns(tx, acc, before, limit) })
}

// Campaign is one campaign.
func (r *Reader) Campaign(ctx context.Context, acc id.Account, campaign id.Campaign) (catalog.Campaign, error) {
	return view(ctx, r, func(tx *db.Tx) (catalog.Campaign, error) { return catalog.LoadCampaign(tx, acc, campaign) })
}

// Products are the account's products older than before, without their prices.
func (r *Reader) Products(ctx context.Context, acc id.Account, before id.Product, limit int) ([]catalog.Product, error) {
	return view(ctx, r, func(tx *db.Tx) ([]catalog.Product, error) { return catalog.Products(tx, acc, before, limit) })
}

// maxPrices is how many prices of a product are shown with it.
const maxPrices = 100

// ProductView is a product with its prices and checkout addresses.
type ProductView struct {
	Product catalog.Product
	Prices  []catalog.Price // newest first, at most 100
	Links   []catalog.Link
}

// Product is one product with its prices and checkout addresses.
func (r *Reader) Product(ctx context.Context, acc id.Account, product id.Product) (ProductView, error) {
	return view(ctx, r, func(tx *db.Tx) (ProductView, error) { return productView(tx, acc, product) })
}

func productView(tx *db.Tx, acc id.Account, product id.Product) (ProductView, error) {
	p, err := catalog.LoadProduct(tx, acc, product)
	if err != nil {
		return ProductView{}, err
	}
	v := ProductView{Product: p}
	if v.Prices, err = catalog.Prices(tx, acc, product, 0, maxPrices); err != nil {
		return v, err
	}
	v.Links, err = catalog.Links(tx, acc, product)
	return v, err
}

// Prices are the account's prices older than before; of one product when product
// is not 0.
func (r *Reader) Prices(ctx context.Context, acc id.Account, product id.Product, before id.Price, limit int) ([]catalog.Price, error) {
	return view(ctx, r, func(tx *db.Tx) ([]catalog.Price, error) { return catalog.Prices(tx, acc, product, before, limit) })
}

// Price is one price.
func (r *Reader) Price(ctx context.Context, acc id.Account, price id.Price) (catalog.Price, error) {
	return view(ctx, r, func(tx *db.Tx) (catalog.Price, error) { return catalog.LoadPrice(tx, acc, price) })
}

// CheckoutView is what a buyer sees of a product: who sells it, and at which prices.
type CheckoutView struct {
	Account account.Account
	Now     time.Time // on the account's clock
	Product catalog.Product
	Prices  []catalog.Price                  // those that are sold, oldest first
	Meters  map[id.Meter]*usage.Meter        // that the prices count
	Rates   map[money.Currency]money.Decimal // in force now, when a price converts: one unit of the account's own currency
}

// Checkout is the product behind a checkout address, with the prices at which it is
// sold now. An unknown address, and a product that is not sold any more, are
// NotFound.
func (r *Reader) Checkout(ctx context.Context, slug string) (CheckoutView, error) {
	return view(ctx, r, func(tx *db.Tx) (CheckoutView, error) {
		l, err := catalog.LinkBySlug(tx, slug)
		if err != nil {
			return CheckoutView{}, err
		}
		a, err := account.Load(tx, l.Account)
		if err != nil {
			return CheckoutView{}, err
		}
		p, err := productView(tx, a.ID, l.Product)
		if err != nil {
			return CheckoutView{}, err
		}
		v := CheckoutView{Account: a, Now: a.Now(r.clock.Now()), Product: p.Product}
		if p.Product.State != catalog.Active {
			return v, errNotSold
		}
		for i := len(p.Prices) - 1; i >= 0; i-- {
			if p.Prices[i].State == catalog.Active {
				v.Prices = append(v.Prices, p.Prices[i])
			}
		}
		if len(v.Prices) == 0 {
			return v, errNotSold
		}
		return v, v.complete(tx)
	})
}

// complete reads what the prices refer to.
func (v *CheckoutView) complete(tx *db.Tx) error {
	var meters []int64
	converts := false
	for _, p := range v.Prices {
		for _, m := range p.Terms.Usage {
			meters = append(meters, int64(m.Meter))
		}
		if p.Terms.Prepaid != nil {
			meters = append(meters, int64(p.Terms.Prepaid.Meter))
		}
		converts = converts || p.Terms.Convert
	}
	var err error
	if len(meters) > 0 {
		if v.Meters, err = usage.MetersByID(tx, v.Account.ID, meters); err != nil {
			return err
		}
	}
	if converts {
		v.Rates, err = catalog.RatesAt(tx, v.Account.ID, v.Now)
	}
	return err
}

// Customers are the account's customers older than before; those whose address
// begins with email when it is not "".
func (r *Reader) Customers(ctx context.Context, acc id.Account, email string, before id.Customer, limit int) ([]customer.Customer, error) {
	return view(ctx, r, func(tx *db.Tx) ([]customer.Customer, error) { return customer.List(tx, acc, email, before, limit) })
}

// Customer is one customer.
func (r *Reader) Customer(ctx context.Context, acc id.Account, c id.Customer) (customer.Customer, error) {
	return view(ctx, r, func(tx *db.Tx) (customer.Customer, error) { return customer.Load(tx, acc, c) })
}

// CustomerView is one customer with everything they have.
type CustomerView struct {
	Customer      customer.Customer
	Subscriptions []SubscriptionView // newest first, at most 100
	Methods       []payment.Method
	Invoices      []invoice.Invoice // newest first, at most 100
	Events        []event.Event     // newest first, at most 50
}

// CustomerView is one customer with everything they have.
func (r *Reader) CustomerView(ctx context.Context, acc id.Account, c id.Customer) (CustomerView, error) {
	return view(ctx, r, func(tx *db.Tx) (CustomerView, error) {
		var v CustomerView
		var err error
		if v.Customer, err = customer.Load(tx, acc, c); err != nil {
			return v, err
		}
		subs, err := subscription.List(tx, acc, subscription.Filter{Customer: c, Limit: 100})
		if err != nil {
			return v, err
		}
		if v.Subscriptions, err = expand(tx, acc, subs, Expand{Product: true, Price: true}); err != nil {
			return v, err
		}
		if v.Methods, err = payment.Methods(tx, acc, c); err != nil {
			return v, err
		}
		if v.Invoices, err = invoice.List(tx, acc, invoice.Filter{Customer: c, Limit: 100}); err != nil {
			return v, err
		}
		v.Events, err = event.List(tx, acc, event.Filter{Customer: c, Limit: 50})
		return v, err
	})
}

// Methods are a customer's payment methods, newest first.
func (r *Reader) Methods(ctx context.Context, acc id.Account, c id.Customer) ([]payment.Method, error) {
	return view(ctx, r, func(tx *db.Tx) ([]payment.Method, error) {
		if _, err := customer.Load(tx, acc, c); err != nil {
			return nil, err
		}
		return payment.Methods(tx, acc, c)
	})
}

// Method is one payment method.
func (r *Reader) Method(ctx context.Context, acc id.Account, m id.Method) (payment.Method, error) {
	return view(ctx, r, func(tx *db.Tx) (payment.Method, error) { return payment.LoadMethod(tx, acc, m) })
}

// Payments are the account's payments older than before.
func (r *Reader) Payments(ctx context.Context, acc id.Account, before id.Payment, limit int) ([]payment.Payment, error) {
	return view(ctx, r, func(tx *db.Tx) ([]payment.Payment, error) { return payment.List(tx, acc, before, limit) })
}

// Payment is one payment.
func (r *Reader) Payment(ctx context.Context, acc id.Account, p id.Payment) (payment.Payment, error) {
	return view(ctx, r, func(tx *db.Tx) (payment.Payment, error) { return payment.Load(tx, acc, p) })
}

// Refunds are the account's refunds older than before.
func (r *Reader) Refunds(ctx context.Context, acc id.Account, before id.Refund, limit int) ([]payment.Refund, error) {
	return view(ctx, r, func(tx *db.Tx) ([]payment.Refund, error) { return payment.Refunds(tx, acc, before, limit) })
}

// Refund is one refund.
func (r *Reader) Refund(ctx context.Context, acc id.Account, refund id.Refund) (payment.Refund, error) {
	return view(ctx, r, func(tx *db.Tx) (payment.Refund, error) { return payment.LoadRefund(tx, acc, refund) })
}

// Orders are the account's orders older than before; of one customer when c is not 0.
func (r *Reader) Orders(ctx context.Context, acc id.Account, c id.Customer, before id.Order, limit int) ([]order.Order, error) {
	return view(ctx, r, func(tx *db.Tx) ([]order.Order, error) { return order.List(tx, acc, c, before, limit) })
}

// Order is one order.
func (r *Reader) Order(ctx context.Context, acc id.Account, o id.Order) (order.Order, error) {
	return view(ctx, r, func(tx *db.Tx) (order.Order, error) { return order.Load(tx, acc, o) })
}

// Events are the account's events.
func (r *Reader) Events(ctx context.Context, acc id.Account, f event.Filter) ([]event.Event, error) {
	return view(ctx, r, func(tx *db.Tx) ([]event.Event, error) { return event.List(tx, acc, f) })
}

// Event is one event.
func (r *Reader) Event(ctx context.Context, acc id.Account, e id.Event) (event.Event, error) {
	return view(ctx, r, func(tx *db.Tx) (event.Event, error) { return event.Load(tx, acc, e) })
}

// InvoiceView is an invoice as it is printed, and everything that belongs to it.
type InvoiceView struct {
	Invoice  invoice.Invoice
	Lines    []invoice.Line
	Payments []payment.Payment // oldest first
	Refunds  []payment.Refund
	// CreditNotes are those of the invoice, oldest first.
	CreditNotes []invoice.CreditNote
	Methods     map[id.Method]payment.Method
	Entries     []ledger.Entry
	Account     account.Account
	Seller      account.Printed // as it was when the invoice was made
	Buyer       customer.Printed
	Next        time.Time // when its subscription is charged next; zero when it is not
}

// Invoice is an invoice as it is printed, and everything that belongs to it.
func (r *Reader) Invoice(ctx context.Context, acc id.Account, inv id.Invoice) (InvoiceView, error) {
	return view(ctx, r, func(tx *db.Tx) (InvoiceView, error) { return invoiceView(tx, acc, inv) })
}

func invoiceView(tx *db.Tx, acc id.Account, inv id.Invoice) (InvoiceView, error) {
	v := InvoiceView{}
	var err error
	if v.Invoice, err = invoice.Load(tx, acc, inv); err != nil {
		return v, err
	}
	if v.Lines, err = invoice.Lines(tx, v.Invoice); err != nil {
		return v, err
	}
	payments, err := payment.OfInvoices(tx, acc, []int64{int64(inv)})
	if err != nil {
		return v, err
	}
	v.Payments = payments[inv]
	var methods []int64
	for _, p := range v.Payments {
		methods = append(methods, int64(p.Method))
		refunds, err := payment.RefundsOf(tx, acc, p.ID)
		if err != nil {
			return v, err
		}
		v.Refunds = append(v.Refunds, refunds...)
	}
	if v.Methods, err = payment.MethodsByID(tx, acc, methods); err != nil {
		return v, err
	}
	if v.Invoice.Credited > 0 {
		if v.CreditNotes, err = invoice.CreditNotesOf(tx, acc, inv); err != nil {
			return v, err
		}
	}
	if v.Entries, err = ledger.OfInvoice(tx, acc, inv); err != nil {
		return v, err
	}
	if v.Account, err = account.Load(tx, acc); err != nil {
		return v, err
	}
	if v.Seller, err = account.PrintedAs(tx, v.Account, v.Invoice.Seller); err != nil {
		return v, err
	}
	buyer, err := customer.Load(tx, acc, v.Invoice.Customer)
	if err != nil {
		return v, err
	}
	if v.Buyer, err = customer.PrintedAs(tx, buyer, v.Invoice.Buyer); err != nil || v.Invoice.Subscription == 0 {
		return v, err
	}
	subs, err := subscription.ByID(tx, acc, []int64{int64(v.Invoice.Subscription)})
	if sub, ok := subs[v.Invoice.Subscription]; ok && sub.State != subscription.Canceled && sub.CancelAt.IsZero() {
		v.Next = sub.Span.To
	}
	return v, err
}

// Invoices are the account's invoices.
func (r *Reader) Invoices(ctx context.Context, acc id.Account, f invoice.Filter) ([]invoice.Invoice, error) {
	return view(ctx, r, func(tx *db.Tx) ([]invoice.Invoice, error) { return invoice.List(tx, acc, f) })
}

// Lines are the lines of an invoice.
func (r *Reader) Lines(ctx context.Context, v invoice.Invoice) ([]invoice.Line, error) {
	return view(ctx, r, func(tx *db.Tx) ([]invoice.Line, error) { return invoice.Lines(tx, v) })
}

// CustomersByID are those of the customers that the account has, for labels.
func (r *Reader) CustomersByID(ctx context.Context, acc id.Account, ids []int64) (map[id.Customer]customer.Customer, error) {
	return view(ctx, r, func(tx *db.Tx) (map[id.Customer]customer.Customer, error) { return customer.ByID(tx, acc, ids) })
}

// OrderView is what a buyer sees after the sale.
type OrderView struct {
	Account      account.Account
	Order        order.Order
	Customer     customer.Customer
	Product      catalog.Product
	Price        catalog.Price
	Invoice      *InvoiceView
	Subscription *subscription.Subscription
}

// OrderByToken is the order behind a thank-you address; NotFound when the token is
// wrong in any part.
func (r *Reader) OrderByToken(ctx context.Context, token string) (OrderView, error) {
	acc, ord, secret, err := order.ParseToken(token)
	if err != nil {
		return OrderView{}, err
	}
	return view(ctx, r, func(tx *db.Tx) (OrderView, error) {
		var v OrderView
		o, err := order.Load(tx, acc, ord)
		if err != nil {
			return v, err
		}
		if !sameSecret(o.Secret, secret) {
			return v, errNoOrder
		}
		v.Order = o
		if v.Account, err = account.Load(tx, acc); err != nil {
			return v, err
		}
		if v.Customer, err = customer.Load(tx, acc, o.Customer); err != nil {
			return v, err
		}
		if v.Price, err = catalog.LoadPrice(tx, acc, o.Price); err != nil {
			return v, err
		}
		if v.Product, err = catalog.LoadProduct(tx, acc, v.Price.Product); err != nil {
			return v, err
		}
		if o.Invoice != 0 {
			inv, err := invoiceView(tx, acc, o.Invoice)
			if err != nil {
				return v, err
			}
			v.Invoice = &inv
		}
		if o.Subscription != 0 && o.State == order.Completed {
			sub, err := subscription.Load(tx, acc, o.Subscription)
			if err != nil {
				return v, err
			}
			v.Subscription = &sub
		}
		return v, nil
	})
}
