package profitwell

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
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/params"
	"perennial/internal/report"
)

// Options are what the door is given besides stories and reads.
type Options struct {
	Clock clock.Clock // the machine's
	// Log hears of requests that failed on our side; nil is slog's default.
	Log *slog.Logger
	// Rate is how many requests each token may make in five seconds; 0 is DefaultRate.
	Rate int
}

// DefaultRate is how many requests each token may make in five seconds, where nobody says
// otherwise.
const DefaultRate = 1000

// Door serves the clients of ProfitWell.
type Door struct {
	s      *commerce.Service
	r      *report.Reader
	o      Options
	table  []route
	limits limits
}

// New makes the door.
func New(s *commerce.Service, r *report.Reader, o Options) *Door {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Rate <= 0 {
		o.Rate = DefaultRate
	}
	d := &Door{s: s, r: r, o: o, limits: limits{rate: o.Rate}}
	d.table = d.routes()
	return d
}

// caller is who asks.
type caller struct {
	key     account.DoorKey
	account account.Account
	now     time.Time         // on the account's clock
	path    map[string]string // what stands in the wildcards of the route, unescaped
}

// call is how the caller tells a story.
func (c *caller) call() commerce.Call {
	return commerce.Call{Account: c.account.ID, Actor: event.Actor{Kind: event.ByKey, Name: c.key.Name}}
}

// created is a body that is answered with 201.
type created struct{ body any }

// empty is answered with 204 and no body.
type empty struct{}

// script is answered as JavaScript.
type script string

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
	switch b := body.(type) {
	case created:
		write(w, http.StatusCreated, encode(b.body))
	case empty:
		w.WriteHeader(http.StatusNoContent)
	case script:
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write([]byte(b)) // #nosec G705 -- the file that is built in, and nothing of the request
	default:
		write(w, http.StatusOK, encode(body))
	}
}

// answer finds the route, who asks and the parameters, and runs the route's handler.
func (d *Door) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	to, path, allowed := d.find(r.Method, r.URL.EscapedPath())
	if to == nil && len(allowed) == 0 {
		return nil, errNotFound
	}
	if allowed != nil && d.browsers(r.URL.EscapedPath()) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", strings.Join(allowed, ", "))
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			return empty{}, nil
		}
	}
	if to == nil {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return nil, methodError(r.Method)
	}
	if to.open != nil {
		return to.open()
	}
	c, err := d.admit(r, to.public)
	if err != nil {
		return nil, err
	}
	c.path = path
	v, err := params.Read(r, 0)
	if err != nil {
		return nil, malformed{err}
	}
	return to.run(r.Context(), c, v)
}

// browsers reports whether pages of other sites ask for an address.
func (d *Door) browsers(path string) bool {
	first := segments(path)
	return len(first) > 0 && (first[0] == "dotjs" || first[0] == "js")
}

// admit finds out who asks, and counts the request. The token stands alone in the header. An
// address for browsers takes the public token, there or in the query.
func (d *Door) admit(r *http.Request, public bool) (*caller, error) {
	token := strings.TrimSpace(r.Header.Get("Authorization"))
	if public && token == "" {
		token = r.URL.Query().Get("auth")
	}
	if token == "" {
		return nil, errNoToken
	}
	k, a, err := d.s.OpenDoor(r.Context(), account.ProfitWell, token, "")
	if public && fault.Is(err, fault.Unauthorized) {
		k, a, err = d.s.OpenDoor(r.Context(), account.ProfitWellPublic, token, "")
	}
	if fault.Is(err, fault.Unauthorized) {
		return nil, errToken
	}
	if err != nil {
		return nil, err
	}
	now := d.o.Clock.Now()
	if wait := d.limits.take(k.ID, now); wait > 0 {
		return nil, throttled(wait)
	}
	return &caller{key: k, account: a, now: a.Now(now)}, nil
}

// refuse answers a refusal. What failed on our side is logged in full and told without its
// inside.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, body := problemOf(err)
	if status >= http.StatusInternalServerError {
		d.o.Log.ErrorContext(r.Context(), "a request failed", "request", w.Header().Get("X-Request-Id"), "kind", fault.KindOf(err), "err", err)
	}
	if after := fault.As(err).RetryAfter; after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(after)))
	}
	write(w, status, encode(body))
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

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
		panic("profitwell: " + err.Error()) // wire types always marshal
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// handler answers one route. What it gives is spelt as JSON.
type handler func(ctx context.Context, c *caller, v *params.Values) (any, error)
