package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"perennial/internal/db"
)

// CheckPlans fails the test for every statement whose plan on d walks a whole
// table of the merchants, or, on SQLite, a whole account. D was made by this
// package and has the schema of the program; its rows do not matter.
func CheckPlans(t testing.TB, d *db.DB, list []db.Statement, allow ...Allow) {
	t.Helper()
	for _, f := range PlanFindings(t, d, list, allow...) {
		t.Error(f)
	}
}

// PlanFindings is what CheckPlans reports.
func PlanFindings(t testing.TB, d *db.DB, list []db.Statement, allow ...Allow) (found []string) {
	t.Helper()
	a := Allow{}.merge(allow)
	s := readSchema(t, d)
	e := explainer{merchant: map[string]bool{}, indexes: map[string]string{}}
	for _, k := range db.Tables {
		e.merchant[k.Name] = k.Kind == db.Merchant
	}
	for _, x := range s.indexes {
		e.indexes[x.name] = x.table
	}
	engine := d.Engine()
	driver, url := "sqlite", Options(t, d).URL
	if engine == db.PostgreSQL {
		driver, url = "pgx", url+"&default_query_exec_mode=simple_protocol" // the checks prepare by themselves
		if !strings.Contains(url, "?") {
			url = strings.Replace(url, "&", "?", 1)
		}
	}
	pool, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close() //nolint:errcheck // only read
	pool.SetMaxOpenConns(1)
	seen := map[string]bool{}
	for _, st := range list {
		text := flat(st.Text)
		if seen[text] || listedIn(a.Plans, text) || !plannable(text) {
			continue
		}
		seen[text] = true
		var why []string
		if engine == db.PostgreSQL {
			why, err = e.postgres(pool, st.Text)
		} else {
			why, err = e.sqlite(pool, st.Text, text)
		}
		if err != nil {
			found = append(found, fmt.Sprintf("no plan (%v): %s", err, st.Text))
		}
		for _, w := range why {
			found = append(found, w+": "+st.Text)
		}
	}
	return found
}

func plannable(text string) bool {
	verb, _, _ := strings.Cut(text, " ")
	return isOneOf(verb, "select", "with", "update", "delete") || verb == "insert" && strings.Contains(text, "select")
}

type explainer struct {
	merchant map[string]bool
	indexes  map[string]string // index -> table
}

var (
	liteStep = regexp.MustCompile(`^(SCAN|SEARCH) (\S+)`)
	wholeAcc = regexp.MustCompile(`\(account_id=\?\)$`)
	pgNode   = regexp.MustCompile(`(Seq Scan|Index Scan|Index Only Scan|Index Scan Backward|Index Only Scan Backward|Bitmap Index Scan)(?: using (\S+))? on (\S+)`)
	bindExp  = regexp.MustCompile(`\$(\d+)`)
)

func (e explainer) sqlite(pool *sql.DB, q, text string) (why []string, err error) {
	tables := map[string]string{}
	for _, sc := range parse(text) {
		for _, r := range sc.refs {
			tables[r.alias] = r.table
		}
	}
	lines, err := steps(pool, "explain query plan "+q, max(binds(q), strings.Count(text, "?")))
	for _, line := range lines {
		m := liteStep.FindStringSubmatch(line)
		if m == nil || !e.merchant[tables[m[2]]] {
			continue
		}
		if m[1] == "SCAN" {
			why = append(why, "walks the table ("+line+")")
		} else if wholeAcc.MatchString(line) {
			why = append(why, "walks the account ("+line+")")
		}
	}
	return why, err
}

// binds is the number of $n binds.
func binds(q string) (n int) {
	for _, m := range bindExp.FindAllStringSubmatch(q, -1) {
		if i, err := strconv.Atoi(m[1]); err == nil {
			n = max(n, i)
		}
	}
	return n
}

func steps(pool *sql.DB, q string, binds int) (lines []string, err error) {
	rows, err := pool.QueryContext(context.Background(), q, make([]any, binds)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err is read below
	for rows.Next() {
		var a, b, c int64
		var line string
		if err := rows.Scan(&a, &b, &c, &line); err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, rows.Err()
}

// postgres asks for the plan that serves every value of the binds. Walking the
// table is made dear, so that it is seen only where there is no other way.
func (e explainer) postgres(pool *sql.DB, q string) (why []string, err error) {
	ctx := context.Background()
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was done
	execute := "explain execute one"
	if n := binds(q); n > 0 {
		execute += "(" + strings.Repeat("null, ", n-1) + "null)"
	}
	for _, s := range []string{"deallocate all", "set local plan_cache_mode = force_generic_plan", "set local enable_seqscan = off",
		"set local enable_bitmapscan = off", "prepare one as " + q} {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return nil, err
		}
	}
	rows, err := tx.QueryContext(ctx, execute)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err is read below
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return e.judge(lines), rows.Err()
}

func (e explainer) judge(lines []string) (why []string) {
	for i, line := range lines {
		m := pgNode.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		table := m[3]
		if of, ok := e.indexes[table]; ok {
			table = of // a bitmap scan names its index
		}
		if !e.merchant[table] {
			continue
		}
		rest := lines[i+1:]
		if end := slices.IndexFunc(rest, func(l string) bool { return strings.Contains(l, "->") }); end >= 0 {
			rest = rest[:end]
		}
		narrowed := slices.ContainsFunc(rest, func(l string) bool {
			return strings.Contains(l, "Index Cond:") && strings.Contains(l, "account_id")
		})
		if !narrowed {
			why = append(why, "walks the table ("+strings.TrimSpace(line)+")")
		}
	}
	return why
}
