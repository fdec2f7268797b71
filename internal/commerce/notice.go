package commerce

import (
	"context"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/recovery"
)

// A gateway's notice is a hint. It is verified, kept and answered at once; what it is
// about is asked of the gateway when it is worked off. So notices may come twice, late,
// in any order or not at all: the list that a gateway keeps of them is read every hour
// for those that never came.

// Noticed is an incoming request of a gateway.
type Noticed struct {
	Gateway id.GatewayAccount
	Header  func(string) string
	Body    []byte // as it came
}

// Receive keeps a notice that a gateway account's gateway sent. An unknown gateway
// account is fault.NotFound, a request that is not from it fault.Invalid; of both nothing
// is kept.
func (s *Service) Receive(ctx context.Context, n Noticed) error {
	var acc id.Account
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		acc, err = payment.AccountOfGateway(tx, n.Gateway)
		return err
	})
	if err != nil {
		return err
	}
	name := n.Gateway.String()
	g, err := s.gateway(ctx, acc, name)
	if err != nil {
		return err
	}
	receiver, tells := g.(payment.Receiver)
	if !tells {
		return fault.New(fault.NotFound, "there is no gateway account with that id")
	}
	now := s.clock.Now()
	notice, err := receiver.Read(n.Header, n.Body, now)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := payment.KeepNotices(tx, []payment.Told{told(acc, name, notice, now)}); err != nil {
			return err
		}
		return payment.NoteNotice(tx, acc, n.Gateway, now)
	})
}

// told is a notice as it is kept. One that needs nothing to be done is done.
func told(acc id.Account, gateway string, n payment.Notice, now time.Time) payment.Told {
	for _, text := range []*string{&n.ID, &n.Type, &n.Key, &n.Reference, &n.Body} {
		*text = strings.ReplaceAll(strings.ToValidUTF8(*text, "\ufffd"), "\x00", "\ufffd") // what a database would not take
	}
	t := payment.Told{Row: id.New[id.GatewayNotice](), Account: acc, Gateway: gateway, Notice: n, State: payment.NoticeWaiting, NextAt: now, ReceivedAt: now}
	if n.Kind == payment.OtherNotice {
		t.Done()
	}
	return t
}

// How the notices of an account are worked off.
const (
	noticeBatch = 50
	noticeLease = 2 * time.Minute // while one is worked off
	pollAgain   = 10 * time.Minute
)

// gatewayWork works off what gateways told, and reads their lists and books when it is
// time. It lives on the machine's clock: deliveries do, too.
func (s *Service) gatewayWork(ctx context.Context, acc id.Account) error {
	var next time.Time
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		next, err = payment.NextGatewayWork(tx, acc)
		return err
	})
	if err != nil || next.IsZero() || next.After(s.clock.Now()) {
		return err
	}
	if err := s.poll(ctx, acc); err != nil {
		return err
	}
	for {
		now := s.clock.Now()
		var due []payment.Told
		var a account.Account
		err := s.db.Update(ctx, func(tx *db.Tx) error {
			due = nil
			var err error
			if a, err = account.Load(tx, acc); err != nil {
				return err
			}
			list, err := payment.NoticesDue(tx, acc, now, noticeBatch)
			if err != nil {
				return err
			}
			for _, t := range list {
				held, err := payment.HoldNotice(tx, t, now.Add(noticeLease))
				if err != nil {
					return err
				}
				if held {
					due = append(due, t)
				}
			}
			return nil
		})
		if err != nil || len(due) == 0 {
			return err
		}
		for _, t := range due {
			if err := s.workOffNotice(ctx, t, a.Now(s.clock.Now())); err != nil {
				return err
			}
		}
	}
}

// workOffNotice acts on one notice and notes how that went.
func (s *Service) workOffNotice(ctx context.Context, t payment.Told, at time.Time) error {
	why := s.act(ctx, t, at)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if why == nil {
		t.Done()
	} else {
		f := fault.As(why)
		t.Failed(f.Message, s.clock.Now())
		s.log.Warn("a gateway's notice could not be worked off", "notice", t.Row, "account", t.Account, "type", t.Type, "tries", t.Tries, "err", why)
	}
	return s.db.Update(ctx, func(tx *db.Tx) error { return payment.SaveNotice(tx, t) })
}

