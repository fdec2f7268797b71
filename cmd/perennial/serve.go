package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"perennial/internal/admin"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/mail"
	"perennial/internal/outbound"
	"perennial/internal/outbox"
	"perennial/internal/seal"
	"perennial/internal/server"
	"perennial/internal/vies"
	"perennial/internal/webhook"
)

// serve runs the server.
type serve struct {
	Listen         string        `help:"Address to listen on." default:"127.0.0.1:8080" env:"PERENNIAL_LISTEN" placeholder:"HOST:PORT"`
	PublicURL      string        `help:"Address under which browsers reach the server, when a proxy stands before it." name:"public-url" env:"PERENNIAL_PUBLIC_URL" placeholder:"URL"`
	WebhookNets    []string      `help:"Private networks that webhooks may reach, for example 10.1.0.0/16." name:"allow-private-webhooks" env:"PERENNIAL_ALLOW_PRIVATE_WEBHOOKS" placeholder:"CIDR"`
	SMTP           mailServer    `embed:"" prefix:"smtp-"`
	PayWhirl       payWhirl      `embed:"" prefix:"paywhirl-"`
	ProfitWell     profitWell    `embed:"" prefix:"profitwell-"`
	PayKickstart   payKickstart  `embed:"" prefix:"paykickstart-"`
	AffiliateHost  string        `help:"Name of a host whose addresses are links of affiliates alone: NAME/link/affiliate." name:"affiliate-host" env:"PERENNIAL_AFFILIATE_HOST" placeholder:"NAME"`
	SandboxLatency time.Duration `hidden:"" name:"sandbox-latency" env:"PERENNIAL_SANDBOX_LATENCY"` // how far away the sandbox gateway seems to be
}

// Run serves until the process is asked to stop.
func (c *serve) Run(t *terminal, p *place) error {
	h, err := t.prepare(p, c)
	if err != nil {
		return err
	}
	err = h.serve(t, p, c)
	if closed := h.close(); err == nil {
		err = closed
	}
	return err
}

// prepare opens the data for a server.
func (t *terminal) prepare(p *place, c *serve) (*house, error) {
	h, err := p.open(t.ctx, server.NewLog(t.err), t.keys, c.SandboxLatency)
	if err != nil && fault.Is(err, fault.Unavailable) && fault.As(err).Unwrap() == nil && p.Database == "" {
		return nil, fault.New(fault.Unavailable, "%s: stop that process, or name another folder by --data", fault.As(err).Message)
	}
	return h, err
}

// serve listens, tells where, and serves until the process is asked to stop.
func (h *house) serve(t *terminal, p *place, c *serve) error {
	keys := h.keys
	nets, err := prefixes(c.WebhookNets)
	if err != nil {
		return err
	}
	h.nets = nets
	mails, err := c.SMTP.server(t)
	if err != nil {
		return err
	}
	if mails != nil {
		h.service.UseMailServer()
	}
	h.service.UseRegister(vies.New(outbound.Client(nets), vies.Address, version))
	public, err := (&net.ListenConfig{}).Listen(t.ctx, "tcp", c.Listen)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the server cannot listen on %s; name another address by --listen", c.Listen)
	}
	defer public.Close() //nolint:errcheck // closed by the server, unless it never began
	address, secure, err := c.address(public)
	if err != nil {
		return err
	}
	compat, err := listenAll(t.ctx, c.PayWhirl.place(), c.ProfitWell.place(), c.PayKickstart.place())
	if err != nil {
		return err
	}
	defer closeAll(compat)
	socket, err := admin.Listen(t.ctx, p.Data)
	if err != nil {
		return err
	}
	defer socket.Close() //nolint:errcheck // as above
	present, alone, err := h.db.Enter(t.ctx)
	if err != nil {
		return err
	}
	defer present.Leave()
	if err := h.service.RefreshMails(t.ctx); err != nil {
		return err
	}
	post := h.sender(mails, keys, address)
	if alone { // whoever held leases is dead
		if err := h.service.Recover(t.ctx); err != nil {
			return err
		}
	}
	if err := present.Share(t.ctx); err != nil {
		return err
	}
	var space *server.Space // a database elsewhere has a disk of its own
	if h.db.Engine() == db.SQLite {
		space = server.NewSpace(p.Data, h.log)
	}
	worker := server.NewWorker(h.service, h.reader, h.clock, h.log, alone, space)
	compat[0].Door, compat[1].Door, compat[2].Door = h.payWhirl(address, worker.Wake), h.profitWell(c.ProfitWell.Rate), h.payKickstart(address, worker.Wake)
	s := server.New(server.Options{Public: public, Compat: append(c.links(address), compat...), Operator: socket, Doors: h.doors(t.ctx, secure, keys, nets, post, mails != nil, worker.Wake), Admin: h.admin(address, worker), DB: h.db, Space: space,
		Clock: h.clock, Log: h.log, Worker: worker, Outbox: h.deliverer(keys, nets, post), Secure: secure})
	if err := h.announce(t, address); err != nil {
		return err
	}
	for i, name := range []string{"PayWhirl", "ProfitWell", "PayKickstart"} {
		if l := compat[i].Listener; l != nil {
			fmt.Fprintf(t.out, "Clients of %s are served on %s\n", name, l.Addr())
		}
	}
	ctx, end := context.WithCancel(t.ctx)
	var presence sync.WaitGroup
	presence.Go(func() { present.Keep(ctx) })
	err = s.Run(t.ctx)
	end()
	presence.Wait()
	return err
}

