package commerce_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/credit"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
	"perennial/internal/tax"
)

func policy(t interface{ Fatalf(string, ...any) }, name string) *subscription.Proration {
	p, known := subscription.Preset(name)
	if !known {
		t.Fatalf("there is no policy %q", name)
	}
	return &p
}

func (w *world) sellTo(buyer id.Customer, c commerce.Sell) commerce.Sale {
	w.Helper()
	c.Call, c.Customer = w.call, buyer
	if c.Token == "" {
		c.Token = "tok_visa"
	}
	sale, err := w.s.Sell(w.Context(), c)
	w.ok(err)
	return sale
}

func (w *world) changeNow(sub id.Subscription, to commerce.NewTerms) commerce.Changed {
	w.Helper()
	done, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: to, When: subscription.Now})
	w.ok(err)
	return done
}

func (w *world) previewChange(sub id.Subscription, to commerce.NewTerms) commerce.ChangePlan {
	w.Helper()
	plan, err := w.s.PreviewChange(w.Context(), w.acc, sub, to, time.Time{})
	w.ok(err)
	return plan
}

func (w *world) creditLeft(of id.Customer) int64 {
	w.Helper()
	var have int64
	w.view(func(tx *db.Tx) error {
		found, err := credit.Balances(tx, w.acc, []int64{int64(of)})
		have = found[of]["USD"]
		return err
	})
	return have
}

func (w *world) waiting(sub id.Subscription) []invoice.Item {
	w.Helper()
	var list []invoice.Item
	w.view(func(tx *db.Tx) error {
		found, err := invoice.Waiting(tx, w.acc, []int64{int64(sub)})
		list = found[sub]
		return err
	})
	return list
}

// cost is what a subscription was billed and what waits for its next invoice, less what
// was given back, with tax and without.
func (w *world) cost(sub id.Subscription) (total, net int64) {
	w.Helper()
	for _, v := range w.invoices(sub) {
		total, net = total+v.Total.Minor-v.Credited, net+v.Net.Minor
		w.view(func(tx *db.Tx) error {
			notes, err := invoice.CreditNotesOf(tx, w.acc, v.ID)
			for _, n := range notes {
				net -= n.Net.Minor
			}
			return err
		})
	}
	for _, t := range w.waiting(sub) {
		total, net = total+t.Amount.Minor, net+t.Amount.Minor
	}
	return total, net
}

// taxed makes the ways to tax a sale: not at all, beside the price, and inside it.
func (w *world) taxed() []id.TaxProfile {
	w.Helper()
	rate := func(s string) money.Rate {
		r, err := money.ParseRate(s)
		w.ok(err)
		return r
	}
	make := func(inclusive bool, rules ...tax.Rule) id.TaxProfile {
		p, err := w.s.CreateTaxProfile(w.Context(), commerce.CreateTaxProfile{Call: w.call, Profile: tax.Profile{Name: "Tax", Kind: tax.Manual, Inclusive: inclusive}, Rules: rules})
		w.ok(err)
		return p.Profile.ID
	}
	return []id.TaxProfile{0, make(false, tax.Rule{Name: "VAT", Rate: rate("0.19")}), make(true, tax.Rule{Name: "VAT", Rate: rate("0.19")})}
}

// symmetric are the policies that charge what they credit.
var symmetric = []string{"second", "minute", "day", "day_old", "thirty_days", "next_invoice"}

