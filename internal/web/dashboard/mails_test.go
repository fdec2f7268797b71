package dashboard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/money"
	"perennial/internal/notice"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

// correspondence is an account that has written some mails.
func correspondence(t *testing.T) stock {
	t.Helper()
	st := pagetest.New(t, db.SQLite)
	ctx := t.Context()
	secret, _, err := st.Service.OwnerLink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	must(st.Service.SetUp(ctx, commerce.SetUp{Link: secret, Name: "Ana Marsh", Email: pagetest.OwnerEmail, Password: pagetest.OwnerPassword,
		Company: commerce.CreateAccount{Name: "Green Press", Currency: "EUR", Zone: "Europe/Berlin", Country: "DE"}}))(t)
	s := stock{sample: &sample{Stack: st, email: pagetest.OwnerEmail, password: pagetest.OwnerPassword, pages: map[string]string{}}, t: t, acc: st.Sandbox(t)}
	s.call = commerce.Call{Account: s.acc, Actor: event.Actor{Kind: event.ByMember, Name: "Ana Marsh"}}
	product := must(s.Service.CreateProduct(ctx, commerce.CreateProduct{Call: s.call, Name: "Letterpress Studio"}))(t)
	price := must(s.Service.CreatePrice(ctx, commerce.CreatePrice{Call: s.call, Product: product.ID, Name: "Monthly", Amount: money.Amount{Minor: 2900, Currency: "EUR"}, Interval: period.Interval{Unit: period.Month, Count: 1}}))(t)
	must(s.Service.SetBrand(ctx, commerce.SetBrand{Call: s.call, Brand: notice.Brand{Colour: "#336699", Legal: "Green Press GmbH\nHafen 1, 20095 Hamburg", Manage: "https://green.example/account"}}))(t)
	ada := must(s.Service.CreateCustomer(ctx, commerce.CreateCustomer{Call: s.call, Email: "ada@example.com", Buyer: customer.Buyer{Name: "Ada Lark"}, Language: "de"}))(t)
	sale := must(s.Service.Sell(ctx, commerce.Sell{Call: s.call, Customer: ada.ID, Price: price.ID, Token: "tok_visa", Source: "test"}))(t)
	must(s.Service.Suppress(ctx, commerce.Suppress{Call: s.call, Address: "gone@example.com", Reason: notice.Bounce}))(t)
	bob := must(s.Service.CreateCustomer(ctx, commerce.CreateCustomer{Call: s.call, Email: "gone@example.com", Buyer: customer.Buyer{Name: "Bob Hill"}}))(t)
	must(s.Service.Sell(ctx, commerce.Sell{Call: s.call, Customer: bob.ID, Price: price.ID, Token: "tok_visa", Source: "test"}))(t)
	must(s.Service.SetMailText(ctx, commerce.SetMailText{Call: s.call, Own: notice.Own{Kind: notice.Receipt, Language: "en", Text: notice.Text{Subject: "Paid: {{ amount }}", Body: "Thank you.\n\n{{ summary }}\n\n{{ cancel.how }}"}}}))(t)
	if err := s.Service.SettleMails(ctx, s.acc); err != nil {
		t.Fatal(err)
	}
	list := must(s.Reader.Mails(ctx, s.acc, report.MailQuery{Limit: 10}))(t)
	s.add("mailbox", s.at("mails"))
	for _, m := range list {
		s.add(fmt.Sprintf("mail-%s-%s", m.Kind, m.Delivery.State), s.at("mails", m.ID.String()))
	}
	live := "/app/" + st.Live(t).String()
	s.add("mail-log-none", live+"/mails")
	s.add("mail-kinds", s.at("settings", "mails"))
	s.add("mail-text", s.at("settings", "mails", "receipt"))
	s.add("mail-text-optional", s.at("settings", "mails", "paused")+"?language=de")
	s.add("sender", live+"/settings/sender")
	s.add("suppressions", s.at("settings", "suppressions"))
	s.add("suppressions-none", live+"/settings/suppressions")
	s.add("customer-mails", s.at("customers", sale.Order.Customer.String()))
	return s
}

