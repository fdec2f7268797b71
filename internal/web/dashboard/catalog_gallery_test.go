package dashboard_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/tax"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

// stock is an account with one of everything that a catalog can hold.
type stock struct {
	*sample
	t    *testing.T
	acc  id.Account
	call commerce.Call
}

func (s stock) at(parts ...string) string {
	path := "/app/" + s.acc.String()
	for _, p := range parts {
		path += "/" + p
	}
	return path
}

// stocked sets up an account with a full catalog and names its pages.
func stocked(t *testing.T) stock {
	t.Helper()
	st := pagetest.New(t, db.SQLite)
	secret, _, err := st.Service.OwnerLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	must(st.Service.SetUp(t.Context(), commerce.SetUp{Link: secret, Name: "Ana Marsh", Email: pagetest.OwnerEmail, Password: pagetest.OwnerPassword,
		Company: commerce.CreateAccount{Name: "Green Press", Currency: "EUR", Zone: "Europe/Berlin", Country: "DE"}}))(t)
	s := stock{sample: &sample{Stack: st, email: pagetest.OwnerEmail, password: pagetest.OwnerPassword, pages: map[string]string{}}, t: t, acc: st.Sandbox(t)}
	s.call = commerce.Call{Account: s.acc, Actor: event.Actor{Kind: event.ByMember, Name: "Ana Marsh"}}
	live := "/app/" + st.Live(t).String()
	for _, list := range []string{"coupons", "meters", "settings/tax", "settings/shipping", "settings/exchange-rates", "settings/billing"} {
		name := filepath.Base(list)
		s.add(name+"-none", live+"/"+list)
		s.add(name, s.at(list))
	}
	s.stockCatalog()
	s.stockTaxes()
	return s
}

