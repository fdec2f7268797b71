package outbox

import (
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Replay makes a delivery wait again, due at once, with all its tries before it.
// It sends the bytes that were sent before, as long as they are kept. NotFound when
// the delivery or its endpoint is gone, Conflict when the endpoint is disabled.
func Replay(tx *db.Tx, account id.Account, delivery id.Delivery) error {
	d, err := Load(tx, account, delivery)
	if err != nil {
		return err
	}
	if _, err := Listening(tx, account, d.Endpoint); err != nil {
		return err
	}
	d.State, d.Attempts, d.NextAt, d.SettledAt = Waiting, 0, time.Time{}, time.Time{}
	_, err = Save(tx, []Delivery{d})
	return err
}

// Listening is an endpoint that can be sent to; Conflict when it is disabled.
func Listening(tx *db.Tx, account id.Account, endpoint id.Endpoint) (Endpoint, error) {
	e, err := LoadEndpoint(tx, account, endpoint)
	if err == nil && e.State != Enabled {
		err = fault.New(fault.Conflict, "the endpoint is disabled; enable it first").WithCode("endpoint_disabled")
	}
	return e, err
}

// Range is what a replay of many takes: events of one account, by their place in the
// record and by the time at which they happened on the account's clock.
type Range struct {
	From, To     id.Event  // the first and the last; 0 does not bound
	Since, Until time.Time // at Since or later, and before Until; the zero time does not bound
}

// Binds are the four bounds as numbers that include everything where there is none:
// the first and last event, and the first instant and the one after the last.
func (r Range) Binds() (from, to, since, until int64) {
	const most = 1<<63 - 1
	from, to, since, until = int64(r.From), most, clock.Micros(r.Since), most
	if r.Since.IsZero() {
		since = -most
	}
	if r.To != 0 {
		to = int64(r.To)
	}
	if !r.Until.IsZero() {
		until = clock.Micros(r.Until)
	}
	return from, to, since, until
}

// CountDead is how many deliveries of a range are dead.
func CountDead(tx *db.Tx, account id.Account, endpoint id.Endpoint, r Range) (n int, err error) {
	from, to, since, until := r.Binds()
	err = tx.One([]any{&n}, `select count(*) from outbox where account_id = $1 and endpoint_id = $2 and state = 'dead'
		and event_id >= $3 and event_id <= $4 and created_at >= $5 and created_at < $6`, account, endpoint, from, to, since, until)
	return n, err
}

// ReplayDead makes up to limit dead deliveries of a range wait again, in the order of
// their events, beginning with one event: of its deliveries some may be left over from the
// piece before. It tells how many they were and the last event; fewer than limit means that
// the range is done.
func ReplayDead(tx *db.Tx, account id.Account, endpoint id.Endpoint, r Range, first id.Event, limit int) (n int, last id.Event, err error) {
	from, to, since, until := r.Binds()
	last = first
	err = tx.Each(func(row db.Scan) error {
		var event id.Event
		err := row(&event)
		n++
		last = max(last, event)
		return err
	}, `update outbox set state = 'waiting', attempts = 0, next_at = 0, settled_at = null, version = version + 1
		where account_id = $1 and id in (select id from outbox where account_id = $1 and endpoint_id = $2 and state = 'dead' and event_id >= $3
		and event_id >= $4 and event_id <= $5 and created_at >= $6 and created_at < $7 order by event_id limit $8)
		returning event_id`, account, endpoint, first, from, to, since, until, limit)
	return n, last, err
}

// Again makes one endpoint owed n events once more: what was settled waits again, and
// what it was never owed, because it was disabled or did not exist, is owed now. What
// waits already is left alone. It tells how many deliveries that made due.
func Again(tx *db.Tx, e Endpoint, n int, event func(i int) (id.Event, string, time.Time)) (int, error) {
	if n == 0 {
		return 0, nil
	}
	fresh, err := OweTo(tx, e, n, event)
	if err != nil {
		return 0, err
	}
	wanted := make([]int64, 0, n)
	for i := range n {
		if ev, kind, _ := event(i); e.Events.Wants(kind) {
			wanted = append(wanted, int64(ev))
		}
	}
	again, err := tx.Exec(`update outbox set state = 'waiting', attempts = 0, next_at = 0, settled_at = null, version = version + 1
		where account_id = $1 and endpoint_id = $2 and state <> 'waiting' and `+tx.AnyOf("event_id", 3), e.Account, e.ID, tx.List(wanted))
	return fresh + int(again), err
}

// RunState says how far a replay of many is.
type RunState string

// The states of a replay of many.
const (
	RunRunning RunState = "running"
	RunDone    RunState = "done"
	RunStopped RunState = "stopped" // by a person, or because its endpoint takes nothing any more
)

// Run is a replay of many to one endpoint. It is worked off a piece at a time, by
// whichever process comes first.
type Run struct {
	ID        id.Replay
	Account   id.Account
	Endpoint  id.Endpoint
	Failed    bool // only what is dead; otherwise everything of the range that the endpoint wants
	Range     Range
	Last      id.Event // the last event that was looked at
	Total     int      // deliveries of the range when it began
	Seen      int      // of them, looked at so far
	Owed      int      // of those, made due again
	State     RunState
	CreatedAt time.Time // machine time
	EndedAt   time.Time // machine time; zero while it runs
	Version   int64
}

const runColumns = "account_id, id, endpoint_id, failed, since, until, from_event, to_event, last_event, total, seen, owed, state, created_at, ended_at, version"

func scanRun(row db.Scan, list *[]Run) error {
	var r Run
	err := row(&r.Account, &r.ID, &r.Endpoint, &r.Failed, db.ScanTime(&r.Range.Since), db.ScanTime(&r.Range.Until), &r.Range.From, db.ScanNull(&r.Range.To),
		&r.Last, &r.Total, &r.Seen, &r.Owed, &r.State, db.ScanTime(&r.CreatedAt), db.ScanTime(&r.EndedAt), &r.Version)
	*list = append(*list, r)
	return err
}

var runTable = db.NewTable("replay", db.Int("account_id"), db.Int("id"), db.Int("endpoint_id"), db.Bool("failed"), db.Int("since"), db.NullInt("until"),
	db.Int("from_event"), db.NullInt("to_event"), db.Int("last_event"), db.Int("total"), db.Int("seen"), db.Int("owed"), db.Text("state"),
	db.Int("created_at"), db.NullInt("ended_at"), db.Int("version"))

// InsertRun writes a replay of many that begins.
func InsertRun(tx *db.Tx, v Run) error {
	return tx.Insert(runTable, 1, func(_ int, r *db.Row) {
		r.Int(int64(v.Account))
		r.Int(int64(v.ID))
		r.Int(int64(v.Endpoint))
		r.Bool(v.Failed)
		r.Time(v.Range.Since)
		r.Time(v.Range.Until)
		r.Int(int64(v.Range.From))
		r.NullInt(int64(v.Range.To), v.Range.To != 0)
		r.Int(int64(v.Last))
		r.Int(int64(v.Total))
		r.Int(int64(v.Seen))
		r.Int(int64(v.Owed))
		r.Text(string(v.State))
		r.Time(v.CreatedAt)
		r.Time(v.EndedAt)
		r.Int(v.Version)
	})
}

// LoadRun is one replay of many; NotFound when the account has none with that id.
func LoadRun(tx *db.Tx, account id.Account, replay id.Replay) (Run, error) {
	var list []Run
	err := tx.Each(func(row db.Scan) error { return scanRun(row, &list) },
		"select "+runColumns+" from replay where account_id = $1 and id = $2"+tx.Lock(), account, replay)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "there is no replay with that id")
	}
	if err != nil {
		return Run{}, err
	}
	return list[0], nil
}

