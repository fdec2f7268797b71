package checkout

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/account"
	"perennial/internal/cardnumber"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/idempotency"
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

	Quote    commerce.Quote
	Sellable bool // there is a gateway to pay with

	Email, Name, Country, Card string
	Key                        string // under which the form acts once
	Problems                   []web.Problem
	Notice                     *web.Message
	Cards                      []TestCard
}

func (s sale) zone() *time.Location { return s.Account.Location() }

func text(a money.Amount) string { return web.MoneyText(a, language.English) }

// read makes a sale of a form or query. What cannot be shown has been answered when
// ok is false; a wrong quantity is a problem of the sale.
func (h *shop) read(w http.ResponseWriter, r *http.Request, in url.Values) (sale, bool) {
	s := sale{Slug: r.PathValue("slug"), Cards: h.o.TestCards, Key: account.RandomText(26)}
	var err error
	if s.CheckoutView, err = h.report.Checkout(r.Context(), s.Slug); err != nil {
		h.fail(w, r, err)
		return s, false
	}
	s.Sellable = s.Account.Mode == account.Sandbox && h.o.TokenFor != nil
	s.Chosen = s.Prices[0]
	for _, p := range s.Prices {
		if p.ID.String() == in.Get("price") {
			s.Chosen = p
		}
	}
	get := func(name string) string { return strings.TrimSpace(in.Get(name)) }
	s.Email, s.Name, s.Country = get("email"), get("name"), get("country")
	s.Quantity = get("quantity")
	if s.Quantity == "" {
		s.Quantity = "1"
	}
	s.Count, err = strconv.ParseInt(s.Quantity, 10, 64)
	if err != nil || s.Count < 1 || s.Count > s.Chosen.MaxQuantity {
		s.Count = 1
		s.Problems = append(s.Problems, web.Problem{Field: "quantity", Message: "The quantity must be a whole number from 1 to " + web.CountText(s.Chosen.MaxQuantity) + "."})
	}
	if s.Quote, err = h.commerce.Quote(r.Context(), s.Account.ID, s.Chosen.ID, s.Count, commerce.Options{}, 0); fault.Is(err, fault.Invalid) {
		s.Count = 1
		s.Problems = append(s.Problems, web.Problem{Field: "quantity", Message: "The quantity makes the amount too large."})
		s.Quote, err = h.commerce.Quote(r.Context(), s.Account.ID, s.Chosen.ID, 1, commerce.Options{}, 0)
	}
	if err != nil {
		h.fail(w, r, err)
		return s, false
	}
	return s, true
}

func (h *shop) open(w http.ResponseWriter, r *http.Request) {
	s, ok := h.read(w, r, r.URL.Query())
	if !ok {
		return
	}
	if s.Country == "" {
		s.Country = guessCountry(r, s.Account)
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
	web.Render(w, r, status, checkoutPage(p, s))
}

// total answers the part of the page that changes with plan and quantity.
func (h *shop) total(w http.ResponseWriter, r *http.Request) {
	s, ok := h.read(w, r, r.URL.Query())
	if !ok {
		return
	}
	status := http.StatusOK
	if len(s.Problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	web.Render(w, r, status, totalFragment(s))
}

// buy sells, or computes the total again when that was asked for.
func (h *shop) buy(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, fault.New(fault.Invalid, "the form could not be read"))
		return
	}
	s, ok := h.read(w, r, r.PostForm)
	if !ok {
		return
	}
	if !s.Sellable {
		h.show(w, r, http.StatusConflict, s)
		return
	}
	token := h.card(r, &s)
	if r.PostForm.Get("update") != "" {
		status := http.StatusOK
		if s.Problems = only(s.Problems, "quantity"); len(s.Problems) > 0 {
			status = http.StatusUnprocessableEntity
		}
		h.show(w, r, status, s)
		return
	}
	s.check()
	if len(s.Problems) > 0 {
		h.show(w, r, http.StatusUnprocessableEntity, s)
		return
	}
	shown, ok := s.shown(r.PostForm)
	if !ok {
		s.Notice = &web.Message{Kind: web.Info, Title: "Your choice changed the total", Text: "Nothing was charged. Look at the new total, then go on."}
		h.show(w, r, http.StatusConflict, s)
		return
	}
	h.sell(w, r, s, token, shown)
}

