package main

import (
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/gateway/manual"
	"perennial/internal/gateway/stripe"
	"perennial/internal/outbound"
	"perennial/internal/payment"
)

// openers open merchants' accounts at the gateways that this program knows.
func openers(c clock.Clock) map[string]commerce.Opener {
	client := outbound.Client(nil)
	return map[string]commerce.Opener{
		stripe.Kind: func(settings payment.GatewaySettings, secrets payment.GatewaySecrets) (payment.Gateway, error) {
			return stripe.New(stripe.Credentials{APIKey: secrets.APIKey, WebhookSecrets: secrets.WebhookSecrets, Connected: settings.ConnectedAccount},
				stripe.Options{Client: client, Clock: c})
		},
		manual.Kind: func(payment.GatewaySettings, payment.GatewaySecrets) (payment.Gateway, error) {
			return manual.Gateway{}, nil
		},
	}
}
