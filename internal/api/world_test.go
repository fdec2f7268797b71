package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
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
	"perennial/internal/api"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/compat/paykickstart"
	"perennial/internal/compat/paywhirl"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/document"
	"perennial/internal/event"
	"perennial/internal/gateway/manual"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/seal"
	"perennial/internal/webhook"
)

var update = flag.Bool("update", false, "write the golden files anew")

// start is the day on which every world begins.
var start = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

// world is the API on a database of its own, with a sandbox account.
type world struct {
	testing.TB
	db       *db.DB
	bankDB   *db.DB
	faults   *db.Faults // of our database
	bankless *db.Faults // of the gateway
	clock    *clock.Manual
	log      *safeBuffer
	s        *commerce.Service
	h        *api.API
	acc      account.Account
	key      string
	seals    *seal.Keys
}

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
	w := &world{TB: t, faults: &db.Faults{}, bankless: &db.Faults{}, clock: clock.NewManual(start), log: &safeBuffer{}}
	w.db = dbtest.New(t, engine, dbtest.Faults(w.faults))
	w.bankDB = dbtest.New(t, db.SQLite)
	w.build()
	w.acc, w.key = w.newAccount("Acme", account.Sandbox)
	return w
}

// build puts the program together on the world's databases, as a start does.
func (w *world) build() {
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	bank := sandbox.New(w.bankDB, w.clock, sandbox.Options{Faults: w.bankless})
	w.s = commerce.New(w.db, w.clock, map[string]payment.Gateway{commerce.SandboxGateway: bank}, w.faults, log)
	if w.seals == nil {
		var err error
		w.seals, err = seal.Parse(seal.New())
		w.ok(err)
	}
	keys := w.seals
	w.s.UseGateways(keys, map[string]commerce.Opener{
		"sandbox": func(_ payment.GatewaySettings, secrets payment.GatewaySecrets) (payment.Gateway, error) {
			return sandbox.New(w.bankDB, w.clock, sandbox.Options{Secret: strings.Join(secrets.WebhookSecrets, " ")}), nil
		},
		"manual": func(payment.GatewaySettings, payment.GatewaySecrets) (payment.Gateway, error) {
			return manual.Gateway{}, nil
		},
	})
	w.s.UseDialects(append(paywhirl.Webhooks(w.s, report.New(w.db, w.clock), paywhirl.Options{Clock: w.clock, Log: log}),
		paykickstart.Webhooks(w.s, report.New(w.db, w.clock), paykickstart.Options{Clock: w.clock, Log: log}, nil)...)...)
	w.h = api.New(w.s, report.New(w.db, w.clock), api.Options{Version: "test", Clock: w.clock, Log: log,
		PDF: func(out io.Writer, v report.InvoiceView) error {
			paper, err := document.Of(v)
			if err != nil {
				return err
			}
			return paper.WritePDF(out)
		},
		CreditNotePDF: func(out io.Writer, v report.CreditNoteView) error {
			paper, err := document.OfCreditNote(v)
			if err != nil {
				return err
			}
			return paper.WritePDF(out)
		},
		NewSecret: func(acc id.Account) (string, string) {
			secret := webhook.NewSecret()
			return secret, webhook.SealSecret(keys, acc, secret)
		},
		SealSecret: func(acc id.Account, secret string) string { return webhook.SealSecret(keys, acc, secret) },
		SealHeaders: func(acc id.Account, headers map[string]string) ([]outbox.Header, error) {
			return webhook.SealHeaders(keys, acc, headers)
		},
		EventBody:    webhook.Body,
		CheckAddress: func(address string) error { return webhook.CheckAddress(address, nil) },
	})
}

// restart is the same databases under a new process.
func (w *world) restart() {
	w.Helper()
	w.db = dbtest.Again(w, w.db, dbtest.Faults(w.faults))
	w.build()
}

func (w *world) newAccount(name string, mode account.Mode) (account.Account, string) {
	w.Helper()
	made, err := w.s.CreateAccount(w.Context(), commerce.CreateAccount{Name: name, Email: "help@example.com", Mode: mode,
		Actor: event.Actor{Kind: event.ByOperator, Name: "test"}})
	w.ok(err)
	return made.Account, made.Secret
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
	body   map[string]any
}

// request is one request, whose answer must be as described; as changes it before
// it is sent.
func (w *world) request(key, method, path, body string, as ...func(*http.Request)) reply {
	w.Helper()
	got := w.send(key, method, path, body, as...)
	w.described(method, path, got)
	return got
}

// send is one request.
func (w *world) send(key, method, path, body string, as ...func(*http.Request)) reply {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, change := range as {
		change(r)
	}
	recorder := httptest.NewRecorder()
	w.h.ServeHTTP(recorder, r)
	out := reply{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.String()}
	_ = json.Unmarshal(recorder.Body.Bytes(), &out.body) // a PDF is no JSON
	return out
}

