package dashboard_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"perennial/internal/account"
	"perennial/internal/outbox"
)

// A member adds webhooks of both sorts, sees each secret once, tries them, and ends them.
func TestWebhookPages(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	page := func(path string, want ...string) string {
		t.Helper()
		got := h.get(h.base + path).body
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
		return got
	}
	send := func(path string, form url.Values, status int) string {
		t.Helper()
		form.Set("operation_key", account.RandomText(26))
		got := h.post(h.base+path, form)
		if got.status != status {
			t.Fatalf("%s: %d, want %d: %s", path, got.status, status, got.body)
		}
		return got.body
	}
	page("/developers/webhooks", "No webhook yet")
	page("/developers/webhooks/new", "PayWhirl, version 1 Beta")
	made := send("/developers/webhooks/new", url.Values{"webhook_address": {"https://example.com/own"}, "events": {"invoice.paid, customer.*"}}, http.StatusCreated)
	if !strings.Contains(made, "whsec_") {
		t.Error("the new secret is not shown")
	}
	if refused := send("/developers/webhooks/new", url.Values{"webhook_address": {"https://127.0.0.1/own"}}, http.StatusUnprocessableEntity); !strings.Contains(refused, "The address ") {
		t.Error("nothing says what is wrong with the address")
	}
	if refused := send("/developers/webhooks/new", url.Values{"webhook_address": {"https://example.com/old"}, "dialect": {"paywhirl"}, "events": {"invoice.payed"}, "secret": {"canary-secret"}},
		http.StatusUnprocessableEntity); !strings.Contains(refused, "no topic") || strings.Contains(refused, "canary") {
		t.Error("a wrong topic is not refused, or the secret is sent back")
	}
	send("/developers/webhooks/new", url.Values{"webhook_address": {"https://example.com/old"}, "secret": {"canary-secret"}}, http.StatusUnprocessableEntity)
	send("/developers/webhooks/new", url.Values{"webhook_address": {"https://example.com/old"}, "dialect": {"paywhirl"}, "events": {"charge.succeeded\ninvoice.paid"}, "secret": {"canary-secret"}}, http.StatusCreated)
	list := must(h.s.Reader.Endpoints(t.Context(), h.acc))(t)
	if len(list) != 2 || list[1].Dialect != "paywhirl" {
		t.Fatalf("%+v", list)
	}
	page("/developers/webhooks", "example.com/own", "PayWhirl", "charge.succeeded")
	old := "/developers/webhooks/" + list[1].ID.String()
	page(old, "Nothing was sent yet", "charge.succeeded")
	send(old+"/test", url.Values{}, http.StatusSeeOther)
	page(old+"?status=waiting", "Waiting", ">test<")
	one := must(h.s.Reader.Deliveries(t.Context(), h.acc, outbox.Query{Endpoint: list[1].ID, Limit: 1}))(t)[0]
	h.deliver(t, outbox.Answer{Verdict: outbox.Aborted, Status: 500, Failure: "500 no <such> thing", Request: "Webhook-Id: x\n", Said: "no <such> thing"})
	page("/developers/deliveries/"+one.ID.String(), "Try 1", "no &lt;such&gt; thing", "Webhook-Id: x", "This is a test.")
	send("/developers/deliveries/"+one.ID.String()+"/replay", url.Values{}, http.StatusSeeOther)
	send(old+"/again", url.Values{}, http.StatusSeeOther)
	page(old+"/edit", "charge.succeeded")
	send(old+"/edit", url.Values{"webhook_address": {"https://example.com/older"}, "events": {""}, "in_flight": {"4"}}, http.StatusSeeOther)
	send(old+"/edit", url.Values{"webhook_address": {"https://example.com/older"}, "in_flight": {"400"}}, http.StatusUnprocessableEntity)
	page(old, "https://example.com/older", "customer.created")
	if again := send(old+"/secret", url.Values{}, http.StatusOK); !strings.Contains(again, "whsec_") {
		t.Error("the new secret is not shown")
	}
	send(old+"/state", url.Values{"state": {"disabled"}}, http.StatusSeeOther)
	page(old, "Switch on")
	send(old+"/state", url.Values{"state": {"enabled"}}, http.StatusSeeOther)
	page(old+"/remove", "Cannot be undone")
	send(old+"/remove", url.Values{}, http.StatusSeeOther)
	if page("/developers/webhooks"); len(must(h.s.Reader.Endpoints(t.Context(), h.acc))(t)) != 1 {
		t.Error("it is still there")
	}
}

// deliver has what waits for webhooks delivered, each try answered so.
func (h *shop) deliver(t *testing.T, answer outbox.Answer) {
	t.Helper()
	dialects := map[string]outbox.Dialect{}
	for _, d := range h.s.Service.Dialects() {
		dialects[d.Name] = d
	}
	sent := make(chan struct{}, 100)
	ctx, stop := context.WithCancel(t.Context())
	d := outbox.NewDeliverer(h.s.DB, h.s.Clock, slog.New(slog.NewTextHandler(io.Discard, nil)), outbox.Work{Render: h.s.Service.WriteMails, Dialects: dialects,
		Deliver: func(_ context.Context, e outbox.Endpoint, _ outbox.Delivery) outbox.Answer {
			if e.Kind == outbox.Mail {
				return outbox.Answer{Verdict: outbox.Accepted}
			}
			sent <- struct{}{}
			return answer
		}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx)
	}()
	<-sent
	stop()
	<-done
}
