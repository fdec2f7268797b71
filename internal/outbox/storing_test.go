package outbox

import (
	"testing"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/id"
)

// A delivery is not lost when the commit that stores its answer fails.
func TestSettleFails(t *testing.T) {
	t.Parallel()
	for point, tries := range map[string]int{db.FaultBeforeCommit: 2, db.FaultAfterCommit: 1} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
				var faults db.Faults
				d := dbtest.Again(t, open(), dbtest.Faults(&faults))
				b := newBench(t, d)
				newEndpoint(t, b.db, b.account, "one")
				owe(t, b.db, b.account, "invoice.paid", 1)
				b.say(func(Endpoint, Delivery) Answer {
					faults.Arm(point, 1, errBroken)
					return Answer{Verdict: Accepted, Status: 200}
				})
				b.step(t)
				faults.Disarm()
				b.say(nil)
				b.clock.Add(Lease)
				b.step(t)
				one := list(t, b.db, b.account, Query{})[0]
				if one.State != Delivered {
					t.Errorf("%+v", one)
				}
				if n := len(b.tries(one.ID)); n != tries {
					t.Errorf("%d tries", n)
				}
			})
		})
	}
}

// Answers of several endpoints are stored together. What is wrong with one of them costs
// the others nothing.
func TestOneEndpointCannotBeStored(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		b := newBench(t, open())
		b.d.work.Bounced = func(*db.Tx, Endpoint, Delivery) error { return errBroken }
		bad, good := newEndpoint(t, b.db, b.account, "bad"), newEndpoint(t, b.db, b.account, "good")
		owe(t, b.db, b.account, "invoice.paid", 2)
		var got []answered
		batches := map[id.Endpoint]*batched{}
		for _, e := range []Endpoint{bad, good} {
			e, claimed, _, err := b.d.claim(t.Context(), e, batch)
			if err != nil || len(claimed) != 2 {
				t.Fatalf("%d claimed: %v", len(claimed), err)
			}
			one := &batched{endpoint: e, log: b.d.log, took: true}
			one.unstored.Add(len(claimed))
			batches[e.ID] = one
			for _, c := range claimed {
				a := Answer{Verdict: Accepted, Status: 200}
				if e.ID == bad.ID {
					a.Verdict = Bounced
				}
				got = append(got, answered{one, c, a})
			}
		}
		b.d.keep(got)
		for _, one := range batches {
			one.unstored.Wait() // all were let go
		}
		if batches[bad.ID].took || !batches[good.ID].took {
			t.Error("the wrong batch counts as not stored")
		}
		for _, d := range list(t, b.db, b.account, Query{}) {
			want := Delivered
			if d.Endpoint == bad.ID {
				want = Waiting // its lease ends, and it is sent again
			}
			if d.State != want {
				t.Errorf("%+v, want it %s", d, want)
			}
		}
	})
}
