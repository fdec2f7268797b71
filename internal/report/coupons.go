package report

import (
	"context"

	"perennial/internal/coupon"
	"perennial/internal/db"
	"perennial/internal/id"
)

// Coupons are the account's coupons older than before, newest first.
func (r *Reader) Coupons(ctx context.Context, acc id.Account, before id.Coupon, limit int) ([]coupon.Coupon, error) {
	return view(ctx, r, func(tx *db.Tx) ([]coupon.Coupon, error) { return coupon.List(tx, acc, before, limit) })
}

// CouponByCode is the coupon of a code in any case; NotFound when there is none.
func (r *Reader) CouponByCode(ctx context.Context, acc id.Account, code string) (coupon.Coupon, error) {
	return view(ctx, r, func(tx *db.Tx) (coupon.Coupon, error) { return coupon.ByCode(tx, acc, code) })
}

// Coupon is one coupon.
func (r *Reader) Coupon(ctx context.Context, acc id.Account, c id.Coupon) (coupon.Coupon, error) {
	return view(ctx, r, func(tx *db.Tx) (coupon.Coupon, error) { return coupon.Load(tx, acc, c) })
}

// Redemptions are the uses of a coupon older than before, newest first.
func (r *Reader) Redemptions(ctx context.Context, acc id.Account, c id.Coupon, before id.Entry, limit int) ([]coupon.Redemption, error) {
	return view(ctx, r, func(tx *db.Tx) ([]coupon.Redemption, error) {
		if _, err := coupon.Load(tx, acc, c); err != nil {
			return nil, err
		}
		return coupon.OfCoupon(tx, acc, c, before, limit)
	})
}
