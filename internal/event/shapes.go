package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"perennial/internal/id"
)

// ShapeVersion is the version of the shapes. Within a version a kind may gain a fact; none
// is taken away, renamed or given another type.
const ShapeVersion = 1

// Shape is what the events of a kind look like: what they tell, and the facts in their data.
type Shape struct {
	Text  string // what happened, one sentence
	Facts []Fact
	Open  bool // the facts are not fixed yet: any may come
}

// Fact is one member of the data of an event.
type Fact struct {
	Name     string
	Type     string // a key of factTypes
	Optional bool
}

// factTypes is what each type of a fact is on the wire, as JSON Schema, with an example.
var factTypes = map[string]struct {
	schema  map[string]any
	example any
}{
	"text":     {map[string]any{"type": "string"}, "text"},
	"minor":    {map[string]any{"type": "integer", "description": "Whole minor units of the currency."}, int64(2900)},
	"whole":    {map[string]any{"type": "integer"}, int64(1)},
	"bool":     {map[string]any{"type": "boolean"}, true},
	"decimal":  {map[string]any{"type": "string", "description": "A decimal number."}, "12.5"},
	"currency": {map[string]any{"type": "string", "pattern": "^[A-Z]{3}$"}, "EUR"},
	"time":     {map[string]any{"type": "string", "format": "date-time", "description": "0001-01-01T00:00:00Z when there is none."}, "2026-03-01T12:00:00Z"},
	"id":       {map[string]any{"type": "string", "pattern": "^([a-z]+_[0-9a-hjkmnp-tv-z]{13})?$", "description": "Empty when there is none."}, "sub_01k8x4w0zq2r3"},
}

// known is the type of facts by their names, where the list below names none.
var known = map[string]string{"amount": "minor", "charged": "minor", "credited": "minor", "credit_used": "minor", "currency": "currency", "quantity": "whole", "attempt": "whole",
	"period": "whole", "rules": "whole", "at": "time", "from": "time", "to": "time", "until": "time", "again": "time", "ask_at": "time", "next_charge": "time", "next_try": "time",
	"started": "time", "payment": "id", "invoice": "id", "subscription": "id", "price": "id", "order": "id", "change": "id", "product": "id", "payment_method": "id", "shipping_rule": "id",
	"removed_coupon": "id", "aligned_to": "id", "by": "id", "for_good": "bool", "collect": "bool", "secret_rotated": "bool", "units": "decimal", "rate": "decimal"}

// facts reads a list such as "amount currency attempt? meter:text".
func facts(list string) []Fact {
	var out []Fact
	for _, word := range strings.Fields(list) {
		word, optional := strings.CutSuffix(word, "?")
		name, kind, named := strings.Cut(word, ":")
		if !named {
			kind = known[name]
		}
		if kind == "" {
			kind = "text"
		}
		out = append(out, Fact{name, kind, optional})
	}
	return out
}

func told(text, list string) Shape { return Shape{Text: text, Facts: facts(list)} }

func open(text string) Shape { return Shape{Text: text, Open: true} }

