package portal_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/link"
	"perennial/internal/money"
	"perennial/internal/notice"
	"perennial/internal/period"
	"perennial/internal/recovery"
	"perennial/internal/report"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

func TestMain(m *testing.M) { webtest.Main(m) }

// desk is a sandbox account with a customer whose renewal was declined.
type desk struct {
	*testing.T
	*pagetest.Stack
	call     commerce.Call
	customer id.Customer
}

func open(t *testing.T, engine string) *desk {
	t.Helper()
	d := &desk{T: t, Stack: pagetest.New(t, engine)}
	ctx := t.Context()
	made, err := d.Service.CreateAccount(ctx, commerce.CreateAccount{Actor: event.Actor{Kind: event.ByOperator, Name: "test"}, Name: "Green Press", Email: "help@green-press.example",
		Mode: account.Sandbox, Currency: "EUR", Zone: "Europe/Berlin", Country: "DE"})
	d.ok(err)
	d.call = commerce.Call{Account: made.Account.ID, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
	product, err := d.Service.CreateProduct(ctx, commerce.CreateProduct{Call: d.call, Name: "Studio"})
	d.ok(err)
	price, err := d.Service.CreatePrice(ctx, commerce.CreatePrice{Call: d.call, Product: product.ID, Name: "Monthly", Amount: money.Amount{Minor: 2000, Currency: "EUR"},
		Interval: period.Interval{Unit: period.Month, Count: 1}, MaxQuantity: 1})
	d.ok(err)
	c, err := d.Service.CreateCustomer(ctx, commerce.CreateCustomer{Call: d.call, Email: "ines@example.com", Buyer: customer.Buyer{Name: "Ines Okafor"}})
	d.ok(err)
	d.customer = c.ID
	d.sell(price)
	d.advance(32 * 24 * time.Hour)
	return d
}

func (d *desk) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) sell(price catalog.Price) {
	d.Helper()
	_, err := d.Service.Sell(d.Context(), commerce.Sell{Call: d.call, Customer: d.customer, Price: price.ID, Token: "tok_declineAfter_1", Source: "test"})
	d.ok(err)
}

func (d *desk) advance(by time.Duration) {
	d.Helper()
	_, now, err := d.Reader.Account(d.Context(), d.call.Account)
	d.ok(err)
	_, err = d.Service.AdvanceClock(d.Context(), commerce.AdvanceClock{Call: d.call, To: now.Add(by)})
	d.ok(err)
}

// link is the address of a new link.
func (d *desk) link(purpose link.Purpose) string {
	d.Helper()
	c := commerce.CreateLink{Call: d.call, Customer: d.customer, Purpose: purpose}
	if purpose != link.UpdateMethod {
		c.Invoice = d.cases()[0].Invoice
	}
	made, err := d.Service.CreateLink(d.Context(), c)
	d.ok(err)
	return d.URL + made.Path
}

func (d *desk) cases() []recovery.Case {
	d.Helper()
	list, err := d.Reader.Cases(d.Context(), d.call.Account, recovery.Filter{Limit: 10})
	d.ok(err)
	var out []recovery.Case
	for _, c := range list {
		out = append(out, c.Case)
	}
	return out
}

// shoot keeps a picture of the page in both themes and widths, and has it checked.
func shoot(b *webtest.Browser, name string) {
	folder := os.Getenv("GALLERY")
	for _, width := range []int{1280, 360} {
		for _, dark := range []bool{false, true} {
			b.Viewport(width, 900, dark)
			b.Axe()
			if folder != "" {
				theme := map[bool]string{false: "light", true: "dark"}[dark]
				b.Screenshot(filepath.Join(folder, name+"-"+strconv.Itoa(width)+"-"+theme+".png"))
			}
		}
	}
}

