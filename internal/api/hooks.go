package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
)

// HookWire is a REST hook: an address that an automation service subscribed to one type
// of events.
type HookWire struct {
	ID        string    `json:"id"`
	TargetURL string    `json:"target_url"`
	Event     string    `json:"event"`
	State     string    `json:"state" enum:"enabled,disabled"`
	Failure   *string   `json:"failure" doc:"Why it was disabled for its failures."`
	CreatedAt time.Time `json:"created_at"`
}

func hookOf(e outbox.Endpoint) HookWire {
	kind := "*"
	if len(e.Events) > 0 {
		kind = e.Events[0]
	}
	return HookWire{e.ID.String(), e.Address, kind, string(e.State), textOf(e.Failure), e.CreatedAt}
}

func (a *API) hookRoutes() {
	read(a, operation{id: "list-hooks", path: "/v1/hooks", tag: "Hooks", summary: "The REST hooks"},
		func(ctx context.Context, c caller, _ *none) (list[HookWire], error) {
			rows, err := a.endpoints(ctx, c, outbox.Hook)
			return paged(Page{Limit: len(rows)}, "end", rows, nil, hookOf), err
		})
	type newHook struct {
		Body struct {
			TargetURL string `json:"target_url" minLength:"1" maxLength:"2000" format:"uri" example:"https://hooks.example.com/1/2"`
			Event     string `json:"event" minLength:"1" maxLength:"80" example:"invoice.paid" doc:"A type of events, or a group such as invoice.*."`
		}
	}
	write(a, operation{id: "subscribe-hook", path: "/v1/hooks", tag: "Hooks", summary: "Subscribe an address to a type of events",
		text: "What Zapier, n8n and Make call when a workflow is switched on. Nothing is sent to the address to prove it. Deliveries are those of webhooks, signed and in the same log; an address that answers 410 is unsubscribed."},
		func(ctx context.Context, call commerce.Call, in *newHook) (outbox.Endpoint, error) {
			err := a.checkAddress(in.Body.TargetURL)
			if f := fault.As(err); err != nil && f.Kind == fault.Invalid && len(f.Fields) > 0 {
				return outbox.Endpoint{}, fault.BadField("target_url", "%s", f.Fields[0].Message)
			}
			if err != nil {
				return outbox.Endpoint{}, err
			}
			if err := (outbox.Filter{in.Body.Event}).Check(); err != nil {
				return outbox.Endpoint{}, fault.BadField("event", "must be a type of events such as invoice.paid, or a group such as invoice.*")
			}
			_, sealed := a.o.NewSecret(call.Account)
			return a.s.CreateEndpoint(ctx, commerce.CreateEndpoint{Call: call, Kind: outbox.Hook, Address: in.Body.TargetURL, Events: outbox.Filter{in.Body.Event}, Secret: sealed})
		}, hookOf)
	write(a, operation{id: "unsubscribe-hook", method: http.MethodDelete, path: "/v1/hooks/{id}", status: http.StatusOK, tag: "Hooks", summary: "Unsubscribe an address",
		text: "What is still owed to it is given up."},
		func(ctx context.Context, call commerce.Call, in *ByID) (removed, error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return removed{}, err
			}
			e, err := a.r.Endpoint(ctx, call.Account, v)
			if err == nil && e.Kind != outbox.Hook {
				err = fault.New(fault.NotFound, "there is no hook with that id")
			}
			if err != nil {
				return removed{}, err
			}
			done := removed{in.ID, true}
			return done, a.s.RemoveEndpoint(ctx, commerce.RemoveEndpoint{Call: withoutAnswer(call, done), Endpoint: v})
		}, func(r removed) removed { return r })
	a.sampleRoute()
}

// sampleRoute answers what the address of a hook would receive, as a bare array, because
// that is what the services that ask for it read.
func (a *API) sampleRoute() {
	type ofEvent struct {
		Event string `path:"event" maxLength:"80" doc:"A type of events."`
	}
	op := a.describeOp(operation{id: "hook-samples", method: http.MethodGet, status: http.StatusOK, path: "/v1/hooks/samples/{event}", tag: "Hooks",
		summary: "Samples of what a hook receives", text: "The newest three events of that type as they were or would be delivered, the newest first; where the account has none, one that is made up."}, typeOf[[]json.RawMessage]())
	huma.Register(a.huma, op, func(ctx context.Context, in *ofEvent) (*answer, error) {
		out, err := a.samples(ctx, callerOf(ctx), event.Kind(in.Event))
		if err != nil {
			return a.refused(ctx, err), nil
		}
		return answered(http.StatusOK, encode(out)), nil
	})
}

func (a *API) samples(ctx context.Context, c caller, kind event.Kind) ([]json.RawMessage, error) {
	shape, ok := event.Shapes[kind]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no type of events with that name")
	}
	rows, err := a.r.Events(ctx, c.account.ID, event.Filter{Kind: kind, Limit: 3})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		_, now, err := a.r.Account(ctx, c.account.ID)
		if err != nil {
			return nil, err
		}
		rows = []event.Event{shape.Sample(c.account.ID, kind, now)}
	}
	list := make([]json.RawMessage, 0, len(rows))
	for _, e := range rows {
		body, err := a.o.EventBody(e)
		if err != nil {
			return nil, err
		}
		list = append(list, json.RawMessage(body))
	}
	return list, nil
}
