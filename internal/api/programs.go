package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"perennial/internal/affiliate"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/report"
)

// RateWire is what a payment earns on the wire. It is exported because only then are the
// fields of forms that hold it described.
type RateWire struct {
	Percent string    `json:"percent,omitempty" maxLength:"20" example:"30" doc:"Of the payment, without tax and after discounts; 0 to 100."`
	Amount  *FixedSum `json:"amount,omitempty" doc:"For each payment instead; nothing for payments in another currency."`
}

// FixedSum is an amount in a form.
type FixedSum struct {
	Amount   int64  `json:"amount" minimum:"1" maximum:"10000000000000" doc:"Whole minor units."`
	Currency string `json:"currency" minLength:"3" maxLength:"3"`
}

func (r RateWire) read(f *fault.Fields, at string) affiliate.Rate {
	out := affiliate.Rate{Share: percent(f, at+".percent", r.Percent)}
	if r.Amount != nil {
		currency, err := money.ParseCurrency(r.Amount.Currency)
		f.Add(at+".amount.currency", err)
		out.Fixed = money.Amount{Minor: r.Amount.Amount, Currency: currency}
		f.Check(r.Percent == "", at+".amount", "must not be given together with percent")
	}
	return out
}

// percent reads a share in per cent; "" is none.
func percent(f *fault.Fields, at, text string) money.Rate {
	if text == "" {
		return money.Rate{}
	}
	rate, err := money.ParsePercent(text)
	f.Add(at, err)
	if err == nil {
		f.Check(rate.Sign() >= 0 && rate.Cmp(wholeShare) <= 0, at, "must be from 0 to 100")
	}
	return rate
}

var wholeShare, _ = money.ParseRate("1")

func earnedRateOf(r affiliate.Rate) RateWire {
	if !r.Fixed.IsZero() {
		return RateWire{Amount: &FixedSum{r.Fixed.Minor, string(r.Fixed.Currency)}}
	}
	return RateWire{Percent: r.Share.Percent()}
}

// ProductRates are what the sales of one product earn.
type ProductRates struct {
	Product string   `json:"product" maxLength:"40"`
	First   RateWire `json:"first"`
	Rebill  RateWire `json:"rebill"`
}

// ProgramTerms is what an affiliate programme promises. It is the same in requests and in
// answers.
type ProgramTerms struct {
	First       RateWire       `json:"first" doc:"What the first payment of a sale earns."`
	Rebill      RateWire       `json:"rebill" doc:"What each later payment earns."`
	Cycles      int            `json:"cycles,omitempty" minimum:"1" maximum:"1200" doc:"How many later payments earn; left out: all."`
	Second      string         `json:"second_percent,omitempty" maxLength:"20" example:"5" doc:"Of the payment, for whoever recruited the affiliate."`
	Products    []ProductRates `json:"products,omitempty" maxItems:"200" doc:"Products that earn otherwise."`
	HoldDays    int            `json:"hold_days" minimum:"0" maximum:"365" doc:"Before a commission may be paid out."`
	CookieDays  int            `json:"cookie_days" minimum:"1" maximum:"3650" doc:"For how long a click counts."`
	Winner      string         `json:"winner,omitempty" enum:"last_click,first_click" doc:"Of several clicks; left out: the last."`
	Mode        string         `json:"mode,omitempty" enum:"per_campaign,lifetime" doc:"Whether somebody who was brought once stays brought for everything that they buy later; left out: not."`
	Shipping    bool           `json:"shipping,omitempty" doc:"Shipping earns, too. Tax never does."`
	AutoApprove bool           `json:"auto_approve,omitempty" doc:"Everybody who asks to promote is approved at once."`
	OwnSales    bool           `json:"own_sales,omitempty" doc:"Affiliates earn on what they buy themselves."`
}

