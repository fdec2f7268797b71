package commerce

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/idempotency"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// askBatch is how many unknown outcomes are asked for in one go.
const askBatch = 100

// asksAtOnce is how many gateways' answers are waited for at one time, so that one
// that hangs does not hold up the others.
const asksAtOnce = 32

// RunAccount does everything that is due on one account now: unknown outcomes are
// asked for, then subscriptions are acted on. A sandbox walk that was interrupted
// is continued instead. An account that somebody in this process is working on
// already is left to them.
func (s *Service) RunAccount(ctx context.Context, acc id.Account) (Run, error) {
	end, free := s.turns.try(acc)
	if !free {
		return Run{}, nil
	}
	defer end()
	var a account.Account
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		a, err = account.Load(tx, acc)
		return err
	})
	if err != nil {
		return Run{}, err
	}
	if err := s.gatewayWork(ctx, acc); err != nil {
		return Run{}, err
	}
	if !a.ClockTarget.IsZero() {
		walked, err := s.walk(ctx, acc, a.ClockTarget, nil)
		return walked.Run, err
	}
	now := a.Now(s.clock.Now())
	if _, err := s.askDue(ctx, acc, now); err != nil {
		return Run{}, err
	}
	done, err := s.topUps(ctx, acc, now)
	if err != nil {
		return done, err
	}
	if _, err := s.tellDue(ctx, acc, now, false); err != nil {
		return done, err
	}
	run, err := s.RunDue(ctx, acc, now)
	done.add(run)
	return done, err
}

// SettleAccount finishes what was begun on one account and begins nothing: unknown outcomes
// are asked for, and what gateways told is worked off. It is for a machine that is about to
// have no room for more.
func (s *Service) SettleAccount(ctx context.Context, acc id.Account) error {
	end, free := s.turns.try(acc)
	if !free {
		return nil
	}
	defer end()
	var a account.Account
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		a, err = account.Load(tx, acc)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.gatewayWork(ctx, acc); err != nil || !a.ClockTarget.IsZero() {
		return err
	}
	_, err = s.askDue(ctx, acc, a.Now(s.clock.Now()))
	return err
}

// Work is the accounts on which something is due now, or whose sandbox clock is
// under way.
func (s *Service) Work(ctx context.Context) ([]id.Account, error) {
	var work []id.Account
	err := s.db.View(ctx, func(tx *db.Tx) error {
		work = nil
		all, err := account.All(tx)
		if err != nil {
			return err
		}
		for _, a := range all {
			at, err := nextDue(tx, a.ID)
			if err != nil {
				return err
			}
			told, err := payment.NextGatewayWork(tx, a.ID)
			if err != nil {
				return err
			}
			machine := s.clock.Now()
			if !a.ClockTarget.IsZero() || !at.IsZero() && !at.After(a.Now(machine)) || !told.IsZero() && !told.After(machine) {
				work = append(work, a.ID)
			}
		}
		return nil
	})
	return work, err
}

// nextDue is the earliest instant at which anything falls due on an account, zero
// when nothing ever will.
func nextDue(tx *db.Tx, acc id.Account) (time.Time, error) {
	at, err := subscription.NextDue(tx, acc)
	if err != nil {
		return at, err
	}
	other, err := nextOther(tx, acc)
	return sooner(at, other), err
}

// nextOther is nextDue of all but subscriptions: of what the gateways must be asked for, of
// refills, of what customers are to be told, and of what the sandbox has to tell.
func nextOther(tx *db.Tx, acc id.Account) (time.Time, error) {
	var first time.Time
	for _, next := range []func(*db.Tx, id.Account) (time.Time, error){payment.NextAskDue, usage.NextTopUp, subscription.NextNotice, payment.NextNotice, payment.NextNews} {
		at, err := next(tx, acc)
		if err != nil {
			return first, err
		}
		first = sooner(first, at)
	}
	return first, nil
}

// sooner is the earlier of two instants of which zero means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// setBack is by how much the machine's clock may have been set back before a start whose
// Recover still finds all leases; later ones end by themselves.
const setBack = 24 * time.Hour

