package dashboard_test

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/web/pagetest"
)

// person is somebody with a browser's cookies and nothing of its comfort.
type person struct {
	t    testing.TB
	base string
	http *http.Client
}

func newPerson(t testing.TB, s *pagetest.Stack) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, s.URL, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (p *person) send(method, path string, form url.Values, header ...string) reply {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := p.http.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read below
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(body)}
}

func (p *person) get(path string) reply { return p.send(http.MethodGet, path, nil) }

func (p *person) post(path string, form url.Values) reply {
	return p.send(http.MethodPost, path, form)
}

// setUp makes the first owner without a browser and returns the sandbox.
func (p *person) setUp(s *pagetest.Stack) id.Account {
	p.t.Helper()
	secret, _, err := s.Service.OwnerLink(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	form := url.Values{"token": {secret}, "name": {"Ana Marsh"}, "email": {pagetest.OwnerEmail}, "password": {pagetest.OwnerPassword},
		"company": {"Green Press"}, "country": {"DE"}, "currency": {"EUR"}, "zone": {"Europe/Berlin"}}
	if r := p.post("/setup", form); r.status != http.StatusSeeOther {
		p.t.Fatalf("setup answered %d: %s", r.status, r.body)
	}
	return s.Sandbox(p.t)
}

var operationKeys = regexp.MustCompile(`name="operation_key" value="([^"]+)"`)

// key is the operation key of the first form of a page.
func (p *person) key(path string) string {
	p.t.Helper()
	found := operationKeys.FindStringSubmatch(p.get(path).body)
	if found == nil {
		p.t.Fatalf("%s has no operation key", path)
	}
	return found[1]
}

func TestSetUpOnlyWithItsLinkAndOnlyOnce(t *testing.T) {
	t.Parallel()
	s := pagetest.New(t, db.SQLite)
	p := newPerson(t, s)
	if r := p.get("/setup"); r.status != http.StatusForbidden || !strings.Contains(r.body, "perennial serve") {
		t.Errorf("without a link: %d", r.status)
	}
	secret, _, err := s.Service.OwnerLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"token": {secret}, "name": {"Ana Marsh"}, "email": {"ana@"}, "password": {"short"}, "company": {""}, "country": {"DE"}, "currency": {"EUR"}, "zone": {"UTC"}}
	r := p.post("/setup", form)
	if r.status != http.StatusUnprocessableEntity || !strings.Contains(r.body, "The password must have at least 10 characters.") || !strings.Contains(r.body, `value="Ana Marsh"`) {
		t.Errorf("weak password and wrong address: %d %s", r.status, r.body)
	}
	if strings.Contains(r.body, "short") {
		t.Error("the password stands in the answer")
	}
	form.Set("email", "ana@green-press.example")
	form.Set("password", pagetest.OwnerPassword)
	if r := p.post("/setup", form); r.status != http.StatusUnprocessableEntity || !strings.Contains(r.body, "The company name must not be empty.") {
		t.Errorf("no company: %d %s", r.status, r.body)
	}
	form.Set("company", "Green Press")
	done := p.post("/setup", form)
	if done.status != http.StatusSeeOther || !strings.HasPrefix(done.header.Get("Location"), "/app/"+s.Sandbox(t).String()) {
		t.Fatalf("setup answered %d %s", done.status, done.header.Get("Location"))
	}
	cookie := done.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the session cookie lacks %s: %s", want, cookie)
		}
	}
	if r := p.post("/setup", form); r.status != http.StatusForbidden {
		t.Errorf("the same link again: %d", r.status)
	}
	if r := newPerson(t, s).get("/setup?token=" + secret); r.status != http.StatusNotFound {
		t.Errorf("setup after the first owner: %d", r.status)
	}
}

