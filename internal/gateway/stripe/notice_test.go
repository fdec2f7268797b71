package stripe_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"perennial/internal/fault"
	"perennial/internal/gateway/stripe"
	"perennial/internal/gateway/stripe/stripetest"
	"perennial/internal/payment"
)

// A vector that was computed with openssl, not with this program:
// printf '%s' "$t.$body" | openssl dgst -sha256 -hmac "$secret"
const (
	vectorSecret    = "whsec_vector0123456789"
	vectorBody      = `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1772366400,"livemode":false,"data":{"object":{"id":"pi_1","object":"payment_intent","metadata":{"perennial_key":"pay_1"}}}}`
	vectorSignature = "11f7377f3a36616d636b59b75350c99c40680b147818c38beafe189342f3098b"
)

func reader(t *testing.T, c stripe.Credentials) *stripe.Gateway {
	t.Helper()
	w := open(t)
	g, err := stripe.New(c, stripe.Options{Client: w.far.Client, Clock: w.clock, URL: w.far.URL})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func read(g *stripe.Gateway, signature, body string, now time.Time) (payment.Notice, error) {
	return g.Read(func(name string) string {
		if name == "Stripe-Signature" {
			return signature
		}
		return ""
	}, []byte(body), now)
}

func TestSignatureVector(t *testing.T) {
	t.Parallel()
	at := time.Unix(1772366400, 0)
	g := reader(t, stripe.Credentials{APIKey: stripetest.Key, WebhookSecrets: []string{"whsec_newsecret12345", vectorSecret}})
	header := "t=1772366400,v1=" + vectorSignature
	n, err := read(g, header, vectorBody, at.Add(300*time.Second))
	if err != nil || n.Key != "pay_1" || n.Reference != "pi_1" || n.Kind != payment.ChargeNotice || n.ID != "evt_1" || !n.At.Equal(at) {
		t.Fatalf("got %+v, %v", n, err)
	}
	for _, good := range []string{"t=1772366400,v0=00,v1=" + strings.Repeat("0", 64) + ",v1=" + vectorSignature, "v1=" + vectorSignature + ",t=1772366400"} {
		if _, err := read(g, good, vectorBody, at); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for what, c := range map[string]struct {
		header, body string
		now          time.Time
	}{
		"old":             {header, vectorBody, at.Add(301 * time.Second)},
		"early":           {header, vectorBody, at.Add(-301 * time.Second)},
		"another time":    {strings.Replace(header, "1772366400", "1772366401", 1), vectorBody, at},
		"two times":       {header + ",t=1772366400", vectorBody, at},
		"body":            {header, vectorBody + " ", at},
		"re-serialised":   {header, strings.ReplaceAll(vectorBody, ":", ": "), at},
		"other scheme":    {"t=1772366400,v0=" + vectorSignature, vectorBody, at},
		"cut":             {header[:len(header)-2], vectorBody, at},
		"empty":           {"", vectorBody, at},
		"no signature":    {"t=1772366400", vectorBody, at},
		"negative":        {strings.Replace(header, "1772366400", "-1772366400", 1), vectorBody, at},
		"huge time":       {strings.Replace(header, "1772366400", strings.Repeat("9", 40), 1), vectorBody, at},
		"many signatures": {"t=1772366400" + strings.Repeat(",v1=00", 2000) + ",v1=" + vectorSignature, vectorBody, at},
	} {
		if n, err := read(g, c.header, c.body, c.now); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %+v, %v", what, n, err)
		}
	}
	without := reader(t, stripe.Credentials{APIKey: stripetest.Key})
	if _, err := read(without, header, vectorBody, at); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a secret: got %v", err)
	}
}

