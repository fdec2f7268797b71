package dbtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"perennial/internal/db"
)

// schema is what a database says of its own tables.
type schema struct {
	columns  []column
	indexes  []index
	foreign  []foreignKey
	triggers []string
	odd      []string // PostgreSQL: identity columns, sequences, exclusion and deferrable constraints
}

type column struct {
	table, name, kind string
	null              bool
	preset            string // the default, or ""
}

type index struct {
	table, name              string
	primary, unique, partial bool
	cols                     []string
}

type foreignKey struct {
	table, parent      string
	cols, parentCols   []string
	onDelete, onUpdate string
	name               string // "" on SQLite
}

// Catalog describes tables, columns, keys, indexes and foreign keys in lines that
// are the same on both engines when the schemas are. Names of constraints,
// wording of conditions, and the difference between integer and boolean are left out.
func Catalog(t testing.TB, d *db.DB) []string {
	t.Helper()
	s := readSchema(t, d)
	var lines []string
	for _, c := range s.columns {
		lines = append(lines, fmt.Sprintf("%s.%s %s null=%t default=%t", c.table, c.name, c.kind, c.null, c.preset != ""))
	}
	for _, x := range s.indexes {
		word := "index"
		if x.primary {
			word = "primary key"
		} else if x.unique {
			word = "unique"
		}
		lines = append(lines, fmt.Sprintf("%s %s (%s) partial=%t", x.table, word, strings.Join(x.cols, ", "), x.partial))
	}
	for _, f := range s.foreign {
		lines = append(lines, fmt.Sprintf("%s (%s) references %s (%s) on delete %s on update %s", f.table,
			strings.Join(f.cols, ", "), f.parent, strings.Join(f.parentCols, ", "), f.onDelete, f.onUpdate))
	}
	slices.Sort(lines)
	return lines
}

func readSchema(t testing.TB, d *db.DB) schema {
	t.Helper()
	var s schema
	err := d.View(context.Background(), func(tx *db.Tx) error {
		if d.Engine() == db.PostgreSQL {
			return s.readPostgres(tx)
		}
		return s.readSQLite(tx)
	})
	if err != nil {
		t.Fatalf("the catalog: %v", err)
	}
	return s
}

func (s *schema) readSQLite(tx *db.Tx) error {
	const tables = "pragma_table_list t where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite_%' and t.name <> 'goose_db_version'"
	from := func(more string) string { return strings.Replace(tables, "t where", "t, "+more+" where", 1) }
	err := tx.Each(func(row db.Scan) error {
		var c column
		err := row(&c.table, &c.name, &c.kind, &c.null, db.ScanText(&c.preset))
		c.kind = kindOf(c.kind)
		s.columns = append(s.columns, c)
		return err
	}, "select t.name, c.name, lower(c.type), c.\"notnull\" = 0 and c.pk = 0, c.dflt_value from "+
		from("pragma_table_xinfo(t.name) c")+" order by t.name, c.cid")
	if err != nil {
		return err
	}
	err = tx.Each(func(row db.Scan) error {
		var x index
		var col string
		err := row(&x.table, &x.name, &x.primary, &x.unique, &x.partial, db.ScanText(&col))
		s.addIndex(x, col)
		return err
	}, `select t.name, i.name, 0, i."unique", i.partial, x.name from `+
		from("pragma_index_list(t.name) i, pragma_index_xinfo(i.name) x")+" and x.key = 1 and i.origin <> 'pk' order by t.name, i.name, x.seqno")
	if err != nil {
		return err
	}
	// A key that is the row's own number has no index, so keys are read from the columns.
	err = tx.Each(func(row db.Scan) error {
		x := index{name: "primary key", primary: true, unique: true}
		var col string
		err := row(&x.table, &col)
		s.addIndex(x, col)
		return err
	}, "select t.name, c.name from "+from("pragma_table_xinfo(t.name) c")+" and c.pk > 0 order by t.name, c.pk")
	if err != nil {
		return err
	}
	err = tx.Each(func(row db.Scan) error {
		var f foreignKey
		var id int64
		var col, parentCol string
		err := row(&f.table, &id, &f.parent, &col, db.ScanText(&parentCol), &f.onDelete, &f.onUpdate)
		f.name = fmt.Sprint(id)
		s.addForeign(f, col, parentCol)
		return err
	}, `select t.name, f.id, f."table", f."from", f."to", lower(f.on_delete), lower(f.on_update) from `+
		from("pragma_foreign_key_list(t.name) f")+" order by t.name, f.id, f.seq")
	if err != nil {
		return err
	}
	return tx.Each(func(row db.Scan) error {
		var name string
		err := row(&name)
		s.triggers = append(s.triggers, name)
		return err
	}, "select name from sqlite_schema where type = 'trigger'")
}

