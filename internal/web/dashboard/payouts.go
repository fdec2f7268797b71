package dashboard

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"perennial/internal/affiliate"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/lead"
	"perennial/internal/money"
	"perennial/internal/web"
)

var earnedBy = map[affiliate.Cause]string{affiliate.Sale: "Sale", affiliate.Rebill: "Renewal", affiliate.Refund: "Refund", affiliate.Dispute: "Dispute", affiliate.Won: "Dispute won", affiliate.Adjust: "By hand"}

var commissionWords = map[string]string{"held": "Waiting", "due": "Open", "in_payout": "In a payout"}

// commissionTable lists commissions; people names affiliates, nil leaves them out.
func (v *visit) commissionTable(list []affiliate.Commission, people map[id.Affiliate]affiliate.Affiliate) web.Table {
	t := web.Table{ID: "commissions", Caption: "Commissions, table", Columns: []web.Column{{Label: "For"}, {Label: "When", Card: true, NoWrap: true}, {Label: "Of", Numeric: true}, {Label: "Amount", Numeric: true, Card: true}, {Label: "Status", Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Nothing was earned yet", Text: "Each payment of a buyer whom an affiliate brought stands here, and what refunds take back."})}
	if people != nil {
		t.Columns = append([]web.Column{{Label: "Affiliate"}}, t.Columns...)
	}
	for _, c := range list {
		what := earnedBy[c.Cause]
		if c.Tier == affiliate.SecondTier {
			what += ", second tier"
		}
		first := web.Text(what)
		if c.Note != "" {
			first = web.Stack(what, c.Note)
		}
		row := web.Row{Cells: []templ.Component{first, web.Date(c.At, v.zone), web.Money(minorText(c.Base.Minor, c.Base.Currency)), web.Money(minorText(c.Amount.Minor, c.Amount.Currency)), web.Status(commissionWords[c.State(v.now)])}}
		if c.Invoice != 0 {
			row.Href = v.at("invoices", c.Invoice.String())
		}
		if people != nil {
			row.Cells = append([]templ.Component{web.Strong(people[c.Affiliate].Name)}, row.Cells...)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (v *visit) commissions() {
	at := pagingOf(v.r.URL)
	list, err := v.report.Commissions(v.r.Context(), v.acc.ID, 0, beforeKey[id.Commission](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(c affiliate.Commission) string { return c.ID.String() })
	who := make([]id.Affiliate, len(list))
	for i, c := range list {
		who[i] = c.Affiliate
	}
	people, err := v.report.AffiliatesByID(v.r.Context(), v.acc.ID, who)
	if err != nil {
		v.fail(err)
		return
	}
	v.show(listPage(v.page("Commissions"), nil, web.FilterSet{}, v.commissionTable(list, people), at.pager(v.r.URL, len(list), last, -1)))
}

var payoutWords = map[affiliate.PayoutState]string{affiliate.Ready: "Open", affiliate.PaidOut: "Paid", affiliate.Undone: "Void"}

func (v *visit) payouts() {
	at := pagingOf(v.r.URL)
	list, err := v.report.Payouts(v.r.Context(), v.acc.ID, 0, beforeKey[id.Payout](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(p affiliate.Payout) string { return p.ID.String() })
	who := make([]id.Affiliate, len(list))
	for i, p := range list {
		who[i] = p.Affiliate
	}
	people, err := v.report.AffiliatesByID(v.r.Context(), v.acc.ID, who)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "payouts", Caption: "Payouts", Columns: []web.Column{{Label: "Affiliate"}, {Label: "Set aside", Card: true, NoWrap: true}, {Label: "Amount", Numeric: true, Card: true}, {Label: "To"}, {Label: "Status", Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Payouts will stand here", Text: "A run sets aside what is due to each affiliate and makes the file for PayPal. Say afterwards that the money was sent."})}
	for _, p := range list {
		t.Rows = append(t.Rows, web.Row{Href: v.at("payouts", p.ID.String()), Cells: []templ.Component{web.Strong(people[p.Affiliate].Name), web.Date(p.CreatedAt, v.zone), web.Money(minorText(p.Amount.Minor, p.Amount.Currency)), optional(p.PayPal), web.Status(payoutWords[p.State])}})
	}
	page := v.page("Payouts")
	if v.may(promoting) {
		page.Header.Primary = web.LinkButton(web.Primary, "Set aside what is due", v.at("payouts", "new"))
	}
	v.show(listPage(page, nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) newPayouts() {
	v.showNewPayouts(http.StatusOK, filled{Values: url.Values{"currency": {string(v.acc.Currency)}}})
}

func (v *visit) showNewPayouts(status int, f filled) {
	p := v.page("Set aside what is due")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Payouts", Href: v.at("payouts")}}
	p.Header.Lead = "A payout for each affiliate, of everything that fell due until now. It can be undone until it is paid."
	web.Render(v.w, v.r, status, newPayoutsPage(p, v.at("payouts"), f))
}

func (v *visit) createPayouts() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	c, err := money.ParseCurrency(f.Get("currency"))
	bad.Add("currency", err)
	run := commerce.PayOut{Currency: c}
	if err == nil {
		if n := f.amount("minimum", c, &bad); n != nil {
			run.Minimum = *n
		}
	}
	v.submit(f, c, bad.Err(), func(made any) string {
		if list, _ := made.([]affiliate.Payout); len(list) > 0 {
			return v.at("payouts") + "?done=payouts-made"
		}
		return v.at("payouts") + "?done=payouts-none"
	}, func(call commerce.Call) (any, error) {
		run.Call = call
		return v.commerce.PayOut(v.r.Context(), run)
	}, v.showNewPayouts)
}

func (v *visit) payout() {
	which, ok := find[id.Payout](v)
	if !ok {
		return
	}
	found, err := v.report.Payout(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	p := v.page("Payout to " + found.Affiliate.Name)
	p.Crumbs = []web.Link{{Label: "Payouts", Href: v.at("payouts")}}
	p.Header.Status, p.Header.ID, p.Header.Lead = payoutWords[found.Payout.State], which.String(), minorText(found.Payout.Amount.Minor, found.Payout.Amount.Currency)
	v.show(payoutPage(v, p, found, v.commissionTable(found.Parts, nil)))
}

func (v *visit) payoutFacts(p affiliate.Payout) []web.Fact {
	list := []web.Fact{{Term: "To", Text: p.PayPal}, {Term: "Set aside", Value: web.Date(p.CreatedAt, v.zone)}}
	if p.PayPal == "" {
		list[0].Text = "No PayPal address: it is in no file"
	}
	if !p.PaidAt.IsZero() {
		list = append(list, web.Fact{Term: "Paid", Value: web.Date(p.PaidAt, v.zone)})
	}
	if p.Reference != "" {
		list = append(list, web.Fact{Term: "Reference", Text: p.Reference})
	}
	return list
}

// payoutFile is the file of the run of a payout.
func (v *visit) payoutFile() {
	which, ok := find[id.Payout](v)
	if !ok {
		return
	}
	rows, err := v.report.PayoutRun(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	part, _ := strconv.Atoi(v.r.URL.Query().Get("part")) // what is no number is the first part
	var b bytes.Buffer
	if err := affiliate.WritePayPal(&b, rows, max(part, 0), "Commissions of "+v.acc.Name); err != nil {
		v.fail(err)
		return
	}
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="payouts-`+rows[0].Run.String()+`.csv"`)
	_, _ = b.WriteTo(v.w) // the browser may be gone
}

func (v *visit) settlePayout() {
	which, ok := find[id.Payout](v)
	if !ok || !v.form() {
		return
	}
	undo := v.r.PostForm.Get("state") == string(affiliate.Undone)
	reference := v.r.PostForm.Get("reference")
	v.press(v.at("payouts", which.String())+"?done=saved", func(call commerce.Call) (any, error) {
		return v.commerce.SettlePayout(v.r.Context(), commerce.SettlePayout{Call: call, Payout: which, Undo: undo, Reference: reference})
	})
}

func licenseWord(l commerce.LicenseDone) string {
	switch {
	case !l.Enabled:
		return "Off"
	case !l.Valid:
		return "Ended"
	}
	return "Active"
}

func (v *visit) licenses() {
	at := pagingOf(v.r.URL)
	key := v.r.URL.Query().Get("key")
	var list []commerce.LicenseDone
	var err error
	if key != "" {
		var one commerce.LicenseDone
		if one, err = v.commerce.LicenseByKey(v.r.Context(), v.acc.ID, key); err == nil {
			list = append(list, one)
		}
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
			err = nil
		}
	} else {
		list, err = v.commerce.Licenses(v.r.Context(), v.acc.ID, beforeKey[id.License](&at), pageSize+1)
	}
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(l commerce.LicenseDone) string { return l.ID.String() })
	t := web.Table{ID: "licenses", Caption: "Licences", Columns: []web.Column{{Label: "Key", NoWrap: true}, {Label: "Used at", Card: true}, {Label: "Issued", Card: true, NoWrap: true}, {Label: "Status", Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Licences will stand here", Text: "A product may come with keys that unlock what was bought, made up or uploaded. Say so in its settings through the API."})}
	for _, l := range list {
		t.Rows = append(t.Rows, web.Row{Href: v.at("licenses", l.ID.String()), Cells: []templ.Component{web.IDText(l.Key), optional(l.GUID), web.Date(l.CreatedAt, v.zone), web.Status(licenseWord(l))}})
	}
	f := web.FilterSet{Action: v.at("licenses"), Fields: []web.Filter{{Name: "key", Label: "Key", Type: "search", Value: key, Hint: "AAAA-BBBB-CCCC-DDDD"}}}
	if key != "" {
		t.Empty = web.EmptyState(web.Empty{Title: "No licence has that key"})
		f.Chips, f.Clear = []web.Chip{{Label: "Key: " + key, Href: v.at("licenses")}}, v.at("licenses")
	}
	v.show(listPage(v.page("Licences"), nil, f, t, at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) loadLicense() (commerce.LicenseDone, bool) {
	which, ok := find[id.License](v)
	if !ok {
		return commerce.LicenseDone{}, false
	}
	l, err := v.commerce.License(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return l, err == nil
}

func (v *visit) license() {
	l, ok := v.loadLicense()
	if !ok {
		return
	}
	p := v.page(l.Key)
	p.Crumbs = []web.Link{{Label: "Licences", Href: v.at("licenses")}}
	p.Header.Status, p.Header.ID = licenseWord(l), l.ID.String()
	facts := []web.Fact{{Term: "Customer", Value: web.TextLink(v.at("customers", l.Customer.String()), "Open")}, {Term: "Issued", Value: web.Date(l.CreatedAt, v.zone)}, {Term: "Used at", Text: "Nowhere"}}
	if l.GUID != "" {
		facts[2].Text = l.GUID
		facts = append(facts, web.Fact{Term: "Since", Value: web.Date(l.ActivatedAt, v.zone)})
	}
	if l.Subscription != 0 {
		facts = append(facts, web.Fact{Term: "Subscription", Value: web.TextLink(v.at("subscriptions", l.Subscription.String()), "Open")})
	}
	v.show(licensePage(v, p, l, facts))
}

func (v *visit) changeLicense() {
	l, ok := v.loadLicense()
	if !ok || !v.form() {
		return
	}
	what := v.r.PostForm.Get("state")
	v.press(v.at("licenses", l.ID.String())+"?done=saved", func(call commerce.Call) (any, error) {
		switch what {
		case "clear":
			return v.commerce.ClearLicense(v.r.Context(), commerce.ClearLicense{Call: call, Key: l.Key})
		case "enable", "disable":
			return v.commerce.EnableLicense(v.r.Context(), commerce.EnableLicense{Call: call, Key: l.Key, Disable: what == "disable"})
		}
		return nil, fault.New(fault.Invalid, "the form was not complete")
	})
}

var leadWords = map[lead.State]string{lead.Open: "Lead", lead.Bought: "Succeeded", lead.Abandoned: "Ended"}

func (v *visit) leads() {
	at := pagingOf(v.r.URL)
	list, err := v.report.Leads(v.r.Context(), v.acc.ID, beforeKey[id.Lead](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(l lead.Lead) string { return l.ID.String() })
	t := web.Table{ID: "leads", Caption: "Leads", Columns: []web.Column{{Label: "Lead"}, {Label: "Began", Card: true, NoWrap: true}, {Label: "Last seen", NoWrap: true}, {Label: "Looks", Numeric: true}, {Label: "Status", Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Leads will stand here", Text: "Whoever types an address at a checkout is a lead, until they buy. Ten minutes after they were last seen they have left."})}
	notes := map[lead.State]string{lead.Open: "is looking", lead.Bought: "bought", lead.Abandoned: "left"}
	for _, l := range list {
		row := web.Row{Cells: []templ.Component{web.Stack(l.Email, l.Name), web.DateTime(l.StartedAt, v.zone), web.DateTime(l.SeenAt, v.zone), web.Text(web.CountText(int64(l.Looks))), web.StatusNote(leadWords[l.State], notes[l.State])}}
		if l.Order != 0 {
			row.Href = v.at("customers") + "?email=" + url.QueryEscape(l.Email)
		}
		t.Rows = append(t.Rows, row)
	}
	v.show(listPage(v.page("Leads"), nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}
