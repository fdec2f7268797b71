package dashboard

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
	"perennial/internal/report"
	"perennial/internal/web"
)

// WebhookOptions is what the pages about webhooks do that they may not do themselves.
type WebhookOptions struct {
	// CheckAddress refuses an address that may not be reached.
	CheckAddress func(address string) error
	// Secret is a new signing secret, or the one that is given, and its sealed form.
	Secret func(acc id.Account, given string) (secret, sealed string)
}

// webhookPages are the routes of webhook endpoints and what they were sent.
func webhookPages() map[string]page {
	const hooks = "/app/{account}/developers/webhooks"
	list := map[string]page{
		"GET " + hooks:                                          {keys, (*visit).webhooks},
		"GET " + hooks + "/new":                                 {keys, (*visit).newWebhook},
		"POST " + hooks + "/new":                                {keys, (*visit).createWebhook},
		"GET " + hooks + "/{id}":                                {keys, (*visit).webhook},
		"POST " + hooks + "/{id}/state":                         {keys, (*visit).switchWebhook},
		"POST " + hooks + "/{id}/test":                          {keys, (*visit).testWebhook},
		"POST " + hooks + "/{id}/again":                         {keys, (*visit).replayWebhook},
		"GET " + hooks + "/{id}/remove":                         {keys, (*visit).removeWebhookForm},
		"POST " + hooks + "/{id}/remove":                        {keys, (*visit).removeWebhook},
		"POST " + hooks + "/{id}/secret":                        {keys, (*visit).rotateWebhook},
		"GET /app/{account}/developers/deliveries/{id}":         {keys, (*visit).delivery},
		"POST /app/{account}/developers/deliveries/{id}/replay": {keys, (*visit).replayDelivery},
	}
	editWebhookAction.routes(list, hooks+"/{id}", keys)
	return list
}

// dialectNames are the dialects as people know them.
var dialectNames = map[string]string{"": "Perennial", "paywhirl": "PayWhirl", "paywhirl_v1": "PayWhirl, version 1 Beta"}

func dialectName(d string) string { return orElse(dialectNames[d], d) }

func endpointWord(e outbox.Endpoint) string {
	switch {
	case e.State == outbox.Disabled && e.Failure != "":
		return "Needs action"
	case e.State == outbox.Disabled:
		return "Off"
	case !e.FailingSince.IsZero():
		return "Failed"
	}
	return "Active"
}

var deliveryWords = map[outbox.State]string{outbox.Waiting: "Waiting", outbox.Delivered: "Delivered", outbox.Dead: "Failed"}

func (v *visit) webhooks() {
	list, err := v.report.Endpoints(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "webhooks", Caption: "Webhook endpoints", Columns: []web.Column{{Label: "Address"}, {Label: "Status", Card: true}, {Label: "Events", Card: true}, {Label: "Created", NoWrap: true}},
		Empty: web.EmptyState(web.Empty{Title: "No webhook yet", Text: "Give an address of your program, and it is told of everything that happens here: of payments, renewals, cancellations."})}
	for _, e := range list {
		spoken := dialectName(e.Dialect)
		if e.Kind == outbox.Hook {
			spoken = "Subscribed by an automation service"
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("developers", "webhooks", e.ID.String()), Cells: []templ.Component{web.Stack(shortAddress(e.Address), spoken), web.Status(endpointWord(e)), web.Text(eventsText(e)), web.Date(e.CreatedAt, v.zone)}})
	}
	p := v.page("Webhooks")
	p.Header.Lead = "Addresses of your programs that are told what happens, signed, at least once."
	p.Header.Primary = web.LinkButton(web.Primary, "Add a webhook", v.at("developers", "webhooks", "new"))
	v.show(listPage(p, nil, web.FilterSet{}, t, web.PageOf{Text: web.RangeText(1, int64(len(list)), int64(len(list)), false)}))
}

// hostOf is the host of an address, by which people know where it leads.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return shortAddress(address)
	}
	return shortAddress(u.Hostname())
}

// shortAddress is the beginning of an address without its scheme, for where there is little room.
func shortAddress(address string) string {
	const most = 30
	s := strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://")
	if len(s) > most {
		s = s[:most-1] + "…" // an address is plain ASCII
	}
	return s
}

// eventsText names what an endpoint wants, the beginning of a long list.
func eventsText(e outbox.Endpoint) string {
	words := e.Events.Words()
	switch {
	case len(words) == 0:
		return "All"
	case len(words) > 3:
		return strings.Join(words[:3], ", ") + " and " + strconv.Itoa(len(words)-3) + " more"
	}
	return strings.Join(words, ", ")
}

func (v *visit) newWebhook() { v.showNewWebhook(http.StatusOK, filled{Values: url.Values{}}) }

