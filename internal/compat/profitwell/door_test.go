package profitwell_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/event"
)

// good is a good body of a subscription.
func good(alias string) string {
	return fmt.Sprintf(`{"user_alias":"u-%s","subscription_alias":%q,"email":"ada@example.com","plan_id":"silver","plan_interval":"month","plan_currency":"eur","value":1000,"effective_date":%d}`, alias, alias, unix(2026, 4, 1))
}

// TestTokens says that the header holds the token alone, and that each opens only its own
// account and what it is for.
func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", 0)
	other := w.as("Other", "UTC")
	w.must(201, post("/v2/subscriptions/", good("s1")))
	for _, c := range []struct {
		what, token string
		want        int
		says        string
	}{
		{"the token", w.token, 200, ""},
		{"none", "", 401, `{"detail":"Authentication credentials were not provided."}`},
		{"a wrong one", "0123456789abcdef0123456789abcdef", 401, `{"detail":"Invalid token."}`},
		{"as a bearer", "Bearer " + w.token, 401, `{"detail":"Invalid token."}`},
		{"the public one", w.public, 401, `{"detail":"Invalid token."}`},
	} {
		if got := w.with(c.token, get("/v2/api-status/")); got.status != c.want || c.says != "" && got.raw != c.says {
			t.Errorf("%s: %d %s", c.what, got.status, got.raw)
		}
	}
	for _, q := range []sent{get("/v2/users/u-s1/"), put("/v2/unchurn/s1/", "{}"), remove("/v2/users/u-s1/", ""), post("/v2/metrics/exclude_customer/u-s1/", "{}"), get("/v2/customers/u-s1/"),
		remove(fmt.Sprintf("/v2/subscriptions/s1/?effective_date=%d", unix(2026, 5, 1)), "")} {
		if got := other.ask(q); got.status != 404 {
			t.Errorf("another account: %s %s: %d %s", q.method, q.path, got.status, got.raw)
		}
	}
	if got := other.must(200, get("/v2/customers/")).raw; got != "[]" {
		t.Errorf("another account sees %s", got)
	}
	for token, want := range map[string]int{w.public: 200, w.token: 200, "": 401, "wrong-wrong-wrong-wrong": 401} {
		if got := w.with(token, post("/dotjs/v1/customer/event", `{"user_id":"u-s1"}`)); got.status != want || got.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("an event: %d %s %v", got.status, got.raw, got.header)
		}
	}
	if got := w.with("", get("/dotjs/v1/quests/customer?auth="+w.public)); got.status != 400 || got.raw != `{"detail":"Customer email or user ID not provided!"}` {
		t.Error(got.raw)
	}
	if got := w.with("", sent{"OPTIONS", "/dotjs/v1/customer/event", "", ""}); got.status != 204 || got.header.Get("Access-Control-Allow-Headers") == "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if got := w.with("", get("/js/profitwell.js?auth="+w.public)); got.status != 200 || !strings.Contains(got.raw, "init_cancellation_flow") || !strings.HasPrefix(got.header.Get("Content-Type"), "text/javascript") {
		t.Errorf("%d %v", got.status, got.header)
	}
	var keys []string
	list, err := w.r.DoorKeys(t.Context(), w.acc.ID)
	w.ok(err)
	for _, k := range list {
		keys = append(keys, k.Name)
		w.ok(w.s.RevokeDoorKey(t.Context(), commerce.RevokeDoorKey{Call: commerce.Call{Account: w.acc.ID, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}, DoorKey: k.ID}))
	}
	if got := w.ask(get("/v2/api-status/")); len(keys) != 2 || got.status != 401 {
		t.Errorf("a revoked token: %d", got.status)
	}
}

