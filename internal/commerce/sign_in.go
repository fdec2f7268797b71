package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/link"
)

// CreateSignIn makes a token that signs a customer in, for a site that knows who they are.
type CreateSignIn struct {
	Call
	Customer id.Customer
	// Several makes a token that works for link.BrowseLife, for several pages of one visit;
	// else it works once.
	Several bool
}

// CreatedSignIn is a new token, which is kept nowhere.
type CreatedSignIn struct {
	Token     string
	ExpiresAt time.Time // on the account's clock: link.SignInLife from now
}

// CreateSignIn makes a token that signs a customer in once, within link.SignInLife, or
// several times within link.BrowseLife.
func (s *Service) CreateSignIn(ctx context.Context, c CreateSignIn) (CreatedSignIn, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (CreatedSignIn, error) {
		if _, err := present(tx, a, c.Customer); err != nil {
			return CreatedSignIn{}, err
		}
		purpose := link.SignIn
		if c.Several {
			purpose = link.Browse
		}
		l := link.New(s.seals, a.ID, purpose, c.Customer, 0, now)
		if err := link.Mint(tx, a.ID, []link.Link{l}, now); err != nil {
			return CreatedSignIn{}, err
		}
		token, err := l.Secret(s.seals)
		if err != nil {
			return CreatedSignIn{}, err
		}
		return CreatedSignIn{token, l.ExpiresAt}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.LinkCreated, int64(l.ID), c.Customer,
			event.Data(map[string]any{"purpose": l.Purpose, "invoice": id.Invoice(0), "expires": l.ExpiresAt})))
	})
}

// UseSignIn uses a token up, unless it works several times, and is the customer that it signs in. Whatever is wrong with it is
// fault.Unauthorized.
func (s *Service) UseSignIn(ctx context.Context, token string) (customer.Customer, error) {
	var who customer.Customer
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		l, err := link.Token(tx, token)
		if err != nil {
			return err
		}
		a, err := account.Load(tx, l.Account)
		if err != nil {
			return err
		}
		now := a.Now(s.clock.Now())
		if l.Purpose == link.Browse {
			if err := l.Check(now); err != nil {
				return err
			}
			who, err = present(tx, a, l.Customer)
			return err
		}
		if err := link.Use(tx, l, now); err != nil {
			return err
		}
		if who, err = present(tx, a, l.Customer); err != nil {
			return err
		}
		return event.Append(tx, a.ID, event.New(a.ID, now, byCustomer(l), event.LinkUsed, int64(l.ID), l.Customer,
			event.Data(map[string]any{"purpose": l.Purpose, "invoice": id.Invoice(0)})))
	})
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) {
		return customer.Customer{}, fault.New(fault.Unauthorized, "this token does not work any more")
	}
	return who, err
}
