package commerce

import (
	"context"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// SetProgram makes a campaign promotable, or changes how it is promoted. nil leaves a field
// as it is; a new programme begins with affiliate.Standard.
type SetProgram struct {
	Call
	Campaign id.Campaign
	Slug     *string
	Landing  *string
	Intro    *string
	Terms    *affiliate.Terms
	Open     *bool
}

// SetProgram makes a campaign promotable, or changes how it is promoted. Sales that were
// brought before keep the terms that held then.
func (s *Service) SetProgram(ctx context.Context, c SetProgram) (affiliate.Program, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (affiliate.Program, error) {
		campaign, err := catalog.LoadCampaign(tx, a.ID, c.Campaign)
		if err != nil {
			return affiliate.Program{}, err
		}
		p, err := affiliate.LoadProgram(tx, a.ID, campaign.ID)
		if fault.Is(err, fault.NotFound) {
			p, err = affiliate.Program{Account: a.ID, Campaign: campaign.ID, Slug: account.RandomText(8), Terms: affiliate.Standard(), Open: true, CreatedAt: now}, nil
		}
		if err != nil {
			return p, err
		}
		set(&p.Slug, c.Slug)
		set(&p.Landing, c.Landing)
		set(&p.Intro, c.Intro)
		set(&p.Terms, c.Terms)
		set(&p.Open, c.Open)
		if err := p.Check(); err != nil {
			return p, err
		}
		for product := range p.Terms.Products {
			if _, err := catalog.LoadProduct(tx, a.ID, product); err != nil {
				return p, refersTo(err, "products")
			}
		}
		if err := affiliate.PutProgram(tx, p); err != nil {
			return p, err
		}
		p.Version++
		if !a.Settings.Affiliates {
			after := a
			after.Settings.Affiliates = true
			if err := account.Save(tx, a, &after); err != nil {
				return p, err
			}
		}
		return p, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.ProgramUpdated, int64(p.Campaign), 0, event.Data(map[string]any{"slug": p.Slug, "open": p.Open})))
	})
}

// PutAffiliate makes an affiliate, or changes one. nil leaves a field as it is.
type PutAffiliate struct {
	Call
	Affiliate id.Affiliate // 0 makes a new one
	Email     *string
	Code      *string // of a new one: made up when nil
	Name      *string
	Company   *string
	Phone     *string
	Address   *string
	Country   *string
	PayPal    *string
	Payee     *affiliate.Payee
	Notify    *string
	State     *affiliate.State
	JoinedIP  string // of a new one
}

// PutAffiliate makes an affiliate, or changes one.
func (s *Service) PutAffiliate(ctx context.Context, c PutAffiliate) (affiliate.Affiliate, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (affiliate.Affiliate, error) {
		return putAffiliate(tx, a, now, c)
	})
}

func putAffiliate(tx *db.Tx, a account.Account, now time.Time, c PutAffiliate) (affiliate.Affiliate, error) {
	m := affiliate.Affiliate{ID: id.New[id.Affiliate](), Account: a.ID, Code: account.RandomText(8), State: affiliate.Active, JoinedIP: c.JoinedIP, CreatedAt: now, Version: 1}
	kind := event.AffiliateCreated
	if c.Affiliate != 0 {
		var err error
		if m, err = affiliate.Load(tx, a.ID, c.Affiliate); err != nil {
			return m, err
		}
		kind = event.AffiliateUpdated
	}
	set(&m.Email, c.Email)
	set(&m.Code, c.Code)
	set(&m.Name, c.Name)
	set(&m.Company, c.Company)
	set(&m.Phone, c.Phone)
	set(&m.Address, c.Address)
	set(&m.Country, c.Country)
	set(&m.PayPal, c.PayPal)
	set(&m.Payee, c.Payee)
	set(&m.Notify, c.Notify)
	set(&m.State, c.State)
	if err := checkAffiliate(&m); err != nil {
		return m, err
	}
	if kind == event.AffiliateCreated {
		if err := affiliate.Insert(tx, m); err != nil {
			return m, err
		}
	} else {
		if err := affiliate.Save(tx, m); err != nil {
			return m, err
		}
		m.Version++
	}
	return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, kind, int64(m.ID), 0, event.Data(map[string]any{"name": m.Name, "state": m.State})))
}

