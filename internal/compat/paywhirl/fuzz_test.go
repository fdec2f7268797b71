package paywhirl_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"perennial/internal/db"
)

// Whatever is sent, with right credentials, is answered with JSON, by no redirect, and never
// breaks the program; no number of a card comes back.
func FuzzRequest(f *testing.F) {
	seeds := []struct{ method, path, query, contentType, body string }{
		{"GET", "/customers", "limit=1&before_id=&keyword=ada", "", ""},
		{"GET", "//customer//1//", "", "application/json", `{"all": 1, "nested": {"a": [1, {"b": null}]}}`},
		{"GET", "/invoices/1", "all", "", ""},
		{"POST", "/invoices/", "", formType, "customer_id=1&items[0][description]=a&items[0][amount]=1&items[][b]=2&items[0][0][0]=3"},
		{"POST", "/invoices", "", formType + ";charset=UTF-8", "items%5B%5D%5Bamount%5D=1&items[&items]=2&[=3&=4&a[b[c]]=5"},
		{"POST", "/create/charge", "customer_id=1&amount=1", "application/json", `{"amount": 1e400, "customer_id": "1"}`},
		{"POST", "/create/charge", "", "application/json", `{"customer_id":1,"amount":"0.01","currency":"USD","description":"\u0000"}`},
		{"POST", "/create/plan", "", "application/json", `{"name":"X","billing_amount":"-0","billing_interval":1,"billing_frequency":"month","currency":"JPY"}`},
		{"POST", "/create/customer", "", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\na@example.com\r\n--x--\r\n"},
		{"POST", "/create/card", "", "text/plain", "number=4242424242424242"},
		{"POST", "/update/answer", "", formType, "customer_id=1&question_name=size&answer=%ff%fe"},
		{"POST", "/api/subscriber/create", "", formType, `email=b@example.com&profile={"size":1}`},
		{"PATCH", "/customer/address/1", "", "application/json", `[]`},
		{"DELETE", "/customer/address/1", "", "application/json", `{}`},
		{"POST", "/invoice/2/items", "", "application/json", `{"1": 4, "1": 5, "-1": 9223372036854775808}`},
		{"POST", "/subscribe/customer", "", "application/json", `{"customer_id":1,"plan_id":1,"trial_end":99999999999999}`},
		{"GET", "/%2e%2e/test", "%zz=1&;", "", ""},
	}
	for _, s := range seeds {
		f.Add(s.method, s.path, s.query, s.contentType, s.body)
	}
	w := newWorld(f, db.SQLite)
	w.send(php, "POST", "/create/customer", person("ada")...)
	w.send(php, "POST", "/create/plan", monthly("Tea")...)
	f.Fuzz(func(t *testing.T, method, path, query, contentType, body string) {
		if len(body) > 4096 || len(query) > 4096 || len(path) > 200 {
			return
		}
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		w.clock.Add(time.Second) // so that nobody asks too often
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		r.Header["Content-Type"] = []string{contentType}
		r.Header["api-key"], r.Header["api-secret"] = []string{w.key}, []string{w.secret}
		recorder := httptest.NewRecorder()
		w.h.ServeHTTP(recorder, r)
		got := recorder.Result()
		text := recorder.Body.String()
		if got.StatusCode >= 500 || got.StatusCode >= 300 && got.StatusCode < 400 || got.StatusCode < 200 {
			t.Errorf("%d %s", got.StatusCode, text)
		}
		if got.Header.Get("Content-Type") != "application/json" || text == "" || text[0] != '{' && text[0] != '[' {
			t.Errorf("no JSON: %q", text)
		}
		if got.StatusCode >= 400 && !strings.HasPrefix(text, `{"error":"`) {
			t.Errorf("a refusal: %s", text)
		}
		if strings.Contains(text, good) {
			t.Errorf("a card's number is told: %s", text)
		}
	})
}

// Credentials are taken from the headers that mean them, in any spelling, and from no other;
// what is not exactly right lets nobody in.
func FuzzHeaders(f *testing.F) {
	for _, name := range []string{"api-key", "api_key", "Api-Key", "API_KEY", "x-api-key", "api--key", "apikey", "", "authorization", "api-key\x00"} {
		f.Add(name, "", "pwpk_", "api-secret")
		f.Add(name, "api_key", "pwpk_", "api_secret")
	}
	w := newWorld(f, db.SQLite)
	means := func(name, wanted string) bool { return strings.EqualFold(strings.ReplaceAll(name, "_", "-"), wanted) }
	f.Fuzz(func(t *testing.T, name, more, value, secretName string) {
		w.clock.Add(time.Second) // so that nobody asks too often
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/test", nil)
		r.Header[secretName] = []string{w.secret}
		r.Header[name] = []string{w.key}
		if more != "" {
			r.Header[more] = []string{value}
		}
		keys, secrets := map[string]bool{}, map[string]bool{}
		for k, list := range r.Header {
			if means(k, "api-key") {
				keys[list[0]] = true
			}
			if means(k, "api-secret") {
				secrets[list[0]] = true
			}
		}
		delete(keys, "")
		delete(secrets, "")
		want := http.StatusUnauthorized
		if len(keys) == 1 && keys[w.key] && len(secrets) == 1 && secrets[w.secret] {
			want = http.StatusOK
		}
		recorder := httptest.NewRecorder()
		w.h.ServeHTTP(recorder, r)
		if recorder.Code != want {
			t.Errorf("%q, %q=%q, %q: %d, want %d", name, more, value, secretName, recorder.Code, want)
		}
	})
}
