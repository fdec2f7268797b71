package paykickstart_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/compat/paykickstart"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/subscription"
)

// TestEveryAddressInEveryTransport goes through all addresses in each way in which known
// clients send, byte for byte.
func TestEveryAddressInEveryTransport(t *testing.T) {
	t.Parallel()
	for i, tr := range transports {
		engine := []string{db.SQLite, db.PostgreSQL}[i%2]
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine)
			var b strings.Builder
			told := map[string]bool{}
			ask := func(path string, args ...pair) reply {
				w.Helper()
				told[path] = true
				return w.must(tr, &b, path, args...)
			}
			sold := ask("/purchase", pair{"product", "1"}, pair{"plan", "1"}, pair{"first_name", "Zoë"}, pair{"last_name", "Novák"}, pair{"email", "zoe@example.com"},
				pair{"stripeToken", "tok_visa"}, pair{"ccNum", "4242"}, pair{"ccExpireMonth", "12"}, pair{"ccExpireYear", "2030"}, pair{"quantity", "2"}, pair{"affiliate", "leo@partners.example"},
				pair{"tracking_id", "news"}, pair{"custom_field[shirt]", "XL"}, pair{"custom_field[size]", "42"})
			invoice := sold.text("invoice_id")
			again := ask("/purchase", pair{"product", "1"}, pair{"plan", "3"}, pair{"ref_purchase", invoice}, pair{"price", "1,234.50"}, pair{"is_recurring", "1"}, pair{"recurring_freq", "2"},
				pair{"recurring_freq_type", "month"}, pair{"cycles", "6"}, pair{"has_trial", "1"}, pair{"trial_amount", "1.00"}, pair{"trial_days", "7"})
			ask("/purchase/get", pair{"id", invoice})
			ask("/purchase/get", pair{"id", again.text("invoice_id")})
			ask("/transaction/get", pair{"id", sold.text("transaction_id")})
			ask("/transactions", pair{"created_at", strconv.FormatInt(start.Unix(), 10)})
			ask("/purchase/update-cc", pair{"invoice_id", invoice}, pair{"stripeToken", "tok_mastercard"}, pair{"ccNum", "4444"}, pair{"expireMonth", "1"}, pair{"expireYear", "2031"})
			ask("/subscriptions/usage", pair{"invoice_id", invoice}, pair{"units", "150"}, pair{"notes", "calls"})
			ask("/subscriptions/usage", pair{"invoice_id", invoice}, pair{"units", "-30"})
			ask("/coupons", pair{"coupon_name", "Spring"}, pair{"coupon_code", "SPRING"}, pair{"coupon_rate", "10"}, pair{"coupon_type", "percentage"}, pair{"coupon_apply_to[]", "2"},
				pair{"coupon_apply_to[]", "3"}, pair{"coupon_start_date", "01/15/2026 09:00 AM"}, pair{"coupon_end_date", "12/31/2026 11:00 PM"}, pair{"coupon_max_redemption", "5"},
				pair{"plan_ids[]", "1"}, pair{"plan_ids[]", "2"}, pair{"product_id", "1"})
			ask("/coupons", pair{"coupon_name", "Old"}, pair{"coupon_code", "OLD"}, pair{"coupon_rate", "2.50"}, pair{"coupon_type", "amount"}, pair{"coupon_is_recurring", "2"}, pair{"product_id", "1"})
			keys := ask("/licenses", pair{"campaign_id", "1"}, pair{"buyer_email", "zoe@example.com"})
			key := keys.text("data.0.license_key")
			ask("/licenses/activate", pair{"license_key", key}, pair{"guid", "machine-1"})
			ask("/licenses/status", pair{"license_key", key})
			ask("/licenses/data", pair{"license_key", key})
			ask("/licenses/disable", pair{"license_key", key})
			ask("/licenses/enable", pair{"license_key", key})
			ask("/licenses/clear", pair{"license_key", key})
			ask("/affiliates/all", pair{"campaign_id", "1"})
			ask("/affiliate", pair{"campaign_id", "1"}, pair{"affiliate", "leo@partners.example"})
			ask("/affiliate", pair{"campaign_id", "1"}, pair{"affiliate", "1"})
			ask("/promo-material", pair{"campaign_id", "1"})
			ask("/leads/confirm", pair{"lead_id", w.lead()}, pair{"lead_campaign_id", "1"})
			ask("/billing-customer", pair{"email", "zoe@example.com"})
			ask("/subscriptions/change", pair{"invoice_id", invoice}, pair{"product_id", "2"}, pair{"first_charge", "-3.00"}, pair{"charge_date", strconv.FormatInt(start.AddDate(0, 1, 5).Unix(), 10)}, pair{"cancel_at", "7"})
			ask("/subscriptions/cancel", pair{"invoice_id", invoice}, pair{"cancel_at", strconv.FormatInt(start.AddDate(0, 0, 10).Unix(), 10)}, pair{"fire_event", "0"})
			ask("/subscriptions/re-activate", pair{"invoice_id", invoice}, pair{"date", strconv.FormatInt(start.AddDate(0, 1, 5).Unix(), 10)})
			ask("/subscriptions/cancel", pair{"invoice_id", invoice}, pair{"charge_overage", "1"})
			ask("/subscriptions/re-activate", pair{"invoice_id", invoice}, pair{"date", strconv.FormatInt(start.AddDate(0, 1, 0).Unix(), 10)})
			ask("/purchase/get", pair{"id", invoice})
			golden(w, tr.name+".txt", b.String())
			for _, path := range paykickstart.Paths() {
				if !told[path] {
					t.Errorf("%s was not asked", path)
				}
			}
		})
	}
}

