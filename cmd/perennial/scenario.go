package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/scenario"
	"perennial/internal/server"
)

// scenarios plays stories.
type scenarios struct {
	Files    []string `arg:"" help:"Files that end in .scenario; each has an account of its own."`
	Postgres string   `help:"Play in this empty PostgreSQL database instead of a SQLite file that is thrown away." placeholder:"URL"`
}

// Run plays every file; one that fails is a failure, and the others are played all
// the same.
func (c *scenarios) Run(t *terminal) error {
	failed := false
	for _, name := range c.Files {
		result, err := t.play(name, c.Postgres)
		if t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		if err != nil {
			failed = true
			fmt.Fprintf(t.err, "%s: %v\n", name, err)
			continue
		}
		fmt.Fprintf(t.out, "%s: %d lines, %d expectations, all met\n", name, result.Lines, result.Expectations)
	}
	if failed {
		return errFound
	}
	return nil
}

// play plays one file on a store that is thrown away, or in the PostgreSQL database.
func (t *terminal) play(name, postgres string) (scenario.Result, error) {
	if filepath.Ext(name) != ".scenario" {
		return scenario.Result{}, fault.New(fault.Invalid, "a story's file ends in .scenario")
	}
	text, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return scenario.Result{}, fault.Wrap(fault.Invalid, err, "the story cannot be read")
	}
	defer text.Close() //nolint:errcheck // only read
	dir, err := quickFolder("perennial-scenario-")
	if err != nil {
		return scenario.Result{}, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	url, err := storeFor(postgres, dir)
	if err != nil {
		return scenario.Result{}, err
	}
	d, err := opened(t.ctx, db.Options{URL: url})
	if err != nil {
		return scenario.Result{}, err
	}
	defer d.Close()                                                         //nolint:errcheck // nothing of it is kept
	machine := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) // the same whenever it is played
	reader := report.New(d, machine)
	if err := onlyAccounts(t.ctx, reader, scenario.AccountName); err != nil {
		return scenario.Result{}, err
	}
	gateways := map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(d, machine, sandbox.Options{})}
	return scenario.Run(t.ctx, scenario.Stage{Service: commerce.New(d, machine, gateways, nil, server.NewLog(t.err)), Reader: reader, Gateways: gateways}, text)
}
