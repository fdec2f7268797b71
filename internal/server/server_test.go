package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
)

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// running is a server under test.
type running struct {
	*Server
	url, address string
	log          *buffer
	stop         func() error // tells it to stop and waits for the end
}

func start(t *testing.T, d *db.DB, doors Doors, change func(*Server)) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{address: l.Addr().String(), url: "http://" + l.Addr().String(), log: &buffer{}}
	r.Server = New(Options{Public: l, Doors: doors, DB: d, Clock: clock.System{}, Log: NewLog(r.log)})
	if change != nil {
		change(r.Server)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	for {
		res, err := http.Get(r.url + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return r
		}
	}
}

func get(t *testing.T, address string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header
}

func TestPanicTellsNothingOfTheInside(t *testing.T) {
	t.Parallel()
	r := start(t, dbtest.New(t, db.SQLite), Doors{API: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Inside", "yes")
		panic("the inside is broken")
	})}, nil)
	status, body, h := get(t, r.url+"/v1/customers")
	if status != 500 || strings.Contains(body, "inside") || h.Get("X-Inside") != "" || !strings.Contains(h.Get("Content-Type"), "problem+json") {
		t.Errorf("%d %s %v", status, body, h)
	}
	name := h.Get("X-Request-Id")
	if name == "" || !strings.Contains(body, name) {
		t.Errorf("the answer %s does not name the request %q", body, name)
	}
	if status, body, _ := get(t, r.url+"/v1/customers", "Accept", "text/html"); status != 500 || strings.Contains(body, "{") {
		t.Errorf("%d %s", status, body)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	log := r.log.String()
	if !strings.Contains(log, `"request":"`+name+`"`) || !strings.Contains(log, "the inside is broken") || !strings.Contains(log, "server_test.go") {
		t.Errorf("the log does not tell the defect: %s", log)
	}
	if n := strings.Count(log, `"msg":"request"`); n != 3 {
		t.Errorf("%d lines for 3 requests: %s", n, log)
	}
}

func TestBoundsAndRefusals(t *testing.T) {
	t.Parallel()
	r := start(t, dbtest.New(t, db.SQLite), Doors{
		API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			}
			fmt.Fprint(w, n)
		}),
		Dashboard: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "signed in") }),
	}, nil)
	post := func(path string, body io.Reader, headers ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, r.url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	zeros := bytes.Repeat([]byte("0"), MaxBody+1)
	for _, c := range []struct {
		name string
		res  *http.Response
		want int
	}{
		{"as large as may be", post("/v1/x", bytes.NewReader(zeros[:MaxBody])), 200},
		{"too large", post("/v1/x", bytes.NewReader(zeros)), 413},
		{"too large, of unknown length", post("/v1/x", io.MultiReader(bytes.NewReader(zeros))), 413},
		{"compressed", post("/v1/x", strings.NewReader("x"), "Content-Encoding", "gzip"), 415},
		{"a long path", post("/v1/"+strings.Repeat("x", maxPath), nil), 414},
		{"nothing there", post("/.git/config", nil), 404},
		{"a form of ours", post("/login", nil, "Sec-Fetch-Site", "same-origin"), 200},
		{"a form of another site", post("/login", nil, "Sec-Fetch-Site", "cross-site"), 403},
		{"a wrong method", post("/healthz", nil), 405},
	} {
		if c.res.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.name, c.res.StatusCode, c.want)
		}
		if c.res.Header.Get("X-Content-Type-Options") != "nosniff" || c.res.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: without the headers that protect: %v", c.name, c.res.Header)
		}
	}
	if res := post("/v1/x", io.MultiReader(strings.NewReader("1"))); !res.Close {
		t.Error("a connection goes on after a chunked request")
	}
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/metrics", "/.env", "/assets/"} {
		if status, _, _ := get(t, r.url+path); status != 404 {
			t.Errorf("%s answers %d", path, status)
		}
	}
	if status, body, h := get(t, r.url+"/v1/x", "Host", "evil.example"); status != 200 || strings.Contains(body+fmt.Sprint(h), "evil") {
		t.Errorf("the host is told again: %s %v", body, h)
	}
}

func TestStalledClientsAreCut(t *testing.T) {
	t.Parallel()
	r := start(t, dbtest.New(t, db.SQLite), Doors{API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	})}, func(s *Server) {
		short := 100 * time.Millisecond
		s.patience = patience{header: short, read: short, write: time.Second, idle: short}
	})
	for name, said := range map[string]string{
		"says nothing":           "",
		"stops in the headers":   "GET /v1/x HTTP/1.1\r\nHost: x\r\n",
		"stops in the body":      "POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
		"stays after the answer": "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 50 {
				c, err := net.Dial("tcp", r.address)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				if _, err := io.WriteString(c, said); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
						t.Errorf("not cut: %v", err) // a connection that stays open hangs here
					}
				})
			}
			if status, _, _ := get(t, r.url+"/healthz"); status != 200 {
				t.Errorf("others are answered %d", status)
			}
		})
	}
}

func TestHealthFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t, db.PostgreSQL)
	r := start(t, d, Doors{}, nil)
	if status, body, _ := get(t, r.url+"/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("%d %q", status, body)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := get(t, r.url+"/healthz"); status != 503 || strings.Contains(body, "sql") {
		t.Errorf("%d %q", status, body)
	}
}

// What was begun is finished, and what comes later is told to come again.
func TestStopping(t *testing.T) {
	t.Parallel()
	begun, finish := make(chan struct{}), make(chan struct{})
	r := start(t, dbtest.New(t, db.SQLite), Doors{API: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		fmt.Fprint(w, "done")
	})}, nil)
	answered := make(chan string, 1)
	go func() {
		res, err := http.Get(r.url + "/v1/long")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answered <- fmt.Sprint(res.StatusCode, " ", string(body))
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	for r.ready.Load() {
		select {
		case err := <-stopped:
			t.Fatalf("it ended under a request: %v", err)
		default:
		}
	}
	late := httptest.NewRecorder()
	r.Handler().ServeHTTP(late, httptest.NewRequest(http.MethodGet, "/v1/late", nil))
	if late.Code != 503 || late.Header().Get("Retry-After") == "" {
		t.Errorf("a late request is answered %d", late.Code)
	}
	health := httptest.NewRecorder()
	r.Handler().ServeHTTP(health, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	if health.Code != 503 {
		t.Errorf("health is %d while stopping", health.Code)
	}
	close(finish)
	if got := <-answered; got != "200 done" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