// card takes the card number out of the form: it becomes a token here, and only a
// known test number is ever shown again.
func (h *shop) card(r *http.Request, s *sale) (token string) {
	number := strings.TrimSpace(r.PostForm.Get("card"))
	r.PostForm.Del("card")
	if !s.needsCard() {
		return ""
	}
	token, ok := h.o.TokenFor(number)
	switch {
	case ok:
		s.Card = number
	case number == "":
		s.Problems = append(s.Problems, web.Problem{Field: "card", Message: "Enter a card number, or take one from the list."})
	default:
		s.Problems = append(s.Problems, web.Problem{Field: "card", Message: "Only test card numbers work here. Take one from the list; never type a real one."})
	}
	return token
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

// needsCard reports whether something is charged now or later.
func (s sale) needsCard() bool { return !s.Quote.Due.IsZero() || !s.Quote.Each.IsZero() }

// check adds what is wrong with the buyer's own fields, in front of the rest.
func (s *sale) check() {
	var list []web.Problem
	if _, err := account.ParseEmail(s.Email); err != nil {
		list = append(list, web.Problem{Field: "email", Message: "Enter an e-mail address, for example ada@example.com. The receipt goes there."})
	}
	if s.Name == "" {
		list = append(list, web.Problem{Field: "name", Message: "Enter your name. It is printed on the invoice."})
	}
	if !account.IsCountry(s.Country) {
		list = append(list, web.Problem{Field: "country", Message: "Choose your country."})
	}
	s.Problems = append(list, s.Problems...)
}

// shown is the amount that the buyer saw as due. Ok is false when plan or quantity
// are others than those that it was computed for.
func (s sale) shown(form url.Values) (money.Amount, bool) {
	minor, err := strconv.ParseInt(form.Get("shown"), 10, 64)
	return money.Amount{Minor: minor, Currency: s.Quote.Due.Currency}, err == nil && form.Get("shown_for") == s.choice()
}

// choice names plan and quantity.
func (s sale) choice() string { return s.Chosen.ID.String() + "*" + strconv.FormatInt(s.Count, 10) }

// A form that was sent twice waits for the answer to its first sending.
const (
	waitSteps = 40
	waitStep  = 250 * time.Millisecond
)

func (h *shop) sell(w http.ResponseWriter, r *http.Request, s sale, token string, shown money.Amount) {
	key := r.PostForm.Get("operation_key")
	if key == "" || len(key) > 64 || cardnumber.In(key) { // keys are kept
		h.fail(w, r, fault.New(fault.Invalid, "the form was not complete"))
		return
	}
	c := commerce.Sell{Price: s.Chosen.ID, Quantity: s.Count, Token: token, Source: "checkout", Shown: &shown,
		Buyer: &commerce.CreateCustomer{Email: s.Email, Buyer: customer.Buyer{Name: s.Name, Country: s.Country}},
		Call:  commerce.Call{Account: s.Account.ID, Actor: event.Actor{Kind: event.ByCustomer, Name: s.Name}, Once: once(h.o.Clock.Now(), key, s, token)}}
	sold, err := h.commerce.Sell(r.Context(), c)
	for step := 0; step < waitSteps && fault.As(orNone(err)).Code == "idempotency_key_in_use" && pause(r); step++ {
		c.Call.Once.Arrived = h.o.Clock.Now()
		sold, err = h.commerce.Sell(r.Context(), c)
	}
	if before, ok := commerce.IsReplayed(err); ok {
		if before.Status == http.StatusSeeOther {
			web.Redirect(w, r, before.Body)
			return
		}
		err = fault.New(fault.Declined, "%s", before.Body)
	}
	switch {
	case err == nil, fault.Is(err, fault.Pending) && sold.Order.ID != id.Order(0):
		web.Redirect(w, r, "/o/"+sold.Order.Token())
	default:
		h.refused(w, r, s, shown, err)
	}
}

// none stands for "no error" where a code is looked at.
var none = fault.New(fault.Internal, "")

func orNone(err error) error {
	if err == nil {
		return none
	}
	return err
}

// once lets the form act at most once. The card takes part by its token.
func once(now time.Time, key string, s sale, token string) *commerce.Once {
	facts := url.Values{"price": {s.Chosen.ID.String()}, "quantity": {strconv.FormatInt(s.Count, 10)}, "email": {s.Email}, "name": {s.Name}, "country": {s.Country}, "token": {token}}
	return &commerce.Once{Request: idempotency.Request{Route: "web checkout", Key: key, Digest: idempotency.Digest([]byte(facts.Encode())), Arrived: now},
		Answer: func(result any, refusal error) (int, string) {
			if refusal != nil {
				return http.StatusPaymentRequired, fault.As(refusal).Message
			}
			return http.StatusSeeOther, "/o/" + result.(commerce.Sale).Order.Token()
		}}
}

// pause waits a moment; it reports false when the buyer has gone.
func pause(r *http.Request) bool {
	timer := time.NewTimer(waitStep)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// refused shows the form again with the reason, and says whether money moved.
func (h *shop) refused(w http.ResponseWriter, r *http.Request, s sale, shown money.Amount, err error) {
	f := fault.As(err)
	status := http.StatusConflict
	switch f.Kind {
	case fault.Declined:
		status = http.StatusPaymentRequired
		s.Problems = []web.Problem{{Field: "card", Message: f.Message + " Nothing was charged. Try another card, or ask your bank."}}
	case fault.Invalid:
		status = http.StatusUnprocessableEntity
		s.Problems = web.Problems(err)
	case fault.Conflict:
		switch f.Code {
		case "price_changed":
			s.Notice = &web.Message{Kind: web.Warning, Title: "The price changed since you opened the page", Text: "It was " + text(shown) + " and is " + text(s.Quote.Due) + " now. Nothing was charged."}
		case "idempotency_key_in_use":
			s.Notice = &web.Message{Kind: web.Warning, Title: "Your order is being worked on", Text: "Do not pay again. Wait a minute, then look into your mail or load this page again."}
		default:
			s.Notice = &web.Message{Kind: web.Failure, Title: "This cannot be bought now", Text: f.Message}
		}
	case fault.Unknown, fault.Pending:
		status = http.StatusAccepted
		s.Key = r.PostForm.Get("operation_key") // the same key: sent again it is still one order
		s.Notice = &web.Message{Kind: web.Warning, Title: "It is not known yet whether your order went through", Text: "You may send the form again: it is never charged twice."}
	default:
		h.fail(w, r, err)
		return
	}
	h.show(w, r, status, s)
}
