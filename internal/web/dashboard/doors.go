package dashboard

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/web"
)

// Clients of other systems: the credentials that they come in with, and what is pasted into
// sites.

// doorPages are the routes of credentials of other systems' clients, and of widgets.
func doorPages() map[string]page {
	const doors, widgets = "/app/{account}/developers/doors", "/app/{account}/developers/widgets"
	return map[string]page{
		"GET " + doors:                   {keys, (*visit).doors},
		"POST " + doors:                  {keys, (*visit).createDoor},
		"GET " + doors + "/{id}/revoke":  {keys, (*visit).revokeDoorForm},
		"POST " + doors + "/{id}/revoke": {keys, (*visit).revokeDoor},

		"GET " + widgets:                   {keys, (*visit).widgets},
		"POST " + widgets:                  {keys, (*visit).createWidget},
		"GET " + widgets + "/{id}/remove":  {keys, (*visit).removeWidgetForm},
		"POST " + widgets + "/{id}/remove": {keys, (*visit).removeWidget},
	}
}

// systems are the other systems as people know them.
var systems = []web.Option{{Value: string(account.PayWhirl), Label: "PayWhirl"}, {Value: string(account.PayKickstart), Label: "PayKickstart"},
	{Value: string(account.ProfitWell), Label: "ProfitWell"}, {Value: string(account.ProfitWellPublic), Label: "ProfitWell, pages of a shop"}}

// doorForm is the form of new credentials; key and secret are those that were just made, and
// are shown this once.
type doorForm struct {
	filled
	key, secret string
}

func (v *visit) doors() { v.showDoors(http.StatusOK, doorForm{}) }

func (v *visit) showDoors(status int, f doorForm) {
	list, err := v.report.DoorKeys(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "doors", Caption: "Credentials", Columns: []web.Column{{Label: "Name"}, {Label: "System", Card: true}, {Label: "Begins with", Card: true}, {Label: "Status", Card: true}, {Label: "Created", NoWrap: true}, {Label: "Action", HideLabel: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "No client of another system yet", Text: "A program that speaks to PayWhirl, PayKickstart or ProfitWell goes on to work here: give it an address, and credentials."})}
	for i := len(list) - 1; i >= 0; i-- {
		k := list[i]
		status, revoke := "Active", web.PressButton(web.Press{Variant: web.Plain, Small: true, Label: "Revoke", Href: v.at("developers", "doors", k.ID.String(), "revoke"), Attrs: templ.Attributes{"aria-label": "Revoke " + k.Name}})
		if !k.RevokedAt.IsZero() {
			status, revoke = "Ended", nil
		}
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Strong(k.Name), web.Text(optionLabel(systems, string(k.Dialect))), web.IDText(k.Hint + "…"), web.Status(status), web.Date(k.CreatedAt, v.zone), revoke}})
	}
	if f.Values == nil {
		f.Values = url.Values{}
	}
	p := v.page("Clients of other systems")
	p.Header.Lead = "Programs that were written for another system come in with these. They open this account only."
	web.Render(v.w, v.r, status, doorsPage(v, p, t, f))
}

func (v *visit) createDoor() {
	if !v.form() {
		return
	}
	f := doorForm{filled: filled{Values: v.r.PostForm}}
	var made commerce.CreatedDoorKey
	o := v.once(func(any) string { return v.at("developers", "doors") }, func(call commerce.Call) (any, error) {
		var err error
		made, err = v.commerce.CreateDoorKey(v.r.Context(), commerce.CreateDoorKey{Call: call, Dialect: account.Dialect(f.text("dialect")), Name: f.text("name"), Key: f.text("key"), Secret: f.text("secret")})
		return made.DoorKey, err
	})
	switch {
	case o.err == nil && made.Key != "":
		v.showDoors(http.StatusCreated, doorForm{key: made.Key, secret: made.Secret})
	case o.err == nil:
		v.done(o.location) // sent again: they were shown once
	default:
		if problems, status, ok := v.again(o.err); ok {
			f.Values, f.problems = without(f.Values, "key", "secret"), problems
			v.showDoors(status, f)
		}
	}
}

func (v *visit) loadDoor() (account.DoorKey, bool) {
	which, ok := find[id.DoorKey](v)
	if !ok {
		return account.DoorKey{}, false
	}
	list, err := v.report.DoorKeys(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return account.DoorKey{}, false
	}
	for _, k := range list {
		if k.ID == which {
			return k, true
		}
	}
	v.fail(fault.New(fault.NotFound, "there are no such credentials"))
	return account.DoorKey{}, false
}

