package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/a-h/templ"
)

// contentPolicy allows nothing but our own files: no inline script or style, no
// frame around a page, no form that leaves the site.
const contentPolicy = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'"

// Headers adds the security headers to every answer and forbids storing it.
// Asset answers replace the caching rule with their own.
func Headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// AllowFrames lets the sites with those origins show a page of ours in a frame; none of
// them leaves it to pages of our own.
func AllowFrames(h http.Header, origins []string) {
	allowed := "frame-ancestors 'self'"
	for _, o := range origins {
		allowed += " " + o
	}
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "frame-ancestors 'none'", allowed, 1))
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Render answers with a component as HTML and a status code. The page is drawn
// completely before the first byte leaves, so a failure inside a component is a
// clean 500 and never half a page.
func Render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	buf := buffers.Get().(*bytes.Buffer)
	defer func() { buf.Reset(); buffers.Put(buf) }()
	if err := c.Render(r.Context(), buf); err != nil {
		if r.Context().Err() == nil {
			slog.ErrorContext(r.Context(), "page could not be drawn", "path", r.URL.Path, "error", err)
		}
		http.Error(w, "This page could not be drawn.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Add("Vary", "HX-Request")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		slog.DebugContext(r.Context(), "page was not received", "path", r.URL.Path, "error", err)
	}
}

// foreignPolicy lets a message show itself as in a mail reader: its own styles and
// pictures, nothing else, and only inside of our pages. The sandbox gives it an origin
// of its own, so that nothing in it can reach the page around it.
const foreignPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-ancestors 'self'; form-action 'none'; base-uri 'none'; " +
	"sandbox allow-popups allow-popups-to-escape-sandbox"

// Foreign answers with a page that is not ours, such as a mail, for a frame.
func Foreign(w http.ResponseWriter, r *http.Request, html string) {
	foreign(w, r, "text/html; charset=utf-8", html)
}

// ForeignText is Foreign for plain text.
func ForeignText(w http.ResponseWriter, r *http.Request, text string) {
	foreign(w, r, "text/plain; charset=utf-8", text)
}

func foreign(w http.ResponseWriter, r *http.Request, kind, body string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", foreignPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	if r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write([]byte(body)); err != nil {
		slog.DebugContext(r.Context(), "page was not received", "path", r.URL.Path, "error", err)
	}
}

// IsFragment reports whether htmx asks for a part of a page. Going back in the
// history and boosted links need the whole page.
func IsFragment(r *http.Request) bool {
	h := r.Header
	return h.Get("HX-Request") == "true" && h.Get("HX-Request-Type") != "full" &&
		h.Get("HX-History-Restore-Request") != "true" && h.Get("HX-Boosted") != "true"
}

// Redirect sends the browser elsewhere after a POST. htmx follows the address
// as a full page instead of putting it where the form was. Only paths of this
// site are accepted; anything else leads to "/".
func Redirect(w http.ResponseWriter, r *http.Request, path string) {
	path = localPath(path)
	if strings.EqualFold(r.Header.Get("HX-Request"), "true") {
		w.Header().Set("HX-Redirect", path)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
}
