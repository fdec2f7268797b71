package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/report"
	"perennial/internal/web"
)

// affiliatePages are the routes of programmes, affiliates, commissions, payouts, licences
// and leads.
func affiliatePages() map[string]page {
	const a = "/app/{account}/"
	return map[string]page{
		"GET " + a + "programs":                      {see, (*visit).programs},
		"GET " + a + "programs/{id}":                 {see, (*visit).program},
		"GET " + a + "programs/{id}/edit":            {promoting, (*visit).editProgram},
		"POST " + a + "programs/{id}/edit":           {promoting, (*visit).saveProgram},
		"POST " + a + "programs/{id}/members/{who}":  {promoting, (*visit).decideMember},
		"GET " + a + "programs/{id}/material":        {promoting, (*visit).newMaterial},
		"POST " + a + "programs/{id}/material":       {promoting, (*visit).addMaterial},
		"POST " + a + "programs/{id}/remove/{which}": {promoting, (*visit).removeMaterial},
		"GET " + a + "affiliates":                    {see, (*visit).affiliates},
		"GET " + a + "affiliates/new":                {promoting, (*visit).newAffiliate},
		"POST " + a + "affiliates/new":               {promoting, (*visit).createAffiliate},
		"GET " + a + "affiliates/{id}":               {see, (*visit).affiliate},
		"POST " + a + "affiliates/{id}/block":        {promoting, (*visit).blockAffiliate},
		"GET " + a + "commissions":                   {see, (*visit).commissions},
		"GET " + a + "payouts":                       {see, (*visit).payouts},
		"GET " + a + "payouts/new":                   {promoting, (*visit).newPayouts},
		"POST " + a + "payouts/new":                  {promoting, (*visit).createPayouts},
		"GET " + a + "payouts/{id}":                  {see, (*visit).payout},
		"GET " + a + "payouts/{id}/paypal.csv":       {promoting, (*visit).payoutFile},
		"POST " + a + "payouts/{id}/settle":          {promoting, (*visit).settlePayout},
		"GET " + a + "licenses":                      {see, (*visit).licenses},
		"GET " + a + "licenses/{id}":                 {see, (*visit).license},
		"POST " + a + "licenses/{id}/change":         {subscriptions, (*visit).changeLicense},
		"GET " + a + "leads":                         {see, (*visit).leads},
	}
}

// rateWords is what a rate earns: "30 %", "€5.00", "nothing".
func rateWords(r affiliate.Rate) string {
	switch {
	case !r.Fixed.IsZero():
		return minorText(r.Fixed.Minor, r.Fixed.Currency)
	case r.Share.IsZero():
		return "nothing"
	}
	return r.Share.Percent() + " %"
}

// termsSentence is what a programme promises, without a full stop.
func termsSentence(t affiliate.Terms) string {
	text := rateWords(t.First) + " of the first payment, " + rateWords(t.Rebill) + " of later ones"
	if t.Cycles > 0 {
		text += ", " + times(int64(t.Cycles))
	}
	if !t.Second.IsZero() {
		text += "; " + t.Second.Percent() + " % for whoever recruited them"
	}
	return text
}

func (v *visit) programs() {
	campaigns, err := v.report.Campaigns(v.r.Context(), v.acc.ID, 0, 200)
	if err != nil {
		v.fail(err)
		return
	}
	list, err := v.report.Programs(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "programs", Caption: "Programmes", Columns: []web.Column{{Label: "Campaign"}, {Label: "Promises", Card: true}, {Label: "New affiliates", Card: true, NoWrap: true}}}
	for _, c := range campaigns {
		row := web.Row{Href: v.at("programs", c.ID.String()), Cells: []templ.Component{web.Strong(c.Name), web.Muted("Not promoted"), nil}}
		if i := slices.IndexFunc(list, func(p affiliate.Program) bool { return p.Campaign == c.ID }); i >= 0 {
			word := "Paused"
			if list[i].Open {
				word = "Active"
			}
			row.Cells[1], row.Cells[2] = web.Text(termsSentence(list[i].Terms)), web.Status(word)
		}
		t.Rows = append(t.Rows, row)
	}
	t.Empty = web.EmptyState(web.Empty{Title: "Programmes will stand here", Text: "Affiliates promote the products of a campaign by links of their own, for a share of what their buyers pay. Make a product first; its campaign can be promoted then."})
	v.show(listPage(v.page("Affiliate programmes"), nil, web.FilterSet{}, t, web.PageOf{}))
}

