package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// Refund gives money of a payment back.
type Refund struct {
	Call
	Payment id.Payment
	Amount  int64 // minor units; 0 means all that is left
	Reason  string
	// Recorded says that the money was given back in another way: it is booked, and the
	// gateway is not asked.
	Recorded bool
}

// Refund gives money of a payment back, never more than was paid: the amount is
// taken off what the payment can give before the gateway is asked. A refusal of
// the gateway is fault.Declined and puts it back; without an answer the refusal is
// fault.Pending, and the gateway is asked later.
func (s *Service) Refund(ctx context.Context, c Refund) (payment.Refund, error) {
	if err := checkReason(c.Reason); err != nil {
		return payment.Refund{}, err
	}
	var r payment.Refund
	var p payment.Payment
	var offset time.Duration
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		offset = a.ClockOffset
		before, err := s.begin(tx, c.Call)
		if err != nil {
			return err
		}
		if before != 0 {
			if r, err = payment.LoadRefund(tx, a.ID, id.Refund(before)); err != nil {
				return err
			}
			p, err = payment.Load(tx, a.ID, r.Payment)
			return err
		}
		if r, p, err = s.promise(tx, a, c); err != nil {
			return err
		}
		if c.Recorded {
			if err := s.settleRefundIn(tx, a, r.ID, payment.Result{Outcome: payment.Succeeded}, c.Actor, r.CreatedAt); err != nil {
				return err
			}
			r.State = payment.Paid
		}
		return s.hold(tx, c.Call, int64(r.ID))
	})
	if err != nil {
		return r, err
	}
	if r.State == payment.Pending && r.Reference == "" && r.Waits == payment.ForAnswer && !forgotten(p.Gateway, r.CreatedAt, s.clock.Now().Add(offset)) {
		result := s.giveBack(ctx, r, p)
		if err := s.settleRefund(context.WithoutCancel(ctx), r, result, c.Actor, time.Time{}); err != nil {
			return r, err
		}
	}
	return s.refunded(ctx, c.Call, r.ID)
}

// promise writes a pending refund and takes its amount off the payment.
func (s *Service) promise(tx *db.Tx, a account.Account, c Refund) (payment.Refund, payment.Payment, error) {
	p, err := payment.Load(tx, a.ID, c.Payment)
	if err != nil {
		return payment.Refund{}, p, err
	}
	v, sub, err := owed(tx, a, p.Invoice)
	if err != nil {
		return payment.Refund{}, p, err
	}
	// Read again after what is saved below: what another refund took off meanwhile counts.
	if p, err = payment.Load(tx, a.ID, p.ID); err != nil {
		return payment.Refund{}, p, err
	}
	whole := c.Amount == 0
	if whole {
		c.Amount = p.Amount.Minor - p.Refunded
	}
	if err := p.CheckRefund(c.Amount); err != nil {
		return payment.Refund{}, p, err
	}
	if c.Amount, err = refundable(tx, v, sub, p, c.Amount, whole); err != nil {
		return payment.Refund{}, p, err
	}
	if err := mayRefund(tx, a, p, c.Actor, c.Amount, a.Now(s.clock.Now())); err != nil {
		return payment.Refund{}, p, err
	}
	promised, err := payment.PromiseRefund(tx, p, c.Amount)
	if err != nil {
		return payment.Refund{}, p, err
	}
	if !promised {
		return payment.Refund{}, p, db.VersionConflict() // another refund came between; look again
	}
	now := a.Now(s.clock.Now())
	r := payment.Refund{ID: id.New[id.Refund](), Account: a.ID, Payment: p.ID, Invoice: p.Invoice, Amount: money.Amount{Minor: c.Amount, Currency: p.Amount.Currency},
		State: payment.Pending, Reason: c.Reason, AskedBy: string(c.Actor.Kind) + ":" + c.Actor.Name, Recorded: c.Recorded, AskAt: payment.NextAsk(now, now), CreatedAt: now, Version: 1}
	if err := payment.InsertRefund(tx, r); err != nil {
		return r, p, err
	}
	return r, p, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.RefundCreated, int64(r.ID), p.Customer,
		event.Data(map[string]any{"payment": p.ID, "amount": r.Amount.Minor, "currency": r.Amount.Currency, "reason": r.Reason})))
}

