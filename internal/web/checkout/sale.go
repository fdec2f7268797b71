package checkout

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/web"
)

// sale is a checkout page: what is sold, and the form as it was filled in.
type sale struct {
	report.CheckoutView
	Slug     string
	Chosen   catalog.Price
	Quantity string // as typed
	Count    int64  // as read; 1 when it could not be

	Currency   money.Currency   // in which it is sold
	Currencies []money.Currency // in which it can be sold, the price's own first
	Codes      string           // of coupons, as typed
	Applied    []string         // of those, the codes that apply
	CodeSaid   string           // why the others do not
	Amounts    map[id.Price]money.Amount

	Quote    commerce.Quote
	Again    *commerce.Quote // what an automatic top-up is charged; nil when there is none
	Sellable bool            // there is a gateway to pay with
	Gateway  commerce.GatewayForSale
	Step     *web.BrowserStep // that the buyer has to take before the order is placed
	at       time.Time        // at which the quote that the form carries was made; zero for none

	Email, Name, Country, Card string
	Region, PostalCode         string
	Address, Company, TaxID    string
	Key                        string // under which the form acts once
	Click                      string // on a link of an affiliate, that the address named
	Problems                   []web.Problem
	Notice                     *web.Message
	Cards                      []TestCard
}

func (s sale) zone() *time.Location { return s.Account.Location() }

// placed reports whether the place of the buyer can change the total.
func (s sale) placed() bool { return s.Account.Settings.TaxProfile != 0 || s.ships() }

func (s sale) ships() bool { return s.Product.Settings.Ships }

func text(a money.Amount) string { return web.MoneyText(a, language.English) }

// read makes a sale of a form or query. What cannot be shown has been answered when
// ok is false; a wrong quantity or code is a problem of the sale.
func (h *shop) read(w http.ResponseWriter, r *http.Request, in url.Values) (sale, bool) {
	s := sale{Slug: r.PathValue("slug"), Cards: h.o.TestCards, Key: account.RandomText(26)}
	var err error
	if s.CheckoutView, err = h.report.Checkout(r.Context(), s.Slug); err != nil {
		h.fail(w, r, err)
		return s, false
	}
	s.buyer(in)
	if r.Method == http.MethodGet && s.Country == "" {
		s.Country = guessCountry(r, s.Account)
	}
	if named, err := id.Parse[id.Click](in.Get("click")); err == nil {
		s.Click = named.String()
	}
	s.Codes = strings.Join(codes(in.Get("coupon")), " ")
	if micros, err := strconv.ParseInt(in.Get("shown_at"), 10, 64); err == nil && r.Method == http.MethodPost {
		s.at = time.UnixMicro(micros).UTC()
	}
	for {
		s.choose(in)
		err := h.quote(r.Context(), &s)
		if err == nil {
			break
		}
		if fault.As(err).Code == "dates_passed" && len(s.Prices) > 1 {
			s.drop(s.Chosen.ID)
			continue
		}
		h.fail(w, r, err)
		return s, false
	}
	h.amounts(r.Context(), &s)
	if err := h.gateway(r.Context(), &s); err != nil {
		h.fail(w, r, err)
		return s, false
	}
	return s, true
}

// buyer reads what the buyer says of themselves.
func (s *sale) buyer(in url.Values) {
	get := func(name string) string {
		return strings.TrimSpace(strings.ReplaceAll(in.Get(name), "\r\n", "\n"))
	}
	s.Email, s.Name, s.Country = get("email"), get("name"), get("country")
	s.Company, s.TaxID, s.Address = get("company"), get("tax_id"), get("address")
	if s.placed() {
		s.Region, s.PostalCode = get("region"), get("postal_code")
	}
}

// choose reads what is chosen.
func (s *sale) choose(in url.Values) {
	s.Chosen = s.Prices[0]
	for _, p := range s.Prices {
		if p.ID.String() == in.Get("price") {
			s.Chosen = p
		}
	}
	s.Currencies = s.currencies(s.Chosen)
	s.Currency = s.Currencies[0]
	for _, c := range s.Currencies {
		if strings.EqualFold(string(c), strings.TrimSpace(in.Get("currency"))) {
			s.Currency = c
		}
	}
	s.Quantity = strings.TrimSpace(in.Get("quantity"))
	if s.Quantity == "" {
		s.Quantity = "1"
	}
	var err error
	s.Count, err = strconv.ParseInt(s.Quantity, 10, 64)
	if err != nil || s.Count < 1 || s.Count > s.Chosen.MaxQuantity {
		s.wrongQuantity("The quantity must be a whole number from 1 to " + web.CountText(s.Chosen.MaxQuantity) + ".")
	}
}

