package commerce

import (
	"context"
	"strconv"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/subscription"
)

// redeemable reads the coupons that a buyer typed and makes discounts of them, in the
// currency of the sale.
func redeemable(tx *db.Tx, a account.Account, o priced, codes []string, now time.Time) ([]coupon.Coupon, []coupon.Discount, error) {
	if len(codes) == 0 {
		return nil, nil, nil
	}
	coupons, err := coupon.ByCodes(tx, a.ID, codes)
	if err != nil {
		return nil, nil, refersToCoupon(err)
	}
	var list []coupon.Discount
	for _, c := range coupons {
		if err := c.CheckRedeem(now, a.Location(), o.product.ID); err != nil {
			return nil, nil, err
		}
		d := c.Discount()
		if c.Kind == coupon.Fixed && c.Amount.Currency != o.currency {
			rate := o.rate
			if c.Amount.Currency != o.price.Amount.Currency || rate.IsZero() {
				if rate, err = exchange(tx, a, c.Amount.Currency, o.currency, now); err != nil {
					return nil, nil, err
				}
			}
			if d, err = coupon.Convert(d, c.Amount.Currency, o.currency, rate); err != nil {
				return nil, nil, err
			}
		}
		list = append(list, d)
	}
	return coupons, list, coupon.CheckStack(list)
}

// refersToCoupon names the field of a code that is no coupon.
func refersToCoupon(err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return fault.BadField("coupons", "has a code that is no coupon").WithCode("coupon_unknown")
}

// redeem counts the coupons of a sale.
func redeem(tx *db.Tx, a account.Account, list []coupon.Coupon, buyer id.Customer, order id.Order, sub id.Subscription, by event.Actor, now time.Time) error {
	if err := coupon.Redeem(tx, list, buyer, order, sub, now); err != nil {
		return err
	}
	var events []event.Event
	for _, c := range list {
		events = append(events, event.New(a.ID, now, by, event.CouponRedeemed, int64(c.ID), buyer, event.Data(map[string]any{"code": c.Code, "order": order, "subscription": sub})))
	}
	return event.Append(tx, a.ID, events...)
}

// CreateCoupon makes a coupon. Redeemed, State and what the store makes are ignored.
type CreateCoupon struct {
	Call
	Coupon coupon.Coupon
}

// CreateCoupon makes a coupon.
func (s *Service) CreateCoupon(ctx context.Context, c CreateCoupon) (coupon.Coupon, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (coupon.Coupon, error) {
		made := c.Coupon
		made.ID, made.Account, made.State, made.Redeemed, made.CreatedAt, made.Version = id.New[id.Coupon](), a.ID, coupon.Active, 0, now, 1
		code, err := coupon.ParseCode(made.Code)
		if err != nil {
			return made, fault.BadField("code", "%s", fault.As(err).Message)
		}
		made.Code = code
		if err := made.Check(); err != nil {
			return made, err
		}
		if err := productsRefer(tx, a, made.Products); err != nil {
			return made, err
		}
		if err := affiliateRefers(tx, a, made.Affiliate); err != nil {
			return made, err
		}
		if err := coupon.Insert(tx, made); err != nil {
			return made, err
		}
		return made, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.CouponCreated, int64(made.ID), 0, event.Data(map[string]any{"code": made.Code})))
	})
}

// affiliateRefers refuses a coupon of an affiliate who is not there.
func affiliateRefers(tx *db.Tx, a account.Account, who id.Affiliate) error {
	if who == 0 {
		return nil
	}
	_, err := affiliate.Load(tx, a.ID, who)
	return refersTo(err, "affiliate")
}

// productsRefer refuses a coupon for a product that is not there.
func productsRefer(tx *db.Tx, a account.Account, products []id.Product) error {
	var list []int64
	for _, p := range products {
		list = append(list, int64(p))
	}
	if len(list) == 0 {
		return nil
	}
	known, err := catalog.ProductsByID(tx, a.ID, list)
	var f fault.Fields
	for i, p := range products {
		f.Check(known[p].ID != 0, "products."+strconv.Itoa(i), "names nothing in this account")
	}
	if err != nil {
		return err
	}
	return f.Err()
}

