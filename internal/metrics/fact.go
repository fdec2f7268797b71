package metrics

import (
	"time"

	"perennial/internal/clock"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Cause is why a fact was written: what happened to the subscription.
type Cause uint8

// The causes. Their numbers are stored.
const (
	Started         Cause = iota + 1 // it began to be paid, or was bought
	TrialBegan                       // it began with a trial
	TermsChanged                     // another price, plan or interval
	QuantityChanged                  // more or fewer pieces
	DiscountChanged                  // a coupon began, ended or was taken away
	Paused                           // it is not billed for a while
	Resumed                          // it is billed again
	Ended                            // on request, or because its last payment was made
	EndedUnpaid                      // nobody paid, and the last try is over
	Reactivated                      // it had ended and was brought back
	CancelScheduled                  // its end is fixed; it still brings what it brought
	CancelUndone                     // its end was taken back
	PaymentLate                      // a charge failed; it still brings what it brought
	PaymentCaughtUp                  // the charge that had failed was paid
	Brought                          // it came from another system
	TakenBack                        // the fact that Voids names never happened
	Excluded                         // the customer is left out of all metrics, past ones too
	Deleted                          // the customer and everything known of them was removed
	BeganUnpaid                      // its trial is over and nobody has paid yet
)

var causeNames = map[Cause]string{Started: "started", TrialBegan: "trial_began", TermsChanged: "terms_changed", QuantityChanged: "quantity_changed",
	DiscountChanged: "discount_changed", Paused: "paused", Resumed: "resumed", Ended: "ended", EndedUnpaid: "ended_unpaid", Reactivated: "reactivated",
	CancelScheduled: "cancel_scheduled", CancelUndone: "cancel_undone", PaymentLate: "payment_late", PaymentCaughtUp: "payment_caught_up",
	Brought: "imported", TakenBack: "taken_back", Excluded: "excluded", Deleted: "deleted", BeganUnpaid: "began_unpaid"}

// String is the word of a cause.
func (c Cause) String() string { return causeNames[c] }

// Flags are what else holds from a fact on.
type Flags uint8

// The flags. Their numbers are stored.
const (
	OnTrial  Flags = 1 << iota // it brings nothing yet, and may
	Ending                     // its end is fixed
	Late                       // its last charge failed
	Unwilled                   // what it lost was lost because nobody paid
)

// Fact is what a measured subscription is worth from an instant on.
type Fact struct {
	ID       int64
	At       int64 // microseconds since 1970, UTC
	Customer int64 // id.Customer or id.MetricUser
	Subject  int64 // id.Subscription or id.MetricSubscription; 0 for a fact about the customer
	Cause    Cause
	Flags    Flags
	Terms    int64 // of Terms; 0 for a fact about the customer
	Value    int64 // a month, in minor units of the currency of the terms; from 0 up
	Lasting  int64 // as Value, but less only those discounts that do not end
	Rate     int64 // what SameCurrency minor units of the terms are worth in those of the account, when the terms began
	Voids    int64 // the fact that this one takes back; 0 for none
	Seq      int64 // the write that it belongs to, of the account
}

// SameCurrency is the Rate of terms in the account's own currency.
const SameCurrency = 1_000_000_000

// In is an amount of the fact in minor units of the account's currency, rounded half up.
func (f *Fact) In(value int64) int64 {
	if f.Rate == SameCurrency || value == 0 {
		return value
	}
	v, err := money.Amount{Minor: value}.MulRatio(f.Rate, SameCurrency, money.HalfUp)
	if err != nil {
		return money.MaxMinor // no business is that large
	}
	return v.Minor
}

// Time is the instant of the fact.
func (f Fact) Time() time.Time { return clock.Time(f.At) }

// Terms is what a measured subscription is bought as. Each combination that occurs is
// stored once.
type Terms struct {
	ID       int64
	Plan     int64 // id.Price, the first of its line, or id.MetricPlan
	Pushed   bool  // the plan is an id.MetricPlan
	Campaign int64 // id.Campaign; 0 for none
	Coupon   int64 // id.Coupon that reduces it, the first of several; 0 for none
	Interval period.Interval
	Currency money.Currency
}

// Key is the terms without their id.
func (t Terms) Key() Terms {
	t.ID = 0
	return t
}

// Monthly is what an amount for each interval comes to in a month, rounded half up once.
// An interval of none brings nothing by the month.
func Monthly(a money.Amount, every period.Interval) (money.Amount, error) {
	if every.IsZero() {
		return money.Zero(a.Currency), nil
	}
	months, of := every.Months()
	return a.MulRatio(of, months, money.HalfUp)
}

// The categories of attributes that are always the same; pushed traits have their own.
const (
	Country = "country" // ISO 3166-1 alpha-2
	Source  = "source"  // where the customer came from
	// Affiliate is the id of whoever brought the customer before they were measured first.
	Affiliate = "affiliate"
)
