package report

import (
	"context"
	"slices"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/license"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// Purchase is what a customer bought at once, with everything that came of it: a
// subscription with all its payments, a one-time sale, or an invoice by hand.
type Purchase struct {
	Customer     customer.Customer
	Campaign     catalog.Campaign // zero of an invoice by hand, as Product and Price are
	Product      catalog.Product
	Price        catalog.Price
	Subscription *subscription.Subscription // nil of what was paid once
	Order        *order.Order               // nil of a subscription, and of an invoice by hand
	Method       *payment.Method            // that is charged; nil when there is none
	Invoices     []InvoiceRow               // oldest first, the newest MaxPurchaseInvoices
	Refunds      map[id.Payment][]payment.Refund
	Licenses     []license.License
	Referral     *affiliate.Referral // nil when nobody brought it
	Affiliates   map[id.Affiliate]affiliate.Affiliate
	Commissions  map[id.Invoice][]affiliate.Commission
	Coupon       *coupon.Coupon // the first that was taken off something
}

// MaxPurchaseInvoices is how many invoices of a purchase are read.
const MaxPurchaseInvoices = 500

// PurchaseOf is the purchase of a subscription.
func (r *Reader) PurchaseOf(ctx context.Context, acc id.Account, of id.Subscription) (Purchase, error) {
	return view(ctx, r, func(tx *db.Tx) (Purchase, error) {
		s, err := subscription.Load(tx, acc, of)
		if err != nil {
			return Purchase{}, err
		}
		p := Purchase{Subscription: &s}
		list, err := invoice.List(tx, acc, invoice.Filter{Subscription: s.ID, Limit: MaxPurchaseInvoices})
		if err != nil {
			return p, err
		}
		return p, p.read(tx, acc, s.Customer, s.Price, s.Method, list)
	})
}

// PurchaseOnce is the purchase of an order, which may have begun a subscription.
func (r *Reader) PurchaseOnce(ctx context.Context, acc id.Account, of id.Order) (Purchase, error) {
	o, err := r.Order(ctx, acc, of)
	if err != nil {
		return Purchase{}, err
	}
	if o.Subscription != 0 && o.State == order.Completed {
		return r.PurchaseOf(ctx, acc, o.Subscription)
	}
	return view(ctx, r, func(tx *db.Tx) (Purchase, error) {
		p := Purchase{Order: &o}
		var list []invoice.Invoice
		if o.Invoice != 0 {
			v, err := invoice.Load(tx, acc, o.Invoice)
			if err != nil {
				return p, err
			}
			list = append(list, v)
		}
		return p, p.read(tx, acc, o.Customer, o.Price, o.Method, list)
	})
}

// PurchaseBilled is the purchase that an invoice belongs to.
func (r *Reader) PurchaseBilled(ctx context.Context, acc id.Account, of id.Invoice) (Purchase, error) {
	v, err := view(ctx, r, func(tx *db.Tx) (invoice.Invoice, error) { return invoice.Load(tx, acc, of) })
	switch {
	case err != nil:
		return Purchase{}, err
	case v.Subscription != 0:
		p, err := r.PurchaseOf(ctx, acc, v.Subscription)
		if !fault.Is(err, fault.NotFound) { // a first payment that was declined began none
			return p, err
		}
		fallthrough
	case v.Order != 0:
		return r.PurchaseOnce(ctx, acc, v.Order)
	}
	return view(ctx, r, func(tx *db.Tx) (Purchase, error) {
		var p Purchase
		return p, p.read(tx, acc, v.Customer, 0, v.Method, []invoice.Invoice{v})
	})
}

// read reads all that belongs to the purchase.
func (p *Purchase) read(tx *db.Tx, acc id.Account, buyer id.Customer, price id.Price, method id.Method, list []invoice.Invoice) error {
	var err error
	if p.Customer, err = customer.Load(tx, acc, buyer); err != nil {
		return err
	}
	if price != 0 {
		if p.Price, err = catalog.LoadPrice(tx, acc, price); err != nil {
			return err
		}
		if p.Product, err = catalog.LoadProduct(tx, acc, p.Price.Product); err != nil {
			return err
		}
		if p.Campaign, err = catalog.LoadCampaign(tx, acc, p.Product.Campaign); err != nil {
			return err
		}
	}
	if method != 0 {
		found, err := payment.MethodsByID(tx, acc, []int64{int64(method)})
		if err != nil {
			return err
		}
		p.Method = at(found, method)
	}
	slices.Reverse(list)
	if p.Invoices, err = invoiceRows(tx, acc, list); err != nil {
		return err
	}
	p.Refunds = map[id.Payment][]payment.Refund{}
	for _, row := range p.Invoices {
		for _, paid := range row.Payments {
			if paid.Refunded == 0 {
				continue
			}
			if p.Refunds[paid.ID], err = payment.RefundsOf(tx, acc, paid.ID); err != nil {
				return err
			}
		}
	}
	if err := p.readLicenses(tx, acc); err != nil {
		return err
	}
	if err := p.readCoupon(tx, acc); err != nil {
		return err
	}
	return p.readReferral(tx, acc)
}

func (p *Purchase) readLicenses(tx *db.Tx, acc id.Account) error {
	list, err := license.OfCustomer(tx, acc, p.Customer.ID)
	for _, l := range list {
		if p.Subscription != nil && l.Subscription == p.Subscription.ID || p.Order != nil && l.Order == p.Order.ID {
			p.Licenses = append(p.Licenses, l)
		}
	}
	return err
}

func (p *Purchase) readCoupon(tx *db.Tx, acc id.Account) error {
	for _, row := range p.Invoices {
		for _, l := range row.Lines {
			if len(l.Details.Coupons) == 0 {
				continue
			}
			c, err := coupon.ByCode(tx, acc, l.Details.Coupons[0].Code)
			if err == nil {
				p.Coupon = &c
			}
			if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) { // another one may have its code by now
				err = nil
			}
			return err
		}
	}
	return nil
}

func (p *Purchase) readReferral(tx *db.Tx, acc id.Account) error {
	a, err := account.Load(tx, acc)
	if err != nil || !a.Settings.Affiliates {
		return err
	}
	if p.Subscription != nil {
		found, err := affiliate.ReferralsOfSubscriptions(tx, acc, []int64{int64(p.Subscription.ID)})
		if err != nil {
			return err
		}
		p.Referral = at(found, p.Subscription.ID)
	} else if p.Order != nil {
		found, err := affiliate.ReferralsOfOrders(tx, acc, []int64{int64(p.Order.ID)})
		if err != nil {
			return err
		}
		p.Referral = at(found, p.Order.ID)
	}
	if p.Referral == nil {
		return nil
	}
	if p.Affiliates, err = affiliate.ByID(tx, acc, []int64{int64(p.Referral.Affiliate), int64(p.Referral.Recruiter)}); err != nil {
		return err
	}
	ids := make([]int64, len(p.Invoices))
	for i, row := range p.Invoices {
		ids[i] = int64(row.Invoice.ID)
	}
	p.Commissions, err = affiliate.OfInvoices(tx, acc, ids)
	return err
}
