package dashboard

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/web"
)

func (d *site) secure(r *http.Request) bool { return d.o.Secure || r.TLS != nil }

// cookieName binds the cookie to this host where browsers allow it, that is with TLS.
func (d *site) cookieName(r *http.Request) string {
	if d.secure(r) {
		return "__Host-session"
	}
	return "session"
}

func (d *site) setCookie(w http.ResponseWriter, r *http.Request, secret string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: d.cookieName(r), Value: secret, Path: "/", MaxAge: seconds, HttpOnly: true, // #nosec G124 -- Secure whenever browsers come through TLS
		SameSite: http.SameSiteLaxMode, Secure: d.secure(r)})
}

// signedIn is who sends the request. Nobody is sent to the log-in, which leads back
// to a page that was asked for.
func (d *site) signedIn(w http.ResponseWriter, r *http.Request) (commerce.SignedIn, bool) {
	who, err := d.session(r)
	if err == nil {
		return who, true
	}
	if !fault.Is(err, fault.Unauthorized) {
		d.broken(w, r, err)
		return who, false
	}
	if r.Method != http.MethodGet {
		d.showLogin(w, r, http.StatusUnauthorized, loginPage{Problems: []web.Problem{{Message: "You are signed out, and nothing was changed. Log in, then go back and send the form again."}}, To: "/app"})
		return who, false
	}
	to := "/login"
	if r.URL.Path != "/app" {
		to += "?to=" + url.QueryEscape(r.URL.RequestURI())
	}
	web.Redirect(w, r, to)
	return who, false
}

func (d *site) session(r *http.Request) (commerce.SignedIn, error) {
	c, err := r.Cookie(d.cookieName(r))
	if err != nil || len(c.Value) > 100 {
		return commerce.SignedIn{}, fault.New(fault.Unauthorized, "sign in to go on")
	}
	return d.commerce.SessionOf(r.Context(), c.Value)
}

// loginPage is what the log-in shows.
type loginPage struct {
	Email    string
	To       string // where to go afterwards, a path of this site
	Problems []web.Problem
}

func (d *site) showLogin(w http.ResponseWriter, r *http.Request, status int, l loginPage) {
	web.Render(w, r, status, login(web.PublicPage{Title: "Log in", Preferences: web.PreferencesOf(r)}, l))
}

// insidePath lets a return address through that lies inside the dashboard.
func insidePath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || strings.ContainsAny(to, "\\\r\n") || u.Path != "/app" && !strings.HasPrefix(u.Path, "/app/") {
		return "/app"
	}
	return u.String()
}

func (d *site) loginForm(w http.ResponseWriter, r *http.Request) {
	to := insidePath(r.URL.Query().Get("to"))
	if _, err := d.session(r); err == nil {
		web.Redirect(w, r, to)
		return
	}
	d.showLogin(w, r, http.StatusOK, loginPage{To: to})
}

func (d *site) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		d.broken(w, r, fault.New(fault.Invalid, "The form could not be read."))
		return
	}
	l := loginPage{Email: strings.TrimSpace(r.PostForm.Get("email")), To: insidePath(r.PostForm.Get("to"))}
	if wait := d.tries.refuse(l.Email, r.RemoteAddr); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		l.Problems = []web.Problem{{Message: "There were too many tries. Wait " + minutes(wait) + ", then try again."}}
		d.showLogin(w, r, http.StatusTooManyRequests, l)
		return
	}
	secret, err := d.commerce.SignIn(r.Context(), l.Email, r.PostForm.Get("password"))
	switch {
	case fault.Is(err, fault.Unauthorized):
		l.Problems = []web.Problem{{Message: "The e-mail address or the password is wrong."}}
		d.showLogin(w, r, http.StatusUnprocessableEntity, l)
	case err != nil:
		d.broken(w, r, err)
	default:
		d.tries.forget(l.Email)
		d.setCookie(w, r, secret, int(account.SessionLife.Seconds()))
		web.Redirect(w, r, l.To)
	}
}

func (d *site) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(d.cookieName(r)); err == nil {
		if err := d.commerce.SignOut(r.Context(), c.Value); err != nil {
			d.broken(w, r, err)
			return
		}
	}
	d.setCookie(w, r, "", -1)
	web.Redirect(w, r, "/login")
}

// chooser leads to the only account, or lets the member choose.
func (d *site) chooser(w http.ResponseWriter, r *http.Request) {
	who, ok := d.signedIn(w, r)
	if !ok {
		return
	}
	var list []account.Account
	for _, m := range who.Accounts {
		a, _, err := d.report.Account(r.Context(), m.Account)
		if err != nil {
			d.broken(w, r, err)
			return
		}
		list = append(list, a)
	}
	if len(list) == 1 {
		web.Redirect(w, r, "/app/"+list[0].ID.String())
		return
	}
	lead := "Each tab stays in the account that you open in it."
	if len(list) == 0 {
		lead = "You are signed in as " + who.Email + ", but you belong to no account yet. Ask an owner to add you."
	}
	web.Render(w, r, http.StatusOK, chooser(web.PublicPage{Title: "Your accounts", Lead: lead, Preferences: web.PreferencesOf(r)}, list))
}
