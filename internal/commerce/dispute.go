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
	"perennial/internal/ledger"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

// disputeTold follows the dispute that a notice is about, as the gateway tells it now.
func (s *Service) disputeTold(ctx context.Context, t payment.Told, at time.Time) error {
	receiver, err := s.receiver(ctx, t)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, gatewayTimeout)
	now, err := receiver.Dispute(asking, t.Account, t.Reference)
	cancel()
	if err != nil {
		return err
	}
	var strange bool
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		strange = false
		a, err := account.Load(tx, t.Account)
		if err != nil {
			return err
		}
		if now.News.After(at) && t.Gateway == SandboxGateway {
			if err := payment.ExpectNews(tx, a.ID, now.News); err != nil {
				return err
			}
		}
		d, known, err := payment.DisputeByReference(tx, a.ID, t.Gateway, now.Reference)
		if err != nil {
			return err
		}
		if known {
			return follow(tx, a, d, now, at)
		}
		p, err := disputed(tx, t, now)
		if fault.Is(err, fault.NotFound) || err == nil && p.ID != 0 && (p.State != payment.Paid || now.Amount.Currency != p.Amount.Currency || now.Amount.Minor <= 0 || now.Amount.Minor > p.Amount.Minor) {
			strange = true
			return nil
		}
		if err != nil || p.ID == 0 { // a charge that was made elsewhere
			return err
		}
		return openDispute(tx, a, p, now, at)
	})
	if err == nil && strange {
		return s.stranger(ctx, t, at)
	}
	return err
}

// disputed is the payment that a dispute is about; ID 0 when it was not asked for here.
func disputed(tx *db.Tx, t payment.Told, now payment.Disputed) (payment.Payment, error) {
	named, err := id.Parse[id.Payment](now.ChargeKey)
	if err == nil {
		p, err := payment.Load(tx, t.Account, named)
		if err == nil && p.Gateway != t.Gateway {
			err = fault.New(fault.NotFound, "the payment was made at another gateway")
		}
		return p, err
	}
	list, err := payment.ByReference(tx, t.Account, t.Gateway, now.ChargeReference)
	if err != nil || len(list) == 0 {
		return payment.Payment{}, err
	}
	return list[0], nil
}

// openDispute writes a dispute that is new here. It may be over already.
func openDispute(tx *db.Tx, a account.Account, p payment.Payment, now payment.Disputed, at time.Time) error {
	opened := now
	if now.State.Ended() || now.State == payment.UnderReview { // as it was before, so that every step is booked
		opened.State, opened.ClosedAt = payment.NeedsResponse, time.Time{}
		if now.State == payment.WarningClosed {
			opened.State = payment.Warning
		}
	}
	d := payment.Dispute{ID: id.New[id.Dispute](), Account: a.ID, Payment: p.ID, Invoice: p.Invoice, Customer: p.Customer, Gateway: p.Gateway, Disputed: opened, Version: 1}
	if err := ledger.Post(tx, moves(&d, at)); err != nil {
		return err
	}
	if err := payment.InsertDispute(tx, d); err != nil {
		return err
	}
	if err := event.Append(tx, a.ID, disputeEvent(d, event.DisputeOpened, at)); err != nil {
		return err
	}
	if err := adjustCommissions(tx, a, d.Payment, affiliate.Dispute, int64(d.ID), at); err != nil {
		return err
	}
	if a.Settings.DisputeEnds && opened.State != payment.Warning {
		if err := endDisputed(tx, a, d, at); err != nil {
			return err
		}
	}
	if opened.State == now.State {
		return nil
	}
	return follow(tx, a, d, now, at)
}

// follow takes over how a dispute stands now.
func follow(tx *db.Tx, a account.Account, d payment.Dispute, now payment.Disputed, at time.Time) error {
	before := d
	if !d.Follow(now) {
		return nil
	}
	if err := ledger.Post(tx, moves(&d, at)); err != nil {
		return err
	}
	if err := payment.SaveDispute(tx, d); err != nil {
		return err
	}
	kind := event.DisputeUpdated
	if d.State != before.State {
		switch d.State {
		case payment.Won:
			kind = event.DisputeWon
		case payment.Lost:
			kind = event.DisputeLost
		case payment.WarningClosed:
			kind = event.DisputeClosed
		}
	}
	if err := event.Append(tx, a.ID, disputeEvent(d, kind, at)); err != nil {
		return err
	}
	if err := adjustCommissions(tx, a, d.Payment, affiliate.Dispute, int64(d.ID), at); err != nil {
		return err
	}
	if a.Settings.DisputeEnds && before.State == payment.Warning && d.State.Withdrawn() {
		return endDisputed(tx, a, d, at)
	}
	return nil
}

func disputeEvent(d payment.Dispute, kind event.Kind, at time.Time) event.Event {
	facts := map[string]any{"payment": d.Payment, "invoice": d.Invoice, "amount": d.Amount.Minor, "currency": d.Amount.Currency, "reason": d.Reason, "state": d.State}
	if !d.EvidenceBy.IsZero() {
		facts["evidence_by"] = d.EvidenceBy
	}
	return event.New(d.Account, at, event.Clock, kind, int64(d.ID), d.Customer, event.Data(facts))
}

// endDisputed ends the subscription whose payment is disputed.
func endDisputed(tx *db.Tx, a account.Account, d payment.Dispute, at time.Time) error {
	_, sub, err := owed(tx, a, d.Invoice)
	if err != nil || sub == nil || sub.State == subscription.Canceled || sub.Changing() {
		return err
	}
	c := &collection{invoice: invoice.Invoice{ID: d.Invoice, Customer: d.Customer}, sub: sub, at: at, actor: event.Clock}
	w := &settlement{account: a}
	scheduled := sub.Scheduled()
	sub.End(at, subscription.Disputed)
	if err := closeCase(tx, a.ID, sub.Invoice, recovery.Canceled, at); err != nil {
		return err
	}
	w.undo(c, sub, scheduled)
	if sub.Invoice != 0 {
		if err := askAnyway(tx, a, sub.Invoice, at); err != nil {
			return err
		}
	}
	w.subs = append(w.subs, sub)
	w.add(c, event.SubscriptionCanceled, int64(sub.ID), event.Data(map[string]any{"reason": sub.EndReason, "dispute": d.ID}))
	return w.write(tx, nil)
}

// moves are the ledger's entries of how a dispute stands now, as far as they are not
// written yet.
func moves(d *payment.Dispute, at time.Time) []ledger.Entry {
	move := func(from, to ledger.Book) []ledger.Entry {
		return ledger.Moved(d.Account, d.Invoice, d.ID, at, d.Amount, from, to)
	}
	want := bookOf(d.State)
	have := ledger.Book(d.Booked)
	if have == "" {
		have = ledger.Cash
	}
	if have == want {
		return nil
	}
	var list []ledger.Entry
	if have == ledger.Cash && want == ledger.Lost { // it was withdrawn before it was lost
		list = move(ledger.Cash, ledger.Disputed)
		have = ledger.Disputed
	}
	d.Booked = string(want)
	return append(list, move(have, want)...)
}

// bookOf is the book on which disputed money stands.
func bookOf(s payment.DisputeState) ledger.Book {
	switch {
	case s == payment.Lost:
		return ledger.Lost
	case s.Withdrawn():
		return ledger.Disputed
	}
	return ledger.Cash
}
