package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
	"perennial/internal/report"
)

// DeliveryTry is one try of a delivery.
type DeliveryTry struct {
	Number  int       `json:"number"`
	At      time.Time `json:"at"`
	Took    int64     `json:"took_ms"`
	Status  int       `json:"status" doc:"0 when nothing was answered."`
	Request string    `json:"request_headers" doc:"One a line; values that the merchant set are masked."`
	Answer  string    `json:"answer" doc:"The first 2 kB of what was answered, as text."`
	Failure *string   `json:"failure"`
}

// DeliveryDetail is a delivery with what was sent and answered.
type DeliveryDetail struct {
	Delivery
	Body *string       `json:"body" doc:"The bytes that every try sends; null before the first try, and 30 days after the delivery was settled."`
	Log  []DeliveryTry `json:"log" doc:"The last 20 tries, the newest first."`
}

func deliveryDetailOf(v report.DeliveryView) DeliveryDetail {
	d := DeliveryDetail{deliveryOf(v.Delivery), textOf(v.Body), []DeliveryTry{}}
	for _, t := range v.Tries {
		d.Log = append(d.Log, DeliveryTry{t.Number, t.At, t.Took.Milliseconds(), t.Status, t.Request, t.Said, textOf(t.Failure)})
	}
	return d
}

// DeliveryFilter narrows the delivery log.
type DeliveryFilter struct {
	Page
	State string    `query:"state" enum:"waiting,delivered,dead" doc:"Only in that state."`
	Type  string    `query:"type" maxLength:"60" example:"invoice.paid" doc:"Only of events of that type."`
	Since time.Time `query:"since" doc:"Only of events that happened then or later."`
}

// deliveries is one page of the delivery log.
func (a *API) deliveries(ctx context.Context, c caller, endpoint id.Endpoint, f DeliveryFilter) (list[Delivery], error) {
	kind := "dlv" // the two lists are in different orders, so that each has cursors of its own
	if endpoint == 0 {
		kind = "dla"
	}
	from, err := before[id.Delivery](f.Page, kind)
	if err != nil {
		return list[Delivery]{}, err
	}
	if !f.Since.IsZero() && !clock.InRange(f.Since) {
		return list[Delivery]{}, fault.BadField("query.since", "must be from 1970 to 2199")
	}
	rows, err := a.r.Deliveries(ctx, c.account.ID, outbox.Query{Endpoint: endpoint, State: outbox.State(f.State), Kind: f.Type, Since: f.Since, Before: from, Limit: f.Limit + 1})
	if fault.Is(err, fault.NotFound) {
		err = fault.BadField("query.cursor", "must be next_cursor of a page of this list")
	}
	return paged(f.Page, kind, rows, func(d outbox.Delivery) int64 { return int64(d.ID) }, deliveryOf), err
}

func (a *API) deliveryRoutes() {
	type ofEndpoint struct {
		DeliveryFilter
		ByID
	}
	read(a, operation{id: "list-endpoint-deliveries", path: "/v1/webhook-endpoints/{id}/deliveries", tag: "Webhooks", summary: "What an endpoint was and is owed"},
		func(ctx context.Context, c caller, in *ofEndpoint) (list[Delivery], error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return list[Delivery]{}, err
			}
			if _, err := a.r.Endpoint(ctx, c.account.ID, v); err != nil {
				return list[Delivery]{}, err
			}
			return a.deliveries(ctx, c, v, in.DeliveryFilter)
		})
	read(a, operation{id: "list-deliveries", path: "/v1/deliveries", tag: "Webhooks", summary: "What all endpoints and hooks were and are owed"},
		func(ctx context.Context, c caller, in *DeliveryFilter) (list[Delivery], error) {
			return a.deliveries(ctx, c, 0, *in)
		})
	read(a, operation{id: "get-delivery", path: "/v1/deliveries/{id}", tag: "Webhooks", summary: "One delivery, with what was sent and answered"},
		func(ctx context.Context, c caller, in *ByID) (DeliveryDetail, error) {
			v, err := id.Parse[id.Delivery](in.ID)
			if err != nil {
				return DeliveryDetail{}, err
			}
			d, err := a.r.Delivery(ctx, c.account.ID, v)
			return deliveryDetailOf(d), err
		})
	write(a, operation{id: "replay-delivery", path: "/v1/deliveries/{id}/replay", status: http.StatusOK, tag: "Webhooks", summary: "Send a delivery again",
		text: "Sends the same bytes again, whatever became of it."},
		func(ctx context.Context, call commerce.Call, in *ByID) (outbox.Delivery, error) {
			v, err := id.Parse[id.Delivery](in.ID)
			if err != nil {
				return outbox.Delivery{}, err
			}
			return a.s.ReplayDelivery(ctx, commerce.ReplayDelivery{Call: call, Delivery: v})
		}, deliveryOf)
}

