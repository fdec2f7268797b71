package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"perennial/internal/admin"
)

// accounts makes and lists accounts.
type accounts struct {
	Create createAccount `cmd:"" help:"Make an account and print its API key, once."`
	List   listAccounts  `cmd:"" help:"List the accounts."`
}

type createAccount struct {
	Name     string `help:"Name of the business." required:""`
	Email    string `help:"Contact printed on documents." required:""`
	Sandbox  bool   `help:"Make a sandbox: its money is not real, its clock can be advanced."`
	Currency string `help:"Currency of new prices." default:"USD"`
	Zone     string `help:"Time zone in which days are counted, for example Europe/Berlin." default:"UTC"`
	Country  string `help:"Country of the business, two capital letters." default:""`
	JSON     bool   `help:"Print JSON." name:"json"`
}

// Run makes an account.
func (c *createAccount) Run(t *terminal, p *place) error {
	var made admin.CreatedAccount
	err := t.do(p, "account/create", admin.NewAccount{Name: c.Name, Email: c.Email, Sandbox: c.Sandbox, Currency: c.Currency, Zone: c.Zone, Country: c.Country}, nil, &made)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, made)
	}
	fmt.Fprintf(t.out, "Account  %s\nAPI key  %s\nThe key is shown this once; keep it safe.\n", made.Account, made.APIKey)
	return nil
}

type listAccounts struct {
	JSON bool `help:"Print JSON." name:"json"`
}

// Run lists the accounts.
func (c *listAccounts) Run(t *terminal, p *place) error {
	var list []admin.Account
	if err := t.do(p, "account/list", admin.Empty{}, nil, &list); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(t.out, "There is no account yet. Make one: perennial account create --name NAME --email ADDRESS --sandbox")
		return nil
	}
	w := table(t.out)
	fmt.Fprintln(w, "ACCOUNT\tMODE\tCURRENCY\tZONE\tNAME")
	for _, a := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.ID, a.Mode, a.Currency, a.Zone, a.Name)
	}
	return w.Flush()
}

func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
