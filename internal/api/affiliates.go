package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/affiliate"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// AffiliateWire is an affiliate on the wire. It is exported because only then are the
// fields of forms that hold it described.
type AffiliateWire struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Code      string    `json:"code" doc:"In their links."`
	Name      string    `json:"name"`
	Company   string    `json:"company"`
	Phone     string    `json:"phone"`
	Address   string    `json:"address" doc:"Lines separated by a line feed."`
	Country   string    `json:"country"`
	PayPal    string    `json:"paypal" doc:"Where payouts go; empty when they gave none."`
	Notify    string    `json:"notify" doc:"Address of theirs that is told of their sales; empty for none."`
	Payee     PayeeWire `json:"payee"`
	State     string    `json:"state" enum:"active,blocked"`
	CreatedAt time.Time `json:"created_at"`
}

// PayeeWire is what a tax office wants to know of an affiliate. It is the same in requests
// and in answers.
type PayeeWire struct {
	Form  string `json:"form,omitempty" enum:"w9,w8ben,w8bene,other" doc:"That they handed in."`
	Name  string `json:"name,omitempty" maxLength:"200" doc:"As on the form."`
	TaxID string `json:"tax_id,omitempty" maxLength:"40" doc:"As on the form."`
	On    string `json:"signed_on,omitempty" maxLength:"10" example:"2026-01-31"`
}

func affiliateOf(a affiliate.Affiliate) AffiliateWire {
	return AffiliateWire{a.ID.String(), a.Email, a.Code, a.Name, a.Company, a.Phone, a.Address, a.Country, a.PayPal, a.Notify, PayeeWire(a.Payee), string(a.State), a.CreatedAt}
}

// affiliateWords are the fields of an affiliate as the body calls them.
var affiliateWords = map[string]string{"payee.on": "payee.signed_on"}

func (a *API) affiliateRoutes() {
	read(a, operation{id: "list-affiliates", path: "/v1/affiliates", tag: "Affiliates", summary: "The affiliates"},
		func(ctx context.Context, c caller, in *Page) (list[AffiliateWire], error) {
			from, err := before[id.Affiliate](*in, "aff")
			if err != nil {
				return list[AffiliateWire]{}, err
			}
			rows, err := a.r.Affiliates(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "aff", rows, func(v affiliate.Affiliate) int64 { return int64(v.ID) }, affiliateOf), err
		})
	read(a, operation{id: "get-affiliate", path: "/v1/affiliates/{id}", tag: "Affiliates", summary: "One affiliate"},
		func(ctx context.Context, c caller, in *ByID) (AffiliateWire, error) {
			v, err := id.Parse[id.Affiliate](in.ID)
			if err != nil {
				return AffiliateWire{}, err
			}
			found, err := a.r.Affiliate(ctx, c.account.ID, v)
			return affiliateOf(found), err
		})
	type newAffiliate struct {
		Body struct {
			Email string `json:"email" minLength:"1" maxLength:"254"`
			Name  string `json:"name" minLength:"1" maxLength:"200"`
			Code  string `json:"code,omitempty" maxLength:"40" doc:"In their links: a to z, 0 to 9, dashes and underscores. Left out, one is made up."`
			AffiliateFacts
		}
	}
	write(a, operation{id: "create-affiliate", path: "/v1/affiliates", tag: "Affiliates", summary: "Make an affiliate", text: "They promote a campaign once they are put into it."},
		func(ctx context.Context, call commerce.Call, in *newAffiliate) (affiliate.Affiliate, error) {
			b := in.Body
			put := b.put(call)
			put.Email, put.Name = &b.Email, &b.Name
			if b.Code != "" {
				put.Code = &b.Code
			}
			made, err := a.s.PutAffiliate(ctx, put)
			return made, renamedFields(err, affiliateWords)
		}, affiliateOf)
	type affiliateChange struct {
		ByID
		Body struct {
			Email *string `json:"email,omitempty" maxLength:"254"`
			Name  *string `json:"name,omitempty" maxLength:"200"`
			Code  *string `json:"code,omitempty" maxLength:"40" doc:"Links with the earlier one lead nowhere then."`
			State *string `json:"state,omitempty" enum:"active,blocked" doc:"A blocked one earns nothing more; what was earned stays owed."`
			AffiliateFacts
		}
	}
	write(a, operation{id: "update-affiliate", method: http.MethodPatch, path: "/v1/affiliates/{id}", status: http.StatusOK, tag: "Affiliates", summary: "Change an affiliate"},
		func(ctx context.Context, call commerce.Call, in *affiliateChange) (affiliate.Affiliate, error) {
			v, err := id.Parse[id.Affiliate](in.ID)
			if err != nil {
				return affiliate.Affiliate{}, err
			}
			b := in.Body
			put := b.put(call)
			put.Affiliate, put.Email, put.Name, put.Code, put.State = v, b.Email, b.Name, b.Code, (*affiliate.State)(b.State)
			changed, err := a.s.PutAffiliate(ctx, put)
			return changed, renamedFields(err, affiliateWords)
		}, affiliateOf)
	a.referralRoutes()
	a.commissionRoutes()
}

