package profitwell_test

import (
	"fmt"
	"testing"
	"time"
)

// TestFeed pushes a life of subscriptions and reads what came of it.
func TestFeed(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		s.send("a plan", post("/v2/plans/", `{"id":"Gold plan","name":"Gold"}`))
		s.send("the same again", post("/v2/plans/", `{"id":"Gold plan","name":"Gold"}`))
		s.send("without a name", post("/v2/plans/", `{"id":"x"}`))
		s.send("all plans", get("/v2/plans/"))
		s.send("one", get("/v2/plans/Gold%20plan/"))
		s.send("another name", put("/v2/plans/Gold%20plan/", `{"name":"Golden"}`))
		s.send("a name of nothing", put("/v2/plans/nothing/", `{"name":"x"}`))
		made := s.send("a subscription of long ago", post("/v2/subscriptions/", fmt.Sprintf(`{"user_alias":"u1","subscription_alias":"s1","email":"ada@example.com","plan_id":"Gold plan","plan_interval":"year","plan_currency":"EUR","value":12000,"effective_date":%d}`, unix(2026, 1, 10))))
		s.send("the alias is taken", post("/v2/subscriptions/", fmt.Sprintf(`{"subscription_alias":"s1","email":"bob@example.com","plan_id":"p","plan_interval":"month","value":1000,"effective_date":%d}`, unix(2026, 1, 10))))
		s.send("a second one of the same user", post("/v2/subscriptions/", fmt.Sprintf(`{"user_alias":"u1","email":"ada@example.com","plan_id":"silver","plan_interval":"month","plan_currency":"eur","value":"1500","effective_date":"%d"}`, unix(2026, 2, 10))))
		s.send("more seats", put("/v2/subscriptions/s1/", fmt.Sprintf(`{"plan_id":"Gold plan","plan_interval":"year","value":24000,"effective_date":%d}`, unix(2026, 3, 5))))
		s.send("by its id", put("/v2/subscriptions/"+made.text("subscription_id"), fmt.Sprintf(`{"plan_id":"Gold plan","plan_interval":"month","value":2500,"status":"active","effective_date":%d,"email":"ignored"}`, unix(2026, 4, 5))))
		s.send("gone", remove(fmt.Sprintf("/v2/subscriptions/s1/?effective_date=%d&churn_type=delinquent", unix(2026, 5, 5)), ""))
		s.send("said again", remove(fmt.Sprintf("/v2/subscriptions/s1?effective_date=%d&churn_type=delinquent", unix(2026, 5, 5)), ""))
		s.send("gone otherwise", remove(fmt.Sprintf("/v2/subscriptions/s1/?effective_date=%d", unix(2026, 5, 6)), ""))
		s.send("never gone", sent{"PUT", "/v2/unchurn/s1/", "application/x-www-form-urlencoded", ""})
		s.send("and again", put("/v2/unchurn/s1/", `{}`))
		s.send("going to go", remove(fmt.Sprintf("/v2/subscriptions/s1/?effective_date=%d", unix(2026, 6, 5)), "{}"))
		s.send("a trial", post("/v2/subscriptions/", fmt.Sprintf(`{"user_alias":"u2","subscription_alias":"s2","email":"bob@example.com","plan_id":"silver","plan_interval":"month","plan_currency":"eur","status":"trialing","value":0,"effective_date":%d}`, unix(2026, 5, 2))))
		s.send("which converts", put("/v2/subscriptions/s2/", fmt.Sprintf(`{"plan_id":"silver","plan_interval":"month","value":1500,"effective_date":%d}`, unix(2026, 5, 12))))
		s.send("a customer who leaves and comes back", post("/v2/subscriptions/", fmt.Sprintf(`{"user_alias":"u3","subscription_alias":"s3","email":"cyd@example.com","plan_id":"silver","plan_interval":"Month","plan_currency":"eur","value":1500,"effective_date":%d}`, unix(2026, 1, 2))))
		s.send("leaves", remove(fmt.Sprintf("/v2/subscriptions/s3/?effective_date=%d&churn_type=voluntary", unix(2026, 2, 2)), ""))
		s.send("comes back", put("/v2/subscriptions/s3/", fmt.Sprintf(`{"plan_id":"silver","plan_interval":"month","value":1500,"effective_date":%d}`, unix(2026, 4, 2))))
		s.send("the history", get("/v2/users/u1/"))
		s.send("of a user by id", get("/v2/users/"+made.text("user_id")+"/"))
		s.send("of nobody", get("/v2/users/nobody/"))
		s.send("another address", put("/v2/users/u1/", `{"email":"ada@example.org"}`))
		s.send("months", get("/v2/metrics/monthly/?metrics=recurring_revenue,existing_recurring_revenue,new_recurring_revenue,reactivated_recurring_revenue,upgraded_recurring_revenue,downgraded_recurring_revenue,churned_recurring_revenue,active_customers,revenue_churn_rate"))
		s.send("of a plan", get("/v2/metrics/monthly?plan_id=silver&metrics=recurring_revenue,plan_changed_recurring_revenue"))
		s.send("days", get("/v2/metrics/daily/?month=2026-05&plan_id=&metrics=future_churn_mrr,cumulative_net_new_mrr"))
		s.send("plans with customers", get("/v2/metrics/plans/?limit=100"))
		s.send("customers", get("/v2/customers/?direction=desc"))
		s.send("one customer", get("/v2/customers/"+made.text("user_id")))
		s.send("by address", get("/customers/?email=bob%40example.com&status=active&created_after=x"))
		s.send("a user goes", remove("/v2/users/u3/", "{}"))
		s.send("and is not there", get("/v2/users/u3/"))
		s.send("nor in figures", get("/v2/metrics/monthly/?metrics=reactivated_recurring_revenue,active_customers"))
		s.send("left out", post("/v2/metrics/exclude_customer/"+made.text("user_id")+"/", `{}`))
		s.send("is in no figure", get("/v2/metrics/monthly/?metrics=recurring_revenue,active_customers"))
		s.golden("feed.txt")
	})
}