func (v *visit) showNewWebhook(status int, f filled) {
	p := v.page("Add a webhook")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Webhooks", Href: v.at("developers", "webhooks")}}
	web.Render(v.w, v.r, status, newWebhookPage(v, p, f))
}

// dialectChoices are the dialects that a new endpoint can speak.
func (v *visit) dialectChoices(chosen string) []web.Choice {
	list := []web.Choice{{Value: "", Label: "Perennial", Text: "JSON of our own, signed by the Standard Webhooks scheme.", Selected: chosen == ""}}
	for _, d := range v.commerce.Dialects() {
		list = append(list, web.Choice{Value: d.Name, Label: dialectName(d.Name), Text: "For receivers that were written for that system.", Selected: chosen == d.Name})
	}
	return list
}

// topicsHelp names the topics of every dialect.
func (v *visit) topicsHelp(dialect string) string {
	for _, d := range v.commerce.Dialects() {
		if d.Name != dialect {
			continue
		}
		names := make([]string, len(d.Topics))
		for i, t := range d.Topics {
			names[i] = t.Name
		}
		return "Topics: " + strings.Join(names, ", ") + "."
	}
	return "Such as invoice.paid, or subscription.* for a whole group. Everything that there is stands in the description of the API."
}

func wordsOf(text string) outbox.Filter {
	return outbox.Filter(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' }))
}

// checkAddress is the refusal of an address, under the name of the field.
func (v *visit) checkAddress(address string) error {
	if v.o.Webhooks.CheckAddress == nil {
		return nil
	}
	err := v.o.Webhooks.CheckAddress(address)
	if f := fault.As(err); err != nil && f.Kind == fault.Invalid {
		why := f.Message
		if len(f.Fields) > 0 {
			why = f.Fields[0].Message
		}
		return fault.BadField("webhook_address", "%s", why)
	}
	return err
}

func (v *visit) createWebhook() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	c := commerce.CreateEndpoint{Address: f.text("webhook_address"), Dialect: f.text("dialect"), Events: wordsOf(f.Get("events"))}
	given := f.text("secret")
	refused := v.checkAddress(c.Address)
	if refused == nil && given != "" && (c.Dialect == "" || len(given) < 8) {
		refused = fault.BadField("secret", "can be given only for another system's receivers, and has at least 8 characters")
	}
	var secret string
	var made outbox.Endpoint
	o := outcome{err: refused}
	if refused == nil {
		o = v.once(func(made any) string { return v.at("developers", "webhooks", made.(outbox.Endpoint).ID.String()) }, func(call commerce.Call) (any, error) {
			var err error
			c.Call = call
			secret, c.Secret = v.o.Webhooks.Secret(v.acc.ID, given)
			made, err = v.commerce.CreateEndpoint(v.r.Context(), c)
			return made, err
		})
	}
	switch {
	case o.err == nil && made.ID != 0:
		v.showSecret(http.StatusCreated, made, secret)
	case o.err == nil:
		v.done(o.location) // sent again: the secret was shown once
	default:
		if problems, status, ok := v.again(o.err); ok {
			f.Values, f.problems = without(f.Values, "secret"), problems
			v.showNewWebhook(status, f)
		}
	}
}

// showSecret is the page of an endpoint that has a new secret, which is shown this once.
func (v *visit) showSecret(status int, e outbox.Endpoint, secret string) {
	p := v.page("Signing secret")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Webhooks", Href: v.at("developers", "webhooks")}, {Label: hostOf(e.Address), Href: v.at("developers", "webhooks", e.ID.String())}}
	web.Render(v.w, v.r, status, webhookSecretPage(v, p, e, secret))
}