func TestSigningInIsThrottledAndTellsNothing(t *testing.T) {
	t.Parallel()
	s := pagetest.New(t, db.SQLite)
	newPerson(t, s).setUp(s)
	p := newPerson(t, s)
	try := func(email, password string) reply {
		return p.post("/login", url.Values{"email": {email}, "password": {password}, "to": {"//elsewhere.example/app"}})
	}
	wrong, unknown := try(pagetest.OwnerEmail, "not the password"), try("nobody@example.com", "not the password")
	words := regexp.MustCompile(`The e-mail address or the password is wrong\.`)
	if wrong.status != http.StatusUnprocessableEntity || unknown.status != wrong.status || !words.MatchString(wrong.body) || !words.MatchString(unknown.body) {
		t.Errorf("wrong %d, unknown %d", wrong.status, unknown.status)
	}
	for range 9 {
		if r := try("nobody@example.com", "x"); r.status != http.StatusUnprocessableEntity {
			t.Fatalf("a try within the limit answered %d", r.status)
		}
	}
	r := try("Nobody@example.com ", "x")
	if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" || !strings.Contains(r.body, "15 minutes") {
		t.Errorf("the eleventh try answered %d", r.status)
	}
	if r := p.send(http.MethodPost, "/login", url.Values{"email": {"nobody@example.com"}, "password": {"x"}}, "X-Forwarded-For", "203.0.113.9"); r.status != http.StatusTooManyRequests {
		t.Errorf("a header of the request was believed: %d", r.status)
	}
	if r := try(pagetest.OwnerEmail, pagetest.OwnerPassword); r.status != http.StatusSeeOther || r.header.Get("Location") != "/app" {
		t.Errorf("the right password: %d to %s", r.status, r.header.Get("Location"))
	}
	s.Clock.Add(15 * time.Minute)
	if r := try("nobody@example.com", "x"); r.status != http.StatusUnprocessableEntity {
		t.Errorf("after the window: %d", r.status)
	}
	for i := range 120 {
		r = try(strings.Repeat("a", 1+i)+"@example.com", strings.Repeat("x", 300)) // too long to be hashed
	}
	if r.status != http.StatusTooManyRequests {
		t.Errorf("try 121 from one network answered %d", r.status)
	}
}

// Whoever is not of an account learns nothing of it, on any route; whoever is
// signed out is sent to the log-in.
func TestForeignAccountsDoNotExist(t *testing.T) {
	t.Parallel()
	s := pagetest.New(t, db.SQLite)
	owner := newPerson(t, s)
	mine := owner.setUp(s)
	other, err := s.Service.CreateAccount(t.Context(), commerce.CreateAccount{Actor: event.Actor{Kind: event.ByOperator, Name: "test"}, Name: "Somebody else", Email: "else@example.com", Mode: account.Sandbox})
	if err != nil {
		t.Fatal(err)
	}
	theirs := other.Account.ID
	product, err := s.Service.CreateProduct(t.Context(), commerce.CreateProduct{Call: commerce.Call{Account: theirs}, Name: "Theirs"})
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"", "/customers", "/customers/new", "/customers/cus_0000000000001/edit", "/subscriptions", "/subscriptions/sub_0000000000001/cancel", "/invoices",
		"/invoices/inv_0000000000001/refund", "/payments", "/products", "/products/" + product.ID.String(), "/developers/keys", "/developers/clock", "/search?q=x", "/nothing"}
	unknown := owner.get("/app/" + id.New[id.Account]().String())
	for _, path := range paths {
		r := owner.get("/app/" + theirs.String() + path)
		if r.status != http.StatusNotFound || r.body != unknown.body {
			t.Errorf("GET %s of a foreign account answered %d, or another page than an unknown account", path, r.status)
		}
		if r := owner.post("/app/"+theirs.String()+path, url.Values{"operation_key": {"k"}}); r.status != http.StatusNotFound && r.status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s of a foreign account answered %d", path, r.status)
		}
		if r := newPerson(t, s).get("/app/" + theirs.String() + path); r.status != http.StatusSeeOther || !strings.HasPrefix(r.header.Get("Location"), "/login") {
			t.Errorf("GET %s without a session answered %d", path, r.status)
		}
	}
	// Their things under my account do not exist either.
	if r := owner.get("/app/" + mine.String() + "/products/" + product.ID.String()); r.status != http.StatusNotFound {
		t.Errorf("a foreign product answered %d", r.status)
	}
	if r := owner.send(http.MethodPost, "/app/"+mine.String()+"/customers/new", url.Values{}, "Sec-Fetch-Site", "cross-site"); r.status != http.StatusForbidden {
		t.Errorf("a form from another site answered %d", r.status)
	}
	if r := owner.post("/logout", url.Values{}); r.status != http.StatusSeeOther {
		t.Errorf("log out answered %d", r.status)
	}
	if r := owner.get("/app/" + mine.String()); r.status != http.StatusSeeOther {
		t.Errorf("after logging out home answered %d", r.status)
	}
}

