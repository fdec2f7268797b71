package paywhirl_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"

	"perennial/internal/commerce"
	"perennial/internal/compat/paywhirl"
	"perennial/internal/outbound"
	"perennial/internal/outbox"
	"perennial/internal/report"
	"perennial/internal/seal"
	"perennial/internal/webhook"
)

// receiver takes what is sent to it until a test arrives, which comes last.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []*http.Request
	bodies []string
	done   chan struct{}
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{done: make(chan struct{})}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got, r.bodies = append(r.got, req), append(r.bodies, string(body))
		if strings.Contains(string(body), `"This is a test."`) {
			close(r.done)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// told has an endpoint of each dialect told of what happens in life, by the real sender.
func (w *world) told(dialects map[string]string, life func()) map[string]*receiver {
	w.Helper()
	keys, err := seal.Parse(seal.New())
	w.ok(err)
	list := paywhirl.Webhooks(w.s, w.r, paywhirl.Options{Clock: w.clock})
	w.s.UseDialects(list...)
	speaks := map[string]outbox.Dialect{}
	for _, d := range list {
		speaks[d.Name] = d
	}
	out := map[string]*receiver{}
	var tests []commerce.TestEndpoint
	for name, secret := range dialects {
		r := newReceiver(w)
		e, err := w.s.CreateEndpoint(w.Context(), commerce.CreateEndpoint{Call: w.call(), Address: r.URL + "/" + name, Dialect: name, Secret: webhook.SealSecret(keys, w.acc.ID, secret)})
		w.ok(err)
		out[name] = r
		tests = append(tests, commerce.TestEndpoint{Call: w.call(), Endpoint: e.ID})
	}
	life()
	for _, test := range tests {
		_, err := w.s.TestEndpoint(w.Context(), test)
		w.ok(err)
	}
	sender := webhook.NewSender(outbound.Client([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), keys, w.clock, "test", speaks)
	deliverer := outbox.NewDeliverer(w.db, w.clock, slog.New(slog.DiscardHandler), outbox.Work{Render: w.s.WriteMails, Dialects: speaks,
		Deliver: func(ctx context.Context, e outbox.Endpoint, d outbox.Delivery) outbox.Answer {
			if e.Kind == outbox.Mail {
				return outbox.Answer{Verdict: outbox.Untried}
			}
			return sender.Deliver(ctx, e, d)
		}})
	ctx, stop := context.WithCancel(w.Context())
	var run sync.WaitGroup
	run.Go(func() { deliverer.Run(ctx) })
	for _, r := range out {
		<-r.done
	}
	stop()
	run.Wait()
	return out
}

var anyID = regexp.MustCompile(`\b[a-z]+_[0-9a-hjkmnp-tv-z]{13}\b`)

// steady replaces ids, which differ from run to run, by numbers in the order of their coming.
func steady(text string, seen map[string]string) string {
	text = random.ReplaceAllString(text, "${1}…")
	return anyID.ReplaceAllStringFunc(text, func(s string) string {
		if seen[s] == "" {
			kind, _, _ := strings.Cut(s, "_")
			seen[s] = fmt.Sprintf("%s_%d", kind, len(seen)+1)
		}
		return seen[s]
	})
}

// life is what a customer does, as far as receivers are told of it.
func (w *world) life() {
	c := php
	plan := w.send(c, "POST", "/create/plan", pair{"name", "Box"}, pair{"billing_amount", "10.95"}, pair{"billing_interval", 1}, pair{"billing_frequency", "month"}, pair{"currency", "USD"},
		pair{"trial_days", 0}, pair{"setup_fee", 5}).id()
	w.send(c, "POST", "/update/plan", pair{"id", plan}, pair{"billing_amount", 12})
	of := w.send(c, "POST", "/create/customer", person("ada")...).id()
	w.send(c, "POST", "/update/customer", pair{"id", of}, pair{"phone", "+44 20 7946 0000"})
	card := w.send(c, "POST", "/create/card", pair{"customer_id", of}, pair{"number", good}, pair{"exp_month", 4}, pair{"exp_year", 2030}, pair{"cvc", "123"}).id()
	sub := w.send(c, "POST", "/subscribe/customer", pair{"customer_id", of}, pair{"plan_id", plan}, pair{"quantity", 2}).id()
	w.advance(32 * day)
	charge := w.send(c, "GET", fmt.Sprintf("/invoices/%d", of), pair{"all", 1}).rows()[1]["charge_id"]
	w.send(c, "POST", fmt.Sprintf("/refund/charge/%s", charge), pair{"refund_amount", "2.50"})
	w.send(c, "POST", "/create/charge", pair{"customer_id", of}, pair{"card_id", card}, pair{"amount", 3}, pair{"currency", "USD"})
	bad := w.send(c, "POST", "/create/card", pair{"customer_id", of}, pair{"token", "tok_chargeDeclined"}).id()
	if got := w.do(w.request(c, "POST", "/create/charge", pair{"customer_id", of}, pair{"card_id", bad}, pair{"amount", 4}, pair{"currency", "USD"})); got.status != http.StatusPaymentRequired {
		w.Fatalf("%d %s", got.status, got.raw)
	}
	w.send(c, "POST", "/unsubscribe/customer", pair{"subscription_id", sub})
	w.send(c, "POST", "/delete/card", pair{"id", bad})
	w.send(c, "POST", "/delete/customer", pair{"id", of}, pair{"forget", 0})
}

// Receivers written for PayWhirl are told in the topics and envelopes of its two versions,
// and version 2 is signed.
func TestWebhooks(t *testing.T) {
	onBoth(t, func(w *world) {
		secrets := map[string]string{paywhirl.WebhooksV2: webhook.NewSecret(), paywhirl.WebhooksV1: "what they knew before"}
		got := w.told(secrets, w.life)
		tr, seen := &transcript{w: w}, map[string]string{}
		for _, name := range []string{paywhirl.WebhooksV2, paywhirl.WebhooksV1} {
			messages := map[string]bool{}
			for i, body := range got[name].bodies {
				h := got[name].got[i].Header
				messages[h.Get("Webhook-Id")] = true
				if h.Get("Content-Type") != "application/json" || name == paywhirl.WebhooksV1 && (h.Get(paywhirl.SignatureHeader) != "" || h.Get("Webhook-Signature") != "") {
					t.Errorf("%s: %v", name, h)
				}
				mac := hmac.New(sha256.New, []byte(secrets[name]))
				_, _ = io.WriteString(mac, body)
				if want := hex.EncodeToString(mac.Sum(nil)); name == paywhirl.WebhooksV2 && h.Get(paywhirl.SignatureHeader) != want {
					t.Errorf("signed %q, want %q", h.Get(paywhirl.SignatureHeader), want)
				}
				if !json.Valid([]byte(body)) {
					t.Errorf("no JSON: %s", body)
				}
				fmt.Fprintf(&tr.b, "POST %s\n%s\n\n", got[name].got[i].URL.Path, steady(body, seen))
			}
			if len(messages) != len(got[name].bodies) {
				t.Errorf("%d messages have %d ids", len(got[name].bodies), len(messages))
			}
		}
		tr.golden("webhooks.txt")
	})
}

// Every topic tells of kinds of events that there are, and every topic of the golden life is
// one of the table.
func TestTopics(t *testing.T) {
	t.Parallel()
	for _, d := range paywhirl.Webhooks(nil, report.New(nil, nil), paywhirl.Options{}) {
		for _, topic := range d.Topics {
			if len(topic.Kinds) == 0 {
				t.Errorf("%s of %s tells of nothing", topic.Name, d.Name)
			}
		}
		if f, err := d.Filter(nil); err != nil || f.Check() != nil {
			t.Errorf("%s: %v, %v", d.Name, err, f.Check())
		}
	}
}
