package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"perennial/internal/event"
	"perennial/internal/fault"
)

// EventSchema names the schema of a type of events.
type EventSchema struct {
	Type    string `json:"type" example:"invoice.paid"`
	Version int    `json:"version" doc:"Within a version a type may gain a fact; none is taken away, renamed or given another type."`
	Text    string `json:"text"`
	URL     string `json:"url" doc:"Where the JSON Schema (2020-12) of its deliveries is."`
}

func (a *API) schemaRoutes() {
	read(a, operation{id: "list-event-schemas", path: "/v1/event-schemas", tag: "Events", summary: "The types of events and their schemas"},
		func(context.Context, caller, *none) (list[EventSchema], error) {
			kinds := event.Kinds()
			return paged(Page{Limit: len(kinds)}, "evt", kinds, nil, func(k event.Kind) EventSchema {
				return EventSchema{string(k), event.ShapeVersion, event.Shapes[k].Text, "/v1/event-schemas/" + string(k)}
			}), nil
		})
	type ofType struct {
		Type string `path:"type" maxLength:"80" doc:"A type of events."`
	}
	op := a.describeOp(operation{id: "get-event-schema", method: http.MethodGet, status: http.StatusOK, path: "/v1/event-schemas/{type}", tag: "Events",
		summary: "The JSON Schema of a type of events", text: "It describes what webhooks and hooks receive."}, typeOf[map[string]any]())
	huma.Register(a.huma, op, func(ctx context.Context, in *ofType) (*answer, error) {
		shape, ok := event.Shapes[event.Kind(in.Type)]
		if !ok {
			return a.refused(ctx, fault.New(fault.NotFound, "there is no type of events with that name")), nil
		}
		return answered(http.StatusOK, encode(shape.Schema(event.Kind(in.Type)))), nil
	})
}
