package main

import (
	"fmt"
	"strings"

	"perennial/internal/admin"
	"perennial/internal/id"
)

// webhooks adds and lists webhook endpoints.
type webhooks struct {
	Create createWebhook `cmd:"" help:"Have an address told of events, and print its signing secret, once."`
	List   listWebhooks  `cmd:"" help:"List the webhooks of an account."`
}

type createWebhook struct {
	Account id.Account `help:"The account." required:""`
	Address string     `help:"Where to send: a public https address." required:""`
	Dialect string     `help:"Whose topics, bodies and signatures the receiver knows: own, paywhirl, paywhirl_v1." default:"own"`
	Events  []string   `help:"Types such as invoice.paid or subscription.*, or topics of the dialect, separated by commas; left out, all." placeholder:"TYPE"`
	Secret  string     `help:"With a dialect: the secret that the receiver knows already." env:"PERENNIAL_WEBHOOK_SECRET" placeholder:"SECRET"`
	JSON    bool       `help:"Print JSON." name:"json"`
}

// Run adds a webhook.
func (c *createWebhook) Run(t *terminal, p *place) error {
	var made admin.CreatedWebhook
	err := t.do(p, "webhook/create", admin.NewWebhook{Account: c.Account, Address: c.Address, Dialect: c.Dialect, Events: c.Events, Secret: c.Secret}, nil, &made)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, made)
	}
	fmt.Fprintf(t.out, "Webhook  %s\nSecret   %s\nThe secret is shown this once; keep it safe.\n", made.ID, made.Secret)
	return nil
}

type listWebhooks struct {
	Account id.Account `help:"The account." required:""`
	JSON    bool       `help:"Print JSON." name:"json"`
}

// Run lists the webhooks.
func (c *listWebhooks) Run(t *terminal, p *place) error {
	var list []admin.Webhook
	if err := t.do(p, "webhook/list", admin.WebhooksOf{Account: c.Account}, nil, &list); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, list)
	}
	w := table(t.out)
	fmt.Fprintln(w, "WEBHOOK\tSTATE\tDIALECT\tEVENTS\tADDRESS")
	for _, e := range list {
		events := strings.Join(e.Events, ",")
		if events == "" {
			events = "all"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.ID, e.State, e.Dialect, events, e.Address)
	}
	return w.Flush()
}