// call is a request that must be answered with a status.
func (w *world) call(status int, method, path, body string, as ...func(*http.Request)) reply {
	w.Helper()
	return w.callAs(w.key, status, method, path, body, as...)
}

func (w *world) callAs(key string, status int, method, path, body string, as ...func(*http.Request)) reply {
	w.Helper()
	got := w.request(key, method, path, body, as...)
	if got.status != status {
		w.Fatalf("%s %s %s: %d, want %d: %s", method, path, body, got.status, status, got.raw)
	}
	return got
}

func withKey(key string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Idempotency-Key", key) }
}

func (r reply) text(name string) string {
	s, _ := r.body[name].(string)
	return s
}

// data is a list's rows.
func (r reply) data() []map[string]any {
	var out []map[string]any
	list, _ := r.body["data"].([]any)
	for _, v := range list {
		row, _ := v.(map[string]any)
		out = append(out, row)
	}
	return out
}

// shop is what most tests sell with: a product, prices and a customer with a card.
type shop struct{ product, monthly, once, customer, card string }

func (w *world) shop(key, prefix string) shop {
	w.Helper()
	var s shop
	s.product = w.callAs(key, 201, "POST", "/v1/products", `{"name":"`+prefix+`Tea","description":"`+prefix+`leaves"}`).text("id")
	s.monthly = w.callAs(key, 201, "POST", "/v1/prices", `{"product":"`+s.product+`","name":"`+prefix+`Monthly","amount":1999,"currency":"USD","interval":"month"}`).text("id")
	s.once = w.callAs(key, 201, "POST", "/v1/prices", `{"product":"`+s.product+`","name":"`+prefix+`Once","amount":500,"currency":"USD"}`).text("id")
	s.customer = w.callAs(key, 201, "POST", "/v1/customers", `{"email":"`+strings.ToLower(prefix)+`ada@example.com","name":"`+prefix+`Ada","metadata":{"note":"`+prefix+`note"}}`).text("id")
	s.card = w.callAs(key, 201, "POST", "/v1/customers/"+s.customer+"/payment-methods", `{"token":"tok_visa"}`).text("id")
	return s
}

// What differs from run to run is replaced in golden files.
var (
	ids     = regexp.MustCompile(`(?:\b|_)(acc|key|cam|prd|prc|cus|pm|pay|ref|sub|inv|ord|evt|dlv|rpl|end|ent|mtr|cpn|txp|txr|shp|chg|crn|itm|sup|rpo|rec|lnk|gw|gwn|dsp|adr|que|dky|wdg|fct|mus|msu|mpl)_[0-7][0-9a-hjkmnp-tv-z]{12}\b`)
	secrets = regexp.MustCompile(`(perennial_(?:test|live)_|pwp(?:k|sk)_|whsec_|/c/|/pay/|"next_cursor": ")[0-9A-Za-z+/=_-]+`)
)

// transcript writes down requests and answers as people read them.
type transcript struct {
	w     *world
	b     strings.Builder
	names map[string]string
	count map[string]int
}

func newTranscript(w *world) *transcript {
	return &transcript{w: w, names: map[string]string{}, count: map[string]int{}}
}

func (t *transcript) plain(s string) string {
	s = secrets.ReplaceAllString(s, "$1…")
	return ids.ReplaceAllStringFunc(s, func(v string) string {
		v, inside := strings.CutPrefix(v, "_") // a part of a gateway's own reference
		name, known := t.names[v]
		if !known {
			kind, _, _ := strings.Cut(v, "_")
			t.count[kind]++
			name = fmt.Sprintf("%s_%d", kind, t.count[kind])
			t.names[v] = name
		}
		if inside {
			name = "_" + name
		}
		return name
	})
}

// send sends a request and writes both down.
func (t *transcript) send(what, method, path, body string, as ...func(*http.Request)) reply {
	t.w.Helper()
	got := t.w.request(t.w.key, method, path, body, as...)
	fmt.Fprintf(&t.b, "# %s\n%s %s\n", what, method, t.plain(path))
	if body != "" {
		fmt.Fprintln(&t.b, t.plain(body))
	}
	fmt.Fprintf(&t.b, "\n%d %s\n", got.status, got.header.Get("Content-Type"))
	for _, name := range []string{"Retry-After", "Idempotency-Replayed", "Www-Authenticate", "Allow"} {
		if v := got.header.Get(name); v != "" {
			fmt.Fprintf(&t.b, "%s: %s\n", name, v)
		}
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(got.raw), "", "  "); err == nil {
		fmt.Fprintln(&t.b, t.plain(strings.TrimSpace(pretty.String())))
	} else {
		fmt.Fprintf(&t.b, "(%d bytes)\n", len(got.raw))
	}
	fmt.Fprintln(&t.b)
	return got
}

// golden compares text with a file of testdata, or writes it with -update.
func golden(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path) //nolint:gosec // our own file
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (go test ./internal/api -update writes it anew) -want +got:\n%s", path, diff)
	}
}