func (t ProgramTerms) read(f *fault.Fields) affiliate.Terms {
	out := affiliate.Terms{First: t.First.read(f, "terms.first"), Rebill: t.Rebill.read(f, "terms.rebill"), Cycles: t.Cycles, Second: percent(f, "terms.second_percent", t.Second),
		Hold: t.HoldDays, Cookie: t.CookieDays, Winner: affiliate.Winner(t.Winner), Mode: affiliate.Mode(t.Mode), Shipping: t.Shipping, Approve: t.AutoApprove, Own: t.OwnSales}
	if out.Winner == "" {
		out.Winner = affiliate.LastClick
	}
	if out.Mode == "" {
		out.Mode = affiliate.PerCampaign
	}
	for i, p := range t.Products {
		at := "terms.products." + strconv.Itoa(i)
		product := mustRefer[id.Product](f, at+".product", p.Product)
		if out.Products == nil {
			out.Products = map[id.Product]affiliate.ProductTerms{}
		}
		if _, twice := out.Products[product]; twice && product != 0 {
			f.Bad(at+".product", "stands here twice")
		}
		out.Products[product] = affiliate.ProductTerms{First: p.First.read(f, at+".first"), Rebill: p.Rebill.read(f, at+".rebill")}
	}
	return out
}

func programTermsOf(t affiliate.Terms) ProgramTerms {
	out := ProgramTerms{First: earnedRateOf(t.First), Rebill: earnedRateOf(t.Rebill), Cycles: t.Cycles, HoldDays: t.Hold, CookieDays: t.Cookie, Winner: string(t.Winner), Mode: string(t.Mode),
		Shipping: t.Shipping, AutoApprove: t.Approve, OwnSales: t.Own}
	if !t.Second.IsZero() {
		out.Second = t.Second.Percent()
	}
	for product, p := range t.Products {
		out.Products = append(out.Products, ProductRates{product.String(), earnedRateOf(p.First), earnedRateOf(p.Rebill)})
	}
	slices.SortFunc(out.Products, func(x, y ProductRates) int { return strings.Compare(x.Product, y.Product) })
	return out
}

// ProgramWire is how a campaign is promoted, on the wire.
type ProgramWire struct {
	Campaign    string       `json:"campaign"`
	Slug        string       `json:"slug" doc:"In the links of affiliates and of the page where one asks to promote."`
	Landing     string       `json:"landing" doc:"Where the links lead."`
	Intro       string       `json:"intro" doc:"On the page where one asks to promote."`
	Terms       ProgramTerms `json:"terms"`
	Open        bool         `json:"open" doc:"Whether anybody may ask to promote."`
	RequestPath string       `json:"request_path" doc:"Where one asks to promote, on this server."`
	LinkPath    string       `json:"link_path" doc:"Of an affiliate's link on this server; {code} stands for theirs."`
	CreatedAt   time.Time    `json:"created_at"`
}

func programOf(p affiliate.Program) ProgramWire {
	return ProgramWire{p.Campaign.String(), p.Slug, p.Landing, p.Intro, programTermsOf(p.Terms), p.Open, p.RequestPath(""), p.LinkPath("{code}"), p.CreatedAt}
}

// MemberWire is an affiliate's place in a programme, on the wire.
type MemberWire struct {
	Affiliate string     `json:"affiliate"`
	Campaign  string     `json:"campaign"`
	Email     string     `json:"email"`
	Name      string     `json:"name"`
	Standing  string     `json:"standing" enum:"pending,approved,declined"`
	Recruiter *string    `json:"recruiter" doc:"The affiliate whose request link they came by."`
	Own       *OwnTerms  `json:"own,omitempty" doc:"What they were promised otherwise than the programme says."`
	LinkPath  string     `json:"link_path" doc:"Of their link on this server."`
	AskedAt   time.Time  `json:"asked_at"`
	DecidedAt *time.Time `json:"decided_at"`
}

// OwnTerms is what one affiliate was promised otherwise. It is the same in requests and in
// answers.
type OwnTerms struct {
	First    *RateWire `json:"first,omitempty"`
	Rebill   *RateWire `json:"rebill,omitempty"`
	Second   *string   `json:"second_percent,omitempty" maxLength:"20" doc:"For those that they recruited."`
	HoldDays *int      `json:"hold_days,omitempty" minimum:"0" maximum:"365" doc:"0: they are paid at once."`
}

