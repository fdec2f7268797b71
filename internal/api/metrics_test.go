package api_test

import (
	"testing"
	"time"
)

// TestMetrics tells what the API says of figures, and how each comes about.
func TestMetrics(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		first := w.call(201, "POST", "/v1/subscriptions", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`).text("id")
		w.clock.Set(start.Add(36 * time.Hour)) // the month after
		w.call(200, "POST", "/v1/subscriptions/"+first+"/change", `{"quantity":3}`)
		s := newTranscript(w)
		s.send("two months", "GET", "/v1/metrics?metrics=recurring_revenue,new_recurring_revenue,upgraded_recurring_revenue,active_customers,growth_rate", "")
		s.send("days", "GET", "/v1/metrics?grain=day&from=2026-01-31&metrics=recurring_revenue,upgraded_customers", "")
		s.send("of a plan", "GET", "/v1/metrics?metrics=recurring_revenue&plan="+p.monthly, "")
		s.send("of nobody", "GET", "/v1/metrics?metrics=recurring_revenue&country=FR&trait=tier:pro", "")
		s.send("by another set", "GET", "/v1/metrics?metrics=revenue_churn_rate,lifetime_value&set=stripe", "")
		s.send("wrong", "GET", "/v1/metrics?metrics=luck&grain=week&set=recurly", "")
		s.send("wrong names", "GET", "/v1/metrics?metrics=luck", "")
		s.send("wrong ids", "GET", "/v1/metrics?plan=prc_0000000000001&campaign=x&coupon=cpn_0000000000001&from=2026-13&trait=pro", "")
		s.send("too many days", "GET", "/v1/metrics?grain=day&from=2019-01-01", "")
		s.send("why", "GET", "/v1/metrics/explain?metric=upgraded_recurring_revenue", "")
		s.send("why a share", "GET", "/v1/metrics/explain?metric=average_revenue_per_user&period=2026-01", "")
		s.send("why a day", "GET", "/v1/metrics/explain?metric=recurring_revenue&period=2026-01-31", "")
		s.send("why nothing", "GET", "/v1/metrics/explain?metric=luck&period=tomorrow", "")
		s.send("plans", "GET", "/v1/metrics/plans", "")
		s.send("cohorts", "GET", "/v1/metrics/cohorts", "")
		s.send("what cohorts bring", "GET", "/v1/metrics/cohorts?of=revenue&as=absolute&from=2026-01", "")
		s.send("cash", "GET", "/v1/metrics/cash-flow", "")
		s.send("too little for a forecast", "GET", "/v1/metrics/forecast", "")
		s.send("one customer", "GET", "/v1/metrics/customers/"+p.customer, "")
		s.send("nobody", "GET", "/v1/metrics/customers/cus_0000000000001", "")
		golden(w, "metrics.golden", s.b.String())
	})
}
