package promote_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/lead"
	"perennial/internal/money"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/promote"
	"perennial/internal/web/webtest"
)

func TestMain(m *testing.M) { webtest.Main(m) }

// shop is a sandbox account with one product, whose campaign Mia promotes.
type shop struct {
	*pagetest.Stack
	t        *testing.T
	call     commerce.Call
	campaign id.Campaign
	checkout string // path
	mia      id.Affiliate
}

func open(t *testing.T, engine string) *shop {
	t.Helper()
	s := &shop{Stack: pagetest.New(t, engine), t: t}
	by := event.Actor{Kind: event.ByOperator, Name: "test"}
	made, err := s.Service.CreateAccount(t.Context(), commerce.CreateAccount{Actor: by, Name: "Green Press", Email: "help@green-press.example", Mode: account.Sandbox, Currency: "USD"})
	s.ok(err)
	s.call = commerce.Call{Account: made.Account.ID, Actor: by}
	product, err := s.Service.CreateProduct(t.Context(), commerce.CreateProduct{Call: s.call, Name: "Tea club"})
	s.ok(err)
	_, err = s.Service.CreatePrice(t.Context(), commerce.CreatePrice{Call: s.call, Product: product.ID, Amount: money.Amount{Minor: 2000, Currency: "USD"}})
	s.ok(err)
	view, err := s.Reader.Product(t.Context(), s.call.Account, product.ID)
	s.ok(err)
	s.campaign, s.checkout = product.Campaign, "/c/"+view.Links[0].Slug
	slug, landing := "tea", s.URL+s.checkout+"?ref=site"
	_, err = s.Service.SetProgram(t.Context(), commerce.SetProgram{Call: s.call, Campaign: s.campaign, Slug: &slug, Landing: &landing})
	s.ok(err)
	s.mia = s.affiliate("mia")
	_, err = s.Service.AskToPromote(t.Context(), commerce.AskToPromote{Call: s.call, Campaign: s.campaign, Affiliate: s.mia, ByTeam: true})
	s.ok(err)
	return s
}

func (s *shop) affiliate(code string) id.Affiliate {
	s.t.Helper()
	email := code + "@partners.example"
	a, err := s.Service.PutAffiliate(s.t.Context(), commerce.PutAffiliate{Call: s.call, Email: &email, Name: &code, Code: &code})
	s.ok(err)
	return a.ID
}

func (s *shop) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) referrals() []affiliate.Referral {
	s.t.Helper()
	list, err := s.Reader.Referrals(s.t.Context(), s.call.Account, 0, 0, 10)
	s.ok(err)
	return list
}

// A visitor follows a link, types an address, leaves, comes back and buys: the sale is the
// affiliate's, with their mark, and the lead that was noted is the one that bought.
func TestBuyByALink(t *testing.T) {
	t.Parallel()
	s := open(t, db.SQLite)
	b := webtest.Open(t)
	b.Goto(s.URL + "/a/tea/Mia?tid=newsletter-7&utm_source=blog")
	b.WaitFor("button")
	if at := webtest.Eval[string](b, `location.pathname + location.search`); !strings.HasPrefix(at, s.checkout+"?aff=mia&click=clk_") || !strings.Contains(at, "ref=site") || !strings.HasSuffix(at, "utm_source=blog") {
		t.Errorf("the link leads to %s", at)
	}
	b.Fill("E-mail", "ines@example.com")
	b.Fill("Name", "Ines Okafor")
	leads := func() []lead.Lead {
		list, err := s.Reader.Leads(t.Context(), s.call.Account, 0, 10)
		s.ok(err)
		return list
	}
	webtest.Eval[bool](b, `new Promise(done => {
		const look = () => performance.getEntriesByType("resource").some(e => e.name.endsWith("/lead") && e.responseEnd > 0) ? done(true) : requestAnimationFrame(look);
		look();
	})`)
	if len(leads()) != 1 {
		t.Fatal("no lead was noted")
	}
	if l := leads()[0]; l.Email != "ines@example.com" || l.Affiliate != s.mia || l.TrackingID != "newsletter-7" || l.State != lead.Open {
		t.Errorf("the lead is %+v", l)
	}
	s.Clock.Add(3 * 24 * time.Hour)
	b.Goto(s.URL + s.checkout) // the browser remembers
	b.Fill("E-mail", "ines@example.com")
	b.Fill("Name", "Ines Okafor")
	b.Choose("Country", "Portugal")
	b.Fill("Test card number", "4242424242424242")
	b.Follow("Pay $20.00")
	b.WaitText("Your order is complete")
	got := s.referrals()
	if len(got) != 1 || got[0].Affiliate != s.mia || got[0].TrackingID != "newsletter-7" || got[0].Evidence != affiliate.ByClick || got[0].Denied != "" {
		t.Fatalf("referrals are %+v", got)
	}
	list, err := s.Reader.Commissions(t.Context(), s.call.Account, s.mia, 0, 10)
	s.ok(err)
	if len(list) != 1 || list[0].Amount.Minor != 600 {
		t.Errorf("commissions are %+v", list)
	}
	if l := leads()[0]; l.State != lead.Bought {
		t.Errorf("the lead that bought is %s", l.State)
	}
}

