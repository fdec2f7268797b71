package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/lead"
	"perennial/internal/order"
)

// SeeLead notes that somebody who gave their address looks at a price.
type SeeLead struct {
	Call
	Email    string
	Name     string
	Price    id.Price
	Referred Referred
}

// SeeLead notes that somebody who gave their address looks at a price: their open lead of
// the campaign is seen again, or one opens. Of somebody who bought the product nothing
// opens: the answer is the lead that bought.
func (s *Service) SeeLead(ctx context.Context, c SeeLead) (lead.Lead, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (lead.Lead, error) {
		email, err := account.ParseEmail(c.Email)
		if err != nil {
			return lead.Lead{}, fault.BadField("email", "%s", fault.As(err).Message)
		}
		price, err := catalog.LoadPrice(tx, a.ID, c.Price)
		if err != nil {
			return lead.Lead{}, refersTo(err, "price")
		}
		product, err := catalog.LoadProduct(tx, a.ID, price.Product)
		if err != nil {
			return lead.Lead{}, err
		}
		l, err := lead.OpenOf(tx, a.ID, email, product.Campaign)
		if err == nil {
			l.See(product.ID, price.ID, c.Name, now)
			if err := l.Check(); err != nil {
				return l, err
			}
			if err := lead.Save(tx, l); err != nil {
				return l, err
			}
			l.Version++
			return l, nil
		}
		if !fault.Is(err, fault.NotFound) {
			return l, err
		}
		if before, err := lead.LatestOf(tx, a.ID, email); err == nil && before.State == lead.Bought && before.Product == product.ID {
			return before, nil // whoever has it already did not leave it behind
		} else if err != nil && !fault.Is(err, fault.NotFound) {
			return l, err
		}
		l = lead.Lead{ID: id.New[id.Lead](), Account: a.ID, Email: email, Name: c.Name, Campaign: product.Campaign, Product: product.ID, Price: price.ID,
			State: lead.Open, Looks: 1, StartedAt: now, SeenAt: now, Version: 1}
		if err := leadFrom(tx, a, &l, c.Referred, now); err != nil {
			return l, err
		}
		if err := l.Check(); err != nil {
			return l, err
		}
		ok, err := lead.Insert(tx, l)
		if err == nil && !ok {
			err = db.VersionConflict() // it was opened meanwhile
		}
		if err != nil {
			return l, err
		}
		return l, event.Append(tx, a.ID, leadEvent(l, event.LeadCreated, c.Actor, now))
	})
}

// leadFrom finds by whose link a lead came.
func leadFrom(tx *db.Tx, a account.Account, l *lead.Lead, r Referred, now time.Time) error {
	if !a.Settings.Affiliates || len(r.Clicks) == 0 {
		return nil
	}
	p, err := affiliate.LoadProgram(tx, a.ID, l.Campaign)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	claims, err := clickClaims(tx, a, p, r.Clicks)
	if err != nil {
		return err
	}
	if best, ok := p.Terms.Choose(claims, now); ok {
		l.Affiliate, l.TrackingID = best.Affiliate, best.TrackingID
	}
	return nil
}

func leadEvent(l lead.Lead, kind event.Kind, by event.Actor, at time.Time) event.Event {
	return event.New(l.Account, at, by, kind, int64(l.ID), 0, event.Data(map[string]any{"email": l.Email, "name": l.Name, "campaign": l.Campaign, "product": l.Product,
		"affiliate": l.Affiliate, "started": l.StartedAt}))
}

// ConfirmLead notes that a lead confirmed their address.
type ConfirmLead struct {
	Call
	Lead     id.Lead
	Campaign id.Campaign // the lead's; another one's is refused
}

// ConfirmLead notes that a lead confirmed their address. Saying it again changes nothing.
func (s *Service) ConfirmLead(ctx context.Context, c ConfirmLead) (lead.Lead, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (lead.Lead, error) {
		l, err := lead.Load(tx, a.ID, c.Lead)
		if err != nil {
			return l, err
		}
		if l.Campaign != c.Campaign {
			return l, fault.New(fault.NotFound, "there is no lead with that id in this campaign")
		}
		if !l.ConfirmedAt.IsZero() {
			return l, nil
		}
		l.ConfirmedAt = now
		if err := lead.Save(tx, l); err != nil {
			return l, err
		}
		l.Version++
		return l, event.Append(tx, a.ID, leadEvent(l, event.LeadConfirmed, c.Actor, now))
	})
}

// leadBought closes the open lead of whoever bought.
func leadBought(tx *db.Tx, a account.Account, o order.Order, campaign id.Campaign, by event.Actor, now time.Time) error {
	buyer, err := customer.Load(tx, a.ID, o.Customer)
	if err != nil || buyer.Email == "" {
		return err
	}
	l, err := lead.OpenOf(tx, a.ID, buyer.Email, campaign)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	l.State, l.BoughtAt, l.Order = lead.Bought, now, o.ID
	if err := lead.Save(tx, l); err != nil {
		return err
	}
	return event.Append(tx, a.ID, leadEvent(l, event.LeadBought, by, now))
}

// leadsAtOnce is how many leads one look calls abandoned.
const leadsAtOnce = 200

// AbandonLeads calls leads abandoned that nothing was seen of for lead.After, and reports
// how many.
func (s *Service) AbandonLeads(ctx context.Context, acc id.Account) (int, error) {
	all := 0
	for some := true; some; {
		some = false
		err := s.db.View(ctx, func(tx *db.Tx) error {
			a, err := account.Load(tx, acc)
			if err != nil {
				return err
			}
			list, err := lead.List(tx, acc, lead.Open, a.Now(s.clock.Now()).Add(-lead.After), 1)
			some = len(list) > 0
			return err
		})
		if err != nil || !some {
			return all, err
		}
		n := 0
		err = s.db.Background(ctx, func(tx *db.Tx) error {
			a, err := account.Load(tx, acc)
			if err != nil {
				return err
			}
			now := a.Now(s.clock.Now())
			list, err := lead.List(tx, acc, lead.Open, now.Add(-lead.After), leadsAtOnce)
			if err != nil {
				return err
			}
			n = len(list)
			events := make([]event.Event, n)
			for i, l := range list {
				l.State = lead.Abandoned
				if err := lead.Save(tx, l); err != nil {
					return err
				}
				events[i] = leadEvent(l, event.LeadAbandoned, event.Clock, l.SeenAt.Add(lead.After))
			}
			return event.Append(tx, acc, events...)
		})
		if err != nil {
			return all, err
		}
		all += n
	}
	return all, nil
}

// LookForLeads calls the leads of all accounts abandoned of which nothing was seen for a
// while.
func (s *Service) LookForLeads(ctx context.Context) error {
	var all []account.Account
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		all, err = account.All(tx)
		return err
	})
	for _, a := range all {
		if err == nil {
			_, err = s.AbandonLeads(ctx, a.ID)
		}
	}
	return err
}
