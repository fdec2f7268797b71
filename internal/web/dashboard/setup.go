package dashboard

import (
	"net/http"
	"slices"
	"strings"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/money"
	"perennial/internal/web"
)

// setupPage is the first owner's form as it was filled in.
type setupPage struct {
	Token            string
	Joins            bool // accounts exist already: no company is asked for
	Name, Email      string
	Company, Country string
	Currency, Zone   string
	ZoneChosen       bool // the person has seen the zone: the script leaves it alone
	Problems         []web.Problem
}

// setupForm shows the first owner's form to whoever has the one-time link.
func (d *site) setupForm(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("token")
	taken, err := d.report.HasMembers(r.Context())
	if err != nil {
		d.broken(w, r, err)
		return
	}
	if taken {
		d.missing(w, r)
		return
	}
	works := false
	if token != "" && len(token) <= 100 {
		if works, err = d.commerce.OwnerLinkWorks(r.Context(), token); err != nil {
			d.broken(w, r, err)
			return
		}
	}
	if !works {
		p := web.PublicPage{Title: "Set up Perennial", Preferences: web.PreferencesOf(r)}
		web.Render(w, r, http.StatusForbidden, setupWithoutToken(p))
		return
	}
	d.showSetup(w, r, http.StatusOK, setupPage{Token: token, Currency: "EUR", Zone: "UTC"})
}

func (d *site) showSetup(w http.ResponseWriter, r *http.Request, status int, s setupPage) {
	existing, err := d.report.Accounts(r.Context())
	if err != nil {
		d.broken(w, r, err)
		return
	}
	s.Joins = len(existing) > 0
	p := web.PublicPage{Title: "Set up Perennial", Preferences: web.PreferencesOf(r), Lead: "You become the owner. A live account and a sandbox are made; you begin in the sandbox, where no money moves."}
	if s.Joins {
		p.Lead = "You become the owner of every account that exists on this server."
	}
	web.Render(w, r, status, setup(p, s))
}

// setUp spends the one-time link.
func (d *site) setUp(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		d.broken(w, r, fault.New(fault.Invalid, "The form could not be read."))
		return
	}
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	s := setupPage{Token: get("token"), Name: get("name"), Email: get("email"), Company: get("company"), Country: get("country"),
		Currency: get("currency"), Zone: get("zone"), ZoneChosen: true}
	done, err := d.commerce.SetUp(r.Context(), commerce.SetUp{Link: s.Token, Name: s.Name, Email: s.Email, Password: r.PostForm.Get("password"),
		Company: commerce.CreateAccount{Name: s.Company, Currency: money.Currency(s.Currency), Zone: s.Zone, Country: s.Country}})
	switch {
	case fault.Is(err, fault.Invalid):
		s.Problems = setupProblems(s, err)
		d.showSetup(w, r, http.StatusUnprocessableEntity, s)
	case fault.Is(err, fault.Forbidden):
		p := web.PublicPage{Title: "Set up Perennial", Preferences: web.PreferencesOf(r)}
		web.Render(w, r, http.StatusForbidden, setupWithoutToken(p))
	case err != nil:
		d.broken(w, r, err)
	default:
		d.setCookie(w, r, done.Session, int(account.SessionLife.Seconds()))
		web.Redirect(w, r, "/app/"+done.Sandbox.String()+"?done=welcome")
	}
}

// setupProblems names the fields as the form does: once the person's own name is
// good, a wrong "name" is the company's.
func setupProblems(s setupPage, err error) []web.Problem {
	f := *fault.As(err)
	f.Fields = slices.Clone(f.Fields)
	for i := range f.Fields {
		if f.Fields[i].Name == "name" && account.CheckName(s.Name, 120) == nil {
			f.Fields[i].Name = "company"
		}
	}
	return problemsOf(&f)
}