// ReplayWire is a replay of many deliveries.
type ReplayWire struct {
	ID        string     `json:"id"`
	Endpoint  string     `json:"endpoint"`
	What      string     `json:"what" enum:"failed,all"`
	Since     *time.Time `json:"since"`
	Until     *time.Time `json:"until"`
	From      *string    `json:"from_event"`
	To        *string    `json:"to_event"`
	State     string     `json:"state" enum:"running,done,stopped"`
	Total     int        `json:"total" doc:"How many deliveries the range had when it began."`
	Seen      int        `json:"seen" doc:"How many of them were looked at."`
	Owed      int        `json:"owed" doc:"How many of those were made due again; the others were waiting already."`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

func replayOf(v outbox.Run) ReplayWire {
	what := "all"
	if v.Failed {
		what = "failed"
	}
	return ReplayWire{v.ID.String(), v.Endpoint.String(), what, timeOf(v.Range.Since), timeOf(v.Range.Until), textOf(v.Range.From.String()), textOf(v.Range.To.String()),
		string(v.State), v.Total, v.Seen, v.Owed, v.CreatedAt, timeOf(v.EndedAt)}
}

// replayNew is what a replay of many takes.
type replayNew struct {
	ByID
	Body struct {
		What  string     `json:"what" enum:"failed,all" doc:"failed: what was given up. all: every event of the range that the endpoint listens to, also those that happened while it was disabled."`
		Since *time.Time `json:"since,omitempty" doc:"Events that happened then or later, on the account's clock."`
		Until *time.Time `json:"until,omitempty" doc:"Events that happened before."`
		From  string     `json:"from_event,omitempty" maxLength:"40" doc:"The first event of the range."`
		To    string     `json:"to_event,omitempty" maxLength:"40" doc:"The last event of the range; left out, the newest there is."`
	}
}

// replayRange reads the endpoint and the range of a replay.
func (a *API) replayRange(ctx context.Context, acc id.Account, in *replayNew) (e id.Endpoint, r outbox.Range, err error) {
	if e, err = id.Parse[id.Endpoint](in.ID); err != nil {
		return e, r, err
	}
	if r.From, err = parse[id.Event]("from_event", in.Body.From); err != nil {
		return e, r, err
	}
	if r.To, err = parse[id.Event]("to_event", in.Body.To); err != nil {
		return e, r, err
	}
	for name, bound := range map[string]*time.Time{"since": in.Body.Since, "until": in.Body.Until} {
		if bound != nil && !clock.InRange(*bound) {
			return e, r, fault.BadField(name, "must be from 1970 to 2199")
		}
	}
	if in.Body.Since != nil {
		r.Since = *in.Body.Since
	}
	if in.Body.Until != nil {
		r.Until = *in.Body.Until
	}
	if _, err := a.r.Endpoint(ctx, acc, e); err != nil {
		return e, r, err
	}
	for name, bound := range map[string]id.Event{"from_event": r.From, "to_event": r.To} {
		if bound == 0 {
			continue
		}
		if _, err := a.r.Event(ctx, acc, bound); err != nil {
			return e, r, refersTo(err, name)
		}
	}
	return e, r, nil
}

// ReplayPreview is how many deliveries a replay would make due.
type ReplayPreview struct {
	Total int `json:"total"`
}

func (a *API) replayRoutes() {
	write(a, operation{id: "start-replay", path: "/v1/webhook-endpoints/{id}/replays", tag: "Webhooks", summary: "Send a range of events to an endpoint again",
		text: "What was sent before is sent with the same bytes. The answer comes at once; read the replay to see how far it is."},
		func(ctx context.Context, call commerce.Call, in *replayNew) (outbox.Run, error) {
			e, r, err := a.replayRange(ctx, call.Account, in)
			if err != nil {
				return outbox.Run{}, err
			}
			return a.s.StartReplay(ctx, commerce.StartReplay{Call: call, Endpoint: e, Failed: in.Body.What == "failed", Range: r})
		}, replayOf)
	ask(a, operation{id: "preview-replay", path: "/v1/webhook-endpoints/{id}/replays/preview", tag: "Webhooks", summary: "How many deliveries a replay would send"},
		func(ctx context.Context, c caller, in *replayNew) (ReplayPreview, error) {
			e, r, err := a.replayRange(ctx, c.account.ID, in)
			if err != nil {
				return ReplayPreview{}, err
			}
			n, err := a.r.ReplayCount(ctx, c.account.ID, e, in.Body.What == "failed", r)
			return ReplayPreview{n}, err
		})
	type ofEndpoint struct {
		Page
		ByID
	}
	read(a, operation{id: "list-replays", path: "/v1/webhook-endpoints/{id}/replays", tag: "Webhooks", summary: "The replays of an endpoint"},
		func(ctx context.Context, c caller, in *ofEndpoint) (list[ReplayWire], error) {
			e, from, err := within[id.Endpoint, id.Replay](in.ByID, in.Page, "rpl")
			if err != nil {
				return list[ReplayWire]{}, err
			}
			rows, err := a.r.Replays(ctx, c.account.ID, e, from, in.Limit+1)
			return paged(in.Page, "rpl", rows, func(v outbox.Run) int64 { return int64(v.ID) }, replayOf), err
		})
	read(a, operation{id: "get-replay", path: "/v1/replays/{id}", tag: "Webhooks", summary: "How far a replay is"},
		func(ctx context.Context, c caller, in *ByID) (ReplayWire, error) {
			v, err := id.Parse[id.Replay](in.ID)
			if err != nil {
				return ReplayWire{}, err
			}
			run, err := a.r.Replay(ctx, c.account.ID, v)
			return replayOf(run), err
		})
	write(a, operation{id: "stop-replay", path: "/v1/replays/{id}/stop", status: http.StatusOK, tag: "Webhooks", summary: "End a replay before it is done",
		text: "What it made due already is sent nevertheless."},
		func(ctx context.Context, call commerce.Call, in *ByID) (outbox.Run, error) {
			v, err := id.Parse[id.Replay](in.ID)
			if err != nil {
				return outbox.Run{}, err
			}
			return a.s.StopReplay(ctx, commerce.StopReplay{Call: call, Replay: v})
		}, replayOf)
}