// AffiliateFacts are what may be left out of an affiliate. It is exported because only then
// are its fields described.
type AffiliateFacts struct {
	Company *string    `json:"company,omitempty" maxLength:"200"`
	Phone   *string    `json:"phone,omitempty" maxLength:"40"`
	Address *string    `json:"address,omitempty" maxLength:"500" doc:"Lines separated by a line feed."`
	Country *string    `json:"country,omitempty" maxLength:"2" doc:"ISO 3166-1 alpha-2, or empty."`
	PayPal  *string    `json:"paypal,omitempty" maxLength:"254" doc:"Where payouts go; empty for nowhere."`
	Notify  *string    `json:"notify,omitempty" maxLength:"500" doc:"Address of theirs that is told of their sales; empty for none."`
	Payee   *PayeeWire `json:"payee,omitempty" doc:"Replaces all of it."`
}

func (b AffiliateFacts) put(call commerce.Call) commerce.PutAffiliate {
	return commerce.PutAffiliate{Call: call, Company: b.Company, Phone: b.Phone, Address: b.Address, Country: b.Country, PayPal: b.PayPal, Notify: b.Notify, Payee: (*affiliate.Payee)(b.Payee)}
}

// ReferralWire is a sale that an affiliate brought, on the wire.
type ReferralWire struct {
	ID           string       `json:"id"`
	Order        string       `json:"order"`
	Subscription *string      `json:"subscription"`
	Customer     string       `json:"customer"`
	Campaign     string       `json:"campaign"`
	Product      string       `json:"product"`
	Affiliate    string       `json:"affiliate"`
	Recruiter    *string      `json:"recruiter" doc:"Of the second tier."`
	TrackingID   string       `json:"tracking_id"`
	Evidence     string       `json:"evidence" enum:"manual,coupon,click,customer,email" doc:"Why the sale is theirs."`
	Denied       *string      `json:"denied" enum:"same_email,same_ip,by_person" doc:"Why it earns nothing; null when it does."`
	Promise      PromiseTerms `json:"promise" doc:"What its payments earn, as it was promised then."`
	CreatedAt    time.Time    `json:"created_at"`
}

// PromiseTerms is what the payments of a referral earn.
type PromiseTerms struct {
	First    RateWire `json:"first"`
	Rebill   RateWire `json:"rebill"`
	Cycles   *int     `json:"cycles" doc:"How many later payments earn; null: all."`
	Second   *string  `json:"second_percent"`
	HoldDays int      `json:"hold_days"`
	Shipping bool     `json:"shipping"`
}

func referralOf(r affiliate.Referral) ReferralWire {
	p := r.Promise
	promise := PromiseTerms{First: earnedRateOf(p.First), Rebill: earnedRateOf(p.Rebill), Cycles: countOf(p.Cycles, 0), HoldDays: p.Hold, Shipping: p.Shipping}
	if rate, err := money.ParseRate(p.Second); err == nil {
		promise.Second = textOf(rate.Percent())
	}
	return ReferralWire{r.ID.String(), r.Order.String(), textOf(r.Subscription.String()), r.Customer.String(), r.Campaign.String(), r.Product.String(), r.Affiliate.String(),
		textOf(r.Recruiter.String()), r.TrackingID, string(r.Evidence), textOf(r.Denied), promise, r.At}
}

