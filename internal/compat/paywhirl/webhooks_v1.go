package paywhirl

import (
	"context"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// Version 1 joined the subscriber with the event of the card processor behind it, whose
// words, minor units and small letters are kept here. customer.created, invoice.created and
// invoice.payment_succeeded are what receivers are known to read; the others are inferred.

func topicsV1() []outbox.Topic {
	return []outbox.Topic{
		topic("customer.created", event.CustomerCreated, event.CustomerImported),
		topic("customer.updated", event.CustomerUpdated),
		topic("customer.deleted", event.CustomerDeleted),
		topic("customer.card.created", event.MethodAttached),
		topic("customer.card.updated", event.MethodUpdated),
		topic("customer.card.deleted", event.MethodDetached),
		topic("customer.subscription.created", event.SubscriptionCreated, event.SubscriptionImported),
		topic("customer.subscription.updated", subscriptionUpdates...),
		topic("customer.subscription.deleted", event.SubscriptionCanceled),
		topic("customer.subscription.trial_will_end", event.TrialEnding),
		topic("plan.created", event.PriceCreated),
		topic("plan.updated", event.PriceReplaced, event.PriceUpdated, event.ProductUpdated),
		topic("invoice.created", event.InvoiceIssued, event.InvoicePaid),
		topic("invoice.payment_succeeded", event.InvoicePaid),
		topic("invoice.payment_failed", event.PaymentDeclined),
		topic("charge.succeeded", event.InvoicePaid),
		topic("charge.failed", event.PaymentDeclined),
		topic("charge.refunded", event.RefundSucceeded),
	}
}

// messageWireV1 is the envelope of version 1.
type messageWireV1 struct {
	Subscriber *subscriberWireV1 `json:"subscriber"` // null when it is nobody's story
	Body       eventV1           `json:"body"`
}

type eventV1 struct {
	ID              string  `json:"id"` // the same in every try
	Object          string  `json:"object"`
	Type            string  `json:"type"`
	Created         int64   `json:"created"`
	Livemode        bool    `json:"livemode"`
	PendingWebhooks int     `json:"pending_webhooks"`
	Request         *string `json:"request"`
	UserID          string  `json:"user_id"`
	Data            struct {
		Object any `json:"object"`
	} `json:"data"`
}

func (d *Door) messageV1(ctx context.Context, c *caller, topic, name string, e event.Event) (any, error) {
	user, err := d.user(ctx, c)
	if err != nil {
		return nil, err
	}
	w := messageWireV1{Body: eventV1{ID: name, Object: "event", Type: topic, Created: e.At.Unix(), Livemode: c.account.Mode == account.Live, PendingWebhooks: 1, UserID: digits(user)}}
	s := speaker{d: d, c: c}
	if e.Customer != 0 && topic != outbox.TestTopic {
		spelt, err := d.oneCustomer(ctx, c, e.Customer)
		if err != nil {
			return nil, err
		}
		subscriber, err := d.spellSubscriber(ctx, c, spelt)
		if err != nil {
			return nil, err
		}
		subscriber.StripeID = e.Customer.String() // what the objects below name their customer by
		w.Subscriber, s.who = &subscriber, spelt
	}
	w.Body.Data.Object, err = s.object(ctx, topic, e)
	return w, err
}

// speaker spells the objects of one event of version 1.
type speaker struct {
	d   *Door
	c   *caller
	who customerWire
}

func (s speaker) live() bool { return s.c.account.Mode == account.Live }

func (s speaker) object(ctx context.Context, topic string, e event.Event) (any, error) {
	acc := s.c.account.ID
	thing, _, _ := strings.Cut(strings.TrimPrefix(topic, "customer."), ".")
	switch {
	case thing == "card":
		m, err := s.d.r.Method(ctx, acc, id.Method(e.Subject))
		return cardV1Of(m), err
	case thing == "subscription":
		v, err := s.d.r.Subscription(ctx, acc, id.Subscription(e.Subject), withPlan)
		if err != nil {
			return nil, err
		}
		return subscriptionV1Of(v), nil
	case strings.HasPrefix(topic, "customer."):
		return s.customer(e.Customer), nil
	case thing == "plan":
		return s.plan(ctx, e)
	case thing == "invoice":
		of, err := invoiceTold(topic, e)
		if err != nil {
			return nil, err
		}
		return s.invoice(ctx, of)
	case thing == "charge":
		of, err := paymentTold(e)
		if err != nil {
			return nil, err
		}
		return s.charge(ctx, of)
	}
	return testWire{testMessage}, nil
}

type customerV1 struct {
	ID          string  `json:"id"`
	Object      string  `json:"object"`
	Created     *int64  `json:"created"`
	Livemode    bool    `json:"livemode"`
	Email       *string `json:"email"`
	Description string  `json:"description"`
	Currency    string  `json:"currency"`
	Deleted     bool    `json:"deleted,omitempty"`
}

func (s speaker) customer(of id.Customer) customerV1 {
	w := s.who
	return customerV1{ID: of.String(), Object: "customer", Created: seconds(w.CreatedAt), Livemode: s.live(), Email: w.Email,
		Description: strings.TrimSpace(word(w.FirstName) + " " + word(w.LastName)), Currency: strings.ToLower(w.Currency), Deleted: w.DeletedAt != nil}
}

// seconds is an instant that was spelt as text, in UNIX seconds.
func seconds(s *string) *int64 {
	at, err := time.Parse(stampForm, word(s))
	if err != nil {
		return nil
	}
	return unix(at)
}

type cardV1 struct {
	ID       string `json:"id"`
	Object   string `json:"object"`
	Customer string `json:"customer"`
	Brand    string `json:"brand"`
	Last4    string `json:"last4"`
	ExpMonth int64  `json:"exp_month"`
	ExpYear  int64  `json:"exp_year"`
	Country  string `json:"country"`
}

func cardV1Of(m payment.Method) cardV1 {
	brand := m.Brand
	if brand == "" {
		brand = m.Kind
	}
	return cardV1{m.ID.String(), "card", m.Customer.String(), brand, m.LastFour, m.Expires % 100, m.Expires / 100, m.Country}
}

type planV1 struct {
	ID              string `json:"id"`
	Object          string `json:"object"`
	Name            string `json:"name"`
	Amount          int64  `json:"amount"`
	Currency        string `json:"currency"`
	Interval        string `json:"interval"`
	IntervalCount   int    `json:"interval_count"`
	TrialPeriodDays *int   `json:"trial_period_days"`
}

func planV1Of(p catalog.Price, name string, amount money.Amount) *planV1 {
	if p.Name != "" {
		name = p.Name
	}
	w := &planV1{ID: p.Plan().String(), Object: "plan", Name: name, Amount: amount.Minor, Currency: small(amount.Currency), Interval: p.Interval.Unit.String(), IntervalCount: p.Interval.Count}
	if p.TrialDays > 0 {
		w.TrialPeriodDays = &p.TrialDays
	}
	if p.Interval.IsZero() {
		w.Interval, w.IntervalCount = "", 0
	}
	return w
}

func small(c money.Currency) string { return strings.ToLower(string(c)) }

func (s speaker) plan(ctx context.Context, e event.Event) (any, error) {
	p, err := s.d.priceTold(ctx, s.c, e)
	if err != nil {
		return nil, err
	}
	product, err := s.d.r.Product(ctx, s.c.account.ID, p.Product)
	return planV1Of(p, product.Product.Name, p.Amount), err
}

type subscriptionV1 struct {
	ID                 string  `json:"id"`
	Object             string  `json:"object"`
	Customer           string  `json:"customer"`
	Plan               *planV1 `json:"plan"`
	Quantity           int64   `json:"quantity"`
	Status             string  `json:"status"`
	Start              *int64  `json:"start"`
	CurrentPeriodStart *int64  `json:"current_period_start"`
	CurrentPeriodEnd   *int64  `json:"current_period_end"`
	TrialStart         *int64  `json:"trial_start"`
	TrialEnd           *int64  `json:"trial_end"`
	CancelAtPeriodEnd  bool    `json:"cancel_at_period_end"`
	EndedAt            *int64  `json:"ended_at"`
}

func subscriptionV1Of(v report.SubscriptionView) subscriptionV1 {
	sub := v.Subscription
	state := string(sub.State)
	if sub.Extras.Unpaid {
		state = "unpaid"
	}
	w := subscriptionV1{ID: sub.ID.String(), Object: "subscription", Customer: sub.Customer.String(), Plan: planV1Of(*v.Price, v.Product.Name, sub.UnitAmount), Quantity: sub.Quantity, Status: state,
		Start: unix(sub.CreatedAt), CurrentPeriodStart: unix(sub.Span.From), CurrentPeriodEnd: unix(sub.Span.To), TrialEnd: unix(sub.TrialTo),
		CancelAtPeriodEnd: !sub.CancelAt.IsZero(), EndedAt: unix(sub.EndedAt)}
	if !sub.TrialTo.IsZero() {
		w.TrialStart = w.Start
	}
	return w
}

type invoiceV1 struct {
	ID           string  `json:"id"`
	Object       string  `json:"object"`
	Customer     string  `json:"customer"`
	Subscription *string `json:"subscription"`
	Charge       *string `json:"charge"`
	Date         *int64  `json:"date"`
	PeriodStart  *int64  `json:"period_start"`
	PeriodEnd    *int64  `json:"period_end"`
	Currency     string  `json:"currency"`
	Subtotal     int64   `json:"subtotal"`
	Tax          int64   `json:"tax"`
	Total        int64   `json:"total"`
	AmountDue    int64   `json:"amount_due"`
	Paid         bool    `json:"paid"`
	Closed       bool    `json:"closed"`
	Attempted    bool    `json:"attempted"`
	AttemptCount int     `json:"attempt_count"`
	Livemode     bool    `json:"livemode"`
	Lines        linesV1 `json:"lines"`
}

type linesV1 struct {
	Object string   `json:"object"`
	Count  int      `json:"count"`
	Data   []lineV1 `json:"data"`
}

type lineV1 struct {
	ID          string  `json:"id"`
	Object      string  `json:"object"`
	Type        string  `json:"type"`
	Description string  `json:"description"`
	Amount      int64   `json:"amount"`
	Currency    string  `json:"currency"`
	Quantity    int64   `json:"quantity"`
	Period      spanV1  `json:"period"`
	Plan        *planV1 `json:"plan"` // null of what is no period of a plan
}

type spanV1 struct {
	Start *int64 `json:"start"`
	End   *int64 `json:"end"`
}

func (s speaker) invoice(ctx context.Context, of id.Invoice) (any, error) {
	acc := s.c.account.ID
	row, err := s.d.r.InvoiceRow(ctx, acc, of)
	if err != nil {
		return nil, err
	}
	b, v := madeBill(row), row.Invoice
	w := invoiceV1{ID: v.ID.String(), Object: "invoice", Customer: v.Customer.String(), Date: unix(v.CreatedAt), PeriodStart: unix(v.Span.From), PeriodEnd: unix(v.Span.To),
		Currency: small(v.Total.Currency), Subtotal: v.Net.Minor, Tax: v.Tax.Minor, Total: v.Total.Minor, AmountDue: v.Due().Minor, Paid: v.State == invoice.Paid,
		Closed: !b.open(), Attempted: len(row.Payments) > 0, AttemptCount: len(row.Payments), Livemode: s.live(), Lines: linesV1{"list", len(row.Lines), []lineV1{}}}
	if row.Subscription != nil {
		w.Subscription = text(row.Subscription.ID.String())
	}
	if p := b.paidBy(); p != nil {
		w.Charge = text(p.ID.String())
	}
	for _, l := range row.Lines {
		line := lineV1{ID: b.itemName(l), Object: "line_item", Type: "invoiceitem", Description: l.Description, Amount: l.Amount.Minor, Currency: small(l.Amount.Currency),
			Quantity: l.Quantity, Period: spanV1{unix(l.Span.From), unix(l.Span.To)}}
		if l.Price != 0 && l.Kind == invoice.ForPeriod {
			if line.Plan, err = s.planAt(ctx, l); err != nil {
				return nil, err
			}
			line.Type = "subscription"
		}
		w.Lines.Data = append(w.Lines.Data, line)
	}
	return w, nil
}

// planAt is the plan of a line, at what a piece of it cost then.
func (s speaker) planAt(ctx context.Context, l invoice.Line) (*planV1, error) {
	p, err := s.d.r.Price(ctx, s.c.account.ID, l.Price)
	if err != nil {
		return nil, err
	}
	product, err := s.d.r.Product(ctx, s.c.account.ID, p.Product)
	return planV1Of(p, product.Product.Name, l.UnitAmount), err
}

type chargeV1 struct {
	ID             string  `json:"id"`
	Object         string  `json:"object"`
	Created        *int64  `json:"created"`
	Livemode       bool    `json:"livemode"`
	Customer       string  `json:"customer"`
	Invoice        string  `json:"invoice"`
	Amount         int64   `json:"amount"`
	Currency       string  `json:"currency"`
	Paid           bool    `json:"paid"`
	Captured       bool    `json:"captured"`
	Status         string  `json:"status"`
	Refunded       bool    `json:"refunded"` // in full
	AmountRefunded int64   `json:"amount_refunded"`
	FailureCode    *string `json:"failure_code"`
	FailureMessage *string `json:"failure_message"`
}

func (s speaker) charge(ctx context.Context, of id.Payment) (any, error) {
	acc := s.c.account.ID
	p, err := s.d.r.Payment(ctx, acc, of)
	if err != nil {
		return nil, err
	}
	refunds, err := s.d.r.RefundsOf(ctx, acc, of)
	if err != nil {
		return nil, err
	}
	w := chargeV1{ID: p.ID.String(), Object: "charge", Created: unix(p.CreatedAt), Livemode: s.live(), Customer: p.Customer.String(), Invoice: p.Invoice.String(), Amount: p.Amount.Minor,
		Currency: small(p.Amount.Currency), Paid: p.State == payment.Paid, Captured: p.State == payment.Paid, Status: chargeStates[p.State]}
	for _, r := range refunds {
		if r.State == payment.Paid {
			w.AmountRefunded += r.Amount.Minor
		}
	}
	w.Refunded = w.Paid && w.AmountRefunded == w.Amount
	if p.State == payment.DeclinedState {
		w.FailureCode, w.FailureMessage = text(p.DeclineCode), text(payment.Words(p.DeclineCode))
	}
	return w, nil
}