func (o *OwnTerms) read(f *fault.Fields) *affiliate.Own {
	if o == nil {
		return nil
	}
	out := &affiliate.Own{Hold: o.HoldDays}
	if o.First != nil {
		rate := o.First.read(f, "own.first")
		out.First = &rate
	}
	if o.Rebill != nil {
		rate := o.Rebill.read(f, "own.rebill")
		out.Rebill = &rate
	}
	if o.Second != nil {
		second := percent(f, "own.second_percent", *o.Second)
		out.Second = &second
	}
	return out
}

func ownOf(o affiliate.Own) *OwnTerms {
	if o == (affiliate.Own{}) {
		return nil
	}
	out := &OwnTerms{HoldDays: o.Hold, First: shown(o.First, earnedRateOf), Rebill: shown(o.Rebill, earnedRateOf)}
	if o.Second != nil {
		text := o.Second.Percent()
		out.Second = &text
	}
	return out
}

func memberOf(m report.Member) MemberWire {
	s := m.Membership
	return MemberWire{s.Affiliate.String(), s.Campaign.String(), m.Affiliate.Email, m.Affiliate.Name, string(s.Standing), textOf(s.Recruiter.String()), ownOf(s.Own),
		m.Program.LinkPath(m.Affiliate.Code), s.AskedAt, timeOf(s.DecidedAt)}
}

func (a *API) programRoutes() {
	read(a, operation{id: "list-affiliate-programs", path: "/v1/affiliate-programs", tag: "Affiliates", summary: "The campaigns that affiliates can promote"},
		func(ctx context.Context, c caller, _ *none) (list[ProgramWire], error) {
			rows, err := a.r.Programs(ctx, c.account.ID)
			return paged(Page{Limit: len(rows)}, "cam", rows, nil, programOf), err
		})
	read(a, operation{id: "get-affiliate-program", path: "/v1/campaigns/{id}/affiliate-program", tag: "Affiliates", summary: "How a campaign is promoted", text: "404 when it is not."},
		func(ctx context.Context, c caller, in *ByID) (ProgramWire, error) {
			v, err := id.Parse[id.Campaign](in.ID)
			if err != nil {
				return ProgramWire{}, err
			}
			p, err := a.r.Program(ctx, c.account.ID, v)
			return programOf(p), err
		})
	type programBody struct {
		ByID
		Body struct {
			Slug    *string       `json:"slug,omitempty" maxLength:"40" doc:"a to z, 0 to 9 and dashes; made up for a new programme. Links with an earlier one go on working."`
			Landing *string       `json:"landing,omitempty" maxLength:"1000" example:"https://tea.example/" doc:"Where the links lead; a new programme needs one."`
			Intro   *string       `json:"intro,omitempty" maxLength:"5000"`
			Terms   *ProgramTerms `json:"terms,omitempty" doc:"Replaces all of them, for sales from now on. Left out of a new programme: 30 % of every payment, due after 30 days, for clicks of the last 60."`
			Open    *bool         `json:"open,omitempty"`
		}
	}
	write(a, operation{id: "set-affiliate-program", method: http.MethodPatch, path: "/v1/campaigns/{id}/affiliate-program", status: http.StatusOK, tag: "Affiliates", summary: "Let affiliates promote a campaign, or change how they do",
		text: "Sales that were brought before earn as they were promised."},
		func(ctx context.Context, call commerce.Call, in *programBody) (affiliate.Program, error) {
			v, err := id.Parse[id.Campaign](in.ID)
			if err != nil {
				return affiliate.Program{}, err
			}
			b := in.Body
			set := commerce.SetProgram{Call: call, Campaign: v, Slug: b.Slug, Landing: b.Landing, Intro: b.Intro, Open: b.Open}
			if b.Terms != nil {
				var f fault.Fields
				terms := b.Terms.read(&f)
				if err := f.Err(); err != nil {
					return affiliate.Program{}, err
				}
				set.Terms = &terms
			}
			p, err := a.s.SetProgram(ctx, set)
			return p, renamedFields(err, map[string]string{"products": "terms.products"})
		}, programOf)
	a.memberRoutes()
	a.materialRoutes()
}

