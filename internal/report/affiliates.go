package report

import (
	"context"
	"slices"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/lead"
	"perennial/internal/license"
)

// Programs are the account's affiliate programmes.
func (r *Reader) Programs(ctx context.Context, acc id.Account) ([]affiliate.Program, error) {
	return view(ctx, r, func(tx *db.Tx) ([]affiliate.Program, error) { return affiliate.Programs(tx, acc) })
}

// Program is a campaign's affiliate programme, or NotFound.
func (r *Reader) Program(ctx context.Context, acc id.Account, campaign id.Campaign) (affiliate.Program, error) {
	return view(ctx, r, func(tx *db.Tx) (affiliate.Program, error) { return affiliate.LoadProgram(tx, acc, campaign) })
}

// ProgramBySlug is whose programme has a slug in its links, or NotFound.
func (r *Reader) ProgramBySlug(ctx context.Context, slug string) (affiliate.Program, error) {
	return view(ctx, r, func(tx *db.Tx) (affiliate.Program, error) { return affiliate.ProgramBySlug(tx, slug) })
}

// Affiliates are the account's affiliates older than before, newest first.
func (r *Reader) Affiliates(ctx context.Context, acc id.Account, before id.Affiliate, limit int) ([]affiliate.Affiliate, error) {
	return view(ctx, r, func(tx *db.Tx) ([]affiliate.Affiliate, error) { return affiliate.List(tx, acc, before, limit) })
}

// Affiliate is one affiliate, or NotFound.
func (r *Reader) Affiliate(ctx context.Context, acc id.Account, who id.Affiliate) (affiliate.Affiliate, error) {
	return view(ctx, r, func(tx *db.Tx) (affiliate.Affiliate, error) { return affiliate.Load(tx, acc, who) })
}

// AffiliateByEmail is the affiliate with an address, or NotFound.
func (r *Reader) AffiliateByEmail(ctx context.Context, acc id.Account, email string) (affiliate.Affiliate, error) {
	return view(ctx, r, func(tx *db.Tx) (affiliate.Affiliate, error) { return affiliate.ByEmail(tx, acc, email) })
}

// AffiliatesByID are those of the affiliates that the account has.
func (r *Reader) AffiliatesByID(ctx context.Context, acc id.Account, ids []id.Affiliate) (map[id.Affiliate]affiliate.Affiliate, error) {
	return view(ctx, r, func(tx *db.Tx) (map[id.Affiliate]affiliate.Affiliate, error) {
		return affiliate.ByID(tx, acc, whole(ids))
	})
}

