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
				Statements: []string{"with recursive owed", "from replay where state = 'running'"}, // find who has work, over all merchants
				// The index holds what runs and nothing else; an account has few endpoints, and these want all of them.
				Plans: []string{"from replay where state = 'running'", "select count(*) from endpoint where account_id = $1 and kind = 'webhook'", "from endpoint where account_id = $1 and state = 'enabled' order by id",
					"from endpoint where account_id = $1 and kind", "endpoint_id in (select id from endpoint where account_id = $1)", "from endpoint where account_id = $1 and kind = 'webhook' order by id"},
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
	run := Run{ID: id.New[id.Replay](), Account: b.account, Endpoint: e.ID, State: RunRunning, CreatedAt: start, Version: 1}
	update(t, d, func(tx *db.Tx) error {
		if _, _, err := ReplayDead(tx, b.account, e.ID, Range{}, 0, 10); err != nil {
			return err
		}
		if _, err := CountDead(tx, b.account, e.ID, Range{}); err != nil {
			return err
		}
		_, err := Again(tx, e, 1, func(int) (id.Event, string, time.Time) { return events[0], "invoice.paid", start })
		return err
	})
	update(t, d, func(tx *db.Tx) error { return InsertRun(tx, run) })
	update(t, d, func(tx *db.Tx) error {
		if _, err := LoadRun(tx, b.account, run.ID); err != nil {
			return err
		}
		if _, err := Runs(tx, b.account, e.ID, 0, 10); err != nil {
			return err
		}
		if _, err := Running(tx, 10); err != nil {
			return err
		}
		if err := SaveRun(tx, &run); err != nil {
			return err
		}
		_, err := Tries(tx, b.account, one.ID)
		return err
	})
	b.say(nil)
	b.clock.Add(time.Hour)
	b.step(t)
	update(t, d, func(tx *db.Tx) error {
		n, err := Forget(tx, b.account, b.clock.Now().Add(KeptFor+time.Microsecond), 10)
		if n == 0 {
			t.Error("nothing was forgotten")
		}
		return err
	})
	update(t, d, func(tx *db.Tx) error {
		_, err := GiveUp(tx, b.account, e.ID, start, 10)
		return err
	})
	update(t, d, func(tx *db.Tx) error {
		_, err := Endpoints(tx, b.account)
		return err
	})
	update(t, d, func(tx *db.Tx) error { return remove(tx, b.account, []int64{int64(one.ID)}) })
	update(t, d, func(tx *db.Tx) error { return RemoveEndpoint(tx, b.account, e.ID, start) })
}
