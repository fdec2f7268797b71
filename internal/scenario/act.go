package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// acts is a line in which a customer does something.
func (s *story) acts(ctx context.Context, words []string) error {
	who, known := s.customers[words[0]]
	if !known {
		return fmt.Errorf("nobody is called %q; a line such as \"customer %s with tok_visa\" brings them in", words[0], words[0])
	}
	rest := strings.Join(words[1:], " ")
	switch {
	case len(words) >= 4 && (words[1] == "subscribes" || words[1] == "buys") && words[2] == "to" || len(words) >= 3 && words[1] == "buys":
		return s.buys(ctx, who, words[slices.Index(words, words[1])+1:])
	case len(words) == 4 && words[1] == "pays" && words[2] == "with":
		_, err := s.stage.Service.AttachMethod(ctx, commerce.AttachMethod{Call: s.call, Customer: who, Token: words[3], ForSubscriptions: true})
		return err
	case rest == "cancels now" || rest == "cancels at period end":
		sub, err := s.subscription(ctx, who)
		if err != nil {
			return err
		}
		when := subscription.Now
		if rest != "cancels now" {
			when = subscription.AtPeriodEnd
		}
		_, err = s.stage.Service.Cancel(ctx, commerce.Cancel{Call: s.call, Subscription: sub.ID, When: when})
		return err
	case rest == "undoes the cancellation":
		sub, err := s.subscription(ctx, who)
		if err != nil {
			return err
		}
		_, err = s.stage.Service.UndoCancel(ctx, commerce.UndoCancel{Call: s.call, Subscription: sub.ID})
		return err
	}
	return fmt.Errorf("what %s does is not understood", words[0])
}

// buys is "[to] PRICE [x N]".
func (s *story) buys(ctx context.Context, who id.Customer, words []string) error {
	if words[0] == "to" {
		words = words[1:]
	}
	price, known := s.prices[words[0]]
	if !known {
		return fmt.Errorf("no price is called %q", words[0])
	}
	sell := commerce.Sell{Call: s.call, Customer: who, Price: price.ID, Quantity: 1, Source: "scenario"}
	if len(words) == 3 && words[1] == "x" {
		n, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no quantity", words[2])
		}
		sell.Quantity = n
	} else if len(words) != 1 {
		return fmt.Errorf("what stands after the price is not understood")
	}
	methods, err := s.stage.Reader.Methods(ctx, s.call.Account, who)
	if err != nil {
		return err
	}
	for _, m := range methods {
		if m.State == payment.Usable {
			sell.Method = m.ID
			break
		}
	}
	_, err = s.stage.Service.Sell(ctx, sell)
	return err
}

// subscription is the customer's newest subscription.
func (s *story) subscription(ctx context.Context, who id.Customer) (subscription.Subscription, error) {
	list, err := s.stage.Reader.Subscriptions(ctx, s.call.Account, subscription.Filter{Customer: who, Limit: 1}, report.Expand{})
	if err != nil {
		return subscription.Subscription{}, err
	}
	if len(list) == 0 {
		return subscription.Subscription{}, fault.New(fault.NotFound, "%s has no subscription", s.names[who])
	}
	return list[0].Subscription, nil
}

// merchant is a line in which the merchant does something.
func (s *story) merchant(ctx context.Context, words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("what the merchant does is not understood")
	}
	who, known := s.customers[words[1]]
	if !known {
		return fmt.Errorf("nobody is called %q", words[1])
	}
	v, err := s.latest(ctx, who)
	if err != nil {
		return err
	}
	switch words[0] {
	case "refunds":
		return s.refunds(ctx, v, words[2:])
	case "voids":
		_, err = s.stage.Service.VoidInvoice(ctx, commerce.VoidInvoice{Call: s.call, Invoice: v.ID})
	case "charges":
		_, err = s.stage.Service.Collect(ctx, commerce.Collect{Call: s.call, Invoice: v.ID})
	default:
		err = fmt.Errorf("the merchant refunds, voids or charges a customer")
	}
	return err
}

// latest is the customer's newest invoice.
func (s *story) latest(ctx context.Context, who id.Customer) (invoice.Invoice, error) {
	list, err := s.stage.Reader.Invoices(ctx, s.call.Account, invoice.Filter{Customer: who, Limit: 1})
	if err != nil {
		return invoice.Invoice{}, err
	}
	if len(list) == 0 {
		return invoice.Invoice{}, fault.New(fault.NotFound, "%s has no invoice", s.names[who])
	}
	return list[0], nil
}