// announce tells where the server is, and how the first owner comes in.
func (h *house) announce(t *terminal, address string) error {
	secret, needed, err := h.service.OwnerLink(t.ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Perennial %s serves %s\n", version, address)
	if needed {
		fmt.Fprintf(t.out, "Nobody can sign in yet. Make the first owner here, once, within 24 hours:\n  %s\n", admin.SetUpAddress(address, secret))
	}
	return nil
}

// address is where browsers reach the server, and whether through TLS.
func (c *serve) address(l net.Listener) (string, bool, error) {
	if c.PublicURL == "" {
		return "http://" + l.Addr().String(), false, nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", false, fault.New(fault.Invalid, "--public-url must be like https://billing.example.com, without a path")
	}
	return u.Scheme + "://" + u.Host, u.Scheme == "https", nil
}

// keys are the keys that seal secrets: from the environment, else from the data
// folder.
func (t *terminal) keys(p *place) (*seal.Keys, error) {
	if text := t.lookUp(seal.Variable); text != "" {
		keys, err := seal.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%w (in %s)", err, seal.Variable)
		}
		return keys, nil
	}
	return seal.Open(p.Data)
}

func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		n, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fault.New(fault.Invalid, "--allow-private-webhooks must be networks such as 10.1.0.0/16 or fd00::/8, separated by commas")
		}
		out = append(out, n)
	}
	return out, nil
}

// deliverer brings events to the endpoints of merchants.
func (h *house) deliverer(keys *seal.Keys, nets []netip.Prefix, mails *mail.Sender) *outbox.Deliverer {
	dialects := map[string]outbox.Dialect{}
	for _, d := range h.service.Dialects() {
		dialects[d.Name] = d
	}
	sender := webhook.NewSender(outbound.Client(nets), keys, h.clock, version, dialects)
	webhooks := event.Render(webhook.Body)
	return outbox.NewDeliverer(h.db, h.clock, h.log, outbox.Work{
		Render: func(tx *db.Tx, e outbox.Endpoint, list []outbox.Delivery) ([]outbox.Rendering, error) {
			if e.Kind == outbox.Mail {
				return h.service.WriteMails(tx, e, list)
			}
			return webhooks(tx, e, list)
		},
		Dialects: dialects,
		Deliver: func(ctx context.Context, e outbox.Endpoint, d outbox.Delivery) outbox.Answer {
			if e.Kind == outbox.Mail {
				return mails.Deliver(ctx, e, d)
			}
			return sender.Deliver(ctx, e, d)
		},
		Disabled: commerce.EndpointGaveUp,
		Outage:   commerce.EndpointOutage,
		Bounced:  commerce.MailBounced,
		Replays:  h.service.ContinueReplays,
	})
}
