package dashboard

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/web"
)

// gatewayPages are the routes of gateway accounts, what gateways tell, disputes, and
// payments that need a person.
func gatewayPages() map[string]page {
	const gateways, account = "/app/{account}/settings/gateways", "/app/{account}/"
	list := map[string]page{
		"GET " + gateways:                             {see, (*visit).gateways},
		"GET " + gateways + "/new":                    {taxes, (*visit).newGateway},
		"POST " + gateways + "/new":                   {taxes, (*visit).createGateway},
		"POST " + gateways + "/compare":               {taxes, (*visit).compareBooks},
		"GET " + gateways + "/{id}":                   {see, (*visit).gateway},
		"POST " + gateways + "/{id}/state":            {taxes, (*visit).switchGateway},
		"POST " + gateways + "/{id}/default":          {taxes, (*visit).defaultGateway},
		"GET " + account + "settings/notices":         {see, (*visit).gatewayNotices},
		"POST " + account + "settings/notices/replay": {taxes, (*visit).replayNotice},
		"GET " + account + "disputes":                 {see, (*visit).disputes},
		"GET " + account + "payments/waiting":         {see, (*visit).waitingPayments},
		"GET " + account + "refunds/waiting":          {see, (*visit).waitingRefunds},
		"POST " + account + "payments/{id}/ask":       {refunds, (*visit).askPayment},
		"POST " + account + "refunds/{id}/ask":        {refunds, (*visit).askRefund},
	}
	editGatewayAction.routes(list, gateways+"/{id}", taxes)
	rotateAction.routes(list, gateways+"/{id}", taxes)
	markAction.routes(list, account+"payments/{id}", taxes)
	markRefundAction.routes(list, account+"refunds/{id}", taxes)
	limitsAction.routes(list, account+"settings/billing", products)
	return list
}

var gatewayKindWords = map[string]string{"stripe": "Stripe", "manual": "By hand", "sandbox": "Sandbox"}

func gatewayWord(g payment.GatewayAccount) string {
	switch {
	case g.State == payment.GatewayDisabled:
		return "Off"
	case g.Health.LastError != "":
		return "Needs action"
	}
	return "Active"
}

// gatewayLabel is a gateway as people know it.
func gatewayLabel(list []payment.GatewayAccount, name string) string {
	for _, g := range list {
		if g.GatewayName() == name {
			return g.Name
		}
	}
	if word := gatewayKindWords[name]; word != "" {
		return word
	}
	return name
}

func (v *visit) gateways() {
	list, err := v.report.Gateways(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "gateways", Caption: "Gateway accounts", Columns: []web.Column{{Label: "Name"}, {Label: "Status", Card: true}, {Label: "New sales", Card: true}, {Label: "Last notice", NoWrap: true}},
		Empty: web.EmptyState(web.Empty{Title: "No gateway account yet", Text: gatewaysNeeded(v)})}
	for _, g := range list {
		use := "When a campaign names it"
		switch {
		case g.State == payment.GatewayDisabled:
			use = "No"
		case g.Default:
			use = "Yes, unless a campaign names another"
		}
		var last templ.Component
		if !g.Health.LastNotice.IsZero() {
			last = web.DateTime(g.Health.LastNotice, v.zone)
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("settings", "gateways", g.ID.String()), Cells: []templ.Component{web.Stack(g.Name, orElse(gatewayKindWords[g.Kind], g.Kind)), web.Status(gatewayWord(g)), web.Text(use), last}})
	}
	compared, err := v.report.Events(v.r.Context(), v.acc.ID, event.Filter{Kind: event.GatewayReconciled, Limit: 1})
	if err != nil {
		v.fail(err)
		return
	}
	p := v.page("Payment gateways")
	p.Header.Lead = "Where your customers' money is taken. A customer's payment methods stay with the gateway at which they were saved."
	if v.may(taxes) {
		p.Header.Primary = web.LinkButton(web.Primary, "Add Stripe", v.at("settings", "gateways", "new")+"?kind=stripe")
		p.Header.More = append(p.Header.More, web.Action{Label: "Add payments by hand", Href: v.at("settings", "gateways", "new") + "?kind=manual"})
	}
	v.show(gatewaysPage(v, p, t, comparedOf(compared)))
}