// get follows no redirect.
func (s *shop) get(client *http.Client, path, agent string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.URL+path, nil)
	s.ok(err)
	r.Header.Set("User-Agent", agent)
	answer, err := client.Do(r)
	s.ok(err)
	s.ok(answer.Body.Close())
	return answer
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// A click is remembered as long as the programme says, by a cookie that no script reads;
// machines and links of nobody lead on without one.
func TestClicks(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := open(t, engine)
			jar, err := cookiejar.New(nil)
			s.ok(err)
			client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			for _, c := range []struct {
				path, agent string
				status      int
				noted       bool
			}{
				{"/a/tea/mia", firefox, 302, true},
				{"/a/TEA/MIA/morning", firefox, 302, true},
				{"/a/tea/mia", "Googlebot/2.1", 302, false},
				{"/a/tea/mia", "", 302, false},
				{"/a/tea/nobody", firefox, 302, false},
				{"/a/nothing/mia", firefox, 404, false},
				{"/a/tea", firefox, 404, false},
			} {
				got := s.get(client, c.path, c.agent)
				if got.StatusCode != c.status || (len(got.Cookies()) == 1) != c.noted || strings.Contains(got.Header.Get("Location"), "click=") != c.noted {
					t.Errorf("%s by %q: %d %v to %s", c.path, c.agent, got.StatusCode, got.Cookies(), got.Header.Get("Location"))
				}
				for _, k := range got.Cookies() {
					if k.MaxAge != 60*24*60*60 || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Name != "aff_"+s.campaign.String() {
						t.Errorf("the cookie is %+v", k)
					}
				}
			}
			for range 40 { // somebody who clicks too often is led on, and remembered no more
				s.get(client, "/a/tea/mia", firefox)
			}
			if got := s.get(client, "/a/tea/mia", firefox); got.StatusCode != 302 || len(got.Cookies()) != 0 {
				t.Errorf("the forty-third click: %d %v", got.StatusCode, got.Cookies())
			}
			u, err := url.Parse(s.URL)
			s.ok(err)
			if kept := jar.Cookies(u); len(kept) != 1 || strings.Count(kept[0].Value, ".") != 7 {
				t.Errorf("the browser keeps %v", kept)
			}
		})
	}
}

// Who asks to promote by a form comes by the link of whoever recruited them, and earns
// nothing on what they buy from where they sit.
func TestAskToPromote(t *testing.T) {
	t.Parallel()
	s := open(t, db.SQLite)
	b := webtest.Open(t)
	b.Expect(http.StatusUnprocessableEntity)
	b.Goto(s.URL + "/affiliates/join/tea/mia")
	b.WaitText("Green Press pays you 30 % of every payment of the buyers that you bring.")
	b.Axe()
	b.Fill("Name", "Leo Brandt")
	b.Fill("E-mail", "leo")
	b.Follow("Ask to promote")
	b.WaitText("The e-mail address")
	b.Axe()
	b.Fill("E-mail", "leo@partners.example")
	b.Follow("Ask to promote")
	b.WaitText("looks at what you wrote")
	b.Axe()
	leo, err := s.Reader.AffiliateByEmail(t.Context(), s.call.Account, "leo@partners.example")
	s.ok(err)
	m, err := s.Reader.Member(t.Context(), s.call.Account, s.campaign, leo.ID)
	s.ok(err)
	if m.Membership.Standing != affiliate.Pending || m.Membership.Recruiter != s.mia || leo.JoinedIP == "" {
		t.Fatalf("asked as %+v of %+v", m.Membership, leo)
	}
	approved := affiliate.Approved
	_, err = s.Service.DecideMembership(t.Context(), commerce.DecideMembership{Call: s.call, Campaign: s.campaign, Affiliate: leo.ID, Standing: &approved})
	s.ok(err)
	b.Goto(s.URL + "/a/tea/" + leo.Code)
	b.Fill("E-mail", "neighbour@example.com")
	b.Fill("Name", "Ines Okafor")
	b.Choose("Country", "Portugal")
	b.Fill("Test card number", "4242424242424242")
	b.Follow("Pay $20.00")
	b.WaitText("Your order is complete")
	if got := s.referrals(); len(got) != 1 || got[0].Denied != affiliate.SameIP {
		t.Errorf("referrals are %+v", got)
	}
	closed := false
	_, err = s.Service.SetProgram(t.Context(), commerce.SetProgram{Call: s.call, Campaign: s.campaign, Open: &closed})
	s.ok(err)
	b.Goto(s.URL + "/affiliates/join/tea")
	b.WaitText("Nobody new is taken at the moment")
}

