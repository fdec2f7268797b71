package report

import (
	"context"

	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
)

// Endpoints are the account's webhook endpoints.
func (r *Reader) Endpoints(ctx context.Context, acc id.Account) ([]outbox.Endpoint, error) {
	return view(ctx, r, func(tx *db.Tx) ([]outbox.Endpoint, error) { return outbox.Endpoints(tx, acc) })
}

// Endpoint is one webhook endpoint.
func (r *Reader) Endpoint(ctx context.Context, acc id.Account, e id.Endpoint) (outbox.Endpoint, error) {
	return view(ctx, r, func(tx *db.Tx) (outbox.Endpoint, error) { return outbox.LoadWebhook(tx, acc, e) })
}

// Deliveries are what the account's endpoints were and are owed, newest first.
func (r *Reader) Deliveries(ctx context.Context, acc id.Account, q outbox.Query) ([]outbox.Delivery, error) {
	return view(ctx, r, func(tx *db.Tx) ([]outbox.Delivery, error) { return outbox.List(tx, acc, q) })
}

// DeliveryView is one delivery with its body and its tries.
type DeliveryView struct {
	outbox.Delivery
	Tries []outbox.Try // the newest first
}

// Delivery is one delivery to a webhook or hook, with its body and its tries.
func (r *Reader) Delivery(ctx context.Context, acc id.Account, delivery id.Delivery) (DeliveryView, error) {
	return view(ctx, r, func(tx *db.Tx) (v DeliveryView, err error) {
		if v.Delivery, err = outbox.Load(tx, acc, delivery); err != nil {
			return v, err
		}
		if v.Endpoint == outbox.MailEndpointOf(acc) {
			return DeliveryView{}, fault.New(fault.NotFound, "there is no delivery with that id")
		}
		v.Tries, err = outbox.Tries(tx, acc, delivery)
		return v, err
	})
}

// Replays are the replays of many of one endpoint, the newest first.
func (r *Reader) Replays(ctx context.Context, acc id.Account, endpoint id.Endpoint, before id.Replay, limit int) ([]outbox.Run, error) {
	return view(ctx, r, func(tx *db.Tx) ([]outbox.Run, error) {
		if _, err := outbox.LoadWebhook(tx, acc, endpoint); err != nil {
			return nil, err
		}
		return outbox.Runs(tx, acc, endpoint, before, limit)
	})
}

// Replay is one replay of many.
func (r *Reader) Replay(ctx context.Context, acc id.Account, replay id.Replay) (outbox.Run, error) {
	return view(ctx, r, func(tx *db.Tx) (outbox.Run, error) { return outbox.LoadRun(tx, acc, replay) })
}

// ReplayCount is how many deliveries a replay would make due.
func (r *Reader) ReplayCount(ctx context.Context, acc id.Account, endpoint id.Endpoint, failed bool, of outbox.Range) (int, error) {
	return view(ctx, r, func(tx *db.Tx) (int, error) {
		e, err := outbox.LoadWebhook(tx, acc, endpoint)
		if err != nil {
			return 0, err
		}
		return event.CountReplay(tx, e, failed, of)
	})
}

// EventsByID are those of the events that the account has.
func (r *Reader) EventsByID(ctx context.Context, acc id.Account, ids []int64) (map[id.Event]event.Event, error) {
	return view(ctx, r, func(tx *db.Tx) (map[id.Event]event.Event, error) { return event.ByID(tx, acc, ids) })
}
