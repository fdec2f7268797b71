package paykickstart

import (
	"context"
	"strconv"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/params"
	"perennial/internal/subscription"
)

// cancel ends a subscription, now or at an instant. On the day of a renewal, in UTC, the end
// comes before the renewal.
func (d *Door) cancel(ctx context.Context, c *caller, v *params.Values) (any, error) {
	at := instantOf(v, "cancel_at")
	quiet := v.Has("fire_event") && v.TextMax("fire_event", 5) != "" && !v.Bool("fire_event")
	overage := v.Bool("charge_overage")
	p, err := d.subscriptionSent(ctx, c, v)
	if err != nil {
		return nil, err
	}
	end := commerce.Cancel{Call: c.call(), Subscription: p.Subscription.ID, When: subscription.Now, Override: true, BillUsage: overage, Quiet: quiet}
	if at.After(c.now) {
		end.When, end.At = subscription.AtDate, beforeRenewal(p.Subscription, at, c.now)
	}
	if _, err := d.s.Cancel(context.WithoutCancel(ctx), end); err != nil {
		return nil, renamed(err, map[string]string{"at": "cancel_at"})
	}
	if end.When == subscription.AtDate {
		return done{1, "Subscription will be cancelled"}, nil
	}
	return done{1, "Subscription was cancelled"}, nil
}

// beforeRenewal is when a subscription ends that was asked to end at an instant: at the
// renewal of the same day, which it then has not.
func beforeRenewal(sub *subscription.Subscription, at, now time.Time) time.Time {
	day := at.UTC().Truncate(24 * time.Hour)
	renewal := sub.BoundaryFrom(day)
	if !renewal.IsZero() && renewal.After(now) && renewal.Before(at) && renewal.Before(day.Add(24*time.Hour)) {
		return renewal
	}
	return at
}

