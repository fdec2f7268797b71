package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/subscription"
)

// breakRoutes are pauses, skipped and moved charges, and what brings an ended
// subscription back. Each answers the subscription.
func (a *API) breakRoutes() {
	type pause struct {
		ByID
		Body struct {
			When     string     `json:"when" enum:"now,period_end"`
			Until    *time.Time `json:"until,omitempty" doc:"Without it and periods: without end."`
			Periods  int        `json:"periods,omitempty" minimum:"1" maximum:"120" doc:"How many periods are left out; or until."`
			Collect  bool       `json:"collect,omitempty" doc:"Charge what was missed when the pause ends by itself."`
			Override bool       `json:"override,omitempty" doc:"Pause also what the product does not allow, and longer than it allows."`
			NoFee    bool       `json:"no_fee,omitempty" doc:"Leave the product's fee out."`
		}
	}
	moved(a, operation{id: "pause-subscription", path: "/v1/subscriptions/{id}/pause", summary: "Stop billing a subscription",
		text: "What is left of a paid period is kept for after the pause, unless what was missed is collected."},
		func(ctx context.Context, call commerce.Call, in *pause) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			var f fault.Fields
			b := in.Body
			until := instant(&f, "until", b.Until)
			f.Check(b.Until == nil || b.Periods == 0, "until", "must not be given together with periods")
			if err := f.Err(); err != nil {
				return subscription.Subscription{}, err
			}
			return a.s.Pause(ctx, commerce.Pause{Call: call, Subscription: v, AtPeriodEnd: b.When == "period_end", Until: until, Periods: b.Periods, Collect: b.Collect,
				Override: b.Override, NoFee: b.NoFee})
		})
	type unpause struct {
		ByID
		Body struct {
			Collect bool `json:"collect,omitempty" doc:"Charge what was missed; else billing only goes forward."`
		}
	}
	moved(a, operation{id: "unpause-subscription", path: "/v1/subscriptions/{id}/unpause", summary: "End a pause now, or take a scheduled one back"},
		func(ctx context.Context, call commerce.Call, in *unpause) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			return a.s.Unpause(ctx, commerce.Unpause{Call: call, Subscription: v, Collect: in.Body.Collect})
		})
	type skip struct {
		ByID
		Body struct {
			Override bool `json:"override,omitempty" doc:"Go beyond what the product allows."`
		}
	}
	moved(a, operation{id: "skip-period", path: "/v1/subscriptions/{id}/skip", summary: "Leave the next period of a subscription out", text: "Its next charge comes one period later."},
		func(ctx context.Context, call commerce.Call, in *skip) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			return a.s.Skip(ctx, commerce.Skip{Call: call, Subscription: v, Override: in.Body.Override})
		})
	a.moveRoutes()
}

func (a *API) moveRoutes() {
	type reschedule struct {
		ByID
		Body struct {
			To      *time.Time `json:"to,omitempty" doc:"The next charge; or align_to."`
			ForGood bool       `json:"for_good,omitempty" doc:"Later charges follow; else only this one moves."`
			AlignTo string     `json:"align_to,omitempty" maxLength:"40" doc:"Bill it with this other subscription of the same customer."`
		}
	}
	moved(a, operation{id: "reschedule-subscription", path: "/v1/subscriptions/{id}/reschedule", summary: "Move the next charge of a subscription"},
		func(ctx context.Context, call commerce.Call, in *reschedule) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			var f fault.Fields
			b := in.Body
			to := instant(&f, "to", b.To)
			other := refer[id.Subscription](&f, "align_to", b.AlignTo)
			f.Check((b.To == nil) != (b.AlignTo == ""), "to", "must be given, or align_to, and not both")
			f.Check(!b.ForGood || b.AlignTo == "", "for_good", "must not be given together with align_to, which is for good")
			if err := f.Err(); err != nil {
				return subscription.Subscription{}, err
			}
			return a.s.Reschedule(ctx, commerce.Reschedule{Call: call, Subscription: v, To: to, ForGood: b.ForGood, AlignTo: other})
		})
	type reactivate struct {
		ByID
		Body struct {
			NextCharge *time.Time `json:"next_charge,omitempty" doc:"Up to then it costs nothing; now when it is left out."`
		}
	}
	moved(a, operation{id: "reactivate-subscription", path: "/v1/subscriptions/{id}/reactivate", summary: "Bring an ended subscription back at its old terms"},
		func(ctx context.Context, call commerce.Call, in *reactivate) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			var f fault.Fields
			next := instant(&f, "next_charge", in.Body.NextCharge)
			if err := f.Err(); err != nil {
				return subscription.Subscription{}, err
			}
			return a.s.Reactivate(ctx, commerce.Reactivate{Call: call, Subscription: v, NextCharge: next})
		})
}

// moved registers a route that moves a subscription and answers it.
func moved[I any](a *API, o operation, run func(ctx context.Context, call commerce.Call, in *I) (subscription.Subscription, error)) {
	o.tag, o.status = "Subscriptions", http.StatusOK
	write(a, o, run, subscriptionOf)
}
