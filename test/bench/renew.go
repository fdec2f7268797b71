package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// B5, the renewal run: every subscription of ten accounts is due at once: 60% flat,
// 20% with a quantity, 10% with a coupon, 10% metered with 100 events each. The
// product bills, charges and books all of them; the floor writes the same facts
// with the fastest plain SQL of the engine and knows no rule.

// renewals runs B5 on one engine for some rounds.
func (b *bench) renewals(ctx context.Context, engine string) error {
	c := &contest{name: "B5 renewal run, " + engine, goal: 0.5, memory: 300 << 20}
	harder := &contest{name: "B5 against grouped rows, " + engine}
	stage := b.liteRenewals
	if engine == db.PostgreSQL {
		c.goal = 0.35
		stage = b.pgRenewals
	}
	rounds, err := stage(ctx)
	if err != nil {
		return err
	}
	for n := range b.rounds {
		floor, product, err := b.turn(n, func() (figures, error) { return rounds.floor(ctx) }, func() (figures, error) { return rounds.product(ctx) })
		if err != nil {
			return err
		}
		b.note("%s, round %d: floor %.0f/s, product %.0f/s", c.name, n+1, floor.rate(), product.rate())
		c.add(floor, product)
		if rounds.harder == nil {
			continue
		}
		if floor, err = rounds.harder(ctx); err != nil {
			return err
		}
		harder.add(floor, product)
	}
	b.contests = append(b.contests, c)
	if rounds.harder != nil {
		b.contests = append(b.contests, harder)
	}
	return nil
}

// stage is one engine made ready: each call begins with fresh copies of the data.
type stage struct {
	floor   func(ctx context.Context) (figures, error)
	product func(ctx context.Context) (figures, error)
	harder  func(ctx context.Context) (figures, error) // a faster floor, without a goal; nil for none
}

func (b *bench) liteRenewals(ctx context.Context) (stage, error) {
	template, floorTemplate := filepath.Join(b.dir, "due.db"), filepath.Join(b.dir, "floor.db")
	run, floorRun := filepath.Join(b.dir, "run.db"), filepath.Join(b.dir, "floor-run.db")
	s, err := b.seedLite(ctx, template, accounts, b.due, started, full)
	if err != nil {
		return stage{}, err
	}
	if err := seedLiteFloor(ctx, floorTemplate, b.due); err != nil {
		return stage{}, err
	}
	return stage{
		floor: func(ctx context.Context) (figures, error) {
			if err := copyFile(floorRun, floorTemplate); err != nil {
				return figures{}, err
			}
			return renewLiteFloor(ctx, floorRun, b.due, false)
		},
		harder: func(ctx context.Context) (figures, error) {
			if err := copyFile(floorRun, floorTemplate); err != nil {
				return figures{}, err
			}
			return renewLiteFloor(ctx, floorRun, b.due, true)
		},
		product: func(ctx context.Context) (figures, error) {
			if err := copyFile(run, template); err != nil {
				return figures{}, err
			}
			return b.renewProduct(ctx, run, s, nil, 1)
		},
	}, nil
}

func (b *bench) pgRenewals(ctx context.Context) (stage, error) {
	c, err := b.postgres(ctx)
	if err != nil {
		return stage{}, err
	}
	if err := c.admin(ctx, "create database due_template"); err != nil {
		return stage{}, err
	}
	d, err := open(ctx, c.url("due_template"))
	if err != nil {
		return stage{}, err
	}
	s, err := seed(ctx, d, accounts, b.due, started, full)
	if err != nil {
		return stage{}, err
	}
	if err := d.Close(); err != nil {
		return stage{}, err
	}
	if err := seedPGFloor(ctx, c, b.due); err != nil {
		return stage{}, err
	}
	return stage{
		floor: func(ctx context.Context) (figures, error) {
			if err := c.copyOf(ctx, "floor_run", "floor_template"); err != nil {
				return figures{}, err
			}
			return renewPGFloor(ctx, c, "floor_run", b.due)
		},
		product: func(ctx context.Context) (figures, error) {
			if err := c.copyOf(ctx, "due_run", "due_template"); err != nil {
				return figures{}, err
			}
			return b.renewProduct(ctx, c.url("due_run"), s, []int{c.pid()}, 2)
		},
	}, nil
}

// renewProduct runs everything that is due through the product, some accounts at a
// time, and proves the outcome.
func (b *bench) renewProduct(ctx context.Context, url string, s seeded, servers []int, atOnce int) (figures, error) {
	d, err := db.Open(ctx, db.Options{URL: url})
	if err != nil {
		return figures{}, err
	}
	defer d.Close() //nolint:errcheck // what was acknowledged is proved before
	g := newGateway()
	gateways := map[string]payment.Gateway{gatewayName: g}
	service := commerce.New(d, due(), gateways, nil, silent())
	runs := make([]commerce.Run, len(s.accounts))
	stop := b.profile(d.Engine() + "-renew")
	f, err := watch(s.subs, servers, func() error {
		return renewAll(ctx, service, s.accounts, atOnce, runs)
	})
	stop()
	if err != nil {
		return f, err
	}
	return f, auditRenewals(ctx, d, s, runs, g, gateways)
}

