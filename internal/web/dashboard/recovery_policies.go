package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/recovery"
	"perennial/internal/web"
)

// standard is the path of the policy that needs no row.
const standard = "standard"

// policySentence is what a policy does, without a full stop.
func policySentence(p recovery.Policy) string {
	text := "tries again after "
	for i, s := range p.Steps {
		switch {
		case i == 0:
		case i == len(p.Steps)-1:
			text += " and "
		default:
			text += ", "
		}
		text += s.Words()
	}
	if p.Smart {
		text += ", moved to good days"
	}
	return text + "; then " + p.Final.Words()
}

func capital(s string) string {
	if s == "" {
		return ""
	}
	return string(s[0]-'a'+'A') + s[1:]
}

func (v *visit) recoveryPolicies() {
	list, err := v.report.Policies(v.r.Context(), v.acc.ID, 0, maxChoices)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "policies", Caption: "Policies, table", Columns: []web.Column{{Label: "Name"}, {Label: "What it does", Card: true}, {Label: "Status", Card: true}}}
	row := func(p recovery.Policy, path string) web.Row {
		word := "Active"
		if p.Archived {
			word = "Retired"
		}
		status := web.Status(word)
		if v.acc.Settings.Recovery == p.ID {
			status = web.StatusNote(word, "of the account")
		}
		return web.Row{Href: v.at("recovery", "policies", path), Cells: []templ.Component{web.Strong(p.Name), web.Text(capital(policySentence(p))), status}}
	}
	for _, p := range list {
		t.Rows = append(t.Rows, row(p, p.ID.String()))
	}
	t.Rows = append(t.Rows, row(recovery.Standard(), standard))
	p := v.page("Recovery policies")
	p.Crumbs = []web.Link{{Label: "Recovery", Href: v.at("recovery")}}
	p.Header.Lead = "What is done when a payment fails. A product's own policy counts first, then its campaign's, then the account's."
	if v.may(products) {
		p.Header.Primary = web.LinkButton(web.Primary, "New policy", v.at("recovery", "policies", "new"))
	}
	v.show(listPage(p, web.Tabs("Recovery", v.recoveryTabs("Policies")), web.FilterSet{}, t, web.PageOf{Text: web.RangeText(1, int64(len(t.Rows)), int64(len(t.Rows)), false)}))
}

// loadPolicy is the policy of the address.
func (v *visit) loadPolicy() (recovery.Policy, bool) {
	if v.r.PathValue("id") == standard {
		return recovery.Standard(), true
	}
	which, ok := find[id.RecoveryPolicy](v)
	if !ok {
		return recovery.Policy{}, false
	}
	p, err := v.report.Policy(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return p, err == nil
}

// policyShown is what the page of a policy shows.
type policyShown struct {
	recovery.Policy
	Href      string
	Own       bool // the account uses it where nothing else is named
	Campaigns []catalog.Campaign
	Dates     web.Table
}

func (v *visit) recoveryPolicy() {
	policy, ok := v.loadPolicy()
	if !ok {
		return
	}
	campaigns, err := v.report.Campaigns(v.r.Context(), v.acc.ID, 0, maxChoices)
	if err != nil {
		v.fail(err)
		return
	}
	path := standard
	if policy.ID != 0 {
		path = policy.ID.String()
	}
	shown := policyShown{Policy: policy, Href: v.at("recovery", "policies", path), Own: v.acc.Settings.Recovery == policy.ID, Campaigns: campaigns, Dates: v.dateStrip(policy)}
	p := v.page(policy.Name)
	p.Crumbs = []web.Link{{Label: "Recovery", Href: v.at("recovery")}, {Label: "Policies", Href: v.at("recovery", "policies")}}
	p.Header.Lead = capital(policySentence(policy)) + "."
	if policy.ID != 0 {
		p.Header.ID = policy.ID.String()
		if v.may(products) {
			p.Header.Primary = web.LinkButton(web.Plain, "Edit", shown.Href+"/edit")
		}
	}
	v.show(policyPage(v, p, shown))
}

// dateStrip is what would happen if a charge failed today, and failed at every try.
func (v *visit) dateStrip(p recovery.Policy) web.Table {
	t := web.Table{ID: "dates", Caption: "If a charge failed today", Columns: []web.Column{{Label: "When", NoWrap: true}, {Label: "What", Card: true}, {Label: "Why then", Card: true}}}
	why := ""
	for _, d := range p.Plan(v.now, v.zone, recovery.Later) {
		what := "The charge is declined"
		if d.Step > 0 {
			what = fmt.Sprintf("Try %d of %d", d.Step, len(p.Steps))
		}
		switch {
		case d.Mail && d.Step > 0:
			what += "; if it fails, the customer is told"
		case d.Mail:
			what += ", and the customer is told"
		}
		row := web.Row{Cells: []templ.Component{web.DateTime(d.At, v.zone), web.Text(what), optional(why)}}
		t.Rows = append(t.Rows, row)
		why = d.Why
		if d.Clipped {
			why = "Clipped: " + why
		}
		if d.Final != "" {
			t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.DateTime(d.At, v.zone), web.Text(capital(d.Final.Words())), web.Text("Every try failed.")}})
		}
	}
	return t
}

