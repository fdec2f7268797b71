package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbound"
	"perennial/internal/outbox"
	"perennial/internal/seal"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// The example that the libraries of the scheme share, and a key that counts; both checked with
// openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary.
func TestSign(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		secret, message string
		at              int64
		body, want      string
	}{
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, `{"test": 2432232314}`,
			"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		{"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "msg_1", 1700000000, `{}`, "v1,fhksJF5ElKjlPoT/jtefCO5XjQPvhf7Dhf/8R1ad9yU="},
	} {
		got, err := Sign(c.secret, c.message, time.Unix(c.at, 0), c.body)
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v", c.message, got, err)
		}
	}
	if got, err := Sign("whsec_not base64", "msg_1", time.Unix(0, 0), ""); err == nil {
		t.Errorf("a broken secret signed %s", got)
	}
}

func TestNewSecret(t *testing.T) {
	t.Parallel()
	a, b := NewSecret(), NewSecret()
	if a == b || !strings.HasPrefix(a, "whsec_") {
		t.Errorf("%s, %s", a, b)
	}
	if _, err := standardwebhooks.NewWebhook(a); err != nil {
		t.Error(err)
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	e := event.Event{ID: 123, Account: 7, At: time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC), Kind: event.InvoicePaid, Subject: 9,
		Sequence: 4, Customer: 11, Data: `{"total":1000,"note":"<ä>"}`}
	got, err := Body(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"` + e.ID.String() + `","type":"invoice.paid","created_at":"2026-03-01T12:00:00.000005Z","account":"` + e.Account.String() +
		`","subject":"` + id.Invoice(9).String() + `","sequence":4,"customer":"` + id.Customer(11).String() + `","data":{"total":1000,"note":"\u003cä\u003e"}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	e.Customer = 0
	if got, err = Body(e); err != nil || strings.Contains(got, "customer") {
		t.Errorf("%s, %v", got, err)
	}
	e.Data = "{"
	if _, err = Body(e); err == nil {
		t.Error("broken data was spelt")
	}
}

// receiver is a merchant's server that verifies with the scheme's own library.
type receiver struct {
	mu      sync.Mutex
	got     []*http.Request
	bodies  []string
	handler http.HandlerFunc // nil answers 204
	*httptest.Server
}

func newReceiver(t *testing.T, handler http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{handler: handler}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.got, r.bodies = append(r.got, req), append(r.bodies, string(body))
		r.mu.Unlock()
		if r.handler == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		r.handler(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) verify(t *testing.T, i int, secret string) error {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	// The tests stand still at an instant of their own.
	return wh.VerifyIgnoringTimestamp([]byte(r.bodies[i]), r.got[i].Header)
}

type fixture struct {
	keys   *seal.Keys
	clock  *clock.Manual
	secret string
	sender *Sender
}

func newFixture(t *testing.T, allow []netip.Prefix) *fixture {
	t.Helper()
	keys, err := seal.Parse(seal.New())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{keys: keys, clock: clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), secret: NewSecret()}
	f.sender = NewSender(outbound.Client(allow), keys, f.clock, "1.2.3", nil)
	return f
}

func (f *fixture) endpoint(a id.Account, address string) outbox.Endpoint {
	return outbox.NewEndpoint(a, outbox.Webhook, address, SealSecret(f.keys, a, f.secret), nil, f.clock.Now())
}

func TestDeliverIsSigned(t *testing.T) {
	t.Parallel()
	f := newFixture(t, loopback)
	r := newReceiver(t, nil)
	e := f.endpoint(7, r.URL+"/hooks?shop=1")
	d := outbox.Delivery{Account: 7, Event: 123, Body: `{"type":"invoice.paid"}`}
	if a := f.sender.Deliver(t.Context(), e, d); a.Verdict != outbox.Accepted || a.Status != 204 || a.Failure != "" {
		t.Fatalf("%+v", a)
	}
	got := r.got[0]
	want := map[string]string{"Content-Type": "application/json", "User-Agent": "Perennial/1.2.3", "Webhook-Id": id.Event(123).String(),
		"Webhook-Timestamp": fmt.Sprint(f.clock.Now().Unix())}
	for name, value := range want {
		if got.Header.Get(name) != value {
			t.Errorf("%s: %q", name, got.Header.Get(name))
		}
	}
	if got.Method != http.MethodPost || got.URL.String() != "/hooks?shop=1" || r.bodies[0] != d.Body {
		t.Errorf("%s %s %s", got.Method, got.URL, r.bodies[0])
	}
	if err := r.verify(t, 0, f.secret); err != nil {
		t.Error(err)
	}
	if err := r.verify(t, 0, NewSecret()); err == nil {
		t.Error("another secret verifies")
	}

	// While a secret is replaced both verify; afterwards the new one alone.
	old, span := f.secret, 24*time.Hour
	f.secret = NewSecret()
	e.Rotate(SealSecret(f.keys, 7, f.secret), f.clock.Now(), span)
	for i, oldVerifies := range []bool{true, false} {
		if a := f.sender.Deliver(t.Context(), e, d); a.Verdict != outbox.Accepted {
			t.Fatalf("%+v", a)
		}
		if err := r.verify(t, i+1, f.secret); err != nil {
			t.Error(err)
		}
		if err := r.verify(t, i+1, old); (err == nil) != oldVerifies {
			t.Errorf("the old secret: %v", err)
		}
		f.clock.Add(span)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, loopback)
	canary := newReceiver(t, nil)
	status := func(code int, header, value, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set(header, value)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	later := f.clock.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    outbox.Answer
		said    string
	}{
		"200":            {status(200, "", "", "thanks"), outbox.Answer{Verdict: outbox.Accepted, Status: 200}, "thanks"},
		"299":            {status(299, "", "", ""), outbox.Answer{Verdict: outbox.Accepted, Status: 299}, ""},
		"302 inside":     {status(302, "Location", canary.URL, ""), outbox.Answer{Status: 302, Failure: "302 Found; redirects are not followed"}, ""},
		"304":            {status(304, "", "", ""), outbox.Answer{Status: 304, Failure: "304 Not Modified; redirects are not followed"}, ""},
		"404":            {status(404, "", "", "no such page\n"), outbox.Answer{Status: 404, Failure: "404 Not Found: no such page"}, "no such page\n"},
		"410":            {status(410, "", "", ""), outbox.Answer{Verdict: outbox.Gone, Status: 410, Failure: "410 Gone"}, ""},
		"429":            {status(429, "Retry-After", "120", ""), outbox.Answer{Status: 429, Failure: "429 Too Many Requests", RetryAfter: 2 * time.Minute}, ""},
		"503 and a date": {status(503, "Retry-After", later.Format(http.TimeFormat), ""), outbox.Answer{Status: 503, Failure: "503 Service Unavailable", RetryAfter: time.Hour}, ""},
		"503 and a past": {status(503, "Retry-After", f.clock.Now().Add(-time.Hour).Format(http.TimeFormat), ""), outbox.Answer{Status: 503, Failure: "503 Service Unavailable"}, ""},
		"503 and a joke": {status(503, "Retry-After", "-5", ""), outbox.Answer{Status: 503, Failure: "503 Service Unavailable"}, ""},
		"unknown status": {status(599, "", "", ""), outbox.Answer{Status: 599, Failure: "599"}, ""},
		"abort":          {status(500, "Webhook-Delivery", "abort-message", ""), outbox.Answer{Verdict: outbox.Aborted, Status: 500, Failure: "500 Internal Server Error"}, ""},
		"200 and abort":  {status(200, "Webhook-Delivery", "abort-message", ""), outbox.Answer{Verdict: outbox.Accepted, Status: 200}, ""},
		"hostile text": {status(500, "", "", "a\x00b\xff\x1b[31mc\r\nd\u0085"),
			outbox.Answer{Status: 500, Failure: "500 Internal Server Error: ab[31mc\nd"}, "ab[31mc\nd"},
		"reset": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, outbox.Answer{Failure: "the connection broke off"}, ""},
		"200, then reset": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, outbox.Answer{Verdict: outbox.Accepted, Status: 200}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, c.handler)
			got := f.sender.Deliver(t.Context(), f.endpoint(7, r.URL), outbox.Delivery{Account: 7, Event: 1, Body: "{}"})
			if c.want.Status != 0 && (got.Request == "" || got.Said == "" && c.said != "") {
				t.Errorf("nothing was kept for the log: %+v", got)
			}
			if got.Said != c.said {
				t.Errorf("it said %q", got.Said)
			}
			got.Request, got.Said = "", ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Cleanup(func() {
		if len(canary.got) != 0 {
			t.Error("a redirect was followed")
		}
	})
}

func TestLongAnswerIsCut(t *testing.T) {
	t.Parallel()
	f := newFixture(t, loopback)
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		for { // until the client has had enough
			if _, err := io.WriteString(w, strings.Repeat("ä", 4096)); err != nil {
				return
			}
		}
	})
	a := f.sender.Deliver(t.Context(), f.endpoint(7, r.URL), outbox.Delivery{Account: 7, Event: 1, Body: "{}"})
	if len(a.Failure) > MaxFailure+100 || len(a.Failure) < MaxFailure || !utf8.ValidString(a.Failure) {
		t.Errorf("%d bytes: %.60s", len(a.Failure), a.Failure)
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, loopback)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	hanging := newReceiver(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) }) // before the server closes: it waits for its handler
	tlsOnly := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tlsOnly.Close)
	impatient := outbound.Client(loopback)
	impatient.Timeout = 20 * time.Millisecond
	for name, c := range map[string]struct {
		client  *http.Client
		address string
		want    string
	}{
		"refused":       {outbound.Client(loopback), "http://" + address, "the connection was not accepted"},
		"hangs":         {impatient, hanging.URL, "no answer within 15 seconds"},
		"inside":        {outbound.Client(nil), hanging.URL, "127.0.0.1 is not allowed as a destination: loopback"},
		"unknown roots": {outbound.Client(loopback), tlsOnly.URL, "a secure connection could not be made: the certificate or the protocol was refused"},
		"no address":    {outbound.Client(loopback), "http://a b/", "the address of the endpoint is not valid"},
	} {
		s := NewSender(c.client, f.keys, f.clock, "1", nil)
		a := s.Deliver(t.Context(), f.endpoint(7, c.address), outbox.Delivery{Account: 7, Event: 1, Body: "{}"})
		a.Request = ""
		if diff := cmp.Diff(outbox.Answer{Failure: c.want}, a); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// A secret that was copied from another account does not open.
	e := f.endpoint(8, hanging.URL)
	e.Account = 7
	if a := f.sender.Deliver(t.Context(), e, outbox.Delivery{Account: 7, Event: 1}); a.Verdict != outbox.Failed || a.Failure != seal.ErrUnseal.Error() {
		t.Errorf("%+v", a)
	}
}

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{"https://example.com", "https://example.com:8443/a/b?c=d", "https://8.8.8.8/", "https://[2606:4700::1111]/x",
		"https://xn--bcher-kva.example/", "https://a_b.example.com", "https://example.com./", "HTTPS://Example.COM/"} {
		if err := CheckAddress(ok, nil); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "example.com", "/path", "https://", "https:///x", "https:example.com", "ftp://example.com", "file:///etc/passwd",
		"javascript:alert(1)", "http://example.com", "http://8.8.8.8/", "https://user:pass@example.com/", "https://user@example.com/",
		"https://example.com/#part", "https://example.com:0/", "https://example.com:70000/", "https://127.0.0.1/", "https://127.0.0.1./", "https://127.1/",
		"https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://1.2.3.0x4/", "https://[::1]/",
		"https://[::ffff:8.8.8.8]/", "https://[fe80::1%25eth0]/", "https://10.0.0.1/", "https://169.254.169.254/", "https://１２７.0.0.1/",
		"https://bücher.example/", "https://a..b/", "https://-a.example/", "https://exa mple.com/", "https://example.com\n/", "https://ex\x00ample.com/",
		"https://" + strings.Repeat("a", 64) + ".com/", "https://example.com/" + strings.Repeat("a", MaxAddress)} {
		if err := CheckAddress(bad, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.80q: %v", bad, err)
		}
	}
	if err := CheckAddress("http://127.0.0.1:8080/hooks", loopback); err != nil {
		t.Errorf("allowed by the operator: %v", err)
	}
	for _, bad := range []string{"http://localhost:8080/", "http://8.8.8.8/", "http://10.0.0.1/"} {
		if err := CheckAddress(bad, loopback); err == nil {
			t.Errorf("%s was allowed", bad)
		}
	}
}

func FuzzCheckAddress(f *testing.F) {
	f.Add("https://example.com/hooks")
	f.Add("https://[::ffff:127.0.0.1]:443/")
	f.Fuzz(func(t *testing.T, address string) {
		if CheckAddress(address, nil) != nil {
			return
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, nil)
		if err != nil {
			t.Fatalf("%q was accepted, but cannot be sent to: %v", address, err)
		}
		if ip, err := netip.ParseAddr(req.URL.Hostname()); err == nil && outbound.Check(ip, nil) != nil {
			t.Fatalf("%q was accepted", address)
		}
		if req.URL.Scheme != "https" || req.URL.User != nil {
			t.Fatalf("%q was accepted", address)
		}
	})
}

// From an appended event to a verified request, through both engines: the whole
// way, with a receiver that fails first.
func TestFromEventToReceiver(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		f := newFixture(t, loopback)
		a := account.Account{ID: id.New[id.Account](), Name: "Shop", Mode: account.Live, Currency: "EUR", Zone: "UTC", CreatedAt: f.clock.Now(), Version: 1}
		tries := make(chan int, 10)
		var r *receiver
		r = newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
			r.mu.Lock()
			n := len(r.got)
			r.mu.Unlock()
			if n == 1 {
				w.WriteHeader(http.StatusInternalServerError)
			}
			tries <- n
		})
		e := f.endpoint(a.ID, r.URL)
		ev := event.New(a.ID, f.clock.Now(), event.Clock, event.InvoicePaid, int64(id.New[id.Invoice]()), 0, `{"total":1000}`)
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			if err := account.Insert(tx, a); err != nil {
				return err
			}
			if err := outbox.InsertEndpoint(tx, e); err != nil {
				return err
			}
			return event.Append(tx, a.ID, ev)
		})
		if err != nil {
			t.Fatal(err)
		}
		deliverer := outbox.NewDeliverer(d, f.clock, slog.New(slog.DiscardHandler), outbox.Work{
			Render:   event.Render(Body),
			Deliver:  f.sender.Deliver,
			Disabled: func(*db.Tx, outbox.Endpoint, time.Time) error { return nil },
			Outage:   func(*db.Tx, outbox.Endpoint, string, time.Time) error { return nil },
		})
		run := func(want int) { // until the receiver was asked so often, and that was stored
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				deliverer.Run(ctx)
			}()
			for <-tries != want {
			}
			stop()
			<-done
		}
		run(1)
		f.clock.Add(6 * time.Second) // chance makes the first wait up to a fifth longer
		run(2)
		var log []outbox.Delivery
		err = d.View(t.Context(), func(tx *db.Tx) error {
			log, err = outbox.List(tx, a.ID, outbox.Query{Limit: 10})
			return err
		})
		if err != nil || len(log) != 1 || log[0].State != outbox.Delivered || log[0].Attempts != 2 {
			t.Fatalf("%+v, %v", log, err)
		}
		if len(r.bodies) != 2 || r.bodies[0] != r.bodies[1] {
			t.Fatalf("%q", r.bodies)
		}
		for i := range r.bodies {
			if err := r.verify(t, i, f.secret); err != nil {
				t.Error(err)
			}
		}
		if a, b := r.got[0].Header, r.got[1].Header; a.Get("Webhook-Id") != b.Get("Webhook-Id") || a.Get("Webhook-Timestamp") == b.Get("Webhook-Timestamp") {
			t.Errorf("%v, %v", a, b)
		}
		var body struct {
			ID   string
			Type string
			Data struct{ Total int64 }
		}
		if err := json.Unmarshal([]byte(r.bodies[0]), &body); err != nil || body.ID != ev.ID.String() || body.Type != "invoice.paid" || body.Data.Total != 1000 {
			t.Errorf("%s, %v", r.bodies[0], err)
		}
	})
}
