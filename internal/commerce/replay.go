package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
)

// replayPiece is how many events or deliveries of a replay one transaction looks at.
const replayPiece = 500

// StartReplay begins to send a range of events to one endpoint again.
type StartReplay struct {
	Call
	Endpoint id.Endpoint
	Failed   bool // only deliveries that were given up; otherwise all of the range that the endpoint wants
	Range    outbox.Range
}

// StartReplay begins to send a range of events to one endpoint again. What is in the range
// is counted now; it is made due a piece at a time by ContinueReplays. What was sent
// before is sent with the same bytes, as long as they are kept; what the endpoint was never
// owed is sent too, unless only what failed is asked for. Without an end the range ends
// with the newest event there is. Conflict when the endpoint is disabled.
func (s *Service) StartReplay(ctx context.Context, c StartReplay) (outbox.Run, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, _ time.Time) (outbox.Run, error) {
		e, err := outbox.LoadWebhook(tx, a.ID, c.Endpoint)
		if err == nil {
			e, err = outbox.Listening(tx, a.ID, c.Endpoint)
		}
		if err != nil {
			return outbox.Run{}, err
		}
		if err := checkRange(c.Range); err != nil {
			return outbox.Run{}, err
		}
		v := outbox.Run{ID: id.New[id.Replay](), Account: a.ID, Endpoint: e.ID, Failed: c.Failed, Range: c.Range, State: outbox.RunRunning,
			CreatedAt: s.clock.Now(), Version: 1}
		newest, err := event.List(tx, a.ID, event.Filter{Limit: 1})
		if err != nil {
			return v, err
		}
		if len(newest) > 0 && (v.Range.To == 0 || v.Range.To > newest[0].ID) {
			v.Range.To = newest[0].ID
		}
		if v.Total, err = event.CountReplay(tx, e, c.Failed, v.Range); err != nil {
			return v, err
		}
		if v.Total == 0 {
			v.State, v.EndedAt = outbox.RunDone, v.CreatedAt
		}
		return v, outbox.InsertRun(tx, v)
	})
}

func checkRange(r outbox.Range) error {
	switch {
	case r.From != 0 && r.To != 0 && r.To < r.From:
		return fault.BadField("to_event", "comes before from_event")
	case !r.Since.IsZero() && !r.Until.IsZero() && !r.Until.After(r.Since):
		return fault.BadField("until", "must be after since")
	}
	return nil
}

// StopReplay ends a replay before it is done.
type StopReplay struct {
	Call
	Replay id.Replay
}

// StopReplay ends a replay before it is done; what it made due is sent nevertheless.
// Conflict when it has ended.
func (s *Service) StopReplay(ctx context.Context, c StopReplay) (outbox.Run, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, _ time.Time) (outbox.Run, error) {
		v, err := outbox.LoadRun(tx, a.ID, c.Replay)
		if err != nil {
			return v, err
		}
		if v.State != outbox.RunRunning {
			return v, fault.New(fault.Conflict, "the replay has ended already")
		}
		v.State, v.EndedAt = outbox.RunStopped, s.clock.Now()
		return v, outbox.SaveRun(tx, &v)
	})
}

// ContinueReplays goes on with every replay that is not done, of all accounts, each by one
// piece, and reports whether one has more. Several processes may do it at once: one of
// them gets each piece.
func (s *Service) ContinueReplays(ctx context.Context) (more bool, err error) {
	var running []outbox.Run
	err = s.db.Read(ctx, func(tx *db.Tx) (err error) {
		running, err = outbox.Running(tx, 50)
		return err
	})
	if err != nil {
		return false, err
	}
	for _, v := range running {
		var after outbox.Run
		err := s.db.Background(ctx, func(tx *db.Tx) error {
			fresh, err := outbox.LoadRun(tx, v.Account, v.ID)
			if err != nil || fresh.State != outbox.RunRunning {
				return err
			}
			after, err = s.replayOnce(tx, fresh)
			if err != nil {
				return err
			}
			return outbox.SaveRun(tx, &after)
		})
		if err != nil {
			return more, err
		}
		more = more || after.State == outbox.RunRunning
	}
	return more, nil
}

// replayOnce makes one piece of a replay due.
func (s *Service) replayOnce(tx *db.Tx, v outbox.Run) (outbox.Run, error) {
	ended := func(state outbox.RunState) outbox.Run {
		v.State, v.EndedAt = state, s.clock.Now()
		return v
	}
	e, err := outbox.Listening(tx, v.Account, v.Endpoint)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) {
		return ended(outbox.RunStopped), nil
	}
	if err != nil {
		return v, err
	}
	if v.Failed {
		n, last, err := outbox.ReplayDead(tx, v.Account, v.Endpoint, v.Range, v.Last, replayPiece)
		v.Seen, v.Owed, v.Last = v.Seen+n, v.Owed+n, last
		if err == nil && n < replayPiece {
			return ended(outbox.RunDone), nil
		}
		return v, err
	}
	list, err := event.Span(tx, v.Account, v.Range, v.Last, replayPiece)
	if err != nil {
		return v, err
	}
	wanted := make([]event.Event, 0, len(list))
	for _, happened := range list {
		if event.Replayed(e, happened.Kind) {
			wanted = append(wanted, happened)
		}
		v.Last = happened.ID
	}
	n, err := outbox.Again(tx, e, len(wanted), func(i int) (id.Event, string, time.Time) {
		return wanted[i].ID, string(wanted[i].Kind), wanted[i].At
	})
	v.Seen, v.Owed = v.Seen+len(wanted), v.Owed+n
	if err == nil && len(list) < replayPiece {
		return ended(outbox.RunDone), nil
	}
	return v, err
}