func (a *API) referralRoutes() {
	type filter struct {
		Page
		Affiliate string `query:"affiliate" maxLength:"40" doc:"Only of that affiliate."`
	}
	read(a, operation{id: "list-referrals", path: "/v1/referrals", tag: "Affiliates", summary: "The sales that affiliates brought"},
		func(ctx context.Context, c caller, in *filter) (list[ReferralWire], error) {
			from, err := before[id.Referral](in.Page, "rfl")
			if err != nil {
				return list[ReferralWire]{}, err
			}
			who, err := parse[id.Affiliate]("query.affiliate", in.Affiliate)
			if err != nil {
				return list[ReferralWire]{}, err
			}
			rows, err := a.r.Referrals(ctx, c.account.ID, who, from, in.Limit+1)
			return paged(in.Page, "rfl", rows, func(r affiliate.Referral) int64 { return int64(r.ID) }, referralOf), refersTo(err, "query.affiliate")
		})
	read(a, operation{id: "get-referral", path: "/v1/referrals/{id}", tag: "Affiliates", summary: "One sale that an affiliate brought"},
		func(ctx context.Context, c caller, in *ByID) (ReferralWire, error) {
			v, err := id.Parse[id.Referral](in.ID)
			if err != nil {
				return ReferralWire{}, err
			}
			found, err := a.r.Referral(ctx, c.account.ID, v)
			return referralOf(found), err
		})
	type referralChange struct {
		ByID
		Body struct {
			Affiliate string `json:"affiliate,omitempty" maxLength:"40" doc:"Whose the sale is."`
			Denied    *bool  `json:"denied,omitempty" doc:"Whether it earns nothing."`
		}
	}
	write(a, operation{id: "update-referral", method: http.MethodPatch, path: "/v1/referrals/{id}", status: http.StatusOK, tag: "Affiliates", summary: "Give a sale to another affiliate, deny it or allow it",
		text: "For payments from now on. What was earned stays."},
		func(ctx context.Context, call commerce.Call, in *referralChange) (affiliate.Referral, error) {
			v, err := id.Parse[id.Referral](in.ID)
			if err != nil {
				return affiliate.Referral{}, err
			}
			who, err := parse[id.Affiliate]("affiliate", in.Body.Affiliate)
			if err != nil {
				return affiliate.Referral{}, err
			}
			return a.s.ChangeReferral(ctx, commerce.ChangeReferral{Call: call, Referral: v, Affiliate: who, Denied: in.Body.Denied})
		}, referralOf)
}

// CommissionWire is one row of what an affiliate earns, on the wire.
type CommissionWire struct {
	ID        string    `json:"id"`
	Affiliate string    `json:"affiliate"`
	Referral  *string   `json:"referral" doc:"Null for one by hand."`
	Invoice   *string   `json:"invoice"`
	Tier      int       `json:"tier" doc:"1: they brought the buyer; 2: they recruited who did."`
	Cause     string    `json:"cause" enum:"sale,rebill,refund,dispute,won,adjust"`
	Amount    Money     `json:"amount" doc:"Below zero for what was taken back."`
	Base      Money     `json:"base" doc:"What of the payment it was reckoned from."`
	State     string    `json:"state" enum:"held,due,in_payout" doc:"As of now."`
	DueAt     time.Time `json:"due_at" doc:"From when it may be paid out."`
	Payout    *string   `json:"payout"`
	Note      string    `json:"note"`
	At        time.Time `json:"at"`
}

func commissionOf(now time.Time) func(c affiliate.Commission) CommissionWire {
	return func(c affiliate.Commission) CommissionWire {
		return CommissionWire{c.ID.String(), c.Affiliate.String(), textOf(c.Referral.String()), textOf(c.Invoice.String()), int(c.Tier), string(c.Cause), moneyOf(c.Amount), moneyOf(c.Base),
			c.State(now), c.DueAt, textOf(c.Payout.String()), c.Note, c.At}
	}
}

