package dashboard

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/web"
)

// keyForm is the form of a new API key as it was filled in.
type keyForm struct {
	Name     string
	Key      string
	Secret   string // of the key that was just made, shown this once
	Problems []web.Problem
}

func (v *visit) keys() { v.showKeys(http.StatusOK, keyForm{Key: operationKey()}) }

func (v *visit) showKeys(status int, f keyForm) {
	list, err := v.report.APIKeys(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "keys", Caption: "API keys, table", Columns: []web.Column{{Label: "Name"}, {Label: "Begins with", Card: true}, {Label: "Status", Card: true}, {Label: "Created", NoWrap: true}, {Label: "Action", HideLabel: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "No key yet", Text: "A program needs one to use the API."})}
	for i := len(list) - 1; i >= 0; i-- {
		k := list[i]
		status, revoke := "Active", web.PressButton(web.Press{Variant: web.Plain, Small: true, Label: "Revoke", Href: v.at("developers", "keys", k.ID.String(), "revoke"), Attrs: templ.Attributes{"aria-label": "Revoke " + k.Name}})
		if !k.RevokedAt.IsZero() {
			status, revoke = "Ended", nil
		}
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Strong(k.Name), web.IDText(k.Hint + "…"), web.Status(status), web.Date(k.CreatedAt, v.zone), revoke}})
	}
	p := v.page("API keys")
	p.Header.Lead = "A program sends its key as a bearer token. A key opens this account only."
	web.Render(v.w, v.r, status, keysPage(v, p, t, f))
}

func (v *visit) createKey() {
	if !v.form() {
		return
	}
	f := keyForm{Name: strings.TrimSpace(v.r.PostForm.Get("name")), Key: operationKey()}
	var made commerce.CreatedAPIKey
	o := v.once(func(any) string { return v.at("developers", "keys") }, func(call commerce.Call) (any, error) {
		var err error
		made, err = v.commerce.CreateAPIKey(v.r.Context(), commerce.CreateAPIKey{Call: call, Name: f.Name})
		return made, err
	})
	switch {
	case o.err == nil && made.Secret != "":
		v.showKeys(http.StatusCreated, keyForm{Key: operationKey(), Secret: made.Secret})
	case o.err == nil:
		v.done(o.location) // sent again: the secret was shown once
	default:
		if problems, status, ok := v.again(o.err); ok {
			f.Problems = problems
			v.showKeys(status, f)
		}
	}
}

func (v *visit) loadKey() (account.APIKey, bool) {
	which, ok := find[id.APIKey](v)
	if !ok {
		return account.APIKey{}, false
	}
	list, err := v.report.APIKeys(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return account.APIKey{}, false
	}
	for _, k := range list {
		if k.ID == which {
			return k, true
		}
	}
	v.fail(fault.New(fault.NotFound, "there is no API key with that id"))
	return account.APIKey{}, false
}

func (v *visit) revokeForm() {
	k, ok := v.loadKey()
	if !ok {
		return
	}
	here := v.at("developers", "keys")
	p := v.page("Revoke an API key")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "API keys", Href: here}}
	v.show(confirmPage(p, web.Confirmation{Action: here + "/" + k.ID.String() + "/revoke", OperationKey: operationKey(), Verb: "Revoke " + k.Name, Busy: "Revoking…", Danger: true, CancelHref: here,
		Changes: []web.Fact{{Term: "Key", Text: k.Name, Note: "begins with " + k.Hint}, {Term: "Programs that use it", Text: "Are refused from their next request on"}}, When: "At once", Undo: "Cannot be undone; make a new key instead"}))
}

func (v *visit) revokeKey() {
	k, ok := v.loadKey()
	if !ok || !v.form() {
		return
	}
	o := v.once(func(any) string { return v.at("developers", "keys") + "?done=key-revoked" }, func(call commerce.Call) (any, error) {
		return struct{}{}, v.commerce.RevokeAPIKey(v.r.Context(), commerce.RevokeAPIKey{Call: call, Key: k.ID})
	})
	if o.err != nil {
		v.fail(o.err)
		return
	}
	v.done(o.location)
}
