package checkout_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

func TestMain(m *testing.M) { webtest.Main(m) }

// shop is a sandbox account with one product: monthly with a trial, and yearly in
// pieces.
type shop struct {
	*pagetest.Stack
	account         id.Account
	path            string // of the checkout
	monthly, yearly catalog.Price
}

func open(t *testing.T, engine string, mode account.Mode) *shop {
	t.Helper()
	s := &shop{Stack: pagetest.New(t, engine)}
	ctx := t.Context()
	made, err := s.Service.CreateAccount(ctx, commerce.CreateAccount{Actor: event.Actor{Kind: event.ByOperator, Name: "test"}, Name: "Green Press", Email: "help@green-press.example",
		Mode: mode, Currency: "EUR", Zone: "Europe/Berlin", Country: "DE"})
	if err != nil {
		t.Fatal(err)
	}
	s.account = made.Account.ID
	call := commerce.Call{Account: s.account, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
	rate, name := mustRate(t, "0.19"), "VAT"
	if _, err := s.Service.UpdateAccount(ctx, commerce.UpdateAccount{Call: call, TaxRate: &rate, TaxName: &name}); err != nil {
		t.Fatal(err)
	}
	product, err := s.Service.CreateProduct(ctx, commerce.CreateProduct{Call: call, Name: "Studio"})
	if err != nil {
		t.Fatal(err)
	}
	price := func(c commerce.CreatePrice) catalog.Price {
		c.Call, c.Product = call, product.ID
		p, err := s.Service.CreatePrice(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	s.monthly = price(commerce.CreatePrice{Name: "Monthly", Amount: money.Amount{Minor: 2000, Currency: "EUR"}, Interval: period.Interval{Unit: period.Month, Count: 1}, TrialDays: 14, MaxQuantity: 1})
	s.yearly = price(commerce.CreatePrice{Name: "Yearly", Amount: money.Amount{Minor: 20000, Currency: "EUR"}, Interval: period.Interval{Unit: period.Year, Count: 1}, MaxQuantity: 10})
	view, err := s.Reader.Product(ctx, s.account, product.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.path = "/c/" + view.Links[0].Slug
	return s
}

func mustRate(t *testing.T, text string) money.Rate {
	t.Helper()
	r, err := money.ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *shop) invoices(t *testing.T) []invoice.Invoice {
	t.Helper()
	list, err := s.Reader.Invoices(t.Context(), s.account, invoice.Filter{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A buyer in a browser: the total follows the choice, a declined card keeps the
// form, another one buys.
func TestBuyAfterADecline(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script %v", script), func(t *testing.T) {
			t.Parallel()
			s := open(t, db.SQLite, account.Sandbox)
			b := webtest.Open(t)
			if !script {
				b.NoScript()
			}
			b.Expect(http.StatusPaymentRequired)
			b.Goto(s.URL + s.path)
			b.WaitText("€0.00 today. On 19 Nov 2026 we charge €23.80 (including €3.80 VAT), then €23.80 every month until you cancel. Cancel before 19 Nov 2026 and you pay nothing.")
			b.WaitFor("button")
			b.Fill("E-mail", "ines@example.com")
			b.Fill("Name", "Ines Okafor")
			b.Choose("Country", "Portugal")
			b.Choose("Yearly", "")
			if script {
				b.WaitText("Pay €238.00")
				if said := b.Text("#live-polite"); said != "Due today €238.00" {
					t.Errorf("the live region says %q", said)
				}
				b.Axe()
				b.Click("Use 4000 0000 0000 0002, Is declined")
			} else {
				b.Follow("Update total")
				b.WaitText("Pay €238.00")
				b.Fill("Test card number", "4000 0000 0000 0002")
			}
			b.Follow("Pay €238.00")
			b.WaitText("Nothing was charged. Try another card")
			if email := webtest.Eval[string](b, `document.querySelector("[name=email]").value`); email != "ines@example.com" {
				t.Errorf("the form lost the address: %q", email)
			}
			if script {
				b.Axe()
			}
			b.Fill("Test card number", "4242424242424242")
			b.Follow("Pay €238.00")
			b.WaitText("Your order is complete")
			b.WaitText("On 5 Nov 2027 we charge €238.00, then every year until you cancel.")
			if paid := s.invoices(t); len(paid) != 2 || paid[0].State != invoice.Paid || paid[0].Total.Minor != 23800 || paid[1].State != invoice.Void {
				t.Errorf("invoices: %+v", paid)
			}
		})
	}
}

// The address that computes a total never carries a card number or a name.
func TestTotalAsksOnlyForTheChoice(t *testing.T) {
	t.Parallel()
	s := open(t, db.SQLite, account.Sandbox)
	b := webtest.Open(t)
	b.Goto(s.URL + s.path)
	b.Fill("Test card number", "4242 4242 4242 4242")
	b.Fill("Name", "Ines Okafor")
	b.Choose("Yearly", "")
	b.WaitText("Pay €238.00")
	asked := webtest.Eval[[]string](b, `performance.getEntriesByType("resource").map(e => e.name).filter(n => n.includes("/total"))`)
	if len(asked) == 0 {
		t.Fatal("nothing asked for the total")
	}
	for _, a := range asked {
		u, err := url.Parse(a)
		if err != nil {
			t.Fatal(err)
		}
		for name := range u.Query() {
			if name != "price" && name != "quantity" && name != "coupon" {
				t.Errorf("%s carries %s", a, name)
			}
		}
	}
}

// form is the form of a checkout page, ready to be sent.
func (s *shop) form(t *testing.T, query string) url.Values {
	t.Helper()
	page := s.get(t, s.path+query).body
	hidden := func(name string) string {
		found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("the page has no field %s", name)
		}
		return found[1]
	}
	return url.Values{"operation_key": {hidden("operation_key")}, "shown": {hidden("shown")}, "shown_for": {hidden("shown_for")}, "shown_at": {hidden("shown_at")}, "price": {s.yearly.ID.String()}, "quantity": {"1"},
		"email": {"ines@example.com"}, "name": {"Ines Okafor"}, "country": {"PT"}, "card": {"4242 4242 4242 4242"}}
}

type reply struct {
	status int
	to     string
	body   string
}

var browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (s *shop) send(ctx context.Context, method, path string, form url.Values) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := browser.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close() //nolint:errcheck // read below
	body, err := io.ReadAll(answer.Body)
	return reply{answer.StatusCode, answer.Header.Get("Location"), string(body)}, err
}

func (s *shop) get(t *testing.T, path string) reply {
	t.Helper()
	r, err := s.send(t.Context(), http.MethodGet, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *shop) post(t *testing.T, form url.Values) reply {
	t.Helper()
	r, err := s.send(t.Context(), http.MethodPost, s.path, form)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The same form sent many times at once is one order on both engines.
func TestPressedTwiceIsOneOrder(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := open(t, engine, account.Sandbox)
			form := s.form(t, "?price="+s.yearly.ID.String())
			var all sync.WaitGroup
			replies := make([]reply, 4)
			for i := range replies {
				all.Go(func() {
					r, err := s.send(t.Context(), http.MethodPost, s.path, form)
					if err != nil {
						t.Error(err)
					}
					replies[i] = r
				})
			}
			all.Wait()
			for _, r := range replies {
				if r.status != http.StatusSeeOther || r.to != replies[0].to {
					t.Errorf("answered %d to %s", r.status, r.to)
				}
			}
			if list := s.invoices(t); len(list) != 1 || list[0].State != invoice.Paid {
				t.Errorf("%d invoices", len(list))
			}
		})
	}
}

func TestWrongFormsAreShownAgainAndChargeNothing(t *testing.T) {
	t.Parallel()
	s := open(t, db.SQLite, account.Sandbox)
	query := "?price=" + s.yearly.ID.String()
	for _, c := range []struct {
		name   string
		change func(url.Values)
		status int
		text   string
	}{
		{"no address", func(f url.Values) { f.Set("email", "ines") }, http.StatusUnprocessableEntity, "Enter an e-mail address"},
		{"no name", func(f url.Values) { f.Set("name", " ") }, http.StatusUnprocessableEntity, "Enter your name"},
		{"no country", func(f url.Values) { f.Del("country") }, http.StatusUnprocessableEntity, "Choose your country"},
		{"no card", func(f url.Values) { f.Del("card") }, http.StatusUnprocessableEntity, "Enter a card number"},
		{"a real card", func(f url.Values) { f.Set("card", "4929 5550 1234 5679") }, http.StatusUnprocessableEntity, "Only test card numbers work here"},
		{"no quantity", func(f url.Values) { f.Set("quantity", "none") }, http.StatusUnprocessableEntity, "whole number from 1 to 10"},
		{"too many", func(f url.Values) { f.Set("quantity", "11") }, http.StatusUnprocessableEntity, "whole number from 1 to 10"},
		{"another quantity than shown", func(f url.Values) { f.Set("quantity", "2") }, http.StatusConflict, "Your choice changed the total"},
		{"another amount than shown", func(f url.Values) { f.Set("shown", "100") }, http.StatusConflict, "It was €1.00 and is €238.00 now. Nothing was charged."},
		{"update", func(f url.Values) { f.Set("quantity", "3"); f.Set("update", "1") }, http.StatusOK, "Pay €714.00"},
		{"control characters", func(f url.Values) { f.Set("name", "Ines\x00") }, http.StatusUnprocessableEntity, "plain text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			form := s.form(t, query)
			c.change(form)
			r := s.post(t, form)
			if r.status != c.status || !strings.Contains(r.body, c.text) {
				t.Errorf("answered %d, want %d and %q", r.status, c.status, c.text)
			}
			if strings.Contains(r.body, "4929") {
				t.Error("the card number stands in the answer")
			}
		})
	}
	if list := s.invoices(t); len(list) != 0 {
		t.Errorf("%d invoices", len(list))
	}
	if r := s.get(t, "/c/nothing-here"); r.status != http.StatusNotFound {
		t.Errorf("an unknown checkout answered %d", r.status)
	}
	if r := s.get(t, s.path+"?quantity=%00&price=prc_x"); r.status != http.StatusOK {
		t.Errorf("a wrong query answered %d", r.status)
	}
}