// BalanceWire is what an affiliate earned in one currency, in minor units.
type BalanceWire struct {
	Currency string `json:"currency"`
	Earned   int64  `json:"earned" doc:"The sum of all commissions."`
	Held     int64  `json:"held" doc:"Of it not due yet."`
	Due      int64  `json:"due" doc:"Of it due, and in no payout."`
	InPayout int64  `json:"in_payout" doc:"Of it paid, or about to be."`
	Sales    int64  `json:"sales" doc:"First payments that earned."`
	Payments int64  `json:"payments" doc:"All payments that earned."`
	Refunds  int64  `json:"refunds"`
}

func balanceOf(b affiliate.Balance) BalanceWire {
	return BalanceWire{string(b.Currency), b.Earned, b.Held, b.Due, b.PaidOut, b.Sales, b.Payments, b.Refunds}
}

func (a *API) commissionRoutes() {
	type filter struct {
		Page
		Affiliate string `query:"affiliate" maxLength:"40" doc:"Only of that affiliate: their statement."`
	}
	read(a, operation{id: "list-commissions", path: "/v1/commissions", tag: "Affiliates", summary: "What affiliates earned, and what was taken back", text: "A row is never changed; corrections are rows."},
		func(ctx context.Context, c caller, in *filter) (list[CommissionWire], error) {
			from, err := before[id.Commission](in.Page, "com")
			if err != nil {
				return list[CommissionWire]{}, err
			}
			who, err := parse[id.Affiliate]("query.affiliate", in.Affiliate)
			if err != nil {
				return list[CommissionWire]{}, err
			}
			rows, err := a.r.Commissions(ctx, c.account.ID, who, from, in.Limit+1)
			return paged(in.Page, "com", rows, func(r affiliate.Commission) int64 { return int64(r.ID) }, commissionOf(c.account.Now(a.o.Clock.Now()))), refersTo(err, "query.affiliate")
		})
	read(a, operation{id: "list-affiliate-balances", path: "/v1/affiliates/{id}/balances", tag: "Affiliates", summary: "What an affiliate earned, in each currency"},
		func(ctx context.Context, c caller, in *ByID) (list[BalanceWire], error) {
			v, err := id.Parse[id.Affiliate](in.ID)
			if err != nil {
				return list[BalanceWire]{}, err
			}
			rows, err := a.r.AffiliateBalances(ctx, c.account.ID, v)
			return paged(Page{Limit: len(rows)}, "bal", rows, nil, balanceOf), err
		})
	type commissionAdjustment struct {
		ByID
		Body struct {
			Amount   int64  `json:"amount" minimum:"-10000000000000" maximum:"10000000000000" doc:"Minor units; below zero takes away."`
			Currency string `json:"currency" minLength:"3" maxLength:"3"`
			Note     string `json:"note" minLength:"1" maxLength:"500" doc:"Why."`
		}
	}
	type adjustedCommission struct {
		ID        string    `json:"id"`
		Affiliate string    `json:"affiliate"`
		Amount    Money     `json:"amount"`
		Note      string    `json:"note"`
		At        time.Time `json:"at"`
	}
	write(a, operation{id: "adjust-commission", path: "/v1/affiliates/{id}/commissions", tag: "Affiliates", summary: "Add to what an affiliate is owed, or take from it"},
		func(ctx context.Context, call commerce.Call, in *commissionAdjustment) (affiliate.Commission, error) {
			v, err := id.Parse[id.Affiliate](in.ID)
			if err != nil {
				return affiliate.Commission{}, err
			}
			currency, err := money.ParseCurrency(in.Body.Currency)
			if err != nil {
				return affiliate.Commission{}, fault.BadField("currency", "%s", fault.As(err).Message)
			}
			return a.s.AdjustCommission(ctx, commerce.AdjustCommission{Call: call, Affiliate: v, Amount: money.Amount{Minor: in.Body.Amount, Currency: currency}, Note: in.Body.Note})
		}, func(c affiliate.Commission) adjustedCommission {
			return adjustedCommission{c.ID.String(), c.Affiliate.String(), moneyOf(c.Amount), c.Note, c.At}
		})
}
