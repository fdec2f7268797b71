package report

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// recurring is what running subscriptions bring a month, by currency: what those of one
// interval cost is brought to a month exactly and rounded once. Those that are billed on
// dates bring nothing by the month.
func recurring(tx *db.Tx, acc id.Account) ([]money.Amount, error) {
	counts, err := subscription.CountRunning(tx, acc)
	if err != nil {
		return nil, err
	}
	var ids []int64
	for t := range counts {
		ids = append(ids, int64(t.Price))
	}
	slices.Sort(ids)
	prices, err := catalog.PricesByID(tx, acc, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	type group struct {
		every period.Interval
		in    money.Currency
	}
	groups := map[group]money.Amount{}
	for t, n := range counts {
		if t.Interval.IsZero() {
			continue
		}
		each, err := costs(t, prices[t.Price])
		if err == nil {
			each, err = each.Times(n)
		}
		g := group{t.Interval, t.UnitAmount.Currency}
		if err == nil {
			groups[g], err = money.Amount{Minor: groups[g].Minor, Currency: g.in}.Add(each)
		}
		if err != nil {
			return nil, err
		}
	}
	sums := map[money.Currency]money.Amount{}
	for g, sum := range groups {
		months, of := g.every.Months()
		monthly, err := sum.MulRatio(of, months, money.HalfUp)
		if err == nil {
			sums[g.in], err = money.Amount{Minor: sums[g.in].Minor, Currency: g.in}.Add(monthly)
		}
		if err != nil {
			return nil, err
		}
	}
	list := slices.Collect(maps.Values(sums))
	slices.SortFunc(list, func(a, b money.Amount) int { return cmp.Compare(a.Currency, b.Currency) })
	return list, nil
}

// costs is what a whole period of terms costs, without discounts and tax.
func costs(t subscription.Running, p catalog.Price) (money.Amount, error) {
	if t.Whole > 0 {
		return subscription.Part(money.Amount{Minor: t.Whole, Currency: t.UnitAmount.Currency}, t.Parts, 0)
	}
	charge, in := p.ChargeIn(t.UnitAmount.Currency)
	if t.Charge != "" {
		charge = &catalog.Charge{}
		if err := json.Unmarshal([]byte(t.Charge), charge); err != nil {
			return money.Amount{}, err
		}
	}
	if charge == nil {
		return t.UnitAmount.Times(t.Quantity)
	}
	pieces, err := money.NewDecimal(t.Quantity)
	if err != nil {
		return money.Amount{}, err
	}
	cost, _, err := charge.Amount(pieces, in)
	if err != nil {
		return cost, err
	}
	return catalog.Convert(cost, t.UnitAmount.Currency, t.Rate)
}
