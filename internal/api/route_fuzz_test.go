package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"perennial/internal/db"
)

// Whatever method, address and body are sent, the answer has the shape of the API and
// is never a failure of ours. In seeds {kind} is an id of the account's own.
func FuzzRequest(f *testing.F) {
	w := newWorld(f, db.SQLite)
	all := w.everything(w.key, "x")
	w.spec().each(func(method, path string, op specOperation) {
		path = idOf(path, func(kind string) string { return "{" + kind + "}" })
		f.Add(method, path, bases[op.ID])
		f.Add(method, path+"?limit=2&cursor=Y3VzOg&customer={cus}&expand=customer", "")
	})
	var one sync.Mutex // a failure is then that of the request at hand
	f.Fuzz(func(t *testing.T, method, path, body string) {
		one.Lock()
		defer one.Unlock()
		for kind, v := range all {
			path, body = strings.ReplaceAll(path, "{"+kind+"}", v), strings.ReplaceAll(body, "{"+kind+"}", v)
		}
		u, err := url.Parse(path)
		if err != nil || !strings.HasPrefix(u.Path, "/") || method == "" || strings.ContainsFunc(method, func(c rune) bool { return c < 'A' || c > 'Z' }) {
			t.Skip("no server hands it on")
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL, r.RequestURI = method, u, path
		r.Header.Set("Authorization", "Bearer "+w.key)
		r.Header.Set("Content-Type", "application/json")
		got := httptest.NewRecorder()
		w.h.ServeHTTP(got, r)
		kind := got.Header().Get("Content-Type")
		switch {
		case got.Code >= http.StatusInternalServerError:
			t.Errorf("%s %q %q: %d %s", method, path, body, got.Code, got.Body)
		case got.Code >= http.StatusBadRequest && kind != "application/problem+json":
			t.Errorf("%s %q %q: %d as %q", method, path, body, got.Code, kind)
		case strings.HasSuffix(kind, "json") && !json.Valid(got.Body.Bytes()):
			t.Errorf("%s %q %q: no JSON: %s", method, path, body, got.Body)
		}
	})
}