// An affiliate reads what they earn on a page of their own, whose address nobody can guess.
func TestOwnPage(t *testing.T) {
	t.Parallel()
	s := open(t, db.SQLite)
	_, err := s.Service.AddMaterial(t.Context(), commerce.AddMaterial{Call: s.call, Campaign: s.campaign, Kind: "text", Title: "Words for a letter", Body: "Good tea.\nEvery month."})
	s.ok(err)
	_, err = s.Service.AdjustCommission(t.Context(), commerce.AdjustCommission{Call: s.call, Affiliate: s.mia, Amount: money.Amount{Minor: 1250, Currency: "USD"}, Note: "bonus"})
	s.ok(err)
	path, err := s.Service.AffiliatePage(s.call.Account, s.mia)
	s.ok(err)
	for _, look := range []struct {
		width int
		dark  bool
	}{{1280, false}, {360, true}} {
		b := webtest.Open(t)
		b.Viewport(look.width, 800, look.dark)
		b.Goto(s.URL + path)
		b.WaitText("/a/tea/mia")
		b.WaitText("$12.50")
		b.WaitText("Every month.")
		b.Axe()
		if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > look.width {
			t.Errorf("it is %d px wide on a screen of %d px", wide, look.width)
		}
		if dir := os.Getenv("GALLERY"); dir != "" {
			b.Screenshot(filepath.Join(dir, fmt.Sprintf("own-%d.png", look.width)))
		}
	}
	tom := s.affiliate("tom")
	for _, wrong := range []string{path[:len(path)-1] + "!", strings.Replace(path, s.mia.String(), tom.String(), 1), "/affiliates/of/x/y/z"} {
		if got := s.get(http.DefaultClient, wrong, firefox); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", wrong, got.StatusCode)
		}
	}
	blocked := affiliate.Blocked
	_, err = s.Service.PutAffiliate(t.Context(), commerce.PutAffiliate{Call: s.call, Affiliate: s.mia, State: &blocked})
	s.ok(err)
	if got := s.get(http.DefaultClient, path, firefox); got.StatusCode != http.StatusNotFound {
		t.Errorf("of somebody who is blocked: %d", got.StatusCode)
	}
}

// A host of its own for links leads to the public address, where the browser remembers.
func TestLinksOnTheirOwnHost(t *testing.T) {
	t.Parallel()
	h := promote.Links("https://shop.example/")
	for _, c := range []struct{ method, path, to string }{
		{"GET", "/tea/mia", "https://shop.example/a/tea/mia"},
		{"GET", "//tea/mia/?tid=7", "https://shop.example/a/tea/mia?tid=7"},
		{"GET", "/tea/mia/morning", "https://shop.example/a/tea/mia/morning"},
		{"GET", "/", ""}, {"GET", "/tea", ""}, {"GET", "/a/b/c/d", ""}, {"POST", "/tea/mia", ""},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), c.method, "https://go.example", nil)
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(c.path, "?")
		h.ServeHTTP(w, r)
		if to := w.Header().Get("Location"); to != c.to || (c.to == "") != (w.Code == http.StatusNotFound) {
			t.Errorf("%s %s: %d to %q, want %q", c.method, c.path, w.Code, to, c.to)
		}
	}
}
