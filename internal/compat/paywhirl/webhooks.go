package paywhirl

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// The dialects of webhooks: the topics and envelopes of version 2 and of version 1.
const (
	WebhooksV2 = "paywhirl"
	WebhooksV1 = "paywhirl_v1"
)

// SignatureHeader holds, in version 2, the HMAC-SHA256 of the body in lower-case hex under
// each secret that signs, the newest first, joined by commas. The key is the secret as it is
// written. Version 1 had no signature.
const SignatureHeader = "X-Paywhirl-Signature"

// Webhooks are the dialects in which receivers that were written for PayWhirl are told of
// what happens.
func Webhooks(s *commerce.Service, r *report.Reader, o Options) []outbox.Dialect {
	d := New(s, r, o)
	return []outbox.Dialect{
		{Name: WebhooksV2, Topics: topicsV2(), ContentType: "application/json", Compose: d.compose(d.messageV2), Sign: signV2},
		{Name: WebhooksV1, Topics: topicsV1(), ContentType: "application/json", Compose: d.compose(d.messageV1)},
	}
}

func signV2(secrets []string, _ string, _ time.Time, body string) [][2]string {
	var list []string
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = io.WriteString(mac, body) // a hash never fails
		list = append(list, hex.EncodeToString(mac.Sum(nil)))
	}
	return [][2]string{{SignatureHeader, strings.Join(list, ",")}}
}

// What is told of an invoice that is paid depends on what came before, so that one kind of
// events may be owed under several topics, of which some tell nothing.
func topicsV2() []outbox.Topic {
	return []outbox.Topic{
		topic("customer.created", event.CustomerCreated, event.CustomerImported),
		topic("customer.updated", event.CustomerUpdated),
		topic("customer.deleted", event.CustomerDeleted),
		topic("plan.created", event.PriceCreated),
		topic("plan.updated", event.PriceReplaced, event.PriceUpdated, event.ProductUpdated),
		topic("card.created", event.MethodAttached),
		topic("card.updated", event.MethodUpdated),
		topic("card.deleted", event.MethodDetached),
		topic("subscription.created", event.SubscriptionCreated, event.SubscriptionImported),
		topic("subscription.updated", subscriptionUpdates...),
		topic("subscription.deleted", event.SubscriptionCanceled),
		topic("invoice.created", event.InvoiceIssued, event.InvoicePaid),
		topic("invoice.processed", event.InvoicePaid, event.PaymentDeclined),
		topic("invoice.paid", event.InvoicePaid),
		topic("invoice.deleted", event.InvoiceVoided),
		topic("charge.succeeded", event.InvoicePaid),
		topic("charge.failed", event.PaymentDeclined),
		topic("charge.refunded", event.RefundSucceeded),
	}
}

var subscriptionUpdates = []event.Kind{event.SubscriptionUpdated, event.SubscriptionStarted, event.SubscriptionRenewed, event.SubscriptionPastDue, event.SubscriptionResumed,
	event.SubscriptionUnpaid, event.CancelScheduled, event.CancelUndone, event.SubscriptionChanged, event.SubscriptionPaused, event.PauseEnded, event.SubscriptionSkipped,
	event.SubscriptionMoved, event.Reactivated, event.SubscriptionChained}

func topic(name string, kinds ...event.Kind) outbox.Topic {
	t := outbox.Topic{Name: name}
	for _, k := range kinds {
		t.Kinds = append(t.Kinds, string(k))
	}
	return t
}

// errNothing says that an event is not told under a topic after all.
var errNothing = fault.New(fault.Conflict, "there is nothing to tell")

// message spells what one delivery tells.
type message func(ctx context.Context, c *caller, topic, name string, e event.Event) (any, error)

// compose spells the bodies of deliveries. Each tells of its thing as it is when the body is
// made, which is before the first try.
func (d *Door) compose(spell message) func(context.Context, outbox.Endpoint, []outbox.Delivery) ([]outbox.Rendering, error) {
	return func(ctx context.Context, to outbox.Endpoint, list []outbox.Delivery) ([]outbox.Rendering, error) {
		a, now, err := d.r.Account(ctx, to.Account)
		if err != nil {
			return nil, err
		}
		c := &caller{account: a, now: now}
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
			if made[i], err = d.rendering(ctx, c, spell, v, e); err != nil {
				return nil, err
			}
		}
		return made, nil
	}
}

// rendering spells one body; what breaks in it breaks it alone.
func (d *Door) rendering(ctx context.Context, c *caller, spell message, v outbox.Delivery, e event.Event) (r outbox.Rendering, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.o.Log.ErrorContext(ctx, "composing a webhook broke", "delivery", v.ID.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			r, err = outbox.Rendering{Fate: outbox.Refuse, Reason: "the body could not be composed"}, nil
		}
	}()
	told, err := spell(ctx, c, v.Topic, v.Message(), e)
	switch {
	case err == errNothing: //nolint:errorlint // the very value
		return outbox.Rendering{Fate: outbox.Drop}, nil
	case fault.Is(err, fault.NotFound):
		return outbox.Rendering{Fate: outbox.Refuse, Reason: "what it tells of is no longer there"}, nil
	case err != nil:
		return r, err
	}
	return outbox.Rendering{Body: string(encode(told))}, nil
}