// Shapes is the shape of every kind of events.
var Shapes = map[Kind]Shape{
	AccountCreated:       told("The account was made.", "name mode"),
	AccountUpdated:       told("Settings of the account were changed.", "name shipping_rule? state?"),
	ClockAdvanced:        told("The clock of a sandbox was moved forward.", "from to"),
	APIKeyCreated:        told("An API key was made.", "name hint"),
	APIKeyRevoked:        told("An API key was revoked.", ""),
	MemberAdded:          told("Somebody joined the team.", "role"),
	MemberRemoved:        told("Somebody left the team.", ""),
	EndpointCreated:      told("An endpoint or hook was set up.", "address"),
	EndpointUpdated:      told("An endpoint was changed.", "address state secret_rotated?"),
	EndpointDisabled:     told("An endpoint was disabled because of its failures.", "address reason"),
	EndpointFailing:      told("An endpoint, or the mail server, has failed for half an hour.", "address delivers reason"),
	EndpointWorking:      told("An endpoint, or the mail server, works again.", "address delivers"),
	EndpointRemoved:      told("An endpoint or hook was removed.", "reason?"),
	EndpointTest:         told("A test of this endpoint; it means nothing else.", "message"),
	CampaignCreated:      told("A campaign was made.", "name"),
	CampaignUpdated:      told("A campaign was changed.", "name state"),
	ProductCreated:       told("A product was made.", "name"),
	ProductUpdated:       told("A product was changed.", "name state?"),
	PriceCreated:         told("A price was made.", "product amount? currency? interval?"),
	PriceUpdated:         told("A price was changed.", "name state"),
	CustomerCreated:      told("A customer was made.", "email name"),
	CustomerUpdated:      told("A customer was changed.", "email? name? tax_id_state? answer?"),
	LicenseIssued:        told("A licence was issued.", "key product order guid"),
	LicenseActivated:     told("A licence was activated.", "key product order guid"),
	LicenseCleared:       told("A licence was freed from where it was active.", "key product order guid"),
	LicenseEnabled:       told("A licence was enabled.", "key product order guid"),
	LicenseDisabled:      told("A licence was disabled.", "key product order guid"),
	LicensesUploaded:     told("Licence keys were uploaded for a product.", "keys:whole"),
	LicensesRanOut:       told("Fewer uploaded licence keys were left than were sold.", "order missing:whole"),
	LeadCreated:          told("Somebody began to buy and gave their address.", "email name campaign:id product affiliate:id started"),
	LeadConfirmed:        told("A lead confirmed their address.", "email name campaign:id product affiliate:id started"),
	LeadBought:           told("A lead bought.", "email name campaign:id product affiliate:id started"),
	LeadAbandoned:        told("A lead left without buying: nothing was seen of them for ten minutes.", "email name campaign:id product affiliate:id started"),
	ProgramUpdated:       told("How a campaign is promoted was changed.", "slug open:bool"),
	AffiliateCreated:     told("An affiliate was made.", "name state"),
	AffiliateUpdated:     told("An affiliate was changed.", "name? state? campaign:id?"),
	AffiliateAsked:       told("An affiliate asked to promote a campaign.", "campaign:id"),
	AffiliateApproved:    told("An affiliate may promote a campaign.", "campaign:id"),
	AffiliateDeclined:    told("An affiliate was declined for a campaign.", "campaign:id"),
	ReferralCreated:      told("An affiliate brought a sale.", "affiliate:id order evidence denied"),
	ReferralChanged:      told("A sale was given to another affiliate, denied or allowed.", "affiliate:id denied"),
	CommissionEarned:     told("An affiliate earned a commission.", "affiliate:id amount currency cause tier:whole invoice"),
	CommissionTakenBack:  told("A commission was taken back.", "affiliate:id amount currency cause tier:whole invoice"),
	PayoutCreated:        told("What an affiliate is due was set aside to be paid.", "affiliate:id amount currency"),
	PayoutPaid:           told("An affiliate was paid.", "affiliate:id amount currency"),
	MaterialAdded:        told("Affiliates of a campaign were given something to promote it with.", "campaign:id title"),
	MaterialRemoved:      told("Promo material was taken out of use.", ""),
	PayoutUndone:         told("A payout was undone; what it held is owed as before.", "affiliate:id amount currency"),
	PriceReplaced:        told("Another price of its line took the place of a price.", "by"),
	CustomerDeleted:      told("A customer was deleted.", "forgotten:bool"),
	PasswordSet:          told("A customer got a password.", ""),
	PlaceAdded:           told("A further address of a customer was added.", "address:id"),
	PlaceUpdated:         told("A further address of a customer was changed.", "address:id"),
	PlaceRemoved:         told("A further address of a customer was removed.", "address:id"),
	Answered:             told("A customer answered a question.", "question address:id"),
	QuestionCreated:      told("A question for customers was made.", "name"),
	QuestionUpdated:      told("A question for customers was changed.", "name"),
	DoorKeyCreated:       told("Credentials for clients of another system were made.", "dialect name hint"),
	WidgetCreated:        told("A widget for a site was made.", "name code"),
	WidgetRemoved:        told("A widget for a site was removed.", ""),
	DoorKeyRevoked:       told("Credentials for clients of another system were revoked.", "dialect"),
	CustomerImported:     told("A customer was brought over from another system.", "theirs"),
	MethodAttached:       told("A payment method was saved.", "method"),
	MethodDetached:       told("A payment method was removed.", "method reason?"),
	OrderCompleted:       told("An order was paid, or was free.", "source price quantity"),
	OrderFailed:          told("An order was not paid.", "code source"),
	SubscriptionCreated:  told("A subscription began.", "price quantity state amount currency"),
	SubscriptionImported: told("A subscription was brought over from another system.", "theirs state amount currency started"),
	SubscriptionUpdated:  told("A subscription was changed without a charge.", "removed_coupon? payment_method? payments_left:whole? address? billed_early:whole?"),
	SubscriptionStarted:  told("The trial of a subscription ended and its first paid period began.", "period from to invoice?"),
	SubscriptionRenewed:  told("A subscription was paid for its next period.", "period from to invoice?"),
	SubscriptionPastDue:  told("A payment of a subscription failed; it is tried again.", "invoice code next_try? class? amount? currency? attempt? of:whole? why? access? case:id? charge:bool? ask? link:id? number? words?"),
	SubscriptionResumed:  told("A subscription whose payment had failed was paid.", "period from to invoice?"),
	BillingFailed:        told("A subscription could not be billed; that is tried again, unless it has ended.", "reason again?"),
	CancelScheduled:      told("A subscription will end.", "at words quiet:bool?"),
	CancelUndone:         told("A subscription will go on after all.", ""),
	SubscriptionCanceled: told("A subscription ended.", "reason words? by? dispute:id? case:id? invoice? quiet:bool?"),
	SubscriptionChanged:  told("The terms of a subscription were changed.", "price quantity change charged credited currency direction"),
	ChangeScheduled:      told("The terms of a subscription will change.", "change at price quantity"),
	ChangeUndone:         told("A change of terms that was to come was taken back.", "change"),
	ChangeFailed:         told("A change of terms did not come true.", "change code"),
	SubscriptionPaused:   told("A subscription was paused.", "from? until"),
	PauseScheduled:       told("A subscription will be paused.", "from until"),
	PauseEnded:           told("The pause of a subscription ended.", "next_charge collect?"),
	SubscriptionSkipped:  told("A period of a subscription was skipped.", "next_charge"),
	SubscriptionMoved:    told("The next charge of a subscription was moved.", "next_charge for_good? aligned_to?"),
	Reactivated:          told("A subscription that had ended goes on.", "next_charge"),
	SubscriptionChained:  told("The last instalment was paid and the next price began.", "from:id to:id"),
	ItemAdded:            told("An amount waits for the next invoice.", "amount currency description subscription"),
	ItemRemoved:          told("An amount that waited for the next invoice was taken back.", "amount currency description subscription"),
	InvoiceIssued:        told("An invoice was issued.", "number amount currency"),
	InvoiceUpdated:       told("An invoice will be charged with another payment method.", "payment_method"),
	InvoicePaid:          told("An invoice was paid, or credited in full.", "amount currency number attempt? credit_used? payment? credited?"),
	InvoiceVoided:        told("An invoice was declared void.", "number amount currency"),
	InvoiceUncollectible: told("An invoice was given up.", "number amount currency"),
	CreditNoteIssued:     told("A credit note was issued.", "amount currency number invoice reason"),
	CreditAdded:          told("A customer's credit balance grew.", "amount currency note"),
	CreditTaken:          told("A customer's credit balance was taken from.", "amount currency note"),
	CouponCreated:        told("A coupon was made.", "code"),
	CouponUpdated:        told("A coupon was changed.", "code state"),
	CouponRedeemed:       told("A coupon was used.", "code order subscription"),
	MeterCreated:         told("A meter was made.", "code aggregation"),
	MeterUpdated:         told("A meter was changed.", "name state"),
	PrepaidAdded:         told("A customer has more prepaid units.", "meter units note? order?"),
	TopUpFailed:          told("Prepaid units could not be bought.", "meter price code"),
	TaxProfileCreated:    told("A tax profile was made.", "name rules"),
	TaxProfileUpdated:    told("A tax profile was changed.", "name rules state"),
	ExchangeRateSet:      told("An exchange rate was set.", "currency rate"),
	PaymentDeclined:      told("A payment was declined.", "code class amount currency attempt invoice"),
	PaymentUnknown:       told("A payment has no answer yet; the gateway is asked again.", "amount currency ask_at"),
	RefundCreated:        told("A refund was asked for.", "payment amount currency reason"),
	RefundSucceeded:      told("A refund was made.", "payment amount currency credit_note:id? reason?"),
	RefundFailed:         told("A refund was not made.", "payment amount currency code?"),

	RenewalUpcoming:                open("A subscription will be charged soon."),
	TrialEnding:                    open("A trial will end soon."),
	"subscription.yearly_reminder": open("A subscription has run for another year."),
	"subscription.payment_failed":  open("A payment of a subscription failed and its customer is told."),
	"subscription.unpaid":          open("The last try failed; the subscription waits until it is paid."),
	MethodExpiring:                 open("A payment method will expire soon."),
	"payment_method.updated":       open("The bank replaced the details of a payment method."),
	PaymentNeedsConfirmation:       open("The customer has to confirm a payment."),
	PaymentProcessing:              open("A payment takes days to settle."),
	PaymentUnresolved:              open("Somebody has to find out what became of a payment."),
	"payment.mismatch":             open("What the gateway says of a payment does not fit what was asked for."),
	"payment.marked":               open("Somebody said what became of a payment."),
	"refund.marked":                open("Somebody said what became of a refund."),
	"refund.unresolved":            open("A refund cannot be settled without a person."),
	DisputeOpened:                  open("A customer disputes a payment."),
	"dispute.updated":              open("A dispute changed."),
	DisputeWon:                     open("A dispute was won."),
	DisputeLost:                    open("A dispute was lost."),
	"dispute.closed":               open("A warning of a dispute went no further."),
	"gateway.created":              open("A gateway was connected."),
	"gateway.updated":              open("A gateway was changed."),
	"gateway.secret_rotated":       open("A gateway has a new signing secret."),
	GatewayFailing:                 told("A gateway has not answered for half an hour.", "name reason"),
	GatewayWorking:                 told("A gateway answers again.", "name"),
	"gateway.reconciled":           open("The books were compared with a gateway's."),
	"recovery_policy.created":      open("A policy for failed payments was made."),
	"recovery_policy.updated":      open("A policy for failed payments was changed."),
	"link.created":                 open("A link for a customer was made."),
	"link.requested":               open("A customer asked for a new link."),
	"link.used":                    open("A link was used."),
	MailSettingsUpdated:            open("How mails are sent was changed."),
	BrandingUpdated:                open("The look of mails was changed."),
	CampaignBranded:                open("The look of a campaign's mails was changed."),
	TemplateUpdated:                open("The text of a mail was changed."),
	TemplateRemoved:                open("The text of a mail is the built-in one again."),
	MailsChosen:                    open("A customer chose which mails to get."),
	AddressSuppressed:              open("Nothing is mailed to an address any more."),
	AddressReleased:                open("An address is mailed to again."),
	MailBounced:                    open("A mail could not be delivered."),
}

