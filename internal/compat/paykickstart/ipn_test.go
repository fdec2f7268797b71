package paykickstart_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the wire's own algorithm
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/compat/paykickstart"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/outbound"
	"perennial/internal/outbox"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/webhook"
)

const ipnSecret = "campaign-secret-1" //nolint:gosec // of a test

// posted is a notification as a receiver gets it: names in the order in which they came.
type posted struct {
	names  []string
	values map[string]string
}

func readPosted(t testing.TB, body string) posted {
	t.Helper()
	p := posted{values: map[string]string{}}
	for pair := range strings.SplitSeq(body, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			t.Fatal(err)
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			t.Fatal(err)
		}
		p.names, p.values[name] = append(p.names, name), value
	}
	return p
}

func hmacOf(message string) string {
	m := hmac.New(sha1.New, []byte(ipnSecret))
	_, _ = io.WriteString(m, message)
	return hex.EncodeToString(m.Sum(nil))
}

// validHash follows the steps of the newest description: without both signatures, trimmed,
// without what PHP takes for false, each value in Latin-1, by name, joined by bars.
func (p posted) validHash(convert bool) bool {
	type kv struct{ k, v string }
	var kept []kv
	for _, name := range p.names {
		if name == "hash" || name == "verification_code" {
			continue
		}
		value := strings.Trim(p.values[name], " \t\n\r\x00\x0b")
		if value == "" || value == "0" {
			continue
		}
		if convert {
			var b []byte
			for _, r := range value {
				if r < 256 {
					b = append(b, byte(r))
				}
			}
			value = string(b)
		}
		kept = append(kept, kv{name, value})
	}
	sort.Slice(kept, func(i, j int) bool { return kept[i].k < kept[j].k })
	values := make([]string, len(kept))
	for i, one := range kept {
		values[i] = one.v
	}
	return hmacOf(strings.Join(values, "|")) == p.values["hash"]
}

// validCode follows the steps of the older description, with the places sorted as text.
func (p posted) validCode() bool {
	byPlace := map[string]string{}
	for _, name := range p.names {
		if v := p.values[name]; name != "verification_code" && v != "" && v != "0" {
			byPlace[strconv.Itoa(len(byPlace))] = v
		}
	}
	places := make([]string, 0, len(byPlace))
	for place := range byPlace {
		places = append(places, place)
	}
	sort.Strings(places)
	values := make([]string, len(places))
	for i, place := range places {
		values[i] = byPlace[place]
	}
	return hmacOf(strings.Join(values, "|")) == p.values["verification_code"]
}

// receiver takes notifications until a test arrives, which comes last.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	got   []posted
	tries int
	done  chan struct{}
}

func newReceiver(t testing.TB, answer int) *receiver {
	r := &receiver{done: make(chan struct{})}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("%s %s: %v", req.Method, req.Header, err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		p := readPosted(t, string(body))
		r.got, r.tries = append(r.got, p), r.tries+1
		if p.values["event"] == "sales" && p.values["product_id"] == "" {
			close(r.done)
			return
		}
		w.WriteHeader(answer)
	}))
	t.Cleanup(r.Close)
	return r
}

