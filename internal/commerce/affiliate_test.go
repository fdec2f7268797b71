package commerce_test

import (
	"sync"
	"testing"
	"time"

	"perennial/internal/affiliate"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/report"
)

// promoted is a world whose campaign two affiliates promote, the second recruited by the
// first.
type promoted struct {
	*world
	campaign id.Campaign
	mia, leo id.Affiliate
	slug     string
}

func promote(w *world, change func(*affiliate.Terms)) promoted {
	w.Helper()
	p := promoted{world: w, slug: "tea"}
	product, err := report.New(w.db, w.clock).Product(w.Context(), w.acc, w.product)
	w.ok(err)
	p.campaign = product.Product.Campaign
	terms := affiliate.Standard()
	terms.Second = rate(w, "0.05")
	terms.Approve = true
	if change != nil {
		change(&terms)
	}
	landing := "https://tea.example/"
	_, err = w.s.SetProgram(w.Context(), commerce.SetProgram{Call: w.call, Campaign: p.campaign, Slug: &p.slug, Landing: &landing, Terms: &terms})
	w.ok(err)
	p.mia = p.join("mia", "")
	p.leo = p.join("leo", "mia")
	return p
}

func (p promoted) join(code, recruiter string) id.Affiliate {
	p.Helper()
	email, paypal := code+"@partners.example", code+"@pay.example"
	m, err := p.s.AskToPromote(p.Context(), commerce.AskToPromote{Call: p.call, Campaign: p.campaign, Recruiter: recruiter,
		Who: &commerce.PutAffiliate{Email: &email, Code: &code, Name: &code, PayPal: &paypal, JoinedIP: "192.0.2.7"}})
	p.ok(err)
	if m.Standing != affiliate.Approved {
		p.Fatalf("%s is %s", code, m.Standing)
	}
	return m.Affiliate
}

func (p promoted) click(code string) id.Click {
	p.Helper()
	c, _, err := p.s.FollowLink(p.Context(), commerce.FollowLink{Slug: p.slug, Code: code, TrackingID: "news"})
	p.ok(err)
	return c.ID
}

// earned is what an affiliate earned so far, in cents.
func (p promoted) earned(who id.Affiliate) int64 {
	p.Helper()
	var sum int64
	p.ok(p.db.View(p.Context(), func(tx *db.Tx) error {
		sum = 0
		list, err := affiliate.OfAffiliate(tx, p.acc, who, 0, 1000)
		for _, c := range list {
			sum += c.Amount.Minor
		}
		return err
	}))
	return sum
}

// A sale that a click brought earns both tiers their part of its payments; what is refunded
// is taken back to the cent, and the books agree (see world.balanced).
func TestCommissionsOfASale(t *testing.T) {
	onBoth(t, func(w *world) {
		p := promote(w, func(t *affiliate.Terms) { t.Cycles = 1 })
		price := w.price(monthly)
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: price, Token: "tok_visa", Referred: commerce.Referred{Clicks: []id.Click{p.click("leo")}, IP: "198.51.100.1"}})
		w.ok(err)
		same(w, "leo after the sale", p.earned(p.leo), 300)
		same(w, "mia after the sale", p.earned(p.mia), 50)
		for month, want := range []int64{600, 600} { // one rebill earns
			w.clock.Set(start.AddDate(0, month+1, 3))
			w.run()
			same(w, "leo after a renewal", p.earned(p.leo), want)
		}
		for _, refund := range []struct{ amount, leo, mia int64 }{{333, 300 + 200, 50 + 33}, {0, 300, 50}} {
			_, err = w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: sale.Payment.ID, Amount: refund.amount})
			w.ok(err)
			same(w, "leo after a refund", p.earned(p.leo), refund.leo)
			same(w, "mia after a refund", p.earned(p.mia), refund.mia)
		}
	})
}

// Who was brought by an affiliate is measured as such: by the first who brought them, and
// not by one who was denied.
func TestAffiliateOfAMeasuredCustomer(t *testing.T) {
	onBoth(t, func(w *world) {
		p := promote(w, nil)
		price := w.price(monthly)
		sell := func(email string, r commerce.Referred) {
			_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Buyer: &commerce.CreateCustomer{Email: email}, Price: price, Token: "tok_visa", Referred: r})
			w.ok(err)
		}
		sell("ada@example.com", commerce.Referred{Affiliate: p.leo})
		sell("ada@example.com", commerce.Referred{Affiliate: p.mia})
		sell("leo@partners.example", commerce.Referred{Clicks: []id.Click{p.click("leo")}})
		sell("cem@example.com", commerce.Referred{})
		reader := report.New(w.db, w.clock)
		mrr := func(of string) int64 {
			m, err := report.MeasureText{Affiliate: of}.Measure()
			w.ok(err)
			f, err := reader.Metrics(w.Context(), w.acc, m)
			w.ok(err)
			last := f.Points[len(f.Points)-1]
			for _, one := range metrics.Metrics() {
				if one.Name == "recurring_revenue" {
					return last.Value(one).N
				}
			}
			return -1
		}
		same(w, "leo brought", mrr(p.leo.String()), 2000)
		same(w, "mia brought", mrr(p.mia.String()), 0)
		same(w, "all bring", mrr(""), 4000)
		m, err := report.MeasureText{Affiliate: "aff_0000000000001"}.Measure()
		w.ok(err)
		_, err = reader.Metrics(w.Context(), w.acc, m)
		w.refused(err, fault.Invalid, "")
	})
}

