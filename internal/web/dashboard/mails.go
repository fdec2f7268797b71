package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/locale"
	"perennial/internal/notice"
	"perennial/internal/outbox"
	"perennial/internal/report"
	"perennial/internal/web"
)

// MailOptions is what the pages about e-mails are given by whoever wires the program.
type MailOptions struct {
	// Server says that the installation has a mail server.
	Server bool
	// Own checks how an account uses a mail server of its own, by going there, and gives
	// its name and its sealed form.
	Own func(ctx context.Context, a id.Account, host string, port int, user, password, from, tls string) (address, sealed string, err error)
	// Send sends a message now, past the outbox, to try how it arrives.
	Send func(ctx context.Context, a id.Account, sealed string, m notice.Message) error
	// Reveal puts the addresses of links where a message has their markers.
	Reveal func(ctx context.Context, a id.Account, m notice.Message) (notice.Message, error)
}

func mailPages() map[string]page {
	const a = "/app/{account}/"
	return map[string]page{
		"GET " + a + "mails":              {see, (*visit).mails},
		"GET " + a + "mails/{id}":         {see, (*visit).mail},
		"GET " + a + "mails/{id}/html":    {see, (*visit).mailHTML},
		"POST " + a + "mails/{id}/resend": {subscriptions, (*visit).resendMail},

		"POST " + a + "customers/{id}/mails": {subscriptions, (*visit).chooseMails},

		"GET " + a + "settings/mails":                 {see, (*visit).mailKinds},
		"GET " + a + "settings/mails/{kind}":          {see, (*visit).mailText},
		"POST " + a + "settings/mails/{kind}":         {mailing, (*visit).saveMailText},
		"POST " + a + "settings/mails/{kind}/preview": {see, (*visit).previewMail},
		"POST " + a + "settings/mails/{kind}/switch":  {mailing, (*visit).switchMail},
		"POST " + a + "settings/mails/{kind}/reset":   {mailing, (*visit).resetMail},
		"POST " + a + "settings/mails/{kind}/test":    {mailing, (*visit).testMail},
		"GET " + a + "settings/sender":                {see, (*visit).sender},
		"POST " + a + "settings/sender":               {mailing, (*visit).saveSender},
		"POST " + a + "settings/sender/team":          {mailing, (*visit).saveTeam},
		"POST " + a + "settings/sender/server":        {mailing, (*visit).saveServer},
		"GET " + a + "settings/suppressions":          {see, (*visit).suppressions},
		"POST " + a + "settings/suppressions":         {mailing, (*visit).suppress},
		"POST " + a + "settings/suppressions/{id}":    {mailing, (*visit).release},
	}
}

var mailStates = []web.Option{{Label: "Any"}, {Value: string(outbox.Waiting), Label: "Waiting"}, {Value: string(outbox.Delivered), Label: "Sent or kept"}, {Value: string(outbox.Dead), Label: "Failed"}}

// mailWord is what became of a mail.
func mailWord(m report.MailView) string {
	switch {
	case m.Sent():
		return "Sent"
	case m.Delivery.State == outbox.Delivered:
		return "Kept"
	case m.Delivery.State == outbox.Dead:
		return "Failed"
	}
	return "Waiting"
}

// mailTitle is what a mail is called.
func mailTitle(k notice.Kind) string {
	if m, ok := notice.Of(k); ok {
		return m.Title
	}
	return "Not written yet"
}

