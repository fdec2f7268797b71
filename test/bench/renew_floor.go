package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite" // the driver
)

// The floor of B5 is one renewal as bare SQL: read the subscription; insert an
// invoice, a line, a payment and four ledger rows; advance the subscription. Its
// tables have nine secondary or unique indexes, one of them "once a period".
// {int} is spelt per engine.
const renewSchema = `
create table subscription (id {int} primary key, account_id {int} not null, customer_id {int} not null, state text not null, amount {int} not null,
	currency text not null, period {int} not null, next_at {int} not null, version {int} not null);
create index subscription_due on subscription (next_at, id);
create index subscription_customer on subscription (account_id, customer_id);
create table invoice (id {int} primary key, account_id {int} not null, subscription_id {int} not null, customer_id {int} not null, number {int} not null,
	period {int} not null, state text not null, total {int} not null, currency text not null, created_at {int} not null, paid_at {int} not null);
create unique index invoice_once on invoice (subscription_id, period);
create unique index invoice_number on invoice (account_id, number);
create index invoice_customer on invoice (account_id, customer_id);
create table line (id {int} primary key, account_id {int} not null, invoice_id {int} not null, description text not null, quantity {int} not null, amount {int} not null);
create index line_invoice on line (invoice_id);
create table payment (id {int} primary key, account_id {int} not null, invoice_id {int} not null, state text not null, amount {int} not null, key text not null, created_at {int} not null);
create unique index payment_invoice on payment (invoice_id);
create table ledger (id {int} primary key, account_id {int} not null, invoice_id {int} not null, book text not null, amount {int} not null, at {int} not null);
create index ledger_invoice on ledger (invoice_id);
create index ledger_book on ledger (account_id, book, at);
`

func schemaOf(word string) string { return strings.ReplaceAll(renewSchema, "{int}", word) }

// liteSettings are those of the product's writer.
const liteSettings = "?_txlock=immediate&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=cache_size(-65536)" +
	"&_pragma=wal_autocheckpoint(4000)&_pragma=journal_size_limit(67108864)&_pragma=temp_store(memory)&_pragma=busy_timeout(5000)"

const (
	nextDue = int64(1_770_000_000_000_000)
	monthUS = int64(30 * 86_400 * 1_000_000)
)

