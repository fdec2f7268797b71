package main

import (
	"fmt"

	"perennial/internal/admin"
	"perennial/internal/fault"
)

// ownerLink prints a fresh one-time link.
type ownerLink struct{}

// Run prints a fresh one-time link for the first owner.
func (ownerLink) Run(t *terminal, p *place) error {
	var link admin.OwnerLink
	if err := t.do(p, "owner-link", admin.Empty{}, nil, &link); err != nil {
		return err
	}
	if link.Address == "" {
		return fault.New(fault.Conflict, "there is an owner already, who signs in at /login and can invite others")
	}
	fmt.Fprintln(t.out, link.Address)
	return nil
}
