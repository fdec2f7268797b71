// Package event keeps the append-only record of everything that happened: what,
// when, to whom, and who did it. Every change that any door makes ends here, so
// the audit log comes free. Append also writes, in the same transaction, what is
// owed to the outside because of it.
//
// It does not own what an event means: the stories in commerce choose kinds and
// data. Events are never changed or removed; a correction is a new event.
package event

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
)

// ActorKind is who or what did something.
type ActorKind string

// The kinds of actors.
const (
	ByKey      ActorKind = "api_key"  // a program with an API key
	ByMember   ActorKind = "member"   // a member of the merchant's team
	ByCustomer ActorKind = "customer" // the buyer
	ByClock    ActorKind = "clock"    // something fell due
	ByOperator ActorKind = "operator" // the person at the machine, through the command line
)

// Actor is who did something: a kind, and a name that people recognise.
type Actor struct {
	Kind ActorKind
	Name string
}

// Clock is the actor of everything that falls due.
var Clock = Actor{Kind: ByClock, Name: "clock"}

// Kind is a dotted word: the thing, then what happened to it.
type Kind string

// The kinds of events.
const (
	AccountCreated       Kind = "account.created"
	AccountUpdated       Kind = "account.updated"
	ClockAdvanced        Kind = "account.clock_advanced"
	APIKeyCreated        Kind = "api_key.created"
	APIKeyRevoked        Kind = "api_key.revoked"
	MemberAdded          Kind = "member.added"
	MemberRemoved        Kind = "member.removed"
	EndpointCreated      Kind = "endpoint.created"
	EndpointUpdated      Kind = "endpoint.updated"
	EndpointDisabled     Kind = "endpoint.disabled"
	EndpointFailing      Kind = "endpoint.failing" // for half an hour
	EndpointWorking      Kind = "endpoint.working" // again
	EndpointRemoved      Kind = "endpoint.removed"
	EndpointTest         Kind = "endpoint.test" // told to that endpoint alone
	CampaignCreated      Kind = "campaign.created"
	CampaignUpdated      Kind = "campaign.updated"
	ProductCreated       Kind = "product.created"
	ProductUpdated       Kind = "product.updated"
	PriceCreated         Kind = "price.created"
	PriceUpdated         Kind = "price.updated"
	CustomerCreated      Kind = "customer.created"
	CustomerUpdated      Kind = "customer.updated"
	CustomerImported     Kind = "customer.imported"
	MethodAttached       Kind = "payment_method.attached"
	MethodDetached       Kind = "payment_method.detached"
	OrderCompleted       Kind = "order.completed"
	OrderFailed          Kind = "order.failed"
	SubscriptionCreated  Kind = "subscription.created"
	SubscriptionImported Kind = "subscription.imported"
	SubscriptionUpdated  Kind = "subscription.updated"
	SubscriptionStarted  Kind = "subscription.trial_ended"
	SubscriptionRenewed  Kind = "subscription.renewed"
	SubscriptionPastDue  Kind = "subscription.past_due"
	SubscriptionResumed  Kind = "subscription.recovered"
	BillingFailed        Kind = "subscription.billing_failed" // it could not be invoiced; looked at again later
	CancelScheduled      Kind = "subscription.cancel_scheduled"
	CancelUndone         Kind = "subscription.cancel_undone"
	SubscriptionCanceled Kind = "subscription.canceled"
	SubscriptionChanged  Kind = "subscription.changed"
	ChangeScheduled      Kind = "subscription.change_scheduled"
	ChangeUndone         Kind = "subscription.change_undone"
	ChangeFailed         Kind = "subscription.change_failed"
	SubscriptionPaused   Kind = "subscription.paused"
	PauseScheduled       Kind = "subscription.pause_scheduled"
	PauseEnded           Kind = "subscription.unpaused"
	SubscriptionSkipped  Kind = "subscription.skipped"
	SubscriptionMoved    Kind = "subscription.rescheduled" // its next charge date was moved
	Reactivated          Kind = "subscription.reactivated"
	SubscriptionChained  Kind = "subscription.chained" // its last instalment was paid and the next price began
	ItemAdded            Kind = "invoice_item.added"
	ItemRemoved          Kind = "invoice_item.removed"
	InvoiceUncollectible Kind = "invoice.uncollectible"
	CreditNoteIssued     Kind = "credit_note.issued"
	CreditAdded          Kind = "customer.credit_added" // to the customer's credit balance
	CreditTaken          Kind = "customer.credit_taken"
	CouponCreated        Kind = "coupon.created"
	CouponUpdated        Kind = "coupon.updated"
	CouponRedeemed       Kind = "coupon.redeemed"
	MeterCreated         Kind = "meter.created"
	MeterUpdated         Kind = "meter.updated"
	PrepaidAdded         Kind = "customer.prepaid_added" // units of a meter were bought or given
	TopUpFailed          Kind = "customer.top_up_failed"
	TaxProfileCreated    Kind = "tax_profile.created"
	TaxProfileUpdated    Kind = "tax_profile.updated"
	ExchangeRateSet      Kind = "account.exchange_rate_set"
	InvoiceIssued        Kind = "invoice.issued"
	InvoicePaid          Kind = "invoice.paid"
	InvoiceUpdated       Kind = "invoice.updated" // it will be charged with another payment method
	InvoiceVoided        Kind = "invoice.voided"
	PaymentDeclined      Kind = "payment.declined"
	PaymentUnknown       Kind = "payment.unknown"
	PaymentMismatch      Kind = "payment.mismatch" // what a gateway says does not fit what was asked for
	PaymentMarked        Kind = "payment.marked"   // a person said what became of it
	MethodUpdated        Kind = "payment_method.updated"
	DisputeUpdated       Kind = "dispute.updated"
	DisputeClosed        Kind = "dispute.closed" // a warning that went no further
	GatewayCreated       Kind = "gateway.created"
	GatewayUpdated       Kind = "gateway.updated"
	GatewayRotated       Kind = "gateway.secret_rotated"
	GatewayReconciled    Kind = "gateway.reconciled"
	GatewayFailing       Kind = "gateway.failing" // for half an hour
	GatewayWorking       Kind = "gateway.working" // again
	RefundCreated        Kind = "refund.created"
	RefundSucceeded      Kind = "refund.succeeded"
	RefundFailed         Kind = "refund.failed"
	RefundMarked         Kind = "refund.marked"     // a person said what became of it
	RefundUnresolved     Kind = "refund.unresolved" // it cannot be settled without a person

	// What is about to happen, said ahead so that nobody is surprised.
	RenewalUpcoming Kind = "subscription.renewal_upcoming"
	TrialEnding     Kind = "subscription.trial_ending"
	MethodExpiring  Kind = "payment_method.expiring"

	PaymentNeedsConfirmation Kind = "payment.needs_confirmation" // the customer has to confirm it at the bank
	PaymentProcessing        Kind = "payment.processing"         // the bank settles it in days
	PaymentUnresolved        Kind = "payment.unresolved"         // a person has to find out what became of it
	DisputeOpened            Kind = "dispute.opened"
	DisputeWon               Kind = "dispute.won"
	DisputeLost              Kind = "dispute.lost"

	MailSettingsUpdated Kind = "account.mail_updated"
	BrandingUpdated     Kind = "account.branding_updated"
	CampaignBranded     Kind = "campaign.branding_updated"
	TemplateUpdated     Kind = "account.mail_template_updated"
	TemplateRemoved     Kind = "account.mail_template_removed"
	MailsChosen         Kind = "customer.mails_chosen" // which of the optional mails a customer gets
	AddressSuppressed   Kind = "account.address_suppressed"
	AddressReleased     Kind = "account.address_released"
	MailBounced         Kind = "mail.bounced"
	YearlyReminder      Kind = "subscription.yearly_reminder"

	// Recovery of failed payments.
	PaymentFailing        Kind = "subscription.payment_failed" // the customer is to be told, at every step that says so
	SubscriptionUnpaid    Kind = "subscription.unpaid"         // the last try failed; it waits until somebody pays
	RecoveryPolicyCreated Kind = "recovery_policy.created"
	RecoveryPolicyUpdated Kind = "recovery_policy.updated"
	LinkCreated           Kind = "link.created"   // by hand
	LinkRequested         Kind = "link.requested" // by the customer, who is to be mailed a new one
	LinkUsed              Kind = "link.used"

	PriceReplaced   Kind = "price.replaced" // by another of its line, which is sold from now on
	CustomerDeleted Kind = "customer.deleted"
	PasswordSet     Kind = "customer.password_set"
	PlaceAdded      Kind = "customer.address_added" // a further one
	PlaceUpdated    Kind = "customer.address_updated"
	PlaceRemoved    Kind = "customer.address_removed"
	Answered        Kind = "customer.answered" // a question of the merchant's
	QuestionCreated Kind = "question.created"
	QuestionUpdated Kind = "question.updated"
	DoorKeyCreated  Kind = "door_key.created"
	DoorKeyRevoked  Kind = "door_key.revoked"
	WidgetCreated   Kind = "widget.created"
	WidgetRemoved   Kind = "widget.removed"

	// Affiliates.
	ProgramUpdated      Kind = "campaign.program_updated"
	AffiliateCreated    Kind = "affiliate.created"
	AffiliateUpdated    Kind = "affiliate.updated"
	AffiliateAsked      Kind = "affiliate.asked" // to promote a campaign
	AffiliateApproved   Kind = "affiliate.approved"
	AffiliateDeclined   Kind = "affiliate.declined"
	ReferralCreated     Kind = "referral.created"
	ReferralChanged     Kind = "referral.changed"
	CommissionEarned    Kind = "commission.earned"
	CommissionTakenBack Kind = "commission.taken_back"
	PayoutCreated       Kind = "payout.created"
	PayoutPaid          Kind = "payout.paid"
	PayoutUndone        Kind = "payout.undone"
	MaterialAdded       Kind = "material.added"
	MaterialRemoved     Kind = "material.removed"

	LicenseIssued    Kind = "license.issued"
	LicenseActivated Kind = "license.activated"
	LicenseCleared   Kind = "license.cleared"
	LicenseEnabled   Kind = "license.enabled"
	LicenseDisabled  Kind = "license.disabled"
	LicensesUploaded Kind = "product.licenses_uploaded"
	LicensesRanOut   Kind = "product.licenses_ran_out" // fewer keys were left than were sold
	LeadCreated      Kind = "lead.created"
	LeadConfirmed    Kind = "lead.confirmed"
	LeadBought       Kind = "lead.bought"
	LeadAbandoned    Kind = "lead.abandoned"
)

