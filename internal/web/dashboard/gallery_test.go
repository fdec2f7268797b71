package dashboard_test

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/demo"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

// sample is a business that has been lived, and one that has just begun.
type sample struct {
	*pagetest.Stack
	email, password string
	pages           map[string]string // name -> path
	order           []string
}

func (s *sample) add(name, path string) {
	s.order = append(s.order, name)
	s.pages[name] = path
}

// lived makes the sample business and names every page of it.
func lived(t *testing.T) *sample {
	t.Helper()
	d, c := dbtest.New(t, db.SQLite), clock.NewManual(pagetest.Start)
	s := &sample{Stack: pagetest.On(t, d, c), pages: map[string]string{}}
	begun := map[account.Mode]id.Account{}
	for _, mode := range []account.Mode{account.Live, account.Sandbox} {
		a, err := s.Service.CreateAccount(t.Context(), commerce.CreateAccount{Actor: event.Actor{Kind: event.ByOperator, Name: "test"}, Name: "Just begun", Email: "new@example.com", Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		begun[mode] = a.Account.ID
	}
	made, err := demo.Build(t.Context(), s.Service, demo.Options{Seed: 7, Customers: 90, Past: 400 * 24 * time.Hour, Now: pagetest.Start})
	if err != nil {
		t.Fatal(err)
	}
	s.email, s.password = made.Email, made.Password
	acc := made.Account
	at := func(parts ...string) string { return "/app/" + acc.String() + "/" + strings.Join(parts, "/") }
	s.add("home", "/app/"+acc.String())
	s.add("home-begun", "/app/"+begun[account.Sandbox].String())
	s.add("home-live", "/app/"+begun[account.Live].String())
	s.add("customers-none", "/app/"+begun[account.Sandbox].String()+"/customers")
	for _, list := range []string{"customers", "subscriptions", "invoices", "payments", "products", "developers/keys", "developers/webhooks", "developers/webhooks/new", "developers/doors", "developers/widgets", "settings/questions", "developers/clock",
		"settings/gateways", "settings/gateways/new", "settings/notices", "settings/billing/limits", "disputes", "payments/waiting", "refunds/waiting"} {
		s.add(strings.ReplaceAll(list, "/", "-"), at(list))
	}
	s.add("nothing-matches", at("customers?email=zz"))
	s.things(t, acc, at)
	s.add("not-found", at("customers", "cus_0000000000001"))
	return s
}

// things adds the pages of one thing each.
func (s *sample) things(t *testing.T, acc id.Account, at func(...string) string) {
	t.Helper()
	ctx := t.Context()
	subs, err := s.Reader.Subscriptions(ctx, acc, subscription.Filter{State: subscription.Active, Limit: 200}, report.Expand{})
	if err != nil || len(subs) < 30 {
		t.Fatalf("%d subscriptions, %v", len(subs), err)
	}
	sub := subs[len(subs)-1].Subscription
	s.add("subscription", at("subscriptions", sub.ID.String()))
	s.add("cancel", at("subscriptions", sub.ID.String(), "cancel"))
	s.add("customer", at("customers", sub.Customer.String()))
	s.add("customer-edit", at("customers", sub.Customer.String(), "edit"))
	s.add("customer-profile", at("customers", sub.Customer.String(), "profile"))
	s.add("customer-address", at("customers", sub.Customer.String(), "profile", "address"))
	s.add("customer-new", at("customers", "new"))
	s.add("subscribe", at("customers", sub.Customer.String(), "subscribe"))
	s.add("method", at("customers", sub.Customer.String(), "method"))
	paid, err := s.Reader.Invoices(ctx, acc, invoice.Filter{Subscription: sub.ID, State: invoice.Paid, Limit: 1})
	if err != nil || len(paid) == 0 {
		t.Fatalf("no paid invoice, %v", err)
	}
	s.add("invoice", at("invoices", paid[0].ID.String()))
	s.add("refund", at("invoices", paid[0].ID.String(), "refund"))
	open, err := s.Reader.Invoices(ctx, acc, invoice.Filter{State: invoice.Open, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(open) > 0 {
		s.add("invoice-open", at("invoices", open[0].ID.String()))
		s.add("void", at("invoices", open[0].ID.String(), "void"))
		s.add("charge", at("invoices", open[0].ID.String(), "charge"))
	}
	offers, err := s.Reader.Offers(ctx, acc, 0, 10)
	if err != nil || len(offers) < 2 {
		t.Fatalf("%d products, %v", len(offers), err)
	}
	product := offers[len(offers)-1]
	s.add("product", at("products", product.Product.ID.String()))
	s.add("product-new", at("products", "new"))
	s.add("product-edit", at("products", product.Product.ID.String(), "edit"))
	s.add("product-archive", at("products", product.Product.ID.String(), "archive"))
	s.add("price-new", at("products", product.Product.ID.String(), "price"))
	keys, err := s.Reader.APIKeys(ctx, acc)
	if err != nil || len(keys) == 0 {
		t.Fatalf("no key, %v", err)
	}
	s.add("key-revoke", at("developers", "keys", keys[0].ID.String(), "revoke"))
	s.webhooks(t, acc, at)
	s.add("checkout", "/c/"+product.Links[0].Slug)
	s.add("checkout-plan", "/c/"+product.Links[0].Slug+"?quantity=4&price="+product.Prices[1].ID.String())
	sold, err := s.Service.Sell(ctx, commerce.Sell{Call: commerce.Call{Account: acc, Actor: event.Actor{Kind: event.ByCustomer, Name: "Ines Okafor"}}, Price: product.Prices[len(product.Prices)-1].ID,
		Buyer: &commerce.CreateCustomer{Email: "ines@example.com", Buyer: customer.Buyer{Name: "Ines Okafor", Country: "US"}}, Token: "tok_visa", Source: "checkout"})
	if err != nil {
		t.Fatal(err)
	}
	s.add("thanks", "/o/"+sold.Order.Token())
	s.add("checkout-once", "/c/"+offers[0].Links[0].Slug)
}

// webhooks adds the pages of an endpoint that speaks another system's dialect.
func (s *sample) webhooks(t *testing.T, acc id.Account, at func(...string) string) {
	t.Helper()
	call := commerce.Call{Account: acc, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
	end, err := s.Service.CreateEndpoint(t.Context(), commerce.CreateEndpoint{Call: call, Address: "https://example.com/a/receiver/that/was/there/before", Dialect: "paywhirl", Secret: "sealed"})
	if err != nil {
		t.Fatal(err)
	}
	owed, err := s.Service.TestEndpoint(t.Context(), commerce.TestEndpoint{Call: call, Endpoint: end.ID})
	if err != nil {
		t.Fatal(err)
	}
	s.add("webhooks-one", at("developers", "webhooks"))
	for _, page := range []string{"", "edit", "remove"} {
		s.add("webhook"+page, strings.TrimSuffix(at("developers", "webhooks", end.ID.String(), page), "/"))
	}
	s.add("delivery", at("developers", "deliveries", owed.ID.String()))
}

// logIn signs a browser in.
func (s *sample) logIn(b *webtest.Browser) {
	b.Goto(s.URL + "/login")
	b.Fill("E-mail", s.email)
	b.Fill("Password", s.password)
	b.Follow("Log in")
}

// Every page, in both themes and on both widths, is free of accessibility
// violations and never wider than the screen. With GALLERY=dir the pictures are
// kept there for people to look at; with DOCS_IMAGES=docs/images those of the
// documentation are made anew.
func TestEveryPageIsAccessible(t *testing.T) {
	t.Parallel()
	s := lived(t)
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
			b.Expect(http.StatusNotFound)
			check := func(page string) {
				t.Helper()
				b.WaitFor("main")
				if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > look.width {
					t.Errorf("%s is %d px wide on a screen of %d px", page, wide, look.width)
				}
				if n := webtest.Eval[int](b, `document.querySelectorAll("h1").length`); n != 1 {
					t.Errorf("%s has %d h1", page, n)
				}
				b.Axe()
				if dir := os.Getenv("GALLERY"); dir != "" {
					b.Screenshot(filepath.Join(dir, page+"-"+name+".png"))
				}
			}
			b.Goto(s.URL + "/login")
			check("login")
			s.logIn(b)
			b.Goto(s.URL + "/app")
			check("accounts")
			for _, page := range s.order {
				b.Goto(s.URL + s.pages[page])
				check(page)
			}
			if dir := os.Getenv("DOCS_IMAGES"); dir != "" && name == "light-1280" {
				picture(t, b, s.URL+s.pages["home"], filepath.Join(dir, "home.png"))
				picture(t, b, s.URL+s.pages["checkout-plan"], filepath.Join(dir, "checkout.png"))
			}
		})
	}
}

// The form of the first owner, and the page without its link, in every look.
func TestSetUpIsAccessible(t *testing.T) {
	t.Parallel()
	s := pagetest.New(t, db.SQLite)
	secret, _, err := s.Service.OwnerLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := webtest.Open(t)
	b.Expect(http.StatusForbidden)
	for _, width := range []int{1280, 360} {
		for _, dark := range []bool{false, true} {
			b.Viewport(width, 800, dark)
			for name, path := range map[string]string{"setup": "/setup?token=" + secret, "setup-no-token": "/setup"} {
				b.Goto(s.URL + path)
				b.WaitFor("main")
				b.Axe()
				if dir := os.Getenv("GALLERY"); dir != "" {
					b.Screenshot(filepath.Join(dir, fmt.Sprintf("%s-%d-%t.png", name, width, dark)))
				}
			}
		}
	}
}

// picture writes the upper part of a page.
func picture(t *testing.T, b *webtest.Browser, address, path string) {
	t.Helper()
	b.Goto(address)
	b.WaitFor("main")
	b.Screenshot(path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := png.Decode(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	upper := image.NewRGBA(image.Rect(0, 0, 1280, min(drawn.Bounds().Dy(), 920)))
	draw.Draw(upper, upper.Bounds(), drawn, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, upper); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil { //nolint:gosec // a picture for everybody
		t.Fatal(err)
	}
}
