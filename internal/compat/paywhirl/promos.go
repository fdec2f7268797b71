package paywhirl

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"perennial/internal/alias"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/params"
)

func (d *Door) promoRoutes() []route {
	return []route{
		{http.MethodGet, "/promo", d.promos},
		{http.MethodGet, "/promo/{id}", d.promo},
		{http.MethodPost, "/create/promo", d.createPromo},
		{http.MethodPost, "/delete/promo", d.deletePromo},
	}
}

// promoWire is a coupon.
type promoWire struct {
	ID             int64        `json:"id"`
	UserID         int64        `json:"user_id"`
	Code           string       `json:"code"`
	AmountOff      *json.Number `json:"amount_off"`
	PercentOff     *json.Number `json:"percent_off"`
	Currency       *string      `json:"currency"`
	Duration       string       `json:"duration"`
	DurationUses   *int         `json:"duration_uses"`
	MaxRedemptions *int64       `json:"max_redemptions"`
	TimesRedeemed  int64        `json:"times_redeemed"`
	RedeemBy       *string      `json:"redeem_by"`
	OneUse         int          `json:"one_use"`
	ApplyTo        string       `json:"apply_to"`
	Plans          []int64      `json:"plans"`
	IsValid        int          `json:"is_valid"`
	CreatedAt      *string      `json:"created_at"`
}

// The durations of a promo, and what it is taken from.
const (
	promoOnce      = "once"
	promoRepeating = "repeating"
	promoForever   = "forever"
	fromSubtotal   = "subtotal"
	fromTotal      = "grand_total"
)

func (d *Door) promosWire(ctx context.Context, c *caller, list []coupon.Coupon) ([]promoWire, error) {
	names := make([]string, len(list))
	var products []id.Product
	for i, m := range list {
		names[i] = m.ID.String()
		products = append(products, m.Products...)
	}
	numbers, err := d.numbers(ctx, c, commerce.NumberCoupons, names...)
	if err != nil {
		return nil, err
	}
	plans, err := d.r.PlansOf(ctx, c.account.ID, products)
	if err != nil {
		return nil, err
	}
	var planNames []string
	for _, lines := range plans {
		for _, of := range lines {
			planNames = append(planNames, of.String())
		}
	}
	planNumbers, err := d.numbers(ctx, c, commerce.NumberPlans, planNames...)
	if err != nil {
		return nil, err
	}
	user, err := d.user(ctx, c)
	out := make([]promoWire, len(list))
	for i, m := range list {
		w := spellPromo(c, m)
		w.ID, w.UserID = numbers[m.ID.String()], user
		for _, of := range m.Products {
			for _, line := range plans[of] {
				w.Plans = append(w.Plans, planNumbers[line.String()])
			}
		}
		out[i] = w
	}
	return out, err
}

func spellPromo(c *caller, m coupon.Coupon) promoWire {
	w := promoWire{Code: m.Code, Duration: promoForever, TimesRedeemed: m.Redeemed, RedeemBy: text(m.EndsOn), OneUse: flag(m.MaxPerCustomer == 1),
		ApplyTo: fromSubtotal, CreatedAt: stamp(m.CreatedAt), MaxRedemptions: reference(m.MaxRedemptions)}
	if m.Kind == coupon.Percent {
		n := json.Number(m.Percent.Percent())
		w.PercentOff = &n
	} else {
		n := major(m.Amount)
		w.AmountOff, w.Currency = &n, text(string(m.Amount.Currency))
	}
	d := m.Discount()
	switch {
	case d.Left == 1:
		w.Duration = promoOnce
	case d.Left > 1:
		w.Duration, w.DurationUses = promoRepeating, &d.Left
	}
	if m.IncludeShipping {
		w.ApplyTo = fromTotal
	}
	ended := m.EndsOn != "" && m.EndsOn < c.now.In(c.account.Location()).Format(time.DateOnly)
	w.IsValid = flag(m.State == coupon.Active && !ended && (m.MaxRedemptions == 0 || m.Redeemed < m.MaxRedemptions))
	return w
}

func (d *Door) couponNumbered(ctx context.Context, c *caller, number int64) (id.Coupon, error) {
	return thing[id.Coupon](ctx, d, c, commerce.NumberCoupons, number)
}

