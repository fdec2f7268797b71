package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/tax"
	"perennial/internal/web"
)

var schemeNames = map[tax.Scheme]string{tax.Manual: "Your own rates", tax.EUVAT: "European Union VAT", tax.USCanada: "United States and Canada"}

// settingsTabs are the pages of taxes, shipping and exchange rates.
func (v *visit) settingsTabs(current string) []web.Tab {
	list := []web.Tab{{Label: "Taxes", Href: v.at("settings", "tax")}, {Label: "Shipping", Href: v.at("settings", "shipping")}, {Label: "Exchange rates", Href: v.at("settings", "exchange-rates")}, {Label: "Billing", Href: v.at("settings", "billing")}}
	for i := range list {
		list[i].Current = strings.HasSuffix(list[i].Href, "/"+current)
	}
	return list
}

func (v *visit) taxProfiles() {
	at := pagingOf(v.r.URL)
	list, err := v.report.TaxProfiles(v.r.Context(), v.acc.ID, beforeKey[id.TaxProfile](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(p tax.Profile) string { return p.ID.String() })
	t := web.Table{ID: "tax-profiles", Caption: "Tax profiles", Columns: []web.Column{{Label: "Profile"}, {Label: "Rules by", Card: true}, {Label: "Prices"}, {Label: "New sales", Card: true}, {Label: "Status", Card: true}}}
	for _, p := range list {
		prices, sales := "Before tax", "–"
		if p.Inclusive {
			prices = "Hold the tax"
		}
		if v.acc.Settings.TaxProfile == p.ID {
			sales = "Taxed by it"
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("settings", "tax", p.ID.String()), Cells: []templ.Component{web.Strong(p.Name), web.Text(schemeNames[p.Kind]), web.Text(prices), web.Text(sales), web.Status(taxWord(p.State))}})
	}
	p := v.page("Taxes")
	if v.may(taxes) {
		p.Header.Primary = web.LinkButton(web.Primary, "New tax profile", v.at("settings", "tax", "new"))
	}
	t.Empty = web.EmptyState(web.Empty{Title: "No tax profile yet", Text: "A tax profile says which taxes a sale carries: by the buyer's place, for businesses and for private buyers. Until new sales use one, all of them carry the one tax of the billing settings."})
	v.show(listPage(p, web.Tabs("Settings", v.settingsTabs("tax")), web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

func taxWord(s tax.State) string {
	if s == tax.Archived {
		return "Retired"
	}
	return "Active"
}

func (v *visit) taxCrumbs(more ...tax.Profile) []web.Link {
	list := []web.Link{{Label: "Taxes", Href: v.at("settings", "tax")}}
	for _, p := range more {
		list = append(list, web.Link{Label: p.Name, Href: v.at("settings", "tax", p.ID.String())})
	}
	return list
}

func (v *visit) newTaxProfile() {
	v.showNewTaxProfile(http.StatusOK, filled{Values: url.Values{"kind": {string(tax.Manual)}, "seller_country": {v.acc.Seller.Country}}})
}

func (v *visit) showNewTaxProfile(status int, f filled) {
	p := v.page("New tax profile")
	p.Narrow, p.Crumbs = true, v.taxCrumbs()
	web.Render(v.w, v.r, status, newTaxProfilePage(v.at("settings", "tax"), p, f))
}

func (v *visit) createTaxProfile() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	made := tax.Profile{Name: f.text("name"), Kind: tax.Scheme(f.Get("kind")), Inclusive: f.on("inclusive"), ShippingTaxed: f.on("shipping_taxed"), SellerCountry: f.text("seller_country"), SellerRegion: f.text("seller_region")}
	v.submit(f, "", nil, func(result any) string {
		return v.at("settings", "tax", result.(commerce.TaxProfile).ID.String()) + "?done=tax-created"
	}, func(call commerce.Call) (any, error) {
		return v.commerce.CreateTaxProfile(v.r.Context(), commerce.CreateTaxProfile{Call: call, Profile: made})
	}, v.showNewTaxProfile)
}

// taxView is a tax profile with its rules.
type taxView struct {
	tax.Profile
	Rules []tax.Rule
}

func (v *visit) loadTaxProfile() (taxView, bool) {
	which, ok := find[id.TaxProfile](v)
	if !ok {
		return taxView{}, false
	}
	p, rules, err := v.report.TaxProfile(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return taxView{p, rules}, err == nil
}

// shownRules is how many rules a page shows.
const shownRules = 200

func (v *visit) taxProfile() {
	t, ok := v.loadTaxProfile()
	if !ok {
		return
	}
	here := v.at("settings", "tax", t.ID.String())
	p := v.page(t.Name)
	p.Crumbs = v.taxCrumbs()
	p.Header.Status, p.Header.ID = taxWord(t.State), t.ID.String()
	if v.may(taxes) {
		p.Header.Primary = web.LinkButton(web.Plain, "Add a rule", here+"/rule")
		p.Header.More = []web.Action{{Label: "Paste rules", Href: here + "/import"}, {Label: "Edit", Href: here + "/edit"}}
	}
	v.show(taxProfilePage(v, p, t, v.ruleTable(t, here)))
}

func (v *visit) ruleTable(t taxView, here string) web.Table {
	table := web.Table{ID: "rules", Caption: "Rules, table", Columns: []web.Column{{Label: "Tax"}, {Label: "Where", Card: true}, {Label: "Rate", Numeric: true, Card: true}, {Label: "When"}, {Label: "Action", HideLabel: true, Card: true, NoWrap: true}}}
	text := "Add a rate for each place in which you charge tax."
	switch t.Kind {
	case tax.EUVAT:
		text = "The standard rates of the member states are built in. Add a rule where yours is another, for example a reduced one."
	case tax.USCanada:
		text = "For a seller in Canada the rates of the provinces are built in. Rates of the United States are yours to add: they depend on where you are registered."
	}
	empty := web.Empty{Title: "No rule of your own", Text: text}
	if v.may(taxes) {
		empty.Primary = web.LinkButton(web.Plain, "Paste rules", here+"/import")
	}
	table.Empty = web.EmptyState(empty)
	key := operationKey()
	for i, r := range t.Rules {
		if i == shownRules {
			break
		}
		row := web.Row{Cells: []templ.Component{web.Strong(r.Name), web.Text(placeText(r.Country, r.Region, r.PostalCode)), web.Text(r.Rate.Percent() + " %"), web.Text(v.ruleTime(r)), nil}}
		if v.may(taxes) {
			row.Cells[4] = priceSwitch(here+"/rules/"+r.ID.String(), key, "removed", "Remove", r.Name+", "+placeText(r.Country, r.Region, r.PostalCode))
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// placeText is a place in words.
func placeText(country, region, code string) string {
	if country == "" {
		return "Everywhere else"
	}
	text := web.CountryName(country)
	if region != "" {
		text += ", " + region
	}
	if code != "" {
		text += ", " + code
	}
	return text
}

func (v *visit) ruleTime(r tax.Rule) string {
	switch {
	case r.From.IsZero() && r.To.IsZero():
		return "Always"
	case r.To.IsZero():
		return "From " + v.date(r.From)
	case r.From.IsZero():
		return "Before " + v.date(r.To)
	}
	return v.date(r.From) + " to before " + v.date(r.To)
}

func (v *visit) profileFacts(t taxView) []web.Fact {
	yes := func(b bool, yes, no string) string {
		if b {
			return yes
		}
		return no
	}
	seller := "–"
	if t.SellerCountry != "" {
		seller = placeText(t.SellerCountry, t.SellerRegion, "")
	}
	return []web.Fact{{Term: "Rules by", Text: schemeNames[t.Kind]}, {Term: "Prices", Text: yes(t.Inclusive, "Hold the tax", "Before tax")},
		{Term: "Shipping", Text: yes(t.ShippingTaxed, "Taxed like what is sent", "Not taxed")}, {Term: "You sell from", Text: seller}, {Term: "Rules of your own", Text: web.CountText(int64(len(t.Rules)))}}
}

func (v *visit) editTaxProfile() {
	t, ok := v.loadTaxProfile()
	if !ok {
		return
	}
	f := url.Values{"name": {t.Name}}
	if t.Inclusive {
		f.Set("inclusive", "1")
	}
	if t.ShippingTaxed {
		f.Set("shipping_taxed", "1")
	}
	v.showEditTaxProfile(t, http.StatusOK, filled{Values: f})
}

func (v *visit) showEditTaxProfile(t taxView, status int, f filled) {
	p := v.page("Edit tax profile")
	p.Narrow, p.Crumbs = true, v.taxCrumbs(t.Profile)
	p.Header.Lead = "Subscriptions that were sold under it follow it from their next invoice on. Documents that were issued stay as they are."
	web.Render(v.w, v.r, status, editTaxProfilePage(v.at("settings", "tax", t.ID.String()), p, f))
}

func (v *visit) updateTaxProfile() {
	t, ok := v.loadTaxProfile()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	name, inclusive, shipping := f.text("name"), f.on("inclusive"), f.on("shipping_taxed")
	v.submit(f, "", nil, v.toTax(t, "saved"), func(call commerce.Call) (any, error) {
		return v.commerce.UpdateTaxProfile(v.r.Context(), commerce.UpdateTaxProfile{Call: call, Profile: t.ID, Name: &name, Inclusive: &inclusive, ShippingTaxed: &shipping})
	}, func(status int, f filled) { v.showEditTaxProfile(t, status, f) })
}

// toTax leads to the page of a profile with a notice.
func (v *visit) toTax(t taxView, done string) func(any) string {
	return func(any) string { return v.at("settings", "tax", t.ID.String()) + "?done=" + done }
}

func (v *visit) archiveTaxProfile() {
	which, ok := find[id.TaxProfile](v)
	if !ok || !v.form() {
		return
	}
	state := tax.State(v.r.PostForm.Get("state"))
	v.press(v.at("settings", "tax", which.String())+"?done=saved", func(call commerce.Call) (any, error) {
		return v.commerce.UpdateTaxProfile(v.r.Context(), commerce.UpdateTaxProfile{Call: call, Profile: which, State: &state})
	})
}

// useTaxProfile makes a profile the one of new sales, or none.
func (v *visit) useTaxProfile() {
	which, ok := find[id.TaxProfile](v)
	if !ok || !v.form() {
		return
	}
	use := which
	if v.r.PostForm.Get("state") == "none" {
		use = 0
	}
	v.press(v.at("settings", "tax", which.String())+"?done=tax-used", func(call commerce.Call) (any, error) {
		return v.commerce.UpdateAccount(v.r.Context(), commerce.UpdateAccount{Call: call, TaxProfile: &use})
	})
}

func (v *visit) newTaxRule() {
	if t, ok := v.loadTaxProfile(); ok {
		v.showTaxRule(t, http.StatusOK, filled{Values: url.Values{}})
	}
}

func (v *visit) showTaxRule(t taxView, status int, f filled) {
	p := v.page("New rule")
	p.Narrow, p.Crumbs = true, v.taxCrumbs(t.Profile)
	web.Render(v.w, v.r, status, taxRulePage(v.at("settings", "tax", t.ID.String()), p, f))
}

// withRules are rules as they are, and more after them. A refusal names the fields of the
// first one that is new.
func checkMore(t taxView, more []tax.Rule) ([]tax.Rule, error) {
	rules := slices.Clone(t.Rules)
	for _, r := range more {
		rules = append(rules, r.Normal())
	}
	return rules, tax.CheckRules(t.Profile, rules)
}

func (v *visit) createTaxRule() {
	t, ok := v.loadTaxProfile()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	r := tax.Rule{Name: f.text("name"), Country: f.text("country"), Region: f.text("region"), PostalCode: f.text("postal_code"), From: f.day(v, "from", &bad), To: f.day(v, "to", &bad)}
	var err error
	if r.Rate, err = percentOf(f.text("rate")); err != nil {
		bad.Bad("rate", "%s", fault.As(err).Message)
	}
	bad.Add("", r.Normal().Check())
	rules, err := checkMore(t, []tax.Rule{r})
	if bad.Err() == nil && err != nil {
		bad.Bad("country", "%s", "has a rule for the same place and time already; give them days that do not overlap")
	}
	v.submit(f, "", bad.Err(), v.toTax(t, "rule-added"), v.keepRules(t, rules), func(status int, f filled) { v.showTaxRule(t, status, f) })
}

// keepRules makes rules the only ones of a profile.
func (v *visit) keepRules(t taxView, rules []tax.Rule) func(call commerce.Call) (any, error) {
	return func(call commerce.Call) (any, error) {
		return v.commerce.UpdateTaxProfile(v.r.Context(), commerce.UpdateTaxProfile{Call: call, Profile: t.ID, Rules: &rules})
	}
}

func (v *visit) removeTaxRule() {
	t, ok := v.loadTaxProfile()
	if !ok {
		return
	}
	which, err := id.Parse[id.TaxRule](v.r.PathValue("rule"))
	rules := slices.DeleteFunc(slices.Clone(t.Rules), func(r tax.Rule) bool { return r.ID == which })
	if err != nil || len(rules) == len(t.Rules) {
		// Rules get new ids whenever one changes, so an old page names none of them.
		v.fail(fault.New(fault.Conflict, "The rules were changed meanwhile. Look at them again."))
		return
	}
	v.press(v.toTax(t, "rule-removed")(nil), v.keepRules(t, rules))
}

// midnight is the beginning of a day in the account's zone, for lines of a table.
func (v *visit) midnight(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, s, v.zone)
	return at.UTC(), err
}