// campaignHere is the campaign of the address and its programme; nil when it is not promoted.
func (v *visit) campaignHere() (catalog.Campaign, *affiliate.Program, bool) {
	which, ok := find[id.Campaign](v)
	if !ok {
		return catalog.Campaign{}, nil, false
	}
	c, err := v.report.Campaign(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return c, nil, false
	}
	p, err := v.report.Program(v.r.Context(), v.acc.ID, which)
	if fault.Is(err, fault.NotFound) {
		return c, nil, true
	}
	if err != nil {
		v.fail(err)
		return c, nil, false
	}
	return c, &p, true
}

// maxMembers is how many affiliates the page of a programme shows.
const maxMembers = 200

func (v *visit) program() {
	c, program, ok := v.campaignHere()
	if !ok {
		return
	}
	p := v.page(c.Name)
	p.Crumbs = []web.Link{{Label: "Affiliate programmes", Href: v.at("programs")}}
	if program == nil {
		p.Header.Lead = "Nobody promotes this campaign yet."
		if v.may(promoting) {
			p.Header.Primary = web.LinkButton(web.Primary, "Let it be promoted", v.at("programs", c.ID.String(), "edit"))
		}
		v.show(noProgramPage(p))
		return
	}
	p.Header.Lead = termsSentence(program.Terms) + "."
	if v.may(promoting) {
		p.Header.Primary = web.LinkButton(web.Plain, "Edit terms", v.at("programs", c.ID.String(), "edit"))
	}
	members, err := v.report.Members(v.r.Context(), v.acc.ID, c.ID, "", 0, maxMembers)
	if err != nil {
		v.fail(err)
		return
	}
	materials, err := v.report.Materials(v.r.Context(), v.acc.ID, c.ID)
	if err != nil {
		v.fail(err)
		return
	}
	slices.SortStableFunc(members, func(x, y report.Member) int { return pendingFirst(x) - pendingFirst(y) })
	v.show(programPage(v, p, *program, v.memberTable(members), v.materialTable(*program, materials)))
}

func pendingFirst(m report.Member) int {
	if m.Membership.Standing == affiliate.Pending {
		return 0
	}
	return 1
}

var standingWords = map[affiliate.Standing]string{affiliate.Pending: "Pending", affiliate.Approved: "Active", affiliate.Declined: "Declined"}

