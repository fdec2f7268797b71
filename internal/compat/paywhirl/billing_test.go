package paywhirl_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/db"
	"perennial/internal/money"
	"perennial/internal/period"
)

// plan makes a plan of so many US cents each month, and is its number.
func (w *world) plan(name string, minor int64, change ...func(*commerce.CreatePrice)) int64 {
	w.Helper()
	product, err := w.s.CreateProduct(w.Context(), commerce.CreateProduct{Call: w.call(), Name: name})
	w.ok(err)
	p := commerce.CreatePrice{Call: w.call(), Product: product.ID, Amount: money.Amount{Minor: minor, Currency: "USD"}, Interval: period.Interval{Unit: period.Month, Count: 1}}
	for _, f := range change {
		f(&p)
	}
	made, err := w.s.CreatePrice(w.Context(), p)
	w.ok(err)
	return w.number(commerce.NumberPlans, made.ID.String())
}

func (w *world) number(kind, name string) int64 {
	w.Helper()
	space := w.space(kind)
	w.ok(w.s.NumberNew(w.Context(), w.acc.ID, space.Dialect, kind))
	found, err := w.r.Numbers(w.Context(), space, []string{name})
	w.ok(err)
	return found[name]
}

// advance moves the account's clock on.
func (w *world) advance(by time.Duration) {
	w.Helper()
	_, now, err := w.r.Account(w.Context(), w.acc.ID)
	w.ok(err)
	_, err = w.s.AdvanceClock(w.Context(), commerce.AdvanceClock{Call: w.call(), To: now.Add(by)})
	w.ok(err)
}

// promo makes a coupon of ten per cent, and is its number.
func (w *world) promo(code string) int64 {
	w.Helper()
	rate, err := money.ParsePercent("10")
	w.ok(err)
	c, err := w.s.CreateCoupon(w.Context(), commerce.CreateCoupon{Call: w.call(), Coupon: coupon.Coupon{Code: code, Kind: coupon.Percent, Percent: rate, AppliesTo: coupon.All}})
	w.ok(err)
	return w.number(commerce.NumberCoupons, c.ID.String())
}

// buyer makes a customer with a card of the sandbox, and is their numbers.
func (w *world) buyer(c client, number string) (of, card int64) {
	w.Helper()
	of = w.send(c, "POST", "/create/customer", person(fmt.Sprintf("p%d", w.clock.Now().UnixNano()))...).id()
	w.clock.Add(time.Nanosecond * 1000)
	return of, w.send(c, "POST", "/create/card", pair{"customer_id", of}, pair{"number", number}, pair{"exp_month", 4}, pair{"exp_year", 2030}, pair{"cvc", "123"}).id()
}

const (
	good     = "4242424242424242"
	declines = "4000000000000002"
)

const day = 24 * time.Hour

