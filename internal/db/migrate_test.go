package db_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
)

func TestMigrateGoesOnWhereItWas(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		put(t, d, 1)
		more := maps.Clone(things)
		more["0002_more.sql"] = &fstest.MapFile{Data: []byte(`-- +goose Up
alter table thing add column open {bool} not null default {false};
`)}
		for range 2 {
			if err := d.MigrateFrom(t.Context(), more); err != nil {
				t.Fatal(err)
			}
		}
		var id int64
		err := d.View(t.Context(), func(tx *db.Tx) error {
			return tx.One([]any{&id}, "select id from thing where account_id = $1 and not open", 1)
		})
		if err != nil || id != 1 {
			t.Error(id, err)
		}
		d = dbtest.Again(t, d)
		err = d.MigrateFrom(t.Context(), things)
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "version 2") {
			t.Errorf("an older program: %v", err)
		}
		broken := fstest.MapFS{"0001_things.sql": things["0001_things.sql"], "0002_more.sql": more["0002_more.sql"],
			"0003_bad.sql": {Data: []byte("-- +goose Up\ncreate table bad (id {int} not null);\ncreate tabel worse (id {int});\n")}}
		if err := d.MigrateFrom(t.Context(), broken); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a broken migration: %v", err)
		}
		err = d.View(t.Context(), func(tx *db.Tx) error { return tx.One([]any{&id}, "select id from bad") })
		if err == nil || fault.Is(err, fault.NotFound) {
			t.Errorf("half of a migration stayed: %v", err)
		}
		put(t, d, 2)
	})
}

func TestSchemaIsTheSameOnBothEngines(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]dbtest.Option{"program": nil, "things": {dbtest.Schema(things)}} {
		lite := dbtest.Catalog(t, dbtest.New(t, db.SQLite, opts...))
		pg := dbtest.Catalog(t, dbtest.New(t, db.PostgreSQL, opts...))
		for _, line := range lite {
			if !slices.Contains(pg, line) {
				t.Errorf("%s: only SQLite has: %s", name, line)
			}
		}
		for _, line := range pg {
			if !slices.Contains(lite, line) {
				t.Errorf("%s: only PostgreSQL has: %s", name, line)
			}
		}
		if len(lite) < 10 {
			t.Errorf("%s: %d lines: the catalog was not read", name, len(lite))
		}
	}
}

func TestSchemaCanBeSharded(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t, db.PostgreSQL)
	for _, f := range dbtest.ShardFindings(t, d, db.Tables, db.Migrations()) {
		t.Error(f)
	}
}