// TestTraits tells customers apart.
func TestTraits(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		for i, email := range []string{"ada@example.com", "bob@example.com"} {
			w.must(201, post("/v2/subscriptions/", fmt.Sprintf(`{"user_alias":"u%d","email":%q,"plan_id":"p","plan_interval":"month","value":1000,"plan_currency":"eur","effective_date":%d}`, i, email, unix(2026, 5, 1+i))))
		}
		s.send("a trait", put("/v2/customer_traits/trait/", `{"email":"ada@example.com","category":"tier","trait":"pro"}`))
		s.send("again", put("/v2/customer_traits/trait/", `{"email":"ada@example.com","category":"tier","trait":"pro"}`))
		s.send("another word", put("/v2/customer_traits/trait/", `{"customer_id":"u0","category":"tier","trait":"team"}`))
		s.send("more", put("/v2/customer_traits/trait/", `{"customer_id":"u0","category":"size","trait":"small"}`))
		s.send("of one", get("/v2/customer_traits/customer/u0/"))
		s.send("of nobody", put("/v2/customer_traits/trait/", `{"email":"nobody@example.com","category":"tier","trait":"pro"}`))
		s.send("nothing", put("/v2/customer_traits/trait/", `{}`))
		s.send("ours", put("/v2/customer_traits/trait/", `{"customer_id":"u0","category":"country","trait":"DE"}`))
		s.send("taken away", remove("/v2/customer_traits/trait/", `{"customer_id":"u0","category":"size","trait":"small"}`))
		s.send("not there", remove("/v2/customer_traits/trait/", `{"customer_id":"u0","category":"size","trait":"small"}`))
		s.send("a category", remove("/v2/customer_traits/category/", `{"category":"tier"}`))
		s.send("nothing is left", get("/v2/customer_traits/customer/u0/"))
		for i := range 100 {
			w.must(200, put("/v2/customer_traits/trait/", fmt.Sprintf(`{"customer_id":"u0","category":"n","trait":"%d"}`, i)))
			if i%2 == 0 {
				w.must(200, put("/v2/customer_traits/trait/", fmt.Sprintf(`{"customer_id":"u1","category":"n","trait":"%d"}`, i)))
			}
		}
		s.send("words that are used no more make room", put("/v2/customer_traits/trait/", `{"customer_id":"u0","category":"n","trait":"more"}`))
		s.send("anonymise", sent{"POST", "/v2/gdpr/anonymize_by_email/bob%40example.com/", "", ""})
		s.send("who is nobody now", get("/v2/users/u1/"))
		s.send("anonymise by id", post("/v2/gdpr/anonymize_by_customer_id/u0/", `{}`))
		s.send("nobody", post("/v2/gdpr/anonymize_by_email/nobody@example.com/", `{}`))
		s.send("no mails", post("/v2/retain/stop/", `{"customer_id":"u0","intervention_types":["reactivation","term_optimization"],"forever":true}`))
		s.send("wrong", post("/v2/retain/stop/", `{"customer_id":"u0","intervention_types":["sms"]}`))
		s.send("who gets none", get("/v2/retain/unsubscribed_customers/reactivation/?start_date=2026-05-20&end_date=2026-05-20&page=1&per_page=250"))
		s.send("before", get("/v2/retain/unsubscribed_customers/term_optimization/?end_date=2026-05-19"))
		s.send("of another kind", get("/v2/retain/unsubscribed_customers/sms/"))
		s.golden("traits.txt")
	})
}

