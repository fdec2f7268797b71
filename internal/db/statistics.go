package db

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// The made-up shape of the data. With account_id first in every key and no
// statistics SQLite answers "this account, this customer" by walking the whole
// account, and a new installation has nothing to count. These figures make it
// take the index that fits most columns, from the first row on.
const (
	tableRows   = 1_000_000
	partialRows = 100_000
	perAccount  = 10 // rows an account holds: one part in so many
	perFirst    = 1_000
)

// perNext is how many rows share the second, third … column of an index as well.
var perNext = []int{10, 5, 4, 3, 2}

type liteIndex struct {
	table, name           string
	rowless               bool
	unique, partial, main bool
	cols                  []string
}

// writeStatistics replaces the statistics of SQLite's planner. Connections that
// are open already do not see them.
func writeStatistics(ctx context.Context, pool *sql.DB) error {
	indexes, err := liteIndexes(ctx, pool)
	if err != nil || len(indexes) == 0 {
		return err
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	// Counting one small table makes sqlite_stat1 where there is none yet.
	for _, q := range []string{"analyze goose_db_version", "delete from sqlite_stat1"} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	for _, ix := range indexes {
		name := any(ix.name)
		switch {
		case ix.name == "":
			name = nil // a table whose key is the row's own number
		case ix.rowless && ix.main:
			name = ix.table // the key of a table without rowid goes by the table's name
		}
		if _, err := tx.ExecContext(ctx, "insert into sqlite_stat1 (tbl, idx, stat) values (?, ?, ?)", ix.table, name, ix.shape()); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "analyze sqlite_schema"); err != nil {
		return err
	}
	return tx.Commit()
}

// shape is the number of rows, then how many share the first column, the first
// two, and so on.
func (ix liteIndex) shape() string {
	rows := tableRows
	if ix.partial {
		rows = partialRows
	}
	share := perFirst
	if len(ix.cols) > 0 && ix.cols[0] == "account_id" {
		share = rows / perAccount
	}
	figures := []string{strconv.Itoa(rows)}
	for i := range ix.cols {
		if i > 0 {
			share = min(share, perNext[min(i-1, len(perNext)-1)])
		}
		if i == len(ix.cols)-1 && (ix.unique || i > 0 && ix.cols[i] == "id") {
			share = 1
		}
		figures = append(figures, strconv.Itoa(share))
	}
	return strings.Join(figures, " ")
}

func liteIndexes(ctx context.Context, pool *sql.DB) ([]liteIndex, error) {
	rows, err := pool.QueryContext(ctx, `select t.name, t.wr, coalesce(i.name, ''), coalesce(i."unique", 0), coalesce(i.partial, 0),
		coalesce(i.origin = 'pk', 0), x.name
		from pragma_table_list t left join pragma_index_list(t.name) i left join pragma_index_xinfo(i.name) x
		where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite_%' and t.name <> 'goose_db_version'
		and coalesce(x.key, 1) = 1 order by t.name, i.name, x.seqno`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err is read below
	var list []liteIndex
	for rows.Next() {
		var ix liteIndex
		var col sql.NullString // NULL for an expression
		if err := rows.Scan(&ix.table, &ix.rowless, &ix.name, &ix.unique, &ix.partial, &ix.main, &col); err != nil {
			return nil, err
		}
		if n := len(list); n == 0 || list[n-1].name != ix.name || list[n-1].table != ix.table {
			list = append(list, ix)
		}
		last := &list[len(list)-1]
		if ix.name != "" {
			last.cols = append(last.cols, col.String)
		}
	}
	return list, rows.Err()
}