// Every page about e-mails, in both themes and on both widths, is free of accessibility
// violations and never wider than the screen, the mails in their frames too.
func TestMailPagesAreAccessible(t *testing.T) {
	t.Parallel()
	s := correspondence(t)
	for _, look := range []struct {
		width int
		dark  bool
	}{{1280, false}, {1280, true}, {360, false}, {360, true}} {
		name := fmt.Sprintf("light-%d", look.width)
		if look.dark {
			name = fmt.Sprintf("dark-%d", look.width)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := webtest.Open(t)
			b.Viewport(look.width, 800, look.dark)
			s.logIn(b)
			for _, page := range s.order {
				b.Goto(s.URL + s.pages[page])
				b.WaitFor("main")
				if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > look.width {
					t.Errorf("%s is %d px wide on a screen of %d px", page, wide, look.width)
				}
				webtest.Eval[int](b, `(() => { const all = document.querySelectorAll("main .disclosure:not([open])"); for (const d of all) d.open = true; return all.length })()`)
				b.Axe()
				if dir := os.Getenv("GALLERY"); dir != "" {
					b.Screenshot(filepath.Join(dir, page+"-"+name+".png"))
				}
			}
		})
	}
}

// from sends a form of a page to its address, as fill does.
func (d desk) from(page, path string, status int, pairs []string, texts ...string) {
	d.t.Helper()
	form := url.Values{"operation_key": {d.key(d.home + page)}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := d.post(d.home+path, form)
	if r.status != status {
		d.t.Errorf("%s answered %d: %s", path, r.status, said(r.body))
	}
	d.reads(r, texts...)
}

// A mail in its frame can do nothing to the page around it, and no other page can
// frame it.
func TestMailsAreShownApart(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := correspondence(t)
	p := newPerson(t, s.Stack)
	p.post("/login", url.Values{"email": {s.email}, "password": {s.password}})
	list := must(s.Reader.Mails(t.Context(), s.acc, report.MailQuery{Limit: 10}))(t)
	r := p.get(s.at("mails", list[len(list)-1].ID.String(), "html"))
	policy := r.header.Get("Content-Security-Policy")
	if r.status != http.StatusOK || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "sandbox") || strings.Contains(policy, "allow-scripts") || strings.Contains(policy, "allow-same-origin") {
		t.Errorf("%d with %s", r.status, policy)
	}
	if other := d.get(s.at("mails", list[0].ID.String())); other.status != http.StatusNotFound {
		t.Errorf("another account's mail: %d", other.status)
	}
	if other := d.get(d.home + "/mails/" + list[0].ID.String()); other.status != http.StatusNotFound {
		t.Errorf("another account's mail under our own address: %d", other.status)
	}
}

// A campaign has a look and texts of its own, beside those of all campaigns.
func TestMailsOfACampaign(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	club := must(d.s.Service.CreateCampaign(t.Context(), commerce.CreateCampaign{Call: d.call, Name: "Book Club"}))(t).ID.String()
	text, look := "/settings/mails/receipt?language=en", "/settings/sender"
	d.reads(d.get(d.home+text), "Book Club", "All campaigns")
	d.from(text, "/settings/mails/receipt", 303, []string{"language", "en", "subject", "Thanks from all", "body", "Thanks.\n\n{{ cancel.how }}"})
	d.reads(d.get(d.home+text+"&campaign="+club), "Thanks from all", "the one of all campaigns")
	d.from(text, "/settings/mails/receipt", 303, []string{"language", "en", "campaign", club, "subject", "Thanks from the club", "body", "Thanks.\n\n{{ cancel.how }}"})
	d.reads(d.get(d.home+text+"&campaign="+club), "Thanks from the club", "is your own")
	d.reads(d.get(d.home+text), "Thanks from all")
	d.from(look, "/settings/sender", 303, []string{"campaign", club, "name", "The Book Club", "colour", "#123456"})
	d.reads(d.get(d.home+look+"?campaign="+club), "The Book Club")
	if r := d.get(d.home + look); strings.Contains(r.body, "The Book Club") {
		t.Error("the look of a campaign is that of all")
	}
	d.from(text, "/settings/mails/receipt/preview", 200, []string{"language", "en", "campaign", club, "subject", "x", "body", "Thanks.\n\n{{ cancel.how }}"}, "The Book Club")
	d.from(text, "/settings/mails/receipt/reset", 303, []string{"language", "en", "campaign", club})
	d.reads(d.get(d.home+text+"&campaign="+club), "Thanks from all")
	if r := d.get(d.home + look + "?campaign=cmp_0000000000001"); r.status != http.StatusNotFound {
		t.Errorf("a campaign that is not: %d", r.status)
	}
}

