package promote

import (
	"net/http"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/web"
)

// How many rows an affiliate's own page shows.
const (
	shownCommissions = 100
	shownPayouts     = 24
)

// own is an affiliate's own page.
type own struct {
	Account     account.Account
	Affiliate   affiliate.Affiliate
	Members     []report.Member
	Balances    []affiliate.Balance
	Commissions []affiliate.Commission
	Payouts     []affiliate.Payout
	Materials   []affiliate.Material
	Base        string // of addresses on this server
}

func (h *pages) own(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Robots-Tag", "noindex, nofollow")
	acc, bad := id.Parse[id.Account](r.PathValue("account"))
	who, unknown := id.Parse[id.Affiliate](r.PathValue("who"))
	if bad != nil || unknown != nil {
		h.missing(w, r)
		return
	}
	o, err := h.loadOwn(r, acc, who)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	p := web.PublicPage{Title: "What you promote", Brand: o.Account.Name, Test: o.Account.Mode == account.Sandbox, Preferences: web.PreferencesOf(r)}
	p.Lead = o.Affiliate.Name + ", this page is yours alone: do not hand its address on."
	web.Render(w, r, http.StatusOK, ownPage(p, o))
}

func (h *pages) loadOwn(r *http.Request, acc id.Account, who id.Affiliate) (own, error) {
	ctx := r.Context()
	o := own{Base: "http://" + r.Host}
	if h.o.Secure || r.TLS != nil {
		o.Base = "https://" + r.Host
	}
	var err error
	if o.Affiliate, err = h.commerce.OpenAffiliatePage(ctx, acc, who, r.PathValue("secret")); err != nil {
		return o, err
	}
	if o.Account, _, err = h.report.Account(ctx, acc); err != nil {
		return o, err
	}
	if o.Members, err = h.report.MembershipsOf(ctx, acc, who); err != nil {
		return o, err
	}
	if o.Balances, err = h.report.AffiliateBalances(ctx, acc, who); err != nil {
		return o, err
	}
	if o.Commissions, err = h.report.Commissions(ctx, acc, who, 0, shownCommissions); err != nil {
		return o, err
	}
	if o.Payouts, err = h.report.Payouts(ctx, acc, who, 0, shownPayouts); err != nil {
		return o, err
	}
	for _, m := range o.Members {
		if m.Membership.Standing != affiliate.Approved {
			continue
		}
		list, err := h.report.Materials(ctx, acc, m.Membership.Campaign)
		if err != nil {
			return o, err
		}
		o.Materials = append(o.Materials, list...)
	}
	return o, nil
}

func sum(minor int64, c money.Currency) string {
	return web.MoneyText(money.Amount{Minor: minor, Currency: c}, english)
}

func balanceFacts(b affiliate.Balance) []web.Fact {
	return []web.Fact{{Term: "Earned", Text: sum(b.Earned, b.Currency)}, {Term: "Not due yet", Text: sum(b.Held, b.Currency)}, {Term: "Due", Text: sum(b.Due, b.Currency)},
		{Term: "In payouts", Text: sum(b.PaidOut, b.Currency)}, {Term: "Sales", Text: web.CountText(b.Sales)}, {Term: "Refunds", Text: web.CountText(b.Refunds)}}
}

var causes = map[affiliate.Cause]string{affiliate.Sale: "a sale", affiliate.Rebill: "a later payment", affiliate.Refund: "a refund", affiliate.Dispute: "a dispute", affiliate.Won: "a dispute that was won", affiliate.Adjust: "by hand"}

// statement lists what was earned and taken back. It tells nothing of who bought.
func (o own) statement() []web.Fact {
	list := make([]web.Fact, len(o.Commissions))
	for i, c := range o.Commissions {
		what := causes[c.Cause]
		if c.Tier == affiliate.SecondTier {
			what += " of whom you recruited"
		}
		list[i] = web.Fact{Term: c.At.In(o.Account.Location()).Format("2 Jan 2006"), Text: sum(c.Amount.Minor, c.Amount.Currency), Note: what}
	}
	return list
}

var payoutStates = map[affiliate.PayoutState]string{affiliate.Ready: "on its way", affiliate.PaidOut: "paid", affiliate.Undone: "undone"}

func (o own) payouts() []web.Fact {
	list := make([]web.Fact, len(o.Payouts))
	for i, p := range o.Payouts {
		list[i] = web.Fact{Term: p.CreatedAt.In(o.Account.Location()).Format("2 Jan 2006"), Text: sum(p.Amount.Minor, p.Amount.Currency), Note: payoutStates[p.State]}
	}
	return list
}
