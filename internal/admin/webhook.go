package admin

import (
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
)

// NewWebhook asks for a webhook endpoint.
type NewWebhook struct {
	Account id.Account `json:"account"`
	Address string     `json:"address"`
	Dialect string     `json:"dialect"` // "" or own is ours
	Events  []string   `json:"events"`  // empty for all
	Secret  string     `json:"secret"`  // with a dialect; "" makes a new one
}

// CreatedWebhook is a new endpoint with its secret, which is told once.
type CreatedWebhook struct {
	Webhook
	Secret string `json:"secret"`
}

// WebhooksOf asks for the endpoints of an account.
type WebhooksOf struct {
	Account id.Account `json:"account"`
}

// Webhook is one line of the list of endpoints.
type Webhook struct {
	ID      id.Endpoint `json:"id"`
	Address string      `json:"address"`
	Dialect string      `json:"dialect"`
	Events  []string    `json:"events"` // empty for all
	State   string      `json:"state"`
}

// ownDialect is what our own dialect is called.
const ownDialect = "own"

func webhookOf(e outbox.Endpoint) Webhook {
	w := Webhook{e.ID, e.Address, e.Dialect, e.Events.Words(), string(e.State)}
	if w.Dialect == "" {
		w.Dialect = ownDialect
	}
	return w
}

func (d *door) createWebhook(a asked, in NewWebhook) (CreatedWebhook, error) {
	if err := d.o.CheckAddress(in.Address); err != nil {
		return CreatedWebhook{}, err
	}
	if in.Dialect == ownDialect {
		in.Dialect = ""
	}
	if in.Secret != "" && (in.Dialect == "" || len(in.Secret) < 8) {
		return CreatedWebhook{}, fault.BadField("secret", "can be given only with a dialect, and has at least 8 characters")
	}
	secret, sealed := d.o.WebhookSecret(in.Account, in.Secret)
	e, err := d.s.CreateEndpoint(a.ctx, commerce.CreateEndpoint{Call: commerce.Call{Account: in.Account, Actor: operator}, Address: in.Address, Dialect: in.Dialect, Events: in.Events, Secret: sealed})
	return CreatedWebhook{webhookOf(e), secret}, err
}

func (d *door) webhooks(a asked, in WebhooksOf) ([]Webhook, error) {
	all, err := d.r.Endpoints(a.ctx, in.Account)
	list := make([]Webhook, len(all))
	for i, e := range all {
		list[i] = webhookOf(e)
	}
	return list, err
}