func (s *sale) wrongQuantity(message string) {
	s.Count = 1
	if web.ProblemOf(s.Problems, "quantity") == "" {
		s.Problems = append(s.Problems, web.Problem{Field: "quantity", Message: message})
	}
}

// drop leaves out a price that cannot be sold any more.
func (s *sale) drop(price id.Price) {
	var kept []catalog.Price
	for _, p := range s.Prices {
		if p.ID != price {
			kept = append(kept, p)
		}
	}
	s.Prices, s.Problems = kept, nil
}

func (h *shop) open(w http.ResponseWriter, r *http.Request) {
	s, ok := h.read(w, r, r.URL.Query())
	if !ok {
		return
	}
	s.Problems = nil // an address with a wrong quantity begins at 1
	if s.Count == 1 {
		s.Quantity = "1"
	}
	h.show(w, r, http.StatusOK, s)
}

// guessCountry is where the browser's languages or the seller are.
func guessCountry(r *http.Request, a account.Account) string {
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err == nil {
		for _, t := range tags {
			if region, certain := t.Region(); certain == language.Exact && region.IsCountry() {
				return region.String()
			}
		}
	}
	return a.Seller.Country
}

func (h *shop) page(r *http.Request, s sale, title string) web.PublicPage {
	return web.PublicPage{Title: title, Brand: s.Account.Name, Test: s.Account.Mode == account.Sandbox, Preferences: web.PreferencesOf(r)}
}

func (h *shop) show(w http.ResponseWriter, r *http.Request, status int, s sale) {
	p := h.page(r, s, s.Product.Name)
	p.Wide, p.Lead, p.Notice = true, s.Product.Description, s.Notice
	if !s.Sellable {
		p.Notice = &web.Message{Kind: web.Info, Title: "This shop cannot take payments yet", Text: "The seller has not connected a payment gateway. Nothing can be bought here now."}
	}
	form := h.payment(s)
	if s.Sellable && form.Kind == web.PayByStripe {
		form.Stripe.AllowStripe(w.Header())
	}
	web.Render(w, r, status, checkoutPage(p, s, form))
}

// total answers the parts of the page that change with what is chosen.
func (h *shop) total(w http.ResponseWriter, r *http.Request) {
	s, ok := h.read(w, r, r.URL.Query())
	if !ok {
		return
	}
	status := http.StatusOK
	if len(s.Problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	web.Render(w, r, status, totalFragment(s, r.URL.Query().Get("from")))
}

// buy sells, or computes the total again when that was asked for.
func (h *shop) buy(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, fault.New(fault.Invalid, "the form could not be read"))
		return
	}
	if r.PostForm.Get("update") != "" {
		r.PostForm.Del("shown_at")
	}
	s, ok := h.read(w, r, r.PostForm)
	if !ok {
		return
	}
	if !s.Sellable {
		h.show(w, r, http.StatusConflict, s)
		return
	}
	token := h.token(r, &s)
	if r.PostForm.Get("update") != "" {
		status := http.StatusOK
		if s.Problems = only(s.Problems, "quantity"); len(s.Problems) > 0 {
			status = http.StatusUnprocessableEntity
		}
		h.show(w, r, status, s)
		return
	}
	s.check()
	h.seeLead(r, s)
	if len(s.Problems) > 0 {
		h.show(w, r, http.StatusUnprocessableEntity, s)
		return
	}
	shown, notice := s.shown(r.PostForm)
	if notice != nil {
		s.Notice = notice
		h.show(w, r, http.StatusConflict, s)
		return
	}
	h.sell(w, r, s, token, shown)
}

func only(list []web.Problem, field string) []web.Problem {
	var kept []web.Problem
	for _, p := range list {
		if p.Field == field {
			kept = append(kept, p)
		}
	}
	return kept
}