// renewAll runs everything that is due on some accounts, so many at one time, and
// notes what each run did.
func renewAll(ctx context.Context, service *commerce.Service, list []id.Account, atOnce int, runs []commerce.Run) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, acc := range list {
		group.Go(func() (err error) {
			runs[i], err = service.RunDue(ctx, acc, dueBy)
			return err
		})
	}
	return group.Wait()
}

// auditRenewals proves that each subscription was billed once for its new period,
// that every charge of the gateway is in the books, and that the books balance.
func auditRenewals(ctx context.Context, d *db.DB, s seeded, runs []commerce.Run, g *gateway, gateways map[string]payment.Gateway) error {
	var sum commerce.Run
	for _, r := range runs {
		sum.Due, sum.Collected, sum.Declined, sum.Unknown = sum.Due+r.Due, sum.Collected+r.Collected, sum.Declined+r.Declined, sum.Unknown+r.Unknown
	}
	want := commerce.Run{Due: s.subs, Collected: s.subs - s.declines, Declined: s.declines}
	if sum != want {
		return fmt.Errorf("the run says %+v, expected %+v", sum, want)
	}
	charged, twice := g.taken()
	if charged != want.Collected || twice != 0 {
		return fmt.Errorf("the gateway took %d charges (%d asked for twice), expected %d", charged, twice, want.Collected)
	}
	reader := report.New(d, due())
	for _, acc := range s.accounts {
		books, err := reader.Books(ctx, acc, gateways)
		if err != nil {
			return err
		}
		if !books.Balanced() {
			return fmt.Errorf("the books of %s do not balance: %v", acc, books.Differences)
		}
		if err := auditRows(ctx, d, acc, int64(s.subs/len(s.accounts)), int64(s.declines/len(s.accounts)), int64(s.metered/len(s.accounts))); err != nil {
			return err
		}
	}
	return nil
}

// auditRows counts the rows that a renewal leaves.
func auditRows(ctx context.Context, d *db.DB, acc id.Account, subs, declined, metered int64) error {
	paid := subs - declined
	return auditCounts(ctx, d, acc, []count{
		{"select count(*) from subscription where account_id = $1 and period = 1 and version = 3 and lease_until = 0", subs},
		{"select count(*) from subscription where account_id = $1 and state = 'active' and next_action_at = period_to and invoice_id is null", paid},
		{"select count(*) from subscription where account_id = $1 and state = 'past_due' and failures = 1 and invoice_id is not null", declined},
		{"select count(*) from invoice where account_id = $1 and state = 'paid' and reason = 'renewal' and period = 1", paid},
		{"select count(*) from invoice where account_id = $1 and state = 'open' and reason = 'renewal' and period = 1", declined},
		{"select count(distinct subscription_id) from invoice where account_id = $1", subs},
		{"select count(*) from invoice_line where account_id = $1", subs + metered},
		{"select count(*) from invoice_line where account_id = $1 and kind = 'usage' and amount = 60", metered},
		{"select count(*) from invoice_line where account_id = $1 and discount > 0", metered},
		{"select count(*) from usage_counter where account_id = $1 and closed_at is not null and value = 100000000", metered},
		{"select count(*) from payment where account_id = $1 and state = 'succeeded'", paid},
		{"select count(*) from payment where account_id = $1 and state = 'declined'", declined},
		{"select count(*) from ledger_entry where account_id = $1", 2*subs + paid},
		{"select count(*) from event where account_id = $1", 2*paid + 4*declined},
		{"select count(*) from event where account_id = $1 and kind = 'subscription.renewed'", paid},
		{"select count(*) from event where account_id = $1 and kind = 'invoice.paid'", paid},
	})
}

// count is a query for a number and what it must be.
type count struct {
	query string
	want  int64
}

// auditCounts compares numbers of rows of one account with what they must be.
func auditCounts(ctx context.Context, d *db.DB, acc id.Account, list []count) error {
	for _, check := range list {
		var n int64
		err := d.View(ctx, func(tx *db.Tx) error { return tx.One([]any{&n}, check.query, acc) })
		if err != nil {
			return err
		}
		if n != check.want {
			return fmt.Errorf("account %s: %d, expected %d: %s", acc, n, check.want, check.query)
		}
	}
	return nil
}

// seedLite makes a store and closes it, so that it is one file that can be copied.
func (b *bench) seedLite(ctx context.Context, path string, list, subs int, begun time.Time, kinds mix) (seeded, error) {
	d, err := open(ctx, path)
	if err != nil {
		return seeded{}, err
	}
	s, err := seed(ctx, d, list, subs, begun, kinds)
	if e := d.Close(); err == nil {
		err = e
	}
	return s, err
}

// copyFile replaces a store by a copy of another that is closed.
func copyFile(to, from string) error {
	if err := forget(to); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err == nil {
		err = out.Sync()
	}
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}

// forget removes a store that is closed, if it is there.
func forget(store string) error {
	for _, tail := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(store + tail); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