func gatewaysNeeded(v *visit) string {
	if v.sandbox() {
		return "This sandbox takes test cards by itself. Add an account of Stripe with test keys to try it out, or payments by hand."
	}
	return "A live account sells when it has one. Add your account at Stripe by its keys, or payments by hand: bank transfers, cheques."
}

// compared is what the last comparison of the books found.
type compared struct {
	event.Event
	Records     int `json:"records"`
	Foreign     int `json:"foreign"`
	Differences int `json:"differences"`
	Listed      []struct {
		Kind, Gateway, Key, Reference, Currency string
		Here, There                             int64
	} `json:"listed"`
}

func comparedOf(list []event.Event) *compared {
	if len(list) == 0 {
		return nil
	}
	c := compared{Event: list[0]}
	if json.Unmarshal([]byte(list[0].Data), &c) != nil {
		return nil
	}
	return &c
}

var differenceWords = map[string]string{"missing_here": "The gateway took it, our books do not count it", "missing_there": "Our books count it, the gateway does not know it", "amount_differs": "The amounts differ"}

func (v *visit) differences(c *compared) web.Table {
	t := web.Table{ID: "differences", Caption: "Differences", Columns: []web.Column{{Label: "Payment or refund"}, {Label: "What differs", Card: true}, {Label: "Here", Numeric: true, Card: true}, {Label: "At the gateway", Numeric: true, Card: true}}}
	for _, d := range c.Listed {
		f := facts{"currency": d.Currency}
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Stack(d.Key, d.Reference), web.Text(differenceWords[d.Kind]), web.Money(v.minor(d.Here, v.currencyOf(f))), web.Money(v.minor(d.There, v.currencyOf(f)))}})
	}
	return t
}

func (v *visit) compareBooks() {
	v.press(v.at("settings", "gateways")+"?done=compared", func(call commerce.Call) (any, error) {
		call.Once = nil // it changes nothing, and keeps no answer
		return v.commerce.Reconcile(context.WithoutCancel(v.r.Context()), commerce.Reconcile{Call: call})
	})
}

func (v *visit) newGateway() {
	kind := v.r.URL.Query().Get("kind")
	if !slices.Contains(v.commerce.GatewayKinds(), kind) {
		kind = "manual"
	}
	v.showNewGateway(http.StatusOK, filled{Values: url.Values{"kind": {kind}, "name": {gatewayKindWords[kind]}}})
}

func (v *visit) showNewGateway(status int, f filled) {
	p := v.page("Add " + orElse(gatewayKindWords[f.Get("kind")], "a gateway"))
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Payment gateways", Href: v.at("settings", "gateways")}}
	web.Render(v.w, v.r, status, newGatewayPage(v, p, f))
}

func (v *visit) createGateway() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	c := commerce.CreateGateway{Kind: f.text("kind"), Name: f.text("name"), Default: f.on("default"), Secrets: payment.GatewaySecrets{APIKey: f.text("api_key")},
		Settings: payment.GatewaySettings{PublishableKey: f.text("publishable_key"), ConnectedAccount: f.text("connected_account"), Instructions: f.lines("instructions")}}
	if s := f.text("webhook_secrets"); s != "" {
		c.Secrets.WebhookSecrets = []string{s}
	}
	v.submit(f, "", nil, func(made any) string {
		return v.at("settings", "gateways", made.(payment.GatewayAccount).ID.String()) + "?done=gateway-added"
	}, func(call commerce.Call) (any, error) {
		c.Call = call
		return v.commerce.CreateGateway(v.r.Context(), c)
	}, func(status int, f filled) {
		f.Values = without(f.Values, "api_key", "webhook_secrets") // a secret is never sent back
		v.showNewGateway(status, f)
	})
}

// without is a form without some of its values.
func without(values url.Values, names ...string) url.Values {
	out := url.Values{}
	for name, v := range values {
		if !slices.Contains(names, name) {
			out[name] = v
		}
	}
	return out
}

