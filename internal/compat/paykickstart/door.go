package paykickstart

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/params"
	"perennial/internal/report"
)

// Options are what the door is given besides stories and reads.
type Options struct {
	Clock clock.Clock // the machine's
	// Log hears of requests that failed on our side; nil is slog's default.
	Log *slog.Logger
	// Public is the address under which browsers reach the server; links of affiliates are
	// spelt with it.
	Public string
	// Woken is called after something was done that may make other work due.
	Woken func()
}

// Door serves the clients of PayKickstart.
type Door struct {
	s      *commerce.Service
	r      *report.Reader
	o      Options
	table  map[string]handler
	limits limits
}

// New makes the door. It serves the API under /api.
func New(s *commerce.Service, r *report.Reader, o Options) *Door {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Woken == nil {
		o.Woken = func() {}
	}
	d := &Door{s: s, r: r, o: o, table: map[string]handler{}}
	for _, to := range d.routes() {
		d.table[to.path] = to.run
	}
	return d
}

// caller is who asks.
type caller struct {
	key     account.DoorKey
	account account.Account
	now     time.Time // on the account's clock
}

// call is how the caller tells a story.
func (c *caller) call() commerce.Call {
	return commerce.Call{Account: c.account.ID, Actor: event.Actor{Kind: event.ByKey, Name: c.key.Name}}
}

// handler answers one address. What it gives is spelt as JSON.
type handler func(ctx context.Context, c *caller, v *params.Values) (any, error)

// ServeHTTP serves one request. It never redirects, and answers JSON whatever happens.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // the value that net/http compares
				panic(p)
			}
			d.o.Log.ErrorContext(r.Context(), "a request broke the program", "request", w.Header().Get("X-Request-Id"), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			d.refuse(w, r, fault.New(fault.Internal, "broken"))
		}
	}()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	body, err := d.answer(w, r)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	d.o.Woken()
	write(w, http.StatusOK, encode(body))
}

// answer finds the address, the parameters and who asks, and runs the handler.
func (d *Door) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	run, ok := d.table[routeOf(r.URL.Path)]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is nothing at this address")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		return nil, errMethod
	}
	v, err := params.Read(r, 0)
	if err != nil {
		return nil, malformed{err}
	}
	c, err := d.admit(r.Context(), v)
	if err != nil {
		return nil, err
	}
	return run(r.Context(), c, v)
}

// tokenField is the argument that says who asks, wherever it stands.
const tokenField = "auth_token"

// admit finds out who asks, and counts the request.
func (d *Door) admit(ctx context.Context, v *params.Values) (*caller, error) {
	token := v.TextMax(tokenField, 200)
	k, a, err := d.s.OpenDoor(ctx, account.PayKickstart, token, "")
	if fault.Is(err, fault.Unauthorized) || v.Err() != nil {
		return nil, fault.New(fault.Unauthorized, "the auth_token is missing or wrong")
	}
	if err != nil {
		return nil, err
	}
	now := d.o.Clock.Now()
	if !d.limits.allow(k.ID, now) {
		return nil, &fault.Error{Kind: fault.Limited, Message: "too many requests", RetryAfter: time.Second}
	}
	return &caller{key: k, account: a, now: a.Now(now)}, nil
}

// How often each key may ask: perSecond on average, and burst at once.
const (
	perSecond = 100
	burst     = 1_000
)

// limits counts the requests of each key. There are no more of them than keys.
type limits struct {
	mu   sync.Mutex
	keys map[id.DoorKey]*rate.Limiter
}

func (l *limits) allow(key id.DoorKey, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.keys[key]
	if of == nil {
		if l.keys == nil {
			l.keys = map[id.DoorKey]*rate.Limiter{}
		}
		of = rate.NewLimiter(perSecond, burst)
		l.keys[key] = of
	}
	return of.AllowN(now, 1)
}

// refuse answers a refusal. What failed on our side is logged in full and told without its
// inside.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Code >= http.StatusInternalServerError {
		d.o.Log.ErrorContext(r.Context(), "a request failed", "request", w.Header().Get("X-Request-Id"), "kind", fault.KindOf(err), "err", err)
	}
	if after := fault.As(err).RetryAfter; after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	}
	write(w, p.Code, encode(p))
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = bytes.NewReader(body).WriteTo(w) // the reader may be gone
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("paykickstart: " + err.Error()) // wire types always marshal
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// routeOf is a path as the table has it: below /api, without empty parts, so that doubled
// slashes and one at the end make no difference.
func routeOf(path string) string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if len(parts) < 2 || parts[0] != "api" {
		return ""
	}
	return "/" + strings.Join(parts[1:], "/")
}
