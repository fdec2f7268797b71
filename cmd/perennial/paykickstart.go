package main

import (
	"net/http"

	"perennial/internal/compat/paykickstart"
	"perennial/internal/outbox"
	"perennial/internal/webhook"
)

// payKickstart is where clients of PayKickstart find the server, besides /paykickstart of its
// own address.
type payKickstart struct {
	Listen string `help:"Further address to listen on, for clients of PayKickstart alone." env:"PERENNIAL_PAYKICKSTART_LISTEN" placeholder:"HOST:PORT"`
	Host   string `help:"Name of a host that is served to clients of PayKickstart alone." env:"PERENNIAL_PAYKICKSTART_HOST" placeholder:"NAME"`
	Cert   string `help:"Certificate of the further address, a PEM file; with it the address speaks TLS." env:"PERENNIAL_PAYKICKSTART_CERT" placeholder:"FILE"`
	Key    string `help:"Key of that certificate, a PEM file." env:"PERENNIAL_PAYKICKSTART_KEY" placeholder:"FILE"`
}

func (c *payKickstart) place() foreign {
	return foreign{"paykickstart", c.Listen, c.Host, c.Cert, c.Key}
}

// payKickstart is the door for clients of PayKickstart.
func (h *house) payKickstart(public string, wake func()) http.Handler {
	return paykickstart.New(h.service, h.reader, paykickstart.Options{Clock: h.clock, Log: h.log, Public: public, Woken: wake})
}

// notifications are the dialects of PayKickstart's notifications.
func (h *house) notifications() []outbox.Dialect {
	return paykickstart.Webhooks(h.service, h.reader, paykickstart.Options{Clock: h.clock, Log: h.log},
		func(e outbox.Endpoint) ([]string, error) { return webhook.Secrets(h.keys, e, h.clock.Now()) })
}
