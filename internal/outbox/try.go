package outbox

import (
	"strings"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/id"
)

// KeptTries is how many tries of a delivery are kept, the last ones.
const KeptTries = 20

// MaxSaid is how many bytes of an answer are kept.
const MaxSaid = 2048

// maxRequest bounds what is kept of a request besides its body, in bytes.
const maxRequest = 8192

// Try is one try of a delivery, as it was sent and answered. Those that a crash cut off
// left nothing.
type Try struct {
	Delivery id.Delivery
	Number   int           // 1, 2, 3 … of this delivery
	At       time.Time     // machine time at which it had ended
	Took     time.Duration // whole milliseconds
	Status   int           // for a webhook the HTTP status; 0 when nothing was answered
	Request  string        // what was sent besides the body; secrets are masked
	Said     string        // the beginning of the answer, at most MaxSaid bytes
	Failure  string        // why it failed; "" when it did not
}

var tryTable = db.NewTable("delivery_try", db.Int("account_id"), db.Int("delivery_id"), db.Int("slot"), db.Int("number"), db.Int("at"),
	db.Int("took_ms"), db.Int("status"), db.Text("request"), db.Text("answer"), db.Text("failure"))

// logTries keeps the tries that led to deliveries as they were just settled.
func logTries(tx *db.Tx, account id.Account, settled []Delivery, answers []Answer, lost []int) error {
	skip := make(map[int]bool, len(lost))
	for _, i := range lost {
		skip[i] = true
	}
	tried := make([]int, 0, len(settled))
	for i, a := range answers {
		if a.Verdict != Untried && !skip[i] {
			tried = append(tried, i)
		}
	}
	_, err := tx.Put(tryTable, `on conflict (account_id, delivery_id, slot) do update set number = excluded.number, at = excluded.at,
		took_ms = excluded.took_ms, status = excluded.status, request = excluded.request, answer = excluded.answer, failure = excluded.failure`,
		len(tried), func(k int, r *db.Row) {
			d, a := settled[tried[k]], answers[tried[k]]
			r.Int(int64(account))
			r.Int(int64(d.ID))
			r.Int(int64(d.Tries % KeptTries))
			r.Int(int64(d.Tries))
			r.Time(d.TriedAt)
			r.Int(a.Took.Milliseconds())
			r.Int(int64(a.Status))
			r.Text(cut(a.Request, maxRequest))
			r.Text(cut(a.Said, MaxSaid))
			r.Text(d.Failure)
		}, nil)
	return err
}

// Tries are the last tries of a delivery, the newest first; at most KeptTries, fewer once
// they are older than what Forget keeps.
func Tries(tx *db.Tx, account id.Account, delivery id.Delivery) ([]Try, error) {
	var list []Try
	err := tx.Each(func(row db.Scan) error {
		t := Try{Delivery: delivery}
		var ms int64
		err := row(&t.Number, db.ScanTime(&t.At), &ms, &t.Status, &t.Request, &t.Said, &t.Failure)
		t.Took = time.Duration(ms) * time.Millisecond
		list = append(list, t)
		return err
	}, "select number, at, took_ms, status, request, answer, failure from delivery_try where account_id = $1 and delivery_id = $2 order by number desc",
		account, delivery)
	return list, err
}

// KeptFor is how long bodies and tries of settled deliveries are kept. A replay of an older
// one renders its body again from the event.
const KeptFor = 30 * 24 * time.Hour

// Forget removes the bodies and tries of up to limit deliveries that were settled longer
// than KeptFor before now. It tells how many they were. Mails, whose endpoint has the
// account's number, are left alone: they are part of a customer's story.
func Forget(tx *db.Tx, account id.Account, now time.Time, limit int) (int64, error) {
	var old []int64
	err := tx.Each(func(row db.Scan) error {
		var v int64
		err := row(&v)
		old = append(old, v)
		return err
	}, `select id from outbox where account_id = $1 and settled_at is not null and body is not null and endpoint_id <> account_id and settled_at < $2
		order by settled_at limit $3`+tx.Claim(), account, clock.Micros(now.Add(-KeptFor)), limit)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	list := tx.List(old)
	if _, err := tx.Exec("delete from delivery_try where account_id = $1 and "+tx.AnyOf("delivery_id", 2), account, list); err != nil {
		return 0, err
	}
	return tx.Exec("update outbox set body = null, version = version + 1 where account_id = $1 and "+tx.AnyOf("id", 2), account, list)
}

// Printable is text that came from outside as it may be kept and shown: valid, and
// without characters that steer.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\uFFFD' || r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}
