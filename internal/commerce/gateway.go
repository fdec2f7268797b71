package commerce

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/seal"
)

// Opener opens a merchant's account at a gateway of one kind. It asks nobody; what
// cannot be an account there is fault.Invalid and names the fields.
type Opener func(payment.GatewaySettings, payment.GatewaySecrets) (payment.Gateway, error)

// gatewayDoors opens merchants' accounts at gateways, and keeps them open.
type gatewayDoors struct {
	keys  *seal.Keys
	kinds map[string]Opener

	mu   sync.Mutex
	open map[id.GatewayAccount]openGateway
}

// openGateway is an opened gateway account, as of a version of its row.
type openGateway struct {
	version int64
	until   time.Time // the row is not looked at again before
	payment.Gateway
}

// gatewayTrust is how long a gateway account is believed to be as it was.
const gatewayTrust = time.Second

// UseGateways names the kinds of gateways at which merchants may have accounts, and the
// keys that seal their secrets. It is called before anything is served.
func (s *Service) UseGateways(keys *seal.Keys, kinds map[string]Opener) {
	s.doors.keys, s.doors.kinds = keys, kinds
}

// GatewayKinds are the kinds of gateways at which merchants may have accounts.
func (s *Service) GatewayKinds() []string { return slices.Sorted(maps.Keys(s.doors.kinds)) }

// sealedFor is the purpose for which secrets of gateway accounts are sealed.
const sealedFor = "gateway account"

func (d *gatewayDoors) seal(acc id.Account, secrets payment.GatewaySecrets) (string, error) {
	if d.keys == nil {
		return "", fault.New(fault.Unavailable, "this program was started without the key that seals secrets")
	}
	b, err := json.Marshal(secrets) //nolint:gosec // it is sealed below
	return d.keys.Seal(acc, sealedFor, b), err
}

func (d *gatewayDoors) unseal(g payment.GatewayAccount) (payment.GatewaySecrets, error) {
	var secrets payment.GatewaySecrets
	if d.keys == nil {
		return secrets, fault.New(fault.Unavailable, "this program was started without the key that opens secrets")
	}
	b, err := d.keys.Unseal(g.Account, sealedFor, g.Secret)
	if err != nil {
		return secrets, fault.Wrap(fault.Unavailable, err, "the secrets of the gateway account %s cannot be opened", g.ID)
	}
	return secrets, json.Unmarshal(b, &secrets)
}

// openAs opens a gateway account with secrets that are known.
func (d *gatewayDoors) openAs(g payment.GatewayAccount, secrets payment.GatewaySecrets) (payment.Gateway, error) {
	opener, known := d.kinds[g.Kind]
	if !known {
		return nil, fault.BadField("kind", "must be one of the gateways that are set up")
	}
	if err := secrets.Check(); err != nil {
		return nil, err
	}
	return opener(g.Settings, secrets)
}

// gateway is the gateway of that name on an account: one of the program's own, or a
// gateway account of the merchant.
func (s *Service) gateway(ctx context.Context, acc id.Account, name string) (payment.Gateway, error) {
	if g, ok := s.gateways[name]; ok {
		return g, nil
	}
	if name == RecordedGateway {
		return recorded{}, nil
	}
	gateway, err := id.Parse[id.GatewayAccount](name)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the payment gateway %q is not set up", name)
	}
	now := s.clock.Now()
	s.doors.mu.Lock()
	kept, ok := s.doors.open[gateway]
	s.doors.mu.Unlock()
	if ok && now.Before(kept.until) && !now.Before(kept.until.Add(-gatewayTrust)) {
		return kept.Gateway, nil
	}
	var row payment.GatewayAccount
	err = s.db.Read(ctx, func(tx *db.Tx) (err error) {
		row, err = payment.LoadGateway(tx, acc, gateway)
		return err
	})
	if err != nil {
		return nil, err
	}
	if ok && kept.version == row.Version {
		return s.keepOpen(row, kept.Gateway, now), nil
	}
	secrets, err := s.doors.unseal(row)
	if err != nil {
		return nil, err
	}
	opened, err := s.doors.openAs(row, secrets)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the gateway account %s cannot be used", row.ID)
	}
	return s.keepOpen(row, opened, now), nil
}

