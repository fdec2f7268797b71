package main

import (
	"fmt"
	"time"

	"perennial/internal/admin"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// reconcile compares the gateways' own books with ours.
type reconcile struct {
	Account id.Account `help:"Account; all when left out." placeholder:"ACCOUNT"`
	Since   string     `help:"Day from which on to compare, such as 2026-01-31; everything when left out." placeholder:"DAY"`
	JSON    bool       `help:"Print JSON." name:"json"`
}

// Run compares; differences are a failure.
func (c *reconcile) Run(t *terminal, p *place) error {
	ask := admin.ReconcileOf{Account: c.Account}
	if c.Since != "" {
		at, err := time.Parse(time.DateOnly, c.Since)
		if err != nil {
			return fault.New(fault.Invalid, "--since must be a day such as 2026-01-31")
		}
		ask.Since = at
	}
	var list []admin.Reconciled
	if err := t.do(p, "reconcile", ask, nil, &list); err != nil {
		return err
	}
	wrong := false
	for _, r := range list {
		wrong = wrong || len(r.Differences) > 0
	}
	if c.JSON {
		if err := printJSON(t.out, list); err != nil {
			return err
		}
	} else {
		for _, r := range list {
			fmt.Fprintf(t.out, "%s  %s  %d records at gateways, %d of them not ours, %d differences\n", r.Account, r.Name, r.Records, r.Foreign, len(r.Differences)+r.More)
			for _, line := range r.Differences {
				fmt.Fprintln(t.out, "  ! "+line)
			}
		}
	}
	if wrong {
		return errFound
	}
	return nil
}
