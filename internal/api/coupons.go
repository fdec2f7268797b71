package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// CouponWire is a coupon on the wire. It is exported because only then are the fields of
// forms that hold it described.
type CouponWire struct {
	ID              string    `json:"id"`
	Code            string    `json:"code"`
	Name            string    `json:"name"`
	Kind            string    `json:"kind" enum:"percent,amount"`
	Percent         *string   `json:"percent" example:"12.5"`
	Amount          *Money    `json:"amount,omitempty"`
	AppliesTo       string    `json:"applies_to" enum:"first,first_no_split,rebills,split,all_no_split,all"`
	Cycles          *int      `json:"cycles" doc:"From how many charges it is taken; null: from every one."`
	StartsOn        *string   `json:"starts_on"`
	EndsOn          *string   `json:"ends_on"`
	MaxRedemptions  *int64    `json:"max_redemptions" doc:"Null: no limit."`
	MaxPerCustomer  *int64    `json:"max_per_customer" doc:"Null: no limit."`
	Products        []string  `json:"products" doc:"That it is good for; empty: all."`
	Stackable       bool      `json:"stackable"`
	IncludeSetup    bool      `json:"include_setup"`
	IncludeShipping bool      `json:"include_shipping"`
	Affiliate       *string   `json:"affiliate" doc:"Whose the sales are that redeem it."`
	State           string    `json:"state" enum:"active,archived"`
	Redeemed        int64     `json:"redeemed" doc:"Redemptions so far, without those given back."`
	CreatedAt       time.Time `json:"created_at"`
}

func couponOf(c coupon.Coupon) CouponWire {
	limit := func(n int64) *int64 {
		if n == 0 {
			return nil
		}
		return &n
	}
	w := CouponWire{ID: c.ID.String(), Code: c.Code, Name: c.Name, Kind: string(c.Kind), AppliesTo: string(c.AppliesTo), Cycles: countOf(c.Cycles, 0), StartsOn: textOf(c.StartsOn),
		EndsOn: textOf(c.EndsOn), MaxRedemptions: limit(c.MaxRedemptions), MaxPerCustomer: limit(c.MaxPerCustomer), Products: []string{}, Stackable: c.Stackable,
		IncludeSetup: c.IncludeSetup, IncludeShipping: c.IncludeShipping, Affiliate: textOf(c.Affiliate.String()), State: string(c.State), Redeemed: c.Redeemed, CreatedAt: c.CreatedAt}
	if c.Kind == coupon.Percent {
		w.Percent = textOf(c.Percent.Percent())
	} else {
		w.Amount = shown(&c.Amount, moneyOf)
	}
	for _, p := range c.Products {
		w.Products = append(w.Products, p.String())
	}
	return w
}

// Redemption is one use of a coupon by one customer.
type Redemption struct {
	ID           string     `json:"id"`
	Coupon       string     `json:"coupon"`
	Customer     string     `json:"customer"`
	Order        *string    `json:"order"`
	Subscription *string    `json:"subscription" doc:"That keeps the discount."`
	State        string     `json:"state" enum:"redeemed,returned" doc:"returned: the sale came to nothing, and it counts no more."`
	CreatedAt    time.Time  `json:"created_at"`
	ReturnedAt   *time.Time `json:"returned_at"`
}

func redemptionOf(r coupon.Redemption) Redemption {
	return Redemption{r.ID.String(), r.Coupon.String(), r.Customer.String(), textOf(r.Order.String()), textOf(r.Subscription.String()), string(r.State), r.At, timeOf(r.ReturnedAt)}
}

