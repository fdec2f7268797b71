package commerce

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
)

// CreateEndpoint makes a webhook endpoint: an address that is told of events.
type CreateEndpoint struct {
	Call
	Kind     outbox.Kind     // Webhook when empty, or Hook
	Address  string          // checked by the door, which knows what may be reached
	Dialect  string          // one of Dialects, "" for our own; a hook speaks our own
	Events   outbox.Filter   // kinds such as invoice.paid or invoice.*, or topics of the dialect; empty for all
	Secret   string          // sealed
	Headers  []outbox.Header // checked and sealed by the door
	InFlight int             // deliveries under way at once; 0 is one
	Settings outbox.Settings // of one with a dialect
}

// CreateEndpoint makes a webhook endpoint. It is owed the events that happen from
// now on.
func (s *Service) CreateEndpoint(ctx context.Context, c CreateEndpoint) (outbox.Endpoint, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (outbox.Endpoint, error) {
		kind := outbox.Webhook
		if c.Kind == outbox.Hook {
			kind = outbox.Hook
		}
		events, err := s.filterOf(c.Dialect, c.Events)
		if err != nil {
			return outbox.Endpoint{}, err
		}
		e := outbox.NewEndpoint(a.ID, kind, c.Address, c.Secret, events, now)
		e.Dialect, e.Headers, e.Settings = c.Dialect, c.Headers, c.Settings
		if err := scopeRefers(tx, a, e.Settings); err != nil {
			return e, err
		}
		if c.InFlight != 0 {
			e.InFlight = c.InFlight
		}
		if err := outbox.InsertEndpoint(tx, e); err != nil {
			return e, err
		}
		return e, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.EndpointCreated, int64(e.ID), 0, event.Data(map[string]any{"address": e.Address})))
	})
}

// UseDialects says which dialects endpoints may speak besides our own. It is called before
// anything else, by whoever wires the program.
func (s *Service) UseDialects(list ...outbox.Dialect) { s.dialects = list }

// Dialects are those that endpoints may speak besides our own.
func (s *Service) Dialects() []outbox.Dialect { return s.dialects }

// filterOf is the stored filter of an endpoint that speaks a dialect and wants those words.
func (s *Service) filterOf(dialect string, words outbox.Filter) (outbox.Filter, error) {
	if dialect == "" {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, "=") }) {
			return nil, fault.BadField("events", "must be types of events such as invoice.paid, or groups such as invoice.*")
		}
		return words, nil
	}
	for _, d := range s.dialects {
		if d.Name == dialect {
			return d.Filter(words)
		}
	}
	return nil, fault.BadField("dialect", "must be one of those that webhooks can speak")
}

// scopeRefers refuses settings that name a product or campaign that is not there.
func scopeRefers(tx *db.Tx, a account.Account, s outbox.Settings) error {
	if err := productsRefer(tx, a, s.Products); err != nil {
		return err
	}
	for i, c := range s.Campaigns {
		if _, err := catalog.LoadCampaign(tx, a.ID, c); err != nil {
			return refersTo(err, "campaigns."+strconv.Itoa(i))
		}
	}
	return nil
}

// UpdateEndpoint changes a webhook endpoint.
type UpdateEndpoint struct {
	Call
	Endpoint id.Endpoint
	Address  *string
	Events   *outbox.Filter   // as for CreateEndpoint
	Headers  *[]outbox.Header // checked and sealed by the door; replaces all
	InFlight *int
	Settings *outbox.Settings // of one with a dialect
	Enabled  *bool
	// Drop gives up what waits when the endpoint is enabled; otherwise it is sent.
	Drop bool
}

// dropBatch is how many deliveries one transaction gives up.
const dropBatch = 1000

