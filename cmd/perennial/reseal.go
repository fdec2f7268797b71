package main

import (
	"fmt"

	"perennial/internal/admin"
	"perennial/internal/mail"
	"perennial/internal/outbox"
	"perennial/internal/seal"
	"perennial/internal/webhook"
)

// reseal seals all secrets under the first of the keys.
type reseal struct {
	JSON bool `help:"Print JSON." name:"json"`
}

// Run seals; it can be repeated.
func (c *reseal) Run(t *terminal, p *place) error {
	var done admin.Resealed
	if err := t.do(p, "reseal", admin.Empty{}, nil, &done); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, done)
	}
	fmt.Fprintf(t.out, "%d accounts: the secrets of %d endpoints and %d gateway accounts are sealed anew; the rest was sealed by the first key already\n",
		done.Accounts, done.Endpoints, done.Gateways)
	return nil
}

// reseals are how the secrets of each kind of endpoint are sealed again.
func reseals(keys *seal.Keys) map[outbox.Kind]func(*outbox.Endpoint) error {
	hook := func(e *outbox.Endpoint) error { return webhook.Reseal(keys, e) }
	return map[outbox.Kind]func(*outbox.Endpoint) error{
		outbox.Webhook: hook,
		outbox.Hook:    hook,
		outbox.Mail:    func(e *outbox.Endpoint) error { return mail.Reseal(keys, e) },
	}
}
