// Package dashboard is the pages with which a merchant's team works: setting up,
// signing in, and everything under /app/{account}. It holds no rules: every
// change is a story of commerce, every page a read of report.
package dashboard

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/report"
	"perennial/internal/web"
)

// TestCard is a sandbox payment token that the forms of sandbox accounts offer.
type TestCard struct {
	Token string // what is sent
	Does  string // what it does, in a few words: "Works"
}

// Options says where the pages run.
type Options struct {
	Clock clock.Clock  // the machine's; nil means clock.System
	Log   *slog.Logger // nil means slog.Default
	// Secure says that browsers reach the pages through TLS, also when a proxy ends
	// it; the session cookie is then bound to this host.
	Secure bool
	// Background ends when the server stops; work that outlives a request (a walk
	// of the sandbox clock) runs under it. Nil means context.Background.
	Background context.Context
	TestCards  []TestCard // offered where a sandbox account needs a payment method
	// PDF writes the paper of an invoice.
	PDF func(w io.Writer, v report.InvoiceView) error
	// CreditNotePDF writes the paper of a credit note.
	CreditNotePDF func(w io.Writer, v report.CreditNoteView) error
	Mail          MailOptions
	Webhooks      WebhookOptions
}

// site is the pages with what they need.
type site struct {
	commerce *commerce.Service
	report   *report.Reader
	o        Options
	tries    *throttle
	walks    *walks
}

// maxForm is the largest form that is read, in bytes.
const maxForm = 256 << 10

// New makes the handler of /app, /app/…, /login, /logout, /setup and /preferences.
// It adds the security headers of web and refuses cross-origin posts itself.
func New(s *commerce.Service, r *report.Reader, o Options) http.Handler {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Background == nil {
		o.Background = context.Background()
	}
	d := &site{commerce: s, report: r, o: o, tries: newThrottle(o.Clock), walks: newWalks()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /setup", d.setupForm)
	mux.HandleFunc("POST /setup", d.setUp)
	mux.HandleFunc("GET /login", d.loginForm)
	mux.HandleFunc("POST /login", d.login)
	mux.HandleFunc("POST /logout", d.logout)
	mux.Handle("/preferences", web.PreferencesHandler())
	mux.HandleFunc("GET /app", d.chooser)
	mux.HandleFunc("GET /app/{$}", d.chooser)
	for _, list := range []map[string]page{d.pages(), billingPages(), catalogPages(), mailPages(), gatewayPages(), recoveryPages(), webhookPages(), doorPages(), questionPages(), metricPages(), affiliatePages()} {
		for pattern, p := range list {
			mux.HandleFunc(pattern, d.inside(p))
		}
	}
	nothing := d.inside(page{see, func(v *visit) { v.fail(errNoPage) }})
	mux.HandleFunc("/app/{account}", nothing)
	mux.HandleFunc("/app/{account}/", nothing)
	mux.HandleFunc("/", d.missing)
	forms := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		mux.ServeHTTP(w, r)
	})
	return web.Headers(http.NewCrossOriginProtection().Handler(forms))
}

// page is a route below an account: the right that it needs and what answers.
type page struct {
	right  right
	answer func(v *visit)
}

// pages is every route below an account.
func (d *site) pages() map[string]page {
	return map[string]page{
		"GET /app/{account}":        {see, (*visit).home},
		"GET /app/{account}/search": {see, (*visit).search},

		"GET /app/{account}/customers":                 {see, (*visit).customers},
		"GET /app/{account}/customers/new":             {subscriptions, (*visit).newCustomer},
		"POST /app/{account}/customers/new":            {subscriptions, (*visit).createCustomer},
		"GET /app/{account}/customers/{id}":            {see, (*visit).customer},
		"GET /app/{account}/customers/{id}/edit":       {subscriptions, (*visit).editCustomer},
		"POST /app/{account}/customers/{id}/edit":      {subscriptions, (*visit).updateCustomer},
		"GET /app/{account}/customers/{id}/subscribe":  {subscriptions, (*visit).newSubscription},
		"POST /app/{account}/customers/{id}/subscribe": {subscriptions, (*visit).createSubscription},
		"GET /app/{account}/customers/{id}/method":     {subscriptions, (*visit).newMethod},
		"POST /app/{account}/customers/{id}/method":    {subscriptions, (*visit).attachMethod},

		"GET /app/{account}/subscriptions":            {see, (*visit).subscriptions},
		"GET /app/{account}/subscriptions/{id}":       {see, (*visit).subscription},
		"POST /app/{account}/subscriptions/{id}/undo": {subscriptions, (*visit).undoCancel},

		"GET /app/{account}/invoices":              {see, (*visit).invoices},
		"GET /app/{account}/invoices/{id}":         {see, (*visit).invoice},
		"GET /app/{account}/invoices/{id}/pdf":     {see, (*visit).invoicePDF},
		"GET /app/{account}/credit-notes/{id}/pdf": {see, (*visit).creditNotePDF},
		"GET /app/{account}/invoices/{id}/refund":  {refunds, (*visit).refundForm},
		"POST /app/{account}/invoices/{id}/refund": {refunds, (*visit).refund},
		"GET /app/{account}/invoices/{id}/void":    {refunds, (*visit).voidForm},
		"POST /app/{account}/invoices/{id}/void":   {refunds, (*visit).void},
		"GET /app/{account}/invoices/{id}/charge":  {subscriptions, (*visit).chargeForm},
		"POST /app/{account}/invoices/{id}/charge": {subscriptions, (*visit).charge},

		"GET /app/{account}/payments":      {see, (*visit).payments},
		"GET /app/{account}/payments/{id}": {see, (*visit).payment},

		"GET /app/{account}/products":               {see, (*visit).products},
		"GET /app/{account}/products/new":           {products, (*visit).newProduct},
		"POST /app/{account}/products/new":          {products, (*visit).createProduct},
		"GET /app/{account}/products/{id}":          {see, (*visit).product},
		"GET /app/{account}/products/{id}/edit":     {products, (*visit).editProduct},
		"POST /app/{account}/products/{id}/edit":    {products, (*visit).updateProduct},
		"GET /app/{account}/products/{id}/archive":  {products, (*visit).archiveForm},
		"POST /app/{account}/products/{id}/archive": {products, (*visit).archive},
		"GET /app/{account}/products/{id}/price":    {products, (*visit).newPrice},
		"POST /app/{account}/products/{id}/price":   {products, (*visit).createPrice},
		"POST /app/{account}/prices/{id}/archive":   {products, (*visit).archivePrice},

		"GET /app/{account}/developers/keys":              {keys, (*visit).keys},
		"POST /app/{account}/developers/keys":             {keys, (*visit).createKey},
		"GET /app/{account}/developers/keys/{id}/revoke":  {keys, (*visit).revokeForm},
		"POST /app/{account}/developers/keys/{id}/revoke": {keys, (*visit).revokeKey},

		"GET /app/{account}/developers/clock":                 {subscriptions, (*visit).clock},
		"POST /app/{account}/developers/clock":                {subscriptions, (*visit).moveClock},
		"GET /app/{account}/developers/clock/{walk}":          {subscriptions, (*visit).walk},
		"GET /app/{account}/developers/clock/{walk}/progress": {subscriptions, (*visit).walkProgress},
	}
}
