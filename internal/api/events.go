package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

func (a *API) eventRoutes() {
	type filter struct {
		Page
		Customer string `query:"customer" maxLength:"40" doc:"Only of that customer's story."`
		Type     string `query:"type" maxLength:"60" example:"invoice.paid" doc:"Only of that type."`
	}
	read(a, operation{id: "list-events", path: "/v1/events", tag: "Events", summary: "Everything that happened"},
		func(ctx context.Context, c caller, in *filter) (list[Event], error) {
			from, err := before[id.Event](in.Page, "evt")
			if err != nil {
				return list[Event]{}, err
			}
			who, err := parse[id.Customer]("query.customer", in.Customer)
			if err != nil {
				return list[Event]{}, err
			}
			rows, err := a.r.Events(ctx, c.account.ID, event.Filter{Customer: who, Kind: event.Kind(in.Type), Before: from, Limit: in.Limit + 1})
			return paged(in.Page, "evt", rows, func(e event.Event) int64 { return int64(e.ID) }, eventOf), err
		})
	read(a, operation{id: "get-event", path: "/v1/events/{id}", tag: "Events", summary: "One event"},
		func(ctx context.Context, c caller, in *ByID) (Event, error) {
			v, err := id.Parse[id.Event](in.ID)
			if err != nil {
				return Event{}, err
			}
			e, err := a.r.Event(ctx, c.account.ID, v)
			return eventOf(e), err
		})
}

// Clock is an account's own time.
type Clock struct {
	Now     time.Time  `json:"now"`
	Sandbox bool       `json:"sandbox" doc:"Whether it can be advanced."`
	Target  *time.Time `json:"advancing_to" doc:"While it is being advanced."`
}

// ClockWalk is how far a sandbox clock was advanced, and what happened on the way.
type ClockWalk struct {
	From      time.Time `json:"from"`
	Now       time.Time `json:"now"`
	Due       int       `json:"due" doc:"Subscriptions on which something was due."`
	Collected int       `json:"collected"`
	Declined  int       `json:"declined"`
	Unknown   int       `json:"unknown"`
	Ended     int       `json:"ended"`
}

// Upcoming is something that will happen.
type Upcoming struct {
	At           time.Time `json:"at"`
	What         string    `json:"what" enum:"end,charge,retry,complete,change,pause,pause_fee,resume" doc:"complete is the end after the last payment, or the first charge of what follows it; resume is the end of a pause."`
	Subscription string    `json:"subscription"`
	Customer     string    `json:"customer"`
	Amount       Money     `json:"amount" doc:"Of a charge, without discounts, usage and tax; 0 of everything else."`
}

func dueOf(d report.Due) Upcoming {
	return Upcoming{d.At, dueWords[d.Step], d.Subscription.ID.String(), d.Subscription.Customer.String(), moneyOf(d.Amount)}
}

// dueWords name what will happen.
var dueWords = map[subscription.Step]string{subscription.Finish: "end", subscription.Bill: "charge", subscription.Retry: "retry", subscription.Complete: "complete",
	subscription.ChangeDue: "change", subscription.PauseNow: "pause", subscription.PauseFee: "pause_fee", subscription.EndOfPause: "resume"}

func (a *API) clockRoutes() {
	read(a, operation{id: "get-clock", path: "/v1/clock", tag: "Clock", summary: "The account's own time"},
		func(ctx context.Context, c caller, _ *none) (Clock, error) {
			acc, now, err := a.r.Account(ctx, c.account.ID)
			return Clock{now, acc.Mode == account.Sandbox, timeOf(acc.ClockTarget)}, err
		})
	type clockAdvance struct {
		Body struct {
			To *time.Time `json:"to,omitempty" doc:"An instant; or by."`
			By string     `json:"by,omitempty" maxLength:"20" example:"31 days" doc:"An interval: day, week, month, year, 31 days …"`
		}
	}
	write(a, operation{id: "advance-clock", path: "/v1/clock/advance", status: http.StatusOK, tag: "Clock", summary: "Advance a sandbox's clock",
		text: "Everything that falls due on the way happens, in order. The answer comes when the clock is there. Live accounts are refused."},
		func(ctx context.Context, call commerce.Call, in *clockAdvance) (commerce.Progress, error) {
			return a.s.MoveClock(withoutCancel(ctx), commerce.MoveClock{Call: call, Target: func(acc account.Account, now time.Time) (time.Time, error) {
				return target(in.Body.To, in.Body.By, now, acc.Location())
			}})
		}, func(p commerce.Progress) ClockWalk {
			return ClockWalk{p.From, p.At, p.Run.Due, p.Run.Collected, p.Run.Declined, p.Run.Unknown, p.Run.Ended}
		})
	type upTo struct {
		Limit int `query:"limit" default:"20" minimum:"1" maximum:"100"`
	}
	read(a, operation{id: "list-upcoming", path: "/v1/upcoming", tag: "Clock", summary: "What will happen in the next year, soonest first"},
		func(ctx context.Context, c caller, in *upTo) (list[Upcoming], error) {
			_, now, err := a.r.Account(ctx, c.account.ID)
			if err != nil {
				return list[Upcoming]{}, err
			}
			rows, err := a.r.Upcoming(ctx, c.account.ID, now.AddDate(1, 0, 0), in.Limit)
			return paged(Page{Limit: len(rows)}, "due", rows, nil, dueOf), err
		})
}