func (d *Door) onePromo(ctx context.Context, c *caller, of id.Coupon) (any, error) {
	m, err := d.r.Coupon(ctx, c.account.ID, of)
	if err != nil {
		return nil, err
	}
	list, err := d.promosWire(ctx, c, []coupon.Coupon{m})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func (d *Door) promo(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of, err := d.couponNumbered(ctx, c, parseNumber(c.path["id"]))
	if err != nil {
		return nil, err
	}
	return d.onePromo(ctx, c, of)
}

// promos are all that were not deleted: the wire pages them nowhere, so there is an end at
// some.
func (d *Door) promos(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	return listed(ctx, d, c, commerce.NumberCoupons, page{limit: maxUnpaged}, func(list []alias.Numbered) ([]promoWire, error) {
		var kept []coupon.Coupon
		for _, n := range list {
			of, err := id.Parse[id.Coupon](n.Name)
			if err != nil {
				continue
			}
			m, err := d.r.Coupon(ctx, c.account.ID, of)
			if err != nil {
				return nil, err
			}
			if m.State == coupon.Active {
				kept = append(kept, m)
			}
		}
		return d.promosWire(ctx, c, kept)
	})
}

func (d *Door) createPromo(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("code", "duration")
	m := coupon.Coupon{Code: v.Text("code"), AppliesTo: coupon.All, IncludeSetup: true}
	d.promoWorth(c, v, &m)
	promoDuration(v, &m)
	m.MaxRedemptions = v.Int("max_redemptions", 0, coupon.MaxUses)
	m.MaxPerCustomer = int64(flag(v.Bool("one_use")))
	m.EndsOn = redeemBy(c, v)
	switch strings.ReplaceAll(strings.ToLower(v.Text("apply_to")), " ", "_") {
	case "", fromSubtotal:
	case fromTotal, "total":
		m.IncludeShipping = true
	default:
		v.Bad("apply_to", "must be subtotal or grand_total")
	}
	plans := d.plansNumbered(ctx, c, v, "plans")
	if v.Err() != nil {
		return nil, v.Err()
	}
	found, err := d.r.Plans(ctx, c.account.ID, plans)
	if err != nil {
		return nil, err
	}
	seen := map[id.Product]bool{}
	for _, of := range plans {
		if p := found[of].Product.ID; !seen[p] {
			seen[p] = true
			m.Products = append(m.Products, p)
		}
	}
	made, err := d.s.CreateCoupon(ctx, commerce.CreateCoupon{Call: c.call(), Coupon: m})
	if err != nil {
		return nil, renamed(err, map[string]string{"amount": "amount_off", "percent": "percent_off", "cycles": "duration_uses", "ends_on": "redeem_by", "products": "plans",
			"max_per_customer": "one_use", "applies_to": "apply_to"})
	}
	return d.onePromo(ctx, c, made.ID)
}

// promoWorth reads what a promo takes off: an amount or a share.
func (d *Door) promoWorth(c *caller, v *params.Values, m *coupon.Coupon) {
	amount, percent := v.Decimal("amount_off"), v.Decimal("percent_off")
	nothing := func(s string) bool { return strings.Trim(s, "0.") == "" }
	switch { // clients send 0 for what a promo is not
	case nothing(amount) && !nothing(percent):
		amount = ""
	case nothing(percent) && !nothing(amount):
		percent = ""
	}
	v.Check((amount == "") != (percent == ""), "amount_off", "or percent_off must be given, and not both")
	if percent != "" {
		m.Kind = coupon.Percent
		rate, err := money.ParsePercent(percent)
		v.Add("percent_off", err)
		m.Percent = rate
		return
	}
	currency := c.account.Currency
	if s := v.Text("currency"); s != "" {
		parsed, err := money.ParseCurrency(strings.ToUpper(s))
		v.Add("currency", err)
		if err != nil {
			return
		}
		currency = parsed
	}
	c.spoken = currency
	m.Kind, m.Amount = coupon.Fixed, amountOf(v, "amount_off", currency)
}

func promoDuration(v *params.Values, m *coupon.Coupon) {
	switch strings.ToLower(v.Text("duration")) {
	case promoOnce:
		m.Cycles = 1
	case promoRepeating:
		v.Require("duration_uses")
		m.Cycles = int(v.Int("duration_uses", 1, coupon.MaxCycles))
	case promoForever, "":
	default:
		v.Bad("duration", "must be once, repeating or forever")
	}
}

// redeemBy is the last day of a promo on the account's calendar: a date, or UNIX seconds.
func redeemBy(c *caller, v *params.Values) string {
	s := v.Text("redeem_by")
	if s == "" {
		return ""
	}
	if parseNumber(s) != 0 {
		return instantOf(v, "redeem_by").In(c.account.Location()).Format(time.DateOnly)
	}
	day, _, _ := strings.Cut(s, " ")
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		v.Bad("redeem_by", "must be a date such as 2026-01-31, or UNIX seconds")
	}
	return day
}

func (d *Door) deletePromo(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := d.couponNumbered(ctx, c, required(v, "id"))
	if err != nil {
		return nil, orFields(v, err)
	}
	gone := coupon.Archived
	_, err = d.s.UpdateCoupon(ctx, commerce.UpdateCoupon{Call: c.call(), Coupon: of, State: &gone})
	return success, err
}