func (f filled) setPolicy(p recovery.Policy) {
	f.Set("name", p.Name)
	for i, s := range p.Steps {
		at := "steps." + strconv.Itoa(i) + "."
		f.Set(at+"delay", strconv.Itoa(s.Delay))
		f.Set(at+"unit", string(s.Unit))
		if s.Mail {
			f.Set(at+"mail", "1")
		}
	}
	for name, on := range map[string]bool{"mail_first": p.MailFirst, "smart": p.Smart, "remind_yearly": p.RemindYearly} {
		if on {
			f.Set(name, "1")
		}
	}
	f.Set("final", string(p.Final))
	f.Set("access", string(p.Access))
	f.Set("max_declines", strconv.Itoa(p.MaxDeclines))
	if p.RemindDays > 0 {
		f.Set("remind_days", strconv.Itoa(p.RemindDays))
	}
}

// policy reads the form. A row without a delay is no step.
func (f filled) policy() (recovery.Policy, error) {
	var bad fault.Fields
	p := recovery.Policy{Name: f.text("name"), Terms: recovery.Terms{MailFirst: f.on("mail_first"), Smart: f.on("smart"), Final: recovery.Final(f.Get("final")), Access: recovery.Access(f.Get("access")),
		MaxDeclines: int(f.whole("max_declines", &bad)), RemindDays: int(f.whole("remind_days", &bad)), RemindYearly: f.on("remind_yearly")}}
	for i := range recovery.MaxSteps {
		at := "steps." + strconv.Itoa(i) + "."
		if f.text(at+"delay") == "" {
			continue
		}
		p.Steps = append(p.Steps, recovery.Step{Delay: int(f.whole(at+"delay", &bad)), Unit: recovery.Unit(f.Get(at + "unit")), Mail: f.on(at + "mail")})
	}
	if err := bad.Err(); err != nil {
		return p, err
	}
	return p, p.Check()
}

func (v *visit) newPolicy() {
	f := filled{Values: url.Values{}}
	p := recovery.Standard()
	p.Name = ""
	f.setPolicy(p)
	v.showPolicyForm("New policy", v.at("recovery", "policies", "new"), v.at("recovery", "policies"), "Create policy", http.StatusOK, f)
}

// showPolicyForm shows the form with the dates that it would make.
func (v *visit) showPolicyForm(title, action, back, verb string, status int, f filled) {
	p := v.page(title)
	p.Crumbs = []web.Link{{Label: "Recovery", Href: v.at("recovery")}, {Label: "Policies", Href: v.at("recovery", "policies")}}
	var dates *web.Table
	if policy, err := f.policy(); err == nil || fault.Is(err, fault.Invalid) && policy.Name == "" && len(policy.Steps) > 0 && status == http.StatusOK {
		t := v.dateStrip(policy)
		dates = &t
	}
	web.Render(v.w, v.r, status, policyFormPage(p, action, back, verb, f, dates))
}

