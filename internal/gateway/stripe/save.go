package stripe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	api "github.com/stripe/stripe-go/v85"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// What a browser can bring: a method of the Payment Element, a confirmation token of
// it, or the setup whose step the customer has done.
var (
	methodShape       = regexp.MustCompile(`^(pm|card|src)_[A-Za-z0-9_]{1,100}$`)
	confirmationShape = regexp.MustCompile(`^ctoken_[A-Za-z0-9_]{1,100}$`)
	setupShape        = regexp.MustCompile(`^seti_[A-Za-z0-9]{1,100}$`)
)

// unknownToken does not repeat the token: it may be a card number by mistake.
func unknownToken() error {
	return fault.New(fault.Declined, "Stripe knows no such payment method for this account").WithCode("unknown_token")
}

// Save keeps a method for charges with and without the customer. The customer is made
// at Stripe with their first method. The bank is asked now (SetupIntent), which can
// want a Step; when a charge follows at once the charge asks it instead. A method of
// somebody else's customer is fault.Declined.
func (g *Gateway) Save(ctx context.Context, r payment.SaveRequest) (payment.Saved, error) {
	switch {
	case setupShape.MatchString(r.Token):
		return g.finishSetup(ctx, r)
	case confirmationShape.MatchString(r.Token):
		customer, err := g.customerOf(ctx, r, nil)
		if err != nil {
			return payment.Saved{}, err
		}
		return g.setUp(ctx, r, customer)
	case !methodShape.MatchString(r.Token):
		return payment.Saved{}, unknownToken()
	}
	method, err := g.stripe.V1PaymentMethods.Retrieve(ctx, r.Token, &api.PaymentMethodRetrieveParams{Expand: []*string{api.String("customer")}})
	if err != nil {
		return payment.Saved{}, savingFailed(err)
	}
	customer, err := g.customerOf(ctx, r, method)
	if err != nil {
		return payment.Saved{}, err
	}
	if r.ChargeFollows {
		return payment.Saved{Instrument: instrument(customer, method)}, nil
	}
	return g.setUp(ctx, r, customer)
}

// savingFailed is an error of Save: what Stripe does not know is declined, so that the
// buyer can enter another.
func savingFailed(err error) error {
	err = failed(err)
	if fault.Is(err, fault.NotFound) {
		return unknownToken()
	}
	return err
}

