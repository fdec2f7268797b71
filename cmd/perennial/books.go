package main

import (
	"fmt"

	"perennial/internal/admin"
	"perennial/internal/id"
)

// books proves the books.
type books struct {
	Account id.Account `help:"Account; all when left out." placeholder:"ACCOUNT"`
	JSON    bool       `help:"Print JSON." name:"json"`
}

// Run proves the books; differences are a failure.
func (c *books) Run(t *terminal, p *place) error {
	var list []admin.Books
	if err := t.do(p, "books", admin.BooksOf{Account: c.Account}, nil, &list); err != nil {
		return err
	}
	wrong := false
	for _, b := range list {
		wrong = wrong || len(b.Differences) > 0
	}
	if c.JSON {
		if err := printJSON(t.out, list); err != nil {
			return err
		}
	} else {
		for _, b := range list {
			printBooks(t, b)
		}
	}
	if wrong {
		return errFound
	}
	return nil
}

func printBooks(t *terminal, b admin.Books) {
	verdict := "balanced"
	if n := len(b.Differences) + b.More; n > 0 {
		verdict = fmt.Sprintf("NOT BALANCED: %d differences", n)
	}
	fmt.Fprintf(t.out, "%s  %s  %s\n", b.Account, b.Name, verdict)
	fmt.Fprintf(t.out, "  %d invoices, %d payments, %d charges at gateways, %d under way\n", b.Invoices, b.Payments, b.Charges, b.UnderWay)
	for _, line := range b.Balances {
		fmt.Fprintln(t.out, "  "+line)
	}
	for _, line := range b.Differences {
		fmt.Fprintln(t.out, "  ! "+line)
	}
	if b.More > 0 {
		fmt.Fprintf(t.out, "  ! and %d more\n", b.More)
	}
}
