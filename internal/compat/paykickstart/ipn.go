package paykickstart

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/outbox"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// The dialects of notifications, which differ in the charset of the newer signature: the one
// of the newest description, that of older ones, and text in ASCII, which suits both.
const (
	Notifications      = "paykickstart"
	NotificationsUTF8  = "paykickstart_utf8"
	NotificationsASCII = "paykickstart_ascii"
)

// Secrets are the unsealed secrets of an endpoint, the newest first. They sign in the body,
// so they are needed when it is composed.
type Secrets func(outbox.Endpoint) ([]string, error)

// Webhooks are the dialects in which receivers of notifications are told what happens.
func Webhooks(s *commerce.Service, r *report.Reader, o Options, secrets Secrets) []outbox.Dialect {
	d := New(s, r, o)
	var list []outbox.Dialect
	for _, c := range []struct {
		name    string
		charset charset
		ascii   bool
	}{{Notifications, latin1, false}, {NotificationsUTF8, utf8, false}, {NotificationsASCII, utf8, true}} {
		list = append(list, outbox.Dialect{Name: c.name, Topics: topics(), ContentType: "application/x-www-form-urlencoded", Once: true,
			Compose: func(ctx context.Context, e outbox.Endpoint, due []outbox.Delivery) ([]outbox.Rendering, error) {
				return d.compose(ctx, e, due, secrets, c.charset, c.ascii)
			}})
	}
	return list
}

// The events of notifications. Names that no source gives are marked in docs/compat.
const (
	eventSales         = "sales"
	eventRefund        = "refund"
	eventPayment       = "subscription-payment"
	eventPaymentFailed = "subscription-payment-failed"
	eventCancelled     = "subscription-cancelled"
	eventTrialEnd      = "subscription-trial-end"
	eventUpdated       = "subscription-updated"
	eventCreated       = "subscription-created"
	eventTrialStart    = "subscription-trial-start"
	eventPaused        = "subscription-paused"
	eventResumed       = "subscription-resumed"
	eventReactivated   = "subscription-reactivated"
	eventFailed        = "transaction-failed"
	eventChargeback    = "chargeback"
	eventLead          = "lead-created"
	eventAbandoned     = "cart-abandoned"
	eventCard          = "payment-details-updated"
	eventExpiring      = "card-expiring"
	eventAffiliate     = "affiliate-approved"
	eventCommission    = "commission-created"
)

func topics() []outbox.Topic {
	topic := func(name string, kinds ...event.Kind) outbox.Topic {
		t := outbox.Topic{Name: name}
		for _, k := range kinds {
			t.Kinds = append(t.Kinds, string(k))
		}
		return t
	}
	return []outbox.Topic{
		topic(eventSales, event.OrderCompleted),
		topic(eventRefund, event.RefundSucceeded),
		topic(eventPayment, event.InvoicePaid),
		topic(eventPaymentFailed, event.PaymentDeclined),
		topic(eventCancelled, event.SubscriptionCanceled),
		topic(eventTrialEnd, event.SubscriptionCanceled),
		topic(eventUpdated, event.SubscriptionChanged, event.SubscriptionUpdated, event.SubscriptionMoved),
		topic(eventCreated, event.SubscriptionCreated),
		topic(eventTrialStart, event.SubscriptionCreated),
		topic(eventPaused, event.SubscriptionPaused),
		topic(eventResumed, event.PauseEnded),
		topic(eventReactivated, event.Reactivated),
		topic(eventFailed, event.PaymentDeclined),
		topic(eventChargeback, event.DisputeOpened),
		topic(eventLead, event.LeadCreated),
		topic(eventAbandoned, event.LeadAbandoned),
		topic(eventCard, event.MethodAttached),
		topic(eventExpiring, event.MethodExpiring),
		topic(eventAffiliate, event.AffiliateApproved),
		topic(eventCommission, event.CommissionEarned),
	}
}

// errNothing says that an event is not told under a topic after all.
var errNothing = fault.New(fault.Conflict, "there is nothing to tell")

