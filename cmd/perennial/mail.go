package main

import (
	"context"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/mail"
	"perennial/internal/notice"
	"perennial/internal/outbox"
	"perennial/internal/seal"
	"perennial/internal/web/dashboard"
)

// mailServer is the installation's mail server.
type mailServer struct {
	Host         string `help:"Mail server that mails go out through. Without one they are kept to be looked at." env:"PERENNIAL_SMTP_HOST" placeholder:"HOST"`
	Port         int    `help:"Its port; by itself the one that goes with its TLS." env:"PERENNIAL_SMTP_PORT" placeholder:"PORT"`
	User         string `help:"User name to sign in with." env:"PERENNIAL_SMTP_USER" placeholder:"NAME"`
	PasswordFile []byte `help:"File with the password; or PERENNIAL_SMTP_PASSWORD." type:"filecontent" name:"password-file" env:"PERENNIAL_SMTP_PASSWORD_FILE" placeholder:"FILE"`
	From         string `help:"Address that mails come from." env:"PERENNIAL_SMTP_FROM" placeholder:"ADDRESS"`
	TLS          string `help:"starttls (required, the default), implicit, or none for a server on this machine." name:"tls" env:"PERENNIAL_SMTP_TLS" placeholder:"MODE"`
}

// passwordVariable holds the password of the mail server; a flag would show in lists of
// processes.
const passwordVariable = "PERENNIAL_SMTP_PASSWORD" // #nosec G101 -- the name of a variable

// server is the installation's mail server; nil when there is none.
func (m *mailServer) server(t *terminal) (*mail.Server, error) {
	if m.Host == "" {
		return nil, nil
	}
	password := t.lookUp(passwordVariable)
	if len(m.PasswordFile) > 0 {
		password = firstLine(m.PasswordFile)
	}
	s := &mail.Server{Host: m.Host, Port: m.Port, User: m.User, Password: password, From: m.From, TLS: mail.Mode(m.TLS), Trusted: true}
	if err := s.Check(); err != nil {
		f := fault.As(err)
		if len(f.Fields) > 0 {
			return nil, fault.New(fault.Invalid, "--smtp-%s %s", f.Fields[0].Name, f.Fields[0].Message)
		}
		return nil, err
	}
	return s, nil
}

func firstLine(b []byte) string {
	for i, c := range b {
		if c == '\n' || c == '\r' {
			return string(b[:i])
		}
	}
	return string(b)
}

// sender sends mails; link is the address of a secure link.
func (h *house) sender(server *mail.Server, keys *seal.Keys, base string) *mail.Sender {
	return mail.New(mail.Options{Server: server, Keys: keys, Clock: h.clock, Base: base, Link: func(ctx context.Context, a id.Account, link string) (string, error) {
		of, err := id.Parse[id.Link](link)
		if err != nil {
			return "", err
		}
		path, err := h.service.LinkPath(ctx, a, of)
		return base + path, err
	}})
}

// mailOptions is what the pages about e-mails do with mail servers.
func mailOptions(post *mail.Sender, keys *seal.Keys, hasServer bool) dashboard.MailOptions {
	return dashboard.MailOptions{
		Server: hasServer,
		Own: func(ctx context.Context, a id.Account, host string, port int, user, password, from, tls string) (string, string, error) {
			s := &mail.Server{Host: host, Port: port, User: user, Password: password, From: from, TLS: mail.Mode(tls)}
			if err := post.Try(ctx, s); err != nil {
				return "", "", err
			}
			sealed, err := s.Seal(keys, a)
			return s.Address(), sealed, err
		},
		Send: func(ctx context.Context, a id.Account, sealed string, m notice.Message) error {
			answer := post.Deliver(ctx, outbox.Endpoint{Account: a, Secret: sealed}, outbox.Delivery{ID: id.New[id.Delivery](), Account: a, Body: m.Body()})
			switch {
			case answer.Verdict != outbox.Accepted:
				return fault.New(fault.Unavailable, "The mail server did not take the test: %s", answer.Failure)
			case answer.Status == 0:
				return fault.New(fault.Conflict, "There is no mail server to send a test with.")
			}
			return nil
		},
		Reveal: post.Reveal,
	}
}
