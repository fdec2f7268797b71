package paywhirl

import (
	"context"
	"net/http"
	"slices"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/params"
	"perennial/internal/payment"
)

func (d *Door) gatewayRoutes() []route {
	return []route{
		{http.MethodGet, "/gateways", d.gateways},
		{http.MethodGet, "/gateway/{id}", d.gateway},
	}
}

// gatewayWire is where the account takes money.
type gatewayWire struct {
	ID        int64   `json:"id"`
	UserID    int64   `json:"user_id"`
	Name      string  `json:"name"`
	Type      string  `json:"type"`
	Currency  string  `json:"currency"`
	Enabled   int     `json:"enabled"`
	Default   int     `json:"default"`
	CreatedAt *string `json:"created_at"`

	account id.GatewayAccount // 0 for the sandbox's own
	name    string            // by which payments know it
}

// gatewaysOf are the gateways of the account, the default one first: a customer without a
// choice is charged there.
func (d *Door) gatewaysOf(ctx context.Context, c *caller) ([]gatewayWire, error) {
	list, err := d.r.Gateways(ctx, c.account.ID)
	if err != nil {
		return nil, err
	}
	slices.Reverse(list) // oldest first, so that numbers ascend
	var out []gatewayWire
	if c.account.Mode == account.Sandbox {
		out = append(out, gatewayWire{Name: "Test Gateway", Type: commerce.SandboxGateway, Enabled: 1, CreatedAt: stamp(c.account.CreatedAt), name: commerce.SandboxGateway})
	}
	chosen := false
	for _, g := range list {
		out = append(out, gatewayWire{Name: g.Name, Type: g.Kind, Enabled: flag(g.State == payment.GatewayActive), Default: flag(g.Default),
			CreatedAt: stamp(g.CreatedAt), account: g.ID, name: g.GatewayName()})
		chosen = chosen || g.Default
	}
	if !chosen && len(out) > 0 {
		out[0].Default = 1
	}
	names := make([]string, len(out))
	for i := range out {
		names[i] = out[i].name
	}
	numbers, err := d.numbers(ctx, c, numberGateways, names...)
	if err != nil {
		return nil, err
	}
	user, err := d.user(ctx, c)
	for i := range out {
		out[i].ID, out[i].UserID, out[i].Currency = numbers[out[i].name], user, string(c.account.Currency)
	}
	slices.SortStableFunc(out, func(a, b gatewayWire) int { return b.Default - a.Default })
	return out, err
}

func (d *Door) gateways(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	list, err := d.gatewaysOf(ctx, c)
	return append([]gatewayWire{}, list...), err
}

func (d *Door) gateway(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	return d.gatewayNumbered(ctx, c, parseNumber(c.path["id"]))
}

func (d *Door) gatewayNumbered(ctx context.Context, c *caller, number int64) (gatewayWire, error) {
	list, err := d.gatewaysOf(ctx, c)
	if err != nil {
		return gatewayWire{}, err
	}
	for _, g := range list {
		if g.ID == number {
			return g, nil
		}
	}
	return gatewayWire{}, unknown(numberGateways)
}