// reactivate brings an ended subscription back, or takes a scheduled end back.
func (d *Door) reactivate(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("date")
	next := instantOf(v, "date")
	p, err := d.subscriptionSent(ctx, c, v)
	if err != nil {
		return nil, err
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	if p.Subscription.State == subscription.Canceled {
		_, err = d.s.Reactivate(ctx, commerce.Reactivate{Call: c.call(), Subscription: p.Subscription.ID, NextCharge: next})
	} else {
		_, err = d.s.UndoCancel(ctx, commerce.UndoCancel{Call: c.call(), Subscription: p.Subscription.ID})
		if err == nil && !next.Equal(p.Subscription.Span.To) {
			_, err = d.s.Reschedule(context.WithoutCancel(ctx), commerce.Reschedule{Call: c.call(), Subscription: p.Subscription.ID, To: next, ForGood: true})
		}
	}
	if err != nil {
		return nil, renamed(err, map[string]string{"next_charge": "date", "at": "date", "to": "date"})
	}
	return struct {
		Code    int    `json:"code"`
		Status  bool   `json:"status"`
		Message string `json:"message"`
	}{200, true, "Subscription was re-activated"}, nil
}

// changed is the answer of a change of products, in both shapes that such answers have.
type changed struct {
	Success   int    `json:"success"`
	Code      int    `json:"code"`
	Status    bool   `json:"status"`
	Message   string `json:"message"`
	InvoiceID string `json:"invoice_id"`
}

// change gives a subscription another product of its campaign. It stays the same purchase.
// An argument cancel_at is not looked at: one client sends others under that name.
func (d *Door) change(ctx context.Context, c *caller, v *params.Values) (any, error) {
	if !v.Has("product_id") && v.Has("productId") { // as one client spells it
		v.Put("product_id", v.TextMax("productId", 20))
	}
	v.Require("product_id")
	next := instantOf(v, "charge_date")
	v.Check(next.IsZero() || next.After(c.now), "charge_date", "must be an instant that is still to come")
	p, err := d.subscriptionSent(ctx, c, v)
	if err != nil {
		return nil, err
	}
	sub := p.Subscription
	first, given := amountOf(v, "first_charge", sub.UnitAmount.Currency)
	units := v.Int("allowed_units", 0, 1<<50)
	product, err := sent[id.Product](ctx, d, c, v, "product_id", numberProducts)
	if err != nil {
		return nil, err
	}
	found, err := d.r.Product(ctx, c.account.ID, product)
	if err != nil {
		return nil, err
	}
	price, err := soldAt(found, "product_id")
	switch {
	case err != nil:
		return nil, err
	case found.Product.Campaign != p.Campaign.ID:
		return nil, fault.BadField("product_id", "is no product of the same campaign")
	case !price.Recurring():
		return nil, fault.BadField("product_id", "must be a product that is paid again")
	}
	to := commerce.NewTerms{Price: price.ID, Keep: true, CarryTrial: true}
	if given {
		charge, back := max(first.Minor, 0), max(-first.Minor, 0)
		to.Charge, to.Credit = &charge, &back
	}
	if _, err := d.s.Change(context.WithoutCancel(ctx), commerce.Change{Call: c.call(), Subscription: sub.ID, To: to, When: subscription.Now}); err != nil {
		return nil, renamed(err, map[string]string{"price": "product_id", "charge": "first_charge", "credit": "first_charge"})
	}
	if err := d.afterChange(ctx, c, v, sub.ID, price, next, units); err != nil {
		return nil, err
	}
	invoice, err := d.purchaseID(ctx, c.account.ID, &p)
	return changed{1, 200, true, "Subscription was changed", invoice}, err
}

// afterChange moves the next charge, and gives units for the present period.
func (d *Door) afterChange(ctx context.Context, c *caller, v *params.Values, of id.Subscription, price catalog.Price, next time.Time, units int64) error {
	if !next.IsZero() {
		if _, err := d.s.Reschedule(context.WithoutCancel(ctx), commerce.Reschedule{Call: c.call(), Subscription: of, To: next, ForGood: true}); err != nil {
			return renamed(err, map[string]string{"to": "charge_date"})
		}
	}
	if !v.Has("allowed_units") || v.TextMax("allowed_units", 20) == "" || len(price.Terms.Usage) == 0 {
		return nil
	}
	// What the period includes stands in the price; the difference is given or taken as usage.
	difference := price.Terms.Usage[0].Included
	allowed, err := money.ParseDecimal(strconv.FormatInt(units, 10))
	if err != nil {
		return err
	}
	if difference, err = difference.Sub(allowed); err != nil || difference.IsZero() {
		return err
	}
	_, err = d.record(context.WithoutCancel(ctx), c, of, price.Terms.Usage[0].Meter, difference, "units allowed up to the next charge")
	return err
}

// usage adds to what a subscription used in its present period, or takes from it.
func (d *Door) usage(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("units")
	units, err := money.ParseDecimal(v.Decimal("units"))
	v.Add("units", err)
	note := v.TextMax("notes", 200)
	p, err := d.subscriptionSent(ctx, c, v)
	if err != nil {
		return nil, err
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	if len(p.Price.Terms.Usage) == 0 {
		return nil, fault.New(fault.Conflict, "this product is not billed by usage").WithCode("no_usage")
	}
	said, err := d.record(ctx, c, p.Subscription.ID, p.Price.Terms.Usage[0].Meter, units, note)
	if err != nil {
		return nil, err
	}
	if said != "" {
		return nil, fault.BadField("units", "%s", said)
	}
	return done{1, "Usage was recorded"}, nil
}

// record records units of a meter, and tells why they were refused, if they were.
func (d *Door) record(ctx context.Context, c *caller, of id.Subscription, meter id.Meter, units money.Decimal, note string) (string, error) {
	results, err := d.s.RecordUsage(ctx, commerce.RecordUsage{Call: c.call(), Events: []commerce.UsageEvent{{Subscription: of, Meter: meter, Units: units, Key: account.RandomText(20), Note: note}}})
	if err != nil {
		return "", err
	}
	for _, f := range results[0].Fields {
		return f.Message, nil
	}
	return string(results[0].Why), nil
}