// Recover gives back the leases of a process that is known to be dead. It is for
// a store that only this process can have open; where others may be alive, leases
// end by themselves.
func (s *Service) Recover(ctx context.Context) error {
	now := s.clock.Now()
	return s.db.Update(ctx, func(tx *db.Tx) error {
		all, err := account.All(tx)
		if err != nil {
			return err
		}
		for _, a := range all {
			due := a.Now(now)
			if a.ClockTarget.After(due) { // it was on its way there
				due = a.ClockTarget
			}
			if err := subscription.EndLeases(tx, a.ID, due.Add(setBack)); err != nil {
				return err
			}
			if err := idempotency.EndLeases(tx, a.ID, now); err != nil {
				return err
			}
			if err := outbox.EndLeases(tx, a.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// AdvanceClock moves a sandbox's clock.
type AdvanceClock struct {
	Call
	To time.Time
	// Progress, when set, hears how far the walk is after each step.
	Progress func(Progress)
}

// Progress is how far a walk of a sandbox clock is.
type Progress struct {
	From, At, To time.Time
	Run          Run
}

// AdvanceClock moves a sandbox's clock forward. Everything that falls due on the
// way happens in order, each at its own instant. It returns when the clock is
// there; a walk that is interrupted is continued by the next RunAccount.
func (s *Service) AdvanceClock(ctx context.Context, c AdvanceClock) (Progress, error) {
	end, err := s.turns.wait(ctx, c.Account)
	if err != nil {
		return Progress{}, err
	}
	defer end()
	var from time.Time
	c.To = c.To.UTC().Truncate(time.Microsecond)
	_, err = update(ctx, s, Call{Account: c.Account, Actor: c.Actor}, func(tx *db.Tx, a account.Account, now time.Time) (account.Account, error) {
		before := a
		from = now
		begun := !a.ClockTarget.IsZero() // by this request before its process died
		if err := a.Aim(s.clock.Now(), c.To); err != nil {
			return a, err
		}
		if begun {
			return a, nil
		}
		if err := account.Save(tx, before, &a); err != nil {
			return a, err
		}
		return a, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.ClockAdvanced, int64(a.ID), 0, event.Data(map[string]any{"from": now, "to": c.To})))
	})
	if err != nil {
		return Progress{}, err
	}
	done, err := s.walk(ctx, c.Account, c.To, c.Progress)
	done.From = from
	return done, err
}

// askDue asks the gateways what became of everything whose outcome is unknown and
// due to be asked for at now, and returns how many it asked for.
func (s *Service) askDue(ctx context.Context, acc id.Account, now time.Time) (int, error) {
	asked, err := s.sandboxNews(ctx, acc, now)
	if err != nil {
		return asked, err
	}
	for {
		var list []*collection
		var refunds []payment.Refund
		err := s.db.View(ctx, func(tx *db.Tx) error {
			list = nil
			a, err := account.Load(tx, acc)
			if err != nil {
				return err
			}
			due, err := payment.ToAsk(tx, acc, clock.Micros(now), askBatch)
			if err != nil {
				return err
			}
			for _, p := range due {
				c, err := s.resume(tx, a, p, now)
				if err != nil {
					return err
				}
				if c != nil {
					list = append(list, c)
				}
			}
			refunds, err = payment.RefundsToAsk(tx, acc, clock.Micros(now), askBatch)
			return err
		})
		if err != nil || len(list)+len(refunds) == 0 {
			return asked, err
		}
		asked += len(list) + len(refunds)
		var calls errgroup.Group
		calls.SetLimit(asksAtOnce)
		for _, c := range list {
			calls.Go(func() error {
				s.ask(ctx, c)
				return nil
			})
		}
		_ = calls.Wait() // asking has outcomes, not errors
		if err := s.settleAsked(ctx, acc, list); err != nil {
			return asked, err
		}
		for _, r := range refunds {
			err := s.askRefund(ctx, r, now, event.Clock)
			if refusedByRule(err) {
				err = s.refundLater(ctx, r, now, err)
			}
			if err != nil {
				return asked, err
			}
		}
	}
}

// settleAsked writes the outcomes of charges that were asked for. One that cannot be
// written must not hold up the others: it is left alone until it is asked for again.
func (s *Service) settleAsked(ctx context.Context, acc id.Account, list []*collection) error {
	if len(list) == 0 {
		return nil
	}
	err := s.settle(ctx, acc, list)
	if !refusedByRule(err) {
		return err
	}
	for _, c := range list {
		err := s.settle(ctx, acc, []*collection{c})
		if refusedByRule(err) {
			err = s.chargeLater(ctx, c, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chargeLater leaves a charge alone, whose outcome cannot be written, until it is asked
// for again.
func (s *Service) chargeLater(ctx context.Context, c *collection, why error) error {
	s.log.Error("the outcome of a charge cannot be written: run perennial books", "payment", c.payment.ID, "account", c.payment.Account, "err", why)
	return s.db.Update(ctx, func(tx *db.Tx) error {
		p, err := payment.Load(tx, c.payment.Account, c.payment.ID)
		if err != nil || p.State != payment.Pending {
			return err
		}
		p.AskAt = payment.NextAsk(p.CreatedAt, c.at)
		conflicts, err := payment.Save(tx, []payment.Payment{p})
		if err == nil && len(conflicts) > 0 {
			err = db.VersionConflict()
		}
		return err
	})
}

// refundLater leaves a refund alone, whose outcome cannot be written, until it is asked
// for again.
func (s *Service) refundLater(ctx context.Context, r payment.Refund, now time.Time, why error) error {
	s.log.Error("the outcome of a refund cannot be written: run perennial books", "refund", r.ID, "account", r.Account, "err", why)
	return s.db.Update(ctx, func(tx *db.Tx) error {
		fresh, err := payment.LoadRefund(tx, r.Account, r.ID)
		if err != nil || fresh.State != payment.Pending {
			return err
		}
		fresh.AskAt = payment.NextAsk(fresh.CreatedAt, now)
		return payment.SaveRefund(tx, fresh)
	})
}

// refusedByRule reports whether a transaction was refused by what it would write, and not
// by the state of the store.
func refusedByRule(err error) bool {
	return !db.IsConflict(err) && (fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict))
}

// ask finds out what became of a charge. One that the gateway never saw is sent
// now, under the same key, whoever it was for: whoever began it may be about to send
// it, too, and only the gateway can tell that both are the same charge. To give it
// up here would let it come true there.
func (s *Service) ask(ctx context.Context, c *collection) {
	g, err := s.gateway(ctx, c.payment.Account, c.payment.Gateway)
	if err == nil {
		asking, cancel := context.WithTimeout(ctx, gatewayTimeout)
		c.result, err = g.Find(asking, inquiry(c))
		cancel()
	}
	switch {
	case err != nil:
		s.log.Warn("a gateway could not be asked", "payment", c.payment.ID, "err", err)
		c.result = payment.Result{Outcome: payment.Unknown}
	case c.result.Outcome == payment.Absent && (c.payment.Reference != "" || c.payment.Waits != payment.ForAnswer):
		c.result = payment.Result{Outcome: payment.Unknown} // it was there before
	case c.result.Outcome == payment.Absent && forgotten(c.payment.Gateway, c.payment.CreatedAt, c.at):
		c.result = payment.Result{Outcome: payment.Declined, Code: "never_arrived"}
	case c.result.Outcome == payment.Absent:
		s.send(ctx, c)
	case c.result.Outcome == payment.Confirm && c.at.Sub(c.payment.CreatedAt) >= payment.ConfirmFor:
		s.abandon(ctx, g, c)
	}
}

// abandon gives up a charge that the customer did not confirm in time: nothing may come
// true of it later.
func (s *Service) abandon(ctx context.Context, g payment.Gateway, c *collection) {
	ctx, cancel := context.WithTimeout(ctx, gatewayTimeout)
	defer cancel()
	result, err := g.Abandon(ctx, inquiry(c))
	if err != nil {
		s.log.Warn("a charge that nobody confirmed could not be given up", "payment", c.payment.ID, "err", err)
		result = payment.Result{Outcome: payment.Unknown}
	}
	if result.Outcome == payment.Declined && result.Code == "" {
		result.Code = "authentication_required"
	}
	c.result = result
}

// inquiry asks what became of a collection's charge.
func inquiry(c *collection) payment.Inquiry {
	p := c.payment
	return payment.Inquiry{Account: p.Account, Key: p.Key(), Reference: p.Reference, Asked: p.CreatedAt, Now: c.at}
}
