package checkout

import (
	"net/http"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/web"
)

// referred is what the browser knows of who brought the buyer.
func (h *shop) referred(r *http.Request) commerce.Referred {
	clicks := web.Clicks(r)
	if named, err := id.Parse[id.Click](r.FormValue("click")); err == nil {
		clicks = append(clicks, named) // of a page where the browser may keep nothing
	}
	return commerce.Referred{Clicks: clicks, IP: h.consent(r).IP}
}

// seen notes who typed their address into the form. It answers nothing, whatever was typed:
// the form itself tells what is wrong with it.
func (h *shop) seen(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, fault.New(fault.Invalid, "the form could not be read"))
		return
	}
	s := sale{Slug: r.PathValue("slug")}
	var err error
	if s.CheckoutView, err = h.report.Checkout(r.Context(), s.Slug); err != nil {
		h.fail(w, r, err)
		return
	}
	s.buyer(r.PostForm)
	s.choose(r.PostForm)
	h.seeLead(r, s)
	w.WriteHeader(http.StatusNoContent)
}

// seeLead notes somebody who gave their address. That it cannot be noted keeps nobody from
// buying.
func (h *shop) seeLead(r *http.Request, s sale) {
	if s.Email == "" || web.ProblemOf(s.Problems, "email") != "" || web.ProblemOf(s.Problems, "name") != "" {
		return
	}
	_, err := h.commerce.SeeLead(r.Context(), commerce.SeeLead{Call: commerce.Call{Account: s.Account.ID, Actor: event.Actor{Kind: event.ByCustomer, Name: s.Name}},
		Email: s.Email, Name: s.Name, Price: s.Chosen.ID, Referred: h.referred(r)})
	if err != nil && !fault.Is(err, fault.Invalid) && r.Context().Err() == nil {
		h.o.Log.WarnContext(r.Context(), "a lead could not be noted", "err", err)
	}
}

// leadAttrs tell the server of an address that was typed, with what is bought and nothing
// else of the form.
func (s sale) leadAttrs() templ.Attributes {
	return templ.Attributes{"hx-post": "/c/" + s.Slug + "/lead", "hx-trigger": "change", "hx-swap": "none", "hx-include": "#choice, [name=click]"}
}