// refundable refuses a refund of what was credited already, and one that would meet a
// change of terms on its way. It returns the amount: of the whole, what was not credited.
// It saves the subscription, so that of a refund and a change
// that begin at the same moment the second looks again.
func refundable(tx *db.Tx, v invoice.Invoice, sub *subscription.Subscription, p payment.Payment, amount int64, whole bool) (int64, error) {
	left := v.Total.Minor - v.Credited - (p.Refunded - v.Refunded)
	if whole && left > 0 {
		amount = min(amount, left)
	}
	if amount > left {
		return amount, fault.BadField("amount", "must be at most the %d minor units of the invoice that were not given back as credit", max(left, 0))
	}
	if sub == nil || v.Reason != invoice.Sale && v.Reason != invoice.Renewal && v.Reason != invoice.Changed {
		return amount, invoice.AddRefunded(tx, v, 0) // no subscription tells a credit note that begins at the same moment
	}
	if sub.Changing() {
		return amount, subscription.ErrChanging()
	}
	return amount, subscription.SaveOne(tx, sub)
}

// mayRefund refuses to give back what is disputed, and more than somebody may give back in
// a day.
func mayRefund(tx *db.Tx, a account.Account, p payment.Payment, by event.Actor, amount int64, now time.Time) error {
	disputes, err := payment.DisputesOf(tx, a.ID, p.ID)
	if err != nil {
		return err
	}
	for _, d := range disputes {
		if d.State == payment.Lost || !d.State.Ended() {
			return fault.New(fault.Conflict, "the customer's bank disputes this payment, so that it cannot be refunded").WithCode("payment_disputed")
		}
	}
	limit := int64(0)
	switch by.Kind {
	case event.ByKey:
		limit = a.Settings.RefundsByKey
	case event.ByMember:
		limit = a.Settings.RefundsByMember
	}
	if limit == 0 {
		return nil
	}
	given, err := payment.RefundedBy(tx, a.ID, string(by.Kind)+":"+by.Name, p.Amount.Currency, now.Add(-24*time.Hour))
	if err == nil && amount > limit-given {
		err = fault.New(fault.Conflict, "%s may give back %d minor units in 24 hours and has given %d; an owner can raise the limit in the settings of the account", by.Name, limit, given).
			WithCode("refund_limit")
	}
	return err
}

// giveBack asks the gateway for a refund. It calls the network.
func (s *Service) giveBack(ctx context.Context, r payment.Refund, p payment.Payment) payment.Result {
	g, err := s.gateway(ctx, r.Account, p.Gateway)
	if err == nil {
		err = s.faults.Hit("gateway.refund")
	}
	var result payment.Result
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, gatewayTimeout)
		defer cancel()
		result, err = g.Refund(ctx, payment.RefundRequest{Account: r.Account, Key: r.Key(), ChargeKey: p.Key(), Reference: p.Reference, Amount: r.Amount, Asked: r.CreatedAt})
	}
	if err != nil {
		s.log.Warn("a refund could not be sent", "refund", r.ID, "err", err)
		return payment.Result{Outcome: payment.Unknown}
	}
	return result
}

// settleRefund writes the outcome of a refund, at an instant or, when that is zero,
// now.
func (s *Service) settleRefund(ctx context.Context, r payment.Refund, result payment.Result, by event.Actor, at time.Time) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, r.Account)
		if err != nil {
			return err
		}
		when := at
		if when.IsZero() {
			when = a.Now(s.clock.Now())
		}
		return s.settleRefundIn(tx, a, r.ID, result, by, when)
	})
}

// settleRefundIn writes the outcome of a refund inside a transaction.
func (s *Service) settleRefundIn(tx *db.Tx, a account.Account, refund id.Refund, result payment.Result, by event.Actor, at time.Time) error {
	fresh, err := payment.LoadRefund(tx, a.ID, refund)
	if err != nil {
		return err
	}
	if fresh.State != payment.Pending { // somebody else settled it first
		return s.refundContradicted(tx, fresh, result, at)
	}
	waited := fresh.Waits
	fresh.Settle(result, at)
	if err := payment.SaveRefund(tx, fresh); err != nil {
		return err
	}
	v, err := invoice.Load(tx, a.ID, fresh.Invoice)
	if err != nil {
		return err
	}
	facts := map[string]any{"payment": fresh.Payment, "amount": fresh.Amount.Minor, "currency": fresh.Amount.Currency}
	if fresh.Waits == payment.ForPerson && waited != payment.ForPerson {
		return event.Append(tx, a.ID, event.New(a.ID, at, by, event.RefundUnresolved, int64(fresh.ID), v.Customer, event.Data(facts)))
	}
	switch fresh.State {
	case payment.Paid:
		return refundDone(tx, a, v, fresh, at, by, facts)
	case payment.Failed:
		facts["code"] = fresh.Failure
		if err := payment.ReturnRefund(tx, a.ID, fresh.Payment, fresh.Amount.Minor); err != nil {
			return err
		}
		return event.Append(tx, a.ID, event.New(a.ID, at, by, event.RefundFailed, int64(fresh.ID), v.Customer, event.Data(facts)))
	}
	return nil
}

