package report

import (
	"context"

	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/tax"
)

// TaxProfiles are the account's tax profiles older than before, newest first, without
// their rules.
func (r *Reader) TaxProfiles(ctx context.Context, acc id.Account, before id.TaxProfile, limit int) ([]tax.Profile, error) {
	return view(ctx, r, func(tx *db.Tx) ([]tax.Profile, error) { return tax.List(tx, acc, before, limit) })
}

// TaxProfile is one tax profile and its rules, in the order in which they were made, at
// most tax.MaxRules.
func (r *Reader) TaxProfile(ctx context.Context, acc id.Account, profile id.TaxProfile) (tax.Profile, []tax.Rule, error) {
	var p tax.Profile
	rules, err := view(ctx, r, func(tx *db.Tx) ([]tax.Rule, error) {
		var err error
		if p, err = tax.Load(tx, acc, profile); err != nil {
			return nil, err
		}
		found, err := tax.RulesOf(tx, acc, []int64{int64(profile)})
		return found[profile], err
	})
	return p, rules, err
}

// ShippingRules are the account's shipping rules older than before, active and archived,
// newest first.
func (r *Reader) ShippingRules(ctx context.Context, acc id.Account, before id.ShippingRule, limit int) ([]tax.ShippingRule, error) {
	return view(ctx, r, func(tx *db.Tx) ([]tax.ShippingRule, error) { return tax.ListShipping(tx, acc, before, limit) })
}

// ShippingRule is one shipping rule.
func (r *Reader) ShippingRule(ctx context.Context, acc id.Account, rule id.ShippingRule) (tax.ShippingRule, error) {
	return view(ctx, r, func(tx *db.Tx) (tax.ShippingRule, error) { return tax.LoadShipping(tx, acc, rule) })
}
