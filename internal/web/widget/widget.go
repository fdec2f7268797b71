package widget

import (
	"context"
	_ "embed" // the scripts
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/time/rate"

	"perennial/internal/account"
	"perennial/internal/alias"
	"perennial/internal/catalog"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/link"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// Options says where the pages run.
type Options struct {
	Clock clock.Clock  // the machine's; nil means clock.System
	Log   *slog.Logger // nil means slog.Default
	// Base is where the checkout and the pages of links are reached, without a slash at the
	// end.
	Base string
}

type pages struct {
	commerce *commerce.Service
	report   *report.Reader
	o        Options
	tries    tries
}

// maxForm is the largest form that is read, in bytes.
const maxForm = 16 << 10

// Owns reports whether New's handler answers a path.
func Owns(path string) bool {
	switch path {
	case "/js/widget.js", "/widget", "/login", "/cart":
		return true
	}
	return strings.HasPrefix(path, "/widget/") || strings.HasPrefix(path, "/assets/")
}

// loader is the script that a site loads.
//
//go:embed loader.js
var loader []byte

// New makes the handler of the paths that it Owns. Sites may show its pages in a frame when their widget says
// so; it refuses cross-origin posts itself.
func New(s *commerce.Service, r *report.Reader, o Options) http.Handler {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	h := &pages{commerce: s, report: r, o: o}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /widget", h.table)
	mux.HandleFunc("GET /widget/{code}", h.table)
	mux.HandleFunc("GET /widget/payment-form/{plan}", h.table)
	mux.HandleFunc("GET /cart", h.table)
	mux.HandleFunc("GET /login", h.login)
	mux.HandleFunc("POST /login", h.logIn)
	mux.HandleFunc("/", h.missing)
	inside := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		w.Header().Set("Referrer-Policy", "no-referrer") // addresses may hold a token
		w.Header().Set("X-Robots-Tag", "noindex, nofollow")
		mux.ServeHTTP(w, r)
	})
	framed := web.Headers(http.NewCrossOriginProtection().Handler(inside))
	all := http.NewServeMux()
	all.HandleFunc("GET /js/widget.js", func(w http.ResponseWriter, _ *http.Request) { script(w, loader) })
	all.Handle("/assets/", web.Assets())
	all.Handle("/", framed)
	return all
}

// script answers a script, which any site may load.
func script(w http.ResponseWriter, text []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(text) // the reader may be gone
}

// shown is a widget as it is asked for.
type shown struct {
	account.Widget
	Account  account.Account
	Plans    []plan
	Customer *customer.Customer // who is signed in; nil for nobody
	Subs     []report.SubscriptionView
	Change   string // where the customer gives another payment method; "" for nowhere
	Expired  bool   // a token was given that does not work any more
	Email    string // that was filled in
	Problems []web.Problem
	Base     string
}

// plan is one that is offered.
type plan struct {
	report.Plan
	Href string // its checkout
}

// code is the code in an address: of its path, or of one of the words that pasted code uses.
func code(r *http.Request) string {
	q := r.URL.Query()
	for _, c := range []string{r.PathValue("code"), q.Get("api_key"), q.Get("uuid"), q.Get("domain"), r.PostFormValue("code")} {
		if c != "" {
			return c
		}
	}
	return ""
}

// load finds the widget of an address and lets its sites show it. What is wrong has been
// answered when ok is false.
func (h *pages) load(w http.ResponseWriter, r *http.Request) (s shown, ok bool) {
	s.Base = h.o.Base
	var err error
	s.Widget, s.Account, err = h.report.Widget(r.Context(), code(r))
	if err != nil {
		h.fail(w, r, err)
		return s, false
	}
	web.AllowFrames(w.Header(), s.Sites)
	return s, h.signIn(w, r, &s)
}

// signIn uses up the token of an address, if there is one.
func (h *pages) signIn(w http.ResponseWriter, r *http.Request, s *shown) bool {
	q := r.URL.Query()
	token := q.Get("loginToken")
	if token == "" {
		token = q.Get("multiauth")
	}
	if token == "" || r.Method != http.MethodGet {
		return true
	}
	who, err := h.commerce.UseSignIn(r.Context(), token)
	switch {
	case fault.Is(err, fault.Unauthorized) || err == nil && who.Account != s.Account.ID:
		s.Expired = true
		return true
	case err != nil:
		h.fail(w, r, err)
		return false
	}
	return h.welcome(w, r, s, who)
}