// TestTraitLimit says that a category has no more than a hundred words in use.
func TestTraitLimit(t *testing.T) {
	onBoth(t, func(w *world) {
		for i := range 101 {
			w.must(201, post("/v2/subscriptions/", fmt.Sprintf(`{"user_alias":"u%d","email":"a@example.com","plan_id":"p","plan_interval":"month","value":1000,"plan_currency":"eur","effective_date":%d}`, i, unix(2026, 5, 1))))
			q := put("/v2/customer_traits/trait/", fmt.Sprintf(`{"customer_id":"u%d","category":"n","trait":"%d"}`, i, i))
			if i < 100 {
				w.must(200, q)
			} else if got := w.must(400, q); got.raw != `{"non_field_errors":["This category has hit trait limit"]}` {
				w.Error(got.raw)
			}
		}
	})
}

// TestTransactions speaks version 1.
func TestTransactions(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		made := s.send("in the query, as one library sends them", sent{"POST", "/v1/transactions/?currency=usd&email=ada%40example.com&plan_interval=Month&plan_name=V1+plan&plan_value=10&start_date=2026-01-02T00%3A00%3A00Z", "", ""})
		s.send("as JSON", post("/v1/transactions/", `{"email":"bob@example.com","plan_name":"V1 plan","plan_interval":"Year","plan_value":120.5,"start_date":"2026-02-01","currency":"eur","end_date":"2026-04-01"}`))
		s.send("wrong", post("/v1/transactions/", `{"plan_interval":"Week","plan_value":"ten","start_date":"soon"}`))
		user := "/v1/transactions/user/" + made.text("user_id") + "/"
		s.send("of a user", get(user))
		s.send("dearer", post(user, `{"plan_name":"V1 plan","plan_interval":"Month","plan_value":15,"start_date":"2026-03-02T00:00:00Z"}`))
		s.send("gone, as another library says it", sent{"POST", "/api/v1/transactions/" + made.text("user_id") + "/", "application/x-www-form-urlencoded", "plan_value=0&start_date=2026-05-02"})
		s.send("all", get("/v1/transactions"))
		s.send("deleted", remove(user, ""))
		s.send("nobody", get(user))
		s.golden("transactions.txt")
	})
}

