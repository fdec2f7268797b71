// Package pagetest runs the pages on the real stack for tests: a database, the
// stories, the sandbox gateway, dashboard and checkout behind one address.
package pagetest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/compat/paywhirl"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/document"
	"perennial/internal/fault"
	"perennial/internal/gateway/manual"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/gateway/stripe"
	"perennial/internal/gateway/stripe/stripetest"
	"perennial/internal/id"
	"perennial/internal/notice"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/seal"
	"perennial/internal/web"
	"perennial/internal/web/checkout"
	"perennial/internal/web/dashboard"
	"perennial/internal/web/portal"
	"perennial/internal/web/promote"
	"perennial/internal/web/webtest"
	"perennial/internal/webhook"
)

// Start is the machine's time when a stack begins.
var Start = time.Date(2026, 11, 5, 13, 3, 0, 0, time.UTC)

// Stack is the running pages.
type Stack struct {
	URL     string
	DB      *db.DB
	Clock   *clock.Manual
	Service *commerce.Service
	Reader  *report.Reader
	Stripe  *stripetest.Stripe // at which merchants may have gateway accounts
}

// New starts the pages on a new database of an engine.
func New(t testing.TB, engine string) *Stack {
	t.Helper()
	return On(t, dbtest.New(t, engine), clock.NewManual(Start))
}