// Runs are the replays of many of one endpoint, the newest first.
func Runs(tx *db.Tx, account id.Account, endpoint id.Endpoint, before id.Replay, limit int) ([]Run, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	var list []Run
	err := tx.Each(func(row db.Scan) error { return scanRun(row, &list) },
		"select "+runColumns+" from replay where account_id = $1 and endpoint_id = $2 and id < $3 order by id desc limit $4", account, endpoint, before, limit)
	return list, err
}

// Running is the replays of many that are not done, of all merchants, at most limit.
func Running(tx *db.Tx, limit int) ([]Run, error) {
	var list []Run
	err := tx.Each(func(row db.Scan) error { return scanRun(row, &list) },
		"select "+runColumns+" from replay where state = 'running' order by account_id, id limit $1", limit)
	return list, err
}

// SaveRun writes how far a replay of many has come, over the version that was loaded.
func SaveRun(tx *db.Tx, v *Run) error {
	n, err := tx.Exec(`update replay set last_event = $4, seen = $5, owed = $6, state = $7, ended_at = $8, version = version + 1
		where account_id = $1 and id = $2 and version = $3`, v.Account, v.ID, v.Version, v.Last, v.Seen, v.Owed, v.State, db.Time(v.EndedAt))
	if err != nil {
		return err
	}
	if n == 0 {
		return db.VersionConflict()
	}
	v.Version++
	return nil
}