// Changes at one instant that end at the terms at which they began cost nothing in all, to
// the last minor unit: under every policy that charges what it credits and under several
// of them, with tax and coupons, in whole periods, short ones, and ones that were moved, skipped
// or held. What each does is what its preview said.
func TestChangesBackToTheSameTermsCostNothing(t *testing.T) {
	onBoth(t, func(w *world) {
		profiles := w.taxed()
		third, err := money.ParseRate("0.3333")
		w.ok(err)
		_, err = w.s.CreateCoupon(w.Context(), commerce.CreateCoupon{Call: w.call, Coupon: coupon.Coupon{Code: "THIRD", Kind: coupon.Percent, Percent: third, AppliesTo: coupon.All}})
		w.ok(err)
		n := 0
		rapid.Check(t, func(t *rapid.T) {
			n++
			profile := rapid.SampledFrom(profiles).Draw(t, "tax")
			_, err := w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, TaxProfile: &profile})
			w.ok(err)
			var terms catalog.Terms
			if rapid.Bool().Draw(t, "billing day") {
				terms.AnchorDay = rapid.IntRange(1, 31).Draw(t, "day")
				terms.FirstPeriod = rapid.SampledFrom([]catalog.FirstPeriod{catalog.Prorated, catalog.FullFirst}).Draw(t, "first")
			}
			minor := rapid.Int64Range(1, 9000)
			basic, pro := w.plan("Basic", minor.Draw(t, "basic"), terms), w.plan("Pro", minor.Draw(t, "pro"), catalog.Terms{})
			quantity := rapid.Int64Range(1, 4)
			sell := commerce.Sell{Price: basic.ID, Quantity: quantity.Draw(t, "quantity")}
			if rapid.IntRange(0, 2).Draw(t, "coupon") == 0 {
				sell.Options.Coupons = []string{"THIRD"}
			}
			sub := w.sellTo(w.newCustomer(fmt.Sprintf("buyer%d@example.com", n)), sell).Subscription.ID
			w.live(t, sub)
			total, net := w.cost(sub)
			began := w.sub(sub).Quantity
			names := []string{rapid.SampledFrom(symmetric).Draw(t, "policy")}
			if rapid.Bool().Draw(t, "several policies") {
				names = symmetric
			}
			var story string
			for i, last := 0, rapid.IntRange(0, 4).Draw(t, "changes"); i <= last; i++ {
				name := rapid.SampledFrom(names).Draw(t, "by")
				to := commerce.NewTerms{Price: rapid.SampledFrom([]id.Price{basic.ID, pro.ID}).Draw(t, "price"), Quantity: quantity.Draw(t, "to"), Proration: policy(t, name)}
				if i == last {
					to.Price, to.Quantity = basic.ID, began
				}
				plan := w.previewChange(sub, to)
				done := w.changeNow(sub, to)
				if done.Plan.Due != plan.Due || done.Plan.Credited != plan.Credited || done.Plan.Total != plan.Total || plan.Balance != w.creditLeft(done.Subscription.Customer) ||
					fmt.Sprint(taken(plan)) != fmt.Sprint(taken(done.Plan)) {
					t.Fatalf("the preview said %+v, it came to %+v", plan, done.Plan)
				}
				story += fmt.Sprintf("%s to %d of %v: charge %s, credit %s; ", name, to.Quantity, to.Price == basic.ID, plan.Total, plan.Credited)
			}
			total2, net2 := w.cost(sub)
			waits, inside := len(w.waiting(sub)) > 0, profile == profiles[2] // what waits is taxed when it is billed
			if total2 != total && (!waits || inside) || net2 != net && !(waits && inside) {
				t.Fatalf("cost %d, now %d (without tax %d and %d): %s", total, total2, net, net2, story)
			}
			_, err = w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.Now})
			w.ok(err)
		})
	})
}

// taken is what a plan puts on the next invoice and takes off it.
func taken(p commerce.ChangePlan) (list []int64) {
	for _, t := range p.Items {
		list = append(list, t.Amount.Minor)
	}
	for _, c := range p.Cuts {
		list = append(list, c.Taken.Minor, c.Item.Amount.Minor)
	}
	return list
}

