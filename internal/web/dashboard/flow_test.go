package dashboard_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"perennial/internal/db"
	"perennial/internal/invoice"
	"perennial/internal/subscription"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

func TestMain(m *testing.M) { webtest.Main(m) }

// The first quarter of an hour of a new merchant, in a browser: set up, sell, see,
// renew, refund, cancel and take it back.
func TestFirstQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, engine string
		script       bool
	}{{"sqlite", db.SQLite, true}, {"postgres", db.PostgreSQL, true}, {"no script", db.SQLite, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			firstQuarter(t, pagetest.New(t, c.engine), c.script)
		})
	}
}

func firstQuarter(t *testing.T, s *pagetest.Stack, script bool) {
	b := webtest.Open(t)
	if !script {
		b.NoScript()
	}
	look := func() {
		t.Helper()
		if script { // the checker is a script itself
			b.Axe()
		}
	}
	acc := s.SetUp(t, b)

	b.Follow("Create a product")
	b.Fill("Name", "Letterpress Studio")
	b.Fill("Price", "29")
	b.Choose("Charged", "Every month")
	b.Follow("Create product")
	b.WaitText("The product is on sale")
	look()

	b.Goto(s.CheckoutOf(b))
	b.WaitText("€29.00 today, then €29.00 every month until you cancel, next on 5 Dec 2026.")
	b.Fill("E-mail", "Mira@Example.com")
	b.Fill("Name", "Mira Holm")
	b.Choose("Country", "Sweden")
	b.Fill("Test card number", "4242 4242 4242 4242")
	b.Follow("Pay €29.00")
	b.WaitText("Your order is complete")
	look()
	b.WaitText("On 5 Dec 2026 we charge €29.00, then every month until you cancel.")

	b.Goto(s.Home(acc) + "/customers?email=mira")
	b.Follow("Mira Holm")
	b.WaitText("mira@example.com")
	b.WaitText("Invoice TEST-000001 was paid")
	b.Follow("TEST-000001")
	b.WaitText("Receivable")
	pdf(t, b, webtest.Eval[string](b, `[...document.querySelectorAll("a")].find(a => a.innerText.trim() === "Download PDF").href`))

	b.Goto(s.Home(acc) + "/developers/clock")
	b.WaitText("Renews")
	b.Follow("+ 1 month")
	b.WaitText("1 charged, 0 declined")
	look()
	b.Goto(s.Home(acc) + "/invoices")
	b.WaitText("TEST-000002")
	b.WaitText("€58.00")

	b.Follow("TEST-000002")
	b.Click("More actions")
	b.Follow("Refund")
	b.Fill("Amount", "9.50")
	b.Expect(http.StatusConflict)
	b.Follow("Refund €29.00")
	b.WaitText("The amount changed; nothing was refunded yet")
	look()
	b.Follow("Refund €9.50")
	b.WaitText("The refund went through")
	look()
	notes, err := s.Reader.CreditNotes(t.Context(), acc, 0, 0, 10)
	if err != nil || len(notes) != 1 {
		t.Fatalf("credit notes: %+v, %v", notes, err)
	}
	pdf(t, b, s.Home(acc)+"/credit-notes/"+notes[0].ID.String()+"/pdf")
	b.WaitText("€9.50")

	b.Follow("Open the subscription")
	b.WaitText("5 Jan 2027: charges €29.00 for the next month.")
	b.Follow("Cancel subscription")
	b.Follow("Cancel subscription")
	b.WaitText("The subscription will end with its period")
	look()
	b.WaitText("5 Jan 2027: the subscription ends. Nothing more is charged.")
	b.Follow("Undo the end")
	b.WaitText("The subscription goes on")
	b.WaitText("5 Jan 2027: charges €29.00 for the next month.")

	subs, err := s.Reader.SubscriptionCounts(t.Context(), acc)
	if err != nil || subs[subscription.Active] != 1 {
		t.Errorf("active subscriptions: %v, %v", subs, err)
	}
	invoices, err := s.Reader.Invoices(t.Context(), acc, invoice.Filter{Limit: 10})
	if err != nil || len(invoices) != 2 || invoices[0].Refunded != 950 {
		t.Errorf("invoices: %+v, %v", invoices, err)
	}
	b.Follow("Home")
	b.WaitText("€9.50 refunded")
}

// pdf downloads an address with the browser's session and checks that it is a PDF.
func pdf(t *testing.T, b *webtest.Browser, address string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Cookies() {
		r.AddCookie(c)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read below
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(string(body), "%PDF") {
		t.Errorf("%s answered %d with %.20q, %v", address, answer.StatusCode, body, err)
	}
}