// act asks the gateway for the truth of what a notice is about, and settles it.
func (s *Service) act(ctx context.Context, t payment.Told, at time.Time) error {
	switch t.Kind {
	case payment.ChargeNotice:
		return s.chargeTold(ctx, t, at)
	case payment.RefundNotice:
		return s.refundTold(ctx, t, at)
	case payment.DisputeNotice:
		return s.disputeTold(ctx, t, at)
	case payment.MethodNotice:
		return s.methodTold(ctx, t, at)
	}
	return nil
}

// chargeTold settles the payment that a notice is about. A charge that was made elsewhere
// with the same gateway account is nobody's business; one that names a payment of ours
// which the account does not have there is told to people.
func (s *Service) chargeTold(ctx context.Context, t payment.Told, at time.Time) error {
	var p payment.Payment
	named, err := id.Parse[id.Payment](t.Key)
	ours := err == nil
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		if ours {
			found, err := payment.Load(tx, t.Account, named)
			p = found
			return err
		}
		list, err := payment.ByReference(tx, t.Account, t.Gateway, t.Reference)
		if len(list) > 0 {
			p = list[0]
		}
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && p.ID != 0 && p.Gateway != t.Gateway:
		return s.stranger(ctx, t, at)
	case err != nil || p.ID == 0:
		return err
	}
	_, err = s.askPayment(ctx, p, at, event.Clock)
	return err
}

// stranger tells people of a notice that names something which is not theirs.
func (s *Service) stranger(ctx context.Context, t payment.Told, at time.Time) error {
	s.log.Error("a gateway's notice names something that this account does not have there", "notice", t.Row, "account", t.Account, "gateway", t.Gateway, "type", t.Type)
	return s.db.Update(ctx, func(tx *db.Tx) error {
		return event.Append(tx, t.Account, event.New(t.Account, at, event.Clock, event.PaymentMismatch, 0, 0,
			event.Data(map[string]any{"reason": "unknown_payment", "gateway": t.Gateway, "key": t.Key, "reference": t.Reference, "type": t.Type})))
	})
}

// refundTold settles the refund that a notice is about, if it is one of ours.
func (s *Service) refundTold(ctx context.Context, t payment.Told, at time.Time) error {
	named, err := id.Parse[id.Refund](t.Key)
	if err != nil {
		return nil //nolint:nilerr // made elsewhere: the comparison of the books tells of it
	}
	var r payment.Refund
	err = s.db.Read(ctx, func(tx *db.Tx) (err error) {
		r, err = payment.LoadRefund(tx, t.Account, named)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return s.stranger(ctx, t, at)
	}
	if err != nil {
		return err
	}
	if r.State != payment.Pending {
		return s.refundAfterAll(ctx, r, at)
	}
	return s.askRefund(ctx, r, at, event.Clock)
}

// methodTold takes over what the networks changed of payment methods. One that is gone
// cannot be charged any more.
func (s *Service) methodTold(ctx context.Context, t payment.Told, at time.Time) error {
	var list []payment.Method
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		list, err = payment.MethodsByToken(tx, t.Account, t.Gateway, t.Reference)
		return err
	})
	if err != nil || len(list) == 0 {
		return err
	}
	receiver, err := s.receiver(ctx, t)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, gatewayTimeout)
	now, err := receiver.Instrument(asking, t.Account, t.Reference)
	cancel()
	gone := fault.Is(err, fault.NotFound)
	if err != nil && !gone {
		return err
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		list, err := payment.MethodsByToken(tx, t.Account, t.Gateway, t.Reference)
		if err != nil {
			return err
		}
		a, err := account.Load(tx, t.Account)
		if err != nil {
			return err
		}
		for _, m := range list {
			if err := renewed(tx, a, m, now, gone, at); err != nil {
				return err
			}
		}
		return nil
	})
}

