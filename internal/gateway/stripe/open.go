package stripe

import (
	"regexp"
	"strings"

	"perennial/internal/fault"
	"perennial/internal/payment"
)

var publishableShape = regexp.MustCompile(`^pk_(live|test)_[A-Za-z0-9_]{8,240}$`)

// Opener opens merchants' gateway accounts at Stripe. Settings or secrets that cannot
// be Stripe's are fault.Invalid, with the fields named; a publishable key of another
// mode than the API key is, too. It asks nobody.
func Opener(o Options) func(payment.GatewaySettings, payment.GatewaySecrets) (payment.Gateway, error) {
	return func(settings payment.GatewaySettings, secrets payment.GatewaySecrets) (payment.Gateway, error) {
		g, err := New(Credentials{APIKey: secrets.APIKey, WebhookSecrets: secrets.WebhookSecrets, Connected: settings.ConnectedAccount}, o)
		var bad fault.Fields
		bad.Add("", err)
		key := settings.PublishableKey
		switch {
		case !publishableShape.MatchString(key):
			bad.Bad("publishable_key", "must be a publishable key of Stripe: it begins with pk_live_ or pk_test_")
		case err == nil && strings.HasPrefix(key, "pk_live_") != g.Live():
			bad.Bad("publishable_key", "must be of the same mode as the API key: both live, or both test")
		}
		if err := bad.Err(); err != nil {
			return nil, err
		}
		return g, nil
	}
}
