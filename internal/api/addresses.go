package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/id"
)

// FurtherAddress is a further address of a customer.
type FurtherAddress struct {
	ID         string     `json:"id"`
	Customer   string     `json:"customer"`
	FirstName  string     `json:"first_name"`
	LastName   string     `json:"last_name"`
	Phone      string     `json:"phone"`
	Address    string     `json:"address" doc:"Lines separated by a line feed."`
	City       string     `json:"city"`
	Region     string     `json:"region"`
	PostalCode string     `json:"postal_code"`
	Country    string     `json:"country"`
	Metadata   string     `json:"metadata"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	DeletedAt  *time.Time `json:"deleted_at"`
}

func furtherAddressOf(p customer.Place) FurtherAddress {
	f := p.Facts
	return FurtherAddress{p.ID.String(), p.Customer.String(), f.FirstName, f.LastName, f.Phone, f.Lines, f.City, f.Region, f.PostalCode, f.Country, f.Metadata,
		p.CreatedAt, p.UpdatedAt, timeOf(p.DeletedAt)}
}

// addressBody is a further address as it is made, and what is changed of it.
type addressBody struct {
	FirstName  *string `json:"first_name,omitempty" maxLength:"200"`
	LastName   *string `json:"last_name,omitempty" maxLength:"200"`
	Phone      *string `json:"phone,omitempty" maxLength:"40"`
	Address    *string `json:"address,omitempty" maxLength:"500" doc:"Lines separated by a line feed."`
	City       *string `json:"city,omitempty" maxLength:"100"`
	Region     *string `json:"region,omitempty" maxLength:"60"`
	PostalCode *string `json:"postal_code,omitempty" maxLength:"20"`
	Country    *string `json:"country,omitempty" maxLength:"2" doc:"ISO 3166-1 alpha-2."`
	Metadata   *string `json:"metadata,omitempty" maxLength:"2000" doc:"The merchant's own notes."`
}

// edit puts what was given into an address.
func (b addressBody) edit(p *customer.PlaceFacts) {
	for to, from := range map[*string]*string{&p.FirstName: b.FirstName, &p.LastName: b.LastName, &p.Phone: b.Phone, &p.Lines: b.Address, &p.City: b.City, &p.Region: b.Region,
		&p.PostalCode: b.PostalCode, &p.Country: b.Country, &p.Metadata: b.Metadata} {
		if from != nil {
			*to = *from
		}
	}
}

func (a *API) addressRoutes() {
	read(a, operation{id: "list-addresses", path: "/v1/customers/{id}/addresses", tag: "Customers", summary: "A customer's further addresses, oldest first"},
		func(ctx context.Context, c caller, in *ByID) (list[FurtherAddress], error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return list[FurtherAddress]{}, err
			}
			rows, err := a.r.Places(ctx, c.account.ID, v)
			return paged(Page{Limit: len(rows)}, "adr", rows, nil, furtherAddressOf), err
		})
	type newAddress struct {
		ByID
		Body addressBody
	}
	write(a, operation{id: "create-address", path: "/v1/customers/{id}/addresses", tag: "Customers", summary: "Give a customer a further address",
		text: "Of a second household, or of somebody who is given something. Invoices are made out to the customer's own."},
		func(ctx context.Context, call commerce.Call, in *newAddress) (customer.Place, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return customer.Place{}, err
			}
			var facts customer.PlaceFacts
			in.Body.edit(&facts)
			return a.s.AddPlace(ctx, commerce.AddPlace{Call: call, Customer: v, Facts: facts})
		}, furtherAddressOf)
	read(a, operation{id: "get-address", path: "/v1/addresses/{id}", tag: "Customers", summary: "One further address, also one that was deleted"},
		func(ctx context.Context, c caller, in *ByID) (FurtherAddress, error) {
			v, err := id.Parse[id.Place](in.ID)
			if err != nil {
				return FurtherAddress{}, err
			}
			p, err := a.r.Place(ctx, c.account.ID, v)
			return furtherAddressOf(p), err
		})
	write(a, operation{id: "update-address", method: http.MethodPatch, path: "/v1/addresses/{id}", status: http.StatusOK, tag: "Customers", summary: "Change a further address"},
		func(ctx context.Context, call commerce.Call, in *newAddress) (customer.Place, error) {
			v, err := id.Parse[id.Place](in.ID)
			if err != nil {
				return customer.Place{}, err
			}
			return a.s.UpdatePlace(ctx, commerce.UpdatePlace{Call: call, Place: v, Edit: in.Body.edit})
		}, furtherAddressOf)
	write(a, operation{id: "delete-address", method: http.MethodDelete, path: "/v1/addresses/{id}", status: http.StatusOK, tag: "Customers", summary: "Take a further address away"},
		func(ctx context.Context, call commerce.Call, in *ByID) (customer.Place, error) {
			v, err := id.Parse[id.Place](in.ID)
			if err != nil {
				return customer.Place{}, err
			}
			return a.s.UpdatePlace(ctx, commerce.UpdatePlace{Call: call, Place: v, Remove: true})
		}, furtherAddressOf)
}
