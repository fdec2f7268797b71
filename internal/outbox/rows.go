package outbox

import (
	"cmp"
	"slices"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

var table = db.NewTable("outbox", db.Int("account_id"), db.Int("id"), db.Int("endpoint_id"), db.Int("event_id"), db.Text("state"),
	db.Int("attempts"), db.Int("next_at"), db.NullInt("tried_at"), db.NullText("body"), db.Int("answer"), db.Text("failure"),
	db.Int("created_at"), db.NullInt("settled_at"), db.Int("version"), db.Text("kind"), db.Int("tries"), db.Text("topic"))

// Owe writes what the account's enabled endpoints are owed because of n events,
// number i being described by event: its id, its kind and when it happened. It is
// called in the transaction that writes the events, and costs one read where
// nobody listens.
func Owe(tx *db.Tx, account id.Account, n int, event func(i int) (id.Event, string, time.Time)) error {
	var listeners []Endpoint
	err := tx.Each(func(row db.Scan) error {
		e := Endpoint{Account: account}
		var events string
		err := row(&e.ID, &events)
		e.Events = parseFilter(events)
		listeners = append(listeners, e)
		return err
	}, "select id, events from endpoint where account_id = $1 and state = 'enabled' order by id", account)
	if err != nil || len(listeners) == 0 {
		return err
	}
	owed := due(listeners, n, event)
	return tx.Insert(table, len(owed), func(i int, r *db.Row) { owed[i].append(r) })
}

// OweTo writes what one endpoint is owed because of n events, whether or not they
// happened before it was set up, and tells how many of those were new to it. An
// integration is filled again by it.
func OweTo(tx *db.Tx, e Endpoint, n int, event func(i int) (id.Event, string, time.Time)) (int, error) {
	owed := due([]Endpoint{e}, n, event)
	return tx.InsertIgnore(table, len(owed), func(i int, r *db.Row) { owed[i].append(r) })
}

// OweOne writes that one endpoint is owed one event, a test, whatever it listens to.
func OweOne(tx *db.Tx, e Endpoint, event id.Event, kind string, at time.Time) (id.Delivery, error) {
	d := Delivery{ID: id.New[id.Delivery](), Account: e.Account, Endpoint: e.ID, Event: event, Kind: kind, State: Waiting, CreatedAt: at, Version: 1}
	if e.Dialect != "" {
		d.Topic = TestTopic
	}
	return d.ID, tx.Insert(table, 1, func(_ int, r *db.Row) { d.append(r) })
}

// due is one waiting delivery for each event, each endpoint that wants it, and each topic
// that it is told under there.
func due(listeners []Endpoint, n int, event func(i int) (id.Event, string, time.Time)) []Delivery {
	var owed []Delivery
	for i := range n {
		ev, kind, at := event(i)
		for _, e := range listeners {
			for _, topic := range e.Events.Told(kind) {
				owed = append(owed, Delivery{Account: e.Account, Endpoint: e.ID, Event: ev, Kind: kind, Topic: topic, State: Waiting, CreatedAt: at, Version: 1})
			}
		}
	}
	for i, v := range id.NewList[id.Delivery](len(owed)) {
		owed[i].ID = v
	}
	return owed
}

func (d *Delivery) append(r *db.Row) {
	r.Int(int64(d.Account))
	r.Int(int64(d.ID))
	r.Int(int64(d.Endpoint))
	r.Int(int64(d.Event))
	r.Text(string(d.State))
	r.Int(int64(d.Attempts))
	r.Time(d.NextAt)
	r.Time(d.TriedAt)
	r.NullText(d.Body, d.Body != "")
	r.Int(int64(d.Answer))
	r.Text(d.Failure)
	r.Time(d.CreatedAt)
	r.Time(d.SettledAt)
	r.Int(d.Version)
	r.Text(d.Kind)
	r.Int(int64(d.Tries))
	r.Text(d.Topic)
}

const columns = "id, endpoint_id, event_id, state, attempts, next_at, tried_at, answer, failure, created_at, settled_at, version, kind, tries, topic"

func scan(row db.Scan, account id.Account, list *[]Delivery, more ...any) error {
	d := Delivery{Account: account}
	var body string
	dst := []any{&d.ID, &d.Endpoint, &d.Event, &d.State, &d.Attempts, db.ScanTime(&d.NextAt), db.ScanTime(&d.TriedAt), &d.Answer,
		&d.Failure, db.ScanTime(&d.CreatedAt), db.ScanTime(&d.SettledAt), &d.Version, &d.Kind, &d.Tries, &d.Topic}
	if len(more) > 0 {
		dst = append(dst, db.ScanText(&body))
	}
	err := row(dst...)
	d.Body = body
	*list = append(*list, d)
	return err
}

func scanWithBody(account id.Account, list *[]Delivery) func(db.Scan) error {
	return func(row db.Scan) error { return scan(row, account, list, "body") }
}

// owing is the next endpoint after ($1, $2) that has a delivery waiting, in two parts: the
// index of what waits is entered twice for each of them, and not for any other endpoint. The
// sums keep SQLite from taking account and endpoint for columns of a table, by which it would
// enter the index with the account alone and read all that is owed there.
func owing(column, account, endpoint string) string {
	return "(select o." + column + " from outbox o where o.state = 'waiting' and (o.account_id, o.endpoint_id) > (" + account + ", " + endpoint +
		") order by o.account_id, o.endpoint_id limit 1)"
}

var dueStatement = "with recursive owed(account_id, endpoint_id, n) as (select " + owing("account_id", "$1", "$2") + ", " + owing("endpoint_id", "$1", "$2") +
	", 1 union all select " + owing("account_id", "w.account_id + 0", "w.endpoint_id + 0") + ", " + owing("endpoint_id", "w.account_id + 0", "w.endpoint_id + 0") +
	`, w.n + 1 from owed w where w.account_id is not null and w.n < $4) select w.account_id, w.endpoint_id,
	(select e.failing_since from endpoint e where e.account_id = w.account_id and e.id = w.endpoint_id),
	case when (select e.state from endpoint e where e.account_id = w.account_id and e.id = w.endpoint_id) = 'enabled' and
	(select min(o.next_at) from outbox o where o.account_id = w.account_id and o.endpoint_id = w.endpoint_id and o.state = 'waiting') <= $3 then 1 else 0 end
	from owed w where w.account_id is not null order by w.account_id, w.endpoint_id`

// Due looks at up to limit endpoints, of all accounts, to which something is owed, in the
// order of account and id and beginning after one account's endpoint. It tells those that
// are enabled and have a delivery due at now, of which it reads nothing but account, id and
// since when they fail; the last that it looked at; and whether there may be more. It is the
// only statement that looks over all merchants: it probes the index of what waits a few
// times for each endpoint that is owed something, however much that is, and costs nothing
// for the others.
func Due(tx *db.Tx, now time.Time, afterAccount id.Account, after id.Endpoint, limit int) (list []Endpoint, last Endpoint, more bool, err error) {
	n := 0
	err = tx.Each(func(row db.Scan) error {
		var isDue int
		var e Endpoint
		if err := row(&e.Account, &e.ID, db.ScanTime(&e.FailingSince), &isDue); err != nil {
			return err
		}
		n, last = n+1, e
		if isDue == 1 {
			list = append(list, e)
		}
		return nil
	}, dueStatement, afterAccount, after, clock.Micros(now), limit)
	return list, last, n == limit, err
}

// dueFor reads up to limit deliveries that are due at now for one endpoint, the longest due
// first, and returns them in the order of their events. claim is what the statement ends
// with: tx.Claim() to leave out what somebody else is claiming.
func dueFor(tx *db.Tx, e Endpoint, limit int, now time.Time, claim string) ([]Delivery, error) {
	var list []Delivery
	err := tx.Each(scanWithBody(e.Account, &list), "select "+columns+`, body from outbox where account_id = $1 and endpoint_id = $2
		and state = 'waiting' and next_at <= $3 order by next_at, id limit $4`+claim, e.Account, e.ID, clock.Micros(now), limit)
	slices.SortFunc(list, func(a, b Delivery) int { return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// lease claims deliveries: each counts a try and is out of everybody's reach until its
// lease ends. Their bodies are stored with it.
func lease(tx *db.Tx, list []Delivery, now time.Time) error {
	lost, err := tx.Update(table, []string{"attempts", "next_at", "body"}, len(list), func(i int, r *db.Row) {
		d := &list[i]
		key(r, d)
		r.Int(int64(d.Attempts) + 1)
		r.Time(now.Add(Lease))
		r.NullText(d.Body, d.Body != "")
	})
	if err == nil && len(lost) > 0 {
		err = db.VersionConflict()
	}
	for i := range list {
		list[i].Attempts++
		list[i].NextAt = now.Add(Lease)
		list[i].Version++
	}
	return err
}

// Claim takes up to limit deliveries that are due at now for one endpoint, the
// longest due first.
func Claim(tx *db.Tx, e Endpoint, limit int, now time.Time) ([]Delivery, error) {
	list, err := dueFor(tx, e, limit, now, tx.Claim())
	if err != nil {
		return nil, err
	}
	return list, lease(tx, list, now)
}

// EndLeases makes due what a process that is known to be dead had claimed: deliveries of
// which more tries were begun than ended. Their lost tries do not count. One that was
// replayed before may look as if nobody held it, and waits for its lease to end.
func EndLeases(tx *db.Tx, account id.Account) error {
	_, err := tx.Exec(`update outbox set next_at = 0, attempts = tries, version = version + 1
		where account_id = $1 and state = 'waiting' and attempts > tries`, account)
	return err
}

// remove deletes deliveries that were read to be claimed.
func remove(tx *db.Tx, account id.Account, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec("delete from outbox where account_id = $1 and "+tx.AnyOf("id", 2), account, tx.List(ids))
	return err
}

// postpone makes deliveries that were read to be claimed due at their NextAt. It is no try.
func postpone(tx *db.Tx, list []Delivery) error {
	lost, err := tx.Update(table, []string{"next_at"}, len(list), func(i int, r *db.Row) {
		key(r, &list[i])
		r.Time(list[i].NextAt)
	})
	if err == nil && len(lost) > 0 {
		err = db.VersionConflict()
	}
	return err
}

// Save writes what became of claimed deliveries. One that meanwhile belongs to
// somebody else is left alone, and its number told: its lease had ended, or it was
// replayed.
func Save(tx *db.Tx, list []Delivery) (lost []int, err error) {
	return tx.Update(table, []string{"state", "attempts", "next_at", "tried_at", "answer", "failure", "settled_at", "tries"}, len(list),
		func(i int, r *db.Row) {
			d := &list[i]
			key(r, d)
			r.Text(string(d.State))
			r.Int(int64(d.Attempts))
			r.Time(d.NextAt)
			r.Time(d.TriedAt)
			r.Int(int64(d.Answer))
			r.Text(d.Failure)
			r.Time(d.SettledAt)
			r.Int(int64(d.Tries))
		})
}

func key(r *db.Row, d *Delivery) {
	r.Int(int64(d.Account))
	r.Int(int64(d.ID))
	r.Int(d.Version)
}

// Load is one delivery with its body; NotFound when the account has none with that id.
func Load(tx *db.Tx, account id.Account, delivery id.Delivery) (Delivery, error) {
	var list []Delivery
	err := tx.Each(scanWithBody(account, &list), "select "+columns+", body from outbox where account_id = $1 and id = $2"+tx.Lock(), account, delivery)
	if err != nil {
		return Delivery{}, err
	}
	if len(list) == 0 {
		return Delivery{}, fault.New(fault.NotFound, "there is no delivery with that id")
	}
	return list[0], nil
}

// ByID are those of the deliveries that the account has, without bodies.
func ByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Delivery]Delivery, error) {
	var list []Delivery
	err := tx.Each(func(row db.Scan) error { return scan(row, account, &list) },
		"select "+columns+" from outbox where account_id = $1 and "+tx.AnyOf("id", 2), account, tx.List(ids))
	found := make(map[id.Delivery]Delivery, len(list))
	for _, d := range list {
		found[d.ID] = d
	}
	return found, err
}

// Query narrows the delivery log.
type Query struct {
	Endpoint id.Endpoint // only what that endpoint is owed; 0 for all but mails
	State    State       // only in that state; "" for all
	Kind     string      // only because of events of that kind; "" for all
	Since    time.Time   // only because of events that happened then or later, on the account's clock; zero for all
	Before   id.Delivery // only what comes after that delivery in the list; 0 for all
	Limit    int         // at most so many
}

// List is the delivery log without bodies, newest first: of one endpoint in the
// order of the events, of the whole account in the order in which they were owed.
func List(tx *db.Tx, account id.Account, q Query) ([]Delivery, error) {
	before := int64(1<<63 - 1)
	var list []Delivery
	each := func(row db.Scan) error { return scan(row, account, &list) }
	if q.Endpoint == 0 {
		if q.Before != 0 {
			before = int64(q.Before)
		}
		err := tx.Each(each, "select "+columns+` from outbox where account_id = $1 and id < $2 and ($3 = '' or state = $3)
			and ($4 = '' or kind = $4) and created_at >= $5 and endpoint_id <> $6 order by id desc limit $7`,
			account, before, q.State, q.Kind, since(q.Since), MailEndpointOf(account), q.Limit)
		return list, err
	}
	topic := "" // of the same event, those before it in the order of their topics are still to come
	if q.Before != 0 {
		d, err := Load(tx, account, q.Before)
		if err != nil {
			return nil, err
		}
		before, topic = int64(d.Event), d.Topic
	}
	err := tx.Each(each, "select "+columns+` from outbox where account_id = $1 and endpoint_id = $2 and (event_id, topic) < ($3, $8)
		and ($4 = '' or state = $4) and ($5 = '' or kind = $5) and created_at >= $6 order by event_id desc, topic desc limit $7`,
		account, q.Endpoint, before, q.State, q.Kind, since(q.Since), q.Limit, topic)
	return list, err
}

// since is the bind of a first instant; the zero time bounds nothing.
func since(t time.Time) int64 {
	if t.IsZero() {
		return -1 << 63
	}
	return clock.Micros(t)
}

// OfEvent is what is owed because of one event, without bodies.
func OfEvent(tx *db.Tx, account id.Account, event id.Event) ([]Delivery, error) {
	var list []Delivery
	err := tx.Each(func(row db.Scan) error { return scan(row, account, &list) }, "select "+columns+` from outbox where account_id = $1
		and endpoint_id in (select id from endpoint where account_id = $1) and event_id = $2 order by id`, account, event)
	return list, err
}