// renamedFields calls the wrong fields of a refusal as the body does.
func renamedFields(err error, names map[string]string) error {
	if err == nil || !fault.Is(err, fault.Invalid) {
		return err
	}
	out := *fault.As(err)
	out.Fields = slices.Clone(out.Fields)
	for i, field := range out.Fields {
		if name, ok := names[field.Name]; ok {
			out.Fields[i].Name = name
		}
	}
	return &out
}

func (a *API) memberRoutes() {
	type filter struct {
		ByID
		Page
		Standing string `query:"standing" enum:"pending,approved,declined" doc:"Only those."`
	}
	read(a, operation{id: "list-campaign-affiliates", path: "/v1/campaigns/{id}/affiliates", tag: "Affiliates", summary: "Who promotes a campaign, or asked to"},
		func(ctx context.Context, c caller, in *filter) (list[MemberWire], error) {
			v, from, err := within[id.Campaign, id.Affiliate](in.ByID, in.Page, "member")
			if err != nil {
				return list[MemberWire]{}, err
			}
			rows, err := a.r.Members(ctx, c.account.ID, v, affiliate.Standing(in.Standing), from, in.Limit+1)
			return paged(in.Page, "member", rows, func(m report.Member) int64 { return int64(m.Membership.Affiliate) }, memberOf), err
		})
	read(a, operation{id: "list-affiliate-campaigns", path: "/v1/affiliates/{id}/campaigns", tag: "Affiliates", summary: "What an affiliate promotes, or asked to"},
		func(ctx context.Context, c caller, in *ByID) (list[MemberWire], error) {
			v, err := id.Parse[id.Affiliate](in.ID)
			if err != nil {
				return list[MemberWire]{}, err
			}
			rows, err := a.r.MembershipsOf(ctx, c.account.ID, v)
			return paged(Page{Limit: len(rows)}, "member", rows, nil, memberOf), err
		})
	type memberBody struct {
		ByID
		Body struct {
			Affiliate string    `json:"affiliate" maxLength:"40"`
			Standing  *string   `json:"standing,omitempty" enum:"pending,approved,declined" doc:"Left out: somebody new is approved, anybody else stays."`
			Own       *OwnTerms `json:"own,omitempty" doc:"Replaces all of them; empty: as the programme says."`
			Recruiter *string   `json:"recruiter,omitempty" maxLength:"40" doc:"An affiliate, who earns the second tier; empty: nobody."`
		}
	}
	write(a, operation{id: "set-campaign-affiliate", path: "/v1/campaigns/{id}/affiliates", status: http.StatusOK, tag: "Affiliates", summary: "Let an affiliate promote a campaign, or decide otherwise",
		text: "Approves, declines, and says what they earn otherwise than the programme says. Sales that they brought before earn as they were promised."},
		func(ctx context.Context, call commerce.Call, in *memberBody) (report.Member, error) {
			campaign, err := id.Parse[id.Campaign](in.ID)
			if err != nil {
				return report.Member{}, err
			}
			b := in.Body
			var f fault.Fields
			d := commerce.DecideMembership{Call: call, Campaign: campaign, Affiliate: mustRefer[id.Affiliate](&f, "affiliate", b.Affiliate), Standing: (*affiliate.Standing)(b.Standing), Own: b.Own.read(&f)}
			if b.Recruiter != nil {
				who := refer[id.Affiliate](&f, "recruiter", *b.Recruiter)
				d.Recruiter = &who
			}
			if err := f.Err(); err != nil {
				return report.Member{}, err
			}
			if _, err := a.s.AskToPromote(ctx, commerce.AskToPromote{Call: onlyOnce(call), Campaign: campaign, Affiliate: d.Affiliate, ByTeam: true}); err != nil {
				return report.Member{}, err
			}
			m, err := a.s.DecideMembership(ctx, d)
			return report.Member{Membership: m}, err
		}, func(m report.Member) MemberState {
			s := m.Membership
			return MemberState{s.Affiliate.String(), s.Campaign.String(), string(s.Standing), textOf(s.Recruiter.String()), ownOf(s.Own), s.AskedAt, timeOf(s.DecidedAt)}
		})
}