// TestBilling tells the life of a customer on the wire alone, in every client's encoding.
func TestBilling(t *testing.T) {
	onBoth(t, func(shop *world) {
		tr := &transcript{w: shop}
		for _, c := range append(slices.Clone(official), paywhirljs, rwreynolds) {
			w := shop.as(c.name, account.Sandbox)
			tr.w = w
			of := w.send(c, "POST", "/create/customer", person("ada")...).id()
			basic, pro, promo := w.plan("Basic", 1095), w.plan("Pro", 3000), w.promo("TEN")
			tr.send("nobody without a card", c, "POST", "/subscribe/customer", pair{"customer_id", of}, pair{"plan_id", basic})
			card := tr.send("a card by its number", c, "POST", "/create/card", pair{"customer_id", of}, pair{"number", good}, pair{"exp_month", 4}, pair{"exp_year", 2030}, pair{"cvc", "123"}).id()
			other := tr.send("a card by its token", c, "POST", "/create/card", pair{"customer_id", of}, pair{"gateway_id", 1}, pair{"token", "tok_mastercard"}).id()
			tr.send("no test number", c, "POST", "/create/card", pair{"customer_id", of}, pair{"number", "4242424242424241"})
			tr.send("cards", c, "GET", fmt.Sprintf("/cards/%d", of))
			tr.send("one card", c, "GET", fmt.Sprintf("/card/%d", card))

			sub := tr.send("subscribe", c, "POST", "/subscribe/customer", pair{"customer_id", of}, pair{"plan_id", basic}, pair{"trial_end", nil}, pair{"promo_id", nil}, pair{"quantity", 2}).id()
			tr.send("with a promo and a trial", c, "POST", "/subscribe/customer", pair{"customer_id", of}, pair{"plan_id", pro}, pair{"promo_id", promo}, pair{"trial_end", start.Add(100 * day).Unix()})
			tr.send("one subscription", c, "GET", fmt.Sprintf("/subscription/%d", sub))
			tr.send("all of the customer", c, "GET", fmt.Sprintf("/subscriptions/%d", of), pair{"status", "active"})
			tr.send("subscribers", c, "GET", "/subscribers", pair{"limit", 1}, pair{"order", "asc"}, pair{"starting_after", nil}, pair{"keyword", "ADA"})
			paid := tr.send("every invoice", c, "GET", fmt.Sprintf("/invoices/%d", of), pair{"all", 1}).rows()
			next := tr.send("upcoming invoices", c, "GET", fmt.Sprintf("/invoices/%d", of), pair{"all", nil}, pair{"subscription_id", sub}).rows()
			charge := fmt.Sprint(paid[len(paid)-1]["charge_id"])
			tr.send("the charge", c, "GET", "/charge/"+charge)
			tr.send("part of it back", c, "POST", "/refund/charge/"+charge, pair{"refund_amount", "5.50"})
			tr.send("noted alone", c, "POST", "/refund/charge/"+charge, pair{"refund_amount", 1}, pair{"mark_only", true})
			tr.send("too much", c, "POST", "/refund/charge/"+charge, pair{"refund_amount", 100})

			upcoming := fmt.Sprintf("/invoice/%s", next[0]["id"])
			item := next[0]["items"].([]any)[0].(map[string]any)["id"]
			tr.send("the upcoming one", c, "GET", upcoming)
			tr.send("another day", c, "POST", strings.Replace(upcoming, "invoice", "invoices", 1)+"/next-payment-date", pair{"next_payment_attempt", start.Add(20 * day).Unix()}, pair{"all", 0})
			tr.send("another quantity", c, "POST", upcoming+"/items", pair{fmt.Sprint(item), 3})
			tr.send("a promo", c, "POST", upcoming+"/add-promo", pair{"promo_code", "ten"})
			tr.send("which is taken off", c, "POST", upcoming+"/remove-promo")
			tr.send("another card", c, "POST", upcoming+"/card", pair{"card_id", other})
			tr.send("as it is now", c, "GET", upcoming)
			w.advance(5 * day)
			tr.send("now", c, "POST", upcoming+"/process")
			tr.send("not twice", c, "POST", upcoming+"/process")
			tr.send("it came true", c, "GET", upcoming)
			next = tr.send("the one after it", c, "GET", fmt.Sprintf("/invoices/%d", of), pair{"subscription_id", sub}).rows()
			w.advance(time.Hour)
			tr.send("paid in another way", c, "POST", fmt.Sprintf("/invoice/%s/mark-as-paid", next[0]["id"]))
			next = tr.send("and the next", c, "GET", fmt.Sprintf("/invoices/%d", of), pair{"subscription_id", sub}).rows()
			tr.send("left out", c, "POST", "/delete/invoice", pair{"id", next[0]["id"]})
			tr.send("other terms", c, "POST", "/update/subscription", pair{"subscription_id", sub}, pair{"plan_id", pro}, pair{"quantity", 1}, pair{"address_id", nil}, pair{"installments_left", 4}, pair{"trial_end", nil}, pair{"card_id", card})

			if c.name != rwreynolds.name { // who knows no lists
				bill := tr.send("an invoice by hand", c, "POST", "/invoices", pair{"customer_id", of}, pair{"currency", "USD"}, pair{"items", []group{{{"description", "Repair"}, {"quantity", 2}, {"amount", "7.25"}}, {{"description", "Filter"}, {"quantity", 1}, {"amount", 3}}}}).field("invoice_id")
				tr.send("as it is", c, "GET", fmt.Sprintf("/invoice/%s", bill))
				tr.send("with a card", c, "POST", fmt.Sprintf("/invoice/%s/card", bill), pair{"card_id", card})
				tr.send("charged", c, "POST", fmt.Sprintf("/invoices/%s/process", bill))
				tr.send("not void any more", c, "POST", "/delete/invoice", pair{"id", bill})
			}
			tr.send("once", c, "POST", "/create/charge", pair{"customer_id", of}, pair{"card_id", card}, pair{"amount", 10.95}, pair{"currency", "USD"}, pair{"description", "Gift & wrap"}, pair{"quantity", 1})
			poor := w.send(c, "POST", "/create/card", pair{"customer_id", of}, pair{"number", declines}).id()
			tr.send("declined", c, "POST", "/create/charge", pair{"customer_id", of}, pair{"card_id", poor}, pair{"amount", 5})
			tr.send("a card less", c, "POST", "/delete/card", pair{"id", poor})
			tr.send("gone", c, "GET", fmt.Sprintf("/card/%d", poor))
			tr.send("the end", c, "POST", "/unsubscribe/customer", pair{"subscription_id", sub})
			tr.send("ended already", c, "POST", "/unsubscribe/customer", pair{"subscription_id", sub})
			tr.send("what has ended", c, "GET", fmt.Sprintf("/subscriptions/%d", of), pair{"status", "canceled"})
			w.balanced()
		}
		tr.w = shop
		tr.golden("billing.txt")
	})
}