// TestSlashes says that an address is the same with and without a slash at its end, and that
// nobody is sent elsewhere.
func TestSlashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", 0)
	w.must(201, post("/v2/subscriptions", good("s1")))
	for _, address := range w.door.Addresses() {
		method, path, _ := strings.Cut(address, " ")
		path = strings.NewReplacer("{id}", "u-s1", "{email}", "ada%40example.com", "{kind}", "reactivation").Replace(path)
		if method != "GET" {
			continue
		}
		query := "?month=2026-05&user_id=u-s1"
		with, without := w.ask(get(path+query)), w.ask(get(strings.TrimSuffix(path, "/")+query))
		if with.status != without.status || with.raw != without.raw || with.status >= 300 && with.status < 400 || with.status >= 500 {
			t.Errorf("%s: %d %s and %d %s", path, with.status, with.raw, without.status, without.raw)
		}
	}
	for path, want := range map[string]int{"//v2//plans//": 200, "/v2/plans/%2e%2e/": 404, "/v2/../v2/plans/": 404, "/v3/plans/": 404, "/": 404, "/V2/plans/": 404} {
		if got := w.ask(get(path)); got.status != want {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

// TestLimit says what happens to those who ask too often.
func TestLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", 25)
	for range 25 {
		w.must(200, get("/v2/api-status/"))
	}
	got := w.must(429, get("/v2/api-status/"))
	if got.raw != `{"detail":"Request was throttled. Expected available in 1 second."}` || got.header.Get("Retry-After") != "1" {
		t.Errorf("%s %v", got.raw, got.header)
	}
	w.as("Other", "UTC").must(200, get("/v2/api-status/"))
	w.clock.Add(time.Second)
	w.must(200, get("/v2/api-status/"))
}

// TestSeriesFitTogether says that all series have the same dates, and that a list of names
// may be empty.
func TestSeriesFitTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", 0)
	w.must(201, post("/v2/subscriptions/", good("s1")))
	for path, want := range map[string]int{"/v2/metrics/monthly/": 42, "/v2/metrics/monthly/?metrics=": 42, "/v2/metrics/daily/?month=2026-04": 15, "/v2/metrics/daily/?month=2026-05&metrics=new_customers,%20active_customers": 2} {
		body, _ := w.must(200, sent{"GET", path, formJSON, "{}"}).body.(map[string]any)
		data, _ := body["data"].(map[string]any)
		var dates string
		for name, series := range data {
			var own []string
			list, _ := series.([]any)
			for _, p := range list {
				m, _ := p.(map[string]any)
				own = append(own, fmt.Sprint(m["date"]))
			}
			if !slices.IsSorted(own) || len(own) == 0 || dates != "" && dates != fmt.Sprint(own) {
				t.Errorf("%s of %s has %v, others %s", name, path, own, dates)
			}
			dates = fmt.Sprint(own)
		}
		if len(data) != want {
			t.Errorf("%s has %d series, want %d", path, len(data), want)
		}
	}
}

// TestModules sends the request of every module of Make and Ibexa Connect, and what those
// make of it.
func TestModules(t *testing.T) {
	onBoth(t, func(w *world) {
		date := unix(2026, 5, 10)
		module := func(name string, status int, q sent) reply {
			got := w.ask(q)
			if got.status != status {
				w.Errorf("%s: %d %s", name, got.status, got.raw)
			}
			return got
		}
		module("the connection", 200, get("/v2/api-status/"))
		module("the connection, otherwise", 200, get("/v2/company/settings/"))
		module("Create a New Plan", 201, post("/v2/plans/", `{"id":"gold","name":"Gold"}`))
		module("Update a Plan", 200, put("/v2/plans/gold/", `{"name":"Golden"}`))
		module("Get a Plan", 200, get("/v2/plans/gold/"))
		if got := module("List Plans", 200, get("/v2/plans/")); len(listOf(got)) != 1 {
			w.Error(got.raw)
		}
		made := module("Create a Subscription", 201, post("/v2/subscriptions/", good("m1")))
		module("Update a Subscription", 200, put("/v2/subscriptions/"+made.text("subscription_id")+"/", fmt.Sprintf(`{"plan_id":"gold","plan_interval":"month","value":2000,"effective_date":%d}`, date)))
		if got := module("List Subscriptions", 200, get("/v2/users/"+made.text("user_id")+"/")); len(listOf(got)) != 2 {
			w.Error(got.raw)
		}
		if got := module("Churn a Subscription", 200, remove(fmt.Sprintf("/v2/subscriptions/m1/?effective_date=%d&churn_type=voluntary", date+100), "")); got.text("status") != "churned_voluntary" {
			w.Error(got.raw)
		}
		module("Un-churn Subscription", 204, put("/v2/unchurn/m1/", ""))
		module("Update a User", 200, put("/v2/users/u-m1/", `{"email":"new@example.com"}`))
		if got := module("List Customers", 200, get("/v2/customers/?page=1&per_page=10")); len(listOf(got)) != 1 {
			w.Error(got.raw)
		}
		if got := module("Get a Customer", 200, get("/v2/customers/"+made.text("user_id")+"/")); got.text("status") != "active" || got.text("email") != "new@example.com" {
			w.Error(got.raw)
		}
		if got := module("Make an API Call", 200, get("/v2/customers")); len(listOf(got)) != 1 {
			w.Error(got.raw)
		}
		module("Delete a User", 204, remove("/v2/users/"+made.text("user_id")+"/", ""))
		module("Delete a User again", 404, remove("/v2/users/"+made.text("user_id")+"/", ""))
	})
}

func listOf(r reply) []any {
	list, _ := r.body.([]any)
	return list
}