// lead is the number of a lead of the campaign.
func (w *world) lead() string {
	w.Helper()
	price, err := w.r.Product(w.Context(), w.acc.ID, w.club.ID)
	w.ok(err)
	l, err := w.s.SeeLead(w.Context(), commerce.SeeLead{Call: w.call(), Email: "lead@example.com", Price: price.Prices[0].ID})
	w.ok(err)
	w.ok(w.s.Number(w.Context(), paykickstart.Space(w.acc.ID, "lead"), []string{l.ID.String()}, 0))
	return "1"
}

var jsonClient = transports[slices.IndexFunc(transports, func(t transport) bool { return t.name == "json" })]

// buy sells the club to a new customer and is the id of the purchase.
func (w *world) buy(email string, args ...pair) reply {
	w.Helper()
	return w.must(jsonClient, nil, "/purchase", append([]pair{{"product", "1"}, {"plan", "1"}, {"first_name", "Ada"}, {"last_name", "Byron"}, {"email", email}, {"stripeToken", "tok_visa"}}, args...)...)
}

// TestRefusals proves that whatever is wrong is answered in the shape that known clients
// take for a failure, and changes nothing.
func TestRefusals(t *testing.T) {
	onBoth(t, func(w *world) {
		other := w.as("Rival", "vendor-token-2")
		theirs := other.buy("theirs@example.com").text("invoice_id")
		invoice := w.buy("ada@example.com").text("invoice_id")
		once := w.must(jsonClient, nil, "/purchase", pair{"product", "1"}, pair{"plan", "3"}, pair{"ref_purchase", invoice}).text("invoice_id")
		key := w.must(jsonClient, nil, "/licenses", pair{"campaign_id", "1"}, pair{"buyer_email", "ada@example.com"}).text("data.0.license_key")
		theirKey := other.must(jsonClient, nil, "/licenses", pair{"campaign_id", "1"}, pair{"buyer_email", "theirs@example.com"}).text("data.0.license_key")
		w.must(jsonClient, nil, "/licenses/activate", pair{"license_key", key}, pair{"guid", "here"})
		w.must(jsonClient, nil, "/coupons", pair{"coupon_name", "Gone"}, pair{"coupon_code", "GONE"}, pair{"coupon_rate", "10"}, pair{"coupon_type", "percentage"}, pair{"coupon_is_recurring", "2"},
			pair{"coupon_end_date", "01/01/2026 09:00 AM"}, pair{"product_id", "1"})
		buyer := []pair{{"product", "1"}, {"first_name", "Eve"}, {"last_name", "X"}, {"email", "eve@example.com"}, {"stripeToken", "tok_visa"}}
		with := func(more ...pair) []pair { return append(slices.Clone(buyer), more...) }
		before := w.must(jsonClient, nil, "/transactions").raw + w.must(jsonClient, nil, "/purchase/get", pair{"id", invoice}).raw
		for _, c := range []struct {
			name, path string
			args       []pair
			status     int
			field      string
		}{
			{"no product", "/purchase", []pair{{"plan", "1"}}, 422, "product"},
			{"a product of another campaign", "/purchase", with(pair{"plan", "4"}), 422, "plan"},
			{"a product that is not there", "/purchase", with(pair{"plan", "99"}), 404, ""},
			{"words for a number", "/purchase", with(pair{"plan", "tea"}), 422, "plan"},
			{"no buyer", "/purchase", []pair{{"product", "1"}, {"plan", "1"}, {"stripeToken", "tok_visa"}}, 422, "first_name"},
			{"no token", "/purchase", []pair{{"product", "1"}, {"plan", "1"}, {"first_name", "E"}, {"last_name", "X"}, {"email", "eve@example.com"}}, 422, "ref_purchase"},
			{"a declined card", "/purchase", []pair{{"product", "1"}, {"plan", "1"}, {"first_name", "E"}, {"last_name", "X"}, {"email", "eve@example.com"}, {"stripeToken", "tok_chargeDeclined"}}, 402, ""},
			{"an expired coupon", "/purchase", with(pair{"plan", "1"}, pair{"coupon_code", "GONE"}), 422, ""},
			{"a price below zero", "/purchase", with(pair{"plan", "1"}, pair{"price", "-1"}), 422, "price"},
			{"half a cent", "/purchase", with(pair{"plan", "1"}, pair{"price", "1.005"}), 422, "price"},
			{"a week", "/purchase", with(pair{"plan", "1"}, pair{"is_recurring", "1"}, pair{"recurring_freq", "1"}, pair{"recurring_freq_type", "week"}), 422, "recurring_freq_type"},
			{"a trial of what is paid once", "/purchase", with(pair{"plan", "3"}, pair{"has_trial", "1"}, pair{"trial_amount", "0"}, pair{"trial_days", "7"}), 422, "has_trial"},
			{"another vendor's purchase", "/purchase/get", []pair{{"id", theirs}}, 200, "own"}, // ids are numbers of each vendor
			{"an id of nothing", "/purchase/get", []pair{{"id", "PK-PZZZZZZZZZ"}}, 404, ""},
			{"no id at all", "/purchase/get", []pair{{"id", "x"}}, 404, ""},
			{"a transaction for a purchase", "/transaction/get", []pair{{"id", invoice}}, 404, ""},
			{"cancel what was paid once", "/subscriptions/cancel", []pair{{"invoice_id", once}}, 422, ""},
			{"change what was paid once", "/subscriptions/change", []pair{{"invoice_id", once}, {"product_id", "2"}}, 422, ""},
			{"change to what is paid once", "/subscriptions/change", []pair{{"invoice_id", invoice}, {"product_id", "3"}}, 422, "product_id"},
			{"change to another campaign's", "/subscriptions/change", []pair{{"invoice_id", invoice}, {"product_id", "4"}}, 422, "product_id"},
			{"change in the past", "/subscriptions/change", []pair{{"invoice_id", invoice}, {"product_id", "2"}, {"charge_date", "1000"}}, 422, "charge_date"},
			{"re-activate what runs", "/subscriptions/re-activate", []pair{{"invoice_id", invoice}, {"date", "1800000000"}}, 422, ""},
			{"no date", "/subscriptions/re-activate", []pair{{"invoice_id", invoice}}, 422, "date"},
			{"usage of what has none", "/subscriptions/usage", []pair{{"invoice_id", once}, {"units", "1"}}, 422, ""},
			{"no units", "/subscriptions/usage", []pair{{"invoice_id", invoice}}, 422, "units"},
			{"words for units", "/subscriptions/usage", []pair{{"invoice_id", invoice}, {"units", "many"}}, 422, "units"},
			{"a second activation", "/licenses/activate", []pair{{"license_key", key}, {"guid", "there"}}, 422, ""},
			{"another vendor's key", "/licenses/activate", []pair{{"license_key", theirKey}, {"guid", "there"}}, 404, ""},
			{"no guid", "/licenses/activate", []pair{{"license_key", key}}, 422, "guid"},
			{"a code that is taken", "/coupons", []pair{{"coupon_code", "GONE"}, {"coupon_rate", "1"}, {"coupon_type", "amount"}, {"coupon_is_recurring", "0"}, {"product_id", "1"}}, 422, ""},
			{"another campaign's plan", "/coupons", []pair{{"coupon_code", "X1"}, {"coupon_rate", "1"}, {"coupon_type", "amount"}, {"coupon_is_recurring", "0"}, {"product_id", "1"}, {"plan_ids[]", "4"}}, 422, "plan_ids"},
			{"a strange scope", "/coupons", []pair{{"coupon_code", "X1"}, {"coupon_rate", "1"}, {"coupon_type", "amount"}, {"coupon_apply_to[]", "9"}, {"product_id", "1"}}, 422, "coupon_apply_to"},
			{"nobody", "/billing-customer", []pair{{"email", "nobody@example.com"}}, 404, ""},
			{"another vendor's customer", "/billing-customer", []pair{{"email", "theirs@example.com"}}, 404, ""},
			{"a lead that is not there", "/leads/confirm", []pair{{"lead_id", "5"}, {"lead_campaign_id", "1"}}, 404, ""},
			{"an affiliate who is not there", "/affiliate", []pair{{"campaign_id", "1"}, {"affiliate", "x@example.com"}}, 404, ""},
			{"nothing at the address", "/refunds", nil, 404, ""},
		} {
			got := w.ask(jsonClient, nil, c.path, c.args...)
			if c.field == "own" {
				if got.text("buyer_email") != "ada@example.com" {
					w.Errorf("%s: %s", c.name, got.raw)
				}
				continue
			}
			_, named := got.at("errors").(map[string]any)
			if got.status != c.status || got.text("error") == "" || !named || got.at("status") != false || got.raw == "" || !strings.HasPrefix(got.raw, `{"success":0,"status":false,"code":`+strconv.Itoa(c.status)) {
				w.Errorf("%s: %d %s, want %d", c.name, got.status, got.raw, c.status)
			}
			if c.field != "" && got.at("errors."+c.field) == nil {
				w.Errorf("%s does not name %s: %s", c.name, c.field, got.raw)
			}
		}
		if after := w.must(jsonClient, nil, "/transactions").raw + w.must(jsonClient, nil, "/purchase/get", pair{"id", invoice}).raw; after != before {
			w.Errorf("refused requests changed something:\n%s\n%s", before, after)
		}
	})
}

