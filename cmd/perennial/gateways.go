package main

import (
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/gateway/manual"
	"perennial/internal/gateway/stripe"
	"perennial/internal/outbound"
)

// openers open merchants' accounts at the gateways that this program knows.
func openers(c clock.Clock) map[string]commerce.Opener {
	client := outbound.Client(nil)
	return map[string]commerce.Opener{
		stripe.Kind: stripe.Opener(stripe.Options{Client: client, Clock: c}),
		manual.Kind: manual.Open,
	}
}