// customerOf is the customer at Stripe to whom the method belongs or will belong: that
// of the sibling, else that to whom the method belongs already if we made them, else a
// new one.
func (g *Gateway) customerOf(ctx context.Context, r payment.SaveRequest, method *api.PaymentMethod) (string, error) {
	sibling, _ := parseToken(r.Sibling)
	if method != nil && method.Customer != nil {
		theirs := method.Customer
		if sibling.customer != "" && theirs.ID != sibling.customer || sibling.customer == "" && theirs.Metadata[metaAccount] != r.Account.String() {
			return "", unknownToken()
		}
		return theirs.ID, nil
	}
	if sibling.customer != "" {
		return sibling.customer, nil
	}
	params := &api.CustomerCreateParams{Metadata: map[string]string{metaAccount: r.Account.String()}}
	if r.Email != "" {
		params.Email = api.String(r.Email)
	}
	if r.Name != "" {
		params.Name = api.String(r.Name)
	}
	// The same method asked for twice, its first answer being lost, is one customer.
	params.SetIdempotencyKey("customer-" + digest(r.Account.String(), r.Token, r.Email, r.Name))
	made, err := g.stripe.V1Customers.Create(ctx, params)
	if err != nil {
		return "", savingFailed(err)
	}
	return made.ID, nil
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// setUp asks the bank to agree to later charges.
func (g *Gateway) setUp(ctx context.Context, r payment.SaveRequest, customer string) (payment.Saved, error) {
	params := &api.SetupIntentCreateParams{
		Customer: api.String(customer),
		Confirm:  api.Bool(true),
		Usage:    api.String(string(api.SetupIntentUsageOffSession)),
		// Nothing that leads the customer away to another site: the page stays.
		AutomaticPaymentMethods: &api.SetupIntentCreateAutomaticPaymentMethodsParams{Enabled: api.Bool(true), AllowRedirects: api.String("never")},
		UseStripeSDK:            api.Bool(true),
		Metadata:                map[string]string{metaAccount: r.Account.String()},
		Expand:                  []*string{api.String("payment_method")},
	}
	if confirmationShape.MatchString(r.Token) {
		params.ConfirmationToken = api.String(r.Token)
	} else {
		params.PaymentMethod = api.String(r.Token)
	}
	if c := r.Consent; c.IP != "" && c.UserAgent != "" {
		params.MandateData = &api.SetupIntentCreateMandateDataParams{CustomerAcceptance: &api.SetupIntentCreateMandateDataCustomerAcceptanceParams{
			Type:   api.String("online"),
			Online: &api.SetupIntentCreateMandateDataCustomerAcceptanceOnlineParams{IPAddress: api.String(c.IP), UserAgent: api.String(clip(c.UserAgent))},
		}}
	}
	setup, err := g.stripe.V1SetupIntents.Create(ctx, params)
	if err != nil {
		return payment.Saved{}, savingFailed(err)
	}
	return saved(r.Account, setup)
}

// finishSetup looks at a setup again after the customer's step.
func (g *Gateway) finishSetup(ctx context.Context, r payment.SaveRequest) (payment.Saved, error) {
	setup, err := g.stripe.V1SetupIntents.Retrieve(ctx, r.Token, &api.SetupIntentRetrieveParams{Expand: []*string{api.String("payment_method")}})
	if err != nil {
		return payment.Saved{}, savingFailed(err)
	}
	if sibling, ok := parseToken(r.Sibling); ok && (setup.Customer == nil || setup.Customer.ID != sibling.customer) {
		return payment.Saved{}, unknownToken()
	}
	return saved(r.Account, setup)
}

// saved is what a setup has come to.
func saved(account id.Account, setup *api.SetupIntent) (payment.Saved, error) {
	if setup.Metadata[metaAccount] != account.String() || setup.Customer == nil {
		return payment.Saved{}, unknownToken()
	}
	switch setup.Status {
	case api.SetupIntentStatusSucceeded, api.SetupIntentStatusProcessing:
		if setup.PaymentMethod == nil {
			return payment.Saved{}, unknownToken()
		}
		return payment.Saved{Instrument: instrument(setup.Customer.ID, setup.PaymentMethod)}, nil
	case api.SetupIntentStatusRequiresAction:
		return payment.Saved{Step: &payment.Step{Kind: Kind, Secret: setup.ClientSecret, Token: setup.ID}}, nil
	}
	var why refusal
	if e := setup.LastSetupError; e != nil {
		why = refusal{Code: string(e.Code), DeclineCode: string(e.DeclineCode)}
	}
	return payment.Saved{}, fault.New(fault.Declined, "%s", payment.Words(why.code())).WithCode(why.code())
}

// instrument is what may be shown of a method, and the token to charge it with.
func instrument(customer string, m *api.PaymentMethod) payment.Instrument {
	i := payment.Instrument{Token: token{customer, m.ID}.String(), Kind: string(m.Type)}
	switch {
	case m.Card != nil:
		c := m.Card
		i.Brand, i.LastFour, i.Fingerprint, i.Country = string(c.Brand), c.Last4, c.Fingerprint, c.Country
		if c.ExpYear > 0 {
			i.Expires = c.ExpYear*100 + c.ExpMonth
		}
	case m.SEPADebit != nil:
		d := m.SEPADebit
		i.Brand, i.LastFour, i.Fingerprint, i.Country = d.BankCode, d.Last4, d.Fingerprint, d.Country
	case m.USBankAccount != nil:
		d := m.USBankAccount
		i.Brand, i.LastFour, i.Fingerprint, i.Country = d.BankName, d.Last4, d.Fingerprint, "US"
	}
	return i
}

// Instrument is a saved method as it is now. One that was taken from its customer or
// given to another is fault.NotFound.
func (g *Gateway) Instrument(ctx context.Context, _ id.Account, text string) (payment.Instrument, error) {
	t, ok := parseToken(text)
	if !ok {
		return payment.Instrument{}, fault.New(fault.NotFound, "there is no such payment method at Stripe")
	}
	m, err := g.stripe.V1PaymentMethods.Retrieve(ctx, t.method, nil)
	if err != nil {
		return payment.Instrument{}, failed(err)
	}
	if m.Customer == nil || m.Customer.ID != t.customer {
		return payment.Instrument{}, fault.New(fault.NotFound, "there is no such payment method at Stripe")
	}
	return instrument(t.customer, m), nil
}
