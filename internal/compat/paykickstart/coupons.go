package paykickstart

import (
	"context"
	"slices"
	"strconv"

	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/params"
)

// couponMade is the answer of a new coupon.
type couponMade struct {
	Success  bool   `json:"success"`
	CouponID int64  `json:"coupon_id"`
	Message  string `json:"message"`
}

// createCoupon makes a coupon, in the words of either generation of the API.
func (d *Door) createCoupon(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("coupon_code", "coupon_rate", "coupon_type")
	made := coupon.Coupon{Name: v.TextMax("coupon_name", 200), Code: v.TextMax("coupon_code", coupon.MaxCode), StartsOn: dated(v, "coupon_start_date"), EndsOn: dated(v, "coupon_end_date"),
		MaxRedemptions: v.Int("coupon_max_redemption", 0, coupon.MaxUses), AppliesTo: scope(v)}
	switch v.TextMax("coupon_type", 20) {
	case "amount":
		made.Kind = coupon.Fixed
		made.Amount, _ = positive(v, "coupon_rate", c.account.Currency)
	case "percentage", "percent":
		made.Kind = coupon.Percent
		rate, err := money.ParsePercent(v.Decimal("coupon_rate"))
		v.Add("coupon_rate", err)
		made.Percent = rate
	default:
		v.Bad("coupon_type", "must be amount or percentage")
	}
	var err error
	if made.Products, err = d.couponProducts(ctx, c, v); err != nil {
		return nil, err
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	created, err := d.s.CreateCoupon(ctx, commerce.CreateCoupon{Call: c.call(), Coupon: made})
	if err != nil {
		return nil, renamed(err, map[string]string{"code": "coupon_code", "percent": "coupon_rate", "amount": "coupon_rate", "starts_on": "coupon_start_date", "ends_on": "coupon_end_date",
			"name": "coupon_name", "max_redemptions": "coupon_max_redemption", "applies_to": "coupon_apply_to", "products.0": "plan_ids"})
	}
	n, err := d.number(ctx, c.account.ID, numberCoupons, created.ID.String())
	return couponMade{true, n, "Coupon was created successfully"}, err
}

// scope is what a coupon is taken from: of the present generation a list of 1 the first
// charge unless it is split, 2 the first charge, 3 rebills, 4 split payments; of the older
// one 0 the first charge, 1 rebills, 2 all that are not split.
func scope(v *params.Values) coupon.Scope {
	if list := v.All("coupon_apply_to"); len(list) > 0 {
		has := map[string]bool{}
		for _, one := range list {
			v.Check(slices.Contains([]string{"1", "2", "3", "4"}, one), "coupon_apply_to", "must be of 1, 2, 3 and 4")
			has[one] = true
		}
		first := has["1"] || has["2"]
		switch {
		case has["3"] && first && !has["4"]:
			return coupon.AllNoSplit
		case has["3"] && first:
			return coupon.All
		case has["4"] && first, has["3"] && has["4"]:
			return coupon.All
		case has["3"]:
			return coupon.Rebills
		case has["4"]:
			return coupon.Split
		case has["2"]:
			return coupon.First
		}
		return coupon.FirstNoSplit
	}
	v.Require("coupon_is_recurring")
	switch v.Int("coupon_is_recurring", 0, 2) {
	case 1:
		return coupon.Rebills
	case 2:
		return coupon.AllNoSplit
	}
	return coupon.First
}

// couponProducts are the products that a coupon is good for: those of plan_ids, which must
// be of the campaign; without any, all products of the campaign.
func (d *Door) couponProducts(ctx context.Context, c *caller, v *params.Values) ([]id.Product, error) {
	name := "product_id"
	if !v.Has(name) {
		name = "coupon_product_id"
	}
	campaign, err := sent[id.Campaign](ctx, d, c, v, name, numberCampaigns)
	if err != nil {
		return nil, err
	}
	var list []id.Product
	for _, text := range v.All("plan_ids") {
		n, bad := strconv.ParseInt(text, 10, 64)
		found, err := d.r.Named(ctx, space(c.account.ID, numberProducts), []int64{n})
		if err != nil {
			return nil, err
		}
		product, unknown := id.Parse[id.Product](found[n])
		if bad != nil || unknown != nil {
			return nil, fault.BadField("plan_ids", "holds a product that is not there")
		}
		p, err := d.r.Product(ctx, c.account.ID, product)
		if err != nil {
			return nil, err
		}
		if campaign != 0 && p.Product.Campaign != campaign {
			return nil, fault.BadField("plan_ids", "holds a product of another campaign")
		}
		list = append(list, product)
	}
	if len(list) > 0 || campaign == 0 {
		return list, nil
	}
	all, err := d.r.Products(ctx, c.account.ID, 0, 10_000)
	for _, p := range all {
		if p.Campaign == campaign {
			list = append(list, p.ID)
		}
	}
	if err == nil && (len(list) == 0 || len(list) > coupon.MaxProducts) {
		err = fault.BadField("plan_ids", "must be given: the campaign has %d products", len(list))
	}
	return list, err
}
