package web

import (
	"net/http"
	"net/url"
	"strings"
)

// Preferences are a person's choices about looks. They live in one cookie that
// the server reads, so the first paint is already right.
type Preferences struct {
	Theme     string // "perennial", "perennial-dark" or empty to follow the system
	Compact   bool   // 32 px rows in tables
	Shortcuts bool   // single-key shortcuts work
}

const preferencesCookie = "preferences"

// PreferencesOf reads the preferences of a request. Whatever is not understood
// counts as the default: system theme, comfortable rows, shortcuts on.
func PreferencesOf(r *http.Request) Preferences {
	p := Preferences{Shortcuts: true}
	c, err := r.Cookie(preferencesCookie)
	if err != nil {
		return p
	}
	for part := range strings.SplitSeq(c.Value, ".") {
		switch part {
		case "light":
			p.Theme = "perennial"
		case "dark":
			p.Theme = "perennial-dark"
		case "compact":
			p.Compact = true
		case "nokeys":
			p.Shortcuts = false
		}
	}
	return p
}

func (p Preferences) cookieValue() string {
	var parts []string
	switch p.Theme {
	case "perennial":
		parts = append(parts, "light")
	case "perennial-dark":
		parts = append(parts, "dark")
	}
	if p.Compact {
		parts = append(parts, "compact")
	}
	if !p.Shortcuts {
		parts = append(parts, "nokeys")
	}
	return strings.Join(parts, ".")
}

// PreferencesHandler answers POST /preferences: it changes the preferences that
// the form names (theme = system, light or dark; density = comfortable or
// compact; shortcuts = on or off), keeps the others, and returns to the path in
// the field "return".
func PreferencesHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "The form could not be read", http.StatusBadRequest)
			return
		}
		p := PreferencesOf(r)
		switch r.PostForm.Get("theme") {
		case "system":
			p.Theme = ""
		case "light":
			p.Theme = "perennial"
		case "dark":
			p.Theme = "perennial-dark"
		}
		switch r.PostForm.Get("density") {
		case "comfortable":
			p.Compact = false
		case "compact":
			p.Compact = true
		}
		switch r.PostForm.Get("shortcuts") {
		case "on":
			p.Shortcuts = true
		case "off":
			p.Shortcuts = false
		}
		http.SetCookie(w, &http.Cookie{Name: preferencesCookie, Value: p.cookieValue(), Path: "/", // #nosec G124 -- no secret; Secure whenever the connection is
			MaxAge: 400 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
		http.Redirect(w, r, localPath(r.PostForm.Get("return")), http.StatusSeeOther) // #nosec G710 -- localPath lets no other site through
	})
}

// localPath lets only paths of this site through, so that a return address can
// never lead elsewhere.
func localPath(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.ContainsAny(s, "\\\r\n") {
		return "/"
	}
	return u.String()
}
