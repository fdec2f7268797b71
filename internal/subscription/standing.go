package subscription

import (
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/period"
)

// Standing is where a subscription stands: as much of it as decides to which period
// usage belongs. It is read for many at a time and much more often than all of them is.
type Standing struct {
	ID        id.Subscription
	Customer  id.Customer
	Price     id.Price
	State     State
	Period    int
	Span      period.Span // of Period
	EndedAt   time.Time   // zero while it runs
	CreatedAt time.Time
}

// standings reads through plain values: converting each column by its type costs as
// much as finding the row.
func standings(tx *db.Tx, account id.Account, where string, list any) ([]*Standing, error) {
	var found []*Standing
	var v [9]any
	dst := []any{&v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8]}
	number := func(i int) int64 {
		n, _ := v[i].(int64)
		return n
	}
	instant := func(i int) time.Time {
		if v[i] == nil {
			return time.Time{}
		}
		return clock.Time(number(i))
	}
	err := tx.Each(func(row db.Scan) error {
		if err := row(dst...); err != nil {
			return err
		}
		state, _ := v[3].(string)
		found = append(found, &Standing{ID: id.Subscription(number(0)), Customer: id.Customer(number(1)), Price: id.Price(number(2)), State: State(state),
			Period: int(number(4)), Span: period.Span{From: instant(5), To: instant(6)}, EndedAt: instant(7), CreatedAt: instant(8)})
		return nil
	}, "select id, customer_id, price_id, state, period, period_from, period_to, ended_at, created_at from subscription where account_id = $1 and "+where, account, list)
	return found, err
}

// Standings are where those of the subscriptions stand that the account has.
func Standings(tx *db.Tx, account id.Account, ids []int64) (map[id.Subscription]*Standing, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := standings(tx, account, tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Subscription]*Standing, len(list))
	for _, s := range list {
		found[s.ID] = s
	}
	return found, err
}

// StandingsOf are where the running subscriptions of customers stand.
func StandingsOf(tx *db.Tx, account id.Account, customers []int64) (map[id.Customer][]*Standing, error) {
	found := map[id.Customer][]*Standing{}
	if len(customers) == 0 {
		return found, nil
	}
	list, err := standings(tx, account, tx.AnyOf("customer_id", 2)+" and state <> 'canceled' order by id", tx.List(customers))
	for _, s := range list {
		found[s.Customer] = append(found[s.Customer], s)
	}
	return found, err
}
