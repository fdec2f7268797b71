package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/lead"
	"perennial/internal/order"
)

// Referred is what a sale knows of who brought the buyer.
type Referred struct {
	Clicks     []id.Click   // that the browser remembers, at most maxClicks
	Affiliate  id.Affiliate // named by the merchant; 0 for nobody
	TrackingID string       // of that affiliate
	IP         string       // of the buyer, "" when unknown
}

const maxClicks = 50

// refer finds out who brought a sale and writes the referral, if anybody did. It is called
// for accounts that have affiliates.
func refer(tx *db.Tx, a account.Account, c Sell, ch chosen, o order.Order, buyer customer.Customer, now time.Time) error {
	p, err := affiliate.LoadProgram(tx, a.ID, ch.product.Campaign)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	claims, err := claimsTo(tx, a, c, p, ch.coupons, buyer)
	if err != nil {
		return err
	}
	for len(claims) > 0 {
		best, ok := p.Terms.Choose(claims, now)
		if !ok {
			return nil
		}
		who, err := affiliate.Load(tx, a.ID, best.Affiliate)
		if err != nil {
			return err
		}
		may, err := mayPromote(tx, who, p.Campaign)
		if err != nil {
			return err
		}
		if may {
			return writeReferral(tx, a, c, p, o, ch.product, buyer, who, best, now)
		}
		claims = without(claims, best.Affiliate)
	}
	return nil
}

func without(claims []affiliate.Claim, who id.Affiliate) []affiliate.Claim {
	var left []affiliate.Claim
	for _, c := range claims {
		if c.Affiliate != who {
			left = append(left, c)
		}
	}
	return left
}

// claimsTo are all claims to a sale.
func claimsTo(tx *db.Tx, a account.Account, c Sell, p affiliate.Program, coupons []coupon.Coupon, buyer customer.Customer) ([]affiliate.Claim, error) {
	var claims []affiliate.Claim
	if c.Referred.Affiliate != 0 {
		if _, err := affiliate.Load(tx, a.ID, c.Referred.Affiliate); err != nil {
			return nil, refersTo(err, "affiliate")
		}
		claims = append(claims, affiliate.Claim{Affiliate: c.Referred.Affiliate, Evidence: affiliate.ByHand, TrackingID: plainCut(c.Referred.TrackingID, affiliate.MaxTracking)})
	}
	for _, k := range coupons {
		if k.Affiliate != 0 {
			claims = append(claims, affiliate.Claim{Affiliate: k.Affiliate, Evidence: affiliate.ByCoupon})
		}
	}
	clicked, err := clickClaims(tx, a, p, c.Referred.Clicks)
	if err != nil {
		return nil, err
	}
	claims = append(claims, clicked...)
	if l, err := lead.LatestOf(tx, a.ID, buyer.Email); err == nil && l.Affiliate != 0 && (l.Campaign == p.Campaign || p.Terms.Mode == affiliate.Lifetime) {
		claims = append(claims, affiliate.Claim{Affiliate: l.Affiliate, Evidence: affiliate.ByLead, TrackingID: l.TrackingID, At: l.StartedAt})
	} else if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if p.Terms.Mode == affiliate.Lifetime {
		before, err := affiliate.LatestReferral(tx, a.ID, buyer.ID)
		if err == nil {
			claims = append(claims, affiliate.Claim{Affiliate: before.Affiliate, Evidence: affiliate.ByPast, TrackingID: before.TrackingID, At: before.At})
		} else if !fault.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	return claims, nil
}

// clickClaims are the claims of those by whose links a browser came.
func clickClaims(tx *db.Tx, a account.Account, p affiliate.Program, ids []id.Click) ([]affiliate.Claim, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list := make([]int64, 0, maxClicks)
	for _, click := range ids[:min(len(ids), maxClicks)] {
		list = append(list, int64(click))
	}
	clicks, err := affiliate.Clicks(tx, a.ID, list)
	var claims []affiliate.Claim
	for _, k := range clicks {
		if k.Campaign == p.Campaign || p.Terms.Mode == affiliate.Lifetime {
			claims = append(claims, affiliate.Claim{Affiliate: k.Affiliate, Evidence: affiliate.ByClick, TrackingID: k.TrackingID, At: k.At})
		}
	}
	return claims, err
}

// writeReferral writes that an affiliate brought a sale, with what they are promised.
func writeReferral(tx *db.Tx, a account.Account, c Sell, p affiliate.Program, o order.Order, product catalog.Product, buyer customer.Customer, who affiliate.Affiliate, claim affiliate.Claim, now time.Time) error {
	r := affiliate.Referral{ID: id.New[id.Referral](), Account: a.ID, Order: o.ID, Subscription: o.Subscription, Customer: buyer.ID, Campaign: p.Campaign, Product: product.ID,
		Affiliate: who.ID, TrackingID: claim.TrackingID, Evidence: claim.Evidence, At: now}
	if err := promised(tx, p, &r); err != nil {
		return err
	}
	if !p.Terms.Own {
		switch {
		case affiliate.SamePerson(who.Email, buyer.Email), affiliate.SamePerson(who.PayPal, buyer.Email):
			r.Denied = affiliate.SameEmail
		case who.JoinedIP != "" && (who.JoinedIP == c.Referred.IP || who.JoinedIP == c.Consent.IP):
			r.Denied = affiliate.SameIP
		}
	}
	if err := affiliate.InsertReferral(tx, r); err != nil {
		return err
	}
	return event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.ReferralCreated, int64(r.ID), buyer.ID,
		event.Data(map[string]any{"affiliate": r.Affiliate, "order": r.Order, "evidence": r.Evidence, "denied": r.Denied})))
}

