package commerce_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

func (w *world) decimal(s string) money.Decimal {
	w.Helper()
	d, err := money.ParseDecimal(s)
	w.ok(err)
	return d
}

func (w *world) used(sub id.Subscription, meter, units, key string) {
	w.Helper()
	list, err := w.s.RecordUsage(w.Context(), commerce.RecordUsage{Call: w.call, Events: []commerce.UsageEvent{{Subscription: sub, Code: meter, Units: w.decimal(units), Key: key}}})
	w.ok(err)
	if list[0].Outcome != commerce.UsageCounted {
		w.Fatalf("usage %s was %s: %s %v", key, list[0].Outcome, list[0].Why, list[0].Fields)
	}
}

func (w *world) callsPrice(meter id.Meter) catalog.Price {
	w.Helper()
	return w.plan("Metered", 1000, catalog.Terms{Usage: []catalog.Metered{{Meter: meter, Included: w.decimal("100"),
		Overage: catalog.Charge{Model: catalog.PerUnit, Unit: w.decimal("0.05")}}}})
}

// Usage beyond what is included comes with the next period's price, each period with its
// own allowance; a period without overage has no line for it.
func TestOverageComesWithTheNextPeriod(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.callsPrice(w.meter("calls"))
		sub := w.subscribed(price.ID, "tok_visa")
		w.used(sub, "calls", "130.5", "a")
		w.advance(start.AddDate(0, 1, 0))
		w.used(sub, "calls", "99", "b")
		w.advance(start.AddDate(0, 2, 0))
		list := w.invoices(sub)
		same(w, "invoices", len(list), 3)
		same(w, "second", list[1].Total.Minor, int64(1000+153)) // 30.5 at 0.05 is 1.525
		same(w, "third", list[2].Total.Minor, int64(1000))
	})
}

// Whoever ends a subscription may bill its usage at once; the counter is closed, so it is
// never billed again.
func TestUsageBilledAtTheEnd(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.callsPrice(w.meter("calls"))
		sub := w.subscribed(price.ID, "tok_visa")
		w.used(sub, "calls", "300", "a")
		_, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.Now, BillUsage: true})
		w.ok(err)
		list := w.invoices(sub)
		same(w, "invoices", len(list), 2)
		same(w, "reason", list[1].Reason, invoice.Usage)
		same(w, "state", list[1].State, invoice.Paid)
		same(w, "total", list[1].Total.Minor, int64(1000))
	})
}

// A subscription that ends by itself after its last payment bills what it used in the last
// period, and so does a scheduled end of which that was asked; any other end does not.
func TestUsageAtEndsToCome(t *testing.T) {
	onBoth(t, func(w *world) {
		meter := w.meter("calls")
		terms := catalog.Terms{Usage: []catalog.Metered{{Meter: meter, Included: w.decimal("100"), Overage: catalog.Charge{Model: catalog.PerUnit, Unit: w.decimal("0.05")}}}}
		endless := w.plan("Metered", 1000, terms)
		terms.Payments = 1
		once := w.plan("One month", 1000, terms)
		completed, asked, plain := w.subscribed(once.ID, "tok_visa"), w.subscribed(endless.ID, "tok_visa"), w.subscribed(endless.ID, "tok_visa")
		for i, sub := range []id.Subscription{completed, asked, plain} {
			w.used(sub, "calls", "140", fmt.Sprint(i))
		}
		for sub, bill := range map[id.Subscription]bool{asked: true, plain: false} {
			_, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.AtPeriodEnd, BillUsage: bill})
			w.ok(err)
		}
		w.advance(start.AddDate(0, 2, 0))
		for sub, want := range map[id.Subscription]int{completed: 2, asked: 2, plain: 1} {
			list := w.invoices(sub)
			same(w, "state", w.sub(sub).State, subscription.Canceled)
			same(w, "invoices", len(list), want)
			if want == 2 {
				same(w, "reason", list[1].Reason, invoice.Usage)
				same(w, "total", list[1].Total.Minor, int64(200))
				same(w, "state of the last invoice", list[1].State, invoice.Paid)
			}
		}
	})
}

// Usage that arrives while a change to a price without its meter is charged is billed all
// the same: with the next invoice, at the terms at which it was used, and within one
// allowance. A change that is declined leaves the usage to its own period.
func TestUsageThatArrivesWhileItsMeterEnds(t *testing.T) {
	onBoth(t, func(w *world) {
		euro := catalog.Charge{Model: catalog.PerUnit, Unit: w.decimal("0.05")}
		price := w.plan("Metered", 1000, catalog.Terms{Usage: []catalog.Metered{
			{Meter: w.meter("kept"), Overage: catalog.Charge{Model: catalog.PerUnit, Unit: w.decimal("9")}},
			{Meter: w.meter("calls", func(c *commerce.CreateMeter) { c.Late = usage.RefuseLate }), Included: w.decimal("100"), Overage: euro}}})
		pro := w.plan("Pro", 5000, catalog.Terms{Usage: price.Terms.Usage[:1]})
		for token, want := range map[string]int64{"tok_visa": 1000 + 5000 + 3750 + 10000, "tok_declineAfter_1": 1000 + 3750 + 1000} {
			sub := w.subscribed(price.ID, token)
			w.used(sub, "calls", "50", "a")
			act := func() {
				w.used(sub, "calls", "800", "b")
				w.newMethod("tok_visa", true)
			}
			w.bank.during.Store(&act)
			_, err := w.changeTo(sub, commerce.NewTerms{Price: pro.ID, Proration: &subscription.Proration{Up: subscription.SettleFull}})
			same(w, "changed", err == nil, token == "tok_visa")
			w.advance(w.now().AddDate(0, 1, 1))
			if token == "tok_visa" {
				w.advance(w.now().AddDate(0, 1, 0))
			}
			var sum int64
			for _, v := range w.invoices(sub) {
				if v.State == invoice.Paid {
					sum += v.Total.Minor
				}
			}
			same(w, "in all with "+token, sum, want)
		}
	})
}