// welcome adds what a customer is shown who is signed in.
func (h *pages) welcome(w http.ResponseWriter, r *http.Request, s *shown, who customer.Customer) bool {
	s.Customer = &who
	all, err := h.report.Subscriptions(r.Context(), s.Account.ID, subscription.Filter{Customer: who.ID, Limit: 50}, report.Expand{Product: true, Price: true})
	if err != nil {
		h.fail(w, r, err)
		return false
	}
	s.Subs = slices.DeleteFunc(all, func(v report.SubscriptionView) bool { return v.Subscription.State == subscription.Canceled })
	call := commerce.Call{Account: s.Account.ID, Actor: event.Actor{Kind: event.ByCustomer, Name: who.Buyer.Name}}
	made, err := h.commerce.CreateLink(r.Context(), commerce.CreateLink{Call: call, Customer: who.ID, Purpose: link.UpdateMethod})
	switch {
	case err == nil:
		s.Change = h.o.Base + made.Path
	case !fault.Is(err, fault.Limited) && !fault.Is(err, fault.Invalid): // asked too often: the page does without
		h.fail(w, r, err)
		return false
	}
	return true
}

// table shows the plans of a widget, or one of them.
func (h *pages) table(w http.ResponseWriter, r *http.Request) {
	s, ok := h.load(w, r)
	if !ok {
		return
	}
	wanted, err := h.wanted(r.Context(), r.PathValue("plan"), s)
	if err == nil {
		s.Plans, err = h.plans(r.Context(), s.Account.ID, wanted)
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	p := h.page(r, s, "Choose your plan")
	p.Wide = true
	web.Render(w, r, http.StatusOK, tablePage(p, s))
}

// maxShown is how many plans a widget shows that names none.
const maxShown = 50

// wanted are the plans to show: the one whose number the address has, those of the widget, or
// all.
func (h *pages) wanted(ctx context.Context, number string, s shown) ([]id.Price, error) {
	if number == "" && len(s.Widget.Plans) > 0 {
		return s.Widget.Plans, nil
	}
	if number != "" {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 1 {
			return nil, errNoPlan
		}
		space := alias.Space{Account: s.Account.ID, Dialect: string(account.PayWhirl), Kind: commerce.NumberPlans}
		if err := h.commerce.NumberNew(ctx, s.Account.ID, space.Dialect, space.Kind); err != nil {
			return nil, err
		}
		named, err := h.report.Named(ctx, space, []int64{n})
		if err != nil {
			return nil, err
		}
		p, err := id.Parse[id.Price](named[n])
		if err != nil {
			return nil, errNoPlan
		}
		return []id.Price{p}, nil
	}
	offers, err := h.report.Offers(ctx, s.Account.ID, 0, maxShown)
	if err != nil {
		return nil, err
	}
	var list []id.Price
	for i := len(offers) - 1; i >= 0; i-- {
		for j := len(offers[i].Prices) - 1; j >= 0; j-- {
			if p := offers[i].Prices[j]; p.Line == 0 {
				list = append(list, p.ID)
			}
		}
	}
	return list[:min(len(list), maxShown)], nil
}

var errNoPlan = fault.New(fault.NotFound, "there is no plan with that id")

// plans are those that can be bought, with the addresses of their checkouts.
func (h *pages) plans(ctx context.Context, acc id.Account, wanted []id.Price) ([]plan, error) {
	found, err := h.report.Plans(ctx, acc, wanted)
	if err != nil {
		return nil, err
	}
	var list []plan
	for _, of := range wanted {
		p, ok := found[of]
		if !ok || p.Price.State != catalog.Active || p.Product.State != catalog.Active {
			continue
		}
		product, err := h.report.Product(ctx, acc, p.Product.ID)
		if err != nil {
			return nil, err
		}
		if len(product.Links) == 0 {
			continue
		}
		list = append(list, plan{p, h.o.Base + "/c/" + url.PathEscape(product.Links[0].Slug) + "?price=" + p.Price.ID.String()})
	}
	return list, nil
}

func (h *pages) login(w http.ResponseWriter, r *http.Request) {
	if s, ok := h.load(w, r); ok {
		h.showLogin(w, r, http.StatusOK, s)
	}
}

func (h *pages) showLogin(w http.ResponseWriter, r *http.Request, status int, s shown) {
	title := "Log in"
	if s.Customer != nil {
		title = "Your subscriptions"
	}
	web.Render(w, r, status, loginPage(h.page(r, s, title), s))
}

// logIn checks an address and a password, and shows the customer's page. Each address may be
// tried a few times at once, and then slowly.
func (h *pages) logIn(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, fault.New(fault.Invalid, "the form could not be read"))
		return
	}
	s, ok := h.load(w, r)
	if !ok {
		return
	}
	s.Email = strings.TrimSpace(r.PostForm.Get("email"))
	password := r.PostForm.Get("password")
	if !h.tries.allow(s.Account.ID.String()+" "+strings.ToLower(s.Email), h.o.Clock) {
		s.Problems = []web.Problem{{Field: "password", Message: "That was tried too often. Wait a minute and try again."}}
		h.showLogin(w, r, http.StatusTooManyRequests, s)
		return
	}
	var who customer.Customer
	err := fault.New(fault.Unauthorized, "wrong")
	if !strings.HasPrefix(password, "$2") { // a stored hash is for programs that have a key, not for forms
		var found error
		if who, found = h.commerce.CheckPassword(r.Context(), s.Account.ID, s.Email, password); found == nil {
			err = nil
		} else if !fault.Is(found, fault.Unauthorized) {
			h.fail(w, r, found)
			return
		}
	}
	if err != nil {
		s.Problems = []web.Problem{{Field: "password", Message: "The e-mail address or the password is wrong."}}
		h.showLogin(w, r, http.StatusUnauthorized, s)
		return
	}
	if h.welcome(w, r, &s, who) {
		h.showLogin(w, r, http.StatusOK, s)
	}
}