func TestNoticeOfAnotherModeOrAccount(t *testing.T) {
	t.Parallel()
	connected := stripe.Credentials{APIKey: stripetest.Key, WebhookSecrets: []string{stripetest.Secret}, Connected: "acct_12345678"}
	plain := connected
	plain.Connected = ""
	live := plain
	live.APIKey = strings.Replace(stripetest.Key, "test", "live", 1)
	for _, c := range []struct {
		name   string
		with   stripe.Credentials
		fields string
		fine   bool
	}{
		{"test", plain, `"livemode":false`, true},
		{"live", live, `"livemode":true`, true},
		{"connected", connected, `"livemode":false,"account":"acct_12345678"`, true},
		{"live for test", plain, `"livemode":true`, false},
		{"test for live", live, `"livemode":false`, false},
		{"another's", connected, `"livemode":false,"account":"acct_99999999"`, false},
		{"a connected account's", plain, `"livemode":false,"account":"acct_12345678"`, false},
	} {
		body := fmt.Sprintf(`{"id":"evt_1","type":"charge.dispute.created","created":1772366400,%s,"data":{"object":{"id":"dp_1","object":"dispute"}}}`, c.fields)
		n, err := read(reader(t, c.with), stripetest.Sign(stripetest.Secret, noon.Unix(), []byte(body)), body, noon)
		if c.fine && (err != nil || n.Kind != payment.DisputeNotice || n.Reference != "dp_1") || !c.fine && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %+v, %v", c.name, n, err)
		}
	}
}

func TestKindsOfNotices(t *testing.T) {
	t.Parallel()
	g := reader(t, stripe.Credentials{APIKey: stripetest.Key, WebhookSecrets: []string{stripetest.Secret}})
	for _, c := range []struct {
		object string
		kind   payment.NoticeKind
		ref    string
	}{
		{`{"id":"pi_1","object":"payment_intent","metadata":{"perennial_key":"pay_1"}}`, payment.ChargeNotice, "pi_1"},
		{`{"id":"ch_1","object":"charge","payment_intent":"pi_1","metadata":{"perennial_key":"pay_1"}}`, payment.ChargeNotice, "pi_1"},
		{`{"id":"ch_1","object":"charge","payment_intent":{"id":"pi_2"}}`, payment.ChargeNotice, "pi_2"},
		{`{"id":"ch_1","object":"charge","payment_intent":null}`, payment.OtherNotice, "ch_1"},
		{`{"id":"re_1","object":"refund","metadata":{}}`, payment.RefundNotice, "re_1"},
		{`{"id":"pm_1","object":"payment_method","customer":"cus_1"}`, payment.MethodNotice, "cus_1/pm_1"},
		{`{"id":"pm_1","object":"payment_method","customer":null}`, payment.OtherNotice, "pm_1"},
		{`{"id":"po_1","object":"payout"}`, payment.OtherNotice, "po_1"},
		{`{"object":7}`, "", ""},
	} {
		body := fmt.Sprintf(`{"id":"evt_1","type":"x","created":1772366400,"livemode":false,"data":{"object":%s}}`, c.object)
		n, err := read(g, stripetest.Sign(stripetest.Secret, noon.Unix(), []byte(body)), body, noon)
		if (err != nil) != (c.kind == "") || n.Kind != c.kind || n.Reference != c.ref {
			t.Errorf("%s: got %+v, %v", c.object, n, err)
		}
	}
}

func TestNoticesGoOnWhenTheLastIsForgotten(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.ask(t, w.charged(w.save(t, stripetest.Card{})))
	list, last, err := w.Notices(t.Context(), w.account, "evt_forgotten", noon)
	if err != nil || len(list) != 1 || last != list[0].ID || list[0].Kind != payment.ChargeNotice {
		t.Errorf("got %+v, %q, %v", list, last, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("t=1772366400,v1="+vectorSignature, vectorBody)
	f.Add("t=1,t=2,v1=,,=", "{}")
	f.Fuzz(func(t *testing.T, header, body string) {
		g := reader(t, stripe.Credentials{APIKey: stripetest.Key, WebhookSecrets: []string{stripetest.Secret}})
		if n, err := read(g, header, body, noon); err == nil {
			t.Errorf("forged: %+v", n)
		}
		if n, err := read(g, stripetest.Sign(stripetest.Secret, noon.Unix(), []byte(body)), body, noon); err == nil && (n.ID == "" || n.Body != body) {
			t.Errorf("read %+v", n)
		}
	})
}