// MemberState is an affiliate's place in a programme, as it was decided.
type MemberState struct {
	Affiliate string     `json:"affiliate"`
	Campaign  string     `json:"campaign"`
	Standing  string     `json:"standing" enum:"pending,approved,declined"`
	Recruiter *string    `json:"recruiter"`
	Own       *OwnTerms  `json:"own,omitempty"`
	AskedAt   time.Time  `json:"asked_at"`
	DecidedAt *time.Time `json:"decided_at"`
}

// onlyOnce is a call of a step that may be repeated: the key of the request is kept by the
// step that ends it.
func onlyOnce(call commerce.Call) commerce.Call {
	call.Once = nil
	return call
}

// MaterialWire is something that affiliates promote with, on the wire.
type MaterialWire struct {
	ID        string    `json:"id"`
	Campaign  string    `json:"campaign"`
	Kind      string    `json:"kind" enum:"link,email,banner,text"`
	Title     string    `json:"title"`
	Body      string    `json:"body" doc:"A text, or the address of a page or picture."`
	CreatedAt time.Time `json:"created_at"`
}

func materialOf(m affiliate.Material) MaterialWire {
	return MaterialWire{m.ID.String(), m.Campaign.String(), m.Kind, m.Title, m.Body, m.CreatedAt}
}

func (a *API) materialRoutes() {
	read(a, operation{id: "list-materials", path: "/v1/campaigns/{id}/materials", tag: "Affiliates", summary: "What affiliates promote a campaign with", text: "Newest first, at most 500."},
		func(ctx context.Context, c caller, in *ByID) (list[MaterialWire], error) {
			v, err := id.Parse[id.Campaign](in.ID)
			if err != nil {
				return list[MaterialWire]{}, err
			}
			rows, err := a.r.Materials(ctx, c.account.ID, v)
			return paged(Page{Limit: len(rows)}, "mat", rows, nil, materialOf), err
		})
	type newMaterial struct {
		ByID
		Body struct {
			Kind  string `json:"kind" enum:"link,email,banner,text"`
			Title string `json:"title" minLength:"1" maxLength:"200"`
			Body  string `json:"body" minLength:"1" maxLength:"5000" doc:"A text; of a link or banner, the address of the page or picture."`
		}
	}
	write(a, operation{id: "create-material", path: "/v1/campaigns/{id}/materials", tag: "Affiliates", summary: "Give affiliates something to promote a campaign with"},
		func(ctx context.Context, call commerce.Call, in *newMaterial) (affiliate.Material, error) {
			v, err := id.Parse[id.Campaign](in.ID)
			if err != nil {
				return affiliate.Material{}, err
			}
			return a.s.AddMaterial(ctx, commerce.AddMaterial{Call: call, Campaign: v, Kind: in.Body.Kind, Title: in.Body.Title, Body: in.Body.Body})
		}, materialOf)
	type removedMaterial struct {
		ID      string `json:"id"`
		Removed bool   `json:"removed"`
	}
	write(a, operation{id: "remove-material", method: http.MethodDelete, path: "/v1/materials/{id}", status: http.StatusOK, tag: "Affiliates", summary: "Take promo material out of use"},
		func(ctx context.Context, call commerce.Call, in *ByID) (removedMaterial, error) {
			v, err := id.Parse[id.Material](in.ID)
			if err != nil {
				return removedMaterial{}, err
			}
			return removedMaterial{in.ID, true}, a.s.RemoveMaterial(ctx, commerce.RemoveMaterial{Call: call, Material: v})
		}, func(r removedMaterial) removedMaterial { return r })
}
