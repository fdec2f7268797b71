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

// AskRefund asks the gateway now what became of a refund.
type AskRefund struct {
	Call
	Refund id.Refund
}

// AskRefund asks the gateway now what became of a refund, and settles it as it says. What
// is settled already stays.
func (s *Service) AskRefund(ctx context.Context, c AskRefund) (payment.Refund, error) {
	var r payment.Refund
	var now time.Time
	load := func(tx *db.Tx) error {
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		now = a.Now(s.clock.Now())
		r, err = payment.LoadRefund(tx, a.ID, c.Refund)
		return err
	}
	if err := s.db.View(ctx, load); err != nil || r.State != payment.Pending {
		return r, err
	}
	if err := s.askRefund(context.WithoutCancel(ctx), r, now, c.Actor); err != nil {
		return r, err
	}
	return r, s.db.View(ctx, load)
}

// MarkRefund says what became of a refund that waits for a person.
type MarkRefund struct {
	Call
	Refund    id.Refund
	Given     bool   // false: the money was not and will not be given back by this refund
	Reference string // the gateway's, the bank's; required when it was given
}

// MarkRefund settles a refund as a person says, because its gateway cannot: given, it is
// booked and gets its credit note; not given, its amount can be given back another time. Of
// any other refund the gateway knows, and it is fault.Conflict.
func (s *Service) MarkRefund(ctx context.Context, c MarkRefund) (payment.Refund, error) {
	var f fault.Fields
	f.Check(!c.Given || c.Reference != "", "reference", "must be given: what the gateway or the bank calls the refund")
	f.Check(len(c.Reference) <= 255 && plainWord(c.Reference), "reference", "must be at most 255 bytes of plain text")
	if err := f.Err(); err != nil {
		return payment.Refund{}, err
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (payment.Refund, error) {
		r, err := payment.LoadRefund(tx, a.ID, c.Refund)
		switch {
		case err != nil:
			return r, err
		case r.State != payment.Pending:
			return r, fault.New(fault.Conflict, "the refund is settled already").WithCode("refund_settled")
		case r.Waits != payment.ForPerson:
			return r, fault.New(fault.Conflict, "the gateway is asked what became of this refund; a person can say so only when it cannot").WithCode("gateway_decides")
		}
		p, err := payment.Load(tx, a.ID, r.Payment)
		if err != nil {
			return r, err
		}
		result := payment.Result{Outcome: payment.Declined, Code: "not_given", Reference: c.Reference}
		if c.Given {
			result.Outcome, result.Code = payment.Succeeded, ""
		}
		if err := s.settleRefundIn(tx, a, r.ID, result, c.Actor, now); err != nil {
			return r, err
		}
		if r, err = payment.LoadRefund(tx, a.ID, r.ID); err != nil {
			return r, err
		}
		return r, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.RefundMarked, int64(r.ID), p.Customer, event.Data(map[string]any{
			"given": c.Given, "reference": c.Reference, "payment": r.Payment, "amount": r.Amount.Minor, "currency": r.Amount.Currency})))
	})
}