// UpdateCoupon changes what may change of a coupon: nothing that was redeemed changes
// with it. Nil leaves a thing as it is.
type UpdateCoupon struct {
	Call
	Coupon         id.Coupon
	Name           *string
	EndsOn         *string
	MaxRedemptions *int64
	MaxPerCustomer *int64
	State          *coupon.State
	Affiliate      *id.Affiliate // 0 for nobody; of later sales
}

// UpdateCoupon changes a coupon.
func (s *Service) UpdateCoupon(ctx context.Context, c UpdateCoupon) (coupon.Coupon, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (coupon.Coupon, error) {
		m, err := coupon.Load(tx, a.ID, c.Coupon)
		if err != nil {
			return m, err
		}
		set(&m.Name, c.Name)
		set(&m.EndsOn, c.EndsOn)
		set(&m.MaxRedemptions, c.MaxRedemptions)
		set(&m.MaxPerCustomer, c.MaxPerCustomer)
		set(&m.State, c.State)
		set(&m.Affiliate, c.Affiliate)
		if err := m.Check(); err != nil {
			return m, err
		}
		if err := affiliateRefers(tx, a, m.Affiliate); err != nil {
			return m, err
		}
		if err := coupon.Save(tx, m); err != nil {
			return m, err
		}
		m.Version++
		return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.CouponUpdated, int64(m.ID), 0, event.Data(map[string]any{"code": m.Code, "state": m.State})))
	})
}

// ApplyCoupon gives a running subscription a coupon.
type ApplyCoupon struct {
	Call
	Subscription id.Subscription
	Code         string
}

// ApplyCoupon gives a running subscription a coupon: its next charges are less. What is
// the first charge was before it came, so a coupon for first charges is refused.
func (s *Service) ApplyCoupon(ctx context.Context, c ApplyCoupon) (subscription.Subscription, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (subscription.Subscription, error) {
		sub, o, err := pricedSubscription(tx, a, c.Subscription)
		if err != nil {
			return sub, err
		}
		if sub.State == subscription.Canceled {
			return sub, fault.New(fault.Conflict, "the subscription has ended already").WithCode("subscription_ended")
		}
		if sub.Changing() {
			return sub, subscription.ErrChanging()
		}
		coupons, more, err := redeemable(tx, a, o, []string{c.Code}, now)
		if err != nil {
			return sub, err
		}
		if coupons[0].AppliesTo == coupon.First || coupons[0].AppliesTo == coupon.FirstNoSplit {
			if !sub.Extras.Uncharged {
				return sub, fault.New(fault.Conflict, "this coupon is for the first charge, which was made already").WithCode("coupon_first_charge_only")
			}
		}
		list, err := discountsOf(&sub)
		if err != nil {
			return sub, err
		}
		list = append(list, more...)
		if err := coupon.CheckStack(list); err != nil {
			return sub, err
		}
		keepDiscounts(&sub.Extras, list)
		if err := redeem(tx, a, coupons, sub.Customer, 0, sub.ID, c.Actor, now); err != nil {
			return sub, err
		}
		return sub, subscription.SaveOne(tx, &sub)
	})
}

// RemoveCoupon takes a coupon off a subscription.
type RemoveCoupon struct {
	Call
	Subscription id.Subscription
	Coupon       id.Coupon
}

// RemoveCoupon takes a coupon off a subscription: its later charges are whole again. The
// redemption stays counted.
func (s *Service) RemoveCoupon(ctx context.Context, c RemoveCoupon) (subscription.Subscription, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (subscription.Subscription, error) {
		sub, err := subscription.Load(tx, a.ID, c.Subscription)
		if err != nil {
			return sub, err
		}
		if sub.Changing() {
			return sub, subscription.ErrChanging()
		}
		list, err := discountsOf(&sub)
		if err != nil {
			return sub, err
		}
		var kept []coupon.Discount
		for _, d := range list {
			if d.Coupon != c.Coupon {
				kept = append(kept, d)
			}
		}
		if len(kept) == len(list) {
			return sub, fault.New(fault.NotFound, "the subscription has no such coupon")
		}
		keepDiscounts(&sub.Extras, kept)
		if err := subscription.SaveOne(tx, &sub); err != nil {
			return sub, err
		}
		return sub, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.SubscriptionUpdated, int64(sub.ID), sub.Customer, event.Data(map[string]any{"removed_coupon": c.Coupon})))
	})
}