// Each planted mistake is found.
func TestShardCheckFindsMistakes(t *testing.T) {
	t.Parallel()
	bad := fstest.MapFS{"0001_bad.sql": {Data: []byte(`-- +goose Up
create table account (id bigint not null, constraint account_pk primary key (id));
create table directory (key text not null, account_id bigint not null, constraint directory_pk primary key (account_id, key));
create table unlisted (account_id bigint not null, constraint unlisted_pk primary key (account_id));
create table parent (
  id bigint not null, account_id bigint not null, code text not null, weight numeric,
  constraint parent_pk primary key (id, account_id),
  constraint parent_code_ux unique (code),
  constraint parent_late_ux unique (account_id, code) deferrable initially deferred
);
create table child (
  account_id bigint not null, id bigint not null generated always as identity, parent_id bigint, key text,
  constraint child_pk primary key (account_id, id),
  constraint child_account_fk foreign key (id) references account (id),
  constraint child_directory_fk foreign key (account_id, key) references directory (account_id, key) on delete set null,
  check (parent_id > 0)
);
create table left_one (account_id bigint not null, id bigint not null default 1, constraint left_pk primary key (account_id, id));
create table right_one (account_id bigint not null, id bigint not null, constraint right_pk primary key (account_id, id),
  constraint right_left_fk foreign key (account_id, id) references left_one (account_id, id));
alter table left_one add constraint left_right_fk foreign key (account_id, id) references right_one (account_id, id);
create table log (account_id bigint not null, constraint log_account_fk foreign key (account_id) references account (id));
-- +goose StatementBegin
create function nothing() returns trigger language plpgsql as 'begin return new; end';
-- +goose StatementEnd
create trigger child_trigger before insert on child for each row execute function nothing();
`)}}
	d := dbtest.New(t, db.PostgreSQL, dbtest.Schema(bad))
	kinds := []db.TableKind{{Name: "account", Kind: db.Root}, {Name: "directory", Kind: db.Directory, Key: "key"}, {Name: "parent", Kind: db.Merchant},
		{Name: "child", Kind: db.Merchant}, {Name: "left_one", Kind: db.Merchant}, {Name: "right_one", Kind: db.Merchant},
		{Name: "log", Kind: db.Coordinator}, {Name: "absent", Kind: db.Merchant}}
	found := strings.Join(dbtest.ShardFindings(t, d, kinds, bad), "\n")
	for _, want := range []string{
		"table unlisted is not in the list",
		"table absent is listed but does not exist",
		"parent.weight has type numeric",
		"unique parent_code_ux (code) has no account_id",
		"primary key parent_pk does not begin with account_id",
		"primary key directory_pk does not begin with key",
		"table log has no primary key",
		"child_account_fk (child → account) does not pair",
		"child_directory_fk (child → directory) sets",
		"child_directory_fk (child → directory) leads to a table that lies elsewhere",
		"log_account_fk (log → account) leads from elsewhere",
		"close a cycle",
		"trigger child_trigger",
		"child.id takes its value from a sequence",
		"parent_late_ux is an exclusion or deferrable",
		"a constraint without a name: check (parent_id > 0)",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("not found: %s", want)
		}
	}
	if t.Failed() {
		t.Log("\n" + found)
	}
}

// With made-up statistics SQLite takes the index that fits best from the first row on.
func TestPlansOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t, db.SQLite)
	pg := dbtest.New(t, db.PostgreSQL)
	var list, pgList []db.Statement
	for _, q := range []string{
		"select id from subscription where account_id = $1 and customer_id = $2 order by id limit 20",
		"select id from subscription where account_id = $1 and state = $2 and id < $3 order by id desc limit 20",
		"select id from subscription where account_id = $1 and next_action_at is not null and next_action_at <= $2 order by next_action_at, id limit 200",
		"select id from customer where account_id = $1 and email = $2 and email <> '' and deleted_at is null",
		"update subscription set lease_until = $1, version = version + 1 where account_id = $2 and id in (select id from subscription where account_id = $2 and next_action_at <= $3 and next_action_at is not null and lease_until <= $1 order by next_action_at, id limit $4)",
		"select i.id, p.id from invoice i join payment p on p.account_id = i.account_id and p.invoice_id = i.id and p.state in ('pending', 'succeeded') where i.account_id = $1 and i.id = $2",
		"select amount from ledger_entry where account_id = $1 and invoice_id = $2",
		"select id from event where account_id = $1 and customer_id = $2 and customer_id is not null order by id desc limit 50",
	} {
		list = append(list, db.Statement{Text: q})
		if strings.HasPrefix(q, "update") {
			q = strings.Replace(q, "limit $4)", "limit $4 for update skip locked)", 1)
		}
		pgList = append(pgList, db.Statement{Text: q})
	}
	anyOf := func(d *db.DB) db.Statement {
		var q string
		if err := d.View(t.Context(), func(tx *db.Tx) error { q = tx.AnyOf("id", 2); return nil }); err != nil {
			t.Fatal(err)
		}
		return db.Statement{Text: "select name from product where account_id = $1 and " + q}
	}
	dbtest.CheckPlans(t, d, append(list, anyOf(d)))
	dbtest.CheckPlans(t, pg, append(pgList, anyOf(pg)))
}

