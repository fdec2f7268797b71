package event

import (
	"cmp"
	"slices"

	"perennial/internal/db"
	"perennial/internal/id"
)

var sequenceTable = db.NewTable("event_sequence", db.Int("account_id"), db.Int("subject_id"), db.Int("last"))

// number gives each event the next number of its subject. The counter of a subject is
// moved by as many as it needs in the one statement that also tells where it stands, and
// its row belongs to the transaction from then on: others who tell of the same thing wait
// their turn, whatever the database isolates, and a transaction that is undone gives its
// numbers back.
func number(tx *db.Tx, account id.Account, events []Event) error {
	order := make([]int, len(events)) // by subject, then as they happened
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(events[a].Subject, events[b].Subject) })
	runs := make([]int, 0, len(order)+1) // where in order each subject begins, and the end
	for k, i := range order {
		if k == 0 || events[i].Subject != events[order[k-1]].Subject {
			runs = append(runs, k)
		}
	}
	subjects := len(runs)
	runs = append(runs, len(order))
	subject := func(n int) int64 { return events[order[runs[n]]].Subject }
	_, err := tx.Put(sequenceTable, `on conflict (account_id, subject_id) do update set last = event_sequence.last + excluded.last
		returning subject_id, last`, subjects, func(n int, r *db.Row) {
		r.Int(int64(account))
		r.Int(subject(n))
		r.Int(int64(runs[n+1] - runs[n]))
	}, func(row db.Scan) error {
		var of, last int64
		if err := row(&of, &last); err != nil {
			return err
		}
		n, _ := slices.BinarySearchFunc(runs[:subjects], of, func(k int, of int64) int { return cmp.Compare(events[order[k]].Subject, of) })
		for k := runs[n+1] - 1; k >= runs[n]; k-- {
			events[order[k]].Sequence = last
			last--
		}
		return nil
	})
	return err
}
