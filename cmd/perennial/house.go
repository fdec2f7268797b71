package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"perennial/internal/admin"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/compat/paywhirl"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/seal"
	"perennial/internal/server"
	"perennial/internal/webhook"
)

// databaseName is the SQLite file in the data folder.
const databaseName = "perennial.db"

// defaultData is the data folder unless another is named.
const defaultData = "./data"

// defaultListen is where the server listens unless told otherwise.
const defaultListen = "127.0.0.1:8080"

// url is what the database layer opens.
func (p *place) url() string {
	if p.Database != "" {
		return p.Database
	}
	return filepath.Join(p.Data, databaseName)
}

// postgres reports whether the data is in PostgreSQL, and refuses an address that
// is neither.
func (p *place) postgres() (bool, error) {
	switch {
	case p.Database == "":
		return false, nil
	case strings.HasPrefix(p.Database, "postgres://"), strings.HasPrefix(p.Database, "postgresql://"):
		return true, nil
	}
	return false, fault.New(fault.Invalid, "--database must be postgres://user:password@host/name; leave it out for SQLite in the data folder")
}

// makeFolder makes the data folder.
func (p *place) makeFolder() error {
	if err := os.MkdirAll(p.Data, 0o700); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the data folder cannot be made; name another one by --data")
	}
	return nil
}

// house is the opened program without its doors.
type house struct {
	db       *db.DB
	clock    clock.Clock
	log      *slog.Logger
	gateways map[string]payment.Gateway
	sandbox  *sandbox.Gateway
	keys     *seal.Keys
	service  *commerce.Service
	reader   *report.Reader
	nets     []netip.Prefix // private ones that webhooks may reach
}

// open opens the database, brings its schema up to date and wires the stories.
func (p *place) open(ctx context.Context, log *slog.Logger, keys func(*place) (*seal.Keys, error), latency time.Duration) (*house, error) {
	if _, err := p.postgres(); err != nil {
		return nil, err
	}
	if err := p.makeFolder(); err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, db.Options{URL: p.url()})
	if err != nil {
		return nil, err
	}
	if err := d.Migrate(ctx); err != nil {
		_ = d.Close() // the first error is the one to tell
		return nil, err
	}
	h := &house{db: d, clock: clock.System{}, log: log}
	h.sandbox = sandbox.New(d, h.clock, sandbox.Options{Latency: latency})
	h.gateways = map[string]payment.Gateway{commerce.SandboxGateway: h.sandbox}
	h.service = commerce.New(d, h.clock, h.gateways, nil, log)
	if h.keys, err = keys(p); err != nil {
		_ = d.Close() // as above
		return nil, err
	}
	h.service.UseKeys(h.keys)
	h.service.UseGateways(h.keys, openers(h.clock))
	h.reader = report.New(d, h.clock)
	h.service.UseDialects(append(paywhirl.Webhooks(h.service, h.reader, paywhirl.Options{Clock: h.clock, Log: log}), h.notifications()...)...)
	return h, nil
}

// close closes the database.
func (h *house) close() error { return h.db.Close() }

// admin is the handler of the operator's commands; worker is nil outside of a
// server.
func (h *house) admin(address string, worker *server.Worker) http.Handler {
	o := admin.Options{Version: version, Address: address, Gateways: h.service.GatewaysOf, Log: h.log, Import: h.importSubscriptions, Reseal: reseals(h.keys),
		CheckAddress: func(address string) error { return webhook.CheckAddress(address, h.nets) }, WebhookSecret: webhookOptions(h.keys, h.nets).Secret}
	if worker != nil {
		o.Confirm = worker.Confirm
		o.Resume = func(acc id.Account) { worker.Resume(acc) }
	}
	return admin.New(h.service, h.reader, o)
}