func (v *visit) loadWebhook() (outbox.Endpoint, bool) {
	which, ok := find[id.Endpoint](v)
	if !ok {
		return outbox.Endpoint{}, false
	}
	e, err := v.report.Endpoint(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return e, err == nil
}

func (v *visit) webhookPlace(e outbox.Endpoint) place {
	href := v.at("developers", "webhooks", e.ID.String())
	return place{href: href, crumbs: []web.Link{{Label: "Webhooks", Href: v.at("developers", "webhooks")}, {Label: hostOf(e.Address), Href: href}}}
}

var deliveryStates = []web.Option{{Value: "", Label: "Any"}, {Value: "waiting", Label: "Waiting"}, {Value: "delivered", Label: "Delivered"}, {Value: "dead", Label: "Failed"}}

func (v *visit) webhook() {
	e, ok := v.loadWebhook()
	if !ok {
		return
	}
	at, state := pagingOf(v.r.URL), outbox.State(v.r.URL.Query().Get("status"))
	list, err := v.report.Deliveries(v.r.Context(), v.acc.ID, outbox.Query{Endpoint: e.ID, State: state, Before: beforeKey[id.Delivery](&at), Limit: pageSize + 1})
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(d outbox.Delivery) string { return d.ID.String() })
	here := v.webhookPlace(e).href
	t := web.Table{ID: "deliveries", Caption: "What was sent", Columns: []web.Column{{Label: "Event"}, {Label: "Status", Card: true}, {Label: "Answer", Card: true}, {Label: "Happened", NoWrap: true, Card: true}}}
	for _, d := range list {
		t.Rows = append(t.Rows, web.Row{Href: v.at("developers", "deliveries", d.ID.String()), Cells: []templ.Component{web.Text(orElse(d.Topic, d.Kind)), web.Status(deliveryWords[d.State]), web.Text(answerText(d)), web.DateTime(d.CreatedAt, v.zone)}})
	}
	filter := web.FilterSet{Action: here, Fields: []web.Filter{{Name: "status", Label: "Status", Options: web.Choices(string(state), deliveryStates...)}}}
	empty := web.Empty{Title: "Nothing was sent yet", Text: "What happens from now on is sent. Send a test to see that it arrives."}
	if state != "" {
		filter.Chips, filter.Clear = []web.Chip{{Label: "Status: " + optionLabel(deliveryStates, string(state)), Href: here}}, here
		empty = web.Empty{Title: "Nothing matches", Chips: filter.Chips, Clear: filter.Clear}
	}
	t.Empty = web.EmptyState(empty)
	p := v.page(hostOf(e.Address))
	p.Crumbs = []web.Link{{Label: "Webhooks", Href: v.at("developers", "webhooks")}}
	p.Header.Status, p.Header.ID = endpointWord(e), e.ID.String()
	if e.Kind == outbox.Webhook {
		p.Header.Primary = web.LinkButton(web.Plain, "Edit", here+"/edit")
	}
	p.Header.More = append(p.Header.More, web.Action{Label: "Remove", Href: here + "/remove"})
	v.show(webhookPage(v, p, e, filter, t, at.pager(v.r.URL, len(list), last, -1)))
}

func answerText(d outbox.Delivery) string {
	switch {
	case d.Answer != 0:
		return strconv.Itoa(d.Answer)
	case d.Failure != "":
		return d.Failure
	}
	return "–"
}

func (v *visit) webhookFacts(e outbox.Endpoint) []web.Fact {
	list := []web.Fact{{Term: "Speaks", Text: dialectName(e.Dialect)}, {Term: "Events", Text: orElse(strings.Join(e.Events.Words(), ", "), "All")},
		{Term: "At once", Text: strconv.Itoa(e.InFlight)}, {Term: "Created", Value: web.Date(e.CreatedAt, v.zone)}}
	for _, h := range e.Headers {
		list = append(list, web.Fact{Term: "Header", Text: h.Name, Note: "its value is not shown"})
	}
	if !e.FailingSince.IsZero() {
		list = append(list, web.Fact{Term: "Fails since", Value: web.DateTime(e.FailingSince, v.zone)})
	}
	if e.Failure != "" {
		list = append(list, web.Fact{Term: "Switched off", Text: e.Failure})
	}
	if e.OldSecret != "" {
		list = append(list, web.Fact{Term: "Old secret signs until", Value: web.DateTime(e.OldSecretUntil, v.zone)})
	}
	return list
}

func (v *visit) switchWebhook() {
	e, ok := v.loadWebhook()
	if !ok || !v.form() {
		return
	}
	on, word := v.r.PostForm.Get("state") == string(outbox.Enabled), "webhook-off"
	if on {
		word = "webhook-on"
	}
	v.press(v.webhookPlace(e).href+"?done="+word, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateEndpoint(v.r.Context(), commerce.UpdateEndpoint{Call: call, Endpoint: e.ID, Enabled: &on})
	})
}

func (v *visit) testWebhook() {
	e, ok := v.loadWebhook()
	if !ok {
		return
	}
	v.press(v.webhookPlace(e).href+"?done=webhook-tested", func(call commerce.Call) (any, error) {
		return v.commerce.TestEndpoint(v.r.Context(), commerce.TestEndpoint{Call: call, Endpoint: e.ID})
	})
}

func (v *visit) replayWebhook() {
	e, ok := v.loadWebhook()
	if !ok {
		return
	}
	v.press(v.webhookPlace(e).href+"?done=webhook-again", func(call commerce.Call) (any, error) {
		return v.commerce.StartReplay(v.r.Context(), commerce.StartReplay{Call: call, Endpoint: e.ID, Failed: true})
	})
}