func TestPlanCheckFindsWalks(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := open()
		walks := []db.Statement{{Text: "select s.id from subscription s where s.currency = $1"},
			{Text: "update product set name = $1 where name = $2"}}
		if d.Engine() == db.SQLite {
			walks = append(walks, db.Statement{Text: "select id from payment where account_id = $1 and gateway = $2"})
		}
		found := dbtest.PlanFindings(t, d, walks)
		if len(found) != len(walks) {
			t.Errorf("found %d of %d: %v", len(found), len(walks), found)
		}
		if found := dbtest.PlanFindings(t, d, walks, dbtest.Allow{Plans: []string{"from subscription", "update product", "from payment"}}); len(found) != 0 {
			t.Errorf("allowed, but found: %v", found)
		}
		if found := dbtest.PlanFindings(t, d, []db.Statement{{Text: "select nothing from nowhere"}}); len(found) != 1 {
			t.Errorf("a statement without a plan: %v", found)
		}
	})
}

func TestStatementCheck(t *testing.T) {
	t.Parallel()
	good := []string{
		"select s.id, c.name from subscription s join customer c on c.account_id = s.account_id and c.id = s.customer_id where s.account_id = $1 and s.id = $2",
		"select id from product where account_id = $1 and id in (select product_id from price where account_id = $1 and amount > $2)",
		"select id, (select count(*) from invoice i where i.account_id = s.account_id and i.subscription_id = s.id) from subscription s where s.account_id = $1",
		"insert into alias (account_id, dialect, kind, theirs, ours) values ($1, $2, $3, $4, $5) on conflict do nothing",
		"insert into invoice_series (account_id, series, next) values ($1, $2, 2) on conflict (account_id, series) do update set next = invoice_series.next + 1 returning next",
		"update invoice set state = 'paid', version = version + 1 where account_id = $1 and id = $2 and version = $3",
		"select account_id from api_key where hash = $1",
		"select name from account where id = $1",
		"with due as (select id from subscription where account_id = $1 and next_action_at <= $2 limit 10) select count(*) from due",
		"select id from event where account_id = $1 and kind = 'from invoice' union all select id from outbox where account_id = $1",
		"delete from idempotency where account_id = $1 and created_at < $2",
		"select 1",
	}
	for _, q := range good {
		if found := dbtest.StatementFindings([]db.Statement{{Text: q}}); len(found) != 0 {
			t.Errorf("refused without need: %v", found)
		}
	}
	for q, want := range map[string]string{
		"select id from subscription where id = $1":                                                       "subscription appears without",
		"select s.id from subscription s join customer c on c.id = s.customer_id where s.account_id = $1": "customer appears without",
		"select id from product where account_id = $1 and id in (select product_id from price)":           "price appears without",
		"select id from event where account_id = $1 union all select id from outbox":                      "outbox appears without",
		"update invoice set state = $1 where id = $2":                                                     "invoice appears without",
		"delete from idempotency where created_at < $1":                                                   "idempotency appears without",
		"select name from account":                                                                        "account appears without",
		"select id from event where account_id = any($1)":                                                 "event appears without",
		"update invoice set account_id = $1 where account_id = $2":                                        "cannot change its merchant",
		"insert into event (account_id, id) select $1, u.id from unnest($2) as u(id)":                     "without the account row",
		"update product set created_at = now() where account_id = $1":                                     "time and chance",
		"lock table invoice":         "LOCK TABLE",
		"select pg_advisory_lock(1)": "advisory",
	} {
		found := dbtest.StatementFindings([]db.Statement{{Text: q}})
		if !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("not found in %q: %q, but %v", q, want, found)
		}
		if found := dbtest.StatementFindings([]db.Statement{{Text: q}}, dbtest.Allow{Statements: []string{q}}); len(found) != 0 {
			t.Errorf("allowed, but found: %v", found)
		}
	}
}