// UpdateEndpoint changes a webhook endpoint. A disabled one is owed nothing new;
// enabling it forgets its failures.
func (s *Service) UpdateEndpoint(ctx context.Context, c UpdateEndpoint) (outbox.Endpoint, error) {
	if c.Drop && c.Enabled != nil && *c.Enabled {
		if err := s.dropWaiting(ctx, c.Account, c.Endpoint); err != nil {
			return outbox.Endpoint{}, err
		}
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (outbox.Endpoint, error) {
		e, err := outbox.LoadWebhook(tx, a.ID, c.Endpoint)
		if err != nil {
			return e, err
		}
		set(&e.Address, c.Address)
		if c.Events != nil {
			if e.Events, err = s.filterOf(e.Dialect, *c.Events); err != nil {
				return e, err
			}
		}
		set(&e.Headers, c.Headers)
		set(&e.InFlight, c.InFlight)
		set(&e.Settings, c.Settings)
		if err := scopeRefers(tx, a, e.Settings); err != nil {
			return e, err
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

// dropWaiting gives up what waits for a disabled endpoint, a piece at a time: it takes
// nothing meanwhile. An endpoint that is enabled keeps what it waits for.
func (s *Service) dropWaiting(ctx context.Context, acc id.Account, endpoint id.Endpoint) error {
	for {
		var n int64
		err := s.db.Background(ctx, func(tx *db.Tx) error {
			e, err := outbox.LoadWebhook(tx, acc, endpoint)
			if err != nil {
				return err
			}
			if e.State == outbox.Enabled {
				return fault.New(fault.Conflict, "the endpoint is enabled; only what waits for a disabled one can be dropped")
			}
			n, err = outbox.GiveUp(tx, acc, endpoint, s.clock.Now(), dropBatch)
			return err
		})
		if err != nil || n < dropBatch {
			return err
		}
	}
}

// RotateSecret gives a webhook endpoint a new secret.
type RotateSecret struct {
	Call
	Endpoint id.Endpoint
	Secret   string        // sealed
	Overlap  time.Duration // for which the old secret signs too, from 0 to MaxOverlap
}

// MaxOverlap is how long two secrets may sign at most.
const MaxOverlap = 7 * 24 * time.Hour

// RotateSecret gives a webhook endpoint a new secret. The old one signs beside it for a
// while, so that the receiver can change over; one that signed beside the old ends.
func (s *Service) RotateSecret(ctx context.Context, c RotateSecret) (outbox.Endpoint, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (outbox.Endpoint, error) {
		e, err := outbox.LoadWebhook(tx, a.ID, c.Endpoint)
		if err != nil {
			return e, err
		}
		if c.Overlap < 0 || c.Overlap > MaxOverlap {
			return e, fault.BadField("overlap_hours", "must be from 0 to %d", int(MaxOverlap.Hours()))
		}
		e.Rotate(c.Secret, s.clock.Now(), c.Overlap)
		if err := outbox.SaveEndpoint(tx, &e); err != nil {
			return e, err
		}
		return e, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.EndpointUpdated, int64(e.ID), 0,
			event.Data(map[string]any{"address": e.Address, "state": e.State, "secret_rotated": true})))
	})
}

// TestEndpoint sends a webhook endpoint a test.
type TestEndpoint struct {
	Call
	Endpoint id.Endpoint
}

// TestEndpoint makes a webhook endpoint owed an event that means nothing else, whatever
// it listens to. Conflict when it is disabled.
func (s *Service) TestEndpoint(ctx context.Context, c TestEndpoint) (outbox.Delivery, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (outbox.Delivery, error) {
		if _, err := outbox.LoadWebhook(tx, a.ID, c.Endpoint); err != nil {
			return outbox.Delivery{}, err
		}
		e, err := outbox.Listening(tx, a.ID, c.Endpoint)
		if err != nil {
			return outbox.Delivery{}, err
		}
		owed, err := event.AppendTo(tx, e, event.New(a.ID, now, c.Actor, event.EndpointTest, int64(e.ID), 0, event.Data(map[string]any{"message": "This is a test."})))
		if err != nil {
			return outbox.Delivery{}, err
		}
		return outbox.Load(tx, a.ID, owed)
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

// EndpointGaveUp notes, in the transaction in which the outbox disabled an endpoint, that
// it did. A hook that said that it is gone is removed: that is how services unsubscribe.
func EndpointGaveUp(tx *db.Tx, e outbox.Endpoint, machine time.Time) error {
	a, err := account.Load(tx, e.Account)
	if err != nil {
		return err
	}
	kind, facts := event.EndpointDisabled, map[string]any{"address": e.Address, "reason": e.Failure}
	if e.Kind == outbox.Hook && e.Failure == outbox.GoneFailure {
		if err := outbox.RemoveEndpoint(tx, a.ID, e.ID, machine); err != nil {
			return err
		}
		kind, facts = event.EndpointRemoved, map[string]any{"reason": e.Failure}
	}
	return event.Append(tx, a.ID, event.New(a.ID, a.Now(machine), event.Clock, kind, int64(e.ID), 0, event.Data(facts)))
}

// EndpointOutage notes, in the transaction in which the outbox found it, that an endpoint
// has failed for a while, or that it works again.
func EndpointOutage(tx *db.Tx, e outbox.Endpoint, failure string, machine time.Time) error {
	a, err := account.Load(tx, e.Account)
	if err != nil {
		return err
	}
	kind, facts := event.EndpointWorking, map[string]any{"address": e.Address, "delivers": e.Kind}
	if e.Outage() {
		kind, facts["reason"] = event.EndpointFailing, failure
	}
	return event.Append(tx, a.ID, event.New(a.ID, a.Now(machine), event.Clock, kind, int64(e.ID), 0, event.Data(facts)))
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
