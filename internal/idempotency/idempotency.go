// Package idempotency remembers the answers to requests that may be sent again.
// The answer is kept in the same transaction as the effect: a repeated request
// gets the first answer, an answer that never left is found again, and a request
// that failed on our side leaves its key free, because the claim is undone with it. A request that only failed
// validation is not remembered.
//
// The scope of a key is the account (which is live or sandbox), the route and the
// key itself. Answers are kept for Keep.
package idempotency

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Keep is how long an answer is remembered.
const Keep = 30 * 24 * time.Hour

// Lease is how long a request that is being worked on keeps others of its key
// away; after it the work is taken to have died with its process.
const Lease = 90 * time.Second

// MaxKey is the greatest length of a key in bytes.
const MaxKey = 255

// Request is the claim of one request to its key.
type Request struct {
	Route   string    // method and route pattern, for example "POST /v1/customers"
	Key     string    // as the client sent it
	Digest  string    // of the request's body, from Digest
	Arrived time.Time // on the machine's clock
}

// Digest is the fingerprint by which a repeated request is told from another one
// with the same key.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

// Answer is what was answered the first time.
type Answer struct {
	Status  int
	Body    string
	Subject int64 // what the work is about, for work that goes on over several transactions
	Done    bool  // false: the work began and its answer is not known yet
}

var table = db.NewTable("idempotency", db.Int("account_id"), db.Text("key"), db.Text("route"), db.Text("request"), db.Text("state"),
	db.Int("status"), db.Text("answer"), db.Int("subject_id"), db.Int("lease_until"), db.Int("created_at"))

// Begin claims the key. It returns nil when the claim is new: the caller then
// does the work and calls Finish (or Hold, for work that outlives the
// transaction). It returns the first Answer when the key was used for the same
// request: Done, or, when the work died with its process, not Done, and then the
// claim has passed to the caller, who continues the work on Subject. The same key
// for another request, or one that is still being worked on, is a Conflict.
func Begin(tx *db.Tx, account id.Account, r Request) (*Answer, error) {
	now := clock.Micros(r.Arrived)
	claimed, err := tx.InsertIgnore(table, 1, func(_ int, row *db.Row) {
		row.Int(int64(account))
		row.Text(r.Key)
		row.Text(r.Route)
		row.Text(r.Digest)
		row.Text("working")
		row.Int(0)
		row.Text("")
		row.Int(0)
		row.Int(now + Lease.Microseconds())
		row.Int(now)
	})
	if err != nil || claimed == 1 {
		return nil, err
	}
	var request, state, body string
	var status int
	var subject, leaseUntil, createdAt int64
	err = tx.One([]any{&request, &state, &status, &body, &subject, &leaseUntil, &createdAt},
		"select request, state, status, answer, subject_id, lease_until, created_at from idempotency where account_id = $1 and key = $2 and route = $3"+tx.ForUpdate(),
		account, r.Key, r.Route)
	if err != nil {
		return nil, err
	}
	if now-createdAt > Keep.Microseconds() && state == "done" {
		return nil, restart(tx, account, r, now, 0)
	}
	if request != r.Digest {
		return nil, fault.New(fault.Conflict, "this idempotency key was used for another request").WithCode("idempotency_key_reused")
	}
	if state == "done" {
		return &Answer{Status: status, Body: body, Subject: subject, Done: true}, nil
	}
	if leaseUntil > now {
		busy := fault.New(fault.Conflict, "a request with this idempotency key is being worked on").WithCode("idempotency_key_in_use")
		busy.RetryAfter = time.Second
		return nil, busy
	}
	if err := restart(tx, account, r, now, subject); err != nil || subject == 0 {
		return nil, err
	}
	return &Answer{Subject: subject}, nil
}

// Taken reports whether Begin would answer or refuse the request, or continue what
// was begun, so that what comes before the first transaction need not be done again.
func Taken(tx *db.Tx, account id.Account, r Request) (bool, error) {
	var state string
	var subject, leaseUntil, createdAt int64
	err := tx.One([]any{&state, &subject, &leaseUntil, &createdAt},
		"select state, subject_id, lease_until, created_at from idempotency where account_id = $1 and key = $2 and route = $3", account, r.Key, r.Route)
	switch now := clock.Micros(r.Arrived); {
	case fault.Is(err, fault.NotFound):
		return false, nil
	case err != nil:
		return false, err
	case state == "done":
		return now-createdAt <= Keep.Microseconds(), nil
	default:
		return subject != 0 || leaseUntil > now, nil
	}
}

// restart gives a key that is out of date or orphaned to the request at hand.
func restart(tx *db.Tx, account id.Account, r Request, now, subject int64) error {
	_, err := tx.Exec(`update idempotency set request = $4, state = 'working', status = 0, answer = '', lease_until = $5, created_at = $6,
		subject_id = $7 where account_id = $1 and key = $2 and route = $3`,
		account, r.Key, r.Route, r.Digest, now+Lease.Microseconds(), now, subject)
	return err
}

// Hold notes what the work is about, so that it can be continued after a crash.
func Hold(tx *db.Tx, account id.Account, r Request, subject int64) error {
	_, err := tx.Exec("update idempotency set subject_id = $4 where account_id = $1 and key = $2 and route = $3", account, r.Key, r.Route, subject)
	return err
}

// Finish stores the answer, in the transaction of the effect.
func Finish(tx *db.Tx, account id.Account, r Request, status int, body string) error {
	_, err := tx.Exec(`update idempotency set state = 'done', status = $4, answer = $5, lease_until = 0
		where account_id = $1 and key = $2 and route = $3`, account, r.Key, r.Route, status, body)
	return err
}

// EndLeases frees the keys of requests that a dead process was working on: whoever
// repeats one goes on with its work at once. Leases that end before now are left alone.
func EndLeases(tx *db.Tx, account id.Account, now time.Time) error {
	_, err := tx.Exec("update idempotency set lease_until = 0 where account_id = $1 and created_at > $2 and state = 'working' and lease_until > 0",
		account, clock.Micros(now.Add(-Lease)))
	return err
}

// Forget removes up to limit answers that are older than Keep and tells how many.
func Forget(tx *db.Tx, account id.Account, now time.Time, limit int) (int64, error) {
	return tx.Exec(`delete from idempotency where account_id = $1 and (key, route) in
		(select key, route from idempotency where account_id = $1 and created_at < $2 order by created_at limit $3)`,
		account, clock.Micros(now.Add(-Keep)), limit)
}
