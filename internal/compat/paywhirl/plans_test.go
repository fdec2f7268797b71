package paywhirl_test

import (
	"fmt"
	"testing"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/money"
	"perennial/internal/tax"
)

func monthly(name string) []pair {
	return []pair{{"name", name}, {"description", "Leaves, monthly"}, {"billing_amount", "10.95"}, {"billing_interval", 1}, {"billing_frequency", "month"}, {"currency", "USD"},
		{"setup_fee", 5}, {"trial_days", 0}, {"installments", 0}, {"sku", "TEA-1"}, {"image", "https://shop.example/tea.png"}, {"require_tax", true}, {"require_shipping", true},
		{"metadata", `{"roast":"dark"}`}}
}

func TestPlans(t *testing.T) {
	onBoth(t, func(w *world) {
		tr := &transcript{w: w}
		for _, c := range []client{php, node, python, ruby, paywhirljs, rwreynolds} {
			plan := tr.send("a new plan", c, "POST", "/create/plan", monthly("Tea by "+c.name)...).id()
			tr.send("it costs more", c, "POST", "/update/plan", pair{"id", plan}, pair{"billing_amount", 12}, pair{"enabled", true})
			tr.send("it has a shorter name", c, "POST", "/update/plan", pair{"id", plan}, pair{"name", "Tea"}, pair{"require_tax", false}, pair{"image", nil})
			tr.send("one", c, "GET", fmt.Sprintf("/plan/%d", plan))
		}
		tr.send("some", python, "GET", "/plans", pair{"limit", 2}, pair{"order_key", "id"}, pair{"order_direction", "asc"}, pair{"after_id", 2})
		tr.send("once a year on a day of the month, twelve times, then another", php, "POST", "/create/plan", pair{"name", "Box"}, pair{"billing_amount", 0}, pair{"billing_interval", 1},
			pair{"billing_frequency", "month"}, pair{"currency", "USD"}, pair{"setup_fee", "60"}, pair{"setup_fee_type", "recurring"}, pair{"setup_fee_interval", 3},
			pair{"installments", 12}, pair{"billing_cycle_anchor", 15}, pair{"autorenew_plan", 1}, pair{"cancel_behavior", "period_end"}, pair{"tags", "box,tea"}, pair{"enabled", 0})
		tr.send("paid once", php, "POST", "/create/plan", pair{"name", "Pot"}, pair{"billing_amount", "49.5"}, pair{"billing_interval", 2}, pair{"billing_frequency", "weeks"},
			pair{"currency", "eur"}, pair{"installments", 1})
		tr.send("nothing", python, "POST", "/create/plan")
		tr.send("wrong throughout", python, "POST", "/create/plan", pair{"name", "X"}, pair{"billing_amount", "10.955"}, pair{"billing_interval", 0}, pair{"billing_frequency", "moon"},
			pair{"currency", "USD"}, pair{"setup_fee", "-1"}, pair{"trial_days", 1000}, pair{"autorenew_plan", 99}, pair{"cancel_behavior", "never"}, pair{"setup_fee_type", "sometimes"})
		tr.send("terms that contradict", python, "POST", "/create/plan", pair{"name", "X"}, pair{"billing_amount", 1}, pair{"billing_interval", 1}, pair{"billing_frequency", "week"},
			pair{"currency", "USD"}, pair{"billing_cycle_anchor", 3}, pair{"image", "ftp://x"})
		tr.send("another currency", python, "POST", "/update/plan", pair{"id", 1}, pair{"currency", "EUR"})
		tr.send("unknown", php, "GET", "/plan/99")
		tr.golden("plans.txt")
	})
}