// target is the instant that a body names.
func target(to *time.Time, by string, now time.Time, zone *time.Location) (time.Time, error) {
	switch {
	case (to == nil) == (by == ""):
		return time.Time{}, fault.BadField("to", "must be given, or by, and not both")
	case to != nil && !clock.InRange(*to):
		return time.Time{}, fault.BadField("to", "must be from 1970 to 2199")
	case to != nil:
		return *to, nil
	}
	interval, err := period.ParseInterval(by)
	if err != nil {
		return time.Time{}, fault.BadField("by", "must be an interval such as month or 31 days")
	}
	return period.Anchor{Start: now, Zone: zone}.Boundary(interval, 1), nil
}

// EndpointWire is a webhook endpoint on the wire. It is exported because only then are the fields of forms
// that hold it described.
type EndpointWire struct {
	ID        string    `json:"id"`
	Address   string    `json:"address"`
	Events    []string  `json:"events" doc:"Types such as invoice.paid, or invoice.*; empty for all."`
	State     string    `json:"state" enum:"enabled,disabled"`
	Failure   *string   `json:"failure" doc:"Why it was disabled for its failures."`
	CreatedAt time.Time `json:"created_at"`
}

func endpointOf(e outbox.Endpoint) EndpointWire {
	events := []string(e.Events)
	if events == nil {
		events = []string{}
	}
	return EndpointWire{e.ID.String(), e.Address, events, string(e.State), textOf(e.Failure), e.CreatedAt}
}

// Delivery is an event owed to an endpoint.
type Delivery struct {
	ID        string     `json:"id"`
	Endpoint  string     `json:"endpoint"`
	Event     string     `json:"event"`
	State     string     `json:"state" enum:"waiting,delivered,dead"`
	Attempts  int        `json:"attempts"`
	NextAt    *time.Time `json:"next_at"`
	Answer    int        `json:"answer" doc:"The last HTTP status; 0 when there was none."`
	Failure   *string    `json:"failure"`
	SettledAt *time.Time `json:"settled_at"`
}

func deliveryOf(d outbox.Delivery) Delivery {
	return Delivery{d.ID.String(), d.Endpoint.String(), d.Event.String(), string(d.State), d.Attempts, timeOf(d.NextAt), d.Answer, textOf(d.Failure), timeOf(d.SettledAt)}
}

func (a *API) endpointRoutes() {
	read(a, operation{id: "list-webhook-endpoints", path: "/v1/webhook-endpoints", tag: "Webhooks", summary: "The webhook endpoints"},
		func(ctx context.Context, c caller, _ *none) (list[EndpointWire], error) {
			rows, err := a.r.Endpoints(ctx, c.account.ID)
			return paged(Page{Limit: len(rows)}, "end", rows, nil, endpointOf), err
		})
	type newEndpoint struct {
		Body struct {
			Address string   `json:"address" minLength:"1" maxLength:"2000" format:"uri" example:"https://example.com/hooks"`
			Events  []string `json:"events,omitempty" maxItems:"64" doc:"Types such as invoice.paid, or invoice.*; left out, all."`
		}
	}
	type created struct {
		EndpointWire
		Secret *string `json:"secret" doc:"Signs what is sent, by the Standard Webhooks scheme. Shown only now; null in a repeated answer."`
	}
	type made struct {
		endpoint outbox.Endpoint
		secret   string
	}
	write(a, operation{id: "create-webhook-endpoint", path: "/v1/webhook-endpoints", tag: "Webhooks", summary: "Have an address told of events",
		kept: func(result any) any { return created{endpointOf(result.(outbox.Endpoint)), nil} }},
		func(ctx context.Context, call commerce.Call, in *newEndpoint) (made, error) {
			if err := a.checkAddress(in.Body.Address); err != nil {
				return made{}, err
			}
			secret, sealed := a.o.NewSecret(call.Account)
			e, err := a.s.CreateEndpoint(ctx, commerce.CreateEndpoint{Call: call, Address: in.Body.Address, Events: in.Body.Events, Secret: sealed})
			return made{e, secret}, err
		}, func(m made) created { return created{endpointOf(m.endpoint), &m.secret} })
	read(a, operation{id: "get-webhook-endpoint", path: "/v1/webhook-endpoints/{id}", tag: "Webhooks", summary: "One webhook endpoint"},
		func(ctx context.Context, c caller, in *ByID) (EndpointWire, error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return EndpointWire{}, err
			}
			e, err := a.r.Endpoint(ctx, c.account.ID, v)
			return endpointOf(e), err
		})
	a.endpointChanges()
}

