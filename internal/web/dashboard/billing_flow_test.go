package dashboard_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"perennial/internal/commerce"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

// In a browser, with and without a script: look at what a change comes to, change, pause,
// take the pause back, and see the credit note that the change wrote.
func TestChangeInABrowser(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script %t", script), func(t *testing.T) {
			t.Parallel()
			h := newShop(t)
			b := webtest.Open(t)
			if !script {
				b.NoScript()
			}
			h.logIn(b)
			b.Goto(h.s.URL + h.page())
			b.Follow("Change plan")
			b.Choose("Plan", h.pro.ID.String())
			b.Follow("Show what it comes to")
			b.WaitText("Upgrade: it costs more by the month")
			b.WaitText("Due now €47.60")
			b.Follow("Charge €47.60 and change the plan")
			b.WaitText("The plan was changed")
			b.WaitText("5 Dec 2026: charges €71.64 (€60.20 + €11.44 VAT) for the next month.")
			paid, err := h.s.Reader.Invoices(t.Context(), h.acc, invoice.Filter{Limit: 1})
			if err != nil || len(paid) != 1 || paid[0].Due() != (money.Amount{Minor: 4760, Currency: "EUR"}) || paid[0].State != invoice.Paid {
				t.Errorf("charged %+v, %v", paid, err)
			}
			b.Follow("Pause")
			b.Choose("At the end of the period, 5 Dec 2026", "")
			b.Follow("Pause subscription")
			b.WaitText("5 Dec 2026: billing pauses until 5 Mar 2027.")
			b.Follow("Take the pause back")
			b.WaitText("There will be no pause")
			b.Goto(h.s.URL + h.base + "/credit-notes")
			b.Follow("TEST-CN-000001")
			b.WaitText("€23.80 became the customer's credit.")
			if script {
				b.Axe()
			}
		})
	}
}

// logIn signs a browser in as the owner.
func (h *shop) logIn(b *webtest.Browser) {
	b.Goto(h.s.URL + "/login")
	b.Fill("E-mail", pagetest.OwnerEmail)
	b.Fill("Password", pagetest.OwnerPassword)
	b.Follow("Log in")
}

