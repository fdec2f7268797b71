// Package portal is what a customer sees behind a secure link: what is owed, what keeps
// running when it is paid, and a form for another payment method. Opening a link changes
// nothing, because mail scanners open all of them; the form uses it.
package portal

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"golang.org/x/text/language"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/link"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// Options says where the pages run.
type Options struct {
	Clock clock.Clock  // the machine's; nil means clock.System
	Log   *slog.Logger // nil means slog.Default
	// TokenFor is the sandbox gateway's token for a test card number. Nil means that no
	// card can be given.
	TokenFor  func(number string) (token string, ok bool)
	TestCards []web.TestCard // listed beside the form
	// Answer plays the bank to which the customer of a sandbox confirms a payment, or
	// refuses to; secret is that of the step. Nil leaves it out.
	Answer       func(ctx context.Context, acc id.Account, secret string, agree bool) error
	StripeScript string // where Stripe's script comes from; "" means Stripe
}

type pages struct {
	commerce *commerce.Service
	report   *report.Reader
	o        Options
}

// maxForm is the largest form that is read, in bytes.
const maxForm = 64 << 10

// New makes the handler of /pay/{secret}. It adds the security headers of web, tells no
// other site the address, and refuses cross-origin posts itself.
func New(s *commerce.Service, r *report.Reader, o Options) http.Handler {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	h := &pages{commerce: s, report: r, o: o}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pay/{secret}", h.open)
	mux.HandleFunc("POST /pay/{secret}", h.use)
	mux.HandleFunc("POST /pay/{secret}/renew", h.renew)
	mux.HandleFunc("POST /pay/{secret}/confirm", h.confirm)
	mux.HandleFunc("/", h.missing)
	forms := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Robots-Tag", "noindex, nofollow")
		mux.ServeHTTP(w, r)
	})
	return web.Headers(http.NewCrossOriginProtection().Handler(forms))
}

// opened is the page behind a link.
type opened struct {
	report.OpenedLink
	Secret   string
	Form     web.PaymentForm
	Problems []web.Problem
	Used     *commerce.UsedLink // what came of the form; nil before
	Mailed   bool               // another link is on its way
	Gateway  commerce.GatewayForSale
	Step     *payment.Step // that the customer has to take, when the payment waits for them
}

// page is the frame of a page, in the merchant's name.
func (h *pages) page(r *http.Request, o opened, title string) web.PublicPage {
	return web.PublicPage{Title: title, Brand: o.Account.Name, Test: o.Account.Mode == account.Sandbox, Preferences: web.PreferencesOf(r)}
}

func (h *pages) load(w http.ResponseWriter, r *http.Request) (opened, bool) {
	o := opened{Secret: r.PathValue("secret")}
	var err error
	if o.OpenedLink, err = h.report.Link(r.Context(), o.Secret); err != nil {
		h.fail(w, r, err)
		return o, false
	}
	price := id.Price(0)
	if o.Sub != nil {
		price = o.Sub.Price
	}
	o.Gateway, err = h.commerce.GatewayFor(r.Context(), o.Account.ID, price)
	if err != nil && !fault.Is(err, fault.Conflict) { // without a gateway the page says so
		h.fail(w, r, err)
		return o, false
	}
	set := o.Gateway.Settings
	o.Form = web.PaymentForm{Kind: o.Gateway.Kind, Cards: h.o.TestCards, Instructions: set.Instructions,
		Stripe: web.StripeForm{Script: h.o.StripeScript, Key: set.PublishableKey, Connected: set.ConnectedAccount}}
	if o.Invoice != nil {
		o.Form.Stripe.Currency = strings.ToLower(string(o.Invoice.Total.Currency))
	}
	return o, true
}