// refundContradicted tells people when a gateway says another thing of a refund than it was
// settled with: it gave money back that could be given a second time, or what it gave came
// back to it.
func (s *Service) refundContradicted(tx *db.Tx, r payment.Refund, result payment.Result, at time.Time) error {
	reason := ""
	switch {
	case r.State == payment.Failed && result.Outcome == payment.Succeeded:
		reason = givenAfterRefusal
	case r.State == payment.Paid && result.Outcome == payment.Declined:
		reason = refundFailedAfterwards
	default:
		return nil
	}
	p, err := payment.Load(tx, r.Account, r.Payment)
	if err != nil {
		return err
	}
	return s.contradicts(tx, p, &r, reason, result.Reference, at)
}

// refundAfterAll looks whether a gateway says of a settled refund what it was settled with.
func (s *Service) refundAfterAll(ctx context.Context, r payment.Refund, at time.Time) error {
	var p payment.Payment
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		p, err = payment.Load(tx, r.Account, r.Payment)
		return err
	})
	if err != nil || r.Recorded {
		return err
	}
	g, err := s.gateway(ctx, r.Account, p.Gateway)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, gatewayTimeout)
	result, err := g.Find(asking, payment.Inquiry{Account: r.Account, Key: r.Key(), Refund: true, Reference: r.Reference, Asked: r.CreatedAt, Now: at})
	cancel()
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *db.Tx) error { return s.refundContradicted(tx, r, result, at) })
}

// refundDone writes the credit note of a refund that went through.
func refundDone(tx *db.Tx, a account.Account, v invoice.Invoice, r payment.Refund, at time.Time, by event.Actor, facts map[string]any) error {
	lines, err := invoice.Lines(tx, v)
	if err != nil {
		return err
	}
	taken, err := invoice.TakenOf(tx, a.ID, []int64{int64(v.ID)})
	if err != nil {
		return err
	}
	portions, err := v.TakeTotal(lines, taken[v.ID], r.Amount.Minor)
	if err != nil {
		return err
	}
	if err := invoice.AddRefunded(tx, v, r.Amount.Minor); err != nil {
		return err
	}
	v.Version++
	w := &settlement{account: a}
	w.events = append(w.events, event.New(a.ID, at, by, event.RefundSucceeded, int64(r.ID), v.Customer, event.Data(facts)))
	if _, err := w.writeCredit(tx, v, portions, invoice.CreditNote{Reason: invoice.ForRefund, Note: r.Reason}, creditTo{refund: r.ID}, at, by); err != nil {
		return err
	}
	if err := w.write(tx, nil); err != nil {
		return err
	}
	return adjustCommissions(tx, a, r.Payment, affiliate.Refund, int64(r.ID), at)
}

// askRefund finds out what became of a refund; one that the gateway never saw is
// sent now, under the same key.
func (s *Service) askRefund(ctx context.Context, r payment.Refund, now time.Time, by event.Actor) error {
	var p payment.Payment
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		p, err = payment.Load(tx, r.Account, r.Payment)
		return err
	})
	if err != nil {
		return err
	}
	var result payment.Result
	g, err := s.gateway(ctx, r.Account, p.Gateway)
	if err == nil {
		asking, cancel := context.WithTimeout(ctx, gatewayTimeout)
		result, err = g.Find(asking, payment.Inquiry{Account: r.Account, Key: r.Key(), Refund: true, Reference: r.Reference, Asked: r.CreatedAt, Now: now})
		cancel()
	}
	if err != nil {
		s.log.Warn("a gateway could not be asked", "refund", r.ID, "err", err)
		result = payment.Result{Outcome: payment.Unknown}
	}
	switch {
	case result.Outcome != payment.Absent:
	case r.Reference != "" || r.Waits != payment.ForAnswer: // it was there before
		result = payment.Result{Outcome: payment.Unknown}
	case forgotten(p.Gateway, r.CreatedAt, now):
		result = payment.Result{Outcome: payment.Declined, Code: "never_arrived"}
	default:
		result = s.giveBack(ctx, r, p)
	}
	return s.settleRefund(ctx, r, result, by, now)
}

// refunded reads what came of a refund and keeps the answer of the call.
func (s *Service) refunded(ctx context.Context, c Call, refund id.Refund) (payment.Refund, error) {
	var r payment.Refund
	var refused error
	err := s.db.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		refused = nil
		var err error
		if r, err = payment.LoadRefund(tx, c.Account, refund); err != nil {
			return err
		}
		switch r.State {
		case payment.Pending:
			refused = fault.New(fault.Pending, "the gateway has not answered yet; it will be asked again under the same key, so do not repeat the refund").WithCode("refund_unknown")
			return nil
		case payment.Failed:
			refused = fault.New(fault.Declined, "the gateway refused the refund: %s", r.Failure).WithCode("refund_failed")
		}
		return s.finish(tx, c, r, refused)
	})
	if err != nil {
		return r, err
	}
	return r, refused
}
