package profitwell_test

import (
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
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/compat/profitwell"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/seal"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is the instant at which every world stands.
var now = time.Date(2026, 5, 20, 10, 0, 0, 0, time.UTC)

// world is the door on a database of its own, with an account and its tokens.
type world struct {
	testing.TB
	db     *db.DB
	clock  *clock.Manual
	s      *commerce.Service
	r      *report.Reader
	door   *profitwell.Door
	acc    account.Account
	token  string
	public string
}

func onBoth(t *testing.T, body func(w *world)) {
	t.Helper()
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			body(newWorld(t, engine, 0))
		})
	}
}

func newWorld(t testing.TB, engine string, rate int) *world {
	t.Helper()
	w := &world{TB: t, db: dbtest.New(t, engine), clock: clock.NewManual(now)}
	log := slog.New(slog.DiscardHandler)
	bank := sandbox.New(dbtest.New(t, db.SQLite), w.clock, sandbox.Options{})
	w.s = commerce.New(w.db, w.clock, map[string]payment.Gateway{commerce.SandboxGateway: bank}, nil, log)
	keys, err := seal.Parse(seal.New())
	w.ok(err)
	w.s.UseKeys(keys)
	w.s.UseGateways(keys, nil)
	w.r = report.New(w.db, w.clock)
	w.door = profitwell.New(w.s, w.r, profitwell.Options{Clock: w.clock, Log: log, Rate: rate})
	return w.as("Acme", "Europe/Berlin")
}

// as is the same world for a new account.
func (w *world) as(name, zone string) *world {
	w.Helper()
	by := event.Actor{Kind: event.ByOperator, Name: "test"}
	made, err := w.s.CreateAccount(w.Context(), commerce.CreateAccount{Name: name, Email: "help@example.com", Mode: account.Sandbox, Currency: "EUR", Zone: zone, Actor: by})
	w.ok(err)
	other := *w
	other.acc = made.Account
	for dialect, token := range map[account.Dialect]*string{account.ProfitWell: &other.token, account.ProfitWellPublic: &other.public} {
		k, err := w.s.CreateDoorKey(w.Context(), commerce.CreateDoorKey{Call: commerce.Call{Account: made.Account.ID, Actor: by}, Dialect: dialect, Name: "numbers"})
		w.ok(err)
		*token = k.Key
	}
	return &other
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

// text is a member of the object that was answered.
func (r reply) text(name string) string {
	m, _ := r.body.(map[string]any)
	s, _ := m[name].(string)
	return s
}

// sent is one request as a client sends it.
type sent struct {
	method, path string
	contentType  string
	body         string
}

// ask sends a request with the world's token.
func (w *world) ask(q sent) reply {
	w.Helper()
	return w.with(w.token, q)
}

func (w *world) with(token string, q sent) reply {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), q.method, "http://localhost"+q.path, strings.NewReader(q.body))
	if q.contentType != "" {
		r.Header.Set("Content-Type", q.contentType)
	}
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	recorder := httptest.NewRecorder()
	w.door.ServeHTTP(recorder, r)
	out := reply{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.String()}
	if out.status == http.StatusNoContent {
		if out.raw != "" {
			w.Errorf("%s %s: 204 with %q", q.method, q.path, out.raw)
		}
		return out
	}
	d := json.NewDecoder(strings.NewReader(out.raw))
	d.UseNumber()
	if err := d.Decode(&out.body); err != nil && !strings.HasPrefix(out.header.Get("Content-Type"), "text/javascript") {
		w.Fatalf("%s %s: %d is not JSON: %q", q.method, q.path, out.status, out.raw)
	}
	return out
}

const formJSON = "application/json;charset=utf-8"

func get(path string) sent          { return sent{"GET", path, "", ""} }
func post(path, body string) sent   { return sent{"POST", path, formJSON, body} }
func put(path, body string) sent    { return sent{"PUT", path, formJSON, body} }
func remove(path, body string) sent { return sent{"DELETE", path, formJSON, body} }

// must is a request that is answered with a status.
func (w *world) must(status int, q sent) reply {
	w.Helper()
	got := w.ask(q)
	if got.status != status {
		w.Fatalf("%s %s %s: %d %s, want %d", q.method, q.path, q.body, got.status, got.raw, status)
	}
	return got
}

// unix is the seconds of a day.
func unix(year int, month time.Month, day int) int64 {
	return time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Unix()
}

// transcript writes down requests and answers, with ids counted in the order in which they
// come.
type transcript struct {
	w   *world
	b   strings.Builder
	ids map[string]string
}

func newTranscript(w *world) *transcript { return &transcript{w: w, ids: map[string]string{}} }

var random = regexp.MustCompile(`\b(pwu|pws|cus|acc|prc)_[0-9A-Za-z]{12,13}\b`)

func (t *transcript) same(s string) string {
	return random.ReplaceAllStringFunc(s, func(found string) string {
		if t.ids[found] == "" {
			t.ids[found] = fmt.Sprintf("%s_%d", found[:3], len(t.ids)+1)
		}
		return t.ids[found]
	})
}

func (t *transcript) send(what string, q sent) reply {
	t.w.Helper()
	got := t.w.ask(q)
	fmt.Fprintf(&t.b, "# %s\n%s %s\n", what, q.method, t.same(q.path))
	if q.body != "" {
		fmt.Fprintf(&t.b, "%s\n", t.same(q.body))
	}
	fmt.Fprintf(&t.b, "%d\n", got.status)
	for _, name := range []string{"Allow", "Retry-After", "Location"} {
		if v := got.header.Get(name); v != "" {
			fmt.Fprintf(&t.b, "%s: %s\n", name, v)
		}
	}
	fmt.Fprintf(&t.b, "%s\n\n", t.same(got.raw))
	return got
}

// golden compares what was written down with a file of testdata, or writes it with -update.
func (t *transcript) golden(name string) {
	t.w.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.w.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(t.b.String()), 0o600); err != nil {
			t.w.Fatal(err)
		}
	}
	want, err := os.ReadFile(path) //nolint:gosec // our own file
	if err != nil {
		t.w.Fatal(err)
	}
	if diff := cmp.Diff(string(want), t.b.String()); diff != "" {
		t.w.Errorf("%s (go test ./internal/compat/profitwell -update writes it anew) -want +got:\n%s", path, diff)
	}
}