// checkAffiliate reads the addresses and refuses an affiliate that cannot be.
func checkAffiliate(m *affiliate.Affiliate) error {
	var f fault.Fields
	email, err := account.ParseEmail(m.Email)
	f.Add("email", err)
	m.Email = email
	if err != nil {
		m.Email = "?" // refused already; the other checks go on
	}
	if m.PayPal != "" {
		paypal, err := account.ParseEmail(m.PayPal)
		f.Add("paypal", err)
		m.PayPal = paypal
	}
	m.Code = strings.ToLower(m.Code)
	f.Add("", m.Check())
	return f.Err()
}

// AskToPromote asks that an affiliate may promote a campaign.
type AskToPromote struct {
	Call
	Campaign  id.Campaign
	Affiliate id.Affiliate  // who asks; 0 when Who tells
	Who       *PutAffiliate // found by e-mail address, else made
	Recruiter string        // code of the affiliate whose request link they came by; "" for nobody
	ByTeam    bool          // the merchant puts them in: they are approved at once, open or not
}

// AskToPromote asks that an affiliate may promote a campaign. Who asks again gets the
// answer that they have; who was declined stays declined.
func (s *Service) AskToPromote(ctx context.Context, c AskToPromote) (affiliate.Membership, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (affiliate.Membership, error) {
		p, err := affiliate.LoadProgram(tx, a.ID, c.Campaign)
		if err != nil {
			return affiliate.Membership{}, err
		}
		if !p.Open && !c.ByTeam {
			return affiliate.Membership{}, fault.New(fault.Conflict, "this programme takes nobody at the moment").WithCode("program_closed")
		}
		who, err := asking(tx, a, now, c)
		if err != nil {
			return affiliate.Membership{}, err
		}
		m, err := affiliate.LoadMembership(tx, a.ID, c.Campaign, who.ID)
		if err == nil && (m.Standing != affiliate.Declined || !c.ByTeam) {
			return m, nil
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return m, err
		}
		if err != nil {
			m = affiliate.Membership{Account: a.ID, Campaign: c.Campaign, Affiliate: who.ID, AskedAt: now}
			if m.Recruiter, err = recruiter(tx, a, c, who); err != nil {
				return m, err
			}
		}
		m.Standing = affiliate.Pending
		if c.ByTeam || p.Terms.Approve {
			m.Standing, m.DecidedAt = affiliate.Approved, now
		}
		if err := affiliate.PutMembership(tx, m); err != nil {
			return m, err
		}
		m.Version++
		return m, event.Append(tx, a.ID, standingEvent(a, now, c.Actor, m))
	})
}

// asking is the affiliate who asks: given, found by address, or made.
func asking(tx *db.Tx, a account.Account, now time.Time, c AskToPromote) (affiliate.Affiliate, error) {
	if c.Who == nil {
		who, err := affiliate.Load(tx, a.ID, c.Affiliate)
		return who, refersTo(err, "affiliate")
	}
	email := ""
	if c.Who.Email != nil {
		email = *c.Who.Email
	}
	parsed, err := account.ParseEmail(email)
	if err != nil {
		return affiliate.Affiliate{}, fault.BadField("email", "%s", fault.As(err).Message)
	}
	who, err := affiliate.ByEmail(tx, a.ID, parsed)
	if !fault.Is(err, fault.NotFound) {
		return who, err
	}
	made := *c.Who
	made.Call, made.Affiliate = c.Call, 0
	return putAffiliate(tx, a, now, made)
}

// recruiter is whose request link was followed: an approved affiliate of the campaign, and
// not the asker.
func recruiter(tx *db.Tx, a account.Account, c AskToPromote, who affiliate.Affiliate) (id.Affiliate, error) {
	if c.Recruiter == "" {
		return 0, nil
	}
	r, err := affiliate.ByCode(tx, a.ID, strings.ToLower(c.Recruiter))
	if err == nil {
		var m affiliate.Membership
		m, err = affiliate.LoadMembership(tx, a.ID, c.Campaign, r.ID)
		if err == nil && m.Standing == affiliate.Approved && r.State == affiliate.Active && r.ID != who.ID {
			return r.ID, nil
		}
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return 0, err
	}
	return 0, nil // a link that has gone stale recruits nobody
}

func standingEvent(a account.Account, now time.Time, by event.Actor, m affiliate.Membership) event.Event {
	kind := map[affiliate.Standing]event.Kind{affiliate.Pending: event.AffiliateAsked, affiliate.Approved: event.AffiliateApproved, affiliate.Declined: event.AffiliateDeclined}[m.Standing]
	return event.New(a.ID, now, by, kind, int64(m.Affiliate), 0, event.Data(map[string]any{"campaign": m.Campaign}))
}

