package checkout

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/invoice"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// moneyShown is how long the thank-you page shows amounts and papers to whoever
// has its address.
const moneyShown = 24 * time.Hour

// thanks is the page after a purchase.
type thanks struct {
	report.OrderView
	Token string
	Next  *commerce.Upcoming // the next invoice; nil when none is to come, or amounts are not shown
	Fresh bool               // amounts and papers are shown
	Paper bool               // the invoice can be downloaded

	Step   *payment.Step // that the customer has to take; nil for none
	Stripe web.StripeForm
	ByHand string // how to pay by hand
}

func (h *shop) load(w http.ResponseWriter, r *http.Request) (thanks, bool) {
	t := thanks{Token: r.PathValue("token")}
	var err error
	if t.OrderView, err = h.report.OrderByToken(r.Context(), t.Token); err != nil {
		if fault.Is(err, fault.NotFound) {
			p := web.PublicPage{Title: "There is no order at this address", Preferences: web.PreferencesOf(r)}
			web.Render(w, r, http.StatusNotFound, sorry(p, "The link may not be complete. Open it as it was given to you."))
		} else {
			h.fail(w, r, err)
		}
		return t, false
	}
	now := t.Account.Now(h.o.Clock.Now())
	t.Fresh = now.Sub(t.Order.CreatedAt) < moneyShown
	if t.Fresh && t.Subscription != nil {
		next, err := h.commerce.PreviewInvoice(r.Context(), t.Account.ID, t.Subscription.ID)
		switch {
		case err == nil:
			t.Next = &next
		case !fault.Is(err, fault.Conflict):
			h.fail(w, r, err)
			return t, false
		}
	}
	t.Paper = t.Fresh && h.o.PDF != nil && t.Invoice != nil && t.Invoice.Invoice.Number != 0
	return t, true
}

func (h *shop) order(w http.ResponseWriter, r *http.Request) {
	t, ok := h.load(w, r)
	if !ok {
		return
	}
	if t, ok = h.ask(w, r, t); !ok {
		return
	}
	if err := h.instruct(r.Context(), &t); err != nil {
		h.fail(w, r, err)
		return
	}
	p := web.PublicPage{Title: "Thank you", Brand: t.Account.Name, Test: t.Account.Mode == account.Sandbox, Preferences: web.PreferencesOf(r)}
	switch t.Order.State {
	case order.Pending:
		p.Title = "Your order"
		if t.asks() {
			p.Refresh = 5
		}
		if t.Step != nil && t.Step.Kind == web.PayByStripe {
			t.Stripe.AllowStripe(w.Header())
		}
	case order.Failed:
		p.Title = "Your order was not completed"
	}
	web.Render(w, r, http.StatusOK, thanksPage(p, t))
}

func (h *shop) invoice(w http.ResponseWriter, r *http.Request) {
	t, ok := h.load(w, r)
	if !ok {
		return
	}
	if !t.Paper {
		p := web.PublicPage{Title: "The invoice is not shown here any more", Brand: t.Account.Name, Preferences: web.PreferencesOf(r)}
		web.Render(w, r, http.StatusForbidden, sorry(p, "This address shows it for a day after the purchase. Write to "+t.Account.Email+" to get it again."))
		return
	}
	var paper bytes.Buffer
	if err := h.o.PDF(&paper, *t.Invoice); err != nil {
		h.fail(w, r, err)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "application/pdf")
	head.Set("Content-Disposition", `attachment; filename="`+t.Invoice.Invoice.Label()+`.pdf"`)
	head.Set("Content-Length", strconv.Itoa(paper.Len()))
	_, _ = w.Write(paper.Bytes()) // a reader that left needs no answer
}

