package commerce

import (
	"context"
	"reflect"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
	"perennial/internal/payment"
)

// Resealed is how many rows of an account are sealed under another key than before.
type Resealed struct {
	Endpoints int // webhooks, hooks and the mail endpoint
	Gateways  int // gateway accounts
}

// Reseal seals every secret of an account that is kept at rest under the key that seals
// now, so that the key before it can be taken away. Each kind of endpoint has its own
// function, which changes nothing that is sealed so already. It is written all or not at
// all, and can be repeated.
func (s *Service) Reseal(ctx context.Context, acc id.Account, kinds map[outbox.Kind]func(*outbox.Endpoint) error) (Resealed, error) {
	var done Resealed
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		done = Resealed{}
		list, err := outbox.Endpoints(tx, acc)
		if err != nil {
			return err
		}
		mail, err := outbox.MailEndpoint(tx, acc)
		switch {
		case err == nil:
			list = append(list, mail)
		case !fault.Is(err, fault.NotFound):
			return err
		}
		for i := range list {
			e := list[i]
			if err := kinds[e.Kind](&e); err != nil {
				return fault.Wrap(fault.Unavailable, err, "the secrets of endpoint %s cannot be sealed again", e.ID)
			}
			if reflect.DeepEqual(e, list[i]) {
				continue
			}
			if err := outbox.SaveEndpoint(tx, &e); err != nil {
				return err
			}
			done.Endpoints++
		}
		return s.resealGateways(tx, acc, &done)
	})
	return done, err
}

func (s *Service) resealGateways(tx *db.Tx, acc id.Account, done *Resealed) error {
	var before id.GatewayAccount
	for {
		list, err := payment.Gateways(tx, acc, before, gatewayPage)
		if err != nil {
			return err
		}
		for _, g := range list {
			before = g.ID
			sealed, err := s.doors.keys.Again(acc, sealedFor, g.Secret)
			if err != nil {
				return fault.Wrap(fault.Unavailable, err, "the secrets of gateway account %s cannot be sealed again", g.ID)
			}
			if sealed == g.Secret {
				continue
			}
			g.Secret = sealed
			if err := payment.SaveGateway(tx, &g); err != nil {
				return err
			}
			done.Gateways++
		}
		if len(list) < gatewayPage {
			return nil
		}
	}
}

// gatewayPage is how many gateway accounts are read at once.
const gatewayPage = 100
