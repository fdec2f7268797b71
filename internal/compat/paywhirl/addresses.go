package paywhirl

import (
	"context"
	"net/http"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/id"
	"perennial/internal/params"
)

func (d *Door) addressRoutes() []route {
	return []route{
		{http.MethodGet, "/customer/addresses/{customer_id}", d.addresses},
		{http.MethodGet, "/customer/address/{id}", d.address},
		{http.MethodPost, "/customer/address", d.createAddress},
		{http.MethodPatch, "/customer/address/{id}", d.updateAddress},
		{http.MethodDelete, "/customer/address/{id}", d.deleteAddress},
	}
}

// addressWire is a further address of a customer.
type addressWire struct {
	ID         int64   `json:"id"`
	UserID     int64   `json:"user_id"`
	CustomerID int64   `json:"customer_id"`
	FirstName  *string `json:"first_name"`
	LastName   *string `json:"last_name"`
	Address    *string `json:"address"`
	City       *string `json:"city"`
	State      *string `json:"state"`
	Zip        *string `json:"zip"`
	Country    *string `json:"country"`
	Phone      *string `json:"phone"`
	Metadata   *string `json:"metadata"`
	CreatedAt  *string `json:"created_at"`
	UpdatedAt  *string `json:"updated_at"`
	DeletedAt  *string `json:"deleted_at"`
}

func (d *Door) addressesWire(ctx context.Context, c *caller, of id.Customer, list []customer.Place) ([]addressWire, error) {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.ID.String()
	}
	numbers, err := d.numbers(ctx, c, numberPlaces, names...)
	if err != nil {
		return nil, err
	}
	owner, err := d.number(ctx, c, commerce.NumberCustomers, of.String())
	if err != nil {
		return nil, err
	}
	user, err := d.user(ctx, c)
	out := make([]addressWire, len(list))
	for i, p := range list {
		f := p.Facts
		out[i] = addressWire{ID: numbers[names[i]], UserID: user, CustomerID: owner, FirstName: text(f.FirstName), LastName: text(f.LastName), Address: text(f.Lines),
			City: text(f.City), State: text(f.Region), Zip: text(f.PostalCode), Country: text(f.Country), Phone: text(f.Phone), Metadata: text(f.Metadata),
			CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(p.UpdatedAt), DeletedAt: stamp(p.DeletedAt)}
	}
	return out, err
}

func (d *Door) oneAddress(ctx context.Context, c *caller, p customer.Place) (any, error) {
	list, err := d.addressesWire(ctx, c, p.Customer, []customer.Place{p})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func (d *Door) addressesOf(ctx context.Context, c *caller, of id.Customer) ([]addressWire, error) {
	list, err := d.r.Places(ctx, c.account.ID, of)
	if err != nil {
		return nil, err
	}
	return d.addressesWire(ctx, c, of, list)
}

func (d *Door) addresses(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of, err := d.customerNumbered(ctx, c, parseNumber(c.path["customer_id"]))
	if err != nil {
		return nil, err
	}
	return d.addressesOf(ctx, c, of)
}

// place is the address with the number in the path.
func (d *Door) place(ctx context.Context, c *caller) (customer.Place, error) {
	of, err := thing[id.Place](ctx, d, c, numberPlaces, parseNumber(c.path["id"]))
	if err != nil {
		return customer.Place{}, err
	}
	return d.r.Place(ctx, c.account.ID, of)
}

func (d *Door) address(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	p, err := d.place(ctx, c)
	if err != nil {
		return nil, err
	}
	return d.oneAddress(ctx, c, p)
}

// placeOf reads the fields of an address over those that were there.
func placeOf(v *params.Values, f customer.PlaceFacts) customer.PlaceFacts {
	for name, at := range map[string]*string{"first_name": &f.FirstName, "last_name": &f.LastName, "address": &f.Lines, "city": &f.City, "state": &f.Region,
		"zip": &f.PostalCode, "country": &f.Country, "phone": &f.Phone, "metadata": &f.Metadata} {
		if v.Given(name) {
			*at = v.Text(name)
		}
	}
	f.Country = strings.ToUpper(f.Country)
	return f
}

func (d *Door) createAddress(ctx context.Context, c *caller, v *params.Values) (any, error) {
	facts := placeOf(v, customer.PlaceFacts{})
	v.Require("address")
	of, err := d.customerNumbered(ctx, c, required(v, "customer_id"))
	if err != nil || v.Err() != nil {
		return nil, orFields(v, err)
	}
	p, err := d.s.AddPlace(ctx, commerce.AddPlace{Call: c.call(), Customer: of, Facts: facts})
	if err != nil {
		return nil, renamed(err, asSent)
	}
	return d.oneAddress(ctx, c, p)
}

func (d *Door) updateAddress(ctx context.Context, c *caller, v *params.Values) (any, error) {
	p, err := d.place(ctx, c)
	if err != nil {
		return nil, err
	}
	if placeOf(v, p.Facts); v.Err() != nil {
		return nil, v.Err()
	}
	p, err = d.s.UpdatePlace(ctx, commerce.UpdatePlace{Call: c.call(), Place: p.ID, Edit: func(f *customer.PlaceFacts) { *f = placeOf(v, *f) }})
	if err != nil {
		return nil, renamed(err, asSent)
	}
	return d.oneAddress(ctx, c, p)
}

func (d *Door) deleteAddress(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	p, err := d.place(ctx, c)
	if err != nil {
		return nil, err
	}
	_, err = d.s.UpdatePlace(ctx, commerce.UpdatePlace{Call: c.call(), Place: p.ID, Remove: true})
	return success, err
}