// ask finds out what a customer still has to do for a payment that waits for them, who
// may have confirmed it just now.
func (h *pages) ask(w http.ResponseWriter, r *http.Request, o opened) (opened, bool) {
	p := o.Waiting
	if !o.confirming() {
		return o, true
	}
	asked, err := h.commerce.AskPayment(r.Context(), commerce.AskPayment{Call: o.call(), Payment: p.ID})
	if err != nil {
		h.o.Log.WarnContext(r.Context(), "a payment that waits for its customer could not be asked for", "payment", p.ID, "err", err)
		return o, true // the page says that it waits
	}
	if asked.Payment.State != payment.Pending {
		return h.load(w, r)
	}
	o.Step = asked.Step
	if o.Step != nil {
		o.Form.Stripe.Step = &web.BrowserStep{Secret: o.Step.Secret}
	}
	return o, true
}

// call is what the customer asks for.
func (o opened) call() commerce.Call {
	return commerce.Call{Account: o.Account.ID, Actor: event.Actor{Kind: event.ByCustomer, Name: o.Buyer.Buyer.Name}}
}

// confirm takes the answer of a sandbox's customer to their bank.
func (h *pages) confirm(w http.ResponseWriter, r *http.Request) {
	o, ok := h.load(w, r)
	if !ok {
		return
	}
	if o, ok = h.ask(w, r, o); !ok {
		return
	}
	if o.Step != nil && o.Step.Kind == web.PayInSandbox && h.o.Answer != nil {
		err := h.o.Answer(r.Context(), o.Account.ID, o.Step.Secret, r.PostFormValue("answer") == "yes")
		if err != nil && !fault.Is(err, fault.Conflict) {
			h.fail(w, r, err)
			return
		}
	}
	web.Redirect(w, r, "/pay/"+o.Secret)
}

func (h *pages) open(w http.ResponseWriter, r *http.Request) {
	o, ok := h.load(w, r)
	if !ok {
		return
	}
	if o, ok = h.ask(w, r, o); ok {
		h.show(w, r, http.StatusOK, o)
	}
}

func (h *pages) show(w http.ResponseWriter, r *http.Request, status int, o opened) {
	if o.Form.Kind == web.PayByStripe {
		o.Form.Stripe.AllowStripe(w.Header())
	}
	web.Render(w, r, status, linkPage(h.page(r, o, o.title()), o))
}

// use takes the form: it uses the link.
func (h *pages) use(w http.ResponseWriter, r *http.Request) {
	o, ok := h.load(w, r)
	if !ok {
		return
	}
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, fault.New(fault.Invalid, "the form could not be read"))
		return
	}
	if o.State != link.Good {
		h.show(w, r, http.StatusConflict, o)
		return
	}
	c := commerce.UseLink{Secret: o.Secret, Consent: h.consent(r)}
	if o.needsMethod() || r.PostForm.Get("with") == "new" {
		if c.Token = h.token(r, &o); c.Token == "" {
			h.show(w, r, http.StatusUnprocessableEntity, o)
			return
		}
	}
	used, err := h.commerce.UseLink(r.Context(), c)
	var first *commerce.ConfirmFirst
	switch {
	case errors.As(err, &first):
		o.Form.Stripe.Step = &web.BrowserStep{Secret: first.Step.Secret, Token: first.Step.Token}
		h.show(w, r, http.StatusOK, o)
	case fault.Is(err, fault.Declined):
		o.Form.Problem = fault.As(err).Message
		o.Problems = []web.Problem{{Field: "card", Message: o.Form.Problem}}
		h.show(w, r, http.StatusUnprocessableEntity, o)
	case fault.Is(err, fault.Conflict):
		h.reopen(w, r, http.StatusConflict)
	case err != nil:
		h.fail(w, r, err)
	case fault.Is(used.Refused, fault.Pending):
		web.Redirect(w, r, "/pay/"+o.Secret) // which says whom it waits for
	default:
		o.Used = &used
		h.show(w, r, http.StatusOK, o)
	}
}

// consent is how the customer agreed: from where, and with which browser.
func (h *pages) consent(r *http.Request) payment.Consent {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = ""
	}
	return payment.Consent{IP: host, UserAgent: r.UserAgent(), At: h.o.Clock.Now()}
}

