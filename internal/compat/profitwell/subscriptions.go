package profitwell

import (
	"context"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/params"
	"perennial/internal/report"
)

// termsOf reads what a subscription is subscribed to from an instant on.
func termsOf(v *params.Values, in money.Currency) commerce.PushedTerms {
	v.Require("plan_id", "plan_interval", "value", "effective_date")
	t := commerce.PushedTerms{Plan: v.Text("plan_id"), Interval: intervalOf(v, "plan_interval"), At: instantOf(v, "effective_date")}
	cents := v.Int("value", 0, money.MaxMinor/100)
	switch s := v.Text("status"); s {
	case "", "active":
	case "trialing":
		t.Trial = true
		v.Check(cents == 0, "value", "must be 0 while the subscription is trialing")
	default:
		v.Bad("status", "%q is not a valid choice", s)
	}
	minor, ok := minorOf(cents, in)
	if t.Value = minor; !ok {
		v.Add("value", wrongValue("value"))
	}
	return t
}

func (d *Door) createSubscription(ctx context.Context, c *caller, v *params.Values) (any, error) {
	in := currencyOf(v, "plan_currency")
	v.Require("email")
	p := commerce.Push{Call: c.call(), UserAlias: v.Text("user_alias"), Alias: v.Text("subscription_alias"), Email: v.Text("email"), Provider: v.Text("data_provider_user_id"),
		Currency: in, Terms: termsOf(v, in)}
	v.Check(len(p.Alias) <= 36, "subscription_alias", "ensure this field has no more than 36 characters")
	if s := v.Text("user_id"); s != "" {
		if p.User = id.MetricUser(unspell(userPrefix, s)); p.User == 0 { // some send their own name here
			p.UserAlias = s
		}
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	made, err := d.s.Push(ctx, p)
	if err != nil {
		return nil, err
	}
	return created{pushedOf(made)}, nil
}

// pushedOf is the object of what was pushed.
func pushedOf(p commerce.Pushed) subscription {
	return updateOf(p.User, report.PushedUpdate{Subscription: p.Subscription, Fact: p.Fact, Plan: p.Plan, Value: p.Value,
		Terms: metrics.Terms{Interval: p.Interval, Currency: p.Currency}})
}

// thing names the subscription of an address, by id or alias.
func thing(s string) commerce.PushedThing {
	if v := unspell(subscriptionPrefix, s); v != 0 {
		return commerce.PushedThing{ID: id.MetricSubscription(v)}
	}
	return commerce.PushedThing{Alias: s}
}

func (d *Door) changeSubscription(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of := thing(c.path["id"])
	in, err := d.r.PushedCurrency(ctx, c.account.ID, of.ID, of.Alias)
	if err != nil {
		return nil, err
	}
	terms := termsOf(v, in)
	if err := v.Err(); err != nil {
		return nil, err
	}
	changed, err := d.s.ChangePushed(ctx, commerce.ChangePushed{Call: c.call(), Subscription: of, Terms: terms})
	if err != nil {
		return nil, err
	}
	return pushedOf(changed), nil
}

func (d *Door) churnSubscription(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("effective_date")
	e := commerce.EndPushed{Call: c.call(), Subscription: thing(c.path["id"]), At: instantOf(v, "effective_date")}
	switch s := v.Text("churn_type"); s {
	case "", "voluntary":
	case "delinquent":
		e.Unpaid = true
	default:
		v.Bad("churn_type", "%q is not a valid choice", s)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	done, err := d.s.EndPushed(ctx, e)
	if err != nil {
		return nil, err
	}
	return pushedOf(done), nil
}

func (d *Door) unchurn(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	_, err := d.s.ContinuePushed(ctx, commerce.ContinuePushed{Call: c.call(), Subscription: thing(c.path["id"])})
	return empty{}, err
}

// person names the user of an address, by id or alias.
func person(s string) commerce.PushedUser {
	if v := unspell(userPrefix, s); v != 0 {
		return commerce.PushedUser{ID: id.MetricUser(v)}
	}
	return commerce.PushedUser{Alias: s}
}

func (d *Door) history(ctx context.Context, c *caller) ([]subscription, error) {
	of := person(c.path["id"])
	h, err := d.r.PushedHistory(ctx, c.account.ID, of.ID, of.Alias)
	if err != nil {
		return nil, err
	}
	return rowsOf(h), nil
}

func rowsOf(h report.PushedHistory) []subscription {
	out := []subscription{}
	for _, u := range h.Updates {
		out = append(out, updateOf(h.User, u))
	}
	return out
}

func (d *Door) getUser(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	return d.history(ctx, c)
}

func (d *Door) editUser(ctx context.Context, c *caller, v *params.Values) (any, error) {
	e := commerce.EditPushedUser{Call: c.call(), User: person(c.path["id"])}
	if v.Has("email") {
		s := v.Text("email")
		e.Email = &s
	}
	if v.Has("name") {
		s := v.Text("name")
		e.Name = &s
	}
	v.Check(e.Email != nil || e.Name != nil, "email", "is required")
	if err := v.Err(); err != nil {
		return nil, err
	}
	u, err := d.s.EditPushedUser(ctx, e)
	if err != nil {
		return nil, err
	}
	return struct {
		UserID    string  `json:"user_id"`
		UserAlias *string `json:"user_alias"`
		Email     string  `json:"email"`
		Name      *string `json:"name"`
	}{spellUser(u.ID), text(u.Alias), u.Email, text(u.Name)}, nil
}

func (d *Door) deleteUser(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	_, err := d.s.DeletePushedUser(ctx, commerce.DeletePushedUser{Call: c.call(), User: person(c.path["id"])})
	return empty{}, err
}

// plan is the object of a plan.
type plan struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// maxPlans is how many plans a list shows.
const maxPlans = 10_000

func (d *Door) listPlans(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	list, err := d.r.PushedPlans(ctx, c.account.ID, 0, maxPlans)
	out := []plan{}
	for _, p := range list {
		out = append(out, plan{p.Code, p.Name})
	}
	return out, err
}

func (d *Door) getPlan(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	p, err := d.r.PushedPlan(ctx, c.account.ID, c.path["id"])
	if err == nil && !p.Listed {
		err = errNotFound
	}
	return plan{p.Code, p.Name}, err
}

func (d *Door) createPlan(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("id", "name")
	if err := v.Err(); err != nil {
		return nil, err
	}
	p, err := d.s.PushPlan(ctx, commerce.PushPlan{Call: c.call(), Code: v.Text("id"), Name: v.Text("name")})
	return created{plan{p.Code, p.Name}}, err
}

func (d *Door) renamePlan(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("name")
	if err := v.Err(); err != nil {
		return nil, err
	}
	p, err := d.s.PushPlan(ctx, commerce.PushPlan{Call: c.call(), Code: c.path["id"], Name: v.Text("name"), Rename: true})
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.Invalid, "there is no such plan").WithCode("plan_unknown")
	}
	return plan{p.Code, p.Name}, err
}