// Check tells whether an event has the shape of its kind, and whether its kind has one.
func Check(e Event) error {
	shape, ok := Shapes[e.Kind]
	if !ok {
		return fmt.Errorf("event: the kind %s has no shape", e.Kind)
	}
	d := json.NewDecoder(strings.NewReader(e.Data))
	d.UseNumber()
	var data map[string]any
	if err := d.Decode(&data); err != nil || data == nil {
		return fmt.Errorf("event: the data of %s is no object: %s", e.Kind, e.Data)
	}
	if shape.Open {
		return nil
	}
	for _, f := range shape.Facts {
		value, given := data[f.Name]
		delete(data, f.Name)
		if !given && !f.Optional || given && !fits(f.Type, value) {
			return fmt.Errorf("event: %s should have %s as %s: %s", e.Kind, f.Name, f.Type, e.Data)
		}
	}
	for name := range data {
		return fmt.Errorf("event: the shape of %s knows no %s: %s", e.Kind, name, e.Data)
	}
	return nil
}

// fits reports whether a value is of the type of a fact.
func fits(kind string, value any) bool {
	if kind == "bool" {
		_, ok := value.(bool)
		return ok
	}
	if kind == "minor" || kind == "whole" {
		n, ok := value.(json.Number)
		if !ok {
			return false
		}
		_, err := n.Int64()
		return err == nil
	}
	text, ok := value.(string)
	switch {
	case !ok:
		return false
	case kind == "time":
		_, err := time.Parse(time.RFC3339Nano, text)
		return err == nil
	case kind == "currency":
		return len(text) == 3 && strings.ToUpper(text) == text
	case kind == "decimal":
		return text != "" && strings.Trim(text, "-0123456789.") == ""
	case kind == "id":
		return text == "" || len(text) > 14 && text[len(text)-14] == '_'
	}
	return true
}

