// Package alias remembers which of our ids an outside system knows under which of
// its own, for each account, dialect ("import", "paykickstart" …) and kind of
// thing. An alias is never changed: it is what makes an import repeatable and a
// foreign client's stored ids good for ever.
//
// Where a dialect knows only numbers, a Space gives our things small ones, rising with
// their creation, and keeps those that they had elsewhere.
package alias

import (
	"perennial/internal/db"
	"perennial/internal/id"
)

var table = db.NewTable("alias", db.Int("account_id"), db.Text("dialect"), db.Text("kind"), db.Text("theirs"), db.Int("ours"))

// Pair is one thing under both names.
type Pair struct {
	Theirs string
	Ours   int64
}

// Find is our ids of those of theirs that are known.
func Find(tx *db.Tx, account id.Account, dialect, kind string, theirs []string) (map[string]int64, error) {
	found := make(map[string]int64, len(theirs))
	err := tx.Each(func(row db.Scan) error {
		var name string
		var ours int64
		err := row(&name, &ours)
		found[name] = ours
		return err
	}, "select theirs, ours from alias where account_id = $1 and dialect = $2 and kind = $3 and "+tx.AnyOf("theirs", 4), account, dialect, kind, tx.ListText(theirs))
	return found, err
}

// Keep remembers pairs. A pair whose foreign name is known already fails the
// transaction with a unique violation: look with Find first, in the same one.
func Keep(tx *db.Tx, account id.Account, dialect, kind string, pairs []Pair) error {
	return tx.Insert(table, len(pairs), func(i int, r *db.Row) {
		r.Int(int64(account))
		r.Text(dialect)
		r.Text(kind)
		r.Text(pairs[i].Theirs)
		r.Int(pairs[i].Ours)
	})
}
