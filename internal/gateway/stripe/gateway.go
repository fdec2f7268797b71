package stripe

import (
	"net/http"
	"regexp"
	"strings"

	api "github.com/stripe/stripe-go/v85"

	"perennial/internal/clock"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// Kind is the name of this gateway in accounts, methods and steps.
const Kind = "stripe"

// Credentials are what Stripe gives to a merchant. All but Connected are secret.
type Credentials struct {
	// APIKey is a secret key ("sk_live_…", "sk_test_…") or a restricted one ("rk_…").
	APIKey string
	// WebhookSecrets sign notices ("whsec_…"): the current one and, while it is being
	// changed, the one before.
	WebhookSecrets []string
	// Connected is the connected account ("acct_…") for which everything is asked; ""
	// for the account that the key belongs to.
	Connected string
}

// Options says how Stripe is reached.
type Options struct {
	Client *http.Client // of package outbound
	Clock  clock.Clock  // the machine's
	URL    string       // where Stripe answers; "" for Stripe's own address
}

// Gateway is a payment.Receiver for one merchant's account at Stripe. It is safe for
// concurrent use, runs nothing in the background and needs no closing.
type Gateway struct {
	stripe    *api.Client
	clock     clock.Clock
	secrets   []string
	connected string
	live      bool
}

var _ payment.Receiver = (*Gateway)(nil)

var (
	keyShape       = regexp.MustCompile(`^(sk|rk)_(live|test)_[A-Za-z0-9_]{8,240}$`)
	secretShape    = regexp.MustCompile(`^whsec_[A-Za-z0-9_+/=-]{8,240}$`)
	connectedShape = regexp.MustCompile(`^acct_[A-Za-z0-9]{4,100}$`)
)

// Check refuses credentials that cannot be Stripe's with fault.Invalid, naming the
// fields api_key, webhook_secrets and connected_account. It asks nobody.
func (c Credentials) Check() error {
	var bad fault.Fields
	bad.Check(keyShape.MatchString(c.APIKey), "api_key", "must be a secret or restricted key of Stripe: it begins with sk_live_, sk_test_, rk_live_ or rk_test_")
	bad.Check(len(c.WebhookSecrets) <= 3, "webhook_secrets", "must be at most 3")
	for _, s := range c.WebhookSecrets {
		bad.Check(secretShape.MatchString(s), "webhook_secrets", "must be signing secrets of Stripe: each begins with whsec_")
	}
	bad.Check(c.Connected == "" || connectedShape.MatchString(c.Connected), "connected_account", "must be an account of Stripe: it begins with acct_")
	return bad.Err()
}

// New makes the gateway. It asks nobody; credentials of the wrong shape are
// fault.Invalid.
func New(c Credentials, o Options) (*Gateway, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	client := *o.Client
	client.Transport = &transport{next: o.Client.Transport, connected: c.Connected}
	config := &api.BackendConfig{
		HTTPClient:    &client,
		LeveledLogger: &api.LeveledLogger{Level: api.LevelNull},
		// Whoever asks again looks first at what became of it.
		MaxNetworkRetries: api.Int64(0),
		EnableTelemetry:   api.Bool(false),
	}
	if o.URL != "" {
		config.URL = api.String(o.URL)
	}
	return &Gateway{
		stripe:    api.NewClient(c.APIKey, api.WithBackends(api.NewBackendsWithConfig(config))),
		clock:     o.Clock,
		secrets:   c.WebhookSecrets,
		connected: c.Connected,
		live:      strings.Contains(c.APIKey[:8], "live"),
	}, nil
}

// Live reports whether the key moves real money.
func (g *Gateway) Live() bool { return g.live }

// maxAnswer bounds what is read of one answer. A page of 100 intents has some hundred
// kilobytes.
const maxAnswer = 8 << 20

// transport names the connected account in every request and bounds every answer.
type transport struct {
	next      http.RoundTripper
	connected string
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.connected != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Stripe-Account", t.connected)
	}
	answer, err := t.next.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	}
	return answer, err
}

// The metadata of everything that is made at Stripe. Account and key say whose it is;
// the others are for people who read there.
const (
	metaAccount  = "perennial_account"
	metaKey      = "perennial_key"
	metaCustomer = "perennial_customer"
	metaInvoice  = "perennial_invoice"
	metaPresent  = "perennial_present" // "1": its secret was for a browser
)

// ours reports whether metadata names that account and key.
func ours(meta map[string]string, account id.Account, key string) bool {
	return meta[metaAccount] == account.String() && meta[metaKey] == key
}

// maxKeyBytes is the longest key that Stripe takes.
const maxKeyBytes = 255

// keyText is what a key may consist of: it is put into a search.
var keyText = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func checkKey(key string) error {
	if len(key) > maxKeyBytes || !keyText.MatchString(key) {
		return fault.BadField("key", "must have 1 to %d letters, digits, dashes and underscores", maxKeyBytes)
	}
	return nil
}

func checkAmount(a money.Amount) error {
	switch {
	case a.Minor <= 0 || a.Minor > money.MaxMinor:
		return fault.BadField("amount", "must be from 1 to %d minor units", int64(money.MaxMinor))
	case !a.Currency.Known():
		return fault.BadField("currency", "must be a currency of ISO 4217")
	}
	return nil
}

// token is a saved method: the customer at Stripe and the method, "cus_…/pm_…".
type token struct{ customer, method string }

func (t token) String() string { return t.customer + "/" + t.method }

var tokenShape = regexp.MustCompile(`^(cus_[A-Za-z0-9]{1,100})/((?:pm|card|src|ba)_[A-Za-z0-9_]{1,100})$`)

func parseToken(s string) (token, bool) {
	m := tokenShape.FindStringSubmatch(s)
	if m == nil {
		return token{}, false
	}
	return token{m[1], m[2]}, true
}