// Who has an address is found in the log by it.
func TestMailsOfACustomer(t *testing.T) {
	t.Parallel()
	s := correspondence(t)
	p := newPerson(t, s.Stack)
	p.post("/login", url.Values{"email": {s.email}, "password": {s.password}})
	for address, shown := range map[string]bool{"ADA@example.com": true, "nobody@example.com": false} {
		r := p.get(s.at("mails") + "?email=" + url.QueryEscape(address))
		if r.status != http.StatusOK || strings.Contains(r.body, "Zahlungsbeleg") != shown || strings.Contains(r.body, "Nothing matches") == shown || strings.Contains(r.body, "gone@example.com") {
			t.Errorf("%s: %d, %s", address, r.status, said(r.body))
		}
	}
}

// What a merchant does on the pages about e-mails.
func TestMailForms(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.from("/settings/mails/receipt", "/settings/mails/receipt", 422, []string{"language", "de", "subject", "Danke", "body", "Danke {{ nobody }}"}, "Line 1, character 7", "{{ cancel.how }}")
	d.from("/settings/mails/receipt", "/settings/mails/receipt", 303, []string{"language", "de", "subject", "Danke", "body", "Danke {{ customer.first_name }}\r\n\r\n{{ cancel.how }}"})
	d.reads(d.get(d.home+"/settings/mails/receipt?language=de"), "The German text is your own", "Danke {{ customer.first_name }}")
	d.from("/settings/mails/receipt", "/settings/mails/receipt/preview", 200, []string{"language", "de", "subject", "Danke", "body", "Danke {{ customer.first_name }}\n{{ cancel.how }}"}, "Danke Ada")
	d.from("/settings/mails/receipt", "/settings/mails/receipt/preview", 200, []string{"language", "de", "subject", "x", "body", "{{ nobody }}"}, "is not known here")
	d.from("/settings/mails/receipt", "/settings/mails/receipt/reset", 303, []string{"language", "de"})
	d.reads(d.get(d.home+"/settings/mails/receipt?language=de"), "comes with the program")
	d.from("/settings/mails/paused", "/settings/mails/paused/switch", 303, []string{"language", "en", "copy", "archive@example.com"})
	d.reads(d.get(d.home+"/settings/mails"), "Off")
	d.from("/settings/mails/paused", "/settings/mails/paused/switch", 422, []string{"language", "en", "copy", "no address"}, "Must be an e-mail address")
	d.from("/settings/sender", "/settings/sender", 422, []string{"colour", "red"}, "six digits")
	d.from("/settings/sender", "/settings/sender", 303, []string{"colour", "#123456", "name", "Tea House"})
	d.from("/settings/sender", "/settings/sender/team", 303, []string{"team", "team@example.com"})
	d.from("/settings/sender", "/settings/sender/server", 503, []string{"host", "smtp.example.com", "port", "587", "password", "wrong", "from", "a@example.com"}, "535: wrong password")
	d.from("/settings/sender", "/settings/sender/server", 303, []string{"host", "smtp.example.com", "port", "587", "from", "a@example.com"})
	d.from("/settings/suppressions", "/settings/suppressions", 303, []string{"address", "gone@example.com"})
	d.reads(d.get(d.home+"/settings/suppressions"), "gone@example.com", "Entered by hand")
	if r := d.get(d.home + "/settings/mails/love_letter"); r.status != http.StatusNotFound {
		t.Errorf("a mail that is not: %d", r.status)
	}
}
