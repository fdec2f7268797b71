package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
)

// TestCompat proves that a door for clients of another system sees their addresses as they
// ask for them: under its prefix, under its host and on its own listener.
func TestCompat(t *testing.T) {
	t.Parallel()
	own, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/panic") {
			panic("secret of the inside")
		}
		fmt.Fprint(w, "door of ", r.URL.EscapedPath())
	})
	r := start(t, dbtest.New(t, db.SQLite), Doors{API: http.NotFoundHandler()}, func(s *Server) {
		s.o.Compat = []Compat{{Door: door, Prefix: "/foreign", Host: "api.shop.example", Listener: own}}
	})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, base, path, host string) (int, string, http.Header) {
		req, err := http.NewRequestWithContext(t.Context(), method, base, nil)
		if err != nil {
			t.Fatal(err)
		}
		if req.URL.Path, err = url.PathUnescape(path); err != nil {
			t.Fatal(err)
		}
		req.URL.RawPath = path // as it is, without cleaning
		if host != "" {
			req.Host = host
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b), res.Header
	}
	for _, c := range []struct {
		base, path, host, want string
	}{
		{r.url, "/foreign/x", "", "door of /x"},
		{r.url, "/foreign//x/", "", "door of //x/"},
		{r.url, "/foreign/a%2Fb", "", "door of /a%2Fb"},
		{r.url, "/foreign", "", "door of "},
		{r.url, "//x/", "api.shop.example", "door of //x/"},
		{r.url, "/v1/x", "API.shop.example:8080", "door of /v1/x"},
		{"http://" + own.Addr().String(), "/healthz", "", "door of /healthz"},
		{"http://" + own.Addr().String(), "/foreign/x", "", "door of /foreign/x"},
	} {
		for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
			if status, body, h := ask(method, c.base, c.path, c.host); status != 200 || body != c.want || h.Get("X-Request-Id") == "" {
				t.Errorf("%s %s of %s: %d %q, want %q", method, c.path, c.host, status, body, c.want)
			}
		}
	}
	if status, body, _ := ask("GET", r.url, "/foreigner", ""); status != 404 || strings.Contains(body, "door") {
		t.Errorf("a path that only begins alike: %d %s", status, body)
	}
	if status, body, _ := ask("GET", r.url, "/foreign/panic", ""); status != 500 || strings.Contains(body, "secret") {
		t.Errorf("a door that breaks: %d %s", status, body)
	}
}