func (v *visit) revokeDoorForm() {
	k, ok := v.loadDoor()
	if !ok {
		return
	}
	here := v.at("developers", "doors")
	p := v.page("Revoke credentials")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Clients of other systems", Href: here}}
	v.show(confirmPage(p, web.Confirmation{Action: here + "/" + k.ID.String() + "/revoke", OperationKey: operationKey(), Verb: "Revoke " + k.Name, Busy: "Revoking…", Danger: true, CancelHref: here,
		Changes: []web.Fact{{Term: "Credentials", Text: k.Name, Note: "begin with " + k.Hint}, {Term: "Clients that use them", Text: "Are refused from their next request on"}}, When: "At once", Undo: "Cannot be undone; make new ones instead"}))
}

func (v *visit) revokeDoor() {
	k, ok := v.loadDoor()
	if !ok {
		return
	}
	v.press(v.at("developers", "doors")+"?done=key-revoked", func(call commerce.Call) (any, error) {
		return struct{}{}, v.commerce.RevokeDoorKey(v.r.Context(), commerce.RevokeDoorKey{Call: call, DoorKey: k.ID})
	})
}

func (v *visit) widgets() { v.showWidgets(http.StatusOK, filled{Values: url.Values{}}) }

func (v *visit) showWidgets(status int, f filled) {
	list, err := v.report.Widgets(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "widgets", Caption: "Widgets, table", Columns: []web.Column{{Label: "Name"}, {Label: "Code", Card: true}, {Label: "Sites", Card: true}, {Label: "Action", HideLabel: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "No widget yet", Text: "A widget shows your plans, and the customers' log-in, on a site of yours."})}
	for _, w := range list {
		remove := web.PressButton(web.Press{Variant: web.Plain, Small: true, Label: "Remove", Href: v.at("developers", "widgets", w.ID.String(), "remove"), Attrs: templ.Attributes{"aria-label": "Remove " + w.Name}})
		sites := "None: it is a page of its own"
		if len(w.Sites) > 0 {
			sites = strings.Join(w.Sites, ", ")
		}
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Strong(w.Name), web.IDText(w.Code), web.Text(sites), remove}})
	}
	p := v.page("Widgets")
	p.Header.Lead = "What your sites show of your plans. A browser shows a widget on the sites that it names, and on no other."
	web.Render(v.w, v.r, status, widgetsPage(v, p, t, f))
}

func (v *visit) createWidget() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	v.submit(f, "", nil, func(any) string { return v.at("developers", "widgets") + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.CreateWidget(v.r.Context(), commerce.CreateWidget{Call: call, Name: f.text("name"), Code: f.text("code"), Sites: wordsOf(f.Get("sites"))})
	}, v.showWidgets)
}

func (v *visit) loadWidget() (account.Widget, bool) {
	which, ok := find[id.Widget](v)
	if !ok {
		return account.Widget{}, false
	}
	list, err := v.report.Widgets(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return account.Widget{}, false
	}
	for _, w := range list {
		if w.ID == which {
			return w, true
		}
	}
	v.fail(fault.New(fault.NotFound, "there is no such widget"))
	return account.Widget{}, false
}

func (v *visit) removeWidgetForm() {
	w, ok := v.loadWidget()
	if !ok {
		return
	}
	here := v.at("developers", "widgets")
	p := v.page("Remove widget")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Widgets", Href: here}}
	v.show(confirmPage(p, web.Confirmation{Action: here + "/" + w.ID.String() + "/remove", OperationKey: operationKey(), Verb: "Remove " + w.Name, Busy: "Removing…", Danger: true, CancelHref: here,
		Changes: []web.Fact{{Term: "Sites that show it", Text: "Show that nothing is here"}}, When: "At once", Undo: "Make another with the same code"}))
}

func (v *visit) removeWidget() {
	w, ok := v.loadWidget()
	if !ok {
		return
	}
	v.press(v.at("developers", "widgets")+"?done=widget-removed", func(call commerce.Call) (any, error) {
		return struct{}{}, v.commerce.RemoveWidget(v.r.Context(), commerce.RemoveWidget{Call: call, Widget: w.ID})
	})
}