// live lets some days pass in which a subscription may be moved, held or skipped, and may have
// changed before.
func (w *world) live(t *rapid.T, sub id.Subscription) {
	days := func(label string, most int64) time.Time {
		seconds := rapid.Int64Range(0, most*24*3600).Draw(t, label)
		return w.now().Add(time.Duration(seconds) * time.Second)
	}
	if rapid.Bool().Draw(t, "later") {
		w.advance(days("in", 9))
	}
	var err error
	switch rapid.IntRange(0, 6).Draw(t, "what") {
	case 0:
		_, err = w.s.Reschedule(w.Context(), commerce.Reschedule{Call: w.call, Subscription: sub, To: days("to", 9).Add(time.Hour), ForGood: rapid.Bool().Draw(t, "for good")})
	case 1:
		_, err = w.s.Pause(w.Context(), commerce.Pause{Call: w.call, Subscription: sub, Until: days("until", 9).Add(time.Hour), Override: true})
		w.advance(w.now().AddDate(0, 0, 10))
	case 2:
		_, err = w.s.Skip(w.Context(), commerce.Skip{Call: w.call, Subscription: sub, Override: true})
	case 3:
		name := rapid.SampledFrom(symmetric).Draw(t, "earlier by")
		_, err = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Quantity: 3, Proration: policy(t, name)}, When: subscription.Now})
		w.ok(err)
		list := w.sub(sub)
		w.advance(w.now().Add(list.Span.To.Sub(w.now()) / 3).Truncate(time.Second))
		_, err = w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Quantity: 1, Proration: policy(t, name)}, When: subscription.Now})
	}
	_ = err // what is refused has not happened
}

// A change by the next invoice takes what an earlier one of the period put there off again,
// as far as it is not used; the preview, the upcoming invoice and the renewal agree.
func TestChangesByTheNextInvoiceTakeTheirPlace(t *testing.T) {
	onBoth(t, func(w *world) {
		basic := w.plan("Basic", 1000, catalog.Terms{})
		sub := w.sellTo(w.customer, commerce.Sell{Price: basic.ID}).Subscription.ID
		w.advance(start.AddDate(0, 0, 14)) // half of the period
		by := policy(w, "next_invoice")
		for _, quantity := range []int64{2, 3, 2, 1} {
			w.changeNow(sub, commerce.NewTerms{Quantity: quantity, Proration: by})
		}
		same(w, "credit", w.creditLeft(w.customer), int64(500))
		list := w.waiting(sub)
		same(w, "amounts that wait", len(list), 1)
		same(w, "waits", list[0].Amount.Minor, int64(500))

		w.advance(start.AddDate(0, 0, 21)) // a quarter is left
		plan := w.previewChange(sub, commerce.NewTerms{Quantity: 4, Proration: by})
		same(w, "cuts", len(plan.Cuts), 1)
		same(w, "taken off", plan.Cuts[0].Taken.Minor, int64(250))
		same(w, "left", plan.Cuts[0].Item.Amount.Minor, int64(250))
		same(w, "credited", plan.Credited.Minor, int64(0))
		w.changeNow(sub, commerce.NewTerms{Quantity: 4, Proration: by})
		upcoming, err := w.s.PreviewInvoice(w.Context(), w.acc, sub)
		w.ok(err)
		same(w, "upcoming", upcoming.Total.Minor, int64(4000+250+1000))

		// charged at once instead, what waits is not charged twice
		now := w.changeNow(sub, commerce.NewTerms{Quantity: 1})
		same(w, "charged", now.Plan.Total.Minor, int64(250))
		w.advance(w.sub(sub).Span.To)
		all := w.invoices(sub)
		same(w, "renewal", all[len(all)-1].Total.Minor, int64(1000+250))
		total, _ := w.cost(sub)
		same(w, "two months of one piece", total, int64(2000))
	})
}