func (v *visit) rotateWebhook() {
	e, ok := v.loadWebhook()
	if !ok || !v.form() {
		return
	}
	var secret string
	o := v.once(func(any) string { return v.webhookPlace(e).href }, func(call commerce.Call) (any, error) {
		fresh, sealed := v.o.Webhooks.Secret(v.acc.ID, "")
		done, err := v.commerce.RotateSecret(v.r.Context(), commerce.RotateSecret{Call: call, Endpoint: e.ID, Secret: sealed, Overlap: secretOverlap})
		if err == nil {
			secret = fresh
		}
		return done, err
	})
	switch {
	case o.err != nil:
		v.fail(o.err)
	case secret == "":
		v.done(o.location) // sent again: the secret was shown once
	default:
		v.showSecret(http.StatusOK, e, secret)
	}
}

var editWebhookAction = action[outbox.Endpoint]{path: "edit", title: "Edit webhook",
	load: (*visit).loadWebhook, place: (*visit).webhookPlace,
	begin: func(_ *visit, e outbox.Endpoint) url.Values {
		return url.Values{"webhook_address": {e.Address}, "events": {strings.Join(e.Events.Words(), "\n")}, "in_flight": {strconv.Itoa(e.InFlight)}}
	},
	confirm: func(*visit, outbox.Endpoint, filled) web.Confirmation {
		return web.Confirmation{Verb: "Save changes", Busy: "Saving…"}
	},
	fields: func(v *visit, e outbox.Endpoint, f filled) templ.Component {
		return webhookFields(v, f, e.Dialect, true)
	},
	run: func(v *visit, e outbox.Endpoint, f filled) (story, error) {
		var bad fault.Fields
		address, events, inFlight := f.text("webhook_address"), wordsOf(f.Get("events")), int(f.whole("in_flight", &bad))
		if err := v.checkAddress(address); err != nil {
			return story{}, err
		}
		c := commerce.UpdateEndpoint{Endpoint: e.ID, Address: &address, Events: &events, InFlight: &inFlight}
		return story{"saved", func(call commerce.Call) (any, error) {
			c.Call = call
			return v.commerce.UpdateEndpoint(v.r.Context(), c)
		}}, bad.Err()
	},
}

func (v *visit) removeWebhookForm() {
	e, ok := v.loadWebhook()
	if !ok {
		return
	}
	at := v.webhookPlace(e)
	p := v.page("Remove webhook")
	p.Narrow, p.Crumbs = true, at.crumbs
	v.show(confirmPage(p, web.Confirmation{Action: at.href + "/remove", OperationKey: operationKey(), Verb: "Remove the webhook", Busy: "Removing…", Danger: true, CancelHref: at.href,
		Changes: []web.Fact{{Term: "Address", Text: shortAddress(e.Address)}}, When: "At once. What it is still owed is given up", Undo: "Cannot be undone; add it again"}))
}

func (v *visit) removeWebhook() {
	e, ok := v.loadWebhook()
	if !ok {
		return
	}
	v.press(v.at("developers", "webhooks")+"?done=webhook-removed", func(call commerce.Call) (any, error) {
		return struct{}{}, v.commerce.RemoveEndpoint(v.r.Context(), commerce.RemoveEndpoint{Call: call, Endpoint: e.ID})
	})
}

func (v *visit) loadDelivery() (report.DeliveryView, bool) {
	which, ok := find[id.Delivery](v)
	if !ok {
		return report.DeliveryView{}, false
	}
	d, err := v.report.Delivery(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return d, err == nil
}

func (v *visit) delivery() {
	d, ok := v.loadDelivery()
	if !ok {
		return
	}
	p := v.page(orElse(d.Topic, d.Kind))
	p.Crumbs = []web.Link{{Label: "Webhooks", Href: v.at("developers", "webhooks")}}
	if e, err := v.report.Endpoint(v.r.Context(), v.acc.ID, d.Endpoint); err == nil {
		p.Crumbs = v.webhookPlace(e).crumbs
	}
	p.Header.Status, p.Header.ID = deliveryWords[d.State], d.ID.String()
	v.show(deliveryPage(v, p, d))
}

func (v *visit) deliveryFacts(d report.DeliveryView) []web.Fact {
	list := []web.Fact{{Term: "Event", Text: d.Kind, Note: d.Event.String()}, {Term: "Happened", Value: web.DateTime(d.CreatedAt, v.zone)}, {Term: "Tries", Text: strconv.Itoa(d.Delivery.Tries)}}
	if d.State == outbox.Waiting && !d.NextAt.IsZero() {
		list = append(list, web.Fact{Term: "Next try", Value: web.DateTime(d.NextAt, v.zone)})
	}
	return list
}

func (v *visit) replayDelivery() {
	d, ok := v.loadDelivery()
	if !ok {
		return
	}
	v.press(v.at("developers", "deliveries", d.ID.String())+"?done=webhook-again", func(call commerce.Call) (any, error) {
		return v.commerce.ReplayDelivery(v.r.Context(), commerce.ReplayDelivery{Call: call, Delivery: d.ID})
	})
}