func (v *visit) mailTable(list []report.MailView) web.Table {
	t := web.Table{ID: "mails", Caption: "E-mails, table", Columns: []web.Column{{Label: "Subject"}, {Label: "To", Card: true}, {Label: "E-mail", Optional: true}, {Label: "Status", Card: true}, {Label: "When", Card: true, NoWrap: true}}}
	for _, m := range list {
		subject := m.Subject
		if subject == "" {
			subject = mailTitle(m.Kind)
		}
		row := web.Row{Cells: []templ.Component{web.Strong(subject), optional(m.Recipient), web.Text(mailTitle(m.Kind)), web.Status(mailWord(m)), web.DateTime(m.At, v.zone)}}
		if m.Kind != "" {
			row.Href = v.at("mails", m.ID.String())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (v *visit) mails() {
	at, q := pagingOf(v.r.URL), v.r.URL.Query()
	state := outbox.State(q.Get("status"))
	email := strings.ToLower(strings.TrimSpace(q.Get("email")))
	query := report.MailQuery{State: state, Before: beforeKey[id.Delivery](&at), Limit: pageSize + 1}
	var list []report.MailView
	c, err := customer.Customer{}, error(nil)
	if email != "" {
		c, err = v.report.CustomerByEmail(v.r.Context(), v.acc.ID, email)
		query.Customer = c.ID
	}
	switch {
	case fault.Is(err, fault.NotFound): // nobody has that address, so nothing was sent to it
		err = nil
	case err == nil:
		list, err = v.report.Mails(v.r.Context(), v.acc.ID, query)
	}
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(m report.MailView) string { return m.ID.String() })
	t := v.mailTable(list)
	p := v.page("Mailbox")
	p.Header.Lead = "Every e-mail of this sandbox, as the customer would get it. None leaves the house."
	if !v.sandbox() {
		p = v.page("E-mail log")
		p.Header.Lead = "Every e-mail that was written to customers and to your team."
		if !v.o.Mail.Server {
			p.Header.Lead += " There is no mail server yet, so they are kept here."
		}
	}
	filter := web.FilterSet{Action: v.at("mails"), Fields: []web.Filter{{Name: "status", Label: "Status", Options: web.Choices(string(state), mailStates...)},
		{Name: "email", Label: "Customer's e-mail", Type: "search", Value: email, Hint: "ada@example.com"}}}
	empty := web.Empty{Title: "E-mails will stand here", Text: "The first ones are written when somebody subscribes or pays."}
	if state != "" {
		filter.Chips = append(filter.Chips, web.Chip{Label: "Status: " + optionLabel(mailStates, string(state)), Href: v.at("mails") + "?" + url.Values{"email": {email}}.Encode()})
	}
	if email != "" {
		filter.Chips = append(filter.Chips, web.Chip{Label: "Customer: " + email, Href: v.at("mails") + "?" + url.Values{"status": {string(state)}}.Encode()})
	}
	if len(filter.Chips) > 0 {
		filter.Clear = v.at("mails")
		empty = web.Empty{Title: "Nothing matches", Chips: filter.Chips, Clear: filter.Clear}
	}
	t.Empty = web.EmptyState(empty)
	v.show(listPage(p, nil, filter, t, at.pager(v.r.URL, len(list), last, -1)))
}

// loadMail is the mail of the address, with the addresses of links in it where those
// may be shown: in a sandbox.
func (v *visit) loadMail() (report.MailView, bool) {
	which, ok := find[id.Delivery](v)
	if !ok {
		return report.MailView{}, false
	}
	m, err := v.report.Mail(v.r.Context(), v.acc.ID, which)
	if err == nil && v.sandbox() && v.o.Mail.Reveal != nil {
		if shown, cannot := v.o.Mail.Reveal(v.r.Context(), v.acc.ID, m.Message); cannot == nil {
			m.Message = shown
		}
	}
	if err != nil {
		v.fail(err)
	}
	return m, err == nil
}

func (v *visit) mail() {
	m, ok := v.loadMail()
	if !ok {
		return
	}
	title := m.Subject
	if title == "" {
		title = mailTitle(m.Kind)
	}
	p := v.page(title)
	label := "E-mail log"
	if v.sandbox() {
		label = "Mailbox"
	}
	p.Crumbs = []web.Link{{Label: label, Href: v.at("mails")}}
	p.Header.Status, p.Header.ID = mailWord(m), m.ID.String()
	v.show(mailPage(v, p, m))
}

func (v *visit) mailFacts(m report.MailView) []web.Fact {
	facts := []web.Fact{{Term: "To", Text: m.Recipient}, {Term: "E-mail", Text: mailTitle(m.Kind)}, {Term: "Language", Text: languageName(m.Language)}, {Term: "Written", Value: web.DateTime(m.At, v.zone)}}
	if m.Customer != 0 {
		facts = append(facts, web.Fact{Term: "Customer", Value: web.TextLink(v.at("customers", m.Customer.String()), "Open")})
	}
	if m.Message.FromName != "" {
		facts = append(facts, web.Fact{Term: "From", Text: m.Message.FromName}, web.Fact{Term: "Answers go to", Text: m.Message.ReplyTo})
	}
	if m.Message.Copy != "" {
		facts = append(facts, web.Fact{Term: "Blind copy", Text: m.Message.Copy})
	}
	if m.Delivery.Attempts > 0 && (m.Delivery.Answer != 0 || m.Delivery.Failure != "") {
		facts = append(facts, web.Fact{Term: "Tries", Text: strconv.Itoa(m.Delivery.Attempts)})
	}
	if m.Delivery.Failure != "" {
		facts = append(facts, web.Fact{Term: "Last failure", Text: m.Delivery.Failure})
	}
	if m.Delivery.State == outbox.Waiting && !m.Delivery.NextAt.IsZero() {
		facts = append(facts, web.Fact{Term: "Next try", Value: web.DateTime(m.Delivery.NextAt, v.zone)})
	}
	return facts
}

func (v *visit) mailHTML() {
	m, ok := v.loadMail()
	if !ok {
		return
	}
	html, err := m.Page()
	if err != nil {
		v.fail(err)
		return
	}
	web.Foreign(v.w, v.r, html)
}

func (v *visit) resendMail() {
	which, ok := find[id.Delivery](v)
	if !ok {
		return
	}
	v.press(v.at("mails", which.String())+"?done=mail-resent", func(call commerce.Call) (any, error) {
		return v.commerce.ResendMail(v.r.Context(), commerce.ResendMail{Call: call, Mail: which})
	})
}

func (v *visit) chooseMails() {
	which, ok := find[id.Customer](v)
	if !ok || !v.form() {
		return
	}
	optional := v.r.PostForm.Get("optional") == "yes"
	v.press(v.at("customers", which.String())+"?done=saved", func(call commerce.Call) (any, error) {
		return nil, v.commerce.ChooseMails(v.r.Context(), commerce.ChooseMails{Call: call, Customer: which, Optional: optional})
	})
}

var languageNames = map[string]string{"en": "English", "de": "German", "fr": "French", "es": "Spanish", "el": "Greek", "bg": "Bulgarian"}

func languageName(tag string) string {
	if name, ok := languageNames[tag]; ok {
		return name
	}
	return tag
}

// mailKinds lists every mail that can be sent.
func (v *visit) mailKinds() {
	set, err := v.report.MailSetUp(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "mails", Caption: "E-mails", Columns: []web.Column{{Label: "E-mail"}, {Label: "Sent when", Card: true}, {Label: "To", Optional: true}, {Label: "Own texts", Card: true}, {Label: "Status", Card: true}}}
	for _, m := range notice.Mails {
		var own []string
		for _, o := range set.Texts {
			if name := languageName(o.Language); o.Kind == m.Kind && !slices.Contains(own, name) {
				own = append(own, name)
			}
		}
		status := web.Status("Active")
		switch {
		case m.Must != "":
			status = web.StatusNote("Active", "always sent")
		case set.Settings.Off(m.Kind):
			status = web.Status("Off")
		}
		to := "Customer"
		if m.Team {
			to = "Your team"
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("settings", "mails", string(m.Kind)), Cells: []templ.Component{web.Strong(m.Title), web.Text(upper(m.When)), web.Text(to), optional(strings.Join(own, ", ")), status}})
	}
	p := v.page("E-mails")
	p.Header.Lead = "What is written to customers and to your team, and when."
	v.show(listPage(p, nil, web.FilterSet{}, t, web.PageOf{}))
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// mailEdit is the editor of one mail.
type mailEdit struct {
	mail notice.Mail
	set  report.MailSetUp
	campaigns
	language string
	own      bool
	filled
}

// campaigns are those that a mail, or the look of mails, may be chosen for.
type campaigns struct {
	campaign id.Campaign // that was chosen; 0 for all
	all      []catalog.Campaign
}

// maxChosen is how many campaigns a page offers.
const maxChosen = 50

// loadCampaigns reads the campaigns, and which of them the request names.
func (v *visit) loadCampaigns() (campaigns, bool) {
	var c campaigns
	var err error
	if text := v.r.FormValue("campaign"); text != "" {
		if c.campaign, err = id.Parse[id.Campaign](text); err == nil {
			_, err = v.report.Campaign(v.r.Context(), v.acc.ID, c.campaign)
		}
	}
	if err == nil {
		c.all, err = v.report.Campaigns(v.r.Context(), v.acc.ID, 0, maxChosen)
	}
	if err != nil {
		v.fail(err)
	}
	return c, err == nil
}

// query is the chosen campaign as addresses name it, behind a sign.
func (c campaigns) query(sign string) string {
	if c.campaign == 0 {
		return ""
	}
	return sign + "campaign=" + c.campaign.String()
}

// name is the chosen campaign as forms name it.
func (c campaigns) name() string {
	if c.campaign == 0 {
		return ""
	}
	return c.campaign.String()
}

// inherited says where a text comes from that is not the account's own here.
func (e mailEdit) inherited() string {
	if _, has := e.set.Own(e.mail.Kind, 0, e.language); has && e.campaign != 0 {
		return "of all campaigns"
	}
	return "that comes with the program"
}

// loadMailText is the mail of the address in the language and for the campaign that the
// query names.
func (v *visit) loadMailText() (mailEdit, bool) {
	m, ok := notice.Of(notice.Kind(v.r.PathValue("kind")))
	if !ok {
		v.fail(errNoPage)
		return mailEdit{}, false
	}
	set, err := v.report.MailSetUp(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return mailEdit{}, false
	}
	chosen, ok := v.loadCampaigns()
	if !ok {
		return mailEdit{}, false
	}
	l := locale.Named(v.r.FormValue("language"))
	e := mailEdit{mail: m, set: set, language: l.Language().String(), campaigns: chosen}
	text, _ := notice.Default(m.Kind, l)
	if o, has := set.Own(m.Kind, 0, e.language); has {
		text, e.own = o.Text, e.campaign == 0
	}
	if o, has := set.Own(m.Kind, e.campaign, e.language); has {
		text, e.own = o.Text, true
	}
	e.Values = url.Values{"subject": {text.Subject}, "preheader": {text.Preheader}, "body": {text.Body}}
	return e, true
}

func (v *visit) mailText() {
	if e, ok := v.loadMailText(); ok {
		v.showMailText(http.StatusOK, e)
	}
}

func (v *visit) showMailText(status int, e mailEdit) {
	p := v.page(e.mail.Title)
	p.Crumbs = []web.Link{{Label: "E-mails", Href: v.at("settings", "mails")}}
	p.Header.Lead = "Sent when " + e.mail.When + "."
	web.Render(v.w, v.r, status, mailTextPage(v, p, e))
}

func (e mailEdit) text() notice.Text {
	return notice.Text{Subject: strings.TrimSpace(e.Get("subject")), Preheader: strings.TrimSpace(e.Get("preheader")), Body: strings.ReplaceAll(e.Get("body"), "\r\n", "\n")}
}

func (v *visit) editedMailText() (mailEdit, bool) {
	if !v.form() {
		return mailEdit{}, false
	}
	e, ok := v.loadMailText()
	e.Values = v.r.PostForm
	return e, ok
}

func (v *visit) mailTextAt(e mailEdit) string {
	return v.at("settings", "mails", string(e.mail.Kind)) + "?language=" + e.language + e.query("&")
}

func (v *visit) saveMailText() {
	e, ok := v.editedMailText()
	if !ok {
		return
	}
	v.submit(e.filled, "", nil, func(any) string { return v.mailTextAt(e) + "&done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.SetMailText(v.r.Context(), commerce.SetMailText{Call: call, Own: notice.Own{Kind: e.mail.Kind, Campaign: e.campaign, Language: e.language, Text: e.text()}})
	}, func(status int, f filled) {
		e.filled = f
		v.showMailText(status, e)
	})
}

// previewMail answers with the mail itself, for the frame beside the editor.
func (v *visit) previewMail() {
	e, ok := v.editedMailText()
	if !ok {
		return
	}
	made, err := commerce.PreviewMail(e.set.Account, e.set.Brands, e.mail, e.text(), e.campaign, e.language, v.now)
	if err != nil {
		var list []string
		for _, p := range web.Problems(err) {
			list = append(list, p.Message)
		}
		web.ForeignText(v.w, v.r, strings.Join(list, "\n\n"))
		return
	}
	if v.r.PostForm.Get("part") == "text" {
		web.ForeignText(v.w, v.r, made.Subject+"\n\n"+made.Text)
		return
	}
	web.Foreign(v.w, v.r, made.HTML)
}

func (v *visit) switchMail() {
	e, ok := v.editedMailText()
	if !ok {
		return
	}
	off, copyTo := !e.on("on"), e.filled.text("copy")
	v.submit(e.filled, "", nil, func(any) string { return v.mailTextAt(e) + "&done=saved" }, func(call commerce.Call) (any, error) {
		c := commerce.UpdateMail{Call: call, Kind: e.mail.Kind, Copy: &copyTo}
		if e.mail.Must == "" {
			c.Off = &off
		}
		return v.commerce.UpdateMail(v.r.Context(), c)
	}, func(status int, f filled) {
		text, _ := v.loadMailText()
		text.problems = f.problems
		v.showMailText(status, text)
	})
}

func (v *visit) resetMail() {
	e, ok := v.editedMailText()
	if !ok {
		return
	}
	v.press(v.mailTextAt(e)+"&done=mail-reset", func(call commerce.Call) (any, error) {
		return nil, v.commerce.RemoveMailText(v.r.Context(), commerce.RemoveMailText{Call: call, Kind: e.mail.Kind, Campaign: e.campaign, Language: e.language})
	})
}

// testMail sends the text as it was saved to whoever asks.
func (v *visit) testMail() {
	e, ok := v.loadMailText()
	if !ok {
		return
	}
	made, err := commerce.PreviewMail(e.set.Account, e.set.Brands, e.mail, e.text(), e.campaign, e.language, v.now)
	if err == nil {
		brand := commerce.BrandOf(e.set.Account, e.set.Brands, e.campaign)
		err = fault.New(fault.Conflict, "There is no mail server yet.")
		if v.o.Mail.Send != nil {
			err = v.o.Mail.Send(v.r.Context(), v.acc.ID, e.set.Endpoint.Secret, notice.Message{Kind: e.mail.Kind, To: v.who.Email, ToName: v.who.Name, FromName: brand.Name, ReplyTo: brand.ReplyTo,
				Subject: made.Subject, Text: made.Text, HTML: made.HTML, At: v.o.Clock.Now().Unix()})
		}
	}
	if err != nil {
		v.fail(err)
		return
	}
	v.done(v.mailTextAt(e) + "&done=mail-tested")
}

func (v *visit) sender() {
	v.showSender(http.StatusOK, filled{}, "")
}

// showSender shows the three forms of the page; what was filled in belongs to one of
// them.
func (v *visit) showSender(status int, f filled, which string) {
	set, err := v.report.MailSetUp(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	chosen, ok := v.loadCampaigns()
	if !ok {
		return
	}
	if which == "" {
		b := set.Brands[chosen.campaign]
		f.Values = url.Values{"name": {b.Name}, "colour": {b.Colour}, "logo": {b.Logo}, "from_name": {b.FromName}, "reply_to": {b.ReplyTo}, "footer": {b.Footer}, "legal": {b.Legal}, "manage": {b.Manage}, "terms": {b.Terms}}
	}
	p := v.page("Sender and look")
	p.Narrow = true
	p.Header.Lead = "Whom e-mails come from and how they look. A campaign can differ."
	web.Render(v.w, v.r, status, senderPage(v, p, set, chosen, f, which))
}

func (v *visit) saveSender() {
	if !v.form() {
		return
	}
	chosen, ok := v.loadCampaigns()
	if !ok {
		return
	}
	f := filled{Values: v.r.PostForm}
	b := notice.Brand{Name: f.text("name"), Colour: f.text("colour"), Logo: f.text("logo"), FromName: f.text("from_name"), ReplyTo: f.text("reply_to"), Footer: f.lines("footer"), Legal: f.lines("legal"), Manage: f.text("manage"), Terms: f.text("terms")}
	v.submit(f, "", nil, func(any) string { return v.at("settings", "sender") + "?done=saved" + chosen.query("&") }, func(call commerce.Call) (any, error) {
		return v.commerce.SetBrand(v.r.Context(), commerce.SetBrand{Call: call, Campaign: chosen.campaign, Brand: b})
	}, func(status int, f filled) { v.showSender(status, f, "look") })
}

func (v *visit) saveTeam() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	team := f.text("team")
	v.submit(f, "", nil, func(any) string { return v.at("settings", "sender") + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateMail(v.r.Context(), commerce.UpdateMail{Call: call, Team: &team})
	}, func(status int, f filled) { v.showSender(status, f, "team") })
}

// saveServer connects to the mail server before it is kept, so that a wrong password is
// seen now and not in the log.
func (v *visit) saveServer() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	port := f.whole("port", &bad)
	err := bad.Err()
	var address, sealed string
	if err == nil && !f.on("remove") {
		address, sealed, err = v.o.Mail.Own(v.r.Context(), v.acc.ID, f.text("host"), int(port), f.text("user"), f.Get("password"), f.text("from"), f.Get("tls"))
	}
	f.Del("password") // shown to nobody
	v.submit(f, "", err, func(any) string { return v.at("settings", "sender") + "?done=mail-server" }, func(call commerce.Call) (any, error) {
		return v.commerce.SetMailServer(v.r.Context(), commerce.SetMailServer{Call: call, Address: address, Sealed: sealed})
	}, func(status int, f filled) { v.showSender(status, f, "server") })
}

func (v *visit) suppressions() { v.showSuppressions(http.StatusOK, filled{}) }

func (v *visit) showSuppressions(status int, f filled) {
	at := pagingOf(v.r.URL)
	list, err := v.report.Suppressions(v.r.Context(), v.acc.ID, "", beforeKey[id.Suppression](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(s notice.Suppression) string { return s.ID.String() })
	t := web.Table{ID: "suppressions", Caption: "Addresses", Columns: []web.Column{{Label: "Address"}, {Label: "Why", Card: true}, {Label: "Since", Card: true, NoWrap: true}, {Label: "Action", HideLabel: true, NoWrap: true}},
		Empty: web.EmptyState(web.Empty{Title: "No address is stopped", Text: "An address that does not exist is entered here by itself when a mail comes back."})}
	why := map[notice.Reason]string{notice.Bounce: "There is no such inbox", notice.Complaint: "Marked as unwanted", notice.Manual: "Entered by hand"}
	for _, s := range list {
		row := web.Row{Cells: []templ.Component{web.Strong(s.Address), web.Text(why[s.Reason]), web.DateTime(s.Since, v.zone), nil}}
		if v.may(mailing) {
			row.Cells[3] = stateButton(v.at("settings", "suppressions", s.ID.String()), "release", "Write to it again", s.Address)
		}
		t.Rows = append(t.Rows, row)
	}
	p := v.page("Stopped addresses")
	p.Header.Lead = "Nothing is sent to these addresses, not even what must be sent."
	web.Render(v.w, v.r, status, suppressionsPage(v, p, t, at.pager(v.r.URL, len(list), last, -1), f))
}

func (v *visit) suppress() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	v.submit(f, "", nil, func(any) string { return v.at("settings", "suppressions") + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.Suppress(v.r.Context(), commerce.Suppress{Call: call, Address: f.text("address"), Reason: notice.Manual})
	}, v.showSuppressions)
}

func (v *visit) release() {
	which, ok := find[id.Suppression](v)
	if !ok {
		return
	}
	v.press(v.at("settings", "suppressions")+"?done=saved", func(call commerce.Call) (any, error) {
		return nil, v.commerce.Release(v.r.Context(), commerce.Release{Call: call, Suppression: which})
	})
}

// teamAddress is where mails to the team go.
func teamAddress(set report.MailSetUp) string {
	if set.Settings.Team != "" {
		return set.Settings.Team
	}
	return set.Account.Email
}

// serverSentence says how mails leave the house.
func (v *visit) serverSentence(set report.MailSetUp) string {
	switch {
	case v.acc.Mode == account.Sandbox:
		return "A sandbox sends nothing: its e-mails are kept in the mailbox. What is set here is tried, and can be copied to the live account."
	case set.Endpoint.Address != "":
		return "E-mails go out through your own server, " + set.Endpoint.Address + "."
	case v.o.Mail.Server:
		return "E-mails go out through the server of this installation."
	}
	return "There is no mail server yet: e-mails are kept in the log and sent to nobody."
}