func (v *visit) memberTable(list []report.Member) web.Table {
	t := web.Table{ID: "members", Caption: "Affiliates of the campaign, table", Columns: []web.Column{{Label: "Affiliate"}, {Label: "Link", Card: true}, {Label: "Since", NoWrap: true}, {Label: "Status", Card: true}, {Label: "Action", HideLabel: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Nobody promotes it yet", Text: "Give the address of the request page to people who may want to, or add an affiliate yourself."})}
	for _, m := range list {
		row := web.Row{Href: v.at("affiliates", m.Affiliate.ID.String()), Cells: []templ.Component{web.Stack(m.Affiliate.Name, m.Affiliate.Email), web.Text(m.Program.LinkPath(m.Affiliate.Code)), web.Date(m.Membership.AskedAt, v.zone),
			web.Status(standingWords[m.Membership.Standing]), nil}}
		if v.may(promoting) {
			at := v.at("programs", m.Membership.Campaign.String(), "members", m.Affiliate.ID.String())
			approve, decline := stateButton(at, string(affiliate.Approved), "Approve", m.Affiliate.Name), stateButton(at, string(affiliate.Declined), "Decline", m.Affiliate.Name)
			switch m.Membership.Standing {
			case affiliate.Pending:
				row.Cells[4] = buttonPair(approve, decline)
			case affiliate.Approved:
				row.Cells[4] = decline
			default:
				row.Cells[4] = approve
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (v *visit) materialTable(p affiliate.Program, list []affiliate.Material) web.Table {
	t := web.Table{ID: "materials", Caption: "Material, table", Columns: []web.Column{{Label: "Title"}, {Label: "Kind", Card: true}, {Label: "Added", NoWrap: true}, {Label: "Action", HideLabel: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "No material yet", Text: "Texts, mails and pictures that affiliates promote the campaign with."})}
	for _, m := range list {
		row := web.Row{Cells: []templ.Component{web.Strong(m.Title), web.Text(materialWords[m.Kind]), web.Date(m.CreatedAt, v.zone), nil}}
		if v.may(promoting) {
			row.Cells[3] = stateButton(v.at("programs", p.Campaign.String(), "remove", m.ID.String()), "removed", "Remove", m.Title)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

var materialWords = map[string]string{"link": "Page", "email": "E-mail", "banner": "Picture", "text": "Text"}

func (v *visit) editProgram() {
	c, program, ok := v.campaignHere()
	if !ok {
		return
	}
	p := affiliate.Program{Terms: affiliate.Standard(), Open: true}
	if program != nil {
		p = *program
	}
	t := p.Terms
	f := url.Values{"slug": {p.Slug}, "landing": {p.Landing}, "intro": {p.Intro}, "hold": {itoa(int64(t.Hold))}, "cookie": {itoa(int64(t.Cookie))}, "winner": {string(t.Winner)}, "mode": {string(t.Mode)},
		"first": {t.First.Share.Percent()}, "rebill": {t.Rebill.Share.Percent()}, "second": {t.Second.Percent()}}
	if t.Cycles > 0 {
		f.Set("cycles", itoa(int64(t.Cycles)))
	}
	for name, on := range map[string]bool{"open": p.Open, "approve": t.Approve, "own": t.Own, "shipping": t.Shipping} {
		if on {
			f.Set(name, "on")
		}
	}
	v.showProgram(c, http.StatusOK, filled{Values: f})
}

func (v *visit) showProgram(c catalog.Campaign, status int, f filled) {
	p := v.page("Programme of " + c.Name)
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Affiliate programmes", Href: v.at("programs")}, {Label: c.Name, Href: v.at("programs", c.ID.String())}}
	p.Header.Lead = "Sales that were brought before earn as they were promised."
	web.Render(v.w, v.r, status, editProgramPage(p, v.at("programs", c.ID.String()), f))
}

func (v *visit) saveProgram() {
	c, program, ok := v.campaignHere()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	terms := affiliate.Standard()
	if program != nil {
		terms = program.Terms
	}
	var bad fault.Fields
	share := func(name string, rate *affiliate.Rate) {
		r, err := percentOf(f.text(name))
		if err != nil {
			bad.Bad(name, "%s", fault.As(err).Message)
		} else if !r.IsZero() || rate.Fixed.IsZero() {
			*rate = affiliate.Rate{Share: r}
		}
	}
	share("first", &terms.First)
	share("rebill", &terms.Rebill)
	second, err := percentOf(f.text("second"))
	if err != nil {
		bad.Bad("second", "%s", fault.As(err).Message)
	}
	terms.Second = second
	terms.Cycles, terms.Hold, terms.Cookie = int(f.whole("cycles", &bad)), int(f.whole("hold", &bad)), int(f.whole("cookie", &bad))
	terms.Winner, terms.Mode = affiliate.Winner(f.Get("winner")), affiliate.Mode(f.Get("mode"))
	terms.Approve, terms.Own, terms.Shipping = f.on("approve"), f.on("own"), f.on("shipping")
	set := commerce.SetProgram{Campaign: c.ID, Terms: &terms}
	landing, intro, open := f.text("landing"), f.text("intro"), f.on("open")
	set.Landing, set.Intro, set.Open = &landing, &intro, &open
	if slug := strings.ToLower(f.text("slug")); slug != "" {
		set.Slug = &slug
	}
	v.submit(f, "", bad.Err(), func(any) string { return v.at("programs", c.ID.String()) + "?done=saved" }, func(call commerce.Call) (any, error) {
		set.Call = call
		return v.commerce.SetProgram(v.r.Context(), set)
	}, func(status int, f filled) { v.showProgram(c, status, f) })
}

func (v *visit) decideMember() {
	c, ok := find[id.Campaign](v)
	if !ok || !v.form() {
		return
	}
	who, err := id.Parse[id.Affiliate](v.r.PathValue("who"))
	if err != nil {
		v.fail(err)
		return
	}
	standing := affiliate.Standing(v.r.PostForm.Get("state"))
	v.press(v.at("programs", c.String())+"?done=saved", func(call commerce.Call) (any, error) {
		return v.commerce.DecideMembership(v.r.Context(), commerce.DecideMembership{Call: call, Campaign: c, Affiliate: who, Standing: &standing})
	})
}

func (v *visit) newMaterial() {
	v.showNewMaterial(http.StatusOK, filled{Values: url.Values{"kind": {"text"}}})
}

func (v *visit) showNewMaterial(status int, f filled) {
	c, _, ok := v.campaignHere()
	if !ok {
		return
	}
	p := v.page("New material")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Affiliate programmes", Href: v.at("programs")}, {Label: c.Name, Href: v.at("programs", c.ID.String())}}
	web.Render(v.w, v.r, status, newMaterialPage(p, v.at("programs", c.ID.String()), f))
}

func (v *visit) addMaterial() {
	c, ok := find[id.Campaign](v)
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	v.submit(f, "", nil, func(any) string { return v.at("programs", c.String()) + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.AddMaterial(v.r.Context(), commerce.AddMaterial{Call: call, Campaign: c, Kind: f.Get("kind"), Title: f.text("title"), Body: strings.ReplaceAll(f.text("body"), "\r\n", "\n")})
	}, v.showNewMaterial)
}

func (v *visit) removeMaterial() {
	c, ok := find[id.Campaign](v)
	if !ok {
		return
	}
	which, err := id.Parse[id.Material](v.r.PathValue("which"))
	if err != nil {
		v.fail(err)
		return
	}
	v.press(v.at("programs", c.String())+"?done=saved", func(call commerce.Call) (any, error) {
		return nil, v.commerce.RemoveMaterial(v.r.Context(), commerce.RemoveMaterial{Call: call, Material: which})
	})
}

func affiliateWord(a affiliate.Affiliate) string {
	if a.State == affiliate.Blocked {
		return "Off"
	}
	return "Active"
}

// affiliates lists them, those first who earned most in the account's currency: as far as
// there are no more than one page holds.
func (v *visit) affiliates() {
	at := pagingOf(v.r.URL)
	list, err := v.report.Affiliates(v.r.Context(), v.acc.ID, beforeKey[id.Affiliate](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(a affiliate.Affiliate) string { return a.ID.String() })
	balances, err := v.report.AffiliateBalances(v.r.Context(), v.acc.ID, 0)
	if err != nil {
		v.fail(err)
		return
	}
	earned := map[id.Affiliate]affiliate.Balance{}
	for _, b := range balances {
		if b.Currency == v.acc.Currency {
			earned[b.Affiliate] = b
		}
	}
	slices.SortStableFunc(list, func(x, y affiliate.Affiliate) int { return int(earned[y.ID].Earned - earned[x.ID].Earned) })
	t := web.Table{ID: "affiliates", Caption: "Affiliates", Columns: []web.Column{{Label: "Affiliate"}, {Label: "Sales", Numeric: true, Card: true}, {Label: "Earned", Numeric: true, Card: true}, {Label: "Due", Numeric: true, Card: true}, {Label: "Status", Card: true}}}
	for _, a := range list {
		b := earned[a.ID]
		t.Rows = append(t.Rows, web.Row{Href: v.at("affiliates", a.ID.String()), Cells: []templ.Component{web.Stack(a.Name, a.Email), web.Text(web.CountText(b.Sales)), web.Money(minorText(b.Earned, v.acc.Currency)),
			web.Money(minorText(b.Due, v.acc.Currency)), web.Status(affiliateWord(a))}})
	}
	p := v.page("Affiliates")
	if v.may(promoting) {
		p.Header.Primary = web.LinkButton(web.Primary, "New affiliate", v.at("affiliates", "new"))
	}
	t.Empty = web.EmptyState(web.Empty{Title: "Affiliates will stand here", Text: "They bring buyers by links of their own and earn a share. Set up a programme for a campaign, then let people ask to promote it, or add them yourself."})
	v.show(listPage(p, nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) newAffiliate() { v.showNewAffiliate(http.StatusOK, filled{Values: url.Values{}}) }

func (v *visit) showNewAffiliate(status int, f filled) {
	programs, err := v.report.Programs(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	campaigns, err := v.report.Campaigns(v.r.Context(), v.acc.ID, 0, 200)
	if err != nil {
		v.fail(err)
		return
	}
	options := []web.Option{{Value: "", Label: "None yet"}}
	for _, c := range campaigns {
		if slices.ContainsFunc(programs, func(p affiliate.Program) bool { return p.Campaign == c.ID }) {
			options = append(options, web.Option{Value: c.ID.String(), Label: c.Name, Selected: f.Get("campaign") == c.ID.String()})
		}
	}
	p := v.page("New affiliate")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Affiliates", Href: v.at("affiliates")}}
	web.Render(v.w, v.r, status, newAffiliatePage(p, v.at("affiliates"), options, f))
}

func (v *visit) createAffiliate() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	campaign, err := id.Parse[id.Campaign](f.Get("campaign"))
	promotes := err == nil
	v.submit(f, "", nil, func(made any) string {
		who := id.Affiliate(0)
		switch m := made.(type) {
		case affiliate.Affiliate:
			who = m.ID
		case affiliate.Membership:
			who = m.Affiliate
		}
		return v.at("affiliates", who.String()) + "?done=saved"
	}, func(call commerce.Call) (any, error) {
		email, name, paypal := f.text("email"), f.text("name"), f.text("paypal")
		put := commerce.PutAffiliate{Call: call, Email: &email, Name: &name, PayPal: &paypal}
		if code := f.text("code"); code != "" {
			put.Code = &code
		}
		if !promotes {
			return v.commerce.PutAffiliate(v.r.Context(), put)
		}
		return v.commerce.AskToPromote(v.r.Context(), commerce.AskToPromote{Call: call, Campaign: campaign, Who: &put, ByTeam: true})
	}, v.showNewAffiliate)
}

func (v *visit) affiliate() {
	which, ok := find[id.Affiliate](v)
	if !ok {
		return
	}
	a, err := v.report.Affiliate(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	at := pagingOf(v.r.URL)
	list, err := v.report.Commissions(v.r.Context(), v.acc.ID, which, beforeKey[id.Commission](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(c affiliate.Commission) string { return c.ID.String() })
	balances, err := v.report.AffiliateBalances(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	members, err := v.report.MembershipsOf(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	p := v.page(a.Name)
	p.Crumbs = []web.Link{{Label: "Affiliates", Href: v.at("affiliates")}}
	p.Header.Status, p.Header.ID, p.Header.Lead = affiliateWord(a), a.ID.String(), a.Email
	v.show(affiliatePage(v, p, a, balances, members, v.commissionTable(list, nil), at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) blockAffiliate() {
	which, ok := find[id.Affiliate](v)
	if !ok || !v.form() {
		return
	}
	state := affiliate.State(v.r.PostForm.Get("state"))
	v.press(v.at("affiliates", which.String())+"?done=saved", func(call commerce.Call) (any, error) {
		return v.commerce.PutAffiliate(v.r.Context(), commerce.PutAffiliate{Call: call, Affiliate: which, State: &state})
	})
}

func (v *visit) affiliateFacts(a affiliate.Affiliate) []web.Fact {
	list := []web.Fact{{Term: "Code in links", Text: a.Code}}
	add := func(term, text, none string) {
		if text == "" {
			text = none
		}
		list = append(list, web.Fact{Term: term, Text: text})
	}
	add("PayPal", a.PayPal, "None: payouts are in no file")
	add("Company", a.Company, "None")
	add("Country", a.Country, "Not known")
	add("Tax form", a.Payee.Form, "None")
	return append(list, web.Fact{Term: "Since", Value: web.Date(a.CreatedAt, v.zone)})
}

func (v *visit) balanceFacts(b affiliate.Balance) []web.Fact {
	sum := func(n int64) string { return minorText(n, b.Currency) }
	return []web.Fact{{Term: "Earned", Text: sum(b.Earned)}, {Term: "Held", Text: sum(b.Held)}, {Term: "Due", Text: sum(b.Due)}, {Term: "Paid out", Text: sum(b.PaidOut)},
		{Term: "Sales", Text: web.CountText(b.Sales)}, {Term: "Refunds", Text: web.CountText(b.Refunds)}}
}

// linkURL is an affiliate's link with the address of this server.
func (v *visit) linkURL(path string) string {
	scheme := "http://"
	if v.secure(v.r) {
		scheme = "https://"
	}
	return scheme + v.r.Host + path
}

// ownPageOf is the address of an affiliate's own page; "" when the server cannot make one.
func (v *visit) ownPageOf(a affiliate.Affiliate) string {
	path, err := v.commerce.AffiliatePage(v.acc.ID, a.ID)
	if err != nil {
		return ""
	}
	return v.linkURL(path)
}
