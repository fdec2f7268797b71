// Package promote is what affiliates and those who follow their links see: the links, the
// page where one asks to promote a campaign, and the page on which an affiliate sees what
// they earn. A link notes a click, lets the browser
// remember it, and leads on; whoever may not promote the campaign any more leads on too.
package promote

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"perennial/internal/affiliate"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/report"
	"perennial/internal/web"
)

// Options says where the pages run.
type Options struct {
	Clock  clock.Clock  // the machine's; nil means clock.System
	Log    *slog.Logger // nil means slog.Default
	Secure bool         // browsers reach the server through TLS
}

type pages struct {
	commerce *commerce.Service
	report   *report.Reader
	o        Options
	clicks   limits
}

// maxForm is the largest form that is read, in bytes.
const maxForm = 64 << 10

// New makes the handler of /a/{slug}/{code} and of /affiliates.
func New(s *commerce.Service, r *report.Reader, o Options) http.Handler {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	h := &pages{commerce: s, report: r, o: o}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /a/{slug}/{code}", h.follow)
	mux.HandleFunc("GET /a/{slug}/{code}/{tracking}", h.follow)
	mux.HandleFunc("GET /affiliates/join/{slug}", h.join)
	mux.HandleFunc("POST /affiliates/join/{slug}", h.ask)
	mux.HandleFunc("GET /affiliates/join/{slug}/{recruiter}", h.join)
	mux.HandleFunc("POST /affiliates/join/{slug}/{recruiter}", h.ask)
	mux.HandleFunc("GET /affiliates/of/{account}/{who}/{secret}", h.own)
	mux.HandleFunc("/", h.missing)
	forms := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
	return web.Headers(http.NewCrossOriginProtection().Handler(forms))
}

// Links is the handler of a host of its own for links: {slug}/{code} there is /a/{slug}/{code}
// at the public address, where the browser has to remember the click.
func Links(public string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.FieldsFunc(r.URL.EscapedPath(), func(c rune) bool { return c == '/' })
		if r.Method != http.MethodGet && r.Method != http.MethodHead || len(parts) < 2 || len(parts) > 3 {
			http.NotFound(w, r)
			return
		}
		to := strings.TrimSuffix(public, "/") + "/a/" + strings.Join(parts, "/")
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, to, http.StatusFound) //nolint:gosec // what was asked for stays a path below our own address
	})
}

func (h *pages) missing(w http.ResponseWriter, r *http.Request) {
	p := web.PublicPage{Title: "There is nothing at this address", Preferences: web.PreferencesOf(r)}
	web.Render(w, r, http.StatusNotFound, sorry(p, "The link may be old or not complete. Ask whoever gave it to you for a new one."))
}

// fail answers a failure that no form explains.
func (h *pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.As(err)
	if f.Kind == fault.NotFound {
		h.missing(w, r)
		return
	}
	status, text := http.StatusServiceUnavailable, "This page cannot be shown right now. Try again in a minute."
	switch f.Kind {
	case fault.Unavailable, fault.Limited:
	case fault.Invalid:
		status, text = http.StatusUnprocessableEntity, "The form could not be read."
	default:
		h.o.Log.ErrorContext(r.Context(), "a page for affiliates failed", "err", err)
		status = http.StatusInternalServerError
	}
	web.Render(w, r, status, sorry(web.PublicPage{Title: "This did not work", Preferences: web.PreferencesOf(r)}, text))
}

// follow notes a click and leads on.
func (h *pages) follow(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	tracking := r.PathValue("tracking")
	for _, name := range []string{"tid", "tracking_id", "sub_id"} {
		if tracking == "" {
			tracking = query.Get(name)
		}
	}
	slug, code := r.PathValue("slug"), r.PathValue("code")
	if h.machine(r) {
		p, err := h.report.ProgramBySlug(r.Context(), strings.ToLower(slug))
		if err != nil {
			h.fail(w, r, err)
			return
		}
		h.lead(w, r, p, "", "")
		return
	}
	click, p, err := h.commerce.FollowLink(r.Context(), commerce.FollowLink{Slug: slug, Code: code, TrackingID: tracking, IP: address(r), Source: source(query)})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if click.ID == 0 {
		h.lead(w, r, p, "", "")
		return
	}
	web.RememberClick(w, r, p.Campaign, click.ID, p.Terms.Cookie, h.o.Secure)
	h.lead(w, r, p, strings.ToLower(code), click.ID.String())
}

// lead sends the browser to where the links of a programme lead. The page there is told the
// affiliate and the click, for a site that sells through the API, and what the link said of
// where the visitor comes from.
func (h *pages) lead(w http.ResponseWriter, r *http.Request, p affiliate.Program, code, click string) {
	to, err := url.Parse(p.Landing)
	if err != nil {
		h.fail(w, r, fault.Wrap(fault.Internal, err, "the landing page of a programme is no address"))
		return
	}
	query := to.Query()
	for name, list := range r.URL.Query() {
		if strings.HasPrefix(name, "utm_") && len(list) > 0 {
			query.Set(name, list[0])
		}
	}
	if click != "" {
		query.Set("aff", code)
		query.Set("click", click)
	}
	to.RawQuery = query.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// source is what of a link's query says where the visitor comes from.
func source(query url.Values) string {
	kept := url.Values{}
	for name, list := range query {
		if strings.HasPrefix(name, "utm_") && len(list) > 0 {
			kept.Set(name, list[0])
		}
	}
	return kept.Encode()
}

// address is where a request comes from.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// machines are words in the names of programs that open links without anybody behind them.
var machines = []string{"bot", "crawl", "spider", "slurp", "preview", "facebookexternalhit", "monitor", "curl/", "wget/", "python-", "go-http-client", "headlesschecker"}

// machine reports whether nobody seems to sit behind a request, or one address clicks more
// than a person does: such clicks lead on and are not noted.
func (h *pages) machine(r *http.Request) bool {
	if r.Method != http.MethodGet || strings.Contains(r.Header.Get("Sec-Purpose")+r.Header.Get("Purpose"), "prefetch") {
		return true
	}
	agent := strings.ToLower(r.UserAgent())
	for _, word := range machines {
		if strings.Contains(agent, word) {
			return true
		}
	}
	return agent == "" || !h.clicks.allow(address(r), h.o.Clock)
}

// limits holds how often each address may click: a click every six seconds, and thirty at
// once.
type limits struct {
	mu   sync.Mutex
	from map[string]*rate.Limiter
}

// maxAddresses is how many addresses are remembered; then all are forgotten.
const maxAddresses = 50_000

func (l *limits) allow(from string, c clock.Clock) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.from[from]
	if of == nil {
		if l.from == nil || len(l.from) >= maxAddresses {
			l.from = map[string]*rate.Limiter{}
		}
		of = rate.NewLimiter(1.0/6, 30)
		l.from[from] = of
	}
	return of.AllowN(c.Now(), 1)
}