func (v *visit) loadGateway() (payment.GatewayAccount, bool) {
	which, ok := find[id.GatewayAccount](v)
	if !ok {
		return payment.GatewayAccount{}, false
	}
	g, err := v.report.Gateway(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return g, err == nil
}

func (v *visit) gatewayPlace(g payment.GatewayAccount) place {
	return place{href: v.at("settings", "gateways", g.ID.String()), crumbs: []web.Link{{Label: "Payment gateways", Href: v.at("settings", "gateways")}, {Label: g.Name, Href: v.at("settings", "gateways", g.ID.String())}}}
}

func (v *visit) gateway() {
	g, ok := v.loadGateway()
	if !ok {
		return
	}
	p := v.page(g.Name)
	p.Crumbs = []web.Link{{Label: "Payment gateways", Href: v.at("settings", "gateways")}}
	p.Header.Status, p.Header.ID = gatewayWord(g), g.ID.String()
	if v.may(taxes) {
		p.Header.Primary = web.LinkButton(web.Plain, "Edit", v.at("settings", "gateways", g.ID.String(), "edit"))
	}
	v.show(gatewayPage(v, p, g))
}

// hookAddress is where the gateway sends its notices.
func (v *visit) hookAddress(g payment.GatewayAccount) string {
	scheme := "http://"
	if v.secure(v.r) {
		scheme = "https://"
	}
	return scheme + v.r.Host + "/hooks/" + g.ID.String()
}

func gatewayFacts(v *visit, g payment.GatewayAccount) []web.Fact {
	list := []web.Fact{{Term: "Gateway", Text: orElse(gatewayKindWords[g.Kind], g.Kind)}}
	if g.Settings.PublishableKey != "" {
		list = append(list, web.Fact{Term: "Publishable key", Value: web.IDText(g.Settings.PublishableKey)})
	}
	if g.Settings.ConnectedAccount != "" {
		list = append(list, web.Fact{Term: "Connected account", Value: web.IDText(g.Settings.ConnectedAccount)})
	}
	if g.Default {
		list = append(list, web.Fact{Term: "New sales", Text: "Paid here, unless a campaign names another"})
	}
	list = append(list, web.Fact{Term: "Added", Value: web.Date(g.CreatedAt, v.zone)})
	if g.Kind == "manual" {
		return list
	}
	last := "None yet"
	if !g.Health.LastNotice.IsZero() {
		last = v.dateTime(g.Health.LastNotice)
	}
	list = append(list, web.Fact{Term: "Last notice", Text: last})
	if g.Health.LastError != "" {
		list = append(list, web.Fact{Term: "Last error", Text: g.Health.LastError, Note: v.dateTime(g.Health.LastErrorAt)})
	}
	return list
}

func (v *visit) switchGateway() {
	which, ok := find[id.GatewayAccount](v)
	if !ok || !v.form() {
		return
	}
	state, word := payment.GatewayState(v.r.PostForm.Get("state")), "gateway-disabled"
	if state == payment.GatewayActive {
		word = "gateway-enabled"
	}
	v.press(v.at("settings", "gateways", which.String())+"?done="+word, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateGateway(v.r.Context(), commerce.UpdateGateway{Call: call, Gateway: which, State: &state})
	})
}

func (v *visit) defaultGateway() {
	which, ok := find[id.GatewayAccount](v)
	if !ok {
		return
	}
	yes := true
	v.press(v.at("settings", "gateways", which.String())+"?done=saved", func(call commerce.Call) (any, error) {
		return v.commerce.UpdateGateway(v.r.Context(), commerce.UpdateGateway{Call: call, Gateway: which, Default: &yes})
	})
}

