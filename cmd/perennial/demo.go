package main

import (
	"fmt"
	"time"

	"perennial/internal/admin"
	"perennial/internal/demo"
	"perennial/internal/fault"
)

// demoRun makes a sample business and serves it.
type demoRun struct {
	Listen    string `help:"Address to listen on." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	Seed      uint64 `help:"Another seed makes another business." default:"1"`
	Customers int    `help:"About how many customers it wins, at least 1." default:"420"`
	NoServe   bool   `help:"Make the sample and end."`
}

// Run makes the sample business, once, and serves it: in ./demo-data, unless --data
// names another folder.
func (c *demoRun) Run(t *terminal, p *place) error {
	if c.Customers < 1 || c.Customers > 100_000 {
		return fault.New(fault.Invalid, "--customers must be 1 to 100000")
	}
	if p.Database != "" {
		return fault.New(fault.Invalid, "the sample business lives in a folder of its own: leave --database out")
	}
	own := &place{Data: p.Data}
	if own.Data == defaultData {
		own.Data = "./demo-data" // never in the middle of real data
	}
	run := &serve{Listen: c.Listen}
	h, err := t.prepare(own, run)
	if err != nil {
		return err
	}
	err = c.live(t, h, own.Data)
	if err == nil && !c.NoServe {
		err = h.serve(t, own, run)
	}
	if closed := h.close(); err == nil {
		err = closed
	}
	return err
}

// live makes the sample where there is none yet.
func (c *demoRun) live(t *terminal, h *house, folder string) error {
	have, err := h.reader.Accounts(t.ctx)
	if err != nil {
		return err
	}
	if len(have) > 0 {
		fmt.Fprintf(t.out, "The sample business is there already; remove %s to make it anew.\n", folder)
		return nil
	}
	began := h.clock.Now()
	bar := newProgress(t.err)
	made, err := demo.Build(t.ctx, h.service, demo.Options{Seed: c.Seed, Customers: c.Customers, Now: began,
		Progress: func(done float64, text string) { bar.show(admin.Progress{Done: done, Text: text}) }})
	bar.end(err == nil)
	if err != nil {
		return fmt.Errorf("the sample was not finished; remove %s before you try again: %w", folder, err)
	}
	fmt.Fprintf(t.out, "Lived three years of a sample business in %s: %d customers, %d renewals and trials paid, %d declined, %d refunds, %d cancellations.\n",
		h.clock.Now().Sub(began).Round(100*time.Millisecond), made.Customers, made.Run.Collected, made.Run.Declined, made.Refunds, made.Cancels)
	fmt.Fprintf(t.out, "Account %s, API key %s\n", made.Account, made.Secret)
	if made.Email != "" {
		fmt.Fprintf(t.out, "Sign in as %s with the password %s\n", made.Email, made.Password)
	}
	return nil
}
