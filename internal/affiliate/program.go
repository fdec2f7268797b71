package affiliate

import (
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Rate is what a payment earns: a share of it, or an amount for each payment.
type Rate struct {
	Share money.Rate   `json:"share,omitzero"` // 0 to 1
	Fixed money.Amount `json:"fixed,omitzero"` // for each payment, in its currency; none in another
}

// IsZero reports whether it earns nothing.
func (r Rate) IsZero() bool { return r.Share.IsZero() && r.Fixed.IsZero() }

func (r Rate) check(f *fault.Fields, field string) {
	f.Check(r.Share.Sign() >= 0 && r.Share.Cmp(one) <= 0, field, "must be a share of 0 to 1")
	f.Check(r.Fixed.Minor >= 0 && r.Fixed.Minor <= money.MaxMinor, field, "must not be a negative amount")
	f.Check(r.Fixed.IsZero() || r.Fixed.Currency.Known(), field, "must be in a currency of ISO 4217")
	f.Check(r.Share.IsZero() || r.Fixed.IsZero(), field, "must be a share or an amount, not both")
}

var one, _ = money.ParseRate("1")

// Mode says whose later purchases a referral reaches.
type Mode string

// The modes.
const (
	PerCampaign Mode = "per_campaign" // what a visitor buys of the campaign while the cookie lives
	Lifetime    Mode = "lifetime"     // everything a customer ever buys, until another link brings them
)

// Winner says which of several links counts.
type Winner string

// The winners.
const (
	LastClick  Winner = "last_click"
	FirstClick Winner = "first_click"
)

// Terms is what a programme promises.
type Terms struct {
	First  Rate `json:"first"`            // of the first payment of a sale
	Rebill Rate `json:"rebill"`           // of later payments
	Cycles int  `json:"cycles,omitempty"` // how many later payments earn; 0 means all
	// Second is the share of the payment, not of the first tier's commission, for whoever
	// recruited the affiliate.
	Second money.Rate `json:"second,omitzero"`
	// Products are rates of single products; a rate of nothing earns nothing.
	Products map[id.Product]ProductTerms `json:"products,omitempty"`

	Hold     int    `json:"hold"`               // days before a commission is due, 0 to MaxHold
	Cookie   int    `json:"cookie"`             // days for which a click counts, 1 to MaxCookie
	Winner   Winner `json:"winner"`             // of several clicks
	Mode     Mode   `json:"mode"`               // of later purchases
	Shipping bool   `json:"shipping,omitempty"` // shipping earns, too; tax never does
	// Approve takes everybody who asks at once. Own lets affiliates earn on what they buy
	// themselves.
	Approve bool `json:"approve,omitempty"`
	Own     bool `json:"own,omitempty"`
}

// ProductTerms are the rates of one product.
type ProductTerms struct {
	First  Rate `json:"first"`
	Rebill Rate `json:"rebill"`
}

// Limits of a programme.
const (
	MaxHold     = 365
	MaxCookie   = 3_650
	MaxCycles   = 1_200
	MaxProducts = 200
)

// Standard is the terms of a new programme: 30 % of everything, due after 30 days, for
// buyers who come back within 60 days.
func Standard() Terms {
	share, _ := money.ParseRate("0.3")
	return Terms{First: Rate{Share: share}, Rebill: Rate{Share: share}, Hold: 30, Cookie: 60, Winner: LastClick, Mode: PerCampaign}
}

// Check refuses terms that cannot be.
func (t Terms) Check() error {
	var f fault.Fields
	t.First.check(&f, "first")
	t.Rebill.check(&f, "rebill")
	f.Check(t.Second.Sign() >= 0 && t.Second.Cmp(one) <= 0, "second", "must be a share of 0 to 1")
	f.Check(t.Cycles >= 0 && t.Cycles <= MaxCycles, "cycles", "must be 0 to %d", MaxCycles)
	f.Check(t.Hold >= 0 && t.Hold <= MaxHold, "hold", "must be 0 to %d days", MaxHold)
	f.Check(t.Cookie >= 1 && t.Cookie <= MaxCookie, "cookie", "must be 1 to %d days", MaxCookie)
	f.Check(t.Winner == LastClick || t.Winner == FirstClick, "winner", "must be last_click or first_click")
	f.Check(t.Mode == PerCampaign || t.Mode == Lifetime, "mode", "must be per_campaign or lifetime")
	f.Check(len(t.Products) <= MaxProducts, "products", "must be at most %d", MaxProducts)
	for product, p := range t.Products {
		p.First.check(&f, "products."+product.String()+".first")
		p.Rebill.check(&f, "products."+product.String()+".rebill")
	}
	return f.Err()
}

// Program is how a campaign is promoted.
type Program struct {
	Account   id.Account
	Campaign  id.Campaign
	Slug      string // in links and of the request page, unique in the installation
	Landing   string // where its links lead, http or https
	Intro     string // on the request page, at most 5,000 bytes
	Terms     Terms
	Open      bool // whether anybody may ask to promote it
	CreatedAt time.Time
	Version   int64
}

// LinkPath is the path of an affiliate's link on the server.
func (p Program) LinkPath(code string) string { return "/a/" + p.Slug + "/" + code }

// RequestPath is the path of the page where one asks to promote the campaign; recruiter is
// the code of the affiliate whose request link it is, "" for nobody's.
func (p Program) RequestPath(recruiter string) string {
	if recruiter == "" {
		return "/affiliates/join/" + p.Slug
	}
	return "/affiliates/join/" + p.Slug + "/" + recruiter
}

// Check refuses a programme that cannot be.
func (p Program) Check() error {
	var f fault.Fields
	f.Check(slugForm.MatchString(p.Slug), "slug", "must be 2 to 40 of a to z, 0 to 9 and -, beginning with a letter or digit")
	f.Check(isAddress(p.Landing), "landing", "must be an http or https address of at most %d bytes", maxAddress)
	f.Check(len(p.Intro) <= 5_000 && plain(p.Intro, true), "intro", "must be plain text of at most 5000 bytes")
	f.Add("", p.Terms.Check())
	return f.Err()
}

// Standing is whether an affiliate may promote a campaign.
type Standing string

// The standings.
const (
	Pending  Standing = "pending"
	Approved Standing = "approved"
	Declined Standing = "declined"
)

// Membership is an affiliate's place in a programme.
type Membership struct {
	Account   id.Account
	Campaign  id.Campaign
	Affiliate id.Affiliate
	Standing  Standing
	Recruiter id.Affiliate // whose request link they came by; 0 for nobody
	Own       Own
	AskedAt   time.Time
	DecidedAt time.Time // zero while pending
	Version   int64
}

// Own is what one affiliate was promised otherwise than the programme says.
type Own struct {
	First  *Rate       `json:"first,omitempty"`
	Rebill *Rate       `json:"rebill,omitempty"`
	Second *money.Rate `json:"second,omitempty"` // for those that they recruited
	Hold   *int        `json:"hold,omitempty"`   // days; 0 means that they are paid at once
}

// Check refuses what cannot be.
func (o Own) Check() error {
	var f fault.Fields
	if o.First != nil {
		o.First.check(&f, "first")
	}
	if o.Rebill != nil {
		o.Rebill.check(&f, "rebill")
	}
	f.Check(o.Second == nil || o.Second.Sign() >= 0 && o.Second.Cmp(one) <= 0, "second", "must be a share of 0 to 1")
	f.Check(o.Hold == nil || *o.Hold >= 0 && *o.Hold <= MaxHold, "hold", "must be 0 to %d days", MaxHold)
	return f.Err()
}

// rate is what a payment of a product earns: the affiliate's own rate before the
// product's before the programme's.
func (t Terms) rate(o Own, product id.Product, first bool) Rate {
	p, special := t.Products[product]
	switch {
	case first && o.First != nil:
		return *o.First
	case !first && o.Rebill != nil:
		return *o.Rebill
	case first && special:
		return p.First
	case special:
		return p.Rebill
	case first:
		return t.First
	}
	return t.Rebill
}

// hold is how many days pass before a commission is due.
func (t Terms) hold(o Own) int {
	if o.Hold != nil {
		return *o.Hold
	}
	return t.Hold
}
