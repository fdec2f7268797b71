package widget_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/link"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
	"perennial/internal/web/widget"
)

func TestMain(m *testing.M) { webtest.Main(m) }

// stand is a merchant with two plans, a subscriber, a widget, and a site that shows it.
type stand struct {
	*testing.T
	*pagetest.Stack
	call     commerce.Call
	frames   string // where the widgets are
	site     string // the merchant's own
	page     string // what the site's page holds
	customer id.Customer
	widget   account.Widget
}

const uuid = "7d2a1b9e-3c44-4f5b-9d0e-1a2b3c4d5e6f"

func open(t *testing.T) *stand {
	t.Helper()
	s := &stand{T: t, Stack: pagetest.New(t, db.SQLite)}
	ctx := t.Context()
	frames := httptest.NewServer(widget.New(s.Service, s.Reader, widget.Options{Clock: s.Clock, Base: s.URL}))
	t.Cleanup(frames.Close)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>Green Press</title><link rel="icon" href="data:,"></head><body><main><h1>Our boxes</h1>%s</main></body></html>`, s.page)
	}))
	t.Cleanup(site.Close)
	s.frames, s.site = frames.URL, site.URL
	by := event.Actor{Kind: event.ByOperator, Name: "test"}
	made, err := s.Service.CreateAccount(ctx, commerce.CreateAccount{Actor: by, Name: "Green Press", Email: "help@example.com", Mode: account.Sandbox, Currency: "EUR", Zone: "Europe/Berlin", Country: "DE"})
	s.ok(err)
	s.call = commerce.Call{Account: made.Account.ID, Actor: by}
	var sold id.Price
	for i, name := range []string{"Small box", "Large box"} {
		product, err := s.Service.CreateProduct(ctx, commerce.CreateProduct{Call: s.call, Name: name, Description: "Fresh from the press."})
		s.ok(err)
		p, err := s.Service.CreatePrice(ctx, commerce.CreatePrice{Call: s.call, Product: product.ID, Amount: money.Amount{Minor: int64(1095 * (i + 1)), Currency: "EUR"}, Interval: period.Interval{Unit: period.Month, Count: 1}, TrialDays: i * 14})
		s.ok(err)
		sold = p.ID
	}
	who, err := s.Service.CreateCustomer(ctx, commerce.CreateCustomer{Call: s.call, Email: "ada@example.com", Buyer: customer.Buyer{Name: "Ada Okafor", Country: "DE"}})
	s.ok(err)
	s.customer = who.ID
	err = s.Service.SetPassword(ctx, commerce.SetPassword{Call: s.call, Customer: who.ID, Password: "correct horse battery"})
	s.ok(err)
	_, err = s.Service.Sell(ctx, commerce.Sell{Call: s.call, Customer: who.ID, Price: sold, Token: "tok_visa", Source: "test"})
	s.ok(err)
	s.widget, err = s.Service.CreateWidget(ctx, commerce.CreateWidget{Call: s.call, Name: "Plans", Code: uuid, Sites: []string{s.site}})
	s.ok(err)
	return s
}

func (s *stand) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// token signs the customer in once.
func (s *stand) token() string {
	s.Helper()
	made, err := s.Service.CreateSignIn(s.Context(), commerce.CreateSignIn{Call: s.call, Customer: s.customer})
	s.ok(err)
	return made.Token
}

// get is the answer to a request, with its body.
func (s *stand) get(path string) (*http.Response, string) {
	s.Helper()
	return s.do(http.MethodGet, path, nil)
}

func (s *stand) do(method, path string, form url.Values) (*http.Response, string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.frames+path, strings.NewReader(form.Encode()))
	s.ok(err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req)
	s.ok(err)
	defer res.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(res.Body)
	s.ok(err)
	return res, string(body)
}

// Only the sites that a widget names may show it; every address that is pasted somewhere
// leads to it.
func TestAddresses(t *testing.T) {
	t.Parallel()
	s := open(t)
	number := 2 // of the second plan
	for path, want := range map[string]string{
		"/widget/" + uuid:                                               "Small box",
		"/widget?api_key=" + uuid:                                       "Large box",
		"/cart?layout=embed&domain=" + uuid:                             "Small box",
		"/login?layout=embed&domain=" + uuid:                            "Password",
		fmt.Sprintf("/widget/payment-form/%d?api_key=%s", number, uuid): "Large box",
	} {
		res, body := s.get(path)
		if res.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d without %q", path, res.StatusCode, want)
		}
		if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'self' "+s.site+";") || !strings.Contains(policy, "script-src 'self'") {
			t.Errorf("%s: %s", path, policy)
		}
	}
	if _, body := s.get(fmt.Sprintf("/widget/payment-form/%d?api_key=%s", number, uuid)); strings.Contains(body, "Small box") {
		t.Error("the form of one plan shows the other")
	}
	for _, path := range []string{"/widget/nobody", "/widget", "/login", "/widget/payment-form/9?api_key=" + uuid, "/widget/payment-form/x?api_key=" + uuid, "/nothing"} {
		if res, _ := s.get(path); res.StatusCode != http.StatusNotFound || path != "/widget/payment-form/9?api_key="+uuid && path != "/widget/payment-form/x?api_key="+uuid && !strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: %d, %s", path, res.StatusCode, res.Header.Get("Content-Security-Policy"))
		}
	}
	if res, body := s.get("/js/widget.js"); res.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || !strings.Contains(body, "window.paywhirl") {
		t.Errorf("%v", res.Header)
	}
	alone, err := s.Service.CreateWidget(t.Context(), commerce.CreateWidget{Call: s.call, Name: "Alone"})
	s.ok(err)
	if res, _ := s.get("/widget/" + alone.Code); !strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors 'self';") {
		t.Errorf("a widget without sites: %s", res.Header.Get("Content-Security-Policy"))
	}
	s.ok(s.Service.RemoveWidget(t.Context(), commerce.RemoveWidget{Call: s.call, Widget: s.widget.ID}))
	if res, _ := s.get("/widget/" + uuid); res.StatusCode != http.StatusNotFound {
		t.Errorf("removed, it answers %d", res.StatusCode)
	}
}

// A token signs its customer in once and for a short time; an address and a password do too,
// a few times.
func TestSigningIn(t *testing.T) {
	t.Parallel()
	s := open(t)
	token := s.token()
	for _, want := range []string{"Signed in as ada@example.com", "You are not signed in"} { // the second time it is used up
		if _, body := s.get("/widget/" + uuid + "?loginToken=" + token); !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	if _, body := s.get("/login?domain=" + uuid + "&multiauth=" + s.token()); !strings.Contains(body, "Large box") || !strings.Contains(body, s.URL+"/pay/") {
		t.Errorf("the customer's page: %s", body)
	}
	late := s.token()
	s.Clock.Add(link.SignInLife + time.Second)
	if _, body := s.get("/login?domain=" + uuid + "&multiauth=" + late); !strings.Contains(body, "You are not signed in") {
		t.Error("a token is good for too long")
	}
	other, err := s.Service.CreateAccount(t.Context(), commerce.CreateAccount{Actor: s.call.Actor, Name: "Others", Email: "o@example.com", Mode: account.Sandbox})
	s.ok(err)
	foreign, err := s.Service.CreateWidget(t.Context(), commerce.CreateWidget{Call: commerce.Call{Account: other.Account.ID, Actor: s.call.Actor}, Name: "Theirs"})
	s.ok(err)
	if _, body := s.get("/login?domain=" + foreign.Code + "&multiauth=" + s.token()); strings.Contains(body, "ada@example.com") {
		t.Error("a token works at another account")
	}
	form := func(password string) url.Values {
		return url.Values{"code": {uuid}, "email": {"ada@example.com"}, "password": {password}}
	}
	if res, body := s.do(http.MethodPost, "/login", form("correct horse battery")); res.StatusCode != http.StatusOK || !strings.Contains(body, "Signed in as ada@example.com") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	for i := range 6 {
		want := http.StatusUnauthorized
		if i > 3 { // one was right
			want = http.StatusTooManyRequests
		}
		if res, body := s.do(http.MethodPost, "/login", form("$2a$wrong")); res.StatusCode != want || strings.Contains(body, "Signed in") {
			t.Errorf("try %d: %d, want %d", i, res.StatusCode, want)
		}
	}
}

// A real browser shows the pasted code of both versions, as high as it is, and leads to the
// checkout.
func TestOnASite(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, look := range []struct {
		width int
		dark  bool
	}{{1280, false}, {1280, true}, {360, false}, {360, true}} {
		t.Run(fmt.Sprintf("%d %t", look.width, look.dark), func(t *testing.T) {
			b := webtest.Open(t)
			b.Viewport(look.width, 800, look.dark)
			for _, host := range []string{s.frames, s.site} {
				b.AllowHost(host)
			}
			picture := func(name string) {
				if dir := os.Getenv("GALLERY"); dir != "" {
					b.Screenshot(filepath.Join(dir, fmt.Sprintf("widget-%s-%d-%t.png", name, look.width, look.dark)))
				}
			}
			fits := func(frame string) {
				t.Helper()
				b.WaitFor(frame + `[style*="height"][style*="px"]`)
				if h := webtest.Eval[int](b, `document.querySelector("`+frame+`").getBoundingClientRect().height`); h < 100 || h > 3000 {
					t.Errorf("%s is %d px high", frame, h)
				}
			}
			s.page = `<script src="` + s.frames + `/js/widget.js"></script><iframe id="paywhirl_frame" title="Plans" scrolling="no" style="width:100%;border:0" src="` + s.frames + `/widget?api_key=` + uuid + `"></iframe>`
			b.Goto(s.site)
			fits("#paywhirl_frame")
			picture("v1")

			s.page = `<script src="` + s.frames + `/js/widget.js"></script><script id="pw_1">paywhirl("widget", {domain: "acme", uuid: "` + uuid + `"}, "pw_1")</script>` +
				`<script id="pw_2">paywhirl("create", {domain: "` + uuid + `", multiauth: "` + s.token() + `"}, "pw_2")</script>` +
				`<script id="pw_3">paywhirl("button", {domain: "acme", uuid: "` + uuid + `", button_text: "Get a box"}, "pw_3")</script>`
			b.Goto(s.site)
			fits("#pwframe_pw_1")
			fits("#pwframe_pw_2")
			picture("v2")
			b.Click("Get a box")
			b.WaitFor("dialog[open] iframe")
			fits("#pwframe_pw_3")
			picture("modal")
			b.Click("Close")
			b.WaitGone("dialog")

			s.page = `<script src="` + s.frames + `/js/widget.js"></script><script id="pw_4">paywhirl("create", "` + uuid + `", "pw_4")</script>` // the domain alone
			b.Goto(s.site)
			fits("#pwframe_pw_4")
			webtest.Eval[bool](b, `paywhirl("modal_cart", {domain: "`+uuid+`"}, "nowhere") || true`)
			b.WaitFor("dialog[open] iframe")
			fits("#pwframe_nowhere")
			b.Click("Close")
			b.WaitGone("dialog")

			for page, path := range map[string]string{"table": "/widget/" + uuid, "login": "/login?domain=" + uuid, "account": "/login?domain=" + uuid + "&multiauth=" + s.token()} {
				b.Goto(s.frames + path)
				b.WaitFor("main")
				b.Axe()
				if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > look.width {
					t.Errorf("%s is %d px wide", page, wide)
				}
				picture(page)
			}
			b.Goto(s.frames + "/login?domain=" + uuid)
			b.Fill("E-mail", "ada@example.com")
			b.Fill("Password", "correct horse battery")
			b.Click("Log in")
			b.WaitText("Signed in as ada@example.com")
			b.Goto(s.frames + "/widget/" + uuid)
			b.AllowHost(s.URL)
			b.Follow("Choose Large box")
			b.WaitText("Large box")
			if at := webtest.Eval[string](b, `location.pathname`); !strings.HasPrefix(at, "/c/") {
				t.Errorf("it leads to %s", at)
			}
		})
	}
}
