package admin

import "perennial/internal/commerce"

// reseal seals the secrets of every account under the key that seals now.
func (d *door) reseal(a asked, _ Empty) (Resealed, error) {
	accounts, err := d.r.Accounts(a.ctx)
	if err != nil {
		return Resealed{}, err
	}
	out := Resealed{Accounts: len(accounts)}
	for i, one := range accounts {
		var done commerce.Resealed
		if done, err = d.s.Reseal(a.ctx, one.ID, d.o.Reseal); err != nil {
			return out, err
		}
		out.Endpoints += done.Endpoints
		out.Gateways += done.Gateways
		a.tell(Progress{Done: float64(i+1) / float64(len(accounts)), Text: one.Name})
	}
	return out, nil
}