// reopen shows how things stand now: somebody was faster.
func (h *pages) reopen(w http.ResponseWriter, r *http.Request, status int) {
	if o, ok := h.load(w, r); ok {
		h.show(w, r, status, o)
	}
}

// token takes the test number out of the form: it becomes a token here, and only a known
// one is ever shown again.
func (h *pages) token(r *http.Request, o *opened) string {
	number := strings.TrimSpace(r.PostForm.Get("card"))
	r.PostForm.Del("card")
	problem := func(message string) string {
		o.Form.Problem = message
		o.Problems = []web.Problem{{Field: "card", Message: message}}
		return ""
	}
	if o.Form.Kind != web.PayInSandbox {
		if token := strings.TrimSpace(r.PostForm.Get("payment_token")); token != "" {
			return token
		}
		return problem("Say how you pay.")
	}
	if h.o.TokenFor == nil {
		return problem("Nothing can be paid here.")
	}
	token, ok := h.o.TokenFor(number)
	switch {
	case ok:
		o.Form.Card = number
		return token
	case number == "":
		return problem("Enter a card number, or take one from the list.")
	}
	return problem("Only test card numbers work here. Take one from the list; never type a real one.")
}

// renew mails another link to the address on file.
func (h *pages) renew(w http.ResponseWriter, r *http.Request) {
	o, ok := h.load(w, r)
	if !ok {
		return
	}
	err := h.commerce.RequestLink(r.Context(), o.Secret)
	switch {
	case fault.Is(err, fault.Conflict):
		h.reopen(w, r, http.StatusConflict)
	case fault.Is(err, fault.Limited):
		o.Problems = []web.Problem{{Message: "Another link was sent several times already. Wait ten minutes, and look for it among your mails."}}
		h.show(w, r, http.StatusTooManyRequests, o)
	case err != nil:
		h.fail(w, r, err)
	default:
		o.Mailed = true
		h.show(w, r, http.StatusOK, o)
	}
}

func (h *pages) missing(w http.ResponseWriter, r *http.Request) {
	p := web.PublicPage{Title: "This link is not complete", Preferences: web.PreferencesOf(r)}
	web.Render(w, r, http.StatusNotFound, sorryPage(p, "Open it as it stands in the mail, or ask whoever sent it for a new one."))
}

// fail answers what no page explains.
func (h *pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, link.ErrUnknown) || fault.Is(err, fault.NotFound) {
		h.missing(w, r)
		return
	}
	status, text := http.StatusServiceUnavailable, "This page cannot be shown right now. Try again in a minute."
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Limited:
	case fault.Invalid:
		status, text = http.StatusUnprocessableEntity, "The form could not be read. Nothing was charged."
	default:
		h.o.Log.ErrorContext(r.Context(), "the page of a link failed", "err", err)
		status = http.StatusInternalServerError
	}
	web.Render(w, r, status, sorryPage(web.PublicPage{Title: "This did not work", Preferences: web.PreferencesOf(r)}, text))
}

// needsMethod reports whether nothing can be charged without another method.
func (o opened) needsMethod() bool { return o.Link.Purpose == link.UpdateMethod || o.Method == nil }

// confirming reports whether a payment waits for the customer to confirm it, and this link
// may be used for it: one that was used to begin it, or one that was sent for it.
func (o opened) confirming() bool {
	return o.Waiting != nil && o.Waiting.Waits == payment.ForCustomer && (o.State == link.Used || o.State == link.Good && o.Link.Purpose == link.ConfirmPayment)
}

// owes reports whether something is to be paid.
func (o opened) owes() bool { return o.Invoice != nil && o.Invoice.State == invoice.Open }