// A customer whose card was declined follows the link, gives one without money, then one
// that works; opening the link before used nothing up.
func TestPayThroughALink(t *testing.T) {
	t.Parallel()
	d := open(t, db.SQLite)
	address := d.link(link.UpdateMethod)
	for range 3 { // mail scanners
		if got := fetch(t, http.MethodGet, address, nil); got.status != http.StatusOK {
			t.Fatalf("status %d", got.status)
		}
	}
	b := webtest.Open(t)
	b.Goto(address)
	b.WaitText("This pays invoice TEST-000002 and keeps Studio running.")
	b.WaitText("The bank declined the card without a reason.")
	shoot(b, "link-pay")
	b.Expect(http.StatusUnprocessableEntity)
	b.Follow("Pay €20.00")
	b.WaitText("Enter a card number, or take one from the list.")
	shoot(b, "link-problem")
	b.Fill("Test card number", "4000 0000 0000 9995")
	b.Follow("Pay €20.00")
	b.WaitText("Your new payment method was saved.")
	shoot(b, "link-declined")
	b.Follow("Try another payment method")
	b.WaitText("There was not enough money in the account.")
	b.Fill("Test card number", "4242 4242 4242 4242")
	b.Follow("Pay €20.00")
	b.WaitText("Invoice TEST-000002 is paid: €20.00.")
	shoot(b, "link-paid")
	if c := d.cases()[0]; c.State != recovery.Recovered || c.RecoveredBy != recovery.ByLink {
		t.Errorf("the case is %s by %s", c.State, c.RecoveredBy)
	}
	b.Goto(address)
	b.WaitText("This link was used, and invoice TEST-000002 needs nothing more.")
	shoot(b, "link-used")
}

// An expired link brings another by mail, to the address on file, and is told apart from
// one that never was.
func TestLinksThatDoNotWork(t *testing.T) {
	t.Parallel()
	d := open(t, db.SQLite)
	address := d.link(link.UpdateMethod)
	d.link(link.UpdateMethod)
	b := webtest.Open(t)
	b.Goto(address)
	b.WaitText("There is a newer link")
	shoot(b, "link-replaced")
	address = d.link(link.PayInvoice)
	d.advance(link.Life)
	b.Goto(address)
	b.WaitText("This link has expired")
	b.WaitText("i…@example.com")
	shoot(b, "link-expired")
	b.Follow("Mail a new link")
	b.WaitText("Another link is on its way")
	shoot(b, "link-mailed")
	b.Expect(http.StatusNotFound)
	b.Goto(d.URL + "/pay/" + strings.Repeat("A", 43))
	b.WaitText("This link is not complete")
	shoot(b, "link-unknown")
}

// A bank that wants the customer to confirm gets its answer on the page of the link, also
// when the page is left and opened again.
func TestConfirmThroughALink(t *testing.T) {
	t.Parallel()
	d := open(t, db.SQLite)
	_, err := d.Service.AttachMethod(t.Context(), commerce.AttachMethod{Call: d.call, Customer: d.customer, Token: "tok_confirm", ForSubscriptions: true})
	d.ok(err)
	if c := d.cases()[0]; c.Class != recovery.Authenticate || c.NextStep != recovery.WillWait {
		t.Fatalf("class %s, step %s", c.Class, c.NextStep)
	}
	address := d.link(link.ConfirmPayment)
	b := webtest.Open(t)
	b.Goto(address)
	b.WaitText("Confirm your payment")
	shoot(b, "link-confirm")
	b.Follow("Confirm €20.00")
	b.WaitText("Your bank wants you to confirm the payment")
	shoot(b, "link-confirming")
	b.Goto(address)
	b.Follow("Confirm the payment")
	b.WaitText("It is paid")
	shoot(b, "link-confirmed")
	if c := d.cases()[0]; c.State != recovery.Recovered || c.RecoveredBy != recovery.ByLink {
		t.Errorf("the case is %s by %s", c.State, c.RecoveredBy)
	}
}

