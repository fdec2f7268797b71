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