// compose spells the bodies of deliveries, each as its thing is just before the first try.
func (d *Door) compose(ctx context.Context, to outbox.Endpoint, list []outbox.Delivery, secrets Secrets, c charset, ascii bool) ([]outbox.Rendering, error) {
	a, now, err := d.r.Account(ctx, to.Account)
	if err != nil {
		return nil, err
	}
	keys, err := secrets(to)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	ids := make([]int64, len(list))
	for i, v := range list {
		ids[i] = int64(v.Event)
	}
	events, err := d.r.EventsByID(ctx, a.ID, ids)
	if err != nil {
		return nil, err
	}
	made := make([]outbox.Rendering, len(list))
	for i, v := range list {
		e, ok := events[v.Event]
		if !ok {
			made[i] = outbox.Rendering{Fate: outbox.Refuse, Reason: "the event is no longer there"}
			continue
		}
		if made[i], err = d.rendering(ctx, &caller{account: a, now: now}, to, v.Topic, e, func(r record) string {
			if ascii {
				r = r.plain()
			}
			return signed(keys[0], r, c).form()
		}); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// rendering spells one body; what breaks in it breaks it alone.
func (d *Door) rendering(ctx context.Context, c *caller, to outbox.Endpoint, topic string, e event.Event, sign func(record) string) (r outbox.Rendering, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.o.Log.ErrorContext(ctx, "composing a notification broke", "event", e.ID.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			r, err = outbox.Rendering{Fate: outbox.Refuse, Reason: "the body could not be composed"}, nil
		}
	}()
	told, err := d.told(ctx, c, to, topic, e)
	switch {
	case err == errNothing: //nolint:errorlint // the very value
		return outbox.Rendering{Fate: outbox.Drop}, nil
	case fault.Is(err, fault.NotFound):
		return outbox.Rendering{Fate: outbox.Refuse, Reason: "what it tells of is no longer there"}, nil
	case err != nil:
		return r, err
	}
	return outbox.Rendering{Body: sign(told)}, nil
}

// told is the record of an event under a topic.
func (d *Door) told(ctx context.Context, c *caller, to outbox.Endpoint, topic string, e event.Event) (record, error) {
	p, m, err := d.about(ctx, c, topic, e)
	if err != nil {
		return nil, err
	}
	if !to.Settings.Covers(p.Product.ID, p.Campaign.ID) && topic != outbox.TestTopic {
		return nil, errNothing
	}
	if m.at.IsZero() {
		m.at = e.At
	}
	name := topic
	if topic == outbox.TestTopic {
		name = eventSales
	}
	s, err := d.speak(ctx, c.account, &p, m, name)
	if err != nil {
		return nil, err
	}
	f := s.fields(&p, m)
	switch topic {
	case outbox.TestTopic:
		f["mode"], f["payment_processor"] = "test", "testmode"
	case eventUpdated:
		delete(f, "next_billing_date")
		delete(f, "transaction_type")
	}
	return append(sorted(f), field{"licenses", licenseKeys(&p)}), nil
}

// refers are the ids in the data of an event.
type refers struct {
	Invoice  string `json:"invoice"`
	Payment  string `json:"payment"`
	Campaign string `json:"campaign"`
	Product  string `json:"product"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Quiet    bool   `json:"quiet"`
}

func refersOf(e event.Event) refers {
	var r refers
	_ = json.Unmarshal([]byte(e.Data), &r) // it was written by the engine; what has no such ids leaves them empty
	return r
}

// about is the purchase and the movement of money that an event tells of under a topic.
func (d *Door) about(ctx context.Context, c *caller, topic string, e event.Event) (report.Purchase, moved, error) {
	acc := c.account.ID
	switch e.Kind {
	case event.OrderCompleted:
		p, err := d.r.PurchaseOnce(ctx, acc, id.Order(e.Subject))
		if list := movements(&p); err == nil && len(list) > 0 && !list[0].rebill {
			return p, list[0], nil
		}
		return p, moved{}, err
	case event.InvoicePaid:
		return d.aboutPaid(ctx, acc, e)
	case event.PaymentDeclined:
		return d.aboutDeclined(ctx, acc, topic, e)
	case event.RefundSucceeded:
		r, err := d.r.Refund(ctx, acc, id.Refund(e.Subject))
		if err != nil {
			return report.Purchase{}, moved{}, err
		}
		return d.aboutPayment(ctx, acc, r.Payment, r.ID)
	case event.DisputeOpened:
		v, err := d.r.Dispute(ctx, acc, id.Dispute(e.Subject))
		if err != nil {
			return report.Purchase{}, moved{}, err
		}
		return d.aboutPayment(ctx, acc, v.Payment, 0)
	case event.CommissionEarned:
		of, err := id.Parse[id.Invoice](refersOf(e).Invoice)
		if err != nil {
			return report.Purchase{}, moved{}, errNothing // one by hand
		}
		p, err := d.r.PurchaseBilled(ctx, acc, of)
		for _, m := range movements(&p) {
			if m.row.Invoice.ID == of {
				return p, m, err
			}
		}
		return p, moved{}, err
	}
	switch thing, _, _ := strings.Cut(string(e.Kind), "."); thing {
	case "subscription":
		p, err := d.aboutSubscription(ctx, acc, topic, e)
		return p, moved{}, err
	case "lead", "affiliate", "payment_method":
		p, err := d.aboutPerson(ctx, acc, thing, e)
		return p, moved{}, err
	}
	if topic == outbox.TestTopic {
		return report.Purchase{}, moved{}, nil
	}
	return report.Purchase{}, moved{}, errNothing
}

// aboutPaid is a payment after the first of a subscription.
func (d *Door) aboutPaid(ctx context.Context, acc id.Account, e event.Event) (report.Purchase, moved, error) {
	p, err := d.r.PurchaseBilled(ctx, acc, id.Invoice(e.Subject))
	if err != nil {
		return p, moved{}, err
	}
	if p.Subscription == nil {
		return p, moved{}, errNothing
	}
	for _, m := range movements(&p) {
		if m.row.Invoice.ID != id.Invoice(e.Subject) {
			continue
		}
		if m.row.Invoice.Reason == invoice.Sale {
			return p, m, errNothing // it was told as the sale
		}
		m.rebill = true
		return p, m, nil
	}
	return p, moved{}, errNothing // nothing was charged
}

// aboutDeclined is a payment that failed: of a subscription, or at the sale.
func (d *Door) aboutDeclined(ctx context.Context, acc id.Account, topic string, e event.Event) (report.Purchase, moved, error) {
	p, m, err := d.aboutPayment(ctx, acc, id.Payment(e.Subject), 0)
	if err == nil && (topic == eventFailed) != (p.Subscription == nil) {
		err = errNothing
	}
	return p, m, err
}

func (d *Door) aboutPayment(ctx context.Context, acc id.Account, of id.Payment, refund id.Refund) (report.Purchase, moved, error) {
	paid, err := d.r.Payment(ctx, acc, of)
	if err != nil {
		return report.Purchase{}, moved{}, err
	}
	p, err := d.r.PurchaseBilled(ctx, acc, paid.Invoice)
	if err != nil {
		return p, moved{}, err
	}
	m, ok := findMoved(&p, of, refund)
	if !ok {
		return p, m, errNothing
	}
	return p, m, nil
}

// aboutSubscription is what happened to a subscription beside its payments.
func (d *Door) aboutSubscription(ctx context.Context, acc id.Account, topic string, e event.Event) (report.Purchase, error) {
	p, err := d.r.PurchaseOf(ctx, acc, id.Subscription(e.Subject))
	if err != nil {
		return p, err
	}
	trial := p.Subscription.Period < 0
	switch {
	case refersOf(e).Quiet,
		topic == eventTrialEnd && !trial,
		topic == eventTrialStart && p.Subscription.TrialTo.IsZero():
		return p, errNothing
	}
	return p, nil
}

// aboutPerson is somebody who did not buy anything by it: a lead, an affiliate, a customer
// with another card.
func (d *Door) aboutPerson(ctx context.Context, acc id.Account, thing string, e event.Event) (report.Purchase, error) {
	var p report.Purchase
	of := refersOf(e)
	var err error
	switch thing {
	case "payment_method":
		if p.Customer, err = d.r.Customer(ctx, acc, e.Customer); err != nil {
			return p, err
		}
		list, err := d.r.Subscriptions(ctx, acc, subscription.Filter{Customer: e.Customer, Limit: 1}, report.Expand{})
		if err != nil || len(list) == 0 {
			return p, errNothing
		}
		return d.r.PurchaseOf(ctx, acc, list[0].Subscription.ID)
	case "affiliate":
		a, err := d.r.Affiliate(ctx, acc, id.Affiliate(e.Subject))
		if err != nil {
			return p, err
		}
		p.Customer = customer.Customer{Email: a.Email, Buyer: customer.Buyer{Name: a.Name, Company: a.Company}}
	default:
		p.Customer = customer.Customer{Email: of.Email, Buyer: customer.Buyer{Name: of.Name}}
	}
	if campaign, bad := id.Parse[id.Campaign](of.Campaign); bad == nil {
		if p.Campaign, err = d.r.Campaign(ctx, acc, campaign); err != nil {
			return p, err
		}
	}
	if product, bad := id.Parse[id.Product](of.Product); bad == nil {
		found, err := d.r.Product(ctx, acc, product)
		if err != nil {
			return p, err
		}
		p.Product = found.Product
	}
	return p, nil
}

// letters are those that do not come apart into one of ASCII and a mark.
var letters = strings.NewReplacer("ß", "ss", "ẞ", "SS", "æ", "ae", "Æ", "AE", "œ", "oe", "Œ", "OE", "ø", "o", "Ø", "O", "đ", "d", "Đ", "D", "ð", "d", "Ð", "D", "þ", "th", "Þ", "Th",
	"ł", "l", "Ł", "L", "ı", "i", "’", "'", "‘", "'", "“", "\"", "”", "\"", "–", "-", "—", "-", "…", "...", "\u00a0", " ", "€", "EUR")

// plain is the record in ASCII: marks are taken off letters, and what is left out of ASCII
// is a question mark.
func (r record) plain() record {
	out := make(record, len(r))
	for i, f := range r {
		var b strings.Builder
		for _, c := range norm.NFD.String(letters.Replace(f.value)) {
			switch {
			case c < unicode.MaxASCII:
				b.WriteRune(c)
			case !unicode.Is(unicode.Mn, c):
				b.WriteByte('?')
			}
		}
		out[i] = field{f.name, b.String()}
	}
	return out
}
