package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"perennial/internal/account"
	"perennial/internal/cardnumber"
	"perennial/internal/fault"
	"perennial/internal/idempotency"
)

// Limits of a request.
const (
	maxBody  = 1 << 20
	maxDepth = 64
)

// guard finds out who asks, and refuses what no operation should see: a body that
// is too large, too deep, compressed or not text, and card numbers.
func (a *API) guard(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header["Authorization"]) != 1 {
		secret = ""
	}
	key, acc, err := a.s.Authenticate(r.Context(), secret)
	if err != nil {
		if fault.Is(err, fault.Unauthorized) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="perennial"`)
			err = account.ErrKey
		} else {
			a.o.Log.ErrorContext(r.Context(), "a key could not be checked", "request", w.Header().Get("X-Request-Id"), "err", err)
		}
		writeProblem(w, problemOf(err))
		return
	}
	who := caller{key: key, account: acc, request: w.Header().Get("X-Request-Id")}
	if err := checkQuery(r.URL); err != nil {
		writeProblem(w, *err)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		body, err := readBody(r, w)
		if err != nil {
			writeProblem(w, *err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if who.once, err = a.once(r, ctx.Operation(), body); err != nil {
			writeProblem(w, *err)
			return
		}
	}
	next(huma.WithValue(ctx, callerKey{}, who))
}

func bad(status int, code, detail string) *problem {
	return &problem{Status: status, Code: code, Detail: detail}
}

// checkQuery refuses an address that holds what is not text, and a parameter that is
// given twice: readers disagree on which counts.
func checkQuery(u *url.URL) *problem {
	if len(u.RawQuery) > 4096 {
		return bad(http.StatusRequestURITooLong, "address_too_long", "the query must be at most 4096 bytes")
	}
	given, err := url.ParseQuery(u.RawQuery)
	plain, broken := url.QueryUnescape(u.RawQuery)
	if err != nil || broken != nil || !utf8.ValidString(plain) || strings.ContainsRune(plain, 0) || strings.ContainsRune(u.Path, 0) || !utf8.ValidString(u.Path) {
		return bad(http.StatusBadRequest, "invalid", "the address must be UTF-8 text")
	}
	for name, values := range given {
		if len(values) > 1 {
			p := bad(http.StatusUnprocessableEntity, "invalid", "the request is not valid")
			p.Errors = []problemField{{"query." + name, "must be given once"}}
			return p
		}
	}
	return nil
}

// readBody is the whole body of a request that writes.
func readBody(r *http.Request, w http.ResponseWriter) ([]byte, *problem) {
	if r.Header.Get("Content-Encoding") != "" {
		return nil, bad(http.StatusUnsupportedMediaType, "compressed", "the body must not be compressed")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, bad(http.StatusRequestEntityTooLarge, "body_too_large", "the body must arrive whole and be at most 1 MiB")
	}
	if len(body) == 0 {
		return body, nil
	}
	if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(ct), "application/json") {
		return nil, bad(http.StatusUnsupportedMediaType, "not_json", "the body must be application/json")
	}
	if p := checkBody(body); p != nil {
		return nil, p
	}
	return body, nil
}

// once is the claim to an idempotency key, nil when the request has none.
func (a *API) once(r *http.Request, op *huma.Operation, body []byte) (*idempotency.Request, *problem) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || r.Method != http.MethodPost {
		return nil, nil
	}
	if cardnumber.In(key) {
		return nil, bad(http.StatusUnprocessableEntity, "card_number_refused", "the Idempotency-Key must not hold a card number")
	}
	if len(key) > idempotency.MaxKey || len(r.Header["Idempotency-Key"]) != 1 || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, bad(http.StatusUnprocessableEntity, "invalid", "the Idempotency-Key must be 1 to 255 printable characters")
	}
	whole := make([]byte, 0, len(r.URL.Path)+len(r.URL.RawQuery)+len(body)+2)
	whole = append(append(append(append(append(whole, r.URL.Path...), 0), r.URL.RawQuery...), 0), body...)
	return &idempotency.Request{Route: op.Method + " " + op.Path, Key: key, Digest: idempotency.Digest(whole), Arrived: a.o.Clock.Now()}, nil
}

// withoutCancel keeps a story that calls the gateway going when the client hangs
// up: what was begun is finished, and a repeated request finds it.
func withoutCancel(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
