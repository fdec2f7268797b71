package affiliate

import (
	"net/url"
	"time"

	"perennial/internal/id"
)

const maxAddress = 1_000

func isAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && len(s) <= maxAddress && plain(s, false)
}

// Click is one visit by way of an affiliate's link.
type Click struct {
	ID         id.Click
	Account    id.Account
	Campaign   id.Campaign
	Affiliate  id.Affiliate
	TrackingID string // the affiliate's own mark, at most MaxTracking bytes
	Landing    string // where it led
	IP         string
	Source     string // utm_* of the link, as a query
	At         time.Time
}

// MaxTracking is the longest mark of an affiliate's own on a link, in bytes.
const MaxTracking = 100

// Evidence says why a sale is an affiliate's.
type Evidence string

// The kinds of evidence, the strongest first.
const (
	ByHand   Evidence = "manual"   // a merchant said so
	ByCoupon Evidence = "coupon"   // one of their coupons was redeemed
	ByClick  Evidence = "click"    // the browser came by their link
	ByPast   Evidence = "customer" // they brought the customer before, for life
	ByLead   Evidence = "email"    // a lead with the same address came by their link
)

// Claim is one affiliate's claim to a sale.
type Claim struct {
	Affiliate  id.Affiliate
	Evidence   Evidence
	TrackingID string
	At         time.Time // of the click or the earlier sale
}

// Choose decides between claims to a sale of now: the stronger evidence wins; between
// clicks the programme says whether the first or the last does. Clicks older than the
// cookie lives do not count. ok is false when nobody's claim holds.
func (t Terms) Choose(claims []Claim, now time.Time) (best Claim, ok bool) {
	order := map[Evidence]int{ByHand: 0, ByCoupon: 1, ByClick: 2, ByPast: 3, ByLead: 4}
	for _, c := range claims {
		switch c.Evidence {
		case ByClick, ByLead:
			if now.Sub(c.At) >= time.Duration(t.Cookie)*24*time.Hour {
				continue
			}
		case ByPast:
			if t.Mode != Lifetime {
				continue
			}
		}
		switch {
		case !ok || order[c.Evidence] < order[best.Evidence]:
			best, ok = c, true
		case order[c.Evidence] > order[best.Evidence]:
		case c.Evidence == ByClick && t.Winner == FirstClick:
			if c.At.Before(best.At) {
				best = c
			}
		case c.At.After(best.At):
			best = c
		}
	}
	return best, ok
}

// Referral is a sale that an affiliate brought, with the terms that held then: they hold
// for all its payments.
type Referral struct {
	ID           id.Referral
	Account      id.Account
	Order        id.Order
	Subscription id.Subscription // 0 for a sale without one
	Customer     id.Customer
	Campaign     id.Campaign
	Product      id.Product
	Affiliate    id.Affiliate
	Recruiter    id.Affiliate // of the second tier; 0 for nobody
	TrackingID   string
	Evidence     Evidence
	Denied       string // why it earns nothing; "" when it does
	Promise      Promise
	At           time.Time
}

// Reasons for denying a referral.
const (
	SameEmail = "same_email" // the buyer is the affiliate
	SameIP    = "same_ip"    // the buyer sits where the affiliate does
	ByPerson  = "by_person"  // the merchant said so
)

// Promise is what a referral earns, as it was promised when it came about.
type Promise struct {
	First    Rate   `json:"first"`
	Rebill   Rate   `json:"rebill"`
	Cycles   int    `json:"cycles,omitempty"`
	Second   string `json:"second,omitempty"` // the recruiter's share, as a decimal
	Hold     int    `json:"hold"`             // days
	Shipping bool   `json:"shipping,omitempty"`
}

// Promised is what the programme promises an affiliate for a sale of a product.
func (t Terms) Promised(product id.Product, member, recruiter Own) Promise {
	second := t.Second
	if recruiter.Second != nil {
		second = *recruiter.Second
	}
	p := Promise{First: t.rate(member, product, true), Rebill: t.rate(member, product, false), Cycles: t.Cycles, Hold: t.hold(member), Shipping: t.Shipping}
	if !second.IsZero() {
		p.Second = second.String()
	}
	return p
}
