package statements

import (
	"context"
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/tax"
)

// engine tells the stories of changes, pauses, coupons, credit and taxes, and reads what
// came of them.
func engine(t *testing.T, s *commerce.Service, r *report.Reader, call commerce.Call) {
	ctx := context.Background()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	acc := call.Account
	_, now, err := r.Account(ctx, acc)
	must(now, err)
	product, err := s.CreateProduct(ctx, commerce.CreateProduct{Call: call, Name: "Crate", Settings: catalog.Settings{Pause: catalog.PausePolicy{Allowed: true}, Skips: 3, Ships: true}})
	must(product, err)
	usd := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }
	price := func(minor int64) catalog.Price {
		p, err := s.CreatePrice(ctx, commerce.CreatePrice{Call: call, Product: product.ID, Amount: usd(minor), Interval: period.Interval{Unit: period.Month, Count: 1},
			Terms: catalog.Terms{Convert: true}})
		must(p, err)
		return p
	}
	cheap, dear := price(1000), price(5000)
	must(s.SetExchangeRate(ctx, commerce.SetExchangeRate{Call: call, Currency: "EUR", Rate: decimal(t, "0.9")}))
	rates, _, err := r.ExchangeRates(ctx, acc, time.Time{})
	must(rates, err)

	half, err := money.ParsePercent("50")
	must(half, err)
	made, err := s.CreateCoupon(ctx, commerce.CreateCoupon{Call: call, Coupon: coupon.Coupon{Code: "HALF", Kind: coupon.Percent, Percent: half, AppliesTo: coupon.All, Products: []id.Product{product.ID}}})
	must(made, err)
	taxed(t, s, r, call)
	buyer, err := s.CreateCustomer(ctx, commerce.CreateCustomer{Call: call, Email: "engine@example.com"})
	must(buyer, err)
	card, err := s.AttachMethod(ctx, commerce.AttachMethod{Call: call, Customer: buyer.ID, Token: "tok_visa"})
	must(card, err)
	must(s.Quote(ctx, acc, cheap.ID, 1, commerce.Options{Currency: "EUR", Coupons: []string{"HALF"}}, buyer.ID))
	sale, err := s.Sell(ctx, commerce.Sell{Call: call, Customer: buyer.ID, Price: cheap.ID, Method: card.ID, Options: commerce.Options{Coupons: []string{"HALF"}}})
	must(sale, err)
	sub := sale.Subscription.ID
	must(s.PreviewChange(ctx, acc, sub, commerce.NewTerms{Price: dear.ID}, time.Time{}))
	must(s.Change(ctx, commerce.Change{Call: call, Subscription: sub, To: commerce.NewTerms{Price: dear.ID}, When: subscription.Now}))
	must(s.Change(ctx, commerce.Change{Call: call, Subscription: sub, To: commerce.NewTerms{Price: cheap.ID}, When: subscription.AtPeriodEnd}))
	must(s.UndoChange(ctx, commerce.UndoChange{Call: call, Subscription: sub}))
	must(r.Changes(ctx, acc, sub, 0, 20))
	item, err := s.AddItem(ctx, commerce.AddItem{Call: call, Subscription: sub, Description: "Fee", Amount: 5})
	must(item, err)
	must(r.Items(ctx, acc, sub, 0, 20))
	must(s.PreviewInvoice(ctx, acc, sub))
	must(s.RemoveItem(ctx, commerce.RemoveItem{Call: call, Item: item.ID}))
	must(s.RemoveCoupon(ctx, commerce.RemoveCoupon{Call: call, Subscription: sub, Coupon: made.ID}))
	must(s.ApplyCoupon(ctx, commerce.ApplyCoupon{Call: call, Subscription: sub, Code: "half"}))
	must(s.Skip(ctx, commerce.Skip{Call: call, Subscription: sub}))
	must(s.Reschedule(ctx, commerce.Reschedule{Call: call, Subscription: sub, To: now.AddDate(0, 0, 20)}))
	must(s.Pause(ctx, commerce.Pause{Call: call, Subscription: sub}))
	must(s.Unpause(ctx, commerce.Unpause{Call: call, Subscription: sub}))
	must(s.Cancel(ctx, commerce.Cancel{Call: call, Subscription: sub, When: subscription.Now}))
	must(s.Reactivate(ctx, commerce.Reactivate{Call: call, Subscription: sub, NextCharge: now.AddDate(0, 0, 3)}))

	must(s.AdjustCredit(ctx, commerce.AdjustCredit{Call: call, Customer: buyer.ID, Amount: usd(50)}))
	must(s.AdjustCredit(ctx, commerce.AdjustCredit{Call: call, Customer: buyer.ID, Amount: usd(-10)}))
	note, err := s.CreditNote(ctx, commerce.CreditNote{Call: call, Invoice: sale.Invoice.ID, Amount: 5, Reason: invoice.ForGoodwill})
	must(note, err)
	must(r.Credit(ctx, acc, buyer.ID, 0, 20))
	must(r.CreditNote(ctx, acc, note.ID))
	must(r.CreditNotes(ctx, acc, 0, 0, 20))
	must(r.CreditNotes(ctx, acc, buyer.ID, note.ID, 20))
	must(r.CreditNotesOf(ctx, acc, sale.Invoice.ID, 0, 20))
	ends := ""
	must(s.UpdateCoupon(ctx, commerce.UpdateCoupon{Call: call, Coupon: made.ID, EndsOn: &ends}))
	must(r.Coupons(ctx, acc, 0, 20))
	must(r.Coupon(ctx, acc, made.ID))
	must(r.CouponByCode(ctx, acc, "half"))
	must(r.Redemptions(ctx, acc, made.ID, 0, 20))
	owing(t, s, r, call, cheap)
}

