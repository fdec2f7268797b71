package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/a-h/templ"

	"perennial/internal/clock"
	"perennial/internal/gateway/stripe/stripetest"
	"perennial/internal/web"
	"perennial/internal/web/webtest"
)

// till is pages with a payment form, and what was posted to them.
type till struct {
	*httptest.Server
	far *stripetest.Stripe

	mu     sync.Mutex
	posted []url.Values
	step   *web.BrowserStep
}

func (p *till) last() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.posted) == 0 {
		return nil
	}
	return p.posted[len(p.posted)-1]
}

func (p *till) wait(step *web.BrowserStep) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step = step
}

func payPage(parts ...templ.Component) templ.Component {
	inside := []templ.Component{html(`<form class="form" method="post" action="/pay" data-once novalidate>`)}
	inside = append(inside, web.TextInput(web.Input{Name: "email", Label: "E-mail", Type: "email"}))
	inside = append(inside, parts...)
	inside = append(inside, web.PressButton(web.Press{Variant: web.Primary, Label: "Pay €9.00", Busy: "Paying…"}), html(`</form>`))
	return within(web.Public(web.PublicPage{Title: "Pay", Brand: "Green Press"}), inside...)
}

func openTill(t *testing.T) *till {
	t.Helper()
	p := &till{far: stripetest.New(t, clock.System{})}
	mux := http.NewServeMux()
	mux.Handle("/assets/", web.Assets())
	mux.HandleFunc("GET /hand", func(w http.ResponseWriter, r *http.Request) {
		web.Render(w, r, http.StatusOK, payPage(web.Payment(web.PaymentForm{Kind: web.PayByHand, Instructions: "IBAN DE00 0000\n\nReference: your order"})))
	})
	mux.HandleFunc("/pay", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		f := web.PaymentForm{Kind: web.PayByStripe, Stripe: web.StripeForm{Script: p.far.Script(), Key: stripetest.PublishableKey, Currency: "eur", Step: p.step}}
		if r.Method == http.MethodPost {
			p.posted = append(p.posted, r.PostForm)
			web.Redirect(w, r, "/done")
			return
		}
		f.Stripe.AllowStripe(w.Header())
		web.Render(w, r, http.StatusOK, payPage(web.Payment(f)))
	})
	mux.HandleFunc("GET /order", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		waiting := p.step
		p.step = nil
		if waiting == nil {
			web.Render(w, r, http.StatusOK, within(web.Public(web.PublicPage{Title: "Asked again", Brand: "Green Press"})))
			return
		}
		f := web.StripeForm{Script: p.far.Script(), Key: stripetest.PublishableKey, Step: waiting}
		f.AllowStripe(w.Header())
		web.Render(w, r, http.StatusOK, within(web.Public(web.PublicPage{Title: "Confirm", Brand: "Green Press"}), web.StripeStep(f)))
	})
	mux.HandleFunc("GET /done", func(w http.ResponseWriter, r *http.Request) {
		web.Render(w, r, http.StatusOK, within(web.Public(web.PublicPage{Title: "Thank you", Brand: "Green Press"})))
	})
	p.Server = httptest.NewServer(web.Headers(mux))
	t.Cleanup(p.Close)
	return p
}

func (p *till) browse(t *testing.T) *webtest.Browser {
	t.Helper()
	b := webtest.Open(t)
	b.AllowHost(p.far.URL)
	return b
}

func TestStripeFormPostsATokenOnly(t *testing.T) {
	t.Parallel()
	p := openTill(t)
	b := p.browse(t)
	b.Goto(p.URL + "/pay")
	b.WaitFor("[data-frame='shown']")
	b.Axe()
	if options := webtest.Eval[string](b, `document.documentElement.dataset.elements`); !strings.Contains(options, `"paymentMethodCreation":"manual"`) || !strings.Contains(options, `"currency":"eur"`) {
		t.Errorf("the fields were made with %s", options)
	}
	b.Fill("E-mail", "ines@example.com")
	b.Choose("Stand-in card", "incomplete")
	b.Click("Pay €9.00")
	b.WaitText("Your card number is incomplete.")
	if p.last() != nil {
		t.Errorf("the form left without a card: %v", p.last())
	}
	b.Axe()
	b.Choose("Stand-in card", "works")
	b.Follow("Pay €9.00")
	b.WaitText("Thank you")
	posted := p.last()
	if !strings.HasPrefix(posted.Get("payment_token"), "pm_") || posted.Get("email") != "ines@example.com" || len(posted) != 2 {
		t.Errorf("posted %v", posted)
	}
}