// TestToken proves that the token counts wherever it stands, and nothing else does.
func TestToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	for _, c := range []struct {
		method, target, contentType, body string
		want                              int
	}{
		{"GET", "/api/transactions?auth_token=vendor-token-1", "", "", 200},
		{"POST", "/api/transactions?auth_token=vendor-token-1", "", "", 200},
		{"POST", "/api/transactions", "application/json", `{"auth_token":"vendor-token-1"}`, 200},
		{"POST", "/api/transactions/", "application/x-www-form-urlencoded", `auth_token=vendor-token-1`, 200},
		{"GET", "/api//transactions///?auth_token=vendor-token-1", "", "", 200},
		{"GET", "/api/transactions", "", "", 401},
		{"GET", "/api/transactions?auth_token=vendor-token", "", "", 401},
		{"GET", "/api/transactions?auth_token[]=vendor-token-1", "", "", 401},
		{"POST", "/api/transactions?auth_token=vendor-token-1", "application/json", `{"auth_token":"x"}`, 401},
		{"DELETE", "/api/transactions?auth_token=vendor-token-1", "", "", 405},
		{"POST", "/api/transactions?auth_token=vendor-token-1", "application/json", `{"a":`, 400},
		{"POST", "/api/transactions?auth_token=vendor-token-1", "text/xml", `<a/>`, 400},
		{"GET", "/transactions?auth_token=vendor-token-1", "", "", 404},
		{"GET", "/api?auth_token=vendor-token-1", "", "", 404},
		{"GET", "/", "", "", 404},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.target, strings.NewReader(c.body))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		recorder := httptest.NewRecorder()
		w.h.ServeHTTP(recorder, r)
		if recorder.Code != c.want || strings.Contains(recorder.Body.String(), "vendor-token") || recorder.Header().Get("Location") != "" {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.target, c.body, recorder.Code, recorder.Body, c.want)
		}
	}
}