// A meter that ended with a change and comes back with another one within the period counts
// what is used from then on, also where late usage is refused: nothing is late.
func TestMeterThatComesBackCounts(t *testing.T) {
	onBoth(t, func(w *world) {
		price, pro := w.callsPrice(w.meter("calls", func(c *commerce.CreateMeter) { c.Late = usage.RefuseLate })), w.plan("Pro", 5000, catalog.Terms{})
		sub := w.subscribed(price.ID, "tok_visa")
		for _, to := range []catalog.Price{pro, price} {
			_, err := w.changeTo(sub, commerce.NewTerms{Price: to.ID, Proration: &subscription.Proration{}})
			w.ok(err)
		}
		list, err := w.s.RecordUsage(w.Context(), commerce.RecordUsage{Call: w.call, Events: []commerce.UsageEvent{{Subscription: sub, Code: "calls", Units: w.decimal("120"), Key: "b"}}})
		w.ok(err)
		same(w, "outcome", list[0].Outcome, commerce.UsageLate)
		w.advance(start.AddDate(0, 2, 1))
		var sum int64
		for _, v := range w.invoices(sub) {
			sum += v.Due().Minor
		}
		same(w, "in all", sum-w.creditLeft(w.customer), int64(3000+100))
	})
}

// Usage that arrives while its invoice is made is either on it or on the next one.
func TestUsageRacesTheInvoice(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.plan("Metered", 0, catalog.Terms{Usage: []catalog.Metered{{Meter: w.meter("calls"),
			Overage: catalog.Charge{Model: catalog.PerUnit, Unit: w.decimal("0.01")}}}})
		sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: price.ID, Token: "tok_visa"})
		w.ok(err)
		sub := sale.Subscription.ID
		const events = 200
		var race sync.WaitGroup
		for worker := range 4 {
			race.Go(func() {
				for n := range events / 4 {
					list, err := w.s.RecordUsage(w.Context(), commerce.RecordUsage{Call: w.call, Events: []commerce.UsageEvent{{Subscription: sub, Code: "calls",
						Units: w.decimal("1"), Key: fmt.Sprint(worker, "-", n), At: start.Add(time.Hour)}}})
					if err != nil || list[0].Outcome != commerce.UsageCounted && list[0].Outcome != commerce.UsageLate {
						t.Errorf("usage: %v, %v", list, err)
					}
				}
			})
		}
		race.Go(func() {
			w.clock.Set(sale.Subscription.Span.To)
			if _, err := w.s.RunAccount(w.Context(), w.acc); err != nil {
				t.Errorf("the run: %v", err)
			}
		})
		race.Wait()
		w.advance(sale.Subscription.Span.To.AddDate(0, 2, 0))
		var billed int64
		for _, v := range w.invoices(sub) {
			billed += v.Total.Minor
		}
		same(w, "billed", billed, int64(events))
	})
}

// Prepaid units are drawn by usage and refilled by a sale when they fall to the mark, once,
// whoever looks; a decline is told and tried again at the next draw.
func TestTopUp(t *testing.T) {
	onBoth(t, func(w *world) {
		meter := w.meter("tokens", func(c *commerce.CreateMeter) { c.Prepaid = true })
		mark := w.decimal("20")
		pack, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: w.product, Amount: usd(500),
			Terms: catalog.Terms{Prepaid: &catalog.Prepaid{Meter: meter, Units: w.decimal("100"), TopUpAt: &mark}}})
		w.ok(err)
		metered := w.plan("Metered", 1000, catalog.Terms{Usage: []catalog.Metered{{Meter: meter, Overage: catalog.Charge{Model: catalog.PerUnit}}}})
		sub := w.subscribed(metered.ID, "tok_declineAfter_3")
		_, err = w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: pack.ID, Method: w.sub(sub).Method})
		w.ok(err)
		balance := func() int64 {
			var list []usage.Prepaid
			w.view(func(tx *db.Tx) (err error) {
				list, err = usage.PrepaidOf(tx, w.acc, w.customer)
				return err
			})
			return list[0].Balance / usage.Micro
		}
		same(w, "bought", balance(), int64(100))
		w.used(sub, "tokens", "79", "a")
		w.advance(start.Add(time.Minute))
		same(w, "above the mark", balance(), int64(21))
		w.used(sub, "tokens", "1", "b")
		var race sync.WaitGroup
		for range 3 {
			race.Go(func() {
				if _, err := w.s.RunAccount(w.Context(), w.acc); err != nil {
					t.Errorf("the run: %v", err)
				}
			})
		}
		race.Wait()
		w.advance(start.Add(time.Hour))
		same(w, "refilled once", balance(), int64(120))
		w.used(sub, "tokens", "110", "c")
		w.advance(start.Add(2 * time.Hour))
		same(w, "declined", balance(), int64(10))
		same(w, "told", w.kinds()[event.TopUpFailed], 1)
		w.advance(start.Add(3 * time.Hour))
		same(w, "told once", w.kinds()[event.TopUpFailed], 1)
		w.used(sub, "tokens", "1", "d")
		w.advance(start.Add(4 * time.Hour))
		same(w, "tried again", w.kinds()[event.TopUpFailed], 2)
	})
}

