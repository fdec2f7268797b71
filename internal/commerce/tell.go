package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/link"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

// tellBatch is how many notices one transaction gives.
const tellBatch = 500

// tellDue gives the notices that are due on an account up to an instant: of renewals and
// ends of trials to come, of a year that has passed, of payment methods that expire. On a
// sandbox that is being advanced (walk) each is given at its own instant, else at upTo. It
// returns how many were looked at.
func (s *Service) tellDue(ctx context.Context, acc id.Account, upTo time.Time, walk bool) (int, error) {
	all := 0
	var first time.Time
	err := s.db.View(ctx, func(tx *db.Tx) error {
		charges, err := subscription.NextNotice(tx, acc)
		if err != nil {
			return err
		}
		expiry, err := payment.NextNotice(tx, acc)
		first = sooner(charges, expiry)
		return err
	})
	if err != nil || first.IsZero() || first.After(upTo) {
		return 0, err
	}
	for _, tell := range []func(*db.Tx, account.Account, time.Time, bool) (int, error){s.tellOfCharges, s.tellOfExpiry} {
		for more := true; more; {
			looked := 0
			err := s.db.Background(ctx, func(tx *db.Tx) error {
				a, err := account.Load(tx, acc)
				if err != nil {
					return err
				}
				looked, err = tell(tx, a, upTo, walk)
				return err
			})
			if err != nil {
				return all, err
			}
			all, more = all+looked, looked == tellBatch
		}
	}
	return all, nil
}

// notices are what is told in one transaction.
type notices struct {
	given  []recovery.Given
	events []event.Event
	links  map[id.Event]link.Link // that come with them
}

func (n *notices) add(kind string, occasion int64, e event.Event) {
	n.given = append(n.given, recovery.Given{Kind: kind, Subject: e.Subject, Occasion: occasion, At: e.At, Event: e.ID})
	n.events = append(n.events, e)
}

// write appends the events of those that were not told before.
func (n *notices) write(tx *db.Tx, acc id.Account) error {
	fresh, err := recovery.Give(tx, acc, n.given)
	if err != nil {
		return err
	}
	kept := n.events[:0]
	for _, e := range n.events {
		if fresh[e.ID] {
			kept = append(kept, e)
		}
	}
	if err := event.Append(tx, acc, kept...); err != nil || len(n.links) == 0 {
		return err
	}
	var links []link.Link
	for _, e := range kept {
		if l, ok := n.links[e.ID]; ok {
			links = append(links, l)
		}
	}
	if len(links) == 0 {
		return nil
	}
	return link.Mint(tx, acc, links, links[0].CreatedAt)
}

// with gives an event a link, which is made when the notice is given.
func (n *notices) with(e event.Event, l link.Link) {
	if n.links == nil {
		n.links = map[id.Event]link.Link{}
	}
	n.links[e.ID] = l
}

var noticeEvents = map[subscription.NoticeKind]event.Kind{subscription.TrialNotice: event.TrialEnding, subscription.RenewalNotice: event.RenewalUpcoming,
	subscription.YearlyNotice: event.YearlyReminder}

