package payment

import (
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// GatewayState says whether a gateway account takes new sales.
type GatewayState string

// The states of a gateway account. At a disabled one nothing new is sold or saved; what
// is there already is charged on, refunded and asked for.
const (
	GatewayActive   GatewayState = "active"
	GatewayDisabled GatewayState = "disabled"
)

// GatewayAccount is a merchant's account at a gateway. Its secrets are sealed.
type GatewayAccount struct {
	ID        id.GatewayAccount
	Account   id.Account
	Kind      string // "stripe", "manual" …
	Name      string
	State     GatewayState
	Settings  GatewaySettings
	Secret    string // sealed GatewaySecrets
	Default   bool
	Cursor    string    // the last notice that was read from the gateway's list
	PollAt    time.Time // when that list is read again, on the machine's clock; zero: never
	Reconcile time.Time // when its books are compared again, on the machine's clock; zero: never
	Health    Health
	CreatedAt time.Time
	Version   int64
}

// Health is how the last contacts with a gateway went, on the machine's clock.
type Health struct {
	LastNotice  time.Time // zero: none came yet
	LastError   string    // "" when there was none, or it is over
	LastErrorAt time.Time
	// FailingSince is the first failure since the last success; zero while there is none.
	FailingSince time.Time
	Outage       bool // it was told that it fails, and not yet that it works
}

// OutageAfter is how long a gateway does nothing but fail before it is told.
const OutageAfter = 30 * time.Minute

// Note notes how a contact went: with "" it went well. It reports whether an outage began
// or ended by it.
func (h *Health) Note(failure string, now time.Time) (turned bool) {
	if failure == "" {
		turned = h.Outage
		h.LastError, h.FailingSince, h.Outage = "", time.Time{}, false
		return turned
	}
	h.LastError, h.LastErrorAt = failure, now
	if h.FailingSince.IsZero() {
		h.FailingSince = now
	}
	if !h.Outage && now.Sub(h.FailingSince) >= OutageAfter {
		h.Outage, turned = true, true
	}
	return turned
}

// GatewayName is the gateway of payments and methods of the account: its public id.
func (g GatewayAccount) GatewayName() string { return g.ID.String() }

// GatewaySettings is what a gateway account shows to browsers.
type GatewaySettings struct {
	PublishableKey   string `json:"publishable_key,omitempty"`   // for the gateway's script
	ConnectedAccount string `json:"connected_account,omitempty"` // of a platform; "" for the keys' own
	Instructions     string `json:"instructions,omitempty"`      // how to pay, for gateways that move no money themselves
}

// GatewaySecrets is what a gateway account must never show.
type GatewaySecrets struct {
	APIKey string `json:"api_key,omitempty"`
	// WebhookSecrets sign notices: the present one and, while it is being replaced, the
	// one before.
	WebhookSecrets []string `json:"webhook_secrets,omitempty"`
}

// Check refuses secrets that cannot be any, under the names api_key and webhook_secrets.
func (s GatewaySecrets) Check() error {
	word := func(text string) bool {
		return len(text) <= maxKey && !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' })
	}
	var f fault.Fields
	f.Check(word(s.APIKey), "api_key", "must be at most %d printable characters without spaces", maxKey)
	for _, secret := range s.WebhookSecrets {
		f.Check(word(secret), "webhook_secrets", "must be at most %d printable characters without spaces", maxKey)
	}
	return f.Err()
}

// ByHand is the Trouble of a payment that a person settled: no gateway knows better.
const ByHand = "by_hand"

const (
	maxKey          = 300
	maxInstructions = 4_000
)

// plain reports whether s is text without control characters but line feeds.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\n' || c == 0x7f })
}

// Check refuses a gateway account that cannot be.
func (g GatewayAccount) Check() error {
	var f fault.Fields
	f.Check(strings.TrimSpace(g.Name) != "" && len(g.Name) <= 120 && plain(g.Name) && !strings.Contains(g.Name, "\n"),
		"name", "must be 1 to 120 bytes of plain text")
	f.Check(!cardnumber.In(g.Name), "name", "must not hold a card number")
	f.Check(g.State == GatewayActive || g.State == GatewayDisabled, "state", "must be active or disabled")
	f.Check(!g.Default || g.State == GatewayActive, "default", "must be an active gateway account")
	f.Check(len(g.Settings.PublishableKey) <= maxKey && plain(g.Settings.PublishableKey), "publishable_key", "must be at most %d bytes of plain text", maxKey)
	f.Check(len(g.Settings.ConnectedAccount) <= maxKey && plain(g.Settings.ConnectedAccount), "connected_account", "must be at most %d bytes of plain text", maxKey)
	f.Check(len(g.Settings.Instructions) <= maxInstructions && plain(g.Settings.Instructions), "instructions", "must be at most %d bytes of plain text", maxInstructions)
	f.Check(!cardnumber.In(g.Settings.PublishableKey), "publishable_key", "must not hold a card number")
	return f.Err()
}

// Dispute is a customer's bank taking a payment back, or asking to.
type Dispute struct {
	ID       id.Dispute
	Account  id.Account
	Payment  id.Payment
	Invoice  id.Invoice
	Customer id.Customer
	Gateway  string
	Booked   string // the ledger's book on which its money stands; "" before anything moved
	Disputed
	Version int64
}

// Follow takes over how a gateway tells the dispute now. It reports whether anything
// of it changed. What was moved is fixed when the dispute is opened: a gateway that
// tells another amount later is not believed.
func (d *Dispute) Follow(now Disputed) (changed bool) {
	before := d.Disputed
	d.Reason, d.State, d.EvidenceBy, d.ClosedAt = now.Reason, now.State, now.EvidenceBy, now.ClosedAt
	return d.Reason != before.Reason || d.State != before.State || !d.EvidenceBy.Equal(before.EvidenceBy) || !d.ClosedAt.Equal(before.ClosedAt)
}

// NoticeState is how far a stored notice is.
type NoticeState string

// The states of a stored notice.
const (
	NoticeWaiting NoticeState = "waiting"
	NoticeDone    NoticeState = "done"
	NoticeFailed  NoticeState = "failed" // tried as often as makes sense; a person may replay it
)

// Told is a notice as it is kept and worked off.
type Told struct {
	Row     id.GatewayNotice
	Account id.Account
	Gateway string // its name, as payments have it
	Notice
	State      NoticeState
	Tries      int
	NextAt     time.Time // on the machine's clock; zero when it is not waiting
	Failure    string
	ReceivedAt time.Time
}

// noticeDelays are the waits between the tries of a notice: about a day in all.
var noticeDelays = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour}

// Done notes that a notice was worked off.
func (t *Told) Done() { t.State, t.NextAt, t.Failure = NoticeDone, time.Time{}, "" }

// Failed notes that working a notice off failed at now, and sets when it is tried again.
func (t *Told) Failed(why string, now time.Time) {
	t.Tries++
	t.Failure = why
	if t.Tries > len(noticeDelays) {
		t.State, t.NextAt = NoticeFailed, time.Time{}
		return
	}
	t.NextAt = now.Add(noticeDelays[t.Tries-1])
}