// What is due is set aside once, however many set it aside at the same moment, and paid or
// owed again.
func TestPayouts(t *testing.T) {
	onBoth(t, func(w *world) {
		p := promote(w, nil)
		_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: w.price(monthly), Token: "tok_visa", Referred: commerce.Referred{Affiliate: p.leo}})
		w.ok(err)
		run := commerce.PayOut{Call: w.call, Currency: "USD", Minimum: 100}
		none, err := w.s.PayOut(w.Context(), run)
		w.ok(err)
		same(w, "payouts before the hold ends", len(none), 0)
		w.clock.Set(start.AddDate(0, 0, 30))
		var all []affiliate.Payout
		var mu sync.Mutex
		var done sync.WaitGroup
		for range 4 {
			done.Go(func() {
				list, err := w.s.PayOut(w.Context(), run)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					w.Error(err)
				}
				all = append(all, list...)
			})
		}
		done.Wait()
		if len(all) != 1 || all[0].Affiliate != p.leo || all[0].Amount != usd(300) || all[0].PayPal != "leo@pay.example" {
			w.Fatalf("payouts are %+v", all)
		}
		undone, err := w.s.SettlePayout(w.Context(), commerce.SettlePayout{Call: w.call, Payout: all[0].ID, Undo: true})
		w.ok(err)
		same(w, "state", undone.State, affiliate.Undone)
		again, err := w.s.PayOut(w.Context(), run)
		w.ok(err)
		paid := commerce.SettlePayout{Call: w.call, Payout: again[0].ID, Reference: "B-1"}
		for range 2 { // saying it again changes nothing
			_, err = w.s.SettlePayout(w.Context(), paid)
			w.ok(err)
		}
		paid.Undo = true
		_, err = w.s.SettlePayout(w.Context(), paid)
		w.refused(err, fault.Conflict, "payout_settled")
		_, err = w.s.AdjustCommission(w.Context(), commerce.AdjustCommission{Call: w.call, Affiliate: p.leo, Amount: usd(-5000), Note: "found out"})
		w.ok(err)
		none, err = w.s.PayOut(w.Context(), commerce.PayOut{Call: w.call, Currency: "USD"})
		w.ok(err)
		for _, x := range none {
			if x.Affiliate == p.leo {
				w.Errorf("leo, who owes, is paid %v", x.Amount)
			}
		}
	})
}

// Whoever buys by their own link earns nothing, unless the programme allows it; a coupon
// names its affiliate; a blocked affiliate earns nothing more.
func TestWhoseSale(t *testing.T) {
	onBoth(t, func(w *world) {
		p := promote(w, nil)
		price := w.price(monthly)
		buy := func(email string, r commerce.Referred, coupons ...string) {
			w.Helper()
			_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Buyer: &commerce.CreateCustomer{Email: email, Buyer: customer.Buyer{Name: "B"}}, Price: price, Token: "tok_visa",
				Referred: r, Options: commerce.Options{Coupons: coupons}})
			w.ok(err)
		}
		buy("leo+self@partners.example", commerce.Referred{Clicks: []id.Click{p.click("leo")}})
		buy("neighbour@example.com", commerce.Referred{Clicks: []id.Click{p.click("leo")}, IP: "192.0.2.7"})
		same(w, "leo by himself", p.earned(p.leo), 0)
		_, err := w.s.CreateCoupon(w.Context(), commerce.CreateCoupon{Call: w.call, Coupon: coupon.Coupon{Code: "MIA10", Kind: coupon.Percent, Percent: rate(w, "0.1"), AppliesTo: coupon.First, Cycles: 1, Affiliate: p.mia}})
		w.ok(err)
		buy("eve@example.com", commerce.Referred{Clicks: []id.Click{p.click("leo")}}, "MIA10")
		same(w, "mia by her coupon", p.earned(p.mia), 270)
		same(w, "leo beside the coupon", p.earned(p.leo), 0)
		blocked := affiliate.Blocked
		_, err = w.s.PutAffiliate(w.Context(), commerce.PutAffiliate{Call: w.call, Affiliate: p.leo, State: &blocked})
		w.ok(err)
		same(w, "a blocked affiliate's click", p.click("leo"), 0)
		w.clock.Set(start.Add(time.Hour))
		buy("fay@example.com", commerce.Referred{Affiliate: p.leo})
		same(w, "leo when blocked", p.earned(p.leo), 0)
	})
}