// Event is one thing that happened.
type Event struct {
	ID       id.Event
	Account  id.Account
	At       time.Time // on the account's own clock
	Kind     Kind
	Subject  int64       // the id of the thing that Kind names
	Sequence int64       // 1, 2, 3 … among the events of Subject, without a gap; Append gives it
	Customer id.Customer // whose story it belongs to; 0 when nobody's
	Actor    Actor
	Data     string // a JSON object with the facts of that kind
	Inward   bool   // kept, but told to nobody outside, nor by a replay
}

// SubjectID is the public spelling of the event's subject.
func (e Event) SubjectID() string {
	thing, _, _ := strings.Cut(string(e.Kind), ".")
	switch thing {
	case "account":
		return id.Account(e.Subject).String()
	case "api_key":
		return id.APIKey(e.Subject).String()
	case "member":
		return id.Member(e.Subject).String()
	case "endpoint":
		return id.Endpoint(e.Subject).String()
	case "campaign":
		return id.Campaign(e.Subject).String()
	case "product":
		return id.Product(e.Subject).String()
	case "price":
		return id.Price(e.Subject).String()
	case "customer":
		return id.Customer(e.Subject).String()
	case "payment_method":
		return id.Method(e.Subject).String()
	case "order":
		return id.Order(e.Subject).String()
	case "subscription":
		return id.Subscription(e.Subject).String()
	case "invoice":
		return id.Invoice(e.Subject).String()
	case "payment":
		return id.Payment(e.Subject).String()
	case "refund":
		return id.Refund(e.Subject).String()
	case "dispute":
		return id.Dispute(e.Subject).String()
	case "gateway":
		return id.GatewayAccount(e.Subject).String()
	case "credit_note":
		return id.CreditNote(e.Subject).String()
	case "invoice_item":
		return id.Item(e.Subject).String()
	case "coupon":
		return id.Coupon(e.Subject).String()
	case "meter":
		return id.Meter(e.Subject).String()
	case "mail":
		return id.Delivery(e.Subject).String()
	case "recovery_policy":
		return id.RecoveryPolicy(e.Subject).String()
	case "link":
		return id.Link(e.Subject).String()
	case "tax_profile":
		return id.TaxProfile(e.Subject).String()
	case "question":
		return id.Question(e.Subject).String()
	case "widget":
		return id.Widget(e.Subject).String()
	case "door_key":
		return id.DoorKey(e.Subject).String()
	case "affiliate":
		return id.Affiliate(e.Subject).String()
	case "referral":
		return id.Referral(e.Subject).String()
	case "commission":
		return id.Commission(e.Subject).String()
	case "payout":
		return id.Payout(e.Subject).String()
	case "material":
		return id.Material(e.Subject).String()
	case "license":
		return id.License(e.Subject).String()
	case "lead":
		return id.Lead(e.Subject).String()
	}
	return ""
}