func seedLiteFloor(ctx context.Context, path string, subs int) error {
	d, err := sql.Open("sqlite", "file:"+path+liteSettings)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // committed before
	d.SetMaxOpenConns(1)
	if _, err := d.ExecContext(ctx, schemaOf("integer")); err != nil {
		return err
	}
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	insert, err := tx.PrepareContext(ctx, "insert into subscription values (?, ?, ?, 'active', ?, 'USD', 0, ?, 1)")
	if err != nil {
		return err
	}
	for i := range subs {
		if _, err := insert.ExecContext(ctx, i+1, i%accounts, i+1, 1900+i%4*1000, nextDue+int64(i)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

type dueRow struct{ id, account, customer, amount, period, nextAt, version int64 }

// books are the four ledger rows of a renewal that is issued and paid.
var books = [4]struct {
	name string
	sign int64
}{{"receivable", 1}, {"revenue", -1}, {"cash", 1}, {"receivable", -1}}

// renewLiteFloor renews all, 1,000 in one commit, every statement prepared: each
// subscription read and each row written by a statement of its own, or (grouped)
// subscriptions read 1,000 and rows inserted 100 at a time.
func renewLiteFloor(ctx context.Context, path string, subs int, grouped bool) (figures, error) {
	d, err := sql.Open("sqlite", "file:"+path+liteSettings)
	if err != nil {
		return figures{}, err
	}
	defer d.Close() //nolint:errcheck // audited before
	d.SetMaxOpenConns(1)
	conn, err := d.Conn(ctx)
	if err != nil {
		return figures{}, err
	}
	defer conn.Close() //nolint:errcheck // audited before
	f, err := watch(subs, nil, func() error {
		r, err := prepareLite(ctx, conn, grouped)
		if err != nil {
			return err
		}
		defer r.close()
		for done := 0; done < subs; {
			n, err := r.batch(ctx, done)
			if err != nil {
				return err
			}
			done += n
		}
		return nil
	})
	if err != nil {
		return f, err
	}
	return f, auditFloor(subs, func(q string) (n int64, err error) {
		err = conn.QueryRowContext(ctx, q).Scan(&n)
		return n, err
	})
}

const floorRows = 100 // rows in one statement

type liteRenewer struct {
	conn                                    *sql.Conn
	grouped                                 bool
	due, read, advance                      *sql.Stmt
	invoice, line, payment, ledger          *sql.Stmt // floorRows at a time
	invoice1, line1, payment1, ledger1      *sql.Stmt
	invoices, lines, payments, ledgerValues []any
}

func prepareLite(ctx context.Context, conn *sql.Conn, grouped bool) (*liteRenewer, error) {
	r := &liteRenewer{conn: conn, grouped: grouped}
	values := func(row string, n int) string { return strings.Repeat(row+", ", n-1) + row }
	const (
		invoice = "(?, ?, ?, ?, ?, ?, 'paid', ?, 'USD', ?, ?)"
		line    = "(?, ?, ?, ?, 1, ?)"
		payment = "(?, ?, ?, 'succeeded', ?, ?, ?)"
		ledger  = "(?, ?, ?, ?, ?, ?)"
	)
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&r.due, "select id, account_id, customer_id, amount, period, next_at, version from subscription where next_at <= ? order by next_at, id limit 1000"},
		{&r.read, "select id, account_id, customer_id, amount, period, next_at, version from subscription where id = ?"},
		{&r.advance, "update subscription set period = period + 1, next_at = ?, version = version + 1 where id = ? and version = ?"},
		{&r.invoice, "insert into invoice values " + values(invoice, floorRows)},
		{&r.line, "insert into line values " + values(line, floorRows)},
		{&r.payment, "insert into payment values " + values(payment, floorRows)},
		{&r.ledger, "insert into ledger values " + values(ledger, floorRows)},
		{&r.invoice1, "insert into invoice values " + invoice},
		{&r.line1, "insert into line values " + line},
		{&r.payment1, "insert into payment values " + payment},
		{&r.ledger1, "insert into ledger values " + ledger},
	} {
		st, err := conn.PrepareContext(ctx, p.text)
		if err != nil {
			return nil, err
		}
		*p.to = st
	}
	return r, nil
}

func (r *liteRenewer) close() {
	for _, st := range []*sql.Stmt{r.due, r.read, r.advance, r.invoice, r.line, r.payment, r.ledger, r.invoice1, r.line1, r.payment1, r.ledger1} {
		st.Close() //nolint:errcheck // nothing is running
	}
}

// batch renews up to 1,000 in one commit.
func (r *liteRenewer) batch(ctx context.Context, done int) (int, error) {
	if _, err := r.conn.ExecContext(ctx, "begin immediate"); err != nil {
		return 0, err
	}
	due, err := r.load(ctx, done)
	if err != nil {
		return 0, err
	}
	r.invoices, r.lines, r.payments, r.ledgerValues = r.invoices[:0], r.lines[:0], r.payments[:0], r.ledgerValues[:0]
	for i, s := range due {
		number := int64(done + i + 1)
		r.invoices = append(r.invoices, number, s.account, s.id, s.customer, number, s.period+1, s.amount, s.nextAt, s.nextAt)
		r.lines = append(r.lines, number, s.account, number, "Workspace, Plan 1", s.amount)
		r.payments = append(r.payments, number, s.account, number, s.amount, fmt.Sprintf("pay_%013d", number), s.nextAt)
		for k, book := range books {
			r.ledgerValues = append(r.ledgerValues, 4*number+int64(k), s.account, number, book.name, book.sign*s.amount, s.nextAt)
		}
	}
	for _, part := range []struct {
		many, one *sql.Stmt
		values    []any
		width     int
	}{{r.invoice, r.invoice1, r.invoices, 9}, {r.line, r.line1, r.lines, 5}, {r.payment, r.payment1, r.payments, 6}, {r.ledger, r.ledger1, r.ledgerValues, 6}} {
		many := part.many
		if !r.grouped {
			many = nil
		}
		if err := insertAll(ctx, many, part.one, part.values, part.width); err != nil {
			return 0, err
		}
	}
	for _, s := range due {
		if _, err := r.advance.ExecContext(ctx, s.nextAt+monthUS, s.id, s.version); err != nil {
			return 0, err
		}
	}
	_, err = r.conn.ExecContext(ctx, "commit")
	return len(due), err
}

// load reads the next 1,000 that are due. Subscriptions are numbered in the order
// in which they fall due.
func (r *liteRenewer) load(ctx context.Context, done int) ([]dueRow, error) {
	if r.grouped {
		return readDue(r.due.QueryContext(ctx, nextDue+int64(done)+1000))
	}
	list := make([]dueRow, 0, 1000)
	for i := range 1000 {
		one, err := readDue(r.read.QueryContext(ctx, done+i+1))
		if err != nil {
			return nil, err
		}
		if len(one) == 0 {
			break
		}
		list = append(list, one[0])
	}
	return list, nil
}

func insertAll(ctx context.Context, many, one *sql.Stmt, values []any, width int) error {
	for len(values) > 0 {
		st, n := one, width
		if many != nil && len(values) >= floorRows*width {
			st, n = many, floorRows*width
		}
		if _, err := st.ExecContext(ctx, values[:n]...); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

func readDue(rows *sql.Rows, err error) ([]dueRow, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err is read below
	var list []dueRow
	for rows.Next() {
		var s dueRow
		if err := rows.Scan(&s.id, &s.account, &s.customer, &s.amount, &s.period, &s.nextAt, &s.version); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

func seedPGFloor(ctx context.Context, c *cluster, subs int) error {
	if err := c.admin(ctx, "create database floor_template"); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, c.url("floor_template"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // committed before
	if _, err := conn.Exec(ctx, schemaOf("bigint")); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `insert into subscription select i + 1, i % $1, i + 1, 'active', 1900 + i % 4 * 1000, 'USD', 0, $2::bigint + i, 1 from generate_series(0, $3::bigint - 1) as i`,
		accounts, nextDue, subs)
	if err == nil {
		_, err = conn.Exec(ctx, "analyze")
	}
	return err
}

// renewPGFloor renews all on two connections, 500 in one transaction, each kind of
// row by one statement over arrays.
func renewPGFloor(ctx context.Context, c *cluster, database string, subs int) (figures, error) {
	var conns [2]*pgx.Conn
	for i := range conns {
		var err error
		if conns[i], err = pgx.Connect(ctx, c.url(database)); err != nil {
			return figures{}, err
		}
		defer conns[i].Close(ctx) //nolint:errcheck // audited before
	}
	var number atomic.Int64
	f, err := watch(subs, []int{c.pid()}, func() error {
		group, ctx := errgroup.WithContext(ctx)
		for _, conn := range conns {
			group.Go(func() error {
				for {
					n, err := renewPGBatch(ctx, conn, &number)
					if err != nil || n == 0 {
						return err
					}
				}
			})
		}
		return group.Wait()
	})
	if err != nil {
		return f, err
	}
	return f, auditFloor(subs, func(q string) (n int64, err error) {
		err = conns[0].QueryRow(ctx, q).Scan(&n)
		return n, err
	})
}

func renewPGBatch(ctx context.Context, conn *pgx.Conn, number *atomic.Int64) (int, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after Commit it does nothing
	rows, err := tx.Query(ctx, `select id, account_id, customer_id, amount, period, next_at, version from subscription
		where next_at <= $1 order by next_at, id limit 500 for update skip locked`, nextDue+monthUS-1)
	if err != nil {
		return 0, err
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s dueRow, err error) {
		err = row.Scan(&s.id, &s.account, &s.customer, &s.amount, &s.period, &s.nextAt, &s.version)
		return s, err
	})
	if err != nil || len(due) == 0 {
		return 0, err
	}
	n := len(due)
	first := number.Add(int64(n)) - int64(n) + 1
	col := func() []int64 { return make([]int64, n) }
	ids, accs, subs, customers, amounts, periods, at, next, versions := col(), col(), col(), col(), col(), col(), col(), col(), col()
	keys := make([]string, n)
	ledgerIDs, ledgerAccs, ledgerInvoices, ledgerAmounts, ledgerAt := make([]int64, 4*n), make([]int64, 4*n), make([]int64, 4*n), make([]int64, 4*n), make([]int64, 4*n)
	ledgerBooks := make([]string, 4*n)
	for i, s := range due {
		ids[i], accs[i], subs[i], customers[i], amounts[i], periods[i], at[i], next[i], versions[i] =
			first+int64(i), s.account, s.id, s.customer, s.amount, s.period+1, s.nextAt, s.nextAt+monthUS, s.version
		keys[i] = fmt.Sprintf("pay_%013d", ids[i])
		for k, book := range books {
			j := 4*i + k
			ledgerIDs[j], ledgerAccs[j], ledgerInvoices[j], ledgerBooks[j], ledgerAmounts[j], ledgerAt[j] = 4*ids[i]+int64(k), s.account, ids[i], book.name, book.sign*s.amount, s.nextAt
		}
	}
	for _, st := range []struct {
		text string
		args []any
	}{
		{`insert into invoice select u.id, u.account_id, u.sub, u.customer, u.id, u.period, 'paid', u.total, 'USD', u.at, u.at
			from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) as u(id, account_id, sub, customer, period, total, at)`,
			[]any{ids, accs, subs, customers, periods, amounts, at}},
		{`insert into line select u.id, u.account_id, u.id, 'Workspace, Plan 1', 1, u.amount from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as u(id, account_id, amount)`,
			[]any{ids, accs, amounts}},
		{`insert into payment select u.id, u.account_id, u.id, 'succeeded', u.amount, u.key, u.at
			from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[]) as u(id, account_id, amount, key, at)`,
			[]any{ids, accs, amounts, keys, at}},
		{`insert into ledger select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[])`,
			[]any{ledgerIDs, ledgerAccs, ledgerInvoices, ledgerBooks, ledgerAmounts, ledgerAt}},
		{`update subscription s set period = s.period + 1, next_at = u.next, version = s.version + 1
			from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as u(id, version, next) where s.id = u.id and s.version = u.version`,
			[]any{subs, versions, next}},
	} {
		if _, err := tx.Exec(ctx, st.text, st.args...); err != nil {
			return 0, err
		}
	}
	return n, tx.Commit(ctx)
}

// auditFloor counts what the floor has stored.
func auditFloor(subs int, count func(query string) (int64, error)) error {
	for _, check := range []struct {
		query string
		want  int
	}{
		{"select count(*) from subscription where period = 1 and version = 2", subs},
		{"select count(*) from invoice where state = 'paid' and period = 1", subs},
		{"select count(*) from line", subs},
		{"select count(*) from payment", subs},
		{"select count(*) from ledger", 4 * subs},
		{"select cast(coalesce(sum(amount), 1) as bigint) from ledger", 0},
	} {
		n, err := count(check.query)
		if err != nil {
			return err
		}
		if n != int64(check.want) {
			return fmt.Errorf("the floor stored %d, expected %d: %s", n, check.want, check.query)
		}
	}
	return nil
}