// TestIDsAreAPermutation proves that ids of purchases stand for one number each, whatever
// they look like, so that those of another system can be brought along.
func TestIDsAreAPermutation(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := int64(1); n <= 5000; n++ {
		text := paykickstart.Spell("PK-P", n)
		if len(text) != 13 || seen[text] || paykickstart.Number("PK-P", strings.ToLower(text)) != n {
			t.Fatalf("number %d is %s, which is %d", n, text, paykickstart.Number("PK-P", text))
		}
		seen[text] = true
	}
	for _, brought := range []string{"PK-PZ1WK636WR", "PK-P000000000", "PK-PZZZZZZZZZ"} {
		if got := paykickstart.Spell("PK-P", paykickstart.Number("PK-P", brought)); got != brought {
			t.Errorf("%s comes back as %s", brought, got)
		}
	}
	for _, wrong := range []string{"", "PK-P", "PK-T000000001", "PK-P12345678", "PK-P1234567890", "PK-P12345678é", "PK-P12345678-"} {
		if got := paykickstart.Number("PK-P", wrong); got != 0 {
			t.Errorf("%q is number %d", wrong, got)
		}
	}
}

// TestCancelBeatsRenewal proves that an end on the day of a renewal comes before it, as the
// client counts on that sends one second after midnight.
func TestCancelBeatsRenewal(t *testing.T) {
	onBoth(t, func(w *world) {
		next := start.AddDate(0, 0, 28) // 28 February
		for i, at := range []time.Time{next.Truncate(24 * time.Hour).Add(time.Second), next.Add(9 * time.Hour)} {
			invoice := w.buy([]string{"a@example.com", "b@example.com"}[i]).text("invoice_id")
			w.must(jsonClient, nil, "/subscriptions/cancel", pair{"invoice_id", invoice}, pair{"cancel_at", strconv.FormatInt(at.Unix(), 10)})
			defer func() {
				got := w.must(jsonClient, nil, "/purchase/get", pair{"id", invoice})
				if list, _ := got.at("transactions").([]any); len(list) != 1 || got.text("subscriptions.0.status") != string(subscription.Canceled) {
					w.Errorf("ended at %s it is %s", at, got.raw)
				}
			}()
		}
		w.to(next.AddDate(0, 0, 2))
	})
}