// A scheduled change that comes with the renewal takes what is not used off the invoice
// that its preview shows.
func TestWaitingAmountsAreTakenOffTheUpcomingInvoice(t *testing.T) {
	onBoth(t, func(w *world) {
		basic := w.plan("Basic", 1000, catalog.Terms{})
		sub := w.sellTo(w.customer, commerce.Sell{Price: basic.ID}).Subscription.ID
		by := policy(w, "next_invoice")
		w.changeNow(sub, commerce.NewTerms{Quantity: 2, Proration: by})
		_, err := w.s.Change(w.Context(), commerce.Change{Call: w.call, Subscription: sub, To: commerce.NewTerms{Quantity: 3, Proration: by}, When: subscription.AtDate, At: start.AddDate(0, 0, 14)})
		w.ok(err)
		upcoming, err := w.s.PreviewInvoice(w.Context(), w.acc, sub)
		w.ok(err)
		same(w, "upcoming", upcoming.Total.Minor, int64(3000+1000+1500))
		w.advance(w.sub(sub).Span.To)
		all := w.invoices(sub)
		same(w, "renewal", all[len(all)-1].Total, upcoming.Total)
		same(w, "due", all[len(all)-1].Due(), upcoming.Due)
	})
}

// What somebody chose to give back settles the old terms: nothing of them is given back
// again, and what was charged by hand is given back by its time.
func TestCreditByHandSettlesTheOldTerms(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		sub := w.sellTo(w.customer, commerce.Sell{Price: basic.ID}).Subscription.ID
		w.advance(start.AddDate(0, 0, 14))
		for _, minor := range []int64{400, 0} {
			w.changeNow(sub, commerce.NewTerms{Price: pro.ID, Credit: &minor})
			back := w.previewChange(sub, commerce.NewTerms{Price: basic.ID})
			same(w, "credited", back.Credited.Minor, int64(1500))
			same(w, "charged", back.Total.Minor, int64(500))
		}
		charge := int64(800)
		w.changeNow(sub, commerce.NewTerms{Price: basic.ID, Charge: &charge})
		w.advance(start.AddDate(0, 0, 21))
		back := w.previewChange(sub, commerce.NewTerms{Price: pro.ID})
		same(w, "credited of 8.00", back.Credited.Minor, int64(400))
		same(w, "charged", back.Total.Minor, int64(750))
	})
}

// The whole price of new terms that was charged at once settles the period, too: going on with
// them costs nothing.
func TestFullPriceSettlesThePeriod(t *testing.T) {
	onBoth(t, func(w *world) {
		basic, pro := w.plan("Basic", 1000, catalog.Terms{}), w.plan("Pro", 3000, catalog.Terms{})
		sub := w.sellTo(w.customer, commerce.Sell{Price: basic.ID}).Subscription.ID
		w.advance(start.AddDate(0, 0, 14))
		same(w, "charged", w.changeNow(sub, commerce.NewTerms{Price: pro.ID, Proration: policy(w, "full")}).Plan.Total.Minor, int64(3000))
		w.advance(start.AddDate(0, 0, 21))
		plan := w.previewChange(sub, commerce.NewTerms{Price: pro.ID})
		same(w, "credited", plan.Credited.Minor, int64(1500))
		same(w, "charged", plan.Total, plan.Credited)
	})
}

// The time up to the first billing day is free once, however often the terms change.
func TestFreeFirstPeriodHappensOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		free := catalog.Terms{AnchorDay: 1, FirstPeriod: catalog.FreeFirst}
		basic, other := w.plan("Basic", 2800, free), w.plan("Other", 2800, free)
		sub := w.sellTo(w.customer, commerce.Sell{Price: basic.ID}).Subscription.ID // free until February 1
		w.advance(time.Date(2026, 2, 15, 0, 0, 0, 0, time.UTC))                     // February is paid
		for _, p := range []id.Price{basic.ID, other.ID, basic.ID} {
			done := w.changeNow(sub, commerce.NewTerms{Price: p, Reset: true})
			same(w, "credited", done.Plan.Credited.Minor, int64(1400))
			same(w, "charged", done.Plan.Total.Minor, int64(1400))
		}
	})
}
