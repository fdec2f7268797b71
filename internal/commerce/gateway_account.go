package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// maxGateways is how many gateway accounts a merchant may have.
const maxGateways = 50

// How often the list of a gateway's notices is read for those that never came, and its
// books are compared.
const (
	pollEvery      = time.Hour
	reconcileEvery = 24 * time.Hour
)

// CreateGateway adds a merchant's account at a gateway.
type CreateGateway struct {
	Call
	Kind     string // one of GatewayKinds
	Name     string
	Settings payment.GatewaySettings
	Secrets  payment.GatewaySecrets
	Default  bool // the account's first becomes the default anyway
}

// CreateGateway adds a merchant's account at a gateway. Its secrets are kept sealed, and
// stand in no event and no answer.
func (s *Service) CreateGateway(ctx context.Context, c CreateGateway) (payment.GatewayAccount, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (payment.GatewayAccount, error) {
		machine := s.clock.Now()
		g := payment.GatewayAccount{ID: id.New[id.GatewayAccount](), Account: a.ID, Kind: c.Kind, Name: c.Name, State: payment.GatewayActive, Settings: c.Settings,
			CreatedAt: now, Version: 1}
		list, err := payment.Gateways(tx, a.ID, 0, maxGateways)
		if err != nil {
			return g, err
		}
		if len(list) == maxGateways {
			return g, fault.New(fault.Conflict, "an account has at most %d gateway accounts", maxGateways).WithCode("too_many_gateways")
		}
		before, had, err := payment.DefaultGateway(tx, a.ID)
		if err != nil {
			return g, err
		}
		g.Default = c.Default || !had && a.Mode == account.Live
		if err := g.Check(); err != nil {
			return g, err
		}
		opened, err := s.doors.openAs(g, c.Secrets)
		if err != nil {
			return g, err
		}
		if err := fitsMode(a, opened); err != nil {
			return g, err
		}
		if _, tells := opened.(payment.Receiver); tells {
			g.PollAt, g.Reconcile = machine.Add(pollEvery), machine.Add(reconcileEvery)
		}
		if g.Secret, err = s.doors.seal(a.ID, c.Secrets); err != nil {
			return g, err
		}
		if had && g.Default {
			before.Default = false
			if err := payment.SaveGateway(tx, &before); err != nil {
				return g, err
			}
		}
		if err := payment.InsertGateway(tx, g); err != nil {
			return g, err
		}
		return g, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.GatewayCreated, int64(g.ID), 0, gatewayFacts(g)))
	})
}

func gatewayFacts(g payment.GatewayAccount) string {
	return event.Data(map[string]any{"kind": g.Kind, "name": g.Name, "state": g.State, "default": g.Default})
}

// UpdateGateway changes a gateway account. Nil leaves as it is.
type UpdateGateway struct {
	Call
	Gateway id.GatewayAccount
	Name    *string
	State   *payment.GatewayState
	Default *bool // true only: another one takes it away
	APIKey  *string
	// As in payment.GatewaySettings.
	PublishableKey, ConnectedAccount, Instructions *string
}

// UpdateGateway changes a gateway account. One that is disabled sells and saves nothing
// new; what is there already is charged, refunded and asked for.
func (s *Service) UpdateGateway(ctx context.Context, c UpdateGateway) (payment.GatewayAccount, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (payment.GatewayAccount, error) {
		g, err := payment.LoadGateway(tx, a.ID, c.Gateway)
		if err != nil {
			return g, err
		}
		set(&g.Name, c.Name)
		set(&g.Settings.PublishableKey, c.PublishableKey)
		set(&g.Settings.ConnectedAccount, c.ConnectedAccount)
		set(&g.Settings.Instructions, c.Instructions)
		if c.State != nil {
			g.State = *c.State
			g.Default = g.Default && g.State == payment.GatewayActive
		}
		if c.Default != nil && *c.Default && !g.Default {
			if err := takeDefault(tx, a.ID); err != nil {
				return g, err
			}
			g.Default = true
		}
		if err := g.Check(); err != nil {
			return g, err
		}
		secrets, err := s.doors.unseal(g)
		if err != nil {
			return g, err
		}
		set(&secrets.APIKey, c.APIKey)
		if err := s.reseal(a, &g, secrets); err != nil {
			return g, err
		}
		if err := payment.SaveGateway(tx, &g); err != nil {
			return g, err
		}
		return g, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.GatewayUpdated, int64(g.ID), 0, gatewayFacts(g)))
	})
}

// fitsMode refuses keys for real money in a sandbox account, and test keys in a live one.
func fitsMode(a account.Account, opened payment.Gateway) error {
	g, tells := opened.(interface{ Live() bool })
	switch {
	case !tells || g.Live() == (a.Mode == account.Live):
		return nil
	case g.Live():
		return fault.BadField("api_key", "moves real money; a sandbox account takes a test key")
	}
	return fault.BadField("api_key", "is a test key; a live account takes one that moves real money")
}

// takeDefault leaves the account without a default gateway account.
func takeDefault(tx *db.Tx, acc id.Account) error {
	before, had, err := payment.DefaultGateway(tx, acc)
	if err != nil || !had {
		return err
	}
	before.Default = false
	return payment.SaveGateway(tx, &before)
}

// reseal checks that a gateway account can be opened with secrets, and seals them.
func (s *Service) reseal(a account.Account, g *payment.GatewayAccount, secrets payment.GatewaySecrets) error {
	opened, err := s.doors.openAs(*g, secrets)
	if err != nil {
		return err
	}
	if err := fitsMode(a, opened); err != nil {
		return err
	}
	sealed, err := s.doors.seal(g.Account, secrets)
	if err == nil {
		g.Secret = sealed
	}
	return err
}

// RotateWebhookSecret replaces the secret that signs a gateway's notices.
type RotateWebhookSecret struct {
	Call
	Gateway id.GatewayAccount
	Secret  string // the new one; "" drops the one before, which was valid beside it
}

// RotateWebhookSecret replaces the secret that signs a gateway's notices. The one before
// stays valid beside it until it is dropped, so that no notice is lost between.
func (s *Service) RotateWebhookSecret(ctx context.Context, c RotateWebhookSecret) (payment.GatewayAccount, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (payment.GatewayAccount, error) {
		g, err := payment.LoadGateway(tx, a.ID, c.Gateway)
		if err != nil {
			return g, err
		}
		secrets, err := s.doors.unseal(g)
		if err != nil {
			return g, err
		}
		switch kept := secrets.WebhookSecrets; {
		case c.Secret == "" && len(kept) < 2:
			return g, fault.New(fault.Conflict, "there is no earlier secret to drop").WithCode("no_earlier_secret")
		case c.Secret == "":
			secrets.WebhookSecrets = kept[:1]
		case len(kept) > 0:
			secrets.WebhookSecrets = []string{c.Secret, kept[0]}
		default:
			secrets.WebhookSecrets = []string{c.Secret}
		}
		if err := s.reseal(a, &g, secrets); err != nil {
			return g, err
		}
		if err := payment.SaveGateway(tx, &g); err != nil {
			return g, err
		}
		return g, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.GatewayRotated, int64(g.ID), 0, event.Data(map[string]any{"valid": len(secrets.WebhookSecrets)})))
	})
}