// promised sets what a referral earns: what the programme and both affiliates' own terms say.
func promised(tx *db.Tx, p affiliate.Program, r *affiliate.Referral) error {
	m, err := affiliate.LoadMembership(tx, r.Account, r.Campaign, r.Affiliate)
	if err != nil {
		return err
	}
	var recruiter affiliate.Own
	r.Recruiter = 0
	if m.Recruiter != 0 {
		who, err := affiliate.Load(tx, r.Account, m.Recruiter)
		if err != nil {
			return err
		}
		of, err := affiliate.LoadMembership(tx, r.Account, r.Campaign, m.Recruiter)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err == nil && of.Standing == affiliate.Approved && who.State == affiliate.Active {
			r.Recruiter, recruiter = m.Recruiter, of.Own
		}
	}
	r.Promise = p.Terms.Promised(r.Product, m.Own, recruiter)
	return nil
}

// ChangeReferral gives a sale to another affiliate, or denies it, or takes a denial back.
type ChangeReferral struct {
	Call
	Referral  id.Referral
	Affiliate id.Affiliate // 0 leaves it whose it is
	Denied    *bool
}

// ChangeReferral gives a sale to another affiliate, or denies it, or takes a denial back. It
// holds for payments from now on; what was earned stays.
func (s *Service) ChangeReferral(ctx context.Context, c ChangeReferral) (affiliate.Referral, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (affiliate.Referral, error) {
		r, err := affiliate.LoadReferral(tx, a.ID, c.Referral)
		if err != nil {
			return r, err
		}
		if c.Affiliate != 0 && c.Affiliate != r.Affiliate {
			p, err := affiliate.LoadProgram(tx, a.ID, r.Campaign)
			if err != nil {
				return r, err
			}
			r.Affiliate, r.Evidence = c.Affiliate, affiliate.ByHand
			if err := promised(tx, p, &r); err != nil {
				return r, refersTo(err, "affiliate")
			}
		}
		if c.Denied != nil {
			r.Denied = ""
			if *c.Denied {
				r.Denied = affiliate.ByPerson
			}
		}
		if err := affiliate.SaveReferral(tx, r); err != nil {
			return r, err
		}
		return r, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.ReferralChanged, int64(r.ID), r.Customer,
			event.Data(map[string]any{"affiliate": r.Affiliate, "denied": r.Denied})))
	})
}