var editGatewayAction = action[payment.GatewayAccount]{path: "edit", title: "Edit gateway account",
	load: (*visit).loadGateway, place: (*visit).gatewayPlace,
	begin: func(_ *visit, g payment.GatewayAccount) url.Values {
		return url.Values{"name": {g.Name}, "publishable_key": {g.Settings.PublishableKey}, "connected_account": {g.Settings.ConnectedAccount}, "instructions": {g.Settings.Instructions}}
	},
	confirm: func(*visit, payment.GatewayAccount, filled) web.Confirmation {
		return web.Confirmation{Verb: "Save changes", Busy: "Saving…"}
	},
	fields: func(_ *visit, g payment.GatewayAccount, f filled) templ.Component {
		return gatewayFields(g.Kind, f, true)
	},
	run: func(v *visit, g payment.GatewayAccount, f filled) (story, error) {
		name, publishable, connected, instructions := f.text("name"), f.text("publishable_key"), f.text("connected_account"), f.lines("instructions")
		c := commerce.UpdateGateway{Gateway: g.ID, Name: &name, PublishableKey: &publishable, ConnectedAccount: &connected, Instructions: &instructions}
		if key := f.text("api_key"); key != "" {
			c.APIKey = &key
		}
		return story{"saved", func(call commerce.Call) (any, error) {
			c.Call = call
			return v.commerce.UpdateGateway(v.r.Context(), c)
		}}, nil
	},
}

var rotateAction = action[payment.GatewayAccount]{path: "rotate", title: "Replace the signing secret",
	load: (*visit).loadGateway, place: (*visit).gatewayPlace,
	confirm: func(*visit, payment.GatewayAccount, filled) web.Confirmation {
		return web.Confirmation{Verb: "Save", Busy: "Saving…", When: "At once. The secret before stays valid beside the new one, until you save this form with an empty field",
			Undo: "Enter the earlier secret again"}
	},
	fields: func(_ *visit, _ payment.GatewayAccount, f filled) templ.Component { return rotateFields(f) },
	run: func(v *visit, g payment.GatewayAccount, f filled) (story, error) {
		secret := f.text("webhook_secrets")
		f.Del("webhook_secrets")
		return story{"secret-replaced", func(call commerce.Call) (any, error) {
			return v.commerce.RotateWebhookSecret(v.r.Context(), commerce.RotateWebhookSecret{Call: call, Gateway: g.ID, Secret: secret})
		}}, nil
	},
}

var noticeWords = map[payment.NoticeState]string{payment.NoticeWaiting: "Waiting", payment.NoticeDone: "Delivered", payment.NoticeFailed: "Failed"}

