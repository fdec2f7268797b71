package commerce

import (
	"time"

	"perennial/internal/db"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// unusedOf is what is unused of one paid invoice.
type unusedOf struct {
	invoice  invoice.Invoice
	lines    []invoice.Line
	taken    invoice.Taken
	portions []invoice.Portion
	rest     []int64 // minor units without tax that could be taken at most
	steps    []string
}

// unused finds the lines of paid invoices that cover an instant of the present period of
// a subscription, and how much of each is left.
func unused(tx *db.Tx, sub *subscription.Subscription, policy subscription.Proration, at time.Time) ([]unusedOf, error) {
	all, err := invoice.List(tx, sub.Account, invoice.Filter{Subscription: sub.ID, Limit: 100})
	if err != nil {
		return nil, err
	}
	var paid []invoice.Invoice
	var ids []int64
	for _, v := range all {
		if v.State == invoice.Paid && v.Period == sub.Period {
			paid, ids = append(paid, v), append(ids, int64(v.ID))
		}
	}
	if len(paid) == 0 {
		return nil, nil
	}
	lines, err := invoice.LinesOf(tx, sub.Account, paid)
	if err != nil {
		return nil, err
	}
	taken, err := invoice.TakenOf(tx, sub.Account, ids)
	if err != nil {
		return nil, err
	}
	whole, _ := sub.Whole()
	if sub.InTrial() {
		whole = sub.Span
	}
	left := policy.Left(whole, sub.Interval, at, zoneOf(sub))
	var list []unusedOf
	for _, v := range paid {
		u := unusedOf{invoice: v, lines: lines[v.ID], taken: taken[v.ID]}
		for _, l := range u.lines {
			if l.Kind != invoice.ForPeriod && l.Kind != invoice.ForChange && l.Kind != invoice.ForTrial || !l.Span.To.After(sub.Span.From) {
				continue
			}
			if u.taken[l.Position].Unused { // an earlier change credited its rest
				continue
			}
			first := subscription.Share{Left: left.Whole, Whole: left.Whole, Unit: left.Unit} // also where the first day is the old terms': there were none
			// a pause since the line was charged moved its beginning with its end
			if from := l.Span.From.Add(min(sub.HeldFor(), max(0, sub.Span.To.Sub(l.Span.To)))); from.After(whole.From) {
				first = policy.Left(whole, sub.Interval, from, zoneOf(sub))
			}
			if err := u.add(l, policy, left, first); err != nil {
				return nil, err
			}
		}
		if len(u.portions) == 0 {
			continue
		}
		if err := notRefunding(tx, v); err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, nil
}

// add computes what is left of one line.
func (u *unusedOf) add(l invoice.Line, policy subscription.Proration, left, first subscription.Share) error {
	given := u.taken[l.Position].Net
	line := subscription.Line{Price: l.Amount, Share: subscription.Share{Left: first.Whole, Whole: first.Whole, Unit: first.Unit}, Paid: l.Amount, Credited: money.Amount{Minor: given, Currency: l.Amount.Currency}}
	shareLeft := left.Within(first)
	shareLeft = subscription.Share{Left: shareLeft.Left, Whole: shareLeft.Whole, Unit: shareLeft.Unit}
	line.Share = subscription.Share{Left: shareLeft.Whole, Whole: shareLeft.Whole, Unit: shareLeft.Unit}
	if s := l.Details.Share; s != nil && !l.Details.Inclusive && l.Discount.IsZero() && s.Whole == left.Whole && s.Unit == left.Unit {
		// by the price of the whole period, so that the credit mirrors the charge
		line.Price, line.Share = money.Amount{Minor: s.Of, Currency: l.Amount.Currency}, subscription.Share{Left: s.Left, Whole: s.Whole, Unit: s.Unit}
		shareLeft = left
	}
	if policy.CreditFrom == subscription.FromPrice && !l.Details.Inclusive && !l.Discount.IsZero() {
		gross, err := l.Amount.Add(l.Discount)
		if err != nil {
			return err
		}
		line.Price = gross
	}
	portion, err := policy.Credit(line, shareLeft)
	if err != nil {
		return err
	}
	rest := l.Amount.Minor - given
	net := min(portion.Amount.Minor, rest)
	u.portions = append(u.portions, invoice.Portion{Line: l.Position, Net: net, Details: invoice.Details{Share: sharedOf(portion.Share, portion.Of)}})
	u.rest = append(u.rest, rest)
	u.steps = append(u.steps, portion.String())
	return nil
}
