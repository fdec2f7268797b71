package main

import (
	"fmt"
	"time"

	"perennial/internal/admin"
	"perennial/internal/id"
)

// clocks shows and advances clocks.
type clocks struct {
	Advance advanceClock `cmd:"" help:"Advance the clock of a sandbox; everything due on the way happens in order."`
	Show    showClocks   `cmd:"" help:"Show the clocks of accounts."`
	Confirm confirmClock `cmd:"" help:"Say that a jump of the machine's clock was right: live accounts are worked on again."`
}

type advanceClock struct {
	Account id.Account `arg:"" help:"Account, for example acc_01k8x4w0zq2r3."`
	To      string     `help:"Date in the account's zone, or instant: 2027-01-31, 2027-01-31T12:00:00Z." xor:"to,by" required:"" placeholder:"DATE"`
	By      string     `help:"How far: \"31 days\", \"1 month\", \"36h\"." xor:"to,by" required:"" placeholder:"SPAN"`
	JSON    bool       `help:"Print JSON." name:"json"`
}

// Run advances a clock.
func (c *advanceClock) Run(t *terminal, p *place) error {
	var done admin.Advanced
	if err := t.do(p, "clock/advance", admin.Advance{Account: c.Account, To: c.To, By: c.By}, nil, &done); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, done)
	}
	fmt.Fprintf(t.out, "The clock of %s went from %s to %s.\n", c.Account, done.From.Format(time.RFC3339), done.To.Format(time.RFC3339))
	fmt.Fprintf(t.out, "%d due: %d paid, %d declined, %d without an answer yet, %d ended.\n", done.Due, done.Collected, done.Declined, done.Unknown, done.Ended)
	return nil
}

type showClocks struct {
	Account id.Account `arg:"" optional:"" help:"Account; all when left out."`
	JSON    bool       `help:"Print JSON." name:"json"`
}

// Run shows clocks.
func (c *showClocks) Run(t *terminal, p *place) error {
	var list []admin.Clock
	if err := t.do(p, "clock/show", admin.ClockOf{Account: c.Account}, nil, &list); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, list)
	}
	w := table(t.out)
	fmt.Fprintln(w, "ACCOUNT\tMODE\tNOW\tADVANCING TO\tNAME")
	for _, one := range list {
		target := "-"
		if one.Target != nil {
			target = one.Target.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", one.Account, one.Mode, one.Now.Format(time.RFC3339), target, one.Name)
	}
	return w.Flush()
}

type confirmClock struct{}

// Run confirms the machine's clock.
func (confirmClock) Run(t *terminal, p *place) error {
	var done admin.Confirmed
	if err := t.do(p, "clock/confirm", admin.Empty{}, nil, &done); err != nil {
		return err
	}
	if done.Held {
		fmt.Fprintln(t.out, "Confirmed: live accounts are worked on again.")
	} else {
		fmt.Fprintln(t.out, "Nothing was held.")
	}
	return nil
}