// mailed is the address of the link in the newest mail of a kind to the customer.
func (d *desk) mailed(kind notice.Kind) string {
	d.Helper()
	d.ok(d.Service.SettleMails(d.Context(), d.call.Account))
	list, err := d.Reader.Mails(d.Context(), d.call.Account, report.MailQuery{Customer: d.customer, Limit: 100})
	d.ok(err)
	for _, m := range list {
		if m.Kind != kind {
			continue
		}
		whole, err := d.Reader.Mail(d.Context(), d.call.Account, m.ID)
		d.ok(err)
		_, rest, found := strings.Cut(whole.Message.Text, notice.LinkMarker)
		if !found {
			d.Fatalf("the mail %s has no link:\n%s", kind, whole.Message.Text)
		}
		of, err := id.Parse[id.Link](strings.Fields(rest)[0])
		d.ok(err)
		path, err := d.Service.LinkPath(d.Context(), d.call.Account, of)
		d.ok(err)
		return d.URL + path
	}
	d.Fatalf("there is no mail %s", kind)
	return ""
}

// A renewal that the bank wants confirmed while the customer is away: a mail asks for it,
// its link leads to the page where the bank is answered, and the invoice is paid.
func TestConfirmThroughAMail(t *testing.T) {
	t.Parallel()
	d := open(t, db.SQLite)
	_, err := d.Service.AttachMethod(t.Context(), commerce.AttachMethod{Call: d.call, Customer: d.customer, Token: "tok_visa", ForSubscriptions: true})
	d.ok(err)
	_, err = d.Service.AttachMethod(t.Context(), commerce.AttachMethod{Call: d.call, Customer: d.customer, Token: "tok_confirm", ForSubscriptions: true})
	d.ok(err)
	d.advance(31 * 24 * time.Hour)
	kase := d.cases()[0]
	if kase.Class != recovery.Authenticate || !kase.Running() {
		t.Fatalf("%+v", kase)
	}
	b := webtest.Open(t)
	b.Goto(d.mailed(notice.ConfirmPayment))
	b.Follow("Confirm €20.00")
	b.WaitText("Your bank wants you to confirm the payment")
	// They leave the page. What was begun is found again behind the link of the next mail.
	address := d.mailed(notice.ConfirmPayment)
	b.Goto(address)
	b.WaitText("Confirm your payment")
	shoot(b, "link-mailed-confirm")
	b.Follow("Confirm the payment")
	b.WaitText("This is paid already")
	v, err := d.Reader.Invoice(t.Context(), d.call.Account, kase.Invoice)
	d.ok(err)
	if v.Invoice.State != invoice.Paid || d.cases()[0].State != recovery.Recovered {
		t.Errorf("the invoice is %s, the case %s", v.Invoice.State, d.cases()[0].State)
	}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func fetch(t *testing.T, method, address string, form url.Values) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// The secret leaves the page neither by a referrer nor by a cache, and a form from
// elsewhere uses nothing up.
func TestSecretStaysOnThePage(t *testing.T) {
	t.Parallel()
	d := open(t, db.SQLite)
	address := d.link(link.PayInvoice)
	got := fetch(t, http.MethodGet, address, nil)
	if p := got.header.Get("Referrer-Policy"); p != "no-referrer" {
		t.Errorf("referrer policy %q", p)
	}
	if c := got.header.Get("Cache-Control"); c != "no-store" {
		t.Errorf("cache control %q", c)
	}
	if strings.Contains(got.body, "ines@example.com") {
		t.Error("whoever has the link learns the address")
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("card=4242424242424242&with=new"))
	d.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://elsewhere.example")
	res, err := http.DefaultClient.Do(r)
	d.ok(err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign form: status %d", res.StatusCode)
	}
	if got := fetch(t, http.MethodPost, address, url.Values{"card": {"4242424242424242"}, "with": {"new"}}); got.status != http.StatusOK || !strings.Contains(got.body, "is paid") {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := fetch(t, http.MethodPost, address, url.Values{"card": {"4242424242424242"}}); got.status != http.StatusConflict {
		t.Errorf("used again: status %d", got.status)
	}
}
