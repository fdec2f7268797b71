package paywhirl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/question"
)

// person is what a shop knows of a customer.
func person(name string) []pair {
	return []pair{{"first_name", "Ada"}, {"last_name", "Löwe & Söhne"}, {"email", name + "@example.com"}, {"currency", "USD"}, {"phone", "+1 (555) 010-7788"},
		{"address", "1 Main St"}, {"city", "Springfield"}, {"state", "IL"}, {"zip", "62704"}, {"country", "us"}, {"utm_source", "newsletter"}, {"password", nil}}
}

func TestCustomers(t *testing.T) {
	onBoth(t, func(w *world) {
		for i, q := range []question.Question{{Name: "size", Label: "Your size", Kind: question.Choice, Options: []string{"S", "M"}}, {Name: "vegan", Label: "Vegan?", Kind: question.Yes}} {
			q.Position = i
			_, err := w.s.CreateQuestion(w.Context(), commerce.CreateQuestion{Call: w.call(), Question: q})
			w.ok(err)
		}
		tr := &transcript{w: w}
		for _, c := range append(slices.Clone(official), paywhirljs, rwreynolds) {
			name := strings.ToLower(c.name)
			of := tr.send("a new customer", c, "POST", "/create/customer", append(person(name), pair{"metadata", `{"crm":"7"}`})...).id()
			path := func(s string) string { return fmt.Sprintf(s, of) }
			tr.send("change", c, "POST", "/update/customer", pair{"id", of}, pair{"city", "Shelbyville"}, pair{"password", "correct horse"}, pair{"phone", "12"})
			tr.send("right password", c, "POST", "/auth/customer", pair{"email", name + "@example.com"}, pair{"password", "correct horse"})
			tr.send("wrong password", c, "POST", "/auth/customer", pair{"email", name + "@example.com"}, pair{"password", "wrong horse"})
			place := tr.send("a further address", c, "POST", "/customer/address/", pair{"customer_id", of}, pair{"first_name", "Bob"}, pair{"last_name", "Löwe"},
				pair{"address", "2 Side St"}, pair{"city", "Springfield"}, pair{"state", "IL"}, pair{"zip", "62704"}, pair{"country", "US"}, pair{"phone", "1"}).id()
			tr.send("change of it", c, "PATCH", fmt.Sprintf("/customer/address/%d", place), pair{"first_name", "Bea"}, pair{"zip", "62705"})
			tr.send("the address", c, "GET", fmt.Sprintf("/customer/address/%d", place))
			tr.send("all addresses", c, "GET", path("/customer/addresses/%d"))
			tr.send("answer", c, "POST", "/update/answer", pair{"customer_id", of}, pair{"question_name", "size"}, pair{"answer", "M"})
			tr.send("answer of the address", c, "POST", "/update/answer", pair{"customer_id", of}, pair{"question_name", "vegan"}, pair{"answer", true}, pair{"address_id", place})
			tr.send("answers", c, "GET", "/answers", pair{"customer_id", of})
			tr.send("answers by path", c, "GET", path("/answers/%d"))
			tr.send("profile", c, "GET", path("/customer/profile/%d"))
			tr.send("profile by e-mail", c, "GET", "/customer/profile/"+name+"@example.com")
			tr.send("one", c, "GET", path("/customer/%d"))
			tr.send("away with the address", c, "DELETE", fmt.Sprintf("/customer/address/%d", place))
			tr.send("gone, and still known", c, "GET", fmt.Sprintf("/customer/address/%d", place))
			tr.send("questions", c, "GET", "/questions", pair{"limit", 1})
			tr.send("some", c, "GET", "/customers", pair{"limit", 1}, pair{"before_id", of + 1}, pair{"order_key", "id"}, pair{"order_direction", "desc"}, pair{"after_id", nil}, pair{"keyword", name})
			tr.send("delete", c, "POST", "/delete/customer", pair{"id", of}, pair{"forget", c.name == "PHP"})
			tr.send("deleted", c, "GET", path("/customer/%d"))
			tr.send("again", c, "POST", "/create/customer", person(name)...)
		}
		tr.send("gateways", php, "GET", "/gateways")
		tr.send("gateway", ruby, "GET", "/gateway/1")
		tr.golden("customers.txt")
		if strings.Contains(w.log.String(), "correct horse") {
			t.Error("a password stands in the log")
		}
	})
}

func TestCustomerRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	tr := &transcript{w: w}
	of := w.send(php, "POST", "/create/customer", person("ada")...).id()
	tr.send("nothing", python, "POST", "/create/customer")
	tr.send("wrong throughout", python, "POST", "/create/customer", pair{"first_name", "A"}, pair{"last_name", "B"}, pair{"email", "nobody"}, pair{"currency", "XXQ"}, pair{"gateway_id", 7},
		pair{"password", "1"})
	tr.send("an address that is taken", php, "POST", "/create/customer", person("ada")...)
	tr.send("a card number", php, "POST", "/update/customer", pair{"id", of}, pair{"address", "4242 4242 4242 4242"})
	tr.send("a country that is none", php, "POST", "/update/customer", pair{"id", of}, pair{"country", "Germany"}, pair{"zip", strings.Repeat("1", 30)})
	tr.send("no id", php, "POST", "/update/customer", pair{"city", "X"})
	tr.send("an id that is none", php, "POST", "/update/customer", pair{"id", "one"})
	tr.send("unknown", php, "GET", "/customer/999")
	tr.send("no number", php, "GET", "/customer/ada")
	tr.send("not even that", php, "GET", "/customer/-1")
	tr.send("too many", php, "GET", "/customers", pair{"limit", 101}, pair{"order_key", "email"}, pair{"order_direction", "up"})
	tr.send("unknown question", php, "POST", "/update/answer", pair{"customer_id", of}, pair{"question_name", "shoe"}, pair{"answer", "1"})
	tr.send("wrong method", php, "GET", "/update/customer")
	other := w.as("Other", account.Sandbox)
	tr.w = other
	tr.send("another account's", php, "GET", fmt.Sprintf("/customer/%d", of))
	tr.golden("customer_refusals.txt")
}

// TestCustomerPages proves that lists are complete and in order whatever was deleted, and
// numbers stay in the order of creation when the newest is looked at first.
func TestCustomerPages(t *testing.T) {
	onBoth(t, func(w *world) {
		for i := range 7 {
			_, err := w.s.CreateCustomer(w.Context(), commerce.CreateCustomer{Call: w.call(), Email: fmt.Sprintf("c%d@example.com", i)})
			w.ok(err)
		}
		last := w.send(php, "POST", "/create/customer", person("last")...)
		if last.id() != 8 {
			t.Errorf("the eighth customer has the number %d", last.id())
		}
		w.send(php, "POST", "/delete/customer", pair{"id", 3})
		w.send(php, "POST", "/delete/customer", pair{"id", 7})
		for _, c := range []struct {
			g    []pair
			want string
		}{
			{nil, "[8 6 5 4 2 1]"},
			{[]pair{{"limit", 2}}, "[8 6]"},
			{[]pair{{"limit", 2}, {"before_id", 6}}, "[5 4]"},
			{[]pair{{"limit", 3}, {"order_direction", "asc"}}, "[1 2 4]"},
			{[]pair{{"limit", 3}, {"order_direction", "asc"}, {"after_id", 4}}, "[5 6 8]"},
			{[]pair{{"after_id", 4}}, "[8 6 5]"},
			{[]pair{{"after_id", 1}, {"before_id", 6}}, "[5 4 2]"},
			{[]pair{{"after_id", 1}, {"before_id", 6}, {"order_direction", "asc"}}, "[2 4 5]"},
			{[]pair{{"keyword", "LAST@"}}, "[8]"},
			{[]pair{{"keyword", "c4"}}, "[5]"},
			{[]pair{{"before_id", 1}}, "[]"},
		} {
			var ids []any
			for _, row := range w.send(php, "GET", "/customers", c.g...).rows() {
				ids = append(ids, row["id"])
			}
			if got := fmt.Sprint(ids); got != c.want && (c.want != "[]" || len(ids) > 0) {
				t.Errorf("%v gives %s, want %s", c.g, got, c.want)
			}
		}
	})
}

// TestPasswords proves that a password may be plain or the bcrypt hash that came along.
func TestPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	w.ok(err)
	made := w.send(php, "POST", "/create/customer", append(person("ada"), pair{"password", string(hash)})...)
	if strings.Contains(made.raw, "password") {
		t.Errorf("the answer tells of the password: %s", made.raw)
	}
	for password, want := range map[string]string{"correct horse": "success", string(hash): "success", "horse": "failure"} {
		got := w.send(node, "POST", "/auth/customer", pair{"email", "Ada@Example.com"}, pair{"password", password})
		if got.field("status") != want {
			t.Errorf("%s: %s", password, got.raw)
		}
	}
}

// TestMetadata proves that a merchant's notes come back as they were sent.
func TestMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	of := w.send(php, "POST", "/create/customer", person("ada")...).id()
	for _, c := range []struct {
		pairs []pair
		want  any
	}{
		{[]pair{{"metadata", `{"a":"1","b":"x"}`}}, `{"a":"1","b":"x"}`},
		{[]pair{{"metadata[c]", "2"}}, `{"c":"2"}`},
		{[]pair{{"metadata", `{"n":{"deep":[1,2]}}`}}, `{"n":{"deep":[1,2]}}`},
		{[]pair{{"metadata", "just a note"}}, "just a note"},
		{[]pair{{"city", "X"}}, "just a note"},
		{[]pair{{"metadata", ""}}, nil},
	} {
		got := w.send(php, "POST", "/update/customer", append(c.pairs, pair{"id", of})...)
		if got.field("metadata") != c.want || got.field("currency") != "USD" {
			t.Errorf("%v comes back as %v", c.pairs, got.field("metadata"))
		}
	}
	if got := w.do(w.request(php, "POST", "/update/customer", pair{"id", of}, pair{"metadata", `{"paywhirl_currency":"EUR"}`})); got.status != 422 {
		t.Errorf("a reserved name: %d", got.status)
	}
}
