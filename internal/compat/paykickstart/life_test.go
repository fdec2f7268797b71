package paykickstart_test

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/affiliate"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// statement is what both affiliates earned by now, by tier, and what the merchant kept of the
// payments that earned.
func (w *world) statement() (first, second, kept int64) {
	w.Helper()
	list, err := w.r.Commissions(w.Context(), w.acc.ID, 0, 0, 1000)
	w.ok(err)
	for _, c := range list {
		if c.Tier == affiliate.FirstTier {
			first += c.Amount.Minor
		} else {
			second += c.Amount.Minor
		}
	}
	payments, err := w.r.Payments(w.Context(), w.acc.ID, 0, 1000)
	w.ok(err)
	for _, p := range payments {
		if p.State == payment.Paid {
			kept += p.Amount.Minor - p.Refunded
		}
	}
	return first, second, kept
}

// TestStatementAddsUp goes through a vendor's life on the wire, and proves that the statement
// of an affiliate adds up to the cent after renewals, refunds and second-tier sales, that a
// payout pays it once, and that full refunds leave nothing of what was not paid.
func TestStatementAddsUp(t *testing.T) {
	onBoth(t, func(w *world) {
		sale := w.buy("ada@example.com", pair{"affiliate", "leo@partners.example"}, pair{"quantity", "3"}) // 29.97
		invoice := sale.text("invoice_id")
		check := func(when string, first, second int64) {
			w.Helper()
			if a, b, _ := w.statement(); a != first || b != second {
				w.Errorf("%s the tiers earned %d and %d, want %d and %d", when, a, b, first, second)
			}
		}
		check("after the sale", 899, 150) // 8.991 and 1.4985, to the nearest cent
		w.to(start.AddDate(0, 0, 29))
		check("after a renewal", 1798, 300)
		payments, err := w.r.Payments(w.Context(), w.acc.ID, 0, 10)
		w.ok(err)
		renewal, first := payments[0], payments[1]
		refund := func(p payment.Payment, amount int64) {
			w.Helper()
			_, err := w.s.Refund(w.Context(), commerce.Refund{Call: w.call(), Payment: p.ID, Amount: amount})
			w.ok(err)
		}
		refund(renewal, 1000)                                           // of 29.97 are kept 19.97
		check("after a part of the renewal went back", 899+599, 150+99) // 5.990 and 0.9995, towards the merchant
		w.to(start.AddDate(0, 1, 3))                                    // the first sale's commissions are due
		list, err := w.s.PayOut(w.Context(), commerce.PayOut{Call: w.call(), Currency: "USD"})
		w.ok(err)
		var paid int64
		for _, p := range list {
			paid += p.Amount.Minor
			_, err := w.s.SettlePayout(w.Context(), commerce.SettlePayout{Call: w.call(), Payout: p.ID, Reference: "B-1"})
			w.ok(err)
		}
		if paid != 899+150 {
			w.Errorf("%d was paid out, want what was due of the sale", paid)
		}
		refund(first, 0)
		refund(renewal, 0)
		check("after everything went back", 0, 0)
		again, err := w.s.PayOut(w.Context(), commerce.PayOut{Call: w.call(), Currency: "USD"})
		w.ok(err)
		if len(again) != 0 {
			w.Errorf("who was paid too much is paid %v", again)
		}
		got := w.must(jsonClient, nil, "/purchase/get", pair{"id", invoice})
		if got.text("transactions.0.refunded_amount") != "29.97" || got.text("transactions.1.refunded_amount") != "29.97" {
			w.Errorf("the purchase is %s", got.raw)
		}
		w.must(jsonClient, nil, "/subscriptions/cancel", pair{"invoice_id", invoice})
	})
}

// TestCommissionsNeverExceedKeptMoney draws rates, sales and refunds: whatever they are, both
// tiers together never earned more than the merchant kept, and nothing of what went back.
func TestCommissionsNeverExceedKeptMoney(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	var n int
	rapid.Check(t, func(rt *rapid.T) {
		n++
		other := w.as("Vendor", "vendor-token-x"+strconv.Itoa(n))
		percent := func(name string) money.Rate {
			r, err := money.ParsePercent(strconv.Itoa(rapid.IntRange(0, 100).Draw(rt, name)))
			other.ok(err)
			return r
		}
		terms := affiliate.Standard()
		terms.First, terms.Second = affiliate.Rate{Share: percent("first")}, percent("second")
		if rapid.Bool().Draw(rt, "fixed") {
			terms.First = affiliate.Rate{Fixed: money.Amount{Minor: rapid.Int64Range(1, 5000).Draw(rt, "amount"), Currency: "USD"}}
		}
		_, err := other.s.SetProgram(other.Context(), commerce.SetProgram{Call: other.call(), Campaign: other.campaign.ID, Terms: &terms})
		other.ok(err)
		for i := range rapid.IntRange(1, 3).Draw(rt, "sales") {
			price := money.Amount{Minor: rapid.Int64Range(1, 9999).Draw(rt, "price"), Currency: "USD"}
			other.buy("b"+strconv.Itoa(i)+"@example.com", pair{"affiliate", "leo@partners.example"}, pair{"price", price.Major()})
			payments, err := other.r.Payments(other.Context(), other.acc.ID, id.Payment(0), 1)
			other.ok(err)
			for payments[0].Refunded < payments[0].Amount.Minor && rapid.Bool().Draw(rt, "refund") {
				_, err := other.s.Refund(other.Context(), commerce.Refund{Call: other.call(), Payment: payments[0].ID, Amount: rapid.Int64Range(1, payments[0].Amount.Minor-payments[0].Refunded).Draw(rt, "back")})
				other.ok(err)
				payments, err = other.r.Payments(other.Context(), other.acc.ID, 0, 1)
				other.ok(err)
			}
			first, second, kept := other.statement()
			if first < 0 || second < 0 || first+second > kept {
				rt.Fatalf("of %d that was kept, %d and %d were earned", kept, first, second)
			}
		}
	})
}