// pack is a price of 100 prepaid units that is sold again when no more than 20 are left, and
// what is drawn from it.
func (w *world) pack(terms catalog.Terms) (catalog.Price, id.Subscription) {
	w.Helper()
	meter := w.meter("tokens", func(c *commerce.CreateMeter) { c.Prepaid = true })
	mark := w.decimal("20")
	terms.Prepaid = &catalog.Prepaid{Meter: meter, Units: w.decimal("100"), TopUpAt: &mark}
	pack, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: w.call, Product: w.product, Amount: usd(500), Terms: terms})
	w.ok(err)
	metered := w.plan("Metered", 1000, catalog.Terms{Usage: []catalog.Metered{{Meter: meter, Overage: catalog.Charge{Model: catalog.PerUnit}}}})
	return pack, w.subscribed(metered.ID, "tok_visa")
}

// What was bought in a currency is refilled in it.
func TestTopUpInTheCurrencyOfTheSale(t *testing.T) {
	onBoth(t, func(w *world) {
		pack, sub := w.pack(catalog.Terms{Currencies: map[money.Currency]catalog.Fixed{"EUR": {Amount: 450}}})
		_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: pack.ID, Method: w.sub(sub).Method, Options: commerce.Options{Currency: "EUR"}})
		w.ok(err)
		for n := range 2 {
			w.used(sub, "tokens", "90", fmt.Sprint(n))
			w.advance(w.now().Add(time.Hour))
		}
		list := w.invoices(0)
		same(w, "invoices", len(list), 4)
		for _, v := range list[1:] {
			same(w, "refilled for", v.Total, money.Amount{Minor: 450, Currency: "EUR"})
		}
	})
}

// Whatever one report of usage says, it sells ten refills at most; when these do not lift
// the balance that is told, and the rest comes day by day.
func TestTopUpsInARow(t *testing.T) {
	onBoth(t, func(w *world) {
		pack, sub := w.pack(catalog.Terms{})
		_, err := w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: pack.ID, Method: w.sub(sub).Method})
		w.ok(err)
		w.used(sub, "tokens", "1400", "a")
		refills := func() int { return len(w.invoices(0)) - 2 }
		w.advance(start.Add(time.Hour))
		same(w, "at once", refills(), 10)
		same(w, "told", w.kinds()[event.TopUpFailed], 1)
		w.used(sub, "tokens", "1", "b")
		w.advance(start.Add(20 * time.Hour))
		same(w, "before the next day", refills(), 10)
		w.advance(start.Add(26 * time.Hour))
		same(w, "a day later", refills(), 14)
		w.advance(start.Add(96 * time.Hour))
		same(w, "above the mark", refills(), 14)
		same(w, "told", w.kinds()[event.TopUpFailed], 1)
	})
}

// A price is sold in other currencies at a named amount or at the stored rate of the day,
// which the subscription keeps.
func TestCurrencies(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.plan("Anywhere", 1000, catalog.Terms{Convert: true, Currencies: map[money.Currency]catalog.Fixed{"EUR": {Amount: 950}}})
		sell := func(c money.Currency) (commerce.Sale, error) {
			return w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: price.ID, Token: "tok_visa", Options: commerce.Options{Currency: c}})
		}
		_, err := sell("JPY")
		w.refused(err, fault.Conflict, "no_exchange_rate")
		set := func(rate string) {
			_, err := w.s.SetExchangeRate(w.Context(), commerce.SetExchangeRate{Call: w.call, Currency: "JPY", Rate: w.decimal(rate)})
			w.ok(err)
		}
		set("151.237")
		eur, err := sell("EUR")
		w.ok(err)
		same(w, "named", eur.Invoice.Total, money.Amount{Minor: 950, Currency: "EUR"})
		jpy, err := sell("JPY")
		w.ok(err)
		same(w, "converted", jpy.Invoice.Total, money.Amount{Minor: 1512, Currency: "JPY"})
		w.advance(start.AddDate(0, 0, 10))
		set("99")
		w.advance(start.AddDate(0, 1, 0))
		same(w, "kept", w.invoices(jpy.Subscription.ID)[1].Total.Minor, int64(1512))
	})
}