// renewed writes what became of one method.
func renewed(tx *db.Tx, a account.Account, m payment.Method, now payment.Instrument, gone bool, at time.Time) error {
	if m.State == payment.Detached {
		return nil
	}
	if gone {
		if err := payment.DetachMethod(tx, m); err != nil {
			return err
		}
		return event.Append(tx, m.Account, event.New(m.Account, at, event.Clock, event.MethodDetached, int64(m.ID), m.Customer,
			event.Data(map[string]any{"method": m.Label(), "reason": "closed"})))
	}
	before := m
	m.Brand, m.LastFour, m.Expires, m.Fingerprint, m.Country = now.Brand, now.LastFour, now.Expires, now.Fingerprint, now.Country
	if m.Instrument == before.Instrument {
		return nil
	}
	m.NoticeAt = m.NextExpiry(at, a.Location()).At
	if err := payment.SaveMethod(tx, m); err != nil {
		return err
	}
	if _, err := tryAnew(tx, a, m.Customer, 0, m.ID, recovery.ByNewMethod, at); err != nil { // the next run collects
		return err
	}
	return event.Append(tx, m.Account, event.New(m.Account, at, event.Clock, event.MethodUpdated, int64(m.ID), m.Customer,
		event.Data(map[string]any{"method": m.Label(), "before": before.Label(), "expires": m.Expires})))
}

// receiver is the gateway that told a notice.
func (s *Service) receiver(ctx context.Context, t payment.Told) (payment.Receiver, error) {
	g, err := s.gateway(ctx, t.Account, t.Gateway)
	if err != nil {
		return nil, err
	}
	r, ok := g.(payment.Receiver)
	if !ok {
		return nil, fault.New(fault.Conflict, "the gateway %s tells nothing", t.Gateway)
	}
	return r, nil
}

