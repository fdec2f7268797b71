package profitwell

import (
	"context"
	"encoding/json"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/params"
	"perennial/internal/period"
	"perennial/internal/report"
)

// transaction is a row of version 1: what a subscription is worth from one instant to
// another.
type transaction struct {
	UserID              string      `json:"user_id"`
	SubscriptionID      string      `json:"subscription_id"`
	Email               string      `json:"email"`
	PlanName            string      `json:"plan_name"`
	PlanInterval        string      `json:"plan_interval"`
	PlanValue           json.Number `json:"plan_value"`
	Currency            string      `json:"currency"`
	StartDate           *string     `json:"start_date"`
	EndDate             *string     `json:"end_date"`
	IsPendingProcessing bool        `json:"is_pending_processing"`
}

// transactionsOf are the rows of a user, subscription after subscription.
func transactionsOf(h report.PushedHistory) []transaction {
	out := []transaction{}
	var order []id.MetricSubscription
	of := map[id.MetricSubscription][]report.PushedUpdate{}
	for _, u := range h.Updates {
		if of[u.Subscription.ID] == nil {
			order = append(order, u.Subscription.ID)
		}
		of[u.Subscription.ID] = append(of[u.Subscription.ID], u)
	}
	for _, sub := range order {
		for i, u := range of[sub] {
			row := transactionOf(h.User, u)
			if i+1 < len(of[sub]) {
				row.EndDate = stamp(of[sub][i+1].Fact.Time())
			}
			out = append(out, row)
		}
	}
	return out
}

func transactionOf(u metrics.User, p report.PushedUpdate) transaction {
	value := number(metrics.Value{N: p.Value, Known: true}, metrics.Metric{Unit: metrics.Money}, p.Terms.Currency)
	n, _ := value.(json.Number)
	interval := map[string]string{"month": "Month", "year": "Year"}[spellInterval(p.Terms.Interval)]
	return transaction{UserID: spellUser(u.ID), SubscriptionID: spellSubscription(p.Subscription.ID), Email: u.Email, PlanName: p.Plan, PlanInterval: interval, PlanValue: n,
		Currency: strings.ToLower(string(p.Terms.Currency)), StartDate: stamp(p.Fact.Time())}
}

// The users whose rows a list of all shows.
const (
	usersAtOnce = 500
	mostUsers   = 20_000
)

func (d *Door) listTransactions(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	out := []transaction{}
	var last id.MetricUser
	for range mostUsers / usersAtOnce {
		list, err := d.r.PushedUsers(ctx, c.account.ID, last, usersAtOnce)
		if err != nil {
			return nil, err
		}
		for _, h := range list {
			last = h.User.ID
			out = append(out, transactionsOf(h)...)
		}
		if len(list) < usersAtOnce {
			break
		}
	}
	return out, nil
}

// sold reads what version 1 says of a subscription; required are its terms.
func sold(v *params.Values, in money.Currency) commerce.PushedTerms {
	v.Require("plan_name", "plan_interval", "plan_value", "start_date")
	t := commerce.PushedTerms{Plan: v.Text("plan_name"), Interval: intervalOf(v, "plan_interval"), At: instantOf(v, "start_date")}
	value, err := worth(v.Decimal("plan_value"), in)
	v.Add("plan_value", err)
	t.Value = value
	return t
}

// worth is an amount in units of its currency; nothing of the empty text.
func worth(s string, in money.Currency) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if whole, decimals, ok := strings.Cut(s, "."); ok && strings.Trim(decimals, "0") == "" {
		s = whole
	}
	a, err := money.ParseMajor(s, in)
	return a.Minor, err
}

func (d *Door) createTransaction(ctx context.Context, c *caller, v *params.Values) (any, error) {
	in := currencyOf(v, "currency")
	v.Require("email")
	p := commerce.Push{Call: c.call(), Email: v.Text("email"), Currency: in, Terms: sold(v, in)}
	end := instantOf(v, "end_date")
	if err := v.Err(); err != nil {
		return nil, inTransactions(err)
	}
	made, err := d.s.Push(ctx, p)
	if err != nil {
		return nil, inTransactions(err)
	}
	if !end.IsZero() {
		if _, err := d.s.EndPushed(ctx, commerce.EndPushed{Call: c.call(), Subscription: commerce.PushedThing{ID: made.Subscription.ID}, At: end}); err != nil {
			return nil, inTransactions(err)
		}
	}
	row := transactionOf(made.User, report.PushedUpdate{Subscription: made.Subscription, Fact: made.Fact, Plan: made.Plan, Value: made.Value, Terms: metrics.Terms{Interval: made.Interval, Currency: in}})
	row.EndDate = stamp(end)
	return row, nil
}

func (d *Door) getTransactions(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of := person(c.path["id"])
	h, err := d.r.PushedHistory(ctx, c.account.ID, of.ID, of.Alias)
	if err != nil {
		return nil, err
	}
	return transactionsOf(h), nil
}

// changeTransaction changes the newest subscription of a user; a value of 0 ends it.
func (d *Door) changeTransaction(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of := person(c.path["id"])
	h, err := d.r.PushedHistory(ctx, c.account.ID, of.ID, of.Alias)
	if err != nil {
		return nil, err
	}
	if len(h.Updates) == 0 {
		return nil, errNotFound
	}
	last := h.Updates[len(h.Updates)-1]
	terms := commerce.PushedTerms{At: instantOf(v, "start_date"), Plan: last.Plan, Interval: last.Terms.Interval}
	v.Require("plan_value", "start_date")
	terms.Value, err = worth(v.Decimal("plan_value"), last.Terms.Currency)
	v.Add("plan_value", err)
	if s := v.Text("plan_name"); s != "" {
		terms.Plan = s
	}
	if i := intervalOf(v, "plan_interval"); i != (period.Interval{}) {
		terms.Interval = i
	}
	if err := v.Err(); err != nil {
		return nil, inTransactions(err)
	}
	sub := commerce.PushedThing{ID: last.Subscription.ID}
	if terms.Value == 0 {
		_, err = d.s.EndPushed(ctx, commerce.EndPushed{Call: c.call(), Subscription: sub, At: terms.At})
	} else {
		_, err = d.s.ChangePushed(ctx, commerce.ChangePushed{Call: c.call(), Subscription: sub, Terms: terms})
	}
	if err != nil {
		return nil, inTransactions(err)
	}
	return d.getTransactions(ctx, c, v)
}

func (d *Door) deleteTransactions(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	_, err := d.s.DeletePushedUser(ctx, commerce.DeletePushedUser{Call: c.call(), User: person(c.path["id"])})
	return map[string]string{"detail": "This user's data has been deleted."}, err
}