func TestPromos(t *testing.T) {
	onBoth(t, func(w *world) {
		tr := &transcript{w: w}
		plan := w.send(php, "POST", "/create/plan", monthly("Tea")...).id()
		for _, c := range []client{php, node, python, ruby, paywhirljs, rwreynolds} {
			promo := tr.send("a new promo", c, "POST", "/create/promo", pair{"code", "SPRING"}, pair{"amount_off", "5.5"}, pair{"duration", "repeating"}, pair{"duration_uses", 3},
				pair{"max_redemptions", 100}, pair{"one_use", true}, pair{"apply_to", "grand_total"}, pair{"plans", plan}, pair{"redeem_by", "2026-12-31"}).id()
			tr.send("one", c, "GET", fmt.Sprintf("/promo/%d", promo))
			tr.send("all", c, "GET", "/promo")
			tr.send("away with it", c, "POST", "/delete/promo", pair{"id", promo})
		}
		tr.send("gone", php, "GET", "/promo/1")
		tr.send("once, in per cent", php, "POST", "/create/promo", pair{"code", "ten"}, pair{"percent_off", 12.5}, pair{"duration", "once"})
		tr.send("for ever, until a moment", php, "POST", "/create/promo", pair{"code", "EVER"}, pair{"percent_off", 100}, pair{"duration", "forever"}, pair{"redeem_by", start.Unix()})
		tr.send("all", php, "GET", "/promo")
		tr.send("a code in use", php, "POST", "/create/promo", pair{"code", "TEN"}, pair{"percent_off", 1}, pair{"duration", "once"})
		tr.send("nothing", python, "POST", "/create/promo")
		tr.send("wrong throughout", python, "POST", "/create/promo", pair{"code", "X Y"}, pair{"amount_off", 1}, pair{"percent_off", 1}, pair{"duration", "always"},
			pair{"apply_to", "tax"}, pair{"plans", "7"}, pair{"redeem_by", "soon"})
		tr.golden("promos.txt")
	})
}

func TestRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	usd := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }
	tr := &transcript{w: w}
	tr.send("no rules", php, "GET", "/shipping/")
	tr.send("no rules", php, "GET", "/tax")
	for _, r := range []tax.ShippingRule{
		{Name: "Parcel", Kind: tax.InPlace, Amount: usd(500), Place: tax.Place{Country: "US", Region: "IL"}},
		{Name: "Abroad", Kind: tax.NotInPlace, Amount: usd(1500), Place: tax.Place{Country: "US"}},
		{Name: "Large", Kind: tax.OrderTotal, Amount: usd(0), Least: usd(5000), Most: usd(100000)},
	} {
		_, err := w.s.CreateShippingRule(t.Context(), commerce.CreateShippingRule{Call: w.call(), Rule: r})
		w.ok(err)
	}
	rate := func(s string) money.Rate {
		r, err := money.ParseRate(s)
		w.ok(err)
		return r
	}
	profile, err := w.s.CreateTaxProfile(t.Context(), commerce.CreateTaxProfile{Call: w.call(), Profile: tax.Profile{Name: "Home", Kind: tax.Manual},
		Rules: []tax.Rule{{Name: "Sales tax", Country: "US", Region: "IL", Rate: rate("0.0625")}, {Name: "Over", Country: "US", Rate: rate("0.05"), To: start.AddDate(0, 0, -1)}}})
	w.ok(err)
	_, err = w.s.UpdateAccount(t.Context(), commerce.UpdateAccount{Call: w.call(), TaxProfile: &profile.Profile.ID})
	w.ok(err)
	for _, c := range official {
		tr.send("shipping", c, "GET", "/shipping/")
		tr.send("one", c, "GET", "/shipping/2")
		tr.send("taxes", c, "GET", "/tax")
		tr.send("one", c, "GET", "/tax/1")
	}
	tr.send("unknown", php, "GET", "/tax/9")
	tr.send("unknown", php, "GET", "/shipping/9")
	tr.golden("rules.txt")
	other := w.as("Other", account.Sandbox)
	if got := other.do(other.request(php, "GET", "/shipping/1")); got.status != 404 {
		t.Errorf("another account's rule: %d", got.status)
	}
}