// TestClients sends what published libraries were recorded to send, with their habits.
func TestClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", 0)
	date := unix(2026, 4, 1)
	for _, c := range []struct {
		what string
		want int
		q    sent
	}{
		{"Node: settings", 200, get("/v2/company/settings/")},
		{"Node: a subscription", 201, post("/v2/subscriptions/", fmt.Sprintf(`{"user_alias":"n","subscription_alias":"n","email":"n@example.com","plan_id":"p","plan_interval":"month","plan_currency":"eur","status":"active","value":900,"effective_date":%d}`, date))},
		{"Node: churn", 200, sent{"DELETE", fmt.Sprintf("/v2/subscriptions/n/?effective_date=%d&churn_type=delinquent", date+86400), "", ""}},
		{"Node: unchurn", 204, sent{"PUT", "/v2/unchurn/n/", "application/x-www-form-urlencoded", ""}},
		{"Node: no names", 200, get("/v2/metrics/monthly/?metrics=")},
		{"Node: exclude", 200, post("/v2/metrics/exclude_customer/n/", "{}")},
		{"PHP: numbers twice, once as text", 201, post("/v2/subscriptions/", fmt.Sprintf(`{"value":1500,"value":"1500","effective_date":"%d","email":"p@example.com","subscription_alias":"p","plan_id":"p","plan_interval":"month","plan_currency":"eur"}`, date))},
		{"PHP: a change repeats everything", 200, put("/v2/subscriptions/p/", fmt.Sprintf(`{"email":"p@example.com","user_alias":"x","subscription_alias":"p","plan_currency":"eur","plan_id":"p","plan_interval":"month","value":"1600","status":"active","effective_date":"%d"}`, date+86400))},
		{"Ruby: a body on GET", 200, sent{"GET", "/v2/plans/", formJSON, "{}"}},
		{"Ruby: churn without its query", 400, sent{"DELETE", "/v2/subscriptions/p/", formJSON, "{}"}},
		{"Ruby: delete with a body", 204, sent{"DELETE", "/v2/users/n/", formJSON, "{}"}},
		{".NET: a currency in capitals", 201, post("/v2/subscriptions/", fmt.Sprintf(`{"email":"d@example.com","plan_id":"p","plan_interval":"month","plan_currency":"TRY","status":"trialing","value":0,"effective_date":%d}`, date))},
		{".NET: plans", 200, get("/v2/metrics/plans/?limit=150")},
		{"a server without the slash", 404, remove(fmt.Sprintf("/v2/subscriptions/unknown?effective_date=%d", date), "")},
		{"a pipeline looks for a user", 404, get("/v2/users/someone/")},
		{"n8n: days with a body", 200, sent{"GET", "/v2/metrics/daily/?month=2026-05", "application/json", "{}"}},
	} {
		if got := w.ask(c.q); got.status != c.want {
			t.Errorf("%s: %d %s", c.what, got.status, got.raw)
		}
	}
}

// TestReadme keeps the table of the contract equal to the addresses that are answered.
func TestReadme(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", 0)
	for _, file := range []string{"README.md"} {
		text, err := os.ReadFile(file) //nolint:gosec // our own file
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, row := range regexp.MustCompile("(?m)^\\| `(GET|POST|PUT|DELETE) (/[^`]*)`").FindAllStringSubmatch(string(text), -1) {
			told = append(told, row[1]+" "+row[2])
		}
		real := w.door.Addresses()
		slices.Sort(told)
		slices.Sort(real)
		if !slices.Equal(told, real) {
			t.Errorf("%s tells of\n%s\nand the door answers\n%s", file, strings.Join(told, "\n"), strings.Join(real, "\n"))
		}
	}
}

// FuzzRequests says that whatever is sent is answered, in JSON, without a failure of ours.
func FuzzRequests(f *testing.F) {
	w := newWorld(f, "sqlite", 1<<20)
	w.must(201, post("/v2/subscriptions/", good("s1")))
	for _, q := range []sent{
		post("/v2/subscriptions/", good("f1")), post("/v2/subscriptions/", `{"value":1e400,"effective_date":[]}`), put("/v2/subscriptions/s1/", `{"value":{"a":1}}`),
		put("/v2/customer_traits/trait/", `{"email":"ada@example.com","category":"a","trait":"b"}`), get("/v2/customers/?start_date=99999999999&page=-1"), get("/v2/metrics/daily/?month=2026-99"),
		{"POST", "/v1/transactions/", "application/x-www-form-urlencoded", "plan_value=1.5&start_date=2026"}, remove("/v2/subscriptions/s1/?effective_date=999999999999999999999", ""),
		put("/v2/users/u-s1/", `{"email":"\u0000"}`), get("/v2/users/pwu_zzzzzzzzzzzz/"), get("/v2/metrics/monthly/?plan_id=%00"), get("/v2/customers/?email=%27%20or%201=1"),
	} {
		f.Add(q.method, q.path, q.body)
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost/", strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		if r.URL, err = r.URL.Parse(path); err != nil {
			t.Skip()
		}
		r.Header.Set("Authorization", w.token)
		r.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		w.door.ServeHTTP(recorder, r)
		if recorder.Code >= 500 || recorder.Code >= 300 && recorder.Code < 400 {
			t.Errorf("%s %q %q: %d %s", method, path, body, recorder.Code, recorder.Body)
		}
	})
}
