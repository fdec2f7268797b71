package paywhirl_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/db"
)

func TestAccount(t *testing.T) {
	onBoth(t, func(w *world) {
		tr := &transcript{w: w}
		for _, c := range append([]client{paywhirljs, rwreynolds}, official...) {
			tr.send("credentials are right", c, "GET", "/test")
			tr.send("who we are", c, "GET", "/account")
		}
		tr.golden("account.txt")
	})
}

// TestCredentials proves that only the headers count, in every spelling of them.
func TestCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	other := w.as("Other", account.Sandbox)
	for _, c := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"dashes", []string{"api-key", w.key, "api-secret", w.secret}, 200},
		{"underscores", []string{"api_key", w.key, "api_secret", w.secret}, 200},
		{"capitals", []string{"API_KEY", w.key, "Api-Secret", w.secret}, 200},
		{"both spellings", []string{"api_key", w.key, "api-key", w.key, "api_secret", w.secret}, 200},
		{"spellings that contradict", []string{"api_key", w.key, "api-key", other.key, "api_secret", w.secret}, 401},
		{"no secret", []string{"api-key", w.key}, 401},
		{"no key", []string{"api-secret", w.secret}, 401},
		{"the other's secret", []string{"api-key", w.key, "api-secret", other.secret}, 401},
		{"exchanged", []string{"api-key", w.secret, "api-secret", w.key}, 401},
		{"none", nil, 401},
		{"a bearer", []string{"Authorization", "Bearer " + w.key}, 401},
	} {
		r := httptest.NewRequest("GET", "/test?api_key="+w.key+"&api_secret="+w.secret, nil)
		for i := 0; i < len(c.headers); i += 2 {
			r.Header[c.headers[i]] = []string{c.headers[i+1]}
		}
		if got := w.do(r); got.status != c.want || strings.Contains(got.raw, w.key) {
			t.Errorf("%s: %d %s, want %d", c.name, got.status, got.raw, c.want)
		}
	}
	w.ok(w.s.RevokeDoorKey(t.Context(), commerce.RevokeDoorKey{Call: w.call(), DoorKey: w.door}))
	if got := w.do(w.request(php, "GET", "/test")); got.status != 401 {
		t.Errorf("revoked credentials: %d", got.status)
	}
}

// TestPaths proves that an address is what it says, however it is spelt, and that nothing is
// ever redirected.
func TestPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	for path, want := range map[string]int{
		"/test": 200, "/test/": 200, "//test": 200, "//test///": 200, "/%74est": 200,
		"/": 404, "": 404, "/tests": 404, "/Test": 404, "/test/x": 404, "/./test": 404, "/x/../test": 404, "/te%2Fst": 404, "/customer//": 404,
	} {
		r := w.request(php, "GET", "/test")
		parsed, err := url.Parse("http://x" + path)
		w.ok(err)
		r.URL.Path, r.URL.RawPath = parsed.Path, parsed.RawPath
		if got := w.do(r); got.status != want {
			t.Errorf("%q: %d %s, want %d", path, got.status, got.raw, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		got := w.do(w.request(php, method, "/test"))
		if got.status != 405 || got.header.Get("Allow") != "GET" {
			t.Errorf("%s: %d, allowed are %q", method, got.status, got.header.Get("Allow"))
		}
	}
}

// TestBadBodies proves that what cannot be read is refused in JSON.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	for _, c := range []struct {
		contentType, body string
		want              int
	}{
		{"application/json", `{"a":`, 400},
		{"application/json", `5`, 400},
		{"application/json", `{}`, 200},
		{"application/json", ``, 200},
		{formType, "a=%zz", 400},
		{formType, "a[b=1", 400},
		{formType, "a=\xff", 400},
		{"text/plain", "a=1", 400},
		{formType, "a=" + strings.Repeat("x", 1<<20), 413},
	} {
		r := w.request(php, "GET", "/test")
		r.Header.Set("Content-Type", c.contentType)
		r.Body = http.NoBody
		if c.body != "" {
			r.Body = httptest.NewRequest("POST", "/", strings.NewReader(c.body)).Body
		}
		if got := w.do(r); got.status != c.want || got.status != 200 && got.field("error") == nil {
			t.Errorf("%s %.20q: %d %s, want %d", c.contentType, c.body, got.status, got.raw, c.want)
		}
	}
}

// TestLimits proves that a key that asks without end is told to wait, and another is not.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	first := w.do(w.request(php, "GET", "/test"))
	if first.header.Get("X-RateLimit-Limit") != "1000" || first.header.Get("X-RateLimit-Remaining") != "999" {
		t.Errorf("the limits are told as %v", first.header)
	}
	for range 999 {
		w.send(php, "GET", "/test")
	}
	if got := w.do(w.request(php, "GET", "/test")); got.status != 429 || got.header.Get("Retry-After") != "1" {
		t.Errorf("the request after the limit: %d %v", got.status, got.header)
	}
	w.as("Other", account.Sandbox).send(php, "GET", "/test")
	w.clock.Add(time.Second)
	w.send(php, "GET", "/test")
}
