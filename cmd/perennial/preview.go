package main

import (
	"fmt"
	"time"

	"perennial/internal/admin"
	"perennial/internal/id"
)

// previews show what would be charged, with the arithmetic, and change nothing.
type previews struct {
	Change  previewChange  `cmd:"" help:"Show what a change of a subscription's terms would charge and credit now."`
	Invoice previewInvoice `cmd:"" help:"Show the next invoice of a subscription."`
}

type previewChange struct {
	Account      id.Account      `help:"Account." required:"" placeholder:"ACCOUNT"`
	Subscription id.Subscription `help:"Subscription." required:"" placeholder:"SUBSCRIPTION"`
	Price        id.Price        `help:"New price; the same when left out." placeholder:"PRICE"`
	Quantity     int64           `help:"New quantity; the same when left out." placeholder:"N"`
	Policy       string          `help:"Proration policy, such as second, day or none; the account's when left out." placeholder:"NAME"`
	Reset        bool            `help:"Begin a new period at once."`
	CarryTrial   bool            `help:"Keep a trial that is under way."`
	JSON         bool            `help:"Print JSON." name:"json"`
}

// Run shows a change.
func (c *previewChange) Run(t *terminal, p *place) error {
	var out admin.Preview
	err := t.do(p, "preview/change", admin.ChangeOf{Account: c.Account, Subscription: c.Subscription, Price: c.Price, Quantity: c.Quantity, Policy: c.Policy,
		Reset: c.Reset, CarryTrial: c.CarryTrial}, nil, &out)
	if err != nil {
		return err
	}
	return t.preview(out, c.JSON)
}

type previewInvoice struct {
	Account      id.Account      `help:"Account." required:"" placeholder:"ACCOUNT"`
	Subscription id.Subscription `help:"Subscription." required:"" placeholder:"SUBSCRIPTION"`
	JSON         bool            `help:"Print JSON." name:"json"`
}

// Run shows the next invoice.
func (c *previewInvoice) Run(t *terminal, p *place) error {
	var out admin.Preview
	if err := t.do(p, "preview/invoice", admin.InvoiceOf{Account: c.Account, Subscription: c.Subscription}, nil, &out); err != nil {
		return err
	}
	return t.preview(out, c.JSON)
}

func (t *terminal) preview(out admin.Preview, asJSON bool) error {
	if asJSON {
		return printJSON(t.out, out)
	}
	fmt.Fprintf(t.out, "as of %s\n", out.At.Format(time.RFC3339))
	for _, line := range out.Arithmetic {
		fmt.Fprintln(t.out, "  "+line)
	}
	return nil
}
