package report

import (
	"context"

	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// Gateways are the account's gateway accounts, newest first: at most 50.
func (r *Reader) Gateways(ctx context.Context, acc id.Account) ([]payment.GatewayAccount, error) {
	return view(ctx, r, func(tx *db.Tx) ([]payment.GatewayAccount, error) { return payment.Gateways(tx, acc, 0, 50) })
}

// Gateway is one gateway account.
func (r *Reader) Gateway(ctx context.Context, acc id.Account, g id.GatewayAccount) (payment.GatewayAccount, error) {
	return view(ctx, r, func(tx *db.Tx) (payment.GatewayAccount, error) { return payment.LoadGateway(tx, acc, g) })
}

// Notices are what gateways told, older than before.
func (r *Reader) Notices(ctx context.Context, acc id.Account, before id.GatewayNotice, limit int) ([]payment.Told, error) {
	return view(ctx, r, func(tx *db.Tx) ([]payment.Told, error) { return payment.Notices(tx, acc, before, limit) })
}

// Notice is one of the things that gateways told.
func (r *Reader) Notice(ctx context.Context, acc id.Account, n id.GatewayNotice) (payment.Told, error) {
	return view(ctx, r, func(tx *db.Tx) (payment.Told, error) { return payment.LoadNotice(tx, acc, n) })
}

// Disputes are the account's disputes older than before.
func (r *Reader) Disputes(ctx context.Context, acc id.Account, before id.Dispute, limit int) ([]payment.Dispute, error) {
	return view(ctx, r, func(tx *db.Tx) ([]payment.Dispute, error) { return payment.Disputes(tx, acc, before, limit) })
}

// Dispute is one dispute.
func (r *Reader) Dispute(ctx context.Context, acc id.Account, d id.Dispute) (payment.Dispute, error) {
	return view(ctx, r, func(tx *db.Tx) (payment.Dispute, error) { return payment.LoadDispute(tx, acc, d) })
}

// RefundsForPeople are refunds that a person has to settle, because a gateway cannot say
// what became of them.
func (r *Reader) RefundsForPeople(ctx context.Context, acc id.Account, before id.Refund, limit int) ([]payment.Refund, error) {
	return view(ctx, r, func(tx *db.Tx) ([]payment.Refund, error) {
		return payment.RefundsForPeople(tx, acc, before, limit)
	})
}

// ForPeople are the payments that wait for a person, older than before.
func (r *Reader) ForPeople(ctx context.Context, acc id.Account, before id.Payment, limit int) ([]payment.Payment, error) {
	return view(ctx, r, func(tx *db.Tx) ([]payment.Payment, error) { return payment.ForPeople(tx, acc, before, limit) })
}