// refunds is "[AMOUNT]" of the newest invoice's payment.
func (s *story) refunds(ctx context.Context, v invoice.Invoice, words []string) error {
	r := commerce.Refund{Call: s.call}
	if len(words) > 0 {
		amount, err := money.ParseMajor(words[0], v.Total.Currency)
		if err != nil {
			return err
		}
		r.Amount = amount.Minor
	}
	view, err := s.stage.Reader.Invoice(ctx, s.call.Account, v.ID)
	if err != nil {
		return err
	}
	for _, p := range view.Payments {
		if p.State == payment.Paid {
			r.Payment = p.ID
		}
	}
	_, err = s.stage.Service.Refund(ctx, r)
	return err
}

// spoken are the events that a story can expect. The others (something was created
// or attached) are what the story itself did.
var spoken = map[event.Kind]string{
	event.SubscriptionCreated:  "subscribed",
	event.SubscriptionStarted:  "trial ended",
	event.SubscriptionRenewed:  "renewed",
	event.SubscriptionPastDue:  "past due",
	event.SubscriptionResumed:  "recovered",
	event.CancelScheduled:      "will end",
	event.CancelUndone:         "will not end",
	event.SubscriptionCanceled: "ended",
	event.OrderFailed:          "order failed",
	event.InvoiceIssued:        "invoice open",
	event.InvoicePaid:          "invoice paid",
	event.InvoiceVoided:        "invoice void",
	event.PaymentDeclined:      "declined",
	event.PaymentUnknown:       "payment unknown",
	event.RefundSucceeded:      "refunded",
	event.RefundFailed:         "refund failed",
}

// listen notes what happened since it last did.
func (s *story) listen(ctx context.Context) error {
	var fresh []event.Event
	before := id.Event(0)
	for {
		page, err := s.stage.Reader.Events(ctx, s.call.Account, event.Filter{Before: before, Limit: 200})
		if err != nil {
			return err
		}
		for _, e := range page {
			if e.ID <= s.seen {
				page = nil
				break
			}
			fresh = append(fresh, e)
			before = e.ID
		}
		if len(page) == 0 {
			break
		}
	}
	slices.Reverse(fresh)
	for _, e := range fresh {
		s.seen = e.ID
		what, told := spoken[e.Kind]
		if !told {
			continue
		}
		var facts struct {
			Amount   int64          `json:"amount"`
			Currency money.Currency `json:"currency"`
			Code     string         `json:"code"`
		}
		if err := json.Unmarshal([]byte(e.Data), &facts); err != nil {
			return err
		}
		switch e.Kind {
		case event.InvoiceIssued, event.InvoicePaid, event.InvoiceVoided, event.RefundSucceeded:
			what += " " + money.Amount{Minor: facts.Amount, Currency: facts.Currency}.Major()
		case event.PaymentDeclined, event.OrderFailed:
			what += " " + facts.Code
		}
		s.happened = append(s.happened, happening{s.names[e.Customer], what})
	}
	return nil
}

// expect is a line that tells what happened, or how something stands.
func (s *story) expect(ctx context.Context, words []string) error {
	text := strings.Join(words, " ")
	switch {
	case text == "nothing":
		if len(s.happened) > 0 {
			return fmt.Errorf("this happened: %s", join(s.happened))
		}
		return nil
	case text == "books balance":
		books, err := s.stage.Reader.Books(ctx, s.call.Account, s.stage.Gateways)
		if err == nil && !books.Balanced() {
			err = fmt.Errorf("they do not: %s", strings.Join(books.Differences, "; "))
		}
		return err
	case len(words) == 3 && words[1] == "is":
		who, known := s.customers[words[0]]
		if !known {
			return fmt.Errorf("nobody is called %q", words[0])
		}
		sub, err := s.subscription(ctx, who)
		if err == nil && string(sub.State) != words[2] {
			err = fmt.Errorf("it is %s", sub.State)
		}
		return err
	}
	for i, h := range s.happened {
		if h.String() == text {
			s.happened = slices.Delete(s.happened, i, i+1)
			return nil
		}
	}
	return fmt.Errorf("it did not happen; what did: %s", join(s.happened))
}