// TestTermsOfAPurchase proves what overrides of a purchase come to, on our own books.
func TestTermsOfAPurchase(t *testing.T) {
	onBoth(t, func(w *world) {
		got := w.buy("ada@example.com", pair{"plan", "3"}, pair{"price", "10.00"}, pair{"is_recurring", "1"}, pair{"recurring_freq", "2"}, pair{"recurring_freq_type", "month"}, pair{"cycles", "2"},
			pair{"has_trial", "1"}, pair{"trial_amount", "1,0.50"}, pair{"trial_days", "7"})
		invoice := got.text("invoice_id")
		if got.text("data.amount") != "10.50" || got.text("data.subscriptions.0.trial_ends") != "2026-02-07 10:00:00" {
			w.Errorf("the sale is %s", got.raw)
		}
		for month := range 6 {
			w.to(start.AddDate(0, 0, 7).AddDate(0, month, 1))
		}
		got = w.must(jsonClient, nil, "/purchase/get", pair{"id", invoice})
		var amounts []string
		list, _ := got.at("transactions").([]any)
		for _, one := range list {
			m, _ := one.(map[string]any)
			amounts = append(amounts, m["created_at"].(string)[:10]+" "+m["amount"].(string))
		}
		if strings.Join(amounts, ", ") != "2026-01-31 10.50, 2026-02-08 10.00, 2026-04-08 10.00" || got.text("subscriptions.0.status") != "canceled" {
			w.Errorf("the payments are %v: %s", amounts, got.raw)
		}
	})
}