// messageWire is the envelope of version 2.
type messageWire struct {
	ID      string `json:"id"` // the same in every try
	Type    string `json:"type"`
	Created int64  `json:"created"`
	UserID  int64  `json:"user_id"`
	Data    any    `json:"data"`
}

func (d *Door) messageV2(ctx context.Context, c *caller, topic, name string, e event.Event) (any, error) {
	user, err := d.user(ctx, c)
	if err != nil {
		return nil, err
	}
	data, err := d.subject(ctx, c, topic, e)
	return messageWire{name, topic, e.At.Unix(), user, data}, err
}

// testWire is what a test tells.
type testWire struct {
	Message string `json:"message"`
}

const testMessage = "This is a test."

// subject is the object of version 2 that a topic tells of.
func (d *Door) subject(ctx context.Context, c *caller, topic string, e event.Event) (any, error) {
	thing, _, _ := strings.Cut(topic, ".")
	switch thing {
	case "customer":
		return d.oneCustomer(ctx, c, id.Customer(e.Subject))
	case "plan":
		return d.planTold(ctx, c, e)
	case "card":
		m, err := d.r.Method(ctx, c.account.ID, id.Method(e.Subject))
		if err != nil {
			return nil, err
		}
		list, err := d.cardsWire(ctx, c, []payment.Method{m})
		if err != nil {
			return nil, err
		}
		return list[0], nil
	case "subscription":
		return d.oneSubscription(ctx, c, id.Subscription(e.Subject))
	case "invoice":
		of, err := invoiceTold(topic, e)
		if err != nil {
			return nil, err
		}
		return d.oneInvoice(ctx, c, of)
	case "charge":
		of, err := paymentTold(e)
		if err != nil {
			return nil, err
		}
		return d.oneCharge(ctx, c, of)
	}
	return testWire{testMessage}, nil
}

// refers are the ids in the data of an event.
type refers struct {
	Invoice id.Invoice `json:"invoice"`
	Payment string     `json:"payment"` // "" where nothing was charged
}

func refersOf(e event.Event) refers {
	var r refers
	_ = json.Unmarshal([]byte(e.Data), &r) // it was written by the engine; what has no such ids leaves them empty
	return r
}

// invoiceTold is the invoice that an event tells of under a topic. One that was paid at once
// has no event that it was issued, and one that cost nothing was never attempted.
func invoiceTold(topic string, e event.Event) (id.Invoice, error) {
	switch e.Kind {
	case event.PaymentDeclined:
		return refersOf(e).Invoice, nil
	case event.InvoicePaid:
		if topic == "invoice.created" && e.Sequence > 1 || topic == "invoice.processed" && refersOf(e).Payment == "" {
			return 0, errNothing
		}
	}
	return id.Invoice(e.Subject), nil
}

// paymentTold is the payment that an event tells of.
func paymentTold(e event.Event) (id.Payment, error) {
	if e.Kind == event.PaymentDeclined {
		return id.Payment(e.Subject), nil
	}
	name := refersOf(e).Payment
	if name == "" {
		return 0, errNothing
	}
	return id.Parse[id.Payment](name)
}

// planOf is the plan that an event tells of: the line of a price, or the first plan of a
// product. A further price of a line is no new plan.
func (d *Door) planOf(ctx context.Context, c *caller, e event.Event) (id.Price, error) {
	if e.Kind == event.ProductUpdated {
		of := id.Product(e.Subject)
		lists, err := d.r.PlansOf(ctx, c.account.ID, []id.Product{of})
		if err != nil {
			return 0, err
		}
		if len(lists[of]) == 0 {
			return 0, errNothing
		}
		return lists[of][0], nil
	}
	p, err := d.r.Price(ctx, c.account.ID, id.Price(e.Subject))
	if err != nil {
		return 0, err
	}
	if e.Kind == event.PriceCreated && p.Plan() != p.ID {
		return 0, errNothing
	}
	return p.Plan(), nil
}

func (d *Door) planTold(ctx context.Context, c *caller, e event.Event) (any, error) {
	of, err := d.planOf(ctx, c, e)
	if err != nil {
		return nil, err
	}
	return d.onePlan(ctx, c, of)
}

// priceTold is the price at which the plan that an event tells of is sold today.
func (d *Door) priceTold(ctx context.Context, c *caller, e event.Event) (catalog.Price, error) {
	of, err := d.planOf(ctx, c, e)
	if err != nil {
		return catalog.Price{}, err
	}
	return d.planSold(ctx, c, of)
}
