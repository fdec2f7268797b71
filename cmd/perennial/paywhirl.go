package main

import (
	"net/http"

	"perennial/internal/compat/paywhirl"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/web/widget"
)

// payWhirl is where clients of PayWhirl find the server, besides /paywhirl of its own address.
type payWhirl struct {
	Listen string `help:"Further address to listen on, for clients of PayWhirl alone." env:"PERENNIAL_PAYWHIRL_LISTEN" placeholder:"HOST:PORT"`
	Host   string `help:"Name of a host that is served to clients of PayWhirl alone." env:"PERENNIAL_PAYWHIRL_HOST" placeholder:"NAME"`
	Cert   string `help:"Certificate of the further address, a PEM file; with it the address speaks TLS." env:"PERENNIAL_PAYWHIRL_CERT" placeholder:"FILE"`
	Key    string `help:"Key of that certificate, a PEM file." env:"PERENNIAL_PAYWHIRL_KEY" placeholder:"FILE"`
}

func (c *payWhirl) place() foreign { return foreign{"paywhirl", c.Listen, c.Host, c.Cert, c.Key} }

// payWhirl is the door for clients of PayWhirl, with the pages that sites show in frames;
// base is where the other pages are reached.
func (h *house) payWhirl(base string, wake func()) http.Handler {
	door := paywhirl.New(h.service, h.reader, paywhirl.Options{Clock: h.clock, Log: h.log, TokenFor: sandbox.TokenForNumber, Woken: wake})
	pages := widget.New(h.service, h.reader, widget.Options{Clock: h.clock, Log: h.log, Base: base})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if widget.Owns(r.URL.Path) {
			pages.ServeHTTP(w, r)
			return
		}
		door.ServeHTTP(w, r)
	})
}