// checkAddress refuses an address that webhooks may not reach, under this door's
// name of the field.
func (a *API) checkAddress(address string) error {
	err := a.o.CheckAddress(address)
	if f := fault.As(err); err != nil && f.Kind == fault.Invalid {
		why := f.Message
		if len(f.Fields) > 0 {
			why = f.Fields[0].Message
		}
		return fault.BadField("address", "%s", why)
	}
	return err
}

func (a *API) endpointChanges() {
	type endpointChange struct {
		ByID
		Body struct {
			Address *string  `json:"address,omitempty" maxLength:"2000"`
			Events  []string `json:"events,omitempty" maxItems:"64"`
			Enabled *bool    `json:"enabled,omitempty"`
		}
	}
	write(a, operation{id: "update-webhook-endpoint", method: http.MethodPatch, status: http.StatusOK, path: "/v1/webhook-endpoints/{id}", tag: "Webhooks", summary: "Change a webhook endpoint"},
		func(ctx context.Context, call commerce.Call, in *endpointChange) (outbox.Endpoint, error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return outbox.Endpoint{}, err
			}
			if in.Body.Address != nil {
				if err := a.checkAddress(*in.Body.Address); err != nil {
					return outbox.Endpoint{}, err
				}
			}
			return a.s.UpdateEndpoint(ctx, commerce.UpdateEndpoint{Call: call, Endpoint: v, Address: in.Body.Address, Events: eventsOf(in.Body.Events), Enabled: in.Body.Enabled})
		}, endpointOf)
	write(a, operation{id: "remove-webhook-endpoint", path: "/v1/webhook-endpoints/{id}/remove", status: http.StatusOK, tag: "Webhooks", summary: "End a webhook endpoint"},
		func(ctx context.Context, call commerce.Call, in *ByID) (removed, error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return removed{}, err
			}
			done := removed{in.ID, true}
			return done, a.s.RemoveEndpoint(ctx, commerce.RemoveEndpoint{Call: withoutAnswer(call, done), Endpoint: v})
		}, func(r removed) removed { return r })
	type filter struct {
		Page
		ByID
		State string `query:"state" enum:"waiting,delivered,dead" doc:"Only in that state."`
	}
	read(a, operation{id: "list-deliveries", path: "/v1/webhook-endpoints/{id}/deliveries", tag: "Webhooks", summary: "What an endpoint was and is owed"},
		func(ctx context.Context, c caller, in *filter) (list[Delivery], error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return list[Delivery]{}, err
			}
			if _, err := a.r.Endpoint(ctx, c.account.ID, v); err != nil {
				return list[Delivery]{}, err
			}
			from, err := before[id.Delivery](in.Page, "dlv")
			if err != nil {
				return list[Delivery]{}, err
			}
			rows, err := a.r.Deliveries(ctx, c.account.ID, outbox.Query{Endpoint: v, State: outbox.State(in.State), Before: from, Limit: in.Limit + 1})
			if fault.Is(err, fault.NotFound) {
				err = fault.BadField("query.cursor", "must be next_cursor of a page of this list")
			}
			return paged(in.Page, "dlv", rows, func(d outbox.Delivery) int64 { return int64(d.ID) }, deliveryOf), err
		})
	write(a, operation{id: "replay-delivery", path: "/v1/deliveries/{id}/replay", status: http.StatusOK, tag: "Webhooks", summary: "Send a delivery again"},
		func(ctx context.Context, call commerce.Call, in *ByID) (outbox.Delivery, error) {
			v, err := id.Parse[id.Delivery](in.ID)
			if err != nil {
				return outbox.Delivery{}, err
			}
			return a.s.ReplayDelivery(ctx, commerce.ReplayDelivery{Call: call, Delivery: v})
		}, deliveryOf)
}

type removed struct {
	ID      string `json:"id"`
	Removed bool   `json:"removed"`
}

func eventsOf(list []string) *outbox.Filter {
	if list == nil {
		return nil
	}
	f := outbox.Filter(list)
	return &f
}