// preview reports whether the form only asks for its dates.
func (v *visit) preview() bool { return v.r.PostForm.Get("preview") != "" }

func (v *visit) createPolicy() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	show := func(status int, f filled) {
		v.showPolicyForm("New policy", v.at("recovery", "policies", "new"), v.at("recovery", "policies"), "Create policy", status, f)
	}
	if v.preview() {
		show(http.StatusOK, f)
		return
	}
	p, err := f.policy()
	v.submit(f, v.acc.Currency, err, func(made any) string {
		return v.at("recovery", "policies", made.(recovery.Policy).ID.String()) + "?done=policy-created"
	}, func(call commerce.Call) (any, error) {
		return v.commerce.CreateRecoveryPolicy(v.r.Context(), commerce.CreateRecoveryPolicy{Call: call, Name: p.Name, Terms: p.Terms})
	}, show)
}

func (v *visit) editPolicy() {
	p, ok := v.loadPolicy()
	if !ok {
		return
	}
	f := filled{Values: url.Values{}}
	f.setPolicy(p)
	v.showEditPolicy(p, http.StatusOK, f)
}

func (v *visit) showEditPolicy(p recovery.Policy, status int, f filled) {
	here := v.at("recovery", "policies", p.ID.String())
	v.showPolicyForm("Edit "+p.Name, here+"/edit", here, "Save changes", status, f)
}

func (v *visit) updatePolicy() {
	before, ok := v.loadPolicy()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	if v.preview() {
		v.showEditPolicy(before, http.StatusOK, f)
		return
	}
	p, err := f.policy()
	v.submit(f, v.acc.Currency, err, func(any) string { return v.at("recovery", "policies", before.ID.String()) + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateRecoveryPolicy(v.r.Context(), commerce.UpdateRecoveryPolicy{Call: call, Policy: before.ID, Name: &p.Name,
			Terms: func(recovery.Terms) recovery.Terms { return p.Terms }})
	}, func(status int, f filled) { v.showEditPolicy(before, status, f) })
}

// usePolicy makes a policy that of the account, or of a campaign, as the form says.
func (v *visit) usePolicy() {
	policy, ok := v.loadPolicy()
	if !ok || !v.form() {
		return
	}
	path := standard
	if policy.ID != 0 {
		path = policy.ID.String()
	}
	campaign, err := id.Parse[id.Campaign](v.r.PostForm.Get("campaign"))
	v.press(v.at("recovery", "policies", path)+"?done=policy-used", func(call commerce.Call) (any, error) {
		if err != nil {
			return v.commerce.UpdateAccount(v.r.Context(), commerce.UpdateAccount{Call: call, Recovery: &policy.ID})
		}
		return v.commerce.UpdateCampaign(v.r.Context(), commerce.UpdateCampaign{Call: call, Campaign: campaign, Recovery: &policy.ID})
	})
}

// archivePolicy retires a policy or takes it up again, as the form says.
func (v *visit) archivePolicy() {
	policy, ok := v.loadPolicy()
	if !ok || !v.form() {
		return
	}
	archived := v.r.PostForm.Get("state") == string(catalog.Archived)
	v.press(v.at("recovery", "policies", policy.ID.String())+"?done=saved", func(call commerce.Call) (any, error) {
		return v.commerce.UpdateRecoveryPolicy(v.r.Context(), commerce.UpdateRecoveryPolicy{Call: call, Policy: policy.ID, Archived: &archived})
	})
}

// recoveryOptions are the policies that can be chosen for a product.
func (v *visit) recoveryOptions(chosen string) ([]web.Option, error) {
	list, err := v.report.Policies(v.r.Context(), v.acc.ID, 0, maxChoices)
	options := []web.Option{{Label: "As its campaign or the account"}}
	for _, p := range list {
		if !p.Archived || p.ID.String() == chosen {
			options = append(options, web.Option{Value: p.ID.String(), Label: p.Name})
		}
	}
	return web.Choices(chosen, options...), err
}
