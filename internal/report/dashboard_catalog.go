package report

import (
	"context"

	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/usage"
)

// PriceNames is what prices refer to.
type PriceNames struct {
	Prices   map[id.Price]catalog.Price     // that follow the last payment of others
	Products map[id.Product]catalog.Product // of Prices
	Meters   map[id.Meter]*usage.Meter
}

// PriceNames are the things that the terms of prices name.
func (r *Reader) PriceNames(ctx context.Context, acc id.Account, list []catalog.Price) (PriceNames, error) {
	var next, meters []int64
	for _, p := range list {
		if p.Terms.NextPrice != 0 {
			next = append(next, int64(p.Terms.NextPrice))
		}
		for _, m := range p.Terms.Usage {
			meters = append(meters, int64(m.Meter))
		}
		if p.Terms.Prepaid != nil {
			meters = append(meters, int64(p.Terms.Prepaid.Meter))
		}
	}
	return view(ctx, r, func(tx *db.Tx) (PriceNames, error) {
		var n PriceNames
		var err error
		if len(meters) > 0 {
			if n.Meters, err = usage.MetersByID(tx, acc, meters); err != nil {
				return n, err
			}
		}
		if len(next) == 0 {
			return n, nil
		}
		if n.Prices, err = catalog.PricesByID(tx, acc, next); err != nil {
			return n, err
		}
		var products []int64
		for _, p := range n.Prices {
			products = append(products, int64(p.Product))
		}
		n.Products, err = catalog.ProductsByID(tx, acc, products)
		return n, err
	})
}

// CouponView is a coupon with its uses.
type CouponView struct {
	Coupon      coupon.Coupon
	Products    map[id.Product]catalog.Product // that it is limited to
	Redemptions []coupon.Redemption            // newest first
	Customers   map[id.Customer]customer.Customer
}

// CouponView is one coupon with its uses older than before.
func (r *Reader) CouponView(ctx context.Context, acc id.Account, c id.Coupon, before id.Entry, limit int) (CouponView, error) {
	return view(ctx, r, func(tx *db.Tx) (CouponView, error) {
		var v CouponView
		var err error
		if v.Coupon, err = coupon.Load(tx, acc, c); err != nil {
			return v, err
		}
		if v.Redemptions, err = coupon.OfCoupon(tx, acc, c, before, limit); err != nil {
			return v, err
		}
		var customers, products []int64
		for _, u := range v.Redemptions {
			customers = append(customers, int64(u.Customer))
		}
		for _, p := range v.Coupon.Products {
			products = append(products, int64(p))
		}
		if len(customers) > 0 {
			if v.Customers, err = customer.ByID(tx, acc, customers); err != nil {
				return v, err
			}
		}
		if len(products) > 0 {
			v.Products, err = catalog.ProductsByID(tx, acc, products)
		}
		return v, err
	})
}
