package dashboard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
	"perennial/internal/web/pagetest"
)

// shop is a sandbox with one of everything that billing knows.
type shop struct {
	*person
	s     *pagetest.Stack
	acc   id.Account
	call  commerce.Call
	base  string // of the account's pages
	basic catalog.Price
	pro   catalog.Price
	buyer customer.Customer
	sub   subscription.Subscription // basic, sold at the start
	sold  commerce.Sale
}

// newShop sells a plan of 20.00 a month with 19 % VAT, metered calls and a product that
// allows pauses and skips.
func newShop(t *testing.T) *shop {
	t.Helper()
	s := pagetest.New(t, db.SQLite)
	h := &shop{person: newPerson(t, s), s: s}
	h.acc = h.setUp(s)
	h.base = "/app/" + h.acc.String()
	h.call = commerce.Call{Account: h.acc, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
	ctx, name, rate := t.Context(), "VAT", must(money.ParseRate("0.19"))(t)
	must(s.Service.UpdateAccount(ctx, commerce.UpdateAccount{Call: h.call, TaxName: &name, TaxRate: &rate}))(t)
	meter := must(s.Service.CreateMeter(ctx, commerce.CreateMeter{Call: h.call, Code: "calls", Name: "API calls", Unit: "calls"}))(t)
	ahead := must(s.Service.CreateMeter(ctx, commerce.CreateMeter{Call: h.call, Code: "prints", Name: "Prints", Unit: "prints", Prepaid: true}))(t)
	month := period.Interval{Unit: period.Month, Count: 1}
	product := must(s.Service.CreateProduct(ctx, commerce.CreateProduct{Call: h.call, Name: "Studio",
		Settings: catalog.Settings{Pause: catalog.PausePolicy{Allowed: true, Periods: 3, Fee: 200}, Skips: 1, Cancel: catalog.CancelPeriodEnd}}))(t)
	metered := []catalog.Metered{{Meter: meter.ID, Included: decimal(t, "100"), Overage: catalog.Charge{Model: catalog.PerUnit, Unit: decimal(t, "0.01")}}}
	h.basic = must(s.Service.CreatePrice(ctx, commerce.CreatePrice{Call: h.call, Product: product.ID, Name: "Basic", Amount: money.Amount{Minor: 2000, Currency: "EUR"}, Interval: month, Terms: catalog.Terms{Usage: metered}}))(t)
	h.pro = must(s.Service.CreatePrice(ctx, commerce.CreatePrice{Call: h.call, Product: product.ID, Name: "Pro", Amount: money.Amount{Minor: 6000, Currency: "EUR"}, Interval: month, Terms: catalog.Terms{Usage: metered}}))(t)
	must(s.Service.CreateCoupon(ctx, commerce.CreateCoupon{Call: h.call, Coupon: coupon.Coupon{Code: "SPRING", Kind: coupon.Percent, Percent: must(money.ParseRate("0.1"))(t), AppliesTo: coupon.All, Cycles: 3}}))(t)
	h.sold = must(s.Service.Sell(ctx, commerce.Sell{Call: h.call, Price: h.basic.ID, Token: "tok_visa", Source: "api",
		Buyer: &commerce.CreateCustomer{Email: "mira@example.com", Buyer: customer.Buyer{Name: "Mira Holm", Country: "DE", TaxID: "DE136695976"}}}))(t)
	h.sub, h.buyer = *h.sold.Subscription, h.sold.Customer
	must(s.Service.AdjustPrepaid(ctx, commerce.AdjustPrepaid{Call: h.call, Customer: h.buyer.ID, Meter: ahead.ID, Units: decimal(t, "25")}))(t)
	must(s.Service.RecordUsage(ctx, commerce.RecordUsage{Call: h.call, Events: []commerce.UsageEvent{{Subscription: h.sub.ID, Code: "calls", Units: decimal(t, "120"), Key: "first"}}}))(t)
	return h
}

// must gives a value or fails the test.
func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func decimal(t *testing.T, s string) money.Decimal {
	t.Helper()
	return must(money.ParseDecimal(s))(t)
}

// page is the address of the subscription's pages.
func (h *shop) page(parts ...string) string {
	return h.base + "/subscriptions/" + strings.Join(append([]string{h.sub.ID.String()}, parts...), "/")
}

// fill posts a form with a new key, and fails the test when the answer has another status
// or lacks a text.
func (h *shop) fill(path string, form url.Values, status int, texts ...string) reply {
	h.t.Helper()
	form.Set("operation_key", h.key(path))
	return h.want(h.post(path, form), path, status, texts...)
}

func (h *shop) want(r reply, what string, status int, texts ...string) reply {
	h.t.Helper()
	if r.status != status {
		h.t.Errorf("%s answered %d, want %d: %s", what, r.status, status, said(r.body))
		return r
	}
	if at := r.header.Get("Location"); at != "" {
		r.body = h.get(at).body
	}
	for _, text := range texts {
		if !strings.Contains(plain(r.body), text) {
			h.t.Errorf("%s does not say %q: %s", what, text, said(r.body))
		}
	}
	return r
}

var tags = regexp.MustCompile(`<[^>]*>`)

// plain is the text of a page.
func plain(body string) string {
	body = strings.NewReplacer("&amp;", "&", "&#34;", `"`, "&#39;", "'").Replace(tags.ReplaceAllString(body, " "))
	return strings.Join(strings.Fields(body), " ")
}

// said is the main part of a page's text.
func said(body string) string {
	_, body, _ = strings.Cut(body, "<main")
	text := plain(body)
	return text[:min(len(text), 1500)]
}

// still is the subscription as it stands now.
func (h *shop) still() subscription.Subscription {
	h.t.Helper()
	d, err := h.s.Reader.SubscriptionDetail(h.t.Context(), h.acc, h.sub.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return d.Subscription
}

func TestSubscriptionPageTellsAll(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	h.want(h.get(h.page()), "the page", http.StatusOK, "€20.00 every month, plus usage.", "5 Dec 2026: charges €24.04 (€20.20 + €3.84 VAT) for the next month.",
		"API calls calls 120 calls 100 calls 20 calls", "20 calls × 0.01 EUR, 100 calls included", "VAT 19 % on €20.20 €3.84", "Total €24.04")
	h.fill(h.page("items"), url.Values{"description": {"Paper"}, "amount": {"12.50"}}, http.StatusSeeOther, "The amount waits for the next invoice", "Paper €12.50", "Total €38.92")
	h.fill(h.page("items"), url.Values{"description": {"Paper"}, "amount": {"0"}}, http.StatusUnprocessableEntity, "The amount must be €0.01 to €100,000,000,000.00.")
	h.fill(h.page("items"), url.Values{"description": {"Paper"}, "amount": {"much"}}, http.StatusUnprocessableEntity, "The amount must")
	items := must(h.s.Reader.Items(t.Context(), h.acc, h.sub.ID, 0, 10))(t)
	h.want(h.post(h.page("items", items[0].ID.String(), "remove"), url.Values{"operation_key": {"k1"}}), "removing", http.StatusSeeOther, "The amount will not be charged", "Total €24.04", "An amount that waited for an invoice was removed: Paper")
	h.fill(h.page("coupon"), url.Values{"coupons": {"spring"}}, http.StatusSeeOther, "The coupon was applied", "10 % off (SPRING) for 3 more charges", "less €2.00 (SPRING)")
	h.fill(h.page("coupon"), url.Values{"coupons": {"AUTUMN"}}, http.StatusUnprocessableEntity, "The coupon code has a code that is no coupon.")
	h.fill(h.page("coupon"), url.Values{"coupons": {""}}, http.StatusUnprocessableEntity, "The coupon code must be given.")
	detail := must(h.s.Reader.SubscriptionDetail(t.Context(), h.acc, h.sub.ID))(t)
	h.want(h.post(h.page("coupons", detail.Discounts[0].Coupon.String(), "remove"), url.Values{"operation_key": {"k2"}}), "removing", http.StatusSeeOther, "The coupon was removed", "Total €24.04", "A coupon was taken off the subscription")
}

func TestPauseSkipAndMove(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	h.fill(h.page("pause"), url.Values{"from": {"now"}, "ends": {"date"}, "until": {""}}, http.StatusUnprocessableEntity, "The end of the pause must be given.")
	h.fill(h.page("pause"), url.Values{"from": {"now"}, "ends": {"periods"}, "periods": {"9"}}, http.StatusUnprocessableEntity, "The number of periods must be at most 3.")
	h.fill(h.page("pause"), url.Values{"from": {"period_end"}, "ends": {"date"}, "until": {"2027-01-20"}}, http.StatusSeeOther, "5 Dec 2026: billing pauses until 20 Jan 2027.", "A pause was scheduled for 5 Dec 2026 until 20 Jan 2027")
	h.want(h.post(h.page("undo-pause"), url.Values{"operation_key": {"k1"}}), "undoing", http.StatusSeeOther, "There will be no pause")
	h.fill(h.page("pause"), url.Values{"from": {"now"}, "ends": {"periods"}, "periods": {"2"}, "no_fee": {"1"}}, http.StatusSeeOther, "Paused", "the pause ends")
	if sub := h.still(); sub.State != subscription.Paused || sub.Extras.Pausing.Fee != 0 {
		t.Errorf("paused: %+v", sub)
	}
	h.fill(h.page("skip"), url.Values{}, http.StatusConflict, "paused")
	h.fill(h.page("unpause"), url.Values{"missed": {"forward"}}, http.StatusSeeOther, "The pause has ended", "The pause ended; the next charge is on")
	h.fill(h.page("skip"), url.Values{}, http.StatusSeeOther, "The next period is skipped", "A period was skipped; the next charge is on 5 Jan 2027")
	h.fill(h.page("skip"), url.Values{}, http.StatusConflict, "No more periods of this subscription can be skipped")
	h.fill(h.page("skip"), url.Values{"override": {"1"}}, http.StatusSeeOther, "the next charge is on 5 Feb 2027")
	h.fill(h.page("move"), url.Values{"how": {"once"}, "to": {"2026-01-01"}}, http.StatusUnprocessableEntity, "The date must be an instant within the next 366 days.")
	h.fill(h.page("move"), url.Values{"how": {"good"}, "to": {"2026-12-20"}}, http.StatusSeeOther, "The next charge and all later ones were moved to 20 Dec 2026")
	other := must(h.s.Service.Sell(t.Context(), commerce.Sell{Call: h.call, Price: h.pro.ID, Customer: h.buyer.ID, Method: h.sub.Method}))(t)
	h.fill(h.page("move"), url.Values{"how": {"align"}, "align_to": {""}}, http.StatusUnprocessableEntity, "The subscription to bill with must be chosen.")
	h.fill(h.page("move"), url.Values{"how": {"align"}, "align_to": {other.Subscription.ID.String()}}, http.StatusSeeOther, "billed together with another one")
}

func TestEndAndReactivate(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	h.fill(h.page("cancel"), url.Values{"when": {"now"}}, http.StatusConflict, "Subscriptions to this product can only be ended at the end of a period")
	h.fill(h.page("cancel"), url.Values{"when": {"date"}, "at": {""}}, http.StatusUnprocessableEntity, "The day must be given.")
	h.fill(h.page("cancel"), url.Values{"when": {"date"}, "at": {"2027-03-01"}}, http.StatusSeeOther, "1 Mar 2027: the subscription ends.")
	h.want(h.post(h.page("undo"), url.Values{"operation_key": {"k1"}}), "undoing", http.StatusSeeOther, "The subscription goes on")
	h.fill(h.page("cancel"), url.Values{"when": {"now"}, "override": {"1"}, "bill_usage": {"1"}, "reason": {"moved away"}}, http.StatusSeeOther, "The subscription has ended", "Usage", "moved away")
	h.fill(h.page("reactivate"), url.Values{"when": {"date"}, "next_charge": {"2029-01-01"}}, http.StatusUnprocessableEntity, "The day of the next charge must be an instant from now on, within 366 days.")
	h.fill(h.page("reactivate"), url.Values{"when": {"date"}, "next_charge": {"2026-11-20"}}, http.StatusSeeOther, "The subscription runs again", "20 Nov 2026: charges")
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// confirmed are the hidden fields of a preview.
func confirmed(body string) url.Values {
	form := url.Values{}
	_, body, _ = strings.Cut(body, `id="preview"`)
	for _, m := range hidden.FindAllStringSubmatch(body, -1) {
		form.Set(m[1], m[2])
	}
	return form
}

// What a preview shows is charged to the minor unit, and refusals change nothing.
func TestChangeChargesWhatItShowed(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	h.want(h.get(h.page("change")+"?preview=1&when=now&quantity=0&price="+h.pro.ID.String()), "quantity 0", http.StatusUnprocessableEntity, "The quantity must be at least 1.")
	h.want(h.get(h.page("change")+"?preview=1&when=now&credit=99&price="+h.pro.ID.String()), "too much credit", http.StatusUnprocessableEntity, "The credit is €79.00 more than what was paid for the period and is left.")
	h.want(h.get(h.page("change")+"?preview=1&when=now&charge=x"), "no amount", http.StatusUnprocessableEntity, "The charge must be a plain amount such as 12.34 with at most 2 decimals for EUR, and at most €100,000,000,000.00.")
	h.want(h.get(h.page("change")+"?preview=1&when=date&at=2020-01-01"), "a day that is over", http.StatusUnprocessableEntity, "The day must be a day that is still to come.")
	form := confirmed(h.get(h.page("change") + "?preview=1&when=now&proration=day&price=" + h.pro.ID.String()).body)
	lied := url.Values{}
	for name, values := range form {
		lied[name] = values
	}
	lied.Set("shown", "1.00")
	h.want(h.post(h.page("change"), lied), "another amount", http.StatusConflict, "Nothing was charged, and nothing changed")
	if sub := h.still(); sub.Price != h.basic.ID {
		t.Errorf("the plan changed: %+v", sub)
	}
	preview := h.want(h.get(h.page("change")+"?preview=1&when=now&proration=day&price="+h.pro.ID.String()), "the preview", http.StatusOK, "Upgrade: it costs more by the month", "Unused of TEST-000001, line 1: Studio – Basic",
		"€20.00 × 30/30 days", "€60.00 × 30/30 days", "Due now €47.60", "Charge €47.60 and change the plan")
	done := h.want(h.post(h.page("change"), confirmed(preview.body)), "the change", http.StatusSeeOther, "The plan was changed", "The plan was upgraded, €71.40 was charged, €23.80 was unused and became credit", "Succeeded")
	again := h.post(h.page("change"), confirmed(preview.body))
	if again.header.Get("Location") != done.header.Get("Location") {
		t.Errorf("the same form again answered %d", again.status)
	}
	if sub := h.still(); sub.Price != h.pro.ID || sub.Change != 0 {
		t.Errorf("after the change: %+v", sub)
	}
	// Back down, at the end of the period, and undone.
	later := h.want(h.get(h.page("change")+"?preview=1&when=period_end&price="+h.basic.ID.String()), "later", http.StatusOK, "Downgrade", "Schedule the change for 5 Dec 2026", "Due then")
	h.want(h.post(h.page("change"), confirmed(later.body)), "the change", http.StatusSeeOther, "5 Dec 2026: the plan becomes Studio – Basic.")
	h.want(h.post(h.page("undo-change"), url.Values{"operation_key": {"k1"}}), "undoing", http.StatusSeeOther, "The plan stays as it is", "Void")
}

// A declined charge of a change says that nothing changed.
func TestDeclinedChangeKeepsThePlan(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	must(h.s.Service.AttachMethod(t.Context(), commerce.AttachMethod{Call: h.call, Customer: h.buyer.ID, Token: "tok_chargeDeclined", ForSubscriptions: true}))(t)
	preview := h.get(h.page("change") + "?preview=1&when=now&price=" + h.pro.ID.String())
	h.want(h.post(h.page("change"), confirmed(preview.body)), "the change", http.StatusPaymentRequired, "The payment was declined: nothing changed, the old plan goes on", "Due now")
	if sub := h.still(); sub.Price != h.basic.ID {
		t.Errorf("the plan changed: %+v", sub)
	}
}

func TestCreditNotes(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	at := h.base + "/invoices/" + h.sold.Invoice.ID.String()
	h.want(h.get(h.base+"/credit-notes"), "no credit notes", http.StatusOK, "Credit notes will stand here")
	h.want(h.get(at+"/credit-note?how=amount&amount=5.95"), "the amounts", http.StatusOK, "VAT 19 % on €5.00 €0.95", "Write credit note over €5.95")
	h.fill(at+"/credit-note", url.Values{"how": {"amount"}, "amount": {"99"}, "reason": {"error"}}, http.StatusUnprocessableEntity, "The amount must be €0.01 to €23.80 that are left of the invoice.")
	h.fill(at+"/credit-note", url.Values{"how": {"lines"}, "line-1": {"30"}, "reason": {"error"}}, http.StatusUnprocessableEntity, "The amount of this line must be at most €20.00 that are left of the line.")
	h.fill(at+"/credit-note", url.Values{"how": {"amount"}, "amount": {"5.95"}, "reason": {"error"}, "shown": {"1.00"}}, http.StatusConflict, "nothing was written yet")
	h.fill(at+"/credit-note", url.Values{"how": {"amount"}, "amount": {"5.95"}, "reason": {"error"}, "note": {"Too much paper"}, "shown": {"5.95"}}, http.StatusSeeOther, "The credit note was written", "TEST-CN-000001", "€5.95 became the customer's credit")
	h.fill(at+"/credit-note", url.Values{"how": {"lines"}, "line-1": {"1"}, "reason": {"goodwill"}, "shown": {"1.19"}}, http.StatusSeeOther, "TEST-CN-000002")
	h.want(h.get(h.base+"/credit-notes"), "the list", http.StatusOK, "TEST-CN-000001", "€5.95 became the customer's credit.", "Error on the invoice")
	notes := must(h.s.Reader.CreditNotes(t.Context(), h.acc, 0, 0, 10))(t)
	h.want(h.get(h.base+"/credit-notes/"+notes[1].ID.String()), "the note", http.StatusOK, "Too much paper", "line 1 of the invoice", "Subtotal €5.00", "Total €5.95")
	h.want(h.get(at+"/refund?amount=10"), "a refund", http.StatusOK, "VAT 19 % on €8.40 €1.60", "Can still be refunded €16.66")
	h.want(h.get(h.base+"/customers/"+h.buyer.ID.String()), "the customer", http.StatusOK, "EUR €7.14", "Prints 25 prints", "Credit note")
}

func TestUncollectible(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	must(h.s.Service.AttachMethod(t.Context(), commerce.AttachMethod{Call: h.call, Customer: h.buyer.ID, Token: "tok_chargeDeclined", ForSubscriptions: true}))(t)
	must(h.s.Service.Cancel(t.Context(), commerce.Cancel{Call: h.call, Subscription: h.sub.ID, When: subscription.Now, Override: true, BillUsage: true}))(t)
	open := must(h.s.Reader.Invoices(t.Context(), h.acc, invoice.Filter{State: invoice.Open, Limit: 1}))(t)
	if len(open) != 1 {
		t.Fatalf("%d open invoices", len(open))
	}
	at := h.base + "/invoices/" + open[0].ID.String()
	h.want(h.get(at), "the invoice", http.StatusOK, "Mark as uncollectible", "20 calls × 0.01 EUR, 100 calls included")
	h.fill(at+"/uncollectible", url.Values{}, http.StatusSeeOther, "The invoice is uncollectible", "Uncollected", "Written off")
	h.fill(at+"/uncollectible", url.Values{}, http.StatusConflict, "Only an open invoice can be given up")
}

func TestCustomersCreditUnitsAndTax(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	at := h.base + "/customers/" + h.buyer.ID.String()
	h.fill(at+"/credit", url.Values{"direction": {"give"}, "currency": {"EUR"}, "amount": {"7"}, "note": {"Late parcel"}}, http.StatusSeeOther, "The customer has more credit", "EUR €7.00", "Late parcel")
	h.fill(at+"/credit", url.Values{"direction": {"take"}, "currency": {"EUR"}, "amount": {"8"}}, http.StatusUnprocessableEntity, "The amount takes more than €7.00 of credit that there are.")
	h.fill(at+"/credit", url.Values{"direction": {"take"}, "currency": {"EUR"}, "amount": {""}}, http.StatusUnprocessableEntity, "The amount must be above zero.")
	h.fill(at+"/credit", url.Values{"direction": {"take"}, "currency": {"EUR"}, "amount": {"2"}}, http.StatusSeeOther, "EUR €5.00")
	h.want(h.get(h.page()), "the subscription", http.StatusOK, "5 Dec 2026: charges €19.04 (€24.04 less €5.00 credit) for the next month.")
	meters := must(h.s.Reader.Meters(t.Context(), h.acc, 0, 10))(t)
	h.fill(at+"/prepaid", url.Values{"direction": {"take"}, "meter": {meters[0].ID.String()}, "units": {"5.5"}}, http.StatusSeeOther, "Prints 19.5 prints")
	h.fill(at+"/prepaid", url.Values{"direction": {"give"}, "meter": {""}, "units": {"x"}}, http.StatusUnprocessableEntity, "The meter must be chosen.", "The number of units must be a number above zero.")
	h.want(h.post(at+"/check-tax-id", url.Values{"operation_key": {"k1"}}), "the check", http.StatusSeeOther, "The tax ID was checked")
	form := url.Values{"email": {"mira@example.com"}, "name": {"Mira Holm"}, "country": {"CA"}, "region": {"ON"}, "postal_code": {"K1A 0B1"}, "tax_exempt": {"Charity"}, "shipping.address": {"1 Quay"}, "shipping.country": {"Canada"}}
	h.fill(at+"/edit", form, http.StatusUnprocessableEntity, "The shipping country must be two capital letters")
	form.Set("shipping.country", "CA")
	h.fill(at+"/edit", form, http.StatusSeeOther, "K1A 0B1, ON, Canada", "Yes: Charity", "1 Quay")
}

// Whoever may only read finds no button and no form.
func TestReadersCannotBill(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	err := h.s.DB.Update(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec("update membership set role = 'analyst' where account_id = $1", h.acc)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if body := h.want(h.get(h.page()), "the page", http.StatusOK, "What happens next").body; strings.Contains(body, "/pause") || strings.Contains(body, "Change plan") {
		t.Error("a reader is offered actions")
	}
	inv := h.base + "/invoices/" + h.sold.Invoice.ID.String()
	for _, path := range []string{h.page("change"), h.page("pause"), h.page("unpause"), h.page("skip"), h.page("move"), h.page("reactivate"), h.page("coupon"), h.page("items"), h.page("cancel"),
		inv + "/credit-note", inv + "/uncollectible", h.base + "/customers/" + h.buyer.ID.String() + "/credit", h.base + "/customers/" + h.buyer.ID.String() + "/prepaid"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if r := h.send(method, path, url.Values{"operation_key": {"k"}}); r.status != http.StatusForbidden {
				t.Errorf("%s %s answered %d", method, path, r.status)
			}
		}
	}
	if got := fmt.Sprint(h.still().State); got != "active" {
		t.Errorf("the subscription is %s", got)
	}
}