// told has receivers told of what happens in life, by the real sender.
func (w *world) told(list map[*receiver]commerce.CreateEndpoint, life func()) {
	w.Helper()
	dialects := paykickstart.Webhooks(w.s, w.r, paykickstart.Options{Clock: w.clock}, func(e outbox.Endpoint) ([]string, error) { return webhook.Secrets(w.keys, e, w.clock.Now()) })
	w.s.UseDialects(dialects...)
	speaks := map[string]outbox.Dialect{}
	for _, d := range dialects {
		speaks[d.Name] = d
	}
	var tests []commerce.TestEndpoint
	for r, c := range list {
		c.Call, c.Address, c.Secret = w.call(), r.URL+"/ipn", webhook.SealSecret(w.keys, w.acc.ID, ipnSecret)
		e, err := w.s.CreateEndpoint(w.Context(), c)
		w.ok(err)
		tests = append(tests, commerce.TestEndpoint{Call: w.call(), Endpoint: e.ID})
	}
	life()
	for _, test := range tests {
		_, err := w.s.TestEndpoint(w.Context(), test)
		w.ok(err)
	}
	sender := webhook.NewSender(outbound.Client([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), w.keys, w.clock, "test", speaks)
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
	for r := range list {
		<-r.done
	}
	stop()
	run.Wait()
}

// of are the notifications of an event.
func (r *receiver) of(event string) []posted {
	var list []posted
	for _, p := range r.got {
		if p.values["event"] == event {
			list = append(list, p)
		}
	}
	return list
}

// lifeOfAVendor is everything that is told of, by the wire where the wire has it.
func (w *world) lifeOfAVendor() {
	w.Helper()
	ctx := w.Context()
	w.lead()
	ask := func(path string, args ...pair) reply { w.Helper(); return w.must(jsonClient, nil, path, args...) }
	sale := w.buy("zoe@example.com", pair{"first_name", "Zoë"}, pair{"last_name", "Чехов"}, pair{"billing_city", "Plzeň"}, pair{"billing_country", "CZ"}, pair{"affiliate", "leo@partners.example"},
		pair{"tracking_id", "news"}, pair{"custom_field[shirt]", " XL "}, pair{"price", "10.00"})
	invoice := sale.text("invoice_id")
	once := ask("/purchase", pair{"product", "1"}, pair{"plan", "3"}, pair{"ref_purchase", invoice})
	trial := w.buy("trial@example.com", pair{"has_trial", "1"}, pair{"trial_amount", "0"}, pair{"trial_days", "7"}).text("invoice_id")
	w.buy("poor@example.com", pair{"stripeToken", "tok_declineAfter_1"})
	quiet := w.buy("quiet@example.com").text("invoice_id")
	w.ask(jsonClient, nil, "/purchase", pair{"product", "1"}, pair{"plan", "3"}, pair{"first_name", "N"}, pair{"last_name", "N"}, pair{"email", "none@example.com"}, pair{"stripeToken", "tok_chargeDeclined"})
	w.clock.Add(time.Hour)
	_, err := w.s.AbandonLeads(ctx, w.acc.ID)
	w.ok(err)
	ask("/subscriptions/cancel", pair{"invoice_id", trial})
	ask("/subscriptions/cancel", pair{"invoice_id", quiet}, pair{"fire_event", "0"})
	ask("/subscriptions/re-activate", pair{"invoice_id", trial}, pair{"date", strconv.FormatInt(start.AddDate(0, 2, 0).Unix(), 10)})
	w.to(start.AddDate(0, 0, 29)) // renewals: one is paid, one declined
	p, err := w.r.PurchaseOnce(ctx, w.acc.ID, w.orderOf(once))
	w.ok(err)
	_, err = w.s.Refund(ctx, commerce.Refund{Call: w.call(), Payment: p.Invoices[0].Payments[0].ID, Amount: 500})
	w.ok(err)
	ask("/subscriptions/change", pair{"invoice_id", invoice}, pair{"product_id", "2"})
	list, err := w.r.Subscriptions(ctx, w.acc.ID, subscription.Filter{Customer: p.Customer.ID, Limit: 1}, report.Expand{})
	w.ok(err)
	sub := list[0].Subscription.ID
	_, err = w.s.Pause(ctx, commerce.Pause{Call: w.call(), Subscription: sub, Override: true})
	w.ok(err)
	_, err = w.s.Unpause(ctx, commerce.Unpause{Call: w.call(), Subscription: sub})
	w.ok(err)
	ask("/subscriptions/cancel", pair{"invoice_id", invoice})
}

func (w *world) orderOf(sold reply) id.Order {
	w.Helper()
	list, err := w.r.Orders(w.Context(), w.acc.ID, 0, 0, 10)
	w.ok(err)
	for _, o := range list {
		if o.Subscription == 0 && o.Invoice != 0 && o.State == "completed" {
			return o.ID
		}
	}
	w.Fatalf("there is no order of %s", sold.raw)
	return 0
}

// TestNotifications proves that receivers that follow the newest and the older description
// take every notification of a whole life, with the fields in their order and both
// signatures valid.
func TestNotifications(t *testing.T) {
	onBoth(t, func(w *world) {
		newest, older, ascii := newReceiver(w, 200), newReceiver(w, 200), newReceiver(w, 200)
		w.told(map[*receiver]commerce.CreateEndpoint{newest: {Dialect: paykickstart.Notifications}, older: {Dialect: paykickstart.NotificationsUTF8}, ascii: {Dialect: paykickstart.NotificationsASCII}}, w.lifeOfAVendor)
		for r, convert := range map[*receiver][]bool{newest: {true}, older: {false}, ascii: {true, false}} {
			for _, p := range r.got {
				for _, how := range convert {
					if !p.validHash(how) {
						w.Errorf("%s: hash is not valid: %v", p.values["event"], p)
					}
				}
				if !p.validCode() {
					w.Errorf("%s: verification_code is not valid: %v", p.values["event"], p)
				}
				data := p.names[:len(p.names)-3]
				if !slices.IsSorted(data) || !slices.Equal(p.names[len(data):], []string{"licenses", "hash", "verification_code"}) {
					w.Errorf("the fields come as %v", p.names)
				}
				if p.values["mode"] != "test" || p.values["payment_processor"] != "testmode" {
					w.Errorf("a test purchase is told as %v", p.values)
				}
			}
		}
		for event, count := range map[string]int{"sales": 6, "refund": 1, "subscription-payment": 2, "subscription-payment-failed": 1, "subscription-cancelled": 2, "subscription-trial-end": 1,
			"subscription-created": 4, "subscription-trial-start": 1, "subscription-paused": 1, "subscription-resumed": 1, "subscription-reactivated": 1, "transaction-failed": 1,
			"lead-created": 1, "cart-abandoned": 1, "commission-created": 6} {
			if got := len(newest.of(event)); got != count {
				w.Errorf("%s was told %d times, want %d", event, got, count)
			}
		}
		if len(newest.of("subscription-updated")) == 0 {
			w.Error("no change was told")
		}
		w.checkFields(newest, ascii)
	})
}

// checkFields looks at single notifications.
func (w *world) checkFields(newest, ascii *receiver) {
	w.Helper()
	var sale, once posted
	for _, p := range newest.of("sales") {
		switch p.values["amount"] {
		case "10.00":
			sale = p
		case "25.00":
			once = p
		}
	}
	if len(sale.names) != 58 || len(once.names) != 55 { // one custom field beside the 57
		w.Errorf("a sale has %d fields and one that is paid once %d", len(sale.names), len(once.names))
	}
	// The purchase is told as it is when the body is made: here, when the life is over.
	for name, want := range map[string]string{"is_rebill": "0", "quantity": "1", "buyer_first_name": "Zoë", "buyer_last_name": "Чехов", "billing_city": "Plzeň", "custom_shirt": "XL",
		"affiliate_commission_amount": "3.00", "affiliate_commission_percent": "30", "ref_affiliate_commission_amount": "0.50", "ref_affiliate_first_name": "Mia", "tracking_id": "news",
		"campaign_name": "Tea", "product_id": "2", "currency": "USD", "next_billing_date": "", "transaction_type": "primary", "tax_amount": "0.00"} {
		if sale.values[name] != want {
			w.Errorf("%s is %q, want %q", name, sale.values[name], want)
		}
	}
	if keys := strings.Split(sale.values["licenses"], ", "); len(keys) != 2 {
		w.Errorf("the licences are %q", sale.values["licenses"])
	}
	if refund := newest.of("refund")[0]; refund.values["amount"] != "5.00" || refund.values["invoice_id"] != once.values["invoice_id"] || refund.values["transaction_id"] == once.values["transaction_id"] {
		w.Errorf("the refund is %v", refund.values)
	}
	if paid := newest.of("subscription-payment")[0]; paid.values["is_rebill"] != "1" || paid.values["invoice_id"] != sale.values["invoice_id"] {
		w.Errorf("the renewal is %v", paid.values)
	}
	for _, p := range ascii.of("sales") {
		if p.values["amount"] == "10.00" && (p.values["buyer_first_name"] != "Zoe" || p.values["billing_city"] != "Plzen") {
			w.Errorf("in ASCII it is %v", p.values)
		}
	}
	if updated := newest.of("subscription-updated")[0]; updated.values["next_billing_date"] != "" || slices.Contains(updated.names, "transaction_type") {
		w.Errorf("a change is told as %v", updated.values)
	}
}

// TestNotificationsOfAProduct proves that an endpoint may be told of some products alone, and
// of some events, and that what it refuses is tried once, or again when that was asked for.
func TestNotificationsOfAProduct(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	book, all := newReceiver(w, 200), newReceiver(w, 500)
	w.told(map[*receiver]commerce.CreateEndpoint{
		book: {Dialect: paykickstart.Notifications, Settings: outbox.Settings{Products: []id.Product{w.book.ID}}, Events: outbox.Filter{"sales"}},
		all:  {Dialect: paykickstart.Notifications, Settings: outbox.Settings{Campaigns: []id.Campaign{w.campaign.ID}}, Events: outbox.Filter{"sales"}},
	}, func() {
		invoice := w.buy("ada@example.com").text("invoice_id")
		w.must(jsonClient, nil, "/purchase", pair{"product", "1"}, pair{"plan", "3"}, pair{"ref_purchase", invoice})
		w.must(jsonClient, nil, "/purchase", pair{"product", "2"}, pair{"plan", "4"}, pair{"ref_purchase", invoice})
	})
	var names []string
	for _, p := range book.got {
		names = append(names, p.values["product_name"])
	}
	if strings.Join(names, ",") != "Tea book," { // and the test
		t.Errorf("told of %v", names)
	}
	if all.tries != 3 {
		t.Errorf("the campaign's endpoint was tried %d times, want 3", all.tries)
	}
	endpoints, err := w.r.Endpoints(t.Context(), w.acc.ID)
	w.ok(err)
	dead := 0
	for _, e := range endpoints {
		list, err := w.r.Deliveries(t.Context(), w.acc.ID, outbox.Query{Endpoint: e.ID, Limit: 20})
		w.ok(err)
		for _, d := range list {
			if d.State == outbox.Dead {
				dead++
			}
		}
	}
	if dead != 2 {
		t.Errorf("%d deliveries were given up after one try, want 2", dead)
	}
}