// newCoupon is a coupon as it is made.
type newCoupon struct {
	Body struct {
		Code            string   `json:"code" minLength:"1" maxLength:"64" example:"SPRING-25" doc:"Letters A to Z, digits, dashes and underscores; kept in upper case."`
		Name            string   `json:"name,omitempty" maxLength:"200"`
		Kind            string   `json:"kind" enum:"percent,amount"`
		Percent         string   `json:"percent,omitempty" maxLength:"20" example:"12.5" doc:"Of kind percent."`
		Amount          int64    `json:"amount,omitempty" minimum:"1" maximum:"10000000000000" doc:"Of kind amount, in minor units."`
		Currency        string   `json:"currency,omitempty" maxLength:"3" doc:"Of amount."`
		AppliesTo       string   `json:"applies_to" enum:"first,first_no_split,rebills,split,all_no_split,all" doc:"The charges that it is taken from."`
		Cycles          int      `json:"cycles,omitempty" minimum:"1" maximum:"1200" doc:"From how many charges; left out: from every one."`
		StartsOn        string   `json:"starts_on,omitempty" maxLength:"10" example:"2026-01-31" doc:"First day, in the account's zone."`
		EndsOn          string   `json:"ends_on,omitempty" maxLength:"10" doc:"Last day, in the account's zone."`
		MaxRedemptions  int64    `json:"max_redemptions,omitempty" minimum:"1" maximum:"1000000000"`
		MaxPerCustomer  int64    `json:"max_per_customer,omitempty" minimum:"1" maximum:"1000000000"`
		Products        []string `json:"products,omitempty" maxItems:"100" doc:"That it is good for; left out: all."`
		Stackable       bool     `json:"stackable,omitempty" doc:"It can be combined with others that are."`
		IncludeSetup    bool     `json:"include_setup,omitempty" doc:"It is taken from the setup fee, too."`
		IncludeShipping bool     `json:"include_shipping,omitempty" doc:"It is taken from the cost of shipping, too."`
		Affiliate       string   `json:"affiliate,omitempty" maxLength:"40" doc:"Whose the sales are that redeem it."`
	}
}

func (n newCoupon) read() (coupon.Coupon, error) {
	b := n.Body
	var f fault.Fields
	c := coupon.Coupon{Code: b.Code, Name: b.Name, Kind: coupon.Kind(b.Kind), AppliesTo: coupon.Scope(b.AppliesTo), Cycles: b.Cycles, StartsOn: b.StartsOn, EndsOn: b.EndsOn,
		MaxRedemptions: b.MaxRedemptions, MaxPerCustomer: b.MaxPerCustomer, Stackable: b.Stackable, IncludeSetup: b.IncludeSetup, IncludeShipping: b.IncludeShipping}
	if b.Percent != "" {
		rate, err := money.ParsePercent(b.Percent)
		f.Add("percent", err)
		c.Percent = rate
	}
	c.Amount.Minor = b.Amount
	if b.Currency != "" {
		currency, err := money.ParseCurrency(b.Currency)
		f.Add("currency", err)
		c.Amount.Currency = currency
		f.Check(b.Kind == string(coupon.Fixed), "currency", "must be left out of a coupon in per cent")
	}
	for i, text := range b.Products {
		c.Products = append(c.Products, mustRefer[id.Product](&f, "products."+strconv.Itoa(i), text))
	}
	c.Affiliate = refer[id.Affiliate](&f, "affiliate", b.Affiliate)
	return c, f.Err()
}

func (a *API) couponRoutes() {
	type filter struct {
		Page
		Code string `query:"code" maxLength:"64" doc:"Only the one of that code, in any case."`
	}
	read(a, operation{id: "list-coupons", path: "/v1/coupons", tag: "Coupons", summary: "The coupons"},
		func(ctx context.Context, c caller, in *filter) (list[CouponWire], error) {
			from, err := before[id.Coupon](in.Page, "cpn")
			if err != nil {
				return list[CouponWire]{}, err
			}
			rows, err := a.coupons(ctx, c, in.Code, from, in.Limit+1)
			return paged(in.Page, "cpn", rows, func(c coupon.Coupon) int64 { return int64(c.ID) }, couponOf), err
		})
	read(a, operation{id: "get-coupon", path: "/v1/coupons/{id}", tag: "Coupons", summary: "One coupon"},
		func(ctx context.Context, c caller, in *ByID) (CouponWire, error) {
			v, err := id.Parse[id.Coupon](in.ID)
			if err != nil {
				return CouponWire{}, err
			}
			found, err := a.r.Coupon(ctx, c.account.ID, v)
			return couponOf(found), err
		})
	type redemptions struct {
		ByID
		Page
	}
	read(a, operation{id: "list-redemptions", path: "/v1/coupons/{id}/redemptions", tag: "Coupons", summary: "The uses of a coupon"},
		func(ctx context.Context, c caller, in *redemptions) (list[Redemption], error) {
			v, from, err := within[id.Coupon, id.Entry](in.ByID, in.Page, "redemption")
			if err != nil {
				return list[Redemption]{}, err
			}
			rows, err := a.r.Redemptions(ctx, c.account.ID, v, from, in.Limit+1)
			return paged(in.Page, "redemption", rows, func(r coupon.Redemption) int64 { return int64(r.ID) }, redemptionOf), err
		})
	a.couponStories()
}

