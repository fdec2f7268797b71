package coupon

import (
	"cmp"
	"math"
	"slices"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// RedemptionState says whether a redemption counts.
type RedemptionState string

// The states of a redemption.
const (
	Redeemed RedemptionState = "redeemed"
	Returned RedemptionState = "returned" // the sale came to nothing; it counts no more
)

// Redemption is one use of one coupon by one customer.
type Redemption struct {
	ID           id.Entry
	Account      id.Account
	Coupon       id.Coupon
	Customer     id.Customer
	Order        id.Order        // the sale; zero for a coupon that a subscription was given later
	Subscription id.Subscription // that keeps the discount; zero for a one-time sale
	State        RedemptionState
	At           time.Time
	ReturnedAt   time.Time // zero while it counts
}

var redemptionTable = db.NewTable("coupon_redemption", db.Int("account_id"), db.Int("id"), db.Int("coupon_id"), db.Int("customer_id"), db.NullInt("order_id"),
	db.NullInt("subscription_id"), db.Text("state"), db.Int("at"), db.NullInt("returned_at"))

// Redeem counts one use of each coupon by the customer, for an order, a subscription or
// both, and writes the redemptions. Of several that race for the last one, one gets it.
// It refuses, with fault.Conflict, what is used up (coupon_used_up), what this customer
// used as often as he may (coupon_used_by_customer), what was archived
// (coupon_archived), and an order that redeemed the coupon already
// (coupon_redeemed_already). After a refusal the caller gives the transaction up: some
// coupons may have been counted. CheckRedeem comes before.
func Redeem(tx *db.Tx, coupons []Coupon, customer id.Customer, order id.Order, sub id.Subscription, now time.Time) error {
	if len(coupons) == 0 {
		return nil
	}
	// In one order, so that two buyers of the same coupons do not wait for each other in
	// a circle.
	sorted := slices.SortedFunc(slices.Values(coupons), func(a, b Coupon) int { return cmp.Compare(a.ID, b.ID) })
	for _, c := range sorted {
		if err := count(tx, c, customer); err != nil {
			return err
		}
	}
	ids := id.NewList[id.Entry](len(sorted))
	inserted, err := tx.InsertIgnore(redemptionTable, len(sorted), func(i int, r *db.Row) {
		c := sorted[i]
		r.Int(int64(c.Account))
		r.Int(int64(ids[i]))
		r.Int(int64(c.ID))
		r.Int(int64(customer))
		r.NullInt(int64(order), order != 0)
		r.NullInt(int64(sub), sub != 0)
		r.Text(string(Redeemed))
		r.Time(now)
		r.Time(time.Time{})
	})
	if err == nil && inserted < len(sorted) {
		return fault.New(fault.Conflict, "this order redeemed the coupon already").WithCode("coupon_redeemed_already")
	}
	return err
}

// count raises the coupon's total and the customer's uses, each where its limit allows.
// The limits are the row's own: those that were loaded may be old.
func count(tx *db.Tx, c Coupon, customer id.Customer) error {
	var perCustomer int64
	err := tx.One([]any{&perCustomer}, `update coupon set redeemed = redeemed + 1
		where account_id = $1 and id = $2 and state = 'active' and (max_redemptions = 0 or redeemed < max_redemptions) returning max_per_customer`, c.Account, c.ID)
	if fault.Is(err, fault.NotFound) {
		return refusal(tx, c)
	}
	if err != nil {
		return err
	}
	if perCustomer == 0 {
		perCustomer = math.MaxInt64
	}
	n, err := tx.Exec(`insert into coupon_customer (account_id, coupon_id, customer_id, uses) values ($1, $2, $3, 1)
		on conflict (account_id, coupon_id, customer_id) do update set uses = coupon_customer.uses + 1 where coupon_customer.uses < $4`,
		c.Account, c.ID, customer, perCustomer)
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "this customer redeemed the coupon as often as it can be").WithCode("coupon_used_by_customer")
	}
	return err
}

// refusal says why the coupon could not be counted.
func refusal(tx *db.Tx, c Coupon) error {
	now, err := Load(tx, c.Account, c.ID)
	switch {
	case err != nil:
		return err
	case now.State != Active:
		return archived()
	}
	return usedUp()
}

// Return gives redemptions back, because the sale came to nothing: they count no more.
// It passes over those that were given back already, so that it may be repeated.
func Return(tx *db.Tx, list []Redemption, now time.Time) error {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b Redemption) int {
		return cmp.Or(cmp.Compare(a.Coupon, b.Coupon), cmp.Compare(a.ID, b.ID))
	})
	for _, r := range sorted {
		n, err := tx.Exec("update coupon_redemption set state = 'returned', returned_at = $3 where account_id = $1 and id = $2 and state = 'redeemed'",
			r.Account, r.ID, clock.Micros(now))
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if _, err := tx.Exec("update coupon set redeemed = redeemed - 1 where account_id = $1 and id = $2", r.Account, r.Coupon); err != nil {
			return err
		}
		if _, err := tx.Exec("update coupon_customer set uses = uses - 1 where account_id = $1 and coupon_id = $2 and customer_id = $3",
			r.Account, r.Coupon, r.Customer); err != nil {
			return err
		}
	}
	return nil
}
