package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/outbox"
)

// CreateEndpoint makes a webhook endpoint: an address that is told of events.
type CreateEndpoint struct {
	Call
	Address string        // checked by the door, which knows what may be reached
	Events  outbox.Filter // kinds such as invoice.paid or invoice.*; empty for all
	Secret  string        // sealed
}

// CreateEndpoint makes a webhook endpoint. It is owed the events that happen from
// now on.
func (s *Service) CreateEndpoint(ctx context.Context, c CreateEndpoint) (outbox.Endpoint, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (outbox.Endpoint, error) {
		if err := c.Events.Check(); err != nil {
			return outbox.Endpoint{}, err
		}
		e := outbox.NewEndpoint(a.ID, outbox.Webhook, c.Address, c.Secret, c.Events, now)
		if err := outbox.InsertEndpoint(tx, e); err != nil {
			return e, err
		}
		return e, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.EndpointCreated, int64(e.ID), 0, event.Data(map[string]any{"address": e.Address})))
	})
}

// UpdateEndpoint changes a webhook endpoint.
type UpdateEndpoint struct {
	Call
	Endpoint id.Endpoint
	Address  *string
	Events   *outbox.Filter
	Enabled  *bool
}

// UpdateEndpoint changes a webhook endpoint. A disabled one is owed nothing new;
// enabling it forgets its failures.
func (s *Service) UpdateEndpoint(ctx context.Context, c UpdateEndpoint) (outbox.Endpoint, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (outbox.Endpoint, error) {
		e, err := outbox.LoadWebhook(tx, a.ID, c.Endpoint)
		if err != nil {
			return e, err
		}
		set(&e.Address, c.Address)
		if c.Events != nil {
			if err := c.Events.Check(); err != nil {
				return e, err
			}
			e.Events = *c.Events
		}
		if c.Enabled != nil && *c.Enabled {
			e.Enable()
		} else if c.Enabled != nil {
			e.Disable("")
		}
		if err := outbox.SaveEndpoint(tx, &e); err != nil {
			return e, err
		}
		return e, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.EndpointUpdated, int64(e.ID), 0, event.Data(map[string]any{"address": e.Address, "state": e.State})))
	})
}

// RemoveEndpoint ends a webhook endpoint.
type RemoveEndpoint struct {
	Call
	Endpoint id.Endpoint
}

// RemoveEndpoint ends a webhook endpoint; what it is still owed is given up.
func (s *Service) RemoveEndpoint(ctx context.Context, c RemoveEndpoint) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		if err := outbox.RemoveEndpoint(tx, a.ID, c.Endpoint, s.clock.Now()); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.EndpointRemoved, int64(c.Endpoint), 0, event.Data(map[string]any{})))
	})
	return err
}

// EndpointGaveUp notes, in the transaction in which the outbox disabled an endpoint,
// that it did.
func EndpointGaveUp(tx *db.Tx, e outbox.Endpoint) error {
	a, err := account.Load(tx, e.Account)
	if err != nil {
		return err
	}
	return event.Append(tx, a.ID, event.New(a.ID, e.FailingSince.Add(a.ClockOffset), event.Clock, event.EndpointDisabled, int64(e.ID), 0,
		event.Data(map[string]any{"address": e.Address, "reason": e.Failure})))
}

// ReplayDelivery sends a delivery again.
type ReplayDelivery struct {
	Call
	Delivery id.Delivery
}

// ReplayDelivery sends a delivery again, the same bytes, whatever became of it.
func (s *Service) ReplayDelivery(ctx context.Context, c ReplayDelivery) (outbox.Delivery, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, _ time.Time) (outbox.Delivery, error) {
		d, err := outbox.Load(tx, a.ID, c.Delivery)
		if err == nil {
			_, err = outbox.LoadWebhook(tx, a.ID, d.Endpoint)
		}
		if err != nil {
			return outbox.Delivery{}, err
		}
		if err := outbox.Replay(tx, a.ID, c.Delivery); err != nil {
			return outbox.Delivery{}, err
		}
		return outbox.Load(tx, a.ID, c.Delivery)
	})
}
