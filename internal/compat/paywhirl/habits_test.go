package paywhirl_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/money"
	"perennial/internal/period"
)

// The first Ruby clients say in the address whether they want all invoices.
func TestAllInTheAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	plan := w.send(php, "POST", "/create/plan", monthly("Box")...).id()
	of := w.send(php, "POST", "/create/customer", person("ada")...).id()
	w.send(php, "POST", "/create/card", pair{"customer_id", of}, pair{"number", good})
	w.send(php, "POST", "/subscribe/customer", pair{"customer_id", of}, pair{"plan_id", plan})
	for all, want := range map[string]int{"0": 1, "1": 2} {
		if got := len(w.send(ruby, "GET", fmt.Sprintf("/invoices/%d/%s", of, all)).rows()); got != want {
			t.Errorf("all %s: %d invoices, want %d", all, got, want)
		}
	}
	for path, want := range map[string]int{fmt.Sprintf("/invoices/%d/many", of): http.StatusUnprocessableEntity, "/invoices/99/1": http.StatusNotFound} {
		if got := w.do(w.request(ruby, "GET", path)); got.status != want {
			t.Errorf("%s: %d %s", path, got.status, got.raw)
		}
	}
}

// A loop over all begins with a bound of 0, which is none.
func TestLoopsBeginWithZero(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	for i := range 3 {
		w.send(php, "POST", "/create/customer", person(fmt.Sprintf("ada%d", i))...)
	}
	for path, bounds := range map[string][]string{"/customers": {"after_id", "before_id"}, "/plans": {"after_id"}, "/subscribers": {"starting_after", "starting_before"}, "/api/subscribers": {"after_id", "before_id"}} {
		for _, bound := range bounds {
			got := w.send(v1, "GET", path, pair{bound, 0}).rows()
			if want := len(w.send(v1, "GET", path).rows()); len(got) != want || path != "/plans" && path != "/subscribers" && want != 3 {
				t.Errorf("%s with %s 0: %d rows, want %d", path, bound, len(got), want)
			}
			if refused := w.do(w.request(v1, "GET", path, pair{bound, -1})); refused.status != http.StatusUnprocessableEntity {
				t.Errorf("%s with %s -1: %d", path, bound, refused.status)
			}
		}
	}
}

// What a client charges is charged: tax comes on top only when it says so.
func TestChargesAreWhatTheyAre(t *testing.T) {
	onBoth(t, func(w *world) {
		w = w.stocked("taxed")
		of := w.send(php, "POST", "/create/customer", person("ada")...).id()
		w.send(php, "POST", "/create/card", pair{"customer_id", of}, pair{"number", good})
		for _, taxed := range []bool{false, true} {
			want, tax := "10.95", "0.00"
			if taxed {
				want, tax = "11.63", "0.68"
			}
			charge := w.send(php, "POST", "/create/charge", pair{"customer_id", of}, pair{"amount", "10.95"}, pair{"currency", "USD"}, pair{"require_tax", taxed})
			made := w.send(node, "POST", "/invoices", pair{"customer_id", of}, pair{"currency", "USD"}, pair{"require_tax", taxed}, pair{"items", []group{{{"description", "Repair"}, {"amount", "10.95"}}}})
			bill := w.send(php, "GET", fmt.Sprintf("/invoice/%v", made.field("invoice_id")))
			for what, got := range map[string]reply{"charge": charge, "invoice": bill} {
				if got.field("amount_due") != json.Number(want) || got.field("tax") != json.Number(tax) {
					t.Errorf("%s, taxed %t: %s", what, taxed, got.raw)
				}
			}
		}
		w.balanced()
	})
}

