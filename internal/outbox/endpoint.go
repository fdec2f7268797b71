package outbox

import (
	"strings"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
)

// Kind is the sort of an endpoint, which says who delivers to it.
type Kind string

// The kinds of endpoints.
const (
	Webhook Kind = "webhook" // an HTTP address that receives signed JSON
	// Mail is built in: every account has exactly one, which stands for the inboxes of
	// its customers and its team. It is not counted, listed or removed with webhooks,
	// and no failures disable it: what it is owed must reach somebody.
	Mail Kind = "mail"
	// Hook is an address that an automation service subscribed, and unsubscribes itself.
	// It receives what a webhook receives; one that answers that it is gone is removed.
	Hook Kind = "hook"
)

// EndpointState says whether an endpoint receives anything.
type EndpointState string

// The states of an endpoint. A disabled endpoint is owed no new events; what it
// was owed before waits until it is enabled again.
const (
	Enabled  EndpointState = "enabled"
	Disabled EndpointState = "disabled"
)

// Limits on what a merchant may set up.
const (
	MaxEndpoints = 32  // of one account: each event costs a row for each of them
	MaxHooks     = 100 // of one account: each mostly wants one kind of event
	MaxFilters   = 64  // of one endpoint; of one that speaks a dialect, its topics with their kinds
	MaxInFlight  = 32  // deliveries under way to one endpoint
	MaxHeaders   = 10  // extra request headers of one endpoint
)

// Endpoint is a place outside that receives events of one account.
type Endpoint struct {
	ID      id.Endpoint
	Account id.Account
	Kind    Kind
	Address string
	Secret  string // sealed; what deliveries are signed with

	OldSecret      string    // sealed; signs too until OldSecretUntil, "" when there is none
	OldSecretUntil time.Time // machine time

	// Dialect is whose bodies and signatures it gets, "" for our own. It never changes.
	Dialect      string
	Settings     Settings // of one with a dialect
	Events       Filter
	Headers      []Header // sent with each delivery
	InFlight     int      // deliveries under way at once, 1 to MaxInFlight; with 1 they mostly come in order
	State        EndpointState
	FailingSince time.Time // machine time of the first failure since the last success; zero while it works
	Failures     int       // failed tries since FailingSince, counted up to three; four once the outage was told
	Failure      string    // why the program disabled it; "" when it did not
	CreatedAt    time.Time
	Version      int64
}

// Outage reports whether it was told that the endpoint fails, and not yet that it works.
func (e Endpoint) Outage() bool { return e.Failures == toldOutage }

// NewEndpoint makes an enabled endpoint with a sealed secret.
func NewEndpoint(account id.Account, kind Kind, address, secret string, events Filter, now time.Time) Endpoint {
	return Endpoint{ID: id.New[id.Endpoint](), Account: account, Kind: kind, Address: address, Secret: secret,
		Events: events, InFlight: 1, State: Enabled, CreatedAt: now, Version: 1}
}

// Header is an extra request header of an endpoint.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"` // sealed
}

// MailEndpointOf is the id of an account's built-in endpoint for mails: the number of
// the account, so that it is found without looking for it.
func MailEndpointOf(account id.Account) id.Endpoint { return id.Endpoint(account) }

// NewMailEndpoint makes the built-in endpoint of a new account.
func NewMailEndpoint(account id.Account, events Filter, now time.Time) Endpoint {
	e := NewEndpoint(account, Mail, "", "", events, now)
	e.ID = MailEndpointOf(account)
	e.InFlight = 4
	return e
}

// Rotate gives the endpoint a new sealed secret. The old one goes on signing
// beside it for the span given, so that the receiver can change over.
func (e *Endpoint) Rotate(secret string, now time.Time, span time.Duration) {
	e.OldSecret, e.OldSecretUntil = e.Secret, now.Add(span)
	e.Secret = secret
}

// Secrets are the sealed secrets that sign at an instant, the newest first.
func (e *Endpoint) Secrets(now time.Time) []string {
	if e.OldSecret != "" && now.Before(e.OldSecretUntil) {
		return []string{e.Secret, e.OldSecret}
	}
	return []string{e.Secret}
}

// Enable lets the endpoint receive again and forgets its failures.
func (e *Endpoint) Enable() {
	e.State, e.FailingSince, e.Failures, e.Failure = Enabled, time.Time{}, 0, ""
}

// Disable stops the endpoint; reason is "" when a person did it.
func (e *Endpoint) Disable(reason string) {
	e.State, e.Failure = Disabled, reason
}

// Filter is the kinds of events that an endpoint wants: exact kinds
// ("invoice.paid") and whole groups ("invoice.*"). Empty wants all. That of an endpoint
// that speaks a dialect names, for each kind, the topic that it is told under
// ("charge.succeeded=invoice.paid"), and is never empty.
type Filter []string

// Wants reports whether an event of that kind passes.
func (f Filter) Wants(kind string) bool {
	return len(f.Told(kind)) > 0
}

// Check refuses a filter that is too long or holds a word that is neither a kind
// nor a group. Whether such a kind exists is not checked: endpoints outlive the
// list of kinds.
func (f Filter) Check() error {
	var bad fault.Fields
	own := 0
	for _, w := range f {
		if !strings.Contains(w, "=") { // what speaks a dialect is bounded by its topics
			own++
		}
	}
	bad.Check(own <= MaxFilters, "events", "can hold at most %d kinds", MaxFilters)
	for _, w := range f {
		topic, kind, foreign := strings.Cut(w, "=")
		if !foreign {
			topic, kind = "topic", w
		}
		if !validKind(kind) || !validTopic(topic) {
			bad.Bad("events", "%.80q is neither an event kind such as \"invoice.paid\" nor a group such as \"invoice.*\"", w)
			break
		}
	}
	return bad.Err()
}

func validKind(w string) bool {
	group, rest, ok := strings.Cut(w, ".")
	return ok && len(w) <= 80 && word(group) && (rest == "*" || word(rest))
}

func validTopic(w string) bool { return len(w) <= 60 && word(strings.ReplaceAll(w, "-", "_")) }

func word(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' && c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// text is the stored form of a filter. Kinds hold no spaces.
func (f Filter) text() string { return strings.Join(f, " ") }

func parseFilter(s string) Filter {
	if s == "" {
		return nil
	}
	return strings.Split(s, " ")
}
