package stripetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"perennial/internal/clock"
)

// Key is the API key that the server takes, and Secret what it signs events with.
const (
	Key    = "sk_test_0000000000000000"
	Secret = "whsec_0000000000000000" // #nosec G101 -- of a server that exists in tests only
)

// Stripe is the server. Its methods may be called at any time from anywhere.
type Stripe struct {
	URL    string
	Client *http.Client

	mu        sync.Mutex
	clock     clock.Clock
	last      int // of the names given
	customers map[string]*customer
	methods   map[string]*method
	intents   list[*intent]
	setups    map[string]*setup
	charges   list[*charge]
	refunds   list[*refund]
	disputes  map[string]*dispute
	events    list[*event]
	keys      map[string]*answer
	busy      map[string]bool // keys whose first request is being obeyed
	unindexed int             // how many of the newest intents the search does not show
	faults    []Fault
	requests  []string
}

// Fault is what happens to a request.
type Fault struct {
	Path string // with which the request's path begins, as in "/v1/refunds"; with the method before it for one method: "POST /v1/"
	// Exactly one of these.
	Before bool // the connection breaks before anything happened
	After  bool // it is obeyed, then the connection breaks
	Status int  // it is answered with that status and nothing happens
	Keep   bool // with Status: the answer is kept under the key, as Stripe keeps its own failures
}