func TestStripeStepOfAForm(t *testing.T) {
	t.Parallel()
	p := openTill(t)
	for _, confirms := range []bool{true, false} {
		p.wait(&web.BrowserStep{Secret: setUp(t, p.far), Token: "seti_1"})
		b := p.browse(t)
		if !confirms {
			b.Goto(p.URL + "/pay")
			b.Click("The bank refuses")
			b.WaitText("Your bank did not confirm the payment.")
			continue
		}
		b.Goto(p.URL + "/pay")
		b.Follow("The bank confirms")
		b.WaitText("Thank you")
		if p.last().Get("payment_token") != "seti_1" {
			t.Errorf("posted %v", p.last())
		}
	}
}

func TestStripeStepOfAPayment(t *testing.T) {
	t.Parallel()
	for _, press := range []string{"The bank confirms", "The bank refuses"} {
		p := openTill(t)
		p.wait(&web.BrowserStep{Secret: setUp(t, p.far)})
		b := p.browse(t)
		b.Goto(p.URL + "/order")
		b.Axe()
		b.Click("Confirm with your bank")
		b.Follow(press)
		b.WaitText("Asked again")
	}
}

// setUp makes a setup that waits for the customer and tells its secret.
func setUp(t *testing.T, far *stripetest.Stripe) string {
	t.Helper()
	post := func(path string, form url.Values) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, far.URL+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+stripetest.Key)
		answer, err := far.Client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var told struct {
			ID     string `json:"id"`
			Secret string `json:"client_secret"`
		}
		if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
			t.Fatal(err)
		}
		return told.ID + " " + told.Secret
	}
	customer, _, _ := strings.Cut(post("/v1/customers", url.Values{}), " ")
	_, secret, _ := strings.Cut(post("/v1/setup_intents", url.Values{"customer": {customer}, "payment_method": {far.Method(stripetest.Card{Confirm: true})}}), " ")
	return secret
}

// Without the script the page says so and posts nothing.
func TestStripeFormWithoutStripe(t *testing.T) {
	t.Parallel()
	p := openTill(t)
	b := webtest.Open(t)
	b.NoScript()
	b.Goto(p.URL + "/pay")
	b.WaitText("needs JavaScript")
}

// The page of Stripe's form, and no other, may talk to Stripe; a script from anywhere
// else is refused there, too.
func TestContentPolicyOfPayments(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	web.StripeForm{}.AllowStripe(h)
	policy := h.Get("Content-Security-Policy")
	for directive, want := range map[string]string{
		"default-src":     "'self'",
		"script-src":      "'self' https://js.stripe.com https://*.js.stripe.com",
		"frame-src":       "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
		"connect-src":     "'self' https://api.stripe.com",
		"img-src":         "'self' data: https://*.stripe.com",
		"style-src":       "'self'",
		"frame-ancestors": "'none'",
		"form-action":     "'self'",
		"base-uri":        "'none'",
		"object-src":      "'none'",
	} {
		if got := directives(policy)[directive]; got != want {
			t.Errorf("%s is %q, want %q", directive, got, want)
		}
	}
	if n := len(directives(policy)); n != 10 {
		t.Errorf("%d directives in %q", n, policy)
	}

	p := openTill(t)
	for _, path := range []string{"/hand", "/done"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := p.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if got := answer.Header.Get("Content-Security-Policy"); strings.Contains(got, "http") {
			t.Errorf("%s may load from elsewhere: %s", path, got)
		}
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
	}))
	t.Cleanup(elsewhere.Close)
	b := p.browse(t)
	b.Goto(p.URL + "/pay")
	b.WaitFor("[data-frame='shown']")
	refused := webtest.Eval[[]string](b, `new Promise((done) => {
		const refused = [];
		document.addEventListener("securitypolicyviolation", (e) => {
			refused.push(e.effectiveDirective);
			if (refused.length === 3) done(refused.sort());
		});
		const script = document.createElement("script");
		script.src = "`+elsewhere.URL+`/x.js";
		document.head.append(script);
		const frame = document.createElement("iframe");
		frame.src = "`+elsewhere.URL+`/";
		document.body.append(frame);
		fetch("`+elsewhere.URL+`/").catch(() => {});
		setTimeout(() => done(refused), 5000);
	})`)
	if strings.Join(refused, " ") != "connect-src frame-src script-src-elem" {
		t.Errorf("refused %v", refused)
	}
	b.Forget()
}

func directives(policy string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(policy, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), " ")
		out[name] = value
	}
	return out
}

func TestPaymentByHand(t *testing.T) {
	t.Parallel()
	p := openTill(t)
	for _, look := range []struct {
		width int
		dark  bool
	}{{1280, false}, {360, true}} {
		b := webtest.Open(t)
		b.Viewport(look.width, 800, look.dark)
		b.Goto(p.URL + "/hand")
		b.WaitText("IBAN DE00 0000")
		b.Axe()
		if dir := os.Getenv("GALLERY"); dir != "" {
			b.Screenshot(filepath.Join(dir, "pay-by-hand.png"))
		}
	}
}
