package outbox

import (
	"slices"
	"sync"
	"testing"
	"time"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/id"
)

// Every statement of the package uses an index on both engines, and each but the
// look for due endpoints names one account.
func TestStatements(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var seen []db.Statement
			d := dbtest.New(t, engine, dbtest.Observe(func(s db.Statement) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, s)
			}))
			everything(t, d)
			mu.Lock()
			made := slices.Clone(seen) // the checks ask d too
			mu.Unlock()
			allow := dbtest.Allow{
				Statements: []string{"from endpoint e where e.state = 'enabled'"}, // finds who has work, over all merchants
				// An account has at most MaxEndpoints endpoints, and these want all of them.
				Plans: []string{"select count(*) from endpoint where account_id = $1 and kind = 'webhook'", "from endpoint where account_id = $1 and state = 'enabled' order by id",
					"endpoint_id in (select id from endpoint where account_id = $1)", "from endpoint where account_id = $1 and kind = 'webhook' order by id"},
			}
			dbtest.CheckStatements(t, made, allow)
			dbtest.CheckPlans(t, d, made, allow)
		})
	}
}

// everything runs each function that has a statement.
func everything(t *testing.T, d *db.DB) {
	t.Helper()
	b := newBench(t, d)
	e := newEndpoint(t, d, b.account, "one")
	events := owe(t, d, b.account, "invoice.paid", 3)
	b.say(func(Endpoint, Delivery) Answer { return Answer{Verdict: Failed} })
	b.step(t)
	list(t, d, b.account, Query{})
	one := list(t, d, b.account, Query{Endpoint: e.ID})[0]
	list(t, d, b.account, Query{Endpoint: e.ID, Before: one.ID})
	update(t, d, func(tx *db.Tx) error {
		_, err := OweTo(tx, e, 1, func(int) (id.Event, string, time.Time) { return id.New[id.Event](), "invoice.paid", start })
		return err
	})
	update(t, d, func(tx *db.Tx) error {
		_, err := OfEvent(tx, b.account, events[0])
		return err
	})
	update(t, d, func(tx *db.Tx) error { return Replay(tx, b.account, one.ID) })
	update(t, d, func(tx *db.Tx) error {
		_, _, err := ReplayRange(tx, b.account, Range{Endpoint: e.ID}, 0, 10)
		return err
	})
	update(t, d, func(tx *db.Tx) error {
		_, err := Endpoints(tx, b.account)
		return err
	})
	update(t, d, func(tx *db.Tx) error { return remove(tx, b.account, []int64{int64(one.ID)}) })
	update(t, d, func(tx *db.Tx) error { return RemoveEndpoint(tx, b.account, e.ID, start) })
}