// balanced proves that the books are right, on our own side of the door.
func (w *world) balanced() {
	w.Helper()
	all, err := w.s.GatewaysOf(w.Context(), w.acc.ID)
	w.ok(err)
	books, err := w.r.Books(w.Context(), w.acc.ID, all)
	w.ok(err)
	if !books.Balanced() {
		w.Errorf("books: %v", books.Differences)
	}
}

// TestBadBilling proves what is refused, and how.
func TestBadBilling(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	plan, of := w.plan("Basic", 1000), int64(0)
	of, card := w.buyer(php, good)
	sub := w.send(php, "POST", "/subscribe/customer", pair{"customer_id", of}, pair{"plan_id", plan}).id()
	next := w.send(php, "GET", fmt.Sprintf("/invoices/%d", of)).rows()[0]["id"]
	paid := w.send(php, "GET", fmt.Sprintf("/invoices/%d", of), pair{"all", 1}).rows()[1]["id"]
	other := w.as("Other", account.Sandbox)
	theirs, theirCard := other.buyer(php, good)
	for _, c := range []struct {
		method, path string
		g            group
		want         int
		field        string
	}{
		{"POST", "/subscribe/customer", nil, 422, "customer_id"},
		{"POST", "/subscribe/customer", group{{"customer_id", of}}, 422, "plan_id"},
		{"POST", "/subscribe/customer", group{{"customer_id", of}, {"plan_id", plan}, {"quantity", 0}}, 422, "quantity"},
		{"POST", "/subscribe/customer", group{{"customer_id", of}, {"plan_id", plan}, {"trial_end", start.Add(-day).Unix()}}, 422, "trial_end"},
		{"POST", "/subscribe/customer", group{{"customer_id", 99}, {"plan_id", plan}}, 404, ""},
		{"POST", "/subscribe/customer", group{{"customer_id", of}, {"plan_id", 99}}, 404, ""},
		{"POST", "/subscribe/customer", group{{"customer_id", of}, {"plan_id", plan}, {"promo_id", 99}}, 404, ""},
		{"GET", "/subscriptions/99", nil, 404, ""},
		{"GET", fmt.Sprintf("/subscriptions/%d", of), group{{"status", "asleep"}}, 422, "status"},
		{"GET", "/subscription/x", nil, 404, ""},
		{"GET", "/subscribers", group{{"order", "sideways"}}, 422, "order"},
		{"POST", "/update/subscription", group{{"subscription_id", sub}}, 422, "plan_id"},
		{"POST", "/update/subscription", group{{"subscription_id", sub}, {"plan_id", plan}, {"card_id", card + 50}}, 404, ""},
		{"POST", "/update/subscription", group{{"subscription_id", sub}, {"plan_id", plan}, {"installments_left", 9999}}, 422, "installments_left"},
		{"POST", "/unsubscribe/customer", nil, 422, "subscription_id"},
		{"GET", "/invoice/99", nil, 404, ""},
		{"POST", "/invoice/99/process", nil, 404, ""},
		{"POST", fmt.Sprintf("/invoice/%s/process", paid), nil, 422, ""},
		{"POST", fmt.Sprintf("/invoice/%s/add-promo", next), nil, 422, "promo_code"},
		{"POST", fmt.Sprintf("/invoice/%s/add-promo", next), group{{"promo_code", "NOPE"}}, 422, "promo_code"},
		{"POST", fmt.Sprintf("/invoice/%s/card", next), nil, 422, "card_id"},
		{"POST", fmt.Sprintf("/invoice/%s/items", next), group{{"999", 4}}, 422, "999"},
		{"POST", fmt.Sprintf("/invoice/%s/items", next), nil, 422, ""},
		{"POST", fmt.Sprintf("/invoices/%s/next-payment-date", next), nil, 422, "next_payment_attempt"},
		{"POST", fmt.Sprintf("/invoices/%s/next-payment-date", next), group{{"next_payment_attempt", 5}}, 422, "next_payment_attempt"},
		{"POST", "/invoices", group{{"customer_id", of}}, 422, "items"},
		{"POST", "/create/charge", group{{"customer_id", of}}, 422, "amount"},
		{"POST", "/create/charge", group{{"customer_id", of}, {"amount", "1.005"}}, 422, "amount"},
		{"POST", "/create/charge", group{{"customer_id", of}, {"amount", "-5"}}, 422, "amount"},
		{"POST", "/create/charge", group{{"customer_id", of}, {"amount", 0}}, 422, "amount"},
		{"POST", "/create/charge", group{{"customer_id", of}, {"amount", 5}, {"currency", "XXX"}}, 422, "currency"},
		{"POST", "/create/charge", group{{"customer_id", of}, {"amount", 5}, {"description", "4242 4242 4242 4242"}}, 422, "description"},
		{"POST", "/refund/charge/99", nil, 404, ""},
		{"POST", "/create/card", group{{"customer_id", of}}, 422, "token"},
		{"POST", "/create/card", group{{"customer_id", of}, {"token", "tok_visa"}, {"number", good}}, 422, "number"},
		{"POST", "/create/card", group{{"customer_id", of}, {"token", "tok_unheard"}}, 402, ""},
		{"POST", "/create/card", group{{"customer_id", of}, {"gateway_id", 99}, {"token", "tok_visa"}}, 404, ""},
		{"POST", "/delete/card", group{{"id", 99}}, 404, ""},
	} {
		for _, as := range official {
			got := w.do(w.request(as, c.method, c.path, c.g...))
			errs, _ := got.field("errors").(map[string]any)
			if got.status != c.want || got.field("error") == nil || c.field != "" && errs[c.field] == nil {
				t.Errorf("%s %s %v by %s: %d %s, want %d and %s", c.method, c.path, c.g, as.name, got.status, got.raw, c.want, c.field)
			}
			if strings.Contains(got.raw, "4242424242424242") || strings.Contains(got.raw, "4242 4242") {
				t.Errorf("the number of a card is told again: %s", got.raw)
			}
		}
	}
	// Another account's numbers are numbers of one's own things, or unknown.
	for _, c := range []struct {
		path string
		g    group
	}{{"/create/charge", group{{"customer_id", theirs}, {"amount", 5}, {"card_id", theirCard + 1}}}} {
		if got := other.do(other.request(php, "POST", c.path, c.g...)); got.status != 404 {
			t.Errorf("%s: %d %s", c.path, got.status, got.raw)
		}
	}
	if strings.Contains(w.log.String(), good) {
		t.Error("the number of a card is in the log")
	}
	w.balanced()
}