// tries counts log-ins by the address that is tried.
type tries struct {
	mu   sync.Mutex
	each map[string]*rate.Limiter
}

// How often an address may be tried: a few times at once, then slowly.
const (
	triesAtOnce  = 5
	triesASecond = 1.0 / 12
	maxTries     = 10_000 // addresses that are remembered
)

func (t *tries) allow(key string, c clock.Clock) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.each == nil || len(t.each) >= maxTries {
		t.each = map[string]*rate.Limiter{}
	}
	l := t.each[key]
	if l == nil {
		l = rate.NewLimiter(triesASecond, triesAtOnce)
		t.each[key] = l
	}
	return l.AllowN(c.Now(), 1)
}

// page is the frame of a page, in the merchant's name.
func (h *pages) page(r *http.Request, s shown, title string) web.PublicPage {
	return web.PublicPage{Title: title, Brand: s.Account.Name, Test: s.Account.Mode == account.Sandbox, Preferences: web.PreferencesOf(r)}
}

func (h *pages) missing(w http.ResponseWriter, r *http.Request) {
	web.Render(w, r, http.StatusNotFound, sorry(web.PublicPage{Title: "Nothing is shown here", Preferences: web.PreferencesOf(r)}, "The code in the address may be old or not complete."))
}

func (h *pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	if fault.Is(err, fault.NotFound) {
		h.missing(w, r)
		return
	}
	status := http.StatusServiceUnavailable
	switch f := fault.As(err); f.Kind {
	case fault.Unavailable, fault.Limited:
	case fault.Invalid:
		status = http.StatusUnprocessableEntity
	default:
		h.o.Log.ErrorContext(r.Context(), "a widget failed", "err", err)
		status = http.StatusInternalServerError
	}
	web.Render(w, r, status, sorry(web.PublicPage{Title: "This did not work", Preferences: web.PreferencesOf(r)}, "This page cannot be shown right now. Try again in a minute."))
}

// cost is what a plan costs, in words.
func cost(p catalog.Price) string {
	text := web.MoneyText(p.Amount, language.English)
	switch {
	case p.Interval.IsZero():
		text += " once"
	case p.Interval.Count == 1:
		text += " every " + p.Interval.Unit.String()
	default:
		text += " every " + p.Interval.String()
	}
	return text
}

// notes are what else a buyer should know of a plan.
func notes(p catalog.Price) []string {
	var list []string
	if p.TrialDays > 0 && p.Terms.TrialAmount == 0 {
		list = append(list, strconv.Itoa(p.TrialDays)+" days free")
	}
	if !p.SetupFee.IsZero() {
		list = append(list, web.MoneyText(p.SetupFee, language.English)+" to set up")
	}
	if p.Terms.Payments > 0 {
		list = append(list, strconv.Itoa(p.Terms.Payments)+" payments")
	}
	return list
}

// name is what a plan is called.
func (p plan) name() string {
	if p.Price.Name != "" {
		return p.Product.Name + ", " + p.Price.Name
	}
	return p.Product.Name
}

// subscriptionFacts are a customer's subscriptions: each with what comes next.
func (s shown) subscriptionFacts() []web.Fact {
	var list []web.Fact
	for _, v := range s.Subs {
		text := "Paused"
		switch sub := v.Subscription; {
		case !sub.CancelAt.IsZero():
			text = "Ends on " + web.DateText(sub.CancelAt, s.Account.Location())
		case sub.State == subscription.PastDue:
			text = "A payment is missing"
		case !sub.Span.To.IsZero() && sub.State != subscription.Paused:
			text = "Next payment on " + web.DateText(sub.Span.To, s.Account.Location())
		}
		list = append(list, web.Fact{Term: v.Product.Name, Text: text})
	}
	return list
}