// Data spells the facts of an event as JSON. The values are ours (strings,
// numbers, public ids), so it cannot fail; a value that JSON does not know is a
// defect and panics.
func Data(facts map[string]any) string {
	b, err := json.Marshal(facts)
	if err != nil {
		panic("event: " + err.Error())
	}
	return string(b)
}

// New makes an event with an id of its own.
func New(account id.Account, at time.Time, by Actor, kind Kind, subject int64, customer id.Customer, data string) Event {
	return Event{ID: id.New[id.Event](), Account: account, At: at, Kind: kind, Subject: subject, Customer: customer, Actor: by, Data: data}
}

var table = db.NewTable("event", db.Int("account_id"), db.Int("id"), db.Int("at"), db.Text("kind"), db.Int("subject_id"),
	db.NullInt("customer_id"), db.Text("actor_kind"), db.Text("actor"), db.Text("data"), db.Int("sequence"), db.Bool("inward"))

// Appended is what Append notes on its transaction: the events that it wrote.
type Appended []Event

// Append writes events of one account, in order, and what is owed to the account's
// endpoints because of them. Each gets the next number of its subject.
func Append(tx *db.Tx, account id.Account, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := insert(tx, account, events); err != nil {
		return err
	}
	tx.Note(Appended(events))
	if slices.ContainsFunc(events, func(e Event) bool { return e.Inward }) {
		events = slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return e.Inward })
	}
	return outbox.Owe(tx, account, len(events), func(i int) (id.Event, string, time.Time) {
		return events[i].ID, string(events[i].Kind), events[i].At
	})
}

