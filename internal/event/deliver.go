package event

import (
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/outbox"
)

// Render makes the bodies of deliveries from their events, each spelt by body. It is
// what an outbox.Deliverer renders by.
func Render(body func(Event) (string, error)) func(tx *db.Tx, e outbox.Endpoint, list []outbox.Delivery) ([]outbox.Rendering, error) {
	return func(tx *db.Tx, e outbox.Endpoint, list []outbox.Delivery) ([]outbox.Rendering, error) {
		ids := make([]int64, len(list))
		for i, d := range list {
			ids[i] = int64(d.Event)
		}
		events, err := ByID(tx, e.Account, ids)
		if err != nil {
			return nil, err
		}
		made := make([]outbox.Rendering, len(list))
		for i, d := range list {
			found, ok := events[d.Event]
			if !ok {
				made[i] = outbox.Rendering{Fate: outbox.Refuse, Reason: "the event is no longer there"}
				continue
			}
			if made[i].Body, err = body(found); err != nil {
				return nil, err
			}
		}
		return made, nil
	}
}

// Span is the events that a replay takes, in the order of the record: those of the range
// after one event, at most limit.
func Span(tx *db.Tx, account id.Account, r outbox.Range, after id.Event, limit int) ([]Event, error) {
	from, to, since, until := r.Binds()
	var list []Event
	err := tx.Each(func(row db.Scan) error { return scan(row, account, &list) }, "select "+columns+` from event where account_id = $1 and id > $2
		and id >= $3 and id <= $4 and at >= $5 and at < $6 and not inward order by id limit $7`, account, after, from, to, since, until, limit)
	return list, err
}

// count is how many events of each kind a range has.
func count(tx *db.Tx, account id.Account, r outbox.Range) (map[Kind]int, error) {
	from, to, since, until := r.Binds()
	found := map[Kind]int{}
	err := tx.Each(func(row db.Scan) error {
		var kind Kind
		var n int
		err := row(&kind, &n)
		found[kind] = n
		return err
	}, `select kind, count(*) from event where account_id = $1 and id >= $2 and id <= $3 and at >= $4 and at < $5 and not inward group by kind`,
		account, from, to, since, until)
	return found, err
}

// CountReplay is how many deliveries a replay takes.
func CountReplay(tx *db.Tx, e outbox.Endpoint, failed bool, r outbox.Range) (int, error) {
	if failed {
		return outbox.CountDead(tx, e.Account, e.ID, r)
	}
	kinds, err := count(tx, e.Account, r)
	total := 0
	for kind, n := range kinds {
		if Replayed(e, kind) {
			total += n * len(e.Events.Told(string(kind)))
		}
	}
	return total, err
}

// Replayed reports whether a replay of everything takes events of that kind: a test was
// meant for the endpoint it was sent to, and then.
func Replayed(e outbox.Endpoint, kind Kind) bool {
	return kind != EndpointTest && e.Events.Wants(string(kind))
}

// AppendTo writes an event that is told to one endpoint alone, whatever it listens to.
// It is the outbox's id of that delivery that comes back.
func AppendTo(tx *db.Tx, endpoint outbox.Endpoint, e Event) (id.Delivery, error) {
	list := []Event{e}
	if err := insert(tx, endpoint.Account, list); err != nil {
		return 0, err
	}
	return outbox.OweOne(tx, endpoint, e.ID, string(e.Kind), e.At)
}
