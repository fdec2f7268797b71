package recovery

import (
	"time"

	"perennial/internal/db"
	"perennial/internal/id"
)

// givenTable is what was told ahead of its time; id is that of the event that told it.
var givenTable = db.NewTable("notice_given", db.Int("account_id"), db.Text("kind"), db.Int("subject_id"), db.Int("occasion"), db.Int("at"), db.Int("id"))

// Given is one notice that is given once: of a kind, about a subject, for an occasion.
type Given struct {
	Kind     string
	Subject  int64
	Occasion int64
	At       time.Time
	Event    id.Event
}

// Give writes notices of one account, and tells the events of those that were not given
// before: the others must not be told again.
func Give(tx *db.Tx, account id.Account, list []Given) (map[id.Event]bool, error) {
	inserted, err := tx.InsertNew(givenTable, len(list), func(i int, r *db.Row) {
		g := list[i]
		r.Int(int64(account))
		r.Text(g.Kind)
		r.Int(g.Subject)
		r.Int(g.Occasion)
		r.Time(g.At)
		r.Int(int64(g.Event))
	})
	given := make(map[id.Event]bool, len(inserted))
	for _, v := range inserted {
		given[id.Event(v)] = true
	}
	return given, err
}