func TestThankYouHidesMoneyAfterADay(t *testing.T) {
	t.Parallel()
	s := open(t, db.SQLite, account.Sandbox)
	done := s.post(t, s.form(t, "?price="+s.yearly.ID.String()))
	if done.status != http.StatusSeeOther {
		t.Fatalf("the sale answered %d: %s", done.status, done.body)
	}
	fresh := s.get(t, done.to)
	for _, want := range []string{"€238.00", "TEST-000001", "ines@example.com", "Test mode", "5 Nov 2027"} {
		if !strings.Contains(fresh.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if paper := s.get(t, done.to+"/invoice.pdf"); paper.status != http.StatusOK || !strings.HasPrefix(paper.body, "%PDF") {
		t.Errorf("the invoice answered %d", paper.status)
	}
	if wrong := s.get(t, done.to[:len(done.to)-1]+"!"); wrong.status != http.StatusNotFound {
		t.Errorf("a wrong token answered %d", wrong.status)
	}
	s.Clock.Add(25 * time.Hour)
	later := s.get(t, done.to)
	for _, secret := range []string{"€238.00", "TEST-000001", "ines@example.com", "invoice.pdf"} {
		if later.status != http.StatusOK || strings.Contains(later.body, secret) {
			t.Errorf("a day later the page answered %d and shows %s", later.status, secret)
		}
	}
	if paper := s.get(t, done.to+"/invoice.pdf"); paper.status != http.StatusForbidden {
		t.Errorf("a day later the invoice answered %d", paper.status)
	}
}

// A live account without a gateway says so and sells nothing.
func TestLiveAccountWithoutGatewaySellsNothing(t *testing.T) {
	t.Parallel()
	s := open(t, db.SQLite, account.Live)
	page := s.get(t, s.path)
	if page.status != http.StatusOK || !strings.Contains(page.body, "This shop cannot take payments yet") || strings.Contains(page.body, `name="card"`) || strings.Contains(page.body, "Test mode") {
		t.Errorf("the page answered %d", page.status)
	}
	if r := s.post(t, url.Values{"operation_key": {"k"}, "price": {s.yearly.ID.String()}, "email": {"a@example.com"}}); r.status != http.StatusConflict {
		t.Errorf("a sale answered %d", r.status)
	}
}

// When the bank does not answer, the buyer is told not to pay again, and the page
// tells the outcome by itself once it is known.
func TestBankThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := open(t, db.SQLite, account.Sandbox)
	b := webtest.Open(t)
	b.Goto(s.URL + s.path + "?price=" + s.yearly.ID.String())
	b.Fill("E-mail", "ines@example.com")
	b.Fill("Name", "Ines Okafor")
	b.Choose("Country", "Portugal")
	b.Fill("Test card number", pagetest.LostAnswer)
	b.Follow("Pay €238.00")
	b.WaitText("We are asking your bank")
	b.WaitText("Do not pay again")
	b.Axe()
	s.Clock.Add(2 * time.Minute)
	if _, err := s.Service.RunAccount(t.Context(), s.account); err != nil {
		t.Fatal(err)
	}
	b.WaitText("Your order is complete")
	if list := s.invoices(t); len(list) != 1 || list[0].State != invoice.Paid {
		t.Errorf("invoices: %+v", list)
	}
}
