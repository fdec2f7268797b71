package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"perennial/internal/account"
	"perennial/internal/admin"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/seal"
	"perennial/internal/server"
)

const sold = 300

// business is an account with 300 monthly subscriptions, and the place where its
// data is.
type business struct {
	place     *place
	variables []string // that tell a server where
	account   id.Account
	look      *sql.DB // beside whoever uses the data
}

func newBusiness(t *testing.T, engine string) *business {
	t.Helper()
	b := &business{place: &place{Data: folder(t)}}
	if engine == db.PostgreSQL {
		b.place.Database = dbtest.Options(t, dbtest.New(t, engine)).URL
		b.variables = append(b.variables, "PERENNIAL_DATABASE="+b.place.Database)
	}
	h := b.open(t)
	by := event.Actor{Kind: event.ByOperator, Name: "test"}
	made, err := h.service.CreateAccount(t.Context(), commerce.CreateAccount{Actor: by, Name: "Shop", Email: "shop@example.com", Mode: account.Sandbox})
	if err != nil {
		t.Fatal(err)
	}
	b.account = made.Account.ID
	call := commerce.Call{Account: b.account, Actor: by}
	product, err := h.service.CreateProduct(t.Context(), commerce.CreateProduct{Call: call, Name: "Paper"})
	if err != nil {
		t.Fatal(err)
	}
	price, err := h.service.CreatePrice(t.Context(), commerce.CreatePrice{Call: call, Product: product.ID,
		Amount: money.Amount{Minor: 1234, Currency: "USD"}, Interval: period.Interval{Unit: period.Month, Count: 1}})
	if err != nil {
		t.Fatal(err)
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(32)
	for i := range sold {
		group.Go(func() error {
			_, err := h.service.Sell(ctx, commerce.Sell{Call: call, Price: price.ID, Token: "tok_visa", Source: "test",
				Buyer: &commerce.CreateCustomer{Email: fmt.Sprintf("buyer%d@example.com", i), Buyer: customer.Buyer{Name: "Buyer"}}})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if b.look, err = b.place.look(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.look.Close() })
	return b
}

func (b *business) open(t *testing.T) *house {
	t.Helper()
	h, err := b.place.open(t.Context(), server.NewLog(io.Discard), func(*place) (*seal.Keys, error) { return seal.Parse(seal.New()) }, 0)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// count is the answer of a query about the account; -1 when the database was busy.
func (b *business) count(t *testing.T, query string) int64 {
	t.Helper()
	var n int64
	if err := b.look.QueryRowContext(t.Context(), query, int64(b.account)).Scan(&n); err != nil {
		return -1
	}
	return n
}

const (
	pendingPayments = "select count(*) from payment where account_id = $1 and state = 'pending'"
	paidPayments    = "select count(*) from payment where account_id = $1 and state = 'succeeded'"
	charges         = "select count(*) from sandbox_charge where account_id = $1 and outcome = 'succeeded'"
	walking         = "select count(*) from account where id = $1 and clock_target is not null"
)

// The server is killed in the middle of a renewal run, as nothing could prepare
// for: every period is invoiced once and charged once, and the books agree.
func TestKilledInTheMiddleOfARenewalRun(t *testing.T) {
	t.Parallel()
	// The moments at which it is killed: when payments are owed and the gateway was
	// not asked, when it has charged and that is not known yet, when some are paid.
	moments := []func(t *testing.T, b *business) bool{
		func(t *testing.T, b *business) bool { return b.count(t, pendingPayments) > 0 },
		func(t *testing.T, b *business) bool { return b.count(t, charges) > b.count(t, paidPayments) },
		func(t *testing.T, b *business) bool { return b.count(t, paidPayments) > sold },
	}
	for engine, kills := range map[string][]func(*testing.T, *business) bool{
		db.SQLite:     moments,
		db.PostgreSQL: moments,
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBusiness(t, engine)
			variables := append(b.variables, "PERENNIAL_SANDBOX_LATENCY=150ms")
			p := serveOn(t, b.place.Data, variables...)
			advance := exec.Command("perennial", "clock", "advance", b.account.String(), "--by", "31 days", "--data", b.place.Data)
			advance.Env = environment(b.variables...)
			if err := advance.Start(); err != nil {
				t.Fatal(err)
			}
			for i, moment := range kills {
				until(t, fmt.Sprintf("moment %d", i), func() bool {
					return moment(t, b) || b.count(t, walking) == 0 && b.count(t, paidPayments) == 2*sold
				})
				if status := p.end(t, syscall.SIGKILL); status != -1 {
					t.Fatalf("the server ended by itself with %d", status)
				}
				if i == 0 {
					if advance.Wait() == nil && b.count(t, paidPayments) != 2*sold {
						t.Error("the command ended well though its server was killed")
					}
				}
				p = serveOn(t, b.place.Data, variables...)
			}
			until(t, "the end of the run", func() bool { return b.count(t, walking) == 0 && b.count(t, paidPayments) == 2*sold })
			if status := p.end(t, syscall.SIGTERM); status != 0 {
				t.Errorf("SIGTERM ends it with %d", status)
			}
			b.prove(t)
		})
	}
}

// prove looks at what the run came to, without trusting the program's own reads.
func (b *business) prove(t *testing.T) {
	t.Helper()
	for what, query := range map[string]string{
		"subscriptions without exactly one invoice of period 1": `select count(*) from subscription s where s.account_id = $1 and
			(select count(*) from invoice i where i.account_id = s.account_id and i.subscription_id = s.id and i.period = 1) <> 1`,
		"invoices that are not paid":           "select count(*) from invoice where account_id = $1 and state <> 'paid'",
		"payments that did not go through":     "select count(*) from payment where account_id = $1 and state <> 'succeeded'",
		"invoices without exactly one payment": `select count(*) from (select invoice_id from payment where account_id = $1 group by invoice_id having count(*) <> 1) as wrong`,
		"money owed though all is paid": `select sum(case when debit = 'receivable' then amount when credit = 'receivable' then -amount else 0 end)
			from ledger_entry where account_id = $1`,
		"money more or less in the ledger than was charged": `select (select sum(amount) from ledger_entry where account_id = $1 and debit = 'cash') -
			(select sum(amount) from sandbox_charge where account_id = $1 and outcome = 'succeeded')`,
		"subscriptions that are not in period 1": "select count(*) from subscription where account_id = $1 and (period <> 1 or invoice_id is not null)",
	} {
		if n := b.count(t, query); n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
	for what, query := range map[string]string{
		"invoices": "select count(*) from invoice where account_id = $1", "payments": paidPayments, "charges at the gateway": charges,
	} {
		if n := b.count(t, query); n != 2*sold {
			t.Errorf("%s: %d, want %d", what, n, 2*sold)
		}
	}
	out, err := b.run(t, "books", "--json")
	var books []admin.Books
	if e := json.Unmarshal(out, &books); err != nil || e != nil || len(books) != 1 || len(books[0].Differences) > 0 || books[0].Payments != 2*sold {
		t.Errorf("perennial books: %v %v\n%s", err, e, out)
	}
}

// run runs a command on the business's data and returns what it prints.
func (b *business) run(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "perennial", append(args, "--data", b.place.Data)...)
	c.Env = environment(b.variables...)
	return c.Output()
}

// A server that is told to stop under load answers what it took, and what it
// acknowledged is there afterwards.
func TestStopsCleanlyUnderLoad(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := &business{place: &place{Data: folder(t)}}
			if engine == db.PostgreSQL {
				b.place.Database = dbtest.Options(t, dbtest.New(t, engine)).URL
				b.variables = append(b.variables, "PERENNIAL_DATABASE="+b.place.Database)
			}
			p := serveOn(t, b.place.Data, b.variables...)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var load sync.WaitGroup
			var answered atomic.Int64
			for _, path := range []string{"/healthz", "/login", "/v1/openapi.json", "/healthz"} {
				load.Go(func() {
					for ctx.Err() == nil {
						res, err := http.Get(p.address + path)
						if err != nil {
							continue // refused: it has stopped listening
						}
						_, _ = io.Copy(io.Discard, res.Body)
						res.Body.Close()
						if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusServiceUnavailable {
							t.Errorf("%s answers %d", path, res.StatusCode)
						}
						answered.Add(1)
					}
				})
			}
			var mu sync.Mutex
			told := map[id.Account]bool{}
			for range 4 {
				load.Go(func() {
					for ctx.Err() == nil {
						var made admin.CreatedAccount
						err := p.ask(t, "account/create", admin.NewAccount{Name: "Shop", Email: "shop@example.com", Sandbox: true}, &made)
						if err == nil {
							mu.Lock()
							told[made.Account] = true
							mu.Unlock()
						} else if k := fault.KindOf(err); k == fault.Invalid || k == fault.NotFound {
							t.Errorf("while stopping: %v", err)
						}
					}
				})
			}
			until(t, "load", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return answered.Load() > 100 && len(told) > 20
			})
			if status := p.end(t, syscall.SIGTERM); status != 0 {
				t.Errorf("ended with %d", status)
			}
			stop()
			load.Wait()
			out, err := b.run(t, "account", "list", "--json")
			var list []admin.Account
			if e := json.Unmarshal(out, &list); err != nil || e != nil {
				t.Fatal(err, e)
			}
			kept := map[id.Account]bool{}
			for _, a := range list {
				kept[a.ID] = true
			}
			for a := range told {
				if !kept[a] {
					t.Errorf("%s was acknowledged and is gone", a)
				}
			}
		})
	}
}