// facts are what the buyer needs to know.
func (t thanks) facts() []web.Fact {
	list := []web.Fact{{Term: "Order", Value: web.IDCopy(t.Order.ID.String())}, {Term: "Product", Text: t.bought()}}
	if t.Fresh {
		if t.Invoice != nil {
			list = append(list, web.Fact{Term: "Paid", Text: text(t.Invoice.Invoice.Total), Note: t.paidWith()})
			list = append(list, web.Fact{Term: "Invoice", Text: t.Invoice.Invoice.Label()})
		} else {
			list = append(list, web.Fact{Term: "Paid", Text: "Nothing was due today"})
		}
		list = append(list, web.Fact{Term: "Receipt for", Text: t.Customer.Email})
	}
	return list
}

func (t thanks) bought() string {
	name := t.Product.Name
	if t.Price.Name != "" {
		name += " – " + t.Price.Name
	}
	if t.Order.Quantity > 1 {
		name += " × " + web.CountText(t.Order.Quantity)
	}
	return name
}

func (t thanks) paidWith() string {
	for _, p := range t.Invoice.Payments {
		if p.State == payment.Paid {
			return "with " + t.Invoice.Methods[p.Method].Label()
		}
	}
	return ""
}

// next is what comes next, with its date.
func (t thanks) next() string {
	sub := t.Subscription
	if sub == nil {
		switch p := t.Price.Terms.Prepaid; {
		case t.Price.Recurring():
			return ""
		case p != nil && p.TopUpAt != nil:
			return "When no more than " + number(*p.TopUpAt) + " units are left, we charge for " + number(p.Units) + " more, as you agreed."
		}
		return "You paid once. Nothing else is charged."
	}
	zone := t.Account.Location()
	switch {
	case sub.State == subscription.Canceled:
		return "Your subscription ended on " + web.DateText(sub.EndedAt, zone) + "."
	case !sub.CancelAt.IsZero():
		return "Your subscription ends on " + web.DateText(sub.CancelAt, zone) + ". Nothing more is charged."
	case sub.State == subscription.PastDue:
		return "Your last renewal was not paid. Write to " + t.Account.Email + " to pay with another card."
	}
	day := web.DateText(sub.Span.To, zone)
	chained := t.Price.Terms.NextPrice != 0 && !sub.Extras.Alone
	if sub.PaymentsLeft() == 0 && !chained {
		return "That was the last payment. Your subscription ends on " + day + "."
	}
	amount := "the next period"
	if t.Next != nil {
		amount = text(t.Next.Due)
		day = web.DateText(t.Next.At, zone)
	}
	said := "On " + day + " we charge " + amount
	switch left := sub.PaymentsLeft(); {
	case left == 0:
		said += ", and your subscription goes on as it was told."
	case left > 0:
		said += "; " + web.CountText(int64(left)) + " payments are left."
		if left == 1 {
			said = "On " + day + " we charge " + amount + ". That is the last payment."
		}
	default:
		said += t.then()
	}
	if sub.State == subscription.Trialing && t.endsInTime() {
		said += " Cancel before that day and you pay nothing more."
	}
	return said
}

// then is how it goes on after the next charge: at the plain price, when the next charge
// is that.
func (t thanks) then() string {
	often := every(t.Price)
	if t.Next == nil {
		return ", then " + often + " until you cancel."
	}
	for _, l := range t.Next.Lines {
		if l.Discount.Sign() > 0 || l.Kind != invoice.ForPeriod || l.Details.Share != nil {
			return ", and go on " + often + " until you cancel."
		}
	}
	return ", then " + often + " until you cancel."
}

// endsInTime reports whether the customer can end it before anything is charged for it.
func (t thanks) endsInTime() bool {
	policy := t.Product.Settings.Cancel
	return policy != catalog.CancelNever && policy != catalog.CancelLast
}

func (t thanks) declined() string {
	if t.Invoice != nil {
		for _, p := range t.Invoice.Payments {
			if p.State == payment.DeclinedState {
				return payment.Words(p.DeclineCode)
			}
		}
	}
	return "The payment was declined."
}