// owing gives an invoice up that was not paid.
func owing(t *testing.T, s *commerce.Service, r *report.Reader, call commerce.Call, price catalog.Price) {
	ctx := context.Background()
	sale, err := s.Sell(ctx, commerce.Sell{Call: call, Buyer: &commerce.CreateCustomer{Email: "late@example.com"}, Price: price.ID, Token: "tok_declineAfter_1"})
	if err != nil {
		t.Fatal(err)
	}
	_, now, err := r.Account(ctx, call.Account)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AdvanceClock(ctx, commerce.AdvanceClock{Call: call, To: now.AddDate(0, 1, 1)}); err != nil {
		t.Fatal(err)
	}
	open, err := r.Invoices(ctx, call.Account, invoice.Filter{Subscription: sale.Subscription.ID, State: invoice.Open, Limit: 1})
	if err != nil || len(open) != 1 {
		t.Fatal(open, err)
	}
	if _, err := s.GiveUpInvoice(ctx, commerce.GiveUpInvoice{Call: call, Invoice: open[0].ID}); err != nil {
		t.Fatal(err)
	}
}

func taxed(t *testing.T, s *commerce.Service, r *report.Reader, call commerce.Call) {
	ctx := context.Background()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rules := []tax.Rule{{Name: "VAT", Country: "DE"}}
	profile, err := s.CreateTaxProfile(ctx, commerce.CreateTaxProfile{Call: call, Profile: tax.Profile{Name: "Home", Kind: tax.Manual}, Rules: rules})
	must(profile, err)
	must(s.UpdateTaxProfile(ctx, commerce.UpdateTaxProfile{Call: call, Profile: profile.ID, Rules: &rules}))
	must(s.UpdateAccount(ctx, commerce.UpdateAccount{Call: call, TaxProfile: &profile.ID}))
	must(r.TaxProfiles(ctx, call.Account, 0, 20))
	_, found, err := r.TaxProfile(ctx, call.Account, profile.ID)
	must(found, err)
	rule, err := s.CreateShippingRule(ctx, commerce.CreateShippingRule{Call: call, Rule: tax.ShippingRule{Name: "Parcel", Kind: tax.InPlace, Amount: money.Amount{Minor: 5, Currency: "USD"}}})
	must(rule, err)
	amount := int64(6)
	must(s.UpdateShippingRule(ctx, commerce.UpdateShippingRule{Call: call, Rule: rule.ID, Amount: &amount}))
	must(r.ShippingRules(ctx, call.Account, 0, 20))
	must(r.ShippingRule(ctx, call.Account, rule.ID))
	numbered, err := s.CreateCustomer(ctx, commerce.CreateCustomer{Call: call, Email: "number@example.com"})
	must(numbered, err)
	country, number := "NL", "NL123456782B01"
	must(s.UpdateCustomer(ctx, commerce.UpdateCustomer{Call: call, Customer: numbered.ID, Country: &country, TaxID: &number}))
	must(s.CheckTaxID(ctx, commerce.CheckTaxID{Call: call, Customer: numbered.ID}))
}

func decimal(t *testing.T, text string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
