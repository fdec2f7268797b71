package paywhirl

import (
	"context"
	"encoding/json"
	"net/http"

	"perennial/internal/id"
	"perennial/internal/params"
	"perennial/internal/tax"
)

func (d *Door) ruleRoutes() []route {
	return []route{
		{http.MethodGet, "/shipping", d.shippingRules},
		{http.MethodGet, "/shipping/{id}", d.shippingRule},
		{http.MethodGet, "/tax", d.taxRules},
		{http.MethodGet, "/tax/{id}", d.taxRule},
	}
}

// shippingWire is what sending an order costs under a condition.
type shippingWire struct {
	ID        int64        `json:"id"`
	UserID    int64        `json:"user_id"`
	Name      string       `json:"name"`
	Price     json.Number  `json:"price"`
	Currency  string       `json:"currency"`
	Type      string       `json:"type"`
	Country   *string      `json:"country"`
	State     *string      `json:"state"`
	Zip       *string      `json:"zip"`
	MinTotal  *json.Number `json:"min_total"`
	MaxTotal  *json.Number `json:"max_total"`
	Enabled   int          `json:"enabled"`
	CreatedAt *string      `json:"created_at"`
}

// taxWire is a rate in a place.
type taxWire struct {
	ID        int64       `json:"id"`
	UserID    int64       `json:"user_id"`
	Name      string      `json:"name"`
	Percent   json.Number `json:"percent"`
	Country   *string     `json:"country"`
	State     *string     `json:"state"`
	Zip       *string     `json:"zip"`
	CreatedAt *string     `json:"created_at"`
}

func (d *Door) shippingRules(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	var list []tax.ShippingRule
	for before := id.ShippingRule(0); ; {
		more, err := d.r.ShippingRules(ctx, c.account.ID, before, scanned)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
		if len(more) < scanned || len(list) >= maxUnpaged {
			break
		}
		before = more[len(more)-1].ID
	}
	return d.shippingWires(ctx, c, list)
}

func (d *Door) shippingWires(ctx context.Context, c *caller, list []tax.ShippingRule) ([]shippingWire, error) {
	names := make([]string, len(list))
	for i, r := range list {
		names[len(list)-1-i] = r.ID.String() // the oldest gets the lowest number
	}
	numbers, err := d.numbers(ctx, c, numberShipping, names...)
	if err != nil {
		return nil, err
	}
	user, err := d.user(ctx, c)
	out := make([]shippingWire, len(list))
	for i, r := range list {
		w := shippingWire{ID: numbers[r.ID.String()], UserID: user, Name: r.Name, Price: major(r.Amount), Currency: string(r.Amount.Currency), Type: string(r.Kind),
			Country: text(r.Place.Country), State: text(r.Place.Region), Zip: text(r.Place.PostalCode), Enabled: flag(r.State == tax.Active), CreatedAt: stamp(r.CreatedAt)}
		if r.Kind == tax.OrderTotal {
			least := r.Least
			least.Currency = r.Amount.Currency
			n := major(least)
			w.MinTotal = &n
			if !r.Most.IsZero() {
				m := major(r.Most)
				w.MaxTotal = &m
			}
		}
		out[i] = w
	}
	return out, err
}

func (d *Door) shippingRule(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of, err := thing[id.ShippingRule](ctx, d, c, numberShipping, parseNumber(c.path["id"]))
	if err != nil {
		return nil, err
	}
	r, err := d.r.ShippingRule(ctx, c.account.ID, of)
	if err != nil {
		return nil, err
	}
	list, err := d.shippingWires(ctx, c, []tax.ShippingRule{r})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// taxRulesOf are the rules that the account's sales are taxed by now, in their order.
func (d *Door) taxRulesOf(ctx context.Context, c *caller) ([]taxWire, error) {
	out := []taxWire{}
	user, err := d.user(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.account.Settings.TaxProfile == 0 {
		return d.ownTax(ctx, c, user)
	}
	_, rules, err := d.r.TaxProfile(ctx, c.account.ID, c.account.Settings.TaxProfile)
	if err != nil {
		return nil, err
	}
	var list []tax.Rule
	var names []string
	for _, r := range rules {
		if (r.From.IsZero() || !c.now.Before(r.From)) && (r.To.IsZero() || c.now.Before(r.To)) {
			list, names = append(list, r), append(names, r.ID.String())
		}
	}
	numbers, err := d.numbers(ctx, c, numberTaxes, names...)
	for _, r := range list {
		out = append(out, taxWire{ID: numbers[r.ID.String()], UserID: user, Name: r.Name, Percent: json.Number(r.Rate.Percent()), Country: text(r.Country), State: text(r.Region),
			Zip: text(r.PostalCode), CreatedAt: stamp(r.CreatedAt)})
	}
	return out, err
}

// ownTax is the one rate of an account that taxes everything alike, if it has one.
func (d *Door) ownTax(ctx context.Context, c *caller, user int64) ([]taxWire, error) {
	t := c.account.Tax
	if t.Rate.IsZero() {
		return []taxWire{}, nil
	}
	number, err := d.number(ctx, c, numberTaxes, "account")
	return []taxWire{{ID: number, UserID: user, Name: t.Name, Percent: json.Number(t.Rate.Percent()), CreatedAt: stamp(c.account.CreatedAt)}}, err
}

func (d *Door) taxRules(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	return d.taxRulesOf(ctx, c)
}

func (d *Door) taxRule(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	list, err := d.taxRulesOf(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, w := range list {
		if w.ID == parseNumber(c.path["id"]) {
			return w, nil
		}
	}
	return nil, unknown(numberTaxes)
}