func (v *visit) gatewayNotices() {
	at := pagingOf(v.r.URL)
	list, err := v.report.Notices(v.r.Context(), v.acc.ID, beforeKey[id.GatewayNotice](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	gateways, err := v.report.Gateways(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(t payment.Told) string { return t.Row.String() })
	t := web.Table{ID: "notices", Caption: "Notices of gateways", Columns: []web.Column{{Label: "What"}, {Label: "Status", Card: true}, {Label: "Gateway", Optional: true}, {Label: "About", Optional: true},
		{Label: "Came", NoWrap: true, Card: true}, {Label: "Action", HideLabel: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Notices will stand here", Text: "What your gateways tell: payments that went through later, disputes, cards that were replaced. Each is a hint only: the gateway is asked what is true."})}
	for _, n := range list {
		var again templ.Component
		if v.may(taxes) {
			again = replayButton(v.at("settings", "notices", "replay"), n)
		}
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Stack(n.Type, n.Failure), web.Status(noticeWords[n.State]), web.Text(gatewayLabel(gateways, n.Gateway)), optional(orElse(n.Key, n.Reference)),
			web.DateTime(n.ReceivedAt, v.zone), again}})
	}
	p := v.page("Notices of gateways")
	p.Crumbs = []web.Link{{Label: "Payment gateways", Href: v.at("settings", "gateways")}}
	v.show(listPage(p, nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) replayNotice() {
	if !v.form() {
		return
	}
	which, err := id.Parse[id.GatewayNotice](v.r.PostForm.Get("notice"))
	if err != nil {
		v.fail(err)
		return
	}
	v.press(v.at("settings", "notices")+"?done=notice-replayed", func(call commerce.Call) (any, error) {
		return v.commerce.ReplayNotice(v.r.Context(), commerce.ReplayNotice{Call: call, Notice: which})
	})
}

var disputeStates = map[payment.DisputeState]string{payment.Warning: "Open", payment.WarningClosed: "Ended", payment.NeedsResponse: "Needs action", payment.UnderReview: "Pending", payment.Won: "Recovered", payment.Lost: "Disputed"}

var disputeNotes = map[payment.DisputeState]string{payment.Warning: "The bank asks; nothing was taken", payment.WarningClosed: "The bank asked and went no further", payment.NeedsResponse: "The bank took the money and awaits your evidence",
	payment.UnderReview: "The bank looks at your evidence", payment.Won: "Won: the money came back", payment.Lost: "Lost: the money stays with the customer"}

func (v *visit) disputes() {
	at := pagingOf(v.r.URL)
	list, err := v.report.Disputes(v.r.Context(), v.acc.ID, beforeKey[id.Dispute](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(d payment.Dispute) string { return d.ID.String() })
	t := web.Table{ID: "disputes", Caption: "Disputes", Columns: []web.Column{{Label: "Reason"}, {Label: "Status", Card: true}, {Label: "Amount", Numeric: true, Card: true}, {Label: "Evidence until", NoWrap: true, Card: true}, {Label: "Opened", NoWrap: true}},
		Empty: web.EmptyState(web.Empty{Title: "No disputes", Text: "When a customer's bank takes a payment back, it stands here. Answer it at your gateway; what comes of it is followed by itself."})}
	for _, d := range list {
		var until templ.Component
		if !d.EvidenceBy.IsZero() {
			until = web.DateTime(d.EvidenceBy, v.zone)
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("invoices", d.Invoice.String()), Cells: []templ.Component{web.Stack(orElse(d.Reason, "No reason given"), disputeNotes[d.State]), web.Status(disputeStates[d.State]),
			web.Money(v.money(d.Amount)), until, web.Date(d.OpenedAt, v.zone)}})
	}
	v.show(listPage(v.page("Disputes"), nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

var troubleWords = map[string]string{payment.Unanswered: "The gateway could not say for a week what became of it", payment.AmountDiffers: "The gateway says that it moved another amount", payment.Overdue: "The bank has not settled it for a month"}

func (v *visit) waitingPayments() {
	at := pagingOf(v.r.URL)
	list, err := v.report.WaitingPayments(v.r.Context(), v.acc.ID, beforeKey[id.Payment](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(p report.PaymentView) string { return p.Payment.ID.String() })
	t := web.Table{ID: "waiting", Caption: "Payments that need a person", Columns: []web.Column{{Label: "Customer"}, {Label: "Why", Card: true}, {Label: "Amount", Numeric: true, Card: true}, {Label: "When", NoWrap: true}, {Label: "Action", HideLabel: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Nothing waits for you", Text: "A payment of which a gateway cannot say for a week what became stands here, and one whose amount differs. Payments by hand that are on their way stand here, too."})}
	for _, p := range list {
		why := orElse(troubleWords[p.Payment.Trouble], "It is paid by hand; say when the money arrived")
		var mark templ.Component
		if v.may(taxes) {
			mark = web.PressButton(web.Press{Variant: web.Plain, Small: true, Label: "Settle", Href: v.at("payments", p.Payment.ID.String(), "mark")})
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("invoices", p.Payment.Invoice.String()), Cells: []templ.Component{customerCell(p.Customer), web.Text(why), web.Money(v.money(p.Payment.Amount)), web.DateTime(p.Payment.CreatedAt, v.zone), mark}})
	}
	p := v.page("Payments that need a person")
	p.Crumbs = []web.Link{{Label: "Payments", Href: v.at("payments")}}
	v.show(listPage(p, nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) waitingRefunds() {
	at := pagingOf(v.r.URL)
	list, err := v.report.RefundsForPeople(v.r.Context(), v.acc.ID, beforeKey[id.Refund](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(r payment.Refund) string { return r.ID.String() })
	t := web.Table{ID: "waiting", Caption: "Refunds that need a person", Columns: []web.Column{{Label: "Refund"}, {Label: "Why", Card: true}, {Label: "Amount", Numeric: true, Card: true}, {Label: "When", NoWrap: true}, {Label: "Action", HideLabel: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Nothing waits for you", Text: "A refund of which a gateway cannot say for a week what became stands here, and one whose amount differs. Look it up at your gateway, then say here what became of it."})}
	for _, r := range list {
		var mark templ.Component
		if v.may(taxes) {
			mark = web.PressButton(web.Press{Variant: web.Plain, Small: true, Label: "Settle", Href: v.at("refunds", r.ID.String(), "mark")})
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("invoices", r.Invoice.String()), Cells: []templ.Component{web.Stack(r.ID.String(), orElse(r.Reference, "The gateway has no name for it")), web.Text("The gateway could not say what became of it, or names another amount"), web.Money(v.money(r.Amount)), web.DateTime(r.CreatedAt, v.zone), mark}})
	}
	p := v.page("Refunds that need a person")
	p.Crumbs = []web.Link{{Label: "Payments", Href: v.at("payments")}}
	v.show(listPage(p, nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

// askPayment and askRefund ask a gateway at once, from the page of the invoice.
func (v *visit) askPayment() {
	which, ok := find[id.Payment](v)
	if !ok {
		return
	}
	p, err := v.report.Payment(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	v.press(v.at("invoices", p.Invoice.String())+"?done=asked", func(call commerce.Call) (any, error) {
		call.Once = nil // asking again is right each time
		return v.commerce.AskPayment(v.r.Context(), commerce.AskPayment{Call: call, Payment: which})
	})
}

func (v *visit) askRefund() {
	r, ok := v.loadRefund()
	if !ok {
		return
	}
	v.press(v.at("invoices", r.Invoice.String())+"?done=asked", func(call commerce.Call) (any, error) {
		call.Once = nil // asking again is right each time
		return v.commerce.AskRefund(v.r.Context(), commerce.AskRefund{Call: call, Refund: r.ID})
	})
}

func (v *visit) loadRefund() (payment.Refund, bool) {
	which, ok := find[id.Refund](v)
	if !ok {
		return payment.Refund{}, false
	}
	r, err := v.report.Refund(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return r, err == nil
}

func (v *visit) loadPayment() (payment.Payment, bool) {
	which, ok := find[id.Payment](v)
	if !ok {
		return payment.Payment{}, false
	}
	p, err := v.report.Payment(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return p, err == nil
}

var markAction = action[payment.Payment]{path: "mark", title: "Say what became of a payment",
	load: (*visit).loadPayment,
	place: func(v *visit, p payment.Payment) place {
		return place{href: v.at("payments", p.ID.String()), crumbs: []web.Link{{Label: "Payments", Href: v.at("payments")}, {Label: "That need a person", Href: v.at("payments", "waiting")}}, currency: p.Amount.Currency}
	},
	begin: func(v *visit, _ payment.Payment) url.Values {
		return url.Values{"paid": {"yes"}, "at": {v.dayField(v.now)}}
	},
	confirm: func(v *visit, p payment.Payment, _ filled) web.Confirmation {
		return web.Confirmation{Verb: "Settle payment", Busy: "Settling…", CancelHref: v.at("payments", "waiting"), Changes: []web.Fact{{Term: "Amount", Text: v.money(p.Amount)}, {Term: "Asked for", Text: v.dateTime(p.CreatedAt)}},
			When: "At once. An invoice that is paid stays paid", Undo: "Cannot be undone; money that arrived by mistake is refunded"}
	},
	fields: func(_ *visit, _ payment.Payment, f filled) templ.Component { return markFields(f) },
	run: func(v *visit, p payment.Payment, f filled) (story, error) {
		var bad fault.Fields
		c := commerce.MarkPayment{Payment: p.ID, Paid: f.Get("paid") == "yes", Reference: f.text("reference"), At: f.day(v, "at", &bad)}
		bad.Check(f.Get("paid") == "yes" || f.Get("paid") == "no", "paid", "must be chosen")
		if err := bad.Err(); err != nil {
			return story{}, err
		}
		return story{"payment-settled", func(call commerce.Call) (any, error) {
			c.Call = call
			return v.commerce.MarkPayment(v.r.Context(), c)
		}}, nil
	},
}

var markRefundAction = action[payment.Refund]{path: "mark", title: "Say what became of a refund",
	load: (*visit).loadRefund,
	place: func(v *visit, r payment.Refund) place {
		return place{href: v.at("refunds", r.ID.String()), crumbs: []web.Link{{Label: "Payments", Href: v.at("payments")}, {Label: "Refunds that need a person", Href: v.at("refunds", "waiting")}}, currency: r.Amount.Currency}
	},
	begin: func(*visit, payment.Refund) url.Values { return url.Values{"given": {"yes"}} },
	confirm: func(v *visit, r payment.Refund, _ filled) web.Confirmation {
		return web.Confirmation{Verb: "Settle refund", Busy: "Settling…", CancelHref: v.at("refunds", "waiting"), Changes: []web.Fact{{Term: "Amount", Text: v.money(r.Amount)}, {Term: "Asked for", Text: v.dateTime(r.CreatedAt)}},
			When: "At once. A refund that arrived gets its credit note", Undo: "Cannot be undone; what did not arrive can be refunded again"}
	},
	fields: func(_ *visit, _ payment.Refund, f filled) templ.Component { return markRefundFields(f) },
	run: func(v *visit, r payment.Refund, f filled) (story, error) {
		var bad fault.Fields
		c := commerce.MarkRefund{Refund: r.ID, Given: f.Get("given") == "yes", Reference: f.text("reference")}
		bad.Check(f.Get("given") == "yes" || f.Get("given") == "no", "given", "must be chosen")
		if err := bad.Err(); err != nil {
			return story{}, err
		}
		return story{"refund-settled", func(call commerce.Call) (any, error) {
			c.Call = call
			return v.commerce.MarkRefund(v.r.Context(), c)
		}}, nil
	},
}

// limitsAction is what an account does about refunds and disputes.
var limitsAction = action[struct{}]{path: "limits", title: "Refunds and disputes",
	load: func(*visit) (struct{}, bool) { return struct{}{}, true },
	place: func(v *visit, _ struct{}) place {
		return place{href: v.at("settings", "billing"), crumbs: []web.Link{{Label: "Billing settings", Href: v.at("settings", "billing")}}, currency: v.acc.Currency}
	},
	begin: func(v *visit, _ struct{}) url.Values {
		f := url.Values{}
		for name, minor := range map[string]int64{"refunds_by_key": v.acc.Settings.RefundsByKey, "refunds_by_member": v.acc.Settings.RefundsByMember} {
			if minor > 0 {
				f.Set(name, money.Amount{Minor: minor, Currency: v.acc.Currency}.Major())
			}
		}
		if v.acc.Settings.DisputeEnds {
			f.Set("dispute_ends", "on")
		}
		return f
	},
	confirm: func(v *visit, _ struct{}, _ filled) web.Confirmation {
		return web.Confirmation{Verb: "Save settings", Busy: "Saving…", CancelHref: v.at("settings", "billing")}
	},
	fields: func(v *visit, _ struct{}, f filled) templ.Component { return limitFields(v, f) },
	run: func(v *visit, _ struct{}, f filled) (story, error) {
		var bad fault.Fields
		zero := int64(0)
		byKey, byMember, ends := f.amount("refunds_by_key", v.acc.Currency, &bad), f.amount("refunds_by_member", v.acc.Currency, &bad), f.on("dispute_ends")
		if byKey == nil {
			byKey = &zero
		}
		if byMember == nil {
			byMember = &zero
		}
		if err := bad.Err(); err != nil {
			return story{}, err
		}
		return story{"saved", func(call commerce.Call) (any, error) {
			return v.commerce.UpdateAccount(v.r.Context(), commerce.UpdateAccount{Call: call, RefundsByKey: byKey, RefundsByMember: byMember, DisputeEnds: &ends})
		}}, nil
	},
}