// TestBadInput says that what is wrong is refused in the documented shapes, and that nothing
// of it is measured.
func TestBadInput(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		w.must(201, post("/v2/subscriptions/", fmt.Sprintf(`{"subscription_alias":"s1","user_alias":"u1","email":"ada@example.com","plan_id":"p","plan_interval":"month","value":1000,"plan_currency":"eur","effective_date":%d}`, unix(2026, 4, 1))))
		before := w.must(200, get("/v2/metrics/monthly/")).raw
		history := w.must(200, get("/v2/users/u1/")).raw
		soon := unix(2026, 5, 1)
		for what, q := range map[string]sent{
			"a trial that brings something":   post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","plan_id":"p","plan_interval":"month","status":"trialing","value":5,"effective_date":%d}`, soon)),
			"nothing":                         post("/v2/subscriptions/", `{}`),
			"unknown words":                   post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","plan_id":"p","plan_interval":"week","plan_currency":"zzz","status":"on","value":5,"effective_date":%d}`, soon)),
			"a value that is no number":       post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","plan_id":"p","plan_interval":"month","value":"five","effective_date":%d}`, soon)),
			"a value with a fraction":         post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","plan_id":"p","plan_interval":"month","value":5.5,"effective_date":%d}`, soon)),
			"a value below nothing":           post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","plan_id":"p","plan_interval":"month","value":-5,"effective_date":%d}`, soon)),
			"half a yen":                      post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","plan_id":"p","plan_interval":"month","plan_currency":"jpy","value":150,"effective_date":%d}`, soon)),
			"too far ahead":                   post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","plan_id":"p","plan_interval":"month","value":5,"effective_date":%d}`, unix(2028, 6, 1))),
			"too long ago":                    post("/v2/subscriptions/", `{"email":"a","plan_id":"p","plan_interval":"month","value":5,"effective_date":5}`),
			"no date":                         post("/v2/subscriptions/", `{"email":"a","plan_id":"p","plan_interval":"month","value":5,"effective_date":"2026-02-30"}`),
			"too long an alias":               post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","subscription_alias":"0123456789012345678901234567890123456","plan_id":"p","plan_interval":"month","value":5,"effective_date":%d}`, soon)),
			"an unknown user":                 post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","user_id":"pwu_000000000001","plan_id":"p","plan_interval":"month","value":5,"effective_date":%d}`, soon)),
			"churn before the start":          remove(fmt.Sprintf("/v2/subscriptions/s1/?effective_date=%d", unix(2026, 3, 1)), ""),
			"churn without a date":            remove("/v2/subscriptions/s1/", "{}"),
			"churn of another kind":           remove(fmt.Sprintf("/v2/subscriptions/s1/?effective_date=%d&churn_type=sudden", soon), ""),
			"churn of nothing":                remove(fmt.Sprintf("/v2/subscriptions/s9/?effective_date=%d", soon), ""),
			"a change before the start":       put("/v2/subscriptions/s1/", fmt.Sprintf(`{"plan_id":"p","plan_interval":"month","value":5,"effective_date":%d}`, unix(2026, 3, 1))),
			"a change of nothing":             put("/v2/subscriptions/s9/", fmt.Sprintf(`{"plan_id":"p","plan_interval":"month","value":5,"effective_date":%d}`, soon)),
			"no churn to take back":           put("/v2/unchurn/s1/", "{}"),
			"a change of a user into nothing": put("/v2/users/u1/", `{}`),
			"an unknown metric":               get("/v2/metrics/monthly/?metrics=luck,recurring_revenue"),
			"a daily metric by month":         get("/v2/metrics/monthly/?metrics=future_churn_mrr"),
			"an unknown plan":                 get("/v2/metrics/monthly/?plan_id=nothing"),
			"days without a month":            get("/v2/metrics/daily/"),
			"days of long ago":                get("/v2/metrics/daily/?month=2026-03"),
			"days of no month":                get("/v2/metrics/daily/?month=May"),
			"too many plans":                  get("/v2/metrics/plans/?limit=151"),
			"too far into the list":           get("/v2/customers/?page=401"),
			"dates that are none":             get("/v2/customers/?start_date=yesterday&end_date=2026-13-01&direction=up&date_field=created_on&per_page=0"),
			"an address that is not there":    get("/v2/metrics/mrr/"),
			"another one":                     get("/v2/company/"),
			"a method that is not there":      remove("/v2/plans/", ""),
			"no JSON":                         post("/v2/plans/", `{"id":`),
			"a category that is too long":     put("/v2/customer_traits/trait/", `{"customer_id":"u1","category":"`+long(300)+`","trait":"x"}`),
			"an unknown customer":             get("/v2/customers/cus_0000000000001/"),
			"an unknown customer is left out": post("/v2/metrics/exclude_customer/nobody/", "{}"),
		} {
			got := w.ask(q)
			if got.status < 400 || got.status >= 500 {
				w.Errorf("%s: %d %s", what, got.status, got.raw)
			}
		}
		for _, what := range []sent{
			post("/v2/subscriptions/", `{}`),
			post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","plan_id":"p","plan_interval":"week","plan_currency":"zzz","status":"on","value":"five","effective_date":%d}`, soon)),
			post("/v2/subscriptions/", fmt.Sprintf(`{"email":"a","plan_id":"p","plan_interval":"month","status":"trialing","value":5,"effective_date":%d}`, unix(2028, 6, 1))),
			remove("/v2/subscriptions/s1/", "{}"),
			remove(fmt.Sprintf("/v2/subscriptions/s1/?effective_date=%d", unix(2026, 3, 1)), ""),
			remove(fmt.Sprintf("/v2/subscriptions/s9/?effective_date=%d", soon), ""),
			put("/v2/unchurn/s1/", "{}"),
			get("/v2/metrics/daily/?month=2026-03"),
			get("/v2/metrics/monthly/?metrics=luck"),
			get("/v2/metrics/monthly/?plan_id=nothing"),
			get("/v2/customers/?start_date=yesterday&end_date=2026-13-01&direction=up&date_field=created_on&page=401"),
			get("/v2/metrics/mrr/"),
			{"PATCH", "/v2/plans/", formJSON, "{}"},
			post("/v2/plans/", `{"id":`),
		} {
			s.send("refused", what)
		}
		s.golden("refused.txt")
		if after := w.must(200, get("/v2/metrics/monthly/")).raw; after != before {
			w.Errorf("refused requests changed figures:\n%s\n%s", before, after)
		}
		if after := w.must(200, get("/v2/users/u1/")).raw; after != history {
			w.Errorf("refused requests changed a history:\n%s\n%s", history, after)
		}
	})
}

func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}

// TestDateForms reads instants in every form that clients send.
func TestDateForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", 0)
	w.must(201, post("/v2/subscriptions/", fmt.Sprintf(`{"email":"ada@example.com","plan_id":"p","plan_interval":"month","value":1000,"plan_currency":"eur","effective_date":%d}`, unix(2026, 4, 1))))
	for _, form := range []string{"2026-05-20", "2026-05-20%2000:00:00", "2026-05-20T00:00:00Z", "2026-05-20T00:00:00.000Z", "2026-05-20T02:00:00%2B02:00", fmt.Sprint(time.Date(2026, 5, 20, 0, 0, 0, 0, time.UTC).Unix()), "2026/05/20"} {
		if rows, _ := w.must(200, get("/v2/customers/?date_field=updated_on&start_date="+form)).body.([]any); len(rows) != 1 {
			t.Errorf("from %s: %d rows", form, len(rows))
		}
		if rows, _ := w.must(200, get("/v2/customers/?end_date="+form)).body.([]any); len(rows) != 0 {
			t.Errorf("up to %s: %d rows", form, len(rows))
		}
	}
}