// TestLiveAccountsTakeNoNumbers proves that a card's number is refused where cards are real.
func TestLiveAccountsTakeNoNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite).as("Real", account.Live)
	of := w.send(php, "POST", "/create/customer", person("ada")...).id()
	for _, number := range []string{good, "4242 4242 4242 4242", "not one"} {
		got := w.do(w.request(python, "POST", "/create/card", pair{"customer_id", of}, pair{"number", number}))
		if got.status != 422 || !strings.Contains(got.raw, "live account") || strings.Contains(got.raw, number) {
			t.Errorf("%d %s", got.status, got.raw)
		}
	}
	if strings.Contains(w.log.String(), good) {
		t.Error("the number of a card is in the log")
	}
}

// TestAtOnce proves that two requests at one time charge and refund once.
func TestAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		plan := w.plan("Basic", 1000)
		of, _ := w.buyer(php, good)
		sub := w.send(php, "POST", "/subscribe/customer", pair{"customer_id", of}, pair{"plan_id", plan}).id()
		w.advance(5 * day)
		list := w.send(php, "GET", fmt.Sprintf("/invoices/%d", of), pair{"all", 1}).rows()
		count := func(method, path string, n int, g ...pair) (done int) {
			var all sync.WaitGroup
			var mu sync.Mutex
			for range n {
				r := w.request(php, method, path, g...)
				all.Go(func() {
					got := w.do(r)
					mu.Lock()
					defer mu.Unlock()
					if got.status == 200 {
						done++
					} else if got.status != 422 && got.status != 404 {
						w.Errorf("%s: %d %s", path, got.status, got.raw)
					}
				})
			}
			all.Wait()
			return done
		}
		if n := count("POST", fmt.Sprintf("/invoice/%s/process", list[0]["id"]), 5); n < 1 {
			w.Error("nobody processed the invoice")
		}
		if n := count("POST", fmt.Sprintf("/refund/charge/%s", list[1]["charge_id"]), 5, pair{"refund_amount", "6.00"}); n != 1 {
			w.Errorf("%d refunds of 6.00 out of 10.00", n)
		}
		after := w.send(php, "GET", fmt.Sprintf("/invoices/%d", of), pair{"all", 1}).rows()
		if len(after) != 3 { // the one to come, and two that are paid
			w.Errorf("there are %d invoices", len(after))
		}
		// The subscription ends while its renewal runs.
		view := w.send(php, "GET", fmt.Sprintf("/subscription/%d", sub))
		end, _ := view.field("current_period_end").(interface{ Int64() (int64, error) }).Int64()
		_, now, err := w.r.Account(w.Context(), w.acc.ID)
		w.ok(err)
		w.clock.Add(time.Unix(end, 0).Sub(now))
		var race sync.WaitGroup
		race.Go(func() {
			if _, err := w.s.RunAccount(w.Context(), w.acc.ID); err != nil {
				w.Error(err)
			}
		})
		race.Go(func() {
			if n := count("POST", "/unsubscribe/customer", 1, pair{"subscription_id", sub}); n != 1 {
				w.Error("nobody unsubscribed")
			}
		})
		race.Wait()
		w.balanced()
	})
}

// TestIdempotencyKey proves that a client that sends a key gets the first answer again.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	of, _ := w.buyer(php, good)
	send := func(path string, g ...pair) reply {
		r := w.request(php, "POST", path, g...)
		r.Header.Set("Idempotency-Key", "k "+path)
		return w.do(r)
	}
	plan := w.plan("Basic", 1000)
	for path, g := range map[string]group{"/create/charge": {{"customer_id", of}, {"amount", 5}}, "/subscribe/customer": {{"customer_id", of}, {"plan_id", plan}},
		"/create/card": {{"customer_id", of}, {"number", good}}} {
		first, again := send(path, g...), send(path, g...)
		if first.status != 200 || again.status != 200 || first.raw != again.raw {
			t.Errorf("%s: %d %s, then %d %s", path, first.status, first.raw, again.status, again.raw)
		}
	}
	n := 0
	for _, v := range w.send(php, "GET", fmt.Sprintf("/invoices/%d", of), pair{"all", 1}).rows() {
		if v["status"] == "paid" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d invoices were paid, want 2", n)
	}
}
