package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"

	"perennial/internal/compat/paywhirl"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/server"
)

// payWhirl is where clients of PayWhirl find the server, besides /paywhirl of its own address.
type payWhirl struct {
	Listen string `help:"Further address to listen on, for clients of PayWhirl alone." env:"PERENNIAL_PAYWHIRL_LISTEN" placeholder:"HOST:PORT"`
	Host   string `help:"Name of a host that is served to clients of PayWhirl alone." env:"PERENNIAL_PAYWHIRL_HOST" placeholder:"NAME"`
	Cert   string `help:"Certificate of the further address, a PEM file; with it the address speaks TLS." env:"PERENNIAL_PAYWHIRL_CERT" placeholder:"FILE"`
	Key    string `help:"Key of that certificate, a PEM file." env:"PERENNIAL_PAYWHIRL_KEY" placeholder:"FILE"`
}

// listen opens the further address.
func (c *payWhirl) listen(ctx context.Context) (server.Compat, error) {
	out := server.Compat{Prefix: "/paywhirl", Host: c.Host}
	secure := c.Cert != "" || c.Key != ""
	switch {
	case secure && (c.Cert == "" || c.Key == ""):
		return out, fault.New(fault.Invalid, "--paywhirl-cert and --paywhirl-key go together")
	case secure && c.Listen == "":
		return out, fault.New(fault.Invalid, "--paywhirl-cert needs an address: name it by --paywhirl-listen")
	case c.Listen == "":
		return out, nil
	}
	if secure {
		if _, err := tls.LoadX509KeyPair(c.Cert, c.Key); err != nil {
			return out, fault.Wrap(fault.Invalid, err, "--paywhirl-cert and --paywhirl-key must be PEM files of a certificate and its key")
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return out, fault.Wrap(fault.Unavailable, err, "the server cannot listen on %s; name another address by --paywhirl-listen", c.Listen)
	}
	if out.Listener = l; secure {
		out.Listener = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
			// Read for each connection, so that a renewed certificate needs no new start.
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
				return &pair, err
			}})
	}
	return out, nil
}

// payWhirl is the door for clients of PayWhirl.
func (h *house) payWhirl(wake func()) http.Handler {
	return paywhirl.New(h.service, h.reader, paywhirl.Options{Clock: h.clock, Log: h.log, TokenFor: sandbox.TokenForNumber, Woken: wake})
}
