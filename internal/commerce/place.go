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
)

// AddPlace gives a customer a further address.
type AddPlace struct {
	Call
	Customer id.Customer
	Facts    customer.PlaceFacts
}

// AddPlace gives a customer a further address.
func (s *Service) AddPlace(ctx context.Context, c AddPlace) (customer.Place, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (customer.Place, error) {
		p := customer.Place{ID: id.New[id.Place](), Account: a.ID, Customer: c.Customer, Facts: c.Facts, CreatedAt: now, UpdatedAt: now, Version: 1}
		if err := p.Facts.Check(); err != nil {
			return p, err
		}
		if _, err := present(tx, a, c.Customer); err != nil {
			return p, err
		}
		if err := customer.InsertPlace(tx, p); err != nil {
			return p, err
		}
		return p, event.Append(tx, a.ID, placeEvent(a, now, c.Actor, event.PlaceAdded, p))
	})
}

// UpdatePlace changes a further address, or takes it away.
type UpdatePlace struct {
	Call
	Place  id.Place
	Edit   func(*customer.PlaceFacts) // may be called more than once; nil leaves them
	Remove bool
}

// UpdatePlace changes a further address of a customer, or takes it away. One that was taken
// away stays as it is.
func (s *Service) UpdatePlace(ctx context.Context, c UpdatePlace) (customer.Place, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (customer.Place, error) {
		p, err := customer.LoadPlace(tx, a.ID, c.Place)
		if err != nil {
			return p, err
		}
		if c.Remove && !p.DeletedAt.IsZero() {
			return p, nil
		}
		if !p.DeletedAt.IsZero() {
			return p, fault.New(fault.NotFound, "there is no address with that id any more")
		}
		if _, err := present(tx, a, p.Customer); err != nil {
			return p, err
		}
		if c.Edit != nil {
			c.Edit(&p.Facts)
		}
		if err := p.Facts.Check(); err != nil {
			return p, err
		}
		kind := event.PlaceUpdated
		p.UpdatedAt = now
		if c.Remove {
			kind, p.DeletedAt = event.PlaceRemoved, now
		}
		if err := customer.SavePlace(tx, p); err != nil {
			return p, err
		}
		p.Version++
		return p, event.Append(tx, a.ID, placeEvent(a, now, c.Actor, kind, p))
	})
}

func placeEvent(a account.Account, now time.Time, by event.Actor, kind event.Kind, p customer.Place) event.Event {
	return event.New(a.ID, now, by, kind, int64(p.Customer), p.Customer, event.Data(map[string]any{"address": p.ID}))
}
