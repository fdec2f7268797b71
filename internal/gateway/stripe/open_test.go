package stripe_test

import (
	"testing"

	"perennial/internal/clock"
	"perennial/internal/fault"
	"perennial/internal/gateway/stripe"
	"perennial/internal/gateway/stripe/stripetest"
	"perennial/internal/payment"
)

func TestOpener(t *testing.T) {
	t.Parallel()
	far := stripetest.New(t, clock.NewManual(noon))
	open := stripe.Opener(stripe.Options{Client: far.Client, Clock: clock.NewManual(noon), URL: far.URL})
	secrets := payment.GatewaySecrets{APIKey: stripetest.Key, WebhookSecrets: []string{stripetest.Secret}}
	if g, err := open(payment.GatewaySettings{PublishableKey: stripetest.PublishableKey}, secrets); err != nil || g == nil {
		t.Errorf("got %v, %v", g, err)
	}
	for name, c := range map[string]struct {
		settings payment.GatewaySettings
		secrets  payment.GatewaySecrets
		field    string
	}{
		"no publishable key": {payment.GatewaySettings{}, secrets, "publishable_key"},
		"a secret one":       {payment.GatewaySettings{PublishableKey: stripetest.Key}, secrets, "publishable_key"},
		"another mode":       {payment.GatewaySettings{PublishableKey: "pk_live_0000000000000000"}, secrets, "publishable_key"},
		"no API key":         {payment.GatewaySettings{PublishableKey: stripetest.PublishableKey}, payment.GatewaySecrets{}, "api_key"},
		"a connected account": {payment.GatewaySettings{PublishableKey: stripetest.PublishableKey, ConnectedAccount: "somebody"}, secrets,
			"connected_account"},
	} {
		g, err := open(c.settings, c.secrets)
		if !fault.Is(err, fault.Invalid) || g != nil || len(fault.As(err).Fields) != 1 || fault.As(err).Fields[0].Name != c.field {
			t.Errorf("%s: got %v, %v", name, g, err)
		}
	}
}
