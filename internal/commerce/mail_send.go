package commerce

import (
	"context"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/notice"
	"perennial/internal/outbox"
)

// SendMail sends one of the mails to a customer because somebody asks for it. What it says
// is about the latest event that causes such a mail.
type SendMail struct {
	Call
	Kind     notice.Kind
	Customer id.Customer
	// Invoice and Subscription are what the mail is about; one of them must be given where
	// the mail is about one.
	Invoice      id.Invoice
	Subscription id.Subscription
}

// toldEvents is how many of a customer's events of a kind are looked through.
const toldEvents = 100

// SendMail queues a mail of a kind to a customer; one that was sent already is sent again
// with the same bytes. A kind that is about an invoice or a subscription is refused without
// one, and so is a mail that nothing has happened for.
func (s *Service) SendMail(ctx context.Context, c SendMail) (outbox.Delivery, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (outbox.Delivery, error) {
		m, known := notice.Of(c.Kind)
		if !known || m.Team {
			return outbox.Delivery{}, fault.BadField("kind", "must be one of the mails to customers")
		}
		about := m.Placeholders()
		switch {
		case slices.Contains(about, "invoice.number"):
			if c.Invoice == 0 {
				return outbox.Delivery{}, fault.BadField("invoice", "must be given: the mail is about one")
			}
		case slices.Contains(about, "plan.name") && c.Subscription == 0:
			return outbox.Delivery{}, fault.BadField("subscription", "must be given: the mail is about one")
		}
		buyer, err := present(tx, a, c.Customer)
		if err != nil {
			return outbox.Delivery{}, refersTo(err, "customer")
		}
		if buyer.Email == "" {
			return outbox.Delivery{}, fault.BadField("customer", "has no e-mail address")
		}
		return s.tellAgain(tx, a, m, c, now)
	})
}

// tellAgain owes the latest event that causes the mail to the account's mails once more.
func (s *Service) tellAgain(tx *db.Tx, a account.Account, m notice.Mail, c SendMail, now time.Time) (outbox.Delivery, error) {
	e, err := s.cause(tx, a, m, c)
	if err != nil {
		return outbox.Delivery{}, err
	}
	endpoint, err := outbox.MailEndpoint(tx, a.ID)
	if err != nil {
		return outbox.Delivery{}, err
	}
	before, err := outbox.OfEvent(tx, a.ID, e.ID)
	if err != nil {
		return outbox.Delivery{}, err
	}
	for _, d := range before {
		if d.Endpoint == endpoint.ID {
			if err := outbox.Replay(tx, a.ID, d.ID); err != nil {
				return d, err
			}
			return outbox.Load(tx, a.ID, d.ID)
		}
	}
	d, err := outbox.OweOne(tx, endpoint, e.ID, string(e.Kind), now)
	if err != nil {
		return outbox.Delivery{}, err
	}
	return outbox.Load(tx, a.ID, d)
}

// cause is the latest event of the customer that causes the mail about what was named.
func (s *Service) cause(tx *db.Tx, a account.Account, m notice.Mail, c SendMail) (event.Event, error) {
	for _, kind := range m.Events {
		list, err := event.List(tx, a.ID, event.Filter{Customer: c.Customer, Kind: kind, Limit: toldEvents})
		if err != nil {
			return event.Event{}, err
		}
		w := &mailing{service: s, endpoint: outbox.Endpoint{ID: outbox.MailEndpointOf(a.ID), Account: a.ID}}
		for _, e := range list {
			w.list = append(w.list, outbox.Delivery{Account: a.ID, Event: e.ID})
		}
		if err := w.load(tx); err != nil {
			return event.Event{}, err
		}
		for _, e := range list {
			if !w.about(e, c) {
				continue
			}
			l, ok, err := w.choose(tx, e)
			if err == nil && ok && l.kind == m.Kind {
				return e, nil
			}
			if err != nil && !refusedByRule(err) && !fault.Is(err, fault.NotFound) {
				return event.Event{}, err
			}
		}
	}
	return event.Event{}, fault.New(fault.Conflict, "nothing has happened that the mail %s tells of", m.Kind).WithCode("nothing_to_tell")
}

// about reports whether an event is about the invoice that was named, else about the
// subscription.
func (w *mailing) about(e event.Event, c SendMail) bool {
	f := w.facts[e.ID]
	if c.Invoice != 0 {
		return f.Invoice == c.Invoice || w.payments[f.Payment].Invoice == c.Invoice
	}
	return c.Subscription == 0 || f.Subscription == c.Subscription
}