func (s stock) stockCatalog() {
	t, ctx := s.t, s.t.Context()
	calls := must(s.Service.CreateMeter(ctx, commerce.CreateMeter{Call: s.call, Code: "api_calls", Name: "API calls"}))(t)
	credits := must(s.Service.CreateMeter(ctx, commerce.CreateMeter{Call: s.call, Code: "credits", Name: "Credits", Unit: "credits", Prepaid: true}))(t)
	s.add("meter", s.at("meters", calls.ID.String()))
	s.add("meter-new", s.at("meters", "new"))
	s.add("meter-edit", s.at("meters", credits.ID.String(), "edit"))
	premium := must(s.Service.CreateProduct(ctx, commerce.CreateProduct{Call: s.call, Name: "Premium"}))(t)
	month := period.Interval{Unit: period.Month, Count: 1}
	next := must(s.Service.CreatePrice(ctx, commerce.CreatePrice{Call: s.call, Product: premium.ID, Amount: money.Amount{Minor: 2900, Currency: "EUR"}, Interval: month}))(t)
	studio := must(s.Service.CreateProduct(ctx, commerce.CreateProduct{Call: s.call, Name: "Letterpress Studio", Settings: catalog.Settings{Cancel: catalog.CancelPeriodEnd, Skips: 2,
		Pause: catalog.PausePolicy{Allowed: true, Longest: period.Interval{Unit: period.Month, Count: 3}, Fee: 100}, Ends: []id.Product{premium.ID}, Ships: true, TaxKind: catalog.Goods}}))(t)
	ten, five := decimal(t, "10"), decimal(t, "50")
	rich := must(s.Service.CreatePrice(ctx, commerce.CreatePrice{Call: s.call, Product: studio.ID, Name: "Team", Amount: money.Amount{Currency: "EUR"}, Interval: month, TrialDays: 14,
		SetupFee: 2000, Terms: catalog.Terms{
			Charge:   &catalog.Charge{Model: catalog.Graduated, Minimum: 2000, Tiers: []catalog.Tier{{UpTo: &ten, Unit: decimal(t, "8")}, {UpTo: &five, Unit: decimal(t, "6.5"), Flat: 500}, {Unit: decimal(t, "5")}}},
			Usage:    []catalog.Metered{{Meter: calls.ID, Included: decimal(t, "1000"), Overage: catalog.Charge{Model: catalog.PerUnit, Unit: decimal(t, "0.002")}}},
			Payments: 12, NextPrice: next.ID, AnchorDay: 1, TrialAmount: 300, Convert: true, SetupEvery: 12,
			Currencies: map[money.Currency]catalog.Fixed{"USD": {SetupFee: 2500, TrialAmount: 350, Charge: &catalog.Charge{Model: catalog.Graduated, Tiers: []catalog.Tier{{UpTo: &ten, Unit: decimal(t, "9")}, {UpTo: &five, Unit: decimal(t, "7")}, {Unit: decimal(t, "6")}}},
				Overage: []catalog.Charge{{Model: catalog.PerUnit, Unit: decimal(t, "0.0025")}}}}}}))(t)
	plain := must(s.Service.CreatePrice(ctx, commerce.CreatePrice{Call: s.call, Product: studio.ID, Amount: money.Amount{Minor: 900, Currency: "EUR"}, Interval: month}))(t)
	must(s.Service.CreatePrice(ctx, commerce.CreatePrice{Call: s.call, Product: studio.ID, Name: "Units", Amount: money.Amount{Minor: 1000, Currency: "EUR"},
		Terms: catalog.Terms{Prepaid: &catalog.Prepaid{Meter: credits.ID, Units: decimal(t, "500"), TopUpAt: &ten}}}))(t)
	s.add("products", s.at("products"))
	s.add("product", s.at("products", studio.ID.String()))
	s.add("product-settings", s.at("products", studio.ID.String(), "settings"))
	s.add("product-new", s.at("products", "new"))
	s.add("price-new", s.at("products", studio.ID.String(), "price"))
	s.add("price", s.at("prices", rich.ID.String()))
	s.add("price-plain", s.at("prices", plain.ID.String()))
	s.add("price-edit", s.at("prices", rich.ID.String(), "edit"))
	spring := must(s.Service.CreateCoupon(ctx, commerce.CreateCoupon{Call: s.call, Coupon: coupon.Coupon{Code: "SPRING-20", Name: "Spring fair", Kind: coupon.Percent, Percent: must(money.ParsePercent("20"))(t),
		AppliesTo: coupon.All, Cycles: 3, MaxRedemptions: 100, MaxPerCustomer: 1, EndsOn: "2027-03-31", Products: []id.Product{studio.ID}}}))(t)
	must(s.Service.CreateCoupon(ctx, commerce.CreateCoupon{Call: s.call, Coupon: coupon.Coupon{Code: "FIVE", Kind: coupon.Fixed, Amount: money.Amount{Minor: 500, Currency: "EUR"}, AppliesTo: coupon.First, MaxRedemptions: 1}}))(t)
	unused := must(s.Service.CreateCoupon(ctx, commerce.CreateCoupon{Call: s.call, Coupon: coupon.Coupon{Code: "HALF", Kind: coupon.Percent, Percent: must(money.ParsePercent("50"))(t), AppliesTo: coupon.Rebills, StartsOn: "2026-12-24"}}))(t)
	must(s.Service.Sell(ctx, commerce.Sell{Call: s.call, Price: plain.ID, Buyer: &commerce.CreateCustomer{Email: "ines@example.com", Buyer: customer.Buyer{Name: "Ines Okafor", Country: "DE"}},
		Options: commerce.Options{Coupons: []string{"spring-20"}}, Token: "tok_visa", Source: "checkout"}))(t)
	s.add("coupon", s.at("coupons", spring.ID.String()))
	s.add("coupon-unused", s.at("coupons", unused.ID.String()))
	s.add("coupon-new", s.at("coupons", "new"))
	s.add("coupon-edit", s.at("coupons", spring.ID.String(), "edit"))
}

