package admin

import (
	"fmt"

	"perennial/internal/account"
	"perennial/internal/commerce"
)

// reconcile compares the gateways' own books with those of one account, or of all.
func (d *door) reconcile(a asked, in ReconcileOf) ([]Reconciled, error) {
	var accounts []account.Account
	if in.Account != 0 {
		one, _, err := d.r.Account(a.ctx, in.Account)
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, one)
	} else {
		all, err := d.r.Accounts(a.ctx)
		if err != nil {
			return nil, err
		}
		accounts = all
	}
	list := make([]Reconciled, 0, len(accounts))
	for _, one := range accounts {
		found, err := d.s.Reconcile(a.ctx, commerce.Reconcile{Call: commerce.Call{Account: one.ID, Actor: operator}, Since: in.Since})
		if err != nil {
			return list, err
		}
		r := Reconciled{Account: one.ID, Name: one.Name, Records: found.Records, Foreign: found.Foreign, Differences: []string{}, More: found.More}
		for _, x := range found.Differences {
			r.Differences = append(r.Differences, fmt.Sprintf("%s at %s: %s, there %s, here %d, there %d %s", x.Kind, x.Gateway, x.Key, x.Reference, x.Here, x.There, x.Currency))
		}
		list = append(list, r)
	}
	return list, nil
}
