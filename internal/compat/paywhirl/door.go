package paywhirl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	"perennial/internal/idempotency"
	"perennial/internal/money"
	"perennial/internal/params"
	"perennial/internal/report"
)

// Options are what the door is given besides stories and reads.
type Options struct {
	Clock clock.Clock // the machine's
	// Log hears of requests that failed on our side; nil is slog's default.
	Log *slog.Logger
	// TokenFor is the sandbox gateway's token for one of its test numbers; nil takes none.
	TokenFor func(number string) (token string, ok bool)
	// Woken is called after something was done that may make other work due.
	Woken func()
}

// Door serves the clients of PayWhirl.
type Door struct {
	s      *commerce.Service
	r      *report.Reader
	o      Options
	table  []route
	limits limits
}

// New makes the door. It serves version 2 at the root and version 1 under /api.
func New(s *commerce.Service, r *report.Reader, o Options) *Door {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Woken == nil {
		o.Woken = func() {}
	}
	if o.TokenFor == nil {
		o.TokenFor = func(string) (string, bool) { return "", false }
	}
	d := &Door{s: s, r: r, o: o}
	d.table = d.routes()
	return d
}

// caller is who asks, and with what.
type caller struct {
	key     account.DoorKey
	account account.Account
	now     time.Time         // on the account's clock
	path    map[string]string // what stands in the wildcards of the route, unescaped
	once    *idempotency.Request
	user    int64          // the account's number, once it was asked for
	spoken  money.Currency // of the amounts that were sent
}

// call is how the caller tells a story.
func (c *caller) call() commerce.Call {
	return commerce.Call{Account: c.account.ID, Actor: event.Actor{Kind: event.ByKey, Name: c.key.Name}}
}

// callOnce is a call that a client may repeat under an Idempotency-Key, if it sent one.
// render spells the story's result as the handler will.
func (c *caller) callOnce(render func(result any) any) commerce.Call {
	call := c.call()
	if c.once != nil {
		call.Once = &commerce.Once{Request: *c.once, Answer: func(result any, refusal error) (int, string) {
			if refusal != nil {
				status, p := problemOf(inMajor(refusal, c.spoken))
				return status, string(encode(p))
			}
			return http.StatusOK, string(encode(render(result)))
		}}
	}
	return call
}

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
	if before, ok := commerce.IsReplayed(err); ok {
		w.Header().Set("Idempotency-Replayed", "true")
		write(w, before.Status, []byte(before.Body))
		return
	}
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	if !reads(r.Method) {
		d.o.Woken()
	}
	write(w, http.StatusOK, encode(body))
}

func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// answer finds the route, who asks and the parameters, and runs the route's handler.
func (d *Door) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	to, path, allowed := d.find(r.Method, r.URL.EscapedPath())
	if to == nil && len(allowed) == 0 {
		return nil, fault.New(fault.NotFound, "there is nothing at this address")
	}
	if to == nil {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return nil, errMethod
	}
	c, err := d.admit(w, r)
	if err != nil {
		return nil, err
	}
	c.path = path
	var said bytes.Buffer
	if r.Body != nil {
		r.Body = io.NopCloser(io.TeeReader(r.Body, &said))
	}
	v, err := params.Read(r, 0)
	if err != nil {
		return nil, malformed{err}
	}
	if c.once, err = once(r, said.Bytes(), d.o.Clock.Now()); err != nil {
		return nil, err
	}
	body, err := to.run(r.Context(), c, v)
	return body, inMajor(err, c.spoken)
}

// admit finds out who asks by the headers, in every spelling of them, and counts the
// request. Credentials elsewhere are not looked at.
func (d *Door) admit(w http.ResponseWriter, r *http.Request) (*caller, error) {
	key, secret := header(r, "api-key"), header(r, "api-secret")
	k, a, err := d.s.OpenDoor(r.Context(), account.PayWhirl, key, secret)
	if fault.Is(err, fault.Unauthorized) {
		return nil, fault.New(fault.Unauthorized, "Invalid Authorization. The headers api-key and api-secret must be credentials of an account here.")
	}
	if err != nil {
		return nil, err
	}
	now := d.o.Clock.Now()
	left, wait := d.limits.take(k.ID, now)
	w.Header().Set("X-Ratelimit-Limit", strconv.Itoa(burst))
	w.Header().Set("X-Ratelimit-Remaining", strconv.Itoa(left))
	if wait > 0 {
		return nil, &fault.Error{Kind: fault.Limited, Message: "too many requests", RetryAfter: wait}
	}
	return &caller{key: k, account: a, now: a.Now(now), spoken: a.Currency}, nil
}

// header is the value under a name in any letter case, with dashes or underscores; "" when
// two spellings contradict each other.
func header(r *http.Request, name string) string {
	value := ""
	for k, list := range r.Header {
		if !strings.EqualFold(strings.ReplaceAll(k, "_", "-"), name) {
			continue
		}
		for _, v := range list {
			if value != "" && v != value {
				return ""
			}
			value = v
		}
	}
	return value
}

// once is what makes a request repeatable, when the client sent a key for it. body is
// everything that the client said.
func once(r *http.Request, body []byte, now time.Time) (*idempotency.Request, error) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || reads(r.Method) {
		return nil, nil //nolint:nilnil // nothing to repeat is no error
	}
	if len(key) > idempotency.MaxKey {
		return nil, fault.BadField("Idempotency-Key", "must be at most %d bytes", idempotency.MaxKey)
	}
	route := "paywhirl " + r.Method + " /" + strings.Join(segments(r.URL.EscapedPath()), "/")
	return &idempotency.Request{Key: key, Route: route, Digest: idempotency.Digest(append(body, r.URL.RawQuery...)), Arrived: now}, nil
}

// refuse answers a refusal. What failed on our side is logged in full and told without its
// inside.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, p := problemOf(err)
	if status >= http.StatusInternalServerError {
		d.o.Log.ErrorContext(r.Context(), "a request failed", "request", w.Header().Get("X-Request-Id"), "kind", fault.KindOf(err), "err", err)
	}
	if after := fault.As(err).RetryAfter; after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	}
	write(w, status, encode(p))
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
		panic("paywhirl: " + err.Error()) // wire types always marshal
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// handler answers one route. What it gives is spelt as JSON.
type handler func(ctx context.Context, c *caller, v *params.Values) (any, error)