func (s stock) stockTaxes() {
	t, ctx := s.t, s.t.Context()
	rate := func(percent string) money.Rate { return must(money.ParsePercent(percent))(t) }
	eu := must(s.Service.CreateTaxProfile(ctx, commerce.CreateTaxProfile{Call: s.call, Profile: tax.Profile{Name: "EU sales", Kind: tax.EUVAT, Inclusive: true}}))(t)
	own := must(s.Service.CreateTaxProfile(ctx, commerce.CreateTaxProfile{Call: s.call, Profile: tax.Profile{Name: "States", Kind: tax.USCanada, ShippingTaxed: true},
		Rules: []tax.Rule{{Name: "Sales tax", Country: "US", Region: "TX", Rate: rate("6.25")}, {Name: "City tax", Country: "US", Region: "TX", PostalCode: "787*", Rate: rate("2"), From: pagetest.Start}}}))(t)
	must(s.Service.UpdateAccount(ctx, commerce.UpdateAccount{Call: s.call, TaxProfile: &eu.ID}))(t)
	rule := must(s.Service.CreateShippingRule(ctx, commerce.CreateShippingRule{Call: s.call, Rule: tax.ShippingRule{Name: "Standard", Kind: tax.InPlace, Place: tax.Place{Country: "DE"}, Amount: money.Amount{Minor: 490, Currency: "EUR"}}}))(t)
	must(s.Service.CreateShippingRule(ctx, commerce.CreateShippingRule{Call: s.call, Rule: tax.ShippingRule{Name: "Bulky", Kind: tax.OrderTotal, Least: money.Amount{Minor: 10000, Currency: "EUR"}, Amount: money.Amount{Minor: 1500, Currency: "EUR"}}}))(t)
	must(s.Service.SetExchangeRate(ctx, commerce.SetExchangeRate{Call: s.call, Currency: "USD", Rate: decimal(t, "1.0835")}))(t)
	s.add("tax-profile", s.at("settings", "tax", own.ID.String()))
	s.add("tax-profile-eu", s.at("settings", "tax", eu.ID.String()))
	s.add("tax-new", s.at("settings", "tax", "new"))
	s.add("tax-edit", s.at("settings", "tax", own.ID.String(), "edit"))
	s.add("tax-rule", s.at("settings", "tax", own.ID.String(), "rule"))
	s.add("tax-import", s.at("settings", "tax", own.ID.String(), "import"))
	s.add("shipping-new", s.at("settings", "shipping", "new"))
	s.add("shipping-edit", s.at("settings", "shipping", rule.ID.String(), "edit"))
}

// Every page of catalog and settings, in both themes and on both widths, is free of
// accessibility violations and never wider than the screen; so are its forms with
// everything unfolded.
func TestCatalogPagesAreAccessible(t *testing.T) {
	t.Parallel()
	s := stocked(t)
	for _, look := range []struct {
		width int
		dark  bool
	}{{1280, false}, {1280, true}, {360, false}, {360, true}} {
		name := fmt.Sprintf("light-%d", look.width)
		if look.dark {
			name = fmt.Sprintf("dark-%d", look.width)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := webtest.Open(t)
			b.Viewport(look.width, 800, look.dark)
			check := func(page string) {
				t.Helper()
				b.WaitFor("main")
				if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > look.width {
					t.Errorf("%s is %d px wide on a screen of %d px", page, wide, look.width)
				}
				b.Axe()
				if dir := os.Getenv("GALLERY"); dir != "" {
					b.Screenshot(filepath.Join(dir, page+"-"+name+".png"))
				}
			}
			s.logIn(b)
			for _, page := range s.order {
				b.Goto(s.URL + s.pages[page])
				check(page)
				if webtest.Eval[int](b, `(() => { const all = document.querySelectorAll("main .disclosure:not([open])"); for (const d of all) d.open = true; return all.length })()`) > 0 {
					check(page + "-open")
				}
			}
			s.pricesFilledIn(b, check)
		})
	}
}

// pricesFilledIn fills the form of a price in a browser, with rows that are added, and
// looks at what is refused.
func (s stock) pricesFilledIn(b *webtest.Browser, check func(page string)) {
	b.Goto(s.URL + s.pages["price-new"])
	b.Click("More")
	b.Click("Quantity, tiers and minimum")
	b.Click("Graduated tiers")
	b.Fill("#f-charge-tiers-0-up_to", "10")
	b.Fill("#f-charge-tiers-0-unit", "8")
	b.Fill("#f-charge-tiers-1-unit", "5.50")
	b.WaitText("10 × €8.00 + 90 × €5.50")
	b.Follow("Add a tier")
	b.WaitFor("#f-charge-tiers-2-unit")
	b.Click("Metered usage")
	b.Follow("Add a meter")
	b.WaitFor("#f-usage-0-meter")
	b.Click("Other currencies")
	b.Follow("Add a currency")
	b.WaitFor("#f-currencies-0-code")
	check("price-tiers")
	b.Fill("#f-charge-tiers-2-unit", "many")
	b.Choose("#f-usage-0-meter", "API calls")
	b.Choose("#f-currencies-0-code", "USD ($)")
	b.Expect(http.StatusUnprocessableEntity)
	b.Follow("Add price")
	b.WaitText("There are")
	check("price-refused")
}