func TestTransactionCheck(t *testing.T) {
	t.Parallel()
	one := db.Statement{Tx: 1, Write: true, Text: "update product set name = $2 where account_id = $1 and id = $3", Args: []any{int64(7), "x", int64(1)}}
	same := db.Statement{Tx: 1, Write: true, Text: "insert into alias (dialect, account_id, kind) values ('x', $2, $1)", Args: []any{"k", int64(7)}}
	other := db.Statement{Tx: 1, Write: true, Text: same.Text, Args: []any{"k", int64(8)}}
	bulk := db.Statement{Tx: 1, Write: true, Bulk: true, Text: "insert into event (account_id) values (?)", Accounts: []int64{8}}
	root := db.Statement{Tx: 1, Write: true, Text: "select name from account where id = $1", Args: []any{int64(8)}}
	if found := dbtest.StatementFindings([]db.Statement{one, same}); len(found) != 0 {
		t.Error(found)
	}
	for _, second := range []db.Statement{other, bulk, root} {
		if found := dbtest.StatementFindings([]db.Statement{one, second}); len(found) != 1 || !strings.Contains(found[0], "2 merchants") {
			t.Errorf("%s: %v", second.Text, found)
		}
		if found := dbtest.StatementFindings([]db.Statement{one, second}, dbtest.Allow{Transactions: []string{"update product"}}); len(found) != 0 {
			t.Errorf("allowed, but found: %v", found)
		}
		second.Tx = 2
		if found := dbtest.StatementFindings([]db.Statement{one, second}); len(found) != 0 {
			t.Errorf("two transactions: %v", found)
		}
	}
}

// The bulk helper passes the checks that it makes others pass.
func TestBulkStatementsPassTheChecks(t *testing.T) {
	t.Parallel()
	schema := fstest.MapFS{"0001_endpoint.sql": {Data: []byte(`-- +goose Up
create table account (id {int} not null, constraint account_pk primary key (id)){strict};
insert into account (id) values (1);
create table endpoint (account_id {int} not null, id {int} not null, kind text not null, state text not null, version {int} not null,
  constraint endpoint_pk primary key (account_id, id)){strict};
`)}}
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		var list []db.Statement
		d := dbtest.New(t, engine, dbtest.Schema(schema), dbtest.Observe(func(s db.Statement) { list = append(list, s) }))
		endpoint := db.NewTable("endpoint", db.Int("account_id"), db.Int("id"), db.Text("kind"), db.Text("state"), db.Int("version"))
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			add := func(i int, r *db.Row) {
				r.Int(1)
				r.Int(int64(i))
				r.Text("webhook")
				r.Text(fmt.Sprint(i))
				r.Int(1)
			}
			if err := tx.Insert(endpoint, 3, add); err != nil {
				return err
			}
			if _, err := tx.InsertNew(endpoint, 5, add); err != nil {
				return err
			}
			// Without an account row, and for two merchants at once, it stores all the same.
			err := tx.Insert(endpoint, 2, func(i int, r *db.Row) { r.Int(2); r.Int(int64(i)); r.Text("x"); r.Text("y"); r.Int(1) })
			if err != nil {
				return err
			}
			if n, err := tx.InsertIgnore(endpoint, 4, func(i int, r *db.Row) {
				r.Int(int64(i%2 + 2))
				r.Int(int64(i / 2))
				r.Text("x")
				r.Text("y")
				r.Int(1)
			}); err != nil || n != 2 {
				return fmt.Errorf("%d stored for two merchants: %w", n, err)
			}
			lost, err := tx.Update(endpoint, []string{"state"}, 5, func(i int, r *db.Row) {
				r.Int(1)
				r.Int(int64(i))
				r.Int(1)
				r.Text("off")
			})
			if len(lost) != 0 {
				t.Errorf("%s: lost %v", engine, lost)
			}
			return err
		})
		if err != nil {
			t.Fatal(engine, err)
		}
		joined := slices.ContainsFunc(list, func(s db.Statement) bool { return strings.Contains(s.Text, "from account a cross join") })
		if joined != (engine == db.PostgreSQL) {
			t.Errorf("%s: joined to the account: %t", engine, joined)
		}
		dbtest.CheckStatements(t, list, dbtest.Allow{Transactions: []string{"insert into endpoint"}})
		dbtest.CheckPlans(t, d, list)
	}
}