// tellOfCharges tells customers of what they will be charged.
func (s *Service) tellOfCharges(tx *db.Tx, a account.Account, upTo time.Time, walk bool) (int, error) {
	subs, err := subscription.ToTell(tx, a.ID, upTo, tellBatch)
	if err != nil || len(subs) == 0 {
		return 0, err
	}
	w := &claiming{account: a, machine: s.clock.Now(), upTo: upTo, preview: true}
	if err := w.load(tx, subs); err != nil {
		return 0, err
	}
	if err := w.loadUsage(tx, subs); err != nil {
		return 0, err
	}
	var told notices
	changed := make([]*subscription.Subscription, len(subs))
	for i := range subs {
		sub := &subs[i]
		changed[i] = sub
		due := sub.TellUpTo(upTo)
		for _, n := range due {
			at := upTo
			if walk {
				at = n.At
			}
			charge, err := s.nextCharge(tx, w, *sub)
			if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid) {
				continue // nothing will be charged, or it cannot be told what
			}
			if err != nil {
				return 0, err
			}
			product, price := w.products[sub.Product], w.prices[sub.Price]
			told.add(string(noticeEvents[n.Kind]), n.Occasion, event.New(a.ID, at, event.Clock, noticeEvents[n.Kind], int64(sub.ID), sub.Customer,
				event.Data(map[string]any{"at": n.About, "next_charge": sub.Span.To, "amount": charge.Minor, "currency": charge.Currency, "product": product.ID,
					"description": describe(product, price), "interval": sub.Interval.String(), "method": w.methods[sub.Method].Label(), "years": years(n)})))
		}
	}
	if err := told.write(tx, a.ID); err != nil {
		return 0, err
	}
	conflicts, err := subscription.SaveTold(tx, changed)
	if err == nil && len(conflicts) > 0 {
		err = db.VersionConflict()
	}
	return len(subs), err
}

// years is how many years a yearly notice is about, 0 for others.
func years(n subscription.Notice) int64 {
	if n.Kind == subscription.YearlyNotice {
		return n.Occasion
	}
	return 0
}

// nextCharge is what the next period of a subscription will be charged, with what is known
// now. A plain one needs no preview.
func (s *Service) nextCharge(tx *db.Tx, w *claiming, sub subscription.Subscription) (money.Amount, error) {
	product, price := w.products[sub.Product], w.prices[sub.Price]
	if sub.EndPeriod > 0 || w.special.of(&sub, price, product) {
		u, err := s.upcoming(tx, w.account, sub)
		if u.Last { // no period comes that it could be charged for
			return u.Total, errNoneToCome
		}
		return u.Total, err
	}
	amount, err := sub.Amount()
	if err != nil || amount.IsZero() {
		return amount, err
	}
	line, err := invoice.NewLine(invoice.ForPeriod, describe(product, price), sub.Price, sub.Quantity, sub.UnitAmount, w.account.Tax.Rate, sub.Span)
	if err != nil {
		return amount, err
	}
	var v invoice.Invoice
	err = v.Fill([]invoice.Line{line})
	return v.Total, err
}

// tellOfExpiry tells customers that a payment method expires which is charged for
// something, with a link to give another one.
func (s *Service) tellOfExpiry(tx *db.Tx, a account.Account, upTo time.Time, walk bool) (int, error) {
	list, err := payment.ToTell(tx, a.ID, upTo, tellBatch)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	customers := make([]int64, len(list))
	for i, m := range list {
		customers[i] = int64(m.Customer)
	}
	used, err := subscription.MethodsInUse(tx, a.ID, customers)
	if err != nil {
		return 0, err
	}
	var told notices
	for i := range list {
		m := &list[i]
		due := m.NextExpiry(m.NoticeAt.Add(-time.Microsecond), a.Location())
		m.NoticeAt = m.NextExpiry(upTo, a.Location()).At
		if used[m.ID] == 0 || due.At.IsZero() || due.At.After(upTo) {
			continue
		}
		at := upTo
		if walk {
			at = due.At
		}
		update := link.New(s.seals, a.ID, link.UpdateMethod, m.Customer, 0, at)
		e := event.New(a.ID, at, event.Clock, event.MethodExpiring, int64(m.ID), m.Customer,
			event.Data(map[string]any{"method": m.Label(), "expires": m.Expires, "days": due.Days, "end": due.End, "link": update.ID,
				"subscription": used[m.ID]}))
		told.add(string(event.MethodExpiring), due.Occasion, e)
		told.with(e, update)
	}
	if err := told.write(tx, a.ID); err != nil {
		return 0, err
	}
	conflicts, err := payment.SaveTold(tx, list)
	if err == nil && len(conflicts) > 0 {
		err = db.VersionConflict()
	}
	return len(list), err
}