// On starts the pages on a database.
func On(t testing.TB, d *db.DB, c *clock.Manual) *Stack {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	box := sandbox.New(d, c, sandbox.Options{})
	s := commerce.New(d, c, map[string]payment.Gateway{commerce.SandboxGateway: box}, nil, quiet)
	far := stripetest.New(t, c)
	keys, err := seal.Parse(seal.New())
	if err != nil {
		t.Fatal(err)
	}
	s.UseKeys(keys)
	s.UseGateways(keys, map[string]commerce.Opener{stripe.Kind: stripe.Opener(stripe.Options{Client: far.Client, Clock: c, URL: far.URL}), manual.Kind: manual.Open})
	r := report.New(d, c)
	s.UseDialects(paywhirl.Webhooks(s, r, paywhirl.Options{Clock: c, Log: quiet})...)
	paper := func(w io.Writer, v report.InvoiceView) error {
		p, err := document.Of(v)
		if err != nil {
			return err
		}
		return p.WritePDF(w)
	}
	creditPaper := func(w io.Writer, v report.CreditNoteView) error {
		p, err := document.OfCreditNote(v)
		if err != nil {
			return err
		}
		return p.WritePDF(w)
	}
	mux := http.NewServeMux()
	mux.Handle("/assets/", web.Assets())
	inside := dashboard.New(s, r, dashboard.Options{Clock: c, Log: quiet, Background: t.Context(), PDF: paper, CreditNotePDF: creditPaper, Mail: mails(), Webhooks: hooks(keys), TestCards: []dashboard.TestCard{
		{Token: "tok_visa", Does: "Works"}, {Token: "tok_chargeDeclined", Does: "Is always declined"}, {Token: "tok_declineAfter_1", Does: "Works once, then declines"}}})
	for _, p := range []string{"/app", "/app/", "/login", "/logout", "/setup", "/preferences"} {
		mux.Handle(p, inside)
	}
	shop := checkout.New(s, r, checkout.Options{Clock: c, Log: quiet, PDF: paper, TokenFor: tokenFor, Answer: box.AnswerStep, StripeScript: far.Script(), TestCards: []checkout.TestCard{
		{Number: "4242 4242 4242 4242", Does: "Works"}, {Number: "4000 0000 0000 0002", Does: "Is declined"}, {Number: "4000 0000 0000 9995", Does: "Has no funds"}}})
	mux.Handle("/c/", shop)
	mux.Handle("/pay/", portal.New(s, r, portal.Options{Clock: c, Log: quiet, TokenFor: tokenFor, Answer: box.AnswerStep, StripeScript: far.Script(), TestCards: []web.TestCard{
		{Number: "4242 4242 4242 4242", Does: "Works"}, {Number: "4000 0000 0000 9995", Does: "Has no funds"}}}))
	mux.Handle("/o/", shop)
	partners := promote.New(s, r, promote.Options{Clock: c, Log: quiet})
	for _, p := range []string{"/a/", "/affiliates", "/affiliates/"} {
		mux.Handle(p, partners)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &Stack{URL: server.URL, DB: d, Clock: c, Service: s, Reader: r, Stripe: far}
}

// LostAnswer is a card number whose charge goes through without an answer.
const LostAnswer = "4000 0000 0000 1001"

// hooks is what the pages about webhooks are given.
func hooks(keys *seal.Keys) dashboard.WebhookOptions {
	return dashboard.WebhookOptions{CheckAddress: func(address string) error { return webhook.CheckAddress(address, nil) },
		Secret: func(acc id.Account, secret string) (string, string) {
			if secret == "" {
				secret = webhook.NewSecret()
			}
			return secret, webhook.SealSecret(keys, acc, secret)
		}}
}

// mails plays the outside of e-mails: one server that takes everything, and a password
// that is wrong.
func mails() dashboard.MailOptions {
	return dashboard.MailOptions{Server: true,
		Own: func(_ context.Context, _ id.Account, host string, port int, _, password, _, _ string) (string, string, error) {
			if password == "wrong" {
				return "", "", fault.New(fault.Unavailable, "the mail server answered 535: wrong password")
			}
			return host + ":" + strconv.Itoa(port), "sealed", nil
		},
		Send: func(_ context.Context, _ id.Account, _ string, m notice.Message) error {
			if m.To != OwnerEmail {
				return fault.New(fault.Unavailable, "a test to %s", m.To)
			}
			return nil
		},
		Reveal: func(_ context.Context, _ id.Account, m notice.Message) (notice.Message, error) {
			r := strings.NewReplacer(notice.LinkMarker, "https://billing.example.com/l/", notice.DashboardMarker, "https://billing.example.com")
			m.Text, m.HTML = r.Replace(m.Text), r.Replace(m.HTML)
			return m, nil
		}}
}

func tokenFor(number string) (string, bool) {
	if number == LostAnswer {
		return "tok_timeout_charged", true
	}
	return sandbox.TokenForNumber(number)
}

// Owner is the first owner as SetUp makes it.
const (
	OwnerEmail    = "ana@green-press.example"
	OwnerPassword = "a long enough password"
)

// SetUp fills in the first owner's form in a browser and returns the sandbox.
func (s *Stack) SetUp(t testing.TB, b *webtest.Browser) id.Account {
	t.Helper()
	secret, needed, err := s.Service.OwnerLink(t.Context())
	if err != nil || !needed {
		t.Fatalf("owner link: needed %v, %v", needed, err)
	}
	b.Goto(s.URL + "/setup?token=" + secret)
	b.Fill("Your name", "Ana Marsh")
	b.Fill("E-mail", OwnerEmail)
	b.Fill("Password", OwnerPassword)
	b.Fill("Company name", "Green Press")
	b.Choose("Country", "Germany")
	b.Choose("Currency", "EUR")
	b.Choose("Time zone", "Europe/Berlin")
	b.Follow("Create")
	b.WaitText("Your accounts are ready")
	return s.Sandbox(t)
}

// Sandbox is the sandbox account that SetUp made.
func (s *Stack) Sandbox(t testing.TB) id.Account {
	t.Helper()
	return s.mode(t, account.Sandbox)
}

// Live is the live account that SetUp made.
func (s *Stack) Live(t testing.TB) id.Account {
	t.Helper()
	return s.mode(t, account.Live)
}

func (s *Stack) mode(t testing.TB, mode account.Mode) id.Account {
	t.Helper()
	all, err := s.Reader.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.Mode == mode {
			return a.ID
		}
	}
	t.Fatalf("there is no %s account", mode)
	return 0
}

// Home is the address of an account's pages.
func (s *Stack) Home(a id.Account) string { return s.URL + "/app/" + a.String() }

var slugs = regexp.MustCompile(`/c/[0-9a-z]+`)

// CheckoutOf is the address of the first checkout link on the page.
func (s *Stack) CheckoutOf(b *webtest.Browser) string {
	html := webtest.Eval[string](b, "document.querySelector('main').innerHTML")
	return s.URL + slugs.FindString(html)
}