// A telephone number that is a card's is one, and no field keeps those.
func TestNoCardNumberAsPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	of := w.send(php, "POST", "/create/customer", person("ada")...).id()
	address := w.send(php, "POST", "/customer/address", pair{"customer_id", of}, pair{"address", "2 Side St"}, pair{"country", "US"}).id()
	for _, number := range []string{good, "4242 4242 4242 4242"} {
		phone := pair{"phone", number}
		for _, got := range []reply{
			w.do(w.request(php, "POST", "/create/customer", pair{"first_name", "Bo"}, pair{"last_name", "Li"}, pair{"email", "bo@example.com"}, pair{"currency", "USD"}, phone)),
			w.do(w.request(php, "POST", "/update/customer", pair{"id", of}, phone)),
			w.do(w.request(php, "POST", "/customer/address", pair{"customer_id", of}, pair{"address", "3 Side St"}, pair{"country", "US"}, phone)),
			w.do(w.request(php, "PATCH", fmt.Sprintf("/customer/address/%d", address), phone)),
			w.do(w.request(v1, "POST", "/api/subscriber/update", pair{"id", of}, phone)),
		} {
			if told, _ := got.field("errors").(map[string]any); got.status != http.StatusUnprocessableEntity || told["phone"] == nil {
				t.Errorf("%d %s", got.status, got.raw)
			}
		}
	}
}

// Version 1 calls a wrong field as it was sent.
func TestFirstVersionsNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	plan := w.send(php, "POST", "/create/plan", monthly("Box")...).id()
	got := w.do(w.request(v1, "POST", "/api/plan/update", pair{"id", plan}, pair{"shipping", "maybe"}))
	if told, _ := got.field("errors").(map[string]any); got.status != http.StatusUnprocessableEntity || told["shipping"] == nil {
		t.Errorf("%d %s", got.status, got.raw)
	}
}

// A promo as the page of a client shows it: what it is not is sent as 0 or null. Other numbers
// of 0 are none too.
func TestZeroIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	shown := []pair{{"user_id", 1}, {"code", "50OFF"}, {"amount_off", 0}, {"percent_off", 100}, {"duration", "once"}, {"duration_uses", 0}, {"max_redemptions", 1},
		{"times_redeemed", 3}, {"is_valid", 1}, {"one_use", 1}, {"apply_to", "subtotal"}, {"plans", nil}}
	made := w.send(paywhirljs, "POST", "/create/promo", shown...)
	if made.field("percent_off") != json.Number("100") || made.field("amount_off") != nil || made.field("times_redeemed") != json.Number("0") {
		t.Error(made.raw)
	}
	fixed := w.send(python, "POST", "/create/promo", pair{"code", "FIVE"}, pair{"amount_off", 5}, pair{"percent_off", "0.00"}, pair{"duration", "once"})
	if fixed.field("amount_off") != json.Number("5.00") || fixed.field("percent_off") != nil {
		t.Error(fixed.raw)
	}
	if none := w.do(w.request(python, "POST", "/create/promo", pair{"code", "NIL"}, pair{"amount_off", 0}, pair{"percent_off", 0}, pair{"duration", "once"})); none.status != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", none.status, none.raw)
	}
	plan := w.send(php, "POST", "/create/plan", monthly("Box")...).id()
	of := w.send(php, "POST", "/create/customer", append(person("ada"), pair{"gateway_id", 0})...).id()
	w.send(php, "POST", "/create/card", pair{"customer_id", of}, pair{"number", good}, pair{"gateway_id", 0})
	sub := w.send(php, "POST", "/subscribe/customer", pair{"customer_id", of}, pair{"plan_id", plan}, pair{"promo_id", 0}, pair{"trial_end", 0}).id()
	w.send(php, "POST", "/update/subscription", pair{"subscription_id", sub}, pair{"plan_id", plan}, pair{"quantity", 2}, pair{"address_id", 0}, pair{"card_id", 0}, pair{"installments_left", 0}, pair{"trial_end", 0})
	for path, name := range map[string]string{"/update/customer": "id", "/unsubscribe/customer": "subscription_id", "/delete/card": "id", "/delete/invoice": "id"} {
		if got := w.do(w.request(php, "POST", path, pair{name, 0})); got.status != http.StatusNotFound {
			t.Errorf("%s of 0: %d %s", path, got.status, got.raw)
		}
	}
}

