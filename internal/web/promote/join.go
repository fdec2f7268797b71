package promote

import (
	"net/http"
	"strings"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/cardnumber"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/web"
)

// joining is the page where one asks to promote a campaign.
type joining struct {
	Program  affiliate.Program
	Account  account.Account
	Campaign string
	Action   string

	Email, Name, Company, PayPal, Country string
	Problems                              []web.Problem
}

func (h *pages) joining(w http.ResponseWriter, r *http.Request) (joining, bool) {
	var j joining
	var err error
	if j.Program, err = h.report.ProgramBySlug(r.Context(), strings.ToLower(r.PathValue("slug"))); err != nil {
		h.fail(w, r, err)
		return j, false
	}
	if j.Account, _, err = h.report.Account(r.Context(), j.Program.Account); err != nil {
		h.fail(w, r, err)
		return j, false
	}
	campaign, err := h.report.Campaign(r.Context(), j.Account.ID, j.Program.Campaign)
	if err != nil {
		h.fail(w, r, err)
		return j, false
	}
	j.Campaign, j.Action = campaign.Name, j.Program.RequestPath(r.PathValue("recruiter"))
	return j, true
}

func (h *pages) page(r *http.Request, j joining, title string) web.PublicPage {
	return web.PublicPage{Title: title, Brand: j.Account.Name, Test: j.Account.Mode == account.Sandbox, Preferences: web.PreferencesOf(r)}
}

func (h *pages) join(w http.ResponseWriter, r *http.Request) {
	j, ok := h.joining(w, r)
	if !ok {
		return
	}
	h.form(w, r, http.StatusOK, j)
}

func (h *pages) form(w http.ResponseWriter, r *http.Request, status int, j joining) {
	p := h.page(r, j, "Promote "+j.Campaign)
	p.Lead = j.Account.Name + " pays you " + promise(j.Program.Terms) + "."
	if !j.Program.Open {
		p.Notice = &web.Message{Kind: web.Info, Title: "Nobody new is taken at the moment", Text: "Whoever promotes already can go on."}
	}
	web.Render(w, r, status, joinPage(p, j))
}

// promise is what a programme pays, in a few words.
func promise(t affiliate.Terms) string {
	first, later := worth(t.First), worth(t.Rebill)
	switch {
	case t.Rebill.IsZero() && t.First.IsZero():
		return "as you agree with them"
	case t.Rebill.IsZero():
		return first + " of the first payment of each buyer that you bring"
	case first == later && t.Cycles == 0:
		return first + " of every payment of the buyers that you bring"
	}
	return first + " of the first payment of each buyer that you bring, and " + later + " of later ones"
}

func worth(r affiliate.Rate) string {
	if !r.Fixed.IsZero() {
		return web.MoneyText(r.Fixed, english)
	}
	if r.Share.IsZero() {
		return "nothing"
	}
	return r.Share.Percent() + " %"
}

func (h *pages) ask(w http.ResponseWriter, r *http.Request) {
	j, ok := h.joining(w, r)
	if !ok {
		return
	}
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, fault.New(fault.Invalid, "the form could not be read"))
		return
	}
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	j.Email, j.Name, j.Company, j.PayPal, j.Country = get("email"), get("name"), get("company"), get("paypal"), get("country")
	for _, typed := range []string{j.Email, j.Name, j.Company, j.PayPal} {
		if cardnumber.In(typed) {
			h.fail(w, r, fault.New(fault.Invalid, "a card number was typed"))
			return
		}
	}
	m, err := h.commerce.AskToPromote(r.Context(), commerce.AskToPromote{
		Call:     commerce.Call{Account: j.Account.ID, Actor: event.Actor{Kind: event.ByCustomer, Name: j.Name}},
		Campaign: j.Program.Campaign, Recruiter: r.PathValue("recruiter"),
		Who: &commerce.PutAffiliate{Email: &j.Email, Name: &j.Name, Company: &j.Company, PayPal: &j.PayPal, Country: &j.Country, JoinedIP: address(r)}})
	switch {
	case fault.Is(err, fault.Invalid):
		for _, f := range fault.As(err).Fields {
			j.Problems = append(j.Problems, web.Problem{Field: f.Name, Message: sentence(f.Name, f.Message)})
		}
		h.form(w, r, http.StatusUnprocessableEntity, j)
	case fault.As(orNone(err)).Code == "program_closed":
		h.form(w, r, http.StatusConflict, j)
	case err != nil:
		h.fail(w, r, err)
	default:
		h.asked(w, r, j, m)
	}
}

// asked tells what came of it. Of an address that was used before it tells nothing, so that
// nobody learns who promotes.
func (h *pages) asked(w http.ResponseWriter, r *http.Request, j joining, m affiliate.Membership) {
	p := h.page(r, j, "Thank you")
	p.Lead = j.Account.Name + " looks at what you wrote, and tells you what they decided."
	link := ""
	if m.Version == 1 && m.Standing == affiliate.Approved {
		who, err := h.report.Affiliate(r.Context(), j.Account.ID, m.Affiliate)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		scheme := "http://"
		if h.o.Secure || r.TLS != nil {
			scheme = "https://"
		}
		p.Lead = "You can promote " + j.Campaign + " from now on."
		link = scheme + r.Host + j.Program.LinkPath(who.Code)
	}
	web.Render(w, r, http.StatusOK, askedPage(p, link))
}

var fieldNames = map[string]string{"email": "The e-mail address", "name": "The name", "company": "The company", "paypal": "The PayPal address", "country": "The country"}

func sentence(field, message string) string { return fieldNames[field] + " " + message + "." }

// none stands for "no error" where a code is looked at.
var none = fault.New(fault.Internal, "")

func orNone(err error) error {
	if err == nil {
		return none
	}
	return err
}