// coupons are a page of them, or the one of a code.
func (a *API) coupons(ctx context.Context, c caller, code string, from id.Coupon, limit int) ([]coupon.Coupon, error) {
	if code == "" {
		return a.r.Coupons(ctx, c.account.ID, from, limit)
	}
	found, err := a.r.CouponByCode(ctx, c.account.ID, code)
	if fault.Is(err, fault.NotFound) || err == nil && from != 0 && found.ID >= from {
		return nil, nil
	}
	return []coupon.Coupon{found}, err
}

func (a *API) couponStories() {
	write(a, operation{id: "create-coupon", path: "/v1/coupons", tag: "Coupons", summary: "Make a coupon"},
		func(ctx context.Context, call commerce.Call, in *newCoupon) (coupon.Coupon, error) {
			c, err := in.read()
			if err != nil {
				return c, err
			}
			return a.s.CreateCoupon(ctx, commerce.CreateCoupon{Call: call, Coupon: c})
		}, couponOf)
	type couponChange struct {
		ByID
		Body struct {
			Name           *string `json:"name,omitempty" maxLength:"200"`
			EndsOn         *string `json:"ends_on,omitempty" maxLength:"10" doc:"Empty: never."`
			MaxRedemptions *int64  `json:"max_redemptions,omitempty" minimum:"0" maximum:"1000000000" doc:"0: no limit."`
			MaxPerCustomer *int64  `json:"max_per_customer,omitempty" minimum:"0" maximum:"1000000000" doc:"0: no limit."`
			Affiliate      *string `json:"affiliate,omitempty" maxLength:"40" doc:"Whose later sales are that redeem it; empty: nobody's."`
			State          *string `json:"state,omitempty" enum:"active,archived"`
		}
	}
	write(a, operation{id: "update-coupon", method: http.MethodPatch, status: http.StatusOK, path: "/v1/coupons/{id}", tag: "Coupons", summary: "Change what may change of a coupon",
		text: "What was redeemed goes on as it was sold."},
		func(ctx context.Context, call commerce.Call, in *couponChange) (coupon.Coupon, error) {
			v, err := id.Parse[id.Coupon](in.ID)
			if err != nil {
				return coupon.Coupon{}, err
			}
			b := in.Body
			u := commerce.UpdateCoupon{Call: call, Coupon: v, Name: b.Name, EndsOn: b.EndsOn, MaxRedemptions: b.MaxRedemptions, MaxPerCustomer: b.MaxPerCustomer, State: (*coupon.State)(b.State)}
			if b.Affiliate != nil {
				who, err := parse[id.Affiliate]("affiliate", *b.Affiliate)
				if err != nil {
					return coupon.Coupon{}, err
				}
				u.Affiliate = &who
			}
			return a.s.UpdateCoupon(ctx, u)
		}, couponOf)
	type applied struct {
		ByID
		Body struct {
			Code string `json:"code" minLength:"1" maxLength:"64"`
		}
	}
	moved(a, operation{id: "apply-coupon", path: "/v1/subscriptions/{id}/coupons", summary: "Give a running subscription a coupon", text: "Its next charges are less."},
		func(ctx context.Context, call commerce.Call, in *applied) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			s, err := a.s.ApplyCoupon(ctx, commerce.ApplyCoupon{Call: call, Subscription: v, Code: in.Body.Code})
			if f := fault.As(err); err != nil && f.Code == "coupon_unknown" {
				err = fault.BadField("code", "is the code of no coupon").WithCode(f.Code)
			}
			return s, err
		})
	type ofSubscription struct {
		ByID
		Coupon string `path:"coupon" maxLength:"40"`
	}
	moved(a, operation{id: "remove-coupon", method: http.MethodDelete, path: "/v1/subscriptions/{id}/coupons/{coupon}", summary: "Take a coupon off a subscription",
		text: "Its later charges are whole again; the redemption stays counted."},
		func(ctx context.Context, call commerce.Call, in *ofSubscription) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			c, err := id.Parse[id.Coupon](in.Coupon)
			if err != nil {
				return subscription.Subscription{}, fault.New(fault.NotFound, "the subscription has no such coupon")
			}
			return a.s.RemoveCoupon(ctx, commerce.RemoveCoupon{Call: call, Subscription: v, Coupon: c})
		})
}
