package main

import (
	"context"
	"crypto/tls"
	"net"

	"perennial/internal/fault"
	"perennial/internal/server"
)

// foreign is where clients of another system find the server, besides a prefix of its own
// address.
type foreign struct {
	name                string // of the system, as the flags begin
	listenOn, host      string
	certificate, theKey string
}

// listen opens the further address.
func (f foreign) listen(ctx context.Context) (server.Compat, error) {
	out := server.Compat{Prefix: "/" + f.name, Host: f.host}
	secure := f.certificate != "" || f.theKey != ""
	switch {
	case secure && (f.certificate == "" || f.theKey == ""):
		return out, fault.New(fault.Invalid, "--%s-cert and --%[1]s-key go together", f.name)
	case secure && f.listenOn == "":
		return out, fault.New(fault.Invalid, "--%s-cert needs an address: name it by --%[1]s-listen", f.name)
	case f.listenOn == "":
		return out, nil
	}
	if secure {
		if _, err := tls.LoadX509KeyPair(f.certificate, f.theKey); err != nil {
			return out, fault.Wrap(fault.Invalid, err, "--%s-cert and --%[1]s-key must be PEM files of a certificate and its key", f.name)
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.listenOn)
	if err != nil {
		return out, fault.Wrap(fault.Unavailable, err, "the server cannot listen on %s; name another address by --%s-listen", f.listenOn, f.name)
	}
	if out.Listener = l; secure {
		out.Listener = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
			// Read for each connection, so that a renewed certificate needs no new start.
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				pair, err := tls.LoadX509KeyPair(f.certificate, f.theKey)
				return &pair, err
			}})
	}
	return out, nil
}

// listenAll opens the further addresses of doors, in their order; none is open when one
// cannot be opened.
func listenAll(ctx context.Context, list ...foreign) ([]server.Compat, error) {
	var compat []server.Compat
	for _, f := range list {
		door, err := f.listen(ctx)
		if err != nil {
			closeAll(compat)
			return nil, err
		}
		compat = append(compat, door)
	}
	return compat, nil
}

// closeAll closes the further addresses of doors, unless the server has done so.
func closeAll(list []server.Compat) {
	for _, c := range list {
		if c.Listener != nil {
			_ = c.Listener.Close() // closed by the server, unless it never began
		}
	}
}
