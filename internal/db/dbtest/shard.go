package dbtest

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"perennial/internal/db"
)

// ShardFindings tells why the schema of a PostgreSQL database could not be
// sharded by merchant: a table without a kind, a key without the merchant, a
// foreign key that leaves him, a cycle of foreign keys, triggers, sequences,
// deferrable constraints, and constraints that the migrations do not name.
func ShardFindings(t testing.TB, d *db.DB, tables []db.TableKind, migrations fs.FS) []string {
	t.Helper()
	s := readSchema(t, d)
	kinds := map[string]db.TableKind{}
	for _, k := range tables {
		kinds[k.Name] = k
	}
	found := append(listed(s, tables, kinds), keys(s, kinds)...)
	found = append(found, foreign(s, kinds)...)
	found = append(found, cycles(s)...)
	for _, name := range s.triggers {
		found = append(found, "trigger "+name)
	}
	found = append(found, s.odd...)
	return append(found, unnamed(t, migrations)...)
}

func listed(s schema, tables []db.TableKind, kinds map[string]db.TableKind) (found []string) {
	there := map[string]bool{}
	for _, c := range s.columns {
		if !there[c.table] && kinds[c.table].Kind == 0 {
			found = append(found, "table "+c.table+" is not in the list of kinds")
		}
		there[c.table] = true
		if c.kind != "int" && c.kind != "text" && c.kind != "bytes" {
			found = append(found, fmt.Sprintf("column %s.%s has type %s", c.table, c.name, c.kind))
		}
	}
	for _, k := range tables {
		if !there[k.Name] {
			found = append(found, "table "+k.Name+" is listed but does not exist")
		}
	}
	return found
}

// owner is the column that says on which shard a row of the table lies, or "".
func owner(k db.TableKind) string {
	switch k.Kind {
	case db.Root:
		return "id"
	case db.Merchant:
		return "account_id"
	case db.Directory:
		return k.Key
	}
	return ""
}

func keys(s schema, kinds map[string]db.TableKind) (found []string) {
	primary := map[string]bool{}
	for _, x := range s.indexes {
		k := kinds[x.table]
		column := owner(k)
		primary[x.table] = primary[x.table] || x.primary
		if column == "" || !x.unique {
			continue
		}
		if !slices.Contains(x.cols, column) {
			found = append(found, fmt.Sprintf("unique %s (%s) has no %s", x.name, strings.Join(x.cols, ", "), column))
		} else if x.primary && x.cols[0] != column {
			found = append(found, fmt.Sprintf("primary key %s does not begin with %s", x.name, column))
		}
	}
	for name := range kinds {
		if !primary[name] && slices.ContainsFunc(s.columns, func(c column) bool { return c.table == name }) {
			found = append(found, "table "+name+" has no primary key")
		}
	}
	slices.Sort(found)
	return found
}

func foreign(s schema, kinds map[string]db.TableKind) (found []string) {
	for _, f := range s.foreign {
		child, parent := kinds[f.table].Kind, kinds[f.parent].Kind
		bad := func(why string) {
			found = append(found, fmt.Sprintf("foreign key %s (%s → %s) %s", f.name, f.table, f.parent, why))
		}
		if strings.HasPrefix(f.onDelete, "set") || strings.HasPrefix(f.onUpdate, "set") {
			bad("sets the merchant to null or a default")
		}
		owned := parent == db.Merchant || parent == db.Root
		switch {
		case child == db.Merchant && owned:
			if !pairs(f, "account_id", owner(kinds[f.parent])) {
				bad("does not pair the merchants")
			}
		case child == db.Merchant && parent != db.Reference:
			bad("leads to a table that lies elsewhere")
		case child != db.Merchant && child != db.Root && owned:
			bad("leads from elsewhere to a merchant's table")
		}
	}
	return found
}

func pairs(f foreignKey, col, parentCol string) bool {
	for i := range f.cols {
		if f.cols[i] == col && f.parentCols[i] == parentCol {
			return true
		}
	}
	return false
}

func cycles(s schema) (found []string) {
	next := map[string][]string{}
	for _, f := range s.foreign {
		if f.table != f.parent {
			next[f.table] = append(next[f.table], f.parent)
		}
	}
	state := map[string]int{} // 1 on the path, 2 done
	var visit func(table string)
	visit = func(table string) {
		state[table] = 1
		for _, p := range next[table] {
			switch state[p] {
			case 1:
				found = append(found, "the foreign keys from "+table+" to "+p+" close a cycle")
			case 0:
				visit(p)
			}
		}
		state[table] = 2
	}
	for _, f := range s.foreign {
		if state[f.table] == 0 {
			visit(f.table)
		}
	}
	return found
}

var (
	comment    = regexp.MustCompile(`--[^\n]*`)
	constraint = regexp.MustCompile(`(?i)(constraint\s+(\w+)\s+)?\b(primary\s+key|foreign\s+key|unique|check|references|exclude)\b\s*(\w*)`)
	inside     = regexp.MustCompile(`(?i)create\s+unique\s+index`)
)

// unnamed finds constraints without a name in the text of migrations: the names
// that an engine makes up differ between engines and between shards.
func unnamed(t testing.TB, migrations fs.FS) (found []string) {
	t.Helper()
	files, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		raw, err := fs.ReadFile(migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		text := inside.ReplaceAllString(comment.ReplaceAllString(string(raw), ""), "create index")
		for _, line := range strings.Split(text, "\n") {
			named := false // references follows the foreign key that carries the name
			for _, m := range constraint.FindAllStringSubmatch(line, -1) {
				if m[2] == "" && (!named || !strings.EqualFold(m[3], "references")) {
					found = append(found, name+": a constraint without a name: "+strings.TrimSpace(line))
				}
				named = m[2] != ""
			}
		}
	}
	return found
}
