package db_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"perennial/internal/db"
)

// row appends thing number i of account 1.
func row(i int, r *db.Row) {
	r.Int(1)
	r.Int(int64(i))
	r.Text(fmt.Sprint("thing ", i))
	r.Bool(i%2 == 0)
	r.NullInt(int64(i), i%3 != 0)
	r.NullText("note", i%5 == 0)
	r.Int(1)
}

func TestInsertManyRows(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		const n = 2_345 // more than one statement on both engines, and a rest
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			if err := tx.Insert(thing, 0, row); err != nil {
				return err
			}
			return tx.Insert(thing, n, row)
		})
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		err = d.View(t.Context(), func(tx *db.Tx) error {
			return tx.Each(func(scan db.Scan) error {
				var id, size int64
				var name, note string
				var live bool
				if err := scan(&id, &name, &live, db.ScanNull(&size), db.ScanText(&note)); err != nil {
					return err
				}
				wantSize, wantNote := int64(i), ""
				if i%3 == 0 {
					wantSize = 0
				}
				if i%5 == 0 {
					wantNote = "note"
				}
				if id != int64(i) || name != fmt.Sprint("thing ", i) || live != (i%2 == 0) || size != wantSize || note != wantNote {
					return fmt.Errorf("row %d: %d %q %t %d %q", i, id, name, live, size, note)
				}
				i++
				return nil
			}, "select id, name, live, size, note from thing where account_id = $1 order by id", 1)
		})
		if err != nil || i != n {
			t.Errorf("%d rows, want %d (%v)", i, n, err)
		}
	})
}

func TestInsertNewTellsWhatIsNew(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		put(t, d, 0, 7, 149)
		var ids []int64
		var again int
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			var err error
			if ids, err = tx.InsertNew(thing, 150, row); err != nil {
				return err
			}
			again, err = tx.InsertIgnore(thing, 151, row)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(ids)
		if len(ids) != 147 || slices.Contains(ids, 7) || slices.Contains(ids, 0) || ids[0] != 1 || ids[146] != 148 {
			t.Errorf("%d new: %v", len(ids), ids)
		}
		if again != 1 {
			t.Errorf("%d new the second time, want 1", again)
		}
	})
}

func TestUpdateTellsConflicts(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		const n = 1_205
		err := d.Update(t.Context(), func(tx *db.Tx) error { return tx.Insert(thing, n, row) })
		if err != nil {
			t.Fatal(err)
		}
		var conflicts []int
		at := time.UnixMicro(77).UTC()
		save := func(tx *db.Tx) (err error) {
			conflicts, err = tx.Update(thing, []string{"note", "size", "live", "name"}, n+1, func(i int, r *db.Row) {
				r.Int(1)
				r.Int(int64(i)) // number n is not there at all
				if i == 3 || i == 1_100 {
					r.Int(9) // another version
				} else {
					r.Int(1)
				}
				r.NullText("saved", true)
				r.Time(at)
				r.Bool(true)
				r.Text(fmt.Sprint("saved ", i))
			})
			return err
		}
		if err := d.Update(t.Context(), save); err != nil {
			t.Fatal(err)
		}
		if want := []int{3, 1_100, n}; !slices.Equal(conflicts, want) {
			t.Errorf("conflicts %v, want %v", conflicts, want)
		}
		var saved, versions int64
		err = d.View(t.Context(), func(tx *db.Tx) error {
			return tx.One([]any{&saved, &versions},
				"select cast(sum(case when note = 'saved' and size = 77 and live and name like 'saved %' then 1 else 0 end) as bigint), cast(sum(version) as bigint) from thing where account_id = $1", 1)
		})
		if err != nil || saved != n-2 || versions != n+n-2 {
			t.Errorf("%d saved, versions add up to %d (%v)", saved, versions, err)
		}
	})
}

func TestRowsThatDoNotFit(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		small := db.NewTable("part", db.Int("account_id"), db.Int("thing_id"), db.Int("position"))
		for name, c := range map[string]struct {
			table *db.Table
			row   func(int, *db.Row)
			want  string
		}{
			"too few":  {small, func(_ int, r *db.Row) { r.Int(1) }, "has 1 values"},
			"too many": {small, func(_ int, r *db.Row) { r.Int(1); r.Int(1); r.Int(1); r.Int(1) }, "has 4 values"},
			"kind":     {small, func(_ int, r *db.Row) { r.Int(1); r.Text("x"); r.Bool(true) }, "another kind"},
			"null":     {small, func(_ int, r *db.Row) { r.Int(1); r.NullInt(0, false); r.Int(1) }, "cannot be NULL"},
		} {
			err := d.Update(t.Context(), func(tx *db.Tx) error { return tx.Insert(c.table, 1, c.row) })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, set := range []string{"version", "id", "account_id", "absent"} {
			err := d.Update(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Update(thing, []string{set}, 1, row)
				return err
			})
			if err == nil {
				t.Errorf("set %s was taken", set)
			}
		}
	})
}

// Zero times are NULL where a column allows it, else 0.
func TestZeroTime(t *testing.T) {
	both(t, func(t *testing.T, d *db.DB) {
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			return tx.Insert(thing, 1, func(_ int, r *db.Row) {
				r.Int(1)
				r.Time(time.Time{})
				r.Text("")
				r.Bool(true)
				r.Time(time.Time{})
				r.NullText("", true)
				r.Int(1)
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		var id int64
		err = d.View(t.Context(), func(tx *db.Tx) error {
			return tx.One([]any{&id}, "select id from thing where account_id = $1 and size is null and note = ''", 1)
		})
		if err != nil || id != 0 {
			t.Error(id, err)
		}
	})
}
