package paywhirl_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"perennial/internal/account"
	"perennial/internal/alias"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/compat/paywhirl"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/seal"
)

var update = flag.Bool("update", false, "write the golden files anew")

// start is the day on which every world begins.
var start = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

// safeBuffer is a log that may be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// world is the door on a database of its own, with a sandbox account and its credentials.
type world struct {
	testing.TB
	db     *db.DB
	clock  *clock.Manual
	log    *safeBuffer
	s      *commerce.Service
	r      *report.Reader
	h      http.Handler
	acc    account.Account
	door   id.DoorKey
	key    string
	secret string
}

// onBoth runs body in a new world on each engine.
func onBoth(t *testing.T, body func(w *world)) {
	t.Helper()
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			body(newWorld(t, engine))
		})
	}
}

func newWorld(t testing.TB, engine string) *world {
	t.Helper()
	w := &world{TB: t, db: dbtest.New(t, engine), clock: clock.NewManual(start), log: &safeBuffer{}}
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	bank := sandbox.New(dbtest.New(t, db.SQLite), w.clock, sandbox.Options{})
	w.s = commerce.New(w.db, w.clock, map[string]payment.Gateway{commerce.SandboxGateway: bank}, nil, log)
	keys, err := seal.Parse(seal.New())
	w.ok(err)
	w.s.UseKeys(keys)
	w.s.UseGateways(keys, nil)
	w.r = report.New(w.db, w.clock)
	w.h = paywhirl.New(w.s, w.r, paywhirl.Options{Clock: w.clock, Log: log, TokenFor: sandbox.TokenForNumber})
	return w.as("Acme", account.Sandbox)
}

// as is the same world for a new account.
func (w *world) as(name string, mode account.Mode) *world {
	w.Helper()
	by := event.Actor{Kind: event.ByOperator, Name: "test"}
	made, err := w.s.CreateAccount(w.Context(), commerce.CreateAccount{Name: name, Email: "help@example.com", Mode: mode, Actor: by})
	w.ok(err)
	k, err := w.s.CreateDoorKey(w.Context(), commerce.CreateDoorKey{Call: commerce.Call{Account: made.Account.ID, Actor: by}, Dialect: account.PayWhirl, Name: "old shop"})
	w.ok(err)
	other := *w
	other.acc, other.door, other.key, other.secret = made.Account, k.DoorKey.ID, k.Key, k.Secret
	return &other
}

// call is how the test itself tells stories.
func (w *world) call() commerce.Call {
	return commerce.Call{Account: w.acc.ID, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// reply is an answer with its body decoded.
type reply struct {
	status int
	header http.Header
	raw    string
	body   any
}

// field is a member of an object that was answered, at a path such as "plan.id".
func (r reply) field(path string) any {
	v := r.body
	for step := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[step]
	}
	return v
}

// id is the number of the object that was answered.
func (r reply) id() int64 {
	n, _ := r.field("id").(json.Number)
	v, _ := n.Int64()
	return v
}

// rows are the elements of a list that was answered.
func (r reply) rows() []map[string]any {
	list, _ := r.body.([]any)
	var out []map[string]any
	for _, v := range list {
		m, _ := v.(map[string]any)
		out = append(out, m)
	}
	return out
}

// request is one request as a client sends it, with the world's credentials.
func (w *world) request(c client, method, path string, g ...pair) *http.Request {
	w.Helper()
	query, contentType, body := c.encode(method, g)
	target := c.path(path)
	if query == "/" {
		target, query = strings.TrimSuffix(target, "/")+"/", ""
	}
	r := httptest.NewRequestWithContext(w.Context(), method, "/", strings.NewReader(body))
	r.URL.Path, r.URL.RawQuery = target, strings.TrimPrefix(query, "?")
	r.URL.ForceQuery = query == "?"
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header[c.key] = []string{w.key} // as the client spells it, also where Go would not
	r.Header[strings.Replace(strings.Replace(c.key, "key", "secret", 1), "Key", "Secret", 1)] = []string{w.secret}
	return r
}

// do sends a request.
func (w *world) do(r *http.Request) reply {
	w.Helper()
	recorder := httptest.NewRecorder()
	w.h.ServeHTTP(recorder, r)
	out := reply{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.String()}
	d := json.NewDecoder(strings.NewReader(out.raw))
	d.UseNumber()
	if err := d.Decode(&out.body); err != nil {
		w.Fatalf("%s %s: the answer is not JSON: %q", r.Method, r.URL, out.raw)
	}
	if got := out.header.Get("Content-Type"); got != "application/json" {
		w.Errorf("%s %s: the answer is %q", r.Method, r.URL, got)
	}
	return out
}

// send is a request that must be answered with 200.
func (w *world) send(c client, method, path string, g ...pair) reply {
	w.Helper()
	got := w.do(w.request(c, method, path, g...))
	if got.status != http.StatusOK {
		w.Fatalf("%s %s by %s: %d %s", method, path, c.name, got.status, got.raw)
	}
	return got
}

// transcript writes down requests and answers, byte for byte but for what is random.
type transcript struct {
	w *world
	b strings.Builder
}

// What differs from run to run is replaced in golden files.
var random = regexp.MustCompile(`("token":"|"api_key":"|"gateway_reference":"|"refund_reference":")[^"]+`)

// send sends a request and writes both down.
func (t *transcript) send(what string, c client, method, path string, g ...pair) reply {
	t.w.Helper()
	r := t.w.request(c, method, path, g...)
	_, contentType, body := c.encode(method, g)
	fmt.Fprintf(&t.b, "# %s (%s)\n%s %s\n", what, c.name, method, r.URL.RequestURI())
	if contentType != "" {
		fmt.Fprintf(&t.b, "Content-Type: %s\n", contentType)
	}
	if body != "" {
		fmt.Fprintf(&t.b, "\n%s\n", body)
	}
	got := t.w.do(r)
	fmt.Fprintf(&t.b, "\n%d\n", got.status)
	for _, name := range []string{"Allow", "Retry-After", "Idempotency-Replayed"} {
		if v := got.header.Get(name); v != "" {
			fmt.Fprintf(&t.b, "%s: %s\n", name, v)
		}
	}
	fmt.Fprintf(&t.b, "%s\n\n", random.ReplaceAllString(got.raw, "${1}…"))
	return got
}

// golden compares what was written down with a file of testdata, or writes it with -update.
func (t *transcript) golden(name string) {
	t.w.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(t.b.String()), 0o600); err != nil {
			t.w.Fatal(err)
		}
	}
	want, err := os.ReadFile(path) //nolint:gosec // our own file
	if err != nil {
		t.w.Fatal(err)
	}
	if diff := cmp.Diff(string(want), t.b.String()); diff != "" {
		t.w.Errorf("%s (go test ./internal/compat/paywhirl -update writes it anew) -want +got:\n%s", path, diff)
	}
}

// space is the numbers of a kind of the account's things.
func (w *world) space(kind string) alias.Space {
	return alias.Space{Account: w.acc.ID, Dialect: string(account.PayWhirl), Kind: kind}
}