// TestSecretOpensSeveralPages proves that the secret of a customer signs them in for half an
// hour, and nobody else.
func TestSecretOpensSeveralPages(t *testing.T) {
	onBoth(t, func(w *world) {
		w.buy("ada@example.com")
		secret := w.must(jsonClient, nil, "/billing-customer", pair{"email", "ADA@example.com"}).text("secret")
		for range 3 {
			who, err := w.s.UseSignIn(w.Context(), secret)
			w.ok(err)
			if who.Email != "ada@example.com" || who.Account != w.acc.ID {
				w.Errorf("it signs in %+v", who)
			}
		}
		w.clock.Add(31 * time.Minute)
		if _, err := w.s.UseSignIn(w.Context(), secret); err == nil {
			w.Error("after half an hour it still works")
		}
	})
}

// TestNumbersOfBefore proves that a campaign and a product may keep the numbers that scripts
// name, for ever.
func TestNumbersOfBefore(t *testing.T) {
	onBoth(t, func(w *world) {
		call := w.call()
		campaign, err := w.s.CreateCampaign(w.Context(), commerce.CreateCampaign{Call: call, Name: "Old"})
		w.ok(err)
		settle := commerce.NumberThing{Call: call, Dialect: account.PayKickstart, Kind: "campaign", Thing: campaign.ID.String(), Number: 21500}
		for range 2 {
			n, err := w.s.NumberThing(w.Context(), settle)
			w.ok(err)
			if n != 21500 {
				w.Errorf("it has number %d", n)
			}
		}
		w.must(jsonClient, nil, "/promo-material", pair{"campaign_id", "21500"})
		settle.Number = 7
		if _, err := w.s.NumberThing(w.Context(), settle); fault.As(err).Code != "number_settled" {
			w.Errorf("another number: %v", err)
		}
		settle.Thing, settle.Number = w.campaign.ID.String(), 0
		if n, err := w.s.NumberThing(w.Context(), settle); err != nil || n != 1 {
			w.Errorf("the first campaign has number %d: %v", n, err)
		}
	})
}

// FuzzRequests proves that whatever is sent is answered in JSON, and never breaks the door.
func FuzzRequests(f *testing.F) {
	for _, path := range paykickstart.Paths() {
		f.Add("POST", path, "a=1", "application/x-www-form-urlencoded", "auth_token=vendor-token-1&invoice_id=PK-P000000001&plan_ids[0]=1&custom_field[a]=b")
		f.Add("GET", path+"/", "auth_token=vendor-token-1&product=1&plan=1&price=1e5&cancel_at=99999999999999999999", "", "")
		f.Add("POST", path, "", "application/json", `{"auth_token":"vendor-token-1","product":1,"plan":[1],"coupon_apply_to":[1,2],"units":-1.5,"custom_field":{"a":null}}`)
	}
	if _, err := os.Stat("testdata"); err != nil {
		f.Fatal(err)
	}
	w := newWorld(f, db.SQLite)
	w.buy("ada@example.com")
	f.Fuzz(func(t *testing.T, method, path, query, contentType, body string) {
		r := &http.Request{Method: method, Header: http.Header{}, Body: http.NoBody}
		r = r.WithContext(context.WithoutCancel(t.Context()))
		target, err := http.NewRequestWithContext(r.Context(), http.MethodPost, "http://x/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		target.Method, target.URL.Path, target.URL.RawQuery = method, "/api"+path, query
		if contentType != "" {
			target.Header.Set("Content-Type", contentType)
		}
		recorder := httptest.NewRecorder()
		w.h.ServeHTTP(recorder, target)
		if recorder.Code >= 500 || recorder.Code >= 300 && recorder.Code < 400 || recorder.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %s", method, target.URL, recorder.Code, recorder.Body)
		}
	})
}
