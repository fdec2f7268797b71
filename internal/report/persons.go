package report

import (
	"context"

	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// Person is a customer and what they pay with unless they say otherwise.
type Person struct {
	Customer customer.Customer
	Method   payment.Method // the newest that is usable; its zero value when there is none
}

// Persons are those of the customers that the account has, deleted ones too.
func (r *Reader) Persons(ctx context.Context, acc id.Account, ids []int64) (map[id.Customer]Person, error) {
	return view(ctx, r, func(tx *db.Tx) (map[id.Customer]Person, error) {
		found, err := customer.ByID(tx, acc, ids)
		if err != nil {
			return nil, err
		}
		out := make(map[id.Customer]Person, len(found))
		for of, c := range found {
			methods, err := payment.Methods(tx, acc, of)
			if err != nil {
				return nil, err
			}
			p := Person{Customer: c}
			for _, m := range methods {
				if m.State == payment.Usable {
					p.Method = m
					break
				}
			}
			out[of] = p
		}
		return out, nil
	})
}

// CustomerByEmail is the customer with an address; NotFound when there is none.
func (r *Reader) CustomerByEmail(ctx context.Context, acc id.Account, email string) (customer.Customer, error) {
	return view(ctx, r, func(tx *db.Tx) (customer.Customer, error) { return customer.ByEmail(tx, acc, email) })
}