// whole are ids as numbers, each once.
func whole[I id.Identifier](ids []I) []int64 {
	out := make([]int64, 0, len(ids))
	for _, v := range ids {
		out = append(out, int64(v))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Member is an affiliate's place in a programme, and who they are.
type Member struct {
	Membership affiliate.Membership
	Affiliate  affiliate.Affiliate
	Program    affiliate.Program
}

// Members are those who promote a campaign or asked to, newest first; standing "" is all.
func (r *Reader) Members(ctx context.Context, acc id.Account, campaign id.Campaign, standing affiliate.Standing, before id.Affiliate, limit int) ([]Member, error) {
	return view(ctx, r, func(tx *db.Tx) ([]Member, error) {
		if _, err := catalog.LoadCampaign(tx, acc, campaign); err != nil {
			return nil, err
		}
		list, err := affiliate.Members(tx, acc, campaign, standing, before, limit)
		if err != nil {
			return nil, err
		}
		return members(tx, acc, list)
	})
}

// Member is one affiliate's place in a programme, or NotFound.
func (r *Reader) Member(ctx context.Context, acc id.Account, campaign id.Campaign, who id.Affiliate) (Member, error) {
	return view(ctx, r, func(tx *db.Tx) (Member, error) {
		m, err := affiliate.LoadMembership(tx, acc, campaign, who)
		if err != nil {
			return Member{}, err
		}
		list, err := members(tx, acc, []affiliate.Membership{m})
		if err != nil {
			return Member{}, err
		}
		return list[0], nil
	})
}

// MembershipsOf are the places of an affiliate in programmes.
func (r *Reader) MembershipsOf(ctx context.Context, acc id.Account, who id.Affiliate) ([]Member, error) {
	return view(ctx, r, func(tx *db.Tx) ([]Member, error) {
		if _, err := affiliate.Load(tx, acc, who); err != nil {
			return nil, err
		}
		list, err := affiliate.MembershipsOf(tx, acc, who)
		if err != nil {
			return nil, err
		}
		return members(tx, acc, list)
	})
}

func members(tx *db.Tx, acc id.Account, list []affiliate.Membership) ([]Member, error) {
	ids := make([]id.Affiliate, len(list))
	for i, m := range list {
		ids[i] = m.Affiliate
	}
	people, err := affiliate.ByID(tx, acc, whole(ids))
	if err != nil {
		return nil, err
	}
	programs, err := affiliate.Programs(tx, acc)
	if err != nil {
		return nil, err
	}
	of := map[id.Campaign]affiliate.Program{}
	for _, p := range programs {
		of[p.Campaign] = p
	}
	out := make([]Member, len(list))
	for i, m := range list {
		out[i] = Member{m, people[m.Affiliate], of[m.Campaign]}
	}
	return out, nil
}

// AffiliateBalances are what affiliates earned, by affiliate and currency: of one, or of all
// for 0.
func (r *Reader) AffiliateBalances(ctx context.Context, acc id.Account, who id.Affiliate) ([]affiliate.Balance, error) {
	return view(ctx, r, func(tx *db.Tx) ([]affiliate.Balance, error) {
		a, err := account.Load(tx, acc)
		if err != nil {
			return nil, err
		}
		if who != 0 {
			if _, err := affiliate.Load(tx, acc, who); err != nil {
				return nil, err
			}
		}
		return affiliate.Balances(tx, acc, who, a.Now(r.clock.Now()))
	})
}

// Referrals are the sales that affiliates brought, newest first: of one affiliate, or of all
// for 0.
func (r *Reader) Referrals(ctx context.Context, acc id.Account, who id.Affiliate, before id.Referral, limit int) ([]affiliate.Referral, error) {
	return view(ctx, r, func(tx *db.Tx) ([]affiliate.Referral, error) {
		if who == 0 {
			return affiliate.Referrals(tx, acc, before, limit)
		}
		if _, err := affiliate.Load(tx, acc, who); err != nil {
			return nil, err
		}
		return affiliate.ReferralsOf(tx, acc, who, before, limit)
	})
}

// Referral is one sale that an affiliate brought, or NotFound.
func (r *Reader) Referral(ctx context.Context, acc id.Account, v id.Referral) (affiliate.Referral, error) {
	return view(ctx, r, func(tx *db.Tx) (affiliate.Referral, error) { return affiliate.LoadReferral(tx, acc, v) })
}

// ReferralOfOrder is the referral of an order; NotFound when nobody brought it.
func (r *Reader) ReferralOfOrder(ctx context.Context, acc id.Account, o id.Order) (affiliate.Referral, error) {
	return view(ctx, r, func(tx *db.Tx) (affiliate.Referral, error) { return affiliate.ReferralOfOrder(tx, acc, o) })
}

// Commissions are what affiliates earned and what was taken back, newest first: of one
// affiliate, or of all for 0.
func (r *Reader) Commissions(ctx context.Context, acc id.Account, who id.Affiliate, before id.Commission, limit int) ([]affiliate.Commission, error) {
	return view(ctx, r, func(tx *db.Tx) ([]affiliate.Commission, error) {
		if who == 0 {
			return affiliate.Commissions(tx, acc, before, limit)
		}
		if _, err := affiliate.Load(tx, acc, who); err != nil {
			return nil, err
		}
		return affiliate.OfAffiliate(tx, acc, who, before, limit)
	})
}

// CommissionsOfInvoice are what an invoice's payments earned, oldest first.
func (r *Reader) CommissionsOfInvoice(ctx context.Context, acc id.Account, v id.Invoice) ([]affiliate.Commission, error) {
	return view(ctx, r, func(tx *db.Tx) ([]affiliate.Commission, error) {
		list, err := affiliate.OfInvoices(tx, acc, []int64{int64(v)})
		return list[v], err
	})
}

// PayoutView is a payout, to whom it goes and what it pays.
type PayoutView struct {
	Payout    affiliate.Payout
	Affiliate affiliate.Affiliate
	Parts     []affiliate.Commission
}

// Payouts are the account's payouts, newest first: of one affiliate, or of all for 0.
func (r *Reader) Payouts(ctx context.Context, acc id.Account, who id.Affiliate, before id.Payout, limit int) ([]affiliate.Payout, error) {
	return view(ctx, r, func(tx *db.Tx) ([]affiliate.Payout, error) { return affiliate.Payouts(tx, acc, who, before, limit) })
}

// Payout is one payout with what it pays, or NotFound.
func (r *Reader) Payout(ctx context.Context, acc id.Account, p id.Payout) (PayoutView, error) {
	return view(ctx, r, func(tx *db.Tx) (v PayoutView, err error) {
		if v.Payout, err = affiliate.LoadPayout(tx, acc, p); err != nil {
			return v, err
		}
		if v.Affiliate, err = affiliate.Load(tx, acc, v.Payout.Affiliate); err != nil {
			return v, err
		}
		v.Parts, err = affiliate.OfPayout(tx, acc, p)
		return v, err
	})
}

// PayoutRun are the payouts of the run that a payout was made in, in their order.
func (r *Reader) PayoutRun(ctx context.Context, acc id.Account, p id.Payout) ([]affiliate.Payout, error) {
	return view(ctx, r, func(tx *db.Tx) ([]affiliate.Payout, error) {
		one, err := affiliate.LoadPayout(tx, acc, p)
		if err != nil {
			return nil, err
		}
		return affiliate.OfRun(tx, acc, one.Run)
	})
}

// Materials are a campaign's promo material, newest first, at most 500.
func (r *Reader) Materials(ctx context.Context, acc id.Account, campaign id.Campaign) ([]affiliate.Material, error) {
	return view(ctx, r, func(tx *db.Tx) ([]affiliate.Material, error) {
		if _, err := catalog.LoadCampaign(tx, acc, campaign); err != nil {
			return nil, err
		}
		return affiliate.Materials(tx, acc, campaign)
	})
}

// LicensesOfOrder are the licences that an order brought, oldest first.
func (r *Reader) LicensesOfOrder(ctx context.Context, acc id.Account, o id.Order) ([]license.License, error) {
	return view(ctx, r, func(tx *db.Tx) ([]license.License, error) { return license.OfOrder(tx, acc, o) })
}

// LicenseKeysLeft is how many uploaded keys of a product were not issued yet.
func (r *Reader) LicenseKeysLeft(ctx context.Context, acc id.Account, p id.Product) (int64, error) {
	return view(ctx, r, func(tx *db.Tx) (int64, error) {
		if _, err := catalog.LoadProduct(tx, acc, p); err != nil {
			return 0, err
		}
		return license.Left(tx, acc, p)
	})
}

// Leads are those who began to buy, newest first.
func (r *Reader) Leads(ctx context.Context, acc id.Account, before id.Lead, limit int) ([]lead.Lead, error) {
	return view(ctx, r, func(tx *db.Tx) ([]lead.Lead, error) { return lead.Page(tx, acc, before, limit) })
}

// Lead is one of them, or NotFound.
func (r *Reader) Lead(ctx context.Context, acc id.Account, l id.Lead) (lead.Lead, error) {
	return view(ctx, r, func(tx *db.Tx) (lead.Lead, error) { return lead.Load(tx, acc, l) })
}