const pgTables = `pg_class t join pg_namespace n on n.oid = t.relnamespace and n.nspname = 'public'`
const pgIsTable = ` t.relkind in ('r', 'p') and t.relname <> 'goose_db_version'`

func (s *schema) readPostgres(tx *db.Tx) error {
	err := tx.Each(func(row db.Scan) error {
		var c column
		var identity bool
		err := row(&c.table, &c.name, &c.kind, &c.null, db.ScanText(&c.preset), &identity)
		if identity || strings.Contains(c.preset, "nextval") {
			s.odd = append(s.odd, c.table+"."+c.name+" takes its value from a sequence")
		}
		c.kind = kindOf(c.kind)
		s.columns = append(s.columns, c)
		return err
	}, `select t.relname, a.attname, format_type(a.atttypid, a.atttypmod), not a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity <> ''
		from `+pgTables+` join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
		left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum where `+pgIsTable+` order by t.relname, a.attnum`)
	if err != nil {
		return err
	}
	err = tx.Each(func(row db.Scan) error {
		var x index
		var col string
		var exclusion, immediate bool
		err := row(&x.table, &x.name, &x.primary, &x.unique, &x.partial, &exclusion, &immediate, db.ScanText(&col))
		if exclusion || !immediate {
			s.odd = append(s.odd, x.name+" is an exclusion or deferrable constraint")
		}
		s.addIndex(x, col)
		return err
	}, `select t.relname, i.relname, x.indisprimary, x.indisunique, x.indpred is not null, x.indisexclusion, x.indimmediate or not x.indisunique, a.attname
		from `+pgTables+` join pg_index x on x.indrelid = t.oid join pg_class i on i.oid = x.indexrelid
		cross join lateral unnest(x.indkey::int2[]) with ordinality k(att, n)
		left join pg_attribute a on a.attrelid = t.oid and a.attnum = k.att
		where k.n <= x.indnkeyatts and `+pgIsTable+` order by t.relname, i.relname, k.n`)
	if err != nil {
		return err
	}
	err = tx.Each(func(row db.Scan) error {
		var f foreignKey
		var col, parentCol string
		var deferrable bool
		err := row(&f.table, &f.name, &f.parent, &col, &parentCol, &f.onDelete, &f.onUpdate, &deferrable)
		if deferrable {
			s.odd = append(s.odd, f.name+" is deferrable")
		}
		f.onDelete, f.onUpdate = actions[f.onDelete], actions[f.onUpdate]
		s.addForeign(f, col, parentCol)
		return err
	}, `select t.relname, c.conname, p.relname, a.attname, b.attname, c.confdeltype::text, c.confupdtype::text, c.condeferrable
		from `+pgTables+` join pg_constraint c on c.conrelid = t.oid and c.contype = 'f' join pg_class p on p.oid = c.confrelid
		cross join lateral unnest(c.conkey, c.confkey) with ordinality k(att, ref, n)
		join pg_attribute a on a.attrelid = t.oid and a.attnum = k.att
		join pg_attribute b on b.attrelid = p.oid and b.attnum = k.ref
		where `+pgIsTable+` order by t.relname, c.conname, k.n`)
	if err != nil {
		return err
	}
	err = tx.Each(func(row db.Scan) error {
		var name string
		err := row(&name)
		s.triggers = append(s.triggers, name)
		return err
	}, `select g.tgname from `+pgTables+` join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal where `+pgIsTable)
	if err != nil {
		return err
	}
	return tx.Each(func(row db.Scan) error {
		var name string
		err := row(&name)
		s.odd = append(s.odd, name+" is a sequence")
		return err
	}, `select t.relname from `+pgTables+` where t.relkind = 'S' and t.relname not like 'goose%'`)
}

var actions = map[string]string{"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}

// kindOf is the kind of a column's type; a type outside of the list keeps its name.
func kindOf(name string) string {
	switch name {
	case "integer", "bigint", "boolean":
		return "int"
	case "blob", "bytea":
		return "bytes"
	}
	return name
}

func (s *schema) addIndex(x index, col string) {
	if n := len(s.indexes); n > 0 && s.indexes[n-1].table == x.table && s.indexes[n-1].name == x.name {
		s.indexes[n-1].cols = append(s.indexes[n-1].cols, col)
		return
	}
	x.cols = []string{col}
	s.indexes = append(s.indexes, x)
}

func (s *schema) addForeign(f foreignKey, col, parentCol string) {
	if n := len(s.foreign); n > 0 && s.foreign[n-1].table == f.table && s.foreign[n-1].name == f.name {
		last := &s.foreign[n-1]
		last.cols, last.parentCols = append(last.cols, col), append(last.parentCols, parentCol)
		return
	}
	f.cols, f.parentCols = []string{col}, []string{parentCol}
	s.foreign = append(s.foreign, f)
}
