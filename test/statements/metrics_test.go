package statements

import (
	"context"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/period"
	"perennial/internal/report"
)

// measuring pushes what is measured, and reads figures.
func measuring(t *testing.T, s *commerce.Service, r *report.Reader, call commerce.Call) {
	ctx := context.Background()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	acc := call.Account
	_, now, err := r.Account(ctx, acc)
	must(now, err)
	terms := commerce.PushedTerms{Plan: "gold", Interval: period.Interval{Unit: period.Month, Count: 1}, Value: 900, At: now.AddDate(0, -2, 0)}
	must(s.PushPlan(ctx, commerce.PushPlan{Call: call, Code: "gold", Name: "Gold"}))
	must(s.PushPlan(ctx, commerce.PushPlan{Call: call, Code: "gold", Name: "Golden", Rename: true}))
	made, err := s.Push(ctx, commerce.Push{Call: call, UserAlias: "u", Alias: "s", Email: "push@example.com", Currency: "USD", Terms: terms})
	must(made, err)
	sub := commerce.PushedThing{Alias: "s"}
	terms.Value, terms.At, terms.Plan = 1800, now.AddDate(0, -1, 0), "silver"
	must(s.ChangePushed(ctx, commerce.ChangePushed{Call: call, Subscription: sub, Terms: terms}))
	must(s.EndPushed(ctx, commerce.EndPushed{Call: call, Subscription: sub, At: now.AddDate(0, 1, 0)}))
	must(s.ContinuePushed(ctx, commerce.ContinuePushed{Call: call, Subscription: sub}))
	address := "other@example.com"
	must(s.EditPushedUser(ctx, commerce.EditPushedUser{Call: call, User: commerce.PushedUser{ID: made.User.ID}, Email: &address}))
	who := int64(made.User.ID)
	must(nil, s.SetTrait(ctx, commerce.SetTrait{Call: call, Customers: []int64{who}, Category: "tier", Word: "pro"}))
	for range metrics.MaxWords {
		must(nil, s.SetTrait(ctx, commerce.SetTrait{Call: call, Customers: []int64{who}, Category: "n", Word: id.New[id.Fact]().String()}))
	}
	must(nil, s.SetTrait(ctx, commerce.SetTrait{Call: call, Customers: []int64{who}, Category: "n", Word: "last"}))
	must(nil, s.StopInterventions(ctx, commerce.StopInterventions{Call: call, Customer: who, Kinds: []metrics.Intervention{metrics.Reactivation}}))
	figures(t, r, acc, made)
	must(nil, s.RemoveTraits(ctx, commerce.RemoveTraits{Call: call, Category: "tier"}))
	must(nil, s.AnonymisePushed(ctx, commerce.AnonymisePushed{Call: call, Users: []id.MetricUser{made.User.ID}}))
	must(nil, s.ExcludeMeasured(ctx, commerce.ExcludeMeasured{Call: call, Customer: who}))
	must(s.RebuildMetrics(ctx, acc, true))
	must(s.RebuildMetrics(ctx, acc, false))
	must(s.DeletePushedUser(ctx, commerce.DeletePushedUser{Call: call, User: commerce.PushedUser{Alias: "u"}}))
}

func figures(t *testing.T, r *report.Reader, acc id.Account, made commerce.Pushed) {
	ctx := context.Background()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	who := int64(made.User.ID)
	campaigns, err := r.Campaigns(ctx, acc, 0, 1)
	must(campaigns, err)
	coupons, err := r.Coupons(ctx, acc, 0, 1)
	must(coupons, err)
	plan, err := r.PushedPlan(ctx, acc, "gold")
	must(plan, err)
	for _, filter := range []metrics.Filter{{}, {Plan: int64(plan.ID)}, {Campaign: int64(campaigns[0].ID), Coupon: int64(coupons[0].ID)}, {Traits: map[string]string{"tier": "pro"}}} {
		for _, grain := range []metrics.Grain{metrics.ByMonth, metrics.ByDay} {
			must(r.Metrics(ctx, acc, report.Measure{Grain: grain, Filter: filter}))
			must(r.Explain(ctx, acc, report.Measure{Grain: grain, Filter: filter}, "recurring_revenue", 0, 20))
		}
	}
	must(r.Metrics(ctx, acc, report.Measure{Set: metrics.Stripe, Grain: metrics.ByMonth}))
	must(r.MeasuredPlans(ctx, acc, 20))
	must(r.Cohorts(ctx, acc, 0))
	must(r.MeasuredCustomer(ctx, acc, who, metrics.ProfitWell))
	must(r.MeasuredPerson(ctx, acc, who))
	for _, down := range []bool{false, true} {
		must(r.MeasuredPeople(ctx, acc, report.MeasuredPage{Page: metrics.Page{From: time.Unix(1, 0), To: time.Unix(2_000_000_000, 0), Descending: down, Skip: 1, Limit: 20}}))
	}
	must(r.MeasuredPeople(ctx, acc, report.MeasuredPage{Email: "other@example.com", Page: metrics.Page{Limit: 20}}))
	must(r.Mailed(ctx, acc, "other@example.com"))
	must(r.PushedHistory(ctx, acc, made.User.ID, ""))
	must(r.PushedHistory(ctx, acc, 0, "u"))
	must(r.PushedUsers(ctx, acc, 0, 20))
	must(r.PushedPlans(ctx, acc, 0, 20))
	must(r.PushedCodes(ctx, acc, []int64{int64(plan.ID)}))
	must(r.PushedCurrency(ctx, acc, 0, "s"))
	must(r.Traits(ctx, acc, who))
	must(r.Stops(ctx, acc, metrics.Reactivation, time.Time{}, time.Time{}, 0, 20))
	must(r.Stops(ctx, acc, metrics.Reactivation, time.Unix(1, 0), time.Unix(2_000_000_000, 0), 0, 20))
	_, _, err = r.MeasuredAs(ctx, acc)
	must(nil, err)
}

// cash reads what came in and went out.
func cash(t *testing.T, r *report.Reader, call commerce.Call) {
	a, now, err := r.Account(context.Background(), call.Account)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.CashFlow(context.Background(), a, "USD", now); err != nil {
		t.Fatal(err)
	}
}