// poll reads the lists of notices of gateway accounts for those that never came, and
// compares their books once a day.
func (s *Service) poll(ctx context.Context, acc id.Account) error {
	now := s.clock.Now()
	var due []payment.GatewayAccount
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = payment.GatewaysToPoll(tx, acc, now)
		return err
	})
	if err != nil {
		return err
	}
	for _, g := range due {
		failure := ""
		why := s.pollOne(ctx, &g, now)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		g.PollAt = now.Add(pollEvery)
		if why != nil {
			failure = fault.As(why).Message
			g.PollAt = now.Add(pollAgain)
			s.log.Warn("a gateway's list of notices could not be read", "gateway", g.ID, "account", acc, "err", why)
		}
		err := s.db.Update(ctx, func(tx *db.Tx) error {
			if err := noteHealth(tx, g, failure, now); err != nil {
				return err
			}
			return payment.Polled(tx, g)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// noteHealth notes how a contact with a gateway went, and tells when it begins to fail for
// long, and when it works again.
func noteHealth(tx *db.Tx, g payment.GatewayAccount, failure string, now time.Time) error {
	fresh, err := payment.LoadGateway(tx, g.Account, g.ID)
	if err != nil {
		return err
	}
	before := fresh.Health
	turned := fresh.Health.Note(failure, now)
	if fresh.Health == before {
		return nil
	}
	if err := payment.SaveHealth(tx, fresh); err != nil || !turned {
		return err
	}
	a, err := account.Load(tx, g.Account)
	if err != nil {
		return err
	}
	kind, facts := event.GatewayWorking, map[string]any{"name": fresh.Name}
	if fresh.Health.Outage {
		kind, facts["reason"] = event.GatewayFailing, failure
	}
	return event.Append(tx, a.ID, event.New(a.ID, a.Now(now), event.Clock, kind, int64(fresh.ID), 0, event.Data(facts)))
}

// reconcileBack is how far back the daily comparison looks.
const reconcileBack = 3 * 24 * time.Hour

// pollOne reads one gateway's list, page by page, and its books when it is time.
func (s *Service) pollOne(ctx context.Context, g *payment.GatewayAccount, now time.Time) error {
	opened, err := s.gateway(ctx, g.Account, g.GatewayName())
	if err != nil {
		return err
	}
	receiver, tells := opened.(payment.Receiver)
	for tells {
		asking, cancel := context.WithTimeout(ctx, gatewayTimeout)
		list, last, err := receiver.Notices(asking, g.Account, g.Cursor, now)
		cancel()
		if err != nil {
			return err
		}
		if err := s.keep(ctx, g.Account, g.GatewayName(), list, now); err != nil {
			return err
		}
		if len(list) == 0 || last == g.Cursor {
			break
		}
		g.Cursor = last
	}
	if g.Reconcile.IsZero() || g.Reconcile.After(now) {
		return nil
	}
	_, err = s.Reconcile(ctx, Reconcile{Call: Call{Account: g.Account, Actor: event.Clock}, Since: now.Add(-reconcileBack), Gateway: g.ID})
	if err == nil {
		g.Reconcile = now.Add(reconcileEvery)
	}
	return err
}

// keep keeps the notices of a list that are new.
func (s *Service) keep(ctx context.Context, acc id.Account, gateway string, list []payment.Notice, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		rows := make([]payment.Told, len(list))
		for i, n := range list {
			rows[i] = told(acc, gateway, n, now)
		}
		_, err := payment.KeepNotices(tx, rows)
		return err
	})
}

// sandboxNews works off what the sandbox has to tell by an instant of the account's
// clock, and tells how often there was something.
func (s *Service) sandboxNews(ctx context.Context, acc id.Account, upTo time.Time) (worked int, err error) {
	for {
		var at time.Time
		err := s.db.View(ctx, func(tx *db.Tx) (err error) {
			at, err = payment.NextNews(tx, acc)
			return err
		})
		if err != nil || at.IsZero() || at.After(upTo) {
			return worked, err
		}
		if err := s.sandboxNewsAt(ctx, acc, at); err != nil {
			return worked, err
		}
		worked++
	}
}

// sandboxNewsAt works off what the sandbox has to tell at one instant.
func (s *Service) sandboxNewsAt(ctx context.Context, acc id.Account, at time.Time) error {
	receiver, tells := s.gateways[SandboxGateway].(payment.Receiver)
	for tells {
		var last string
		err := s.db.View(ctx, func(tx *db.Tx) (err error) {
			last, err = payment.LastNotice(tx, acc, SandboxGateway)
			return err
		})
		if err != nil {
			return err
		}
		asking, cancel := context.WithTimeout(ctx, gatewayTimeout)
		list, _, err := receiver.Notices(asking, acc, last, at)
		cancel()
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		now := s.clock.Now()
		for _, n := range list {
			t := told(acc, SandboxGateway, n, now)
			t.NextAt = now.Add(noticeLease)
			var fresh int
			err := s.db.Update(ctx, func(tx *db.Tx) (err error) {
				fresh, err = payment.KeepNotices(tx, []payment.Told{t})
				return err
			})
			if err != nil {
				return err
			}
			if fresh == 1 && t.State == payment.NoticeWaiting {
				if err := s.workOffNotice(ctx, t, at); err != nil {
					return err
				}
			}
		}
	}
	return s.db.Update(ctx, func(tx *db.Tx) error { return payment.NewsCame(tx, acc, at) })
}

// ReplayNotice works a stored notice off again.
type ReplayNotice struct {
	Call
	Notice id.GatewayNotice
}

// ReplayNotice works a stored notice off again, whatever became of it: soon, by the
// worker.
func (s *Service) ReplayNotice(ctx context.Context, c ReplayNotice) (payment.Told, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, _ time.Time) (payment.Told, error) {
		t, err := payment.LoadNotice(tx, a.ID, c.Notice)
		if err != nil {
			return t, err
		}
		t.State, t.Tries, t.NextAt, t.Failure = payment.NoticeWaiting, 0, s.clock.Now(), ""
		return t, payment.SaveNotice(tx, t)
	})
}
