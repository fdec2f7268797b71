package api

import (
	"context"
	"time"

	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/report"
)

// MetricFact is what a subscription of a customer is worth from an instant on.
type MetricFact struct {
	ID           string    `json:"id"`
	At           time.Time `json:"at"`
	Subscription *string   `json:"subscription" doc:"Of ours, or a measured one; null for a fact about the customer."`
	Cause        string    `json:"cause" enum:"started,trial_began,terms_changed,quantity_changed,discount_changed,paused,resumed,ended,ended_unpaid,reactivated,cancel_scheduled,cancel_undone,payment_late,payment_caught_up,imported,taken_back,excluded,deleted,began_unpaid"`
	Plan         *string   `json:"plan"`
	Interval     string    `json:"interval"`
	Coupon       *string   `json:"coupon"`
	Monthly      *Money    `json:"monthly" doc:"What it brings by the month, in its own currency."`
	Counted      int64     `json:"counted" doc:"The same in minor units of the account's currency, at the rate of the day on which its price began."`
	OnTrial      bool      `json:"on_trial"`
	Ending       bool      `json:"ending" doc:"Its end is fixed."`
	Late         bool      `json:"late" doc:"A charge failed and is tried again."`
	TakesBack    *string   `json:"takes_back" doc:"A fact that never happened."`
	Events       []string  `json:"events"`
}

// MetricMovement is what a customer adds to the figures on a day.
type MetricMovement struct {
	Day       string `json:"day"`
	Kind      string `json:"kind" enum:"new,reactivated,upgraded,downgraded,churned_voluntary,churned_delinquent,plan_changed,future_churn,trials_started,trials_converted,trials_lost,trial_seconds"`
	Plan      string `json:"plan"`
	Amount    int64  `json:"amount" doc:"Minor units of the account's currency."`
	Customers int64  `json:"customers"`
}

// MeasuredCustomer is all that is measured of a customer.
type MeasuredCustomer struct {
	Customer  string            `json:"customer"`
	Set       string            `json:"set"`
	Zone      string            `json:"zone"`
	Traits    map[string]string `json:"traits"`
	Facts     []MetricFact      `json:"facts" doc:"Oldest first."`
	Movements []MetricMovement  `json:"movements" doc:"What the definitions make of the facts."`
}

func planIDOf(t metrics.Terms) *string {
	switch {
	case t.Plan == 0:
		return nil
	case t.Pushed:
		return textOf(id.MetricPlan(t.Plan).String())
	}
	return textOf(id.Price(t.Plan).String())
}

func measuredOf(customer string, h report.MeasuredHistory) MeasuredCustomer {
	out := MeasuredCustomer{Customer: customer, Set: h.Set.String(), Zone: h.Zone, Traits: map[string]string{}, Facts: []MetricFact{}, Movements: []MetricMovement{}}
	for category, word := range h.Known {
		out.Traits[category] = word
	}
	for _, f := range h.Facts {
		t := h.Terms[f.Terms]
		w := MetricFact{ID: id.Fact(f.ID).String(), At: f.Time(), Cause: f.Cause.String(), Plan: planIDOf(t), Interval: t.Interval.String(), Coupon: textOf(id.Coupon(t.Coupon).String()),
			Counted: f.In(f.Value), OnTrial: f.Flags&metrics.OnTrial != 0, Ending: f.Flags&metrics.Ending != 0, Late: f.Flags&metrics.Late != 0,
			TakesBack: textOf(id.Fact(f.Voids).String()), Events: []string{}}
		switch {
		case f.Subject == 0:
		case t.Pushed:
			w.Subscription = textOf(id.MetricSubscription(f.Subject).String())
		default:
			w.Subscription = textOf(id.Subscription(f.Subject).String())
		}
		if t.Currency != "" {
			w.Monthly = &Money{f.Value, string(t.Currency)}
		}
		for _, e := range f.Events {
			w.Events = append(w.Events, e.ID.String())
		}
		out.Facts = append(out.Facts, w)
	}
	var held metrics.Held
	for i := range h.Lines {
		l := &h.Lines[i]
		out.Movements = append(out.Movements, MetricMovement{l.Day.String(), l.Kind.String(), *planIDOf(h.Terms[l.Terms]), l.Amount, held.Count(l)})
	}
	return out
}

func (a *API) measuredRoutes() {
	type question struct {
		ByID
		Set string `query:"set" enum:"profitwell,chartmogul,stripe,baremetrics" default:"profitwell"`
	}
	read(a, operation{id: "get-measured-customer", path: "/v1/metrics/customers/{id}", tag: "Metrics", summary: "What one customer brings, and why", text: "A customer of ours, or a measured user."},
		func(ctx context.Context, c caller, in *question) (MeasuredCustomer, error) {
			set, err := metrics.ParseSet(in.Set)
			if err != nil {
				return MeasuredCustomer{}, err
			}
			var who int64
			if user, err := id.Parse[id.MetricUser](in.ID); err == nil {
				who = int64(user)
			} else {
				customer, err := id.Parse[id.Customer](in.ID)
				if err != nil {
					return MeasuredCustomer{}, err
				}
				who = int64(customer)
			}
			h, err := a.r.MeasuredCustomer(ctx, c.account.ID, who, set)
			if err != nil {
				return MeasuredCustomer{}, err
			}
			return measuredOf(in.ID, h), nil
		})
}
