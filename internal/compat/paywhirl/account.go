package paywhirl

import (
	"context"
	"net/http"

	"perennial/internal/params"
)

func (d *Door) accountRoutes() []route {
	return []route{
		{http.MethodGet, "/test", d.test},
		{http.MethodGet, "/account", d.account},
	}
}

// test says that address and credentials are right.
func (d *Door) test(context.Context, *caller, *params.Values) (any, error) {
	return struct {
		Message string `json:"message"`
	}{"Connection successful"}, nil
}

// accountWire is the merchant's account.
type accountWire struct {
	ID        int64   `json:"id"`
	Email     string  `json:"email"`
	FirstName *string `json:"first_name"`
	LastName  *string `json:"last_name"`
	Company   string  `json:"company"`
	Currency  string  `json:"currency"`
	Timezone  string  `json:"timezone"`
	CreatedAt *string `json:"created_at"`
}

func (d *Door) account(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	user, err := d.user(ctx, c)
	a := c.account
	return accountWire{ID: user, Email: a.Email, Company: a.Name, Currency: string(a.Currency), Timezone: a.Zone, CreatedAt: stamp(a.CreatedAt)}, err
}