// New starts the server. It is closed with the test.
func New(t testing.TB, c clock.Clock) *Stripe {
	s := &Stripe{clock: c, customers: map[string]*customer{}, methods: map[string]*method{}, setups: map[string]*setup{}, disputes: map[string]*dispute{},
		keys: map[string]*answer{}, busy: map[string]bool{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL, s.Client = server.URL, server.Client()
	// On a connection that was used before, net/http sends a request with an
	// Idempotency-Key again by itself when it breaks: here a break is to be seen.
	if transport, ok := s.Client.Transport.(*http.Transport); ok {
		transport.DisableKeepAlives = true
	}
	return s
}

// Fail makes the next requests that fit fail, one for each fault.
func (s *Stripe) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// ForgetKeys does what Stripe does a day later.
func (s *Stripe) ForgetKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = map[string]*answer{}
}

// HideNewest keeps that many of the newest intents out of the search, as an index that
// lags does.
func (s *Stripe) HideNewest(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unindexed = n
}

// Requests are the requests so far: method and path.
func (s *Stripe) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// name makes the name of something new; the lock is held.
func (s *Stripe) name(prefix string) string {
	s.last++
	return fmt.Sprintf("%s_%014d", prefix, s.last)
}

func (s *Stripe) now() int64 { return s.clock.Now().Unix() }

// answer is what a request got.
type answer struct {
	status int
	body   any
	params string // of the request, to tell another one under the same key
	kept   []byte
}

// list is something that Stripe lists, oldest first.
type list[T interface{ meta() *object }] []T

// object is what all of Stripe's objects have.
type object struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Created  int64             `json:"created"`
	Livemode bool              `json:"livemode"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

func (o *object) meta() *object { return o }

func (s *Stripe) object(kind, prefix string, q url.Values) object {
	return object{ID: s.name(prefix), Object: kind, Created: s.now(), Metadata: metadata(q)}
}

func metadata(q url.Values) map[string]string {
	m := map[string]string{}
	for k, v := range q {
		if inner, ok := strings.CutPrefix(k, "metadata["); ok {
			m[strings.TrimSuffix(inner, "]")] = v[0]
		}
	}
	return m
}

func (l list[T]) find(id string) (found T, ok bool) {
	for _, o := range l {
		if o.meta().ID == id {
			return o, true
		}
	}
	return found, false
}

// page is one page of a list, newest first, of those that fit.
func (l list[T]) page(q url.Values, fits func(T) bool) any {
	limit := 10
	if n, err := strconv.Atoi(q.Get("limit")); err == nil {
		limit = n
	}
	since, _ := strconv.ParseInt(q.Get("created[gte]"), 10, 64)
	all := []T{}
	for _, o := range slices.Backward(l) {
		if o.meta().Created >= since && fits(o) {
			all = append(all, o)
		}
	}
	at := func(id string) int { return slices.IndexFunc(all, func(o T) bool { return o.meta().ID == id }) }
	more := false
	switch after, before := q.Get("starting_after"), q.Get("ending_before"); {
	case after != "":
		all = all[at(after)+1:]
	case before != "":
		i := at(before)
		if i < 0 {
			return refuse(http.StatusBadRequest, "resource_missing", "ending_before", "No such event")
		}
		all = all[:i]
		if more = len(all) > limit; more {
			all = all[len(all)-limit:]
		}
	}
	if len(all) > limit {
		all, more = all[:limit], true
	}
	return map[string]any{"object": "list", "data": all, "has_more": more, "url": "/"}
}

// problem is a refusal of Stripe's.
type problem struct {
	Error  map[string]any `json:"error"`
	status int
}

func refuse(status int, code, param, message string) problem {
	return problem{status: status, Error: map[string]any{"type": "invalid_request_error", "code": code, "param": param, "message": message}}
}

// ServeHTTP answers one request as Stripe does.
func (s *Stripe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "bad form", http.StatusBadRequest)
		return
	}
	if s.browser(w, r) {
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	fault := s.nextFault(r)
	s.mu.Unlock()
	switch {
	case fault.Before:
		panic(http.ErrAbortHandler)
	case r.Header.Get("Authorization") != "Bearer "+Key:
		write(w, http.StatusUnauthorized, problem{Error: map[string]any{"type": "invalid_request_error", "message": "Invalid API Key provided: " + r.Header.Get("Authorization")}}, false)
		return
	}
	status, body, replayed := s.serve(r, fault)
	if fault.After {
		panic(http.ErrAbortHandler)
	}
	write(w, status, body, replayed)
}

func write(w http.ResponseWriter, status int, body any, replayed bool) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", "req_test")
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(status)
	raw, ok := body.([]byte)
	if !ok {
		raw, _ = json.Marshal(body)
	}
	_, _ = w.Write(raw)
}

// nextFault takes the first fault that fits; the lock is held.
func (s *Stripe) nextFault(r *http.Request) Fault {
	for i, f := range s.faults {
		if strings.HasPrefix(r.URL.Path, f.Path) || strings.HasPrefix(r.Method+" "+r.URL.Path, f.Path) {
			s.faults = slices.Delete(s.faults, i, i+1)
			return f
		}
	}
	return Fault{}
}

// serve obeys a request once for each key.
func (s *Stripe) serve(r *http.Request, fault Fault) (status int, body any, replayed bool) {
	key := r.Header.Get("Idempotency-Key")
	params := r.Method + " " + r.URL.Path + "?" + r.Form.Encode()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method != http.MethodPost {
		key = ""
	}
	if key != "" {
		if s.busy[key] {
			return http.StatusConflict, problem{Error: map[string]any{"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "in use"}}, false
		}
		if a := s.keys[key]; a != nil {
			if a.params != params {
				return http.StatusBadRequest, problem{Error: map[string]any{"type": "idempotency_error", "message": "Keys for idempotent requests can only be used with the same parameters"}}, false
			}
			return a.status, a.kept, true
		}
		s.busy[key] = true
		defer delete(s.busy, key)
		s.mu.Unlock() // another with the same key may come meanwhile
		runtime.Gosched()
		s.mu.Lock()
	}
	a := &answer{params: params, status: http.StatusOK}
	if fault.Status != 0 {
		a.status, a.body = fault.Status, problem{Error: map[string]any{"type": "api_error", "message": "something went wrong"}}
	} else {
		a.body = s.obey(r.Method, r.URL.Path, r.Form)
		if p, ok := a.body.(problem); ok {
			a.status = p.status
		}
	}
	a.kept, _ = json.Marshal(a.body)
	// What was refused before anything began is not kept; a limit is such a refusal.
	if key != "" && (a.status == http.StatusOK || a.status == http.StatusPaymentRequired || fault.Keep) {
		s.keys[key] = a
	}
	return a.status, a.kept, false
}