func TestAnalystsOnlyRead(t *testing.T) {
	t.Parallel()
	s := pagetest.New(t, db.SQLite)
	owner := newPerson(t, s)
	acc := owner.setUp(s)
	who, err := s.Service.SignIn(t.Context(), pagetest.OwnerEmail, pagetest.OwnerPassword)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Service.SessionOf(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	// The one member becomes an analyst of the sandbox.
	err = s.DB.Update(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec("update membership set role = 'analyst' where account_id = $1 and member_id = $2", acc, signed.Member)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	base := "/app/" + acc.String()
	home := owner.get(base)
	if home.status != http.StatusOK || strings.Contains(home.body, "API keys") || strings.Contains(home.body, "Sandbox clock") || strings.Contains(home.body, base+"/products/new") && strings.Contains(home.body, "menu-item") && strings.Contains(home.body, ">Product<") {
		t.Errorf("home of an analyst: %d", home.status)
	}
	for _, path := range []string{"/customers/new", "/products/new", "/developers/keys", "/developers/clock"} {
		if r := owner.get(base + path); r.status != http.StatusForbidden || !strings.Contains(r.body, "needs the right to") {
			t.Errorf("GET %s answered %d", path, r.status)
		}
		if r := owner.post(base+path, url.Values{"operation_key": {"k"}, "name": {"x"}, "email": {"x@example.com"}}); r.status != http.StatusForbidden {
			t.Errorf("POST %s answered %d", path, r.status)
		}
	}
	for _, path := range []string{"/customers", "/subscriptions", "/invoices", "/payments", "/products"} {
		if r := owner.get(base + path); r.status != http.StatusOK {
			t.Errorf("GET %s answered %d", path, r.status)
		}
	}
}

// The same form sent twice acts once, and the second answer is the first.
func TestFormsActOnce(t *testing.T) {
	t.Parallel()
	s := pagetest.New(t, db.SQLite)
	p := newPerson(t, s)
	base := "/app/" + p.setUp(s).String()
	form := url.Values{"operation_key": {p.key(base + "/customers/new")}, "email": {"ines@example.com"}, "name": {"Ines Okafor"}}
	first, second := p.post(base+"/customers/new", form), p.post(base+"/customers/new", form)
	if first.status != http.StatusSeeOther || second.status != http.StatusSeeOther || first.header.Get("Location") != second.header.Get("Location") {
		t.Errorf("first %d to %s, second %d to %s", first.status, first.header.Get("Location"), second.status, second.header.Get("Location"))
	}
	list, err := s.Reader.Customers(t.Context(), s.Sandbox(t), "", 0, 10)
	if err != nil || len(list) != 1 {
		t.Errorf("%d customers, %v", len(list), err)
	}
	// Another form with the same address is told so, with what was typed.
	form.Set("operation_key", p.key(base+"/customers/new"))
	form.Set("name", "Another One")
	if r := p.post(base+"/customers/new", form); r.status != http.StatusConflict && r.status != http.StatusUnprocessableEntity || !strings.Contains(r.body, `value="Another One"`) {
		t.Errorf("the same address again answered %d", r.status)
	}

	keyForm := url.Values{"operation_key": {p.key(base + "/developers/keys")}, "name": {"Web shop"}}
	made := p.post(base+"/developers/keys", keyForm)
	secret := regexp.MustCompile(`perennial_test_[0-9a-z]{38}`).FindString(made.body)
	if made.status != http.StatusCreated || secret == "" {
		t.Fatalf("the key was not shown: %d", made.status)
	}
	if again := p.post(base+"/developers/keys", keyForm); again.status != http.StatusSeeOther || strings.Contains(again.body, secret) {
		t.Errorf("the same form again answered %d", again.status)
	}
	if strings.Contains(p.get(base+"/developers/keys").body, secret) {
		t.Error("the secret is shown twice")
	}
	if _, _, err := s.Service.Authenticate(t.Context(), secret); err != nil {
		t.Errorf("the key does not work: %v", err)
	}

	product := url.Values{"operation_key": {p.key(base + "/products/new")}, "name": {"Studio"}, "amount": {"1,290.50"}, "currency": {"EUR"}, "interval": {"other"}, "other_interval": {"10 dayz"}}
	if r := p.post(base+"/products/new", product); r.status != http.StatusUnprocessableEntity || !strings.Contains(r.body, `value="1,290.50"`) || !strings.Contains(r.body, `value="10 dayz"`) {
		t.Errorf("a wrong interval answered %d", r.status)
	}
	product.Set("other_interval", "10 days")
	one, two := p.post(base+"/products/new", product), p.post(base+"/products/new", product)
	if one.status != http.StatusSeeOther || one.header.Get("Location") != two.header.Get("Location") {
		t.Errorf("product: %d, %d", one.status, two.status)
	}
	offers, err := s.Reader.Offers(t.Context(), s.Sandbox(t), 0, 10)
	if err != nil || len(offers) != 1 || len(offers[0].Prices) != 1 || offers[0].Prices[0].Amount.Minor != 129050 {
		t.Errorf("offers: %+v, %v", offers, err)
	}
}

// The clock is moved once by a form, in the background, and the page follows it.
func TestClockMovesOnceAndOnlyForward(t *testing.T) {
	t.Parallel()
	s := pagetest.New(t, db.SQLite)
	p := newPerson(t, s)
	acc := p.setUp(s)
	base := "/app/" + acc.String() + "/developers/clock"
	page := p.get(base).body
	form := url.Values{"operation_key": {operationKeys.FindStringSubmatch(page)[1]}, "step": {"month"},
		"from": {regexp.MustCompile(`name="from" value="(\d+)"`).FindStringSubmatch(page)[1]}}
	first := p.post(base, form)
	if first.status != http.StatusSeeOther {
		t.Fatalf("moving the clock answered %d", first.status)
	}
	walk := first.header.Get("Location")
	for !strings.Contains(p.get(walk).body, "It is 5 Dec 2026, 14:03 now") {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	if r := p.post(base, form); r.header.Get("Location") != walk {
		t.Errorf("the same form again leads to %s", r.header.Get("Location"))
	}
	a, now, err := s.Reader.Account(t.Context(), acc)
	if err != nil || !a.ClockTarget.IsZero() || !now.Equal(pagetest.Start.AddDate(0, 1, 0)) {
		t.Errorf("the account's time is %v, %v", now, err)
	}
	back := url.Values{"operation_key": {p.key(base)}, "step": {"date"}, "to": {"2026-11-01"}}
	if r := p.post(base, back); r.status != http.StatusUnprocessableEntity || !strings.Contains(r.body, "must not be before") {
		t.Errorf("moving back answered %d", r.status)
	}
	if r := p.get("/app/" + s.Live(t).String() + "/developers/clock"); r.status != http.StatusNotFound {
		t.Errorf("the clock of a live account answered %d", r.status)
	}
}

// Lists are paged by keys, both ways, with nothing left out or shown twice.
func TestListsArePagedBothWays(t *testing.T) {
	t.Parallel()
	s := pagetest.New(t, db.SQLite)
	p := newPerson(t, s)
	acc := p.setUp(s)
	for i := range 120 {
		_, err := s.Service.CreateCustomer(t.Context(), commerce.CreateCustomer{Call: commerce.Call{Account: acc}, Email: fmt.Sprintf("buyer-%03d@example.com", i)})
		if err != nil {
			t.Fatal(err)
		}
	}
	link := func(body, rel string) string {
		found := regexp.MustCompile(`rel="` + rel + `" href="([^"]+)"`).FindStringSubmatch(body)
		if found == nil {
			return ""
		}
		return html.UnescapeString(found[1])
	}
	rows := regexp.MustCompile(`buyer-\d{3}@example\.com`)
	seen := map[string]bool{}
	var pages []string
	for path := "/app/" + acc.String() + "/customers?email=buyer"; path != ""; {
		body := p.get(path).body
		pages = append(pages, body)
		for _, r := range rows.FindAllString(body, -1) {
			seen[r] = true
		}
		path = link(body, "next")
	}
	if len(pages) != 3 || len(seen) != 120 || !strings.Contains(pages[2], "101–120") {
		t.Fatalf("%d pages with %d customers", len(pages), len(seen))
	}
	if back := p.get(link(pages[2], "prev")).body; rows.FindString(back) != rows.FindString(pages[1]) || !strings.Contains(back, "51–100") {
		t.Error("the page before the last is another one on the way back")
	}
	if link(pages[0], "prev") != "" {
		t.Error("the first page leads to a newer one")
	}
	if r := p.get("/app/" + acc.String() + "/customers?before=nonsense&trail=%00"); r.status != http.StatusOK {
		t.Errorf("a wrong key answered %d", r.status)
	}
}