// Schema is the JSON Schema (2020-12) of the bodies that tell of events of the kind.
func (s Shape) Schema(kind Kind) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range s.Facts {
		properties[f.Name] = factTypes[f.Type].schema
		if !f.Optional {
			required = append(required, f.Name)
		}
	}
	text := func(more map[string]any) map[string]any {
		more["type"] = "string"
		return more
	}
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "/v1/event-schemas/" + string(kind), "title": string(kind), "description": s.Text,
		"x-version": ShapeVersion, "type": "object",
		"properties": map[string]any{
			"id":         text(map[string]any{"description": "The same at every try: by it a receiver knows what it has already."}),
			"type":       map[string]any{"const": string(kind)},
			"created_at": text(map[string]any{"format": "date-time", "description": "On the account's own clock."}),
			"account":    text(map[string]any{}),
			"subject":    text(map[string]any{"description": "The id of the thing that the type names."}),
			"sequence":   map[string]any{"type": "integer", "minimum": 1, "description": "1, 2, 3 … among the events of the subject, without a gap."},
			"customer":   text(map[string]any{"description": "Whose story it belongs to; left out when nobody's."}),
			"data":       map[string]any{"type": "object", "properties": properties, "required": required},
		},
		"required": []string{"id", "type", "created_at", "account", "subject", "sequence", "data"},
	}
}

// Sample is an event of the kind that is made up, for whoever sets something up before the
// first one happened.
func (s Shape) Sample(account id.Account, kind Kind, at time.Time) Event {
	data := map[string]any{}
	for _, f := range s.Facts {
		data[f.Name] = factTypes[f.Type].example
	}
	thing, _, _ := strings.Cut(string(kind), ".")
	e := Event{ID: id.Event(1), Account: account, At: at, Kind: kind, Subject: 1, Sequence: 1, Actor: Clock, Data: Data(data)}
	switch thing {
	case "customer", "payment_method", "order", "subscription", "invoice", "payment", "refund", "credit_note", "invoice_item":
		e.Customer = id.Customer(1)
	}
	return e
}

// Kinds is every kind that has a shape, in the order of their names.
func Kinds() []Kind {
	list := make([]Kind, 0, len(Shapes))
	for kind := range Shapes {
		list = append(list, kind)
	}
	slices.SortFunc(list, func(a, b Kind) int { return bytes.Compare([]byte(a), []byte(b)) })
	return list
}