// insert numbers events and writes them.
func insert(tx *db.Tx, account id.Account, events []Event) error {
	if err := number(tx, account, events); err != nil {
		return err
	}
	return tx.Insert(table, len(events), func(i int, r *db.Row) {
		e := &events[i]
		r.Int(int64(account))
		r.Int(int64(e.ID))
		r.Time(e.At)
		r.Text(string(e.Kind))
		r.Int(e.Subject)
		r.NullInt(int64(e.Customer), e.Customer != 0)
		r.Text(string(e.Actor.Kind))
		r.Text(e.Actor.Name)
		r.Text(e.Data)
		r.Int(e.Sequence)
		r.Bool(e.Inward)
	})
}

const columns = "id, at, kind, subject_id, customer_id, actor_kind, actor, data, sequence, inward"

func scan(row db.Scan, account id.Account, list *[]Event) error {
	e := Event{Account: account}
	err := row(&e.ID, db.ScanTime(&e.At), &e.Kind, &e.Subject, db.ScanNull(&e.Customer), &e.Actor.Kind, &e.Actor.Name, &e.Data, &e.Sequence, &e.Inward)
	*list = append(*list, e)
	return err
}

// Filter narrows a list of events.
type Filter struct {
	Customer id.Customer // only that customer's story; 0 for all
	Before   id.Event    // only older ones; 0 for all
	Kind     Kind        // only that kind; "" for all
	Limit    int         // at most so many, newest first
}

// List is the account's events, newest first.
func List(tx *db.Tx, account id.Account, f Filter) ([]Event, error) {
	before := int64(f.Before)
	if before == 0 {
		before = 1<<63 - 1
	}
	var list []Event
	each := func(row db.Scan) error { return scan(row, account, &list) }
	if f.Customer != 0 {
		err := tx.Each(each, "select "+columns+` from event where account_id = $1 and customer_id = $2 and id < $3
			and ($4 = '' or kind = $4) order by id desc limit $5`, account, f.Customer, before, f.Kind, f.Limit)
		return list, err
	}
	err := tx.Each(each, "select "+columns+` from event where account_id = $1 and id < $2
		and ($3 = '' or kind = $3) order by id desc limit $4`, account, before, f.Kind, f.Limit)
	return list, err
}

// ByID is the events with those ids, as far as the account has them.
func ByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Event]Event, error) {
	var list []Event
	err := tx.Each(func(row db.Scan) error { return scan(row, account, &list) },
		"select "+columns+" from event where account_id = $1 and "+tx.AnyOf("id", 2), account, tx.List(ids))
	found := make(map[id.Event]Event, len(list))
	for _, e := range list {
		found[e.ID] = e
	}
	return found, err
}

// Load is one event; NotFound when the account has none with that id.
func Load(tx *db.Tx, account id.Account, event id.Event) (Event, error) {
	var list []Event
	err := tx.Each(func(row db.Scan) error { return scan(row, account, &list) },
		"select "+columns+" from event where account_id = $1 and id = $2", account, event)
	if err != nil {
		return Event{}, err
	}
	if len(list) == 0 {
		return Event{}, fault.New(fault.NotFound, "there is no event with that id")
	}
	return list[0], nil
}

// OfSubjects is what happened to subjects that belong to customers, of each oldest first.
func OfSubjects(tx *db.Tx, account id.Account, customers, subjects []int64) (map[int64][]Event, error) {
	wanted := make(map[int64]bool, len(subjects))
	for _, s := range subjects {
		wanted[s] = true
	}
	var list []Event
	err := tx.Each(func(row db.Scan) error { return scan(row, account, &list) },
		"select "+columns+" from event where account_id = $1 and "+tx.AnyOf("customer_id", 2)+" order by customer_id, id", account, tx.List(customers))
	found := map[int64][]Event{}
	for _, e := range list {
		if wanted[e.Subject] {
			found[e.Subject] = append(found[e.Subject], e)
		}
	}
	return found, err
}