func (o opened) title() string {
	switch {
	case o.Used != nil && o.Used.Refused == nil:
		return "Thank you"
	case o.Used != nil:
		return "The payment did not go through"
	case o.Mailed:
		return "Another link is on its way"
	case o.confirming():
		return "Confirm your payment"
	case o.State == link.Used && o.Waiting != nil:
		return "Your payment is on its way"
	case o.State == link.Used && o.Invoice != nil && o.Invoice.State == invoice.Paid:
		return "Thank you"
	case o.State == link.Used:
		return "This link was used already"
	case o.State == link.Replaced:
		return "There is a newer link"
	case o.State == link.Expired:
		return "This link has expired"
	case o.Invoice != nil && o.Invoice.State == invoice.Paid:
		return "This is paid already"
	case o.Invoice != nil && !o.owes():
		return "There is nothing to pay"
	case o.Link.Purpose == link.ConfirmPayment:
		return "Confirm your payment"
	case o.owes():
		return "Pay " + money(*o.Invoice)
	}
	return "Update your payment details"
}

func money(v invoice.Invoice) string { return web.MoneyText(v.Due(), language.English) }

// lead says in a sentence what paying does.
func (o opened) lead() string {
	switch {
	case o.owes() && o.Product != nil && o.Sub != nil && o.Sub.State != subscription.Canceled:
		return "This pays invoice " + o.Invoice.Label() + " and keeps " + o.Product.Name + " running."
	case o.owes():
		return "This pays invoice " + o.Invoice.Label() + "."
	default:
		return "What you are subscribed to is charged to it from now on. Nothing is charged today."
	}
}

// why says what went wrong before, "" when nothing did.
func (o opened) why() string {
	if o.Declined == "" {
		return ""
	}
	return "We could not charge your payment method. " + payment.Words(o.Declined)
}

// asked are what a payment that has to be confirmed is for.
func (o opened) asked() []web.Fact {
	list := []web.Fact{{Term: "Amount", Text: web.MoneyText(o.Waiting.Amount, language.English)}}
	for _, l := range o.Lines {
		list = append(list, web.Fact{Term: "For", Text: l.Description})
	}
	return list
}

// facts are what is paid.
func (o opened) facts() []web.Fact {
	var list []web.Fact
	if o.owes() {
		list = append(list, web.Fact{Term: "Amount", Text: money(*o.Invoice)}, web.Fact{Term: "Invoice", Text: o.Invoice.Label(), Note: web.DateText(o.Invoice.CreatedAt, o.Account.Location())})
		for _, l := range o.Lines {
			list = append(list, web.Fact{Term: "For", Text: l.Description})
		}
	}
	if o.Method != nil {
		list = append(list, web.Fact{Term: "Charged so far", Text: o.Method.Label()})
	}
	return list
}

// action is what the button does.
func (o opened) action() string {
	switch {
	case o.Link.Purpose == link.ConfirmPayment && o.owes():
		return "Confirm " + money(*o.Invoice)
	case o.owes():
		return "Pay " + money(*o.Invoice)
	default:
		return "Save"
	}
}

// outcome says what came of the form.
func (o opened) outcome() string {
	u := o.Used
	switch {
	case u.Refused != nil && u.Method != nil:
		return fault.As(u.Refused).Message + " Your new payment method was saved."
	case u.Refused != nil:
		return fault.As(u.Refused).Message
	case len(u.Paid) == 1 && o.Invoice != nil:
		return "Invoice " + o.Invoice.Label() + " is paid: " + money(*o.Invoice) + "." + o.saved()
	case len(u.Paid) > 0:
		return "Everything that was open is paid." + o.saved()
	}
	return "Your payment method was saved." + o.saved()
}

func (o opened) saved() string {
	if o.Used.Method == nil {
		return ""
	}
	return " What you are subscribed to is charged to " + o.Used.Method.Label() + " from now on."
}

// masked is the address on file, as much as its owner needs to know it by.
func (o opened) masked() string {
	name, domain, ok := strings.Cut(o.Buyer.Email, "@")
	if !ok || name == "" {
		return "your address"
	}
	return name[:1] + "…@" + domain
}