// everyBillingPage makes one of each thing that its pages show, and names the pages.
func (h *shop) everyBillingPage(t *testing.T) (names []string, pages map[string]string) {
	t.Helper()
	ctx := t.Context()
	pages = map[string]string{}
	add := func(name, path string) {
		names = append(names, name)
		pages[name] = path
	}
	add("credit-notes-none", h.base+"/credit-notes")
	form := confirmed(h.get(h.page("change") + "?preview=1&when=now&proration=day&price=" + h.pro.ID.String()).body)
	h.want(h.post(h.page("change"), form), "the change", http.StatusSeeOther)
	must(h.s.Service.AddItem(ctx, commerce.AddItem{Call: h.call, Subscription: h.sub.ID, Description: "Paper samples", Amount: 1250}))(t)
	must(h.s.Service.ApplyCoupon(ctx, commerce.ApplyCoupon{Call: h.call, Subscription: h.sub.ID, Code: "SPRING"}))(t)
	other := must(h.s.Service.Sell(ctx, commerce.Sell{Call: h.call, Price: h.basic.ID, Customer: h.buyer.ID, Method: h.sub.Method}))(t)
	add("billing-subscription", h.page())
	for _, action := range []string{"change", "pause", "skip", "move", "coupon", "items", "cancel"} {
		add("billing-"+action, h.page(action))
	}
	add("billing-change-preview", h.page("change")+"?preview=1&when=now&proration=day&price="+h.basic.ID.String())
	add("billing-change-reset", h.page("change")+"?preview=1&when=now&reset=1&price="+h.basic.ID.String())
	add("billing-change-refused", h.page("change")+"?preview=1&when=date&quantity=0&charge=x")
	add("billing-invoice", h.base+"/invoices/"+h.sold.Invoice.ID.String())
	add("billing-credit-note-form", h.base+"/invoices/"+other.Invoice.ID.String()+"/credit-note?how=lines&line-1=5")
	add("billing-refund-form", h.base+"/invoices/"+other.Invoice.ID.String()+"/refund?amount=5")
	add("billing-customer", h.base+"/customers/"+h.buyer.ID.String())
	for _, action := range []string{"edit", "credit", "prepaid"} {
		add("billing-customer-"+action, h.base+"/customers/"+h.buyer.ID.String()+"/"+action)
	}
	add("billing-credit-notes", h.base+"/credit-notes")
	notes := must(h.s.Reader.CreditNotes(ctx, h.acc, 0, 0, 1))(t)
	add("billing-credit-note", h.base+"/credit-notes/"+notes[0].ID.String())
	invoices := must(h.s.Reader.Invoices(ctx, h.acc, invoice.Filter{Subscription: h.sub.ID, Limit: 1}))(t)
	add("billing-invoice-change", h.base+"/invoices/"+invoices[0].ID.String())
	paused := must(h.s.Service.Pause(ctx, commerce.Pause{Call: h.call, Subscription: other.Subscription.ID, Override: true}))(t)
	at := h.base + "/subscriptions/" + paused.ID.String()
	add("billing-paused", at)
	add("billing-unpause", at+"/unpause")
	ended := must(h.s.Service.Sell(ctx, commerce.Sell{Call: h.call, Price: h.basic.ID, Customer: h.buyer.ID, Method: h.sub.Method}))(t)
	must(h.s.Service.AttachMethod(ctx, commerce.AttachMethod{Call: h.call, Customer: h.buyer.ID, Token: "tok_chargeDeclined", ForSubscriptions: true}))(t)
	must(h.s.Service.RecordUsage(ctx, commerce.RecordUsage{Call: h.call, Events: []commerce.UsageEvent{{Subscription: ended.Subscription.ID, Code: "calls", Units: decimal(t, "1200"), Key: "second"}}}))(t)
	must(h.s.Service.Cancel(ctx, commerce.Cancel{Call: h.call, Subscription: ended.Subscription.ID, When: subscription.Now, Override: true, BillUsage: true}))(t)
	add("billing-ended", h.base+"/subscriptions/"+ended.Subscription.ID.String())
	add("billing-reactivate", h.base+"/subscriptions/"+ended.Subscription.ID.String()+"/reactivate")
	open := must(h.s.Reader.Invoices(ctx, h.acc, invoice.Filter{State: invoice.Open, Limit: 1}))(t)
	if len(open) != 1 {
		t.Fatalf("%d open invoices", len(open))
	}
	add("billing-invoice-open", h.base+"/invoices/"+open[0].ID.String())
	add("billing-uncollectible", h.base+"/invoices/"+open[0].ID.String()+"/uncollectible")
	must(h.s.Service.AdjustCredit(ctx, commerce.AdjustCredit{Call: h.call, Customer: h.buyer.ID, Amount: money.Amount{Minor: 700, Currency: "EUR"}, Note: "Late parcel"}))(t)
	return names, pages
}

// Every page of billing, in both themes and on both widths, is free of accessibility
// violations and never wider than the screen. GALLERY=dir keeps the pictures.
func TestEveryBillingPageIsAccessible(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	names, pages := h.everyBillingPage(t)
	for _, look := range []struct {
		width int
		dark  bool
	}{{1280, false}, {1280, true}, {360, false}, {360, true}} {
		name := fmt.Sprintf("%d-%t", look.width, look.dark)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := webtest.Open(t)
			b.Viewport(look.width, 800, look.dark)
			b.Expect(http.StatusUnprocessableEntity)
			h.logIn(b)
			for _, page := range names {
				b.Goto(h.s.URL + pages[page])
				b.WaitFor("main")
				if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > look.width {
					t.Errorf("%s is %d px wide on a screen of %d px", page, wide, look.width)
				}
				b.Axe()
				if dir := os.Getenv("GALLERY"); dir != "" {
					b.Screenshot(filepath.Join(dir, page+"-"+name+".png"))
				}
			}
		})
	}
}
