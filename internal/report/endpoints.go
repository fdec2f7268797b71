package report

import (
	"context"

	"perennial/internal/db"
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
