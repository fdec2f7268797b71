package server

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
)

// MaxBody is the greatest body of a request in bytes.
const MaxBody = 1 << 20

// maxPath is the longest path of an address in bytes.
const maxPath = 4 << 10

// traced names the request, answers for it when a handler panics, and logs it.
func (s *Server) traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails since Go 1.24
		name := hex.EncodeToString(b[:])
		w.Header().Set("X-Request-Id", name)
		began := s.o.Clock.Now()
		told := &answer{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // the value that net/http compares
					panic(p)
				}
				s.o.Log.Error("a request broke the program", "request", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				if told.status == 0 {
					broke(told, r, name)
				}
			}
			s.o.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("request", name), slog.String("method", method(r.Method)),
				slog.String("address", loggedAddress(r.URL)), slog.Int("status", told.told()), slog.Int64("bytes", told.bytes),
				slog.Int64("micros", max(0, s.o.Clock.Now().Sub(began).Microseconds())), slog.String("from", client(r)))
		}()
		next.ServeHTTP(told, r)
	})
}

// broke answers a request whose handler panicked: nothing of the inside, and the
// name by which the log is found.
func broke(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	for k := range h {
		if k != "X-Request-Id" {
			h.Del(k)
		}
	}
	refuse(w, r, http.StatusInternalServerError, "internal", "Something went wrong on our side. The log of the server knows more under "+name+".")
}

// refuse answers in words for a browser and as a problem document for a program.
func refuse(w http.ResponseWriter, r *http.Request, status int, code, detail string) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprintln(w, detail)
		return
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the reader may be gone
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail})
}

// method is the request's method when it is one of HTTP's.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return hidden
}

// client is the address that a request came from, as the connection tells it.
func client(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// answer notes what was answered.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

func (a *answer) told() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}

// bounded refuses what is too large before anything reads it.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case len(r.URL.Path) > maxPath || len(r.URL.RawQuery) > maxPath:
			refuse(w, r, http.StatusRequestURITooLong, "address_too_long", "The address is longer than this server reads.")
			return
		case r.ContentLength > MaxBody:
			w.Header().Set("Connection", "close") // else the server would read what nobody wants
			refuse(w, r, http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("The body is larger than %d bytes.", MaxBody))
			return
		case r.Header.Get("Content-Encoding") != "" && !strings.EqualFold(r.Header.Get("Content-Encoding"), "identity"):
			refuse(w, r, http.StatusUnsupportedMediaType, "encoding_refused", "Send the body as it is: compressed requests are not read.")
			return
		}
		if len(r.TransferEncoding) > 0 {
			// A proxy that counts such a body differently could make one request look
			// like two; on a connection that ends there is no second one.
			w.Header().Set("Connection", "close")
		}
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		next.ServeHTTP(w, r)
	})
}

// guarded adds the headers that hold for every answer; pages replace the policy by
// their own.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if s.o.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// awake refuses requests while the server is not ready or on its way out.
func (s *Server) awake(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.ready.Load() {
			w.Header().Set("Retry-After", "2")
			w.Header().Set("Connection", "close")
			refuse(w, r, http.StatusServiceUnavailable, "stopping", "The server is stopping. Nothing was done; try again in a moment.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fromHere refuses a form that another site sends with the cookies of a member.
func fromHere(next http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, http.StatusForbidden, "cross_origin", "This form was sent by another site, so nothing was done.")
	}))
	return p.Handler(next)
}

func missing(w http.ResponseWriter, r *http.Request) {
	refuse(w, r, http.StatusNotFound, "not_found", "There is nothing at this address.")
}

func wrongMethod(w http.ResponseWriter, r *http.Request) {
	refuse(w, r, http.StatusMethodNotAllowed, "method_not_allowed", "This address does not know that method.")
}