// maxOpen is how many gateway accounts are kept open; then all are opened anew.
const maxOpen = 10_000

func (s *Service) keepOpen(row payment.GatewayAccount, g payment.Gateway, now time.Time) payment.Gateway {
	s.doors.mu.Lock()
	defer s.doors.mu.Unlock()
	if s.doors.open == nil || len(s.doors.open) >= maxOpen {
		s.doors.open = map[id.GatewayAccount]openGateway{}
	}
	s.doors.open[row.ID] = openGateway{row.Version, now.Add(gatewayTrust), g}
	return g
}

// GatewaysOf are the gateways that an account's money can be at, by name.
func (s *Service) GatewaysOf(ctx context.Context, acc id.Account) (map[string]payment.Gateway, error) {
	all := maps.Clone(s.gateways)
	if all == nil {
		all = map[string]payment.Gateway{}
	}
	var list []payment.GatewayAccount
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		list, err = payment.Gateways(tx, acc, 0, maxGateways)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, row := range list {
		if all[row.GatewayName()], err = s.gateway(ctx, acc, row.GatewayName()); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// sellsAt is the gateway at which something is sold or saved: the campaign's, else the
// account's default. A sandbox account has the sandbox besides.
func sellsAt(tx *db.Tx, a account.Account, campaign id.GatewayAccount) (string, error) {
	if campaign != 0 {
		g, err := payment.LoadGateway(tx, a.ID, campaign)
		if err != nil {
			return "", err
		}
		if g.State == payment.GatewayActive {
			return g.GatewayName(), nil
		}
	}
	g, ok, err := payment.DefaultGateway(tx, a.ID)
	if err != nil {
		return "", err
	}
	switch {
	case ok:
		return g.GatewayName(), nil
	case a.Mode == account.Sandbox:
		return SandboxGateway, nil
	}
	return "", fault.New(fault.Conflict, "this live account has no payment gateway yet").WithCode("no_gateway")
}

// GatewayForSale is where a price is paid: the name of its gateway, its kind, and what a
// browser may know of it.
type GatewayForSale struct {
	Name     string
	Kind     string
	Settings payment.GatewaySettings
}

// GatewayFor is where a price of the account is paid; price 0 asks for the account's
// default. A live account without a gateway is fault.Conflict.
func (s *Service) GatewayFor(ctx context.Context, acc id.Account, price id.Price) (GatewayForSale, error) {
	var found GatewayForSale
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		name, err := gatewayOfSale(tx, acc, price)
		if err != nil {
			return err
		}
		found = GatewayForSale{Name: name, Kind: SandboxGateway}
		if gateway, err := id.Parse[id.GatewayAccount](name); err == nil {
			g, err := payment.LoadGateway(tx, acc, gateway)
			if err != nil {
				return err
			}
			found.Kind, found.Settings = g.Kind, g.Settings
		}
		return nil
	})
	return found, err
}

func gatewayOfSale(tx *db.Tx, acc id.Account, price id.Price) (string, error) {
	a, err := account.Load(tx, acc)
	if err != nil {
		return "", err
	}
	var own id.GatewayAccount
	if price != 0 {
		if own, err = campaignGateway(tx, acc, price); err != nil {
			return "", err
		}
	}
	return sellsAt(tx, a, own)
}

// campaignGateway is the gateway account that a price's campaign names, 0 for none.
func campaignGateway(tx *db.Tx, acc id.Account, price id.Price) (id.GatewayAccount, error) {
	p, err := catalog.LoadPrice(tx, acc, price)
	if err != nil {
		return 0, err
	}
	product, err := catalog.LoadProduct(tx, acc, p.Product)
	if err != nil {
		return 0, err
	}
	c, err := catalog.LoadCampaign(tx, acc, product.Campaign)
	return c.Gateway, err
}

// usableGateway refuses a campaign's gateway account that cannot be sold at.
func usableGateway(tx *db.Tx, acc id.Account, gateway id.GatewayAccount) error {
	if gateway == 0 {
		return nil
	}
	g, err := payment.LoadGateway(tx, acc, gateway)
	if err != nil {
		return refersTo(err, "gateway")
	}
	if g.State != payment.GatewayActive {
		return fault.BadField("gateway", "is disabled")
	}
	return nil
}