// DecideMembership approves or declines an affiliate of a campaign, and says what they were
// promised otherwise than the programme says.
type DecideMembership struct {
	Call
	Campaign  id.Campaign
	Affiliate id.Affiliate
	Standing  *affiliate.Standing
	Own       *affiliate.Own
	Recruiter *id.Affiliate // 0 for nobody
}

// DecideMembership approves or declines an affiliate of a campaign. Sales that they brought
// before earn as they were promised.
func (s *Service) DecideMembership(ctx context.Context, c DecideMembership) (affiliate.Membership, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (affiliate.Membership, error) {
		m, err := affiliate.LoadMembership(tx, a.ID, c.Campaign, c.Affiliate)
		if err != nil {
			return m, err
		}
		before := m.Standing
		set(&m.Standing, c.Standing)
		set(&m.Own, c.Own)
		set(&m.Recruiter, c.Recruiter)
		var f fault.Fields
		f.Check(m.Standing == affiliate.Pending || m.Standing == affiliate.Approved || m.Standing == affiliate.Declined, "standing", "must be pending, approved or declined")
		f.Check(m.Recruiter != m.Affiliate, "recruiter", "must be somebody else")
		f.Add("", m.Own.Check())
		if err := f.Err(); err != nil {
			return m, err
		}
		if m.Recruiter != 0 {
			if _, err := affiliate.Load(tx, a.ID, m.Recruiter); err != nil {
				return m, refersTo(err, "recruiter")
			}
		}
		if m.Standing != before {
			m.DecidedAt = now
		}
		if err := affiliate.PutMembership(tx, m); err != nil {
			return m, err
		}
		m.Version++
		if m.Standing == before {
			return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.AffiliateUpdated, int64(m.Affiliate), 0, event.Data(map[string]any{"campaign": m.Campaign})))
		}
		return m, event.Append(tx, a.ID, standingEvent(a, now, c.Actor, m))
	})
}

// FollowLink is a visit by way of an affiliate's link.
type FollowLink struct {
	Slug       string // of the programme
	Code       string // of the affiliate
	TrackingID string // cut to affiliate.MaxTracking
	IP         string
	Source     string // the utm_* of the link, as a query; cut to 500 bytes
}

// FollowLink notes a visit by way of an affiliate's link and tells where it leads. A link of
// somebody who may not promote the campaign leads there too, and is not noted: ID is 0.
func (s *Service) FollowLink(ctx context.Context, c FollowLink) (affiliate.Click, affiliate.Program, error) {
	var click affiliate.Click
	var p affiliate.Program
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		click = affiliate.Click{}
		var err error
		if p, err = affiliate.ProgramBySlug(tx, strings.ToLower(c.Slug)); err != nil {
			return err
		}
		a, err := account.Load(tx, p.Account)
		if err != nil {
			return err
		}
		who, ok, err := promoter(tx, a, p.Campaign, c.Code)
		if err != nil || !ok {
			return err
		}
		click = affiliate.Click{ID: id.New[id.Click](), Account: a.ID, Campaign: p.Campaign, Affiliate: who, TrackingID: plainCut(c.TrackingID, affiliate.MaxTracking),
			Landing: p.Landing, IP: plainCut(c.IP, 64), Source: plainCut(c.Source, 500), At: a.Now(s.clock.Now())}
		return affiliate.InsertClick(tx, click)
	})
	return click, p, err
}

// promoter is the affiliate with a code who may promote a campaign now.
func promoter(tx *db.Tx, a account.Account, campaign id.Campaign, code string) (id.Affiliate, bool, error) {
	who, err := affiliate.ByCode(tx, a.ID, strings.ToLower(code))
	if err == nil {
		var may bool
		may, err = mayPromote(tx, who, campaign)
		return who.ID, may, err
	}
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	return 0, false, err
}

func mayPromote(tx *db.Tx, who affiliate.Affiliate, campaign id.Campaign) (bool, error) {
	m, err := affiliate.LoadMembership(tx, who.Account, campaign, who.ID)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return m.Standing == affiliate.Approved && who.State == affiliate.Active, err
}

// plainCut is the printable beginning of a text from outside.
func plainCut(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for len(s) > most {
		s = s[:len(s)-1]
	}
	return strings.ToValidUTF8(s, "")
}
