package paywhirl

import (
	"context"
	"net/http"

	"perennial/internal/commerce"
	"perennial/internal/params"
)

func (d *Door) multiauthRoutes() []route {
	return []route{
		{http.MethodPost, "/multiauth", d.multiauth},
		{http.MethodPost, "/api/multiauth", d.multiauth},
	}
}

// tokenWire is a token that signs a customer in.
type tokenWire struct {
	Token string `json:"token"`
}

// multiauth makes a token that signs the customer with an id or an e-mail address in, once,
// within half a minute.
func (d *Door) multiauth(ctx context.Context, c *caller, v *params.Values) (any, error) {
	by := v.Text("id")
	for _, name := range []string{"customer_id", "email"} {
		if by == "" {
			by = v.Text(name)
		}
	}
	v.Check(by != "", "id", "or email must be given")
	if v.Err() != nil {
		return nil, v.Err()
	}
	of, err := d.customerNamed(ctx, c, by)
	if err != nil {
		return nil, err
	}
	made, err := d.s.CreateSignIn(ctx, commerce.CreateSignIn{Call: c.call(), Customer: of})
	return tokenWire{made.Token}, err
}