// Another default card than the newest is refused and not passed over; one that is sent back as
// it was changes nothing.
func TestDefaultCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	of := w.send(php, "POST", "/create/customer", person("ada")...).id()
	older := w.send(php, "POST", "/create/card", pair{"customer_id", of}, pair{"number", good}).id()
	newer := w.send(php, "POST", "/create/card", pair{"customer_id", of}, pair{"token", "tok_mastercard"}).id()
	for _, kept := range []any{newer, 0, nil} {
		if got := w.send(python, "POST", "/update/customer", pair{"id", of}, pair{"default_card", kept}, pair{"city", "Springfield"}); got.field("default_card") != json.Number(fmt.Sprint(newer)) {
			t.Error(got.raw)
		}
	}
	for _, other := range []any{older, 99, "x"} {
		got := w.do(w.request(python, "POST", "/update/customer", pair{"id", of}, pair{"default_card", other}))
		if told, _ := got.field("errors").(map[string]any); got.status != http.StatusUnprocessableEntity || told["default_card"] == nil {
			t.Errorf("%v: %d %s", other, got.status, got.raw)
		}
	}
}

// What comes from there keeps the ids that code and pages name; what comes later has greater
// ones.
func TestIDsAreKept(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		var people []customer.Customer
		for i := range 3 {
			who, err := w.s.CreateCustomer(ctx, commerce.CreateCustomer{Call: w.call(), Email: fmt.Sprintf("ada%d@example.com", i), Buyer: customer.Buyer{Name: "Ada"}})
			w.ok(err)
			people = append(people, who)
		}
		product, err := w.s.CreateProduct(ctx, commerce.CreateProduct{Call: w.call(), Name: "Box"})
		w.ok(err)
		price, err := w.s.CreatePrice(ctx, commerce.CreatePrice{Call: w.call(), Product: product.ID, Amount: money.Amount{Minor: 1000, Currency: "USD"}, Interval: period.Interval{Unit: period.Month, Count: 1}})
		w.ok(err)
		sold, err := w.s.Sell(ctx, commerce.Sell{Call: w.call(), Customer: people[1].ID, Price: price.ID, Token: "tok_visa", Source: "test"})
		w.ok(err)
		settle := func(kind, thing string, number int64) error {
			_, err := w.s.NumberThing(ctx, commerce.NumberThing{Call: w.call(), Dialect: account.PayWhirl, Kind: kind, Thing: thing, Number: number})
			return err
		}
		for range 2 { // twice is once
			w.ok(settle(commerce.NumberCustomers, people[0].ID.String(), 226713))
			w.ok(settle(commerce.NumberCustomers, people[1].ID.String(), 226000))
			w.ok(settle(commerce.NumberPlans, price.ID.String(), 5150))
			w.ok(settle(commerce.NumberSubscriptions, sold.Subscription.ID.String(), 88001))
			w.ok(settle("account", w.acc.ID.String(), 4711))
		}
		for what, err := range map[string]error{
			"another number":    settle(commerce.NumberCustomers, people[0].ID.String(), 1),
			"a taken number":    settle(commerce.NumberCustomers, people[2].ID.String(), 226713),
			"nothing there":     settle(commerce.NumberCustomers, "cus_0000000000000", 5),
			"another kind":      settle(commerce.NumberCustomers, price.ID.String(), 5),
			"no number":         settle(commerce.NumberCustomers, people[2].ID.String(), 0),
			"a foreign account": settle("account", people[0].ID.String(), 5),
			"an unknown kind":   settle("campaign", product.ID.String(), 5),
		} {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.Conflict {
				w.Errorf("%s: %v", what, err)
			}
		}
		got := w.send(php, "GET", "/customer/226713")
		if got.field("email") != "ada0@example.com" || got.field("user_id") != json.Number("4711") {
			w.Error(got.raw)
		}
		sub := w.send(python, "GET", "/subscription/88001")
		if sub.field("customer_id") != json.Number("226000") || sub.field("plan_id") != json.Number("5150") {
			w.Error(sub.raw)
		}
		later := w.send(node, "POST", "/create/customer", person("bo")...).id()
		var ids []string
		for _, row := range w.send(ruby, "GET", "/customers", pair{"order_direction", "asc"}).rows() {
			ids = append(ids, fmt.Sprint(row["id"]))
		}
		if fmt.Sprint(ids) != "[226000 226713 226714 226715]" || later != 226715 {
			w.Errorf("%v, and then %d", ids, later)
		}
	})
}
